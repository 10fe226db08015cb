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
pub mod alert;
pub mod outbox;
pub mod decision;

pub use alert::{Alert, Evidence, Hazard, IncidentId, IncidentKind, MessageType, Purpose, SiteFacts, Status};
pub use decision::{Action, Decision};
pub use level::Level;
pub use outbox::{AttemptResult, Delivery, DeliveryChange, DeliveryKey, DeliveryState, Outcome};
