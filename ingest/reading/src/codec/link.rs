//! Our own frames on a serial line: COBS between zero bytes, with a number and a CRC, answered once they are on disk.
//!
//! ```text
//! 00 │ COBS( kind │ number, 2 bytes, high first │ body │ CRC-16/MODBUS of all before, low first ) │ 00
//!
//! 01  a report, now           body: the native form, CBOR or JSON
//! 02  a report from a buffer  body: the same; takes the backfill road
//! 06  stored                  body: the CRC of the frame that is on disk, high first; number: that frame's
//! ```
//! A station keeps a frame until `stored` comes with its number *and* its CRC, and sends it again if none comes: the
//! CRC keeps an answer that was on its way while the station started anew from being taken for another frame's. A frame
//! sent twice is answered twice, and counts once if its body has a stamp or a `seq`: the number alone begins again with
//! the station, and would make one of two. COBS: Cheshire and Baker, Consistent Overhead Byte Stuffing (1997).

use alloc::vec::Vec;

use super::{PortError, crc16};
use crate::report::Road;

/// The longest frame between two zero bytes, in bytes: up to here the CRC finds any three wrong bits.
pub const LINK_LEN_MAX: usize = 4_096;

const REPORT: u8 = 0x01;
const BUFFERED: u8 = 0x02;
const STORED: u8 = 0x06;

/// What a frame says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkKind {
    /// A report of a station.
    Report(Road),
    /// A frame is on disk: its CRC is the body.
    Stored,
}

/// A frame that arrived whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkFrame {
    /// What it says.
    pub kind: LinkKind,
    /// The sender's number of it.
    pub number: u16,
    /// The bytes inside.
    pub body: Vec<u8>,
    /// Its CRC, which an answer repeats.
    pub crc: u16,
}

impl LinkFrame {
    /// Reads what stood between two zero bytes.
    ///
    /// # Errors
    /// [`PortError::TooLong`], [`PortError::Truncated`], [`PortError::BadChecksum`], [`PortError::UnknownKind`].
    pub fn read(bytes: &[u8]) -> Result<Self, PortError> {
        let len = bytes.len();
        if len > LINK_LEN_MAX {
            return Err(PortError::TooLong { max: LINK_LEN_MAX });
        }
        let whole = unstuffed(bytes).ok_or(PortError::Truncated { len })?;
        let (inside, crc) = crc16::checked(&whole).ok_or(PortError::BadChecksum)?;
        let (head, body) = inside.split_first_chunk::<3>().ok_or(PortError::Truncated { len })?;
        let [kind, number @ ..] = *head;
        let kind = match kind {
            REPORT => LinkKind::Report(Road::Live),
            BUFFERED => LinkKind::Report(Road::Backfill),
            STORED => LinkKind::Stored,
            kind => return Err(PortError::UnknownKind { kind }),
        };
        Ok(Self { kind, number: u16::from_be_bytes(number), body: body.to_vec(), crc })
    }

    /// Whether this says that the frame `number` with `crc` is on disk.
    pub fn is_stored(&self, number: u16, crc: u16) -> bool {
        self.kind == LinkKind::Stored && self.number == number && self.body == crc.to_be_bytes()
    }
}

/// Writes a report between zero bytes; its CRC, for the answer.
pub fn report(road: Road, number: u16, body: &[u8]) -> (Vec<u8>, u16) {
    let kind = match road {
        Road::Live => REPORT,
        Road::Backfill => BUFFERED,
    };
    written(kind, number, body)
}

/// Writes that a frame is on disk.
pub fn stored(number: u16, crc: u16) -> Vec<u8> {
    written(STORED, number, &crc.to_be_bytes()).0
}

fn written(kind: u8, number: u16, body: &[u8]) -> (Vec<u8>, u16) {
    let mut inside = Vec::with_capacity(body.len() + 5);
    inside.push(kind);
    inside.extend(number.to_be_bytes());
    inside.extend(body);
    let crc = crc16::sum(&inside);
    inside.extend(crc.to_le_bytes());
    let mut frame = Vec::with_capacity(inside.len() + inside.len() / 254 + 3);
    frame.push(0); // ends whatever noise came before
    stuff(&inside, &mut frame);
    frame.push(0);
    (frame, crc)
}

/// COBS: no zero is left in what is appended to `out`.
fn stuff(bytes: &[u8], out: &mut Vec<u8>) {
    let mut code_at = out.len();
    out.push(1);
    for (i, byte) in bytes.iter().enumerate() {
        if *byte != 0 {
            out.push(*byte);
            out[code_at] += 1;
        }
        if *byte == 0 || out[code_at] == 0xFF && i + 1 < bytes.len() {
            code_at = out.len();
            out.push(1);
        }
    }
}

/// The bytes that were stuffed; none if it ends inside a run, or a zero stands in it.
fn unstuffed(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let [code, tail @ ..] = rest {
        let (run, after) = tail.split_at_checked(usize::from(*code).checked_sub(1)?)?;
        if run.contains(&0) {
            return None;
        }
        out.extend(run);
        if *code != 0xFF && !after.is_empty() {
            out.push(0);
        }
        rest = after;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use proptest::prelude::*;

    fn stuffed(bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        stuff(bytes, &mut out);
        out
    }

    #[test]
    fn stuffs_as_the_paper_does() {
        let long: Vec<u8> = (1..=254).collect();
        let longer: Vec<u8> = (1..=255).collect();
        let zero_first: Vec<u8> = (0..=254).collect();
        let table: [(&[u8], Vec<u8>); 8] = [
            (&[], vec![1]),
            (&[0], vec![1, 1]),
            (&[0, 0], vec![1, 1, 1]),
            (&[0x11, 0x22, 0, 0x33], vec![3, 0x11, 0x22, 2, 0x33]),
            (&[0x11, 0, 0, 0], vec![2, 0x11, 1, 1, 1]),
            (&long, [&[0xFF][..], &long].concat()),
            (&longer, [&[0xFF][..], &long, &[2, 0xFF]].concat()),
            (&zero_first, [&[1, 0xFF][..], &long].concat()),
        ];
        for (plain, expected) in table {
            assert_eq!(stuffed(plain), expected, "{plain:?}");
            assert_eq!(unstuffed(&expected).unwrap(), plain);
        }
    }

    #[test]
    fn a_frame_is_these_bytes() {
        let (frame, crc) = report(Road::Live, 0x0102, b"{}");
        assert_eq!(crc, crc16::sum(b"\x01\x01\x02{}"));
        let [low, high] = crc.to_le_bytes();
        assert_eq!(frame, [&[0, 8, 1, 1, 2][..], b"{}", &[low, high, 0]].concat());
        assert_eq!(crc, 0x2D5B, "changing the form breaks every station in the field");
    }

    #[test]
    fn an_answer_is_for_one_frame_alone() {
        let answer = stored(7, 0xBEEF);
        let read = LinkFrame::read(&answer[1..answer.len() - 1]).unwrap();
        assert!(read.is_stored(7, 0xBEEF));
        assert!(!read.is_stored(7, 0xBEEE) && !read.is_stored(8, 0xBEEF));
    }

    #[test]
    fn names_what_is_wrong() {
        let (frame, _) = report(Road::Live, 1, b"abc");
        let inside = &frame[1..frame.len() - 1];
        let mut flipped = inside.to_vec();
        flipped[4] ^= 4;
        let (unknown, _) = written(9, 1, b"abc");
        for (bytes, name) in [
            (&inside[..inside.len() - 1], "truncated"),
            (&flipped, "bad-checksum"),
            (&[1, 1][..], "bad-checksum"),
            (&[], "bad-checksum"),
            (&unknown[1..unknown.len() - 1], "unknown-kind"),
            (&[5; LINK_LEN_MAX + 1], "too-long"),
        ] {
            assert_eq!(LinkFrame::read(bytes).unwrap_err().name(), name, "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(body: Vec<u8>, number: u16, buffered: bool) {
            let road = if buffered { Road::Backfill } else { Road::Live };
            let (frame, crc) = report(road, number, &body);
            let (first, last) = (frame.first(), frame.last());
            prop_assert!(first == Some(&0) && last == Some(&0));
            let inside = &frame[1..frame.len() - 1];
            prop_assert!(!inside.contains(&0));
            let read = LinkFrame::read(inside).unwrap();
            prop_assert_eq!(read, LinkFrame { kind: LinkKind::Report(road), number, body, crc });
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            LinkFrame::read(&bytes).ok();
        }
    }
}
