//! CAP pushed to a gateway over HTTP. Its answer decides: a CAP `Ack` of this very document is proof, an `Error`, a
//! fault or a JSON error is a refusal even under status 200.
//!
//! A gateway has documents of its own, under identifiers of its own, in a folder of its own: `references` name what
//! this gateway took, and a feed shows what the feed published.

use std::sync::Arc;
use std::time::Duration;

use alerting::{Alert, AttemptResult, MessageType};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use reqwest::{Method, Url};

use super::store::{Draft, leaves};
use super::{CapError, Store};
use crate::channel::http::{Answer, Peer};
use crate::channel::{Channel, delivered, refused, retry};
use crate::operation::Carried;
use crate::probe::{Probe, Proof as Look, Provable};

/// How often, and at which intervals, it is looked whether a gateway shows the document of a link test.
const FIND_TRIES: u32 = 10;
const FIND_EVERY: Duration = Duration::from_secs(2);

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
    read_back: Option<Peer>,
}

impl Gateway {
    /// A channel to this gateway; `store` is its own and nobody else's. Under `read_back`, with the identifier in place
    /// of `{id}`, it shows a document that it took.
    pub fn new(peer: Peer, store: Arc<Store>, proof: Proof, read_back: Option<Peer>) -> Self {
        Self { peer, store, proof, read_back }
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

    async fn look(&self, probe: &Probe) -> Look {
        let document = match self.store.probe(probe) {
            Ok(document) => document,
            Err(error) => return Look::Failed(error.to_string()),
        };
        let posted = self.peer.post("application/cap+xml", document.into_bytes());
        let taken = match self.peer.ask(posted).await {
            Ok(answer) => judge(&answer, probe.id(), self.proof),
            Err(result) => result,
        };
        match (taken, &self.read_back) {
            (AttemptResult::Delivered { receipt }, Some(shown)) => {
                match found(shown, probe.id()).await {
                    Ok(()) => Look::Proven(format!("{receipt}, and shows it")),
                    Err(why) => Look::Failed(format!("{receipt}, and yet: {why}")),
                }
            }
            (result, _) => result.into(),
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

impl Provable for Gateway {
    fn targets(&self) -> Vec<String> {
        vec!["gateway".into()]
    }

    /// A document of status `Test` between the gateway and us. What proves an alert there proves this, and where the
    /// gateway shows what it has, it has to be there.
    fn prove<'a>(&'a self, probe: &'a Probe) -> BoxFuture<'a, Look> {
        async { self.look(probe).await }.boxed()
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

/// Whether a gateway shows the document of this identifier, as CAP of status `Test`. It may take a while to.
async fn found(shown: &Peer, identifier: &str) -> Result<(), String> {
    let url = shown.address().as_str().replace("%7Bid%7D", identifier).replace("{id}", identifier);
    let url =
        Url::parse(&url).map_err(|_| "the address it shows documents at is none".to_owned())?;
    let mut why = String::new();
    for _ in 0..FIND_TRIES {
        let answer = shown.ask(shown.request(Method::GET, url.clone())).await;
        why = match answer.map(|answer| (answer.status, leaves(&answer.text()), answer.said)) {
            Ok((status, Some(leaves), _)) if status.is_success() => {
                let is = |path: &str, text: &str| {
                    leaves.iter().any(|(at, said)| at.ends_with(path) && said == text)
                };
                if is("alert/identifier", identifier) && is("alert/status", "Test") {
                    return Ok(());
                }
                "what it shows is another document".into()
            }
            Ok((_, _, said)) => said,
            Err(result) => format!("{}", Look::from(result)),
        };
        tokio::time::sleep(FIND_EVERY).await;
    }
    Err(format!("it does not show the document: {why}"))
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
