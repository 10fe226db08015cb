//! Opening: a new ledger appears complete or not at all, a sound one opens, a damaged one is set aside.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::{Doing, LedgerError, Result, audit};

/// The layout of the file.
pub const SCHEMA_VERSION: i64 = 2;

/// How long a statement waits for a lock, as that of a backup.
const BUSY_WAIT_MAX: Duration = Duration::from_secs(10);

/// What SQLite keeps beside the file.
const COMPANIONS: [&str; 3] = ["", "-wal", "-shm"];

const SCHEMA: &str = "
CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO meta VALUES ('position', 0), ('at', 0), ('quarantined', 0);

CREATE TABLE decisions (
    id INTEGER PRIMARY KEY, position INTEGER NOT NULL, at INTEGER NOT NULL, kind TEXT NOT NULL,
    site TEXT, incident TEXT, body TEXT NOT NULL);
CREATE INDEX decisions_by_incident ON decisions (incident) WHERE incident IS NOT NULL;
CREATE INDEX decisions_by_site ON decisions (site, kind, at);
CREATE TRIGGER decisions_never_change BEFORE UPDATE ON decisions
    BEGIN SELECT RAISE(ABORT, 'decisions are append-only'); END;
CREATE TRIGGER decisions_never_go BEFORE DELETE ON decisions
    BEGIN SELECT RAISE(ABORT, 'decisions are append-only'); END;

CREATE TABLE incidents (
    id TEXT PRIMARY KEY, site TEXT NOT NULL, state TEXT NOT NULL, opened_at INTEGER NOT NULL,
    at INTEGER NOT NULL, body TEXT NOT NULL);
CREATE INDEX incidents_by_state ON incidents (state, opened_at);
CREATE INDEX incidents_by_site ON incidents (site, opened_at);

CREATE TABLE levels (
    site TEXT NOT NULL, hazard TEXT NOT NULL, level TEXT NOT NULL, at INTEGER NOT NULL,
    measured_at INTEGER NOT NULL, PRIMARY KEY (site, hazard)) WITHOUT ROWID;

CREATE TABLE deliveries (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, channel TEXT NOT NULL, recipient TEXT NOT NULL,
    site TEXT NOT NULL, incident TEXT NOT NULL, revision INTEGER NOT NULL, purpose TEXT NOT NULL,
    level INTEGER NOT NULL, state TEXT NOT NULL, attempts INTEGER NOT NULL, owed_at INTEGER NOT NULL,
    due_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, changed_at INTEGER NOT NULL, note TEXT NOT NULL,
    body TEXT NOT NULL);
CREATE INDEX deliveries_queued ON deliveries (channel, due_at) WHERE state = 'queued';
CREATE INDEX deliveries_in_hand ON deliveries (channel) WHERE state = 'attempting';
CREATE INDEX deliveries_by_incident ON deliveries (incident);

CREATE TABLE attempts (
    key TEXT NOT NULL, attempt INTEGER NOT NULL, started_at INTEGER NOT NULL, settled_at INTEGER,
    result TEXT, note TEXT, PRIMARY KEY (key, attempt)) WITHOUT ROWID;

CREATE TABLE quarantine (
    id INTEGER PRIMARY KEY, position INTEGER NOT NULL, at INTEGER NOT NULL, source TEXT NOT NULL,
    topic TEXT NOT NULL, reason TEXT NOT NULL, detail TEXT NOT NULL, len INTEGER NOT NULL,
    preview TEXT NOT NULL);
";

enum Trouble {
    /// The file is not what we wrote.
    Damaged(String),
    /// Anything else: no reason to touch the file.
    Failed(LedgerError),
}

impl From<LedgerError> for Trouble {
    fn from(error: LedgerError) -> Self {
        match &error {
            LedgerError::Database {
                source: rusqlite::Error::SqliteFailure(failure, _), ..
            } if matches!(failure.code, ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::Damaged(failure.to_string())
            }
            _ => Self::Failed(error),
        }
    }
}

/// The one connection that writes, and where a damaged file went.
pub(super) fn writer(path: &Path) -> Result<(Connection, Option<PathBuf>)> {
    if !path.exists() && !companion(path, "-wal").exists() {
        create(path)?;
    }
    match sound(path) {
        Ok(connection) => return Ok((connection, None)),
        Err(Trouble::Failed(error)) => return Err(error),
        Err(Trouble::Damaged(reason)) => {
            tracing::error!(path = %path.display(), %reason, "ledger is damaged and is set aside");
        }
    }
    let aside = set_aside(path)?;
    create(path)?;
    match sound(path) {
        Ok(connection) => Ok((connection, Some(aside))),
        Err(Trouble::Failed(error)) => Err(error),
        Err(Trouble::Damaged(reason)) => {
            Err(file(path, "read back a new ledger")(std::io::Error::other(reason)))
        }
    }
}

/// A connection that only reads.
pub(super) fn reader(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).doing("open for reading")?;
    connection.busy_timeout(BUSY_WAIT_MAX).doing("open for reading")?;
    Ok(connection)
}

fn sound(path: &Path) -> std::result::Result<Connection, Trouble> {
    if !path.exists() {
        return Err(Trouble::Damaged("the file is gone, its log is left".into()));
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).doing("open")?;
    connection.busy_timeout(BUSY_WAIT_MAX).doing("open")?;
    let found: i64 = connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .doing("read the version")?;
    if found > SCHEMA_VERSION {
        return Err(Trouble::Failed(LedgerError::Newer {
            path: path.into(),
            found,
            known: SCHEMA_VERSION,
        }));
    }
    if found == 1 {
        // the layout before the audit trail: the trail begins here
        let script =
            format!("BEGIN; {} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;", audit::SCHEMA);
        connection.execute_batch(&script).doing("add the audit trail")?;
    } else if found < SCHEMA_VERSION {
        return Err(Trouble::Damaged(format!("schema version {found}")));
    }
    let verdict: String =
        connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).doing("check")?;
    if verdict != "ok" {
        return Err(Trouble::Damaged(verdict));
    }
    prepare(&connection)?;
    Ok(connection)
}

fn prepare(connection: &Connection) -> Result<()> {
    let doing = "set up the write-ahead log";
    connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(())).doing(doing)?;
    connection.pragma_update(None, "synchronous", "full").doing(doing)?;
    connection
        .pragma_update_and_check(None, "journal_size_limit", 64 << 20, |_| Ok(()))
        .doing(doing)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(())
}

/// A ledger in memory that has nothing in it.
pub(super) fn empty() -> Result<Connection> {
    let doing = "make a ledger in memory";
    let connection = Connection::open_in_memory().doing(doing)?;
    set_up(&connection).doing(doing)?;
    Ok(connection)
}

fn set_up(connection: &Connection) -> rusqlite::Result<()> {
    let script = format!(
        "BEGIN; {SCHEMA} {} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;",
        audit::SCHEMA
    );
    connection.execute_batch(&script)
}

/// Makes the file under another name and moves it into place, so that a crash leaves none or a whole one.
fn create(path: &Path) -> Result<()> {
    let fresh = companion(path, ".new");
    for end in ["", "-wal", "-shm", "-journal"] {
        remove(&companion(&fresh, end))?;
    }
    let doing = "make a new ledger";
    let connection = Connection::open(&fresh).doing(doing)?;
    connection.pragma_update(None, "auto_vacuum", "incremental").doing(doing)?;
    connection.pragma_update(None, "synchronous", "full").doing(doing)?;
    set_up(&connection).doing(doing)?;
    connection.close().map_err(|(_, error)| error).doing(doing)?;
    fs::rename(&fresh, path).map_err(file(path, "move a new ledger into place"))?;
    sync_folder(path)
}

fn set_aside(path: &Path) -> Result<PathBuf> {
    let name = |n: u32| companion(path, &format!(".damaged-{n}"));
    let taken = |n: &u32| COMPANIONS.iter().any(|end| companion(&name(*n), end).exists());
    let aside = (1..).find(|n| !taken(n)).map(name).expect("some number is free");
    for end in COMPANIONS {
        let from = companion(path, end);
        if from.exists() {
            fs::rename(&from, companion(&aside, end))
                .map_err(file(path, "set a damaged ledger aside"))?;
        }
    }
    sync_folder(path)?;
    Ok(aside)
}

fn companion(path: &Path, end: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(end);
    name.into()
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(file(path, "remove what an earlier start left")(error))
        }
        _ => Ok(()),
    }
}

fn sync_folder(path: &Path) -> Result<()> {
    let folder =
        path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(file(path, "sync its folder"))
}

fn file(path: &Path, doing: &'static str) -> impl Fn(std::io::Error) -> LedgerError {
    move |source| LedgerError::File { path: path.into(), doing, source }
}
