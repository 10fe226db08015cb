//! `bongsu explain`: why the level of an incident moved, from the ledger; and why a rule did not hold at a moment, by
//! replaying the journal up to it.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use alerting::catalogue::{self, Language};
use alerting::explanation::Finding;
use alerting::{Decision, IncidentId};
use anyhow::{Context, bail};
use delivery::Ledger;
use reading::id::RuleId;
use reading::{SeriesName, Timestamp};
use serde_json::json;

use super::replay::Player;
use super::{NO, bad_configuration, failed};
use crate::config::Config;
use crate::explained;
use crate::moment::{HOME_ZONE, zoned};

/// Says why a level moved, or why a rule did not hold
#[derive(Clone, Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("asked").required(true).args(["incident", "why_not"])))]
pub struct ExplainArgs {
    /// The incident's id
    pub incident: Option<String>,
    /// A series, site/station/sensor/quantity: why did a rule not hold on it?
    #[arg(long, value_name = "SERIES", requires_all = ["rule", "at"])]
    pub why_not: Option<SeriesName>,
    /// The rule, by id
    #[arg(long)]
    pub rule: Option<String>,
    /// The moment, RFC 3339
    #[arg(long, value_name = "T")]
    pub at: Option<String>,
    /// The daemon's data folder: its ledger and journal
    #[arg(long, value_name = "DIR", required_unless_present = "config")]
    pub data_dir: Option<PathBuf>,
    /// The configuration that says where the data folder is
    #[arg(long, value_name = "FILE", conflicts_with = "data_dir")]
    pub config: Option<PathBuf>,
    /// JSON, one object a line
    #[arg(long)]
    pub json: bool,
}

/// Explains. The status is 1 if there is nothing to explain: no such incident, rule or moment.
pub fn run(args: &ExplainArgs, language: Language) -> ExitCode {
    let folder = match (&args.data_dir, args.config.as_deref().map(Config::load)) {
        (Some(folder), _) => folder.clone(),
        (None, Some(Ok(config))) => config.data_dir,
        (None, Some(Err(problems))) => return bad_configuration(&problems),
        (None, None) => return failed(&anyhow::anyhow!("say --data-dir or --config")),
    };
    let out = std::io::stdout().lock();
    let done = match (&args.incident, &args.why_not) {
        (Some(incident), _) => explain(&folder, incident, args.json, language, out),
        (None, Some(series)) => {
            let asked = (args.rule.as_deref().unwrap_or(""), args.at.as_deref().unwrap_or(""));
            why_not(&folder, series, asked, args.json, language, out)
        }
        (None, None) => Ok(false),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(NO),
        Err(error) => failed(&error),
    }
}

/// Why the levels of an incident moved. False if there is no such incident.
pub(crate) fn explain(
    folder: &Path,
    incident: &str,
    json: bool,
    language: Language,
    mut out: impl Write,
) -> anyhow::Result<bool> {
    let ledger = Ledger::open_read_only(folder.join("ledger.sqlite"))?;
    let Some(view) = ledger.incident(&IncidentId::from_text(incident))? else {
        eprintln!("{}", catalogue::fill("explain-no-incident", language, &[incident]));
        return Ok(false);
    };
    let hazard = view.record.hazard;
    if view.has_older {
        let count = view.timeline.len().to_string();
        eprintln!("{}", catalogue::fill("explain-newest", language, &[&count]));
    }
    for row in &view.timeline {
        let Decision::Level { at, hazard: of, from, to, measured_at, reason, why, .. } =
            &row.decision
        else {
            continue;
        };
        if *of != hazard {
            continue;
        }
        if json {
            let moment = |at: Timestamp| at.to_string();
            let why: Vec<_> = why.iter().map(|one| explained::shown(one, &moment)).collect();
            let line = json!({
                "incident": incident, "position": row.position, "at": moment(*at),
                "measured_at": moment(*measured_at), "from": from.name(), "to": to.name(),
                "reason": reason, "why": why,
            });
            writeln!(out, "{line}")?;
            continue;
        }
        // the ledger knows no sites
        let moment = |at: Timestamp| zoned(at, HOME_ZONE);
        let (from, to) = (catalogue::level(*from, language), catalogue::level(*to, language));
        let reason = match language {
            Language::Ko => &reason.ko,
            Language::En => &reason.en,
        };
        writeln!(out, "{}  {from} → {to}  {reason}", moment(*at))?;
        for line in why.iter().flat_map(|one| explained::lines(one, language, &moment)) {
            writeln!(out, "  {line}")?;
        }
    }
    Ok(true)
}

/// How a rule stood on a series at a moment. False if it never looked at it.
pub(crate) fn why_not(
    folder: &Path,
    series: &SeriesName,
    (rule, at): (&str, &str),
    json: bool,
    language: Language,
    mut out: impl Write,
) -> anyhow::Result<bool> {
    let at = Timestamp::parse(at).with_context(|| format!("--at {at}"))?;
    let rule: RuleId =
        rule.parse().map_err(|_| anyhow::anyhow!("`{rule}` is not the id of a rule"))?;
    let mut player = Player::new(std::io::sink(), false, language);
    player.play_journal_to(&folder.join("journal"), at)?;
    let desk = player.desk();
    if desk.at() == Timestamp::MIN {
        bail!("the journal in {} begins after {at}: what came before is gone", folder.display());
    }
    let Some(mut finding) = desk.look_into(series, &rule) else {
        let known = desk.rules_on(series).iter().map(ToString::to_string).collect::<Vec<_>>();
        let known = known.join(", ");
        let parts = [rule.as_str(), &series.to_string(), &known];
        eprintln!("{}", catalogue::fill("explain-no-rule", language, &parts));
        return Ok(false);
    };
    first(&mut finding, &series.to_string());
    if json {
        writeln!(out, "{}", explained::shown(&finding, &|at| at.to_string()))?;
        return Ok(true);
    }
    let sites = desk.setup().registry.sites();
    let zone = sites.iter().find(|site| site.id == series.site).map(|site| site.zone.clone());
    let moment = |at: Timestamp| zoned(at, zone.as_deref().unwrap_or("UTC"));
    writeln!(out, "{}", moment(at))?;
    for line in explained::lines(&finding, language, &moment) {
        writeln!(out, "{line}")?;
    }
    Ok(true)
}

/// The series that was asked about stands before others of its clause.
fn first(finding: &mut Finding, series: &str) {
    for clause in &mut finding.clauses {
        clause.series.sort_by_key(|one| one.series != series);
    }
}
