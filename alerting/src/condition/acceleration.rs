//! Onset of acceleration: the short mean of the velocity crosses its long mean.
//!
//! In: trusted displacements (or tilts) of one series, in event order. Out: a [`Transition`] when the mean of the last
//! few velocities rises above that of more of them, having been at or below it, with the velocity above the noise; it
//! ceases when the short mean is back. The value is the short mean. Source: docs/formulas.md 3.4, vector B3.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use reading::Timestamp;
use serde::{Deserialize, Serialize};

use super::explain::{Fact, Measure, Said};
use super::persistence::{self, Mark};
use super::velocity::{self, Intervals};
use super::{Kind, Transition};

/// The most velocities of the long mean.
pub const LONG_MAX: usize = 64;

/// Onset of acceleration.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// How velocities are made.
    pub velocity: velocity::Settings,
    /// Velocities of the short mean (3).
    pub short: u8,
    /// Velocities of the long mean (7).
    pub long: u8,
    /// A velocity at or below this, an hour, is noise.
    pub floor: f64,
    /// How often and how long.
    pub persistence: persistence::Settings,
}

/// Two means of the last velocities.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Means {
    recent: VecDeque<f64>,
    /// The short mean has been at or below the long one.
    armed: bool,
}

impl Means {
    /// Takes a velocity.
    pub fn push(&mut self, long: usize, velocity: f64) {
        self.recent.push_back(velocity);
        while self.recent.len() > long.clamp(2, LONG_MAX) {
            self.recent.pop_front();
        }
    }

    /// The mean of the last so many, if there are so many.
    pub fn of_last(&self, count: usize) -> Option<f64> {
        let from = self.recent.len().checked_sub(count.max(1))?;
        Some(self.recent.range(from..).sum::<f64>() / count.max(1) as f64)
    }

    /// Whether the short mean is above the long one, having been at or below it before; `None` while too few
    /// velocities are known.
    pub fn is_crossed(&mut self, short: usize, long: usize) -> Option<bool> {
        let above = self.of_last(short)? > self.of_last(long)?;
        self.armed |= !above;
        Some(above && self.armed)
    }
}

/// The last velocities of one series.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    intervals: Intervals,
    means: Means,
    persistence: persistence::State,
}

impl Kind for State {
    type Settings = Settings;

    fn take_own(&mut self, settings: &Settings, at: Timestamp, value: f64) -> Option<Transition> {
        let velocity = self.intervals.take(&settings.velocity, at, value)?.per_hour.abs();
        let (short, long) = (usize::from(settings.short), usize::from(settings.long));
        self.means.push(long, velocity);
        let mark = match self.means.is_crossed(short, long) {
            Some(true) if velocity > settings.floor => Mark::Beyond,
            Some(false) => Mark::Within,
            _ => Mark::Between,
        };
        let value = self.means.of_last(short).unwrap_or(velocity);
        self.persistence.judge(&settings.persistence, at, mark, value)
    }

    fn held(&self) -> bool {
        self.persistence.held()
    }

    fn said(settings: &Settings) -> Said {
        Said {
            key: "evidence-acceleration",
            measure: Measure::BasePerHour,
            limit: settings.floor,
            window: None,
        }
    }

    fn facts(&self, settings: &Settings) -> Vec<Fact> {
        let mut facts = self.persistence.facts();
        let mean =
            |name, count: u8| Some(Fact::number(name, self.means.of_last(usize::from(count))?));
        facts.extend(mean("short-mean-per-hour", settings.short));
        facts.extend(mean("long-mean-per-hour", settings.long));
        facts.push(Fact::count("velocities", self.means.recent.len()));
        facts
    }
}

#[cfg(test)]
mod tests {
    use super::super::MAIN;
    use super::*;
    use core::time::Duration;

    #[test]
    fn vector_b3_the_short_mean_crosses_the_long_one() {
        let velocities = [1.0, 1.2, 0.9, 1.1, 1.0, 1.0, 1.1, 1.2, 1.4, 1.7, 2.2];
        let mut means = Means::default();
        let mut crossed = std::vec::Vec::new();
        for (at, velocity) in velocities.into_iter().enumerate() {
            means.push(7, velocity);
            let is_crossed = means.is_crossed(3, 7);
            let near =
                |count, expected: f64| (means.of_last(count).unwrap() - expected).abs() < 5e-5;
            match at {
                6 => assert!(near(3, 1.0333) && near(7, 1.0429)),
                7 => assert!(near(3, 1.1000) && near(7, 1.0714)),
                10 => assert!(near(3, 1.7667) && near(7, 1.3714)),
                _ => {}
            }
            if is_crossed == Some(true) {
                crossed.push(at);
            }
        }
        assert_eq!(crossed, [7, 8, 9, 10]);
    }

    fn turns(displacement: impl Fn(i64) -> f64) -> std::vec::Vec<(i64, bool)> {
        let hour = Duration::from_secs(3_600);
        let settings = Settings {
            velocity: velocity::Settings { increment: 0.0, interval_min: hour, interval_max: hour },
            short: 3,
            long: 7,
            floor: 0.5,
            persistence: persistence::Settings::IMMEDIATE,
        };
        let mut state = State::default();
        let turn = |hour: i64| {
            let at = Timestamp::from_secs(hour * 3_600);
            Some((hour, state.observe(&settings, MAIN, at, displacement(hour))?.held))
        };
        (0..60).filter_map(turn).collect()
    }

    #[test]
    fn steady_movement_and_rest_are_no_acceleration() {
        assert_eq!(turns(|_| 3.0), []);
        assert_eq!(turns(|hour| 2.0 * hour as f64), []);
        // accelerates, but under the noise
        assert_eq!(turns(|hour| 0.001 * (hour * hour) as f64), []);
    }

    #[test]
    fn begins_with_the_acceleration_and_ends_when_it_is_over() {
        let path = |hour: i64| match hour {
            ..20 => hour as f64,
            20..30 => hour as f64 + 0.2 * ((hour - 20) * (hour - 20)) as f64,
            _ => 30.0 + 20.0 + 5.0 * (hour - 30) as f64,
        };
        assert_eq!(turns(path), [(21, true), (37, false)]);
    }
}
