//! What stands in the field: sites, stations, series. Made from configuration, sorted by name, numbered.
//!
//! Numbers are for flat arrays inside one run; names go into files and output, so that numbers may change.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::calibration::Calibration;
use crate::id::{SensorId, SeriesName, SiteId, StationId};
use crate::unit::{Quantity, Unit};

macro_rules! numbers {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u32);

        impl $name {
            /// The number as an index.
            pub const fn index(self) -> usize {
                self.0 as usize
            }
        }
    )*};
}

numbers! {
    /// A site's place in [`Registry::sites`].
    SiteIndex
    /// A station's place in [`Registry::stations`].
    StationIndex
    /// A series' place in [`Registry::series`].
    SeriesIndex
}

/// A text in both languages of the product.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Text {
    /// Korean.
    pub ko: String,
    /// English.
    pub en: String,
}

/// What kind of thing a site is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SiteKind {
    /// 급경사지.
    Slope,
    /// 옹벽.
    RetainingWall,
    /// 교량.
    Bridge,
    /// 건축물.
    Building,
    /// Another aging facility (노후·위험시설).
    Facility,
}

impl SiteKind {
    /// Its name in configuration and exchange.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Slope => "slope",
            Self::RetainingWall => "retaining-wall",
            Self::Bridge => "bridge",
            Self::Building => "building",
            Self::Facility => "facility",
        }
    }
}

/// Who made a station or a sensor, and since when it has stood there: for people who look for it, nothing is decided by
/// it. Texts are empty where nobody wrote them down.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Make {
    /// Who made it.
    pub maker: String,
    /// What they call it.
    pub model: String,
    /// Which one of them it is.
    pub serial: String,
    /// The day it was installed, `2026-07-01`.
    pub installed: String,
}

impl Make {
    /// Boxed, or nothing if nobody wrote anything down: most do not.
    pub fn noted(self) -> Option<Box<Self>> {
        (self != Self::default()).then(|| Box::new(self))
    }
}

/// A slope or facility.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Site {
    /// Its identifier.
    pub id: SiteId,
    /// What people call it.
    pub name: Text,
    /// What it is.
    pub kind: SiteKind,
    /// Latitude and longitude, degrees, WGS 84.
    pub location: (f64, f64),
    /// Who is in danger: a circle of this radius about the location, kilometres.
    pub radius_km: f64,
    /// Who is in danger, as a closed ring of latitude and longitude, where the circle is too coarse.
    pub polygon: Vec<(f64, f64)>,
    /// The place in words, for people and for CAP's `areaDesc`.
    pub area: Text,
    /// What to do and where to go, for the public.
    pub instruction: Text,
    /// Administrative code (법정동), empty if unknown.
    pub district: String,
    /// IANA time zone in which times are shown.
    pub zone: String,
}

impl Site {
    /// A slope with 300 m around it in danger, of which nothing else is said; its times are Korean.
    pub fn of(id: SiteId, location: (f64, f64)) -> Self {
        Self {
            id,
            name: Text::default(),
            kind: SiteKind::Slope,
            location,
            radius_km: 0.3,
            polygon: Vec::new(),
            area: Text::default(),
            instruction: Text::default(),
            district: String::new(),
            zone: "Asia/Seoul".into(),
        }
    }
}

/// The instrument box at a site.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Station {
    /// Its identifier, unique within the site.
    pub id: StationId,
    /// Where it stands.
    pub site: SiteIndex,
    /// The collector it reports through, by its configured name.
    pub source: String,
    /// How often it reports when nothing is wrong.
    pub report_interval: Duration,
    /// The station that forwards for it, where one does.
    #[serde(default)]
    pub gateway: Option<StationIndex>,
    /// Latitude and longitude, degrees, WGS 84, where it is known more closely than its site's.
    #[serde(default)]
    pub location: Option<(f64, f64)>,
    /// Who made it, if anybody wrote that down.
    #[serde(default)]
    pub make: Option<Box<Make>>,
}

/// One stream of readings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// Its full name.
    pub name: SeriesName,
    /// The box it comes from.
    pub station: StationIndex,
    /// The unit a claim without one is in.
    pub unit: Unit,
    /// What the instrument can say, in the base unit; anything outside is refused.
    pub range: (f64, f64),
    /// How late a reading may come and still be evaluated in its order.
    pub lateness: Duration,
    /// The usual noise of the instrument (one standard deviation), in the base unit: what is far outside of it is
    /// held until it is confirmed, and what never moves is stuck. `None` where nothing of that makes sense, as for rain
    /// and switches.
    #[serde(default)]
    pub noise: Option<f64>,
    /// Series of a site under the same word measure the same thing; the middle one of three is right.
    #[serde(default)]
    pub votes: Option<Box<str>>,
    /// How its raw numbers become values, by rising moment; empty if it sends values.
    #[serde(default)]
    pub calibrations: Box<[Calibration]>,
    /// Who made the instrument, if anybody wrote that down.
    #[serde(default)]
    pub make: Option<Box<Make>>,
}

/// Everything in the field that we know, in the order of names.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Registry {
    sites: Vec<Site>,
    stations: Vec<Station>,
    series: Vec<Series>,
    /// How long messages may be on the way, beside what their stations take.
    #[serde(default)]
    road: Duration,
}

/// A station as configured, before numbering.
///
/// Written as `StationEntry { …, ..StationEntry::of(site, id, source) }`, so that a new property has its default.
#[derive(Clone, Debug, PartialEq)]
pub struct StationEntry {
    /// The site it stands at.
    pub site: SiteId,
    /// Its identifier.
    pub id: StationId,
    /// The collector it reports through.
    pub source: String,
    /// How often it reports.
    pub report_interval: Duration,
    /// The station that forwards for it, by site and name.
    pub gateway: Option<(SiteId, StationId)>,
    /// Where it stands, if it is known more closely than its site's place.
    pub location: Option<(f64, f64)>,
    /// Who made it.
    pub make: Option<Box<Make>>,
    /// Its series.
    pub series: Vec<SeriesEntry>,
}

impl StationEntry {
    /// A station that reports every minute and measures nothing.
    pub fn of(site: SiteId, id: StationId, source: &str) -> Self {
        Self {
            site,
            id,
            source: source.into(),
            report_interval: Duration::from_secs(60),
            gateway: None,
            location: None,
            make: None,
            series: Vec::new(),
        }
    }
}

/// A series as configured, before numbering. Written as [`StationEntry`] is.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesEntry {
    /// The instrument.
    pub sensor: SensorId,
    /// What it measures.
    pub quantity: Quantity,
    /// The unit a claim without one is in.
    pub unit: Unit,
    /// What the instrument can say, in the base unit.
    pub range: (f64, f64),
    /// How late a reading may come and still be evaluated in its order.
    pub lateness: Duration,
    /// The usual noise of the instrument, in the base unit; `None`: its values are not judged by it.
    pub noise: Option<f64>,
    /// The word shared by series of the site that measure the same thing.
    pub votes: Option<String>,
    /// How its raw numbers become values, by rising moment.
    pub calibrations: Vec<Calibration>,
    /// Who made the instrument.
    pub make: Option<Box<Make>>,
}

impl SeriesEntry {
    /// A series in its base unit, of any value, whose values are not judged by the noise of the instrument.
    pub fn of(sensor: SensorId, quantity: Quantity) -> Self {
        Self {
            sensor,
            quantity,
            unit: quantity.base_unit(),
            range: (f64::MIN, f64::MAX),
            lateness: Duration::from_secs(15 * 60),
            noise: None,
            votes: None,
            calibrations: Vec::new(),
            make: None,
        }
    }
}

impl Registry {
    /// Sorts and numbers what is configured. Entries whose site is not listed, and second entries of the same
    /// name, are left out: configuration has reported them by then.
    pub fn new(mut sites: Vec<Site>, mut entries: Vec<StationEntry>) -> Self {
        sites.sort_by(|a, b| a.id.cmp(&b.id));
        sites.dedup_by(|a, b| a.id == b.id);
        entries.sort_by(|a, b| (&a.site, &a.id).cmp(&(&b.site, &b.id)));
        entries.dedup_by(|a, b| (&a.site, &a.id) == (&b.site, &b.id));
        let mut registry = Self { sites, ..Self::default() };
        let mut forwarded = Vec::new();
        for mut entry in entries {
            let gateway = entry.gateway.take();
            forwarded
                .extend(gateway.map(|gateway| (entry.site.clone(), entry.id.clone(), gateway)));
            registry.add(entry);
        }
        for (site, id, (gateway_site, gateway)) in forwarded {
            let number = |site: &SiteId, id: &StationId| {
                registry.station(registry.site(site.as_str())?, id.as_str())
            };
            if let (Some(at), gateway) = (number(&site, &id), number(&gateway_site, &gateway)) {
                registry.stations[at.index()].gateway = gateway;
            }
        }
        registry.series.shrink_to_fit();
        registry.share();
        registry
    }

    /// Keeps each identifier once, whatever it was read from: a million names are then 32 bytes each and no more.
    pub fn share(&mut self) {
        let mut sensors = BTreeSet::new();
        for series in &mut self.series {
            let station = &self.stations[series.station.index()];
            series.name.site = self.sites[station.site.index()].id.clone();
            series.name.station = station.id.clone();
            match sensors.get(&series.name.sensor) {
                Some(same) => series.name.sensor = SensorId::clone(same),
                None => drop(sensors.insert(series.name.sensor.clone())),
            }
        }
    }

    fn add(&mut self, mut entry: StationEntry) {
        let Some(site) = self.site(entry.site.as_str()) else { return };
        let station = StationIndex(self.stations.len() as u32);
        entry
            .series
            .sort_by(|a, b| (&a.sensor, a.quantity.name()).cmp(&(&b.sensor, b.quantity.name())));
        entry.series.dedup_by(|a, b| (&a.sensor, a.quantity) == (&b.sensor, b.quantity));
        self.series.extend(entry.series.into_iter().map(|s| Series {
            name: SeriesName {
                site: entry.site.clone(),
                station: entry.id.clone(),
                sensor: s.sensor,
                quantity: s.quantity,
            },
            station,
            unit: s.unit,
            range: s.range,
            lateness: s.lateness,
            noise: s.noise,
            votes: s.votes.map(String::into_boxed_str),
            calibrations: s.calibrations.into_boxed_slice(),
            make: s.make,
        }));
        self.stations.push(Station {
            id: entry.id,
            site,
            source: entry.source,
            report_interval: entry.report_interval,
            gateway: None, // its number is known once all have one
            location: entry.location,
            make: entry.make,
        });
    }

    /// The sites that `takes` wants out of several registries, each from the first that has it, all heard through
    /// `source`: for a drill, which has instruments of its own beside the real ones.
    pub fn gather(parts: &[&Self], takes: impl Fn(&SiteId) -> bool, source: &str) -> Self {
        let mut chosen: BTreeMap<&SiteId, (usize, SiteIndex)> = BTreeMap::new();
        for (part, registry) in parts.iter().enumerate() {
            let wanted = registry.sites.iter().enumerate().filter(|(_, site)| takes(&site.id));
            for (at, site) in wanted {
                chosen.entry(&site.id).or_insert((part, SiteIndex(at as u32)));
            }
        }
        let mut gathered = Self::default();
        let mut moved: BTreeMap<(usize, StationIndex), StationIndex> = BTreeMap::new();
        for (part, site) in chosen.into_values() {
            let registry = parts[part];
            let site_now = SiteIndex(gathered.sites.len() as u32);
            gathered.sites.push(registry.sites[site.index()].clone());
            let stations = registry.stations.iter().enumerate();
            for (at, station) in stations.filter(|(_, station)| station.site == site) {
                let before = StationIndex(at as u32);
                let now = StationIndex(gathered.stations.len() as u32);
                moved.insert((part, before), now);
                let series = registry.series[registry.series_of(before)].iter();
                gathered.series.extend(series.map(|one| Series { station: now, ..one.clone() }));
                let station = Station { site: site_now, source: source.into(), ..station.clone() };
                gathered.stations.push(station);
            }
        }
        for (&(part, before), &now) in &moved {
            let gateway = parts[part].stations[before.index()].gateway;
            gathered.stations[now.index()].gateway =
                gateway.and_then(|gateway| moved.get(&(part, gateway)).copied());
        }
        gathered
    }

    /// The same name with the identifiers kept here, if it is known here.
    pub fn shared(&self, name: &SeriesName) -> SeriesName {
        self.find(name).map_or(name, |at| &self.series[at.index()].name).clone()
    }

    /// Gives messages time on the way, which everything that waits for them waits longer: where the journal's clock
    /// runs faster than the machines it hears.
    pub fn set_road(&mut self, road: Duration) {
        self.road = road;
    }

    /// How long messages may be on the way, beside what their stations take.
    pub fn road(&self) -> Duration {
        self.road
    }

    /// How long what may be confirmed waits for it at a station: two report intervals and a half, for messages are
    /// late; a minute where a station reports faster than a network is reliable.
    pub(crate) fn wait(&self, report_interval: Duration) -> Duration {
        (report_interval * 5 / 2).max(Duration::from_secs(60)) + self.road
    }

    /// Every site, by name.
    pub fn sites(&self) -> &[Site] {
        &self.sites
    }

    /// Every station, by site and name.
    pub fn stations(&self) -> &[Station] {
        &self.stations
    }

    /// Every series, by name.
    pub fn series(&self) -> &[Series] {
        &self.series
    }

    /// The number of the site of that name.
    pub fn site(&self, id: &str) -> Option<SiteIndex> {
        let at = self.sites.binary_search_by(|s| s.id.as_str().cmp(id)).ok()?;
        Some(SiteIndex(at as u32))
    }

    /// The number of the station of that name at a site.
    pub fn station(&self, site: SiteIndex, id: &str) -> Option<StationIndex> {
        let at = self
            .stations
            .binary_search_by(|s| s.site.cmp(&site).then_with(|| s.id.as_str().cmp(id)));
        Some(StationIndex(at.ok()? as u32))
    }

    /// The series of a station: a run of neighbours.
    pub fn series_of(&self, station: StationIndex) -> core::ops::Range<usize> {
        let start = self.series.partition_point(|s| s.station < station);
        let end = start + self.series[start..].partition_point(|s| s.station == station);
        start..end
    }

    /// The number of a series, by its parts.
    pub fn find(&self, name: &SeriesName) -> Option<SeriesIndex> {
        let site = self.site(name.site.as_str())?;
        let station = self.station(site, name.station.as_str())?;
        self.series_at(station, name.sensor.as_str(), name.quantity)
    }

    /// The number of the series of an instrument of a station.
    pub fn series_at(
        &self,
        station: StationIndex,
        sensor: &str,
        quantity: Quantity,
    ) -> Option<SeriesIndex> {
        let range = self.series_of(station);
        let start = range.start;
        let at = self.series[range]
            .iter()
            .position(|s| s.name.quantity == quantity && s.name.sensor.as_str() == sensor);
        at.map(|at| SeriesIndex((start + at) as u32))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use alloc::vec;

    fn site(id: &str) -> Site {
        Site {
            name: Text { ko: id.into(), en: id.into() },
            ..Site::of(id.parse().unwrap(), (37.5, 127.0))
        }
    }

    fn station(site: &str, id: &str, sensors: &[(&str, Quantity)]) -> StationEntry {
        let series = |(sensor, quantity): &(&str, Quantity)| {
            SeriesEntry::of(sensor.parse().unwrap(), *quantity)
        };
        StationEntry {
            series: sensors.iter().map(series).collect(),
            ..StationEntry::of(site.parse().unwrap(), id.parse().unwrap(), "mqtt")
        }
    }

    #[test]
    fn numbers_follow_names_whatever_the_order_of_the_files() {
        let tilt =
            [("tilt-2", Quantity::TiltX), ("tilt-1", Quantity::TiltY), ("tilt-1", Quantity::TiltX)];
        let one = Registry::new(
            vec![site("b"), site("a")],
            vec![station("b", "z", &tilt), station("a", "y", &tilt), station("b", "x", &tilt)],
        );
        let two = Registry::new(
            vec![site("a"), site("b")],
            vec![station("a", "y", &tilt), station("b", "x", &tilt), station("b", "z", &tilt)],
        );
        assert_eq!(one, two);
        let names: Vec<_> = one.series().iter().map(|s| s.name.to_string()).collect();
        let mut sorted = names.clone();
        sorted.sort();
        assert_eq!(names, sorted);
        for (i, series) in one.series().iter().enumerate() {
            assert_eq!(one.find(&series.name), Some(SeriesIndex(i as u32)));
        }
        assert_eq!(one.find(&"b/x/tilt-3/tilt-x".parse().unwrap()), None);
    }

    #[test]
    fn a_gateway_is_found_at_any_site_and_nowhere_else() {
        let behind = |site: &str, id: &str, gateway: (&str, &str)| StationEntry {
            gateway: Some((gateway.0.parse().unwrap(), gateway.1.parse().unwrap())),
            ..station(site, id, &[])
        };
        let registry = Registry::new(
            vec![site("a"), site("b")],
            vec![
                station("b", "gw", &[]),
                behind("a", "one", ("b", "gw")),
                behind("b", "two", ("b", "gw")),
                behind("b", "three", ("a", "gw")),
            ],
        );
        let named: Vec<_> = registry
            .stations()
            .iter()
            .map(|s| {
                (s.id.as_str(), s.gateway.map(|gw| registry.stations()[gw.index()].id.as_str()))
            })
            .collect();
        assert_eq!(
            named,
            [("one", Some("gw")), ("gw", None), ("three", None), ("two", Some("gw"))]
        );
    }
}
