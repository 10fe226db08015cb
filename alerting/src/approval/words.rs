//! The words that the public reads and hears, and what they must not be.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use reading::registry::Text;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::catalogue::{self, Language};
use crate::level::Level;
use crate::text::{Limit, lint};

/// The longest public text an approver may write, in characters of one language: the longest 재난문자 class is 157,
/// a CAP description may say more. Shorter limits are the channels' own.
const TEXT_LEN_MAX: usize = 1_000;

/// What the public reads and hears: no criteria, no numbers of instruments.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublicText {
    /// One line.
    pub headline: Text,
    /// What is going on.
    pub description: Text,
    /// What to do.
    pub instruction: Text,
}

impl PublicText {
    /// What has to be mended before anybody may hear it at this level, in words; empty if nothing. Whoever warns says
    /// what to do.
    ///
    /// This is the door for every check of public text: it is asked when an approver edits, and by whoever composes.
    /// How long a text may be on each channel is the channels' own.
    pub fn complaints(&self, level: Level) -> Vec<Text> {
        let parts = [
            ("headline", &self.headline, false),
            ("description", &self.description, false),
            ("instruction", &self.instruction, level > Level::Normal),
        ];
        let mut complaints = Vec::new();
        for (part, text, action) in parts {
            for (language, said) in [(Language::Ko, &text.ko), (Language::En, &text.en)] {
                let place = [part, language.code()];
                match unfit(said) {
                    Some(key) => complaints.push(catalogue::text(key, &place)),
                    None => complaints.extend(
                        lint(said, language, Limit::None, action)
                            .iter()
                            .map(|fault| complaint(place, &fault.text())),
                    ),
                }
            }
        }
        complaints
    }

    /// SHA-256 over every part, lower-case hexadecimal.
    pub fn hash(&self) -> String {
        let mut hasher = Sha256::new();
        for text in [&self.headline, &self.description, &self.instruction] {
            for said in [&text.ko, &text.en] {
                hasher.update((said.len() as u64).to_be_bytes());
                hasher.update(said.as_bytes());
            }
        }
        hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// What no text may be, whatever it says: a key of the catalogue.
fn unfit(said: &str) -> Option<&'static str> {
    if said.trim().is_empty() {
        Some("words-empty")
    } else if said.contains(['{', '}']) {
        Some("words-placeholder")
    } else if said.chars().any(|c| c.is_control() && c != '\n') {
        Some("words-control")
    } else if said.chars().count() > TEXT_LEN_MAX {
        Some("words-long")
    } else {
        None
    }
}

/// A fault with its place, in both languages.
fn complaint([part, language]: [&str; 2], fault: &Text) -> Text {
    let say =
        |spoken, fault: &str| catalogue::fill("words-wrong", spoken, &[part, language, fault]);
    Text { ko: say(Language::Ko, &fault.ko), en: say(Language::En, &fault.en) }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;

    use super::*;

    fn said(ko: &str, en: &str) -> PublicText {
        let both = Text { ko: ko.into(), en: en.into() };
        PublicText { headline: both.clone(), description: both.clone(), instruction: both }
    }

    fn text(both: &str) -> PublicText {
        said(both, both)
    }

    #[test]
    fn every_part_of_a_text_is_in_its_hash() {
        let base = text("a");
        let changes: [fn(&mut PublicText); 6] = [
            |t| t.headline.ko.push('b'),
            |t| t.headline.en.push('b'),
            |t| t.description.ko.push('b'),
            |t| t.description.en.push('b'),
            |t| t.instruction.ko.push('b'),
            |t| t.instruction.en.push('b'),
        ];
        let mut seen = BTreeSet::from([base.hash()]);
        for change in changes {
            let mut other = base.clone();
            change(&mut other);
            assert!(seen.insert(other.hash()), "{other:?}");
        }
        // moved from one part to the next, the same letters are another text
        let (mut one, mut two) = (text(""), text(""));
        (one.headline.ko, two.headline.en) = ("ab".into(), "ab".into());
        assert_ne!(one.hash(), two.hash());
    }

    #[test]
    fn a_text_that_must_not_go_out_is_named() {
        let good = |level| said("지금 학교로 대피하십시오", "Leave now").complaints(level);
        assert_eq!(good(Level::Severe), []);
        for bad in ["", "  ", "leave {where}", "a\u{7}b", &"x".repeat(1_001)] {
            assert_eq!(text(bad).complaints(Level::Severe).len(), 6, "{bad:?}");
        }
    }

    #[test]
    fn what_an_approver_writes_is_judged_as_what_we_write() {
        let over = said("위험이 끝났습니다", "The danger is over");
        assert_eq!(over.complaints(Level::Normal), [], "nothing is left to be done");
        let named = |text: PublicText| {
            let said: Vec<String> =
                text.complaints(Level::Severe).into_iter().map(|one| one.en).collect();
            said.join("\n")
        };
        assert!(named(over).contains("instruction (ko): "), "it says nothing to do");
        for (headline, wrong) in [
            ("3차 기준 초과", "3차 기준"),
            ("변위속도 초과", "변위속도"),
            ("□□초로 대피하십시오", "□□"),
        ] {
            let mut text = said("지금 학교로 대피하십시오", "Leave now");
            text.headline.ko = headline.into();
            let named = named(text);
            assert!(named.starts_with("headline (ko): ") && named.contains(wrong), "{named}");
        }
    }
}
