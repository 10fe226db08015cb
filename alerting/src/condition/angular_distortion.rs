//! Angular distortion: how differently two points settle, over the distance between them.
//!
//! In: trusted settlements of one point, and of the other as companion. β = |Δs − Δs₀| / L, with Δs₀ as at
//! commissioning: given, or the median of the first day. Out: a [`Transition`]; its value is β. Source:
//! docs/formulas.md 8.4.

use alloc::vec::Vec;
use core::time::Duration;

use reading::Timestamp;
use serde::{Deserialize, Serialize};

use super::explain::{Fact, Measure, Said};
use super::limit::Limit;
use super::medians::Medians;
use super::persistence;
use super::{Kind, Transition};

const DAY: Duration = Duration::from_secs(86_400);

/// Angular distortion beyond a limit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Between the two points, millimetres.
    pub distance: f64,
    /// The difference of their settlements at commissioning, millimetres; `None`: that of the first day.
    pub baseline: Option<f64>,
    /// A settlement of the other point older than this says nothing.
    pub stale_after: Duration,
    /// On β.
    pub limit: Limit,
}

/// The other point, and the difference at commissioning.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    other: Option<(Timestamp, f64)>,
    first: Medians,
    baseline: Option<f64>,
    difference: f64,
    persistence: persistence::State,
}

impl State {
    fn distortion(&mut self, settings: &Settings, at: Timestamp, value: f64) -> Option<f64> {
        let fresh = |(then, _): &(Timestamp, f64)| at.since(*then) <= settings.stale_after;
        let (_, other) = self.other.filter(fresh)?;
        self.difference = value - other;
        if self.baseline.is_none() {
            self.baseline = settings.baseline;
        }
        if self.baseline.is_none() && self.first.take(DAY, 2 * DAY, at, self.difference) {
            self.baseline = self.first.last().map(|(_, difference)| difference);
        }
        Some((self.difference - self.baseline?).abs() / settings.distance)
    }
}

impl Kind for State {
    type Settings = Settings;
    fn take_beside(&mut self, _settings: &Settings, _slot: u8, at: Timestamp, value: f64) {
        self.other = Some((at, value));
    }

    fn take_own(&mut self, settings: &Settings, at: Timestamp, value: f64) -> Option<Transition> {
        let distortion = self.distortion(settings, at, value);
        settings.limit.judge(&mut self.persistence, at, distortion)
    }

    fn held(&self) -> bool {
        self.persistence.held()
    }

    fn said(settings: &Settings) -> Said {
        Said {
            key: "evidence-angular-distortion",
            measure: Measure::Own(""),
            limit: settings.limit.raise_at,
            window: None,
        }
    }

    fn facts(&self, settings: &Settings) -> Vec<Fact> {
        let mut facts = self.persistence.facts();
        facts.push(Fact::number("difference-mm", self.difference));
        if let Some(baseline) = self.baseline {
            facts.push(Fact::number("baseline-mm", baseline));
            let away = (self.difference - baseline).abs();
            facts.push(Fact::number("distortion", away / settings.distance));
        }
        facts
    }
}

#[cfg(test)]
mod tests {
    use super::super::MAIN;
    use super::*;

    fn settings(baseline: Option<f64>) -> Settings {
        Settings {
            distance: 6_000.0,
            baseline,
            stale_after: Duration::from_secs(7_200),
            limit: Limit::above(1.0 / 500.0),
        }
    }

    #[test]
    fn twelve_millimetres_over_six_metres_are_one_in_five_hundred() {
        let mut state = State::default();
        let mut at = |hour: i64, one: f64, other: f64| {
            let at = Timestamp::from_secs(hour * 3_600);
            state.observe(&settings(Some(1.0)), 1, at, other);
            state.observe(&settings(Some(1.0)), MAIN, at, one).map(|turn| turn.held)
        };
        assert_eq!(at(0, 1.0, 0.0), None);
        assert_eq!(at(1, 12.9, 0.0), None);
        assert_eq!(at(2, 13.0, 0.0), Some(true), "equality counts");
        assert_eq!(at(3, 10.0, 0.0), Some(false));
        assert_eq!(at(4, 0.0, 11.0), Some(true), "either way");
    }

    #[test]
    fn the_first_day_is_the_baseline_and_one_point_alone_says_nothing() {
        let mut state = State::default();
        for hour in 0..30 {
            let at = Timestamp::from_secs(hour * 3_600);
            state.observe(&settings(None), 1, at, 5.0);
            assert_eq!(state.observe(&settings(None), MAIN, at, 105.0), None);
        }
        let later = Timestamp::from_secs(40 * 3_600);
        assert_eq!(state.observe(&settings(None), MAIN, later, 900.0), None, "the other is stale");
        state.observe(&settings(None), 1, later, 5.0);
        let turn = state.observe(&settings(None), MAIN, later, 117.0).unwrap();
        assert!(turn.held && (turn.value - 0.002).abs() < 1e-12);
    }
}
