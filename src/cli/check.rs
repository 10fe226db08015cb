//! `bongsu check`: is the configuration good? Every problem on a line of its own; nothing is started.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use alerting::catalogue::Language;
use serde::Serialize;

use super::{BAD_CONFIGURATION, FAULT};
use crate::config::{Config, Gravity, Problem, Problems};

/// Checks a configuration and everything it refers to
#[derive(Clone, Debug, clap::Args)]
pub struct CheckArgs {
    /// The main file
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// One JSON object a line: each problem, then a summary
    #[arg(long)]
    pub json: bool,
}

/// Prints every problem and a summary. The status is 0 if bongsu would start, 78 if not.
pub fn run(args: &CheckArgs, language: Language) -> ExitCode {
    let out = std::io::stdout().lock();
    ExitCode::from(report(Config::load(&args.config), args.json, language, out).unwrap_or(FAULT))
}

fn report(
    loaded: Result<Config, Problems>,
    json: bool,
    language: Language,
    mut out: impl Write,
) -> std::io::Result<u8> {
    let (config, problems) = match loaded {
        Ok(config) => (Some(Counts::of(&config)), config.warnings),
        Err(problems) => (None, problems),
    };
    for problem in problems.iter() {
        match json {
            true => writeln!(out, "{}", serde_json::to_string(&Line::of(problem))?)?,
            false => writeln!(out, "{problem}")?,
        }
    }
    let summary = Summary { config, errors: problems.errors(), warnings: problems.warnings() };
    match json {
        true => writeln!(out, "{}", serde_json::to_string(&summary)?)?,
        false => writeln!(out, "{}", summary.text(language))?,
    }
    out.flush()?;
    Ok(if summary.config.is_some() { 0 } else { BAD_CONFIGURATION })
}

#[derive(Serialize)]
struct Line<'a> {
    file: &'a str,
    line: u32,
    column: u32,
    gravity: Gravity,
    what: &'a str,
    remedy: &'a str,
}

impl<'a> Line<'a> {
    fn of(problem: &'a Problem) -> Self {
        let Problem { place, gravity, what, remedy } = problem;
        Self {
            file: &place.file,
            line: place.line,
            column: place.column,
            gravity: *gravity,
            what,
            remedy,
        }
    }
}

#[derive(Serialize)]
struct Summary {
    config: Option<Counts>,
    errors: usize,
    warnings: usize,
}

#[derive(Serialize)]
struct Counts {
    sites: usize,
    stations: usize,
    series: usize,
    rules: usize,
    channels: usize,
}

impl Counts {
    fn of(config: &Config) -> Self {
        let registry = &config.setup.registry;
        Self {
            sites: registry.sites().len(),
            stations: registry.stations().len(),
            series: registry.series().len(),
            rules: config.setup.rules.len(),
            channels: config.channels.len(),
        }
    }
}

impl Summary {
    fn text(&self, language: Language) -> String {
        let Self { config, errors, warnings } = self;
        match (config, language) {
            (None, Language::Ko) => {
                format!("설정을 쓸 수 없습니다: 오류 {errors}건, 경고 {warnings}건")
            }
            (None, Language::En) => {
                let (errors, warnings) = (many(*errors, "error"), many(*warnings, "warning"));
                format!("the configuration cannot be used: {errors}, {warnings}")
            }
            (Some(Counts { sites, stations, series, rules, channels }), Language::Ko) => format!(
                "설정이 올바릅니다: 지구·시설물 {sites}곳, 계측소 {stations}곳, 계측 항목 {series}개, 기준 {rules}개, 전파 경로 {channels}개, 경고 {warnings}건"
            ),
            (Some(Counts { sites, stations, series, rules, channels }), Language::En) => {
                let all = [
                    many(*sites, "site"),
                    many(*stations, "station"),
                    format!("{series} series"),
                    many(*rules, "rule"),
                    many(*channels, "channel"),
                    many(*warnings, "warning"),
                ];
                format!("the configuration is good: {}", all.join(", "))
            }
        }
    }
}

/// A number of things in English.
fn many(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn told(loaded: Result<Config, Problems>, json: bool, language: Language) -> (u8, String) {
        let mut out = Vec::new();
        let status = report(loaded, json, language, &mut out).unwrap();
        (status, String::from_utf8(out).unwrap())
    }

    #[test]
    fn a_good_configuration_is_summed_up() {
        let (status, said) = told(Config::demo(), false, Language::En);
        assert_eq!(status, 0);
        assert!(
            said.starts_with("the configuration is good: 12 sites, 44 stations, 81 series, "),
            "{said}"
        );
        let (_, said) = told(Config::demo(), false, Language::Ko);
        assert!(said.starts_with("설정이 올바릅니다: 지구·시설물 12곳"), "{said}");
    }

    #[test]
    fn a_bad_one_is_named_line_by_line_and_ends_with_78() {
        let sources = BTreeMap::from([(
            "bongsu.toml".to_string(),
            "status = \"aktual\"\nextra = 1\n".to_string(),
        )]);
        let load = || Config::from_sources("bongsu.toml", &sources);
        let (status, said) = told(load(), false, Language::En);
        assert_eq!(status, BAD_CONFIGURATION);
        assert!(
            said.contains(
                "bongsu.toml:1:10: `status` cannot be `aktual`; did you mean \"actual\"?\n"
            ),
            "{said}"
        );
        assert!(
            said.lines().last().unwrap().starts_with("the configuration cannot be used: "),
            "{said}"
        );

        let (status, said) = told(load(), true, Language::En);
        assert_eq!(status, BAD_CONFIGURATION);
        let lines: Vec<serde_json::Value> =
            said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let (summary, problems) = lines.split_last().unwrap();
        assert!(
            problems.iter().any(|problem| problem["line"] == 2 && problem["column"] == 1),
            "{said}"
        );
        assert_eq!(
            summary["errors"].as_u64().unwrap() + summary["warnings"].as_u64().unwrap(),
            problems.len() as u64
        );
        assert!(summary["config"].is_null());
    }
}
