//! The real program keeps what was measured, over kills and over the loss of the file itself.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::daemon::Daemon;
use common::eventually;
use common::link::Link;
use common::setting::{Setting, bridge, crack, telemetry};
use serde_json::Value;

const SERIES: &str = "/api/v1/series/bridge-1/box-1/crack-1/crack-width/readings";

/// The widths that are shown, once there are so many.
async fn shown(daemon: &Daemon, count: usize) -> Vec<f64> {
    eventually("history has all of it", || async {
        let items = daemon.json(SERIES).await["items"].as_array()?.clone();
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
