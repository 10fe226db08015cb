//! The features themselves: a geometry and flat properties, which is what tables of a GIS take.

use alerting::IncidentId;
use alerting::alert::SiteFacts;
use alerting::decision::IncidentRecord;
use delivery::ledger::{AlertQuery, AlertRow, IncidentQuery};
use reading::SiteId;
use reading::registry::{Site, Station};
use serde_json::{Value, json};

use super::asked::{Area, Wanted};
use crate::board::Shared;
use crate::board::problem::{Kind, Problem};
use crate::board::words::{look, zone};
use crate::moment::rfc3339;
use crate::overview::Overview;

/// What there is to ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::board) enum Collection {
    Sites,
    Stations,
    Incidents,
    Alerts,
}

impl Collection {
    pub(in crate::board) const ALL: [Self; 4] =
        [Self::Sites, Self::Stations, Self::Incidents, Self::Alerts];

    pub(in crate::board) const fn name(self) -> &'static str {
        match self {
            Self::Sites => "sites",
            Self::Stations => "stations",
            Self::Incidents => "incidents",
            Self::Alerts => "alerts",
        }
    }

    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Sites => "지구 / Sites and their levels",
            Self::Stations => "계측소 / Stations",
            Self::Incidents => "상황 / Incidents",
            Self::Alerts => "경보 / Alerts as they were told",
        }
    }

    pub(in crate::board) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|collection| collection.name() == name)
    }
}

/// A page of features and where the next begins.
pub(super) struct Page {
    pub features: Vec<Value>,
    pub next: Option<String>,
}

impl Page {
    /// A page out of one more than `limit`, by which it is known whether there is a next one.
    fn new<R>(
        mut rows: Vec<R>,
        limit: u32,
        id: impl Fn(&R) -> String,
        shown: impl Fn(&R) -> Value,
    ) -> Self {
        let more = rows.len() > limit as usize;
        rows.truncate(limit as usize);
        let next = if more { rows.last().map(id) } else { None };
        Self { features: rows.iter().map(shown).collect(), next }
    }
}

/// Reads a page.
pub(super) async fn read(
    app: &Shared,
    collection: Collection,
    wanted: Wanted,
) -> Result<Page, Problem> {
    let facts = app.live.facts();
    let overview = facts.overview.clone();
    let Wanted { area, during, limit, after } = wanted;
    let registry = &overview.setup.registry;
    let inside = area.map(|area| sites_in(registry.sites(), &area));
    let many = limit as usize + 1;
    match collection {
        Collection::Sites => {
            let rows = (0..registry.sites().len()).filter(|at| {
                let site = &registry.sites()[*at];
                is_after(site.id.as_str(), after.as_deref())
                    && area.is_none_or(|area| area.has(site.location))
            });
            let id = |at: &usize| registry.sites()[*at].id.to_string();
            Ok(Page::new(rows.take(many).collect(), limit, id, |at| site(&overview, *at)))
        }
        Collection::Stations => {
            let mut rows: Vec<(String, &Station)> = registry
                .stations()
                .iter()
                .map(|station| (station_id(&overview, station), station))
                .filter(|(id, station)| {
                    is_after(id, after.as_deref())
                        && area.is_none_or(|area| area.has(standing(&overview, station)))
                })
                .collect();
            rows.sort_by(|a, b| a.0.cmp(&b.0));
            rows.truncate(many);
            Ok(Page::new(rows, limit, |(id, _)| id.clone(), |(_, one)| station(&overview, one)))
        }
        Collection::Incidents => {
            let before = after.as_deref().map(IncidentId::from_text);
            let query = IncidentQuery { sites: inside, during, before, ..IncidentQuery::default() };
            let rows = app.read(move |ledger| ledger.incidents_page(&query, limit + 1)).await?;
            let id = |record: &IncidentRecord| record.id.to_string();
            Ok(Page::new(rows, limit, id, |record| incident(&overview, record)))
        }
        Collection::Alerts => {
            let bad = || Problem::from(Kind::BadRequest).detail("`after` is not one of ours");
            let before = after.map(|after| after.parse().map_err(|_| bad())).transpose()?;
            let query = AlertQuery { sites: inside, during, before, ..AlertQuery::default() };
            let rows = app.read(move |ledger| ledger.alerts(&query, limit + 1)).await?;
            Ok(Page::new(rows, limit, |row| row.id.to_string(), alert))
        }
    }
}

/// One feature by its id.
pub(super) async fn one(
    app: &Shared,
    collection: Collection,
    id: &str,
) -> Result<Option<Value>, Problem> {
    let overview = app.live.facts().overview.clone();
    let registry = &overview.setup.registry;
    Ok(match collection {
        Collection::Sites => registry.site(id).map(|at| site(&overview, at.index())),
        Collection::Stations => registry
            .stations()
            .iter()
            .find(|station| station_id(&overview, station) == id)
            .map(|one| station(&overview, one)),
        Collection::Incidents => {
            let id = IncidentId::from_text(id);
            let found = app.read(move |ledger| ledger.incident(&id)).await?;
            found.map(|found| incident(&overview, &found.record))
        }
        Collection::Alerts => {
            let Some(before) = id.parse::<i64>().ok().and_then(|id| id.checked_add(1)) else {
                return Ok(None);
            };
            let query = AlertQuery { before: Some(before), ..AlertQuery::default() };
            let rows = app.read(move |ledger| ledger.alerts(&query, 1)).await?;
            rows.iter().find(|row| row.id + 1 == before).map(alert)
        }
    })
}

/// Every site, less what is not for everybody: where it is and what it is called, not where it stands.
pub(in crate::board) fn sites(overview: &Overview) -> Vec<Value> {
    overview.setup.registry.sites().iter().map(plain_site).collect()
}

/// Where something is said of a site that is still there.
pub(in crate::board) fn place(overview: &Overview, site: &str) -> Option<(f64, f64)> {
    crate::board::words::site(&overview.setup, site).map(|site| site.location)
}

/// West, south, east, north of all sites.
pub(super) fn extent(sites: &[Site]) -> Option<[f64; 4]> {
    let first = sites.first()?.location;
    let widen = |[west, south, east, north]: [f64; 4], site: &Site| {
        let (latitude, longitude) = site.location;
        [west.min(longitude), south.min(latitude), east.max(longitude), north.max(latitude)]
    };
    Some(sites.iter().fold([first.1, first.0, first.1, first.0], widen))
}

fn sites_in(sites: &[Site], area: &Area) -> Vec<SiteId> {
    sites.iter().filter(|site| area.has(site.location)).map(|site| site.id.clone()).collect()
}

fn is_after(id: &str, after: Option<&str>) -> bool {
    after.is_none_or(|after| id > after)
}

fn feature(id: impl Into<Value>, geometry: Value, properties: Value) -> Value {
    json!({ "type": "Feature", "id": id.into(), "geometry": geometry, "properties": properties })
}

fn point((latitude, longitude): (f64, f64)) -> Value {
    json!({ "type": "Point", "coordinates": [longitude, latitude] })
}

fn plain_site(site: &Site) -> Value {
    let properties = json!({
        "name_ko": site.name.ko,
        "name_en": site.name.en,
        "kind": site.kind,
        "area_ko": site.area.ko,
        "area_en": site.area.en,
        "district": site.district,
        "radius_km": site.radius_km,
    });
    feature(site.id.as_str(), point(site.location), properties)
}

fn site(overview: &Overview, at: usize) -> Value {
    let mut shown = plain_site(&overview.setup.registry.sites()[at]);
    let view = overview.sites.get(at);
    let properties = &mut shown["properties"];
    properties["level"] = view.map_or("unknown", look).into();
    properties["unknown"] = view.is_none_or(|view| view.unknown).into();
    properties["silent_series"] = view.map_or(0, |view| view.silent).into();
    properties["series"] = view.map_or(0, |view| view.series).into();
    properties["incidents_open"] = view.map_or(0, |view| view.incidents.len()).into();
    shown
}

/// A station's name is its own at its site alone.
fn station_id(overview: &Overview, station: &Station) -> String {
    let site = &overview.setup.registry.sites()[station.site.index()];
    format!("{}.{}", site.id, station.id)
}

fn standing(overview: &Overview, station: &Station) -> (f64, f64) {
    let site = &overview.setup.registry.sites()[station.site.index()];
    station.location.unwrap_or(site.location)
}

fn station(overview: &Overview, station: &Station) -> Value {
    let site = &overview.setup.registry.sites()[station.site.index()];
    let properties = json!({
        "site": site.id.as_str(),
        "station": station.id.as_str(),
        "source": station.source,
        "report_interval_s": station.report_interval.as_secs_f64(),
        "own_location": station.location.is_some(),
    });
    feature(station_id(overview, station), point(standing(overview, station)), properties)
}

fn incident(overview: &Overview, record: &IncidentRecord) -> Value {
    let site = record.site.as_str();
    let zone = zone(&overview.setup, Some(site));
    let geometry = place(overview, site).map_or(Value::Null, point);
    let properties = json!({
        "site": site,
        "hazard": record.hazard.name(),
        "state": record.state.name(),
        "level": record.level.name(),
        "peak": record.peak.name(),
        "revision": record.revision,
        "opened_at": rfc3339(record.opened_at, zone),
        "revised_at": rfc3339(record.at, zone),
        "what_ko": record.what.ko,
        "what_en": record.what.en,
    });
    feature(record.id.as_str(), geometry, properties)
}

fn alert(row: &AlertRow) -> Value {
    let alert = &row.alert;
    let zone = &alert.site.zone;
    let properties = json!({
        "incident": alert.incident.as_str(),
        "revision": alert.revision,
        "site": alert.site.id.as_str(),
        "hazard": alert.hazard.name(),
        "level": alert.level.name(),
        "message_type": alert.message_type,
        "status": alert.status,
        "headline_ko": alert.headline.ko,
        "headline_en": alert.headline.en,
        "description_ko": alert.description.ko,
        "description_en": alert.description.en,
        "decided_at": rfc3339(alert.decided_at, zone),
        "expires_at": rfc3339(alert.expires_at, zone),
    });
    feature(row.id, endangered(&alert.site), properties)
}

/// Who is in danger: the ring that the alert spoke of, or the place.
fn endangered(site: &SiteFacts) -> Value {
    if site.polygon.len() < 4 {
        return point(site.location);
    }
    let mut ring: Vec<[f64; 2]> =
        site.polygon.iter().map(|(latitude, longitude)| [*longitude, *latitude]).collect();
    // RFC 7946, 3.1.6: outer rings run against the clock.
    let turns = ring.windows(2).map(|pair| (pair[1][0] - pair[0][0]) * (pair[1][1] + pair[0][1]));
    if turns.sum::<f64>() > 0.0 {
        ring.reverse();
    }
    json!({ "type": "Polygon", "coordinates": [ring] })
}
