//! What a reading is: the words every room shares, the wire formats, and what we believe.
//!
//! Pure: handed bytes and moments, returns values. No clock, file, socket or task compiles in here.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod time;
pub mod id;
pub mod unit;
pub mod calibration;
pub mod registry;
pub mod frame;
pub mod codec;
pub mod report;
pub mod admission;
pub mod reading;

pub use id::{SensorId, SeriesName, SiteId, StationId};
pub use reading::{Quality, Reading};
pub use registry::{Registry, SeriesIndex, SiteIndex, StationIndex};
pub use time::Timestamp;
pub use unit::{Quantity, Unit};
