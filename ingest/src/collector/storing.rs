//! The other half of a receiving connection: the task that stores what came and acknowledges it.
//!
//! It takes all that waits in the queue, stores it in one go, and acknowledges it in the order received. With
//! nothing waiting, a frame is stored at once; with a backlog, one fsync carries hundreds. What is refused, because its
//! sender is too fast or speaks for others, is answered with a reason that says so and not stored.

use std::collections::HashSet;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use prometheus::IntGauge;
use reading::Timestamp;
use rumqttc::{AsyncClient, ClientError, ManualAck, PubAckReason, Publish, QoS};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::event::{Happening, Role};
use super::gateways::Said;
use super::receiving::{Ended, Reception};
use super::seat::Seat;
use super::topic::sender;
use super::{PAYLOAD_LEN_MAX, Taken, keep};

/// How many frames are stored at once, at most.
pub(super) const BATCH_MAX: usize = 1_024;
/// The most messages of QoS 1 that packet ids allow in flight. The receive maximum is lower, but mosquitto up to 2.0.15
/// sends beyond it under load (eclipse-mosquitto issue 2301): a message that came always has room, and so has its
/// acknowledgement, or it would stay unacknowledged until we reconnect.
const QOS1_MAX: usize = 65_535;
/// How many messages may wait; what is more than [`QOS1_MAX`] is for QoS 0.
pub(super) const QUEUE_LEN: usize = QOS1_MAX + 1_024;
/// How much unstored payload we hold before we stop reading, in bytes.
const BYTES_MAX: usize = 64 << 20;
/// How many old messages are stored a second, at most: what is of now stays first in the journal and at the desk.
pub const BACKFILL_RATE: u32 = 500;
/// How many of them at once: a batch of each is some milliseconds of the desk.
const BACKFILL_BATCH: usize = 50;
/// How many topics are kept so that their frames share one text.
const TOPICS_MAX: usize = 16_384;

/// The storing task of one connection, and the queue to it.
pub(super) struct Storing {
    seat: Seat,
    queue: Option<mpsc::Sender<Arrival>>,
    task: Option<JoinHandle<Result<(), Ended>>>,
    window: Arc<Window>,
}

/// A message as it came.
struct Arrival {
    publish: Publish,
    received_at: Timestamp,
    /// Why it is not stored, if it is not.
    refused: Option<PubAckReason>,
}

/// What came and is not stored yet.
struct Window {
    frames: AtomicUsize,
    bytes: AtomicUsize,
    received: AtomicU64,
    freed: Notify,
    gauge: IntGauge,
}

impl Storing {
    /// Starts the task; it acknowledges through `client`.
    pub(super) fn start(reception: &Reception, client: &AsyncClient) -> Self {
        let (queue, arrivals) = mpsc::channel(QUEUE_LEN);
        let window = Arc::new(Window::new(&reception.seat));
        let task = tokio::spawn(store_arrivals(
            reception.clone(),
            client.clone(),
            arrivals,
            window.clone(),
        ));
        Self { seat: reception.seat.clone(), queue: Some(queue), task: Some(task), window }
    }

    /// Takes a message over. There is always room for QoS 1; QoS 0 is dropped when there is none left for it.
    pub(super) fn take(&self, publish: Publish) {
        let Some(queue) = &self.queue else { return };
        let crowded = publish.qos == QoS::AtMostOnce && queue.capacity() <= QOS1_MAX;
        let len = publish.payload.len();
        self.window.add(len); // before the task can see it, so that it never takes away what is not there
        let arrival = Arrival { publish, received_at: self.seat.clock.wall(), refused: None };
        if crowded || queue.try_send(arrival).is_err() {
            self.window.remove(1, len);
            self.seat.metrics.dropped.with_label_values(&[&*self.seat.collector]).inc();
        }
    }

    /// Takes nothing over any more.
    pub(super) fn close(&mut self) {
        self.queue = None;
    }

    /// Once closed: resolves when the task has stored what it has, or has given up before.
    pub(super) async fn finished(&mut self) {
        if self.task.is_some() {
            self.ended().await;
        }
    }

    /// Resolves when the task ends, once: which it does only for a reason, or when closed.
    pub(super) async fn ended(&mut self) -> Ended {
        let Some(task) = &mut self.task else { return pending().await };
        let outcome = task.await;
        self.task = None;
        match outcome {
            Ok(Err(ended)) => ended,
            Ok(Ok(())) | Err(_) => Ended::Storing,
        }
    }

    /// Ends the task where it is: what is not stored is not acknowledged, and the broker sends it again.
    pub(super) fn abort(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
        }
    }

    /// How many messages came so far.
    pub(super) fn received(&self) -> u64 {
        self.window.received.load(Ordering::Relaxed)
    }

    /// Whether everything that came is stored.
    pub(super) fn is_done(&self) -> bool {
        self.window.frames.load(Ordering::Acquire) == 0
    }

    /// Whether so much waits that we should not read on.
    pub(super) fn is_full(&self) -> bool {
        self.window.bytes.load(Ordering::Relaxed) > BYTES_MAX
    }

    /// Resolves when something was stored since this was last asked, or the task ended: then with the reason.
    pub(super) async fn freed(&mut self) -> Option<Ended> {
        let window = self.window.clone();
        tokio::select! {
            () = window.freed.notified() => None,
            ended = self.ended() => Some(ended),
        }
    }
}

impl Drop for Storing {
    fn drop(&mut self) {
        self.abort();
    }
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
    let paced = seat.role == Role::Backfill;
    let batch_max = if paced { BACKFILL_BATCH } else { BATCH_MAX };
    let mut batch = Vec::with_capacity(batch_max);
    while arrivals.recv_many(&mut batch, batch_max).await > 0 {
        let count = batch.len() as u32;
        let wanted = |arrival: &mut Arrival| taken(&reception, &mut topics, arrival);
        let frames: Vec<_> = batch.iter_mut().filter_map(wanted).collect();
        if !frames.is_empty() {
            let stored = frames.len() as u64;
            let timer = seat.metrics.store_seconds.start_timer();
            reception.intake.store(frames).await?;
            timer.observe_duration();
            frames_total.inc_by(stored);
        }
        acknowledge(&client, &window, &mut batch)?;
        if paced {
            sleep(Duration::from_secs(1) / BACKFILL_RATE * count).await; // unacknowledged, the broker waits
        }
    }
    Ok(())
}

/// Acknowledges a batch in the order it came: what is stored, and with a reason what is refused. On a connection that
/// ended meanwhile this does nothing.
fn acknowledge(
    client: &AsyncClient,
    window: &Window,
    batch: &mut Vec<Arrival>,
) -> Result<(), Ended> {
    let (mut frames, mut bytes) = (0, 0);
    for arrival in batch.drain(..) {
        let said = match arrival.refused {
            None => client.try_ack(&arrival.publish),
            Some(reason) => refuse(client, &arrival.publish, reason),
        };
        match said {
            Ok(()) | Err(ClientError::RequestChannelDisconnected(_)) => {}
            Err(error) => return Err(error.into()),
        }
        frames += 1;
        bytes += arrival.publish.payload.len();
    }
    window.remove(frames, bytes);
    Ok(())
}

fn refuse(
    client: &AsyncClient,
    publish: &Publish,
    reason: PubAckReason,
) -> Result<(), ClientError> {
    match client.prepare_ack(publish) {
        Some(ManualAck::PubAck(mut ack)) => {
            ack.reason = reason;
            client.try_manual_ack(ManualAck::PubAck(ack))
        }
        Some(other) => client.try_manual_ack(other),
        None => Ok(()), // QoS 0: nobody waits for an answer
    }
}

/// The frame to store; none if it is refused, which is noted at the arrival.
fn taken(reception: &Reception, topics: &mut Topics, arrival: &mut Arrival) -> Option<Taken> {
    let seat = &reception.seat;
    let publish = &arrival.publish;
    let whole = String::from_utf8_lossy(&publish.topic);
    if !publish.retain {
        reception.subscriptions.count(&whole);
    }
    let (topic, sender) = match reception.gateways.as_ref().map(|gateways| gateways.judge(&whole)) {
        None => (&*whole, sender(&whole)),
        Some(Said::Own { gateway, topic }) => (topic, gateway),
        Some(Said::Foreign { gateway, topic, known }) => {
            trespassed(reception, gateway, topic, known);
            arrival.refused = Some(PubAckReason::NotAuthorized);
            return None;
        }
    };
    // Old messages have a pace of their own, at which their broker waits.
    if seat.role != Role::Backfill && !reception.limit.passes(seat, sender) {
        arrival.refused = Some(PubAckReason::QuotaExceeded);
        return None;
    }
    if publish.payload.len() > PAYLOAD_LEN_MAX {
        seat.metrics.cut.with_label_values(&[&*seat.collector]).inc();
    }
    Some(Taken {
        source: seat.collector.clone(),
        topic: topics.share(topic),
        payload: keep(publish.payload.clone()),
        retained: publish.retain,
        received_at: arrival.received_at,
    })
}

/// Counts that a gateway spoke for another's station, and tells it once a minute.
fn trespassed(reception: &Reception, gateway: &str, topic: &str, known: bool) {
    let seat = &reception.seat;
    // Names that are not in the book are anybody's choice, and no label of a metric.
    let counted = if known { gateway } else { "" };
    seat.metrics.trespassed(&seat.collector, counted, "publish");
    if reception.trespassers.count(counted).is_some() {
        seat.tell(Happening::Trespass { gateway: gateway.into(), topic: topic.into() });
    }
}

/// Topics seen on this connection, so that a frame costs no copy of its topic.
#[derive(Default)]
struct Topics(HashSet<Arc<str>>);

impl Topics {
    fn share(&mut self, topic: &str) -> Arc<str> {
        if let Some(known) = self.0.get(topic) {
            return known.clone();
        }
        if self.0.len() >= TOPICS_MAX {
            self.0.clear();
        }
        let shared: Arc<str> = topic.into();
        self.0.insert(shared.clone());
        shared
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_shared_and_bounded() {
        let mut topics = Topics::default();
        let first = topics.share("a/b");
        assert!(Arc::ptr_eq(&first, &topics.share("a/b")));
        for number in 0..TOPICS_MAX * 2 {
            topics.share(&format!("a/{number}"));
            assert!(topics.0.len() <= TOPICS_MAX);
        }
        assert_eq!(&*topics.share("a/b"), "a/b");
    }
}
