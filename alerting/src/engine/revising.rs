//! Revising: an incident is opened, takes up evidence, is carried on by people and put away; each time as a whole.

use alloc::vec::Vec;

use reading::Timestamp;
use reading::id::GroupId;
use reading::registry::Text;

use super::asking::Plan;
use super::{Engine, Moment, Subject};
use crate::alert::{Evidence, IncidentId, IncidentKind, Purpose};
use crate::catalogue;
use crate::decision::{Action, Decision};
use crate::incident::{Incident, Revision};
use crate::level::Level;
use crate::life::Step;
use crate::outbox::Strand;

impl Engine {
    /// Makes the next revision of a track's incident (opening it if need be), and tells of it if `purpose` says why.
    #[expect(clippy::too_many_arguments, reason = "each says something else about one revision")]
    pub(super) fn revise(
        &mut self,
        subject: Subject,
        what: Text,
        purpose: Option<Purpose>,
        late_detected: bool,
        measured_at: Timestamp,
        now: Moment,
        out: &mut Vec<Action>,
    ) {
        let mut incident = match self.take_incident(subject, false) {
            Some(incident) => incident,
            None => self.open_incident(subject, now, out),
        };
        incident.measured_at = measured_at;
        let draft = self.draft(subject, what, late_detected);
        if draft.level == Level::Normal && incident.life.take(&Step::AllClear).is_ok() {
            incident.close_at = Some(now.at.plus(self.policy_of(subject).close_after));
        }
        self.advance(subject, incident, draft, purpose, &[], now, out);
    }

    fn open_incident(&mut self, subject: Subject, now: Moment, out: &mut Vec<Action>) -> Incident {
        self.put_away(subject, catalogue::text("what-closed-by-next", &[]), now, out);
        let (site, hazard) = (self.site_id(subject), self.track_of(subject).hazard);
        let kind = IncidentKind::of(self.setup.status);
        let id = IncidentId::new(kind, &site, hazard, now.sequence);
        Incident::open(id, now.at)
    }

    fn draft(&mut self, subject: Subject, what: Text, late_detected: bool) -> Revision {
        let (site, evidence) = (self.site_id(subject), self.evidence_of(subject));
        let track = self.track_of(subject);
        let (hazard, level) = (track.hazard, track.live.level());
        Revision { site, hazard, level, what, evidence, late_detected }
    }

    /// Goes on with an incident that people did something about; what it says otherwise stays. `again` are groups
    /// whose approvers are asked once more.
    #[expect(clippy::too_many_arguments, reason = "each says something else about one revision")]
    pub(super) fn carry_on(
        &mut self,
        subject: Subject,
        incident: Incident,
        what: Text,
        purpose: Option<Purpose>,
        again: &[GroupId],
        now: Moment,
        out: &mut Vec<Action>,
    ) {
        let late_detected = incident.late_detected;
        let draft = match (incident.life.state().is_over(), &incident.last) {
            (true, Some(last)) => Revision {
                site: last.site.clone(),
                hazard: last.hazard,
                level: last.level,
                what,
                evidence: last.evidence.clone(),
                late_detected,
            },
            _ => self.draft(subject, what, late_detected),
        };
        self.advance(subject, incident, draft, purpose, again, now, out);
    }

    #[expect(clippy::too_many_arguments, reason = "each says something else about one revision")]
    fn advance(
        &mut self,
        subject: Subject,
        mut incident: Incident,
        draft: Revision,
        purpose: Option<Purpose>,
        again: &[GroupId],
        now: Moment,
        out: &mut Vec<Action>,
    ) {
        let hidden_by = self.hidden_by(subject, &draft, &incident, now.at);
        let shows = incident.hidden && hidden_by.is_none() && draft.level > Level::Normal;
        let purpose = purpose.or(shows.then_some(Purpose::Alert)); // nobody has heard of it so far
        let plan = match purpose {
            // Of the past the public hears nothing: what it was asked about is of now, and stays.
            Some(purpose) if !draft.late_detected => {
                self.plan(subject, &mut incident, &draft, purpose, now, out)
            }
            Some(_) | None => Plan::default(),
        };
        let before = incident.last.as_ref().map(|last| last.level);
        let mut record = incident.revise(draft, &self.setup.groups, now.at);
        record.hidden_by = hidden_by;
        incident.hidden = record.hidden_by.is_some();
        incident.last = Some(record.clone());
        out.push(Action::Decide(Decision::Incident(record.clone())));
        if let Some(purpose) = purpose {
            let due = self.remind_after(subject, record.level, now.at);
            // Not everybody hears of each revision: only what all hear puts a reminder off.
            let all_hear = purpose == Purpose::Reminder || before != Some(record.level);
            let earlier = incident.remind_at.filter(|_| !all_hear);
            incident.remind_at = due.map(|due| earlier.map_or(due, |earlier| earlier.min(due)));
            self.tell(subject, &record, &mut incident, purpose, &plan, now, out);
        }
        let mut asks = plan.asks;
        let open = |group: &&GroupId| incident.life.is_asking(group) && !asks.contains(group);
        let again: Vec<GroupId> = again.iter().filter(open).cloned().collect();
        asks.extend(again);
        if asks.is_empty() {
            self.settle_questions(&incident, now, out);
        } else {
            self.ask(subject, &record, &mut incident, &asks, now, out);
        }
        self.climb(subject, &record, &mut incident, now, out);
        self.put_incident(subject, incident);
    }

    /// Nobody has to be reached for a question that has its answer.
    fn settle_questions(&mut self, incident: &Incident, now: Moment, out: &mut Vec<Action>) {
        if incident.approvals.values().all(|approval| approval.asked.is_none()) {
            self.outbox.withdraw(&incident.id, Strand::Questions, now.at, out);
        }
    }

    /// Another criterion holds while the level stays: the incident takes it up, and nobody is called for it.
    pub(super) fn merge(
        &mut self,
        subject: Subject,
        evidence: &Evidence,
        now: Moment,
        out: &mut Vec<Action>,
    ) {
        let Some(incident) = self.track_of(subject).incident.as_mut() else { return };
        let news = incident.join(&evidence.rule, &evidence.series, now.at);
        let said = incident.last.as_ref().is_some_and(|last| {
            let same =
                |one: &Evidence| (&one.rule, &one.series) == (&evidence.rule, &evidence.series);
            last.evidence.iter().any(same)
        });
        if !news || said {
            return;
        }
        let late_detected = incident.late_detected;
        let what = Text {
            ko: catalogue::fill("what-joined", catalogue::Language::Ko, &[&evidence.text.ko]),
            en: catalogue::fill("what-joined", catalogue::Language::En, &[&evidence.text.en]),
        };
        self.revise(subject, what, None, late_detected, evidence.measured_at, now, out);
    }

    /// Puts away what is all clear, if its time has come.
    pub(super) fn close_due(&mut self, subject: Subject, now: Moment, out: &mut Vec<Action>) {
        let cleared = self.track_of(subject).cleared.as_ref();
        if cleared.and_then(|incident| incident.close_at).is_some_and(|at| at <= now.at) {
            self.put_away(subject, catalogue::text("what-closed-by-time", &[]), now, out);
        }
    }

    /// Puts away the incident of a track that is all clear, if there is one.
    pub(super) fn put_away(
        &mut self,
        subject: Subject,
        what: Text,
        now: Moment,
        out: &mut Vec<Action>,
    ) {
        let Some(mut incident) = self.take_incident(subject, true) else { return };
        for at in 0..self.setup.groups.len() {
            let group = self.setup.groups[at].clone();
            super::asking::withdraw(&mut incident, &group, now, out);
        }
        if incident.life.take(&Step::Close).is_ok() {
            self.carry_on(subject, incident, what, None, &[], now, out);
        }
    }

    /// Takes the incident of a track in hand: the one going on, or the one that is all clear.
    pub(super) fn take_incident(&mut self, subject: Subject, over: bool) -> Option<Incident> {
        let track = self.track_of(subject);
        if over { track.cleared.take() } else { track.incident.take() }
    }

    /// Puts it back where it now belongs; what is put away is gone, and the ledger has it.
    pub(super) fn put_incident(&mut self, subject: Subject, incident: Incident) {
        let track = self.track_of(subject);
        match incident.life.state() {
            crate::decision::IncidentState::Closed => {}
            state if state.is_over() => track.cleared = Some(incident),
            _ => track.incident = Some(incident),
        }
    }
}
