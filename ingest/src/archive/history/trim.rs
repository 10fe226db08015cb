//! What is too old, or too much, goes.

use reading::Timestamp;
use rusqlite::{Connection, params};

use super::rollup::beginning;
use super::{DAY, Doing, HOUR, HistoryError, Keep, Kind};

const DOING: &str = "let go of what is old";

/// How many days of the oldest rows go at most to make a file smaller, before the next round.
const DAYS_MAX: u32 = 31;

pub(super) fn trim(
    connection: &mut Connection,
    keep: &Keep,
    now: Timestamp,
) -> Result<u64, HistoryError> {
    let mut gone = 0;
    for kind in Kind::ALL {
        gone += drop_before(connection, kind, now.minus(keep.age(kind)).nanos())?;
    }
    for _ in 0..DAYS_MAX {
        if used(connection)? <= keep.bytes {
            break;
        }
        let Some((kind, oldest)) = oldest(connection)? else { break };
        gone += drop_before(connection, kind, Timestamp::from_nanos(oldest).plus(DAY).nanos())?;
    }
    connection
        .pragma_update_and_check(None, "incremental_vacuum", 100_000, |_| Ok(()))
        .or_else(nothing_said)
        .doing(DOING)?;
    Ok(gone)
}

/// The pragma may give no row at all.
fn nothing_said(error: rusqlite::Error) -> rusqlite::Result<()> {
    match error {
        rusqlite::Error::QueryReturnedNoRows => Ok(()),
        error => Err(error),
    }
}

/// Series by series, because that is how rows lie; whole hours, so that no coarser row covers what is left of a finer
/// kind in part.
fn drop_before(connection: &mut Connection, kind: Kind, before: i64) -> Result<u64, HistoryError> {
    let (table, before) = (kind.table(), beginning(before, HOUR));
    let transaction = connection.transaction().doing(DOING)?;
    let gone = {
        let mut ids = transaction.prepare_cached("SELECT id FROM series").doing(DOING)?;
        let ids = ids
            .query_map([], |row| row.get::<_, i64>(0))
            .and_then(Iterator::collect::<rusqlite::Result<Vec<_>>>)
            .doing(DOING)?;
        let mut delete = transaction
            .prepare_cached(&format!("DELETE FROM {table} WHERE series = ?1 AND at < ?2"))
            .doing(DOING)?;
        let mut gone = 0;
        for id in ids {
            gone += delete.execute(params![id, before]).doing(DOING)? as u64;
        }
        gone
    };
    if gone > 0 {
        transaction
            .execute(
                "INSERT INTO floor VALUES (?1, ?2) ON CONFLICT DO UPDATE SET at = max(at, excluded.at)",
                params![table, before],
            )
            .doing(DOING)?;
    }
    transaction.commit().doing(DOING)?;
    Ok(gone)
}

/// The finest kind there is anything of, and its oldest moment. Hours stay.
fn oldest(connection: &Connection) -> Result<Option<(Kind, i64)>, HistoryError> {
    for kind in [Kind::Reading, Kind::Minute] {
        let table = kind.table();
        let query = format!(
            "SELECT min((SELECT min(at) FROM {table} WHERE series = series.id)) FROM series"
        );
        let oldest: Option<i64> =
            connection.query_row(&query, [], |row| row.get(0)).doing(DOING)?;
        if let Some(oldest) = oldest {
            return Ok(Some((kind, oldest)));
        }
    }
    Ok(None)
}

/// What the file's rows take, bytes.
fn used(connection: &Connection) -> Result<u64, HistoryError> {
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let pages = pragma("page_count").doing(DOING)? - pragma("freelist_count").doing(DOING)?;
    let size = pragma("page_size").doing(DOING)?;
    Ok(pages.saturating_mul(size).max(0).cast_unsigned())
}
