//! Ports and buses, over real pseudo-terminals: the test is the instrument at the other end of the wire.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../mqtt_support/mod.rs"]
mod support;
mod pty;
mod unit;
mod lines;
mod link;
mod bus;
mod peers;
mod ceiling;
