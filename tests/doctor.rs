//! What `bongsu doctor` says of a broker that others publish to, and `/readyz` of the same: each subscription with what
//! came on it, and a broker of a version that loses sessions.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use common::daemon::{Daemon, run};
use common::link::Link;
use common::servers::Mosquitto;
use common::setting::{Road, Setting, bridge, crack, telemetry};
use common::{eventually, free_port};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A foreign device beside our own stations.
const FOREIGN: &str = r#"
[[collector.subscribe]]
topic = "things/+"
format = "senml"

[[collector.subscribe.map]]
devices = { "urn:dev:box-7" = "bridge-1/box-1" }
metrics = { crack = "crack-1/crack-width mm" }
"#;

/// What is subscribed to, and whether the publisher of this test says something on it.
const FILTERS: [(&str, bool); 5] = [
    ("bongsu/v1/+/+/telemetry", true),
    ("things/+", true),
    ("bongsu/v1/+/+/command/result", false),
    ("bongsu/v1/+/+/status", false),
    ("bongsu/v1/+/+/backfill", false),
];

/// Said with a mistake in the topic: no filter fits.
const STRAY: &str = "bongsu/v1/bridge-1/box-1/telemetri";

fn setting(port: u16) -> Setting {
    let mut setting = Setting::new(Road::Mqtt(port));
    setting.main = setting.main.replace("127.0.0.1:0", &format!("127.0.0.1:{}", free_port()));
    setting.main += FOREIGN;
    setting.site("bridge-1", &bridge("bridge-1"));
    setting
}

/// A field that publishes until it is dropped.
struct Field(Arc<AtomicBool>);

impl Field {
    async fn start(port: u16) -> Self {
        let mut link = Link::connect(port, "field").await.unwrap();
        // Kept by the broker: it says nothing about now, and is not counted.
        let status = b"bongsu/v1/bridge-1/box-1/status";
        link.publish_bytes(status, br#"{"state":"online"}"#, true).await.unwrap();
        let off = Arc::new(AtomicBool::new(false));
        let stop = off.clone();
        tokio::spawn(async move {
            let mut seq = 0;
            while !stop.load(Ordering::Relaxed) {
                seq += 1;
                let (own, report) = (telemetry("bridge-1", "box-1"), crack(seq, 1.0));
                let pack = br#"[{"n":"urn:dev:box-7:crack","v":1.5}]"#;
                if link.publish(&own, report.as_bytes()).await.is_err()
                    || link.publish("things/7", pack).await.is_err()
                    || link.publish(STRAY, report.as_bytes()).await.is_err()
                {
                    return; // the broker is gone
                }
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        });
        Self(off)
    }
}

impl Drop for Field {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

async fn doctor(config: &Path, more: &[&str]) -> (String, Option<i32>) {
    let fixed = ["--lang", "en", "doctor", "--config", config.to_str().unwrap(), "--for", "2"];
    let output = run(&[&fixed[..], more].concat()).await;
    (String::from_utf8(output.stdout).unwrap(), output.status.code())
}

fn lines(said: &str) -> Vec<Value> {
    said.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn state<'v>(said: &'v [Value], check: &str) -> &'v str {
    let line = said.iter().find(|line| line["check"] == check);
    line.and_then(|line| line["state"].as_str()).unwrap_or("not there")
}

/// The number in `{filter}: {number} in …`, wherever that stands.
fn told(text: &str, filter: &str) -> Option<u64> {
    let (_, rest) = text.split_once(&format!("{filter}: "))?;
    rest.split_once(" in ")?.0.parse().ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_subscription_is_told_with_what_came_on_it_by_doctor_and_by_the_daemon() {
    let Some(broker) = Mosquitto::start().await else { return };
    let setting = setting(broker.port);
    let config = setting.write();
    let _field = Field::start(broker.port).await;

    let (said, _) = doctor(&config, &["--json"]).await;
    let checks = lines(&said);
    let topics: Vec<_> =
        checks.iter().filter(|line| line["check"] == "broker-field-topic").collect();
    assert_eq!(topics.len(), FILTERS.len(), "{said}");
    for (filter, is_used) in FILTERS {
        let count = topics.iter().find_map(|line| told(line["detail"].as_str()?, filter));
        let count = count.unwrap_or_else(|| panic!("{filter}: {said}"));
        assert_eq!(count > 0, is_used, "{filter}: {said}");
    }
    assert!(topics.iter().all(|line| line["state"] == "ok"), "{said}");
    let strays: Vec<_> =
        checks.iter().filter(|line| line["check"] == "broker-field-stray").collect();
    assert!(
        strays.len() == 1 && strays[0]["detail"].as_str().unwrap().starts_with(STRAY),
        "{said}"
    );
    let (said, _) = doctor(&config, &[]).await;
    for (filter, is_used) in FILTERS {
        assert_eq!(told(&said, filter).map(|count| count > 0), Some(is_used), "{filter}: {said}");
    }

    let daemon = Daemon::start(&config).await;
    eventually(
        "the daemon has told of each filter, with a count where something comes",
        || async {
            let page = daemon.text("/administration?lang=en").await.replace("&#x2f;", "/");
            // Each session subscribes in its own time.
            let has_told = |(filter, is_used): &(&str, bool)| {
                told(&page, filter).is_some_and(|count| (count > 0) == *is_used)
            };
            FILTERS.iter().all(has_told).then_some(())
        },
    )
    .await;
    let ready = daemon.public("/readyz").await;
    for place in 1..=FILTERS.len() {
        assert!(ready.contains(&format!("topic-field-{place}: ok\n")), "{ready}");
    }
    let labels = "collector=\"field\",filter=\"things/+\"";
    assert!(daemon.metric("ingest_subscription_frames_total", labels).await > 0.0);
    // The same, asked by doctor while it runs.
    let (said, _) = doctor(&config, &["--json"]).await;
    let checks = lines(&said);
    for check in ["daemon-topic-field-1", "daemon-topic-field-5", "daemon-session-field"] {
        assert_eq!(state(&checks, check), "ok", "{said}");
    }
    assert_eq!(state(&checks, "quarantine"), "ok", "{said}");

    // What comes and cannot be used is said with its topic and why.
    let mut link = Link::connect(broker.port, "box").await.unwrap();
    link.publish(&telemetry("bridge-1", "box-1"), b"{\"seq\":").await.unwrap();
    eventually("it is set aside", || async {
        (!daemon.list("/api/v1/quarantine?").await.is_empty()).then_some(())
    })
    .await;
    let (said, _) = doctor(&config, &["--json"]).await;
    let checks = lines(&said);
    assert_eq!(state(&checks, "quarantine"), "degraded", "{said}");
    let row = checks.iter().find(|line| line["check"] == "quarantine").unwrap();
    assert!(
        row["detail"].as_str().unwrap().contains("bongsu/v1/bridge-1/box-1/telemetry"),
        "{said}"
    );

    drop(broker);
    eventually("its subscriptions are down", || async {
        let ready = daemon.public("/readyz").await;
        let all =
            (1..=FILTERS.len()).all(|n| ready.contains(&format!("topic-field-{n}: degraded")));
        all.then_some(())
    })
    .await;
    daemon.stop().await;
}

/// A broker that says it is of another version than it is: what it says goes through here.
struct Disguise {
    port: u16,
    task: JoinHandle<()>,
}

const SAYS: &[u8] = b"mosquitto version ";
const BAD: &[u8] = b"2.0.15";

impl Disguise {
    async fn before(broker: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(("127.0.0.1", broker)).await.unwrap();
                let (mut from_client, mut to_client) = client.into_split();
                let (mut from_server, mut to_server) = server.into_split();
                tokio::spawn(async move {
                    tokio::io::copy(&mut from_client, &mut to_server).await.ok();
                });
                tokio::spawn(async move {
                    let mut piece = vec![0; 65_536];
                    while let Ok(len @ 1..) = from_server.read(&mut piece).await {
                        disguise(&mut piece[..len]);
                        if to_client.write_all(&piece[..len]).await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Self { port, task }
    }
}

impl Drop for Disguise {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Puts another version of the same length in its place. The broker writes each packet in one piece.
fn disguise(bytes: &mut [u8]) {
    let Some(at) = bytes.windows(SAYS.len()).position(|part| part == SAYS) else { return };
    let number = &mut bytes[at + SAYS.len()..];
    if number.get(..BAD.len()).is_some_and(|own| own.starts_with(b"2.0.")) {
        number[..BAD.len()].copy_from_slice(BAD);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_of_a_version_that_loses_sessions_is_named_by_doctor_and_by_the_daemon() {
    let Some(broker) = Mosquitto::start().await else { return };
    let disguise = Disguise::before(broker.port).await;
    let setting = setting(disguise.port);
    let config = setting.write();
    let (said, _) = doctor(&config, &["--json"]).await;
    let checks = lines(&said);
    let reached = checks.iter().find(|line| line["check"] == "broker-field").unwrap();
    let version = reached["detail"].as_str().unwrap();
    if !version.contains("2.0.15") {
        return println!("skipped: this mosquitto cannot be disguised: {version}");
    }
    assert_eq!(state(&checks, "broker-field-session"), "degraded", "{said}");
    assert!(said.contains("mosquitto 2.0.12 to 2.0.18 lose sessions"), "{said}");

    let daemon = Daemon::start(&config).await;
    eventually("the daemon says so too", || async {
        daemon.public("/readyz").await.contains("session-field: degraded\n").then_some(())
    })
    .await;
    let page = daemon.text("/administration?lang=en").await;
    assert!(page.contains("mosquitto 2.0.12 to 2.0.18 lose sessions"), "{page}");
    daemon.stop().await;
}
