//! CSV with a described header: rows of a logger or a spreadsheet, in a message.
//!
//! The first line names the columns, unless the configuration does. One of them is the stamp; the others are metrics,
//! or, in the long form, one holds the name of the metric and one its number.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::csv::Stamps;
use super::gather::{Gatherer, Point, PointUnit};
use super::line::{fields, lines};
use super::{CodecError, form};
use crate::frame::Frame;
use crate::report::Road;

/// What stands in which column, by name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Columns {
    /// What stands between fields.
    pub delimiter: char,
    /// The names of the columns of rows that come without a first line of names.
    pub names: Vec<String>,
    /// The column of the stamp; without one the rows are of now.
    pub at: Option<String>,
    /// What its stamps are.
    pub stamps: Stamps,
    /// The column of the device; without one it is the topic's.
    pub device: Option<String>,
    /// The column of the metric's name, in the long form.
    pub metric: Option<String>,
    /// The column of its number, in the long form.
    pub value: Option<String>,
    /// The column of its unit, in the long form.
    pub unit: Option<String>,
}

/// The same by place.
struct Places<'a> {
    names: Vec<Cow<'a, str>>,
    at: Option<usize>,
    device: Option<usize>,
    long: Option<(usize, usize, Option<usize>)>,
}

pub(super) fn decode(
    columns: &Columns,
    frame: &Frame<'_>,
    gatherer: &mut Gatherer<'_>,
) -> Result<(), CodecError> {
    let mut lines = lines(form::text_of(frame.payload)?);
    let names = match columns.names.is_empty() {
        false => columns.names.iter().map(|name| Cow::Borrowed(name.as_str())).collect(),
        true => {
            let (number, line) =
                lines.next().ok_or_else(|| wrong(1, "there is no line of names"))?;
            fields(line, columns.delimiter).map_err(|problem| wrong(number, problem))?
        }
    };
    let places = places(columns, names)?;
    for (number, line) in lines {
        if !line.starts_with('#') {
            row(columns, &places, number, line, frame, gatherer)?;
        }
    }
    Ok(())
}

fn places<'a>(columns: &Columns, names: Vec<Cow<'a, str>>) -> Result<Places<'a>, CodecError> {
    if let Some(twice) = (1..names.len()).find(|at| names[..*at].contains(&names[*at])) {
        return Err(wrong(1, &format!("two columns are called `{}`", names[twice])));
    }
    let place = |name: &String| {
        let found = names.iter().position(|column| column == name);
        found.ok_or_else(|| wrong(1, &format!("there is no column `{name}`")))
    };
    let optional = |name: &Option<String>| name.as_ref().map(place).transpose();
    let long = match (&columns.metric, &columns.value) {
        (Some(metric), Some(value)) => {
            Some((place(metric)?, place(value)?, optional(&columns.unit)?))
        }
        _ => None,
    };
    let (at, device) = (optional(&columns.at)?, optional(&columns.device)?);
    Ok(Places { names, at, device, long })
}

fn row(
    columns: &Columns,
    places: &Places<'_>,
    number: usize,
    line: &str,
    frame: &Frame<'_>,
    gatherer: &mut Gatherer<'_>,
) -> Result<(), CodecError> {
    let fields = fields(line, columns.delimiter).map_err(|problem| wrong(number, problem))?;
    if fields.len() != places.names.len() {
        let (has, wants) = (fields.len(), places.names.len());
        return Err(wrong(number, &format!("the row has {has} fields, not {wants}")));
    }
    let at = places
        .at
        .map(|at| columns.stamps.read(&fields[at]))
        .transpose()
        .map_err(|error| CodecError::BadTime { problem: format!("line {number}: {error}") })?;
    let point = |metric, text: &str, unit| Point {
        device: places.device.map_or(frame.topic, |at| &fields[at]),
        metric,
        value: text.parse().ok(),
        unit,
        at,
        road: Road::Live,
    };
    if let Some((metric, value, unit)) = places.long {
        let unit = unit.map(|at| fields[at].as_ref()).filter(|unit| !unit.is_empty());
        let unit = unit.map_or(PointUnit::None, PointUnit::Noted);
        return gatherer.push(point(&fields[metric], &fields[value], unit));
    }
    for (place, (name, field)) in places.names.iter().zip(&fields).enumerate() {
        if Some(place) != places.at && Some(place) != places.device && !field.is_empty() {
            gatherer.push(point(name, field, PointUnit::None))?;
        }
    }
    Ok(())
}

fn wrong(line: usize, problem: &str) -> CodecError {
    CodecError::WrongShape { problem: format!("line {line}: {problem}") }
}
