//! Builds the rooms, joins them, stops them in order.
//!
//! **Start**: ledger, journal, collectors (frames are taken from the first moment), the desk over everything it has
//! not seen, then couriers, then the board. Couriers wait for the desk, or a delivery whose outcome is journaled
//! already would be tried again.
//!
//! **Stop**, in the order data flows: collectors, couriers (each ends the attempt in hand), desk, snapshot, the ways
//! back to the field, journal. The board shows it through and goes first of what only looks.

mod stores;
mod announcing;
pub(crate) mod collectors;
mod channels;
mod desk_thread;
mod snapshots;
mod views;
mod follower;
pub(crate) mod archive;
mod history;
mod watchdog;
mod heartbeat;
mod clock_trust;
pub mod ticker;
mod trail_head;
mod prober;
mod orders;
pub(crate) mod past;
mod tellings;
mod health;
mod reloads;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use alerting::setup::Setup;
use anyhow::{Context, anyhow};
use arc_swap::ArcSwap;
use delivery::{Courier, Ledger, Operation};
use ingest::clock::Clock;
use ingest::collector::metrics::CollectorMetrics;
use ingest::journal::Journal;
use reading::id::ChannelId;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::board::{self, Beside, Certificate, Drills, Tokens};
use crate::config::Config;
use crate::desk::events::CollectorEvent;
use crate::desk::recovery;
use crate::desk::run::{Progress, Runner, save};
use crate::desk::state::StateFolder;
use crate::exercise::Exercises;
use crate::metrics::Metrics;
use crate::overview;
pub(crate) use announcing::announce_setup;
pub use announcing::{announce, disown};
use channels::{Channels, LiveRoads, Roads, Room};
pub use channels::{DaemonTime, DrillRoads, Outcomes};
pub use clock_trust::ClockTrust;
use collectors::{Collectors, Ground};
use desk_thread::DeskThread;
use prober::Prober;
pub use reloads::Reloads;
use stores::Stores;
pub(crate) use stores::{newest_snapshot, open_journal};
use views::{Shown, Sight};

/// How long each room may take to stop.
const GRACE: Duration = Duration::from_secs(10);

/// A running daemon.
pub struct Daemon {
    /// Where the board is served.
    pub http: SocketAddr,
    /// Where the embedded broker listens, if there is one.
    pub broker: Option<SocketAddr>,
    /// Who may come in.
    pub tokens: Tokens,
    /// What the board proves itself with, where it speaks TLS.
    pub certificate: Option<Certificate>,
    /// Where everything stands.
    pub overview: overview::Shared,
    /// Decisions and deliveries.
    pub ledger: Arc<Ledger>,
    /// How far the desk has come.
    pub progress: watch::Receiver<Progress>,
    config: Config,
    clock: Clock,
    journal: Journal,
    state: StateFolder,
    tokens_to_stop: Stops,
    collectors: Collectors,
    couriers: JoinSet<anyhow::Result<()>>,
    desk: DeskThread,
    views: JoinSet<()>,
    archive: Option<JoinHandle<()>>,
    history: JoinHandle<()>,
    exercises: Option<Arc<Exercises>>,
    board: JoinHandle<Result<(), board::BoardError>>,
}

/// What tells the rooms to stop, in this order. Dropped, it tells them all, and waits for none.
#[derive(Default)]
struct Stops {
    collecting: CancellationToken,
    carrying: CancellationToken,
    publishing: CancellationToken,
    serving: CancellationToken,
}

impl Drop for Stops {
    fn drop(&mut self) {
        for stop in [&self.collecting, &self.carrying, &self.publishing, &self.serving] {
            stop.cancel();
        }
    }
}

/// What a daemon shares with another one in the same process: a drill runs beside live operation.
pub struct Company {
    /// Who may come in, if that is known already.
    pub tokens: Option<Tokens>,
    /// What goes on beside what the board shows.
    pub beside: Arc<dyn Beside>,
    /// Who starts and ends drills, where there may be any.
    pub drills: Option<Arc<dyn Drills>>,
}

impl Daemon {
    /// Starts every room. When this returns, frames are taken and alerts go out.
    ///
    /// # Errors
    /// What could not be started, and what to do.
    pub async fn start(config: Config, clock: Clock, trust: ClockTrust) -> anyhow::Result<Self> {
        let exercises = Exercises::new(&config);
        let company =
            Company { tokens: None, beside: exercises.clone(), drills: Some(exercises.clone()) };
        let mut daemon = Self::with(config, &LiveRoads, clock, trust, company).await?;
        exercises.open(daemon.overview.clone(), daemon.tokens.clone(), daemon.http);
        daemon.exercises = Some(exercises);
        Ok(daemon)
    }

    /// The same with the ways out of any operation.
    ///
    /// # Errors
    /// What could not be started, and what to do.
    pub async fn with<R: Roads>(
        config: Config,
        roads: &R,
        clock: Clock,
        trust: ClockTrust,
        company: Company,
    ) -> anyhow::Result<Self> {
        stores::prepare(&config.data_dir)?;
        let listener = listen(config.http.listen).await?;
        let http = listener.local_addr()?;
        let certificate = config.http.tls.as_ref().map(Certificate::load).transpose()?;
        let registry = prometheus::Registry::new();
        let delivery_metrics = delivery::Metrics::register(&registry)?;
        delivery_metrics.aim_at(config.objective);
        let stores = Stores::open::<R::Operation>(&config, &clock, &delivery_metrics)?;
        let Stores { ledger, position, state, journal, skips, new_skips } = stores;
        registry.register(journal.metrics())?;

        let recovered = recovery::start("desk", &state, position, &journal, &skips);
        let lost = recovered.lost_before;
        if let Some(first) = lost {
            tracing::error!(
                first,
                "records are gone; levels go on from what snapshot and journal still have"
            );
        }
        let misfit = clock_trust::settle(&clock, journal.opened().last_at, trust).await;
        let announced = announce(&journal, &clock, &config, misfit, &new_skips).await?;
        state.skips_journaled(&new_skips);

        let stops = Stops::default();
        let collector_metrics = CollectorMetrics::register(&registry)?;
        let ground = Ground {
            journal: &journal,
            clock: &clock,
            root: config.setup.root(),
            metrics: collector_metrics.clone(),
            stop: &stops.collecting,
            stop_publishing: &stops.publishing,
        };
        let collectors = Collectors::start(&config, &ground).await?;
        let room =
            Room { ledger: &ledger, journal: &journal, clock: &clock, metrics: &delivery_metrics };
        let mut channels = Channels::build(roads, &config, http, &collectors.publishers, &room)?;
        let (cap, links) = (channels.cap.clone(), std::mem::take(&mut channels.links));
        let couriers = channels.couriers(&room)?;

        let overview: overview::Shared = Arc::new(ArcSwap::from_pointee(recovered.desk.overview()));
        let wakers = couriers.iter().map(|(name, courier)| (name.clone(), courier.waker()));
        let mut desk = DeskThread::start(Runner {
            reader: journal.reader(recovered.desk.position() + 1, "desk"),
            desk: recovered.desk,
            ledger: ledger.clone(),
            wakers: wakers.collect(),
            stored: Some(tellings::stored(&collectors.stored, &config)),
            tellings: Some(tellings::sink(&collectors.publishers, &clock)),
            wishes: Some(tellings::wishes(&collectors.publishers, &clock)),
            overview: overview.clone(),
            progress: watch::Sender::default(),
            metrics: Metrics::register(&registry)?,
            delivery_metrics,
            state: state.clone(),
            stop_at: Arc::new(AtomicU64::new(u64::MAX)),
        })?;
        desk.reaches(announced).await?;
        let believed = overview.load_full();
        if let Some(disowned) = disown(&journal, &clock, &ledger, &believed, lost).await? {
            desk.reaches(disowned).await?;
        }

        let couriers = carry(couriers, &stops.carrying);
        let sight = Sight { journal, ledger, clock, progress: desk.progress.clone(), overview };
        let prober = Prober::new(links, sight.overview.clone(), sight.clock.clone());
        let mut views = sight.attend(&config, &state, prober.clone(), &stops)?;
        let (archive, archive_metrics) =
            sight.archive(&config, &registry, &skips, &stops.carrying)?;
        let (history, past) = sight.history(&config, skips, &stops.carrying);
        let tokens = match &company.tokens {
            Some(tokens) => tokens.clone(),
            None => Tokens::load_or_create(&config.data_dir)?,
        };
        let health = sight
            .vitals(&config, collectors.watch.clone())
            .with_archive(archive_metrics)
            .with_subscriptions(&config, collector_metrics);
        let shown = Shown {
            updates: sight.decided(&mut views),
            history: past,
            cap,
            metrics: registry,
            health: Arc::new(health),
            tokens: tokens.clone(),
            certificate: certificate.clone(),
            links: prober,
            company,
        };
        let board = sight.board(&config, shown)?;
        let board = tokio::spawn(board::serve(listener, board, stops.serving.clone()));
        let Sight { journal, ledger, clock, progress, overview } = sight;
        Ok(Self {
            http,
            broker: collectors.broker_addr,
            tokens,
            certificate,
            overview,
            ledger,
            progress,
            config,
            clock,
            journal,
            state,
            tokens_to_stop: stops,
            collectors,
            couriers,
            desk,
            views,
            archive,
            history,
            exercises: None,
            board,
        })
    }

    /// Runs until `shutdown`, or until a room ends that should not have; then stops everything in order.
    ///
    /// # Errors
    /// What ended too early, or could not be stopped cleanly.
    pub async fn run_until(mut self, shutdown: impl Future<Output = ()>) -> anyhow::Result<()> {
        let failure = tokio::select! {
            () = shutdown => None,
            error = self.desk.ended() => return Err(error),
            () = self.journal.stopped() => Some(anyhow!("the journal ended by itself")),
            error = self.collectors.ended() => Some(error),
            Some(courier) = next_ended(&mut self.couriers, &self.tokens_to_stop.carrying) => Some(match courier {
                Ok(Ok(())) => anyhow!("a courier ended by itself"),
                Ok(Err(error)) => error,
                Err(error) => anyhow!(error).context("a courier panicked"),
            }),
            Some(view) = self.views.join_next() => Some(match view {
                Ok(()) => anyhow!("the ticker, the maker of snapshots or the board's messenger ended by itself"),
                Err(error) => anyhow!(error).context("the ticker, the maker of snapshots or the board's messenger panicked"),
            }),
            board = &mut self.board => Some(match board {
                Ok(Ok(())) => anyhow!("the board ended by itself"),
                Ok(Err(error)) => error.into(),
                Err(error) => anyhow!(error).context("the board panicked"),
            }),
        };
        let stopped = self.stop().await;
        match failure {
            Some(error) => Err(error),
            None => stopped,
        }
    }

    /// Once cancelled nothing more is carried, while everything else goes on: a drill falls silent so.
    pub fn silence(&self) -> CancellationToken {
        self.tokens_to_stop.carrying.clone()
    }

    /// A door for reloads, which stays open while the daemon runs.
    pub fn reloads(&self) -> Reloads {
        let (config, certificate) = (self.config.clone(), self.certificate.clone());
        Reloads::new(config, certificate, self.journal.clone(), self.clock.clone())
    }

    /// The rules and the field in force.
    pub fn setup(&self) -> &Setup {
        &self.config.setup
    }

    async fn stop(mut self) -> anyhow::Result<()> {
        tracing::info!("stopping");
        if let Some(exercises) = &self.exercises {
            exercises.shutdown().await;
        }
        self.tokens_to_stop.collecting.cancel();
        self.collectors.stopped(GRACE).await;
        for collector in &self.config.collectors {
            let down = CollectorEvent::down("stopped");
            self.journal
                .append(vec![collectors::entry(&collector.name, &down, &self.clock)])
                .await?;
        }
        self.tokens_to_stop.carrying.cancel();
        let carried = async { while self.couriers.join_next().await.is_some() {} };
        if timeout(GRACE, carried).await.is_err() {
            tracing::warn!(
                "a courier did not stop in time; what it had in hand is asked for at the next start"
            );
        }
        if let Some(archive) = &mut self.archive
            && timeout(GRACE, archive).await.is_err()
        {
            tracing::warn!("the archive did not stop in time; it goes on from its last snapshot");
        }
        if timeout(GRACE, &mut self.history).await.is_err() {
            tracing::warn!("the history did not stop in time; it goes on from where it was");
        }
        let desk = self.desk.stop_at(self.journal.synced(), GRACE * 6).await?;
        self.tokens_to_stop.serving.cancel();
        if !self.board.is_finished() && timeout(GRACE, &mut self.board).await.is_err() {
            self.board.abort();
        }
        self.ledger.commit(desk.position(), desk.at(), &delivery::Batch::default())?;
        if self.ledger.is_in_memory() {
            tracing::error!("no snapshot is made: the ledger was in memory only");
        } else {
            save(&self.state, &self.journal, &desk)?;
        }
        self.tokens_to_stop.publishing.cancel();
        self.collectors.shutdown(GRACE).await;
        self.views.shutdown().await;
        self.journal.shutdown().await;
        tracing::info!(position = desk.position(), "stopped");
        Ok(())
    }
}

async fn listen(on: SocketAddr) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(on).await;
    listener.with_context(|| format!("cannot listen on {on}; is something else running there?"))
}

/// Sets every courier to work until told to stop.
fn carry<O: Operation>(
    couriers: Vec<(ChannelId, Courier<O>)>,
    stop: &CancellationToken,
) -> JoinSet<anyhow::Result<()>> {
    let mut tasks = JoinSet::new();
    for (name, courier) in couriers {
        let stop = stop.clone();
        tasks.spawn(async move {
            courier.run(stop).await.with_context(|| format!("courier of `{name}`"))
        });
    }
    tasks
}

/// The next courier that ended although nobody told it to.
async fn next_ended(
    couriers: &mut JoinSet<anyhow::Result<()>>,
    told: &CancellationToken,
) -> Option<Result<anyhow::Result<()>, tokio::task::JoinError>> {
    loop {
        match couriers.join_next().await {
            Some(Ok(Ok(()))) if told.is_cancelled() => {}
            other => return other,
        }
    }
}
