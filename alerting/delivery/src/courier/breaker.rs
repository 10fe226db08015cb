//! A channel that fails again and again is left alone for a while, then tried with one delivery. What is owed on it
//! stays owed: the ledger keeps it queued, and it expires, if it does, as loudly as any other.
//!
//! The rest is short, since a channel may be wanted the moment it works again: at most [`REST`]'s second, and the most
//! serious delivery is the one it is tried with.

use std::time::Duration;

use alerting::AttemptResult;
use alerting::outbox::FAILURES_MAX;
use reading::Timestamp;

/// Rests of a channel out of order, on the daemon's clock: doubled from the first to the last.
const REST: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(30));

/// Whether a channel may be tried.
#[derive(Debug)]
pub struct Breaker {
    failures: u32,
    rest: Duration,
    rests_until: Option<Timestamp>,
}

/// What an attempt changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It counts as out of order from here on.
    Opened,
    /// It works again.
    Closed,
}

impl Default for Breaker {
    fn default() -> Self {
        Self { failures: 0, rest: REST.0, rests_until: None }
    }
}

impl Breaker {
    /// Until when it is left alone, if it is.
    pub fn rests_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.rests_until.filter(|until| *until > now)
    }

    /// Takes what an attempt that ended at `now` came to. A far end that refuses is there.
    pub fn take(&mut self, result: &AttemptResult, now: Timestamp) -> Option<Turn> {
        match result {
            AttemptResult::Retry { .. } | AttemptResult::Unknown => {}
            AttemptResult::Delivered { .. }
            | AttemptResult::HandedOver { .. }
            | AttemptResult::Refused { .. } => {
                let was_open = self.failures >= FAILURES_MAX;
                *self = Self::default();
                return was_open.then_some(Turn::Closed);
            }
        }
        self.failures = self.failures.saturating_add(1);
        if self.failures < FAILURES_MAX {
            return None;
        }
        self.rests_until = Some(now.plus(self.rest));
        self.rest = (self.rest * 2).min(REST.1);
        (self.failures == FAILURES_MAX).then_some(Turn::Opened)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_after_failures_in_a_row_and_closes_with_the_first_answer() {
        let fails = || AttemptResult::Retry { reason: "503".into() };
        let works = || AttemptResult::Refused { reason: "404".into() };
        let at = |seconds: i64| Timestamp::from_secs(1_784_000_000 + seconds);
        // at second, does it fail, what turns, until when it rests
        let table = [
            (0, true, None, None),
            (1, true, None, None),
            (2, true, None, None),
            (3, true, None, None),
            (4, false, None, None), // four in a row are not five
            (5, true, None, None),
            (6, true, None, None),
            (7, true, None, None),
            (8, true, None, None),
            (9, true, Some(Turn::Opened), Some(11)),
            (11, true, None, Some(15)),
            (15, true, None, Some(23)),
            (23, true, None, Some(39)),
            (39, true, None, Some(69)),
            (69, true, None, Some(99)),
            (99, false, Some(Turn::Closed), None),
            (100, true, None, None),
        ];
        let mut breaker = Breaker::default();
        for (second, failed, turn, rests) in table {
            let result = if failed { fails() } else { works() };
            assert_eq!(breaker.take(&result, at(second)), turn, "at {second}");
            assert_eq!(breaker.rests_until(at(second)), rests.map(at), "at {second}");
        }
    }
}
