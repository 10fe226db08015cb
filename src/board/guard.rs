//! What holds for every request: a time it may take, a count, headers that keep a browser safe, panics caught.

use std::any::Any;
use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use ingest::clock::Stopwatch;
use prometheus::IntCounter;
use tower_http::catch_panic::ResponseForPanic;
use tracing::Instrument;
use tracing::field::Empty;

use super::Shared;
use super::problem::{Kind, Problem};

/// How long a request may take until its answer begins. Live events begin at once.
const REQUEST_TIME_MAX: Duration = Duration::from_secs(10);

const HEADERS: [(HeaderName, &str); 6] = [
    (
        CONTENT_SECURITY_POLICY,
        "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    ),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    // Not no-referrer: browsers would then send our own forms without an origin.
    (REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// How long a photograph may take to come: 8 MiB over a radio that carries half a megabit a second.
const PHOTO_TIME_MAX: Duration = Duration::from_secs(150);

/// Ends what takes too long.
pub(super) async fn limit_time(request: Request, next: Next) -> Response {
    let brings_photo = request.uri().path().ends_with("/photos");
    let most = if brings_photo { PHOTO_TIME_MAX } else { REQUEST_TIME_MAX };
    match tokio::time::timeout(most, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::from(Kind::TooSlow).into_response(),
    }
}

/// Counts requests by route and kind of answer.
pub(super) async fn count(State(app): State<Shared>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or("other", MatchedPath::as_str);
    let watch = Stopwatch::start();
    let span = tracing::debug_span!("request", method = %request.method(), route, status = Empty);
    let response = next.run(request).instrument(span.clone()).await;
    span.record("status", response.status().as_u16());
    app.metrics.answered(route, response.status(), watch.elapsed());
    response
}

/// Sets what keeps a browser from doing with our pages what we did not mean.
pub(super) async fn harden(State(app): State<Shared>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if app.is_sealed() {
        headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    response
}

/// Answers for a handler that panicked, and counts it.
#[derive(Clone)]
pub(super) struct Panics(pub IntCounter);

impl ResponseForPanic for Panics {
    type ResponseBody = axum::body::Body;

    fn response_for_panic(&mut self, panic: Box<dyn Any + Send>) -> Response {
        self.0.inc();
        let said = panic.downcast_ref::<&str>().copied();
        let said = said
            .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("something");
        tracing::error!(panic = said, "a page panicked; please report this");
        Problem::from(Kind::Fault).into_response()
    }
}
