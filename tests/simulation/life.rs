//! One life of the daemon: the rooms joined as `src/daemon/mod.rs` joins them, each moved one step at a time by the
//! world. Ends with a crash, or with the world.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use bongsu::config::Config;
use bongsu::daemon::{DaemonTime, Outcomes, announce, disown, ticker};
use bongsu::desk::events::{ClockStep, CollectorEvent, payload};
use bongsu::desk::recovery;
use bongsu::desk::run::{DeskError, Progress, Runner, Turn, make_snapshot};
use bongsu::desk::state::StateFolder;
use bongsu::metrics::Metrics;
use delivery::{Courier, CourierError, Ledger, Live, Turned};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use ingest::clock::Clock;
use ingest::journal::{Appended, Config as JournalConfig, Entry, Health, Journal, Kind, Reader};
use reading::Timestamp;
use reading::id::ChannelId;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::lines::{Lines, take_thread};
use crate::platter::Platter;
use crate::ways_out::{InHand, Meeting, PASSES, Reply, Road, WayOut};

/// How long the machine may take for what the world waits for: only a failing run waits for it.
const PATIENCE: Duration = Duration::from_secs(60);

/// A record as a reader saw it.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    pub sequence: u64,
    pub at: Timestamp,
    pub received_at: Timestamp,
    pub kind: Kind,
    pub retained: bool,
    pub source: String,
    pub topic: String,
    pub payload: Vec<u8>,
}

type Walk = BoxFuture<'static, (Courier, Result<Turned, CourierError>)>;

/// A courier, between turns or in the middle of one.
enum Hand {
    Free { courier: Box<Courier>, due: Option<Timestamp> },
    Busy(Walk),
    Gone,
}

struct Place {
    hand: Hand,
    meeting: Arc<Meeting>,
    waker: Arc<Notify>,
}

/// What a courier's step came to.
#[derive(Debug, PartialEq)]
pub enum Walked {
    /// It has something in hand.
    InHand,
    /// It dealt with something.
    Carried,
    /// It has nothing to do until then.
    Idle(Option<Timestamp>),
    /// It stands where the world ends the process.
    Stuck,
}

/// What a life begins with.
pub struct Ground<'a> {
    pub config: &'a Config,
    pub folder: &'a Path,
    pub platter: Platter,
    pub journal: JournalConfig,
    pub wall: Timestamp,
    pub lines: &'a Lines,
    pub fate: Arc<AtomicU8>,
}

/// The running daemon.
pub struct Life {
    pub clock: Clock,
    pub journal: Journal,
    pub ledger: Arc<Ledger>,
    pub state: StateFolder,
    pub platter: Platter,
    pub began_at: u64,
    /// Before which record the state could not be rebuilt in full.
    pub lost_before: Option<u64>,
    runner: Runner,
    turn: Turn,
    progress: watch::Receiver<Progress>,
    runtime: Option<Runtime>,
    places: BTreeMap<ChannelId, Place>,
    stuck: Arc<Notify>,
    stop: CancellationToken,
    reader: Reader,
    folder: PathBuf,
}

impl Life {
    /// Ledger, journal, desk, announcement, in the daemon's order; couriers stand ready and have not begun.
    pub fn begin(ground: Ground<'_>) -> Self {
        let Ground { config, folder, platter, journal, wall, lines, fate } = ground;
        let registry = prometheus::Registry::new();
        let delivery_metrics = delivery::Metrics::register(&registry).unwrap();
        let (ledger, opened) = Ledger::open_for::<Live>(folder.join("ledger.sqlite")).unwrap();
        let ledger = Arc::new(ledger);
        let state = StateFolder::open(folder.join("state")).unwrap();
        let newest = state.snapshots().first().map_or(0, |(position, _)| *position);
        let clock = Clock::manual(wall);
        let seen = opened.position.max(newest);
        let disk = Arc::new(platter.clone());
        let journal =
            Journal::open_on(disk, Path::new("/journal"), journal, clock.clone(), seen).unwrap();
        journal.set_opening(payload(&config.setup));
        platter.ready();
        let (skips, new_skips) = state.skips();
        let recovered = recovery::start("desk", &state, opened.position, &journal, &skips);
        let lines = lines.clone();
        let runtime = Builder::new_current_thread()
            .enable_time()
            .on_thread_start(move || take_thread(&lines))
            .build()
            .unwrap();
        let behind = journal.opened().last_at.filter(|last| wall < *last);
        let misfit = behind.map(|last| ClockStep { nanos: wall.nanos() - last.nanos() });
        let began_at = runtime
            .block_on(announce(&journal, &clock, config, misfit, &new_skips))
            .expect("the journal takes the announcement");
        state.skips_journaled(&new_skips);
        let (sender, progress) = watch::channel(Progress::default());
        let stuck = Arc::new(Notify::new());
        let mut life = Self {
            began_at,
            lost_before: recovered.lost_before,
            runner: Runner {
                reader: journal.reader(recovered.desk.position() + 1, "desk"),
                overview: Arc::new(ArcSwap::from_pointee(recovered.desk.overview())),
                desk: recovered.desk,
                ledger: ledger.clone(),
                wakers: BTreeMap::new(),
                stored: None,
                tellings: None,
                wishes: None,
                progress: sender,
                metrics: Metrics::register(&registry).unwrap(),
                delivery_metrics: delivery_metrics.clone(),
                state: state.clone(),
                stop_at: Arc::new(AtomicU64::new(u64::MAX)),
            },
            reader: journal.reader(0, "world"),
            turn: Turn::default(),
            progress,
            runtime: Some(runtime),
            places: BTreeMap::new(),
            stop: CancellationToken::new(),
            folder: folder.into(),
            stuck: stuck.clone(),
            clock: clock.clone(),
            journal,
            ledger,
            state,
            platter,
        };
        for channel in config.channels.iter().map(|channel| channel.id.clone()) {
            let meeting = Arc::new(Meeting::default());
            let inner = Outcomes { journal: life.journal.clone(), clock: clock.clone() };
            let road = Road { inner, fate: fate.clone(), stuck: stuck.clone() };
            let courier = Courier::new(
                channel.clone(),
                Arc::new(WayOut(meeting.clone())),
                life.ledger.owed().unwrap(),
                Arc::new(road),
                Arc::new(DaemonTime(clock.clone())),
                delivery_metrics.clone(),
            );
            let waker = courier.waker();
            life.runner.wakers.insert(channel.clone(), waker.clone());
            let hand = Hand::Free { courier: Box::new(courier), due: Some(Timestamp::MIN) };
            life.places.insert(channel, Place { hand, meeting, waker });
        }
        life
    }

    /// Where ledger and desk disagree now that it has caught up, journaled. The last record of that.
    pub fn disown(&self) -> Option<u64> {
        let believed = self.desk().overview();
        let disowned =
            disown(&self.journal, &self.clock, &self.ledger, &believed, self.lost_before);
        let runtime = self.runtime.as_ref().expect("it runs");
        runtime.block_on(disowned).expect("the journal takes it")
    }

    /// Couriers begin: only now, the desk has caught up.
    pub fn begin_couriers(&mut self) {
        let runtime = self.runtime.take().expect("it runs");
        for place in self.places.values() {
            let Hand::Free { courier, .. } = &place.hand else { unreachable!("it has not begun") };
            runtime.block_on(courier.begin(&self.stop)).expect("the journal takes outcomes");
        }
        self.runtime = Some(runtime);
    }

    /// What comes in from outside, as collectors, people and the ticker journal it. On disk when this returns.
    pub fn append(&self, kind: Kind, source: &str, topic: &str, payload: Vec<u8>) -> Appended {
        let entry = Entry {
            kind,
            source: source.into(),
            topic: topic.into(),
            retained: false,
            received_at: self.clock.wall(),
            payload: payload.into(),
        };
        self.journal.append_blocking(vec![entry]).expect("the journal takes it")
    }

    /// A collector says whether it receives.
    pub fn collector(&self, up: bool) -> Appended {
        let event = if up { CollectorEvent::up() } else { CollectorEvent::down("the world") };
        self.append(Kind::Collector, "field", "", payload(&event).to_vec())
    }

    /// The ticker's look at the wall clock.
    pub fn look_at_clock(&self) {
        if let Some(step) = self.clock.detect_step() {
            let step = ClockStep { nanos: step.nanos };
            self.append(Kind::ClockStep, "clock", "", payload(&step).to_vec());
        }
    }

    /// When the ticker is due next, by the journal's clock.
    pub fn tick_due(&self) -> Timestamp {
        ticker::due(&self.progress.borrow(), self.journal.at())
    }

    /// The ticker's tick, unless something else carried time meanwhile.
    pub fn tick(&self, due: Timestamp) {
        if self.journal.at() <= due {
            self.append(Kind::Tick, "ticker", "", Vec::new());
        }
    }

    /// Whether the desk has something to read.
    pub fn desk_is_behind(&self) -> bool {
        self.runner.reader.position() <= self.journal.synced()
    }

    /// One step of the desk's loop.
    pub fn step_desk(&mut self) -> Result<(), DeskError> {
        self.runner.step(&mut self.turn)
    }

    /// How far the desk has come.
    pub fn progress(&self) -> Progress {
        *self.progress.borrow()
    }

    /// The desk itself.
    pub fn desk(&self) -> &bongsu::desk::Desk {
        &self.runner.desk
    }

    /// Couriers that have something to do now.
    pub fn ready_couriers(&mut self) -> Vec<ChannelId> {
        let now = self.clock.at();
        let mut ready = Vec::new();
        for (name, place) in &mut self.places {
            if let Hand::Free { due, .. } = &mut place.hand {
                if place.waker.notified().now_or_never().is_some() {
                    *due = Some(Timestamp::MIN);
                }
                if due.is_some_and(|due| due <= now) {
                    ready.push(name.clone());
                }
            }
        }
        ready
    }

    /// When the next courier has something to do, by the journal's clock.
    pub fn courier_due(&self) -> Option<Timestamp> {
        let due = |place: &Place| match &place.hand {
            Hand::Free { due, .. } => *due,
            Hand::Busy(_) | Hand::Gone => None,
        };
        self.places.values().filter_map(due).min()
    }

    /// Moves a courier on, as far as it goes without the world.
    pub fn walk(&mut self, channel: &ChannelId) -> Walked {
        let runtime = self.runtime.take().expect("it runs");
        let stuck = self.stuck.clone();
        let place = self.places.get_mut(channel).expect("there is such a channel");
        let mut walk = match std::mem::replace(&mut place.hand, Hand::Gone) {
            Hand::Free { mut courier, .. } => {
                let stop = self.stop.clone();
                let walk = async move {
                    let turned = courier.turn(&stop).await;
                    (*courier, turned)
                };
                walk.boxed()
            }
            Hand::Busy(walk) => walk,
            Hand::Gone => unreachable!("a courier is somewhere"),
        };
        let ended = runtime.block_on(async {
            tokio::select! {
                biased;
                ended = &mut walk => Ok(ended),
                () = place.meeting.turn.notified() => Err(Walked::InHand),
                () = stuck.notified() => Err(Walked::Stuck),
                () = tokio::time::sleep(PATIENCE) => panic!("the courier of {channel} hangs"),
            }
        });
        let walked = match ended {
            Ok((courier, turned)) => {
                let (due, walked) = match turned.expect("the journal takes outcomes") {
                    Turned::Carried => (Some(Timestamp::MIN), Walked::Carried),
                    Turned::Idle(due) => (due, Walked::Idle(due)),
                    Turned::Resting(until) => (Some(until), Walked::Idle(Some(until))),
                };
                place.hand = Hand::Free { courier: Box::new(courier), due };
                walked
            }
            Err(walked) => {
                place.hand = Hand::Busy(walk);
                walked
            }
        };
        self.runtime = Some(runtime);
        walked
    }

    /// What a channel has in hand.
    pub fn in_hand(&self, channel: &ChannelId) -> Option<InHand> {
        self.places[channel].meeting.in_hand.lock().take()
    }

    /// Puts it back, to be answered later.
    pub fn keep_in_hand(&self, channel: &ChannelId, in_hand: InHand) {
        *self.places[channel].meeting.in_hand.lock() = Some(in_hand);
    }

    /// The far end answers, or nobody does any more.
    pub fn answer(&mut self, channel: &ChannelId, reply: Reply) -> Walked {
        if let Some(in_hand) = self.in_hand(channel) {
            in_hand.reply.send(reply).ok();
        }
        self.walk(channel)
    }

    /// What readers can see that they had not seen.
    pub fn read_on(&mut self) -> Vec<Seen> {
        let mut seen = Vec::new();
        while self.reader.position() <= self.journal.synced() {
            let batch = self.reader.next_batch(4_096, Duration::ZERO).expect("a journal is read");
            let is_over = batch.is_empty() && batch.gap().is_none();
            seen.extend(batch.iter().map(|record| Seen {
                sequence: record.sequence,
                at: record.at,
                received_at: record.received_at,
                kind: record.kind,
                retained: record.retained,
                source: record.source.into(),
                topic: record.topic.into(),
                payload: record.payload.to_vec(),
            }));
            if is_over {
                break;
            }
        }
        seen
    }

    /// A snapshot, as every few minutes.
    pub fn snapshot(&self) {
        make_snapshot(&self.state, &self.journal, &self.ledger, self.progress())
            .expect("a snapshot is made");
    }

    /// There is room on the disk again: waits until the journal has noticed and said so.
    pub fn wait_for_room(&self) {
        let before = self.journal.synced();
        let since = ingest::clock::Stopwatch::start();
        while self.journal.health() != Health::Good || self.journal.synced() == before {
            assert!(since.elapsed() < PATIENCE, "the journal does not leave its reserve");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// The process ends, at once: the files of ledger and state are left in `to` as they are now, and what the journal
    /// has in memory is gone.
    pub fn end(mut self, to: &Path) {
        copy(&self.folder, to);
        self.places.clear();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Fates of outcomes are reset with each life.
pub fn lets_pass(fate: &AtomicU8) {
    fate.store(PASSES, Ordering::SeqCst);
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to.join("state")).unwrap();
    for name in ["ledger.sqlite", "ledger.sqlite-wal"] {
        if from.join(name).exists() {
            std::fs::copy(from.join(name), to.join(name)).unwrap();
        }
    }
    for entry in std::fs::read_dir(from.join("state")).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join("state").join(entry.file_name())).unwrap();
    }
}

/// Nothing is passed over.
pub fn no_skips() -> BTreeSet<u64> {
    BTreeSet::new()
}
