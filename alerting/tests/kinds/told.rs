//! Kinds whose word is not made of values, against their formula over the whole past: what was not heard, and what
//! admission found.

use std::time::Duration;

use alerting::Decision;
use alerting::condition::{ConditionSettings as Of, doubt};
use alerting::level::Level;
use alerting::rule::Group;
use reading::{Quality, Reading, SeriesIndex, Timestamp};

use super::common::{World, minute, rule, setup};
use super::examples::noise;

const SERIES: &str = "cut-1/post-1/tilt-1/tilt-x";
/// Nothing behind a collector that has just come up is silent before this.
const GRACE: Duration = Duration::from_secs(120);
const AFTER: Duration = Duration::from_secs(3 * 3_600);

/// When a rule began and ceased to hold on the first series.
fn turns(world: &World, rule: &str) -> Vec<(Timestamp, bool)> {
    let of_rule = |decision: &Decision| match decision {
        Decision::Rule { at, held, evidence, .. }
            if evidence.rule == rule && evidence.series == SERIES =>
        {
            Some((*at, *held))
        }
        _ => None,
    };
    world.decisions().filter_map(of_rule).collect()
}

fn random(seed: u64) -> impl FnMut(i64, i64) -> i64 {
    let mut noise = noise(seed);
    move |from, to| from + ((noise() + 1.0) / 2.0 * (to - from) as f64) as i64
}

/// When it is silent for so long, by the stretches in which its collector was up, and when it was heard.
fn silent(up: &[(Timestamp, Timestamp)], heard: &[Timestamp]) -> Vec<(Timestamp, bool)> {
    let mut turns = Vec::new();
    let ends = heard.iter().copied().skip(1).chain([up[up.len() - 1].1]);
    for (last, next) in heard.iter().copied().zip(ends) {
        let mut left = AFTER;
        for (from, to) in up {
            let (begin, end) = ((*from).max(last), (*to).min(next));
            let due = begin.plus(left).max(from.plus(GRACE));
            if begin < end && due < end {
                turns.push((due, true));
                turns.push((next, false));
                break;
            }
            left = left.saturating_sub(end.since(begin));
        }
    }
    turns.retain(|(at, _)| *at < up[up.len() - 1].1);
    turns
}

#[test]
fn silence_equals_its_formula_on_random_data() {
    let mut told = 0;
    for seed in 0..6 {
        let mut random = random(seed);
        let mut world = World::new(setup());
        let mut heard = vec![minute(0)]; // never heard counts from when the collector came up
        let mut up = Vec::new();
        let (mut begun, mut at) = (minute(0), 0);
        for _ in 0..8 {
            let until = at + random(120, 3_000);
            loop {
                at += if random(0, 4) == 0 { random(100, 500) } else { random(1, 60) };
                if at >= until {
                    break;
                }
                world.read(minute(at), 0, 0.1);
                heard.push(minute(at));
            }
            at = until;
            up.push((begun, minute(at)));
            for is_up in [false, true] {
                let now = world.tick(minute(at));
                world.engine.collector("field", is_up, "test", now, &mut world.actions);
                at += if is_up { 0 } else { random(1, 400) };
            }
            begun = minute(at);
        }
        let expected = silent(&up, &heard);
        told += expected.len();
        assert_eq!(turns(&world, "silence"), expected, "seed {seed}");
    }
    assert!(told >= 40, "{told} turns compared");
}

/// Whether a rule on these flags holds at each reading: fewer clean ones than it takes since the last with a flag.
fn doubted(settings: &doubt::Settings, qualities: &[Quality]) -> Vec<bool> {
    let clean = |quality: &&Quality| {
        quality.is_trusted() && !quality.has_any(Quality::ALARMING | Quality::FAULTY)
    };
    let at = |upto: usize| {
        let past = &qualities[..=upto];
        let last = past.iter().rposition(|quality| quality.has_any(settings.flags));
        last.is_some_and(|last| {
            past[last..].iter().filter(clean).count() < usize::from(settings.clean)
        })
    };
    (0..qualities.len()).map(at).collect()
}

#[test]
fn doubt_equals_its_formula_on_random_data() {
    let flags = [
        Quality::GOOD,
        Quality::UNCONFIRMED,
        Quality::RAIL,
        Quality::STUCK,
        Quality::SPIKE,
        Quality::ISOLATED,
        Quality::DISAGREES,
    ];
    let rules = [
        ("unconfirmed", Group::Deformation, doubt::Settings { flags: Quality::ALARMING, clean: 5 }),
        ("instrument", Group::Health, doubt::Settings { flags: Quality::FAULTY, clean: 12 }),
    ];
    let mut told = 0;
    for seed in 0..6 {
        let mut random = random(seed);
        let mut setup = setup();
        for (id, group, settings) in rules {
            let on = ["post-1/tilt-1/tilt-x"];
            setup.rules.push(rule("cut-1", id, group, Level::Attention, &on, Of::Doubt(settings)));
        }
        let mut world = World::new(setup);
        let mut qualities = Vec::new();
        for row in 1..600 {
            let good = random(0, 10) < 8;
            let quality = if good { Quality::GOOD } else { flags[random(0, 7) as usize] };
            let now = world.tick(minute(row));
            let (series, at) = (SeriesIndex(0), minute(row));
            let reading = Reading { series, measured_at: at, received_at: at, value: 0.1, quality };
            world.engine.observe(&reading, now, &mut world.actions);
            qualities.push(quality);
        }
        for (id, _, settings) in rules {
            let mut held = false;
            let expected: Vec<_> = (1..)
                .zip(doubted(&settings, &qualities))
                .filter(|(_, now)| core::mem::replace(&mut held, *now) != *now)
                .map(|(row, now)| (minute(row), now))
                .collect();
            told += expected.len();
            assert_eq!(turns(&world, id), expected, "{id}, seed {seed}");
        }
    }
    assert!(told >= 100, "{told} turns compared");
}
