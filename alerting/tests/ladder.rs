//! The ladder, end to end through the engine: somebody is called until somebody answers.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::collections::BTreeSet;
use std::time::Duration;

use alerting::alert::Purpose;
use alerting::approval::Release;
use alerting::delivery::{AttemptResult, DeliveryState, Outcome};
use alerting::engine::Verb;
use alerting::ladder::{Ladder, Rung, Within};
use alerting::rota::{Rota, Shift};
use alerting::route::Audience;
use alerting::setup::Setup;
use alerting::snapshot::Snapshot;
use alerting::validity::QuietHours;
use alerting::{Action, Command, Decision, Delivery, Engine, Level};
use common::*;
use proptest::prelude::*;
use reading::Timestamp;

fn rung(persons: &[&str], rota: Option<&str>) -> Rung {
    Rung {
        channels: vec!["sms".parse().unwrap()],
        persons: persons.iter().map(|person| String::from(*person)).collect(),
        rota: rota.map(|rota| rota.parse().unwrap()),
    }
}

/// Three rungs over text messages: whoever is on duty, a team leader, the head and a deputy.
fn climbed() -> Setup {
    let mut setup = setup();
    let mut sms = route("sms", Level::Severe, Audience::Officers);
    (sms.personal, sms.recipients) = (true, vec!["head".into()]);
    setup.routes.push(sms);
    let all_day = Shift { persons: vec!["kim".into()], ..Shift::default() };
    setup.rotas = vec![Rota { id: "duty".parse().unwrap(), shifts: vec![all_day] }];
    setup.ladders = vec![Ladder {
        id: "standby".parse().unwrap(),
        sites: vec![],
        min_level: Level::Caution,
        within: Within::default(),
        rungs: vec![rung(&[], Some("duty")), rung(&["lee"], None), rung(&["park", "choi"], None)],
    }];
    setup.zones.insert("Asia/Seoul".into(), vec![(Timestamp::from_secs(0), 32_400)]);
    setup
}

fn moving(world: &mut World, from: i64, value: f64) {
    for i in from..from + 4 {
        world.read(minute(i), 0, value);
    }
}

fn calls(world: &World) -> Vec<Delivery> {
    let owed = world.actions.iter().filter_map(|action| match action {
        Action::Owe(delivery) if delivery.alert.purpose == Purpose::Call => Some(delivery.clone()),
        _ => None,
    });
    owed.filter(|delivery| delivery.alert.site.id.as_str() == "cut-1").collect()
}

/// Who was called, and how many minutes after the start.
fn called(world: &World) -> Vec<(i64, String)> {
    let minutes = |at: Timestamp| at.since(minute(0)).as_secs() as i64 / 60;
    calls(world).iter().map(|d| (minutes(d.owed_at), d.recipient.clone())).collect()
}

fn order(world: &mut World, id: &str, verb: Verb) -> bool {
    let incident = calls(world).last().unwrap().alert.incident.clone();
    let now = world.tick(world.engine.now().plus(Duration::from_secs(1)));
    let command = Command::new(id, verb, incident, "kim", "because");
    world.engine.obey(&command, now, &mut world.actions);
    let answer = world.decisions().filter_map(|decision| match decision {
        Decision::Command { accepted, .. } => Some(*accepted),
        _ => None,
    });
    answer.last().unwrap()
}

fn faults(world: &World) -> Vec<String> {
    let records = world.decisions().filter_map(|decision| match decision {
        Decision::Incident(record) if record.site.as_str() == "bongsu" => Some(record),
        _ => None,
    });
    records.flat_map(|record| &record.evidence).map(|e| e.text.en.clone()).collect()
}

#[test]
fn one_after_the_other_is_called_until_somebody_answers() {
    let mut world = World::new(climbed());
    moving(&mut world, 0, 1.4); // 주의 at minute 1
    world.tick(minute(30));
    assert_eq!(called(&world), [(1, "kim".into()), (21, "lee".into())]);
    let first = &calls(&world)[0];
    assert!(first.alert.headline.en.starts_with("[Please answer, 1 of 3]"), "{:?}", first.alert);
    assert!(first.alert.instruction.ko.contains("20분 안에"), "{:?}", first.alert.instruction);
    assert!(order(&mut world, "1", Verb::Acknowledge));
    world.tick(minute(300));
    assert_eq!(called(&world).len(), 2, "kim is on it");
}

#[test]
fn the_end_of_the_ladder_is_loud_and_not_the_end() {
    let mut world = World::new(climbed());
    moving(&mut world, 0, 1.4);
    world.tick(minute(62));
    let names = |world: &World, from: usize| -> BTreeSet<String> {
        called(world)[from..].iter().map(|(_, name)| name.clone()).collect()
    };
    assert_eq!(called(&world).len(), 8, "kim, lee, park and choi, and then all of them again");
    assert_eq!(names(&world, 4), ["choi", "kim", "lee", "park"].map(String::from).into());
    assert!(faults(&world).iter().any(|what| what.contains("nobody on the ladder")), "loud");
    world.tick(minute(130));
    assert_eq!(called(&world).len(), 12, "and again, a round later");
    assert!(order(&mut world, "1", Verb::Acknowledge));
    world.tick(minute(400));
    assert_eq!(called(&world).len(), 12);
    let about_bongsu = world.actions.iter().any(|action| {
        matches!(action, Action::Owe(d) if d.alert.purpose == Purpose::Call && d.alert.site.id.as_str() == "bongsu")
    });
    assert!(!about_bongsu, "that nobody answers is no reason of its own to call");
    assert!(
        !world
            .engine
            .is_faulty(&["unanswered-", calls(&world)[0].alert.incident.as_str()].concat())
    );
}

#[test]
fn a_higher_level_has_to_be_answered_anew_and_sooner() {
    let mut world = World::new(climbed());
    moving(&mut world, 0, 1.4);
    assert!(order(&mut world, "1", Verb::Acknowledge));
    moving(&mut world, 10, 3.5); // 경계: a post beyond its third criterion
    assert_eq!(world.level(0), Level::Warning);
    let raised = called(&world)[1].clone();
    assert_eq!(raised.1, "kim", "what was acknowledged was 주의");
    world.tick(minute(raised.0 + 5));
    assert_eq!(called(&world)[2..], [(raised.0 + 5, "lee".into())]);
}

#[test]
fn who_answers_a_question_has_seen_it() {
    let mut setup = climbed();
    setup.groups = vec![group("public", Release::Required)];
    let mut world = World::new(setup);
    moving(&mut world, 0, 3.5);
    let before = called(&world).len();
    assert!(calls(&world).last().unwrap().alert.description.en.contains("The slope may collapse"));
    assert!(order(&mut world, "1", Verb::Approve));
    world.tick(minute(60));
    assert_eq!(called(&world).len(), before);
}

#[test]
fn g10_a_required_approval_climbs_though_somebody_is_on_it() {
    let mut setup = climbed();
    setup.groups = vec![group("public", Release::Required)];
    let mut world = World::new(setup);
    moving(&mut world, 0, 3.5);
    assert!(order(&mut world, "1", Verb::Acknowledge));
    let before = called(&world).len();
    world.tick(minute(12));
    let names: Vec<String> =
        called(&world)[before..].iter().map(|(_, name)| name.clone()).collect();
    assert_eq!(names, ["lee", "choi", "park"], "a person has to approve, and the next may");
    assert!(order(&mut world, "2", Verb::Approve));
    world.tick(minute(60));
    assert_eq!(called(&world).len(), before + 3);
}

#[test]
fn g10_the_countdown_starts_when_the_first_rung_was_reached_or_had_its_time() {
    for reached in [true, false] {
        let mut setup = climbed();
        let wait = Duration::from_secs(600);
        setup.groups = vec![group("public", Release::After { wait, rule: written() })];
        let mut world = World::new(setup);
        world.delivers = false; // no attempt ends by itself
        moving(&mut world, 0, 3.5);
        let called = calls(&world);
        let last = called.last().unwrap();
        if reached {
            let now = world.tick(last.owed_at.plus(Duration::from_secs(60)));
            let result = AttemptResult::Delivered { receipt: "test".into() };
            let outcome = Outcome { key: last.key.clone(), attempt: 1, result };
            world.engine.settle(&outcome, now, &mut world.actions);
        }
        world.tick(minute(30));
        let heard = world.actions.iter().find_map(|action| match action {
            Action::Owe(delivery) if delivery.channel.as_str() == "public" => {
                Some(delivery.owed_at)
            }
            _ => None,
        });
        // the first rung has five minutes at 경계
        let started = if reached { 60 } else { 300 };
        let expected = last.owed_at.plus(Duration::from_secs(started) + wait);
        assert_eq!(heard, Some(expected), "reached: {reached}");
    }
}

#[test]
fn quiet_hours_hold_little_things_until_morning_and_nothing_else() {
    let mut setup = climbed();
    // the world begins at 12:33 in Seoul; there it is quiet until 15:00
    for route in setup.routes.iter_mut().filter(|route| route.audience == Audience::Officers) {
        route.quiet = Some(QuietHours { from: 12 * 60, to: 15 * 60 });
    }
    let mut world = World::new(setup);
    world.delivers = false;
    moving(&mut world, 0, 1.4); // 주의
    let due = |world: &World, n: usize| calls(world)[n].due_at;
    let morning = due(&world, 0);
    assert!(morning > minute(100), "kim is left alone: {morning}");
    let duty = world.actions.iter().find_map(|action| match action {
        Action::Owe(d) if d.channel.as_str() == "duty" => Some((d.due_at, d.expires_at)),
        _ => None,
    });
    let (due_at, expires_at) = duty.unwrap();
    assert_eq!(due_at, morning);
    assert!(expires_at > morning.plus(Duration::from_secs(3_600)), "its time runs from then");
    world.tick(minute(60));
    assert_eq!(called(&world).len(), 1, "the next is not called for what nobody could hear");
    moving(&mut world, 61, 3.5); // 경계
    let raised = calls(&world).last().unwrap().clone();
    assert_eq!((raised.due_at, raised.recipient.as_str()), (raised.owed_at, "kim"), "at once");
    let superseded = world.actions.iter().any(|action| {
        matches!(action, Action::Change(c) if c.key == calls(&world)[0].key && c.state == DeliveryState::Superseded)
    });
    assert!(superseded, "and the one for the morning is no longer owed");
}

#[test]
fn whoever_was_called_hears_that_it_is_over() {
    let mut world = World::new(climbed());
    moving(&mut world, 0, 1.4);
    for i in 4..60 * 8 {
        world.read(minute(i), 0, 0.0);
    }
    let called: BTreeSet<String> = called(&world).into_iter().map(|(_, name)| name).collect();
    let over = world.actions.iter().filter_map(|action| match action {
        Action::Owe(d) if d.channel.as_str() == "sms" && d.alert.purpose == Purpose::Cancel => {
            Some(d.recipient.clone())
        }
        _ => None,
    });
    assert_eq!(over.collect::<BTreeSet<_>>(), called);
}

#[test]
fn a_rota_without_anybody_is_passed_over_and_said() {
    let mut setup = climbed();
    setup.rotas[0].shifts[0].until = Some(0);
    let mut world = World::new(setup);
    moving(&mut world, 0, 1.4);
    assert_eq!(called(&world), [(1, "lee".into())]);
    assert!(faults(&world).iter().any(|what| what.contains("nobody is on duty")));
}

#[test]
fn whoever_is_told_anyway_is_not_called_beside() {
    let mut setup = climbed();
    setup.routes.last_mut().unwrap().min_level = Level::Caution;
    setup.routes.last_mut().unwrap().recipients = vec!["kim".into()];
    let mut world = World::new(setup);
    moving(&mut world, 0, 1.4);
    assert!(called(&world).is_empty(), "the alert itself has reached kim");
    world.tick(minute(30));
    assert_eq!(called(&world), [(21, "lee".into())]);
}

#[test]
fn g04_after_downtime_people_have_a_minute_before_the_next_is_called() {
    let mut world = World::new(climbed());
    moving(&mut world, 0, 1.4);
    world.record(minute(500)); // bongsu was not running
    assert_eq!(called(&world).len(), 1);
    world.tick(minute(502));
    assert_eq!(called(&world)[1..], [(501, "lee".into())], "one at a time");
}

proptest! {
    /// A restart at any moment changes nothing of who is called when.
    #[test]
    fn g04_a_restart_restarts_no_deadline_of_the_ladder(cut in 1i64..90, value in prop_oneof![Just(1.4), Just(3.5)]) {
        let play = |cut: i64| {
            let mut world = World::new(climbed());
            moving(&mut world, 0, value);
            for i in 4..90 {
                world.tick(minute(i));
                if i == cut {
                    let bytes = world.engine.snapshot().to_bytes();
                    world.engine = Engine::restore(Snapshot::from_bytes(&bytes).unwrap());
                }
            }
            world.bytes()
        };
        prop_assert_eq!(play(cut), play(0));
    }

    /// Whatever happens, an incident that waits for somebody has somebody to be called next, and one that does not has
    /// not: nobody is forgotten, and nobody is called for what is answered.
    #[test]
    fn g04_who_waits_is_called_and_who_does_not_is_left_alone(
        events in prop::collection::vec((0u8..5, 0u64..4_000), 1..30),
    ) {
        let mut world = World::new(climbed());
        for (n, (event, wait)) in events.into_iter().enumerate() {
            let now = world.engine.now().plus(Duration::from_secs(wait + 1));
            match event {
                0 => (0..4).for_each(|i| world.read(now.plus(Duration::from_secs(60 * i)), 0, 1.4)),
                1 => (0..4).for_each(|i| world.read(now.plus(Duration::from_secs(60 * i)), 0, 3.5)),
                2 => (0..4).for_each(|i| world.read(now.plus(Duration::from_secs(60 * i)), 0, 0.0)),
                3 if !calls(&world).is_empty() => drop(order(&mut world, &n.to_string(), Verb::Acknowledge)),
                _ => drop(world.record(now)),
            }
        }
        let records = world.decisions().filter_map(|decision| match decision {
            Decision::Incident(record) if record.site.as_str() == "cut-1" && record.hazard != alerting::Hazard::Monitoring => Some(record),
            _ => None,
        });
        let Some(last) = records.last().cloned() else { return Ok(()) };
        let before = calls(&world).len();
        let waits = last.level >= Level::Caution && last.acknowledged_by.is_none() && !last.state.is_over();
        // nothing is read any more: the level stays where it is
        let now = world.engine.now();
        world.tick(now.plus(Duration::from_secs(3 * 3_600)));
        let mine = calls(&world)[before..].iter().filter(|d| d.alert.incident == last.id).count();
        prop_assert_eq!(mine > 0, waits, "{:?}", last);
    }
}
