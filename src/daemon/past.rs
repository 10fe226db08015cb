//! Readings of the past that somebody hands over: into the journal as a station's own backfill, one message at a time.
//!
//! The next message is journaled once the desk has had the one before, and so many a second at most, whoever hands them
//! over: what comes from the field meanwhile never waits for more than one. Through the station's own source: its
//! balance counts them like what it sent itself.

use std::time::Duration;

use futures_util::future::BoxFuture;
use ingest::clock::Clock;
use ingest::collector::BACKFILL_RATE;
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
        let applied = progress.wait_for(|progress| progress.position >= sequence).await.map(drop);
        tokio::time::sleep(Duration::from_secs(1) / BACKFILL_RATE).await;
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

#[cfg(test)]
mod tests {
    use ingest::clock::Stopwatch;

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn whoever_hands_over_so_many_a_second_are_taken_and_what_is_of_now_goes_between() {
        const PERSONS: u32 = 3;
        const EACH: u32 = 20;
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::system();
        let journal = Journal::open(folder.path(), Default::default(), clock.clone(), 0).unwrap();
        let (applied, progress) = watch::channel(Progress::default());
        let desk_journal = journal.clone();
        let desk = tokio::spawn(async move {
            loop {
                let position = desk_journal.synced();
                applied.send_if_modified(|progress| {
                    std::mem::replace(&mut progress.position, position) != position
                });
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
        let past = PastReadings::new(journal.clone(), clock.clone(), progress);
        let message = || Past {
            source: "field".into(),
            topic: "bongsu/v1/a/b/backfill".into(),
            payload: "{}".into(),
        };
        let began = Stopwatch::start();
        let hand_over = async || {
            for _ in 0..EACH {
                past.take(message()).await.unwrap();
            }
        };
        let live = async { journal.append(vec![entry(message(), &clock)]).await.unwrap().last };
        let ((), (), (), of_now) = tokio::join!(hand_over(), hand_over(), hand_over(), live);
        let least = Duration::from_secs(1) / BACKFILL_RATE * PERSONS * EACH;
        assert!(began.elapsed() >= least, "{:?}", began.elapsed());
        assert!(of_now <= 4, "what is of now waited: {of_now}");
        assert_eq!(journal.synced(), u64::from(PERSONS * EACH) + 1);
        desk.abort();
    }
}
