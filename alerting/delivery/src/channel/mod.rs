//! The ways out, one file per kind. A channel tries once and says what came of it; the outbox owns retries.

pub mod http;
pub mod cap;
pub mod webhook;
pub mod chat;
pub mod mail;
pub mod siren;
pub mod mqtt;
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

use crate::operation::{Carried, Exercise, Live, Operation};

/// A way out of the operation `O`.
pub trait Channel<O: Operation = Live>: Send + Sync {
    /// Tries once to carry a delivery; `attempt` counts from 1. Has timeouts of its own; what takes longer than
    /// the courier's is cut off and counts as unknown.
    fn attempt<'a>(
        &'a self,
        delivery: &'a Carried<O>,
        attempt: u32,
    ) -> BoxFuture<'a, AttemptResult>;
}

/// A way out that reaches people by words alone, each marked with the status of its message. Only such ways can be
/// rehearsed: what sounds, or is shown to everybody, has no part in a drill.
pub trait Spoken: Send + Sync {
    /// What [`Channel::attempt`] is for whoever is told.
    fn say<'a>(&'a self, delivery: &'a Delivery, attempt: u32) -> BoxFuture<'a, AttemptResult>;
}

impl<C: Spoken> Channel for C {
    fn attempt<'a>(&'a self, delivery: &'a Carried, attempt: u32) -> BoxFuture<'a, AttemptResult> {
        self.say(delivery, attempt)
    }
}

/// A way out that a drill has for itself: it owns the one it speaks through, so nobody else can be reached by that.
#[derive(Debug)]
pub struct Rehearsed<C>(C);

impl<C: Spoken> Rehearsed<C> {
    /// Takes a way out into a drill.
    pub fn new(channel: C) -> Self {
        Self(channel)
    }
}

impl<C: Spoken> Channel<Exercise> for Rehearsed<C> {
    fn attempt<'a>(
        &'a self,
        delivery: &'a Carried<Exercise>,
        attempt: u32,
    ) -> BoxFuture<'a, AttemptResult> {
        self.0.say(delivery, attempt)
    }
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
