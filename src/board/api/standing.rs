//! What people set for a while: silences, maintenance, reports; and the zeros of instruments.
//!
//! What is set is known by its id, `{kind}-{sequence}`, where `sequence` is the journal position of the order. It ends
//! at `until`, or `for` so long from now, or by hand at `…/{id}/end`.

use alerting::catalogue::{self, Language};
use alerting::standing::{REPORT_LASTS, Scope, Sign, SiteAsk, SiteOrder, Standing, What, zero_at};
use axum::Json;
use axum::extract::State;
use reading::{SensorId, SeriesName, SiteId, StationId, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use super::asked::{Named, Sent};
use super::orders::{Giver, answered, carried_out, checked};
use crate::board::access::Asking;
use crate::board::problem::{Kind, Problem};
use crate::board::{App, Order, Role, Shared};
use crate::config::duration;
use crate::moment::{HOME_ZONE, rfc3339};

/// When something begins and ends, as JSON.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::board) struct SilenceBody {
    reason: String,
    sites: Vec<SiteId>,
    series: Vec<String>,
    rules: Vec<reading::id::RuleId>,
    from: Option<String>,
    until: Option<String>,
    #[serde(rename = "for")]
    lasts: Option<String>,
    severe: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::board) struct MaintenanceBody {
    reason: String,
    site: SiteId,
    station: StationId,
    sensor: Option<SensorId>,
    until: Option<String>,
    #[serde(rename = "for")]
    lasts: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::board) struct ReportBody {
    sign: Sign,
    #[serde(default)]
    confirmed: bool,
    #[serde(default)]
    note: String,
    until: Option<String>,
    #[serde(rename = "for")]
    lasts: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::board) struct ZeroBody {
    reason: String,
    series: String,
    /// What the newest reading ought to say, in the base unit.
    reads: Option<f64>,
    /// What is added to what the instrument sends, in the base unit.
    offset: Option<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::board) struct EndBody {
    reason: String,
}

/// `POST /api/v1/silences`.
pub(in crate::board) async fn silence(
    State(app): State<Shared>,
    giver: Giver,
    Sent(body): Sent<SilenceBody>,
) -> Result<Json<Value>, Problem> {
    let from = body.from.as_deref().map(moment).transpose()?;
    let begins = from.unwrap_or_else(|| app.now());
    let until = until(begins, body.until.as_deref(), body.lasts.as_deref())?;
    let all = body.series.iter().map(|text| series(text)).collect::<Result<_, _>>()?;
    let scope = Scope { sites: body.sites, series: all, rules: body.rules };
    let ask = SiteAsk::Silence { scope, from, until, severe: body.severe };
    order(&app, &giver, &body.reason, ask).await
}

/// `POST /api/v1/maintenance`.
pub(in crate::board) async fn maintain(
    State(app): State<Shared>,
    giver: Giver,
    Sent(body): Sent<MaintenanceBody>,
) -> Result<Json<Value>, Problem> {
    let until = until(app.now(), body.until.as_deref(), body.lasts.as_deref())?;
    let MaintenanceBody { reason, site, station, sensor, .. } = body;
    let ask = SiteAsk::Maintain { site, station, sensor, until };
    order(&app, &giver, &reason, ask).await
}

/// `POST /api/v1/sites/{site}/reports`.
pub(in crate::board) async fn report(
    State(app): State<Shared>,
    giver: Giver,
    Named(site): Named,
    Sent(body): Sent<ReportBody>,
) -> Result<Json<Value>, Problem> {
    let site = site.parse().map_err(|_| Problem::from(Kind::NotFound))?;
    let until = match (&body.until, &body.lasts) {
        (None, None) => app.now().plus(REPORT_LASTS),
        (given, lasts) => until(app.now(), given.as_deref(), lasts.as_deref())?,
    };
    let ask = SiteAsk::Report { site, sign: body.sign, confirmed: body.confirmed, until };
    order(&app, &giver, &body.note, ask).await
}

/// `POST /api/v1/zeros`.
pub(in crate::board) async fn re_zero(
    State(app): State<Shared>,
    giver: Giver,
    Sent(body): Sent<ZeroBody>,
) -> Result<Json<Value>, Problem> {
    let series = series(&body.series)?;
    let offset = match (body.offset, body.reads) {
        (Some(offset), None) => offset,
        (None, Some(reads)) => offset_for(&app, &series, reads)?,
        _ => return Err(Problem::unfit("`reads` or `offset` says where the zero is")),
    };
    let ask = SiteAsk::ReZero { series, offset };
    order(&app, &giver, &body.reason, ask).await
}

/// `POST /api/v1/{silences|maintenance|reports}/{standing}/end`.
pub(in crate::board) async fn end(
    State(app): State<Shared>,
    giver: Giver,
    Named(standing): Named,
    Sent(body): Sent<EndBody>,
) -> Result<Json<Value>, Problem> {
    order(&app, &giver, &body.reason, SiteAsk::End { standing }).await
}

async fn order(
    app: &Shared,
    Giver { asking, language, key }: &Giver,
    reason: &str,
    ask: SiteAsk,
) -> Result<Json<Value>, Problem> {
    if !theirs(app, asking, &ask) {
        return Err(Kind::NotHere.into());
    }
    let (by, reason) = (asking.person.name.to_string(), checked(reason)?.to_owned());
    let id = format!("{by}/{}", key);
    let kind = ask.name();
    let sets = !matches!(ask, SiteAsk::ReZero { .. } | SiteAsk::End { .. });
    let order = SiteOrder { id, by, from: asking.from(), reason, ask };
    let ordered = carried_out(app, Order::Site(order)).await?;
    let id = sets.then(|| format!("{kind}-{}", ordered.sequence));
    let Json(mut answer) = answered(ordered, *language)?;
    if let Some(id) = id {
        answer["id"] = json!(id);
    }
    Ok(Json(answer))
}

/// Whether all that an order is about lies in the areas of whoever gives it.
fn theirs(app: &App, asking: &Asking, ask: &SiteAsk) -> bool {
    let facts = app.live.facts();
    let may = |site: &SiteId| asking.may(Role::Operator, &facts.overview.setup, site.as_str());
    let within = |scope: &Scope| {
        let named = scope.sites.iter().chain(scope.series.iter().map(|series| &series.site));
        let some = !(scope.sites.is_empty() && scope.series.is_empty());
        asking.person.areas.is_everywhere() || some && named.into_iter().all(may)
    };
    match ask {
        SiteAsk::Silence { scope, .. } => within(scope),
        SiteAsk::Maintain { site, .. } | SiteAsk::Report { site, .. } => may(site),
        SiteAsk::ReZero { series, .. } => may(&series.site),
        SiteAsk::End { standing } => {
            let known = facts.overview.standing.iter().find(|one| one.id == *standing);
            known.is_none_or(|one| match &one.what {
                What::Silence { scope, .. } => within(scope),
                What::Maintenance { site, .. } | What::Report { site, .. } => may(site),
            })
        }
    }
}

/// What has to be added so that the newest reading says this.
fn offset_for(app: &App, series: &SeriesName, reads: f64) -> Result<f64, Problem> {
    let facts = app.live.facts();
    let overview = &facts.overview;
    let at = overview.setup.registry.find(series).ok_or(Kind::NotFound)?;
    let latest = overview.latest.get(at.index()).copied().flatten();
    let Some(latest) = latest else {
        return Err(Problem::unfit("nothing was read on this series yet: give `offset`"));
    };
    let zeros = overview.zeros.get(series).map_or(&[][..], Vec::as_slice);
    let before = zero_at(zeros, latest.measured_at).map_or(0.0, |zero| zero.offset);
    Ok(before + reads - latest.value)
}

fn series(text: &str) -> Result<SeriesName, Problem> {
    text.parse().map_err(|_| Problem::unfit("a series is site/station/sensor/quantity"))
}

fn moment(text: &str) -> Result<Timestamp, Problem> {
    Timestamp::parse(text).map_err(|_| Problem::unfit("moments are RFC 3339 with offset"))
}

fn until(
    begins: Timestamp,
    until: Option<&str>,
    lasts: Option<&str>,
) -> Result<Timestamp, Problem> {
    match (until, lasts) {
        (Some(until), None) => moment(until),
        (None, Some(lasts)) => match duration(lasts) {
            Ok(lasts) => Ok(begins.plus(lasts)),
            Err(_) => Err(Problem::unfit("`for` is a duration, as \"2 h\"")),
        },
        _ => Err(Problem::unfit("`until` or `for` says when it ends")),
    }
}

/// `GET /api/v1/silences`: those that hold or are to come.
pub(in crate::board) async fn silences(State(app): State<Shared>) -> Json<Value> {
    list(&app, "silence")
}

/// `GET /api/v1/maintenance`.
pub(in crate::board) async fn maintenance(State(app): State<Shared>) -> Json<Value> {
    list(&app, "maintenance")
}

/// `GET /api/v1/reports`.
pub(in crate::board) async fn reports(State(app): State<Shared>) -> Json<Value> {
    list(&app, "report")
}

/// `GET /api/v1/zeros`: every version that is remembered, oldest first in each series.
pub(in crate::board) async fn zeros(State(app): State<Shared>) -> Json<Value> {
    let facts = app.live.facts();
    let all = facts.overview.zeros.iter().flat_map(|(series, versions)| {
        versions.iter().map(move |zero| {
            json!({
                "series": series.to_string(),
                "from": rfc3339(zero.from, HOME_ZONE),
                "offset": zero.offset,
                "unit": series.quantity.base_unit().symbol(),
                "by": zero.by,
                "reason": zero.reason,
            })
        })
    });
    Json(json!({ "items": all.collect::<Vec<_>>(), "next": null }))
}

fn list(app: &App, kind: &str) -> Json<Value> {
    let facts = app.live.facts();
    let at = facts.overview.at;
    let open = facts.overview.standing.iter().filter(|one| one.kind() == kind && one.until > at);
    Json(json!({ "items": open.map(shown).collect::<Vec<_>>(), "next": null }))
}

fn shown(standing: &Standing) -> Value {
    let time = |at| rfc3339(at, HOME_ZONE);
    let mut shown = json!({
        "id": standing.id,
        "by": standing.by,
        "reason": standing.reason,
        "at": time(standing.at),
        "from": time(standing.from),
        "until": time(standing.until),
    });
    match &standing.what {
        What::Silence { scope, severe } => {
            shown["sites"] = json!(scope.sites);
            shown["series"] =
                json!(scope.series.iter().map(ToString::to_string).collect::<Vec<_>>());
            shown["rules"] = json!(scope.rules);
            shown["severe"] = json!(severe);
        }
        What::Maintenance { site, station, sensor } => {
            shown["site"] = json!(site);
            shown["station"] = json!(station);
            shown["sensor"] = json!(sensor);
        }
        What::Report { site, sign, confirmed } => {
            shown["site"] = json!(site);
            shown["sign"] = json!(sign.name());
            shown["words"] = json!({
                "ko": catalogue::message(sign.key(), Language::Ko),
                "en": catalogue::message(sign.key(), Language::En),
            });
            shown["confirmed"] = json!(confirmed);
            shown["level"] = json!(sign.level(*confirmed).name());
        }
    }
    shown
}
