//! Waking: what is due at a site, and when it has to be looked at next.

use alloc::vec::Vec;

use reading::Timestamp;

use super::site::Event;
use super::{Engine, Moment, Subject};
use crate::decision::Action;
use crate::incident::Incident;
use crate::level::Level;
use crate::policy::Assessment;

impl Engine {
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
            self.tell_hidden(site, now, out);
            self.sites[site].turns_at = None;
        }
        self.wake_for_calendar(site, now.at);
    }

    pub(super) fn wake_for_calendar(&mut self, site: usize, now: Timestamp) {
        if self.sites[site].turns_at.is_none() {
            let dated = self.sites[site].dated.iter().map(|at| &self.setup.rules[*at as usize]);
            let next = dated.filter_map(|rule| Some(rule.valid.as_ref()?.next_turn(now)));
            let next = next.chain(self.inhibition_edge(site, now));
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
}
