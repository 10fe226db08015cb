//! What a drill can try to reach the world, tried at random.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use alerting::{Action, Alert, AttemptResult, Level, Outcome};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};
use parking_lot::Mutex;
use proptest::prelude::*;
use proptest::sample::select;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::channel::siren::{CommandSink, CommandTopic, Siren, SirenSettings};
use crate::channel::{Channel, Rehearsed, Spoken};
use crate::courier::{Courier, OutcomeSink, SinkError};
use crate::ledger::{Batch, Ledger, LedgerError};
use crate::metrics::Metrics;
use crate::sample::{Still, alert, at, delivery};

/// Everything that ever came out of an adapter, by where.
type Seen = Arc<Mutex<Vec<(Status, String)>>>;

/// A way out by words that writes down what it was given.
struct Room(Seen);

impl Spoken for Room {
    fn say<'a>(&'a self, delivery: &'a Delivery, _: u32) -> BoxFuture<'a, AttemptResult> {
        self.0.lock().push((delivery.alert.status, delivery.key.to_string()));
        ready(AttemptResult::Delivered { receipt: "said".into() }).boxed()
    }
}

/// A broker that all brokers are one with: only topics keep the operations apart.
#[derive(Clone, Default)]
struct Air(Arc<Mutex<Vec<String>>>);

impl<O: Operation> CommandSink<O> for Air {
    fn publish(
        &self,
        topic: CommandTopic<O>,
        _: Vec<u8>,
        _: Duration,
    ) -> BoxFuture<'_, Result<(), String>> {
        self.0.lock().push(topic.to_string());
        ready(Ok(())).boxed()
    }
}

/// Takes outcomes and settles nothing: each delivery is taken in hand once.
struct Journal(tokio::sync::mpsc::UnboundedSender<Outcome>);

impl OutcomeSink for Journal {
    fn append(&self, outcome: Outcome) -> BoxFuture<'_, Result<(), SinkError>> {
        ready(self.0.send(outcome).map_err(|error| SinkError(error.to_string()))).boxed()
    }
}

/// One thing a desk, a bug or an operator may do.
#[derive(Clone, Copy, Debug)]
enum Try {
    /// A desk of this side decides something of this status, and owes it on this channel.
    Owe { exercise: bool, status: Status, siren: bool },
    /// The process ends and comes back.
    Restart,
    /// Somebody opens the folder of the other side.
    Mistake,
}

fn tries() -> impl Strategy<Value = Vec<Try>> {
    let status = select(vec![Status::Actual, Status::Exercise, Status::Test]);
    let owe = (any::<bool>(), status, any::<bool>())
        .prop_map(|(exercise, status, siren)| Try::Owe { exercise, status, siren });
    prop::collection::vec(
        prop_oneof![6 => owe, 1 => Just(Try::Restart), 1 => Just(Try::Mistake)],
        1..16,
    )
}

struct Side<O: Operation> {
    folder: TempDir,
    ledger: Arc<Ledger>,
    position: u64,
    seen: Seen,
    air: Air,
    operation: PhantomData<O>,
}

impl<O: Operation> Side<O> {
    fn new(air: &Air) -> Self {
        let folder = TempDir::new().unwrap();
        let (ledger, _) = Ledger::open_for::<O>(folder.path().join("ledger.sqlite")).unwrap();
        Self {
            folder,
            ledger: Arc::new(ledger),
            position: 0,
            seen: Seen::default(),
            air: air.clone(),
            operation: PhantomData,
        }
    }

    fn owe(&mut self, status: Status, siren: bool) -> String {
        self.position += 1;
        let channel = if siren { "siren" } else { "room" };
        let revision = u32::try_from(self.position).unwrap();
        let message = Alert { status, ..alert(revision, Level::Severe) };
        let owed = delivery(channel, "mast", Alert { expires_at: at(1 << 30), ..message });
        let owed = Delivery { expires_at: at(1 << 30), due_at: at(0), ..owed };
        let key = owed.key.to_string();
        let mut batch = Batch::default();
        batch.decided(self.position, [Action::Owe(owed)]);
        self.ledger.commit(self.position, at(0), &batch).unwrap();
        key
    }

    fn restart(&mut self) {
        let path = self.folder.path().join("ledger.sqlite");
        let (ledger, opened) = Ledger::open_for::<O>(path).unwrap();
        assert_eq!(opened.position, self.position);
        self.ledger = Arc::new(ledger);
    }

    /// Carries all that is owed.
    async fn carry(&self, room: Arc<dyn Channel<O>>) {
        let station = ("cut-12".parse().unwrap(), "siren-1".parse().unwrap());
        let settings = SirenSettings {
            sirens: [("mast".into(), station)].into(),
            simulated: true,
            ..SirenSettings::default()
        };
        let time = Arc::new(Still::new(at(1_000)));
        let siren: Arc<dyn Channel<O>> =
            Arc::new(Siren::<O>::new(settings, Arc::new(self.air.clone()), time.clone()));
        let metrics = Metrics::register(&prometheus::Registry::new()).unwrap();
        for (name, channel) in [("room", room), ("siren", siren)] {
            let name: reading::id::ChannelId = name.parse().unwrap();
            let (sender, mut journal) = tokio::sync::mpsc::unbounded_channel();
            let stop = CancellationToken::new();
            let owed = self.ledger.owed().unwrap();
            let outcomes = Arc::new(Journal(sender));
            let courier =
                Courier::new(name.clone(), channel, owed, outcomes, time.clone(), metrics.clone());
            let due = self.ledger.due(&name, at(1_000), 1_000).unwrap().len();
            let running = tokio::spawn(courier.run(stop.clone()));
            for _ in 0..due {
                journal.recv().await.unwrap();
            }
            stop.cancel();
            running.await.unwrap().unwrap();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn g10_whatever_a_drill_tries_no_live_adapter_hears_of_it(tries in tries()) {
        let air = Air::default();
        let (mut live, mut drill) = (Side::<Live>::new(&air), Side::<Exercise>::new(&air));
        let (mut wanted_live, mut wanted_drill) = (BTreeSet::new(), BTreeSet::new());
        let (mut sirens_live, mut sirens_drill) = (0, 0);
        for one in &tries {
            match *one {
                Try::Owe { exercise: true, status, siren } => {
                    let key = drill.owe(status, siren);
                    match (Exercise::carries(status), siren) {
                        (true, true) => sirens_drill += 1,
                        (true, false) => _ = wanted_drill.insert(key),
                        (false, _) => {}
                    }
                }
                Try::Owe { exercise: false, status, siren } => {
                    let key = live.owe(status, siren);
                    match (Live::carries(status), siren) {
                        (true, true) => sirens_live += 1,
                        (true, false) => _ = wanted_live.insert(key),
                        (false, _) => {}
                    }
                }
                Try::Restart => {
                    live.restart();
                    drill.restart();
                }
                Try::Mistake => {
                    let path = |folder: &TempDir| folder.path().join("ledger.sqlite");
                    let wrong = Ledger::open_for::<Live>(path(&drill.folder)).err();
                    prop_assert!(matches!(wrong, Some(LedgerError::Foreign { .. })), "{wrong:?}");
                    let wrong = Ledger::open_for::<Exercise>(path(&live.folder)).err();
                    prop_assert!(matches!(wrong, Some(LedgerError::Foreign { .. })), "{wrong:?}");
                    prop_assert!(drill.ledger.owed::<Live>().is_err());
                    prop_assert!(live.ledger.owed::<Exercise>().is_err());
                }
            }
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            drill.carry(Arc::new(Rehearsed::new(Room(drill.seen.clone())))).await;
            let heard = live.air.0.lock().clone();
            assert_eq!(heard.len(), sirens_drill);
            assert!(heard.iter().all(|topic| topic.starts_with("bongsu-exercise/v1/")), "{heard:?}");
            live.carry(Arc::new(Room(live.seen.clone()))).await;
        });
        let names = |seen: &Seen| seen.lock().iter().map(|(_, key)| key.clone()).collect::<BTreeSet<_>>();
        prop_assert!(live.seen.lock().iter().all(|(status, _)| *status != Status::Exercise));
        prop_assert!(drill.seen.lock().iter().all(|(status, _)| *status == Status::Exercise));
        prop_assert_eq!(names(&live.seen), wanted_live, "nothing of the live operation is lost either");
        prop_assert_eq!(names(&drill.seen), wanted_drill);
        let heard = air.0.lock();
        let real = heard.iter().filter(|topic| topic.starts_with("bongsu/v1/")).count();
        prop_assert_eq!(real, sirens_live);
    }
}
