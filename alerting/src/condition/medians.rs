//! Medians of blocks of time: slow movement without its noise.
//!
//! Blocks begin at multiples of their length since 1970; the median of one is known when a reading of a later one
//! comes. A block remembers at most 64 readings: of more, every other one, evenly.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;

use reading::Timestamp;
use serde::{Deserialize, Serialize};

use super::rate::median;

const BLOCK_READINGS_MAX: usize = 64;

/// The most medians kept.
pub const MEDIANS_MAX: usize = 256;

/// The block that is open, and the medians of those before it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Medians {
    block: Option<i64>,
    readings: Vec<f64>,
    /// Every so many readings are taken.
    stride: u32,
    skipped: u32,
    done: VecDeque<(Timestamp, f64)>,
}

impl Medians {
    /// Takes a reading, at or after the one before; keeps the medians of the last `over`. Says whether a block ended.
    pub fn take(&mut self, length: Duration, over: Duration, at: Timestamp, value: f64) -> bool {
        let nanos = i64::try_from(length.as_nanos()).unwrap_or(i64::MAX).max(1);
        let number = at.nanos().div_euclid(nanos);
        let ended = self.block.filter(|block| *block < number);
        if let Some(block) = ended {
            let middle = block.saturating_mul(nanos).saturating_add(nanos / 2);
            self.done.push_back((Timestamp::from_nanos(middle), median(&mut self.readings)));
            self.readings.clear();
        }
        let from = at.minus(over);
        while self.done.len() > MEDIANS_MAX
            || self.done.front().is_some_and(|(then, _)| *then < from)
        {
            self.done.pop_front();
        }
        if self.block != Some(number) {
            (self.block, self.stride, self.skipped) = (Some(number), 1, 0);
        }
        self.add(value);
        ended.is_some()
    }

    fn add(&mut self, value: f64) {
        self.skipped += 1;
        if self.skipped < self.stride {
            return;
        }
        self.skipped = 0;
        self.readings.push(value);
        if self.readings.len() >= BLOCK_READINGS_MAX {
            let mut odd = false;
            self.readings.retain(|_| {
                odd = !odd;
                odd
            });
            self.stride *= 2;
        }
    }

    /// The medians, oldest first.
    pub fn done(&self) -> &VecDeque<(Timestamp, f64)> {
        &self.done
    }

    /// The last median.
    pub fn last(&self) -> Option<(Timestamp, f64)> {
        self.done.back().copied()
    }

    /// The change from the last median that is at least `back` older than the newest, to the newest.
    pub fn change(&self, back: Duration) -> Option<f64> {
        let (now, value) = self.last()?;
        let then = now.minus(back);
        let before = self.done.iter().rev().find(|(at, _)| *at <= then)?;
        // a gap is no day: what is much older than asked for is not compared
        (then.since(before.0) <= back / 2).then_some(value - before.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    #[test]
    fn medians_of_blocks_and_changes_between_them() {
        let mut medians = Medians::default();
        let mut ended = 0;
        for minute in 0..60 * 30 {
            let spike = if minute % 7 == 0 { 100.0 } else { 0.0 };
            let value = (minute / 360) as f64 + spike;
            let at = Timestamp::from_secs(minute * 60);
            ended += usize::from(medians.take(6 * HOUR, 240 * HOUR, at, value));
        }
        assert_eq!(ended, 4);
        let values: Vec<f64> = medians.done().iter().map(|(_, value)| *value).collect();
        assert_eq!(values, [0.0, 1.0, 2.0, 3.0]);
        assert_eq!(medians.change(6 * HOUR), Some(1.0));
        assert_eq!(medians.change(18 * HOUR), Some(3.0));
        assert_eq!(medians.change(24 * HOUR), None);
        assert!(medians.readings.len() <= BLOCK_READINGS_MAX);
    }

    #[test]
    fn a_gap_is_no_change_of_a_day() {
        let mut medians = Medians::default();
        for (hour, value) in [(0, 0.0), (6, 0.0), (300, 9.0), (306, 9.0)] {
            medians.take(6 * HOUR, 400 * HOUR, Timestamp::from_secs(hour * 3_600), value);
        }
        assert_eq!(medians.change(24 * HOUR), None);
    }
}
