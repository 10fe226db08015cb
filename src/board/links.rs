//! Link tests: when each way out was proved last, and who asks now.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use reading::registry::Text;
use serde_json::{Value, json};

use super::Shared;
use super::access::Asking;
use super::api::Named;
use super::language::Reads;
use super::problem::{Kind, Problem};
use super::words::say;
use crate::moment::{HOME_ZONE, rfc3339};
use crate::overview::LinkProof;

/// A target of a channel, and when it was proved last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkView {
    /// The channel.
    pub channel: String,
    /// Which of its targets.
    pub target: String,
    /// How often it is looked at; `None` where that is at the start alone.
    pub every: Option<Duration>,
    /// What looks came to; `None` before the first.
    pub proof: Option<LinkProof>,
    /// Whether the proof is older than it may be.
    pub stale: bool,
}

/// Who looks at the ways out.
pub trait Links: Send + Sync {
    /// Every target that is looked at.
    fn links(&self) -> Vec<LinkView>;

    /// Asks that all targets of a channel are looked at now, and names them.
    ///
    /// # Errors
    /// If it cannot be looked at.
    fn test(&self, channel: &str, by: &str) -> Result<Vec<String>, Text>;
}

/// `GET /api/v1/channels`.
pub(super) async fn list(State(app): State<Shared>) -> Json<Value> {
    let items: Vec<Value> = app.state.links.links().iter().map(shown).collect();
    Json(json!({ "items": items, "next": null }))
}

fn shown(link: &LinkView) -> Value {
    let at = |at| rfc3339(at, HOME_ZONE);
    let proof = link.proof.as_ref();
    json!({
        "channel": link.channel,
        "target": link.target,
        "every_s": link.every.map(|every| every.as_secs()),
        "proved_at": proof.and_then(|proof| proof.proved_at).map(at),
        "tried_at": proof.map(|proof| at(proof.tried_at)),
        "proven": proof.map(|proof| proof.proven),
        "what": proof.map(|proof| &proof.what),
        "stale": link.stale,
    })
}

/// `POST /api/v1/channels/{channel}/test`. What comes of it is in the list, once it is known.
pub(super) async fn test(
    State(app): State<Shared>,
    asking: Asking,
    Reads(language): Reads,
    Named(channel): Named,
) -> Result<Json<Value>, Problem> {
    match app.state.links.test(&channel, &asking.person.name) {
        Ok(targets) => Ok(Json(json!({ "asked": targets, "at": rfc3339(app.now(), HOME_ZONE) }))),
        Err(why) => Err(Problem::from(Kind::Refused).detail(say(&why, language))),
    }
}
