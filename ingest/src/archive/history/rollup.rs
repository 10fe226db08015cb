//! Rollups: what a minute or an hour of readings came to.

use std::collections::BTreeMap;
use std::time::Duration;

use reading::Timestamp;
use rusqlite::{Transaction, params};

use super::{Doing, HistoryError, Kind};

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

/// Rollups of one batch.
#[derive(Debug, Default)]
pub(super) struct Rollups(BTreeMap<(Kind, i64, i64), Rollup>);

impl Rollups {
    pub fn add(&mut self, series: i64, at: Timestamp, value: f64, quality: u32) {
        let one = Rollup::one(value, quality);
        for kind in Kind::ALL {
            let Some(width) = kind.width() else { continue };
            let begins = beginning(at.nanos(), width);
            self.0.entry((kind, series, begins)).and_modify(|known| known.add(&one)).or_insert(one);
        }
    }

    pub fn write(&self, transaction: &Transaction<'_>) -> Result<(), HistoryError> {
        let doing = "write rollups";
        for kind in [Kind::Minute, Kind::Hour] {
            let table = kind.table();
            let mut upsert = transaction
                .prepare_cached(&format!(
                    "INSERT INTO {table} VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                     ON CONFLICT DO UPDATE SET count = count + excluded.count,
                     least = min(least, excluded.least), greatest = max(greatest, excluded.greatest),
                     total = total + excluded.total, quality = quality | excluded.quality"
                ))
                .doing(doing)?;
            for ((_, series, at), rollup) in self.0.iter().filter(|((of, ..), _)| *of == kind) {
                let Rollup { count, least, greatest, total, quality } = *rollup;
                upsert
                    .execute(params![
                        series,
                        at,
                        count.cast_signed(),
                        least,
                        greatest,
                        total,
                        quality
                    ])
                    .doing(doing)?;
            }
        }
        Ok(())
    }
}
