//! Who sends faster than anybody needs to, where nobody can be asked to wait: what is too much is refused before it is
//! stored, counted, and told by the sender's name, at once and then once a minute.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::event::Happening;
use super::pace::Paces;
use super::seat::Seat;
use crate::clock::Stopwatch;

/// Why a frame was refused before it was stored, as metrics and quarantine call it.
pub const TOO_FAST: &str = "too-fast";

/// How often a name is told again.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// How many names are remembered for that.
const NAMES_MAX: usize = 1_024;

/// What one sender of a collector may send.
pub(super) struct Limit {
    paces: Paces,
    word: Word,
}

impl Limit {
    /// `burst` messages at once of each sender.
    pub(super) fn new(burst: u32) -> Self {
        Self { paces: Paces::new(burst), word: Word::new() }
    }

    /// Whether a message of this sender is taken. One that is not is counted and told.
    pub(super) fn passes<C>(&self, seat: &Seat<C>, sender: &str) -> bool {
        if self.paces.passes(sender) {
            return true;
        }
        let collector = &*seat.collector;
        seat.metrics.refused.with_label_values(&[collector, TOO_FAST]).inc();
        if let Some(refused) = self.word.count(sender) {
            tracing::warn!(collector, sender, refused, reason = TOO_FAST, "frames refused");
            seat.tell(Happening::TooFast { sender: sender.into(), refused });
        }
        false
    }
}

/// What is told of each name at once and then once a minute, with how often it happened since.
pub(super) struct Word {
    watch: Stopwatch,
    names: Mutex<HashMap<Arc<str>, Told>>,
}

#[derive(Clone, Copy)]
struct Told {
    at: Duration,
    since: u64,
}

impl Word {
    pub(super) fn new() -> Self {
        Self { watch: Stopwatch::start(), names: Mutex::default() }
    }

    /// It happened once more: how often since it was last told, if it is to be told now.
    pub(super) fn count(&self, name: &str) -> Option<u64> {
        self.count_at(name, self.watch.elapsed())
    }

    fn count_at(&self, name: &str, now: Duration) -> Option<u64> {
        let mut names = self.names.lock();
        if let Some(told) = names.get_mut(name) {
            told.since += 1;
            if now.saturating_sub(told.at) < TELL_EVERY {
                return None;
            }
            let since = std::mem::take(&mut told.since);
            told.at = now;
            return Some(since);
        }
        if names.len() >= NAMES_MAX {
            names.clear();
        }
        names.insert(name.into(), Told { at: now, since: 0 });
        Some(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_is_told_at_once_and_then_once_a_minute_with_all_that_was() {
        let (word, second) = (Word::new(), Duration::from_secs(1));
        assert_eq!(word.count_at("a", second), Some(1));
        let told: Vec<_> = (2..=121).filter_map(|n| word.count_at("a", second * n)).collect();
        assert_eq!(told, [60, 60]);
        assert_eq!(word.count_at("b", second * 2), Some(1), "by itself");
        for n in 0..10_000 {
            word.count_at(&n.to_string(), second);
            assert!(word.names.lock().len() <= NAMES_MAX);
        }
    }
}
