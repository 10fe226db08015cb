//! `/ogc/`: OGC API Features, Part 1 (17-069r4): sites, stations, incidents and alerts as GeoJSON, for QGIS, GDAL and
//! the GIS of the situation room.
//!
//! Claimed are the classes core, geojson and oas30. A query that is not understood is refused, as the standard wants.

mod asked;
mod description;
mod features;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_TYPE, HOST};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::api::{Asked, Named};
use super::problem::{Kind, Problem};
use super::{App, Shared};
use asked::{ItemsAsked, Nothing, Wanted};
pub(super) use description::description;
pub(super) use features::{Collection, place, sites};

const GEOJSON: &str = "application/geo+json";

/// OpenAPI 3.0, which is what the standard and GDAL know.
const OPENAPI: &str = "application/vnd.oai.openapi+json;version=3.0";

/// Longitude and latitude, WGS 84.
const CRS: &str = "http://www.opengis.net/def/crs/OGC/1.3/CRS84";

/// The address others reach us by; links are whole addresses.
pub(super) fn base(app: &App, headers: &HeaderMap) -> String {
    if let Some(url) = &app.state.public_url {
        return url.clone();
    }
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':' | b'[' | b']');
    let host = if host.bytes().all(plain) { host } else { "" };
    let scheme = if app.is_sealed() { "https" } else { "http" };
    format!("{scheme}://{host}")
}

fn link(rel: &str, kind: &str, href: String) -> Value {
    json!({ "rel": rel, "type": kind, "href": href })
}

/// `/ogc`: what there is.
pub(super) async fn landing(
    State(app): State<Shared>,
    headers: HeaderMap,
    Asked(Nothing { .. }): Asked<Nothing>,
) -> Json<Value> {
    let base = base(&app, &headers);
    let setup = &app.live.facts().overview.setup;
    Json(json!({
        "title": setup.sender.en,
        "description": "Early warning for steep slopes and aging facilities / 급경사지·노후시설물 재난안전 조기경보",
        "links": [
            link("self", "application/json", format!("{base}/ogc")),
            link("service-desc", OPENAPI, format!("{base}/ogc/api")),
            link("conformance", "application/json", format!("{base}/ogc/conformance")),
            link("data", "application/json", format!("{base}/ogc/collections")),
        ],
    }))
}

/// `/ogc/conformance`: what of the standard is kept.
pub(super) async fn conformance(Asked(Nothing { .. }): Asked<Nothing>) -> Json<Value> {
    Json(json!({ "conformsTo": [
        "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core",
        "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/oas30",
        "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/geojson",
    ]}))
}

/// `/ogc/collections`.
pub(super) async fn collections(
    State(app): State<Shared>,
    headers: HeaderMap,
    Asked(Nothing { .. }): Asked<Nothing>,
) -> Json<Value> {
    let base = base(&app, &headers);
    let all = Collection::ALL.map(|collection| described(&app, collection, &base));
    let links = [link("self", "application/json", format!("{base}/ogc/collections"))];
    Json(json!({ "links": links, "collections": all }))
}

/// `/ogc/collections/{collection}`.
pub(super) async fn collection(
    State(app): State<Shared>,
    Named(name): Named,
    headers: HeaderMap,
    Asked(Nothing { .. }): Asked<Nothing>,
) -> Result<Json<Value>, Problem> {
    let collection = Collection::parse(&name).ok_or(Kind::NotFound)?;
    Ok(Json(described(&app, collection, &base(&app, &headers))))
}

fn described(app: &App, collection: Collection, base: &str) -> Value {
    let name = collection.name();
    let here = format!("{base}/ogc/collections/{name}");
    let sites = app.live.facts().overview.clone();
    let mut described = json!({
        "id": name,
        "title": collection.title(),
        "itemType": "feature",
        "crs": [CRS],
        "links": [
            link("self", "application/json", here.clone()),
            link("items", GEOJSON, format!("{here}/items")),
        ],
    });
    if let Some(extent) = features::extent(sites.setup.registry.sites()) {
        described["extent"] = json!({ "spatial": { "bbox": [extent], "crs": CRS } });
    }
    described
}

/// `/ogc/collections/{collection}/items`.
pub(super) async fn items(
    State(app): State<Shared>,
    Named(name): Named,
    headers: HeaderMap,
    Asked(asked): Asked<ItemsAsked>,
) -> Result<Response, Problem> {
    let collection = Collection::parse(&name).ok_or(Kind::NotFound)?;
    let query = asked.query();
    let wanted = Wanted::read(asked)?;
    let (limit, after) = (wanted.limit, wanted.after.clone());
    let page = features::read(&app, collection, wanted).await?;
    let here = format!("{}/ogc/collections/{name}/items", base(&app, &headers));
    let this = after.map_or(String::new(), |after| format!("&after={after}"));
    let mut links = vec![link("self", GEOJSON, format!("{here}?limit={limit}{query}{this}"))];
    if let Some(next) = &page.next {
        links.push(link("next", GEOJSON, format!("{here}?limit={limit}{query}&after={next}")));
    }
    let shown = json!({
        "type": "FeatureCollection",
        "timeStamp": app.now().to_string(),
        "numberReturned": page.features.len(),
        "links": links,
        "features": page.features,
    });
    Ok(geojson(&shown))
}

/// `/ogc/collections/{collection}/items/{feature}`.
pub(super) async fn item(
    State(app): State<Shared>,
    Named((name, id)): Named<(String, String)>,
    headers: HeaderMap,
    Asked(Nothing { .. }): Asked<Nothing>,
) -> Result<Response, Problem> {
    let collection = Collection::parse(&name).ok_or(Kind::NotFound)?;
    let mut feature = features::one(&app, collection, &id).await?.ok_or(Kind::NotFound)?;
    let here = format!("{}/ogc/collections/{name}", base(&app, &headers));
    feature["links"] = json!([
        link("self", GEOJSON, format!("{here}/items/{}", super::problem::escaped(&id))),
        link("collection", "application/json", here),
    ]);
    Ok(geojson(&feature))
}

fn geojson(value: &Value) -> Response {
    ([(CONTENT_TYPE, GEOJSON)], value.to_string()).into_response()
}
