//! What is stored comes out as files, and goes in again exactly.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::path::Path;

use common::daemon::{Daemon, run};
use common::eventually;
use common::hook::Hook;
use common::link::Link;
use common::setting::{Setting, bridge, crack, telemetry};
use serde_json::Value;

/// Values that a careless writer would round.
const VALUES: [f64; 8] = [
    0.1 + 0.2,
    1.0 / 3.0,
    1e-7,
    12.345_678_901_234_567,
    -0.25,
    5e-324,
    99.999_999_999_999_99,
    31.0,
];

async fn export(arguments: &[&str]) -> String {
    let output = run(&[&["export"], arguments].concat()).await;
    let (said, complaint) = (String::from_utf8(output.stdout).unwrap(), output.stderr);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&complaint));
    said
}

/// The columns that a round trip keeps: what was measured, when, as what. When it was received is another moment.
fn measured(csv: &str) -> Vec<Vec<String>> {
    let mut lines = csv.lines();
    assert_eq!(lines.next(), Some("series,measured_at,received_at,value,unit,quality"));
    let mut rows: Vec<Vec<String>> = lines
        .map(|line| line.split(',').map(String::from).collect::<Vec<_>>())
        .map(|row| vec![row[0].clone(), row[1].clone(), row[3].clone(), row[4].clone()])
        .collect();
    rows.sort();
    rows
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_exported_and_imported_elsewhere_is_exported_the_same() {
    let hook = Hook::willing().await;
    let mut setting = Setting::embedded();
    setting.add_hook(&hook);
    setting.site("bridge-1", &bridge("bridge-1"));
    let config = setting.write();
    let daemon = Daemon::start(&config).await;
    let mut link = Link::connect(daemon.broker(), "box").await.unwrap();
    for (n, value) in VALUES.into_iter().enumerate() {
        let payload = crack(n as u64 + 1, value);
        link.publish(&telemetry("bridge-1", "box-1"), payload.as_bytes()).await.unwrap();
    }
    eventually("somebody is told", || async { (!hook.taken().is_empty()).then_some(()) }).await;
    let data = setting.data();
    let of = ["--data-dir", text(&data)];

    // beside a daemon that runs
    let incidents = export(&[&["incidents"], &of[..]].concat()).await;
    assert!(incidents.starts_with("id,site,hazard,state,level,"), "{incidents}");
    assert_eq!(incidents.lines().count(), 2, "{incidents}");
    let map = export(&[&["incidents", "--format", "geojson"], &of[..]].concat()).await;
    let map: Value = serde_json::from_str(&map).unwrap();
    assert_eq!(map["type"], "FeatureCollection");
    let point = &map["features"][0]["geometry"];
    assert_eq!((&point["type"], &point["coordinates"][0]), (&"Point".into(), &128.2.into()));
    let deliveries = export(&[&["deliveries"], &of[..]].concat()).await;
    assert!(deliveries.lines().nth(1).unwrap().contains(",hook,"), "{deliveries}");
    daemon.stop().await;

    let out = setting.folder().join("readings.csv");
    export(&[&["readings", "--out", text(&out)], &of[..]].concat()).await;
    let first = measured(&std::fs::read_to_string(&out).unwrap());
    let values: Vec<f64> = first.iter().map(|row| row[2].parse().unwrap()).collect();
    assert_eq!(values, VALUES, "in the order they were measured, to the last bit");

    let other = Setting::embedded();
    other.site("bridge-1", &bridge("bridge-1"));
    let config = other.write();
    let imported = run(&["import", text(&out), "--config", text(&config)]).await;
    assert!(imported.status.success(), "{}", String::from_utf8_lossy(&imported.stderr));
    let again = export(&["readings", "--config", text(&config)]).await;
    assert_eq!(measured(&again), first);

    let none =
        export(&["readings", "--config", text(&config), "--to", "2020-01-01T00:00:00Z"]).await;
    assert_eq!(none.lines().count(), 1, "only the header");
    let series = "bridge-1/box-1/crack-1/crack-width";
    let one = export(&["readings", "--config", text(&config), "--series", series]).await;
    assert_eq!(measured(&one), first);
}
