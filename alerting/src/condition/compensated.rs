//! Compensated: what is left of a reading without the temperature, beyond a limit, or moving beyond one.
//!
//! In: trusted readings of one series, and of its thermometer as companion. Out: a [`Transition`]; its value is the
//! residual, or its slope an hour. Nothing is learned while it is beyond the limit. Source: docs/formulas.md 7.

use alloc::vec::Vec;

use reading::Timestamp;
use serde::{Deserialize, Serialize};

use super::compensation::{self, Compensation};
use super::explain::{Fact, Measure, Said};
use super::limit::Limit;
use super::persistence::{self, Mark};
use super::{Kind, MAIN, Transition, rate};

/// What is tested of the residual.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Test {
    /// Itself.
    Value(Limit),
    /// Its slope.
    Rate(rate::Settings),
}

/// A compensated reading beyond a limit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// How it is compensated.
    pub compensation: compensation::Settings,
    /// What is tested.
    pub test: Test,
}

/// What is known of the series and its thermometer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    compensation: Compensation,
    persistence: persistence::State,
    rate: rate::State,
    residual: f64,
}

impl Kind for State {
    type Settings = Settings;
    fn take_beside(&mut self, _settings: &Settings, _slot: u8, at: Timestamp, value: f64) {
        self.compensation.take(at, value);
    }

    fn take_own(&mut self, settings: &Settings, at: Timestamp, value: f64) -> Option<Transition> {
        let residual = self.compensation.residual(&settings.compensation, at, value);
        self.residual = residual.unwrap_or(f64::NAN);
        let (turn, quiet) = match &settings.test {
            Test::Value(limit) => {
                let quiet = residual.is_none_or(|residual| limit.mark(residual) != Mark::Beyond);
                (limit.judge(&mut self.persistence, at, residual), quiet)
            }
            Test::Rate(rate) => {
                (residual.and_then(|residual| self.rate.observe(rate, MAIN, at, residual)), true)
            }
        };
        let may = quiet && !self.held();
        self.compensation.learn(&settings.compensation, at, value, may);
        turn
    }

    fn held(&self) -> bool {
        self.persistence.held() || self.rate.held()
    }

    fn said(settings: &Settings) -> Said {
        let key = "evidence-compensated";
        match &settings.test {
            Test::Value(limit) => {
                Said { key, measure: Measure::Base, limit: limit.raise_at, window: None }
            }
            Test::Rate(rate) => Said { key, ..rate::State::said(rate) },
        }
    }

    fn facts(&self, settings: &Settings) -> Vec<Fact> {
        let mut facts = match &settings.test {
            Test::Value(_) => self.persistence.facts(),
            Test::Rate(rate) => self.rate.facts(rate),
        };
        facts.push(Fact::number("residual", self.residual));
        facts.extend(self.compensation.facts());
        facts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;

    fn turns(test: Test, moved: impl Fn(f64) -> f64) -> Vec<(i64, bool)> {
        let settings = Settings {
            compensation: compensation::Settings {
                lag: None,
                forgetting: 1.0,
                freeze_rate: Some(0.01),
                warm_up: Duration::from_secs(3 * 86_400),
                stale_after: Duration::from_secs(3_600),
            },
            test,
        };
        let mut state = State::default();
        let mut turns = Vec::new();
        for i in 0..20 * 144 {
            let at = Timestamp::from_secs(i * 600);
            let hours = i as f64 / 6.0;
            let temperature = 15.0 + 8.0 * libm::sin(hours / 24.0 * core::f64::consts::TAU);
            state.observe(&settings, 1, at, temperature);
            let value = 0.3 + 0.003 * temperature + moved(hours) + 0.001 * (i % 3) as f64;
            let turn = state.observe(&settings, MAIN, at, value);
            turns.extend(turn.map(|turn| (i / 144, turn.held)));
        }
        turns
    }

    #[test]
    fn weather_is_no_movement_and_movement_is_under_the_weather() {
        // the swing is ± 0.024, five times the limit
        let limit =
            Test::Value(Limit { side: super::super::Side::Magnitude, ..Limit::above(0.01) });
        assert_eq!(turns(limit, |_| 0.0), []);
        let step = |hours: f64| if hours > 240.0 { 0.012 } else { 0.0 };
        assert_eq!(turns(limit, step), [(10, true)]);
    }

    #[test]
    fn the_morning_is_no_rate_and_creep_is() {
        let rate = Test::Rate(rate::Settings {
            estimator: rate::Estimator::LeastSquares,
            window: Duration::from_secs(3 * 3_600),
            side: super::super::Side::Magnitude,
            raise_at: 0.003,
            clear_below: 0.002,
            samples_min: 9,
            significance: 4.0,
            short: None,
            persistence: persistence::Settings::IMMEDIATE,
        });
        assert_eq!(turns(rate, |_| 0.0), []);
        let creep = |hours: f64| 0.004 * (hours - 240.0).max(0.0);
        assert_eq!(turns(rate, creep), [(10, true)]);
    }
}
