//! Velocity: displacement to velocities over intervals that are long enough to mean something.
//!
//! An interval ends when it is long enough and the movement in it stands out of the noise, or when it has become so
//! long that standing still is what there is to say. Each velocity is that of the middle of its interval. Source:
//! docs/formulas.md 4.2.

use core::time::Duration;

use reading::Timestamp;
use serde::{Deserialize, Serialize};

/// When an interval ends.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// The movement that stands out of the noise (the larger of 4 σ and 0.2 mm).
    pub increment: f64,
    /// An interval is at least so long.
    pub interval_min: Duration,
    /// An interval that is so long ends whatever the movement.
    pub interval_max: Duration,
}

/// A mean velocity.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Velocity {
    /// Base units an hour.
    pub per_hour: f64,
    /// When its interval began and ended.
    pub times: (Timestamp, Timestamp),
    /// Where.
    pub places: (f64, f64),
}

/// The interval that is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Intervals {
    from: Option<(Timestamp, f64)>,
}

impl Intervals {
    /// Takes a displacement, at or after the one before.
    pub fn take(&mut self, settings: &Settings, at: Timestamp, value: f64) -> Option<Velocity> {
        let (begun, before) = *self.from.get_or_insert((at, value));
        let elapsed = at.since(begun);
        let moved = (value - before).abs() >= settings.increment;
        let long = elapsed >= settings.interval_min && !elapsed.is_zero();
        if !(long && moved || elapsed >= settings.interval_max) {
            return None;
        }
        self.from = Some((at, value));
        let hours = at.hours_since(begun);
        let per_hour = (value - before) / hours;
        Some(Velocity { per_hour, times: (begun, at), places: (before, value) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn movement_under_the_noise_makes_no_velocity_until_it_has_lasted() {
        let hour = Duration::from_secs(3_600);
        let settings = Settings { increment: 1.0, interval_min: hour, interval_max: 10 * hour };
        let mut intervals = Intervals::default();
        // hour, displacement; an equal stamp, a jump within the shortest interval, standing still
        let rows = [(0, 0.0), (1, 0.4), (2, 1.2), (2, 9.0), (3, 0.2), (8, 0.3), (13, 0.3)];
        let velocities: Vec<_> = rows
            .into_iter()
            .filter_map(|(at, mm)| intervals.take(&settings, Timestamp::from_secs(at * 3_600), mm))
            .map(|velocity| (velocity.times.1.nanos() / 3_600_000_000_000, velocity.places))
            .collect();
        assert_eq!(velocities, [(2, (0.0, 1.2)), (3, (1.2, 0.2)), (13, (0.2, 0.3))]);
    }
}
