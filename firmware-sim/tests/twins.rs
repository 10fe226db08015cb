//! Neighbours that share a temperature: what they explain of each other is taken away by recursive least squares, and
//! the anomaly detector looks at what is left. A fault that hides in the daily wave of one series shows then.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;

use alerting::condition::{ConditionSettings, ConditionState, MAIN, anomaly};
use firmware_sim::{Scenario, World};
use reading::Timestamp;
use reading::codec::{Message, decode};
use reading::frame::Frame;

/// Four posts on one slope and a thermometer: every tilt breathes by hundredths of a degree with the day, each at its
/// own rate. Nothing moves; on the twentieth day the mount of `post-2` slips by `size` degrees.
fn group(size: f64) -> Scenario {
    let mut text = String::from(
        r#"
name = "twins"
title = { ko = "이웃", en = "Neighbours" }
start = "2026-04-01T00:00:00+09:00"
duration_h = 720.0
"#,
    );
    for (post, per_degc) in [(1, 0.004), (2, 0.005), (3, 0.003), (4, 0.0045)] {
        text += &format!(
            r#"
[[layouts.slope]]
id = "post-{post}"
report_s = 600
sensors = [{{ id = "tilt-1", quantity = "tilt-x", noise = 0.002, step = 0.001, per_degc = {per_degc}, range = [-30.0, 30.0], zeroed = true }}]
"#
        );
    }
    text += r#"
[[layouts.slope]]
id = "air-1"
report_s = 600
sensors = [{ id = "temp-1", quantity = "temperature", noise = 0.1, step = 0.1, range = [-40.0, 80.0] }]
[[sites]]
id = "slope-1"
kind = "slope"
name = { ko = "비탈면", en = "Slope" }
area = { ko = "아래", en = "below" }
location = [37.5, 128.2]
expect = "normal"
"#;
    if size != 0.0 {
        text += &format!(
            "[[faults]]\nsite = \"slope-1\"\nstation = \"post-2\"\nkind = \"step\"\nat_h = 480.0\nsize = {size}\n"
        );
    }
    Scenario::parse("twins.toml", &text).unwrap_or_else(|error| panic!("{error}"))
}

/// The readings of every station, in the order of measurement.
fn readings(scenario: &Scenario, seed: u64) -> Vec<(Timestamp, String, f64)> {
    let mut all = Vec::new();
    for message in World::new(scenario, seed).until(scenario.end()) {
        let frame = Frame {
            source: "sim",
            topic: &message.topic,
            payload: &message.payload,
            received_at: message.sent_at,
            retained: message.retain,
        };
        let Ok(Message::Report(report)) = decode(&frame) else { continue };
        let at = report.at.unwrap();
        all.extend(report.claims.iter().map(|claim| (at, report.station.to_owned(), claim.value)));
    }
    all.sort_by_key(|(at, _, _)| *at);
    all
}

/// When the detector of each post spoke, hours after the start; beside the other posts and the thermometer, or alone.
fn told(scenario: &Scenario, seed: u64, beside: bool) -> BTreeMap<String, Vec<f64>> {
    let settings = ConditionSettings::Anomaly(anomaly::Settings::default());
    let posts = ["post-1", "post-2", "post-3", "post-4"];
    let mut states: BTreeMap<&str, ConditionState> =
        posts.iter().map(|post| (*post, settings.fresh())).collect();
    let mut told: BTreeMap<String, Vec<f64>> =
        posts.iter().map(|post| ((*post).into(), Vec::new())).collect();
    for (at, station, value) in readings(scenario, seed) {
        for (post, state) in &mut states {
            let others =
                posts.iter().filter(|other| *other != post).chain(std::iter::once(&"air-1"));
            let slot = match others.zip(1_u8..).find(|(other, _)| **other == station) {
                _ if *post == station => MAIN,
                Some((_, slot)) if beside => slot,
                _ => continue,
            };
            let turned = state.observe(&settings, slot, at, value);
            if turned.is_some_and(|turned| turned.held) {
                told.get_mut(*post).unwrap().push(at.hours_since(scenario.start));
            }
        }
    }
    told
}

/// Degrees: a sixth of what a warm day does to the same post, four times its noise.
const SLIP: f64 = 0.008;
/// How many worlds are looked at.
const SEEDS: u64 = 4;
const ONSET_H: f64 = 480.0;

#[test]
fn a_slip_that_hides_in_the_daily_wave_is_found_beside_neighbours_and_temperature() {
    let slipped = group(SLIP);
    let (mut alone, mut beside) = (0, 0);
    for seed in 0..SEEDS {
        let soon = |told: &BTreeMap<String, Vec<f64>>| {
            told["post-2"].iter().any(|hours| (ONSET_H..ONSET_H + 24.0).contains(hours))
        };
        alone += u32::from(soon(&told(&slipped, seed, false)));
        beside += u32::from(soon(&told(&slipped, seed, true)));
    }
    println!("within a day: {alone} of {SEEDS} alone, {beside} of {SEEDS} beside the others");
    assert!(beside == SEEDS as u32 && alone <= 1, "alone {alone}, beside {beside}");
}

#[test]
fn neighbours_that_only_breathe_are_not_told_of_more_often_than_promised() {
    let still = group(0.0);
    let (mut alone, mut beside) = (0, 0);
    for seed in 0..SEEDS {
        alone += told(&still, seed, false).values().map(Vec::len).sum::<usize>();
        beside += told(&still, seed, true).values().map(Vec::len).sum::<usize>();
    }
    // four times 30 days of 4 posts: 69 120 readings, one false alarm in 6000 is 12
    println!("false alarms in 480 post-days: {alone} alone, {beside} beside the others");
    assert!(alone <= 12 && beside <= 12, "alone {alone}, beside {beside}");
}
