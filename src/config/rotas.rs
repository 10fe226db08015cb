//! Who is on duty when: shifts by the calendar and the clock of the place an incident is at.

use alerting::rota::{Rota, Shift, Turns, Weekdays};
use alerting::validity::QuietHours;
use jiff::civil::Date;
use reading::id::{ChannelId, RotaId};

use super::problem::{Place, Problems};
use super::table::{Table, id};
use super::tree::At;
use super::validity::{days, hours};
use super::value::{Fault, shortened};

const DAY_MINUTES: u16 = 1_440;

/// What a `[[rota]]` says, as far as nothing is wrong with it.
pub struct RotaEntry {
    /// Its name, even if something else is wrong.
    pub name: Option<At<RotaId>>,
    /// The rota.
    pub rota: Option<Rota>,
    /// The persons it names, and where.
    pub persons: Vec<At<String>>,
}

/// Reads a `[[rota]]`.
pub fn read(mut table: Table, problems: &mut Problems) -> RotaEntry {
    table.need("name", "ladders name the rota by it, say name = \"duty\"", problems);
    table.need("shift", "say who is on duty: [[rota.shift]] persons = [\"…\"]", problems);
    let place = table.place.clone();
    let name = table.id::<RotaId>("name", problems);
    let (mut shifts, mut persons) = (Vec::new(), Vec::new());
    let given = table.tables("shift", problems);
    let wanted = given.len();
    for shift in given {
        shifts.extend(read_shift(shift, &mut persons, problems));
    }
    table.finish("a rota", problems);
    let whole = shifts.len() == wanted && wanted > 0;
    let rota = name.as_ref().filter(|_| whole).map(|name| Rota { id: name.value.clone(), shifts });
    if let Some(rota) = &rota {
        warn_of_gaps(rota, &place, problems);
    }
    RotaEntry { name, rota, persons }
}

fn read_shift(
    mut table: Table,
    persons: &mut Vec<At<String>>,
    problems: &mut Problems,
) -> Option<Shift> {
    table.need("persons", "name them as contacts.csv does: persons = [\"kim\"]", problems);
    let named = table.reads("persons", id::<ChannelId>, problems);
    if let Some(none) = named.as_ref().filter(|named| named.value.is_empty()) {
        problems.add(&none.place, "nobody is on duty in this shift", "name somebody");
    }
    let named: Vec<At<String>> =
        named?.value.into_iter().map(|one| one.map(|id| id.to_string())).collect();
    persons.extend(named.iter().cloned());
    let week = table.reads("days", weekday, problems);
    let first = table.date("from", problems);
    let last = table.date("until", problems);
    let hours = table.read("hours", hours, problems);
    let turns = table.duration("turns", super::DAY..=400 * super::DAY, problems);
    let day = |date: &Option<At<String>>| days(date.as_ref()?.value.parse::<Date>().ok()?);
    let (from, until) = (day(&first), day(&last));
    if let (Some(from), Some(until), Some(last)) = (from, until, &last)
        && until < from
    {
        problems.add(&last.place, "it ends before it begins", "write a later day");
    }
    let turns = turns.and_then(|turns| {
        let whole = turns.value.as_secs().is_multiple_of(super::DAY.as_secs());
        if !whole {
            problems.add(&turns.place, "a turn lasts whole days", "write \"7 d\" or \"1 d\"");
        }
        if from.is_none() {
            let remedy = "write from = \"…\", the day the first person begins";
            problems.add(&turns.place, "it does not say when the first turn begins", remedy);
        }
        let days = u16::try_from(turns.value.as_secs() / super::DAY.as_secs()).unwrap_or(1);
        Some(Turns { from: from?, days })
    });
    table.finish("a shift", problems);
    Some(Shift {
        persons: named.into_iter().map(|one| one.value).collect(),
        turns,
        days: week.map(|week| {
            week.value.iter().fold(Weekdays::default(), |all, day| all.with(day.value))
        }),
        from,
        until,
        hours: hours.map(|at| at.value),
    })
}

fn weekday(text: &str) -> Result<u8, Fault> {
    let at = Weekdays::WORDS.iter().position(|word| *word == text);
    at.and_then(|at| u8::try_from(at).ok()).ok_or_else(|| {
        let what = format!("`{}` is no day of the week", shortened(text));
        Fault::new(what, format!("write one of {}", Weekdays::WORDS.join(", ")))
    })
}

/// Quiet hours of a channel, `22:00..07:00`.
pub fn quiet(text: &str) -> Result<QuietHours, Fault> {
    let (from, to) = hours(text)?;
    if (from, to % DAY_MINUTES) == (0, 0) {
        return Err(Fault::new(
            "it would be quiet all day",
            "leave some hours, or remove the channel",
        ));
    }
    Ok(QuietHours { from, to: to % DAY_MINUTES })
}

/// Looks for a moment without anybody: in the week after every day on which a shift begins or has ended.
fn warn_of_gaps(rota: &Rota, place: &Place, problems: &mut Problems) {
    let begins = rota.shifts.iter().filter_map(|shift| shift.from).min().unwrap_or(0);
    let days = rota.shifts.iter().flat_map(|shift| [shift.from, shift.until.map(|day| day + 1)]);
    let mut days: Vec<i64> = days.flatten().chain([begins]).collect();
    days.sort_unstable();
    days.dedup();
    let edges = rota.shifts.iter().filter_map(|shift| shift.hours);
    let mut edges: Vec<u16> =
        edges.flat_map(|(from, to)| [from, to % DAY_MINUTES]).chain([0]).collect();
    edges.sort_unstable();
    edges.dedup();
    // the first day itself may begin with the night before it
    let moments = days.into_iter().flat_map(|day| day + i64::from(day == begins)..day + 8);
    let mut moments = moments.flat_map(|day| edges.iter().map(move |edge| (day, *edge)));
    let nobody = moments.find(|(day, minute)| {
        let secs = day * super::DAY.as_secs() as i64 + i64::from(*minute) * 60;
        rota.on_duty(reading::Timestamp::from_secs(secs), &[]).is_empty()
    });
    if let Some((day, minute)) = nobody {
        let dated = rota.shifts.iter().any(|shift| shift.from.is_some() || shift.until.is_some());
        let date = Date::new(1970, 1, 1)
            .ok()
            .and_then(|epoch| epoch.checked_add(jiff::Span::new().try_days(day).ok()?).ok());
        let week = usize::try_from((day + 3).rem_euclid(7)).unwrap_or(0);
        let when = match date.filter(|_| dated) {
            Some(date) => format!("{date}"),
            None => Weekdays::WORDS.get(week).copied().unwrap_or_default().to_owned(),
        };
        let (hour, minute) = (minute / 60, minute % 60);
        problems.warn(
            place,
            format!("nobody is on duty on {when} at {hour:02}:{minute:02}"),
            "add a shift; until then the next rung of the ladder is called at once",
        );
    }
}
