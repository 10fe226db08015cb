//! Kinds of sensors left out in turn: whether a limit chosen on the others would do for them.

use std::fmt::Write;

use anyhow::Result;

use crate::count::{Count, at_most, count};
use crate::nab;
use crate::worst::Played;

/// A kind of sensor under the anomaly condition, and what the names of its recorded series contain.
const SENSORS: [(&str, &[&str]); 5] = [
    ("groundwater", &["groundwater/"]),
    ("soil moisture", &["_vwc"]),
    ("pore pressure", &["_press", "_cable"]),
    ("soil temperature", &["_tens"]),
    ("strain, force and tilt of a bridge", &["bridge/"]),
];

/// Stations under the trigger.
const STATIONS: [(&str, &[&str]); 4] = [
    ("geophone UH1", &["geophone/UH1"]),
    ("geophone UH2", &["geophone/UH2"]),
    ("geophone UH3", &["geophone/UH3"]),
    ("geophone UH4", &["geophone/UH4"]),
];

/// So many false alarms a sensor-year are allowed to a limit: none where less than a year was observed.
const ALLOWED: f64 = 1.0;

/// The tables.
pub fn left_out(played: &[Played]) -> Result<String> {
    let mut text = String::from(
        "| left out | as shipped | with the limit that is best on the others |\n|---|---|---|\n",
    );
    for (suites, groups) in [(&["domain", "replay"][..], &SENSORS[..]), (&["geophone"], &STATIONS)]
    {
        for (name, parts) in groups {
            let all = played.iter().filter(|one| suites.contains(&one.label.suite.as_str()));
            let is_in = |one: &&Played| parts.iter().any(|part| one.label.id.contains(part));
            let (group, others): (Vec<&Played>, Vec<&Played>) = all.partition(is_in);
            line(&mut text, name, &group, &others)?;
        }
    }
    text.push_str(
        "\n| left out of NAB | windows | as shipped | with the limit that is best on the others | with its own best |\n\
         |---|---|---|---|---|\n",
    );
    text.push_str(&nab::left_out(played)?);
    Ok(text)
}

fn line(text: &mut String, name: &str, group: &[&Played], others: &[&Played]) -> Result<()> {
    let shipped = count(group, None)?;
    let years = count(others, None)?.years;
    let best = at_most(others, (ALLOWED * years) as usize)?;
    let moved = match best {
        None => "no limit finds anything there".to_owned(),
        Some((_, limit)) => said(&count(group, Some(limit))?),
    };
    let length = match shipped.years {
        0.0 => String::new(),
        years => format!(", {years:.2} sensor-years"),
    };
    let shipped_said = said(&shipped);
    Ok(writeln!(text, "| {name} ({} events{length}) | {shipped_said} | {moved} |", shipped.events)?)
}

fn said(count: &Count) -> String {
    match count.events {
        0 => format!("{} false", count.wrong),
        _ => format!("{}, {} false", count.share(), count.wrong),
    }
}
