//! What charts ask for.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use reading::{Quality, Timestamp};
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};
use serde::Serialize;

use super::rollup::{Rollup, beginning};
use super::{Doing, HistoryError, Kind, counts, open};

/// How many connections are kept open for readers.
const IDLE_MAX: usize = 4;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Asked {
    /// `site/station/sensor/quantity`.
    pub series: String,
    /// The first moment; with `every`, the stretch that it lies in is given whole.
    pub from: Timestamp,
    /// The moment after the last.
    pub to: Timestamp,
    /// One point for each stretch of this width; without it, readings as they came.
    pub every: Option<Duration>,
    /// How many points at most; of readings, so many and those of the last one's moment.
    pub limit: usize,
}

/// One reading, or what several came to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Point {
    /// When it was measured, or when the stretch begins.
    #[serde(serialize_with = "as_text")]
    pub at: Timestamp,
    /// How many readings.
    pub count: u64,
    /// The least of them, in the base unit.
    pub min: f64,
    /// The greatest.
    pub max: f64,
    /// Their mean.
    pub mean: f64,
    /// Their sum: what amounts, such as rain, came to.
    pub sum: f64,
    /// Every quality flag that one of them had.
    pub quality: u32,
}

fn as_text<S: serde::Serializer>(at: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(at)
}

/// Points, and where to go on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// In order of time.
    pub points: Vec<Point>,
    /// The moment to ask from for the rest, if there is more.
    pub next: Option<Timestamp>,
}

/// Reads the history while it is written. Clones share their connections.
#[derive(Clone, Debug)]
pub struct HistoryReader {
    path: Arc<PathBuf>,
    idle: Arc<Mutex<Vec<Connection>>>,
}

impl HistoryReader {
    /// A way to read the history in a file, which may not be there yet.
    pub fn new(path: PathBuf) -> Self {
        Self { path: Arc::new(path), idle: Arc::default() }
    }

    /// Closes what is kept open, so that a file that was removed or replaced is let go of.
    pub fn let_go(&self) {
        self.idle.lock().clear();
    }

    /// Removes the file: its room is free again. A history opened after this is made from the journal.
    ///
    /// # Errors
    /// What the system said.
    pub fn remove(&self) -> Result<(), HistoryError> {
        self.let_go();
        open::remove(&self.path)
    }

    /// Reads points in order of time. A series nobody heard of has none.
    ///
    /// # Errors
    /// What the database said.
    pub fn read(&self, asked: &Asked) -> Result<Page, HistoryError> {
        let idle = self.idle.lock().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => self.connect()?,
        };
        let page = gather(&connection, asked)?;
        let mut idle = self.idle.lock();
        if idle.len() < IDLE_MAX {
            idle.push(connection);
        }
        Ok(page)
    }

    fn connect(&self) -> Result<Connection, HistoryError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Connection::open_with_flags(&*self.path, flags).doing("open for reading")
    }
}

fn gather(connection: &Connection, asked: &Asked) -> Result<Page, HistoryError> {
    let doing = "find a series";
    let series: Option<i64> = connection
        .prepare_cached("SELECT id FROM series WHERE name = ?1")
        .and_then(|mut statement| statement.query_row([&asked.series], |row| row.get(0)).optional())
        .doing(doing)?;
    let Some(series) = series else { return Ok(Page::default()) };
    let finest = finest(asked.every);
    let first = asked.from.nanos();
    let first = asked.every.map_or(first, |every| beginning(first, every));
    let mut to = asked.to.nanos();
    let new = new(connection, series, first, to)?;
    let mut gathering = Gathering { asked, new, page: Page::default(), open: None };
    // what is too old for a kind comes from the next coarser one; the oldest part is read first
    let mut parts = Vec::new();
    for kind in Kind::ALL.into_iter().filter(|kind| *kind >= finest) {
        let floor = floor(connection, kind)?;
        let from = floor.max(first);
        if from < to {
            parts.push((kind, from, to));
            to = from;
        }
    }
    for (kind, from, to) in parts.into_iter().rev() {
        if !gathering.take(connection, kind, series, from, to)? {
            return Ok(gathering.page);
        }
    }
    gathering.close();
    Ok(gathering.page)
}

/// The coarsest kind that stretches of this width are made of.
fn finest(every: Option<Duration>) -> Kind {
    let fits = |kind: &Kind| match (kind.width(), every) {
        (None, _) => true,
        (Some(width), Some(every)) => every.as_nanos().is_multiple_of(width.as_nanos()),
        (Some(_), None) => false,
    };
    Kind::ALL.into_iter().rev().find(fits).unwrap_or(Kind::Reading)
}

/// From when on a kind is complete.
fn floor(connection: &Connection, kind: Kind) -> Result<i64, HistoryError> {
    connection
        .prepare_cached("SELECT at FROM floor WHERE kind = ?1")
        .and_then(|mut statement| statement.query_row([kind.table()], |row| row.get(0)).optional())
        .doing("see how far back it reaches")
        .map(|at| at.unwrap_or(i64::MIN))
}

/// Readings that are not in their places yet, by moment and copy; what is the same again is left out.
type New = BTreeMap<(i64, i64), (f64, u32)>;

fn new(connection: &Connection, series: i64, from: i64, to: i64) -> Result<New, HistoryError> {
    let doing = "read what is new";
    let query = "SELECT at, copy, value, quality FROM new
                 WHERE series = ?1 AND at >= ?2 AND at < ?3 AND NOT EXISTS (SELECT 1 FROM reading
                 WHERE reading.series = ?1 AND reading.at = new.at AND reading.copy = new.copy)
                 ORDER BY rowid";
    let mut statement = connection.prepare_cached(query).doing(doing)?;
    let mut rows = statement.query(params![series, from, to]).doing(doing)?;
    let mut new = New::new();
    while let Some(row) = rows.next().doing(doing)? {
        let get = || Ok(((row.get(0)?, row.get(1)?), (row.get(2)?, row.get(3)?)));
        let (key, told) = get().doing(doing)?;
        new.entry(key).or_insert(told);
    }
    Ok(new)
}

/// Points as they come together.
struct Gathering<'a> {
    asked: &'a Asked,
    new: New,
    page: Page,
    open: Option<(i64, Rollup)>,
}

impl Gathering<'_> {
    /// Takes what one kind has; false once there are enough points.
    fn take(
        &mut self,
        connection: &Connection,
        kind: Kind,
        series: i64,
        from: i64,
        to: i64,
    ) -> Result<bool, HistoryError> {
        let doing = "read points";
        let columns = match kind {
            Kind::Reading => "at, 1, value, value, value, quality",
            Kind::Minute | Kind::Hour => "at, count, least, greatest, total, quality",
        };
        let query = format!(
            "SELECT {columns} FROM {} WHERE series = ?1 AND at >= ?2 AND at < ?3 ORDER BY at",
            kind.table()
        );
        let mut statement = connection.prepare_cached(&query).doing(doing)?;
        let mut rows = statement.query(params![series, from, to]).doing(doing)?;
        let covers = kind.width().map_or(1, |width| width.as_nanos() as i64);
        while let Some(row) = rows.next().doing(doing)? {
            let (at, rollup) = read(row).doing(doing)?;
            let is_shown = kind != Kind::Reading || self.is_shown(rollup.quality);
            if !self.add_new(from, at + covers) || is_shown && !self.add(at, &rollup) {
                return Ok(false);
            }
        }
        Ok(self.add_new(from, to))
    }

    /// A point for each reading shows them all; a stretch sums only what counts.
    fn is_shown(&self, quality: u32) -> bool {
        self.asked.every.is_none() || counts(Quality::from_bits(quality))
    }

    /// Takes what is new of a stretch and was not taken yet; false once there are enough points.
    fn add_new(&mut self, from: i64, to: i64) -> bool {
        if self.new.first_key_value().is_none_or(|((at, _), _)| *at >= to) {
            return true;
        }
        let later = self.new.split_off(&(to, i64::MIN));
        let mut due = std::mem::replace(&mut self.new, later).split_off(&(from, i64::MIN));
        due.retain(|_, (_, quality)| self.is_shown(*quality));
        due.into_iter()
            .all(|((at, _), (value, quality))| self.add(at, &Rollup::one(value, quality)))
    }

    /// False if there is no room for it.
    fn add(&mut self, at: i64, rollup: &Rollup) -> bool {
        let begins = self.asked.every.map_or(at, |every| beginning(at, every));
        match &mut self.open {
            Some((open, known)) if *open == begins && self.asked.every.is_some() => {
                known.add(rollup);
                return true;
            }
            _ => self.close(),
        }
        // Who goes on from a moment gets all of it: a page takes every reading of the one it ends with.
        let last = self.page.points.last().map(|point| point.at.nanos());
        if self.page.points.len() >= self.asked.limit && last != Some(begins) {
            self.page.next = Some(Timestamp::from_nanos(begins));
            return false;
        }
        self.open = Some((begins, *rollup));
        true
    }

    fn close(&mut self) {
        let Some((at, rollup)) = self.open.take() else { return };
        self.page.points.push(Point {
            at: Timestamp::from_nanos(at),
            count: rollup.count,
            min: rollup.least,
            max: rollup.greatest,
            mean: rollup.total / rollup.count.max(1) as f64,
            sum: rollup.total,
            quality: rollup.quality,
        });
    }
}

fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<(i64, Rollup)> {
    let rollup = Rollup {
        count: row.get::<_, i64>(1)?.cast_unsigned(),
        least: row.get(2)?,
        greatest: row.get(3)?,
        total: row.get(4)?,
        quality: row.get(5)?,
    };
    Ok((row.get(0)?, rollup))
}
