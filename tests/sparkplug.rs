//! A Sparkplug edge node behind a real broker: our state, a rebirth asked for, values by alias, and all of it again
//! after the daemon was killed.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::process::{Child, Command, Stdio};

use common::daemon::{Daemon, Said};
use common::link::Link;
use common::servers::{Mosquitto, program};
use common::setting::{Road, Setting, bridge};
use common::{eventually, now};
use reading::codec::sparkplug::{Datatype, Metric, Payload, REBIRTH, Value};

/// A program of the broker's own that shows what is published: topic, and bytes in hexadecimal digits.
struct Listener {
    child: Child,
    said: Said,
}

impl Listener {
    fn start(port: u16) -> Option<Self> {
        let mut child = Command::new(program("mosquitto_sub")?)
            .args(["-h", "127.0.0.1", "-p", &port.to_string(), "-F", "%t %x"])
            .args(["-t", "spBv1.0/STATE/bongsu", "-t", "spBv1.0/slopes/NCMD/#"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = Said::collect(child.stdout.take().unwrap());
        Some(Self { child, said })
    }

    /// What was published on a topic so far.
    fn heard(&self, topic: &str) -> Vec<Vec<u8>> {
        let lines = self.said.lines().into_iter();
        lines.filter_map(|line| line.strip_prefix(topic)?.strip_prefix(' ').map(unhex)).collect()
    }

    /// Whether the host last said that it is there; none if it said nothing.
    fn online(&self) -> Option<bool> {
        let last = self.heard("spBv1.0/STATE/bongsu").pop()?;
        let state: serde_json::Value = serde_json::from_slice(&last).unwrap();
        assert!(state["timestamp"].as_u64().unwrap() > 1_700_000_000_000, "{state}");
        state["online"].as_bool()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

/// An edge node with one device that gives its metric by alias.
struct Edge {
    link: Link,
    seq: u64,
}

impl Edge {
    async fn tell(&mut self, kind: &str, metrics: Vec<Metric<'static>>) {
        let timestamp = Some(u64::try_from(now().nanos() / 1_000_000).unwrap());
        let payload = Payload { timestamp, seq: Some(self.seq), metrics }.encode();
        self.seq = (self.seq + 1) % 256;
        self.link.publish(&format!("spBv1.0/slopes/{kind}"), &payload).await.unwrap();
    }

    async fn is_born(&mut self) {
        self.seq = 0;
        let session = Metric {
            name: Some("bdSeq".into()),
            datatype: Some(Datatype::UInt64 as u32),
            value: Value::Long(0),
            ..Metric::default()
        };
        self.tell("NBIRTH/edge", vec![session]).await;
        self.tell(
            "DBIRTH/edge/crack",
            vec![Metric { name: Some("opening".into()), unit: Some("mm".into()), ..opening(1.0) }],
        )
        .await;
    }

    async fn measures(&mut self, mm: f64) {
        self.tell("DDATA/edge/crack", vec![opening(mm)]).await;
    }
}

fn opening(mm: f64) -> Metric<'static> {
    Metric {
        alias: Some(3),
        datatype: Some(Datatype::Double as u32),
        value: Value::Double(mm),
        ..Metric::default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_behind_mosquitto_is_heard_asked_and_known_again_after_a_kill() {
    let Some(broker) = Mosquitto::start().await else { return };
    let Some(listener) = Listener::start(broker.port) else { return };
    let mut setting = Setting::new(Road::Mqtt(broker.port));
    setting.add(
        r#"[[collector.subscribe]]
topic = "spBv1.0/#"
format = "sparkplug-b"
host-id = "bongsu"

[[collector.subscribe.map]]
devices = { "slopes/edge/crack" = "bridge-1/box-1" }
metrics = { opening = "crack-1/crack-width" }"#,
    );
    setting.site("bridge-1", &bridge("bridge-1"));
    let config = setting.write();
    let mut daemon = Daemon::start(&config).await;
    eventually("the host says it is there", || async {
        (listener.online() == Some(true)).then_some(())
    })
    .await;

    let mut edge = Edge { link: Link::connect(broker.port, "edge").await.unwrap(), seq: 5 };
    edge.measures(1.5).await;
    let command = "spBv1.0/slopes/NCMD/edge";
    let asked =
        eventually("a rebirth is asked for", || async { listener.heard(command).pop() }).await;
    let metric = &Payload::read(&asked).unwrap().metrics[0];
    assert_eq!((metric.name.as_deref(), &metric.value), (Some(REBIRTH), &Value::Flag(true)));

    edge.is_born().await;
    edge.measures(1.25).await;
    admitted(&daemon, 2).await;

    daemon.kill();
    eventually("the will says it is gone", || async {
        (listener.online() == Some(false)).then_some(())
    })
    .await;
    // The broker keeps it for us; the alias is known from the journal.
    edge.measures(25.0).await;
    let daemon = Daemon::start(&config).await;
    eventually("the host is back", || async { (listener.online() == Some(true)).then_some(()) })
        .await;
    admitted(&daemon, 3).await;
    eventually("the crack raises a level", || async {
        let incidents = daemon.list("/api/v1/incidents?").await;
        incidents.iter().any(|incident| incident["site"] == "bridge-1").then_some(())
    })
    .await;
    let balance = daemon.balance("field").await;
    assert_eq!(
        (&balance["quarantined"], &balance["holds"]),
        (&1.into(), &true.into()),
        "{balance}"
    );
    assert_eq!(daemon.stop().await.errors(), Vec::<serde_json::Value>::new());
    eventually("the host says goodbye", || async {
        (listener.online() == Some(false)).then_some(())
    })
    .await;
}

async fn admitted(daemon: &Daemon, readings: u64) {
    eventually("the readings are admitted", || async {
        let balance = daemon.balance("field").await;
        (balance["admitted"] == readings).then_some(())
    })
    .await;
}
