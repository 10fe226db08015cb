//! Readings of elsewhere: what the table of another bongsu says of each, when it was received and what was known
//! against it.
//!
//! A file of its own, `elsewhere-readings.sqlite`. What this bongsu believes of the same readings it finds out by
//! itself, as of any of the past; what stands here is for the next table alone, and raises, lowers and vouches for
//! nothing.

use std::path::Path;

use reading::{Quality, SeriesName, Timestamp};
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::ElsewhereError;
use crate::sheet::{Cell, Row, Sheet};
use crate::store;

const FILE: &str = "elsewhere-readings.sqlite";

/// Layout of the file.
pub const LAYOUT: i64 = 1;

/// Values as their bits: a database of numbers forgets the sign of zero.
const SCHEMA: &str = "
CREATE TABLE reading (
    rank INTEGER PRIMARY KEY, series TEXT NOT NULL, measured_at INTEGER NOT NULL, value INTEGER NOT NULL,
    received_at INTEGER NOT NULL, quality INTEGER NOT NULL,
    UNIQUE (series, measured_at, value, received_at, quality)) STRICT;
";

/// The file.
pub struct Kept {
    connection: Connection,
}

impl Kept {
    /// Opens the file in the data directory; made if there is none.
    ///
    /// # Errors
    /// If it cannot be opened, or a newer version wrote it.
    pub fn open(data_dir: &Path) -> Result<Self, ElsewhereError> {
        Ok(Self { connection: store::open(&data_dir.join(FILE), SCHEMA, LAYOUT)? })
    }

    /// The same, if anything was ever taken in.
    ///
    /// # Errors
    /// As [`Kept::open`].
    pub fn find(data_dir: &Path) -> Result<Option<Self>, ElsewhereError> {
        data_dir.join(FILE).exists().then(|| Self::open(data_dir)).transpose()
    }

    /// Takes rows in, all or none, but for what is known: from an earlier file, or from this bongsu itself, which
    /// `own` goes through. Its own word stands. A row that is none of an exported table is passed over.
    ///
    /// # Errors
    /// What `rows` and `own` say, or if the database fails.
    pub fn keep(
        &mut self,
        rows: impl Iterator<Item = anyhow::Result<Row>>,
        own: impl FnOnce(&mut dyn Sheet) -> anyhow::Result<u64>,
    ) -> anyhow::Result<()> {
        let transaction = self.connection.transaction()?;
        let newest = "SELECT coalesce(max(rank), 0) FROM reading";
        let before: i64 = transaction.query_row(newest, [], |row| row.get(0))?;
        for row in rows {
            if let Some(told) = Told::of(&row?) {
                told.insert(&transaction)?;
            }
        }
        let after: i64 = transaction.query_row(newest, [], |row| row.get(0))?;
        if after > before {
            own(&mut Ours { transaction: &transaction, before })?;
        }
        Ok(transaction.commit()?)
    }

    /// Whether a reading is one that was taken in.
    ///
    /// # Errors
    /// If the database fails.
    pub fn has(
        &self,
        series: &SeriesName,
        at: Timestamp,
        value: f64,
    ) -> Result<bool, ElsewhereError> {
        let sql = "SELECT 1 FROM reading WHERE series = ? AND measured_at = ? AND value = ?";
        let mut statement = self.connection.prepare_cached(sql)?;
        let key = params![series.to_string(), at.nanos(), bits(value)];
        Ok(statement.query_row(key, |_| Ok(())).optional()?.is_some())
    }

    /// Hands every one out, in the order they were taken in.
    ///
    /// # Errors
    /// If the database fails, or what `take` says.
    pub fn each(&self, mut take: impl FnMut(Told) -> anyhow::Result<()>) -> anyhow::Result<()> {
        let sql =
            "SELECT series, measured_at, value, received_at, quality FROM reading ORDER BY rank";
        let mut statement = self.connection.prepare(sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let series: String = row.get(0)?;
            take(Told {
                series: series.parse().map_err(|_| ElsewhereError::Damaged)?,
                measured_at: Timestamp::from_nanos(row.get(1)?),
                value: f64::from_bits(row.get::<_, i64>(2)?.cast_unsigned()),
                received_at: Timestamp::from_nanos(row.get(3)?),
                quality: Quality::from_bits(row.get(4)?),
            })?;
        }
        Ok(())
    }
}

/// What a row of a table says.
pub struct Told {
    /// Of which series.
    pub series: SeriesName,
    /// When it was measured.
    pub measured_at: Timestamp,
    /// When it was received there.
    pub received_at: Timestamp,
    /// The value in the base unit.
    pub value: f64,
    /// What was known against it there.
    pub quality: Quality,
}

impl Told {
    /// As a row.
    pub fn row(&self) -> Row {
        let unit = self.series.quantity.base_unit().symbol();
        let quality = self.quality.words().collect::<Vec<_>>().join("+");
        vec![
            Cell::Text(self.series.to_string()),
            Cell::Time(self.measured_at),
            Cell::Time(self.received_at),
            Cell::Number(self.value),
            Cell::Text(unit.to_string()),
            Cell::Text(quality),
        ]
    }

    /// What a row says that [`Told::row`] makes; none if no table has such a row.
    fn of(row: &Row) -> Option<Self> {
        let [
            Cell::Text(series),
            Cell::Time(measured_at),
            Cell::Time(received_at),
            Cell::Number(value),
            _,
            Cell::Text(quality),
        ] = row.as_slice()
        else {
            return None;
        };
        let told = Self {
            series: series.parse().ok()?,
            measured_at: *measured_at,
            received_at: *received_at,
            value: *value,
            quality: quality.split('+').filter_map(flag).fold(Quality::GOOD, Quality::or),
        };
        (value.is_finite() && told.row() == *row).then_some(told)
    }

    fn insert(&self, transaction: &Transaction<'_>) -> rusqlite::Result<usize> {
        let sql = "INSERT OR IGNORE INTO reading (series, measured_at, value, received_at, quality) VALUES (?, ?, ?, ?, ?)";
        transaction.prepare_cached(sql)?.execute(params![
            self.series.to_string(),
            self.measured_at.nanos(),
            bits(self.value),
            self.received_at.nanos(),
            self.quality.bits()
        ])
    }
}

/// The flag of a word.
fn flag(word: &str) -> Option<Quality> {
    let mut flags = (0..u32::BITS).map(|bit| Quality::from_bits(1 << bit));
    flags.find(|flag| flag.words().eq([word]))
}

fn bits(value: f64) -> i64 {
    value.to_bits().cast_signed()
}

/// What this bongsu admitted itself: of it nothing is taken in after a rank.
struct Ours<'a> {
    transaction: &'a Transaction<'a>,
    before: i64,
}

impl Sheet for Ours<'_> {
    fn row(&mut self, row: Row) -> anyhow::Result<()> {
        let Some(own) = Told::of(&row) else { return Ok(()) };
        let sql =
            "DELETE FROM reading WHERE series = ? AND measured_at = ? AND value = ? AND rank > ?";
        let key =
            params![own.series.to_string(), own.measured_at.nanos(), bits(own.value), self.before];
        self.transaction.prepare_cached(sql)?.execute(key)?;
        Ok(())
    }

    fn finish(self: Box<Self>) -> anyhow::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sheet::Form;

    fn row(measured: &str, value: &str, quality: &str) -> Row {
        let received = "2026-07-14T03:00:00.000000001Z";
        let cells = ["a/b/c/crack-width", measured, received, value, "mm", quality];
        Form::Readings.row(&cells.map(str::to_owned)).unwrap()
    }

    fn kept(of: &Kept) -> Vec<Row> {
        let mut rows = Vec::new();
        of.each(|told| {
            rows.push(told.row());
            Ok(())
        })
        .unwrap();
        rows
    }

    #[test]
    fn what_is_taken_in_comes_out_the_same_and_our_own_word_stands() {
        let folder = tempfile::tempdir().unwrap();
        let at = "2026-07-14T02:59:59.999999999Z";
        let later = "2026-07-14T03:00:00.000000000Z";
        let rows = [
            row(later, "-0.0", ""),
            row(at, "5e-324", "old+held"),
            row(at, "5e-324", "old+step"),
            row(later, "0.0", "stuck"),
        ];
        let mut readings = Kept::open(folder.path()).unwrap();
        let given = || rows.iter().cloned().map(Ok);
        for _ in 0..2 {
            readings.keep(given(), |_| Ok(0)).unwrap();
            assert_eq!(kept(&readings), rows, "in the order of the file, each once");
        }
        let name = "a/b/c/crack-width".parse().unwrap();
        let at = Timestamp::parse(at).unwrap();
        assert!(readings.has(&name, at, 5e-324).unwrap() && !readings.has(&name, at, 0.0).unwrap());
        assert!(
            kept(&readings)
                .iter()
                .map(|row| row[3].text().into_owned())
                .eq(["-0.0", "5e-324", "5e-324", "0.0"])
        );

        // what we judged ourselves is not overruled by a file, nor is what an earlier file said
        let ours = row(later, "7.5", "spike");
        let forged = [row(later, "7.5", ""), row(later, "0.0", "")];
        let own = |sheet: &mut dyn Sheet| {
            sheet.row(ours)?;
            sheet.row(row(later, "0.0", "old+backfill"))?;
            Ok(2)
        };
        readings.keep(forged.into_iter().map(Ok), own).unwrap();
        assert_eq!(kept(&readings), rows);
    }

    #[test]
    fn what_no_table_says_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let at = "2026-07-14T03:00:00Z";
        let mut foreign = row(at, "1", "");
        foreign[4] = Cell::Text("cm".into());
        let mut nameless = row(at, "1", "");
        nameless[0] = Cell::Text("a/b".into());
        let rows = [
            foreign,
            nameless,
            row(at, "NaN", ""),
            row(at, "1", "good"),
            row(at, "1", "held+old"),
            row(at, "1", "old+old"),
        ];
        let mut readings = Kept::open(folder.path()).unwrap();
        readings.keep(rows.into_iter().map(Ok), |_| Ok(0)).unwrap();
        assert_eq!(kept(&readings), Vec::<Row>::new());
    }
}
