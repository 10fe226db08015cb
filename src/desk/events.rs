//! Payloads of our own journal records.

use alerting::decision::IncidentRecord;
use alerting::{DeliveryKey, DeliveryState, StillOwed};
use reading::registry::Text;
use serde::{Deserialize, Serialize};

/// A collector came up or went down; the record's source names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollectorEvent {
    /// Whether it receives from now on.
    pub up: bool,
    /// Why not, empty if it does.
    pub reason: String,
    /// What the broker says was lost on the way to us since the last word of it, in words; empty if nothing.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub lost: String,
    /// A gateway that tried to speak for another's station, and the topic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub foreign: Option<(String, String)>,
    /// A sender that is too fast, and how many frames of it were refused since the last word of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub too_fast: Option<(String, u64)>,
    /// A sender that is too fast and was made to wait, at our own broker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slowed: Option<String>,
}

impl CollectorEvent {
    /// It receives.
    pub fn up() -> Self {
        Self {
            up: true,
            reason: String::new(),
            lost: String::new(),
            foreign: None,
            too_fast: None,
            slowed: None,
        }
    }

    /// It does not, and why.
    pub fn down(reason: impl Into<String>) -> Self {
        Self { up: false, reason: reason.into(), ..Self::up() }
    }

    /// It receives, and something was lost on the way.
    pub fn lost(what: impl Into<String>) -> Self {
        Self { lost: what.into(), ..Self::up() }
    }

    /// It receives, and a gateway tried what it may not.
    pub fn foreign(gateway: String, topic: String) -> Self {
        Self { foreign: Some((gateway, topic)), ..Self::up() }
    }

    /// It receives, and frames of a sender that is too fast were refused.
    pub fn too_fast(sender: String, refused: u64) -> Self {
        Self { too_fast: Some((sender, refused)), ..Self::up() }
    }

    /// It receives, and a sender that is too fast was made to wait.
    pub fn slowed(sender: String) -> Self {
        Self { slowed: Some(sender), ..Self::up() }
    }

    /// Whether it says that the collector came up or went down, and nothing else.
    pub fn is_of_standing(&self) -> bool {
        self.lost.is_empty()
            && self.foreign.is_none()
            && self.too_fast.is_none()
            && self.slowed.is_none()
    }
}

/// Where the ledger and the desk disagree at a start, because what decided it is gone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Orphans {
    /// Deliveries that are open in the ledger alone.
    pub owed: Vec<StillOwed>,
    /// The first record the journal has, if the desk's state lacks some before it.
    #[serde(default)]
    pub lost_before: Option<u64>,
    /// Deliveries that the desk waits for and that are settled.
    #[serde(default)]
    pub settled: Vec<(DeliveryKey, DeliveryState)>,
    /// Incidents that are open in the ledger alone.
    #[serde(default)]
    pub incidents: Vec<IncidentRecord>,
}

/// Something of ours fails, or works again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// What: the same from beginning to end.
    pub key: String,
    /// What is told of it; none once it is mended.
    pub what: Option<Text>,
}

impl Trouble {
    /// It fails. `text` is a key of the catalogue.
    pub fn begun(key: &str, text: &'static str, words: &[&str]) -> Self {
        Self { key: key.into(), what: Some(alerting::catalogue::text(text, words)) }
    }

    /// It works again.
    pub fn mended(key: &str) -> Self {
        Self { key: key.into(), what: None }
    }
}

/// What a look at a way out came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProofEvent {
    /// The channel.
    pub channel: String,
    /// Which of its targets.
    pub target: String,
    /// Whether it is proven to work.
    pub proven: bool,
    /// By what, or why not.
    pub what: String,
    /// Who wanted to know: `schedule`, or a person.
    pub by: String,
}

/// The wall clock was set, or did not fit the journal at the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockStep {
    /// How far the wall clock jumped or lies from the journal's, nanoseconds, negative if back or behind.
    pub nanos: i64,
}

/// A record was set aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skip {
    /// Which.
    pub sequence: u64,
}

/// The topic of trouble with what is owed; the payload is [`Orphans`].
pub const ORPHANS: &str = "orphans";

/// The topic of an order to a station; the payload is a [`StationOrder`](alerting::station::StationOrder).
pub const STATION_ORDER: &str = "station";

/// The topic of an order about a site; the payload is a [`SiteOrder`](alerting::standing::SiteOrder).
pub const SITE_ORDER: &str = "site";

/// As journal payload. Serialising these structures cannot fail.
pub fn payload<T: Serialize>(value: &T) -> bytes::Bytes {
    serde_json::to_vec(value).map(bytes::Bytes::from).unwrap_or_default()
}
