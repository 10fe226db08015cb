//! How fast one sender may send. Where the sender itself waits for us, what comes faster waits, and its sender with it:
//! one that drains a buffer is slowed, and loses nothing. Where somebody stands between us, a broker or a wire, what
//! comes faster is [refused](super::limit). Either way a sender that has gone wild costs the others nothing.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::clock::Stopwatch;

/// Messages a second that one sender may send for long: three times what a region of five hundred sites with twelve
/// channels each sends in a storm, every ten seconds.
const RATE: f64 = 2_000.0;
/// Messages it may send at once before that: a buffer of two weeks, a message a minute.
pub const BURST: u32 = 20_000;
/// The same behind a broker of somebody else's, which hands over at once what it kept while we were away: more than a
/// message a second for a week, which is how long it is asked to keep a session.
pub const BURST_KEPT: u32 = 1_000_000;
/// How many senders are remembered; beyond it those who have rested are forgotten, and if none has, a new one is not
/// remembered and passes.
const SENDERS_MAX: usize = 20_000;

/// How much each sender may still send at once.
pub(super) struct Paces {
    watch: Stopwatch,
    burst: f64,
    senders: Mutex<HashMap<Arc<str>, Bucket>>,
}

#[derive(Clone, Copy)]
struct Bucket {
    left: f64,
    at: Duration,
}

impl Paces {
    /// `burst` messages at once of each.
    pub(super) fn new(burst: u32) -> Self {
        Self { watch: Stopwatch::start(), burst: f64::from(burst), senders: Mutex::default() }
    }

    /// How long a message of this sender has to wait.
    pub(super) fn wait(&self, sender: &str) -> Duration {
        self.wait_at(sender, self.watch.elapsed())
    }

    /// Whether a message of this sender passes. One that does not is not counted against it.
    pub(super) fn passes(&self, sender: &str) -> bool {
        self.passes_at(sender, self.watch.elapsed())
    }

    fn wait_at(&self, sender: &str, now: Duration) -> Duration {
        let left = self.take(sender, now, f64::NEG_INFINITY);
        Duration::from_secs_f64((-left / RATE).max(0.0))
    }

    fn passes_at(&self, sender: &str, now: Duration) -> bool {
        self.take(sender, now, 0.0) >= 0.0
    }

    /// Takes one message off what is left of a sender's, unless less than `least` would be left then. What is, or would
    /// be, left.
    fn take(&self, sender: &str, now: Duration, least: f64) -> f64 {
        let filled = |bucket: &Bucket| {
            (bucket.left + now.saturating_sub(bucket.at).as_secs_f64() * RATE).min(self.burst)
        };
        let mut senders = self.senders.lock();
        if let Some(bucket) = senders.get_mut(sender) {
            let left = filled(bucket) - 1.0;
            if left >= least {
                *bucket = Bucket { left, at: now };
            }
            return left;
        }
        if senders.len() >= SENDERS_MAX {
            senders.retain(|_, bucket| filled(bucket) < self.burst);
        }
        let left = self.burst - 1.0;
        if senders.len() < SENDERS_MAX {
            senders.insert(sender.into(), Bucket { left, at: now });
        }
        left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_burst_passes_and_what_goes_on_is_slowed_to_the_rate() {
        let paces = Paces::new(BURST);
        for _ in 0..20_000 {
            assert_eq!(paces.wait_at("wild", SECOND), Duration::ZERO);
        }
        assert_eq!(paces.wait_at("wild", SECOND), Duration::from_micros(500));
        assert_eq!(paces.wait_at("wild", SECOND), Duration::from_millis(1));
        assert_eq!(paces.wait_at("calm", SECOND), Duration::ZERO, "another is not slowed");
        assert_eq!(paces.wait_at("wild", SECOND * 2), Duration::ZERO, "it has rested");
    }

    #[test]
    fn a_burst_passes_and_of_what_goes_on_the_rate_does() {
        let paces = Paces::new(100);
        let passed = |sender, now| (0..10_000).filter(|_| paces.passes_at(sender, now)).count();
        assert_eq!(passed("wild", SECOND), 100);
        assert_eq!(passed("wild", SECOND), 0, "what is refused is not owed");
        assert_eq!(passed("wild", SECOND + Duration::from_millis(10)), 20);
        assert_eq!(passed("calm", SECOND), 100, "another is not refused");
        assert_eq!(passed("wild", SECOND * 9), 100, "rest earns no more than a burst");
    }

    #[test]
    fn who_is_remembered_is_bounded() {
        let paces = Paces::new(BURST);
        for n in 0..SENDERS_MAX + 5_000 {
            paces.wait_at(&format!("c-{n}"), Duration::from_secs(n as u64));
        }
        assert!(paces.senders.lock().len() <= SENDERS_MAX);
        let busy = Paces::new(BURST);
        for n in 0..SENDERS_MAX + 5_000 {
            assert_eq!(busy.wait_at(&format!("c-{n}"), SECOND), Duration::ZERO);
        }
        assert!(busy.senders.lock().len() <= SENDERS_MAX);
    }
}
