//! How long to wait before trying again.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use reading::Timestamp;

use crate::clock::Clock;

/// The first wait.
const FIRST: Duration = Duration::from_millis(200);
/// The longest wait.
const MAX: Duration = Duration::from_secs(30);
/// A connection that stood this long was a good one: the next failure starts from the first wait.
const SETTLED_AFTER: Duration = Duration::from_secs(10);

/// Doubling waits with jitter, so that a fleet does not come back in step.
#[derive(Debug)]
pub(super) struct Backoff {
    failures: u32,
    max: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self::up_to(MAX)
    }
}

impl Backoff {
    /// Waits that are never longer than `max`.
    pub(super) fn up_to(max: Duration) -> Self {
        Self { failures: 0, max }
    }

    /// The wait after one more failure.
    pub(super) fn next(&mut self) -> Duration {
        let wait = wait(self.failures, RandomState::new().build_hasher().finish());
        self.failures = self.failures.saturating_add(1);
        wait.min(self.max)
    }

    /// The wait after a connection that began at this moment was lost: starts over if it was a good one.
    pub(super) fn after(&mut self, began: Timestamp, clock: &Clock) -> Duration {
        if clock.real(clock.at().since(began)) >= SETTLED_AFTER {
            self.failures = 0;
        }
        self.next()
    }
}

/// Between half and all of the doubled wait, by chance; never below the first one.
fn wait(failures: u32, chance: u64) -> Duration {
    let full = FIRST.saturating_mul(1_u32.checked_shl(failures).unwrap_or(u32::MAX)).min(MAX);
    let share = 0.5 + (chance >> 11) as f64 / (1_u64 << 54) as f64;
    full.mul_f64(share).max(FIRST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_within_their_bounds() {
        for (failures, least, most) in [
            (0, 200, 200),
            (1, 200, 400),
            (3, 800, 1_600),
            (7, 12_800, 25_600),
            (8, 15_000, 30_000),
        ] {
            assert_eq!(wait(failures, 0), Duration::from_millis(least), "{failures}");
            let longest = wait(failures, u64::MAX);
            assert!(
                longest <= Duration::from_millis(most)
                    && longest > Duration::from_millis(most * 99 / 100),
                "{failures}"
            );
        }
        for failures in [31, 32, 33, u32::MAX] {
            assert!(wait(failures, u64::MAX) <= MAX && wait(failures, 0) >= MAX / 2, "{failures}");
        }
    }

    #[test]
    fn starts_over_after_a_good_connection() {
        let clock = Clock::manual(Timestamp::from_secs(1_784_000_000));
        let (mut backoff, began) = (Backoff::default(), clock.at());
        clock.advance(SETTLED_AFTER - Duration::from_secs(1));
        for _ in 0..12 {
            backoff.after(began, &clock);
        }
        assert!(backoff.after(began, &clock) >= MAX / 2, "none of them stood for long");
        clock.advance(Duration::from_secs(1));
        assert_eq!(backoff.after(began, &clock), FIRST);
    }

    #[test]
    fn a_closer_end_holds() {
        let mut backoff = Backoff::up_to(Duration::from_secs(5));
        assert!((0..40).all(|_| backoff.next() <= Duration::from_secs(5)));
    }
}
