//! A rule: conditions bound to series of a site, with the level it argues for and its evidence group.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Deref;
use core::time::Duration;

use reading::Timestamp;
use reading::id::{RuleId, SeriesName, SiteId};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::condition::ConditionSettings;
use crate::level::Level;
use crate::validity::Validity;

/// What kind of evidence a rule gives (docs/rules.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Group {
    /// R: rain and soil water.
    Rain,
    /// H: pore pressure, groundwater, soil moisture.
    Hydro,
    /// D: tilt, displacement, crack of a slope.
    Deformation,
    /// S: crack, tilt, strain, force, frequency of a structure.
    Structure,
    /// T: when a movement that quickens ends in failure.
    FailureTime,
    /// X: what people saw (신고·예찰).
    Report,
    /// Whether we can see at all; never lifts a site above 관심.
    Health,
    /// Something unusual, whatever it means; never lifts a site above 관심 by itself.
    Anomaly,
}

impl Group {
    /// Every group.
    pub const ALL: [Self; 8] = [
        Self::Rain,
        Self::Hydro,
        Self::Deformation,
        Self::Structure,
        Self::FailureTime,
        Self::Report,
        Self::Health,
        Self::Anomaly,
    ];

    /// Its name in configuration and explanations.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rain => "rain",
            Self::Hydro => "hydro",
            Self::Deformation => "deformation",
            Self::Structure => "structure",
            Self::FailureTime => "failure-time",
            Self::Report => "report",
            Self::Health => "health",
            Self::Anomaly => "anomaly",
        }
    }

    /// The group of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|group| group.name() == name)
    }
}

/// Who set a criterion, when, and why (KCS 11 10 15: criteria are versioned and revised per site).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// Who.
    pub author: String,
    /// When, as written.
    pub date: String,
    /// Why, with the source.
    pub reason: String,
}

/// One criterion of a site: clauses, how they make the rule, and what it argues for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    /// Its name, unique within the site.
    pub id: RuleId,
    /// Whose it is.
    pub site: SiteId,
    /// What kind of evidence it gives.
    pub group: Group,
    /// The level it argues for.
    pub level: Level,
    /// What is tested; a plain rule has one clause.
    pub clauses: Vec<Clause>,
    /// How the clauses make the rule.
    pub when: When,
    /// When it counts; always if nothing is said.
    pub valid: Option<Validity>,
    /// How long the level it raised is kept after it ceased, where that is not what the site does.
    pub dwell: Option<Duration>,
    /// Where it comes from.
    pub provenance: Provenance,
}

/// One test of a rule, on each of its series by itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Clause {
    /// Its name, unique within the rule; that of the rule if it is the only one.
    pub id: RuleId,
    /// What kind of evidence its series give. Only clauses of the rule's own group are witnesses for it.
    pub group: Group,
    /// On which series it is tested, each by itself.
    pub series: SeriesNames,
    /// Further series each of them is judged with, in the order of slots from 1 on: one list for each series, or
    /// none at all.
    pub companions: Vec<Vec<SeriesName>>,
    /// What is tested.
    pub condition: ConditionSettings,
    /// On how many it has to hold.
    pub quorum: Quorum,
}

impl Clause {
    /// What one of its series is judged with.
    pub fn companions_of(&self, series: &SeriesName) -> &[SeriesName] {
        if self.companions.is_empty() {
            return &[]; // as most are: no need to look the series up
        }
        let at = self.series.iter().position(|name| name == series);
        at.and_then(|at| self.companions.get(at)).map_or(&[], Vec::as_slice)
    }
}

/// Names of series, in one place for all clauses that name the same ones: the criteria of a site mostly do.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct SeriesNames(Arc<Vec<SeriesName>>);

impl Deref for SeriesNames {
    type Target = [SeriesName];
    fn deref(&self) -> &[SeriesName] {
        &self.0
    }
}

impl From<Vec<SeriesName>> for SeriesNames {
    fn from(names: Vec<SeriesName>) -> Self {
        Self(Arc::new(names))
    }
}

impl Serialize for SeriesNames {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (**self).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for SeriesNames {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer).map(Self::from)
    }
}

/// On how many of its series a clause has to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Quorum {
    /// On series of so many stations: instruments of one post are one witness.
    Stations(u8),
    /// On so many series, wherever they are.
    Series(u8),
}

impl Quorum {
    /// One is enough.
    pub const ONE: Self = Self::Stations(1);
}

/// How clauses make a rule. Clauses are named by their place in [`Rule::clauses`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum When {
    /// This clause holds.
    Clause(u8),
    /// Every one of these.
    All(Vec<When>),
    /// At least one of these.
    Any(Vec<When>),
    /// At least so many of these.
    AtLeast(u8, Vec<When>),
    /// This does not hold. Of what is silent nobody knows that it holds: no data never keeps a rule from holding.
    Not(Box<When>),
}

impl When {
    /// Whether it holds. `clause` says whether a clause does; its second argument is true where a `not` stands
    /// above an odd number of times, so that what is unknown may be taken for the worse either way.
    pub fn holds(&self, clause: &impl Fn(u8, bool) -> bool) -> bool {
        self.under(false, clause)
    }

    fn under(&self, negated: bool, clause: &impl Fn(u8, bool) -> bool) -> bool {
        let parts = |parts: &[Self]| parts.iter().filter(|w| w.under(negated, clause)).count();
        match self {
            Self::Clause(at) => clause(*at, negated),
            Self::All(all) => parts(all) == all.len(),
            Self::Any(any) => parts(any) > 0,
            Self::AtLeast(least, of) => parts(of) >= usize::from(*least),
            Self::Not(inner) => !inner.under(!negated, clause),
        }
    }

    /// Whether the clause stands in it with (`negated`) or without a `not` above.
    pub fn names(&self, clause: u8, negated: bool) -> bool {
        match self {
            Self::Clause(at) => *at == clause && !negated,
            Self::All(of) | Self::Any(of) | Self::AtLeast(_, of) => {
                of.iter().any(|w| w.names(clause, negated))
            }
            Self::Not(inner) => inner.names(clause, !negated),
        }
    }
}

impl Rule {
    /// A rule of one clause.
    #[expect(clippy::too_many_arguments, reason = "each is another part of a rule")]
    pub fn plain(
        id: RuleId,
        site: SiteId,
        group: Group,
        level: Level,
        series: Vec<SeriesName>,
        companions: Vec<Vec<SeriesName>>,
        condition: ConditionSettings,
        provenance: Provenance,
    ) -> Self {
        let (series, quorum) = (series.into(), Quorum::ONE);
        let clause = Clause { id: id.clone(), group, series, companions, condition, quorum };
        let (clauses, when) = (alloc::vec![clause], When::Clause(0));
        let (valid, dwell) = (None, None);
        Self { id, site, group, level, clauses, when, valid, dwell, provenance }
    }

    /// Names this wording of the rule: another limit, series or reason is another version. A name, not a proof.
    pub fn version(&self) -> String {
        let bytes = postcard::to_allocvec(self).unwrap_or_default();
        let fold = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        alloc::format!("{:016x}", bytes.iter().fold(0xcbf2_9ce4_8422_2325, fold)) // FNV-1a
    }

    /// Whether it counts at this moment.
    pub fn counts_at(&self, at: Timestamp) -> bool {
        self.valid.as_ref().is_none_or(|valid| valid.covers(at))
    }

    /// Whether each of its series argues for itself, always: one clause, and one witness is enough.
    pub fn is_plain(&self) -> bool {
        match self.clauses.as_slice() {
            [only] => {
                self.valid.is_none()
                    && self.when == When::Clause(0)
                    && matches!(only.quorum, Quorum::Stations(0 | 1) | Quorum::Series(0 | 1))
            }
            _ => false,
        }
    }

    /// Whether a clause speaks for the rule: it stands in `when` without a `not`.
    pub fn speaks(&self, clause: u8) -> bool {
        self.when.names(clause, false)
    }

    /// Whether what holds of a clause is a witness for the rule.
    pub fn is_witness(&self, clause: u8) -> bool {
        let of = self.clauses.get(usize::from(clause));
        of.is_some_and(|of| of.group == self.group) && self.speaks(clause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clauses_make_a_rule() {
        use When::{All, Any, AtLeast, Clause as C, Not};
        let not = |when| Not(Box::new(when));
        let tree = All(alloc::vec![C(0), Any(alloc::vec![C(1), not(C(2))])]);
        for (held, expected) in [
            ([true, true, true], true),
            ([true, false, true], false),
            ([true, false, false], true),
            ([false, true, false], false),
        ] {
            assert_eq!(tree.holds(&|at, _| held[usize::from(at)]), expected, "{held:?}");
        }
        let two = AtLeast(2, alloc::vec![C(0), C(1), C(2)]);
        assert!(two.holds(&|at, _| at != 1) && !two.holds(&|at, _| at == 1));
        // what is unknown counts against neither side: it does not hold, and it does not keep from holding
        assert!(!C(0).holds(&|_, negated| negated));
        assert!(tree.names(2, true) && !tree.names(2, false) && tree.names(1, false));
        assert!(not(not(C(3))).names(3, false));
    }
}
