//! How messages leave the simulated field.

pub mod memory;
pub mod field;
pub mod jsonl;
mod report;
pub mod tls;
pub mod session;
mod kept;
pub mod mqtt;
pub mod chirpstack;
pub mod sparkplug;
pub mod serial;
pub mod lines;
pub mod toa5;
pub mod frames;
pub mod modbus;
