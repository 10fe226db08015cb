//! What is shipped: the unit is tight, the daemon tells systemd that it lives, the composition's parts find each other,
//! the image has what the program needs.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;
#[path = "deploy/composition.rs"]
mod composition;
#[path = "deploy/image.rs"]
mod image;

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
