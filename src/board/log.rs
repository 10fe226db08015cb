//! How loud the log is, room by room: looked at, and changed while bongsu runs. Who changed it is in the trail.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Shared;
use super::access::Asking;
use super::api::Sent;
use super::problem::{Kind, Problem};
use crate::logging::LevelError;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    room: String,
    level: String,
}

/// `GET /api/v1/log`.
pub(super) async fn levels(State(app): State<Shared>) -> Json<Value> {
    Json(shown(&app))
}

/// `POST /api/v1/log`: until bongsu ends.
pub(super) async fn set(
    State(app): State<Shared>,
    asking: Asking,
    Sent(Wanted { room, level }): Sent<Wanted>,
) -> Result<Json<Value>, Problem> {
    app.state.log.set(&room, &level).map_err(|error| match error {
        LevelError::Room(_) | LevelError::Level(_) => {
            Problem::from(Kind::BadRequest).detail(error.to_string())
        }
        LevelError::Ended => Problem::fault("change the log", &error),
    })?;
    let (by, at) = (asking.person.name.to_string(), app.now());
    tracing::info!(%by, room, level, "the log was changed");
    let entry = json!({ "what": "level", "room": room, "level": level, "by": by });
    app.read(move |ledger| ledger.audit(at, "log", &entry)).await?;
    Ok(Json(shown(&app)))
}

fn shown(app: &Shared) -> Value {
    let room = |(room, level): (&str, &str)| json!({ "room": room, "level": level });
    let items: Vec<Value> = app.state.log.all().into_iter().map(room).collect();
    json!({ "items": items, "next": null })
}
