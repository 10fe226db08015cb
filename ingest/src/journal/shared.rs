//! What the writer, the readers and those who append have in common.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use bytes::Bytes;
use parking_lot::Mutex;
use reading::Timestamp;
use tokio::sync::watch;

use super::config::Config;
use super::cut::{Cut, set_aside};
use super::disk::{Disk, DiskFile};
use super::metrics::Metrics;
use super::queue::Queue;
use super::retention::Needs;
use super::segment::Segments;
use crate::clock::Clock;

/// How the disk under the journal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Health {
    /// It takes what it is given.
    Good,
    /// It is full: what comes goes into the reserve, and when that runs low frames wait unacknowledged.
    Full,
    /// It fails: nothing can be written now, every append waits.
    Failing,
    /// It has failed for so long that records are in memory only: acknowledged, applied, and lost with the process.
    Unrecorded,
}

impl Health {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Good, Self::Full, Self::Failing, Self::Unrecorded];

    /// Its name in output and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Full => "full",
            Self::Failing => "failing",
            Self::Unrecorded => "unrecorded",
        }
    }
}

/// The folder of a journal, as readers see it.
pub(super) struct Files {
    pub disk: Arc<dyn Disk>,
    pub folder: PathBuf,
    pub segments: Segments,
}

/// How far the journal is on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Synced {
    pub last: u64,
    /// The writer has ended: there will be no more.
    pub stopped: bool,
}

pub(super) struct Shared {
    pub config: Config,
    pub clock: Clock,
    pub files: Arc<Files>,
    pub queue: Queue,
    pub synced: watch::Sender<Synced>,
    pub metrics: Metrics,
    /// What every new segment opens with.
    pub opening: Mutex<Option<Bytes>>,
    /// What must not be removed.
    pub needs: Mutex<Needs>,
    at: AtomicI64,
    health: AtomicU8,
    readers: Mutex<Vec<Weak<Place>>>,
    /// Runs of numbers whose loss was journaled in this run: each reader comes upon them.
    missing: Mutex<BTreeSet<(u64, u64)>>,
}

/// Where a reader is.
pub(super) struct Place {
    pub name: Arc<str>,
    /// The next record it wants.
    pub position: AtomicU64,
}

impl Shared {
    pub fn new(config: Config, clock: Clock, files: Arc<Files>, last: u64, at: Timestamp) -> Self {
        Self {
            config,
            clock,
            files,
            queue: Queue::new(config.queue_bytes),
            synced: watch::Sender::new(Synced { last, stopped: false }),
            metrics: Metrics::new(),
            opening: Mutex::default(),
            needs: Mutex::default(),
            at: AtomicI64::new(at.nanos()),
            health: AtomicU8::new(Health::Good as u8),
            readers: Mutex::default(),
            missing: Mutex::default(),
        }
    }

    /// Lets readers see up to `last`, journaled at `at`.
    pub fn publish(&self, last: u64, at: Timestamp) {
        self.at.store(at.nanos(), Ordering::Release);
        self.synced.send_modify(|synced| synced.last = last);
    }

    pub fn at(&self) -> Timestamp {
        Timestamp::from_nanos(self.at.load(Ordering::Acquire))
    }

    pub fn health(&self) -> Health {
        let now = self.health.load(Ordering::Relaxed);
        Health::ALL.into_iter().find(|health| *health as u8 == now).unwrap_or(Health::Good)
    }

    pub fn set_health(&self, health: Health) {
        self.health.store(health as u8, Ordering::Relaxed);
    }

    /// Remembers a reader for as long as it lives.
    pub fn enlist(&self, place: &Arc<Place>) {
        let mut readers = self.readers.lock();
        readers.retain(|reader| reader.strong_count() > 0);
        readers.push(Arc::downgrade(place));
    }

    /// How many records each reader has not taken yet.
    pub fn reader_lags(&self) -> Vec<(Arc<str>, u64)> {
        let next = self.synced.borrow().last.saturating_add(1);
        let readers = self.readers.lock();
        let lag = |place: Arc<Place>| {
            (Arc::clone(&place.name), next.saturating_sub(place.position.load(Ordering::Relaxed)))
        };
        readers.iter().filter_map(Weak::upgrade).map(lag).collect()
    }

    /// A reader found that records after `after`, up to `to`, are not there though older ones are: journals it, the
    /// first time.
    pub fn report_missing(&self, after: u64, to: u64) {
        if !self.missing.lock().insert((after, to)) {
            return;
        }
        tracing::error!(after, to, "journal records are gone");
        self.queue.remark(vec![Cut::Missing { after, seen: to }.entry(self.clock.wall())]);
    }

    /// A reader came upon damage: sets it aside and journals it, the first time.
    pub fn report_damage(
        &self,
        segment: &str,
        file: &dyn DiskFile,
        offset: u64,
        len: u64,
        after: u64,
    ) {
        match set_aside(&*self.files.disk, &self.files.folder, segment, file, offset, len) {
            Ok(false) => {
                tracing::warn!(segment, offset, bytes = len, after, "journal damage passed again")
            }
            Ok(true) => {
                tracing::error!(
                    segment,
                    offset,
                    bytes = len,
                    after,
                    "journal damaged, records lost"
                );
                self.metrics.damaged_bytes.inc_by(len);
                let cut = Cut::Damaged { segment: segment.into(), offset, bytes: len, after };
                self.queue.remark(vec![cut.entry(self.clock.wall())]);
            }
            Err(error) => tracing::error!(segment, offset, %error, "cannot set damaged part aside"),
        }
    }
}
