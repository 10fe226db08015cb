//! What every connection of a collector has: who it is, how it connects, whom it tells, when it stops.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::connection::Connector;
use super::event::{Event, Happening, Listener, Role};
use super::metrics::CollectorMetrics;
use crate::clock::Clock;

/// One connection's place. Cloning is cheap. Ports and buses have nothing to connect with.
#[derive(Clone)]
pub(super) struct Seat<C = Connector> {
    pub(super) collector: Arc<str>,
    pub(super) role: Role,
    pub(super) connector: C,
    pub(super) clock: Clock,
    pub(super) metrics: CollectorMetrics,
    pub(super) listener: Listener,
    pub(super) cancel: CancellationToken,
}

impl<C> Seat<C> {
    /// Tells what happened.
    pub(super) fn tell(&self, happening: Happening) {
        (self.listener)(Event {
            collector: self.collector.to_string(),
            role: self.role,
            happening,
        });
    }
}

/// Whether a connection stands, as it was last told. Each change is told once, not every attempt.
#[derive(Debug, Default)]
pub(super) struct Standing(Option<bool>);

impl Standing {
    /// It stands.
    pub(super) fn up<C>(&mut self, seat: &Seat<C>, session_present: bool) {
        tracing::info!(collector = %seat.collector, session = seat.role.name(), session_present, "collector up");
        seat.metrics.set_connected(&seat.collector, seat.role, true);
        self.0 = Some(true);
        seat.tell(Happening::Up { session_present });
    }

    /// It broke, could not be made, or was stopped.
    pub(super) fn down<C>(&mut self, seat: &Seat<C>, reason: &str) {
        let (collector, session) = (&seat.collector, seat.role.name());
        seat.metrics.set_connected(collector, seat.role, false);
        seat.metrics.reconnects.with_label_values(&[&**collector, session]).inc();
        if self.0.replace(false) == Some(false) {
            tracing::debug!(%collector, session, reason, "collector still down");
            return;
        }
        tracing::warn!(%collector, session, reason, "collector down");
        seat.tell(Happening::Down { reason: reason.into() });
    }

    /// It ends because we were told to stop.
    pub(super) fn stopped<C>(&mut self, seat: &Seat<C>) {
        seat.metrics.set_connected(&seat.collector, seat.role, false);
        if self.0.replace(false) != Some(false) {
            tracing::info!(collector = %seat.collector, session = seat.role.name(), "collector stopped");
            seat.tell(Happening::Down { reason: "stopped".into() });
        }
    }
}
