//! The simulated field without a broker: the same bytes from the same seed, and what they say.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use firmware_sim::fault::{Kind, Rates, Scripted};
use firmware_sim::{Message, Scenario, World};
use proptest::prelude::*;
use reading::codec::{self, About};
use reading::frame::Frame;
use reading::{Quantity, Timestamp};

const HOUR: Duration = Duration::from_secs(3_600);

fn typhoon() -> Scenario {
    Scenario::load("typhoon").unwrap()
}

fn hours_after(scenario: &Scenario, hours: f64) -> Timestamp {
    let by = HOUR.mul_f64(hours.abs());
    if hours < 0.0 { scenario.start.minus(by) } else { scenario.start.plus(by) }
}

fn messages(scenario: &Scenario, seed: u64, hours: f64) -> Vec<Message> {
    World::new(scenario, seed).until(hours_after(scenario, hours)).collect()
}

/// Every value of one series: measured at, value.
fn series(messages: &[Message], name: &str) -> Vec<(Timestamp, f64)> {
    let (station, rest) = name.rsplit_once('/').map(|(s, q)| (s.to_owned(), q)).unwrap();
    let (station, sensor) = station.rsplit_once('/').unwrap();
    let mut values = Vec::new();
    for message in messages.iter().filter(|m| m.topic.starts_with(&format!("bongsu/v1/{station}/")))
    {
        let Some(report) = report(message) else { continue };
        for claim in report.claims.iter().filter(|c| c.sensor == sensor && c.quantity == rest) {
            values.push((claim.at.or(report.at).unwrap(), claim.value));
        }
    }
    values.sort_by_key(|(at, _)| *at);
    values
}

fn report(message: &Message) -> Option<reading::report::Report<'_>> {
    let frame = Frame {
        source: "sim",
        topic: &message.topic,
        payload: &message.payload,
        received_at: message.sent_at,
        retained: message.retain,
    };
    match codec::decode(&frame) {
        Ok(codec::Message::Report(report)) => Some(report),
        _ => None,
    }
}

fn mean_rate(values: &[(Timestamp, f64)], from: Timestamp, to: Timestamp) -> f64 {
    let inside: Vec<(f64, f64)> = values
        .iter()
        .filter(|(at, _)| from <= *at && *at <= to)
        .map(|(at, value)| (at.hours_since(from), *value))
        .collect();
    let n = inside.len() as f64;
    let (st, sv) = inside.iter().fold((0.0, 0.0), |(st, sv), (t, v)| (st + t, sv + v));
    let (mt, mv) = (st / n, sv / n);
    let (stt, stv) = inside
        .iter()
        .fold((0.0, 0.0), |(a, b), (t, v)| (a + (t - mt).powi(2), b + (t - mt) * (v - mv)));
    stv / stt
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let scenario = typhoon();
    let (one, same, other) =
        (messages(&scenario, 7, 2.0), messages(&scenario, 7, 2.0), messages(&scenario, 8, 2.0));
    assert!(one == same, "two worlds from one seed differ");
    assert!(one != other, "two seeds give one world");
}

/// The same on every machine, today and tomorrow. Where generators or the scenario were changed on purpose, the
/// new sum belongs here.
#[test]
fn the_bytes_of_a_quiet_hour_are_known() {
    let scenario = Scenario::load("quiet").unwrap().with_sites(2);
    let live = messages(&scenario, 1, 1.0).into_iter().filter(|message| !message.retain);
    let sum =
        live.flat_map(|message| message.payload).fold(0xCBF2_9CE4_8422_2325_u64, |sum, byte| {
            (sum ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
        });
    assert_eq!(format!("{sum:016x}"), "118a9fb625851d6b");
}

#[test]
fn one_more_site_changes_nobody_elses_bytes() {
    let of_first = |count| -> Vec<Message> {
        messages(&typhoon().with_sites(count), 3, 1.0)
            .into_iter()
            .filter(|message| message.topic.starts_with("bongsu/v1/cut-slope-01/"))
            .collect()
    };
    let alone = of_first(1);
    assert!(alone.len() > 60 && alone == of_first(30));
}

#[test]
fn ten_thousand_stations_have_names_of_their_own() {
    let scenario = Scenario::load("regional-storm").unwrap().with_sites(2_500);
    let names: BTreeSet<_> = scenario.sites().iter().map(|site| site.id.clone()).collect();
    assert_eq!((names.len(), World::new(&scenario, 1).station_count()), (2_500, 10_000));
}

#[test]
fn messages_come_in_the_order_of_sending_and_history_first() {
    let scenario = typhoon();
    let all = messages(&scenario, 1, 3.0);
    assert!(all.windows(2).all(|pair| pair[0].sent_at <= pair[1].sent_at));
    assert!(all.iter().all(|message| message.sent_at >= scenario.start));
    let live = all.iter().position(|message| message.topic.ends_with("/telemetry")).unwrap();
    assert!(all[live..].iter().all(|message| message.topic.ends_with("/telemetry")));
    assert!(all[..live].iter().any(|message| message.topic.ends_with("/backfill")));
    let stations = World::new(&scenario, 1).station_count();
    assert_eq!(
        all[..live].iter().filter(|message| message.retain).count(),
        stations,
        "one status each"
    );
}

#[test]
fn every_station_counts_without_gaps_where_nothing_is_lost() {
    let mut scenario = typhoon();
    scenario.rates = Default::default();
    scenario.faults.clear();
    let mut next: BTreeMap<String, u64> = BTreeMap::new();
    for message in messages(&scenario, 1, 2.0).iter().filter(|message| !message.retain) {
        let report = report(message).expect("every message can be decoded");
        let counter = next.entry(format!("{}/{}", report.site, report.station)).or_insert(0);
        *counter += 1;
        assert_eq!(report.seq, Some(*counter), "{}", message.topic);
    }
    assert_eq!(next.len(), World::new(&scenario, 1).station_count());
}

#[test]
fn what_is_reported_is_what_stands_in_the_scenario() {
    let mut scenario = typhoon();
    scenario.faults.clear();
    let expected: BTreeSet<String> = scenario
        .sites()
        .iter()
        .flat_map(|site| scenario.stations(site).iter().map(move |station| (site, station)))
        .flat_map(|(site, station)| {
            station.sensors.iter().map(move |sensor| (site, station, sensor))
        })
        .map(|(site, station, sensor)| {
            format!("{}/{}/{}/{}", site.id, station.id, sensor.id, sensor.quantity)
        })
        .collect();
    let mut seen = BTreeSet::new();
    for message in messages(&scenario, 1, 0.5).iter().filter(|message| !message.retain) {
        let report = report(message).expect("every message can be decoded");
        for claim in &report.claims {
            let quantity = Quantity::parse(&claim.quantity).unwrap();
            assert_eq!(claim.unit.as_deref(), Some(quantity.base_unit().symbol()));
            seen.insert(format!(
                "{}/{}/{}/{}",
                report.site, report.station, claim.sensor, claim.quantity
            ));
        }
    }
    assert_eq!(seen, expected);
}

#[test]
fn statuses_are_read_as_statuses() {
    let scenario = typhoon();
    let status = World::new(&scenario, 1).next().unwrap();
    assert!(
        status.retain
            && codec::Topic::parse(&status.topic).is_ok_and(|topic| topic.about == About::Status)
    );
}

#[test]
fn the_failing_slope_moves_as_its_truth_says_and_then_ends() {
    let scenario = typhoon();
    let all = messages(&scenario, 1, 9.5);
    let tilt = series(&all, "cut-slope-01/post-1/tilt-1/tilt-x");
    let moved = series(&all, "cut-slope-01/post-1/ext-1/displacement");
    let at = |hours| hours_after(&scenario, hours);
    // v = 1/(0.05 (8.5 - t)): mean over the hour to t, in mm/h, and 0.02 °/mm of it
    for (hours, mean) in [(4.5_f64, 4.463), (6.5, 8.109)] {
        let rate = mean_rate(&moved, at(hours - 1.0), at(hours));
        assert!((rate - mean).abs() < 0.25, "{hours} h: {rate} mm/h");
        let rate = mean_rate(&tilt, at(hours - 1.0), at(hours));
        assert!((rate - mean * 0.02).abs() < 0.006, "{hours} h: {rate} °/h");
    }
    let before = scenario.start.minus(HOUR * 3);
    assert!(mean_rate(&moved, before, scenario.start).abs() < 0.05, "nothing moves before");
    assert!(tilt.last().unwrap().0 <= at(8.51), "a buried post is silent");
    let rails = series(&all, "cut-slope-01/post-2/ext-1/displacement");
    assert_eq!(rails.last().unwrap().1, 500.0, "the other shows the end of its range");
    assert!(rails.last().unwrap().0 < at(8.7));
    assert!(
        series(&all, "cut-slope-01/rain-1/gauge-1/rain").last().unwrap().0 > at(9.4),
        "the gauge stands beside"
    );
}

#[test]
fn rates_stay_on_the_side_of_the_limits_that_each_site_deserves() {
    let scenario = typhoon();
    let all = messages(&scenario, 2, 14.0);
    let peak = |site: &str, window_h: f64| {
        let values = series(&all, &format!("{site}/post-1/ext-1/displacement"));
        (0..48).map(|n| f64::from(n) * 0.25 + 1.5).fold(f64::MIN, |best: f64, end| {
            let rate = mean_rate(
                &values,
                hours_after(&scenario, end - window_h),
                hours_after(&scenario, end),
            );
            if rate.is_finite() { best.max(rate) } else { best }
        })
    };
    assert!(peak("cut-slope-01", 1.0) > 6.0 && peak("cut-slope-02", 1.0) > 6.0);
    for held in ["cut-slope-03", "cut-slope-04"] {
        let (two_hours, one_hour) = (peak(held, 2.0), peak(held, 1.0));
        assert!(two_hours > 2.4 && one_hour < 3.4, "{held}: {two_hours}, {one_hour}");
    }
    for still in ["cut-slope-05", "cut-slope-06", "cut-slope-07", "cut-slope-08"] {
        assert!(peak(still, 3.0) < 0.2, "{still}: {}", peak(still, 3.0));
    }
}

#[test]
fn rain_comes_in_whole_tips_and_adds_up() {
    let mut scenario = typhoon();
    scenario.rates = Default::default();
    scenario.faults.clear();
    let rain = series(&messages(&scenario, 1, 24.0), "cut-slope-01/rain-1/gauge-1/rain");
    let tips: Vec<f64> = rain.iter().map(|(_, mm)| mm / 0.2).collect();
    assert!(tips.iter().all(|tips| (tips - tips.round()).abs() < 1e-9));
    // The storm began two hours before the history: 2 and 4 mm fell unseen.
    assert!((rain.iter().map(|(_, mm)| mm).sum::<f64>() - 360.0).abs() < 0.5);
}

#[test]
fn faults_happen_where_and_when_the_script_says() {
    let scenario = typhoon();
    let mut world = World::new(&scenario, 1);
    let end = hours_after(&scenario, 6.5);
    let all: Vec<Message> = world.by_ref().take_while(|message| message.sent_at < end).collect();
    let log = world.faults();
    assert_eq!(log.count(Kind::Spike), 2, "both axes of one sample");
    assert_eq!(log.count(Kind::ClockJump), 12, "one hour of five-minute reports");
    assert!(log.latest().all(|fault| fault.at >= scenario.start));

    let spike = series(&all, "cut-slope-07/post-1/tilt-1/tilt-x");
    assert_eq!(
        spike.windows(2).filter(|pair| (pair[1].1 - pair[0].1).abs() > 4.0).count(),
        2,
        "there and back"
    );
    let stuck = series(&all, "cut-slope-08/hydro-1/moisture-1/soil-moisture");
    let inside: BTreeSet<u64> = stuck
        .iter()
        .filter(|(at, _)| *at > hours_after(&scenario, 2.1) && *at < hours_after(&scenario, 6.4))
        .map(|(_, value)| value.to_bits())
        .collect();
    assert_eq!(inside.len(), 1, "a stuck probe shows one value");
    let ahead = series(&all, "retaining-wall-02/wall-1/tilt-1/tilt-x");
    assert!(ahead.last().unwrap().0 > hours_after(&scenario, 13.0), "a clock nine hours ahead");
}

#[test]
fn losses_and_repeats_stay_near_their_rates() {
    let mut scenario = Scenario::load("quiet").unwrap();
    scenario.rates.loss = 0.02;
    scenario.rates.repeat = 0.05;
    let mut world = World::new(&scenario, 5);
    let end = hours_after(&scenario, 12.0);
    let live = world
        .by_ref()
        .take_while(|message| message.sent_at < end)
        .filter(|message| message.topic.ends_with("/telemetry"))
        .count() as f64;
    let (lost, repeated) =
        (world.faults().count(Kind::Loss) as f64, world.faults().count(Kind::Repeat) as f64);
    let made = live - repeated + lost;
    assert!((lost / made - 0.02).abs() < 0.004, "{lost} of {made}");
    assert!((repeated / made - 0.049).abs() < 0.006, "{repeated} of {made}");
}

#[test]
fn an_outage_keeps_what_was_measured_and_silence_does_not() {
    let text = include_str!("../scenarios/quiet.toml").to_owned()
        + "[[faults]]\nsite = \"cut-slope-01\"\nstation = \"post-1\"\nkind = \"outage\"\nat_h = 1.0\nfor_h = 0.5\n"
        + "[[faults]]\nsite = \"cut-slope-02\"\nstation = \"post-1\"\nkind = \"silence\"\nat_h = 1.0\nfor_h = 0.5\n";
    let mut scenario = Scenario::parse("outage", &text).unwrap();
    scenario.rates = Default::default();
    let all = messages(&scenario, 1, 2.0);
    let (from, to) = (hours_after(&scenario, 1.0), hours_after(&scenario, 1.5));
    let sent_in_it = |site: &str| {
        all.iter()
            .filter(|m| {
                m.topic.contains(site)
                    && m.topic.contains("post-1")
                    && m.sent_at > from
                    && m.sent_at < to
            })
            .count()
    };
    let late = all
        .iter()
        .filter(|m| m.sent_at >= to && m.topic == "bongsu/v1/cut-slope-01/post-1/backfill")
        .count();
    assert!(sent_in_it("cut-slope-01") <= 1 && sent_in_it("cut-slope-02") <= 1);
    assert_eq!(late, 30, "half an hour comes late, on the road for it");
    assert_eq!(series(&all, "cut-slope-01/post-1/tilt-1/tilt-x").len(), 360 + 120);
    assert_eq!(series(&all, "cut-slope-02/post-1/tilt-1/tilt-x").len(), 360 + 90);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever goes wrong on the way, a world goes on in order and stays itself.
    #[test]
    fn any_rates_give_an_ordered_repeatable_world(
        seed: u64, loss in 0.0..1.0_f64, repeat in 0.0..1.0_f64, delay in 0.0..1.0_f64, flip in 0.0..1.0_f64,
        delay_max_s in 0.0..7_200.0_f64,
    ) {
        let mut scenario = typhoon().with_sites(2);
        scenario.history_h = 0.5;
        scenario.rates = Rates { loss, repeat, delay, delay_max_s, flip, reorder: repeat };
        let one = messages(&scenario, seed, 0.5);
        prop_assert!(one.windows(2).all(|pair| pair[0].sent_at <= pair[1].sent_at));
        prop_assert_eq!(one, messages(&scenario, seed, 0.5));
    }
}

/// A day of the quiet scenario with one fault of an instrument from the sixth to the twelfth hour: what one series
/// shows before, in and after it.
fn with_fault(series_name: &str, fault: &str) -> [Vec<f64>; 3] {
    let mut parts = series_name.split('/');
    let (site, station, sensor) =
        (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
    let text = include_str!("../scenarios/quiet.toml").to_owned()
        + &format!(
            "\n[[faults]]\nsite = \"{site}\"\nstation = \"{station}\"\nsensor = \"{sensor}\"\nat_h = 6.0\nfor_h = 6.0\n{fault}\n"
        );
    let mut scenario =
        Scenario::parse("fault.toml", &text).unwrap_or_else(|error| panic!("{error}"));
    scenario.rates = Default::default();
    let scenario = scenario.clone().with_site(&scenario.sites()[0]);
    let all = series(&messages(&scenario, 1, 18.0), series_name);
    let between = |from: f64, to: f64| {
        let (from, to) = (hours_after(&scenario, from), hours_after(&scenario, to));
        all.iter().filter(|(at, _)| *at > from && *at < to).map(|(_, value)| *value).collect()
    };
    [between(0.1, 5.9), between(6.1, 11.9), between(12.1, 17.9)]
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn spread(values: &[f64]) -> f64 {
    let middle = mean(values);
    (values.iter().map(|value| (value - middle).powi(2)).sum::<f64>() / values.len() as f64).sqrt()
}

#[test]
fn every_fault_of_an_instrument_shows_and_ends_as_it_says() {
    let tilt = "cut-slope-01/post-1/tilt-1/tilt-x";
    let [before, during, after] = with_fault(tilt, "kind = \"step\"\nsize = 0.5");
    assert!((mean(&during) - mean(&before) - 0.5).abs() < 0.02);
    assert!((mean(&after) - mean(&before) - 0.5).abs() < 0.02, "a slipped mount stays");

    let [before, during, after] = with_fault(tilt, "kind = \"drift\"\nsize = 2.0");
    assert!(
        (mean(&after) - mean(&before) - 0.5).abs() < 0.02,
        "a quarter of a day at 2 degrees a day"
    );
    assert!((mean(&during) - mean(&before) - 0.25).abs() < 0.02);

    let [before, during, after] = with_fault(tilt, "kind = \"noise\"\nsize = 10.0");
    assert!(spread(&during) > 5.0 * spread(&before) && spread(&after) < 2.0 * spread(&before));

    let wire = "cut-slope-01/post-1/ext-1/displacement";
    let [_, during, after] = with_fault(wire, "kind = \"wire-break\"");
    assert!(during.iter().all(|mm| *mm == 500.0) && after.iter().all(|mm| *mm < 100.0));
    let [_, during, _] = with_fault(wire, "kind = \"rail\"\nsize = -1.0");
    assert!(during.iter().all(|mm| *mm == 0.0));
    let [before, during, after] = with_fault(wire, "kind = \"bird\"\nsize = 8.0");
    assert!(spread(&during) > 1.0 && (mean(&after) - mean(&before)).abs() < 0.5);
    let [before, during, after] = with_fault(wire, "kind = \"unit-mix\"\nsize = 10.0");
    assert!(
        (mean(&during) / mean(&before) - 10.0).abs() < 0.1
            && (mean(&after) / mean(&before) - 1.0).abs() < 0.1
    );
    let [before, _, after] = with_fault(wire, "kind = \"gain\"\nsize = 0.03");
    assert!((mean(&after) / mean(&before) - 1.03).abs() < 0.005, "a gain stays");

    let rain = "cut-slope-01/rain-1/gauge-1/rain";
    let [_, during, _] = with_fault(rain, "kind = \"clogged\"");
    assert_eq!(during.iter().sum::<f64>(), 0.0, "17 mm fall in these hours");
    let [_, during, _] = with_fault(rain, "kind = \"water-test\"\nsize = 31.2");
    let poured = during.iter().sum::<f64>();
    assert!((150.0..220.0).contains(&poured), "six hours of it and a shower: {poured}");
}

#[test]
fn faults_by_chance_are_part_of_the_truth_and_of_the_seed() {
    let scenario = Scenario::load("quiet-year").unwrap();
    let script = |seed| World::new(&scenario, seed).script().to_vec();
    assert_eq!(script(3), script(3));
    assert_ne!(script(3), script(4));
    let spikes = script(3).iter().filter(|fault| fault.kind == Kind::Spike).count();
    assert!((25..95).contains(&spikes), "four a year at each of fourteen instruments: {spikes}");
    assert!(script(3).iter().all(|fault| fault.at_h >= 0.0 && fault.at_h < 8_760.0));
}

#[test]
fn a_link_that_comes_and_goes_loses_nothing_and_one_that_is_dead_loses_what_it_does_not_know() {
    let text = include_str!("../scenarios/quiet.toml").to_owned()
        + "[[faults]]\nsite = \"cut-slope-01\"\nstation = \"post-1\"\nkind = \"flapping\"\nat_h = 1.0\nfor_h = 1.0\nsize = 600\n"
        + "[[faults]]\nsite = \"cut-slope-02\"\nstation = \"post-1\"\nkind = \"half-open\"\nat_h = 1.0\nfor_h = 1.0\nsize = 600\n";
    let mut scenario = Scenario::parse("links.toml", &text).unwrap();
    scenario.rates = Default::default();
    let all = messages(&scenario, 1, 3.0);
    let road = |site: &str, end: &str| {
        let topic = format!("bongsu/v1/{site}/post-1/{end}");
        let live = |message: &&Message| {
            message.topic == topic && message.sent_at > hours_after(&scenario, 0.01)
        };
        all.iter().filter(live).count()
    };
    assert_eq!(road("cut-slope-01", "backfill"), 30, "ten minutes away, ten there");
    assert_eq!(road("cut-slope-02", "backfill"), 50);
    assert_eq!(series(&all, "cut-slope-01/post-1/tilt-1/tilt-x").len(), 360 + 180);
    assert_eq!(
        series(&all, "cut-slope-02/post-1/tilt-1/tilt-x").len(),
        360 + 170,
        "ten minutes are lost"
    );
}

/// One slope with one box, of which the test says more.
fn one_box(station: &str, storm: &str, creep: &str) -> Scenario {
    let text = format!(
        r#"
name = "box"
title = {{ ko = "상자", en = "A box" }}
start = "2026-07-14T00:00:00+09:00"
duration_h = 240.0
[storm]
hourly_mm = [{storm}]
noise = 0.0
[[layouts.slope]]
id = "post-1"
report_s = 600
{station}
[[sites]]
id = "slope-1"
kind = "slope"
name = {{ ko = "비탈면", en = "Slope" }}
area = {{ ko = "아래", en = "below" }}
location = [37.5, 128.2]
creep = {{ {creep} }}
expect = "normal"
"#
    );
    Scenario::parse("box.toml", &text).unwrap_or_else(|error| panic!("{error}"))
}

const WIRE: &str = r#"{ id = "ext-1", quantity = "displacement", noise = 0.0, step = 0.1, range = [0.0, 500.0], zeroed = true, alarming = 1.0 }"#;

#[test]
fn what_moves_is_reported_every_minute_for_a_while() {
    let scenario = one_box(
        &format!("alert = [60, 1800]\nsensors = [{WIRE}]"),
        "",
        "surge = { peak_h = 6.0, half_width_h = 1.0, peak_mm_per_h = 12.0 }",
    );
    let values = series(&messages(&scenario, 1, 12.0), "slope-1/post-1/ext-1/displacement");
    let within = |from: f64, to: f64| {
        let (from, to) = (hours_after(&scenario, from), hours_after(&scenario, to));
        values.iter().filter(|(at, _)| *at >= from && *at < to).count()
    };
    assert_eq!(within(3.0, 5.0), 12, "ten minutes apart while it rests");
    assert!(within(5.5, 6.5) >= 35, "a minute apart while it moves: {}", within(5.5, 6.5));
    assert!(within(9.0, 11.0) <= 13, "and ten again afterwards");
}

#[test]
fn a_battery_without_sun_runs_down_and_the_box_sleeps() {
    let supply =
        r#"{ id = "supply", quantity = "battery-voltage", step = 0.01, range = [0.0, 20.0] }"#;
    let power = "power = { battery_wh = 40.0, panel_w = 0.0, load_w = 0.6 }";
    let scenario = one_box(&format!("{power}\nsensors = [{supply}]"), "", "");
    let volts = series(&messages(&scenario, 1, 240.0), "slope-1/post-1/supply/battery-voltage");
    assert!(volts[0].1 > 12.0 && volts.windows(2).all(|pair| pair[1].1 <= pair[0].1));
    let (at, last) = *volts.last().unwrap();
    assert!((11.2..11.4).contains(&last), "asleep at 11.2 V: {last}");
    assert!(at < hours_after(&scenario, 80.0), "40 Wh at 0.6 W are 67 h");
    let gap = |pair: &[(Timestamp, f64)]| pair[1].0.since(pair[0].0).as_secs();
    assert!(
        gap(&volts[..2]) < 700 && gap(&volts[volts.len() - 2..]) > 1_100,
        "half as often below 11.8 V"
    );
}

/// What befell reports as a world tells it: the numbers of those that met each kind.
fn told(
    scenario: &Scenario,
    seed: u64,
    hours: f64,
) -> (Vec<Message>, BTreeMap<Kind, BTreeSet<u64>>) {
    let mut world = World::new(scenario, seed);
    let (teller, faults) = std::sync::mpsc::sync_channel(65_536);
    world.tell_faults(teller);
    let all = world.until(hours_after(scenario, hours)).collect();
    let mut numbers: BTreeMap<Kind, BTreeSet<u64>> = BTreeMap::new();
    for fault in faults {
        numbers.entry(fault.kind).or_default().insert(fault.seq.unwrap());
    }
    (all, numbers)
}

/// Each report by its number: how often it came, on which road, and when it was sent first.
fn arrivals(all: &[Message]) -> BTreeMap<u64, (usize, bool, Timestamp)> {
    let mut arrivals = BTreeMap::new();
    for message in all.iter().filter(|message| !message.retain) {
        let whole = Message { payload: message.whole(), ..message.clone() };
        let seq = report(&whole).unwrap().seq.unwrap();
        let late = message.topic.ends_with("/backfill");
        arrivals.entry(seq).or_insert((0, late, message.sent_at)).0 += 1;
    }
    arrivals
}

#[test]
fn truth_names_every_report_that_met_something_on_its_way() {
    let radio = "radio = { dry_dbm = -112.0, floor_dbm = -120.0 }";
    let rain = "0, 0, 40, 40, 40, 40, 0, 0";
    let mut scenario = one_box(&format!("{radio}\nsensors = [{WIRE}]"), rain, "");
    scenario.rates = Default::default();
    let (clean, weather) = told(&scenario, 1, 96.0);
    let undisturbed = arrivals(&clean);
    let late: BTreeSet<u64> =
        undisturbed.iter().filter(|(_, (_, late, _))| *late).map(|(seq, _)| *seq).collect();
    assert!(late.len() >= 5, "{late:?}");
    assert_eq!(weather, BTreeMap::from([(Kind::Unheard, late.clone())]));

    scenario.rates = Rates {
        loss: 0.05,
        repeat: 0.05,
        delay: 0.05,
        delay_max_s: 300.0,
        flip: 0.05,
        reorder: 0.05,
    };
    let (all, truth) = told(&scenario, 1, 96.0);
    let arrived = arrivals(&all);
    let lost = undisturbed.keys().filter(|seq| !arrived.contains_key(seq)).copied().collect();
    let twice =
        arrived.iter().filter(|(_, (count, ..))| *count == 2).map(|(seq, _)| *seq).collect();
    let flipped = all.iter().filter(|message| !message.flips.is_empty());
    let flipped = arrivals(&flipped.cloned().collect::<Vec<_>>()).into_keys().collect();
    let behind: BTreeSet<u64> = arrived
        .iter()
        .filter(|(seq, (.., at))| *at > undisturbed[seq].2)
        .map(|(seq, _)| *seq)
        .collect();
    assert_eq!(truth[&Kind::Unheard], late, "the weather is the same");
    let beyond = |kind: Kind, seen: &BTreeSet<u64>| -> Vec<u64> {
        truth[&kind].symmetric_difference(seen).copied().collect()
    };
    // a report on its way when the run ends is true and has not come
    let last = *undisturbed.keys().next_back().unwrap();
    assert!(beyond(Kind::Loss, &lost).iter().all(|seq| *seq + 3 > last));
    assert!(beyond(Kind::Repeat, &twice).iter().all(|seq| *seq + 3 > last));
    assert!(beyond(Kind::Flip, &flipped).iter().all(|seq| *seq + 3 > last));
    let held: BTreeSet<u64> = &truth[&Kind::Delay] | &truth[&Kind::Reorder];
    assert!(held.symmetric_difference(&behind).all(|seq| *seq + 3 > last));
    assert!(truth.values().all(|seqs| seqs.len() >= 5), "each kind happened: {truth:?}");
}

#[test]
fn truth_tells_what_a_dead_connection_lost_from_what_it_held_up() {
    let mut scenario = one_box(&format!("sensors = [{WIRE}]"), "", "");
    let fault = |kind: Kind, at_h: f64, size: f64| Scripted {
        site: "slope-1".parse().unwrap(),
        station: "post-1".parse().unwrap(),
        sensor: None,
        kind,
        at_h,
        for_h: 2.0,
        size,
    };
    scenario.faults =
        vec![fault(Kind::HalfOpen, 2.0, 3_600.0), fault(Kind::Flapping, 6.0, 1_200.0)];
    let (all, truth) = told(&scenario, 1, 12.0);
    let arrived = arrivals(&all);
    let last = *arrived.keys().next_back().unwrap();
    let lost: BTreeSet<u64> = (1..=last).filter(|seq| !arrived.contains_key(seq)).collect();
    let late: BTreeSet<u64> =
        arrived.iter().filter(|(_, (_, late, _))| *late).map(|(seq, _)| *seq).collect();
    let held: BTreeSet<u64> = &truth[&Kind::Outage] | &truth[&Kind::Flapping];
    assert!(lost.len() >= 5 && late.len() >= 10, "{lost:?} {late:?}");
    assert_eq!((&truth[&Kind::HalfOpen], held), (&lost, late));
}

#[test]
fn a_storm_between_box_and_gateway_delays_and_loses_nothing() {
    let radio = "radio = { dry_dbm = -112.0, floor_dbm = -120.0 }";
    let scenario =
        one_box(&format!("{radio}\nsensors = [{WIRE}]"), "0, 0, 40, 40, 40, 40, 0, 0", "");
    let all = messages(&scenario, 1, 12.0);
    let values = series(&all, "slope-1/post-1/ext-1/displacement");
    assert!(values.len() >= 71, "everything came: {}", values.len());
    let late: Vec<Timestamp> =
        all.iter().filter(|m| m.topic.ends_with("/backfill")).map(|m| m.sent_at).collect();
    let stormy = late.iter().filter(|at| **at > hours_after(&scenario, 2.0)).count();
    assert!(stormy >= 2, "some of it late: {late:?}");
}

#[test]
fn a_box_is_told_how_often_to_report_and_sends_again_what_it_is_asked_for() {
    let scenario = one_box(&format!("sensors = [{WIRE}]"), "", "");
    let mut world = World::new(&scenario, 1);
    let sent: Vec<Message> = world.by_ref().take(4).collect();
    let at = sent.last().unwrap().sent_at;
    let mut tell = |id: &str, order: &str| -> Vec<(String, String)> {
        let order = format!(r#"{{"id":"{id}",{order},"not_after":"2026-07-15T00:00:00+09:00"}}"#);
        let said = world.tell("bongsu/v1/slope-1/post-1/command", order.as_bytes(), at);
        said.into_iter().map(|m| (m.topic, String::from_utf8(m.payload).unwrap())).collect()
    };
    let done = tell("1", r#""command":"resend","from":2,"to":3"#);
    assert!(
        done[0].0.ends_with("/command/result") && done[0].1.contains(r#""result":"done""#),
        "{done:?}"
    );
    assert_eq!(done.len(), 3);
    assert_eq!(done[1].1.as_bytes(), sent[2].payload, "the same report, on the road of the past");
    assert!(done[1].0.ends_with("/backfill"));
    let refused = tell("2", r#""command":"sing""#);
    assert!(refused[0].1.contains(r#""result":"refused","reason":"not an order"#), "{refused:?}");
    assert!(tell("3", r#""command":"interval","interval_s":60"#)[0].1.contains("done"));
    assert!(world.tell("bongsu/v1/slope-1/post-9/command", b"{}", at).is_empty());
    let next: Vec<Timestamp> = world.filter(|m| !m.retain).take(4).map(|m| m.sent_at).collect();
    assert!(next[3].since(next[1]).as_secs() < 200, "a minute apart from the one after next on");
}
