//! The journal as it lies on disk, and what a replay of it says.

use std::path::Path;
use std::time::Duration;

use ingest::journal::{Kind, Reader};
use reading::Timestamp;
use serde_json::Value;

use super::daemon::run;

/// A record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its number.
    pub sequence: u64,
    /// When it was written, by the daemon's clock.
    pub at: Timestamp,
    /// What it is.
    pub kind: Kind,
    /// Who it came from.
    pub source: String,
    /// On which topic.
    pub topic: String,
    /// The bytes.
    pub payload: Vec<u8>,
}

impl Record {
    /// The payload of one of our own records.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.payload).unwrap_or_default()
    }
}

/// Everything in the journal below a data folder. Nothing may be missing.
pub fn records(data: &Path) -> Vec<Record> {
    let mut reader = Reader::open_folder(&data.join("journal"), 0).unwrap();
    let mut records: Vec<Record> = Vec::new();
    loop {
        let batch = reader.next_batch(4_096, Duration::ZERO).unwrap();
        assert_eq!(batch.gap(), None, "the journal has a gap");
        if batch.is_empty() {
            break;
        }
        records.extend(batch.iter().map(|record| Record {
            sequence: record.sequence,
            at: record.at,
            kind: record.kind,
            source: record.source.into(),
            topic: record.topic.into(),
            payload: record.payload.into(),
        }));
    }
    assert!(records.is_sorted_by(|a, b| a.sequence < b.sequence), "numbers are never used twice");
    records
}

/// Only the frames.
pub fn frames(data: &Path) -> Vec<Record> {
    records(data)
        .into_iter()
        .filter(|record| matches!(record.kind, Kind::Frame | Kind::Receipt))
        .collect()
}

/// What a replay of the journal decides: each line as bytes that must not differ, and as JSON.
pub async fn replay(data: &Path) -> (Vec<u8>, Vec<Value>) {
    let folder = data.join("journal");
    let output = run(&["replay", "--json", "--journal", folder.to_str().unwrap()]).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let actions = lines.map(|line| serde_json::from_slice(line).unwrap()).collect();
    (output.stdout, actions)
}
