//! A scenario: what stands where, what happens when, and what is true. Read from TOML, checked once.

mod plan;
pub(crate) mod problem;
mod check;
mod catalogue;
mod varied;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use reading::registry::Text;
use reading::{SiteId, StationId, Timestamp};
use serde::{Deserialize, Deserializer};

use crate::fault::{Chance, Rates, Scripted};
use crate::physics::climate::{self, ClimatePlan};
use crate::physics::moved;
use crate::random::Random;
pub use catalogue::{embedded, expected};
pub use plan::{AfterFailure, Expected, SensorPlan, SitePlan, StationPlan, StormPlan};
use problem::Found;
pub use problem::{Problem, Problems};

/// What stands where and what happens to it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// What it shows.
    pub title: Text,
    /// What happens, in a sentence or two.
    #[serde(default)]
    pub story: Option<Text>,
    /// The moment from which hours count and live reports are sent.
    #[serde(deserialize_with = "rfc3339")]
    pub start: Timestamp,
    /// How long before `start` the stations began to measure; those reports wait as backlog, hours.
    #[serde(default)]
    pub history_h: f64,
    /// How many samples of a station one backlog message carries.
    #[serde(default = "ten")]
    pub backlog_batch: usize,
    /// How long after `start` something of interest happens, hours; the world goes on after it.
    pub duration_h: f64,
    /// The rain of a site without shift and scale.
    #[serde(default)]
    pub storm: StormPlan,
    /// The rain of the seasons, by chance; the storm comes on top of it.
    #[serde(default)]
    pub climate: Option<ClimatePlan>,
    /// What goes wrong by chance.
    #[serde(default)]
    pub rates: Rates,
    /// What goes wrong by plan.
    #[serde(default)]
    pub faults: Vec<Scripted>,
    /// What goes wrong at instruments and boxes by chance.
    #[serde(default)]
    pub chances: Vec<Chance>,
    #[serde(default)]
    layouts: BTreeMap<String, Vec<StationPlan>>,
    #[serde(default)]
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
    #[error(
        "no scenario `{name}`: `firmware-sim list` names those there are; a file's name ends in .toml"
    )]
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
    /// Not the TOML of a scenario, or what it says cannot be.
    #[error("{0}")]
    Wrong(Problems),
}

impl Scenario {
    /// An embedded scenario by name, or one from a file if `name` ends in `.toml`.
    ///
    /// # Errors
    /// [`ScenarioError`] if there is none, or it cannot be read or used.
    pub fn load(name: &str) -> Result<Self, ScenarioError> {
        if let Some(text) = catalogue::text(name) {
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

    /// A scenario from its text; `name` is the file's in messages.
    ///
    /// # Errors
    /// [`ScenarioError::Wrong`] with everything that is.
    pub fn parse(name: &str, text: &str) -> Result<Self, ScenarioError> {
        let mut scenario: Self = toml::from_str(text)
            .map_err(|error| ScenarioError::Wrong(Problems::of_syntax(name, text, &error)))?;
        for (layout, stations) in catalogue::layouts().map_err(ScenarioError::Wrong)? {
            scenario.layouts.entry(layout).or_insert(stations);
        }
        let mut found = Found::default();
        found.refuse_endless(text);
        scenario.check(&mut found);
        found.placed(name, text).map_err(ScenarioError::Wrong)?;
        scenario.repeat_sites();
        Ok(scenario)
    }

    fn repeat_sites(&mut self) {
        for site in core::mem::take(&mut self.sites) {
            for round in 1..=site.repeat {
                let id = if round > 1 { again(&site.id, round) } else { site.id.clone() };
                self.sites.push(SitePlan { id, repeat: 1, ..site.clone() });
            }
        }
    }

    /// The same scenario with one site alone.
    #[must_use]
    pub fn with_site(mut self, site: &SitePlan) -> Self {
        self.sites.retain(|it| it.id == site.id);
        self.faults.retain(|fault| fault.site == site.id);
        self
    }

    /// The sites, in the order of the file: the most eventful first.
    pub fn sites(&self) -> &[SitePlan] {
        &self.sites
    }

    /// The stations that stand at a site.
    pub fn stations(&self, site: &SitePlan) -> &[StationPlan] {
        self.layouts.get(site.layout()).map_or(&[], Vec::as_slice)
    }

    /// Every siren, as site and station.
    pub fn sirens(&self) -> impl Iterator<Item = (&SiteId, &StationId)> {
        self.sites.iter().filter_map(|site| Some((&site.id, site.siren.as_ref()?)))
    }

    /// What will happen at each site.
    pub fn truth(&self) -> Vec<GroundTruth> {
        let truth_of = |site: &SitePlan| GroundTruth {
            site: site.id.clone(),
            fails_at: site.creep.failure_h().map(|hours| moved(self.start, hours)),
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
        let mut known: BTreeSet<SiteId> = originals.iter().map(|site| site.id.clone()).collect();
        for number in 0..count {
            let (round, index) = (number / originals.len(), number % originals.len());
            let mut site = originals[index].clone();
            if round > 0 {
                // a scenario that repeats a site by itself has such names already
                let free = (round + 1..).map(|round| again(&site.id, round));
                site.id = free.into_iter().find(|id| !known.contains(id)).unwrap_or(site.id);
                known.insert(site.id.clone());
            }
            self.sites.push(site);
        }
        self.faults.retain(|fault| self.sites.iter().any(|site| site.id == fault.site));
        self
    }

    /// When the scenario has shown what it has to show.
    pub fn end(&self) -> Timestamp {
        moved(self.start, self.duration_h)
    }

    /// The rain of a site: from when, and millimetres of each hour from then on.
    pub(crate) fn rain_at(&self, site: &SitePlan, seed: u64) -> (Timestamp, Vec<f64>) {
        let scaled = |mm: &f64| mm * site.rain_scale;
        let Some(plan) = &self.climate else {
            let begins_at = moved(self.start, self.storm.begins_h + site.rain_shift_h);
            return (begins_at, self.storm.hourly_mm.iter().map(scaled).collect());
        };
        let begins_at = moved(self.start, -self.history_h);
        let hours = (self.history_h + self.duration_h).ceil() as usize + 24;
        // one sky over all sites
        let mut sky = climate::hourly_mm(plan, begins_at, hours, &mut Random::new(seed, "sky"));
        let storm_from = (self.storm.begins_h + self.history_h).max(0.0) as usize;
        for (hour, mm) in self.storm.hourly_mm.iter().enumerate() {
            if let Some(cell) = sky.get_mut(storm_from + hour) {
                *cell += mm;
            }
        }
        (moved(begins_at, site.rain_shift_h), sky.iter().map(scaled).collect())
    }

    /// What goes wrong by plan and what goes wrong by chance, as this seed has it.
    pub fn faults(&self, seed: u64) -> Vec<Scripted> {
        let mut faults = self.faults.clone();
        for (number, chance) in self.chances.iter().enumerate() {
            for site in &self.sites {
                for station in self.stations(site) {
                    self.strike(number, chance, site, station, seed, &mut faults);
                }
            }
        }
        faults
    }

    fn strike(
        &self,
        number: usize,
        chance: &Chance,
        site: &SitePlan,
        station: &StationPlan,
        seed: u64,
        faults: &mut Vec<Scripted>,
    ) {
        let mut sensors: Vec<Option<&SensorPlan>> = vec![None];
        if chance.kind.is_of_instrument() {
            let struck = |sensor: &&SensorPlan| {
                chance.quantities.is_empty() || chance.quantities.contains(&sensor.quantity)
            };
            sensors = station.sensors.iter().filter(struck).map(Some).collect();
            // both axes of an instrument are one
            sensors.dedup_by_key(|sensor| sensor.map(|sensor| &sensor.id));
        }
        for sensor in sensors {
            let name = sensor.map_or("", |sensor| sensor.id.as_str());
            let stream = format!("{}/{}/{name}/chance-{number}", site.id, station.id);
            let mut random = Random::new(seed, &stream);
            for (at_h, for_h, size) in chance.draw(&mut random, 0.0, self.duration_h) {
                faults.push(Scripted {
                    site: site.id.clone(),
                    station: station.id.clone(),
                    sensor: sensor.map(|sensor| sensor.id.clone()),
                    kind: chance.kind,
                    at_h,
                    for_h,
                    size,
                });
            }
        }
    }
}

fn ten() -> usize {
    10
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
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_place_and_what_to_do() {
        let good = catalogue::text("typhoon").unwrap();
        let cases = [
            ("start = \"2026", "start = \"26", "typhoon.toml:8:9: ", "RFC 3339"),
            (
                "duration_h = ",
                "durations_h = ",
                "unknown field",
                "take it out, or write one of those",
            ),
            (
                "hourly_mm = [2,",
                "hourly_mm = [-2,",
                "-2 mm cannot fall in an hour",
                "write 0 to 300",
            ),
            ("noise = 0.3", "noise = 3", "rain is as uneven as 0 to 1", "write 0 to 1"),
            ("loss = 0.003", "loss = -0.003", "no part of all messages", "write 0 to 1"),
            ("cut-slope-02", "cut-slope-01", "site `cut-slope-01` is there twice", "rename one"),
            ("kind = \"bridge\"", "kind = \"facility\"", "no layout `facility`", "under [layouts]"),
            ("failure_h = 8.5", "failure_h = 0.2", "it fails before it sets out", "later hour"),
            ("a_per_mm = 0.05", "a_per_mm = -0.05", "never accelerates", "above 0"),
            (
                "station = \"deck-1\"",
                "station = \"deck-9\"",
                "no station `deck-9` stands at `bridge-01`",
                "name one",
            ),
            ("sensor = \"tilt-1\"", "sensor = \"tilt-9\"", "no sensor `tilt-9`", "name one"),
            ("for_h = 0.3", "for_h = 0", "it lasts no time", "how many hours"),
            ("[37.5121, 128.1904]", "[137.5, 128.2]", "there is no such place", "latitude"),
            ("a_per_mm = 0.05", "a_per_mm = nan", "it is no number", "write one with an end"),
            ("duration_h = 24.0", "duration_h = inf", "it is no number", "write one with an end"),
            (
                "site = \"bridge-01\"",
                "site = \"bridge-99\"",
                "there is no site `bridge-99`",
                "name one",
            ),
            ("for_h = 0.3", "for_h = -0.3", "it is no span of time", "write 0 to a million hours"),
        ];
        for (from, to, what, remedy) in cases {
            assert!(good.contains(from), "the test needs `{from}`");
            let text = good.replacen(from, to, 1);
            let error = Scenario::parse("typhoon.toml", &text).unwrap_err().to_string();
            assert!(error.contains(what) && error.contains(remedy), "{error}");
            let line = good.lines().position(|line| line.contains(from)).unwrap() + 1;
            if !what.contains("twice") {
                assert!(
                    error.starts_with(&format!("typhoon.toml:{line}:")),
                    "line {line}: {error}"
                );
            }
        }
        assert!(matches!(Scenario::load("hurricane"), Err(ScenarioError::Unknown { .. })));
        assert!(matches!(Scenario::load("/nowhere/x.toml"), Err(ScenarioError::Unreadable { .. })));
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once() {
        let text = r#"
name = "wrong"
title = { ko = "가", en = "a" }
start = "2026-07-14T02:00:00+09:00"
duration_h = -1
[storm]
hourly_mm = [1, -4, 999]
[layouts.slope]
"#;
        let text = text.replace("[layouts.slope]\n", "");
        let Err(ScenarioError::Wrong(problems)) = Scenario::parse("wrong.toml", &text) else {
            panic!("it is wrong");
        };
        let said: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            [
                "wrong.toml:1:1: it has no site; add a [[sites]] table",
                "wrong.toml:5:14: it is no span of time; write 0 to 1000000 hours",
                "wrong.toml:7:17: -4 mm cannot fall in an hour; write 0 to 300",
                "wrong.toml:7:21: 999 mm cannot fall in an hour; write 0 to 300",
            ]
        );
        let unknown = r#"
name = "wrong"
title = { ko = "가", en = "a" }
start = "2026-07-14T02:00:00+09:00"
duration_h = 1
[[layouts.slope]]
id = "post-1"
report_s = 60
sensors = [{ id = "t-1", quantity = "tilt-w", step = 0.1, range = [0, 1] }]
"#;
        let error = Scenario::parse("wrong.toml", unknown).unwrap_err().to_string();
        assert!(error.starts_with("wrong.toml:9:37: ") && error.contains("tilt-x"), "{error}");
    }
}
