//! When the disk says no: what the writer does until it says yes again.

use std::io;
use std::time::Duration;

use super::disk::is_full;
use super::queue::Request;
use super::segment::Active;
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
        if self.shared.health() == Health::Good {
            self.shared.set_health(Health::Failing);
            return true;
        }
        self.shared.set_health(Health::Failing);
        let delay = self.retry.start(self.shared.config.retry_delay_max);
        self.shared.queue.pause(delay)
    }

    /// The disk is full: removes what may go, else withholds acknowledgements and turns to the reserve for what
    /// must get through. True if the batch is worth trying again now.
    pub fn make_room(&mut self, error: &io::Error) -> bool {
        if self.shared.trim(self.at, true) {
            return true;
        }
        if self.shared.health() == Health::Full {
            let pause = self.retry.start(self.shared.config.retry_delay_max);
            self.shared.queue.put_back(&mut self.batch);
            if !self.shared.queue.pause(pause) {
                self.shared.queue.abandon();
            }
            return false;
        }
        tracing::error!(%error, "disk full, frames are not acknowledged until there is room");
        self.shared.set_health(Health::Full);
        self.retry.start(self.shared.config.retry_delay_max);
        self.open_reserve();
        let priority = |request: &mut Request| request.is_priority;
        let mut urgent: Vec<_> = self.batch.extract_if(.., priority).collect();
        self.shared.queue.put_back(&mut self.batch);
        self.batch.append(&mut urgent);
        true
    }

    /// Makes the reserve the segment being written, if there is one.
    fn open_reserve(&mut self) {
        let segment = self.name_segment();
        match self.reserve.turn_into(&*self.shared.files.disk, &segment.path) {
            Ok(Some(file)) => {
                self.close_active();
                self.active = Some(Active::new(segment, file, true));
            }
            Ok(None) => tracing::error!("the journal has no reserve left"),
            Err(error) => tracing::error!(%error, "cannot use the reserve of the journal"),
        }
    }

    /// Tries whether there is room again: enough for a new reserve.
    pub fn leave_full(&mut self) {
        match self.reserve.fill(&*self.shared.files.disk) {
            Ok(()) => {
                tracing::warn!("trying to acknowledge frames again");
                self.shared.set_health(Health::Good);
            }
            Err(error) => {
                tracing::debug!(%error, "disk still full");
                self.retry.start(self.shared.config.retry_delay_max);
            }
        }
    }
}
