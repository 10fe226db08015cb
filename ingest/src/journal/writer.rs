//! The one thread that writes: takes what waits, writes it in one piece, makes it durable once, tells everybody.
//!
//! While the disk works on one batch the next one gathers; when nothing waits an append is answered at once.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;
use std::time::Duration;

use reading::Timestamp;

use super::disk::write_all;
use super::queue::{Request, Taken};
use super::record::{Entry, Kind, encode};
use super::recovery::Tidy;
use super::reserve::Reserve;
use super::segment::{Active, Medium, SEGMENT_HEADER_LEN, Segment, SegmentName, write_header};
use super::shared::{Health, Shared};
use super::trouble::{Fault, Retry};
use crate::clock::Stopwatch;

/// How long nothing happens before age is looked at and the reserve is repaired.
const IDLE_MAX: Duration = Duration::from_secs(30);

/// How much buffer is kept between batches.
const BUFFER_KEPT: usize = 8 << 20;

/// The writing side of a journal. Owned by its thread.
pub(super) struct Writer {
    pub shared: Arc<Shared>,
    /// Keeps other processes out of the folder.
    _lock: Box<dyn Send + Sync>,
    /// The number of the next record.
    pub next: u64,
    /// The last durable record.
    pub last: u64,
    /// The first number of the newest segment made in this run.
    newest_first: u64,
    /// `at` of the last record given one.
    pub at: Timestamp,
    pub reserve: Reserve,
    tidy: Vec<Tidy>,
    pub active: Option<Active>,
    pub batch: Vec<Request>,
    buffer: Vec<u8>,
    pub retry: Retry,
    /// Since when nothing could be made durable.
    pub trouble: Option<Stopwatch>,
}

impl Writer {
    /// A writer whose first record will be number `next`.
    pub fn new(
        shared: Arc<Shared>,
        lock: Box<dyn Send + Sync>,
        (next, last, at): (u64, u64, Timestamp),
        reserve: Reserve,
        tidy: Vec<Tidy>,
    ) -> Self {
        Self {
            shared,
            _lock: lock,
            next,
            last,
            newest_first: 0,
            at,
            reserve,
            tidy,
            active: None,
            batch: Vec::new(),
            buffer: Vec::new(),
            retry: Retry::new(),
            trouble: None,
        }
    }

    /// Writes until the queue is closed and empty.
    pub fn run(&mut self) {
        self.keep_house();
        loop {
            let limit = match self.shared.health() {
                Health::Full | Health::Unrecorded => self.retry.left(),
                Health::Good | Health::Failing => IDLE_MAX,
            };
            let (priority_only, bytes_max) = self.appetite();
            match self.shared.queue.take(&mut self.batch, priority_only, bytes_max, limit) {
                Taken::Work => self.commit(),
                Taken::Nothing => {}
                Taken::Closed => break,
            }
            let is_time = self.retry.left().is_zero();
            match self.shared.health() {
                Health::Good | Health::Failing => self.keep_house(),
                Health::Full if is_time => self.leave_full(),
                Health::Unrecorded if is_time => self.leave_memory(),
                Health::Full | Health::Unrecorded => {}
            }
        }
        self.end();
    }

    /// What to take next: whether only what must get through, and how much. The last quarter of a reserve is for
    /// what must get through.
    fn appetite(&self) -> (bool, usize) {
        let batch_bytes = self.shared.config.batch_bytes;
        if self.shared.health() != Health::Full {
            return (false, batch_bytes);
        }
        let share = self.shared.config.reserve_bytes / 4 * 3;
        let used = match &self.active {
            Some(active) if active.medium == Medium::Reserve => active.len,
            _ => share,
        };
        match share.saturating_sub(used) {
            0 => (true, batch_bytes),
            left => (false, batch_bytes.min(left as usize)),
        }
    }

    fn end(&mut self) {
        if self.shared.health() == Health::Unrecorded {
            self.leave_memory();
        }
        self.close_active();
    }

    /// Makes the batch durable, however often it takes; gives up only when the queue is closed.
    fn commit(&mut self) {
        while !self.batch.is_empty() {
            let fault = match self.write_batch() {
                Ok(()) => {
                    self.finish();
                    continue;
                }
                Err(fault) => fault,
            };
            let since = *self.trouble.get_or_insert_with(Stopwatch::start);
            let goes_on = match fault {
                Fault::Full(error) => self.make_room(&error),
                Fault::Broken(error) => self.abandon_segment(&error),
            };
            if !goes_on {
                return;
            }
            if since.elapsed() >= self.shared.config.unrecorded_after {
                self.go_on_in_memory();
            }
        }
    }

    fn write_batch(&mut self) -> Result<(), Fault> {
        let _span = tracing::debug_span!("store", records = self.batch.len()).entered();
        self.rotate();
        if self.active.is_none() {
            self.active = Some(self.create_segment()?);
        }
        let Some(mut active) = self.active.take() else { return Ok(()) };
        let written = self.write_to(&mut active);
        self.active = Some(active);
        written
    }

    fn write_to(&mut self, active: &mut Active) -> Result<(), Fault> {
        let salt = active.segment.name.salt;
        self.at = self.at.max(self.shared.clock.at());
        self.buffer.clear();
        // Numbers are used up before anything is written: whatever a fault leaves behind, they are not given again.
        if let Some(opening) = self.opening_for(active) {
            encode(&opening, self.next, self.at, salt, &mut self.buffer);
            self.next += 1;
        }
        let has_opening = !self.buffer.is_empty();
        for request in &mut self.batch {
            request.appended.first = self.next;
            for entry in &request.entries {
                encode(entry, self.next, self.at, salt, &mut self.buffer);
                self.next += 1;
            }
            request.appended.last = self.next - 1;
        }
        self.sync_buffer(active)?;
        active.has_opening |= has_opening;
        Ok(())
    }

    /// The configuration record that this segment still lacks.
    fn opening_for(&self, active: &Active) -> Option<Entry> {
        let payload = if active.has_opening { None } else { self.shared.opening.lock().clone() }?;
        // The reserve is for what must get through; a configuration that would fill it stays in earlier segments.
        if active.medium == Medium::Reserve
            && payload.len() as u64 > self.shared.config.reserve_bytes / 2
        {
            return None;
        }
        let (source, topic) = ("journal".into(), "opening".into());
        let received_at = self.shared.clock.wall();
        Some(Entry {
            kind: Kind::Configuration,
            source,
            topic,
            retained: false,
            received_at,
            payload,
        })
    }

    fn sync_buffer(&mut self, active: &mut Active) -> Result<(), Fault> {
        let files = &self.shared.files;
        write_all(&*active.file, &self.buffer, active.len).map_err(Fault::from_write)?;
        let since = Stopwatch::start();
        active.file.sync().map_err(Fault::Broken)?;
        if !active.is_listed && active.medium != Medium::Memory {
            files.disk.sync_folder(&files.folder).map_err(Fault::Broken)?;
        }
        self.shared.metrics.fsync_seconds.observe(since.elapsed().as_secs_f64());
        active.len += self.buffer.len() as u64;
        self.last = self.next - 1;
        active.segment.publish(self.last, active.len);
        if !active.is_listed {
            active.is_listed = true;
            files.segments.push(Arc::clone(&active.segment));
        }
        Ok(())
    }

    /// The batch is durable: readers see it, those who wait are told.
    fn finish(&mut self) {
        match self.shared.health() {
            Health::Good => self.retry = Retry::new(),
            Health::Failing => {
                tracing::warn!(sequence = self.last, "journal writes again");
                self.shared.set_health(Health::Good);
            }
            Health::Full | Health::Unrecorded => {}
        }
        self.trouble = None;
        let records: usize = self.batch.iter().map(|request| request.entries.len()).sum();
        self.shared.metrics.records.inc_by(records as u64);
        self.shared.publish(self.last, self.at);
        self.batch.drain(..).for_each(Request::answer);
        if self.buffer.capacity() > BUFFER_KEPT {
            self.buffer = Vec::new();
        }
    }

    /// Closes the segment if it is long or old enough.
    fn rotate(&mut self) {
        if self.active.as_ref().is_some_and(|active| active.medium == Medium::Memory) {
            return self.forget_oldest();
        }
        let config = &self.shared.config;
        // What every segment opens with does not count, or a large configuration would fill each one by itself.
        let opening = self.shared.opening.lock().as_ref().map_or(0, |opening| opening.len() as u64);
        let long = config.segment_bytes.saturating_add(opening);
        let is_done = self.active.as_ref().is_some_and(|active| {
            let age = self.shared.clock.at().since(active.segment.opened_at);
            active.is_listed && (active.len >= long || age >= config.segment_age_max)
        });
        if is_done {
            self.close_active();
        }
    }

    fn create_segment(&mut self) -> Result<Active, Fault> {
        let segment = self.name_segment();
        let disk = &self.shared.files.disk;
        let file = disk.create(&segment.path).map_err(Fault::from_write)?;
        if let Err(error) = write_header(&*file) {
            disk.remove(&segment.path).ok(); // without a record it would be removed at the next opening
            return Err(Fault::from_write(error));
        }
        Ok(Active::new(segment, file, Medium::Disk))
    }

    /// A name after all names so far, also those whose files could not be made or removed.
    pub fn name_segment(&mut self) -> Segment {
        self.next = self.next.max(self.newest_first.saturating_add(1));
        self.newest_first = self.next;
        let salt = RandomState::new().build_hasher().finish() as u32;
        let name = SegmentName { first: self.next, after: self.last, salt };
        let opened_at = self.at.max(self.shared.clock.at());
        Segment::new(name, &self.shared.files.folder, opened_at, self.last, SEGMENT_HEADER_LEN)
    }

    /// Ends the segment being written: it ends with its last durable record, or goes if there is none.
    pub fn close_active(&mut self) {
        let Some(active) = self.active.take() else { return };
        let done = match active.is_listed {
            _ if active.medium == Medium::Memory => return self.lose(&active.segment),
            true => active.file.set_len(active.len),
            false => self.shared.files.disk.remove(&active.segment.path),
        };
        if let Err(error) = done {
            // The name of the next segment makes what stands there void.
            tracing::warn!(segment = %active.segment.name, %error, "cannot tidy the end of a journal segment");
        }
    }

    /// What can be done when nothing else must be.
    fn keep_house(&mut self) {
        if self.last > 0 && self.active.as_ref().is_some_and(|active| active.is_listed) {
            for tidy in self.tidy.drain(..) {
                if let Err(error) = tidy.run(&*self.shared.files.disk) {
                    tracing::warn!(?tidy, %error, "cannot tidy up after the last run of the journal");
                }
            }
        }
        self.shared.trim(self.shared.clock.at(), false);
        if let Err(error) = self.reserve.keep(&*self.shared.files.disk) {
            tracing::warn!(%error, "cannot keep a reserve for the journal");
        }
    }
}
