//! Everything outside of readings and commands that decides: what the journal's configuration record holds.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use reading::codec::{Feed, Root};
use reading::id::{ChannelId, GroupId};
use reading::registry::Text;
use reading::{Registry, SiteId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::alert::Status;
use crate::approval::ChannelGroup;
use crate::inhibition::Inhibition;
use crate::ladder::Ladder;
use crate::rota::Rota;
use crate::route::Route;
use crate::rule::{Rule, SeriesNames};
use crate::validity::Offsets;

/// The resolved configuration of a run, secrets left out. Journaled at start and at each reload, so that any
/// kept journal replays with what was in force.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Setup {
    /// What stands in the field.
    pub registry: Registry,
    /// The criteria, by site and name.
    pub rules: Vec<Rule>,
    /// How held rules make a level, where a site differs from the default.
    pub policies: BTreeMap<SiteId, Policy>,
    /// Who hears what.
    pub routes: Vec<Route>,
    /// How channels that the public hears are released, by group.
    #[serde(default)]
    pub groups: Vec<ChannelGroup>,
    /// Who is called one after the other until somebody answers.
    #[serde(default)]
    pub ladders: Vec<Ladder>,
    /// Who is on duty when.
    #[serde(default)]
    pub rotas: Vec<Rota>,
    /// What is not sent beside graver things.
    #[serde(default)]
    pub inhibitions: Vec<Inhibition>,
    /// The offsets of the zones that rotas and quiet hours are read in, by IANA name.
    #[serde(default)]
    pub zones: BTreeMap<String, Vec<(Timestamp, i32)>>,
    /// Whether alerts are in earnest.
    pub status: Status,
    /// Who speaks: the name alerts are signed with.
    pub sender: Text,
    /// The collectors, by configured name. A station's `source` is one of them.
    pub sources: Vec<String>,
    /// How frames are read whose topics do not say it: ports, buses, foreign devices.
    #[serde(default)]
    pub feeds: Vec<Feed>,
}

/// How held rules of a site make its level, over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Policy {
    /// How long 관심 is kept after its evidence ceased.
    pub dwell_attention: Duration,
    /// How long 주의 is kept before stepping down one level (own: 3 h).
    pub dwell_caution: Duration,
    /// How long 경계 is kept before stepping down one level (own: 12 h). 심각 is stood down by hand.
    pub dwell_warning: Duration,
    /// How often an open incident at 심각 is repeated to those who were told (own: 60 min).
    pub remind_severe: Duration,
    /// A level that came back so often within `flap_window` stays at its highest.
    pub flap_count: u8,
    /// The window of `flap_count`, and how long a latched level has to be quiet before it comes down.
    pub flap_window: Duration,
    /// An incident that is all clear is put away after this, if nobody does.
    pub close_after: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            dwell_attention: Duration::from_secs(3_600),
            dwell_caution: Duration::from_secs(3 * 3_600),
            dwell_warning: Duration::from_secs(12 * 3_600),
            remind_severe: Duration::from_secs(3_600),
            flap_count: 3,
            flap_window: Duration::from_secs(24 * 3_600),
            close_after: Duration::from_secs(24 * 3_600),
        }
    }
}

impl Setup {
    /// Nothing in the field, nobody to tell: what there is before the first configuration record.
    pub fn empty() -> Self {
        Self {
            registry: Registry::default(),
            rules: Vec::new(),
            policies: BTreeMap::new(),
            routes: Vec::new(),
            groups: Vec::new(),
            ladders: Vec::new(),
            rotas: Vec::new(),
            inhibitions: Vec::new(),
            zones: BTreeMap::new(),
            status: Status::Actual,
            sender: Text::default(),
            sources: Vec::new(),
            feeds: Vec::new(),
        }
    }

    /// What the topics of its stations start with.
    pub const fn root(&self) -> Root {
        match self.status {
            Status::Exercise => Root::Exercise,
            Status::Actual | Status::Test => Root::Field,
        }
    }

    /// Keeps what is alike once: identifiers, and the lists of series that several clauses name. What was read from a
    /// record or a snapshot has each by itself.
    pub(crate) fn share(&mut self) {
        self.registry.share();
        let mut lists: BTreeSet<SeriesNames> = BTreeSet::new();
        for clause in self.rules.iter_mut().flat_map(|rule| &mut rule.clauses) {
            if let Some(same) = lists.get(&clause.series) {
                clause.series = same.clone();
                continue;
            }
            let names = clause.series.iter().map(|name| self.registry.shared(name));
            clause.series = names.collect::<Vec<_>>().into();
            lists.insert(clause.series.clone());
        }
    }

    /// The group of that name.
    pub fn group(&self, id: &GroupId) -> Option<&ChannelGroup> {
        self.groups.iter().find(|group| group.id == *id)
    }

    /// The route of a channel, and its place.
    pub fn route(&self, channel: &ChannelId) -> Option<(usize, &Route)> {
        self.routes.iter().enumerate().find(|(_, route)| route.channel == *channel)
    }

    /// The offsets of a zone, as far as they are needed.
    pub fn offsets(&self, zone: &str) -> &Offsets {
        self.zones.get(zone).map_or(&[], Vec::as_slice)
    }

    /// The policy of a site.
    pub fn policy(&self, site: &SiteId) -> Policy {
        self.policies.get(site).copied().unwrap_or_default()
    }
}
