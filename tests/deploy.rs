//! What is shipped for systemd: the unit is tight, and the daemon tells systemd that it lives.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::Command;

use common::PATIENCE;
use common::servers::program;
use common::setting::{Setting, bridge};
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
        .stderr(std::process::Stdio::null())
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
