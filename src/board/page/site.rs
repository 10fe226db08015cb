//! `/sites/{site}`: what stands at a site, what it measured, and by which criteria it is judged.

use std::time::Duration;

use alerting::catalogue::{self, Language};
use alerting::condition::ConditionSettings;
use alerting::condition::explain::Measure;
use alerting::rule::Rule;
use alerting::setup::Setup;
use axum::extract::State;
use axum::response::Html;
use ingest::archive::history::{Asked, Point};
use minijinja::context;
use minijinja::value::{Serde, Value};
use reading::registry::{Make, Series, Site, StationIndex};
use reading::{Quality, Quantity, Timestamp, Unit};
use serde::{Deserialize, Serialize};

use crate::board::Shared;
use crate::board::access::Asking;
use crate::board::api::{Asked as Query, Named, since};
use crate::board::chart::{Chart, Drawing, HEIGHT, WIDTH, Wish};
use crate::board::facts::Facts;
use crate::board::language::Reads;
use crate::board::moment::{Shown, named};
use crate::board::problem::{Kind, Problem};
use crate::board::words::{hazard, kind, look, look_word, say};
use crate::overview::Latest;

/// How many series a page draws; what is beyond is for the API.
const SERIES_MAX: usize = 64;

/// How much of the past a page shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Range {
    name: &'static str,
    whole: Duration,
    every: Duration,
    /// How moments are named.
    format: &'static str,
}

const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;

const RANGES: [Range; 4] = [
    range("24h", DAY, 600, "%H:%M"),
    range("7d", 7 * DAY, HOUR, "%m-%d"),
    range("30d", 30 * DAY, 3 * HOUR, "%m-%d"),
    range("1y", 365 * DAY, DAY, "%Y-%m"),
];

const fn range(name: &'static str, whole: u64, every: u64, format: &'static str) -> Range {
    let (whole, every) = (Duration::from_secs(whole), Duration::from_secs(every));
    Range { name, whole, every, format }
}

#[derive(Deserialize)]
pub(in crate::board) struct SiteAsked {
    range: Option<String>,
}

/// One instrument's quantity.
#[derive(Serialize)]
struct SeriesShown {
    name: String,
    quantity: &'static str,
    unit: &'static str,
    value: Option<String>,
    measured: Option<Shown>,
    quality: Vec<&'static str>,
    /// Between which values the next reading is expected.
    expected: Option<(String, String)>,
    maker: String,
    chart: Option<Chart>,
    /// What all amounts of the range came to.
    sum: Option<String>,
}

/// One criterion.
#[derive(Serialize)]
struct RuleShown {
    id: String,
    look: &'static str,
    word: &'static str,
    group: &'static str,
    condition: String,
    author: String,
    date: String,
    reason: String,
}

#[derive(Serialize)]
struct IncidentShown {
    id: String,
    hazard: &'static str,
    look: &'static str,
    word: &'static str,
    what: String,
    since: Shown,
}

/// The page.
pub(in crate::board) async fn site(
    State(app): State<Shared>,
    _asking: Asking,
    Reads(language): Reads,
    Named(id): Named,
    Query(asked): Query<SiteAsked>,
) -> Result<Html<String>, Problem> {
    let asked = asked.range.as_deref().unwrap_or(RANGES[0].name);
    let range = RANGES.into_iter().find(|range| range.name == asked);
    let range = range.ok_or_else(|| {
        Problem::from(Kind::BadRequest).detail("`range` is 24h, 7d, 30d or 1y".to_owned())
    })?;
    let facts = app.live.facts();
    let setup = facts.overview.setup.clone();
    let index = setup.registry.site(&id).ok_or(Kind::NotFound)?;
    let site = &setup.registry.sites()[index.index()];
    let to = app.now();
    let (past, history_is_there) = match past(&app, &setup, site, range, to).await {
        Ok(past) => (past, true),
        Err(_) => (Vec::new(), false), // told in the log; the rest of the page is worth having
    };
    let view = facts.overview.sites.get(index.index());
    let drawing = SitePage { facts: &facts, setup: &setup, site, range, to, language };
    let context = context! {
        id => site.id.as_str(),
        name => say(&site.name, language),
        area => say(&site.area, language),
        kind => kind(site.kind, language),
        look => view.map_or("unknown", look),
        word => view.map(|view| look_word(view, language)),
        silent => view.map_or(0, |view| view.silent),
        of => view.map_or(0, |view| view.series),
        since => Value::from(Serde(
            view.and_then(|view| since(&facts.levels, site, view)).map(|at| Shown::new(at, &site.zone)),
        )),
        range => range.name,
        ranges => RANGES.map(|range| range.name),
        width => WIDTH,
        height => HEIGHT,
        history_is_there,
        incidents => Value::from(Serde(drawing.incidents())),
        series => Value::from(Serde(drawing.series(&past))),
        rules => Value::from(Serde(drawing.rules())),
    };
    app.templates.page("site.html", language, context)
}

/// The series of a site, in the order of names.
fn series_of<'a>(setup: &'a Setup, site: &Site) -> Vec<(usize, &'a Series)> {
    let registry = &setup.registry;
    let stations = registry.stations().iter().enumerate();
    stations
        .filter(|(_, station)| registry.sites()[station.site.index()].id == site.id)
        .flat_map(|(at, _)| registry.series_of(StationIndex(at as u32)))
        .map(|at| (at, &registry.series()[at]))
        .take(SERIES_MAX)
        .collect()
}

/// What the history has of each.
async fn past(
    app: &Shared,
    setup: &Setup,
    site: &Site,
    range: Range,
    to: Timestamp,
) -> Result<Vec<Vec<Point>>, Problem> {
    let wishes: Vec<Asked> = series_of(setup, site)
        .into_iter()
        .map(|(_, series)| Asked {
            series: series.name.to_string(),
            from: to.minus(range.whole),
            to,
            every: Some(range.every),
            limit: 1_000,
        })
        .collect();
    app.read_history(move |history| {
        wishes.iter().map(|asked| history.read(asked).map(|page| page.points)).collect()
    })
    .await
}

/// What the parts of a page are drawn from.
struct SitePage<'a> {
    facts: &'a Facts,
    setup: &'a Setup,
    site: &'a Site,
    range: Range,
    to: Timestamp,
    language: Language,
}

impl SitePage<'_> {
    fn series(&self, past: &[Vec<Point>]) -> Vec<SeriesShown> {
        let none = Vec::new();
        let series = series_of(self.setup, self.site).into_iter().enumerate();
        series
            .map(|(number, (at, series))| {
                let latest = self.facts.overview.latest.get(at).copied().flatten();
                self.one(series, latest, past.get(number).unwrap_or(&none))
            })
            .collect()
    }

    fn one(&self, series: &Series, latest: Option<Latest>, points: &[Point]) -> SeriesShown {
        let quantity = series.name.quantity;
        let unit = shown_unit(quantity);
        let adds_up = quantity == Quantity::Rain;
        let name = |at: Timestamp| named(at, &self.site.zone, self.range.format);
        let chart = Drawing {
            points,
            from: self.to.minus(self.range.whole),
            to: self.to,
            every: self.range.every,
            limits: &self.limits(series, unit),
            expected: latest.and_then(|latest| latest.expected).filter(|_| !adds_up),
            adds_up,
            name: &name,
        };
        let sum: f64 = points.iter().map(|point| point.sum).sum();
        SeriesShown {
            name: format!("{}/{}", series.name.station, series.name.sensor),
            quantity: say_quantity(quantity, self.language),
            unit,
            value: latest.map(|latest| number(latest.value)),
            measured: latest.map(|latest| Shown::new(latest.measured_at, &self.site.zone)),
            quality: latest.map(|latest| flags(latest.quality, self.language)).unwrap_or_default(),
            expected: latest
                .and_then(|latest| latest.expected)
                .map(|(low, high)| (number(low), number(high))),
            maker: series.make.as_deref().map(made_by).unwrap_or_default(),
            chart: chart.draw(),
            sum: (adds_up && !points.is_empty()).then(|| number(sum)),
        }
    }

    /// The values themselves that criteria compare: what is compared with a rate or a sum is not on this scale.
    fn limits(&self, series: &Series, unit: &str) -> Vec<Wish> {
        let clauses = self
            .rules_here()
            .flat_map(|rule| rule.clauses.iter().map(move |clause| (rule, clause)));
        let about = clauses.filter(|(_, clause)| clause.series.contains(&series.name));
        about
            .filter_map(|(rule, clause)| match &clause.condition {
                ConditionSettings::Threshold(settings) => Some((rule.level, settings.raise_at)),
                _ => None,
            })
            .map(|(level, value)| Wish {
                value,
                look: level.name(),
                word: format!(
                    "{} {} {unit}",
                    catalogue::level(level, self.language),
                    number(value)
                ),
            })
            .collect()
    }

    fn rules_here(&self) -> impl Iterator<Item = &Rule> {
        self.setup.rules.iter().filter(|rule| rule.site == self.site.id)
    }

    fn rules(&self) -> Vec<RuleShown> {
        let mut rules: Vec<&Rule> = self.rules_here().collect();
        rules.sort_by(|a, b| b.level.cmp(&a.level).then_with(|| a.id.cmp(&b.id)));
        rules.into_iter().map(|rule| self.rule(rule)).collect()
    }

    fn rule(&self, rule: &Rule) -> RuleShown {
        let tested: Vec<String> = rule
            .clauses
            .iter()
            .map(|clause| {
                let said = clause.condition.said();
                let base = clause.series.first().map(|name| shown_unit(name.quantity));
                let unit = match said.measure {
                    Measure::Base => base.unwrap_or_default().to_owned(),
                    Measure::BasePerHour => format!("{}/h", base.unwrap_or_default()),
                    Measure::Own(unit) => unit.to_owned(),
                };
                let places =
                    clause.series.iter().map(|name| format!("{}/{}", name.station, name.sensor));
                let places = places.collect::<Vec<_>>().join(", ");
                format!("{places}: {} {} {unit}", clause.condition.name(), number(said.limit))
            })
            .collect();
        RuleShown {
            id: rule.id.to_string(),
            look: rule.level.name(),
            word: catalogue::level(rule.level, self.language),
            group: rule.group.name(),
            condition: tested.join(" · "),
            author: rule.provenance.author.clone(),
            date: rule.provenance.date.clone(),
            reason: rule.provenance.reason.clone(),
        }
    }

    fn incidents(&self) -> Vec<IncidentShown> {
        let here = self.facts.open.iter().filter(|record| record.site == self.site.id);
        here.map(|record| IncidentShown {
            id: record.id.to_string(),
            hazard: hazard(record.hazard, self.language),
            look: record.level.name(),
            word: catalogue::level(record.level, self.language),
            what: say(&record.what, self.language).to_owned(),
            since: Shown::new(record.opened_at, &self.site.zone),
        })
        .collect()
    }
}

fn made_by(make: &Make) -> String {
    let parts = [&make.maker, &make.model, &make.serial, &make.installed];
    let known: Vec<&str> =
        parts.into_iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
    known.join(" · ")
}

/// The base unit; nothing for a ratio.
fn shown_unit(quantity: Quantity) -> &'static str {
    match quantity.base_unit() {
        Unit::One => "",
        unit => unit.symbol(),
    }
}

/// What is known against a reading, in words.
fn flags(quality: Quality, language: Language) -> Vec<&'static str> {
    let say = |word| catalogue::lookup(&["quality-", word].concat(), language).unwrap_or(word);
    quality.words().map(say).collect()
}

fn say_quantity(quantity: Quantity, language: Language) -> &'static str {
    let key = ["quantity-", quantity.name()].concat();
    catalogue::lookup(&key, language).unwrap_or(quantity.name())
}

/// Four figures, which is more than most instruments have.
fn number(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return if value == 0.0 { "0".into() } else { "–".into() };
    }
    let digits = (3.0 - value.abs().log10().floor()).clamp(0.0, 6.0) as usize;
    let text = format!("{value:.digits$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn numbers_have_four_figures() {
        for (value, text) in [
            (0.0, "0"),
            (0.123_456, "0.1235"),
            (12.0, "12"),
            (1_234.56, "1235"),
            (-2.5, "-2.5"),
            (1e-9, "0"),
            (f64::NAN, "–"),
        ] {
            assert_eq!(number(value), text, "{value}");
        }
    }
}
