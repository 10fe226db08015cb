//! When the disk says no: what the writer does until it says yes again.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::cut::Cut;
use super::disk::is_full;
use super::memory::MemoryFile;
use super::segment::{Active, Medium, Segment, write_header};
use super::shared::Health;
use super::writer::Writer;
use crate::clock::Stopwatch;

/// The first pause after the disk said no; doubles up to the configured longest.
const RETRY_DELAY_MIN: Duration = Duration::from_millis(50);

/// Why a batch is not durable.
pub(super) enum Fault {
    /// No room. What was written so far may be written over.
    Full(io::Error),
    /// The segment is in doubt and must not be touched again.
    Broken(io::Error),
}

/// When to try again after a fault.
pub(super) struct Retry {
    next: Duration,
    pause: Duration,
    since: Option<Stopwatch>,
}

impl Retry {
    /// No pause yet.
    pub fn new() -> Self {
        Self { next: RETRY_DELAY_MIN, pause: Duration::ZERO, since: None }
    }

    /// Starts the next pause, longer than the one before.
    pub fn start(&mut self, max: Duration) -> Duration {
        (self.pause, self.since) = (self.next.min(max), Some(Stopwatch::start()));
        self.next = self.next.saturating_mul(2).min(max);
        self.pause
    }

    /// How much of the pause is left.
    pub fn left(&self) -> Duration {
        self.since.map_or(Duration::ZERO, |since| self.pause.saturating_sub(since.elapsed()))
    }
}

impl Fault {
    /// What a failed write means.
    pub fn from_write(error: io::Error) -> Self {
        if is_full(&error) { Self::Full(error) } else { Self::Broken(error) }
    }
}

impl Writer {
    /// After a failed write or sync: never touches that segment again. False if there is no more time.
    pub fn abandon_segment(&mut self, error: &io::Error) -> bool {
        tracing::error!(%error, "journal segment failed, going on with a new one");
        self.shared.metrics.sync_failures.inc();
        self.close_active();
        // The first new segment is tried at once: often only the file was bad.
        let is_first = self.shared.health() == Health::Good;
        self.shared.set_health(Health::Failing);
        if is_first {
            return true;
        }
        let delay = self.retry.start(self.shared.config.retry_delay_max);
        let goes_on = self.shared.queue.pause(delay);
        if !goes_on {
            self.batch.clear();
            self.shared.queue.abandon();
        }
        goes_on
    }

    /// The disk is full: removes what may go, else turns to the reserve. True if the batch is worth trying again now.
    pub fn make_room(&mut self, error: &io::Error) -> bool {
        if self.shared.trim(self.at, true) {
            return true;
        }
        if self.shared.health() == Health::Full {
            return self.wait_for_room();
        }
        tracing::error!(%error, "disk full, the journal goes on in its reserve");
        self.shared.set_health(Health::Full);
        self.retry.start(self.shared.config.retry_delay_max);
        self.open_reserve();
        self.shared.queue.put_back(&mut self.batch);
        self.shared.queue.remark(vec![Cut::Full.entry(self.shared.clock.wall())]);
        false
    }

    /// There is no room in the reserve either. True if what must get through has waited long enough.
    fn wait_for_room(&mut self) -> bool {
        let since = self.trouble.map_or(Duration::ZERO, |since| since.elapsed());
        if since >= self.shared.config.unrecorded_after {
            return true;
        }
        let pause = self.retry.start(self.shared.config.retry_delay_max);
        self.shared.queue.put_back(&mut self.batch);
        if !self.shared.queue.pause(pause) {
            self.shared.queue.abandon();
        }
        false
    }

    /// Makes the reserve the segment being written, if there is one.
    fn open_reserve(&mut self) {
        let segment = self.name_segment();
        match self.reserve.turn_into(&*self.shared.files.disk, &segment.path) {
            Ok(Some(file)) => {
                self.close_active();
                self.active = Some(Active::new(segment, file, Medium::Reserve));
            }
            Ok(None) => tracing::error!("the journal has no reserve left"),
            Err(error) => tracing::error!(%error, "cannot use the reserve of the journal"),
        }
    }

    /// Tries whether there is room again: enough for a new reserve.
    pub fn leave_full(&mut self) {
        match self.reserve.fill(&*self.shared.files.disk) {
            Ok(()) => {
                tracing::warn!("there is room on the disk again");
                self.shared.set_health(Health::Good);
                self.shared.queue.remark(vec![Cut::Room.entry(self.shared.clock.wall())]);
            }
            Err(error) => {
                tracing::debug!(%error, "disk still full");
                self.retry.start(self.shared.config.retry_delay_max);
            }
        }
    }

    /// Goes on in memory: what is appended is applied and acknowledged, and lost if the process ends before the
    /// disk works again. Its numbers lie far from all others, so that none is used again after such an end.
    pub fn go_on_in_memory(&mut self) {
        tracing::error!(
            after = self.last,
            "the disk takes nothing: the journal goes on in memory, unrecorded; mend the disk before bongsu is stopped"
        );
        let far = u64::from(RandomState::new().build_hasher().finish() as u32) + 1;
        self.next = self.next.saturating_add(far << 16);
        self.open_memory();
        self.shared.set_health(Health::Unrecorded);
        self.retry.start(self.shared.config.retry_delay_max);
        let remark = Cut::Unrecorded { after: self.last };
        self.shared.queue.remark(vec![remark.entry(self.shared.clock.wall())]);
    }

    fn open_memory(&mut self) {
        self.close_active();
        let (segment, file) = (self.name_segment(), MemoryFile::default());
        write_header(&file).ok(); // memory takes it
        segment.keep_in(file.clone());
        self.active = Some(Active::new(segment, Box::new(file), Medium::Memory));
    }

    /// Lets go of what is in memory if that is too much. Everybody has applied it long since.
    pub fn forget_oldest(&mut self) {
        let bytes_max = self.shared.config.unrecorded_bytes;
        if self.active.as_ref().is_some_and(|active| active.len >= bytes_max) {
            self.open_memory();
        }
    }

    /// Records in memory that will never be on disk.
    pub fn lose(&self, segment: &Segment) {
        let (from, to) = (segment.name.first, segment.last());
        if to >= from {
            self.shared.metrics.lost_records.inc_by(to - from + 1);
            tracing::error!(from, to, "records that were in memory only are lost");
        }
        self.shared.files.segments.forget(from);
    }

    /// Tries to put on disk what is in memory, and to go on there.
    pub fn leave_memory(&mut self) {
        let Some(active) = self.active.take() else { return };
        let segment = Arc::clone(&active.segment);
        match segment.save(&*self.shared.files.disk, &self.shared.files.folder) {
            Ok(()) => {
                let (from, to) = (segment.name.first, segment.last());
                tracing::warn!(from, to, "the disk works again, what was in memory is recorded");
                self.shared.set_health(Health::Good);
                self.retry = Retry::new();
                let remark = Cut::Recorded { from, to };
                self.shared.queue.remark(vec![remark.entry(self.shared.clock.wall())]);
            }
            Err(error) => {
                tracing::debug!(%error, "the disk still takes nothing");
                self.active = Some(active);
                self.retry.start(self.shared.config.retry_delay_max);
            }
        }
    }
}
