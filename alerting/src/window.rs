//! The recent past of one series: what arrived inside the lateness window and is not closed yet, in event order; and,
//! of series that are judged together, what is closed, for what comes later still.

use alloc::collections::VecDeque;

use reading::Timestamp;
use serde::{Deserialize, Serialize};

/// The most readings kept open per series; beyond, the window closes early.
pub const OPEN_MAX: usize = 4_096;

/// The most closed readings kept of a series that is judged beside others: a week of one every ten minutes.
pub const PAST_MAX: usize = 1_024;

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

    /// Whether a sample would stand behind all open ones.
    pub fn ends_with(&self, sample: &Sample) -> bool {
        let before = |newest: &Sample| {
            newest.at < sample.at
                || (newest.at == sample.at && newest.value.total_cmp(&sample.value).is_le())
        };
        self.newest().is_none_or(before)
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

/// The closed readings of one series, in event order: 16 bytes a reading, the newest [`PAST_MAX`] of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Past {
    kept: VecDeque<Sample>,
}

impl Past {
    /// Puts a sample in its place; with as many as may be, the oldest goes.
    pub fn insert(&mut self, sample: Sample) {
        let before = |other: &Sample| {
            other.at < sample.at
                || (other.at == sample.at && other.value.total_cmp(&sample.value).is_le())
        };
        let at = self.kept.partition_point(before);
        self.kept.insert(at, sample);
        if self.kept.len() > PAST_MAX {
            self.kept.pop_front();
        }
    }

    /// What is kept, oldest first, of after one moment up to another.
    pub fn between(&self, after: Timestamp, upto: Timestamp) -> impl Iterator<Item = &Sample> {
        let from = self.kept.partition_point(|sample| sample.at <= after);
        self.kept.range(from..).take_while(move |sample| sample.at <= upto)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn the_past_keeps_the_newest_in_event_order_and_no_more() {
        let mut past = Past::default();
        let at = |second: usize| Timestamp::from_secs(second as i64);
        for second in (0..PAST_MAX + 10).rev().chain([PAST_MAX + 20]) {
            past.insert(Sample { at: at(second), value: second as f64 });
        }
        assert_eq!(past.kept.len(), PAST_MAX);
        let last: Vec<f64> =
            past.between(at(PAST_MAX + 7), at(PAST_MAX + 20)).map(|one| one.value).collect();
        assert_eq!(last, [PAST_MAX + 8, PAST_MAX + 9, PAST_MAX + 20].map(|one| one as f64));
        past.insert(Sample { at: at(0), value: 0.0 });
        assert_eq!(past.between(Timestamp::MIN, at(10)).count(), 0, "older than all that is kept");
    }
}
