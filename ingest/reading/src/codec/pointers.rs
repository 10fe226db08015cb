//! JSON of any form, read by RFC 6901 pointers.
//!
//! Two ways to say it. *Wide*: the metrics of the table are pointers (`/data/tilt/x`), and what no pointer names is not
//! asked for. *Long*: `metric` and `value` point to a name and its number, for messages that name what they carry. In
//! both, `each` points to a list of which every item is read so.

use alloc::format;

use alloc::string::String;
use serde::{Deserialize, Serialize};

use super::csv::{Stamps, UtcOffset};
use super::gather::{Gatherer, Point, PointUnit};
use super::value::{self, Value};
use super::{CodecError, shorten};
use crate::frame::Frame;
use crate::report::Road;
use crate::time::{EpochUnit, Timestamp};

pub use super::value::is_pointer;

/// What points where. Pointers are relative to an item of `each`, if there is one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Pointers {
    /// The list of which every item is read; without it, the whole message.
    pub each: Option<String>,
    /// The name of the device; without it, the topic's.
    pub device: Option<String>,
    /// The stamp.
    pub at: Option<String>,
    /// What a stamp that is a number counts.
    pub time_unit: Option<EpochUnit>,
    /// How far east a stamp without an offset is.
    pub offset: Option<UtcOffset>,
    /// The name of the metric, in the long form.
    pub metric: Option<String>,
    /// Its number, in the long form.
    pub value: Option<String>,
    /// Its unit, in the long form.
    pub unit: Option<String>,
}

pub(super) fn decode(
    pointers: &Pointers,
    frame: &Frame<'_>,
    gatherer: &mut Gatherer<'_>,
) -> Result<(), CodecError> {
    let message = value::read(frame.payload)?;
    let Some(each) = &pointers.each else { return item(pointers, &message, frame, gatherer) };
    match message.pointed(each) {
        Some(Value::List(items)) => {
            items.iter().try_for_each(|one| item(pointers, one, frame, gatherer))
        }
        _ => Err(wrong(format!("there is no list at `{each}`"))),
    }
}

fn item(
    pointers: &Pointers,
    item: &Value<'_>,
    frame: &Frame<'_>,
    gatherer: &mut Gatherer<'_>,
) -> Result<(), CodecError> {
    let named;
    let device = match &pointers.device {
        None => frame.topic,
        Some(pointer) => match item.pointed(pointer) {
            Some(Value::Text(text)) => text.as_ref(),
            Some(Value::Whole(number)) => {
                named = format!("{number}");
                &named
            }
            _ => return Err(wrong(format!("there is no name at `{pointer}`"))),
        },
    };
    let at = stamp(pointers, item)?;
    let point = |metric, value: &Value<'_>, unit| Point {
        device,
        metric,
        value: number(value),
        unit,
        at,
        road: Road::Live,
    };
    if let (Some(metric), Some(value)) = (&pointers.metric, &pointers.value) {
        let name = item.pointed(metric).and_then(Value::text);
        let name = name.ok_or_else(|| wrong(format!("there is no name at `{metric}`")))?;
        let number =
            item.pointed(value).ok_or_else(|| wrong(format!("there is no value at `{value}`")))?;
        let unit = pointers.unit.as_deref().and_then(|unit| item.pointed(unit)?.text());
        return gatherer.push(point(name, number, unit.map_or(PointUnit::None, PointUnit::Noted)));
    }
    let Some((_, model)) = gatherer.naming().device(device) else {
        return Err(CodecError::UnknownDevice { device: shorten(device) });
    };
    let mut found = false;
    for pointer in model.metrics.keys() {
        if let Some(value) = item.pointed(pointer).filter(|value| **value != Value::Null) {
            found = true;
            gatherer.push(point(pointer, value, PointUnit::None))?;
        }
    }
    if found { Ok(()) } else { Err(wrong("nothing stands where the pointers point".into())) }
}

/// A number, also one written as a text.
fn number(value: &Value<'_>) -> Option<f64> {
    match value {
        Value::Text(text) => text.trim().parse().ok().filter(|value: &f64| value.is_finite()),
        other => other.number(),
    }
}

fn stamp(pointers: &Pointers, item: &Value<'_>) -> Result<Option<Timestamp>, CodecError> {
    let Some(pointer) = &pointers.at else { return Ok(None) };
    let bad =
        |problem: String| CodecError::BadTime { problem: format!("at `{pointer}`: {problem}") };
    let said = |error: &dyn core::fmt::Display| bad(format!("{error}"));
    let unit = || {
        pointers.time_unit.ok_or_else(|| bad("a number, and no `time-unit` is configured".into()))
    };
    match item.pointed(pointer) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Text(text)) => {
            let stamps = pointers.offset.map_or(Stamps::Rfc3339, Stamps::Local);
            stamps.read(text).map(Some).map_err(|error| said(&error))
        }
        Some(Value::Whole(count)) => {
            Timestamp::from_epoch(*count, unit()?).map(Some).map_err(|error| said(&error))
        }
        Some(Value::Number(count)) => {
            Timestamp::from_epoch_float(*count, unit()?).map(Some).map_err(|error| said(&error))
        }
        Some(Value::Flag(_) | Value::List(_) | Value::Object(_)) => Err(bad("no time".into())),
    }
}

fn wrong(problem: String) -> CodecError {
    CodecError::WrongShape { problem: shorten(&problem) }
}
