//! The ECBE interface of osmo-cbc: a message is created with POST and removed with DELETE.
//!
//! A centre holds one message for each identifier, and so one for each class. Who holds which is remembered, so that
//! one incident never removes the message of another; a new version of a message removes the one before it first.

use std::collections::BTreeMap;

use alerting::{Alert, AttemptResult};
use parking_lot::Mutex;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::draft::{Class, Draft};
use crate::channel::http::Peer;
use crate::channel::{delivered, refused, retry};
use crate::text::is_over;

/// Every how many units of 1.883 s the message is repeated.
const REPETITION_PERIOD: u32 = 5;

/// How often it is repeated: until it is removed.
const BROADCASTS: u32 = 65_535;

/// Which incident holds the message of which identifier at the centre.
#[derive(Debug, Default)]
pub struct Holders(Mutex<BTreeMap<u16, String>>);

impl Holders {
    /// Whether the message may be this incident's. After a restart nobody knows, and whoever was told before is
    /// believed.
    fn is_ours(&self, id: u16, alert: &Alert) -> bool {
        match self.0.lock().get(&id) {
            Some(incident) => incident == alert.incident.as_str(),
            None => alert.revision > 1,
        }
    }
}

pub(super) async fn send(
    peer: &Peer,
    alert: &Alert,
    draft: &Draft,
    name: &str,
    holders: &Holders,
) -> AttemptResult {
    let mut said = Vec::new();
    for class in [Class::Critical, Class::Emergency, Class::Guidance] {
        let id = class.message_ids().0;
        if !holders.is_ours(id, alert) {
            continue;
        }
        match remove(peer, id).await {
            AttemptResult::Delivered { receipt } => said.push(receipt),
            other => return other,
        }
        holders.0.lock().remove(&id);
    }
    if is_over(alert) {
        return delivered(format!("removed: {}", said.join(", ")));
    }
    create(peer, alert, draft, name, holders).await
}

async fn create(
    peer: &Peer,
    alert: &Alert,
    draft: &Draft,
    name: &str,
    holders: &Holders,
) -> AttemptResult {
    let Some(body) = body(draft, name) else { return refused("no text fits") };
    let body = serde_json::to_vec(&body).unwrap_or_default();
    let request = peer.request(Method::POST, peer.below(&["message"]));
    let answer = peer.ask(request.header(CONTENT_TYPE, "application/json").body(body)).await;
    match answer.map(|answer| (answer.status, answer.judged())) {
        Ok((StatusCode::CONFLICT, _)) => {
            retry("the centre holds a message of this class for another incident")
        }
        Ok((_, AttemptResult::Delivered { receipt })) => {
            let id = draft.class.message_ids().0;
            holders.0.lock().insert(id, alert.incident.to_string());
            AttemptResult::HandedOver {
                reference: format!("handed to the cell broadcast centre: {receipt}"),
            }
        }
        Ok((_, verdict)) => verdict,
        Err(result) => result,
    }
}

/// A message identifier that no warning has and phones keep for themselves (3GPP TS 23.041, 9.4.1.2.2).
const NOBODYS: u16 = 0xFFFF;

/// Asks to remove a message that nobody has: whoever answers that it is not there reads what we ask.
pub(super) async fn look(peer: &Peer) -> AttemptResult {
    remove(peer, NOBODYS).await
}

async fn remove(peer: &Peer, id: u16) -> AttemptResult {
    let request = peer.request(Method::DELETE, peer.below(&["message", &id.to_string()]));
    match peer.ask(request).await {
        Ok(answer) if answer.status == StatusCode::NOT_FOUND => {
            delivered(format!("no message {id} was there"))
        }
        Ok(answer) => answer.judged(),
        Err(result) => result,
    }
}

fn body(draft: &Draft, name: &str) -> Option<Value> {
    let wording = draft.best()?;
    Some(json!({
        "cbe_name": name,
        "category": "high_priority",
        "repetition_period": REPETITION_PERIOD,
        "num_of_bcast": BROADCASTS,
        "scope": { "scope_plmn": {} },
        "smscb_message": {
            "message_id": draft.class.message_ids().0,
            "serial_nr": { "serial_nr_decoded": {
                "geo_scope": "plmn_wide", "msg_code": draft.message_code, "update_nr": draft.update_number,
            }},
            "payload": { "payload_decoded": { "character_set": "ucs2", "data_utf8": wording.text } },
        },
    }))
}
