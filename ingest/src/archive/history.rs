//! Local history: the past of every series on this machine's disk, so that the board draws it without any server.
//!
//! A view of the journal in one SQLite file: readings as they were admitted, and rollups of a minute and of an hour
//! with least, greatest, sum, count and every quality flag that was seen. A batch and the journal position it reaches
//! are committed together, so a reading counts once, wherever the process ends.
//!
//! A batch touches every series a little, and a row in its place costs a page of the file. So what is new is only
//! appended; once there is enough of it, it is put in its places, series by series. Who reads sees both as one.
//!
//! - **Bounds**: each of the three is kept for an age of its own, and the file for a size: beyond it the oldest
//!   readings go, then the oldest minutes, a day at a time.
//! - **Damage**: a file that cannot be read is set aside and told; a new one is filled from the journal, as far as that
//!   reaches.
//! - **Reading** goes through connections of its own, and waits for no writer (write-ahead log).
//!
//! What is asked for beyond the age of the finer kind is answered from the coarser one.

mod open;
mod place;
mod read;
mod rollup;
mod trim;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reading::{Quality, Reading, SeriesName, Timestamp};
use rusqlite::{Connection, Transaction, params};

pub use open::{LAYOUT, Opened};
pub use read::{Asked, HistoryReader, Page, Point};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

/// So many new readings are appended at most before they are put in their places: who draws a chart looks through them
/// all, some ten milliseconds long.
const NEW_MAX: u64 = 100_000;

/// What a row is about; the finest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Reading,
    Minute,
    Hour,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Reading, Self::Minute, Self::Hour];

    const fn table(self) -> &'static str {
        match self {
            Self::Reading => "reading",
            Self::Minute => "minute",
            Self::Hour => "hour",
        }
    }

    /// What one row covers; nothing for a reading.
    const fn width(self) -> Option<Duration> {
        match self {
            Self::Reading => None,
            Self::Minute => Some(MINUTE),
            Self::Hour => Some(HOUR),
        }
    }
}

/// For how long history is kept, and how large it may grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// Readings as they came.
    pub readings: Duration,
    /// Rollups of a minute.
    pub minutes: Duration,
    /// Rollups of an hour.
    pub hours: Duration,
    /// The file, bytes.
    pub bytes: u64,
}

impl Default for Keep {
    /// A month of readings, more than a year of minutes, ten years of hours; 4 GiB.
    fn default() -> Self {
        Self { readings: 35 * DAY, minutes: 400 * DAY, hours: 3_660 * DAY, bytes: 4 << 30 }
    }
}

impl Keep {
    const fn age(&self, kind: Kind) -> Duration {
        match kind {
            Kind::Reading => self.readings,
            Kind::Minute => self.minutes,
            Kind::Hour => self.hours,
        }
    }
}

/// What went wrong with the history; nothing but the history suffers from it.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The database refused something.
    #[error("history: cannot {doing}: {source}")]
    Database {
        /// What was being done.
        doing: &'static str,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// The file could not be moved or removed.
    #[error("history: cannot {doing} {}: {source}", path.display())]
    File {
        /// What was being done.
        doing: &'static str,
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A later version wrote it.
    #[error("history: {} has layout {found}, which is newer than this version knows ({known}); start the version that wrote it, or move the file away", path.display())]
    Newer {
        /// Which file.
        path: PathBuf,
        /// Its layout.
        found: i64,
        /// Ours.
        known: i64,
    },
}

trait Doing<T> {
    fn doing(self, doing: &'static str) -> Result<T, HistoryError>;
}

impl<T> Doing<T> for rusqlite::Result<T> {
    fn doing(self, doing: &'static str) -> Result<T, HistoryError> {
        self.map_err(|source| HistoryError::Database { doing, source })
    }
}

/// One reading on its way into the history.
#[derive(Clone, Copy, Debug)]
pub struct Kept<'a> {
    /// Of which series.
    pub series: &'a SeriesName,
    /// The reading.
    pub reading: &'a Reading,
}

/// The history, for the one who writes it.
#[derive(Debug)]
pub struct History {
    connection: Connection,
    keep: Keep,
    series: HashMap<SeriesName, i64>,
    position: u64,
    new: u64,
}

impl History {
    /// Opens the file, or makes it. What cannot be read is set aside.
    ///
    /// # Errors
    /// What hinders, [`HistoryError::Newer`] among it.
    pub fn open(path: &Path, keep: Keep) -> Result<(Self, Opened), HistoryError> {
        let (connection, opened) = open::open(path)?;
        let mut history = Self { connection, keep, series: HashMap::new(), position: 0, new: 0 };
        history.position = history.stored("read its position", "SELECT position FROM mark")?;
        history.new = history.stored("count what is new", "SELECT count(*) FROM new")?;
        history.series = history.stored_series()?;
        Ok((history, opened))
    }

    /// The last journal record whose readings it has.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Takes what was admitted up to a journal record, in one transaction. What it has already, from a position at or
    /// before its own, is the caller's to leave out.
    ///
    /// # Errors
    /// What the database said; nothing of it is kept then.
    pub fn write(&mut self, kept: &[Kept<'_>], position: u64) -> Result<(), HistoryError> {
        let doing = "write readings";
        let transaction = self.connection.transaction().doing(doing)?;
        let mut named = HashMap::new();
        let mut count = 0;
        {
            let mut insert = transaction
                .prepare_cached("INSERT INTO new VALUES (?1, ?2, ?3, ?4, ?5)")
                .doing(doing)?;
            for one in kept.iter().filter(|one| is_told(one.reading)) {
                let series = match self.series.get(one.series).or_else(|| named.get(one.series)) {
                    Some(number) => *number,
                    None => {
                        let number = number(&transaction, one.series)?;
                        named.insert(one.series.clone(), number);
                        number
                    }
                };
                let Reading { measured_at, value, quality, .. } = *one.reading;
                let copy = copy(value, quality);
                insert
                    .execute(params![series, measured_at.nanos(), copy, value, quality.bits()])
                    .doing(doing)?;
                count += 1;
            }
        }
        transaction
            .execute("UPDATE mark SET position = ?1", [position.cast_signed()])
            .doing(doing)?;
        transaction.commit().doing(doing)?;
        self.series.extend(named);
        self.position = position;
        self.new += count;
        if self.new >= NEW_MAX { self.place() } else { Ok(()) }
    }

    /// Puts what is new in its places, then lets go of what is older than is kept, and of the oldest if the file is too
    /// large. Returns how many rows went.
    ///
    /// # Errors
    /// What the database said.
    pub fn trim(&mut self, now: Timestamp) -> Result<u64, HistoryError> {
        self.place()?;
        trim::trim(&mut self.connection, &self.keep, now)
    }

    fn place(&mut self) -> Result<(), HistoryError> {
        if self.new > 0 {
            place::place(&mut self.connection)?;
            self.new = 0;
        }
        Ok(())
    }

    fn stored(&self, doing: &'static str, query: &str) -> Result<u64, HistoryError> {
        let row = self.connection.query_row(query, [], |row| row.get(0));
        row.map(i64::cast_unsigned).doing(doing)
    }

    fn stored_series(&self) -> Result<HashMap<SeriesName, i64>, HistoryError> {
        let doing = "read the names of series";
        let mut statement = self.connection.prepare("SELECT name, id FROM series").doing(doing)?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).doing(doing)?;
        let rows: Vec<(String, i64)> = rows.collect::<rusqlite::Result<_>>().doing(doing)?;
        Ok(rows.into_iter().filter_map(|(name, id)| Some((name.parse().ok()?, id))).collect())
    }
}

/// What waits for the next readings comes again once it is decided.
fn is_told(reading: &Reading) -> bool {
    !reading.quality.has(Quality::HELD)
}

/// What tells a reading from others of its series and moment: one that says otherwise, or those of a burst whose own times
/// are not known, of which only the newest stands for now. That has none.
fn copy(value: f64, quality: Quality) -> i64 {
    match quality.has_any(Quality::CONFLICT | Quality::TIME_UNKNOWN) {
        true => value.to_bits().max(1).cast_signed(), // zero's bits are none
        false => 0,
    }
}

/// Rollups hold what may have been so: a second value of one moment, a spike or an unknown time are shown, not summed.
fn counts(quality: Quality) -> bool {
    !quality.has_any(Quality::CONFLICT | Quality::SPIKE | Quality::TIME_UNKNOWN)
}

fn number(transaction: &Transaction<'_>, series: &SeriesName) -> Result<i64, HistoryError> {
    let insert = "INSERT INTO series (name) VALUES (?1) RETURNING id";
    transaction.query_row(insert, [series.to_string()], |row| row.get(0)).doing("number a series")
}
