//! Lasting: whether what was told is over, by a reference that stands still meanwhile.
//!
//! Where the series has always been, and how far from it, as means over its whole past. While something told lasts,
//! nothing is learned into it: what every window has got used to by then still lies outside, and is said to last.

use reading::Timestamp;
use serde::{Deserialize, Serialize};

/// The means are those of the whole past up to so many readings.
const MEMORY: f64 = 10_000.0;
/// So many mean departures to either side are usual: about three standard deviations.
const USUAL: f64 = 4.0;
/// So many readings in a row have to be usual again.
const BACK: u8 = 8;
/// What a person accepts counts for so many readings of the past, so that it is known better soon.
const ACCEPTED: f64 = 64.0;

/// Where a series has always been, and since when it has been elsewhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Lasting {
    mean: f64,
    apart: f64,
    seen: f64,
    back: u8,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
}

impl Lasting {
    /// Takes a reading. What is stuck is not back before it moves.
    pub fn observe(
        &mut self,
        at: Timestamp,
        value: f64,
        resolution: f64,
        learning: bool,
        moves: bool,
    ) {
        let away = (value - self.mean).abs();
        if self.since.is_some() && self.until.is_none() {
            let usual = away <= USUAL * self.apart.max(resolution) && moves;
            self.back = if usual { self.back + 1 } else { 0 };
            self.until = (self.back >= BACK).then_some(at);
        } else if learning {
            self.seen = (self.seen + 1.0).min(MEMORY);
            self.apart +=
                (away.min(2.0 * USUAL * self.apart.max(resolution)) - self.apart) / self.seen;
            self.mean += (value - self.mean) / self.seen;
        }
    }

    /// Something was told; what lasts goes on.
    pub fn tell(&mut self, at: Timestamp) {
        if self.until.is_some() || self.since.is_none() {
            self.since = Some(at);
        }
        (self.until, self.back) = (None, 0);
    }

    /// What lasts is no departure any more: the reference goes on from where the series is. How far it is usually from
    /// there stays known.
    pub fn accept(&mut self, value: f64) {
        if self.since.is_some() && self.until.is_none() {
            (self.mean, self.seen) = (value, self.seen.min(ACCEPTED));
            (self.since, self.back) = (None, 0);
        }
    }

    /// Since when what was told lasts, and until when it did if it is over.
    pub fn span(&self) -> Option<(Timestamp, Option<Timestamp>)> {
        Some((self.since?, self.until))
    }
}
