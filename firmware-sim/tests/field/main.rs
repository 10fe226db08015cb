//! The simulated field in every form, over the real medium: brokers and pseudo-terminals, heard by our own collectors
//! and by programs of other people.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../../../ingest/tests/mqtt_support/mod.rs"]
mod support;
mod heard;
mod wires;
mod bus;
mod uplinks;
mod stations;
