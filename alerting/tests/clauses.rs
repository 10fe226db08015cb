//! Rules of several clauses, quorums, validity and dwell, through the whole engine.

mod common;

use std::time::Duration;

use alerting::Decision;
use alerting::condition::{ConditionSettings, Side};
use alerting::decision::ResetWhy;
use alerting::explanation::Finding;
use alerting::level::Level;
use alerting::rule::{Group, Quorum, Rule, When};
use alerting::setup::Setup;
use alerting::validity::Validity;
use common::*;

const TILTS: [&str; 2] = ["post-1/tilt-1/tilt-x", "post-2/tilt-1/tilt-x"];
const RAIN: [&str; 1] = ["rain-1/gauge-1/rain"];

fn moving(level: Level) -> Rule {
    rule("cut-1", "moving", Group::Deformation, level, &TILTS, above(1.0, 0.8, persist(1, 1, 1)))
}

fn raining() -> Rule {
    rule("cut-1", "raining", Group::Rain, Level::Caution, &RAIN, above(5.0, 4.0, persist(1, 1, 1)))
}

/// One rule of these clauses, beside the silence of the site.
fn only(mut first: Rule, second: Rule, when: When) -> Setup {
    first.clauses.extend(second.clauses);
    first.when = when;
    let mut setup = setup();
    setup.rules.retain(|rule| rule.id.as_str() == "silence");
    setup.rules.push(first);
    setup
}

fn both() -> When {
    When::All(vec![When::Clause(0), When::Clause(1)])
}

fn but_not() -> When {
    When::All(vec![When::Clause(0), When::Not(Box::new(When::Clause(1)))])
}

#[test]
fn every_clause_has_to_hold_and_only_those_of_its_group_are_witnesses() {
    let mut world = World::new(only(moving(Level::Severe), raining(), both()));
    world.read(minute(1), 0, 1.2);
    assert_eq!(world.level(0), Level::Normal, "it does not rain");
    world.read(minute(2), 2, 6.0);
    assert_eq!(
        world.level(0),
        Level::Warning,
        "one post at its third criterion; rain is no second one"
    );
    world.read(minute(3), 1, 1.2);
    assert_eq!(world.level(0), Level::Severe);
    let evidence = world.decisions().filter_map(|d| match d {
        Decision::Level { evidence, .. } => evidence.iter().map(|e| e.rule.clone()).max(),
        _ => None,
    });
    assert_eq!(evidence.last().as_deref(), Some("moving/raining"));
}

/// A rule of two clauses on both posts, each post with both: it moves, and it moves a lot.
fn moving_and_more() -> Setup {
    let more = above(2.0, 1.8, persist(1, 1, 1));
    let mut more = rule("cut-1", "more", Group::Deformation, Level::Severe, &TILTS, more);
    more.clauses[0].id = "more".parse().expect("an id");
    only(moving(Level::Severe), more, both())
}

#[test]
fn a_post_is_a_witness_for_what_it_says_by_itself() {
    let mut world = World::new(moving_and_more());
    world.read(minute(1), 0, 2.5);
    assert_eq!(world.level(0), Level::Warning, "one post");
    world.read(minute(2), 1, 1.5);
    assert_eq!(world.level(0), Level::Warning, "half of the rule is no second witness");
    world.read(minute(3), 1, 2.5);
    assert_eq!(world.level(0), Level::Severe);
}

#[test]
fn what_takes_two_posts_to_hold_is_one_witness_unless_each_clause_is_about_one() {
    let clause = |id: &str, series: &[&str], at: f64| {
        let mut rule = rule(
            "cut-1",
            "moving",
            Group::Deformation,
            Level::Severe,
            series,
            above(at, at * 0.9, persist(1, 1, 1)),
        );
        rule.clauses[0].id = id.parse().expect("an id");
        rule
    };
    let below = |mut rule: Rule| {
        if let ConditionSettings::Threshold(settings) = &mut rule.clauses[0].condition {
            settings.side = Side::Below;
            (settings.raise_at, settings.clear_below) = (-1.0, -0.9);
        }
        rule
    };
    // one post leans out and the other in: neither does both
    let mixed = only(clause("out", &TILTS, 1.0), below(clause("in", &TILTS, 1.0)), both());
    let mut world = World::new(mixed);
    world.read(minute(1), 0, 1.5);
    world.read(minute(2), 1, -1.5);
    assert_eq!(world.level(0), Level::Warning);
    // each clause names a post of its own, and wants both
    let named =
        only(clause("out", &TILTS[..1], 1.0), below(clause("in", &TILTS[1..], 1.0)), both());
    let mut world = World::new(named);
    world.read(minute(1), 0, 1.5);
    world.read(minute(2), 1, -1.5);
    assert_eq!(world.level(0), Level::Severe);
    // two stations of one clause each pass it
    let mut joint = moving(Level::Severe);
    joint.clauses[0].quorum = Quorum::Stations(2);
    let mut world = World::new(Setup { rules: vec![joint], ..setup() });
    world.read(minute(1), 0, 1.5);
    assert_eq!(world.level(0), Level::Normal);
    world.read(minute(2), 1, 1.5);
    assert_eq!(world.level(0), Level::Severe);
}

#[test]
fn instruments_of_one_post_never_make_severe_by_themselves() {
    // tilt and groundwater of one mast: a blow of lightning moves both
    let mut one = setup();
    let post = |index: usize, id: &str| {
        let mut entry = reading::registry::StationEntry::of(
            "cut-1".parse().expect("an id"),
            id.parse().expect("an id"),
            "field",
        );
        let quantities = [reading::Quantity::TiltX, reading::Quantity::PorePressure];
        entry.series = quantities[index..=1]
            .iter()
            .map(|of| reading::registry::SeriesEntry {
                lateness: LATENESS,
                ..reading::registry::SeriesEntry::of("box".parse().expect("an id"), *of)
            })
            .collect();
        entry
    };
    let sites = one.registry.sites()[..1].to_vec();
    one.registry =
        reading::registry::Registry::new(sites, vec![post(0, "post-1"), post(1, "well-1")]);
    let severe = |id: &str, group, series: &[&str]| {
        rule("cut-1", id, group, Level::Severe, series, above(1.0, 0.9, persist(1, 1, 1)))
    };
    one.rules = vec![
        severe("tilt", Group::Deformation, &["post-1/box/tilt-x"]),
        severe("water", Group::Hydro, &["post-1/box/pore-pressure", "well-1/box/pore-pressure"]),
    ];
    let names: Vec<String> = one.registry.series().iter().map(|of| of.name.to_string()).collect();
    let number = |name: &str| names.iter().position(|of| of.ends_with(name)).expect("it is there");
    let mut world = World::new(one);
    world.read(minute(1), number("post-1/box/tilt-x") as u32, 1.5);
    world.read(minute(2), number("post-1/box/pore-pressure") as u32, 1.5);
    assert_eq!(world.level(0), Level::Warning);
    world.read(minute(3), number("well-1/box/pore-pressure") as u32, 1.5);
    assert_eq!(world.level(0), Level::Severe, "a well beside it is a second witness");
}

#[test]
fn a_quorum_counts_posts_and_not_instruments() {
    let mut rule = moving(Level::Caution);
    rule.clauses[0].quorum = Quorum::Stations(2);
    let mut setup = setup();
    setup.rules = vec![rule];
    let mut world = World::new(setup);
    world.read(minute(1), 0, 1.2);
    assert_eq!(world.level(0), Level::Normal);
    world.read(minute(2), 1, 1.2);
    assert_eq!(world.level(0), Level::Caution);
}

#[test]
fn g07_a_series_that_fell_silent_keeps_no_rule_from_holding() {
    let mut world = World::new(only(moving(Level::Caution), raining(), but_not()));
    world.read(minute(1), 2, 6.0); // it rains, and while it does the rule says nothing
    for at in 2..180 {
        world.read(minute(at), 0, 1.2);
    }
    assert_eq!(world.level(0), Level::Normal);
    for at in 180..190 {
        world.read(minute(at), 0, 1.2); // the gauge has been silent for three hours
    }
    assert_eq!(world.level(0), Level::Caution);
    world.tick(minute(260));
    let recorded: Vec<_> = world.recorded().into_iter().map(|(_, _, to, _)| to).collect();
    assert_eq!(recorded.first(), Some(&Level::Attention), "silence itself");
    assert!(recorded.contains(&Level::Caution), "{recorded:?}");
}

#[test]
fn a_rule_counts_in_its_hours_and_keeps_its_level_for_its_own_dwell() {
    let mut rule = moving(Level::Caution);
    // minute 0 is 03:33:20 UTC
    rule.valid = Some(Validity { hours: Some((240, 300)), ..Validity::default() });
    rule.dwell = Some(Duration::from_secs(20 * 60));
    let mut setup = setup();
    setup.rules = vec![rule];
    let mut world = World::new(setup);
    let mut levels = Vec::new();
    for at in 1..200 {
        world.read(minute(at), 0, 1.2);
        if levels.last().is_none_or(|(_, level)| *level != world.level(0)) {
            levels.push((at, world.level(0)));
        }
    }
    // from 04:00 until 05:00, twenty minutes of its own dwell, an hour of the site's
    let expected =
        [(1, Level::Normal), (27, Level::Caution), (107, Level::Attention), (167, Level::Normal)];
    assert_eq!(levels, expected);
    let recorded: Vec<_> = world.recorded().into_iter().map(|(_, _, to, at)| (to, at)).collect();
    let at = |minutes: i64| minute(minutes).minus(Duration::from_secs(20)); // the hour strikes between readings
    assert_eq!(recorded[..2], [(Level::Caution, at(27)), (Level::Attention, at(107))]);
}

/// What the newest change of level says of its rules, read back from the bytes it is stored as.
fn told_why(world: &World) -> Vec<Finding> {
    let why = world.decisions().filter_map(|decision| match decision {
        Decision::Level { .. } => {
            let stored = serde_json::to_string(decision).expect("serialises");
            match serde_json::from_str(&stored).expect("reads back") {
                Decision::Level { why, .. } => Some(why),
                _ => None,
            }
        }
        _ => None,
    });
    why.last().unwrap_or_default()
}

#[test]
fn g11_a_level_says_which_rules_clauses_readings_and_numbers_made_it() {
    let mut world = World::new(only(moving(Level::Severe), raining(), both()));
    world.read(minute(1), 2, 6.0);
    world.read(minute(2), 0, 1.2);
    let why = told_why(&world);
    let [rule] = why.as_slice() else { panic!("{why:#?}") };
    let setup = world.engine.setup();
    let definition = setup.rules.iter().find(|r| r.id.as_str() == "moving").unwrap();
    assert_eq!((rule.rule.as_str(), &rule.version), ("moving", &definition.version()));
    assert!(rule.holds && rule.counts && rule.valid);
    let clauses: Vec<_> =
        rule.clauses.iter().map(|c| (c.clause.as_str(), c.holding, c.of)).collect();
    assert_eq!(clauses, [("moving", 1, 2), ("raining", 1, 1)]);
    let tilt = &rule.clauses[0].series[0];
    assert_eq!(tilt.series, "cut-1/post-1/tilt-1/tilt-x");
    assert_eq!(
        (tilt.decided, tilt.limit, tilt.unit.as_str()),
        (Some((minute(2), 1.2)), 1.0, "deg")
    );
    assert!(tilt.facts.iter().any(|fact| fact.name == "beyond"), "{:?}", tilt.facts);
    assert_eq!(tilt.quality, reading::Quality::GOOD);
}

#[test]
fn g11_a_level_says_what_is_known_against_the_readings_that_made_it() {
    use reading::{Quality, Reading, SeriesIndex, Timestamp};
    let mut world = World::new(only(moving(Level::Severe), raining(), both()));
    let mut take = |at: Timestamp, measured_at, value, quality| {
        let now = world.tick(at);
        let series = SeriesIndex(0);
        let reading = Reading { series, measured_at, received_at: now.at, value, quality };
        world.engine.observe(&reading, now, &mut world.actions);
    };
    take(minute(2), minute(2), 1.2, Quality::STEP);
    // older ones come behind it: their flags are theirs
    take(minute(3), minute(1), 1.1, Quality::OUT_OF_ORDER);
    take(minute(4), minute(4), 40.0, Quality::SPIKE);
    world.read(minute(5), 2, 6.0);
    let why = told_why(&world);
    let tilt = &why[0].clauses[0].series[0];
    assert_eq!(tilt.reading, Some((minute(2), 1.2)));
    assert_eq!((tilt.quality, tilt.quality_last), (Quality::STEP, Quality::SPIKE));
    assert_eq!(why[0].clauses[1].series[0].quality, Quality::GOOD);
}

#[test]
fn g11_a_rule_that_does_not_hold_says_what_is_missing() {
    let mut world = World::new(only(moving(Level::Severe), raining(), both()));
    world.read(minute(2), 0, 1.2);
    let (site, rule) = ("cut-1".parse().unwrap(), "moving".parse().unwrap());
    let finding = world.engine.look_into(&site, &rule).unwrap();
    assert!(!finding.holds && !finding.counts && finding.valid);
    let holding: Vec<_> = finding.clauses.iter().map(|c| (c.holding, c.series.len())).collect();
    assert_eq!(holding, [(1, 2), (0, 1)]);
    assert_eq!(world.engine.look_into(&site, &"other".parse().unwrap()), None);
}

#[test]
fn g13_a_reload_says_what_began_anew() {
    let mut world = World::new(setup());
    for at in 1..6 {
        world.read(minute(at), 0, 1.2);
    }
    assert_eq!(world.level(0), Level::Caution);
    let mut setup = setup();
    for rule in &mut setup.rules {
        if rule.site.as_str() == "cut-1" && rule.id.as_str() == "tilt-caution" {
            rule.clauses[0].condition = above(1.1, 0.9, persist(2, 3, 3));
        }
    }
    setup.rules.retain(|rule| rule.site.as_str() != "cut-1" || rule.id.as_str() != "rain-3h");
    let now = world.tick(minute(7));
    world.engine.reconfigure(setup, now, &mut world.actions);
    let resets = world.decisions().filter_map(|d| match d {
        Decision::Reset { site, what, .. } => Some((site.to_string(), what.clone())),
        _ => None,
    });
    let resets: Vec<_> = resets.collect();
    let [(site, parts)] = resets.as_slice() else { panic!("{resets:#?}") };
    assert_eq!(site, "cut-1");
    let told: Vec<_> =
        parts.iter().map(|p| (p.rule.as_str(), p.series.as_str(), p.why, p.held)).collect();
    assert_eq!(
        told,
        [
            ("tilt-caution", "cut-1/post-1/tilt-1/tilt-x", ResetWhy::Changed, true),
            ("tilt-caution", "cut-1/post-2/tilt-1/tilt-x", ResetWhy::Changed, false),
            ("rain-3h", "cut-1/rain-1/gauge-1/rain", ResetWhy::Gone, false),
        ]
    );
    assert_eq!(world.level(0), Level::Caution, "and no level is lowered by it");
}
