//! The demo's configuration as it stands in deploy/demo, part of the program.

use std::collections::BTreeMap;

/// The name of the main file.
pub const MAIN: &str = "bongsu.toml";

/// The persons of the demo: none of them exists.
pub const CONTACTS: &str = include_str!("../../deploy/demo/contacts.csv");

macro_rules! files {
    ($($name:literal)*) => {
        &[$(($name, include_str!(concat!("../../deploy/demo/", $name)))),*]
    };
}

const FILES: &[(&str, &str)] = files! {
    "bongsu.toml"
    "sites/bridge-01.toml"
    "sites/building-01.toml"
    "sites/cut-slope-01.toml"
    "sites/cut-slope-02.toml"
    "sites/cut-slope-03.toml"
    "sites/cut-slope-04.toml"
    "sites/cut-slope-05.toml"
    "sites/cut-slope-06.toml"
    "sites/cut-slope-07.toml"
    "sites/cut-slope-08.toml"
    "sites/retaining-wall-01.toml"
    "sites/retaining-wall-02.toml"
};

/// Every file by its name.
pub fn sources() -> BTreeMap<String, String> {
    FILES.iter().map(|(name, text)| (name.to_string(), text.to_string())).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use alerting::engine::{Engine, Moment};
    use alerting::{Action, Decision, Hazard, Level};
    use firmware_sim::scenario::Expected;
    use firmware_sim::{Scenario, World};
    use reading::admission::{Admission, Limits};
    use reading::codec::{Message, decode};
    use reading::frame::Frame;
    use reading::{SiteId, Timestamp};

    use crate::config::Config;

    /// Every change of level for the danger itself, from the whole scenario on virtual time.
    fn played(scenario: &Scenario, seed: u64) -> Vec<(Timestamp, SiteId, Level)> {
        let setup = Config::demo().unwrap().setup;
        let registry = setup.registry.clone();
        let mut admission = Admission::new(&registry, Limits::default());
        let (mut now, mut changes) = (None, Vec::new());
        let mut engine = None;
        for (sequence, message) in World::new(scenario, seed).until(scenario.end()).enumerate() {
            let at = now.map_or(message.sent_at, |now: Timestamp| now.max(message.sent_at));
            now = Some(at);
            let mut out = Vec::new();
            let moment = Moment { at, sequence: sequence as u64 };
            let engine = engine.get_or_insert_with(|| {
                let mut engine = Engine::new(setup.clone(), at);
                engine.collector("field", true, "", moment, &mut Vec::new());
                engine
            });
            engine.tick(moment, &mut out);
            let frame = Frame {
                source: "field",
                topic: &message.topic,
                payload: &message.payload,
                received_at: at,
                retained: false,
            };
            if let Ok(Message::Report(report)) = decode(&frame) {
                let mut readings = Vec::new();
                admission.admit(&registry, &report, &frame, at, &mut readings, &mut Vec::new());
                readings.iter().for_each(|reading| engine.observe(reading, moment, &mut out));
            }
            changes.extend(out.into_iter().filter_map(level_change));
        }
        changes
    }

    fn level_change(action: Action) -> Option<(Timestamp, SiteId, Level)> {
        match action {
            Action::Decide(Decision::Level { at, site, hazard, to, .. })
                if hazard != Hazard::Monitoring =>
            {
                Some((at, site, to))
            }
            _ => None,
        }
    }

    fn level(expected: Expected) -> Level {
        match expected {
            Expected::Normal => Level::Normal,
            Expected::Attention => Level::Attention,
            Expected::Caution => Level::Caution,
            Expected::Warning => Level::Warning,
            Expected::Severe => Level::Severe,
        }
    }

    #[test]
    fn every_site_of_the_typhoon_gets_the_level_its_truth_deserves() {
        let scenario = Scenario::load("typhoon").unwrap();
        for seed in 0..5 {
            let mut highest: BTreeMap<SiteId, Level> = BTreeMap::new();
            for (_, site, to) in played(&scenario, seed) {
                let highest = highest.entry(site).or_default();
                *highest = (*highest).max(to);
            }
            for truth in scenario.truth() {
                let got = highest.get(&truth.site).copied().unwrap_or_default();
                assert_eq!(got, level(truth.expect), "{} with seed {seed}", truth.site);
            }
        }
    }

    #[test]
    fn something_happens_soon_and_severe_comes_hours_before_the_failure() {
        let scenario = Scenario::load("typhoon").unwrap();
        let changes = played(&scenario, 7);
        let hours = |at: Timestamp| at.hours_since(scenario.start);
        assert!(hours(changes[0].0) < 2.5, "at 600 times the speed, 15 s after the start");
        for truth in scenario.truth() {
            let Some(fails_at) = truth.fails_at else { continue };
            let severe =
                changes.iter().find(|(_, site, to)| *site == truth.site && *to == Level::Severe);
            let (at, _, _) = severe.expect("a slope that fails is heard");
            assert!(
                fails_at.hours_since(*at) > 3.5,
                "{}: {:.1} h before",
                truth.site,
                fails_at.hours_since(*at)
            );
            assert!(hours(*at) < 10.0, "at 600 times the speed, a minute after the start");
        }
    }
}
