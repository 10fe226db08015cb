//! Learning: what a series does while an incident about it is open is its normal to nothing.
//!
//! An incident about the site's hazard is about every series of the site. One about its monitoring (silence, doubt) is
//! about the series it was raised for: one dead gauge must not keep the others from being known. The history as told
//! and the history as recorded each have their own word. What lasts beyond an incident is learned by what remembers
//! for some days, and by the reference of the whole past once a person has put the incident away.

use alloc::collections::BTreeSet;

use reading::SeriesIndex;

use super::Engine;
use super::watch::WatchState;
use crate::level::Level;

impl Engine {
    /// Lets what learns at a site learn, or not, by the incidents as they were told.
    pub(super) fn freeze_live(&mut self, site: usize) {
        if self.sites[site].learns {
            let open = self.sites[site].main.live.level() > Level::Normal;
            let faulty = self.faulty(site, |state| state.raised);
            for at in self.sites[site].watches.clone() {
                let watch = &mut self.watches[at];
                watch.state.live.freeze(open || faulty.contains(&watch.series));
            }
        }
    }

    /// The same by the incidents as they are recorded.
    pub(super) fn freeze_recorded(&mut self, site: usize) {
        if self.sites[site].learns {
            let open = self.sites[site].main.recorded.level() > Level::Normal;
            let faulty = self.faulty(site, |state| state.recorded_raised);
            for at in self.sites[site].watches.clone() {
                let watch = &mut self.watches[at];
                watch.state.closed.freeze(open || faulty.contains(&watch.series));
            }
        }
    }

    /// Remembers which watches held in the recorded history since its level of monitoring left normal.
    pub(super) fn note_recorded(&mut self, site: usize) {
        let up = self.sites[site].monitoring.recorded.level() > Level::Normal;
        for at in self.sites[site].watches.clone() {
            let state = &mut self.watches[at].state;
            state.recorded_raised = up && (state.recorded_raised || state.recorded);
        }
    }

    /// A person has put away the incident of a site: where its series are is where they belong.
    pub(super) fn accept(&mut self, site: usize) {
        for at in self.sites[site].watches.clone() {
            let state = &mut self.watches[at].state;
            state.live.accept();
            state.closed.accept();
        }
    }

    /// The series for which the monitoring incident of a site was raised.
    fn faulty(&self, site: usize, raised: fn(&WatchState) -> bool) -> BTreeSet<SeriesIndex> {
        let watches = self.sites[site].watches.clone();
        let faulty =
            watches.filter(|at| self.argues_in(*at, true) && raised(&self.watches[*at].state));
        faulty.map(|at| self.watches[at].series).collect()
    }
}
