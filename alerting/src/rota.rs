//! Duty rota: who is called when, by the calendar and the clock of the place it is about.
//!
//! The pure core knows no time zones: configuration writes down the offsets of every zone, so that a replay on another
//! machine gives the same. Days and hours are those on the wall there, through a change to summer time and back.

use alloc::string::String;
use alloc::vec::Vec;

use reading::Timestamp;
use reading::id::RotaId;
use serde::{Deserialize, Serialize};

use crate::validity::{DAY_SECS, MINUTE_SECS, Offsets, local_secs, offset_at};

/// Who is on duty when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rota {
    /// Its name.
    pub id: RotaId,
    /// Its shifts; where several cover a moment, all of their persons are on duty.
    pub shifts: Vec<Shift>,
}

/// A stretch of the calendar with those who are on duty in it. What is not said does not limit it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shift {
    /// Who: all of them, or one after the other if there are turns.
    pub persons: Vec<String>,
    /// One after the other.
    pub turns: Option<Turns>,
    /// On these days of the week.
    pub days: Option<Weekdays>,
    /// The first day, counted from 1970-01-01.
    pub from: Option<i64>,
    /// The last day, that day included.
    pub until: Option<i64>,
    /// From this minute of the day up to that one. A shift over midnight belongs to the day it begins on.
    pub hours: Option<(u16, u16)>,
}

/// Persons who take turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turns {
    /// The day the first person's turn begins, counted from 1970-01-01.
    pub from: i64,
    /// How many days a turn lasts.
    pub days: u16,
}

/// Days of the week, Monday first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Weekdays(u8);

impl Weekdays {
    /// The days, Monday first, as configuration writes them.
    pub const WORDS: [&'static str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

    /// These and the day of this number, 0 for Monday.
    #[must_use]
    pub const fn with(self, day: u8) -> Self {
        Self(self.0 | 1 << (day % 7))
    }

    /// Whether a day counted from 1970-01-01, a Thursday, is one of them.
    pub const fn has(self, day: i64) -> bool {
        self.0 & (1 << (day + 3).rem_euclid(7)) != 0
    }
}

impl Rota {
    /// Who is on duty at this moment in a zone, each once, in the order of the shifts.
    pub fn on_duty(&self, at: Timestamp, offsets: &Offsets) -> Vec<&str> {
        let local = local_secs(at, offset_at(offsets, at));
        let mut persons: Vec<&str> = Vec::new();
        for person in self.shifts.iter().flat_map(|shift| shift.on_duty(local)).map(String::as_str)
        {
            if !persons.contains(&person) {
                persons.push(person);
            }
        }
        persons
    }
}

impl Shift {
    /// Who is on duty at a moment of the wall clock, seconds.
    fn on_duty(&self, local: i64) -> &[String] {
        let (today, minute) =
            (local.div_euclid(DAY_SECS), (local.rem_euclid(DAY_SECS) / MINUTE_SECS) as u16);
        let day = match self.hours {
            Some((from, to)) if from <= to && (minute < from || minute >= to) => return &[],
            Some((from, to)) if from > to && minute < to => today - 1, // it began yesterday
            Some((from, to)) if from > to && minute < from => return &[],
            Some(_) | None => today,
        };
        let covers = self.days.is_none_or(|days| days.has(day))
            && self.from.is_none_or(|from| day >= from)
            && self.until.is_none_or(|until| day <= until);
        if !covers {
            return &[];
        }
        let Some(Turns { from, days }) = self.turns else { return &self.persons };
        let turn = (day - from).div_euclid(i64::from(days.max(1)));
        let at = turn.rem_euclid((self.persons.len() as i64).max(1)) as usize;
        self.persons.get(at..=at).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use proptest::prelude::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn day(text: &str) -> i64 {
        at(&[text, "T00:00:00Z"].concat()).nanos().div_euclid(86_400_000_000_000)
    }

    fn persons(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| String::from(*name)).collect()
    }

    /// Berlin around both changes of 2026.
    fn berlin() -> Vec<(Timestamp, i32)> {
        vec![
            (at("2025-10-26T01:00:00Z"), 3_600),
            (at("2026-03-29T01:00:00Z"), 7_200),
            (at("2026-10-25T01:00:00Z"), 3_600),
        ]
    }

    fn seoul() -> Vec<(Timestamp, i32)> {
        vec![(Timestamp::from_secs(0), 32_400)]
    }

    /// Day shift on weekdays, nights by week, one person at weekends.
    fn rota() -> Rota {
        let week = (0..5).fold(Weekdays::default(), Weekdays::with);
        let weekend = Weekdays::default().with(5).with(6);
        Rota {
            id: "duty".parse().unwrap(),
            shifts: vec![
                Shift {
                    persons: persons(&["day"]),
                    days: Some(week),
                    hours: Some((9 * 60, 18 * 60)),
                    ..Shift::default()
                },
                Shift {
                    persons: persons(&["one", "two", "three"]),
                    turns: Some(Turns { from: day("2026-06-29"), days: 7 }),
                    hours: Some((18 * 60, 9 * 60)),
                    ..Shift::default()
                },
                Shift {
                    persons: persons(&["weekend"]),
                    days: Some(weekend),
                    hours: Some((9 * 60, 18 * 60)),
                    ..Shift::default()
                },
            ],
        }
    }

    #[test]
    fn who_is_on_duty_stands_in_the_calendar_of_the_place() {
        for (text, expected) in [
            ("2026-07-14T08:59:59+09:00", "three"), // Tuesday; the night of Monday is not over
            ("2026-07-14T09:00:00+09:00", "day"),
            ("2026-07-14T17:59:59+09:00", "day"),
            ("2026-07-14T18:00:00+09:00", "three"),
            ("2026-07-18T12:00:00+09:00", "weekend"),
            ("2026-06-29T18:00:00+09:00", "one"),
            ("2026-07-06T08:00:00+09:00", "one"), // Monday morning belongs to Sunday's night
            ("2026-07-06T18:00:00+09:00", "two"),
            ("2026-06-28T18:00:00+09:00", "three"), // turns go back, too
        ] {
            assert_eq!(rota().on_duty(at(text), &seoul()), [expected], "{text}");
        }
    }

    #[test]
    fn a_rota_ends_and_says_nobody() {
        let shift = Shift {
            persons: persons(&["kim"]),
            from: Some(day("2026-07-01")),
            until: Some(day("2026-07-02")),
            hours: Some((22 * 60, 6 * 60)),
            ..Shift::default()
        };
        let rota = Rota { id: "duty".parse().unwrap(), shifts: vec![shift] };
        for (text, expected) in [
            ("2026-07-01T05:00:00+09:00", 0), // the night of June 30
            ("2026-07-01T22:00:00+09:00", 1),
            ("2026-07-03T05:59:00+09:00", 1), // the night of July 2
            ("2026-07-03T22:00:00+09:00", 0),
        ] {
            assert_eq!(rota.on_duty(at(text), &seoul()).len(), expected, "{text}");
        }
    }

    #[test]
    fn duty_is_handed_over_once_where_an_hour_is_missing_or_comes_twice() {
        // the hour from 02:00 to 03:00 does not exist on 29 March, and comes twice on 25 October
        let shift = |name: &str, hours| Shift {
            persons: persons(&[name]),
            hours: Some(hours),
            ..Shift::default()
        };
        let rota = Rota {
            id: "duty".parse().unwrap(),
            shifts: vec![shift("late", (14 * 60, 150)), shift("early", (150, 14 * 60))],
        };
        for (text, expected) in [
            ("2026-03-29T00:59:59Z", "late"),  // 01:59:59
            ("2026-03-29T01:00:00Z", "early"), // 03:00:00
            ("2026-10-25T00:29:59Z", "late"),  // 02:29:59 in summer time
            ("2026-10-25T00:30:00Z", "early"), // 02:30
            ("2026-10-25T01:00:00Z", "late"),  // 02:00 again: the wall says so
            ("2026-10-25T01:30:00Z", "early"),
        ] {
            assert_eq!(rota.on_duty(at(text), &berlin()), [expected], "{text}");
        }
    }

    proptest! {
        /// Shifts that cover the day on the wall leave no moment without exactly one of them, whatever the zone does.
        #[test]
        fn a_whole_day_has_somebody_at_every_moment(
            secs in 1_770_000_000i64..1_800_000_000, edges in prop::collection::btree_set(1u16..1_440, 2..5),
        ) {
            let edges: Vec<u16> = edges.into_iter().collect();
            let hours = edges.iter().zip(edges.iter().cycle().skip(1));
            let shifts = hours.map(|(from, to)| Shift {
                persons: persons(&["somebody"]),
                hours: Some((*from, *to)),
                ..Shift::default()
            });
            let rota = Rota { id: "duty".parse().unwrap(), shifts: shifts.collect() };
            let local = local_secs(Timestamp::from_secs(secs), offset_at(&berlin(), Timestamp::from_secs(secs)));
            let covering = rota.shifts.iter().filter(|shift| !shift.on_duty(local).is_empty()).count();
            prop_assert_eq!(covering, 1);
        }
    }
}
