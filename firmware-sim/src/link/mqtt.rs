//! Messages to a real broker: QoS 1, in order per station, kept until acknowledged, sent again if that fails.
//!
//! Several stations share a connection, as behind a gateway. While the broker is away nothing is lost: the world
//! waits, and what was on its way is sent again in its order, so a message may arrive twice.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use rumqttc::{AsyncClient, PubAckReason, PublishNoticeError, PublishOptions, PublishResult, QoS};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::link::kept::{Kept, Name};
use crate::link::session::{Address, Heard, Session};
use crate::message::Message;
use crate::pace::{Pace, Stopwatch};

/// Messages that wait for one connection; the world waits when it is full.
const LANE_LEN_MAX: usize = 256;
/// Messages of one connection that may be unacknowledged.
const WINDOW: u16 = 64;
/// How often it is looked for reports that nobody has stored.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// What the other side says about every station; each connection picks its own.
const STORED_FILTER: &str = "bongsu/v1/+/+/stored";

/// How to reach the broker.
#[derive(Clone, Debug)]
pub struct Options {
    /// The broker.
    pub address: Address,
    /// Client ids are this and a number.
    pub client_id: String,
    /// How many connections the stations share; at least one.
    pub connections: usize,
    /// Keep every report until `…/stored` names it, and send it again on the backfill road if that takes longer
    /// than this. Without it a report is let go when the broker acknowledges it.
    pub until_stored: Option<Duration>,
}

/// What became of the messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Handed to a connection.
    pub sent: u64,
    /// Acknowledged by the broker, those sent again included.
    pub acknowledged: u64,
    /// Refused by the broker, with a reason, and given up.
    pub refused: u64,
    /// Sent once more because a connection broke, or because nobody said it is stored.
    pub repeated: u64,
    /// Given up because too many were waiting to be stored.
    pub forgotten: u64,
}

/// Sends `messages`, each at its own moment by `pace`, until they end or `stop` is set.
///
/// Ends by itself only when the last message is acknowledged, or stored where that is waited for; a broker that is
/// away is waited for.
pub async fn publish(
    messages: impl Iterator<Item = Message> + Send,
    options: &Options,
    pace: &Pace,
    stop: CancellationToken,
) -> Totals {
    let mut lanes = Vec::new();
    let mut tasks = JoinSet::new();
    for number in 0..options.connections.max(1) {
        let (lane, messages) = mpsc::channel(LANE_LEN_MAX);
        tasks.spawn(run_lane(options.clone(), number, messages, stop.clone()));
        lanes.push(lane);
    }
    tokio::select! {
        () = stop.cancelled() => (),
        () = dispatch(messages, &lanes, pace) => (),
    }
    drop(lanes);
    let mut totals = Totals::default();
    while let Some(lane) = tasks.join_next().await {
        match lane {
            Ok(lane) => totals.add(lane),
            Err(error) => {
                tracing::error!(%error, "a connection of the simulated field ended badly")
            }
        }
    }
    totals
}

async fn dispatch(
    messages: impl Iterator<Item = Message>,
    lanes: &[mpsc::Sender<Message>],
    pace: &Pace,
) {
    for message in messages {
        pace.sleep_until(message.sent_at).await;
        if lanes[lane_of(&message.topic, lanes.len())].send(message).await.is_err() {
            return;
        }
    }
}

/// One station always takes the same connection, so that its messages keep their order.
fn lane_of(topic: &str, lanes: usize) -> usize {
    let station = topic.rsplit_once('/').map_or(topic, |(station, _)| station);
    let sum = station
        .bytes()
        .fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(byte)));
    sum % lanes.max(1)
}

type Notice = Pin<Box<dyn Future<Output = Result<PublishResult, PublishNoticeError>> + Send>>;

/// A message on its way.
struct Sent {
    message: Message,
    notice: Notice,
    /// Its name among the kept ones, if it is kept.
    name: Option<Name>,
}

/// One connection: the messages on their way, oldest first, and those that wait to be stored.
struct Lane {
    client: AsyncClient,
    unacknowledged: VecDeque<Sent>,
    kept: Option<Kept>,
    stopwatch: Stopwatch,
    totals: Totals,
}

async fn run_lane(
    options: Options,
    number: usize,
    mut messages: mpsc::Receiver<Message>,
    stop: CancellationToken,
) -> Totals {
    let client_id = format!("{}-{number}", options.client_id);
    let mut session = Session::open(&options.address, &client_id, None, WINDOW, stop.clone());
    let mut lane = Lane {
        client: session.client.clone(),
        unacknowledged: VecDeque::new(),
        kept: options.until_stored.map(Kept::new),
        stopwatch: Stopwatch::start(),
        totals: Totals::default(),
    };
    tokio::select! {
        () = stop.cancelled() => (),
        () = lane.carry(&mut messages, &mut session.incoming) => session.close().await,
    }
    lane.totals.forgotten = lane.kept.map_or(0, |kept| kept.forgotten);
    lane.totals
}

impl Lane {
    /// Sends what comes until no more comes and nothing is owed.
    async fn carry(
        &mut self,
        messages: &mut mpsc::Receiver<Message>,
        heard: &mut mpsc::Receiver<Heard>,
    ) {
        let mut more = true;
        let mut look = tokio::time::interval(LOOK_EVERY);
        while more || !self.is_done() {
            let room = self.unacknowledged.len() < usize::from(WINDOW);
            tokio::select! {
                outcome = oldest(&mut self.unacknowledged), if !self.unacknowledged.is_empty() => {
                    self.settle(outcome).await;
                }
                message = messages.recv(), if more && room => match message {
                    Some(message) => {
                        self.totals.sent += 1;
                        self.send(message).await;
                    }
                    None => more = false,
                },
                Some(heard) = heard.recv() => self.hear(heard).await,
                _ = look.tick(), if self.kept.is_some() => self.send_kept().await,
            }
        }
    }

    fn is_done(&self) -> bool {
        self.unacknowledged.is_empty() && self.kept.as_ref().is_none_or(Kept::is_empty)
    }

    async fn send(&mut self, message: Message) {
        let name = self.kept.as_mut().and_then(|kept| kept.keep(&message));
        let notice = notice(&self.client, &message).await;
        self.unacknowledged.push_back(Sent { message, notice, name });
    }

    async fn settle(&mut self, outcome: Result<PublishResult, PublishNoticeError>) {
        let reason = match outcome {
            Ok(PublishResult::Qos1(ack)) => ack.reason,
            Ok(_) => PubAckReason::Success,
            Err(error) => return self.repeat(&error).await,
        };
        let Some(Sent { message, name, .. }) = self.unacknowledged.pop_front() else { return };
        let taken = matches!(reason, PubAckReason::Success | PubAckReason::NoMatchingSubscribers);
        if taken {
            self.totals.acknowledged += 1;
        } else {
            self.totals.refused += 1;
            tracing::warn!(topic = %message.topic, ?reason, "message refused by the broker");
        }
        match (&mut self.kept, name) {
            (Some(kept), Some(name)) if taken => kept.acknowledged(&name, self.stopwatch.elapsed()),
            (Some(kept), Some(name)) => kept.refused(&name),
            (None, _) | (_, None) => (),
        }
    }

    /// The connection broke and its session with it: everything unacknowledged goes again, in order.
    async fn repeat(&mut self, error: &PublishNoticeError) {
        tracing::debug!(%error, count = self.unacknowledged.len(), "sending again");
        for sent in &mut self.unacknowledged {
            self.totals.repeated += 1;
            sent.notice = notice(&self.client, &sent.message).await;
        }
    }

    async fn hear(&mut self, heard: Heard) {
        let Some(kept) = &mut self.kept else { return };
        match heard {
            Heard::Connected => drop(self.client.subscribe(STORED_FILTER, QoS::AtMostOnce).await),
            Heard::Message(publish) => {
                kept.stored(&String::from_utf8_lossy(&publish.topic), &publish.payload);
            }
        }
    }

    /// What nobody has stored in time goes again, as room allows.
    async fn send_kept(&mut self) {
        let Some(kept) = &mut self.kept else { return };
        let room = usize::from(WINDOW).saturating_sub(self.unacknowledged.len());
        for message in kept.due(self.stopwatch.elapsed(), room) {
            self.totals.repeated += 1;
            self.send(message).await;
        }
    }
}

/// The outcome of the oldest message. Dropping this future loses nothing: the notice stays in its place.
async fn oldest(window: &mut VecDeque<Sent>) -> Result<PublishResult, PublishNoticeError> {
    match window.front_mut() {
        Some(sent) => sent.notice.as_mut().await,
        None => std::future::pending().await,
    }
}

async fn notice(client: &AsyncClient, message: &Message) -> Notice {
    let options = PublishOptions::new(QoS::AtLeastOnce).retain(message.retain);
    match client.publish_tracked(message.topic.clone(), message.payload.clone(), options).await {
        Ok(notice) => Box::pin(notice.wait_async()),
        // The connection's task has ended: only `stop` comes after that.
        Err(_) => Box::pin(std::future::pending()),
    }
}

impl Totals {
    fn add(&mut self, other: Self) {
        self.sent += other.sent;
        self.acknowledged += other.acknowledged;
        self.refused += other.refused;
        self.repeated += other.repeated;
        self.forgotten += other.forgotten;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_station_keeps_its_connection() {
        for station in ["bongsu/v1/a/post-1", "bongsu/v1/b/hydro-1"] {
            let lane = |end| lane_of(&format!("{station}/{end}"), 7);
            assert_eq!(lane("telemetry"), lane("backfill"));
        }
        let used: std::collections::BTreeSet<_> =
            (0..100).map(|n| lane_of(&format!("bongsu/v1/s/station-{n}/telemetry"), 4)).collect();
        assert_eq!(used.len(), 4);
        assert_eq!(lane_of("x", 1), 0);
    }
}
