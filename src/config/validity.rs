//! When a rule counts: dates, a season, hours of the day, in the zone of the site.

use alerting::validity::{MonthDay, Validity};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use reading::Timestamp;

use super::problem::Problems;
use super::table::Table;
use super::value::{Fault, shortened};

/// From and to which moment offsets of a zone are written down. Later ones keep the last.
const OFFSETS: (&str, &str) = ("2000-01-01T00:00:00Z", "2060-01-01T00:00:00Z");

/// Reads `valid = { from, until, season, hours }`.
pub fn read(table: &mut Table, zone: &str, problems: &mut Problems) -> Option<Validity> {
    let mut table = table.table("valid", problems)?;
    let place = table.place.clone();
    let from = table.date("from", problems);
    let until = table.date("until", problems);
    let season = table.read("season", season, problems);
    let hours = table.read("hours", hours, problems);
    table.finish("valid", problems);
    let day = |date: &Option<super::tree::At<String>>| -> Option<i64> {
        days(date.as_ref()?.value.parse::<Date>().ok()?)
    };
    let (first, last) = (day(&from), day(&until));
    if let (Some(first), Some(last), Some(until)) = (first, last, &until)
        && last < first
    {
        problems.add(&until.place, "it ends before it begins", "write a later day");
    }
    if [from.is_some(), until.is_some(), season.is_some(), hours.is_some()] == [false; 4] {
        problems.add(
            &place,
            "it limits nothing",
            "write from, until, season or hours, or remove it",
        );
    }
    Some(Validity {
        from: first,
        until: last,
        season: season.map(|at| at.value),
        hours: hours.map(|at| at.value),
        offsets: offsets(zone),
    })
}

/// Counted from 1970-01-01.
pub(super) fn days(date: Date) -> Option<i64> {
    let epoch = Date::new(1970, 1, 1).ok()?;
    Some(i64::from(date.since(epoch).ok()?.get_days()))
}

/// `06-15..09-30`.
fn season(text: &str) -> Result<(MonthDay, MonthDay), Fault> {
    let refused = || {
        let what = format!("`{}` is not a season", shortened(text));
        Fault::new(what, "write the first and the last day, say \"06-15..09-30\"")
    };
    let day = |text: &str| {
        let (month, day) = text.trim().split_once('-')?;
        let (month, day) = (month.parse::<i8>().ok()?, day.parse::<i8>().ok()?);
        Date::new(2024, month, day).ok().map(|_| MonthDay(month as u8, day as u8))
    };
    let (from, to) = text.split_once("..").ok_or_else(refused)?;
    day(from).zip(day(to)).ok_or_else(refused)
}

/// `22:00..06:00`.
pub(super) fn hours(text: &str) -> Result<(u16, u16), Fault> {
    let refused = || {
        let what = format!("`{}` is no part of a day", shortened(text));
        Fault::new(what, "write from when to when, say \"22:00..06:00\"")
    };
    let minute = |text: &str| {
        let (hour, minute) = text.trim().split_once(':')?;
        let (hour, minute) = (hour.parse::<u16>().ok()?, minute.parse::<u16>().ok()?);
        (hour < 24 && minute < 60 || (hour, minute) == (24, 0)).then_some(hour * 60 + minute)
    };
    let (from, to) = text.split_once("..").ok_or_else(refused)?;
    minute(from).zip(minute(to)).filter(|(from, to)| from != to).ok_or_else(refused)
}

/// The offsets of a zone, so that a replay needs no zone database.
pub(super) fn offsets(zone: &str) -> Vec<(Timestamp, i32)> {
    let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
    let (Ok(first), Ok(last)) =
        (OFFSETS.0.parse::<jiff::Timestamp>(), OFFSETS.1.parse::<jiff::Timestamp>())
    else {
        return Vec::new();
    };
    let begins = [(Timestamp::from_secs(first.as_second()), zone.to_offset(first).seconds())];
    let shifts = zone.following(first).take_while(|shift| shift.timestamp() < last);
    let shifts = shifts.map(|shift| {
        (Timestamp::from_secs(shift.timestamp().as_second()), shift.offset().seconds())
    });
    begins.into_iter().chain(shifts).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_follow_the_zone() {
        assert_eq!(offsets("Asia/Seoul").len(), 1);
        assert_eq!(offsets("Asia/Seoul")[0].1, 32_400);
        let berlin = Validity {
            offsets: offsets("Europe/Berlin"),
            hours: Some((480, 540)),
            ..Validity::default()
        };
        for (text, expected) in [
            ("2026-07-14T06:30:00Z", true),
            ("2026-07-14T07:30:00Z", false),
            ("2026-12-14T06:30:00Z", false),
            ("2026-12-14T07:30:00Z", true),
        ] {
            assert_eq!(berlin.covers(Timestamp::parse(text).unwrap()), expected, "{text}");
        }
    }

    #[test]
    fn an_hour_that_is_left_out_never_counts_and_one_that_comes_twice_counts_twice() {
        let window = |from, to| Validity {
            offsets: offsets("America/New_York"),
            hours: Some((from, to)),
            ..Validity::default()
        };
        // from, to, minutes of that day on which it counts
        for (day, from, to, expected) in [
            ("2026-03-07T05:00:00Z", 120, 180, 60),
            ("2026-03-08T05:00:00Z", 120, 180, 0), // two o'clock is three
            ("2026-03-08T05:00:00Z", 60, 240, 120),
            ("2026-11-01T04:00:00Z", 60, 120, 120), // one o'clock comes twice
        ] {
            let (window, day) = (window(from, to), Timestamp::parse(day).unwrap());
            let minutes = (0..1_440_u64).map(|i| day.plus(std::time::Duration::from_secs(60 * i)));
            let minutes: Vec<_> = minutes.collect();
            let covered = minutes.iter().filter(|at| window.covers(**at)).count();
            assert_eq!(covered, expected, "{day} {from}..{to}");
            // whoever waits for the next turn misses none
            let (mut at, mut is) = (day, window.covers(day));
            for minute in minutes {
                if window.covers(minute) != is {
                    while at < minute {
                        at = window.next_turn(at);
                    }
                    assert_eq!(at, minute, "a turn was missed");
                    is = !is;
                }
            }
        }
    }

    #[test]
    fn seasons_and_hours_are_read() {
        assert_eq!(season("06-15..09-30"), Ok((MonthDay(6, 15), MonthDay(9, 30))));
        assert_eq!(hours("22:00..06:00"), Ok((1_320, 360)));
        assert_eq!(hours("00:00..24:00"), Ok((0, 1_440)));
        for bad in ["06-31..09-30", "6..9", "", "13-01..14-01"] {
            assert!(season(bad).is_err(), "{bad}");
        }
        for bad in ["22..6", "25:00..01:00", "06:00..06:00", "24:30..01:00"] {
            assert!(hours(bad).is_err(), "{bad}");
        }
    }
}
