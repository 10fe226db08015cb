//! The journal as everybody else holds it: append, read, say what is still needed, end.

use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use std::{io, thread};

use bytes::Bytes;
use parking_lot::Mutex;
use reading::Timestamp;

use super::config::Config;
use super::cut::Cut;
use super::disk::{Disk, RealDisk};
use super::error::JournalError;
use super::metrics::JournalCollector;
use super::queue::Appended;
use super::reader::Reader;
use super::record::Entry;
use super::recovery::{Recovered, recover};
use super::reserve::Reserve;
use super::retention::Hold;
use super::segment::Segments;
use super::shared::{Files, Health, Shared};
use super::wait::wait;
use super::writer::Writer;
use crate::clock::Clock;

/// What opening a journal found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// The last good record, 0 if there was none.
    pub last: u64,
    /// `at` of that record.
    pub last_at: Option<Timestamp>,
    /// What was cut, bad or missing; journaled as well.
    pub cuts: Vec<Cut>,
}

/// A journal open for writing. Clones are the same journal; it ends with the last of them, or by
/// [`shutdown`](Journal::shutdown).
#[derive(Clone)]
pub struct Journal {
    shared: Arc<Shared>,
    owner: Arc<Owner>,
}

/// Ends the writer with the last clone.
struct Owner {
    shared: Arc<Shared>,
    opened: Opened,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Journal {
    /// Opens the journal in `folder`, making it if needed, and lets `clock` go on where it stopped.
    ///
    /// `seen` is the last record that anybody outside the journal knows of (the ledger, a snapshot, a cursor), 0 if
    /// nobody: the next record comes after it, and after all there ever was. If there is less in the journal than
    /// was seen, or bad bytes, a [`Cut`] is journaled.
    ///
    /// Reads the newest segment on the calling thread.
    ///
    /// # Errors
    /// [`JournalError::Locked`], [`JournalError::Layout`], [`JournalError::Io`].
    pub fn open(
        folder: &Path,
        config: Config,
        clock: Clock,
        seen: u64,
    ) -> Result<Self, JournalError> {
        Self::open_on(Arc::new(RealDisk), folder, config, clock, seen)
    }

    /// As [`open`](Self::open), on a disk of the caller's.
    ///
    /// # Errors
    /// As there.
    pub fn open_on(
        disk: Arc<dyn Disk>,
        folder: &Path,
        config: Config,
        clock: Clock,
        seen: u64,
    ) -> Result<Self, JournalError> {
        let failed = |what| move |source| JournalError::Io { what, path: folder.into(), source };
        disk.make_folder(folder).map_err(failed("make"))?;
        let lock = disk.lock(&folder.join("lock")).map_err(|source| match source.kind() {
            io::ErrorKind::WouldBlock => JournalError::Locked { folder: folder.into() },
            _ => failed("lock")(source),
        })?;
        let mut found = recover(&*disk, folder, clock.wall())?;
        if seen > found.last {
            found.cuts.push(Cut::Missing { after: found.last, seen });
        }
        found.next = found.next.max(seen.saturating_add(1));
        Self::start(disk, folder, config, clock, lock, found).map_err(failed("start"))
    }

    fn start(
        disk: Arc<dyn Disk>,
        folder: &Path,
        config: Config,
        clock: Clock,
        lock: Box<dyn Send + Sync>,
        found: Recovered,
    ) -> io::Result<Self> {
        let Recovered { segments: recovered, last, last_at, next, cuts, tidy } = found;
        if let Some(at) = last_at {
            clock.resume_at(at);
        }
        let at = last_at.unwrap_or(clock.at());
        let segments = Segments::default();
        recovered.into_iter().for_each(|segment| segments.push(Arc::new(segment)));
        let reserve = Reserve::find(&*disk, folder, config.reserve_bytes);
        let files = Arc::new(Files { disk, folder: folder.into(), segments });
        let shared = Arc::new(Shared::new(config, clock, files, last, at));
        for cut in &cuts {
            tracing::warn!(?cut, "journal cut at opening");
            shared.queue.remark(vec![cut.entry(shared.clock.wall())]);
        }
        let mut writer = Writer::new(Arc::clone(&shared), lock, (next, last, at), reserve, tidy);
        let ending = Ending(Arc::clone(&shared));
        let thread = thread::Builder::new().name("journal".into()).spawn(move || {
            let _ending = ending;
            writer.run();
            drop(writer); // and with it the lock, before anybody learns that it has ended
        })?;
        let opened = Opened { last, last_at, cuts };
        let owner = Owner { shared: Arc::clone(&shared), opened, thread: Mutex::new(Some(thread)) };
        Ok(Self { shared, owner: Arc::new(owner) })
    }

    /// What opening found.
    pub fn opened(&self) -> &Opened {
        &self.owner.opened
    }

    /// Journals entries; answers when they are on disk. Waits while the queue or the disk is full: that is how
    /// acknowledgements are withheld. Dropping the future once it waits for the disk does not take the entries back.
    ///
    /// # Errors
    /// [`JournalError::TooLong`], [`JournalError::Empty`], [`JournalError::Stopped`].
    pub async fn append(&self, entries: Vec<Entry>) -> Result<Appended, JournalError> {
        self.check(&entries)?;
        let answer = self.shared.queue.push(entries).await?;
        answer.await.map_err(|_| JournalError::Stopped)
    }

    /// As [`append`](Self::append), for threads of their own. Never call it from a task.
    ///
    /// # Errors
    /// As there.
    pub fn append_blocking(&self, entries: Vec<Entry>) -> Result<Appended, JournalError> {
        wait(self.append(entries), Duration::MAX).unwrap_or(Err(JournalError::Stopped))
    }

    fn check(&self, entries: &[Entry]) -> Result<(), JournalError> {
        if entries.is_empty() {
            return Err(JournalError::Empty);
        }
        let record_max = self.shared.config.record_bytes_max.min(u32::MAX as usize);
        let word_max = usize::from(u16::MAX);
        for entry in entries {
            let lengths = [
                (entry.source.len(), word_max),
                (entry.topic.len(), word_max),
                (entry.record_len(), record_max),
            ];
            if let Some((bytes, bytes_max)) = lengths.into_iter().find(|(bytes, max)| bytes > max) {
                return Err(JournalError::TooLong {
                    entry_source: Arc::clone(&entry.source),
                    bytes,
                    bytes_max,
                });
            }
        }
        Ok(())
    }

    /// What every segment opens with from now on, as a `Configuration` record of source `journal` and topic
    /// `opening`. Set it before the first append.
    pub fn set_opening(&self, configuration: Bytes) {
        *self.shared.opening.lock() = Some(configuration);
    }

    /// The last record on disk, 0 if there is none.
    pub fn synced(&self) -> u64 {
        self.shared.synced.borrow().last
    }

    /// The smallest number that may still be read; one past the last if there is none.
    pub fn first(&self) -> u64 {
        self.shared.files.segments.first().unwrap_or(self.synced() + 1)
    }

    /// `at` of the last record on disk.
    pub fn at(&self) -> Timestamp {
        self.shared.at()
    }

    /// How the disk is.
    pub fn health(&self) -> Health {
        self.shared.health()
    }

    /// A reader that starts with record `from`, 0 for the oldest there is. `name` is its label in metrics.
    pub fn reader(&self, from: u64, name: &str) -> Reader {
        Reader::live(&self.shared, from, name)
    }

    /// The first record the engine may have to read again. Nothing from there on is ever removed; until this is
    /// called, nothing at all is.
    pub fn set_floor(&self, sequence: u64) {
        self.shared.needs.lock().floor = sequence;
    }

    /// The first record a view has not read yet. Segments are kept for it while they are no longer than `bytes_max`
    /// together; past that they go, and a [`Cut::Trimmed`] is journaled.
    pub fn hold(&self, view: &str, sequence: u64, bytes_max: u64) {
        let from = sequence.max(self.first()); // what is gone cannot be held, and was told
        self.shared.needs.lock().holds.insert(view.into(), Hold { from, bytes_max });
    }

    /// Holds nothing for a view any longer.
    pub fn release(&self, view: &str) {
        self.shared.needs.lock().holds.remove(view);
    }

    /// What to register with Prometheus. Names start with `journal_`.
    pub fn metrics(&self) -> Box<dyn prometheus::core::Collector> {
        Box::new(JournalCollector::new(&self.shared))
    }

    /// Resolves when the journal has ended: after [`shutdown`](Self::shutdown), or because of a bug. Then nothing
    /// is taken any more and the process should end.
    pub async fn stopped(&self) {
        let mut synced = self.shared.synced.subscribe();
        synced.wait_for(|synced| synced.stopped).await.ok();
    }

    /// Takes nothing more, writes what waits, ends the writer and lets go of the folder. With a full disk what
    /// waits is given up, and those who appended it learn so.
    pub async fn shutdown(&self) {
        self.shared.queue.close();
        self.stopped().await;
        self.owner.join();
    }
}

impl Owner {
    fn join(&self) {
        if let Some(thread) = self.thread.lock().take() {
            thread.join().ok(); // a panic was told by the one who had it
        }
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.shared.queue.close();
        self.join();
    }
}

/// Tells everybody that the writer has ended, however it ended.
struct Ending(Arc<Shared>);

impl Drop for Ending {
    fn drop(&mut self) {
        if thread::panicking() {
            tracing::error!("the journal's writer ended by a bug; nothing is taken any more");
        }
        self.0.queue.abandon();
        self.0.synced.send_modify(|synced| synced.stopped = true);
    }
}
