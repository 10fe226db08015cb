//! `/open/`: what everybody may have, where the operator says so: sites, and the alerts that the public was told, as
//! CSV and GeoJSON with a description in DCAT. No person, no recipient, no reading, no level that was not announced.

use std::fmt::Write as _;

use alerting::catalogue::{self, Language};
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::Shared;
use super::access::peer;
use super::api::Named;
use super::ogc::{base, place, sites};
use super::problem::{Kind, Problem};
use super::throttle::WINDOW_SECS;
use super::words::site_of;

/// How long others may keep a copy, seconds.
const KEPT: &str = "public, max-age=60";

/// How many alerts are given, the newest.
const ALERTS_MAX: usize = 1_000;

/// Lets requests in if the operator opened this, and not too many of them.
pub(super) async fn gate(State(app): State<Shared>, request: Request, next: Next) -> Response {
    if !app.state.open_data {
        return Problem::from(Kind::NotFound).into_response();
    }
    if app.throttle.asked(peer(&request), app.state.tokens.clock().at()) {
        return Problem::from(Kind::TooMany).retry_after(WINDOW_SECS).into_response();
    }
    next.run(request).await
}

/// `/open/catalog.jsonld`: DCAT 3, what there is and in which forms.
pub(super) async fn catalog(State(app): State<Shared>, headers: HeaderMap) -> Response {
    let base = base(&app, &headers);
    let setup = &app.live.facts().overview.setup;
    let both = |key: &'static str| {
        json!([
            { "@value": catalogue::message(key, Language::Ko), "@language": "ko" },
            { "@value": catalogue::message(key, Language::En), "@language": "en" },
        ])
    };
    let dataset = |name: &str, title: &'static str, about: &'static str| {
        let form = |end: &str, kind: &str| {
            json!({
                "@type": "dcat:Distribution",
                "dcat:downloadURL": { "@id": format!("{base}/open/{name}.{end}") },
                "dcat:mediaType": { "@id": format!("https://www.iana.org/assignments/media-types/{kind}") },
            })
        };
        json!({
            "@type": "dcat:Dataset",
            "@id": format!("{base}/open/{name}"),
            "dct:identifier": name,
            "dct:title": both(title),
            "dct:description": both(about),
            "dct:accessRights": {
                "@id": "http://publications.europa.eu/resource/authority/access-right/PUBLIC"
            },
            "dcat:distribution": [form("csv", "text/csv"), form("geojson", "application/geo+json")],
        })
    };
    let catalog = json!({
        "@context": {
            "dcat": "http://www.w3.org/ns/dcat#",
            "dct": "http://purl.org/dc/terms/",
            "foaf": "http://xmlns.com/foaf/0.1/",
        },
        "@type": "dcat:Catalog",
        "@id": format!("{base}/open/catalog.jsonld"),
        "dct:title": both("open-title"),
        "dct:publisher": { "@type": "foaf:Agent", "foaf:name": [
            { "@value": setup.sender.ko, "@language": "ko" },
            { "@value": setup.sender.en, "@language": "en" },
        ]},
        "dct:modified": app.now().to_string(),
        "dcat:dataset": [
            dataset("sites", "open-sites", "open-sites-about"),
            dataset("alerts", "open-alerts", "open-alerts-about"),
        ],
    });
    told("application/ld+json", catalog.to_string())
}

/// `/open/{file}`.
pub(super) async fn file(
    State(app): State<Shared>,
    Named(file): Named,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let features = match file.rsplit_once('.').map_or("", |(name, _)| name) {
        "sites" => sites(&app.live.facts().overview),
        "alerts" => alerts(&app, &base(&app, &headers)),
        _ => return Err(Kind::NotFound.into()),
    };
    match file.rsplit_once('.').map_or("", |(_, end)| end) {
        "geojson" => {
            let all = json!({ "type": "FeatureCollection", "features": features });
            Ok(told("application/geo+json", all.to_string()))
        }
        "csv" => Ok(told("text/csv; charset=utf-8; header=present", csv(&features))),
        _ => Err(Kind::NotFound.into()),
    }
}

fn told(kind: &'static str, text: String) -> Response {
    ([(CONTENT_TYPE, kind), (CACHE_CONTROL, KEPT)], text).into_response()
}

/// The alerts that the public was told: what is in the CAP feed, and was.
fn alerts(app: &Shared, base: &str) -> Vec<Value> {
    let Some(store) = &app.state.cap else { return vec![] };
    let overview = &app.live.facts().overview;
    let shown = |one: delivery::channel::cap::Published| {
        let site = site_of(&one.incident).unwrap_or_default();
        let geometry = place(overview, site).map_or(Value::Null, |(latitude, longitude)| {
            json!({ "type": "Point", "coordinates": [longitude, latitude] })
        });
        let properties = json!({
            "site": site,
            "status": one.status,
            "message_type": one.message_type,
            "sent": one.sent,
            "expires": one.expires_at.to_string(),
            "headline_ko": one.headline,
            "headline_en": one.headline_en,
            "cap": format!("{base}/cap/{}.xml", one.identifier),
        });
        json!({ "type": "Feature", "id": one.identifier, "geometry": geometry, "properties": properties })
    };
    store.public().into_iter().take(ALERTS_MAX).map(shown).collect()
}

/// Features as a table (RFC 4180): id, longitude, latitude, then the properties by name.
fn csv(features: &[Value]) -> String {
    let empty = serde_json::Map::new();
    let properties = |feature: &Value| feature["properties"].as_object().cloned();
    let columns: Vec<String> =
        features.first().and_then(properties).unwrap_or(empty).keys().cloned().collect();
    let mut text = String::from("id,longitude,latitude");
    for column in &columns {
        write!(text, ",{column}").ok();
    }
    text.push_str("\r\n");
    for feature in features {
        let at = &feature["geometry"]["coordinates"];
        let first = [&feature["id"], &at[0], &at[1]].map(cell);
        let rest = columns.iter().map(|column| cell(&feature["properties"][column]));
        let row: Vec<String> = first.into_iter().chain(rest).collect();
        text.push_str(&row.join(","));
        text.push_str("\r\n");
    }
    text
}

fn cell(value: &Value) -> String {
    let text = match value {
        Value::Null => return String::new(),
        Value::String(text) => text,
        other => return other.to_string(),
    };
    // What a spreadsheet would take for a formula is text.
    let guard = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
    if guard.is_empty() && !text.contains([',', '"', '\n', '\r']) {
        return text.clone();
    }
    format!("\"{guard}{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_where_they_have_to_be_and_never_formulas() {
        let table = [
            (json!("plain"), "plain"),
            (json!("광덕산, 3지구"), "\"광덕산, 3지구\""),
            (json!("say \"now\""), "\"say \"\"now\"\"\""),
            (json!("=HYPERLINK(1)"), "\"'=HYPERLINK(1)\""),
            (json!(-1.5), "-1.5"),
            (json!(null), ""),
            (json!(true), "true"),
        ];
        for (value, text) in table {
            assert_eq!(cell(&value), text, "{value}");
        }
    }
}
