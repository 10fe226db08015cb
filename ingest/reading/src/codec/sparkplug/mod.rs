//! Sparkplug B 3.0, as a Host Application hears it.
//!
//! Topics are `spBv1.0/{group}/{type}/{node}` and `…/{device}`; the device of the table is `group/node` or
//! `group/node/device`. A birth says which metrics there are, with their types, units and aliases; data then name them
//! or give the alias alone. What an alias means is kept ([`Hosts`]) as part of what is replayed, so that a replay reads
//! the same. Who must be asked to be born again (data without a birth, a gap in the running number or in `bdSeq`, an
//! alias nobody gave) is told as a [`Wish`], at most once a minute for each node.
//!
//! A death makes the stations of a node or device stale. The death of an earlier session (another `bdSeq`) is passed
//! over. Historical metrics go the road of backfill: they raise nothing now.

mod wire;
mod payload;
mod host;

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

pub use host::{Hosts, Wish};
pub use payload::{Datatype, Metric, Payload, Value};

use super::{CodecError, shorten};
use crate::time::Timestamp;

/// What every topic starts with.
pub const ROOT: &str = "spBv1.0";

/// The metric of a node that makes it tell its births again.
pub const REBIRTH: &str = "Node Control/Rebirth";

/// What a Sparkplug subscription must be told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SparkplugB {
    /// The id of this host, under which it tells nodes that it is there.
    pub host: String,
}

/// What a message is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    NodeBirth,
    NodeData,
    NodeDeath,
    DeviceBirth,
    DeviceData,
    DeviceDeath,
    /// A command, ours or another host's: nothing is measured.
    Command,
    /// Whether a host is there.
    State,
}

/// A topic taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Address<'a> {
    pub(super) kind: Kind,
    pub(super) group: &'a str,
    pub(super) node: &'a str,
    /// Empty for the node itself.
    pub(super) device: &'a str,
}

impl<'a> Address<'a> {
    pub(super) fn parse(topic: &'a str) -> Result<Self, CodecError> {
        let refused = || CodecError::WrongShape {
            problem: format!("`{}` is no Sparkplug B topic", shorten(topic)),
        };
        let rest = topic.strip_prefix(ROOT).and_then(|rest| rest.strip_prefix('/'));
        let levels: Vec<_> = rest.ok_or_else(refused)?.split('/').collect();
        let (group, word, node, device) = match levels[..] {
            ["STATE", host] => ("", "STATE", host, ""),
            [group, word, node] => (group, word, node, ""),
            [group, word, node, device] if !device.is_empty() => (group, word, node, device),
            _ => return Err(refused()),
        };
        let kind = match (word, device.is_empty()) {
            ("STATE", true) => Kind::State,
            ("NBIRTH", true) => Kind::NodeBirth,
            ("NDATA", true) => Kind::NodeData,
            ("NDEATH", true) => Kind::NodeDeath,
            ("DBIRTH", false) => Kind::DeviceBirth,
            ("DDATA", false) => Kind::DeviceData,
            ("DDEATH", false) => Kind::DeviceDeath,
            ("NCMD", true) | ("DCMD", false) => Kind::Command,
            _ => return Err(refused()),
        };
        if node.is_empty() || (kind != Kind::State && group.is_empty()) {
            return Err(refused());
        }
        Ok(Self { kind, group, node, device })
    }
}

/// Where a host says whether it is there.
pub fn state_topic(host: &str) -> String {
    format!("{ROOT}/STATE/{host}")
}

/// What it says there: retained, the same moment in the will and in the birth.
pub fn state(online: bool, at: Timestamp) -> String {
    format!("{{\"online\":{online},\"timestamp\":{}}}", at.nanos() / 1_000_000)
}

/// Where a node takes commands.
pub fn command_topic(group: &str, node: &str) -> String {
    format!("{ROOT}/{group}/NCMD/{node}")
}

/// The command that makes a node tell its births again.
pub fn rebirth(at: Timestamp) -> Vec<u8> {
    let timestamp = u64::try_from(at.nanos() / 1_000_000).ok();
    let metric = Metric {
        name: Some(REBIRTH.into()),
        timestamp,
        datatype: Some(Datatype::Boolean as u32),
        value: Value::Flag(true),
        ..Metric::default()
    };
    Payload { timestamp, seq: None, metrics: alloc::vec![metric] }.encode()
}
