//! What waits to be written. Bounded by bytes: who appends waits for room.
//!
//! Two lanes, each with room of its own, so that frames waiting for a full disk never keep an outcome out.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::error::JournalError;
use super::record::Entry;

/// Where entries went: neighbours, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// The number of the first.
    pub first: u64,
    /// The number of the last.
    pub last: u64,
}

/// Entries of one append, and who waits for them.
pub(super) struct Request {
    pub entries: Vec<Entry>,
    pub bytes: usize,
    pub is_priority: bool,
    /// Where they went, once known.
    pub appended: Appended,
    done: Option<oneshot::Sender<Appended>>,
    _room: Option<OwnedSemaphorePermit>,
}

impl Request {
    fn new(
        entries: Vec<Entry>,
        done: Option<oneshot::Sender<Appended>>,
        room: Option<OwnedSemaphorePermit>,
    ) -> Self {
        let bytes = entries.iter().map(Entry::record_len).sum();
        let is_priority = entries.iter().any(|entry| entry.kind.is_priority());
        Self {
            entries,
            bytes,
            is_priority,
            appended: Appended { first: 0, last: 0 },
            done,
            _room: room,
        }
    }

    /// Tells who waits that the entries are on disk.
    pub fn answer(self) {
        if let Some(done) = self.done {
            done.send(self.appended).ok(); // who gave up waiting does not want to know
        }
    }
}

/// What [`Queue::take`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    Work,
    /// Nothing within the time.
    Nothing,
    /// Nothing, and nothing will come.
    Closed,
}

#[derive(Default)]
struct Waiting {
    ordinary: VecDeque<Request>,
    priority: VecDeque<Request>,
    entries: usize,
    closed: bool,
}

/// The queue before the writer.
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    changed: Condvar,
    room: [Arc<Semaphore>; 2],
    room_bytes: u32,
}

impl Queue {
    pub fn new(bytes_max: usize) -> Self {
        let room_bytes = u32::try_from(bytes_max).unwrap_or(u32::MAX).max(1);
        let room = || Arc::new(Semaphore::new(room_bytes as usize));
        Self {
            waiting: Mutex::default(),
            changed: Condvar::new(),
            room: [room(), room()],
            room_bytes,
        }
    }

    /// Waits for room, then puts entries in line.
    pub async fn push(
        &self,
        entries: Vec<Entry>,
    ) -> Result<oneshot::Receiver<Appended>, JournalError> {
        let (done, answer) = oneshot::channel();
        let mut request = Request::new(entries, Some(done), None);
        // One append larger than the queue takes the whole of it.
        let need = u32::try_from(request.bytes).unwrap_or(u32::MAX).min(self.room_bytes);
        let lane = Arc::clone(&self.room[usize::from(request.is_priority)]);
        request._room =
            Some(lane.acquire_many_owned(need).await.map_err(|_| JournalError::Stopped)?);
        self.put(request)?;
        Ok(answer)
    }

    /// Puts the journal's own remarks in line, without waiting.
    pub fn remark(&self, entries: Vec<Entry>) {
        self.put(Request::new(entries, None, None)).ok(); // after the end there is nobody to tell
    }

    fn put(&self, request: Request) -> Result<(), JournalError> {
        let mut waiting = self.waiting.lock();
        if waiting.closed {
            return Err(JournalError::Stopped);
        }
        waiting.entries += request.entries.len();
        let lane = if request.is_priority { &mut waiting.priority } else { &mut waiting.ordinary };
        lane.push_back(request);
        self.changed.notify_one();
        Ok(())
    }

    /// Puts back what could not be written, in its old place, and leaves `batch` empty.
    pub fn put_back(&self, batch: &mut Vec<Request>) {
        let mut waiting = self.waiting.lock();
        for request in batch.drain(..).rev() {
            waiting.entries += request.entries.len();
            let lane =
                if request.is_priority { &mut waiting.priority } else { &mut waiting.ordinary };
            lane.push_front(request);
        }
    }

    /// Takes what waits, about `bytes_max` of it; waits up to `limit` for something.
    pub fn take(
        &self,
        batch: &mut Vec<Request>,
        priority_only: bool,
        bytes_max: usize,
        limit: Duration,
    ) -> Taken {
        let mut waiting = self.waiting.lock();
        if !waiting.closed && !waiting.has_work(priority_only) {
            let idle = |waiting: &mut Waiting| !waiting.closed && !waiting.has_work(priority_only);
            self.changed.wait_while_for(&mut waiting, idle, limit);
        }
        if waiting.has_work(priority_only) {
            waiting.drain(batch, priority_only, bytes_max);
            return Taken::Work;
        }
        if waiting.closed { Taken::Closed } else { Taken::Nothing }
    }

    /// Waits out a pause; false if the queue was closed, at once.
    pub fn pause(&self, span: Duration) -> bool {
        let mut waiting = self.waiting.lock();
        self.changed.wait_while_for(&mut waiting, |waiting| !waiting.closed, span);
        !waiting.closed
    }

    /// How many entries wait.
    pub fn depth(&self) -> usize {
        self.waiting.lock().entries
    }

    /// Takes nothing more in; what waits may still be taken.
    pub fn close(&self) {
        self.waiting.lock().closed = true;
        self.room.iter().for_each(|room| room.close());
        self.changed.notify_one();
    }

    /// Closes and lets go of what waits: who appended it learns that it was not kept.
    pub fn abandon(&self) {
        self.close();
        let mut waiting = self.waiting.lock();
        waiting.ordinary.clear();
        waiting.priority.clear();
        waiting.entries = 0;
    }
}

impl Waiting {
    fn has_work(&self, priority_only: bool) -> bool {
        !self.priority.is_empty() || (!priority_only && !self.ordinary.is_empty())
    }

    fn drain(&mut self, batch: &mut Vec<Request>, priority_only: bool, bytes_max: usize) {
        let mut bytes = 0;
        let ordinary = if priority_only { None } else { Some(&mut self.ordinary) };
        for lane in [Some(&mut self.priority), ordinary].into_iter().flatten() {
            while bytes < bytes_max
                && let Some(request) = lane.pop_front()
            {
                bytes += request.bytes;
                self.entries -= request.entries.len();
                batch.push(request);
            }
        }
    }
}
