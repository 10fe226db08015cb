//! What charts show beside what was measured: how fast it moves, what fell within a while, how wet the ground is.
//!
//! For people to look at. What decides is computed by the conditions from every reading; these are made of the history,
//! whose points are coarser.

use std::time::Duration;

use alerting::condition::soil_water::Tanks;
use ingest::archive::history::Point;
use reading::Timestamp;

/// From so much history on the soil water index says something: its tanks begin empty.
pub(super) const WARM_AFTER: Duration = Duration::from_secs(30 * 86_400);

const HOUR: Duration = Duration::from_secs(3_600);

/// A point of one value.
fn point(at: Timestamp, value: f64) -> Point {
    Point { at, count: 1, min: value, max: value, mean: value, sum: value, quality: 0 }
}

/// How fast it moves, an hour: the least-squares slope through the means of the time `over` before each point.
pub(super) fn rates(points: &[Point], over: Duration) -> Vec<Point> {
    let mut first = 0;
    let slope_at = |(last, end): (usize, &Point)| {
        while points[first].at < end.at.minus(over) {
            first += 1;
        }
        Some(point(end.at, slope(&points[first..=last])?))
    };
    points.iter().enumerate().filter_map(slope_at).collect()
}

/// Through at least three points; `None` for fewer.
fn slope(points: &[Point]) -> Option<f64> {
    let (first, count) = (points.first()?, points.len() as f64);
    if points.len() < 3 {
        return None;
    }
    let hours = |point: &Point| point.at.since(first.at).as_secs_f64() / 3_600.0;
    let mean_x = points.iter().map(hours).sum::<f64>() / count;
    let mean_y = points.iter().map(|point| point.mean).sum::<f64>() / count;
    let (mut xy, mut xx) = (0.0, 0.0);
    for point in points {
        let x = hours(point) - mean_x;
        xy += x * (point.mean - mean_y);
        xx += x * x;
    }
    (xx > 0.0).then(|| xy / xx)
}

/// What fell in the time `window` before the end of each stretch of an hour; from the first that has a whole window
/// behind it, or `from` if that is later.
pub(super) fn running(hourly: &[Point], window: Duration, from: Timestamp) -> Vec<Point> {
    let mut first = 0;
    let mut sum = 0.0;
    let mut sums = Vec::new();
    for end in hourly {
        sum += end.sum;
        while hourly[first].at.plus(window) <= end.at {
            sum -= hourly[first].sum;
            first += 1;
        }
        if end.at >= from {
            sums.push(point(end.at.plus(HOUR), sum.max(0.0)));
        }
    }
    sums
}

/// The soil water index in steps of an hour, from `from` on. An hour without a point is one without rain.
pub(super) fn soil_water(hourly: &[Point], from: Timestamp, to: Timestamp) -> Vec<Point> {
    let Some(first) = hourly.first() else { return Vec::new() };
    let (mut tanks, mut at, mut rest) = (Tanks::default(), first.at, hourly);
    let mut indices = Vec::new();
    while at < to {
        let fell = match rest.split_first() {
            Some((next, after)) if next.at <= at => {
                rest = after;
                next.sum
            }
            _ => 0.0,
        };
        tanks = tanks.after(1.0, fell);
        at = at.plus(HOUR);
        if at >= from {
            indices.push(point(at, tanks.index()));
        }
    }
    indices
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(values: &[f64]) -> Vec<Point> {
        let at = |hour: usize| Timestamp::from_secs(hour as i64 * 3_600);
        values.iter().enumerate().map(|(hour, value)| point(at(hour), *value)).collect()
    }

    fn values(points: &[Point]) -> Vec<f64> {
        points.iter().map(|point| (point.mean * 1e3).round() / 1e3).collect()
    }

    #[test]
    fn a_rate_is_the_slope_of_the_last_while() {
        let moving = series(&[0.0, 1.0, 2.0, 3.0, 6.0]);
        assert_eq!(values(&rates(&moving, 2 * HOUR)), [1.0, 1.0, 2.0]);
        assert!(rates(&series(&[1.0, 2.0]), HOUR).is_empty(), "two points are no rate");
        assert!(rates(&[], HOUR).is_empty());
    }

    #[test]
    fn a_running_sum_forgets_what_is_too_long_ago() {
        let rain = series(&[1.0, 2.0, 3.0, 0.0, 0.0]);
        let from = Timestamp::from_secs(0);
        assert_eq!(values(&running(&rain, 2 * HOUR, from)), [1.0, 3.0, 5.0, 3.0, 0.0]);
        assert_eq!(running(&rain, 2 * HOUR, Timestamp::from_secs(3 * 3_600)).len(), 2);
    }

    #[test]
    fn the_soil_keeps_what_fell_and_lets_it_go() {
        let rain = series(&[100.0]);
        let to = Timestamp::from_secs(4 * 3_600);
        let wet = soil_water(&rain, Timestamp::from_secs(0), to);
        // the first tank holds it at the end of the hour; then 12 % goes down, 10 % above 15 mm and 15 % above 60 mm
        // out
        assert_eq!(values(&wet)[..2], [100.0, 100.0 - 8.5 - 6.0]);
        assert!(wet.windows(2).all(|pair| pair[1].mean < pair[0].mean));
        assert_eq!(wet.len(), 4);
    }
}
