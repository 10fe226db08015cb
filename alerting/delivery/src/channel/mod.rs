//! The ways out, one file per kind. A channel tries once and says what came of it; the outbox owns retries.

pub mod http;
pub mod cap;
pub mod webhook;
pub mod chat;
pub mod mail;
pub mod siren;
pub mod relay;
pub mod signboard;
pub mod smpp;
pub mod sms_http;
pub mod public_address;
pub mod cell_broadcast;
pub mod alertmanager;
pub mod log;

use alerting::{AttemptResult, Delivery};
use futures_util::future::BoxFuture;

/// A way out.
pub trait Channel: Send + Sync {
    /// Tries once to carry a delivery; `attempt` counts from 1. Has timeouts of its own; what takes longer than
    /// the courier's is cut off and counts as unknown.
    fn attempt<'a>(&'a self, delivery: &'a Delivery, attempt: u32) -> BoxFuture<'a, AttemptResult>;
}

fn retry(reason: impl Into<String>) -> AttemptResult {
    AttemptResult::Retry { reason: reason.into() }
}

fn refused(reason: impl Into<String>) -> AttemptResult {
    AttemptResult::Refused { reason: reason.into() }
}

fn delivered(receipt: impl Into<String>) -> AttemptResult {
    AttemptResult::Delivered { receipt: receipt.into() }
}
