//! What the engine decided, as written to the ledger's append-only `decisions`.

use alloc::string::String;
use alloc::vec::Vec;

use reading::id::GroupId;
use reading::registry::Text;
use reading::{SiteId, StationId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::alert::{Evidence, Hazard, IncidentId};
use crate::approval::{ApprovalView, Bound};
use crate::delivery::{Delivery, DeliveryChange};
use crate::explanation::Finding;
use crate::level::Level;
use crate::station::{StationEvent, Telling};

/// One thing the desk has to carry out. An action not returned was not decided.
#[expect(
    clippy::large_enum_variant,
    reason = "actions are few and short-lived; every kind is of a few hundred bytes"
)]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "action")]
pub enum Action {
    /// Write down a decision.
    Decide(Decision),
    /// A delivery is owed from now on.
    Owe(Delivery),
    /// A delivery moved.
    Change(DeliveryChange),
    /// A station is told something; if it does not answer, it is told again.
    Tell(Telling),
}

/// One decision. `at` is the journal's moment, `measured_at` the evidence's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "decision")]
pub enum Decision {
    /// A rule began or ceased to hold on a series.
    Rule {
        /// When it was noticed.
        at: Timestamp,
        /// At which site.
        site: SiteId,
        /// Whether it holds now.
        held: bool,
        /// Which, on what, with which numbers.
        evidence: Evidence,
    },
    /// The level of a site moved.
    Level {
        /// When.
        at: Timestamp,
        /// Of which site.
        site: SiteId,
        /// For which hazard.
        hazard: Hazard,
        /// From where.
        from: Level,
        /// To where.
        to: Level,
        /// When the deciding reading was measured.
        measured_at: Timestamp,
        /// The row of the site policy that decided, in words.
        reason: Text,
        /// What holds.
        evidence: Vec<Evidence>,
        /// The rules that argue, and what each of their clauses came to.
        why: Vec<Finding>,
    },
    /// A configuration began to be in force, and these parts of what was remembered could not go on with it.
    Reset {
        /// When.
        at: Timestamp,
        /// At which site.
        site: SiteId,
        /// What began anew, or ended.
        what: Vec<ResetPart>,
    },
    /// The recorded history moved: what ordered arrival gives, known once the lateness window closed.
    Recorded {
        /// When the window closed.
        at: Timestamp,
        /// Of which site.
        site: SiteId,
        /// For which hazard.
        hazard: Hazard,
        /// From where.
        from: Level,
        /// To where.
        to: Level,
        /// From which moment of event time this is so.
        measured_at: Timestamp,
    },
    /// An incident was opened or revised: the whole of it as it stands.
    Incident(IncidentRecord),
    /// A command was taken or turned down.
    Command {
        /// When.
        at: Timestamp,
        /// Which.
        command: String,
        /// About which incident, if any.
        incident: Option<IncidentId>,
        /// Who gave it, by user id.
        by: String,
        /// From where: the door it came through, and the address.
        #[serde(default)]
        from: String,
        /// Why, in the words of whoever gave it.
        #[serde(default)]
        given: String,
        /// Whether it was taken.
        accepted: bool,
        /// Why not, or what follows.
        reason: Text,
    },
    /// Something happened in the life of a station.
    Station {
        /// When.
        at: Timestamp,
        /// At which site.
        site: SiteId,
        /// Which station.
        station: StationId,
        /// What.
        event: StationEvent,
        /// With which order, if one.
        order: Option<String>,
        /// In words.
        what: Text,
    },
    /// What somebody had set for a while is over by the clock.
    Expired {
        /// When.
        at: Timestamp,
        /// At which site, or at the first of several.
        site: Option<SiteId>,
        /// Its id.
        standing: String,
        /// In words.
        what: Text,
    },
    /// What a group of channels may hear was asked about, or answered.
    Approval {
        /// When.
        at: Timestamp,
        /// About which incident.
        incident: IncidentId,
        /// For which group.
        group: GroupId,
        /// About which level and words.
        bound: Bound,
        /// What happened.
        verdict: Verdict,
        /// By whom: user ids, or the author of the written rule; empty where bongsu asks.
        by: Vec<String>,
    },
}

/// What happened to the approval of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Those who may approve are asked.
    Asked,
    /// One of several agreed.
    Agreed,
    /// It may be heard.
    Released,
    /// It must not be heard.
    Rejected,
    /// There is nothing to ask any more.
    Withdrawn,
}

impl Verdict {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Agreed => "agreed",
            Self::Released => "released",
            Self::Rejected => "rejected",
            Self::Withdrawn => "withdrawn",
        }
    }
}

impl Decision {
    /// Its kind, for storage and lists.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Rule { .. } => "rule",
            Self::Level { .. } => "level",
            Self::Reset { .. } => "reset",
            Self::Recorded { .. } => "recorded",
            Self::Incident(_) => "incident",
            Self::Command { .. } => "command",
            Self::Station { .. } => "station",
            Self::Expired { .. } => "expired",
            Self::Approval { .. } => "approval",
        }
    }

    /// When it was decided.
    pub const fn at(&self) -> Timestamp {
        match self {
            Self::Rule { at, .. }
            | Self::Level { at, .. }
            | Self::Reset { at, .. }
            | Self::Recorded { at, .. }
            | Self::Command { at, .. }
            | Self::Station { at, .. }
            | Self::Expired { at, .. }
            | Self::Approval { at, .. } => *at,
            Self::Incident(record) => record.at,
        }
    }

    /// Which site it is about, if one.
    pub const fn site(&self) -> Option<&SiteId> {
        match self {
            Self::Rule { site, .. }
            | Self::Level { site, .. }
            | Self::Reset { site, .. }
            | Self::Recorded { site, .. }
            | Self::Station { site, .. } => Some(site),
            Self::Incident(record) => Some(&record.site),
            Self::Expired { site, .. } => site.as_ref(),
            Self::Command { .. } | Self::Approval { .. } => None,
        }
    }

    /// Which incident it is about, if one.
    pub const fn incident(&self) -> Option<&IncidentId> {
        match self {
            Self::Incident(record) => Some(&record.id),
            Self::Command { incident, .. } => incident.as_ref(),
            Self::Approval { incident, .. } => Some(incident),
            Self::Rule { .. }
            | Self::Level { .. }
            | Self::Reset { .. }
            | Self::Recorded { .. }
            | Self::Station { .. }
            | Self::Expired { .. } => None,
        }
    }
}

/// A rule on a series whose memory another configuration could not take over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResetPart {
    /// Which rule, with its clause if it has several.
    pub rule: String,
    /// On which series.
    pub series: String,
    /// Why.
    pub why: ResetWhy,
    /// Whether it held until then.
    pub held: bool,
}

/// Why the memory of a rule on a series did not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResetWhy {
    /// It tests something else now, or beside other companions: it began anew.
    Changed,
    /// There is no such rule, clause or series any more.
    Gone,
}

/// An incident as it stands at one revision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IncidentRecord {
    /// Which.
    pub id: IncidentId,
    /// Counts from 1.
    pub revision: u32,
    /// When this revision was made.
    pub at: Timestamp,
    /// When it opened.
    pub opened_at: Timestamp,
    /// At which site.
    pub site: SiteId,
    /// What may happen.
    pub hazard: Hazard,
    /// Where it stands.
    pub state: IncidentState,
    /// How serious it is now.
    pub level: Level,
    /// The highest it has been.
    pub peak: Level,
    /// Who acknowledged it, if anybody has.
    pub acknowledged_by: Option<String>,
    /// What changed, in words.
    pub what: Text,
    /// What holds.
    pub evidence: Vec<Evidence>,
    /// Whether the newest deciding evidence came late: judged by its own time, never public by itself.
    pub late_detected: bool,
    /// What keeps it from officers: the id of a silence, the name of an inhibition, or `site` for what is graver there.
    #[serde(default)]
    pub hidden_by: Option<String>,
    /// How each group of channels stands that was asked about.
    #[serde(default)]
    pub approvals: Vec<ApprovalView>,
}

/// Where an incident stands: the one word that matters most ([`Life::state`](crate::life::Life::state)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IncidentState {
    /// Going on, and nobody has seen it yet.
    Open,
    /// Somebody is on it.
    Acknowledged,
    /// Somebody has to say whether the public may hear.
    AwaitingApproval,
    /// The public may hear.
    Approved,
    /// Somebody said that the public must not hear.
    Rejected,
    /// An officer lowered 심각 by hand; the level is on its way down.
    StoodDown,
    /// The level is normal again.
    AllClear,
    /// Put away.
    Closed,
}

impl IncidentState {
    /// Every state, in the order of a life.
    pub const ALL: [Self; 8] = [
        Self::Open,
        Self::Acknowledged,
        Self::AwaitingApproval,
        Self::Approved,
        Self::Rejected,
        Self::StoodDown,
        Self::AllClear,
        Self::Closed,
    ];

    /// Its name in storage, lists and diagrams.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Acknowledged => "acknowledged",
            Self::AwaitingApproval => "awaiting-approval",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::StoodDown => "stood-down",
            Self::AllClear => "all-clear",
            Self::Closed => "closed",
        }
    }

    /// Whether the danger is over.
    pub const fn is_over(self) -> bool {
        matches!(self, Self::AllClear | Self::Closed)
    }
}
