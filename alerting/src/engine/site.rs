//! A site: what holds there, and the level of each of its tracks as evidence comes and goes.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::ops::Range;
use core::time::Duration;

use reading::{SeriesIndex, SiteId, SiteIndex, Timestamp};
use serde::{Deserialize, Serialize};

use super::arguing::View;
use super::{Engine, Moment, SiteView, Subject};
use crate::alert::Hazard;
use crate::decision::Action;
use crate::incident::Incident;
use crate::level::Level;
use crate::life::{Machine, Rise};
use crate::policy::Assessment;
use crate::rule::Rule;
use crate::setup::{Policy, Setup};

/// One hazard of one site: its level as told and as recorded, and the incident about it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Track {
    pub hazard: Hazard,
    pub live: Machine,
    pub recorded: Machine,
    pub incident: Option<Incident>,
    /// The one before, while it is all clear and not put away.
    pub cleared: Option<Incident>,
}

impl Track {
    pub fn new(hazard: Hazard) -> Self {
        Self {
            hazard,
            live: Machine::default(),
            recorded: Machine::default(),
            incident: None,
            cleared: None,
        }
    }

    /// The incidents that people can still do something about.
    pub fn incidents(&self) -> impl Iterator<Item = &Incident> {
        self.incident.iter().chain(&self.cleared)
    }

    /// The same, to be changed.
    pub fn incidents_mut(&mut self) -> impl Iterator<Item = &mut Incident> {
        self.incident.iter_mut().chain(&mut self.cleared)
    }
}

/// Something of `at` that the recorded history takes up once its window closes over it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Event {
    /// A watch began or ceased to hold.
    Turn {
        /// Which watch.
        watch: u32,
        /// Whether it holds.
        held: bool,
    },
    /// The way down paused or went on, for monitoring or not.
    Pause {
        /// Which track.
        monitoring: bool,
        /// Whether it pauses.
        paused: bool,
    },
    /// A rule may have begun or ceased to count.
    Calendar,
    /// An officer stood 심각 down.
    StandDown,
}

/// One site.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    /// Its watches, neighbours in `Engine::watches`.
    pub watches: Range<usize>,
    /// Its series, neighbours in the registry.
    pub series: Range<usize>,
    /// How late a reading may come and still be judged in its order: the longest of its series.
    pub lateness: Duration,
    /// The recorded history is known up to here.
    pub closed_to: Timestamp,
    /// Whether a rule asks for a dwell of its own.
    pub asks_dwell: bool,
    /// Whether a condition learns here what is normal.
    pub learns: bool,
    /// Its rules that do not always count, in `setup.rules`; and when the next of them may begin or cease to.
    pub dated: Vec<u32>,
    pub turns_at: Option<Timestamp>,
    pub policy: Policy,
    pub main: Track,
    pub monitoring: Track,
    /// What the recorded history takes up later, by time.
    pub events: Vec<(Timestamp, Event)>,
    /// When it has to be looked at next.
    pub wake_at: Option<Timestamp>,
}

impl Site {
    /// How long after its event time a reading is closed over: the lateness, and a little more so that many
    /// close together.
    pub fn close_after(&self) -> Duration {
        self.lateness + self.lateness / 16
    }

    pub fn track(&mut self, monitoring: bool) -> &mut Track {
        if monitoring { &mut self.monitoring } else { &mut self.main }
    }

    /// Puts an event of `at` into the recorded history's queue.
    pub fn later(&mut self, at: Timestamp, event: Event) {
        self.events.push((at, event));
    }
}

pub(crate) fn all(setup: &Setup, watches_from: &[u32]) -> Vec<Site> {
    let registry = &setup.registry;
    let of_site =
        |series: usize| registry.stations()[registry.series()[series].station.index()].site.index();
    let asking = setup.rules.iter().filter(|rule| rule.dwell.is_some());
    let asking: BTreeSet<&SiteId> = asking.map(|rule| &rule.site).collect();
    let learns = |rule: &&Rule| rule.clauses.iter().any(|clause| clause.condition.learns());
    let learning: BTreeSet<&SiteId> =
        setup.rules.iter().filter(learns).map(|rule| &rule.site).collect();
    let mut dated: BTreeMap<&SiteId, Vec<u32>> = BTreeMap::new();
    for (at, rule) in setup.rules.iter().enumerate().filter(|(_, rule)| rule.valid.is_some()) {
        dated.entry(&rule.site).or_default().push(at as u32);
    }
    let mut sites = Vec::with_capacity(registry.sites().len());
    let mut start = 0;
    for (number, site) in registry.sites().iter().enumerate() {
        let mut end = start;
        while end < registry.series().len() && of_site(end) == number {
            end += 1;
        }
        let lateness = registry.series()[start..end].iter().map(|s| s.lateness).max();
        sites.push(Site {
            watches: watches_from[start] as usize..watches_from[end] as usize,
            series: start..end,
            lateness: lateness.unwrap_or_default(),
            closed_to: Timestamp::MIN,
            asks_dwell: asking.contains(&site.id),
            learns: learning.contains(&site.id),
            dated: dated.remove(&site.id).unwrap_or_default(),
            turns_at: None,
            policy: setup.policy(&site.id),
            main: Track::new(Hazard::of(site.kind)),
            monitoring: Track::new(Hazard::Monitoring),
            events: Vec::new(),
            wake_at: None,
        });
        start = end;
    }
    sites
}

impl Engine {
    /// The track a watch argues in.
    pub(super) fn subject_of(&self, watch: usize) -> Subject {
        let site = self.site_of(self.watches[watch].series);
        match self.argues_in(watch, true) {
            true => Subject::Monitoring(site),
            false => Subject::Main(site),
        }
    }

    /// Makes the level of a track follow its evidence.
    pub(super) fn judge(
        &mut self,
        subject: Subject,
        measured_at: Timestamp,
        now: Moment,
        out: &mut Vec<Action>,
    ) {
        let (site, monitoring) = match subject {
            Subject::Main(site) => (site, false),
            Subject::Monitoring(site) => (site, true),
            Subject::System => return self.judge_system(None, now, out),
        };
        let assessment = self.assessment(site, monitoring, View::Live, now.at);
        let policy = self.sites[site].policy;
        let track = self.sites[site].track(monitoring);
        let rise = track.live.assess(assessment.level, &policy, now.at);
        if track.live.level() == assessment.level {
            let dwell = self.dwell_asked(site, monitoring, View::Live, assessment.level, now.at);
            self.sites[site].track(monitoring).live.keep(dwell);
        }
        self.note_raised(site, monitoring);
        self.judge_pause(site, monitoring, now.at);
        if let Some(Rise { before, latched }) = rise {
            let row = if latched { "policy-latched" } else { assessment.row };
            let assessment = Assessment { row, ..assessment };
            self.level_moved(subject, before, assessment, measured_at, now, out);
        }
        self.wake_for_track(site, monitoring);
    }

    /// Judges both tracks of a site again, after the configuration changed.
    pub(crate) fn judge_site(&mut self, site: usize, now: Moment, out: &mut Vec<Action>) {
        self.judge(Subject::Main(site), now.at, now, out);
        self.judge(Subject::Monitoring(site), now.at, now, out);
    }

    /// Closes what is open at sites that another configuration no longer has.
    pub(crate) fn close_removed_sites(
        &mut self,
        setup: &Setup,
        now: Moment,
        out: &mut Vec<Action>,
    ) {
        for site in 0..self.sites.len() {
            if setup.registry.site(self.setup.registry.sites()[site].id.as_str()).is_some() {
                continue;
            }
            for subject in [Subject::Main(site), Subject::Monitoring(site)] {
                let track = self.track_of(subject);
                if track.incident.is_some() {
                    track.live = Machine::default();
                    let what = crate::catalogue::text("what-site-removed", &[]);
                    self.revise(
                        subject,
                        what,
                        Some(crate::alert::Purpose::Alert),
                        false,
                        now.at,
                        now,
                        out,
                    );
                }
                self.put_away(subject, crate::catalogue::text("what-site-removed", &[]), now, out);
            }
        }
    }

    /// Remembers which watches hold while the level is up: their silence pauses the way down.
    pub(super) fn note_raised(&mut self, site: usize, monitoring: bool) {
        let up = self.sites[site].track(monitoring).live.level() > Level::Normal;
        for at in self.sites[site].watches.clone() {
            let watch = &self.watches[at];
            if self.argues_in(at, monitoring) && watch.rule(&self.setup).speaks(watch.clause) {
                let state = &mut self.watches[at].state;
                state.raised = up && (state.raised || state.held);
            }
        }
        self.freeze_live(site);
    }

    /// Pauses the way down while something that raised the level is not fresh, from when it ceased to be. Nothing has
    /// raised a site that is 정상, and what only needs looking after steps down whoever is silent: there the site's
    /// watches, thousands perhaps, are not gone through at every first word.
    pub(super) fn judge_pause(&mut self, site: usize, monitoring: bool, at: Timestamp) {
        let up = !monitoring && self.sites[site].main.live.level() > Level::Normal;
        let stale = if up { self.raised_stale_for(site) } else { None };
        let entry = &mut self.sites[site];
        if entry.track(monitoring).live.is_paused() != stale.is_some() {
            let from = at.minus(stale.unwrap_or_default());
            entry.track(monitoring).live.pause(stale.is_some(), from);
            entry.later(from, Event::Pause { monitoring, paused: stale.is_some() });
        }
    }

    /// The longest time for which something that raised the level has not been fresh.
    fn raised_stale_for(&self, site: usize) -> Option<Duration> {
        let watches = self.sites[site].watches.clone();
        let raised =
            watches.filter(|at| self.watches[*at].state.raised && self.argues_in(*at, false));
        raised.filter_map(|at| self.stale_for(self.watches[at].series)).max()
    }

    pub(super) fn site_view(&self, site: usize) -> SiteView {
        let entry = &self.sites[site];
        let series = entry.series.clone();
        let heard = |number: &usize| self.is_heard(SeriesIndex(*number as u32));
        let worked_on = |number: &usize| self.is_maintained(SeriesIndex(*number as u32), self.now);
        let maintained = series.clone().filter(worked_on).count();
        let silent = series.clone().filter(|number| !heard(number) && !worked_on(number)).count();
        let incidents = [&entry.main, &entry.monitoring]
            .into_iter()
            .filter_map(|track| track.incident.as_ref())
            .map(|incident| incident.id.as_str().into())
            .collect();
        SiteView {
            site: SiteIndex(site as u32),
            level: entry.main.live.level().max(entry.monitoring.live.level()),
            unknown: (silent + maintained) * 2 > series.len() || series.is_empty(),
            assessed: entry.main.live.assessed().max(entry.monitoring.live.assessed()),
            silent,
            series: series.len(),
            maintained,
            silenced_until: self.silenced_until(site),
            incidents,
        }
    }
}
