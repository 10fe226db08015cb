//! From readings to alerts: what holds, what is going on, who must hear, what is owed.
//!
//! Pure: the engine is handed readings and moments and returns actions. No clock, file, socket or task
//! compiles in here, and arithmetic agrees on every machine.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod level;
pub mod catalogue;
pub mod text;
pub mod window;
pub mod condition;
pub mod validity;
pub mod rota;
pub mod rule;
pub mod policy;
pub mod standing;
pub mod inhibition;
pub mod approval;
pub mod ladder;
pub mod life;
pub mod station;
pub mod setup;
pub mod incident;
pub mod alert;
pub mod route;
pub mod delivery;
pub mod outbox;
pub mod explanation;
pub mod decision;
pub mod engine;
pub mod snapshot;

pub use alert::{
    Alert, Evidence, Hazard, IncidentId, IncidentKind, MessageType, Purpose, SiteFacts, Status,
};
pub use decision::{Action, Decision};
pub use delivery::{
    AttemptResult, Delivery, DeliveryChange, DeliveryKey, DeliveryState, Outcome, StillOwed,
};
pub use engine::{Command, Engine, Moment, UNRECORDED};
pub use level::Level;
