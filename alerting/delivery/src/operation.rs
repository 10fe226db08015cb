//! Whom a way out serves: people who may be in danger, or people who practise. Types of their own, so that what is made
//! for one cannot be handed to the other.
//!
//! A [`Ledger`](crate::Ledger) belongs to one operation, and its file says which. What is owed leaves it as
//! [`Owed<O>`](crate::ledger::Owed), a courier carries [`Carried<O>`], a channel takes nothing else. There is no way
//! from `Carried<Exercise>` to `Carried<Live>`: both are made here alone, of what a ledger of that operation holds.
//!
//! A courier of a drill takes no channel of the live operation:
//!
//! ```compile_fail,E0277
//! use delivery::channel::{Channel, log::Log};
//! use delivery::operation::Exercise;
//! let live: Box<dyn Channel<Exercise>> = Box::new(Log);
//! ```
//!
//! What sounds, or is shown to everybody, cannot be rehearsed, however it is configured:
//!
//! ```compile_fail,E0277
//! use delivery::channel::{Rehearsed, relay::Relay};
//! fn rehearse(relay: Relay) -> Rehearsed<Relay> { Rehearsed::new(relay) }
//! ```
//!
//! The siren of a drill takes no way to the real field:
//!
//! ```compile_fail,E0308
//! use delivery::channel::siren::{CommandSink, Siren, SirenSettings};
//! use delivery::operation::Exercise;
//! fn wire(live: std::sync::Arc<dyn CommandSink>, time: std::sync::Arc<dyn delivery::Time>) -> Siren<Exercise> {
//!     Siren::new(SirenSettings::default(), live, time)
//! }
//! ```
//!
//! And nobody but a ledger makes what channels take:
//!
//! ```compile_fail,E0423
//! use delivery::operation::{Carried, Live};
//! fn forge(delivery: alerting::Delivery) -> Carried<Live> { Carried(delivery, std::marker::PhantomData) }
//! ```

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use alerting::{Delivery, Status};

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Live {}
    impl Sealed for super::Exercise {}
}

/// An operation; there are two.
pub trait Operation:
    sealed::Sealed + Clone + Copy + fmt::Debug + Eq + Send + Sync + Sized + 'static
{
    /// Its name, as files have it.
    const NAME: &'static str;
    /// What all of its MQTT topics start with.
    const ROOT: &'static str;

    /// Whether a message of this status is one of its own.
    fn carries(status: Status) -> bool;
}

/// In earnest, or as a test of the whole system: what people may be in danger for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Live {}

/// A drill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exercise {}

impl Operation for Live {
    const NAME: &'static str = "live";
    const ROOT: &'static str = "bongsu/v1";

    fn carries(status: Status) -> bool {
        matches!(status, Status::Actual | Status::Test)
    }
}

impl Operation for Exercise {
    const NAME: &'static str = "exercise";
    const ROOT: &'static str = "bongsu-exercise/v1";

    fn carries(status: Status) -> bool {
        status == Status::Exercise
    }
}

/// A delivery in the hand of a courier of the operation `O`.
#[derive(Clone, Debug, PartialEq)]
pub struct Carried<O: Operation = Live>(Delivery, PhantomData<O>);

impl<O: Operation> Carried<O> {
    /// Of what a ledger of this operation holds.
    pub(crate) fn new(delivery: Delivery) -> Self {
        Self(delivery, PhantomData)
    }
}

impl<O: Operation> Deref for Carried<O> {
    type Target = Delivery;

    fn deref(&self) -> &Delivery {
        &self.0
    }
}

#[cfg(test)]
mod tests;
