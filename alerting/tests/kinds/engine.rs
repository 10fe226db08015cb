//! Every kind in the engine, with its companions: in any order of arrival, over a restart, and late.

use std::time::Duration;

use alerting::alert::Purpose;
use alerting::condition::ConditionSettings as Of;
use alerting::condition::explain::Amount;
use alerting::engine::Engine;
use alerting::level::Level;
use alerting::rule::Group;
use alerting::setup::Setup;
use alerting::snapshot::Snapshot;
use alerting::{Action, Decision};
use reading::registry::{Registry, SeriesEntry, StationEntry};
use reading::{SeriesName, Timestamp};

use super::common::{Arrival, LATENESS, World, rule, setup};
use super::examples::{Example, ONSET, every, is_told_otherwise};
use super::properties::play as play_alone;

/// One site with one rule of the kind; every slot is a post of its own.
fn site_of(example: &Example) -> Setup {
    let template = setup();
    let site = template.registry.sites()[0].clone();
    let stations = example.slots.iter().enumerate().map(|(slot, quantity)| StationEntry {
        report_interval: Duration::from_secs(600),
        series: vec![SeriesEntry {
            lateness: LATENESS,
            ..SeriesEntry::of("sensor".parse().unwrap(), *quantity)
        }],
        ..StationEntry::of(site.id.clone(), format!("post-{slot}").parse().unwrap(), "field")
    });
    let stations = stations.collect();
    let registry = Registry::new(vec![site], stations);
    let names: Vec<SeriesName> =
        registry.series().iter().map(|series| series.name.clone()).collect();
    let mut rule =
        rule("cut-1", "kind", Group::Deformation, Level::Caution, &[], example.settings.clone());
    rule.clauses[0].series = vec![names[0].clone()].into();
    if names.len() > 1 {
        rule.clauses[0].companions = vec![names[1..].to_vec()];
    }
    Setup { registry, rules: vec![rule], ..template }
}

/// Kinds whose readings come every ten minutes; waveforms are tried in the engine's own tests.
fn slow() -> impl Iterator<Item = Example> {
    every()
        .into_iter()
        .filter(|e| !is_told_otherwise(&e.settings) && e.every == Duration::from_secs(600))
}

/// The story on its way, each reading with a delay below the lateness that is its own.
fn arrivals(example: &Example, delay: impl Fn(usize) -> u64) -> Vec<Arrival> {
    let story = example.story(11, 1.0);
    let rows = story.iter().enumerate().map(|(i, row)| Arrival {
        at: row.at.plus(Duration::from_secs(delay(i))),
        measured_at: row.at,
        series: u32::from(row.slot),
        value: row.value,
    });
    let mut rows: Vec<Arrival> = rows.collect();
    rows.sort_by_key(|row| row.at);
    rows
}

fn play(example: &Example, rows: &[Arrival], restart_at: usize) -> World {
    let mut world = World::new(site_of(example));
    for (i, row) in rows.iter().enumerate() {
        if i == restart_at {
            let bytes = world.engine.snapshot().to_bytes();
            world.engine = Engine::restore(Snapshot::from_bytes(&bytes).unwrap());
        }
        world.arrive(*row);
    }
    let end = rows.last().unwrap().at;
    world.tick(end.plus(3 * LATENESS));
    world
}

fn raised(world: &World) -> bool {
    world.recorded().iter().any(|(_, _, to, _)| *to > Level::Normal)
}

#[test]
fn g03_every_kind_records_the_same_history_however_its_readings_arrive() {
    for example in slow() {
        let name = example.settings.name();
        let ordered = play(&example, &arrivals(&example, |_| 0), usize::MAX);
        assert!(raised(&ordered), "{name} raises nothing in the engine");
        let late = play(&example, &arrivals(&example, |i| (i as u64 * 7_919) % 890), usize::MAX);
        assert_eq!(ordered.recorded(), late.recorded(), "{name}");
    }
}

#[test]
fn g11_a_time_of_failure_says_its_samples_its_fit_its_interval_and_its_gates() {
    let example = slow().find(|e| matches!(e.settings, Of::FailureTime(_))).unwrap();
    let world = play(&example, &arrivals(&example, |_| 0), usize::MAX);
    let why = world.decisions().find_map(|decision| match decision {
        Decision::Level { to: Level::Caution, why, .. } => Some(why),
        _ => None,
    });
    let series = &why.unwrap()[0].clauses[0].series[0];
    let fact = |name: &str| {
        let found = series.facts.iter().find(|fact| fact.name == name);
        found.unwrap_or_else(|| panic!("no {name} in {:?}", series.facts)).value
    };
    let number = |name| match fact(name) {
        Amount::Number(number) => number,
        Amount::Count(count) => count as f64,
        other => panic!("{name} is {other:?}"),
    };
    let moment = |name| match fact(name) {
        Amount::Moment(at) => at,
        other => panic!("{name} is {other:?}"),
    };
    assert!(number("samples-used") >= 7.0 && number("explained") >= 0.9);
    // the line through 1/v meets zero where the forecast is
    let (slope, intercept) = (number("fit-slope"), number("fit-intercept"));
    assert!(slope < 0.0 && number("significance") >= 4.0);
    let zero = moment("fit-origin").plus(Duration::from_secs_f64(-intercept / slope * 3_600.0));
    let forecast = moment("forecast");
    assert!(zero.since(forecast).max(forecast.since(zero)) < Duration::from_secs(1));
    assert!(moment("earliest") < forecast && forecast < moment("latest"));
    assert!(moment("pessimistic") < forecast && moment("made-at") < forecast);
    for gate in ["gate-fitted", "gate-moving", "gate-stable", "gate-useful", "gate-driven"] {
        assert_eq!(fact(gate), Amount::Flag(true), "{gate}");
    }
    assert_eq!(fact("to-limit"), Amount::Flag(false));
}

#[test]
fn g04_every_kind_goes_on_from_a_snapshot_byte_for_byte() {
    for example in slow() {
        let rows = arrivals(&example, |i| (i as u64 * 7_919) % 890);
        let whole = play(&example, &rows, usize::MAX).bytes();
        for cut in [1, 3, 5].map(|part| rows.len() * part / 6) {
            assert!(
                play(&example, &rows, cut).bytes() == whole,
                "{} at {cut}",
                example.settings.name()
            );
        }
    }
}

/// What a ledger keeps of an action is what a courier and every page read back.
fn kept(action: &Action) -> Action {
    serde_json::from_slice(&serde_json::to_vec(action).unwrap())
        .unwrap_or_else(|error| panic!("{error} in {action:?}"))
}

#[test]
fn what_any_kind_decides_can_be_read_back() {
    for example in slow() {
        let world = play(&example, &arrivals(&example, |_| 0), usize::MAX);
        world.actions.iter().for_each(|action| drop(kept(action)));
    }
}

#[test]
fn a_crack_that_is_too_wide_before_its_growth_is_known_is_told() {
    let example = slow().find(|e| matches!(e.settings, Of::CrackGrowth(_))).unwrap();
    let mut world = World::new(site_of(&example));
    // medians of six hours say how wide it is; of its growth they say nothing before there are eight of them
    for row in 0..80 {
        let at = Timestamp::from_secs(1_784_000_000).plus(Duration::from_secs(600) * row);
        world.arrive(Arrival { at, measured_at: at, series: 0, value: 25.0 });
    }
    let told = world.actions.iter().find_map(|action| match kept(action) {
        Action::Owe(delivery) => Some(delivery.alert),
        _ => None,
    });
    let told = told.expect("a courier can read what is owed");
    assert_eq!(told.level, Level::Caution);
    assert!(told.evidence[0].text.en.contains('–'), "{:?}", told.evidence[0].text);
}

/// The event times of what officers were told was brought to light after the fact.
fn late_detections(world: &World) -> Vec<Timestamp> {
    let mut found = Vec::new();
    for action in &world.actions {
        match action {
            Action::Decide(Decision::Incident(record)) => assert!(record.late_detected),
            Action::Owe(delivery) if delivery.alert.purpose == Purpose::Alert => {
                let at = delivery.alert.measured_at;
                if found.last() != Some(&at) {
                    found.push(at);
                }
            }
            _ => {}
        }
    }
    found
}

/// Everything on time but what these series measured from the onset on, so much of which comes when all of it is closed
/// over.
fn play_late(
    example: &Example,
    arrive: usize,
    is_late: fn(u32) -> bool,
) -> (World, Vec<Arrival>, usize) {
    let all = arrivals(example, |_| 0);
    let onset = all[ONSET * example.slots.len()].at;
    let (late, rows): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|row| row.at >= onset && is_late(row.series));
    let mut world = World::new(site_of(example));
    rows.iter().for_each(|row| world.arrive(*row));
    let end = rows.iter().chain(&late).map(|row| row.at).max().unwrap().plus(3 * LATENESS);
    // the collector was heard meanwhile, so that the windows closed
    let news =
        Arrival { at: end, measured_at: end, series: 0, value: (example.value)(0, 0, 0.0, 0.0) };
    world.arrive(news);
    let end = end.plus(3 * LATENESS);
    world.tick(end);
    let before = world.actions.len();
    late.iter().take(arrive).for_each(|row| world.arrive(Arrival { at: end, ..*row }));
    (world, late, before)
}

/// Everything of the story that comes late, in its order.
fn play_late_again(example: &Example, restart_at: usize) -> Vec<u8> {
    let (mut world, late, before) = play_late(example, 0, |series| series == 0);
    for (i, row) in late.iter().enumerate() {
        if i == restart_at {
            let bytes = world.engine.snapshot().to_bytes();
            world.engine = Engine::restore(Snapshot::from_bytes(&bytes).unwrap());
        }
        world.arrive(Arrival { at: world.engine.now(), ..*row });
    }
    serde_json::to_vec(&world.actions[before..]).unwrap()
}

/// Judged beside companions, and late as well: what learns is not.
fn is_beside(example: &Example) -> bool {
    example.slots.len() > 1 && !example.settings.learns()
}

/// The moments at which a condition alone begins to hold, shown the whole story in its order, from the onset on.
fn held_in_order(example: &Example) -> Vec<Timestamp> {
    let story = example.story(11, 1.0);
    let onset = story[ONSET * example.slots.len()].at;
    let (turns, _) = play_alone(&example.settings, &story);
    turns.iter().filter(|turn| turn.held && turn.at >= onset).map(|turn| turn.at).collect()
}

#[test]
fn g08_what_comes_after_its_window_is_judged_as_of_its_time_beside_its_companions() {
    // a main series that comes late alone, and one that comes late with its companions, are told of exactly where the
    // condition holds if all had come in order: by a model it had learned before, beside what the others said then
    let mut beside = 0;
    for example in slow().filter(is_beside) {
        let name = example.settings.name();
        for (who, is_late) in [("alone", (|s| s == 0) as fn(u32) -> bool), ("all", |_| true)] {
            let (world, _, before) = play_late(&example, usize::MAX, is_late);
            assert_eq!(late_detections(&world), held_in_order(&example), "{name}, late: {who}");
            assert!(!raised(&world), "{name} raised the past");
            let public = world.actions[before..].iter().filter(
                |action| matches!(action, Action::Owe(delivery) if delivery.key.as_str().contains("public")),
            );
            assert_eq!(public.count(), 0, "{name}: the public is told nothing about the past");
        }
        beside += 1;
    }
    assert!(beside >= 9, "{beside} kinds with companions");
}

#[test]
fn g04_g08_what_comes_late_goes_on_from_a_snapshot_byte_for_byte() {
    for example in slow().filter(is_beside) {
        let whole = play_late_again(&example, usize::MAX);
        for cut in [1, 50, 200] {
            assert!(
                play_late_again(&example, cut) == whole,
                "{} at {cut}",
                example.settings.name()
            );
        }
    }
}

#[test]
fn g08_companions_that_come_after_what_they_bear_out_bear_it_out() {
    for example in slow().filter(is_beside) {
        let name = example.settings.name();
        let (mut world, late, _) = play_late(&example, 0, |_| true);
        let end = world.engine.now();
        let (own, others): (Vec<_>, Vec<_>) = late.into_iter().partition(|row| row.series == 0);
        for row in own.iter().chain(&others) {
            world.arrive(Arrival { at: end, ..*row });
        }
        world.tick(end.plus(Duration::from_secs(300)));
        let moments = late_detections(&world);
        for held in held_in_order(&example) {
            assert!(moments.contains(&held), "{name}: {held:?} is not in {moments:?}");
        }
    }
}
