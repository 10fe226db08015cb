//! The life of stations: what they say of themselves, gaps in their numbers, and orders that are owed until they are
//! answered or expire.

mod common;

use std::time::Duration;

use alerting::station::{StationEvent, StationOrder, Telling};
use alerting::{Action, Decision, Engine};
use common::{World, minute, setup};
use reading::codec::{Ask, StationState, StatusReport};
use reading::{Quality, Reading, SeriesIndex, StationIndex, Timestamp};

/// The first station of the small world, and the status of one that keeps so many messages.
const POST: StationIndex = StationIndex(0);

fn online(buffer: u64) -> StatusReport<'static> {
    StatusReport {
        battery_v: Some(12.7),
        rssi_dbm: Some(-71.0),
        firmware: Some("1.2.0".into()),
        buffer: Some(buffer),
        ..StatusReport::of("cut-1", "post-1", StationState::Online)
    }
}

fn order(world: &World, id: &str, ask: Ask) -> StationOrder {
    let registry = &world.engine.setup().registry;
    let station = &registry.stations()[POST.index()];
    StationOrder {
        id: id.into(),
        site: registry.sites()[station.site.index()].id.clone(),
        station: station.id.clone(),
        ask,
        by: "kim".into(),
        reason: String::new(),
        from: "api".into(),
    }
}

fn interval(seconds: u64) -> Ask {
    Ask::Interval { every: Duration::from_secs(seconds) }
}

fn give(world: &mut World, at: Timestamp, id: &str, ask: Ask) -> bool {
    let order = order(world, id, ask);
    let now = world.tick(at);
    let before = world.actions.len();
    world.engine.order_station(&order, now, &mut world.actions);
    world.actions[before..].iter().any(|action| {
        matches!(action, Action::Decide(Decision::Command { accepted: true, incident: None, .. }))
    })
}

fn told(world: &World) -> Vec<Telling> {
    let tells = world.actions.iter().filter_map(|action| match action {
        Action::Tell(telling) => Some(telling.clone()),
        Action::Decide(_) | Action::Owe(_) | Action::Change(_) => None,
    });
    tells.collect()
}

fn events(world: &World) -> Vec<StationEvent> {
    let event = |decision: &Decision| match decision {
        Decision::Station { event, .. } => Some(*event),
        _ => None,
    };
    world.decisions().filter_map(event).collect()
}

fn answer(world: &mut World, at: Timestamp, order: &str, done: bool) -> bool {
    let now = world.tick(at);
    world.engine.station_answered(POST, order, done, "as you say", now, &mut world.actions)
}

#[test]
fn an_order_is_said_again_until_it_is_answered_and_not_once_more() {
    let mut world = World::new(setup());
    assert!(give(&mut world, minute(0), "kim/1", interval(10)));
    assert!(!give(&mut world, minute(0), "kim/1", interval(10)), "the same request again");
    world.tick(minute(20));
    let said = told(&world);
    let minutes: Vec<f64> =
        said.iter().map(|one| one.at.since(minute(0)).as_secs_f64() / 60.0).collect();
    assert_eq!(minutes, [0.0, 0.5, 1.5, 3.5, 7.5, 15.5], "doubled, ten minutes at most");
    assert!(said.iter().all(|one| one.order == said[0].order && one.not_after == minute(24 * 60)));
    assert!(said.windows(2).all(|two| two[0].until == two[1].at));

    assert!(!answer(&mut world, minute(21), "of-somebody-else", true));
    assert!(answer(&mut world, minute(21), &said[0].order, true));
    world.tick(minute(48 * 60));
    assert_eq!(told(&world).len(), said.len());
    assert_eq!(events(&world), [StationEvent::Done]);
    let life = &world.engine.stations()[POST.index()];
    assert_eq!(life.settled[0].note, "as you say");
    assert!(!answer(&mut world, minute(48 * 60), &said[0].order, true), "it is settled");
}

#[test]
fn an_order_nobody_answers_expires_aloud() {
    let mut world = World::new(setup());
    give(&mut world, minute(0), "kim/1", Ask::Identify);
    world.tick(minute(25 * 60));
    assert_eq!(events(&world), [StationEvent::Expired]);
    assert!(world.engine.stations()[POST.index()].orders.is_empty());
    assert!(told(&world).iter().all(|one| one.at < minute(24 * 60)));
}

#[test]
fn g04_orders_survive_a_restart_at_any_point() {
    let run = |restart_at: i64| {
        let mut world = World::new(setup());
        give(&mut world, minute(0), "kim/1", interval(10));
        for i in 1..120 {
            if i == restart_at {
                world.engine = Engine::restore(world.engine.snapshot());
            }
            world.tick(minute(i));
        }
        told(&world)
    };
    let whole = run(0);
    assert!(whole.len() > 10);
    for restart_at in [1, 2, 50, 119] {
        assert_eq!(run(restart_at), whole, "restart at minute {restart_at}");
    }
}

#[test]
fn what_would_look_like_silence_and_what_is_too_much_is_refused() {
    let mut world = World::new(setup());
    let registered = world.engine.setup().registry.stations()[POST.index()].report_interval;
    assert_eq!(registered, Duration::from_secs(60));
    for (id, ask, taken) in [
        ("a", interval(61), false),
        ("b", interval(0), false),
        ("c", interval(60), true),
        ("d", Ask::Resend { from: 9, to: 8 }, false),
        ("e", Ask::Resend { from: 0, to: 10_000 }, false),
        ("f", Ask::Resend { from: 0, to: 9_999 }, true),
        ("g", Ask::AlertMode { every: Duration::from_secs(90), lasting: registered }, false),
    ] {
        assert_eq!(give(&mut world, minute(0), id, ask), taken, "{ask:?}");
    }
    let taken = (0..10).filter(|n| {
        give(&mut world, minute(0), &format!("r-{n}"), Ask::Resend { from: *n, to: *n })
    });
    assert_eq!(taken.count(), 6, "eight at most");
    assert!(give(&mut world, minute(0), "h", interval(30)), "it takes the place of the other");
    assert_eq!(world.engine.stations()[POST.index()].orders.len(), 8);
    assert_eq!(events(&world), [StationEvent::Replaced]);
    let mut unknown = order(&world, "i", Ask::Identify);
    unknown.station = "nowhere".parse().unwrap();
    let now = world.tick(minute(0));
    world.engine.order_station(&unknown, now, &mut world.actions);
    assert!(matches!(
        world.actions.last(),
        Some(Action::Decide(Decision::Command { accepted: false, .. }))
    ));
}

#[test]
fn a_station_that_comes_back_hears_at_once_what_it_is_owed() {
    let mut world = World::new(setup());
    give(&mut world, minute(0), "kim/1", interval(10));
    world.tick(minute(16));
    let before = told(&world).len();
    let now = world.tick(minute(17));
    world.engine.station_status(POST, &online(0), now, &mut world.actions);
    assert_eq!(told(&world).len(), before + 1);
    let life = &world.engine.stations()[POST.index()];
    assert_eq!(life.there, Some((true, minute(17))));
    assert_eq!((life.battery_v, life.rssi_dbm), (Some(12.7), Some(-71.0)));
    assert_eq!(life.firmware, "1.2.0");
}

#[test]
fn a_gap_is_told_counted_and_asked_for_once() {
    let mut world = World::new(setup());
    let now = world.tick(minute(0));
    world.engine.station_status(POST, &online(100), now, &mut world.actions);
    world.engine.station_numbers(POST, (24, 0), vec![(17, 40)], now, &mut world.actions);
    assert_eq!(events(&world), [StationEvent::Online, StationEvent::Gap, StationEvent::Asked]);
    assert!(told(&world).is_empty(), "what was overtaken on the way comes by itself");
    world.tick(minute(2));
    let asked = told(&world);
    assert_eq!(asked[0].ask, Ask::Resend { from: 17, to: 40 });

    let now = world.tick(minute(3));
    let left = vec![(20, 40), (50, 51)];
    world.engine.station_numbers(POST, (2, 3), left, now, &mut world.actions);
    assert_eq!(events(&world).len(), 3, "gaps are told every ten minutes at most");
    assert!(answer(&mut world, minute(4), &asked[0].order, true));
    let now = world.tick(minute(5));
    let left = vec![(20, 40), (50, 51), (60, 61)];
    world.engine.station_numbers(POST, (2, 0), left, now, &mut world.actions);
    world.tick(minute(7));
    let again = told(&world).last().unwrap().ask;
    assert_eq!(again, Ask::Resend { from: 41, to: 61 }, "nothing is asked for twice");

    let now = world.tick(minute(8));
    world.engine.station_numbers(POST, (0, 25), vec![], now, &mut world.actions);
    assert_eq!(events(&world).last(), Some(&StationEvent::Moot));
    let life = &world.engine.stations()[POST.index()];
    assert_eq!((life.lost, life.found, life.orders.len()), (28, 28, 0));
}

#[test]
fn a_station_without_a_buffer_is_asked_for_nothing_and_one_with_a_small_one_for_what_it_has() {
    for (buffer, expected) in [(0, None), (10, Some((31, 40))), (1_000_000, Some((17, 40)))] {
        let mut world = World::new(setup());
        let now = world.tick(minute(0));
        world.engine.station_status(POST, &online(buffer), now, &mut world.actions);
        world.engine.station_numbers(POST, (24, 0), vec![(17, 40)], now, &mut world.actions);
        world.tick(minute(2));
        let asked = told(&world).first().map(|one| one.ask);
        let expected = expected.map(|(from, to)| Ask::Resend { from, to });
        assert_eq!(asked, expected, "{buffer}");
    }
}

#[test]
fn a_value_nobody_confirmed_puts_its_station_into_alert_mode_once() {
    let doubtful = |world: &mut World, at: Timestamp| {
        let now = world.tick(at);
        let reading = Reading {
            series: SeriesIndex(0),
            measured_at: at,
            received_at: at,
            value: 5.0,
            quality: Quality::UNCONFIRMED,
        };
        world.engine.observe(&reading, now, &mut world.actions);
    };
    let mut world = World::new(setup());
    doubtful(&mut world, minute(0));
    assert!(told(&world).is_empty(), "it never said that it is there: it listens to nothing");
    let now = world.tick(minute(1));
    world.engine.station_status(POST, &online(0), now, &mut world.actions);
    doubtful(&mut world, minute(2));
    doubtful(&mut world, minute(2));
    let asked = told(&world);
    let every = Duration::from_secs(10);
    let lasting = Duration::from_secs(3_600);
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].ask, Ask::AlertMode { every, lasting });
    assert_eq!(asked[0].not_after, minute(62));
}

#[test]
fn comings_and_goings_are_told_every_ten_minutes_at_most_and_shown_at_once() {
    let mut world = World::new(setup());
    let offline = StatusReport::of("cut-1", "post-1", StationState::Offline);
    for i in 0..20 {
        let now = world.tick(minute(i));
        let status = if i % 2 == 0 { online(0) } else { offline.clone() };
        world.engine.station_status(POST, &status, now, &mut world.actions);
        let there = world.engine.stations()[POST.index()].there;
        assert_eq!(there, Some((i % 2 == 0, minute(i))));
    }
    assert_eq!(events(&world), [StationEvent::Online, StationEvent::Online]);
}
