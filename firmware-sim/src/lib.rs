//! The field in software: slopes, instruments, gateways and sirens, from a scenario and a seed.
//!
//! Truth first ([`physics`]), then what a station makes of it ([`station`]), what goes wrong ([`fault`]), and the
//! way to a broker or a file ([`link`]). A [`World`] needs no clock: the same scenario and seed give the same
//! bytes on every machine. Where time must run, a [`Pace`] is handed in.
#![forbid(unsafe_code)]

pub mod scenario;
pub mod physics;
pub mod station;
pub mod fault;
pub mod message;
pub mod link;
pub mod wiring;
pub mod siren;
pub mod flood;
pub mod pace;
pub mod course;
pub mod picture;
pub mod plot;
pub mod random;

pub use link::memory::World;
pub use message::Message;
pub use pace::Pace;
pub use scenario::Scenario;
