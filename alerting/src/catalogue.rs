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
    ("cap-feed-title", "경보 (CAP 1.2)", "Alerts (CAP 1.2)"),
    ("cap-headline-exercise", "[훈련] {0}", "[Exercise] {0}"),
    ("cap-headline-test", "[시험] {0}", "[Test] {0}"),
    (
        "cap-note-exercise",
        "훈련 상황입니다. 실제 상황이 아닙니다.",
        "This is an exercise. Nothing is really happening.",
    ),
    (
        "cap-note-test",
        "시험 발령입니다. 실제 상황이 아닙니다.",
        "This is a test. Nothing is really happening.",
    ),
    ("command-already-acknowledged", "이미 {0} 님이 확인했습니다", "Already acknowledged by {0}"),
    ("command-no-incident", "진행 중인 상황이 아닙니다", "No open incident has this id"),
    (
        "command-not-severe",
        "심각 단계가 아니므로 해제할 것이 없습니다",
        "It is not at Severe: there is nothing to stand down",
    ),
    (
        "command-still-severe",
        "심각 판단 근거가 아직 유지되고 있어 해제할 수 없습니다",
        "The evidence for Severe still holds: it cannot be stood down",
    ),
    (
        "evidence-accumulation",
        "{0} {1} {5} 누적 {2} {3} (기준 {4} {3})",
        "{0} {1} over {5}: {2} {3} (limit {4} {3})",
    ),
    (
        "evidence-rate",
        "{0} {1} 변화율 {2} {3}/h (기준 {4} {3}/h, 최근 {5})",
        "{0} {1} rate {2} {3}/h (limit {4} {3}/h over {5})",
    ),
    (
        "evidence-silence",
        "{0} {1} {2}분 동안 수신 없음 (기준 {4}분)",
        "{0} {1} silent for {2} min (limit {4} min)",
    ),
    ("evidence-threshold", "{0} {1} {2} {3} (기준 {4} {3})", "{0} {1} {2} {3} (limit {4} {3})"),
    ("fault-collector-down", "수집기 {0} 연결 끊김: {1}", "Collector {0} is down: {1}"),
    ("fault-delivery-lost", "{0} 채널 전달 실패 ({1}): {2}", "Delivery on {0} failed ({1}): {2}"),
    (
        "fault-journal-gap",
        "저널 일부가 손상되거나 없어졌습니다: {0}",
        "Part of the journal is damaged or missing: {0}",
    ),
    (
        "fault-poison",
        "기록 {0}번이 판단부를 두 번 멈추게 하여 제외했습니다",
        "Record {0} stopped the desk twice and was set aside",
    ),
    (
        "fault-state-lost",
        "판단 상태를 저널에서 모두 되살리지 못했습니다: {0}번 기록부터 다시 시작",
        "The state could not be rebuilt in full: it starts again at record {0}",
    ),
    ("hazard-monitoring", "계측 장애", "Monitoring fault"),
    ("hazard-slope-failure", "급경사지 붕괴 위험", "Slope failure danger"),
    ("hazard-structural-damage", "시설물 손상 위험", "Structural damage danger"),
    ("headline", "[{0}] {1} {2}", "[{0}] {1}: {2}"),
    (
        "instruction-inspect",
        "현장을 점검하고 이·통장에게 알리십시오. 주민은 비탈면과 옹벽에 가까이 가지 마십시오.",
        "Inspect the site and inform the village head. Residents: keep away from slopes and walls.",
    ),
    (
        "instruction-look",
        "그래프를 확인하고 예찰 담당자에게 연락하십시오.",
        "Check the chart and call the patrol.",
    ),
    (
        "instruction-over",
        "위험이 해소되었습니다. 담당 공무원의 안내에 따라 주십시오.",
        "The danger is over. Follow the instructions of local officials.",
    ),
    ("level-attention", "관심", "Attention"),
    ("level-caution", "주의", "Caution"),
    ("level-normal", "정상", "Normal"),
    ("level-severe", "심각", "Severe"),
    ("level-unknown", "확인불가", "Unknown"),
    ("level-warning", "경계", "Warning"),
    ("policy-attention", "살펴볼 징후가 있음", "Something to look at"),
    (
        "policy-caution-movement",
        "지점 1곳 이상 1차 기준 초과",
        "Movement beyond the 1st criterion at a post",
    ),
    ("policy-caution-rain", "강우 지수 80 % 이상", "Rain at 80 % of the site's limit or more"),
    ("policy-caution-structure", "구조물 1차 기준 초과", "Structure beyond the 1st criterion"),
    (
        "policy-caution-water",
        "지하수·간극수압 2차 기준 초과",
        "Groundwater or pore pressure beyond the 2nd criterion",
    ),
    ("policy-late", "지연 수신된 과거 자료에서 확인", "Found in data that came late"),
    ("policy-normal", "이상 징후 없음", "Nothing unusual"),
    (
        "policy-severe-post-and-water",
        "지점 1곳 3차 기준 초과와 강우·지하수 3차 기준 초과",
        "A post beyond the 3rd criterion, with rain or groundwater at its 3rd",
    ),
    (
        "policy-severe-structure",
        "구조물 2곳 이상 3차 기준 초과",
        "Structure beyond the 3rd criterion at two places or more",
    ),
    (
        "policy-severe-two-posts",
        "서로 다른 지점 2곳 이상 3차 기준 초과",
        "Two independent posts or more beyond the 3rd criterion",
    ),
    ("policy-step-down", "유지 시간 경과, 판단 근거 없음", "The dwell ran out without evidence"),
    ("policy-stood-down", "담당자가 심각 단계를 해제함", "Stood down by an officer"),
    ("policy-system", "봉수 시스템 이상", "Something is wrong with bongsu itself"),
    ("policy-warning-one-post", "지점 1곳 3차 기준 초과", "A post beyond the 3rd criterion"),
    (
        "policy-warning-post-and-water",
        "지점 1곳 2차 기준 초과와 강우 90 % 이상",
        "A post beyond the 2nd criterion, with rain at 90 % or groundwater at its 2nd",
    ),
    ("policy-warning-structure", "구조물 2차 기준 초과", "Structure beyond the 2nd criterion"),
    (
        "policy-warning-two-posts",
        "서로 다른 지점 2곳 이상 2차 기준 초과",
        "Two independent posts or more beyond the 2nd criterion",
    ),
    ("quantity-acceleration", "가속도", "acceleration"),
    ("quantity-acoustic-emission", "음향방출", "acoustic emission"),
    ("quantity-barometric-pressure", "기압", "air pressure"),
    ("quantity-battery-voltage", "배터리 전압", "battery voltage"),
    ("quantity-count", "횟수", "count"),
    ("quantity-crack-width", "균열 폭", "crack width"),
    ("quantity-displacement", "변위", "displacement"),
    ("quantity-force", "하중", "force"),
    ("quantity-frequency", "고유진동수", "natural frequency"),
    ("quantity-groundwater-level", "지하수위", "groundwater level"),
    ("quantity-pore-pressure", "간극수압", "pore pressure"),
    ("quantity-rain", "강우량", "rain"),
    ("quantity-rain-rate", "강우강도", "rain intensity"),
    ("quantity-relative-humidity", "상대습도", "relative humidity"),
    ("quantity-settlement", "침하", "settlement"),
    ("quantity-signal-strength", "수신 세기", "signal strength"),
    ("quantity-signal-to-noise", "신호 대 잡음비", "signal to noise"),
    ("quantity-soil-moisture", "함수비", "soil moisture"),
    ("quantity-soil-suction", "모관흡수력", "soil suction"),
    ("quantity-state", "스위치", "switch"),
    ("quantity-strain", "변형률", "strain"),
    ("quantity-temperature", "온도", "temperature"),
    ("quantity-tilt", "경사", "tilt"),
    ("quantity-tilt-x", "경사 x", "tilt x"),
    ("quantity-tilt-y", "경사 y", "tilt y"),
    ("quantity-vibration-velocity", "진동속도", "vibration velocity"),
    ("quantity-water-level", "수위", "water level"),
    ("what-acknowledged", "{0} 확인: {1}", "Acknowledged by {0}: {1}"),
    ("what-late", "지연 확인({1}분 전): {0}", "Detected late ({1} min ago): {0}"),
    ("what-moved", "{0} → {1}: {2}", "{0} → {1}: {2}"),
    (
        "what-not-borne-out",
        "정정: 뒤늦게 도착한 자료로 확인한 결과 다음 판단은 성립하지 않음 — {0}",
        "Correction: with the data that came since, this is not borne out — {0}",
    ),
    ("what-site-removed", "이 지구는 더 이상 감시 대상이 아님", "This site is no longer monitored"),
    ("what-still", "{0} 단계가 계속되고 있음", "Still at {0}"),
    ("word-over", "해제", "Over"),
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

/// The word for a quantity, in both languages.
pub fn quantity(quantity: reading::Quantity) -> Text {
    let key = ["quantity-", quantity.name()].concat();
    let say = |language| lookup(&key, language).unwrap_or(quantity.name()).to_string();
    Text { ko: say(Language::Ko), en: say(Language::En) }
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
            let places = |text: &str| {
                (0..9).filter(|i| text.contains(&["{", &i.to_string(), "}"].concat())).count()
            };
            assert_eq!(places(ko), places(en), "{key}: both languages fill in the same things");
        }
    }

    #[test]
    fn every_quantity_has_a_word() {
        for quantity in reading::Quantity::ALL {
            assert!(
                lookup(&["quantity-", quantity.name()].concat(), Language::Ko).is_some(),
                "{quantity}"
            );
        }
    }
}
