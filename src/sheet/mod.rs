//! Readings, incidents and deliveries as rows of typed cells, and the files they stand in: CSV, and Parquet with the
//! feature. docs/export.md is the dictionary of the columns.

#[cfg(feature = "parquet")]
mod parquet;

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufRead, Write};

use anyhow::{bail, ensure};
use reading::Timestamp;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// A moment, RFC 3339 in UTC; in Parquet nanoseconds since 1970.
    Time,
    /// A number, with as many digits as it needs.
    Number,
    /// How many.
    Count,
}

/// What a file is about, and with that its columns; the first names a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Admitted readings.
    Readings,
    /// Incidents as they stand.
    Incidents,
    /// Deliveries as they stand.
    Deliveries,
}

/// A name and what stands below it.
type Column = (&'static str, Kind);

const READINGS: &[Column] = &[
    ("series", Kind::Text),
    ("measured_at", Kind::Time),
    ("received_at", Kind::Time),
    ("value", Kind::Number),
    ("unit", Kind::Text),
    ("quality", Kind::Text),
];

const INCIDENTS: &[Column] = &[
    ("id", Kind::Text),
    ("site", Kind::Text),
    ("hazard", Kind::Text),
    ("state", Kind::Text),
    ("level", Kind::Text),
    ("peak", Kind::Text),
    ("revision", Kind::Count),
    ("opened_at", Kind::Time),
    ("revised_at", Kind::Time),
    ("what_ko", Kind::Text),
    ("what_en", Kind::Text),
];

const DELIVERIES: &[Column] = &[
    ("key", Kind::Text),
    ("channel", Kind::Text),
    ("recipient", Kind::Text),
    ("site", Kind::Text),
    ("incident", Kind::Text),
    ("revision", Kind::Count),
    ("purpose", Kind::Text),
    ("level", Kind::Text),
    ("state", Kind::Text),
    ("attempts", Kind::Count),
    ("owed_at", Kind::Time),
    ("changed_at", Kind::Time),
    ("note", Kind::Text),
];

impl Form {
    /// Every form.
    pub const ALL: [Self; 3] = [Self::Readings, Self::Incidents, Self::Deliveries];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Readings => "readings",
            Self::Incidents => "incidents",
            Self::Deliveries => "deliveries",
        }
    }

    /// Its columns, in order.
    pub const fn columns(self) -> &'static [Column] {
        match self {
            Self::Readings => READINGS,
            Self::Incidents => INCIDENTS,
            Self::Deliveries => DELIVERIES,
        }
    }

    /// The first line of its CSV.
    pub fn header(self) -> String {
        self.columns().iter().map(|(name, _)| *name).collect::<Vec<_>>().join(",")
    }

    /// A row from texts as CSV has them.
    ///
    /// # Errors
    /// Which column is not what it should be.
    pub fn row(self, texts: &[String]) -> anyhow::Result<Row> {
        let columns = self.columns();
        ensure!(texts.len() == columns.len(), "{} cells, not {}", texts.len(), columns.len());
        ensure!(!texts[0].is_empty(), "`{}` is empty", columns[0].0);
        let cell = |((name, kind), text): (&Column, &String)| match Cell::parse(*kind, text) {
            Some(cell) => Ok(cell),
            None => bail!("`{name}` cannot be `{text}`"),
        };
        columns.iter().zip(texts).map(cell).collect()
    }
}

/// What stands in a row, column by column.
pub type Row = Vec<Cell>;

/// One value.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// Text.
    Text(String),
    /// A moment.
    Time(Timestamp),
    /// A number.
    Number(f64),
    /// How many.
    Count(u64),
}

impl Cell {
    /// As text that is read back as the same.
    pub fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Text(text) => Cow::Borrowed(text),
            Self::Time(at) => Cow::Owned(at.to_string()),
            Self::Number(number) => Cow::Owned(format!("{number:?}")),
            Self::Count(count) => Cow::Owned(count.to_string()),
        }
    }

    fn parse(kind: Kind, text: &str) -> Option<Self> {
        Some(match kind {
            Kind::Text => Self::Text(text.into()),
            Kind::Time => Self::Time(Timestamp::parse(text).ok()?),
            Kind::Number => Self::Number(text.parse().ok()?),
            Kind::Count => Self::Count(text.parse().ok()?),
        })
    }
}

/// Where rows go, one after the other.
pub trait Sheet {
    /// Writes one.
    ///
    /// # Errors
    /// What the file said.
    fn row(&mut self, row: Row) -> anyhow::Result<()>;

    /// Brings the file to its end.
    ///
    /// # Errors
    /// What the file said.
    fn finish(self: Box<Self>) -> anyhow::Result<()>;
}

/// Comma-separated, with a header (RFC 4180).
pub struct Csv<W>(W);

impl<W: Write> Csv<W> {
    /// Begins with the names of the columns.
    ///
    /// # Errors
    /// What the file said.
    pub fn begin(form: Form, mut out: W) -> io::Result<Self> {
        writeln!(out, "{}", form.header())?;
        Ok(Self(out))
    }
}

impl<W: Write> Sheet for Csv<W> {
    fn row(&mut self, row: Row) -> anyhow::Result<()> {
        Ok(writeln!(self.0, "{}", line(&row))?)
    }

    fn finish(mut self: Box<Self>) -> anyhow::Result<()> {
        Ok(self.0.flush()?)
    }
}

/// A row as a line of CSV, without its end.
fn line(row: &Row) -> String {
    row.iter().map(|cell| field(&cell.text()).into_owned()).collect::<Vec<_>>().join(",")
}

/// A field of CSV: quoted where it has to be.
fn field(text: &str) -> Cow<'_, str> {
    match text.contains(['"', ',', '\n', '\r']) {
        true => Cow::Owned(format!("\"{}\"", text.replace('"', "\"\""))),
        false => Cow::Borrowed(text),
    }
}

/// Begins a Parquet file.
///
/// # Errors
/// If it cannot be written, or the program was built without.
#[cfg_attr(
    not(feature = "parquet"),
    expect(unused_variables, reason = "there is nothing to write it with")
)]
pub fn begin_parquet(form: Form, file: File) -> anyhow::Result<Box<dyn Sheet>> {
    #[cfg(feature = "parquet")]
    return Ok(Box::new(parquet::Parquet::begin(form, file)?));
    #[cfg(not(feature = "parquet"))]
    bail!(WITHOUT)
}

/// A Parquet file, read as the CSV it would be.
///
/// # Errors
/// If it cannot be read, or the program was built without.
#[cfg_attr(
    not(feature = "parquet"),
    expect(unused_variables, reason = "there is nothing to read it with")
)]
pub fn read_parquet(file: File) -> anyhow::Result<Box<dyn BufRead>> {
    #[cfg(feature = "parquet")]
    return Ok(Box::new(parquet::lines(file)?));
    #[cfg(not(feature = "parquet"))]
    bail!(WITHOUT)
}

#[cfg(not(feature = "parquet"))]
const WITHOUT: &str =
    "this program was built without Parquet: build it with --features parquet, or use CSV";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_has_to_be_is_quoted() {
        for (text, written) in [
            ("plain", "plain"),
            ("a, b", "\"a, b\""),
            ("said \"no\"", "\"said \"\"no\"\"\""),
            ("two\nlines", "\"two\nlines\""),
            ("한글", "한글"),
        ] {
            assert_eq!(field(text), written);
        }
    }

    #[test]
    fn every_cell_is_read_back_as_the_same() {
        let at = |nanos| Cell::Time(Timestamp::from_nanos(nanos));
        for (kind, cell) in [
            (Kind::Text, Cell::Text("한, \"글\"\n".into())),
            (Kind::Time, at(1_784_000_000_123_456_789)),
            (Kind::Time, at(1)),
            (Kind::Number, Cell::Number(0.1 + 0.2)),
            (Kind::Number, Cell::Number(5e-324)),
            (Kind::Number, Cell::Number(-0.0)),
            (Kind::Count, Cell::Count(u64::MAX)),
        ] {
            assert_eq!(Cell::parse(kind, &cell.text()), Some(cell));
        }
    }

    #[test]
    fn a_row_that_is_none_is_refused_by_its_column() {
        let good = [
            "live-1",
            "s",
            "slope-failure",
            "open",
            "normal",
            "severe",
            "3",
            "2026-07-14T03:00:00Z",
            "2026-07-14T03:00:00Z",
            "",
            "",
        ];
        let of = |place: usize, text: &str| {
            let mut texts = good.map(str::to_owned);
            texts[place] = text.into();
            Form::Incidents.row(&texts).map_err(|error| error.to_string())
        };
        assert!(of(1, "s").is_ok());
        for (place, text, says) in [
            (0, "", "`id` is empty"),
            (6, "-1", "`revision` cannot be `-1`"),
            (7, "yesterday", "`opened_at` cannot be `yesterday`"),
        ] {
            assert_eq!(of(place, text).unwrap_err(), says);
        }
        assert_eq!(Form::Incidents.row(&[]).unwrap_err().to_string(), "0 cells, not 11");
    }

    #[cfg(feature = "parquet")]
    #[test]
    fn what_goes_through_parquet_is_the_same_csv() {
        use std::io::Read;

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("readings.parquet");
        let mut csv = Vec::new();
        let mut plain: Box<dyn Sheet + '_> =
            Box::new(Csv::begin(Form::Readings, &mut csv).unwrap());
        let mut sheet = begin_parquet(Form::Readings, File::create(&path).unwrap()).unwrap();
        for (n, value) in [0.1 + 0.2, 1.0 / 3.0, 1e-7, -0.25, 5e-324, f64::MAX]
            .into_iter()
            .cycle()
            .take(70_001)
            .enumerate()
        {
            let at = Timestamp::from_nanos(1_784_000_000_000_000_001 + n as i64);
            let text = |text: &str| Cell::Text(text.into());
            let row = vec![
                text("a/b/c/crack-width"),
                Cell::Time(at),
                Cell::Time(at),
                Cell::Number(value),
                text("mm"),
                text("old+, \"한\""),
            ];
            plain.row(row.clone()).unwrap();
            sheet.row(row).unwrap();
        }
        plain.finish().unwrap();
        sheet.finish().unwrap();
        let mut back = Vec::new();
        read_parquet(File::open(&path).unwrap()).unwrap().read_to_end(&mut back).unwrap();
        assert!(back == csv, "{} bytes, {} came back", csv.len(), back.len());
    }

    #[cfg(not(feature = "parquet"))]
    #[test]
    fn without_parquet_it_says_so() {
        let file = || tempfile::tempfile().unwrap();
        assert!(
            begin_parquet(Form::Readings, file()).is_err_and(|error| error.to_string() == WITHOUT)
        );
        assert!(read_parquet(file()).is_err_and(|error| error.to_string() == WITHOUT));
    }
}
