//! What people set for a while, end to end through the engine: silences, inhibition and gathering hide notices and
//! nothing else; maintenance takes readings out of evidence and lowers nothing; a report is evidence.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::time::Duration;

use alerting::alert::{Hazard, Purpose};
use alerting::approval::Release;
use alerting::engine::Verb;
use alerting::inhibition::Inhibition;
use alerting::ladder::{Ladder, Rung, Within};
use alerting::snapshot::Snapshot;
use alerting::standing::{Scope, Sign, SiteAsk, SiteOrder};
use alerting::validity::Validity;
use alerting::{Action, Command, Decision, Delivery, Engine, IncidentId, Level};
use common::*;
use proptest::prelude::*;
use reading::{Quality, Timestamp};

fn sites(sites: &[&str]) -> Scope {
    Scope { sites: sites.iter().map(|site| site.parse().unwrap()).collect(), ..Scope::default() }
}

fn silence(scope: Scope, until: Timestamp, severe: bool) -> SiteAsk {
    SiteAsk::Silence { scope, from: None, until, severe }
}

fn maintain(station: &str, until: Timestamp) -> SiteAsk {
    let (site, station) = ("cut-1".parse().unwrap(), station.parse().unwrap());
    SiteAsk::Maintain { site, station, sensor: None, until }
}

fn report(sign: Sign, confirmed: bool, until: Timestamp) -> SiteAsk {
    SiteAsk::Report { site: "cut-1".parse().unwrap(), sign, confirmed, until }
}

/// Gives an order a second from now. Its answer in English: the id of what was set is its first word.
fn order(world: &mut World, ask: SiteAsk) -> Result<String, String> {
    let now = world.tick(world.engine.now().plus(Duration::from_secs(1)));
    let (id, by) = (now.sequence.to_string(), "kim".into());
    let order = SiteOrder { id, by, from: "test".into(), reason: "because".into(), ask };
    world.engine.order(&order, now, &mut world.actions);
    let answers = world.decisions().filter_map(|decision| match decision {
        Decision::Command { accepted, reason, .. } => Some((*accepted, reason.en.clone())),
        _ => None,
    });
    match answers.last().unwrap() {
        (true, reason) => Ok(reason),
        (false, reason) => Err(reason),
    }
}

fn set(world: &mut World, ask: SiteAsk) -> String {
    let said = order(world, ask).unwrap();
    said.split([',', ' ']).next().unwrap().to_owned()
}

fn moving(world: &mut World, series: u32, value: f64) {
    let from = world.engine.now();
    for i in 1..5 {
        world.read(from.plus(Duration::from_secs(60 * i)), series, value);
    }
}

fn owed(world: &World, channel: &str) -> Vec<Delivery> {
    let owed = world.actions.iter().filter_map(|action| match action {
        Action::Owe(delivery) if delivery.channel.as_str() == channel => Some(delivery.clone()),
        _ => None,
    });
    owed.collect()
}

fn told(world: &World) -> Vec<(Level, Purpose)> {
    let main = owed(world, "duty").into_iter().filter(|d| d.alert.hazard != Hazard::Monitoring);
    main.map(|delivery| (delivery.alert.level, delivery.alert.purpose)).collect()
}

fn record(world: &World, site: &str) -> alerting::decision::IncidentRecord {
    let records = world.decisions().filter_map(|decision| match decision {
        Decision::Incident(r) if r.site.as_str() == site && r.hazard != Hazard::Monitoring => {
            Some(r)
        }
        _ => None,
    });
    records.last().unwrap().clone()
}

#[test]
fn a_silence_hides_notices_and_not_what_is_decided_and_ends() {
    for by_hand in [true, false] {
        let mut world = World::new(setup());
        let id = set(&mut world, silence(sites(&["cut-1"]), minute(60), false));
        moving(&mut world, 0, 1.4);
        assert_eq!(world.level(0), Level::Caution, "the level is what it is");
        assert_eq!(record(&world, "cut-1").hidden_by.as_ref(), Some(&id));
        assert_eq!(told(&world), [], "and nobody is told");
        assert_eq!(world.engine.view()[0].silenced_until, Some(minute(60)));
        moving(&mut world, 3, 1.4);
        assert_eq!(
            told(&world),
            [(Level::Caution, Purpose::Alert)],
            "the other site is not silent"
        );
        if by_hand {
            let ended = order(&mut world, SiteAsk::End { standing: id.clone() });
            assert_eq!(ended, Ok(format!("{id} ended by kim")));
        } else {
            world.tick(minute(61));
            let expired = world.decisions().any(|decision| {
                matches!(decision, Decision::Expired { standing, .. } if *standing == id)
            });
            assert!(expired);
        }
        assert_eq!(told(&world).len(), 2, "what still goes on is told then: by hand {by_hand}");
        assert_eq!(record(&world, "cut-1").hidden_by, None);
        assert_eq!(world.engine.view()[0].silenced_until, None);
    }
}

#[test]
fn severe_is_told_through_a_silence_unless_it_says_so() {
    for severe in [false, true] {
        let mut world = World::new(setup());
        set(&mut world, silence(sites(&["cut-1"]), minute(600), severe));
        moving(&mut world, 0, 3.5);
        assert_eq!((world.level(0), told(&world).len()), (Level::Warning, 0));
        moving(&mut world, 1, 3.5);
        assert_eq!(world.level(0), Level::Severe);
        assert_eq!(told(&world).len(), usize::from(!severe));
        let public = owed(&world, "public");
        assert!(public.len() >= 2, "what the public hears was released, and is never silenced");
    }
}

#[test]
fn a_silence_asks_for_approval_all_the_same_and_calls_nobody() {
    let mut setup = setup();
    setup.groups = vec![group("public", Release::Required)];
    let channels = vec!["duty".parse().unwrap()];
    setup.ladders = vec![Ladder {
        id: "standby".parse().unwrap(),
        sites: vec![],
        min_level: Level::Caution,
        within: Within::default(),
        rungs: vec![Rung { channels, persons: vec![], rota: None }],
    }];
    let mut world = World::new(setup);
    set(&mut world, silence(sites(&["cut-1"]), minute(600), false));
    moving(&mut world, 0, 3.5);
    world.tick(minute(30));
    let purposes = |purpose| told(&world).iter().filter(|(_, why)| *why == purpose).count();
    assert!(purposes(Purpose::Approval) >= 1);
    assert_eq!(purposes(Purpose::Call) + purposes(Purpose::Alert), 0);
}

#[test]
fn a_silence_of_a_rule_hides_what_that_rule_alone_says() {
    let mut world = World::new(setup());
    let rules = vec!["tilt-caution".parse().unwrap()];
    set(&mut world, silence(Scope { rules, ..Scope::default() }, minute(600), false));
    moving(&mut world, 0, 1.4);
    assert_eq!((world.level(0), told(&world).len()), (Level::Caution, 0));
    for i in 0..4 {
        world.read(world.engine.now().plus(Duration::from_secs(60)), 2, 40.0 + f64::from(i)); // rain
    }
    assert!(record(&world, "cut-1").hidden_by.is_none(), "another rule says so, too");
    assert_eq!(told(&world), [(Level::Caution, Purpose::Alert)], "and nobody had heard of it");
}

#[test]
fn whoever_was_told_before_a_silence_hears_that_it_is_over() {
    let mut world = World::new(setup());
    moving(&mut world, 0, 1.4);
    assert_eq!(told(&world).len(), 1);
    set(&mut world, silence(sites(&["cut-1"]), minute(60 * 24), false));
    for i in 6..60 * 8 {
        world.read(minute(i), 0, 0.0);
    }
    assert_eq!(told(&world).last(), Some(&(Level::Normal, Purpose::Cancel)));
    assert_eq!(told(&world).len(), 2, "and nothing in between");
}

#[test]
fn a_site_at_warning_hides_what_its_sensors_do_not_say() {
    let mut world = World::new(setup());
    let monitoring = |world: &World| {
        let all = owed(world, "duty").into_iter();
        all.filter(|d| d.alert.hazard == Hazard::Monitoring && d.alert.site.id.as_str() == "cut-1")
            .count()
    };
    moving(&mut world, 0, 3.5);
    assert_eq!(world.level(0), Level::Warning);
    for i in 5..190 {
        world.read(minute(i), 0, 3.5); // the others are silent after three hours
    }
    assert_eq!(monitoring(&world), 0);
    for i in 190..60 * 20 {
        world.read(minute(i), 0, 0.0);
    }
    assert!(world.level(0) < Level::Warning);
    assert!(monitoring(&world) > 0, "it is told once the site is below");
}

#[test]
fn what_is_graver_elsewhere_hides_what_a_rule_names() {
    let mut setup = setup();
    setup.inhibitions = vec![Inhibition {
        id: "upstream".into(),
        sites: vec!["cut-1".parse().unwrap()],
        level: Level::Warning,
        hides: sites(&["cut-2"]),
        valid: None,
        provenance: written(),
    }];
    let mut world = World::new(setup);
    moving(&mut world, 3, 1.4);
    assert_eq!(record(&world, "cut-2").hidden_by, None);
    let before = told(&world).len();
    moving(&mut world, 0, 3.5);
    moving(&mut world, 4, 1.4); // more of the same at the other site
    for i in 20..60 * 14 {
        world.read(minute(i), 3, 1.4);
        world.read(minute(i), 0, 3.5);
    }
    assert_eq!(record(&world, "cut-2").hidden_by, Some("upstream".into()));
    let there = |world: &World| {
        owed(world, "duty")
            .iter()
            .filter(|d| d.alert.site.id.as_str() == "cut-2" && d.alert.hazard != Hazard::Monitoring)
            .count()
    };
    assert_eq!(there(&world), before, "reminders are hidden");
    moving(&mut world, 3, 3.5);
    assert_eq!(record(&world, "cut-2").hidden_by, None, "as grave as the other");
    assert!(there(&world) > before);
}

#[test]
fn what_an_inhibition_hid_is_told_when_its_hours_are_over() {
    let mut setup = setup();
    setup.inhibitions = vec![Inhibition {
        id: "by-day".into(),
        sites: vec!["cut-1".parse().unwrap()],
        level: Level::Warning,
        hides: sites(&["cut-2"]),
        valid: Some(Validity { hours: Some((213, 333)), ..Validity::default() }), // two hours from the start
        provenance: written(),
    }];
    let mut world = World::new(setup);
    moving(&mut world, 0, 3.5);
    moving(&mut world, 3, 1.4);
    assert_eq!(record(&world, "cut-2").hidden_by, Some("by-day".into()));
    let there = |world: &World| {
        let all = owed(world, "duty").into_iter();
        all.filter(|d| d.alert.site.id.as_str() == "cut-2").count()
    };
    assert_eq!(there(&world), 0);
    world.tick(minute(125));
    assert_eq!(record(&world, "cut-2").hidden_by, None);
    assert_eq!(there(&world), 1);
}

#[test]
fn little_things_at_many_sites_become_one_message_and_grave_ones_do_not_wait() {
    let mut setup = setup();
    setup.routes[0].gather = Some(Duration::from_secs(600));
    let mut world = World::new(setup);
    moving(&mut world, 0, 1.4);
    moving(&mut world, 3, 1.4);
    assert_eq!(told(&world), [], "they wait for each other");
    let bytes = world.engine.snapshot().to_bytes();
    world.engine = Engine::restore(Snapshot::from_bytes(&bytes).unwrap());
    world.tick(minute(20));
    assert_eq!(told(&world), [(Level::Caution, Purpose::Digest)]);
    let digest = &owed(&world, "duty")[0].alert;
    assert_eq!(digest.headline.en, "2 sites: Caution 2");
    assert!(digest.description.ko.contains("cut-1") && digest.description.ko.contains("cut-2"));
    assert_eq!(digest.site.name.ko, "cut-1 외 1곳");
    moving(&mut world, 0, 3.5);
    assert_eq!(
        told(&world).last(),
        Some(&(Level::Warning, Purpose::Alert)),
        "경계 goes out at once"
    );
    moving(&mut world, 3, 0.0);
    for i in 30..60 * 8 {
        world.read(minute(i), 3, 0.0);
    }
    let over = told(&world).iter().filter(|(_, why)| *why == Purpose::Cancel).count();
    assert_eq!(over, 1, "one alone is told as itself");
}

#[test]
fn g07_maintenance_takes_readings_out_of_evidence_and_holds_the_level() {
    let mut world = World::new(setup());
    moving(&mut world, 0, 1.4);
    assert_eq!(world.level(0), Level::Caution);
    let id = set(&mut world, maintain("post-1", minute(60 * 10)));
    let view = &world.engine.view()[0];
    assert_eq!((view.maintained, view.level), (1, Level::Caution), "the site shows reduced cover");
    let mut at = world.engine.now();
    for _ in 0..60 * 5 {
        at = at.plus(Duration::from_secs(60));
        world.read(at, 0, 0.0); // somebody holds it level
    }
    assert_eq!(world.level(0), Level::Caution, "no dwell runs on what nobody measures");
    moving(&mut world, 0, 9.0);
    assert_eq!(world.level(0), Level::Caution, "and no hammer raises it");
    order(&mut world, SiteAsk::End { standing: id }).unwrap();
    moving(&mut world, 0, 9.0);
    assert_eq!(world.level(0), Level::Warning, "from now on it counts");
}

#[test]
fn g07_silence_is_not_counted_during_maintenance_and_counts_anew_after_it() {
    let mut world = World::new(setup());
    world.read(minute(1), 0, 0.0);
    set(&mut world, maintain("post-1", minute(60 * 6)));
    let silent = |world: &World| {
        world.decisions().any(|decision| match decision {
            Decision::Rule { held: true, evidence, .. } => {
                evidence.rule == "silence" && evidence.series == "cut-1/post-1/tilt-1/tilt-x"
            }
            _ => false,
        })
    };
    world.tick(minute(60 * 9 - 5));
    assert!(!silent(&world), "three hours begin when the maintenance ends");
    world.tick(minute(60 * 9 + 5));
    assert!(silent(&world));
}

#[test]
fn g07_half_of_a_slope_in_maintenance_is_not_seen_in_heavy_rain() {
    let mut world = World::new(setup());
    let rain = |world: &mut World| {
        let from = world.engine.now();
        (1..4).for_each(|i| world.read(from.plus(Duration::from_secs(60 * i)), 2, 40.0));
    };
    rain(&mut world);
    set(&mut world, maintain("post-1", minute(600)));
    let row = world.decisions().filter_map(|decision| match decision {
        Decision::Level { reason, .. } => Some(reason.en.clone()),
        _ => None,
    });
    assert!(row.last().is_some());
    assert_eq!(world.level(0), Level::Caution);
}

#[test]
fn a_new_zero_changes_nothing_of_the_past_and_is_explained() {
    let mut world = World::new(setup());
    moving(&mut world, 0, 0.5);
    let id = set(&mut world, maintain("post-1", minute(600)));
    moving(&mut world, 0, 5.5); // put up again, askew
    let series = "cut-1/post-1/tilt-1/tilt-x".parse().unwrap();
    assert!(
        order(&mut world, SiteAsk::ReZero { series, offset: -5.0 }).unwrap().contains("-5 deg")
    );
    order(&mut world, SiteAsk::End { standing: id }).unwrap();
    moving(&mut world, 0, 5.5);
    assert_eq!(world.level(0), Level::Normal, "it stands where it stood");
    moving(&mut world, 0, 6.4);
    assert_eq!(world.level(0), Level::Caution, "and moves: 1.4 from its zero");
    let evidence = record(&world, "cut-1").evidence;
    assert!((evidence[0].value - 1.4).abs() < 1e-9, "{evidence:?}");
    let finding = world
        .engine
        .look_into(&"cut-1".parse().unwrap(), &"tilt-caution".parse().unwrap())
        .unwrap();
    let facts = &finding.clauses[0].series[0].facts;
    assert!(facts.iter().any(|fact| fact.name == "zero-offset"), "{facts:?}");
    let bytes = world.engine.snapshot().to_bytes();
    let again = Engine::restore(Snapshot::from_bytes(&bytes).unwrap());
    let raw = reading::Reading {
        series: reading::SeriesIndex(0),
        measured_at: world.engine.now(),
        received_at: world.engine.now(),
        value: 6.4,
        quality: Quality::GOOD,
    };
    assert!((again.as_set(&raw).value - 1.4).abs() < 1e-9);
    assert_eq!(again.as_set(&reading::Reading { measured_at: minute(1), ..raw }).value, 6.4);
}

#[test]
fn what_people_saw_is_evidence_until_it_runs_out() {
    let mut world = World::new(setup());
    set(&mut world, report(Sign::MuddyWater, false, minute(60)));
    assert_eq!(world.level(0), Level::Caution);
    let evidence = &record(&world, "cut-1").evidence[0];
    assert_eq!(evidence.text.en, "Muddy water or a new spring, reported to kim. because");
    let level = world.decisions().find_map(|decision| match decision {
        Decision::Level { why, .. } => Some(why.clone()),
        _ => None,
    });
    assert_eq!(level.unwrap()[0].group, alerting::rule::Group::Report);
    let id = set(&mut world, report(Sign::Cracks, true, minute(120)));
    assert_eq!(world.level(0), Level::Severe, "an officer has seen cracks");
    assert_eq!(owed(&world, "public").last().unwrap().alert.level, Level::Severe);
    let incident = IncidentId::from_text(&world.engine.view()[0].incidents[0]);
    let stand_down = |world: &mut World, n: &str| {
        let now = world.tick(world.engine.now().plus(Duration::from_secs(60)));
        let command = Command::new(n, Verb::StandDown, incident.clone(), "kim", "looked again");
        world.engine.obey(&command, now, &mut world.actions);
        world.level(0)
    };
    assert_eq!(stand_down(&mut world, "a"), Level::Severe, "not while it is evidence");
    order(&mut world, SiteAsk::End { standing: id }).unwrap();
    assert_eq!(world.level(0), Level::Severe, "the end of a report lowers nothing by itself");
    assert_eq!(stand_down(&mut world, "b"), Level::Warning);
    world.tick(minute(60 * 24 * 2));
    assert!(world.level(0) < Level::Caution, "then it goes down in its time: {:?}", world.level(0));
}

#[test]
fn what_cannot_be_set_is_refused_by_name() {
    let mut world = World::new(setup());
    let later = minute(600);
    let series = |name: &str| name.parse().unwrap();
    for (ask, expected) in [
        (silence(Scope::default(), later, false), "Name a site"),
        (silence(sites(&["cut-9"]), later, false), "cut-9 does not exist"),
        (
            silence(
                Scope { rules: vec!["no-rule".parse().unwrap()], ..Scope::default() },
                later,
                false,
            ),
            "no-rule does",
        ),
        (silence(sites(&["cut-1"]), minute(-5), false), "ends before"),
        (silence(sites(&["cut-1"]), minute(60 * 24 * 40), false), "31 days"),
        (maintain("post-9", later), "cut-1/post-9 does not exist"),
        (SiteAsk::ReZero { series: series("cut-1/rain-1/gauge-1/rain"), offset: 1.0 }, "no zero"),
        (
            SiteAsk::ReZero { series: series("cut-1/post-1/tilt-1/tilt-x"), offset: f64::NAN },
            "no zero",
        ),
        (SiteAsk::End { standing: "silence-1".into() }, "silence-1 does not exist, or is over"),
    ] {
        let refused = order(&mut world, ask.clone()).unwrap_err();
        assert!(refused.contains(expected), "{ask:?}: {refused}");
    }
    let now = world.tick(minute(3));
    let ask = silence(sites(&["cut-1"]), later, false);
    let none = SiteOrder {
        id: "x".into(),
        by: "kim".into(),
        from: String::new(),
        reason: " ".into(),
        ask,
    };
    world.engine.order(&none, now, &mut world.actions);
    assert!(world.engine.standing().is_empty(), "whoever silences says why");
}

#[derive(Clone, Debug)]
enum Event {
    Read(u32, f64),
    Wait(u64),
    Sleep(u64),
    Set(SiteAsk, u64),
    End(usize),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let scope = prop_oneof![
        Just(sites(&["cut-1"])),
        Just(Scope { rules: vec!["tilt-caution".parse().unwrap()], ..Scope::default() }),
    ];
    let far = minute(0);
    let ask = prop_oneof![
        (scope, any::<bool>()).prop_map(move |(scope, severe)| silence(scope, far, severe)),
        prop_oneof![Just("post-1"), Just("post-2"), Just("rain-1")]
            .prop_map(move |s| maintain(s, far)),
        (0..Sign::ALL.len(), any::<bool>()).prop_map(move |(at, c)| report(Sign::ALL[at], c, far)),
        (-3.0..3.0f64).prop_map(|offset| SiteAsk::ReZero {
            series: "cut-1/post-1/tilt-1/tilt-x".parse().unwrap(),
            offset
        }),
    ];
    let event = prop_oneof![
        4 => (0..3u32, prop_oneof![Just(0.0), Just(1.4), Just(3.5)]).prop_map(|(s, v)| Event::Read(s, v)),
        2 => (1..2_000u64).prop_map(Event::Wait),
        1 => (300..40_000u64).prop_map(Event::Sleep),
        3 => (ask, 60..30_000u64).prop_map(|(ask, lasts)| Event::Set(ask, lasts)),
        1 => (0..4usize).prop_map(Event::End),
    ];
    prop::collection::vec(event, 1..40)
}

fn lasting(mut ask: SiteAsk, to: Timestamp) -> SiteAsk {
    match &mut ask {
        SiteAsk::Silence { until, .. }
        | SiteAsk::Maintain { until, .. }
        | SiteAsk::Report { until, .. } => *until = to,
        SiteAsk::ReZero { .. } | SiteAsk::End { .. } => {}
    }
    ask
}

/// Plays events; `each` sees the level before and after, and what happened.
fn play(events: &[Event], restart_at: usize, mut each: impl FnMut(Level, Level, &Event)) -> World {
    let mut setup = setup();
    setup.routes[0].gather = Some(Duration::from_secs(300));
    let mut world = World::new(setup);
    for (n, event) in events.iter().enumerate() {
        if n == restart_at {
            let bytes = world.engine.snapshot().to_bytes();
            world.engine = Engine::restore(Snapshot::from_bytes(&bytes).unwrap());
            assert_eq!(world.engine.snapshot().to_bytes(), bytes, "restoring is exact");
        }
        let now = world.engine.now().plus(Duration::from_secs(1));
        let before = world.level(0);
        match event {
            Event::Read(series, value) => (1..4).for_each(|i| {
                world.read(now.plus(Duration::from_secs(60 * i)), *series, *value);
            }),
            Event::Wait(seconds) => drop(world.tick(now.plus(Duration::from_secs(*seconds)))),
            Event::Sleep(seconds) => drop(world.record(now.plus(Duration::from_secs(*seconds)))),
            Event::Set(ask, lasts) => {
                let until = now.plus(Duration::from_secs(*lasts));
                drop(order(&mut world, lasting(ask.clone(), until)));
            }
            Event::End(at) => {
                let id = world.engine.standing().get(*at).map(|one| one.id.clone());
                if let Some(standing) = id {
                    drop(order(&mut world, SiteAsk::End { standing }));
                }
            }
        }
        let after = world.level(0);
        each(before, after, event);
    }
    world
}

proptest! {
    /// A restart at any moment changes nothing of what is set, hidden, gathered or told.
    #[test]
    fn g04_a_restart_changes_nothing_of_what_people_have_set(events in events(), cut in 0usize..40) {
        let whole = play(&events, usize::MAX, |_, _, _| {});
        prop_assert_eq!(play(&events, cut, |_, _, _| {}).bytes(), whole.bytes());
    }

    /// No order of these lowers a level, whatever it is and whenever it is given: not a silence, not maintenance, not a
    /// report nor its end.
    #[test]
    fn g07_nothing_people_set_lowers_a_level_by_itself(events in events()) {
        let mut wrong = Vec::new();
        play(&events, usize::MAX, |before, after, event| {
            if matches!(event, Event::Set(..) | Event::End(_)) && after < before {
                wrong.push(format!("{before:?} to {after:?} by {event:?}"));
            }
        });
        prop_assert!(wrong.is_empty(), "{wrong:?}");
    }

    /// One report more is never a milder level.
    #[test]
    fn g07_a_report_never_lowers_a_level(rows in prop::collection::vec((0..3u32, 0.0..4.0f64), 1..60), at in 0usize..60, sign in 0..Sign::ALL.len(), confirmed in any::<bool>()) {
        let levels = |reports: bool| {
            let mut world = World::new(setup());
            let mut levels = Vec::new();
            for (n, (series, value)) in rows.iter().enumerate() {
                if n == at {
                    let now = minute(n as i64);
                    world.tick(now);
                    if reports {
                        set(&mut world, report(Sign::ALL[sign], confirmed, minute(600)));
                    }
                }
                world.read(minute(n as i64 + 1), *series, *value);
                levels.push(world.level(0));
            }
            levels
        };
        let (without, with) = (levels(false), levels(true));
        prop_assert!(without.iter().zip(&with).all(|(without, with)| with >= without), "{without:?} {with:?}");
    }

    /// A silence changes no level, no evidence and nothing the public hears.
    #[test]
    fn a_silence_changes_nothing_that_is_decided(events in events(), severe in any::<bool>()) {
        let decided = |silent: bool| {
            let mut events: Vec<Event> = events.iter().filter(|e| !matches!(e, Event::Set(SiteAsk::Silence { .. }, _) | Event::End(_))).cloned().collect();
            let ask = if silent { silence(sites(&["cut-1"]), minute(0), severe) } else { SiteAsk::End { standing: "none".into() } };
            events.insert(0, Event::Set(ask, 20 * 86_400));
            let world = play(&events, usize::MAX, |_, _, _| {});
            let levels: Vec<_> = world.decisions().filter_map(|decision| match decision {
                Decision::Level { at, site, to, measured_at, .. } if site.as_str() == "cut-1" => Some((*at, *to, *measured_at)),
                _ => None,
            }).collect();
            let public: Vec<_> = owed(&world, "public").iter().map(|d| (d.alert.level, d.alert.headline.clone())).collect();
            (levels, public, world.recorded())
        };
        prop_assert_eq!(decided(true), decided(false));
    }
}
