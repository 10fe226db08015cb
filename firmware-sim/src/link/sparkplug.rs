//! Reports as Sparkplug B 3.0 edge nodes publish them: a node for each site with a connection of its own, a device for
//! each station, a metric `tilt-1/tilt-x` for each series.
//!
//! A node is born when its connection is up and tells of its devices; its death is its will, with the `bdSeq` of that
//! birth. Data give aliases alone. Whoever commands `Node Control/Rebirth` hears every birth again. What waited while
//! the broker was away is historical. Between instrument and node there is a checksum: what is damaged is not passed
//! on.

use std::collections::BTreeMap;
use std::time::Duration;

use reading::Timestamp;
use reading::codec::sparkplug::{Datatype, Metric, Payload, REBIRTH, ROOT, Value, command_topic};
use reading::report::Road;
use rumqttc::{PublishOptions, QoS};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::report::{name, report};
use crate::link::mqtt::{Buffer, ROOM, Totals};
use crate::link::session::{Address, Heard, Session, Will};
use crate::message::Message;
use crate::pace::Pace;

/// The group all nodes are of.
pub const GROUP: &str = "firmware-sim";

/// Messages of one node that wait; the world waits when it is full.
const LANE_LEN_MAX: usize = 256;
/// Messages on their way to the broker.
const WINDOW: u16 = 64;
/// How long the last messages may take to leave.
const LEAVE_WITHIN: Duration = Duration::from_secs(5);

/// One edge node.
#[derive(Clone, Debug)]
pub struct Node {
    name: String,
    /// The number of its session, which its death repeats.
    session: u64,
    seq: u8,
    aliases: u64,
    devices: BTreeMap<String, BTreeMap<String, Known>>,
}

/// A metric of a device, as of its last report.
#[derive(Clone, Debug)]
struct Known {
    alias: u64,
    unit: Option<String>,
    last: Option<(f64, Option<u64>)>,
}

impl Node {
    /// A node that was never born.
    pub fn new(name: &str) -> Self {
        Self { name: name.into(), session: 0, seq: 0, aliases: 0, devices: BTreeMap::new() }
    }

    /// It is connected, with the death of this number: its own birth and those of its devices.
    pub fn birth(&mut self, session: u64, at: Timestamp) -> Vec<Message> {
        (self.session, self.seq) = (session % 256, 0);
        let control = Metric {
            name: Some(REBIRTH.into()),
            datatype: Some(Datatype::Boolean as u32),
            value: Value::Flag(false),
            ..Metric::default()
        };
        let births = self.message("NBIRTH", None, vec![session_metric(self.session), control], at);
        let devices: Vec<String> = self.devices.keys().cloned().collect();
        let mut messages = vec![births];
        messages.extend(devices.iter().map(|device| self.device_birth(device, at)));
        messages
    }

    /// A report of one of its stations: data, after a birth if it has something that was never told of.
    pub fn data(&mut self, message: &Message) -> Vec<Message> {
        if !message.flips.is_empty() {
            return Vec::new();
        }
        let Some(report) = report(message, &message.payload) else { return Vec::new() };
        let device = report.station.to_owned();
        let known = self.devices.entry(device.clone()).or_default();
        let (mut metrics, mut is_new) = (Vec::new(), false);
        for claim in &report.claims {
            let at = claim.at.or(report.at).and_then(millis);
            let metric = known.entry(name(claim)).or_insert_with(|| {
                is_new = true;
                self.aliases += 1;
                let unit = claim.unit.as_deref().map(str::to_owned);
                Known { alias: self.aliases, unit, last: None }
            });
            metrics.push(Metric {
                alias: Some(metric.alias),
                timestamp: at,
                is_historical: report.road == Road::Backfill,
                value: Value::Double(claim.value),
                ..Metric::default()
            });
            if report.road == Road::Live {
                metric.last = Some((claim.value, at));
            }
        }
        let mut messages = Vec::new();
        if is_new {
            messages.push(self.device_birth(&device, message.sent_at));
        }
        messages.push(self.message("DDATA", Some(&device), metrics, message.sent_at));
        messages
    }

    /// A command to it: every birth again, if that is asked.
    pub fn obey(&mut self, payload: &[u8], at: Timestamp) -> Vec<Message> {
        let asks = |metric: &Metric<'_>| {
            metric.name.as_deref() == Some(REBIRTH) && metric.value == Value::Flag(true)
        };
        match Payload::read(payload) {
            Ok(payload) if payload.metrics.iter().any(asks) => self.birth(self.session, at),
            Ok(_) | Err(_) => Vec::new(),
        }
    }

    fn device_birth(&mut self, device: &str, at: Timestamp) -> Message {
        let born = |(name, known): (&String, &Known)| Metric {
            name: Some(name.clone().into()),
            alias: Some(known.alias),
            timestamp: known.last.and_then(|(_, at)| at),
            datatype: Some(Datatype::Double as u32),
            is_null: known.last.is_none(),
            unit: known.unit.clone().map(Into::into),
            value: known.last.map_or(Value::None, |(value, _)| Value::Double(value)),
            ..Metric::default()
        };
        let metrics = self.devices.get(device).into_iter().flatten().map(born).collect();
        self.message("DBIRTH", Some(device), metrics, at)
    }

    fn message(
        &mut self,
        kind: &str,
        device: Option<&str>,
        mut metrics: Vec<Metric<'static>>,
        at: Timestamp,
    ) -> Message {
        // Sparkplug 3.0, chapter 6: every metric of a birth and of data has a time.
        metrics.iter_mut().for_each(|metric| metric.timestamp = metric.timestamp.or(millis(at)));
        let seq = u64::from(self.seq);
        self.seq = self.seq.wrapping_add(1);
        let payload = Payload { timestamp: millis(at), seq: Some(seq), metrics }.encode();
        let device = device.map(|device| format!("/{device}")).unwrap_or_default();
        let topic = format!("{ROOT}/{GROUP}/{kind}/{}{device}", self.name);
        Message::new(at, topic, payload)
    }
}

/// What the broker says of a node once its connection of this number is gone.
fn death(name: &str) -> Will {
    let payload = |session: u64| {
        let metrics = vec![session_metric(session % 256)];
        Payload { timestamp: None, seq: None, metrics }.encode()
    };
    Will {
        topic: format!("{ROOT}/{GROUP}/NDEATH/{name}"),
        payload: Box::new(payload),
        retain: false,
    }
}

fn session_metric(session: u64) -> Metric<'static> {
    Metric {
        name: Some("bdSeq".into()),
        datatype: Some(Datatype::Int64 as u32),
        value: Value::Long(session),
        ..Metric::default()
    }
}

fn millis(at: Timestamp) -> Option<u64> {
    u64::try_from(at.nanos() / 1_000_000).ok()
}

/// Plays a node for each site until the messages end or `stop`; then the broker tells of their deaths.
pub async fn publish(
    messages: impl Iterator<Item = Message> + Send,
    address: &Address,
    pace: &Pace,
    stop: CancellationToken,
) -> Totals {
    let mut tasks = JoinSet::new();
    let mut lanes: BTreeMap<String, mpsc::Sender<Message>> = BTreeMap::new();
    let dispatching = async {
        for message in messages {
            pace.sleep_until(message.sent_at).await;
            let Some(site) = message.topic.split('/').nth(2).map(str::to_owned) else { continue };
            let lane = lanes.entry(site.clone()).or_insert_with(|| {
                let (lane, messages) = mpsc::channel(LANE_LEN_MAX);
                tasks.spawn(run(site, address.clone(), pace.clone(), messages, stop.clone()));
                lane
            });
            if lane.send(message).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = stop.cancelled() => (),
        () = dispatching => (),
    }
    drop(lanes);
    let mut totals = Totals::default();
    while let Some(lane) = tasks.join_next().await {
        match lane {
            Ok(lane) => totals.add(lane),
            Err(error) => tracing::error!(%error, "an edge node ended badly"),
        }
    }
    totals
}

async fn run(
    site: String,
    address: Address,
    pace: Pace,
    mut messages: mpsc::Receiver<Message>,
    stop: CancellationToken,
) -> Totals {
    let polling = stop.child_token();
    let client_id = format!("{GROUP}-{site}");
    let will = death(&site);
    let mut session = Session::open(&address, &client_id, Some(will), WINDOW, polling.clone());
    let mut edge =
        Edge { node: Node::new(&site), buffer: Buffer::new(ROOM), totals: Totals::default() };
    tokio::select! {
        () = stop.cancelled() => (),
        () = edge.serve(&mut session, &pace, &mut messages) => {
            // QoS 0 has no answers: what was handed over is given a moment to leave
            let left = session.client.disconnect_with_timeout(LEAVE_WITHIN);
            left.await.ok();
        }
    }
    polling.cancel();
    edge.totals.forgotten = edge.buffer.forgotten;
    edge.totals
}

struct Edge {
    node: Node,
    buffer: Buffer,
    totals: Totals,
}

impl Edge {
    async fn serve(
        &mut self,
        session: &mut Session,
        pace: &Pace,
        messages: &mut mpsc::Receiver<Message>,
    ) {
        let (mut is_up, mut more) = (false, true);
        while more || !self.buffer.is_empty() {
            tokio::select! {
                message = messages.recv(), if more => match message {
                    Some(message) if message.retain => {} // the node tells who is there
                    Some(message) if is_up => self.say(session, &message).await,
                    Some(message) => {
                        self.totals.buffered += 1;
                        self.buffer.keep(message);
                    }
                    None => more = false,
                },
                Some(heard) = session.incoming.recv() => match heard {
                    Heard::Connected(number) => {
                        is_up = true;
                        self.announce(session, number, pace.now()).await;
                    }
                    Heard::Away => is_up = false,
                    Heard::Message(publish) => {
                        let births = self.node.obey(&publish.payload, pace.now());
                        self.totals.answered += u64::from(!births.is_empty());
                        self.publish(session, births).await;
                    }
                },
                () = std::future::ready(()), if is_up && !self.buffer.is_empty() => {
                    if let Some(message) = self.buffer.next() {
                        self.say(session, &message).await;
                    }
                }
            }
        }
    }

    async fn announce(&mut self, session: &Session, number: u64, now: Timestamp) {
        let commands = command_topic(GROUP, &self.node.name);
        session.client.subscribe(commands, QoS::AtLeastOnce).await.ok();
        let births = self.node.birth(number, now);
        self.publish(session, births).await;
    }

    async fn say(&mut self, session: &Session, message: &Message) {
        let said = self.node.data(message);
        self.publish(session, said).await;
    }

    /// Sparkplug's data go with QoS 0: a gap in the running number tells of what was lost.
    async fn publish(&mut self, session: &Session, messages: Vec<Message>) {
        for Message { topic, payload, .. } in messages {
            let options = PublishOptions::new(QoS::AtMostOnce);
            if session.client.publish(topic, payload, options).await.is_ok() {
                self.totals.sent += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reading::codec::sparkplug::rebirth;

    fn message(station: &str, road: &str, values: &[(&str, f64)]) -> Message {
        let reading = |(sensor, value): &(&str, f64)| {
            format!(r#"{{"sensor":"{sensor}","quantity":"tilt-x","value":{value},"unit":"deg"}}"#)
        };
        let readings: Vec<String> = values.iter().map(reading).collect();
        let payload = format!(
            r#"{{"seq":1,"at":"2026-07-14T00:00:00Z","readings":[{}]}}"#,
            readings.join(",")
        );
        let topic = format!("bongsu/v1/cut-12/{station}/{road}");
        Message::new(Timestamp::from_secs(1_784_000_000), topic, payload.into_bytes())
    }

    /// Kind and device of each, with its running number and how many metrics have a name, a value, are of the past.
    fn shape(messages: &[Message]) -> Vec<(String, u64, [usize; 3])> {
        let one = |message: &Message| {
            let payload = Payload::read(&message.payload).unwrap();
            let timed = |metric: &Metric<'_>| metric.timestamp.is_some();
            assert!(payload.metrics.iter().all(timed), "{}", message.topic);
            let count = |holds: &dyn Fn(&Metric<'_>) -> bool| {
                payload.metrics.iter().filter(|metric| holds(metric)).count()
            };
            let counts = [
                count(&|metric| metric.name.is_some()),
                count(&|metric| metric.value != Value::None),
                count(&|metric| metric.is_historical),
            ];
            let kind = message.topic.strip_prefix("spBv1.0/firmware-sim/").unwrap().to_owned();
            (kind, payload.seq.unwrap(), counts)
        };
        messages.iter().map(one).collect()
    }

    #[test]
    fn births_come_before_data_and_data_have_aliases_alone() {
        let mut node = Node::new("cut-12");
        let at = Timestamp::from_secs(1_784_000_000);
        assert_eq!(shape(&node.birth(3, at)), [("NBIRTH/cut-12".into(), 0, [2, 2, 0])]);
        let said = node.data(&message("post-1", "telemetry", &[("tilt-1", 0.1)]));
        let born = ("DBIRTH/cut-12/post-1".to_owned(), 1, [1, 0, 0]);
        let data = |seq, values| ("DDATA/cut-12/post-1".to_owned(), seq, values);
        // it was told of before it had said anything of now
        assert_eq!(shape(&said)[1], data(2, [0, 1, 0]));
        assert_eq!(shape(&said)[0].0, born.0);
        let said = node.data(&message("post-1", "backfill", &[("tilt-1", 0.2)]));
        assert_eq!(shape(&said), [data(3, [0, 1, 1])]);
        let said = node.data(&message("post-1", "telemetry", &[("tilt-2", 0.2)]));
        assert_eq!(shape(&said)[0].0, born.0, "a metric nobody knows is a birth again");
    }

    #[test]
    fn whoever_asks_hears_every_birth_again_in_the_same_session() {
        let mut node = Node::new("cut-12");
        let at = Timestamp::from_secs(1_784_000_000);
        node.birth(300, at);
        node.data(&message("post-1", "telemetry", &[("tilt-1", 0.1)]));
        node.data(&message("post-2", "telemetry", &[("tilt-1", 0.1)]));
        let births = node.obey(&rebirth(at), at);
        let kinds: Vec<_> = shape(&births).into_iter().map(|(kind, seq, _)| (kind, seq)).collect();
        let expected =
            [("NBIRTH/cut-12", 0), ("DBIRTH/cut-12/post-1", 1), ("DBIRTH/cut-12/post-2", 2)];
        assert_eq!(kinds, expected.map(|(kind, seq)| (kind.to_owned(), seq)));
        let of_death = (death("cut-12").payload)(300);
        let (birth, death) =
            (Payload::read(&births[0].payload).unwrap(), Payload::read(&of_death).unwrap());
        let (birth, death) = (&birth.metrics[0], &death.metrics[0]);
        let (of_birth, of_death) = ((&birth.name, &birth.value), (&death.name, &death.value));
        assert_eq!(of_birth, of_death, "the death names the session");
        assert_eq!(node.obey(b"nonsense", at), []);
    }

    #[test]
    fn a_running_number_starts_over_after_255() {
        let mut node = Node::new("cut-12");
        node.birth(0, Timestamp::from_secs(0));
        let tell = |node: &mut Node| node.data(&message("post-1", "telemetry", &[("tilt-1", 0.1)]));
        let numbers: Vec<u64> = (0..256)
            .flat_map(|_| tell(&mut node))
            .map(|said| Payload::read(&said.payload).unwrap().seq.unwrap())
            .collect();
        assert_eq!(numbers[..3], [1, 2, 3]);
        assert_eq!(numbers[253..257], [254, 255, 0, 1]);
    }
}
