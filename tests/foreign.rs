//! Foreign formats in the whole daemon: whatever is wrong with a message of each is refused by name, counted, and kept
//! to be looked at; the next good one counts, and a station beside it never notices.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;
#[path = "foreign/formats.rs"]
mod formats;
#[path = "foreign/ports.rs"]
mod ports;
#[path = "foreign/uplinks.rs"]
mod uplinks;

use common::daemon::Daemon;
use common::link::Link;
use common::refusals::{Bad, Neighbour};
use common::setting::{Setting, bridge, crack_box};
use formats::Wire;
use serde_json::Value;

/// A bridge whose first box is of the source `field`, with more boxes beside it.
fn site(boxes: &str) -> String {
    bridge("bridge-1").replace("id = \"box-1\"", "id = \"box-1\"\nsource = \"field\"") + boxes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g08_g09_what_is_wrong_with_any_format_is_refused_by_name_and_disturbs_nobody() {
    let mut setting = Setting::embedded();
    let wires = formats::all();
    let mut boxes = String::new();
    for Wire { station, subscribe, .. } in &wires {
        if !subscribe.is_empty() {
            boxes += &crack_box(station, "field");
            setting.add(&format!("[[collector.subscribe]]\n{subscribe}"));
        }
    }
    setting.site("bridge-1", &site(&boxes));
    let daemon = Daemon::start(&setting.write()).await;
    let mut neighbour = Neighbour::new(&daemon).await;
    neighbour.one_counts().await;
    let mut wrong = 0;
    let mut link = Link::connect(daemon.broker(), "gateway").await.unwrap();
    for wire in &wires {
        println!("{}", wire.name);
        for (topic, payload) in &wire.before {
            link.publish(topic, payload).await.unwrap();
        }
        neighbour.others += wire.said_before;
        let huge = Bad::new("300 000 bytes", wire.topic, vec![b' '; 300_000], "too-large");
        let nothing = Bad::new("no bytes", wire.topic, "", "empty-payload");
        for bad in wire.bad.iter().chain([&huge, &nothing]) {
            bad.is_refused(&daemon).await;
            wrong += 1;
        }
        neighbour.one_counts().await;
        for nth in 0..2 {
            let good = (wire.good)(nth, 1.5 + nth as f64 / 8.0);
            link.publish(wire.topic, &good).await.unwrap();
            neighbour.others += 1;
            neighbour.one_counts().await;
        }
    }
    let site = daemon.json("/api/v1/sites/bridge-1").await;
    for wire in wires.iter().filter(|wire| !wire.subscribe.is_empty()) {
        let stations = site["stations"].as_array().unwrap();
        let station = stations.iter().find(|station| station["id"] == wire.station).unwrap();
        let latest = &station["series"][0]["latest"]["value"];
        assert!((latest.as_f64().unwrap() - 1.625).abs() < 1e-9, "{}: {station:#}", wire.name);
    }
    let quarantined = daemon.list("/api/v1/quarantine?").await;
    assert_eq!(quarantined.len(), wrong, "each once");
    assert_eq!(daemon.stop().await.errors(), Vec::<Value>::new());
}
