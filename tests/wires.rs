//! Wires in the whole daemon: an instrument on one end of a line that socat holds, bongsu on the other; and what
//! `bongsu doctor` says of both.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::daemon::{Daemon, run};
use common::servers::Mosquitto;
use common::wire::Wire;
use common::{eventually, free_port};
use serde_json::Value;
use tempfile::TempDir;

const SITE: &str = r#"[site]
id = "cut-21"
name = { ko = "절개지", en = "Cut" }
kind = "slope"
location = [37.5, 128.2]
radius = "80 m"
area = { ko = "너른골", en = "Neoreungol" }
instruction = { ko = "대피", en = "Leave" }

[[station]]
id = "box-1"
report-interval = "1 s"

[[station.sensor]]
id = "tilt-1"
quantities = ["tilt-x"]
range = ["-30 deg", "30 deg"]
"#;

fn main_file(collector: &str) -> String {
    let port = free_port();
    format!(
        r#"data-dir = "data"
status = "test"
sender = {{ id = "test@bongsu.example", name = {{ ko = "시험", en = "Test" }} }}

[http]
listen = "127.0.0.1:{port}"

[journal]
segment = "1 MiB"
reserve = "1 MiB"

[[collector]]
{collector}

[[channel]]
name = "log"
kind = "log"
audience = "officers"
min-level = "attention"
"#
    )
}

fn write(folder: &Path, collector: &str) -> PathBuf {
    std::fs::create_dir(folder.join("sites")).unwrap();
    std::fs::write(folder.join("sites/cut-21.toml"), SITE).unwrap();
    let file = folder.join("bongsu.toml");
    std::fs::write(&file, main_file(collector)).unwrap();
    file
}

/// What a command says, one object a line, and its status.
async fn said(arguments: &[&str]) -> (Vec<Value>, Option<i32>) {
    let output = run(arguments).await;
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    (lines.collect(), output.status.code())
}

fn state<'v>(said: &'v [Value], check: &str) -> Option<&'v str> {
    said.iter().find(|line| line["check"] == check)?["state"].as_str()
}

#[tokio::test]
async fn a_line_on_a_port_becomes_a_reading_and_doctor_says_so() {
    let folder = TempDir::new().unwrap();
    let Some(wire) = Wire::lay(folder.path()).await else { return };
    let path = wire.ours.display();
    let file = write(
        folder.path(),
        &format!(
            r#"name = "tiltmeter"
kind = "serial"
path = "{path}"
format = "lines"
station = "cut-21/box-1"

[[collector.line]]
pattern = '^T1,(?<x>[^,]+)$'
value = [{{ group = "x", sensor = "tilt-1", quantity = "tilt-x", unit = "deg" }}]"#
        ),
    );
    let _instrument = wire.instrument("T1,+0.125\r\n");
    let daemon = Daemon::start(&file).await;
    let latest = eventually("a reading is there", || async {
        let site = daemon.json("/api/v1/sites/cut-21").await;
        let latest = site["stations"][0]["series"][0]["latest"].clone();
        (!latest.is_null()).then_some(latest)
    })
    .await;
    assert_eq!(latest["value"], 0.125);
    let balance = daemon.balance("tiltmeter").await;
    assert!(balance["admitted"].as_u64() >= Some(1) && balance["quarantined"] == 0, "{balance}");

    let file = file.to_str().unwrap();
    let (told, status) = said(&["doctor", "--config", file, "--json"]).await;
    assert_ne!(state(&told, "clock-sync"), None);
    for check in [
        "configuration",
        "clock",
        "disk",
        "port-tiltmeter",
        "daemon-journal",
        "daemon-collector-tiltmeter",
        "daemon-port-tiltmeter",
        "daemon-series",
        "series cut-21/box-1/tilt-1/tilt-x",
    ] {
        assert_eq!(state(&told, check), Some("ok"), "{check}: {told:#?}");
    }
    let expected = if state(&told, "clock-sync") == Some("failed") { 1 } else { 0 };
    assert_eq!(status, Some(expected), "{told:#?}");
    daemon.stop().await;

    let port = wire.ours.to_str().unwrap();
    let (told, status) =
        said(&["doctor", "serial", port, "--baud", "9600", "--for", "1", "--json"]).await;
    assert_eq!(status, Some(0), "{told:#?}");
    assert_eq!(told[0]["fits"][0]["format"], "lines");
    assert!(told[0]["fits"][0]["example"].as_str().unwrap().ends_with("0.125"), "{told:#?}");
}

#[tokio::test]
async fn doctor_shows_registers_in_every_order() {
    let folder = TempDir::new().unwrap();
    let python = Path::new("/usr/bin/python3");
    let knows = Command::new(python)
        .args(["-c", "import pymodbus.server, serial"])
        .stderr(Stdio::null())
        .status();
    if !knows.is_ok_and(|status| status.success()) {
        assert!(std::env::var_os("BONGSU_REQUIRE_SERVERS").is_none(), "pymodbus is not installed");
        return println!("skipped: pymodbus not installed");
    }
    let Some(wire) = Wire::lay(folder.path()).await else { return };
    let server = concat!(env!("CARGO_MANIFEST_DIR"), "/ingest/tests/serial/modbus_server.py");
    let mut unit = Command::new(python)
        .arg(server)
        .arg("rtu")
        .arg(&wire.theirs)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let port = wire.ours.to_str().unwrap();
    let asked = [
        "doctor",
        "serial",
        port,
        "--baud",
        "115200",
        "--unit",
        "17",
        "--table",
        "input",
        "--address",
        "100",
        "--count",
        "2",
        "--json",
    ];
    let told = eventually("the unit answers", || async {
        let (told, status) = said(&asked).await;
        (status == Some(0)).then_some(told)
    })
    .await;
    let pair = &told[0]["registers"]["pairs"][0];
    assert_eq!(pair["orders"]["CDAB"]["f32"], 12.75, "{told:#?}");
    assert_ne!(pair["orders"]["ABCD"]["f32"], 12.75);
    unit.kill().ok();
    unit.wait().ok();
}

#[tokio::test]
async fn doctor_names_what_is_wrong_and_what_comes() {
    let (folder, Some(broker)) = (TempDir::new().unwrap(), Mosquitto::start().await) else {
        return;
    };
    let port = broker.port;
    let file = write(
        folder.path(),
        &format!(
            r#"name = "field"
kind = "mqtt"
url = "mqtt://127.0.0.1:{port}"

[[collector.subscribe]]
topic = "things/+"
format = "senml"

[[collector.subscribe.map]]
devices = {{ "urn:dev:mac:0024befffe804ff1" = "cut-21/box-1" }}
metrics = {{ x = "tilt-1/tilt-x deg" }}"#
        ),
    );
    let file = file.to_str().unwrap();
    let (told, _) = said(&["doctor", "--config", file, "--for", "1", "--json"]).await;
    assert_eq!(state(&told, "broker-field"), Some("ok"), "{told:#?}");
    assert!(matches!(state(&told, "broker-field-session"), Some("ok" | "degraded")), "{told:#?}");
    let topics =
        told.iter().filter(|line| line["check"] == "broker-field-topic" && line["state"] == "ok");
    assert_eq!(topics.count(), 5, "our own and the foreign ones: {told:#?}");
    assert_eq!(state(&told, "daemon"), Some("degraded"), "it does not run");

    let (told, _) =
        said(&["--lang", "ko", "doctor", "--config", file, "--for", "1", "--json"]).await;
    let word = told.iter().find(|line| line["check"] == "daemon").unwrap()["detail"].as_str();
    assert!(word.unwrap().contains("실행 중이 아님"), "{told:#?}");

    drop(broker);
    let (told, status) = said(&["doctor", "--config", file, "--for", "1", "--json"]).await;
    assert_eq!((state(&told, "broker-field"), status), (Some("failed"), Some(1)), "{told:#?}");
}
