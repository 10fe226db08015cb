//! Observing: a reading inside its window goes to the watches of its series, and their turns to the site.

use alloc::vec::Vec;

use reading::SeriesIndex;

use super::feed::{self, Fed};
use super::{Engine, Moment};
use crate::condition::{ConditionSettings, Transition};
use crate::decision::{Action, Decision};
use crate::window::{Place, Sample};

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
}
