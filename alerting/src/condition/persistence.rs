//! Persistence: how often and for how long a limit must be passed before a condition holds, and what ends it.
//!
//! In: one flag per trusted reading, in event order. Out: a turn when the condition begins or ceases to hold.
//! Shared by every condition that compares a number with a limit. Source: domain.md 3.1, vector A1.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;

use reading::Timestamp;
use serde::{Deserialize, Serialize};

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

/// What the last readings were; at most [`WINDOW_LEN_MAX`] of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    recent: VecDeque<(Timestamp, bool)>,
    /// The first reading beyond the limit of the run in which `raise_count` is met.
    since: Option<Timestamp>,
    clear_run: u8,
    last_at: Option<Timestamp>,
    held: bool,
}

impl State {
    /// Whether the condition holds.
    pub fn held(&self) -> bool {
        self.held
    }

    /// Takes one reading's mark; says so if the condition turned.
    pub fn observe(&mut self, settings: &Settings, at: Timestamp, mark: Mark) -> Option<bool> {
        if self.last_at.is_some_and(|last| at.since(last) > settings.gap_max) {
            self.forget();
        }
        self.last_at = Some(at);
        self.recent.push_back((at, mark == Mark::Beyond));
        while self.recent.len() > usize::from(settings.window_len.clamp(1, WINDOW_LEN_MAX)) {
            self.recent.pop_front();
        }
        self.clear_run = if mark == Mark::Within { self.clear_run.saturating_add(1) } else { 0 };
        self.turn(settings, at)
    }

    /// How many of the last readings were beyond the limit, since when, and how many in a row within it.
    pub fn facts(&self) -> Vec<Fact> {
        let beyond = self.recent.iter().filter(|(_, beyond)| *beyond).count();
        let mut facts = Vec::from([
            Fact::flag("held", self.held),
            Fact::count("beyond", beyond),
            Fact::count("looked-back-on", self.recent.len()),
            Fact::count("clear-run", usize::from(self.clear_run)),
        ]);
        facts.extend(self.since.map(|since| Fact::moment("beyond-since", since)));
        facts
    }

    fn turn(&mut self, settings: &Settings, at: Timestamp) -> Option<bool> {
        let beyond = self.recent.iter().filter(|(_, beyond)| *beyond).count();
        if beyond < usize::from(settings.raise_count.max(1)) {
            self.since = None;
        } else if self.since.is_none() {
            self.since = self.recent.iter().find(|(_, beyond)| *beyond).map(|(first, _)| *first);
        }
        if self.held {
            let cleared = self.clear_run >= settings.clear_count.max(1);
            self.held = !cleared;
            cleared.then_some(false)
        } else {
            self.held = self.since.is_some_and(|since| at.since(since) >= settings.hold);
            self.held.then_some(true)
        }
    }

    fn forget(&mut self) {
        self.recent.clear();
        self.since = None;
        self.clear_run = 0;
    }
}
