//! Worked examples of the level, and every step in every state of both machines.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::vec;
use std::println;

use super::*;

fn at(hour: i64) -> Timestamp {
    Timestamp::from_secs(hour * 3_600)
}

fn before(rise: Option<Rise>) -> Option<Level> {
    rise.map(|rise| rise.before)
}

#[test]
fn goes_up_at_once_and_down_one_level_at_a_time() {
    let policy = Policy::default();
    let mut machine = Machine::default();
    assert_eq!(before(machine.assess(Level::Warning, &policy, at(0))), Some(Level::Normal));
    machine.assess(Level::Normal, &policy, at(1));
    assert_eq!(machine.due_at(&policy), Some(at(13)));
    assert_eq!(machine.step_down(&policy, at(12)), None);
    assert_eq!(machine.step_down(&policy, at(13)), Some(Level::Warning));
    assert_eq!(machine.due_at(&policy), Some(at(16)));
    machine.assess(Level::Caution, &policy, at(14));
    assert_eq!(machine.due_at(&policy), None, "evidence is back: the dwell starts anew");
    machine.assess(Level::Normal, &policy, at(15));
    assert_eq!(machine.step_down(&policy, at(18)), Some(Level::Caution));
    assert_eq!(machine.step_down(&policy, at(19)), Some(Level::Attention));
    assert_eq!(machine.level(), Level::Normal);
}

#[test]
fn severe_is_lowered_by_hand_only_and_not_against_the_evidence() {
    let policy = Policy::default();
    let mut machine = Machine::default();
    machine.assess(Level::Severe, &policy, at(0));
    assert_eq!(machine.stand_down(at(1)), None, "it still holds");
    machine.assess(Level::Normal, &policy, at(2));
    assert_eq!(machine.due_at(&policy), None);
    assert_eq!(machine.step_down(&policy, at(10_000)), None);
    assert_eq!(machine.stand_down(at(10_000)), Some(Level::Severe));
    assert_eq!(machine.level(), Level::Warning);
}

#[test]
fn g07_silence_pauses_the_way_down() {
    let policy = Policy::default();
    let mut machine = Machine::default();
    machine.assess(Level::Caution, &policy, at(0));
    machine.assess(Level::Normal, &policy, at(1));
    machine.pause(true, at(2));
    assert_eq!(machine.due_at(&policy), None);
    machine.pause(false, at(100));
    assert_eq!(machine.due_at(&policy), Some(at(102)), "one of three hours had run");
}

#[test]
fn a_rule_may_keep_what_it_raised_longer() {
    let policy = Policy::default();
    let hours = |hours: u64| Some(Duration::from_secs(hours * 3_600));
    let mut machine = Machine::default();
    machine.assess(Level::Caution, &policy, at(0));
    machine.keep(hours(24));
    machine.keep(hours(6));
    machine.keep(None);
    machine.assess(Level::Normal, &policy, at(1));
    assert_eq!(machine.due_at(&policy), Some(at(25)));
    assert_eq!(machine.step_down(&policy, at(25)), Some(Level::Caution));
    assert_eq!(machine.due_at(&policy), Some(at(26)), "관심 is the site's again");
}

/// Up to `to`, then quiet until it has come down one step.
fn swing(machine: &mut Machine, to: Level, policy: &Policy, now: &mut Timestamp) -> Option<Rise> {
    let rise = machine.assess(to, policy, *now);
    machine.assess(Level::Normal, policy, *now);
    *now = machine.due_at(policy).expect("it is above the evidence");
    machine.step_down(policy, *now);
    rise
}

#[test]
fn a_level_that_comes_back_too_often_stays_at_its_highest_and_says_so_once() {
    let policy = Policy { flap_count: 3, ..Policy::default() };
    let (mut machine, mut now) = (Machine::default(), at(0));
    let rises: Vec<Option<Rise>> =
        (0..3).map(|_| swing(&mut machine, Level::Caution, &policy, &mut now)).collect();
    assert!(rises.iter().flatten().all(|rise| !rise.latched), "{rises:?}");
    let rise = machine.assess(Level::Caution, &policy, now).expect("it rises");
    assert!(rise.latched && machine.is_latched(), "the third time it came back");
    machine.assess(Level::Normal, &policy, now);
    assert_eq!(machine.due_at(&policy), Some(now.plus(policy.flap_window)), "not after 3 h");
    now = now.plus(Duration::from_secs(7_200));
    assert_eq!(machine.assess(Level::Caution, &policy, now), None, "nothing moves any more");
    machine.assess(Level::Normal, &policy, now);
    let quiet = now.plus(policy.flap_window);
    assert_eq!(machine.step_down(&policy, quiet), Some(Level::Caution));
    assert!(!machine.is_latched(), "it was quiet for a whole window");
    assert_eq!(machine.due_at(&policy), Some(quiet.plus(policy.dwell_attention)));
}

#[test]
fn a_latch_takes_the_highest_level_of_the_window() {
    let policy = Policy { flap_count: 2, ..Policy::default() };
    let (mut machine, mut now) = (Machine::default(), at(0));
    swing(&mut machine, Level::Warning, &policy, &mut now); // now at 주의
    swing(&mut machine, Level::Normal, &policy, &mut now); // now at 관심
    swing(&mut machine, Level::Caution, &policy, &mut now);
    let rise = machine.assess(Level::Caution, &policy, now).expect("it rises");
    assert_eq!((rise.latched, machine.level()), (true, Level::Warning));
}

#[test]
fn a_storm_that_builds_up_is_no_flapping() {
    let policy = Policy { flap_count: 1, ..Policy::default() };
    let mut machine = Machine::default();
    for (hour, level) in Level::ALL.into_iter().enumerate().skip(1) {
        let rise = machine.assess(level, &policy, at(hour as i64)).expect("it rises");
        assert!(!rise.latched, "{level}");
    }
}

/// Everything that can happen to a level, in every state it can be in; time is what the dwell says.
#[test]
fn every_event_in_every_state_of_the_level() {
    #[derive(Clone, Copy, Debug)]
    enum Event {
        Assess(Level),
        Pause(bool),
        Wait,
        StandDown,
    }
    let policy = Policy { flap_count: 2, ..Policy::default() };
    let mut events: Vec<Event> = Level::ALL.map(Event::Assess).into();
    events.extend([Event::Pause(true), Event::Pause(false), Event::Wait, Event::StandDown]);
    let shape = |machine: &Machine| {
        (
            machine.level,
            machine.assessed,
            machine.paused,
            machine.is_running(),
            machine.latched,
            machine.returns(),
            machine.moves.last().map(|last| last.2 < last.1),
        )
    };
    let mut seen = BTreeSet::from([shape(&Machine::default())]);
    let mut left = vec![(Machine::default(), at(0))];
    while let Some((from, now)) = left.pop() {
        for event in &events {
            let mut machine = from.clone();
            let mut now = now;
            match event {
                Event::Assess(level) => drop(machine.assess(*level, &policy, now)),
                Event::Pause(paused) => machine.pause(*paused, now),
                Event::Wait => {
                    now = machine.due_at(&policy).unwrap_or(now.plus(Duration::from_secs(60)));
                    machine.step_down(&policy, now);
                }
                Event::StandDown => drop(machine.stand_down(now)),
            }
            let (was, is) = (from.level, machine.level);
            assert!(is >= machine.assessed, "{from:?} {event:?}: never below its evidence");
            assert!(is >= was || is == was.milder(), "{from:?} {event:?}: one step at a time");
            if is < was {
                let by_hand = matches!(event, Event::StandDown);
                assert_eq!(by_hand, was == Level::Severe, "{from:?} {event:?}");
                assert!(by_hand || !from.paused, "{from:?}: no data is never safety");
            }
            let runs = !machine.paused && machine.assessed < is;
            assert_eq!(machine.is_running(), runs, "{from:?} {event:?}: the way down runs or not");
            if machine.returns() < 4 && seen.insert(shape(&machine)) {
                left.push((machine, now));
            }
        }
    }
    println!("{} states, {} events", seen.len(), events.len());
    assert!(seen.len() > 100);
}

fn group(name: &str) -> GroupId {
    name.parse().expect("an identifier")
}

fn steps() -> Vec<Step> {
    let mut steps = vec![
        Step::Revise,
        Step::Raise,
        Step::Acknowledge,
        Step::StandDown,
        Step::AllClear,
        Step::Close,
    ];
    for (name, needed) in [("a", 1), ("b", 2)] {
        let group = || group(name);
        steps.extend([
            Step::Ask(group(), needed),
            Step::Agree(group()),
            Step::Release(group()),
            Step::Reject(group()),
            Step::Withdraw(group()),
        ]);
    }
    steps
}

/// Every state that can be reached.
fn states() -> BTreeSet<Life> {
    let mut seen = BTreeSet::from([Life::default()]);
    let mut left = vec![Life::default()];
    while let Some(life) = left.pop() {
        for step in steps() {
            let mut next = life.clone();
            if next.take(&step).is_ok() && seen.insert(next.clone()) {
                left.push(next);
            }
        }
    }
    seen
}

/// What a step must do in a state, told again from what people were promised, not from the code above.
fn promised(life: &Life, step: &Step) -> Result<(), Refusal> {
    let released = |group: &GroupId| life.is_released(group);
    let rejected =
        |group: &GroupId| matches!(life.answers.get(group), Some(Answer::Rejected { .. }));
    match step {
        _ if life.closed => Err(Refusal::Closed),
        Step::Raise | Step::Acknowledge | Step::StandDown | Step::AllClear if life.over => {
            Err(Refusal::Over)
        }
        Step::Acknowledge if life.acknowledged => Err(Refusal::AlreadyAcknowledged),
        Step::Close if !life.over => Err(Refusal::NotOver),
        Step::Agree(group) | Step::Release(group) | Step::Reject(group) | Step::Withdraw(group)
            if released(group) =>
        {
            Err(Refusal::AlreadyReleased)
        }
        Step::Agree(group) | Step::Withdraw(group) if rejected(group) => Ok(()),
        Step::Agree(group) | Step::Release(group) | Step::Reject(group) | Step::Withdraw(group)
            if !life.is_asking(group) =>
        {
            Err(Refusal::NothingAsked)
        }
        _ => Ok(()),
    }
}

#[test]
fn g10_every_step_in_every_state_leads_on_or_is_refused_by_name() {
    let states = states();
    for life in &states {
        for step in steps() {
            let mut next = life.clone();
            let taken = next.take(&step);
            assert_eq!(taken, promised(life, &step), "{step:?} in {life:?}");
            if taken.is_err() {
                assert_eq!(next, *life, "what is refused changes nothing: {step:?}");
                continue;
            }
            assert!(states.contains(&next));
            for name in ["a", "b"].map(group) {
                let opened = next.is_released(&name) && !life.is_released(&name);
                let by = matches!(&step, Step::Agree(g) | Step::Release(g) if *g == name);
                assert!(!opened || by, "{name} may hear after {step:?} in {life:?}");
                let asked_b = life.answers.get(&group("b"));
                let first = matches!(
                    asked_b,
                    Some(Answer::Asked { agreed: 0, .. } | Answer::Rejected { .. })
                );
                let alone = name == group("b") && first && matches!(step, Step::Agree(_));
                assert!(!(opened && alone), "two persons are two");
            }
            assert!(life.closed || !next.closed || step == Step::Close && life.over);
        }
    }
    println!("{} states, {} steps", states.len(), steps().len());
    assert_eq!(states.len(), 2 * 2 * 2 * 4 * 5 + 2 * 2 * 3 * 3, "as many as are meant");
}

/// The steps of the diagram, by state: every one that is taken and changes the word for where it stands.
fn edges() -> BTreeSet<String> {
    let mut edges = BTreeSet::new();
    for life in states() {
        for step in steps() {
            let mut next = life.clone();
            if next.take(&step).is_ok() && next.state() != life.state() {
                let name = |life: &Life| life.state().name().replace('-', "_");
                let (from, to) = (name(&life), name(&next));
                edges.insert(format!("{from} --> {to}: {}", word(&step)));
            }
        }
    }
    edges
}

fn word(step: &Step) -> &'static str {
    match step {
        Step::Revise => "revise",
        Step::Raise => "raise",
        Step::Acknowledge => "acknowledge",
        Step::StandDown => "stand down",
        Step::Ask(..) => "ask",
        Step::Agree(_) => "approve",
        Step::Release(_) => "rule",
        Step::Reject(_) => "reject",
        Step::Withdraw(_) => "withdraw",
        Step::AllClear => "all clear",
        Step::Close => "close",
    }
}

#[test]
fn the_diagram_shows_every_way_from_state_to_state_and_no_other() {
    let page = include_str!("../../../docs/incident-life.md");
    let drawn: BTreeSet<String> = page
        .lines()
        .filter_map(|line| line.trim().split_once(" --> "))
        .filter(|(from, _)| *from != "[*]")
        .flat_map(|(from, rest)| {
            let (to, words) = rest.split_once(": ").expect("an arrow has its words");
            words.split(", ").map(|word| format!("{from} --> {to}: {word}")).collect::<Vec<_>>()
        })
        .collect();
    let found = edges();
    let missing: Vec<_> = found.difference(&drawn).collect();
    let invented: Vec<_> = drawn.difference(&found).collect();
    assert!(
        missing.is_empty() && invented.is_empty(),
        "missing {missing:#?} invented {invented:#?}"
    );
}
