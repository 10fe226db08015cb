//! Temperature compensation by recursive least squares: what a reading would be without the weather.
//!
//! y = θ₀ + θ₁(T − 20) [+ θ₂(T_lag − 20)]; the residual is taken with θ as it was before the reading. It does not learn
//! while the residual moves fast, nor while the temperature has hardly moved for a day (nothing to learn from: P would
//! grow), nor while whoever asks says so. Source: docs/formulas.md 7, vector F1.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;

use reading::Timestamp;
use serde::{Deserialize, Serialize};

use super::explain::Fact;

/// Temperatures are centred here, °C.
const CENTRE: f64 = 20.0;
/// Where P begins.
const BEGIN: f64 = 1_000.0;
/// P is no longer divided by the forgetting factor beyond this trace.
const TRACE_MAX: f64 = 1e6;
/// The temperature has to move by this within a day.
const MOVED_MIN: f64 = 2.0;
const DAY: Duration = Duration::from_secs(86_400);
/// Temperatures and residuals are remembered at this distance.
const SPACING: Duration = Duration::from_secs(900);
/// How long back the movement of the residual is looked at.
const RATE_OVER: Duration = Duration::from_secs(3 * 3_600);

/// How a series is compensated.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// A second temperature, so long ago: instruments follow the air late. At most a day.
    pub lag: Option<Duration>,
    /// How much of the past is kept at each reading: 1 keeps all.
    pub forgetting: f64,
    /// A residual that moves faster, an hour, is not learned from.
    pub freeze_rate: Option<f64>,
    /// It says nothing before it has learned for so long.
    pub warm_up: Duration,
    /// A temperature older than this says nothing.
    pub stale_after: Duration,
}

/// Recursive least squares with two or three parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fit {
    theta: [f64; 3],
    p: [[f64; 3]; 3],
}

impl Default for Fit {
    fn default() -> Self {
        let mut p = [[0.0; 3]; 3];
        (0..3).for_each(|i| p[i][i] = BEGIN);
        Self { theta: [0.0; 3], p }
    }
}

impl Fit {
    /// What is to be expected.
    pub fn expected(&self, phi: [f64; 3]) -> f64 {
        (0..3).map(|i| phi[i] * self.theta[i]).sum()
    }

    /// Learns from a reading. A third parameter that is always zero stays zero.
    pub fn learn(&mut self, phi: [f64; 3], value: f64, forgetting: f64) {
        let p_phi: [f64; 3] = core::array::from_fn(|i| (0..3).map(|j| self.p[i][j] * phi[j]).sum());
        let scale = forgetting + (0..3).map(|i| phi[i] * p_phi[i]).sum::<f64>();
        let error = value - self.expected(phi);
        let trace: f64 = (0..3).map(|i| self.p[i][i]).sum();
        let kept = if trace < TRACE_MAX { forgetting } else { 1.0 };
        for i in 0..3 {
            self.theta[i] += p_phi[i] / scale * error;
            for j in 0..3 {
                self.p[i][j] = (self.p[i][j] - p_phi[i] * p_phi[j] / scale) / kept;
            }
        }
    }

    /// Offset, and change with each degree, now and with the lag.
    pub fn parameters(&self) -> [f64; 3] {
        self.theta
    }
}

/// What is known of one series and its thermometer: at most 97 temperatures and 13 residuals of 16 bytes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Compensation {
    fit: Fit,
    newest: Option<(Timestamp, f64)>,
    temperatures: VecDeque<(Timestamp, f64)>,
    residuals: VecDeque<(Timestamp, f64)>,
    since: Option<Timestamp>,
    frozen: bool,
}

impl Compensation {
    /// Takes a temperature, °C.
    pub fn take(&mut self, at: Timestamp, temperature: f64) {
        self.newest = Some((at, temperature));
        spaced(&mut self.temperatures, at, temperature, DAY);
    }

    /// The reading without the temperature, as known before it; `None` without a temperature or before it is warm.
    pub fn residual(&self, settings: &Settings, at: Timestamp, value: f64) -> Option<f64> {
        let warm = self.since.is_some_and(|since| at.since(since) >= settings.warm_up);
        let phi = self.phi(settings, at)?;
        warm.then(|| value - self.fit.expected(phi))
    }

    /// Learns from a reading if it may.
    pub fn learn(&mut self, settings: &Settings, at: Timestamp, value: f64, may: bool) {
        let Some(phi) = self.phi(settings, at) else { return };
        let since = *self.since.get_or_insert(at);
        let residual = value - self.fit.expected(phi);
        spaced(&mut self.residuals, at, residual, RATE_OVER);
        let warm = at.since(since) >= settings.warm_up;
        self.frozen =
            warm && (!may || !self.is_excited(at) || self.is_fast(settings, at, residual));
        if !self.frozen {
            self.fit.learn(phi, value, settings.forgetting);
        }
    }

    fn phi(&self, settings: &Settings, at: Timestamp) -> Option<[f64; 3]> {
        let fresh = |(then, _): &&(Timestamp, f64)| at.since(*then) <= settings.stale_after;
        let now = self.newest.as_ref().filter(fresh)?.1;
        let lagged = match settings.lag {
            None => CENTRE,
            Some(lag) => {
                let wanted = at.minus(lag);
                let past = self.temperatures.iter().rev().find(|(then, _)| *then <= wanted)?;
                past.1
            }
        };
        Some([1.0, now - CENTRE, lagged - CENTRE])
    }

    fn is_excited(&self, at: Timestamp) -> bool {
        let day =
            self.temperatures.iter().filter(|(then, _)| at.since(*then) <= DAY).map(|(_, t)| *t);
        let (low, high) =
            day.fold((f64::MAX, f64::MIN), |(low, high), t| (low.min(t), high.max(t)));
        high - low >= MOVED_MIN
    }

    fn is_fast(&self, settings: &Settings, at: Timestamp, residual: f64) -> bool {
        let Some(limit) = settings.freeze_rate else { return false };
        let Some((then, before)) = self.residuals.front() else { return false };
        let hours = at.hours_since(*then);
        hours >= 1.0 && ((residual - before) / hours).abs() > limit
    }

    /// The parameters, and whether it learns.
    pub fn facts(&self) -> Vec<Fact> {
        let [offset, per_degree, lagged] = self.fit.parameters();
        let mut facts = Vec::from([
            Fact::number("offset-at-20", offset),
            Fact::number("per-degree", per_degree),
            Fact::number("per-degree-lagged", lagged),
            Fact::flag("frozen", self.frozen),
        ]);
        facts.extend(self.newest.map(|(_, temperature)| Fact::number("temperature", temperature)));
        facts
    }
}

/// Keeps a value if the last one kept is [`SPACING`] old, and forgets what is older than `over`.
fn spaced(kept: &mut VecDeque<(Timestamp, f64)>, at: Timestamp, value: f64, over: Duration) {
    if kept.back().is_none_or(|(last, _)| at.since(*last) >= SPACING) {
        kept.push_back((at, value));
    }
    while kept.get(1).is_some_and(|(then, _)| at.since(*then) >= over) {
        kept.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(got: f64, expected: f64, tolerance: f64) {
        assert!((got - expected).abs() <= tolerance, "{got} is not {expected}");
    }

    #[test]
    fn vector_f1_parameters_after_each_reading() {
        let temperatures = [20.0, 25.0, 30.0, 25.0, 20.0, 15.0, 10.0, 15.0];
        let values = [0.100, 0.152, 0.199, 0.151, 0.101, 0.049, 0.001, 0.050];
        let expected = [
            (0.0999, 0.0),
            (0.099_902, 0.010_419),
            (0.100_75, 0.009_91),
            (0.100_925, 0.009_91),
            (0.100_957, 0.009_906),
            (0.100_221, 0.010_038),
            (0.100_42, 0.009_992),
            (0.100_362, 0.010_000),
        ];
        let (mut whole, mut forgetting) = (Fit::default(), Fit::default());
        for ((temperature, value), (offset, per_degree)) in
            temperatures.iter().zip(values).zip(expected)
        {
            let phi = [1.0, temperature - CENTRE, 0.0];
            whole.learn(phi, value, 1.0);
            forgetting.learn(phi, value, 0.995);
            near(whole.parameters()[0], offset, 6e-6);
            near(whole.parameters()[1], per_degree, 6e-7);
        }
        near(forgetting.parameters()[0], 0.100_361_17, 5e-9);
        near(forgetting.parameters()[1], 0.009_999_95, 5e-9);
    }

    #[test]
    fn equals_least_squares_over_the_whole_batch() {
        // a start of P = 1000·I is a weak prior: the difference to the batch is of the order of its inverse
        let mut fit = Fit::default();
        let (mut n, mut st, mut sy, mut stt, mut sty) = (0.0, 0.0, 0.0, 0.0, 0.0);
        let mut seed = 7u32;
        for _ in 0..500 {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let t = f64::from(seed >> 16) / 65_536.0 * 30.0 - 10.0;
            let y = 1.5 + 0.02 * t + f64::from(seed & 0xff) * 1e-4;
            fit.learn([1.0, t, 0.0], y, 1.0);
            (n, st, sy, stt, sty) = (n + 1.0, st + t, sy + y, stt + t * t, sty + t * y);
        }
        let slope = (n * sty - st * sy) / (n * stt - st * st);
        near(fit.parameters()[1], slope, 1e-6);
        near(fit.parameters()[0], (sy - slope * st) / n, 1e-5);
    }

    fn settings() -> Settings {
        Settings {
            lag: None,
            forgetting: 1.0,
            freeze_rate: Some(0.05),
            warm_up: 3 * DAY,
            stale_after: Duration::from_secs(3_600),
        }
    }

    /// Ten-minute readings with a daily swing of ±5 °C at 0.01 a degree; `moved` on top from day 10 on.
    fn residuals(days: i64, swing: f64, moved: impl Fn(f64) -> f64) -> (Compensation, Vec<f64>) {
        let mut compensation = Compensation::default();
        let mut out = Vec::new();
        for i in 0..days * 144 {
            let at = Timestamp::from_secs(i * 600);
            let hours = i as f64 / 6.0;
            let temperature = 15.0 + swing * libm::sin(hours / 24.0 * core::f64::consts::TAU);
            compensation.take(at, temperature);
            let value = 0.3 + 0.01 * (temperature - 20.0) + moved((hours - 240.0).max(0.0));
            out.extend(compensation.residual(&settings(), at, value));
            compensation.learn(&settings(), at, value, true);
        }
        (compensation, out)
    }

    #[test]
    fn the_daily_swing_is_gone_and_what_moves_fast_is_not_learned() {
        let (_, quiet) = residuals(10, 5.0, |_| 0.0);
        assert!(quiet.iter().all(|residual| residual.abs() < 1e-3));
        let (compensation, moving) = residuals(11, 5.0, |hours| 0.1 * hours);
        let last = moving[moving.len() - 1];
        assert!(compensation.frozen && (last - 2.4).abs() < 0.1, "{last}");
    }

    #[test]
    fn without_excitation_it_does_not_learn_and_without_a_temperature_it_says_nothing() {
        let (compensation, _) = residuals(8, 0.5, |_| 0.0);
        assert!(compensation.frozen);
        let later = Timestamp::from_secs(9 * 86_400);
        assert_eq!(compensation.residual(&settings(), later, 0.3), None);
    }
}
