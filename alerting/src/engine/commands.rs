//! What people order: acknowledge, stand down. Each is answered with a decision.

use alloc::string::String;
use alloc::vec::Vec;

use reading::registry::Text;
use serde::{Deserialize, Serialize};

use super::site::Event;
use super::{COMMANDS_REMEMBERED, Engine, Moment, Subject};
use crate::alert::IncidentId;
use crate::catalogue;
use crate::decision::{Action, Decision};

/// What is ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verb {
    /// Somebody has seen it and is on it.
    Acknowledge,
    /// 해제: lower 심각 by hand, one level; the way down goes on from there.
    StandDown,
}

impl Verb {
    /// Its name on the command line, in paths and in the journal.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Acknowledge => "acknowledge",
            Self::StandDown => "stand-down",
        }
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
}

impl Engine {
    /// Carries out an order, and says in a decision whether and why.
    pub fn obey(&mut self, command: &Command, now: Moment, out: &mut Vec<Action>) {
        if self.commands.contains(&command.id) {
            return;
        }
        self.commands.push_back(command.id.clone());
        if self.commands.len() > COMMANDS_REMEMBERED {
            self.commands.pop_front();
        }
        let before = out.len();
        let result = match self.subject_with(&command.incident) {
            None => Err(catalogue::text("command-no-incident", &[])),
            Some(subject) => match command.verb {
                Verb::Acknowledge => self.acknowledge(subject, command, now, out),
                Verb::StandDown => self.stand_down(subject, now, out),
            },
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
            accepted,
            reason,
        };
        out.insert(before, Action::Decide(decision));
    }

    fn subject_with(&self, incident: &IncidentId) -> Option<Subject> {
        let is =
            |track: &super::Track| track.incident.as_ref().is_some_and(|open| open.id == *incident);
        if is(&self.system) {
            return Some(Subject::System);
        }
        self.sites.iter().enumerate().find_map(|(at, site)| {
            if is(&site.main) {
                Some(Subject::Main(at))
            } else {
                is(&site.monitoring).then_some(Subject::Monitoring(at))
            }
        })
    }

    fn acknowledge(
        &mut self,
        subject: Subject,
        command: &Command,
        now: Moment,
        out: &mut Vec<Action>,
    ) -> Result<Text, Text> {
        let Some(incident) = self.track_of(subject).incident.as_mut() else {
            return Err(catalogue::text("command-no-incident", &[]));
        };
        if let Some(by) = &incident.acknowledged_by {
            return Err(catalogue::text("command-already-acknowledged", &[by]));
        }
        incident.acknowledged_by = Some(command.by.clone());
        let what = catalogue::text("what-acknowledged", &[&command.by, &command.reason]);
        self.revise(subject, what.clone(), None, false, now.at, now, out);
        Ok(what)
    }

    fn stand_down(
        &mut self,
        subject: Subject,
        now: Moment,
        out: &mut Vec<Action>,
    ) -> Result<Text, Text> {
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
        self.sites[site].later(now.at, Event::StandDown);
        self.came_down(site, false, before, "policy-stood-down", now, out);
        Ok(catalogue::text("policy-stood-down", &[]))
    }
}
