//! The tables and pictures of the pages in `docs/`, from what the scorer says.

use std::fmt::Write;
use std::path::Path;
use std::process::Command;
use std::{env, fs};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::count::{Count, at_most, by_chance, count};
use crate::series::Series;
use crate::worst::{self, Played};
use crate::{engine, groups, made_up, nab, play};

/// Runs the scorer over the answers and over its own baseline, and writes the pages.
pub fn write(data: &Path, out: &Path, scorer: &Path, played: &[Played]) -> Result<()> {
    let results = out.to_str().context("the folder for answers has a name that is not UTF-8")?;
    let ours = score(scorer, data, &["--results", results], &out.join("report.json"))?;
    let kept = format!("{results}/baseline");
    let arguments = ["--builtin", "ewma", "--causality", "0", "--keep", &kept];
    let plain = score(scorer, data, &arguments, &out.join("baseline.json"))?;
    agrees(&ours, played)?;
    let baseline = played.iter().map(|one| answered(one, Path::new(&kept)));
    let baseline = baseline.collect::<Result<Vec<_>>>()?;
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    let mut tables = suites(&ours, &plain);
    tables.push_str(&seldom(played, &baseline)?);
    tables.push_str(&found(&ours, &plain));
    tables.push_str(&nab_lines(&ours, &plain));
    let tables = format!("{tables}\n{}\n{}\n{}", domain(&ours), in_engine(played)?, rain(played)?);
    replace(&docs.join("evaluation.md"), "anomaly", &tables)?;
    replace(&docs.join("anomaly.md"), "calibration", &made_up::table()?)?;
    replace(&docs.join("anomaly.md"), "groups", &groups::left_out(played)?)?;
    let worst = worst::pictures(played, &docs.join("anomaly"))?;
    replace(&docs.join("anomaly.md"), "worst", &worst)
}

/// What the scorer says of the alert as shipped is what is counted here, so that parts may be counted here as well.
fn agrees(ours: &Value, played: &[Played]) -> Result<()> {
    let domain: Vec<&Played> = of_suites(played, &["domain"]);
    let here = count(&domain, None)?;
    let there = &ours["domain"];
    let found = there["recall"].as_f64().unwrap_or_default() * here.events as f64;
    let wrong = there["false_per_sensor_year"].as_f64().unwrap_or_default() * here.years;
    if (found - here.found as f64).abs() > 0.01 || (wrong - here.wrong as f64).abs() > 0.01 {
        bail!(
            "the scorer found {found} with {wrong} false, here {} with {}",
            here.found,
            here.wrong
        );
    }
    let (here, there) = (nab::as_shipped(played)?, &ours["nab"]["as_shipped"]["standard"]);
    match there.as_f64() {
        Some(there) if (there - here).abs() < 0.02 => Ok(()),
        _ => bail!("the scorer gives {there} for NAB as shipped, here it is {here:.2}"),
    }
}

fn of_suites<'p>(played: &'p [Played], suites: &[&str]) -> Vec<&'p Played> {
    played.iter().filter(|one| suites.contains(&one.label.suite.as_str())).collect()
}

/// The same series as the baseline answered it.
fn answered(one: &Played, folder: &Path) -> Result<Played> {
    let mut said = Vec::new();
    if one.label.suite != "rain" {
        let path = folder.join(format!("{}.csv", one.label.id));
        let text =
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        for line in text.lines().skip(1) {
            let mut fields = line.split(',').skip(1);
            let score = fields.next().and_then(|score| score.parse().ok()).unwrap_or(0.0);
            let alert = fields.next() == Some("1");
            said.push(play::Said { score, alert, why: "" });
        }
    }
    let (label, stamps) = (one.label.clone(), one.series.stamps.clone());
    Ok(Played { label, series: Series { stamps, rows: one.series.rows.clone() }, said })
}

/// At so few false alarms that a limit has to be moved for it: the highest that finds most with no more.
fn seldom(played: &[Played], baseline: &[Played]) -> Result<String> {
    const ALLOWED: f64 = 0.25;
    let ours = of_suites(played, &["domain"]);
    let years = count(&ours, None)?.years;
    let cell = |of: &[&Played]| -> Result<String> {
        Ok(match at_most(of, (ALLOWED * years) as usize)? {
            None => "nothing".to_owned(),
            Some((got, _)) => format!("{}, {}", got.share(), wrong(&got)),
        })
    };
    let (mine, plain) = (cell(&ours)?, cell(&of_suites(baseline, &["domain"]))?);
    let chance = 100.0 * by_chance(&ours, ALLOWED)?;
    Ok(format!(
        "| domain | found at {ALLOWED} a sensor-year or less, limit moved | {mine} | {plain} | {chance:.1} % |\n"
    ))
}

fn wrong(count: &Count) -> String {
    format!("{} false: {:.4} a sensor-year", count.wrong, count.rate())
}

/// What opens an incident where nothing is learned while it is open.
fn in_engine(played: &[Played]) -> Result<String> {
    let mut text = String::from(
        "| inside the engine | as the condition speaks | as incidents open, nothing learned meanwhile | readings not learned |\n\
         |---|---|---|---|\n",
    );
    let mut inside = Vec::new();
    for one in
        played.iter().filter(|one| ["domain", "replay", "nab"].contains(&one.label.suite.as_str()))
    {
        let (said, frozen) = engine::play(&one.series.rows)?;
        let (label, series) = (one.label.clone(), one.series.clone());
        inside.push((Played { label, series, said }, frozen));
    }
    for suite in ["domain", "replay", "nab"] {
        let part: Vec<_> = inside.iter().filter(|(one, _)| one.label.suite == suite).collect();
        let readings: usize = part.iter().map(|(one, _)| one.series.rows.len()).sum();
        let frozen: usize = part.iter().map(|(_, frozen)| frozen).sum();
        let part: Vec<&Played> = part.iter().map(|(one, _)| one).collect();
        let (alone, engine) = match suite {
            "nab" => {
                let engine = nab::score_of(&part)?;
                (format!("{:.2}", nab::as_shipped(played)?), format!("{engine:.2}"))
            }
            _ => {
                let said = |count: Count| format!("{}, {} false", count.share(), count.wrong);
                (said(count(&of_suites(played, &[suite]), None)?), said(count(&part, None)?))
            }
        };
        let share = 100.0 * frozen as f64 / readings as f64;
        let _ = writeln!(text, "| {suite} | {alone} | {engine} | {share:.1} % |");
    }
    Ok(text)
}

fn score(scorer: &Path, data: &Path, arguments: &[&str], report: &Path) -> Result<Value> {
    let python = env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let output = Command::new(python)
        .arg(scorer)
        .arg("--data")
        .arg(data)
        .args(arguments)
        .arg("--json")
        .arg(report)
        .output()
        .context("cannot run python3; name one with numpy in PYTHON")?;
    if !output.status.success() {
        bail!("the scorer failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    print!("{}", String::from_utf8_lossy(&output.stdout));
    Ok(serde_json::from_slice(&fs::read(report)?)?)
}

/// Every suite, as shipped, beside the baseline.
fn suites(ours: &Value, plain: &Value) -> String {
    let mut text = String::from(
        "| suite | measure | bongsu, as shipped | scorer's own baseline | by chance |\n|---|---|---|---|---|\n",
    );
    let (a, b) = (&ours["domain"], &plain["domain"]);
    let share = |report: &Value| {
        let (recall, events) = (report["recall"].as_f64(), report["events"].as_f64());
        let (recall, events) = (recall.unwrap_or_default(), events.unwrap_or_default());
        format!("{:.0} of {events} ({:.1} %)", recall * events, 100.0 * recall)
    };
    let false_alarms = |report: &Value| {
        let (rate, years) =
            (report["false_per_sensor_year"].as_f64(), report["sensor_years"].as_f64());
        let (rate, years) = (rate.unwrap_or_default(), years.unwrap_or_default());
        format!("{rate:.4} ({:.0} in {years:.2} years)", rate * years)
    };
    let chance = percent(&a["chance_recall"]);
    let _ = writeln!(text, "| domain | events found | {} | {} | {chance} |", share(a), share(b));
    let _ = writeln!(
        text,
        "| domain | false alarms a sensor-year | {} | {} | |",
        false_alarms(a),
        false_alarms(b)
    );
    let budget = |report: &Value, key: &str| percent(&report["domain"][key]["1/sensor-year"]);
    let _ = writeln!(
        text,
        "| domain | found at 1 a sensor-year or less, limit moved | {} | {} | {} |",
        budget(ours, "recall_at_budget"),
        budget(plain, "recall_at_budget"),
        budget(ours, "chance_at_budget")
    );
    text
}

fn found(ours: &Value, plain: &Value) -> String {
    let mut text = String::new();
    for suite in ["replay", "geophone"] {
        let cell = |report: &Value| {
            let report = &report[suite];
            format!(
                "{} of {}, {} false",
                report["found"], report["events"], report["false_episodes"]
            )
        };
        let _ = writeln!(text, "| {suite} | found | {} | {} | |", cell(ours), cell(plain));
    }
    text
}

fn nab_lines(ours: &Value, plain: &Value) -> String {
    let mut text = String::new();
    let names = [
        ("standard", "standard"),
        ("reward_low_FP_rate", "low FP"),
        ("reward_low_FN_rate", "low FN"),
    ];
    for (key, name) in names {
        let (a, b) = (&ours["nab"], &plain["nab"]);
        let _ = writeln!(
            text,
            "| NAB, half the corpus | {name}, as shipped | {} | {} | 0 |\n| NAB, half the corpus | {name}, \
             best single limit | {} | {} | 0 |",
            number(&a["as_shipped"][key]),
            number(&b["as_shipped"][key]),
            number(&a[key]),
            number(&b[key])
        );
    }
    text
}

/// The domain suite by kind of event and by family of series.
fn domain(ours: &Value) -> String {
    let report = &ours["domain"];
    let mut text = String::from("| events | found |\n|---|---|\n");
    for (kind, recall) in report["by_type"].as_object().into_iter().flatten() {
        let _ = writeln!(text, "| {kind} | {} |", percent(recall));
    }
    text.push_str("\n| series | found | false alarms | sensor-years |\n|---|---|---|---|\n");
    for (family, of) in report["by_family"].as_object().into_iter().flatten() {
        let _ = writeln!(
            text,
            "| {family} | {} | {} | {} |",
            percent(&of["recall"]),
            of["false_alarms"],
            of["sensor_years"]
        );
    }
    text
}

/// The published rain rule, row by row, against the intervals in which it is known to hold.
fn rain(played: &[Played]) -> Result<String> {
    let mut text = String::from(
        "| gauge | rows that agree | onsets and ends on the exact row |\n|---|---|---|\n",
    );
    for one in played.iter().filter(|one| one.label.suite == "rain") {
        let held = play::rain(&one.series.rows);
        let truth = one.label.holds(&one.series.rows)?;
        let agree = held.iter().zip(&truth).filter(|(a, b)| a == b).count();
        let edges = |row: &usize| truth[*row] != truth[*row - 1];
        let all: Vec<usize> = (1..truth.len()).filter(edges).collect();
        let exact = all.iter().filter(|row| held[**row] != held[**row - 1]).count();
        let extra = (1..held.len()).filter(|row| held[*row] != held[*row - 1]).count() - exact;
        let _ = writeln!(
            text,
            "| {} | {agree} of {} | {exact} of {}, {extra} others |",
            one.label.id,
            truth.len(),
            all.len()
        );
    }
    Ok(text)
}

/// Puts `text` between the marks of that name.
fn replace(page: &Path, name: &str, text: &str) -> Result<()> {
    let old =
        fs::read_to_string(page).with_context(|| format!("cannot read {}", page.display()))?;
    let (begin, end) = (format!("<!-- begin: {name} -->\n"), format!("<!-- end: {name} -->"));
    let (before, rest) = old.split_once(&begin).with_context(|| format!("no place for {name}"))?;
    let (_, after) = rest.split_once(&end).with_context(|| format!("no end of {name}"))?;
    Ok(fs::write(page, format!("{before}{begin}{text}{end}{after}"))?)
}

fn percent(value: &Value) -> String {
    value.as_f64().map_or("-".to_owned(), |value| format!("{:.1} %", value * 100.0))
}

fn number(value: &Value) -> String {
    value.as_f64().map_or("-".to_owned(), |value| format!("{value:.2}"))
}
