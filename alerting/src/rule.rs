//! A rule: a condition bound to series of a site, with the level it argues for and its evidence group.

use alloc::string::String;
use alloc::vec::Vec;

use reading::id::{RuleId, SeriesName, SiteId};
use serde::{Deserialize, Serialize};

use crate::condition::ConditionSettings;
use crate::level::Level;

/// What kind of evidence a rule gives (domain.md 3.8).
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
    /// Whether we can see at all; never lifts a site above 관심.
    Health,
}

impl Group {
    /// Every group.
    pub const ALL: [Self; 5] =
        [Self::Rain, Self::Hydro, Self::Deformation, Self::Structure, Self::Health];

    /// Its name in configuration and explanations.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rain => "rain",
            Self::Hydro => "hydro",
            Self::Deformation => "deformation",
            Self::Structure => "structure",
            Self::Health => "health",
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

/// One criterion of a site.
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
    /// On which series it is tested, each by itself.
    pub series: Vec<SeriesName>,
    /// What is tested.
    pub condition: ConditionSettings,
    /// Where it comes from.
    pub provenance: Provenance,
}
