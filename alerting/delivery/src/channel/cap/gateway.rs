//! CAP pushed to a gateway over HTTP. Its answer decides: a CAP `Ack` of this very document is proof, an `Error`, a
//! fault or a JSON error is a refusal even under status 200.
//!
//! A gateway has documents of its own, under identifiers of its own, in a folder of its own: `references` name what
//! this gateway took, and a feed shows what the feed published.

use std::sync::Arc;

use alerting::{Alert, AttemptResult, MessageType};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::store::{Draft, leaves};
use super::{CapError, Store};
use crate::channel::http::{Answer, Peer};
use crate::channel::{Channel, delivered, refused, retry};
use crate::operation::Carried;

/// How much of a gateway's own words is kept.
const NOTE_LEN: usize = 200;

/// What proves that a gateway took a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// A CAP message of type `Ack` that refers to it.
    Acknowledgement,
    /// A status of 2xx without an error in the body.
    Status,
}

/// Pushes documents to a gateway.
pub struct Gateway {
    peer: Peer,
    store: Arc<Store>,
    proof: Proof,
}

impl Gateway {
    /// A channel to this gateway; `store` is its own and nobody else's.
    pub fn new(peer: Peer, store: Arc<Store>, proof: Proof) -> Self {
        Self { peer, store, proof }
    }

    async fn push(&self, alert: &Alert) -> AttemptResult {
        let draft = match self.draft(alert).await {
            Ok(draft) => draft,
            Err(result) => return result,
        };
        let bytes = draft.text.clone().into_bytes();
        let answer = self.peer.ask(self.peer.post("application/cap+xml", bytes)).await;
        let result = match answer {
            Ok(answer) => judge(&answer, &draft.identifier, self.proof),
            Err(result) => return result,
        };
        match &result {
            AttemptResult::Delivered { .. } | AttemptResult::HandedOver { .. } => {
                self.keep(draft, result).await
            }
            AttemptResult::Retry { .. }
            | AttemptResult::Refused { .. }
            | AttemptResult::Unknown => result,
        }
    }

    async fn draft(&self, alert: &Alert) -> Result<Draft, AttemptResult> {
        let (store, alert) = (self.store.clone(), alert.clone());
        let work = move || {
            let is_cancel = alert.message_type == MessageType::Cancel;
            if is_cancel && store.chain(alert.incident.as_str()).is_empty() {
                return Err(delivered("the gateway took nothing, so there is nothing to cancel"));
            }
            store.draft(&alert).map_err(|error| match error {
                CapError::Name { .. } | CapError::Late { .. } => refused(error.to_string()),
                error => retry(error.to_string()),
            })
        };
        tokio::task::spawn_blocking(work).await.unwrap_or(Err(AttemptResult::Unknown))
    }

    /// Remembers what the gateway took. If the disk fails, the push stands, and later documents do not refer to it.
    async fn keep(&self, draft: Draft, result: AttemptResult) -> AttemptResult {
        let store = self.store.clone();
        let kept = tokio::task::spawn_blocking(move || store.keep(draft)).await;
        if let Ok(Err(error)) = kept {
            tracing::error!(%error, "a document that a gateway took cannot be kept; later ones will not refer to it");
        }
        result
    }
}

impl Channel for Gateway {
    fn attempt<'a>(&'a self, delivery: &'a Carried, _attempt: u32) -> BoxFuture<'a, AttemptResult> {
        self.push(&delivery.alert).boxed()
    }
}

/// What an answer to the document of this identifier means.
pub fn judge(answer: &Answer, identifier: &str, proof: Proof) -> AttemptResult {
    let verdict = answer.verdict();
    let AttemptResult::Delivered { receipt } = verdict else { return verdict };
    match message(answer) {
        Some(Message { kind, note, references }) if kind == "Error" => {
            let about = if references.contains(identifier) { "" } else { " about another message" };
            refused(format!("{receipt} with a CAP Error{about}: {note}"))
        }
        Some(Message { kind, references, .. })
            if kind == "Ack" && references.contains(identifier) =>
        {
            delivered(format!("{receipt} and acknowledged {identifier}"))
        }
        Some(Message { kind, .. }) if kind == "Ack" => {
            retry(format!("{receipt} and acknowledged another message"))
        }
        _ => match (answer.complaint(), proof) {
            (Some(complaint), _) => refused(format!("{receipt}, and yet: {complaint}")),
            (None, Proof::Status) => delivered(receipt),
            (None, Proof::Acknowledgement) => {
                retry(format!("{receipt} without an acknowledgement"))
            }
        },
    }
}

/// A CAP message in an answer.
struct Message {
    kind: String,
    note: String,
    references: String,
}

fn message(answer: &Answer) -> Option<Message> {
    let leaves = leaves(&answer.text())?;
    let first = |path: &str| {
        let found = leaves.iter().find(|(p, _)| p.rsplit(':').next() == Some(path) || p == path);
        found.map(|(_, text)| text.chars().take(NOTE_LEN).collect::<String>())
    };
    let references = leaves.iter().find(|(path, _)| path == "alert/references");
    Some(Message {
        kind: first("alert/msgType")?,
        note: first("alert/note").unwrap_or_default(),
        references: references.map(|(_, text)| text.clone()).unwrap_or_default(),
    })
}
