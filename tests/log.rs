//! The log of the real program: one object a line, as loud as somebody wants it, and who wanted it is in the trail.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::daemon::{Daemon, Said, told};
use common::eventually;
use common::link::Link;
use common::setting::{Setting, bridge, crack, telemetry};
use serde_json::Value;

/// How many entries of a room's level there are.
fn entries(said: &Said, target: &str, level: &str) -> usize {
    let is = |entry: &&Value| {
        entry["level"] == level && entry["target"].as_str().unwrap().starts_with(target)
    };
    said.log().iter().filter(is).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_room_is_made_louder_while_it_runs_and_who_did_it_is_in_the_trail() {
    let setting = Setting::embedded();
    setting.site("bridge-1", &bridge("bridge-1"));
    let config = setting.write();
    let daemon = Daemon::start(&config).await;
    let token = setting.data().join("board-token").to_str().unwrap().to_owned();
    let url = daemon.url("");
    let bongsu = |arguments: &'static [&'static str]| {
        let door = ["--url", &url, "--token-file", &token].map(str::to_owned);
        async move {
            let door = door.iter().map(String::as_str);
            told(&arguments.iter().copied().chain(door).collect::<Vec<_>>()).await
        }
    };
    let (status, said) = bongsu(&["log"]).await;
    assert_eq!(status, 0, "{said}");
    assert_eq!(said.lines().count(), 9, "{said}");
    assert!(
        said.lines().all(|line| line.ends_with(" info") || line.starts_with("broker")),
        "{said}"
    );
    assert_eq!(entries(&daemon.said, "bongsu::board", "DEBUG"), 0);

    let (status, said) = bongsu(&["log", "board", "trace"]).await;
    assert!(
        status == 0 && said.contains("board      trace") && said.contains("desk       info"),
        "{said}"
    );
    let mut link = Link::connect(daemon.broker(), "box").await.unwrap();
    link.publish(&telemetry("bridge-1", "box-1"), crack(1, 1.0).as_bytes()).await.unwrap();
    let (status, said) = bongsu(&["log", "all", "error"]).await;
    assert_eq!(status, 0, "{said}");
    let changes = || entries(&daemon.said, "bongsu::board::log", "INFO");
    assert_eq!(changes(), 1, "the first change was told, at the second it had fallen silent");
    for (asked, says) in [
        (&["log", "kitchen", "debug"], "there is no room `kitchen`"),
        (&["log", "board", "loud"], "`loud` is no level"),
    ] {
        let (status, said) = bongsu(asked).await;
        assert!(status == 70 && said.contains(says), "{status} {said}");
    }

    let trail = daemon.json("/api/v1/audit?limit=500").await;
    let of_the_log: Vec<&Value> =
        trail["items"].as_array().unwrap().iter().filter(|entry| entry["kind"] == "log").collect();
    assert_eq!(of_the_log.len(), 2, "{trail}");
    assert!(of_the_log.iter().any(|entry| entry.to_string().contains("trace")), "{trail}");
    daemon.stop().await;

    let again = Daemon::start(&config).await;
    assert!(
        again.text("/api/v1/log").await.contains(r#"{"level":"info","room":"board"}"#),
        "a restart speaks as it was configured"
    );
    again.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_line_of_the_log_is_an_object() {
    let setting = Setting::embedded();
    setting.site("bridge-1", &bridge("bridge-1"));
    let daemon = Daemon::start(&setting.write()).await;
    eventually("it has said something", || async { (daemon.said.lines().len() > 1).then_some(()) })
        .await;
    let said = daemon.stop().await;
    for line in said.lines() {
        let entry: Value = serde_json::from_str(&line).unwrap();
        for key in ["timestamp", "level", "target", "fields"] {
            assert!(!entry[key].is_null(), "{key}: {line}");
        }
    }
}
