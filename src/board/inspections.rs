//! What people do and find at sites: work that is ordered, noted and closed, and photographs.

use std::sync::Arc;

use alerting::catalogue::{self, Language};
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use reading::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::access::Asking;
use super::administration::{Field, Form};
use super::api::{Asked, Giver, Named, Sent, limit};
use super::problem::{Kind, Problem};
use super::words::{site, zone};
use super::{App, Shared};
use crate::inspections::{Changes, Inspection, InspectionError, Inspections, NewWork, Photo, Work};
use crate::moment::{HOME_ZONE, Shown, rfc3339};

/// How many photographs and how much work a page of a site shows.
const SHOWN_MAX: u32 = 12;

#[derive(Deserialize)]
pub(super) struct ListAsked {
    site: Option<String>,
    before: Option<i64>,
    limit: Option<u32>,
}

/// `GET /api/v1/inspections`, newest first.
pub(super) async fn list(
    State(app): State<Shared>,
    Asked(asked): Asked<ListAsked>,
) -> Result<Json<Value>, Problem> {
    let limit = limit(asked.limit)?;
    let ListAsked { site, before, .. } = asked;
    let mut rows = work(&app, move |all| all.list(site.as_deref(), before, limit + 1)).await?;
    let more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let next = rows.last().filter(|_| more).map(|last| last.id);
    let items: Vec<Value> = rows.iter().map(shown).collect();
    Ok(Json(json!({ "items": items, "next": next })))
}

fn shown(one: &Inspection) -> Value {
    let at = |at| rfc3339(at, HOME_ZONE);
    json!({
        "id": one.id,
        "site": one.site,
        "incident": Some(&one.incident).filter(|incident| !incident.is_empty()),
        "kind": one.kind.name(),
        "what": one.what,
        "due": Some(&one.due).filter(|due| !due.is_empty()),
        "opened_at": at(one.opened_at),
        "opened_by": one.opened_by,
        "entries": one.entries.iter().map(|entry| json!({
            "at": at(entry.at), "by": entry.by, "note": entry.note,
        })).collect::<Vec<_>>(),
        "done": one.done.as_ref().map(|done| json!({
            "at": at(done.at), "by": done.by, "result": done.result,
        })),
    })
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ordered {
    kind: Work,
    what: String,
    #[serde(default)]
    incident: String,
    #[serde(default)]
    due: String,
}

/// `POST /api/v1/sites/{site}/inspections`: somebody is to go.
pub(super) async fn order(
    State(app): State<Shared>,
    giver: Giver,
    Named(site): Named,
    Sent(ordered): Sent<Ordered>,
) -> Result<Json<Value>, Problem> {
    known(&app, &site)?;
    let incident = ordered.incident.clone();
    if !incident.is_empty() && super::words::site_of(&incident) != Some(&*site) {
        return Err(Problem::unfit("`incident` is none of this site"));
    }
    let said = json!({ "order": ordered, "site": site });
    change(&app, giver, &site.clone(), ("ordered", said), move |changes, by, at| {
        let Ordered { kind, what, incident, due } = &ordered;
        let new = NewWork { site: &site, incident, kind: *kind, what, due };
        changes.order(&new, by, at)
    })
    .await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Noted {
    note: String,
}

/// `POST /api/v1/sites/{site}/inspections/{inspection}/entries`.
pub(super) async fn note(
    State(app): State<Shared>,
    giver: Giver,
    Named((site, id)): Named<(String, i64)>,
    Sent(Noted { note }): Sent<Noted>,
) -> Result<Json<Value>, Problem> {
    let said = json!({ "note": note, "site": site, "inspection": id });
    change(&app, giver, &site.clone(), ("noted", said), move |changes, by, at| {
        changes.note(&site, id, &note, by, at)
    })
    .await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Closed {
    result: String,
}

/// `POST /api/v1/sites/{site}/inspections/{inspection}/close`: its result closes it.
pub(super) async fn close(
    State(app): State<Shared>,
    giver: Giver,
    Named((site, id)): Named<(String, i64)>,
    Sent(Closed { result }): Sent<Closed>,
) -> Result<Json<Value>, Problem> {
    let said = json!({ "result": result, "site": site, "inspection": id });
    change(&app, giver, &site.clone(), ("closed", said), move |changes, by, at| {
        changes.close(&site, id, &result, by, at)
    })
    .await
}

#[derive(Deserialize)]
pub(super) struct PhotoAsked {
    #[serde(default)]
    about: String,
}

/// `POST /api/v1/sites/{site}/photos?about=…`: the picture itself is the body. What it is its bytes say.
pub(super) async fn take_photo(
    State(app): State<Shared>,
    asking: Asking,
    Named(site): Named,
    Asked(PhotoAsked { about }): Asked<PhotoAsked>,
    payload: Result<Bytes, BytesRejection>,
) -> Result<Json<Value>, Problem> {
    known(&app, &site)?;
    let bytes = payload.map_err(|error| match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::from(Kind::TooLarge),
        _ => Problem::from(Kind::BadRequest).detail(error.body_text()),
    })?;
    if about.len() > 64 || !about.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
        return Err(Problem::from(Kind::BadRequest).detail("`about` is an id".to_owned()));
    }
    let (by, at) = (asking.person.name.to_string(), app.now());
    let ledger = app.state.ledger.clone();
    let kept = work(&app, move |all| {
        let photo = all.keep(&site, &about, &bytes, &by, at)?;
        let body =
            json!({ "what": "photo", "site": site, "photo": photo.id, "about": about, "by": by });
        note_in_trail(&ledger, at, &body);
        Ok(photo)
    })
    .await?;
    Ok(Json(json!({ "id": kept.id, "media": kept.media, "length": kept.length })))
}

/// `/photos/{photo}`: as the picture it is, and as nothing else.
pub(super) async fn photo(
    State(app): State<Shared>,
    Named(id): Named,
) -> Result<Response, Problem> {
    let found = work(&app, move |all| all.photo(&id)).await?;
    let (photo, bytes) = found.ok_or(Kind::NotFound)?;
    let headers = [
        (CONTENT_TYPE, photo.media),
        (CONTENT_DISPOSITION, "inline; filename=\"photo\""),
        (CACHE_CONTROL, "private, max-age=86400"),
    ];
    Ok((headers, bytes).into_response())
}

fn known(app: &App, id: &str) -> Result<(), Problem> {
    let facts = app.live.facts();
    site(&facts.overview.setup, id).map(|_| ()).ok_or_else(|| Kind::NotFound.into())
}

/// Works with the file beside the tasks that serve.
async fn work<T: Send + 'static>(
    app: &Shared,
    with: impl FnOnce(&Inspections) -> Result<T, InspectionError> + Send + 'static,
) -> Result<T, Problem> {
    let all = app.state.inspections.clone();
    app.beside("keep inspections", move || with(&all)).await?.map_err(refused)
}

/// Changes something once, however often it is sent under the same name.
async fn change(
    app: &Shared,
    giver: Giver,
    site: &str,
    (what, said): (&'static str, Value),
    with: impl FnOnce(&Changes<'_>, &str, Timestamp) -> Result<i64, InspectionError> + Send + 'static,
) -> Result<Json<Value>, Problem> {
    let by = giver.asking.person.name.to_string();
    let named = format!("{by}/{}", giver.key);
    let (at, ledger, site) = (app.now(), app.state.ledger.clone(), site.to_owned());
    // what was begun is done even if its client goes away
    let id = work(app, move |all| {
        let (id, now) = all.once(&named, &said.to_string(), |changes| with(changes, &by, at))?;
        if now {
            let body = json!({ "what": what, "site": site, "inspection": id, "by": by });
            note_in_trail(&ledger, at, &body);
        }
        Ok(id)
    })
    .await?;
    Ok(Json(json!({ "id": format!("inspection-{id}"), "done": what })))
}

/// Into the trail. What was done is done though the trail fails: the ledger's own trouble is told where it is known.
fn note_in_trail(ledger: &Arc<delivery::Ledger>, at: Timestamp, body: &Value) {
    if let Err(error) = ledger.audit(at, "inspection", body) {
        tracing::error!(%error, "an inspection is not in the audit trail");
    }
}

fn refused(error: InspectionError) -> Problem {
    match error {
        InspectionError::Unknown => Kind::NotFound.into(),
        InspectionError::Reused => Kind::KeyReused.into(),
        InspectionError::Text => Problem::unfit(error.to_string()),
        InspectionError::Full | InspectionError::NoRoom => {
            Problem::from(Kind::Refused).detail(error.to_string())
        }
        InspectionError::NoPhoto => Problem::from(Kind::WrongMedia).detail(error.to_string()),
        InspectionError::Database { .. }
        | InspectionError::Photo { .. }
        | InspectionError::Newer { .. } => Problem::fault("keep inspections", &error),
    }
}

/// Work as a page shows it.
#[derive(Serialize)]
pub(super) struct Shows {
    id: i64,
    word: &'static str,
    what: String,
    due: String,
    incident: String,
    opened: Shown,
    opened_by: String,
    entries: Vec<(Shown, String, String)>,
    result: Option<(Shown, String, String)>,
    forms: Vec<Form>,
}

/// A photograph as a page shows it.
#[derive(Serialize)]
pub(super) struct Picture {
    id: String,
    about: String,
    at: Shown,
    by: String,
}

/// What a page shows of the log of a site.
#[derive(Serialize)]
pub(super) struct Log {
    work: Vec<Shows>,
    /// Whether there is older work.
    more: bool,
    photos: Vec<Picture>,
    /// How more comes in.
    forms: Vec<Form>,
}

/// The log of a site: work and photographs, newest first; and the forms by which more comes in.
pub(super) async fn log(app: &Shared, id: &str, may: bool, language: Language) -> Log {
    let wanted = id.to_owned();
    let read = work(app, move |all| {
        Ok((all.list(Some(&wanted), None, SHOWN_MAX + 1)?, all.photos(&wanted, SHOWN_MAX)?))
    });
    // told in the log; the rest of the page is worth having
    let (mut rows, photos) = read.await.unwrap_or_default();
    let more = rows.len() > SHOWN_MAX as usize;
    rows.truncate(SHOWN_MAX as usize);
    let facts = app.live.facts();
    let zone = zone(&facts.overview.setup, Some(id));
    let work = rows.into_iter().map(|one| shows(one, zone, may, language)).collect();
    let picture = |photo: Photo| Picture {
        id: photo.id,
        about: photo.about,
        at: Shown::new(photo.at, zone),
        by: photo.by,
    };
    let forms = if may { vec![order_form(id, "", language)] } else { vec![] };
    Log { work, more, photos: photos.into_iter().map(picture).collect(), forms }
}

fn shows(one: Inspection, zone: &str, may: bool, language: Language) -> Shows {
    let shown = |at| Shown::new(at, zone);
    let address = format!("/api/v1/sites/{}/inspections/{}", one.site, one.id);
    let forms = if may && one.done.is_none() {
        let note = Form {
            post: format!("{address}/entries"),
            fields: vec![
                Field::text("note", "board-note", language).needed(),
                Field::photo(&one.site, language),
            ],
            submit: catalogue::message("work-note", language),
            ..Form::default()
        };
        let close = Form {
            post: format!("{address}/close"),
            fields: vec![
                Field::text("result", "work-result", language).needed(),
                Field::photo(&one.site, language),
            ],
            submit: catalogue::message("work-close", language),
            ..Form::default()
        };
        vec![note, close]
    } else {
        vec![]
    };
    Shows {
        id: one.id,
        word: catalogue::message(one.kind.key(), language),
        what: one.what,
        due: one.due,
        incident: one.incident,
        opened: shown(one.opened_at),
        opened_by: one.opened_by,
        entries: one
            .entries
            .into_iter()
            .map(|entry| (shown(entry.at), entry.by, entry.note))
            .collect(),
        result: one.done.map(|done| (shown(done.at), done.by, done.result)),
        forms,
    }
}

/// The form that sends somebody to a site, because of an incident if of one.
pub(super) fn order_form(site: &str, incident: &str, language: Language) -> Form {
    let kinds = Work::ALL
        .map(|kind| (kind.name().to_owned(), catalogue::message(kind.key(), language).to_owned()));
    let mut fields = vec![
        Field::choice("kind", "work-kind", kinds.to_vec(), language),
        Field::text("what", "work-what", language).needed(),
        Field::text("due", "work-due", language),
    ];
    if !incident.is_empty() {
        fields.push(Field::fixed("incident", incident));
    }
    Form {
        title: catalogue::message("work-order", language).into(),
        post: format!("/api/v1/sites/{site}/inspections"),
        fields,
        submit: catalogue::message("work-order", language),
        about: catalogue::message("work-about", language).into(),
    }
}
