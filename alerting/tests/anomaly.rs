//! What is only unusual, inside the engine: told, never more than 관심, and learned only while all is well. Tremors: told
//! when several stations shake.

mod common;

use std::collections::BTreeSet;
use std::time::Duration;

use alerting::condition::explain::Amount;
use alerting::condition::limit::Limit;
use alerting::condition::{ConditionSettings, Side, anomaly, baseline, silence, trigger};
use alerting::decision::IncidentState;
use alerting::engine::{Command, Engine, Moment, Verb};
use alerting::level::Level;
use alerting::rule::{Group, Quorum};
use alerting::setup::Setup;
use alerting::{Action, Decision};
use common::{World, above, minute, persist, rule, setup};
use reading::{Quality, Reading, SeriesIndex, Timestamp};

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
            engine.observe(&reading(post, at, value), now, &mut actions);
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

fn reading(series: u32, at: Timestamp, value: f64) -> Reading {
    let series = SeriesIndex(series);
    Reading { series, measured_at: at, received_at: at, value, quality: Quality::GOOD }
}

/// What the anomaly condition of a post says of itself: whether a flag of that name is set.
fn says(engine: &Engine, post: usize, name: &str) -> bool {
    let site = "cut-1".parse().expect("an id");
    let rule = "unusual".parse().expect("an id");
    let finding = engine.look_into(&site, &rule).expect("the rule is there");
    let facts = &finding.clauses[0].series[post].facts;
    facts.iter().any(|fact| fact.name == name && fact.value == Amount::Flag(true))
}

/// Whether the anomaly condition of the first post learns, by its own word.
fn learns(engine: &Engine) -> bool {
    says(engine, 0, "learning")
}

/// Even noise in 0 to 0.1, another for each series.
fn noise(row: u32, series: u32) -> f64 {
    let mixed = (row * 7 + series * 3 + 1).wrapping_mul(2_654_435_761);
    f64::from((mixed ^ (mixed >> 15)).wrapping_mul(2_246_822_519) >> 16) / 655_360.0
}

/// Two posts under anomaly rules alone.
fn watched() -> Setup {
    let series = ["post-1/tilt-1/tilt-x", "post-2/tilt-1/tilt-x"];
    let unusual = ConditionSettings::Anomaly(anomaly::Settings::default());
    let rules = vec![rule("cut-1", "unusual", Group::Anomaly, Level::Attention, &series, unusual)];
    Setup { rules, ..setup() }
}

#[test]
fn what_is_known_of_a_series_fits_into_eight_kibibytes() {
    // the engine keeps it twice, as told and as recorded; that it does not grow is a test beside the code
    let bytes = 2 * size_of::<anomaly::State>();
    println!("{bytes} bytes");
    assert!(bytes <= 8 * 1_024, "{bytes}");
}

/// How many incidents there were, and how many alerts went to anybody.
fn incidents_and_alerts(world: &World) -> (usize, usize) {
    let incidents = world.decisions().filter_map(|decision| match decision {
        Decision::Incident(record) => Some(record.id.clone()),
        _ => None,
    });
    let alerts = world.actions.iter().filter(|action| match action {
        Action::Owe(delivery) => {
            delivery.key.as_str().contains("_alert_") && delivery.alert.level > Level::Normal
        }
        Action::Decide(_) | Action::Change(_) | Action::Tell(_) => false,
    });
    (incidents.collect::<BTreeSet<_>>().len(), alerts.count())
}

#[test]
fn one_event_is_one_incident_and_one_alert_however_long_it_goes_on() {
    type Event = fn(f64) -> f64;
    let table: [(&str, Event); 5] = [
        ("step", |_| 1.0),
        ("noise", |since| 4.0 * noise(since as u32, 5)),
        ("drift", |since| 0.005 * since),
        ("creep", |since| -libm::log(1.0 - since / 450.0)),
        ("wave", |since| 0.5 * (since / 3.0).sin()),
    ];
    for (name, event) in table {
        let mut world = World::new(watched());
        for row in 0..1_900u32 {
            let since = f64::from(row) - 1_500.0;
            let added = if since < 0.0 { 0.0 } else { event(since) };
            for post in 0..2 {
                world.read(minute(i64::from(row)), post, noise(row, post) + added);
            }
            assert!(row != 1_499 || incidents_and_alerts(&world) == (0, 0), "{name}: too early");
        }
        // the incident is over an hour after it was told, and what goes on is no second one
        assert_eq!(incidents_and_alerts(&world), (1, 1), "{name}");
    }
}

#[test]
fn a_series_that_monitoring_is_about_is_not_learned_from_and_others_are() {
    let mut setup = watched();
    let quiet = ConditionSettings::Silence(silence::Settings { after: Duration::from_secs(1_800) });
    let posts = ["post-1/tilt-1/tilt-x", "post-2/tilt-1/tilt-x"];
    setup.rules.push(rule("cut-1", "silence", Group::Health, Level::Attention, &posts, quiet));
    setup.rules.sort_by(|a, b| (&a.site, &a.id).cmp(&(&b.site, &b.id)));
    let mut world = World::new(setup);
    let mut learned = Vec::new();
    for row in 0..400u32 {
        for post in 0..2 {
            if post == 1 || !(100..200).contains(&row) {
                world.read(minute(i64::from(row)), post, noise(row, post));
            }
        }
        learned.push([0, 1].map(|post| says(&world.engine, post, "learning")));
    }
    assert!(learned.iter().all(|learns| learns[1]), "the other post is well all the time");
    assert!(learned[..120].iter().all(|learns| learns[0]));
    assert!(!learned[190][0] && !learned[210][0], "silent, and for the hour in which that is open");
    assert!(learned[399][0], "and learns again");
}

#[test]
fn what_lasts_is_the_new_place_of_a_series_once_a_person_has_put_it_away() {
    let mut world = World::new(watched());
    for row in 0..1_900u32 {
        let moved = if row < 1_500 { 0.0 } else { 5.0 };
        world.read(minute(i64::from(row)), 0, noise(row, 0) + moved);
    }
    let record = world.decisions().filter_map(|decision| match decision {
        Decision::Incident(record) => Some(record.clone()),
        _ => None,
    });
    let record = record.last().expect("it was told");
    assert_eq!(record.state, IncidentState::AllClear);
    assert!(says(&world.engine, 0, "lasting"), "all clear, and still elsewhere");
    let close = Command::new("close", Verb::Close, record.id, "kim", "remounted");
    let now = world.tick(minute(1_901));
    world.engine.obey(&close, now, &mut world.actions);
    assert!(!says(&world.engine, 0, "lasting"));
    for row in 1_902..3_000u32 {
        world.read(minute(i64::from(row)), 0, noise(row, 0) + 5.0);
    }
    assert!(!says(&world.engine, 0, "lasting"), "it belongs there");
    assert_eq!(incidents_and_alerts(&world), (1, 1));
}

#[test]
fn what_a_slope_does_in_an_open_incident_is_not_learned_as_normal() {
    learns_only_while_all_is_well(ConditionSettings::Anomaly(anomaly::Settings::default()));
    // far wider than what happens: it is not its own word that it stops for
    let wide = Limit { side: Side::Magnitude, clear_below: 9e8, ..Limit::above(1e9) };
    learns_only_while_all_is_well(ConditionSettings::Baseline(baseline::Settings {
        weight: 0.1,
        warm_up: 10,
        sigma_min: 0.01,
        reference: true,
        limit: wide,
    }));
}

fn learns_only_while_all_is_well(unusual: ConditionSettings) {
    let series = ["post-1/tilt-1/tilt-x"];
    let limit = above(3.0, 2.5, persist(2, 3, 3));
    let rules = vec![
        rule("cut-1", "unusual", Group::Anomaly, Level::Attention, &series, unusual),
        rule("cut-1", "tilt", Group::Deformation, Level::Caution, &series, limit),
    ];
    let mut world = World::new(Setup { rules, ..setup() });
    let mut seen = Vec::new();
    for row in 0..1_000u32 {
        let value = f64::from(row % 7) * 1e-3 + if (100..200).contains(&row) { 5.0 } else { 0.0 };
        world.read(minute(i64::from(row)), 0, value);
        seen.push((world.level(0) > Level::Normal, learns(&world.engine)));
    }
    assert!(seen.iter().all(|(open, learns)| open != learns), "it learns while nothing is open");
    let closed = seen[300..].iter().any(|(open, _)| !open);
    let turns: Vec<_> = (1..seen.len()).filter(|row| seen[*row].0 != seen[row - 1].0).collect();
    assert!(seen[150].0 && closed, "an incident opened and was closed: {turns:?}");
}

/// The highest level when a wave passes these posts, each some seconds after the minute.
fn tremor(arrivals: [Option<f64>; 2]) -> Level {
    let series = ["post-1/tilt-1/tilt-x", "post-2/tilt-1/tilt-x"];
    let settings = ConditionSettings::Trigger(trigger::Settings::default());
    let mut shaken = rule("cut-1", "shaken", Group::Deformation, Level::Caution, &series, settings);
    shaken.clauses[0].quorum = Quorum::Stations(2);
    let mut engine = Engine::new(Setup { rules: vec![shaken], ..setup() }, minute(0));
    let mut actions = Vec::new();
    let mut highest = Level::Normal;
    for row in 0..2_000u32 {
        let second = f64::from(row) / 50.0;
        let at = Timestamp::from_nanos(minute(0).nanos() + i64::from(row) * 20_000_000);
        let now = Moment { at, sequence: u64::from(row) };
        engine.tick(now, &mut actions);
        for (post, arrival) in arrivals.iter().enumerate() {
            let noise = f64::from((row.wrapping_mul(2_654_435_761) >> 16) % 101) * 1e-2;
            let wave = arrival.map_or(0.0, |after| {
                let since = second - 20.0 - after;
                if since < 0.0 { 0.0 } else { 20.0 * (-since).exp() * (50.0 * since).sin() }
            });
            engine.observe(&reading(post as u32, at, noise + wave), now, &mut actions);
        }
        highest = highest.max(engine.view()[0].level);
    }
    highest
}

#[test]
fn a_tremor_counts_when_several_stations_shake_together() {
    assert_eq!(tremor([Some(0.0), Some(1.0)]), Level::Caution);
    assert_eq!(tremor([Some(0.0), None]), Level::Normal, "a blow at one post");
    assert_eq!(tremor([Some(0.0), Some(15.0)]), Level::Normal, "two blows");
}

#[test]
fn the_expected_band_holds_what_is_usual_and_not_what_is_told() {
    let series = ["post-1/tilt-1/tilt-x"];
    let unusual = ConditionSettings::Anomaly(anomaly::Settings::default());
    let rules = vec![rule("cut-1", "unusual", Group::Anomaly, Level::Attention, &series, unusual)];
    let mut world = World::new(Setup { rules, ..setup() });
    let mut outside = 0;
    for row in 0..1_000u32 {
        let value = f64::from((row.wrapping_mul(2_654_435_761) >> 16) % 101) * 1e-3;
        let band = world.engine.expected(SeriesIndex(0));
        let (low, high) = band.unwrap_or((f64::MIN, f64::MAX));
        outside += u32::from(value < low || value > high);
        assert!(row < 100 || band.is_some_and(|(low, high)| high - low < 1.0), "{band:?}");
        world.read(minute(i64::from(row)), 0, value);
    }
    assert!(outside <= 2, "{outside} of 1000 readings to which nothing happens");
    let (_, high) = world.engine.expected(SeriesIndex(0)).unwrap();
    assert!(high < 5.0);
    world.read(minute(1_000), 0, 5.0);
    assert_eq!(world.level(0), Level::Attention);
    assert_eq!(world.engine.expected(SeriesIndex(1)), None, "no rule knows what is usual there");
}
