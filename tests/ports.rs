//! A cabinet as it ships in `deploy/serial`, with every wire of it in place: a tiltmeter that prints lines, a logger, a
//! weather station, a box that speaks our own frames, a line of RS-485, a gateway of a fence. The instruments are
//! programs that share nothing with bongsu. Then some of the wires are pulled out.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use common::daemon::{Daemon, Said, run};
use common::wire::Wire;
use common::{eventually, free_port, now, within};
use serde_json::Value;
use tempfile::TempDir;

/// How long a port that is gone may take to be noticed, and one that is back to be open.
const REOPENED_WITHIN: Duration = Duration::from_secs(10);

/// Each port of the shipped file: its collector, and the path that stands there.
const PORTS: [(&str, &str); 5] = [
    ("tiltmeter", "/dev/serial/by-id/usb-FTDI_FT232R_A1B2C3D4-if00-port0"),
    ("logger", "/dev/serial/by-id/usb-Prolific_PL2303-if00-port0"),
    ("weather", "/dev/serial/by-id/usb-Silicon_Labs_CP2102_0001-if00-port0"),
    ("radio", "/dev/serial/by-id/usb-FTDI_FT231X_D30AAAAA-if00-port0"),
    ("piezometers", "/dev/serial/by-id/usb-FTDI_USB-RS485_FT5ABCDE-if00-port0"),
];

/// A unit that is registered, wired, and dead.
const DEAD_UNIT: &str = r#"
[[collector.unit]]
address = 18
station = "cut-21/piezo-18"
interval = "1 s"

[[collector.unit.register]]
sensor = "piezo-1"
quantity = "pore-pressure"
table = "input"
address = 100
type = "f32"

# A gateway"#;

const DEAD_STATION: &str = r#"
[[station]]
id = "piezo-18"
source = "piezometers"
report-interval = "10 s"

[[station.sensor]]
id = "piezo-1"
quantities = ["pore-pressure"]
range = ["-100 kPa", "350 kPa"]
"#;

/// A program that ends with the test.
struct Instrument {
    child: Child,
    said: Said,
}

impl Instrument {
    fn start(script: &str, arguments: &[&str]) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(script);
        let mut child = Command::new("/usr/bin/python3")
            .arg(script)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let said = Said::collect(child.stdout.take().unwrap());
        Self { child, said }
    }

    /// A talking instrument at the far end of a wire.
    fn speaks(form: &str, wire: &Wire) -> Self {
        Self::start("tests/ports/instruments.py", &[form, wire.theirs.to_str().unwrap()])
    }
}

impl Drop for Instrument {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Whether the system's Python has what the instruments need.
fn python_is_there() -> bool {
    let tried = Command::new("/usr/bin/python3")
        .args(["-c", "import pymodbus.server, serial"])
        .stderr(Stdio::null())
        .status();
    let is_there = tried.is_ok_and(|status| status.success());
    if !is_there {
        assert!(std::env::var_os("BONGSU_REQUIRE_SERVERS").is_none(), "pymodbus is not installed");
        println!("skipped: pymodbus not installed");
    }
    is_there
}

/// Where the wire of a collector lies.
fn place(folder: &Path, collector: &str) -> PathBuf {
    let place = folder.join(collector);
    std::fs::create_dir_all(&place).unwrap();
    place
}

/// The shipped files, with the paths of this test.
fn cabinet(folder: &Path, fence: u16) -> PathBuf {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/serial");
    let read = |name: &str| std::fs::read_to_string(shipped.join(name)).unwrap();
    let mut main = read("bongsu.toml");
    let mut replace = |from: &str, to: &str| {
        assert!(main.contains(from), "{from}");
        main = main.replace(from, to);
    };
    for (name, path) in PORTS {
        replace(path, place(folder, name).join("ours").to_str().unwrap());
    }
    let board = format!("\n[http]\nlisten = \"127.0.0.1:{}\"\n", free_port());
    replace("\n# A tiltmeter", &(board + "\n# A tiltmeter"));
    replace("/var/lib/bongsu", folder.join("data").to_str().unwrap());
    replace("192.0.2.10\"", &format!("127.0.0.1\"\nport = {fence}\ntimeout = \"500 ms\""));
    replace("interval = \"10 s\"", "interval = \"1 s\"");
    replace("\n# A gateway", DEAD_UNIT);
    std::fs::create_dir(folder.join("sites")).unwrap();
    std::fs::write(folder.join("sites/cut-21.toml"), read("sites/cut-21.toml") + DEAD_STATION)
        .unwrap();
    let file = folder.join("bongsu.toml");
    std::fs::write(&file, main).unwrap();
    file
}

/// The newest value of each series that was heard.
async fn latest(daemon: &Daemon) -> Vec<(String, f64)> {
    let site = daemon.json("/api/v1/sites/cut-21").await;
    let stations = site["stations"].as_array().unwrap();
    let series = stations.iter().flat_map(|station| station["series"].as_array().unwrap());
    series
        .filter_map(|one| {
            Some((one["name"].as_str()?.to_owned(), one["latest"]["value"].as_f64()?))
        })
        .collect()
}

async fn heard(daemon: &Daemon, series: &str, value: f64) {
    eventually(&format!("{series} is {value}"), || async {
        latest(daemon).await.contains(&(format!("cut-21/{series}"), value)).then_some(())
    })
    .await;
}

/// How many frames of a collector are on disk.
async fn frames(daemon: &Daemon, collector: &str) -> f64 {
    daemon.metric("ingest_frames_total", &format!("collector=\"{collector}\"")).await
}

/// Waits until every one of these collectors has brought more.
async fn go_on(daemon: &Daemon, collectors: &[&str]) {
    for collector in collectors {
        let before = frames(daemon, collector).await;
        eventually(&format!("{collector} goes on"), || async {
            (frames(daemon, collector).await >= before + 2.0).then_some(())
        })
        .await;
    }
}

/// Waits until `/readyz` says this of a collector.
async fn stands(daemon: &Daemon, collector: &str, word: &str) {
    let line = format!("collector-{collector}: {word}\n");
    within(REOPENED_WITHIN, &line, || async {
        daemon.public("/readyz").await.contains(&line).then_some(())
    })
    .await;
}

async fn polls(daemon: &Daemon, unit: u8, outcome: &str) -> f64 {
    let labels = format!("collector=\"piezometers\",outcome=\"{outcome}\",unit=\"{unit}\"");
    daemon.metric("ingest_polls_total", &labels).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g06_wires_of_every_kind_stand_side_by_side_and_a_dead_one_disturbs_no_other() {
    if !python_is_there() {
        return;
    }
    let folder = TempDir::new().unwrap();
    let mut wires = Vec::new();
    for (name, _) in PORTS {
        let Some(wire) = Wire::lay(&place(folder.path(), name)).await else { return };
        wires.push(wire);
    }
    let [tilt, logger, weather, radio, bus] = wires.try_into().ok().unwrap();
    let fence = std::net::TcpListener::bind("127.0.0.1:0").unwrap(); // takes connections, answers nothing
    let config = cabinet(folder.path(), fence.local_addr().unwrap().port());
    let units = ["rtu", bus.theirs.to_str().unwrap()];
    let _units = Instrument::start("ingest/tests/serial/modbus_server.py", &units);
    let daemon = Daemon::start(&config).await;
    let _tilt = Instrument::speaks("lines", &tilt);
    let _logger = Instrument::speaks("toa5", &logger);
    let _weather = Instrument::speaks("nmea", &weather);
    let radio = Instrument::speaks("frames", &radio);

    for (series, value) in [
        ("tilt-box/tilt-1/tilt-x", 0.125),
        ("tilt-box/tilt-1/tilt-y", -0.25),
        ("logger-box/rain-1/rain", 0.5),
        ("logger-box/battery/battery-voltage", 12.75),
        ("weather-box/air/temperature", 19.5),
        ("crack-box/crack-1/crack-width", 1.5),
        ("piezo-17/piezo-1/pore-pressure", 12.75),
        ("piezo-17/piezo-1/temperature", 21.5),
    ] {
        heard(&daemon, series, value).await;
    }

    // The box was answered frame by frame, and said again what was damaged on the way.
    let answers = eventually("five frames are answered", || async {
        Some(radio.said.log()).filter(|answers| answers.len() >= 5)
    })
    .await;
    let numbers: Vec<_> = answers[..5].iter().map(|one| one["number"].as_u64().unwrap()).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
    assert!(answers[2]["tries"].as_u64() >= Some(2), "{answers:?}");
    let balance = daemon.balance("radio").await;
    assert!(balance["holds"] == true && balance["quarantined"] == 1, "{balance}");
    let rows = daemon.list("/api/v1/quarantine?").await;
    let reasons: Vec<_> = rows.iter().map(|row| (&row["source"], &row["reason"])).collect();
    assert!(reasons.contains(&(&"radio".into(), &"bad-checksum".into())), "{reasons:?}");

    // One adapter is pulled out, one instrument loses its cable with it, a gateway is switched off: by name, and the
    // others go on.
    drop((tilt, weather, fence));
    for collector in ["tiltmeter", "weather"] {
        stands(&daemon, collector, "degraded").await;
    }
    go_on(&daemon, &["logger", "radio", "piezometers"]).await;

    // Back in, each is heard again by itself.
    let began = now();
    let tilt = Wire::lay(&place(folder.path(), "tiltmeter")).await.unwrap();
    let weather = Wire::lay(&place(folder.path(), "weather")).await.unwrap();
    for collector in ["tiltmeter", "weather"] {
        stands(&daemon, collector, "ok").await;
    }
    println!("from plugged in to open: {:?}", now().since(began));
    let _tilt = Instrument::speaks("lines", &tilt);
    let _weather = Instrument::speaks("nmea", &weather);
    go_on(&daemon, &["tiltmeter", "weather", "logger", "radio", "piezometers"]).await;

    // The dead unit on the bus waits longer each time; the live one is asked in every turn.
    eventually("the live unit has answered often", || async {
        (polls(&daemon, 17, "answer").await >= 20.0).then_some(())
    })
    .await;
    let (answers, silences) =
        (polls(&daemon, 17, "answer").await, polls(&daemon, 18, "silence").await);
    println!("{answers} answers of the live unit, {silences} waits for the dead one");
    assert!(silences >= 1.0 && answers >= 3.0 * silences, "{answers} {silences}");

    for collector in ["tiltmeter", "logger", "weather", "radio", "piezometers"] {
        let balance = daemon.balance(collector).await;
        assert_eq!(balance["holds"], true, "{collector}: {balance}");
    }
    let told = run(&["doctor", "--config", config.to_str().unwrap(), "--for", "1", "--json"]).await;
    let told = String::from_utf8(told.stdout).unwrap();
    let lines: Vec<Value> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for (check, state) in [
        ("port-tiltmeter", "ok"),
        ("port-piezometers", "ok"),
        ("modbus-fence", "failed"),
        ("daemon-collector-tiltmeter", "ok"),
        ("daemon-collector-fence", "degraded"),
        ("series cut-21/tilt-box/tilt-1/tilt-x", "ok"),
        ("series cut-21/piezo-18/piezo-1/pore-pressure", "degraded"),
    ] {
        let said = lines.iter().find(|line| line["check"] == check);
        assert_eq!(said.map(|line| &line["state"]), Some(&state.into()), "{check}: {told}");
    }
    assert_eq!(daemon.stop().await.errors(), Vec::<Value>::new());
}
