//! What stands in the field: sites, stations, series. Made from configuration, sorted by name, numbered.
//!
//! Numbers are for flat arrays inside one run; names go into files and output, so that numbers may change.

mod entry;
mod making;

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::calibration::Calibration;
use crate::id::{SeriesName, SiteId, StationId};
use crate::unit::{Quantity, Unit};
pub use entry::{SeriesEntry, StationEntry};

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

impl Registry {
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
