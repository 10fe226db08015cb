//! Amounts: what a gauge counted, as whole thousandths, and running sums of them.
//!
//! What is added is subtracted again to the last digit: a gauge that tips 0.254 mm counts 254. Source:
//! docs/formulas.md 5.1.

use alloc::collections::VecDeque;

use reading::Timestamp;
use serde::{Deserialize, Serialize};

/// The most amounts kept apart; beyond, the two oldest count as one at the later stamp, which errs on the
/// side of more rain.
pub const AMOUNTS_MAX: usize = 4_096;

/// A counter that goes back by at least this part of its range has rolled over; by less, it was set back.
const ROLLED_OVER: f64 = 0.75;

/// What readings say about amounts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Source {
    /// Readings are a running total, not what came since the report before.
    pub counter: bool,
    /// Where the running total begins again at zero, in the unit of the readings; `None`: it does not by itself.
    pub wraps_at: Option<f64>,
    /// How much one count is, in millimetres; `None`: readings are amounts already.
    pub tip: Option<f64>,
}

/// The last running total.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Intake {
    last: Option<f64>,
}

impl Intake {
    /// What a reading adds, in thousandths. Negative rain is no rain. A running total that went back was set to zero
    /// (a restart: what it shows now came since) or rolled over; its first reading adds nothing.
    pub fn take(&mut self, source: &Source, value: f64) -> i64 {
        let amount = if source.counter {
            let before = self.last.replace(value);
            before.map_or(0.0, |before| advance(before, value, source.wraps_at))
        } else {
            value
        };
        match source.tip {
            _ if amount.is_nan() || amount <= 0.0 => 0,
            Some(tip) => {
                (libm::round(amount) as i64).saturating_mul(libm::round(tip * 1_000.0) as i64)
            }
            None => libm::round(amount * 1_000.0) as i64,
        }
    }
}

fn advance(before: f64, now: f64, wraps_at: Option<f64>) -> f64 {
    match wraps_at {
        _ if now >= before => now - before,
        Some(range) if before - now >= ROLLED_OVER * range && before < range => {
            now + range - before
        }
        _ => now,
    }
}

/// A running sum; dry readings take no place. At most [`AMOUNTS_MAX`] amounts of 16 bytes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sum {
    amounts: VecDeque<(Timestamp, i64)>,
    sum: i64,
}

impl Sum {
    /// Adds an amount in thousandths, at or after the one before.
    pub fn add(&mut self, at: Timestamp, amount: i64) {
        if amount <= 0 {
            return;
        }
        self.sum = self.sum.saturating_add(amount);
        self.amounts.push_back((at, amount));
        if self.amounts.len() > AMOUNTS_MAX
            && let Some((_, oldest)) = self.amounts.pop_front()
            && let Some(next) = self.amounts.front_mut()
        {
            next.1 = next.1.saturating_add(oldest);
        }
    }

    /// Takes out the oldest amount if it is at or before `to`.
    pub fn take_one(&mut self, to: Timestamp) -> Option<(Timestamp, i64)> {
        let taken = self.amounts.pop_front_if(|(at, _)| *at <= to)?;
        self.sum -= taken.1;
        Some(taken)
    }

    /// Lets go of everything at or before `to`.
    pub fn forget(&mut self, to: Timestamp) {
        while self.take_one(to).is_some() {}
    }

    /// What it adds up to, in the unit of the amounts.
    pub fn total(&self) -> f64 {
        self.sum as f64 / 1_000.0
    }

    /// The same in thousandths.
    pub fn thousandths(&self) -> i64 {
        self.sum
    }

    /// How many amounts are kept.
    pub fn len(&self) -> usize {
        self.amounts.len()
    }

    /// Whether it is dry.
    pub fn is_empty(&self) -> bool {
        self.amounts.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(source: Source, readings: &[f64]) -> std::vec::Vec<i64> {
        let mut intake = Intake::default();
        readings.iter().map(|value| intake.take(&source, *value)).collect()
    }

    #[test]
    fn amounts_are_taken_as_they_are_and_negative_rain_is_none() {
        assert_eq!(taken(Source::default(), &[0.2, -5.0, f64::NAN, 0.254]), [200, 0, 0, 254]);
    }

    #[test]
    fn tips_are_whole() {
        let source = Source { tip: Some(0.254), ..Source::default() };
        assert_eq!(taken(source, &[1.0, 0.0, 3.0, -1.0]), [254, 0, 762, 0]);
    }

    #[test]
    fn a_counter_counts_differences_restarts_and_rolls_over() {
        let source = Source { counter: true, wraps_at: Some(65_536.0), tip: Some(0.2) };
        // begins, two tips, a restart after which three came, nothing, then a jump up to the end of the range
        assert_eq!(taken(source, &[100.0, 102.0, 3.0, 3.0]), [0, 400, 600, 0]);
        // rolls over: 65534 to 1 are three tips
        assert_eq!(taken(source, &[65_534.0, 1.0]), [0, 600]);
        // set back from the middle of its range is a restart, not half a range of rain
        assert_eq!(taken(source, &[30_000.0, 2.0]), [0, 400]);
        // without a range it never rolls over
        let endless = Source { wraps_at: None, ..source };
        assert_eq!(taken(endless, &[65_534.0, 1.0]), [0, 200]);
    }
}
