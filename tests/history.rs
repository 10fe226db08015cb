//! The real program keeps what was measured, over kills and over the loss of the file itself.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::daemon::Daemon;
use common::eventually;
use common::hook::Hook;
use common::link::Link;
use common::setting::{Setting, bridge, crack, telemetry};
use serde_json::Value;

const SERIES: &str = "/api/v1/series/bridge-1/box-1/crack-1/crack-width/readings";

/// The widths that are shown, once there are so many. A file that is just being made again shows none.
async fn shown(daemon: &Daemon, count: usize) -> Vec<f64> {
    eventually("history has all of it", || async {
        let page: Value = serde_json::from_str(&daemon.text_if_ready(SERIES).await?).unwrap();
        let items = page["items"].as_array()?.clone();
        let widths = items.iter().filter_map(|item| item["value"].as_f64());
        (items.len() == count).then(|| widths.collect())
    })
    .await
}

async fn publish(daemon: &Daemon, sequences: std::ops::RangeInclusive<u64>) {
    let mut link = Link::connect(daemon.broker(), "box").await.unwrap();
    for n in sequences {
        let payload = crack(n, n as f64 / 100.0);
        link.publish(&telemetry("bridge-1", "box-1"), payload.as_bytes()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g14_history_goes_on_after_a_kill_and_is_made_again_from_the_journal() {
    let mut setting = Setting::embedded();
    setting.add("[history]\nreadings = \"7 d\"");
    setting.site("bridge-1", &bridge("bridge-1"));
    let config = setting.write();
    let file = setting.data().join("history/history.sqlite");
    let mut daemon = Daemon::start(&config).await;
    publish(&daemon, 1..=10).await;
    shown(&daemon, 10).await;
    publish(&daemon, 11..=20).await;
    daemon.kill();

    let mut daemon = Daemon::start(&config).await;
    let expected: Vec<f64> = (1..=20).map(|n| f64::from(n) / 100.0).collect();
    assert_eq!(shown(&daemon, 20).await, expected);
    daemon.kill();

    // its log would mend it
    std::fs::remove_file(file.with_extension("sqlite-wal")).ok();
    std::fs::write(&file, b"what a failing disk left of it, which is nothing that could be read")
        .unwrap();
    let daemon = Daemon::start(&config).await;
    assert_eq!(shown(&daemon, 20).await, expected);
    assert!(file.with_extension("damaged").exists());
    let hour = daemon.json(&format!("{SERIES}?every=1d")).await;
    assert_eq!(
        hour["items"].as_array().unwrap().iter().map(|i| i["count"].as_u64().unwrap()).sum::<u64>(),
        20
    );
    let said = daemon.stop().await;
    assert!(said.errors().iter().all(told_of_damage), "{:?}", said.errors());
}

fn told_of_damage(line: &Value) -> bool {
    line.to_string().contains("history is damaged")
}

/// A small disk of its own. Goes with everything on it when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Puts one there; none where only root may.
    fn at(folder: &Path) -> Option<Self> {
        std::fs::create_dir(folder).unwrap();
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=24m,mode=700", "none"])
            .arg(folder)
            .output();
        if mount.is_ok_and(|output| output.status.success()) {
            return Some(Self(folder.into()));
        }
        println!("skipped: a disk of its own needs root");
        None
    }

    /// Takes all the room there is; given back by removing the file.
    fn fill(&self) -> PathBuf {
        let path = self.0.join("somebody-elses");
        let mut file = std::fs::File::create(&path).unwrap();
        for size in [1 << 20, 1 << 12, 1] {
            while file.write_all(&vec![0; size]).is_ok() {}
        }
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        Command::new("umount").arg("-l").arg(&self.0).status().ok();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g15_a_full_disk_costs_the_history_first_and_alerts_go_on() {
    let hook = Hook::willing().await;
    let setting = Setting::bridge_told_to(&hook);
    let config = setting.write();
    let Some(disk) = SmallDisk::at(&setting.data()) else { return };
    let file = setting.data().join("history/history.sqlite");
    let daemon = Daemon::start(&config).await;
    publish(&daemon, 1..=10).await;
    shown(&daemon, 10).await;
    assert!(file.exists() && hook.taken().is_empty());

    let filled = disk.fill();
    let mut link = Link::connect(daemon.broker(), "box-2").await.unwrap();
    let danger = crack(11, 15.0);
    link.publish(&telemetry("bridge-1", "box-1"), danger.as_bytes()).await.unwrap();
    eventually("somebody is told", || async { (!hook.taken().is_empty()).then_some(()) }).await;
    // Which comes first hangs on who of the two needs room first: it cannot be written, or the journal has none.
    let costs = [
        "charts stand still; local history is tried again",
        "the disk is full: local history is given up until there is room",
    ];
    eventually("history is given up", || async {
        costs.iter().any(|cost| !daemon.said.told(cost).is_empty()).then_some(())
    })
    .await;
    let danger = crack(12, 25.0);
    link.publish(&telemetry("bridge-1", "box-1"), danger.as_bytes()).await.unwrap();
    eventually("and goes on being told", || async { (hook.taken().len() >= 2).then_some(()) })
        .await;

    std::fs::remove_file(filled).unwrap();
    daemon.stop().await;
    let daemon = Daemon::start(&config).await;
    let all = shown(&daemon, 12).await;
    assert_eq!(all[10..], [15.0, 25.0], "it is made again from the journal");
    daemon.stop().await;
}
