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

pub use draft::{Class, Classes, Draft, Wording, serial_number};

use super::cap::{self, CapSettings};
use super::http::Peer;
use super::{Channel, refused};
use crate::operation::Carried;
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
            Road::Json => self.post("application/json", draft.json(delivery)).await,
            Road::Cap(settings) => {
                let parameters = draft.parameters();
                let document = cap::draft(&delivery.alert, settings, &parameters);
                self.post("application/cap+xml", document.into_bytes()).await
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
            Ok(answer) => match answer.judged() {
                AttemptResult::Delivered { receipt } => AttemptResult::HandedOver {
                    reference: format!("draft handed over, sending is theirs: {receipt}"),
                },
                verdict => verdict,
            },
            Err(result) => result,
        }
    }
}

impl Channel for CellBroadcast {
    fn attempt<'a>(&'a self, delivery: &'a Carried, _attempt: u32) -> BoxFuture<'a, AttemptResult> {
        self.hand_over(delivery).boxed()
    }
}

#[cfg(test)]
mod tests;
