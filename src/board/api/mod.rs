//! The API under `/api/v1/`: what the board knows and does, for programs.
//!
//! Lists are `{"items":[…],"next":cursor}`; `next` is `null` at the end, else the `before` (or `after`) of the next
//! request. Times are RFC 3339 with the offset of the site they are about. Errors are RFC 9457 documents.

mod asked;
mod shown;
mod lists;
mod readings;
mod orders;
mod standing;
mod past;
mod quarantined;
mod stations;

use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;

pub(super) use asked::{Asked, Named, Page, Sent, limit};
pub(super) use lists::{
    adoptions, alerts, audit, balance, deliveries, delivery, incident, incidents, quarantine, site,
    sites,
};
pub(super) use orders::{Giver, Remembered, Said, checked, give, order, settle};
pub(super) use past::backfill;
pub(super) use quarantined::re_run;
pub(super) use readings::readings;
pub(super) use shown::{decision, since};
pub(super) use standing::{
    end, maintain, maintenance, re_zero, report, reports, silence, silences, zeros,
};
pub(super) use stations::{order_station, station, stations};

/// The description of all this.
pub(super) const OPENAPI: &str = include_str!("../assets/openapi.json");

/// `/api/v1/openapi.json`.
pub(super) async fn openapi() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/vnd.oai.openapi+json;version=3.1")], OPENAPI)
}
