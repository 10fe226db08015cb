//! Wire formats: a [`Frame`] to a [`Message`], and back. One file per format.
//!
//! The topic says who speaks and about what; the bytes are read in one pass and texts are borrowed from them.
//! Whatever cannot be read is a [`CodecError`] with a name for counting and a text for people; nothing from the
//! field panics, recurses deeper than the form has levels, or takes more memory than its length allows.

mod topic;
mod cbor;
mod form;
pub mod native;
mod status;
mod result;
mod command;
pub mod csv;
mod line;
mod value;
pub mod naming;
mod gather;
pub mod senml;
pub mod layout;
mod lorawan;
pub mod chirpstack;
mod things_stack;
pub mod sparkplug;
pub mod line_protocol;
pub mod toa5;
pub mod columns;
pub mod pointers;
pub mod nmea;
pub mod crc16;
pub mod link;
pub mod pattern;
pub mod modbus;
pub mod port;
pub mod feed;

use alloc::string::{String, ToString};
use alloc::vec::Vec;

pub use command::{Ask, StationCommand};
pub use feed::{Decoded, Feed, Format, Identity, Told};
pub use gather::Unmapped;
pub use port::{PortError, PortForm, Speaker};
pub use result::{CommandResult, ResultKind, SirenState};
pub use status::{StationState, StatusReport};
pub use topic::{About, Root, Topic, is_filter, matches};

use crate::frame::Frame;
use crate::id::ID_LEN_MAX;
use crate::report::{Report, Road};
use crate::time::Timestamp;

/// The longest payload that is read, in bytes.
pub const PAYLOAD_LEN_MAX: usize = 256 * 1024;

/// The most readings one message may carry.
pub const READINGS_MAX: usize = 1024;

/// What a frame says.
#[derive(Clone, Debug, PartialEq)]
pub enum Message<'a> {
    /// Readings, live or old.
    Report(Report<'a>),
    /// Whether a station is there.
    Status(StatusReport<'a>),
    /// What an actuator did about a command.
    Receipt(CommandResult<'a>),
}

/// Why a frame cannot be read. It goes to quarantine with this.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum CodecError {
    /// No topic of ours.
    #[error(
        "topic `{topic}` is none that is read here: bongsu/v1/{{site}}/{{station}}/telemetry, backfill, status, command/result"
    )]
    UnknownTopic {
        /// The topic, shortened.
        topic: String,
    },
    /// A level of the topic cannot name anything.
    #[error(
        "topic `{topic}`: `{level}` is not an identifier: use 1 to {ID_LEN_MAX} lower-case letters a-z, digits and `-`"
    )]
    BadIdentifier {
        /// The topic, shortened.
        topic: String,
        /// The level, shortened.
        level: String,
    },
    /// No bytes.
    #[error("the payload is empty")]
    EmptyPayload,
    /// Too many bytes.
    #[error(
        "the payload has {len} bytes, more than {PAYLOAD_LEN_MAX}: send fewer readings at a time"
    )]
    TooLarge {
        /// How many.
        len: usize,
    },
    /// Bytes that are no text.
    #[error("the payload is not UTF-8 from byte {at} on")]
    NotUtf8 {
        /// The first bad byte.
        at: usize,
    },
    /// Text that is not JSON, say `NaN`.
    #[error("the payload is not JSON: {problem}")]
    NotJson {
        /// What and where.
        problem: String,
    },
    /// Bytes that begin as CBOR and are none.
    #[error("the payload is not CBOR: {problem}")]
    NotCbor {
        /// What and where.
        problem: String,
    },
    /// Bytes that are no protobuf.
    #[error("the payload is not protobuf: {problem}")]
    NotProtobuf {
        /// What.
        problem: String,
    },
    /// JSON or CBOR of another form: a key is missing or a value is of the wrong type.
    #[error("the message has the wrong form: {problem}")]
    WrongShape {
        /// What and where.
        problem: String,
    },
    /// A key nobody knows, perhaps a misspelt one.
    #[error("{problem}")]
    UnknownKey {
        /// What and where.
        problem: String,
    },
    /// A key twice in one object.
    #[error("{problem}")]
    DuplicateKey {
        /// What and where.
        problem: String,
    },
    /// A stamp that is not a moment.
    #[error("{problem}")]
    BadTime {
        /// What and where.
        problem: String,
    },
    /// A product that nobody has made anew for too long.
    #[error("it is of {updated}, and too old to say anything about now")]
    Stale {
        /// When it was made, by itself.
        updated: Timestamp,
    },
    /// Damaged on the way, by its own sum.
    #[error("the checksum is wrong: {problem}")]
    BadChecksum {
        /// What and where.
        problem: String,
    },
    /// A foreign device that no table knows.
    #[error(
        "the device `{device}` is not mapped: add it under `devices` of the collector's subscription"
    )]
    UnknownDevice {
        /// What the format calls it, shortened.
        device: String,
        /// What it says, so that somebody can see what it is.
        said: Vec<Unmapped>,
    },
    /// Data of what never said what it is. It is asked to.
    #[error("`{device}`: {what} was not born in this session; a rebirth is asked for")]
    NoBirth {
        /// Group, node and device, shortened.
        device: String,
        /// What is not known.
        what: String,
    },
    /// Raw bytes of a port that no layout is for.
    #[error(
        "the uplink has raw bytes on port {port}, and nothing says what they mean: describe them under `payload` of the collector's subscription, or let the network server decode them"
    )]
    NoLayout {
        /// Which port.
        port: u8,
    },
    /// More readings than one message may carry.
    #[error("{problem}")]
    TooManyReadings {
        /// What and where.
        problem: String,
    },
    /// A frame of a port or a bus.
    #[error(transparent)]
    Port(PortError),
}

impl CodecError {
    /// Every name, for metrics that count by it.
    pub const NAMES: [&'static str; 18] = [
        "unknown-topic",
        "bad-identifier",
        "empty-payload",
        "too-large",
        "not-utf8",
        "not-json",
        "not-cbor",
        "not-protobuf",
        "wrong-shape",
        "unknown-key",
        "duplicate-key",
        "bad-time",
        "stale",
        "bad-checksum",
        "unknown-device",
        "no-birth",
        "no-layout",
        "too-many-readings",
    ];

    /// Its name, one of [`NAMES`](Self::NAMES).
    pub const fn name(&self) -> &'static str {
        match self {
            Self::UnknownTopic { .. } => "unknown-topic",
            Self::BadIdentifier { .. } => "bad-identifier",
            Self::EmptyPayload => "empty-payload",
            Self::TooLarge { .. } => "too-large",
            Self::NotUtf8 { .. } => "not-utf8",
            Self::NotJson { .. } => "not-json",
            Self::NotCbor { .. } => "not-cbor",
            Self::NotProtobuf { .. } => "not-protobuf",
            Self::WrongShape { .. } => "wrong-shape",
            Self::UnknownKey { .. } => "unknown-key",
            Self::DuplicateKey { .. } => "duplicate-key",
            Self::BadTime { .. } => "bad-time",
            Self::Stale { .. } => "stale",
            Self::BadChecksum { .. } => "bad-checksum",
            Self::UnknownDevice { .. } => "unknown-device",
            Self::NoBirth { .. } => "no-birth",
            Self::NoLayout { .. } => "no-layout",
            Self::TooManyReadings { .. } => "too-many-readings",
            Self::Port(error) => error.name(),
        }
    }

    fn unknown_topic(topic: &str) -> Self {
        Self::UnknownTopic { topic: shorten(topic) }
    }

    fn bad_identifier(topic: &str, level: &str) -> Self {
        Self::BadIdentifier { topic: shorten(topic), level: shorten(level) }
    }
}

/// Reads a frame.
///
/// # Errors
/// [`CodecError`] for whatever is not a message of ours. The whole message is refused then: a half-read one would
/// look complete.
pub fn decode<'a>(frame: &Frame<'a>) -> Result<Message<'a>, CodecError> {
    decode_own(Root::Field, frame).map(|told| told.message)
}

/// Reads a frame of one of our own stations.
fn decode_own<'a>(root: Root, frame: &Frame<'a>) -> Result<Told<'a>, CodecError> {
    let topic = Topic::parse_under(root, frame.topic)?;
    match topic.about {
        About::Telemetry => readings(topic, Road::Live, frame),
        About::Backfill => readings(topic, Road::Backfill, frame),
        About::Status => status::decode(topic, frame.payload).map(|it| Message::Status(it).into()),
        About::CommandResult => {
            result::decode(topic, frame.payload).map(|it| Message::Receipt(it).into())
        }
    }
}

/// Readings in our own form, or as a SenML pack: an object or a list.
fn readings<'a>(topic: Topic<'a>, road: Road, frame: &Frame<'a>) -> Result<Told<'a>, CodecError> {
    if senml::is_pack(frame.payload) {
        return senml::decode_own(topic, road, frame);
    }
    native::decode(topic, road, frame.payload).map(|report| Message::Report(report).into())
}

/// At most this much of a foreign text goes into an error.
const QUOTED_CHARS_MAX: usize = 240;

/// Keeps both ends of a long text: what it is stands at the front, where it is at the back.
fn shorten(text: &str) -> String {
    let count = text.chars().count();
    if count <= QUOTED_CHARS_MAX {
        return text.to_string();
    }
    let (front, back) = (QUOTED_CHARS_MAX * 2 / 3, QUOTED_CHARS_MAX / 3);
    text.chars().take(front).chain(['…']).chain(text.chars().skip(count - back)).collect()
}
