//! The ledger: what was decided, what is owed, what became of it. One SQLite file.
//!
//! **Written** by [`Ledger::commit`] (the desk: actions and the journal position they came from, one transaction)
//! and by [`Ledger::mark_attempting`] (a courier, before each send). Both are on disk when they return (WAL,
//! `synchronous=FULL`). **Read** by couriers over the writer's connection and by pages over connections of their own,
//! so that a slow page delays no delivery.
//!
//! **Tables**: `decisions` (append-only, guarded by triggers), `incidents` and `levels` (how things stand, derived
//! from decisions in the same transaction), `deliveries`, `attempts`, `quarantine` (the newest
//! [`QUARANTINE_ROWS_MAX`], with a count of all there ever were), `audit` (the hash chain over all of it, [`audit`]),
//! `meta` (position, moment, counts).
//!
//! **Replay**: positions count from 1 and are kept per action. What comes from a position that is already in is left
//! out, whatever batches it arrives in, so that a desk started from an older snapshot writes nothing twice.
//!
//! **Damage**: a file that fails `PRAGMA quick_check`, is no database or has lost its schema is set aside as
//! `<name>.damaged-<n>` and an empty ledger opened at position 0; [`LedgerOpened::damaged`] says so and the
//! journal has to be applied again. A new file appears complete or not at all, so an empty one is damage too.

pub mod audit;
mod due;
mod receipts;
mod course;
mod memory;
mod open;
mod row;
mod view;
mod tally;
mod write;
#[cfg(test)]
mod tests;

use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use parking_lot::Mutex;
use prometheus::Histogram;
use reading::Timestamp;
use rusqlite::Connection;

use crate::operation::{Exercise, Live, Operation};

pub use audit::{AuditError, AuditHead, AuditRow, Trail};
pub use course::Course;
pub use due::{DueDelivery, InHand};
pub use open::SCHEMA_VERSION;
pub use row::{
    AttemptRow, DecisionRow, DeliveryFilter, DeliveryRow, IncidentFilter, IncidentView, LevelRow,
    QuarantineView,
};
pub use tally::{AlertQuery, AlertRow, DeliveryTally, During, IncidentQuery};
pub use write::{Batch, QuarantineRow};

/// How many quarantined frames are kept for people to look at; all stay in the journal.
pub const QUARANTINE_ROWS_MAX: u64 = 100_000;

/// Connections for pages. Readers beyond them wait for one another, never for the writer.
const READERS: usize = 3;

/// Why the ledger could not be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The folder or the file cannot be used.
    #[error(
        "ledger {path}: cannot {doing}; check that the folder exists, is on a local disk and may be written"
    )]
    File {
        /// The file.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// A newer version wrote it.
    #[error(
        "ledger {path} has schema {found}, this version knows {known}: run the newer version, or restore the backup made before the upgrade"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The version in the file.
        found: i64,
        /// The newest version we know.
        known: i64,
    },
    /// It holds what another operation owes.
    #[error(
        "ledger {path} is that of the {found} operation, not of the {asked} one: give each a folder of its own"
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Whose it is.
        found: &'static str,
        /// For whom it was to be opened.
        asked: &'static str,
    },
    /// The database failed.
    #[error("ledger: cannot {doing}; check free space and the disk's health")]
    Database {
        /// What was tried.
        doing: &'static str,
        /// What the database said.
        source: rusqlite::Error,
    },
    /// A stored body is not what this version writes.
    #[error("ledger: cannot write or read a body in `{table}`")]
    Body {
        /// In which table.
        table: &'static str,
        /// What was wrong.
        source: serde_json::Error,
    },
}

type Result<T> = std::result::Result<T, LedgerError>;

/// Names what was tried when the database fails.
trait Doing<T> {
    fn doing(self, doing: &'static str) -> Result<T>;
}

impl<T> Doing<T> for rusqlite::Result<T> {
    fn doing(self, doing: &'static str) -> Result<T> {
        self.map_err(|source| LedgerError::Database { doing, source })
    }
}

/// What was found when the ledger was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerOpened {
    /// The newest journal position that is in; 0 if none.
    pub position: u64,
    /// Where a damaged file was set aside, if there was one. Its decisions are not in this ledger.
    pub damaged: Option<PathBuf>,
}

/// The open ledger. Calls block for the disk: from async code go through a blocking task.
pub struct Ledger {
    writer: Mutex<Writer>,
    readers: Vec<Mutex<Connection>>,
    turn: AtomicUsize,
    commit_seconds: Option<Histogram>,
    in_memory: AtomicBool,
    path: PathBuf,
    side: Side,
}

/// Whose deliveries a ledger holds: an [`Operation`] as files and memory have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Live,
    Exercise,
}

impl Side {
    fn of<O: Operation>() -> Self {
        if O::NAME == Exercise::NAME { Self::Exercise } else { Self::Live }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Live => Live::NAME,
            Self::Exercise => Exercise::NAME,
        }
    }

    fn carries(self, status: alerting::Status) -> bool {
        match self {
            Self::Live => Live::carries(status),
            Self::Exercise => Exercise::carries(status),
        }
    }
}

/// What a ledger of the operation `O` owes: the one thing couriers of that operation take deliveries from.
#[derive(Clone)]
pub struct Owed<O: Operation>(Arc<Ledger>, PhantomData<O>);

impl<O: Operation> Owed<O> {
    pub(crate) fn ledger(&self) -> &Arc<Ledger> {
        &self.0
    }
}

struct Writer {
    connection: Connection,
    position: u64,
}

impl Ledger {
    /// Opens the ledger at `path`, making it if there is none, setting it aside if it is damaged.
    ///
    /// # Errors
    /// [`LedgerError`] if the file cannot be used at all or a newer version wrote it.
    pub fn open(path: impl AsRef<Path>) -> Result<(Self, LedgerOpened)> {
        Self::open_for::<Live>(path)
    }

    /// The same for an operation. A file belongs to the one it was made for.
    ///
    /// # Errors
    /// [`LedgerError`], [`Foreign`](LedgerError::Foreign) among them if the file belongs to another operation.
    pub fn open_for<O: Operation>(path: impl AsRef<Path>) -> Result<(Self, LedgerOpened)> {
        let path = path.as_ref();
        let side = Side::of::<O>();
        let is_new = !path.exists();
        let (connection, damaged) = open::writer(path)?;
        if is_new || damaged.is_some() {
            write::claim(&connection, side)?;
        }
        let found = write::side(&connection)?;
        if found != side {
            let (found, asked) = (found.name(), side.name());
            return Err(LedgerError::Foreign { path: path.into(), found, asked });
        }
        let position = write::position(&connection)?;
        let readers =
            (0..READERS).map(|_| open::reader(path).map(Mutex::new)).collect::<Result<_>>()?;
        let writer = Mutex::new(Writer { connection, position });
        let (turn, in_memory) = (AtomicUsize::new(0), AtomicBool::new(false));
        let path = path.to_owned();
        let ledger = Self { writer, readers, turn, commit_seconds: None, in_memory, path, side };
        Ok((ledger, LedgerOpened { position, damaged }))
    }

    /// Opens a ledger to look at, beside the daemon that writes it or without one. Nothing can be written through it.
    ///
    /// # Errors
    /// [`LedgerError`] if there is none, or it cannot be read.
    pub fn open_read_only(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let connection = open::reader(path)?;
        let position = write::position(&connection)?;
        let side = write::side(&connection)?;
        Ok(Self {
            writer: Mutex::new(Writer { connection, position }),
            readers: vec![Mutex::new(open::reader(path)?)],
            turn: AtomicUsize::new(0),
            commit_seconds: None,
            in_memory: AtomicBool::new(false),
            path: path.to_owned(),
            side,
        })
    }

    /// Times every commit into this histogram.
    #[must_use]
    pub fn timed(mut self, commit_seconds: Histogram) -> Self {
        self.commit_seconds = Some(commit_seconds);
        self
    }

    /// What is owed, for couriers of the operation this ledger belongs to.
    ///
    /// # Errors
    /// [`LedgerError::Foreign`] for another operation.
    pub fn owed<O: Operation>(self: &Arc<Self>) -> Result<Owed<O>> {
        let asked = Side::of::<O>();
        if asked == self.side {
            return Ok(Owed(Arc::clone(self), PhantomData));
        }
        let (found, asked) = (self.side.name(), asked.name());
        Err(LedgerError::Foreign { path: self.path.clone(), found, asked })
    }

    /// Writes what the journal up to and including `position` came to; on disk when this returns. A batch from a
    /// position that is already in is left out, and so is each action from one.
    ///
    /// # Errors
    /// [`LedgerError::Database`] or [`LedgerError::Body`]; then nothing of the batch is in.
    pub fn commit(&self, position: u64, at: Timestamp, batch: &Batch) -> Result<()> {
        let _timer = self.commit_seconds.as_ref().map(Histogram::start_timer);
        let mut writer = self.writer.lock();
        if position <= writer.position {
            return Ok(());
        }
        let after = writer.position;
        write::commit(&mut writer.connection, self.side, after, position, at, batch)?;
        writer.position = position;
        Ok(())
    }

    /// The newest journal position that is in; 0 if none.
    pub fn position(&self) -> u64 {
        self.writer.lock().position
    }

    fn write<T>(&self, work: impl FnOnce(&mut Connection) -> Result<T>) -> Result<T> {
        work(&mut self.writer.lock().connection)
    }

    fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        if self.is_in_memory() {
            return work(&self.writer.lock().connection);
        }
        match self.readers.iter().find_map(Mutex::try_lock) {
            Some(idle) => work(&idle),
            None => work(&self.readers[self.turn.fetch_add(1, Ordering::Relaxed) % READERS].lock()),
        }
    }
}
