//! The recorded history: what ordered arrival gives, known once the lateness window has closed.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use reading::{SeriesIndex, Timestamp};

use super::arguing::View;
use super::feed::Fed;
use super::site::Event;
use super::{Engine, Moment};
use crate::decision::{Action, Decision};
use crate::level::Level;

impl Engine {
    /// Closes the site's windows over everything measured at or before `to`.
    pub(super) fn close(&mut self, site: usize, to: Timestamp, now: Moment, out: &mut Vec<Action>) {
        // Where something is learned, each reading is closed over with the level that was recorded before it: what is
        // learned must not hang on how many readings close together.
        while self.sites[site].learns
            && let Some(at) = self.oldest_open(site).filter(|at| *at <= to)
        {
            self.close_step(site, at.minus(core::time::Duration::from_nanos(1)), now, out);
            self.close_step(site, at, now, out);
        }
        self.close_step(site, to, now, out);
        self.correct(site, now, out);
    }

    fn oldest_open(&self, site: usize) -> Option<Timestamp> {
        let mut series = self.sites[site].series.clone();
        let oldest = |number: usize| self.windows[number].oldest().map(|sample| sample.at);
        let first = series.by_ref().find_map(oldest);
        series.filter_map(oldest).fold(first, |least, at| least.map(|least| least.min(at)))
    }

    fn close_step(&mut self, site: usize, to: Timestamp, now: Moment, out: &mut Vec<Action>) {
        let mut events = self.close_windows(site, to);
        let entry = &mut self.sites[site];
        let (due, later) =
            core::mem::take(&mut entry.events).into_iter().partition(|(at, _)| *at <= to);
        entry.events = later;
        events.extend::<Vec<_>>(due);
        events.sort_by_key(|(at, event)| (*at, order(event)));
        for (at, event) in events {
            self.record_dwell(site, at, now, out);
            self.record(site, at, event, now, out);
        }
        self.record_dwell(site, to, now, out);
        let entry = &mut self.sites[site];
        entry.closed_to = entry.closed_to.max(to);
        self.freeze_recorded(site);
    }

    fn close_windows(&mut self, site: usize, to: Timestamp) -> Vec<(Timestamp, Event)> {
        let mut events = Vec::new();
        let mut streams: BTreeMap<usize, Vec<Fed>> = BTreeMap::new();
        let passed = self.sites[site].closed_to;
        for number in self.sites[site].series.clone() {
            let series = SeriesIndex(number as u32);
            while let Some(sample) = self.windows[number].close_one(to) {
                self.keep_past(series, sample);
                for at in self.watches_of(series) {
                    let fed = Fed::main(sample);
                    match self.feeds.inputs(at) {
                        None => self.close_over(at, fed, &mut events),
                        Some(_) => streams.entry(at).or_default().push(fed),
                    }
                }
                for entry in self.feeds.fed_by(series) {
                    let (at, slot) = self.feeds.entry(entry);
                    streams.entry(at).or_default().push(Fed { slot, sample });
                }
            }
        }
        for (at, mut stream) in streams {
            stream.retain(|fed| fed.sample.at > passed);
            stream.sort_by(Fed::order);
            stream.into_iter().for_each(|fed| self.close_over(at, fed, &mut events));
        }
        events
    }

    fn close_over(&mut self, at: usize, fed: Fed, events: &mut Vec<(Timestamp, Event)>) {
        let watch = &mut self.watches[at];
        let settings = watch.settings(&self.setup);
        if let Some(turn) = watch.state.observe_closed(settings, fed) {
            events.push((turn.at, Event::Turn { watch: at as u32, held: turn.held }));
        }
    }

    /// When the windows, or the recorded dwell, are due next.
    pub(super) fn wake_for_closing(&mut self, site: usize) {
        let entry = &self.sites[site];
        let windows =
            entry.series.clone().filter_map(|number| self.windows[number].oldest()).map(|s| s.at);
        let events = entry.events.iter().map(|(at, _)| *at);
        let dwell = [&entry.main, &entry.monitoring]
            .into_iter()
            .filter_map(|t| t.recorded.due_at(&entry.policy));
        let oldest = windows.chain(events).chain(dwell).min();
        if let Some(oldest) = oldest {
            let at = oldest
                .plus(entry.close_after())
                .max(self.now.plus(core::time::Duration::from_nanos(1)));
            self.wake_by(site, at);
        }
    }

    fn record(
        &mut self,
        site: usize,
        at: Timestamp,
        event: Event,
        now: Moment,
        out: &mut Vec<Action>,
    ) {
        match event {
            Event::Turn { watch, held } => {
                self.watches[watch as usize].state.recorded = held;
                let monitoring =
                    matches!(self.subject_of(watch as usize), super::Subject::Monitoring(_));
                self.record_level(site, monitoring, at, now, out);
                if monitoring {
                    self.record_level(site, false, at, now, out); // silence bears on it, too
                }
            }
            Event::Calendar => {
                self.record_level(site, false, at, now, out);
                self.record_level(site, true, at, now, out);
            }
            Event::Pause { monitoring, paused } => {
                self.sites[site].track(monitoring).recorded.pause(paused, at);
            }
            Event::StandDown => {
                let before = self.sites[site].main.recorded.stand_down(at);
                self.recorded(site, false, before, at, now, out);
            }
        }
    }

    fn record_level(
        &mut self,
        site: usize,
        monitoring: bool,
        at: Timestamp,
        now: Moment,
        out: &mut Vec<Action>,
    ) {
        let assessment = self.assessment(site, monitoring, View::Recorded, at);
        let dwell = self.dwell_asked(site, monitoring, View::Recorded, assessment.level, at);
        let policy = self.sites[site].policy;
        let recorded = &mut self.sites[site].track(monitoring).recorded;
        let before = recorded.assess(assessment.level, &policy, at).map(|rise| rise.before);
        if recorded.level() == assessment.level {
            recorded.keep(dwell);
        }
        if monitoring {
            self.note_recorded(site);
        }
        self.recorded(site, monitoring, before, at, now, out);
    }

    fn record_dwell(&mut self, site: usize, to: Timestamp, now: Moment, out: &mut Vec<Action>) {
        let policy = self.sites[site].policy;
        for monitoring in [false, true] {
            while let Some(at) =
                self.sites[site].track(monitoring).recorded.due_at(&policy).filter(|at| *at <= to)
            {
                let before = self.sites[site].track(monitoring).recorded.step_down(&policy, at);
                if monitoring {
                    self.note_recorded(site);
                }
                self.recorded(site, monitoring, before, at, now, out);
            }
        }
    }

    fn recorded(
        &mut self,
        site: usize,
        monitoring: bool,
        before: Option<Level>,
        measured_at: Timestamp,
        now: Moment,
        out: &mut Vec<Action>,
    ) {
        let Some(from) = before else { return };
        let id = self.setup.registry.sites()[site].id.clone();
        let track = self.sites[site].track(monitoring);
        let (hazard, to) = (track.hazard, track.recorded.level());
        out.push(Action::Decide(Decision::Recorded {
            at: now.at,
            site: id,
            hazard,
            from,
            to,
            measured_at,
        }));
    }

    /// Tells of raises that were told and are not in the recorded history.
    fn correct(&mut self, site: usize, now: Moment, out: &mut Vec<Action>) {
        let closed_to = self.sites[site].closed_to;
        for at in self.sites[site].watches.clone() {
            let missed = self.watches[at].state.not_borne_out(closed_to) > 0;
            let watch = &self.watches[at];
            if missed && watch.rule(&self.setup).speaks(watch.clause) {
                self.tell_correction(at, now, out);
            }
        }
    }
}

/// The order of events at the same moment: turns by watch (names sort watches), then the rest.
fn order(event: &Event) -> (u8, u32, bool) {
    match event {
        Event::Turn { watch, held } => (0, *watch, !*held),
        Event::Pause { monitoring, paused } => (1, u32::from(*monitoring), *paused),
        Event::Calendar => (2, 0, false),
        Event::StandDown => (3, 0, false),
    }
}
