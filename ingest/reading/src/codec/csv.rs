//! Recorded readings as text, one a line: `series,measured_at,value[,unit]`, or `measured_at,value` of one given
//! series.
//!
//! Pure: the caller hands in lines and counts them. A first line of words is a header and says which column is which
//! (`series`, `measured_at` or `timestamp`, `time`, `t`, then `value`, `unit`; others are passed over); without one the
//! number of columns tells. Fields may stand in double quotes, but hold no commas. Stamps are RFC 3339; local ones
//! (`2015-12-18 00:15:00`, seconds and fraction optional) and bare counts are read only when told what they mean.

use alloc::string::{String, ToString};

use serde::{Deserialize, Serialize};

use super::shorten;
use crate::id::SeriesName;
use crate::time::{TimeError, Timestamp};
use crate::unit::Unit;

/// What a file does not say itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CsvOptions {
    /// The series of every row that names none.
    pub series: Option<SeriesName>,
    /// What the stamps are.
    pub stamps: Stamps,
}

/// What stands in the column of stamps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum Stamps {
    /// RFC 3339 with an offset.
    #[default]
    Rfc3339,
    /// RFC 3339, or local stamps of this offset.
    Local(UtcOffset),
    /// Numbers that count these units from an origin.
    Count(CountUnit, Timestamp),
}

/// East of Greenwich, seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "i32", into = "i32")]
pub struct UtcOffset(jiff::tz::Offset);

impl UtcOffset {
    /// Greenwich.
    pub const ZERO: Self = Self(jiff::tz::Offset::UTC);

    /// Reads `+09:00`, `-08:00` or `Z`.
    pub fn parse(text: &str) -> Option<Self> {
        if matches!(text, "Z" | "z") {
            return Some(Self::ZERO);
        }
        let (sign, digits) = match text.split_at_checked(1)? {
            ("+", digits) => (1, digits),
            ("-", digits) => (-1, digits),
            _ => return None,
        };
        let (hours, minutes) = digits.split_once(':')?;
        let part = |text: &str, max: i32| match text.as_bytes() {
            [a @ b'0'..=b'9', b @ b'0'..=b'9'] => {
                Some(i32::from(a - b'0') * 10 + i32::from(b - b'0')).filter(|n| *n <= max)
            }
            _ => None,
        };
        let seconds = sign * (part(hours, 23)? * 3_600 + part(minutes, 59)? * 60);
        Self::try_from(seconds).ok()
    }

    /// A moment on a clock there, `2026-07-14 03:10:00` with a fraction if it has one.
    pub fn clock(self, at: Timestamp) -> String {
        let moment = jiff::Timestamp::from_nanosecond(at.nanos().into()).unwrap_or_default();
        self.0.to_datetime(moment).to_string().replace('T', " ")
    }
}

impl TryFrom<i32> for UtcOffset {
    type Error = jiff::Error;

    fn try_from(seconds: i32) -> Result<Self, jiff::Error> {
        jiff::tz::Offset::from_seconds(seconds).map(Self)
    }
}

impl From<UtcOffset> for i32 {
    fn from(offset: UtcOffset) -> Self {
        offset.0.seconds()
    }
}

/// What a bare number in the column of stamps counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CountUnit {
    /// Nanoseconds.
    Ns,
    /// Microseconds.
    Us,
    /// Milliseconds.
    Ms,
    /// Seconds.
    S,
    /// Minutes.
    Min,
    /// Hours.
    H,
    /// Days of 24 hours.
    D,
}

impl CountUnit {
    /// The unit by its name: `ns`, `us`, `ms`, `s`, `min`, `h`, `d`.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "ns" => Some(Self::Ns),
            "us" => Some(Self::Us),
            "ms" => Some(Self::Ms),
            "s" => Some(Self::S),
            "min" => Some(Self::Min),
            "h" => Some(Self::H),
            "d" => Some(Self::D),
            _ => None,
        }
    }

    const fn nanos(self) -> i64 {
        match self {
            Self::Ns => 1,
            Self::Us => 1_000,
            Self::Ms => 1_000_000,
            Self::S => 1_000_000_000,
            Self::Min => 60_000_000_000,
            Self::H => 3_600_000_000_000,
            Self::D => 86_400_000_000_000,
        }
    }
}

/// One row.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Which series.
    pub series: SeriesName,
    /// When.
    pub measured_at: Timestamp,
    /// The number, finite.
    pub value: f64,
    /// Its unit, if the file says.
    pub unit: Option<Unit>,
}

/// Why a row cannot be read: which column, what stood there, what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CsvError {
    /// Fewer columns than the form needs.
    #[error(
        "column `{column}` is missing: write series,measured_at,value[,unit], or measured_at,value and name the series"
    )]
    Missing {
        /// The column.
        column: &'static str,
    },
    /// No series in the row, and none given.
    #[error("no column `series`, and none was named: say which series the file holds")]
    NoSeries,
    /// Not a series name.
    #[error("column `series`: {0}")]
    Series(#[from] crate::id::NotASeries),
    /// A local time without knowing where.
    #[error(
        "column `measured_at`: `{text}` is a local time: say with --assume-offset how far east it is (say +09:00)"
    )]
    NoOffset {
        /// What stood there.
        text: String,
    },
    /// A bare number without knowing what it counts.
    #[error(
        "column `measured_at`: `{text}` is a number: say with --time-unit what it counts (s, ms, us, ns, min, h, d)"
    )]
    NoTimeUnit {
        /// What stood there.
        text: String,
    },
    /// Not a count, though counts were announced.
    #[error(
        "column `measured_at`: `{text}` is not a count that stays within the years 1677 to 2262"
    )]
    NotACount {
        /// What stood there.
        text: String,
    },
    /// Not a time.
    #[error("column `measured_at`: {0}")]
    Time(#[from] TimeError),
    /// Not a finite number.
    #[error("column `value`: `{text}` is not a finite number: leave out rows without one")]
    Value {
        /// What stood there.
        text: String,
    },
    /// Not a unit of ours.
    #[error("column `unit`: `{text}` is not a unit known here")]
    Unit {
        /// What stood there.
        text: String,
    },
}

/// Reads the lines of one file, in order.
#[derive(Clone, Debug)]
pub struct CsvReader {
    options: CsvOptions,
    columns: Option<Columns>,
}

/// Where the columns stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Columns {
    series: Option<usize>,
    measured_at: usize,
    value: usize,
    unit: Option<usize>,
}

impl CsvReader {
    /// A reader for one file.
    pub fn new(options: CsvOptions) -> Self {
        Self { options, columns: None }
    }

    /// Reads the next line; `None` for a header, an empty line and a comment (`#`).
    ///
    /// # Errors
    /// [`CsvError`]; the next line can be read all the same.
    pub fn read(&mut self, line: &str) -> Result<Option<Row>, CsvError> {
        let line = line.trim_start_matches('\u{feff}').trim_end();
        if line.is_empty() || line.starts_with('#') {
            return Ok(None);
        }
        let columns = match self.columns {
            Some(columns) => columns,
            None => match Columns::of_header(line) {
                Some(columns) => {
                    self.columns = Some(columns?);
                    return Ok(None);
                }
                None => *self.columns.insert(Columns::of_row(line)),
            },
        };
        self.row(line, columns).map(Some)
    }

    fn row(&self, line: &str, columns: Columns) -> Result<Row, CsvError> {
        let field = |at: usize| line.split(',').nth(at).map(bare).filter(|text| !text.is_empty());
        let series = match columns.series.and_then(field) {
            Some(name) => name.parse()?,
            None => self.options.series.clone().ok_or(CsvError::NoSeries)?,
        };
        let stamp =
            field(columns.measured_at).ok_or(CsvError::Missing { column: "measured_at" })?;
        let value = field(columns.value).ok_or(CsvError::Missing { column: "value" })?;
        let unit = columns.unit.and_then(field);
        Ok(Row {
            series,
            measured_at: self.options.stamps.read(stamp)?,
            value: number(value).ok_or_else(|| CsvError::Value { text: shorten(value) })?,
            unit: unit
                .map(|text| Unit::parse(text).ok_or_else(|| CsvError::Unit { text: shorten(text) }))
                .transpose()?,
        })
    }
}

impl Columns {
    /// The columns a header names, if the line is one.
    fn of_header(line: &str) -> Option<Result<Self, CsvError>> {
        let place = |names: &[&str]| line.split(',').position(|field| names.contains(&bare(field)));
        let measured_at = place(&["measured_at", "timestamp", "time", "t"]);
        let value = place(&["value"]);
        if measured_at.is_none() && value.is_none() {
            return None;
        }
        let missing = |column| CsvError::Missing { column };
        Some(measured_at.ok_or(missing("measured_at")).and_then(|measured_at| {
            let value = value.ok_or(missing("value"))?;
            Ok(Self { series: place(&["series"]), measured_at, value, unit: place(&["unit"]) })
        }))
    }

    /// The columns of a file without a header.
    fn of_row(line: &str) -> Self {
        match line.split(',').count() {
            0..=2 => Self { series: None, measured_at: 0, value: 1, unit: None },
            _ => Self { series: Some(0), measured_at: 1, value: 2, unit: Some(3) },
        }
    }
}

impl Stamps {
    /// Reads one stamp.
    ///
    /// # Errors
    /// The variants of [`CsvError`] about `measured_at`.
    pub fn read(self, text: &str) -> Result<Timestamp, CsvError> {
        match self {
            Self::Count(unit, origin) => {
                count(text, unit, origin).ok_or_else(|| CsvError::NotACount { text: shorten(text) })
            }
            Self::Local(offset) => match local(text) {
                Some(clock) => moment(clock, offset).ok_or_else(|| not_rfc3339(text)),
                None => Ok(Timestamp::parse(text)?),
            },
            Self::Rfc3339 => match Timestamp::parse(text) {
                Ok(moment) => Ok(moment),
                Err(_) if number(text).is_some() => {
                    Err(CsvError::NoTimeUnit { text: shorten(text) })
                }
                Err(_) if local(text).is_some() => Err(CsvError::NoOffset { text: shorten(text) }),
                Err(error) => Err(error.into()),
            },
        }
    }
}

fn not_rfc3339(text: &str) -> CsvError {
    CsvError::Time(TimeError::NotRfc3339 { text: shorten(text) })
}

/// Counts from `origin`; whole numbers to the nanosecond, fractions as far as a double reaches.
fn count(text: &str, unit: CountUnit, origin: Timestamp) -> Option<Timestamp> {
    let nanos = match text.parse::<i64>() {
        Ok(whole) => whole.checked_mul(unit.nanos())?,
        Err(_) => {
            let nanos = libm::round(number(text)? * unit.nanos() as f64);
            if nanos.is_nan() || nanos.abs() >= i64::MAX as f64 {
                return None;
            }
            nanos as i64
        }
    };
    origin.nanos().checked_add(nanos).map(Timestamp::from_nanos)
}

/// A date and a time of day without an offset.
fn local(text: &str) -> Option<jiff::civil::DateTime> {
    let has_time = text.contains(':');
    let has_offset = text.get(10..).is_some_and(|time| time.contains(['Z', 'z', '+', '-', '[']));
    if !has_time || has_offset { None } else { text.parse().ok() }
}

fn moment(clock: jiff::civil::DateTime, offset: UtcOffset) -> Option<Timestamp> {
    let nanos = offset.0.to_timestamp(clock).ok()?.as_nanosecond();
    i64::try_from(nanos).ok().map(Timestamp::from_nanos)
}

fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|value: &f64| value.is_finite())
}

/// A field without blanks and quotes around it.
fn bare(field: &str) -> &str {
    let field = field.trim();
    field.strip_prefix('"').and_then(|inner| inner.strip_suffix('"')).unwrap_or(field).trim()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::collection;
    use proptest::prelude::*;

    fn tilt() -> SeriesName {
        "cut-12/box-1/tilt-1/tilt-x".parse().unwrap()
    }

    fn of_tilt(stamps: Stamps) -> CsvOptions {
        CsvOptions { series: Some(tilt()), stamps }
    }

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn rows(options: CsvOptions, lines: &[&str]) -> Vec<Result<(String, f64), String>> {
        let mut reader = CsvReader::new(options);
        let rows = lines.iter().filter_map(|line| reader.read(line).transpose());
        rows.map(|row| row.map(|r| (r.measured_at.to_string(), r.value)).map_err(|e| e.to_string()))
            .collect()
    }

    #[test]
    fn reads_the_long_form_with_and_without_a_header() {
        let row = Row {
            series: tilt(),
            measured_at: at("2026-07-14T03:10:00+09:00"),
            value: 0.12,
            unit: Some(Unit::Degree),
        };
        for (header, line) in [
            ("", "cut-12/box-1/tilt-1/tilt-x,2026-07-14T03:10:00+09:00,0.12,deg"),
            (
                "series,measured_at,value,unit",
                "cut-12/box-1/tilt-1/tilt-x,2026-07-14T03:10:00+09:00,0.12,deg",
            ),
            (
                "\u{feff}value, unit ,note,series,time\r\n",
                "0.12,\"deg\",x,cut-12/box-1/tilt-1/tilt-x, 2026-07-13T18:10:00Z\r\n",
            ),
        ] {
            let mut reader = CsvReader::new(CsvOptions::default());
            assert_eq!(reader.read(header), Ok(None));
            assert_eq!(reader.read(line), Ok(Some(row.clone())), "{header}");
            assert_eq!(reader.read("# a remark"), Ok(None));
            assert_eq!(reader.read(""), Ok(None));
        }
    }

    #[test]
    fn reads_local_stamps_when_told_where() {
        let pacific = Stamps::Local(UtcOffset::parse("-08:00").unwrap());
        let lines = [
            "timestamp,value",
            "2015-12-18 00:15:00,2923",
            "2010-05-27T16:24:03.680,-3",
            "2015-12-18 00:30,1",
            "2015-12-18T00:00:00Z,2",
        ];
        let expected = [
            Ok(("2015-12-18T08:15:00Z".into(), 2923.0)),
            Ok(("2010-05-28T00:24:03.68Z".into(), -3.0)),
            Ok(("2015-12-18T08:30:00Z".into(), 1.0)),
            Ok(("2015-12-18T00:00:00Z".into(), 2.0)),
        ];
        assert_eq!(rows(of_tilt(pacific), &lines), expected);
    }

    #[test]
    fn counts_from_an_origin() {
        let hour = Stamps::Count(CountUnit::H, at("2026-01-01T00:00:00Z"));
        assert_eq!(
            rows(of_tilt(hour), &["t,value", "0,9", "1.5,9.2"]),
            [Ok(("2026-01-01T00:00:00Z".into(), 9.0)), Ok(("2026-01-01T01:30:00Z".into(), 9.2)),]
        );
        for (unit, count, expected) in [
            ("ns", "1", "1970-01-01T00:00:00.000000001Z"),
            ("us", "1", "1970-01-01T00:00:00.000001Z"),
            ("ms", "-1", "1969-12-31T23:59:59.999Z"),
            ("s", "237293", "1970-01-03T17:54:53Z"),
            ("min", "90", "1970-01-01T01:30:00Z"),
            ("d", "36525", "2070-01-01T00:00:00Z"),
        ] {
            let stamps = Stamps::Count(CountUnit::parse(unit).unwrap(), Timestamp::default());
            assert_eq!(stamps.read(count), Ok(at(expected)), "{count} {unit}");
        }
    }

    #[test]
    fn names_the_column_and_the_remedy() {
        let local = of_tilt(Stamps::Local(UtcOffset::ZERO));
        let count = of_tilt(Stamps::Count(CountUnit::D, Timestamp::default()));
        for (options, line, says) in [
            (of_tilt(Stamps::Rfc3339), "2015-12-18 00:15:00,1", "--assume-offset"),
            (of_tilt(Stamps::Rfc3339), "5529,9.2", "--time-unit"),
            (of_tilt(Stamps::Rfc3339), "yesterday,9.2", "RFC 3339"),
            (local.clone(), "2015-13-18 00:15:00,1", "RFC 3339"),
            (count.clone(), "yesterday,1", "count"),
            (count.clone(), "1e300,1", "count"),
            (count.clone(), "9223372036854775807,1", "count"),
            (count.clone(), "1,abc", "column `value`: `abc`"),
            (count.clone(), "1,nan", "column `value`"),
            (count.clone(), "1,", "column `value` is missing"),
            (count.clone(), "1", "column `value` is missing"),
            (count.clone(), ",1", "column `measured_at` is missing"),
            (count.clone(), "a/b/c,1,2", "column `series`"),
            (count.clone(), "a/b/c/tilt,1,2,parsec", "column `unit`: `parsec`"),
            (CsvOptions::default(), "2015-12-18T00:15:00Z,1", "which series"),
        ] {
            let got = rows(options, &[line]);
            assert!(matches!(&got[..], [Err(text)] if text.contains(says)), "{line}: {got:?}");
        }
        assert!(CsvReader::new(count).read("t,level").is_err(), "a header without `value`");
    }

    fn any_stamps() -> impl Strategy<Value = Stamps> {
        prop_oneof![
            Just(Stamps::Rfc3339),
            Just(Stamps::Local(UtcOffset::parse("+09:00").unwrap())),
            Just(Stamps::Count(CountUnit::D, Timestamp::default())),
        ]
    }

    proptest! {
        #[test]
        fn no_line_is_too_strange(lines in collection::vec(".{0,60}", 0..6), stamps in any_stamps()) {
            let lines: Vec<&str> = lines.iter().map(alloc::string::String::as_str).collect();
            rows(of_tilt(stamps), &lines);
            rows(CsvOptions { series: None, stamps }, &lines);
        }

        #[test]
        fn a_row_reads_back(value in -1e9..1e9_f64, secs in 0..4_000_000_000_i64) {
            let line = alloc::format!("{},{value:?}", Timestamp::from_secs(secs));
            let read = rows(of_tilt(Stamps::Rfc3339), &[&line]);
            prop_assert_eq!(read, [Ok((Timestamp::from_secs(secs).to_string(), value))]);
        }
    }

    #[test]
    fn offsets_are_signed_hours_and_minutes() {
        for good in ["+09:00", "-08:00", "Z", "+05:45"] {
            assert!(UtcOffset::parse(good).is_some(), "{good}");
        }
        for bad in ["", "9", "+9", "09:00", "+24:00", "+09:60", "+-9:00", "급+09:00", "+09:00:00"]
        {
            assert!(UtcOffset::parse(bad).is_none(), "{bad}");
        }
    }
}
