//! What pages and exports get to see: rows as stored, and filters over them.

use alerting::decision::IncidentRecord;
use alerting::{Decision, DeliveryKey, DeliveryState, Hazard, IncidentId, Level};
use reading::id::ChannelId;
use reading::{SiteId, Timestamp};

use super::QuarantineRow;

/// A decision as stored.
#[derive(Clone, Debug, PartialEq)]
pub struct DecisionRow {
    /// Its place in the ledger: the cursor of [`decisions_after`](super::Ledger::decisions_after).
    pub id: i64,
    /// The journal position it came from.
    pub position: u64,
    /// What was decided.
    pub decision: Decision,
}

/// How a site stands.
#[derive(Clone, Debug, PartialEq)]
pub struct LevelRow {
    /// Which site.
    pub site: SiteId,
    /// For which hazard.
    pub hazard: Hazard,
    /// The level.
    pub level: Level,
    /// Since when.
    pub at: Timestamp,
    /// When the deciding reading was measured.
    pub measured_at: Timestamp,
}

/// Which incidents to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IncidentFilter {
    /// Only those going on.
    pub open_only: bool,
    /// Only those at this site.
    pub site: Option<SiteId>,
}

/// An incident and how it came to be what it is.
#[derive(Clone, Debug, PartialEq)]
pub struct IncidentView {
    /// As it stands.
    pub record: IncidentRecord,
    /// Its revisions, its commands and the levels of its site meanwhile, oldest first; the newest thousand.
    pub timeline: Vec<DecisionRow>,
    /// Whether there are older ones.
    pub has_older: bool,
}

/// Which deliveries to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeliveryFilter {
    /// Only those about this incident.
    pub incident: Option<IncidentId>,
    /// Only those on this channel.
    pub channel: Option<ChannelId>,
    /// Only those in this state.
    pub state: Option<DeliveryState>,
    /// Only those before this one, for the next page of a list.
    pub before: Option<i64>,
}

/// A delivery as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryRow {
    /// Its place in the ledger: the cursor of a list.
    pub id: i64,
    /// Its idempotency key.
    pub key: DeliveryKey,
    /// On which channel.
    pub channel: ChannelId,
    /// To whom.
    pub recipient: String,
    /// At which site.
    pub site: SiteId,
    /// About which incident.
    pub incident: IncidentId,
    /// About which revision of it.
    pub revision: u32,
    /// Why it is sent, by name.
    pub purpose: String,
    /// How serious what it says is.
    pub level: Level,
    /// Where it stands.
    pub state: DeliveryState,
    /// Attempts that were settled so far.
    pub attempts: u32,
    /// Since when it is owed.
    pub owed_at: Timestamp,
    /// When the next attempt may be made.
    pub due_at: Timestamp,
    /// When it is too late to matter.
    pub expires_at: Timestamp,
    /// When it moved last.
    pub changed_at: Timestamp,
    /// Receipt or reason.
    pub note: String,
}

/// One attempt as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptRow {
    /// Counts from 1.
    pub attempt: u32,
    /// When it was marked, before the send.
    pub started_at: Timestamp,
    /// When the desk heard what came of it.
    pub settled_at: Option<Timestamp>,
    /// What came of it: a delivery state by name, or `retry`.
    pub result: Option<String>,
    /// Receipt or reason.
    pub note: Option<String>,
}

/// A quarantined frame as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuarantineView {
    /// Its place in the ledger: the cursor of a list.
    pub id: i64,
    /// What is known of it.
    pub row: QuarantineRow,
}
