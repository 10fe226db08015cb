//! JSON of any form, read by RFC 6901 pointers.
//!
//! Two ways to say it. *Wide*: the metrics of the table are pointers (`/data/tilt/x`), and what no pointer names is not
//! asked for. *Long*: `metric` and `value` point to a name and its number, for messages that name what they carry. In
//! both, `each` points to a list of which every item is read so.
//!
//! Official products say grades in words, list only what is in force, and stand still when their maker does. For these:
//! `words` are numbers for texts; with `otherwise` whatever the table of names has and the message does not has that
//! value, and devices the table does not have are passed over, as they are other regions; `updated` is when the product
//! was made, and one that is older than `stale_after` is refused.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::csv::{Stamps, UtcOffset};
use super::gather::{Gatherer, Point, PointUnit};
use super::value::{self, Value};
use super::{CodecError, shorten};
use crate::frame::Frame;
use crate::report::Road;
use crate::time::{EpochUnit, Timestamp};

pub use super::value::is_pointer;

/// How many numbers of a device that no table knows are told.
const SAID_MAX: usize = 32;

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
    /// The number that a text stands for, before it is read as one.
    #[serde(default)]
    pub words: BTreeMap<String, f64>,
    /// The value of what the table of names has and a message does not.
    #[serde(default)]
    pub otherwise: Option<f64>,
    /// When the product was made, from the top of the message.
    #[serde(default)]
    pub updated: Option<String>,
    /// How old it may be then.
    #[serde(default)]
    pub stale_after: Duration,
}

/// What a message has said so far, device and metric.
type Told = BTreeSet<(String, String)>;

pub(super) fn decode(
    pointers: &Pointers,
    frame: &Frame<'_>,
    gatherer: &mut Gatherer<'_>,
) -> Result<(), CodecError> {
    let message = value::read(frame.payload)?;
    check_age(pointers, &message, frame.received_at)?;
    let mut told = Told::new();
    let items = match &pointers.each {
        None => core::slice::from_ref(&message),
        Some(each) => match message.pointed(each) {
            Some(Value::List(items)) => items,
            _ => return Err(wrong(format!("there is no list at `{each}`"))),
        },
    };
    let mut spoke = pointers.each.is_some() && items.is_empty();
    for one in items {
        spoke |= item(pointers, one, frame, gatherer, &mut told)?;
    }
    match pointers.otherwise {
        Some(value) => fill(value, &told, gatherer),
        None if spoke => Ok(()),
        None => Err(wrong("nothing stands where the pointers point".into())),
    }
}

/// Refuses a product that stands still.
fn check_age(
    pointers: &Pointers,
    message: &Value<'_>,
    received_at: Timestamp,
) -> Result<(), CodecError> {
    let Some(pointer) = &pointers.updated else { return Ok(()) };
    let updated = moment(pointers, pointer, message)?
        .ok_or_else(|| wrong(format!("there is no time at `{pointer}`")))?;
    if received_at.since(updated) > pointers.stale_after {
        return Err(CodecError::Stale { updated });
    }
    Ok(())
}

/// What the table has and the message does not.
fn fill(value: f64, told: &Told, gatherer: &mut Gatherer<'_>) -> Result<(), CodecError> {
    let naming = gatherer.naming();
    for device in naming.devices.keys() {
        let Some((_, model)) = naming.device(device) else { continue };
        for metric in model.metrics.keys() {
            if told.contains(&(device.clone(), metric.clone())) {
                continue;
            }
            gatherer.push(Point {
                device,
                metric,
                value: Some(value),
                unit: PointUnit::None,
                at: None,
                road: Road::Live,
            })?;
        }
    }
    Ok(())
}

/// Reads an item; whether it said anything.
fn item(
    pointers: &Pointers,
    item: &Value<'_>,
    frame: &Frame<'_>,
    gatherer: &mut Gatherer<'_>,
    told: &mut Told,
) -> Result<bool, CodecError> {
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
    if pointers.otherwise.is_some() && gatherer.naming().device(device).is_none() {
        return Ok(false); // another region
    }
    let at = stamp(pointers, item)?;
    let point = |metric, value, unit| Point { device, metric, value, unit, at, road: Road::Live };
    if let (Some(metric), Some(value)) = (&pointers.metric, &pointers.value) {
        let name = item.pointed(metric).and_then(Value::text);
        let name = name.ok_or_else(|| wrong(format!("there is no name at `{metric}`")))?;
        let stands =
            item.pointed(value).ok_or_else(|| wrong(format!("there is no value at `{value}`")))?;
        let unit = pointers.unit.as_deref().and_then(|unit| item.pointed(unit)?.text());
        told.insert((device.into(), name.into()));
        let unit = unit.map_or(PointUnit::None, PointUnit::Noted);
        gatherer.push(point(name, number(pointers, stands), unit))?;
        return Ok(true);
    }
    let Some((_, model)) = gatherer.naming().device(device) else {
        let mut said = Vec::new();
        leaves(item, "", &mut |pointer, value| {
            if said.len() < SAID_MAX {
                said.push((shorten(pointer), value));
            }
        });
        gatherer.note_stranger(device);
        for (metric, value) in &said {
            gatherer.push(point(metric, Some(*value), PointUnit::None))?;
        }
        return Ok(true);
    };
    let mut found = false;
    for pointer in model.metrics.keys() {
        if let Some(value) = item.pointed(pointer).filter(|value| **value != Value::Null) {
            found = true;
            told.insert((device.into(), pointer.clone()));
            gatherer.push(point(pointer, number(pointers, value), PointUnit::None))?;
        }
    }
    Ok(found)
}

/// Every number below a value, with the pointer to it. As deep as values are read.
fn leaves(value: &Value<'_>, at: &str, tell: &mut impl FnMut(&str, f64)) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let name = name.replace('~', "~0").replace('/', "~1");
                leaves(value, &format!("{at}/{name}"), tell);
            }
        }
        Value::List(items) => {
            for (index, value) in items.iter().enumerate() {
                leaves(value, &format!("{at}/{index}"), tell);
            }
        }
        other => {
            if let Some(number) = other.number() {
                tell(at, number);
            }
        }
    }
}

/// A number, also one written as a text.
fn number(pointers: &Pointers, value: &Value<'_>) -> Option<f64> {
    match value {
        Value::Text(text) if pointers.words.contains_key(text.as_ref()) => {
            pointers.words.get(text.as_ref()).copied()
        }
        Value::Text(text) => text.trim().parse().ok().filter(|value: &f64| value.is_finite()),
        other => other.number(),
    }
}

fn stamp(pointers: &Pointers, item: &Value<'_>) -> Result<Option<Timestamp>, CodecError> {
    match &pointers.at {
        Some(pointer) => moment(pointers, pointer, item),
        None => Ok(None),
    }
}

/// The moment that stands at a pointer.
fn moment(
    pointers: &Pointers,
    pointer: &str,
    item: &Value<'_>,
) -> Result<Option<Timestamp>, CodecError> {
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
