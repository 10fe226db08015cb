//! A template that an installation writes, and which case it is for.

use alerting::catalogue::Language;
use alerting::{Hazard, Level};
use reading::id::{ChannelId, SiteId};

use super::{Case, Medium, is_over};

/// A template that somebody wrote, and for what. What is left open holds for all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// For this medium.
    pub medium: Medium,
    /// In this language.
    pub language: Language,
    /// Whether it says that the danger is over.
    pub over: bool,
    /// For this channel only.
    pub channel: Option<ChannelId>,
    /// For this site only.
    pub site: Option<SiteId>,
    /// For this hazard only.
    pub hazard: Option<Hazard>,
    /// For this level only.
    pub level: Option<Level>,
    /// The template itself.
    pub source: String,
}

impl Template {
    /// How close it is to a case, or `None` if it is not for it.
    pub(super) fn fits(&self, case: &Case<'_>) -> Option<u32> {
        let alert = case.alert;
        let same = self.medium == case.medium
            && self.language == case.language
            && self.over == is_over(alert);
        let narrow = [
            self.site.as_ref().map(|site| *site == alert.site.id),
            self.channel.as_ref().map(|channel| channel == case.channel),
            self.hazard.map(|hazard| hazard == alert.hazard),
            self.level.map(|level| level == alert.level),
        ];
        if !same || narrow.contains(&Some(false)) {
            return None;
        }
        // A site says more than a channel, and so on down to the level.
        Some(narrow.iter().fold(0, |sum, part| 2 * sum + u32::from(part.is_some())))
    }
}
