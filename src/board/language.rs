//! Which language a person reads: what was asked for, chosen before, or preferred by the browser.

use alerting::catalogue::Language;
use axum::extract::{FromRequestParts, Request};
use axum::http::header::{ACCEPT_LANGUAGE, SET_COOKIE, VARY};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use std::convert::Infallible;

use super::access::cookie;

const COOKIE: &str = "bongsu-lang";

/// How long a choice is kept, seconds: a year.
const KEPT: u32 = 31_536_000;

/// The language of this request; handlers take it as an argument.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reads(pub Language);

impl<S: Sync> FromRequestParts<S> for Reads {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get().copied().unwrap_or(Self(Language::default())))
    }
}

/// Finds the language of a request and keeps one that was asked for with `?lang=`.
pub(super) async fn choose(mut request: Request, next: Next) -> Response {
    let asked = asked(request.uri().query().unwrap_or_default());
    let language = asked.unwrap_or_else(|| preferred(request.headers()));
    request.extensions_mut().insert(Reads(language));
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.append(VARY, HeaderValue::from_static("accept-language, cookie"));
    if let Some(language) = asked {
        let kept =
            format!("{COOKIE}={}; Path=/; Max-Age={KEPT}; SameSite=Lax; HttpOnly", language.code());
        headers.append(SET_COOKIE, HeaderValue::try_from(kept).expect("the cookie is plain ASCII"));
    }
    response
}

fn asked(query: &str) -> Option<Language> {
    query.split('&').find_map(|pair| pair.strip_prefix("lang=")).and_then(Language::parse)
}

fn preferred(headers: &HeaderMap) -> Language {
    let chosen = cookie(headers, COOKIE).and_then(Language::parse);
    let accepted =
        || headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).and_then(accepted);
    chosen.or_else(accepted).unwrap_or_default()
}

/// The language of ours with the highest weight; of equals the first.
fn accepted(header: &str) -> Option<Language> {
    let mut best: Option<(Language, f32)> = None;
    for item in header.split(',').take(16) {
        let (tag, weight) = item.split_once(';').unwrap_or((item, "q=1"));
        let weight =
            weight.trim().strip_prefix("q=").and_then(|q| q.parse::<f32>().ok()).unwrap_or(0.0);
        let Some(language) = Language::parse(&tag.trim().to_ascii_lowercase()) else { continue };
        if weight > 0.0 && best.is_none_or(|(_, before)| weight > before) {
            best = Some((language, weight));
        }
    }
    best.map(|(language, _)| language)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_browser_s_preference_is_weighed() {
        let table = [
            ("en-US,en;q=0.9", Some(Language::En)),
            ("ko-KR,ko;q=0.9,en;q=0.8", Some(Language::Ko)),
            ("fr-FR, en;q=0.5, ko;q=0.7", Some(Language::Ko)),
            ("en;q=0, ko;q=0.1", Some(Language::Ko)),
            ("fr", None),
            ("", None),
            ("ko;q=broken", None),
        ];
        for (header, language) in table {
            assert_eq!(accepted(header), language, "{header}");
        }
    }

    #[test]
    fn only_a_language_of_ours_can_be_asked_for() {
        assert_eq!(asked("lang=en"), Some(Language::En));
        assert_eq!(asked("site=a&lang=ko"), Some(Language::Ko));
        assert_eq!(asked("lang=fr"), None);
        assert_eq!(asked("slang=en"), None);
    }
}
