//! Published CAP documents and their feed, for everybody.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use delivery::channel::cap::{Feed, mark};

use super::api::Named;
use super::problem::{Kind, Problem};
use super::{Shared, in_turn, turn};

const FEED: &str = "application/atom+xml; charset=utf-8";
const RSS: &str = "application/rss+xml; charset=utf-8";
const DOCUMENT: &str = "application/cap+xml; charset=utf-8";

/// How long others may keep a copy before they ask again, seconds.
const FEED_KEPT: &str = "public, max-age=10";
const DOCUMENT_KEPT: &str = "public, max-age=86400";

/// The Atom feed of what stands.
pub(super) async fn feed(
    State(app): State<Shared>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let store = app.state.cap.as_ref().ok_or(Kind::NotFound)?;
    Ok(fed(&headers, FEED, store.feed(app.now())))
}

/// The same as RSS.
pub(super) async fn rss(
    State(app): State<Shared>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let store = app.state.cap.as_ref().ok_or(Kind::NotFound)?;
    Ok(fed(&headers, RSS, store.rss(app.now())))
}

/// One document, exactly as published.
pub(super) async fn document(
    State(app): State<Shared>,
    Named(document): Named,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let store = app.state.cap.clone().ok_or(Kind::NotFound)?;
    let identifier = document.strip_suffix(".xml").ok_or(Kind::NotFound)?.to_string();
    let turn = turn(&app.public_reads).await?;
    let bytes = in_turn(turn, move || store.served(&identifier))
        .await
        .map_err(|error| Problem::fault("read a CAP document", &error))?
        .ok_or(Kind::NotFound)?;
    let mark = mark(&bytes);
    Ok(tagged(&headers, DOCUMENT, DOCUMENT_KEPT, &mark, bytes.into()))
}

fn fed(headers: &HeaderMap, content_type: &'static str, feed: Feed) -> Response {
    tagged(headers, content_type, FEED_KEPT, &feed.mark, feed.text)
}

/// The bytes, or that they are what the client has. The tag is weak: the bytes may travel compressed.
fn tagged(
    headers: &HeaderMap,
    content_type: &'static str,
    kept: &'static str,
    mark: &str,
    bytes: Bytes,
) -> Response {
    let tag = format!("W/\"{mark}\"");
    let known = headers.get_all(IF_NONE_MATCH).iter().filter_map(|line| line.to_str().ok());
    let known = known
        .flat_map(|line| line.split(','))
        .any(|given| given.trim() == "*" || given.contains(mark));
    let about = [(CACHE_CONTROL, kept.to_string()), (ETAG, tag)];
    if known {
        return (StatusCode::NOT_MODIFIED, about).into_response();
    }
    (about, [(CONTENT_TYPE, content_type)], bytes).into_response()
}
