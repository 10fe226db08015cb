//! Puts new readings in their places: series by series, in order of time, with what they add to each minute and hour.

use reading::Quality;
use rusqlite::{Connection, Transaction, params};

use super::rollup::{Rolling, Rollup};
use super::{Doing, HistoryError, Kind, counts};

const DOING: &str = "put readings in their places";

/// All of what is new, in one transaction.
pub(super) fn place(connection: &mut Connection) -> Result<(), HistoryError> {
    let transaction = connection.transaction().doing(DOING)?;
    each(&transaction)?;
    transaction.execute("DELETE FROM new", []).doing(DOING)?;
    transaction.commit().doing(DOING)
}

fn each(transaction: &Transaction<'_>) -> Result<(), HistoryError> {
    let query = "SELECT series, at, copy, value, quality FROM new ORDER BY series, at, rowid";
    let mut new = transaction.prepare_cached(query).doing(DOING)?;
    let mut insert = transaction
        .prepare_cached("INSERT OR IGNORE INTO reading VALUES (?1, ?2, ?3, ?4, ?5)")
        .doing(DOING)?;
    let mut rolling =
        [Rolling::new(transaction, Kind::Minute)?, Rolling::new(transaction, Kind::Hour)?];
    let mut rows = new.query([]).doing(DOING)?;
    while let Some(row) = rows.next().doing(DOING)? {
        let get = || -> rusqlite::Result<(i64, i64, i64, f64, u32)> {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
        };
        let (series, at, copy, value, quality) = get().doing(DOING)?;
        let is_first = insert.execute(params![series, at, copy, value, quality]).doing(DOING)? == 1;
        if is_first && counts(Quality::from_bits(quality)) {
            for rolling in &mut rolling {
                rolling.add(series, at, &Rollup::one(value, quality))?;
            }
        }
    }
    rolling.iter_mut().try_for_each(Rolling::close)
}
