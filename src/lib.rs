//! The bongsu daemon: composition only. The rooms are the other crates.

pub mod logging;
mod moment;
pub mod config;
pub mod store;
pub mod people;
pub mod criteria;
pub mod inspections;
pub mod sheet;
pub mod elsewhere;
pub mod overview;
pub mod explained;
pub mod owed;
pub mod metrics;
pub mod vitals;
pub mod desk;
pub mod board;
pub mod daemon;
pub mod safekeeping;
pub mod exercise;
pub mod cli;
