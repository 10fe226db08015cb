//! A value that never moves: stuck, if the noise of the instrument says that it ought to (docs/formulas.md 6.2).

use core::time::Duration;

use libm::{ceil, log};
use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// A run that a working instrument shows less often than this is no chance.
const CHANCE_MAX: f64 = 1e-6;

/// A shorter run says nothing.
const RUN_MIN: u32 = 12;

/// So many steps have to be seen before their noise is known.
const STEPS_MIN: u32 = 100;

/// What never moved since it was first heard is stuck after so many readings and so long.
const NEVER_MOVED: (u32, Duration) = (STEPS_MIN, Duration::from_secs(86_400));

/// The noise of a slow signal in coarse steps comes in stretches: soil rests for days. So a run has to be so many times
/// longer than any before it.
const LONGER: u32 = 2;

/// Beyond so many, older ones count half: what is learned follows the seasons.
const STEPS_MAX: u32 = 4_096;

/// What is kept of the last values: 40 bytes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Flat {
    /// The last value as bits, when it was first seen, and how often since.
    value: u64,
    since: Timestamp,
    newest: Timestamp,
    run: u32,
    /// Steps seen while it was not stuck, and how many of them changed nothing.
    steps: u32,
    same: u32,
    /// The longest run it came out of by itself.
    longest: u32,
}

impl Flat {
    /// Takes a value, in the order of measurement; whether the instrument is stuck. Late values say nothing.
    pub(super) fn observe(&mut self, at: Timestamp, value: f64) -> bool {
        if at <= self.newest && self.run > 0 {
            return false;
        }
        self.newest = at;
        let value = (value + 0.0).to_bits();
        if self.run > 0 && value == self.value {
            self.run = self.run.saturating_add(1);
            return self.is_stuck();
        }
        if self.run > 0 {
            self.learn();
        }
        (self.value, self.since, self.run) = (value, at, 1);
        false
    }

    fn is_stuck(&self) -> bool {
        match self.run_max() {
            Some(max) => self.run >= max.max(self.longest.saturating_mul(LONGER)),
            None if self.longest == 0 => {
                let (run, time) = NEVER_MOVED;
                self.run >= run && self.newest.since(self.since) >= time
            }
            None => false,
        }
    }

    /// A run that ended: its steps without change, and the one that changed. One that was taken for stuck teaches no
    /// noise, only that such runs end.
    fn learn(&mut self) {
        let stuck = self.is_stuck();
        self.longest = self.longest.max(self.run);
        if stuck {
            return;
        }
        self.steps = self.steps.saturating_add(self.run);
        self.same = self.same.saturating_add(self.run - 1);
        if self.steps > STEPS_MAX {
            (self.steps, self.same) = (self.steps / 2, self.same / 2);
            self.longest /= 2;
        }
    }

    fn run_max(&self) -> Option<u32> {
        (self.steps >= STEPS_MIN).then(|| run_max(f64::from(self.same) / f64::from(self.steps)))
    }
}

/// How many equal values in a row are no chance, if each repeats the one before with probability `same`.
fn run_max(same: f64) -> u32 {
    if same >= 1.0 {
        return u32::MAX;
    }
    let run = ceil(log(CHANCE_MAX) / log(same.max(f64::MIN_POSITIVE)));
    RUN_MIN.max(run as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// docs/formulas.md 6.2: noise in steps of the converter, the chance that a value repeats, and of twelve in a row.
    #[test]
    fn the_run_depends_on_the_noise() {
        for (sigma, same, twelve, run) in [
            (0.2, 0.987_58, 0.861, 1_106),
            (0.3, 0.904_42, 0.299_5, 138),
            (0.5, 0.682_69, 0.010_25, 37),
            (1.0, 0.382_92, 9.9e-6, 15),
        ] {
            let p = libm::erf(0.5 / (sigma * core::f64::consts::SQRT_2));
            assert!((p - same).abs() < 1e-5, "{sigma}: {p}");
            let chance = libm::pow(p, 12.0);
            assert!((chance - twelve).abs() < 0.01 * twelve, "{sigma}: {chance}");
            assert!(run_max(p).abs_diff(run) <= 1, "{sigma}: {}", run_max(p));
        }
        assert_eq!(run_max(1.0), u32::MAX);
        assert_eq!(run_max(0.0), RUN_MIN);
    }

    fn minute(i: i64) -> Timestamp {
        Timestamp::from_secs(1_784_000_000 + 60 * i)
    }

    #[test]
    fn learns_how_often_a_value_repeats_and_tells_when_it_repeats_too_often() {
        // each value comes twice: half of all steps change nothing, twenty in a row are no chance
        let mut flat = Flat::default();
        for i in 0..400 {
            assert!(!flat.observe(minute(i), (i / 2 % 5) as f64), "{i}");
        }
        let stuck: alloc::vec::Vec<_> = (400..440).map(|i| flat.observe(minute(i), 7.5)).collect();
        assert_eq!(stuck.iter().position(|stuck| *stuck), Some(19), "{stuck:?}");
        assert!(stuck[19..].iter().all(|stuck| *stuck));
        assert!(!flat.observe(minute(440), 7.6), "it moves again");
        assert!(!flat.observe(minute(430), 7.6), "late");
    }

    #[test]
    fn what_never_moved_is_stuck_after_a_day() {
        let mut flat = Flat::default();
        let stuck: alloc::vec::Vec<_> =
            (0..200).map(|i| flat.observe(minute(10 * i), 1.0)).collect();
        assert_eq!(stuck.iter().position(|stuck| *stuck), Some(144));
    }

    #[test]
    fn a_signal_that_rests_for_days_is_not_stuck_when_it_rests_again() {
        let mut flat = Flat::default();
        let mut at = 0;
        let mut rest = |flat: &mut Flat, value: f64, len: i64| {
            at += len;
            (at - len..at).filter(|i| flat.observe(minute(*i), value)).count()
        };
        for i in 0..200 {
            rest(&mut flat, (i % 7) as f64, 3);
        }
        assert!(rest(&mut flat, 10.0, 90) > 0, "never seen before");
        assert_eq!(rest(&mut flat, 11.0, 90), 0, "it came out of that by itself");
        assert!(rest(&mut flat, 12.0, 200) > 0);
    }
}
