//! How a question stands, for records and screens.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use reading::Timestamp;
use reading::id::GroupId;
use serde::{Deserialize, Serialize};

use super::{Approval, Bound, ChannelGroup, Countdown, PublicText, Released};

/// How a group of an incident stands, for records and screens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalView {
    /// Which group.
    pub group: GroupId,
    /// Where it stands.
    pub state: ApprovalState,
    /// About which level and words.
    pub bound: Bound,
    /// The words, while they are asked about.
    pub text: Option<PublicText>,
    /// Who has agreed, by user id.
    pub agreed: Vec<String>,
    /// How many have to.
    pub persons: u8,
    /// When the written rule answers, once somebody was reached.
    pub answers_at: Option<Timestamp>,
    /// Who let it out, or why it was turned down, in words.
    pub note: String,
}

/// Where the approval of a group stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ApprovalState {
    /// Somebody has to answer.
    Asked,
    /// It may be heard.
    Released,
    /// It must not be heard.
    Rejected,
}

impl Approval {
    /// How it stands, for records and screens; `None` while there was nothing to ask.
    pub fn view(&self, group: &ChannelGroup) -> Option<ApprovalView> {
        let view = |state, bound: &Bound, note: String| ApprovalView {
            group: group.id.clone(),
            state,
            bound: bound.clone(),
            text: None,
            agreed: Vec::new(),
            persons: group.persons,
            answers_at: None,
            note,
        };
        if let Some(asked) = &self.asked {
            return Some(ApprovalView {
                text: Some(asked.text.clone()),
                agreed: asked.agreed.iter().map(|one| one.by.clone()).collect(),
                answers_at: match asked.countdown {
                    Countdown::Until(at) => Some(at),
                    Countdown::Never | Countdown::Waiting(_) => None,
                },
                ..view(ApprovalState::Asked, &asked.bound, String::new())
            });
        }
        if let Some((bound, text, signature, reason)) = &self.rejected {
            let note = format!("{}: {reason}", signature.by);
            let text = Some(text.clone());
            return Some(ApprovalView { text, ..view(ApprovalState::Rejected, bound, note) });
        }
        let (bound, released) = self.given.as_ref()?;
        let note = match released {
            Released::Officers => String::new(),
            Released::Rule { author, reason, .. } => format!("{author}: {reason}"),
            Released::Persons { persons } => persons.join(", "),
        };
        Some(view(ApprovalState::Released, bound, note))
    }
}
