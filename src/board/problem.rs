//! What went wrong, as RFC 9457 says it to machines and as a page to people.
//!
//! Handlers return a [`Problem`]; it travels as a mark on an empty response, and [`speak`] alone turns it into words
//! in the language of the request. What went wrong inside is logged, never told.

use alerting::catalogue::{self, Language};
use axum::Json;
use axum::extract::{Request, State};
use axum::http::header::{
    ACCEPT, ALLOW, CONTENT_LANGUAGE, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE,
};
use axum::http::{HeaderValue, Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use minijinja::context;
use serde::Serialize;

use super::Shared;
use super::language::Reads;

/// What kind of thing went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    BadRequest,
    NotSignedIn,
    NotAllowed,
    PasswordChange,
    SecondFactor,
    NotHere,
    CrossSite,
    NotFound,
    WrongMethod,
    Refused,
    KeyInUse,
    KeyReused,
    Unfit,
    TooLarge,
    WrongMedia,
    TooMany,
    Fault,
    Busy,
    TooSlow,
}

impl Kind {
    #[cfg(test)]
    pub(super) const ALL: [Self; 19] = [
        Self::BadRequest,
        Self::NotSignedIn,
        Self::NotAllowed,
        Self::PasswordChange,
        Self::SecondFactor,
        Self::NotHere,
        Self::CrossSite,
        Self::NotFound,
        Self::WrongMethod,
        Self::Refused,
        Self::KeyInUse,
        Self::KeyReused,
        Self::Unfit,
        Self::TooLarge,
        Self::WrongMedia,
        Self::TooMany,
        Self::Fault,
        Self::Busy,
        Self::TooSlow,
    ];

    const fn status(self) -> StatusCode {
        match self {
            Self::BadRequest => StatusCode::BAD_REQUEST,
            Self::NotSignedIn => StatusCode::UNAUTHORIZED,
            Self::NotAllowed
            | Self::PasswordChange
            | Self::SecondFactor
            | Self::NotHere
            | Self::CrossSite => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::WrongMethod => StatusCode::METHOD_NOT_ALLOWED,
            Self::Refused | Self::KeyInUse => StatusCode::CONFLICT,
            Self::KeyReused | Self::Unfit => StatusCode::UNPROCESSABLE_ENTITY,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::WrongMedia => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooMany => StatusCode::TOO_MANY_REQUESTS,
            Self::Fault => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Self::TooSlow => StatusCode::GATEWAY_TIMEOUT,
        }
    }

    /// Its key in the catalogue; without `board-problem-`, its name in `type`.
    pub(super) const fn key(self) -> &'static str {
        match self {
            Self::BadRequest => "board-problem-bad-request",
            Self::NotSignedIn => "board-problem-not-signed-in",
            Self::NotAllowed => "board-problem-not-allowed",
            Self::PasswordChange => "board-problem-password-change",
            Self::SecondFactor => "board-problem-second-factor",
            Self::NotHere => "board-problem-not-here",
            Self::CrossSite => "board-problem-cross-site",
            Self::NotFound => "board-problem-not-found",
            Self::WrongMethod => "board-problem-wrong-method",
            Self::Refused => "board-problem-refused",
            Self::KeyInUse => "board-problem-key-in-use",
            Self::KeyReused => "board-problem-key-reused",
            Self::Unfit => "board-problem-unfit",
            Self::TooLarge => "board-problem-too-large",
            Self::WrongMedia => "board-problem-wrong-media",
            Self::TooMany => "board-problem-too-many",
            Self::Fault => "board-problem-fault",
            Self::Busy => "board-problem-busy",
            Self::TooSlow => "board-problem-too-slow",
        }
    }

    fn name(self) -> &'static str {
        self.key().trim_start_matches("board-problem-")
    }
}

/// Something went wrong with a request.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    kind: Kind,
    detail: Option<String>,
    retry_after: Option<u32>,
    sequence: Option<u64>,
}

impl From<Kind> for Problem {
    fn from(kind: Kind) -> Self {
        Self { kind, detail: None, retry_after: None, sequence: None }
    }
}

impl Problem {
    /// The same with what exactly is wrong. Said to the client: no secrets, no internals.
    pub(super) fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// The same with when to try again, in seconds.
    pub(super) const fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// The same with the journal position of what was refused.
    pub(super) const fn sequence(mut self, sequence: u64) -> Self {
        self.sequence = Some(sequence);
        self
    }

    /// A request that reads well and asks for what cannot be.
    pub(super) fn unfit(what: impl Into<String>) -> Self {
        Self::from(Kind::Unfit).detail(what)
    }

    pub(super) fn is_too_many(&self) -> bool {
        self.kind == Kind::TooMany
    }

    /// What went wrong inside: into the log, and nothing of it to the client.
    pub(super) fn fault(doing: &'static str, error: &(dyn std::error::Error + 'static)) -> Self {
        tracing::warn!(doing, error, "the board cannot answer a request");
        Kind::Fault.into()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.kind.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

pub(super) async fn not_found() -> Problem {
    Kind::NotFound.into()
}

pub(super) async fn method_not_allowed() -> Problem {
    Kind::WrongMethod.into()
}

#[derive(Serialize)]
struct Document<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    instance: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence: Option<u64>,
}

/// Puts the problem of a response into words.
pub(super) async fn speak(
    State(app): State<Shared>,
    Reads(language): Reads,
    request: Request,
    next: Next,
) -> Response {
    let to_people = wants_a_page(&request);
    let may_sign_in = to_people && request.method() == Method::GET;
    let uri = request.uri().clone();
    let mut response = next.run(request).await;
    let Some(problem) = response.extensions_mut().remove::<Problem>() else { return response };
    let mut answer = match problem.kind {
        Kind::NotSignedIn if may_sign_in => to_sign_in(&uri),
        Kind::PasswordChange if may_sign_in => Redirect::to("/account").into_response(),
        _ if to_people => page(&app, &problem, language),
        _ => document(&problem, language, &uri),
    };
    // What the router said stays: a 405 names the methods that would do.
    if let Some(allow) = response.headers().get(ALLOW) {
        answer.headers_mut().insert(ALLOW, allow.clone());
    }
    if let Some(seconds) = problem.retry_after {
        answer.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    answer
}

/// A page for people who came by a browser's address line; everything else is told as a document.
fn wants_a_page(request: &Request) -> bool {
    let path = request.uri().path();
    let accepts =
        request.headers().get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    accepts.contains("text/html") && !path.starts_with("/api/") && path != "/board/now"
}

fn to_sign_in(uri: &Uri) -> Response {
    let next = uri.path_and_query().map_or("/", |asked| asked.as_str());
    Redirect::to(&format!("/sign-in?next={}", escaped(next))).into_response()
}

fn document(problem: &Problem, language: Language, uri: &Uri) -> Response {
    let document = Document {
        r#type: format!("urn:bongsu:problem:{}", problem.kind.name()),
        title: catalogue::message(problem.kind.key(), language),
        status: problem.kind.status().as_u16(),
        detail: problem.detail.as_deref(),
        instance: uri.path(),
        sequence: problem.sequence,
    };
    let mut response = (problem.kind.status(), Json(document)).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(CONTENT_LANGUAGE, HeaderValue::from_static(language.code()));
    if problem.kind == Kind::NotSignedIn {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"bongsu\""));
    }
    response
}

fn page(app: &Shared, problem: &Problem, language: Language) -> Response {
    let title = catalogue::message(problem.kind.key(), language);
    let status = problem.kind.status();
    let context = context! { title, status => status.as_u16(), detail => problem.detail.clone() };
    match app.templates.page("problem.html", language, context) {
        Ok(page) => (status, page).into_response(),
        Err(_) => (status, title).into_response(),
    }
}

/// A local address as a value in a query.
pub(super) fn escaped(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~' | b'/');
    text.bytes()
        .map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect()
}
