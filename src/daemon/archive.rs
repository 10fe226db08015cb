//! Follows the journal with a desk of its own and carries what it admits and decides to the archive.
//!
//! What lies between its last snapshot and the end is written again after a restart, point on point.

mod points;
mod refused;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, anyhow};
use ingest::archive::{Access, ArchiveMetrics, Batch, Carrier, Influx, WAITS};
use ingest::clock::{Clock, Stopwatch};
use ingest::journal::Journal;
use tokio::task::{JoinHandle, block_in_place};
use tokio_util::sync::CancellationToken;

use super::follower::{Follower, tell};
use crate::config::{ArchiveSettings, SecretRef, resolve_secret};
use crate::desk::events::Trouble;
use points::write;
pub use refused::FILE as REFUSED;
use refused::Refused;

/// Its name among the journal's views, and in incidents.
const NAME: &str = "archive";

/// Lines that go out together at most.
const LINES_MAX: usize = 5_000;

/// Bytes that go out together at most.
const BYTES_MAX: usize = 1 << 20;

/// A line waits no longer than this for company, real time.
const AGE_MAX: Duration = Duration::from_secs(1);

/// Starts following, in a task that ends when told to. What keeps it from the archive is an incident, and no reason
/// for anything else to stop.
pub fn spawn(
    settings: ArchiveSettings,
    folder: PathBuf,
    journal: &Journal,
    clock: &Clock,
    metrics: ArchiveMetrics,
    skips: BTreeSet<u64>,
    stop: CancellationToken,
) -> JoinHandle<()> {
    let (journal, clock, noted) = (journal.clone(), clock.clone(), metrics.clone());
    tokio::spawn(async move {
        let made =
            block_in_place(|| Archiving::new(&settings, folder, &journal, &clock, metrics, &skips));
        let ended = match made {
            Ok(archiving) => archiving.run(stop).await,
            Err(error) => Err(error),
        };
        let Err(error) = ended else { return };
        let error = format!("{error:#}");
        tracing::error!(error, "nothing is archived until bongsu is started again");
        noted.fails(&format!("{error}; nothing is archived until bongsu is started again"));
        tell(&journal, &clock, &Trouble::begun(NAME, "fault-archive", &[])).await.ok();
    })
}

/// The server of the settings, asked with a token.
///
/// # Errors
/// What is wrong with the token or the address.
pub fn connect(settings: &ArchiveSettings, token: Option<&SecretRef>) -> anyhow::Result<Influx> {
    let token = match token {
        Some(reference) => {
            resolve_secret(reference).context("[archive] token")?.expose().to_owned()
        }
        None => String::new(),
    };
    let ArchiveSettings { url, org, bucket, .. } = settings;
    let access = Access { url: url.clone(), org: org.clone(), bucket: bucket.clone(), token };
    Influx::new(&access).map_err(|why| anyhow!("[archive] url: {why}"))
}

/// Follows the journal until told to stop.
struct Archiving {
    follower: Follower,
    clock: Clock,
    carrier: Carrier<Influx>,
    metrics: ArchiveMetrics,
    settings: ArchiveSettings,
    /// Whether an incident was opened over the lag; not known before it was caught up once, for an earlier run may have
    /// left one.
    is_behind: Option<bool>,
    batch: Batch,
    /// The last record whose lines are all written.
    written: u64,
}

impl Archiving {
    /// Ready to follow from where its last snapshot stands.
    ///
    /// # Errors
    /// What is wrong with the token or the folder.
    fn new(
        settings: &ArchiveSettings,
        folder: PathBuf,
        journal: &Journal,
        clock: &Clock,
        metrics: ArchiveMetrics,
        skips: &BTreeSet<u64>,
    ) -> anyhow::Result<Self> {
        let refused = Refused::new(&folder, clock.clone());
        let set_aside = Box::new(move |line: &str, why: &str| refused.keep(line, why));
        let sink = connect(settings, settings.token.as_ref())?;
        let follower = Follower::new(NAME, (folder, u64::MAX), settings.hold, journal, skips)?;
        Ok(Self {
            written: follower.desk().position(),
            follower,
            clock: clock.clone(),
            carrier: Carrier::new(sink, set_aside, metrics.clone(), WAITS),
            metrics,
            settings: settings.clone(),
            is_behind: None,
            batch: Batch::default(),
        })
    }

    /// Runs until told to stop, or the journal's end.
    ///
    /// # Errors
    /// A journal that cannot be read, or not told of trouble.
    async fn run(mut self, stop: CancellationToken) -> anyhow::Result<()> {
        let mut age = Stopwatch::start();
        loop {
            let more = tokio::select! {
                () = stop.cancelled() => break,
                more = self.follower.take(AGE_MAX, |desk, carried| write(desk, carried, &mut self.batch)) => more?,
            };
            let is_due = self.batch.len() >= LINES_MAX
                || self.batch.bytes() >= BYTES_MAX
                || age.elapsed() >= AGE_MAX
                || !more;
            if is_due && !self.carry(&stop).await? {
                break;
            }
            if is_due {
                age = Stopwatch::start();
                if self.follower.is_due() {
                    self.save()?;
                }
            }
        }
        self.save()
    }

    /// Writes what was gathered; false if told to stop before the server had it.
    async fn carry(&mut self, stop: &CancellationToken) -> anyhow::Result<bool> {
        let mut batch = std::mem::take(&mut self.batch);
        let mut carried = std::pin::pin!(self.carrier.carry(&mut batch, stop));
        let is_written = loop {
            tokio::select! {
                is_written = &mut carried => break is_written,
                () = tokio::time::sleep(AGE_MAX) => {}
            }
            let lag = lag(&self.follower, &self.metrics, self.written);
            if self.is_behind != Some(true) && lag > self.settings.lag_max {
                self.is_behind = Some(true);
                tell(
                    self.follower.journal(),
                    &self.clock,
                    &Trouble::begun(NAME, "fault-archive", &[]),
                )
                .await?;
            }
        };
        if is_written {
            self.written = self.follower.desk().position();
            let lag = lag(&self.follower, &self.metrics, self.written);
            if self.is_behind != Some(false) && lag < self.settings.lag_max / 2 {
                self.is_behind = Some(false);
                tell(self.follower.journal(), &self.clock, &Trouble::mended(NAME)).await?;
            }
        }
        Ok(is_written)
    }

    /// Only what is written counts as archived.
    fn save(&mut self) -> anyhow::Result<()> {
        if self.written == self.follower.desk().position() {
            self.follower.save()?;
        }
        Ok(())
    }
}

/// How old the oldest record is that is not archived; zero if all are.
fn lag(follower: &Follower, metrics: &ArchiveMetrics, written: u64) -> Duration {
    let (journal, desk) = (follower.journal(), follower.desk());
    let records = journal.synced().saturating_sub(written);
    let lag = if records == 0 { Duration::ZERO } else { journal.at().since(desk.at()) };
    metrics.lag_records.set(i64::try_from(records).unwrap_or(i64::MAX));
    metrics.lag_seconds.set(lag.as_secs_f64());
    lag
}
