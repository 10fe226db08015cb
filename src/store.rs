//! Files of SQLite beside the ledger: made, opened, and left alone if a newer version wrote them.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};

/// How long somebody waits for whoever writes.
const BUSY_WAIT_MAX: Duration = Duration::from_secs(5);

/// Why a file could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] rusqlite::Error),
    /// The file was written by a newer version, in this layout.
    #[error("the file has layout {0}, which is newer than this version knows")]
    Newer(i64),
}

/// Opens a file; made as `schema` says if there is none. What is written to it is on disk when a transaction ends.
///
/// # Errors
/// [`OpenError`].
pub fn open(path: &Path, schema: &str, layout: i64) -> Result<Connection, OpenError> {
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_WAIT_MAX)?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "foreign_keys", "on")?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found == 0 {
        transaction.execute_batch(schema)?;
        transaction.pragma_update(None, "user_version", layout)?;
    } else if found != layout {
        return Err(OpenError::Newer(found));
    }
    transaction.commit()?;
    Ok(connection)
}
