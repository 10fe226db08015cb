//! Readings of the past, in the form a station sends them on `…/backfill`: checked here, judged by the desk.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::StatusCode;
use reading::codec::{self, Message};
use reading::frame::Frame;
use serde_json::{Value, json};

use super::asked::Named;
use crate::board::access::Asking;
use crate::board::problem::{Kind, Problem};
use crate::board::{Past, Shared};

/// `POST /api/v1/sites/{site}/stations/{station}/backfill`. Answers once the desk has it.
pub(in crate::board) async fn backfill(
    State(app): State<Shared>,
    asking: Asking,
    Named((site, station)): Named<(String, String)>,
    payload: Result<Bytes, BytesRejection>,
) -> Result<Json<Value>, Problem> {
    let payload = payload.map_err(|error| match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::from(Kind::TooLarge),
        _ => Problem::from(Kind::BadRequest).detail(error.body_text()),
    })?;
    let source = source(&app, &site, &station).ok_or(Kind::NotFound)?;
    let topic = format!("bongsu/v1/{site}/{station}/backfill");
    let readings = readings(&topic, &payload)?;
    let by = asking.person.name.to_string();
    // in a task of its own: what is taken is in the trail even if its client goes away
    let work = tokio::spawn(async move {
        let sequence = app.state.past.take(Past { source, topic, payload }).await?;
        let body = json!({
            "by": by, "site": site, "station": station, "readings": readings, "sequence": sequence,
        });
        let (at, ledger) = (app.now(), app.state.ledger.clone());
        let noted = app
            .beside("note what was handed over", move || ledger.audit(at, "backfill", &body))
            .await;
        if !matches!(noted, Ok(Ok(_))) {
            tracing::error!(sequence, "readings of the past are not in the audit trail");
        }
        Ok::<u64, String>(sequence)
    });
    let taken = work.await.map_err(|error| Problem::fault("take readings of the past", &error))?;
    let sequence = taken.map_err(|error| Problem::from(Kind::Busy).detail(error))?;
    Ok(Json(json!({ "sequence": sequence, "readings": readings })))
}

/// The collector a station reports through.
pub(super) fn source(app: &Shared, site: &str, station: &str) -> Option<String> {
    let registry = &app.live.facts().overview.setup.registry;
    let found = registry.station(registry.site(site)?, station)?;
    Some(registry.stations()[found.index()].source.clone())
}

/// How many readings a message claims; one that the desk could not read is refused here, by name.
fn readings(topic: &str, payload: &[u8]) -> Result<usize, Problem> {
    let frame =
        Frame { source: "", topic, payload, received_at: Default::default(), retained: false };
    match codec::decode(&frame) {
        Ok(Message::Report(report)) => Ok(report.claims.len()),
        Ok(Message::Status(_) | Message::Receipt(_)) => Err(Kind::BadRequest.into()),
        Err(error) => {
            let said = format!("{}: {error}", error.name());
            Err(Problem::from(Kind::BadRequest).detail(said))
        }
    }
}
