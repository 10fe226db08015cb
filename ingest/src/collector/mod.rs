//! The field, as bytes: one file per way in.
//!
//! A collector takes frames off a wire, hands them to the [`Intake`] and acknowledges them to whoever sent them
//! only when the intake says that they are on disk. It decodes nothing and decides nothing.
//!
//! ```text
//!  broker ═socket═ receiving (polls) ─bounded queue─▶ storing (batches) ──▶ Intake ──▶ journal
//!                      ▲                                  │
//!                      └──────── PUBACK, in order ────────┘
//! ```
//! - [`config`], [`topic`], [`event`], [`metrics`]: what is set, what is on which topic, what is told;
//! - [`mqtt`]: a broker of somebody else's: three durable sessions that receive, one connection that publishes;
//! - [`publisher`], [`stored`]: the way back to the field;
//! - [`gateways`]: who may speak for whom where the broker is not ours;
//! - [`embedded`]: our own broker, whose publish hook is the collector;
//! - [`probe`], [`control`]: a look at a broker from outside, a request to it, for a person;
//! - [`serial`]: ports that talk, and buses of units that are asked;
//! - [`http`]: documents that somebody publishes, fetched again and again.

pub mod config;
pub mod topic;
pub mod event;
pub mod metrics;
mod backoff;
mod connection;
mod seat;
mod subscriptions;
mod identity;
mod resume;
mod receiving;
mod storing;
mod subscriber;
mod drain;
mod selftest;
pub mod probe;
pub mod control;
pub mod mqtt;
pub mod publisher;
mod publishing;
pub mod stored;
mod pace;
pub mod limit;
pub mod gateways;
pub mod embedded;
pub mod serial;
pub mod http;

pub use storing::BACKFILL_RATE;

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use reading::Timestamp;

use crate::journal::{Entry, Journal, Kind};

/// The longest payload that is kept whole, in bytes.
pub const PAYLOAD_LEN_MAX: usize = 1 << 20;

/// How much is kept of a payload that is longer: with the byte that marks the cut more than any codec reads, so that it
/// is refused for its length and not for where it was cut.
pub const PAYLOAD_LEN_CUT: usize = reading::codec::PAYLOAD_LEN_MAX;

/// A frame as taken from the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The collector that took it, by its configured name.
    pub source: Arc<str>,
    /// The MQTT topic, or the path of the port, or the address of the bus.
    pub topic: Arc<str>,
    /// The bytes, as received if they were not too long.
    pub payload: Bytes,
    /// The broker had kept it: it says nothing about now.
    pub retained: bool,
    /// When it reached us, by the wall clock.
    pub received_at: Timestamp,
}

/// Why frames were not stored. They stay unacknowledged, so that whoever sent them sends them again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("frames are not stored, so they are not acknowledged: {reason}")]
pub struct IntakeError {
    /// What hinders it, and what to do.
    pub reason: String,
}

/// Where frames go: the journal, or a test.
pub trait Intake: Send + Sync + 'static {
    /// Resolves once all of `frames` are on disk, in this order. May wait for as long as the disk is full; to
    /// wait is to withhold acknowledgements.
    ///
    /// # Errors
    /// [`IntakeError`] if waiting does not help: the collector drops the connection and starts again.
    fn store(&self, frames: Vec<Taken>) -> BoxFuture<'_, Result<(), IntakeError>>;
}

impl Intake for Journal {
    fn store(&self, frames: Vec<Taken>) -> BoxFuture<'_, Result<(), IntakeError>> {
        Box::pin(async move {
            let entries = frames.into_iter().map(Entry::from).collect();
            self.append(entries)
                .await
                .map(drop)
                .map_err(|error| IntakeError { reason: error.to_string() })
        })
    }
}

impl From<Taken> for Entry {
    fn from(frame: Taken) -> Self {
        let Taken { source, topic, payload, retained, received_at } = frame;
        let kind = if topic.ends_with("/command/result") { Kind::Receipt } else { Kind::Frame };
        Self { kind, source, topic, retained, received_at, payload }
    }
}

/// The payload to keep: all of it, or the start of one that is too long, ended by a byte that no text format
/// has, so that a cut never reads as something shorter.
fn keep(payload: Bytes) -> Bytes {
    if payload.len() <= PAYLOAD_LEN_MAX {
        return payload;
    }
    let mut start = Vec::with_capacity(PAYLOAD_LEN_CUT + 1);
    start.extend_from_slice(&payload[..PAYLOAD_LEN_CUT]);
    start.push(0xFF);
    start.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_too_long_is_cut_and_never_reads_as_whole() {
        let whole = Bytes::from(vec![b'1'; PAYLOAD_LEN_MAX]);
        assert_eq!(keep(whole.clone()), whole);
        let cut = keep(Bytes::from(vec![b'1'; PAYLOAD_LEN_MAX + 1]));
        assert_eq!(cut.len(), PAYLOAD_LEN_CUT + 1);
        assert!(std::str::from_utf8(&cut).is_err());
    }
}
