//! What comes from a port or a bus: the configured form says how it is read and who speaks.
//!
//! A frame of a port has the port's path as its topic, that of a bus its address; the [`Feed`](super::Feed) of it holds
//! the [`PortForm`]. Feeds stand in the journaled configuration, so a frame is read again the same way, or by a
//! repaired form another way.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::link::{LinkFrame, LinkKind};
use super::modbus::{self, ModbusUnit};
use super::pattern::LineForm;
use super::{About, CodecError, Topic, native, pattern};
use crate::frame::Frame;
use crate::id::{SiteId, StationId};
use crate::report::{Claim, Report};

/// The station that speaks: a port has no topic that would say so.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Speaker {
    /// Its site.
    pub site: SiteId,
    /// Its identifier.
    pub station: StationId,
}

/// How frames of a port are read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PortForm {
    /// Lines of text, each by the first form that fits it.
    Lines(Vec<LineForm>),
    /// Our own frames, see [`link`](super::link).
    Link(Speaker),
    /// Answers of units on a Modbus, RTU or TCP.
    Modbus(Vec<ModbusUnit>),
}

impl PortForm {
    /// Reads a frame that came from the port.
    ///
    /// # Errors
    /// [`CodecError`] for whatever does not fit the form.
    pub fn decode<'a>(&'a self, frame: &Frame<'a>) -> Result<Report<'a>, CodecError> {
        match self {
            Self::Lines(forms) => pattern::decode(forms, frame.payload).map_err(CodecError::Port),
            Self::Link(speaker) => decode_link(speaker, frame.payload),
            Self::Modbus(units) => modbus::decode(units, frame.payload).map_err(CodecError::Port),
        }
    }
}

fn decode_link<'a>(speaker: &'a Speaker, payload: &[u8]) -> Result<Report<'a>, CodecError> {
    let frame = LinkFrame::read(payload).map_err(CodecError::Port)?;
    let LinkKind::Report(road) = frame.kind else {
        return Err(CodecError::Port(PortError::NotForUs));
    };
    let (site, station) = (speaker.site.as_str(), speaker.station.as_str());
    let topic = Topic { site, station, about: About::Telemetry };
    let report = native::decode(topic, road, &frame.body)?;
    let claims = report.claims.into_iter().map(Claim::into_owned).collect();
    Ok(Report {
        claims,
        site,
        station,
        seq: report.seq,
        at: report.at,
        heard_at: report.heard_at,
        road,
    })
}

/// Why a frame of a port cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PortError {
    /// It goes on and on.
    #[error("the frame is longer than {max} bytes: look at speed, framing and cable")]
    TooLong {
        /// What may be.
        max: usize,
    },
    /// It ends too early.
    #[error("the frame ends after {len} bytes, before it is whole")]
    Truncated {
        /// How many came.
        len: usize,
    },
    /// Its bytes are not those that were sent.
    #[error("the checksum is wrong: look at cable, termination and speed")]
    BadChecksum,
    /// A frame of our own form and of a kind that is not known.
    #[error("frames of kind {kind:#04x} are not known: the station may be newer than bongsu")]
    UnknownKind {
        /// Its kind.
        kind: u8,
    },
    /// An answer where a report is due, say our own, echoed.
    #[error("the frame is an answer and no report: the line may echo what is sent on it")]
    NotForUs,
    /// A line that no form knows.
    #[error("no pattern fits the line `{line}`")]
    NoPattern {
        /// The line, shortened.
        line: String,
    },
    /// A group that should hold a number.
    #[error("group `{group}` holds `{text}`, which is not a number")]
    NotANumber {
        /// The group.
        group: String,
        /// What it holds, shortened.
        text: String,
    },
    /// A group that should hold a time.
    #[error("group `{group}` holds `{text}`, which is not a time of the form `{format}`")]
    NotATime {
        /// The group.
        group: String,
        /// What it holds, shortened.
        text: String,
        /// What it should look like.
        format: String,
    },
    /// A unit that is not configured.
    #[error("unit {unit} is not configured")]
    UnknownUnit {
        /// Its address.
        unit: u8,
    },
    /// A unit that says no.
    #[error("unit {unit} refuses function {function} at {address}: exception {code}, {meaning}")]
    Exception {
        /// Its address.
        unit: u8,
        /// What it was asked.
        function: u8,
        /// From where, counted from 0.
        address: u16,
        /// What it said.
        code: u8,
        /// What that means.
        meaning: &'static str,
    },
    /// Another unit answered.
    #[error(
        "unit {asked} was asked and unit {answered} answered: two units may have the same address"
    )]
    ForeignAnswer {
        /// Who was asked.
        asked: u8,
        /// Who answered.
        answered: u8,
    },
    /// An answer, whole and to another question.
    #[error("unit {unit} did not answer what it was asked")]
    OtherAnswer {
        /// Who was asked.
        unit: u8,
    },
}

impl PortError {
    /// Every name, for metrics that count by it.
    pub const NAMES: [&'static str; 12] = [
        "too-long",
        "truncated",
        "bad-checksum",
        "unknown-kind",
        "not-for-us",
        "no-pattern",
        "not-a-number",
        "not-a-time",
        "unknown-unit",
        "modbus-exception",
        "foreign-answer",
        "other-answer",
    ];

    /// Its name, one of [`NAMES`](Self::NAMES).
    pub const fn name(&self) -> &'static str {
        match self {
            Self::TooLong { .. } => "too-long",
            Self::Truncated { .. } => "truncated",
            Self::BadChecksum => "bad-checksum",
            Self::UnknownKind { .. } => "unknown-kind",
            Self::NotForUs => "not-for-us",
            Self::NoPattern { .. } => "no-pattern",
            Self::NotANumber { .. } => "not-a-number",
            Self::NotATime { .. } => "not-a-time",
            Self::UnknownUnit { .. } => "unknown-unit",
            Self::Exception { .. } => "modbus-exception",
            Self::ForeignAnswer { .. } => "foreign-answer",
            Self::OtherAnswer { .. } => "other-answer",
        }
    }
}
