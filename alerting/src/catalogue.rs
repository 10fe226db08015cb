//! Every message and word people see, in Korean and English, in one place. Keys are sorted.

use alloc::string::{String, ToString};

use reading::registry::Text;

use crate::level::Level;

/// A language of the product.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Language {
    /// Korean.
    #[default]
    Ko,
    /// English.
    En,
}

impl Language {
    /// The language a tag such as `ko_KR.UTF-8`, `en-US` or `en` names.
    pub fn parse(tag: &str) -> Option<Self> {
        match tag.get(..2)? {
            "ko" => Some(Self::Ko),
            "en" => Some(Self::En),
            _ => None,
        }
    }

    /// Its two-letter code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Ko => "ko",
            Self::En => "en",
        }
    }
}

/// Key, Korean, English. `{0}`, `{1}` … stand for what is filled in.
const MESSAGES: &[(&str, &str, &str)] = &[
    ("hazard-monitoring", "계측 장애", "Monitoring fault"),
    ("hazard-slope-failure", "급경사지 붕괴 위험", "Slope failure danger"),
    ("hazard-structural-damage", "시설물 손상 위험", "Structural damage danger"),
    ("level-attention", "관심", "Attention"),
    ("level-caution", "주의", "Caution"),
    ("level-normal", "정상", "Normal"),
    ("level-severe", "심각", "Severe"),
    ("level-unknown", "확인불가", "Unknown"),
    ("level-warning", "경계", "Warning"),
];

/// The message of `key` in a language. An unknown key shows itself, so that a slip is seen, not hidden.
pub fn message(key: &'static str, language: Language) -> &'static str {
    match MESSAGES.binary_search_by(|(k, _, _)| (*k).cmp(key)) {
        Ok(at) => match language {
            Language::Ko => MESSAGES[at].1,
            Language::En => MESSAGES[at].2,
        },
        Err(_) => key,
    }
}

/// The message of a key that is only known at run time; `None` if there is none.
pub fn lookup(key: &str, language: Language) -> Option<&'static str> {
    let at = MESSAGES.binary_search_by(|(k, _, _)| (*k).cmp(key)).ok()?;
    Some(match language {
        Language::Ko => MESSAGES[at].1,
        Language::En => MESSAGES[at].2,
    })
}

/// The message of `key` with `{0}`, `{1}` … filled in.
pub fn fill(key: &'static str, language: Language, values: &[&str]) -> String {
    let mut text = message(key, language).to_string();
    for (i, value) in values.iter().enumerate() {
        let place = ["{", &i.to_string(), "}"].concat();
        text = text.replace(&place, value);
    }
    text
}

/// The message of `key` in both languages.
pub fn text(key: &'static str, values: &[&str]) -> Text {
    Text { ko: fill(key, Language::Ko, values), en: fill(key, Language::En, values) }
}

/// The word for a level.
pub fn level(level: Level, language: Language) -> &'static str {
    let key = match level {
        Level::Normal => "level-normal",
        Level::Attention => "level-attention",
        Level::Caution => "level-caution",
        Level::Warning => "level-warning",
        Level::Severe => "level-severe",
    };
    message(key, language)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_sorted_and_both_languages_say_something() {
        assert!(MESSAGES.windows(2).all(|pair| pair[0].0 < pair[1].0), "keep the keys sorted");
        for (key, ko, en) in MESSAGES {
            assert!(!ko.is_empty() && !en.is_empty(), "{key}");
            let places = |text: &str| (0..9).filter(|i| text.contains(&["{", &i.to_string(), "}"].concat())).count();
            assert_eq!(places(ko), places(en), "{key}: both languages fill in the same things");
        }
    }
}
