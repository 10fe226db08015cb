//! Why: what a rule looked at and what each of its clauses came to. Stored with every level that moved, and given for
//! any rule on request, whether it holds or not.

use alloc::string::String;
use alloc::vec::Vec;

use reading::registry::Text;
use reading::{Quality, Timestamp};
use serde::{Deserialize, Serialize};

use crate::condition::explain::Fact;
use crate::level::Level;
use crate::rule::{Group, Quorum};

/// The most series of a clause that a finding lists; those that hold come first.
pub const SERIES_MAX: usize = 16;

/// One rule, as it stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The rule.
    pub rule: String,
    /// Which wording of it, see [`Rule::version`](crate::rule::Rule::version).
    pub version: String,
    /// What kind of evidence it gives.
    pub group: Group,
    /// The level it argues for.
    pub level: Level,
    /// Whether its clauses make it hold, old evidence included.
    pub holds: bool,
    /// Whether it makes a level: it holds on evidence that is not old, and it counts at present.
    pub counts: bool,
    /// Whether its season and hours let it count at present.
    pub valid: bool,
    /// What each clause came to.
    pub clauses: Vec<ClauseFinding>,
}

/// One clause of a rule, as it stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClauseFinding {
    /// The clause.
    pub clause: String,
    /// The kind of its condition.
    pub condition: String,
    /// Whether a `not` stands above it.
    pub negated: bool,
    /// On how many it has to hold.
    pub quorum: Quorum,
    /// On how many series it holds.
    pub holding: u32,
    /// Of how many.
    pub of: u32,
    /// What it came to on each, [`SERIES_MAX`] at most.
    pub series: Vec<SeriesFinding>,
}

/// A condition on one series, as it stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SeriesFinding {
    /// The series.
    pub series: String,
    /// Whether the condition holds, as people were told.
    pub holds: bool,
    /// Whether what it holds on is not old.
    pub fresh: bool,
    /// Whether the series is silent.
    pub silent: bool,
    /// The newest reading that is still open for the order of arrival, if there is one.
    pub reading: Option<(Timestamp, f64)>,
    /// What is known against that reading; where there is none, against the one that came last.
    pub quality: Quality,
    /// What is known against the reading that came last, which need not be the newest and need not count.
    #[serde(default)]
    pub quality_last: Quality,
    /// The number that decided when it began to hold, and when that was measured.
    pub decided: Option<(Timestamp, f64)>,
    /// The limit, in the unit of the number.
    pub limit: f64,
    /// The unit of number and limit.
    pub unit: String,
    /// The numbers behind it: what the formula saw and gave.
    pub facts: Vec<Fact>,
    /// In words.
    pub text: Text,
}
