//! Follows the journal with a desk of its own and keeps what it admits on this machine, for the board's charts.
//!
//! The history notes the record it has reached with the readings themselves; the desk starts at or before it, and what
//! the history has already is left out. A history that was damaged or thrown away is made again from the journal.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use ingest::archive::history::{History, HistoryReader, Keep, Kept};
use ingest::clock::{Clock, Stopwatch};
use ingest::journal::{Health, Journal};
use reading::{Reading, SeriesName};
use tokio::task::{JoinHandle, block_in_place};
use tokio_util::sync::CancellationToken;

use super::follower::{Follower, tell};
use crate::desk::events::Trouble;

/// Its name among the journal's views, and in incidents.
const NAME: &str = "history";

/// Readings wait no longer than this for company, real time.
const AGE_MAX: Duration = Duration::from_secs(1);

/// Readings that are written together at most.
const READINGS_MAX: usize = 20_000;

/// How often what is too old is let go of, real time.
const TRIM_EVERY: Duration = Duration::from_secs(600);

/// How much of the journal is kept for it, bytes: it is never far behind, and what it lost it can do without.
const HOLD: u64 = 1 << 30;

/// Waits between tries after trouble, real time: doubled from the first to the last.
const WAITS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// Starts following, in a task that ends when told to. What goes wrong is an incident and tried again, and no reason
/// for anything else to stop. Returns also the way to read the history.
pub fn spawn(
    folder: PathBuf,
    keep: Keep,
    journal: &Journal,
    clock: &Clock,
    skips: BTreeSet<u64>,
    stop: CancellationToken,
) -> (JoinHandle<()>, HistoryReader) {
    let reader = HistoryReader::new(folder.join("history.sqlite"));
    let supervisor = Supervisor {
        folder,
        keep,
        journal: journal.clone(),
        clock: clock.clone(),
        skips,
        reader: reader.clone(),
        is_told: false,
    };
    (tokio::spawn(supervisor.run(stop)), reader)
}

/// Why following ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    /// It was told to.
    Stopped,
    /// The disk is full: history is the first to make room.
    NoRoom,
}

/// Begins again after trouble.
struct Supervisor {
    folder: PathBuf,
    keep: Keep,
    journal: Journal,
    clock: Clock,
    skips: BTreeSet<u64>,
    reader: HistoryReader,
    is_told: bool,
}

impl Supervisor {
    async fn run(mut self, stop: CancellationToken) {
        let mut wait = WAITS.0;
        loop {
            match self.follow(&stop).await {
                Ok(Ended::Stopped) => break,
                Ok(Ended::NoRoom) => {
                    tracing::error!(
                        "the disk is full: local history is given up until there is room"
                    );
                    if let Err(error) = block_in_place(|| self.reader.remove()) {
                        tracing::error!(%error, "local history keeps its room");
                    }
                }
                Err(error) => {
                    let error = format!("{error:#}");
                    tracing::error!(error, "charts stand still; local history is tried again");
                    self.tell(Trouble::begun(NAME, "fault-history", &[])).await;
                }
            }
            tokio::select! {
                () = stop.cancelled() => break,
                () = self.room(wait) => wait = (wait * 2).min(WAITS.1),
            }
        }
    }

    /// Waits, and on while there is no room.
    async fn room(&self, wait: Duration) {
        tokio::time::sleep(wait).await;
        while self.journal.health() == Health::Full {
            tokio::time::sleep(WAITS.1).await;
        }
    }

    async fn follow(&mut self, stop: &CancellationToken) -> anyhow::Result<Ended> {
        let mut keeping = block_in_place(|| self.open())?;
        loop {
            match keeping.advance(stop).await? {
                Some(ended) => return Ok(ended),
                None if self.is_told => {
                    self.is_told = false;
                    tell(&self.journal, &self.clock, &Trouble::mended(NAME)).await?;
                }
                None => {}
            }
        }
    }

    fn open(&self) -> anyhow::Result<Keeping> {
        std::fs::create_dir_all(&self.folder).with_context(|| self.folder.display().to_string())?;
        self.reader.let_go();
        let (history, _) = History::open(&self.folder.join("history.sqlite"), self.keep)?;
        let place = (self.folder.clone(), history.position());
        let follower = Follower::new(NAME, place, HOLD, &self.journal, &self.skips)?;
        Ok(Keeping {
            follower,
            history,
            clock: self.clock.clone(),
            readings: Vec::new(),
            trimmed: Stopwatch::start(),
        })
    }

    async fn tell(&mut self, trouble: Trouble) {
        if !self.is_told {
            self.is_told = tell(&self.journal, &self.clock, &trouble).await.is_ok();
        }
    }
}

/// A history and the desk that fills it.
struct Keeping {
    follower: Follower,
    history: History,
    clock: Clock,
    readings: Vec<(SeriesName, Reading)>,
    trimmed: Stopwatch,
}

impl Keeping {
    /// Takes what there is and writes it; says so if that was the end.
    async fn advance(&mut self, stop: &CancellationToken) -> anyhow::Result<Option<Ended>> {
        let age = Stopwatch::start();
        let known = self.history.position();
        while self.readings.len() < READINGS_MAX && age.elapsed() < AGE_MAX {
            let readings = &mut self.readings;
            let taken = self.follower.take(AGE_MAX, |desk, carried| {
                if desk.position() > known {
                    let series = desk.setup().registry.series();
                    let new = carried.readings.iter();
                    readings.extend(new.map(|one| (series[one.series.index()].name.clone(), *one)));
                }
            });
            let more = tokio::select! {
                () = stop.cancelled() => {
                    block_in_place(|| self.write())?;
                    self.save()?;
                    return Ok(Some(Ended::Stopped));
                }
                more = taken => more?,
            };
            if !more {
                break;
            }
        }
        if self.follower.journal().health() == Health::Full {
            return Ok(Some(Ended::NoRoom));
        }
        block_in_place(|| self.write())?;
        if self.follower.is_due() {
            self.save()?;
        }
        Ok(None)
    }

    fn write(&mut self) -> anyhow::Result<()> {
        if !self.readings.is_empty() {
            let kept = self.readings.iter().map(|(series, reading)| Kept { series, reading });
            self.history.write(&kept.collect::<Vec<_>>(), self.follower.desk().position())?;
            self.readings.clear();
        }
        if self.trimmed.elapsed() >= TRIM_EVERY {
            self.trimmed = Stopwatch::start();
            self.history.trim(self.clock.wall())?;
        }
        Ok(())
    }

    /// A snapshot lies at or before what the history has, or it would not be taken.
    fn save(&mut self) -> anyhow::Result<()> {
        let position = self.follower.desk().position();
        if position > self.history.position() {
            block_in_place(|| self.history.write(&[], position))?;
        }
        self.follower.save().map_err(Into::into)
    }
}
