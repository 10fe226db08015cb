//! One connection that receives, from CONNECT to the end.
//!
//! The task that owns a [`Receiving`] only polls: it puts what arrives into a bounded queue. A second task takes
//! all that waits there, stores it in one go, and acknowledges it in the order received. With nothing waiting, a
//! frame is stored at once; with a backlog, one fsync carries hundreds.
//!
//! What bounds it: the broker sends no more than `receive_maximum` unacknowledged messages of QoS 1, for which the
//! queue always has room. Messages of QoS 0 know no window; they get what room is left, then they are dropped and
//! counted. Above [`BYTES_MAX`] of unstored payload we stop reading.
//!
//! A `rumqttc` client lives for one connection. What was in flight when it broke is stored before the next one
//! begins and not acknowledged any more: no acknowledgement can meet a packet id of another connection.

use std::collections::HashMap;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use prometheus::IntGauge;
use reading::Timestamp;
use rumqttc::{
    AckMode, AsyncClient, BrokerSessionResumePolicy, ClientError, ConnectionError,
    DisconnectProperties, DisconnectReasonCode, Event as PollEvent, EventLoop, MqttOptions, Packet,
    PersistedAckMode, PersistedSession, Publish, QoS, SessionStore, SessionStoreError,
    SessionStoreKey, SubscribeFilterInput, SubscribeReasonCode,
};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;

use super::connection::Held;
use super::seat::Seat;
use super::{Intake, IntakeError, PAYLOAD_LEN_MAX, Taken, keep};

/// How many frames are stored at once, at most.
const BATCH_MAX: usize = 1_024;
/// The most messages of QoS 1 that packet ids allow in flight. The receive maximum is lower, but mosquitto up to 2.0.15
/// sends beyond it under load (eclipse-mosquitto issue 2301): a message that came always has room, and so has its
/// acknowledgement, or it would stay unacknowledged until we reconnect.
const QOS1_MAX: usize = 65_535;
/// Room in the queue for frames of QoS 0.
const QOS0_ROOM: usize = 1_024;
/// How much unstored payload we hold before we stop reading, in bytes.
const BYTES_MAX: usize = 64 << 20;
/// How many topics are kept so that their frames share one text.
const TOPICS_MAX: usize = 16_384;
/// How long a farewell may take.
const FAREWELL_MAX: Duration = Duration::from_secs(5);
/// We publish nothing on these connections: subscribing is all that is ever in flight.
const OUTGOING_MAX: u16 = 8;

/// What a receiving session needs.
#[derive(Clone)]
pub(super) struct Reception {
    pub(super) seat: Seat,
    pub(super) intake: Arc<dyn Intake>,
    pub(super) receive_maximum: u16,
    /// How long the broker keeps the session while we are away, in seconds.
    pub(super) session_expiry: u32,
}

/// What a receiving connection is told by its broker.
#[derive(Debug)]
pub(super) enum Step {
    /// It stands.
    Connected { session_present: bool },
    /// The broker answered to the subscription: what it refused, with its reason.
    Subscribed { refused: Vec<String> },
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
    queue: Option<mpsc::Sender<Arrival>>,
    storing: Option<JoinHandle<Result<(), Ended>>>,
    window: Arc<Window>,
}

/// A message as it came.
struct Arrival {
    publish: Publish,
    received_at: Timestamp,
}

/// What came and is not stored yet.
struct Window {
    frames: AtomicUsize,
    bytes: AtomicUsize,
    received: AtomicU64,
    freed: Notify,
    gauge: IntGauge,
}

impl Window {
    fn new(seat: &Seat) -> Self {
        Self {
            frames: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
            received: AtomicU64::new(0),
            freed: Notify::new(),
            gauge: seat.metrics.in_flight.with_label_values(&[&*seat.collector, seat.role.name()]),
        }
    }

    fn add(&self, bytes: usize) {
        self.received.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.frames.fetch_add(1, Ordering::AcqRel);
        self.gauge.inc();
    }

    fn remove(&self, frames: usize, bytes: usize) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.frames.fetch_sub(frames, Ordering::AcqRel);
        self.gauge.sub(frames as i64);
        self.freed.notify_one();
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        self.gauge.sub(*self.frames.get_mut() as i64); // given up with the connection
    }
}

/// With what a connection takes up its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resume {
    /// As it is. If the broker has one, only receiving works: `rumqttc` sends no subscription on it.
    Receive,
    /// As our own with nothing in flight, which is true of a session that never publishes: we may subscribe and
    /// unsubscribe on it. Costs a little per frame.
    Change,
}

impl Receiving {
    /// Prepares a connection; the first [`next`](Self::next) connects.
    pub(super) fn open(
        reception: &Reception,
        client_id: &str,
        resume: Resume,
    ) -> Result<Self, Ended> {
        let (mut options, held) = reception.seat.connector.options(client_id);
        receive_options(&mut options, reception, resume);
        let capacity = QOS1_MAX + QOS0_ROOM;
        let (client, eventloop) = AsyncClient::builder(options)
            .capacity(capacity)
            .try_build()
            .map_err(|_| Ended::Request)?;
        let (queue, arrivals) = mpsc::channel(capacity);
        let window = Arc::new(Window::new(&reception.seat));
        let storing = tokio::spawn(store_arrivals(
            reception.clone(),
            client.clone(),
            arrivals,
            window.clone(),
        ));
        Ok(Self {
            reception: reception.clone(),
            client,
            eventloop,
            held,
            queue: Some(queue),
            storing: Some(storing),
            window,
        })
    }

    /// Polls until the broker says something other than a message. Dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> Result<Step, Ended> {
        loop {
            if self.window.bytes.load(Ordering::Relaxed) > BYTES_MAX {
                tokio::select! {
                    () = self.window.freed.notified() => {}
                    ended = finished(&mut self.storing) => return Err(ended),
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
                ended = finished(&mut self.storing) => return Err(ended),
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
        self.window.received.load(Ordering::Relaxed)
    }

    /// Whether everything that came is stored.
    pub(super) fn is_stored(&self) -> bool {
        self.window.frames.load(Ordering::Acquire) == 0
    }

    fn see(&mut self, event: PollEvent) -> Option<Step> {
        let PollEvent::Incoming(packet) = event else { return None };
        match packet {
            Packet::Publish(publish) => {
                self.take(publish);
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

    /// Queues a message for storing. There is always room for QoS 1.
    fn take(&mut self, publish: Publish) {
        let Some(queue) = &self.queue else { return };
        let crowded = publish.qos == QoS::AtMostOnce && queue.capacity() <= QOS1_MAX;
        let len = publish.payload.len();
        self.window.add(len); // before the storing task can see it, so that it never takes away what is not there
        let arrival = Arrival { publish, received_at: self.reception.seat.clock.wall() };
        if crowded || queue.try_send(arrival).is_err() {
            self.window.remove(1, len);
            self.reception
                .seat
                .metrics
                .dropped
                .with_label_values(&[&*self.reception.seat.collector])
                .inc();
        }
    }

    /// Ends the connection in good order: what came is stored and acknowledged, then we say goodbye. With `end`,
    /// the broker is told to forget the session.
    pub(super) async fn close(mut self, end: bool) {
        self.queue = None;
        let farewell = async {
            loop {
                tokio::select! {
                    _ = finished(&mut self.storing) => break,
                    event = self.eventloop.poll() => if event.is_err() { return },
                }
            }
            self.held.release();
            if self.disconnect(end).is_ok() {
                while self.eventloop.poll().await.is_ok() {}
            }
        };
        tokio::time::timeout(FAREWELL_MAX, farewell).await.ok();
        if let Some(storing) = self.storing.take() {
            storing.abort(); // not stored, not acknowledged: the broker sends it again
        }
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
        self.queue = None;
        drop(self.eventloop);
        let Some(mut storing) = self.storing.take() else { return };
        tokio::select! {
            _ = &mut storing => {}
            () = self.reception.seat.cancel.cancelled() => storing.abort(),
        }
    }
}

/// Resolves when the storing task ends, which it does only for a reason or once its queue is closed.
async fn finished(storing: &mut Option<JoinHandle<Result<(), Ended>>>) -> Ended {
    let Some(task) = storing else { return pending().await };
    let outcome = task.await;
    *storing = None;
    match outcome {
        Ok(Err(ended)) => ended,
        Ok(Ok(())) | Err(_) => Ended::Storing,
    }
}

fn receive_options(options: &mut MqttOptions, reception: &Reception, resume: Resume) {
    options.set_clean_start(false);
    options.set_session_expiry_interval(Some(reception.session_expiry));
    options.set_receive_maximum(Some(reception.receive_maximum));
    options.set_ack_mode(AckMode::Manual);
    options.set_broker_session_resume_policy(BrokerSessionResumePolicy::AllowBrokerOnly);
    options.set_outgoing_inflight_upper_limit(OUTGOING_MAX);
    options.set_max_request_batch(BATCH_MAX);
    options.set_read_batch_size(128);
    if resume == Resume::Change {
        options.set_session_store(NothingInFlight);
    }
}

/// The filters the broker refused, by their place, with its reason.
fn refusals(codes: &[SubscribeReasonCode]) -> Vec<String> {
    let refused = |(place, code): (usize, &SubscribeReasonCode)| match code {
        SubscribeReasonCode::Success(_) => None,
        code => Some(format!("filter {}: {code:?}", place + 1)),
    };
    codes.iter().enumerate().filter_map(refused).collect()
}

/// Stores what arrives, batch by batch, and acknowledges it. Ends when the queue is closed and empty.
async fn store_arrivals(
    reception: Reception,
    client: AsyncClient,
    mut arrivals: mpsc::Receiver<Arrival>,
    window: Arc<Window>,
) -> Result<(), Ended> {
    let seat = &reception.seat;
    let frames_total = seat.metrics.frames.with_label_values(&[&*seat.collector]);
    let mut topics = Topics::default();
    let mut batch = Vec::with_capacity(BATCH_MAX);
    while arrivals.recv_many(&mut batch, BATCH_MAX).await > 0 {
        let frames = batch.iter().map(|arrival| taken(seat, &mut topics, arrival)).collect();
        let timer = seat.metrics.store_seconds.start_timer();
        reception.intake.store(frames).await?;
        timer.observe_duration();
        frames_total.inc_by(batch.len() as u64);
        acknowledge(&client, &window, &mut batch)?;
    }
    Ok(())
}

/// Acknowledges a stored batch in the order it came. On a connection that ended meanwhile this does nothing.
fn acknowledge(
    client: &AsyncClient,
    window: &Window,
    batch: &mut Vec<Arrival>,
) -> Result<(), Ended> {
    let (mut frames, mut bytes) = (0, 0);
    for arrival in batch.drain(..) {
        match client.try_ack(&arrival.publish) {
            Ok(()) | Err(ClientError::RequestChannelDisconnected(_)) => {}
            Err(error) => return Err(error.into()),
        }
        frames += 1;
        bytes += arrival.publish.payload.len();
    }
    window.remove(frames, bytes);
    Ok(())
}

fn taken(seat: &Seat, topics: &mut Topics, arrival: &Arrival) -> Taken {
    let publish = &arrival.publish;
    if publish.payload.len() > PAYLOAD_LEN_MAX {
        seat.metrics.cut.with_label_values(&[&*seat.collector]).inc();
    }
    Taken {
        source: seat.collector.clone(),
        topic: topics.share(&publish.topic),
        payload: keep(publish.payload.clone()),
        retained: publish.retain,
        received_at: arrival.received_at,
    }
}

/// Topics seen on this connection, so that a frame costs no copy of its topic.
#[derive(Default)]
struct Topics(HashMap<bytes::Bytes, Arc<str>>);

impl Topics {
    fn share(&mut self, topic: &bytes::Bytes) -> Arc<str> {
        if let Some(known) = self.0.get(topic) {
            return known.clone();
        }
        if self.0.len() >= TOPICS_MAX {
            self.0.clear();
        }
        let shared: Arc<str> = String::from_utf8_lossy(topic).into();
        // A copy: the key must not keep the whole read buffer alive.
        self.0.insert(bytes::Bytes::copy_from_slice(topic), shared.clone());
        shared
    }
}

/// The local half of a session on which nothing is ever published: empty, whenever it is asked for.
#[derive(Debug)]
struct NothingInFlight;

impl SessionStore for NothingInFlight {
    fn load<'a>(
        &'a self,
        key: &'a SessionStoreKey,
    ) -> BoxFuture<'a, Result<Option<PersistedSession>, SessionStoreError>> {
        Box::pin(async move {
            Ok(Some(PersistedSession {
                format_version: 1,
                client_id: key.client_id().into(),
                clean_start: false,
                session_expiry_interval: None,
                outgoing_inflight_upper_limit: Some(OUTGOING_MAX),
                ack_mode: PersistedAckMode::Manual,
                last_pkid: 0,
                last_puback: 0,
                replay: Vec::new(),
                incoming_qos2: Vec::new(),
            }))
        })
    }

    fn save<'a>(
        &'a self,
        _: &'a SessionStoreKey,
        _: &'a PersistedSession,
    ) -> BoxFuture<'a, Result<(), SessionStoreError>> {
        Box::pin(async { Ok(()) })
    }

    fn clear<'a>(&'a self, _: &'a SessionStoreKey) -> BoxFuture<'a, Result<(), SessionStoreError>> {
        Box::pin(async { Ok(()) })
    }
}
