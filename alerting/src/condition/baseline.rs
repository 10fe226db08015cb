//! Baseline: a reading far from what is usual, where what is usual does not learn the landslide.
//!
//! Mean and variance move with the readings (EWMA), but only with those that are usual themselves, not while the
//! condition holds, and not while its site is above normal for whatever reason. Beside them stands a reference from the
//! warm-up that never moves: a movement too slow to stand out takes the mean with it, and the mean then stands out of
//! the reference. The value is the larger of both distances in standard deviations. Source: docs/formulas.md 6.8,
//! vector E4.

use alloc::vec::Vec;

use reading::Timestamp;
use serde::{Deserialize, Serialize};

use super::explain::{Fact, Measure, Said};
use super::limit::Limit;
use super::persistence;
use super::{Kind, Transition};

/// Far from what is usual.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// How much of a new reading goes into the mean.
    pub weight: f64,
    /// So many readings make the first mean and the reference.
    pub warm_up: u32,
    /// The least standard deviation: the resolution of the instrument.
    pub sigma_min: f64,
    /// Whether the mean is held against the reference; not for what has seasons.
    pub reference: bool,
    /// On the distance, in standard deviations.
    pub limit: Limit,
}

/// An exponentially weighted mean and variance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Ewma {
    /// The mean.
    pub mean: f64,
    /// The variance.
    pub variance: f64,
}

impl Ewma {
    /// How far a value is from the mean, in standard deviations of at least `sigma_min`.
    pub fn distance(&self, value: f64, sigma_min: f64) -> f64 {
        (value - self.mean) / libm::sqrt(self.variance).max(sigma_min)
    }

    /// Takes a value.
    pub fn learn(&mut self, weight: f64, value: f64) {
        let away = value - self.mean;
        self.mean += weight * away;
        self.variance = (1.0 - weight) * (self.variance + weight * away * away);
    }
}

/// What is usual for one series.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    seen: u32,
    moving: Ewma,
    reference: Ewma,
    persistence: persistence::State,
    frozen: bool,
}

impl State {
    /// While its site is above normal nothing is learned: what a slope does then is not its normal.
    pub fn freeze(&mut self, frozen: bool) {
        self.frozen = frozen;
    }

    /// Whether nothing is learned at present.
    pub fn is_frozen(&self) -> bool {
        self.frozen
    }

    fn warm_up(&mut self, settings: &Settings, value: f64) -> bool {
        if self.seen >= settings.warm_up {
            return true;
        }
        if self.frozen {
            return false;
        }
        self.seen += 1;
        let (n, before) = (f64::from(self.seen), self.moving.mean);
        self.moving.mean += (value - before) / n;
        let grown = (value - before) * (value - self.moving.mean) - self.moving.variance;
        self.moving.variance += grown / n;
        self.reference = self.moving;
        false
    }

    fn distance(&self, settings: &Settings, value: f64) -> f64 {
        let own = self.moving.distance(value, settings.sigma_min);
        let slow = self.reference.distance(self.moving.mean, settings.sigma_min);
        if settings.reference && slow.abs() > own.abs() { slow } else { own }
    }
}

impl Kind for State {
    type Settings = Settings;

    fn take_own(&mut self, settings: &Settings, at: Timestamp, value: f64) -> Option<Transition> {
        if !self.warm_up(settings, value) {
            return settings.limit.judge(&mut self.persistence, at, None);
        }
        let distance = self.distance(settings, value);
        let turn = settings.limit.judge(&mut self.persistence, at, Some(distance));
        let usual =
            self.moving.distance(value, settings.sigma_min).abs() < settings.limit.raise_at.abs();
        if usual && !self.held() && !self.frozen {
            self.moving.learn(settings.weight, value);
        }
        turn
    }

    fn held(&self) -> bool {
        self.persistence.held()
    }

    fn said(settings: &Settings) -> Said {
        Said {
            key: "evidence-baseline",
            measure: Measure::Own("σ"),
            limit: settings.limit.raise_at,
            window: None,
        }
    }

    fn facts(&self, _settings: &Settings) -> Vec<Fact> {
        let mut facts = self.persistence.facts();
        facts.push(Fact::flag("learning", !self.frozen && !self.held()));
        facts.push(Fact::number("mean", self.moving.mean));
        facts.push(Fact::number("sigma", libm::sqrt(self.moving.variance)));
        facts.push(Fact::number("reference-mean", self.reference.mean));
        facts.push(Fact::number("reference-sigma", libm::sqrt(self.reference.variance)));
        facts
    }
}

#[cfg(test)]
mod tests {
    use super::super::MAIN;
    use super::super::Side;
    use super::*;

    #[test]
    fn vector_e4_distance_before_the_update() {
        let mut ewma = Ewma { mean: 10.0, variance: 0.01 };
        let rows = [
            (10.1, 1.0, 10.01, 0.0099),
            (9.9, -1.1055, 9.999, 0.009_999),
            (10.2, 2.0101, 10.0191, 0.012_635),
            (12.0, 17.6227, 10.217_19, 0.364_529),
        ];
        for (value, distance, mean, variance) in rows {
            assert!((ewma.distance(value, 0.0) - distance).abs() < 6e-5);
            ewma.learn(0.1, value);
            assert!((ewma.mean - mean).abs() < 6e-7 && (ewma.variance - variance).abs() < 6e-7);
        }
    }

    fn turns(path: impl Fn(f64) -> f64) -> Vec<(i64, bool)> {
        let settings = Settings {
            weight: 0.01,
            warm_up: 100,
            sigma_min: 0.001,
            reference: true,
            limit: Limit { side: Side::Magnitude, clear_below: 5.0, ..Limit::above(6.0) },
        };
        let mut state = State::default();
        let noise = |i: i64| libm::sin((i * i) as f64);
        let turn = |i: i64| {
            let value = path(i as f64) + 0.1 * noise(i);
            Some((i, state.observe(&settings, MAIN, Timestamp::from_secs(i * 600), value)?.held))
        };
        (0..5_000).filter_map(turn).collect()
    }

    #[test]
    fn steps_and_creep_stay_unusual_and_noise_is_usual() {
        assert_eq!(turns(|_| 5.0), []);
        let step = turns(|i| if i < 1_000.0 { 5.0 } else { 6.0 });
        assert_eq!(step, [(1_000, true)], "it does not get used to it");
        // 0.0005 a reading: never far from the mean of the last hundred, but it takes it along
        let creep = turns(|i| 5.0 + 0.0005 * (i - 1_000.0).max(0.0));
        assert!(
            creep.len() == 1 && creep[0].1 && (1_500..2_600).contains(&creep[0].0),
            "{creep:?}"
        );
    }

    #[test]
    fn a_constant_series_is_usual_and_a_single_sample_says_nothing() {
        let settings = Settings {
            weight: 0.1,
            warm_up: 2,
            sigma_min: 0.01,
            reference: true,
            limit: Limit::above(4.0),
        };
        let mut state = State::default();
        for i in 0..1_000 {
            assert_eq!(state.observe(&settings, MAIN, Timestamp::from_secs(i), 7.0), None);
        }
    }
}
