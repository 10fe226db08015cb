//! How a station's clock runs: its drift against ours, and whether it shows the time of another zone
//! (docs/formulas.md 6.6).

use alloc::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// Over so many days the drift is estimated.
const DAYS: usize = 7;

/// Fewer days say nothing.
const DAYS_MIN: usize = 3;

const DAY: i64 = 86_400;

/// Offsets of time zones are whole multiples of this, seconds.
const ZONE_STEP: i64 = 1_800;

/// No zone is further from ours, seconds.
const ZONE_MAX: i64 = 14 * 3_600;

/// A stamp this close to such a multiple may be of another zone, seconds.
const ZONE_SLACK: i64 = 120;

/// So many messages in a row with the same one are no chance.
const ZONE_ROW: u8 = 3;

/// What is known of a clock: at most 200 bytes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Drift {
    /// By day of receipt, the least delay seen, seconds: what a network adds varies, the least of a day hardly does.
    days: VecDeque<(i64, f64)>,
    /// How far ahead of us its last messages were, in steps of half an hour, and how many in a row.
    zone: i64,
    row: u8,
}

impl Drift {
    /// Takes the stamp of a live message.
    pub(super) fn observe(&mut self, sent: Timestamp, received_at: Timestamp) {
        self.observe_zone(sent, received_at);
        if self.zone != 0 {
            return; // nothing to learn from the time of another zone
        }
        let day = received_at.nanos().div_euclid(DAY * 1_000_000_000);
        let delay = seconds(received_at, sent);
        match self.days.back_mut() {
            Some((last, least)) if *last == day => *least = least.min(delay),
            Some((last, _)) if *last > day => {}
            _ => self.days.push_back((day, delay)),
        }
        while self.days.front().is_some_and(|(first, _)| *first + DAYS as i64 <= day) {
            self.days.pop_front();
        }
    }

    fn observe_zone(&mut self, sent: Timestamp, received_at: Timestamp) {
        let ahead = seconds(sent, received_at) as i64;
        let steps = (ahead + ahead.signum() * ZONE_STEP / 2) / ZONE_STEP;
        let is_zone =
            (ahead - steps * ZONE_STEP).abs() <= ZONE_SLACK && ahead.abs() <= ZONE_MAX + ZONE_SLACK;
        let steps = if is_zone { steps } else { 0 };
        self.row = if steps == self.zone { self.row.saturating_add(1) } else { 1 };
        self.zone = steps;
    }

    /// How far ahead of us it is, minutes, if that is what a wrong time zone does.
    pub(super) fn zone_minutes(&self) -> Option<i32> {
        let minutes = i32::try_from(self.zone * ZONE_STEP / 60).unwrap_or_default();
        (self.zone != 0 && self.row >= ZONE_ROW).then_some(minutes)
    }

    /// How much it falls behind ours, seconds a day; negative if it runs fast. The least delay of each of the last
    /// seven days against the day, least squares; today is not over and does not count.
    pub(super) fn per_day(&self) -> Option<f64> {
        let whole = self.days.len().checked_sub(1)?;
        if whole < DAYS_MIN {
            return None;
        }
        let days = || self.days.iter().take(whole);
        let mean = |of: fn(&(i64, f64)) -> f64| days().map(of).sum::<f64>() / whole as f64;
        let (x, y) = (mean(|(day, _)| *day as f64), mean(|(_, delay)| *delay));
        let across: f64 = days().map(|(day, delay)| (*day as f64 - x) * (delay - y)).sum();
        let along: f64 = days().map(|(day, _)| (*day as f64 - x) * (*day as f64 - x)).sum();
        Some(across / along)
    }

    /// How far behind ours it was at best today, seconds; negative if it is ahead.
    pub(super) fn behind(&self) -> Option<f64> {
        self.days.back().map(|(_, delay)| *delay)
    }
}

fn seconds(later: Timestamp, earlier: Timestamp) -> f64 {
    (later.nanos() as f64 - earlier.nanos() as f64) / 1e9
}

#[cfg(test)]
mod tests {
    use super::*;

    /// docs/formulas.md 6.6: a crystal of 30 ppm is off by 2.592 s a day and by 77.76 s in 30 days.
    #[test]
    fn a_slow_crystal_is_measured_through_a_network_that_delays() {
        let mut drift = Drift::default();
        for minute in 0..30 * 1_440_i64 {
            let received_at = Timestamp::from_secs(1_783_987_200 + 60 * minute);
            let lag = 60.0 * minute as f64 * 30e-6;
            let network = 0.3 + (minute * 7 % 10) as f64;
            let sent = Timestamp::from_nanos(received_at.nanos() - ((lag + network) * 1e9) as i64);
            drift.observe(sent, received_at);
        }
        assert!((drift.per_day().unwrap() - 2.592).abs() < 0.01, "{drift:?}");
        assert!((drift.behind().unwrap() - 77.76 + 2.592 - 0.3).abs() < 0.05, "{drift:?}");
        assert_eq!(drift.zone_minutes(), None);
    }

    #[test]
    fn half_hours_off_again_and_again_are_another_zone() {
        let received_at = Timestamp::from_secs(1_784_000_000);
        for (ahead, times, expected) in [
            (9 * 3_600, 3, Some(540)),
            (9 * 3_600 - 20, 3, Some(540)),
            (-9 * 3_600 - 90, 3, Some(-540)),
            (9 * 3_600 + 1_800, 4, Some(570)),
            (9 * 3_600, 2, None),
            (9 * 3_600 + 600, 5, None),
            (30, 5, None),
            (24 * 3_600, 5, None),
        ] {
            let mut drift = Drift::default();
            let sent = Timestamp::from_nanos(received_at.nanos() + ahead * 1_000_000_000);
            (0..times).for_each(|_| drift.observe(sent, received_at));
            assert_eq!(drift.zone_minutes(), expected, "{ahead} {times}");
            drift.observe(received_at, received_at);
            assert_eq!(drift.zone_minutes(), None, "set right");
        }
    }
}
