//! A broker of somebody else's: three durable sessions that receive, each on a connection of its own.
//!
//! | session | subscribes to | why apart |
//! |---|---|---|
//! | `telemetry` | live readings | what decides |
//! | `receipts` | `command/result`, `status` | a backlog of readings must not make a siren look dead |
//! | `backfill` | old readings | live ones stay first |
//!
//! A session outlives its connection and the daemon: the broker keeps what is published meanwhile. A frame is
//! acknowledged once the intake has it, in the order received. The fourth connection, which publishes, is the
//! [`publisher`](super::publisher): a connection that resumed its session cannot publish.

use std::sync::Arc;

use broker::gateway::BookError;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::Intake;
use super::config::{MqttConfig, MqttConfigError};
use super::connection::{ConnectError, Connector};
use super::event::{Listener, Role};
use super::gateways::Gateways;
use super::identity::{Identity, IdentityError};
use super::limit::{Limit, Word};
use super::metrics::CollectorMetrics;
use super::receiving::Reception;
use super::seat::Seat;
use super::selftest;
use super::subscriber::Subscriber;
use super::subscriptions::Subscriptions;
use crate::clock::Clock;

/// What a collector shares with the rest of the daemon.
#[derive(Clone)]
pub struct Wiring {
    /// What time it is.
    pub clock: Clock,
    /// What it counts.
    pub metrics: CollectorMetrics,
    /// Whom it tells.
    pub listener: Listener,
    /// When it stops.
    pub cancel: CancellationToken,
}

/// Why a collector cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration cannot be run.
    #[error(transparent)]
    Config(#[from] MqttConfigError),
    /// No connection can be prepared.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The book of gateways cannot be read.
    #[error(transparent)]
    Gateways(#[from] BookError),
    /// The memory of sessions cannot be used.
    #[error(transparent)]
    Identity(#[from] IdentityError),
}

/// A collector's task panicked: a bug of ours.
#[derive(Debug, thiserror::Error)]
#[error("a task of an mqtt collector panicked; this is a fault of bongsu, please report it")]
pub struct Panicked(#[source] tokio::task::JoinError);

/// A running collector.
#[derive(Debug)]
pub struct MqttCollector {
    tasks: JoinSet<()>,
}

impl MqttCollector {
    /// Starts to receive; returns before anything is connected. Runs until `wiring.cancel`.
    ///
    /// # Errors
    /// [`StartError`] if it can never work as configured; a broker that does not answer is not an error.
    pub fn start(
        config: &MqttConfig,
        intake: Arc<dyn Intake>,
        wiring: &Wiring,
    ) -> Result<Self, StartError> {
        config.check()?;
        let connector = Connector::new(config)?;
        let mut tasks = JoinSet::new();
        let limit = Arc::new(Limit::new(config.sender_burst));
        let gateways = config.gateways.as_deref().map(Gateways::open).transpose()?.map(Arc::new);
        if let Some(gateways) = gateways.clone() {
            let cancel = wiring.cancel.clone();
            tasks.spawn(async move { gateways.follow(cancel).await });
        }
        let trespassers = Arc::new(Word::new());
        for (role, filters) in sessions(config) {
            let identity = Identity::open(&config.data_dir, &config.name, role, filters)?;
            let reception = Reception {
                seat: seat(config, &connector, wiring, role),
                intake: intake.clone(),
                subscriptions: Arc::new(Subscriptions::new(
                    &wiring.metrics,
                    &config.name,
                    filters.iter().map(String::as_str),
                )),
                limit: limit.clone(),
                gateways: gateways.clone(),
                trespassers: trespassers.clone(),
                receive_maximum: config.receive_maximum,
                session_expiry: u32::try_from(config.session_expiry.as_secs()).unwrap_or(u32::MAX),
            };
            tasks.spawn(Subscriber::new(reception, identity).run());
        }
        tasks.spawn(selftest::run(seat(config, &connector, wiring, Role::Telemetry)));
        Ok(Self { tasks })
    }

    /// Waits until every task has ended, as they do once told to stop.
    ///
    /// # Errors
    /// [`Panicked`] as soon as one of them has.
    pub async fn ended(&mut self) -> Result<(), Panicked> {
        while let Some(outcome) = self.tasks.join_next().await {
            outcome.map_err(Panicked)?;
        }
        Ok(())
    }
}

/// The sessions that have something to subscribe to.
fn sessions(config: &MqttConfig) -> impl Iterator<Item = (Role, &[String])> {
    let filters = &config.filters;
    [
        (Role::Telemetry, &filters.telemetry),
        (Role::Receipts, &filters.receipts),
        (Role::Backfill, &filters.backfill),
    ]
    .into_iter()
    .map(|(role, filters)| (role, filters.as_slice()))
    .filter(|(_, filters)| !filters.is_empty())
}

pub(super) fn seat(
    config: &MqttConfig,
    connector: &Connector,
    wiring: &Wiring,
    role: Role,
) -> Seat {
    Seat {
        collector: config.name.as_str().into(),
        role,
        connector: connector.clone(),
        clock: wiring.clock.clone(),
        metrics: wiring.metrics.clone(),
        listener: wiring.listener.clone(),
        cancel: wiring.cancel.clone(),
    }
}
