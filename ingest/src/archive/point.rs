//! Points as lines.

use std::borrow::Cow;

use reading::codec::line_protocol::{FieldValue, Line, encode};
use reading::{Quality, Reading, SeriesName, Timestamp};

/// One admitted reading; none if its stamp lies beyond what the archive can hold.
pub fn reading(series: &SeriesName, reading: &Reading) -> Option<String> {
    let mut tags: Vec<(Cow<'_, str>, Cow<'_, str>)> = vec![
        ("quantity".into(), series.quantity.name().into()),
        ("sensor".into(), series.sensor.as_str().into()),
        ("site".into(), series.site.as_str().into()),
        ("station".into(), series.station.as_str().into()),
    ];
    if let Some(copy) = copy(reading) {
        tags.insert(0, ("copy".into(), copy.into()));
    }
    let received_at = reading.received_at.nanos() as f64 / 1e9;
    encode(&Line {
        measurement: "reading".into(),
        tags,
        fields: vec![
            ("value".into(), FieldValue::Float(reading.value)),
            ("received_at".into(), FieldValue::Float(received_at)),
            ("quality".into(), FieldValue::Float(f64::from(reading.quality.bits()))),
        ],
        time: Some(reading.measured_at.nanos()),
    })
}

/// What a station says of itself: whether it is there, its supply in volts, how strongly its radio hears in dBm.
pub fn station(
    (site, station): (&str, &str),
    online: bool,
    (battery_v, rssi_dbm): (Option<f64>, Option<f64>),
    at: Timestamp,
) -> Option<String> {
    let told = [("battery_v", battery_v), ("rssi_dbm", rssi_dbm)];
    let told = told.into_iter().filter_map(|(name, value)| {
        Some((Cow::from(name), FieldValue::Float(value.filter(|value| value.is_finite())?)))
    });
    let online = [("online".into(), FieldValue::Float(f64::from(u8::from(online))))];
    encode(&Line {
        measurement: "station".into(),
        tags: vec![("site".into(), site.into()), ("station".into(), station.into())],
        fields: online.into_iter().chain(told).collect(),
        time: Some(at.nanos()),
    })
}

/// A level that a site moved to.
pub fn level(site: &str, hazard: &str, level: u8, at: Timestamp) -> Option<String> {
    encode(&Line {
        measurement: "level".into(),
        tags: vec![("hazard".into(), hazard.into()), ("site".into(), site.into())],
        fields: vec![("level".into(), FieldValue::Float(f64::from(level)))],
        time: Some(at.nanos()),
    })
}

/// A revision of an incident.
pub fn incident(
    id: &str,
    (site, hazard, state): (&str, &str, &str),
    (level, revision): (u8, u32),
    at: Timestamp,
) -> Option<String> {
    encode(&Line {
        measurement: "incident".into(),
        tags: vec![
            ("hazard".into(), hazard.into()),
            ("site".into(), site.into()),
            ("state".into(), state.into()),
        ],
        fields: vec![
            ("level".into(), FieldValue::Float(f64::from(level))),
            ("revision".into(), FieldValue::Float(f64::from(revision))),
            ("id".into(), FieldValue::Text(id.into())),
        ],
        time: Some(at.nanos()),
    })
}

/// Where a site is and how it stands: what a map shows.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The site.
    pub site: &'a str,
    /// What it is.
    pub kind: &'static str,
    /// Latitude and longitude, degrees, WGS 84.
    pub location: (f64, f64),
    /// Its name in Korean and in English.
    pub name: (&'a str, &'a str),
    /// The highest level of its hazards, 0 to 4.
    pub level: u8,
}

/// A site on the map, as of a moment.
pub fn site(place: &Place<'_>, at: Timestamp) -> Option<String> {
    let (latitude, longitude) = place.location;
    encode(&Line {
        measurement: "site".into(),
        tags: vec![("kind".into(), place.kind.into()), ("site".into(), place.site.into())],
        fields: vec![
            ("latitude".into(), FieldValue::Float(latitude)),
            ("longitude".into(), FieldValue::Float(longitude)),
            ("level".into(), FieldValue::Float(f64::from(place.level))),
            ("name_ko".into(), FieldValue::Text(place.name.0.into())),
            ("name_en".into(), FieldValue::Text(place.name.1.into())),
        ],
        time: Some(at.nanos()),
    })
}

/// The value at which a rule begins to argue for a level on a series, in its base unit; `below` where it does from
/// there downwards. What a chart draws as a line.
pub fn limit(
    series: &SeriesName,
    (rule, level): (&str, &'static str),
    (value, below): (f64, bool),
    at: Timestamp,
) -> Option<String> {
    encode(&Line {
        measurement: "limit".into(),
        tags: vec![
            ("level".into(), level.into()),
            ("quantity".into(), series.quantity.name().into()),
            ("rule".into(), rule.into()),
            ("sensor".into(), series.sensor.as_str().into()),
            ("site".into(), series.site.as_str().into()),
            ("station".into(), series.station.as_str().into()),
        ],
        fields: vec![
            ("value".into(), FieldValue::Float(value)),
            ("below".into(), FieldValue::Float(f64::from(u8::from(below)))),
        ],
        time: Some(at.nanos()),
    })
}

/// What tells a reading from another of its series and moment. The same for the same value: a point written again falls
/// on itself.
fn copy(reading: &Reading) -> Option<String> {
    let digest = crc32c::crc32c(&reading.value.to_bits().to_le_bytes());
    if reading.quality.has(Quality::CONFLICT) {
        return Some(format!("{:04x}", digest & 0xffff));
    }
    // A station without a clock sends all its past so: more tags than these would cost the database more than they hold.
    reading.quality.has(Quality::TIME_UNKNOWN).then(|| format!("u{:x}", digest & 0xf))
}

#[cfg(test)]
mod tests {
    use reading::SeriesIndex;

    use super::*;

    #[test]
    fn what_a_station_says_is_one_line_and_what_it_does_not_say_is_left_out() {
        let at = Timestamp::from_secs(1_784_000_000);
        let line = |facts| station(("cut-12", "post-1"), true, facts, at).unwrap();
        let (name, stamp) = ("station,site=cut-12,station=post-1", "1784000000000000000");
        assert_eq!(
            line((Some(12.5), Some(-71.0))),
            format!("{name} online=1,battery_v=12.5,rssi_dbm=-71 {stamp}")
        );
        assert_eq!(line((None, Some(f64::NAN))), format!("{name} online=1 {stamp}"));
    }

    #[test]
    fn a_reading_is_one_line_with_floats_only() {
        let series: SeriesName = "cut-12/post-1/tilt-1/tilt-x".parse().unwrap();
        let at = Timestamp::from_secs(1_784_000_000);
        let good = Reading {
            series: SeriesIndex(0),
            measured_at: at,
            received_at: at.plus(std::time::Duration::from_millis(1_500)),
            value: 3.0,
            quality: Quality::GOOD,
        };
        let tags = "quantity=tilt-x,sensor=tilt-1,site=cut-12,station=post-1";
        let fields = "received_at=1784000001.5,quality=";
        let stamp = "1784000000000000000";
        assert_eq!(
            reading(&series, &good).unwrap(),
            format!("reading,{tags} value=3,{fields}0 {stamp}")
        );
        let second = Reading { value: -0.5, quality: Quality::CONFLICT | Quality::OLD, ..good };
        let line = reading(&series, &second).unwrap();
        assert!(line.starts_with("reading,copy=") && line.contains("value=-0.5,"), "{line}");
        assert_eq!(reading(&series, &second), Some(line), "the same again");
        let unknown = Reading { quality: Quality::TIME_UNKNOWN, ..second };
        let line = reading(&series, &unknown).unwrap();
        assert!(line.starts_with("reading,copy=u"), "writes over none that stands: {line}");
        assert_eq!(
            reading(&series, &Reading { value: f64::NAN, ..good }).map(|l| l.contains("NaN")),
            Some(false)
        );
    }
}
