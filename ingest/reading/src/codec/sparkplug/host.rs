//! What a host remembers of nodes, and what their messages come to.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::payload::{METRICS_MAX, Metric, Payload};
use super::{Address, Kind};
use crate::codec::gather::{Gatherer, Point, PointUnit};
use crate::codec::naming::Naming;
use crate::codec::{CodecError, StationState, StatusReport, form, shorten};
use crate::frame::Frame;
use crate::report::Road;
use crate::time::{EpochUnit, Timestamp};

/// A node is asked to be born again at most this often.
const ASK_EVERY: Duration = Duration::from_secs(60);

/// The most nodes that are remembered: whoever may publish may invent names.
const NODES_MAX: usize = 4_096;

/// The most metrics of a node with its devices.
const NODE_METRICS_MAX: usize = 2 * METRICS_MAX;

/// What is remembered of every node of every collector. It follows from the journal alone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Hosts {
    nodes: BTreeMap<(String, String), Node>,
    #[serde(skip)]
    wishes: Vec<Wish>,
}

/// What a host wants of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// That it tells its births again.
    Rebirth {
        /// The collector it is reached through.
        source: String,
        /// Its group.
        group: String,
        /// Its name.
        node: String,
        /// The journal's moment of the wish: an old one is void.
        at: Timestamp,
    },
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Node {
    born: bool,
    /// Of the session that its last birth began.
    birth: Option<u64>,
    seq: Option<u64>,
    asked_at: Option<Timestamp>,
    /// Its metrics, and those of its devices; the empty name is the node's own.
    parts: BTreeMap<String, Part>,
    aliases: BTreeMap<u64, (String, String)>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Part {
    born: bool,
    metrics: BTreeMap<String, Known>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Known {
    datatype: Option<u32>,
    unit: Option<String>,
}

impl Hosts {
    /// What is wanted since the last time this was asked.
    pub fn take_wishes(&mut self) -> Vec<Wish> {
        core::mem::take(&mut self.wishes)
    }

    /// Takes a message: values to `gatherer`, who came and went to the result.
    pub(in crate::codec) fn decode<'n>(
        &mut self,
        frame: &Frame<'_>,
        naming: &'n Naming,
        now: Timestamp,
        gatherer: &mut Gatherer<'n>,
    ) -> Result<Vec<StatusReport<'n>>, CodecError> {
        let address = Address::parse(frame.topic)?;
        match address.kind {
            Kind::Command | Kind::State => return Ok(Vec::new()),
            _ if frame.retained => {
                let problem = "a broker kept it: Sparkplug B messages are not retained".to_owned();
                return Err(CodecError::WrongShape { problem });
            }
            _ => form::sized(frame.payload)?,
        }
        let payload = Payload::read(frame.payload)?;
        let key = (frame.source.to_owned(), format!("{}/{}", address.group, address.node));
        if !self.nodes.contains_key(&key) && self.nodes.len() >= NODES_MAX {
            self.nodes.retain(|_, node| node.born);
            if self.nodes.len() >= NODES_MAX {
                let problem = format!("more than {NODES_MAX} nodes");
                return Err(CodecError::WrongShape { problem });
            }
        }
        let node = self.nodes.entry(key).or_default();
        let (heard, follows) = node.hear(&address, &payload);
        if !follows && node.may_ask(now) {
            self.wishes.push(Wish::Rebirth {
                source: frame.source.to_owned(),
                group: address.group.to_owned(),
                node: address.node.to_owned(),
                at: now,
            });
        }
        let is_birth = matches!(address.kind, Kind::NodeBirth | Kind::DeviceBirth);
        let state = match heard? {
            Heard::Values => {
                node.gather(&address, &payload, gatherer)?;
                is_birth.then_some(StationState::Online)
            }
            Heard::Gone => Some(StationState::Offline),
            Heard::Nothing => None,
        };
        let at = payload.timestamp.and_then(moment);
        Ok(state.map_or_else(Vec::new, |state| stations(&address, naming, state, at)))
    }
}

/// What a message means for what is remembered.
enum Heard {
    Values,
    Gone,
    Nothing,
}

impl Node {
    /// Takes note of a message; whether it follows on what came before.
    fn hear(
        &mut self,
        address: &Address<'_>,
        payload: &Payload<'_>,
    ) -> (Result<Heard, CodecError>, bool) {
        match address.kind {
            Kind::NodeBirth => {
                let (seen, birth) = (self.asked_at, birth_of(payload));
                let is_next = follows_session(self.birth, birth);
                *self = Self { born: true, birth, asked_at: seen, ..Self::default() };
                self.seq = payload.seq;
                let bore = self.bear("", payload);
                let follows = bore.is_ok() && payload.seq == Some(0) && is_next;
                (bore.map(|()| Heard::Values), follows)
            }
            Kind::NodeDeath => match (self.birth, birth_of(payload)) {
                (Some(known), Some(died)) if known != died => (Ok(Heard::Nothing), true),
                _ => {
                    self.born = false;
                    self.seq = None;
                    self.parts.values_mut().for_each(|part| part.born = false);
                    (Ok(Heard::Gone), true)
                }
            },
            _ if !self.born => (Err(no_birth(address, "its node")), false),
            Kind::DeviceBirth => {
                let follows = self.follows(payload.seq);
                let bore = self.bear(address.device, payload);
                (bore.map(|()| Heard::Values), follows)
            }
            Kind::DeviceDeath => {
                let follows = self.follows(payload.seq);
                if let Some(part) = self.parts.get_mut(address.device) {
                    part.born = false;
                }
                (Ok(Heard::Gone), follows)
            }
            Kind::NodeData | Kind::DeviceData => {
                let follows = self.follows(payload.seq);
                match self.check(address, payload) {
                    Ok(()) => (Ok(Heard::Values), follows),
                    Err(error) => (Err(error), false),
                }
            }
            Kind::Command | Kind::State => (Ok(Heard::Nothing), true),
        }
    }

    /// Whether a running number is the next one. Whatever it is, counting goes on from it.
    fn follows(&mut self, seq: Option<u64>) -> bool {
        let expected = self.seq.map(|last| (last + 1) % 256);
        self.seq = seq;
        seq.is_some() && seq == expected
    }

    fn may_ask(&mut self, now: Timestamp) -> bool {
        let due = self.asked_at.is_none_or(|asked| now.since(asked) >= ASK_EVERY);
        if due {
            self.asked_at = Some(now);
        }
        due
    }

    /// Learns the metrics of a birth. One that is refused ends what was known of its device and changes no other's.
    fn bear(&mut self, device: &str, payload: &Payload<'_>) -> Result<(), CodecError> {
        self.aliases.retain(|_, (of, _)| of != device);
        self.parts.remove(device);
        let others: usize = self.parts.values().map(|part| part.metrics.len()).sum();
        if others + payload.metrics.len() > NODE_METRICS_MAX {
            let problem = format!("more than {NODE_METRICS_MAX} metrics of one node");
            return Err(CodecError::TooManyReadings { problem });
        }
        let (mut part, mut aliases) = (Part { born: true, ..Part::default() }, BTreeMap::new());
        for metric in &payload.metrics {
            let Some(name) = metric.name.as_deref() else {
                let problem = "a metric of a birth has no name".to_owned();
                return Err(CodecError::WrongShape { problem });
            };
            if let Some(alias) = metric.alias {
                let target = (device.to_owned(), name.to_owned());
                let before = aliases.insert(alias, target.clone());
                if before.as_ref().or(self.aliases.get(&alias)).is_some_and(|it| *it != target) {
                    let problem = format!("the alias {alias} stands for two metrics");
                    return Err(CodecError::DuplicateKey { problem });
                }
            }
            let unit = metric.unit.as_deref().map(ToString::to_string);
            part.metrics.insert(name.to_owned(), Known { datatype: metric.datatype, unit });
        }
        self.aliases.extend(aliases);
        self.parts.insert(device.to_owned(), part);
        Ok(())
    }

    /// Refuses data of what was not born, before anything is taken from the message.
    fn check(&self, address: &Address<'_>, payload: &Payload<'_>) -> Result<(), CodecError> {
        let part = self.parts.get(address.device).filter(|part| part.born);
        let Some(part) = part else { return Err(no_birth(address, "its device")) };
        for metric in &payload.metrics {
            match self.name(address.device, metric) {
                Some(name) if part.metrics.contains_key(name) => {}
                Some(name) => {
                    return Err(no_birth(address, &format!("the metric `{}`", shorten(name))));
                }
                None => {
                    let alias = metric.alias.map_or("none".into(), |alias| alias.to_string());
                    return Err(no_birth(address, &format!("the alias {alias}")));
                }
            }
        }
        Ok(())
    }

    fn name<'m>(&'m self, device: &str, metric: &'m Metric<'_>) -> Option<&'m str> {
        metric.name.as_deref().or_else(|| {
            let (of, name) = self.aliases.get(&metric.alias?)?;
            (of == device).then_some(name.as_str())
        })
    }

    fn gather(
        &self,
        address: &Address<'_>,
        payload: &Payload<'_>,
        gatherer: &mut Gatherer<'_>,
    ) -> Result<(), CodecError> {
        let device = device_of(address);
        // A gateway that measures nothing itself is not in the table, but its devices are.
        let under = format!("{}/{}/", address.group, address.node);
        let devices = &gatherer.naming().devices;
        let is_road = address.device.is_empty()
            && !devices.contains_key(&device)
            && devices
                .range(under.clone()..)
                .next()
                .is_some_and(|(name, _)| name.starts_with(&under));
        let Some(part) = self.parts.get(address.device).filter(|_| !is_road) else { return Ok(()) };
        for metric in payload.metrics.iter().filter(|metric| !metric.is_null) {
            let Some(name) = self.name(address.device, metric).filter(|name| !is_control(name))
            else {
                continue;
            };
            let known = part.metrics.get(name);
            let datatype = metric.datatype.or(known.and_then(|known| known.datatype));
            let unit = metric.unit.as_deref().or(known.and_then(|known| known.unit.as_deref()));
            gatherer.push(Point {
                device: &device,
                metric: name,
                value: metric.value.number(datatype),
                unit: unit.map_or(PointUnit::None, PointUnit::Noted),
                at: metric.timestamp.or(payload.timestamp).and_then(moment),
                road: if metric.is_historical { Road::Backfill } else { Road::Live },
            })?;
        }
        Ok(())
    }
}

fn device_of(address: &Address<'_>) -> String {
    match address.device {
        "" => format!("{}/{}", address.group, address.node),
        device => format!("{}/{}/{device}", address.group, address.node),
    }
}

/// The stations a birth or death is about: of a node, those of its devices too when it dies.
fn stations<'n>(
    address: &Address<'_>,
    naming: &'n Naming,
    state: StationState,
    at: Option<Timestamp>,
) -> Vec<StatusReport<'n>> {
    let whole = device_of(address);
    let below = format!("{whole}/");
    let devices_too = address.kind == Kind::NodeDeath;
    let is_meant = |name: &str| name == whole || (devices_too && name.starts_with(&below));
    let meant =
        naming.devices.range(whole.clone()..).take_while(|(name, _)| name.starts_with(&whole));
    let meant = meant.filter(|(name, _)| is_meant(name));
    let mut stations: Vec<StatusReport<'n>> = Vec::new();
    for (_, placed) in meant {
        let (site, station) = (placed.site.as_str(), placed.station.as_str());
        if !stations.iter().any(|one| one.site == site && one.station == station) {
            stations.push(StatusReport { at, ..StatusReport::of(site, station, state) });
        }
    }
    stations
}

/// Metrics by which Sparkplug runs itself.
fn is_control(name: &str) -> bool {
    name == "bdSeq" || name.starts_with("Node Control/") || name.starts_with("Device Control/")
}

/// The number of the session: the will of a connection has the same one as its birth.
fn birth_of(payload: &Payload<'_>) -> Option<u64> {
    let metric = payload.metrics.iter().find(|metric| metric.name.as_deref() == Some("bdSeq"))?;
    metric.value.number(metric.datatype).map(|number| number as u64)
}

/// Whether no session was lost between two births of a node. It may tell its births again within a session, and
/// counts from 0 again when it is started anew; where either birth has no number, nothing is known to be lost.
fn follows_session(last: Option<u64>, next: Option<u64>) -> bool {
    let (Some(last), Some(next)) = (last, next) else { return true };
    next == last || next == 0 || next == last.wrapping_add(1) % 256
}

fn moment(millis: u64) -> Option<Timestamp> {
    Timestamp::from_epoch(i64::try_from(millis).ok()?, EpochUnit::Ms).ok()
}

fn no_birth(address: &Address<'_>, what: &str) -> CodecError {
    CodecError::NoBirth { device: shorten(&device_of(address)), what: what.to_owned() }
}
