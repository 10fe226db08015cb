//! Steps: amounts gathered into equal steps of the clock, for indices whose definition has a step.
//!
//! A step ends at a multiple of its length since 1970 and holds what was measured after its beginning, up to and
//! including its end: what is stamped 05:00 belongs to the hour that ends at 05:00.

use core::time::Duration;

use reading::Timestamp;
use serde::{Deserialize, Serialize};

/// After so long without any reading the past says nothing about now: who counts steps begins anew.
const GAP_MAX: Duration = Duration::from_secs(31 * 86_400);

/// The step that is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Steps {
    open: Option<Open>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Open {
    /// Its end, in steps since 1970.
    number: i64,
    thousandths: i64,
}

/// A step that is over.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// Its end, in steps since 1970.
    pub number: i64,
    /// What it holds, in thousandths.
    pub thousandths: i64,
}

/// The steps that ended before a reading.
pub enum Ended {
    /// These, dry ones among them.
    Steps(Over),
    /// Too many: nobody knows what fell meanwhile.
    Lost,
}

/// Steps that are over, oldest first.
pub struct Over {
    next: Option<Step>,
    until: i64,
}

impl Iterator for Over {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        let step = self.next.filter(|step| step.number < self.until)?;
        self.next = Some(Step { number: step.number + 1, thousandths: 0 });
        Some(step)
    }
}

impl Steps {
    /// Takes an amount, at or after the one before; says which steps are over by it.
    pub fn take(&mut self, length: Duration, at: Timestamp, thousandths: i64) -> Ended {
        let number = number_of(length, at);
        let before = self.open;
        let carried = before.filter(|open| open.number >= number);
        self.open = Some(match carried {
            Some(open) => {
                Open { thousandths: open.thousandths.saturating_add(thousandths), ..open }
            }
            None => Open { number, thousandths },
        });
        let ended = before.filter(|open| open.number < number);
        if ended.is_some_and(|open| {
            (number - open.number) as f64 * length.as_secs_f64() > GAP_MAX.as_secs_f64()
        }) {
            return Ended::Lost;
        }
        let next = ended.map(|open| Step { number: open.number, thousandths: open.thousandths });
        Ended::Steps(Over { next, until: number })
    }

    /// The step that is open, as far as it goes.
    pub fn open(&self) -> Option<Step> {
        self.open.map(|open| Step { number: open.number, thousandths: open.thousandths })
    }
}

fn number_of(length: Duration, at: Timestamp) -> i64 {
    let nanos = i64::try_from(length.as_nanos()).unwrap_or(i64::MAX).max(1);
    let whole = at.nanos().div_euclid(nanos);
    if at.nanos().rem_euclid(nanos) == 0 { whole } else { whole + 1 }
}

impl Step {
    /// What it holds, in the unit of the amounts.
    pub fn amount(&self) -> f64 {
        self.thousandths as f64 / 1_000.0
    }

    /// When it ended.
    pub fn ended_at(&self, length: Duration) -> Timestamp {
        Timestamp::from_nanos(
            self.number.saturating_mul(i64::try_from(length.as_nanos()).unwrap_or(i64::MAX)),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    const HOUR: Duration = Duration::from_secs(3_600);

    fn take(steps: &mut Steps, minute: i64, amount: i64) -> Option<Vec<(i64, i64)>> {
        match steps.take(HOUR, Timestamp::from_secs(minute * 60), amount) {
            Ended::Steps(over) => Some(over.map(|s| (s.number, s.thousandths)).collect()),
            Ended::Lost => None,
        }
    }

    #[test]
    fn the_full_hour_belongs_to_the_hour_that_ends() {
        let mut steps = Steps::default();
        assert_eq!(take(&mut steps, 15, 1), Some(Vec::new()));
        assert_eq!(take(&mut steps, 60, 2), Some(Vec::new()));
        assert_eq!(take(&mut steps, 61, 4), Some([(1, 3)].to_vec()));
        assert_eq!(
            take(&mut steps, 60, 8),
            Some(Vec::new()),
            "a stamp that repeats stays in the open step"
        );
        assert_eq!(take(&mut steps, 5 * 60, 0), Some([(2, 12), (3, 0), (4, 0)].to_vec()));
        assert_eq!(take(&mut steps, 60 * 24 * 40, 0), None);
    }

    #[test]
    fn steps_before_1970_end_where_others_do() {
        assert_eq!(number_of(HOUR, Timestamp::from_secs(-1)), 0);
        assert_eq!(number_of(HOUR, Timestamp::from_secs(-3_600)), -1);
    }
}
