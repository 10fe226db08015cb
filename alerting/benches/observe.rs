//! How fast the engine takes readings: one threshold, three thresholds, a rate over three hours, an anomaly.

#[path = "../tests/common/mod.rs"]
mod common;

use std::time::Duration;

use alerting::condition::{ConditionSettings, Side, anomaly, rate};
use alerting::engine::{Engine, Moment};
use alerting::level::Level;
use alerting::rule::Group;
use alerting::setup::Setup;
use common::{above, minute, persist, rule, setup};
use divan::Bencher;
use divan::counter::ItemsCount;
use reading::{Quality, Reading, SeriesIndex, Timestamp};

fn main() {
    divan::main();
}

const ROUNDS: u32 = 2_000;

fn with_rules(rules: Vec<alerting::rule::Rule>) -> Setup {
    Setup { rules, ..setup() }
}

fn tilt(id: &str, condition: ConditionSettings) -> alerting::rule::Rule {
    let series = ["post-1/tilt-1/tilt-x", "post-2/tilt-1/tilt-x"];
    rule("cut-1", id, Group::Deformation, Level::Caution, &series, condition)
}

/// Feeds every series of one site once a minute, quietly: the same again and again.
fn feed(bencher: Bencher, setup: Setup) {
    feed_with(bencher, setup, |round, _| f64::from(round % 7) * 0.01);
}

fn feed_with(bencher: Bencher, setup: Setup, value: impl Fn(u32, u32) -> f64) {
    bencher
        .counter(ItemsCount::new(ROUNDS * 2))
        .with_inputs(|| Engine::new(setup.clone(), minute(0)))
        .bench_local_values(|mut engine| {
            let mut actions = Vec::new();
            for round in 0..ROUNDS {
                let at: Timestamp = minute(i64::from(round));
                let now = Moment { at, sequence: u64::from(round) };
                engine.tick(now, &mut actions);
                for series in 0..2 {
                    let value = value(round, series);
                    let reading = Reading {
                        series: SeriesIndex(series),
                        measured_at: at,
                        received_at: at,
                        value,
                        quality: Quality::GOOD,
                    };
                    engine.observe(&reading, now, &mut actions);
                }
            }
            (engine, actions)
        });
}

#[divan::bench]
fn one_threshold(bencher: Bencher) {
    feed(bencher, with_rules(vec![tilt("a", above(1.0, 0.8, persist(3, 5, 3)))]));
}

#[divan::bench]
fn three_thresholds(bencher: Bencher) {
    let rules = [("a", 1.0), ("b", 2.0), ("c", 3.0)];
    feed(
        bencher,
        with_rules(rules.map(|(id, at)| tilt(id, above(at, at * 0.8, persist(3, 5, 3)))).to_vec()),
    );
}

#[divan::bench]
fn rate_over_three_hours(bencher: Bencher) {
    let condition = ConditionSettings::Rate(rate::Settings {
        estimator: rate::Estimator::LeastSquares,
        window: Duration::from_secs(3 * 3_600),
        side: Side::Magnitude,
        raise_at: 0.5,
        clear_below: 0.4,
        samples_min: 7,
        short: None,
        significance: 4.0,
        persistence: persist(3, 5, 3),
    });
    feed(bencher, with_rules(vec![tilt("a", condition)]));
}

/// Noise, in which nothing happens.
fn noise(round: u32, series: u32) -> f64 {
    let mixed = (round * 7 + series * 3 + 1).wrapping_mul(2_654_435_761);
    f64::from((mixed ^ (mixed >> 15)).wrapping_mul(2_246_822_519) >> 16) / 655_360.0
}

#[divan::bench]
fn anomaly_of_noisy_series(bencher: Bencher) {
    feed_with(bencher, anomalies(), noise);
}

#[divan::bench]
fn anomaly_of_quiet_series(bencher: Bencher) {
    feed(bencher, anomalies());
}

fn anomalies() -> Setup {
    let series = ["post-1/tilt-1/tilt-x", "post-2/tilt-1/tilt-x"];
    let condition = ConditionSettings::Anomaly(anomaly::Settings::default());
    with_rules(vec![rule("cut-1", "a", Group::Anomaly, Level::Attention, &series, condition)])
}
