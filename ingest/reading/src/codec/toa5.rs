//! Campbell Scientific TOA5: a table of a logger with four header lines, or a row of one whose columns are described.
//!
//! ```text
//! "TOA5","slope-7","CR1000X","12342","CR1000X.Std.03.02","CPU:slope.CR1X","2438","Hourly"
//! "TIMESTAMP","RECORD","BattV","Tilt_X_Avg"
//! "TS","RN","Volts","deg"
//! "","","Smp","Avg"
//! "2021-06-18 21:00:00",10,13.23,0.12
//! ```
//!
//! The device is `station/table` if the table of names has that, else the station of the first line; rows without a
//! header are the topic's. The columns after `TIMESTAMP` and `RECORD` are the metrics. Stamps are the logger's local
//! time. A row of another length is a damaged one, and the message is refused with it.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::csv::{Stamps, UtcOffset};
use super::gather::{Gatherer, Point, PointUnit};
use super::line::{fields, lines};
use super::{CodecError, form};
use crate::frame::Frame;
use crate::report::{Claim, Road};
use crate::time::Timestamp;

/// What a TOA5 table does not say itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Toa5 {
    /// How far east the logger's clock is.
    pub offset: UtcOffset,
    /// The columns of rows that come without a header, `TIMESTAMP` first.
    pub columns: Vec<String>,
}

/// What stands above the rows.
struct Header<'a> {
    device: Cow<'a, str>,
    columns: Vec<Cow<'a, str>>,
    units: Vec<Cow<'a, str>>,
}

const STAMP: &str = "TIMESTAMP";
const RECORD: &str = "RECORD";

pub(super) fn decode(
    toa5: &Toa5,
    frame: &Frame<'_>,
    gatherer: &mut Gatherer<'_>,
) -> Result<(), CodecError> {
    let mut lines = lines(form::text_of(frame.payload)?).peekable();
    let header = match lines.peek() {
        Some((_, first)) if first.starts_with("\"TOA5\"") || first.starts_with("TOA5") => {
            read_header(&mut lines, gatherer)?
        }
        _ if toa5.columns.is_empty() => {
            return Err(wrong(1, "there is no TOA5 header, and no `columns` are configured"));
        }
        _ => Header {
            device: frame.topic.into(),
            columns: toa5.columns.iter().map(|column| column.as_str().into()).collect(),
            units: Vec::new(),
        },
    };
    for (number, line) in lines {
        row(&header, number, line, Stamps::Local(toa5.offset), gatherer)?;
    }
    Ok(())
}

fn read_header<'a>(
    lines: &mut impl Iterator<Item = (usize, &'a str)>,
    gatherer: &Gatherer<'_>,
) -> Result<Header<'a>, CodecError> {
    let mut next = |what: &str| {
        let (number, line) = lines.next().ok_or_else(|| wrong(0, &format!("{what} is missing")))?;
        let fields = fields(line, ',').map_err(|problem| wrong(number, problem))?;
        Ok((number, fields))
    };
    let (_, about) = next("the line of the station")?;
    let [_, station, .., table] = about.as_slice() else {
        return Err(wrong(1, "the line of the station has no station and table"));
    };
    if about.len() != 8 {
        return Err(wrong(1, "the line of the station has not its 8 fields"));
    }
    let with_table = format!("{station}/{table}");
    let device = match gatherer.naming().devices.contains_key(&with_table) {
        true => with_table.into(),
        false => station.clone(),
    };
    let (number, columns) = next("the line of column names")?;
    if columns.first().is_none_or(|first| first != STAMP) {
        return Err(wrong(number, "the first column is not TIMESTAMP"));
    }
    let twice = |(i, column): (usize, &Cow<'_, str>)| columns[..i].contains(column);
    if columns.iter().enumerate().any(twice) {
        return Err(wrong(number, "two columns have the same name"));
    }
    let (number, units) = next("the line of units")?;
    let (_, kinds) = next("the line of processing")?;
    if units.len() != columns.len() || kinds.len() != columns.len() {
        return Err(wrong(number, "the header lines differ in length"));
    }
    Ok(Header { device, columns, units })
}

fn row(
    header: &Header<'_>,
    number: usize,
    line: &str,
    stamps: Stamps,
    gatherer: &mut Gatherer<'_>,
) -> Result<(), CodecError> {
    let fields = fields(line, ',').map_err(|problem| wrong(number, problem))?;
    if fields.len() != header.columns.len() {
        let (has, wants) = (fields.len(), header.columns.len());
        return Err(wrong(number, &format!("the row has {has} fields, the header {wants}")));
    }
    let stamp = fields.first().map(Cow::as_ref).unwrap_or_default();
    let at = stamps
        .read(stamp)
        .map_err(|error| CodecError::BadTime { problem: format!("line {number}: {error}") })?;
    for (i, (column, field)) in header.columns.iter().zip(&fields).enumerate() {
        if matches!(column.as_ref(), STAMP | RECORD) || field.is_empty() {
            continue;
        }
        let unit = match header.units.get(i).map(|unit| symbol(unit)) {
            None | Some("") => PointUnit::None,
            Some(unit) => PointUnit::Noted(unit),
        };
        gatherer.push(Point {
            device: &header.device,
            metric: column,
            value: number_of(field),
            unit,
            at: Some(at),
            road: Road::Live,
        })?;
    }
    Ok(())
}

/// A field as a number; the logger's own words for none are NaN.
fn number_of(field: &str) -> Option<f64> {
    match field {
        "NAN" | "INF" | "-INF" | "+INF" => Some(f64::NAN),
        _ => field.parse().ok().filter(|value: &f64| value.is_finite()),
    }
}

/// What programmers of loggers write for units of ours.
fn symbol(unit: &str) -> &str {
    match unit.trim() {
        "Volts" | "volts" | "Volt" => "V",
        "Deg C" | "deg C" | "DegC" | "Deg_C" | "oC" | "C" => "Cel",
        "Deg" | "degrees" | "Degrees" | "Deg." => "deg",
        "kPa " | "KPa" | "kpa" => "kPa",
        "Meters" | "meters" => "m",
        other => other,
    }
}

fn wrong(line: usize, problem: &str) -> CodecError {
    CodecError::WrongShape { problem: format!("line {line}: {problem}") }
}

/// Writes a table with its header, one row a stamp, as a logger sends it. Claims name their columns by
/// [`sensor`](Claim::sensor) and carry their stamp.
pub fn encode(station: &str, table: &str, offset: UtcOffset, claims: &[Claim<'_>]) -> String {
    let mut columns: Vec<(&str, &str)> = Vec::new();
    let mut stamps: Vec<Timestamp> = Vec::new();
    for claim in claims {
        let column = (claim.sensor.as_ref(), claim.unit.as_deref().unwrap_or_default());
        if !columns.iter().any(|(name, _)| *name == column.0) {
            columns.push(column);
        }
        stamps.extend(claim.at.filter(|at| !stamps.contains(at)));
    }
    let quoted = |text: &str| ["\"", &text.replace('"', "\"\""), "\""].concat();
    let head = |first: &str, second: &str, of: &dyn Fn(&(&str, &str)) -> String| {
        let rest = columns.iter().map(|column| quoted(&of(column)));
        let all: Vec<_> = [quoted(first), quoted(second)].into_iter().chain(rest).collect();
        all.join(",")
    };
    let about = ["TOA5", station, "CR1000X", "1", "CR1000X.Std.03.02", "CPU:sim.CR1X", "1", table];
    let mut text = [
        about.map(quoted).join(","),
        head(STAMP, RECORD, &|column| column.0.into()),
        head("TS", "RN", &|column| column.1.into()),
        head("", "", &|_| "Smp".into()),
    ]
    .join("\r\n");
    for (record, at) in stamps.iter().enumerate() {
        text.push_str("\r\n");
        text.push_str(&quoted(&offset.clock(*at)));
        text.push(',');
        text.push_str(&record.to_string());
        for (name, _) in &columns {
            let of_row = |claim: &&Claim<'_>| claim.at == Some(*at) && claim.sensor == *name;
            let value = claims.iter().find(of_row).map_or(f64::NAN, |claim| claim.value);
            text.push(',');
            text.push_str(&if value.is_finite() { value.to_string() } else { quoted("NAN") });
        }
    }
    text.push_str("\r\n");
    text
}
