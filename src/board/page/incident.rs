//! `/incidents/{id}`: what happens, why, who was told what, and what can be done about it. Each order says beforehand
//! what is heard by whom.

use alerting::alert::Evidence;
use alerting::catalogue::{self, Language};
use alerting::decision::{IncidentRecord, IncidentState};
use alerting::engine::Verb;
use alerting::route::{Audience, Route};
use alerting::setup::Setup;
use alerting::{Decision, IncidentId, Level};
use axum::extract::State;
use axum::response::Html;
use delivery::ledger::{DecisionRow, DeliveryFilter, DeliveryRow, IncidentView};
use delivery::{Ledger, LedgerError};
use minijinja::context;
use minijinja::value::{Serde, Value, merge_maps};
use reading::SeriesName;
use reading::id::GroupId;
use serde::Serialize;

use super::approval::questions;
use super::head;
use super::rows::Lead;
use super::site::{self, SitePage};
use crate::board::Shared;
use crate::board::access::Asking;
use crate::board::api::Named;
use crate::board::drafts::{alert_of, words_of};
use crate::board::facts::Facts;
use crate::board::inspections::order_form;
use crate::board::language::Reads;
use crate::board::problem::{Kind, Problem};
use crate::board::words::{self, hazard, say, sentence, site_name, zone};
use crate::explained;
use crate::moment::{Shown, named};
use crate::people::Role;

/// How many deciding series are drawn.
const SERIES_MAX: usize = 4;

/// How many deliveries are listed, newest first; all of them are at `/api/v1/deliveries`.
const DELIVERIES_MAX: usize = 200;

/// How many of those who hear something are named.
const NAMED_MAX: usize = 4;

/// The page.
pub(in crate::board) async fn incident(
    State(app): State<Shared>,
    asking: Asking,
    Reads(language): Reads,
    Named(id): Named,
) -> Result<Html<String>, Problem> {
    let facts = app.live.facts();
    let drawn = drawn(&app, &facts, &asking, language, &id).await?;
    let setup = &facts.overview.setup;
    let place = words::site_of(&id).and_then(|place| words::site(setup, place));
    let place = place.filter(|site| asking.may(Role::Operator, setup, site.id.as_str()));
    let work = place.map(|site| order_form(site.id.as_str(), &id, language));
    let context = context! {
        here => "incident",
        work => Value::from(Serde(work)),
        last_decision => facts.last_decision.unwrap_or(0),
        ..merge_maps([head(&app, &facts, &asking, language), drawn])
    };
    app.templates.page("incident.html", language, context)
}

/// `/incidents/{id}/now`: the part of it that changes.
pub(in crate::board) async fn incident_now(
    State(app): State<Shared>,
    asking: Asking,
    Reads(language): Reads,
    Named(id): Named,
) -> Result<Html<String>, Problem> {
    let drawn = drawn(&app, &app.live.facts(), &asking, language, &id).await?;
    app.templates.page("incident-now.html", language, drawn)
}

/// What the ledger has about an incident.
struct Told {
    view: IncidentView,
    deliveries: Vec<DeliveryRow>,
    more_deliveries: bool,
    words: Option<(Level, alerting::approval::PublicText)>,
}

fn read(ledger: &Ledger, id: &IncidentId) -> Result<Option<Told>, LedgerError> {
    let Some(view) = ledger.incident(id)? else { return Ok(None) };
    let filter = DeliveryFilter { incident: Some(id.clone()), ..DeliveryFilter::default() };
    let mut deliveries = ledger.deliveries(&filter, DELIVERIES_MAX as u32 + 1)?;
    let more_deliveries = deliveries.len() > DELIVERIES_MAX;
    deliveries.truncate(DELIVERIES_MAX);
    let words = words_of(&view.record, None, ledger)?;
    Ok(Some(Told { view, deliveries, more_deliveries, words }))
}

async fn drawn(
    app: &Shared,
    facts: &Facts,
    asking: &Asking,
    language: Language,
    id: &str,
) -> Result<Value, Problem> {
    let id = IncidentId::from_text(id);
    let told = app.read(move |ledger| read(ledger, &id)).await?.ok_or(Kind::NotFound)?;
    let Told { view, deliveries, more_deliveries, words } = told;
    let IncidentView { record, timeline, has_older } = view;
    let setup = &facts.overview.setup;
    let place = record.site.as_str();
    let zone = zone(setup, Some(place));
    let (series, history_is_there) = series(app, facts, &record, language).await;
    let drafts = words.as_ref().and_then(|(level, words)| {
        let alert = alert_of(&record, setup, *level, words, app.now())?;
        Some(app.state.speakers.drafts(&alert, setup))
    });
    let lead = setup.registry.site(place).and_then(|at| facts.leads.get(&at.index()));
    Ok(context! {
        mark => facts.mark.clone(),
        id => record.id.as_str(),
        site => site_name(setup, place, language),
        site_id => words::site(setup, place).map(|site| site.id.as_str()),
        hazard => hazard(record.hazard, language),
        look => record.level.name(),
        word => catalogue::level(record.level, language),
        peak => (record.peak > record.level).then(|| catalogue::level(record.peak, language)),
        state => record.state.name(),
        what => say(&record.what, language),
        since => Value::from(Serde(Shown::new(record.opened_at, zone))),
        revised => Value::from(Serde(Shown::new(record.at, zone))),
        revision => record.revision,
        acknowledged_by => record.acknowledged_by.clone(),
        late => record.late_detected,
        hidden_by => record.hidden_by.clone(),
        lead => Value::from(Serde(lead.map(|forecast| Lead::new(forecast, zone)))),
        evidence => Value::from(Serde(record.evidence.iter().map(|one| Argument::new(one, zone, language)).collect::<Vec<_>>())),
        findings => findings(&timeline, zone, language),
        series => Value::from(Serde(series)),
        history_is_there,
        range => site::RANGES[0].name(),
        questions => Value::from(Serde(questions(&record, setup, zone, language))),
        orders => Value::from(Serde(orders(&record, setup, asking, language))),
        may_approve => asking.may(Role::Approver, setup, place),
        lacks_second => asking.person.role >= Role::Approver && asking.lacks_second_factor(),
        drafts => Value::from(Serde(drafts.unwrap_or_default())),
        level => words.as_ref().map(|(level, _)| level.name()),
        deliveries => Value::from(Serde(deliveries.iter().map(|row| Sent::new(row, zone, language)).collect::<Vec<_>>())),
        more_deliveries,
        timeline_has_older => has_older,
        may_search => asking.person.role >= Role::Operator,
        timeline => Value::from(Serde(happened(&timeline, setup, zone, language))),
    })
}

/// One line of evidence.
#[derive(Serialize)]
struct Argument {
    look: &'static str,
    word: &'static str,
    rule: String,
    text: String,
    at: Shown,
}

impl Argument {
    fn new(evidence: &Evidence, zone: &str, language: Language) -> Self {
        Self {
            look: evidence.level.name(),
            word: catalogue::level(evidence.level, language),
            rule: evidence.rule.clone(),
            text: say(&evidence.text, language).into(),
            at: Shown::new(evidence.measured_at, zone),
        }
    }
}

/// The numbers behind the newest level, line by line.
fn findings(timeline: &[DecisionRow], zone: &str, language: Language) -> Vec<String> {
    let why = timeline.iter().rev().find_map(|row| match &row.decision {
        Decision::Level { why, .. } => Some(why),
        _ => None,
    });
    let moment = |at| named(at, zone, "%Y-%m-%d %H:%M:%S %Z");
    let lines = why.into_iter().flatten();
    lines.flat_map(|finding| explained::lines(finding, language, &moment)).collect()
}

/// The deciding series of the last day, with their limits, rates and forecasts; and whether there is a history.
async fn series(
    app: &Shared,
    facts: &Facts,
    record: &IncidentRecord,
    language: Language,
) -> (Vec<site::SeriesShown>, bool) {
    let setup = &facts.overview.setup;
    let Some(site) = words::site(setup, record.site.as_str()) else { return (vec![], true) };
    let mut deciding: Vec<(usize, SeriesName)> = Vec::new();
    for evidence in &record.evidence {
        let Ok(name) = evidence.series.parse::<SeriesName>() else { continue };
        let Some(at) = setup.registry.find(&name) else { continue };
        if deciding.len() < SERIES_MAX && !deciding.iter().any(|(known, _)| *known == at.index()) {
            deciding.push((at.index(), name));
        }
    }
    let over = matches!(record.state, IncidentState::AllClear | IncidentState::Closed);
    let to = if over { record.at } else { app.now() };
    let range = site::RANGES[0];
    let (past, there) = match site::past(app, deciding.clone(), range, to).await {
        Ok(past) => (past, true),
        Err(_) => (Vec::new(), false), // told in the log; the rest of the page is worth having
    };
    let page = SitePage { facts, setup, site, range, to, language };
    (page.series(&deciding, &past), there)
}

/// An order that may be given, and what is heard by whom if it is.
#[derive(Serialize)]
struct Offer {
    verb: &'static str,
    word: &'static str,
    heard: String,
    needs_reason: bool,
}

fn orders(
    record: &IncidentRecord,
    setup: &Setup,
    asking: &Asking,
    language: Language,
) -> Vec<Offer> {
    if !asking.may(Role::Operator, setup, record.site.as_str()) {
        return vec![];
    }
    let over = matches!(record.state, IncidentState::AllClear | IncidentState::Closed);
    let closed = record.state == IncidentState::Closed;
    let offer = |verb: Verb, word, heard: String| Offer {
        verb: verb.name(),
        word: catalogue::message(word, language),
        heard,
        needs_reason: verb.needs_reason(),
    };
    let plain = |key| catalogue::message(key, language).to_owned();
    let mut offers = Vec::new();
    if record.acknowledged_by.is_none() && !over {
        offers.push(offer(Verb::Acknowledge, "board-acknowledge", plain("heard-acknowledge")));
    }
    if !closed {
        offers.push(offer(Verb::Note, "board-note", plain("heard-note")));
    }
    if record.level == Level::Severe && !over {
        let heard = heard_by_stand_down(record, setup, language);
        offers.push(offer(Verb::StandDown, "board-stand-down", heard));
    }
    if record.state == IncidentState::AllClear {
        offers.push(offer(Verb::Close, "board-close", plain("heard-close")));
    }
    offers
}

/// What is heard by whom if somebody stands a site down.
pub(super) fn heard_by_stand_down(
    record: &IncidentRecord,
    setup: &Setup,
    language: Language,
) -> String {
    let of = |audience| hearers(record, setup, language, |route| route.audience == audience);
    let (officers, public) = (of(Audience::Officers), of(Audience::Public));
    catalogue::fill("heard-stand-down", language, &[&officers, &public])
}

/// Who hears of an incident at a level on the channels of a group, in words.
pub(super) fn hearers_of_group(
    record: &IncidentRecord,
    setup: &Setup,
    language: Language,
    group: &GroupId,
    level: Level,
) -> String {
    hearers(record, setup, language, |route| {
        route.group.as_ref() == Some(group) && route.min_level <= level
    })
}

/// Who hears of an incident on some channels, in words.
fn hearers(
    record: &IncidentRecord,
    setup: &Setup,
    language: Language,
    among: impl Fn(&Route) -> bool,
) -> String {
    let routes = setup.routes.iter().filter(|route| route.covers(&record.site) && among(route));
    let one = |route: &Route| {
        let all: Vec<&String> = route.recipients_at(&record.site).collect();
        let mut names: Vec<&str> = all.iter().take(NAMED_MAX).map(|name| name.as_str()).collect();
        let more = all.len().saturating_sub(NAMED_MAX);
        let more = catalogue::fill("heard-more", language, &[&more.to_string()]);
        if all.len() > NAMED_MAX {
            names.push(&more);
        }
        if names.is_empty() {
            route.channel.to_string()
        } else {
            format!("{} ({})", route.channel, names.join(", "))
        }
    };
    let heard: Vec<String> = routes.map(one).collect();
    if heard.is_empty() {
        return catalogue::message("heard-nobody", language).into();
    }
    heard.join(", ")
}

/// A delivery, with what proves it.
#[derive(Serialize)]
struct Sent {
    at: Shown,
    channel: String,
    recipient: String,
    revision: u32,
    purpose: String,
    look: &'static str,
    word: &'static str,
    state: &'static str,
    stands: &'static str,
    attempts: u32,
    note: String,
    key: String,
}

impl Sent {
    fn new(row: &DeliveryRow, zone: &str, language: Language) -> Self {
        let purpose = catalogue::lookup(&["purpose-", &row.purpose].concat(), language);
        Self {
            at: Shown::new(row.changed_at, zone),
            channel: row.channel.to_string(),
            recipient: row.recipient.clone(),
            revision: row.revision,
            purpose: purpose.unwrap_or(&row.purpose).into(),
            look: row.level.name(),
            word: catalogue::level(row.level, language),
            state: row.state.name(),
            stands: catalogue::delivery_state(row.state, language),
            attempts: row.attempts,
            note: row.note.clone(),
            key: row.key.as_str().into(),
        }
    }
}

/// Something that happened.
#[derive(Serialize)]
struct Happened {
    at: Shown,
    look: Option<&'static str>,
    kind: &'static str,
    text: String,
}

/// What happened, newest first.
fn happened(
    timeline: &[DecisionRow],
    setup: &Setup,
    zone: &str,
    language: Language,
) -> Vec<Happened> {
    let one = |row: &DecisionRow| Happened {
        at: Shown::new(row.decision.at(), zone),
        look: super::rows::mark(&row.decision),
        kind: row.decision.kind(),
        text: sentence(&row.decision, setup, language),
    };
    timeline.iter().rev().map(one).collect()
}
