//! A scenario: what stands where, what happens when, and what is true. Read from TOML, checked once.

mod plan;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use reading::registry::{SiteKind, Text};
use reading::{SiteId, StationId, Timestamp};
use serde::{Deserialize, Deserializer};

use crate::fault::{Rates, Scripted};
pub use plan::{AfterFailure, Expected, SensorPlan, SitePlan, StationPlan, StormPlan};
use plan::{ensure, is_hours};

/// The scenarios that come with the program.
const EMBEDDED: [(&str, &str); 2] = [
    ("typhoon", include_str!("../scenarios/typhoon.toml")),
    ("quiet", include_str!("../scenarios/quiet.toml")),
];

/// What stands where and what happens to it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// What it shows.
    pub title: Text,
    /// The moment from which hours count and live reports are sent.
    #[serde(deserialize_with = "rfc3339")]
    pub start: Timestamp,
    /// How long before `start` the stations began to measure; those reports wait as backlog, hours.
    pub history_h: f64,
    /// How many samples of a station one backlog message carries.
    pub backlog_batch: usize,
    /// How long after `start` something of interest happens, hours; the world goes on after it.
    pub duration_h: f64,
    /// The rain of a site without shift and scale.
    pub storm: StormPlan,
    /// What goes wrong by chance.
    #[serde(default)]
    pub rates: Rates,
    /// What goes wrong by plan.
    #[serde(default)]
    pub faults: Vec<Scripted>,
    layouts: BTreeMap<SiteKind, Vec<StationPlan>>,
    sites: Vec<SitePlan>,
}

/// A failure that will happen: what a forecast is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroundTruth {
    /// The site.
    pub site: SiteId,
    /// When it fails, if it does.
    pub fails_at: Option<Timestamp>,
    /// The highest level it deserves.
    pub expect: Expected,
}

/// A scenario that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// Neither embedded nor a file.
    #[error("no scenario `{name}`: use typhoon, quiet, or the path of a .toml file")]
    Unknown {
        /// What was asked for.
        name: String,
    },
    /// The file cannot be read.
    #[error("scenario {}: cannot be read; check the path and its rights", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Not the TOML of a scenario.
    #[error("scenario `{name}` is not well formed; correct the file at the place shown")]
    Malformed {
        /// Its name or path.
        name: String,
        /// What and where.
        source: Box<toml::de::Error>,
    },
    /// Well formed, but it cannot be so.
    #[error("scenario `{name}`: {problem}")]
    Wrong {
        /// Its name or path.
        name: String,
        /// What is wrong and what to do.
        problem: String,
    },
}

impl Scenario {
    /// Names and titles of the scenarios that come with the program.
    pub fn embedded() -> impl Iterator<Item = &'static str> {
        EMBEDDED.iter().map(|(name, _)| *name)
    }

    /// An embedded scenario by name, or one from a file if `name` ends in `.toml`.
    ///
    /// # Errors
    /// [`ScenarioError`] if there is none, or it cannot be read or used.
    pub fn load(name: &str) -> Result<Self, ScenarioError> {
        if let Some((name, text)) = EMBEDDED.iter().find(|(known, _)| *known == name) {
            return Self::parse(name, text);
        }
        let path = Path::new(name);
        if path.extension().is_none_or(|extension| extension != "toml") {
            return Err(ScenarioError::Unknown { name: name.into() });
        }
        let text = std::fs::read_to_string(path)
            .map_err(|source| ScenarioError::Unreadable { path: path.into(), source })?;
        Self::parse(name, &text)
    }

    /// A scenario from its text; `name` is for messages.
    ///
    /// # Errors
    /// [`ScenarioError::Malformed`] or [`ScenarioError::Wrong`].
    pub fn parse(name: &str, text: &str) -> Result<Self, ScenarioError> {
        let scenario: Self = toml::from_str(text).map_err(|source| ScenarioError::Malformed {
            name: name.into(),
            source: Box::new(source),
        })?;
        scenario.check().map_err(|problem| ScenarioError::Wrong { name: name.into(), problem })?;
        Ok(scenario)
    }

    /// The sites, in the order of the file: the most eventful first.
    pub fn sites(&self) -> &[SitePlan] {
        &self.sites
    }

    /// The stations that stand at a site of that kind.
    pub fn stations(&self, kind: SiteKind) -> &[StationPlan] {
        self.layouts.get(&kind).map_or(&[], Vec::as_slice)
    }

    /// Every siren, as site and station.
    pub fn sirens(&self) -> impl Iterator<Item = (&SiteId, &StationId)> {
        self.sites.iter().filter_map(|site| Some((&site.id, site.siren.as_ref()?)))
    }

    /// What will happen at each site.
    pub fn truth(&self) -> Vec<GroundTruth> {
        let truth_of = |site: &SitePlan| GroundTruth {
            site: site.id.clone(),
            fails_at: site.creep.failure_h().map(|hours| crate::physics::moved(self.start, hours)),
            expect: site.expect,
        };
        self.sites.iter().map(truth_of).collect()
    }

    /// The same scenario beginning at another moment.
    #[must_use]
    pub fn starting_at(mut self, start: Timestamp) -> Self {
        self.start = start;
        self
    }

    /// The first `count` sites; beyond the last they begin again under ids with `-2`, `-3`, … behind.
    #[must_use]
    pub fn with_sites(mut self, count: usize) -> Self {
        let originals = core::mem::take(&mut self.sites);
        for number in 0..count {
            let (round, index) = (number / originals.len(), number % originals.len());
            let mut site = originals[index].clone();
            if round > 0 {
                site.id = again(&site.id, round + 1);
            }
            self.sites.push(site);
        }
        self.faults.retain(|fault| self.sites.iter().any(|site| site.id == fault.site));
        self
    }

    /// When the scenario has shown what it has to show.
    pub fn end(&self) -> Timestamp {
        crate::physics::moved(self.start, self.duration_h)
    }

    fn check(&self) -> Result<(), String> {
        let mut seen = BTreeSet::new();
        ensure(!self.sites.is_empty(), || "it has no site; add a [[sites]] table".into())?;
        ensure((0.0..=1e4).contains(&self.history_h), || "history_h must be 0 to 10000".into())?;
        ensure((0.0..=1e6).contains(&self.duration_h), || {
            "duration_h must be 0 to 1000000".into()
        })?;
        ensure(self.backlog_batch > 0, || "backlog_batch must be at least 1".into())?;
        self.storm.check()?;
        self.rates.check()?;
        for site in &self.sites {
            ensure(seen.insert(&site.id), || {
                format!("site `{}` is there twice; rename one", site.id)
            })?;
            ensure(self.layouts.contains_key(&site.kind), || {
                format!("site `{}`: no layout for its kind; add one under [layouts]", site.id)
            })?;
            site.check()?;
        }
        self.layouts.values().flatten().try_for_each(StationPlan::check)?;
        self.faults.iter().try_for_each(|fault| self.check_fault(fault))
    }

    fn check_fault(&self, fault: &Scripted) -> Result<(), String> {
        let site = self.sites.iter().find(|site| site.id == fault.site);
        let stands =
            site.is_some_and(|site| self.stations(site.kind).iter().any(|s| s.id == fault.station));
        ensure(stands, || {
            format!("a fault names {}/{}, which does not stand there", fault.site, fault.station)
        })?;
        let is_timed = is_hours(fault.at_h) && is_hours(fault.for_h) && fault.for_h >= 0.0;
        ensure(is_timed && fault.size.abs() < 1e6, || {
            format!("the fault at {}/{} has no sensible time or size", fault.site, fault.station)
        })
    }
}

/// `cut-slope-01-2`: the id of a repeated site. An id too long for that loses its end.
fn again(id: &SiteId, round: usize) -> SiteId {
    let suffix = format!("-{round}");
    let kept: String = id.as_str().chars().take(reading::id::ID_LEN_MAX - suffix.len()).collect();
    SiteId::new(&format!("{kept}{suffix}")).unwrap_or_else(|_| id.clone())
}

fn rfc3339<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    let text = String::deserialize(deserializer)?;
    Timestamp::parse(&text).map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_embedded_scenario_can_be_used() {
        for name in Scenario::embedded() {
            let scenario = Scenario::load(name).unwrap();
            assert_eq!(scenario.name, name);
            assert!(scenario.sites().len() >= 12, "{name}");
            for site in scenario.sites() {
                assert!(!site.name.ko.is_empty() && !site.name.en.is_empty(), "{}", site.id);
                assert!(!scenario.stations(site.kind).is_empty(), "{}", site.id);
            }
        }
    }

    #[test]
    fn the_typhoon_fails_two_slopes_and_frightens_two() {
        let truth = Scenario::load("typhoon").unwrap().truth();
        let count = |expect| truth.iter().filter(|site| site.expect == expect).count();
        assert_eq!(count(Expected::Severe), 2);
        assert_eq!(count(Expected::Warning), 2);
        assert!(
            truth.iter().all(|site| site.fails_at.is_some() == (site.expect == Expected::Severe))
        );
    }

    #[test]
    fn sites_are_cut_or_repeated() {
        let few = Scenario::load("typhoon").unwrap().with_sites(3);
        assert_eq!(few.sites().len(), 3);
        let many = Scenario::load("typhoon").unwrap().with_sites(30);
        let ids: BTreeSet<_> = many.sites().iter().map(|site| site.id.as_str()).collect();
        assert_eq!(ids.len(), 30);
        assert!(ids.contains("cut-slope-01-2") && ids.contains("cut-slope-01-3"), "{ids:?}");
        many.check().unwrap();
    }

    #[test]
    fn what_cannot_be_is_refused_and_says_so() {
        let good = EMBEDDED[1].1;
        let cases = [
            ("start = \"2026", "start = \"26", "RFC 3339"),
            ("backlog_batch = ", "backlog_batches = ", "unknown field"),
            ("backlog_batch = 10", "backlog_batch = 0", "at least 1"),
            ("report_s = 60", "report_s = 0", "report_s must be"),
            ("cut-slope-02", "cut-slope-01", "twice"),
            ("kind = \"bridge\"", "kind = \"facility\"", "no layout"),
        ];
        for (from, to, expected) in cases {
            assert!(good.contains(from), "the test needs `{from}`");
            let error = Scenario::parse("x", &good.replace(from, to)).unwrap_err();
            let mut text = error.to_string();
            if let Some(source) = std::error::Error::source(&error) {
                text += &source.to_string();
            }
            assert!(text.contains(expected), "{text}");
        }
        assert!(matches!(Scenario::load("hurricane"), Err(ScenarioError::Unknown { .. })));
        assert!(matches!(Scenario::load("/nowhere/x.toml"), Err(ScenarioError::Unreadable { .. })));
    }
}
