//! One message: headers that make a thread, text and HTML, the map and the chart.

use std::time::{Duration, SystemTime};

use alerting::catalogue::Language;
use alerting::{Alert, Delivery, Level};
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Attachment, Mailbox, MultiPart, SinglePart};
use lettre::{Address, Message};

use super::escaped;
use super::map::map;
use crate::channel::chat::colour;
use crate::contacts::Contact;
use crate::text::{Case, Medium, Texts, is_over, mark, said};

/// The message about a delivery, with a chart where there is one. Otherwise the same for every attempt.
///
/// # Errors
/// Why it cannot be written, without addresses.
pub fn letter(
    delivery: &Delivery,
    contact: &Contact,
    mail: &str,
    from: &Address,
    texts: &Texts,
    chart: Option<String>,
) -> Result<Message, String> {
    let (alert, language) = (&delivery.alert, contact.language);
    let failed = |error: &dyn std::fmt::Display| format!("the mail cannot be written: {error}");
    let to: Address = mail.parse().map_err(|_| "the mail address cannot be used".to_owned())?;
    let text = texts.say_anyway(&Case::of(Medium::Mail, delivery, language));
    let thread = format!("<{}@{}>", alert.incident, from.domain());
    let sender = texts.sender(language).to_owned();
    let message = Message::builder()
        .from(Mailbox::new(Some(sender), from.clone()))
        .to(Mailbox::new(None, to))
        .subject(subject(alert, language))
        .date(moment(alert))
        .message_id(Some(format!("<{}@{}>", delivery.key, from.domain())))
        .in_reply_to(thread.clone())
        .references(thread)
        .raw_header(header("Auto-Submitted", "auto-generated"))
        .raw_header(header("X-Bongsu-Incident", alert.incident.as_str()));
    let both = MultiPart::alternative()
        .singlepart(SinglePart::plain(text.clone()))
        .singlepart(SinglePart::html(html(alert, &text)));
    let svg = ContentType::parse("image/svg+xml").map_err(|error| failed(&error))?;
    let map = Attachment::new("map.svg".into()).body(map(&alert.site), svg.clone());
    let mut mixed = MultiPart::mixed().multipart(both).singlepart(map);
    if let Some(chart) = chart {
        mixed = mixed.singlepart(Attachment::new("chart.svg".into()).body(chart, svg));
    }
    message.multipart(mixed).map_err(|error| failed(&error))
}

fn subject(alert: &Alert, language: Language) -> String {
    let headline = format!("{}{}", mark(alert.status, language), said(&alert.headline, language));
    headline.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn moment(alert: &Alert) -> SystemTime {
    let seconds = u64::try_from(alert.decided_at.nanos() / 1_000_000_000).unwrap_or_default();
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn header(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.into())
}

/// The text under a bar in the colour of the level, its first line large.
fn html(alert: &Alert, text: &str) -> String {
    let colour = colour(if is_over(alert) { Level::Normal } else { alert.level });
    let mut lines = text.lines();
    let title = escaped(lines.next().unwrap_or_default());
    let rest: Vec<String> = lines.map(escaped).collect();
    format!(
        "<!DOCTYPE html><html><body style=\"font-family:sans-serif;max-width:40em\">\
         <div style=\"border-left:8px solid {colour};padding:4px 16px\">\
         <h1 style=\"font-size:1.3em\">{title}</h1><p>{}</p></div></body></html>",
        rest.join("<br>\n")
    )
}
