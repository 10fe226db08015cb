//! Persistence: how often and for how long a limit must be passed before a condition holds, and what ends it.
//!
//! In: one flag per trusted reading, in event order. Out: a turn when the condition begins or ceases to hold.
//! Shared by every condition that compares a number with a limit. Source: docs/formulas.md 2, vector A1.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;

use reading::Timestamp;
use serde::{Deserialize, Serialize};

use super::Transition;
use super::explain::Fact;

/// The longest look-back in readings.
pub const WINDOW_LEN_MAX: u8 = 32;

/// How often and for how long a limit must be passed before a condition holds, and what ends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// So many of the last `window_len` trusted readings must be beyond the limit.
    pub raise_count: u8,
    /// How many readings are looked back on, at most [`WINDOW_LEN_MAX`].
    pub window_len: u8,
    /// That must have been so for at least this long, counted from the first reading beyond the limit.
    pub hold: Duration,
    /// So many in a row within the clearing limit end it.
    pub clear_count: u8,
    /// A gap longer than this neither raises nor clears, and nothing seen before it counts any more.
    pub gap_max: Duration,
}

impl Settings {
    /// One reading raises, one clears: for tests and for switches.
    pub const IMMEDIATE: Self = Self {
        raise_count: 1,
        window_len: 1,
        hold: Duration::ZERO,
        clear_count: 1,
        gap_max: Duration::MAX,
    };
}

/// Where one reading lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Beyond the raising limit.
    Beyond,
    /// Between the limits, or too uncertain to say.
    Between,
    /// Within the clearing limit.
    Within,
}

/// What the last readings were. 24 bytes, and the times of those beyond the limit only where a hold asks for them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// When the last reading was measured; [`Timestamp::MIN`] before the first.
    last_at: Timestamp,
    timing: Option<Box<Timing>>,
    /// Which of the last readings were beyond the limit, the newest in the lowest bit.
    recent: u32,
    len: u8,
    clear_run: u8,
    held: bool,
}

/// When those of the last readings were measured that are beyond the limit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Timing {
    beyond: VecDeque<Timestamp>,
    /// The first reading beyond the limit of the run in which `raise_count` is met.
    since: Option<Timestamp>,
}

impl Default for State {
    fn default() -> Self {
        let (recent, len, clear_run, held) = (0, 0, 0, false);
        Self { last_at: Timestamp::MIN, timing: None, recent, len, clear_run, held }
    }
}

impl State {
    /// Whether the condition holds.
    pub fn held(&self) -> bool {
        self.held
    }

    /// Takes one reading's mark; says so if the condition turned.
    pub fn observe(&mut self, settings: &Settings, at: Timestamp, mark: Mark) -> Option<bool> {
        if self.last_at != Timestamp::MIN && at.since(self.last_at) > settings.gap_max {
            self.forget();
        }
        self.last_at = at;
        self.push(settings, at, mark == Mark::Beyond);
        self.clear_run = if mark == Mark::Within { self.clear_run.saturating_add(1) } else { 0 };
        self.turn(settings, at)
    }

    /// The same with the number behind the mark, which a transition names.
    pub fn judge(
        &mut self,
        settings: &Settings,
        at: Timestamp,
        mark: Mark,
        value: f64,
    ) -> Option<Transition> {
        Some(Transition { held: self.observe(settings, at, mark)?, at, value })
    }

    /// How many of the last readings were beyond the limit, since when, and how many in a row within it.
    pub fn facts(&self) -> Vec<Fact> {
        let mut facts = Vec::from([
            Fact::flag("held", self.held),
            Fact::count("beyond", self.beyond()),
            Fact::count("looked-back-on", usize::from(self.len)),
            Fact::count("clear-run", usize::from(self.clear_run)),
        ]);
        let since = self.timing.as_ref().and_then(|timing| timing.since);
        facts.extend(since.map(|since| Fact::moment("beyond-since", since)));
        facts
    }

    fn beyond(&self) -> usize {
        self.recent.count_ones() as usize
    }

    fn push(&mut self, settings: &Settings, at: Timestamp, beyond: bool) {
        let window = settings.window_len.clamp(1, WINDOW_LEN_MAX);
        let falls = self.len == window && self.recent >> (window - 1) & 1 == 1;
        self.recent =
            (self.recent << 1 | u32::from(beyond)) & (u32::MAX >> (WINDOW_LEN_MAX - window));
        self.len = (self.len + 1).min(window);
        if !settings.hold.is_zero() && (beyond || self.timing.is_some()) {
            let timing = self.timing.get_or_insert_default();
            if falls {
                timing.beyond.pop_front();
            }
            timing.beyond.extend(beyond.then_some(at));
        }
    }

    fn turn(&mut self, settings: &Settings, at: Timestamp) -> Option<bool> {
        let reached = self.beyond() >= usize::from(settings.raise_count.max(1));
        if let Some(timing) = &mut self.timing {
            let first = timing.beyond.front().copied();
            timing.since = if reached { timing.since.or(first) } else { None };
        }
        let cleared = self.clear_run >= settings.clear_count.max(1);
        if self.held {
            self.held = !cleared;
            cleared.then_some(false)
        } else {
            // What would clear it raises nothing, however many were beyond before.
            self.held = reached && !cleared && self.has_held_for(settings.hold, at);
            self.held.then_some(true)
        }
    }

    fn has_held_for(&self, hold: Duration, at: Timestamp) -> bool {
        let since = self.timing.as_ref().and_then(|timing| timing.since);
        hold.is_zero() || since.is_some_and(|since| at.since(since) >= hold)
    }

    fn forget(&mut self) {
        (self.recent, self.len, self.clear_run, self.timing) = (0, 0, 0, None);
    }
}

/// How likely so many of the last so many readings are beyond a limit by chance, if each is with probability `each`,
/// whatever the others are. Readings of the field are alike their neighbours, so the truth is above it. Source:
/// docs/formulas.md 2, false-alarm arithmetic.
pub fn chance(each: f64, raise_count: u8, window_len: u8) -> f64 {
    let (wanted, of) = (i32::from(raise_count), i32::from(window_len));
    let mut ways = 1.0;
    let mut sum = 0.0;
    for beyond in 0..=of {
        if beyond >= wanted {
            sum += ways
                * libm::pow(each, f64::from(beyond))
                * libm::pow(1.0 - each, f64::from(of - beyond));
        }
        ways = ways * f64::from(of - beyond) / f64::from(beyond + 1);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn false_alarms_by_chance_are_those_of_the_table() {
        for (each, n, m, expected) in [
            (0.01, 1, 1, 1e-2),
            (0.01, 2, 3, 2.98e-4),
            (0.01, 3, 5, 9.8506e-6),
            (0.01, 3, 3, 1e-6),
            (0.001, 3, 5, 9.985e-9),
        ] {
            let got = chance(each, n, m);
            assert!((got / expected - 1.0).abs() < 1e-4, "{n} of {m}: {got}");
        }
    }

    #[test]
    fn what_has_cleared_does_not_hold_again_by_what_would_clear_it() {
        let settings = Settings {
            raise_count: 2,
            window_len: 5,
            hold: Duration::ZERO,
            clear_count: 1,
            gap_max: Duration::MAX,
        };
        let mut state = State::default();
        let mut play = |marks: &[Mark], from: i64| -> Vec<Option<bool>> {
            let of = |(i, mark): (usize, &Mark)| {
                state.observe(&settings, Timestamp::from_secs(from + i as i64), *mark)
            };
            marks.iter().enumerate().map(of).collect()
        };
        use Mark::{Between, Beyond, Within};
        let turns = play(&[Beyond, Beyond, Within, Within, Within, Within], 0);
        assert_eq!(turns, [None, Some(true), Some(false), None, None, None]);
        // what is beyond again soon after counts those before
        let turns = play(&[Beyond, Within, Between, Beyond], 6);
        assert_eq!(turns, [None, None, None, Some(true)]);
    }

    #[test]
    fn a_hold_that_ends_on_what_would_clear_it_raises_nothing() {
        let hold = Duration::from_secs(600);
        let settings = Settings { raise_count: 1, window_len: 5, hold, ..Settings::IMMEDIATE };
        for (last, turn) in
            [(Mark::Within, None), (Mark::Between, Some(true)), (Mark::Beyond, Some(true))]
        {
            let mut state = State::default();
            assert_eq!(state.observe(&settings, Timestamp::from_secs(0), Mark::Beyond), None);
            assert_eq!(state.observe(&settings, Timestamp::from_secs(600), last), turn, "{last:?}");
        }
    }

    #[test]
    fn a_state_is_24_bytes() {
        assert_eq!(size_of::<State>(), 24);
    }
}
