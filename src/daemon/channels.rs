//! The ways out: a channel and a courier for each configured one.

mod build;
mod rehearse;
mod sinks;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use delivery::channel::cap::Store;
use delivery::contacts::Directory;
use delivery::text::Texts;
use delivery::{Channel, Courier, Ledger, Live, Metrics, Operation, OutcomeSink, Time};
use ingest::clock::Clock;
use ingest::collector::publisher::Publisher;
use ingest::journal::Journal;
use reading::id::ChannelId;

use super::prober::Link;
use crate::config::{ChannelKind, Config};
pub use rehearse::DrillRoads;
use sinks::Commands;
pub use sinks::{DaemonTime, Outcomes};

/// Every channel of an operation, not yet attended by a courier.
pub struct Channels<O: Operation> {
    channels: Vec<(ChannelId, Arc<dyn Channel<O>>)>,
    /// The published CAP documents, if there is such a channel.
    pub cap: Option<Arc<Store>>,
    /// What can be looked at.
    pub links: Vec<Link>,
}

/// What everything on the way out works with.
#[derive(Clone, Copy)]
pub struct Room<'a> {
    /// What is owed.
    pub ledger: &'a Arc<Ledger>,
    /// Where outcomes go.
    pub journal: &'a Journal,
    /// The daemon's clock.
    pub clock: &'a Clock,
    /// What is counted.
    pub metrics: &'a Metrics,
}

/// What channels of an operation are made with.
pub struct Ground<'a, O: Operation> {
    config: &'a Config,
    /// Where the daemon's own pages are, as links name them.
    base_url: String,
    /// Whether CAP documents are published under that address.
    has_cap: bool,
    time: Arc<dyn Time>,
    texts: Arc<Texts>,
    commands: Arc<Commands<O>>,
    /// The table of persons; an empty one where there is none.
    directory: Arc<Directory>,
    ledger: Arc<Ledger>,
    outcomes: Arc<dyn OutcomeSink>,
    metrics: Metrics,
}

/// The ways out of an operation, as configured. Each operation has its own, and takes no other.
pub trait Roads {
    /// Whose they are.
    type Operation: Operation;

    /// Whether they have a CAP feed.
    fn has_cap(&self, config: &Config) -> bool;

    /// Makes the channels.
    ///
    /// # Errors
    /// A secret that cannot be read, a setting that cannot work.
    fn lay(
        &self,
        ground: &Ground<'_, Self::Operation>,
    ) -> anyhow::Result<Channels<Self::Operation>>;
}

/// The ways out of the live operation.
pub struct LiveRoads;

impl Roads for LiveRoads {
    type Operation = Live;

    fn has_cap(&self, config: &Config) -> bool {
        config.channels.iter().any(|channel| matches!(channel.kind, ChannelKind::Cap(_)))
    }

    fn lay(&self, ground: &Ground<'_, Live>) -> anyhow::Result<Channels<Live>> {
        let mut all = Channels { channels: Vec::new(), cap: None, links: Vec::new() };
        for channel in &ground.config.channels {
            let built = build::channel(ground, channel, &mut all.cap);
            let (built, provable) = built.with_context(|| format!("channel `{}`", channel.id))?;
            all.channels.push((channel.id.clone(), built));
            let Some(provable) = provable else { continue };
            if channel.test_every.is_some() || provable.is_device() {
                let (every, channel) = (channel.test_every, channel.id.clone());
                all.links.push(Link { channel, provable, every });
            }
        }
        Ok(all)
    }
}

impl<O: Operation> Channels<O> {
    /// Makes them as configured. `http` is where the CAP feed is served.
    ///
    /// # Errors
    /// A secret that cannot be read, a setting that cannot work.
    pub fn build(
        roads: &impl Roads<Operation = O>,
        config: &Config,
        http: SocketAddr,
        publishers: &BTreeMap<String, Publisher>,
        room: &Room<'_>,
    ) -> anyhow::Result<Self> {
        let Room { ledger, journal, clock, metrics } = *room;
        let base_url = config.http.public_url.clone().unwrap_or_else(|| format!("http://{http}"));
        roads.lay(&Ground {
            config,
            base_url,
            has_cap: roads.has_cap(config),
            time: Arc::new(DaemonTime(clock.clone())),
            texts: Arc::new(config.texts()),
            commands: Arc::new(Commands::new(
                publishers.values().cloned().collect(),
                clock.speed(),
            )),
            directory: Arc::new(Directory::new(config.contacts.clone().unwrap_or_default())),
            ledger: ledger.clone(),
            outcomes: Arc::new(Outcomes { journal: journal.clone(), clock: clock.clone() }),
            metrics: metrics.clone(),
        })
    }

    /// A courier for each.
    ///
    /// # Errors
    /// If the ledger is that of another operation.
    pub fn couriers(self, room: &Room<'_>) -> anyhow::Result<Vec<(ChannelId, Courier<O>)>> {
        let Room { ledger, journal, clock, metrics } = *room;
        let owed = ledger.owed::<O>()?;
        let outcomes: Arc<dyn OutcomeSink> =
            Arc::new(Outcomes { journal: journal.clone(), clock: clock.clone() });
        let time: Arc<dyn Time> = Arc::new(DaemonTime(clock.clone()));
        let courier = |(name, channel): (ChannelId, Arc<dyn Channel<O>>)| {
            let courier = Courier::new(
                name.clone(),
                channel,
                owed.clone(),
                outcomes.clone(),
                time.clone(),
                metrics.clone(),
            );
            (name, courier)
        };
        Ok(self.channels.into_iter().map(courier).collect())
    }
}
