//! Messages to a real broker: QoS 1, in order per station, kept until acknowledged, sent again if that fails.
//!
//! Stations have connections of their own, each with its client id, its will and its birth, or they share some, as
//! behind gateways. What is said to a station on `…/command` is obeyed and answered. While the broker is away the world
//! goes on: reports wait in a bounded buffer and leave once it is back, what was on its way first, then the newest of
//! what waited, on the road for old ones. Nothing is lost but what does not fit; a message may arrive twice.

mod buffer;
mod line;
mod lane;

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::link::field::Field;
use crate::link::session::Address;
use crate::message::Message;
use crate::pace::Pace;
pub(super) use buffer::{Buffer, ROOM};
use lane::{Lane, Seat};

/// Messages that wait for a connection that stations share, and for one of its own; the world waits when it is full.
const LANE_LEN_MAX: (usize, usize) = (256, 8);

/// How to reach the broker.
#[derive(Clone, Debug)]
pub struct Options {
    /// The broker.
    pub address: Address,
    /// Whose connections there are.
    pub connections: Connections,
    /// Keep every report until `…/stored` names it, and send it again on the backfill road if that takes longer
    /// than this. Without it a report is let go when the broker acknowledges it.
    pub until_stored: Option<Duration>,
    /// The world that hears what is said to stations, and that says of each that it is there. Without it nobody does.
    pub field: Option<Field>,
}

/// Whose connections there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Connections {
    /// So many that the stations share; client ids are this and a number.
    Shared {
        /// What client ids begin with.
        client_id: String,
        /// How many; at least one.
        count: usize,
    },
    /// Each station has its own, under its [`identity`](crate::link::tls::identity). Its will says that it is gone.
    EachStation,
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
    /// Waited in a buffer because the broker was away.
    pub buffered: u64,
    /// Given up because too many were waiting.
    pub forgotten: u64,
    /// Orders that a station answered.
    pub answered: u64,
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
    let mut lanes = Lanes::open(options, pace, &stop);
    tokio::select! {
        () = stop.cancelled() => (),
        () = lanes.dispatch(messages) => (),
    }
    let Lanes { mut tasks, .. } = lanes.closed();
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

/// Every connection, and what waits for it.
struct Lanes {
    options: Options,
    pace: Pace,
    stop: CancellationToken,
    tasks: JoinSet<Totals>,
    shared: Vec<mpsc::Sender<Message>>,
    /// By what the topics of a station begin with.
    own: BTreeMap<String, mpsc::Sender<Message>>,
}

impl Lanes {
    fn open(options: &Options, pace: &Pace, stop: &CancellationToken) -> Self {
        let mut lanes = Self {
            options: options.clone(),
            pace: pace.clone(),
            stop: stop.clone(),
            tasks: JoinSet::new(),
            shared: Vec::new(),
            own: BTreeMap::new(),
        };
        if let Connections::Shared { client_id, count } = &options.connections {
            let count = (*count).max(1);
            for number in 0..count {
                let lane =
                    lanes.start(format!("{client_id}-{number}"), Seat::Shared { number, count });
                lanes.shared.push(lane);
            }
        }
        lanes
    }

    fn start(&mut self, client_id: String, seat: Seat) -> mpsc::Sender<Message> {
        let (lane, messages) = mpsc::channel(match &seat {
            Seat::Shared { .. } => LANE_LEN_MAX.0,
            Seat::Own { .. } => LANE_LEN_MAX.1,
        });
        let pace = self.pace.clone();
        self.tasks.spawn(Lane::run(
            self.options.clone(),
            client_id,
            seat,
            pace,
            messages,
            self.stop.clone(),
        ));
        lane
    }

    async fn dispatch(&mut self, messages: impl Iterator<Item = Message>) {
        for message in messages {
            self.pace.sleep_until(message.sent_at).await;
            if self.lane(&message.topic).send(message).await.is_err() {
                return;
            }
        }
    }

    /// The connection of a station: always the same one, so that its messages keep their order.
    fn lane(&mut self, topic: &str) -> mpsc::Sender<Message> {
        if !self.shared.is_empty() {
            return self.shared[lane_of(topic, self.shared.len())].clone();
        }
        let base = base_of(topic);
        if let Some(lane) = self.own.get(base) {
            return lane.clone();
        }
        // an identity of the levels that name site and station
        let client_id = base.rsplitn(3, '/').take(2).collect::<Vec<_>>();
        let client_id = client_id.into_iter().rev().collect::<Vec<_>>().join("--");
        let lane = self.start(client_id, Seat::Own { base: base.to_owned() });
        self.own.insert(base.to_owned(), lane.clone());
        lane
    }

    /// No more messages: each connection ends once it owes nothing.
    fn closed(mut self) -> Self {
        self.shared.clear();
        self.own.clear();
        self
    }
}

/// What the topics of the station that this one is of begin with: all but the last level, or the last two for answers.
fn base_of(topic: &str) -> &str {
    let topic = topic.strip_suffix("/result").unwrap_or(topic);
    topic.rsplit_once('/').map_or(topic, |(station, _)| station)
}

/// Which of the shared connections a station has.
fn lane_of(topic: &str, lanes: usize) -> usize {
    let sum = base_of(topic)
        .bytes()
        .fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(byte)));
    sum % lanes.max(1)
}

impl Totals {
    /// What became of the messages of another connection, as well.
    pub(super) fn add(&mut self, other: Self) {
        self.sent += other.sent;
        self.acknowledged += other.acknowledged;
        self.refused += other.refused;
        self.repeated += other.repeated;
        self.buffered += other.buffered;
        self.forgotten += other.forgotten;
        self.answered += other.answered;
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
            assert_eq!(lane("telemetry"), lane("command/result"));
        }
        let used: std::collections::BTreeSet<_> =
            (0..100).map(|n| lane_of(&format!("bongsu/v1/s/station-{n}/telemetry"), 4)).collect();
        assert_eq!(used.len(), 4);
        assert_eq!(lane_of("x", 1), 0);
    }
}
