//! Text messages through an agency's HTTP API. Every agency has its own; the body is a template, and what proves
//! that a message was taken is a place in the answer.
//!
//! The delivery's key goes into the body as `id`, so that an agency that honours ids sends once.

use std::sync::Arc;

use alerting::catalogue::{self, Language};
use alerting::text::{Limit, too_long};
use alerting::{AttemptResult, Delivery};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use minijinja::value::Value;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, context};

use super::http::{Answer, Peer};
use super::{Spoken, refused, retry};
use crate::contacts::{Addresses, Phone};
use crate::probe::{Probe, Proof, Provable};
use crate::text::{Case, Medium, Texts};

/// How an agency is spoken to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgencySettings {
    /// The type of the body: `application/json` or `application/x-www-form-urlencoded`.
    pub content_type: String,
    /// The body, a template with `to` (as written in Korea), `to_e164`, `from`, `text`, `id`, `is_long`.
    pub body: String,
    /// The number messages come from.
    pub from: String,
    /// Where the answer, a JSON document, has the message's id: a JSON pointer. Without one a 2xx answer without an
    /// error is enough.
    pub reference: Option<String>,
    /// The longest text, mixed bytes: 90 for SMS, 2 000 for LMS.
    pub bytes_max: usize,
    /// A number of our own that link tests write to.
    pub test_number: Option<Phone>,
}

/// From how many mixed bytes on a text is a long one (LMS).
const SHORT_MAX: usize = 90;

/// What the body template may name.
pub const VARIABLES: [&str; 6] = ["to", "to_e164", "from", "text", "id", "is_long"];

/// Sends through an agency.
pub struct Agency {
    peer: Peer,
    settings: AgencySettings,
    environment: Environment<'static>,
    texts: Arc<Texts>,
    addresses: Addresses,
}

impl Agency {
    /// A channel through this agency.
    pub fn new(
        peer: Peer,
        settings: AgencySettings,
        texts: Arc<Texts>,
        addresses: Addresses,
    ) -> Self {
        let environment = environment(&settings.content_type);
        Self { peer, settings, environment, texts, addresses }
    }

    async fn send(&self, delivery: &Delivery) -> AttemptResult {
        let (contact, phone) = match self.addresses.phone(delivery).await {
            Ok(found) => found,
            Err(result) => return result,
        };
        let text = self.texts.say_anyway(&Case::of(Medium::Sms, delivery, contact.language));
        self.write(&phone, &text, delivery.key.as_str()).await
    }

    async fn write(&self, phone: &Phone, text: &str, id: &str) -> AttemptResult {
        let values = context! {
            to => phone.national(), to_e164 => phone.as_str(), from => self.settings.from.as_str(),
            is_long => !too_long(text, Limit::MixedBytes(SHORT_MAX)).is_empty(),
            text => text, id => id,
        };
        match self.environment.render_str(&self.settings.body, values) {
            Ok(body) => self.post(body).await,
            Err(error) => refused(format!("the body's template failed: {error}")),
        }
    }

    async fn post(&self, body: String) -> AttemptResult {
        let request = self.peer.post(&self.settings.content_type, body.into_bytes());
        match self.peer.ask(request).await {
            Ok(answer) => verdict(&answer, self.settings.reference.as_deref()),
            Err(result) => result,
        }
    }
}

impl Spoken for Agency {
    fn say<'a>(&'a self, delivery: &'a Delivery, _attempt: u32) -> BoxFuture<'a, AttemptResult> {
        self.send(delivery).boxed()
    }
}

impl Provable for Agency {
    fn targets(&self) -> Vec<String> {
        self.settings.test_number.iter().map(|_| "own-number".into()).collect()
    }

    /// A short message to a number of our own, as the agency takes any other.
    fn prove<'a>(&'a self, probe: &'a Probe) -> BoxFuture<'a, Proof> {
        async {
            let Some(number) = &self.settings.test_number else {
                return Proof::Failed("there is no number for tests".into());
            };
            let text = catalogue::message("probe-line", Language::Ko);
            self.write(number, text, probe.id()).await.into()
        }
        .boxed()
    }
}

/// Values are written as the body's type needs them, so that no text can break out of its place.
fn environment(content_type: &str) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let is_json = content_type.contains("json");
    environment.set_auto_escape_callback(move |_| {
        AutoEscape::Custom(if is_json { "json".into() } else { "form".into() })
    });
    environment.set_formatter(move |out, _, value: &Value| {
        let text = match value.as_str() {
            Some(text) => text.to_owned(),
            None => value.to_string(),
        };
        let escaped = if is_json { json_inner(&text) } else { form(&text) };
        out.write_str(&escaped).map_err(minijinja::Error::from)
    });
    environment
}

/// The inside of a JSON string.
fn json_inner(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// As in `application/x-www-form-urlencoded`.
fn form(text: &str) -> String {
    let keep = |b: u8| b.is_ascii_alphanumeric() || b"-._*".contains(&b);
    let byte = |b: u8| match b {
        b' ' => "+".into(),
        b if keep(b) => char::from(b).to_string(),
        b => format!("%{b:02X}"),
    };
    text.bytes().map(byte).collect()
}

/// Whether a body template reads and names only what there is.
///
/// # Errors
/// What is wrong.
pub fn examine(body: &str) -> Result<(), String> {
    let environment = Environment::new();
    let template = environment.template_from_str(body).map_err(|error| error.to_string())?;
    let mut unknown: Vec<String> = template.undeclared_variables(false).into_iter().collect();
    unknown.retain(|name| !VARIABLES.contains(&name.as_str()));
    unknown.sort();
    unknown.first().map_or(Ok(()), |name| Err(format!("it names `{name}`, which does not exist")))
}

fn verdict(answer: &Answer, reference: Option<&str>) -> AttemptResult {
    let verdict = answer.verdict();
    let AttemptResult::Delivered { receipt } = verdict else { return verdict };
    if let Some(complaint) = answer.complaint() {
        return refused(format!("{receipt}, and yet: {complaint}"));
    }
    let Some(pointer) = reference else {
        return AttemptResult::HandedOver { reference: receipt };
    };
    let document: Option<serde_json::Value> = serde_json::from_slice(&answer.body).ok();
    let id = document.as_ref().and_then(|document| document.pointer(pointer));
    match id {
        Some(serde_json::Value::String(id)) if !id.is_empty() => {
            AttemptResult::HandedOver { reference: id.chars().take(200).collect() }
        }
        Some(serde_json::Value::Number(id)) => {
            AttemptResult::HandedOver { reference: id.to_string() }
        }
        _ => retry(format!("{receipt} without an id at {pointer}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        let status = reqwest::StatusCode::from_u16(status).unwrap();
        Answer { status, said: "agency answered".into(), body: body.into() }
    }

    #[test]
    fn only_an_id_where_it_belongs_is_a_message_taken() {
        for (status, body, expected) in [
            (200, r#"{"result":{"id":"M1"}}"#, "handed-over M1"),
            (200, r#"{"result":{"id":42}}"#, "handed-over 42"),
            (200, r#"{"result":{}}"#, "retry"),
            (200, "OK", "retry"),
            (200, r#"{"error":"no credit"}"#, "refused"),
            (200, r#"{"status":"fail","result":{"id":"M1"}}"#, "refused"),
            (401, "{}", "refused"),
            (503, "{}", "retry"),
        ] {
            let got = match verdict(&answer(status, body), Some("/result/id")) {
                AttemptResult::HandedOver { reference } => format!("handed-over {reference}"),
                AttemptResult::Retry { .. } => "retry".into(),
                AttemptResult::Refused { .. } => "refused".into(),
                other => panic!("{other:?}"),
            };
            assert_eq!(got, expected, "{body}");
        }
    }

    #[test]
    fn no_text_breaks_out_of_its_place() {
        let text = "\"}],\"to\":\"all\"\n&to=all% 대피";
        let json = environment("application/json")
            .render_str(r#"{"text":"{{ text }}"}"#, context! { text })
            .unwrap();
        let read: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(read["text"], text);
        let body = environment("application/x-www-form-urlencoded")
            .render_str("msg={{ text }}&x=1", context! { text })
            .unwrap();
        assert_eq!(body.matches('&').count(), 1);
        assert!(body.contains("%EB%8C%80%ED%94%BC"), "{body}");
    }

    #[test]
    fn a_body_names_only_what_there_is() {
        assert_eq!(examine(r#"{"to":"{{ to }}","m":"{{ text }}"}"#), Ok(()));
        assert!(examine("{{ number }}").unwrap_err().contains("number"));
        assert!(examine("{{ to").is_err());
    }
}
