//! 재난문자: a draft with everything an officer needs to send it, handed to whoever may. Bongsu broadcasts nothing; that
//! is for the authorities.
//!
//! Three roads, of which an authority grants one: the draft as JSON to the situation room's own system, as a CAP
//! document of status `Draft`, or as a message to a cell broadcast centre that speaks the ECBE interface of osmo-cbc.

mod draft;
mod ecbe;

use std::sync::Arc;

use alerting::catalogue::Language;
use alerting::{AttemptResult, Delivery, Hazard, Status};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use reading::id::ChannelId;
use serde_json::json;

pub use draft::{Class, Classes, Draft, Wording, serial_number};

use super::cap::{self, CapSettings};
use super::http::Peer;
use super::{Channel, refused};
use crate::operation::Carried;
use crate::probe::{Probe, Proof, Provable};
use crate::text::Texts;

/// To whom drafts go.
pub enum Road {
    /// As JSON.
    Json,
    /// As CAP of status `Draft`.
    Cap(Box<CapSettings>),
    /// To a centre over ECBE, which broadcasts at once: `simulated` says that nobody hears it.
    Ecbe {
        /// Our name there.
        name: String,
        /// Whether tests may go out.
        simulated: bool,
    },
}

/// Hands drafts over.
pub struct CellBroadcast {
    peer: Peer,
    road: Road,
    classes: Classes,
    languages: Vec<Language>,
    texts: Arc<Texts>,
    holders: ecbe::Holders,
}

impl CellBroadcast {
    /// A channel to this gateway.
    pub fn new(
        peer: Peer,
        road: Road,
        classes: Classes,
        languages: Vec<Language>,
        texts: Arc<Texts>,
    ) -> Self {
        Self { peer, road, classes, languages, texts, holders: ecbe::Holders::default() }
    }

    async fn hand_over(&self, delivery: &Delivery) -> AttemptResult {
        if delivery.alert.hazard == Hazard::Monitoring {
            return refused("a monitoring fault is nothing for the public");
        }
        let draft = Draft::new(delivery, &self.classes, &self.languages, &self.texts);
        if let Some(reason) = draft.fault() {
            return refused(reason);
        }
        match &self.road {
            Road::Json => drafted(self.post("application/json", draft.json(delivery)).await),
            Road::Cap(settings) => {
                let parameters = draft.parameters();
                let document = cap::draft(&delivery.alert, settings, &parameters);
                drafted(self.post("application/cap+xml", document.into_bytes()).await)
            }
            Road::Ecbe { name, simulated } => match delivery.alert.status {
                Status::Exercise => refused("an exercise is not broadcast"),
                Status::Test if !simulated => refused("a test is not broadcast"),
                Status::Test | Status::Actual => {
                    ecbe::send(&self.peer, &delivery.alert, &draft, name, &self.holders).await
                }
            },
        }
    }

    async fn post(&self, content_type: &str, body: Vec<u8>) -> AttemptResult {
        match self.peer.ask(self.peer.post(content_type, body)).await {
            Ok(answer) => answer.judged(),
            Err(result) => result,
        }
    }
}

/// Whoever took a draft has sent nothing yet.
fn drafted(result: AttemptResult) -> AttemptResult {
    match result {
        AttemptResult::Delivered { receipt } => AttemptResult::HandedOver {
            reference: format!("draft handed over, sending is theirs: {receipt}"),
        },
        other => other,
    }
}

impl CellBroadcast {
    /// What says to whoever takes drafts that this is none.
    async fn look(&self, probe: &Probe) -> Proof {
        let (content_type, body) = match &self.road {
            Road::Json => {
                let body = json!({ "type": "bongsu.test", "id": probe.id(), "broadcast": false, "at": probe.at().to_string() });
                ("application/json", body.to_string())
            }
            Road::Cap(settings) => {
                let gateway = settings.gateway.as_ref().map_or("", ChannelId::as_str);
                let document = cap::probe(probe.id(), probe.at(), settings, gateway);
                ("application/cap+xml", document)
            }
            Road::Ecbe { .. } => return ecbe::look(&self.peer).await.into(),
        };
        self.post(content_type, body.into_bytes()).await.into()
    }
}

impl Provable for CellBroadcast {
    fn targets(&self) -> Vec<String> {
        vec!["gateway".into()]
    }

    /// Something that is no draft, so that nobody can send it on; a centre is asked to remove what is not there.
    fn prove<'a>(&'a self, probe: &'a Probe) -> BoxFuture<'a, Proof> {
        self.look(probe).boxed()
    }
}

impl Channel for CellBroadcast {
    fn attempt<'a>(&'a self, delivery: &'a Carried, _attempt: u32) -> BoxFuture<'a, AttemptResult> {
        self.hand_over(delivery).boxed()
    }
}

#[cfg(test)]
mod tests;
