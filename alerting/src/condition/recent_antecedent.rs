//! Recent against antecedent rain: how much fell in the last days, where the ground is already wet from the days
//! before.
//!
//! Holds while P3 > base − slope · P15, strictly, with P3 what fell in the recent window and P15 what fell in the
//! window before it. Where so much fell before that nothing is left (base ≤ slope · P15), any recent rain is beyond.
//! In: trusted rain of one series. Out: a [`Transition`]; its value is the excess in millimetres. Source:
//! docs/formulas.md 5.4 (U.S. Geological Survey, Seattle: 3.5 in, 0.67, 72 h, 360 h), with the reference's branch.

use alloc::vec::Vec;
use core::time::Duration;

use reading::Timestamp;
use serde::{Deserialize, Serialize};

use super::amounts::{Intake, Source, Sum};
use super::explain::{Fact, Measure, Said};
use super::persistence::{self, Mark};
use super::{Kind, Transition};

/// Recent against antecedent rain.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// What readings say about amounts.
    pub source: Source,
    /// How far back rain is recent.
    pub recent: Duration,
    /// How far before that rain is antecedent.
    pub antecedent: Duration,
    /// What dry ground takes, millimetres.
    pub base: f64,
    /// How much less it takes for each millimetre before.
    pub slope: f64,
    /// How often and how long.
    pub persistence: persistence::Settings,
}

impl Settings {
    /// The published rule of Seattle.
    pub const SEATTLE: Self = Self {
        source: Source { counter: false, wraps_at: None, tip: None },
        recent: Duration::from_secs(72 * 3_600),
        antecedent: Duration::from_secs(360 * 3_600),
        base: 88.9,
        slope: 0.67,
        persistence: persistence::Settings::IMMEDIATE,
    };
}

/// The rain of both windows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    intake: Intake,
    recent: Sum,
    antecedent: Sum,
    persistence: persistence::State,
}

impl State {
    /// By how much the recent rain is beyond, in millimetres; not above zero: it is not.
    fn excess(&self, settings: &Settings) -> f64 {
        let left = settings.base - settings.slope * self.antecedent.total();
        self.recent.total() - left.max(0.0)
    }
}

impl Kind for State {
    type Settings = Settings;

    fn take_own(&mut self, settings: &Settings, at: Timestamp, value: f64) -> Option<Transition> {
        self.recent.add(at, self.intake.take(&settings.source, value));
        let from = at.minus(settings.recent);
        while let Some((fell_at, amount)) = self.recent.take_one(from) {
            self.antecedent.add(fell_at, amount);
        }
        self.antecedent.forget(from.minus(settings.antecedent));
        let excess = self.excess(settings);
        let mark = if excess > 0.0 { Mark::Beyond } else { Mark::Within };
        self.persistence.judge(&settings.persistence, at, mark, excess)
    }

    fn held(&self) -> bool {
        self.persistence.held()
    }

    fn said(settings: &Settings) -> Said {
        Said {
            key: "evidence-recent-antecedent",
            measure: Measure::Own("mm"),
            limit: 0.0,
            window: Some(settings.recent),
        }
    }

    fn facts(&self, settings: &Settings) -> Vec<Fact> {
        let mut facts = self.persistence.facts();
        facts.push(Fact::number("recent-mm", self.recent.total()));
        facts.push(Fact::number("antecedent-mm", self.antecedent.total()));
        facts.push(Fact::number("excess-mm", self.excess(settings)));
        facts
    }
}

#[cfg(test)]
mod tests {
    use super::super::MAIN;
    use super::*;

    fn held_after(rain: &[(i64, f64)]) -> (bool, f64) {
        let mut state = State::default();
        for (hour, mm) in rain {
            state.observe(&Settings::SEATTLE, MAIN, Timestamp::from_secs(hour * 3_600), *mm);
        }
        (state.held(), state.excess(&Settings::SEATTLE))
    }

    #[test]
    fn wet_ground_takes_less_and_equality_is_not_beyond() {
        assert!(!held_after(&[(1, 88.9)]).0);
        assert!(held_after(&[(1, 88.901)]).0);
        // 100 mm at hour 1 are antecedent from hour 73 on and leave 88.9 - 67 = 21.9 mm
        assert!(!held_after(&[(1, 100.0), (100, 21.9)]).0);
        assert!(held_after(&[(1, 100.0), (100, 22.0)]).0);
        // and are forgotten after 432 hours
        assert!(!held_after(&[(1, 100.0), (433, 22.0)]).0);
    }

    #[test]
    fn where_nothing_is_left_any_rain_is_beyond_and_none_is_not() {
        assert_eq!(held_after(&[(1, 200.0), (100, 0.2)]), (true, 0.2));
        assert_eq!(held_after(&[(1, 200.0), (100, 0.0)]), (false, 0.0));
    }
}
