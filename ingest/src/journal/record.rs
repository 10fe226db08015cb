//! One record: what it says, and its bytes. Layout in the [module comment](super).

use std::sync::Arc;

use bytes::Bytes;
use reading::Timestamp;
use reading::frame::Frame;

/// Bytes before source, topic and payload.
pub(super) const HEADER_LEN: usize = 48;

/// What every record starts with, so that reading finds its way back after damage.
pub(super) const MARKER: [u8; 4] = *b"\xF0jr\n";

/// The header's checksum covers what follows it.
const HEADER_CHECKED_FROM: usize = 8;

const FLAG_RETAINED: u8 = 1;

/// What a record is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Kind {
    /// Bytes from the field.
    Frame = 1,
    /// What a person or a program told us to do.
    Command = 2,
    /// What became of an attempted delivery.
    Outcome = 3,
    /// Time went on and nothing else said so.
    Tick = 4,
    /// The resolved configuration, from here on.
    Configuration = 5,
    /// A collector came up or went down.
    Collector = 6,
    /// Somebody set the wall clock.
    ClockStep = 7,
    /// Something of the journal was lost, cut or skipped over. Payload: [`Cut`](super::Cut) as JSON.
    Cut = 8,
    /// The desk set a record aside.
    Skip = 9,
    /// A frame in which the field answers a command: proof of an alert, so it goes before other frames.
    Receipt = 10,
    /// Something of ours besides journal and clock fails, or works again.
    Trouble = 11,
    /// The head of the audit trail, to be kept by others as well.
    TrailHead = 12,
    /// What a look at a way out came to.
    Proof = 13,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 13] = [
        Self::Frame,
        Self::Command,
        Self::Outcome,
        Self::Tick,
        Self::Configuration,
        Self::Collector,
        Self::ClockStep,
        Self::Cut,
        Self::Skip,
        Self::Receipt,
        Self::Trouble,
        Self::TrailHead,
        Self::Proof,
    ];

    /// Its name in output and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Frame => "frame",
            Self::Command => "command",
            Self::Outcome => "outcome",
            Self::Tick => "tick",
            Self::Configuration => "configuration",
            Self::Collector => "collector",
            Self::ClockStep => "clock-step",
            Self::Cut => "cut",
            Self::Skip => "skip",
            Self::Receipt => "receipt",
            Self::Trouble => "trouble",
            Self::TrailHead => "trail-head",
            Self::Proof => "proof",
        }
    }

    /// Whether the reserve is for it when the disk is full: everything but what the field can send again.
    pub const fn is_priority(self) -> bool {
        !matches!(self, Self::Frame)
    }

    fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == byte)
    }
}

/// What somebody asks to journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What it is about.
    pub kind: Kind,
    /// Who says so: the collector, the channel, the user. Up to 65 535 bytes.
    pub source: Arc<str>,
    /// On which topic or about what. Up to 65 535 bytes.
    pub topic: Arc<str>,
    /// The broker had kept it.
    pub retained: bool,
    /// When it reached us, by the wall clock.
    pub received_at: Timestamp,
    /// The bytes.
    pub payload: Bytes,
}

impl Entry {
    /// How many bytes its record takes.
    pub fn record_len(&self) -> usize {
        HEADER_LEN + self.source.len() + self.topic.len() + self.payload.len()
    }
}

/// A record as read, borrowed from the reader's buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Its place in the one order. Never used twice; may leave gaps.
    pub sequence: u64,
    /// When it was journaled. Never goes back.
    pub at: Timestamp,
    /// When it reached us, by the wall clock.
    pub received_at: Timestamp,
    /// What it is about.
    pub kind: Kind,
    /// The broker had kept it.
    pub retained: bool,
    /// Who said so.
    pub source: &'a str,
    /// On which topic or about what.
    pub topic: &'a str,
    /// The bytes.
    pub payload: &'a [u8],
}

#[expect(clippy::len_without_is_empty, reason = "no record is empty")]
impl<'a> Record<'a> {
    /// How many bytes it takes on disk.
    pub fn len(&self) -> usize {
        HEADER_LEN + self.source.len() + self.topic.len() + self.payload.len()
    }

    /// The record as the frame it holds. Meaningful for [`Kind::Frame`] and [`Kind::Receipt`].
    pub fn frame(&self) -> Frame<'a> {
        Frame {
            source: self.source,
            topic: self.topic,
            payload: self.payload,
            received_at: self.received_at,
            retained: self.retained,
        }
    }
}

/// Appends the record of `entry` to `out`.
pub(super) fn encode(entry: &Entry, sequence: u64, at: Timestamp, salt: u32, out: &mut Vec<u8>) {
    let start = out.len();
    let body_len = entry.record_len() - HEADER_LEN;
    let flags = if entry.retained { FLAG_RETAINED } else { 0 };
    let mut header = [0; HEADER_LEN];
    header[0..4].copy_from_slice(&MARKER);
    header[12..16].copy_from_slice(&(body_len as u32).to_le_bytes());
    header[16..24].copy_from_slice(&sequence.to_le_bytes());
    header[24..32].copy_from_slice(&at.nanos().to_le_bytes());
    header[32..40].copy_from_slice(&entry.received_at.nanos().to_le_bytes());
    header[40] = entry.kind as u8;
    header[41] = flags;
    header[42..44].copy_from_slice(&(entry.source.len() as u16).to_le_bytes());
    header[44..46].copy_from_slice(&(entry.topic.len() as u16).to_le_bytes());
    out.extend_from_slice(&header);
    out.extend_from_slice(entry.source.as_bytes());
    out.extend_from_slice(entry.topic.as_bytes());
    out.extend_from_slice(&entry.payload);
    let (header, body) = out[start..].split_at_mut(HEADER_LEN);
    header[8..12].copy_from_slice(&crc32c::crc32c_append(salt, body).to_le_bytes());
    let checksum = crc32c::crc32c_append(salt, &header[HEADER_CHECKED_FROM..]);
    header[4..8].copy_from_slice(&checksum.to_le_bytes());
}

/// A header whose checksum was right.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub sequence: u64,
    pub at: Timestamp,
    pub received_at: Timestamp,
    pub kind: Kind,
    pub retained: bool,
    pub body_checksum: u32,
    pub body_len: usize,
    source_len: usize,
    topic_len: usize,
}

impl Header {
    /// Reads the header at the start of `bytes`; none if they are too few or do not check out.
    pub fn read(bytes: &[u8], salt: u32) -> Option<Self> {
        let header: &[u8; HEADER_LEN] = bytes.first_chunk()?;
        let checksum = crc32c::crc32c_append(salt, &header[HEADER_CHECKED_FROM..]);
        if header[0..4] != MARKER || u32_at(header, 4) != checksum {
            return None;
        }
        let read = Self::read_checked(header)?;
        (read.source_len + read.topic_len <= read.body_len).then_some(read)
    }

    fn read_checked(header: &[u8; HEADER_LEN]) -> Option<Self> {
        Some(Self {
            sequence: u64_at(header, 16),
            at: Timestamp::from_nanos(u64_at(header, 24) as i64),
            received_at: Timestamp::from_nanos(u64_at(header, 32) as i64),
            kind: Kind::from_byte(header[40])?,
            retained: header[41] & FLAG_RETAINED != 0,
            body_checksum: u32_at(header, 8),
            body_len: u32_at(header, 12) as usize,
            source_len: u16::from_le_bytes([header[42], header[43]]) as usize,
            topic_len: u16::from_le_bytes([header[44], header[45]]) as usize,
        })
    }

    /// Bytes of the whole record.
    pub fn record_len(&self) -> usize {
        HEADER_LEN + self.body_len
    }

    /// Whether `body` is what was written.
    pub fn fits(&self, body: &[u8], salt: u32) -> bool {
        body.len() == self.body_len && crc32c::crc32c_append(salt, body) == self.body_checksum
    }
}

/// Splits the first record off `bytes`, which hold whole records that were checked before.
pub(super) fn split_checked(bytes: &[u8]) -> Option<(Record<'_>, &[u8])> {
    let header = Header::read_checked(bytes.first_chunk()?)?;
    let (record, rest) = bytes.split_at_checked(header.record_len())?;
    let (source, body) = record[HEADER_LEN..].split_at_checked(header.source_len)?;
    let (topic, payload) = body.split_at_checked(header.topic_len)?;
    let record = Record {
        sequence: header.sequence,
        at: header.at,
        received_at: header.received_at,
        kind: header.kind,
        retained: header.retained,
        source: std::str::from_utf8(source).ok()?,
        topic: std::str::from_utf8(topic).ok()?,
        payload,
    };
    Some((record, rest))
}

fn u32_at(bytes: &[u8; HEADER_LEN], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn u64_at(bytes: &[u8; HEADER_LEN], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        Entry {
            kind: Kind::Frame,
            source: "mqtt".into(),
            topic: "bongsu/v1/비탈/box-1/telemetry".into(),
            retained: true,
            received_at: Timestamp::from_nanos(-5),
            payload: Bytes::from_static(b"{\"seq\":1}"),
        }
    }

    #[test]
    fn reading_undoes_writing() {
        let mut bytes = Vec::new();
        let at = Timestamp::from_nanos(1_784_000_000_000_000_001);
        encode(&entry(), u64::MAX - 1, at, 7, &mut bytes);
        encode(
            &Entry { kind: Kind::Skip, payload: Bytes::new(), ..entry() },
            u64::MAX,
            at,
            7,
            &mut bytes,
        );
        assert_eq!(bytes.len(), entry().record_len() * 2 - 9);
        let (first, rest) = split_checked(&bytes).unwrap();
        assert_eq!((first.sequence, first.at, first.kind), (u64::MAX - 1, at, Kind::Frame));
        assert_eq!((first.source, first.topic), ("mqtt", "bongsu/v1/비탈/box-1/telemetry"));
        assert_eq!(
            (first.payload, first.retained, first.received_at.nanos()),
            (&b"{\"seq\":1}"[..], true, -5)
        );
        let (second, rest) = split_checked(rest).unwrap();
        assert_eq!((second.kind, second.payload, rest), (Kind::Skip, &b""[..], &b""[..]));
    }

    #[test]
    fn every_flipped_bit_and_every_other_salt_is_noticed() {
        let mut bytes = Vec::new();
        encode(&entry(), 12, Timestamp::default(), 7, &mut bytes);
        let intact = |bytes: &[u8], salt| {
            Header::read(bytes, salt).is_some_and(|h| h.fits(&bytes[HEADER_LEN..], salt))
        };
        assert!(intact(&bytes, 7) && !intact(&bytes, 8) && !intact(&bytes[..bytes.len() - 1], 7));
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(!intact(&flipped, 7), "bit {bit}");
        }
    }
}
