//! Which alerts go to which channels.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use reading::Timestamp;
use reading::id::{ChannelId, GroupId, SiteId};
use serde::{Deserialize, Serialize};

use crate::level::Level;
use crate::validity::{Offsets, QuietHours};

/// Who hears a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Audience {
    /// People on duty.
    Officers,
    /// Everybody else: only on evidence that is not old, and only as policy released it.
    Public,
}

/// One configured way out and what it carries.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Route {
    /// The channel.
    pub channel: ChannelId,
    /// Who is told on it, by identifier; each gets a delivery of its own.
    pub recipients: Vec<String>,
    /// Who is told beside them, by site: persons whom that site concerns.
    #[serde(default)]
    pub concerned: BTreeMap<SiteId, Vec<String>>,
    /// For these sites only; empty means all.
    pub sites: Vec<SiteId>,
    /// From this level up. Whoever was told is also told when it is over.
    pub min_level: Level,
    /// Who hears it.
    pub audience: Audience,
    /// The group it is released with; every public channel has one, and without it the public hears nothing.
    pub group: Option<GroupId>,
    /// How deliveries are tried.
    pub retry: Retry,
    /// Whether its recipients are persons, so that it can call one of them.
    #[serde(default)]
    pub personal: bool,
    /// When officers are left alone with what is below 경계, in the zone of the site.
    #[serde(default)]
    pub quiet: Option<QuietHours>,
    /// How long little things about several sites wait to become one message, if they do.
    #[serde(default)]
    pub gather: Option<Duration>,
}

/// How deliveries of a channel are tried, in journal time (`at`).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Retry {
    /// Wait before the second attempt; doubles from there, with jitter.
    pub first: Duration,
    /// The longest wait between attempts.
    pub max: Duration,
    /// After this a delivery expires, loudly.
    pub expire_after: Duration,
    /// How long a receipt of the far end may take; `None` where the attempt itself is the proof.
    pub receipt_within: Option<Duration>,
    /// Whether an attempt whose outcome is unknown may be repeated: the receiver honours ids, or repeats do no harm.
    pub repeat_is_safe: bool,
}

impl Route {
    /// Everybody who is told of this site, each once.
    pub fn recipients_at<'a>(&'a self, site: &SiteId) -> impl Iterator<Item = &'a String> {
        let here = self.concerned.get(site).map(Vec::as_slice).unwrap_or_default();
        let beside = here.iter().filter(|person| !self.recipients.contains(person));
        self.recipients.iter().chain(beside)
    }

    /// From when on a message that has been as serious as `peak` may be heard: now, or when the quiet is over.
    pub fn heard_from(&self, peak: Level, now: Timestamp, offsets: &Offsets) -> Timestamp {
        let quiet = self.quiet.filter(|_| peak < Level::Warning);
        quiet.and_then(|quiet| quiet.end(now, offsets)).unwrap_or(now)
    }

    /// Whether it carries word of this site.
    pub fn covers(&self, site: &SiteId) -> bool {
        self.sites.is_empty() || self.sites.contains(site)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn whoever_a_site_concerns_is_told_of_it_once_and_of_no_other() {
        let site = |id: &str| SiteId::new(id).unwrap();
        let retry = Retry {
            first: Duration::from_secs(1),
            max: Duration::from_secs(1),
            expire_after: Duration::from_secs(60),
            receipt_within: None,
            repeat_is_safe: true,
        };
        let names =
            |names: &[&str]| names.iter().map(|name| String::from(*name)).collect::<Vec<_>>();
        let route = Route {
            channel: "sms".parse().unwrap(),
            recipients: names(&["duty"]),
            concerned: BTreeMap::from([(site("cut-12"), names(&["duty", "head"]))]),
            sites: vec![],
            min_level: Level::Caution,
            audience: Audience::Officers,
            group: None,
            retry,
            personal: true,
            quiet: None,
            gather: None,
        };
        let told = |id: &str| route.recipients_at(&site(id)).cloned().collect::<Vec<_>>();
        assert_eq!(told("cut-12"), names(&["duty", "head"]));
        assert_eq!(told("cut-13"), names(&["duty"]));
    }
}
