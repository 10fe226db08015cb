//! Does the broker keep a session while we are away? Tried at the start, beside the intake, on a session of its own.
//!
//! A broker that does not (mosquitto without `persistence true` after a restart of its own, an operator's limit on
//! session expiry, a broker that ignores it) loses whatever stations publish while the daemon restarts, and nobody
//! would notice.

use std::time::Duration;

use rumqttc::{
    AsyncClient, BrokerSessionResumePolicy, ConnectionError, DisconnectProperties,
    DisconnectReasonCode, Event as PollEvent, EventLoop, Packet,
};
use tokio::time::{sleep, timeout};

use super::backoff::Backoff;
use super::connection::Connector;
use super::event::Happening;
use super::seat::Seat;

/// How long one connection of the test may take.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long the broker is asked to keep the session, in seconds.
const KEPT_FOR: u32 = 60;

const ADVICE: &str = "the broker forgets sessions: what is published while bongsu restarts is lost. For mosquitto set \
    `persistence true` with a writable `persistence_location`, raise `persistent_client_expiration`, and use another \
    version than 2.0.12 to 2.0.18, which lose sessions";

/// Finds out and tells, however long the broker takes to answer; ends when told to stop.
pub(super) async fn run(seat: Seat) {
    let gauge = seat.metrics.session_persists.with_label_values(&[&*seat.collector]);
    gauge.set(-1);
    let mut backoff = Backoff::default();
    loop {
        let found = tokio::select! {
            () = seat.cancel.cancelled() => return,
            found = try_once(&seat.connector, &seat.collector) => found,
        };
        match found {
            Ok(persists) => {
                gauge.set(i64::from(persists));
                return tell(&seat, persists);
            }
            Err(error) => {
                tracing::debug!(collector = %seat.collector, %error, "session self-test could not be made yet")
            }
        }
        tokio::select! {
            () = seat.cancel.cancelled() => return,
            () = sleep(backoff.next()) => {}
        }
    }
}

fn tell(seat: &Seat, persists: bool) {
    let advice = if persists { "" } else { ADVICE };
    match persists {
        true => tracing::info!(collector = %seat.collector, "session persists: yes"),
        false => tracing::warn!(collector = %seat.collector, advice, "session persists: no"),
    }
    seat.tell(Happening::SessionPersists { persists, advice });
}

/// Connects as somebody new, leaves, comes back, and asks whether we are still known.
pub(super) async fn try_once(
    connector: &Connector,
    name: &str,
) -> Result<bool, Box<ConnectionError>> {
    visit(connector, name, true, KEPT_FOR).await?;
    visit(connector, name, false, 0).await
}

/// One connection: whether the broker knew us. On leaving, the session is kept for `expiry` seconds.
async fn visit(
    connector: &Connector,
    name: &str,
    clean_start: bool,
    expiry: u32,
) -> Result<bool, Box<ConnectionError>> {
    let (mut options, held) = connector.options(&format!("{name}-self-test"));
    options.set_clean_start(clean_start);
    options.set_session_expiry_interval(Some(KEPT_FOR));
    options.set_broker_session_resume_policy(BrokerSessionResumePolicy::AllowBrokerOnly);
    held.release();
    let (client, mut eventloop) = AsyncClient::builder(options).capacity(4).build();
    let visit = async {
        let known = connected(&mut eventloop).await?;
        let leave = DisconnectProperties {
            session_expiry_interval: Some(expiry),
            reason_string: None,
            user_properties: Vec::new(),
            server_reference: None,
        };
        if client
            .try_disconnect_with_properties(DisconnectReasonCode::NormalDisconnection, leave)
            .is_ok()
        {
            while eventloop.poll().await.is_ok() {}
        }
        Ok(known)
    };
    match timeout(PATIENCE, visit).await {
        Ok(known) => known,
        Err(elapsed) => Err(Box::new(elapsed.into())),
    }
}

async fn connected(eventloop: &mut EventLoop) -> Result<bool, Box<ConnectionError>> {
    loop {
        if let PollEvent::Incoming(Packet::ConnAck(connack)) =
            eventloop.poll().await.map_err(Box::new)?
        {
            return Ok(connack.session_present);
        }
    }
}
