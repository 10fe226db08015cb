//! A disk in memory that fills up, fails, stalls, and loses power where a test says.
//!
//! Every operation is logged; [`Log::after`] makes the disk that a crash at any point of the log leaves behind.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ingest::journal::{Disk, DiskFile};
use parking_lot::{Condvar, Mutex};

/// One operation, in order.
#[derive(Clone, Debug)]
pub enum Op {
    Create(usize, PathBuf),
    Write(usize, u64, Vec<u8>),
    SetLen(usize, u64),
    Sync(usize),
    FailedSync(usize),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
    SyncFolder,
    /// The test was told that everything up to this record is on disk.
    Acknowledged(u64),
}

/// What becomes of bytes that were written and not synced.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Crash {
    /// The process is killed: the kernel keeps them.
    Kill,
    /// Power is cut: they are gone.
    PowerCut,
    /// Power is cut while they were on their way: every other piece of some bytes made it.
    PowerCutInPieces(usize),
}

#[derive(Clone, Default)]
struct Content {
    /// What reading gives.
    now: Vec<u8>,
    /// What is on the platter.
    durable: Vec<u8>,
    /// What the next sync puts there.
    pending: Vec<Op>,
}

/// What a crash may or may not leave.
#[derive(Clone, Default)]
struct Files {
    contents: Vec<Content>,
    names: BTreeMap<PathBuf, usize>,
    durable_names: BTreeMap<PathBuf, usize>,
}

#[derive(Default)]
struct State {
    files: Files,
    /// The files this life of the disk began with.
    begun_with: Files,
    log: Vec<Op>,
    is_locked: bool,
    room: Option<u64>,
    write_max: Option<usize>,
    failing_syncs: u32,
    panics: bool,
    is_stalled: bool,
    stalled_now: usize,
    syncs: usize,
}

/// The disk. Clones are the same disk.
#[derive(Clone, Default)]
pub struct MemDisk(Arc<(Mutex<State>, Condvar)>);

/// What was done to a disk, in order.
pub struct Log {
    begun_with: Files,
    pub ops: Vec<Op>,
}

impl Log {
    /// The disk after the first `ops` operations, the last of which, if a write, got only `bytes` far.
    pub fn after(&self, ops: usize, bytes: usize, crash: Crash) -> MemDisk {
        let mut files = self.begun_with.clone();
        for (at, op) in self.ops[..ops].iter().enumerate() {
            match op {
                Op::Write(id, offset, all) if at + 1 == ops => {
                    files.apply(&Op::Write(*id, *offset, all[..bytes.min(all.len())].to_vec()));
                }
                op => files.apply(op),
            }
        }
        match crash {
            Crash::Kill => {}
            Crash::PowerCut => files.lose_power(|_| false),
            Crash::PowerCutInPieces(len) => files.lose_power(|at| (at / len).is_multiple_of(2)),
        }
        MemDisk::begin(files)
    }

    /// The last record acknowledged within the first `ops` operations.
    pub fn acknowledged(&self, ops: usize) -> u64 {
        let mark = |op: &Op| if let Op::Acknowledged(last) = op { Some(*last) } else { None };
        self.ops[..ops].iter().rev().find_map(mark).unwrap_or(0)
    }
}

impl MemDisk {
    fn state(&self) -> parking_lot::MutexGuard<'_, State> {
        self.0.0.lock()
    }

    fn begin(files: Files) -> Self {
        let state = State { begun_with: files.clone(), files, ..State::default() };
        Self(Arc::new((Mutex::new(state), Condvar::new())))
    }

    pub fn log(&self) -> Log {
        let state = self.state();
        Log { begun_with: state.begun_with.clone(), ops: state.log.clone() }
    }

    pub fn acknowledge(&self, last: u64) {
        self.state().log.push(Op::Acknowledged(last));
    }

    /// How many bytes fit on the disk from now on.
    pub fn set_room(&self, bytes: u64) {
        self.state().room = Some(bytes);
    }

    pub fn used(&self) -> u64 {
        self.state().files.used()
    }

    /// How many bytes one write takes at most from now on.
    pub fn set_write_max(&self, bytes: usize) {
        self.state().write_max = Some(bytes);
    }

    pub fn fail_syncs(&self, count: u32) {
        self.state().failing_syncs = count;
    }

    /// The next sync is a bug.
    pub fn panic_on_sync(&self) {
        self.state().panics = true;
    }

    /// From now on syncs wait, or go on.
    pub fn stall(&self, is_stalled: bool) {
        self.state().is_stalled = is_stalled;
        self.0.1.notify_all();
    }

    /// How many syncs wait.
    pub fn stalled_now(&self) -> usize {
        self.state().stalled_now
    }

    /// How many syncs of files there were.
    pub fn syncs(&self) -> usize {
        self.state().syncs
    }

    pub fn names(&self) -> Vec<PathBuf> {
        self.state().files.names.keys().cloned().collect()
    }

    pub fn segments(&self) -> Vec<PathBuf> {
        let mut names = self.names();
        names.retain(|name| name.extension().is_some_and(|ending| ending == "journal"));
        names
    }

    pub fn bytes(&self, path: &Path) -> Vec<u8> {
        let state = self.state();
        state.files.contents[state.files.names[path]].now.clone()
    }

    /// Changes the bytes of a file behind the journal's back.
    pub fn spoil(&self, path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
        let mut state = self.state();
        let id = state.files.names[path];
        change(&mut state.files.contents[id].now);
        state.files.contents[id].durable = state.files.contents[id].now.clone();
    }

    /// The same disk as it is now, for another life.
    pub fn copy(&self) -> Self {
        Self::begin(self.state().files.clone())
    }
}

impl State {
    fn apply(&mut self, op: Op) {
        self.files.apply(&op);
        self.log.push(op);
    }
}

impl Files {
    fn used(&self) -> u64 {
        self.names.values().map(|id| self.contents[*id].now.len() as u64).sum()
    }

    fn apply(&mut self, op: &Op) {
        match op {
            Op::Create(id, path) => {
                self.contents.resize_with(self.contents.len().max(id + 1), Content::default);
                self.names.insert(path.clone(), *id);
            }
            Op::Write(id, ..) | Op::SetLen(id, _) => {
                let content = &mut self.contents[*id];
                change(&mut content.now, op, |_| true);
                content.pending.push(op.clone());
            }
            Op::Sync(id) => {
                let content = &mut self.contents[*id];
                for op in content.pending.drain(..) {
                    change(&mut content.durable, &op, |_| true);
                }
            }
            // The kernel forgets that the bytes were never written.
            Op::FailedSync(id) => self.contents[*id].pending.clear(),
            Op::Rename(from, to) => {
                let id = self.names.remove(from).unwrap();
                self.names.insert(to.clone(), id);
            }
            Op::Remove(path) => drop(self.names.remove(path)),
            Op::SyncFolder => self.durable_names = self.names.clone(),
            Op::Acknowledged(_) => {}
        }
    }

    fn lose_power(&mut self, made_it: impl Fn(usize) -> bool) {
        self.names = self.durable_names.clone();
        for content in &mut self.contents {
            for op in content.pending.drain(..) {
                change(&mut content.durable, &op, &made_it);
            }
            content.now = content.durable.clone();
        }
    }
}

/// Changes bytes as `op` says, where `made_it`.
fn change(bytes: &mut Vec<u8>, op: &Op, made_it: impl Fn(usize) -> bool) {
    match op {
        Op::SetLen(_, len) if made_it(0) => bytes.resize(*len as usize, 0),
        Op::Write(_, offset, new) => {
            for (at, byte) in new.iter().enumerate().filter(|(at, _)| made_it(*at)) {
                let place = *offset as usize + at;
                bytes.resize(bytes.len().max(place + 1), 0);
                bytes[place] = *byte;
            }
        }
        _ => {}
    }
}

struct Locked(MemDisk);

impl Drop for Locked {
    fn drop(&mut self) {
        self.0.state().is_locked = false;
    }
}

struct MemFile {
    disk: MemDisk,
    id: usize,
}

impl Disk for MemDisk {
    fn make_folder(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn lock(&self, _: &Path) -> io::Result<Box<dyn Send + Sync>> {
        if std::mem::replace(&mut self.state().is_locked, true) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(Box::new(Locked(self.clone())))
    }

    fn list(&self, _: &Path) -> io::Result<Vec<String>> {
        let name = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
        Ok(self.state().files.names.keys().map(name).collect())
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.state();
        if state.files.names.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let id = state.files.contents.len();
        state.apply(Op::Create(id, path.into()));
        Ok(Box::new(MemFile { disk: self.clone(), id }))
    }

    fn open(&self, path: &Path, _: bool) -> io::Result<Box<dyn DiskFile>> {
        let id = *self.state().files.names.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(MemFile { disk: self.clone(), id }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.state().apply(Op::Rename(from.into(), to.into()));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        if !state.files.names.contains_key(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        state.apply(Op::Remove(path.into()));
        Ok(())
    }

    fn sync_folder(&self, _: &Path) -> io::Result<()> {
        self.state().apply(Op::SyncFolder);
        Ok(())
    }
}

impl DiskFile for MemFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.disk.state().files.contents[self.id].now.len() as u64)
    }

    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        let state = self.disk.state();
        let bytes = state.files.contents[self.id].now.get(offset as usize..).unwrap_or_default();
        let read = bytes.len().min(into.len());
        into[..read].copy_from_slice(&bytes[..read]);
        Ok(read)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let mut state = self.disk.state();
        let mut len = bytes.len().min(state.write_max.unwrap_or(usize::MAX));
        if let Some(room) = state.room {
            let inside = (state.files.contents[self.id].now.len() as u64).saturating_sub(offset);
            let fits = inside.saturating_add(room.saturating_sub(state.files.used()));
            len = len.min(fits as usize);
            if len == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
        }
        state.apply(Op::Write(self.id, offset, bytes[..len].to_vec()));
        Ok(len)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.disk.state().apply(Op::SetLen(self.id, len));
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.disk.state();
        state.syncs += 1;
        state.stalled_now += 1;
        self.disk.0.1.wait_while(&mut state, |state| state.is_stalled);
        state.stalled_now -= 1;
        assert!(!state.panics, "the test has this sync panic");
        if state.failing_syncs > 0 {
            state.failing_syncs -= 1;
            state.apply(Op::FailedSync(self.id));
            return Err(io::Error::other("the test fails this sync"));
        }
        state.apply(Op::Sync(self.id));
        Ok(())
    }
}
