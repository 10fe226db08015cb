//! Wires on the machine itself: ports that talk, and buses of Modbus units that are asked.
//!
//! ```text
//!  /dev/serial/by-id/… ── port (reads, reopens) ──▶ splitter ─frames─▶ storing (batches) ──▶ Intake ──▶ journal
//!                            ▲                                            │
//!                            └────────── `stored`, for our own frames ────┘
//!  RTU or TCP ─────────── bus (asks in turn, one question at a time) ──▶ storing
//! ```
//! - [`config`]: what is set;
//! - `line`: a port, opened by path and watched; `splitter`: bytes to frames; `header`: rows with what stands above
//!   them;
//! - [`port`]: a port that talks, by lines or in our own frames ([`reading::codec::link`]);
//! - [`bus`]: units that are asked; `ask`: one question; `turns`: whose turn it is, and who has to wait;
//! - `storing`: from the queue to the intake.
//!
//! A port that goes away (end of file, an error, another device behind its path) is opened again by its path within ten
//! seconds of its return. A collector is up while its port is open or its connection stands; units that are silent on
//! an open bus are silent by themselves.

pub mod config;
mod line;
mod splitter;
mod header;
mod storing;
pub mod port;
mod turns;
mod ask;
pub mod bus;

use std::time::Duration;

pub use line::overhear;

use super::event::Role;
use super::mqtt::Wiring;
use super::seat::Seat;

/// The longest wait between two tries to open a port, so that one that is back is open within ten seconds.
const REOPEN_MAX: Duration = Duration::from_secs(5);

fn seat(name: &str, wiring: &Wiring) -> Seat<()> {
    Seat {
        collector: name.into(),
        role: Role::Telemetry,
        connector: (),
        clock: wiring.clock.clone(),
        metrics: wiring.metrics.clone(),
        listener: wiring.listener.clone(),
        cancel: wiring.cancel.clone(),
    }
}
