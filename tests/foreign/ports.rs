//! The same for wires: what is wrong with what comes from a port or a bus, and who goes on beside it.

use std::fs::File;
use std::io::{Read, Write};
use std::path::PathBuf;

use reading::codec::crc16;
use reading::codec::link;
use reading::report::Road;
use serde_json::Value;

use super::common::daemon::Daemon;
use super::common::refusals::{Neighbour, is_counted, refusals};
use super::common::setting::{Setting, crack_box};
use super::common::wire::Wire;
use super::common::{eventually, now};
use super::formats::sentence;
use super::site;

/// A form of a port.
struct Port {
    name: &'static str,
    /// The keys of its collector, after its path.
    keys: &'static str,
    /// What stands around each message on the wire.
    ends: (&'static [u8], &'static [u8]),
    good: fn(f64) -> Vec<u8>,
    /// What is wrong, the bytes, and the name it gets.
    bad: Vec<(&'static str, Vec<u8>, &'static str)>,
}

fn lines() -> Port {
    let keys = r#"format = "lines"
station = "bridge-1/lines"
[[collector.line]]
pattern = '^C1,(?<t>[^,]+),(?<w>[^,]*)$'
time = { group = "t" }
value = [{ group = "w", sensor = "crack-1", quantity = "crack-width", unit = "mm" }]"#;
    let line = |width: &str| format!("C1,{},{width}", now()).into_bytes();
    let bad = vec![
        ("truncated", b"C1,2026-07".to_vec(), "no-pattern"),
        ("a line of another instrument", b"T1,0.5,0.5".to_vec(), "no-pattern"),
        ("wrong type", line("half"), "not-a-number"),
        ("wrong type of a stamp", b"C1,noon,0.5".to_vec(), "not-a-time"),
        ("invalid UTF-8", [line("0."), b"\xb0".to_vec()].concat(), "not-a-number"),
        ("no number", line("NAN"), "not-finite"),
        ("more than it can be", line("4711"), "out-of-range"),
        ("a line without end", vec![b'C'; 5_000], "too-long"),
    ];
    let good = |width| format!("C1,{},{width}", now()).into_bytes();
    Port { name: "lines", keys, ends: (b"", b"\r\n"), good, bad }
}

/// What stands between the zero bytes of one of our own frames.
fn frame(body: &str) -> Vec<u8> {
    let (whole, _) = link::report(Road::Live, 7, body.as_bytes());
    whole[1..whole.len() - 1].to_vec()
}

fn report(width: &str, unit: &str) -> String {
    format!(
        r#"{{"at":"{}","readings":[{{"sensor":"crack-1","quantity":"crack-width","value":{width},"unit":"{unit}"}}]}}"#,
        now()
    )
}

fn frames() -> Port {
    let whole = frame(&report("0.5", "mm"));
    let mut flipped = whole.clone();
    flipped[20] ^= 1;
    // Kind 9, number 0x0108, no body, and the sum of it: no byte of it is zero, so that it is one run of COBS.
    let sum = crc16::sum(&[9, 1, 8]).to_le_bytes();
    let unknown = vec![6, 9, 1, 8, sum[0], sum[1]];
    let inside = |whole: Vec<u8>| whole[1..whole.len() - 1].to_vec();
    let echo = inside(link::stored(7, 0x0101));
    let odd = inside(link::report(Road::Live, 7, b"{\"readings\":[{\"sensor\":\"\xff\"}]}").0);
    let bad = vec![
        ("truncated", whole[..whole.len() / 2].to_vec(), "truncated"),
        ("wrong CRC", flipped, "bad-checksum"),
        ("a kind of tomorrow", unknown, "unknown-kind"),
        ("our own answer, echoed", echo, "not-for-us"),
        ("truncated before it was framed", frame("{\"readings\":[{\"sen"), "not-json"),
        ("wrong type", frame(&report("\"0.5\"", "mm")), "wrong-shape"),
        ("invalid UTF-8", odd, "not-utf8"),
        ("unknown unit", frame(&report("0.5", "furlong")), "unknown-unit"),
        ("key twice", frame("{\"seq\":1,\"seq\":2,\"readings\":[]}"), "duplicate-key"),
        ("no number", frame(&report("null", "mm")), "not-finite"),
        ("a frame without end", vec![1; 5_000], "too-long"),
    ];
    let keys = "format = \"bongsu\"\nstation = \"bridge-1/frames\"";
    let good = |width: f64| frame(&report(&width.to_string(), "mm"));
    Port { name: "frames", keys, ends: (b"\0", b"\0"), good, bad }
}

fn nmea() -> Port {
    let keys = r#"format = "nmea"
station = "bridge-1/nmea"
metric = [{ name = "crack", sensor = "crack-1", quantity = "crack-width" }]"#;
    let line = |body: &str| {
        let mut bytes = sentence(body);
        bytes.truncate(bytes.len() - 2);
        bytes
    };
    let bad = vec![
        ("truncated", b"$WIXDR,D,0.001".to_vec(), "wrong-shape"),
        ("wrong CRC", b"$WIXDR,D,0.001,M,crack*00".to_vec(), "bad-checksum"),
        ("wrong type", line("WIXDR,D,one,M,crack"), "wrong-shape"),
        ("invalid UTF-8", b"$WIXDR,D,0.001,M,crac\xff*00".to_vec(), "not-utf8"),
        ("unknown unit", line("WIXDR,D,1,furlong,crack"), "unknown-unit"),
        ("a name nobody mapped", line("WIXDR,D,1,M,other"), "unmapped"),
    ];
    let good = |width: f64| {
        let mut bytes = sentence(&format!("WIXDR,D,{},M,crack", width / 1_000.0));
        bytes.truncate(bytes.len() - 2);
        bytes
    };
    Port { name: "nmea", keys, ends: (b"", b"\r\n"), good, bad }
}

fn toa5() -> Port {
    let keys = r#"format = "toa5"
station = "bridge-1/toa5"
offset = "+00:00"
columns = ["TIMESTAMP", "RECORD", "crack"]
metric = [{ name = "crack", sensor = "crack-1", quantity = "crack-width", unit = "mm" }]"#;
    let bad = vec![
        ("truncated", b"\"2026-07-14 03:33:00\",7".to_vec(), "wrong-shape"),
        ("a text that does not end", b"\"2026-07-14 03:".to_vec(), "wrong-shape"),
        ("wrong type of a stamp", b"7,7,0.5".to_vec(), "bad-time"),
        ("wrong type of a value", row("half"), "not-finite"),
        ("invalid UTF-8", [row("0."), b"\xff".to_vec()].concat(), "not-utf8"),
    ];
    Port { name: "toa5", keys, ends: (b"", b"\r\n"), good: |width| row(&width.to_string()), bad }
}

fn row(width: &str) -> Vec<u8> {
    let clock = reading::codec::csv::UtcOffset::ZERO.clock(now());
    format!("\"{}\",7,{width}", clock.split('.').next().unwrap()).into_bytes()
}

fn collector(kind: &str, name: &str, path: &str, keys: &str) -> String {
    format!(
        "[[collector]]\nname = \"{name}\"\nkind = \"{kind}\"\npath = \"{path}\"\nbaud = 115200\n{keys}"
    )
}

/// A line of its own in the folder of a setting.
async fn lay(setting: &Setting, name: &str) -> Option<Wire> {
    let folder = setting.folder().join(name);
    std::fs::create_dir(&folder).unwrap();
    Wire::lay(&folder).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g08_g09_what_is_wrong_on_a_wire_is_refused_by_name_and_disturbs_nobody() {
    let mut setting = Setting::embedded();
    let mut wires = Vec::new();
    let mut boxes = String::new();
    for port in [lines(), frames(), nmea(), toa5()] {
        let Some(wire) = lay(&setting, port.name).await else { return };
        setting.add(&collector("serial", port.name, &wire.ours.display().to_string(), port.keys));
        boxes += &crack_box(port.name, port.name);
        wires.push((port, wire));
    }
    setting.site("bridge-1", &site(&boxes));
    let daemon = Daemon::start(&setting.write()).await;
    let mut neighbour = Neighbour::new(&daemon).await;
    let mut wrong = 0;
    for (port, wire) in &wires {
        let mut far = wire.far_end();
        let path = wire.ours.display().to_string();
        let mut say = |bytes: &[u8]| {
            far.write_all(&[port.ends.0, bytes, port.ends.1].concat()).unwrap();
        };
        say(b""); // what is heard before the first end may be half of something
        for (what, bytes, reason) in &port.bad {
            let before = refusals(&daemon, reason).await;
            say(bytes);
            is_counted(&daemon, what, &path, reason, before).await;
            neighbour.one_counts().await;
            wrong += 1;
        }
        say(&(port.good)(1.625));
        eventually(&format!("{} counts after all that", port.name), || async {
            let balance = daemon.balance(port.name).await;
            (balance["admitted"] == 1 && balance["holds"] == true).then_some(())
        })
        .await;
    }
    let quarantined = daemon.list("/api/v1/quarantine?").await;
    assert_eq!(quarantined.len(), wrong, "each once: {quarantined:#?}");
    assert_eq!(daemon.stop().await.errors(), Vec::<Value>::new());
}

/// What a unit does when it is asked for registers 10 and 11.
fn answer(request: [u8; 8]) -> Option<Vec<u8>> {
    let [unit, function, ..] = request;
    let framed = |bytes: &[u8]| [bytes, &crc16::sum(bytes).to_le_bytes()].concat();
    let registers = |unit| framed(&[unit, function, 4, 0, 0, 6, 0x40]); // 1.6 mm
    Some(match unit {
        1 => {
            let mut damaged = registers(1);
            damaged[4] ^= 1;
            damaged
        }
        2 => registers(2)[..5].to_vec(),
        3 => registers(99),
        4 => framed(&[4, function | 0x80, 2]),
        5 => framed(&[5, function, 2, 0, 0]),
        6 => framed(&[6, function, 250, 0, 0]),
        9 => registers(9),
        _ => return None, // it is dead
    })
}

/// Answers for every unit until the wire is gone.
fn play(mut bus: File) {
    std::thread::spawn(move || {
        let mut request = [0; 8];
        while bus.read_exact(&mut request).is_ok() {
            if let Some(answer) = answer(request)
                && bus.write_all(&answer).is_err()
            {
                return;
            }
        }
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g08_g09_what_is_wrong_with_a_unit_on_a_bus_is_refused_by_name_and_the_others_are_heard() {
    // The unit, and what it is refused as; 8 is silent, 9 is good.
    let units = [
        (1, "bad-checksum"),
        (2, "truncated"),
        (3, "foreign-answer"),
        (4, "modbus-exception"),
        (5, "other-answer"),
        (6, "other-answer"),
        (8, ""),
        (9, ""),
    ];
    let mut setting = Setting::embedded();
    let Some(wire) = lay(&setting, "bus").await else { return };
    let path: &PathBuf = &wire.ours;
    let (mut keys, mut boxes) = ("timeout = \"200 ms\"\n".to_owned(), String::new());
    for (unit, _) in units {
        boxes += &crack_box(&format!("unit-{unit}"), "bus");
        keys += &format!(
            r#"
[[collector.unit]]
address = {unit}
station = "bridge-1/unit-{unit}"
interval = "1 s"
[[collector.unit.register]]
sensor = "crack-1"
quantity = "crack-width"
table = "holding"
address = 10
type = "u32"
scale = 0.001
unit = "mm"
"#
        );
    }
    setting.add(&collector("modbus-rtu", "bus", &path.display().to_string(), &keys));
    setting.site("bridge-1", &site(&boxes));
    play(wire.far_end());
    let daemon = Daemon::start(&setting.write()).await;
    let mut neighbour = Neighbour::new(&daemon).await;
    for (unit, reason) in units.into_iter().filter(|(_, reason)| !reason.is_empty()) {
        eventually(&format!("unit {unit} is refused as {reason}"), || async {
            (refusals(&daemon, reason).await >= 1.0).then_some(())
        })
        .await;
        eventually("it can be looked at", || async {
            let rows = daemon.list("/api/v1/quarantine?").await;
            let of_unit = |row: &Value| {
                row["reason"] == reason
                    && row["detail"].as_str().is_some_and(|text| !text.is_empty())
            };
            rows.iter().any(of_unit).then_some(())
        })
        .await;
        neighbour.one_counts().await;
    }
    // However often the others are wrong, the good one goes on, and nothing is lost sight of.
    for _ in 0..2 {
        let before = daemon.balance("bus").await["admitted"].as_u64().unwrap();
        eventually("the good unit is heard again", || async {
            let balance = daemon.balance("bus").await;
            (balance["admitted"].as_u64() > Some(before) && balance["holds"] == true).then_some(())
        })
        .await;
    }
    let site = daemon.json("/api/v1/sites/bridge-1").await;
    for station in site["stations"].as_array().unwrap() {
        let heard = !station["series"][0]["latest"].is_null();
        let good = station["id"] == "unit-9" || station["id"] == "box-1";
        assert_eq!(heard, good, "{station:#}");
    }
    let said = daemon.stop().await;
    assert_eq!(said.errors(), Vec::<Value>::new());
}
