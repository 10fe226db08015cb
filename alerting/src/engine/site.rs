//! A site: what holds there, and the level of each of its tracks as evidence comes and goes.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::ops::Range;
use core::time::Duration;

use reading::{SeriesIndex, SiteId, SiteIndex, Timestamp};
use serde::{Deserialize, Serialize};

use super::arguing::View;
use super::feed::{self, Fed};
use super::{Engine, Moment, SiteView, Subject};
use crate::alert::Hazard;
use crate::condition::{ConditionSettings, Transition};
use crate::decision::{Action, Decision};
use crate::incident::Incident;
use crate::level::Level;
use crate::life::{Machine, Rise};
use crate::policy::Assessment;
use crate::rule::Rule;
use crate::setup::{Policy, Setup};
use crate::window::{Place, Sample};

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
    /// Takes a trusted sample inside its window.
    pub(super) fn observe_open(
        &mut self,
        series: SeriesIndex,
        sample: Sample,
        fresh: bool,
        now: Moment,
        out: &mut Vec<Action>,
    ) {
        let place = self.windows[series.index()].insert(sample);
        let mut turns = core::mem::take(&mut self.scratch);
        for at in self.watches_of(series) {
            if matches!(self.watches[at].settings(&self.setup), ConditionSettings::Doubt(_)) {
                continue; // has been told by now, and knows no order of arrival
            }
            if self.feeds.inputs(at).is_some() {
                self.observe_stream(at, Fed::main(sample), now, &mut turns, out);
            } else {
                let watch = &mut self.watches[at];
                let settings = watch.settings(&self.setup);
                match place {
                    Place::Newest => turns.extend(
                        watch.state.observe_newest(settings, Fed::main(sample)).map(|t| (at, t)),
                    ),
                    Place::Behind => {
                        let open = self.windows[series.index()].open().copied().map(Fed::main);
                        let again = watch.state.observe_again(settings, open);
                        turns.extend(again.into_iter().map(|t| (at, t)));
                    }
                }
            }
            let state = &self.watches[at].state;
            if fresh && state.held && !state.fresh && state.live.held() {
                // it was told late and present data says so too: from now on it counts
                let value = state.decided().0;
                turns.push((at, Transition { held: true, at: sample.at, value }));
            }
        }
        for entry in self.feeds.fed_by(series) {
            let (at, slot) = self.feeds.entry(entry);
            self.observe_stream(at, Fed { slot, sample }, now, &mut turns, out);
        }
        for (watch, turn) in turns.drain(..) {
            self.turn(watch, turn, fresh, now, out);
        }
        self.scratch = turns;
    }

    /// Shows a watch with companions a sample of one of its series, in its place in the stream of all of them.
    fn observe_stream(
        &mut self,
        at: usize,
        fed: Fed,
        now: Moment,
        turns: &mut Vec<(usize, Transition)>,
        out: &mut Vec<Action>,
    ) {
        let site = self.site_of(self.watches[at].series);
        let closed_to = self.sites[site].closed_to;
        let Some(inputs) = self.feeds.inputs(at) else { return };
        let watch = &mut self.watches[at];
        let settings = watch.settings(&self.setup);
        if fed.sample.at <= closed_to {
            // the stream has passed this moment; the window of the series alone would still have taken it
            self.late_for(at, fed, now, out);
        } else if feed::is_newest(inputs, &self.windows, fed) {
            turns.extend(watch.state.observe_newest(settings, fed).map(|turn| (at, turn)));
        } else {
            let open = feed::merged(inputs, &self.windows, closed_to).into_iter();
            let again = watch.state.observe_again(settings, open);
            turns.extend(again.into_iter().map(|turn| (at, turn)));
        }
    }

    /// A watch began or ceased to hold.
    pub(super) fn turn(
        &mut self,
        at: usize,
        turn: Transition,
        fresh: bool,
        now: Moment,
        out: &mut Vec<Action>,
    ) {
        let watch = &mut self.watches[at].state;
        let news = watch.held != turn.held;
        watch.held = turn.held;
        // what has ceased to hold counts for nothing: when old data brings it back, present data has to say so again
        watch.fresh = turn.held && (fresh || watch.fresh);
        if turn.held {
            watch.decide(turn.value, turn.at);
        }
        let evidence = self.evidence(at, &turn);
        let subject = self.subject_of(at);
        if news {
            let (site, evidence) = (self.site_id(subject), evidence.clone());
            let held = turn.held;
            out.push(Action::Decide(Decision::Rule { at: now.at, site, held, evidence }));
        }
        if turn.held && !fresh {
            self.late_detected(at, turn, now, out);
        } else {
            self.judge(subject, turn.at, now, out);
            if news && turn.held {
                self.merge(subject, &evidence, now, out);
            }
        }
    }

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
    fn note_raised(&mut self, site: usize, monitoring: bool) {
        let up = self.sites[site].track(monitoring).live.level() > Level::Normal;
        for at in self.sites[site].watches.clone() {
            let watch = &self.watches[at];
            if self.argues_in(at, monitoring) && watch.rule(&self.setup).speaks(watch.clause) {
                let state = &mut self.watches[at].state;
                state.raised = up && (state.raised || state.held);
            }
        }
    }

    /// Pauses the way down while something that raised the level is not fresh, from when it ceased to be.
    pub(super) fn judge_pause(&mut self, site: usize, monitoring: bool, at: Timestamp) {
        let watches = self.sites[site].watches.clone();
        let raised =
            watches.filter(|at| self.watches[*at].state.raised && self.argues_in(*at, false));
        let stale = raised.filter_map(|at| self.stale_for(self.watches[at].series)).max();
        let stale = stale.filter(|_| !monitoring);
        let entry = &mut self.sites[site];
        if entry.track(monitoring).live.is_paused() != stale.is_some() {
            let from = at.minus(stale.unwrap_or_default());
            entry.track(monitoring).live.pause(stale.is_some(), from);
            entry.later(from, Event::Pause { monitoring, paused: stale.is_some() });
        }
    }

    pub(super) fn wake_for_track(&mut self, site: usize, monitoring: bool) {
        let policy = self.sites[site].policy;
        let track = self.sites[site].track(monitoring);
        let step = track.live.due_at(&policy);
        let people = track.incidents().filter_map(Incident::due_at).min();
        for at in [step, people].into_iter().flatten() {
            self.wake_by(site, at.max(self.now));
        }
    }

    /// Does everything that is due at a site.
    pub(super) fn wake_site(
        &mut self,
        site: usize,
        now: Moment,
        target: Timestamp,
        out: &mut Vec<Action>,
    ) {
        let to = now.at.minus(self.sites[site].lateness);
        self.close(site, to, now, out);
        if !self.standing.is_empty() {
            self.standing_over(site, now, out);
        }
        self.check_silence(site, now, target, out);
        self.turn_page(site, now, out);
        for monitoring in [false, true] {
            self.judge_pause(site, monitoring, now.at);
            self.step_down(site, monitoring, now, out);
            self.remind(site, monitoring, now, out);
            let subject = if monitoring { Subject::Monitoring(site) } else { Subject::Main(site) };
            self.questions_due(subject, now, out);
            self.ladder_due(subject, now, out);
            self.close_due(subject, now, out);
            self.wake_for_track(site, monitoring);
        }
        self.late_again(site, now, out);
        self.forget_late(site, now.at);
        self.wake_for_closing(site);
    }

    /// Judges again when a rule may have begun or ceased to count, and notes when the next may.
    fn turn_page(&mut self, site: usize, now: Moment, out: &mut Vec<Action>) {
        if let Some(turned) = self.sites[site].turns_at.filter(|at| *at <= now.at) {
            self.sites[site].later(turned, Event::Calendar);
            self.judge_site(site, now, out);
            self.sites[site].turns_at = None;
        }
        self.wake_for_calendar(site, now.at);
    }

    pub(super) fn wake_for_calendar(&mut self, site: usize, now: Timestamp) {
        if self.sites[site].turns_at.is_none() {
            let dated = self.sites[site].dated.iter().map(|at| &self.setup.rules[*at as usize]);
            let next = dated.filter_map(|rule| Some(rule.valid.as_ref()?.next_turn(now)));
            let next = next.chain(self.standing_edge(site, now)).min();
            self.sites[site].turns_at = next;
        }
        if let Some(next) = self.sites[site].turns_at {
            self.wake_by(site, next);
        }
    }

    fn step_down(&mut self, site: usize, monitoring: bool, now: Moment, out: &mut Vec<Action>) {
        let policy = self.sites[site].policy;
        let track = self.sites[site].track(monitoring);
        let Some(before) = track.live.step_down(&policy, now.at) else { return };
        self.came_down(site, monitoring, before, "policy-step-down", now, out);
    }

    /// Tells that a level went down one step.
    pub(super) fn came_down(
        &mut self,
        site: usize,
        monitoring: bool,
        before: Level,
        row: &'static str,
        now: Moment,
        out: &mut Vec<Action>,
    ) {
        let subject = if monitoring { Subject::Monitoring(site) } else { Subject::Main(site) };
        let level = self.sites[site].track(monitoring).live.level();
        self.level_moved(subject, before, Assessment { level, row }, now.at, now, out);
        self.tell_inhibited(subject, now, out);
        self.note_raised(site, monitoring);
        self.judge_pause(site, monitoring, now.at);
        self.wake_for_track(site, monitoring);
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
