//! The way back to the field: commands, acknowledgements, and the daemon's own status.
//!
//! A connection of its own with clean start: nothing a broker kept for it is wanted, and nothing unsent outlives
//! it. Whoever publishes hears how it ended and decides whether to try again; a command that expired in a queue of
//! ours must not sound a siren later.
//!
//! The daemon's own status is retained at [`topic::daemon`]: `{"state":"online"}`, and by the will, or on a regular
//! stop, `{"state":"offline"}`. The same connection watches the broker's count of dropped messages, if it has one.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use rumqttc::{
    AsyncClient, ClientError, Event as PollEvent, EventLoop, LastWill, Packet, PubAckReason,
    PublishNoticeError, PublishOptions, PublishProperties, PublishResult, QoS,
};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::backoff::{Backoff, SETTLED_AFTER};
use super::config::MqttConfig;
use super::connection::{Connector, Held};
use super::event::{Happening, Role};
use super::mqtt::{StartError, Wiring, seat};
use super::seat::{Seat, Standing};
use super::topic;

/// How many messages may wait to be sent; more are refused.
const QUEUE_LEN: usize = 256;
/// How long a message may take until the broker has confirmed it.
pub const CONFIRM_MAX: Duration = Duration::from_secs(10);
/// How long the farewell may take.
const FAREWELL_MAX: Duration = Duration::from_secs(3);

const ONLINE: &str = r#"{"state":"online"}"#;
const OFFLINE: &str = r#"{"state":"offline"}"#;

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
    /// The client of the connection that stands, if one does.
    current: Arc<Mutex<Option<AsyncClient>>>,
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
        let connection = Connection {
            seat,
            current: publisher.current.clone(),
            standing: Standing::default(),
            dropped: None,
        };
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

/// The task that keeps the connection.
struct Connection {
    seat: Seat,
    current: Arc<Mutex<Option<AsyncClient>>>,
    standing: Standing,
    /// What the broker last said it dropped.
    dropped: Option<u64>,
}

impl Connection {
    async fn run(mut self) {
        let cancel = self.seat.cancel.clone();
        let mut backoff = Backoff::default();
        loop {
            let began = self.seat.clock.at();
            let Err(reason) = self.connection().await else { break };
            self.standing.down(&self.seat, &reason);
            if self.seat.clock.real(self.seat.clock.at().since(began)) >= SETTLED_AFTER {
                backoff.reset();
            }
            tokio::select! {
                () = cancel.cancelled() => break,
                () = sleep(backoff.next()) => {}
            }
        }
        self.standing.stopped(&self.seat);
    }

    /// One connection. Ends well only when told to stop.
    async fn connection(&mut self) -> Result<(), String> {
        let (client, mut eventloop, held) = self.open()?;
        let cancel = self.seat.cancel.clone();
        let outcome = loop {
            let event = tokio::select! {
                biased;
                () = cancel.cancelled() => break Ok(()),
                event = eventloop.poll() => event,
            };
            match event {
                Ok(event) => self.see(&client, event),
                Err(error) => break Err(error.to_string()),
            }
        };
        self.current.lock().take();
        if outcome.is_ok() {
            timeout(FAREWELL_MAX, farewell(&self.seat, &client, &mut eventloop, &held)).await.ok();
        }
        outcome
    }

    fn open(&self) -> Result<(AsyncClient, EventLoop, Held), String> {
        let client_id = client_id(&self.seat.collector);
        let (mut options, held) = self.seat.connector.options(&client_id);
        options.set_clean_start(true);
        options.set_max_request_batch(QUEUE_LEN);
        options.set_last_will(LastWill::new(
            topic::daemon(&client_id),
            OFFLINE,
            QoS::AtLeastOnce,
            true,
            None,
        ));
        let (client, eventloop) = AsyncClient::builder(options)
            .capacity(QUEUE_LEN)
            .try_build()
            .map_err(|error| error.to_string())?;
        Ok((client, eventloop, held))
    }

    fn see(&mut self, client: &AsyncClient, event: PollEvent) {
        match event {
            PollEvent::Incoming(Packet::ConnAck(_)) => self.connected(client),
            PollEvent::Incoming(Packet::Publish(publish))
                if publish.topic == topic::DROPPED.as_bytes() =>
            {
                self.count_dropped(&publish.payload);
            }
            _ => {}
        }
    }

    fn connected(&mut self, client: &AsyncClient) {
        let birth = PublishOptions::at_least_once().retained();
        let told = client
            .try_publish(topic::daemon(&client_id(&self.seat.collector)), ONLINE, birth)
            .and_then(|()| client.try_subscribe(topic::DROPPED, QoS::AtMostOnce));
        if let Err(error) = told {
            tracing::error!(collector = %self.seat.collector, %error, "the daemon's status is not published");
        }
        self.dropped = None; // the broker may have restarted, and counts from nothing then
        *self.current.lock() = Some(client.clone());
        self.standing.up(&self.seat, false);
    }

    /// The broker's own count since its start; told when it grows.
    fn count_dropped(&mut self, payload: &[u8]) {
        let Some(total) =
            std::str::from_utf8(payload).ok().and_then(|text| text.trim().parse::<u64>().ok())
        else {
            return;
        };
        let gauge = self.seat.metrics.broker_dropped.with_label_values(&[&*self.seat.collector]);
        gauge.set(i64::try_from(total).unwrap_or(i64::MAX));
        let more = total.saturating_sub(self.dropped.replace(total).unwrap_or(total));
        if more > 0 {
            tracing::error!(collector = %self.seat.collector, more, total, "the broker drops messages; raise its max_queued_messages");
            self.seat.tell(Happening::BrokerDropped { more, total });
        }
    }
}

fn client_id(collector: &str) -> String {
    format!("{collector}-publisher")
}

/// Says that we go, which a regular DISCONNECT keeps the will from doing.
async fn farewell(seat: &Seat, client: &AsyncClient, eventloop: &mut EventLoop, held: &Held) {
    held.release();
    let last = PublishOptions::at_least_once().retained();
    let topic = topic::daemon(&client_id(&seat.collector));
    let Ok(notice) = client.try_publish_tracked(topic, OFFLINE, last) else { return }; // the will says it
    let mut confirmed = pin!(notice.wait_async());
    loop {
        tokio::select! {
            _ = &mut confirmed => break,
            event = eventloop.poll() => if event.is_err() { return },
        }
    }
    if client.try_disconnect().is_ok() {
        while eventloop.poll().await.is_ok() {}
    }
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
