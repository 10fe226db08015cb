//! Peers as they are on a bad day, for every kind of channel: one that takes a connection and says nothing, one that
//! dribbles, one that comes and goes, one that lies. Whatever it is, the attempt ends, what it comes to is proof of
//! nothing, and the other channels keep their budget.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../../tests/common/mod.rs"]
mod common;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use alerting::catalogue::Language;
use alerting::text::Sign;
use alerting::{Action, AttemptResult, Delivery, DeliveryKey, DeliveryState, Outcome};
use common::{World, minute, setup, text};
use delivery::channel::alertmanager::Alertmanager;
use delivery::channel::cap::{CapSettings, Gateway, Profile, Proof, Store};
use delivery::channel::cell_broadcast::{CellBroadcast, Classes, Road};
use delivery::channel::chat::Chat;
use delivery::channel::http::{HttpSettings, Peer};
use delivery::channel::mail::{Mail, MailSettings, Past, Security};
use delivery::channel::mqtt::{AlertSink, AlertTopic, Mqtt};
use delivery::channel::public_address::{PublicAddress, PublicAddressSettings};
use delivery::channel::relay::{Relay, RelayRoad, RelaySettings};
use delivery::channel::signboard::{Signboard, SignboardSettings};
use delivery::channel::siren::{CommandSink, CommandTopic, Siren, SirenSettings};
use delivery::channel::smpp::{Smpp, SmppSettings};
use delivery::channel::sms_http::{Agency, AgencySettings};
use delivery::channel::webhook::{Webhook, WebhookSettings};
use delivery::contacts::{Addresses, Directory};
use delivery::ledger::DeliveryFilter;
use delivery::receipts::Receipts;
use delivery::text::Texts;
use delivery::{Batch, Channel, Courier, Ledger, Metrics, OutcomeSink, Secret, SinkError, Time};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, pending, ready};
use reading::Timestamp;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Longer than anything here takes; only a failing test waits for it.
const PATIENCE: Duration = Duration::from_secs(60);

/// How the far end is today.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    /// Takes the connection and never says a word.
    Blackhole,
    /// A byte now and then, and never the end of an answer.
    Slow,
    /// There at one moment, gone at the next.
    Flapping,
    /// Says yes in a way that means no.
    Lying,
    /// Somebody else says yes in its place: a portal that wants people to sign in.
    Portal,
}

const MOODS: [Mood; 5] = [Mood::Blackhole, Mood::Slow, Mood::Flapping, Mood::Lying, Mood::Portal];

/// Every kind of configuration that has a far end, one of them with both of its roads. The feed and the log have none:
/// they are files of our own. `every_kind_of_channel_meets_bad_peers` in src/config says when one is missing.
const KINDS: [&str; 14] = [
    "webhook",
    "chat",
    "sms-smpp",
    "sms-agency",
    "mail",
    "cap-gateway",
    "cell-broadcast",
    "cell-broadcast-ecbe",
    "public-address",
    "siren",
    "relay-siren",
    "signboard",
    "mqtt",
    "alertmanager",
];

const LIE: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 33\r\n\r\n\
    {\"error\":\"database is read-only\"}";

const PORTAL: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 51\r\n\r\n\
    <!DOCTYPE html><html><title>Sign in</title></html>\n";

/// A far end in a mood, over TCP; it lives as long as the runtime.
async fn peer(mood: Mood) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        for number in 0_u32.. {
            let Ok((stream, _)) = listener.accept().await else { return };
            tokio::spawn(serve(stream, mood, number));
        }
    });
    address
}

async fn serve(mut stream: TcpStream, mood: Mood, number: u32) {
    let mut taken = vec![0; 64 << 10];
    match mood {
        Mood::Blackhole => while stream.read(&mut taken).await.is_ok_and(|read| read > 0) {},
        Mood::Slow => {
            for byte in LIE.iter().cycle().take(LIE.len() - 1) {
                tokio::time::sleep(Duration::from_millis(100)).await;
                if stream.write_all(&[*byte]).await.is_err() {
                    return;
                }
            }
            pending::<()>().await;
        }
        Mood::Flapping if number.is_multiple_of(2) => drop(stream),
        Mood::Flapping => drop(stream.read(&mut taken).await),
        Mood::Lying | Mood::Portal => {
            let said = if mood == Mood::Lying { LIE } else { PORTAL };
            while stream.read(&mut taken).await.is_ok_and(|read| read > 0) {
                if stream.write_all(said).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// A broker in a mood.
struct Broker(Mood, std::sync::atomic::AtomicU32);

impl CommandSink for Broker {
    fn publish(
        &self,
        _topic: CommandTopic,
        _payload: Vec<u8>,
        _expiry: Duration,
    ) -> BoxFuture<'_, Result<(), String>> {
        self.take()
    }
}

impl AlertSink for Broker {
    fn retain(
        &self,
        _topic: AlertTopic,
        _payload: Vec<u8>,
        _expiry: Duration,
    ) -> BoxFuture<'_, Result<(), String>> {
        self.take()
    }
}

impl Broker {
    fn take(&self) -> BoxFuture<'_, Result<(), String>> {
        let number = self.1.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        match self.0 {
            Mood::Blackhole | Mood::Slow => pending().boxed(),
            Mood::Flapping if number.is_multiple_of(2) => ready(Err("gone".into())).boxed(),
            Mood::Flapping | Mood::Lying | Mood::Portal => ready(Ok(())).boxed(), // takes it, and no device answers
        }
    }
}

/// A clock that stands still: what is due is due.
struct Still(Timestamp);

impl Time for Still {
    fn now(&self) -> Timestamp {
        self.0
    }

    fn sleep_until(&self, at: Timestamp) -> BoxFuture<'static, ()> {
        if at <= self.0 { ready(()).boxed() } else { pending().boxed() }
    }
}

/// Outcomes as they are journaled.
struct Journal(mpsc::UnboundedSender<Outcome>);

impl OutcomeSink for Journal {
    fn append(&self, outcome: Outcome) -> BoxFuture<'_, Result<(), SinkError>> {
        ready(self.0.send(outcome).map_err(|_| SinkError("closed".into()))).boxed()
    }
}

/// What everything here works with.
struct Room {
    folder: tempfile::TempDir,
    ledger: Arc<Ledger>,
    journal: Arc<Journal>,
    outcomes: mpsc::UnboundedReceiver<Outcome>,
    time: Arc<Still>,
    texts: Arc<Texts>,
    alert: Delivery,
    stop: CancellationToken,
}

impl Room {
    fn new() -> Self {
        rustls::crypto::ring::default_provider().install_default().ok();
        let folder = tempfile::tempdir().unwrap();
        let contacts = "id,role,phone,mail\noffice,officer,010-1234-5678,office@city.example\n";
        std::fs::write(folder.path().join("contacts.csv"), contacts).unwrap();
        let (ledger, _) = Ledger::open(folder.path().join("ledger.sqlite")).unwrap();
        let (send, outcomes) = mpsc::unbounded_channel();
        let alert = alert();
        let time = Arc::new(Still(alert.owed_at));
        let texts = Texts::new(vec![], text("시청"), String::new(), String::new());
        Self {
            folder,
            ledger: Arc::new(ledger),
            journal: Arc::new(Journal(send)),
            outcomes,
            time,
            texts: Arc::new(texts),
            alert,
            stop: CancellationToken::new(),
        }
    }

    fn addresses(&self) -> Addresses {
        let directory = Directory::new(self.folder.path().join("contacts.csv"));
        Addresses::new(Arc::new(directory), self.time.clone())
    }

    /// A channel of a kind to a far end in a mood.
    async fn channel(&self, kind: &str, mood: Mood, within: Duration) -> Arc<dyn Channel> {
        let at = peer(mood).await;
        let http = || Peer::new(&self.http(at, within)).unwrap();
        let texts = self.texts.clone();
        let broker = || Arc::new(Broker(mood, Default::default()));
        let post = || {
            let place = ("cut-1".parse().unwrap(), "post-1".parse().unwrap());
            BTreeMap::from([("office".to_owned(), place)])
        };
        match kind {
            "webhook" => {
                let secret = format!("whsec_{}", "A".repeat(32));
                let settings = WebhookSettings {
                    http: self.http(at, within),
                    secret: Secret::new(secret),
                    cap_base_url: None,
                };
                Arc::new(Webhook::new(&settings, self.time.clone()).unwrap())
            }
            "chat" => Arc::new(Chat::new(http(), texts, vec![Language::Ko])),
            "sms-smpp" => {
                let settings = SmppSettings {
                    host: at.ip().to_string(),
                    port: at.port(),
                    system_id: "bongsu".into(),
                    password: Secret::new("secret"),
                    system_type: String::new(),
                    source: "15440000".into(),
                    test_number: None,
                    window: 2,
                    timeout: within,
                    enquire_every: Duration::from_secs(30),
                };
                let receipts = Receipts::new(
                    kind.parse().unwrap(),
                    self.ledger.clone(),
                    self.journal.clone(),
                    Metrics::unread(),
                    self.time.clone(),
                );
                Arc::new(Smpp::new(settings, texts, self.addresses(), receipts).unwrap())
            }
            "sms-agency" => {
                let settings = AgencySettings {
                    content_type: "application/json".into(),
                    body: r#"{"to":"{{ to }}","text":"{{ text }}"}"#.into(),
                    from: "15440000".into(),
                    reference: Some("/id".into()),
                    bytes_max: 2_000,
                    test_number: None,
                };
                Arc::new(Agency::new(http(), settings, texts, self.addresses()))
            }
            "mail" => {
                let settings = MailSettings {
                    host: at.ip().to_string(),
                    port: at.port(),
                    security: Security::None,
                    credentials: None,
                    authorities_pem: None,
                    from: "bongsu@city.example".into(),
                    timeout: within,
                };
                let nothing: Past = Arc::new(|_, _, _| vec![]);
                Arc::new(Mail::new(&settings, texts, self.addresses(), nothing, None).unwrap())
            }
            "cap-gateway" => {
                let store = Store::open(self.cap(&format!("cap-{mood:?}"))).unwrap().0;
                Arc::new(Gateway::new(http(), Arc::new(store), Proof::Acknowledgement, None))
            }
            "cell-broadcast" | "cell-broadcast-ecbe" => {
                let road = match kind {
                    "cell-broadcast" => Road::Json,
                    _ => Road::Ecbe { name: "bongsu".into(), simulated: true },
                };
                let languages = vec![Language::Ko];
                Arc::new(CellBroadcast::new(http(), road, Classes::default(), languages, texts))
            }
            "public-address" => {
                let settings = PublicAddressSettings {
                    language: Language::En,
                    times: 1,
                    same: None,
                    simulated: false,
                };
                Arc::new(PublicAddress::new(http(), settings, texts))
            }
            "siren" => {
                let settings = SirenSettings {
                    sirens: post(),
                    duration: Duration::from_secs(180),
                    valid_for: Duration::from_secs(120),
                    simulated: false,
                };
                Arc::new(Siren::new(settings, broker(), self.time.clone()))
            }
            "relay-siren" => Arc::new(Relay::new(RelaySettings {
                road: RelayRoad::Tcp(at),
                unit: 1,
                coil: 0,
                duration_register: None,
                duration: Duration::from_secs(180),
                timeout: within,
                simulated: false,
            })),
            "signboard" => {
                let settings = SignboardSettings {
                    boards: post(),
                    sign: Sign { columns: 12, lines: 2, screens: 4 },
                    screen_time: Duration::from_secs(3),
                    language: Language::Ko,
                    valid_for: Duration::from_secs(600),
                    simulated: false,
                };
                Arc::new(Signboard::new(settings, texts, broker(), self.time.clone()))
            }
            "mqtt" => Arc::new(Mqtt::new(broker(), self.time.clone(), false, None)),
            "alertmanager" => Arc::new(Alertmanager::new(vec![http()], "http://bongsu".into())),
            other => panic!("no channel of kind {other}"),
        }
    }

    fn http(&self, at: SocketAddr, within: Duration) -> HttpSettings {
        HttpSettings {
            url: Secret::new(format!("http://{at}/hook")),
            timeout: within,
            authorities_pem: None,
            authorization: None,
        }
    }

    fn cap(&self, folder: &str) -> CapSettings {
        CapSettings {
            folder: self.folder.path().join(folder),
            sender: "bongsu@city.example".into(),
            sender_name: text("시청"),
            contact: String::new(),
            restriction: String::new(),
            base_url: "http://bongsu".into(),
            gateway: Some("cap-gateway".parse().unwrap()),
            profile: Profile::korea(),
            signer: None,
        }
    }

    /// So many deliveries of one alert on a channel.
    fn owed(&self, name: &str, many: u32) -> Vec<Delivery> {
        let owed = |number: u32| {
            let mut delivery = self.alert.clone();
            delivery.channel = name.parse().unwrap();
            delivery.recipient = "office".into();
            delivery.alert.revision += number;
            let alert = &delivery.alert;
            delivery.key = DeliveryKey::new(
                &alert.incident,
                alert.revision,
                alert.purpose,
                &delivery.channel,
                &delivery.recipient,
            );
            delivery
        };
        (0..many).map(owed).collect()
    }

    fn commit(&self, deliveries: impl IntoIterator<Item = Delivery>) {
        let position = self.ledger.position() + 1;
        let mut batch = Batch::default();
        batch.decided(position, deliveries.into_iter().map(Action::Owe));
        self.ledger.commit(position, self.alert.owed_at, &batch).unwrap();
    }

    fn start(&self, name: &str, channel: Arc<dyn Channel>) {
        let courier = Courier::new(
            name.parse().unwrap(),
            channel,
            self.ledger.owed().unwrap(),
            self.journal.clone(),
            self.time.clone(),
            Metrics::unread(),
        );
        tokio::spawn(courier.run(self.stop.clone()));
    }

    async fn outcome(&mut self) -> Outcome {
        timeout(PATIENCE, self.outcomes.recv()).await.expect("an outcome comes").unwrap()
    }
}

/// An alert for the public about a slope that fails.
fn alert() -> Delivery {
    let mut world = World::new(setup());
    for i in 0..4 {
        world.read(minute(i), 0, 3.5);
    }
    let owed = world.actions.into_iter().filter_map(|action| match action {
        Action::Owe(delivery) if delivery.channel.as_str() == "public" => Some(delivery),
        _ => None,
    });
    owed.last().unwrap()
}

/// Whether an outcome is what a channel of this kind may say of a far end in this mood.
fn fits(kind: &str, mood: Mood, result: &AttemptResult) -> bool {
    match (kind, mood, result) {
        // the broker took it; no device says anything, and who reads it stays unknown
        ("siren" | "signboard" | "mqtt", Mood::Lying | Mood::Portal | Mood::Flapping, result) => {
            matches!(result, AttemptResult::HandedOver { .. } | AttemptResult::Retry { .. })
        }
        (_, Mood::Lying | Mood::Portal, AttemptResult::Refused { .. }) => true,
        (_, _, AttemptResult::Retry { .. } | AttemptResult::Unknown) => true,
        _ => false,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g06_whatever_a_peer_does_every_attempt_ends_and_proves_nothing() {
    let mut room = Room::new();
    let within = Duration::from_millis(400);
    let mut waits = BTreeMap::new();
    for kind in KINDS {
        for (number, mood) in MOODS.into_iter().enumerate() {
            let name = format!("{kind}-{number}");
            let channel = room.channel(kind, mood, within).await;
            room.commit(room.owed(&name, 2)); // before its courier looks: nobody wakes it here
            let (ledger, journal) = (room.ledger.owed().unwrap(), room.journal.clone());
            let courier = Courier::new(
                name.parse().unwrap(),
                channel,
                ledger,
                journal,
                room.time.clone(),
                Metrics::unread(),
            );
            // a channel that hangs itself is cut off
            let courier = courier.limited(Duration::from_secs(3), Duration::ZERO);
            tokio::spawn(courier.run(room.stop.clone()));
            waits.insert(name, (kind, mood, 2));
        }
    }
    let mut wrong = Vec::new();
    while waits.values().any(|(_, _, left)| *left > 0) {
        let Ok(outcome) = timeout(PATIENCE, room.outcomes.recv()).await else { break };
        let outcome = outcome.unwrap();
        let name = outcome.key.as_str().split('_').nth(6).unwrap().to_owned();
        let (kind, mood, left) = waits.get_mut(&name).unwrap();
        *left -= 1;
        if !fits(kind, *mood, &outcome.result) {
            wrong.push(format!("{kind}, {mood:?}: {:?}", outcome.result));
        }
    }
    waits.retain(|_, (_, _, left)| *left > 0);
    assert!(waits.is_empty(), "attempts without an end: {waits:?}");
    assert!(wrong.is_empty(), "{wrong:#?}");
    room.stop.cancel();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g06_while_every_other_channel_hangs_one_that_works_keeps_its_budget() {
    let mut room = Room::new();
    for kind in KINDS {
        let channel = room.channel(kind, Mood::Blackhole, Duration::from_secs(50)).await;
        room.commit(room.owed(kind, 2));
        room.start(kind, channel);
    }
    let receiver = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = receiver.local_addr().unwrap();
    let honest = axum::Router::new().route("/hook", axum::routing::post(|| async { "taken" }));
    tokio::spawn(async { axum::serve(receiver, honest).await });
    let settings = WebhookSettings {
        http: room.http(at, Duration::from_secs(10)),
        secret: Secret::new(format!("whsec_{}", "A".repeat(32))),
        cap_base_url: None,
    };
    room.commit(room.owed("works", 30));
    room.start("works", Arc::new(Webhook::new(&settings, room.time.clone()).unwrap()));
    for _ in 0..30 {
        let outcome = room.outcome().await;
        let AttemptResult::Delivered { .. } = outcome.result else {
            panic!("{outcome:?}: nothing else ends before the one that works is done");
        };
    }
    for kind in KINDS {
        let filter =
            DeliveryFilter { channel: Some(kind.parse().unwrap()), ..DeliveryFilter::default() };
        let states: Vec<_> =
            room.ledger.deliveries(&filter, 10).unwrap().iter().map(|row| row.state).collect();
        assert!(states.contains(&DeliveryState::Attempting), "{kind}: {states:?}");
        assert!(states.contains(&DeliveryState::Queued), "{kind}: one at a time, {states:?}");
    }
    room.stop.cancel();
}
