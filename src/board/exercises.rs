//! Drills: what goes on beside what a board shows, who starts and ends one, and what came of it.
//!
//! A drill runs beside live operation with a board of its own. Both boards say so on every page: the live one that
//! there is a drill, that of the drill that something really happens.

use std::sync::Arc;

use alerting::catalogue::{self, Language};
use axum::Json;
use axum::extract::State;
use axum::response::Html;
use futures_util::future::BoxFuture;
use minijinja::context;
use minijinja::value::{Serde, Value};
use reading::registry::Text;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::access::Asking;
use super::api::{Named, Sent};
use super::language::Reads;
use super::problem::{Kind, Problem};
use super::words::say;
use super::{Role, Shared};
use crate::exercise::Report;

/// What goes on beside what a board shows.
pub trait Beside: Send + Sync {
    /// At present; `None` where there is nothing to say.
    fn now(&self) -> Option<Notice>;
}

/// What is said on every page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// How serious that is.
    pub kind: NoticeKind,
    /// What goes on.
    pub what: Text,
    /// Where it is shown.
    pub link: Option<String>,
}

/// How serious it is, what goes on beside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NoticeKind {
    /// A drill: nothing is really happening there.
    Exercise,
    /// Something is really happening.
    Real,
}

impl NoticeKind {
    const fn name(self) -> &'static str {
        match self {
            Self::Exercise => "exercise",
            Self::Real => "real",
        }
    }
}

/// A board with nothing beside it.
#[cfg(test)]
pub(super) struct Alone;

#[cfg(test)]
impl Beside for Alone {
    fn now(&self) -> Option<Notice> {
        None
    }
}

/// What is asked of a drill.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DrillOrder {
    /// A scenario that comes with the program, by name; with `file`, what the file is called.
    pub scenario: String,
    /// The text of a scenario in a file.
    #[serde(default)]
    pub file: Option<String>,
    /// The sites of the scenario that take part; all if empty.
    #[serde(default)]
    pub sites: Vec<String>,
    /// How many times as fast as real time.
    #[serde(default)]
    pub speed: Option<f64>,
}

/// Why a drill did not start or end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DrillError {
    /// It cannot be done at present, or not like that.
    Refused(Text),
    /// It was tried and went wrong; what is said is for the log.
    Failed(String),
    /// There is no such drill.
    Unknown,
}

/// Who starts and ends drills.
pub trait Drills: Send + Sync {
    /// Starts one. Ends once it runs.
    fn start(&self, order: DrillOrder, by: &str) -> BoxFuture<'_, Result<Report, DrillError>>;
    /// Ends the one that runs, and says what came of it.
    fn stop(&self, by: &str) -> BoxFuture<'_, Result<Report, DrillError>>;
    /// Every drill that there is something of, newest first. Waits for the disk.
    fn list(&self) -> Vec<Report>;
    /// What came of one, so far. Waits for the disk.
    fn report(&self, id: &str) -> Result<Report, DrillError>;
}

/// What every page says of what goes on beside it.
pub(super) fn drawn(beside: &dyn Beside, language: Language) -> Value {
    match beside.now() {
        None => Value::from(()),
        Some(notice) => context! {
            kind => notice.kind.name(),
            what => say(&notice.what, language),
            link => notice.link,
        },
    }
}

type Answer = Result<Json<serde_json::Value>, Problem>;

/// `POST /api/v1/exercises`.
pub(super) async fn start(
    State(app): State<Shared>,
    asking: Asking,
    Reads(language): Reads,
    Sent(order): Sent<DrillOrder>,
) -> Answer {
    let drills = drills(&app)?;
    // In a task of its own: what was begun is done even if its client goes away.
    let work = tokio::spawn(async move { drills.start(order, &asking.person.name).await });
    told(work.await.map_err(|error| Problem::fault("start a drill", &error))?, language)
}

/// `POST /api/v1/exercises/stop`.
pub(super) async fn stop(
    State(app): State<Shared>,
    asking: Asking,
    Reads(language): Reads,
) -> Answer {
    let drills = drills(&app)?;
    let work = tokio::spawn(async move { drills.stop(&asking.person.name).await });
    told(work.await.map_err(|error| Problem::fault("end a drill", &error))?, language)
}

/// `GET /api/v1/exercises`, newest first.
pub(super) async fn list(State(app): State<Shared>) -> Answer {
    let items: Vec<_> = listed(&app).await?.iter().map(|report| json!(report.head)).collect();
    Ok(Json(json!({ "items": items, "next": null })))
}

/// `GET /api/v1/exercises/{id}/report`.
pub(super) async fn report(
    State(app): State<Shared>,
    Reads(language): Reads,
    Named(id): Named,
) -> Answer {
    let drills = drills(&app)?;
    told(app.beside("read a drill", move || drills.report(&id)).await?, language)
}

/// `/exercises`: every drill and what came of it.
pub(super) async fn page(
    State(app): State<Shared>,
    asking: Asking,
    Reads(language): Reads,
) -> Result<Html<String>, Problem> {
    let drills = listed(&app).await?;
    let drawn: Vec<Drawn> = drills.iter().map(|report| Drawn::new(report, language)).collect();
    let context = context! {
        drills => Value::from(Serde(drawn)),
        may_start => asking.person.role >= Role::Approver,
    };
    app.templates.page("exercises.html", language, context)
}

/// A drill as the page shows it: its report, line by line.
#[derive(Serialize)]
struct Drawn {
    id: String,
    state: String,
    running: bool,
    board: Option<String>,
    lines: Vec<String>,
}

impl Drawn {
    fn new(report: &Report, language: Language) -> Self {
        let state = catalogue::message(report.head.state.key(), language);
        Self {
            id: report.head.id.clone(),
            state: state.into(),
            running: report.head.state.is_running(),
            board: report.head.board.clone().filter(|_| report.head.state.is_running()),
            lines: report.lines(language),
        }
    }
}

fn drills(app: &Shared) -> Result<Arc<dyn Drills>, Problem> {
    app.state.drills.clone().ok_or_else(|| Kind::NotFound.into())
}

async fn listed(app: &Shared) -> Result<Vec<Report>, Problem> {
    let drills = drills(app)?;
    app.beside("read the drills", move || drills.list()).await
}

fn told(result: Result<Report, DrillError>, language: Language) -> Answer {
    match result {
        Ok(report) => Ok(Json(json!(report))),
        Err(DrillError::Refused(why)) => {
            Err(Problem::from(Kind::Refused).detail(say(&why, language)))
        }
        Err(DrillError::Unknown) => Err(Kind::NotFound.into()),
        Err(DrillError::Failed(error)) => {
            tracing::error!(error, "a drill failed");
            Err(Kind::Fault.into())
        }
    }
}
