//! Every format and every kind of bad input, side by side: each has a name, and nothing panics.
//!
//! What is wrong with the bytes is named by the codec; what is wrong with a reading, such as a unit that nobody knows,
//! by admission. CBOR and protobuf say themselves that their texts are UTF-8, so other bytes there make them none.

use reading::admission::{Admission, Limits};
use reading::codec::chirpstack::{self, Up};
use reading::codec::columns::Columns;
use reading::codec::csv::{Stamps, UtcOffset};
use reading::codec::feed;
use reading::codec::layout::{Block, Field, Layout, Number, When};
use reading::codec::line_protocol::LineProtocol;
use reading::codec::link;
use reading::codec::modbus::{
    Answer, ModbusUnit, NumberKind, Polled, Question, Register, RegisterTable, WordOrder,
};
use reading::codec::nmea::Nmea;
use reading::codec::pattern::{LineField, LineForm, LineTime, Pattern};
use reading::codec::pointers::Pointers;
use reading::codec::sparkplug::{Hosts, Metric, Payload, SparkplugB, Value};
use reading::codec::toa5::Toa5;
use reading::codec::{CodecError, Feed, Format, Message, PortError, PortForm, Speaker};
use reading::registry::{SeriesEntry, Site, StationEntry};
use reading::report::Road;
use reading::time::EpochUnit;
use reading::{Quantity, Registry, Timestamp, Unit};

use super::frame;

const OWN: &str = "bongsu/v1/cut-12/box-1/telemetry";
const MANY: usize = 1_025;

/// A format, a message of it that is read, and what comes of those that are not.
pub struct Case {
    pub name: &'static str,
    feed: Feed,
    topic: &'static str,
    /// What must be heard before.
    before: Vec<(&'static str, Vec<u8>)>,
    pub good: Vec<u8>,
    /// What is wrong, the bytes, and the name it gets.
    pub bad: Vec<(&'static str, Vec<u8>, &'static str)>,
    /// The names that no bytes and far too many get: a port knows neither as such.
    nothing: &'static str,
    huge: &'static str,
    /// What stands around the bytes on the wire.
    wrap: fn(&[u8]) -> Vec<u8>,
}

impl Case {
    fn of(
        name: &'static str,
        format: Format,
        topic: &'static str,
        good: impl Into<Vec<u8>>,
    ) -> Self {
        let metrics = [
            ("tilt", "tilt-1/tilt-x"),
            ("slope.tilt", "tilt-1/tilt-x"),
            ("level", "level-1/water-level"),
        ];
        let feed =
            super::feed(format, &[("s1", "box-1"), ("g/n/s1", "box-1"), (EUI, "box-1")], &metrics);
        let (good, bad, before) = (good.into(), vec![], vec![]);
        let (nothing, huge) = ("empty-payload", "too-large");
        Self { name, feed, topic, before, good, bad, nothing, huge, wrap: <[u8]>::to_vec }
    }

    /// A form of a port, with the names that no bytes and far too many get there.
    fn of_port(
        name: &'static str,
        form: PortForm,
        good: impl Into<Vec<u8>>,
        (nothing, huge): (&'static str, &'static str),
    ) -> Self {
        Self { nothing, huge, ..Self::of(name, Format::Port(form), "/dev/ttyS1", good) }
    }

    fn but(mut self, wrong: &'static str, bytes: impl Into<Vec<u8>>, name: &'static str) -> Self {
        self.bad.push((wrong, bytes.into(), name));
        self
    }

    /// The good message with a part of its text replaced.
    fn with(self, wrong: &'static str, from: &str, to: &str, name: &'static str) -> Self {
        let good = String::from_utf8(self.good.clone()).unwrap();
        assert!(good.contains(from), "{}: {from}", self.name);
        let bytes = good.replacen(from, to, 1);
        self.but(wrong, bytes, name)
    }

    /// The good message with a part of its bytes replaced.
    fn with_bytes(self, wrong: &'static str, from: &[u8], to: &[u8], name: &'static str) -> Self {
        let at = self.good.windows(from.len()).position(|part| part == from).unwrap();
        let bytes = [&self.good[..at], to, &self.good[at + from.len()..]].concat();
        self.but(wrong, bytes, name)
    }

    /// What comes of a payload: the name of its refusal, by the codec or by admission, else `read`.
    pub fn fate(&self, payload: &[u8]) -> &'static str {
        let feeds = std::slice::from_ref(&self.feed);
        let mut hosts = Hosts::default();
        for (topic, payload) in &self.before {
            let frame = frame(topic, payload);
            feed::decode(&frame, feeds, &mut hosts, frame.received_at).unwrap();
        }
        let payload = (self.wrap)(payload);
        let frame = frame(self.topic, &payload);
        let decoded = match feed::decode(&frame, feeds, &mut hosts, frame.received_at) {
            Ok(decoded) => decoded,
            Err(error) => {
                let named = [&CodecError::NAMES[..], &PortError::NAMES[..]].concat();
                assert!(named.contains(&error.name()), "{error}");
                assert!(error.to_string().chars().count() < 600, "{error}");
                return error.name();
            }
        };
        let registry = registry();
        let mut admission = Admission::new(&registry, Limits::default());
        let (mut out, mut refused) = (vec![], vec![]);
        for told in &decoded.messages {
            let Message::Report(report) = &told.message else { continue };
            admission.admit(&registry, report, &frame, frame.received_at, &mut out, &mut refused);
        }
        match (refused.first(), decoded.unmapped.first()) {
            (Some(refused), _) => refused.reason.name(),
            (None, Some(_)) => "unmapped",
            (None, None) => "read",
        }
    }
}

fn registry() -> Registry {
    let site = Site::of("cut-12".parse().unwrap(), (37.5, 127.0));
    let series = |sensor: &str, quantity| SeriesEntry::of(sensor.parse().unwrap(), quantity);
    let series = vec![series("tilt-1", Quantity::TiltX), series("level-1", Quantity::WaterLevel)];
    let station = StationEntry::of(site.id.clone(), "box-1".parse().unwrap(), "field");
    Registry::new(vec![site], vec![StationEntry { series, ..station }])
}

fn repeated(head: &str, one: &str, between: &str, tail: &str) -> String {
    [head, &vec![one; MANY].join(between), tail].concat()
}

fn nested(head: &str, open: &str, levels: usize) -> String {
    [head, &open.repeat(levels)].concat()
}

fn native_json() -> Case {
    let reading = r#"{"sensor":"tilt-1","quantity":"tilt-x","value":1,"unit":"deg"}"#;
    let good = [r#"{"seq":1,"at":"2026-07-14T03:33:00Z","readings":["#, reading, "]}"].concat();
    Case::of("native JSON", Format::SenMl, OWN, good)
        .but("truncated", r#"{"seq":1,"at":"2026-07-14T03:33:00Z","readings":[{"sen"#, "not-json")
        .with("wrong type", ":1,\"unit", ":\"1\",\"unit", "wrong-shape")
        .with_bytes("invalid UTF-8", b"tilt-1", b"tilt\xff1", "not-utf8")
        .with("unknown unit", "deg", "furlong", "unknown-unit")
        .but("too many", repeated(r#"{"readings":["#, reading, ",", "]}"), "too-many-readings")
        .with("key twice", "\"seq\":1", "\"seq\":1,\"seq\":1", "duplicate-key")
        .but("too deep", nested(r#"{"readings":"#, "[", 50_000), "wrong-shape")
}

/// A short text in CBOR.
fn text(text: &str) -> Vec<u8> {
    [&[0x60 | text.len() as u8], text.as_bytes()].concat()
}

fn native_cbor() -> Case {
    let reading = [
        vec![0xa4],
        [text("sensor"), text("tilt-1"), text("quantity"), text("tilt-x")].concat(),
        [text("value"), vec![1], text("unit"), text("deg")].concat(),
    ]
    .concat();
    let readings = text("readings");
    let good = [&[0xa2][..], &text("seq"), &[1], &readings, &[0x81], &reading].concat();
    let many = [&[0xa1][..], &readings, &[0x99, 0x04, 0x01], &reading.repeat(MANY)].concat();
    let deep = [&[0xa1][..], &readings, &[0x81].repeat(50_000)].concat();
    let cut = good[..good.len() - 2].to_vec();
    Case::of("native CBOR", Format::SenMl, OWN, good)
        .but("truncated", cut, "not-cbor")
        .with_bytes("wrong type", &[b'e', 1], &[b'e', 0xf5], "wrong-shape")
        .with_bytes("invalid UTF-8", b"tilt-1", b"tilt\xff1", "not-cbor")
        .with_bytes("unknown unit", &text("deg"), &text("furlong"), "unknown-unit")
        .but("too many", many, "too-many-readings")
        .with_bytes(
            "key twice",
            &[0xa2, 0x63, b's'],
            &[&[0xa3], &text("seq")[..], &[1, 0x63, b's']].concat(),
            "duplicate-key",
        )
        .but("too deep", deep, "wrong-shape")
}

fn senml_json() -> Case {
    let record = r#"{"n":"s1:tilt","u":"deg","v":1}"#;
    Case::of("SenML JSON", Format::SenMl, "x", ["[", record, "]"].concat())
        .but("truncated", &record.as_bytes()[..20], "wrong-shape")
        .but("truncated list", ["[", record, ","].concat(), "not-json")
        .with("wrong type", ":1", ":\"1\"", "wrong-shape")
        .with_bytes("invalid UTF-8", b"tilt", b"til\xff", "not-utf8")
        .with("unknown unit", "deg", "furlong", "unknown-unit")
        .but("too many", repeated("[", record, ",", "]"), "too-many-readings")
        .with("key twice", "\"v\":1", "\"v\":1,\"v\":1", "duplicate-key")
        .but("too deep", nested("", "[", 50_000), "wrong-shape")
        .but("too deep in a known key", nested("[{\"n\":", "{\"a\":", 50_000), "wrong-shape")
}

fn senml_cbor() -> Case {
    let record = [&[0xa3, 0][..], &text("s1:tilt"), &[1], &text("deg"), &[2, 1]].concat();
    let good = [&[0x81][..], &record].concat();
    let many = [&[0x99, 0x04, 0x01][..], &record.repeat(MANY)].concat();
    let cut = good[..good.len() - 1].to_vec();
    Case::of("SenML CBOR", Format::SenMl, "x", good)
        .but("truncated", cut, "not-cbor")
        .with_bytes("wrong type", &[2, 1], &[2, 0xf4], "wrong-shape")
        .with_bytes("invalid UTF-8", b"tilt", b"til\xff", "not-cbor")
        .with_bytes("unknown unit", &text("deg"), &text("furlong"), "unknown-unit")
        .but("too many", many, "too-many-readings")
        .with_bytes("key twice", &[0x81, 0xa3], &[0x81, 0xa4, 2, 1], "duplicate-key")
        .but("too deep", vec![0x81; 50_000], "wrong-shape")
}

fn metric(name: &str, unit: Option<&str>) -> Metric<'static> {
    Metric {
        name: Some(name.to_owned().into()),
        unit: unit.map(|unit| unit.to_owned().into()),
        value: Value::Double(1.0),
        ..Metric::default()
    }
}

fn payload(seq: u64, metrics: Vec<Metric<'_>>) -> Vec<u8> {
    Payload { timestamp: Some(1_783_999_980_000), seq: Some(seq), metrics }.encode()
}

/// A field that holds others, in protobuf.
fn message(field: u8, inner: &[u8]) -> Vec<u8> {
    let mut bytes = vec![];
    for mut number in [usize::from(field) << 3 | 2, inner.len()] {
        while number >= 0x80 {
            bytes.push(number as u8 | 0x80);
            number >>= 7;
        }
        bytes.push(number as u8);
    }
    [&bytes, inner].concat()
}

fn sparkplug() -> Case {
    let good = payload(2, vec![metric("tilt", None)]);
    let cut = good[..good.len() - 3].to_vec();
    // A metric whose value is a template, of templates; and one whose properties are sets, of sets.
    let nested = |fields: &[u8]| {
        let deep = (0..10_000)
            .fold(vec![], |inner: Vec<u8>, at| message(fields[at % fields.len()], &inner));
        [good.as_slice(), &message(2, &[message(1, b"tilt"), deep].concat())].concat()
    };
    let (templates, sets) = (nested(&[2, 18]), nested(&[2, 9]));
    let case = Case::of("Sparkplug B", host(), "spBv1.0/g/DDATA/n/s1", good.as_slice())
        .but("truncated", cut, "not-protobuf")
        .but("wrong type", b"\x0a\x01x", "not-protobuf")
        .with_bytes("invalid UTF-8", b"tilt", b"til\xff", "not-protobuf")
        .but("unknown unit", payload(2, vec![metric("tilt", Some("furlong"))]), "unknown-unit")
        .but("too many", payload(2, vec![metric("tilt", None); MANY]), "too-many-readings")
        .but("too deep templates", templates, "not-finite")
        .but("too deep properties", sets, "not-finite")
        .but("no birth", payload(2, vec![metric("crack", None)]), "no-birth");
    let births = vec![
        ("spBv1.0/g/NBIRTH/n", payload(0, vec![])),
        ("spBv1.0/g/DBIRTH/n/s1", payload(1, vec![metric("tilt", None)])),
    ];
    Case { before: births, ..case }
}

fn sparkplug_birth() -> Case {
    let alias = |name| Metric { alias: Some(1), ..metric(name, None) };
    let good = payload(1, vec![alias("tilt")]);
    let case = Case::of("Sparkplug B, births", host(), "spBv1.0/g/DBIRTH/n/s1", good)
        .but("alias twice", payload(1, vec![alias("tilt"), alias("level")]), "duplicate-key")
        .but("no name", payload(1, vec![Metric { name: None, ..alias("") }]), "wrong-shape")
        .but("too many", payload(1, vec![metric("tilt", None); 5_000]), "too-many-readings");
    Case { before: vec![("spBv1.0/g/NBIRTH/n", payload(0, vec![]))], ..case }
}

fn host() -> Format {
    Format::SparkplugB(SparkplugB { host: "bongsu".into() })
}

const EUI: &str = "70b3d57ba0003bb8";

fn chirpstack() -> Case {
    let good = r#"{"deviceInfo":{"devEui":"70b3d57ba0003bb8"},"devAddr":"017d1f70","fCnt":20,"fPort":1,"data":"AAE=","object":{"tilt":1}}"#;
    let object = |values: &str| good.replace("{\"tilt\":1}", values);
    Case::of("ChirpStack", Format::ChirpStackV4(vec![]), "x", good)
        .but("truncated", &good.as_bytes()[..90], "not-json")
        .with("wrong type", "20", "\"20\"", "wrong-shape")
        .with("wrong type of a value", "{\"tilt\":1}", "{\"tilt\":\"1\"}", "not-finite")
        .with_bytes("invalid UTF-8", b"tilt", b"til\xff", "not-utf8")
        .but("too many", object(&repeated("{\"tilt\":[", "1", ",", "]}")), "too-many-readings")
        .with("key twice", "\"fPort\":1", "\"fPort\":1,\"fPort\":1", "duplicate-key")
        .but("too deep", object(&nested("", "[", 50_000)), "wrong-shape")
}

/// Raw bytes that nobody decoded: the case is the bytes, not the uplink around them.
fn layout_case() -> Case {
    let field = Field {
        name: "tilt".into(),
        at: 0,
        number: Number::parse("i16-le").unwrap(),
        bits: None,
        scale: 0.01,
        add: 0.0,
    };
    let block = |when, len, fields| Block { when, len, fields };
    let blocks = vec![
        block(When::Tag(vec![1, 0x75]), 1, vec![]),
        block(When::Tag(vec![3, 0xcf]), 7, vec![field]),
    ];
    let layout = Layout { ports: vec![], header: 0, flags_at: None, blocks };
    let good = [3, 0xcf, 0x9c, 0xff, 0, 0, 0x28, 0x23, 7];
    let case = Case::of("bytes by a layout", Format::ChirpStackV4(vec![layout]), "x", good);
    let case = Case { wrap: uplink_of, nothing: "read", huge: "too-large", ..case };
    case.but("truncated", [3, 0xcf, 1], "wrong-shape")
        .but("an unknown tag", [0x99, 0, 1], "wrong-shape")
        .but("too long", [3, 0xcf, 0x9c, 0xff, 0, 0, 0x28, 0x23, 7, 3], "wrong-shape")
}

/// An uplink around raw bytes.
fn uplink_of(data: &[u8]) -> Vec<u8> {
    let (at, object, gateways) = (None, &[][..], &[][..]);
    let (device, address) = (EUI, "017d1f70");
    chirpstack::encode(&Up { device, address, counter: 7, port: 1, at, data, object, gateways })
}

fn things_stack() -> Case {
    let good = r#"{"end_device_ids":{"device_id":"s1","dev_addr":"260B1234"},"uplink_message":{"f_port":1,"f_cnt":20,"frm_payload":"AAE=","decoded_payload":{"tilt":1}}}"#;
    let object = |values: &str| good.replace("{\"tilt\":1}", values);
    Case::of("The Things Stack", Format::TheThingsStackV3(vec![]), "x", good)
        .but("truncated", &good.as_bytes()[..90], "not-json")
        .with("wrong type", "20", "\"20\"", "wrong-shape")
        .with("wrong type of a value", "{\"tilt\":1}", "{\"tilt\":\"1\"}", "not-finite")
        .with_bytes("invalid UTF-8", b"tilt", b"til\xff", "not-utf8")
        .but("too many", object(&repeated("{\"tilt\":[", "1", ",", "]}")), "too-many-readings")
        .with("key twice", "\"f_port\":1", "\"f_port\":1,\"f_port\":1", "duplicate-key")
        .but("too deep", object(&nested("", "[", 50_000)), "wrong-shape")
}

fn line_protocol() -> Case {
    let form = LineProtocol { precision: EpochUnit::S, device: Some("host".into()) };
    let good = "slope,host=s1 tilt=1 1783999980";
    Case::of("line protocol", Format::LineProtocol(form), "x", good)
        .but("truncated", "slope,host=s1 tilt=", "wrong-shape")
        .with("wrong type", "=1 ", "=one ", "wrong-shape")
        .with("text for a number", "=1 ", "=\"1\" ", "not-finite")
        .with_bytes("invalid UTF-8", b"slope", b"slop\xff", "not-utf8")
        .but("too many", repeated("", good, "\n", ""), "too-many-readings")
        .with("tag twice", "host=s1", "host=s1,host=s1", "wrong-shape")
        .with("field twice", "tilt=1", "tilt=1,tilt=2", "wrong-shape")
}

fn toa5() -> Case {
    let head = "\"TOA5\",\"s1\",\"CR1000X\",\"1\",\"2\",\"3\",\"4\",\"T\"\r\n\"TIMESTAMP\",\"RECORD\",\"tilt\"\r\n\"TS\",\"RN\",\"deg\"\r\n\"\",\"\",\"Smp\"\r\n";
    let row = "\"2026-07-14 03:33:00\",7,1\r\n";
    let form = Toa5 { offset: UtcOffset::ZERO, columns: vec![] };
    Case::of("TOA5", Format::Toa5(form), "x", [head, row].concat())
        .but("truncated", [head, "\"2026-07-14 03:33:00\",7"].concat(), "wrong-shape")
        .but("truncated text", [head, "\"2026-07-14 03:"].concat(), "wrong-shape")
        .with("wrong type of a stamp", "\"2026-07-14 03:33:00\"", "7", "bad-time")
        .with("wrong type of a value", ",7,1", ",7,one", "not-finite")
        .with_bytes("invalid UTF-8", b"tilt", b"til\xff", "not-utf8")
        .with("unknown unit", "deg", "furlong", "unknown-unit")
        .but("too many", repeated(head, row, "", ""), "too-many-readings")
        .with("column twice", "RECORD", "tilt", "wrong-shape")
}

fn columns() -> Columns {
    Columns {
        delimiter: ',',
        names: vec![],
        at: Some("time".into()),
        stamps: Stamps::Rfc3339,
        device: None,
        metric: None,
        value: None,
        unit: None,
    }
}

fn csv_wide() -> Case {
    let row = "2026-07-14T03:33:00Z,1\n";
    Case::of("CSV columns, wide", Format::Csv(columns()), "s1", ["time,tilt\n", row].concat())
        .but("truncated", "time,tilt\n2026-07-14T03:33:00Z", "wrong-shape")
        .with("wrong type of a stamp", "2026-07-14T03:33:00Z", "soon", "bad-time")
        .with("wrong type of a value", "Z,1", "Z,one", "not-finite")
        .with_bytes("invalid UTF-8", b"tilt", b"til\xff", "not-utf8")
        .but("too many", repeated("time,tilt\n", row, "", ""), "too-many-readings")
        .with("column twice", "tilt\n", "tilt,tilt\n", "wrong-shape")
}

fn csv_long() -> Case {
    let some = |text: &str| Some(text.to_owned());
    let form = Columns {
        device: some("who"),
        metric: some("what"),
        value: some("value"),
        unit: some("unit"),
        ..columns()
    };
    let (head, row) = ("who,time,what,value,unit\n", "s1,2026-07-14T03:33:00Z,tilt,1,deg\n");
    Case::of("CSV columns, long", Format::Csv(form), "x", [head, row].concat())
        .but("truncated", [head, "s1,2026-07-14T03:33:00Z,tilt"].concat(), "wrong-shape")
        .with("wrong type of a value", ",1,", ",one,", "not-finite")
        .with_bytes("invalid UTF-8", b"tilt", b"til\xff", "not-utf8")
        .with("unknown unit", "deg", "furlong", "unknown-unit")
        .but("too many", repeated(head, row, "", ""), "too-many-readings")
        .with("column twice", "what", "value", "wrong-shape")
}

fn pointers_long() -> Case {
    let some = |text: &str| Some(text.to_owned());
    let form = Pointers {
        each: some("/all"),
        metric: some("/what"),
        value: some("/value"),
        unit: some("/unit"),
        ..Pointers::default()
    };
    let item = r#"{"what":"tilt","value":1,"unit":"deg"}"#;
    Case::of("JSON pointers, long", Format::Json(form), "s1", ["{\"all\":[", item, "]}"].concat())
        .but("truncated", ["{\"all\":[", item].concat(), "not-json")
        .with("wrong type", "\"tilt\"", "7", "wrong-shape")
        .with("wrong type of a value", ":1,", ":\"one\",", "not-finite")
        .with_bytes("invalid UTF-8", b"tilt", b"til\xff", "not-utf8")
        .with("unknown unit", "deg", "furlong", "unknown-unit")
        .but("too many", repeated("{\"all\":[", item, ",", "]}"), "too-many-readings")
        .with("key twice", "\"value\":1", "\"value\":1,\"value\":1", "duplicate-key")
        .but("too deep", nested("{\"all\":", "[", 50_000), "wrong-shape")
}

fn pointers_wide() -> Case {
    let form = Pointers { each: Some("/all".into()), ..Pointers::default() };
    let item = r#"{"tilt":1}"#;
    let good = ["{\"all\":[", item, "]}"].concat();
    let mut case = Case::of("JSON pointers, wide", Format::Json(form), "s1", good);
    let metrics = &mut case.feed.naming.models[0].metrics;
    metrics.retain(|name, _| name == "tilt");
    *metrics = metrics.values().map(|target| ("/tilt".into(), target.clone())).collect();
    case.but("truncated", ["{\"all\":[", item].concat(), "not-json")
        .with("wrong type", "[{\"tilt\":1}]", "{}", "wrong-shape")
        .with("wrong type of a value", ":1}", ":[]}", "not-finite")
        .with_bytes("invalid UTF-8", b"tilt", b"til\xff", "not-utf8")
        .but("too many", repeated("{\"all\":[", item, ",", "]}"), "too-many-readings")
        .with("key twice", "\"tilt\":1", "\"tilt\":1,\"tilt\":1", "duplicate-key")
        .but("too deep", nested("", "{\"all\":", 30_000), "wrong-shape")
}

fn sentence(body: &str) -> String {
    format!("${body}*{:02X}\r\n", body.bytes().fold(0, |sum, byte| sum ^ byte))
}

fn nmea() -> Case {
    let good = sentence("WIXDR,A,1,D,tilt");
    let cut = good[..12].to_owned();
    Case::of("NMEA 0183", Format::Nmea(Nmea::default()), "s1", good)
        .but("truncated", cut, "wrong-shape")
        .with("damaged", "tilt", "tilu", "bad-checksum")
        .but("truncated transducer", sentence("WIXDR,A,1,D"), "wrong-shape")
        .but("wrong type", sentence("WIXDR,A,one,D,tilt"), "wrong-shape")
        .but("wrong type of a fix", sentence("GPGGA,120000,,,,,yes,,,,,,,,"), "wrong-shape")
        .with_bytes("invalid UTF-8", b"tilt", b"til\xff", "not-utf8")
        .but("unknown unit", sentence("WIXDR,A,1,furlong,tilt"), "unknown-unit")
        .but("too many", sentence(&repeated("WIXDR,", "A,1,D,tilt", ",", "")), "too-many-readings")
}

fn speaker() -> Speaker {
    Speaker { site: "cut-12".parse().unwrap(), station: "box-1".parse().unwrap() }
}

fn lines() -> Case {
    let field = LineField {
        group: "x".into(),
        sensor: "tilt-1".parse().unwrap(),
        quantity: Quantity::TiltX,
        unit: Some(Unit::Degree),
    };
    let form = LineForm {
        pattern: Pattern::new("^T1,(?<t>[^,]*),(?<x>[^,]*)$").unwrap(),
        speaker: speaker(),
        fields: vec![field],
        time: Some(LineTime { group: "t".into(), format: String::new(), offset_s: 0 }),
    };
    let names = ("no-pattern", "too-long");
    Case::of_port(
        "lines by pattern",
        PortForm::Lines(vec![form]),
        "T1,2026-07-14T03:33:00Z,0.5",
        names,
    )
    .but("truncated", "T1,2026-07-14T03:33:00Z", "no-pattern")
    .but("truncated number", "T1,2026-07-14T03:33:00Z,", "not-finite")
    .with("wrong type", "0.5", "half", "not-a-number")
    .with("wrong type of a stamp", "2026", "soon", "not-a-time")
    .with_bytes("invalid UTF-8", b"0.5", b"0.\xff5", "not-a-number")
    .but("too many", "T1,".repeat(2_000), "too-long")
    .with("two values", "0.5", "0.5,0.5", "no-pattern")
}

/// What stands between the zero bytes of one of our own frames.
fn framed(kind: u8, body: &[u8]) -> Vec<u8> {
    let (whole, _) = link::report(Road::Live, 7, body);
    let inside = whole[1..whole.len() - 1].to_vec();
    if kind == 1 {
        return inside;
    }
    // Another kind, with the sum of it: the kind is the byte behind the first of COBS.
    let mut bytes = vec![kind, 0, 7];
    bytes.extend(body);
    let sum = reading::codec::crc16::sum(&bytes).to_le_bytes();
    bytes.extend(sum);
    stuffed(&bytes)
}

/// COBS of fewer than 254 bytes in a run.
fn stuffed(bytes: &[u8]) -> Vec<u8> {
    let runs = bytes.split(|byte| *byte == 0);
    runs.flat_map(|run| [&[run.len() as u8 + 1], run].concat()).collect()
}

fn frames() -> Case {
    let body = native_json().good;
    let good = framed(1, &body);
    let mut flipped = good.clone();
    flipped[20] ^= 1;
    let of = |from: &str, to: &[u8]| {
        let at = body.windows(from.len()).position(|part| part == from.as_bytes()).unwrap();
        framed(1, &[&body[..at], to, &body[at + from.len()..]].concat())
    };
    let cut = good[..good.len() / 2].to_vec();
    let names = ("bad-checksum", "too-long");
    let case = Case::of_port("our own frames", PortForm::Link(speaker()), good.as_slice(), names);
    case.but("truncated", cut, "truncated")
        .but("truncated between runs", [1, 1], "bad-checksum")
        .but("wrong CRC", flipped, "bad-checksum")
        .but("another kind", framed(9, b"{}"), "unknown-kind")
        .but("our own answer, echoed", framed(6, &[1, 2]), "not-for-us")
        .but("truncated inside", framed(1, &body[..40]), "not-json")
        .but("wrong type", of("\"value\":1", b"\"value\":\"1\""), "wrong-shape")
        .but("invalid UTF-8", of("tilt-1", b"tilt\xff1"), "not-utf8")
        .but("unknown unit", of("deg", b"furlong"), "unknown-unit")
        .but("key twice", of("\"seq\":1", b"\"seq\":1,\"seq\":1"), "duplicate-key")
        .but("too many", vec![b'1'; link::LINK_LEN_MAX + 1], "too-long")
}

const ASKED: Question = Question { unit: 17, table: RegisterTable::Holding, address: 10, count: 2 };

fn polled(answer: Answer) -> Vec<u8> {
    Polled { at: Timestamp::from_secs(super::RECEIVED - 1), question: ASKED, answer }.write()
}

fn bus() -> PortForm {
    let register = Register {
        sensor: "tilt-1".parse().unwrap(),
        quantity: Quantity::TiltX,
        table: RegisterTable::Holding,
        address: 10,
        number: NumberKind::F32,
        order: WordOrder::Abcd,
        scale: 1.0,
        offset: 0.0,
        unit: Some(Unit::Degree),
    };
    PortForm::Modbus(vec![ModbusUnit { unit: 17, speaker: speaker(), registers: vec![register] }])
}

/// An answer over RTU, with its CRC.
fn summed(bytes: &[u8]) -> Vec<u8> {
    [bytes, &reading::codec::crc16::sum(bytes).to_le_bytes()].concat()
}

fn modbus() -> Case {
    let good = polled(Answer::Registers(vec![0x3f80, 0]));
    let answer = summed(&[17, 3, 4, 0x3f, 0x80, 0, 0]);
    let mut flipped = answer.clone();
    flipped[4] ^= 1;
    let of_other =
        Polled { question: Question { unit: 9, ..ASKED }, ..Polled::read(&good).unwrap() };
    let names = ("truncated", "unknown-kind");
    let cut = good[..good.len() - 1].to_vec();
    let case = Case::of_port("Modbus RTU", bus(), good.as_slice(), names);
    case.but("truncated record", cut, "truncated")
        .but("no record", b"{}", "unknown-kind")
        .but("truncated answer", polled(Answer::Bad(answer[..5].to_vec())), "truncated")
        .but("wrong CRC", polled(Answer::Bad(flipped)), "bad-checksum")
        .but("register exception", polled(Answer::Exception(2)), "modbus-exception")
        .but(
            "a slave answers for another",
            polled(Answer::Bad(summed(&[18, 3, 4, 0x3f, 0x80, 0, 0]))),
            "foreign-answer",
        )
        .but("another function", polled(Answer::Bad(summed(&[17, 4, 2, 0, 5]))), "other-answer")
        .but("huge count", polled(Answer::Bad(summed(&[17, 3, 250, 0, 5]))), "other-answer")
        .but("a unit that is configured no more", of_other.write(), "unknown-unit")
        .but("no number", polled(Answer::Registers(vec![0x7fc0, 0])), "not-finite")
}

fn modbus_tcp() -> Case {
    let bad = |bytes: &[u8]| polled(Answer::BadTcp(bytes.to_vec()));
    let good = polled(Answer::Registers(vec![0x3f80, 0]));
    let case = Case::of_port("Modbus TCP", bus(), good, ("truncated", "unknown-kind"));
    case.but("truncated answer", bad(&[0, 7, 0, 0, 0, 9, 17, 3, 6]), "truncated")
        .but("a slave answers for another", bad(&[0, 7, 0, 0, 0, 3, 18, 0x83, 2]), "foreign-answer")
        .but("another function", bad(&[0, 7, 0, 0, 0, 3, 17, 0x84, 2]), "other-answer")
        .but("huge count", bad(&[0, 7, 0, 0, 0xff, 0xff, 17, 3, 6]), "truncated")
}

fn status() -> Case {
    let good = r#"{"state":"online","at":"2026-07-14T03:33:00Z","battery_v":12.7,"buffer":360}"#;
    Case::of("status of a station", Format::SenMl, "bongsu/v1/cut-12/box-1/status", good)
        .but("truncated", &good.as_bytes()[..20], "not-json")
        .with("wrong type", "12.7", "\"12.7\"", "wrong-shape")
        .with("wrong word", "online", "asleep", "wrong-shape")
        .with("huge count", "360", "-1", "wrong-shape")
        .with_bytes("invalid UTF-8", b"online", b"onl\xffne", "not-utf8")
        .with("key twice", "\"buffer\":360", "\"buffer\":360,\"buffer\":1", "duplicate-key")
        .with("wrong type of a stamp", "2026-07-14T03:33:00Z", "now", "bad-time")
}

fn result() -> Case {
    let good = r#"{"id":"c-1","result":"refused","reason":"battery low","state":"silent"}"#;
    Case::of("result of a command", Format::SenMl, "bongsu/v1/cut-12/box-1/command/result", good)
        .but("truncated", &good.as_bytes()[..20], "not-json")
        .with("wrong type", "\"c-1\"", "7", "wrong-shape")
        .with("wrong word", "refused", "maybe", "wrong-shape")
        .with_bytes("invalid UTF-8", b"battery", b"b\xffttery", "not-utf8")
        .with("key twice", "\"id\":\"c-1\"", "\"id\":\"c-1\",\"id\":\"c-2\"", "duplicate-key")
}

/// Every form that anything is read in.
pub fn cases() -> Vec<Case> {
    vec![
        native_json(),
        native_cbor(),
        senml_json(),
        senml_cbor(),
        sparkplug(),
        sparkplug_birth(),
        chirpstack(),
        things_stack(),
        line_protocol(),
        toa5(),
        csv_wide(),
        csv_long(),
        pointers_wide(),
        pointers_long(),
        nmea(),
        lines(),
        frames(),
        modbus(),
        modbus_tcp(),
        status(),
        result(),
        layout_case(),
    ]
}

#[test]
fn every_format_names_every_kind_of_bad_input() {
    let mut wrong = vec![];
    for case in cases() {
        assert_eq!(case.fate(&case.good), "read", "{}", case.name);
        for (what, bytes, name) in &case.bad {
            let fate = case.fate(bytes);
            if fate != *name {
                wrong.push(format!("{}, {what}: {fate}, expected {name}", case.name));
            }
        }
        assert_eq!(case.fate(b""), case.nothing, "{}", case.name);
        assert_eq!(case.fate(&vec![b' '; 300_000]), case.huge, "{}", case.name);
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn no_cut_and_no_wrong_byte_does_harm() {
    for case in cases() {
        for at in 0..case.good.len() {
            case.fate(&case.good[..at]);
            for byte in [0, b'"', b'{', 0x7f, 0x80, 0xff] {
                let mut damaged = case.good.clone();
                damaged[at] = byte;
                case.fate(&damaged);
            }
        }
    }
}
