//! A flood of numbered telemetry, to measure what a broker and a daemon can take.
//!
//! Stations are `bongsu/v1/flood/station-00001` and so on, each with the sensors `tilt-1` to `tilt-K`. Every
//! message has a number of its own: station `n` counts up from `seq` 1 without a gap.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use reading::Timestamp;
use rumqttc::{AsyncClient, Event, EventLoop, Packet, PublishOptions, ValidatedTopic};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::link::session::{Address, Retry, options};
use crate::pace::Stopwatch;

/// Messages of one connection that may be unacknowledged; the broker may allow fewer.
const WINDOW: u16 = 1_000;
/// The site all flood stations belong to.
pub const SITE: &str = "flood";

/// What to send.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How many stations speak.
    pub stations: u32,
    /// How many messages in all.
    pub messages: u64,
    /// Messages a second in all; zero for as fast as it goes.
    pub rate: f64,
    /// Readings in each message.
    pub readings: u32,
    /// Connections the stations share.
    pub connections: u32,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Result {
    /// Messages handed to the connections.
    pub sent: u64,
    /// Messages the broker acknowledged.
    pub acknowledged: u64,
    /// From the first message to the last acknowledgement.
    pub elapsed: Duration,
}

/// Sends the flood and waits for every acknowledgement, or for `stop`.
///
/// `now` stamps the messages. A connection that breaks is made again, and what was on its way there is lost:
/// `acknowledged` then stays below `sent`.
pub async fn run(
    address: &Address,
    plan: &Plan,
    now: fn() -> Timestamp,
    stop: CancellationToken,
) -> Result {
    let stopwatch = Stopwatch::start();
    let counted = Arc::new(Counted::default());
    let mut tasks = JoinSet::new();
    let connections = plan.connections.clamp(1, plan.stations.max(1));
    for number in 0..connections {
        let lane = Lane {
            plan: plan.clone(),
            number,
            connections,
            now,
            counted: counted.clone(),
            stopwatch,
        };
        let (address, stop) = (address.clone(), stop.clone());
        tasks.spawn(async move {
            tokio::select! {
                () = stop.cancelled() => (),
                () = lane.run(&address) => (),
            }
        });
    }
    while tasks.join_next().await.is_some() {}
    Result {
        sent: counted.sent.load(Ordering::Relaxed),
        acknowledged: counted.acknowledged.load(Ordering::Relaxed),
        elapsed: stopwatch.elapsed(),
    }
}

#[derive(Debug, Default)]
struct Counted {
    sent: AtomicU64,
    acknowledged: AtomicU64,
}

/// One connection and the stations that share it: every `connections`-th, from `number` on.
struct Lane {
    plan: Plan,
    number: u32,
    connections: u32,
    now: fn() -> Timestamp,
    counted: Arc<Counted>,
    stopwatch: Stopwatch,
}

impl Lane {
    async fn run(self, address: &Address) {
        let options =
            options(address, &format!("flood-{}-{}", std::process::id(), self.number), WINDOW);
        let (client, eventloop) =
            AsyncClient::builder(options).capacity(usize::from(WINDOW)).build();
        let room = Arc::new(Semaphore::new(usize::from(WINDOW)));
        let acknowledging = acknowledge(eventloop, room.clone(), self.counted.clone());
        let sending = async {
            self.send(&client, &room).await;
            // All room free again: everything is acknowledged.
            room.acquire_many(u32::from(WINDOW)).await.ok();
        };
        tokio::select! {
            () = acknowledging => (),
            () = sending => (),
        }
    }

    async fn send(&self, client: &AsyncClient, room: &Semaphore) {
        let topics = self.topics();
        let share = self.plan.messages / u64::from(self.connections)
            + u64::from(u64::from(self.number) < self.plan.messages % u64::from(self.connections));
        let rate = self.plan.rate / f64::from(self.connections);
        for number in 0..share {
            if rate > 0.0 {
                let due = Duration::try_from_secs_f64(number as f64 / rate);
                self.wait(due.unwrap_or(Duration::MAX)).await;
            }
            let Ok(permit) = room.acquire().await else { return };
            permit.forget();
            let topic = topics[(number % topics.len() as u64) as usize].clone();
            let payload = self.payload(number / topics.len() as u64 + 1, number);
            if client.publish(topic, payload, PublishOptions::at_least_once()).await.is_err() {
                return;
            }
            self.counted.sent.fetch_add(1, Ordering::Relaxed);
        }
    }

    async fn wait(&self, due: Duration) {
        let left = due.saturating_sub(self.stopwatch.elapsed());
        if !left.is_zero() {
            tokio::time::sleep(left.max(Duration::from_millis(1))).await;
        }
    }

    fn topics(&self) -> Vec<ValidatedTopic> {
        let mine = (self.number..self.plan.stations.max(1)).step_by(self.connections as usize);
        mine.filter_map(|n| {
            ValidatedTopic::new(format!("bongsu/v1/{SITE}/{}/telemetry", station_name(n))).ok()
        })
        .collect()
    }

    fn payload(&self, seq: u64, number: u64) -> Bytes {
        let mut text = Vec::with_capacity(64 + 64 * self.plan.readings as usize);
        // Writing to a vector cannot fail.
        write!(text, "{{\"seq\":{seq},\"at\":\"{}\",\"readings\":[", (self.now)()).ok();
        for sensor in 1..=self.plan.readings {
            let comma = if sensor > 1 { "," } else { "" };
            let value = (number % 1_000) as f64 / 1e3;
            write!(
                text,
                "{comma}{{\"sensor\":\"tilt-{sensor}\",\"quantity\":\"tilt-x\",\"value\":{value},\"unit\":\"deg\"}}"
            )
            .ok();
        }
        text.extend_from_slice(b"]}");
        text.into()
    }
}

/// `station-00001` for 0.
pub fn station_name(index: u32) -> String {
    format!("station-{:05}", index + 1)
}

async fn acknowledge(mut eventloop: EventLoop, room: Arc<Semaphore>, counted: Arc<Counted>) {
    let mut retry = Retry::new("flood");
    loop {
        match eventloop.poll().await {
            Ok(Event::Incoming(Packet::PubAck(_))) => {
                counted.acknowledged.fetch_add(1, Ordering::Relaxed);
                room.add_permits(1);
            }
            Ok(Event::Incoming(Packet::ConnAck(_))) => retry.reset(),
            Ok(_) => (),
            Err(error) => {
                tracing::warn!(%error, "connection of the flood broke");
                // Nobody will acknowledge what was on its way: make its room free again.
                room.add_permits(usize::from(WINDOW).saturating_sub(room.available_permits()));
                tokio::time::sleep(retry.next_delay()).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lane(number: u32, connections: u32) -> Lane {
        Lane {
            plan: Plan { stations: 5, messages: 10, rate: 0.0, readings: 2, connections },
            number,
            connections,
            now: || Timestamp::from_secs(0),
            counted: Arc::default(),
            stopwatch: Stopwatch::start(),
        }
    }

    #[test]
    fn every_station_has_one_connection() {
        let mut all: Vec<String> =
            (0..3).flat_map(|n| lane(n, 3).topics()).map(String::from).collect();
        all.sort();
        let expected: Vec<String> =
            (0..5).map(|n| format!("bongsu/v1/flood/station-0000{}/telemetry", n + 1)).collect();
        assert_eq!(all, expected);
    }

    #[test]
    fn payloads_are_native_telemetry() {
        assert_eq!(
            lane(0, 1).payload(7, 1_012),
            concat!(
                r#"{"seq":7,"at":"1970-01-01T00:00:00Z","readings":["#,
                r#"{"sensor":"tilt-1","quantity":"tilt-x","value":0.012,"unit":"deg"},"#,
                r#"{"sensor":"tilt-2","quantity":"tilt-x","value":0.012,"unit":"deg"}]}"#
            )
            .as_bytes()
        );
    }
}
