//! Worked cases: what comes in, and what is believed of it.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

use super::*;
use crate::calibration::{Compensation, Curve};
use crate::codec::{Identity, Message, decode, native};
use crate::registry::{SeriesEntry, Site, StationEntry};

/// `cut-12/box-1` reports each minute tilt and rain, `cut-12/box-2` each quarter of an hour rain.
fn registry() -> Registry {
    let site = Site::of("cut-12".parse().unwrap(), (37.5, 127.0));
    let series = |sensor: &str, quantity: Quantity, unit: Unit, range| SeriesEntry {
        unit,
        range,
        ..SeriesEntry::of(sensor.parse().unwrap(), quantity)
    };
    let station = |id: &str, minutes: u64, series| StationEntry {
        report_interval: Duration::from_secs(60 * minutes),
        series,
        ..StationEntry::of("cut-12".parse().unwrap(), id.parse().unwrap(), "mqtt")
    };
    let rain = series("rain-1", Quantity::Rain, Unit::Millimetre, (0.0, 100.0));
    let tilt = series("tilt-1", Quantity::TiltX, Unit::MillimetrePerMetre, (-30.0, 30.0));
    Registry::new(
        vec![site],
        vec![station("box-1", 1, vec![tilt, rain.clone()]), station("box-2", 15, vec![rain])],
    )
}

struct Door {
    registry: Registry,
    admission: Admission,
    total: Tally,
}

impl Door {
    fn new() -> Self {
        let registry = registry();
        let admission = Admission::new(&registry, Limits::default());
        Self { registry, admission, total: Tally::default() }
    }

    fn frame<'a>(topic: &'a str, received_at: &str, payload: &'a str) -> Frame<'a> {
        Frame {
            source: "mqtt",
            topic,
            payload: payload.as_bytes(),
            received_at: at(received_at),
            retained: false,
        }
    }

    /// What becomes of a frame, in words: each reading's value, flags and time, then each refusal, then repeats.
    fn take(&mut self, frame: &Frame<'_>) -> String {
        let Message::Report(report) = decode(frame).unwrap() else {
            panic!("not a report: {}", frame.topic)
        };
        let payload = Identity::Payload.bytes(&report, frame.payload);
        let frame = &Frame { payload, ..*frame };
        let (mut out, mut refused) = (vec![], vec![]);
        let tally = self.admission.admit(
            &self.registry,
            &report,
            frame,
            frame.received_at,
            &mut out,
            &mut refused,
        );
        assert!(tally.is_balanced());
        assert_eq!((tally.admitted, tally.refused), (out.len() as u64, refused.len() as u64));
        self.total += tally;
        let mut words: Vec<String> = out
            .iter()
            .map(|r| format!("{} {} {}", r.value, r.quality, clock(r.measured_at)))
            .collect();
        words.extend(refused.iter().map(|r| r.reason.name().to_string()));
        if tally.duplicate > 0 {
            words.push(format!("{} again", tally.duplicate));
        }
        words.join(", ")
    }

    fn rain(&mut self, road: &str, received_at: &str, payload: &str) -> String {
        let topic = format!("bongsu/v1/cut-12/box-2/{road}");
        self.take(&Self::frame(&topic, received_at, payload))
    }
}

/// A time of 2026-07-14, or a full one.
fn at(text: &str) -> Timestamp {
    if text.len() > 12 { text.parse_full() } else { format!("2026-07-14T{text}Z").parse_full() }
}

trait ParseFull {
    fn parse_full(&self) -> Timestamp;
}

impl ParseFull for str {
    fn parse_full(&self) -> Timestamp {
        Timestamp::parse(self).unwrap()
    }
}

fn clock(at: Timestamp) -> String {
    at.to_string().trim_start_matches("2026-07-14T").trim_end_matches('Z').to_string()
}

fn rain(seq: u64, at: &str, mm: f64) -> String {
    let at = if at.len() > 12 { at.to_string() } else { format!("2026-07-14T{at}Z") };
    format!(
        r#"{{"seq":{seq},"at":"{at}","readings":[{{"sensor":"rain-1","quantity":"rain","value":{mm}}}]}}"#
    )
}

#[test]
fn converts_to_base_units_and_takes_the_registered_one_where_none_is_sent() {
    let mut door = Door::new();
    for (unit, value, expected) in [
        ("", "100", 5.729577951308232),
        (r#","unit":"deg""#, "3", 3.0),
        (r#","unit":"rad""#, "0.1", 5.729577951308232),
    ] {
        let payload = format!(
            r#"{{"readings":[{{"sensor":"tilt-1","quantity":"tilt-x","value":{value}{unit}}}]}}"#
        );
        let got = door.take(&Door::frame("bongsu/v1/cut-12/box-1/telemetry", "03:00:00", &payload));
        let value: f64 = got.split(' ').next().unwrap().parse().unwrap();
        assert!((value - expected).abs() < 1e-12, "{unit}: {got}");
    }
}

#[test]
fn refuses_by_name_and_takes_the_rest_of_the_message() {
    let good = r#"{"sensor":"tilt-1","quantity":"tilt-x","value":0.5,"unit":"deg"}"#;
    for (claim, reason) in [
        (r#"{"sensor":"tilt-1","quantity":"warp","value":1}"#, "unknown-quantity"),
        (r#"{"sensor":"tilt-9","quantity":"tilt-x","value":1}"#, "unknown-sensor"),
        (r#"{"sensor":"tilt-1","quantity":"tilt-y","value":1}"#, "unknown-sensor"),
        (r#"{"sensor":"급경사지\n","quantity":"tilt-x","value":1}"#, "unknown-sensor"),
        (r#"{"sensor":"tilt-1","quantity":"tilt-x","value":1,"unit":"furlong"}"#, "unknown-unit"),
        (r#"{"sensor":"tilt-1","quantity":"tilt-x","value":1,"unit":""}"#, "unknown-unit"),
        (r#"{"sensor":"tilt-1","quantity":"tilt-x","value":1,"unit":"mm"}"#, "unit-mismatch"),
        (r#"{"sensor":"tilt-1","quantity":"tilt-x","value":null}"#, "not-finite"),
        (r#"{"sensor":"tilt-1","quantity":"tilt-x","value":1e308,"unit":"rad"}"#, "not-finite"),
        (r#"{"sensor":"tilt-1","quantity":"tilt-x","value":30.01,"unit":"deg"}"#, "out-of-range"),
        (r#"{"sensor":"tilt-1","quantity":"tilt-x","value":-30.01,"unit":"deg"}"#, "out-of-range"),
        (
            r#"{"sensor":"tilt-1","quantity":"tilt-x","value":1,"at":"2026-07-14T04:00:01Z"}"#,
            "future",
        ),
        (
            r#"{"sensor":"tilt-1","quantity":"tilt-x","value":1,"at":"2099-01-01T00:00:00Z"}"#,
            "future",
        ),
    ] {
        let payload =
            format!(r#"{{"seq":1,"at":"2026-07-14T03:00:00Z","readings":[{claim},{good}]}}"#);
        let got = Door::new().take(&Door::frame(
            "bongsu/v1/cut-12/box-1/telemetry",
            "03:00:00",
            &payload,
        ));
        assert_eq!(got, format!("0.5 good 03:00:00, {reason}"), "{claim}");
    }
}

#[test]
fn refuses_at_the_door() {
    let payload = rain(1, "03:00:00", 0.2);
    for (source, topic, retained, reason) in [
        ("mqtt", "bongsu/v1/cut-99/box-2/telemetry", false, "unknown-site"),
        ("mqtt", "bongsu/v1/cut-12/box-9/telemetry", false, "unknown-station"),
        ("serial", "bongsu/v1/cut-12/box-2/telemetry", false, "foreign-source"),
        ("mqtt", "bongsu/v1/cut-12/box-2/telemetry", true, "retained"),
        ("mqtt", "bongsu/v1/cut-12/box-2/backfill", true, "retained"),
    ] {
        let mut door = Door::new();
        let frame = Door::frame(topic, "03:00:00", &payload);
        assert_eq!(door.take(&Frame { source, retained, ..frame }), reason);
        let heard = door.rain("telemetry", "03:00:01", &payload);
        assert_eq!(
            heard, "0.2 good 03:00:00",
            "what a stranger says hides nothing the station says"
        );
    }
}

#[test]
fn refusals_show_what_was_sent() {
    let mut refused = vec![];
    let claim = r#"{"sensor":"tilt-9\u0007","quantity":"tilt-x","value":1.5,"unit":"deg"}"#;
    let payload = format!(r#"{{"at":"2026-07-14T03:00:00Z","readings":[{claim}]}}"#);
    let frame = Door::frame("bongsu/v1/cut-12/box-1/telemetry", "03:00:00", &payload);
    let Message::Report(report) = decode(&frame).unwrap() else { panic!() };
    let mut door = Door::new();
    door.admission.admit(
        &door.registry,
        &report,
        &frame,
        frame.received_at,
        &mut vec![],
        &mut refused,
    );
    assert_eq!(
        refused[0].to_string(),
        "cut-12/box-1/tilt-9\u{fffd}/tilt-x = 1.5 deg: unknown-sensor: add the sensor and its quantity to the station, or correct the message"
    );
    assert_eq!(refused[0].at, Some(at("03:00:00")));
}

#[test]
fn every_refusal_has_its_own_name() {
    let names: alloc::collections::BTreeSet<_> =
        Refusal::ALL.iter().map(|reason| reason.name()).collect();
    assert_eq!(names.len(), Refusal::ALL.len());
}

#[test]
fn g08_repeats_are_dropped_and_conflicts_are_kept() {
    let mut door = Door::new();
    for (road, received_at, payload, expected) in [
        ("telemetry", "03:00:00", rain(1, "03:00:00", 0.2), "0.2 good 03:00:00"),
        ("telemetry", "03:00:01", rain(1, "03:00:00", 0.2), "1 again"),
        ("backfill", "03:00:02", rain(1, "03:00:00", 0.2), "1 again"),
        // the same measurement in another message
        ("telemetry", "03:00:03", rain(2, "03:00:00", 0.2), "1 again"),
        ("telemetry", "03:00:04", rain(3, "03:00:00", 0.4), "0.4 conflict 03:00:00"),
        ("telemetry", "03:00:05", rain(3, "03:00:00", 0.4), "1 again"),
        ("telemetry", "03:15:00", rain(4, "03:15:00", 0.2), "0.2 good 03:15:00"),
        // rebooted: the number starts again, the measurement is another
        ("telemetry", "03:30:00", rain(1, "03:30:00", 0.2), "0.2 good 03:30:00"),
    ] {
        assert_eq!(door.rain(road, received_at, &payload), expected, "{received_at} {payload}");
    }
    assert_eq!(
        door.total,
        Tally { claimed: 8, admitted: 4, refused: 0, duplicate: 4, missing: 0, found: 0, held: 0 }
    );
}

#[test]
fn g08_a_backlog_delivered_twice_counts_once() {
    let mut door = Door::new();
    let minute = |i: u64| {
        Timestamp::from_nanos(at("03:00:00").nanos() + i as i64 * 60_000_000_000).to_string()
    };
    let messages: Vec<String> = (0..200).map(|i| rain(i, &minute(i), 0.2)).collect();
    let mut all = |round| {
        messages
            .iter()
            .map(|m| door.rain("telemetry", "06:30:00", m))
            .filter(|got| *got == "1 again")
            .count()
            == round
    };
    assert!(all(0));
    assert!(all(200));
}

#[test]
fn g08_late_data_is_admitted_and_labelled() {
    let mut door = Door::new();
    for (road, received_at, payload, expected) in [
        ("telemetry", "03:15:00", rain(2, "03:15:00", 0.2), "0.2 good 03:15:00"),
        ("telemetry", "03:16:00", rain(1, "03:00:00", 0.1), "0.1 out-of-order 03:00:00"),
        // three intervals of a quarter of an hour
        ("telemetry", "04:15:00", rain(3, "03:30:00", 0.3), "0.3 good 03:30:00"),
        ("telemetry", "04:30:01", rain(4, "03:45:00", 0.3), "0.3 old 03:45:00"),
        (
            "backfill",
            "04:30:02",
            rain(5, "03:20:00", 0.4),
            "0.4 old+out-of-order+backfill 03:20:00",
        ),
        ("backfill", "04:30:03", rain(5, "04:30:00", 0.5), "0.5 backfill 04:30:00"),
    ] {
        assert_eq!(door.rain(road, received_at, &payload), expected, "{received_at} {payload}");
    }
}

#[test]
fn clocks_that_are_ahead_are_replaced_and_then_refused() {
    let mut door = Door::new();
    for (received_at, payload, expected) in [
        ("03:00:00", rain(1, "03:02:00", 0.1), "0.1 good 03:02:00"),
        ("03:15:00", rain(2, "03:17:01", 0.2), "0.2 time-replaced+clock-ahead 03:15:00"),
        ("03:30:00", rain(3, "04:30:01", 0.3), "future"),
        // set right again: what is right now is not held against it
        ("03:45:00", rain(4, "03:45:00", 0.4), "0.4 good 03:45:00"),
    ] {
        assert_eq!(door.rain("telemetry", received_at, &payload), expected, "{received_at}");
    }
}

#[test]
fn of_a_burst_without_a_clock_only_the_newest_is_live() {
    let claim = |at: &str, mm: f64| {
        format!(r#"{{"sensor":"rain-1","quantity":"rain","value":{mm},"at":"{at}"}}"#)
    };
    let burst = |times: [&str; 3]| {
        let claims: Vec<String> =
            times.iter().enumerate().map(|(i, at)| claim(at, i as f64)).collect();
        format!(r#"{{"readings":[{}]}}"#, claims.join(","))
    };
    let (a, b, c) = ("1970-01-01T00:00:10Z", "1970-01-01T00:15:10Z", "1970-01-01T00:30:10Z");
    let live = "time-replaced 03:00:00";
    let not = "time-replaced+time-unknown 03:00:00";
    for (times, expected) in [
        ([a, b, c], format!("0 {not}, 1 {not}, 2 {live}")),
        ([c, b, a], format!("0 {live}, 1 {not}, 2 {not}")),
        ([a, c, b], format!("0 {not}, 1 {live}, 2 {not}")),
        ([a, a, a], format!("0 {not}, 1 {not}, 2 {live}")),
    ] {
        assert_eq!(Door::new().rain("telemetry", "03:00:00", &burst(times)), expected, "{times:?}");
    }
    let backfilled = "time-unknown 03:00:00";
    let got = Door::new().rain("backfill", "03:00:00", &burst([a, b, c]));
    assert_eq!(got.matches("time-unknown").count(), 3, "{got} {backfilled}");
}

#[test]
fn messages_without_a_clock_are_live_in_their_rhythm_and_unknown_in_a_burst() {
    let mut door = Door::new();
    let message = |seq: u64, mm: f64| {
        format!(
            r#"{{"seq":{seq},"readings":[{{"sensor":"rain-1","quantity":"rain","value":{mm}}}]}}"#
        )
    };
    for (received_at, payload, expected) in [
        ("03:00:00", message(1, 0.1), "0.1 time-replaced 03:00:00"),
        ("03:15:00", message(2, 0.1), "0.1 time-replaced 03:15:00"),
        ("03:15:01", message(2, 0.1), "1 again"),
        ("03:15:01", message(3, 0.2), "0.2 time-replaced+time-unknown 03:15:01"),
        ("03:15:04", message(4, 0.3), "0.3 time-replaced+time-unknown 03:15:04"),
        ("03:15:05", message(5, 0.4), "0.4 time-replaced 03:15:05"),
        ("03:20:00", rain(6, "1970-01-01T00:00:07Z", 0.5), "0.5 time-replaced 03:20:00"),
        // booted again: same stamp, another value, no conflict
        ("03:40:00", rain(0, "1970-01-01T00:00:07Z", 0.6), "0.6 time-replaced 03:40:00"),
    ] {
        assert_eq!(
            door.rain("telemetry", received_at, &payload),
            expected,
            "{received_at} {payload}"
        );
    }
}

#[test]
fn messages_with_neither_stamp_nor_number_are_never_repeats() {
    let mut door = Door::new();
    let payload = r#"{"readings":[{"sensor":"rain-1","quantity":"rain","value":0}]}"#;
    for minute in 0..5 {
        let received_at = format!("03:0{minute}:00");
        assert_eq!(
            door.rain("telemetry", &received_at, payload),
            format!("0 time-replaced {received_at}")
        );
    }
}

/// docs/formulas.md 6.6: on 2015-10-01 the logger at Mukilteo went from 05:00 back to 04:15 and wrote that hour again.
#[test]
fn a_clock_stepping_back_is_told_and_overwrites_nothing() {
    let mut door = Door::new();
    let local = |time: &str| format!("2015-10-01T{time}:00-07:00");
    for (seq, time, mm, expected) in [
        (1, "04:15", 0.0, "0 good 2015-10-01T11:15:00"),
        (2, "04:30", 0.2, "0.2 good 2015-10-01T11:30:00"),
        (3, "04:45", 0.0, "0 good 2015-10-01T11:45:00"),
        (4, "05:00", 0.0, "0 good 2015-10-01T12:00:00"),
        (5, "04:15", 0.4, "0.4 out-of-order+clock-step+conflict 2015-10-01T11:15:00"),
        (6, "04:30", 0.4, "0.4 out-of-order+conflict 2015-10-01T11:30:00"),
        (7, "04:45", 0.0, "1 again"),
        (8, "05:00", 0.0, "1 again"),
        (9, "05:15", 0.0, "0 good 2015-10-01T12:15:00"),
    ] {
        let stamp = local(time);
        assert_eq!(
            door.rain("telemetry", &stamp, &rain(seq, &stamp, mm)),
            expected,
            "{seq} {time}"
        );
    }
}

#[test]
fn backfill_is_behind_by_nature_and_steps_no_clock() {
    let mut door = Door::new();
    for (road, payload, expected) in [
        ("telemetry", rain(1, "03:30:00", 0.2), "0.2 good 03:30:00"),
        ("backfill", rain(2, "03:15:00", 0.2), "0.2 out-of-order+backfill 03:15:00"),
        ("telemetry", rain(3, "03:45:00", 0.2), "0.2 good 03:45:00"),
    ] {
        assert_eq!(door.rain(road, "03:45:00", &payload), expected, "{payload}");
    }
}

#[test]
fn silence_is_told_from_live_messages_only() {
    let mut door = Door::new();
    let station = StationIndex(1);
    let series = SeriesIndex(2);
    assert_eq!(door.admission.station_seen_at(station), None);
    door.rain("backfill", "03:00:00", &rain(1, "02:45:00", 0.2));
    assert_eq!(door.admission.station_seen_at(station), None);
    door.rain("telemetry", "03:15:00", &rain(2, "03:15:00", -5.0));
    assert_eq!(door.admission.station_seen_at(station), Some(at("03:15:00")));
    assert_eq!(
        door.admission.series_seen_at(series),
        None,
        "an impossible value is no sign of life"
    );
    door.rain("telemetry", "03:30:00", &rain(3, "03:30:00", 0.2));
    assert_eq!(door.admission.series_seen_at(series), Some(at("03:30:00")));
    assert_eq!(door.admission.newest(series), Some(at("03:30:00")));
    door.rain("telemetry", "03:40:00", &rain(3, "03:30:00", 0.2));
    assert_eq!(door.admission.station_seen_at(station), Some(at("03:30:00")), "nor is a repeat");
}

#[test]
fn missing_messages_are_counted() {
    let mut door = Door::new();
    for (road, seq, minute) in [
        ("telemetry", 1, 1),
        ("telemetry", 2, 2),
        ("telemetry", 6, 3),
        ("backfill", 3, 0),
        ("telemetry", 0, 4),
    ] {
        door.rain(road, "03:05:00", &rain(seq, &format!("03:0{minute}:00"), 0.2));
    }
    assert_eq!((door.total.missing, door.total.found), (3, 1));
}

#[test]
fn what_was_seen_survives_by_name() {
    let mut door = Door::new();
    door.rain("telemetry", "03:00:00", &rain(1, "03:00:00", 0.2));
    let state = door.admission.export(&door.registry);
    let state = serde_json::from_str(&serde_json::to_string(&state).unwrap()).unwrap();

    let mut sites = door.registry.sites().to_vec();
    sites.insert(0, Site { id: "abut-1".parse().unwrap(), ..sites[0].clone() });
    let rain_2 = SeriesEntry {
        range: (0.0, 100.0),
        lateness: Duration::ZERO,
        ..SeriesEntry::of("rain-1".parse().unwrap(), Quantity::Rain)
    };
    let station = |site: &str| StationEntry {
        report_interval: Duration::from_secs(900),
        series: vec![rain_2.clone()],
        ..StationEntry::of(site.parse().unwrap(), "box-2".parse().unwrap(), "mqtt")
    };
    let registry = Registry::new(sites, vec![station("abut-1"), station("cut-12")]);
    let admission = Admission::restore(&registry, Limits::default(), state);
    let mut door = Door { registry, admission, total: Tally::default() };
    assert_eq!(door.admission.series_seen_at(SeriesIndex(0)), None, "another site's number");
    assert_eq!(door.rain("telemetry", "03:00:05", &rain(1, "03:00:00", 0.2)), "1 again");
    assert_eq!(
        door.rain("telemetry", "03:15:00", &rain(2, "03:00:00", 0.3)),
        "0.3 conflict 03:00:00"
    );
}

#[test]
fn values_that_are_not_finite_are_sent_as_null_and_refused() {
    let report = Report {
        site: "cut-12",
        station: "box-2",
        seq: None,
        at: None,
        heard_at: None,
        road: Road::Live,
        claims: vec![Claim {
            sensor: "rain-1".into(),
            quantity: "rain".into(),
            value: f64::INFINITY,
            unit: None,
            at: None,
        }],
    };
    let payload = String::from_utf8(native::encode(&report)).unwrap();
    assert_eq!(Door::new().rain("telemetry", "03:00:00", &payload), "not-finite");
}

/// docs/formulas.md 10, the first record at Marine View Drive: a vibrating wire and its thermistor, compensated
/// for temperature and for air pressure. The range is that of the printed digits.
#[test]
fn a_vibrating_wire_is_compensated_to_the_printed_digits() {
    let kpa_per_psi = 6.894_757_29;
    let calibrated = |sensor: &str, quantity: Quantity, unit, curve, offset, compensations| {
        let from = Timestamp::from_secs(0);
        SeriesEntry {
            unit,
            calibrations: vec![Calibration { from, curve, offset, compensations }],
            ..SeriesEntry::of(sensor.parse().unwrap(), quantity)
        }
    };
    let by = |name: &str, factor, reference| Compensation {
        series: name.parse().unwrap(),
        factor,
        reference,
    };
    let station = |id: &str, series| StationEntry {
        series,
        ..StationEntry::of("cut-12".parse().unwrap(), id.parse().unwrap(), "mqtt")
    };
    let thermistor = Curve::SteinhartHart([1.4051e-3, 2.369e-4, 1.019e-7]);
    let wire = Curve::Polynomial(vec![828.53, -2.3260e-3, -9.5792e-5]);
    let registry = Registry::new(
        registry().sites().to_vec(),
        vec![
            station(
                "air",
                vec![calibrated(
                    "baro-1",
                    Quantity::BarometricPressure,
                    Unit::Hectopascal,
                    Curve::Polynomial(vec![500.0, 0.240]),
                    0.0,
                    vec![],
                )],
            ),
            station(
                "pz",
                vec![
                    calibrated(
                        "pz-1",
                        Quantity::Temperature,
                        Unit::Celsius,
                        thermistor,
                        0.3,
                        vec![],
                    ),
                    calibrated(
                        "pz-1",
                        Quantity::PorePressure,
                        Unit::Kilopascal,
                        wire,
                        -0.762 * kpa_per_psi,
                        vec![
                            by("cut-12/pz/pz-1/temperature", -0.0380 * kpa_per_psi, 20.2),
                            by("cut-12/air/baro-1/barometric-pressure", -1.0, 101.3),
                        ],
                    ),
                ],
            ),
        ],
    );
    let admission = Admission::new(&registry, Limits::default());
    let mut door = Door { registry, admission, total: Tally::default() };
    let wire = r#"{"at":"2015-12-18T00:00:00Z","readings":[{"sensor":"pz-1","quantity":"pore-pressure","value":2923},{"sensor":"pz-1","quantity":"temperature","value":5781}]}"#;
    let air = r#"{"at":"2015-12-18T00:00:00Z","readings":[{"sensor":"baro-1","quantity":"barometric-pressure","value":2056}]}"#;
    let say = |door: &mut Door, station: &str, payload: &str| {
        let topic = format!("bongsu/v1/cut-12/{station}/telemetry");
        door.take(&Door::frame(&topic, "2015-12-18T00:00:05Z", payload))
    };
    let parts = |said: String| -> Vec<f64> {
        said.split(", ").map(|part| part.split(' ').next().unwrap().parse().unwrap()).collect()
    };
    let without_air = say(&mut door, "pz", wire);
    assert!(without_air.contains("uncompensated"), "{without_air}");
    assert!((parts(without_air)[1] - 0.457_210).abs() < 5e-7, "p1");
    assert!((parts(say(&mut door, "air", air))[0] - 99.344).abs() < 5e-7);
    let later = wire.replace("00:00:00Z", "00:00:01Z");
    let said = say(&mut door, "pz", &later);
    assert!(!said.contains("uncompensated"), "{said}");
    let [celsius, kpa] = parts(said)[..] else { panic!("two values") };
    assert!((celsius - 10.963_539).abs() < 5e-7, "{celsius}");
    assert!((kpa - 2.413_210).abs() < 5e-7, "{kpa}");
    let head = kpa * 0.101_997_733_4 + 0.1;
    assert!((head - 0.346_142).abs() < 5e-7, "{head}");
    // what has a unit is no raw number
    let sent = wire.replace("2923}", "2.5,\"unit\":\"kPa\"}").replace("00:00:00Z", "00:00:02Z");
    assert!((parts(say(&mut door, "pz", &sent))[1] - 2.5).abs() < 1e-12);
    let early = wire.replace("2015-12-18T00:00:00Z", "1969-01-01T00:00:00Z");
    let topic = "bongsu/v1/cut-12/pz/telemetry";
    let frame = Door::frame(topic, "1969-01-01T00:00:00Z", &early);
    assert_eq!(door.take(&frame), "not-calibrated, not-calibrated");
}
