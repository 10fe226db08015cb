//! Three instruments for one quantity: the middle one is right (docs/formulas.md 6.5).

use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::gate::median;
use crate::time::Timestamp;

/// The most members of one vote.
pub(super) const MEMBERS_MAX: usize = 8;

/// So many times the noise away from the middle is odd …
const SIGMAS: f64 = 4.0;

/// … and at least this share of it.
const SHARE: f64 = 0.1;

/// So many odd values in a row are no chance.
const ROW: u8 = 3;

/// The last value of a member: 32 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Vote {
    cast: Option<(Timestamp, f64)>,
    odd: u8,
}

impl Vote {
    /// What it said last, if that was within `age_max` of `at`.
    pub(super) fn at(&self, at: Timestamp, age_max: Duration) -> Option<f64> {
        let (cast_at, value) = self.cast?;
        (at.since(cast_at) <= age_max && cast_at.since(at) <= age_max).then_some(value)
    }

    /// Takes its value and those of the others; whether it disagrees with them by now.
    ///
    /// With fewer than two others nobody knows who is right.
    pub(super) fn cast(
        &mut self,
        at: Timestamp,
        value: f64,
        noise: f64,
        others: impl Iterator<Item = f64>,
    ) -> bool {
        self.cast = Some((at, value));
        let mut values = [value; MEMBERS_MAX];
        let mut count = 1;
        for (place, other) in values[1..].iter_mut().zip(others) {
            *place = other;
            count += 1;
        }
        if count < 3 {
            self.odd = 0;
            return false;
        }
        let middle = median(&mut values[..count]);
        let odd = (value - middle).abs() > (SIGMAS * noise).max(SHARE * middle.abs());
        self.odd = if odd { self.odd.saturating_add(1) } else { 0 };
        self.odd >= ROW
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_odd_one_of_three_is_told_after_three_values() {
        let at = Timestamp::from_secs(1_784_000_000);
        let mut vote = Vote::default();
        for (value, others, expected) in [
            (10.0, &[10.1, 9.9][..], false),
            (15.0, &[10.1, 9.9], false),
            (15.0, &[10.1, 9.9], false),
            (15.0, &[10.1, 9.9], true),
            (10.9, &[10.1, 9.9], false),
            (15.0, &[10.1], false),
            (15.0, &[10.1], false),
            (15.0, &[10.1], false),
            (15.0, &[14.9, 1.0], false),
            (15.0, &[10.0, 10.0, 14.0, 14.2], false),
        ] {
            assert_eq!(
                vote.cast(at, value, 0.1, others.iter().copied()),
                expected,
                "{value} {others:?}"
            );
        }
        let quarter = Duration::from_secs(900);
        assert_eq!(vote.at(at.plus(quarter), quarter), Some(15.0));
        assert_eq!(vote.at(at.plus(quarter * 2), quarter), None);
    }
}
