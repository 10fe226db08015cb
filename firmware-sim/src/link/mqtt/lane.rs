//! One connection: what is on its way, what waits for the broker, what waits to be stored, and what is said to stations.

use std::collections::VecDeque;
use std::future::{Future, ready};
use std::pin::Pin;
use std::time::Duration;

use rumqttc::{
    AsyncClient, PubAckReason, Publish, PublishNoticeError, PublishOptions, PublishResult, QoS,
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::buffer::Buffer;
use super::{Options, Totals, lane_of};
use crate::link::kept::{Kept, Name};
use crate::link::session::{Heard, Session, Will};
use crate::message::{Message, Status, json};
use crate::pace::{Pace, Stopwatch};

/// Messages that may be unacknowledged on a connection that stations share, and on one of its own: what is kept for each
/// counts ten thousand times.
const WINDOW: (u16, u16) = (64, 16);
/// How often it is looked for reports that nobody has stored.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Whose connection it is.
#[derive(Clone, Debug)]
pub(super) enum Seat {
    /// One of several that stations share.
    Shared { number: usize, count: usize },
    /// One station's.
    Own { base: String },
}

impl Seat {
    /// Every topic of this end that its stations listen on; those of other connections are passed over.
    fn filter(&self, end: &str) -> String {
        match self {
            Self::Shared { .. } => format!("bongsu/v1/+/+/{end}"),
            Self::Own { base } => format!("{base}/{end}"),
        }
    }

    fn is_of(&self, topic: &str) -> bool {
        match self {
            Self::Shared { number, count } => lane_of(topic, *count) == *number,
            Self::Own { .. } => true,
        }
    }

    fn window(&self) -> u16 {
        match self {
            Self::Shared { .. } => WINDOW.0,
            Self::Own { .. } => WINDOW.1,
        }
    }

    fn will(&self) -> Option<Will> {
        let Self::Own { base } = self else { return None };
        Some(Will::retained(format!("{base}/status"), json(&Status::offline())))
    }
}

type Notice = Pin<Box<dyn Future<Output = Result<PublishResult, PublishNoticeError>> + Send>>;

/// A message on its way.
struct Sent {
    message: Message,
    notice: Notice,
    /// Its name among the kept ones, if it is kept.
    name: Option<Name>,
}

/// One connection.
pub(super) struct Lane {
    client: AsyncClient,
    options: Options,
    seat: Seat,
    pace: Pace,
    /// On their way, oldest first.
    unacknowledged: VecDeque<Sent>,
    /// The connection is down.
    is_away: bool,
    /// How often it was up.
    came_up: u64,
    buffer: Buffer,
    kept: Option<Kept>,
    stopwatch: Stopwatch,
    totals: Totals,
}

impl Lane {
    /// Sends what comes until no more comes and nothing is owed, or `stop`.
    pub async fn run(
        options: Options,
        client_id: String,
        seat: Seat,
        pace: Pace,
        mut messages: mpsc::Receiver<Message>,
        stop: CancellationToken,
    ) -> Totals {
        let polling = stop.child_token();
        let (address, will) = (&options.address, seat.will());
        let mut session = Session::open(address, &client_id, will, seat.window(), polling.clone());
        let mut lane = Self {
            client: session.client.clone(),
            unacknowledged: VecDeque::new(),
            is_away: false,
            came_up: 0,
            buffer: Buffer::default(),
            kept: options.until_stored.map(Kept::new),
            stopwatch: Stopwatch::start(),
            totals: Totals::default(),
            options,
            seat,
            pace,
        };
        tokio::select! {
            () = stop.cancelled() => (),
            () = lane.carry(&mut messages, &mut session.incoming) => match lane.seat {
                Seat::Shared { .. } => session.close().await,
                // power goes: the broker publishes the will
                Seat::Own { .. } => polling.cancel(),
            },
        }
        lane.totals.forgotten = lane.buffer.forgotten + lane.kept.map_or(0, |kept| kept.forgotten);
        lane.totals
    }

    /// Sends what comes until no more comes and nothing is owed.
    async fn carry(
        &mut self,
        messages: &mut mpsc::Receiver<Message>,
        heard: &mut mpsc::Receiver<Heard>,
    ) {
        let mut more = true;
        let mut look = tokio::time::interval(LOOK_EVERY);
        while more || !self.is_done() {
            let room = self.unacknowledged.len() < usize::from(self.seat.window());
            let drains = room && !self.is_away && !self.buffer.is_empty();
            tokio::select! {
                outcome = oldest(&mut self.unacknowledged), if !self.unacknowledged.is_empty() => {
                    self.settle(outcome);
                }
                message = messages.recv(), if more && (room || self.is_away) => match message {
                    Some(message) => self.take(message).await,
                    None => more = false,
                },
                Some(heard) = heard.recv() => self.hear(heard).await,
                () = ready(()), if drains => self.drain().await,
                _ = look.tick(), if self.kept.is_some() => self.send_kept().await,
            }
        }
    }

    fn is_done(&self) -> bool {
        self.unacknowledged.is_empty()
            && self.buffer.is_empty()
            && self.kept.as_ref().is_none_or(Kept::is_empty)
    }

    /// A message comes from a station: it leaves, or waits for the broker.
    async fn take(&mut self, message: Message) {
        self.totals.sent += 1;
        if !self.is_away {
            return self.send(message).await;
        }
        self.totals.buffered += 1;
        self.buffer.keep(message);
    }

    async fn send(&mut self, message: Message) {
        let name = self.kept.as_mut().and_then(|kept| kept.keep(&message));
        let notice = notice(&self.client, &message).await;
        self.unacknowledged.push_back(Sent { message, notice, name });
    }

    async fn drain(&mut self) {
        if let Some(message) = self.buffer.next() {
            self.send(message).await;
        }
    }

    fn settle(&mut self, outcome: Result<PublishResult, PublishNoticeError>) {
        let reason = match outcome {
            Ok(PublishResult::Qos1(ack)) => ack.reason,
            Ok(_) => PubAckReason::Success,
            Err(error) => return self.take_back(&error),
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
    fn take_back(&mut self, error: &PublishNoticeError) {
        let count = self.unacknowledged.len();
        tracing::debug!(%error, count, "sending again");
        self.totals.repeated += count as u64;
        self.buffer.take_back(self.unacknowledged.drain(..).map(|sent| sent.message));
    }

    async fn hear(&mut self, heard: Heard) {
        match heard {
            Heard::Connected(_) => self.come_up().await,
            Heard::Away if self.is_away => {}
            Heard::Away => {
                self.is_away = true;
                tracing::warn!(connection = %self.name(), "broker away, reports wait in the buffer");
            }
            Heard::Message(publish) => self.listen(&publish).await,
        }
    }

    async fn come_up(&mut self) {
        if core::mem::take(&mut self.is_away) {
            let (connection, waiting) = (self.name(), self.buffer.len());
            tracing::info!(%connection, waiting, "broker is back, the buffer drains");
        }
        if self.kept.is_some() {
            self.client.subscribe(self.seat.filter("stored"), QoS::AtMostOnce).await.ok();
        }
        let Some(field) = self.options.field.clone() else { return };
        self.client.subscribe(self.seat.filter("command"), QoS::AtLeastOnce).await.ok();
        self.came_up += 1;
        // the first birth is the world's; after that the broker has published the will
        if let Seat::Own { base } = &self.seat
            && self.came_up > 1
            && let Some(birth) = field.birth(base, self.pace.now())
        {
            self.send(birth).await;
        }
    }

    fn name(&self) -> String {
        match &self.seat {
            Seat::Shared { number, .. } => number.to_string(),
            Seat::Own { base } => base.clone(),
        }
    }

    /// Somebody tells a station something.
    async fn listen(&mut self, publish: &Publish) {
        let topic = String::from_utf8_lossy(&publish.topic);
        if !self.seat.is_of(&topic) {
            return;
        }
        if let Some(kept) = &mut self.kept {
            kept.stored(&topic, &publish.payload);
        }
        let Some(field) = self.options.field.clone() else { return };
        for said in field.tell(&topic, &publish.payload, self.pace.now()) {
            self.totals.answered += u64::from(said.topic.ends_with("/command/result"));
            self.send(said).await;
        }
    }

    /// What nobody has stored in time goes again, as room allows.
    async fn send_kept(&mut self) {
        let Some(kept) = &mut self.kept else { return };
        let room = usize::from(self.seat.window()).saturating_sub(self.unacknowledged.len());
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
