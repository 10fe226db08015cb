//! The embedded MQTT broker, for small sites and the demo: nothing else to install.
//!
//! It speaks MQTT 5 and 3.1.1 over TCP. What makes it ours is the [`PublishHook`]: every message a client publishes
//! is shown to it *before* the client gets its PUBACK (QoS 1) or PUBREC (QoS 2), and the answer is waited for. So a
//! hook that journals makes the sender's acknowledgement mean "on disk". A hook that withholds ends that client's
//! connection unanswered, and the client sends the message again when it is back.
//!
//! The broker is the crate `mqtt5`; nothing outside this crate names its types. It is built without optimisation,
//! see the workspace manifest.
//!
//! Gateways have a [`gateway::Book`]: names, proofs, and which stations each speaks for. The same book is written for a
//! mosquitto ([`mosquitto`]), and certificates come from a small [`authority`] of our own.
//!
//! Limits: one message of a client at a time is with the hook, so a single connection brings one message per answer
//! (many connections go side by side).
#![forbid(unsafe_code)]

mod file;
mod digest;
pub mod gateway;
pub mod authority;
pub mod mosquitto;
mod door;
mod owner;
mod tls;
mod hook;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use mqtt5::broker::config::{StorageBackend, StorageConfig};
use mqtt5::broker::{BrokerShutdownHandle, MqttBroker};
use parking_lot::RwLock;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use gateway::{Book, BookError};

pub use digest::{Digest, NoChance, new_password};
pub use door::{Secret, Trespass, User, Watchman};
pub use hook::{PublishHook, Published, Qos, Verdict, VerdictFuture};
pub use owner::{OWNER, OwnerError, owner_key};
pub use tls::TlsSettings;

/// How often sessions that ran out are removed.
const CLEAN_EVERY: Duration = Duration::from_secs(60);
/// How long a stop may take until connections are cut.
const STOP_MAX: Duration = Duration::from_secs(8);
/// How many topics may hold a retained message.
const RETAINED_MAX: usize = 100_000;
/// How many messages wait for one client that is away or slow.
const QUEUED_MAX: usize = 10_000;
/// How many messages of QoS 2 a client may have half done.
const QOS2_MAX: u16 = 1_024;

/// How often it is looked whether the book of gateways has changed.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Where the broker listens, and to whom.
#[derive(Clone)]
pub struct BrokerConfig {
    /// Address and port; port 0 takes a free one, see [`Broker::local_addr`].
    pub bind: SocketAddr,
    /// Who may sign in from anywhere.
    pub users: Vec<User>,
    /// The folder of the book of gateways; changes to it hold within a second.
    pub gateways: Option<PathBuf>,
    /// How clients reach it over TLS.
    pub tls: Option<TlsSettings>,
    /// Who is told what gateways were not allowed.
    pub watchman: Option<Watchman>,
    /// Whether clients on this machine may come in without a user.
    pub anonymous_on_loopback: bool,
    /// The longest packet a client may send, in bytes, at least 1024.
    pub max_packet_size: usize,
    /// How many clients may be connected at once.
    pub max_clients: usize,
    /// Where sessions and retained messages outlive the process; without one they live in memory. Where nobody comes in
    /// without a name, the broker's owner has its key here, see [`owner_key`].
    pub data_dir: Option<PathBuf>,
}

impl BrokerConfig {
    /// A broker for this machine only, without users, that remembers nothing after it.
    pub fn loopback(port: u16) -> Self {
        Self {
            bind: ([127, 0, 0, 1], port).into(),
            users: Vec::new(),
            gateways: None,
            tls: None,
            watchman: None,
            anonymous_on_loopback: true,
            max_packet_size: 16 << 20,
            max_clients: 10_000,
            data_dir: None,
        }
    }
}

/// Why the broker does not run.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// It could not be set up: the address is taken, the folder not writable, a limit out of bounds.
    #[error("embedded broker on {bind}: {reason}; is another broker running there?")]
    Start {
        /// Where it was to listen.
        bind: SocketAddr,
        /// What went wrong.
        reason: String,
    },
    /// Nobody could ever come in.
    #[error(
        "embedded broker on {bind}: no users, no gateways and nobody without one; add a user or allow anonymous clients on loopback"
    )]
    Nobody {
        /// Where it was to listen.
        bind: SocketAddr,
    },
    /// The book of gateways cannot be read.
    #[error(transparent)]
    Book(#[from] BookError),
    /// Its owner has no key.
    #[error(transparent)]
    Owner(#[from] OwnerError),
    /// TLS cannot be spoken.
    #[error("embedded broker, TLS on {listen}: {reason}")]
    Tls {
        /// Where it was to listen.
        listen: SocketAddr,
        /// What is wrong.
        reason: String,
    },
    /// It ended by itself.
    #[error("embedded broker on {bind} ended by itself: {reason}")]
    Ended {
        /// Where it listened.
        bind: SocketAddr,
        /// What it says.
        reason: String,
    },
}

/// A running broker. Dropping it stops it without waiting.
pub struct Broker {
    local_addr: SocketAddr,
    tls_addr: Option<SocketAddr>,
    cancel: CancellationToken,
    handle: BrokerShutdownHandle,
    task: JoinHandle<Result<(), String>>,
}

impl Broker {
    /// Starts a broker; clients can connect once this returns. `hook` is asked about every message.
    ///
    /// # Errors
    /// [`BrokerError`].
    pub async fn start(
        config: BrokerConfig,
        hook: Arc<dyn PublishHook>,
    ) -> Result<Self, BrokerError> {
        let bind = config.bind;
        if config.users.is_empty() && config.gateways.is_none() && !config.anonymous_on_loopback {
            return Err(BrokerError::Nobody { bind });
        }
        let failed = |reason: String| BrokerError::Start { bind, reason };
        let cancel = CancellationToken::new();
        let asking = Arc::new(hook::Asking::new(hook, cancel.clone()));
        let book = match &config.gateways {
            Some(folder) => Book::open(folder)?,
            None => Book::default(),
        };
        let (book, arrivals) = (Arc::new(RwLock::new(book)), Arc::<door::Arrivals>::default());
        let mut users = config.users.clone();
        if let Some(data_dir) = &config.data_dir {
            users.extend(owner::owner(data_dir, !config.anonymous_on_loopback)?);
        }
        let door = Arc::new(door::Door::new(
            users,
            config.anonymous_on_loopback,
            book.clone(),
            arrivals.clone(),
            config.watchman.clone(),
        ));
        let mut broker =
            MqttBroker::with_config(settings(&config).with_event_handler(asking.clone()))
                .await
                .map_err(|error| failed(error.to_string()))?
                .with_auth_provider(door);
        asking.set_router(broker.router());
        let local_addr = broker.local_addr().ok_or_else(|| failed("it listens nowhere".into()))?;
        let (handle, mut ready) = (broker.shutdown_handle(), broker.ready_receiver());
        let task =
            tokio::spawn(async move { broker.run().await.map_err(|error| error.to_string()) });
        let mut broker = Self { local_addr, tls_addr: None, cancel, handle, task };
        if ready.wait_for(|ready| *ready).await.is_err() {
            return Err(failed("it ended before it was ready".into()));
        }
        asking.serve();
        if let Some(folder) = config.gateways {
            tokio::spawn(follow(folder, book.clone(), asking, broker.cancel.clone()));
        }
        if let Some(settings) = &config.tls {
            broker.tls_addr = Some(broker.speak_tls(settings, book, arrivals).await?);
        }
        Ok(broker)
    }

    async fn speak_tls(
        &self,
        settings: &TlsSettings,
        book: Arc<RwLock<Book>>,
        arrivals: Arc<door::Arrivals>,
    ) -> Result<SocketAddr, BrokerError> {
        let listen = settings.listen;
        let failed = |reason: String| BrokerError::Tls { listen, reason };
        let acceptor = tls::acceptor(settings).map_err(failed)?;
        let listener =
            TcpListener::bind(listen).await.map_err(|error| failed(error.to_string()))?;
        let address = listener.local_addr().map_err(|error| failed(error.to_string()))?;
        let mut broker = self.local_addr;
        if broker.ip().is_unspecified() {
            broker.set_ip(Ipv4Addr::LOCALHOST.into());
        }
        let cancel = self.cancel.clone();
        let terminal = tls::Terminal { acceptor, broker, book, arrivals, cancel };
        tokio::spawn(terminal.run(listener));
        Ok(address)
    }

    /// Where it listens for TLS, if it does.
    pub fn tls_addr(&self) -> Option<SocketAddr> {
        self.tls_addr
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Resolves if the broker ends by itself, which it should not.
    pub async fn ended(&mut self) -> BrokerError {
        let reason = match (&mut self.task).await {
            Ok(Ok(())) => "no reason given".into(),
            Ok(Err(reason)) => reason,
            Err(error) => error.to_string(),
        };
        BrokerError::Ended { bind: self.local_addr, reason }
    }

    /// Stops: messages the hook has not answered stay unacknowledged, clients are told, sessions are kept as far as
    /// there is a folder for them. Wills that fire now are nobody's fault but ours and are not shown to the hook.
    pub async fn shutdown(mut self) {
        self.cancel.cancel();
        self.handle.shutdown();
        if tokio::time::timeout(STOP_MAX, &mut self.task).await.is_err() {
            tracing::warn!(bind = %self.local_addr, "embedded broker did not stop in time, cut off");
            self.task.abort();
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.cancel.cancel();
        self.handle.shutdown();
    }
}

/// Takes over the book of gateways when it has changed. Whoever was let in and is no more is cut off.
async fn follow(
    folder: PathBuf,
    book: Arc<RwLock<Book>>,
    asking: Arc<hook::Asking>,
    cancel: CancellationToken,
) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            () = cancel.cancelled() => return,
        }
        let path = folder.clone();
        let read = match tokio::task::spawn_blocking(move || Book::open(&path)).await {
            Ok(Ok(read)) => read,
            Ok(Err(error)) => {
                tracing::warn!(%error, "the book of gateways cannot be read; the one before holds");
                continue;
            }
            Err(_) => continue,
        };
        if read == *book.read() {
            continue;
        }
        let was_in = |name: &str| book.read().get(name).is_some_and(|gateway| !gateway.revoked);
        let gone: Vec<String> = read
            .iter()
            .filter(|(name, gateway)| gateway.revoked && was_in(name))
            .map(|(name, _)| name.to_owned())
            .collect();
        tracing::info!(gateways = read.iter().count(), revoked = ?gone, "the book of gateways has changed");
        *book.write() = read;
        asking.cut_off(&gone).await;
    }
}

fn settings(config: &BrokerConfig) -> mqtt5::broker::BrokerConfig {
    let storage = match &config.data_dir {
        Some(folder) => {
            StorageConfig::new().with_backend(StorageBackend::File).with_base_dir(folder.clone())
        }
        None => StorageConfig::new().with_backend(StorageBackend::Memory),
    };
    mqtt5::broker::BrokerConfig::new()
        .with_bind_address(config.bind)
        .with_max_clients(config.max_clients)
        .with_max_packet_size(config.max_packet_size)
        .with_max_retained_messages(RETAINED_MAX)
        .with_server_receive_maximum(QOS2_MAX)
        .with_sys_topics_enabled(false)
        .with_storage(
            storage
                .with_cleanup_interval(CLEAN_EVERY)
                .with_max_queued_messages_per_client(QUEUED_MAX),
        )
}
