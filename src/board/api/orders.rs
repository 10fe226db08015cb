//! What people order. An order is journaled and decided by the desk; its answer is the desk's decision.
//!
//! `Idempotency-Key` names an order: a repeated request with the same key gets the first one's answer, whichever
//! answer of ours was lost. The key becomes part of the command's id, so that the engine knows a repeated order too.

use std::collections::{HashMap, VecDeque};
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use alerting::engine::Verb;
use alerting::{Command, IncidentId};
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use futures_util::FutureExt;
use parking_lot::Mutex;
use ring::rand::{SecureRandom, SystemRandom};
use serde::Deserialize;
use serde_json::{Value, json};

use super::asked::{Named, Sent};
use crate::board::access::Asking;
use crate::board::language::Reads;
use crate::board::problem::{Kind, Problem};
use crate::board::words::say;
use crate::board::{Ordered, Shared};

/// How many orders are remembered for clients that repeat them.
const ORDERS_MAX: usize = 1_024;

/// How long we wait for the desk on behalf of an order whose client has gone.
const DECISION_TIME_MAX: Duration = Duration::from_secs(60);

const KEY_LEN_MAX: usize = 128;
const REASON_LEN_MAX: usize = 500;

/// What an order says beside its address.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::board) struct Reasoned {
    #[serde(default)]
    reason: String,
}

/// `POST /api/v1/incidents/{id}/acknowledge`: somebody has seen it and is on it.
pub(in crate::board) async fn acknowledge(
    State(app): State<Shared>,
    asking: Asking,
    reads: Reads,
    Named(id): Named,
    headers: HeaderMap,
    Sent(reasoned): Sent<Reasoned>,
) -> Result<Json<Value>, Problem> {
    give(&app, &asking, reads, Verb::Acknowledge, &id, &headers, reasoned).await
}

/// `POST /api/v1/incidents/{id}/stand-down`: lower 심각 by hand, with a reason.
pub(in crate::board) async fn stand_down(
    State(app): State<Shared>,
    asking: Asking,
    reads: Reads,
    Named(id): Named,
    headers: HeaderMap,
    Sent(reasoned): Sent<Reasoned>,
) -> Result<Json<Value>, Problem> {
    if reasoned.reason.trim().is_empty() {
        return Err(
            Problem::from(Kind::BadRequest).detail("`reason` says why it is safe to stand down")
        );
    }
    give(&app, &asking, reads, Verb::StandDown, &id, &headers, reasoned).await
}

async fn give(
    app: &Shared,
    asking: &Asking,
    Reads(language): Reads,
    verb: Verb,
    incident: &str,
    headers: &HeaderMap,
    reasoned: Reasoned,
) -> Result<Json<Value>, Problem> {
    let reason = reasoned.reason.trim();
    if reason.chars().count() > REASON_LEN_MAX
        || reason.chars().any(|c| c.is_control() && c != '\n')
    {
        let what = format!("`reason` has at most {REASON_LEN_MAX} printable characters");
        return Err(Problem::from(Kind::BadRequest).detail(what));
    }
    let command = Command {
        id: format!("{}/{}", asking.person.name, key(headers)?),
        verb,
        incident: IncidentId::from_text(incident),
        by: asking.person.name.to_string(),
        reason: reason.into(),
    };
    let ordered = carried_out(app, command).await?;
    if !ordered.accepted {
        let problem = Problem::from(Kind::Refused).detail(say(&ordered.reason, language));
        return Err(problem.sequence(ordered.sequence));
    }
    let decision =
        json!({ "accepted": true, "reason": { "ko": ordered.reason.ko, "en": ordered.reason.en } });
    Ok(Json(json!({ "sequence": ordered.sequence, "decision": decision })))
}

/// The client's name for its order, or one made up: then a repetition is another order.
fn key(headers: &HeaderMap) -> Result<String, Problem> {
    let Some(given) = headers.get("idempotency-key") else {
        let mut bytes = [0; 16];
        SystemRandom::new().fill(&mut bytes).map_err(|_| Problem::from(Kind::Fault))?;
        return Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect());
    };
    let given = given.to_str().unwrap_or_default().trim_matches('"');
    if (1..=KEY_LEN_MAX).contains(&given.len()) && given.bytes().all(|b| b.is_ascii_graphic()) {
        return Ok(given.into());
    }
    let what = format!("`Idempotency-Key` has 1 to {KEY_LEN_MAX} printable ASCII characters");
    Err(Problem::from(Kind::BadRequest).detail(what))
}

/// The desk's decision on a command: the one already made, if the command was given before.
async fn carried_out(app: &Shared, command: Command) -> Result<Ordered, Problem> {
    if let Some(known) = app.orders.begin(&command)? {
        return Ok(known);
    }
    // In a task of its own: an order that was begun is carried out even if its client goes away.
    let work = tokio::spawn(decided(app.clone(), command));
    work.await.unwrap_or_else(|error| Err(Problem::fault("carry out an order", &error)))
}

async fn decided(app: Shared, command: Command) -> Result<Ordered, Problem> {
    let ordering =
        AssertUnwindSafe(async { app.state.commands.order(command.clone()).await }).catch_unwind();
    let ordered = match tokio::time::timeout(DECISION_TIME_MAX, ordering).await {
        Ok(Ok(Ok(ordered))) => Ok(ordered),
        Ok(Ok(Err(error))) => {
            tracing::error!(%error, command = command.verb.name(), "an order could not be carried out");
            Err(Problem::from(Kind::Busy).detail(error))
        }
        Ok(Err(_)) => {
            app.metrics.panics.inc();
            Err(Kind::Fault.into())
        }
        Err(_) => Err(Kind::TooSlow.into()),
    };
    app.orders.end(&command, ordered.as_ref().ok());
    ordered
}

/// Orders given lately and what was decided, by command id.
#[derive(Default)]
pub(in crate::board) struct Orders(Mutex<Given>);

#[derive(Default)]
struct Given {
    by_id: HashMap<String, (Command, Option<Ordered>)>,
    ids: VecDeque<String>,
}

impl Orders {
    /// Notes that a command is given now. The decision, if it was given before.
    fn begin(&self, command: &Command) -> Result<Option<Ordered>, Problem> {
        let mut given = self.0.lock();
        if let Some((before, ordered)) = given.by_id.get(&command.id) {
            return match ordered {
                _ if before != command => Err(Kind::KeyReused.into()),
                None => Err(Problem::from(Kind::KeyInUse).retry_after(1)),
                Some(ordered) => Ok(Some(ordered.clone())),
            };
        }
        while given.ids.len() >= ORDERS_MAX
            && let Some(oldest) = given.ids.pop_front()
        {
            given.by_id.remove(&oldest);
        }
        given.ids.push_back(command.id.clone());
        given.by_id.insert(command.id.clone(), (command.clone(), None));
        Ok(None)
    }

    /// Notes what was decided; without a decision the command may be given again.
    fn end(&self, command: &Command, ordered: Option<&Ordered>) {
        let mut given = self.0.lock();
        match ordered {
            Some(ordered) => {
                if let Some((_, known)) = given.by_id.get_mut(&command.id) {
                    *known = Some(ordered.clone());
                }
            }
            None => {
                given.by_id.remove(&command.id);
                given.ids.retain(|id| *id != command.id);
            }
        }
    }
}
