//! Signing in with a password, a token or a one-time link, and out.

use std::net::IpAddr;
use std::time::Duration;

use axum::Form;
use axum::extract::rejection::FormRejection;
use axum::extract::{Query, Request, State};
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use axum::{RequestExt, http::Uri};
use minijinja::context;
use serde::Deserialize;
use tokio::sync::OwnedSemaphorePermit;

use super::access::{self, SESSION, cookie, failed, form_from_here, peer};
use super::api::Named;
use super::devices::{DEVICE, KNOWN_SECS};
use super::language::Reads;
use super::problem::{Kind, Problem, escaped};
use super::sessions::Holder;
use super::throttle::{Attempt, WINDOW_SECS};
use super::tokens::{Digest, Refusal};
use super::{App, Shared, in_turn};
use crate::people::{Person, Scope};

/// How long a password waits until others were looked at.
const TURN_WAIT_MAX: Duration = Duration::from_secs(3);

#[derive(Deserialize)]
pub(super) struct Onwards {
    next: Option<String>,
}

/// What the form says: a user, a password and perhaps a code, or a token.
#[derive(Deserialize)]
struct Given {
    #[serde(default)]
    user: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    code: String,
    #[serde(default)]
    token: String,
    next: Option<String>,
}

/// Who is let in, and whether their session may answer for the public.
struct Opened {
    holder: Holder,
    person: Person,
    second: bool,
    /// What the browser keeps, if it is to be known.
    device: Option<String>,
}

/// The form.
pub(super) async fn form(
    State(app): State<Shared>,
    Reads(language): Reads,
    uri: Uri,
    headers: HeaderMap,
    Query(onwards): Query<Onwards>,
) -> Result<Response, Problem> {
    let next = local(onwards.next.as_deref());
    if access::session(&app, &headers).is_some() {
        return Ok(Redirect::to(&next).into_response());
    }
    // Followed from another site, a browser keeps our cookie back. Asked again from here, it sends it.
    let followed = headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site");
    let again = followed.then(|| uri.path_and_query().map_or("/sign-in", |asked| asked.as_str()));
    let page = app.templates.page(
        "sign-in.html",
        language,
        context! { onwards => escaped(&next), next, again, users => app.state.tokens.store().is_some() },
    )?;
    Ok(page.into_response())
}

/// What the form says.
pub(super) async fn with_form(
    State(app): State<Shared>,
    Reads(language): Reads,
    request: Request,
) -> Response {
    let (peer, headers) = (peer(&request), request.headers().clone());
    if !form_from_here(&app, &headers) {
        return Problem::from(Kind::CrossSite).into_response();
    }
    let given: Result<Form<Given>, FormRejection> = request.extract().await;
    let Form(given) = match given {
        Ok(form) => form,
        Err(error) if error.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            return Problem::from(Kind::TooLarge).into_response();
        }
        Err(error) => {
            return Problem::from(Kind::BadRequest).detail(error.body_text()).into_response();
        }
    };
    let next = local(given.next.as_deref());
    let user = given.user.trim().to_owned();
    let opened = if given.token.trim().is_empty() {
        by_password(&app, given, &headers, peer).await
    } else {
        by_token(&app, given.token.trim(), peer)
    };
    let code_needed = match opened {
        Ok(opened) => return enter(&app, opened, &next, peer).await,
        Err(Refused::Problem(problem)) => return problem.into_response(),
        Err(Refused::CodeNeeded) => true,
        Err(Refused::Wrong) => false,
    };
    let context = context! {
        onwards => escaped(&next), next, user, code_needed,
        wrong => !code_needed,
        users => app.state.tokens.store().is_some(),
    };
    match app.templates.page("sign-in.html", language, context) {
        Ok(page) => (StatusCode::UNAUTHORIZED, page).into_response(),
        Err(problem) => problem.into_response(),
    }
}

/// Why nobody was let in.
enum Refused {
    Wrong,
    CodeNeeded,
    Problem(Problem),
}

fn by_token(app: &App, token: &str, peer: IpAddr) -> Result<Opened, Refused> {
    match app.state.tokens.find(token) {
        Some((person, scope)) if scope != Scope::Metrics => {
            let holder = Holder::Bearer(Digest::of(token));
            Ok(Opened { holder, person, second: false, device: None })
        }
        _ => match failed(app, peer) {
            problem if problem.is_too_many() => Err(Refused::Problem(problem)),
            _ => Err(Refused::Wrong),
        },
    }
}

async fn by_password(
    app: &Shared,
    given: Given,
    headers: &HeaderMap,
    peer: IpAddr,
) -> Result<Opened, Refused> {
    let id = given.user.trim().to_lowercase();
    let known = app.devices.known(headers, &id);
    let attempt = Attempt { user: &id, known: known.as_deref(), address: peer };
    if app.throttle.attempt(attempt, app.state.tokens.clock().at()) {
        app.metrics.sign_ins_failed.inc();
        return Err(Refused::Problem(Problem::from(Kind::TooMany).retry_after(WINDOW_SECS)));
    }
    let (tokens, asked) = (app.state.tokens.clone(), id.clone());
    let checked = hashing(app, move || tokens.check(&asked, &given.password, &given.code)).await;
    match checked.map_err(Refused::Problem)? {
        Ok((user, second)) => {
            app.throttle.forgive(attempt);
            let device = app.devices.knowing(headers, &id);
            let device = device
                .map_err(|error| Refused::Problem(Problem::fault("know a browser", &error)))?;
            let holder = Holder::User { id: user.id.clone(), epoch: user.epoch };
            Ok(Opened { holder, person: user.person(), second, device: Some(device) })
        }
        Err(Refusal::CodeNeeded) => {
            // Half of what lets them in makes no browser theirs: codes are guessed there no faster.
            app.throttle.forgive(attempt);
            Err(Refused::CodeNeeded)
        }
        Err(Refusal::Wrong) => {
            app.metrics.sign_ins_failed.inc();
            tracing::warn!(%peer, "a sign-in failed");
            Err(Refused::Wrong)
        }
    }
}

/// Work with passwords, beside the tasks that serve, so many at once and no more.
pub(super) async fn hashing<T: Send + 'static>(
    app: &App,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Problem> {
    let turn = turn(app).await?;
    in_turn(turn, work).await.map_err(|error| Problem::fault("look at a password", &error))
}

/// A turn to work with a password. Who does not get one soon is told so rather than kept waiting.
pub(super) async fn turn(app: &App) -> Result<OwnedSemaphorePermit, Problem> {
    let turn = tokio::time::timeout(TURN_WAIT_MAX, app.hashing.clone().acquire_owned()).await;
    let busy = || Problem::from(Kind::Busy).retry_after(TURN_WAIT_MAX.as_secs() as u32);
    turn.ok().and_then(Result::ok).ok_or_else(busy)
}

/// A one-time link. It is used up by being opened.
pub(super) async fn with_link(
    State(app): State<Shared>,
    Named(code): Named,
    request: Request,
) -> Response {
    // Asking what is there must not use it up.
    if request.method() != axum::http::Method::GET {
        return Problem::from(Kind::WrongMethod).into_response();
    }
    match app.state.tokens.redeem(&code) {
        Some(person) => {
            let holder = Holder::Given(person.clone());
            // Made by whoever runs bongsu, for whom they choose, and used up: it counts as both factors.
            let opened = Opened { holder, person, second: true, device: None };
            enter(&app, opened, "/", peer(&request)).await
        }
        None => match failed(&app, peer(&request)) {
            problem if problem.is_too_many() => problem.into_response(),
            _ => Redirect::to("/sign-in").into_response(),
        },
    }
}

/// Ends the session.
pub(super) async fn out(State(app): State<Shared>, headers: HeaderMap) -> Response {
    if !form_from_here(&app, &headers) {
        return Problem::from(Kind::CrossSite).into_response();
    }
    if let Some(secret) = cookie(&headers, SESSION) {
        app.state.tokens.close_session(&Digest::of(secret));
    }
    let gone = AppendHeaders([(SET_COOKIE, session_cookie(&app, "", "; Max-Age=0"))]);
    (gone, Redirect::to("/sign-in")).into_response()
}

async fn enter(app: &App, opened: Opened, next: &str, peer: IpAddr) -> Response {
    let Opened { holder, person, second, device } = opened;
    tracing::info!(by = %person.name, role = person.role.name(), "signed in to the board");
    let (at, role) = (app.now(), person.role.name());
    let entry = serde_json::json!({
        "by": &*person.name, "role": role, "second_factor": second, "from": peer.to_string(),
    });
    // Who comes in is in the trail before they are let in.
    if let Err(problem) = app.read(move |ledger| ledger.audit(at, "sign-in", &entry)).await {
        return problem.into_response();
    }
    match opened_session(app, holder, second) {
        Ok(kept) => {
            let cookies = [Some(kept), device.and_then(|device| device_cookie(app, &device))];
            let cookies = cookies.into_iter().flatten().map(|cookie| (SET_COOKIE, cookie));
            (AppendHeaders(cookies), Redirect::to(next)).into_response()
        }
        Err(problem) => problem.into_response(),
    }
}

/// The cookie of a new session.
pub(super) fn opened_session(
    app: &App,
    holder: Holder,
    second: bool,
) -> Result<HeaderValue, Problem> {
    let secret = app.state.tokens.open_session(holder, second);
    let secret = secret.map_err(|error| Problem::fault("open a session", &error))?;
    Ok(session_cookie(app, &secret, ""))
}

fn session_cookie(app: &App, secret: &str, age: &str) -> HeaderValue {
    let secure = if app.is_sealed() { "; Secure" } else { "" };
    HeaderValue::try_from(format!(
        "{SESSION}={secret}; HttpOnly; SameSite=Strict; Path=/{secure}{age}"
    ))
    .expect("a session's secret is plain ASCII")
}

/// The cookie by which a browser is known, for the door alone.
fn device_cookie(app: &App, device: &str) -> Option<HeaderValue> {
    let secure = if app.is_sealed() { "; Secure" } else { "" };
    HeaderValue::try_from(format!(
        "{DEVICE}={device}; HttpOnly; SameSite=Strict; Path=/sign-in; Max-Age={KNOWN_SECS}{secure}"
    ))
    .ok()
}

/// Where to go on to: a path of ours, or the board.
fn local(next: Option<&str>) -> String {
    let ours = |next: &&str| {
        let mut bytes = next.bytes();
        bytes.next() == Some(b'/')
            && !matches!(bytes.next(), Some(b'/' | b'\\'))
            && next.bytes().all(|b| b.is_ascii_graphic())
            && !next.starts_with("/sign-")
    };
    next.filter(ours).unwrap_or("/").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_elsewhere() {
        for ours in ["/", "/?lang=en", "/api/v1/sites"] {
            assert_eq!(local(Some(ours)), ours);
        }
        for other in [
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "evil",
            "",
            "/\n/x",
            "/sign-out",
            "/급",
        ] {
            assert_eq!(local(Some(other)), "/", "{other}");
        }
        assert_eq!(local(None), "/");
    }
}
