//! The tables and pictures of the pages in `docs/`, from what the scorer says.

use std::fmt::Write;
use std::path::Path;
use std::process::Command;
use std::{env, fs};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::groups;
use crate::play;
use crate::worst::{self, Played};

/// Runs the scorer over the answers and over its own baseline, and writes the pages.
pub fn write(data: &Path, out: &Path, scorer: &Path, played: &[Played]) -> Result<()> {
    let results = out.to_str().context("the folder for answers has a name that is not UTF-8")?;
    let ours = score(scorer, data, &["--results", results], &out.join("report.json"))?;
    let plain = score(
        scorer,
        data,
        &["--builtin", "ewma", "--causality", "0"],
        &out.join("baseline.json"),
    )?;
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    let tables = format!("{}\n{}\n{}", suites(&ours, &plain), domain(&ours), rain(played)?);
    replace(&docs.join("evaluation.md"), "anomaly", &tables)?;
    replace(&docs.join("anomaly.md"), "groups", &groups::left_out(played)?)?;
    let worst = worst::pictures(played, &docs.join("anomaly"))?;
    replace(&docs.join("anomaly.md"), "worst", &worst)
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
    let _ = writeln!(
        text,
        "| domain | events found | {} of {} | {} | {} |",
        percent(&a["recall"]),
        a["events"],
        percent(&b["recall"]),
        percent(&a["chance_recall"])
    );
    let _ = writeln!(
        text,
        "| domain | false alarms a sensor-year, over {:.1} | {} | {} | |",
        a["sensor_years"].as_f64().unwrap_or_default(),
        number(&a["false_per_sensor_year"]),
        number(&b["false_per_sensor_year"])
    );
    let budget = |report: &Value, key: &str, budget: &str| report["domain"][key][budget].clone();
    let _ = writeln!(
        text,
        "| domain | found at 1 a sensor-year, limit moved | {} | {} | {} |",
        percent(&budget(ours, "recall_at_budget", "1/sensor-year")),
        percent(&budget(plain, "recall_at_budget", "1/sensor-year")),
        percent(&budget(ours, "chance_at_budget", "1/sensor-year"))
    );
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
    value.as_f64().map_or("-".to_owned(), |value| format!("{:.0} %", value * 100.0))
}

fn number(value: &Value) -> String {
    value.as_f64().map_or("-".to_owned(), |value| format!("{value:.2}"))
}
