//! What every channel over HTTP does alike: one request, bounded answers, no redirects, no proxies, no addresses in
//! what is said.
//!
//! 408, 425, 429, 5xx, redirects (never followed) and network trouble may work later; every other answer is final.

use std::fmt::Write as _;
use std::time::Duration;

use alerting::AttemptResult;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};

use super::{delivered, refused, retry};
use crate::secret::Secret;

/// How much of an answer is read.
const ANSWER_LEN_MAX: usize = 64 << 10;

/// How long reading an answer's body may take; its status is known by then.
const ANSWER_REST: Duration = Duration::from_secs(1);

/// How much of a complaint is kept, characters.
const COMPLAINT_LEN: usize = 200;

/// Where requests go and how.
#[derive(Clone, Debug)]
pub struct HttpSettings {
    /// `https://…` or `http://…`; may hold user, password or token.
    pub url: Secret,
    /// How long one attempt may take.
    pub timeout: Duration,
    /// Certificates in PEM to trust instead of the system's, for a receiver with its own authority.
    pub authorities_pem: Option<Vec<u8>>,
    /// The whole value of the `Authorization` header, say `Bearer …`.
    pub authorization: Option<Secret>,
}

/// Why a peer cannot be set up. None of these repeats the setting itself.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// Not an address.
    #[error("the url is not an http or https address with a host")]
    Url,
    /// Not certificates.
    #[error("the authorities are not certificates in PEM")]
    Authorities,
    /// Not a header.
    #[error("the authorization cannot stand in a header; write one line of printable ASCII")]
    Authorization,
    /// The client could not be made.
    #[error("cannot make an HTTP client; check the system's certificates: {0}")]
    Client(String),
}

/// The far end of a channel over HTTP.
pub struct Peer {
    client: reqwest::Client,
    url: Url,
    shown: String,
}

/// What the far end answered.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// That, in words, with `retry-after` if it said so.
    pub said: String,
    /// The beginning of its body.
    pub body: Vec<u8>,
}

impl Peer {
    /// A peer at this address.
    ///
    /// # Errors
    /// [`HttpError`] if a setting cannot be used.
    pub fn new(settings: &HttpSettings) -> Result<Self, HttpError> {
        let url = Url::parse(settings.url.expose().trim()).map_err(|_| HttpError::Url)?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(HttpError::Url);
        }
        let shown = url.origin().ascii_serialization();
        Ok(Self { client: client(settings, &url)?, url, shown })
    }

    /// Its address as it may be shown: scheme, host and port.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// Its address.
    pub fn address(&self) -> &Url {
        &self.url
    }

    /// A POST to its address.
    pub fn post(&self, content_type: &str, body: Vec<u8>) -> RequestBuilder {
        self.request(Method::POST, self.url.clone()).header(CONTENT_TYPE, content_type).body(body)
    }

    /// A request to an address of the same peer.
    pub fn request(&self, method: Method, url: Url) -> RequestBuilder {
        self.client.request(method, url)
    }

    /// An address below its own: path segments are added, the query stays.
    pub fn below(&self, segments: &[&str]) -> Url {
        let mut url = self.url.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url
    }

    /// Sends a request, and reads the answer within bounds.
    ///
    /// # Errors
    /// What the attempt came to, if there is no answer.
    pub async fn ask(&self, request: RequestBuilder) -> Result<Answer, AttemptResult> {
        match request.send().await {
            Ok(mut response) => {
                let status = response.status();
                let said = said(&self.shown, status, response.headers());
                Ok(Answer { status, said, body: body(&mut response).await })
            }
            Err(error) if error.is_builder() => {
                Err(refused(format!("{}: {}", self.shown, reason(error))))
            }
            Err(error) => Err(retry(format!("{}: {}", self.shown, reason(error)))),
        }
    }
}

impl Answer {
    /// What the status alone says.
    pub fn verdict(&self) -> AttemptResult {
        let again =
            [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_EARLY, StatusCode::TOO_MANY_REQUESTS];
        match self.status {
            status if status.is_success() => delivered(&*self.said),
            status if status.is_client_error() && !again.contains(&status) => refused(&*self.said),
            _ => retry(&*self.said),
        }
    }

    /// What status and body say together: a success whose body tells of an error is a refusal, and one that is a page
    /// for people (a portal's to sign in, a proxy's) did not come from whom we asked.
    pub fn judged(&self) -> AttemptResult {
        match (self.verdict(), self.complaint()) {
            (AttemptResult::Delivered { receipt }, _) if self.is_page() => {
                retry(format!("{receipt}, with a page for people, which is no answer"))
            }
            (AttemptResult::Delivered { receipt }, Some(complaint)) => {
                refused(format!("{receipt}, and yet: {complaint}"))
            }
            (verdict, _) => verdict,
        }
    }

    /// Whether the body is a page of HTML.
    fn is_page(&self) -> bool {
        let text = self.text();
        let text = text.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
        ["<!doctype html", "<html"].into_iter().any(|begin| {
            text.get(..begin.len()).is_some_and(|said| said.eq_ignore_ascii_case(begin))
        })
    }

    /// The body as text, what is no UTF-8 replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// An error that the body tells of, whatever the status: a JSON object that says so in one of the usual ways, or
    /// an XML element called error or fault. Written in another encoding than UTF-8, it is said so.
    pub fn complaint(&self) -> Option<String> {
        let text = self.text();
        let found = match serde_json::from_str::<serde_json::Value>(&text) {
            Ok(value) => json_complaint(&value)?,
            Err(_) => xml_complaint(&text)?,
        };
        let mut said: String = found
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .take(COMPLAINT_LEN)
            .collect();
        if std::str::from_utf8(&self.body).is_err() {
            said.push_str(" (the answer is not UTF-8)");
        }
        Some(said)
    }
}

/// The environment's proxies are left out: what reaches people is decided by configuration alone.
fn client(settings: &HttpSettings, url: &Url) -> Result<reqwest::Client, HttpError> {
    let mut builder = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .timeout(settings.timeout)
        .user_agent(concat!("bongsu/", env!("CARGO_PKG_VERSION")));
    if let Some(authorization) = &settings.authorization {
        let mut value = HeaderValue::from_str(authorization.expose().trim())
            .map_err(|_| HttpError::Authorization)?;
        value.set_sensitive(true);
        builder = builder.default_headers(HeaderMap::from_iter([(AUTHORIZATION, value)]));
    }
    if let Some(pem) = &settings.authorities_pem {
        let authorities =
            reqwest::Certificate::from_pem_bundle(pem).map_err(|_| HttpError::Authorities)?;
        return builder.tls_certs_only(authorities).build().map_err(|_| HttpError::Authorities);
    }
    // Plain http needs no certificates, and a machine without any must still start.
    let builder = if url.scheme() == "http" { builder.tls_certs_only([]) } else { builder };
    builder.build().map_err(|error| HttpError::Client(reason(error)))
}

fn said(shown: &str, status: StatusCode, headers: &HeaderMap) -> String {
    let mut said = format!("{shown} answered {}", status.as_u16());
    if let Some(after) = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()) {
        let after: String = after.chars().take(40).collect();
        let _ = write!(said, ", retry after {after}");
    }
    said
}

/// Values of `status`, `result` or `code` that mean no.
const NO: [&str; 10] = [
    "error", "errors", "fail", "failed", "failure", "rejected", "refused", "denied", "invalid",
    "nok",
];

fn json_complaint(value: &serde_json::Value) -> Option<String> {
    use serde_json::Value;
    let object = value.as_object()?;
    for key in ["error", "errors", "fault"] {
        match object.get(key) {
            None | Some(Value::Null | Value::Bool(false)) => {}
            Some(Value::Array(list)) if list.is_empty() => {}
            Some(Value::String(text)) if text.is_empty() => {}
            Some(Value::Number(number)) if number.as_f64() == Some(0.0) => {}
            Some(other) => return Some(format!("{key}: {other}")),
        }
    }
    for key in ["success", "ok", "accepted"] {
        if object.get(key) == Some(&Value::Bool(false)) {
            return Some(value.to_string());
        }
    }
    let says_no = |key: &&str| {
        let said = object.get(*key).and_then(Value::as_str).map(str::to_ascii_lowercase);
        said.is_some_and(|said| NO.contains(&said.as_str()))
    };
    ["status", "result", "code"].iter().find(|key| says_no(key)).map(|_| value.to_string())
}

fn xml_complaint(text: &str) -> Option<String> {
    let leaves = super::cap::leaves(text)?;
    let is_fault = |path: &str| {
        path.split('/').any(|part| {
            let name = part.rsplit(':').next().unwrap_or(part).to_ascii_lowercase();
            matches!(name.as_str(), "error" | "errors" | "fault" | "faultstring" | "exception")
        })
    };
    leaves
        .into_iter()
        .find(|(path, _)| is_fault(path))
        .map(|(path, text)| format!("{path}: {text}"))
}

/// Reads an answer's body within bounds of length and time; what is beyond is left.
async fn body(response: &mut Response) -> Vec<u8> {
    let mut body = Vec::new();
    let rest = async {
        while let Ok(Some(chunk)) = response.chunk().await {
            let room = ANSWER_LEN_MAX - body.len();
            body.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if body.len() == ANSWER_LEN_MAX {
                return;
            }
        }
    };
    let _ = tokio::time::timeout(ANSWER_REST, rest).await;
    body
}

/// What went wrong, cause by cause, without the address.
fn reason(error: reqwest::Error) -> String {
    let timed_out = error.is_timeout();
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    if timed_out { "no answer in time".into() } else { text }
}
