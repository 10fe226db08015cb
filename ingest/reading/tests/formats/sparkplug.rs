//! Sparkplug B: the sessions of two independent edge nodes, and every way to be out of step.

use std::borrow::Cow;

use proptest::collection::vec;
use proptest::prelude::*;
use reading::Timestamp;
use reading::codec::feed;
use reading::codec::sparkplug::{Datatype, Hosts, Metric, Payload, SparkplugB, Value, Wish};
use reading::codec::{CodecError, Decoded, Feed, Format, Message, StationState};
use reading::report::Road;

use super::{RECEIVED, frame, sample};

const NODE: &str = "spBv1.0/slopes/NBIRTH/edge";

fn mapped() -> Feed {
    super::feed(
        Format::SparkplugB(SparkplugB { host: "bongsu".into() }),
        &[
            ("slopes/edge-js/tilt-01", "box-1"),
            ("slopes/edge-py/tilt-02", "box-2"),
            ("slopes/edge/tilt", "box-3"),
        ],
        &[("tilt_x", "tilt-1/tilt-x deg"), ("crack_mm", "crack-1/crack-width mm")],
    )
}

fn metric(name: &str, alias: u64, value: f64) -> Metric<'static> {
    Metric {
        name: (!name.is_empty()).then(|| Cow::Owned(name.to_owned())),
        alias: Some(alias),
        datatype: (!name.is_empty()).then_some(Datatype::Double as u32),
        value: Value::Double(value),
        ..Metric::default()
    }
}

fn session(number: u64) -> Metric<'static> {
    Metric {
        name: Some("bdSeq".into()),
        datatype: Some(Datatype::UInt64 as u32),
        value: Value::Long(number),
        ..Metric::default()
    }
}

/// A host that hears messages one after the other, a second apart.
struct Host {
    feed: Feed,
    hosts: Hosts,
    now: i64,
}

impl Host {
    fn new() -> Self {
        Self { feed: mapped(), hosts: Hosts::default(), now: RECEIVED }
    }

    fn hear(&mut self, topic: &str, payload: &[u8]) -> Result<Vec<String>, &'static str> {
        self.now += 1;
        let now = Timestamp::from_secs(self.now);
        let decoded = feed::decode(
            &frame(topic, payload),
            std::slice::from_ref(&self.feed),
            &mut self.hosts,
            now,
        );
        decoded.map(|decoded| lines(&decoded)).map_err(|error| error.name())
    }

    fn tell(
        &mut self,
        topic: &str,
        seq: Option<u64>,
        metrics: Vec<Metric<'_>>,
    ) -> Result<Vec<String>, &'static str> {
        let timestamp = Some(1_783_966_200_000);
        self.hear(topic, &Payload { timestamp, seq, metrics }.encode())
    }

    fn born() -> Self {
        let mut host = Self::new();
        assert_eq!(host.tell(NODE, Some(0), vec![session(7)]), Ok(vec![]));
        let birth = vec![metric("tilt_x", 1, 0.5), metric("crack_mm", 2, 1.5)];
        assert_eq!(host.tell("spBv1.0/slopes/DBIRTH/edge/tilt", Some(1), birth).unwrap().len(), 3);
        assert!(host.hosts.take_wishes().is_empty());
        host
    }

    fn asks(&mut self) -> usize {
        self.hosts.take_wishes().len()
    }
}

fn lines(decoded: &Decoded<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    for told in &decoded.messages {
        match &told.message {
            Message::Report(report) => {
                let old = if report.road == Road::Backfill { " old" } else { "" };
                lines.extend(report.claims.iter().map(|claim| {
                    let at = claim.at.map_or("-".into(), |at| at.to_string());
                    format!(
                        "{} {}/{} {} {}{old} {at}",
                        report.station,
                        claim.sensor,
                        claim.quantity,
                        claim.value,
                        claim.unit.as_deref().unwrap_or("-")
                    )
                }));
            }
            Message::Status(status) => {
                let word = if status.state == StationState::Online { "online" } else { "offline" };
                lines.push(format!("{} {word}", status.station));
            }
            Message::Receipt(receipt) => panic!("{receipt:?}"),
        }
    }
    lines
}

#[test]
fn hears_the_sessions_of_real_nodes() {
    let Some(session) = sample("sparkplug/session.jsonl") else { return };
    let mut host = Host::new();
    let mut told = Vec::new();
    for line in String::from_utf8(session).unwrap().lines() {
        let message: serde_json::Value = serde_json::from_str(line).unwrap();
        let hex = message["payload_hex"].as_str().unwrap();
        let payload: Vec<u8> = (0..hex.len())
            .step_by(2)
            .map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap())
            .collect();
        let topic = message["topic"].as_str().unwrap();
        told.extend(host.hear(topic, &payload).unwrap());
        check_payload(&payload, &message["decoded"]);
    }
    assert_eq!(host.asks(), 0, "nothing was out of step");
    let expected = [
        "box-1 online",
        "box-1 tilt-1/tilt-x 0.1 deg 2026-11-22T04:15:35.508Z",
        "box-1 tilt-1/tilt-x 0.1 deg 2026-11-22T04:15:35.618Z",
    ];
    assert_eq!(told[..3], expected, "{told:#?}");
    assert_eq!(told.iter().filter(|line| *line == "box-1 offline").count(), 2, "{told:#?}");
    assert!(
        told.contains(&"box-2 crack-1/crack-width 1.5 mm 2026-11-22T04:15:36.85Z".to_owned()),
        "{told:#?}"
    );
}

/// The payload says what the other implementation's own reader made of it.
fn check_payload(bytes: &[u8], decoded: &serde_json::Value) {
    let payload = Payload::read(bytes).unwrap();
    assert_eq!(payload.timestamp, decoded["timestamp"].as_u64());
    assert_eq!(payload.seq, decoded["seq"].as_u64());
    let metrics = decoded["metrics"].as_array().unwrap();
    assert_eq!(payload.metrics.len(), metrics.len());
    for (metric, wanted) in payload.metrics.iter().zip(metrics) {
        assert_eq!(metric.name.as_deref(), wanted["name"].as_str());
        let same = match &metric.value {
            Value::Text(text) => wanted["value"].as_str() == Some(text),
            Value::Double(value) => wanted["value"].as_f64() == Some(*value),
            Value::Float(value) => wanted["value"].as_f64() == Some(f64::from(*value)),
            Value::Long(value) => wanted["value"].as_u64() == Some(*value),
            Value::Int(value) => wanted["value"].as_u64() == Some(u64::from(*value)),
            Value::Flag(_) | Value::None => false,
        };
        assert!(same, "{metric:?} {wanted}");
    }
}

#[test]
fn an_alias_stands_for_the_name_its_birth_gave() {
    let mut host = Host::born();
    let data = "spBv1.0/slopes/DDATA/edge/tilt";
    assert_eq!(
        host.tell(data, Some(2), vec![metric("", 2, 2.5)]),
        Ok(vec!["box-3 crack-1/crack-width 2.5 mm 2026-07-13T18:10:00Z".into()])
    );
    let old =
        Metric { is_historical: true, timestamp: Some(1_783_962_600_000), ..metric("", 1, 0.25) };
    assert_eq!(
        host.tell(data, Some(3), vec![metric("", 1, 0.5), old]),
        Ok(vec![
            "box-3 tilt-1/tilt-x 0.5 deg 2026-07-13T18:10:00Z".into(),
            "box-3 tilt-1/tilt-x 0.25 deg old 2026-07-13T17:10:00Z".into()
        ])
    );
    assert_eq!(host.asks(), 0);
}

#[test]
fn who_was_not_born_is_refused_and_asked_at_most_once_a_minute() {
    let mut host = Host::new();
    let data = "spBv1.0/slopes/DDATA/edge/tilt";
    assert_eq!(host.tell(data, Some(9), vec![metric("tilt_x", 1, 1.0)]), Err("no-birth"));
    let wishes = host.hosts.take_wishes();
    let at = Timestamp::from_secs(host.now);
    assert_eq!(
        wishes,
        [Wish::Rebirth { source: "field".into(), group: "slopes".into(), node: "edge".into(), at }]
    );
    for _ in 0..59 {
        assert_eq!(host.tell(data, Some(9), vec![]), Err("no-birth"));
    }
    assert_eq!(host.asks(), 0);
    assert_eq!(host.tell(data, Some(9), vec![]), Err("no-birth"));
    assert_eq!(host.asks(), 1);

    for (seq, metrics) in [
        (2, vec![metric("", 99, 1.0)]),
        (2, vec![metric("tilt_z", 3, 1.0)]),
        (2, vec![Metric::default()]),
    ] {
        let mut host = Host::born();
        assert_eq!(host.tell(data, Some(seq), metrics), Err("no-birth"));
        assert_eq!(host.asks(), 1);
    }
}

#[test]
fn a_gap_in_the_numbers_loses_no_value_and_asks_for_a_rebirth() {
    let data = "spBv1.0/slopes/DDATA/edge/tilt";
    for seq in [Some(3), Some(1), None, Some(300)] {
        let mut host = Host::born();
        assert_eq!(host.tell(data, seq, vec![metric("", 1, 1.0)]).unwrap().len(), 1, "{seq:?}");
        assert_eq!(host.asks(), 1, "{seq:?}");
    }
    let mut host = Host::born();
    for seq in 2..600 {
        assert_eq!(host.tell(data, Some(seq % 256), vec![metric("", 1, 1.0)]).unwrap().len(), 1);
    }
    assert_eq!(host.asks(), 0, "after 255 comes 0");
}

#[test]
fn deaths_make_stations_stale_but_not_those_of_an_earlier_session() {
    let mut host = Host::born();
    let death = "spBv1.0/slopes/NDEATH/edge";
    assert_eq!(
        host.tell(death, None, vec![session(6)]),
        Ok(vec![]),
        "the will of the session before"
    );
    assert_eq!(
        host.tell("spBv1.0/slopes/DDEATH/edge/tilt", Some(2), vec![]),
        Ok(vec!["box-3 offline".into()])
    );
    assert_eq!(
        host.tell("spBv1.0/slopes/DDATA/edge/tilt", Some(3), vec![metric("", 1, 1.0)]),
        Err("no-birth")
    );
    assert_eq!(host.tell(death, None, vec![session(7)]), Ok(vec!["box-3 offline".into()]));
    assert_eq!(host.tell("spBv1.0/slopes/DBIRTH/edge/tilt", Some(4), vec![]), Err("no-birth"));
}

#[test]
fn a_lost_session_asks_for_a_rebirth() {
    // The session before, the one that is born, how often that asks.
    for (last, next, asks) in [
        (7, 7, 0),
        (7, 8, 0),
        (255, 0, 0),
        (7, 0, 0),
        (7, 9, 1),
        (7, 6, 1),
        (254, 0, 0),
        (254, 1, 1),
    ] {
        let mut host = Host::new();
        assert_eq!(host.tell(NODE, Some(0), vec![session(last)]), Ok(vec![]));
        assert_eq!(host.asks(), 0, "nothing is known before the first birth");
        host.tell("spBv1.0/slopes/NDEATH/edge", None, vec![session(last)]).unwrap();
        assert_eq!(host.tell(NODE, Some(0), vec![session(next)]), Ok(vec![]));
        assert_eq!(host.asks(), asks, "{last} {next}");
        // What it answers is the same session, and whatever follows asks no more.
        assert_eq!(host.tell(NODE, Some(0), vec![session(next)]), Ok(vec![]));
        assert_eq!(host.asks(), 0, "{last} {next}");
    }
    let mut host = Host::born();
    for lost in [20, 40, 60] {
        assert_eq!(host.tell(NODE, Some(0), vec![session(lost)]), Ok(vec![]));
    }
    assert_eq!(host.asks(), 1, "at most once a minute, however its numbers run");
}

#[test]
fn a_birth_without_a_session_is_taken_and_every_death_ends_it() {
    let mut host = Host::new();
    assert_eq!(host.tell(NODE, Some(0), vec![]), Ok(vec![]));
    let birth = vec![metric("tilt_x", 1, 0.5)];
    assert_eq!(host.tell("spBv1.0/slopes/DBIRTH/edge/tilt", Some(1), birth).unwrap().len(), 2);
    assert_eq!(host.asks(), 0);
    let death = host.tell("spBv1.0/slopes/NDEATH/edge", None, vec![session(3)]);
    assert_eq!(death, Ok(vec!["box-3 offline".into()]));
    assert_eq!(host.tell(NODE, Some(0), vec![session(9)]), Ok(vec![]));
    assert_eq!(host.asks(), 0, "which session it follows is not known");
}

#[test]
fn a_new_birth_forgets_the_old_names() {
    let mut host = Host::born();
    assert_eq!(host.tell(NODE, Some(0), vec![session(8)]), Ok(vec![]));
    let data = "spBv1.0/slopes/DDATA/edge/tilt";
    assert_eq!(host.tell(data, Some(1), vec![metric("", 1, 1.0)]), Err("no-birth"));
}

#[test]
fn a_refused_birth_takes_nothing_from_another_device() {
    let mut host = Host::born();
    for stolen in [vec![metric("a", 1, 1.0)], vec![metric("b", 9, 1.0), metric("", 2, 1.0)]] {
        assert!(host.tell("spBv1.0/slopes/DBIRTH/edge/other", Some(2), stolen).is_err());
    }
    let data = "spBv1.0/slopes/DDATA/edge/tilt";
    let both = vec![metric("", 1, 0.5), metric("", 2, 1.5)];
    assert_eq!(host.tell(data, Some(3), both).unwrap().len(), 2);
}

#[test]
fn every_wrong_message_has_a_name() {
    let mut host = Host::born();
    let data = "spBv1.0/slopes/DDATA/edge/tilt";
    for (topic, payload, name) in [
        (data, &b""[..], "empty-payload"),
        (data, b"\x12\xff\xff\xff\xff\x0f", "not-protobuf"),
        (data, b"\x0b", "not-protobuf"),
        (data, b"\x00\x00", "not-protobuf"),
        (data, b"\x12\x02\x0a\xff", "not-protobuf"),
        (data, b"\x12\x03\x0a\x01\xff", "not-protobuf"),
        (data, b"\x12\x02\x60\x01", "not-protobuf"),
        (data, b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "not-protobuf"),
        (data, &b"\x12\x00".repeat(5_000), "too-many-readings"),
        ("spBv1.0/slopes/NOPE/edge", b"\x18\x00", "wrong-shape"),
        ("spBv1.0/slopes/DDATA/edge", b"\x18\x00", "wrong-shape"),
        ("spBv1.0/slopes/NDATA/edge/tilt", b"\x18\x00", "wrong-shape"),
        ("spAv1.0/slopes/NDATA/edge", b"\x18\x00", "wrong-shape"),
    ] {
        assert_eq!(host.hear(topic, payload), Err(name), "{topic} {payload:?}");
    }
    for passed_over in
        ["spBv1.0/STATE/bongsu", "spBv1.0/slopes/NCMD/edge", "spBv1.0/slopes/DCMD/edge/tilt"]
    {
        assert_eq!(host.hear(passed_over, b"{\"online\":true}"), Ok(vec![]));
    }
    let twice = vec![session(9), metric("a", 1, 1.0), metric("b", 1, 1.0)];
    assert_eq!(host.tell(NODE, Some(0), twice), Err("duplicate-key"));
    let nameless = vec![session(9), metric("", 1, 1.0)];
    assert_eq!(host.tell(NODE, Some(0), nameless), Err("wrong-shape"));
    assert_eq!(
        host.tell("spBv1.0/other/NBIRTH/edge", Some(0), vec![metric("a", 1, 1.0)]),
        Err("unknown-device")
    );
}

#[test]
fn whole_numbers_have_the_sign_of_their_type() {
    let mut host = Host::new();
    host.tell(NODE, Some(0), vec![session(1)]).unwrap();
    let typed = |datatype: Datatype, value| Metric {
        name: Some("tilt_x".into()),
        datatype: Some(datatype as u32),
        value,
        ..Metric::default()
    };
    for (seq, (datatype, value, expected)) in (1..).zip([
        (Datatype::Int8, Value::Int(0xff), "-1"),
        (Datatype::Int8, Value::Int(u32::MAX), "-1"),
        (Datatype::Int16, Value::Int(0xfffe), "-2"),
        (Datatype::Int32, Value::Int(u32::MAX), "-1"),
        (Datatype::Int64, Value::Long(u64::MAX), "-1"),
        (Datatype::Boolean, Value::Flag(true), "1"),
        (Datatype::Float, Value::Float(0.5), "0.5"),
        (Datatype::Double, Value::Text("1".into()), "NaN"),
    ]) {
        let lines = host
            .tell("spBv1.0/slopes/DBIRTH/edge/tilt", Some(seq), vec![typed(datatype, value)])
            .unwrap();
        assert_eq!(lines[1].split(' ').nth(2), Some(expected), "{datatype:?}");
    }
}

fn any_metric() -> impl Strategy<Value = Metric<'static>> {
    let value = prop_oneof![
        Just(Value::None),
        any::<u32>().prop_map(Value::Int),
        any::<u64>().prop_map(Value::Long),
        (-1e9..1e9_f32).prop_map(Value::Float),
        (-1e9..1e9_f64).prop_map(Value::Double),
        any::<bool>().prop_map(Value::Flag),
        ".{0,6}".prop_map(|text| Value::Text(text.into())),
    ];
    let name = prop_oneof![
        Just(None),
        "[a-c]".prop_map(Some),
        Just(Some("tilt_x".into())),
        Just(Some("bdSeq".into()))
    ];
    (
        name,
        proptest::option::of(0..4_u64),
        proptest::option::of(any::<u64>()),
        proptest::option::of(0..40_u32),
        any::<bool>(),
        any::<bool>(),
        proptest::option::of("[a-z]{0,3}"),
        value,
    )
        .prop_map(|(name, alias, timestamp, datatype, is_historical, is_null, unit, value)| {
            Metric {
                name: name.map(Cow::Owned),
                alias,
                timestamp,
                datatype,
                is_historical,
                is_null,
                unit: unit.map(Cow::Owned),
                value,
            }
        })
}

proptest! {
    #[test]
    fn what_is_written_reads_back(metrics in vec(any_metric(), 0..10), seq in proptest::option::of(any::<u64>()), timestamp in proptest::option::of(any::<u64>())) {
        let payload = Payload { timestamp, seq, metrics };
        let bytes = payload.encode();
        prop_assert_eq!(Payload::read(&bytes).unwrap(), payload);
    }

    /// Whatever comes in whatever order: nothing panics, everybody is asked at most once a minute, and the same
    /// messages say the same again.
    #[test]
    fn no_session_is_too_strange(messages in vec((0..9_usize, 0..2_usize, proptest::option::of(0..260_u64), vec(any_metric(), 0..4), any::<u16>()), 0..30)) {
        let kinds = ["NBIRTH/edge", "NDATA/edge", "NDEATH/edge", "DBIRTH/edge/tilt", "DDATA/edge/tilt", "DDEATH/edge/tilt", "NCMD/edge", "DDATA/edge/other", "DBIRTH/edge/other"];
        let (mut one, mut two) = (Host::new(), Host::new());
        for (kind, group, seq, metrics, damage) in messages {
            let topic = format!("spBv1.0/{}/{}", ["slopes", "other"][group], kinds[kind]);
            let mut payload = Payload { timestamp: Some(1), seq, metrics }.encode();
            if damage % 4 == 0 && !payload.is_empty() {
                let place = usize::from(damage) % payload.len();
                payload[place] ^= 0x55;
            }
            let told = one.hear(&topic, &payload);
            if let Err(name) = &told {
                prop_assert!(CodecError::NAMES.contains(name));
            }
            prop_assert_eq!(told, two.hear(&topic, &payload));
        }
        prop_assert!(one.asks() <= 2);
        prop_assert_eq!(one.hosts.take_wishes().len(), 0);
    }
}
