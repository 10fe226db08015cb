//! A draft: class, both lengths of the text, pages, serial number, and the evidence behind it.

use alerting::catalogue::Language;
use alerting::text::{Limit, length, mixed_bytes, pages, too_long, ucs2_octets};
use alerting::{Alert, Delivery, Level};
use serde_json::{Value, json};

use crate::channel::cap::zoned;
use crate::text::{Case, Medium, Texts, is_over};

/// The classes of 재난문자 (행정안전부 재난문자: 위급, 긴급, 안전안내).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// 위급재난문자: nobody can turn it off.
    Critical,
    /// 긴급재난문자: evacuation.
    Emergency,
    /// 안전안내문자: guidance.
    Guidance,
}

impl Class {
    /// Its name in Korean.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Critical => "위급재난문자",
            Self::Emergency => "긴급재난문자",
            Self::Guidance => "안전안내문자",
        }
    }

    /// Its name in data.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Emergency => "emergency",
            Self::Guidance => "guidance",
        }
    }

    /// The 3GPP message identifier, and its twin for another language.
    pub const fn message_ids(self) -> (u16, u16) {
        match self {
            Self::Critical => (4370, 4383),
            Self::Emergency => (4371, 4384),
            Self::Guidance => (4372, 4385),
        }
    }
}

/// Which class a level asks for. What is over, and everything else, is guidance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Classes {
    /// For 심각. A landslide warning must go as 긴급재난문자; 위급 is at the discretion of the local government.
    pub severe: Class,
    /// For 경계.
    pub warning: Class,
}

impl Default for Classes {
    fn default() -> Self {
        Self { severe: Class::Emergency, warning: Class::Guidance }
    }
}

impl Classes {
    fn of(&self, alert: &Alert) -> Class {
        match alert.level {
            _ if is_over(alert) => Class::Guidance,
            Level::Severe => self.severe,
            Level::Warning => self.warning,
            Level::Normal | Level::Attention | Level::Caution => Class::Guidance,
        }
    }
}

/// A text in one language and length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wording {
    /// In which language.
    pub language: Language,
    /// How many characters it may have: 90 or 157.
    pub limit: usize,
    /// The text.
    pub text: String,
}

impl Wording {
    /// Whether it fits.
    pub fn fits(&self) -> bool {
        too_long(&self.text, Limit::CellBroadcast(self.limit)).is_empty()
    }

    fn json(&self) -> Value {
        json!({
            "language": self.language.code(), "limit": self.limit, "text": self.text,
            "characters": length(&self.text), "bytes": mixed_bytes(&self.text),
            "octets": ucs2_octets(&self.text), "pages": pages(&self.text), "fits": self.fits(),
        })
    }
}

/// A draft.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// Its class.
    pub class: Class,
    /// Its texts.
    pub wordings: Vec<Wording>,
    /// Names the message; an update has the same one.
    pub message_code: u16,
    /// Which version of it this is, 0 to 15.
    pub update_number: u8,
}

impl Draft {
    /// The draft for a delivery.
    pub fn new(
        delivery: &Delivery,
        classes: &Classes,
        languages: &[Language],
        texts: &Texts,
    ) -> Self {
        let alert = &delivery.alert;
        let media = [(Medium::CellBroadcast90, 90), (Medium::CellBroadcast157, 157)];
        let each = |language: &Language| {
            let language = *language;
            media.map(|(medium, limit)| {
                let case = Case { medium, channel: &delivery.channel, language, alert };
                Wording { language, limit, text: texts.say_anyway(&case) }
            })
        };
        Self {
            class: classes.of(alert),
            wordings: languages.iter().flat_map(each).collect(),
            message_code: message_code(alert.incident.as_str()),
            update_number: (alert.revision % 16) as u8,
        }
    }

    /// Why it cannot be handed over: no text of it fits.
    pub fn fault(&self) -> Option<String> {
        let none = self.best().is_none();
        none.then(|| "no text fits into 90 or 157 characters; write a shorter [[text]]".into())
    }

    /// The longest text that fits, in the first language that has one.
    pub fn best(&self) -> Option<&Wording> {
        let first = self.wordings.iter().find(|wording| wording.fits())?;
        let fitting = self.wordings.iter().filter(|w| w.language == first.language && w.fits());
        fitting.max_by_key(|wording| wording.limit)
    }

    /// The 16 bits of the serial number, PLMN-wide.
    pub fn serial_number(&self) -> u16 {
        serial_number(1, self.message_code, self.update_number)
    }

    /// The draft as CAP parameters.
    pub fn parameters(&self) -> Vec<(String, String)> {
        let mut parameters = vec![
            ("KR-CBS-class".into(), self.class.name().into()),
            ("KR-CBS-message-id".into(), self.class.message_ids().0.to_string()),
            ("KR-CBS-serial-number".into(), format!("0x{:04X}", self.serial_number())),
        ];
        for wording in self.wordings.iter().filter(|wording| wording.fits()) {
            let name = format!("KR-CBS-text-{}-{}", wording.limit, wording.language.code());
            parameters.push((name, wording.text.clone()));
        }
        parameters
    }

    /// The draft and the evidence pack as JSON.
    pub fn json(&self, delivery: &Delivery) -> Vec<u8> {
        let alert = &delivery.alert;
        let shown = |at| zoned(at, &alert.site.zone);
        let (id, twin) = self.class.message_ids();
        let body = json!({
            "type": "bongsu.cell-broadcast-draft",
            "id": delivery.key.as_str(),
            "broadcast": false,
            "incident": alert.incident.as_str(), "revision": alert.revision,
            "level": alert.level, "status": alert.status, "over": is_over(alert),
            "class": { "code": self.class.code(), "name": self.class.name(), "message_ids": [id, twin] },
            "serial_number": self.serial_number(), "data_coding": 0x48,
            "texts": self.wordings.iter().map(Wording::json).collect::<Vec<_>>(),
            "area": {
                "site": alert.site.id.as_str(), "name": alert.site.name, "description": alert.site.area,
                "district": alert.site.district, "location": alert.site.location,
                "radius_km": alert.site.radius_km, "polygon": alert.site.polygon,
            },
            "decided_at": shown(alert.decided_at), "measured_at": shown(alert.measured_at),
            "expires_at": shown(alert.expires_at),
            "headline": alert.headline, "description": alert.description, "instruction": alert.instruction,
            "evidence": alert.evidence.iter().map(|e| json!({
                "rule": e.rule, "series": e.series, "level": e.level, "value": e.value, "unit": e.unit,
                "measured_at": shown(e.measured_at), "text": e.text,
            })).collect::<Vec<_>>(),
        });
        serde_json::to_vec(&body).expect("texts and numbers always serialize")
    }
}

/// `GS(2) | message code(10) | update number(4)` (3GPP TS 23.041).
pub const fn serial_number(scope: u16, code: u16, update: u8) -> u16 {
    (scope & 3) << 14 | (code & 0x3FF) << 4 | (update & 15) as u16
}

/// Ten bits out of the incident's name, so that its updates replace each other.
fn message_code(incident: &str) -> u16 {
    let hash = incident
        .bytes()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    ((hash ^ (hash >> 16)) & 0x3FF) as u16
}
