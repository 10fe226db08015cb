//! Approvals, end to end through the engine: what the public hears was released by persons or by a written rule.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::time::Duration;

use alerting::alert::{MessageType, Purpose};
use alerting::approval::{PublicText, Release, Released};
use alerting::decision::{IncidentState, Verdict};
use alerting::delivery::{AttemptResult, DeliveryKey, DeliveryState, Outcome};
use alerting::engine::Verb;
use alerting::route::{Audience, Route};
use alerting::snapshot::Snapshot;
use alerting::{Action, Command, Decision, Delivery, Engine, IncidentId, Level};
use common::*;
use proptest::prelude::*;
use reading::Timestamp;
use reading::registry::Text;

const WAIT: Duration = Duration::from_secs(300);

/// A world whose public channel is released like this.
fn world(release: Release, persons: u8) -> World {
    let mut setup = setup();
    setup.groups = vec![alerting::approval::ChannelGroup {
        persons,
        remind: WAIT / 2,
        ..group("public", release)
    }];
    World::new(setup)
}

fn after() -> Release {
    Release::After { wait: WAIT, rule: written() }
}

/// Both posts of site 0 beyond a criterion, from a minute on.
fn moving(world: &mut World, from: i64, value: f64) {
    for i in from..from + 5 {
        world.read(minute(i), 0, value);
        world.read(minute(i), 1, value);
    }
}

fn public(world: &World) -> Vec<Delivery> {
    owed(world, |delivery| delivery.channel.as_str() == "public")
}

fn questions(world: &World) -> Vec<Delivery> {
    owed(world, |delivery| delivery.alert.purpose == Purpose::Approval)
}

fn owed(world: &World, wanted: impl Fn(&Delivery) -> bool) -> Vec<Delivery> {
    let owed = world.actions.iter().filter_map(|action| match action {
        Action::Owe(delivery) if wanted(delivery) => Some(delivery.clone()),
        _ => None,
    });
    owed.collect()
}

fn record(world: &World) -> alerting::decision::IncidentRecord {
    let records = world.decisions().filter_map(|decision| match decision {
        Decision::Incident(record) if record.site.as_str() == "cut-1" => Some(record.clone()),
        _ => None,
    });
    records.last().unwrap()
}

fn order(world: &World, id: &str, verb: Verb, by: &str) -> Command {
    Command::new(id, verb, record(world).id, by, "because")
}

/// Gives an order; whether it was taken.
fn give(world: &mut World, command: &Command) -> bool {
    let now = world.tick(world.engine.now().plus(Duration::from_secs(1)));
    world.engine.obey(command, now, &mut world.actions);
    let answer = world.decisions().filter_map(|decision| match decision {
        Decision::Command { accepted, .. } => Some(*accepted),
        _ => None,
    });
    answer.last().unwrap()
}

#[test]
fn g10_the_public_hears_once_a_person_approved_and_not_before() {
    let mut world = world(Release::Required, 1);
    moving(&mut world, 0, 3.5);
    assert_eq!(record(&world).state, IncidentState::AwaitingApproval);
    let asked = questions(&world);
    assert_eq!(asked.len(), 2, "the approvers are asked about 경계, and a moment later about 심각");
    assert!(asked[1].alert.headline.ko.starts_with("[발령 승인 요청]"), "{:?}", asked[0].alert);
    assert!(asked[1].alert.description.en.contains("The slope may collapse"));
    world.tick(minute(100));
    assert!(public(&world).is_empty(), "nobody answered, and nobody hears");
    let command = order(&world, "1", Verb::Approve, "kim");
    assert!(give(&mut world, &command));
    let heard = public(&world);
    assert_eq!(heard.len(), 1);
    assert_eq!(heard[0].alert.level, Level::Severe);
    assert_eq!(heard[0].alert.message_type, MessageType::Alert);
    assert_eq!(heard[0].alert.released, Released::Persons { persons: vec!["kim".into()] });
    assert!(!heard[0].alert.description.ko.contains("기준"), "no criteria for the public");
    assert_eq!(record(&world).state, IncidentState::Approved);
    let twice = order(&world, "2", Verb::Approve, "lee");
    assert!(!give(&mut world, &twice), "it is out already");
}

#[test]
fn g10_the_same_level_in_the_same_words_goes_out_under_the_approval() {
    let mut world = world(Release::Required, 1);
    moving(&mut world, 0, 3.5);
    let command = order(&world, "1", Verb::Approve, "kim");
    assert!(give(&mut world, &command));
    let asked = questions(&world).len();
    for i in 6..130 {
        world.read(minute(i), 0, 3.6);
        world.read(minute(i), 1, 3.6);
    }
    let heard = public(&world);
    assert!(heard.len() > 1, "reminders go out");
    assert!(heard[1..].iter().all(|delivery| delivery.alert.purpose == Purpose::Reminder));
    assert_eq!(questions(&world).len(), asked, "and nobody is asked again");
}

/// Six hours of rain that a gauge had kept, told at once.
fn late_rain(world: &mut World, at: i64) {
    world.arrive(Arrival { at: minute(at), measured_at: minute(at - 300), series: 2, value: 95.0 });
}

#[test]
fn g08_what_comes_late_leaves_a_question_as_it_is() {
    for release in [Release::Required, after()] {
        let mut world = world(release.clone(), 1);
        world.read(minute(0), 2, 0.0);
        world.read(minute(400), 2, 0.0);
        moving(&mut world, 400, 3.5);
        late_rain(&mut world, 405);
        let late = |d: &Decision| matches!(d, Decision::Incident(record) if record.late_detected);
        assert!(world.decisions().any(late), "officers hear of the rain");
        assert_eq!(record(&world).state, IncidentState::AwaitingApproval);
        assert!(public(&world).is_empty(), "and the public of nothing yet");
        if release == Release::Required {
            let command = order(&world, "1", Verb::Approve, "kim");
            assert!(give(&mut world, &command));
        } else {
            world.tick(minute(412));
        }
        let heard = public(&world);
        assert_eq!(heard.len(), 1, "what was asked is of now, and so is the answer");
        assert_eq!(heard[0].alert.level, Level::Severe);
        let withdrawn = world
            .decisions()
            .any(|d| matches!(d, Decision::Approval { verdict: Verdict::Withdrawn, .. }));
        assert!(!withdrawn);
    }
}

#[test]
fn g10_a_rejection_ends_with_its_level() {
    let mut world = world(Release::Required, 1);
    for i in 0..5 {
        world.read(minute(i), 0, 3.5); // one post: 경계
    }
    let command = order(&world, "1", Verb::Approve, "kim");
    assert!(give(&mut world, &command));
    moving(&mut world, 6, 3.6); // two: 심각
    let command = order(&world, "2", Verb::Reject, "kim");
    assert!(give(&mut world, &command));
    assert_eq!(record(&world).state, IncidentState::Rejected);
    for i in 12..20 {
        world.read(minute(i), 0, 3.6);
        world.read(minute(i), 1, 0.0);
    }
    let command = order(&world, "3", Verb::StandDown, "kim");
    assert!(give(&mut world, &command));
    assert_eq!(world.level(0), Level::Warning);
    assert_eq!(
        record(&world).state,
        IncidentState::StoodDown,
        "what was rejected is not the matter"
    );
    let command = order(&world, "4", Verb::Approve, "kim");
    assert!(!give(&mut world, &command), "nor can it be approved now");
    let asked = questions(&world).len();
    moving(&mut world, 22, 3.6);
    assert_eq!(world.level(0), Level::Severe);
    assert_eq!(record(&world).state, IncidentState::AwaitingApproval);
    assert_eq!(questions(&world).len(), asked + 1, "another danger is another question");
}

/// A message to the public lasts twice as long as the time to its reminder: what only officers hear must not put that off.
#[test]
fn the_public_is_reminded_in_time_whatever_officers_hear_meanwhile() {
    let mut world = world(Release::Automatic { rule: written() }, 1);
    world.read(minute(0), 2, 0.0);
    world.read(minute(400), 2, 0.0);
    moving(&mut world, 400, 3.5);
    let told = public(&world).len();
    let first = public(&world).last().unwrap().clone();
    for i in 405..450 {
        world.read(minute(i), 0, 3.5);
        world.read(minute(i), 1, 3.5);
    }
    late_rain(&mut world, 450);
    for i in 451..470 {
        world.read(minute(i), 0, 3.5);
        world.read(minute(i), 1, 3.5);
    }
    let again = public(&world);
    assert_eq!(again.len(), told + 1);
    let again = again.last().unwrap();
    assert_eq!(again.alert.purpose, Purpose::Reminder);
    assert!(again.owed_at.since(first.owed_at) <= Duration::from_secs(3_660), "an hour after it");
}

#[test]
fn g10_another_level_asks_again() {
    let mut world = world(Release::Required, 1);
    // one post beyond the 3rd criterion is 경계 …
    for i in 0..5 {
        world.read(minute(i), 0, 3.5);
    }
    let command = order(&world, "1", Verb::Approve, "kim");
    assert!(give(&mut world, &command));
    assert_eq!(public(&world).len(), 1);
    // … two are 심각
    moving(&mut world, 6, 3.6);
    assert_eq!(world.level(0), Level::Severe);
    assert_eq!(record(&world).state, IncidentState::AwaitingApproval);
    assert_eq!(public(&world).len(), 1, "what was approved was 경계");
    let command = order(&world, "2", Verb::Approve, "kim");
    assert!(give(&mut world, &command));
    assert_eq!(public(&world)[1].alert.message_type, MessageType::Update);
}

#[test]
fn g10_an_answer_to_what_the_approver_did_not_see_does_not_count() {
    let mut world = world(Release::Required, 1);
    for i in 0..5 {
        world.read(minute(i), 0, 3.5);
    }
    let seen = record(&world).approvals[0].bound.clone();
    moving(&mut world, 6, 3.6); // meanwhile it is 심각
    let mut command = order(&world, "1", Verb::Approve, "kim");
    command.bound = Some(seen);
    assert!(!give(&mut world, &command));
    assert!(public(&world).is_empty());
    command.id = "2".into();
    command.bound = Some(record(&world).approvals[0].bound.clone());
    assert!(give(&mut world, &command));
    assert_eq!(public(&world).len(), 1);
}

#[test]
fn g10_a_rejected_text_is_not_heard_and_may_be_approved_after_all() {
    let mut world = world(after(), 1);
    moving(&mut world, 0, 3.5);
    let mut command = order(&world, "1", Verb::Reject, "kim");
    command.reason = String::new();
    assert!(!give(&mut world, &command), "it takes a reason");
    (command.id, command.reason) = ("2".into(), "the gauge is being calibrated".into());
    assert!(give(&mut world, &command));
    assert_eq!(record(&world).state, IncidentState::Rejected);
    world.tick(minute(150));
    assert!(public(&world).is_empty(), "the written rule does not overrule a person");
    let command = order(&world, "3", Verb::Approve, "lee");
    assert!(give(&mut world, &command));
    assert_eq!(public(&world).len(), 1);
}

#[test]
fn g10_two_persons_are_two() {
    let mut world = world(Release::Required, 2);
    moving(&mut world, 0, 3.5);
    let command = order(&world, "1", Verb::Approve, "kim");
    assert!(give(&mut world, &command));
    assert_eq!(record(&world).approvals[0].agreed, ["kim"]);
    let again = order(&world, "2", Verb::Approve, "kim");
    assert!(!give(&mut world, &again));
    assert!(public(&world).is_empty());
    // the second puts it in other words: the first has to look again
    let said = |ko: &str, en: &str| Text { ko: ko.into(), en: en.into() };
    let headline = said("대피하십시오", "leave");
    let mut other = order(&world, "3", Verb::Approve, "lee");
    other.text = Some(PublicText {
        headline: headline.clone(),
        description: said("비탈면이 움직입니다", "the slope moves"),
        instruction: said("학교로 대피하십시오", "go to the school"),
    });
    assert!(give(&mut world, &other));
    assert!(public(&world).is_empty(), "one person has seen these words");
    let command = order(&world, "4", Verb::Approve, "kim");
    assert!(give(&mut world, &command));
    let heard = public(&world);
    assert_eq!(heard[0].alert.headline, headline);
    let persons = vec!["lee".to_string(), "kim".into()];
    assert_eq!(heard[0].alert.released, Released::Persons { persons });
}

#[test]
fn g10_words_that_must_not_go_out_are_refused_by_name() {
    let mut world = world(Release::Required, 1);
    moving(&mut world, 0, 3.5);
    let mut command = order(&world, "1", Verb::Approve, "kim");
    command.text = Some(PublicText { headline: text("go to {shelter}"), ..PublicText::default() });
    assert!(!give(&mut world, &command));
    let mut jargon = order(&world, "2", Verb::Approve, "kim");
    let asked = record(&world).approvals[0].text.clone().unwrap();
    jargon.text = Some(PublicText { description: text("변위속도 0.3 mm/h"), ..asked });
    assert!(!give(&mut world, &jargon), "words for experts are none for the public");
    assert!(public(&world).is_empty());
}

#[test]
fn g10_without_an_answer_the_written_rule_speaks_once_an_approver_was_reached() {
    let mut world = world(after(), 1);
    world.delivers = false; // nobody is reached
    moving(&mut world, 0, 3.5);
    world.tick(minute(60));
    assert!(public(&world).is_empty(), "no attempt to reach an approver has ended");
    let key = questions(&world).pop().unwrap().key;
    let failed = AttemptResult::Retry { reason: "no route".into() };
    let now = world.tick(minute(61));
    let outcome = Outcome { key, attempt: 1, result: failed };
    world.engine.settle(&outcome, now, &mut world.actions);
    world.tick(now.at.plus(WAIT - Duration::from_secs(1)));
    assert!(public(&world).is_empty());
    world.tick(now.at.plus(WAIT + Duration::from_secs(1)));
    let heard = public(&world);
    assert_eq!(heard.len(), 1);
    assert_eq!(heard[0].alert.released, Released::rule(&written()));
    assert!(questions(&world).len() > 1, "people were asked again meanwhile");
    let left = world.actions.iter().any(|action| {
        let Action::Change(change) = action else { return false };
        change.state == DeliveryState::Superseded && change.note == "it was answered"
    });
    assert!(left, "nobody is called any more for what has its answer");
}

#[test]
fn g10_a_question_that_expired_untried_does_not_keep_the_written_rule_silent() {
    let mut world = world(after(), 1);
    world.delivers = false; // the channel never gets to it
    moving(&mut world, 0, 3.5);
    let asked = questions(&world).swap_remove(0);
    world.tick(asked.expires_at.plus(WAIT - Duration::from_secs(1)));
    assert!(public(&world).is_empty(), "nobody was tried, and it is not given up yet");
    world.tick(asked.expires_at.plus(WAIT + Duration::from_secs(1)));
    let heard = public(&world);
    assert_eq!(heard.len(), 1, "nobody can be reached: the rule that was written for that speaks");
    assert_eq!(heard[0].alert.released, Released::rule(&written()));
}

#[test]
fn g10_a_question_of_one_group_takes_along_what_reached_nobody_of_another() {
    for release in [after(), Release::Required] {
        let mut setup = setup();
        setup.routes.push(route("pager", Level::Attention, Audience::Officers));
        let signs = route("signs", Level::Warning, Audience::Public);
        setup.routes.push(Route { group: Some("signs".parse().unwrap()), ..signs });
        setup.groups = vec![group("public", after()), group("signs", release)];
        setup.groups[1].ask = vec!["pager".parse().unwrap()];
        let mut world = World::new(setup);
        world.delivers = false; // by itself nobody is reached
        moving(&mut world, 0, 3.5);
        let on = |world: &World, channel: &str| {
            let mut asked = questions(world);
            asked.retain(|delivery| delivery.channel.as_str() == channel);
            asked.pop().unwrap()
        };
        let signs = |world: &World| on(world, "pager").alert.description.en.contains("[signs]");
        assert!(signs(&world));
        let settle = |world: &mut World, key: DeliveryKey| {
            let now = world.tick(world.engine.now().plus(Duration::from_secs(1)));
            let result = AttemptResult::Delivered { receipt: "test".into() };
            world.engine.settle(&Outcome { key, attempt: 1, result }, now, &mut world.actions);
            now.at
        };
        // who is asked by the other way is reached, and after a while called to mind
        let (key, before) = (on(&world, "duty").key, on(&world, "pager").key);
        let reached = settle(&mut world, key);
        world.tick(reached.plus(Duration::from_secs(61)));
        let pager = on(&world, "pager");
        assert_ne!(pager.key, before, "it takes the place of what was not sent");
        assert!(signs(&world), "{:?}", pager.alert.description.en);
        let reached = settle(&mut world, pager.key);
        world.tick(reached.plus(Duration::from_secs(61)));
        assert!(signs(&world), "and it is called to mind in turn");
    }
}

#[test]
fn g04_summer_time_of_no_zone_moves_a_deadline_of_an_approval() {
    for (change, before, after_it) in [
        ("2027-03-28T01:00:00Z", 3_600, 7_200),     // Berlin begins
        ("2026-10-25T01:00:00Z", 7_200, 3_600),     // Berlin ends
        ("2027-03-14T07:00:00Z", -18_000, -14_400), // New York begins
        ("2026-11-01T06:00:00Z", -14_400, -18_000), // New York ends
        ("2026-10-03T15:30:00Z", 37_800, 39_600),   // Lord Howe, half an hour
    ] {
        let change = Timestamp::parse(change).unwrap();
        // Asked before the clocks change, to be answered after.
        let from = change.since(minute(0)).as_secs() as i64 / 60 - 6;
        let mut setup = setup();
        setup.groups = vec![group("public", after())];
        let offsets = vec![(minute(0), before), (change, after_it)];
        setup.zones.insert("Asia/Seoul".into(), offsets); // where its sites are
        let mut world = World::new(setup);
        world.record(minute(from - 1));
        moving(&mut world, from, 3.5);
        let asked = questions(&world);
        let asked = asked.iter().find(|asked| asked.alert.level == Level::Severe).unwrap().owed_at;
        assert!(asked < change && asked.plus(WAIT) > change, "{change}");
        world.tick(asked.plus(WAIT - Duration::from_secs(1)));
        assert!(public(&world).is_empty(), "{change}: too early");
        // Whoever is asked is reached with the next record, a minute later.
        world.tick(asked.plus(WAIT + Duration::from_secs(120)));
        assert_eq!(public(&world).len(), 1, "{change}: too late");
    }
}

#[test]
fn g04_deadlines_of_approvals_survive_a_restart() {
    let mut world = world(after(), 1);
    moving(&mut world, 0, 3.5);
    world.tick(minute(7));
    let bytes = world.engine.snapshot().to_bytes();
    world.engine = Engine::restore(Snapshot::from_bytes(&bytes).unwrap());
    world.tick(minute(7).plus(Duration::from_secs(30)));
    assert!(public(&world).is_empty());
    world.tick(minute(9));
    assert_eq!(public(&world).len(), 1, "five minutes after an approver was reached");
}

#[test]
fn g10_after_downtime_people_are_asked_again_and_have_a_minute() {
    let mut world = world(after(), 1);
    moving(&mut world, 0, 3.5); // 심각, asked and reached at minute 4
    world.tick(minute(5));
    let asked = questions(&world).len();
    let now = world.record(minute(300)); // killed for hours, the deadline long past
    assert!(public(&world).is_empty(), "not the moment we are back");
    assert_eq!(questions(&world).len(), asked + 1, "they are asked again");
    world.tick(now.at.plus(Duration::from_secs(30)));
    assert!(public(&world).is_empty(), "they have a minute");
    world.tick(now.at.plus(Duration::from_secs(150)));
    assert_eq!(public(&world).len(), 1);
}

#[test]
fn g10_a_level_that_falls_before_anybody_answered_is_asked_about_no_more() {
    let mut world = world(Release::Required, 1);
    for i in 0..5 {
        world.read(minute(i), 0, 3.5); // 경계
    }
    assert_eq!(record(&world).state, IncidentState::AwaitingApproval);
    for i in 5..60 * 40 {
        world.read(minute(i), 0, 0.0);
        world.read(minute(i), 1, 0.0);
        world.read(minute(i), 2, 0.0);
    }
    assert_eq!(world.level(0), Level::Normal);
    let withdrawn = world
        .decisions()
        .any(|decision| matches!(decision, Decision::Approval { verdict: Verdict::Withdrawn, .. }));
    assert!(withdrawn && public(&world).is_empty());
    assert_eq!(record(&world).state, IncidentState::AllClear);
    let command = order(&world, "late", Verb::Approve, "kim");
    assert!(!give(&mut world, &command), "there is nothing to approve");
    let note = order(&world, "note", Verb::Note, "kim");
    assert!(give(&mut world, &note) && record(&world).what.en.contains("because"));
    let close = order(&world, "close", Verb::Close, "kim");
    assert!(give(&mut world, &close));
    assert_eq!(record(&world).state, IncidentState::Closed);
    let late = order(&world, "after", Verb::Note, "kim");
    assert!(!give(&mut world, &late), "put away is put away");
}

#[test]
fn an_incident_that_is_all_clear_is_put_away_by_time_or_by_the_next() {
    for next in [false, true] {
        let mut world = World::new(setup());
        for i in 0..4 {
            world.read(minute(i), 0, 1.4); // 주의
        }
        let first = record(&world).id;
        for i in 4..60 * 6 {
            world.read(minute(i), 0, 0.0);
        }
        assert_eq!(record(&world).state, IncidentState::AllClear);
        if next {
            for i in 60 * 6..60 * 6 + 4 {
                world.read(minute(i), 0, 1.4);
            }
            assert_ne!(record(&world).id, first);
        } else {
            world.tick(minute(60 * 30));
        }
        let closed = world.decisions().any(|decision| {
            matches!(decision, Decision::Incident(r) if r.id == first && r.state == IncidentState::Closed)
        });
        assert!(closed, "next: {next}");
    }
}

#[test]
fn evidence_that_joins_is_taken_up_and_calls_nobody() {
    let mut world = World::new(setup());
    for i in 0..4 {
        world.read(minute(i), 0, 1.4); // 주의 by one post
    }
    let (revision, owed) = (record(&world).revision, owed(&world, |_| true).len());
    for i in 4..8 {
        world.read(minute(i), 0, 1.4);
        world.read(minute(i), 1, 1.4); // the other post says so too: still 주의
    }
    let now = record(&world);
    assert_eq!((now.revision, now.level), (revision + 1, Level::Caution));
    assert_eq!(now.evidence.len(), 2, "{:?}", now.what);
    assert!(now.what.en.starts_with("More evidence"));
    assert_eq!(self::owed(&world, |_| true).len(), owed);
}

#[derive(Clone, Debug)]
enum Event {
    Read(u32, f64),
    Wait(u64),
    Sleep(u64),
    Order(Verb, u8, bool),
    Restart,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        4 => (0..2u32, prop_oneof![Just(0.0), Just(1.4), Just(3.5)]).prop_map(|(s, v)| Event::Read(s, v)),
        2 => (1..900u64).prop_map(Event::Wait),
        1 => (300..90_000u64).prop_map(Event::Sleep),
        3 => (0..Verb::ALL.len(), 0..3u8, any::<bool>()).prop_map(|(v, by, seen)| Event::Order(Verb::ALL[v], by, seen)),
        1 => Just(Event::Restart),
    ];
    prop::collection::vec(event, 1..80)
}

proptest! {
    /// Whatever happens, what the public hears has somebody's release behind it, in those very words, and a person
    /// who needs a second one never suffices.
    #[test]
    fn g10_nothing_reaches_the_public_that_nobody_released(
        events in events(), persons in 1..3u8, rule in any::<bool>(),
    ) {
        let release = if rule { after() } else { Release::Required };
        let mut world = world(release, persons);
        for (n, event) in events.into_iter().enumerate() {
            let now = world.engine.now().plus(Duration::from_secs(61));
            match event {
                Event::Read(series, value) => (0..4).for_each(|i| {
                    world.read(now.plus(Duration::from_secs(60 * i)), series, value);
                }),
                Event::Wait(seconds) => drop(world.tick(now.plus(Duration::from_secs(seconds)))),
                Event::Sleep(seconds) => drop(world.record(now.plus(Duration::from_secs(seconds)))),
                Event::Restart => {
                    let bytes = world.engine.snapshot().to_bytes();
                    world.engine = Engine::restore(Snapshot::from_bytes(&bytes).unwrap());
                }
                Event::Order(verb, by, seen) => {
                    let known = world.engine.view()[0].incidents.first().cloned();
                    let id = IncidentId::from_text(&known.unwrap_or("none".into()));
                    let mut command =
                        Command::new(&n.to_string(), verb, id, &format!("person-{by}"), "because");
                    if seen && known_bound(&world).is_some() {
                        command.bound = known_bound(&world);
                    }
                    let at = world.tick(now);
                    world.engine.obey(&command, at, &mut world.actions);
                }
            }
        }
        let mut released: Vec<(String, Level, String, Vec<String>)> = Vec::new();
        for action in &world.actions {
            match action {
                Action::Decide(Decision::Approval { incident, bound, verdict: Verdict::Released, by, .. }) => {
                    released.push((incident.to_string(), bound.level, bound.hash.clone(), by.clone()));
                }
                Action::Owe(delivery) if delivery.channel.as_str() == "public" => {
                    let alert = &delivery.alert;
                    let (headline, description) = (alert.headline.clone(), alert.description.clone());
                    let words = PublicText { headline, description, instruction: alert.instruction.clone() };
                    let by = released.iter().find(|(incident, level, hash, _)| {
                        *incident == alert.incident.to_string() && *level == alert.level && *hash == words.hash()
                    });
                    prop_assert!(by.is_some(), "{alert:?}");
                    match &alert.released {
                        Released::Persons { persons: who } => {
                            prop_assert_eq!(who.len(), usize::from(persons));
                            let distinct: std::collections::BTreeSet<_> = who.iter().collect();
                            prop_assert_eq!(distinct.len(), who.len());
                        }
                        Released::Rule { .. } => prop_assert!(rule),
                        Released::Officers => prop_assert!(false, "the public is not the officers"),
                    }
                }
                _ => {}
            }
        }
    }
}

fn known_bound(world: &World) -> Option<alerting::approval::Bound> {
    let records = world.decisions().filter_map(|decision| match decision {
        Decision::Incident(record) if record.site.as_str() == "cut-1" => Some(record),
        _ => None,
    });
    records.last()?.approvals.first().map(|view| view.bound.clone())
}
