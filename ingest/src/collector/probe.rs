//! A look at a broker from outside: is it there, does it keep sessions, what comes on which filter. For a person who
//! asks; it subscribes under an id of its own and leaves nothing behind.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rumqttc::{AsyncClient, ConnectionError, Event as PollEvent, Packet, QoS, SubscribeReasonCode};
use tokio::time::timeout;

use super::config::{MqttConfig, MqttConfigError};
use super::connection::{ConnectError, Connector};
use super::selftest;
use super::topic::{ROOT, VERSION, is_stray, matches};

/// How long the broker may take to let us in and confirm a subscription.
const PATIENCE: Duration = Duration::from_secs(10);

/// How many stray topics are named.
const STRAYS_MAX: usize = 10;

/// Why a broker could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// The configuration cannot be run.
    #[error(transparent)]
    Config(#[from] MqttConfigError),
    /// No connection can be prepared.
    #[error(transparent)]
    Prepare(#[from] ConnectError),
    /// No connection came to stand, or it broke.
    #[error("no connection to {url}: {reason}")]
    Connect {
        /// The broker.
        url: String,
        /// What went wrong.
        reason: String,
    },
    /// It did not answer in time.
    #[error("{url} did not let us in within {PATIENCE:?}")]
    Silent {
        /// The broker.
        url: String,
    },
}

/// What was seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// What the broker says it is.
    pub version: Option<String>,
    /// Whether it keeps a session while nobody is connected; none if that could not be tried.
    pub persists: Option<bool>,
    /// Per filter: whether the broker granted it, and how many messages came on it, kept ones left out.
    pub filters: BTreeMap<String, Matched>,
    /// Topics on which something came that was meant for us, by how they start, and fits no filter; ten at most.
    pub strays: BTreeSet<String>,
}

/// What came on a filter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Matched {
    /// The broker granted the subscription.
    pub granted: bool,
    /// Messages that came.
    pub messages: u64,
}

/// Whether this is one of the versions of mosquitto that lose sessions at times: `mosquitto version 2.0.15`.
pub fn loses_sessions(version: &str) -> bool {
    let number = version
        .strip_prefix("mosquitto version 2.0.")
        .and_then(|patch| patch.trim().parse::<u32>().ok());
    number.is_some_and(|patch| (12..=18).contains(&patch))
}

/// Looks at a broker, and listens to what is subscribed for `listen_for`.
///
/// # Errors
/// [`ProbeError`] if there is no connection.
pub async fn look(config: &MqttConfig, listen_for: Duration) -> Result<Seen, ProbeError> {
    config.check()?;
    let connector = Connector::new(config)?;
    let filters = config.filters.all().chain([VERSION]).map(str::to_owned).collect();
    // On a connection of its own: where filters overlap, brokers send a message twice.
    let (seen, wide) = tokio::join!(
        listen(config, &connector, "doctor", filters, listen_for),
        listen(config, &connector, "doctor-wide", wide(config), listen_for),
    );
    let mut seen = seen?;
    // Where we may not listen so far there is nothing to say.
    seen.strays = wide.map(|seen| seen.strays).unwrap_or_default();
    seen.persists = selftest::try_once(&connector, &format!("{}-doctor", config.name)).await.ok();
    Ok(seen)
}

/// Everything below the roots that are listened to.
fn wide(config: &MqttConfig) -> Vec<String> {
    let roots = config.filters.all().filter_map(|filter| filter.split_once(ROOT));
    roots
        .map(|(before, _)| format!("{before}bongsu/#"))
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect()
}

async fn listen(
    config: &MqttConfig,
    connector: &Connector,
    who: &str,
    filters: Vec<String>,
    listen_for: Duration,
) -> Result<Seen, ProbeError> {
    let url = || config.url.to_string();
    let broken =
        |error: &ConnectionError| ProbeError::Connect { url: url(), reason: error.to_string() };
    let (mut options, held) =
        connector.options(&format!("{}-{who}-{}", config.name, std::process::id()));
    options.set_clean_start(true);
    held.release();
    let (client, mut eventloop) = AsyncClient::builder(options).capacity(64).build();
    let mut seen = Seen::default();
    let entering = async {
        let mut confirmed = 0;
        loop {
            match eventloop.poll().await.map_err(|error| broken(&error))? {
                PollEvent::Incoming(Packet::ConnAck(_)) => {
                    for filter in &filters {
                        client.try_subscribe(filter, QoS::AtMostOnce).ok();
                    }
                }
                PollEvent::Incoming(Packet::SubAck(ack)) => {
                    let granted = ack
                        .return_codes
                        .iter()
                        .all(|code| matches!(code, SubscribeReasonCode::Success(_)));
                    if let Some(filter) = filters.get(confirmed).filter(|filter| *filter != VERSION)
                    {
                        seen.filters.insert(filter.clone(), Matched { granted, messages: 0 });
                    }
                    confirmed += 1;
                    if confirmed == filters.len() {
                        return Ok::<(), ProbeError>(());
                    }
                }
                PollEvent::Incoming(Packet::Publish(publish)) => note(config, &mut seen, &publish),
                _ => {}
            }
        }
    };
    timeout(PATIENCE, entering).await.map_err(|_| ProbeError::Silent { url: url() })??;
    let listening = async {
        loop {
            match eventloop.poll().await {
                Ok(PollEvent::Incoming(Packet::Publish(publish))) => {
                    note(config, &mut seen, &publish)
                }
                Ok(_) => {}
                Err(error) => return broken(&error),
            }
        }
    };
    if let Ok(error) = timeout(listen_for, listening).await {
        return Err(error);
    }
    client.try_disconnect().ok();
    timeout(Duration::from_secs(1), async { while eventloop.poll().await.is_ok() {} }).await.ok();
    Ok(seen)
}

fn note(config: &MqttConfig, seen: &mut Seen, publish: &rumqttc::Publish) {
    let topic = String::from_utf8_lossy(&publish.topic);
    if topic == VERSION {
        seen.version = Some(String::from_utf8_lossy(&publish.payload).into_owned());
    }
    if publish.retain {
        return; // kept: it says nothing about now
    }
    for (filter, matched) in &mut seen.filters {
        matched.messages += u64::from(matches(filter, &topic));
    }
    let ours = topic.find("bongsu/").map_or("", |start| &topic[start..]);
    let is_read = || config.filters.all().any(|filter| matches(filter, &topic));
    if seen.strays.len() < STRAYS_MAX && is_stray(ours) && !is_read() {
        seen.strays.insert(topic.into_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_versions_that_lose_sessions_are_named() {
        let table = [
            ("mosquitto version 2.0.11", false),
            ("mosquitto version 2.0.12", true),
            ("mosquitto version 2.0.18", true),
            ("mosquitto version 2.0.19", false),
            ("mosquitto version 2.1.12", false),
            ("HiveMQ", false),
        ];
        for (version, bad) in table {
            assert_eq!(loses_sessions(version), bad, "{version}");
        }
    }
}
