//! What is only unusual, inside the engine: told, and never more than 관심.

mod common;

use alerting::condition::{ConditionSettings, anomaly};
use alerting::engine::{Engine, Moment};
use alerting::level::Level;
use alerting::rule::Group;
use alerting::setup::Setup;
use alerting::{Action, Decision};
use common::{above, minute, persist, rule, setup};
use reading::{Quality, Reading, SeriesIndex};

/// Two posts that tilt a little, and both jump at minute 1500. Returns the highest level of the site.
fn highest(level: Level, limits: bool) -> Level {
    let series = ["post-1/tilt-1/tilt-x", "post-2/tilt-1/tilt-x"];
    let settings = anomaly::Settings { readings_per_false_alarm: 20_000.0 };
    let unusual = ConditionSettings::Anomaly(settings);
    let mut rules = vec![rule("cut-1", "unusual", Group::Anomaly, level, &series, unusual)];
    if limits {
        let limit = above(3.0, 2.5, persist(2, 3, 3));
        rules.push(rule("cut-1", "tilt", Group::Deformation, Level::Caution, &series, limit));
    }
    let mut engine = Engine::new(Setup { rules, ..setup() }, minute(0));
    let mut highest = Level::Normal;
    let mut actions = Vec::new();
    for row in 0..1_600u32 {
        let at = minute(i64::from(row));
        let now = Moment { at, sequence: u64::from(row) };
        engine.tick(now, &mut actions);
        for post in 0..2 {
            let noise = f64::from((row.wrapping_mul(2_654_435_761) >> 16) % 101) * 1e-4;
            let value = noise + if row >= 1_500 { 5.0 } else { 0.0 };
            let reading = Reading {
                series: SeriesIndex(post),
                measured_at: at,
                received_at: at,
                value,
                quality: Quality::GOOD,
            };
            engine.observe(&reading, now, &mut actions);
        }
        highest = highest.max(engine.view()[0].level);
    }
    let opened =
        actions.iter().any(|action| matches!(action, Action::Decide(Decision::Incident(_))));
    assert!(opened, "an incident tells of it");
    highest
}

#[test]
fn anomalies_alone_never_lift_a_site_above_attention() {
    for level in [Level::Attention, Level::Caution, Level::Warning, Level::Severe] {
        assert_eq!(highest(level, false), Level::Attention, "argued for {level}");
    }
}

#[test]
fn a_limit_that_is_passed_counts_for_what_it_is() {
    assert_eq!(highest(Level::Attention, true), Level::Caution);
}
