//! Sparkplug edge nodes behind a real broker: our state, a rebirth asked for, values by alias, and all of it again
//! after the daemon was killed; gaps in numbers and sessions, history, and death.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::process::{Child, Command, Stdio};

use common::daemon::{Daemon, Said};
use common::link::Link;
use common::servers::{Mosquitto, program};
use common::setting::{Road, SPARKPLUG, Setting, bridge, crack_box};
use common::{eventually, now, unhex};
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

/// An edge node with one device that gives its metric by alias.
struct Edge {
    link: Link,
    name: &'static str,
    seq: u64,
    /// Its last stamp, in milliseconds: two values of one moment would be one.
    stamp: u64,
}

/// Which session of a node this is.
fn session(number: u64) -> Metric<'static> {
    Metric {
        name: Some("bdSeq".into()),
        datatype: Some(Datatype::UInt64 as u32),
        value: Value::Long(number),
        ..Metric::default()
    }
}

impl Edge {
    async fn connect(port: u16, name: &'static str) -> Self {
        Self { link: Link::connect(port, name).await.unwrap(), name, seq: 0, stamp: 0 }
    }

    /// `kind` is of the node, or of its device.
    async fn say(&mut self, kind: &str, seq: Option<u64>, metrics: Vec<Metric<'static>>) {
        self.stamp = (self.stamp + 1).max(u64::try_from(now().nanos() / 1_000_000).unwrap());
        let payload = Payload { timestamp: Some(self.stamp), seq, metrics }.encode();
        let device = if kind.starts_with('D') { "/crack" } else { "" };
        let topic = format!("spBv1.0/slopes/{kind}/{}{device}", self.name);
        self.link.publish(&topic, &payload).await.unwrap();
    }

    async fn dies(&mut self, number: u64) {
        self.say("NDEATH", None, vec![session(number)]).await;
    }

    async fn tell(&mut self, kind: &str, metrics: Vec<Metric<'static>>) {
        self.say(kind, Some(self.seq), metrics).await;
        self.seq = (self.seq + 1) % 256;
    }

    async fn is_born(&mut self, number: u64) {
        self.seq = 0;
        self.tell("NBIRTH", vec![session(number)]).await;
        let metric =
            Metric { name: Some("opening".into()), unit: Some("mm".into()), ..opening(1.0) };
        self.tell("DBIRTH", vec![metric]).await;
    }

    async fn measures(&mut self, mm: f64) {
        self.tell("DDATA", vec![opening(mm)]).await;
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
    setting.add(SPARKPLUG);
    setting.site("bridge-1", &bridge("bridge-1"));
    let config = setting.write();
    let mut daemon = Daemon::start(&config).await;
    eventually("the host says it is there", || async {
        (listener.online() == Some(true)).then_some(())
    })
    .await;

    let mut edge = Edge { seq: 5, ..Edge::connect(broker.port, "edge").await };
    edge.measures(1.5).await;
    let command = "spBv1.0/slopes/NCMD/edge";
    let asked =
        eventually("a rebirth is asked for", || async { listener.heard(command).pop() }).await;
    let metric = &Payload::read(&asked).unwrap().metrics[0];
    assert_eq!((metric.name.as_deref(), &metric.value), (Some(REBIRTH), &Value::Flag(true)));

    edge.is_born(0).await;
    edge.measures(1.25).await;
    daemon.admits(2).await;

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
    daemon.admits(3).await;
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

/// A second node, whose device is another box.
const SECOND: &str = r#"
[[collector.subscribe.map]]
devices = { "slopes/edge-2/crack" = "bridge-1/box-2" }
metrics = { opening = "crack-1/crack-width" }"#;

/// The newest of a box of the bridge, once `is_so`.
async fn latest(
    daemon: &Daemon,
    place: usize,
    what: &str,
    is_so: impl Fn(&serde_json::Value) -> bool,
) {
    eventually(what, || async {
        let site = daemon.json("/api/v1/sites/bridge-1").await;
        is_so(&site["stations"][place]["series"][0]["latest"]).then_some(())
    })
    .await;
}

fn is_stale(latest: &serde_json::Value) -> bool {
    latest["quality"].as_array().is_some_and(|words| words.contains(&"stale".into()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gaps_are_asked_about_once_history_raises_nothing_now_and_death_makes_stale() {
    let Some(broker) = Mosquitto::start().await else { return };
    let Some(listener) = Listener::start(broker.port) else { return };
    let mut setting = Setting::new(Road::Mqtt(broker.port));
    setting.add(&[SPARKPLUG, SECOND].concat());
    setting.site("bridge-1", &(bridge("bridge-1") + &crack_box("box-2", "")));
    let daemon = Daemon::start(&setting.write()).await;
    let asked = |node: &str| listener.heard(&format!("spBv1.0/slopes/NCMD/{node}")).len();

    // A gap in `seq` loses no value and asks; the next within the minute asks no more.
    let mut edge = Edge::connect(broker.port, "edge").await;
    edge.is_born(3).await;
    edge.seq += 1;
    edge.measures(1.5).await;
    eventually("a rebirth is asked for", || async { (asked("edge") == 1).then_some(()) }).await;
    edge.seq += 4;
    edge.measures(1.75).await;
    daemon.admits(3).await;

    // So does a birth that says that a session was lost between; its values count all the same.
    let mut second = Edge::connect(broker.port, "edge-2").await;
    second.is_born(3).await;
    second.is_born(5).await;
    eventually("a rebirth is asked for", || async { (asked("edge-2") == 1).then_some(()) }).await;
    daemon.admits(5).await;

    // History, far above every limit.
    let hour_ago = u64::try_from(now().nanos() / 1_000_000).unwrap() - 3_600_000;
    let old = Metric { is_historical: true, timestamp: Some(hour_ago), ..opening(90.0) };
    edge.tell("DDATA", vec![old]).await;
    daemon.admits(6).await;
    edge.measures(2.0).await;
    daemon.admits(7).await;
    latest(&daemon, 0, "what is of now is shown", |latest| latest["value"] == 2.0).await;
    // Officers hear that something was found in the past, and when: no level is made of it.
    let incidents = daemon.list("/api/v1/incidents?site=bridge-1&").await;
    let levels: Vec<_> = incidents.iter().map(|incident| &incident["level"]).collect();
    assert!(incidents.iter().all(|incident| incident["late_detected"] == true), "{incidents:#?}");
    assert!(levels.iter().all(|level| **level == "attention"), "{levels:?}");

    // The will of an earlier session comes late, and then that of this one.
    edge.dies(2).await;
    edge.measures(2.25).await;
    latest(&daemon, 0, "it lives", |latest| latest["value"] == 2.25 && !is_stale(latest)).await;
    edge.dies(3).await;
    latest(&daemon, 0, "its last value is stale", |latest| {
        latest["value"] == 2.25 && is_stale(latest)
    })
    .await;
    latest(&daemon, 1, "the other node's is not", |latest| !latest.is_null() && !is_stale(latest))
        .await;

    // The same now is an alarm.
    edge.is_born(4).await;
    edge.measures(90.0).await;
    eventually("what is of now raises a level", || async {
        let site = daemon.json("/api/v1/sites/bridge-1").await;
        (site["level"] == "warning").then_some(())
    })
    .await;
    assert_eq!((asked("edge"), asked("edge-2")), (1, 1), "at most once a minute");
    let balance = daemon.balance("field").await;
    assert_eq!(
        (&balance["quarantined"], &balance["holds"]),
        (&0.into(), &true.into()),
        "{balance}"
    );
    assert_eq!(daemon.stop().await.errors(), Vec::<serde_json::Value>::new());
}
