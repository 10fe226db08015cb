//! Signing in with a token or a one-time link, and out.

use std::net::IpAddr;

use axum::Form;
use axum::extract::rejection::FormRejection;
use axum::extract::{Path, Query, Request, State};
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use axum::{RequestExt, http::Uri};
use minijinja::context;
use serde::Deserialize;

use super::access::{self, SESSION, cookie, failed, form_from_here, peer};
use super::language::Reads;
use super::problem::{Kind, Problem, escaped};
use super::tokens::{Digest, Person};
use super::{App, Shared};

#[derive(Deserialize)]
pub(super) struct Onwards {
    next: Option<String>,
}

#[derive(Deserialize)]
struct Given {
    token: String,
    next: Option<String>,
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
        context! { onwards => escaped(&next), next, again },
    )?;
    Ok(page.into_response())
}

/// A token out of the form.
pub(super) async fn with_token(
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
    match app.state.tokens.find(given.token.trim()) {
        Some(person) => enter(&app, person, &next, peer).await,
        None => {
            let problem = failed(&app, peer);
            let page = app.templates.page(
                "sign-in.html",
                language,
                context! { onwards => escaped(&next), next, wrong => true },
            );
            match (problem.is_too_many(), page) {
                (false, Ok(page)) => (StatusCode::UNAUTHORIZED, page).into_response(),
                _ => problem.into_response(),
            }
        }
    }
}

/// A one-time link. It is used up by being opened.
pub(super) async fn with_link(
    State(app): State<Shared>,
    Path(code): Path<String>,
    request: Request,
) -> Response {
    // Asking what is there must not use it up.
    if request.method() != axum::http::Method::GET {
        return Problem::from(Kind::WrongMethod).into_response();
    }
    match app.state.tokens.redeem(&code) {
        Some(person) => enter(&app, person, "/", peer(&request)).await,
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

async fn enter(app: &App, person: Person, next: &str, peer: IpAddr) -> Response {
    tracing::info!(by = %person.name, role = person.role.name(), "signed in to the board");
    let (at, role) = (app.now(), person.role.name());
    let entry = serde_json::json!({ "by": &*person.name, "role": role, "from": peer.to_string() });
    // Who comes in is in the trail before they are let in.
    if let Err(problem) = app.read(move |ledger| ledger.audit(at, "sign-in", &entry)).await {
        return problem.into_response();
    }
    match app.state.tokens.open_session(person) {
        Ok(secret) => {
            let kept = AppendHeaders([(SET_COOKIE, session_cookie(app, &secret, ""))]);
            (kept, Redirect::to(next)).into_response()
        }
        Err(error) => Problem::fault("open a session", &error).into_response(),
    }
}

fn session_cookie(app: &App, secret: &str, age: &str) -> HeaderValue {
    let secure = app.state.public_url.as_deref().is_some_and(|url| url.starts_with("https://"));
    let secure = if secure { "; Secure" } else { "" };
    HeaderValue::try_from(format!(
        "{SESSION}={secret}; HttpOnly; SameSite=Strict; Path=/{secure}{age}"
    ))
    .expect("a session's secret is plain ASCII")
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
