//! What admission doubts, as the engine takes it: a leap that nothing confirms lifts a level, an instrument that is not
//! all right is told, and neither is ever taken for a measurement.
mod common;

use alerting::condition::{ConditionSettings, doubt};
use alerting::level::Level;
use alerting::rule::Group;
use alerting::setup::Setup;
use common::{World, minute, rule, setup};
use reading::{Quality, Reading, SeriesIndex, Timestamp};

const TILT: u32 = 0;

fn doubting() -> Setup {
    let mut setup = setup();
    let tilts = ["post-1/tilt-1/tilt-x", "post-2/tilt-1/tilt-x"];
    let when = |flags| ConditionSettings::Doubt(doubt::Settings { flags, clean: 3 });
    for (id, group, level, flags) in [
        ("unconfirmed", Group::Deformation, Level::Caution, Quality::ALARMING),
        ("instrument", Group::Health, Level::Attention, Quality::FAULTY),
    ] {
        setup.rules.push(rule("cut-1", id, group, level, &tilts, when(flags)));
    }
    setup
}

fn hand(world: &mut World, at: Timestamp, measured_at: Timestamp, value: f64, quality: Quality) {
    let now = world.tick(at);
    let series = SeriesIndex(TILT);
    let reading = Reading { series, measured_at, received_at: measured_at, value, quality };
    world.engine.observe(&reading, now, &mut world.actions);
}

#[test]
fn a_leap_that_nothing_confirms_is_evidence_and_not_a_measurement() {
    for (flag, expected) in [
        (Quality::HELD, Level::Normal),
        (Quality::SPIKE, Level::Normal),
        (Quality::UNCONFIRMED, Level::Caution),
        (Quality::RAIL, Level::Caution),
        (Quality::STUCK, Level::Warning), // it may be right: taken as it is
        (Quality::ISOLATED, Level::Attention),
        (Quality::DISAGREES, Level::Attention),
    ] {
        let mut world = World::new(doubting());
        for i in 0..5 {
            // far above the limit of the third criterion, five times
            hand(&mut world, minute(10 + i), minute(10 + i), 25.0, flag);
        }
        assert_eq!(world.level(0), expected, "{flag}");
        assert_eq!(world.level(1), Level::Normal);
    }
}

#[test]
fn a_doubt_ends_with_enough_clean_readings_and_then_the_dwell_runs() {
    let mut world = World::new(doubting());
    hand(&mut world, minute(12), minute(9), 25.0, Quality::UNCONFIRMED);
    for i in 0..3 {
        assert_eq!(world.engine.view()[0].assessed, Level::Caution, "{i}");
        hand(&mut world, minute(13 + i), minute(13 + i), 0.1, Quality::GOOD);
    }
    assert_eq!((world.level(0), world.engine.view()[0].assessed), (Level::Caution, Level::Normal));
    for i in 0..(3 * 60) {
        hand(&mut world, minute(17 + i), minute(17 + i), 0.1, Quality::GOOD);
    }
    assert_eq!(world.level(0), Level::Attention, "three hours later");
    let recorded: Vec<_> = world.recorded().iter().map(|(_, from, to, _)| (*from, *to)).collect();
    assert_eq!(recorded[0], (Level::Normal, Level::Caution));
}

#[test]
fn g07_a_stuck_instrument_lowers_no_level() {
    for (flag, expected) in [(Quality::GOOD, Level::Attention), (Quality::STUCK, Level::Caution)] {
        let mut world = World::new(doubting());
        for i in 0..3 {
            hand(&mut world, minute(10 + i), minute(10 + i), 1.5, Quality::GOOD);
        }
        for i in 0..600 {
            hand(&mut world, minute(13 + i), minute(13 + i), 0.1, flag);
        }
        // the other post has been silent for hours, which is 관심 by itself
        assert_eq!(world.level(0), expected, "{flag}");
    }
}

#[test]
fn late_readings_do_not_end_a_doubt_by_falling_behind() {
    let mut world = World::new(doubting());
    hand(&mut world, minute(10), minute(10), 0.1, Quality::GOOD);
    hand(&mut world, minute(12), minute(12), 25.0, Quality::RAIL);
    hand(&mut world, minute(13), minute(13), 0.1, Quality::GOOD);
    hand(&mut world, minute(14), minute(11), 0.1, Quality::GOOD);
    assert_eq!(world.engine.view()[0].assessed, Level::Caution);
}

#[test]
fn an_old_leap_is_told_and_makes_no_level_of_the_past() {
    let mut world = World::new(doubting());
    let quality = Quality::UNCONFIRMED | Quality::OLD;
    hand(&mut world, minute(300), minute(9), 25.0, quality);
    assert_eq!(world.level(0), Level::Attention, "late-detected, for officers");
}

#[test]
fn what_was_held_until_time_was_up_is_no_sign_of_life() {
    let silent = |flag| {
        let mut world = World::new(doubting());
        hand(&mut world, minute(1), minute(1), 0.1, Quality::GOOD);
        hand(&mut world, minute(170), minute(2), 25.0, flag);
        world.tick(minute(190));
        world.engine.view()[0].silent
    };
    assert_eq!(silent(Quality::UNCONFIRMED), silent(Quality::GOOD) + 1);
}
