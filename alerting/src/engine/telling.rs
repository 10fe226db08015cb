//! Telling: a level moved, so the incident is revised, and whoever must hear is owed a delivery.

use alloc::string::String;
use alloc::vec::Vec;

use reading::registry::{SiteKind, Text};
use reading::{SiteId, Timestamp};

use super::asking::{Plan, deliver};
use super::site::Track;
use super::system::{SYSTEM_POLICY, SYSTEM_SITE, SYSTEM_ZONE, system_site};
use super::wording::remind_after;
use super::{Engine, Moment, Subject};
use crate::alert::{Alert, Hazard, MessageType, Purpose, SiteFacts};
use crate::approval::PublicText;
use crate::catalogue;
use crate::condition::Transition;
use crate::decision::{Action, Decision, IncidentRecord};
use crate::incident::{Incident, Revision};
use crate::level::Level;
use crate::life::Step;
use crate::policy::Assessment;
use crate::route::{Audience, Route};
use crate::setup::Policy;

impl Engine {
    pub(super) fn track_of(&mut self, subject: Subject) -> &mut Track {
        match subject {
            Subject::Main(site) => &mut self.sites[site].main,
            Subject::Monitoring(site) => &mut self.sites[site].monitoring,
            Subject::System => &mut self.system,
        }
    }

    pub(super) fn site_id(&self, subject: Subject) -> SiteId {
        match subject {
            Subject::Main(site) | Subject::Monitoring(site) => {
                self.setup.registry.sites()[site].id.clone()
            }
            Subject::System => system_site(),
        }
    }

    /// A level moved: decide it, revise the incident, tell.
    pub(super) fn level_moved(
        &mut self,
        subject: Subject,
        from: Level,
        assessment: Assessment,
        measured_at: Timestamp,
        now: Moment,
        out: &mut Vec<Action>,
    ) {
        let reason = catalogue::text(assessment.row, &[]);
        let (site, evidence) = (self.site_id(subject), self.evidence_of(subject));
        let why = self.findings(subject);
        let track = self.track_of(subject);
        let (hazard, to) = (track.hazard, track.live.level());
        if to > from
            && let Some(incident) = &mut track.incident
        {
            incident.life.take(&Step::Raise).ok();
            incident.acknowledged_by = None; // what they said they had seen was less
        }
        let what = moved(from, to, &reason);
        out.push(Action::Decide(Decision::Level {
            at: now.at,
            site,
            hazard,
            from,
            to,
            measured_at,
            reason,
            evidence,
            why,
        }));
        self.revise(subject, what, Some(Purpose::Alert), false, measured_at, now, out);
    }

    /// A raise that was told is not in the recorded history: said so, visibly.
    pub(super) fn tell_correction(&mut self, at: usize, now: Moment, out: &mut Vec<Action>) {
        let subject = self.subject_of(at);
        let Some(incident) = &self.track_of(subject).incident else { return };
        let late = incident.late_detected;
        let (value, measured_at) = self.watches[at].state.decided();
        let evidence = self.evidence(at, &Transition { held: false, at: measured_at, value });
        let what = Text {
            ko: catalogue::fill(
                "what-not-borne-out",
                catalogue::Language::Ko,
                &[&evidence.text.ko],
            ),
            en: catalogue::fill(
                "what-not-borne-out",
                catalogue::Language::En,
                &[&evidence.text.en],
            ),
        };
        self.revise(subject, what, Some(Purpose::Alert), late, measured_at, now, out);
    }

    /// Tells again that an incident goes on, when that is due.
    pub(super) fn remind(
        &mut self,
        site: usize,
        monitoring: bool,
        now: Moment,
        out: &mut Vec<Action>,
    ) {
        let subject = if monitoring { Subject::Monitoring(site) } else { Subject::Main(site) };
        self.remind_subject(subject, now, out);
    }

    pub(super) fn remind_subject(&mut self, subject: Subject, now: Moment, out: &mut Vec<Action>) {
        let track = self.track_of(subject);
        let Some(incident) = &track.incident else { return };
        let late = incident.late_detected;
        if incident.remind_at.is_some_and(|at| at <= now.at) {
            let level = track.live.level();
            let what = Text {
                ko: catalogue::fill(
                    "what-still",
                    catalogue::Language::Ko,
                    &[catalogue::level(level, catalogue::Language::Ko)],
                ),
                en: catalogue::fill(
                    "what-still",
                    catalogue::Language::En,
                    &[catalogue::level(level, catalogue::Language::En)],
                ),
            };
            self.revise(subject, what, Some(Purpose::Reminder), late, now.at, now, out);
        }
    }

    /// Owes a delivery to everybody who has to hear of a revision, and may.
    #[expect(clippy::too_many_arguments, reason = "each says something else about one message")]
    pub(super) fn tell(
        &mut self,
        subject: Subject,
        record: &IncidentRecord,
        incident: &mut Incident,
        purpose: Purpose,
        plan: &Plan,
        now: Moment,
        out: &mut Vec<Action>,
    ) {
        let facts = self.facts(subject);
        let draft = Revision::of(record);
        for at in 0..self.setup.routes.len() {
            let route = &self.setup.routes[at];
            let Some((purpose, message_type)) = word_for(route, &draft, incident, purpose) else {
                continue;
            };
            let measured_at = incident.measured_at;
            let mut alert = self.compose(&facts, record, purpose, message_type, measured_at);
            if route.audience == Audience::Public
                && !let_out(route, incident, plan, purpose, &mut alert)
            {
                continue;
            }
            let officers = route.audience == Audience::Officers;
            if officers && record.hidden_by.is_some() && message_type != MessageType::Cancel {
                continue;
            }
            if message_type == MessageType::Cancel {
                incident.told.remove(&route.channel);
            } else {
                let bound = route.group.as_ref().and_then(|group| plan.says.get(group));
                let bound = bound.map(|(bound, _)| bound.clone());
                incident.told.insert(route.channel.clone(), bound);
            }
            let offsets = self.setup.offsets(&facts.zone);
            let heard_from = route.heard_from(incident.peak, now.at, offsets);
            let recipients: Vec<String> = route.recipients_at(&record.site).cloned().collect();
            let notices = recipients
                .iter()
                .map(|one| deliver(route, one, alert.clone(), now.at, heard_from))
                .collect::<Vec<_>>();
            let peak = if officers && subject != Subject::System {
                incident.peak
            } else {
                Level::Severe // what the public hears and what is wrong with bongsu wait for no company
            };
            for notice in notices {
                self.hand_out(at, notice, peak, now, out);
            }
        }
        if record.level == Level::Normal {
            self.call_off(&facts, record, incident, now, out);
        }
    }

    /// When those who were told hear again.
    pub(super) fn remind_after(
        &self,
        subject: Subject,
        level: Level,
        now: Timestamp,
    ) -> Option<Timestamp> {
        remind_after(&self.policy_of(subject), level).map(|after| now.plus(after))
    }

    pub(super) fn facts(&self, subject: Subject) -> SiteFacts {
        match subject {
            Subject::Main(site) | Subject::Monitoring(site) => {
                SiteFacts::from(&self.setup.registry.sites()[site])
            }
            Subject::System => SiteFacts {
                id: system_site(),
                name: self.setup.sender.clone(),
                kind: SiteKind::Facility,
                location: (0.0, 0.0),
                radius_km: 0.0,
                polygon: Vec::new(),
                area: self.setup.sender.clone(),
                district: String::new(),
                zone: String::from(SYSTEM_ZONE),
            },
        }
    }

    pub(super) fn policy_of(&self, subject: Subject) -> Policy {
        match subject {
            Subject::Main(site) | Subject::Monitoring(site) => self.sites[site].policy,
            Subject::System => SYSTEM_POLICY,
        }
    }
}

/// Why and as what a route hears of a revision, or `None` if it does not.
pub(super) fn word_for(
    route: &Route,
    record: &Revision,
    incident: &Incident,
    purpose: Purpose,
) -> Option<(Purpose, MessageType)> {
    let told = incident.told.contains_key(&route.channel);
    let concerned = record.level > Level::Normal && record.level >= route.min_level;
    let public = route.audience == Audience::Public;
    if public && (record.late_detected || record.hazard == Hazard::Monitoring) {
        return None; // the public is told of danger to it, and not of the past
    }
    match (told, concerned) {
        (false, true) => Some((Purpose::Alert, MessageType::Alert)),
        (true, true) => Some((purpose, MessageType::Update)),
        (true, false) => Some((Purpose::Cancel, MessageType::Cancel)),
        (false, false) => None,
    }
    .filter(|_| route.covers(&record.site) || record.site.as_str() == SYSTEM_SITE && !public)
}

/// Whether the public may hear this on a route; then the message says the released words and who let it out. What
/// a channel has heard already it hears again as a reminder only.
fn let_out(
    route: &Route,
    incident: &Incident,
    plan: &Plan,
    purpose: Purpose,
    alert: &mut Alert,
) -> bool {
    let Some(group) = &route.group else { return false };
    let Some((bound, text)) = plan.says.get(group) else { return false };
    let released = incident.approvals.get(group).and_then(|approval| approval.released(bound));
    let Some(released) = released else { return false };
    let known = incident.told.get(&route.channel).and_then(Option::as_ref) == Some(bound);
    if known && purpose == Purpose::Alert {
        return false;
    }
    let PublicText { headline, description, instruction } = text.clone();
    (alert.headline, alert.description, alert.instruction) = (headline, description, instruction);
    alert.released = released.clone();
    true
}

fn moved(from: Level, to: Level, reason: &Text) -> Text {
    let say = |language, reason: &str| {
        let (from, to) = (catalogue::level(from, language), catalogue::level(to, language));
        catalogue::fill("what-moved", language, &[from, to, reason])
    };
    Text {
        ko: say(catalogue::Language::Ko, &reason.ko),
        en: say(catalogue::Language::En, &reason.en),
    }
}
