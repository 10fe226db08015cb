//! Telling: from which score it speaks, and which news belong to what was told before.

use reading::Timestamp;
use serde::{Deserialize, Serialize};

use super::Settings;
use super::evidence::{Evidence, Reason};
use super::roughness;

/// So many of what is nearly told are expected in a thousand readings of a series: one for each of about three
/// detectors that do not depend on each other.
const NEARLY: f64 = 3.0;

/// Up to so many readings the configured rate of false alarms is kept; with more experience it falls in proportion,
/// so that a fast sensor does not cry every hour of its life.
pub const EXPERIENCE: f64 = 4_000.0;

/// What is told within so many readings after what was told before has ceased to show is still the same event: a
/// median, a block of the scales that show it and their echo.
const SETTLING: u64 = 24;
/// An event goes on as long as so many of the last readings show it.
pub(super) const SHOWING: u32 = roughness::SPAN_MAX;
/// And as long as its noise does, which is news to the longer scales when the shorter ones are used to it; but no
/// longer than the longest block, so that what else happens to a sensor that stays noisy is told.
const NOISY_MAX: u64 = 512;

/// Something that was told.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Episode {
    /// When it was told first.
    pub since: Timestamp,
    /// When it was last told, having become rarer.
    pub last: Timestamp,
    /// Why.
    pub reason: Reason,
    /// The score it was last told with.
    pub score: f64,
    /// Over how many readings it showed.
    pub span: u32,
}

/// What was told last, and how often anything was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Telling {
    /// How often something was told or nearly so.
    nearly: u32,
    last: Option<Episode>,
    /// The number of the reading with which the event was first told, and up to which it went on.
    from: u64,
    to: u64,
}

impl Telling {
    /// What was told last.
    pub fn last(&self) -> Option<Episode> {
        self.last
    }

    /// The score from which it speaks. With more experience it must be rarer; and a series that is told of more often
    /// than the scores say it should be has tails that the past does not show, and is believed less in proportion.
    pub fn limit(&self, settings: &Settings, seen: u64) -> f64 {
        let seen = seen as f64;
        let experience = (seen / EXPERIENCE).max(1.0);
        let expected = NEARLY * (1.0 + seen / 1_000.0);
        let excess = (f64::from(self.nearly) / expected).max(1.0);
        libm::log10(settings.readings_per_false_alarm * experience * excess)
    }

    /// Something was told, or nearly so.
    pub fn count(&mut self) {
        self.nearly = self.nearly.saturating_add(1);
    }

    /// Whether what was told has not settled yet.
    pub fn is_near(&self, seen: u64) -> bool {
        self.last.is_some() && seen - self.to <= SETTLING
    }

    /// Whether noise that goes on still belongs to what was told.
    pub fn takes_noise(&self, seen: u64) -> bool {
        self.is_near(seen) && seen - self.from <= NOISY_MAX
    }

    /// The readings just seen show what was told, news or not: it goes on.
    pub fn go_on(&mut self, seen: u64) {
        self.to = seen;
    }

    /// Notes what is told at the reading of that number. Says whether it is another event than what was told last.
    pub fn note(&mut self, seen: u64, at: Timestamp, evidence: Evidence) -> bool {
        let goes_on = self.last.filter(|last| self.is_part_of(last, seen, &evidence));
        let Evidence { score, reason, span } = evidence;
        let since = goes_on.map_or(at, |before| before.since);
        self.last = Some(Episode { since, last: at, reason, score, span });
        self.to = seen;
        if goes_on.is_none() {
            self.from = seen;
        }
        goes_on.is_none()
    }

    /// Whether what is told now belongs to what was told last: it comes before that has settled, or the readings it is
    /// seen in reach back to where that began. A spike is over with its reading, and what is longer is no part of it.
    fn is_part_of(&self, last: &Episode, seen: u64, evidence: &Evidence) -> bool {
        // five blocks are looked at where four lie between, and the score stands for one more
        let looked_at = SETTLING + u64::from(evidence.span) + u64::from(evidence.span / 2);
        let reaches = last.span > 1 && seen - self.from <= looked_at;
        reaches || self.is_near(seen)
    }
}
