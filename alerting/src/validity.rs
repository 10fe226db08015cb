//! Validity: when a rule counts, in the calendar and on the clock of its site; and quiet hours, when little things
//! wait.
//!
//! The pure core knows no time zones: configuration writes down the offsets of the site's zone, so that a replay
//! on another machine, with another zone database, gives the same.

use alloc::vec::Vec;
use core::time::Duration;

use reading::Timestamp;
use serde::{Deserialize, Serialize};

pub(crate) const DAY_SECS: i64 = 86_400;
pub(crate) const MINUTE_SECS: i64 = 60;

/// The offset of a zone east of UTC, seconds, from each moment on; by moment. The first holds before it, too.
pub type Offsets = [(Timestamp, i32)];

/// The offset of a zone at a moment, seconds.
pub fn offset_at(offsets: &Offsets, at: Timestamp) -> i32 {
    let after = offsets.partition_point(|(from, _)| *from <= at);
    offsets.get(after.saturating_sub(1)).map_or(0, |(_, offset)| *offset)
}

/// The wall clock, seconds, where the offset is this.
pub(crate) fn local_secs(at: Timestamp, offset: i32) -> i64 {
    at.nanos().div_euclid(1_000_000_000) + i64::from(offset)
}

/// When a rule counts. What is not said does not limit it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validity {
    /// The first day, counted from 1970-01-01.
    pub from: Option<i64>,
    /// The last day, that day included.
    pub until: Option<i64>,
    /// From this month and day to that, both included; over new year if the second comes first.
    pub season: Option<(MonthDay, MonthDay)>,
    /// From this minute of the day up to that one; over midnight if the second comes first.
    pub hours: Option<(u16, u16)>,
    /// The offset of the site's zone east of UTC, seconds, from each moment on; by moment. The first holds before it,
    /// too.
    pub offsets: Vec<(Timestamp, i32)>,
}

/// A day of the year: month 1 to 12, day 1 to 31.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MonthDay(pub u8, pub u8);

impl Validity {
    /// Whether a rule counts at this moment.
    pub fn covers(&self, at: Timestamp) -> bool {
        let local = local_secs(at, self.offset(at));
        let (day, minute) = (local.div_euclid(DAY_SECS), local.rem_euclid(DAY_SECS) / MINUTE_SECS);
        self.from.is_none_or(|from| day >= from)
            && self.until.is_none_or(|until| day <= until)
            && self.season.is_none_or(|(from, to)| within(month_day(day), from, to, true))
            && self.hours.is_none_or(|(from, to)| within(minute as u16, from, to, false))
    }

    /// The first moment after `at` at which it may begin or cease to count.
    pub fn next_turn(&self, at: Timestamp) -> Timestamp {
        let offset = i64::from(self.offset(at));
        let local = local_secs(at, self.offset(at));
        let midnight = local.div_euclid(DAY_SECS) * DAY_SECS;
        let edges = self.hours.map_or([0, 0], |(from, to)| [from, to]);
        let of_today = edges.map(|minute| midnight + i64::from(minute) * MINUTE_SECS);
        let coming = of_today.into_iter().chain([midnight + DAY_SECS]).filter(|edge| *edge > local);
        let next = coming.min().unwrap_or(midnight + DAY_SECS) - offset;
        let shift = self.offsets.iter().map(|(from, _)| *from).find(|from| *from > at);
        let next = Timestamp::from_secs(next);
        shift.map_or(next, |shift| shift.min(next)).max(at.plus(Duration::from_nanos(1)))
    }

    fn offset(&self, at: Timestamp) -> i32 {
        offset_at(&self.offsets, at)
    }
}

/// Hours of the day in which little things wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuietHours {
    /// From this minute of the day …
    pub from: u16,
    /// … up to this one; over midnight if it comes first.
    pub to: u16,
}

impl QuietHours {
    /// When the quiet ends that reigns at `at` in a zone; `None` if none does.
    pub fn end(&self, at: Timestamp, offsets: &Offsets) -> Option<Timestamp> {
        let local = local_secs(at, offset_at(offsets, at));
        let minute = (local.rem_euclid(DAY_SECS) / MINUTE_SECS) as u16;
        if !within(minute, self.from, self.to, false) {
            return None;
        }
        let midnight = local.div_euclid(DAY_SECS) * DAY_SECS;
        let to = midnight + i64::from(self.to) * MINUTE_SECS;
        let to = if to > local { to } else { to + DAY_SECS };
        let guess = Timestamp::from_secs(to - i64::from(offset_at(offsets, at)));
        let end = Timestamp::from_secs(to - i64::from(offset_at(offsets, guess)));
        Some(end.max(at.plus(Duration::from_nanos(1))))
    }
}

fn within<T: PartialOrd>(value: T, from: T, to: T, closed: bool) -> bool {
    let before_end = if closed { value <= to } else { value < to };
    if from <= to { value >= from && before_end } else { value >= from || before_end }
}

/// Month and day of a day counted from 1970-01-01. Source: H. Hinnant, `civil_from_days`.
fn month_day(day: i64) -> MonthDay {
    let of_era = (day + 719_468).rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    MonthDay(month as u8, day as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn seoul() -> Validity {
        let offsets = alloc::vec![(Timestamp::from_secs(0), 9 * 3_600)];
        Validity { offsets, ..Validity::default() }
    }

    #[test]
    fn days_of_the_year_are_those_of_the_calendar() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", MonthDay(1, 1)),
            ("2024-02-29T12:00:00Z", MonthDay(2, 29)),
            ("2025-03-01T00:00:00Z", MonthDay(3, 1)),
            ("2026-12-31T23:59:59Z", MonthDay(12, 31)),
            ("1969-12-31T00:00:00Z", MonthDay(12, 31)),
        ] {
            let day = at(text).nanos().div_euclid(86_400_000_000_000);
            assert_eq!(month_day(day), expected, "{text}");
        }
    }

    #[test]
    fn seasons_and_hours_are_those_of_the_site() {
        let wet = Validity { season: Some((MonthDay(6, 15), MonthDay(9, 30))), ..seoul() };
        let frost = Validity { season: Some((MonthDay(11, 1), MonthDay(3, 31))), ..seoul() };
        let night = Validity { hours: Some((22 * 60, 6 * 60)), ..seoul() };
        for (validity, text, expected) in [
            (&wet, "2026-06-14T23:59:59+09:00", false),
            (&wet, "2026-06-15T00:00:00+09:00", true),
            (&wet, "2026-09-30T23:59:59+09:00", true),
            (&wet, "2026-10-01T00:00:00+09:00", false),
            (&frost, "2026-12-25T00:00:00+09:00", true),
            (&frost, "2027-02-01T00:00:00+09:00", true),
            (&frost, "2026-06-01T00:00:00+09:00", false),
            (&night, "2026-07-14T21:59:59+09:00", false),
            (&night, "2026-07-14T22:00:00+09:00", true),
            (&night, "2026-07-15T05:59:59+09:00", true),
            (&night, "2026-07-15T06:00:00+09:00", false),
        ] {
            assert_eq!(validity.covers(at(text)), expected, "{text}");
        }
    }

    #[test]
    fn quiet_hours_end_when_the_wall_says_so() {
        let quiet = QuietHours { from: 22 * 60, to: 7 * 60 };
        let offsets = [
            (at("2025-10-26T01:00:00Z"), 3_600),
            (at("2026-03-29T01:00:00Z"), 7_200),
            (at("2026-10-25T01:00:00Z"), 3_600),
        ];
        for (text, end) in [
            ("2026-07-14T19:59:59Z", None),
            ("2026-07-14T20:00:00Z", Some("2026-07-15T05:00:00Z")),
            ("2026-07-15T04:59:59Z", Some("2026-07-15T05:00:00Z")),
            ("2026-07-15T05:00:00Z", None),
            ("2026-03-28T22:00:00Z", Some("2026-03-29T05:00:00Z")), // an hour shorter
            ("2026-10-24T22:00:00Z", Some("2026-10-25T06:00:00Z")), // an hour longer
        ] {
            assert_eq!(quiet.end(at(text), &offsets), end.map(at), "{text}");
        }
    }

    #[test]
    fn it_only_turns_at_the_moments_it_names() {
        let changing = Validity {
            hours: Some((22 * 60, 6 * 60)),
            season: Some((MonthDay(3, 20), MonthDay(3, 30))),
            offsets: alloc::vec![
                (at("2025-10-26T01:00:00Z"), 3_600),
                (at("2026-03-29T01:00:00Z"), 7_200),
            ],
            ..Validity::default()
        };
        let mut moment = at("2026-03-15T00:00:00Z");
        let mut turns = 0;
        while moment < at("2026-04-05T00:00:00Z") {
            let next = changing.next_turn(moment);
            assert!(next > moment);
            let (mut inside, counts) = (moment, changing.covers(moment));
            while inside < next {
                assert_eq!(changing.covers(inside), counts, "{inside}");
                inside = inside.plus(Duration::from_secs(599));
            }
            turns += u32::from(changing.covers(next) != counts);
            moment = next;
        }
        assert_eq!(
            turns, 24,
            "eleven days of an early morning and a late evening, midnights joined"
        );
    }
}
