//! A field small enough to judge by hand.

use std::time::Duration;

use reading::registry::{SeriesEntry, Site, StationEntry};
use reading::{Quantity, Unit};

/// A slope of that name.
pub fn site(id: &str) -> Site {
    Site::of(id.parse().unwrap(), (37.5, 127.0))
}

/// A station that reports over MQTT.
pub fn station(
    site: &str,
    id: &str,
    report_interval: Duration,
    series: Vec<SeriesEntry>,
) -> StationEntry {
    StationEntry {
        report_interval,
        series,
        ..StationEntry::of(site.parse().unwrap(), id.parse().unwrap(), "mqtt")
    }
}

/// A series whose claims come in `unit`.
pub fn series(sensor: &str, quantity: Quantity, unit: Unit, range: (f64, f64)) -> SeriesEntry {
    let lateness = Duration::from_secs(900);
    let of = SeriesEntry::of(sensor.parse().unwrap(), quantity);
    SeriesEntry { unit, range, lateness, ..of }
}
