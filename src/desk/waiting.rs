//! Who speaks and is not registered: what they sent, until somebody adopts them or they are forgotten.
//!
//! Part of the desk's state, derived from the journal like the rest; nothing is decided by it.

use std::collections::BTreeMap;
use std::time::Duration;

use reading::admission::{Refusal, Refused};
use reading::codec::{CodecError, Unmapped};
use reading::report::{Claim, Report, Road};
use reading::{Registry, Timestamp};
use serde::{Deserialize, Serialize};

/// So many strangers are remembered; beyond, whoever was unheard of longest is forgotten.
const STRANGERS_MAX: usize = 256;

/// So many series of each; further ones are not listed.
const SERIES_MAX: usize = 32;

/// At most this much of each of their texts is kept.
const PART_CHARS_MAX: usize = 64;

/// Everybody who waits to be adopted, by source and name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Waiting(BTreeMap<Stranger, Heard>);

/// Who was heard.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Stranger {
    /// The collector they were heard by.
    pub source: String,
    /// Their name.
    pub name: StrangerName,
}

/// What a stranger is called.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum StrangerName {
    /// One who speaks as our own stations do: a site and a station, of which the station or a sensor is not registered.
    Station(String, String),
    /// A foreign device, as its format names it.
    Device(String),
}

/// What was heard.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Heard {
    /// When first, by the journal.
    pub first_at: Timestamp,
    /// When last.
    pub last_at: Timestamp,
    /// In how many messages.
    pub messages: u64,
    /// What they said, by sensor and quantity; of a device by what it calls its values, with an empty quantity.
    pub said: BTreeMap<(String, String), Said>,
}

/// What was said of one series.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Said {
    /// The unit as sent, if any was.
    pub unit: Option<String>,
    /// The last number.
    pub value: f64,
    /// How many there were.
    pub count: u64,
}

impl Waiting {
    /// Everybody.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Stranger, &Heard)> {
        self.0.iter()
    }

    /// Whether a refusal says that somebody is not registered.
    pub fn is_of_strangers(refused: &Refused) -> bool {
        let reason = refused.reason;
        matches!(reason, Refusal::UnknownSite | Refusal::UnknownStation | Refusal::UnknownSensor)
    }

    /// Takes note of a report of which something is not registered.
    pub fn note_report(
        &mut self,
        source: &str,
        report: &Report<'_>,
        registry: &Registry,
        at: Timestamp,
    ) {
        if report.road == Road::Backfill {
            return; // a file, or a day sent once more: no new station begins so
        }
        let station =
            registry.site(report.site).and_then(|site| registry.station(site, report.station));
        let is_strange = |claim: &&Claim<'_>| {
            let known = station.zip(reading::Quantity::parse(&claim.quantity));
            known.is_none_or(|(station, quantity)| {
                registry.series_at(station, &claim.sensor, quantity).is_none()
            })
        };
        let name = StrangerName::Station(kept(report.site), kept(report.station));
        let heard = self.hear(source, name, at);
        for claim in report.claims.iter().filter(is_strange) {
            let unit = claim.unit.as_deref().map(kept);
            heard.say(&claim.sensor, &claim.quantity, unit, claim.value);
        }
    }

    /// Takes note of a device that no table names, and of what it says.
    pub fn note_device(&mut self, source: &str, error: &CodecError, at: Timestamp) {
        if let CodecError::UnknownDevice { device, said } = error {
            if said.is_empty() {
                self.hear(source, StrangerName::Device(kept(device)), at);
            }
            self.note_values(source, said, at);
        }
    }

    /// Takes note of values of a device that no table names.
    pub fn note_values(&mut self, source: &str, values: &[Unmapped], at: Timestamp) {
        for of_device in values.chunk_by(|a, b| a.device == b.device) {
            let name = StrangerName::Device(kept(&of_device[0].device));
            let heard = self.hear(source, name, at);
            for value in of_device {
                heard.say(&value.metric, "", None, value.value);
            }
        }
    }

    /// Forgets what a configuration knows.
    pub fn adopt(&mut self, registry: &Registry) {
        self.0.retain(|stranger, heard| {
            let StrangerName::Station(site, station) = &stranger.name else { return false };
            let found = registry.site(site).and_then(|at| registry.station(at, station));
            let Some(found) = found else { return true };
            heard.said.retain(|(sensor, quantity), _| {
                let quantity = reading::Quantity::parse(quantity);
                quantity.is_none_or(|at| registry.series_at(found, sensor, at).is_none())
            });
            !heard.said.is_empty()
        });
    }

    fn hear(&mut self, source: &str, name: StrangerName, at: Timestamp) -> &mut Heard {
        let stranger = Stranger { source: source.into(), name };
        if !self.0.contains_key(&stranger) && self.0.len() >= STRANGERS_MAX {
            let longest = self.0.iter().min_by_key(|(_, heard)| heard.last_at);
            if let Some(longest) = longest.map(|(stranger, _)| stranger.clone()) {
                self.0.remove(&longest);
            }
        }
        let new = || Heard { first_at: at, last_at: at, messages: 0, said: BTreeMap::new() };
        let heard = self.0.entry(stranger).or_insert_with(new);
        heard.last_at = at;
        heard.messages += 1;
        heard
    }
}

impl Heard {
    /// How often messages come, as far as two or more say it.
    pub fn interval(&self) -> Option<Duration> {
        let between = u32::try_from(self.messages.saturating_sub(1)).ok().filter(|n| *n > 0)?;
        Some(self.last_at.since(self.first_at) / between)
    }

    fn say(&mut self, sensor: &str, quantity: &str, unit: Option<String>, value: f64) {
        let key = (kept(sensor), kept(quantity));
        if !self.said.contains_key(&key) && self.said.len() >= SERIES_MAX {
            return;
        }
        let said = self.said.entry(key).or_insert(Said { unit: None, value, count: 0 });
        *said = Said { unit, value, count: said.count + 1 };
    }
}

fn kept(text: &str) -> String {
    text.chars().take(PART_CHARS_MAX).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use reading::registry::{SeriesEntry, Site, StationEntry};
    use reading::{Quantity, Registry};

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_secs(1_784_000_000 + second)
    }

    fn registry(sensors: &[&str]) -> Registry {
        let site = Site::of("cut-12".parse().unwrap(), (37.5, 127.0));
        let series = |sensor: &&str| SeriesEntry::of(sensor.parse().unwrap(), Quantity::TiltX);
        let station = StationEntry {
            series: sensors.iter().map(series).collect(),
            ..StationEntry::of("cut-12".parse().unwrap(), "box-1".parse().unwrap(), "field")
        };
        Registry::new(vec![site], vec![station])
    }

    fn report<'a>(station: &'a str, sensors: &[&'a str], value: f64) -> Report<'a> {
        let claim = |sensor: &&'a str| Claim {
            sensor: (*sensor).into(),
            quantity: "tilt-x".into(),
            value,
            unit: Some("deg".into()),
            at: None,
        };
        Report {
            site: "cut-12",
            station,
            seq: None,
            at: None,
            heard_at: None,
            road: Road::Live,
            claims: sensors.iter().map(claim).collect(),
        }
    }

    #[test]
    fn strangers_are_kept_with_what_they_said_until_they_are_registered() {
        let (mut waiting, before) = (Waiting::default(), registry(&["tilt-1"]));
        for minute in 0..3 {
            let now = at(minute * 60);
            waiting.note_report(
                "field",
                &report("box-9", &["a", "b"], minute as f64),
                &before,
                now,
            );
            waiting.note_report(
                "field",
                &report("box-1", &["tilt-1", "tilt-2"], 1.0),
                &before,
                now,
            );
        }
        let heard: Vec<_> = waiting.iter().collect();
        let names: Vec<_> = heard.iter().map(|(stranger, _)| stranger.name.clone()).collect();
        let station = |id: &str| StrangerName::Station("cut-12".into(), id.into());
        assert_eq!(names, [station("box-1"), station("box-9")]);
        let of = |n: usize| heard[n].1.said.keys().map(|(s, _)| s.as_str()).collect::<Vec<_>>();
        assert_eq!((of(0), of(1)), (vec!["tilt-2"], vec!["a", "b"]));
        let said = &heard[1].1.said[&("a".into(), "tilt-x".into())];
        assert_eq!((said.value, said.count, said.unit.as_deref()), (2.0, 3, Some("deg")));
        assert_eq!(heard[1].1.interval(), Some(Duration::from_secs(60)));

        waiting.adopt(&registry(&["tilt-1", "tilt-2"]));
        let left: Vec<_> = waiting.iter().map(|(stranger, _)| stranger.name.clone()).collect();
        assert_eq!(left, [station("box-9")]);
    }

    #[test]
    fn they_are_bounded_and_the_longest_unheard_goes() {
        let (mut waiting, registry) = (Waiting::default(), registry(&[]));
        let names: Vec<String> = (0..300).map(|n| format!("box-{n:03}")).collect();
        let sensors: Vec<String> = (0..100).map(|n| format!("s-{n}")).collect();
        let sensors: Vec<&str> = sensors.iter().map(String::as_str).collect();
        for (n, name) in names.iter().enumerate() {
            waiting.note_report("field", &report(name, &sensors, 0.0), &registry, at(n as i64));
        }
        assert_eq!(waiting.iter().len(), STRANGERS_MAX);
        assert!(waiting.iter().all(|(_, heard)| heard.said.len() == SERIES_MAX));
        let first = StrangerName::Station("cut-12".into(), names[300 - STRANGERS_MAX].clone());
        assert_eq!(waiting.iter().next().unwrap().0.name, first);
    }
}
