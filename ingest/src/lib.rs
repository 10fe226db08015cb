//! From the field to the journal: what time it is, what came in which order, and how it came.
//!
//! Collectors take bytes from brokers and ports, the journal puts them on disk in one order, and only then are
//! they acknowledged. Everything that decides reads the journal.
#![forbid(unsafe_code)]

pub mod archive;
pub mod clock;
pub mod journal;
pub mod collector;
