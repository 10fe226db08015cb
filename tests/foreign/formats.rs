//! A message of each format that is right, and every way it can be wrong.

use reading::codec::csv::UtcOffset;
use reading::codec::sparkplug::{Datatype, Metric, Payload, Value};
use reading::codec::{native, senml};
use reading::report::{Claim, Report, Road};

use super::common::refusals::Bad;
use super::common::setting::telemetry;
use super::common::{now, unhex};

/// How many readings are too many in one message.
const MANY: usize = 1_025;

/// A format on its way in.
pub struct Wire {
    /// What it is called.
    pub name: &'static str,
    /// The station its device is; `subscribe` is empty for a second form of one before, and for our own.
    pub station: &'static str,
    /// The keys of its subscription.
    pub subscribe: &'static str,
    /// Where its messages come in.
    pub topic: &'static str,
    /// What must be heard before, and how many readings that is.
    pub before: Vec<(&'static str, Vec<u8>)>,
    pub said_before: u64,
    /// Its nth message, that the crack is so many millimetres wide.
    pub good: fn(u64, f64) -> Vec<u8>,
    /// What is wrong.
    pub bad: Vec<Bad>,
}

impl Wire {
    fn new(
        (name, station): (&'static str, &'static str),
        subscribe: &'static str,
        topic: &'static str,
        good: fn(u64, f64) -> Vec<u8>,
    ) -> Self {
        let (before, said_before, bad) = (vec![], 0, vec![]);
        Self { name, station, subscribe, topic, before, said_before, good, bad }
    }

    fn but(self, what: &'static str, payload: impl Into<Vec<u8>>, reason: &'static str) -> Self {
        let topic = self.topic;
        self.at(topic, what, payload, reason)
    }

    fn at(
        mut self,
        topic: &str,
        what: &'static str,
        payload: impl Into<Vec<u8>>,
        reason: &'static str,
    ) -> Self {
        self.bad.push(Bad::new(what, topic, payload, reason));
        self
    }

    /// A good message with a part of it replaced.
    fn with(
        self,
        what: &'static str,
        from: impl AsRef<[u8]>,
        to: impl AsRef<[u8]>,
        reason: &'static str,
    ) -> Self {
        let payload = replaced(&(self.good)(90 + self.bad.len() as u64, 0.5), from, to);
        self.but(what, payload, reason)
    }

    /// A good message that breaks off behind a part of it.
    fn cut(self, what: &'static str, behind: &str, reason: &'static str) -> Self {
        let good = (self.good)(90, 0.5);
        let at = place(&good, behind.as_bytes()) + behind.len();
        self.but(what, &good[..at], reason)
    }
}

fn place(bytes: &[u8], part: &[u8]) -> usize {
    let found = bytes.windows(part.len()).position(|window| window == part);
    found.unwrap_or_else(|| panic!("{:?} in {:?}", part, String::from_utf8_lossy(bytes)))
}

fn replaced(bytes: &[u8], from: impl AsRef<[u8]>, to: impl AsRef<[u8]>) -> Vec<u8> {
    let (from, to) = (from.as_ref(), to.as_ref());
    let at = place(bytes, from);
    [&bytes[..at], to, &bytes[at + from.len()..]].concat()
}

fn many(head: &str, one: &str, between: &str, tail: &str) -> String {
    [head, &vec![one; MANY].join(between), tail].concat()
}

fn deep(head: &str, open: &str) -> String {
    [head, &open.repeat(20_000)].concat()
}

fn claim(sensor: &str, quantity: &str, width: f64) -> Claim<'static> {
    Claim {
        sensor: sensor.to_owned().into(),
        quantity: quantity.to_owned().into(),
        value: width,
        unit: Some("mm".into()),
        at: None,
    }
}

/// Every format.
pub fn all() -> Vec<Wire> {
    vec![
        native_cbor(),
        senml_json(),
        senml_cbor(),
        sparkplug(),
        chirpstack(),
        things_stack(),
        line_protocol(),
        toa5(),
        csv_wide(),
        csv_long(),
        json_wide(),
        json_long(),
        nmea(),
    ]
}

fn native_cbor() -> Wire {
    fn good(_: u64, width: f64) -> Vec<u8> {
        let claims = vec![claim("crack-1", "crack-width", width)];
        native::encode_cbor(&Report {
            site: "bridge-1",
            station: "box-1",
            seq: None,
            at: Some(now()),
            heard_at: None,
            road: Road::Live,
            claims,
        })
    }
    let topic: &'static str = telemetry("bridge-1", "box-1").leak();
    let text = |text: &str| [&[0x60 | text.len() as u8], text.as_bytes()].concat();
    // Neither `seq` nor a moment, and a list that says it has 1 025 readings: a count is believed once they are there.
    let count = [&[0xa1][..], &text("readings"), &[0x99, 0x04, 0x01, 0xa0]].concat();
    let endless = [&[0xa1][..], &text("readings"), &[0x9b], &[0xff; 8]].concat();
    let wire = Wire::new(("our own form, CBOR", "box-1"), "", topic, good);
    let whole = good(0, 0.5);
    wire.but("truncated", &whole[..whole.len() - 2], "not-cbor")
        .but("more behind it", [whole.as_slice(), &[0]].concat(), "not-cbor")
        .but("a list that ends early", count, "wrong-shape")
        .but("a list without end", endless, "not-cbor")
        .with("wrong type", text("crack-1"), [0xf5], "wrong-shape")
        .with("invalid UTF-8", "crack-1", b"crac\xff-1", "not-cbor")
        .with("unknown unit", text("mm"), text("furlong"), "unknown-unit")
        .with("unknown key", text("unit"), text("unti"), "unknown-key")
        .but("too deep", [&[0xa1][..], &text("readings"), &[0x81; 50_000]].concat(), "wrong-shape")
}

fn senml_json() -> Wire {
    let record = r#"{"n":"s1:crack","u":"mm","v":1}"#;
    let subscribe = r#"topic = "senml/+"
format = "senml"
[[collector.subscribe.map]]
devices = { "s1" = "bridge-1/senml" }
metrics = { crack = "crack-1/crack-width" }"#;
    Wire::new(("SenML, JSON", "senml"), subscribe, "senml/json", |_, width| {
        format!(r#"[{{"n":"s1:crack","u":"mm","v":{width}}}]"#).into()
    })
    .cut("truncated", "0.5}", "not-json")
    .with("wrong type", "0.5", "\"0.5\"", "wrong-shape")
    .with("invalid UTF-8", "crack", b"crac\xff", "not-utf8")
    .with("unknown unit", "mm", "furlong", "unknown-unit")
    .with("key twice", "\"v\":0.5", "\"v\":0.5,\"v\":1", "duplicate-key")
    .with("a field that must be understood", "\"v\"", "\"x_\":1,\"v\"", "unknown-key")
    .with("unknown device", "s1", "s9", "unknown-device")
    .but("too many", many("[", record, ",", "]"), "too-many-readings")
    .but("too deep", deep("", "["), "wrong-shape")
}

fn senml_cbor() -> Wire {
    fn good(_: u64, width: f64) -> Vec<u8> {
        senml::encode_cbor("s1:", &[claim("crack", "", width)])
    }
    let whole = good(0, 0.5);
    let one = &whole[1..];
    Wire::new(("SenML, CBOR", "senml"), "", "senml/cbor", good)
        .but("truncated", &whole[..whole.len() - 1], "not-cbor")
        .with("wrong type", [0x02, 0xfb, 0x3f, 0xe0, 0, 0, 0, 0, 0, 0], [0x02, 0xf4], "wrong-shape")
        .with("invalid UTF-8", "crack", b"crac\xff", "not-cbor")
        .with("unknown unit", b"\x62mm", b"\x67furlong", "unknown-unit")
        .with("unknown device", "s1:", "s9:", "unknown-device")
        .but("too many", [&[0x99, 0x04, 0x01][..], &one.repeat(MANY)].concat(), "too-many-readings")
        .but("too deep", vec![0x81; 20_000], "wrong-shape")
}

fn opening(
    name: &'static str,
    alias: u64,
    unit: Option<&'static str>,
    width: f64,
) -> Metric<'static> {
    Metric {
        name: (!name.is_empty()).then(|| name.into()),
        alias: (alias > 0).then_some(alias),
        datatype: Some(Datatype::Double as u32),
        unit: unit.map(Into::into),
        value: Value::Double(width),
        ..Metric::default()
    }
}

fn payload(seq: u64, metrics: Vec<Metric<'_>>) -> Vec<u8> {
    let timestamp = u64::try_from(now().nanos() / 1_000_000).ok();
    Payload { timestamp, seq: Some(seq), metrics }.encode()
}

fn sparkplug() -> Wire {
    let subscribe = r#"topic = "spBv1.0/#"
format = "sparkplug-b"
host-id = "bongsu"
[[collector.subscribe.map]]
devices = { "slopes/edge/crack" = "bridge-1/sparkplug" }
metrics = { opening = "crack-1/crack-width" }"#;
    let data = "spBv1.0/slopes/DDATA/edge/crack";
    let birth = "spBv1.0/slopes/DBIRTH/edge/crack";
    // A birth that is refused ends what was known of its device, and only that: these are another's, with the same
    // alias.
    let others = "spBv1.0/slopes/DBIRTH/edge/other";
    let whole = payload(7, vec![opening("opening", 3, None, 0.5)]);
    let wire = Wire::new(("Sparkplug B", "sparkplug"), subscribe, data, |nth, width| {
        payload(2 + nth, vec![opening("", 3, None, width)])
    });
    let wire = Wire {
        before: vec![
            ("spBv1.0/slopes/NBIRTH/edge", payload(0, vec![])),
            (birth, payload(1, vec![opening("opening", 3, Some("mm"), 1.0)])),
        ],
        said_before: 1,
        ..wire
    };
    wire.but("truncated", &whole[..whole.len() - 3], "not-protobuf")
        .but("wrong type", b"\x0a\x01x", "not-protobuf")
        .but("invalid UTF-8", replaced(&whole, "opening", b"openin\xff"), "not-protobuf")
        .but(
            "unknown unit",
            payload(8, vec![opening("opening", 0, Some("furlong"), 0.5)]),
            "unknown-unit",
        )
        .but("an alias without birth", payload(9, vec![opening("", 99, None, 0.5)]), "no-birth")
        .but("a name without birth", payload(9, vec![opening("other", 0, None, 0.5)]), "no-birth")
        .but("too many", payload(9, vec![opening("", 3, None, 0.5); MANY]), "too-many-readings")
        .at("spBv1.0/slopes/DDATA/edge", "a topic of another form", whole.clone(), "wrong-shape")
        .at(
            others,
            "an alias twice in a birth",
            payload(9, vec![opening("opening", 3, None, 0.5), opening("more", 3, None, 0.5)]),
            "duplicate-key",
        )
        .at(
            others,
            "a birth without a name",
            payload(9, vec![opening("", 3, None, 0.5)]),
            "wrong-shape",
        )
}

fn chirpstack() -> Wire {
    let subscribe = r#"topic = "application/+/device/+/event/up"
format = "chirpstack-v4"
[[collector.subscribe.map]]
devices = { "70b3d57ba0003bb8" = "bridge-1/chirpstack" }
metrics = { crack = "crack-1/crack-width mm" }
[[collector.subscribe.payload]]
ports = [85]
[[collector.subscribe.payload.block]]
tag = "03 82"
len = 2
fields = [{ name = "crack", at = 0, type = "u16-le", scale = 0.01 }]"#;
    let topic = "application/1/device/70b3d57ba0003bb8/event/up";
    let wire = Wire::new(("ChirpStack v4", "chirpstack"), subscribe, topic, |nth, width| {
        format!(
            r#"{{"time":"{}","deviceInfo":{{"devEui":"70b3d57ba0003bb8"}},"devAddr":"017d1f70","fCnt":{nth},"fPort":1,"data":"AAE=","object":{{"crack":{width}}}}}"#,
            now()
        )
        .into()
    });
    let raw = |port: u8, data: &str| {
        format!(
            r#"{{"deviceInfo":{{"devEui":"70b3d57ba0003bb8"}},"devAddr":"017d1f70","fCnt":70,"fPort":{port},"data":"{data}"}}"#
        )
    };
    wire.cut("truncated", "\"fPort\":1", "not-json")
        .with("wrong type", "\"fPort\":1", "\"fPort\":\"1\"", "wrong-shape")
        .with("wrong type of a value", "0.5", "\"wide\"", "not-finite")
        .with("invalid UTF-8", "crack", b"crac\xff", "not-utf8")
        .with("key twice", "\"fPort\":1", "\"fPort\":1,\"fPort\":1", "duplicate-key")
        .with("too many", "0.5", many("[", "1", ",", "]"), "too-many-readings")
        .with("too deep", "0.5", deep("", "["), "wrong-shape")
        .with("an EUI of another form", "a0003bb8", "a0003b", "wrong-shape")
        .with("unknown device", "a0003bb8", "a0003bb9", "unknown-device")
        .with("no time", "{\"time\":\"", "{\"time\":\"x", "bad-time")
        .but("raw bytes that end early", raw(85, "A4IB"), "wrong-shape")
        .but("raw bytes of another kind", raw(85, "mQAB"), "wrong-shape")
        .but("raw bytes nobody described", raw(7, "A4IBAA=="), "no-layout")
        .but("no base64", raw(85, "A4I"), "wrong-shape")
}

fn things_stack() -> Wire {
    let subscribe = r#"topic = "v3/+/devices/+/up"
format = "the-things-stack-v3"
[[collector.subscribe.map]]
devices = { "crack-7" = "bridge-1/things-stack" }
metrics = { crack = "crack-1/crack-width mm" }"#;
    let wire = Wire::new(
        ("The Things Stack v3", "things-stack"),
        subscribe,
        "v3/bridges@ttn/devices/crack-7/up",
        |nth, width| {
            format!(
                r#"{{"end_device_ids":{{"device_id":"crack-7","dev_addr":"260B1234"}},"received_at":"{}","uplink_message":{{"f_port":1,"f_cnt":{nth},"frm_payload":"AAE=","decoded_payload":{{"crack":{width}}}}}}}"#,
                now()
            )
            .into()
        },
    );
    wire.cut("truncated", "\"f_port\":1", "not-json")
        .with("wrong type", "\"f_port\":1", "\"f_port\":\"1\"", "wrong-shape")
        .with("wrong type of a value", "0.5", "\"wide\"", "not-finite")
        .with("invalid UTF-8", "crack\"", b"crac\xff\"", "not-utf8")
        .with("key twice", "\"f_port\":1", "\"f_port\":1,\"f_port\":1", "duplicate-key")
        .with("too many", "0.5", many("[", "1", ",", "]"), "too-many-readings")
        .with("too deep", "0.5", deep("", "["), "wrong-shape")
        .with("unknown device", "crack-7", "crack-9", "unknown-device")
        .with("no time", "\"received_at\":\"", "\"received_at\":\"x", "bad-time")
        .with("made in a console", "{\"end", "{\"simulated\":true,\"end", "wrong-shape")
        .with("raw bytes nobody described", "\"decoded_payload\"", "\"other\"", "no-layout")
}

fn line_protocol() -> Wire {
    let subscribe = r#"topic = "influx/+"
format = "line-protocol"
precision = "s"
device = "tag:host"
[[collector.subscribe.map]]
devices = { "s1" = "bridge-1/line-protocol" }
metrics = { "bridge.crack" = "crack-1/crack-width mm" }"#;
    let wire = Wire::new(
        ("InfluxDB line protocol", "line-protocol"),
        subscribe,
        "influx/gateway",
        |_, width| format!("bridge,host=s1 crack={width} {}", seconds()).into(),
    );
    wire.cut("truncated", "crack=", "wrong-shape")
        .with("wrong type", "0.5", "half", "wrong-shape")
        .with("a text for a number", "0.5", "\"0.5\"", "not-finite")
        .with("invalid UTF-8", "bridge", b"bridg\xff", "not-utf8")
        .with("a tag twice", "host=s1", "host=s1,host=s1", "wrong-shape")
        .with("a field twice", "crack=0.5", "crack=0.5,crack=1", "wrong-shape")
        .with("no tag of the device", ",host=s1", "", "wrong-shape")
        .with("unknown device", "s1", "s9", "unknown-device")
        .but(
            "too many",
            many("", "bridge,host=s1 crack=1 1783999980", "\n", ""),
            "too-many-readings",
        )
}

fn seconds() -> i64 {
    now().nanos() / 1_000_000_000
}

/// What the clock on a logger's wall says.
fn local() -> String {
    let clock = UtcOffset::parse("+09:00").unwrap().clock(now());
    clock.split('.').next().unwrap().to_owned()
}

fn toa5() -> Wire {
    const HEAD: &str = "\"TOA5\",\"s1\",\"CR1000X\",\"1\",\"2\",\"3\",\"4\",\"T\"\r\n\"TIMESTAMP\",\"RECORD\",\"crack\"\r\n\"TS\",\"RN\",\"mm\"\r\n\"\",\"\",\"Smp\"\r\n";
    let subscribe = r#"topic = "toa5/+"
format = "toa5"
offset = "+09:00"
[[collector.subscribe.map]]
devices = { "s1" = "bridge-1/toa5" }
metrics = { crack = "crack-1/crack-width" }"#;
    let wire = Wire::new(("Campbell TOA5", "toa5"), subscribe, "toa5/logger", |nth, width| {
        format!("{HEAD}\"{}\",{nth},{width}\r\n", local()).into()
    });
    let row = "\"2026-07-14 03:33:00\",7,1\r\n";
    wire.but("truncated", [HEAD, "\"2026-07-14 03:33:00\",7"].concat(), "wrong-shape")
        .cut("truncated in the header", "\"RN\"", "wrong-shape")
        .but("a text that does not end", [HEAD, "\"2026-07-14 03:"].concat(), "wrong-shape")
        .but("wrong type of a stamp", [HEAD, "7,7,1\r\n"].concat(), "bad-time")
        .with("wrong type of a value", "0.5", "half", "not-finite")
        .with("invalid UTF-8", "crack", b"crac\xff", "not-utf8")
        .with("unknown unit", "mm", "furlong", "unknown-unit")
        .with("a column twice", "RECORD", "crack", "wrong-shape")
        .with("unknown device", "s1", "s9", "unknown-device")
        .but("too many", many(HEAD, row, "", ""), "too-many-readings")
}

fn csv_wide() -> Wire {
    let subscribe = r#"topic = "csv/+"
format = "csv"
time = "time"
device = "topic:2"
[[collector.subscribe.map]]
devices = { "s1" = "bridge-1/csv" }
metrics = { crack = "crack-1/crack-width mm" }"#;
    let wire = Wire::new(("CSV, wide", "csv"), subscribe, "csv/s1", |_, width| {
        format!("time,crack\n{},{width}\n", now()).into()
    });
    let row = "2026-07-14T03:33:00Z,1\n";
    wire.but("truncated", "time,crack\n2026-07-14T03:33:00Z", "wrong-shape")
        .but("wrong type of a stamp", "time,crack\nsoon,1\n", "bad-time")
        .with("wrong type of a value", "0.5", "half", "not-finite")
        .with("invalid UTF-8", "crack", b"crac\xff", "not-utf8")
        .with("a column twice", "crack", "crack,crack", "wrong-shape")
        .with("no column of the stamp", "time", "when", "wrong-shape")
        .but("too many", many("time,crack\n", row, "", ""), "too-many-readings")
        .at("csv/s9", "unknown device", "time,crack\n2026-07-14T03:33:00Z,1\n", "unknown-device")
}

fn csv_long() -> Wire {
    const HEAD: &str = "who,time,what,value,unit\n";
    let subscribe = r#"topic = "long/+"
format = "csv"
time = "time"
device = "column:who"
metric = "what"
value = "value"
unit = "unit"
[[collector.subscribe.map]]
devices = { "s1" = "bridge-1/csv-long" }
metrics = { crack = "crack-1/crack-width" }"#;
    let wire = Wire::new(("CSV, long", "csv-long"), subscribe, "long/gateway", |_, width| {
        format!("{HEAD}s1,{},crack,{width},mm\n", now()).into()
    });
    let row = "s1,2026-07-14T03:33:00Z,crack,1,mm\n";
    wire.but("truncated", [HEAD, "s1,2026-07-14T03:33:00Z,crack"].concat(), "wrong-shape")
        .with("wrong type of a value", "0.5", "half", "not-finite")
        .with("invalid UTF-8", "crack", b"crac\xff", "not-utf8")
        .with("unknown unit", "mm", "furlong", "unknown-unit")
        .with("a column twice", "what", "value", "wrong-shape")
        .with("unknown device", "s1", "s9", "unknown-device")
        .but("too many", many(HEAD, row, "", ""), "too-many-readings")
}

fn json_wide() -> Wire {
    let subscribe = r#"topic = "json/+"
format = "json"
device = "pointer:/id"
time = "/at"
[[collector.subscribe.map]]
devices = { "7" = "bridge-1/json" }
metrics = { "/crack" = "crack-1/crack-width mm" }"#;
    let wire = Wire::new(("JSON by pointers, wide", "json"), subscribe, "json/x", |_, width| {
        format!(r#"{{"id":7,"at":"{}","crack":{width}}}"#, now()).into()
    });
    wire.cut("truncated", "\"crack\"", "not-json")
        .with("wrong type", "7", "[7]", "wrong-shape")
        .with("wrong type of a value", "0.5", "\"wide\"", "not-finite")
        .with("invalid UTF-8", "crack", b"crac\xff", "not-utf8")
        .with("key twice", "\"id\":7", "\"id\":7,\"id\":7", "duplicate-key")
        .with("nothing there", "crack", "crock", "wrong-shape")
        .with("no time", "\"at\":\"", "\"at\":\"x", "bad-time")
        .with("unknown device", "\"id\":7", "\"id\":9", "unknown-device")
        .but("too deep", deep("", "{\"crack\":"), "wrong-shape")
}

fn json_long() -> Wire {
    let subscribe = r#"topic = "list/+"
format = "json"
device = "topic:2"
each = "/all"
metric = "/what"
value = "/value"
unit = "/unit"
[[collector.subscribe.map]]
devices = { "s1" = "bridge-1/json-long" }
metrics = { crack = "crack-1/crack-width" }"#;
    let wire =
        Wire::new(("JSON by pointers, long", "json-long"), subscribe, "list/s1", |_, width| {
            format!(r#"{{"all":[{{"what":"crack","value":{width},"unit":"mm"}}]}}"#).into()
        });
    let item = r#"{"what":"crack","value":1,"unit":"mm"}"#;
    wire.cut("truncated", "0.5", "not-json")
        .with("wrong type", "\"crack\"", "7", "wrong-shape")
        .with("wrong type of a value", "0.5", "[]", "not-finite")
        .with("invalid UTF-8", "crack", b"crac\xff", "not-utf8")
        .with("unknown unit", "mm", "furlong", "unknown-unit")
        .with("key twice", "\"value\":0.5", "\"value\":0.5,\"value\":1", "duplicate-key")
        .with("a name nobody mapped", "crack", "rain", "unmapped")
        .but("too many", many("{\"all\":[", item, ",", "]}"), "too-many-readings")
        .but("too deep", deep("{\"all\":", "["), "wrong-shape")
}

/// A sentence with its checksum.
pub fn sentence(body: &str) -> Vec<u8> {
    let sum = body.bytes().fold(0, |sum, byte| sum ^ byte);
    format!("${body}*{sum:02X}\r\n").into()
}

fn nmea() -> Wire {
    let subscribe = r#"topic = "nmea/+"
format = "nmea"
device = "topic:2"
[[collector.subscribe.map]]
devices = { "s1" = "bridge-1/nmea" }
metrics = { crack = "crack-1/crack-width" }"#;
    let wire = Wire::new(("NMEA 0183", "nmea"), subscribe, "nmea/s1", |_, width| {
        sentence(&format!("WIXDR,D,{},M,crack", width / 1_000.0))
    });
    wire.cut("truncated", "WIXDR,D", "wrong-shape")
        .with("wrong CRC", "crack", "crock", "bad-checksum")
        .but("a transducer that ends early", sentence("WIXDR,D,1,M"), "wrong-shape")
        .but("wrong type", sentence("WIXDR,D,one,M,crack"), "wrong-shape")
        .but("wrong type of a fix", sentence("GPGGA,120000,,,,,yes,,,,,,,,"), "wrong-shape")
        .with("invalid UTF-8", "crack", b"crac\xff", "not-utf8")
        .but("unknown unit", sentence("WIXDR,D,1,furlong,crack"), "unknown-unit")
        .but("a unit of something else", sentence("WIXDR,C,1,C,crack"), "unit-mismatch")
        .but("too many", sentence(&many("WIXDR,", "D,1,M,crack", ",", "")), "too-many-readings")
        .at("nmea/s9", "unknown device", sentence("WIXDR,D,1,M,crack"), "unknown-device")
        .but("bytes of another protocol", unhex("b5620107"), "not-utf8")
}
