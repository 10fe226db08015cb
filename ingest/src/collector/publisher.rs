//! The way back to the field: commands, acknowledgements, and the daemon's own status.
//!
//! A connection of its own with clean start: nothing a broker kept for it is wanted, and nothing unsent outlives
//! it. Whoever publishes hears how it ended and decides whether to try again; a command that expired in a queue of
//! ours must not sound a siren later.
//!
//! The daemon's own status is retained at [`topic::daemon`](super::topic::daemon): `{"state":"online"}`, and by the
//! will, or on a regular stop, `{"state":"offline"}`. A Sparkplug host says it as the specification wants, at
//! `spBv1.0/STATE/{host}`, and says it again when another connection of its name said that it is gone. The same
//! connection hears what the broker says it is, and its count of dropped messages, if it has one.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rumqttc::{
    AsyncClient, ClientError, PubAckReason, PublishNoticeError, PublishOptions, PublishProperties,
    PublishResult, QoS,
};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::config::MqttConfig;
use super::connection::Connector;
use super::event::Role;
use super::mqtt::{StartError, Wiring, seat};
use super::publishing::{Connection, Current, QUEUE_LEN};

/// How long a message may take until the broker has confirmed it.
pub const CONFIRM_MAX: Duration = Duration::from_secs(10);

/// How surely a message is to arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surety {
    /// QoS 0: sent once, not confirmed.
    Once,
    /// QoS 1: confirmed by the broker.
    Confirmed,
}

/// Why a message was not published, or not surely.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// Not connected.
    #[error("collector `{collector}`: not connected to the broker; it is retried")]
    Disconnected {
        /// The collector.
        collector: Arc<str>,
    },
    /// Too many messages wait.
    #[error(
        "collector `{collector}`: {QUEUE_LEN} messages wait to be sent already; the broker is slow"
    )]
    Full {
        /// The collector.
        collector: Arc<str>,
    },
    /// The broker said no.
    #[error(
        "collector `{collector}`: the broker refused `{topic}` ({reason}); check its access rules"
    )]
    Refused {
        /// The collector.
        collector: Arc<str>,
        /// Where it was to go.
        topic: String,
        /// What the broker says.
        reason: String,
    },
    /// The broker has it, and nobody it could go to.
    #[error("collector `{collector}`: nobody listens on `{topic}`; is the device connected?")]
    NobodyListens {
        /// The collector.
        collector: Arc<str>,
        /// Where it was to go.
        topic: String,
    },
    /// No confirmation came: it may have arrived or not.
    #[error(
        "collector `{collector}`: the broker did not confirm `{topic}`; it may or may not have arrived"
    )]
    Unconfirmed {
        /// The collector.
        collector: Arc<str>,
        /// Where it was to go.
        topic: String,
    },
    /// Not a topic one can publish to.
    #[error("`{topic}` is not a topic: no wildcards, not empty")]
    NotATopic {
        /// What was given.
        topic: String,
    },
}

impl PublishError {
    /// Whether the message may have reached somebody all the same.
    pub fn may_have_arrived(&self) -> bool {
        matches!(self, Self::Unconfirmed { .. })
    }
}

/// Publishes. Cloning is cheap; all clones share the connection.
#[derive(Clone)]
pub struct Publisher {
    collector: Arc<str>,
    current: Current,
}

impl Publisher {
    /// Starts a connection that publishes; returns before it stands. The task ends after `wiring.cancel`.
    ///
    /// # Errors
    /// [`StartError`] if it can never work as configured; a broker that does not answer is not an error.
    pub fn start(
        config: &MqttConfig,
        wiring: &Wiring,
    ) -> Result<(Self, JoinHandle<()>), StartError> {
        config.check()?;
        let connector = Connector::new(config)?;
        let seat = seat(config, &connector, wiring, Role::Publisher);
        let publisher = Self { collector: seat.collector.clone(), current: Arc::default() };
        let connection =
            Connection::new(seat, publisher.current.clone(), config.sparkplug_host.clone());
        Ok((publisher, tokio::spawn(connection.run())))
    }

    /// Publishes one message and waits until it is surely sent: written to the socket for [`Surety::Once`],
    /// confirmed by the broker for [`Surety::Confirmed`], at most [`CONFIRM_MAX`]. `expires_after` is how long the
    /// broker may keep it for somebody who is away. Tries once.
    ///
    /// # Errors
    /// [`PublishError`]. A retained message to nobody is no error.
    pub async fn publish(
        &self,
        topic: &str,
        payload: impl Into<Bytes>,
        surety: Surety,
        retain: bool,
        expires_after: Option<Duration>,
    ) -> Result<(), PublishError> {
        let client = self.client()?;
        let notice = client
            .try_publish_tracked(topic, payload.into(), options(surety, retain, expires_after))
            .map_err(|error| self.not_sent(topic, &error))?;
        let outcome = timeout(CONFIRM_MAX, notice.wait_async()).await;
        match outcome {
            Ok(Ok(result)) => self.judge(topic, retain, &result),
            Ok(Err(PublishNoticeError::RetainNotSupported)) => {
                Err(self.refused(topic, "it keeps no retained messages"))
            }
            Ok(Err(_)) | Err(_) => Err(PublishError::Unconfirmed {
                collector: self.collector.clone(),
                topic: topic.into(),
            }),
        }
    }

    /// Hands over one message of QoS 0 without waiting for anything.
    ///
    /// # Errors
    /// [`PublishError`] if it cannot even be queued.
    pub fn send(&self, topic: &str, payload: impl Into<Bytes>) -> Result<(), PublishError> {
        self.client()?
            .try_publish(topic, payload.into(), PublishOptions::at_most_once())
            .map_err(|error| self.not_sent(topic, &error))
    }

    /// Whether the connection stands.
    pub fn is_connected(&self) -> bool {
        self.current.lock().is_some()
    }

    fn client(&self) -> Result<AsyncClient, PublishError> {
        self.current
            .lock()
            .clone()
            .ok_or_else(|| PublishError::Disconnected { collector: self.collector.clone() })
    }

    fn not_sent(&self, topic: &str, error: &ClientError) -> PublishError {
        let collector = self.collector.clone();
        match error {
            ClientError::RequestChannelFull(_) => PublishError::Full { collector },
            ClientError::InvalidRequest(_) => PublishError::NotATopic { topic: topic.into() },
            _ => PublishError::Disconnected { collector },
        }
    }

    fn judge(&self, topic: &str, retain: bool, result: &PublishResult) -> Result<(), PublishError> {
        let PublishResult::Qos1(puback) = result else { return Ok(()) };
        match puback.reason {
            PubAckReason::Success => Ok(()),
            PubAckReason::NoMatchingSubscribers if retain => Ok(()),
            PubAckReason::NoMatchingSubscribers => Err(PublishError::NobodyListens {
                collector: self.collector.clone(),
                topic: topic.into(),
            }),
            reason => Err(self.refused(topic, &format!("{reason:?}"))),
        }
    }

    fn refused(&self, topic: &str, reason: &str) -> PublishError {
        PublishError::Refused {
            collector: self.collector.clone(),
            topic: topic.into(),
            reason: reason.into(),
        }
    }
}

fn options(surety: Surety, retain: bool, expires_after: Option<Duration>) -> PublishOptions {
    let qos = match surety {
        Surety::Once => QoS::AtMostOnce,
        Surety::Confirmed => QoS::AtLeastOnce,
    };
    let options = PublishOptions::new(qos).retain(retain);
    let Some(expires_after) = expires_after else { return options };
    let seconds = u32::try_from(expires_after.as_secs()).unwrap_or(u32::MAX).max(1);
    options.properties(PublishProperties {
        message_expiry_interval: Some(seconds),
        ..PublishProperties::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expiry_is_whole_seconds_and_never_none_at_all() {
        let seconds = |expiry: Option<Duration>| match options(Surety::Confirmed, false, expiry) {
            some if expiry.is_none() => {
                assert_eq!(some, PublishOptions::at_least_once());
                None
            }
            some => Some(format!("{some:?}")),
        };
        assert!(seconds(None).is_none());
        for (expiry, expected) in [(0, 1), (999, 1), (1_000, 1), (90_000, 90)] {
            let text = seconds(Some(Duration::from_millis(expiry))).unwrap();
            assert!(text.contains(&format!("message_expiry_interval: Some({expected})")), "{text}");
        }
    }
}
