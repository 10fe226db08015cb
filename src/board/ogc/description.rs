//! `/ogc/api`: these addresses in OpenAPI 3.0, as the standard's class oas30 wants.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::asked::{LIMIT, LIMIT_MAX, Nothing};
use super::{GEOJSON, OPENAPI, base};
use crate::board::Shared;
use crate::board::api::Asked;

/// The description.
pub(in crate::board) async fn description(
    State(app): State<Shared>,
    headers: HeaderMap,
    Asked(Nothing { .. }): Asked<Nothing>,
) -> Response {
    let base = base(&app, &headers);
    let items = [path("collection"), of("bbox"), of("datetime"), of("limit"), of("after")];
    let described = json!({
        "openapi": "3.0.3",
        "info": { "title": "bongsu: OGC API Features", "version": "1" },
        "servers": [{ "url": format!("{base}/ogc") }],
        "security": [{ "token": [] }],
        "paths": {
            "/": get("landing", "application/json", &[]),
            "/api": get("description", OPENAPI, &[]),
            "/conformance": get("conformance", "application/json", &[]),
            "/collections": get("collections", "application/json", &[]),
            "/collections/{collection}": get("collection", "application/json", &[path("collection")]),
            "/collections/{collection}/items": get("items", GEOJSON, &items),
            "/collections/{collection}/items/{feature}":
                get("item", GEOJSON, &[path("collection"), path("feature")]),
        },
        "components": {
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
            "parameters": {
                "bbox": query("bbox", json!({
                    "type": "array", "minItems": 4, "maxItems": 6, "items": { "type": "number" }
                })),
                "datetime": query("datetime", json!({ "type": "string" })),
                "limit": query("limit", json!({
                    "type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT
                })),
                "after": query("after", json!({ "type": "string" })),
            },
        },
    });
    ([(CONTENT_TYPE, OPENAPI)], described.to_string()).into_response()
}

fn get(operation: &str, kind: &str, parameters: &[Value]) -> Value {
    json!({ "get": {
        "operationId": operation,
        "parameters": parameters,
        "responses": {
            "200": { "description": "As asked for.", "content": { kind: { "schema": { "type": "object" } } } },
            "default": {
                "description": "What went wrong (RFC 9457).",
                "content": { "application/problem+json": { "schema": { "type": "object" } } },
            },
        },
    }})
}

fn of(name: &str) -> Value {
    json!({ "$ref": format!("#/components/parameters/{name}") })
}

fn path(name: &str) -> Value {
    json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } })
}

fn query(name: &str, schema: Value) -> Value {
    let mut shown = json!({ "name": name, "in": "query", "required": false, "schema": schema });
    if name == "bbox" {
        shown["style"] = "form".into();
        shown["explode"] = false.into();
    }
    shown
}
