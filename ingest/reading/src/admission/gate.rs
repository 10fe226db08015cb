//! The spike gate: a value far from the recent ones is held until the next ones say what it was (docs/formulas.md 6.3).
//!
//! - The next value is back among the others: it was a **spike**. Kept, flagged, evidence of nothing.
//! - Two more are on its side: it was a **step**. All three are admitted, each with its own time; a slope that moves
//!   only away is never taken for a spike.
//! - Two more that do neither, or nothing more in time: **unconfirmed**. Kept, flagged, and for a person to look at.
//!
//! Judged in the order of measurement among what is there, so that late messages are judged by what stands before and
//! after them. What is older than everything remembered passes: nothing is known that speaks against it.

use alloc::collections::VecDeque;
use serde::{Deserialize, Serialize};

use crate::reading::{Quality, Reading};
use crate::registry::SeriesIndex;
use crate::time::Timestamp;

/// How many values make a window: the one that is judged and those before it.
const WINDOW: usize = 7;

/// Fewer of them say nothing.
const WINDOW_MIN: usize = 5;

/// How many accepted values are remembered: the window, and as many that late messages may fall among.
const RECENT_MAX: usize = 12;

/// A value further from the middle than so many times the spread is far.
const FAR: f64 = 3.0;

/// From the median of absolute deviations to a standard deviation, of normal noise.
const MAD_TO_SIGMA: f64 = 1.4826;

/// From the mean size of steps between neighbours to a standard deviation, of normal noise: 2 / sqrt(pi).
const STEP_TO_SIGMA: f64 = 1.128;

/// How much of the learned noise makes the least spread. Seven values estimate a spread badly; with twice the learned
/// noise one good value in 500 million is held, and what is passed by that is for rules with persistence.
const LEARNED: f64 = 2.0;

/// The share of one step in the learned noise: about the last twenty count.
const LEARNING: f64 = 0.05;

/// So many on one side of the others make a step.
const STEP_LEN: usize = 3;

/// What is kept for the gate: at most 600 bytes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Gate {
    /// Accepted values, in the order of measurement.
    recent: VecDeque<Point>,
    /// What waits, in the order of measurement. The first one set [`Gate::base`].
    held: VecDeque<Held>,
    base: Option<Base>,
    /// When what waits is unconfirmed, by the journal.
    deadline: Option<Timestamp>,
    /// Mean size of the steps between neighbours; `None` before the first.
    steps: Option<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Point {
    at: Timestamp,
    value: f64,
}

/// A reading without its series, which has a name where it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Held {
    measured_at: Timestamp,
    received_at: Timestamp,
    value: f64,
    quality: Quality,
}

impl Held {
    pub(super) fn new(reading: &Reading) -> Self {
        let Reading { measured_at, received_at, value, quality, .. } = *reading;
        Self { measured_at, received_at, value, quality }
    }

    pub(super) fn release(self, series: SeriesIndex, flag: Quality) -> Reading {
        let Self { measured_at, received_at, value, quality } = self;
        Reading { series, measured_at, received_at, value, quality: quality | flag }
    }

    pub(super) fn measured_at(&self) -> Timestamp {
        self.measured_at
    }
}

/// Where the others were when a value was held.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Base {
    middle: f64,
    limit: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Below,
    Near,
    Above,
}

impl Base {
    /// The middle and the limit of a window of values, the judged one among them; `least` is the least spread.
    fn of(values: &mut [f64], least: f64) -> Self {
        let middle = median(values);
        for value in values.iter_mut() {
            *value = (*value - middle).abs();
        }
        let spread = (MAD_TO_SIGMA * median(values)).max(least);
        Self { middle, limit: FAR * spread }
    }

    fn side(&self, value: f64) -> Side {
        match value - self.middle {
            off if off > self.limit => Side::Above,
            off if off < -self.limit => Side::Below,
            _ => Side::Near,
        }
    }
}

/// The middle one, or the mean of the middle two.
pub(super) fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let half = values.len() / 2;
    match values.len() % 2 {
        1 => values[half],
        _ => values[half.saturating_sub(1)] / 2.0 + values[half] / 2.0,
    }
}

impl Gate {
    /// Judges a trusted reading. What is decided goes to `out`, each reading once; what has to wait goes there too,
    /// flagged as held, and comes again when it is decided.
    pub(super) fn judge(
        &mut self,
        reading: Reading,
        noise: f64,
        deadline: Timestamp,
        out: &mut alloc::vec::Vec<Reading>,
    ) {
        if self.recent.front().is_some_and(|oldest| reading.measured_at < oldest.at) {
            out.push(reading);
            return;
        }
        let first = self.held.front().map(Held::measured_at);
        if let (Some(first), Some(base)) = (first, self.base)
            && reading.measured_at > first
        {
            self.weigh(reading, base, out);
            return;
        }
        match self.base_for(&reading, noise) {
            Some(base) if base.side(reading.value) != Side::Near => {
                self.suspect(reading, base, deadline, out);
            }
            _ => self.accept(reading, Quality::GOOD, out),
        }
    }

    /// When what waits is unconfirmed; `None` if nothing waits.
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        self.deadline
    }

    /// Lets what waits wait longer: nobody could hear more of it.
    pub(super) fn put_off(&mut self, to: Timestamp) {
        self.deadline = self.deadline.map(|deadline| deadline.max(to));
    }

    /// Nothing more came: what waits is unconfirmed.
    pub(super) fn expire(&mut self, series: SeriesIndex, out: &mut alloc::vec::Vec<Reading>) {
        while let Some(held) = self.held.pop_front() {
            out.push(held.release(series, Quality::UNCONFIRMED));
        }
        self.settle();
    }

    /// Whether anything waits.
    pub(super) fn is_holding(&self) -> bool {
        !self.held.is_empty()
    }

    /// The noise learned so far (one standard deviation).
    pub(super) fn learned(&self) -> f64 {
        self.steps.unwrap_or_default() / STEP_TO_SIGMA
    }

    /// A value that is far from those before it, and first to be.
    fn suspect(
        &mut self,
        reading: Reading,
        base: Base,
        deadline: Timestamp,
        out: &mut alloc::vec::Vec<Reading>,
    ) {
        let after = self.recent.iter().find(|point| point.at > reading.measured_at);
        match after.map(|point| base.side(point.value)) {
            // what came after it is known: it is part of a step that was accepted, or it came back
            Some(Side::Near) => out.push(flagged(reading, Quality::SPIKE)),
            Some(side) if side == base.side(reading.value) => {
                self.accept(reading, Quality::STEP, out);
            }
            _ => {
                self.base = Some(base);
                self.deadline = self.deadline.or(Some(deadline));
                self.hold(reading, base, out);
            }
        }
    }

    /// A value after one that waits.
    fn weigh(&mut self, reading: Reading, base: Base, out: &mut alloc::vec::Vec<Reading>) {
        if base.side(reading.value) != Side::Near {
            self.hold(reading, base, out);
            return;
        }
        while self.held.front().is_some_and(|held| held.measured_at < reading.measured_at) {
            if let Some(held) = self.held.pop_front() {
                out.push(held.release(reading.series, Quality::SPIKE));
            }
        }
        self.settle();
        self.accept(reading, Quality::GOOD, out);
    }

    fn hold(&mut self, reading: Reading, base: Base, out: &mut alloc::vec::Vec<Reading>) {
        let at = self.held.partition_point(|held| held.measured_at <= reading.measured_at);
        self.held.insert(at, Held::new(&reading));
        if self.held.len() < STEP_LEN {
            out.push(flagged(reading, Quality::HELD));
            return;
        }
        let side = base.side(reading.value);
        let agree = self.held.iter().all(|held| base.side(held.value) == side);
        if agree {
            self.recent.clear();
        }
        let flag = if agree { Quality::STEP } else { Quality::UNCONFIRMED };
        for held in core::mem::take(&mut self.held) {
            // what nobody can make sense of is remembered as well, so that a rougher signal is soon believed
            self.remember(held.measured_at, held.value);
            out.push(held.release(reading.series, flag));
        }
        self.settle();
    }

    fn accept(&mut self, reading: Reading, flag: Quality, out: &mut alloc::vec::Vec<Reading>) {
        let newest = self.recent.back().filter(|newest| newest.at < reading.measured_at);
        if let Some(newest) = newest {
            let step = (reading.value - newest.value).abs();
            let mean = self.steps.unwrap_or(step);
            self.steps = Some(mean + LEARNING * (step - mean));
        }
        self.remember(reading.measured_at, reading.value);
        out.push(flagged(reading, flag));
    }

    fn remember(&mut self, at: Timestamp, value: f64) {
        let place = self.recent.partition_point(|point| point.at <= at);
        self.recent.insert(place, Point { at, value });
        while self.recent.len() > RECENT_MAX {
            self.recent.pop_front();
        }
    }

    fn settle(&mut self) {
        if self.held.is_empty() {
            (self.base, self.deadline) = (None, None);
        }
    }

    /// Where the values before a reading were, if enough of them are known.
    fn base_for(&self, reading: &Reading, noise: f64) -> Option<Base> {
        let before = self.recent.partition_point(|point| point.at < reading.measured_at);
        if before + 1 < WINDOW_MIN {
            return None;
        }
        let mut values = [reading.value; WINDOW];
        let first = before.saturating_sub(WINDOW - 1);
        let count = before - first;
        for (value, point) in values.iter_mut().zip(self.recent.range(first..before)) {
            *value = point.value;
        }
        Some(Base::of(&mut values[..=count], noise.max(LEARNED * self.learned())))
    }
}

fn flagged(reading: Reading, flag: Quality) -> Reading {
    Reading { quality: reading.quality | flag, ..reading }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::String;
    use alloc::vec;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    fn reading(minute: i64, value: f64) -> Reading {
        let at = Timestamp::from_secs(1_784_000_000 + 60 * minute);
        let series = SeriesIndex(0);
        Reading { series, measured_at: at, received_at: at, value, quality: Quality::GOOD }
    }

    fn play(gate: &mut Gate, noise: f64, values: &[(i64, f64)]) -> Vec<Reading> {
        let mut out = vec![];
        for (minute, value) in values {
            gate.judge(reading(*minute, *value), noise, Timestamp::MAX, &mut out);
        }
        out
    }

    fn words(out: &[Reading]) -> String {
        let word = |r: &Reading| format!("{} {}", r.value, r.quality);
        out.iter().map(word).collect::<Vec<_>>().join(", ")
    }

    /// docs/formulas.md 6.3.
    #[test]
    fn vector_e1_a_spike_stands_out_and_neighbours_do_not() {
        let mut values = [10.0, 10.1, 9.9, 10.0, 15.0, 10.1, 9.9];
        let base = Base::of(&mut values, 0.0);
        assert_eq!(base.middle, 10.0);
        assert!((base.limit - 0.444_78).abs() < 1e-12, "{base:?}");
        assert_eq!(
            (base.side(15.0), base.side(10.4), base.side(9.5)),
            (Side::Above, Side::Near, Side::Below)
        );
    }

    #[test]
    fn spikes_steps_and_what_is_neither() {
        let calm = [(0, 10.0), (1, 10.1), (2, 9.9), (3, 10.0)];
        for (after, expected) in [
            (&[(4, 15.0), (5, 10.1)][..], "15 held, 15 spike, 10.1 good"),
            (
                &[(4, 15.0), (5, 15.1), (6, 10.0)],
                "15 held, 15.1 held, 15 spike, 15.1 spike, 10 good",
            ),
            (
                &[(4, 15.0), (5, 15.1), (6, 14.9), (7, 15.0)],
                "15 held, 15.1 held, 15 step, 15.1 step, 14.9 step, 15 good",
            ),
            // a slope that goes on moving
            (&[(4, 15.0), (5, 40.0), (6, 160.0)], "15 held, 40 held, 15 step, 40 step, 160 step"),
            (
                &[(4, 15.0), (5, 2.0), (6, 15.0)],
                "15 held, 2 held, 15 unconfirmed, 2 unconfirmed, 15 unconfirmed",
            ),
            // by the order of measurement
            (
                &[(5, 15.1), (4, 15.0), (6, 15.2)],
                "15.1 held, 15 held, 15 step, 15.1 step, 15.2 step",
            ),
            (&[(5, 10.1), (4, 15.0)], "10.1 good, 15 spike"),
            (&[(4, 15.0), (6, 15.1), (5, 10.0)], "15 held, 15.1 held, 15 spike, 10 good"),
            (
                &[(4, 15.0), (5, 15.0), (7, 15.0), (6, 15.1)],
                "15 held, 15 held, 15 step, 15 step, 15 step, 15.1 good",
            ),
            (&[(-1, 99.0)], "99 good"),
        ] {
            let mut gate = Gate::default();
            play(&mut gate, 0.01, &calm);
            assert_eq!(words(&play(&mut gate, 0.01, after)), expected, "{after:?}");
        }
    }

    /// Philippine markers A (2015-08-27 to 29) and E (2015-10-14 and 15), in cm; both are entry errors (DYNASLOPE).
    #[test]
    fn entry_errors_that_return_are_spikes() {
        for (level, error, back) in [(95.0, 195.0, 95.0), (191.4, 144.2, 191.5)] {
            let mut gate = Gate::default();
            let calm: Vec<_> = (0..6).map(|i| (i, level + 0.1 * (i % 2) as f64)).collect();
            play(&mut gate, 0.1, &calm);
            let out = play(&mut gate, 0.1, &[(6, error), (7, back)]);
            assert_eq!(words(&out), format!("{error} held, {error} spike, {back} good"));
        }
    }

    #[test]
    fn silence_leaves_it_unconfirmed() {
        let mut gate = Gate::default();
        play(&mut gate, 0.1, &[(0, 1.0), (1, 1.0), (2, 1.0), (3, 1.0)]);
        let deadline = reading(7, 0.0).measured_at;
        let mut out = vec![];
        gate.judge(reading(4, 9.0), 0.1, deadline, &mut out);
        gate.judge(reading(5, 9.0), 0.1, Timestamp::MAX, &mut out);
        assert_eq!(gate.deadline(), Some(deadline), "the first one counts");
        out.clear();
        gate.expire(SeriesIndex(0), &mut out);
        assert_eq!(words(&out), "9 unconfirmed, 9 unconfirmed");
        assert_eq!((gate.deadline(), gate.is_holding()), (None, false));
    }

    #[test]
    fn noise_is_learned_and_then_not_held() {
        let mut gate = Gate::default();
        // a saw of ±1 where 0.01 was promised
        let saw: Vec<_> = (0..200).map(|i| (i, ((i * 7) % 5) as f64 / 2.0)).collect();
        play(&mut gate, 0.01, &saw);
        assert!(gate.learned() > 0.5, "{}", gate.learned());
        assert_eq!(words(&play(&mut gate, 0.01, &[(200, 5.0)])), "5 good");
        assert_eq!(words(&play(&mut gate, 0.01, &[(201, 50.0)])), "50 held");
    }

    fn told(out: &[Reading]) -> impl Iterator<Item = &Reading> {
        out.iter().filter(|r| !r.quality.has(Quality::HELD))
    }

    proptest! {
        /// Whatever was before: what goes only one way is never taken for a spike.
        #[test]
        fn a_slope_that_only_moves_away_is_never_a_spike(
            start in -10.0..10.0f64, steps in prop::collection::vec(0.0..1e3f64, 1..60),
        ) {
            let mut gate = Gate::default();
            let mut value = start;
            let values: Vec<_> = (0..).zip(&steps).map(|(i, step)| { value += step * step; (i, value) }).collect();
            let out = play(&mut gate, 0.01, &values);
            for r in told(&out) {
                prop_assert!(r.quality.is_trusted(), "{} {}", r.value, r.quality);
            }
            prop_assert!(values.len() - told(&out).count() < STEP_LEN);
        }

        /// Whatever was before: what stays is believed in the end, and everything comes out once.
        #[test]
        fn a_level_that_persists_is_always_believed(
            before in prop::collection::vec(-100.0..100.0f64, 0..40), level in -1e4..1e4f64,
        ) {
            let mut gate = Gate::default();
            let tail = 30;
            let mut values: Vec<_> = (0..).zip(before.iter().copied()).collect();
            let from = values.len() as i64;
            values.extend((from..from + tail).map(|i| (i, level + (i % 3) as f64 * 0.01)));
            let out = play(&mut gate, 0.02, &values);
            let mut minutes: Vec<_> = told(&out).map(|r| r.measured_at).collect();
            minutes.sort_unstable();
            prop_assert!(minutes.windows(2).all(|two| two[0] < two[1]));
            prop_assert_eq!(minutes.len(), values.len(), "nothing waits for ever");
            let last = told(&out).filter(|r| r.measured_at > reading(values.len() as i64 - 20, 0.0).measured_at);
            for r in last {
                prop_assert!(r.quality.is_trusted(), "{} {}", r.value, r.quality);
            }
        }

        /// A clear step or spike is judged alike in whatever order its neighbours arrive.
        #[test]
        fn neighbours_in_another_order_are_judged_alike(
            order in Just((0..9i64).collect::<Vec<_>>()).prop_shuffle(), is_step in any::<bool>(),
        ) {
            let value = |i: i64| match (i, is_step) {
                (3.., true) | (3, false) => 50.0 + i as f64 * 0.01,
                _ => 1.0 + (i % 2) as f64 * 0.01,
            };
            let mut gate = Gate::default();
            let calm: Vec<_> = (-8..0).map(|i| (i, 1.0 + (i % 2) as f64 * 0.01)).collect();
            play(&mut gate, 0.01, &calm);
            let mut out = play(&mut gate, 0.01, &order.iter().map(|i| (*i, value(*i))).collect::<Vec<_>>());
            gate.expire(SeriesIndex(0), &mut out);
            for r in told(&out) {
                let minute = (r.measured_at.since(reading(0, 0.0).measured_at).as_secs() / 60) as i64;
                let is_spike = minute == 3 && !is_step;
                prop_assert_eq!(r.quality.is_trusted(), !is_spike, "minute {} {}", minute, r.quality);
            }
            prop_assert_eq!(told(&out).count(), 9);
        }
    }
}
