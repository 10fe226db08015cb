//! What people order. An order is journaled and decided by the desk; its answer is the desk's decision.
//!
//! `Idempotency-Key` names an order: a repeated request with the same key gets the first one's answer, whichever
//! answer of ours was lost. The key becomes part of the command's id, so that the engine knows a repeated order too.

use std::collections::{HashMap, VecDeque};
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use alerting::approval::{Bound, PublicText};
use alerting::catalogue::Language;
use alerting::engine::{Settled, Verb};
use alerting::{Command, DeliveryKey, IncidentId, Level};
use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use axum::routing::{MethodRouter, post};
use futures_util::FutureExt;
use parking_lot::Mutex;
use reading::id::GroupId;
use ring::rand::{SecureRandom, SystemRandom};
use serde::Deserialize;
use serde_json::{Value, json};

use super::asked::{Named, Sent, whole};
use crate::board::access::Asking;
use crate::board::drafts::misfits;
use crate::board::language::Reads;
use crate::board::problem::{Kind, Problem};
use crate::board::words::say;
use crate::board::{Order, Ordered, Shared};

/// How many orders are remembered for clients that repeat them.
const ORDERS_MAX: usize = 1_024;

/// How long we wait for the desk on behalf of an order whose client has gone.
const DECISION_TIME_MAX: Duration = Duration::from_secs(60);

const KEY_LEN_MAX: usize = 128;
const REASON_LEN_MAX: usize = 500;

/// What an order says beside its address, as JSON.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    #[serde(default)]
    reason: String,
    /// For which group of channels an approval is.
    #[serde(default)]
    group: Option<GroupId>,
    /// Which level and which words the approver saw.
    #[serde(default)]
    level: Option<Level>,
    #[serde(default)]
    text_hash: Option<String>,
    /// Words in place of ours.
    #[serde(default)]
    text: Option<PublicText>,
}

/// What a person says of a delivery in doubt.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settlement {
    #[serde(default)]
    reason: String,
    /// Of which attempt they speak; of the delivery as it stands, if they do not say.
    #[serde(default, deserialize_with = "whole")]
    attempt: Option<u32>,
}

/// What an order says.
pub(in crate::board) struct Said {
    /// Why.
    pub reason: String,
    /// For which group of channels an approval is; all that are asked about if none.
    pub group: Option<GroupId>,
    /// What the approver saw.
    pub bound: Option<Bound>,
    /// Words in place of ours.
    pub text: Option<PublicText>,
    /// What became of a delivery in doubt.
    pub settled: Option<Settled>,
}

/// Who gives an order, how they read its answer, and what they call it.
pub(in crate::board) struct Giver {
    /// Who.
    pub asking: Asking,
    /// What they read.
    pub language: Language,
    /// The order's name.
    pub key: String,
}

impl<S: Send + Sync> FromRequestParts<S> for Giver {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let asking = Asking::from_request_parts(parts, state).await?;
        let Ok(Reads(language)) = Reads::from_request_parts(parts, state).await;
        Ok(Self { asking, language, key: key(&parts.headers)? })
    }
}

/// `POST /api/v1/incidents/{id}/{verb}`.
pub(in crate::board) fn order(verb: Verb) -> MethodRouter<Shared> {
    post(
        move |State(app): State<Shared>, giver: Giver, Named(id): Named, Sent(body): Sent<Body>| async move {
            let Giver { asking, language, key } = giver;
            let said = body.said()?;
            if verb == Verb::Approve && (said.group.is_none() || said.bound.is_none()) {
                let what = "an approval says what was seen: `group`, `level` and `text_hash`";
                return Err(Problem::unfit(what));
            }
            if let Some(words) = &said.text
                && let wrong = misfits(&app, &id, said.group.as_ref(), words, language).await?
                && !wrong.is_empty()
            {
                return Err(Problem::from(Kind::Refused).detail(wrong.join("\n")));
            }
            let ordered = give(&app, &asking, verb, &id, key, said).await?;
            answered(ordered, language)
        },
    )
}

/// `POST /api/v1/deliveries/{key}/delivered` and `…/not-delivered`: a person says what became of a delivery in doubt.
pub(in crate::board) fn settle(delivered: bool) -> MethodRouter<Shared> {
    post(
        move |State(app): State<Shared>,
              giver: Giver,
              Named(named): Named,
              Sent(body): Sent<Settlement>| async move {
            let Giver { asking, language, key } = giver;
            let delivery = DeliveryKey::from_text(&named);
            let incident = delivery.incident().ok_or(Kind::NotFound)?;
            let settled = Settled { delivery, delivered, attempt: body.attempt };
            let said = Said {
                reason: body.reason,
                group: None,
                bound: None,
                text: None,
                settled: Some(settled),
            };
            let incident = incident.as_str();
            let ordered = give(&app, &asking, Verb::Settle, incident, key, said).await?;
            answered(ordered, language)
        },
    )
}

impl Body {
    fn said(self) -> Result<Said, Problem> {
        let bound = match (self.level, self.text_hash) {
            (Some(level), Some(hash)) => Some(Bound { level, hash }),
            (None, None) => None,
            _ => {
                let what = "`level` and `text_hash` go together: they say what the approver saw";
                return Err(Problem::unfit(what));
            }
        };
        Ok(Said { reason: self.reason, group: self.group, bound, text: self.text, settled: None })
    }
}

pub(super) fn answered(ordered: Ordered, language: Language) -> Result<Json<Value>, Problem> {
    if !ordered.accepted {
        let problem = Problem::from(Kind::Refused).detail(say(&ordered.reason, language));
        return Err(problem.sequence(ordered.sequence));
    }
    let decision =
        json!({ "accepted": true, "reason": { "ko": ordered.reason.ko, "en": ordered.reason.en } });
    Ok(Json(json!({ "sequence": ordered.sequence, "decision": decision })))
}

/// Gives an order on behalf of whoever asks, under the name `key`.
pub(in crate::board) async fn give(
    app: &Shared,
    asking: &Asking,
    verb: Verb,
    incident: &str,
    key: String,
    said: Said,
) -> Result<Ordered, Problem> {
    let reason = checked(&said.reason)?;
    if verb.needs_reason() && reason.is_empty() {
        return Err(Problem::from(Kind::BadRequest).detail("`reason` says why"));
    }
    let by = &asking.person.name;
    let id = format!("{by}/{key}");
    let command = Command {
        from: asking.from(),
        group: said.group,
        bound: said.bound,
        text: said.text,
        settled: said.settled,
        ..Command::new(&id, verb, IncidentId::from_text(incident), by, reason)
    };
    carried_out(app, Order::Incident(command)).await
}

/// A reason, without what surrounds it.
pub(in crate::board) fn checked(reason: &str) -> Result<&str, Problem> {
    let reason = reason.trim();
    if reason.chars().count() > REASON_LEN_MAX
        || reason.chars().any(|c| c.is_control() && c != '\n' && c != '\r')
    {
        let what = format!("`reason` has at most {REASON_LEN_MAX} printable characters");
        return Err(Problem::from(Kind::BadRequest).detail(what));
    }
    Ok(reason)
}

/// A name for an order that nobody named.
fn new_key() -> Result<String, Problem> {
    let mut bytes = [0; 16];
    SystemRandom::new().fill(&mut bytes).map_err(|_| Problem::from(Kind::Fault))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The client's name for its order, or one made up: then a repetition is another order.
fn key(headers: &HeaderMap) -> Result<String, Problem> {
    let Some(given) = headers.get("idempotency-key") else { return new_key() };
    let given = given.to_str().unwrap_or_default();
    let quoted = given.strip_prefix('"').and_then(|given| given.strip_suffix('"'));
    let given = quoted.filter(|given| !given.is_empty()).unwrap_or(given);
    if (1..=KEY_LEN_MAX).contains(&given.len()) && given.bytes().all(|b| b.is_ascii_graphic()) {
        return Ok(given.into());
    }
    let what = format!("`Idempotency-Key` has 1 to {KEY_LEN_MAX} printable ASCII characters");
    Err(Problem::from(Kind::BadRequest).detail(what))
}

/// The desk's decision on an order: the one already made, if it was given before.
pub(super) async fn carried_out(app: &Shared, order: Order) -> Result<Ordered, Problem> {
    if let Some(known) = app.orders.begin(order.id(), &order)? {
        return Ok(known);
    }
    // In a task of its own: an order that was begun is carried out even if its client goes away.
    let work = tokio::spawn(decided(app.clone(), order));
    work.await.unwrap_or_else(|error| Err(Problem::fault("carry out an order", &error)))
}

async fn decided(app: Shared, order: Order) -> Result<Ordered, Problem> {
    let ordering =
        AssertUnwindSafe(async { app.state.commands.order(order.clone()).await }).catch_unwind();
    let ordered = match tokio::time::timeout(DECISION_TIME_MAX, ordering).await {
        Ok(Ok(Ok(ordered))) => Ok(ordered),
        Ok(Ok(Err(error))) => {
            tracing::error!(%error, order = order.name(), "an order could not be carried out");
            Err(Problem::from(Kind::Busy).detail(error))
        }
        Ok(Err(_)) => {
            app.metrics.panics.inc();
            Err(Kind::Fault.into())
        }
        Err(_) => Err(Kind::TooSlow.into()),
    };
    app.orders.end(order.id(), ordered.as_ref().ok());
    ordered
}

/// What was given lately and what came of it, by name.
#[derive(Default)]
pub(in crate::board) struct Remembered(Mutex<Given>);

#[derive(Default)]
struct Given {
    /// What was given, as it is when it is repeated, and what came of it.
    by_name: HashMap<String, (Order, Option<Ordered>)>,
    names: VecDeque<String>,
}

impl Remembered {
    /// Notes that something is given now. What came of it, if it was given before.
    ///
    /// # Errors
    /// If something else was given under this name, or it is on its way.
    pub(in crate::board) fn begin(
        &self,
        name: &str,
        what: &Order,
    ) -> Result<Option<Ordered>, Problem> {
        let what = what.repeated();
        let mut given = self.0.lock();
        if let Some((before, came)) = given.by_name.get(name) {
            return match came {
                _ if *before != what => Err(Kind::KeyReused.into()),
                None => Err(Problem::from(Kind::KeyInUse).retry_after(1)),
                Some(came) => Ok(Some(came.clone())),
            };
        }
        while given.names.len() >= ORDERS_MAX
            && let Some(oldest) = given.names.pop_front()
        {
            given.by_name.remove(&oldest);
        }
        given.names.push_back(name.to_owned());
        given.by_name.insert(name.to_owned(), (what, None));
        Ok(None)
    }

    /// Notes what came of it; if nothing did, it may be given again.
    pub(in crate::board) fn end(&self, name: &str, came: Option<&Ordered>) {
        let mut given = self.0.lock();
        match came {
            Some(came) => {
                if let Some((_, known)) = given.by_name.get_mut(name) {
                    *known = Some(came.clone());
                }
            }
            None => {
                given.by_name.remove(name);
                given.names.retain(|one| one != name);
            }
        }
    }
}
