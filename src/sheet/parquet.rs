//! Rows as columns on disk, for tools that read much at once: Parquet with plain types, no compression of its own.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::sync::Arc;

use anyhow::{Context, bail};
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::writer::SerializedFileWriter;
use parquet::record::Field;
use parquet::record::reader::RowIter;
use parquet::schema::parser::parse_message_type;

use super::{Cell, Form, Kind, Row, Sheet, Timestamp, line};

/// So many rows are held until they are written.
const GROUP: usize = 65_536;

/// A file being written.
pub struct Parquet {
    writer: SerializedFileWriter<File>,
    rows: Vec<Row>,
}

impl Parquet {
    /// Begins one.
    pub fn begin(form: Form, file: File) -> anyhow::Result<Self> {
        let column = |(name, kind): &(&str, Kind)| match kind {
            Kind::Text => format!("REQUIRED BYTE_ARRAY {name} (STRING);"),
            Kind::Time => format!("REQUIRED INT64 {name} (TIMESTAMP(NANOS,true));"),
            Kind::Number => format!("REQUIRED DOUBLE {name};"),
            Kind::Count => format!("REQUIRED INT64 {name} (INTEGER(64,false));"),
        };
        let columns: String = form.columns().iter().map(column).collect();
        let schema = parse_message_type(&format!("message {} {{ {columns} }}", form.name()))?;
        let properties = Arc::new(WriterProperties::builder().build());
        let writer = SerializedFileWriter::new(file, Arc::new(schema), properties)?;
        Ok(Self { writer, rows: Vec::new() })
    }

    fn write(&mut self) -> anyhow::Result<()> {
        let mut group = self.writer.next_row_group()?;
        let mut place = 0;
        while let Some(mut column) = group.next_column()? {
            let cells = self.rows.iter().map(|row| &row[place]);
            match column.untyped() {
                ColumnWriter::Int64ColumnWriter(to) => {
                    to.write_batch(&cells.filter_map(whole).collect::<Vec<_>>(), None, None)?;
                }
                ColumnWriter::DoubleColumnWriter(to) => {
                    to.write_batch(&cells.filter_map(number).collect::<Vec<_>>(), None, None)?;
                }
                ColumnWriter::ByteArrayColumnWriter(to) => {
                    let texts = cells.map(|cell| ByteArray::from(&*cell.text()));
                    to.write_batch(&texts.collect::<Vec<_>>(), None, None)?;
                }
                _ => bail!("column {place} has a type that we do not write; please report this"),
            }
            column.close()?;
            place += 1;
        }
        group.close()?;
        self.rows.clear();
        Ok(())
    }
}

fn whole(cell: &Cell) -> Option<i64> {
    match cell {
        Cell::Time(at) => Some(at.nanos()),
        // Unsigned on disk as well: the same bits.
        Cell::Count(count) => Some(count.cast_signed()),
        Cell::Text(_) | Cell::Number(_) => None,
    }
}

fn number(cell: &Cell) -> Option<f64> {
    if let Cell::Number(number) = cell { Some(*number) } else { None }
}

impl Sheet for Parquet {
    fn row(&mut self, row: Row) -> anyhow::Result<()> {
        self.rows.push(row);
        if self.rows.len() < GROUP { Ok(()) } else { self.write() }
    }

    fn finish(mut self: Box<Self>) -> anyhow::Result<()> {
        if !self.rows.is_empty() {
            self.write()?;
        }
        self.writer.close()?;
        Ok(())
    }
}

/// A file, read as the CSV of the form whose columns it has.
pub fn lines(file: File) -> anyhow::Result<BufReader<Lines>> {
    let reader = SerializedFileReader::new(file).context("it is no Parquet file")?;
    let fields = reader.metadata().file_metadata().schema().get_fields();
    let names: Vec<String> = fields.iter().map(|field| field.name().to_owned()).collect();
    let columns = |form: &Form| form.columns().iter().map(|(name, _)| *name).eq(names.iter());
    let Some(form) = Form::ALL.into_iter().find(columns) else {
        bail!("its columns ({}) are none that bongsu exports", names.join(", "))
    };
    let ready = (form.header() + "\n").into_bytes();
    let rows = RowIter::from_file_into(Box::new(reader));
    Ok(BufReader::new(Lines { rows, form, ready, taken: 0 }))
}

/// Rows as lines, made as they are read.
pub struct Lines {
    rows: RowIter<'static>,
    form: Form,
    ready: Vec<u8>,
    taken: usize,
}

impl Read for Lines {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if self.taken == self.ready.len()
            && let Some(row) = self.rows.next()
        {
            let row = row.map_err(io::Error::other)?;
            let cells = self.form.columns().iter().zip(row.get_column_iter());
            let cells = cells.map(|((name, kind), (_, field))| {
                let strange = || io::Error::other(format!("`{name}` cannot be `{field}`"));
                cell(*kind, field).ok_or_else(strange)
            });
            self.ready = (line(&cells.collect::<io::Result<Row>>()?) + "\n").into_bytes();
            self.taken = 0;
        }
        let length = to.len().min(self.ready.len() - self.taken);
        to[..length].copy_from_slice(&self.ready[self.taken..][..length]);
        self.taken += length;
        Ok(length)
    }
}

/// A moment may be in what other tools write, too.
fn cell(kind: Kind, field: &Field) -> Option<Cell> {
    Some(match (kind, field) {
        (Kind::Text, Field::Str(text)) => Cell::Text(text.clone()),
        (Kind::Time, Field::Long(nanos)) => Cell::Time(Timestamp::from_nanos(*nanos)),
        (Kind::Time, Field::TimestampMicros(micros)) => {
            Cell::Time(Timestamp::from_nanos(micros.checked_mul(1_000)?))
        }
        (Kind::Time, Field::TimestampMillis(millis)) => {
            Cell::Time(Timestamp::from_nanos(millis.checked_mul(1_000_000)?))
        }
        (Kind::Number, Field::Double(number)) => Cell::Number(*number),
        (Kind::Count, Field::ULong(count)) => Cell::Count(*count),
        (Kind::Count, Field::Long(count)) => Cell::Count(u64::try_from(*count).ok()?),
        _ => return None,
    })
}
