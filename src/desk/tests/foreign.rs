//! Foreign devices through the desk: mapped, counted, known again, and the same from a snapshot.

use std::collections::BTreeMap;

use ingest::journal::Kind;
use reading::codec::sparkplug::{Datatype, Metric, Payload, Value};

use super::*;

const MAIN: &str = r#"data-dir = "data"
status = "test"
sender = { id = "a@b", name = { ko = "시험", en = "Test" } }
[http]
listen = "127.0.0.1:0"
[[collector]]
name = "field"
kind = "embedded-broker"
listen = "127.0.0.1:0"

[[collector.subscribe]]
topic = "application/+/device/+/event/up"
format = "chirpstack-v4"
[[collector.subscribe.map]]
devices = { 70b3d57ba0003bb8 = "bridge-1/box-1" }
metrics = { "crack" = "crack-1/crack-width mm" }

[[collector.subscribe]]
topic = "spBv1.0/#"
format = "sparkplug-b"
host-id = "bongsu"
[[collector.subscribe.map]]
devices = { "slopes/edge/crack" = "bridge-1/box-1" }
metrics = { "opening" = "crack-1/crack-width" }

[[collector.subscribe]]
topic = "logger/+"
format = "line-protocol"
precision = "s"
device = "tag:host"
[[collector.subscribe.map]]
devices = { a = "bridge-1/box-1", b = "bridge-1/box-2" }
metrics = { "m.crack" = "crack-1/crack-width mm" }
ignore = ["m.battery"]
"#;

const SITE: &str = r#"[site]
id = "bridge-1"
name = { ko = "다리", en = "Bridge" }
kind = "bridge"
location = [37.5, 128.2]
radius = "100 m"
area = { ko = "구역", en = "area" }
instruction = { ko = "대피", en = "Leave" }
[[station]]
id = "box-1"
report-interval = "1 min"
[[station.sensor]]
id = "crack-1"
quantities = ["crack-width"]
range = ["-1 mm", "100 mm"]
checks = false
[[station]]
id = "box-2"
report-interval = "1 min"
[[station.sensor]]
id = "crack-1"
quantities = ["crack-width"]
range = ["-1 mm", "100 mm"]
checks = false
"#;

fn begin() -> Vec<Line> {
    begin_with(MAIN, SITE)
}

fn begin_with(main: &str, site: &str) -> Vec<Line> {
    let sources = BTreeMap::from([
        ("bongsu.toml".into(), main.into()),
        ("sites/bridge-1.toml".into(), site.into()),
    ]);
    let config = Config::from_sources("bongsu.toml", &sources).unwrap_or_else(|problems| {
        panic!("{:?}", problems.iter().map(ToString::to_string).collect::<Vec<_>>())
    });
    vec![
        line(Kind::Configuration, "", payload(&config.setup).to_vec(), 0),
        line(Kind::Collector, "", payload(&CollectorEvent::up()).to_vec(), 0),
    ]
}

fn frame(topic: &str, bytes: impl Into<Vec<u8>>, second: i64) -> Line {
    line(Kind::Frame, topic, bytes, second)
}

fn counts(desk: &Desk) -> (u64, u64, u64, u64) {
    let balance = desk.overview().balances.remove(0);
    assert!(balance.holds(), "{balance:?}");
    (balance.quarantined, balance.admitted, balance.refused, balance.duplicate)
}

#[test]
fn g08_an_uplink_heard_over_several_networks_counts_once() {
    let uplink = |gateway: &str, count: u32, mm: f64| {
        format!(
            r#"{{"deduplicationId":"{gateway}","time":"{}","deviceInfo":{{"devEui":"70b3d57ba0003bb8"}},"devAddr":"01","fCnt":{count},"fPort":1,"data":"AA{}=","object":{{"crack":{mm}}},"rxInfo":[{{"gatewayId":"{gateway}","rssi":-90}}]}}"#,
            at(60),
            char::from(b'A' + count as u8)
        )
    };
    let topic = "application/1/device/70b3d57ba0003bb8/event/up";
    let mut lines = begin();
    lines.push(frame(topic, uplink("a", 4, 1.5), 60));
    lines.push(frame(topic, uplink("b", 4, 1.5), 61));
    lines.push(frame(topic, uplink("a", 8, 1.75), 120));
    let (desk, _) = run(&lines);
    assert_eq!(counts(&desk), (0, 2, 0, 1));
}

/// Each device counts for itself: neither is the station's count, and what each sends is known again all the same.
#[test]
fn g08_two_devices_of_one_station_miss_nothing_of_each_other() {
    let uplink = |device: &str, gateway: &str, count: u32, second: i64| {
        let text = format!(
            r#"{{"deduplicationId":"{gateway}","deviceInfo":{{"devEui":"{device}"}},"devAddr":"01","fCnt":{count},"fPort":1,"object":{{"crack":1.5}}}}"#
        );
        frame(&format!("application/1/device/{device}/event/up"), text, second)
    };
    let (one, other) = ("70b3d57ba0003bb8", "70b3d57ba0003bb9");
    let alone = r#"{ 70b3d57ba0003bb8 = "bridge-1/box-1" }"#;
    let both = r#"{ 70b3d57ba0003bb8 = "bridge-1/box-1", 70b3d57ba0003bb9 = "bridge-1/box-1" }"#;
    assert!(MAIN.contains(alone));
    let mut lines = begin_with(&MAIN.replace(alone, both), SITE);
    lines.extend([
        uplink(one, "a", 12_000, 60),
        uplink(other, "a", 300, 120),
        uplink(one, "a", 12_001, 180),
        uplink(one, "b", 12_001, 190),
        uplink(other, "a", 302, 240),
    ]);
    let (desk, _) = run(&lines);
    assert_eq!(counts(&desk), (0, 4, 0, 1));
    assert_eq!(desk.overview().balances[0].missing, 0);

    let mut lines = begin();
    lines.extend([uplink(one, "a", 300, 60), uplink(one, "a", 302, 120)]);
    let (desk, _) = run(&lines);
    assert_eq!(desk.overview().balances[0].missing, 1, "one device is its station");
}

/// A mounting that turns the sign is a calibration: a register has it like any other number without a unit.
#[test]
fn a_register_without_a_unit_is_raw() {
    use reading::codec::modbus::{Answer, Polled, Question, RegisterTable};
    let bus = r#"kind = "modbus-tcp"
host = "192.0.2.10"
[[collector.unit]]
address = 17
station = "bridge-1/box-1"
interval = "1 min"
[[collector.unit.register]]
sensor = "crack-1"
quantity = "crack-width"
table = "holding"
address = 0
type = "i16"
scale = 0.001
"#;
    let (head, _) = MAIN.split_once("kind = ").expect("a collector");
    let sensor = "range = [\"-1 mm\", \"100 mm\"]\nchecks = false\n";
    let turned = "range = [\"-100 mm\", \"100 mm\"]\nchecks = false\nunit = \"cm\"\n[[station.sensor.calibration]]\npolynomial = [0, -1]\n";
    let question = Question { unit: 17, table: RegisterTable::Holding, address: 0, count: 1 };
    for (unit, site, expected) in [
        ("", SITE.replacen(sensor, turned, 1), -12.0),
        ("unit = \"mm\"\n", SITE.replacen(sensor, turned, 1), 1.2),
        ("", SITE.replacen(sensor, &format!("{sensor}unit = \"cm\"\n"), 1), 12.0),
    ] {
        let mut lines = begin_with(&format!("{head}{bus}{unit}"), &site);
        let polled = Polled { at: at(60), question, answer: Answer::Registers(vec![1_200]) };
        lines.push(frame("192.0.2.10:502", polled.write(), 60));
        let (desk, carried) = run(&lines);
        let latest = desk.overview().latest.into_iter().flatten().next();
        let latest = latest.unwrap_or_else(|| panic!("{:?}", carried.batch.quarantine));
        assert!((latest.value - expected).abs() < 1e-9, "{} for {expected}", latest.value);
    }
}

#[test]
fn g09_what_is_not_mapped_is_refused_by_name_and_counted() {
    let mut lines = begin();
    let text = |text: &str| text.replace("NOW", &(START + 60).to_string());
    lines.push(frame(
        "logger/7",
        text("m,host=a crack=1.5,battery=3.6,tilt=2 NOW\nm,host=b crack=2.5 NOW"),
        60,
    ));
    lines.push(frame("logger/7", text("m,host=zz crack=1.5 NOW"), 61));
    lines.push(frame("logger/7/8", "x", 62));
    let (desk, carried) = run(&lines);
    assert_eq!(counts(&desk), (2, 2, 1, 0));
    let reasons: Vec<_> = carried.batch.quarantine.iter().map(|row| row.reason.as_str()).collect();
    assert_eq!(reasons, ["unmapped", "unknown-device", "unknown-topic"]);
    assert!(
        carried.batch.quarantine[0].detail.contains("a m.tilt"),
        "{:?}",
        carried.batch.quarantine[0]
    );
}

fn metric(name: Option<&'static str>, alias: u64, value: f64, second: i64) -> Metric<'static> {
    Metric {
        name: name.map(Into::into),
        alias: Some(alias),
        timestamp: Some((START + second) as u64 * 1_000),
        datatype: Some(Datatype::Double as u32),
        unit: name.map(|_| "mm".into()),
        value: Value::Double(value),
        ..Metric::default()
    }
}

fn told(topic: &str, seq: u64, metrics: Vec<Metric<'static>>, second: i64) -> Line {
    frame(
        topic,
        Payload { timestamp: Some((START + second) as u64 * 1_000), seq: Some(seq), metrics }
            .encode(),
        second,
    )
}

fn session() -> Vec<Line> {
    let mut lines = begin();
    let (birth, data) = ("spBv1.0/slopes/DBIRTH/edge/crack", "spBv1.0/slopes/DDATA/edge/crack");
    lines.push(told(data, 7, vec![metric(None, 5, 1.0, 10)], 10));
    lines.push(told("spBv1.0/slopes/NBIRTH/edge", 0, vec![], 20));
    lines.push(told(birth, 1, vec![metric(Some("opening"), 5, 1.25, 30)], 30));
    lines.push(told(data, 2, vec![metric(None, 5, 1.5, 60)], 60));
    let old = Metric { is_historical: true, ..metric(None, 5, 99.0, -3_600) };
    lines.push(told(data, 3, vec![metric(None, 5, 1.75, 120), old], 120));
    lines.push(told(data, 9, vec![metric(None, 5, 2.0, 180)], 180));
    lines.push(told("spBv1.0/slopes/DDEATH/edge/crack", 10, vec![], 190));
    lines
}

#[test]
fn a_sparkplug_session_is_read_and_what_is_missing_is_asked_for() {
    let (desk, carried) = run(&session());
    assert_eq!(counts(&desk), (1, 5, 0, 0));
    let quarantine: Vec<_> =
        carried.batch.quarantine.iter().map(|row| row.reason.as_str()).collect();
    assert_eq!(quarantine, ["no-birth"]);
    assert_eq!(carried.wishes.len(), 2, "before its birth, and after the gap");
    let latest = desk.overview().latest.into_iter().flatten().next().expect("a reading");
    assert_eq!(latest.value, 2.0, "the historical one is no news");
    assert!(latest.quality.has(reading::Quality::STALE), "{}", latest.quality);
}

/// What an alias means is part of the state: a desk that goes on from a snapshot reads the same.
#[test]
fn g02_aliases_are_known_after_a_restart() {
    let lines = session();
    let (whole, all) = run(&lines);
    let folder = tempfile::tempdir().expect("a folder");
    let state = StateFolder::open(folder.path().into()).expect("a folder");
    for cut in 2..lines.len() {
        let (before, after) = lines.split_at(cut);
        let (desk, mut carried) = run(before);
        state.save(&desk).expect("saved");
        let mut desk = state.load(cut as u64, &BTreeSet::new()).expect("loaded");
        apply(&mut desk, after, cut as u64 + 1, &mut carried);
        assert_eq!(counts(&desk), counts(&whole), "cut at {cut}");
        assert_eq!(carried.wishes, all.wishes, "cut at {cut}");
        assert_eq!(bytes(&carried), bytes(&all), "cut at {cut}");
    }
}

#[test]
fn a_sender_that_is_too_fast_is_counted_listed_and_told_by_its_name() {
    let mut lines = begin();
    for (minute, sender, refused) in
        [(1, "gateway/+/a", 1), (2, "gateway/+/a", 5_000), (2, "/dev/ttyUSB0", 1)]
    {
        let event = CollectorEvent::too_fast(sender.into(), refused);
        lines.push(line(Kind::Collector, sender, payload(&event).to_vec(), minute * 60));
    }
    let (desk, carried) = run(&lines);
    assert_eq!(carried.refusals["too-fast"], 5_002);
    let rows = carried.batch.quarantine.iter();
    let listed: Vec<_> = rows.map(|row| (row.topic.as_str(), row.reason.as_str())).collect();
    assert_eq!(
        listed,
        [("gateway/+/a", "too-fast"), ("gateway/+/a", "too-fast"), ("/dev/ttyUSB0", "too-fast")]
    );
    assert!(desk.overview().system_level > alerting::Level::Normal, "it is a fault of the field");
    assert!(desk.engine.as_ref().is_some_and(|engine| engine.is_up("field")), "which receives on");
}

#[test]
fn a_sender_that_is_slowed_is_told_by_its_name_and_nothing_is_counted_as_lost() {
    let mut lines = begin();
    let event = CollectorEvent::slowed("gate-1".into());
    lines.push(line(Kind::Collector, "field", payload(&event).to_vec(), 60));
    let (desk, carried) = run(&lines);
    assert!(carried.refusals.is_empty() && carried.batch.quarantine.is_empty());
    let told = carried.batch.actions.iter().any(|action| format!("{action:?}").contains("gate-1"));
    assert!(told && desk.overview().system_level > alerting::Level::Normal);
    assert!(desk.engine.as_ref().is_some_and(|engine| engine.is_up("field")), "it receives on");
}
