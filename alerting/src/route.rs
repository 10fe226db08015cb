//! Which alerts go to which channels.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use reading::id::{ChannelId, GroupId, SiteId};
use serde::{Deserialize, Serialize};

use crate::level::Level;

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
    /// Whether it carries word of this site.
    pub fn covers(&self, site: &SiteId) -> bool {
        self.sites.is_empty() || self.sites.contains(site)
    }
}
