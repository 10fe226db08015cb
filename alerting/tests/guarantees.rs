//! The guarantees, as far as the pure core carries them. Each test is named by its guarantee.

mod common;

use std::time::Duration;

use alerting::alert::{MessageType, Purpose};
use alerting::condition::{ConditionSettings, Side, rate};
use alerting::delivery::{AttemptResult, DeliveryState, Outcome};
use alerting::level::Level;
use alerting::setup::Setup;
use alerting::snapshot::Snapshot;
use alerting::{Action, Command, Decision, Engine};
use common::*;
use proptest::prelude::*;

/// A stretch of three hours on two posts and a gauge: noise, a movement, sometimes recovery.
fn arrivals() -> impl Strategy<Value = Vec<Arrival>> {
    (prop::collection::vec((0..6u32, -0.3..0.3f64), 180), 20..120i64, 0.0..0.12f64, 0..60i64)
        .prop_map(|(noise, onset, speed, length)| {
            let rows = noise.into_iter().enumerate().map(|(i, (series, noise))| {
                let at = i as i64;
                let moved = (at - onset).clamp(0, length) as f64 * speed;
                let value = if series % 3 == 2 { noise.abs() * 4.0 } else { moved + noise };
                Arrival { at: minute(at), measured_at: minute(at), series, value }
            });
            rows.collect()
        })
}

/// The same readings, each delayed by its own time within the lateness window.
fn shuffled(ordered: &[Arrival], delays: &[u64]) -> Vec<Arrival> {
    let mut late: Vec<Arrival> = ordered
        .iter()
        .zip(delays)
        .map(|(arrival, delay)| Arrival {
            at: arrival.at.plus(Duration::from_secs(*delay)),
            ..*arrival
        })
        .collect();
    late.sort_by_key(|arrival| arrival.at);
    late
}

fn run(arrivals: &[Arrival]) -> World {
    let mut world = World::new(composed());
    for arrival in arrivals {
        world.arrive(*arrival);
    }
    world.tick(minute(240)); // every window closes; dwells still run
    world
}

/// Raises as told: rule and series, event time of the deciding reading, when told.
fn raises(world: &World) -> Vec<(String, String, reading::Timestamp, reading::Timestamp)> {
    world
        .decisions()
        .filter_map(|decision| match decision {
            Decision::Rule { at, held: true, evidence, .. } => {
                Some((evidence.rule.clone(), evidence.series.clone(), evidence.measured_at, *at))
            }
            _ => None,
        })
        .collect()
}

/// The recorded history, site by site: whose window closes first is no part of it.
fn by_site(world: &World) -> Vec<(String, Level, Level, reading::Timestamp)> {
    let mut recorded = world.recorded();
    recorded.sort_by(|one, other| one.0.cmp(&other.0));
    recorded
}

proptest! {
    #[test]
    fn g02_the_same_journal_gives_the_same_bytes(rows in arrivals()) {
        prop_assert_eq!(run(&rows).bytes(), run(&rows).bytes());
    }

    #[test]
    fn g02_going_on_from_a_snapshot_changes_nothing(rows in arrivals(), cut in 0usize..180) {
        let whole = run(&rows);
        let mut world = World::new(composed());
        for arrival in &rows[..cut] {
            world.arrive(*arrival);
        }
        let bytes = world.engine.snapshot().to_bytes();
        world.engine = Engine::restore(Snapshot::from_bytes(&bytes).unwrap());
        prop_assert_eq!(world.engine.snapshot().to_bytes(), bytes, "restoring is exact");
        for arrival in &rows[cut..] {
            world.arrive(*arrival);
        }
        world.tick(minute(240));
        prop_assert_eq!(world.bytes(), whole.bytes());
    }

    #[test]
    fn g03_arrival_order_leaves_no_trace_in_the_recorded_history(
        rows in arrivals(), delays in prop::collection::vec(0u64..890, 180),
    ) {
        let (ordered, late) = (run(&rows), run(&shuffled(&rows, &delays)));
        prop_assert_eq!(by_site(&ordered), by_site(&late));
    }

    #[test]
    fn g03_a_watch_with_companions_sees_them_in_order_however_they_arrive(
        noise in prop::collection::vec(-0.05..0.05f64, 600), onset in 120..160i64, jump in 5.0..20.0f64,
        delays in prop::collection::vec(0u64..890, 600), cut in 0usize..600,
    ) {
        let row = |(i, noise): (usize, f64)| {
            let (at, series) = ((i / 3) as i64, (i % 3) as u32);
            let moved = if series == 0 && at >= onset { jump * (at - onset + 1) as f64 } else { 0.0 };
            Arrival { at: minute(at), measured_at: minute(at), series, value: moved + noise + (i * 7_919 % 13) as f64 * 0.004 }
        };
        let rows: Vec<_> = noise.into_iter().enumerate().map(row).collect();
        let play = |rows: &[Arrival], cut: usize| {
            let mut world = World::new(accompanied());
            for (at, row) in rows.iter().enumerate() {
                if at == cut {
                    let bytes = world.engine.snapshot().to_bytes();
                    world.engine = Engine::restore(Snapshot::from_bytes(&bytes).unwrap());
                }
                world.arrive(*row);
            }
            world.tick(minute(240));
            world
        };
        let (ordered, late) = (play(&rows, 600), play(&shuffled(&rows, &delays), 600));
        prop_assert_eq!(by_site(&ordered), by_site(&late));
        prop_assert_eq!(play(&rows, cut).bytes(), ordered.bytes(), "going on from a snapshot");
    }

    #[test]
    fn g03_arrival_order_loses_and_delays_no_raise(
        rows in arrivals(), delays in prop::collection::vec(0u64..890, 180),
    ) {
        let late = shuffled(&rows, &delays);
        let told = raises(&run(&late));
        for (rule, series, measured_at, _) in raises(&run(&rows)) {
            // everything the ordered run had seen when it raised has arrived by then
            let known_at = late.iter().filter(|a| a.measured_at <= measured_at).map(|a| a.at).max().unwrap();
            let heard = told.iter().any(|(r, s, _, at)| *r == rule && *s == series && *at <= known_at);
            prop_assert!(heard, "{rule} on {series}, measured {measured_at}, known {known_at}");
        }
    }

    #[test]
    fn g07_leaving_readings_out_never_lowers_a_level_in_force(rows in arrivals(), cut in 60usize..180) {
        let mut world = World::new(composed());
        for arrival in &rows[..cut] {
            world.arrive(*arrival);
        }
        let before = [world.level(0), world.level(1)];
        let silent_from = rows[cut - 1].at;
        world.tick(silent_from.plus(Duration::from_secs(48 * 3_600)));
        for (before, after) in before.into_iter().zip(world.engine.view()) {
            prop_assert!(after.level >= before, "{before:?} fell to {:?} in silence", after.level);
        }
    }

    #[test]
    fn a_worse_series_is_never_a_milder_level(
        rows in arrivals(), worse in 0.0..5.0f64, from in 0usize..180,
    ) {
        let mut steeper = rows.clone();
        for row in &mut steeper[from..] {
            // added movement that grows, in the direction of danger
            row.value += if row.series % 3 == 2 { worse } else { worse * (row.at.since(minute(0)).as_secs_f64() / 10_800.0) };
        }
        // thresholds and sums have this order for any movement; a rate has it for one that is as steep all the time
        // (below)
        let mut without_rates = setup();
        without_rates.rules.retain(|rule| rule.id.as_str() != "tilt-rate");
        let (mild, bad) = (played(without_rates.clone(), &rows), played(without_rates, &steeper));
        for site in ["cut-1", "cut-2"] {
            prop_assert!(peak(&bad, site) >= peak(&mild, site));
        }
    }

    #[test]
    fn a_steeper_series_is_never_a_milder_level(rows in arrivals(), steeper in 0.0..4.0f64) {
        // the same scatter about a steeper line: every slope is larger by it, and no less significant
        let hours = |row: &Arrival| row.measured_at.since(minute(0)).as_secs_f64() / 3_600.0;
        let tilts = |row: &Arrival| row.series % 3 != 2;
        let lean = |row: &Arrival| Arrival {
            value: row.value + if tilts(row) { steeper * hours(row) } else { 0.0 },
            ..*row
        };
        let worse: Vec<Arrival> = rows.iter().map(lean).collect();
        let (mild, bad) = (played(rates(), &rows), played(rates(), &worse));
        for site in ["cut-1", "cut-2"] {
            prop_assert!(peak(&bad, site) >= peak(&mild, site));
        }
    }
}

fn played(setup: Setup, rows: &[Arrival]) -> World {
    let mut world = World::new(setup);
    rows.iter().for_each(|row| world.arrive(*row));
    world
}

/// The highest level of a site.
fn peak(world: &World, site: &str) -> Level {
    let of = world.decisions().filter_map(|decision| match decision {
        Decision::Level { site: of, to, .. } if of.as_str() == site => Some(*to),
        _ => None,
    });
    of.max().unwrap_or_default()
}

/// Rates alone, upwards: by least squares with a short window beside, and by Theil–Sen.
fn rates() -> Setup {
    let mut setup = setup();
    setup.rules.retain(|rule| ["tilt-rate", "silence"].contains(&rule.id.as_str()));
    let mut robust = Vec::new();
    for rule in setup.rules.iter_mut().filter(|rule| rule.id.as_str() == "tilt-rate") {
        let ConditionSettings::Rate(rate) = &mut rule.clauses[0].condition else { continue };
        rate.side = Side::Above;
        let short = rate::Short {
            window: Duration::from_secs(1_800),
            raise_at: 3.0,
            clear_below: 2.4,
            samples_min: 4,
        };
        let long = rate::Settings { short: Some(short), ..*rate };
        let theil_sen =
            rate::Settings { estimator: rate::Estimator::TheilSen, significance: 2.0, ..*rate };
        let mut other = rule.clone();
        other.id = "tilt-rate-robust".parse().expect("an id");
        other.level = Level::Severe;
        other.clauses[0].id = other.id.clone();
        other.clauses[0].condition = ConditionSettings::Rate(theil_sen);
        rule.clauses[0].condition = ConditionSettings::Rate(long);
        robust.push(other);
    }
    setup.rules.extend(robust);
    setup.rules.sort_by(|a, b| (&a.site, &a.id).cmp(&(&b.site, &b.id)));
    setup
}

/// Brings site 0 to 심각: both posts beyond the 3rd criterion.
fn severe(world: &mut World) {
    for i in 0..5 {
        world.read(minute(i), 0, 3.5);
        world.read(minute(i), 1, 3.5);
    }
    assert_eq!(world.level(0), Level::Severe);
}

#[test]
fn g03_an_early_raise_not_borne_out_is_corrected_by_a_visible_revision() {
    let mut world = World::new(setup());
    // two of three at or above 1.0 raise at once …
    for (at, value) in [(0, 0.1), (1, 1.2), (4, 1.2)] {
        world.read(minute(at), 0, value);
    }
    assert_eq!(world.level(0), Level::Caution);
    // … then the two readings between them arrive, and in order no three ever held two
    for (measured, value) in [(2, 0.1), (3, 0.1)] {
        world.arrive(Arrival { at: minute(5), measured_at: minute(measured), series: 0, value });
    }
    world.tick(minute(40));
    let corrected = world.decisions().any(|d| match d {
        Decision::Incident(record) => record.what.en.starts_with("Correction"),
        _ => false,
    });
    assert!(corrected, "the officer is told that it was not borne out");
    assert_eq!(world.recorded(), vec![], "and the recorded history never had it");
}

#[test]
fn g03_a_raise_that_came_and_went_is_told_though_its_readings_came_last() {
    let mut world = World::new(setup());
    for minute_of in [0, 3, 4, 5] {
        world.read(minute(minute_of), 0, 0.1);
    }
    for measured in [1, 2] {
        world.arrive(Arrival {
            at: minute(6),
            measured_at: minute(measured),
            series: 0,
            value: 1.4,
        });
    }
    assert_eq!(world.level(0), Level::Caution, "it is over, and the way down has its dwell");
    let held: Vec<_> = world
        .decisions()
        .filter_map(|d| match d {
            Decision::Rule { held, evidence, .. } if evidence.rule == "tilt-caution" => {
                Some((*held, evidence.measured_at))
            }
            _ => None,
        })
        .collect();
    assert_eq!(held, [(true, minute(2)), (false, minute(5))]);
}

#[test]
fn g04_downtime_raises_no_alert_and_forgets_none() {
    let mut setup = setup();
    setup.rules.retain(|rule| rule.id.as_str() != "tilt-rate"); // the fall of the tilt below is a rate, too
    let mut world = World::new(setup);
    severe(&mut world);
    world.read(minute(6), 2, 0.0);
    for i in 7..30 {
        world.read(minute(i), 3, 1.4); // site 1 at 주의
    }
    assert_eq!(world.level(1), Level::Caution);
    for i in 30..40 {
        world.read(minute(i), 3, 0.1); // its evidence ceases, three hours of dwell begin
    }
    let before = world.actions.len();
    // killed; started again two days later: the first record comes at once with its time
    let now = world.record(minute(40 + 2 * 24 * 60));
    world.engine.collector("field", false, "started", now, &mut world.actions);
    let now = world.record(minute(41 + 2 * 24 * 60));
    world.engine.collector("field", true, "", now, &mut world.actions);
    let new: Vec<_> = world.actions[before..]
        .iter()
        .filter(|a| matches!(a, Action::Decide(Decision::Level { .. } | Decision::Rule { .. })))
        .collect();
    assert!(new.is_empty(), "{new:#?}");
    assert_eq!((world.level(0), world.level(1)), (Level::Severe, Level::Caution));
    // the dwell goes on where it was, once the station is heard again
    for i in 0..185 {
        world.read(minute(42 + 2 * 24 * 60 + i), 3, 0.1);
    }
    assert_eq!(world.level(1), Level::Attention);
}

#[test]
fn g07_a_registered_sensor_that_never_spoke_is_overdue() {
    let mut world = World::new(setup());
    world.tick(minute(179));
    assert_eq!(world.level(0), Level::Normal);
    assert!(world.engine.view()[0].unknown, "not heard yet: unknown, not normal");
    world.tick(minute(181));
    assert_eq!(world.level(0), Level::Attention);
    let silent =
        world.decisions().filter(|d| matches!(d, Decision::Rule { held: true, .. })).count();
    assert_eq!(silent, 6, "every series of both sites");
    world.read(minute(182), 0, 0.0);
    world.read(minute(182), 1, 0.0);
    world.read(minute(182), 2, 0.0);
    for i in 183..250 {
        for series in 0..3 {
            world.read(minute(i), series, 0.0);
        }
    }
    assert_eq!(world.level(0), Level::Normal, "heard again, and an hour of dwell");
}

#[test]
fn g07_silence_runs_only_while_the_collector_is_up() {
    let mut world = World::new(setup());
    world.read(minute(0), 0, 0.0);
    let now = world.tick(minute(60));
    world.engine.collector("field", false, "broker gone", now, &mut world.actions);
    let now = world.tick(minute(600));
    assert!(world.decisions().all(|d| !matches!(d, Decision::Rule { .. })), "no station is blamed");
    let own: Vec<_> = world
        .decisions()
        .filter(|d| matches!(d, Decision::Incident(r) if r.site.as_str() == "bongsu"))
        .collect();
    assert_eq!(own.len(), 1, "one incident for all that is behind it");
    world.engine.collector("field", true, "", now, &mut world.actions);
    world.tick(minute(600 + 115));
    assert!(world.decisions().all(|d| !matches!(d, Decision::Rule { .. })));
    world.tick(minute(600 + 125));
    assert!(
        world.decisions().any(|d| matches!(d, Decision::Rule { .. })),
        "three hours of up-time in all"
    );
}

#[test]
fn g08_old_data_is_told_to_officers_and_never_to_the_public() {
    let mut world = World::new(setup());
    world.read(minute(600), 0, 0.0);
    // six hours of a buffer, delivered at once: both posts were beyond the 3rd criterion then
    for i in 0..30 {
        for series in [0, 1] {
            world.arrive(Arrival {
                at: minute(601),
                measured_at: minute(200 + i),
                series,
                value: 3.5,
            });
        }
    }
    let owed = |channel: &str| {
        world
            .actions
            .iter()
            .filter(|a| matches!(a, Action::Owe(d) if d.channel.as_str() == channel))
            .count()
    };
    assert!(owed("duty") > 0);
    assert_eq!(owed("public"), 0);
    assert!(world.level(0) <= Level::Attention, "no level is made of the past");
    assert!(world.decisions().any(|d| matches!(d, Decision::Incident(r) if r.late_detected)));
    // present data that says the same is present danger
    for i in 602..608 {
        world.read(minute(i), 0, 3.5);
        world.read(minute(i), 1, 3.5);
    }
    assert_eq!(world.level(0), Level::Severe);
    let public = world
        .actions
        .iter()
        .filter(|a| matches!(a, Action::Owe(d) if d.channel.as_str() == "public"))
        .count();
    assert!(public > 0);
}

#[test]
fn g08_a_backlog_in_order_keeps_windows_full_and_counts_once_present_data_agrees() {
    let mut world = World::new(setup());
    world.read(minute(0), 0, 0.0);
    world.read(minute(0), 1, 0.0);
    // an outage; then everything since arrives in order on the live road, moving all the while
    for i in 1..300 {
        for series in [0, 1] {
            world.arrive(Arrival {
                at: minute(300),
                measured_at: minute(i),
                series,
                value: i as f64 * 0.05,
            });
        }
    }
    world.read(minute(301), 0, 15.1);
    world.read(minute(301), 1, 15.1);
    assert_eq!(world.level(0), Level::Severe, "at the first present reading, not an hour later");
}

#[test]
fn severe_is_stood_down_by_hand_and_told_where_it_was_heard() {
    let mut world = World::new(setup());
    severe(&mut world);
    let incident = world.engine.view()[0].incidents[0].clone();
    let order = |id: &str| {
        let incident = alerting::IncidentId::from_text(&incident);
        Command::new(id, alerting::engine::Verb::StandDown, incident, "officer-1", "inspected")
    };
    let now = world.tick(minute(6));
    world.engine.obey(&order("a"), now, &mut world.actions);
    assert_eq!(world.level(0), Level::Severe, "the evidence still holds");
    for i in 7..12 {
        for series in 0..3 {
            world.read(minute(i), series, 0.0);
        }
    }
    world.tick(minute(60 * 24 * 3));
    assert_eq!(world.level(0), Level::Severe, "time alone never stands it down");
    for i in 0..3 {
        for series in 0..3 {
            world.read(minute(60 * 24 * 3 + i), series, 0.0);
        }
    }
    let now = world.tick(minute(60 * 24 * 3 + 10));
    world.engine.obey(&order("b"), now, &mut world.actions);
    world.engine.obey(&order("b"), now, &mut world.actions);
    assert_eq!(world.level(0), Level::Warning, "once, though asked twice");
    for i in 0..60 * 20 {
        for series in 0..3 {
            world.read(minute(60 * 24 * 3 + 11 + i), series, 0.0);
        }
    }
    assert_eq!(world.level(0), Level::Normal);
    let last_public = world.actions.iter().rev().find_map(|a| match a {
        Action::Owe(d) if d.channel.as_str() == "public" => Some(d.alert.clone()),
        _ => None,
    });
    let last_public = last_public.unwrap();
    assert_eq!(
        (last_public.purpose, last_public.message_type),
        (Purpose::Cancel, MessageType::Cancel)
    );
}

#[test]
fn g05_a_delivery_is_retried_with_backoff_and_expires_loudly() {
    let mut world = World::new(setup());
    world.delivers = false;
    severe(&mut world);
    let key = world.actions.iter().rev().find_map(|a| match a {
        Action::Owe(d) if d.channel.as_str() == "public" => Some(d.key.clone()),
        _ => None,
    });
    let key = key.unwrap();
    let fail = |attempt| Outcome {
        key: key.clone(),
        attempt,
        result: AttemptResult::Retry { reason: "down".into() },
    };
    let mut waits = Vec::new();
    for attempt in 1..=4 {
        let now = world.tick(minute(5 + i64::from(attempt)));
        world.engine.settle(&fail(attempt), now, &mut world.actions);
        let change = world.actions.iter().rev().find_map(|a| match a {
            Action::Change(change) if change.key == key => Some(change.clone()),
            _ => None,
        });
        let change = change.unwrap();
        assert_eq!((change.state, change.attempts), (DeliveryState::Queued, attempt));
        waits.push(change.due_at.since(now.at).as_secs_f64());
    }
    assert!(
        waits.windows(2).all(|w| w[1] > w[0] * 1.1),
        "each longer than the one before: {waits:?}"
    );
    // each hourly reminder supersedes the one before, none is ever delivered: after six hours that is said aloud
    world.tick(minute(5 * 60));
    let told = |world: &World| {
        world.decisions().any(|d| matches!(d, Decision::Incident(r) if r.site.as_str() == "bongsu"))
    };
    assert!(!told(&world));
    world.tick(minute(6 * 60 + 10));
    assert!(told(&world));
}

#[test]
fn g05_a_delivery_that_is_too_late_expires_loudly() {
    let mut world = World::new(setup());
    world.delivers = false;
    for i in 0..4 {
        world.read(minute(i), 0, 1.4); // 주의: reminded of every twelve hours only
    }
    world.tick(minute(6 * 60 + 10));
    let expired = world
        .actions
        .iter()
        .any(|a| matches!(a, Action::Change(c) if c.state == DeliveryState::Expired));
    let told = world
        .decisions()
        .any(|d| matches!(d, Decision::Incident(r) if r.site.as_str() == "bongsu"));
    assert!(expired && told);
}

#[test]
fn g06_a_dead_channel_is_reported_and_does_not_report_itself_for_ever() {
    let mut world = World::new(setup());
    world.delivers = false;
    for i in 0..4 {
        world.read(minute(i), 0, 1.4);
    }
    for hour in 0..14 * 24 {
        world.read(minute(hour * 60), 0, 1.4);
        world.read(minute(hour * 60), 1, 0.0);
        world.read(minute(hour * 60), 2, 0.0);
    }
    let own = world.decisions().filter(
        |d| matches!(d, Decision::Incident(r) if r.site.as_str() == "bongsu" && r.revision == 1),
    );
    let (opened, days) = (own.count(), 14);
    assert!(opened >= 1 && opened <= 2 * days + 1, "{opened} incidents of its own in {days} days");
}

#[test]
fn g13_a_reload_never_lowers_a_level() {
    let mut world = World::new(setup());
    severe(&mut world);
    let mut softer = setup();
    for rule in &mut softer.rules {
        if rule.id.as_str() == "tilt-severe" {
            rule.clauses[0].condition = above(30.0, 25.0, persist(3, 5, 3));
        }
    }
    let now = world.tick(minute(6));
    world.engine.reconfigure(softer, now, &mut world.actions);
    assert_eq!(world.level(0), Level::Severe);
}
