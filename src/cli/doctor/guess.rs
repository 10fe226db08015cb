//! What bytes on a line may be. Each framing is tried on all of them; the one that explains most of them fits best.

use reading::codec::link::LinkFrame;
use reading::codec::{crc16, nmea};
use serde::Serialize;

/// A framing, and how well it fits.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Guess {
    /// Its name, as in `format =` of a collector; `modbus` for a bus that somebody else is asking on.
    pub format: &'static str,
    /// How many frames of it there are.
    pub frames: usize,
    /// Which part of the bytes they explain, 0 to 1.
    pub share: f64,
    /// The first of them, as text.
    pub example: String,
}

/// How much of an example is shown.
const EXAMPLE_LEN: usize = 80;

/// The frames of one kind that stand in some bytes.
type Framing = fn(&[u8]) -> Vec<&[u8]>;

/// Every framing that explains anything, the best first. One that carries a checksum beats one that does not.
pub fn guesses(bytes: &[u8]) -> Vec<Guess> {
    let framings: [(&'static str, Framing); 5] = [
        ("bongsu", link),
        ("nmea", sentences),
        ("toa5", rows),
        ("modbus", modbus),
        ("lines", lines),
    ];
    let guess = |(format, frames_of): (&'static str, Framing)| {
        let frames = frames_of(bytes);
        let explained: usize = frames.iter().map(|frame| frame.len()).sum();
        let first = frames.first()?;
        let text = String::from_utf8_lossy(first);
        Some(Guess {
            format,
            frames: frames.len(),
            share: explained as f64
                / bytes
                    .iter()
                    .filter(|byte| !matches!(byte, b'\r' | b'\n' | 0))
                    .count()
                    .max(explained) as f64,
            example: text
                .chars()
                .take(EXAMPLE_LEN)
                .map(|c| if c.is_control() { '.' } else { c })
                .collect(),
        })
    };
    let mut all: Vec<Guess> = framings.into_iter().filter_map(guess).collect();
    all.retain(|guess| guess.share >= 0.1);
    // Stable: among equals the order above holds, checksums first.
    all.sort_by_key(|guess| std::cmp::Reverse(guess.share > 0.5));
    all
}

/// Whole frames of our own.
fn link(bytes: &[u8]) -> Vec<&[u8]> {
    bytes.split(|byte| *byte == 0).filter(|part| LinkFrame::read(part).is_ok()).collect()
}

fn all_lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(|byte| matches!(byte, b'\r' | b'\n')).filter(|line| !line.is_empty())
}

/// Sentences whose checksum is right.
fn sentences(bytes: &[u8]) -> Vec<&[u8]> {
    let is_sentence =
        |line: &&[u8]| std::str::from_utf8(line).is_ok_and(|line| nmea::sentence(line).is_ok());
    all_lines(bytes).filter(is_sentence).collect()
}

/// Rows of a logger, which begin with a stamp in quotes, and the line that begins a table.
fn rows(bytes: &[u8]) -> Vec<&[u8]> {
    let is_row = |line: &&[u8]| {
        line.starts_with(b"\"TOA5\"")
            || matches!(line, [b'"', y @ .., ] if y.len() > 20 && y[4] == b'-' && y[7] == b'-' && y[..4].iter().all(u8::is_ascii_digit))
    };
    all_lines(bytes).filter(is_row).collect()
}

/// Lines one can read; the last may be half of one.
fn lines(bytes: &[u8]) -> Vec<&[u8]> {
    let readable = |line: &&[u8]| {
        line.len() > 1
            && std::str::from_utf8(line)
                .is_ok_and(|line| line.chars().all(|c| !c.is_control() || c == '\t'))
    };
    all_lines(bytes).filter(readable).collect()
}

/// Questions and answers of Modbus RTU: a CRC that is right after a function that reads or writes.
fn modbus(bytes: &[u8]) -> Vec<&[u8]> {
    let (mut found, mut at) = (Vec::new(), 0);
    while at + 4 < bytes.len() {
        let longest = (bytes.len() - at).min(256);
        let is_function = matches!(bytes[at + 1] & 0x7F, 1..=6 | 15 | 16 | 23);
        let len =
            (5..=longest).find(|len| is_function && crc16::checked(&bytes[at..at + len]).is_some());
        match len {
            Some(len) => {
                found.push(&bytes[at..at + len]);
                at += len;
            }
            None => at += 1,
        }
    }
    // One may be chance: a sum of two bytes is right for one in 65 536.
    if found.len() > 1 { found } else { Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reading::codec::link::report;
    use reading::report::Road;

    fn best(bytes: &[u8]) -> Option<&'static str> {
        guesses(bytes).first().map(|guess| guess.format)
    }

    #[test]
    fn each_framing_is_known_by_what_it_has_alone() {
        let ours: Vec<u8> =
            (0..5).flat_map(|i| report(Road::Live, i, b"{\"readings\":[]}").0).collect();
        let framed = |bytes: &[u8]| [bytes, &crc16::sum(bytes).to_le_bytes()].concat();
        let asked = framed(&[17, 3, 0, 100, 0, 2]);
        let answered = framed(&[17, 3, 4, 0, 1, 2, 3]);
        let table: [(&[u8], Option<&str>); 8] = [
            (&ours, Some("bongsu")),
            (&ours[7..], Some("bongsu")),
            (b"$WIXDR,C,19.5,C,TempAir*1E\r\n$GPGGA,", None),
            (
                b"\"2021-06-18 21:00:00\",10,13.23\r\n\"2021-06-18 22:00:00\",11,13.24\r\n",
                Some("toa5"),
            ),
            (b"T1,0.12\r\nT1,0.13\r\nT1,0.1", Some("lines")),
            (&[asked, answered].concat(), Some("modbus")),
            (&[0xF8, 0x80, 0x78, 0xF8, 0x00, 0x80, 0xFE, 0xE6], None),
            (b"", None),
        ];
        for (bytes, expected) in table {
            if expected.is_some() {
                assert_eq!(best(bytes), expected, "{}", String::from_utf8_lossy(bytes));
            } else {
                assert!(
                    guesses(bytes).iter().all(|guess| guess.format == "lines"),
                    "{:?}",
                    guesses(bytes)
                );
            }
        }
        let sentence = "WIXDR,C,19.5,C,TempAir";
        let sum = sentence.bytes().fold(0, |sum, byte| sum ^ byte);
        let whole = format!("${sentence}*{sum:02X}\r\n").repeat(3);
        let guesses = guesses(whole.as_bytes());
        assert_eq!(guesses[0].format, "nmea");
        assert_eq!((guesses[0].frames, guesses[0].share), (3, 1.0));
    }
}
