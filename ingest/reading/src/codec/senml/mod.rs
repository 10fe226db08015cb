//! SenML packs (RFC 8428), JSON and CBOR: records with base values, resolved into full ones.
//!
//! ```json
//! [{"bn":"urn:dev:mac:0024befffe804ff1:","bt":1783966200,"n":"tilt-x","u":"deg","v":0.12},
//!  {"n":"tilt-x","u":"deg","v":0.13,"t":60}]
//! ```
//!
//! A time below 2²⁸ seconds is relative to the receipt; without any the value is of now and carries no stamp. Fields
//! that are not known are passed over, but those that end in `_` must be understood and refuse the pack. A sum is a
//! metric of its own, `name#sum`. Flags are 0 and 1; texts and data are no readings.
//!
//! As a foreign format, the device is the start of the resolved name that the table knows, and the metric what follows
//! it; the whole name may be a device, with the empty metric. On our own topics a name is `sensor/quantity`.

mod pack;
pub mod unit;

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use minicbor::Encoder;
use serde::Serialize;

pub use pack::{Record, Stated, resolve};

use super::gather::{Gatherer, Point, PointUnit};
use super::{CodecError, Identity, Message, Told, Topic, shorten};
use crate::frame::Frame;
use crate::report::{Claim, Report, Road};
use crate::time::Timestamp;

/// Whether a payload begins as a list does, in JSON or CBOR.
pub(super) fn is_pack(payload: &[u8]) -> bool {
    match payload.first() {
        Some(0x80..=0x9f) => true,
        _ => payload.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'['),
    }
}

pub(super) fn decode(frame: &Frame<'_>, gatherer: &mut Gatherer<'_>) -> Result<(), CodecError> {
    for record in resolve(frame.payload, frame.received_at)? {
        let (device, metric) = split(&record.name, gatherer);
        let at = record.at;
        let point =
            Point { device, metric, value: None, unit: PointUnit::None, at, road: Road::Live };
        gatherer.relative |= record.relative;
        if record.stated != Stated::Nothing {
            let (value, unit) = record.value_and_unit();
            gatherer.push(Point { value, unit: known(unit.as_deref()), ..point })?;
        }
        if let Some(sum) = record.sum {
            let (factor, unit) = record.unit.as_deref().map_or((1.0, None), unit::of_sum);
            let name = [metric, "#sum"].concat();
            let value = Some(sum * factor);
            gatherer.push(Point { metric: &name, value, unit: known(unit), ..point })?;
        }
    }
    Ok(())
}

fn known(unit: Option<&str>) -> PointUnit<'_> {
    unit.map_or(PointUnit::None, PointUnit::Standard)
}

/// The device a name begins with, by the table, and what follows it; the last part, if there is none.
fn split<'r>(name: &'r str, gatherer: &Gatherer<'_>) -> (&'r str, &'r str) {
    let devices = &gatherer.naming().devices;
    if devices.contains_key(name) {
        return (name, "");
    }
    let parts =
        || name.rmatch_indices([':', '/', '.']).map(|(at, _)| (&name[..at], &name[at + 1..]));
    parts()
        .find(|(device, _)| devices.contains_key(*device))
        .or_else(|| parts().next())
        .unwrap_or((name, ""))
}

/// A pack on a topic of our own.
pub(super) fn decode_own<'a>(
    topic: Topic<'a>,
    road: Road,
    frame: &Frame<'a>,
) -> Result<Told<'a>, CodecError> {
    let mut claims = Vec::new();
    let mut identity = Identity::Payload;
    for record in resolve(frame.payload, frame.received_at)? {
        let own = [topic.site, "/", topic.station, "/"].concat();
        let name = record.name.strip_prefix(&own).unwrap_or(&record.name);
        let refused = || CodecError::WrongShape {
            problem: format!("the record `{}` is not named `sensor/quantity`", shorten(name)),
        };
        let (sensor, quantity) = name.split_once('/').ok_or_else(refused)?;
        let (value, unit) = record.value_and_unit();
        if record.relative {
            identity = Identity::None;
        }
        claims.push(Claim {
            sensor: sensor.to_string().into(),
            quantity: quantity.to_string().into(),
            value: value.unwrap_or(f64::NAN),
            unit: unit.map(|unit| unit.to_string().into()),
            at: record.at,
        });
    }
    let report = Report {
        site: topic.site,
        station: topic.station,
        seq: None,
        at: None,
        heard_at: None,
        road,
        claims,
    };
    Ok(Told { message: Message::Report(report), identity })
}

impl Record<'_> {
    /// The number, if it is one, in a unit of ours where we have one.
    fn value_and_unit(&self) -> (Option<f64>, Option<alloc::borrow::Cow<'_, str>>) {
        let value = match self.stated {
            Stated::Number(value) => Some(value),
            Stated::Flag(flag) => Some(f64::from(u8::from(flag))),
            Stated::Text | Stated::Data | Stated::Nothing => None,
        };
        match (value, &self.unit) {
            (Some(value), Some(symbol)) => {
                let (value, symbol) = unit::ours(value, symbol);
                (Some(value), Some(symbol.to_string().into()))
            }
            (value, unit) => (value, unit.clone()),
        }
    }
}

/// Writes claims as a pack: names are `base` and then `sensor/quantity`, or the sensor alone without a quantity. The
/// first claim's stamp is the base time.
pub fn encode(base: &str, claims: &[Claim<'_>]) -> Vec<u8> {
    serde_json::to_vec(&records(base, claims)).expect("texts and numbers always have a JSON form")
}

/// The same as CBOR.
pub fn encode_cbor(base: &str, claims: &[Claim<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_cbor(&records(base, claims), &mut Encoder::new(&mut bytes))
        .expect("a Vec takes everything");
    bytes
}

#[derive(Serialize)]
struct RecordOut<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    bn: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bt: Option<f64>,
    n: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    u: Option<&'a str>,
    v: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    t: Option<f64>,
}

fn records<'a>(base: &'a str, claims: &'a [Claim<'a>]) -> Vec<RecordOut<'a>> {
    let start = claims.first().and_then(|claim| claim.at);
    let record = |(i, claim): (usize, &'a Claim<'a>)| RecordOut {
        bn: (i == 0 && !base.is_empty()).then_some(base),
        bt: start.filter(|_| i == 0).map(seconds),
        n: match claim.quantity.as_ref() {
            "" => claim.sensor.to_string(),
            quantity => [claim.sensor.as_ref(), "/", quantity].concat(),
        },
        u: claim.unit.as_deref(),
        v: claim.value,
        t: claim
            .at
            .zip(start)
            .filter(|(at, start)| at != start)
            .map(|(at, start)| after(at, start)),
    };
    claims.iter().enumerate().map(record).collect()
}

fn seconds(at: Timestamp) -> f64 {
    at.nanos() as f64 / 1e9
}

fn after(at: Timestamp, start: Timestamp) -> f64 {
    let size = |span: Duration| span.as_nanos() as f64 / 1e9;
    if at >= start { size(at.since(start)) } else { -size(start.since(at)) }
}

fn write_cbor(
    records: &[RecordOut<'_>],
    out: &mut Encoder<&mut Vec<u8>>,
) -> Result<(), minicbor::encode::Error<core::convert::Infallible>> {
    out.array(records.len() as u64)?;
    for record in records {
        let keys =
            [record.bn.is_some(), record.bt.is_some(), record.u.is_some(), record.t.is_some()];
        out.map(2 + keys.into_iter().filter(|key| *key).count() as u64)?;
        if let Some(name) = record.bn {
            out.i8(-2)?.str(name)?;
        }
        if let Some(at) = record.bt {
            out.i8(-3)?.f64(at)?;
        }
        out.u8(0)?.str(&record.n)?.u8(2)?.f64(record.v)?;
        if let Some(unit) = record.u {
            out.u8(1)?.str(unit)?;
        }
        if let Some(at) = record.t {
            out.u8(6)?.f64(at)?;
        }
    }
    Ok(())
}
