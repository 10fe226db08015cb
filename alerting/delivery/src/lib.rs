//! Alerts out to the world: the ledger of what was decided and is owed, couriers that carry it, channels that
//! reach people and machines.
//!
//! The engine decides, the ledger remembers, a courier sends once and journals what came of it; only then does the
//! engine decide again. Nothing in here retries by itself.
#![forbid(unsafe_code)]

pub mod time;
pub mod secret;
pub mod operation;
pub mod probe;
pub mod ledger;
pub mod courier;
pub mod text;
pub mod contacts;
pub mod receipts;
pub mod channel;
pub mod metrics;
#[cfg(test)]
#[path = "../../../tests/common/ports.rs"]
mod ports;
#[cfg(test)]
mod sample;

pub use channel::Channel;
pub use courier::{Courier, CourierError, OutcomeSink, SinkError, Turned};
pub use ledger::{Batch, Ledger, LedgerError, LedgerOpened, Owed, QuarantineRow};
pub use metrics::Metrics;
pub use operation::{Carried, Exercise, Live, Operation};
pub use probe::{Probe, Proof, Provable};
pub use secret::Secret;
pub use time::Time;
