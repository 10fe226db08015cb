//! What a station claims, as decoded, before anybody believes it.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use crate::time::Timestamp;

/// One message of a station: several claims that were sent together. Borrows from the frame where it can.
#[derive(Clone, Debug, PartialEq)]
pub struct Report<'a> {
    /// The site part of the topic.
    pub site: &'a str,
    /// The station part of the topic.
    pub station: &'a str,
    /// The station's running number, if it sends one. It resets at a reboot.
    pub seq: Option<u64>,
    /// The stamp of the whole message; claims without their own carry this one.
    pub at: Option<Timestamp>,
    /// When the nearest thing to the station with a clock heard it: a gateway, a network server. It stands in where
    /// the station has no usable clock of its own, before the moment of receipt does.
    pub heard_at: Option<Timestamp>,
    /// Which road it came on.
    pub road: Road,
    /// The claims, in the order sent.
    pub claims: Vec<Claim<'a>>,
}

impl Report<'_> {
    /// Whether it says which one it is, by a stamp or a number: without either, a station that measures the same again
    /// sends the same bytes.
    pub fn is_identified(&self) -> bool {
        self.at.or(self.heard_at).is_some()
            || self.seq.is_some()
            || self.claims.iter().any(|claim| claim.at.is_some())
    }
}

/// The road a report came on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Road {
    /// `…/telemetry`: now.
    Live,
    /// `…/backfill`: the past, from a station's or gateway's buffer.
    Backfill,
}

/// One value a station says it measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim<'a> {
    /// The instrument.
    pub sensor: Cow<'a, str>,
    /// What it measures, as written.
    pub quantity: Cow<'a, str>,
    /// The number, finite or not, in `unit`.
    pub value: f64,
    /// The unit as written; absent means the one the registry gives the series.
    pub unit: Option<Cow<'a, str>>,
    /// Its own stamp, before the report's.
    pub at: Option<Timestamp>,
}

impl Claim<'_> {
    /// The same, borrowing from nobody.
    pub fn into_owned(self) -> Claim<'static> {
        Claim {
            sensor: self.sensor.into_owned().into(),
            quantity: self.quantity.into_owned().into(),
            value: self.value,
            unit: self.unit.map(|unit| unit.into_owned().into()),
            at: self.at,
        }
    }
}
