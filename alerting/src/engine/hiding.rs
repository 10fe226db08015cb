//! Hiding: notices that a silence or an inhibition keeps from officers, and that are told once it no longer does.
//!
//! What is hidden is decided, recorded and shown all the same. Never hidden: that something is over, questions for
//! approval, what the public hears; and 심각, unless a silence says so.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use reading::Timestamp;

use super::{Engine, Moment, Subject};
use crate::alert::{Evidence, Purpose};
use crate::catalogue;
use crate::decision::Action;
use crate::incident::{Incident, Revision};
use crate::level::Level;
use crate::standing::{Scope, What};

/// From this level of a site on, that it is not all seen is no news beside it.
const SITE_WIDE: Level = Level::Warning;

impl Engine {
    /// What hides the notices of a revision: the id of a silence, or the name of an inhibition.
    pub(super) fn hidden_by(
        &self,
        subject: Subject,
        draft: &Revision,
        incident: &Incident,
        now: Timestamp,
    ) -> Option<String> {
        if draft.level == Level::Normal {
            return None;
        }
        self.silenced_by(draft, incident, now).or_else(|| self.inhibited_by(subject, draft, now))
    }

    fn silenced_by(&self, draft: &Revision, incident: &Incident, now: Timestamp) -> Option<String> {
        let mut by: Option<&str> = None;
        let mut scopes: Vec<&Scope> = Vec::new();
        for standing in self.standing.iter().filter(|one| one.holds_at(now)) {
            let What::Silence { scope, severe } = &standing.what else { continue };
            if (*severe || draft.level < Level::Severe) && scope.covers_site(&draft.site) {
                by = by.or(Some(&standing.id));
                scopes.push(scope);
            }
        }
        hides(&scopes, &draft.evidence, incident.hidden).then(|| by.map(ToString::to_string))?
    }

    /// Until when all notices about a site are hidden, below 심각.
    pub(super) fn silenced_until(&self, site: usize) -> Option<Timestamp> {
        let id = &self.setup.registry.sites()[site].id;
        let whole = self.standing.iter().filter(|one| match &one.what {
            What::Silence { scope, .. } => scope.is_whole() && scope.covers_site(id),
            What::Maintenance { .. } | What::Report { .. } => false,
        });
        whole.filter(|one| one.holds_at(self.now)).map(|one| one.until).max()
    }

    fn inhibited_by(&self, subject: Subject, draft: &Revision, now: Timestamp) -> Option<String> {
        if let Subject::Monitoring(site) = subject
            && self.sites[site].main.live.level() >= SITE_WIDE
        {
            return Some("site".into());
        }
        let by = self.setup.inhibitions.iter().find(|one| {
            let level = one.sites.iter().filter_map(|site| self.level_of(site.as_str())).max();
            let graver = level.is_some_and(|level| level >= one.level && level > draft.level);
            graver
                && one.hides.covers_site(&draft.site)
                && one.valid.as_ref().is_none_or(|valid| valid.covers(now))
                && hides(&[&one.hides], &draft.evidence, false)
        });
        by.map(|one| one.id.clone())
    }

    /// When an inhibition about a site may begin or cease to count.
    pub(super) fn inhibition_edge(&self, site: usize, now: Timestamp) -> Option<Timestamp> {
        let id = &self.setup.registry.sites()[site].id;
        let about = self.setup.inhibitions.iter().filter(|one| one.hides.covers_site(id));
        about.filter_map(|one| Some(one.valid.as_ref()?.next_turn(now))).min()
    }

    fn level_of(&self, site: &str) -> Option<Level> {
        let at = self.setup.registry.site(site)?;
        Some(self.sites[at.index()].main.live.level())
    }

    /// Tells what was hidden at a site and no longer is.
    pub(super) fn tell_hidden(&mut self, site: usize, now: Moment, out: &mut Vec<Action>) {
        for subject in [Subject::Main(site), Subject::Monitoring(site)] {
            let Some(incident) = &self.track_of(subject).incident else { continue };
            let (Some(last), true) = (incident.last.clone(), incident.hidden) else { continue };
            let (draft, incident) = (Revision::of(&last), incident.clone());
            if self.hidden_by(subject, &draft, &incident, now.at).is_none() {
                let what = catalogue::text("what-told-now", &[]);
                let (late, measured_at) = (incident.late_detected, incident.measured_at);
                self.revise(subject, what, Some(Purpose::Alert), late, measured_at, now, out);
            }
        }
    }

    /// The level of a site went down: what was not told beside it is told now, if it still goes on.
    pub(super) fn tell_inhibited(&mut self, subject: Subject, now: Moment, out: &mut Vec<Action>) {
        let Subject::Main(site) = subject else { return };
        self.tell_hidden(site, now, out);
        if self.setup.inhibitions.is_empty() {
            return;
        }
        for other in (0..self.sites.len()).filter(|other| *other != site) {
            self.tell_hidden(other, now, out);
        }
    }
}

/// Whether all that holds is within what is hidden. Where nothing holds any more, it stays as it was.
fn hides(scopes: &[&Scope], evidence: &[Evidence], before: bool) -> bool {
    if scopes.iter().any(|scope| scope.is_whole()) {
        return true;
    }
    let covered = |one: &Evidence| scopes.iter().any(|scope| scope.covers(one));
    match evidence {
        [] => before && !scopes.is_empty(),
        all => all.iter().all(covered),
    }
}
