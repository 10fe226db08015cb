//! `/account`: what people look after themselves: their password, their second factor, where else they are signed in.

use alerting::catalogue;
use axum::Form;
use axum::extract::State;
use axum::extract::rejection::FormRejection;
use axum::http::StatusCode;
use axum::http::header::SET_COOKIE;
use axum::response::{AppendHeaders, Html, IntoResponse, Redirect, Response};
use minijinja::context;
use serde::Deserialize;

use super::Shared;
use super::access::Asking;
use super::api::Asked;
use super::language::Reads;
use super::page::role_key;
use super::problem::{Kind, Problem};
use super::sessions::Holder;
use super::sign_in::{hashing, opened_session};
use super::throttle::Attempt;
use super::tokens::{Digest, Tokens};
use crate::people::{self, PeopleError, User};

/// What the page says about what was just done: a key of the catalogue, and whether it was done.
type Outcome = (&'static str, bool);

/// What was done just before.
#[derive(Deserialize)]
pub(super) struct Done {
    done: Option<String>,
}

/// The page.
pub(super) async fn page(
    State(app): State<Shared>,
    asking: Asking,
    reads: Reads,
    Asked(Done { done }): Asked<Done>,
) -> Result<Html<String>, Problem> {
    let outcome = (done.as_deref() == Some("password")).then_some(("account-password-done", true));
    draw(&app, &asking, reads, outcome)
}

fn draw(
    app: &Shared,
    asking: &Asking,
    Reads(language): Reads,
    outcome: Option<Outcome>,
) -> Result<Html<String>, Problem> {
    let tokens = &app.state.tokens;
    let user = asking.user.then(|| tokens.user(&asking.person.name)).flatten();
    let has_factor = user.as_ref().is_some_and(|user| user.factor().is_some());
    let to_be = match (&user, asking.session) {
        (Some(user), Some(key)) if !has_factor && !user.must_change => {
            tokens.factor_to_be(&key).map_err(|error| Problem::fault("make a secret", &error))?
        }
        _ => None,
    };
    let context = context! {
        person => &*asking.person.name,
        role => catalogue::message(role_key(asking.person.role), language),
        areas => (!asking.person.areas.is_everywhere()).then(|| asking.person.areas.to_string()),
        user => user.is_some(),
        must_change => user.as_ref().is_some_and(|user| user.must_change),
        has_factor,
        second => asking.second,
        secret => to_be.as_ref().map(people::SecondFactor::text),
        address => to_be.as_ref().map(|factor| factor.address(&asking.person.name)),
        others => user.as_ref().map_or(0, |user| tokens.sessions_of(user)).saturating_sub(1),
        outcome => outcome.map(|(key, _)| catalogue::message(key, language)),
        done => outcome.is_some_and(|(_, done)| done),
    };
    app.templates.page("account.html", language, context)
}

/// The page once more, with what was not done and why.
fn not_done(
    app: &Shared,
    asking: &Asking,
    reads: Reads,
    key: &'static str,
) -> Result<Response, Problem> {
    let page = draw(app, asking, reads, Some((key, false)))?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewPassword {
    current: String,
    fresh: String,
    again: String,
}

/// Another password: every session of the user's ends, and this browser has a new one.
pub(super) async fn password(
    State(app): State<Shared>,
    asking: Asking,
    reads: Reads,
    sent: Result<Form<NewPassword>, FormRejection>,
) -> Result<Response, Problem> {
    let (user, sent) = (own(&app, &asking)?, form(sent)?);
    if sent.fresh != sent.again {
        return not_done(&app, &asking, reads, "account-password-differs");
    }
    if sent.fresh == sent.current {
        return not_done(&app, &asking, reads, "account-password-same");
    }
    if let Err(weak) = people::check(&sent.fresh, &user.id) {
        return not_done(&app, &asking, reads, weak.key());
    }
    if throttled(&app, &asking) {
        return Err(Kind::TooMany.into());
    }
    let (tokens, id) = (app.state.tokens.clone(), user.id.clone());
    let changed = hashing(&app, move || changed_password(&tokens, &user, &sent)).await?;
    if !changed.map_err(|error| Problem::fault("change a password", &error))? {
        return not_done(&app, &asking, reads, "account-password-wrong");
    }
    app.throttle.forgive(attempt(&asking));
    let user = app.state.tokens.user(&id).ok_or(Kind::NotSignedIn)?;
    let holder = Holder::User { id, epoch: user.epoch };
    let kept = opened_session(&app, holder, asking.second)?;
    let page = Redirect::to("/account?done=password");
    Ok((AppendHeaders([(SET_COOKIE, kept)]), page).into_response())
}

fn changed_password(tokens: &Tokens, user: &User, sent: &NewPassword) -> Result<bool, PeopleError> {
    let Some(store) = tokens.store() else { return Ok(false) };
    if !tokens.hasher().verify(&sent.current, Some(user.password())) {
        return Ok(false);
    }
    let hash = tokens.hasher().hash(&sent.fresh)?;
    store.set_password(&user.id, &hash, false, &user.id, tokens.clock().wall())?;
    tokens.changed()?;
    Ok(true)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewFactor {
    password: String,
    code: String,
}

/// Sets up a second factor: the password again, and a code that shows that the app has the secret.
pub(super) async fn second_factor(
    State(app): State<Shared>,
    asking: Asking,
    reads: Reads,
    sent: Result<Form<NewFactor>, FormRejection>,
) -> Result<Response, Problem> {
    let (user, sent) = (own(&app, &asking)?, form(sent)?);
    let key = asking.session.ok_or(Kind::NotAllowed)?;
    if user.factor().is_some() || user.must_change {
        return Err(Kind::NotAllowed.into());
    }
    if throttled(&app, &asking) {
        return Err(Kind::TooMany.into());
    }
    let tokens = app.state.tokens.clone();
    let set_up = hashing(&app, move || has_factor(&tokens, &user, &key, &sent)).await?;
    if let Some(wrong) = set_up.map_err(|error| Problem::fault("set up a second factor", &error))? {
        return not_done(&app, &asking, reads, wrong);
    }
    app.throttle.forgive(attempt(&asking));
    app.state.tokens.strengthen(&key);
    draw(&app, &asking.strengthened(), reads, Some(("account-factor-done", true)))
        .map(IntoResponse::into_response)
}

/// Sets it up, or says what is wrong.
fn has_factor(
    tokens: &Tokens,
    user: &User,
    key: &Digest,
    sent: &NewFactor,
) -> Result<Option<&'static str>, PeopleError> {
    let (Some(store), Some(factor)) = (tokens.store(), tokens.factor_to_be(key)?) else {
        return Ok(Some("account-factor-wrong"));
    };
    if !tokens.hasher().verify(&sent.password, Some(user.password())) {
        return Ok(Some("account-password-wrong"));
    }
    let now = tokens.clock().wall();
    let Some(step) = factor.step(&sent.code, now) else {
        return Ok(Some("account-factor-wrong"));
    };
    store.set_factor(&user.id, Some(&factor), &user.id, now)?;
    store.use_step(&user.id, step)?;
    tokens.changed()?;
    Ok(None)
}

/// Ends the user's other sessions.
pub(super) async fn others(
    State(app): State<Shared>,
    asking: Asking,
    reads: Reads,
) -> Result<Html<String>, Problem> {
    own(&app, &asking)?;
    if let Some(key) = &asking.session {
        app.state.tokens.close_others(&asking.person.name, key);
    }
    draw(&app, &asking, reads, Some(("account-others-done", true)))
}

/// The user who asks; whoever came by a token or a link has nothing to look after.
fn own(app: &Shared, asking: &Asking) -> Result<User, Problem> {
    let user = asking.user.then(|| app.state.tokens.user(&asking.person.name)).flatten();
    user.ok_or_else(|| Kind::NotAllowed.into())
}

fn form<T>(sent: Result<Form<T>, FormRejection>) -> Result<T, Problem> {
    let bad = |error: FormRejection| Problem::from(Kind::BadRequest).detail(error.body_text());
    sent.map(|Form(sent)| sent).map_err(bad)
}

/// A password that is asked for again is guessed at no more often than at the door.
fn throttled(app: &Shared, asking: &Asking) -> bool {
    let now = app.state.tokens.clock().at();
    app.throttle.attempt(attempt(asking), now)
}

/// An attempt in a session: whoever fails at the door keeps nobody out who is in.
fn attempt(asking: &Asking) -> Attempt<'_> {
    Attempt { user: &asking.person.name, known: Some("session"), address: asking.peer }
}
