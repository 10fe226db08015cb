//! The real program and a real archive that is away at first.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;
#[path = "../ingest/tests/archive/server.rs"]
#[expect(dead_code, reason = "it has more servers than this test needs")]
mod server;

use common::daemon::Daemon;
use common::eventually;
use common::hook::Hook;
use common::link::Link;
use common::setting::{Setting, bridge, crack, telemetry};
use ingest::journal::Kind;
use serde_json::Value;

/// The values of one series of the archive, in order of time.
async fn values(archive: &server::Server, select: &str) -> Vec<f64> {
    archive.get("/internal/force_flush").await;
    let found = archive.get(&format!("/api/v1/export?match[]={select}")).await;
    let rows = found.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut points: Vec<(i64, f64)> = Vec::new();
    for row in rows {
        let stamps = row["timestamps"].as_array().unwrap().iter().map(|at| at.as_i64().unwrap());
        let values = row["values"].as_array().unwrap().iter().map(|value| value.as_f64().unwrap());
        points.extend(stamps.zip(values));
    }
    points.sort_by(|a, b| a.partial_cmp(b).unwrap());
    points.dedup();
    points.into_iter().map(|(_, value)| value).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g06_an_archive_that_is_away_delays_nothing_and_has_everything_when_it_is_back() {
    let hook = Hook::willing().await;
    let mut setting = Setting::embedded();
    let addr = server::free();
    setting.add(&format!(
        "[archive]\nurl = \"http://{addr}\"\nbucket = \"bongsu\"\nlag-max = \"5 s\""
    ));
    setting.add_hook(&hook);
    setting.site("bridge-1", &bridge("bridge-1"));
    let config = setting.write();
    let daemon = Daemon::start(&config).await;
    let mut link = Link::connect(daemon.broker(), "box").await.unwrap();
    for n in 1..=20 {
        let payload = crack(n, n as f64);
        link.publish(&telemetry("bridge-1", "box-1"), payload.as_bytes()).await.unwrap();
    }
    eventually("both levels are told", || async { (hook.taken().len() >= 2).then_some(()) }).await;
    eventually("the archive is known to be away", || async {
        (daemon.metric("archive_requests_failed_total", "").await > 0.0).then_some(())
    })
    .await;
    assert_eq!(daemon.metric("archive_up", "").await, 0.0);
    eventually("it says so and why", || async {
        let told = daemon.text("/readyz").await.contains("\narchive: degraded\n");
        let shown = daemon.text("/").await;
        (told && shown.contains("onnection refused")).then_some(())
    })
    .await;
    // the journal's time goes on with what comes in
    let mut sent = 20;
    let faults = loop {
        sent += 1;
        let payload = crack(sent, 20.0);
        link.publish(&telemetry("bridge-1", "box-1"), payload.as_bytes()).await.unwrap();
        let faults = daemon.list("/api/v1/incidents?site=bongsu&").await;
        if !faults.is_empty() {
            break faults;
        }
        assert!(sent < 50_000, "it is an incident once it is too far behind");
    };
    let why = faults[0]["evidence"][0]["text"]["en"].as_str().unwrap();
    assert!(why.contains("InfluxDB"), "{why}");
    daemon.stop().await;

    let Some(archive) = server::victoria_metrics(addr).await else { return };
    let daemon = Daemon::start(&config).await;
    let mut link = Link::connect(daemon.broker(), "box").await.unwrap();
    link.publish(&telemetry("bridge-1", "box-1"), crack(sent + 1, 21.0).as_bytes()).await.unwrap();
    let widths = eventually("all of it is there", || async {
        let found = values(&archive, "reading_value{site=\"bridge-1\"}").await;
        (found.len() as u64 == sent + 1).then_some(found)
    })
    .await;
    let expected = (1..=sent).map(|n| n.min(20) as f64).chain([21.0]);
    assert_eq!(widths, expected.collect::<Vec<_>>());
    let levels = values(&archive, "level_level{site=\"bridge-1\"}").await;
    assert_eq!(levels, [1.0, 2.0]);
    assert!(!values(&archive, "incident_revision").await.is_empty());
    let map = values(&archive, "site_level{site=\"bridge-1\"}").await;
    assert_eq!(map.last(), Some(&2.0), "{map:?}");
    assert_eq!(values(&archive, "site_latitude{site=\"bridge-1\"}").await.last(), Some(&37.5));
    let limits = values(&archive, "limit_value{rule=\"crack-warning\"}").await;
    assert_eq!(limits.last(), Some(&30.0), "{limits:?}");
    eventually("all is well", || async {
        daemon.text("/readyz").await.contains("\narchive: ok\n").then_some(())
    })
    .await;
    let said = daemon.stop().await;
    assert_eq!(said.errors(), Vec::<Value>::new());
    let mut told = common::journal::records(&setting.data());
    told.retain(|record| record.kind == Kind::Trouble);
    let last = told.last().unwrap().json();
    let (key, what) = (last["key"].as_str(), &last["what"]);
    assert_eq!((key, what), (Some("archive"), &Value::Null), "it is mended, in another run");
}
