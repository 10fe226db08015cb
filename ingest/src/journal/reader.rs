//! Reading the journal in order, at one's own pace.
//!
//! A reader keeps one buffer and hands out runs of records that lie in it. It sees only what is on disk. What it
//! cannot see any more, or cannot trust, it reports as a [`Gap`] and goes on behind it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use reading::Timestamp;
use tokio::sync::watch;

use super::batch::{Batch, Gap, Loss};
use super::disk::{Disk, RealDisk};
use super::error::{JournalError, ReadError};
use super::record::split_checked;
use super::scan::{Bounds, Found, Run, Scan};
use super::segment::{Segment, Segments, foreign_layout, list, survey};
use super::shared::{Files, Place, Shared, Synced};
use super::wait::wait;
use crate::clock::Stopwatch;

/// Reads records in order. Dropping it ends it.
pub struct Reader {
    files: Arc<Files>,
    /// None for a folder that nobody writes to.
    live: Option<Live>,
    place: Arc<Place>,
    /// The next record wanted.
    position: u64,
    segment: Option<Arc<Segment>>,
    scan: Option<Scan>,
    run: Run,
    gap: Option<Gap>,
}

struct Live {
    shared: Arc<Shared>,
    synced: watch::Receiver<Synced>,
}

impl Reader {
    /// Opens the journal in a folder for reading only: takes no lock, changes nothing, ends at what is there now.
    /// `from` is the first record wanted, 0 for the oldest there is.
    ///
    /// # Errors
    /// [`JournalError::Io`] if the folder cannot be read, [`JournalError::Layout`] if a newer program wrote it.
    pub fn open_folder(folder: &Path, from: u64) -> Result<Self, JournalError> {
        Self::open_folder_on(Arc::new(RealDisk), folder, from)
    }

    /// As [`open_folder`](Self::open_folder), on a disk of the caller's.
    ///
    /// # Errors
    /// As there.
    pub fn open_folder_on(
        disk: Arc<dyn Disk>,
        folder: &Path,
        from: u64,
    ) -> Result<Self, JournalError> {
        let failed = |source| JournalError::Io { what: "read", path: folder.into(), source };
        let names = list(&*disk, folder).map_err(failed)?;
        let segments = Segments::default();
        for segment in survey(&*disk, folder, &names, Timestamp::MAX).map_err(failed)? {
            let file = disk.open(&segment.path, false).map_err(failed)?;
            if let Ok(Some(layout)) = foreign_layout(&*file) {
                return Err(JournalError::Layout { path: segment.path, layout });
            }
            segments.push(Arc::new(segment));
        }
        let files = Arc::new(Files { disk, folder: folder.into(), segments });
        Ok(Self::new(files, None, from, "folder"))
    }

    pub(super) fn live(shared: &Arc<Shared>, from: u64, name: &str) -> Self {
        let live = Live { shared: Arc::clone(shared), synced: shared.synced.subscribe() };
        let reader = Self::new(Arc::clone(&shared.files), Some(live), from, name);
        shared.enlist(&reader.place);
        reader
    }

    fn new(files: Arc<Files>, live: Option<Live>, from: u64, name: &str) -> Self {
        let position = if from == 0 { files.segments.first().unwrap_or(1) } else { from };
        let place = Arc::new(Place { name: name.into(), position: AtomicU64::new(position) });
        Self {
            files,
            live,
            place,
            position,
            segment: None,
            scan: None,
            run: Run::default(),
            gap: None,
        }
    }

    /// The next record wanted: past everything handed out.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Takes the next records, at most `records_max`; waits up to `timeout` for the first. An empty batch means
    /// that there is nothing yet, or for a folder, nothing more.
    ///
    /// # Errors
    /// [`ReadError::Stopped`] when the journal has ended and all of it was read, [`ReadError::Io`] if a segment
    /// cannot be opened.
    pub fn next_batch(
        &mut self,
        records_max: usize,
        timeout: Duration,
    ) -> Result<Batch<'_>, ReadError> {
        let since = Stopwatch::start();
        while !self.advance(records_max)? {
            let left = timeout.saturating_sub(since.elapsed());
            if left.is_zero() {
                break;
            }
            match wait(self.more(), left) {
                Some(more) => more?,
                None => break,
            }
        }
        Ok(self.batch())
    }

    /// Takes the next records, at most `records_max`, as soon as there are any. For a folder, an empty batch means
    /// that there is nothing more. Dropping the future loses nothing. Reads the disk on the calling thread.
    ///
    /// # Errors
    /// As [`next_batch`](Self::next_batch).
    pub async fn next(&mut self, records_max: usize) -> Result<Batch<'_>, ReadError> {
        while !self.advance(records_max)? {
            if self.live.is_none() {
                break;
            }
            self.more().await?;
        }
        Ok(self.batch())
    }

    /// Waits until the journal has more than when last looked at.
    async fn more(&mut self) -> Result<(), ReadError> {
        let Some(live) = &mut self.live else { return std::future::pending().await };
        if live.synced.borrow_and_update().stopped {
            // What was written last may have come after we looked.
            return if live.synced.borrow().last < self.position {
                Err(ReadError::Stopped)
            } else {
                Ok(())
            };
        }
        live.synced.changed().await.map_err(|_| ReadError::Stopped)
    }

    fn batch(&self) -> Batch<'_> {
        let bytes =
            self.scan.as_ref().map_or(&[][..], |scan| &scan.bytes()[self.run.bytes.clone()]);
        Batch::new(bytes, self.run.count, self.gap.as_ref())
    }

    /// Moves on to the next run or gap; false if there is none yet.
    fn advance(&mut self, records_max: usize) -> Result<bool, ReadError> {
        (self.run, self.gap) = (Run::default(), None);
        let records_max = records_max.max(1);
        loop {
            let (Some(segment), Some(scan)) = (&self.segment, &mut self.scan) else {
                let Some(segment) = self.files.segments.holding(self.position) else {
                    return Ok(false);
                };
                if self.enter(segment)? {
                    return Ok(true);
                }
                continue;
            };
            let segment = Arc::clone(segment);
            let bounds = Bounds { len: segment.len(), last: segment.last() };
            match scan.next(bounds, records_max) {
                Found::Run(run) => {
                    if self.take(run) {
                        return Ok(true);
                    }
                }
                Found::Damage { offset, len, to_end } => {
                    if self.is_loss(&segment, to_end) {
                        self.report(&segment, offset, len);
                        if to_end {
                            self.go_to(self.position.max(segment.last().saturating_add(1)));
                        }
                        return Ok(true);
                    }
                }
                Found::End => match self.files.segments.following(segment.name.first) {
                    None => return Ok(false),
                    // It may have grown before the next one was begun.
                    Some(_) if segment.len() != bounds.len => {}
                    Some(following) => {
                        if self.leave(&segment) || self.enter(following)? {
                            return Ok(true);
                        }
                    }
                },
            }
        }
    }

    /// Takes what of a run is wanted; false if that is nothing.
    fn take(&mut self, mut run: Run) -> bool {
        let Some(scan) = &self.scan else { return false };
        if run.last < self.position {
            return false;
        }
        while let Some((record, _)) = split_checked(&scan.bytes()[run.bytes.clone()])
            && record.sequence < self.position
        {
            run.bytes.start += record.len();
            run.count -= 1;
        }
        self.go_to(run.last.saturating_add(1));
        self.run = run;
        true
    }

    /// Whether damage hit anything that counts and is wanted.
    fn is_loss(&self, segment: &Segment, to_end: bool) -> bool {
        let passed = self.scan.as_ref().map_or(0, |scan| scan.last_good().0);
        // Behind the last record there may be what was being written when the process ended: in the newest segment
        // of a folder that is whatever is no record, elsewhere the next segment's name tells.
        let is_tail = to_end && (passed >= segment.last() || segment.last() == u64::MAX);
        // Damage before the position cannot be told from damage at it, so that it is told.
        !is_tail
    }

    fn report(&mut self, segment: &Segment, offset: u64, bytes: u64) {
        let Some(scan) = &self.scan else { return };
        let after = scan.last_good().0;
        if let Some(live) = &self.live {
            live.shared.report_damage(&segment.name.to_string(), scan.file(), offset, bytes, after);
        }
        self.gap = Some(Gap {
            after,
            loss: Loss::Damaged { segment: segment.path.clone(), offset, bytes },
        });
    }

    fn report_missing(&self, after: u64, to: u64) {
        if let Some(live) = &self.live {
            live.shared.report_missing(after, to);
        }
    }

    /// Looks whether the segment just read to its end was whole; true if that is worth telling.
    fn leave(&mut self, segment: &Segment) -> bool {
        let to = segment.last();
        if self.position > to || to < segment.name.first {
            return false;
        }
        let after = self.position - 1;
        self.go_to(to + 1);
        self.report_missing(after, to);
        self.gap = Some(Gap { after, loss: Loss::Shortened { segment: segment.path.clone(), to } });
        true
    }

    /// Goes on with another segment; true if records between here and there are gone.
    fn enter(&mut self, segment: Arc<Segment>) -> Result<bool, ReadError> {
        let file = match segment.open(&*self.files.disk) {
            Ok(file) => file,
            // Retention was faster: look for the oldest again.
            Err(error)
                if error.kind() == std::io::ErrorKind::NotFound && self.is_gone(&segment) =>
            {
                (self.segment, self.scan) = (None, None);
                return Ok(false);
            }
            Err(source) => return Err(ReadError::Io { path: segment.path.clone(), source }),
        };
        let buffer = self.scan.take().map(Scan::into_buffer).unwrap_or_default();
        self.scan = Some(Scan::new(file, segment.name, buffer));
        let (after, to) = (self.position.saturating_sub(1), segment.name.after);
        let is_trimmed = to > after;
        if is_trimmed {
            // Retention drops the oldest segments only, and says so by itself.
            if self.files.segments.first().is_some_and(|first| first < segment.name.first) {
                self.report_missing(after, to);
            }
            self.gap = Some(Gap { after, loss: Loss::Trimmed { to } });
            self.go_to(to + 1);
        }
        self.segment = Some(segment);
        Ok(is_trimmed)
    }

    fn is_gone(&self, segment: &Segment) -> bool {
        self.files.segments.first().is_some_and(|first| first > segment.name.first)
    }

    fn go_to(&mut self, position: u64) {
        self.position = position;
        self.place.position.store(position, Ordering::Relaxed);
    }
}
