//! Telling: a level moved, so the incident is revised, and whoever must hear is owed a delivery.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use reading::registry::{SiteKind, Text};
use reading::{SiteId, Timestamp};
use serde::{Deserialize, Serialize};

use super::arguing::View;
use super::asking::{Plan, deliver};
use super::site::Track;
use super::standing::report_evidence;
use super::{Engine, Moment, Subject};
use crate::alert::{Alert, Evidence, Hazard, MessageType, Purpose, SiteFacts};
use crate::approval::{PublicText, Released};
use crate::catalogue;
use crate::condition::Transition;
use crate::condition::explain::Measure;
use crate::decision::{Action, Decision, IncidentRecord};
use crate::incident::{Incident, Revision};
use crate::level::Level;
use crate::life::{Rise, Step};
use crate::policy::Assessment;
use crate::route::{Audience, Route};
use crate::setup::Policy;

/// The site id under which bongsu speaks of itself; no site may be called so.
pub const SYSTEM_SITE: &str = "bongsu";

/// The zone bongsu itself lives in.
pub const SYSTEM_ZONE: &str = "Asia/Seoul";

/// A fault of bongsu itself is kept as an incident for ten minutes after it is mended, so that it does not flap.
const SYSTEM_POLICY: Policy = Policy {
    dwell_attention: Duration::from_secs(600),
    dwell_caution: Duration::from_secs(600),
    dwell_warning: Duration::from_secs(600),
    remind_severe: Duration::from_secs(3_600),
    flap_count: 3,
    flap_window: Duration::from_secs(24 * 3_600),
    close_after: Duration::from_secs(24 * 3_600),
};

/// Something wrong with bongsu itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Fault {
    /// In words.
    pub what: Text,
    /// It counts from here on; before, it may still mend itself.
    pub from: Timestamp,
    /// It counts until here; `None` until it is mended.
    pub until: Option<Timestamp>,
}

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

    /// What a turn of a watch says, in numbers and words.
    pub(super) fn evidence(&self, at: usize, turn: &Transition) -> Evidence {
        let watch = &self.watches[at];
        let (rule, clause) = (watch.rule(&self.setup), watch.clause(&self.setup));
        let name = &self.setup.registry.series()[watch.series.index()].name;
        let base = name.quantity.base_unit().symbol();
        let place = format!("{}/{}", name.station, name.sensor);
        let said = clause.condition.said();
        let unit = match said.measure {
            Measure::Base => base.into(),
            Measure::BasePerHour => format!("{base}/h"),
            Measure::Own(unit) => unit.into(),
        };
        let quantity = catalogue::quantity(name.quantity);
        let (value, limit) = (number(turn.value), number(said.limit));
        let window = said.window.map(span).unwrap_or_default();
        let fill = |language, quantity: &str| {
            let parts = [&place, quantity, &value, &unit, &limit, &window];
            catalogue::fill(said.key, language, &parts)
        };
        let text = Text {
            ko: fill(catalogue::Language::Ko, &quantity.ko),
            en: fill(catalogue::Language::En, &quantity.en),
        };
        Evidence {
            rule: match rule.clauses.len() {
                0 | 1 => rule.id.as_str().into(),
                _ => format!("{}/{}", rule.id, clause.id),
            },
            series: format!("{name}"),
            level: rule.level,
            value: turn.value,
            unit,
            measured_at: turn.at,
            text,
        }
    }

    /// Everything that holds in a track, worst first.
    pub(super) fn evidence_of(&self, subject: Subject) -> Vec<Evidence> {
        let (site, monitoring) = match subject {
            Subject::Main(site) => (site, false),
            Subject::Monitoring(site) => (site, true),
            Subject::System => return self.fault_evidence(),
        };
        let held = self.arguing(site, monitoring, View::Told, self.now, None).into_iter();
        let mut evidence: Vec<Evidence> = held
            .map(|at| {
                let (value, measured_at) = self.watches[at].state.decided();
                self.evidence(at, &Transition { held: true, at: measured_at, value })
            })
            .collect();
        if !monitoring {
            evidence.extend(self.reports_at(site, self.now).map(report_evidence));
        }
        evidence.sort_by(|a, b| b.level.cmp(&a.level).then_with(|| a.series.cmp(&b.series)));
        evidence
    }

    fn fault_evidence(&self) -> Vec<Evidence> {
        let active = self.faults.iter().filter(|(_, fault)| fault.from <= self.now);
        active
            .map(|(key, fault)| Evidence {
                rule: key.clone(),
                series: String::new(),
                level: Level::Caution,
                value: 0.0,
                unit: String::new(),
                measured_at: fault.from,
                text: fault.what.clone(),
            })
            .collect()
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

    /// A raise came from late data: officers hear of it, with its time; no level is made of the past.
    pub(super) fn late_detected(
        &mut self,
        at: usize,
        turn: Transition,
        now: Moment,
        out: &mut Vec<Action>,
    ) {
        let subject = self.subject_of(at);
        let (Subject::Main(site) | Subject::Monitoring(site)) = subject else { return };
        let monitoring = matches!(subject, Subject::Monitoring(_));
        if !self.arguing(site, monitoring, View::Told, now.at, Some(at)).contains(&at) {
            return; // its rule needs more than this, or it only speaks against one
        }
        let evidence = self.evidence(at, &turn);
        let why = self.finding_late(at, &turn);
        let delay = format!("{}", now.at.since(turn.at).as_secs() / 60);
        let what = Text {
            ko: catalogue::fill("what-late", catalogue::Language::Ko, &[&evidence.text.ko, &delay]),
            en: catalogue::fill("what-late", catalogue::Language::En, &[&evidence.text.en, &delay]),
        };
        let policy = self.policy_of(subject);
        let track = self.track_of(subject);
        let assessed = track.live.assessed();
        if track.live.level() == Level::Normal {
            track.live.assess(Level::Attention.max(assessed), &policy, now.at);
            track.live.assess(assessed, &policy, now.at);
            let (hazard, to, id) = (track.hazard, track.live.level(), self.site_id(subject));
            let reason = catalogue::text("policy-late", &[]);
            let from = Level::Normal;
            let evidence = alloc::vec![evidence];
            out.push(Action::Decide(Decision::Level {
                at: now.at,
                site: id,
                hazard,
                from,
                to,
                measured_at: turn.at,
                reason,
                evidence,
                why,
            }));
        }
        self.revise(subject, what, Some(Purpose::Alert), true, turn.at, now, out);
        self.wake_for_track(site, monitoring);
    }

    /// A raise that was told is not in the recorded history: said so, visibly.
    pub(super) fn tell_correction(&mut self, at: usize, now: Moment, out: &mut Vec<Action>) {
        let subject = self.subject_of(at);
        if self.track_of(subject).incident.is_none() {
            return;
        }
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
        self.revise(subject, what, Some(Purpose::Alert), false, measured_at, now, out);
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

    fn remind_subject(&mut self, subject: Subject, now: Moment, out: &mut Vec<Action>) {
        let track = self.track_of(subject);
        let due = track
            .incident
            .as_ref()
            .and_then(|incident| incident.remind_at)
            .is_some_and(|at| at <= now.at);
        if due {
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
            self.revise(subject, what, Some(Purpose::Reminder), false, now.at, now, out);
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

    pub(super) fn compose(
        &self,
        facts: &SiteFacts,
        record: &IncidentRecord,
        purpose: Purpose,
        message_type: MessageType,
        measured_at: Timestamp,
    ) -> Alert {
        let over = message_type == MessageType::Cancel;
        let level = if over { Level::Normal } else { record.level };
        Alert {
            incident: record.id.clone(),
            revision: record.revision,
            purpose,
            message_type,
            status: self.setup.status,
            level,
            site: facts.clone(),
            hazard: record.hazard,
            headline: headline(facts, record.hazard, record.level, over),
            description: description(record),
            instruction: self.instruction(facts, record.level, over),
            evidence: record.evidence.clone(),
            decided_at: record.at,
            measured_at,
            expires_at: record.at.plus(validity(level)),
            unrecorded: self.is_faulty(super::UNRECORDED),
            released: Released::Officers,
        }
    }

    pub(super) fn instruction(&self, facts: &SiteFacts, level: Level, over: bool) -> Text {
        let site = self.setup.registry.site(facts.id.as_str());
        match (over, level, site) {
            (true, _, _) => catalogue::text("instruction-over", &[]),
            (false, Level::Warning | Level::Severe, Some(site)) => {
                self.setup.registry.sites()[site.index()].instruction.clone()
            }
            (false, Level::Caution | Level::Warning | Level::Severe, _) => {
                catalogue::text("instruction-inspect", &[])
            }
            (false, Level::Normal | Level::Attention, _) => {
                catalogue::text("instruction-look", &[])
            }
        }
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

    /// Something is wrong that may mend itself before `from`.
    pub(super) fn pending_fault(&mut self, key: &str, what: Text, from: Timestamp) {
        self.faults.insert(key.into(), Fault { what, from, until: None });
        self.wake_system_by(from);
    }

    /// Makes the level of bongsu itself follow its faults; `news` is told even if the level stays.
    pub(super) fn judge_system(&mut self, news: Option<Text>, now: Moment, out: &mut Vec<Action>) {
        let active = self.faults.values().any(|fault| fault.from <= now.at);
        let level = if active { Level::Caution } else { Level::Normal };
        let rise = self.system.live.assess(level, &SYSTEM_POLICY, now.at);
        if let Some(Rise { before: from, latched }) = rise {
            let row = if latched { "policy-latched" } else { "policy-system" };
            self.level_moved(Subject::System, from, Assessment { level, row }, now.at, now, out);
        } else if let Some(what) = news.filter(|_| active) {
            self.revise(Subject::System, what, Some(Purpose::Alert), false, now.at, now, out);
        }
        self.wake_for_system();
    }

    /// Does everything that is due about bongsu itself.
    pub(super) fn wake_system(&mut self, now: Moment, out: &mut Vec<Action>) {
        self.faults.retain(|_, fault| fault.until.is_none_or(|until| until > now.at));
        let fresh =
            self.faults.values().find(|fault| fault.from == now.at).map(|fault| fault.what.clone());
        self.judge_system(fresh, now, out);
        if let Some(from) = self.system.live.step_down(&SYSTEM_POLICY, now.at) {
            let assessment =
                Assessment { level: self.system.live.level(), row: "policy-step-down" };
            self.level_moved(Subject::System, from, assessment, now.at, now, out);
        }
        self.remind_subject(Subject::System, now, out);
        self.ladder_due(Subject::System, now, out);
        self.close_due(Subject::System, now, out);
        self.wake_for_system();
    }

    fn wake_for_system(&mut self) {
        let faults =
            self.faults.values().flat_map(|fault| [Some(fault.from), fault.until]).flatten();
        let due = faults
            .chain(self.system.live.due_at(&SYSTEM_POLICY))
            .chain(self.system.incidents().filter_map(Incident::due_at))
            .filter(|at| *at > self.now)
            .min();
        if let Some(due) = due {
            self.wake_system_by(due);
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

fn system_site() -> SiteId {
    SiteId::new(SYSTEM_SITE).unwrap_or_else(|_| unreachable!("the constant is an identifier"))
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

pub(super) fn headline(facts: &SiteFacts, hazard: Hazard, level: Level, over: bool) -> Text {
    let hazard = match hazard {
        Hazard::SlopeFailure => catalogue::text("headline-slope-failure", &[]),
        Hazard::StructuralDamage => catalogue::text("headline-structural-damage", &[]),
        Hazard::Monitoring => catalogue::text("hazard-monitoring", &[]),
    };
    let say = |language, name: &str, hazard: &str| {
        let word = if over {
            catalogue::message("word-over", language)
        } else {
            catalogue::level(level, language)
        };
        catalogue::fill("headline", language, &[word, name, hazard])
    };
    Text {
        ko: say(catalogue::Language::Ko, &facts.name.ko, &hazard.ko),
        en: say(catalogue::Language::En, &facts.name.en, &hazard.en),
    }
}

fn description(record: &IncidentRecord) -> Text {
    let mut text = record.what.clone();
    for evidence in record.evidence.iter().take(5) {
        text.ko.push_str("\n- ");
        text.ko.push_str(&evidence.text.ko);
        text.en.push_str("\n- ");
        text.en.push_str(&evidence.text.en);
    }
    text
}

/// How long a message is to be believed (CAP 1.2 `expires`).
fn validity(level: Level) -> Duration {
    match level {
        Level::Severe => Duration::from_secs(2 * 3_600),
        Level::Warning => Duration::from_secs(6 * 3_600),
        Level::Caution | Level::Attention => Duration::from_secs(24 * 3_600),
        Level::Normal => Duration::from_secs(3_600),
    }
}

/// When those who were told are told again: before the message before runs out.
fn remind_after(policy: &Policy, level: Level) -> Option<Duration> {
    match level {
        Level::Normal | Level::Attention => None,
        Level::Caution | Level::Warning => Some(validity(level) / 2),
        Level::Severe => Some(policy.remind_severe.min(validity(level) / 2)),
    }
}

/// A number as people read it: four significant decimals below one, fewer above.
fn number(value: f64) -> String {
    match value.abs() {
        none if !none.is_finite() => String::from("–"),
        large if large >= 100.0 => format!("{value:.1}"),
        middle if middle >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}

fn span(window: Duration) -> String {
    let minutes = window.as_secs() / 60;
    if minutes.is_multiple_of(60) {
        format!("{} h", minutes / 60)
    } else {
        format!("{minutes} min")
    }
}
