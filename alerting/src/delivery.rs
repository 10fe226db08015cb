//! What is owed to whom, where it stands, and what an attempt came to: the words that outbox, ledger and couriers
//! share.

use alloc::format;
use alloc::string::String;
use core::fmt;

use reading::Timestamp;
use reading::id::ChannelId;
use serde::{Deserialize, Serialize};

use crate::alert::{Alert, IncidentId, Purpose};

/// `{incident}_{revision}_{purpose}_{channel}_{recipient}`: the idempotency key of a delivery. A receiver that
/// honours it is told once, whatever crashes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DeliveryKey(String);

impl DeliveryKey {
    /// The key of this delivery.
    pub fn new(
        incident: &IncidentId,
        revision: u32,
        purpose: Purpose,
        channel: &ChannelId,
        recipient: &str,
    ) -> Self {
        Self(format!("{incident}_{revision}_{}_{channel}_{recipient}", purpose.name()))
    }

    /// A key as somebody (a receipt) wrote it.
    pub fn from_text(text: &str) -> Self {
        Self(text.into())
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The site its incident is at.
    pub fn site(&self) -> Option<&str> {
        self.0.split('_').nth(1)
    }

    /// The incident it is about; `None` if this is no key of ours.
    pub fn incident(&self) -> Option<IncidentId> {
        let end = self.0.match_indices('_').nth(3)?.0;
        Some(IncidentId::from_text(&self.0[..end]))
    }

    /// Whether it belongs to an incident at the site of this name.
    pub fn is_about(&self, site: &str) -> bool {
        self.site() == Some(site)
    }

    /// Whether it is sent for this purpose.
    pub fn is_for(&self, purpose: Purpose) -> bool {
        self.0.split('_').nth(5) == Some(purpose.name())
    }
}

impl fmt::Display for DeliveryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One alert owed to one recipient on one channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Delivery {
    /// Its idempotency key.
    pub key: DeliveryKey,
    /// On which channel.
    pub channel: ChannelId,
    /// To whom: an identifier of configuration, never a number or address.
    pub recipient: String,
    /// What to say.
    pub alert: Alert,
    /// When it was decided that this is owed.
    pub owed_at: Timestamp,
    /// When the next attempt may be made.
    pub due_at: Timestamp,
    /// After this it is too late to matter, and that is reported.
    pub expires_at: Timestamp,
}

/// Where a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeliveryState {
    /// Due at `due_at`.
    Queued,
    /// A courier has it in hand; written before every send.
    Attempting,
    /// The medium took it; the receipt of the far end is awaited.
    HandedOver,
    /// Proven.
    Delivered,
    /// The medium took it and tells no more: whether it arrived stays unknown.
    Unconfirmed,
    /// The far end will never take it.
    Refused,
    /// A newer revision made it pointless before it was sent.
    Superseded,
    /// Too late to matter, and reported as such.
    Expired,
    /// The outcome of an attempt is unknown and a repeat would not be safe: a person decides.
    InDoubt,
}

impl DeliveryState {
    /// Every state.
    pub const ALL: [Self; 9] = [
        Self::Queued,
        Self::Attempting,
        Self::HandedOver,
        Self::Delivered,
        Self::Unconfirmed,
        Self::Refused,
        Self::Superseded,
        Self::Expired,
        Self::InDoubt,
    ];

    /// Its name in storage, metrics and on screens.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Attempting => "attempting",
            Self::HandedOver => "handed-over",
            Self::Delivered => "delivered",
            Self::Unconfirmed => "unconfirmed",
            Self::Refused => "refused",
            Self::Superseded => "superseded",
            Self::Expired => "expired",
            Self::InDoubt => "in-doubt",
        }
    }

    /// Whether nothing more will be done.
    pub const fn is_final(self) -> bool {
        matches!(
            self,
            Self::Delivered | Self::Unconfirmed | Self::Refused | Self::Superseded | Self::Expired
        )
    }
}

/// A delivery that stands open in the ledger, as a start finds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StillOwed {
    /// Which.
    pub key: DeliveryKey,
    /// On which channel.
    pub channel: ChannelId,
    /// Attempts that were made.
    pub attempts: u32,
}

/// What one attempt came to, as a courier journals it. `attempt` counts from 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Of which delivery.
    pub key: DeliveryKey,
    /// Of which attempt.
    pub attempt: u32,
    /// What it came to.
    pub result: AttemptResult,
}

/// What one attempt came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "is")]
pub enum AttemptResult {
    /// Proven, with what proves it (a status, a file, a message id).
    Delivered {
        /// What proves it.
        receipt: String,
    },
    /// The medium took it; a receipt naming the delivery's key will follow, or not.
    HandedOver {
        /// What the medium called it.
        reference: String,
    },
    /// Did not work now; may work later.
    Retry {
        /// Why, without secrets.
        reason: String,
    },
    /// Will never work.
    Refused {
        /// Why, without secrets.
        reason: String,
    },
    /// We stopped while it was in hand: it may or may not have gone out.
    Unknown,
}

/// A delivery moved from one state to another; the ledger writes it down.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeliveryChange {
    /// Which delivery.
    pub key: DeliveryKey,
    /// On which channel, for the courier to be woken.
    pub channel: ChannelId,
    /// Where it stands now.
    pub state: DeliveryState,
    /// Attempts that were settled so far.
    pub attempts: u32,
    /// When the next attempt may be made; only while queued.
    pub due_at: Timestamp,
    /// Receipt or reason.
    pub note: String,
    /// When this was decided.
    pub at: Timestamp,
}
