//! How fast each format is read: messages as devices of its kind send them. Items are readings.

#![expect(clippy::unwrap_used, reason = "a benchmark ends at the first surprise")]

use std::collections::BTreeMap;

use divan::Bencher;
use divan::counter::ItemsCount;
use reading::codec::chirpstack::{self, Up};
use reading::codec::columns::Columns;
use reading::codec::csv::{Stamps, UtcOffset};
use reading::codec::feed::{self, DeviceFrom, Feed, Format};
use reading::codec::layout::{Block, Field, Layout, Number, When};
use reading::codec::line_protocol::LineProtocol;
use reading::codec::link;
use reading::codec::modbus::{
    Answer, ModbusUnit, NumberKind, Polled, Question, Register, RegisterTable, WordOrder,
};
use reading::codec::naming::{Model, Naming, Placed, Target};
use reading::codec::nmea::Nmea;
use reading::codec::pattern::{LineField, LineForm, LineTime, Pattern};
use reading::codec::pointers::Pointers;
use reading::codec::sparkplug::{Datatype, Hosts, Metric, Payload, SparkplugB, Value};
use reading::codec::toa5::Toa5;
use reading::codec::{Message, PortForm, Speaker, native, senml};
use reading::frame::Frame;
use reading::report::{Claim, Report, Road};
use reading::time::EpochUnit;
use reading::{Quantity, Timestamp, Unit};

fn main() {
    divan::main();
}

const NOON: i64 = 1_784_000_000;

fn feed(format: Format, device: &str, metrics: &[&str]) -> Feed {
    let target = |name: &&str| {
        let target =
            Target { sensor: "tilt-1".parse().unwrap(), quantity: Quantity::TiltX, unit: None };
        ((*name).to_owned(), target)
    };
    let model = Model { metrics: metrics.iter().map(target).collect(), ignored: vec!["*".into()] };
    let placed = Placed {
        site: "cut-12".parse().unwrap(),
        station: "box-1".parse().unwrap(),
        model: 0,
        shared: false,
    };
    Feed {
        source: "field".into(),
        filter: "#".into(),
        device: DeviceFrom::Topic,
        format,
        naming: Naming { devices: BTreeMap::from([(device.into(), placed)]), models: vec![model] },
        backfill: false,
    }
}

/// Reads one message again and again, after others that come before it once.
fn read(
    bencher: Bencher<'_, '_>,
    feeds: &[Feed],
    before: &[(&str, Vec<u8>)],
    topic: &str,
    payload: &[u8],
) {
    let received_at = Timestamp::from_secs(NOON);
    let frame =
        |topic, payload| Frame { source: "field", topic, payload, received_at, retained: false };
    let mut hosts = Hosts::default();
    for (topic, payload) in before {
        feed::decode(&frame(topic, payload), feeds, &mut hosts, received_at).unwrap();
    }
    let one = frame(topic, payload);
    let readings: usize = feed::decode(&one, feeds, &mut hosts.clone(), received_at)
        .unwrap()
        .messages
        .iter()
        .map(|told| match &told.message {
            Message::Report(report) => report.claims.len(),
            Message::Status(_) | Message::Receipt(_) => 0,
        })
        .sum();
    assert!(readings > 0);
    bencher.counter(ItemsCount::new(readings)).bench_local(|| {
        feed::decode(divan::black_box(&one), feeds, &mut hosts, received_at).is_ok()
    });
}

fn claims(count: usize) -> Vec<Claim<'static>> {
    let claim = |i: usize| Claim {
        sensor: "tilt-1".into(),
        quantity: "tilt-x".into(),
        value: 0.12 + i as f64 / 7.0,
        unit: Some("deg".into()),
        at: Some(Timestamp::from_secs(NOON + i as i64)),
    };
    (0..count).map(claim).collect()
}

const OWN: &str = "bongsu/v1/cut-12/box-1/telemetry";

fn report() -> Report<'static> {
    let mut claims = claims(8);
    claims.iter_mut().for_each(|claim| claim.at = None);
    let at = Some(Timestamp::from_secs(NOON));
    Report {
        site: "cut-12",
        station: "box-1",
        seq: Some(7),
        at,
        heard_at: None,
        road: Road::Live,
        claims,
    }
}

#[divan::bench]
fn native_json(bencher: Bencher<'_, '_>) {
    read(bencher, &[], &[], OWN, &native::encode(&report()));
}

#[divan::bench]
fn native_cbor(bencher: Bencher<'_, '_>) {
    read(bencher, &[], &[], OWN, &native::encode_cbor(&report()));
}

#[divan::bench]
fn senml_json(bencher: Bencher<'_, '_>) {
    let feeds = [feed(Format::SenMl, "s1/tilt-1", &["tilt-x"])];
    read(bencher, &feeds, &[], "x", &senml::encode("s1/", &claims(8)));
}

#[divan::bench]
fn senml_cbor(bencher: Bencher<'_, '_>) {
    let feeds = [feed(Format::SenMl, "s1/tilt-1", &["tilt-x"])];
    read(bencher, &feeds, &[], "x", &senml::encode_cbor("s1/", &claims(8)));
}

#[divan::bench]
fn sparkplug_b(bencher: Bencher<'_, '_>) {
    let feeds =
        [feed(Format::SparkplugB(SparkplugB { host: "bongsu".into() }), "g/n/d", &["tilt"])];
    let metric = |name: bool| Metric {
        name: name.then(|| "tilt".into()),
        alias: Some(1),
        datatype: Some(Datatype::Double as u32),
        value: Value::Double(0.5),
        ..Metric::default()
    };
    let tell = |seq, metrics| {
        Payload { timestamp: Some(NOON as u64 * 1_000), seq: Some(seq), metrics }.encode()
    };
    let before = [
        ("spBv1.0/g/NBIRTH/n", tell(0, vec![])),
        ("spBv1.0/g/DBIRTH/n/d", tell(1, vec![metric(true)])),
    ];
    read(bencher, &feeds, &before, "spBv1.0/g/DDATA/n/d", &tell(2, vec![metric(false); 8]));
}

/// Three angles behind a tag.
fn layout() -> Layout {
    let field = |i: u32| Field {
        name: format!("v{i}"),
        at: 2 * i,
        number: Number::parse("i16-le").unwrap(),
        bits: None,
        scale: 0.01,
        add: 0.0,
    };
    let block =
        Block { when: When::Tag(vec![3, 0xcf]), len: 6, fields: (0..3).map(field).collect() };
    Layout { ports: vec![85], header: 0, flags_at: None, blocks: vec![block] }
}

#[divan::bench]
fn chirpstack_raw(bencher: Bencher<'_, '_>) {
    let layout = layout();
    let feeds = [feed(Format::ChirpStackV4(vec![layout]), EUI, &["v0", "v1", "v2"])];
    uplink(bencher, &feeds, &Up { port: 85, data: &[3, 0xcf, 0, 0, 1, 0, 2, 0], ..up() });
}

#[divan::bench]
fn chirpstack_decoded(bencher: Bencher<'_, '_>) {
    let names = ["angle_x", "angle_y", "angle_z"];
    let feeds = [feed(Format::ChirpStackV4(vec![]), EUI, &names)];
    let object = names.map(|name| (name, 0.12));
    uplink(bencher, &feeds, &Up { data: &[3, 0xcf, 0, 0, 1, 0, 2, 0], object: &object, ..up() });
}

const EUI: &str = "70b3d57ba0003bb8";

/// An uplink that two gateways heard.
fn up<'a>() -> Up<'a> {
    Up {
        device: EUI,
        address: "017d1f70",
        counter: 20,
        port: 1,
        at: Some(Timestamp::from_secs(NOON)),
        data: &[],
        object: &[],
        gateways: &[("fcc23dfffe2e72ed", -106, 3.0), ("fcc23dfffe2e72ee", -90, 7.5)],
    }
}

fn uplink(bencher: Bencher<'_, '_>, feeds: &[Feed], up: &Up<'_>) {
    let topic = format!("application/1/device/{EUI}/event/up");
    read(bencher, feeds, &[], &topic, &chirpstack::encode(up));
}

/// The same uplink as The Things Stack tells it.
const STACK: &str = r#"{"end_device_ids":{"device_id":"tilt-7","application_ids":{"application_id":"slopes"},"dev_eui":"70B3D57BA0003BB8","join_eui":"0000000000000000","dev_addr":"260B1234"},"correlation_ids":["gs:uplink:01HEXAMPLE"],"received_at":"2026-07-14T03:33:20.123456789Z","uplink_message":{"session_key_id":"AYfg8rhha6n+FSh4","f_port":85,"f_cnt":20,"frm_payload":"A88AAAEAAgA=","rx_metadata":[{"gateway_ids":{"gateway_id":"a","eui":"FCC23DFFFE2E72ED"},"timestamp":1,"rssi":-106,"channel_rssi":-106,"snr":3},{"gateway_ids":{"gateway_id":"b"},"rssi":-90,"snr":7.5}],"settings":{"data_rate":{"lora":{"bandwidth":125000,"spreading_factor":7}},"frequency":"868300000"},"received_at":"2026-07-14T03:33:20.1Z","consumed_airtime":"0.061696s"DECODED}}"#;

#[divan::bench]
fn things_stack_raw(bencher: Bencher<'_, '_>) {
    let layout = layout();
    let feeds = [feed(Format::TheThingsStackV3(vec![layout]), EUI, &["v0", "v1", "v2"])];
    read(bencher, &feeds, &[], "x", STACK.replace("DECODED", "").as_bytes());
}

#[divan::bench]
fn things_stack_decoded(bencher: Bencher<'_, '_>) {
    let names = ["angle_x", "angle_y", "angle_z"];
    let feeds = [feed(Format::TheThingsStackV3(vec![]), EUI, &names)];
    let decoded = r#","decoded_payload":{"angle_x":0.12,"angle_y":0.12,"angle_z":0.12}"#;
    read(bencher, &feeds, &[], "x", STACK.replace("DECODED", decoded).as_bytes());
}

#[divan::bench]
fn line_protocol(bencher: Bencher<'_, '_>) {
    let form = LineProtocol { precision: EpochUnit::S, device: Some("host".into()) };
    let feeds = [feed(Format::LineProtocol(form), "a", &["tilt.x", "tilt.y"])];
    let text: String =
        (0..4).map(|i| format!("tilt,host=a,axis=1 x=0.12,y=-0.0{i} {}\n", NOON + i)).collect();
    read(bencher, &feeds, &[], "x", text.as_bytes());
}

#[divan::bench]
fn toa5(bencher: Bencher<'_, '_>) {
    let form = Toa5 { offset: UtcOffset::ZERO, columns: vec![] };
    let feeds = [feed(Format::Toa5(form), "slope-7", &["tilt-1"])];
    let text = reading::codec::toa5::encode("slope-7", "Hourly", UtcOffset::ZERO, &claims(8));
    read(bencher, &feeds, &[], "x", text.as_bytes());
}

#[divan::bench]
fn csv(bencher: Bencher<'_, '_>) {
    let columns = Columns {
        delimiter: ',',
        names: vec![],
        at: Some("time".into()),
        stamps: Stamps::Rfc3339,
        device: None,
        metric: None,
        value: None,
        unit: None,
    };
    let feeds = [feed(Format::Csv(columns), "x", &["a", "b"])];
    let rows: String = (0..4).map(|i| format!("2026-07-14T03:1{i}:00Z,0.5,{i}\n")).collect();
    read(bencher, &feeds, &[], "x", format!("time,a,b\n{rows}").as_bytes());
}

#[divan::bench]
fn json_pointers(bencher: Bencher<'_, '_>) {
    let pointers =
        Pointers { at: Some("/ts".into()), time_unit: Some(EpochUnit::Ms), ..Pointers::default() };
    let feeds =
        [feed(Format::Json(pointers), "x", &["/data/a", "/data/b", "/data/c/0", "/data/c/1"])];
    read(
        bencher,
        &feeds,
        &[],
        "x",
        br#"{"id":7,"ts":1783966200000,"data":{"a":0.5,"b":1.5,"c":[1,2],"note":"ok"}}"#,
    );
}

#[divan::bench]
fn nmea_gga(bencher: Bencher<'_, '_>) {
    let nmea = Nmea { origin: Some((51.068, -114.0957, 1_084.0)) };
    let feeds = [feed(Format::Nmea(nmea), "x", &["east", "north", "up"])];
    read(
        bencher,
        &feeds,
        &[],
        "x",
        b"$GPGGA,150119.000,5104.0859,N,11405.7387,W,2,8,0.94,1102.4,M,-17.5,M,,*53",
    );
}

fn speaker() -> Speaker {
    Speaker { site: "cut-12".parse().unwrap(), station: "box-1".parse().unwrap() }
}

/// A frame of a port.
fn read_port(bencher: Bencher<'_, '_>, form: PortForm, payload: &[u8]) {
    let feeds = [feed(Format::Port(form), "/dev/ttyS1", &[])];
    read(bencher, &feeds, &[], "/dev/ttyS1", payload);
}

#[divan::bench]
fn lines_by_pattern(bencher: Bencher<'_, '_>) {
    let field = |group: &str, quantity| LineField {
        group: group.into(),
        sensor: "tilt-1".parse().unwrap(),
        quantity,
        unit: Some(Unit::Degree),
    };
    let form = LineForm {
        pattern: Pattern::new("^T1,(?<t>[^,]+),(?<x>[^,]+),(?<y>[^,]+)$").unwrap(),
        speaker: speaker(),
        fields: vec![field("x", Quantity::TiltX), field("y", Quantity::TiltY)],
        time: Some(LineTime {
            group: "t".into(),
            format: "%Y/%m/%d %H:%M:%S".into(),
            offset_s: 9 * 3_600,
        }),
    };
    read_port(bencher, PortForm::Lines(vec![form]), b"T1,2026/07/14 03:10:00,+0.123,-0.045");
}

/// A report in CBOR, as our own firmware frames it.
#[divan::bench]
fn own_frames(bencher: Bencher<'_, '_>) {
    let (whole, _) = link::report(Road::Live, 7, &native::encode_cbor(&report()));
    read_port(bencher, PortForm::Link(speaker()), &whole[1..whole.len() - 1]);
}

#[divan::bench]
fn modbus_registers(bencher: Bencher<'_, '_>) {
    let register = |i: u16| Register {
        sensor: format!("piezo-{i}").parse().unwrap(),
        quantity: Quantity::PorePressure,
        table: RegisterTable::Input,
        address: 100 + 2 * i,
        number: NumberKind::F32,
        order: WordOrder::Cdab,
        scale: 1.0,
        offset: 0.0,
        unit: Some(Unit::Kilopascal),
    };
    let registers = (0..8).map(register).collect();
    let unit = ModbusUnit { unit: 17, speaker: speaker(), registers };
    let question = Question { unit: 17, table: RegisterTable::Input, address: 100, count: 16 };
    let answer = Answer::Registers((0..16).collect());
    let polled = Polled { at: Timestamp::from_secs(NOON), question, answer };
    read_port(bencher, PortForm::Modbus(vec![unit]), &polled.write());
}
