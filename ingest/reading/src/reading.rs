//! What we believe: one admitted value of one series.

use core::fmt;
use core::ops::{BitOr, BitOrAssign};

use serde::{Deserialize, Serialize};

use crate::registry::SeriesIndex;
use crate::time::Timestamp;

/// One admitted value, in the base unit of its series' quantity.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading {
    /// Which series.
    pub series: SeriesIndex,
    /// When the instrument says it was so, or what admission put in its place (then flagged).
    pub measured_at: Timestamp,
    /// When it reached us.
    pub received_at: Timestamp,
    /// The value, finite, in the base unit.
    pub value: f64,
    /// What is known against it.
    pub quality: Quality,
}

/// Flags that travel with a reading to rules, archive and board. None set means nothing is known against it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Quality(u32);

macro_rules! flags {
    ($($(#[$doc:meta])* $name:ident $bit:literal $word:literal)*) => {
        impl Quality {
            $($(#[$doc])* pub const $name: Self = Self(1 << $bit);)*

            const WORDS: &'static [(Self, &'static str)] = &[$((Self::$name, $word)),*];
        }
    };
}

flags! {
    /// Reached us later than max(15 min, 3 report intervals) after it was measured.
    OLD 0 "old"
    /// Behind the newest reading of its series.
    OUT_OF_ORDER 1 "out-of-order"
    /// Came on the backfill road.
    BACKFILL 2 "backfill"
    /// The station's stamp was not usable; `measured_at` is the time of receipt.
    TIME_REPLACED 3 "time-replaced"
    /// One of a burst with replaced times, not its newest: kept, feeds no condition.
    TIME_UNKNOWN 4 "time-unknown"
    /// The station's clock stepped back while its `seq` went on.
    CLOCK_STEP 5 "clock-step"
    /// The stamp lay ahead of ours by more than two minutes.
    CLOCK_AHEAD 6 "clock-ahead"
    /// Another value with the same stamp was admitted before.
    CONFLICT 7 "conflict"
    /// The broker kept it for us: it may be of any age.
    RETAINED 8 "retained"
    /// Far from the others of its series: it waits for the next ones to say what it is, and comes again then.
    HELD 9 "held"
    /// Far from the others, and the next one was back: kept, evidence of nothing.
    SPIKE 10 "spike"
    /// One of several that were far from those before, and stayed: believed.
    STEP 11 "step"
    /// Far from the others, and nothing came to say what it is: for a person to look at.
    UNCONFIRMED 12 "unconfirmed"
    /// The instrument repeats itself, or is dry where it pours. Its values are taken, for it may be right, but nothing
    /// is safer for them.
    STUCK 13 "stuck"
    /// At an end of the range: a broken wire, or the instrument can say no more.
    RAIL 14 "rail"
    /// Heavy rain in this gauge alone.
    ISOLATED 15 "isolated"
    /// Instruments for the same quantity say otherwise.
    DISAGREES 16 "disagrees"
    /// The time is that of a gateway or network, in place of the station's.
    GATEWAY_TIME 17 "gateway-time"
    /// Compensated by another series that had said nothing for long, or never.
    UNCOMPENSATED 18 "uncompensated"
    /// Measured while somebody worked on the instrument: kept, evidence of nothing.
    MAINTENANCE 19 "maintenance"
    /// The station said that it goes, or its network said so: what it measured last is no longer of now. Only on what
    /// is shown, never on a reading that comes in.
    STALE 31 "stale"
}

impl Quality {
    /// Nothing known against it.
    pub const GOOD: Self = Self(0);

    /// Whether every flag of `other` is set.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// What keeps a reading from being evidence of its own moment.
    const UNTRUSTED: Self = Self(
        Self::TIME_UNKNOWN.0
            | Self::CONFLICT.0
            | Self::CLOCK_STEP.0
            | Self::RETAINED.0
            | Self::HELD.0
            | Self::SPIKE.0
            | Self::UNCONFIRMED.0
            | Self::RAIL.0
            | Self::ISOLATED.0
            | Self::DISAGREES.0
            | Self::MAINTENANCE.0,
    );

    /// What may be danger that cannot be measured: it is for a person to look at, whatever else is known.
    pub const ALARMING: Self = Self(Self::UNCONFIRMED.0 | Self::RAIL.0);

    /// What says that the instrument is not all right.
    pub const FAULTY: Self = Self(Self::STUCK.0 | Self::ISOLATED.0 | Self::DISAGREES.0);

    /// Whether conditions may use it as evidence of its own moment: its time is known and nothing contradicts it.
    pub const fn is_trusted(self) -> bool {
        self.0 & Self::UNTRUSTED.0 == 0
    }

    /// The flags of both.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether any flag of `other` is set.
    pub const fn has_any(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// The flags as bits, for storage.
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// The flags of stored bits. Bits nobody knows have no name.
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    /// The names of the flags that are set.
    pub fn words(self) -> impl Iterator<Item = &'static str> {
        Self::WORDS.iter().filter(move |(flag, _)| self.has(*flag)).map(|(_, word)| *word)
    }
}

impl BitOr for Quality {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Quality {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

impl fmt::Display for Quality {
    /// `good`, or the set flags joined by `+`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::GOOD {
            return f.write_str("good");
        }
        for (i, word) in self.words().enumerate() {
            if i > 0 {
                f.write_str("+")?;
            }
            f.write_str(word)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn flags_name_themselves_and_decide_trust() {
        assert_eq!(Quality::GOOD.to_string(), "good");
        let late = Quality::OLD | Quality::BACKFILL;
        assert_eq!(late.to_string(), "old+backfill");
        assert!(late.is_trusted(), "old data is judged by its own time");
        for flag in
            [Quality::TIME_UNKNOWN, Quality::CONFLICT, Quality::CLOCK_STEP, Quality::RETAINED]
        {
            assert!(!flag.is_trusted(), "{flag}");
        }
    }
}
