//! Rate: the slope of a sliding line beyond a limit, significant against its own scatter.
//!
//! In: trusted readings of one series, in event order. Out: a [`Transition`]. Sources: docs/formulas.md 3.1, vector B1
//! (least squares); 3.2, vector B2 (Theil–Sen, for channels with spikes).

use alloc::collections::{VecDeque, vec_deque};
use alloc::vec::Vec;
use core::time::Duration;

use reading::Timestamp;
use serde::{Deserialize, Serialize};

use super::explain::{Fact, Measure, Said};
use super::persistence::{self, Mark};
use super::{Kind, Side, Transition};

/// The most readings a window may hold: the longest window over the report interval.
pub const SAMPLES_MAX: usize = 1024;

/// A slope is a statement about a window only if the readings span at least this part of it.
const SPAN_MIN: f64 = 0.5;

/// The most readings Theil–Sen looks at; a longer window is thinned evenly. 64 make 2016 pairs.
pub const PAIRED_MAX: usize = 64;

/// How the line is found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Estimator {
    /// Least squares: the best for Gaussian noise, pulled by outliers.
    #[default]
    LeastSquares,
    /// Theil–Sen, the median of all pairwise slopes: bears 29 % of outliers.
    TheilSen,
}

/// Slope of a sliding line, in base units an hour.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// How the line is found.
    pub estimator: Estimator,
    /// How far the line looks back.
    pub window: Duration,
    /// On which side danger lies.
    pub side: Side,
    /// A slope at or beyond this, an hour, counts towards raising.
    pub raise_at: f64,
    /// A slope short of this counts towards clearing; not beyond `raise_at`.
    pub clear_below: f64,
    /// Fewer readings in the window say nothing.
    pub samples_min: u16,
    /// The slope must be at least so many of its own standard errors (docs/formulas.md 3.1: 4); with Theil–Sen, the
    /// Mann–Kendall statistic of the trend must be at least this.
    pub significance: f64,
    /// A second, shorter window beside it: its slope counts as well.
    pub short: Option<Short>,
    /// How often and how long.
    pub persistence: persistence::Settings,
}

/// A shorter window with a limit of its own: what moves fast shows there first (docs/formulas.md 3.1: a long window for
/// 주의, a short one for 심각).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Short {
    /// How far the line looks back.
    pub window: Duration,
    /// A slope at or beyond this, an hour, counts towards raising.
    pub raise_at: f64,
    /// A slope short of this counts towards clearing.
    pub clear_below: f64,
    /// Fewer readings in the window say nothing.
    pub samples_min: u16,
}

/// The window of one series: at most [`SAMPLES_MAX`] readings of 16 bytes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    window: VecDeque<(Timestamp, f64)>,
    persistence: persistence::State,
}

/// A fitted line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fit {
    /// Base units an hour.
    pub slope: f64,
    /// How far the trend stands out of the scatter: the slope in its standard errors, or Mann–Kendall's statistic.
    pub significance: f64,
    /// Value at the first reading.
    pub intercept: f64,
}

impl Kind for State {
    type Settings = Settings;

    // `value` of the transition is the slope an hour
    fn take_own(&mut self, settings: &Settings, at: Timestamp, value: f64) -> Option<Transition> {
        self.push(settings, at, value);
        let (mark, slope) = self.judge(settings, at);
        self.persistence.judge(&settings.persistence, at, mark, slope)
    }

    fn held(&self) -> bool {
        self.persistence.held()
    }

    fn said(settings: &Settings) -> Said {
        Said {
            key: "evidence-rate",
            measure: Measure::BasePerHour,
            limit: settings.raise_at,
            window: Some(settings.window),
        }
    }

    fn facts(&self, settings: &Settings) -> Vec<Fact> {
        let mut facts = self.persistence.facts();
        facts.push(Fact::count("samples", self.window.len()));
        let last = self.window.back().map(|(at, _)| *at);
        if let Some(fit) = last.and_then(|at| self.fit(settings, at)) {
            facts.push(Fact::number("slope-per-hour", fit.slope));
            facts.push(Fact::number("significance", fit.significance));
            facts.push(Fact::number("intercept", fit.intercept));
        }
        facts
    }
}

impl State {
    /// Takes a reading into the window.
    pub(super) fn push(&mut self, settings: &Settings, at: Timestamp, value: f64) {
        self.window.push_back((at, value));
        let from = at.minus(settings.window);
        while self.window.len() > SAMPLES_MAX || self.window.front().is_some_and(|(t, _)| *t < from)
        {
            self.window.pop_front();
        }
    }

    /// Where the slopes of the window lie, and the slope that decides.
    pub(super) fn judge(&self, settings: &Settings, at: Timestamp) -> (Mark, f64) {
        let long = self.fit(settings, at);
        let short = settings
            .short
            .and_then(|short| Some((short, self.fit(&settings.in_short(&short), at)?)));
        let mark = settings.mark(long.as_ref(), short.as_ref());
        let beyond = |(limits, fit): &(Short, Fit)| {
            mark_of(settings, &(*limits).into(), fit) == Mark::Beyond
        };
        let decided = short.filter(beyond).map(|(_, fit)| fit).or(long);
        (mark, decided.map_or(f64::NAN, |fit| fit.slope))
    }

    /// The slope an hour, as of a moment.
    pub(super) fn slope(&self, settings: &Settings, at: Timestamp) -> Option<f64> {
        Some(self.fit(settings, at)?.slope)
    }

    /// When the newest reading was measured.
    pub(super) fn newest(&self) -> Option<Timestamp> {
        self.window.back().map(|(at, _)| *at)
    }

    fn fit(&self, settings: &Settings, at: Timestamp) -> Option<Fit> {
        let from = at.minus(settings.window);
        let begin = self.window.partition_point(|(t, _)| *t < from);
        let points = self.window.range(begin..);
        let first = points.clone().next()?.0;
        let enough = points.len() >= usize::from(settings.samples_min.max(3));
        let spans = at.since(first).as_secs_f64() >= settings.window.as_secs_f64() * SPAN_MIN;
        match settings.estimator {
            _ if !(enough && spans) => None,
            Estimator::LeastSquares => least_squares(points),
            Estimator::TheilSen => theil_sen(points),
        }
    }
}

/// What a slope is compared with.
struct Limits {
    raise_at: f64,
    clear_below: f64,
}

impl From<Short> for Limits {
    fn from(short: Short) -> Self {
        Self { raise_at: short.raise_at, clear_below: short.clear_below }
    }
}

impl Settings {
    /// The same estimator over the shorter window.
    fn in_short(&self, short: &Short) -> Self {
        Self { window: short.window, samples_min: short.samples_min, ..*self }
    }

    /// Beyond in one window is beyond; within takes all that say something.
    fn mark(&self, long: Option<&Fit>, short: Option<&(Short, Fit)>) -> Mark {
        let limits = Limits { raise_at: self.raise_at, clear_below: self.clear_below };
        let long = long.map(|fit| mark_of(self, &limits, fit));
        let short = short.map(|(limits, fit)| mark_of(self, &(*limits).into(), fit));
        match (long, short) {
            (Some(Mark::Beyond), _) | (_, Some(Mark::Beyond)) => Mark::Beyond,
            (Some(Mark::Within), None | Some(Mark::Within)) => Mark::Within,
            _ => Mark::Between,
        }
    }
}

fn mark_of(settings: &Settings, limits: &Limits, fit: &Fit) -> Mark {
    match settings.side.mark(fit.slope, limits.raise_at, limits.clear_below) {
        Mark::Beyond if fit.significance < settings.significance => Mark::Between,
        mark => mark,
    }
}

/// The least-squares line through points in time, with `t` in hours from the first point and values from the
/// first value, so that no precision is lost to epochs or offsets. `None` with fewer than three distinct times.
pub fn least_squares(points: vec_deque::Iter<'_, (Timestamp, f64)>) -> Option<Fit> {
    let (origin, base) = *points.clone().next()?;
    let n = points.len() as f64;
    let (mut sum_t, mut sum_y) = (0.0, 0.0);
    for (t, y) in points.clone() {
        sum_t += t.hours_since(origin);
        sum_y += y - base;
    }
    let (mean_t, mean_y) = (sum_t / n, sum_y / n);
    let (mut s_tt, mut s_ty, mut s_yy) = (0.0, 0.0, 0.0);
    for (t, y) in points.clone() {
        let (dt, dy) = (t.hours_since(origin) - mean_t, (y - base) - mean_y);
        s_tt += dt * dt;
        s_ty += dt * dy;
        s_yy += dy * dy;
    }
    if points.len() < 3 || s_tt <= 0.0 {
        return None;
    }
    let slope = s_ty / s_tt;
    let residual = (s_yy - slope * s_ty).max(0.0);
    let slope_se = libm::sqrt(residual / (n - 2.0) / s_tt);
    let significance = if slope == 0.0 { 0.0 } else { slope.abs() / slope_se };
    Some(Fit { slope, significance, intercept: base + mean_y - slope * mean_t })
}

/// The Theil–Sen line through points in time: the median of all pairwise slopes, and the median intercept.
/// Significance is Mann–Kendall's |S| / √(n(n−1)(2n+5)/18). `None` with fewer than three distinct times.
pub fn theil_sen(points: vec_deque::Iter<'_, (Timestamp, f64)>) -> Option<Fit> {
    let (origin, base) = *points.clone().next()?;
    let kept = points.len().min(PAIRED_MAX);
    let place = |i: usize| i * (points.len() - 1) / (kept - 1).max(1);
    let thinned: Vec<(f64, f64)> = (0..kept)
        .filter_map(|i| points.clone().nth(place(i)).copied())
        .map(|(t, y)| (t.hours_since(origin), y - base))
        .collect();
    let mut slopes = Vec::with_capacity(kept * kept / 2);
    let mut concordance = 0i64;
    for (i, (t, y)) in thinned.iter().enumerate() {
        for (later_t, later_y) in thinned[i + 1..].iter().filter(|(later_t, _)| later_t > t) {
            slopes.push((later_y - y) / (later_t - t));
            concordance += i64::from(later_y > y) - i64::from(later_y < y);
        }
    }
    if kept < 3 || slopes.len() < 2 {
        return None;
    }
    let n = kept as f64;
    let slope = median(&mut slopes);
    let mut intercepts: Vec<f64> = thinned.iter().map(|(t, y)| y - slope * t).collect();
    let spread = libm::sqrt(n * (n - 1.0) * (2.0 * n + 5.0) / 18.0);
    let significance = concordance.unsigned_abs() as f64 / spread;
    Some(Fit { slope, significance, intercept: base + median(&mut intercepts) })
}

/// The median; of an even number, the mean of the middle two.
pub(super) fn median(values: &mut [f64]) -> f64 {
    let middle = values.len() / 2;
    let odd = values.len() % 2 == 1;
    let (below, upper, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    let upper = *upper;
    if odd { upper } else { (below.iter().copied().fold(f64::MIN, f64::max) + upper) / 2.0 }
}

#[cfg(test)]
mod tests {
    use super::super::MAIN;
    use super::*;

    fn minutes(values: &[(i64, f64)]) -> VecDeque<(Timestamp, f64)> {
        values.iter().map(|(m, y)| (Timestamp::from_secs(1_784_000_000 + m * 60), *y)).collect()
    }

    fn near(got: f64, expected: f64, tolerance: f64) {
        assert!((got - expected).abs() <= tolerance, "{got} is not {expected}");
    }

    #[test]
    fn vector_b1_least_squares_slope_and_error() {
        let points =
            minutes(&[(0, 0.0), (10, 0.02), (20, 0.03), (30, 0.05), (40, 0.07), (50, 0.08)]);
        let fit = least_squares(points.iter()).unwrap();
        near(fit.slope, 0.097_714_285_7, 1e-9);
        near(fit.intercept, 0.000_952_38, 1e-8);
        near(fit.slope / fit.significance, 0.004_642_31, 1e-8);
        near(fit.significance, 21.05, 0.01);
    }

    #[test]
    fn vector_b2_an_outlier_pulls_least_squares_and_not_theil_sen() {
        let values = [0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 13.0];
        let hourly: Vec<_> = values.iter().enumerate().map(|(i, y)| (i as i64 * 60, *y)).collect();
        let points = minutes(&hourly);
        near(least_squares(points.iter()).unwrap().slope, 1.571_428_6, 1e-7);
        let robust = theil_sen(points.iter()).unwrap();
        near(robust.slope, 0.5, 1e-12);
        near(robust.intercept, 0.0, 1e-12);
        near(robust.significance, 21.0 / libm::sqrt(7.0 * 6.0 * 19.0 / 18.0), 1e-12);
    }

    #[test]
    fn a_long_window_is_thinned_and_keeps_its_slope() {
        let points = minutes(&(0..1_000).map(|m| (m, m as f64 * 0.01)).collect::<Vec<_>>());
        near(theil_sen(points.iter()).unwrap().slope, 0.6, 1e-9);
    }

    #[test]
    fn spikes_do_not_make_a_robust_rate() {
        let spiky = |estimator| {
            let settings = Settings { estimator, significance: 2.0, ..settings() };
            let mut state = State::default();
            (0..60i64).any(|minute| {
                let value = if minute % 20 == 19 { 5.0 } else { (minute % 3) as f64 * 0.001 };
                state
                    .observe(&settings, MAIN, Timestamp::from_secs(minute * 60), value)
                    .is_some_and(|t| t.held)
            })
        };
        assert!(!spiky(Estimator::TheilSen));
    }

    fn settings() -> Settings {
        Settings {
            estimator: Estimator::LeastSquares,
            window: Duration::from_secs(3_600),
            side: Side::Magnitude,
            raise_at: 0.1,
            clear_below: 0.08,
            samples_min: 5,
            significance: 4.0,
            short: None,
            persistence: persistence::Settings::IMMEDIATE,
        }
    }

    #[test]
    fn speaks_only_once_half_the_window_is_seen() {
        let mut state = State::default();
        let mut first = None;
        for minute in (0..60).step_by(5) {
            let at = Timestamp::from_secs(minute * 60);
            let turned = state.observe(&settings(), MAIN, at, 0.2 * minute as f64 / 60.0);
            first = first.or(turned.map(|t| (minute, t.held)));
        }
        assert_eq!(first, Some((30, true)));
    }

    #[test]
    fn noise_without_a_trend_says_nothing_and_a_trend_under_it_does() {
        // ± 0.05 deg of alternating noise: a slope of 0.1 deg/h over one hour is within its own error.
        let noisy = |slope: f64| {
            let mut state = State::default();
            (0..=60i64).any(|minute| {
                let noise = if minute % 2 == 0 { 0.05 } else { -0.05 };
                let value = slope * minute as f64 / 60.0 + noise;
                state
                    .observe(&settings(), MAIN, Timestamp::from_secs(minute * 60), value)
                    .is_some_and(|t| t.held)
            })
        };
        assert!(!noisy(0.0));
        assert!(noisy(0.4));
    }

    #[test]
    fn a_short_window_beside_the_long_one_sees_what_is_fast_first() {
        let minute = |m: u64| Duration::from_secs(m * 60);
        let short = Short { window: minute(10), raise_at: 1.0, clear_below: 0.9, samples_min: 5 };
        let both = Settings { window: minute(60), short: Some(short), ..settings() };
        let first = |settings: &Settings, slope: f64| {
            let mut state = State::default();
            let turn = |m: i64| {
                let value = slope * (m - 60).max(0) as f64 / 60.0 + 0.001 * (m % 2) as f64;
                let turn = state.observe(settings, MAIN, Timestamp::from_secs(m * 60), value)?;
                turn.held.then_some((m, turn.value))
            };
            (0..240).find_map(turn)
        };
        let alone = Settings { short: None, ..both };
        let (fast, slow) = (first(&both, 3.0).unwrap(), first(&alone, 3.0).unwrap());
        assert!(fast.0 < slow.0 && fast.1 >= 1.0, "{fast:?} {slow:?}");
        // what only the long window sees is seen as before
        assert_eq!(first(&both, 0.15), first(&alone, 0.15));
        assert_eq!(first(&both, 0.0), None);
    }

    #[test]
    fn equal_stamps_give_no_slope() {
        let points = minutes(&[(0, 1.0), (0, 2.0), (0, 3.0)]);
        assert_eq!(least_squares(points.iter()), None);
    }
}
