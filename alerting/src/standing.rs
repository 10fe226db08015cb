//! What people set for a while: a silence, the maintenance of an instrument, a report of what they saw; and the new
//! zero of an instrument, for good.
//!
//! Each begins and ends at moments of the journal's `at` and carries who set it and why. A silence hides notices and
//! nothing else. Maintenance takes readings out of evidence while the level holds. A report is evidence (group X).

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use reading::Timestamp;
use reading::id::{RuleId, SensorId, SeriesName, SiteId, StationId};
use serde::{Deserialize, Serialize};

use crate::alert::Evidence;
use crate::level::Level;

/// The longest a silence or maintenance may last: what has to be longer is set again, by somebody who looked again.
pub const LASTS_MAX: Duration = Duration::from_secs(31 * 86_400);

/// How long a report is evidence if nobody says (own): somebody has looked again by then.
pub const REPORT_LASTS: Duration = Duration::from_secs(24 * 3_600);

/// How many may stand at once.
pub const STANDING_MAX: usize = 512;

/// How long what has ended is remembered: longer than any lateness window, which judges by event time.
pub const ENDED_KEPT: Duration = Duration::from_secs(26 * 3_600);

/// How many zeros of one series are remembered; the oldest goes first.
pub const ZEROS_MAX: usize = 32;

/// What an order of this kind is about. An order as a whole is journaled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SiteOrder {
    /// Names this order, so that a repeated request is carried out once.
    pub id: String,
    /// Who, by user id.
    pub by: String,
    /// From where: the door it came through, and the address.
    #[serde(default)]
    pub from: String,
    /// Why.
    pub reason: String,
    /// What.
    pub ask: SiteAsk,
}

/// What is ordered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SiteAsk {
    /// Hide notices.
    Silence {
        /// Of what.
        scope: Scope,
        /// From when; at once if nothing is said.
        from: Option<Timestamp>,
        /// Until when.
        until: Timestamp,
        /// At 심각 too.
        severe: bool,
    },
    /// Somebody works on instruments.
    Maintain {
        /// At which site.
        site: SiteId,
        /// On which station.
        station: StationId,
        /// On which instrument; all of the station if none.
        sensor: Option<SensorId>,
        /// Until when.
        until: Timestamp,
    },
    /// An instrument has another zero from now on.
    ReZero {
        /// Of which series.
        series: SeriesName,
        /// What is added to what it sends, in the base unit; in place of what was added before.
        offset: f64,
    },
    /// Somebody saw something.
    Report {
        /// At which site.
        site: SiteId,
        /// What.
        sign: Sign,
        /// An officer has seen it, or has no doubt of it.
        confirmed: bool,
        /// How long it is evidence.
        until: Timestamp,
    },
    /// What was set is over.
    End {
        /// Its id.
        standing: String,
    },
}

impl SiteAsk {
    /// Its name on the command line, in the journal and in the trail.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Silence { .. } => "silence",
            Self::Maintain { .. } => "maintenance",
            Self::ReZero { .. } => "re-zero",
            Self::Report { .. } => "report",
            Self::End { .. } => "end",
        }
    }
}

/// What notices are about. What is not said does not limit it; something is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Scope {
    /// At these sites.
    pub sites: Vec<SiteId>,
    /// Because of these series alone.
    pub series: Vec<SeriesName>,
    /// Because of these rules alone.
    pub rules: Vec<RuleId>,
}

impl Scope {
    /// Whether it limits nothing.
    pub fn is_empty(&self) -> bool {
        self.sites.is_empty() && self.series.is_empty() && self.rules.is_empty()
    }

    /// Whether it may be about this site.
    pub fn covers_site(&self, site: &SiteId) -> bool {
        let named = self.sites.is_empty() || self.sites.contains(site);
        named && (self.series.is_empty() || self.series.iter().any(|series| series.site == *site))
    }

    /// Whether it is about everything at its sites.
    pub fn is_whole(&self) -> bool {
        self.series.is_empty() && self.rules.is_empty()
    }

    /// Whether it is about this evidence.
    pub fn covers(&self, evidence: &Evidence) -> bool {
        let rule = evidence.rule.split('/').next().unwrap_or_default();
        let by_rule = self.rules.is_empty() || self.rules.iter().any(|id| id.as_str() == rule);
        let series = evidence.series.as_str();
        by_rule
            && (self.series.is_empty()
                || series.parse::<SeriesName>().is_ok_and(|name| self.series.contains(&name)))
    }
}

/// What somebody saw (신고·예찰). The levels are those of docs/rules.md for collapse and cracks ("X confirms collapse or
/// cracks" is 심각); the others are our own. What nobody has confirmed never argues for 심각.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sign {
    /// 붕괴: something has come down.
    Collapse,
    /// 균열: new or wider cracks in the ground or the structure.
    Cracks,
    /// 배부름: a wall or a foot of a slope bulges.
    Bulging,
    /// 침하: the ground or a part has settled.
    Settlement,
    /// 탁수·용출수: muddy water, or water where there was none.
    MuddyWater,
    /// 낙석: stones or soil come down in small amounts.
    FallingStones,
    /// 기울어짐: trees, poles or walls lean.
    Leaning,
    /// 소리·진동: the ground rumbles, roots or concrete crack audibly.
    Sound,
    /// Anything else.
    Other,
}

impl Sign {
    /// Every sign.
    pub const ALL: [Self; 9] = [
        Self::Collapse,
        Self::Cracks,
        Self::Bulging,
        Self::Settlement,
        Self::MuddyWater,
        Self::FallingStones,
        Self::Leaning,
        Self::Sound,
        Self::Other,
    ];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Collapse => "collapse",
            Self::Cracks => "cracks",
            Self::Bulging => "bulging",
            Self::Settlement => "settlement",
            Self::MuddyWater => "muddy-water",
            Self::FallingStones => "falling-stones",
            Self::Leaning => "leaning",
            Self::Sound => "sound",
            Self::Other => "other",
        }
    }

    /// The sign of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|sign| sign.name() == name)
    }

    /// Its words in the catalogue.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Collapse => "seen-collapse",
            Self::Cracks => "seen-cracks",
            Self::Bulging => "seen-bulging",
            Self::Settlement => "seen-settlement",
            Self::MuddyWater => "seen-muddy-water",
            Self::FallingStones => "seen-falling-stones",
            Self::Leaning => "seen-leaning",
            Self::Sound => "seen-sound",
            Self::Other => "seen-other",
        }
    }

    /// What it argues for.
    pub const fn level(self, confirmed: bool) -> Level {
        match (self, confirmed) {
            (Self::Collapse | Self::Cracks, true) => Level::Severe,
            (Self::Collapse, false) => Level::Warning,
            (Self::Other, true) => Level::Caution,
            (Self::Other, false) => Level::Attention,
            (_, true) => Level::Warning,
            (_, false) => Level::Caution,
        }
    }
}

/// What somebody has set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// `{kind}-{sequence of the record that set it}`.
    pub id: String,
    /// Who, by user id.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When it was set (`at`).
    pub at: Timestamp,
    /// It holds from here …
    pub from: Timestamp,
    /// … to here, this moment not included.
    pub until: Timestamp,
    /// That it is over was noted.
    pub noted: bool,
    /// What.
    pub what: What,
}

/// What is set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// Notices are hidden.
    Silence {
        /// Of what.
        scope: Scope,
        /// At 심각 too.
        severe: bool,
    },
    /// Somebody works on instruments.
    Maintenance {
        /// At which site.
        site: SiteId,
        /// On which station.
        station: StationId,
        /// On which instrument; all of the station if none.
        sensor: Option<SensorId>,
    },
    /// Somebody saw something.
    Report {
        /// At which site.
        site: SiteId,
        /// What.
        sign: Sign,
        /// An officer has seen it, or has no doubt of it.
        confirmed: bool,
    },
}

impl Standing {
    /// Whether it holds at a moment.
    pub fn holds_at(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.until
    }

    /// Its kind.
    pub const fn kind(&self) -> &'static str {
        match self.what {
            What::Silence { .. } => "silence",
            What::Maintenance { .. } => "maintenance",
            What::Report { .. } => "report",
        }
    }

    /// Whether it may bear on a site.
    pub fn concerns(&self, at: &SiteId) -> bool {
        match &self.what {
            What::Silence { scope, .. } => scope.covers_site(at),
            What::Maintenance { site, .. } | What::Report { site, .. } => site == at,
        }
    }

    /// Whether it takes this series out of evidence.
    pub fn maintains(&self, series: &SeriesName) -> bool {
        match &self.what {
            What::Maintenance { site, station, sensor } => {
                *site == series.site
                    && *station == series.station
                    && sensor.as_ref().is_none_or(|sensor| *sensor == series.sensor)
            }
            What::Silence { .. } | What::Report { .. } => false,
        }
    }
}

/// One version of the zero of a series.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Zero {
    /// From when on it holds, by the time of measurement.
    pub from: Timestamp,
    /// What is added, in the base unit.
    pub offset: f64,
    /// Who set it, by user id.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// The version in force at a moment, of versions by rising `from`.
pub fn zero_at(versions: &[Zero], at: Timestamp) -> Option<&Zero> {
    versions.iter().rev().find(|version| version.from <= at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use alloc::vec;
    use reading::registry::Text;

    fn evidence(rule: &str, series: &str) -> Evidence {
        Evidence {
            rule: rule.into(),
            series: series.into(),
            level: Level::Caution,
            value: 1.0,
            unit: "deg".to_string(),
            measured_at: Timestamp::from_secs(0),
            text: Text::default(),
        }
    }

    #[test]
    fn a_scope_is_about_what_it_names_and_nothing_else() {
        let tilt: SeriesName = "cut-1/post-1/tilt-1/tilt-x".parse().unwrap();
        let (here, there): (SiteId, SiteId) = ("cut-1".parse().unwrap(), "cut-2".parse().unwrap());
        let site = Scope { sites: vec![here.clone()], ..Scope::default() };
        let series = Scope { series: vec![tilt], ..Scope::default() };
        let rule = Scope { rules: vec!["silence".parse().unwrap()], ..Scope::default() };
        for (scope, covers_here, covers_there, tilted, silent) in [
            (&site, true, false, true, true),
            (&series, true, false, true, false),
            (&rule, true, true, false, true),
        ] {
            assert_eq!(
                (scope.covers_site(&here), scope.covers_site(&there)),
                (covers_here, covers_there)
            );
            assert_eq!(scope.covers(&evidence("tilt/one", "cut-1/post-1/tilt-1/tilt-x")), tilted);
            assert_eq!(scope.covers(&evidence("silence", "cut-1/post-2/tilt-1/tilt-x")), silent);
        }
        assert!(site.is_whole() && !series.is_whole() && Scope::default().is_empty());
    }

    #[test]
    fn what_nobody_has_confirmed_is_never_severe() {
        for sign in Sign::ALL {
            assert!(sign.level(false) < Level::Severe, "{sign:?}");
            assert!(sign.level(false) < sign.level(true), "{sign:?}");
            assert_eq!(Sign::parse(sign.name()), Some(sign));
        }
        assert_eq!(Sign::Cracks.level(true), Level::Severe);
    }
}
