//! Readings of the past that somebody hands over: into the journal as a station's own backfill, one message at a time.
//!
//! The next message is journaled once the desk has had the one before, so that what comes from the field meanwhile
//! never waits for more than one. Through the station's own source: its balance counts them like what it sent itself.

use futures_util::future::BoxFuture;
use ingest::clock::Clock;
use ingest::journal::{Entry, Journal, Kind};
use tokio::sync::{Mutex, watch};

use crate::board::{Past, PastSink};
use crate::desk::run::Progress;

/// The way of past readings to the desk.
pub struct PastReadings {
    journal: Journal,
    clock: Clock,
    progress: watch::Receiver<Progress>,
    /// Held by the message that is on its way.
    turn: Mutex<()>,
}

impl PastReadings {
    /// Past readings into this journal.
    pub fn new(journal: Journal, clock: Clock, progress: watch::Receiver<Progress>) -> Self {
        Self { journal, clock, progress, turn: Mutex::default() }
    }

    async fn give(&self, past: Past) -> Result<u64, String> {
        let _turn = self.turn.lock().await;
        let appended = self.journal.append(vec![entry(past, &self.clock)]).await;
        let sequence = appended.map_err(|error| error.to_string())?.last;
        let mut progress = self.progress.clone();
        let applied = progress.wait_for(|progress| progress.position >= sequence).await;
        applied.map(|_| sequence).map_err(|_| "the desk has stopped".to_owned())
    }
}

impl PastSink for PastReadings {
    fn take(&self, past: Past) -> BoxFuture<'_, Result<u64, String>> {
        Box::pin(self.give(past))
    }
}

/// The journal entry of a message of the past.
pub fn entry(past: Past, clock: &Clock) -> Entry {
    Entry {
        kind: Kind::Frame,
        source: past.source.into(),
        topic: past.topic.into(),
        retained: false,
        received_at: clock.wall(),
        payload: past.payload,
    }
}
