//! The journal's disk as one world has it: the disk in memory of the journal's own tests, and where a crash cuts it.

use std::io;
use std::path::Path;
use std::sync::Arc;

use ingest::journal::{Disk, DiskFile};
use parking_lot::{Condvar, Mutex};

use crate::disk::{Crash, MemDisk, Op};
use crate::lines::{Lines, join_thread};

/// What a record begins with on disk.
const RECORD: [u8; 4] = [0xF0, 0x6A, 0x72, 0x0A];

/// How long the reserve of a journal is whose disk fills up, in bytes.
pub const RESERVE: usize = 256 << 10;

/// How far what was written last had got when the process ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cut {
    /// It is on disk.
    Synced,
    /// It was written and not synced.
    Unsynced,
    /// So much of it was written, of a thousand parts.
    Torn(usize),
}

/// The disk of one life. What happens on it is logged; threads that use it belong to its world.
#[derive(Clone)]
pub struct Platter {
    pub disk: MemDisk,
    lines: Lines,
    /// The daemon has said what segments open with: until then the journal makes none, so that a seed does not hang on
    /// which thread is faster.
    is_ready: Arc<(Mutex<bool>, Condvar)>,
}

impl Platter {
    pub fn new(disk: MemDisk, lines: &Lines) -> Self {
        Self { disk, lines: lines.clone(), is_ready: Arc::default() }
    }

    /// Segments may be made from here on.
    pub fn ready(&self) {
        *self.is_ready.0.lock() = true;
        self.is_ready.1.notify_all();
    }

    /// Whether the journal has a reserve, or writes to one of which half is left.
    pub fn has_reserve(&self) -> bool {
        if self.disk.names().iter().any(|name| name.ends_with("reserve")) {
            return true;
        }
        let Some(newest) = self.disk.segments().pop() else { return false };
        let bytes = self.disk.bytes(&newest);
        let written = bytes.iter().rposition(|byte| *byte != 0).unwrap_or(0);
        bytes.len() == RESERVE && written < RESERVE / 2
    }

    /// What is left when the process ends. Only operations up to those of the last batch of records count: what the
    /// journal tidies up behind it happens at its leisure.
    pub fn after(&self, cut: Cut, crash: Crash) -> MemDisk {
        let log = self.disk.log();
        let is_batch = |op: &Op| matches!(op, Op::Write(_, _, bytes) if bytes.starts_with(&RECORD));
        let Some(write) = log.ops.iter().rposition(is_batch) else { return log.after(0, 0, crash) };
        let Op::Write(_, _, bytes) = &log.ops[write] else { unreachable!("it is a write") };
        let synced = write + 1 + log.ops[write + 1..].iter().take_while(|op| is_sync(op)).count();
        match cut {
            Cut::Synced => log.after(synced, usize::MAX, crash),
            Cut::Unsynced => log.after(write + 1, usize::MAX, crash),
            Cut::Torn(part) => log.after(write + 1, bytes.len() * part / 1_000, crash),
        }
    }
}

fn is_sync(op: &Op) -> bool {
    matches!(op, Op::Sync(_) | Op::SyncFolder | Op::FailedSync(_))
}

impl Disk for Platter {
    fn make_folder(&self, folder: &Path) -> io::Result<()> {
        self.disk.make_folder(folder)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Send + Sync>> {
        self.disk.lock(path)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        join_thread(&self.lines);
        self.disk.list(folder)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        join_thread(&self.lines);
        if path.extension().is_some_and(|ending| ending == "journal") {
            let mut is_ready = self.is_ready.0.lock();
            self.is_ready.1.wait_while(&mut is_ready, |is_ready| !*is_ready);
        }
        self.disk.create(path)
    }

    fn open(&self, path: &Path, write: bool) -> io::Result<Box<dyn DiskFile>> {
        join_thread(&self.lines);
        self.disk.open(path, write)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.disk.remove(path)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        self.disk.sync_folder(folder)
    }
}
