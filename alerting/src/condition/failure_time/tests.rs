use super::*;
use crate::condition::MAIN;

/// As shipped, for displacements with a noise of 0.05 mm.
pub fn settings() -> Settings {
    let hour = Duration::from_secs(3_600);
    Settings {
        velocity: velocity::Settings {
            increment: 0.2,
            interval_min: hour / 6,
            interval_max: 6 * hour,
        },
        limit: None,
        samples_min: 7,
        explained_min: 0.9,
        significance: 4.0,
        speedup: 3.0,
        moved_min: 1.0,
        stable_within: 0.2,
        width_max: 0.6,
        raise_within: 24 * hour,
        pessimistic: 0.3,
        persistence: persistence::Settings::IMMEDIATE,
    }
}

/// Minutes, displacement.
fn run(
    settings: &Settings,
    until: i64,
    path: impl Fn(f64) -> f64,
    rain: impl Fn(i64) -> f64,
) -> (State, Vec<(i64, bool, f64)>) {
    let mut state = State::default();
    let mut turns = Vec::new();
    for minute in (0..until).step_by(10) {
        let at = Timestamp::from_secs(minute * 60);
        state.observe(settings, 1, at, rain(minute));
        let turn = state.observe(settings, MAIN, at, path(minute as f64 / 60.0));
        turns.extend(turn.map(|turn| (minute, turn.held, turn.value)));
    }
    (state, turns)
}

/// A slow creep from which, at hour 20, a movement leaves that ends at hour 60.
fn path(t: f64) -> f64 {
    let noise = 0.05 * libm::sin(t * t * 1e3);
    noise + if t < 20.0 { 0.1 * t } else { 2.0 + 20.0 * libm::log(40.0 / (60.0 - t)) }
}

#[test]
fn a_movement_that_runs_away_is_forecast_with_the_truth_inside() {
    let (state, turns) = run(&settings(), 58 * 60, path, |_| 1.0);
    let (minute, held, left) = turns[0];
    assert!(held && turns.len() == 1, "{turns:?}");
    // 24 h ahead at the earliest, and the time left is right to a quarter
    let truth = 60.0 - minute as f64 / 60.0;
    assert!((5.0..24.0).contains(&truth), "{truth}");
    assert!((left - truth).abs() < 0.25 * truth, "{left} {truth}");
    assert!(state.held());
}

#[test]
fn a_limit_on_the_way_ends_it_earlier() {
    // at hour 58 the path is at 65.7 mm
    let limit = Settings { limit: Some(path(58.0)), ..settings() };
    let (state, _) = run(&limit, 55 * 60, path, |_| 1.0);
    let judged = state.forecaster.last().unwrap();
    let at = judged.forecast.at.hours_since(Timestamp::default());
    assert!(judged.to_limit && judged.gates.passed() && (at - 58.0).abs() < 0.8, "{at} {judged:?}");
}

#[test]
fn what_does_not_run_away_is_not_forecast() {
    let seasonal = |t: f64| 5.0 * libm::sin(t / 100.0) + 0.1 * t;
    let step = |t: f64| if t < 100.0 { 0.1 * t } else { 0.1 * t + 30.0 };
    let steady = |t: f64| 2.0 * t;
    let slowing = |t: f64| 50.0 * (1.0 - libm::exp(-t / 30.0));
    for (name, path) in [
        ("seasonal", &seasonal as &dyn Fn(f64) -> f64),
        ("step", &step),
        ("steady", &steady),
        ("slowing", &slowing),
        ("rest", &|_| 3.0),
    ] {
        let (state, turns) = run(&settings(), 300 * 60, path, |_| 0.0);
        assert_eq!(turns, [], "{name}");
        assert!(!state.forecaster.last().is_some_and(|judged| judged.gates.passed()), "{name}");
    }
}

#[test]
fn a_movement_that_calms_down_after_the_rain_is_withdrawn_within_six_hours() {
    // as path() until hour 52, then the rain ends and the velocity halves every two hours
    let fading = |t: f64| {
        let (end, speed) = (52.0, 20.0 / 8.0);
        if t < end {
            path(t)
        } else {
            path(end) + speed * 2.885 * (1.0 - libm::exp2((end - t) / 2.0))
        }
    };
    let rain = |minute: i64| if minute < 52 * 60 { 1.0 } else { 0.0 };
    let (state, turns) = run(&settings(), 80 * 60, fading, rain);
    assert!(!state.held() && turns.len() >= 2, "{turns:?}");
    let (minute, held, _) = turns[turns.len() - 1];
    assert!(!held && minute <= (52 + 6) * 60, "{turns:?}");
}

#[test]
fn a_movement_the_other_way_is_forecast_as_well_and_a_turn_begins_anew() {
    let (state, turns) = run(&settings(), 58 * 60, |t| -path(t), |_| 1.0);
    assert!(state.held() && turns.len() == 1);
    let turning = |t: f64| if t < 55.0 { path(t) } else { 2.0 * path(55.0) - path(110.0 - t) };
    let (state, _) = run(&settings(), 75 * 60, turning, |_| 1.0);
    assert!(!state.held());
}

#[test]
fn a_single_sample_and_equal_stamps_say_nothing() {
    let mut state = State::default();
    for value in [0.0, 5.0, 9.0, -3.0] {
        assert_eq!(state.observe(&settings(), MAIN, Timestamp::from_secs(0), value), None);
    }
    assert!(state.forecaster.last().is_none());
}
