//! One connection: what is on its way, what waits for the broker, what waits to be stored, and what is said to
//! stations.

use std::collections::VecDeque;
use std::future::ready;
use std::time::Duration;

use rumqttc::{PubAckReason, Publish, QoS};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::buffer::{Buffer, ROOM};
use super::line::{Broken, Line, Said};
use super::{Options, Totals, lane_of};
use crate::link::kept::{Kept, Name};
use crate::link::session::{CLOSE_GRACE, Will};
use crate::message::{Message, Status, json};
use crate::pace::{Pace, Stopwatch};

/// Messages that may be unacknowledged on a connection that stations share, and on one of its own: what is kept for
/// each counts ten thousand times.
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

    /// How many reports wait here while the broker is away: as many as the box keeps.
    fn room(&self, options: &Options) -> usize {
        match (self, &options.field) {
            (Self::Own { base }, Some(field)) => field.room(base).unwrap_or(ROOM),
            (Self::Own { .. } | Self::Shared { .. }, _) => ROOM,
        }
    }

    fn will(&self) -> Option<Will> {
        let Self::Own { base } = self else { return None };
        Some(Will::retained(format!("{base}/status"), json(&Status::offline())))
    }
}

/// A message on its way.
struct Sent {
    id: u16,
    message: Message,
    /// Its name among the kept ones, if it is kept.
    name: Option<Name>,
}

/// One connection.
pub(super) struct Lane {
    line: Line,
    options: Options,
    seat: Seat,
    pace: Pace,
    /// On their way, oldest first.
    unacknowledged: VecDeque<Sent>,
    /// The connection is down, and that was said.
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
        let room = seat.room(&options);
        let mut lane = Self {
            line: Line::new(&options.address, client_id, seat.will(), seat.window()),
            unacknowledged: VecDeque::new(),
            is_away: false,
            came_up: 0,
            buffer: Buffer::new(room),
            kept: options.until_stored.map(|after| Kept::new(after, room)),
            stopwatch: Stopwatch::start(),
            totals: Totals::default(),
            options,
            seat,
            pace,
        };
        let is_done = tokio::select! {
            () = stop.cancelled() => false,
            () = lane.carry(&mut messages) => true,
        };
        lane.totals.forgotten = lane.buffer.forgotten + lane.kept.map_or(0, |kept| kept.forgotten);
        // a box of its own loses power: the broker publishes its will
        if is_done && matches!(lane.seat, Seat::Shared { .. }) {
            tokio::time::timeout(CLOSE_GRACE, lane.line.close()).await.ok();
        }
        lane.totals
    }

    /// Sends what comes until no more comes and nothing is owed.
    async fn carry(&mut self, messages: &mut mpsc::Receiver<Message>) {
        let mut more = true;
        let mut look = tokio::time::interval(LOOK_EVERY);
        while more || !self.is_done() {
            let has_room = self.room() > 0;
            tokio::select! {
                said = self.line.next() => self.hear(said),
                message = messages.recv(), if more && (has_room || self.is_away) => match message {
                    Some(message) => self.take(message),
                    None => more = false,
                },
                () = ready(()), if has_room && !self.buffer.is_empty() => self.drain(),
                _ = look.tick(), if self.kept.is_some() => self.send_kept(),
            }
        }
    }

    fn is_done(&self) -> bool {
        self.unacknowledged.is_empty()
            && self.buffer.is_empty()
            && self.kept.as_ref().is_none_or(Kept::is_empty)
    }

    /// How many more messages may be on their way; none while the connection is down.
    fn room(&self) -> usize {
        self.line.window().saturating_sub(self.unacknowledged.len())
    }

    /// A message comes from a station: it leaves, or waits for the broker.
    fn take(&mut self, message: Message) {
        self.totals.sent += 1;
        if !self.is_away {
            return self.send(message);
        }
        self.totals.buffered += 1;
        self.buffer.keep(message);
    }

    /// Puts it on its way; behind those that wait if there are too many already.
    fn send(&mut self, message: Message) {
        if self.room() == 0 {
            return self.buffer.take_back(core::iter::once(message));
        }
        let Some(id) = self.line.publish(&message) else {
            self.totals.refused += 1;
            tracing::warn!(topic = %message.topic, "message given up: it is larger than the broker takes");
            return;
        };
        let name = self.kept.as_mut().and_then(|kept| kept.keep(&message));
        self.unacknowledged.push_back(Sent { id, message, name });
    }

    fn drain(&mut self) {
        if let Some(message) = self.buffer.next() {
            self.send(message);
        }
    }

    fn settle(&mut self, id: u16, reason: PubAckReason) {
        let Some(index) = self.unacknowledged.iter().position(|sent| sent.id == id) else { return };
        let Some(Sent { message, name, .. }) = self.unacknowledged.remove(index) else { return };
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

    fn hear(&mut self, said: Said) {
        match said {
            Said::Up => self.come_up(),
            Said::Away(why) => self.go_away(&why),
            Said::Answered(id, reason) => self.settle(id, reason),
            Said::Message(publish) => self.listen(&publish),
        }
    }

    /// The connection is down and its session gone: everything unacknowledged goes again, in order.
    fn go_away(&mut self, why: &Broken) {
        let count = self.unacknowledged.len();
        self.totals.repeated += count as u64;
        self.buffer.take_back(self.unacknowledged.drain(..).map(|sent| sent.message));
        if core::mem::replace(&mut self.is_away, true) {
            return;
        }
        tracing::warn!(connection = %self.name(), %why, "broker away, reports wait in the buffer");
    }

    fn come_up(&mut self) {
        if core::mem::take(&mut self.is_away) {
            let (connection, waiting) = (self.name(), self.buffer.len());
            tracing::info!(%connection, waiting, "broker is back, the buffer drains");
        }
        if self.kept.is_some() {
            self.line.subscribe(self.seat.filter("stored"), QoS::AtMostOnce);
        }
        let Some(field) = self.options.field.clone() else { return };
        self.line.subscribe(self.seat.filter("command"), QoS::AtLeastOnce);
        self.came_up += 1;
        // the first birth is the world's; after that the broker has published the will
        if let Seat::Own { base } = &self.seat
            && self.came_up > 1
            && let Some(birth) = field.birth(base, self.pace.now())
        {
            self.send(birth);
        }
    }

    fn name(&self) -> String {
        match &self.seat {
            Seat::Shared { number, .. } => number.to_string(),
            Seat::Own { base } => base.clone(),
        }
    }

    /// Somebody tells a station something.
    fn listen(&mut self, publish: &Publish) {
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
            self.send(said);
        }
    }

    /// What nobody has stored in time goes again, as room allows.
    fn send_kept(&mut self) {
        let room = self.room();
        let Some(kept) = &mut self.kept else { return };
        for message in kept.due(self.stopwatch.elapsed(), room) {
            self.totals.repeated += 1;
            self.send(message);
        }
    }
}
