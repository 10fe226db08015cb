//! Conditions on how fast something moves.

use std::time::Duration;

use alerting::condition::rate::{Estimator, SAMPLES_MAX, Short};
use alerting::condition::{Side, acceleration, failure_time, rate, velocity};
use reading::unit::Quantity;

use super::super::limits::Per;
use super::super::problem::Problems;
use super::super::stations::Watched;
use super::super::table::Table;
use super::super::tree::At;
use super::super::value::duration_text;
use super::reader::{In, Reader, Usual};
use super::{DAY, SECOND, SIDES, longest, samples};

/// A slope must be so many of its own standard errors unless the rule says otherwise (docs/formulas.md 3.1).
const SIGNIFICANCE: f64 = 4.0;

/// Mann–Kendall's statistic a robust slope must have: 2 is a trend that chance gives in one window of 22. A window of
/// seven readings reaches 3 at most.
const TREND_SIGNIFICANCE: f64 = 2.0;

/// How a rate's line is found.
const ESTIMATORS: [(&str, Estimator); 2] =
    [("least-squares", Estimator::LeastSquares), ("theil-sen", Estimator::TheilSen)];

/// Fewer points than this make no line with a scatter of its own.
const SAMPLES_LEAST: u32 = 3;

/// The longest window of a line; what counts is how many readings it holds.
const RATE_WINDOW_MAX: Duration = Duration::from_secs(400 * 86_400);

/// A slope.
pub fn rate(reader: &mut Reader<'_>) -> Option<rate::Settings> {
    let side = reader.choice("side", &SIDES, Side::Magnitude);
    let limits = reader.limits(side, In::SeriesRate);
    let window = reader.window(SAMPLES_LEAST, RATE_WINDOW_MAX);
    if let Some(window) = &window {
        check_samples(window, reader.series, reader.problems);
    }
    let samples_min = samples_min(reader.table, window.as_ref(), reader.series, reader.problems);
    let short = short(reader, side, window.as_ref());
    let estimator = reader.choice("estimator", &ESTIMATORS, Estimator::LeastSquares);
    let significance = significance(reader.table, estimator, reader.problems);
    let persistence = reader.persistence(Usual::THREE);
    let limits = limits?;
    Some(rate::Settings {
        estimator,
        window: window?.value,
        side,
        raise_at: limits.raise_at.value,
        clear_below: limits.clear_below,
        samples_min,
        significance,
        short,
        persistence: persistence?,
    })
}

/// `short = { window = "30 min", raise-at = "0.1 deg/h" }`: a second window beside the first.
fn short(reader: &mut Reader<'_>, side: Side, long: Option<&At<Duration>>) -> Option<Short> {
    if !reader.table.has("short") {
        return None;
    }
    let mut table = reader.table.table("short", reader.problems)?;
    let mut part = reader.part(&mut table);
    let limits = part.limits(side, In::SeriesRate);
    let window = part.window(SAMPLES_LEAST, RATE_WINDOW_MAX);
    let samples_min = samples_min(part.table, window.as_ref(), part.series, part.problems);
    table.finish("a short window", reader.problems);
    let (limits, window) = (limits?, window?);
    if long.is_some_and(|long| window.value >= long.value) {
        let remedy = "write a shorter window here, or exchange the two";
        reader.problems.add(&window.place, "the short window is not the shorter one", remedy);
    }
    let (raise_at, clear_below) = (limits.raise_at.value, limits.clear_below);
    Some(Short { window: window.value, raise_at, clear_below, samples_min })
}

/// The onset of acceleration.
pub fn acceleration(reader: &mut Reader<'_>) -> Option<acceleration::Settings> {
    reader.need("floor", "say which velocity is noise, say floor = \"0.1 mm/h\"");
    let floor = reader.rate_of("floor", Per::Time);
    let velocity = intervals(reader);
    let short = reader.integer("short-mean", 3, 2..=32) as u8;
    let long = reader.table.place_of("long-mean");
    let long_mean = reader.integer("long-mean", 7, 3..=64) as u8;
    if let Some(place) = long.filter(|_| long_mean <= short) {
        let remedy = "write more velocities than `short-mean`";
        reader.problems.add(&place, "the long mean is not the longer one", remedy);
    }
    let persistence = reader.persistence(Usual::ONE);
    Some(acceleration::Settings {
        velocity: velocity?,
        short,
        long: long_mean,
        floor: floor?.value,
        persistence: persistence?,
    })
}

/// The time of failure. Gates: docs/formulas.md 4.3.
pub fn failure_time(reader: &mut Reader<'_>) -> Option<failure_time::Settings> {
    reader.need(
        "increment",
        "say which movement stands out of the noise, say increment = \"0.5 mm\"",
    );
    let increment = reader.size_of("increment");
    let report = longest(reader.series).unwrap_or(SECOND);
    let interval_min = reader.duration("interval-min", report, Duration::ZERO..=30 * DAY);
    let usual_max = (36 * report).max(interval_min);
    let interval_max = reader.span_or("interval-max", usual_max, 1, interval_min..=60 * DAY);
    let limit = reader.size_of("limit");
    let moved_min = reader.size_of("moved-min");
    let raise_within = reader.duration("raise-within", DAY, 60 * SECOND..=30 * DAY);
    reader.companion("rain", Quantity::Rain);
    let persistence = reader.persistence(Usual::ONE);
    let increment = increment?;
    Some(failure_time::Settings {
        velocity: velocity::Settings { increment, interval_min, interval_max },
        limit,
        samples_min: 7,
        explained_min: 0.9,
        significance: SIGNIFICANCE,
        speedup: 3.0,
        moved_min: moved_min.unwrap_or(5.0 * increment),
        stable_within: 0.2,
        width_max: 0.6,
        raise_within,
        pessimistic: 0.3,
        persistence: persistence?,
    })
}

/// `interval`, over which one velocity is measured, and `increment`, the movement that ends it early at the soonest.
fn intervals(reader: &mut Reader<'_>) -> Option<velocity::Settings> {
    reader.need("interval", "say over how long one velocity is measured, say interval = \"1 h\"");
    let place = reader.table.place_of("interval");
    let interval = reader.table.duration("interval", SECOND..=30 * DAY, reader.problems);
    let report = longest(reader.series);
    if let Some(((interval, report), place)) = interval.as_ref().zip(report).zip(place)
        && interval.value < report
    {
        let what = format!("the station reports only every {}", duration_text(report));
        reader.problems.add(&place, what, "measure a velocity over at least one report interval");
    }
    let interval = interval?.value;
    Some(velocity::Settings { increment: 0.0, interval_min: interval, interval_max: interval })
}

fn significance(table: &mut Table, estimator: Estimator, problems: &mut Problems) -> f64 {
    let Some(given) = table.number("significance", problems) else {
        return match estimator {
            Estimator::LeastSquares => SIGNIFICANCE,
            Estimator::TheilSen => TREND_SIGNIFICANCE,
        };
    };
    if !(0.0..=100.0).contains(&given.value) {
        problems.add(
            &given.place,
            "`significance` is out of bounds",
            "write standard errors from 0 to 100, say 4.0",
        );
    }
    given.value
}

/// How few readings say nothing: half of what the window holds if all is well, unless the rule says otherwise.
fn samples_min(
    table: &mut Table,
    window: Option<&At<Duration>>,
    series: &[&Watched],
    problems: &mut Problems,
) -> u16 {
    let bounds = i64::from(SAMPLES_LEAST)..=SAMPLES_MAX as i64;
    let given = table.integer("samples-min", bounds, problems);
    let Some(window) = window else { return SAMPLES_LEAST as u16 };
    let held = longest(series)
        .map_or(f64::from(SAMPLES_LEAST), |interval| samples(window.value, interval).floor());
    match given {
        Some(given) if given.value as f64 > held + 1.0 => {
            let what = format!("the window never holds `samples-min` readings: it holds {held}");
            problems.add(&given.place, what, "ask for fewer, or look back longer");
            given.value as u16
        }
        Some(given) => given.value as u16,
        None => (held / 2.0).ceil().clamp(f64::from(SAMPLES_LEAST), SAMPLES_MAX as f64) as u16,
    }
}

/// A line is drawn through so many readings and no more.
fn check_samples(window: &At<Duration>, series: &[&Watched], problems: &mut Problems) {
    let shortest = series.iter().map(|one| one.interval).min();
    let most = SAMPLES_MAX as f64;
    if let Some(interval) = shortest.filter(|interval| samples(window.value, *interval) > most) {
        let every = duration_text(interval);
        let what = format!("the window holds more than {SAMPLES_MAX} readings, one every {every}");
        let remedy = format!("look back at most {}", duration_text(interval * SAMPLES_MAX as u32));
        problems.add(&window.place, what, remedy);
    }
}
