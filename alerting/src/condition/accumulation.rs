//! Accumulation: the running sum of amounts, such as rain, over a window.
//!
//! In: trusted amounts, tips or running totals of one series, in event order. Out: a [`Transition`]. Source:
//! docs/formulas.md 5.1.

use alloc::vec::Vec;
use core::time::Duration;

use reading::Timestamp;
use serde::{Deserialize, Serialize};

use super::amounts::{Intake, Source, Sum};
use super::explain::{Fact, Measure, Said};
use super::limit::Limit;
use super::persistence;
use super::{Kind, Side, Transition};

/// Running sum of amounts over a window.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// What readings say about amounts.
    pub source: Source,
    /// How far back amounts count: a reading at `t` covers what was measured after `t - window`, up to `t`.
    pub window: Duration,
    /// A sum at or above this, in the base unit, counts towards raising.
    pub raise_at: f64,
    /// A sum below this counts towards clearing; not above `raise_at`.
    pub clear_below: f64,
    /// How often and how long.
    pub persistence: persistence::Settings,
}

/// The amounts within the window.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    intake: Intake,
    amounts: Sum,
    persistence: persistence::State,
}

impl Kind for State {
    type Settings = Settings;

    // `value` of the transition is the sum
    fn take_own(&mut self, settings: &Settings, at: Timestamp, value: f64) -> Option<Transition> {
        self.amounts.add(at, self.intake.take(&settings.source, value));
        self.amounts.forget(at.minus(settings.window));
        let sum = self.amounts.total();
        let Settings { raise_at, clear_below, persistence, .. } = *settings;
        let limit = Limit { side: Side::Above, raise_at, clear_below, persistence };
        limit.judge(&mut self.persistence, at, Some(sum))
    }

    fn held(&self) -> bool {
        self.persistence.held()
    }

    fn said(settings: &Settings) -> Said {
        Said {
            key: "evidence-accumulation",
            measure: Measure::Base,
            limit: settings.raise_at,
            window: Some(settings.window),
        }
    }

    fn facts(&self, _settings: &Settings) -> Vec<Fact> {
        let mut facts = self.persistence.facts();
        facts.push(Fact::number("sum", self.amounts.total()));
        facts.push(Fact::count("amounts", self.amounts.len()));
        facts
    }
}

#[cfg(test)]
mod tests {
    use super::super::MAIN;
    use super::super::amounts::AMOUNTS_MAX;
    use super::*;

    fn settings(hours: u64, raise_at: f64) -> Settings {
        Settings {
            source: Source::default(),
            window: Duration::from_secs(hours * 3_600),
            raise_at,
            clear_below: raise_at,
            persistence: persistence::Settings::IMMEDIATE,
        }
    }

    #[test]
    fn a_year_of_tips_leaves_nothing_behind() {
        let mut state = State::default();
        let limits = settings(3, 1e9);
        for i in 0..35_040i64 {
            state.observe(&limits, MAIN, Timestamp::from_secs(i * 900), 0.254);
            let sum = state.amounts.thousandths();
            assert!(sum <= 12 * 254, "{sum}");
        }
        state.observe(&limits, MAIN, Timestamp::from_secs(35_040 * 900 + 10_800), 0.0);
        assert_eq!((state.amounts.thousandths(), state.amounts.len()), (0, 0));
    }

    #[test]
    fn raises_when_the_sum_of_the_window_is_reached() {
        // a typhoon: 3-hour sums 45 at hour 13, 63 at 15, 95 at 17
        let rain = [2, 4, 6, 8, 10, 12, 15, 18, 20, 25, 30, 40, 50];
        let mut state = State::default();
        let raised = rain.iter().enumerate().find_map(|(i, mm)| {
            let hour = 6 + i as i64;
            let at = Timestamp::from_secs(hour * 3_600);
            state.observe(&settings(3, 90.0), MAIN, at, f64::from(*mm)).map(|t| (hour, t.value))
        });
        assert_eq!(raised, Some((17, 95.0)));
    }

    #[test]
    fn too_many_amounts_err_on_the_side_of_rain() {
        let mut state = State::default();
        let limits = settings(24 * 365, 1e9);
        for i in 0..10_000 {
            state.observe(&limits, MAIN, Timestamp::from_secs(i), 0.2);
        }
        assert_eq!(state.amounts.thousandths(), 10_000 * 200);
        assert_eq!(state.amounts.len(), AMOUNTS_MAX);
    }
}
