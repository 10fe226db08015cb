//! Opening: a sound file opens, a damaged one is set aside, a newer one is refused.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use super::{Doing, HistoryError};

/// Layout of the file. A file of an older one is rebuilt from the journal.
pub const LAYOUT: i64 = 2;

const SCRIPT: &str = "
CREATE TABLE mark (position INTEGER NOT NULL) STRICT;
INSERT INTO mark VALUES (0);
CREATE TABLE series (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
-- the oldest moment from which on a kind of row is complete
CREATE TABLE floor (kind TEXT PRIMARY KEY, at INTEGER NOT NULL) STRICT;
-- at: nanoseconds since 1970; copy: 0, or the bits of a second value of the same moment
CREATE TABLE reading (
    series INTEGER NOT NULL, at INTEGER NOT NULL, copy INTEGER NOT NULL,
    value REAL NOT NULL, quality INTEGER NOT NULL,
    PRIMARY KEY (series, at, copy)
) STRICT, WITHOUT ROWID;
-- readings that are not in their places yet, as they came; one that `reading` has already is the same again
CREATE TABLE new (
    series INTEGER NOT NULL, at INTEGER NOT NULL, copy INTEGER NOT NULL,
    value REAL NOT NULL, quality INTEGER NOT NULL
) STRICT;
CREATE TABLE minute (
    series INTEGER NOT NULL, at INTEGER NOT NULL, count INTEGER NOT NULL,
    least REAL NOT NULL, greatest REAL NOT NULL, total REAL NOT NULL, quality INTEGER NOT NULL,
    PRIMARY KEY (series, at)
) STRICT, WITHOUT ROWID;
CREATE TABLE hour (
    series INTEGER NOT NULL, at INTEGER NOT NULL, count INTEGER NOT NULL,
    least REAL NOT NULL, greatest REAL NOT NULL, total REAL NOT NULL, quality INTEGER NOT NULL,
    PRIMARY KEY (series, at)
) STRICT, WITHOUT ROWID;
";

/// What opening found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opened {
    /// A history that goes on.
    Sound,
    /// There was none, or one of an older layout.
    New,
    /// One that could not be read is set aside at this path.
    SetAside(PathBuf),
}

/// Opens the file for writing.
pub(super) fn open(path: &Path) -> Result<(Connection, Opened), HistoryError> {
    if !path.exists() {
        return create(path).map(|connection| (connection, Opened::New));
    }
    match existing(path) {
        Ok(Some(connection)) => Ok((connection, Opened::Sound)),
        Ok(None) => {
            remove(path)?;
            create(path).map(|connection| (connection, Opened::New))
        }
        Err(newer @ HistoryError::Newer { .. }) => Err(newer),
        Err(reason) => {
            tracing::error!(path = %path.display(), %reason, "history is damaged, is set aside, and is made again from the journal");
            let aside = path.with_extension("damaged");
            remove(&aside)?;
            fs::rename(path, &aside).map_err(file(path, "set aside"))?;
            remove(path)?;
            create(path).map(|connection| (connection, Opened::SetAside(aside)))
        }
    }
}

/// Removes the file and its log, if they are there.
pub(super) fn remove(path: &Path) -> Result<(), HistoryError> {
    for end in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        match fs::remove_file(&name) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(file(Path::new(&name), "remove")(error));
            }
            _ => {}
        }
    }
    Ok(())
}

/// The file as it stands; none if its layout is older than ours.
fn existing(path: &Path) -> Result<Option<Connection>, HistoryError> {
    let doing = "open";
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).doing(doing)?;
    let found: i64 = connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .doing("read its layout")?;
    if found > LAYOUT {
        return Err(HistoryError::Newer { path: path.into(), found, known: LAYOUT });
    }
    settle(&connection)?;
    // a look at every page would take minutes of a large file; what lies deeper is found when it is read
    connection
        .query_row("SELECT position FROM mark", [], |row| row.get::<_, i64>(0))
        .doing(doing)?;
    connection
        .query_row("SELECT count(*) FROM series", [], |row| row.get::<_, i64>(0))
        .doing(doing)?;
    Ok((found == LAYOUT).then_some(connection))
}

/// A new file appears complete: its layout is written with its tables.
fn create(path: &Path) -> Result<Connection, HistoryError> {
    let doing = "make a new file";
    let connection = Connection::open(path).doing(doing)?;
    connection.pragma_update(None, "auto_vacuum", "incremental").doing(doing)?;
    settle(&connection)?;
    let script = format!("BEGIN; {SCRIPT} PRAGMA user_version = {LAYOUT}; COMMIT;");
    connection.execute_batch(&script).doing(doing)?;
    Ok(connection)
}

fn settle(connection: &Connection) -> Result<(), HistoryError> {
    let doing = "set up";
    connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(())).doing(doing)?;
    // a power cut may cost the last batches, never the file: the journal gives them again
    connection.pragma_update(None, "synchronous", "normal").doing(doing)?;
    connection.pragma_update(None, "cache_size", -32_768).doing(doing)?;
    connection
        .pragma_update_and_check(None, "journal_size_limit", 64 << 20, |_| Ok(()))
        .doing(doing)
}

fn file<'a>(
    path: &'a Path,
    doing: &'static str,
) -> impl FnOnce(std::io::Error) -> HistoryError + 'a {
    move |source| HistoryError::File { doing, path: path.into(), source }
}
