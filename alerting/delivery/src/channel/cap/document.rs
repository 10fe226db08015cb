//! One alert as CAP 1.2 text (OASIS CAP 1.2).

use alerting::alert::Hazard;
use alerting::approval::Released;
use alerting::catalogue::{self, Language};
use alerting::{Alert, Level, MessageType, Purpose, SiteFacts, Status};
use jiff::tz::{Offset, TimeZone};
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};
use reading::Timestamp;
use reading::registry::Text;

use super::profile::Profile;
use super::store::{Published, Scope};
use super::{CapSettings, identifier};

const NAMESPACE: &str = "urn:oasis:names:tc:emergency:cap:1.2";
const DISTRICT_CODES: &str = "KR-LAWD";

/// The farthest offset that XML Schema knows, in seconds.
const OFFSET_MAX: i32 = 14 * 3_600;

/// What CAP says of a level.
struct Words {
    response: &'static str,
    urgency: &'static str,
    severity: &'static str,
    certainty: &'static str,
}

/// What a level is in words of CAP (own); the end of an incident and 정상 are its last row.
fn words(alert: &Alert) -> Words {
    let row =
        |response, urgency, severity, certainty| Words { response, urgency, severity, certainty };
    let level = match alert.message_type {
        MessageType::Alert | MessageType::Update => alert.level,
        MessageType::Cancel => Level::Normal,
    };
    let words = match level {
        Level::Normal => row("AllClear", "Past", "Minor", "Observed"),
        Level::Attention => row("Monitor", "Future", "Minor", "Possible"),
        Level::Caution => row("Prepare", "Expected", "Moderate", "Possible"),
        Level::Warning => row("Prepare", "Expected", "Severe", "Likely"),
        Level::Severe => row("Evacuate", "Immediate", "Extreme", "Likely"),
    };
    match (alert.hazard, level) {
        // Not seeing is no reason to leave the house.
        (
            Hazard::Monitoring,
            Level::Attention | Level::Caution | Level::Warning | Level::Severe,
        ) => Words { response: "Assess", ..words },
        _ => words,
    }
}

/// Who may see a message: officers alone for 관심, 정상 and faults of monitoring, unless the public was told before,
/// and then it hears the rest as well. What nobody let out is never for the public (G10), whatever it says.
pub fn scope(alert: &Alert, prior: &[Published]) -> Scope {
    let officers = alert.hazard == Hazard::Monitoring || alert.level <= Level::Attention;
    let heard = prior.iter().any(|published| published.scope == Scope::Public);
    let held_back = alert.released == Released::Officers;
    if held_back || officers && !heard { Scope::Restricted } else { Scope::Public }
}

/// A moment as CAP writes it: in the given zone, to the second, never with `Z`. What that cannot hold is in UTC.
pub fn zoned(at: Timestamp, zone: &str) -> String {
    let at = jiff::Timestamp::from_nanosecond(i128::from(at.nanos())).unwrap_or_default();
    let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
    let seconds = zone.to_offset(at).seconds();
    let writable = seconds % 60 == 0 && seconds.abs() <= OFFSET_MAX;
    let offset = Offset::from_seconds(if writable { seconds } else { 0 }).unwrap_or(Offset::UTC);
    let local = offset.to_datetime(at).strftime("%Y-%m-%dT%H:%M:%S").to_string();
    let (sign, minutes) =
        (if offset.seconds() > 0 { '+' } else { '-' }, offset.seconds().abs() / 60);
    format!("{local}{sign}{:02}:{:02}", minutes / 60, minutes % 60)
}

/// The document about an alert, given what was published about its incident before.
pub fn document(alert: &Alert, settings: &CapSettings, prior: &[Published]) -> String {
    let status = match (alert.purpose, alert.status) {
        (Purpose::TrailHead, Status::Actual) => "System", // between systems: nobody is warned of anything
        (_, other) => status(other),
    };
    write(alert, settings, prior, status, &[])
}

/// The same as a draft: something for a person to look at, not to be acted upon by itself. What is not in earnest
/// stays what it is.
pub fn draft(alert: &Alert, settings: &CapSettings, parameters: &[(String, String)]) -> String {
    let status = if alert.status == Status::Actual { "Draft" } else { status(alert.status) };
    write(alert, settings, &[], status, parameters)
}

/// The document of a link test: status `Test`, from us to one gateway, about nothing.
pub fn probe(identifier: &str, at: Timestamp, settings: &CapSettings, gateway: &str) -> String {
    let mut xml = Xml::new();
    xml.open("alert", Some(("xmlns", NAMESPACE)));
    xml.leaf("identifier", identifier);
    xml.leaf("sender", &settings.sender);
    xml.leaf("sent", &zoned(at, ""));
    xml.leaf("status", "Test");
    xml.leaf("msgType", "Alert");
    xml.leaf("scope", "Private");
    xml.leaf("addresses", gateway);
    xml.leaf("note", catalogue::message("probe-line", Language::En));
    xml.close("alert");
    xml.text()
}

fn write(
    alert: &Alert,
    settings: &CapSettings,
    prior: &[Published],
    status: &str,
    parameters: &[(String, String)],
) -> String {
    let scope = scope(alert, prior);
    let mut xml = Xml::new();
    xml.open("alert", Some(("xmlns", NAMESPACE)));
    xml.leaf("identifier", &identifier(alert, settings.gateway.as_ref()));
    xml.leaf("sender", &settings.sender);
    xml.leaf("sent", &zoned(alert.decided_at, &alert.site.zone));
    xml.leaf("status", status);
    xml.leaf("msgType", message_type(alert.message_type, prior));
    xml.leaf("scope", scope.name());
    if scope == Scope::Restricted {
        xml.leaf("restriction", &settings.restriction);
    }
    for code in &settings.profile.codes {
        xml.leaf("code", code);
    }
    match alert.purpose {
        Purpose::TrailHead => xml.optional("note", said(&alert.description, Language::En)),
        _ => xml.optional("note", &note(alert.status)),
    }
    xml.optional("references", &references(prior));
    xml.leaf("incidents", alert.incident.as_str());
    for language in [Language::Ko, Language::En] {
        info(&mut xml, alert, settings, parameters, language);
    }
    xml.close("alert");
    xml.text()
}

fn info(
    xml: &mut Xml,
    alert: &Alert,
    settings: &CapSettings,
    parameters: &[(String, String)],
    language: Language,
) {
    let words = words(alert);
    xml.open("info", None);
    xml.leaf("language", tag(language));
    xml.leaf("category", category(alert.hazard));
    xml.leaf("event", event(alert.hazard, language));
    xml.leaf("responseType", words.response);
    xml.leaf("urgency", words.urgency);
    xml.leaf("severity", words.severity);
    xml.leaf("certainty", words.certainty);
    for (name, value) in &settings.profile.event_codes {
        xml.pair("eventCode", name, value);
    }
    xml.leaf("expires", &zoned(alert.expires_at, &alert.site.zone));
    xml.optional("senderName", said(&settings.sender_name, language));
    xml.optional("headline", &headline(alert, language));
    xml.optional("description", said(&alert.description, language));
    xml.optional("instruction", said(&alert.instruction, language));
    xml.optional("contact", &settings.contact);
    xml.pair("parameter", "level", alert.level.name());
    for (name, value) in parameters {
        xml.pair("parameter", name, value);
    }
    area(xml, &alert.site, &settings.profile, language);
    xml.close("info");
}

fn area(xml: &mut Xml, site: &SiteFacts, profile: &Profile, language: Language) {
    let texts = [said(&site.area, language), said(&site.name, language), site.id.as_str()];
    let words = texts.into_iter().find(|text| !text.trim().is_empty()).unwrap_or_default();
    xml.open("area", None);
    xml.leaf("areaDesc", words);
    match polygon(&site.polygon) {
        Some(polygon) => xml.leaf("polygon", &polygon),
        None => xml.optional("circle", &circle(site).unwrap_or_default()),
    }
    if !site.district.is_empty() {
        xml.pair("geocode", DISTRICT_CODES, &site.district);
    }
    for (name, value) in &profile.geocodes {
        xml.pair("geocode", name, value);
    }
    xml.close("area");
}

/// The ring as `lat,lon lat,lon …`, closed; nothing if it is no ring.
fn polygon(ring: &[(f64, f64)]) -> Option<String> {
    let mut points: Vec<String> = ring.iter().copied().map(point).collect::<Option<_>>()?;
    if points.first() != points.last() {
        points.push(points.first()?.clone());
    }
    (points.len() >= 4).then(|| points.join(" "))
}

fn circle(site: &SiteFacts) -> Option<String> {
    let radius = site.radius_km;
    let centre = point(site.location)?;
    (radius.is_finite() && radius >= 0.0).then(|| format!("{centre} {radius}"))
}

fn point((latitude, longitude): (f64, f64)) -> Option<String> {
    let on_earth = latitude.abs() <= 90.0 && longitude.abs() <= 180.0;
    on_earth.then(|| format!("{latitude:.6},{longitude:.6}"))
}

/// The text in a language, or in the other where it has none: the wrong language beats silence.
fn said(text: &Text, language: Language) -> &str {
    let (wanted, other) = match language {
        Language::Ko => (&text.ko, &text.en),
        Language::En => (&text.en, &text.ko),
    };
    if wanted.trim().is_empty() { other } else { wanted }
}

/// Marked in words where it is not in earnest: many displays show the headline alone.
fn headline(alert: &Alert, language: Language) -> String {
    let headline = said(&alert.headline, language);
    match alert.status {
        Status::Actual => headline.into(),
        Status::Exercise => catalogue::fill("cap-headline-exercise", language, &[headline]),
        Status::Test => catalogue::fill("cap-headline-test", language, &[headline]),
    }
}

fn note(status: Status) -> String {
    let both = |key| {
        [catalogue::message(key, Language::Ko), catalogue::message(key, Language::En)].join(" / ")
    };
    match status {
        Status::Actual => String::new(),
        Status::Exercise => both("cap-note-exercise"),
        Status::Test => both("cap-note-test"),
    }
}

fn references(prior: &[Published]) -> String {
    let triples = prior.iter().map(|p| format!("{},{},{}", p.sender, p.identifier, p.sent));
    triples.collect::<Vec<_>>().join(" ")
}

const fn tag(language: Language) -> &'static str {
    match language {
        Language::Ko => "ko-KR",
        Language::En => "en-US",
    }
}

const fn status(status: Status) -> &'static str {
    match status {
        Status::Actual => "Actual",
        Status::Exercise => "Exercise",
        Status::Test => "Test",
    }
}

/// An update of what was never published is the first that readers see.
const fn message_type(kind: MessageType, prior: &[Published]) -> &'static str {
    match kind {
        MessageType::Alert => "Alert",
        MessageType::Update if prior.is_empty() => "Alert",
        MessageType::Update => "Update",
        MessageType::Cancel => "Cancel",
    }
}

const fn category(hazard: Hazard) -> &'static str {
    match hazard {
        Hazard::SlopeFailure => "Geo",
        Hazard::StructuralDamage | Hazard::Monitoring => "Infra",
    }
}

fn event(hazard: Hazard, language: Language) -> &'static str {
    let key = match hazard {
        Hazard::SlopeFailure => "hazard-slope-failure",
        Hazard::StructuralDamage => "hazard-structural-damage",
        Hazard::Monitoring => "hazard-monitoring",
    };
    catalogue::message(key, language)
}

/// Writes XML whose every text is legal in XML 1.0.
pub(super) struct Xml(Writer<Vec<u8>>);

impl Xml {
    pub(super) fn new() -> Self {
        let mut xml = Self(Writer::new_with_indent(Vec::new(), b' ', 2));
        xml.event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)));
        xml
    }

    pub(super) fn open(&mut self, name: &str, attribute: Option<(&str, &str)>) {
        self.event(Event::Start(BytesStart::new(name).with_attributes(attribute)));
    }

    pub(super) fn close(&mut self, name: &str) {
        self.event(Event::End(BytesEnd::new(name)));
    }

    pub(super) fn leaf(&mut self, name: &str, text: &str) {
        self.event(Event::Start(BytesStart::new(name)));
        self.words(text);
        self.close(name);
    }

    pub(super) fn words(&mut self, text: &str) {
        self.event(Event::Text(BytesText::new(&legal(text))));
    }

    pub(super) fn empty(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.event(Event::Empty(BytesStart::new(name).with_attributes(attributes.iter().copied())));
    }

    /// A leaf that is left out if there is nothing to say.
    pub(super) fn optional(&mut self, name: &str, text: &str) {
        if !text.trim().is_empty() {
            self.leaf(name, text);
        }
    }

    fn pair(&mut self, element: &str, name: &str, value: &str) {
        self.open(element, None);
        self.leaf("valueName", name);
        self.leaf("value", value);
        self.close(element);
    }

    pub(super) fn text(self) -> String {
        let mut text = String::from_utf8(self.0.into_inner()).expect("only text was written");
        text.push('\n');
        text
    }

    fn event(&mut self, event: Event<'_>) {
        self.0.write_event(event).expect("a vector takes every byte");
    }
}

/// Puts U+FFFD where XML 1.0 allows no character, so that a document is always readable and the loss is seen.
fn legal(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    let is_legal = |c: char| match c {
        '\t' | '\n' => true,
        '\u{fffe}' | '\u{ffff}' => false,
        _ => c >= ' ',
    };
    text.chars().map(|c| if is_legal(c) { c } else { '\u{fffd}' }).collect()
}
