//! What a series measured, from the local history.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use ingest::archive::history::{self, Point};
use reading::{Quality, SeriesName, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use super::asked::{Asked, Named};
use crate::board::Shared;
use crate::board::problem::{Kind, Problem};
use crate::config::duration;
use crate::moment::rfc3339;

/// How many points are given at once, at most and if nobody says how many.
const POINTS_MAX: usize = 10_000;
const POINTS: usize = 1_000;

/// How far back is looked if nobody says from when.
const BACK: Duration = Duration::from_secs(86_400);

/// The narrowest stretch.
const EVERY_MIN: Duration = Duration::from_secs(1);

#[derive(Deserialize)]
pub(in crate::board) struct ReadingsAsked {
    from: Option<String>,
    to: Option<String>,
    every: Option<String>,
    limit: Option<usize>,
}

/// `/api/v1/series/{site}/{station}/{sensor}/{quantity}/readings`, in order of time.
pub(in crate::board) async fn readings(
    State(app): State<Shared>,
    Named((site, station, sensor, quantity)): Named<(String, String, String, String)>,
    Asked(asked): Asked<ReadingsAsked>,
) -> Result<Json<Value>, Problem> {
    let name = format!("{site}/{station}/{sensor}/{quantity}");
    let name: SeriesName = name.parse().map_err(|_| Kind::NotFound)?;
    let facts = app.live.facts();
    let registry = &facts.overview.setup.registry;
    let series = registry.find(&name).ok_or(Kind::NotFound)?;
    let latest = facts.overview.latest.get(series.index()).copied().flatten();
    let zone =
        registry.site(name.site.as_str()).map(|at| registry.sites()[at.index()].zone.clone());
    let zone = zone.unwrap_or_default();
    let asked = wish(&name, &asked, app.now())?;
    let every = asked.every;
    let page = app.read_history(move |history| history.read(&asked)).await?;
    let items: Vec<_> = page.points.iter().map(|point| shown(point, every, &zone)).collect();
    Ok(Json(json!({
        "series": name.to_string(),
        "unit": name.quantity.base_unit().symbol(),
        "items": items,
        "expected": latest.and_then(|latest| latest.expected).map(expected),
        "next": page.next.map(|at| rfc3339(at, &zone)),
    })))
}

/// Between which values the next reading is expected.
pub(super) fn expected((low, high): (f64, f64)) -> Value {
    json!({ "low": low, "high": high })
}

/// What is asked of the history, or what is wrong with it.
fn wish(
    name: &SeriesName,
    asked: &ReadingsAsked,
    now: Timestamp,
) -> Result<history::Asked, Problem> {
    let refused = |what: &str| Problem::from(Kind::BadRequest).detail(what.to_owned());
    let moment = |text: &Option<String>, what: &str| match text {
        None => Ok(None),
        Some(text) => Timestamp::parse(text)
            .map(Some)
            .map_err(|_| refused(&format!("`{what}` is a moment such as 2026-07-14T03:10:00Z"))),
    };
    let to = moment(&asked.to, "to")?.unwrap_or(now);
    let from = moment(&asked.from, "from")?.unwrap_or_else(|| to.minus(BACK));
    if from >= to {
        return Err(Problem::unfit("`from` lies before `to`"));
    }
    let every = asked.every.as_deref().map(duration).transpose();
    let every = every.map_err(|_| refused("`every` is a duration such as 10min, 1h or 1d"))?;
    if every.is_some_and(|every| every < EVERY_MIN) {
        return Err(Problem::unfit("`every` is at least 1 s"));
    }
    let limit = asked.limit.unwrap_or(POINTS);
    if !(1..=POINTS_MAX).contains(&limit) {
        return Err(refused(&format!("`limit` is from 1 to {POINTS_MAX}")));
    }
    Ok(history::Asked { series: name.to_string(), from, to, every, limit })
}

fn shown(point: &Point, every: Option<Duration>, zone: &str) -> Value {
    let at = rfc3339(point.at, zone);
    let quality: Vec<_> = Quality::from_bits(point.quality).words().collect();
    match every {
        None if point.count == 1 => json!({ "at": at, "value": point.mean, "quality": quality }),
        _ => json!({
            "at": at,
            "count": point.count,
            "min": point.min,
            "max": point.max,
            "mean": point.mean,
            "sum": point.sum,
            "quality": quality,
        }),
    }
}
