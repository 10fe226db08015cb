//! Who may let the public hear, by when, and what if nobody answers (G10).
//!
//! Channels that the public hears stand in groups, and each group says how it is released: by itself under a written
//! rule, after a while without an answer under a written rule, or by persons alone. An approval binds incident,
//! group, level and text ([`Bound`]): a later revision that says the same goes out under it, anything else asks again.
//!
//! The countdown of a group starts when an approver was reached, or when the first attempt to reach each of them
//! has ended, whatever came of it, or there was none until it was too late. After downtime it is asked again and runs for at least [`AGAIN_MIN`].

mod words;
mod view;

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use reading::Timestamp;
use reading::id::{ChannelId, GroupId};
use serde::{Deserialize, Serialize};

use crate::delivery::DeliveryKey;
use crate::level::Level;
use crate::rule::Provenance;
pub use view::{ApprovalState, ApprovalView};
pub use words::PublicText;

/// After downtime people have at least this long to answer again.
pub const AGAIN_MIN: Duration = Duration::from_secs(60);

/// Channels that are released together, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelGroup {
    /// Its name.
    pub id: GroupId,
    /// What lets it hear.
    pub release: Release,
    /// How many persons have to agree.
    pub persons: u8,
    /// How often those who may approve are asked again while nobody answers.
    pub remind: Duration,
    /// On which channels they are asked; empty means all that officers hear.
    pub ask: Vec<ChannelId>,
}

/// What lets a group hear.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Release {
    /// A written rule, at once.
    Automatic {
        /// The rule.
        rule: Provenance,
    },
    /// A written rule, unless somebody answers before.
    After {
        /// How long people have to answer.
        wait: Duration,
        /// The rule.
        rule: Provenance,
    },
    /// Persons alone.
    Required,
}

/// What an answer is about: this level in these words, of one incident and one group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bound {
    /// The level that is told; normal when it is told that it is over.
    pub level: Level,
    /// [`PublicText::hash`].
    pub hash: String,
}

impl Bound {
    /// What is asked by this text at this level.
    pub fn new(level: Level, text: &PublicText) -> Self {
        Self { level, hash: text.hash() }
    }
}

/// Somebody did something: who, when, from where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// Who, by user id.
    pub by: String,
    /// When (`at`).
    pub at: Timestamp,
    /// From where: the door and the address.
    pub from: String,
}

/// Who let a message out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Released {
    /// It is for officers, who always hear.
    #[default]
    Officers,
    /// A written rule.
    Rule {
        /// Who wrote it.
        author: String,
        /// When.
        date: String,
        /// Why.
        reason: String,
    },
    /// Persons.
    Persons {
        /// By user id, in the order they agreed.
        persons: Vec<String>,
    },
}

impl Released {
    /// By this rule.
    pub fn rule(rule: &Provenance) -> Self {
        Self::Rule {
            author: rule.author.clone(),
            date: rule.date.clone(),
            reason: rule.reason.clone(),
        }
    }
}

/// How long until the written rule answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Countdown {
    /// It never does.
    Never,
    /// Nobody has been reached yet; this long from then on.
    Waiting(Duration),
    /// At this moment (`at`).
    Until(Timestamp),
}

/// A question that waits for an answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Asked {
    /// About what.
    pub bound: Bound,
    /// The words themselves.
    pub text: PublicText,
    /// When it was asked first (`at`).
    pub at: Timestamp,
    /// When it is asked again.
    pub again_at: Option<Timestamp>,
    /// When the written rule answers.
    pub countdown: Countdown,
    /// Who has agreed so far.
    pub agreed: Vec<Signature>,
    /// Whom nobody has tried to reach yet.
    pub untried: BTreeSet<DeliveryKey>,
    /// How often it was asked.
    pub times: u32,
}

/// What one group of one incident was asked and told.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Approval {
    /// What is asked now.
    pub asked: Option<Asked>,
    /// What may be heard, and who said so.
    pub given: Option<(Bound, Released)>,
    /// What must not be heard, who said so and why.
    pub rejected: Option<(Bound, PublicText, Signature, String)>,
    /// The words an approver put in place of ours, for one level.
    pub edited: Option<(Level, PublicText)>,
}

impl Approval {
    /// Asks about a text.
    pub fn ask(&mut self, group: &ChannelGroup, bound: Bound, text: PublicText, now: Timestamp) {
        let countdown = match &group.release {
            Release::Automatic { .. } | Release::Required => Countdown::Never,
            Release::After { wait, .. } => Countdown::Waiting(*wait),
        };
        self.rejected = None;
        self.asked = Some(Asked {
            bound,
            text,
            at: now,
            again_at: None,
            countdown,
            agreed: Vec::new(),
            untried: BTreeSet::new(),
            times: 0,
        });
    }

    /// Asks about what was rejected, because somebody wants it after all: persons alone answer that.
    pub fn ask_anew(
        &mut self,
        group: &ChannelGroup,
        bound: Bound,
        text: PublicText,
        now: Timestamp,
    ) {
        self.ask(group, bound, text, now);
        if let Some(asked) = &mut self.asked {
            (asked.countdown, asked.times) = (Countdown::Never, 1);
            asked.again_at = Some(now.plus(group.remind));
        }
    }

    /// When something is due: the written rule answers, or it is asked again.
    pub fn due_at(&self) -> Option<Timestamp> {
        let asked = self.asked.as_ref()?;
        let until = match asked.countdown {
            Countdown::Until(at) => Some(at),
            Countdown::Never | Countdown::Waiting(_) => None,
        };
        [until, asked.again_at].into_iter().flatten().min()
    }

    /// What may be heard of this, if anything, and who said so.
    pub fn released(&self, bound: &Bound) -> Option<&Released> {
        self.given.as_ref().filter(|(given, _)| given == bound).map(|(_, released)| released)
    }

    /// Whether this was asked or turned down already, so that there is nothing to ask.
    pub fn is_answered_or_asked(&self, bound: &Bound) -> bool {
        self.asked.as_ref().is_some_and(|asked| asked.bound == *bound)
            || self.rejected.as_ref().is_some_and(|(rejected, ..)| rejected == bound)
    }
}

impl Asked {
    /// Whether nobody has been reached yet, so that nothing runs.
    pub fn has_to_start(&self) -> bool {
        matches!(self.countdown, Countdown::Waiting(_))
            || self.again_at.is_none() && (self.times <= 1 || !self.untried.is_empty())
    }

    /// Whether the written rule answers now.
    pub fn is_over(&self, now: Timestamp) -> bool {
        matches!(self.countdown, Countdown::Until(at) if at <= now)
    }

    /// An attempt to reach an approver has ended, or is given up: with it the countdown starts, if they were reached or it was the
    /// last of the first attempts. Says whether it concerned this question.
    pub fn tried(
        &mut self,
        key: &DeliveryKey,
        reached: bool,
        remind: Duration,
        now: Timestamp,
    ) -> bool {
        if !self.untried.remove(key) {
            return false;
        }
        if reached || self.untried.is_empty() {
            self.untried.clear();
            self.started(remind, now);
        }
        true
    }

    /// The countdown and the reminders run from now on.
    pub fn started(&mut self, remind: Duration, now: Timestamp) {
        if let Countdown::Waiting(wait) = self.countdown {
            self.countdown = Countdown::Until(now.plus(wait));
        }
        self.again_at = Some(now.plus(remind));
    }

    /// Nobody could answer from `asleep` to `awake`: it is asked again, with the time that was left and at least
    /// [`AGAIN_MIN`].
    pub fn slept(&mut self, asleep: Timestamp, awake: Timestamp) {
        if let Countdown::Until(at) = self.countdown {
            let left = if at > asleep { at.since(asleep) } else { Duration::ZERO };
            self.countdown = Countdown::Waiting(left.max(AGAIN_MIN));
        }
        self.untried.clear();
        self.again_at = Some(awake);
    }
}

#[cfg(test)]
mod tests {
    use reading::registry::Text;

    use super::*;

    fn text(both: &str) -> PublicText {
        let both = Text { ko: both.into(), en: both.into() };
        PublicText { headline: both.clone(), description: both.clone(), instruction: both }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_secs(seconds)
    }

    fn asked(wait: u64) -> (Approval, [DeliveryKey; 2]) {
        let group = ChannelGroup {
            id: "public".parse().expect("an identifier"),
            release: Release::After {
                wait: Duration::from_secs(wait),
                rule: Provenance::default(),
            },
            persons: 1,
            remind: Duration::from_secs(30),
            ask: Vec::new(),
        };
        let keys = ["a", "b"].map(DeliveryKey::from_text);
        let mut approval = Approval::default();
        approval.ask(&group, Bound::new(Level::Warning, &text("go")), text("go"), at(0));
        let asked = approval.asked.as_mut().expect("it was asked");
        asked.untried = keys.iter().cloned().collect();
        (approval, keys)
    }

    #[test]
    fn the_countdown_starts_when_somebody_was_reached_or_everybody_was_tried() {
        for (tries, starts) in [
            (&[(0, true)][..], true),
            (&[(0, false)], false),
            (&[(0, false), (1, false)], true),
            (&[(0, false), (0, false)], false),
        ] {
            let (mut approval, keys) = asked(300);
            let asked = approval.asked.as_mut().expect("it was asked");
            for (which, reached) in tries {
                asked.tried(&keys[*which], *reached, Duration::from_secs(30), at(10));
            }
            let expected = if starts {
                Countdown::Until(at(310))
            } else {
                Countdown::Waiting(Duration::from_secs(300))
            };
            assert_eq!(asked.countdown, expected, "{tries:?}");
            assert_eq!(approval.due_at().is_some(), starts);
        }
    }

    #[test]
    fn after_downtime_there_is_the_time_that_was_left_and_at_least_a_minute() {
        for (asleep, left) in [(20, 290), (300, 60), (309, 60)] {
            let (mut approval, keys) = asked(300);
            let asked = approval.asked.as_mut().expect("it was asked");
            asked.tried(&keys[0], true, Duration::from_secs(30), at(10));
            asked.slept(at(asleep), at(10_000));
            assert_eq!(asked.countdown, Countdown::Waiting(Duration::from_secs(left)));
            assert_eq!(approval.due_at(), Some(at(10_000)), "it is asked again at once");
        }
    }
}
