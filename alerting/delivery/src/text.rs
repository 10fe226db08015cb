//! What a channel says: templates by medium, language, hazard, level, channel and site, filled in strictly.
//!
//! The catalogue holds a template for every medium; an installation may write its own, and the one that is closest to
//! the case is taken. A variable that does not exist is an error at `check`, never an empty place in a warning.

use alerting::catalogue::{self, Language};
use alerting::text::{Element, Fault, Limit, first_sentence, lint, nfc, too_long};
use alerting::{Alert, Hazard, Level, MessageType, Status};
use jiff::tz::TimeZone;
use minijinja::{Environment, UndefinedBehavior};
use reading::id::{ChannelId, SiteId};
use reading::registry::Text;
use serde::Serialize;

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

/// A template that somebody wrote, and for what. What is left open holds for all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// For this medium.
    pub medium: Medium,
    /// In this language.
    pub language: Language,
    /// Whether it says that the danger is over.
    pub over: bool,
    /// For this channel only.
    pub channel: Option<ChannelId>,
    /// For this site only.
    pub site: Option<SiteId>,
    /// For this hazard only.
    pub hazard: Option<Hazard>,
    /// For this level only.
    pub level: Option<Level>,
    /// The template itself.
    pub source: String,
}

impl Template {
    /// How close it is to a case, or `None` if it is not for it.
    fn fits(&self, case: &Case<'_>) -> Option<u32> {
        let alert = case.alert;
        let same = self.medium == case.medium
            && self.language == case.language
            && self.over == is_over(alert);
        let narrow = [
            self.site.as_ref().map(|site| *site == alert.site.id),
            self.channel.as_ref().map(|channel| channel == case.channel),
            self.hazard.map(|hazard| hazard == alert.hazard),
            self.level.map(|level| level == alert.level),
        ];
        if !same || narrow.contains(&Some(false)) {
            return None;
        }
        // A site says more than a channel, and so on down to the level.
        Some(narrow.iter().fold(0, |sum, part| 2 * sum + u32::from(part.is_some())))
    }
}

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
mod tests {
    use super::*;
    use crate::sample::{alert, cancel, text};
    use alerting::text::{Sign, Unit, length};

    #[test]
    fn moments_are_those_of_the_place_also_where_the_clocks_are_changed() {
        let mut told = alert(1, Level::Severe);
        told.site.zone = "America/New_York".into();
        for (at, ko, en) in [
            ("2026-03-08T06:59:00Z", "3월 8일 01:59", "8 March 01:59"),
            ("2026-03-08T07:00:00Z", "3월 8일 03:00", "8 March 03:00"),
            ("2026-11-01T05:30:00Z", "11월 1일 01:30", "1 November 01:30"),
            ("2026-11-01T06:30:00Z", "11월 1일 01:30", "1 November 01:30"),
            ("2026-11-01T07:30:00Z", "11월 1일 02:30", "1 November 02:30"),
        ] {
            told.decided_at = reading::Timestamp::parse(at).unwrap();
            assert_eq!(moment(&told, Language::Ko, true), ko);
            assert_eq!(moment(&told, Language::En, true), en);
        }
    }

    fn texts(templates: Vec<Template>) -> Texts {
        Texts::new(templates, text("봉수시", "Bongsu city"), "031-000-0000".into(), String::new())
    }

    fn channel() -> ChannelId {
        "sms".parse().unwrap()
    }

    fn say(texts: &Texts, medium: Medium, language: Language, alert: &Alert) -> String {
        texts.say(&Case { medium, channel: &channel(), language, alert }).unwrap()
    }

    #[test]
    fn every_medium_speaks_both_languages_and_fits() {
        let texts = texts(vec![]);
        for (level, cancelled) in
            [(Level::Severe, false), (Level::Warning, false), (Level::Normal, true)]
        {
            let alert = if cancelled { cancel(2) } else { alert(1, level) };
            for (name, medium) in Medium::WORDS {
                for language in [Language::Ko, Language::En] {
                    let case = Case { medium, channel: &channel(), language, alert: &alert };
                    let said = texts.say(&case).unwrap();
                    assert!(!said.is_empty() && !said.contains("{{"), "{name}: {said}");
                    let limit = match (medium, language) {
                        (Medium::CellBroadcast90, Language::Ko) => Limit::CellBroadcast(90),
                        (Medium::CellBroadcast157, _) => Limit::CellBroadcast(157),
                        (Medium::Signboard, Language::Ko) => {
                            Limit::Sign(Sign { columns: 12, lines: 2, screens: 1 })
                        }
                        _ => Limit::None,
                    };
                    let mut faults = texts.faults(&case, limit).unwrap();
                    // the sample's own names are made of such marks
                    faults.retain(|fault| !matches!(fault, Fault::Placeholder(_)));
                    assert_eq!(faults, [], "{name} {}: {said}", language.code());
                }
            }
        }
    }

    #[test]
    fn the_short_text_reads_as_an_officer_would_write_it() {
        let texts = texts(vec![]);
        let said = say(&texts, Medium::CellBroadcast90, Language::Ko, &alert(1, Level::Severe));
        assert_eq!(
            said,
            "[봉수시] 7.14. 15:01 △△동 산12-3 하부 급경사지 붕괴 위험, □□초 체육관으로 대피하십시오."
        );
        assert!(length(&said) <= 90);
        let drill = Alert { status: Status::Exercise, ..alert(1, Level::Severe) };
        assert!(say(&texts, Medium::Sms, Language::Ko, &drill).starts_with("[훈련] [봉수시]"));
        assert!(
            say(&texts, Medium::Sms, Language::En, &drill).starts_with("[Exercise] [Bongsu city]")
        );
    }

    #[test]
    fn the_five_elements_are_in_every_warning_and_what_is_left_out_is_named() {
        let alert = alert(1, Level::Severe);
        for medium in
            [Medium::CellBroadcast90, Medium::CellBroadcast157, Medium::Sms, Medium::Speech]
        {
            for language in [Language::Ko, Language::En] {
                let case = Case { medium, channel: &channel(), language, alert: &alert };
                assert_eq!(texts(vec![]).elements_left_out(&case), [], "{medium:?}");
            }
        }
        let own = template("{{ headline }}!", None, None);
        let case = Case {
            medium: Medium::Sms,
            channel: &channel(),
            language: Language::Ko,
            alert: &alert,
        };
        assert_eq!(
            texts(vec![own]).elements_left_out(&case),
            [Element::Source, Element::Time, Element::Guidance]
        );
    }

    fn template(source: &str, site: Option<&str>, level: Option<Level>) -> Template {
        Template {
            medium: Medium::Sms,
            language: Language::Ko,
            over: false,
            channel: None,
            site: site.map(|site| site.parse().unwrap()),
            hazard: None,
            level,
            source: source.into(),
        }
    }

    #[test]
    fn the_closest_template_is_taken() {
        let texts = texts(vec![
            template("site", Some("cut-12"), None),
            template("level", None, Some(Level::Severe)),
            template("other site", Some("cut-13"), Some(Level::Severe)),
            template("any", None, None),
        ]);
        assert_eq!(say(&texts, Medium::Sms, Language::Ko, &alert(1, Level::Severe)), "site");
        let mut elsewhere = alert(1, Level::Severe);
        elsewhere.site.id = "cut-14".parse().unwrap();
        assert_eq!(say(&texts, Medium::Sms, Language::Ko, &elsewhere), "level");
        elsewhere.level = Level::Warning;
        assert_eq!(say(&texts, Medium::Sms, Language::Ko, &elsewhere), "any");
        assert!(say(&texts, Medium::Sms, Language::En, &elsewhere).contains("Bongsu city"));
    }

    #[test]
    fn a_template_with_something_wrong_is_named_and_never_silences_a_warning() {
        for (source, part) in [
            ("{{ headline", "does not read"),
            ("{% if x %}", "does not read"),
            ("{{ plaice }}", "plaice"),
            ("{% for x in evidence %}{{ x }}{% endfor %}", "evidence"),
        ] {
            let error = examine(source).unwrap_err().to_string();
            assert!(error.contains(part), "{source}: {error}");
        }
        for (key, _) in Medium::WORDS {
            for over in [false, true] {
                let medium = Medium::WORDS.iter().find(|(word, _)| *word == key).unwrap().1;
                for language in [Language::Ko, Language::En] {
                    assert_eq!(
                        examine(catalogue::message(medium.template(over), language)),
                        Ok(())
                    );
                }
            }
        }
        let texts = texts(vec![template("{{ headline | no_such_filter }}", None, None)]);
        let alert = alert(1, Level::Severe);
        let case = Case {
            medium: Medium::Sms,
            channel: &channel(),
            language: Language::Ko,
            alert: &alert,
        };
        assert!(texts.say(&case).is_err());
        assert!(texts.say_anyway(&case).contains("대피하십시오"));
    }

    #[test]
    fn a_text_that_does_not_fit_is_named() {
        let mut long = alert(1, Level::Severe);
        long.site.area.ko = "가".repeat(80);
        let case = Case {
            medium: Medium::CellBroadcast90,
            channel: &channel(),
            language: Language::Ko,
            alert: &long,
        };
        let faults = texts(vec![]).faults(&case, Limit::CellBroadcast(90)).unwrap();
        assert!(matches!(faults[0], Fault::TooLong { most: 90, unit: Unit::Characters, .. }));
    }
}
