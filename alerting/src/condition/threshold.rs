//! Threshold: a series at or beyond a limit, often enough, for long enough.
//!
//! In: trusted readings of one series, in event order. Out: a [`Transition`] when the condition begins or
//! ceases to hold. Knows no rule, site or level, and reads no clock.

use alloc::vec::Vec;

use reading::Timestamp;
use serde::{Deserialize, Serialize};

use super::explain::{Fact, Measure, Said};
use super::persistence;
use super::{Kind, Transition};

/// Level crossing with persistence and hysteresis, in the base unit of the series. Source: docs/formulas.md 2.
pub use super::limit::Limit as Settings;

/// The recent past of one series under one threshold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    persistence: persistence::State,
}

impl Kind for State {
    type Settings = Settings;

    fn take_own(&mut self, settings: &Settings, at: Timestamp, value: f64) -> Option<Transition> {
        settings.judge(&mut self.persistence, at, Some(value))
    }

    fn held(&self) -> bool {
        self.persistence.held()
    }

    fn said(settings: &Settings) -> Said {
        Said {
            key: "evidence-threshold",
            measure: Measure::Base,
            limit: settings.raise_at,
            window: None,
        }
    }

    fn facts(&self, _settings: &Settings) -> Vec<Fact> {
        self.persistence.facts()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{MAIN, Side};
    use super::*;
    use core::time::Duration;

    const MINUTE: i64 = 60;

    fn check(settings: &Settings, rows: &[(i64, f64, &str)]) {
        let mut state = State::default();
        for (minute, value, expected) in rows {
            let turned =
                state.observe(settings, MAIN, Timestamp::from_secs(minute * MINUTE), *value);
            let got = match turned {
                Some(Transition { held: true, .. }) => "raised",
                Some(Transition { held: false, .. }) => "cleared",
                None => "",
            };
            assert_eq!(got, *expected, "at minute {minute}");
        }
    }

    fn settings(raise_at: f64, clear_below: f64) -> Settings {
        Settings {
            side: Side::Above,
            raise_at,
            clear_below,
            persistence: persistence::Settings::IMMEDIATE,
        }
    }

    #[test]
    fn vector_a1_three_of_five_then_three_in_a_row() {
        let mut limits = settings(10.0, 9.0);
        limits.persistence = persistence::Settings {
            raise_count: 3,
            window_len: 5,
            clear_count: 3,
            ..limits.persistence
        };
        let rows = [
            (0, 8.0, ""),
            (10, 10.5, ""),
            (20, 9.5, ""),
            (30, 10.2, ""),
            (40, 10.1, "raised"),
            (50, 9.2, ""),
            (60, 8.9, ""),
            (70, 8.8, ""),
            (80, 8.7, "cleared"),
            (90, 8.0, ""),
        ];
        check(&limits, &rows);
    }

    #[test]
    fn raises_after_the_hold_and_clears_below_the_lower_level() {
        let mut limits = settings(3.0, 2.5);
        limits.persistence.hold = Duration::from_secs(300);
        limits.persistence.raise_count = 2;
        limits.persistence.window_len = 2;
        check(
            &limits,
            &[(0, 2.9, ""), (1, 3.0, ""), (6, 3.1, "raised"), (7, 2.6, ""), (8, 2.4, "cleared")],
        );
    }

    #[test]
    fn a_hold_longer_than_the_look_back_is_still_reached() {
        let mut limits = settings(3.0, 2.5);
        limits.persistence.hold = Duration::from_secs(20 * 60);
        limits.persistence.raise_count = 3;
        limits.persistence.window_len = 5;
        let mut rows: [(i64, f64, &str); 25] = core::array::from_fn(|i| (i as i64, 3.1, ""));
        rows[20].2 = "raised";
        check(&limits, &rows);
    }

    #[test]
    fn a_gap_neither_raises_nor_clears() {
        let mut limits = settings(3.0, 2.5);
        limits.persistence.raise_count = 2;
        limits.persistence.window_len = 2;
        limits.persistence.clear_count = 2;
        limits.persistence.gap_max = Duration::from_secs(10 * 60);
        check(
            &limits,
            &[
                (0, 3.1, ""),
                (60, 3.1, ""),
                (61, 3.1, "raised"),
                (62, 2.0, ""),
                (120, 2.0, ""),
                (121, 2.0, "cleared"),
            ],
        );
    }

    #[test]
    fn equality_raises_and_does_not_clear() {
        check(&settings(3.0, 3.0), &[(0, 3.0, "raised"), (1, 3.0, ""), (2, 2.999, "cleared")]);
    }

    #[test]
    fn danger_may_lie_below_or_on_both_sides() {
        let below = Settings { side: Side::Below, ..settings(0.8, 0.9) };
        check(&below, &[(0, 1.0, ""), (1, 0.8, "raised"), (2, 0.9, ""), (3, 0.91, "cleared")]);
        let both = Settings { side: Side::Magnitude, ..settings(3.0, 2.0) };
        check(
            &both,
            &[(0, -3.0, "raised"), (1, 1.0, "cleared"), (2, 3.5, "raised"), (3, -2.5, "")],
        );
    }
}
