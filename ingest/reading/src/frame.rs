//! Bytes as they came: from where, on which topic, when.

use crate::time::Timestamp;

/// One message as received, borrowed from wherever it lies (the journal, a test).
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// The collector that took it, by its configured name.
    pub source: &'a str,
    /// The MQTT topic, or the path of the port.
    pub topic: &'a str,
    /// The bytes.
    pub payload: &'a [u8],
    /// When it reached us, by the wall clock.
    pub received_at: Timestamp,
    /// The broker had kept it: it says nothing about now.
    pub retained: bool,
}
