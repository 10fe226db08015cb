//! The tables of a score, and their place in a page.

use std::collections::BTreeMap;
use std::fmt::Write;

use alerting::Level;
use anyhow::{Context, bail};

use super::play::WORDS;
use super::tally::{Hits, Tally};
use super::{QUIET, ScoreArgs};

const BEGIN: &str = "<!-- begin: catalogue -->\n";
const END: &str = "<!-- end: catalogue -->";

/// Puts tables into a page in place of those that are there.
///
/// # Errors
/// If the page has no markers.
pub fn put(page: &str, tables: &str) -> anyhow::Result<String> {
    let (before, rest) =
        page.split_once(BEGIN).context("write a line `<!-- begin: catalogue -->` into it")?;
    let Some((_, after)) = rest.split_once(END) else { bail!("write a line `{END}` into it") };
    Ok(format!("{before}{BEGIN}{tables}{END}{after}"))
}

/// Levels of failing slopes, false alarms, scenario by scenario, faults.
pub fn tables(args: &ScoreArgs, tally: &Tally) -> String {
    let mut out = String::new();
    let command = format!(
        "bongsu score --years {} --events {} --seed {} --vary {}",
        args.years,
        args.events.unwrap_or(args.years),
        args.seed,
        args.vary
    );
    writeln!(out, "`{command}`\n").ok();
    failing(&mut out, tally);
    false_alarms(&mut out, tally);
    scenarios(&mut out, tally);
    faults(&mut out, tally);
    if !tally.left_out.is_empty() {
        writeln!(
            out,
            "\nWithout rules in this configuration, and so not played: {}.",
            tally.left_out.join(", ")
        )
        .ok();
    }
    out
}

fn failing(out: &mut String, tally: &Tally) {
    out.push_str("Slopes that came down:\n\n| level | stood before the failure | missed | target | lead: least, middle, most | target |\n|---|---|---|---|---|---|\n");
    let targets = [
        (Level::Caution, "주의 caution", "none", "none"),
        (Level::Warning, "경계 warning", "≤ 5 %", "≥ 1 h"),
        (Level::Severe, "심각 severe", "≤ 1 %", "≥ 30 min"),
    ];
    for (level, name, missed, lead) in targets {
        let hits = tally.hits(level);
        let hit = hits.leads.len() as u64;
        let part = 100.0 * (hits.due - hit) as f64 / (hits.due as f64).max(1.0);
        writeln!(
            out,
            "| {name} | {hit} of {} | {part:.1} % | {missed} | {} | {lead} |",
            hits.due,
            leads(&hits)
        )
        .ok();
    }
}

fn leads(hits: &Hits) -> String {
    let mut leads = hits.leads.clone();
    leads.sort_by(f64::total_cmp);
    match (leads.first(), leads.get(leads.len() / 2), leads.last()) {
        (Some(least), Some(middle), Some(most)) => format!("{least:.1}, {middle:.1}, {most:.1} h"),
        _ => "none".into(),
    }
}

fn false_alarms(out: &mut String, tally: &Tally) {
    let years = tally.false_years();
    writeln!(out, "\nRaised where what happened did not deserve it, in {years:.1} site-years without a failure:\n").ok();
    out.push_str("| level | times | a site-year | target | most at one site in one run |\n|---|---|---|---|---|\n");
    let targets = [
        (Level::Caution, "주의 caution", "≤ 6 a rainy season"),
        (Level::Warning, "경계 warning", "≤ 1 a year"),
        (Level::Severe, "심각 severe", "≤ 0.2 a year"),
    ];
    for (level, name, target) in targets {
        let times = tally.falses(level);
        writeln!(
            out,
            "| {name} | {times} | {:.3} | {target} | {} |",
            times as f64 / years.max(1e-9),
            tally.worst(level)
        )
        .ok();
    }
}

fn scenarios(out: &mut String, tally: &Tally) {
    out.push_str("\nScenario by scenario, the highest level of each run (정상 normal, 관심 attention, 주의 caution, 경계 warning, 심각 severe):\n\n");
    out.push_str("| scenario | site | runs | came down | deserved N/A/C/W/S | reached N/A/C/W/S | too low | too high |\n|---|---|---|---|---|---|---|---|\n");
    for (scenario, site, row) in tally.rows() {
        let years =
            if scenario == QUIET { format!(" ({:.0} years)", row.years) } else { String::new() };
        writeln!(
            out,
            "| {scenario} | {site} | {}{years} | {} | {} | {} | {} | {} |",
            row.played,
            row.failed,
            joined(row.deserved),
            joined(row.reached),
            row.below,
            row.above
        )
        .ok();
    }
}

fn joined(counts: [u64; 5]) -> String {
    counts.map(|count| count.to_string()).join("/")
}

fn faults(out: &mut String, tally: &Tally) {
    let mut table: BTreeMap<&str, BTreeMap<&str, u64>> = BTreeMap::new();
    for (kind, word, count) in tally.faults() {
        table.entry(kind).or_default().insert(word, count);
    }
    if table.is_empty() {
        return;
    }
    out.push_str("\nFaults as they were injected (rows) and the most telling thing that was said of each (columns):\n\n| fault | times |");
    WORDS.iter().for_each(|word| write!(out, " {word} |").unwrap_or_default());
    writeln!(out, "\n|---|---|{}", "---|".repeat(WORDS.len())).ok();
    for (kind, said) in table {
        write!(out, "| {kind} | {} |", said.values().sum::<u64>()).ok();
        for word in WORDS {
            let count = said.get(word).copied().unwrap_or_default();
            write!(out, " {} |", if count == 0 { String::new() } else { count.to_string() }).ok();
        }
        out.push('\n');
    }
    out.push_str("\nWhat ought to be said stands first where several things were. Nothing is right for what does no harm: a repeat is dropped, a delay and a change of places are within the lateness.\n");
    let unfounded: Vec<String> =
        tally.unfounded().map(|(word, count)| format!("{word} {count}")).collect();
    let all = if unfounded.is_empty() { "none".into() } else { unfounded.join(", ") };
    writeln!(out, "\nReadings with a flag from boxes with which nothing was wrong: {all}.").ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_take_their_place_and_leave_the_rest() {
        let page = "a\n<!-- begin: catalogue -->\nold\n<!-- end: catalogue -->\nb\n";
        assert_eq!(
            put(page, "new\n").unwrap(),
            "a\n<!-- begin: catalogue -->\nnew\n<!-- end: catalogue -->\nb\n"
        );
        assert!(put("no place", "new").is_err());
    }
}
