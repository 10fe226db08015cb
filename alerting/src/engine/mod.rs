//! The one door of the pure core: observe, tick, settle, obey; each returns actions.
//!
//! The engine is a pure function of the journal: handed readings, outcomes, commands and the moment each was
//! journaled, it says what was decided. An action not returned was not decided. After `tick(now)` nothing is
//! due at `now`, and `now` never goes back.
//!
//! Two clocks rule: conditions run on the event time of readings; dwell,
//! silence, reminders and deliveries run on the journal's `at`.
//!
//! Arrival order. Each condition is kept twice: `live` has seen everything, `closed` only what the lateness
//! window has closed over. A reading that falls behind others makes `live` start again from `closed`; a raise
//! that this brings to light is told at once. What `closed` concludes makes the recorded history, which is the
//! one that ordered arrival gives; a raise that was told and is not in it is corrected by a visible revision.

mod feed;
mod watch;
mod arguing;
mod site;
mod observing;
mod late;
mod closing;
mod waking;
mod silence;
mod gateway;
mod stations;
mod doubt;
mod explaining;
mod telling;
mod wording;
mod system;
mod revising;
mod learning;
mod asking;
mod climbing;
mod standing;
mod hiding;
mod gathering;
mod commands;
mod settling;
mod disowning;
mod witness;

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use reading::registry::Text;
use reading::{Quality, Reading, SeriesIndex, SeriesName, SiteIndex, StationIndex, Timestamp};
use serde::{Deserialize, Serialize};

use crate::alert::{Hazard, IncidentId};
use crate::decision::Action;
use crate::delivery::DeliveryKey;
use crate::level::Level;
use crate::outbox::Outbox;
use crate::setup::Setup;
use crate::standing::{Standing, Zero};
use crate::station::StationLife;
use crate::window::{Past, Sample, Window};

pub use commands::{Command, Settled, Verb};
pub(crate) use feed::{Feeds, companions};
pub(crate) use gateway::{GATEWAY_FAULT, Gateway, GatewayState};
pub(crate) use gathering::Gathering;
pub use settling::Answer;
pub(crate) use silence::{Heard, Source};
pub(crate) use site::{Event, Site, Track};
pub(crate) use system::Fault;
pub use system::{SYSTEM_SITE, SYSTEM_ZONE};
pub(crate) use watch::{Late, Watch, WatchState};
pub use witness::TrailHead;
pub use wording::instruction;

/// While it runs, the daemon journals something at least every half of this; a longer pause in the journal
/// means it was not running, and no timer that waits for evidence ran either.
pub const ALIVE_MAX: Duration = Duration::from_secs(120);

/// The fault of a journal that is in memory only: what is told while it lasts says so.
pub const UNRECORDED: &str = "unrecorded";

/// How many command ids are remembered, so that a repeated request is not carried out twice.
const COMMANDS_REMEMBERED: usize = 256;

/// Readings that are no sign of life: of a buffer, or held until time was up.
const NO_NEWS: Quality = Quality::BACKFILL.or(Quality::UNCONFIRMED).or(Quality::ISOLATED);

/// When something was journaled, and as which record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The journal's `at`.
    pub at: Timestamp,
    /// The journal's sequence number.
    pub sequence: u64,
}

/// What a track belongs to: a site's hazard, a site's monitoring, or bongsu itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Subject {
    /// What may happen at a site.
    Main(usize),
    /// Whether we see the site.
    Monitoring(usize),
    /// Whether bongsu itself works.
    System,
}

/// Everything decided so far, as far as it bears on what is decided next.
pub struct Engine {
    pub(crate) setup: Setup,
    pub(crate) now: Timestamp,
    pub(crate) alive_until: Timestamp,
    /// By series.
    pub(crate) windows: Vec<Window>,
    pub(crate) heard: Vec<Heard>,
    /// By series, rule and clause; those of a series and those of a site are neighbours.
    pub(crate) watches: Vec<Watch>,
    pub(crate) feeds: Feeds,
    pub(crate) late: BTreeMap<u32, Late>,
    /// What is closed of series that are judged beside others, by series.
    pub(crate) pasts: BTreeMap<u32, Past>,
    pub(crate) sites: Vec<Site>,
    pub(crate) sources: Vec<Source>,
    pub(crate) gateways: Vec<Gateway>,
    pub(crate) system: Track,
    /// What is wrong with bongsu itself, until when (`None`: until it is mended).
    pub(crate) faults: BTreeMap<String, Fault>,
    pub(crate) outbox: Outbox,
    pub(crate) commands: VecDeque<String>,
    /// By station.
    pub(crate) stations: Vec<StationLife>,
    /// When the orders of each station are looked at next.
    orders_due: BTreeSet<(Timestamp, StationIndex)>,
    planned: Vec<Option<Timestamp>>,
    /// What people have set for a while, in the order they did.
    pub(crate) standing: Vec<Standing>,
    /// The zeros people have set, by series and rising moment.
    pub(crate) zeros: BTreeMap<SeriesName, Vec<Zero>>,
    pub(crate) gathering: Gathering,
    /// When somebody works on which series.
    upkeep: standing::Upkeep,
    /// First watch of each series, and one past the last.
    watches_from: Vec<u32>,
    /// The site of each series.
    site_of: Vec<u32>,
    /// The collector of each station, and the gateway it comes through.
    source_of: Vec<Option<u32>>,
    gateway_of: Vec<Option<u32>>,
    /// When each site has to be looked at next; lazily late, never early.
    wakes: BTreeSet<(Timestamp, usize)>,
    system_wake: Option<Timestamp>,
    scratch: Vec<(usize, crate::condition::Transition)>,
}

impl Engine {
    /// An engine that has seen nothing.
    pub fn new(mut setup: Setup, now: Timestamp) -> Self {
        setup.share();
        let series = setup.registry.series().len();
        let watches = watch::all(&setup);
        let mut watches_from = alloc::vec![0u32; series + 1];
        for watch in &watches {
            watches_from[watch.series.index() + 1] += 1;
        }
        for i in 0..series {
            watches_from[i + 1] += watches_from[i];
        }
        let sites = site::all(&setup, &watches_from);
        let sources: Vec<Source> = setup.sources.iter().map(|name| Source::new(name)).collect();
        let stations = setup.registry.stations();
        let station_of = |s: &reading::registry::Series| &stations[s.station.index()];
        let site_of = setup.registry.series().iter().map(|s| station_of(s).site.0).collect();
        let source_named = |name: &str| sources.iter().position(|source| source.name == name);
        let source_of =
            stations.iter().map(|s| source_named(&s.source).map(|at| at as u32)).collect();
        let (gateways, gateway_of) = gateway::all(&setup);
        let feeds = Feeds::new(&setup, &watches);
        let mut engine = Self {
            now,
            alive_until: now.plus(ALIVE_MAX),
            windows: alloc::vec![Window::default(); series],
            heard: alloc::vec![Heard::default(); series],
            pasts: feeds.pasts(&setup, &watches),
            feeds,
            watches,
            late: BTreeMap::new(),
            sites,
            sources,
            gateways,
            system: Track::new(Hazard::Monitoring),
            faults: BTreeMap::new(),
            outbox: Outbox::default(),
            commands: VecDeque::new(),
            stations: alloc::vec![StationLife::default(); setup.registry.stations().len()],
            orders_due: BTreeSet::new(),
            planned: alloc::vec![None; setup.registry.stations().len()],
            standing: Vec::new(),
            zeros: BTreeMap::new(),
            gathering: Gathering::new(),
            upkeep: standing::Upkeep::new(),
            watches_from,
            site_of,
            source_of,
            gateway_of,
            wakes: BTreeSet::new(),
            system_wake: None,
            scratch: Vec::new(),
            setup,
        };
        (0..engine.sites.len()).for_each(|site| engine.wake_for_calendar(site, now));
        engine
    }

    /// The configuration in force.
    pub fn setup(&self) -> &Setup {
        &self.setup
    }

    /// The latest moment it was told.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// When something is due next.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        let site = self.wakes.first().map(|(at, _)| *at);
        let order = self.next_order().map(|(at, _)| at);
        let outbox = self.outbox.next_deadline();
        let all = [site, self.gathered_until(), outbox, order, self.system_wake];
        all.into_iter().flatten().min()
    }

    /// Lets everything happen that is due at `now`, in time order, ties by name.
    ///
    /// # Panics
    /// In debug builds if `now` goes back: the journal's `at` never does.
    pub fn tick(&mut self, now: Moment, out: &mut Vec<Action>) {
        debug_assert!(now.at >= self.now, "time goes back from {} to {}", self.now, now.at);
        let target = now.at.max(self.now);
        if target > self.alive_until {
            self.skip_downtime(target);
        }
        while let Some(due) = self.next_deadline().filter(|due| *due <= target) {
            let at = due.max(self.now);
            self.now = at;
            self.credit_uptime(at);
            self.fire(due, Moment { at, ..now }, target, out);
        }
        self.now = target;
        self.credit_uptime(target);
        self.alive_until = target.plus(ALIVE_MAX);
    }

    fn fire(&mut self, due: Timestamp, now: Moment, target: Timestamp, out: &mut Vec<Action>) {
        if let Some(&(at, site)) = self.wakes.first()
            && at <= due
        {
            self.wakes.pop_first();
            self.sites[site].wake_at = None;
            self.wake_site(site, now, target, out);
        } else if self.gathered_until().is_some_and(|at| at <= due) {
            self.gathering_due(now, out);
        } else if self.outbox.next_deadline().is_some_and(|at| at <= due) {
            let lost = self.outbox.tick(now.at, out);
            for lost in lost {
                self.lost(lost, now, out);
            }
        } else if let Some((_, station)) = self.next_order().filter(|(at, _)| *at <= due) {
            self.say(station, now, out);
        } else {
            self.system_wake = None;
            self.wake_system(now, out);
        }
    }

    /// Takes one admitted reading, after `tick` of the same moment.
    pub fn observe(&mut self, reading: &Reading, now: Moment, out: &mut Vec<Action>) {
        let series = reading.series.index();
        if series >= self.windows.len() {
            return; // a number of another configuration; admission and engine share one setup
        }
        let reading = &self.as_set(reading);
        self.heard[series].quality = reading.quality;
        if !reading.quality.has_any(NO_NEWS) {
            self.hear(reading.series, now, out);
        }
        if !reading.quality.has(Quality::MAINTENANCE) {
            self.doubt(reading, now, out);
            self.look_closer(reading, now, out);
        }
        if !reading.quality.is_trusted() {
            return;
        }
        let site = self.site_of(reading.series);
        let sample = Sample { at: reading.measured_at, value: reading.value };
        if self.windows[series].is_closed_at(sample.at) {
            self.observe_late(reading.series, sample, now, out);
            return;
        }
        if self.windows[series].is_full() {
            let to = self.windows[series].oldest().map_or(sample.at, |oldest| oldest.at);
            self.close(site, to, now, out);
        }
        if self.windows[series].ends_with(&sample) {
            self.heard[series].newest = reading.quality;
        }
        let fresh = !reading.quality.has(Quality::OLD)
            && now.at.since(reading.measured_at) <= self.sites[site].lateness;
        self.observe_open(reading.series, sample, fresh, now, out);
        let close_at = sample.at.plus(self.sites[site].close_after()).max(now.at);
        self.wake_by(site, close_at);
    }

    /// Something is wrong with bongsu itself. `key` names the fault, so that it is told once; it lasts until
    /// `until`, or until [`Engine::mend`].
    pub fn fault(
        &mut self,
        key: &str,
        what: Text,
        until: Option<Timestamp>,
        now: Moment,
        out: &mut Vec<Action>,
    ) {
        let fault = Fault { what: what.clone(), from: now.at, until };
        let new = self.faults.insert(key.into(), fault).is_none();
        self.judge_system(new.then_some(what), now, out);
    }

    /// Whether a fault of that key lasts.
    pub fn is_faulty(&self, key: &str) -> bool {
        self.faults.contains_key(key)
    }

    /// A fault is mended.
    pub fn mend(&mut self, key: &str, now: Moment, out: &mut Vec<Action>) {
        if self.faults.remove(key).is_some() {
            self.judge_system(None, now, out);
        }
    }

    pub(crate) fn site_of(&self, series: SeriesIndex) -> usize {
        self.site_of[series.index()] as usize
    }

    pub(crate) fn source_of(&self, series: SeriesIndex) -> Option<&Source> {
        self.sources.get(self.source_of[self.station_at(series)]? as usize)
    }

    fn gateway_of(&self, series: SeriesIndex) -> Option<u32> {
        self.gateway_of[self.station_at(series)]
    }

    fn station_at(&self, series: SeriesIndex) -> usize {
        self.setup.registry.series()[series.index()].station.index()
    }

    pub(crate) fn watches_of(&self, series: SeriesIndex) -> core::ops::Range<usize> {
        self.watches_from[series.index()] as usize..self.watches_from[series.index() + 1] as usize
    }

    pub(crate) fn station_of(&self, watch: &Watch) -> StationIndex {
        self.setup.registry.series()[watch.series.index()].station
    }

    /// Sees to it that a site is looked at no later than `at`.
    pub(crate) fn wake_by(&mut self, site: usize, at: Timestamp) {
        let entry = &mut self.sites[site];
        if entry.wake_at.is_none_or(|wake| at < wake) {
            if let Some(wake) = entry.wake_at.replace(at) {
                self.wakes.remove(&(wake, site));
            }
            self.wakes.insert((at, site));
        }
    }

    pub(crate) fn wake_system_by(&mut self, at: Timestamp) {
        self.system_wake = Some(self.system_wake.map_or(at, |wake| wake.min(at)));
    }

    pub(crate) fn system_wake(&self) -> Option<Timestamp> {
        self.system_wake
    }

    /// Schedules what a snapshot had scheduled, so that going on from it is as never having stopped.
    pub(crate) fn wake_again(&mut self, sites: &[Option<Timestamp>], system: Option<Timestamp>) {
        for (site, at) in sites.iter().enumerate() {
            if let Some(at) = *at {
                self.wake_by(site, at);
            }
        }
        self.system_wake = system;
    }

    /// Where every site stands, for screens and metrics.
    pub fn view(&self) -> Vec<SiteView> {
        (0..self.sites.len()).map(|site| self.site_view(site)).collect()
    }

    /// Every delivery that is not settled.
    pub fn owed(&self) -> impl Iterator<Item = &DeliveryKey> {
        self.outbox.keys()
    }

    /// Every incident that is open: of sites, of their monitoring, of bongsu itself.
    pub fn open_incidents(&self) -> impl Iterator<Item = &IncidentId> {
        let sites = self.sites.iter().flat_map(|site| [&site.main, &site.monitoring]);
        sites
            .chain([&self.system])
            .filter_map(|track| track.incident.as_ref())
            .map(|incident| &incident.id)
    }

    /// The level of bongsu itself: whether it works.
    pub fn system_level(&self) -> Level {
        self.system.live.level()
    }
}

/// Where a site stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SiteView {
    /// Which.
    pub site: SiteIndex,
    /// How serious, whatever the hazard.
    pub level: Level,
    /// Too little of it is seen to say that it is normal.
    pub unknown: bool,
    /// What the evidence argues for at present; below `level` while the dwell runs.
    pub assessed: Level,
    /// How many of its series are silent.
    pub silent: usize,
    /// How many it has.
    pub series: usize,
    /// On how many of them somebody works.
    pub maintained: usize,
    /// Until when notices about it are hidden, if all of them are.
    pub silenced_until: Option<Timestamp>,
    /// The open incidents' ids.
    pub incidents: Vec<String>,
}
