//! What is going on at a site: one open incident per site and hazard, in revisions.

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;

use reading::id::ChannelId;
use reading::registry::Text;
use reading::{SiteId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::alert::{Evidence, Hazard, IncidentId};
use crate::decision::{IncidentRecord, IncidentState};
use crate::level::Level;

/// An open incident.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    /// Which.
    pub id: IncidentId,
    /// Counts from 1.
    pub revision: u32,
    /// When it opened (`at`).
    pub opened_at: Timestamp,
    /// The highest level it has been at.
    pub peak: Level,
    /// Who acknowledged it.
    pub acknowledged_by: Option<String>,
    /// The channels that were told, and have to be told when it is over.
    pub told: BTreeSet<ChannelId>,
    /// When those who were told are told again that it goes on.
    pub remind_at: Option<Timestamp>,
    /// Whether its newest deciding evidence came late.
    pub late_detected: bool,
}

impl Incident {
    /// Opens it; the first revision follows.
    pub fn open(id: IncidentId, now: Timestamp) -> Self {
        Self {
            id,
            revision: 0,
            opened_at: now,
            peak: Level::Normal,
            acknowledged_by: None,
            told: BTreeSet::new(),
            remind_at: None,
            late_detected: false,
        }
    }

    /// Makes the next revision and gives the whole of it, for the ledger.
    pub fn revise(&mut self, revision: Revision, now: Timestamp) -> IncidentRecord {
        self.revision += 1;
        self.peak = self.peak.max(revision.level);
        self.late_detected = revision.late_detected;
        IncidentRecord {
            id: self.id.clone(),
            revision: self.revision,
            at: now,
            opened_at: self.opened_at,
            site: revision.site,
            hazard: revision.hazard,
            state: revision.state,
            level: revision.level,
            peak: self.peak,
            acknowledged_by: self.acknowledged_by.clone(),
            what: revision.what,
            evidence: revision.evidence,
            late_detected: revision.late_detected,
        }
    }
}

/// What a new revision says.
#[derive(Clone, Debug, PartialEq)]
pub struct Revision {
    /// At which site.
    pub site: SiteId,
    /// What may happen.
    pub hazard: Hazard,
    /// Open or closed.
    pub state: IncidentState,
    /// How serious.
    pub level: Level,
    /// What changed.
    pub what: Text,
    /// What holds.
    pub evidence: Vec<Evidence>,
    /// Whether the deciding evidence came late.
    pub late_detected: bool,
}
