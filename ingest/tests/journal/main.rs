//! The journal on real and on failing disks.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod disk;
mod flow;
mod crash;
mod damage;
mod full;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use ingest::clock::Clock;
use ingest::journal::{Config, Entry, Gap, Journal, Kind, Reader};
use reading::Timestamp;

use disk::MemDisk;

/// When the tests take place.
pub const NOON: Timestamp = Timestamp::from_secs(1_784_000_000);

/// Where a [`MemDisk`] has its journal.
pub const FOLDER: &str = "/journal";

/// A record as an owned value.
#[expect(missing_docs, reason = "as in a record")]
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    pub sequence: u64,
    pub at: Timestamp,
    pub kind: Kind,
    pub topic: String,
    pub payload: Vec<u8>,
}

/// Small segments, so that a few records fill several.
pub fn small() -> Config {
    Config {
        segment_bytes: 500,
        reserve_bytes: 0,
        retry_delay_max: Duration::from_millis(60),
        queue_bytes: 1 << 16,
        ..Config::default()
    }
}

/// Opens the journal on a disk of ours.
pub fn open(disk: &MemDisk, config: Config, seen: u64) -> Journal {
    Journal::open_on(Arc::new(disk.clone()), Path::new(FOLDER), config, Clock::manual(NOON), seen)
        .unwrap()
}

/// An entry of some kind.
pub fn entry(kind: Kind, topic: &str, payload: impl Into<Bytes>) -> Entry {
    let (source, topic) = ("mqtt".into(), topic.into());
    Entry { kind, source, topic, retained: false, received_at: NOON, payload: payload.into() }
}

/// Frame number `n`, of a length of its own.
pub fn frame(n: u64) -> Entry {
    entry(Kind::Frame, "t", format!("frame {n} {}", "x".repeat(n as usize * 7 % 61)))
}

/// Everything a reader has now, and what it says is missing.
pub fn read_all(reader: &mut Reader) -> (Vec<Seen>, Vec<Gap>) {
    let (mut seen, mut gaps) = (Vec::new(), Vec::new());
    loop {
        let batch = reader.next_batch(3, Duration::ZERO).unwrap();
        if batch.is_empty() {
            return (seen, gaps);
        }
        gaps.extend(batch.gap().cloned());
        let own = |r: ingest::journal::Record<'_>| Seen {
            sequence: r.sequence,
            at: r.at,
            kind: r.kind,
            topic: r.topic.into(),
            payload: r.payload.into(),
        };
        assert_eq!(batch.iter().count(), batch.len());
        seen.extend(batch.iter().map(own));
    }
}

/// Looks again and again until it is so; a test that waits in vain fails.
#[expect(clippy::disallowed_methods, reason = "a deadline for a test that hangs")]
pub async fn until(what: &str, is_so: impl Fn() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < Duration::from_secs(30), "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Waits for something that must come.
pub async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), future).await.expect("waited in vain")
}
