//! Crack growth: how fast a crack opens over a week, beside how wide it is.
//!
//! In: trusted widths of one series, and the temperature as companion if there is one. The slope is Theil–Sen's over
//! the six-hour medians of the window, so that neither spikes nor the day's breathing make it. Out: a [`Transition`];
//! its value is the growth an hour. Source: docs/formulas.md 8.3.

use alloc::vec::Vec;
use core::time::Duration;

use reading::Timestamp;
use serde::{Deserialize, Serialize};

use super::compensation::{self, Compensation};
use super::explain::{Fact, Measure, Said};
use super::limit::Limit;
use super::medians::Medians;
use super::persistence::{self, Mark};
use super::{Kind, Transition, rate};

const BLOCK: Duration = Duration::from_secs(6 * 3_600);
/// Fewer medians make no growth.
pub const MEDIANS_MIN: u32 = 8;
/// Mann–Kendall's statistic the growth must have.
const SIGNIFICANCE: f64 = 2.0;

/// Growth or width of a crack beyond a limit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// How far the growth looks back (7 d).
    pub window: Duration,
    /// A width at or above this counts as well.
    pub width: Option<f64>,
    /// The temperature's part, if there is a thermometer.
    pub compensation: Option<compensation::Settings>,
    /// On the growth, an hour.
    pub limit: Limit,
}

/// The medians of one crack.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    compensation: Compensation,
    medians: Medians,
    widths: Medians,
    growth: Option<(f64, f64)>,
    persistence: persistence::State,
}

impl State {
    fn take(&mut self, settings: &Settings, at: Timestamp, width: f64) {
        let value = match &settings.compensation {
            None => Some(width),
            Some(compensation) => {
                let residual = self.compensation.residual(compensation, at, width);
                self.compensation.learn(compensation, at, width, !self.persistence.held());
                residual
            }
        };
        self.widths.take(BLOCK, BLOCK * 2, at, width);
        let ended = value.is_some_and(|value| self.medians.take(BLOCK, settings.window, at, value));
        if ended {
            let done = self.medians.done();
            let enough = done.len() >= MEDIANS_MIN as usize;
            let fit = if enough { rate::theil_sen(done.iter()) } else { None };
            self.growth = fit.map(|fit| (fit.slope, fit.significance));
        }
    }

    fn mark(&self, settings: &Settings) -> Mark {
        let wide = |limit: f64| self.widths.last().is_some_and(|(_, width)| width >= limit);
        if settings.width.is_some_and(wide) {
            return Mark::Beyond;
        }
        match self.growth {
            None => Mark::Between,
            Some((growth, significance)) => match settings.limit.mark(growth) {
                Mark::Beyond if significance < SIGNIFICANCE => Mark::Between,
                mark => mark,
            },
        }
    }
}

impl Kind for State {
    type Settings = Settings;
    fn take_beside(&mut self, _settings: &Settings, _slot: u8, at: Timestamp, value: f64) {
        self.compensation.take(at, value);
    }

    fn take_own(&mut self, settings: &Settings, at: Timestamp, value: f64) -> Option<Transition> {
        self.take(settings, at, value);
        let mark = self.mark(settings);
        let value = self.growth.map_or(f64::NAN, |(growth, _)| growth);
        self.persistence.judge(&settings.limit.persistence, at, mark, value)
    }

    fn held(&self) -> bool {
        self.persistence.held()
    }

    fn said(settings: &Settings) -> Said {
        Said {
            key: "evidence-crack-growth",
            measure: Measure::BasePerHour,
            limit: settings.limit.raise_at,
            window: Some(settings.window),
        }
    }

    fn facts(&self, settings: &Settings) -> Vec<Fact> {
        let mut facts = self.persistence.facts();
        facts.push(Fact::count("medians", self.medians.done().len()));
        if let Some((growth, significance)) = self.growth {
            facts.push(Fact::number("growth-per-hour", growth));
            facts.push(Fact::number("significance", significance));
        }
        facts.extend(self.widths.last().map(|(_, width)| Fact::number("width", width)));
        if settings.compensation.is_some() {
            facts.extend(self.compensation.facts());
        }
        facts
    }
}

#[cfg(test)]
mod tests {
    use super::super::MAIN;
    use super::*;

    const DAY: f64 = 24.0;

    fn turns(width: Option<f64>, path: impl Fn(f64) -> f64) -> Vec<(i64, bool)> {
        let raise_at = 0.1 / (7.0 * DAY);
        let limit = Limit { clear_below: 0.9 * raise_at, ..Limit::above(raise_at) };
        let window = Duration::from_secs(7 * 86_400);
        let settings = Settings { window, width, compensation: None, limit };
        let mut state = State::default();
        let turn = |i: i64| {
            let hours = i as f64 / 2.0;
            let value = path(hours) + 0.01 * libm::sin((i * i) as f64);
            let turn = state.observe(&settings, MAIN, Timestamp::from_secs(i * 1_800), value)?;
            Some((i / 48, turn.held))
        };
        (0..40 * 48).filter_map(turn).collect()
    }

    #[test]
    fn growth_is_told_and_the_day_is_not() {
        let breathing = |hours: f64| 0.3 + 0.1 * libm::sin(hours / DAY * core::f64::consts::TAU);
        assert_eq!(turns(None, breathing), []);
        let slow = |hours: f64| 0.3 + 0.05 * hours / (7.0 * DAY);
        assert_eq!(turns(None, slow), []);
        let fast = |hours: f64| 0.3 + 0.15 * (hours - 10.0 * DAY).max(0.0) / (7.0 * DAY);
        let told = turns(None, fast);
        assert!(told.len() == 1 && told[0].1 && (12..=18).contains(&told[0].0), "{told:?}");
    }

    #[test]
    fn a_wide_crack_is_told_though_it_rests_and_a_constant_one_is_not() {
        assert_eq!(turns(Some(0.5), |_| 0.3), []);
        assert_eq!(turns(Some(0.5), |_| 0.6), [(0, true)]);
    }
}
