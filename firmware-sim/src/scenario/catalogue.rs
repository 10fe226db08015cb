//! The scenarios that come with the program, what each is expected to raise, and the stations all of them know.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::StationPlan;
use super::problem::Problems;

macro_rules! scenarios {
    ($($name:literal)*) => {
        /// Name, text, expected levels.
        const SCENARIOS: &[(&str, &str, &str)] = &[$((
            $name,
            include_str!(concat!("../../scenarios/", $name, ".toml")),
            include_str!(concat!("../../scenarios/expected/", $name, ".toml")),
        )),*];
    };
}

scenarios! {
    "typhoon"
    "quiet"
    "quiet-year"
    "slope-failure"
    "slow-creep"
    "sensor-faults"
    "retaining-wall"
    "bridge-crack"
    "blasting"
    "gateway-outage"
    "lightning"
    "regional-storm"
    "false-failure"
    "exercise"
    "wet-season"
}

/// What stands at the sites of more than one scenario.
const LAYOUTS: &str = include_str!("../../scenarios/layouts/common.toml");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Layouts {
    layouts: BTreeMap<String, Vec<StationPlan>>,
}

/// Names of the scenarios that come with the program.
pub fn embedded() -> impl Iterator<Item = &'static str> {
    SCENARIOS.iter().map(|(name, _, _)| *name)
}

/// What `bongsu replay --expect` is to find in an embedded scenario, as TOML.
pub fn expected(name: &str) -> Option<&'static str> {
    SCENARIOS.iter().find(|(known, _, _)| *known == name).map(|(_, _, expected)| *expected)
}

pub(super) fn text(name: &str) -> Option<&'static str> {
    SCENARIOS.iter().find(|(known, _, _)| *known == name).map(|(_, text, _)| *text)
}

pub(super) fn layouts() -> Result<BTreeMap<String, Vec<StationPlan>>, Problems> {
    toml::from_str::<Layouts>(LAYOUTS)
        .map(|file| file.layouts)
        .map_err(|error| Problems::of_syntax("layouts/common.toml", LAYOUTS, &error))
}

#[cfg(test)]
mod tests {
    use super::super::{Expected, Scenario};
    use super::*;

    #[test]
    fn every_embedded_scenario_can_be_used() {
        for name in embedded() {
            let scenario = Scenario::load(name).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(scenario.name, name);
            assert!(scenario.duration_h > 0.0, "{name}");
            for site in scenario.sites() {
                assert!(!site.name.ko.is_empty() && !site.name.en.is_empty(), "{}", site.id);
                assert!(!scenario.stations(site).is_empty(), "{}", site.id);
            }
        }
    }

    #[test]
    fn every_scenario_says_what_it_expects() {
        for name in embedded() {
            let expected: toml::Table = toml::from_str(expected(name).unwrap()).unwrap();
            let scenario = Scenario::load(name).unwrap();
            let severe = scenario.sites().iter().filter(|site| site.expect == Expected::Severe);
            let levels = expected.get("level").and_then(|levels| levels.as_array());
            for site in severe {
                let named = levels.into_iter().flatten().any(|level| {
                    level["site"].as_str() == Some(site.id.as_str())
                        && level["level"].as_str() == Some("severe")
                });
                assert!(named, "{name}: {} deserves severe and is not expected to get it", site.id);
            }
        }
    }
}
