//! Companions: further series that each series of a clause is judged with.

use reading::id::SeriesName;

use super::pattern::pattern;
use super::problem::Problems;
use super::stations::Watched;
use super::table::Table;
use super::tree::At;
use super::value::{Fault, shortened};

/// The most companions of one series; slots count from 1.
const COMPANIONS_MAX: usize = 32;

/// Reads one companion for each series: `"sensor/quantity"` of its own station, or `"station/sensor/quantity"` for
/// all of them, say the thermometer of a wall.
pub fn one_each(
    table: &mut Table,
    key: &'static str,
    series: &[&Watched],
    watched: &[Watched],
    problems: &mut Problems,
) -> Option<At<Vec<SeriesName>>> {
    let find = |text: &str| -> Result<Vec<SeriesName>, Fault> {
        series.iter().map(|one| beside(text, one, watched)).collect()
    };
    table.read(key, find, problems)
}

fn beside(text: &str, one: &Watched, watched: &[Watched]) -> Result<SeriesName, Fault> {
    let full = match text.split('/').count() {
        2 => format!("{}/{text}", one.name.station),
        _ => text.to_string(),
    };
    let wanted = pattern(&full, Some(&one.name.site))?;
    let mut hits = watched.iter().filter(|other| wanted.matches(other));
    match (hits.next(), hits.next()) {
        (Some(only), None) if only.name != one.name => Ok(only.name.clone()),
        (Some(_), None) => Err(Fault::new(
            format!("{} would be its own companion", one.name),
            "name another series",
        )),
        (None, _) => Err(Fault::new(
            format!("no series is called `{}`, beside {}", shortened(&full), one.name),
            wanted.advice(watched),
        )),
        (Some(_), Some(_)) => Err(Fault::new(
            format!("`{}` is more than one series", shortened(&full)),
            "name exactly one beside each",
        )),
    }
}

/// Reads patterns; the companions of each series are all they mean but itself, in the order of names.
pub fn others(
    table: &mut Table,
    key: &'static str,
    series: &[&Watched],
    watched: &[Watched],
    problems: &mut Problems,
) -> Option<At<Vec<Vec<SeriesName>>>> {
    let site = series.first().map(|one| &one.name.site);
    let patterns = table.reads(key, |text| pattern(text, site), problems)?;
    let mut meant: Vec<&SeriesName> = Vec::new();
    for wanted in &patterns.value {
        let hits = watched.iter().filter(|one| wanted.value.matches(one));
        let before = meant.len();
        meant.extend(hits.map(|one| &one.name));
        if meant.len() == before && !watched.is_empty() {
            let what = format!("no series is called `{}`", wanted.value.text());
            problems.add(&wanted.place, what, wanted.value.advice(watched));
        }
    }
    meant.sort();
    meant.dedup();
    if meant.len() > COMPANIONS_MAX {
        let what = format!("{} series are too many to judge one with", meant.len());
        problems.add(&patterns.place, what, format!("name at most {COMPANIONS_MAX}"));
    }
    let of = |one: &&Watched| -> Vec<SeriesName> {
        meant.iter().filter(|name| ***name != one.name).map(|name| (*name).clone()).collect()
    };
    Some(At { value: series.iter().map(of).collect(), place: patterns.place })
}
