//! What goes over the wire: topics and the bytes of native telemetry, status and siren answers.

use std::time::Duration;

use reading::codec::Root;
use reading::{SiteId, StationId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::fault::Flip;

/// One message, and when it leaves the station.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// When it is sent, true time.
    pub sent_at: Timestamp,
    /// The MQTT topic.
    pub topic: String,
    /// The bytes.
    pub payload: Vec<u8>,
    /// Whether the broker is asked to keep it.
    pub retain: bool,
    /// The bits of `payload` that were turned over on the way.
    pub flips: Vec<Flip>,
}

impl Message {
    /// A message that the broker does not keep and that arrives whole.
    pub fn new(sent_at: Timestamp, topic: String, payload: Vec<u8>) -> Self {
        Self { sent_at, topic, payload, retain: false, flips: Vec::new() }
    }

    /// The bytes as the station made them: a link with bytes of its own begins with these.
    pub fn whole(&self) -> Vec<u8> {
        let mut bytes = self.payload.clone();
        self.turn_over(&mut bytes);
        bytes
    }

    /// Damages other bytes that say the same, at the same places: what a wire does to the bytes that run on it.
    pub fn turn_over(&self, bytes: &mut [u8]) {
        self.flips.iter().for_each(|flip| flip.turn(bytes));
    }
}

/// Where a station's messages go.
#[derive(Clone, Debug)]
pub struct Topics {
    base: String,
}

impl Topics {
    /// The topics of one station.
    pub fn new(site: &SiteId, station: &StationId) -> Self {
        Self::under(Root::Field, site, station)
    }

    /// The same under another root: that of a drill.
    pub fn under(root: Root, site: &SiteId, station: &StationId) -> Self {
        Self { base: format!("{}/{site}/{station}", root.as_str()) }
    }

    /// Readings of now.
    pub fn telemetry(&self) -> String {
        format!("{}/telemetry", self.base)
    }

    /// Readings of the past.
    pub fn backfill(&self) -> String {
        format!("{}/backfill", self.base)
    }

    /// What all of them begin with: `bongsu/v1/{site}/{station}`.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Alive or not; retained.
    pub fn status(&self) -> String {
        format!("{}/status", self.base)
    }

    /// Orders to an actuator.
    pub fn command(&self) -> String {
        format!("{}/command", self.base)
    }

    /// An actuator's answers.
    pub fn result(&self) -> String {
        format!("{}/command/result", self.base)
    }
}

/// Native telemetry: `{"seq":…,"at":…,"readings":[…]}`.
#[derive(Debug, Serialize)]
pub struct Report<'a> {
    /// The station's running number.
    pub seq: u64,
    /// The station's own clock, RFC 3339 with offset.
    pub at: String,
    /// The values.
    pub readings: Vec<Value<'a>>,
}

/// One value of a report.
#[derive(Debug, Serialize)]
pub struct Value<'a> {
    /// The instrument.
    pub sensor: &'a str,
    /// What it measures.
    pub quantity: &'a str,
    /// The number.
    pub value: f64,
    /// Its unit.
    pub unit: &'a str,
    /// Its own stamp, where it differs from the report's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
}

/// `…/status`: `{"state":"online",…}`.
#[derive(Debug, Serialize, Deserialize)]
pub struct Status {
    /// `online` or `offline`.
    pub state: String,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// Supply, volts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub battery_v: Option<f64>,
    /// How strongly its radio is heard, dBm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rssi_dbm: Option<f64>,
    /// How many of its last messages it keeps and can send again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub buffer: Option<u64>,
    /// Version of what runs on the station.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub firmware: Option<String>,
}

impl Status {
    /// A station that has come up.
    pub fn online(at: Timestamp) -> Self {
        Self {
            state: "online".into(),
            at: Some(korean_time(at)),
            battery_v: Some(12.7),
            rssi_dbm: None,
            buffer: None,
            firmware: Some(env!("CARGO_PKG_VERSION").into()),
        }
    }

    /// What the broker says for a station that went away.
    pub fn offline() -> Self {
        Self {
            state: "offline".into(),
            at: None,
            battery_v: None,
            rssi_dbm: None,
            buffer: None,
            firmware: None,
        }
    }
}

/// The JSON of `value`. Our own types have text keys and finite numbers, so it always has one.
pub fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

/// RFC 3339 with the offset of Korea, which has no summer time.
pub fn korean_time(at: Timestamp) -> String {
    let mut text = at.plus(Duration::from_secs(9 * 3_600)).to_string();
    if text.ends_with('Z') {
        text.pop();
        text.push_str("+09:00");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn telemetry_has_the_shape_of_the_contract() {
        let at = Timestamp::parse("2026-07-13T18:10:00Z").unwrap();
        let report = Report {
            seq: 17,
            at: korean_time(at),
            readings: vec![
                Value { sensor: "tilt-1", quantity: "tilt-x", value: 0.12, unit: "deg", at: None },
                Value {
                    sensor: "gauge-1",
                    quantity: "rain",
                    value: 0.2,
                    unit: "mm",
                    at: Some(korean_time(at)),
                },
            ],
        };
        assert_eq!(
            String::from_utf8(json(&report)).unwrap(),
            concat!(
                r#"{"seq":17,"at":"2026-07-14T03:10:00+09:00","readings":["#,
                r#"{"sensor":"tilt-1","quantity":"tilt-x","value":0.12,"unit":"deg"},"#,
                r#"{"sensor":"gauge-1","quantity":"rain","value":0.2,"unit":"mm","at":"2026-07-14T03:10:00+09:00"}]}"#
            )
        );
    }

    #[test]
    fn times_read_back_as_the_moment_they_were() {
        for text in ["2026-12-31T15:00:00.125Z", "1970-01-01T00:00:00Z", "2026-02-28T23:59:59Z"] {
            let at = Timestamp::parse(text).unwrap();
            assert_eq!(Timestamp::parse(&korean_time(at)).unwrap(), at, "{text}");
        }
    }

    #[test]
    fn topics_are_those_of_the_contract() {
        let topics = Topics::new(&"cut-12".parse().unwrap(), &"post-1".parse().unwrap());
        assert_eq!(topics.telemetry(), "bongsu/v1/cut-12/post-1/telemetry");
        assert_eq!(topics.backfill(), "bongsu/v1/cut-12/post-1/backfill");
        assert_eq!(topics.status(), "bongsu/v1/cut-12/post-1/status");
        assert_eq!(topics.command(), "bongsu/v1/cut-12/post-1/command");
        assert_eq!(topics.result(), "bongsu/v1/cut-12/post-1/command/result");
        assert_eq!(json(&Status::offline()), br#"{"state":"offline"}"#);
    }
}
