//! The recent past of one series: what arrived inside the lateness window and is not closed yet, in event order.

use alloc::collections::VecDeque;

use reading::Timestamp;
use serde::{Deserialize, Serialize};

/// The most readings kept open per series; beyond, the window closes early.
pub const OPEN_MAX: usize = 4_096;

/// One trusted value at its own time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Event time.
    pub at: Timestamp,
    /// In the base unit.
    pub value: f64,
}

/// Where a sample fell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// At or after everything seen.
    Newest,
    /// Behind something seen: what was concluded from that has to be looked at again.
    Behind,
}

/// The open readings of one series, in event order. 16 bytes a reading, at most [`OPEN_MAX`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Window {
    open: VecDeque<Sample>,
    /// The newest event time that was closed; [`Timestamp::MIN`] before the first.
    closed_to: Timestamp,
}

impl Default for Window {
    fn default() -> Self {
        Self { open: VecDeque::new(), closed_to: Timestamp::MIN }
    }
}

impl Window {
    /// Puts a sample in its place. Equal stamps are ordered by value, so that arrival order leaves no trace.
    pub fn insert(&mut self, sample: Sample) -> Place {
        let before = |other: &Sample| {
            other.at < sample.at
                || (other.at == sample.at && other.value.total_cmp(&sample.value).is_le())
        };
        let at = self.open.partition_point(before);
        let place = if at == self.open.len() { Place::Newest } else { Place::Behind };
        if self.open.len() == self.open.capacity() {
            // most series have one or two open, and a million of them are many
            self.open.reserve_exact((self.open.len() / 2).max(2));
        }
        self.open.insert(at, sample);
        place
    }

    /// The open samples, oldest first.
    pub fn open(&self) -> impl Iterator<Item = &Sample> {
        self.open.iter()
    }

    /// The oldest open sample.
    pub fn oldest(&self) -> Option<&Sample> {
        self.open.front()
    }

    /// The newest open sample.
    pub fn newest(&self) -> Option<&Sample> {
        self.open.back()
    }

    /// Whether it holds as much as it may.
    pub fn is_full(&self) -> bool {
        self.open.len() >= OPEN_MAX
    }

    /// Whether a sample of this moment would fall behind what is closed.
    pub fn is_closed_at(&self, at: Timestamp) -> bool {
        self.closed_to != Timestamp::MIN && at <= self.closed_to
    }

    /// Takes out the oldest sample if it is at or before `to`.
    pub fn close_one(&mut self, to: Timestamp) -> Option<Sample> {
        if self.open.front()?.at > to {
            return None;
        }
        let sample = self.open.pop_front()?;
        self.closed_to = sample.at;
        Some(sample)
    }
}
