//! Ports and buses: what a good one is, and what is said of every bad one.

use ingest::collector::serial::config::{Framing, Way};
use reading::codec::{Format, PortForm};

use super::*;

/// The shipped box with one text in place of another.
fn with(from: &str, to: &str) -> Result<Config, Problems> {
    let read = |name: &str| std::fs::read_to_string(deploy().join("serial").join(name)).unwrap();
    let main = read("bongsu.toml");
    assert!(main.contains(from), "{from}");
    let sources = BTreeMap::from([
        ("bongsu.toml".to_string(), main.replacen(from, to, 1)),
        ("sites/cut-21.toml".to_string(), read("sites/cut-21.toml")),
    ]);
    Config::from_sources("bongsu.toml", &sources)
}

#[test]
pub fn each_wire_has_its_framing_and_its_form() {
    let config = with("status", "status").unwrap_or_else(|problems| panic!("{problems}"));
    let framings: Vec<_> = config
        .collectors
        .iter()
        .map(|collector| match &collector.kind {
            CollectorKind::Serial(settings) => Some(settings.port.framing),
            _ => None,
        })
        .collect();
    let (lines, link, toa5) = (Some(Framing::Lines), Some(Framing::Link), Some(Framing::Toa5));
    assert_eq!(framings, [lines, toa5, lines, link, None, None]);
    let feeds = &config.setup.feeds;
    assert_eq!(feeds.len(), 6);
    assert!(feeds.iter().zip(&config.setup.sources).all(|(feed, source)| feed.source == *source));
    let CollectorKind::Modbus(fence) = &config.collectors[5].kind else { panic!() };
    assert_eq!(fence.bus.way, Way::Tcp { host: "192.0.2.10".into(), port: 502 });
    assert_eq!(fence.feed.filter, "192.0.2.10:502");
    let Format::Port(PortForm::Modbus(units)) = &fence.feed.format else { panic!() };
    assert_eq!(units[0].registers[0].address, 4, "counted from 0 on the wire");
}

#[test]
fn a_form_survives_the_journal() {
    let setup = with("status", "status").unwrap().setup;
    let text = serde_json::to_string(&setup).unwrap();
    assert_eq!(serde_json::from_str::<Setup>(&text).unwrap(), setup);
}

#[test]
pub fn every_wrong_wire_is_told_with_what_to_do() {
    let table = [
        (
            "kind = \"serial\"",
            "kind = \"seriell\"",
            "`kind` cannot be `seriell`; did you mean \"serial\"?",
        ),
        (
            "path = \"/dev/serial/by-id/usb-FTDI_FT232R",
            "path = \"ttyUSB0",
            "is not the path of a port; write it in full",
        ),
        (
            "path = \"/dev/serial/by-id/usb-FTDI_FT232R_A1B2C3D4-if00-port0\"\n",
            "",
            "`path` is missing",
        ),
        (
            "/dev/serial/by-id/usb-Prolific_PL2303-if00-port0",
            "/dev/serial/by-id/usb-FTDI_FT232R_A1B2C3D4-if00-port0",
            "a second collector has /dev/serial/by-id/usb-FTDI_FT232R_A1B2C3D4-if00-port0",
        ),
        (
            "characters = \"8N1\"",
            "characters = \"9N1\"",
            "`9N1` is not a form of characters; write data bits, parity",
        ),
        ("baud = 9600", "baud = 5", "`baud` is out of bounds"),
        (
            "format = \"lines\"",
            "format = \"nmea\"",
            "`line` is not a key of a collector of kind serial of this format",
        ),
        (
            "station = \"cut-21/tilt-box\"",
            "station = \"tilt-box\"",
            "`tilt-box` is not a station; write site/station",
        ),
        (
            "station = \"cut-21/tilt-box\"",
            "station = \"cut-22/tilt-box\"",
            "there is no site `cut-22`",
        ),
        (
            "station = \"cut-21/tilt-box\"",
            "station = \"cut-21/tilt-bax\"",
            "there is no station `cut-21/tilt-bax`; did you mean \"cut-21/tilt-box\"?",
        ),
        (
            "station = \"cut-21/tilt-box\"",
            "station = \"cut-21/crack-box\"",
            "station `cut-21/crack-box` reports through `radio`; write source = \"tiltmeter\" there",
        ),
        (
            "sensor = \"tilt-1\"",
            "sensor = \"tilt-2\"",
            "station `cut-21/tilt-box` has no `tilt-2/tilt-x`",
        ),
        ("unit = \"deg\"", "unit = \"kPa\"", "write a unit of the quantity"),
        ("pattern = '^T1,(?<t>", "pattern = '^T1,(?<t", "is not a regular expression"),
        ("group = \"x\"", "group = \"z\"", "the pattern has no group `z`"),
        ("format = \"%Y/%m/%d %H:%M:%S\"", "format = \"%H:%M:%S\"", "`%H:%M:%S` gives no moment"),
        (
            ", offset = \"+09:00\" }",
            " }",
            "nobody knows where this time is right; add how far east",
        ),
        ("offset = \"+09:00\" }", "offset = \"KST\" }", "`KST` is not an offset"),
        ("logger = \"slope-7\"\n", "", "neither the logger nor its columns are named"),
        ("ignore = [\"*\"]", "origin = [1, 2]", "`origin` is not a place"),
        (
            "address = 17",
            "address = 248",
            "`address` is out of bounds; write something from 1 to 247",
        ),
        ("interval = \"10 s\"\n", "", "`interval` is missing"),
        ("type = \"f32\"\n", "", "`type` is missing; say what the registers hold"),
        ("type = \"f32\"", "type = \"bit\"", "this table holds registers"),
        (
            "table = \"discrete-input\"",
            "table = \"discrete-input\"\ntype = \"u16\"",
            "this table holds bits",
        ),
        (
            "address = 100",
            "address = 65535",
            "it takes 2 registers, and there are not so many after it",
        ),
        ("order = \"CDAB\"", "order = \"cdab\"", "`order` cannot be `cdab`"),
        ("host = \"192.0.2.10\"", "host = \"tcp://192.0.2.10\"", "is not a name or address"),
        (
            "[[collector.unit]]\naddress = 17",
            "[[collector.unit]]\naddress = 17\nstation = \"cut-21/piezo-17\"\ninterval = \"1 s\"\nregister = []\n\n[[collector.unit]]\naddress = 17",
            "unit 17 is there twice",
        ),
    ];
    let mut missed = Vec::new();
    for (from, to, expected) in table {
        match with(from, to) {
            Ok(_) => missed.push(format!("`{to}` passes")),
            Err(problems) if problems.to_string().contains(expected) => {}
            Err(problems) => {
                missed.push(format!("`{to}` is not told as `{expected}` but as\n{problems}"))
            }
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

#[test]
fn a_name_that_may_change_is_a_warning() {
    let config =
        with("/dev/serial/by-id/usb-FTDI_FT232R_A1B2C3D4-if00-port0", "/dev/ttyUSB0").unwrap();
    assert!(config.warnings.to_string().contains("another adapter may get this name"));
}
