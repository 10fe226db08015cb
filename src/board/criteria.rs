//! What the criteria are, what their files say otherwise, and what somebody proposes they say. Files stay the source: a
//! proposal is checked, played over the recorded past, kept in the audit trail, and taken from there as a patch.

use std::sync::Arc;
use std::time::Duration;

use alerting::catalogue::{self, Language};
use alerting::rule::Rule;
use axum::Json;
use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use ingest::clock::Stopwatch;
use reading::Timestamp;
use ring::digest;
use serde::Deserialize;
use serde_json::{Value, json};

use super::api::{Asked, Giver, Named, Page, Sent, checked, limit};
use super::problem::{Kind, Problem};
use super::{Shared, in_turn};
use crate::config::Config;
use crate::criteria::{self, Criteria, CriteriaError, Difference, Rehearsal};
use crate::moment::{HOME_ZONE, rfc3339};

/// How much of the recorded past a proposal is played over.
const PAST: Duration = Duration::from_secs(30 * 86_400);

/// How long that may take: less than a request may.
const PLAYING_MAX: Duration = Duration::from_secs(6);

#[derive(Deserialize)]
pub(super) struct ListAsked {
    site: Option<String>,
    after: Option<String>,
    limit: Option<u32>,
}

/// `GET /api/v1/rules`: every criterion that runs, by site and name.
pub(super) async fn list(
    State(app): State<Shared>,
    Asked(asked): Asked<ListAsked>,
) -> Result<Json<Page<Value, String>>, Problem> {
    let limit = limit(asked.limit)?;
    let facts = app.live.facts();
    let cursor = |rule: &&Rule| format!("{}/{}", rule.site, rule.id);
    let here = |rule: &&Rule| asked.site.as_deref().is_none_or(|site| rule.site.as_str() == site);
    let mut rules: Vec<&Rule> = facts.overview.setup.rules.iter().filter(here).collect();
    rules.sort_by_cached_key(cursor);
    let rest = rules
        .into_iter()
        .filter(|rule| asked.after.as_ref().is_none_or(|after| cursor(rule) > *after));
    let rows: Vec<&Rule> = rest.take(limit as usize + 1).collect();
    Ok(Page::new(rows, limit, cursor, |rule| shown(rule)))
}

fn shown(rule: &Rule) -> Value {
    let clause = |clause: &alerting::rule::Clause| {
        let series: Vec<String> = clause.series.iter().map(ToString::to_string).collect();
        json!({ "condition": clause.condition.name(), "limit": clause.condition.said().limit, "series": series })
    };
    let provenance = &rule.provenance;
    json!({
        "site": rule.site.as_str(),
        "id": rule.id.as_str(),
        "level": rule.level.name(),
        "evidence": rule.group.name(),
        "version": rule.version(),
        "clauses": rule.clauses.iter().map(clause).collect::<Vec<_>>(),
        "provenance": { "author": provenance.author, "date": provenance.date.to_string(), "reason": provenance.reason },
    })
}

/// What somebody would have the file of a site say.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    text: String,
    #[serde(default)]
    reason: String,
    /// Whether it is proposed, or only tried.
    #[serde(default)]
    propose: bool,
}

/// `POST /api/v1/sites/{site}/rules`: what another text of the site's file would change, and would have changed.
pub(super) async fn try_out(
    State(app): State<Shared>,
    giver: Giver,
    Named(site): Named,
    Sent(written): Sent<Written>,
) -> Result<Json<Value>, Problem> {
    let Giver { asking, language, .. } = giver;
    let reason = checked(&written.reason)?.to_owned();
    if written.propose && reason.is_empty() {
        return Err(Problem::unfit("`reason` says why"));
    }
    let files = files(&app)?;
    let busy =
        || Problem::from(Kind::Busy).detail("another proposal is being tried").retry_after(5);
    let Ok(turn) = app.rehearsing.clone().try_acquire_owned() else { return Err(busy()) };
    let worker = app.clone();
    let by = asking.person.name.to_string();
    let work = move || judge(&worker, &files, &site, &written, &reason, &by, language);
    let done = in_turn(turn, work).await;
    done.map_err(|error| Problem::fault("try criteria", &error))?.map(Json)
}

fn judge(
    app: &Shared,
    files: &Criteria,
    site: &str,
    written: &Written,
    reason: &str,
    by: &str,
    language: Language,
) -> Result<Value, Problem> {
    let file = files.file(site).map_err(refused)?;
    let text = written.text.replace("\r\n", "\n");
    let text = if text.ends_with('\n') { text } else { text + "\n" };
    let config = files.if_it_said(&file.name, &text).map_err(|problems| {
        let wrong: Vec<String> = problems.iter().map(ToString::to_string).collect();
        Problem::unfit(wrong.join("\n"))
    })?;
    let running = app.live.facts().overview.setup.clone();
    let differences = criteria::differences(&running, &config.setup);
    let rehearsal = rehearse(app, files, &config, language)?;
    let patch = criteria::patch(&file, &text);
    let proposal = if written.propose {
        if patch.is_empty() {
            return Err(Problem::unfit("the file says just that already"));
        }
        let id = name_of(&patch);
        let body = json!({ "id": id, "site": site, "file": file.name, "by": by, "reason": reason, "patch": patch });
        app.state
            .ledger
            .audit(app.now(), KIND, &body)
            .map_err(|error| Problem::fault("keep a proposal", &error))?;
        Some(id)
    } else {
        None
    };
    let told = told(&differences, &rehearsal, proposal.as_deref(), language);
    Ok(json!({
        "told": told,
        "differences": differences.iter().map(differs).collect::<Vec<_>>(),
        "past": {
            "from": rfc3339(rehearsal.span.0, HOME_ZONE),
            "to": rfc3339(rehearsal.span.1, HOME_ZONE),
            "whole": rehearsal.whole,
            "lines": rehearsal.lines,
        },
        "patch": patch,
        "proposal": proposal,
    }))
}

fn rehearse(
    app: &Shared,
    files: &Criteria,
    config: &Config,
    language: Language,
) -> Result<Rehearsal, Problem> {
    let playing = Stopwatch::start();
    let goes_on = || playing.elapsed() < PLAYING_MAX && !app.stop.is_cancelled();
    files.rehearse(config, app.now().minus(PAST), language, goes_on).map_err(refused)
}

/// What is told under the form, a line each.
fn told(
    differences: &[Difference],
    rehearsal: &Rehearsal,
    proposal: Option<&str>,
    language: Language,
) -> Vec<String> {
    let say = |key| catalogue::message(key, language).to_owned();
    let mut told = Vec::new();
    if let Some(id) = proposal {
        told.push(catalogue::fill("criteria-proposed", language, &[id]));
    }
    if differences.is_empty() {
        told.push(say("criteria-same"));
    }
    told.extend(differences.iter().map(|one| {
        let how = catalogue::message(change(one).1, language);
        format!("{how}: {} {}", one.site, one.rule)
    }));
    let (from, to) = rehearsal.span;
    let shown = |at: Timestamp| rfc3339(at, HOME_ZONE).chars().take(16).collect::<String>();
    let key = if rehearsal.whole { "criteria-past" } else { "criteria-past-part" };
    told.push(catalogue::fill(key, language, &[&shown(from), &shown(to)]));
    // what is raised otherwise is marked by a sign; what follows is how much of it there was
    if !rehearsal.lines.iter().any(|line| line.starts_with(['+', '-'])) {
        told.push(say("criteria-past-same"));
    }
    told.extend(rehearsal.lines.iter().cloned());
    told
}

/// How a criterion differs: for programs, and in the catalogue.
pub(super) const fn change(one: &Difference) -> (&'static str, &'static str) {
    match (&one.running, &one.written) {
        (None, _) => ("new", "criteria-new"),
        (_, None) => ("gone", "criteria-gone"),
        _ => ("changed", "criteria-changed"),
    }
}

fn differs(one: &Difference) -> Value {
    let version = |rule: &Option<Rule>| rule.as_ref().map(Rule::version);
    json!({
        "site": one.site, "rule": one.rule, "change": change(one).0,
        "running": version(&one.running), "written": version(&one.written),
    })
}

/// What a proposal is called in the audit trail.
pub(super) const KIND: &str = "proposal";

/// A proposal by the words it is made of.
fn name_of(patch: &str) -> String {
    let digest = digest::digest(&digest::SHA256, patch.as_bytes());
    digest.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// `GET /api/v1/proposals/{id}`: a proposal as a patch of the file it is about.
pub(super) async fn proposal(
    State(app): State<Shared>,
    Named(id): Named,
) -> Result<Response, Problem> {
    if id.len() != 16 || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(Kind::NotFound.into());
    }
    let wanted = id.clone();
    let rows = app.read(move |ledger| ledger.audit_with(&wanted, None, 50)).await?;
    let bodies = rows.iter().filter(|row| row.kind == KIND);
    let mut bodies = bodies.filter_map(|row| serde_json::from_str::<Value>(&row.body).ok());
    let body = bodies.find(|body| body["id"] == id.as_str()).ok_or(Kind::NotFound)?;
    let patch = body["patch"].as_str().unwrap_or_default().to_owned();
    let headers = [
        (CONTENT_TYPE, "text/x-diff; charset=utf-8"),
        (CONTENT_DISPOSITION, "attachment; filename=\"proposal.patch\""),
    ];
    Ok((headers, patch).into_response())
}

/// The files, where there are any.
pub(super) fn files(app: &Shared) -> Result<Arc<Criteria>, Problem> {
    let none = || {
        Problem::from(Kind::Refused)
            .detail("this configuration is part of the program: it has no files")
    };
    app.state.criteria.clone().ok_or_else(none)
}

pub(super) fn refused(error: CriteriaError) -> Problem {
    match error {
        CriteriaError::NoFile { .. } => Problem::from(Kind::NotFound).detail(error.to_string()),
        CriteriaError::TooLong { .. } => Problem::unfit(error.to_string()),
        CriteriaError::Io { .. } | CriteriaError::Past(_) => Problem::fault("try criteria", &error),
    }
}
