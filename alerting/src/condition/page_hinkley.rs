//! Page–Hinkley: a mean that shifts, without knowing the mean.
//!
//! x̄ₙ is the mean so far, m sums x − x̄ₙ − δ, and the value is m over its least so far. Downwards the same with the
//! signs turned. The mean forgets beyond `memory` readings, so that a shift that stays becomes the new mean. Source:
//! docs/formulas.md 6.4, vector E3.

use alloc::vec::Vec;

use reading::Timestamp;
use serde::{Deserialize, Serialize};

use super::explain::{Fact, Measure, Said};
use super::limit::Limit;
use super::persistence;
use super::{Kind, Transition};

/// A shift of the mean.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// What is let pass at each reading (δ), base units.
    pub slack: f64,
    /// The mean is that of about so many of the last readings.
    pub memory: u32,
    /// On the sum (λ), base units; its side says which way a shift counts.
    pub limit: Limit,
}

/// The sums of one series, up and down.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    seen: u32,
    mean: f64,
    up: Above,
    down: Above,
    persistence: persistence::State,
}

/// A sum and how far it is above its least.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Above {
    over: f64,
}

impl Above {
    /// Adds to the sum. Only its distance from its least is needed: the sum itself would grow without end.
    fn add(&mut self, amount: f64) {
        self.over = (self.over + amount).max(0.0);
    }
}

impl State {
    fn add(&mut self, settings: &Settings, value: f64) -> f64 {
        use super::Side;
        self.seen = self.seen.saturating_add(1).min(settings.memory.max(1));
        self.mean += (value - self.mean) / f64::from(self.seen);
        self.up.add(value - self.mean - settings.slack);
        self.down.add(self.mean - value - settings.slack);
        match settings.limit.side {
            Side::Above => self.up.over,
            Side::Below => self.down.over,
            Side::Magnitude => self.up.over.max(self.down.over),
        }
    }
}

impl Kind for State {
    type Settings = Settings;

    fn take_own(&mut self, settings: &Settings, at: Timestamp, value: f64) -> Option<Transition> {
        let over = self.add(settings, value);
        let limit = Limit { side: super::Side::Above, ..settings.limit };
        limit.judge(&mut self.persistence, at, Some(over))
    }

    fn held(&self) -> bool {
        self.persistence.held()
    }

    fn said(settings: &Settings) -> Said {
        Said {
            key: "evidence-drift",
            measure: Measure::Base,
            limit: settings.limit.raise_at,
            window: None,
        }
    }

    fn facts(&self, _settings: &Settings) -> Vec<Fact> {
        let mut facts = self.persistence.facts();
        facts.push(Fact::number("mean", self.mean));
        facts.push(Fact::number("sum-up", self.up.over));
        facts.push(Fact::number("sum-down", self.down.over));
        facts
    }
}

#[cfg(test)]
mod tests {
    use super::super::MAIN;
    use super::super::Side;
    use super::*;

    fn settings() -> Settings {
        Settings { slack: 0.05, memory: 10_000, limit: Limit::above(1.0) }
    }

    #[test]
    fn vector_e3_the_eighth_reading_is_one_too_many() {
        let x = [1.0, 1.1, 0.9, 1.0, 1.05, 1.5, 1.6, 1.55, 1.7, 1.65];
        let sums = [0.0, 0.0, 0.0, 0.0, 0.0, 0.358_33, 0.744_05, 1.031_55, 1.414_88, 1.709_88];
        let mut state = State::default();
        for (i, (x, expected)) in x.into_iter().zip(sums).enumerate() {
            let turn = state.observe(&settings(), MAIN, Timestamp::from_secs(i as i64 * 600), x);
            assert!((state.up.over - expected).abs() < 6e-6, "{i}: {}", state.up.over);
            assert_eq!(turn.is_some(), i == 7);
        }
    }

    #[test]
    fn sees_a_fall_where_it_is_asked_to_and_gets_used_to_it() {
        let turns = |side: Side| {
            let limit = Limit { side, ..Limit::above(1.0) };
            let settings = Settings { memory: 100, limit, ..settings() };
            let mut state = State::default();
            let turn = |i: i64| {
                let value = if i < 300 { 2.0 } else { 1.5 };
                Some(state.observe(&settings, MAIN, Timestamp::from_secs(i * 600), value)?.held)
            };
            (0..2_000).filter_map(turn).collect::<Vec<_>>()
        };
        assert_eq!(turns(Side::Below), [true, false]);
        assert_eq!(turns(Side::Magnitude), [true, false]);
        assert!(turns(Side::Above).is_empty());
    }
}
