use alloc::vec::Vec;

use super::super::MAIN;
use super::*;

/// Noise of even spread in ±1, the same on every machine.
fn noise(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed.wrapping_mul(2) | 1;
    move || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as f64 / f64::from(1u32 << 30) - 1.0
    }
}

fn told(values: impl IntoIterator<Item = f64>) -> Vec<(usize, Reason)> {
    let settings = Settings::default();
    let mut state = State::default();
    let mut told = Vec::new();
    for (row, value) in values.into_iter().enumerate() {
        let at = Timestamp::from_secs(row as i64 * 600);
        let turn = Kind::observe(&mut state, &settings, MAIN, at, value);
        if turn.is_some_and(|turn| turn.held) {
            told.push((row, state.verdict(&settings).told.unwrap().reason));
        }
    }
    told
}

const ONSET: usize = 2_000;

/// A quiet sensor with noise, to which `event` adds something from [`ONSET`] on for 400 readings. With the rows at
/// which something was told comes why, in the end.
fn sensor(seed: u64, event: impl Fn(f64, f64) -> f64) -> (Vec<usize>, Option<Reason>) {
    let settings = Settings::default();
    let (mut noise, mut more) = (noise(seed), noise(seed + 1_000));
    let mut state = State::default();
    let mut told = Vec::new();
    for row in 0..ONSET + 400 {
        let since = row as f64 - ONSET as f64;
        let added = if since < 0.0 { 0.0 } else { event(since, more()) };
        let at = Timestamp::from_secs(row as i64 * 600);
        let turn = Kind::observe(&mut state, &settings, MAIN, at, 10.0 + noise() + added);
        told.extend(turn.filter(|turn| turn.held).map(|_| row));
    }
    (told, state.verdict(&settings).told.map(|told| told.reason))
}

#[test]
fn every_event_is_told_soon_by_its_name_and_once() {
    type Event = fn(f64, f64) -> f64;
    let table: &[(&str, Event, &[Reason], usize)] = &[
        ("step", |_, _| 5.0, &[Reason::LevelShift], 4),
        ("drift", |since, _| since * 0.05, &[Reason::Trend], 100),
        ("noise", |_, more| more * 2.5, &[Reason::Variance], 64),
        ("spike", |since, _| if since < 1.0 { 40.0 } else { 0.0 }, &[Reason::Spike], 1),
        (
            "creep",
            |since, _| 30.0 * -libm::log(1.0 - since / 450.0),
            &[Reason::Trend, Reason::LevelShift],
            100,
        ),
    ];
    const SEEDS: u64 = 40;
    for (name, event, reasons, within) in table {
        let (mut soon, mut named, mut again) = (0, 0, 0);
        for seed in 0..SEEDS {
            let (told, reason) = sensor(seed * 2 + 7, event);
            let rows: Vec<_> = told.iter().filter(|row| **row >= ONSET).collect();
            soon += u64::from(rows.first().is_some_and(|row| **row <= ONSET + within));
            named += u64::from(reason.is_some_and(|why| reasons.contains(&why)));
            again += rows.len().saturating_sub(1);
        }
        // what was told by chance shortly before may be taken for the same, and noise has a trend now and then
        assert!(soon >= SEEDS - 1 && named >= SEEDS - 6, "{name}: {soon}, {named} of {SEEDS}");
        // 16 000 readings: 3 tellings by chance
        assert!(again <= 2, "{name} is told again in {again} of {SEEDS}");
    }
}

#[test]
fn what_is_over_or_small_is_told_once_on_every_scale() {
    // a shift that is over after 100 readings leaves the blocks that are compared long after it, a small one comes late
    type Event = fn(f64, f64) -> f64;
    let table: &[(&str, Event)] = &[
        ("over soon", |since, _| if since < 100.0 { 5.0 } else { 0.0 }),
        ("small", |_, _| 2.5),
        ("louder", |_, more| more * 4.0),
    ];
    const SEEDS: u64 = 150;
    for (name, event) in table {
        let rows =
            |seed: u64| sensor(seed * 2 + 7, event).0.iter().filter(|row| **row >= ONSET).count();
        let again: usize = (0..SEEDS).map(|seed| rows(seed).saturating_sub(1)).sum();
        // 60 000 readings: 10 tellings by chance
        assert!(again <= 5, "{name} is told again in {again} of {SEEDS}");
    }
}

#[test]
fn two_events_are_told_twice() {
    // a step while nothing settles any more, and one that begins long after a spike
    let apart = |since: f64, _| if since < 200.0 { 5.0 } else { 35.0 };
    let after_spike = |since: f64, _| match since {
        ..1.0 => 40.0,
        ..60.0 => 0.0,
        _ => 5.0,
    };
    for seed in 0..10 {
        let told = sensor(seed * 2 + 7, apart).0;
        assert_eq!(told.iter().filter(|row| **row >= ONSET).count(), 2, "{seed} {told:?}");
        let told = sensor(seed * 2 + 7, after_spike).0;
        assert_eq!(told.iter().filter(|row| **row >= ONSET).count(), 2, "{seed} {told:?}");
    }
}

#[test]
fn what_swings_where_it_wandered_is_told_by_its_shape() {
    let (mut noise, mut place, mut way) = (noise(19), 0.0f64, 1.0f64);
    let told = told((0..6_000).map(|row| {
        // the same changes all the time: they go on in one direction for a while, and then each undoes the last
        let turns = if row < 5_000 { noise() > 0.7 } else { true };
        way = match (turns, place) {
            (_, ..-6.0) => 1.0,
            (_, 6.0..) => -1.0,
            (true, _) => -way,
            (false, _) => way,
        };
        place += way * (1.0 + 0.5 * noise());
        place
    }));
    assert!(told.iter().any(|(row, why)| *row >= 5_000 && *why == Reason::Shape), "{told:?}");
    assert!(told.iter().filter(|(row, _)| *row < 5_000).count() <= 2, "{told:?}");
}

#[test]
fn a_value_that_freezes_is_told_once_where_values_move() {
    let mut noise = noise(3);
    let moving: Vec<f64> = (0..1_000).map(|_| noise()).collect();
    let frozen = moving.iter().copied().chain([moving[999]; 500]);
    let told = told(frozen);
    assert_eq!(told.iter().filter(|(_, why)| *why == Reason::Stuck).count(), 1, "{told:?}");
}

#[test]
fn a_dry_gauge_is_not_stuck() {
    let rain = (0..6_000).map(|row| if row % 700 < 5 { 0.2 } else { 0.0 });
    assert!(told(rain).iter().all(|(_, why)| *why != Reason::Stuck));
}

#[test]
fn the_score_says_how_often_it_is_wrong() {
    // 40 quiet sensors, 8000 readings each, of which it speaks about once in 5000
    let alarms: usize = (0..40)
        .map(|seed| {
            let mut noise = noise(seed + 100);
            told((0..8_000).map(|_| noise())).len()
        })
        .sum();
    assert!((4..=80).contains(&alarms), "{alarms} in 320000 readings");
}

#[test]
fn units_and_intervals_do_not_matter() {
    let mut noise = noise(11);
    let values: Vec<f64> =
        (0..3_000).map(|row| noise() + if row > 2_500 { 4.0 } else { 0.0 }).collect();
    let plain = told(values.iter().copied());
    assert!(!plain.is_empty());
    assert_eq!(plain, told(values.iter().map(|value| value * 1_024.0)));
}

/// A sensor that swings slowly and is not heard for 500 readings while it does: whether something is told in the 50
/// readings after that, with the stamps as they are or as if none were missing.
fn after_a_gap(seed: u64, stamped: bool) -> bool {
    let settings = Settings::default();
    let (mut noise, mut state, mut told) = (noise(seed), State::default(), false);
    for row in (0..6_000).filter(|row| !(4_250..4_750).contains(row)) {
        let missing = if row >= 4_750 && !stamped { 500 } else { 0 };
        let at = Timestamp::from_secs((row - missing) * 600);
        let value = 20.0 * libm::sin(row as f64 / 1_000.0 * core::f64::consts::TAU) + noise();
        let turn = Kind::observe(&mut state, &settings, MAIN, at, value);
        told |= (4_750..4_800).contains(&row) && turn.is_some_and(|turn| turn.held);
    }
    told
}

#[test]
fn what_changed_in_a_gap_is_no_shift() {
    let told = |stamped| (0..20).filter(|seed| after_a_gap(*seed, stamped)).count();
    assert_eq!((told(true), told(false)), (0, 20), "across the gap, and as a jump");
}

#[test]
fn readings_that_come_irregularly_say_the_same() {
    let settings = Settings::default();
    let (mut noise, mut chance) = (noise(31), noise(32));
    let (mut even, mut uneven) = (State::default(), State::default());
    let mut seconds = 0.0;
    for row in 0..3_000i64 {
        let value = noise() + if row > 2_500 { 4.0 } else { 0.0 };
        seconds += 600.0 * (1.0 + 0.8 * chance());
        Kind::observe(&mut even, &settings, MAIN, Timestamp::from_secs(row * 600), value);
        let at = Timestamp::from_secs(seconds as i64);
        Kind::observe(&mut uneven, &settings, MAIN, at, value);
        let (even, uneven) = (even.verdict(&settings), uneven.verdict(&settings));
        assert_eq!((even.score, even.band), (uneven.score, uneven.band), "reading {row}");
    }
    assert!(uneven.verdict(&settings).told.is_some());
}

#[test]
fn nothing_is_learned_while_an_incident_is_open() {
    let settings = Settings::default();
    let mut noise = noise(5);
    let mut state = State::default();
    let mut row = 0;
    let mut show = |state: &mut State, value: f64| {
        row += 1;
        Kind::observe(state, &settings, MAIN, Timestamp::from_secs(row * 60), value);
    };
    (0..2_000).for_each(|_| show(&mut state, noise()));
    let band = |state: &State| state.spikes.reach(5.0, 1.0);
    let before = band(&state);
    state.freeze(true);
    (0..500).for_each(|_| show(&mut state, noise() * 50.0));
    assert_eq!(band(&state), before, "frozen");
    state.freeze(false);
    (0..500).for_each(|_| show(&mut state, noise() * 50.0));
    assert_ne!(band(&state), before, "learning again");
}

#[test]
fn what_was_told_lasts_until_the_series_is_back_however_used_to_it_one_is() {
    let settings = Settings::default();
    let (mut state, mut noise) = (State::default(), noise(17));
    let mut lasting = Vec::new();
    for row in 0..12_000i64 {
        let away = if (2_000..9_000).contains(&row) { 20.0 } else { 0.0 };
        Kind::observe(&mut state, &settings, MAIN, Timestamp::from_secs(row), noise() + away);
        let lasts = state.verdict(&settings).lasting;
        lasting.push(lasts.is_some_and(|(_, until)| until.is_none()));
    }
    // the levels before it are far outside every window by then, and its own noise is what is usual
    assert!(lasting[2_010..8_990].iter().all(|lasts| *lasts));
    assert!(lasting[9_100..].iter().filter(|lasts| **lasts).count() < 200);
}

#[test]
fn where_a_series_is_when_a_person_puts_the_incident_away_is_where_it_belongs() {
    let settings = Settings::default();
    let (mut state, mut noise) = (State::default(), noise(23));
    let mut row = 0;
    let mut show = |state: &mut State, away: f64, readings: u32| {
        (0..readings).for_each(|_| {
            row += 1;
            Kind::observe(state, &settings, MAIN, Timestamp::from_secs(row * 60), noise() + away);
        });
        state.verdict(&settings).lasting.map(|(_, until)| until.is_none())
    };
    assert_eq!(show(&mut state, 0.0, 2_000), None);
    assert_eq!(show(&mut state, 20.0, 5_000), Some(true), "remounted, and nobody has said so");
    state.accept();
    assert_eq!(show(&mut state, 20.0, 500), None, "it belongs there");
    assert_eq!(show(&mut state, 0.0, 200), Some(true), "and no longer where it was");
    state.accept();
    assert_eq!(show(&mut state, 0.0, 200), None);
}

/// A post that tilts with the warmth of the day, beside a thermometer, and slips a little after 4000 readings.
fn slip_in_the_warmth_of_the_day(beside: bool) -> Vec<usize> {
    let (settings, mut noise) = (Settings::default(), noise(13));
    let mut state = State::default();
    let mut told = Vec::new();
    for row in 0..4_200u32 {
        let at = Timestamp::from_secs(i64::from(row) * 600);
        let day = f64::from(row) / 144.0;
        let warmth =
            15.0 + 8.0 * libm::sin(core::f64::consts::TAU * day) + 3.0 * libm::sin(day) + noise();
        if beside {
            Kind::observe(&mut state, &settings, 1, at, warmth);
        }
        let slip = if row < 4_000 { 0.0 } else { 0.006 };
        let tilt = 0.002 * warmth + 0.001 * noise() + slip;
        let turn = Kind::observe(&mut state, &settings, MAIN, at, tilt);
        told.extend(turn.filter(|turn| turn.held).map(|_| row as usize));
    }
    told
}

#[test]
fn what_a_companion_explains_hides_nothing() {
    let alone = slip_in_the_warmth_of_the_day(false);
    assert!(alone.iter().all(|row| *row < 4_000), "the warmth moves it more than that: {alone:?}");
    let beside = slip_in_the_warmth_of_the_day(true);
    let first = beside.iter().find(|row| **row >= 4_000);
    assert!(first.is_some_and(|row| *row < 4_016), "{beside:?}");
    assert!(beside.iter().filter(|row| **row < 4_000).count() <= 2, "{beside:?}");
}

#[test]
fn state_is_bounded() {
    // the engine keeps it twice: as told, and as recorded
    assert!(2 * size_of::<State>() <= 8 * 1_024, "{} bytes", size_of::<State>());
    let mut noise = noise(2);
    let mut state = State::default();
    let settings = Settings::default();
    for row in 0..100_000i64 {
        Kind::observe(&mut state, &settings, MAIN, Timestamp::from_secs(row), noise());
    }
    let bytes = postcard::to_allocvec(&state).unwrap();
    assert!(2 * bytes.len() <= 8 * 1_024, "{} bytes in a snapshot", bytes.len());
    assert_eq!(postcard::from_bytes::<State>(&bytes).unwrap(), state);
}

#[test]
fn any_input_is_survived() {
    let odd = [f64::NAN, f64::INFINITY, 0.0, -0.0, f64::MAX, f64::MIN, 1e-320, 5.0];
    let mut state = State::default();
    let settings = Settings::default();
    for row in 0..20_000usize {
        let at = Timestamp::from_secs((row / 3) as i64 * if row % 97 == 0 { 1_000 } else { 1 });
        Kind::observe(&mut state, &settings, MAIN, at, odd[(row * 7 + row / 5) % odd.len()]);
        assert!(!state.verdict(&settings).score.is_nan(), "row {row}");
    }
}
