//! The life of an incident: how the level of its hazard moves, and through which stages people take it.
//!
//! Two machines, and nothing else decides either. [`Machine`] moves the level: up at once, down one level after its
//! dwell, from 심각 by hand, and not at all while it flaps. [`Life`] says what people may do: every [`Step`] in every
//! state either leads on or is a named [`Refusal`]. The diagram is docs/incident-life.md; tests walk every state and
//! hold the diagram against what they find.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;

use reading::Timestamp;
use reading::id::GroupId;
use serde::{Deserialize, Serialize};

use crate::decision::IncidentState;
use crate::level::Level;
use crate::setup::Policy;

/// How many moves of a level are remembered, so that a latch can be told from a storm that builds up.
const MOVES_MAX: usize = 32;

/// The level of a site for one hazard as it moves: up at once, down one level at a time after its dwell, and
/// from 심각 only by hand.
///
/// The dwell runs while the evidence is below the level and fresh; it pauses while what raised it is silent,
/// because no data is never safety. A level that has come back too often within a window is latched at the highest
/// it has had there, until the evidence has been quiet for as long as the window.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    level: Level,
    assessed: Level,
    paused: bool,
    /// How much of the dwell has run, and since when it runs again.
    ran: Duration,
    running_since: Option<Timestamp>,
    /// What a rule that argued for the level asks for beyond the site's dwell.
    dwell: Option<Duration>,
    /// When it moved lately, from where and to where.
    moves: Vec<(Timestamp, Level, Level)>,
    latched: bool,
}

/// A level went up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rise {
    /// The level before.
    pub before: Level,
    /// From now on it is latched: said once.
    pub latched: bool,
}

impl Machine {
    /// The level.
    pub fn level(&self) -> Level {
        self.level
    }

    /// What the evidence argues for at present.
    pub fn assessed(&self) -> Level {
        self.assessed
    }

    /// Whether it came back too often and stays where it is.
    pub fn is_latched(&self) -> bool {
        self.latched
    }

    /// The evidence now argues for `assessed`. Says so if the level went up.
    pub fn assess(&mut self, assessed: Level, policy: &Policy, now: Timestamp) -> Option<Rise> {
        self.assessed = assessed;
        if assessed > self.level {
            return Some(self.rise(policy, now));
        }
        if assessed == self.level {
            self.stop();
        } else {
            self.run(now);
        }
        None
    }

    /// A rule that argues for the level as it is asks for this dwell; the longest asked for counts.
    pub fn keep(&mut self, dwell: Option<Duration>) {
        self.dwell = self.dwell.max(dwell);
    }

    fn rise(&mut self, policy: &Policy, now: Timestamp) -> Rise {
        let before = core::mem::replace(&mut self.level, self.assessed);
        self.dwell = None;
        self.note(before, policy, now);
        let latched = !self.latched && self.returns() >= usize::from(policy.flap_count.max(1));
        if latched {
            self.latched = true;
        }
        if self.latched {
            let highest = self.moves.iter().map(|(_, from, to)| *from.max(to)).max();
            self.level = self.level.max(highest.unwrap_or_default());
        }
        self.stop();
        if self.assessed < self.level {
            self.run(now);
        }
        Rise { before, latched }
    }

    /// How often it rose after it had come down, within the window.
    fn returns(&self) -> usize {
        self.moves.windows(2).filter(|pair| pair[0].2 < pair[0].1 && pair[1].2 > pair[1].1).count()
    }

    fn note(&mut self, from: Level, policy: &Policy, now: Timestamp) {
        self.moves.retain(|(at, _, _)| now.since(*at) <= policy.flap_window);
        if self.moves.len() >= MOVES_MAX {
            self.moves.remove(0);
        }
        self.moves.push((now, from, self.level));
    }

    /// Pauses the dwell while what raised the level is silent, or lets it run on.
    pub fn pause(&mut self, paused: bool, now: Timestamp) {
        if paused && let Some(since) = self.running_since.take() {
            self.ran += now.since(since);
        }
        self.paused = paused;
        if !paused && self.assessed < self.level {
            self.run(now);
        }
    }

    /// Whether the way down is paused.
    pub fn is_paused(&self) -> bool {
        self.paused
    }

    /// Whether the dwell runs.
    pub fn is_running(&self) -> bool {
        self.running_since.is_some()
    }

    /// When the next step down is due.
    pub fn due_at(&self, policy: &Policy) -> Option<Timestamp> {
        let since = self.running_since?;
        let usual = dwell(policy, self.level)?;
        let dwell = self.dwell.unwrap_or(usual);
        let dwell = if self.latched { dwell.max(policy.flap_window) } else { dwell };
        Some(since.plus(dwell.saturating_sub(self.ran)))
    }

    /// Takes the step down if it is due. Returns the level before. A latch ends with it: it was quiet for long enough.
    pub fn step_down(&mut self, policy: &Policy, now: Timestamp) -> Option<Level> {
        if self.due_at(policy)? > now {
            return None;
        }
        if core::mem::take(&mut self.latched) {
            self.moves.clear();
        }
        let before = self.lower(now);
        self.note(before, policy, now);
        Some(before)
    }

    /// An officer lowers 심각 by hand. Returns the level before, or `None` if it is not 심각 or the evidence for
    /// it still holds. What went before is no flapping: a person has looked.
    pub fn stand_down(&mut self, now: Timestamp) -> Option<Level> {
        if self.level != Level::Severe || self.assessed >= Level::Severe {
            return None;
        }
        self.moves.clear();
        self.latched = false;
        Some(self.lower(now))
    }

    fn lower(&mut self, now: Timestamp) -> Level {
        let before = self.level;
        self.level = before.milder();
        self.dwell = None;
        self.stop();
        if self.assessed < self.level {
            self.run(now);
        }
        before
    }

    fn run(&mut self, now: Timestamp) {
        if !self.paused && self.running_since.is_none() {
            self.running_since = Some(now);
        }
    }

    fn stop(&mut self) {
        self.running_since = None;
        self.ran = Duration::ZERO;
    }
}

fn dwell(policy: &Policy, level: Level) -> Option<Duration> {
    match level {
        Level::Normal | Level::Severe => None,
        Level::Attention => Some(policy.dwell_attention),
        Level::Caution => Some(policy.dwell_caution),
        Level::Warning => Some(policy.dwell_warning),
    }
}

/// What may be done in the life of an incident.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Evidence came or went, the level moved down, somebody wrote a note.
    Revise,
    /// The level went up: what an officer stood down is on again, and nobody has seen it at this level.
    Raise,
    /// Somebody has seen it and is on it.
    Acknowledge,
    /// 해제: 심각 lowered by hand.
    StandDown,
    /// A group needs so many persons before it may hear a text.
    Ask(GroupId, u8),
    /// One person lets a group hear it.
    Agree(GroupId),
    /// The written rule lets a group hear it.
    Release(GroupId),
    /// A person says that a group is not to hear it.
    Reject(GroupId),
    /// There is nothing to ask a group about any more.
    Withdraw(GroupId),
    /// The level is normal again.
    AllClear,
    /// It is put away.
    Close,
}

/// Why a step does not lead on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refusal {
    /// It is put away, nothing is done about it any more.
    Closed,
    /// The danger is over.
    Over,
    /// The danger is not over.
    NotOver,
    /// Somebody was there before.
    AlreadyAcknowledged,
    /// The group was not asked about anything.
    NothingAsked,
    /// The group has its answer.
    AlreadyReleased,
}

/// What a group was told it may hear.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Answer {
    Asked { agreed: u8, needed: u8 },
    Released,
    Rejected { needed: u8 },
}

/// Where people have taken an incident.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Life {
    acknowledged: bool,
    stood_down: bool,
    over: bool,
    closed: bool,
    answers: BTreeMap<GroupId, Answer>,
}

impl Life {
    /// The one word for where it stands: what matters most to whoever looks.
    pub fn state(&self) -> IncidentState {
        let any = |wanted: fn(&Answer) -> bool| self.answers.values().any(wanted);
        if self.closed {
            IncidentState::Closed
        } else if self.over {
            IncidentState::AllClear
        } else if any(|answer| matches!(answer, Answer::Asked { .. })) {
            IncidentState::AwaitingApproval
        } else if any(|answer| matches!(answer, Answer::Rejected { .. })) {
            IncidentState::Rejected
        } else if self.stood_down {
            IncidentState::StoodDown
        } else if any(|answer| *answer == Answer::Released) {
            IncidentState::Approved
        } else if self.acknowledged {
            IncidentState::Acknowledged
        } else {
            IncidentState::Open
        }
    }

    /// Whether somebody has seen it.
    pub fn is_acknowledged(&self) -> bool {
        self.acknowledged
    }

    /// Whether a group waits for an answer.
    pub fn is_asking(&self, group: &GroupId) -> bool {
        matches!(self.answers.get(group), Some(Answer::Asked { .. }))
    }

    /// Whether a group may hear what it was last asked about.
    pub fn is_released(&self, group: &GroupId) -> bool {
        self.answers.get(group) == Some(&Answer::Released)
    }

    /// Takes a step, or says why not; then nothing has changed.
    ///
    /// # Errors
    /// The [`Refusal`].
    pub fn take(&mut self, step: &Step) -> Result<(), Refusal> {
        if self.closed {
            return Err(Refusal::Closed);
        }
        match step {
            Step::Revise => {}
            Step::Raise if self.over => return Err(Refusal::Over),
            Step::Raise => (self.stood_down, self.acknowledged) = (false, false),
            Step::Acknowledge if self.over => return Err(Refusal::Over),
            Step::Acknowledge if self.acknowledged => return Err(Refusal::AlreadyAcknowledged),
            Step::Acknowledge => self.acknowledged = true,
            Step::StandDown if self.over => return Err(Refusal::Over),
            Step::StandDown => self.stood_down = true,
            Step::AllClear if self.over => return Err(Refusal::Over),
            Step::AllClear => self.over = true,
            Step::Close if !self.over => return Err(Refusal::NotOver),
            Step::Close => {
                self.answers.retain(|_, answer| !matches!(answer, Answer::Asked { .. }));
                self.closed = true;
            }
            Step::Ask(group, needed) => {
                let asked = Answer::Asked { agreed: 0, needed: (*needed).max(1) };
                self.answers.insert(group.clone(), asked);
            }
            Step::Agree(group) => self.agree(group)?,
            Step::Release(group) => {
                *self.asked(group)? = Answer::Released;
            }
            Step::Reject(group) => {
                let answer = self.asked(group)?;
                if let Answer::Asked { needed, .. } = *answer {
                    *answer = Answer::Rejected { needed };
                }
            }
            Step::Withdraw(group) => {
                if !matches!(self.answers.get(group), Some(Answer::Rejected { .. })) {
                    self.asked(group)?;
                }
                self.answers.remove(group);
            }
        }
        Ok(())
    }

    /// The answer of a group that waits for one.
    fn asked(&mut self, group: &GroupId) -> Result<&mut Answer, Refusal> {
        match self.answers.get_mut(group) {
            Some(answer @ Answer::Asked { .. }) => Ok(answer),
            Some(Answer::Released) => Err(Refusal::AlreadyReleased),
            Some(Answer::Rejected { .. }) | None => Err(Refusal::NothingAsked),
        }
    }

    /// One more agrees; whoever rejected before may have changed their mind, then it begins anew.
    fn agree(&mut self, group: &GroupId) -> Result<(), Refusal> {
        let answer = self.answers.get_mut(group).ok_or(Refusal::NothingAsked)?;
        let (agreed, needed) = match *answer {
            Answer::Asked { agreed, needed } => (agreed + 1, needed),
            Answer::Rejected { needed } => (1, needed),
            Answer::Released => return Err(Refusal::AlreadyReleased),
        };
        *answer =
            if agreed >= needed { Answer::Released } else { Answer::Asked { agreed, needed } };
        Ok(())
    }
}

#[cfg(test)]
mod tests;
