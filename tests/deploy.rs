//! What is shipped: the unit is tight, the daemon tells systemd that it lives, the composition's broker and daemon find each
//! other.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use common::daemon::Daemon;
use common::servers::program;
use common::setting::{Setting, bridge};
use common::{PATIENCE, eventually, free_port};
use serde_json::Value;

fn shipped(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("deploy").join(name)
}

#[test]
fn the_unit_leaves_little_open() {
    let Some(analyze) = program("systemd-analyze") else { return };
    let unit = shipped("systemd/bongsu.service");
    let rated = Command::new(&analyze)
        .args(["security", "--offline=true", "--no-pager", "--threshold=20"])
        .arg(&unit)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&rated.stdout);
    assert!(rated.status.success(), "2.0 or more: {}", said.lines().last().unwrap_or_default());
    let exposed = Command::new(&analyze)
        .args(["security", "--offline=true", "--no-pager", "--json=short"])
        .arg(&unit)
        .output()
        .unwrap();
    let exposed: Value = serde_json::from_slice(&exposed.stdout).unwrap();
    let named =
        |name: &str| exposed.as_array().unwrap().iter().find(|row| row["name"] == name).cloned();
    for name in ["MemoryDenyWriteExecute=", "NoNewPrivileges=", "PrivateDevices="] {
        assert_eq!(named(name).unwrap()["set"], true, "{name}");
    }
}

#[test]
fn the_user_is_made_as_systemd_makes_users() {
    let Some(sysusers) = program("systemd-sysusers") else { return };
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir(root.path().join("etc")).unwrap();
    let file = shipped("systemd/bongsu.sysusers");
    let made = Command::new(sysusers)
        .arg("--root")
        .arg(root.path())
        .arg("-")
        .stdin(std::fs::File::open(file).unwrap())
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let users = std::fs::read_to_string(root.path().join("etc/passwd")).unwrap();
    assert!(
        users.lines().any(|line| line.starts_with("bongsu:") && line.contains("/var/lib/bongsu")),
        "{users}"
    );
}

#[test]
fn systemd_hears_that_the_daemon_is_ready_and_that_it_lives() {
    let setting = Setting::embedded();
    setting.site("bridge-1", &bridge("bridge-1"));
    let config = setting.write();
    let path = setting.folder().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut daemon = Command::new(env!("CARGO_BIN_EXE_bongsu"))
        .args(["run", "--config"])
        .arg(&config)
        .env("NOTIFY_SOCKET", &path)
        .env("WATCHDOG_USEC", "2000000")
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut said = [0; 256];
    let mut hear = || {
        let len = socket.recv(&mut said).unwrap();
        String::from_utf8_lossy(&said[..len]).trim().to_owned()
    };
    let mut heard = Vec::new();
    while heard.iter().filter(|line| *line == "WATCHDOG=1").count() < 3 {
        heard.push(hear());
    }
    assert!(heard.iter().any(|line| line.contains("READY=1")), "{heard:?}");
    Command::new("kill").arg(daemon.id().to_string()).status().unwrap();
    assert!(daemon.wait().unwrap().success());
}

/// A program that ends with its test.
struct Running(Child);

impl Running {
    fn of(command: &mut Command) -> Self {
        Self(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// What compose.yaml starts, without containers: its broker with its secrets, its daemon with its configuration.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_composition_hears_its_first_gateway_over_tls_and_nobody_else() {
    let programs = ["openssl", "mosquitto", "mosquitto_pub"].map(program);
    let [Some(_), Some(mosquitto), Some(publisher)] = programs else { return };
    let folder = tempfile::tempdir().unwrap();
    let secrets = folder.path().join("secrets");
    let made = Command::new(shipped("compose/setup.sh"))
        .arg("--secrets-only")
        .env("BONGSU_SECRETS", &secrets)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let (plain, tls) = (free_port(), free_port());
    let at = |path: PathBuf| path.display().to_string();
    let read = |name: &str| std::fs::read_to_string(shipped(name)).unwrap();
    let conf = read("compose/mosquitto.conf")
        .replace("listener 1883", &format!("listener {plain} 127.0.0.1"))
        .replace("listener 8883", &format!("listener {tls} 127.0.0.1"))
        .replace("/run/secrets", &at(secrets.clone()))
        .replace("/mosquitto/config/bongsu.acl", &at(shipped("compose/mosquitto.acl")))
        .replace("/mosquitto/data", &at(folder.path().to_owned()));
    // started by root it becomes somebody else, whom the folder of the secrets keeps out
    let conf = format!("user root\n{conf}");
    let file = folder.path().join("mosquitto.conf");
    std::fs::write(&file, conf).unwrap();
    let broker = Running::of(Command::new(mosquitto).arg("-c").arg(&file));

    let config = folder.path().join("bongsu.toml");
    let text = read("compose/bongsu.toml")
        .replace("/var/lib/bongsu", &at(folder.path().join("data")))
        .replace("0.0.0.0:8080", "127.0.0.1:0")
        .replace("mosquitto:1883", &format!("127.0.0.1:{plain}"))
        .replace("influxdb:8086", &format!("127.0.0.1:{}", free_port()))
        .replace("/run/secrets", &at(secrets.clone()));
    std::fs::write(&config, text).unwrap();
    std::fs::create_dir(folder.path().join("sites")).unwrap();
    std::fs::copy(shipped("compose/sites/example.toml"), folder.path().join("sites/example.toml"))
        .unwrap();
    let daemon = Daemon::start(&config).await;
    let secret = |name: &str| std::fs::read_to_string(secrets.join(name)).unwrap();
    let publish = |site: &str, password: &str| {
        let topic = format!("bongsu/v1/{site}/post-1/telemetry");
        let payload = r#"{"seq":1,"readings":[{"sensor":"rain-1","quantity":"rain","value":0.5}]}"#;
        let mut publish = Command::new(&publisher);
        publish.args(["-V", "5", "-q", "1", "-h", "localhost", "-p", &tls.to_string(), "--cafile"]);
        publish.arg(secrets.join("ca.crt")).args(["-u", "gateway-example", "-P", password]);
        publish.args(["-t", &topic, "-m", payload]).output().unwrap().status.success()
    };
    assert!(publish("example", &secret("mqtt-example")));
    assert!(!publish("example", "guessed"), "a wrong password");
    publish("elsewhere", &secret("mqtt-example"));
    eventually("the first gateway is heard", || async {
        (daemon.metric("ingest_frames_total", "collector=\"field\"").await > 0.0).then_some(())
    })
    .await;
    let balance = eventually("it is counted", || async {
        let balance = daemon.balance("field").await;
        balance["received"].is_u64().then_some(balance)
    })
    .await;
    assert_eq!(balance["received"], 1, "and nobody else: {balance}");
    daemon.stop().await;
    drop(broker);
}

/// Somebody learns that bongsu is dead, and that it is back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_shipped_receiver_calls_when_the_heartbeat_stops_and_when_it_is_back() {
    let Some(python) = program("python3") else { return };
    let port = free_port();
    let mut setting = Setting::embedded();
    setting.add(&format!("[heartbeat]\nurl = \"http://127.0.0.1:{port}/beat\"\nevery = \"1 s\""));
    setting.site("bridge-1", &bridge("bridge-1"));
    let config = setting.write();
    let (called, command) = (setting.folder().join("called"), setting.folder().join("call"));
    std::fs::write(&command, format!("#!/bin/sh\necho $1 >> {}\n", called.display())).unwrap();
    std::fs::set_permissions(&command, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut daemon = Daemon::start(&config).await;
    let receiver = Running::of(
        Command::new(python)
            .arg(shipped("heartbeat/receiver.py"))
            .args(["--listen", &format!("127.0.0.1:{port}"), "--path", "/beat"])
            .args(["--silence", "5", "--run"])
            .arg(&command),
    );
    let calls = || std::fs::read_to_string(&called).unwrap_or_default();
    daemon.kill();
    eventually("silence is told", || async { (calls() == "silent\n").then_some(()) }).await;
    let daemon = Daemon::start(&config).await;
    eventually("it is back", || async { (calls() == "silent\nback\n").then_some(()) }).await;
    drop(receiver);
    daemon.stop().await;
}
