//! The ways in: brokers we subscribe to and the broker we may be ourselves, with the ways back to the field; ports and
//! buses.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use broker::{Broker, BrokerConfig, User, Watchman};
use ingest::clock::Clock;
use ingest::collector::config::{BrokerUrl, Filters, MqttConfig, Password};
use ingest::collector::embedded::Embedded;
use ingest::collector::event::{Event, Happening, Listener, Role};
use ingest::collector::http::{self, Hidden, HttpConfig};
use ingest::collector::metrics::CollectorMetrics;
use ingest::collector::mqtt::{MqttCollector, Wiring};
use ingest::collector::publisher::Publisher;
use ingest::collector::serial::{bus, port};
use ingest::collector::stored::StoredAcks;
use ingest::journal::{Entry, Journal, Kind};
use parking_lot::Mutex;
use reading::Timestamp;
use reading::codec::{Feed, Root};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::config::{
    BrokerSettings, Collector, CollectorKind, Config, FetchSettings, HttpUrl, MqttSettings,
    SecretRef, resolve_secret, sparkplug_host,
};
use crate::desk::events::{CollectorEvent, payload};

/// How many events of connections may wait to be journaled; what comes on top is logged only.
const EVENTS_MAX: usize = 256;

/// Where the embedded broker keeps its sessions and the key of its owner, in the data folder.
const BROKER: &str = "broker";

/// What a gateway is not allowed is told so often at most; all is counted.
const TRESPASS_EVERY: Duration = Duration::from_secs(60);

/// How much of its topic is shown.
const TOPIC_SHOWN: usize = 120;

/// How a collector stands.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    /// Why each of its sessions does not receive at present; none if it does.
    pub sessions: BTreeMap<Role, Option<String>>,
    /// What its broker says it is.
    pub version: Option<String>,
    /// Whether its broker keeps our session while we are away, once that is known.
    pub persists: Option<bool>,
}

/// How every collector stands.
pub type Watch = Arc<Mutex<BTreeMap<String, Standing>>>;

/// Every collector, running.
pub struct Collectors {
    /// Ways back to the field, by collector.
    pub publishers: BTreeMap<String, Publisher>,
    /// Acknowledgements to stations, by collector.
    pub stored: BTreeMap<String, StoredAcks>,
    /// Where the embedded broker listens.
    pub broker_addr: Option<SocketAddr>,
    /// How each stands.
    pub watch: Watch,
    brokers: Vec<Broker>,
    mqtt: Vec<MqttCollector>,
    wires: Vec<JoinHandle<()>>,
    tasks: JoinSet<()>,
    /// Journals what happens to collectors, until all have ended.
    scribe: AbortOnDropHandle<()>,
    is_over: CancellationToken,
}

/// What collectors are given.
pub struct Ground<'a> {
    /// Where frames go.
    pub journal: &'a Journal,
    /// What time it is.
    pub clock: &'a Clock,
    /// What topics of our own stations start with.
    pub root: Root,
    /// What is counted.
    pub metrics: CollectorMetrics,
    /// When they stop receiving.
    pub stop: &'a CancellationToken,
    /// When the ways back end: later, couriers need them.
    pub stop_publishing: &'a CancellationToken,
}

impl Collectors {
    /// Starts all of them. Whether a broker answers is not waited for.
    ///
    /// # Errors
    /// What can never work as configured.
    pub async fn start(config: &Config, ground: &Ground<'_>) -> anyhow::Result<Self> {
        let watch: Watch = Arc::default();
        let (events, inbox) = mpsc::channel(EVENTS_MAX);
        let is_over = CancellationToken::new();
        let scribe = AbortOnDropHandle::new(tokio::spawn(journal_events(
            inbox,
            ground.journal.clone(),
            ground.clock.clone(),
            watch.clone(),
            is_over.clone(),
        )));
        let mut all = Self {
            publishers: BTreeMap::new(),
            stored: BTreeMap::new(),
            broker_addr: None,
            watch,
            brokers: Vec::new(),
            mqtt: Vec::new(),
            wires: Vec::new(),
            tasks: JoinSet::new(),
            scribe,
            is_over,
        };
        for collector in &config.collectors {
            let of_collector = |feed: &&Feed| feed.source == collector.name;
            let feeds: Vec<_> = config.setup.feeds.iter().filter(of_collector).cloned().collect();
            let feeds = feeds.as_slice();
            let started = match &collector.kind {
                CollectorKind::Mqtt(settings) => {
                    all.start_mqtt(collector, settings, feeds, &config.data_dir, ground, &events)
                }
                CollectorKind::EmbeddedBroker(settings) => {
                    let folder = &config.data_dir;
                    all.start_broker(collector, settings, feeds, folder, ground, &events).await
                }
                CollectorKind::Serial(settings) => {
                    let wiring = wiring(ground, &events, ground.stop);
                    let intake = Arc::new(ground.journal.clone());
                    all.wires.push(port::start(settings.port.clone(), intake, &wiring));
                    Ok(())
                }
                CollectorKind::Modbus(settings) => {
                    let wiring = wiring(ground, &events, ground.stop);
                    let intake = Arc::new(ground.journal.clone());
                    all.wires.push(bus::start(settings.bus.clone(), intake, &wiring));
                    Ok(())
                }
                CollectorKind::Http(settings) => {
                    let wiring = wiring(ground, &events, ground.stop);
                    let intake = Arc::new(ground.journal.clone());
                    let started = http_config(&collector.name, settings)
                        .and_then(|config| Ok(http::start(config, intake, &wiring)?));
                    started.map(|task| all.wires.push(task))
                }
            };
            started.with_context(|| format!("collector `{}` cannot be started", collector.name))?;
        }
        Ok(all)
    }

    fn start_mqtt(
        &mut self,
        collector: &Collector,
        settings: &MqttSettings,
        feeds: &[Feed],
        data_dir: &Path,
        ground: &Ground<'_>,
        events: &mpsc::Sender<Event>,
    ) -> anyhow::Result<()> {
        let mut config = mqtt_config(&collector.name, settings, data_dir)?;
        config.filters = mqtt_filters(ground.root, settings, feeds);
        config.sparkplug_host = feeds.iter().find_map(sparkplug_host).map(Into::into);
        std::fs::create_dir_all(&config.data_dir)?;
        self.mqtt.push(MqttCollector::start(
            &config,
            Arc::new(ground.journal.clone()),
            &wiring(ground, events, ground.stop),
        )?);
        self.start_publisher(&config, ground, events)
    }

    async fn start_broker(
        &mut self,
        collector: &Collector,
        settings: &BrokerSettings,
        feeds: &[Feed],
        data_dir: &Path,
        ground: &Ground<'_>,
        events: &mpsc::Sender<Event>,
    ) -> anyhow::Result<()> {
        let hook = Embedded::new(
            &collector.name,
            filters(ground.root, feeds),
            Arc::new(ground.journal.clone()),
            &wiring(ground, events, ground.stop),
        );
        let mut config = BrokerConfig::loopback(0);
        config.bind = settings.listen;
        config.anonymous_on_loopback = settings.users.is_empty() && settings.gateways.is_none();
        config.gateways.clone_from(&settings.gateways);
        config.tls.clone_from(&settings.tls);
        config.watchman = Some(watchman(&collector.name, ground, events));
        config.data_dir = Some(data_dir.join(BROKER));
        for user in &settings.users {
            let password = resolve_secret(&user.password)?;
            config.users.push(User {
                name: user.name.clone(),
                password: broker::Secret::new(password.expose()),
            });
        }
        let broker = Broker::start(config, Arc::new(hook)).await?;
        let address = broker.local_addr();
        self.broker_addr = Some(address);
        self.brokers.push(broker);
        let up = Happening::Up { session_present: true };
        events
            .send(Event { collector: collector.name.clone(), role: Role::Telemetry, happening: up })
            .await
            .ok();

        let mut client = broker_config(&collector.name, address, data_dir)?;
        client.sparkplug_host = feeds.iter().find_map(sparkplug_host).map(Into::into);
        std::fs::create_dir_all(&client.data_dir)?;
        self.start_publisher(&client, ground, events)
    }

    fn start_publisher(
        &mut self,
        config: &MqttConfig,
        ground: &Ground<'_>,
        events: &mpsc::Sender<Event>,
    ) -> anyhow::Result<()> {
        let (publisher, task) =
            Publisher::start(config, &wiring(ground, events, ground.stop_publishing))?;
        let (stored, acks) = StoredAcks::start(publisher.clone(), ground.root, ground.stop.clone());
        self.publishers.insert(config.name.clone(), publisher);
        self.stored.insert(config.name.clone(), stored);
        for task in [task, acks] {
            self.tasks.spawn(async move {
                if let Err(error) = task.await {
                    tracing::error!(%error, "a task of a publisher ended badly");
                }
            });
        }
        Ok(())
    }

    /// Resolves when one of them ends by itself, which none should.
    pub async fn ended(&mut self) -> anyhow::Error {
        let brokers = self
            .brokers
            .iter_mut()
            .map(|broker| Box::pin(async { anyhow::Error::new(broker.ended().await) }) as _);
        let mqtt = self.mqtt.iter_mut().map(|mqtt| {
            Box::pin(async {
                match mqtt.ended().await {
                    Err(error) => anyhow::Error::new(error),
                    Ok(()) => std::future::pending().await,
                }
            }) as _
        });
        let wires = self.wires.iter_mut().map(|wire| {
            Box::pin(async {
                match wire.await {
                    Err(error) => anyhow::Error::new(error).context("a port or bus ended badly"),
                    Ok(()) => std::future::pending().await,
                }
            }) as _
        });
        let all: Vec<std::pin::Pin<Box<dyn Future<Output = anyhow::Error> + Send>>> =
            brokers.chain(mqtt).chain(wires).collect();
        if all.is_empty() {
            return std::future::pending().await;
        }
        futures_util::future::select_all(all).await.0
    }

    /// Waits until nothing is received any more.
    pub async fn stopped(&mut self, grace: Duration) {
        for mqtt in &mut self.mqtt {
            if tokio::time::timeout(grace, mqtt.ended()).await.is_err() {
                tracing::warn!("a collector did not stop in time");
            }
        }
        for wire in &mut self.wires {
            // One that has ended already is not waited for again.
            if !wire.is_finished() && tokio::time::timeout(grace, wire).await.is_err() {
                tracing::warn!("a port or bus did not stop in time");
            }
        }
    }

    /// Ends the broker and the ways back.
    pub async fn shutdown(mut self, grace: Duration) {
        for broker in self.brokers {
            broker.shutdown().await;
        }
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(grace, ended).await.is_err() {
            tracing::warn!("a publisher did not stop in time");
        }
        self.is_over.cancel();
        if tokio::time::timeout(grace, self.scribe).await.is_err() {
            tracing::warn!("the last events of collectors could not be journaled in time");
        }
    }
}

/// How a broker is spoken to, its secrets read.
///
/// # Errors
/// A secret that cannot be read.
pub(crate) fn mqtt_config(
    name: &str,
    settings: &MqttSettings,
    data_dir: &Path,
) -> anyhow::Result<MqttConfig> {
    let url = BrokerUrl { host: settings.host.clone(), port: settings.port, tls: settings.tls };
    let mut config = MqttConfig::new(name, url, data_dir.join("collectors"));
    config.user.clone_from(&settings.user);
    if let Some(reference) = &settings.password {
        config.password = Some(Password::new(resolve_secret(reference)?.expose()));
    }
    config.ca_file.clone_from(&settings.ca_file);
    config.gateways.clone_from(&settings.gateways);
    config.receive_maximum = settings.in_flight;
    config.session_expiry = settings.session_expiry;
    Ok(config)
}

/// How our own broker is spoken to: at `address`, by the key of its owner where it asks for one.
///
/// # Errors
/// A key that cannot be read.
pub(crate) fn broker_config(
    name: &str,
    address: SocketAddr,
    data_dir: &Path,
) -> anyhow::Result<MqttConfig> {
    let host = match address.ip().is_unspecified() {
        true => "127.0.0.1".into(),
        false => address.ip().to_string(),
    };
    let url = BrokerUrl { host, port: address.port(), tls: false };
    let mut config = MqttConfig::new(name, url, data_dir.join("collectors"));
    if let Some(key) = broker::owner_key(&data_dir.join(BROKER))? {
        config.user = Some(broker::OWNER.into());
        config.password = Some(Password::new(key));
    }
    Ok(config)
}

/// How a document is fetched, its secrets read.
///
/// # Errors
/// A secret that cannot be read.
pub(crate) fn http_config(name: &str, settings: &FetchSettings) -> anyhow::Result<HttpConfig> {
    let hidden = |reference: &SecretRef| -> anyhow::Result<Hidden> {
        Ok(Hidden::new(resolve_secret(reference)?.expose()))
    };
    Ok(HttpConfig {
        name: name.into(),
        url: match &settings.http.url {
            HttpUrl::Plain(url) => Hidden::new(url),
            HttpUrl::Secret(reference) => hidden(reference)?,
        },
        authorization: settings.http.authorization.as_ref().map(hidden).transpose()?,
        interval: settings.interval,
        timeout: settings.http.timeout,
        ca_file: settings.http.ca_file.clone(),
    })
}

/// What is subscribed to: the topics of our own stations and those of foreign devices.
pub(crate) fn filters(root: Root, feeds: &[Feed]) -> Filters {
    let mut filters = Filters::under(root);
    for feed in feeds {
        let session = if feed.backfill { &mut filters.backfill } else { &mut filters.telemetry };
        session.push(feed.filter.clone());
    }
    filters
}

/// The same at a broker of somebody else's, where they may stand below the names of gateways.
pub(crate) fn mqtt_filters(root: Root, settings: &MqttSettings, feeds: &[Feed]) -> Filters {
    let filters = filters(root, feeds);
    if settings.gateways.is_some() { filters.behind_gateways() } else { filters }
}

fn wiring(ground: &Ground<'_>, events: &mpsc::Sender<Event>, stop: &CancellationToken) -> Wiring {
    let events = events.clone();
    let listener: Listener = Arc::new(move |event| {
        if let Err(error) = events.try_send(event) {
            tracing::warn!(%error, "too many connection events at once");
        }
    });
    Wiring {
        clock: ground.clock.clone(),
        metrics: ground.metrics.clone(),
        listener,
        cancel: stop.clone(),
    }
}

/// Counts what gateways were not allowed, and tells of each once a minute.
fn watchman(collector: &str, ground: &Ground<'_>, events: &mpsc::Sender<Event>) -> Watchman {
    let (collector, events) = (collector.to_owned(), events.clone());
    let (metrics, clock) = (ground.metrics.clone(), ground.clock.clone());
    let told: Mutex<BTreeMap<String, Timestamp>> = Mutex::default();
    Arc::new(move |gateway, what, topic| {
        metrics.trespassed(&collector, gateway, what.name());
        let now = clock.at();
        let mut told = told.lock();
        if told.get(gateway).is_some_and(|at| now.since(*at) < TRESPASS_EVERY) {
            return;
        }
        told.insert(gateway.into(), now);
        let happening = Happening::Trespass { gateway: gateway.into(), topic: topic.into() };
        let event = Event { collector: collector.clone(), role: Role::Telemetry, happening };
        if let Err(error) = events.try_send(event) {
            tracing::warn!(%error, "too many connection events at once");
        }
    })
}

/// The beginning of a topic, printable.
fn shown(topic: &str) -> String {
    topic.chars().filter(|c| !c.is_control()).take(TOPIC_SHOWN).collect()
}

/// Writes into the journal when a collector begins and ceases to receive; tells the rest to the log. Ends once
/// `is_over` and nothing waits: whoever may tell something, as each connection of a broker may, need not be gone by
/// then.
async fn journal_events(
    mut inbox: mpsc::Receiver<Event>,
    journal: Journal,
    clock: Clock,
    watch: Watch,
    is_over: CancellationToken,
) {
    loop {
        let event = tokio::select! {
            biased;
            event = inbox.recv() => event,
            () = is_over.cancelled() => None,
        };
        let Some(event) = event else { return };
        tracing::info!(collector = event.collector, role = event.role.name(), happening = ?event.happening, "collector");
        note_standing(&event, &watch);
        let news = match (&event.role, event.happening) {
            (Role::Telemetry, Happening::Up { .. }) => CollectorEvent::up(),
            (Role::Telemetry, Happening::Down { reason }) => CollectorEvent::down(reason),
            (_, Happening::BrokerDropped { more, total }) => CollectorEvent::lost(format!(
                "the broker dropped {more} messages ({total} since it started)"
            )),
            (_, Happening::Trespass { gateway, topic }) => {
                CollectorEvent::foreign(gateway, shown(&topic))
            }
            (_, Happening::TooFast { sender, refused }) => {
                CollectorEvent::too_fast(shown(&sender), refused)
            }
            (_, Happening::Slowed { sender, .. }) => CollectorEvent::slowed(shown(&sender)),
            (role, Happening::SessionLost) => {
                CollectorEvent::lost(format!("the broker forgot our {} session", role.name()))
            }
            _ => continue,
        };
        if journal.append(vec![entry(&event.collector, &news, &clock)]).await.is_err() {
            return; // the journal has ended, and so does the daemon
        }
    }
}

/// Notes what an event says of how its collector stands.
fn note_standing(event: &Event, watch: &Watch) {
    let mut watch = watch.lock();
    let standing = watch.entry(event.collector.clone()).or_default();
    match &event.happening {
        Happening::Up { .. } => drop(standing.sessions.insert(event.role, None)),
        Happening::Down { reason } => {
            standing.sessions.insert(event.role, Some(reason.clone()));
        }
        Happening::SessionPersists { persists, .. } => standing.persists = Some(*persists),
        Happening::Version { version } => standing.version = Some(shown(version)),
        _ => {}
    }
}

/// The journal entry that says whether a collector receives.
pub fn entry(collector: &str, event: &CollectorEvent, clock: &Clock) -> Entry {
    Entry {
        kind: Kind::Collector,
        source: collector.into(),
        topic: event.too_fast.as_ref().map_or("", |(sender, _)| sender).into(),
        retained: false,
        received_at: clock.wall(),
        payload: payload(event),
    }
}
