//! What only looks: at the journal, the ledger, what the desk publishes. Nothing that decides waits for any of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use delivery::Ledger;
use delivery::channel::cap::Store;
use ingest::archive::ArchiveMetrics;
use ingest::archive::history::HistoryReader;
use ingest::clock::Clock;
use ingest::journal::Journal;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use super::health::Vitals;
use super::heartbeat::Heartbeat;
use super::prober::Prober;
use super::{Company, Stops, archive, collectors, history, orders, past, snapshots, ticker};
use super::{trail_head, watchdog};
use crate::board::{BoardState, Certificate, Health, Speakers, Tokens};
use crate::config::Config;
use crate::criteria::Criteria;
use crate::desk::run::Progress;
use crate::desk::state::StateFolder;
use crate::inspections::Inspections;
use crate::overview;
use crate::vitals;

/// What views look at.
pub struct Sight {
    /// Every input.
    pub journal: Journal,
    /// Decisions and deliveries.
    pub ledger: Arc<Ledger>,
    /// What time it is.
    pub clock: Clock,
    /// How far the desk has come.
    pub progress: watch::Receiver<Progress>,
    /// Where everything stands.
    pub overview: overview::Shared,
}

/// What the board shows beside what is in sight.
pub struct Shown {
    /// Counts commits that decided something.
    pub updates: watch::Receiver<u64>,
    /// The past of every series.
    pub history: HistoryReader,
    /// The published CAP documents, if there is such a channel.
    pub cap: Option<Arc<Store>>,
    /// Every metric.
    pub metrics: prometheus::Registry,
    /// How the daemon is doing.
    pub health: Arc<dyn Health>,
    /// Who may come in.
    pub tokens: Tokens,
    /// What TLS is spoken with, if it is spoken.
    pub certificate: Option<Certificate>,
    /// Who looks at the ways out.
    pub links: Arc<Prober>,
    /// What runs in the same process.
    pub company: Company,
}

impl Sight {
    /// The small tasks that attend to the daemon: each runs until told to stop.
    ///
    /// # Errors
    /// What can never work as configured.
    pub fn attend(
        &self,
        config: &Config,
        state: &StateFolder,
        prober: Arc<Prober>,
        stops: &Stops,
    ) -> anyhow::Result<JoinSet<()>> {
        let Self { journal, ledger, clock, progress, .. } = self;
        let (journal, progress) = (|| journal.clone(), || progress.clone());
        let (collecting, serving) = (|| stops.collecting.clone(), || stops.serving.clone());
        let mut tasks = JoinSet::new();
        tasks.spawn(prober.run(journal(), collecting()));
        tasks.spawn(ticker::run(journal(), clock.clone(), progress(), collecting()));
        let (state, kept) = (state.clone(), ledger.clone());
        tasks.spawn(snapshots::keep(state, journal(), kept, progress(), collecting()));
        tasks.spawn(watchdog::run(journal(), progress(), serving()));
        if let Some(settings) = &config.heartbeat {
            let heartbeat = Heartbeat::new(settings.clone(), config.sender_id.clone())?;
            tasks.spawn(heartbeat.run(journal(), progress(), serving()));
        }
        if let Some(settings) = config.head.clone() {
            let (clock, ledger) = (clock.clone(), ledger.clone());
            tasks.spawn(trail_head::run(settings, journal(), clock, ledger, collecting()));
        }
        Ok(tasks)
    }

    /// The archive, if there is one, and what it counts.
    ///
    /// # Errors
    /// If a metric cannot be registered.
    pub fn archive(
        &self,
        config: &Config,
        registry: &prometheus::Registry,
        skips: &BTreeSet<u64>,
        stop: &CancellationToken,
    ) -> anyhow::Result<(Option<JoinHandle<()>>, Option<ArchiveMetrics>)> {
        let Some(settings) = config.archive.clone() else { return Ok((None, None)) };
        let metrics = ArchiveMetrics::register(registry)?;
        let folder = config.data_dir.join("archive");
        let (counted, skips, stop) = (metrics.clone(), skips.clone(), stop.clone());
        let (journal, clock) = (&self.journal, &self.clock);
        let task = archive::spawn(settings, folder, journal, clock, counted, skips, stop);
        Ok((Some(task), Some(metrics)))
    }

    /// The history on this machine, and the way to read it.
    pub fn history(
        &self,
        config: &Config,
        skips: BTreeSet<u64>,
        stop: &CancellationToken,
    ) -> (JoinHandle<()>, HistoryReader) {
        let folder = config.data_dir.join("history");
        history::spawn(folder, config.history, &self.journal, &self.clock, skips, stop.clone())
    }

    /// How the daemon's parts are doing.
    pub fn vitals(&self, config: &Config, collectors: collectors::Watch) -> Vitals {
        Vitals::new(
            self.journal.clone(),
            self.ledger.clone(),
            self.progress.clone(),
            collectors,
            self.clock.clone(),
            self.overview.clone(),
            config,
        )
    }

    /// The count of commits that decided something, kept by one more of `tasks`.
    pub fn decided(&self, tasks: &mut JoinSet<()>) -> watch::Receiver<u64> {
        let mut progress = self.progress.clone();
        let (sender, receiver) = watch::channel(0);
        tasks.spawn(async move {
            while progress.changed().await.is_ok() {
                let now = progress.borrow_and_update().decided;
                sender.send_if_modified(|before| std::mem::replace(before, now) != now);
            }
        });
        receiver
    }

    /// All that the board is served from.
    ///
    /// # Errors
    /// If what is kept of inspections cannot be opened.
    pub fn board(&self, config: &Config, shown: Shown) -> anyhow::Result<BoardState> {
        let Self { journal, ledger, clock, progress, overview } = self;
        let (journal, progress) = (|| journal.clone(), || progress.clone());
        let orders = orders::Orders::new(journal(), clock.clone(), ledger.clone(), progress());
        let past = past::PastReadings::new(journal(), clock.clone(), progress());
        let contacts = config.contacts.clone().map(delivery::contacts::Directory::new);
        let wall = clock.clone();
        Ok(BoardState {
            overview: overview.clone(),
            ledger: ledger.clone(),
            updates: shown.updates,
            commands: Arc::new(orders),
            history: shown.history,
            past: Arc::new(past),
            cap: shown.cap,
            objective: config.objective,
            metrics: shown.metrics,
            health: shown.health,
            tokens: shown.tokens,
            clock: Arc::new(move || wall.wall()),
            public_url: config.http.public_url.clone(),
            beside: shown.company.beside,
            drills: shown.company.drills,
            certificate: shown.certificate,
            proxies: config.http.proxies.clone(),
            open_data: config.http.open_data,
            links: shown.links,
            inspections: Arc::new(Inspections::open(
                &config.data_dir,
                vitals::wanted(config.journal.reserve),
            )?),
            speakers: Arc::new(Speakers::of(config)),
            layers: config.layers.clone(),
            documents: config.documents.clone(),
            criteria: Criteria::of(config).map(Arc::new),
            journal: config.data_dir.join("journal"),
            contacts: contacts.map(Arc::new),
            log: crate::logging::Levels::of_the_process(),
        })
    }
}
