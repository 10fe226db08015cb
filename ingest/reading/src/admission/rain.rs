//! Rain gauges against their neighbours (docs/formulas.md 6.2, 6.5): heavy rain in one gauge alone, and none where it
//! pours all around.
//!
//! Heavy rain that no neighbour has is held for a while: a storm reaches one gauge first, and the next one soon. If no
//! neighbour gets wet in that time it was a test with a watering can, or a funnel that came unblocked.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::gate::Held;
use crate::reading::{Quality, Reading};
use crate::registry::SeriesIndex;
use crate::time::Timestamp;

/// Gauges this close have the same weather (docs/formulas.md 6.5).
pub(super) const NEAR_KM: f64 = 5.0;

/// So many neighbours have to agree.
const WITNESSES: usize = 2;

/// Rain this heavy is seen by neighbours too, mm/h.
const HEAVY: f64 = 20.0;

/// A gauge that is dry while its neighbours have this much in an hour is blocked, mm.
const POURING: f64 = 10.0;

/// Over which neighbours are compared.
const HOUR: Duration = Duration::from_secs(3_600);

/// Over less, one tip of the bucket looks like a cloudburst.
const INTENSITY_OVER: Duration = Duration::from_secs(600);

/// Amounts are kept in slots of this many seconds.
const SLOT: i64 = 300;

/// More that waits is not kept back.
const HELD_MAX: usize = 16;

/// What is kept of a gauge: at most one kilobyte.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Rain {
    /// Amounts of the last hour by slot, mm, oldest first; dry slots are left out.
    slots: VecDeque<(i64, f64)>,
    /// Heard from here on without a pause of an hour.
    since: Option<Timestamp>,
    newest: Timestamp,
    /// What waits for a neighbour, oldest first.
    held: VecDeque<Held>,
    deadline: Option<Timestamp>,
    /// A neighbour got wet as well.
    confirmed: bool,
}

/// What the neighbours of a gauge had in the hour before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Around {
    dry: usize,
    wet: usize,
    pouring: usize,
}

impl Around {
    /// Counts one neighbour, if it is known what it had.
    pub(super) fn count(&mut self, hour: Option<f64>) {
        match hour {
            Some(mm) if mm > 0.0 => self.wet += 1,
            Some(_) => self.dry += 1,
            None => {}
        }
        self.pouring += usize::from(hour.is_some_and(|mm| mm >= POURING));
    }
}

impl Rain {
    /// Takes note of an amount.
    pub(super) fn add(&mut self, at: Timestamp, mm: f64) {
        if self.since.is_none() || at.since(self.newest) > HOUR {
            self.since = Some(at);
        }
        self.newest = self.newest.max(at);
        let slot = slot(at);
        if mm > 0.0 {
            let place = self.slots.partition_point(|(other, _)| *other < slot);
            match self.slots.get_mut(place) {
                Some((other, sum)) if *other == slot => *sum += mm,
                _ => self.slots.insert(place, (slot, mm)),
            }
        }
        let oldest = self::slot(self.newest.minus(HOUR));
        while self.slots.front().is_some_and(|(slot, _)| *slot < oldest) {
            self.slots.pop_front();
        }
    }

    /// What fell in the hour before `at`, mm; `None` if it was not heard all that time, up to `age_max` before it.
    pub(super) fn hour(&self, at: Timestamp, age_max: Duration) -> Option<f64> {
        let known = self.since? <= at.minus(HOUR) && at.since(self.newest) <= age_max;
        known.then(|| self.sum(at, HOUR))
    }

    fn sum(&self, at: Timestamp, over: Duration) -> f64 {
        let (from, to) = (slot(at.minus(over)), slot(at));
        self.slots.iter().filter(|(slot, _)| (from + 1..=to).contains(slot)).map(|(_, mm)| mm).sum()
    }

    /// Judges a reading that was added, by what its neighbours had.
    pub(super) fn judge(
        &mut self,
        mut reading: Reading,
        around: Around,
        interval: Duration,
        deadline: Timestamp,
        out: &mut Vec<Reading>,
    ) {
        let over = interval.max(INTENSITY_OVER).min(HOUR);
        let intensity = self.sum(reading.measured_at, over) / over.as_secs_f64() * 3_600.0;
        let heavy = intensity >= HEAVY || self.sum(reading.measured_at, HOUR) >= HEAVY;
        if reading.value > 0.0 && heavy && around.wet == 0 && around.dry >= WITNESSES {
            self.hold(reading, deadline, out);
            return;
        }
        let dry = self.hour(reading.measured_at, interval).is_some_and(|mm| mm <= 0.0);
        if dry && around.pouring >= WITNESSES {
            reading.quality |= Quality::STUCK;
        }
        out.push(reading);
    }

    fn hold(&mut self, reading: Reading, deadline: Timestamp, out: &mut Vec<Reading>) {
        if self.held.len() >= HELD_MAX {
            out.push(Held::new(&reading).release(reading.series, Quality::ISOLATED));
            return;
        }
        self.held.push_back(Held::new(&reading));
        self.deadline = self.deadline.or(Some(deadline));
        out.push(Reading { quality: reading.quality | Quality::HELD, ..reading });
    }

    /// A neighbour got wet at `at`: what waits is believed with the next record, if the two belong together.
    pub(super) fn confirm(&mut self, at: Timestamp, now: Timestamp) {
        let meets = |held: &Held| {
            at.since(held.measured_at()) < HOUR && held.measured_at().since(at) < HOUR
        };
        if self.held.iter().any(meets) {
            (self.confirmed, self.deadline) = (true, Some(now));
        }
    }

    /// When what waits is decided; `None` if nothing waits.
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        self.deadline
    }

    /// Lets what waits wait longer: nobody could hear the neighbours.
    pub(super) fn put_off(&mut self, to: Timestamp) {
        self.deadline = self.deadline.map(|deadline| deadline.max(to));
    }

    /// The time is over, or a neighbour got wet.
    pub(super) fn expire(&mut self, series: SeriesIndex, out: &mut Vec<Reading>) {
        let flag = if self.confirmed { Quality::GOOD } else { Quality::ISOLATED };
        while let Some(held) = self.held.pop_front() {
            out.push(held.release(series, flag));
        }
        (self.deadline, self.confirmed) = (None, false);
    }

    /// Whether anything waits.
    pub(super) fn is_holding(&self) -> bool {
        !self.held.is_empty()
    }
}

fn slot(at: Timestamp) -> i64 {
    // a reading stamped at the end of a slot is what fell in it
    (at.nanos() - 1).div_euclid(1_000_000_000 * SLOT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn minute(i: i64) -> Timestamp {
        Timestamp::from_secs(1_784_000_400 + 60 * i)
    }

    #[test]
    fn an_hour_is_known_once_it_was_heard() {
        let mut rain = Rain::default();
        for i in 0..=6 {
            rain.add(minute(10 * i), if i == 3 { 2.5 } else { 0.0 });
        }
        let quarter = Duration::from_secs(900);
        assert_eq!(rain.hour(minute(59), quarter), None, "not a whole hour yet");
        assert_eq!(rain.hour(minute(60), quarter), Some(2.5));
        assert_eq!(rain.hour(minute(80), quarter), None, "nobody knows what fell since");
        rain.add(minute(90), 0.0);
        assert_eq!(rain.hour(minute(90), quarter), Some(0.0), "it fell more than an hour ago");
        rain.add(minute(200), 0.0);
        assert_eq!(rain.hour(minute(200), quarter), None, "silent for more than an hour");
    }

    fn reading(i: i64, value: f64) -> Reading {
        let (series, at) = (SeriesIndex(0), minute(i));
        Reading { series, measured_at: at, received_at: at, value, quality: Quality::GOOD }
    }

    fn judge(rain: &mut Rain, i: i64, mm: f64, around: Around) -> Quality {
        let mut out = vec![];
        rain.add(minute(i), mm);
        rain.judge(reading(i, mm), around, Duration::from_secs(600), minute(i + 25), &mut out);
        out[0].quality
    }

    #[test]
    fn heavy_rain_waits_for_a_neighbour() {
        let (alone, along) =
            (Around { dry: 2, ..Around::default() }, Around { dry: 2, wet: 1, pouring: 0 });
        for (mm, around, expected) in [
            (4.0, alone, Quality::HELD),
            (3.0, alone, Quality::GOOD),
            (4.0, along, Quality::GOOD),
            (4.0, Around { dry: 1, ..Around::default() }, Quality::GOOD),
            (4.0, Around::default(), Quality::GOOD),
        ] {
            assert_eq!(judge(&mut Rain::default(), 0, mm, around), expected, "{mm} {around:?}");
        }
        for (wet_at, expected) in
            [(Some(12), Quality::GOOD), (Some(80), Quality::ISOLATED), (None, Quality::ISOLATED)]
        {
            let mut rain = Rain::default();
            judge(&mut rain, 0, 5.0, alone);
            if let Some(i) = wet_at {
                rain.confirm(minute(i), minute(i));
            }
            let mut out = vec![];
            rain.expire(SeriesIndex(0), &mut out);
            assert_eq!(out, [Reading { quality: expected, ..reading(0, 5.0) }], "{wet_at:?}");
            assert!(!rain.is_holding() && rain.deadline().is_none());
        }
    }

    #[test]
    fn a_dry_gauge_where_it_pours_is_blocked() {
        let around = Around { pouring: 2, wet: 2, dry: 0 };
        let mut rain = Rain::default();
        for i in 0..=6 {
            let expected = if i == 6 { Quality::STUCK } else { Quality::GOOD };
            assert_eq!(judge(&mut rain, 10 * i, 0.0, around), expected, "{i}");
        }
        assert_eq!(judge(&mut rain, 70, 0.2, around), Quality::GOOD, "it tips");
        assert_eq!(judge(&mut rain, 80, 0.0, around), Quality::GOOD, "it tipped within the hour");
    }
}
