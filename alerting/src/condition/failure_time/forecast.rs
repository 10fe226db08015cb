//! When it ends, by what it has done since it began to accelerate.
//!
//! Two ends. **Asymptote**: 1/v falls on a straight line to zero (Voight's law with α = 2, Fukuzono 1985); the time is
//! the line's zero, with Fieller's interval. **Limit**: the end is a known displacement, say the length at which a
//! cracked part breaks; the same law in the space of displacement says that ln v rises on a straight line, and the
//! time is what is left to the limit over that velocity. Sources: docs/formulas.md 4.1, 4.2; vectors C1, C2.

use alloc::collections::VecDeque;
use core::time::Duration;

use reading::Timestamp;
use serde::{Deserialize, Serialize};

use super::line::Line;

/// A stretch of movement, along its direction.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Its beginning and its end.
    pub time: (Timestamp, Timestamp),
    /// The displacement there, base units.
    pub place: (f64, f64),
    /// When it moved as fast as on the average: the middle of its time, and for what was joined the mean of the middles
    /// by how far each moved. So the point stays on the line on which its parts lie; the middle of a long stretch of a
    /// movement that quickens does not, and forecasts the end too late.
    at: Timestamp,
}

impl Sample {
    /// From one reading to another.
    pub const fn between(time: (Timestamp, Timestamp), place: (f64, f64)) -> Self {
        let (from, to) = (time.0.nanos(), time.1.nanos());
        let at = Timestamp::from_nanos(from.midpoint(to));
        Self { time, place, at }
    }

    /// Base units an hour.
    pub fn velocity(&self) -> f64 {
        (self.place.1 - self.place.0) / self.time.1.hours_since(self.time.0)
    }

    /// When it moved at its velocity, in hours after an origin.
    pub fn hours_after(&self, origin: Timestamp) -> f64 {
        self.at.hours_since(origin)
    }

    /// The middle of its way.
    pub fn middle(&self) -> f64 {
        (self.place.0 + self.place.1) / 2.0
    }

    /// This one and the one after it as one.
    #[must_use]
    pub fn with(&self, next: &Self) -> Self {
        let (own, other) = (self.place.1 - self.place.0, next.place.1 - next.place.0);
        let later = (next.at.nanos() - self.at.nanos()) as f64 * (other / (own + other));
        let at = Timestamp::from_nanos(self.at.nanos() + later as i64);
        Self { time: (self.time.0, next.time.1), place: (self.place.0, next.place.1), at }
    }
}

/// A forecast of the end, with what it stands on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Forecast {
    /// When it was made.
    pub made_at: Timestamp,
    /// The time the fit gives.
    pub at: Timestamp,
    /// The 95 % interval of that time as far as the fit goes, if it is bounded. When it ends is [`Self::between`].
    pub interval: Option<(Timestamp, Timestamp)>,
    /// How many velocities were used.
    pub samples: usize,
    /// How much of the variance the line explains.
    pub explained: f64,
    /// The slope of the line in its own standard errors.
    pub significance: f64,
    /// How steep the line is: of 1/v an hour, or of ln v by the displacement.
    pub slope: f64,
    /// Where the line is at `origin`, or at the displacement that was reached when the forecast was made.
    pub intercept: f64,
    /// From when the hours of a line of 1/v count.
    pub origin: Option<Timestamp>,
}

/// The intervals of the limit are wider than the fit alone says by this factor: velocities of neighbouring intervals
/// go together. One calibration, on 24 fatigue cracks: leaving out a quarter of them in turn, 90 % of the intervals of
/// the others hold the truth with 1.27 to 1.62 (docs/evaluation.md).
const LIMIT_WIDENING: f64 = 1.5;

/// Fieller's interval takes the scatter of 1/v as even and independent, but fast stretches scatter less than slow ones,
/// and a movement that is faster than its law for a while is so for hours. One calibration, on simulated runaways that
/// go unevenly up to their asymptote: so wide, the later edge holds for nine tenths of the worst size; a test says how
/// often it does (docs/evaluation.md).
const ASYMPTOTE_WIDENING: f64 = 2.0;

/// Pieces in which the way to the limit is added up.
const PIECES: usize = 64;

/// Hours after which a forecast is no forecast: a hundred years.
const HOURS_MAX: f64 = 876_600.0;

impl Forecast {
    /// How long it is from some moment to the time the fit gives.
    pub fn remaining(&self, from: Timestamp) -> Duration {
        self.at.since(from)
    }

    /// Between which moments it ends, nine times in ten; `None` if the fit leaves that open. Toward a limit it is the
    /// interval of the fit. An asymptote is a velocity without bound, which nothing reaches: what moves gives way
    /// before, at a displacement nobody knows, so that its line only says when it is over **at the latest**.
    pub fn between(&self) -> Option<(Timestamp, Timestamp)> {
        let (earliest, latest) = self.interval?;
        Some((if self.is_of_asymptote() { self.made_at } else { earliest }, latest))
    }

    /// Whether the end is the zero of 1/v, and no displacement.
    fn is_of_asymptote(&self) -> bool {
        self.origin.is_some()
    }

    /// The zero of the inverse velocity. `None` unless 1/v falls.
    pub fn of_asymptote(samples: &VecDeque<Sample>, made_at: Timestamp) -> Option<Self> {
        let origin = samples.front()?.time.0;
        let inverse =
            samples.iter().map(|sample| (sample.hours_after(origin), 1.0 / sample.velocity()));
        let line = Line::through(inverse)?;
        if line.slope >= 0.0 {
            return None;
        }
        let (at, interval) = line.zero();
        let moment = |hours: f64| after(origin, hours);
        let wide = |edge: f64| moment(at + ASYMPTOTE_WIDENING * (edge - at));
        let interval = interval.and_then(|(low, high)| wide(low).zip(wide(high)));
        let origin = Some(origin);
        Some(Self { interval, origin, ..Self::of_line(&line, made_at, moment(at)?) })
    }

    /// The time at which the displacement reaches a limit. A line that falls is taken as level: to slow down again is
    /// not forecast.
    pub fn of_limit(
        samples: &VecDeque<Sample>,
        place: f64,
        limit: f64,
        made_at: Timestamp,
    ) -> Option<Self> {
        let left = limit - place;
        let line = Line::through(
            samples.iter().map(|sample| (sample.middle() - place, libm::log(sample.velocity()))),
        )?;
        if left <= 0.0 {
            return Some(Self {
                interval: Some((made_at, made_at)),
                ..Self::of_line(&line, made_at, made_at)
            });
        }
        let growth = line.slope.max(0.0);
        let now = line.intercept + line.slope * line.mean - growth * line.mean;
        let piece = left / PIECES as f64;
        let (mut hours, mut moment, mut squares) = (0.0, 0.0, 0.0);
        for i in 0..PIECES {
            let way = (i as f64 + 0.5) * piece;
            let slowness = libm::exp(-(now + growth * way));
            hours += slowness * piece;
            moment += slowness * piece * (way - line.mean);
            squares += slowness * slowness * piece;
        }
        // how far the line itself may be off, in level and in slope, and how the way scatters about it
        let (begun, ended) = samples.back()?.place;
        let level = hours * hours / line.count as f64;
        let slope = moment * moment / line.spread;
        let way = squares * (ended - begun).min(left);
        let error = line.scatter * libm::sqrt(level + slope + way) / hours;
        let factor = libm::exp(LIMIT_WIDENING * line.student() * error);
        let interval = after(made_at, hours / factor).zip(after(made_at, hours * factor));
        Some(Self { interval, ..Self::of_line(&line, made_at, after(made_at, hours)?) })
    }

    fn of_line(line: &Line, made_at: Timestamp, at: Timestamp) -> Self {
        Self {
            made_at,
            at,
            interval: None,
            samples: line.count,
            explained: line.explained,
            significance: line.significance(),
            slope: line.slope,
            intercept: line.intercept,
            origin: None,
        }
    }
}

fn after(origin: Timestamp, hours: f64) -> Option<Timestamp> {
    let nanos = libm::round(hours * 3.6e12);
    ((-HOURS_MAX..=HOURS_MAX).contains(&hours))
        .then(|| Timestamp::from_nanos(origin.nanos().saturating_add(nanos as i64)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(got: f64, expected: f64, tolerance: f64) {
        assert!((got - expected).abs() <= tolerance, "{got} is not {expected}");
    }

    fn hours(at: Timestamp) -> f64 {
        at.hours_since(Timestamp::default())
    }

    fn at(hours: f64) -> Timestamp {
        Timestamp::from_nanos((hours * 3.6e12) as i64)
    }

    /// Displacements every four hours, as interval velocities.
    fn samples(displacement: &[f64]) -> VecDeque<Sample> {
        let sample = |(i, pair): (usize, &[f64])| {
            Sample::between((at(4.0 * i as f64), at(4.0 * i as f64 + 4.0)), (pair[0], pair[1]))
        };
        displacement.windows(2).enumerate().map(sample).collect()
    }

    const C1: [f64; 10] = [0.0, 2.1, 4.5, 7.1, 10.2, 13.9, 18.3, 24.1, 32.2, 46.1];

    #[test]
    fn vector_c1_inverse_velocity_of_a_rounded_curve() {
        let forecast =
            Forecast::of_asymptote(&samples(&C1), Timestamp::from_secs(36 * 3_600)).unwrap();
        assert_eq!(forecast.samples, 9);
        near(hours(forecast.at), 39.796_084, 1e-6);
        near(forecast.explained, 0.998_68, 5e-6);
        near(forecast.intercept, 2.000_637, 5e-7);
        near(forecast.slope, -0.050_272_2, 5e-8);
        assert_eq!(forecast.origin, Some(Timestamp::default()));
        let origin = Timestamp::default();
        let inverse = samples(&C1);
        let inverse = inverse.iter().map(|one| (one.hours_after(origin), 1.0 / one.velocity()));
        let line = Line::through(inverse).unwrap();
        let (at, fieller) = line.zero();
        let ((low, high), away) = (fieller.unwrap(), at - line.mean);
        near(line.scatter, 0.021_405_4, 5e-8);
        let error = line.scatter / line.slope.abs();
        near(error * libm::sqrt(1.0 / 9.0 + away * away / line.spread), 0.331_453, 5e-7);
        let g = (line.student() * error).powi(2) / line.spread;
        near(g, 0.001_055_95, 5e-9);
        near(low, 39.034_609, 2e-6);
        near(high, 40.603_639, 2e-6);
        let (earliest, latest) = forecast.interval.unwrap();
        near(hours(earliest) - at, ASYMPTOTE_WIDENING * (low - at), 1e-9);
        near(hours(latest) - at, ASYMPTOTE_WIDENING * (high - at), 1e-9);
        assert_eq!(forecast.between(), Some((forecast.made_at, latest)), "any moment, until then");
        near(
            forecast.remaining(Timestamp::from_secs(34 * 3_600)).as_secs_f64() / 3_600.0,
            5.796_084,
            1e-6,
        );
    }

    #[test]
    fn vector_c1_progressive_forecasts_stay_stable() {
        let expected = [
            (6, 39.575, 0.992_88),
            (7, 40.035, 0.995_53),
            (8, 39.861, 0.997_18),
            (9, 39.851, 0.998_12),
            (10, 39.796, 0.998_68),
        ];
        for (rows, at, explained) in expected {
            let samples = samples(&C1[..rows]);
            let forecast = Forecast::of_asymptote(&samples, Timestamp::default()).unwrap();
            near(hours(forecast.at), at, 6e-4);
            near(forecast.explained, explained, 6e-6);
        }
    }

    #[test]
    fn the_exact_curve_reaches_a_limit_when_it_does() {
        // x = 20·ln(40/(40 − t)): at 36 h it is 46.05 mm, at 39 h 73.78 mm
        let place = |t: f64| 20.0 * libm::log(40.0 / (40.0 - t));
        let stretch = |i: i32| {
            let (from, to) = (f64::from(i) / 100.0, f64::from(i + 1) / 100.0);
            Sample::between((at(from), at(to)), (place(from), place(to)))
        };
        let exact: VecDeque<Sample> = (2_000..3_600).step_by(100).map(stretch).collect();
        let now = Timestamp::from_secs(36 * 3_600);
        let limit = Forecast::of_limit(&exact, place(36.0), place(39.0), now).unwrap();
        near(hours(limit.at), 39.0, 1e-3);
        assert_eq!(limit.between(), limit.interval);
        let asymptote = Forecast::of_asymptote(&exact, now).unwrap();
        near(hours(asymptote.at), 40.0, 1e-4);
        // beyond the limit it is now
        let reached = Forecast::of_limit(&exact, place(36.0), 40.0, now).unwrap();
        assert_eq!((reached.at, reached.interval), (now, Some((now, now))));
    }

    #[test]
    fn stretches_that_were_joined_forecast_what_their_parts_do() {
        // x = 20·ln(40/(40 − t)), by readings a minute apart, and what is left of them after they were joined three
        // times
        let place = |minute: i32| 20.0 * libm::log(40.0 / (40.0 - f64::from(minute) / 60.0));
        let stretch = |minute: i32| {
            let moment = |minute: i32| at(f64::from(minute) / 60.0);
            let (from, to) = (minute, minute + 30);
            Sample::between((moment(from), moment(to)), (place(from), place(to)))
        };
        let mut samples: VecDeque<Sample> = (0..2_370).step_by(30).map(stretch).collect();
        let now = at(39.5);
        for _ in 0..3 {
            let halves: VecDeque<Sample> =
                samples.make_contiguous().chunks_exact(2).map(|two| two[0].with(&two[1])).collect();
            let forecast = Forecast::of_asymptote(&halves, now).unwrap();
            near(hours(forecast.at), 40.0, 0.01);
            samples = halves;
        }
    }

    #[test]
    fn steady_movement_has_no_asymptote() {
        let steady = samples(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!(Forecast::of_asymptote(&steady, Timestamp::default()), None);
        let slowing = samples(&[0.0, 5.0, 9.0, 12.0, 14.0, 15.0]);
        assert_eq!(Forecast::of_asymptote(&slowing, Timestamp::default()), None);
    }
}
