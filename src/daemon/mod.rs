//! Builds the rooms, joins them, stops them in order.
//!
//! **Start**: ledger, journal, collectors (frames are taken from the first moment), the desk over everything it has
//! not seen, then couriers, then the board. Couriers wait for the desk, or a delivery whose outcome is journaled
//! already would be tried again.
//!
//! **Stop**, in the order data flows: collectors, couriers (each ends the attempt in hand), desk, snapshot, the ways
//! back to the field, journal. The board shows it through and goes first of what only looks.

pub(crate) mod collectors;
mod channels;
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

use std::future::Future;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use alerting::setup::Setup;
use anyhow::{Context, anyhow, bail};
use arc_swap::ArcSwap;
use delivery::Ledger;
use ingest::archive::ArchiveMetrics;
use ingest::clock::Clock;
use ingest::collector::metrics::CollectorMetrics;
use ingest::journal::{self, Entry, Journal, Kind};
use parking_lot::Mutex;
use reading::codec::sparkplug::{self, Wish};
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::board::{self, Beside, BoardState, Certificate, Drills, Tokens};
use crate::config::Config;
use crate::desk::events::{ClockStep, CollectorEvent, Skip, payload};
use crate::desk::run::{DeskError, Progress, Runner, make_snapshot, save};
use crate::desk::state::StateFolder;
use crate::desk::{Desk, recovery};
use crate::exercise::Exercises;
use crate::inspections::Inspections;
use crate::metrics::Metrics;
use crate::overview;
use crate::safekeeping::layout;
use channels::{Channels, LiveRoads, Roads, Room};
pub use channels::{DaemonTime, DrillRoads, Outcomes};
pub use clock_trust::ClockTrust;
use collectors::{Collectors, Ground};
use prober::Prober;

/// What a node was to be asked longer ago than this is not asked any more.
const WISH_MAX: Duration = Duration::from_secs(60);

/// How often a snapshot is made, real time.
const SNAPSHOT_EVERY: Duration = Duration::from_secs(300);

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
    desk: oneshot::Receiver<Result<Desk, DeskError>>,
    stop_at: Arc<AtomicU64>,
    views: JoinSet<()>,
    archive: Option<JoinHandle<()>>,
    history: JoinHandle<()>,
    exercises: Option<Arc<Exercises>>,
    board: JoinHandle<Result<(), board::BoardError>>,
}

/// What tells the rooms to stop, in this order.
#[derive(Clone, Default)]
struct Stops {
    collecting: CancellationToken,
    carrying: CancellationToken,
    publishing: CancellationToken,
    serving: CancellationToken,
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
        let folder = &config.data_dir;
        std::fs::create_dir_all(folder).with_context(|| {
            format!(
                "cannot make the data folder {}; check data-dir and who owns it",
                folder.display()
            )
        })?;
        layout::check(folder)?;
        let listener = TcpListener::bind(config.http.listen).await.with_context(|| {
            format!("cannot listen on {}; is something else running there?", config.http.listen)
        })?;
        let http = listener.local_addr()?;
        let certificate = config.http.tls.as_ref().map(Certificate::load).transpose()?;
        let registry = prometheus::Registry::new();
        let delivery_metrics = delivery::Metrics::register(&registry)?;
        delivery_metrics.aim_at(config.objective);
        let (ledger, opened) = Ledger::open_for::<R::Operation>(folder.join("ledger.sqlite"))?;
        let ledger = Arc::new(ledger.timed(delivery_metrics.ledger_commit_seconds.clone()));
        if let Some(damaged) = &opened.damaged {
            tracing::error!(path = %damaged.display(), "the ledger was damaged and set aside; the journal is applied again");
        }
        let state = StateFolder::open(folder.join("state"))?;
        let seen = opened.position.max(newest(&state));
        let journal = open_journal(&config, clock.clone(), seen)?;
        layout::note(folder)?;
        registry.register(journal.metrics())?;

        let (skips, new_skips) = state.skips();
        let recovered = recovery::start("desk", &state, opened.position, &journal, &skips);
        if let Some(first) = recovered.lost_before {
            tracing::error!(
                first,
                "the state cannot be rebuilt in full; levels start from what the journal still has"
            );
        }
        let misfit = clock_trust::settle(&clock, journal.opened().last_at, trust).await;
        let last = announce(&journal, &clock, &config, misfit, &new_skips).await?;
        state.skips_journaled(&new_skips);

        let stops = Stops::default();
        let ground = Ground {
            journal: &journal,
            clock: &clock,
            root: config.setup.root(),
            metrics: CollectorMetrics::register(&registry)?,
            stop: &stops.collecting,
            stop_publishing: &stops.publishing,
        };
        let collectors = Collectors::start(&config, &ground).await?;
        let room =
            Room { ledger: &ledger, journal: &journal, clock: &clock, metrics: &delivery_metrics };
        let mut channels = Channels::build(roads, &config, http, &collectors.publishers, &room)?;
        let cap = channels.cap.clone();
        let links = std::mem::take(&mut channels.links);
        let couriers = channels.couriers(&room)?;

        let (progress_sender, progress) = watch::channel(Progress::default());
        let overview: overview::Shared = Arc::new(ArcSwap::from_pointee(recovered.desk.overview()));
        let stop_at = Arc::new(AtomicU64::new(u64::MAX));
        let mut desk = spawn_desk(Runner {
            reader: journal.reader(recovered.desk.position() + 1, "desk"),
            desk: recovered.desk,
            ledger: ledger.clone(),
            wakers: couriers
                .iter()
                .map(|(name, courier)| (name.clone(), courier.waker()))
                .collect(),
            stored: Some(stored_sink(&collectors, &config)),
            tellings: Some(tellings::sink(&collectors.publishers, &clock)),
            wishes: Some(wish_sink(&collectors, &clock)),
            overview: overview.clone(),
            progress: progress_sender,
            metrics: Metrics::register(&registry)?,
            delivery_metrics: delivery_metrics.clone(),
            state: state.clone(),
            stop_at: stop_at.clone(),
        })?;
        let mut caught_up = progress.clone();
        tokio::select! {
            ended = &mut desk => return Err(desk_ended(ended)),
            reached = caught_up.wait_for(|progress| progress.position >= last) => { reached?; }
        }

        let mut tasks = JoinSet::new();
        for (name, courier) in couriers {
            let stop = stops.carrying.clone();
            tasks.spawn(async move {
                courier.run(stop).await.with_context(|| format!("courier of `{name}`"))
            });
        }
        let mut views = JoinSet::new();
        let prober = Prober::new(links, overview.clone(), clock.clone());
        views.spawn(prober.clone().run(journal.clone(), stops.collecting.clone()));
        views.spawn(ticker::run(
            journal.clone(),
            clock.clone(),
            progress.clone(),
            stops.collecting.clone(),
        ));
        views.spawn(keep_snapshots(
            state.clone(),
            journal.clone(),
            ledger.clone(),
            progress.clone(),
            stops.collecting.clone(),
        ));

        views.spawn(watchdog::run(journal.clone(), progress.clone(), stops.serving.clone()));
        if let Some(settings) = &config.heartbeat {
            let heartbeat = heartbeat::Heartbeat::new(settings.clone(), config.sender_id.clone())?;
            let stop = stops.serving.clone();
            views.spawn(heartbeat.run(journal.clone(), progress.clone(), stop));
        }
        if let Some(settings) = &config.head {
            views.spawn(trail_head::run(
                settings.clone(),
                journal.clone(),
                clock.clone(),
                ledger.clone(),
                stops.collecting.clone(),
            ));
        }

        let archiving = match &config.archive {
            Some(settings) => Some((settings, ArchiveMetrics::register(&registry)?)),
            None => None,
        };
        let archive = archiving.as_ref().map(|(settings, metrics)| {
            archive::spawn(
                (*settings).clone(),
                folder.join("archive"),
                &journal,
                &clock,
                metrics.clone(),
                skips.clone(),
                stops.carrying.clone(),
            )
        });
        let (history, past) = history::spawn(
            folder.join("history"),
            config.history,
            &journal,
            &clock,
            skips,
            stops.carrying.clone(),
        );
        let tokens = match company.tokens {
            Some(tokens) => tokens,
            None => Tokens::load_or_create(folder)?,
        };
        let board_clock = clock.clone();
        let vitals = health::Vitals::new(
            journal.clone(),
            ledger.clone(),
            progress.clone(),
            collectors.watch.clone(),
            clock.clone(),
            overview.clone(),
            &config,
        );
        let vitals = vitals.with_archive(archiving.map(|(_, metrics)| metrics));
        let board_state = BoardState {
            overview: overview.clone(),
            ledger: ledger.clone(),
            updates: decided(&mut views, progress.clone()),
            commands: Arc::new(orders::Orders::new(
                journal.clone(),
                clock.clone(),
                ledger.clone(),
                progress.clone(),
            )),
            history: past,
            past: Arc::new(past::PastReadings::new(
                journal.clone(),
                clock.clone(),
                progress.clone(),
            )),
            cap,
            objective: config.objective,
            metrics: registry,
            health: Arc::new(vitals),
            tokens: tokens.clone(),
            clock: Arc::new(move || board_clock.wall()),
            public_url: config.http.public_url.clone(),
            beside: company.beside,
            drills: company.drills,
            certificate: certificate.clone(),
            proxies: config.http.proxies.clone(),
            open_data: config.http.open_data,
            links: prober,
            inspections: Arc::new(Inspections::open(folder)?),
            speakers: Arc::new(board::Speakers::of(&config)),
            layers: config.layers.clone(),
        };
        let board = tokio::spawn(board::serve(listener, board_state, stops.serving.clone()));
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
            couriers: tasks,
            desk,
            stop_at,
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
            ended = &mut self.desk => return Err(desk_ended(ended)),
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
        Reloads {
            running: Mutex::new(self.config.clone()),
            certificate: self.certificate.clone(),
            journal: self.journal.clone(),
            clock: self.clock.clone(),
        }
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
        self.stop_at.store(self.journal.synced(), Ordering::Release);
        let desk = timeout(GRACE * 6, &mut self.desk)
            .await
            .map_err(|_| anyhow!("the desk did not stop in time"))?;
        let desk = desk.map_err(|_| anyhow!("the desk's thread is gone"))??;
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

/// Takes over changed configurations while the daemon runs.
pub struct Reloads {
    running: Mutex<Config>,
    certificate: Option<Certificate>,
    journal: Journal,
    clock: Clock,
}

impl Reloads {
    /// Reads the board's certificate again, whatever else becomes of the reload.
    pub fn renew_certificate(&self) {
        match self.certificate.as_ref().map(Certificate::renew) {
            None => {}
            Some(Ok(())) => tracing::info!("the board's certificate was read again"),
            Some(Err(error)) => tracing::error!(
                error = &error as &dyn std::error::Error,
                "the board's certificate cannot be read, the one before is shown on"
            ),
        }
    }

    /// Takes over what decides: sites, rules, policies, who hears what. Ways in and out need a restart.
    ///
    /// # Errors
    /// Why the running one stays.
    pub async fn take_over(&self, config: Config) -> anyhow::Result<()> {
        let same = {
            let running = self.running.lock();
            (
                &config.channels,
                &config.collectors,
                &config.http,
                &config.data_dir,
                &config.journal,
                &config.archive,
                &config.history,
                &config.exercise,
                &config.heartbeat,
            ) == (
                &running.channels,
                &running.collectors,
                &running.http,
                &running.data_dir,
                &running.journal,
                &running.archive,
                &running.history,
                &running.exercise,
                &running.heartbeat,
            )
        };
        if !same {
            bail!(
                "channels, collectors, http, journal, archive, history, exercise, heartbeat or data-dir changed: restart bongsu to take them over"
            );
        }
        let setup = payload(&config.setup);
        let entry = own_entry(Kind::Configuration, "reload", setup.clone(), &self.clock);
        self.journal.append(vec![entry]).await?;
        self.journal.set_opening(setup);
        *self.running.lock() = config;
        Ok(())
    }
}

/// The last record that a snapshot knows of.
fn newest(state: &StateFolder) -> u64 {
    state.snapshots().first().map_or(0, |(position, _)| *position)
}

/// The same, of a daemon that is stopped.
///
/// # Errors
/// If its folder cannot be opened.
pub(crate) fn newest_snapshot(data_dir: &Path) -> anyhow::Result<u64> {
    Ok(newest(&StateFolder::open(data_dir.join("state"))?))
}

/// Opens the journal of a configuration. `seen` is the last record that anybody beside it knows of.
///
/// # Errors
/// If somebody else has it, or it cannot be opened.
pub(crate) fn open_journal(config: &Config, clock: Clock, seen: u64) -> anyhow::Result<Journal> {
    let folder = config.data_dir.join("journal");
    let journal = Journal::open(&folder, journal_config(config), clock, seen)?;
    journal.set_opening(payload(&config.setup));
    Ok(journal)
}

/// Journals a configuration, by which what follows is judged.
///
/// # Errors
/// If the journal takes nothing.
pub(crate) async fn announce_setup(
    journal: &Journal,
    clock: &Clock,
    config: &Config,
) -> anyhow::Result<()> {
    let entry = own_entry(Kind::Configuration, "import", payload(&config.setup), clock);
    journal.append(vec![entry]).await?;
    Ok(())
}

/// Journals that this run begins: nobody receives yet, and what is to be passed over. Returns the last record.
///
/// # Errors
/// If the journal takes nothing.
pub async fn announce(
    journal: &Journal,
    clock: &Clock,
    config: &Config,
    misfit: Option<ClockStep>,
    skips: &[u64],
) -> anyhow::Result<u64> {
    let down = CollectorEvent::down("started");
    let mut entries = vec![own_entry(Kind::Configuration, "start", payload(&config.setup), clock)];
    entries.extend(
        config.collectors.iter().map(|collector| collectors::entry(&collector.name, &down, clock)),
    );
    entries.extend(misfit.map(|step| own_entry(Kind::ClockStep, "start", payload(&step), clock)));
    entries.extend(skips.iter().map(|sequence| {
        own_entry(Kind::Skip, "start", payload(&Skip { sequence: *sequence }), clock)
    }));
    Ok(journal.append(entries).await?.last)
}

fn own_entry(kind: Kind, topic: &str, payload: bytes::Bytes, clock: &Clock) -> Entry {
    Entry {
        kind,
        source: "bongsu".into(),
        topic: topic.into(),
        retained: false,
        received_at: clock.wall(),
        payload,
    }
}

fn journal_config(config: &Config) -> journal::Config {
    journal::Config {
        segment_bytes: config.journal.segment,
        bytes_max: config.journal.retain,
        age_max: config.journal.retain_age,
        reserve_bytes: config.journal.reserve,
        ..journal::Config::default()
    }
}

fn spawn_desk(runner: Runner) -> anyhow::Result<oneshot::Receiver<Result<Desk, DeskError>>> {
    let (sender, receiver) = oneshot::channel();
    std::thread::Builder::new().name("desk".into()).stack_size(16 << 20).spawn(move || {
        sender.send(runner.run()).ok();
    })?;
    Ok(receiver)
}

fn desk_ended(ended: Result<Result<Desk, DeskError>, oneshot::error::RecvError>) -> anyhow::Error {
    match ended {
        Ok(Err(error)) => error.into(),
        Ok(Ok(_)) => anyhow!("the desk ended by itself"),
        Err(_) => {
            anyhow!("the desk's thread panicked; this is a fault of bongsu, please report it")
        }
    }
}

/// Asks Sparkplug nodes through the collector they were heard by. What is old was heard before this run: who still
/// needs asking is noticed again with the next message.
fn wish_sink(collectors: &Collectors, clock: &Clock) -> crate::desk::run::WishSink {
    let (publishers, clock) = (collectors.publishers.clone(), clock.clone());
    Arc::new(move |wish| {
        let Wish::Rebirth { source, group, node, at } = wish;
        let Some(publisher) = publishers.get(source) else { return };
        if clock.at().since(*at) > WISH_MAX {
            return;
        }
        let topic = sparkplug::command_topic(group, node);
        match publisher.send(&topic, sparkplug::rebirth(clock.wall())) {
            Ok(()) => tracing::info!(collector = source, group, node, "a rebirth is asked for"),
            Err(error) => tracing::warn!(%error, group, node, "a rebirth cannot be asked for yet"),
        }
    })
}

/// Tells stations through the collector they report to that a report is on disk.
fn stored_sink(collectors: &Collectors, config: &Config) -> crate::desk::run::StoredSink {
    let acks = collectors.stored.clone();
    let registry = config.setup.registry.clone();
    Arc::new(move |site, station, seq| {
        let place =
            registry.site(site.as_str()).and_then(|at| registry.station(at, station.as_str()));
        let source = place.map(|at| registry.stations()[at.index()].source.as_str());
        if let Some(acks) = source.and_then(|source| acks.get(source)) {
            acks.note(site, station, seq);
        }
    })
}

/// The count of commits that decided something, for views.
fn decided(
    views: &mut JoinSet<()>,
    mut progress: watch::Receiver<Progress>,
) -> watch::Receiver<u64> {
    let (sender, receiver) = watch::channel(0);
    views.spawn(async move {
        while progress.changed().await.is_ok() {
            let now = progress.borrow_and_update().decided;
            sender.send_if_modified(|before| std::mem::replace(before, now) != now);
        }
    });
    receiver
}

/// Makes a snapshot now and then, on a thread that the desk does not wait for.
async fn keep_snapshots(
    state: StateFolder,
    journal: Journal,
    ledger: Arc<Ledger>,
    progress: watch::Receiver<Progress>,
    stop: CancellationToken,
) {
    let mut last = progress.borrow().position;
    while timeout(SNAPSHOT_EVERY, stop.cancelled()).await.is_err() {
        let seen = *progress.borrow();
        if seen.position == last {
            continue;
        }
        let (state, journal, ledger) = (state.clone(), journal.clone(), ledger.clone());
        let made =
            tokio::task::spawn_blocking(move || make_snapshot(&state, &journal, &ledger, seen))
                .await;
        match made {
            Ok(Ok(position)) => {
                last = position;
                tracing::debug!(position, "snapshot made");
            }
            Ok(Err(error)) => {
                tracing::error!(%error, "no snapshot was made; the journal is kept until one is")
            }
            Err(error) => tracing::error!(%error, "making a snapshot panicked; please report this"),
        }
    }
}
