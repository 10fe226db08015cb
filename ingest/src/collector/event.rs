//! What a collector tells: that it came up or went down, and what it noticed about its broker.
//!
//! The daemon journals these: silence runs only while the collector is up.

use std::sync::Arc;

use serde::Serialize;

/// Which of a collector's connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Receives live readings.
    Telemetry,
    /// Receives answers to commands and who is there, on a session of its own: a backlog of readings must not
    /// make a siren look dead.
    Receipts,
    /// Receives old readings, so that live ones stay first.
    Backfill,
    /// Publishes commands, acknowledgements and the daemon's own status.
    Publisher,
}

impl Role {
    /// Its name in client ids, files, metrics and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Telemetry => "telemetry",
            Self::Receipts => "receipts",
            Self::Backfill => "backfill",
            Self::Publisher => "publisher",
        }
    }
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "what")]
pub enum Happening {
    /// Connected and, if it receives, subscribed.
    Up {
        /// The broker had kept the session, with what was published meanwhile.
        session_present: bool,
    },
    /// Not connected. Told once, not at every attempt to get back.
    Down {
        /// Why.
        reason: String,
    },
    /// The broker confirmed the subscription of a session that is new to it.
    Subscribed,
    /// The broker no longer knew a session that it should have kept: what was published meanwhile is lost to us
    /// unless stations send it again.
    SessionLost,
    /// The session of the filters we had before is empty and ended.
    Drained {
        /// Its client id.
        client_id: String,
        /// How many frames were still in it.
        frames: u64,
    },
    /// What the self-test found: whether a session outlives its connection.
    SessionPersists {
        /// Whether it does.
        persists: bool,
        /// What to do if not, else empty.
        advice: &'static str,
    },
    /// A gateway tried what it may not. Told once a minute a gateway.
    Trespass {
        /// Which.
        gateway: String,
        /// On which topic.
        topic: String,
    },
    /// A sender is faster than anybody needs to be, and frames of it were refused. Told at once, then once a minute.
    TooFast {
        /// Who: a station, a gateway, a foreign topic or a port.
        sender: String,
        /// How many frames since it was last told.
        refused: u64,
    },
    /// A sender of our own broker is faster than anybody needs to be, and waited. Told at once, then once a minute.
    Slowed {
        /// Who: a user, a gateway, else a client by its id.
        sender: String,
        /// How many of its frames since it was last told.
        frames: u64,
    },
    /// The broker says what it is.
    Version {
        /// In its words: `mosquitto version 2.0.21`.
        version: String,
    },
    /// The broker says that it dropped messages.
    BrokerDropped {
        /// How many since we looked last.
        more: u64,
        /// How many since it started.
        total: u64,
    },
}

/// One event of one connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Event {
    /// The collector, by its configured name.
    pub collector: String,
    /// Which of its connections.
    pub role: Role,
    /// What happened.
    #[serde(flatten)]
    pub happening: Happening,
}

/// Who is told. Called from the task that polls the connection: it must not block.
pub type Listener = Arc<dyn Fn(Event) + Send + Sync>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_reads_well_in_the_journal() {
        let event = Event {
            collector: "field".into(),
            role: Role::Telemetry,
            happening: Happening::Up { session_present: true },
        };
        let json = serde_json::to_string(&event).unwrap();
        assert_eq!(
            json,
            r#"{"collector":"field","role":"telemetry","what":"up","session_present":true}"#
        );
    }
}
