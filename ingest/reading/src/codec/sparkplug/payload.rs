//! The payload of a Sparkplug B message (`org.eclipse.tahu.protobuf.Payload`).

use alloc::borrow::Cow;
use alloc::vec::Vec;

use super::wire::{Fields, Wire, Writer};
use crate::codec::CodecError;

/// The most metrics of one message: a birth lists all of a node.
pub(super) const METRICS_MAX: usize = 4_096;

/// A payload.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Payload<'a> {
    /// When it was made, milliseconds since 1970.
    pub timestamp: Option<u64>,
    /// Its running number, 0 to 255.
    pub seq: Option<u64>,
    /// The metrics, in the order sent.
    pub metrics: Vec<Metric<'a>>,
}

/// A metric.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metric<'a> {
    /// Its name; births have it, data may have the alias alone.
    pub name: Option<Cow<'a, str>>,
    /// A number that stands for the name.
    pub alias: Option<u64>,
    /// When it was so, milliseconds since 1970.
    pub timestamp: Option<u64>,
    /// What type its value has; see [`Datatype`].
    pub datatype: Option<u32>,
    /// It was kept and sent later: no news.
    pub is_historical: bool,
    /// It has no value.
    pub is_null: bool,
    /// The unit, by the property `engUnit` that many devices give.
    pub unit: Option<Cow<'a, str>>,
    /// The value.
    pub value: Value<'a>,
}

/// A value as it stands on the wire.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value<'a> {
    /// None, or one that is no reading: bytes, a data set, a template.
    #[default]
    None,
    /// A whole number of up to 32 bits; a negative one in two's complement.
    Int(u32),
    /// A whole number of up to 64 bits; a negative one in two's complement.
    Long(u64),
    /// A float.
    Float(f32),
    /// A double.
    Double(f64),
    /// True or false.
    Flag(bool),
    /// A text.
    Text(Cow<'a, str>),
}

/// The types of values that matter here, by their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Datatype {
    /// Signed, 8 bits.
    Int8 = 1,
    /// Signed, 16 bits.
    Int16 = 2,
    /// Signed, 32 bits.
    Int32 = 3,
    /// Signed, 64 bits.
    Int64 = 4,
    /// From 0 on, 64 bits.
    UInt64 = 8,
    /// A float.
    Float = 9,
    /// A double.
    Double = 10,
    /// True or false.
    Boolean = 11,
    /// A text.
    String = 12,
}

impl Value<'_> {
    /// The number, by the type that the birth gave.
    pub(super) fn number(&self, datatype: Option<u32>) -> Option<f64> {
        let is = |one: Datatype| datatype == Some(one as u32);
        match *self {
            Self::Int(value) if is(Datatype::Int8) => Some(f64::from(value as u8 as i8)),
            Self::Int(value) if is(Datatype::Int16) => Some(f64::from(value as u16 as i16)),
            Self::Int(value) if is(Datatype::Int32) => Some(f64::from(value as i32)),
            Self::Int(value) => Some(f64::from(value)),
            Self::Long(value) if is(Datatype::Int64) => Some(value as i64 as f64),
            Self::Long(value) => Some(value as f64),
            Self::Float(value) => Some(f64::from(value)),
            Self::Double(value) => Some(value),
            Self::Flag(value) => Some(f64::from(u8::from(value))),
            Self::None | Self::Text(_) => None,
        }
    }
}

impl<'a> Payload<'a> {
    /// Reads a payload.
    ///
    /// # Errors
    /// [`CodecError::NotProtobuf`], [`CodecError::TooManyReadings`].
    pub fn read(bytes: &'a [u8]) -> Result<Self, CodecError> {
        let mut payload = Self::default();
        let mut fields = Fields::new(bytes);
        while let Some((field, wire)) = fields.next()? {
            match field {
                1 => payload.timestamp = Some(wire.number()?),
                2 => {
                    if payload.metrics.len() == METRICS_MAX {
                        let problem =
                            alloc::format!("more than {METRICS_MAX} metrics in one message");
                        return Err(CodecError::TooManyReadings { problem });
                    }
                    payload.metrics.push(Metric::read(wire.message()?)?);
                }
                3 => payload.seq = Some(wire.number()?),
                _ => {} // an identifier, a body: nothing is read from them
            }
        }
        Ok(payload)
    }

    /// Writes a payload.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::default();
        if let Some(timestamp) = self.timestamp {
            out.number(1, timestamp);
        }
        for metric in &self.metrics {
            out.bytes(2, &metric.encode());
        }
        if let Some(seq) = self.seq {
            out.number(3, seq);
        }
        out.0
    }
}

impl<'a> Metric<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, CodecError> {
        let mut metric = Self::default();
        let mut fields = Fields::new(bytes);
        while let Some((field, wire)) = fields.next()? {
            match (field, wire) {
                (1, wire) => metric.name = Some(wire.text()?.into()),
                (2, wire) => metric.alias = Some(wire.number()?),
                (3, wire) => metric.timestamp = Some(wire.number()?),
                (4, wire) => metric.datatype = u32::try_from(wire.number()?).ok(),
                (5, wire) => metric.is_historical = wire.number()? != 0,
                (7, wire) => metric.is_null = wire.number()? != 0,
                (9, wire) => metric.unit = unit(wire.message()?)?,
                (10, wire) => metric.value = Value::Int(wire.number()? as u32),
                (11, wire) => metric.value = Value::Long(wire.number()?),
                (12, Wire::Fixed32(bits)) => metric.value = Value::Float(f32::from_bits(bits)),
                (13, Wire::Fixed64(bits)) => metric.value = Value::Double(f64::from_bits(bits)),
                (14, wire) => metric.value = Value::Flag(wire.number()? != 0),
                (15, wire) => metric.value = Value::Text(wire.text()?.into()),
                (12 | 13, _) => {
                    return Err(CodecError::NotProtobuf { problem: "a float that is none".into() });
                }
                _ => {} // meta data, bytes, data sets, templates: no readings
            }
        }
        Ok(metric)
    }

    fn encode(&self) -> Vec<u8> {
        let mut out = Writer::default();
        if let Some(name) = &self.name {
            out.bytes(1, name.as_bytes());
        }
        let numbers = [(2, self.alias), (3, self.timestamp), (4, self.datatype.map(u64::from))];
        for (field, value) in numbers {
            if let Some(value) = value {
                out.number(field, value);
            }
        }
        for (field, flag) in [(5, self.is_historical), (7, self.is_null)] {
            if flag {
                out.number(field, 1);
            }
        }
        if let Some(unit) = &self.unit {
            let mut value = Writer::default();
            value.number(1, Datatype::String as u64);
            value.bytes(8, unit.as_bytes());
            let mut set = Writer::default();
            set.bytes(1, UNIT.as_bytes());
            set.bytes(2, &value.0);
            out.bytes(9, &set.0);
        }
        match &self.value {
            Value::None => {}
            Value::Int(value) => out.number(10, u64::from(*value)),
            Value::Long(value) => out.number(11, *value),
            Value::Float(value) => out.float(12, *value),
            Value::Double(value) => out.double(13, *value),
            Value::Flag(value) => out.number(14, u64::from(*value)),
            Value::Text(text) => out.bytes(15, text.as_bytes()),
        }
        out.0
    }
}

const UNIT: &str = "engUnit";

/// The text of the property `engUnit` in a property set: names and values in the same order.
fn unit(set: &[u8]) -> Result<Option<Cow<'_, str>>, CodecError> {
    let (mut place, mut names, mut values) = (None, 0, Vec::new());
    let mut fields = Fields::new(set);
    while let Some((field, wire)) = fields.next()? {
        match field {
            1 => {
                if wire.text()? == UNIT {
                    place = Some(names);
                }
                names += 1;
            }
            2 => values.push(wire.message()?),
            _ => {}
        }
    }
    let Some(value) = place.and_then(|place: usize| values.get(place)) else { return Ok(None) };
    let mut fields = Fields::new(value);
    while let Some((field, wire)) = fields.next()? {
        if field == 8 {
            return wire.text().map(|text| Some(text.into()));
        }
    }
    Ok(None)
}
