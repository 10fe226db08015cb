//! Pace: how often a series speaks by itself, so that a gap is known as one.

use reading::Timestamp;
use serde::{Deserialize, Serialize};

/// The interval follows what is seen by this share of itself: a median, after some dozens of readings.
const STEP: f64 = 0.02;
/// More than so many intervals without a reading are a gap.
const GAP: f64 = 3.5;

/// The usual interval of a series.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Pace {
    last_at: Option<Timestamp>,
    /// Seconds; 0 while unknown.
    interval: f64,
}

impl Pace {
    /// The usual interval in seconds; 0 while unknown.
    pub fn interval(&self) -> f64 {
        self.interval
    }

    /// Takes the moment of a reading. Says how many intervals were missed, if it was a gap.
    pub fn observe(&mut self, at: Timestamp) -> Option<f64> {
        let last = self.last_at.replace(at)?;
        let seconds = at.since(last).as_secs_f64();
        if seconds <= 0.0 {
            return None; // a second value for one moment says nothing about the pace
        }
        self.interval = if self.interval <= 0.0 {
            seconds
        } else if seconds < self.interval {
            (self.interval * (1.0 - STEP)).max(seconds)
        } else {
            (self.interval * (1.0 + STEP)).min(seconds)
        };
        let intervals = seconds / self.interval;
        (intervals > GAP).then_some(intervals)
    }
}
