use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use alerting::{Action, Delivery, DeliveryState, Level};
use futures_util::FutureExt;
use futures_util::future::pending;
use parking_lot::Mutex;
use prometheus::Registry;
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::*;
use crate::ledger::{Batch, DeliveryFilter};
use crate::sample::{Still, alert, at, change, delivery};

/// Longer than anything here takes; only a failing test waits for it.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the desk does with outcomes: here it settles them as the outbox would, and commits.
struct Desk {
    ledger: Arc<Ledger>,
    position: AtomicU64,
    wakers: Mutex<BTreeMap<String, Arc<Notify>>>,
    journal: mpsc::UnboundedSender<Outcome>,
}

impl Desk {
    fn commit(&self, actions: impl IntoIterator<Item = Action>) {
        let position = self.position.fetch_add(1, Ordering::SeqCst) + 1;
        let mut batch = Batch::default();
        batch.decided(position, actions);
        self.ledger.commit(position, at(0), &batch).unwrap();
        self.wakers.lock().values().for_each(|waker| waker.notify_one());
    }

    fn settle(&self, outcome: &Outcome) {
        let rows = self.ledger.deliveries(&DeliveryFilter::default(), 1_000).unwrap();
        let row = rows.into_iter().find(|row| row.key == outcome.key).unwrap();
        let (state, due_at) = match &outcome.result {
            AttemptResult::Delivered { .. } => (DeliveryState::Delivered, at(0)),
            AttemptResult::HandedOver { .. } => (DeliveryState::HandedOver, at(0)),
            AttemptResult::Refused { .. } => (DeliveryState::Refused, at(0)),
            AttemptResult::Retry { .. } | AttemptResult::Unknown => (DeliveryState::Queued, at(0)),
        };
        self.commit([Action::Change(alerting::DeliveryChange {
            key: row.key,
            channel: row.channel,
            state,
            attempts: outcome.attempt,
            due_at,
            note: String::new(),
            at: at(0),
        })]);
    }
}

impl OutcomeSink for Desk {
    fn append(&self, outcome: Outcome) -> BoxFuture<'_, Result<(), SinkError>> {
        let sent =
            self.journal.send(outcome).map_err(|_| SinkError("the journal is closed".into()));
        futures_util::future::ready(sent).boxed()
    }
}

struct World {
    folder: TempDir,
    desk: Arc<Desk>,
    journal: mpsc::UnboundedReceiver<Outcome>,
    time: Arc<Still>,
    metrics: Metrics,
    registry: Registry,
    stop: CancellationToken,
}

impl World {
    fn new() -> Self {
        Self::at(TempDir::new().unwrap(), 0)
    }

    fn at(folder: TempDir, position: u64) -> Self {
        let (ledger, opened) = Ledger::open(folder.path().join("ledger.sqlite")).unwrap();
        assert_eq!(opened.position, position);
        let (send, journal) = mpsc::unbounded_channel();
        let registry = Registry::new();
        Self {
            folder,
            desk: Arc::new(Desk {
                ledger: Arc::new(ledger),
                position: AtomicU64::new(position),
                wakers: Mutex::default(),
                journal: send,
            }),
            journal,
            time: Arc::new(Still::new(at(2_000))),
            metrics: Metrics::register(&registry).unwrap(),
            registry,
            stop: CancellationToken::new(),
        }
    }

    fn courier(&self, name: &str, channel: Arc<dyn Channel>) -> Courier {
        let courier = Courier::new(
            name.parse().unwrap(),
            channel,
            self.desk.ledger.owed().unwrap(),
            self.desk.clone(),
            self.time.clone(),
            self.metrics.clone(),
        );
        self.desk.wakers.lock().insert(name.into(), courier.waker());
        courier
    }

    fn start(&self, name: &str, channel: Arc<dyn Channel>) -> JoinHandle<Result<(), CourierError>> {
        tokio::spawn(self.courier(name, channel).run(self.stop.clone()))
    }

    async fn outcome(&mut self) -> Outcome {
        timeout(PATIENCE, self.journal.recv()).await.expect("an outcome comes").unwrap()
    }

    async fn settled(&mut self) -> Outcome {
        let outcome = self.outcome().await;
        self.desk.settle(&outcome);
        outcome
    }
}

/// A receiver that honours ids: it may be sent one twice, and is told once.
#[derive(Default)]
struct Receiver {
    sent: Mutex<Vec<(DeliveryKey, u32)>>,
    told: Mutex<BTreeMap<DeliveryKey, u32>>,
}

impl Channel for Receiver {
    fn attempt<'a>(&'a self, delivery: &'a Carried, attempt: u32) -> BoxFuture<'a, AttemptResult> {
        self.sent.lock().push((delivery.key.clone(), attempt));
        self.told.lock().entry(delivery.key.clone()).or_insert(attempt);
        futures_util::future::ready(AttemptResult::Delivered { receipt: "told".into() }).boxed()
    }
}

/// A channel that takes and never answers.
struct Hangs(Arc<Notify>);

impl Channel for Hangs {
    fn attempt<'a>(&'a self, _: &'a Carried, _: u32) -> BoxFuture<'a, AttemptResult> {
        self.0.notify_one();
        pending().boxed()
    }
}

/// A channel with a bug.
struct Panics;

impl Channel for Panics {
    fn attempt<'a>(&'a self, _: &'a Carried, _: u32) -> BoxFuture<'a, AttemptResult> {
        async { panic!("a bug in a channel") }.boxed()
    }
}

fn owed(channel: &str, revision: u32) -> Delivery {
    delivery(channel, "office", alert(revision, Level::Severe))
}

#[tokio::test]
async fn deliveries_are_carried_one_by_one_and_each_outcome_is_journaled() {
    let mut world = World::new();
    let receiver = Arc::new(Receiver::default());
    let running = world.start("hook", receiver.clone());
    world.desk.commit((1..=5).map(|revision| Action::Owe(owed("hook", revision))));
    for revision in 1..=5 {
        let outcome = world.settled().await;
        assert_eq!((outcome.key, outcome.attempt), (owed("hook", revision).key, 1));
    }
    world.stop.cancel();
    running.await.unwrap().unwrap();
    assert_eq!(receiver.sent.lock().len(), 5);
    let text = prometheus::TextEncoder::new().encode_to_string(&world.registry.gather()).unwrap();
    for line in [
        r#"delivery_attempts_total{channel="hook",outcome="delivered"} 5"#,
        r#"delivery_channel_failing{channel="hook"} 0"#,
        r#"delivery_queue_depth{channel="hook"}"#,
    ] {
        assert!(text.contains(line), "{line} in\n{text}");
    }
}

#[tokio::test]
async fn a_delivery_is_not_taken_again_before_the_desk_has_seen_its_outcome() {
    let mut world = World::new();
    let receiver = Arc::new(Receiver::default());
    let courier = world.courier("hook", receiver.clone());
    let waker = courier.waker();
    tokio::spawn(courier.run(world.stop.clone()));
    world.desk.commit([Action::Owe(owed("hook", 1))]);
    let first = world.outcome().await;
    waker.notify_one();
    world.desk.commit([Action::Owe(owed("hook", 2))]);
    let second = world.outcome().await;
    assert_ne!(first.key, second.key);
    assert_eq!(receiver.sent.lock().len(), 2);
}

#[tokio::test]
async fn g05_what_was_in_hand_at_a_crash_is_unknown_and_nobody_is_told_twice() {
    let mut world = World::new();
    let (receiver, hanging) = (Arc::new(Receiver::default()), Arc::new(Notify::new()));
    let first = owed("hook", 1);
    world.desk.commit([Action::Owe(first.clone()), Action::Owe(owed("hook", 2))]);

    // The send has gone out, and the process dies before its outcome is in the journal.
    let running = world.start("hook", Arc::new(Hangs(hanging.clone())));
    timeout(PATIENCE, hanging.notified()).await.unwrap();
    receiver.attempt(&Carried::new(first.clone()), 1).await;
    running.abort();
    let _ = running.await;
    assert!(world.journal.try_recv().is_err(), "nothing was journaled");
    let World { folder, desk, .. } = world;
    drop(desk);

    let mut world = World::at(folder, 1);
    world.start("hook", receiver.clone());
    let unknown = world.settled().await;
    assert_eq!(
        unknown,
        Outcome { key: first.key.clone(), attempt: 1, result: AttemptResult::Unknown }
    );
    let mut carried = [world.settled().await, world.settled().await];
    carried.sort_by(|a, b| a.key.cmp(&b.key));
    assert_eq!(
        (&carried[0].key, carried[0].attempt),
        (&first.key, 2),
        "sent again under the same id"
    );
    assert_eq!((&carried[1].key, carried[1].attempt), (&owed("hook", 2).key, 1));
    assert_eq!(receiver.told.lock().len(), 2, "each is told once");
    assert_eq!(receiver.told.lock()[&first.key], 1, "by the send before the crash");
    world.stop.cancel();
}

#[tokio::test]
async fn g06_a_hanging_and_a_panicking_channel_delay_no_other() {
    let mut world = World::new();
    let hanging = Arc::new(Notify::new());
    let receiver = Arc::new(Receiver::default());
    world.start("hangs", Arc::new(Hangs(hanging.clone())));
    world.start("panics", Arc::new(Panics));
    world.start("hook", receiver.clone());
    world.desk.commit([Action::Owe(owed("hangs", 1))]);
    timeout(PATIENCE, hanging.notified()).await.unwrap();

    world.desk.commit([Action::Owe(owed("panics", 1))]);
    let panicked = world.outcome().await;
    assert_eq!((panicked.key, panicked.result), (owed("panics", 1).key, AttemptResult::Unknown));
    for revision in 1..=20 {
        world.desk.commit([Action::Owe(owed("hook", revision))]);
        assert_eq!(world.settled().await.key, owed("hook", revision).key);
    }
    world.desk.commit([Action::Owe(owed("panics", 2))]);
    assert_eq!(world.outcome().await.key, owed("panics", 2).key, "and it goes on itself");
    world.stop.cancel();
}

#[tokio::test]
async fn an_attempt_that_hangs_is_cut_off_as_unknown() {
    let mut world = World::new();
    let courier = world.courier("hangs", Arc::new(Hangs(Arc::default())));
    tokio::spawn(courier.limited(Duration::from_millis(20), GRACE).run(world.stop.clone()));
    world.desk.commit([Action::Owe(owed("hangs", 1))]);
    assert_eq!(world.outcome().await.result, AttemptResult::Unknown);
    world.stop.cancel();
}

#[tokio::test]
async fn stopping_waits_for_the_grace_and_leaves_the_rest_in_hand() {
    let mut world = World::new();
    let hanging = Arc::new(Notify::new());
    let courier = world.courier("hangs", Arc::new(Hangs(hanging.clone())));
    let running = tokio::spawn(
        courier.limited(ATTEMPT_MAX, Duration::from_millis(20)).run(world.stop.clone()),
    );
    world.desk.commit([Action::Owe(owed("hangs", 1)), Action::Owe(owed("hangs", 2))]);
    timeout(PATIENCE, hanging.notified()).await.unwrap();
    world.stop.cancel();
    timeout(PATIENCE, running).await.expect("it ends").unwrap().unwrap();
    assert!(world.journal.try_recv().is_err());
    let left = world.desk.ledger.in_hand(&"hangs".parse().unwrap()).unwrap();
    assert_eq!(left.len(), 1);
}

#[tokio::test]
async fn a_closed_journal_ends_the_courier() {
    let mut world = World::new();
    world.journal.close();
    let running = world.start("hook", Arc::new(Receiver::default()));
    world.desk.commit([Action::Owe(owed("hook", 1))]);
    let ended = timeout(PATIENCE, running).await.expect("it ends").unwrap();
    assert!(matches!(ended, Err(CourierError::Journal { .. })));
}

#[tokio::test]
async fn what_was_superseded_is_not_sent() {
    let mut world = World::new();
    let (first, second) = (owed("hook", 1), owed("hook", 2));
    world.desk.commit([Action::Owe(first.clone())]);
    world.desk.commit([
        change(&first, DeliveryState::Superseded, 0, at(1), "a newer revision"),
        Action::Owe(second.clone()),
    ]);
    let receiver = Arc::new(Receiver::default());
    world.start("hook", receiver.clone());
    assert_eq!(world.outcome().await.key, second.key);
    assert_eq!(receiver.sent.lock().len(), 1);
}

#[tokio::test]
async fn a_message_that_cannot_be_read_is_refused_and_delays_nothing() {
    let mut world = World::new();
    let path = world.folder.path().join("ledger.sqlite");
    world.desk.commit([Action::Owe(owed("hook", 1)), Action::Owe(owed("hook", 2))]);
    let other = rusqlite::Connection::open(path).unwrap();
    other
        .execute("UPDATE deliveries SET body = '{}' WHERE key = ?", [owed("hook", 1).key.as_str()])
        .unwrap();
    world.start("hook", Arc::new(Receiver::default()));
    assert!(matches!(world.outcome().await.result, AttemptResult::Refused { .. }));
    assert_eq!(world.outcome().await.key, owed("hook", 2).key);
}

/// A channel that is gone until it is not.
#[derive(Default)]
struct Flaps {
    works: std::sync::atomic::AtomicBool,
    tried: AtomicU64,
}

impl Channel for Flaps {
    fn attempt<'a>(&'a self, _: &'a Carried, _: u32) -> BoxFuture<'a, AttemptResult> {
        self.tried.fetch_add(1, Ordering::SeqCst);
        let result = match self.works.load(Ordering::SeqCst) {
            true => AttemptResult::Delivered { receipt: "told".into() },
            false => AttemptResult::Retry { reason: "gone".into() },
        };
        futures_util::future::ready(result).boxed()
    }
}

/// A clock that moves on whenever somebody waits for it, and remembers for how long.
struct Waits {
    now: Mutex<reading::Timestamp>,
    waits: Mutex<Vec<u64>>,
}

impl crate::time::Time for Waits {
    fn now(&self) -> reading::Timestamp {
        *self.now.lock()
    }

    fn sleep_until(&self, at: reading::Timestamp) -> BoxFuture<'static, ()> {
        let mut now = self.now.lock();
        if at > *now {
            self.waits.lock().push(at.since(*now).as_secs());
            *now = at;
        }
        futures_util::future::ready(()).boxed()
    }
}

#[tokio::test]
async fn g05_a_channel_out_of_order_is_left_to_rest_and_nothing_owed_on_it_is_dropped() {
    let mut world = World::new();
    let channel = Arc::new(Flaps::default());
    let time = Arc::new(Waits { now: Mutex::new(at(2_000)), waits: Mutex::default() });
    let courier = Courier::new(
        "hook".parse().unwrap(),
        channel.clone(),
        world.desk.ledger.owed().unwrap(),
        world.desk.clone(),
        time.clone(),
        world.metrics.clone(),
    );
    world.desk.wakers.lock().insert("hook".into(), courier.waker());
    world.desk.commit((1..=4).map(|revision| Action::Owe(owed("hook", revision))));
    let running = tokio::spawn(courier.run(world.stop.clone()));
    for _ in 0..alerting::outbox::FAILURES_MAX + 3 {
        assert!(matches!(world.settled().await.result, AttemptResult::Retry { .. }));
    }
    assert_eq!(&time.waits.lock()[..3], [2, 4, 8], "each rest is longer, one attempt after each");
    let shown = |world: &World| {
        prometheus::TextEncoder::new().encode_to_string(&world.registry.gather()).unwrap()
    };
    assert!(shown(&world).contains(r#"delivery_channel_failing{channel="hook"} 1"#));
    channel.works.store(true, Ordering::SeqCst);
    let mut proven = std::collections::BTreeSet::new();
    while proven.len() < 4 {
        let outcome = world.settled().await;
        if matches!(outcome.result, AttemptResult::Delivered { .. }) {
            proven.insert(outcome.key);
        }
    }
    assert!(shown(&world).contains(r#"delivery_channel_failing{channel="hook"} 0"#));
    world.stop.cancel();
    running.await.unwrap().unwrap();
}
