//! Telemetry and backfill in our own form, as JSON or, for narrow links, the same in CBOR (told apart by the bytes).
//!
//! ```json
//! {"seq":17,"at":"2026-07-14T03:10:00+09:00","readings":[
//!   {"sensor":"tilt-1","quantity":"tilt-x","value":0.12,"unit":"deg"}]}
//! ```
//!
//! Keys come in any order; `null` stands for an absent one. `at` is RFC 3339 with an offset, or a number together with
//! the report's `time_unit` (`s`, `ms`, `us`, `ns`); a reading may carry its own. Without `unit` the registry's holds.
//! A `value` of `null` is a claim that is not finite: it is refused by itself and leaves its neighbours alone.
//! Keys that are not ours are refused: a misspelt `unit` must not become another number.

use alloc::vec::Vec;
use core::fmt;

use minicbor::Encoder;
use serde::Serialize;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::form::{self, Fault, Faults, Form, Natural, Number, Object, Stamp, Text, keys};
use super::{CodecError, READINGS_MAX, Topic};
use crate::report::{Claim, Report, Road};
use crate::time::{EpochUnit, Timestamp};

/// Room that is made for claims at once: a usual message fits.
const CLAIMS_USUAL: usize = 8;

pub(super) fn decode<'a>(
    topic: Topic<'a>,
    road: Road,
    payload: &'a [u8],
) -> Result<Report<'a>, CodecError> {
    let body = form::read::<Body>(payload)?;
    Ok(Report {
        site: topic.site,
        station: topic.station,
        seq: body.seq,
        at: body.at,
        heard_at: None,
        road,
        claims: body.claims,
    })
}

/// Writes the payload of a report; its topic is [`Topic`]. Values that are not finite become `null`.
pub fn encode(report: &Report<'_>) -> Vec<u8> {
    let body = BodyOut {
        seq: report.seq,
        at: report.at.map(Rfc3339),
        readings: ReadingsOut(&report.claims),
    };
    serde_json::to_vec(&body).expect("texts and numbers always have a JSON form")
}

/// Writes the payload of a report as CBOR, about half as long as JSON. Stamps are whole numbers of nanoseconds.
pub fn encode_cbor(report: &Report<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_cbor(report, &mut Encoder::new(&mut bytes)).expect("a Vec takes everything");
    bytes
}

fn write_cbor(
    report: &Report<'_>,
    out: &mut Encoder<&mut Vec<u8>>,
) -> Result<(), minicbor::encode::Error<core::convert::Infallible>> {
    let stamped = report.at.is_some() || report.claims.iter().any(|claim| claim.at.is_some());
    let keys = [report.seq.is_some(), report.at.is_some(), stamped, true];
    out.map(keys.into_iter().filter(|key| *key).count() as u64)?;
    if let Some(seq) = report.seq {
        out.str("seq")?.u64(seq)?;
    }
    if let Some(at) = report.at {
        out.str("at")?.i64(at.nanos())?;
    }
    if stamped {
        out.str("time_unit")?.str("ns")?;
    }
    out.str("readings")?.array(report.claims.len() as u64)?;
    for claim in &report.claims {
        let keys = [claim.unit.is_some(), claim.at.is_some()];
        out.map(3 + keys.into_iter().filter(|key| *key).count() as u64)?;
        out.str("sensor")?.str(&claim.sensor)?.str("quantity")?.str(&claim.quantity)?;
        let value = out.str("value")?;
        // The shorter form where it says the same.
        match claim.value as f32 {
            short if f64::from(short).to_bits() == claim.value.to_bits() => value.f32(short)?,
            _ => value.f64(claim.value)?,
        };
        if let Some(unit) = &claim.unit {
            out.str("unit")?.str(unit)?;
        }
        if let Some(at) = claim.at {
            out.str("at")?.i64(at.nanos())?;
        }
    }
    Ok(())
}

struct Content<'a> {
    seq: Option<u64>,
    at: Option<Timestamp>,
    claims: Vec<Claim<'a>>,
}

keys! { BodyKey { Seq "seq" At "at" TimeUnit "time_unit" Readings "readings" } }

#[derive(Default)]
struct Body<'a> {
    seq: Option<u64>,
    at: Option<Stamp>,
    time_unit: Option<EpochUnit>,
    readings: Option<Readings<'a>>,
}

impl<'de> Object<'de> for Body<'de> {
    type Key = BodyKey;
    type Out = Content<'de>;
    const FORM: &'static str = "an object `{\"seq\":…,\"at\":…,\"readings\":[…]}`";

    fn passes_over(_: &str) -> bool {
        false
    }

    fn take<A: MapAccess<'de>>(
        &mut self,
        key: BodyKey,
        map: &mut A,
        faults: &Faults,
    ) -> Result<(), A::Error> {
        match key {
            BodyKey::Seq => self.seq = map.next_value::<Option<Natural>>()?.map(|seq| seq.0),
            BodyKey::At => self.at = map.next_value()?,
            BodyKey::TimeUnit => self.time_unit = form::time_unit(map, faults)?,
            BodyKey::Readings => self.readings = Some(map.next_value_seed(ReadingsIn(faults))?),
        }
        Ok(())
    }

    fn finish<E: Error>(self, faults: &Faults) -> Result<Content<'de>, E> {
        let Readings { mut claims, counted } = form::required(self.readings, "readings")?;
        for (claim, stamp) in counted {
            claims[claim].at = Some(stamp.resolve(self.time_unit, faults)?);
        }
        let at = self.at.map(|stamp| stamp.resolve(self.time_unit, faults)).transpose()?;
        Ok(Content { seq: self.seq, at, claims })
    }
}

struct Readings<'a> {
    claims: Vec<Claim<'a>>,
    /// Claims whose stamp is a number, which waits for the report's `time_unit`.
    counted: Vec<(usize, Stamp)>,
}

struct ReadingsIn<'f>(&'f Faults);

impl<'de> DeserializeSeed<'de> for ReadingsIn<'_> {
    type Value = Readings<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Readings<'de>, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for ReadingsIn<'_> {
    type Value = Readings<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of readings")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Readings<'de>, A::Error> {
        let mut readings =
            Readings { claims: Vec::with_capacity(CLAIMS_USUAL), counted: Vec::new() };
        while let Some((mut claim, stamp)) = list.next_element_seed(Form::<ClaimIn>::new(self.0))? {
            let place = readings.claims.len();
            if place == READINGS_MAX {
                let problem =
                    format_args!("more than {READINGS_MAX} readings in one message: send several");
                return Err(self.0.fail(Fault::TooManyReadings, problem));
            }
            match stamp {
                None => {}
                Some(stamp) if stamp.is_number() => readings.counted.push((place, stamp)),
                Some(stamp) => claim.at = Some(stamp.resolve(None, self.0)?),
            }
            readings.claims.push(claim);
        }
        Ok(readings)
    }
}

keys! { ClaimKey { Sensor "sensor" Quantity "quantity" Value "value" Unit "unit" At "at" } }

#[derive(Default)]
struct ClaimIn<'a> {
    sensor: Option<Text<'a>>,
    quantity: Option<Text<'a>>,
    value: Option<Number>,
    unit: Option<Text<'a>>,
    at: Option<Stamp>,
}

impl<'de> Object<'de> for ClaimIn<'de> {
    type Key = ClaimKey;
    type Out = (Claim<'de>, Option<Stamp>);
    const FORM: &'static str = "a reading `{\"sensor\":…,\"quantity\":…,\"value\":…}`";

    fn passes_over(_: &str) -> bool {
        false
    }

    fn take<A: MapAccess<'de>>(
        &mut self,
        key: ClaimKey,
        map: &mut A,
        _: &Faults,
    ) -> Result<(), A::Error> {
        match key {
            ClaimKey::Sensor => self.sensor = Some(map.next_value()?),
            ClaimKey::Quantity => self.quantity = Some(map.next_value()?),
            ClaimKey::Value => self.value = Some(map.next_value()?),
            ClaimKey::Unit => self.unit = map.next_value()?,
            ClaimKey::At => self.at = map.next_value()?,
        }
        Ok(())
    }

    fn finish<E: Error>(self, _: &Faults) -> Result<Self::Out, E> {
        let claim = Claim {
            sensor: form::required(self.sensor, "sensor")?.0,
            quantity: form::required(self.quantity, "quantity")?.0,
            value: form::required(self.value, "value")?.0,
            unit: self.unit.map(|text| text.0),
            at: None,
        };
        Ok((claim, self.at))
    }
}

#[derive(Serialize)]
struct BodyOut<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    seq: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<Rfc3339>,
    readings: ReadingsOut<'a>,
}

struct ReadingsOut<'a>(&'a [Claim<'a>]);

impl Serialize for ReadingsOut<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|claim| ClaimOut {
            sensor: &claim.sensor,
            quantity: &claim.quantity,
            value: claim.value,
            unit: claim.unit.as_deref(),
            at: claim.at.map(Rfc3339),
        }))
    }
}

#[derive(Serialize)]
struct ClaimOut<'a> {
    sensor: &'a str,
    quantity: &'a str,
    value: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<Rfc3339>,
}

/// A moment as text.
pub(super) struct Rfc3339(pub(super) Timestamp);

impl Serialize for Rfc3339 {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}
