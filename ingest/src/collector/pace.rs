//! How fast one sender may send: what comes faster waits, and its sender with it. A sender that has gone wild then costs
//! the others nothing; one that drains a buffer is slowed, and loses nothing.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::clock::Stopwatch;

/// Messages a second that one sender may send for long: three times what a region of five hundred sites sends in a storm
/// (own).
const RATE: f64 = 2_000.0;
/// Messages it may send at once before that: a buffer of two weeks, a message a minute.
const BURST: f64 = 20_000.0;
/// How many senders are remembered; beyond it those who have rested are forgotten.
const SENDERS_MAX: usize = 20_000;

/// How much each sender may still send at once.
pub(super) struct Paces {
    watch: Stopwatch,
    senders: Mutex<HashMap<Arc<str>, Bucket>>,
}

#[derive(Clone, Copy)]
struct Bucket {
    left: f64,
    at: Duration,
}

impl Bucket {
    fn filled_to(self, at: Duration) -> f64 {
        (self.left + at.saturating_sub(self.at).as_secs_f64() * RATE).min(BURST)
    }
}

impl Paces {
    pub(super) fn new() -> Self {
        Self { watch: Stopwatch::start(), senders: Mutex::default() }
    }

    /// How long a message of this sender has to wait.
    pub(super) fn wait(&self, sender: &Arc<str>) -> Duration {
        self.wait_at(sender, self.watch.elapsed())
    }

    fn wait_at(&self, sender: &Arc<str>, now: Duration) -> Duration {
        let mut senders = self.senders.lock();
        if senders.len() >= SENDERS_MAX && !senders.contains_key(sender) {
            senders.retain(|_, bucket| bucket.filled_to(now) < BURST);
        }
        let bucket = senders.entry(sender.clone()).or_insert(Bucket { left: BURST, at: now });
        *bucket = Bucket { left: bucket.filled_to(now) - 1.0, at: now };
        Duration::from_secs_f64((-bucket.left / RATE).max(0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_what_goes_on_is_slowed_to_the_rate() {
        let paces = Paces::new();
        let (wild, calm): (Arc<str>, Arc<str>) = ("wild".into(), "calm".into());
        let second = Duration::from_secs(1);
        for _ in 0..20_000 {
            assert_eq!(paces.wait_at(&wild, second), Duration::ZERO);
        }
        assert_eq!(paces.wait_at(&wild, second), Duration::from_micros(500));
        assert_eq!(paces.wait_at(&wild, second), Duration::from_millis(1));
        assert_eq!(paces.wait_at(&calm, second), Duration::ZERO, "another is not slowed");
        assert_eq!(paces.wait_at(&wild, second * 2), Duration::ZERO, "it has rested");
    }

    #[test]
    fn who_is_remembered_is_bounded() {
        let paces = Paces::new();
        for n in 0..SENDERS_MAX + 5_000 {
            paces.wait_at(&format!("c-{n}").into(), Duration::from_secs(n as u64));
        }
        assert!(paces.senders.lock().len() <= SENDERS_MAX);
    }
}
