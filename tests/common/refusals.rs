//! What is wrong and must be refused by name, counted and kept; and a neighbour whom it must not disturb.

use serde_json::Value;

use super::daemon::Daemon;
use super::eventually;
use super::link::Link;
use super::setting::{crack, telemetry};

/// What is sent, where, and the reason it must be refused for.
pub struct Bad {
    /// What is wrong.
    pub what: &'static str,
    /// Where it is sent.
    pub topic: String,
    /// What is sent.
    pub payload: Vec<u8>,
    /// What it must be refused as.
    pub reason: &'static str,
}

impl Bad {
    /// All of it.
    pub fn new(
        what: &'static str,
        topic: &str,
        payload: impl Into<Vec<u8>>,
        reason: &'static str,
    ) -> Self {
        Self { what, topic: topic.into(), payload: payload.into(), reason }
    }

    /// Sends it to the daemon's broker, which acknowledges it; it is refused and can be looked at.
    pub async fn is_refused(&self, daemon: &Daemon) {
        let before = refusals(daemon, self.reason).await;
        let mut link = Link::connect(daemon.broker(), "careless").await.unwrap();
        let acknowledged = link.publish(&self.topic, &self.payload).await;
        acknowledged.unwrap_or_else(|error| panic!("{}: {error}", self.what));
        is_counted(daemon, self.what, &self.topic, self.reason, before).await;
    }
}

/// Waits until one more is counted under its reason than `before`, and it is the newest in quarantine, with a word of
/// why.
pub async fn is_counted(daemon: &Daemon, what: &str, topic: &str, reason: &str, before: f64) {
    let row = eventually(&format!("`{what}` on {topic} is counted as {reason}"), || async {
        let counted = refusals(daemon, reason).await == before + 1.0;
        let row = newest_in_quarantine(daemon).await;
        (counted && row["reason"] == reason && row["topic"] == topic).then_some(row)
    })
    .await;
    assert!(!row["detail"].as_str().unwrap().is_empty(), "{what}");
}

/// How often something was refused for this reason.
pub async fn refusals(daemon: &Daemon, reason: &str) -> f64 {
    daemon.metric("ingest_reports_refused_total", &format!("reason=\"{reason}\"")).await
}

/// What was refused last.
pub async fn newest_in_quarantine(daemon: &Daemon) -> Value {
    daemon.json("/api/v1/quarantine?limit=1").await["items"][0].clone()
}

/// A station that behaves, `bridge-1/box-1` of the source `field`, on a connection of its own throughout.
pub struct Neighbour<'a> {
    daemon: &'a Daemon,
    link: Link,
    seq: u64,
    /// Readings of others that are admitted from the same source.
    pub others: u64,
}

impl<'a> Neighbour<'a> {
    /// Connects.
    pub async fn new(daemon: &'a Daemon) -> Self {
        let link = Link::connect(daemon.broker(), "good").await.unwrap();
        Self { daemon, link, seq: 0, others: 0 }
    }

    /// Its next reading is admitted, and the balance holds.
    pub async fn one_counts(&mut self) {
        self.seq += 1;
        let payload = crack(self.seq, 2.0 + self.seq as f64 / 1e3);
        self.link.publish(&telemetry("bridge-1", "box-1"), payload.as_bytes()).await.unwrap();
        let (daemon, all) = (self.daemon, self.seq + self.others);
        let balance = eventually("a good reading counts", || async {
            let balance = daemon.balance("field").await;
            (balance["admitted"] == all).then_some(balance)
        })
        .await;
        assert_eq!(balance["holds"], true, "{balance}");
    }
}
