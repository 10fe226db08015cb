//! What is going on at a site: one open incident per site and hazard, in revisions. Where people have taken it is
//! its [`Life`]; what the public may hear of it, its [`Approval`]s.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use reading::id::{ChannelId, GroupId};
use reading::registry::Text;
use reading::{SiteId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::alert::{Evidence, Hazard, IncidentId};
use crate::approval::{Approval, ApprovalView, Bound, ChannelGroup};
use crate::decision::IncidentRecord;
use crate::ladder::Climb;
use crate::level::Level;
use crate::life::Life;

/// The same criterion on the same series joins an incident at most this often (own).
pub const JOIN_EVERY: Duration = Duration::from_secs(600);

/// An incident that is not put away yet.
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
    /// Where people have taken it.
    pub life: Life,
    /// Who acknowledged it.
    pub acknowledged_by: Option<String>,
    /// The channels that were told, and have to be told when it is over; those of the public with what they heard.
    pub told: BTreeMap<ChannelId, Option<Bound>>,
    /// When those who were told are told again that it goes on.
    pub remind_at: Option<Timestamp>,
    /// Whether its newest deciding evidence came late.
    pub late_detected: bool,
    /// When the newest deciding reading was measured.
    pub measured_at: Timestamp,
    /// How far it has climbed its ladder, while somebody has to answer.
    pub climb: Option<Climb>,
    /// Who was called, by channel: they are to hear when it is over.
    pub called: BTreeMap<ChannelId, BTreeSet<String>>,
    /// Whether officers have not been told how it stands: something hides it.
    pub hidden: bool,
    /// What was asked and answered, by group.
    pub approvals: BTreeMap<GroupId, Approval>,
    /// When each criterion (`rule series`) joined it last.
    pub joined: BTreeMap<String, Timestamp>,
    /// When it is put away by itself, once it is all clear.
    pub close_at: Option<Timestamp>,
    /// What its newest revision said, for revisions that only add a word.
    pub last: Option<IncidentRecord>,
}

impl Incident {
    /// Opens it; the first revision follows.
    pub fn open(id: IncidentId, now: Timestamp) -> Self {
        Self {
            id,
            revision: 0,
            opened_at: now,
            peak: Level::Normal,
            life: Life::default(),
            acknowledged_by: None,
            told: BTreeMap::new(),
            remind_at: None,
            late_detected: false,
            measured_at: now,
            climb: None,
            called: BTreeMap::new(),
            hidden: false,
            approvals: BTreeMap::new(),
            joined: BTreeMap::new(),
            close_at: None,
            last: None,
        }
    }

    /// Makes the next revision and gives the whole of it, for the ledger.
    pub fn revise(
        &mut self,
        revision: Revision,
        groups: &[ChannelGroup],
        now: Timestamp,
    ) -> IncidentRecord {
        self.revision += 1;
        self.peak = self.peak.max(revision.level);
        // What is late in an incident that stands on present data makes none of the past of it.
        self.late_detected = revision.late_detected && (self.revision == 1 || self.late_detected);
        let record = IncidentRecord {
            id: self.id.clone(),
            revision: self.revision,
            at: now,
            opened_at: self.opened_at,
            site: revision.site,
            hazard: revision.hazard,
            state: self.life.state(),
            level: revision.level,
            peak: self.peak,
            acknowledged_by: self.acknowledged_by.clone(),
            what: revision.what,
            evidence: revision.evidence,
            late_detected: revision.late_detected,
            hidden_by: None,
            approvals: self.approval_views(groups),
        };
        self.last = Some(record.clone());
        record
    }

    /// How every group stands, for records.
    pub fn approval_views(&self, groups: &[ChannelGroup]) -> Vec<ApprovalView> {
        let views = groups.iter().filter_map(|group| self.approvals.get(&group.id)?.view(group));
        views.collect()
    }

    /// When something of it is due that people wait for: an answer, a reminder of it, the next to be called, being put
    /// away.
    pub fn due_at(&self) -> Option<Timestamp> {
        let approvals = self.approvals.values().filter_map(Approval::due_at);
        let climb = self.climb.as_ref().map(|climb| climb.due_at);
        approvals.chain(self.remind_at).chain(climb).chain(self.close_at).min()
    }

    /// Notes that a criterion holds on a series. Whether that is news to the incident.
    pub fn join(&mut self, rule: &str, series: &str, now: Timestamp) -> bool {
        let key = [rule, " ", series].concat();
        let before = self.joined.insert(key, now);
        before.is_none_or(|before| now.since(before) >= JOIN_EVERY)
    }
}

impl Revision {
    /// What a record says.
    pub fn of(record: &IncidentRecord) -> Self {
        Self {
            site: record.site.clone(),
            hazard: record.hazard,
            level: record.level,
            what: record.what.clone(),
            evidence: record.evidence.clone(),
            late_detected: record.late_detected,
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
    /// How serious.
    pub level: Level,
    /// What changed.
    pub what: Text,
    /// What holds.
    pub evidence: Vec<Evidence>,
    /// Whether the deciding evidence came late.
    pub late_detected: bool,
}
