//! `/sites/{site}`: what stands at a site, what it measured, and by which criteria it is judged.

use std::time::Duration;

use alerting::catalogue::{self, Language};
use alerting::condition::ConditionSettings;
use alerting::condition::explain::Measure;
use alerting::rule::{Clause, Rule};
use alerting::setup::Setup;
use axum::extract::State;
use axum::response::Html;
use ingest::archive::history::{Asked, Point};
use minijinja::context;
use minijinja::value::{Serde, Value, merge_maps};
use reading::registry::{Make, Series, Site, StationIndex};
use reading::{Quality, Quantity, SeriesName, Timestamp, Unit};
use serde::{Deserialize, Serialize};

use super::head;
use super::rows::set;
use crate::board::Shared;
use crate::board::access::Asking;
use crate::board::administration::report_form;
use crate::board::api::{Asked as Query, Named, since};
use crate::board::chart::{Chart, Drawing, Wish};
use crate::board::derived;
use crate::board::facts::Facts;
use crate::board::inspections;
use crate::board::language::Reads;
use crate::board::problem::{Kind, Problem};
use crate::board::words::{self, hazard, kind, look, look_word, say};
use crate::moment::{Shown, named};
use crate::overview::Latest;
use crate::people::Role;

/// How many series a page draws; what is beyond is for the API.
const SERIES_MAX: usize = 64;

/// How many points of a series are read.
const POINTS_MAX: usize = 2_000;

/// How many running sums of rain are drawn.
const SUMS_MAX: usize = 3;

/// Sums and soil water are made of hours, and of no longer a time than this.
const SUMMED_MAX: Duration = Duration::from_secs(30 * DAY);

const HOURLY: Duration = Duration::from_secs(HOUR);

/// How much of the past a page shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range {
    name: &'static str,
    whole: Duration,
    every: Duration,
    /// How moments are named.
    format: &'static str,
}

/// What a chart shows of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Measured {
    /// What was measured.
    Value,
    /// How fast that changes.
    Rate,
    /// What came together within so long.
    Sum(Duration),
    /// How much water the ground holds.
    SoilWater,
}

impl Measured {
    /// The limit of a criterion, if it is about this.
    fn limit(self, condition: &ConditionSettings) -> Option<f64> {
        let said = condition.said();
        let about = match (self, condition) {
            (Self::Value, ConditionSettings::Threshold(settings)) => {
                return Some(settings.raise_at);
            }
            (Self::Rate, _) => said.measure == Measure::BasePerHour,
            (Self::Sum(window), ConditionSettings::Accumulation(_)) => said.window == Some(window),
            (Self::SoilWater, ConditionSettings::SoilWater(_)) => true,
            _ => false,
        };
        about.then_some(said.limit)
    }
}

const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;

pub(super) const RANGES: [Range; 4] = [
    range("24h", DAY, 600, "%H:%M"),
    range("7d", 7 * DAY, HOUR, "%m-%d"),
    range("30d", 30 * DAY, 3 * HOUR, "%m-%d"),
    range("1y", 365 * DAY, DAY, "%Y-%m"),
];

impl Range {
    /// Its name in addresses.
    pub(super) const fn name(self) -> &'static str {
        self.name
    }
}

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
pub(super) struct SeriesShown {
    name: String,
    quantity: &'static str,
    unit: &'static str,
    value: Option<String>,
    measured: Option<Shown>,
    quality: Vec<&'static str>,
    /// Between which values the next reading is expected.
    expected: Option<(String, String)>,
    maker: String,
    /// Whether it can be relied on: a vital sign, and its word.
    vital: &'static str,
    health: &'static str,
    chart: Option<Chart>,
    /// The same, small enough for a table.
    spark: Option<String>,
    /// What is computed from it: rates, running sums, soil water.
    derived: Vec<Derived>,
    /// What all amounts of the range came to.
    sum: Option<String>,
}

/// A chart of what is computed from a series.
#[derive(Serialize)]
struct Derived {
    title: String,
    chart: Chart,
}

/// What the history has of a series.
#[derive(Default)]
pub(super) struct Past {
    points: Vec<Point>,
    /// Rain by the hour, from long before: for sums and soil water.
    hourly: Vec<Point>,
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
    asking: Asking,
    Reads(language): Reads,
    Named(id): Named,
    Query(asked): Query<SiteAsked>,
) -> Result<Html<String>, Problem> {
    let facts = app.live.facts();
    let drawn = drawn(&app, &facts, language, &id, &asked).await?;
    let setup = &facts.overview.setup;
    let site = words::site(setup, &id).ok_or(Kind::NotFound)?;
    let drawing =
        SitePage { facts: &facts, setup, site, range: RANGES[0], to: app.now(), language };
    let may = asking.may(Role::Operator, setup, &id);
    let log = inspections::log(&app, &id, may, language).await;
    let documents = app.state.documents.get(&site.id).map_or(&[][..], |all| &all[..]);
    let documents: Vec<_> = documents
        .iter()
        .map(|one| (say(&one.name, language).to_owned(), one.url.clone()))
        .collect();
    let context = context! {
        here => "site",
        last_decision => facts.last_decision.unwrap_or(0),
        documents,
        rules => Value::from(Serde(drawing.rules())),
        report => Value::from(Serde(may.then(|| report_form(&id, language)))),
        log => Value::from(Serde(log)),
        ..merge_maps([head(&app, &facts, &asking, language), drawn])
    };
    app.templates.page("site.html", language, context)
}

/// `/sites/{site}/now`: the part of it that changes.
pub(in crate::board) async fn site_now(
    State(app): State<Shared>,
    Reads(language): Reads,
    Named(id): Named,
    Query(asked): Query<SiteAsked>,
) -> Result<Html<String>, Problem> {
    let drawn = drawn(&app, &app.live.facts(), language, &id, &asked).await?;
    app.templates.page("site-now.html", language, drawn)
}

async fn drawn(
    app: &Shared,
    facts: &Facts,
    language: Language,
    id: &str,
    asked: &SiteAsked,
) -> Result<Value, Problem> {
    let asked = asked.range.as_deref().unwrap_or(RANGES[0].name);
    let range = RANGES.into_iter().find(|range| range.name == asked);
    let range = range.ok_or_else(|| {
        Problem::from(Kind::BadRequest).detail("`range` is 24h, 7d, 30d or 1y".to_owned())
    })?;
    let setup = facts.overview.setup.clone();
    let index = setup.registry.site(id).ok_or(Kind::NotFound)?;
    let site = &setup.registry.sites()[index.index()];
    let to = app.now();
    let mut series = series_of(&setup, site);
    let count = series.len();
    series.truncate(SERIES_MAX);
    let (past, history_is_there) = match past(app, series.clone(), range, to).await {
        Ok(past) => (past, true),
        Err(_) => (Vec::new(), false), // told in the log; the rest of the page is worth having
    };
    let view = facts.overview.sites.get(index.index());
    let drawing = SitePage { facts, setup: &setup, site, range, to, language };
    Ok(context! {
        mark => facts.mark.clone(),
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
        set => Value::from(Serde(set(&facts.overview, site, language))),
        range => range.name,
        ranges => RANGES.map(|range| range.name),
        history_is_there,
        incidents => Value::from(Serde(drawing.incidents())),
        series => Value::from(Serde(drawing.series(&series, &past))),
        series_more => count - series.len(),
    })
}

/// The series of a site, in the order of names.
fn series_of(setup: &Setup, site: &Site) -> Vec<(usize, SeriesName)> {
    let registry = &setup.registry;
    let stations = registry.stations().iter().enumerate();
    stations
        .filter(|(_, station)| registry.sites()[station.site.index()].id == site.id)
        .flat_map(|(at, _)| registry.series_of(StationIndex(at as u32)))
        .map(|at| (at, registry.series()[at].name.clone()))
        .collect()
}

/// What the history has of each.
pub(super) async fn past(
    app: &Shared,
    series: Vec<(usize, SeriesName)>,
    range: Range,
    to: Timestamp,
) -> Result<Vec<Past>, Problem> {
    let ask = move |name: &SeriesName, from: Timestamp, every: Duration| Asked {
        series: name.to_string(),
        from,
        to,
        every: Some(every),
        limit: POINTS_MAX,
    };
    app.read_history(move |history| {
        let read = |(_, name): &(usize, SeriesName)| {
            let points = history.read(&ask(name, to.minus(range.whole), range.every))?.points;
            let rains = name.quantity == Quantity::Rain && range.whole <= SUMMED_MAX;
            let long_ago = to.minus(range.whole).minus(derived::WARM_AFTER);
            let hourly =
                if rains { history.read(&ask(name, long_ago, HOURLY))?.points } else { vec![] };
            Ok(Past { points, hourly })
        };
        series.iter().map(read).collect()
    })
    .await
}

/// What the parts of a page are drawn from.
pub(super) struct SitePage<'a> {
    pub facts: &'a Facts,
    pub setup: &'a Setup,
    pub site: &'a Site,
    pub range: Range,
    pub to: Timestamp,
    pub language: Language,
}

impl SitePage<'_> {
    /// These series, each with its past.
    pub(super) fn series(&self, series: &[(usize, SeriesName)], past: &[Past]) -> Vec<SeriesShown> {
        let none = Past::default();
        let drawn = series.iter().enumerate().map(|(number, (at, _))| {
            let latest = self.facts.overview.latest.get(*at).copied().flatten();
            let series = &self.setup.registry.series()[*at];
            self.one(series, latest, past.get(number).unwrap_or(&none))
        });
        drawn.collect()
    }

    fn one(&self, series: &Series, latest: Option<Latest>, past: &Past) -> SeriesShown {
        let quantity = series.name.quantity;
        let unit = shown_unit(quantity);
        let adds_up = quantity == Quantity::Rain;
        let limits = self.limits(series, Measured::Value);
        let end = latest.and_then(|latest| latest.forecast).and_then(|forecast| {
            let (earliest, latest) = forecast.between()?;
            Some([earliest, forecast.at, latest])
        });
        let chart = self.drawing(&past.points, self.range.every, &limits, adds_up, |drawing| {
            let expected = latest.and_then(|latest| latest.expected).filter(|_| !adds_up);
            Drawing { expected, ..drawing }.with_end(end)
        });
        let spark = self.drawing(&past.points, self.range.every, &[], adds_up, |it| it.spark());
        let (vital, health) = self.health(series, latest);
        let sum: f64 = past.points.iter().map(|point| point.sum).sum();
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
            vital,
            health: catalogue::message(health, self.language),
            chart,
            spark,
            derived: if adds_up { self.wet(series, past) } else { self.rate(series, past) },
            sum: (adds_up && !past.points.is_empty()).then(|| number(sum)),
        }
    }

    fn drawing<T>(
        &self,
        points: &[Point],
        every: Duration,
        limits: &[Wish],
        adds_up: bool,
        draw: impl FnOnce(Drawing<'_>) -> Option<T>,
    ) -> Option<T> {
        let name = |at: Timestamp| named(at, &self.site.zone, self.range.format);
        let from = self.to.minus(self.range.whole);
        let expected = None;
        draw(Drawing { points, from, to: self.to, every, limits, expected, adds_up, name: &name })
    }

    /// Whether an instrument can be relied on: it was heard, its station is there, it is not silent for longer than a
    /// criterion lets it be, and nothing is known against what it said last.
    fn health(&self, series: &Series, latest: Option<Latest>) -> (&'static str, &'static str) {
        let station = self.facts.overview.stations.get(series.station.index());
        let gone = station.and_then(|now| now.life.there).is_some_and(|(there, _)| !there);
        let Some(latest) = latest else { return ("starting", "site-nothing-yet") };
        let silence = self.clauses_on(series).find_map(|(_, clause)| match &clause.condition {
            ConditionSettings::Silence(settings) => Some(settings.after),
            _ => None,
        });
        let age = self.to.max(latest.measured_at).since(latest.measured_at);
        if gone {
            ("failed", "office-gone")
        } else if silence.is_some_and(|after| age > after) {
            ("failed", "site-silent")
        } else if latest.quality.words().next().is_some() {
            ("degraded", "site-doubtful")
        } else {
            ("ok", "board-vital-ok")
        }
    }

    /// How fast it moves, where a criterion is about that.
    fn rate(&self, series: &Series, past: &Past) -> Vec<Derived> {
        let over = self.clauses_on(series).find_map(|(_, clause)| {
            let said = clause.condition.said();
            (said.measure == Measure::BasePerHour).then(|| said.window.unwrap_or(HOURLY))
        });
        let Some(over) = over else { return vec![] };
        let over = over.max(self.range.every * 3);
        let rates = derived::rates(&past.points, over);
        let limits = self.limits(series, Measured::Rate);
        let unit = shown_unit(series.name.quantity);
        let hours = number(over.as_secs_f64() / 3_600.0);
        let title = catalogue::fill("site-rate", self.language, &[&hours, unit]);
        let chart =
            self.drawing(&rates, self.range.every, &limits, false, |drawing| drawing.draw());
        chart.map(|chart| Derived { title, chart }).into_iter().collect()
    }

    /// What fell within a while, and how wet the ground is.
    fn wet(&self, series: &Series, past: &Past) -> Vec<Derived> {
        let (Some(first), from) = (past.hourly.first(), self.to.minus(self.range.whole)) else {
            return vec![];
        };
        let mut windows: Vec<Duration> = self
            .clauses_on(series)
            .filter(|(_, clause)| matches!(clause.condition, ConditionSettings::Accumulation(_)))
            .filter_map(|(_, clause)| clause.condition.said().window)
            .filter(|window| *window >= HOURLY)
            .collect();
        windows.push(Duration::from_secs(DAY));
        windows.sort_unstable();
        windows.dedup();
        let mut shown = Vec::new();
        for window in windows.into_iter().take(SUMS_MAX) {
            let sums = derived::running(&past.hourly, window, from);
            let limits = self.limits(series, Measured::Sum(window));
            let hours = number(window.as_secs_f64() / 3_600.0);
            let title = catalogue::fill("site-running", self.language, &[&hours]);
            let chart = self.drawing(&sums, HOURLY, &limits, false, |drawing| drawing.draw());
            shown.extend(chart.map(|chart| Derived { title, chart }));
        }
        let indices = derived::soil_water(&past.hourly, from, self.to);
        let known = self.to.since(first.at);
        let days = (known.as_secs() / DAY).to_string();
        let title = if known < derived::WARM_AFTER {
            catalogue::fill("site-soil-water-cold", self.language, &[&days])
        } else {
            catalogue::message("site-soil-water", self.language).into()
        };
        let limits = self.limits(series, Measured::SoilWater);
        let chart = self.drawing(&indices, HOURLY, &limits, false, |drawing| drawing.draw());
        shown.extend(chart.map(|chart| Derived { title, chart }));
        shown
    }

    /// The criteria that look at a series.
    fn clauses_on(&self, series: &Series) -> impl Iterator<Item = (&Rule, &Clause)> {
        let clauses = self
            .rules_here()
            .flat_map(|rule| rule.clauses.iter().map(move |clause| (rule, clause)));
        let name = series.name.clone();
        clauses.filter(move |(_, clause)| clause.series.contains(&name))
    }

    /// The limits that criteria compare with what a chart shows; others are not on its scale.
    fn limits(&self, series: &Series, measured: Measured) -> Vec<Wish> {
        let unit = match measured {
            Measured::Rate => format!("{}/h", shown_unit(series.name.quantity)),
            Measured::Value | Measured::Sum(_) | Measured::SoilWater => {
                shown_unit(series.name.quantity).to_owned()
            }
        };
        let limit = |(rule, clause): (&Rule, &Clause)| {
            let value = measured.limit(&clause.condition)?;
            let level = catalogue::level(rule.level, self.language);
            Some(Wish {
                value,
                look: rule.level.name(),
                word: format!("{level} {} {unit}", number(value)),
            })
        };
        self.clauses_on(series).filter_map(limit).collect()
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
        let open = self.facts.open.iter();
        let mut here: Vec<_> = open.filter(|record| record.site == self.site.id).collect();
        here.sort_by_key(|record| std::cmp::Reverse(record.level));
        let shown = here.into_iter().map(|record| IncidentShown {
            id: record.id.to_string(),
            hazard: hazard(record.hazard, self.language),
            look: record.level.name(),
            word: catalogue::level(record.level, self.language),
            what: say(&record.what, self.language).to_owned(),
            since: Shown::new(record.opened_at, &self.site.zone),
        });
        shown.collect()
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
pub(in crate::board) fn number(value: f64) -> String {
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
