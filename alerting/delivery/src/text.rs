//! What a channel says: templates by medium, language, hazard, level, channel and site, filled in strictly.
//!
//! The catalogue holds a template for every medium; an installation may write its own, and the one that is closest to
//! the case is taken. A variable that does not exist is an error at `check`, never an empty place in a warning.

mod template;

use alerting::catalogue::{self, Language};
use alerting::text::{Element, Fault, Limit, first_sentence, lint, nfc, too_long};
use alerting::{Alert, Delivery, Hazard, Level, MessageType, Status};
use jiff::tz::TimeZone;
use minijinja::{Environment, UndefinedBehavior};
use reading::id::ChannelId;
use reading::registry::Text;
use serde::Serialize;

pub use template::Template;

/// What carries a text, and so how long it may be and how it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Medium {
    /// 재난문자 of 90 characters.
    CellBroadcast90,
    /// 재난문자 of 157 characters.
    CellBroadcast157,
    /// A chat room.
    Chat,
    /// An e-mail.
    Mail,
    /// A signboard at the road.
    Signboard,
    /// A text message.
    Sms,
    /// A voice.
    Speech,
}

impl Medium {
    /// Every medium, by its name in configuration.
    pub const WORDS: [(&'static str, Self); 7] = [
        ("cell-broadcast-90", Self::CellBroadcast90),
        ("cell-broadcast-157", Self::CellBroadcast157),
        ("chat", Self::Chat),
        ("mail", Self::Mail),
        ("signboard", Self::Signboard),
        ("sms", Self::Sms),
        ("speech", Self::Speech),
    ];

    const fn template(self, over: bool) -> &'static str {
        match (self, over) {
            (Self::CellBroadcast90, false) => "template-cell-broadcast-90",
            (Self::CellBroadcast90, true) => "template-cell-broadcast-90-over",
            (Self::CellBroadcast157, false) => "template-cell-broadcast-157",
            (Self::CellBroadcast157, true) => "template-cell-broadcast-157-over",
            (Self::Chat, false) => "template-chat",
            (Self::Chat, true) => "template-chat-over",
            (Self::Mail, false) => "template-mail",
            (Self::Mail, true) => "template-mail-over",
            (Self::Signboard, _) => "template-signboard", // when it is over a sign is blank
            (Self::Sms, false) => "template-sms",
            (Self::Sms, true) => "template-sms-over",
            (Self::Speech, false) => "template-speech",
            (Self::Speech, true) => "template-speech-over",
        }
    }
}

/// What a template may name.
pub const VARIABLES: [&str; 19] = [
    "mark",
    "sender",
    "contact",
    "link",
    "site",
    "area",
    "hazard",
    "danger",
    "level",
    "over",
    "headline",
    "description",
    "instruction",
    "time",
    "time_long",
    "sign",
    "sign_act",
    "incident",
    "revision",
];

/// Why a text cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// The template is not one.
    #[error("the template does not read: {0}")]
    Syntax(String),
    /// It names something that does not exist.
    #[error("the template names `{0}`, which does not exist")]
    Unknown(String),
}

/// One text to be made.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// For this medium.
    pub medium: Medium,
    /// On this channel.
    pub channel: &'a ChannelId,
    /// In this language.
    pub language: Language,
    /// About this.
    pub alert: &'a Alert,
}

impl<'a> Case<'a> {
    /// What a delivery says on its channel.
    pub fn of(medium: Medium, delivery: &'a Delivery, language: Language) -> Self {
        Self { medium, channel: &delivery.channel, language, alert: &delivery.alert }
    }
}

/// Every template, and what is the same in all texts.
pub struct Texts {
    environment: Environment<'static>,
    templates: Vec<Template>,
    sender: Text,
    contact: String,
    link: String,
}

impl Texts {
    /// With these templates before those of the catalogue. `contact` is where to ask, `link` where to look; both may
    /// be empty.
    pub fn new(templates: Vec<Template>, sender: Text, contact: String, link: String) -> Self {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.add_filter("first_sentence", |text: String| first_sentence(&text).to_owned());
        Self { environment, templates, sender, contact, link }
    }

    /// Who speaks, in a language.
    pub fn sender(&self, language: Language) -> &str {
        said(&self.sender, language)
    }

    /// What is said in a case; in NFC, without space at its ends.
    ///
    /// # Errors
    /// [`TextError`]; `check` finds them all.
    pub fn say(&self, case: &Case<'_>) -> Result<String, TextError> {
        self.fill(self.template(case), &self.words(case))
    }

    /// The same, and if the template fails the headline and what to do: better plain words than none.
    pub fn say_anyway(&self, case: &Case<'_>) -> String {
        self.say(case).unwrap_or_else(|error| {
            tracing::error!(%error, channel = %case.channel, "a template failed; headline and instruction go out plain");
            let words = self.words(case);
            format!("{}{}. {}", words.mark, words.headline, words.instruction)
        })
    }

    /// What is wrong with the text of a case.
    ///
    /// # Errors
    /// [`TextError`] if there is no text.
    pub fn faults(&self, case: &Case<'_>, limit: Limit) -> Result<Vec<Fault>, TextError> {
        let text = self.say(case)?;
        match case.medium {
            // For people on duty, who know the words.
            Medium::Chat | Medium::Mail => Ok(too_long(&text, limit)),
            Medium::Signboard => Ok(lint(&text, case.language, limit, false)),
            Medium::CellBroadcast90 | Medium::CellBroadcast157 | Medium::Sms | Medium::Speech => {
                Ok(lint(&text, case.language, limit, !is_over(case.alert)))
            }
        }
    }

    /// The five elements that a template leaves out: it is filled in with marks, and those that do not come out are
    /// missing. A template may say them in its own words, so this is worth a look, not an error.
    pub fn elements_left_out(&self, case: &Case<'_>) -> Vec<Element> {
        let mark = |at: u32| char::from_u32(0xE000 + at).unwrap_or_default().to_string();
        let mut words = self.words(case);
        (words.sender, words.area, words.site) = (mark(0), mark(2), mark(2));
        (words.danger, words.hazard, words.headline) = (mark(1), mark(1), mark(1) + &mark(2));
        (words.time, words.time_long) = (mark(3), mark(3));
        words.instruction = mark(4);
        let Ok(text) = self.fill(self.template(case), &words) else { return Vec::new() };
        let left_out = |(at, _): &(usize, Element)| !text.contains(&mark(*at as u32));
        Element::ALL.into_iter().enumerate().filter(left_out).map(|(_, element)| element).collect()
    }

    fn template(&self, case: &Case<'_>) -> &str {
        let fitting = self.templates.iter().filter_map(|t| Some((t.fits(case)?, t)));
        match fitting.max_by_key(|(fit, _)| *fit) {
            Some((_, template)) => &template.source,
            None => catalogue::message(case.medium.template(is_over(case.alert)), case.language),
        }
    }

    fn fill(&self, source: &str, words: &Words) -> Result<String, TextError> {
        let filled = self.environment.render_str(source, minijinja::value::Serde(words));
        let text = filled.map_err(|error| TextError::Syntax(error.to_string()))?;
        Ok(nfc(text.trim()))
    }

    fn words(&self, case: &Case<'_>) -> Words {
        let (alert, language) = (case.alert, case.language);
        let said = |text: &Text| said(text, language).to_owned();
        let word = |key| catalogue::message(key, language).to_owned();
        let (hazard, danger, sign) = match alert.hazard {
            Hazard::SlopeFailure => {
                ("hazard-slope-failure", "danger-slope-failure", "sign-slope-failure")
            }
            Hazard::StructuralDamage => {
                ("hazard-structural-damage", "danger-structural-damage", "sign-structural-damage")
            }
            Hazard::Monitoring => ("hazard-monitoring", "danger-monitoring", "sign-monitoring"),
        };
        let act = match alert.level {
            Level::Normal | Level::Attention | Level::Caution => "sign-act-attention",
            Level::Warning => "sign-act-warning",
            Level::Severe => "sign-act-severe",
        };
        Words {
            contact: self.contact.clone(),
            link: self.link.clone(),
            over: is_over(alert),
            incident: alert.incident.to_string(),
            revision: alert.revision,
            mark: mark(alert.status, language),
            sender: said(&self.sender),
            site: said(&alert.site.name),
            area: said(&alert.site.area),
            hazard: word(hazard),
            danger: word(danger),
            level: catalogue::level(alert.level, language).into(),
            headline: said(&alert.headline),
            description: said(&alert.description),
            instruction: said(&alert.instruction),
            time: moment(alert, language, false),
            time_long: moment(alert, language, true),
            sign: word(sign),
            sign_act: word(act),
        }
    }
}

/// What is filled in, in one language; a field for each of [`VARIABLES`].
#[derive(Serialize)]
struct Words {
    contact: String,
    link: String,
    over: bool,
    incident: String,
    revision: u32,
    mark: String,
    sender: String,
    site: String,
    area: String,
    hazard: String,
    danger: String,
    level: String,
    headline: String,
    description: String,
    instruction: String,
    time: String,
    time_long: String,
    sign: String,
    sign_act: String,
}

/// Whether a template reads, and what it names exists.
///
/// # Errors
/// [`TextError`].
pub fn examine(source: &str) -> Result<(), TextError> {
    let environment = Environment::new();
    let template =
        environment.template_from_str(source).map_err(|e| TextError::Syntax(e.to_string()))?;
    let mut unknown: Vec<String> = template.undeclared_variables(false).into_iter().collect();
    unknown.retain(|name| !VARIABLES.contains(&name.as_str()));
    unknown.sort();
    unknown.into_iter().next().map_or(Ok(()), |name| Err(TextError::Unknown(name)))
}

/// The text in a language, or in the other where it has none: the wrong language beats silence.
pub fn said(text: &Text, language: Language) -> &str {
    let (wanted, other) = match language {
        Language::Ko => (&text.ko, &text.en),
        Language::En => (&text.en, &text.ko),
    };
    if wanted.trim().is_empty() { other } else { wanted }
}

/// Whether a message says that the danger is over.
pub fn is_over(alert: &Alert) -> bool {
    alert.message_type == MessageType::Cancel || alert.level == Level::Normal
}

/// What stands before every text that is not in earnest.
pub fn mark(status: Status, language: Language) -> String {
    match status {
        Status::Actual => String::new(),
        Status::Exercise => catalogue::fill("cap-headline-exercise", language, &[""]),
        Status::Test => catalogue::fill("cap-headline-test", language, &[""]),
    }
}

/// When it was decided, in the site's zone, as people write it.
fn moment(alert: &Alert, language: Language, long: bool) -> String {
    let nanos = i128::from(alert.decided_at.nanos());
    let at = jiff::Timestamp::from_nanosecond(nanos).unwrap_or_default();
    let zone = TimeZone::get(&alert.site.zone).unwrap_or(TimeZone::UTC);
    let pattern = match (language, long) {
        (Language::Ko, false) => "%-m.%-d. %H:%M",
        (Language::Ko, true) => "%-m월 %-d일 %H:%M",
        (Language::En, false) => "%-d %b %H:%M",
        (Language::En, true) => "%-d %B %H:%M",
    };
    at.to_zoned(zone).strftime(pattern).to_string()
}

#[cfg(test)]
mod tests;
