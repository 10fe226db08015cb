//! What changes nothing, and what never makes a level milder.

use std::time::Duration;

use alerting::condition::{ConditionSettings as Of, ConditionState, Transition, compensated};
use proptest::prelude::*;
use reading::Timestamp;

use super::examples::{Example, ONSET, Row, every, is_told_otherwise};

/// Its transitions, and what it remembers at the end.
pub fn play(settings: &Of, rows: &[Row]) -> (Vec<Transition>, ConditionState) {
    let mut state = settings.fresh();
    let turns = rows.iter().filter_map(|row| state.observe(settings, row.slot, row.at, row.value));
    (turns.collect(), state)
}

fn held_from(turns: &[Transition]) -> Option<Timestamp> {
    turns.iter().find(|turn| turn.held).map(|turn| turn.at)
}

#[test]
fn every_story_makes_its_condition_hold_and_cease() {
    for example in every().iter().filter(|e| !is_told_otherwise(&e.settings)) {
        let (turns, _) = play(&example.settings, &example.story(1, 1.0));
        let name = example.settings.name();
        let begun = example.story(1, 1.0)[ONSET * example.slots.len()].at;
        let held = turns.iter().find(|turn| turn.held && turn.at >= begun);
        let held = held.unwrap_or_else(|| panic!("{name} never holds: {turns:?}"));
        let over = turns.iter().any(|turn| !turn.held && turn.at > held.at);
        let lasts = matches!(
            example.settings,
            Of::CrackGrowth(_) | Of::WallMovement(_) | Of::Cusum(_) | Of::PageHinkley(_)
        );
        assert!(over || lasts, "{name} never ceases: {turns:?}");
    }
}

fn cases(seed: u64) -> impl Iterator<Item = (Example, Vec<Row>)> {
    every().into_iter().map(move |example| {
        let story = example.story(seed, 1.0);
        (example, story)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn a_snapshot_at_any_point_changes_nothing(seed in any::<u64>(), cut in 0usize..504 * 4) {
        for (example, rows) in cases(seed) {
            let cut = cut % rows.len();
            let (mut turns, state) = play(&example.settings, &rows[..cut]);
            let bytes = postcard::to_allocvec(&state).unwrap();
            let mut state: ConditionState = postcard::from_bytes(&bytes).unwrap();
            prop_assert_eq!(&postcard::to_allocvec(&state).unwrap(), &bytes, "{}", example.settings.name());
            let rest = rows[cut..].iter();
            turns.extend(rest.filter_map(|row| state.observe(&example.settings, row.slot, row.at, row.value)));
            let whole = play(&example.settings, &rows);
            let as_bytes = |turns: &[Transition], state: &ConditionState| postcard::to_allocvec(&(turns, state)).unwrap();
            prop_assert!(
                as_bytes(&turns, &state) == as_bytes(&whole.0, &whole.1),
                "{}: {:?} is not {:?}", example.settings.name(), turns, whole.0
            );
        }
    }

    #[test]
    fn another_unit_changes_nothing(seed in any::<u64>(), power in -8i32..9) {
        let factor = 2f64.powi(power); // exact, so that not a single decision may differ
        for (example, rows) in cases(seed) {
            let Some(settings) = scaled(&example.settings, factor) else { continue };
            let own = |row: &Row| is_own(&example, row.slot);
            let in_other: Vec<Row> = rows.iter()
                .map(|row| if own(row) { Row { value: row.value * factor, ..*row } } else { *row })
                .collect();
            let when = |turns: Vec<Transition>| turns.iter().map(|turn| (turn.held, turn.at)).collect::<Vec<_>>();
            prop_assert_eq!(
                when(play(&settings, &in_other).0), when(play(&example.settings, &rows).0),
                "{} by {}", settings.name(), factor
            );
        }
    }

    #[test]
    fn a_worse_story_is_never_milder(seed in any::<u64>(), more in 1.0..4.0f64) {
        for example in every().iter().filter(|e| is_monotone(&e.settings)) {
            let mild = held_from(&play(&example.settings, &example.story(seed, 0.7)).0);
            // a mode that falls out of the range it is looked for in is another mode, or none: that is not known
            let most = if matches!(example.settings, Of::NaturalFrequency(_)) { 1.5 } else { 4.0 };
            let worse = play(&example.settings, &example.story(seed, (0.7 * more).min(most)));
            let worse = held_from(&worse.0);
            if let Some(mild) = mild {
                let name = example.settings.name();
                prop_assert!(worse.is_some_and(|worse| worse <= mild), "{name}: {worse:?} after {mild:?}");
            }
        }
    }

    #[test]
    fn missing_readings_end_nothing(seed in any::<u64>(), hours in 1u64..12) {
        for example in every().iter().filter(|e| !is_told_otherwise(&e.settings)) {
            let story = example.story(seed, 1.0);
            let mut state = example.settings.fresh();
            let holds = |row: &&Row| state.observe(&example.settings, row.slot, row.at, row.value).is_some_and(|t| t.held);
            let Some(row) = story.iter().find(holds) else { continue };
            if is_of_the_moment(&example.settings) {
                continue;
            }
            // nothing for hours, and then a quiet reading of each: one reading is no end
            let at = row.at.plus(Duration::from_secs(hours * 3_600));
            for slot in (1..example.slots.len()).chain([0]) {
                let value = (example.value)(0, slot as u8, 0.0, 0.0);
                state.observe(&example.settings, slot as u8, at, value);
            }
            prop_assert!(state.held(), "{} ended by a gap", example.settings.name());
        }
    }
}

/// Whether a slot is in the unit that is changed; temperatures, rain and frequencies beside it are not.
fn is_own(example: &Example, slot: u8) -> bool {
    example.slots[usize::from(slot)] == example.slots[0]
}

/// The same rule in a unit of which there are `k` in the old one; `None` where the kind is about one unit alone
/// (millimetres of rain, hertz, the percent of a table), for which values are made at the door.
fn scaled(settings: &Of, k: f64) -> Option<Of> {
    let mut settings = settings.clone();
    let rate = |rate: &mut alerting::condition::rate::Settings| {
        rate.raise_at *= k;
        rate.clear_below *= k;
        if let Some(short) = &mut rate.short {
            short.raise_at *= k;
            short.clear_below *= k;
        }
    };
    let limit = |limit: &mut alerting::condition::limit::Limit| {
        limit.raise_at *= k;
        limit.clear_below *= k;
    };
    match &mut settings {
        Of::Threshold(s) => {
            s.raise_at *= k;
            s.clear_below *= k;
        }
        Of::Rate(s) => rate(s),
        Of::Neighbours(s) => rate(&mut s.rate),
        Of::Acceleration(s) => {
            s.velocity.increment *= k;
            s.floor *= k;
        }
        Of::FailureTime(s) => {
            s.velocity.increment *= k;
            s.moved_min *= k;
        }
        Of::Compensated(s) => match &mut s.test {
            compensated::Test::Value(of) => limit(of),
            compensated::Test::Rate(of) => rate(of),
        },
        Of::Baseline(s) => s.sigma_min *= k,
        Of::Cusum(s) => s.sigma_min *= k,
        Of::PageHinkley(s) => {
            s.slack *= k;
            limit(&mut s.limit);
        }
        Of::CrackGrowth(s) => {
            s.width = s.width.map(|width| width * k);
            limit(&mut s.limit);
        }
        Of::AngularDistortion(s) => s.distance *= k,
        Of::AnchorLoad(s) => {
            s.design *= k;
            s.slack = s.slack.map(|(lock_off, percent)| (lock_off * k, percent));
        }
        Of::Disagreement(s) => s.apart *= k,
        Of::Anomaly(_) | Of::Trigger(_) => {}
        Of::WallMovement(_)
        | Of::Accumulation(_)
        | Of::IntensityDuration(_)
        | Of::RecentAntecedent(_)
        | Of::EffectiveRain(_)
        | Of::SoilWater(_)
        | Of::AntecedentWater(_)
        | Of::Vibration(_)
        | Of::NaturalFrequency(_)
        | Of::Silence(_)
        | Of::Doubt(_) => return None,
    }
    Some(settings)
}

/// What asks how far, how fast or how much. What learns what is usual, or fits a line to what quickens, may take what
/// is larger for another story: a time of failure that comes to lie further apart is believed less.
fn is_monotone(settings: &Of) -> bool {
    !is_told_otherwise(settings)
        && !matches!(settings, Of::FailureTime(_) | Of::Anomaly(_) | Of::Trigger(_))
}

/// What holds for the moment it tells of; the site's own dwell keeps the level.
fn is_of_the_moment(settings: &Of) -> bool {
    matches!(settings, Of::Anomaly(_) | Of::Trigger(_))
}
