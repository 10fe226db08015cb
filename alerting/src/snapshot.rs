//! The engine's state as one versioned structure, by names: numbers may change with the configuration.
//!
//! What a snapshot holds is what the engine needs to go on as if it had never stopped. Restoring into another
//! configuration keeps what still has the same name and the same condition, and starts the rest anew; a level
//! is never lowered by it.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;

use reading::id::{RuleId, SeriesName};
use reading::{SiteId, SiteIndex, StationId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::decision::{Action, Decision, ResetPart, ResetWhy};
use crate::engine::{
    Engine, Event, Fault, GATEWAY_FAULT, Gateway, GatewayState, Gathering, Heard, Late, Moment,
    Site, Source, Track, WatchState, companions,
};
use crate::outbox::Outbox;
use crate::rule::Rule;
use crate::setup::Setup;
use crate::standing::{Standing, Zero};
use crate::station::StationLife;
use crate::window::{Past, Window};

/// The layout of [`Snapshot`]. A change to any structure inside is a new version.
pub const VERSION: u16 = 19;

/// Everything the engine remembers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    version: u16,
    setup: Setup,
    now: Timestamp,
    alive_until: Timestamp,
    series: Vec<SeriesPart>,
    watches: Vec<WatchPart>,
    sites: Vec<SitePart>,
    sources: Vec<Source>,
    gateways: Vec<(SiteId, StationId, GatewayState)>,
    system: Track,
    faults: BTreeMap<String, Fault>,
    outbox: Outbox,
    commands: VecDeque<String>,
    stations: Vec<(SiteId, StationId, StationLife)>,
    standing: Vec<Standing>,
    zeros: BTreeMap<SeriesName, Vec<Zero>>,
    gathering: Gathering,
    system_wake: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct SeriesPart {
    name: SeriesName,
    window: Window,
    past: Past,
    heard: Heard,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct WatchPart {
    rule: RuleId,
    clause: RuleId,
    series: SeriesName,
    state: WatchState,
    late: Option<Late>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct SitePart {
    id: SiteId,
    closed_to: Timestamp,
    main: Track,
    monitoring: Track,
    /// Turns name their watch by its place in [`Snapshot::watches`].
    events: Vec<(Timestamp, Event)>,
    wake_at: Option<Timestamp>,
}

/// The rules a snapshot was made under, by site and name.
type RulesBefore<'s> = BTreeMap<(&'s SiteId, &'s RuleId), &'s Rule>;

/// What another configuration could not take over, by site.
type Resets = BTreeMap<SiteId, Vec<ResetPart>>;

impl WatchPart {
    fn reset(&self, why: ResetWhy) -> ResetPart {
        let rule = match self.rule == self.clause {
            true => String::from(self.rule.as_str()),
            false => alloc::format!("{}/{}", self.rule, self.clause),
        };
        let series = alloc::format!("{}", self.series);
        ResetPart { rule, series, why, held: self.state.held }
    }
}

/// Bytes that are not a snapshot of this version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// Another layout.
    #[error(
        "the snapshot has layout {found}, this version reads {VERSION}; start from the journal instead"
    )]
    Version {
        /// What it says.
        found: u16,
    },
    /// Not readable at all.
    #[error("the snapshot cannot be read ({what}); start from an older one or from the journal")]
    Damaged {
        /// What the decoder said.
        what: String,
    },
}

impl Snapshot {
    /// As bytes, for a file.
    pub fn to_bytes(&self) -> Vec<u8> {
        postcard::to_allocvec(self).unwrap_or_default()
    }

    /// From bytes.
    ///
    /// # Errors
    /// [`SnapshotError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SnapshotError> {
        let damaged = |e: postcard::Error| SnapshotError::Damaged { what: alloc::format!("{e}") };
        let (found, _) = postcard::take_from_bytes::<u16>(bytes).map_err(damaged)?;
        if found != VERSION {
            return Err(SnapshotError::Version { found });
        }
        postcard::from_bytes(bytes).map_err(damaged)
    }

    /// The configuration it was made under.
    pub fn setup(&self) -> &Setup {
        &self.setup
    }
}

impl Engine {
    /// Everything it remembers.
    pub fn snapshot(&self) -> Snapshot {
        let names = self.setup.registry.series();
        let series = names.iter().zip(&self.windows).zip(&self.heard).enumerate();
        let watches = self.watches.iter().enumerate();
        Snapshot {
            version: VERSION,
            setup: self.setup.clone(),
            now: self.now,
            alive_until: self.alive_until,
            series: series
                .map(|(at, ((series, window), heard))| SeriesPart {
                    name: series.name.clone(),
                    window: window.clone(),
                    past: self.pasts.get(&(at as u32)).cloned().unwrap_or_default(),
                    heard: *heard,
                })
                .collect(),
            watches: watches
                .map(|(at, watch)| WatchPart {
                    rule: watch.rule(&self.setup).id.clone(),
                    clause: watch.clause(&self.setup).id.clone(),
                    series: names[watch.series.index()].name.clone(),
                    state: watch.state.clone(),
                    late: self.late.get(&(at as u32)).cloned(),
                })
                .collect(),
            sites: self
                .sites
                .iter()
                .enumerate()
                .map(|(at, site)| self.site_part(at, site))
                .collect(),
            sources: self.sources.clone(),
            gateways: self.gateways.iter().map(|gateway| self.gateway_part(gateway)).collect(),
            system: self.system.clone(),
            faults: self.faults.clone(),
            outbox: self.outbox.clone(),
            commands: self.commands.clone(),
            stations: self.station_parts(),
            standing: self.standing.clone(),
            zeros: self.zeros.clone(),
            gathering: self.gathering.clone(),
            system_wake: self.system_wake(),
        }
    }

    fn gateway_part(&self, gateway: &Gateway) -> (SiteId, StationId, GatewayState) {
        let registry = &self.setup.registry;
        let station = &registry.stations()[gateway.station.index()];
        let site = registry.sites()[station.site.index()].id.clone();
        (site, station.id.clone(), gateway.state)
    }

    /// What is known of stations; those of which nothing is are left out.
    fn station_parts(&self) -> Vec<(SiteId, StationId, StationLife)> {
        let registry = &self.setup.registry;
        let all = registry.stations().iter().zip(&self.stations);
        let known = all.filter(|(_, life)| **life != StationLife::default());
        let site = |at: SiteIndex| registry.sites()[at.index()].id.clone();
        known.map(|(one, life)| (site(one.site), one.id.clone(), life.clone())).collect()
    }

    fn site_part(&self, at: usize, site: &Site) -> SitePart {
        SitePart {
            id: self.setup.registry.sites()[at].id.clone(),
            closed_to: site.closed_to,
            main: site.main.clone(),
            monitoring: site.monitoring.clone(),
            events: site.events.clone(),
            wake_at: site.wake_at,
        }
    }

    /// An engine that goes on from a snapshot under its own configuration.
    pub fn restore(snapshot: Snapshot) -> Self {
        let setup = snapshot.setup.clone();
        Self::restore_under(setup, snapshot).0
    }

    fn restore_under(setup: Setup, snapshot: Snapshot) -> (Self, Resets) {
        let mut engine = Self::new(setup, snapshot.now);
        engine.alive_until = snapshot.alive_until;
        for part in snapshot.series {
            if let Some(at) = engine.setup.registry.find(&part.name) {
                engine.windows[at.index()] = part.window;
                engine.heard[at.index()] = part.heard;
                if let Some(past) = engine.pasts.get_mut(&at.0) {
                    *past = part.past;
                }
            }
        }
        let (moved, resets) = engine.restore_watches(&snapshot.setup, snapshot.watches);
        let mut wakes = alloc::vec![Some(snapshot.now); engine.sites.len()];
        for part in snapshot.sites {
            let Some(at) = engine.setup.registry.site(part.id.as_str()) else { continue };
            let site = &mut engine.sites[at.index()];
            site.closed_to = part.closed_to;
            site.main = part.main;
            site.monitoring = part.monitoring;
            wakes[at.index()] = part.wake_at;
            site.events = part
                .events
                .into_iter()
                .filter_map(|(at, e)| Some((at, e.moved(&moved)?)))
                .collect();
        }
        for source in snapshot.sources {
            if let Some(same) = engine.sources.iter_mut().find(|s| s.name == source.name) {
                *same = source;
            }
        }
        for (site, station, state) in snapshot.gateways {
            let registry = &engine.setup.registry;
            let at = registry
                .site(site.as_str())
                .and_then(|site| registry.station(site, station.as_str()));
            if let Some(same) = engine.gateways.iter_mut().find(|g| Some(g.station) == at) {
                same.state = state;
            }
        }
        engine.system = snapshot.system;
        engine.faults = snapshot.faults;
        let down: Vec<String> = engine.keys_of_gateways_down();
        engine.faults.retain(|key, _| !key.starts_with(GATEWAY_FAULT) || down.contains(key));
        engine.outbox = snapshot.outbox;
        engine.commands = snapshot.commands;
        for (site, station, life) in snapshot.stations {
            let registry = &engine.setup.registry;
            let site = registry.site(site.as_str());
            let at = site.and_then(|site| registry.station(site, station.as_str()));
            if let Some(at) = at {
                engine.stations[at.index()] = life;
                engine.plan_station(at);
            }
        }
        engine.standing = snapshot.standing;
        engine.zeros = snapshot.zeros;
        engine.gathering = snapshot.gathering;
        engine.see_standing();
        engine.wake_again(&wakes, snapshot.system_wake);
        engine.wait_for_standing();
        (engine, resets)
    }

    /// Puts states back by name. Returns where each watch of the snapshot went, and what could not go on.
    fn restore_watches(
        &mut self,
        before: &Setup,
        parts: Vec<WatchPart>,
    ) -> (Vec<Option<u32>>, Resets) {
        let mut resets = Resets::new();
        let rules: RulesBefore<'_> =
            before.rules.iter().map(|rule| ((&rule.site, &rule.id), rule)).collect();
        let places: Vec<Option<usize>> = parts
            .iter()
            .map(|part| self.place_of(&part.series, &part.rule, &part.clause))
            .collect();
        for (part, at) in parts.into_iter().zip(&places) {
            let same = at.is_some_and(|at| self.tests_as_before(at, &rules, &part));
            if !same {
                let why = if at.is_some() { ResetWhy::Changed } else { ResetWhy::Gone };
                resets.entry(part.series.site.clone()).or_default().push(part.reset(why));
            }
            if let Some(at) = at.filter(|_| same) {
                self.watches[at].state = part.state;
                if let Some(late) = part.late {
                    self.late.insert(at as u32, late);
                }
            }
        }
        (places.into_iter().map(|at| at.map(|at| at as u32)).collect(), resets)
    }

    fn place_of(&self, series: &SeriesName, rule: &RuleId, clause: &RuleId) -> Option<usize> {
        let series = self.setup.registry.find(series)?;
        self.watches_of(series).find(|at| {
            let watch = &self.watches[*at];
            watch.rule(&self.setup).id == *rule && watch.clause(&self.setup).id == *clause
        })
    }

    /// Whether a watch tests what it tested under the configuration before: the same condition, beside the same
    /// companions.
    fn tests_as_before(&self, at: usize, before: &RulesBefore<'_>, part: &WatchPart) -> bool {
        let rule = before.get(&(&part.series.site, &part.rule));
        let old = rule.and_then(|rule| rule.clauses.iter().find(|c| c.id == part.clause));
        old.is_some_and(|old| {
            let watch = &self.watches[at];
            old.condition == *watch.settings(&self.setup)
                && old.companions_of(&part.series) == companions(&self.setup, watch)
        })
    }

    /// Takes over another configuration. States are kept by name; a changed rule starts anew; no level is
    /// lowered by it. Incidents of sites that are gone are closed, and whoever was told hears so.
    pub fn reconfigure(&mut self, setup: Setup, now: Moment, out: &mut Vec<Action>) {
        if self.setup == setup {
            return;
        }
        self.close_removed_sites(&setup, now, out);
        let snapshot = self.snapshot();
        let (engine, resets) = Self::restore_under(setup, snapshot);
        *self = engine;
        for (site, what) in resets {
            out.push(Action::Decide(Decision::Reset { at: now.at, site, what }));
        }
        for site in 0..self.sites.len() {
            self.judge_site(site, now, out);
        }
    }
}

impl Event {
    /// The same event in an engine whose watches have other numbers; `None` if its watch is gone.
    fn moved(self, places: &[Option<u32>]) -> Option<Self> {
        match self {
            Self::Turn { watch, held } => {
                Some(Self::Turn { watch: (*places.get(watch as usize)?)?, held })
            }
            other @ (Self::Pause { .. } | Self::Calendar | Self::StandDown) => Some(other),
        }
    }
}
