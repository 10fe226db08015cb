//! Kinds of sensors left out in turn: whether a limit chosen on the others would do for them.

use std::fmt::Write;

use anyhow::Result;

use crate::worst::Played;

/// A kind of sensor, and what the names of its recorded series contain.
const GROUPS: [(&str, &[&str]); 4] = [
    ("groundwater", &["groundwater/"]),
    ("soil moisture", &["_vwc"]),
    ("pore pressure", &["_press", "_cable"]),
    ("soil temperature", &["_tens"]),
];

/// How far the limit is moved, in tenths of a decade of how rare something is.
const MOVED: std::ops::RangeInclusive<i32> = -10..=20;

/// So many false alarms a sensor-year are allowed to a limit; with less observed there is nothing to choose by.
const ALLOWED: f64 = 1.0;
const YEARS_MIN: f64 = 1.0;

/// What was found of so much, and what was false in so long.
#[derive(Clone, Copy, Default)]
struct Count {
    found: usize,
    events: usize,
    wrong: usize,
    years: f64,
}

/// The table.
pub fn left_out(played: &[Played]) -> Result<String> {
    let mut text = String::from(
        "| left out | as shipped | with the limit that is best on the others |\n|---|---|---|\n",
    );
    for (name, parts) in GROUPS {
        let is_in = |one: &&Played| parts.iter().any(|part| one.label.id.contains(part));
        let domain = || played.iter().filter(|one| one.label.suite == "domain");
        let (group, others): (Vec<&Played>, Vec<&Played>) = domain().partition(is_in);
        let shipped = count(&group, None)?;
        let moved = match best(&others)? {
            None => "the others observed too little to choose by".to_owned(),
            Some(limit) => said(&count(&group, Some(limit))?),
        };
        let _ = writeln!(
            text,
            "| {name} ({} events, {:.2} sensor-years) | {} | {moved} |",
            shipped.events,
            shipped.years,
            said(&shipped)
        );
    }
    Ok(text)
}

/// Of the limits that are not wrong too often, the highest that finds most.
fn best(of: &[&Played]) -> Result<Option<f64>> {
    let mut best: Option<(usize, f64)> = None;
    for tenths in MOVED.rev() {
        let limit = f64::from(tenths) / 10.0;
        let now = count(of, Some(limit))?;
        if now.years < YEARS_MIN || now.wrong as f64 > ALLOWED * now.years {
            continue;
        }
        if best.is_none_or(|(found, _)| now.found > found) {
            best = Some((now.found, limit));
        }
    }
    Ok(best.map(|(_, limit)| limit))
}

/// With the alert as shipped, or from so far above its limit on.
fn count(of: &[&Played], limit: Option<f64>) -> Result<Count> {
    let mut all = Count::default();
    for one in of {
        let sought = one.label.sought()?;
        let rows = || one.series.rows.iter().map(|row| row.0).zip(&one.said);
        let spoke = || {
            let speaks = move |said: &crate::play::Said| match limit {
                None => said.alert,
                Some(limit) => said.score >= limit,
            };
            rows().filter(move |(_, said)| speaks(said)).map(|(at, _)| at)
        };
        all.events += sought.len();
        all.found += sought
            .iter()
            .filter(|sought| spoke().any(|at| (sought.from..=sought.to).contains(&at)))
            .count();
        if sought.is_empty() {
            all.years += one.label.sensor_years;
            let excused = one.label.excused()?;
            let mut last = None;
            for at in spoke().filter(|at| !excused.iter().any(|(a, b)| (*a..=*b).contains(at))) {
                let near = |before: reading::Timestamp| {
                    at.since(before).as_secs_f64() <= one.label.merge_s
                };
                all.wrong += usize::from(!last.is_some_and(near));
                last = Some(at);
            }
        }
    }
    Ok(all)
}

fn said(count: &Count) -> String {
    let share = 100.0 * count.found as f64 / count.events.max(1) as f64;
    format!("{share:.0} %, {} false", count.wrong)
}
