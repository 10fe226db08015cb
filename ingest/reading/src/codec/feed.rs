//! Foreign topics: which are read in which format, and whose names mean what.
//!
//! The one place that chooses a codec. Topics of our own are read as they say; any other is read by the first [`Feed`]
//! of its collector whose filter matches. Feeds are part of the journaled configuration, so a replay reads the same.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::columns::{self, Columns};
use super::gather::{Gatherer, Unmapped};
use super::layout::Layout;
use super::line_protocol::{self, LineProtocol};
use super::naming::Naming;
use super::nmea::{self, Nmea};
use super::pointers::{self, Pointers};
use super::port::PortForm;
use super::sparkplug::{Hosts, SparkplugB};
use super::toa5::{self, Toa5};
use super::topic::{Root, matches};
use super::{CodecError, Message, chirpstack, senml, things_stack};
use crate::frame::Frame;
use crate::report::{Report, Road};
use crate::time::Timestamp;

/// A foreign subscription of a collector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Feed {
    /// The collector.
    pub source: String,
    /// The topics, as an MQTT filter; the path of a serial port stands for itself.
    pub filter: String,
    /// Where the name of a device stands, for formats that do not carry it.
    pub device: DeviceFrom,
    /// How its bytes are read.
    pub format: Format,
    /// What its names mean.
    pub naming: Naming,
    /// Whether all of it is of the past, whatever the format says: a gateway that sends its day once more.
    #[serde(default)]
    pub backfill: bool,
}

/// Where the name of a device stands when the bytes do not say it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeviceFrom {
    /// It is the whole topic.
    #[default]
    Topic,
    /// It is this level of the topic, counted from 1.
    Level(u32),
}

/// A wire format with what it must be told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Format {
    /// SenML, JSON or CBOR.
    SenMl,
    /// Sparkplug B, as a host.
    SparkplugB(SparkplugB),
    /// ChirpStack v4, with layouts of raw bytes.
    ChirpStackV4(Vec<Layout>),
    /// The Things Stack v3, with layouts of raw bytes.
    TheThingsStackV3(Vec<Layout>),
    /// InfluxDB line protocol.
    LineProtocol(LineProtocol),
    /// Campbell TOA5.
    Toa5(Toa5),
    /// CSV with a described header.
    Csv(Columns),
    /// JSON by pointers.
    Json(Pointers),
    /// NMEA 0183 sentences.
    Nmea(Nmea),
    /// What comes from a port or a bus and has no other name.
    Port(PortForm),
}

/// What a frame came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decoded<'a> {
    /// What it says, one for each station and road.
    pub messages: Vec<Told<'a>>,
    /// Values of foreign devices that no table knows.
    pub unmapped: Vec<Unmapped>,
}

/// A message, and what tells it from others.
#[derive(Clone, Debug, PartialEq)]
pub struct Told<'a> {
    /// What is said.
    pub message: Message<'a>,
    /// What repeats are known by.
    pub identity: Identity,
}

/// What a message is known again by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// The bytes of its frame, where what they say is [identified](Report::is_identified).
    Payload,
    /// These bytes: the frame's may differ, or say several things.
    Of(Vec<u8>),
    /// Nothing: it may be said again word for word, say with a stamp relative to its receipt.
    None,
}

impl Identity {
    /// The bytes by which a report is known, for [`Admission::admit`](crate::admission::Admission::admit), which takes none
    /// for no identity.
    pub fn bytes<'a>(&'a self, report: &Report<'_>, payload: &'a [u8]) -> &'a [u8] {
        match self {
            Self::Payload if report.is_identified() => payload,
            Self::Of(bytes) => bytes,
            Self::Payload | Self::None => &[],
        }
    }
}

impl<'a> From<Message<'a>> for Told<'a> {
    fn from(message: Message<'a>) -> Self {
        Self { message, identity: Identity::Payload }
    }
}

impl<'a> From<Told<'a>> for Decoded<'a> {
    fn from(told: Told<'a>) -> Self {
        Self { messages: alloc::vec![told], unmapped: Vec::new() }
    }
}

/// Reads a frame, of our own stations or of foreign devices. `hosts` is what Sparkplug remembers; `now` is the
/// journal's moment.
///
/// # Errors
/// [`CodecError`]; the whole frame is refused then.
pub fn decode<'a>(
    frame: &Frame<'a>,
    feeds: &'a [Feed],
    hosts: &mut Hosts,
    now: Timestamp,
) -> Result<Decoded<'a>, CodecError> {
    decode_under(Root::Field, frame, feeds, hosts, now)
}

/// The same where topics of our own stand under `root`.
///
/// # Errors
/// [`CodecError`]; the whole frame is refused then.
pub fn decode_under<'a>(
    root: Root,
    frame: &Frame<'a>,
    feeds: &'a [Feed],
    hosts: &mut Hosts,
    now: Timestamp,
) -> Result<Decoded<'a>, CodecError> {
    let ours = root.strip(frame.topic).is_some();
    let of_feed = |feed: &&Feed| feed.source == frame.source && matches(&feed.filter, frame.topic);
    match feeds.iter().find(of_feed) {
        Some(feed) if !ours => feed.decode(frame, hosts, now),
        _ => super::decode_own(root, frame).map(Decoded::from),
    }
}

impl Feed {
    fn decode<'a>(
        &'a self,
        frame: &Frame<'a>,
        hosts: &mut Hosts,
        now: Timestamp,
    ) -> Result<Decoded<'a>, CodecError> {
        let frame = Frame { topic: self.device.find(frame.topic)?, ..*frame };
        let mut gatherer = Gatherer::new(&self.naming);
        let mut statuses = Vec::new();
        match &self.format {
            Format::SparkplugB(_) => {
                statuses = hosts.decode(&frame, &self.naming, now, &mut gatherer)?;
            }
            Format::SenMl => senml::decode(&frame, &mut gatherer)?,
            Format::ChirpStackV4(layouts) => chirpstack::decode(layouts, &frame, &mut gatherer)?,
            Format::TheThingsStackV3(layouts) => {
                things_stack::decode(layouts, &frame, &mut gatherer)?;
            }
            Format::LineProtocol(form) => line_protocol::decode(form, &frame, &mut gatherer)?,
            Format::Csv(columns) => columns::decode(columns, &frame, &mut gatherer)?,
            Format::Json(pointers) => pointers::decode(pointers, &frame, &mut gatherer)?,
            Format::Toa5(toa5) => toa5::decode(toa5, &frame, &mut gatherer)?,
            Format::Nmea(nmea) => nmea::decode(nmea, &frame, &mut gatherer)?,
            Format::Port(form) => {
                return form
                    .decode(&frame)
                    .map(|report| Told::from(Message::Report(report)).into());
            }
        }
        let (seq, known_by) = (gatherer.seq, gatherer.identity.take());
        let (heard_at, relative) = (gatherer.heard_at, gatherer.relative);
        let mut gathered = gatherer.finish()?;
        if self.backfill {
            gathered.reports.iter_mut().for_each(|report| report.road = Road::Backfill);
        }
        let told = |report: Report<'a>| Told {
            identity: match &known_by {
                _ if relative => Identity::None,
                Some(bytes) => Identity::Of(bytes.clone()),
                None if self.backfill => Identity::Payload, // one road: word for word what may have come live
                None => identity(report.road, frame.payload),
            },
            message: Message::Report(Report { seq, heard_at, ..report }),
        };
        Ok(Decoded {
            messages: statuses
                .into_iter()
                .map(|status| Message::Status(status).into())
                .chain(gathered.reports.into_iter().map(told))
                .collect(),
            unmapped: gathered.unmapped,
        })
    }
}

/// A message that says both new and old things is two reports: what is known of one says nothing of the other.
fn identity(road: Road, payload: &[u8]) -> Identity {
    match road {
        Road::Live => Identity::Payload,
        Road::Backfill => Identity::Of([payload, b"backfill"].concat()),
    }
}

impl DeviceFrom {
    fn find(self, topic: &str) -> Result<&str, CodecError> {
        match self {
            Self::Topic => Ok(topic),
            Self::Level(level) => topic
                .split('/')
                .nth((level as usize).saturating_sub(1))
                .ok_or_else(|| CodecError::unknown_topic(topic)),
        }
    }
}

impl Unmapped {
    /// What it is called, for people.
    pub fn name(&self) -> String {
        [self.device.as_str(), " ", self.metric.as_str()].concat()
    }
}
