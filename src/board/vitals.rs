//! Whether the daemon is alive and does its work: metrics, health, readiness.

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use prometheus::{Encoder, TextEncoder};
use reading::registry::Text;

use super::Shared;
use super::problem::Problem;

/// How a part of the daemon is doing, in one word; the worst is the greatest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Vital {
    /// As it should be.
    Ok,
    /// Works, with something to look at.
    Degraded,
    /// Not there yet.
    Starting,
    /// Does not do its work.
    Failed,
}

impl Vital {
    /// The word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Degraded => "degraded",
            Self::Starting => "starting",
            Self::Failed => "failed",
        }
    }
}

/// One part of the daemon and how it is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Which part: `journal`, `desk`, a collector by name.
    pub name: String,
    /// How it is doing.
    pub vital: Vital,
    /// What is known about it; shown to people who are signed in only.
    pub detail: Text,
}

impl Check {
    /// A part, and how it is doing.
    pub fn new(name: impl Into<String>, vital: Vital, detail: Text) -> Self {
        Self { name: name.into(), vital, detail }
    }
}

/// How the daemon's own parts are doing.
pub trait Health: Send + Sync {
    /// Every check. Asked once a second, from a blocking task.
    fn checks(&self) -> Vec<Check>;
}

/// Every metric, for Prometheus.
pub(super) async fn metrics(State(app): State<Shared>) -> Result<Response, Problem> {
    let encoder = TextEncoder::new();
    let mut text = Vec::new();
    encoder
        .encode(&app.state.metrics.gather(), &mut text)
        .map_err(|error| Problem::fault("write the metrics", &error))?;
    Ok(([(CONTENT_TYPE, prometheus::TEXT_FORMAT)], text).into_response())
}

/// Whether it is alive: fails only if a part does not do its work.
pub(super) async fn health(State(app): State<Shared>) -> Response {
    told(&app.live.facts().checks, |vital| vital != Vital::Failed)
}

/// Whether it does its work: fails also while a part is starting.
pub(super) async fn ready(State(app): State<Shared>) -> Response {
    told(&app.live.facts().checks, |vital| matches!(vital, Vital::Ok | Vital::Degraded))
}

/// One word a check: what more is known is for people who are signed in.
fn told(checks: &[Check], good: impl Fn(Vital) -> bool) -> Response {
    let worst = checks.iter().map(|check| check.vital).max().unwrap_or(Vital::Ok);
    let status = if good(worst) { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let lines = checks.iter().map(|check| format!("{}: {}\n", check.name, check.vital.word()));
    let text: String = [format!("{}\n", worst.word())].into_iter().chain(lines).collect();
    (status, [(CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
}
