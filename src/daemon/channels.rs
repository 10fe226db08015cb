//! The ways out: a channel and a courier for each configured one.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use alerting::Outcome;
use anyhow::Context;
use delivery::channel::cap::{Cap, CapSettings, Store};
use delivery::channel::log::Log;
use delivery::channel::siren::{CommandSink, Siren, SirenSettings};
use delivery::channel::webhook::{Webhook, WebhookSettings};
use delivery::{Channel, Courier, Ledger, Metrics, OutcomeSink, Secret, SinkError, Time};
use futures_util::future::BoxFuture;
use ingest::clock::Clock;
use ingest::collector::publisher::{Publisher, Surety};
use ingest::journal::{Entry, Journal, Kind};
use reading::Timestamp;
use reading::id::ChannelId;

use crate::config::{ChannelKind, Config, WebhookUrl, resolve_secret};
use crate::desk::events::payload;

/// Every channel, not yet attended by a courier.
pub struct Channels {
    channels: Vec<(ChannelId, Arc<dyn Channel>)>,
    /// The published CAP documents, if there is such a channel.
    pub cap: Option<Arc<Store>>,
}

impl Channels {
    /// Makes them as configured. `http` is where the CAP feed is served.
    ///
    /// # Errors
    /// A secret that cannot be read, a setting that cannot work.
    pub fn build(
        config: &Config,
        http: SocketAddr,
        clock: &Clock,
        publishers: &BTreeMap<String, Publisher>,
    ) -> anyhow::Result<Self> {
        let time: Arc<dyn Time> = Arc::new(DaemonTime(clock.clone()));
        let base_url = config.http.public_url.clone().unwrap_or_else(|| format!("http://{http}"));
        let mut all = Self { channels: Vec::new(), cap: None };
        for channel in &config.channels {
            let built: Arc<dyn Channel> = match &channel.kind {
                ChannelKind::Log => Arc::new(Log),
                ChannelKind::Cap(settings) => {
                    Arc::new(Cap::new(all.cap_store(config, settings, &base_url)?))
                }
                ChannelKind::Webhook(settings) => {
                    let has_cap = config
                        .channels
                        .iter()
                        .any(|channel| matches!(channel.kind, ChannelKind::Cap(_)));
                    let settings = webhook(settings, has_cap.then(|| base_url.clone()))
                        .with_context(|| format!("channel `{}`", channel.id))?;
                    Arc::new(
                        Webhook::new(&settings, time.clone())
                            .with_context(|| format!("channel `{}`", channel.id))?,
                    )
                }
                ChannelKind::Siren(settings) => {
                    let settings = SirenSettings {
                        sirens: settings.sirens.clone(),
                        duration: settings.duration,
                        valid_for: settings.valid_for,
                        simulated: settings.simulated,
                    };
                    let sink = Arc::new(Commands {
                        publishers: publishers.values().cloned().collect(),
                        speed: clock.speed(),
                    });
                    Arc::new(Siren::new(settings, sink, time.clone()))
                }
            };
            all.channels.push((channel.id.clone(), built));
        }
        Ok(all)
    }

    fn cap_store(
        &mut self,
        config: &Config,
        settings: &crate::config::CapSettings,
        base_url: &str,
    ) -> anyhow::Result<Arc<Store>> {
        if let Some(store) = &self.cap {
            return Ok(store.clone());
        }
        let settings = CapSettings {
            folder: config.data_dir.join("cap"),
            sender: config.sender_id.clone(),
            sender_name: config.setup.sender.clone(),
            contact: settings.contact.clone(),
            restriction: settings.restriction.clone(),
            base_url: base_url.into(),
        };
        let (store, unreadable) = Store::open(settings)?;
        for path in unreadable {
            tracing::error!(path = %path.display(), "a published CAP document cannot be read and is left out of the feed");
        }
        let store = Arc::new(store);
        self.cap = Some(store.clone());
        Ok(store)
    }

    /// A courier for each.
    pub fn couriers(
        self,
        ledger: &Arc<Ledger>,
        journal: &Journal,
        clock: &Clock,
        metrics: &Metrics,
    ) -> Vec<(ChannelId, Courier)> {
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

fn webhook(
    settings: &crate::config::WebhookSettings,
    cap_base_url: Option<String>,
) -> anyhow::Result<WebhookSettings> {
    let url = match &settings.url {
        WebhookUrl::Plain(url) => Secret::new(url.clone()),
        WebhookUrl::Secret(reference) => Secret::new(resolve_secret(reference)?.expose().trim()),
    };
    let authorities_pem = match &settings.ca_file {
        Some(path) => Some(
            std::fs::read(path)
                .with_context(|| format!("cannot read ca-file {}", path.display()))?,
        ),
        None => None,
    };
    Ok(WebhookSettings {
        url,
        secret: Secret::new(resolve_secret(&settings.secret)?.expose().trim()),
        timeout: settings.timeout,
        authorities_pem,
        cap_base_url,
    })
}

/// The daemon's clock, as couriers see it.
struct DaemonTime(Clock);

impl Time for DaemonTime {
    fn now(&self) -> Timestamp {
        self.0.at()
    }

    fn sleep_until(&self, at: Timestamp) -> BoxFuture<'static, ()> {
        Box::pin(self.0.sleep_until(at))
    }
}

/// What attempts came to goes into the journal.
struct Outcomes {
    journal: Journal,
    clock: Clock,
}

impl OutcomeSink for Outcomes {
    fn append(&self, outcome: Outcome) -> BoxFuture<'_, Result<(), SinkError>> {
        Box::pin(async move {
            let entry = Entry {
                kind: Kind::Outcome,
                source: "courier".into(),
                topic: "".into(),
                retained: false,
                received_at: self.clock.wall(),
                payload: payload(&outcome),
            };
            self.journal
                .append(vec![entry])
                .await
                .map(drop)
                .map_err(|error| SinkError(error.to_string()))
        })
    }
}

/// Commands to devices go out through every broker we publish to: the device listens at one of them.
struct Commands {
    publishers: Vec<Publisher>,
    speed: f64,
}

impl CommandSink for Commands {
    fn publish(
        &self,
        topic: String,
        payload: Vec<u8>,
        expiry: Duration,
    ) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async move {
            // the broker counts real seconds
            let expiry = expiry.div_f64(self.speed).max(Duration::from_secs(1));
            let mut result = Err("no broker is configured to publish to".to_owned());
            for publisher in &self.publishers {
                let sent = publisher
                    .publish(&topic, payload.clone(), Surety::Confirmed, false, Some(expiry))
                    .await;
                result = match (sent, result) {
                    (Ok(()), _) | (Err(_), Ok(())) => Ok(()),
                    (Err(error), Err(_)) => Err(error.to_string()),
                };
            }
            result
        })
    }
}
