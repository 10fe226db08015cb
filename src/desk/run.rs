//! The desk's thread: record after record, the ledger first, then whoever waits for it.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use alerting::station::Telling;
use alerting::{Action, Decision, DeliveryState};
use delivery::{Batch, Ledger};
use ingest::clock::Stopwatch;
use ingest::journal::{Journal, ReadError, Reader};
use reading::codec::sparkplug::Wish;
use reading::id::ChannelId;
use reading::{SiteId, StationId, Timestamp};
use tokio::sync::{Notify, watch};

use super::state::StateFolder;
use super::{Carried, Desk};
use crate::metrics::Metrics;
use crate::overview;

/// The most records between two commits.
const BATCH_MAX: usize = 8_192;

/// How long the desk waits for a record before it looks whether it is to stop.
const WAIT: Duration = Duration::from_millis(100);

/// The overview is published at most this often while nothing is decided.
const PUBLISH_EVERY: Duration = Duration::from_millis(250);

/// Waits between tries of a failing ledger: doubled from the first to the last.
const LEDGER_WAIT: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));

/// A ledger that fails for so long goes on in memory.
const LEDGER_FAILS_MAX: Duration = Duration::from_secs(10);

/// How far the desk has come; what it came to is in the ledger by then.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The last record applied.
    pub position: u64,
    /// `at` of it.
    pub at: Timestamp,
    /// When something is due next.
    pub next_deadline: Option<Timestamp>,
    /// Counts commits that decided something: views look again when it moves.
    pub decided: u64,
}

/// Told of each report that is on disk. Must not wait.
pub type StoredSink = Arc<dyn Fn(&SiteId, &StationId, u64) + Send + Sync>;

/// Told of what Sparkplug nodes are to be asked. Must not wait.
pub type WishSink = Arc<dyn Fn(&Wish) + Send + Sync>;

/// Told of what is to be said to a station. Must not wait.
pub type TellSink = Arc<dyn Fn(&Telling) + Send + Sync>;

/// Why the desk ended before it was told to.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// A record made it panic.
    #[error(
        "record {sequence} made the desk panic, for the {times}. time; after the second it is set aside. This is a fault of bongsu, please report it"
    )]
    Crashed {
        /// Which record.
        sequence: u64,
        /// How often by now.
        times: u32,
    },
    /// The journal cannot be read.
    #[error(transparent)]
    Journal(#[from] ReadError),
}

/// What the desk's thread needs.
pub struct Runner {
    /// What it decides with.
    pub desk: Desk,
    /// The journal, from the record after the desk's position.
    pub reader: Reader,
    /// Where decisions go.
    pub ledger: Arc<Ledger>,
    /// Whom to wake, by channel.
    pub wakers: BTreeMap<ChannelId, Arc<Notify>>,
    /// Whom to tell that reports are stored.
    pub stored: Option<StoredSink>,
    /// Who says to stations what they are asked.
    pub tellings: Option<TellSink>,
    /// Whom to tell what nodes are to be asked.
    pub wishes: Option<WishSink>,
    /// Where views look.
    pub overview: overview::Shared,
    /// Who waits for a position.
    pub progress: watch::Sender<Progress>,
    /// What is counted.
    pub metrics: Metrics,
    /// Where it is timed how long alerts took.
    pub delivery_metrics: delivery::Metrics,
    /// Where a crash is noted.
    pub state: StateFolder,
    /// Once set, the desk ends when it has come this far.
    pub stop_at: Arc<AtomicU64>,
}

/// What a runner keeps from one step to the next.
pub struct Turn {
    carried: Carried,
    published: Stopwatch,
    decided: u64,
}

impl Default for Turn {
    fn default() -> Self {
        Self { carried: Carried::default(), published: Stopwatch::start(), decided: 0 }
    }
}

impl Runner {
    /// Runs until told to stop and everything up to there is applied and committed. Gives the desk back.
    ///
    /// # Errors
    /// [`DeskError`].
    pub fn run(mut self) -> Result<Desk, DeskError> {
        let mut turn = Turn::default();
        self.publish(0);
        loop {
            self.step(&mut turn)?;
            if self.desk.position() >= self.stop_at.load(Ordering::Acquire) {
                return Ok(self.desk);
            }
        }
    }

    /// Takes what the journal has by now, commits and carries out what it comes to. If there is nothing it waits a
    /// moment for it.
    ///
    /// # Errors
    /// [`DeskError`].
    pub fn step(&mut self, turn: &mut Turn) -> Result<(), DeskError> {
        turn.carried.clear();
        let setup = Arc::clone(self.desk.setup());
        self.take_batch(&mut turn.carried)?;
        let news = self.carry_out(&turn.carried);
        turn.decided += u64::from(news);
        // Whoever waits for a configuration to be applied looks at the overview next.
        let reconfigured = !Arc::ptr_eq(&setup, self.desk.setup());
        if news || reconfigured || turn.published.elapsed() >= PUBLISH_EVERY {
            turn.published = Stopwatch::start();
            self.overview.store(Arc::new(self.desk.overview()));
            self.metrics.show(&self.overview.load());
        }
        self.publish(turn.decided);
        Ok(())
    }

    fn take_batch(&mut self, carried: &mut Carried) -> Result<(), DeskError> {
        let batch = match self.reader.next_batch(BATCH_MAX, WAIT) {
            Ok(batch) => batch,
            Err(ReadError::Stopped) if self.stop_at.load(Ordering::Acquire) < u64::MAX => {
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        if let Some(gap) = batch.gap() {
            // Decided nothing of: the journal has a record of its own about it, which every replay sees, too.
            tracing::error!(%gap, "records are missing from the journal");
        }
        let first = batch.iter().next().map(|record| record.sequence);
        let _span = first.map(|first| tracing::debug_span!("decide", first).entered());
        for record in batch.iter() {
            let desk = AssertUnwindSafe(|| self.desk.apply(&record, carried));
            if catch_unwind(desk).is_err() {
                let sequence = record.sequence;
                let times = self.state.note_crash(sequence);
                return Err(DeskError::Crashed { sequence, times });
            }
        }
        Ok(())
    }

    /// The ledger first; only what is written is carried out. Returns whether anything was decided.
    fn carry_out(&self, carried: &Carried) -> bool {
        self.metrics.refused(&carried.refusals);
        let news = !carried.batch.is_empty();
        if news {
            let before = self.ledger.position();
            self.commit(&carried.batch);
            self.time(&carried.batch, before);
            for channel in channels_due(&carried.batch) {
                if let Some(waker) = self.wakers.get(channel) {
                    waker.notify_one();
                }
            }
            report(&carried.batch);
        }
        if let Some(tellings) = &self.tellings {
            for (_, action) in &carried.batch.actions {
                if let Action::Tell(telling) = action {
                    tellings(telling);
                }
            }
        }
        if let Some(wishes) = &self.wishes {
            carried.wishes.iter().for_each(|wish| wishes(wish));
        }
        if let Some(stored) = &self.stored {
            for (site, station, seq) in &carried.stored {
                stored(site, station, *seq);
            }
        }
        news
    }

    /// Commits, however long it takes: without the ledger nothing may be sent. On disk if that can be, else in memory.
    fn commit(&self, batch: &Batch) {
        let mut wait = LEDGER_WAIT.0;
        let since = Stopwatch::start();
        while let Err(error) = self.ledger.commit(self.desk.position(), self.desk.at(), batch) {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "ledger cannot be written, alerts wait"
            );
            if since.elapsed() >= LEDGER_FAILS_MAX
                && let Err(error) = self.ledger.go_on_in_memory()
            {
                tracing::error!(%error, "nor can it go on in memory");
            }
            std::thread::sleep(wait);
            wait = (wait * 2).min(LEDGER_WAIT.1);
        }
    }

    /// Times what was proven after `before`, at whatever door the proof came in: what a start applies again was timed.
    fn time(&self, batch: &Batch, before: u64) {
        for (_, action) in batch.actions.iter().filter(|(position, _)| *position > before) {
            let Action::Change(change) = action else { continue };
            if change.state != DeliveryState::Delivered {
                continue;
            }
            match self.ledger.course(&change.key) {
                Ok(Some(course)) => self.delivery_metrics.proven(&course),
                Ok(None) => {} // settled by a person who knew before any attempt of ours
                Err(error) => {
                    tracing::warn!(%error, delivery = %change.key, "cannot time a delivery")
                }
            }
        }
    }

    fn publish(&self, decided: u64) {
        self.progress.send_replace(Progress {
            position: self.desk.position(),
            at: self.desk.at(),
            next_deadline: self.desk.next_deadline(),
            decided,
        });
    }
}

fn channels_due(batch: &Batch) -> impl Iterator<Item = &ChannelId> {
    batch.actions.iter().filter_map(|(_, action)| match action {
        Action::Owe(delivery) => Some(&delivery.channel),
        Action::Change(change) if change.state == DeliveryState::Queued => Some(&change.channel),
        Action::Change(_) | Action::Decide(_) | Action::Tell(_) => None,
    })
}

/// What operators see in the log of what was decided.
fn report(batch: &Batch) {
    for (position, action) in &batch.actions {
        match action {
            Action::Decide(Decision::Level { site, hazard, from, to, .. }) => {
                let hazard = hazard.name();
                tracing::info!(position, %site, hazard, %from, %to, "level moved");
            }
            Action::Decide(Decision::Reset { site, what, .. }) => {
                for part in what {
                    tracing::warn!(position, %site, rule = part.rule, series = part.series, why = ?part.why, held = part.held, "rule began anew");
                }
            }
            Action::Change(change)
                if matches!(change.state, DeliveryState::Expired | DeliveryState::Refused) =>
            {
                tracing::error!(delivery = %change.key, channel = %change.channel, reason = change.note, "delivery lost");
            }
            Action::Decide(Decision::Station { site, station, event, what, .. }) => {
                tracing::info!(position, %site, %station, event = event.name(), what = what.en, "station");
            }
            Action::Decide(_) | Action::Owe(_) | Action::Change(_) | Action::Tell(_) => {}
        }
    }
}

/// Makes one snapshot without touching the running desk: takes the newest one, follows the journal to where the
/// desk is by now, and saves. What the desk has decided up to there is in the ledger.
///
/// # Errors
/// Why none was made; the older ones are still good.
pub fn make_snapshot(
    state: &StateFolder,
    journal: &Journal,
    ledger: &Ledger,
    progress: Progress,
) -> anyhow::Result<u64> {
    // The next start goes on from the ledger's file, and may need all of the journal from there.
    anyhow::ensure!(!ledger.is_in_memory(), "the ledger is in memory only");
    let (skips, _) = state.skips();
    let recovered = super::recovery::start("snapshots", state, ledger.position(), journal, &skips);
    let mut desk = recovered.desk;
    let mut reader = journal.reader(desk.position() + 1, "snapshot");
    let mut carried = Carried::default();
    while desk.position() < progress.position {
        let batch = reader.next_batch(BATCH_MAX, WAIT)?;
        for record in batch.iter().take_while(|record| record.sequence <= progress.position) {
            carried.clear();
            desk.apply(&record, &mut carried);
        }
    }
    ledger.commit(desk.position(), desk.at(), &Batch::default())?;
    save(state, journal, &desk)
}

/// Saves the desk and lets the journal drop what no snapshot needs any more.
///
/// # Errors
/// What the system said.
pub fn save(state: &StateFolder, journal: &Journal, desk: &Desk) -> anyhow::Result<u64> {
    let needed_after = state.save(desk)?;
    journal.set_floor(needed_after + 1);
    Ok(desk.position())
}
