//! Payloads of our own journal records.

use serde::{Deserialize, Serialize};

/// A collector came up or went down; the record's source names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollectorEvent {
    /// Whether it receives from now on.
    pub up: bool,
    /// Why not, empty if it does.
    pub reason: String,
}

/// A record was set aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skip {
    /// Which.
    pub sequence: u64,
}

/// As journal payload. Serialising these structures cannot fail.
pub fn payload<T: Serialize>(value: &T) -> bytes::Bytes {
    serde_json::to_vec(value).map(bytes::Bytes::from).unwrap_or_default()
}
