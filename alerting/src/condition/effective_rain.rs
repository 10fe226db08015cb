//! Effective rain: what fell, forgotten by halves (실효우량).
//!
//! E = Σ rᵢ · 0.5^((t − tᵢ)/T½), with α from the actual distance of readings. Several half-lives stand beside each
//! other, each with its own limit: a short one answers to bursts, a long one to a wet week. In: trusted rain of one
//! series. Out: a [`Transition`]; its value is the largest of them in percent of its limit. Source:
//! docs/formulas.md 5.4, vector D1.

use alloc::vec::Vec;
use core::time::Duration;

use reading::Timestamp;
use serde::{Deserialize, Serialize};

use super::amounts::{Intake, Source};
use super::explain::{Fact, Measure, Said};
use super::persistence::{self, Mark};
use super::{Kind, Transition};

/// The most half-lives of one condition.
pub const HALF_LIVES_MAX: usize = 4;

/// One half-life with its limit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// In so long half is forgotten.
    pub half_life: Duration,
    /// At or above this, millimetres, it counts towards raising.
    pub raise_at: f64,
    /// Below this it counts towards clearing.
    pub clear_below: f64,
}

/// Effective rain beyond a limit, for any of some half-lives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// What readings say about amounts.
    pub source: Source,
    /// Each by itself; at most [`HALF_LIVES_MAX`].
    pub parts: Vec<Part>,
    /// How often and how long.
    pub persistence: persistence::Settings,
}

/// What is left of the rain, by half-life.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    intake: Intake,
    left: [f64; HALF_LIVES_MAX],
    last: Option<Timestamp>,
    persistence: persistence::State,
}

/// The part of an amount that is left after so long.
pub fn left_after(half_life: Duration, elapsed: Duration) -> f64 {
    libm::exp2(-elapsed.as_secs_f64() / half_life.as_secs_f64())
}

impl State {
    fn take(&mut self, settings: &Settings, at: Timestamp, value: f64) {
        let amount = self.intake.take(&settings.source, value) as f64 / 1_000.0;
        let elapsed = self.last.replace(at).map_or(Duration::ZERO, |last| at.since(last));
        for (left, part) in self.left.iter_mut().zip(&settings.parts) {
            *left = *left * left_after(part.half_life, elapsed) + amount;
        }
    }

    fn mark(&self, settings: &Settings) -> Mark {
        let mut parts = self.left.iter().zip(&settings.parts);
        if parts.clone().any(|(left, part)| *left >= part.raise_at) {
            Mark::Beyond
        } else if parts.all(|(left, part)| *left < part.clear_below) {
            Mark::Within
        } else {
            Mark::Between
        }
    }

    fn percent(&self, settings: &Settings) -> f64 {
        let percent = |(left, part): (&f64, &Part)| 100.0 * left / part.raise_at;
        self.left.iter().zip(&settings.parts).map(percent).fold(0.0, f64::max)
    }
}

impl Kind for State {
    type Settings = Settings;

    fn take_own(&mut self, settings: &Settings, at: Timestamp, value: f64) -> Option<Transition> {
        self.take(settings, at, value);
        let mark = self.mark(settings);
        let value = self.percent(settings);
        self.persistence.judge(&settings.persistence, at, mark, value)
    }

    fn held(&self) -> bool {
        self.persistence.held()
    }

    fn said(_settings: &Settings) -> Said {
        Said {
            key: "evidence-effective-rain",
            measure: Measure::Own("%"),
            limit: 100.0,
            window: None,
        }
    }

    fn facts(&self, settings: &Settings) -> Vec<Fact> {
        const LEFT: [&str; HALF_LIVES_MAX] = ["left-1-mm", "left-2-mm", "left-3-mm", "left-4-mm"];
        let mut facts = self.persistence.facts();
        let parts = LEFT.into_iter().zip(self.left).take(settings.parts.len());
        facts.extend(parts.map(|(name, left)| Fact::number(name, left)));
        facts
    }
}

#[cfg(test)]
mod tests {
    use super::super::MAIN;
    use super::*;
    use std::vec;

    fn settings(hours: &[f64]) -> Settings {
        let part = |hours: &f64| Part {
            half_life: Duration::from_secs_f64(hours * 3_600.0),
            raise_at: 50.0,
            clear_below: 45.0,
        };
        Settings {
            source: Source::default(),
            parts: hours.iter().map(part).collect(),
            persistence: persistence::Settings::IMMEDIATE,
        }
    }

    #[test]
    fn vector_d1_effective_rain_by_half_life() {
        let settings = settings(&[1.5, 6.0, 24.0, 72.0]);
        let mut state = State::default();
        let expected = [
            [0.0, 0.0, 0.0, 0.0],
            [10.0, 10.0, 10.0, 10.0],
            [26.2996, 28.9090, 29.7153, 29.9042],
            [46.5677, 55.7550, 58.8694, 59.6177],
            [29.3358, 49.6720, 57.1935, 59.0465],
            [18.4804, 44.2528, 55.5653, 58.4808],
        ];
        for (hour, (mm, row)) in [0.0, 10.0, 20.0, 30.0, 0.0, 0.0].iter().zip(expected).enumerate()
        {
            state.take(&settings, Timestamp::from_secs(hour as i64 * 3_600), *mm);
            for (left, expected) in state.left.iter().zip(row) {
                assert!((left - expected).abs() < 5e-5, "hour {hour}: {left} is not {expected}");
            }
        }
    }

    #[test]
    fn any_half_life_raises_and_all_have_to_clear() {
        let settings = settings(&[1.5, 6.0]);
        let mut state = State::default();
        let turns: vec::Vec<_> = (0i64..)
            .zip([0.0, 10.0, 20.0, 30.0, 0.0, 0.0])
            .filter_map(|(hour, mm)| {
                let at = Timestamp::from_secs(hour * 3_600);
                Some((hour, state.observe(&settings, MAIN, at, mm)?.held))
            })
            .collect();
        assert_eq!(turns, [(3, true), (5, false)]);
    }

    #[test]
    fn equal_stamps_add_up() {
        let settings = settings(&[6.0]);
        let mut state = State::default();
        for mm in [3.0, 4.0] {
            state.take(&settings, Timestamp::from_secs(0), mm);
        }
        assert_eq!(state.left[0], 7.0);
    }
}
