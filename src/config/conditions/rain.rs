//! Conditions on rain and the water it leaves in the ground.

use std::time::Duration;

use alerting::condition::effective_rain::{self, HALF_LIVES_MAX, Part};
use alerting::condition::intensity_duration::{self, Line};
use alerting::condition::limit::Limit;
use alerting::condition::{Side, accumulation, antecedent_water, recent_antecedent, soil_water};
use reading::unit::Quantity;

use super::super::limits::{Per, measure};
use super::super::tree::{At, Value};
use super::reader::{In, Reader, Usual};
use super::{DAY, SUM_WINDOW_MAX, holds_reports};

const HOUR: Duration = Duration::from_secs(3_600);

/// Published lines by name; docs/formulas.md 5.3 has their sources.
const LINES: [(&str, Line); 4] = [
    ("caine-1980", Line::CAINE),
    ("guzzetti-2008", Line::GUZZETTI),
    ("korea-2013", Line::KOREA),
    ("seattle", Line::SEATTLE),
];

/// Tanks begin empty: a month of rain before they say something (docs/formulas.md 5.5).
const WARM_UP: Duration = Duration::from_secs(30 * 86_400);

/// Days of each month.
const DAYS: [f64; 12] = [31.0, 28.25, 31.0, 30.0, 31.0, 30.0, 31.0, 31.0, 30.0, 31.0, 30.0, 31.0];

/// The sum of a window.
pub fn accumulation(reader: &mut Reader<'_>) -> Option<accumulation::Settings> {
    let summed = [Quantity::Rain, Quantity::Count];
    reader.only(&summed, "is not an amount since the report before: a sum of it means nothing");
    let source = reader.amounts();
    let written_in = if source.tip.is_some() { In::Of(Quantity::Rain) } else { In::Series };
    let limit = reader.positive_limit(written_in, Usual::ONE);
    let window = reader.window(2, SUM_WINDOW_MAX);
    let limit = limit?;
    Some(accumulation::Settings {
        source,
        window: window?.value,
        raise_at: limit.raise_at,
        clear_below: limit.clear_below,
        persistence: limit.persistence,
    })
}

/// A storm against a line.
pub fn intensity_duration(reader: &mut Reader<'_>) -> Option<intensity_duration::Settings> {
    let source = reader.rain();
    let line = line(reader);
    let dry = reader.integer("dry-hours", 3, 1..=240) as u16;
    if !reader.table.has("raise-at") {
        let persistence = reader.persistence(Usual::ONE)?;
        let limit = Limit { persistence, ..Limit::above(1.0) };
        return Some(intensity_duration::Settings { source, line: line?, dry_hours: dry, limit });
    }
    let limit = reader.positive_limit(In::Percent, Usual::ONE)?;
    let limit =
        Limit { raise_at: limit.raise_at / 100.0, clear_below: limit.clear_below / 100.0, ..limit };
    Some(intensity_duration::Settings { source, line: line?, dry_hours: dry, limit })
}

fn line(reader: &mut Reader<'_>) -> Option<Line> {
    reader.need(
        "line",
        "say which line: line = \"korea-2013\", \"caine-1980\", \"guzzetti-2008\", \"seattle\"",
    );
    reader.table.choice("line", &LINES, reader.problems).map(|line| line.value)
}

/// Recent against antecedent rain.
pub fn recent_antecedent(reader: &mut Reader<'_>) -> Option<recent_antecedent::Settings> {
    let published = recent_antecedent::Settings::SEATTLE;
    let source = reader.rain();
    let windows = HOUR..=SUM_WINDOW_MAX;
    let recent = reader.span_or("recent", published.recent, 2, windows.clone());
    let antecedent = reader.span_or("antecedent", published.antecedent, 2, windows);
    let base = reader.size("base", Quantity::Rain).unwrap_or(published.base);
    let slope = reader.number("slope", published.slope, 0.0..=10.0);
    let persistence = reader.persistence(Usual::ONE)?;
    Some(recent_antecedent::Settings { source, recent, antecedent, base, slope, persistence })
}

/// Rain forgotten by halves.
pub fn effective_rain(reader: &mut Reader<'_>) -> Option<effective_rain::Settings> {
    let source = reader.rain();
    reader.need(
        "half-lives",
        "say how fast it is forgotten: half-lives = [{ half-life = \"6 h\", raise-at = \"60 mm\" }]",
    );
    let list = reader.table.list("half-lives", reader.problems);
    let parts = list.and_then(|list| half_lives(reader, list));
    let persistence = reader.persistence(Usual::ONE)?;
    Some(effective_rain::Settings { source, parts: parts?, persistence })
}

fn half_lives(reader: &mut Reader<'_>, list: At<Vec<At<Value>>>) -> Option<Vec<Part>> {
    if !(1..=HALF_LIVES_MAX).contains(&list.value.len()) {
        let what = format!("1 to {HALF_LIVES_MAX} half-lives stand beside each other");
        reader.problems.add(&list.place, what, "write one to four tables in the brackets");
        return None;
    }
    list.value.into_iter().map(|item| part(reader, item)).collect()
}

fn part(reader: &mut Reader<'_>, item: At<Value>) -> Option<Part> {
    let Value::Table(mut table) = item.value else {
        let remedy = "write { half-life = \"6 h\", raise-at = \"60 mm\" }";
        reader.problems.add(&item.place, "a half-life is a table", remedy);
        return None;
    };
    table.need("half-life", "say in which time half is forgotten", reader.problems);
    let bounds = HOUR / 4..=60 * DAY;
    let half_life = table.duration("half-life", bounds, reader.problems);
    if let Some(half_life) = &half_life {
        holds_reports("half-life", half_life, 2, reader.series, reader.problems);
    }
    let limits = reader.part(&mut table).limits(Side::Above, In::Of(Quantity::Rain));
    table.finish("a half-life", reader.problems);
    let limits = limits?;
    if limits.raise_at.value <= 0.0 {
        reader.problems.add(
            &limits.raise_at.place,
            "it is always at or above this",
            "write an amount above 0",
        );
    }
    let (raise_at, clear_below) = (limits.raise_at.value, limits.clear_below);
    Some(Part { half_life: half_life?.value, raise_at, clear_below })
}

/// Soil water in three tanks.
pub fn soil_water(reader: &mut Reader<'_>) -> Option<soil_water::Settings> {
    let source = reader.rain();
    let step = reader.step(HOUR);
    let warm_up = reader.duration("warm-up", WARM_UP, Duration::ZERO..=400 * DAY);
    let limit = match site_limit(reader) {
        Some(full) => {
            let limit = reader.positive_limit(In::Percent, Usual::ONE)?;
            let of = |share: f64| share / 100.0 * full;
            Limit { raise_at: of(limit.raise_at), clear_below: of(limit.clear_below), ..limit }
        }
        None => reader.positive_limit(In::Of(Quantity::Rain), Usual::ONE)?,
    };
    Some(soil_water::Settings { source, step, warm_up, limit })
}

/// What is 100 %, where the limit is written in percent of it.
fn site_limit(reader: &mut Reader<'_>) -> Option<f64> {
    reader.size("site-limit", Quantity::Rain)
}

/// Soil water above field capacity.
pub fn antecedent_water(reader: &mut Reader<'_>) -> Option<antecedent_water::Settings> {
    let source = reader.rain();
    let step = reader.step(HOUR);
    let warm_up = reader.duration("warm-up", WARM_UP, Duration::ZERO..=400 * DAY);
    // usual values: U.S. Geological Survey, Seattle (docs/formulas.md 5.4)
    let field_capacity = reader.size("field-capacity", Quantity::Rain).unwrap_or(180.0);
    let drain = reader.number("drain", 0.01, 1e-6..=10.0);
    let evaporation = evaporation(reader);
    let limit = reader.limit(Side::Above, In::Of(Quantity::Rain), Usual::ONE)?;
    Some(antecedent_water::Settings {
        source,
        step,
        field_capacity,
        drain,
        evaporation: evaporation?,
        warm_up,
        limit,
    })
}

/// Twelve amounts, one a month from January: what evaporates in the month.
fn evaporation(reader: &mut Reader<'_>) -> Option<[f64; 12]> {
    reader
        .need("evaporation", "say what evaporates in each month: twelve amounts, from January on");
    let parse = |text: &str| measure(text, Quantity::Rain, Per::Itself);
    let months = reader.table.reads("evaporation", parse, reader.problems)?;
    let by_days = months.value.iter().zip(DAYS);
    let an_hour: Vec<f64> = by_days.map(|(mm, days)| mm.value / (24.0 * days)).collect();
    let negative = months.value.iter().find(|month| month.value < 0.0);
    if let Some(negative) = negative {
        reader.problems.add(&negative.place, "nothing evaporates backwards", "write 0 mm or more");
    }
    match <[f64; 12]>::try_from(an_hour) {
        Ok(an_hour) if months.value.len() == 12 => Some(an_hour),
        _ => {
            let what = format!("{} months are given", months.value.len());
            reader.problems.add(
                &months.place,
                what,
                "write twelve amounts, from January to December",
            );
            None
        }
    }
}
