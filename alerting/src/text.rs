//! Text for people outside: how long it is on each medium, and what is wrong with it.
//!
//! Everything is counted in NFC: a text typed on some systems comes decomposed, and its Hangul would count double.
//! [`lint`] judges one text; what a person writes in place of ours is judged by it, too
//! ([`complaints`](crate::approval::PublicText::complaints)).

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use icu_normalizer::ComposingNormalizerBorrowed;
use reading::registry::Text;

use crate::catalogue::{self, Language};

/// Characters of one SMS in UCS-2, and of each part of a longer one (3GPP TS 23.038, 23.040: 70, and 67).
pub const SMS_SINGLE: usize = 70;
/// The same for each part of several.
pub const SMS_PART: usize = 67;

/// Octets of one page of a cell broadcast, of which 15 are the most (3GPP TS 23.041).
pub const PAGE_OCTETS: usize = 82;
/// The most pages.
pub const PAGES_MAX: usize = 15;

/// The text in NFC.
pub fn nfc(text: &str) -> String {
    ComposingNormalizerBorrowed::new_nfc().normalize(text).to_string()
}

/// Characters: Unicode scalars in NFC.
pub fn length(text: &str) -> usize {
    ComposingNormalizerBorrowed::new_nfc().normalize(text).chars().count()
}

/// Bytes as Korean systems count them: two for each character beyond ASCII.
pub fn mixed_bytes(text: &str) -> usize {
    nfc(text).chars().map(|c| if c.is_ascii() { 1 } else { 2 }).sum()
}

/// Octets in UCS-2 (UTF-16, so two for most characters and four for the rest).
pub fn ucs2_octets(text: &str) -> usize {
    2 * nfc(text).encode_utf16().count()
}

/// Pages of a cell broadcast in UCS-2.
pub fn pages(text: &str) -> usize {
    ucs2_octets(text).div_ceil(PAGE_OCTETS).max(1)
}

/// The parts of an SMS, each in UCS-2 code units; a surrogate pair is never split.
pub fn sms_parts(text: &str) -> Vec<Vec<u16>> {
    let units: Vec<u16> = nfc(text).encode_utf16().collect();
    if units.len() <= SMS_SINGLE {
        return alloc::vec![units];
    }
    let mut parts = Vec::new();
    let mut rest = units.as_slice();
    while !rest.is_empty() {
        let mut end = rest.len().min(SMS_PART);
        let is_split = end < rest.len() && matches!(rest[end - 1], 0xD800..=0xDBFF);
        end -= usize::from(is_split);
        parts.push(rest[..end].to_vec());
        rest = &rest[end..];
    }
    parts
}

/// The first sentence, with its full stop.
pub fn first_sentence(text: &str) -> &str {
    let text = text.trim();
    let ends = |(at, c): (usize, char)| {
        let after = &text[at + c.len_utf8()..];
        (matches!(c, '.' | '!' | '?') && after.starts_with(char::is_whitespace)).then_some(at + 1)
    };
    text.char_indices().find_map(ends).map_or(text, |end| &text[..end])
}

/// How long a text may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// As long as it likes.
    None,
    /// 재난문자: so many characters, and no more than twice as many mixed bytes (90 or 157 characters).
    CellBroadcast(usize),
    /// So many SMS parts.
    SmsParts(usize),
    /// So many mixed bytes, as an agency takes them.
    MixedBytes(usize),
    /// A signboard.
    Sign(Sign),
}

/// What a signboard can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sign {
    /// Characters on a line.
    pub columns: usize,
    /// Lines on a screen.
    pub lines: usize,
    /// Screens that alternate.
    pub screens: usize,
}

impl Sign {
    /// The screens of a text: written line breaks hold, an empty line begins a new screen, longer lines are broken
    /// between words.
    ///
    /// # Errors
    /// [`Fault`] if a word is longer than a line, or there are too many screens.
    pub fn screens(&self, text: &str) -> Result<Vec<Vec<String>>, Fault> {
        let mut screens: Vec<Vec<String>> = Vec::new();
        for paragraph in nfc(text).trim().split("\n\n") {
            let mut lines = Vec::new();
            for line in paragraph.lines() {
                self.wrap(line.trim(), &mut lines)?;
            }
            screens.extend(lines.chunks(self.lines.max(1)).map(<[String]>::to_vec));
        }
        if screens.len() > self.screens {
            return Err(Fault::TooLong {
                is: screens.len(),
                most: self.screens,
                unit: Unit::Screens,
            });
        }
        Ok(screens)
    }

    fn wrap(&self, text: &str, lines: &mut Vec<String>) -> Result<(), Fault> {
        let mut line = String::new();
        for word in text.split_whitespace() {
            let width = word.chars().count();
            if width > self.columns {
                return Err(Fault::TooLong { is: width, most: self.columns, unit: Unit::Columns });
            }
            if !line.is_empty() && line.chars().count() + 1 + width > self.columns {
                lines.push(core::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        if !line.is_empty() {
            lines.push(line);
        }
        Ok(())
    }
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Characters.
    Characters,
    /// Two for each character beyond ASCII, one for each other.
    MixedBytes,
    /// SMS parts.
    Parts,
    /// Characters of a word that must stand on one line.
    Columns,
    /// Screens of a signboard.
    Screens,
}

/// What the public must be told: source, hazard, place, time, guidance (Mileti and Sorensen 1990).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Element {
    /// Who speaks.
    Source,
    /// What may happen.
    Hazard,
    /// Where.
    Location,
    /// When.
    Time,
    /// What to do.
    Guidance,
}

impl Element {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Source, Self::Hazard, Self::Location, Self::Time, Self::Guidance];
}

/// What is wrong with a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It does not fit.
    TooLong {
        /// How much it is.
        is: usize,
        /// How much may be.
        most: usize,
        /// Of what.
        unit: Unit,
    },
    /// Nothing is said in this language.
    Missing,
    /// It does not say what to do.
    NoAction,
    /// One of the five elements is missing.
    NoElement(Element),
    /// A word that only experts understand.
    Jargon(String),
    /// Something that was to be filled in.
    Placeholder(String),
}

impl Fault {
    /// Its name in counts and API answers.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::TooLong { .. } => "too-long",
            Self::Missing => "missing-language",
            Self::NoAction => "no-action",
            Self::NoElement(_) => "no-element",
            Self::Jargon(_) => "jargon",
            Self::Placeholder(_) => "placeholder",
        }
    }

    /// What is wrong, in both languages.
    pub fn text(&self) -> Text {
        match self {
            Self::TooLong { is, most, unit } => {
                let key = match unit {
                    Unit::Characters => "lint-too-long-characters",
                    Unit::MixedBytes => "lint-too-long-bytes",
                    Unit::Parts => "lint-too-long-parts",
                    Unit::Columns => "lint-too-long-columns",
                    Unit::Screens => "lint-too-long-screens",
                };
                catalogue::text(key, &[&is.to_string(), &most.to_string()])
            }
            Self::Missing => catalogue::text("lint-missing-language", &[]),
            Self::NoAction => catalogue::text("lint-no-action", &[]),
            Self::NoElement(element) => {
                let key = match element {
                    Element::Source => "lint-no-source",
                    Element::Hazard => "lint-no-hazard",
                    Element::Location => "lint-no-location",
                    Element::Time => "lint-no-time",
                    Element::Guidance => "lint-no-action",
                };
                catalogue::text(key, &[])
            }
            Self::Jargon(word) => catalogue::text("lint-jargon", &[word]),
            Self::Placeholder(what) => catalogue::text("lint-placeholder", &[what]),
        }
    }
}

/// Words that residents should not have to understand; compared without regard to case.
const JARGON: [&str; 30] = [
    "관리기준",
    "임계",
    "계측",
    "센서",
    "변위속도",
    "함수비",
    "간극수압",
    "지하수위",
    "역속도",
    "트리거",
    "°/h",
    "deg/h",
    "mm/h",
    "mm/일",
    "mm/d",
    "kpa",
    "㎜",
    "1차 기준",
    "2차 기준",
    "3차 기준",
    "threshold",
    "sensor",
    "criterion",
    "criteria",
    "displacement",
    "pore pressure",
    "tilt rate",
    "inverse velocity",
    "telemetry",
    "piezometer",
];

/// What a text looks like that was never filled in.
const PLACEHOLDERS: [&str; 14] = [
    "{{", "}}", "{%", "%}", "{0}", "{1}", "{2}", "○○", "△△", "□□", "TODO", "XXX", "???", "\u{fffd}",
];

/// Words that tell people what to do.
const ACTIONS_KO: [&str; 12] = [
    "십시오",
    "세요",
    "바랍니다",
    "대피",
    "금지",
    "통제",
    "우회",
    "자제",
    "확인",
    "따라",
    "이동",
    "귀가",
];
const ACTIONS_EN: [&str; 24] = [
    "go ", "leave", "stay", "keep", "move", "evacuate", "avoid", "do not", "follow", "check",
    "return", "inspect", "call", "take", "tell", "get ", "walk", "wait", "use ", "help", "prepare",
    "remain", "listen", "watch",
];

/// What is wrong with one text in one language; `action`: it must say what to do.
pub fn lint(text: &str, language: Language, limit: Limit, action: bool) -> Vec<Fault> {
    let text = nfc(text);
    if text.trim().is_empty() {
        return alloc::vec![Fault::Missing];
    }
    let lower = text.to_lowercase();
    let mut faults = too_long(&text, limit);
    let actions = match language {
        Language::Ko => &ACTIONS_KO[..],
        Language::En => &ACTIONS_EN[..],
    };
    if action && !actions.iter().any(|word| lower.contains(word)) {
        faults.push(Fault::NoAction);
    }
    let jargon = JARGON.iter().find(|word| lower.contains(*word));
    faults.extend(jargon.map(|word| Fault::Jargon(word.to_string())));
    let left = PLACEHOLDERS.iter().find(|mark| text.contains(*mark));
    faults.extend(left.map(|mark| Fault::Placeholder(mark.to_string())));
    faults
}

/// What does not fit.
pub fn too_long(text: &str, limit: Limit) -> Vec<Fault> {
    let over =
        |is: usize, most: usize, unit| (is > most).then_some(Fault::TooLong { is, most, unit });
    match limit {
        Limit::None => Vec::new(),
        Limit::CellBroadcast(most) => {
            let both = [
                over(length(text), most, Unit::Characters),
                over(mixed_bytes(text), 2 * most, Unit::MixedBytes),
            ];
            both.into_iter().flatten().take(1).collect()
        }
        Limit::SmsParts(most) => {
            over(sms_parts(text).len(), most, Unit::Parts).into_iter().collect()
        }
        Limit::MixedBytes(most) => {
            over(mixed_bytes(text), most, Unit::MixedBytes).into_iter().collect()
        }
        Limit::Sign(sign) => sign.screens(text).err().into_iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use proptest::prelude::*;

    /// A text of each length with its counts.
    const SHORT: &str = "[○○시] 7.14. 15:20 △△동 산12-3 급경사지 붕괴 위험, 주민은 즉시 □□초 체육관으로 대피하고 비탈면·옹벽 접근금지. ☎031-000-0000";
    const LONG: &str = "[○○시] 7월 14일 15:20 현재 △△동 산12-3 급경사지 변위가 급격히 증가하여 붕괴 위험이 높습니다. 하부 주민은 지금 바로 □□초등학교 체육관으로 대피하시고, 비탈면·옹벽 접근과 차량 통행을 금지합니다. 노약자는 이웃과 함께 대피하세요. 문의 031-000-0000";

    #[test]
    fn the_worked_texts_count_as_computed() {
        for (text, characters, bytes, octets, pages_, parts) in
            [(SHORT, 88, 131, 176, 3, 2), (LONG, 155, 249, 310, 4, 3)]
        {
            assert_eq!(length(text), characters);
            assert_eq!(mixed_bytes(text), bytes);
            assert_eq!(ucs2_octets(text), octets);
            assert_eq!(pages(text), pages_);
            assert_eq!(sms_parts(text).len(), parts);
        }
        assert_eq!(too_long(SHORT, Limit::CellBroadcast(90)), []);
        assert_eq!(
            too_long(LONG, Limit::CellBroadcast(90)),
            [Fault::TooLong { is: 155, most: 90, unit: Unit::Characters }]
        );
        assert_eq!(too_long(LONG, Limit::CellBroadcast(157)), []);
    }

    #[test]
    fn decomposed_hangul_counts_once() {
        let decomposed = "\u{1103}\u{1162}\u{1111}\u{1175}"; // 대피 in jamo
        assert_eq!(decomposed.chars().count(), 4);
        assert_eq!((length(decomposed), nfc(decomposed).as_str()), (2, "대피"));
        assert!(!lint(decomposed, Language::Ko, Limit::None, true).contains(&Fault::NoAction));
    }

    #[test]
    fn sms_parts_have_the_lengths_of_the_table() {
        for (characters, parts) in [(0, 1), (70, 1), (71, 2), (90, 2), (134, 2), (135, 3), (157, 3)]
        {
            assert_eq!(sms_parts(&"가".repeat(characters)).len(), parts, "{characters}");
        }
        // 66 characters, then one of two units: it goes into the second part whole
        let text = ["가".repeat(66), "🚨".into(), "나".repeat(10)].concat();
        let parts = sms_parts(&text);
        assert_eq!((parts[0].len(), parts[1].len()), (66, 12));
    }

    proptest! {
        #[test]
        fn parts_together_are_the_text_and_each_is_whole(text in "\\PC{0,300}") {
            let parts = sms_parts(&text);
            let most = if parts.len() == 1 { SMS_SINGLE } else { SMS_PART };
            for part in &parts {
                prop_assert!(part.len() <= most);
                prop_assert!(String::from_utf16(part).is_ok());
            }
            prop_assert_eq!(String::from_utf16(&parts.concat()).unwrap(), nfc(&text));
        }

        #[test]
        fn screens_keep_every_word_and_fit(text in "[가-힣a-z ]{1,60}", columns in 4..14_usize) {
            let sign = Sign { columns, lines: 2, screens: 9 };
            if let Ok(screens) = sign.screens(&text) {
                let words: Vec<String> = screens.concat().iter()
                    .flat_map(|line| line.split(' ').map(String::from).collect::<Vec<_>>()).collect();
                prop_assert_eq!(words, text.split_whitespace().map(String::from).collect::<Vec<_>>());
                prop_assert!(screens.iter().flatten().all(|line| line.chars().count() <= columns));
            }
        }
    }

    #[test]
    fn a_sign_breaks_between_words_and_says_what_does_not_fit() {
        let sign = Sign { columns: 10, lines: 2, screens: 2 };
        let screens = sign.screens("급경사지 붕괴위험\n통행금지\n\n우회하십시오").unwrap();
        assert_eq!(screens, [vec!["급경사지 붕괴위험", "통행금지"], vec!["우회하십시오"]]);
        assert_eq!(
            sign.screens("a b c\n\nd\n\ne").unwrap_err(),
            Fault::TooLong { is: 3, most: 2, unit: Unit::Screens }
        );
        assert_eq!(
            sign.screens("급경사지붕괴위험지역입니다").unwrap_err(),
            Fault::TooLong { is: 13, most: 10, unit: Unit::Columns }
        );
    }

    #[test]
    fn each_fault_is_found_and_said_in_both_languages() {
        for (text, language, name) in [
            ("", Language::Ko, "missing-language"),
            ("급경사지 붕괴 위험", Language::Ko, "no-action"),
            ("The slope may fail", Language::En, "no-action"),
            ("3차 기준 초과, 대피하십시오", Language::Ko, "jargon"),
            ("Leave: 0.1 DEG/H", Language::En, "jargon"),
            ("{{ place }}로 대피하십시오", Language::Ko, "placeholder"),
            ("□□초로 대피하십시오", Language::Ko, "placeholder"),
        ] {
            let faults = lint(text, language, Limit::None, true);
            assert_eq!(faults.iter().map(Fault::name).collect::<Vec<_>>(), [name], "{text}");
            let said = faults[0].text();
            assert!(!said.ko.contains("lint-") && !said.en.contains("lint-"), "{said:?}");
        }
        assert_eq!(lint("지금 바로 학교로 대피하십시오.", Language::Ko, Limit::None, true), []);
        assert_eq!(lint("Leave now for the school.", Language::En, Limit::None, true), []);
    }

    #[test]
    fn the_first_sentence_ends_where_one_ends() {
        for (text, first) in [
            ("체육관으로 대피하십시오. 돌아오지 마십시오.", "체육관으로 대피하십시오."),
            ("7.14. 15:20", "7.14."),
            ("Go to no. 3", "Go to no."),
            ("하나", "하나"),
            ("버전 1.5 입니다. 끝", "버전 1.5 입니다."),
        ] {
            assert_eq!(first_sentence(text), first);
        }
    }
}
