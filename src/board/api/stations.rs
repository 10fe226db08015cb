//! Stations: what they say of themselves, what is missing of them, and what they are asked.

use std::time::Duration;

use alerting::station::StationOrder;
use axum::Json;
use axum::extract::State;
use reading::StationIndex;
use reading::codec::Ask;
use serde::Deserialize;
use serde_json::{Value, json};

use super::asked::{Asked, Named, Page, Sent, limit, whole};
use super::orders::{Giver, answered, carried_out, checked};
use crate::board::problem::{Kind, Problem};
use crate::board::{Order, Shared};
use crate::moment::rfc3339;
use crate::overview::Overview;

#[derive(Deserialize)]
pub(in crate::board) struct StationsAsked {
    /// `site/station` of the last one of the page before.
    after: Option<String>,
    limit: Option<u32>,
}

/// `/api/v1/stations`, by site and name.
pub(in crate::board) async fn stations(
    State(app): State<Shared>,
    Asked(asked): Asked<StationsAsked>,
) -> Result<Json<Page<Value, Value>>, Problem> {
    let limit = limit(asked.limit)?;
    let facts = app.live.facts();
    let overview = &facts.overview;
    let from = match &asked.after {
        None => 0,
        Some(after) => {
            let (site, station) = after.split_once('/').unwrap_or((after, ""));
            place(overview, site, station).ok_or(Kind::NotFound)? + 1
        }
    };
    let all = from..overview.setup.registry.stations().len();
    let rows: Vec<usize> = all.take(limit as usize + 1).collect();
    Ok(Page::new(rows, limit, |at| json!(name(overview, *at)), |at| shown(overview, *at)))
}

/// `/api/v1/stations/{site}/{station}`.
pub(in crate::board) async fn station(
    State(app): State<Shared>,
    Named((site, station)): Named<(String, String)>,
) -> Result<Json<Value>, Problem> {
    let facts = app.live.facts();
    let at = place(&facts.overview, &site, &station).ok_or(Kind::NotFound)?;
    Ok(Json(shown(&facts.overview, at)))
}

/// What a station is asked, as JSON.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::board) struct Body {
    command: String,
    #[serde(default)]
    reason: String,
    #[serde(default, deserialize_with = "whole")]
    interval_s: Option<u32>,
    #[serde(default, deserialize_with = "whole")]
    duration_s: Option<u32>,
    #[serde(default, deserialize_with = "whole")]
    from: Option<u64>,
    #[serde(default, deserialize_with = "whole")]
    to: Option<u64>,
}

/// `POST /api/v1/stations/{site}/{station}/orders`.
pub(in crate::board) async fn order_station(
    State(app): State<Shared>,
    Giver { asking, language, key }: Giver,
    Named((site, station)): Named<(String, String)>,
    Sent(body): Sent<Body>,
) -> Result<Json<Value>, Problem> {
    let (Ok(site), Ok(station)) = (site.parse(), station.parse()) else {
        return Err(Kind::NotFound.into());
    };
    let by = asking.person.name.to_string();
    let order = StationOrder {
        id: format!("{by}/{key}"),
        site,
        station,
        ask: body.ask()?,
        reason: checked(&body.reason)?.into(),
        from: asking.from(),
        by,
    };
    answered(carried_out(&app, Order::Station(order)).await?, language)
}

impl Body {
    fn ask(&self) -> Result<Ask, Problem> {
        let refused = |what: &str| Problem::from(Kind::BadRequest).detail(what.to_owned());
        let seconds = |number: u32| Duration::from_secs(u64::from(number));
        match (self.command.as_str(), self.interval_s, self.duration_s, self.from, self.to) {
            ("interval", Some(every), None, None, None) => {
                Ok(Ask::Interval { every: seconds(every) })
            }
            ("alert-mode", Some(every), Some(lasting), None, None) => {
                Ok(Ask::AlertMode { every: seconds(every), lasting: seconds(lasting) })
            }
            ("resend", None, None, Some(from), Some(to)) => Ok(Ask::Resend { from, to }),
            ("identify", None, None, None, None) => Ok(Ask::Identify),
            ("interval" | "alert-mode" | "resend" | "identify", ..) => Err(refused(
                "`interval` takes interval_s, `alert-mode` interval_s and duration_s, `resend` from and to, `identify` nothing",
            )),
            _ => Err(refused("`command` is interval, alert-mode, resend or identify")),
        }
    }
}

/// The number of a station.
fn place(overview: &Overview, site: &str, station: &str) -> Option<usize> {
    let registry = &overview.setup.registry;
    registry.station(registry.site(site)?, station).map(StationIndex::index)
}

fn name(overview: &Overview, at: usize) -> String {
    let registry = &overview.setup.registry;
    let station = &registry.stations()[at];
    format!("{}/{}", registry.sites()[station.site.index()].id, station.id)
}

fn shown(overview: &Overview, at: usize) -> Value {
    let registry = &overview.setup.registry;
    let station = &registry.stations()[at];
    let site = &registry.sites()[station.site.index()];
    let time = |at| rfc3339(at, &site.zone);
    let now = overview.stations.get(at).cloned().unwrap_or_default();
    let life = now.life;
    let orders = life.orders.iter().map(|order| {
        json!({
            "id": order.id,
            "command": order.ask.words(),
            "by": order.by.as_deref().unwrap_or("bongsu"),
            "asked_at": time(order.asked_at),
            "due_at": time(order.due_at),
            "expires_at": time(order.expires_at),
            "attempts": order.attempts,
        })
    });
    let settled = life.settled.iter().map(|order| {
        json!({
            "id": order.id,
            "command": order.ask.words(),
            "event": order.event.name(),
            "note": order.note,
            "at": time(order.at),
        })
    });
    json!({
        "site": site.id.as_str(),
        "station": station.id.as_str(),
        "source": station.source,
        "report_interval_s": station.report_interval.as_secs_f64(),
        "online": life.there.map(|(online, _)| online),
        "since": life.there.map(|(_, since)| time(since)),
        "heard_at": now.heard_at.map(time),
        "battery_v": life.battery_v,
        "rssi_dbm": life.rssi_dbm,
        "firmware": life.firmware,
        "buffer": life.buffer,
        "messages_lost": life.lost,
        "messages_found": life.found,
        "missing": life.missing,
        "clock_behind_s": now.clock.behind_secs,
        "clock_drift_s_per_day": now.clock.drift_secs_per_day,
        "clock_zone_minutes": now.clock.zone_minutes,
        "orders": orders.collect::<Vec<_>>(),
        "settled": settled.collect::<Vec<_>>(),
    })
}
