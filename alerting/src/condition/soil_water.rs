//! Soil water index (토양우량지수): three tanks, one above the other.
//!
//! The step is part of the definition: an index of 10 minutes and one of an hour are different indices. The scheme is
//! explicit, as operational tools have it: every right-hand side uses the tanks as they were. While a step is open the
//! index is what it would be if no more fell in it; at the step's end that is the index itself. In: trusted rain of
//! one series. Out: a [`Transition`]; its value is the index in millimetres. Source: docs/formulas.md 5.5 (constants of
//! Ishihara and Kobatake 1979), vectors D2 and D3.

use alloc::vec::Vec;
use core::time::Duration;

use reading::Timestamp;
use serde::{Deserialize, Serialize};

use super::amounts::{Intake, Source};
use super::explain::{Fact, Measure, Said};
use super::limit::Limit;
use super::persistence;
use super::steps::{Ended, Steps};
use super::{Kind, Transition};

/// Heights of the outlets, millimetres: two of the first tank, one of each other.
const OUTLETS: [f64; 4] = [15.0, 60.0, 15.0, 15.0];
/// What they let out, of the water above them, an hour.
const OUT: [f64; 4] = [0.10, 0.15, 0.05, 0.01];
/// What percolates from each tank, an hour.
const DOWN: [f64; 3] = [0.12, 0.05, 0.01];

/// Soil water beyond a limit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// What readings say about amounts.
    pub source: Source,
    /// The step of the index.
    pub step: Duration,
    /// It says nothing before it has run for so long: tanks begin empty (docs/formulas.md 5.5: at least 30 days).
    pub warm_up: Duration,
    /// On the index, millimetres.
    pub limit: Limit,
}

/// What is in the tanks, millimetres.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tanks(pub [f64; 3]);

impl Tanks {
    /// The tanks after a step of so many hours in which `rain` millimetres fell.
    #[must_use]
    pub fn after(&self, hours: f64, rain: f64) -> Self {
        let [s1, s2, s3] = self.0;
        let above = |level: f64, outlet: usize| OUT[outlet] * (level - OUTLETS[outlet]).max(0.0);
        let out = [above(s1, 0) + above(s1, 1), above(s2, 2), above(s3, 3)];
        let down = [DOWN[0] * s1, DOWN[1] * s2, DOWN[2] * s3];
        let next = [
            s1 - (down[0] + out[0]) * hours + rain,
            s2 - (down[1] + out[1]) * hours + down[0] * hours,
            s3 - (down[2] + out[2]) * hours + down[1] * hours,
        ];
        Self(next.map(|level| level.max(0.0)))
    }

    /// The index.
    pub fn index(&self) -> f64 {
        self.0.iter().sum()
    }
}

/// The tanks at the end of the last step, and the step that is open.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    intake: Intake,
    steps: Steps,
    tanks: Tanks,
    since: Option<Timestamp>,
    persistence: persistence::State,
}

impl State {
    fn take(&mut self, settings: &Settings, at: Timestamp, value: f64) {
        let hours = settings.step.as_secs_f64() / 3_600.0;
        match self.steps.take(settings.step, at, self.intake.take(&settings.source, value)) {
            Ended::Steps(steps) => {
                steps.for_each(|step| self.tanks = self.tanks.after(hours, step.amount()));
            }
            Ended::Lost => {
                self.tanks = Tanks::default();
                self.since = None;
            }
        }
        self.since.get_or_insert(at);
    }

    /// The tanks as they will be at the end of the open step if no more falls.
    fn now(&self, settings: &Settings) -> Tanks {
        let hours = settings.step.as_secs_f64() / 3_600.0;
        self.tanks.after(hours, self.steps.open().map_or(0.0, |open| open.amount()))
    }

    fn is_warm(&self, settings: &Settings, at: Timestamp) -> bool {
        self.since.is_some_and(|since| at.since(since) >= settings.warm_up)
    }
}

impl Kind for State {
    type Settings = Settings;

    fn take_own(&mut self, settings: &Settings, at: Timestamp, value: f64) -> Option<Transition> {
        self.take(settings, at, value);
        let index = self.is_warm(settings, at).then(|| self.now(settings).index());
        settings.limit.judge(&mut self.persistence, at, index)
    }

    fn held(&self) -> bool {
        self.persistence.held()
    }

    fn said(settings: &Settings) -> Said {
        Said {
            key: "evidence-soil-water-index",
            measure: Measure::Own("mm"),
            limit: settings.limit.raise_at,
            window: None,
        }
    }

    fn facts(&self, settings: &Settings) -> Vec<Fact> {
        let mut facts = self.persistence.facts();
        let tanks = self.now(settings);
        facts.push(Fact::number("index-mm", tanks.index()));
        let names = ["tank-1-mm", "tank-2-mm", "tank-3-mm"];
        facts.extend(names.into_iter().zip(tanks.0).map(|(name, mm)| Fact::number(name, mm)));
        facts.extend(self.since.map(|since| Fact::moment("runs-since", since)));
        facts
    }
}

#[cfg(test)]
mod tests {
    use super::super::MAIN;
    use super::*;
    use std::vec::Vec;

    fn settings(minutes: u64) -> Settings {
        Settings {
            source: Source::default(),
            step: Duration::from_secs(minutes * 60),
            warm_up: Duration::ZERO,
            limit: Limit::above(1e9),
        }
    }

    /// The tanks at the end of every hour, with rain given by hour.
    fn hourly(minutes: i64, rain: &[f64]) -> Vec<Tanks> {
        let settings = settings(minutes as u64);
        let mut state = State::default();
        let mut tanks = Vec::new();
        for (hour, mm) in (0i64..).zip(rain) {
            for part in 1..=60 / minutes {
                let at = Timestamp::from_secs(hour * 3_600 + part * minutes * 60);
                state.take(&settings, at, mm * minutes as f64 / 60.0);
            }
            tanks.push(state.now(&settings));
        }
        tanks
    }

    fn near(got: f64, expected: f64, tolerance: f64) {
        assert!((got - expected).abs() <= tolerance, "{got} is not {expected}");
    }

    #[test]
    fn vector_d2_the_step_is_part_of_the_index() {
        let rain = [30.0, 30.0, 30.0, 0.0, 0.0, 0.0];
        let expected = [
            ([30.0, 0.0, 0.0], 30.0, 29.7774, 29.6806),
            ([54.9, 3.6, 0.0], 58.5, 57.4421, 57.2044),
            ([74.322, 10.008, 0.18], 84.51, 82.6993, 82.3416),
            ([57.3229, 18.4262, 0.6786], 76.4277, 77.1702, 77.1370),
            ([46.2118, 24.2124, 1.5931], 72.0173, 73.1164, 73.1611),
            ([37.5452, 28.0865, 2.7878], 68.4196, 69.7507, 69.8508),
        ];
        let [hourly, ten] = [60, 10].map(|minutes| hourly(minutes, &rain));
        // where the shorter steps lead: the equations themselves, by fourth-order Runge–Kutta
        let mut tanks = Tanks::default();
        let shortest = rain.map(|mm| {
            tanks = (0..3_600).fold(tanks, |tanks, _| tanks.after(1.0 / 3_600.0, mm / 3_600.0));
            tanks.index()
        });
        for (hour, (tanks, index, index_ten, exact)) in expected.into_iter().enumerate() {
            let got = hourly[hour].0.iter();
            got.zip(tanks).for_each(|(got, expected)| near(*got, expected, 6e-5));
            near(hourly[hour].index(), index, 6e-5);
            near(ten[hour].index(), index_ten, 6e-5);
            near(shortest[hour], exact, 1e-3);
        }
    }

    #[test]
    fn vector_d3_twelve_hours_of_rain() {
        let mut rain = [10.0; 24];
        rain[12..].fill(0.0);
        let tanks = hourly(60, &rain);
        for (hour, index) in [(6, 54.666), (12, 93.798), (18, 75.363), (24, 66.938)] {
            near(tanks[hour - 1].index(), index, 6e-4);
        }
    }

    #[test]
    fn within_a_step_it_never_runs_ahead_of_its_end() {
        let settings = settings(60);
        let mut state = State::default();
        let mut before = 0.0;
        for minute in 1..=60 {
            state.take(&settings, Timestamp::from_secs(minute * 60), 0.5);
            let index = state.now(&settings).index();
            assert!(index >= before && index <= 30.0 + 1e-9, "{minute}: {index}");
            before = index;
        }
        near(before, 30.0, 1e-9);
    }

    #[test]
    fn says_nothing_before_it_is_warm_and_begins_anew_after_a_month_without_data() {
        let mut settings = settings(60);
        settings.warm_up = Duration::from_secs(10 * 3_600);
        settings.limit = Limit::above(20.0);
        let mut state = State::default();
        let mut at = |hours: i64, mm: f64| {
            state.observe(&settings, MAIN, Timestamp::from_secs(hours * 3_600), mm).map(|t| t.held)
        };
        assert_eq!(at(1, 50.0), None);
        assert_eq!(at(11, 0.0), Some(true));
        assert_eq!(at(24 * 40, 0.0), None, "the past is lost: it neither raises nor clears");
        assert_eq!(at(24 * 40 + 10, 0.0), Some(false));
    }
}
