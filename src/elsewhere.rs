//! Incidents and deliveries of elsewhere: what another bongsu, or this one in another life, decided and sent, taken in
//! from files so that it is not lost with the machine it was on.
//!
//! A file of its own, `elsewhere.sqlite`. Nothing decides by it, nothing is owed by it, and none of it is in the trail
//! but that it was taken in: what was decided here stands in the ledger alone. Readings have a file of their own
//! ([`readings`]).

pub mod readings;

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, params};

use crate::sheet::{Cell, Form, Row};
use crate::store::{self, OpenError};

const FILE: &str = "elsewhere.sqlite";

/// Layout of the file.
pub const LAYOUT: i64 = 1;

const SCHEMA: &str = "
CREATE TABLE record (
    rank INTEGER PRIMARY KEY, form TEXT NOT NULL, key TEXT NOT NULL, cells TEXT NOT NULL,
    latitude REAL, longitude REAL, UNIQUE (form, key)) STRICT;
";

/// Why records could not be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum ElsewhereError {
    /// The file could not be opened.
    #[error("cannot open {FILE}; check the disk, and whether a newer version wrote it")]
    Open(#[from] OpenError),
    /// The database failed.
    #[error("cannot keep or read records of elsewhere; check the disk")]
    Database(#[from] rusqlite::Error),
    /// A record is not as it was written.
    #[error("a record in {FILE} cannot be read; restore it from a backup")]
    Damaged,
    /// Two records of one key say different things.
    #[error("{0} was taken in before and said something else then; nothing of the file was taken")]
    Different(String),
}

type Result<T> = std::result::Result<T, ElsewhereError>;

/// A record, and where its site is if its file said so.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Its cells, as the form has columns.
    pub row: Row,
    /// Latitude and longitude, degrees.
    pub place: Option<(f64, f64)>,
}

/// The file.
pub struct Elsewhere {
    connection: Connection,
}

impl Elsewhere {
    /// Opens the file in the data directory; made if there is none.
    ///
    /// # Errors
    /// [`ElsewhereError`].
    pub fn open(data_dir: &Path) -> Result<Self> {
        Ok(Self { connection: store::open(&data_dir.join(FILE), SCHEMA, LAYOUT)? })
    }

    /// Keeps records, all of them or none; how many were not known before.
    ///
    /// # Errors
    /// [`ElsewhereError::Different`], or if the database fails.
    pub fn keep(&mut self, form: Form, records: &[Record]) -> Result<u64> {
        let transaction = self.connection.transaction()?;
        let mut new = 0;
        for Record { row, place } in records {
            let (key, cells) = (row[0].text(), written(row));
            let sql = "SELECT cells FROM record WHERE form = ? AND key = ?";
            let known: Option<String> = transaction
                .query_row(sql, params![form.name(), key], |row| row.get(0))
                .optional()?;
            match known {
                Some(known) if known == cells => continue,
                Some(_) => return Err(ElsewhereError::Different(key.into_owned())),
                None => {}
            }
            let (latitude, longitude) = place.unzip();
            let sql =
                "INSERT INTO record (form, key, cells, latitude, longitude) VALUES (?, ?, ?, ?, ?)";
            transaction.execute(sql, params![form.name(), key, cells, latitude, longitude])?;
            new += 1;
        }
        transaction.commit()?;
        Ok(new)
    }

    /// Those of a data directory, in the order they were taken in; none if nothing ever was.
    ///
    /// # Errors
    /// [`ElsewhereError`].
    pub fn all(data_dir: &Path, form: Form) -> Result<Vec<Record>> {
        if !data_dir.join(FILE).exists() {
            return Ok(vec![]);
        }
        let this = Self::open(data_dir)?;
        let sql = "SELECT cells, latitude, longitude FROM record WHERE form = ? ORDER BY rank";
        let mut statement = this.connection.prepare(sql)?;
        let rows = statement.query_map([form.name()], |row| {
            let place: (Option<f64>, Option<f64>) = (row.get(1)?, row.get(2)?);
            Ok((row.get::<_, String>(0)?, place.0.zip(place.1)))
        })?;
        rows.map(|read| {
            let (cells, place) = read?;
            let row = row_of(form, &cells).ok_or(ElsewhereError::Damaged)?;
            Ok(Record { row, place })
        })
        .collect()
    }
}

fn written(row: &Row) -> String {
    let texts: Vec<_> = row.iter().map(Cell::text).collect();
    serde_json::to_string(&texts).unwrap_or_default()
}

fn row_of(form: Form, cells: &str) -> Option<Row> {
    let texts: Vec<String> = serde_json::from_str(cells).ok()?;
    form.row(&texts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn incident(id: &str, level: &str) -> Record {
        let cells = [
            id,
            "cut-12",
            "slope-failure",
            "closed",
            level,
            "severe",
            "7",
            "2026-07-14T03:00:00Z",
            "2026-07-14T09:00:00.000000001Z",
            "끝, \"다\"",
            "over,\nnow",
        ];
        let texts = cells.map(str::to_owned);
        Record { row: Form::Incidents.row(&texts).unwrap(), place: Some((37.5, 128.25)) }
    }

    #[test]
    fn what_is_taken_in_comes_out_the_same_and_counts_once() {
        let folder = tempfile::tempdir().unwrap();
        let records = [incident("live-b", "normal"), incident("live-a", "caution")];
        assert!(Elsewhere::all(folder.path(), Form::Incidents).unwrap().is_empty());
        let mut elsewhere = Elsewhere::open(folder.path()).unwrap();
        assert_eq!(elsewhere.keep(Form::Incidents, &records).unwrap(), 2);
        assert_eq!(elsewhere.keep(Form::Incidents, &records).unwrap(), 0, "again");
        assert_eq!(Elsewhere::all(folder.path(), Form::Incidents).unwrap(), records);
        assert!(Elsewhere::all(folder.path(), Form::Deliveries).unwrap().is_empty());

        let both = [incident("live-c", "normal"), incident("live-a", "warning")];
        let refused = elsewhere.keep(Form::Incidents, &both).unwrap_err().to_string();
        assert!(refused.contains("live-a"), "{refused}");
        assert_eq!(Elsewhere::all(folder.path(), Form::Incidents).unwrap(), records, "all or none");
    }
}
