//! What people order: acknowledge, approve, reject, stand down, note, close. Each is answered with a decision.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use reading::id::GroupId;
use reading::registry::Text;
use serde::{Deserialize, Serialize};

use super::asking::decided;
use super::site::Event;
use super::{COMMANDS_REMEMBERED, Engine, Moment, Subject};
use crate::alert::{IncidentId, Purpose};
use crate::approval::{Bound, ChannelGroup, PublicText, Released, Signature};
use crate::catalogue;
use crate::decision::{Action, Decision, Verdict};
use crate::delivery::DeliveryKey;
use crate::incident::Incident;
use crate::life::{Refusal, Step};

/// What is ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verb {
    /// Somebody has seen it and is on it.
    Acknowledge,
    /// 해제: lower 심각 by hand, one level; the way down goes on from there.
    StandDown,
    /// 발령 승인: let the public hear.
    Approve,
    /// The public is not to hear this.
    Reject,
    /// Something worth remembering.
    Note,
    /// Put away what is all clear.
    Close,
    /// Say what became of a delivery in doubt.
    Settle,
}

impl Verb {
    /// Every order.
    pub const ALL: [Self; 7] = [
        Self::Acknowledge,
        Self::StandDown,
        Self::Approve,
        Self::Reject,
        Self::Note,
        Self::Close,
        Self::Settle,
    ];

    /// Its name on the command line, in paths and in the journal.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Acknowledge => "acknowledge",
            Self::StandDown => "stand-down",
            Self::Approve => "approve",
            Self::Reject => "reject",
            Self::Note => "note",
            Self::Close => "close",
            Self::Settle => "settle",
        }
    }

    /// Whether it has to say why.
    pub const fn needs_reason(self) -> bool {
        matches!(self, Self::StandDown | Self::Reject | Self::Note | Self::Settle)
    }
}

/// An order about an incident, as journaled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Command {
    /// Names this order, so that a repeated request is carried out once.
    pub id: String,
    /// What.
    pub verb: Verb,
    /// About which incident.
    pub incident: IncidentId,
    /// Who, by user id.
    pub by: String,
    /// Why.
    pub reason: String,
    /// From where: the door it came through, and the address.
    #[serde(default)]
    pub from: String,
    /// For which group of channels an approval is; all that are asked about if none.
    #[serde(default)]
    pub group: Option<GroupId>,
    /// What the approver saw: if something else is asked by now, the answer does not count.
    #[serde(default)]
    pub bound: Option<Bound>,
    /// The words an approver puts in place of ours.
    #[serde(default)]
    pub text: Option<PublicText>,
    /// What became of a delivery in doubt.
    #[serde(default)]
    pub settled: Option<Settled>,
}

/// A person's word on a delivery that nobody else can tell of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settled {
    /// Which.
    pub delivery: DeliveryKey,
    /// Whether it arrived. If not, it is tried again.
    pub delivered: bool,
    /// The attempt they know of, counted from 1; `None` if they speak of the delivery as it stands. That an attempt
    /// arrived settles the delivery, whatever was tried since; that it did not says nothing of a later one.
    #[serde(default)]
    pub attempt: Option<u32>,
}

impl Command {
    /// An order without an answer to a question.
    pub fn new(id: &str, verb: Verb, incident: IncidentId, by: &str, reason: &str) -> Self {
        Self {
            id: id.into(),
            verb,
            incident,
            by: by.into(),
            reason: reason.into(),
            from: String::new(),
            group: None,
            bound: None,
            text: None,
            settled: None,
        }
    }

    fn signature(&self, now: Moment) -> Signature {
        Signature { by: self.by.clone(), at: now.at, from: self.from.clone() }
    }
}

impl Engine {
    /// Carries out an order, and says in a decision whether and why.
    pub fn obey(&mut self, command: &Command, now: Moment, out: &mut Vec<Action>) {
        if !self.is_new_order(&command.id) {
            return;
        }
        let before = out.len();
        let result = match self.incident_at(&command.incident) {
            _ if command.verb == Verb::Settle => self.settle_by_hand(command, now, out),
            None => Err(catalogue::text("command-no-incident", &[])),
            Some((subject, over)) => {
                let result = self.carry_out(subject, over, command, now, out);
                self.wake_subject(subject);
                result
            }
        };
        let (accepted, reason) = match result {
            Ok(reason) => (true, reason),
            Err(reason) => (false, reason),
        };
        let decision = Decision::Command {
            at: now.at,
            command: command.verb.name().into(),
            incident: Some(command.incident.clone()),
            by: command.by.clone(),
            from: command.from.clone(),
            given: command.reason.clone(),
            accepted,
            reason,
        };
        out.insert(before, Action::Decide(decision));
    }

    /// Notes the id of an order. Whether it has not been given before.
    pub(super) fn is_new_order(&mut self, id: &str) -> bool {
        if self.commands.iter().any(|known| known == id) {
            return false;
        }
        self.commands.push_back(id.into());
        if self.commands.len() > COMMANDS_REMEMBERED {
            self.commands.pop_front();
        }
        true
    }

    fn carry_out(
        &mut self,
        subject: Subject,
        over: bool,
        command: &Command,
        now: Moment,
        out: &mut Vec<Action>,
    ) -> Result<Text, Text> {
        if command.verb.needs_reason() && command.reason.trim().is_empty() {
            return Err(catalogue::text("command-needs-reason", &[]));
        }
        if command.verb == Verb::StandDown {
            return self.stand_down(subject, over, now, out);
        }
        let Some(mut incident) = self.take_incident(subject, over) else {
            return Err(catalogue::text("command-no-incident", &[]));
        };
        let taken = match command.verb {
            Verb::Acknowledge => acknowledge(&mut incident, command),
            Verb::Approve | Verb::Reject => {
                let answered = self.answer(&mut incident, command, now, out);
                if answered.is_ok() && incident.life.take(&Step::Acknowledge).is_ok() {
                    incident.acknowledged_by = Some(command.by.clone()); // whoever answers has seen it
                }
                answered
            }
            Verb::Note => plain(&mut incident, &Step::Revise, "what-note", command),
            Verb::Close => plain(&mut incident, &Step::Close, "what-closed", command),
            Verb::StandDown => Err(catalogue::text("command-not-severe", &[])),
            Verb::Settle => Err(catalogue::text("command-not-in-doubt", &[])),
        };
        match taken {
            Ok(what) => {
                let tells = matches!(command.verb, Verb::Approve | Verb::Reject);
                let purpose = tells.then_some(Purpose::Alert);
                self.carry_on(subject, incident, what.clone(), purpose, &[], now, out);
                if let (Verb::Close, Subject::Main(site)) = (command.verb, subject) {
                    self.accept(site);
                }
                Ok(what)
            }
            Err(why) => {
                self.put_incident(subject, incident);
                Err(why)
            }
        }
    }

    /// Where an incident is: its track, and whether it is all clear.
    fn incident_at(&self, incident: &IncidentId) -> Option<(Subject, bool)> {
        let is = |track: &super::Track| {
            let is = |open: &Option<Incident>| open.as_ref().is_some_and(|i| i.id == *incident);
            is(&track.incident).then_some(false).or(is(&track.cleared).then_some(true))
        };
        let system = is(&self.system).map(|over| (Subject::System, over));
        let mut sites = self.sites.iter().enumerate();
        system.or_else(|| {
            sites.find_map(|(at, site)| {
                let main = is(&site.main).map(|over| (Subject::Main(at), over));
                main.or_else(|| is(&site.monitoring).map(|over| (Subject::Monitoring(at), over)))
            })
        })
    }

    fn wake_subject(&mut self, subject: Subject) {
        match subject {
            Subject::Main(site) => self.wake_for_track(site, false),
            Subject::Monitoring(site) => self.wake_for_track(site, true),
            Subject::System => {}
        }
    }

    /// Approves or rejects for the group that was named, or for every group that asks.
    fn answer(
        &self,
        incident: &mut Incident,
        command: &Command,
        now: Moment,
        out: &mut Vec<Action>,
    ) -> Result<Text, Text> {
        let asking = self.setup.groups.iter().any(|group| incident.life.is_asking(&group.id));
        let wanted = |group: &&ChannelGroup| match &command.group {
            Some(named) => group.id == *named,
            None if asking => incident.life.is_asking(&group.id),
            None => command.verb == Verb::Approve && rejected(incident, &group.id),
        };
        let groups: Vec<ChannelGroup> = self.setup.groups.iter().filter(wanted).cloned().collect();
        if groups.is_empty() {
            return Err(refusal(Refusal::NothingAsked));
        }
        let mut done = Err(refusal(Refusal::NothingAsked));
        let mut left = incident.clone();
        let mut verdicts = Vec::new();
        for group in &groups {
            done = match command.verb {
                Verb::Reject => reject(&mut left, group, command, now, &mut verdicts),
                _ => approve(&mut left, group, command, now, &mut verdicts),
            };
            done.as_ref().map_err(Text::clone)?; // all of what was meant, or nothing
        }
        *incident = left;
        out.append(&mut verdicts);
        done
    }

    fn stand_down(
        &mut self,
        subject: Subject,
        over: bool,
        now: Moment,
        out: &mut Vec<Action>,
    ) -> Result<Text, Text> {
        if over {
            return Err(refusal(Refusal::Over));
        }
        let Subject::Main(site) = subject else {
            return Err(catalogue::text("command-not-severe", &[]));
        };
        let track = self.track_of(subject);
        let (level, assessed) = (track.live.level(), track.live.assessed());
        let Some(before) = track.live.stand_down(now.at) else {
            let still = level == crate::Level::Severe && assessed == level;
            let key = if still { "command-still-severe" } else { "command-not-severe" };
            return Err(catalogue::text(key, &[]));
        };
        if let Some(incident) = &mut self.sites[site].main.incident {
            incident.life.take(&Step::StandDown).map_err(refusal)?;
        }
        self.sites[site].later(now.at, Event::StandDown);
        self.came_down(site, false, before, "policy-stood-down", now, out);
        Ok(catalogue::text("policy-stood-down", &[]))
    }
}

fn rejected(incident: &Incident, group: &GroupId) -> bool {
    incident.approvals.get(group).is_some_and(|approval| approval.rejected.is_some())
}

/// Why an order leads nowhere, in words.
fn refusal(refusal: Refusal) -> Text {
    let key = match refusal {
        Refusal::Closed => "command-no-incident",
        Refusal::Over => "command-over",
        Refusal::NotOver => "command-not-over",
        Refusal::AlreadyAcknowledged => "command-already-acknowledged",
        Refusal::NothingAsked => "command-nothing-asked",
        Refusal::AlreadyReleased => "command-already-released",
    };
    catalogue::text(key, &[""])
}

fn acknowledge(incident: &mut Incident, command: &Command) -> Result<Text, Text> {
    match incident.life.take(&Step::Acknowledge) {
        Ok(()) => {}
        Err(Refusal::AlreadyAcknowledged) => {
            let by = incident.acknowledged_by.as_deref().unwrap_or_default();
            return Err(catalogue::text("command-already-acknowledged", &[by]));
        }
        Err(other) => return Err(refusal(other)),
    }
    incident.acknowledged_by = Some(command.by.clone());
    Ok(catalogue::text("what-acknowledged", &[&command.by, &command.reason]))
}

fn plain(
    incident: &mut Incident,
    step: &Step,
    key: &'static str,
    command: &Command,
) -> Result<Text, Text> {
    incident.life.take(step).map_err(refusal)?;
    Ok(catalogue::text(key, &[&command.by, &command.reason]))
}

/// One person lets a group hear what is asked about, in these words or in others.
fn approve(
    incident: &mut Incident,
    group: &ChannelGroup,
    command: &Command,
    now: Moment,
    out: &mut Vec<Action>,
) -> Result<Text, Text> {
    let approval = incident.approvals.get_mut(&group.id);
    let approval = approval.ok_or_else(|| refusal(Refusal::NothingAsked))?;
    if let Some((bound, text, ..)) = approval.rejected.clone() {
        seen(command, &bound)?;
        approval.ask_anew(group, bound, text, now.at); // whoever rejected it may be overruled
        incident.life.take(&Step::Ask(group.id.clone(), group.persons)).map_err(refusal)?;
    }
    let Some(asked) = &mut approval.asked else {
        let released = incident.life.is_released(&group.id);
        let why = if released { Refusal::AlreadyReleased } else { Refusal::NothingAsked };
        return Err(refusal(why));
    };
    seen(command, &asked.bound)?;
    if let Some(text) = command.text.as_ref().filter(|text| **text != asked.text) {
        let level = asked.bound.level;
        if let Some(complaint) = text.complaints(level).pop() {
            return Err(complaint);
        }
        asked.bound = Bound::new(level, text);
        asked.text = text.clone();
        asked.agreed.clear();
        approval.edited = Some((level, text.clone()));
        incident.life.take(&Step::Ask(group.id.clone(), group.persons)).map_err(refusal)?;
    }
    if asked.agreed.iter().any(|one| one.by == command.by) {
        return Err(catalogue::text("command-same-person", &[]));
    }
    incident.life.take(&Step::Agree(group.id.clone())).map_err(refusal)?;
    asked.agreed.push(command.signature(now));
    let (bound, by) = (asked.bound.clone(), command.by.clone());
    if !incident.life.is_released(&group.id) {
        out.push(decided(incident, group, bound, Verdict::Agreed, [&by], now));
        return Ok(catalogue::text("what-agreed", &[&by, group.id.as_str()]));
    }
    let persons: Vec<String> = asked.agreed.iter().map(|one| one.by.clone()).collect();
    let names = persons.join(", ");
    approval.asked = None;
    approval.given = Some((bound.clone(), Released::Persons { persons }));
    out.push(decided(incident, group, bound, Verdict::Released, [&names], now));
    Ok(catalogue::text("what-approved", &[&names, group.id.as_str(), &command.reason]))
}

/// A person says that a group is not to hear what is asked about.
fn reject(
    incident: &mut Incident,
    group: &ChannelGroup,
    command: &Command,
    now: Moment,
    out: &mut Vec<Action>,
) -> Result<Text, Text> {
    if let Some(asked) = incident.approvals.get(&group.id).and_then(|one| one.asked.as_ref()) {
        seen(command, &asked.bound)?;
    }
    incident.life.take(&Step::Reject(group.id.clone())).map_err(refusal)?;
    let approval = incident.approvals.entry(group.id.clone()).or_default();
    let Some(asked) = approval.asked.take() else {
        return Err(refusal(Refusal::NothingAsked));
    };
    let reason = command.reason.trim().to_string();
    let bound = asked.bound.clone();
    approval.rejected = Some((asked.bound, asked.text, command.signature(now), reason));
    out.push(decided(incident, group, bound, Verdict::Rejected, [&command.by], now));
    Ok(catalogue::text("what-rejected", &[&command.by, group.id.as_str(), &command.reason]))
}

/// Whether what is asked is what the approver saw.
fn seen(command: &Command, asked: &Bound) -> Result<(), Text> {
    match &command.bound {
        Some(bound) if bound != asked => Err(catalogue::text("command-other-text", &[])),
        Some(_) | None => Ok(()),
    }
}
