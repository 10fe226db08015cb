//! How a receiving connection takes up its session.

use futures_util::future::BoxFuture;
use rumqttc::{
    AckMode, BrokerSessionResumePolicy, MqttOptions, PersistedAckMode, PersistedSession,
    SessionStore, SessionStoreError, SessionStoreKey,
};

use super::receiving::Reception;
use super::storing::BATCH_MAX;

/// We publish nothing on these connections: subscribing is all that is ever in flight.
const OUTGOING_MAX: u16 = 8;

/// With what a connection takes up its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resume {
    /// As it is. If the broker has one, only receiving works: `rumqttc` sends no subscription on it.
    Receive,
    /// As our own with nothing in flight, which is true of a session that never publishes: we may subscribe and
    /// unsubscribe on it. Costs a little per frame.
    Change,
}

/// Makes a durable session of a connection, whose messages we acknowledge ourselves.
pub(super) fn make_durable(options: &mut MqttOptions, reception: &Reception, resume: Resume) {
    options.set_clean_start(false);
    options.set_session_expiry_interval(Some(reception.session_expiry));
    options.set_receive_maximum(Some(reception.receive_maximum));
    options.set_ack_mode(AckMode::Manual);
    options.set_broker_session_resume_policy(BrokerSessionResumePolicy::AllowBrokerOnly);
    options.set_outgoing_inflight_upper_limit(OUTGOING_MAX);
    options.set_max_request_batch(BATCH_MAX);
    options.set_read_batch_size(128);
    if resume == Resume::Change {
        options.set_session_store(NothingInFlight);
    }
}

/// The local half of a session on which nothing is ever published: empty, whenever it is asked for.
#[derive(Debug)]
struct NothingInFlight;

type Answer<'a, T> = BoxFuture<'a, Result<T, SessionStoreError>>;

impl SessionStore for NothingInFlight {
    fn load<'a>(&'a self, key: &'a SessionStoreKey) -> Answer<'a, Option<PersistedSession>> {
        let nothing = PersistedSession {
            format_version: 1,
            client_id: key.client_id().into(),
            clean_start: false,
            session_expiry_interval: None,
            outgoing_inflight_upper_limit: Some(OUTGOING_MAX),
            ack_mode: PersistedAckMode::Manual,
            last_pkid: 0,
            last_puback: 0,
            replay: Vec::new(),
            incoming_qos2: Vec::new(),
        };
        Box::pin(async { Ok(Some(nothing)) })
    }

    fn save<'a>(&'a self, _: &'a SessionStoreKey, _: &'a PersistedSession) -> Answer<'a, ()> {
        Box::pin(async { Ok(()) })
    }

    fn clear<'a>(&'a self, _: &'a SessionStoreKey) -> Answer<'a, ()> {
        Box::pin(async { Ok(()) })
    }
}
