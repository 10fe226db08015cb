//! Storms: rain told apart by dry hours.
//!
//! Hours are those of the clock. A storm begins with a wet hour and is over after so many dry hours in a row (USGS:
//! three); its duration runs from its first to its last wet hour, both counted. Source: docs/formulas.md 5.1.

use core::time::Duration;

use reading::Timestamp;
use serde::{Deserialize, Serialize};

use super::steps::{Ended, Step, Steps};

/// Storms are counted in hours.
pub const HOUR: Duration = Duration::from_secs(3_600);

/// One storm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Storm {
    first: i64,
    last: i64,
    thousandths: i64,
}

impl Storm {
    /// Hours from the first wet one to the last, both counted.
    pub fn hours(&self) -> f64 {
        (self.last - self.first + 1) as f64
    }

    /// What fell, millimetres.
    pub fn depth(&self) -> f64 {
        self.thousandths as f64 / 1_000.0
    }

    /// Millimetres an hour, on average.
    pub fn intensity(&self) -> f64 {
        self.depth() / self.hours()
    }

    fn of(step: Step) -> Self {
        Self { first: step.number, last: step.number, thousandths: step.thousandths }
    }

    fn with(self, step: Step) -> Self {
        Self {
            last: step.number,
            thousandths: self.thousandths.saturating_add(step.thousandths),
            ..self
        }
    }
}

/// The storm that is going on, if one is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Storms {
    steps: Steps,
    past: Option<Storm>,
}

impl Storms {
    /// Takes an amount in thousandths; says which storm is over by it.
    pub fn take(&mut self, dry_hours: u16, at: Timestamp, thousandths: i64) -> Option<Storm> {
        let mut over = None;
        match self.steps.take(HOUR, at, thousandths) {
            Ended::Steps(steps) => {
                for step in steps {
                    over = self.pass(dry_hours, step).or(over);
                }
            }
            Ended::Lost => over = self.past.take(),
        }
        over
    }

    fn pass(&mut self, dry_hours: u16, step: Step) -> Option<Storm> {
        if step.thousandths > 0 {
            self.past = Some(self.past.map_or(Storm::of(step), |storm| storm.with(step)));
            return None;
        }
        let dry = |storm: &mut Storm| step.number - storm.last >= i64::from(dry_hours);
        self.past.take_if(dry)
    }

    /// The storm that is going on, with the hour that is open.
    pub fn current(&self) -> Option<Storm> {
        match self.steps.open().filter(|open| open.thousandths > 0) {
            Some(open) => Some(self.past.map_or(Storm::of(open), |storm| storm.with(open))),
            None => self.past,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn three_dry_hours_part_two_storms() {
        let rain = [0, 2, 3, 0, 0, 1, 0, 0, 0, 0, 4, 0];
        let mut storms = Storms::default();
        let over: Vec<_> = (1..)
            .zip(rain)
            .filter_map(|(hour, mm)| storms.take(3, Timestamp::from_secs(hour * 3_600), mm * 1_000))
            .map(|storm| (storm.hours(), storm.depth(), storm.intensity()))
            .collect();
        assert_eq!(over, [(5.0, 6.0, 1.2)]);
        assert_eq!(storms.current().map(|storm| (storm.hours(), storm.depth())), Some((1.0, 4.0)));
    }
}
