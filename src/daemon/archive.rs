//! Follows the journal with a desk of its own and carries what it admits and decides to the archive.
//!
//! What lies between its last snapshot and the end is written again after a restart, point on point.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use alerting::{Action, Decision};
use anyhow::{Context, anyhow};
use ingest::archive::{self, Access, ArchiveMetrics, Batch, Carrier, Influx, WAITS};
use ingest::clock::{Clock, Stopwatch};
use ingest::journal::Journal;
use tokio::task::{JoinHandle, block_in_place};
use tokio_util::sync::CancellationToken;

use super::follower::{Follower, tell};
use crate::config::{ArchiveSettings, resolve_secret};
use crate::desk::events::Trouble;
use crate::desk::{Carried, Desk};

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
    let (journal, clock) = (journal.clone(), clock.clone());
    tokio::spawn(async move {
        let made =
            block_in_place(|| Archiving::new(&settings, folder, &journal, &clock, metrics, &skips));
        let ended = match made {
            Ok(archiving) => archiving.run(stop).await,
            Err(error) => Err(error),
        };
        let Err(error) = ended else { return };
        tracing::error!(
            error = format!("{error:#}"),
            "nothing is archived until bongsu is started again"
        );
        tell(&journal, &clock, &Trouble::begun(NAME, "fault-archive", &[])).await.ok();
    })
}

/// Follows the journal until told to stop.
struct Archiving {
    follower: Follower,
    clock: Clock,
    carrier: Carrier<Influx>,
    metrics: ArchiveMetrics,
    settings: ArchiveSettings,
    is_behind: bool,
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
        let token = match &settings.token {
            Some(reference) => {
                resolve_secret(reference).context("[archive] token")?.expose().to_owned()
            }
            None => String::new(),
        };
        let access = Access {
            url: settings.url.clone(),
            org: settings.org.clone(),
            bucket: settings.bucket.clone(),
            token,
        };
        let sink = Influx::new(&access).map_err(|why| anyhow!("[archive] url: {why}"))?;
        let set_aside = Box::new(|line: &str, why: &str| {
            tracing::error!(
                line,
                why,
                "the archive refuses a point for what it is; it is left out"
            );
        });
        let follower = Follower::new(NAME, (folder, u64::MAX), settings.hold, journal, skips)?;
        Ok(Self {
            written: follower.desk().position(),
            follower,
            clock: clock.clone(),
            carrier: Carrier::new(sink, set_aside, metrics.clone(), WAITS),
            metrics,
            settings: settings.clone(),
            is_behind: false,
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
            if !self.is_behind && lag > self.settings.lag_max {
                self.is_behind = true;
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
            if self.is_behind && lag < self.settings.lag_max / 2 {
                self.is_behind = false;
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

/// What one record came to, as lines.
fn write(desk: &Desk, carried: &Carried, batch: &mut Batch) {
    let series = desk.setup().registry.series();
    let readings = carried.readings.iter();
    let readings =
        readings.filter_map(|one| archive::reading(&series[one.series.index()].name, one));
    readings.for_each(|line| batch.push(&line));
    for facts in &carried.statuses {
        let place = (facts.site.as_str(), facts.station.as_str());
        let line =
            archive::station(place, facts.online, (facts.battery_v, facts.rssi_dbm), facts.at);
        line.iter().for_each(|line| batch.push(line));
    }
    for (_, action) in &carried.batch.actions {
        let Action::Decide(decision) = action else { continue };
        if let Some(line) = line_of(decision) {
            batch.push(&line);
        }
    }
}

fn line_of(decision: &Decision) -> Option<String> {
    match decision {
        Decision::Level { at, site, hazard, to, .. } => {
            archive::level(site.as_str(), hazard.name(), *to as u8, *at)
        }
        Decision::Incident(record) => {
            let place = (record.site.as_str(), record.hazard.name(), record.state.name());
            let (level, revision) = (record.level as u8, record.revision);
            archive::incident(record.id.as_str(), place, (level, revision), record.at)
        }
        _ => None,
    }
}
