//! Foreign topics: what is understood, and what is refused where.

use reading::codec::feed::DeviceFrom;
use reading::codec::{Feed, Format};

use super::{MAIN, SITE, edited, good, load, problems, refused};

/// The good files with foreign topics behind the collector.
fn with(text: &str) -> std::collections::BTreeMap<String, String> {
    let mut sources = good();
    let main = MAIN.replace("in-flight = 1000\n", &format!("in-flight = 1000\n{text}"));
    sources.insert("bongsu.toml".into(), main);
    sources
}

fn feeds(text: &str) -> Vec<Feed> {
    match load(&with(text)) {
        Ok(config) => config.setup.feeds,
        Err(problems) => {
            panic!("{text}\n{:#?}", problems.iter().map(ToString::to_string).collect::<Vec<_>>())
        }
    }
}

const MAP: &str = r#"
[[collector.subscribe.map]]
devices = { "24e124713c140a01" = "cut-12/post-1" }
metrics = { angle_x = "tilt-1/tilt-x deg", "rain.mm" = "gauge-1/rain mm" }
ignore = ["battery"]
"#;

fn of(head: &str) -> String {
    format!("[[collector.subscribe]]\n{head}\n{MAP}")
}

#[test]
pub fn every_format_is_understood() {
    for (head, expected) in [
        ("topic = \"senml/#\"\nformat = \"senml\"", "SenMl"),
        ("topic = \"spBv1.0/#\"\nformat = \"sparkplug-b\"\nhost-id = \"bongsu\"", "SparkplugB"),
        ("topic = \"application/+/device/+/event/up\"\nformat = \"chirpstack-v4\"", "ChirpStackV4"),
        ("topic = \"v3/+/devices/+/up\"\nformat = \"the-things-stack-v3\"", "TheThingsStackV3"),
        (
            "topic = \"telegraf/#\"\nformat = \"line-protocol\"\nprecision = \"s\"\ndevice = \"tag:host\"",
            "LineProtocol",
        ),
        ("topic = \"loggers/+\"\nformat = \"toa5\"\noffset = \"+09:00\"", "Toa5"),
        (
            "topic = \"csv/+\"\nformat = \"csv\"\ntime = \"t\"\noffset = \"+09:00\"\ndelimiter = \";\"\ndevice = \"column:id\"",
            "Csv",
        ),
        (
            "topic = \"gps/+\"\nformat = \"nmea\"\norigin = [37.5, 127.0, 120.5]\ndevice = \"topic:2\"",
            "Nmea",
        ),
    ] {
        let feed = &feeds(&of(head))[0];
        assert!(format!("{:?}", feed.format).starts_with(expected), "{feed:?}");
        assert_eq!(feed.source, "field");
        assert!(feed.naming.devices.contains_key("24e124713c140a01"));
        let model = &feed.naming.models[0];
        assert_eq!(model.metrics["rain.mm"].quantity, reading::Quantity::Rain);
        assert_eq!(model.ignored, ["battery"]);
    }
    let gps = &feeds(&of("topic = \"gps/+\"\nformat = \"nmea\"\ndevice = \"topic:2\""))[0];
    assert_eq!(gps.device, DeviceFrom::Level(2));
    let json = "[[collector.subscribe]]\ntopic = \"j/+\"\nformat = \"json\"\ntime = \"/t\"\ntime-unit = \"ms\"\n[[collector.subscribe.map]]\ndevices = { \"j/7\" = \"cut-12/post-1\" }\nmetrics = { \"/data/x\" = \"tilt-1/tilt-x\" }";
    assert!(
        matches!(&feeds(json)[0].format, Format::Json(pointers) if pointers.at.as_deref() == Some("/t"))
    );
}

#[test]
fn a_topic_may_be_all_of_the_past() {
    let feed = |line: &str| {
        feeds(&of(&format!("topic = \"day/#\"\nformat = \"senml\"\n{line}")))[0].backfill
    };
    assert_eq!((feed(""), feed("backfill = true"), feed("backfill = false")), (false, true, false));
    let of_node =
        "topic = \"spBv1.0/#\"\nformat = \"sparkplug-b\"\nhost-id = \"bongsu\"\nbackfill = true";
    let wrong = problems(&with(&of(of_node)));
    assert!(wrong[0].contains("Sparkplug nodes say themselves what is of the past"), "{wrong:?}");
}

#[test]
pub fn a_layout_of_raw_bytes_is_understood() {
    let text = of(
        "topic = \"up/#\"\nformat = \"chirpstack-v4\"\n\n[[collector.subscribe.payload]]\nports = [85]\n[[collector.subscribe.payload.block]]\ntag = \"03 cf\"\nlen = 7\nfields = [{ name = \"angle_x\", at = 0, type = \"i16-le\", scale = 0.01 }, { name = \"lights\", at = 6, type = \"u8\", bits = [0, 3] }]",
    );
    let Format::ChirpStackV4(layouts) = &feeds(&text)[0].format else { panic!("{text}") };
    assert_eq!((layouts[0].ports.as_slice(), layouts[0].blocks[0].fields.len()), (&[85][..], 2));
}

/// The setup is journaled as JSON and kept in snapshots: it must come back from both.
#[test]
fn feeds_come_back_from_the_journal_and_from_snapshots() {
    let text = of("topic = \"loggers/+\"\nformat = \"toa5\"\noffset = \"+09:00\"")
        + &of("topic = \"csv/+\"\nformat = \"csv\"\ntime-unit = \"s\"").replace("24e1", "25e1");
    let feeds = feeds(&text);
    let json = serde_json::to_vec(&feeds).unwrap();
    assert_eq!(serde_json::from_slice::<Vec<Feed>>(&json).unwrap(), feeds);
    let bytes = postcard::to_allocvec(&feeds).unwrap();
    assert_eq!(postcard::from_bytes::<Vec<Feed>>(&bytes).unwrap(), feeds);
}

#[test]
fn g13_what_is_wrong_with_foreign_topics_is_told_with_its_place() {
    let senml = "topic = \"senml/#\"\nformat = \"senml\"";
    // What is replaced by what; line and column; a word of the message. The subscription begins in line 21.
    for (head, from, to, place, says) in [
        (senml, "topic = \"senml/#\"\n", "", "21:1", "`topic` is missing"),
        (senml, "senml/#", "a/#/b", "22:9", "not a topic filter"),
        (senml, "senml/#", "bongsu/#", "22:9", "reaches topics of bongsu"),
        (senml, "\"senml\"", "\"senmi\"", "23:10", "senml"),
        (
            senml,
            "format = \"senml\"",
            "format = \"senml\"\ndevice = \"topic\"",
            "24:10",
            "`device` cannot be",
        ),
        (
            senml,
            "format = \"senml\"",
            "format = \"senml\"\noffset = \"+09:00\"",
            "24:1",
            "`offset` is not a key",
        ),
        (senml, "format = \"senml\"", "format = \"sparkplug-b\"", "21:1", "`host-id` is missing"),
        (
            senml,
            "format = \"senml\"",
            "format = \"toa5\"\noffset = \"KST\"",
            "24:10",
            "not an offset",
        ),
        (
            senml,
            "format = \"senml\"",
            "format = \"csv\"\nmetric = \"m\"",
            "21:1",
            "belong together",
        ),
        (senml, "format = \"senml\"", "format = \"json\"", "27:13", "not a JSON pointer"),
        (
            senml,
            "format = \"senml\"",
            "format = \"nmea\"\norigin = [127.0, 37.5, 1.0]",
            "24:10",
            "not a position",
        ),
        (senml, "cut-12/post-1", "cut-12/post-9", "26:13", "no station `cut-12/post-9`"),
        (senml, "cut-12/post-1", "cut-12", "26:34", "not a station"),
        (senml, "tilt-1/tilt-x deg", "tilt-1/tilt-q deg", "27:23", "not a quantity"),
        (senml, "tilt-1/tilt-x deg", "tilt-1/tilt-x mm", "27:23", "tilt-x"),
        (
            senml,
            "tilt-1/tilt-x deg",
            "tilt-2/tilt-x deg",
            "27:23",
            "no series `cut-12/post-1/tilt-2/tilt-x`",
        ),
        (senml, "tilt-1/tilt-x deg", "tilt-x", "27:23", "not a sensor and its quantity"),
        (senml, "ignore =", "ignor =", "28:1", "did you mean `ignore`"),
    ] {
        let sources = edited(with(&of(head)), "bongsu.toml", from, to);
        refused(&sources, &format!("bongsu.toml:{place}"), says);
    }
    let mut sources = with(&of(senml));
    let two = SITE
        .replace("source = \"field\"", "source = \"other\"")
        .replace("id = \"siren-1\"", "id = \"siren-1\"\nsource = \"field\"");
    sources.insert("sites/cut-12.toml".into(), two);
    let main = sources["bongsu.toml"].replace("[[channel]]\nname = \"duty\"", "[[collector]]\nname = \"other\"\nkind = \"mqtt\"\nurl = \"mqtts://b\"\n[[channel]]\nname = \"duty\"");
    sources.insert("bongsu.toml".into(), main);
    let found = problems(&sources);
    assert!(
        found.iter().any(|problem| problem.contains("speaks through the collector `other`")),
        "{found:#?}"
    );
}

#[test]
fn g13_a_sparkplug_host_does_not_stand_behind_gateways() {
    let host = of("topic = \"spBv1.0/#\"\nformat = \"sparkplug-b\"\nhost-id = \"bongsu\"");
    let sources = with(&format!("gateways = \"gateways\"\n{host}"));
    refused(&sources, "bongsu.toml:21:12", "below the name of a gateway");
}

#[test]
fn wrong_layouts_are_told() {
    let payload = |block: &str| {
        of(&format!(
            "topic = \"up/#\"\nformat = \"chirpstack-v4\"\n[[collector.subscribe.payload]]\n[[collector.subscribe.payload.block]]\n{block}"
        ))
    };
    for (block, says) in [
        ("flag = 0\nlen = 2\nfields = []", "`flag` without `flags-at`"),
        ("len = 2\nfields = [{ name = \"x\", type = \"u16\" }]", "not a type of number"),
        (
            "len = 2\nfields = [{ name = \"x\", at = 1, type = \"u16-be\" }]",
            "reaches beyond its block",
        ),
        ("tag = \"3\"\nlen = 2", "one to eight bytes"),
        (
            "len = 2\nfields = [{ name = \"x\", type = \"u8\", bits = [4, 5] }]",
            "not a part of the number",
        ),
        (
            "len = 2\nfields = [{ name = \"x\", type = \"i8\", bits = [0, 1] }]",
            "not a part of the number",
        ),
        ("fields = []", "`len` is missing"),
    ] {
        let found = problems(&with(&payload(block)));
        assert!(found.iter().any(|problem| problem.contains(says)), "{block}: {found:#?}");
    }
}
