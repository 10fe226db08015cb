//! What admission keeps of each station and series: little, and bounded.

use alloc::boxed::Box;
use alloc::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::clock::STEP_MIN;
use super::drift::Drift;
use super::health::Health;
use super::numbers::Numbers;
use crate::report::Road;
use crate::time::Timestamp;

/// How far back repeats are recognized.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Messages of a station whose bytes are known again: 8 bytes each. Below 256, so that a station without a clock
    /// whose `seq` is one byte never meets its own number again.
    pub messages: usize,
    /// The same of messages of the past, which come by the hundred: a file that is imported twice counts once.
    pub past: usize,
    /// Stamps of a series whose value is known again: 16 bytes each.
    pub stamps: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { messages: 240, past: 1_024, stamps: 16 }
    }
}

/// What is kept of a station.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct StationMemory {
    /// When it was last heard live, by the journal.
    pub(super) seen_at: Option<Timestamp>,
    /// Which of its messages came.
    pub(super) numbers: Numbers,
    /// Fingerprints of its last messages, oldest first.
    pub(super) payloads: VecDeque<u64>,
    /// Fingerprints of its last messages of the past, oldest first.
    pub(super) past: VecDeque<u64>,
    /// How its clock runs.
    pub(super) drift: Drift,
}

impl StationMemory {
    /// Takes note of a message; whether the same bytes came before.
    pub(super) fn is_repeat(&mut self, payload: &[u8], road: Road, limits: Limits) -> bool {
        let print = fingerprint(payload);
        if self.payloads.contains(&print) || self.past.contains(&print) {
            return true;
        }
        match road {
            Road::Live => push(&mut self.payloads, print, limits.messages),
            Road::Backfill => push(&mut self.past, print, limits.past),
        }
        false
    }
}

/// What is kept of a series.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct SeriesMemory {
    /// When it was last heard live, by the journal.
    pub(super) seen_at: Option<Timestamp>,
    /// The latest time of measurement.
    pub(super) newest: Option<Timestamp>,
    /// Number and latest usable stamp of its last live message.
    live: Option<(u64, Timestamp)>,
    /// Its last live reading whose stamp was not usable.
    pub(super) replaced: Option<Replaced>,
    /// Its last stamps as sent, oldest first.
    recent: VecDeque<Sent>,
    /// The newest value and when it was measured: others may be compensated by it.
    pub(super) value: Option<(Timestamp, f64)>,
    /// What is known of its instrument, where that is judged.
    pub(super) health: Option<Box<Health>>,
    /// How often a report interval and a half passed between two live readings.
    pub(super) gaps: u64,
}

/// A live reading whose stamp was not usable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Replaced {
    /// The time it was given.
    pub(super) dated_at: Timestamp,
    /// The time it claimed.
    pub(super) sent: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Sent {
    at: Timestamp,
    value: u64,
}

/// What is known of a stamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// Nothing.
    New,
    /// It came with this very value.
    Same,
    /// It came with another one.
    Other,
}

impl SeriesMemory {
    /// Whether a stamp was sent before, and with what.
    pub(super) fn recall(&self, at: Timestamp, value: f64) -> Known {
        let mut known = Known::New;
        for sent in self.recent.iter().rev().filter(|sent| sent.at == at) {
            if sent.value == bits(value) {
                return Known::Same;
            }
            known = Known::Other;
        }
        known
    }

    /// Keeps a stamp and its value.
    pub(super) fn remember(&mut self, at: Timestamp, value: f64, limits: Limits) {
        push(&mut self.recent, Sent { at, value: bits(value) }, limits.stamps);
    }

    /// Takes note of a usable live stamp; whether the clock stepped back while the number went on.
    ///
    /// Only the step itself is told: what follows it in order is judged by its own stamps, else a station set to
    /// another zone would go unheard for hours.
    pub(super) fn steps_back(&mut self, seq: Option<u64>, at: Timestamp) -> bool {
        let Some(seq) = seq else { return false };
        match self.live {
            Some((last, newest)) if last == seq => {
                self.live = Some((seq, newest.max(at)));
                false
            }
            last => {
                self.live = Some((seq, at));
                last.is_some_and(|(last, newest)| seq > last && newest.since(at) > STEP_MIN)
            }
        }
    }

    /// Keeps no more than the limits allow, after they changed.
    pub(super) fn trim(&mut self, limits: Limits) {
        trim(&mut self.recent, limits.stamps);
    }
}

impl StationMemory {
    /// Keeps no more than the limits allow, after they changed.
    pub(super) fn trim(&mut self, limits: Limits) {
        trim(&mut self.payloads, limits.messages);
        trim(&mut self.past, limits.past);
    }
}

fn push<T>(ring: &mut VecDeque<T>, item: T, len_max: usize) {
    trim(ring, len_max.saturating_sub(1));
    if len_max > 0 {
        ring.push_back(item);
    }
}

fn trim<T>(ring: &mut VecDeque<T>, len_max: usize) {
    while ring.len() > len_max {
        ring.pop_front();
    }
}

/// The bits of a value, zero without its sign.
fn bits(value: f64) -> u64 {
    (value + 0.0).to_bits()
}

/// Sixty-four bits that tell messages of one station apart: every eight bytes folded in by a wide multiplication.
/// The same on every machine. Not against an attacker: a station can only hide messages of its own.
fn fingerprint(bytes: &[u8]) -> u64 {
    const SEED: u64 = 0x9e37_79b9_7f4a_7c15;
    const ODD: u64 = 0xd6e8_feb8_6659_fd93;
    let fold = |state: u64, word: u64| {
        let wide = u128::from(state ^ word) * u128::from(ODD);
        (wide as u64) ^ ((wide >> 64) as u64).rotate_left(23)
    };
    let (words, rest) = bytes.as_chunks::<8>();
    let state = words
        .iter()
        .fold(SEED ^ bytes.len() as u64, |state, word| fold(state, u64::from_le_bytes(*word)));
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    fold(fold(state, u64::from_le_bytes(last)), SEED)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;
    use alloc::format;

    #[test]
    fn fingerprints_tell_messages_apart_and_never_change() {
        let prints: BTreeSet<u64> =
            (0..100_000).map(|i| fingerprint(format!("{{\"seq\":{i}}}").as_bytes())).collect();
        assert_eq!(prints.len(), 100_000);
        assert_ne!(fingerprint(b""), fingerprint(b"\0"));
        assert_ne!(fingerprint(&[0; 8]), fingerprint(&[0; 16]));
        // Kept in snapshots: a change forgets every repeat across an upgrade.
        assert_eq!(fingerprint(b"bongsu"), 1_604_008_673_446_062_982);
    }

    #[test]
    fn remembers_as_much_as_allowed() {
        let limits = Limits { messages: 2, past: 3, stamps: 2 };
        let mut station = StationMemory::default();
        let repeats = [b"a", b"b", b"a", b"c", b"a", b"b"]
            .map(|payload| station.is_repeat(payload, Road::Live, limits));
        assert_eq!(repeats, [false, false, true, false, false, false]);
        // What is of the past pushes out nothing of now, and is known on either road.
        let past = [b"1", b"2", b"3", b"b", b"1", b"4", b"1"]
            .map(|payload| station.is_repeat(payload, Road::Backfill, limits));
        assert_eq!(past, [false, false, false, true, true, false, false]);
        assert!(station.is_repeat(b"4", Road::Live, limits));

        let mut series = SeriesMemory::default();
        let at = Timestamp::from_secs;
        series.remember(at(1), 0.0, limits);
        assert_eq!(series.recall(at(1), -0.0), Known::Same);
        assert_eq!(series.recall(at(1), 1.0), Known::Other);
        series.remember(at(1), 1.0, limits);
        assert_eq!(series.recall(at(1), 0.0), Known::Same);
        series.remember(at(2), 1.0, limits);
        assert_eq!(series.recall(at(1), 0.0), Known::Other);
        assert_eq!(series.recall(at(3), 0.0), Known::New);
    }

    #[test]
    fn a_clock_steps_back_only_while_the_number_goes_on() {
        let mut series = SeriesMemory::default();
        // seq, second, whether it is a step
        for (seq, second, step) in [
            (Some(1), 100, false),
            (Some(2), 160, false),
            (Some(2), 150, false), // the same message, an older sample
            (Some(3), 159, false), // one second is jitter
            (Some(4), 157, true),
            (Some(5), 158, false), // going on from there
            (Some(1), 50, false),  // rebooted
            (None, 10, false),     // nobody knows
            (Some(2), 49, false),
            (Some(3), 47, true),
        ] {
            assert_eq!(
                series.steps_back(seq, Timestamp::from_secs(second)),
                step,
                "{seq:?} {second}"
            );
        }
    }
}
