//! What instruments send that means nothing: the answer is defined for every kind.

use std::time::Duration;

use alerting::condition::amounts::Source;
use alerting::condition::{ConditionSettings as Of, ConditionState};
use reading::{Quantity, Timestamp};

use super::examples::{DAY, Example, Row, every, is_told_otherwise};
use super::properties::play;

fn quiet(example: &Example, slot: u8) -> f64 {
    (example.value)(0, slot, 0.0, 0.0)
}

/// Rows of the same value for each slot.
fn constant(example: &Example, rows: usize) -> Vec<Row> {
    let story = example.story(1, 1.0);
    let rows = story[..rows * example.slots.len()].iter();
    rows.map(|row| Row { value: quiet(example, row.slot), ..*row }).collect()
}

#[test]
fn a_constant_series_holds_nothing() {
    for example in every() {
        let (turns, state) = play(&example.settings, &constant(&example, 500));
        assert!(turns.is_empty() && !state.held(), "{}: {turns:?}", example.settings.name());
    }
}

#[test]
fn a_single_reading_is_no_trend_and_no_departure() {
    for example in every() {
        let alone = constant(&example, 1);
        let (turns, state) = play(&example.settings, &alone);
        assert!(turns.is_empty() && !state.held(), "{}: {turns:?}", example.settings.name());
        // a single one far away is enough for what compares a value with a limit, where one reading is asked for
        let far: Vec<Row> =
            alone.iter().map(|row| Row { value: row.value + 1e3, ..*row }).collect();
        let turns = play(&example.settings, &far).0;
        let of_values = matches!(example.settings, Of::Accumulation(_));
        assert!(turns.is_empty() || of_values, "{}: {turns:?}", example.settings.name());
    }
}

#[test]
fn readings_of_the_same_moment_are_no_movement() {
    for example in every().into_iter().filter(|e| !is_told_otherwise(&e.settings)) {
        let at = Timestamp::from_secs(1_784_000_000);
        let rows: Vec<Row> = (0..200)
            .flat_map(|i| (0..example.slots.len() as u8).rev().map(move |slot| (i, slot)))
            .map(|(i, slot)| {
                let beside = if slot == 0 { f64::from(i % 7) * 1e-3 } else { 0.0 };
                Row { slot, at, value: quiet(&example, slot) + beside }
            })
            .collect();
        let (turns, state) = play(&example.settings, &rows);
        let name = example.settings.name();
        assert!(turns.is_empty() && !state.held(), "{name}: {turns:?}");
        // and time goes on as if they had been one
        let later =
            Row { slot: 0, at: at.plus(Duration::from_secs(600)), value: quiet(&example, 0) };
        let mut state = state;
        assert!(
            state.observe(&example.settings, later.slot, later.at, later.value).is_none(),
            "{name}"
        );
    }
}

#[test]
fn numbers_that_are_none_leave_it_as_it_was() {
    for example in every().into_iter().filter(|e| !is_told_otherwise(&e.settings)) {
        for odd in [f64::MAX, f64::MIN, f64::MIN_POSITIVE, -0.0] {
            let mut rows = constant(&example, 300);
            let place = 200 * example.slots.len() + example.slots.len() - 1;
            rows[place].value = odd;
            let (_, state) = play(&example.settings, &rows); // defined: no panic, and
            let bytes = postcard::to_allocvec(&state).unwrap();
            assert!(
                postcard::from_bytes::<ConditionState>(&bytes).is_ok(),
                "{}",
                example.settings.name()
            );
        }
    }
}

fn rain_kinds() -> impl Iterator<Item = Example> {
    every().into_iter().filter(|example| example.slots[0] == Quantity::Rain)
}

#[test]
fn negative_rain_is_no_rain() {
    for example in rain_kinds() {
        let story = example.story(3, 1.0);
        let with: Vec<Row> = story
            .iter()
            .enumerate()
            .map(|(i, row)| if i % 5 == 0 { Row { value: -7.0, ..*row } } else { *row })
            .collect();
        let without: Vec<Row> = story
            .iter()
            .enumerate()
            .map(|(i, row)| if i % 5 == 0 { Row { value: 0.0, ..*row } } else { *row })
            .collect();
        assert_eq!(
            play(&example.settings, &with),
            play(&example.settings, &without),
            "{}",
            example.settings.name()
        );
    }
}

fn with_source(settings: &Of, source: Source) -> Of {
    let mut settings = settings.clone();
    match &mut settings {
        Of::Accumulation(s) => s.source = source,
        Of::IntensityDuration(s) => s.source = source,
        Of::RecentAntecedent(s) => s.source = source,
        Of::EffectiveRain(s) => s.source = source,
        Of::SoilWater(s) => s.source = source,
        Of::AntecedentWater(s) => s.source = source,
        other => panic!("{} takes no rain", other.name()),
    }
    settings
}

/// The story as the running total of a gauge that counts half millimetres, begins again at 100 and is restarted.
fn counted(story: &[Row], restart: usize) -> Vec<Row> {
    let mut total = 97.0;
    let rows = story.iter().enumerate().map(|(i, row)| {
        if i == restart {
            total = 0.0;
        }
        total += (row.value * 2.0).round();
        if total >= 100.0 {
            total -= 100.0;
        }
        Row { value: total, ..*row }
    });
    rows.collect()
}

#[test]
fn counters_that_roll_over_or_restart_say_the_same_as_amounts() {
    let source = Source { counter: true, wraps_at: Some(100.0), tip: Some(0.5) };
    for example in rain_kinds() {
        let story: Vec<Row> = example
            .story(5, 1.0)
            .into_iter()
            .enumerate()
            .map(|(i, row)| {
                // the first reading of a counter adds nothing
                let value = if i == 0 { 0.0 } else { (row.value * 2.0).round() / 2.0 };
                Row { value, ..row }
            })
            .collect();
        // restarted in the middle of its range, where nobody takes it for one that rolled over
        let total = |at: usize| counted(&story, usize::MAX)[at - 1].value;
        let restart = (40..story.len()).find(|at| (20.0..60.0).contains(&total(*at))).unwrap();
        let settings = with_source(&example.settings, source);
        let expected: Vec<_> = play(&example.settings, &story).0;
        assert!(!expected.is_empty());
        for restart in [usize::MAX, restart] {
            let turns = play(&settings, &counted(&story, restart)).0;
            assert_eq!(turns, expected, "{} restarted at {restart}", example.settings.name());
        }
    }
}

#[test]
fn a_month_without_a_reading_is_no_rain_of_a_month() {
    for example in rain_kinds() {
        let mut rows = example.story(7, 0.2);
        let half = rows.len() / 2;
        rows[half..].iter_mut().for_each(|row| row.at = row.at.plus(40 * DAY));
        let (turns, _) = play(&example.settings, &rows);
        let late = turns.iter().filter(|turn| turn.held && turn.at >= rows[half].at).count();
        assert_eq!(late, 0, "{}: {turns:?}", example.settings.name());
    }
}
