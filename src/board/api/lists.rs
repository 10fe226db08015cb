//! What can be asked for.

use alerting::{DeliveryKey, DeliveryState, IncidentId};
use axum::Json;
use axum::extract::State;
use delivery::ledger::{AlertQuery, DeliveryFilter, IncidentQuery};
use reading::SiteId;
use reading::id::ChannelId;
use serde::Deserialize;
use serde_json::{Value, json};

use super::asked::{Asked, Named, Page, limit};
use super::shown;
use crate::board::Shared;
use crate::board::problem::{Kind, Problem};
use crate::moment::rfc3339;
use crate::owed;

type Answer = Result<Json<Page<Value, Value>>, Problem>;

#[derive(Deserialize)]
pub(in crate::board) struct SitesAsked {
    after: Option<String>,
    limit: Option<u32>,
}

/// `/api/v1/sites`, by name.
pub(in crate::board) async fn sites(
    State(app): State<Shared>,
    Asked(asked): Asked<SitesAsked>,
) -> Answer {
    let limit = limit(asked.limit)?;
    let facts = app.live.facts();
    let overview = &facts.overview;
    let sites = overview.setup.registry.sites();
    let from = asked
        .after
        .map_or(0, |after| sites.partition_point(|site| site.id.as_str() <= after.as_str()));
    let rows: Vec<usize> = (from..sites.len()).take(limit as usize + 1).collect();
    let shown =
        |at: &usize| shown::site(&sites[*at], overview.sites.get(*at), &facts.levels, overview.at);
    Ok(Page::new(rows, limit, |at| json!(sites[*at].id.as_str()), shown))
}

/// `/api/v1/sites/{site}`, with its stations and what they measured last.
pub(in crate::board) async fn site(
    State(app): State<Shared>,
    Named(id): Named,
) -> Result<Json<Value>, Problem> {
    let facts = app.live.facts();
    let overview = &facts.overview;
    let index = overview.setup.registry.site(&id).ok_or(Kind::NotFound)?.index();
    let site = &overview.setup.registry.sites()[index];
    let mut shown = shown::site(site, overview.sites.get(index), &facts.levels, overview.at);
    shown["stations"] = shown::stations(overview, site).into();
    Ok(Json(shown))
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum StateAsked {
    Open,
    Closed,
}

#[derive(Deserialize)]
pub(in crate::board) struct IncidentsAsked {
    state: Option<StateAsked>,
    site: Option<String>,
    before: Option<String>,
    limit: Option<u32>,
}

/// `/api/v1/incidents`, newest first.
pub(in crate::board) async fn incidents(
    State(app): State<Shared>,
    Asked(asked): Asked<IncidentsAsked>,
) -> Answer {
    let limit = limit(asked.limit)?;
    let query = IncidentQuery {
        open: asked.state.map(|state| matches!(state, StateAsked::Open)),
        site: identifier(asked.site, |text| SiteId::new(text).ok(), "site")?,
        before: asked.before.as_deref().map(IncidentId::from_text),
        ..IncidentQuery::default()
    };
    let rows = app.read(move |ledger| ledger.incidents_page(&query, limit + 1)).await?;
    let setup = &app.live.facts().overview.setup;
    Ok(Page::new(rows, limit, |row| json!(row.id.as_str()), |row| shown::incident(row, setup)))
}

/// `/api/v1/incidents/{id}`, with how it came to be what it is.
pub(in crate::board) async fn incident(
    State(app): State<Shared>,
    Named(id): Named,
) -> Result<Json<Value>, Problem> {
    let id = IncidentId::from_text(&id);
    let found = app.read(move |ledger| ledger.incident(&id)).await?.ok_or(Kind::NotFound)?;
    let setup = &app.live.facts().overview.setup;
    let mut shown = shown::incident(&found.record, setup);
    shown["timeline_has_older"] = found.has_older.into();
    shown["timeline"] = found.timeline.iter().map(|row| shown::decision(row, setup)).collect();
    Ok(Json(shown))
}

#[derive(Deserialize)]
pub(in crate::board) struct AlertsAsked {
    incident: Option<String>,
    site: Option<String>,
    before: Option<i64>,
    limit: Option<u32>,
}

/// `/api/v1/alerts`: what was told, each revision once, newest first.
pub(in crate::board) async fn alerts(
    State(app): State<Shared>,
    Asked(asked): Asked<AlertsAsked>,
) -> Answer {
    let limit = limit(asked.limit)?;
    let site = identifier(asked.site, |text| SiteId::new(text).ok(), "site")?;
    let query = AlertQuery {
        incident: asked.incident.as_deref().map(IncidentId::from_text),
        sites: site.map(|site| vec![site]),
        before: asked.before,
        ..AlertQuery::default()
    };
    let rows = app.read(move |ledger| ledger.alerts(&query, limit + 1)).await?;
    Ok(Page::new(rows, limit, |row| json!(row.id), shown::alert))
}

#[derive(Deserialize)]
pub(in crate::board) struct DeliveriesAsked {
    incident: Option<String>,
    channel: Option<String>,
    state: Option<String>,
    before: Option<i64>,
    limit: Option<u32>,
}

/// `/api/v1/deliveries`, newest first.
pub(in crate::board) async fn deliveries(
    State(app): State<Shared>,
    Asked(asked): Asked<DeliveriesAsked>,
) -> Answer {
    let limit = limit(asked.limit)?;
    let state = |text: &str| DeliveryState::ALL.into_iter().find(|state| state.name() == text);
    let filter = DeliveryFilter {
        incident: asked.incident.as_deref().map(IncidentId::from_text),
        channel: identifier(asked.channel, |text| ChannelId::new(text).ok(), "channel")?,
        state: identifier(asked.state, state, "state")?,
        before: asked.before,
    };
    let rows = app.read(move |ledger| ledger.deliveries(&filter, limit + 1)).await?;
    let setup = &app.live.facts().overview.setup;
    Ok(Page::new(rows, limit, |row| json!(row.id), |row| shown::delivery(row, setup)))
}

/// `/api/v1/deliveries/{key}`, with every attempt.
pub(in crate::board) async fn delivery(
    State(app): State<Shared>,
    Named(key): Named,
) -> Result<Json<Value>, Problem> {
    let key = DeliveryKey::from_text(&key);
    let read = move |ledger: &delivery::Ledger| {
        Ok(ledger.delivery(&key)?.map(|row| (row, ledger.attempts(&key))))
    };
    let (row, attempts) = app.read(read).await?.ok_or(Kind::NotFound)?;
    let attempts = attempts.map_err(|error| Problem::fault("read the ledger", &error))?;
    let setup = &app.live.facts().overview.setup;
    let zone = crate::board::words::zone(setup, Some(row.site.as_str()));
    let mut shown = shown::delivery(&row, setup);
    shown["tries"] = owed::attempts(&attempts, &|at| rfc3339(at, zone));
    Ok(Json(shown))
}

#[derive(Deserialize)]
pub(in crate::board) struct AuditAsked {
    after: Option<i64>,
    limit: Option<u32>,
}

/// `/api/v1/audit`, oldest first: the entries as they are bound to one another, so that pages written one after the
/// other, with the head that `bongsu audit` gives, are an export that verifies.
pub(in crate::board) async fn audit(
    State(app): State<Shared>,
    Asked(asked): Asked<AuditAsked>,
) -> Answer {
    let limit = limit(asked.limit)?;
    let after = asked.after.unwrap_or(0);
    let rows = app.read(move |ledger| ledger.audit_after(after, limit + 1)).await?;
    Ok(Page::new(rows, limit, |row| json!(row.id), |row| json!(row)))
}

#[derive(Deserialize)]
pub(in crate::board) struct QuarantineAsked {
    before: Option<i64>,
    limit: Option<u32>,
}

/// `/api/v1/quarantine`, newest first.
pub(in crate::board) async fn quarantine(
    State(app): State<Shared>,
    Asked(asked): Asked<QuarantineAsked>,
) -> Answer {
    let limit = limit(asked.limit)?;
    let rows = app.read(move |ledger| ledger.quarantine(asked.before, limit + 1)).await?;
    Ok(Page::new(rows, limit, |row| json!(row.id), shown::quarantined))
}

/// `/api/v1/adoptions`: who speaks and is not registered, with what they said.
pub(in crate::board) async fn adoptions(State(app): State<Shared>) -> Answer {
    let facts = app.live.facts();
    let rows = facts.overview.waiting.iter().collect::<Vec<_>>();
    let limit = u32::try_from(rows.len()).unwrap_or(u32::MAX);
    Ok(Page::new(
        rows,
        limit,
        |_| Value::Null,
        |(stranger, heard)| shown::stranger(stranger, heard),
    ))
}

/// `/api/v1/balance`: what became of every frame and claim, by source.
pub(in crate::board) async fn balance(State(app): State<Shared>) -> Answer {
    let facts = app.live.facts();
    let rows = facts.overview.balances.iter().collect::<Vec<_>>();
    let limit = u32::try_from(rows.len()).unwrap_or(u32::MAX);
    let shown = |row: &&crate::overview::Balance| {
        let mut shown = json!(row);
        shown["holds"] = row.holds().into();
        shown["position"] = facts.overview.sequence.into();
        shown
    };
    Ok(Page::new(rows, limit, |row| json!(row.source), shown))
}

/// A value of a query by its name, or what is wrong with it.
fn identifier<T>(
    asked: Option<String>,
    parse: impl Fn(&str) -> Option<T>,
    what: &str,
) -> Result<Option<T>, Problem> {
    let Some(text) = asked else { return Ok(None) };
    let refused =
        || Problem::from(Kind::BadRequest).detail(format!("`{what}` is not a {what} we know"));
    parse(&text).map(Some).ok_or_else(refused)
}
