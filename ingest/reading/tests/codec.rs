//! Frames from the wire: the whole form, every kind of wrong one, and anything at all.

#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::borrow::Cow;

use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use reading::Timestamp;
use reading::codec::{
    About, CodecError, CommandResult, Message, PAYLOAD_LEN_MAX, READINGS_MAX, ResultKind,
    SirenState, StationState, StatusReport, Topic, decode, native,
};
use reading::frame::Frame;
use reading::report::{Claim, Report, Road};

fn frame<'a>(topic: &'a str, payload: &'a [u8]) -> Frame<'a> {
    let received_at = Timestamp::from_secs(1_784_000_000);
    Frame { source: "mqtt", topic, payload, received_at, retained: false }
}

fn telemetry(payload: &[u8]) -> Result<Report<'_>, CodecError> {
    match decode(&frame("bongsu/v1/cut-12/box-1/telemetry", payload))? {
        Message::Report(report) => Ok(report),
        other => panic!("{other:?}"),
    }
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

#[test]
fn reads_the_form_of_the_contract_and_borrows_from_it() {
    let payload = br#"{"seq":17,"at":"2026-07-14T03:10:00+09:00","readings":[
        {"sensor":"tilt-1","quantity":"tilt-x","value":0.12,"unit":"deg"},
        {"sensor":"rain-1","quantity":"rain","value":2,"at":"2026-07-14T03:09:30+09:00"}]}"#;
    let report = telemetry(payload).unwrap();
    assert_eq!((report.site, report.station, report.road), ("cut-12", "box-1", Road::Live));
    assert_eq!((report.seq, report.at), (Some(17), Some(at("2026-07-13T18:10:00Z"))));
    let claim = |sensor, quantity, value, unit: Option<&'static str>, at| Claim {
        sensor: Cow::Borrowed(sensor),
        quantity: Cow::Borrowed(quantity),
        value,
        unit: unit.map(Cow::Borrowed),
        at,
    };
    assert_eq!(
        report.claims,
        [
            claim("tilt-1", "tilt-x", 0.12, Some("deg"), None),
            claim("rain-1", "rain", 2.0, None, Some(at("2026-07-13T18:09:30Z"))),
        ]
    );
    for claim in &report.claims {
        assert!(matches!((&claim.sensor, &claim.quantity), (Cow::Borrowed(_), Cow::Borrowed(_))));
    }
}

#[test]
fn keys_come_in_any_order_and_numbers_wait_for_their_time_unit() {
    let moment = at("2026-07-13T18:10:00.5Z");
    for (stamp, unit) in [
        ("1783966200.5", "s"),
        ("1783966200500", "ms"),
        ("1783966200500000", "us"),
        ("1783966200500000000", "ns"),
    ] {
        for payload in [
            format!(
                r#"{{"at":{stamp},"time_unit":"{unit}","readings":[{{"sensor":"s","quantity":"q","value":1,"at":{stamp}}}]}}"#
            ),
            format!(
                r#"{{"readings":[{{"at":{stamp},"value":1,"quantity":"q","sensor":"s"}}],"time_unit":"{unit}","at":{stamp}}}"#
            ),
        ] {
            let report = telemetry(payload.as_bytes()).unwrap();
            assert_eq!((report.at, report.claims[0].at), (Some(moment), Some(moment)), "{payload}");
        }
    }
}

#[test]
fn null_is_an_absent_key_and_a_value_of_null_is_not_finite() {
    let payload = br#"{"seq":null,"at":null,"time_unit":null,
        "readings":[{"sensor":"s","quantity":"q","value":null,"unit":null,"at":null}]}"#;
    let report = telemetry(payload).unwrap();
    assert_eq!((report.seq, report.at), (None, None));
    assert!(report.claims[0].value.is_nan());
    assert_eq!((&report.claims[0].unit, report.claims[0].at), (&None, None));
}

#[test]
fn escaped_texts_are_unescaped() {
    let payload =
        r#"{"readings":[{"sen\u0073or":"\ud83d\ude00\"","quantity":"q","value":-1.5e-3}]}"#;
    let report = telemetry(payload.as_bytes()).unwrap();
    assert_eq!((report.claims[0].sensor.as_ref(), report.claims[0].value), ("😀\"", -0.0015));
}

/// A report of one reading with some of its text replaced.
fn one(from: &str, to: &str) -> Vec<u8> {
    let good = r#"{"seq":1,"at":"2026-07-14T03:10:00Z","readings":[{"sensor":"s","quantity":"q","value":1,"unit":"mm"}]}"#;
    assert!(telemetry(good.as_bytes()).is_ok() && good.contains(from), "{from}");
    good.replace(from, to).into_bytes()
}

#[test]
fn every_wrong_form_has_a_name_and_says_what_and_where() {
    let many = vec![r#"{"sensor":"s","quantity":"q","value":1}"#; READINGS_MAX + 1].join(",");
    for (payload, name, says) in [
        (b"".to_vec(), "empty-payload", "empty"),
        (vec![b' '; PAYLOAD_LEN_MAX + 1], "too-large", "262145 bytes"),
        (vec![b'x'; 10_000_000], "too-large", "10000000 bytes"),
        (vec![0xff, 0xfe], "not-utf8", "byte 0"),
        (b"{\"seq\":1,\"at\":\"\xc3\x28\"}".to_vec(), "not-utf8", "byte 15"),
        (b"   ".to_vec(), "not-json", "line 1 column 3"),
        (b"{\"seq\":17".to_vec(), "not-json", "line 1 column 9"),
        (b"hello".to_vec(), "not-json", "line 1 column 1"),
        (one("1,\"unit", "NaN,\"unit"), "not-json", "column"),
        (one("1,\"unit", "Infinity,\"unit"), "not-json", "column"),
        (one("1,\"unit", "1e999,\"unit"), "not-json", "out of range"),
        (one("1,\"unit", "0x10,\"unit"), "not-json", "column"),
        (one("}]}", "}]} {}"), "not-json", "trailing"),
        (one("\"q\"", "\"\\ud800\""), "not-json", "column"),
        (b"[]".to_vec(), "wrong-shape", "the pack is empty"),
        (b"17".to_vec(), "wrong-shape", "expected an object"),
        (b"null".to_vec(), "wrong-shape", "expected an object"),
        (b"{}".to_vec(), "wrong-shape", "`readings`"),
        (one("\"sensor\":\"s\",", ""), "wrong-shape", "`sensor`"),
        (one("\"value\":1,", ""), "wrong-shape", "`value`"),
        (one("1,\"unit", "\"1\",\"unit"), "wrong-shape", "expected a number"),
        (one("1,\"unit", "true,\"unit"), "wrong-shape", "expected a number"),
        (one("1,\"unit", "[1],\"unit"), "wrong-shape", "expected a number"),
        (one("\"s\"", "7"), "wrong-shape", "expected a text"),
        (one("\"mm\"", "7"), "wrong-shape", "expected a text"),
        (one("\"seq\":1", "\"seq\":-1"), "wrong-shape", "whole number"),
        (one("\"seq\":1", "\"seq\":1.5"), "wrong-shape", "whole number"),
        (one("\"seq\":1", "\"seq\":\"1\""), "wrong-shape", "whole number"),
        (
            one("[{", "{\"0\":{").into_iter().filter(|b| *b != b']').collect(),
            "wrong-shape",
            "list of readings",
        ),
        (one("[{", "[7,{"), "wrong-shape", "expected a reading"),
        (one("\"2026-07-14T03:10:00Z\"", "true"), "wrong-shape", "RFC 3339"),
        (
            one("\"unit\"", "\"unti\""),
            "unknown-key",
            "`unti` is not known here: use `sensor`, `quantity`, `value`, `unit`, `at`",
        ),
        (one("\"seq\"", "\"sqe\\n\""), "unknown-key", "`sqe\\n`"),
        (
            one("\"seq\":1", "\"seq\":1,\"seq\":2"),
            "duplicate-key",
            "`seq` stands there twice at line 1 column",
        ),
        (one("1,\"unit", "1,\"value\":2,\"unit"), "duplicate-key", "`value`"),
        (one("2026-07-14T03:10:00Z", "2026-07-14T03:10:00"), "bad-time", "offset"),
        (one("2026-07-14T03:10:00Z", "yesterday"), "bad-time", "`yesterday`"),
        (one("\"2026-07-14T03:10:00Z\"", "1783966200"), "bad-time", "time_unit"),
        (one("1,\"unit", "1,\"at\":5,\"unit"), "bad-time", "time_unit"),
        (one("\"seq\":1", "\"time_unit\":\"h\""), "bad-time", "`s`, `ms`, `us`, `ns`"),
        (one("\"2026-07-14T03:10:00Z\"", "1e30,\"time_unit\":\"s\""), "bad-time", "1677"),
        (
            one("\"2026-07-14T03:10:00Z\"", "18446744073709551615,\"time_unit\":\"ns\""),
            "bad-time",
            "1677",
        ),
        (format!(r#"{{"readings":[{many}]}}"#).into_bytes(), "too-many-readings", "1024"),
    ] {
        let shown = String::from_utf8_lossy(&payload[..payload.len().min(120)]).into_owned();
        let error = telemetry(&payload).expect_err(&shown);
        assert_eq!(error.name(), name, "{shown}: {error}");
        assert!(error.to_string().contains(says), "{shown}: {error}");
        assert!(CodecError::NAMES.contains(&name));
    }
}

#[test]
fn errors_stay_short_whatever_was_sent() {
    let long = "x".repeat(PAYLOAD_LEN_MAX - 200);
    for payload in [
        one("1,\"unit", &format!("\"{long}\",\"unit")),
        one("\"unit\"", &format!("\"{long}\"")),
        one("2026-07-14T03:10:00Z", &long),
    ] {
        let text = telemetry(&payload).unwrap_err().to_string();
        assert!(text.chars().count() < 600 && text.contains("line 1 column"), "{text}");
    }
}

#[test]
fn nesting_without_end_is_refused_everywhere() {
    for (open, name) in [
        ("[", "wrong-shape"),
        ("{\"readings\":", "wrong-shape"),
        ("{\"readings\":[", "unknown-key"),
        ("{\"a\":", "unknown-key"),
    ] {
        let deep = open.repeat(10_000);
        assert_eq!(telemetry(deep.as_bytes()).unwrap_err().name(), name, "{open}");
    }
    let arrays = "[".repeat(10_000);
    for key in ["seq", "at", "time_unit", "readings", "other"] {
        let payload = format!("{{\"{key}\":{arrays}");
        assert!(telemetry(payload.as_bytes()).is_err(), "{key}");
        let status = format!("{{\"state\":\"online\",\"{key}\":{arrays}");
        assert!(decode(&frame("bongsu/v1/a/b/status", status.as_bytes())).is_err(), "{key}");
    }
}

#[test]
fn reads_what_a_station_says_of_itself() {
    let payload = br#"{"state":"online","at":1783966200,"time_unit":"s","battery_v":12.7,"rssi_dbm":-71,"firmware":"1.2.0","buffer":360,"slots":{"a":[-71]}}"#;
    let status = StatusReport {
        site: "cut-12",
        station: "box-1",
        state: StationState::Online,
        at: Some(at("2026-07-13T18:10:00Z")),
        battery_v: Some(12.7),
        rssi_dbm: Some(-71.0),
        firmware: Some("1.2.0".into()),
        buffer: Some(360),
    };
    let topic = "bongsu/v1/cut-12/box-1/status";
    assert_eq!(decode(&frame(topic, payload)), Ok(Message::Status(status.clone())));
    assert_eq!(decode(&frame(topic, &status.encode())), Ok(Message::Status(status)));
    let will = decode(&frame(topic, br#"{"state":"offline"}"#));
    assert!(
        matches!(
            will,
            Ok(Message::Status(StatusReport { state: StationState::Offline, at: None, .. }))
        ),
        "{will:?}"
    );
    for (payload, name) in [
        (&b"{}"[..], "wrong-shape"),
        (br#"{"state":"asleep"}"#, "wrong-shape"),
        (br#"{"state":"online","battery_v":"12.7"}"#, "wrong-shape"),
        (br#"{"state":"online","buffer":-1}"#, "wrong-shape"),
        (br#"{"state":"online","state":"offline"}"#, "duplicate-key"),
        (br#"{"state":"online","at":"now"}"#, "bad-time"),
        (b"", "empty-payload"),
    ] {
        assert_eq!(decode(&frame(topic, payload)).map_err(|e| e.name()), Err(name));
    }
}

#[test]
fn reads_what_became_of_a_command() {
    let payload = br#"{"id":"live-cut-12-1.r2","result":"refused","reason":"battery low","state":"silent","at":"2026-07-14T03:10:00+09:00","volume":3}"#;
    let result = CommandResult {
        site: "cut-12",
        station: "siren-1",
        id: "live-cut-12-1.r2".into(),
        result: ResultKind::Refused,
        reason: Some("battery low".into()),
        state: Some(SirenState::Silent),
        at: Some(at("2026-07-13T18:10:00Z")),
    };
    let topic = "bongsu/v1/cut-12/siren-1/command/result";
    assert_eq!(decode(&frame(topic, payload)), Ok(Message::Receipt(result.clone())));
    assert_eq!(decode(&frame(topic, &result.encode())), Ok(Message::Receipt(result)));
    let done = decode(&frame(topic, br#"{"id":"x","result":"done"}"#));
    assert!(
        matches!(
            done,
            Ok(Message::Receipt(CommandResult { result: ResultKind::Done, state: None, .. }))
        ),
        "{done:?}"
    );
    for payload in [
        &br#"{"result":"done"}"#[..],
        br#"{"id":"x"}"#,
        br#"{"id":"x","result":"maybe"}"#,
        br#"{"id":7,"result":"done"}"#,
    ] {
        assert_eq!(decode(&frame(topic, payload)).map_err(|e| e.name()), Err("wrong-shape"));
    }
}

fn any_at() -> impl Strategy<Value = Option<Timestamp>> {
    of(prop_oneof![any::<i64>(), 1_500_000_000_000_000_000_i64..2_000_000_000_000_000_000]
        .prop_map(Timestamp::from_nanos))
}

fn any_finite() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<f64>().prop_filter("finite", |v| v.is_finite()),
        -100.0..100.0,
        (-100_000..100_000).prop_map(f64::from)
    ]
}

prop_compose! {
    fn any_claim()(sensor in ".{0,12}", quantity in "[a-z-]{1,20}", value in any_finite(), unit in of(".{0,6}"), at in any_at()) -> Claim<'static> {
        Claim { sensor: sensor.into(), quantity: quantity.into(), value, unit: unit.map(Cow::Owned), at }
    }
}

proptest! {
    #[test]
    fn decode_undoes_encode(seq in of(any::<u64>()), at in any_at(), claims in vec(any_claim(), 0..40), live in any::<bool>()) {
        let (road, about) = if live { (Road::Live, About::Telemetry) } else { (Road::Backfill, About::Backfill) };
        let report = Report { site: "cut-12", station: "box-1", seq, at, heard_at: None, road, claims };
        let topic = Topic { site: report.site, station: report.station, about }.to_string();
        let payload = native::encode(&report);
        let back = decode(&frame(&topic, &payload)).unwrap();
        prop_assert_eq!(&back, &Message::Report(report.clone()));
        let Message::Report(back) = back else { unreachable!() };
        for (a, b) in back.claims.iter().zip(&report.claims) {
            prop_assert_eq!(a.value.to_bits(), b.value.to_bits());
        }
    }

    #[test]
    fn no_bytes_are_too_strange(bytes in vec(any::<u8>(), 0..300), about in 0..4_usize) {
        let topic = Topic { site: "a", station: "b", about: About::ALL[about] }.to_string();
        if let Err(error) = decode(&frame(&topic, &bytes)) {
            prop_assert!(CodecError::NAMES.contains(&error.name()));
        }
    }

    #[test]
    fn no_topic_is_too_strange(topic in "(bongsu/v1/)?.{0,80}") {
        if let Err(error) = decode(&frame(&topic, b"{}")) {
            prop_assert!(CodecError::NAMES.contains(&error.name()));
        }
    }

    /// A message with a byte changed, cut out or doubled is read or refused, and read only if it is still JSON.
    #[test]
    fn damaged_messages_do_no_harm(claims in vec(any_claim(), 1..4), place in any::<prop::sample::Index>(), byte in any::<u8>(), how in 0..3) {
        let report = Report { site: "cut-12", station: "box-1", seq: Some(1), at: None, heard_at: None, road: Road::Live, claims };
        let mut payload = native::encode(&report);
        let place = place.index(payload.len());
        match how {
            0 => payload[place] = byte,
            1 => { payload.remove(place); }
            _ => payload.insert(place, byte),
        }
        let is_json = serde_json::from_slice::<serde_json::Value>(&payload).is_ok();
        match telemetry(&payload) {
            Ok(_) => prop_assert!(is_json),
            Err(error) => prop_assert!(CodecError::NAMES.contains(&error.name())),
        }
    }
}
