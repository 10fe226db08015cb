//! Stations and series as they are configured, before they are numbered.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::Make;
use crate::calibration::Calibration;
use crate::id::{SensorId, SiteId, StationId};
use crate::unit::{Quantity, Unit};

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
