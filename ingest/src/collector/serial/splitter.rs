//! A stream of bytes to frames.

use bytes::Bytes;
use reading::codec::link::LINK_LEN_MAX;
use reading::codec::pattern::LINE_LEN_MAX;

use super::config::Framing;

/// What came of some bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// A frame, without what ends it.
    Frame(Bytes),
    /// The start of a frame that is too long, one byte more than codecs read: it is refused for its length.
    Cut(Bytes),
    /// The end of a frame whose start we did not hear.
    Partial,
}

/// Holds what has not ended yet, bounded.
#[derive(Debug)]
pub(super) struct Splitter {
    framing: Framing,
    held: Vec<u8>,
    /// Whether what is held is the start of a frame.
    aligned: bool,
}

impl Splitter {
    /// For a stream that may begin in the middle of a frame.
    ///
    /// Half a line may look like a whole one with another number in it, so what stands before the first end is not
    /// believed. Our own frames carry a checksum and need no such care.
    pub(super) fn new(framing: Framing) -> Self {
        Self { framing, held: Vec::new(), aligned: framing == Framing::Link }
    }

    /// The stream was quiet before what comes now: a frame begins.
    pub(super) fn align(&mut self) {
        self.aligned = true;
    }

    /// Takes bytes and hands out what ends in them.
    pub(super) fn feed(&mut self, mut bytes: &[u8], mut take: impl FnMut(Piece)) {
        while let Some(end) = bytes.iter().position(|byte| self.ends(*byte)) {
            self.hold(&bytes[..end]);
            bytes = &bytes[end + 1..];
            if let Some(piece) = self.finish() {
                take(piece);
            }
        }
        self.hold(bytes);
    }

    /// Whether a frame has begun and not ended.
    pub(super) fn is_inside(&self) -> bool {
        !self.held.is_empty()
    }

    fn ends(&self, byte: u8) -> bool {
        match self.framing {
            Framing::Lines | Framing::Toa5 => matches!(byte, b'\n' | b'\r'),
            Framing::Link => byte == 0,
        }
    }

    fn len_max(&self) -> usize {
        match self.framing {
            Framing::Lines | Framing::Toa5 => LINE_LEN_MAX,
            Framing::Link => LINK_LEN_MAX,
        }
    }

    /// Keeps one byte more than a frame may have, and nothing beyond.
    fn hold(&mut self, bytes: &[u8]) {
        let room = (self.len_max() + 1).saturating_sub(self.held.len());
        self.held.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn finish(&mut self) -> Option<Piece> {
        let whole = std::mem::replace(&mut self.aligned, true);
        if self.held.is_empty() {
            return None; // between CR and LF, or two zero bytes
        }
        let frame = Bytes::from(std::mem::take(&mut self.held));
        match (whole, frame.len() > self.len_max()) {
            (false, _) => Some(Piece::Partial),
            (true, true) => Some(Piece::Cut(frame)),
            (true, false) => Some(Piece::Frame(frame)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn split(framing: Framing, aligned: bool, bytes: &[u8], at: usize) -> Vec<Piece> {
        let mut splitter = Splitter::new(framing);
        if aligned {
            splitter.align();
        }
        let mut pieces = Vec::new();
        for chunk in bytes.chunks(at.max(1)) {
            splitter.feed(chunk, |piece| pieces.push(piece));
        }
        pieces
    }

    fn frame(text: &'static str) -> Piece {
        Piece::Frame(Bytes::from_static(text.as_bytes()))
    }

    #[test]
    fn lines_end_as_each_instrument_likes() {
        for ends in ["\r\n", "\n", "\r", "\n\n"] {
            let text = ["12.5", "13.5", ""].join(ends);
            for at in 1..=text.len() {
                let pieces = split(Framing::Lines, true, text.as_bytes(), at);
                assert_eq!(pieces, [frame("12.5"), frame("13.5")], "{ends:?} in parts of {at}");
            }
        }
    }

    #[test]
    fn half_a_line_is_never_a_line() {
        assert_eq!(
            split(Framing::Lines, false, b"2.5\r\n13.5\r\n1", 3),
            [Piece::Partial, frame("13.5")]
        );
        assert_eq!(split(Framing::Lines, false, b"\r\n13.5\n", 3), [frame("13.5")]);
        assert_eq!(split(Framing::Link, false, b"ab\0\0cd\0", 9), [frame("ab"), frame("cd")]);
    }

    #[test]
    fn what_is_too_long_is_cut_and_the_next_is_whole() {
        let mut bytes = vec![b'x'; 3 * LINE_LEN_MAX];
        bytes.extend(b"\nok\n");
        let pieces = split(Framing::Lines, true, &bytes, 1_000);
        assert_eq!(pieces, [Piece::Cut(vec![b'x'; LINE_LEN_MAX + 1].into()), frame("ok")]);
        let longest = [vec![b'x'; LINE_LEN_MAX], b"\n".to_vec()].concat();
        assert!(matches!(&split(Framing::Lines, true, &longest, 7)[..], [Piece::Frame(_)]));
    }

    proptest! {
        #[test]
        fn how_bytes_arrive_changes_nothing(bytes in proptest::collection::vec(0_u8..16, 0..200), at in 1..50_usize) {
            for framing in [Framing::Lines, Framing::Toa5, Framing::Link] {
                prop_assert_eq!(split(framing, true, &bytes, at), split(framing, true, &bytes, bytes.len()));
            }
        }
    }
}
