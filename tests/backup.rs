//! The real program, backed up while it works, restored elsewhere, and refused to an older one.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::path::Path;

use common::daemon::{Daemon, told as bongsu};
use common::eventually;
use common::hook::Hook;
use common::journal::{frames, records};
use common::link::Link;
use common::setting::{Setting, bridge, crack, telemetry};
use serde_json::{Value, json};

async fn publish(daemon: &Daemon, sequences: std::ops::RangeInclusive<u64>) {
    let mut link = Link::connect(daemon.broker(), "box").await.unwrap();
    for n in sequences {
        let payload = crack(n, n as f64);
        link.publish(&telemetry("bridge-1", "box-1"), payload.as_bytes()).await.unwrap();
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g04_g05_a_backup_made_while_it_works_goes_on_elsewhere_and_tells_nobody_twice() {
    let hook = Hook::willing().await;
    let setting = Setting::bridge_told_to(&hook);
    let config = setting.write();
    let daemon = Daemon::start(&config).await;
    publish(&daemon, 1..=20).await;
    eventually("both levels are told", || async { (hook.taken().len() >= 2).then_some(()) }).await;
    eventually("nothing is owed", || async {
        let items = daemon.json("/api/v1/deliveries").await["items"].as_array()?.clone();
        let is_done = |item: &Value| item["state"] == "delivered";
        (items.len() >= 2 && items.iter().all(is_done)).then_some(())
    })
    .await;

    // somebody goes on speaking while the copy is made
    let backup = setting.folder().join("backup");
    let arguments = ["backup", "--config", text(&config), "--to", text(&backup), "--json"];
    let ((status, said), ()) = tokio::join!(bongsu(&arguments), publish(&daemon, 21..=29));
    assert_eq!(status, 0, "{said}");
    let made: Value = serde_json::from_str(&said).unwrap();
    assert!(made["position"].as_u64().unwrap() > 20, "{said}");
    let incidents = daemon.list("/api/v1/incidents?").await;
    let told = hook.taken().len();
    daemon.stop().await;
    let before = frames(&setting.data());

    // the machine is gone
    std::fs::rename(setting.data(), setting.folder().join("lost")).unwrap();
    let (status, said) =
        bongsu(&["restore", "--from", text(&backup), "--config", text(&config)]).await;
    assert_eq!(status, 0, "{said}");
    let restored = frames(&setting.data());
    assert!(
        restored.len() >= 20 && before.starts_with(&restored),
        "{} {}",
        restored.len(),
        before.len()
    );
    let daemon = Daemon::start(&config).await;
    let after = daemon.list("/api/v1/incidents?").await;
    let facts = |list: &[Value]| -> Vec<Value> {
        list.iter()
            .map(|one| json!([one["id"], one["level"], one["state"], one["opened_at"]]))
            .collect()
    };
    assert_eq!(facts(&after), facts(&incidents));
    let (status, said) = bongsu(&["audit", "verify", "--data-dir", text(&setting.data())]).await;
    assert_eq!(status, 0, "{said}");
    publish(&daemon, 30..=31).await;
    eventually("it goes on from there", || async { (hook.taken().len() > told).then_some(()) })
        .await;
    for alert in hook.alerts().values() {
        assert_eq!(alert.taken, 1, "nobody is told twice");
    }
    daemon.stop().await;
    let numbers: Vec<u64> = records(&setting.data()).iter().map(|record| record.sequence).collect();
    assert!(numbers.is_sorted_by(|a, b| a < b));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g14_a_backup_that_is_not_whole_or_has_no_room_is_refused_by_name() {
    let mut setting = Setting::embedded();
    setting.add("");
    setting.site("bridge-1", &bridge("bridge-1"));
    let config = setting.write();
    let daemon = Daemon::start(&config).await;
    publish(&daemon, 1..=3).await;
    daemon.stop().await;
    let data = setting.data();
    let (backup, empty) = (setting.folder().join("backup"), setting.folder().join("empty"));
    let from = ["restore", "--lang", "en", "--from", text(&backup)];
    let (status, said) =
        bongsu(&["backup", "--data-dir", text(&data), "--to", text(&backup)]).await;
    assert_eq!(status, 0, "{said}");
    let (status, said) =
        bongsu(&["backup", "--data-dir", text(&data), "--to", text(&backup)]).await;
    assert!(status == 70 && said.contains("there already"), "{said}");
    let inside = data.join("state/backup");
    let (status, said) =
        bongsu(&["backup", "--data-dir", text(&data), "--to", text(&inside)]).await;
    assert!(status == 70 && said.contains("lies in the data directory"), "{said}");
    let (status, said) = bongsu(&[&from[..], &["--check"]].concat()).await;
    assert!(status == 0 && said.contains("a whole backup"), "{said}");
    let (status, said) = bongsu(&[&from[..], &["--data-dir", text(&data)]].concat()).await;
    assert!(status == 70 && said.contains("is not empty"), "{said}");

    // one byte
    let ledger = backup.join("data/ledger.sqlite");
    let sound = std::fs::read(&ledger).unwrap();
    let mut bytes = sound.clone();
    bytes[4_000] ^= 1;
    std::fs::write(&ledger, &bytes).unwrap();
    let into = [&from[..], &["--data-dir", text(&empty)]].concat();
    let (status, said) = bongsu(&into).await;
    assert!(status == 70 && said.contains("ledger.sqlite is not as it was"), "{said}");
    std::fs::remove_file(&ledger).unwrap();
    let (status, said) = bongsu(&into).await;
    assert!(status == 70 && said.contains("ledger.sqlite is missing"), "{said}");
    std::fs::write(&ledger, &sound).unwrap();
    assert!(!empty.exists(), "nothing was touched");

    // cut off in the middle: no daemon starts on it, and it can be done again
    let manifest: Value =
        serde_json::from_slice(&std::fs::read(backup.join("manifest.json")).unwrap()).unwrap();
    let mut layouts = manifest["layouts"].clone();
    layouts["unfinished"] = true.into();
    std::fs::rename(&data, setting.folder().join("lost")).unwrap();
    std::fs::create_dir(&data).unwrap();
    std::fs::write(data.join("layout.json"), layouts.to_string()).unwrap();
    std::fs::write(data.join("ledger.sqlite"), b"half of it").unwrap();
    let (status, said) = bongsu(&["run", "--config", text(&config)]).await;
    assert!(status == 70 && said.contains("run bongsu restore again"), "{said}");
    let (status, said) = bongsu(&[&from[..], &["--data-dir", text(&data)]].concat()).await;
    assert_eq!(status, 0, "{said}");
    Daemon::start(&config).await.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g04_an_older_program_is_kept_from_what_a_newer_one_wrote_and_touches_nothing() {
    let setting = Setting::embedded();
    setting.site("bridge-1", &bridge("bridge-1"));
    let config = setting.write();
    Daemon::start(&config).await.stop().await;
    let file = setting.data().join("layout.json");
    let mut layouts: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    layouts["written_by"] = "9.9.9".into();
    layouts["layouts"]["engine"] = 999.into();
    std::fs::write(&file, layouts.to_string()).unwrap();
    let listed = || {
        let mut found: Vec<_> = ["", "state", "journal"]
            .iter()
            .flat_map(|name| std::fs::read_dir(setting.data().join(name)).unwrap().flatten())
            .map(|entry| (entry.path(), entry.metadata().unwrap().modified().unwrap()))
            .collect();
        found.sort();
        found
    };
    let before = listed();
    let (status, said) = bongsu(&["run", "--config", text(&config)]).await;
    assert_eq!(status, 70, "{said}");
    for says in ["bongsu 9.9.9", "engine", "999", "nothing was touched", "restore a backup"] {
        assert!(said.contains(says), "{says}: {said}");
    }
    assert_eq!(listed(), before);
}
