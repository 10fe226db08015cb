//! Rows of a failure series through the forecaster as shipped.

use std::time::Duration;

use alerting::condition::failure_time::{Forecaster, Settings};
use alerting::condition::{persistence, velocity};
use reading::Timestamp;

/// What is known after a row.
pub struct Row {
    /// Time, earliest, latest; `None` while there is nothing to believe.
    pub forecast: Option<[f64; 3]>,
    /// The earliest of the fit alone.
    pub fitted_from: f64,
}

/// `t,value` after a header.
pub fn read(text: &str) -> Vec<(f64, f64)> {
    let row = |line: &str| {
        let (t, value) = line.split_once(',')?;
        Some((t.trim().parse().ok()?, value.trim().parse().ok()?))
    };
    text.lines().skip(1).filter_map(row).collect()
}

/// The same for every series: a count of the series is taken as a second, every step of the gauge (0.2 mm at the least)
/// makes a velocity.
pub fn settings(limit: Option<f64>) -> Settings {
    Settings {
        velocity: velocity::Settings {
            increment: 0.1,
            interval_min: Duration::ZERO,
            interval_max: Duration::from_secs(30 * 86_400),
        },
        limit,
        samples_min: 7,
        explained_min: 0.9,
        significance: 4.0,
        speedup: 3.0,
        moved_min: 1.0,
        stable_within: 0.2,
        width_max: 0.6,
        raise_within: Duration::from_secs(86_400),
        pessimistic: 0.3,
        persistence: persistence::Settings::IMMEDIATE,
    }
}

/// What is believed after each row.
pub fn forecasts(rows: &[(f64, f64)], limit: Option<f64>) -> Vec<Row> {
    forecasts_with(rows, &settings(limit))
}

/// What is believed after each row, with these settings.
pub fn forecasts_with(rows: &[(f64, f64)], settings: &Settings) -> Vec<Row> {
    let mut forecaster = Forecaster::default();
    let seconds = |at: Timestamp| at.nanos() as f64 / 1e9;
    let row = |&(t, value): &(f64, f64)| {
        forecaster.take(settings, Timestamp::from_nanos((t * 1e9) as i64), value);
        let believed = forecaster.last().filter(|judged| judged.gates.passed());
        let forecast = believed.and_then(|judged| {
            let (low, high) = judged.forecast.between()?;
            Some([judged.forecast.at, low, high].map(seconds))
        });
        let fitted = believed.and_then(|judged| judged.forecast.interval);
        Row { forecast, fitted_from: fitted.map_or(f64::NAN, |(low, _)| seconds(low)) }
    };
    rows.iter().map(row).collect()
}
