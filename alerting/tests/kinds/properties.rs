//! What changes nothing, and what never makes a level milder.

use std::time::Duration;

use alerting::condition::explain::Amount;
use alerting::condition::{
    ConditionSettings as Of, ConditionState, Transition, anomaly, compensated, failure_time,
};
use proptest::prelude::*;
use reading::Timestamp;

use super::examples::{Example, ONSET, Row, every, is_told_otherwise, noise};

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
fn a_stronger_shake_triggers_no_later() {
    // Energies are of what passes the filter, where the first wave meets what is left of the noise before it: one
    // sample may weigh less in the stronger shake. So this is no law for every sample; but what is left is gone within
    // the time constant of the filter.
    for example in every() {
        let Of::Trigger(settings) = example.settings else { continue };
        let left = Duration::from_secs_f64(1.0 / (core::f64::consts::TAU * settings.high_pass));
        for seed in 0..40 {
            let first =
                |strength| held_from(&play(&example.settings, &example.story(seed, strength)).0);
            let strengths = [0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 5.0, 8.0];
            for (mild, worse) in strengths.into_iter().zip(strengths.into_iter().skip(1)) {
                let (mild, worse) = (first(mild), first(worse));
                let Some(mild) = mild else { continue };
                let soon = worse.is_some_and(|worse| worse <= mild.plus(left));
                assert!(soon, "seed {seed}: {worse:?} after {mild:?}");
            }
            assert!(first(1.0).is_some());
        }
    }
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
    fn the_same_failure_in_less_time_is_told_no_later_on_its_way(seed in any::<u64>(), power in 1u32..5) {
        // Steeper is no order for a time of failure: more movement of the same course is the same failure (another unit
        // says so above), and one that bends otherwise is another line, believed more or less. What is worse is the
        // same course in a shorter time: whatever the gates compare keeps its proportion, and the end is nearer.
        for example in every().iter().filter(|e| matches!(e.settings, Of::FailureTime(_))) {
            let Of::FailureTime(settings) = &example.settings else { continue };
            for within in [settings.raise_within / 24, settings.raise_within / 4, settings.raise_within] {
                let usual = failure_time::Settings { raise_within: within, ..*settings };
                let mut faster = usual;
                faster.velocity.interval_min /= 2u32.pow(power);
                faster.velocity.interval_max /= 2u32.pow(power);
                let first = |settings: failure_time::Settings, every: Duration| {
                    let story = Example { every, settings: Of::FailureTime(settings), ..*example };
                    let (rows, begun) = (story.story(seed, 1.0), Timestamp::from_secs(1_784_000_000));
                    let held = held_from(&play(&story.settings, &rows).0)?;
                    Some((held.since(begun).as_nanos() / every.as_nanos(), held))
                };
                let slow = first(usual, example.every);
                let fast = first(faster, example.every / 2u32.pow(power));
                let row = |told: &Option<(u128, Timestamp)>| told.map_or(u128::MAX, |told| told.0);
                prop_assert!(row(&fast) <= row(&slow), "{fast:?} after {slow:?}, {within:?}");
            }
        }
    }

    #[test]
    fn a_larger_step_is_never_less_unusual(seed in any::<u64>(), step in 2.0..20.0f64, more in 1.0..8.0f64) {
        // An anomaly has an order only until it has begun to learn what it sees, which it does a block late; and what
        // was nearly told takes half a decade more to be told at all. So the order is that of the score, over the
        // readings in which no block ends (rows of 16 from the second), where nothing was told before.
        let settings = anomaly::Settings { readings_per_false_alarm: 1e12 };
        let score_after = |step: f64, rows: usize| {
            let (settings, mut noise) = (Of::Anomaly(settings), noise(seed));
            let mut state = settings.fresh();
            for row in 0..=1_601 + rows {
                let away = if row > 1_601 { step } else { 0.0 };
                let at = Timestamp::from_secs(row as i64 * 600);
                state.observe(&settings, 0, at, noise() + away);
            }
            let facts = state.facts(&settings);
            let score = facts.iter().find(|fact| fact.name == "score").unwrap();
            let Amount::Number(score) = score.value else { panic!("{score:?}") };
            score
        };
        for rows in 1..8 {
            let (small, large) = (score_after(step, rows), score_after(step * more, rows));
            prop_assert!(large >= small, "{large} after {small}, {rows} rows after");
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

/// What asks how far, how fast or how much: there a stronger story is a worse one. A time of failure, an anomaly and a
/// trigger compare a series with itself, and have an order of their own, each its test.
fn is_monotone(settings: &Of) -> bool {
    !is_told_otherwise(settings)
        && !matches!(settings, Of::FailureTime(_) | Of::Anomaly(_) | Of::Trigger(_))
}

/// What holds for the moment it tells of; the site's own dwell keeps the level.
fn is_of_the_moment(settings: &Of) -> bool {
    matches!(settings, Of::Anomaly(_) | Of::Trigger(_))
}
