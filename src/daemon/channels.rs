//! The ways out: a channel and a courier for each configured one.

mod build;
mod sinks;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use delivery::channel::cap::Store;
use delivery::contacts::Directory;
use delivery::text::Texts;
use delivery::{Channel, Courier, Ledger, Metrics, OutcomeSink, Time};
use ingest::clock::Clock;
use ingest::collector::publisher::Publisher;
use ingest::journal::Journal;
use reading::id::ChannelId;

use crate::config::{ChannelKind, Config};
use sinks::{Commands, DaemonTime, Outcomes};

/// Every channel, not yet attended by a courier.
pub struct Channels {
    channels: Vec<(ChannelId, Arc<dyn Channel>)>,
    /// The published CAP documents, if there is such a channel.
    pub cap: Option<Arc<Store>>,
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

/// What channels are made with.
struct Ground<'a> {
    config: &'a Config,
    /// Where the daemon's own pages are, as links name them.
    base_url: String,
    time: Arc<dyn Time>,
    texts: Arc<Texts>,
    commands: Arc<Commands>,
    /// The table of persons; an empty one where there is none.
    directory: Arc<Directory>,
    ledger: Arc<Ledger>,
    outcomes: Arc<dyn OutcomeSink>,
    metrics: Metrics,
}

impl Channels {
    /// Makes them as configured. `http` is where the CAP feed is served.
    ///
    /// # Errors
    /// A secret that cannot be read, a setting that cannot work.
    pub fn build(
        config: &Config,
        http: SocketAddr,
        publishers: &BTreeMap<String, Publisher>,
        room: &Room<'_>,
    ) -> anyhow::Result<Self> {
        let Room { ledger, journal, clock, metrics } = *room;
        let base_url = config.http.public_url.clone().unwrap_or_else(|| format!("http://{http}"));
        let ground = Ground {
            config,
            base_url,
            time: Arc::new(DaemonTime(clock.clone())),
            texts: Arc::new(config.texts()),
            commands: Arc::new(Commands {
                publishers: publishers.values().cloned().collect(),
                speed: clock.speed(),
            }),
            directory: Arc::new(Directory::new(config.contacts.clone().unwrap_or_default())),
            ledger: ledger.clone(),
            outcomes: Arc::new(Outcomes { journal: journal.clone(), clock: clock.clone() }),
            metrics: metrics.clone(),
        };
        let mut all = Self { channels: Vec::new(), cap: None };
        for channel in &config.channels {
            let built = match &channel.kind {
                ChannelKind::Cap(settings) => build::feed(&ground, settings, &mut all.cap),
                _ => build::channel(&ground, channel),
            };
            let built = built.with_context(|| format!("channel `{}`", channel.id))?;
            all.channels.push((channel.id.clone(), built));
        }
        Ok(all)
    }

    /// A courier for each.
    pub fn couriers(self, room: &Room<'_>) -> Vec<(ChannelId, Courier)> {
        let Room { ledger, journal, clock, metrics } = *room;
        let outcomes: Arc<dyn OutcomeSink> =
            Arc::new(Outcomes { journal: journal.clone(), clock: clock.clone() });
        let time: Arc<dyn Time> = Arc::new(DaemonTime(clock.clone()));
        let courier = |(name, channel): (ChannelId, Arc<dyn Channel>)| {
            let courier = Courier::new(
                name.clone(),
                channel,
                ledger.clone(),
                outcomes.clone(),
                time.clone(),
                metrics.clone(),
            );
            (name, courier)
        };
        self.channels.into_iter().map(courier).collect()
    }
}
