//! How messages leave the simulated field.

pub mod memory;
pub mod jsonl;
pub mod session;
mod kept;
pub mod mqtt;
