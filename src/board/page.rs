//! The first page: which sites stand where, what goes on, what happened, who was told, whether bongsu works.
//!
//! Drawn on the server out of [`Facts`]; a script asks for `/board/now` when live events say that it would look
//! different, so that there is one way to draw it and it can be read without scripts.

mod approval;
mod incident;
mod rows;
mod site;
mod sorted;
mod wall;

use alerting::Status;
use alerting::catalogue::{self, Language};
use axum::extract::State;
use axum::response::Html;
use minijinja::context;
use minijinja::value::{Serde, Value, merge_maps};
use serde::Serialize;

use super::access::Asking;
use super::facts::Facts;
use super::language::Reads;
use super::problem::Problem;
use super::{App, Shared, words};
use crate::moment::{HOME_ZONE, Shown};
use crate::people::Role;
pub(super) use approval::{answer, approval};
pub(super) use incident::{incident, incident_now};
use rows::{BalanceRow, ChannelRow, CheckRow, Count, EventRow, IncidentRow, SiteRow, StrangerRow};
pub(super) use site::{number, site, site_now};
pub(super) use sorted::rank;
pub(super) use wall::{wall, wall_now};

/// What the part of the page that changes is drawn from; every text in one language.
#[derive(Serialize)]
struct Board {
    mark: String,
    last_decision: i64,
    counts: Vec<Count>,
    sites: Vec<SiteRow>,
    sites_more: usize,
    incidents: Vec<IncidentRow>,
    events: Vec<EventRow>,
    channels: Vec<ChannelRow>,
    /// How soon an alert is to be proven, in words.
    objective: String,
    strangers: Vec<StrangerRow>,
    strangers_more: usize,
    system: System,
}

#[derive(Serialize)]
struct System {
    level: &'static str,
    word: &'static str,
    sequence: u64,
    as_of: Shown,
    quarantined: u64,
    ledger_readable: bool,
    checks: Vec<CheckRow>,
    balances: Vec<BalanceRow>,
}

/// `/`.
pub(super) async fn board(
    State(app): State<Shared>,
    asking: Asking,
    Reads(language): Reads,
) -> Result<Html<String>, Problem> {
    let facts = app.live.facts();
    let context = context! {
        here => "board",
        ..merge_maps([head(&app, &facts, &asking, language), drawn(&facts, &asking, language)])
    };
    app.templates.page("board.html", language, context)
}

/// What the head of every live page says: who speaks, who looks, what time it is.
pub(super) fn head(app: &App, facts: &Facts, asking: &Asking, language: Language) -> Value {
    let status = match facts.overview.setup.status {
        Status::Actual => None,
        Status::Exercise => Some("exercise"),
        Status::Test => Some("test"),
    };
    context! {
        status,
        sender => words::say(&facts.overview.setup.sender, language),
        clock => Value::from(Serde(Shown::new(app.now(), HOME_ZONE))),
        person => &*asking.person.name,
        role => catalogue::message(role_key(asking.person.role), language),
        may_operate => asking.person.role >= Role::Operator,
        may_administer => asking.person.role >= Role::Administrator,
        signed_in => asking.session.is_some(),
    }
}

/// `/board/now`: the part of the page that changes.
pub(super) async fn now(
    State(app): State<Shared>,
    asking: Asking,
    Reads(language): Reads,
) -> Result<Html<String>, Problem> {
    app.templates.page("now.html", language, drawn(&app.live.facts(), &asking, language))
}

pub(super) const fn role_key(role: Role) -> &'static str {
    match role {
        Role::Viewer => "board-role-viewer",
        Role::Operator => "board-role-operator",
        Role::Approver => "board-role-approver",
        Role::Administrator => "board-role-administrator",
    }
}

fn drawn(facts: &Facts, asking: &Asking, language: Language) -> Value {
    let overview = &facts.overview;
    let (sites, sites_more) = rows::sites(facts, language);
    let (strangers, strangers_more) = rows::strangers(overview);
    let board = Board {
        mark: facts.mark.clone(),
        last_decision: facts.last_decision.unwrap_or(0),
        counts: rows::counts(overview, language),
        sites,
        sites_more,
        incidents: rows::incidents(facts, asking, language),
        events: rows::events(facts, language),
        channels: rows::channels(facts),
        objective: {
            let seconds = facts.objective.as_secs().to_string();
            catalogue::fill("board-objective", language, &[&seconds])
        },
        strangers,
        strangers_more,
        system: System {
            level: overview.system_level.name(),
            word: catalogue::level(overview.system_level, language),
            sequence: overview.sequence,
            as_of: Shown::new(overview.at, HOME_ZONE),
            quarantined: facts.quarantined,
            ledger_readable: facts.ledger_readable,
            checks: facts.checks.iter().map(|check| CheckRow::new(check, language)).collect(),
            balances: overview.balances.iter().map(BalanceRow::new).collect(),
        },
    };
    Value::from(Serde(board))
}
