//! One connection that receives, from CONNECT to the end.
//!
//! The task that owns a [`Receiving`] only polls: it puts what arrives into a bounded queue, from which a second
//! task, [`storing`](super::storing), stores and acknowledges it.
//!
//! What bounds it: the broker sends no more than `receive_maximum` unacknowledged messages of QoS 1, for which the
//! queue always has room. Messages of QoS 0 know no window; they get what room is left, then they are dropped and
//! counted. Above a number of unstored bytes we stop reading.
//!
//! A `rumqttc` client lives for one connection. What was in flight when it broke is stored before the next one
//! begins and not acknowledged any more: no acknowledgement can meet a packet id of another connection.

use std::sync::Arc;
use std::time::Duration;

use rumqttc::{
    AsyncClient, ClientError, ConnectionError, DisconnectProperties, DisconnectReasonCode,
    Event as PollEvent, EventLoop, Packet, QoS, SubscribeFilterInput, SubscribeReasonCode,
};

use super::connection::Held;
use super::gateways::Gateways;
use super::limit::{Limit, Word};
use super::resume::{Resume, make_durable};
use super::seat::Seat;
use super::storing::{QUEUE_LEN, Storing};
use super::subscriptions::Subscriptions;
use super::{Intake, IntakeError};

/// How long a farewell may take.
const FAREWELL_MAX: Duration = Duration::from_secs(5);

/// What a receiving session needs.
#[derive(Clone)]
pub(super) struct Reception {
    pub(super) seat: Seat,
    pub(super) intake: Arc<dyn Intake>,
    /// What is subscribed to.
    pub(super) subscriptions: Arc<Subscriptions>,
    /// How much of each sender is taken.
    pub(super) limit: Arc<Limit>,
    /// Who may speak for whom, if the topics say who speaks.
    pub(super) gateways: Option<Arc<Gateways>>,
    /// Which gateways tried what is not theirs.
    pub(super) trespassers: Arc<Word>,
    pub(super) receive_maximum: u16,
    /// How long the broker keeps the session while we are away, in seconds.
    pub(super) session_expiry: u32,
}

/// What a receiving connection is told by its broker.
#[derive(Debug)]
pub(super) enum Step {
    /// It stands.
    Connected { session_present: bool },
    /// The broker answered to the subscription: which filters it refused, by their place, and why.
    Subscribed { refused: Vec<(usize, String)> },
    /// The broker no longer puts messages into the session.
    Unsubscribed,
}

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum Ended {
    /// The network or the broker.
    #[error("{0}")]
    Connection(#[from] Box<ConnectionError>),
    /// Frames could not be stored.
    #[error(transparent)]
    Intake(#[from] IntakeError),
    /// A request did not fit: a bug of ours.
    #[error("a request to the broker was refused by the client")]
    Request,
    /// The storing task panicked.
    #[error("the storing task failed")]
    Storing,
}

impl From<ClientError> for Ended {
    fn from(_: ClientError) -> Self {
        Self::Request // the error's text would hold the whole packet
    }
}

/// A connection that receives.
pub(super) struct Receiving {
    reception: Reception,
    client: AsyncClient,
    eventloop: EventLoop,
    held: Held,
    storing: Storing,
}

impl Receiving {
    /// Prepares a connection; the first [`next`](Self::next) connects.
    pub(super) fn open(
        reception: &Reception,
        client_id: &str,
        resume: Resume,
    ) -> Result<Self, Ended> {
        let (mut options, held) = reception.seat.connector.options(client_id);
        make_durable(&mut options, reception, resume);
        // Room for an acknowledgement of everything that can wait to be stored.
        let client = AsyncClient::builder(options).capacity(QUEUE_LEN).try_build();
        let (client, eventloop) = client.map_err(|_| Ended::Request)?;
        let storing = Storing::start(reception, &client);
        Ok(Self { reception: reception.clone(), client, eventloop, held, storing })
    }

    /// Polls until the broker says something other than a message. Dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> Result<Step, Ended> {
        loop {
            if self.storing.is_full() {
                if let Some(ended) = self.storing.freed().await {
                    return Err(ended);
                }
                continue;
            }
            tokio::select! {
                biased;
                event = self.eventloop.poll() => {
                    if let Some(step) = self.see(event.map_err(Box::new)?) {
                        return Ok(step);
                    }
                }
                ended = self.storing.ended() => return Err(ended),
            }
        }
    }

    /// Asks for messages. The answer comes as a [`Step`].
    pub(super) fn subscribe(&self, filters: &[String]) -> Result<(), Ended> {
        let filters =
            filters.iter().map(|filter| SubscribeFilterInput::new(filter, QoS::AtLeastOnce));
        Ok(self.client.try_subscribe_many(filters)?)
    }

    /// Asks for no more messages. The answer comes as a [`Step`].
    pub(super) fn unsubscribe(&self, filters: &[String]) -> Result<(), Ended> {
        Ok(self.client.try_unsubscribe_many(filters.iter().cloned())?)
    }

    /// How many messages came on this connection so far.
    pub(super) fn received(&self) -> u64 {
        self.storing.received()
    }

    /// Whether everything that came is stored.
    pub(super) fn is_stored(&self) -> bool {
        self.storing.is_done()
    }

    fn see(&self, event: PollEvent) -> Option<Step> {
        let PollEvent::Incoming(packet) = event else { return None };
        match packet {
            Packet::Publish(publish) => {
                self.storing.take(publish);
                None
            }
            Packet::ConnAck(connack) => {
                Some(Step::Connected { session_present: connack.session_present })
            }
            Packet::SubAck(suback) => {
                Some(Step::Subscribed { refused: refusals(&suback.return_codes) })
            }
            Packet::UnsubAck(_) => Some(Step::Unsubscribed),
            _ => None,
        }
    }

    /// Ends the connection in good order: what came is stored and acknowledged, then we say goodbye. With `end`,
    /// the broker is told to forget the session.
    pub(super) async fn close(mut self, end: bool) {
        self.storing.close();
        let farewell = async {
            loop {
                tokio::select! {
                    () = self.storing.finished() => break,
                    event = self.eventloop.poll() => if event.is_err() { return },
                }
            }
            self.held.release();
            if self.disconnect(end).is_ok() {
                while self.eventloop.poll().await.is_ok() {}
            }
        };
        tokio::time::timeout(FAREWELL_MAX, farewell).await.ok();
    }

    fn disconnect(&self, end: bool) -> Result<(), ClientError> {
        let expiry = DisconnectProperties {
            session_expiry_interval: Some(0),
            reason_string: None,
            user_properties: Vec::new(),
            server_reference: None,
        };
        match end {
            true => self
                .client
                .try_disconnect_with_properties(DisconnectReasonCode::NormalDisconnection, expiry),
            false => self.client.try_disconnect(),
        }
    }

    /// Gives up a connection that broke: what came is still stored, without acknowledgement, so that it stands
    /// before what the next connection brings. Waits as long as the intake does, or until we are to stop.
    pub(super) async fn abandon(mut self) {
        self.storing.close();
        drop(self.eventloop);
        tokio::select! {
            () = self.storing.finished() => {}
            () = self.reception.seat.cancel.cancelled() => {}
        }
    }
}

/// The filters the broker refused, by their place, with its reason.
fn refusals(codes: &[SubscribeReasonCode]) -> Vec<(usize, String)> {
    let refused = |(place, code): (usize, &SubscribeReasonCode)| match code {
        SubscribeReasonCode::Success(_) => None,
        code => Some((place, format!("{code:?}"))),
    };
    codes.iter().enumerate().filter_map(refused).collect()
}
