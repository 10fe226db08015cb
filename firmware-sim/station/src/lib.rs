//! The firmware of an instrument box: when it measures and reports, what a report says, what it keeps, what it obeys.
//!
//! No clock, no radio, no instrument: the host gives the milliseconds since power came on, raw values, the voltage of
//! the supply and whether the link is up, and carries out what comes back. `no_std` without a dependency, so that it
//! compiles for a microcontroller as it is.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod clock;
pub mod channel;
pub mod store;
pub mod rhythm;
pub mod order;
pub mod firmware;

pub use channel::{Channel, Merge};
pub use firmware::{Firmware, Settings};
pub use order::{Answer, Order};
pub use store::Report;
