//! What admission doubts: evidence of its own, whatever the number says.

use reading::{Quality, Reading};

use super::site::Event;
use super::{Engine, Moment};
use crate::condition::{ConditionSettings, ConditionState, Transition};
use crate::decision::Action;

impl Engine {
    /// Lets the doubts about a series begin, go on, or end with a reading.
    pub(super) fn doubt(
        &mut self,
        reading: &Reading,
        now: Moment,
        out: &mut alloc::vec::Vec<Action>,
    ) {
        let series = reading.series;
        let doubtful = reading.quality.has_any(Quality::ALARMING | Quality::FAULTY);
        let clean = self.heard[series.index()].doubted && reading.quality.is_trusted() && !doubtful;
        if !doubtful && !clean {
            return;
        }
        let mut doubted = false;
        for at in self.watches_of(series) {
            let ConditionSettings::Doubt(settings) = *self.watches[at].settings(&self.setup) else {
                continue;
            };
            let state = &mut self.watches[at].state;
            let ConditionState::Doubt(doubt) = &mut state.live else { continue };
            let held = match (reading.quality.has_any(settings.flags), state.held) {
                (true, _) => {
                    doubt.doubt();
                    true
                }
                (false, true) => !(clean && doubt.believe(&settings)),
                (false, false) => false,
            };
            doubted |= held;
            if held != state.held {
                self.turn_doubt(at, held, reading, now, out);
            }
        }
        self.heard[series.index()].doubted = doubted;
        let site = self.site_of(series);
        self.judge_pause(site, false, now.at);
        self.wake_for_track(site, false);
    }

    fn turn_doubt(
        &mut self,
        at: usize,
        held: bool,
        reading: &Reading,
        now: Moment,
        out: &mut alloc::vec::Vec<Action>,
    ) {
        let site = self.site_of(reading.series);
        self.sites[site].later(now.at, Event::Turn { watch: at as u32, held });
        let turn = Transition { held, at: reading.measured_at, value: reading.value };
        self.turn(at, turn, !reading.quality.has(Quality::OLD), now, out);
    }
}
