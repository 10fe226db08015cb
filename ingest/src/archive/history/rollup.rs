//! Rollups: what a minute or an hour of readings came to.

use std::time::Duration;

use rusqlite::{CachedStatement, Transaction, params};

use super::{Doing, HistoryError, Kind};

const DOING: &str = "write rollups";

/// What readings of one stretch of time came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rollup {
    pub count: u64,
    pub least: f64,
    pub greatest: f64,
    pub total: f64,
    pub quality: u32,
}

impl Rollup {
    pub const fn one(value: f64, quality: u32) -> Self {
        Self { count: 1, least: value, greatest: value, total: value, quality }
    }

    pub fn add(&mut self, other: &Self) {
        self.count += other.count;
        self.least = self.least.min(other.least);
        self.greatest = self.greatest.max(other.greatest);
        self.total += other.total;
        self.quality |= other.quality;
    }
}

/// The beginning of the stretch of this width that a moment lies in, nanoseconds since 1970.
pub(super) fn beginning(at: i64, width: Duration) -> i64 {
    let width = i64::try_from(width.as_nanos()).unwrap_or(i64::MAX).max(1);
    at.div_euclid(width).saturating_mul(width)
}

/// One kind of rollup, as readings come in order of series and time.
pub(super) struct Rolling<'a> {
    width: Duration,
    upsert: CachedStatement<'a>,
    open: Option<(i64, i64, Rollup)>,
}

impl<'a> Rolling<'a> {
    pub fn new(transaction: &'a Transaction<'_>, kind: Kind) -> Result<Self, HistoryError> {
        let table = kind.table();
        let upsert = transaction
            .prepare_cached(&format!(
                "INSERT INTO {table} VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                 ON CONFLICT DO UPDATE SET count = count + excluded.count,
                 least = min(least, excluded.least), greatest = max(greatest, excluded.greatest),
                 total = total + excluded.total, quality = quality | excluded.quality"
            ))
            .doing(DOING)?;
        Ok(Self { width: kind.width().unwrap_or_default(), upsert, open: None })
    }

    pub fn add(&mut self, series: i64, at: i64, one: &Rollup) -> Result<(), HistoryError> {
        let begins = beginning(at, self.width);
        match &mut self.open {
            Some((of, open, known)) if (*of, *open) == (series, begins) => known.add(one),
            _ => {
                self.close()?;
                self.open = Some((series, begins, *one));
            }
        }
        Ok(())
    }

    /// Writes what is open.
    pub fn close(&mut self) -> Result<(), HistoryError> {
        let Some((series, at, rollup)) = self.open.take() else { return Ok(()) };
        let Rollup { count, least, greatest, total, quality } = rollup;
        let row = params![series, at, count.cast_signed(), least, greatest, total, quality];
        self.upsert.execute(row).doing(DOING).map(drop)
    }
}
