//! What a request asks for, refused with a document that says why.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};

use crate::board::problem::{Kind, Problem};

/// How many entries a list has at most, and if nobody says how many.
const LIMIT_MAX: u32 = 500;
const LIMIT: u32 = 100;

/// The query of an address.
pub(in crate::board) struct Asked<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Query::from_request_parts(parts, state).await {
            Ok(Query(asked)) => Ok(Self(asked)),
            Err(error) => Err(Problem::from(Kind::BadRequest).detail(error.body_text())),
        }
    }
}

/// The variable part of an address, or parts.
pub(in crate::board) struct Named<T = String>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Named<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(name)) => Ok(Self(name)),
            Err(_) => Err(Kind::NotFound.into()),
        }
    }
}

/// A JSON body.
pub(in crate::board) struct Sent<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Sent<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let error: JsonRejection = match Json::from_request(request, state).await {
            Ok(Json(sent)) => return Ok(Self(sent)),
            Err(error) => error,
        };
        let kind = match error.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Kind::TooLarge,
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Kind::WrongMedia,
            _ => Kind::BadRequest,
        };
        Err(Problem::from(kind).detail(error.body_text()))
    }
}

/// The largest whole number that every JSON reader knows exactly, and one more.
const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;

/// A whole number of JSON, where 5 and 5.0 are the same.
///
/// # Errors
/// For a number that is not whole, not positive, or too large.
pub(super) fn whole<'de, D: Deserializer<'de>, T: TryFrom<u64>>(
    from: D,
) -> Result<Option<T>, D::Error> {
    let Some(number) = Option::<serde_json::Number>::deserialize(from)? else { return Ok(None) };
    let written = number.as_f64().filter(|value| value.fract() == 0.0);
    let written =
        written.filter(|value| (0.0..WHOLE_MAX).contains(value)).map(|value| value as u64);
    let value = number.as_u64().or(written).and_then(|value| T::try_from(value).ok());
    let refused = || serde::de::Error::custom(format!("{number} is not a whole number that fits"));
    value.map(Some).ok_or_else(refused)
}

/// How many entries to give.
///
/// # Errors
/// [`Kind::BadRequest`] for none or too many.
pub(in crate::board) fn limit(asked: Option<u32>) -> Result<u32, Problem> {
    match asked.unwrap_or(LIMIT) {
        limit @ 1..=LIMIT_MAX => Ok(limit),
        _ => {
            Err(Problem::from(Kind::BadRequest).detail(format!("`limit` is from 1 to {LIMIT_MAX}")))
        }
    }
}

/// A page of a list.
#[derive(Serialize)]
pub(in crate::board) struct Page<T, C> {
    items: Vec<T>,
    next: Option<C>,
}

impl<T, C> Page<T, C> {
    /// A page out of one entry more than `limit`, by which it is known whether there is a next one.
    pub(in crate::board) fn new<R>(
        mut rows: Vec<R>,
        limit: u32,
        cursor: impl Fn(&R) -> C,
        shown: impl Fn(&R) -> T,
    ) -> Json<Self> {
        let limit = limit as usize;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = if more { rows.last().map(cursor) } else { None };
        Json(Self { items: rows.iter().map(shown).collect(), next })
    }
}
