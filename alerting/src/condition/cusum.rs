//! CUSUM: small departures from a mean that go on, summed up.
//!
//! S⁺ = max(0, S⁺ + z − k), S⁻ = max(0, S⁻ − z − k), with z the distance from the mean in standard deviations; the
//! value is the larger. The mean and deviation are given, or those of the warm-up. Sums stop at twice the limit, so
//! that what is over can be seen to be over. Source: docs/formulas.md 6.4, vector E2.

use alloc::vec::Vec;

use reading::Timestamp;
use serde::{Deserialize, Serialize};

use super::baseline::Ewma;
use super::explain::{Fact, Measure, Said};
use super::limit::Limit;
use super::persistence;
use super::{Kind, Transition};

/// A drift from a mean.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Mean and standard deviation; `None`: those of the warm-up.
    pub usual: Option<(f64, f64)>,
    /// So many readings make them.
    pub warm_up: u32,
    /// The least standard deviation.
    pub sigma_min: f64,
    /// What is let pass at each reading, in standard deviations (0.5).
    pub slack: f64,
    /// On the sums, in standard deviations (5).
    pub limit: Limit,
}

/// The two sums of one series.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    seen: u32,
    usual: Ewma,
    sums: (f64, f64),
    persistence: persistence::State,
}

impl State {
    fn add(&mut self, settings: &Settings, z: f64) -> f64 {
        let most = 2.0 * settings.limit.raise_at;
        let (up, down) = self.sums;
        self.sums = (
            (up + z - settings.slack).clamp(0.0, most),
            (down - z - settings.slack).clamp(0.0, most),
        );
        self.sums.0.max(self.sums.1)
    }

    /// The distance from the mean; `None` while it warms up.
    fn z(&mut self, settings: &Settings, value: f64) -> Option<f64> {
        if let Some((mean, sigma)) = settings.usual {
            return Some((value - mean) / sigma.max(settings.sigma_min));
        }
        if self.seen < settings.warm_up {
            self.seen += 1;
            let (n, before) = (f64::from(self.seen), self.usual.mean);
            self.usual.mean += (value - before) / n;
            let grown = (value - before) * (value - self.usual.mean) - self.usual.variance;
            self.usual.variance += grown / n;
            return None;
        }
        Some(self.usual.distance(value, settings.sigma_min))
    }
}

impl Kind for State {
    type Settings = Settings;

    fn take_own(&mut self, settings: &Settings, at: Timestamp, value: f64) -> Option<Transition> {
        let sum = self.z(settings, value).map(|z| self.add(settings, z));
        settings.limit.judge(&mut self.persistence, at, sum)
    }

    fn held(&self) -> bool {
        self.persistence.held()
    }

    fn said(settings: &Settings) -> Said {
        Said {
            key: "evidence-drift",
            measure: Measure::Own("σ"),
            limit: settings.limit.raise_at,
            window: None,
        }
    }

    fn facts(&self, settings: &Settings) -> Vec<Fact> {
        let mut facts = self.persistence.facts();
        facts.push(Fact::number("sum-up", self.sums.0));
        facts.push(Fact::number("sum-down", self.sums.1));
        let (mean, sigma) =
            settings.usual.unwrap_or((self.usual.mean, libm::sqrt(self.usual.variance)));
        facts.push(Fact::number("mean", mean));
        facts.push(Fact::number("sigma", sigma));
        facts
    }
}

#[cfg(test)]
mod tests {
    use super::super::MAIN;
    use super::*;

    fn settings() -> Settings {
        Settings {
            usual: Some((0.0, 1.0)),
            warm_up: 0,
            sigma_min: 0.0,
            slack: 0.5,
            limit: Limit::above(5.0),
        }
    }

    #[test]
    fn vector_e2_the_tenth_reading_is_one_too_many() {
        let z = [0.2, -0.3, 0.1, 1.2, 1.5, 0.9, 1.8, 1.4, 1.1, 1.6];
        let sums = [0.0, 0.0, 0.0, 0.7, 1.7, 2.1, 3.4, 4.3, 4.9, 6.0];
        let mut state = State::default();
        for (i, (z, expected)) in z.into_iter().zip(sums).enumerate() {
            let turn = state.observe(&settings(), MAIN, Timestamp::from_secs(i as i64 * 600), z);
            assert!((state.sums.0 - expected).abs() < 1e-9);
            assert_eq!(turn.is_some(), i == 9);
        }
    }

    #[test]
    fn learns_its_mean_sees_drift_both_ways_and_its_end() {
        let limit = Limit { clear_below: 2.5, ..Limit::above(5.0) };
        let settings = Settings { usual: None, warm_up: 50, sigma_min: 0.01, limit, ..settings() };
        let drift = |sign: f64| {
            let mut state = State::default();
            let turn = |i: i64| {
                let moved = if (200..400).contains(&i) { 0.1 * sign } else { 0.0 };
                let value = 3.0 + moved + 0.05 * libm::sin((i * i) as f64);
                Some(state.observe(&settings, MAIN, Timestamp::from_secs(i * 600), value)?.held)
            };
            (0..600).filter_map(turn).collect::<Vec<_>>()
        };
        assert_eq!(drift(1.0), [true, false]);
        assert_eq!(drift(-1.0), [true, false]);
        assert!(drift(0.0).is_empty());
    }
}
