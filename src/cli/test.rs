//! `bongsu test`: files that say which levels given readings ought to make. One process, no broker, no daemon.
//!
//! ```toml
//! config = "../bongsu.toml"              # the configuration whose rules are tested; relative to this file
//!
//! [[case]]
//! name = "both posts move in the rain"
//! start = "2026-07-14T00:00:00+09:00"
//!
//! [[case.series]]
//! series = "cut-12/post-1/tilt-1/tilt-x"
//! unit = "deg"                           # the base unit if left out
//! every = "10 min"                       # the first value at the start
//! values = [0.0, 0.1, 0.2]               # or: from = 0.0, to = 6.0, over = "6 h"
//!
//! [[case.csv]]
//! file = "typhoon.csv"                   # series,measured_at,value[,unit]
//!
//! [[case.expect]]
//! site = "cut-12"
//! after = "2 h"                          # or at = "2026-07-14T02:00:00+09:00"
//! level = "caution"                      # what the site stands at then; or not-above = "attention"
//! ```

use std::collections::BTreeMap;
use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use alerting::Level;
use alerting::catalogue::{self, Language};
use anyhow::{Context, bail};
use reading::codec::csv::{CsvOptions, CsvReader, Row, Stamps};
use reading::unit::Unit;
use reading::{SeriesName, SiteId, Timestamp};
use serde::Deserialize;
use serde_json::json;

use super::replay::{Player, open};
use super::{BAD_CONFIGURATION, NO, failed};
use crate::config::{Config, duration};

/// Runs rule test files: given readings, expected levels
#[derive(Clone, Debug, clap::Args)]
pub struct TestArgs {
    /// Test files, or folders of them (every *.toml in it)
    #[arg(required = true, value_name = "RULES")]
    pub files: Vec<PathBuf>,
    /// JSON, one object a case
    #[arg(long)]
    pub json: bool,
}

/// Runs every case. The status is 1 if one of them came out otherwise, 78 if a configuration is bad.
pub fn run(args: &TestArgs, language: Language) -> ExitCode {
    let mut out = std::io::stdout().lock();
    let mut verdict = ExitCode::SUCCESS;
    let files = match listed(&args.files) {
        Ok(files) => files,
        Err(error) => return failed(&error),
    };
    for file in files {
        match test(&file, args.json, language, &mut out) {
            Ok(Outcome::Passed) => {}
            Ok(Outcome::Failed) => verdict = ExitCode::from(NO),
            Ok(Outcome::BadConfiguration) => return ExitCode::from(BAD_CONFIGURATION),
            Err(error) => return failed(&error),
        }
    }
    verdict
}

/// What a file came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Every case as expected.
    Passed,
    /// At least one otherwise.
    Failed,
    /// Its configuration is refused.
    BadConfiguration,
}

fn listed(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let entries = std::fs::read_dir(path)
            .with_context(|| format!("cannot read the folder {}", path.display()))?;
        let mut found: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        found.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
        found.sort();
        files.extend(found);
    }
    if files.is_empty() {
        bail!("there is no test file; a folder's *.toml are its test files");
    }
    Ok(files)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    config: PathBuf,
    #[serde(default)]
    case: Vec<Case>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    start: String,
    #[serde(default)]
    series: Vec<Given>,
    #[serde(default)]
    csv: Vec<Csv>,
    #[serde(default)]
    expect: Vec<Expected>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    #[serde(deserialize_with = "series_name")]
    series: SeriesName,
    unit: Option<String>,
    every: String,
    values: Option<Vec<f64>>,
    from: Option<f64>,
    to: Option<f64>,
    over: Option<String>,
    /// How long after the start it begins.
    after: Option<String>,
}

fn series_name<'de, D: serde::Deserializer<'de>>(from: D) -> Result<SeriesName, D::Error> {
    let text = String::deserialize(from)?;
    text.parse().map_err(|_| {
        serde::de::Error::custom(format!("`{text}` is not site/station/sensor/quantity"))
    })
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Csv {
    file: PathBuf,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Expected {
    site: SiteId,
    at: Option<String>,
    after: Option<String>,
    level: Option<Level>,
    not_above: Option<Level>,
}

/// Runs the cases of a file, a line each.
///
/// # Errors
/// A file that cannot be read or understood.
pub fn test(
    path: &Path,
    json: bool,
    language: Language,
    out: &mut impl Write,
) -> anyhow::Result<Outcome> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let file: File = toml::from_str(&text)
        .with_context(|| format!("{} is not a rule test file", path.display()))?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let config = match Config::load(&folder.join(&file.config)) {
        Ok(config) => config,
        Err(problems) => {
            eprintln!("{problems}");
            return Ok(Outcome::BadConfiguration);
        }
    };
    let mut outcome = Outcome::Passed;
    for case in &file.case {
        let place = || format!("{}: case `{}`", path.display(), case.name);
        let complaints = play(case, folder, &config, language).with_context(place)?;
        if !complaints.is_empty() {
            outcome = Outcome::Failed;
        }
        if json {
            let passed = complaints.is_empty();
            let line = json!({ "file": path, "case": case.name, "passed": passed, "complaints": complaints });
            writeln!(out, "{line}")?;
        } else {
            let key = if complaints.is_empty() { "test-passed" } else { "test-failed" };
            writeln!(out, "{}", catalogue::fill(key, language, &[&place()]))?;
            complaints.iter().try_for_each(|line| writeln!(out, "  {line}"))?;
        }
    }
    Ok(outcome)
}

/// Plays a case; what came out otherwise, a line each.
fn play(
    case: &Case,
    folder: &Path,
    config: &Config,
    language: Language,
) -> anyhow::Result<Vec<String>> {
    let start = Timestamp::parse(&case.start).with_context(|| format!("start = {}", case.start))?;
    let rows = rows(case, start, folder)?;
    let mut checks: Vec<(Timestamp, &Expected)> = Vec::new();
    for expected in &case.expect {
        checks.push((moment(expected, start)?, expected));
    }
    checks.sort_by_key(|(at, _)| *at);
    let mut player = Player::new(std::io::sink(), false, language);
    player.begin(config);
    let (mut complaints, mut due) = (Vec::new(), checks.into_iter().peekable());
    for row in &rows {
        while let Some((at, expected)) = due.next_if(|(at, _)| *at < row.measured_at) {
            player.wait_until(at)?;
            complaints.extend(judge(expected, at, player.levels(), language));
        }
        player.take_row(row)?;
    }
    for (at, expected) in due {
        player.wait_until(at)?;
        complaints.extend(judge(expected, at, player.levels(), language));
    }
    if player.refused() > 0 {
        complaints.push(catalogue::fill(
            "test-refused",
            language,
            &[&player.refused().to_string(), &rows.len().to_string()],
        ));
    }
    Ok(complaints)
}

fn moment(expected: &Expected, start: Timestamp) -> anyhow::Result<Timestamp> {
    match (&expected.at, &expected.after) {
        (Some(at), None) => Timestamp::parse(at).with_context(|| format!("at = {at}")),
        (None, Some(after)) => Ok(start.plus(span(after)?)),
        _ => bail!("an expectation has either `at` or `after`"),
    }
}

fn span(text: &str) -> anyhow::Result<Duration> {
    duration(text).map_err(|fault| anyhow::anyhow!("{fault}"))
}

fn judge(
    expected: &Expected,
    at: Timestamp,
    levels: &BTreeMap<SiteId, Level>,
    language: Language,
) -> Option<String> {
    let level = levels.get(&expected.site).copied().unwrap_or_default();
    let good = expected.level.is_none_or(|wanted| level == wanted)
        && expected.not_above.is_none_or(|most| level <= most);
    let wanted = expected.level.or(expected.not_above).unwrap_or_default();
    let key = if expected.level.is_some() { "test-level" } else { "test-not-above" };
    let (site, at) = (expected.site.to_string(), at.to_string());
    let said = |level| catalogue::level(level, language);
    (!good).then(|| catalogue::fill(key, language, &[&at, &site, said(level), said(wanted)]))
}

/// Every reading of a case, by time; at the same moment, in the order written.
fn rows(case: &Case, start: Timestamp, folder: &Path) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for given in &case.series {
        rows.extend(given.rows(start).with_context(|| given.series.to_string())?);
    }
    for csv in &case.csv {
        let path = folder.join(&csv.file);
        let mut reader = CsvReader::new(CsvOptions { series: None, stamps: Stamps::Rfc3339 });
        for (number, line) in open(&path)?.lines().enumerate() {
            let line = line.with_context(|| format!("cannot read {}", path.display()))?;
            let row = reader.read(&line);
            rows.extend(row.with_context(|| format!("{}:{}", path.display(), number + 1))?);
        }
    }
    rows.sort_by_key(|row| row.measured_at);
    Ok(rows)
}

impl Given {
    fn rows(&self, start: Timestamp) -> anyhow::Result<Vec<Row>> {
        let every = span(&self.every)?;
        if every.is_zero() {
            bail!("`every` is nothing");
        }
        let unit = match &self.unit {
            Some(unit) => Some(Unit::parse(unit).with_context(|| format!("`{unit}` is no unit"))?),
            None => None,
        };
        let begins = match &self.after {
            Some(after) => start.plus(span(after)?),
            None => start,
        };
        let row = |(number, value): (usize, f64)| Row {
            series: self.series.clone(),
            measured_at: begins.plus(every * number as u32),
            value,
            unit,
        };
        Ok(self.numbers(every)?.into_iter().enumerate().map(row).collect())
    }

    fn numbers(&self, every: Duration) -> anyhow::Result<Vec<f64>> {
        match (&self.values, self.from, &self.over) {
            (Some(values), None, None) => Ok(values.clone()),
            (None, Some(from), Some(over)) => {
                let steps = (span(over)?.as_secs_f64() / every.as_secs_f64()).floor() as u32;
                let to = self.to.unwrap_or(from);
                let at = |step: u32| from + (to - from) * f64::from(step) / f64::from(steps.max(1));
                Ok((0..=steps).map(at).collect())
            }
            _ => bail!("a series has either `values`, or `from`, `to` and `over`"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn library() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/rules")
    }

    fn said(path: &Path, json: bool) -> (anyhow::Result<Outcome>, String) {
        let mut out = Vec::new();
        let outcome = test(path, json, Language::En, &mut out);
        (outcome, String::from_utf8(out).unwrap())
    }

    #[test]
    fn the_rule_library_does_what_it_says() {
        for file in listed(&[library().join("tests")]).unwrap() {
            let (outcome, said) = said(&file, false);
            assert_eq!(outcome.unwrap(), Outcome::Passed, "{said}");
        }
    }

    #[test]
    fn a_case_that_comes_out_otherwise_says_what_stood() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wrong.toml");
        let config = library().join("bongsu.toml");
        let file = |expect: &str| {
            format!(
                "config = \"{}\"\n[[case]]\nname = \"calm\"\nstart = \"2026-07-14T00:00:00+09:00\"\n\
                 [[case.series]]\nseries = \"bridge/deck-1/strain-1/strain\"\nunit = \"ppm\"\nevery = \"10 min\"\n\
                 values = [10.0, 9999.0]\n[[case.expect]]\nsite = \"bridge\"\nafter = \"15 min\"\n{expect}",
                config.display()
            )
        };
        std::fs::write(&path, file("level = \"caution\"")).unwrap();
        let (outcome, text) = said(&path, false);
        assert_eq!(outcome.unwrap(), Outcome::Failed);
        assert!(text.contains("bridge stood at Normal, not at Caution"), "{text}");
        assert!(text.contains("1 of 2 readings were refused"), "{text}");
        std::fs::write(&path, file("not-above = \"attention\"")).unwrap();
        let (_, text) = said(&path, true);
        let line: serde_json::Value = serde_json::from_str(text.trim()).unwrap();
        assert_eq!(line["complaints"].as_array().unwrap().len(), 1, "{line}");
        std::fs::write(&path, file("levle = \"caution\"")).unwrap();
        assert!(format!("{:#}", said(&path, false).0.unwrap_err()).contains("levle"));
    }
}
