//! Reports on paper: the hand-over of a shift, an incident, a month. Tables as data, drawn for A4, and each as CSV.

use std::cmp::Reverse;
use std::time::Duration;

use alerting::approval::ApprovalState;
use alerting::catalogue::{self, Language};
use alerting::decision::{IncidentRecord, IncidentState};
use alerting::engine::SiteView;
use alerting::setup::Setup;
use alerting::{Decision, DeliveryState, IncidentId, Level};
use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{Html, IntoResponse, Response};
use delivery::ledger::{DecisionRow, DeliveryFilter, DeliveryRow, During, IncidentQuery};
use ingest::archive::history::Asked as HistoryAsked;
use jiff::civil;
use jiff::tz::TimeZone;
use minijinja::context;
use minijinja::value::{Serde, Value, merge_maps};
use reading::Timestamp;
use serde::Deserialize;

use super::access::Asking;
use super::administration::{Cell, Table};
use super::api::{Asked, Named};
use super::language::Reads;
use super::page::{head, rank};
use super::problem::{Kind, Problem};
use super::words::{hazard, look, look_word, place, say, sentence, site_name, zone};
use super::{App, Shared};
use crate::moment::{HOME_ZONE, Shown};

/// How many decisions, deliveries or incidents a report lists.
const ROWS_MAX: u32 = 500;

/// How many alarms the report of a month looks at.
const ALARMS_MAX: u32 = 10_000;

/// How many series the report of a month counts.
const SERIES_MAX: usize = 5_000;

/// The shift that is ending, if nobody says which.
const SHIFT: Duration = Duration::from_secs(12 * 3_600);

/// The longest shift.
const SHIFT_MAX: Duration = Duration::from_secs(72 * 3_600);

const DAY: Duration = Duration::from_secs(86_400);

/// A report before it is drawn.
struct Report {
    title: String,
    from: Timestamp,
    to: Timestamp,
    tables: Vec<Table>,
    /// Its address, to which `csv=` is added.
    address: String,
}

/// `/reports`: which there are.
pub(super) async fn index(
    State(app): State<Shared>,
    asking: Asking,
    Reads(language): Reads,
) -> Result<Html<String>, Problem> {
    let facts = app.live.facts();
    let now = Shown::new(app.now(), HOME_ZONE);
    let context = context! { here => "reports", month => now.date.get(..7) };
    let context = merge_maps([head(&app, &facts, &asking, language), context]);
    app.templates.page("reports.html", language, context)
}

#[derive(Deserialize)]
pub(super) struct ShiftAsked {
    hours: Option<u64>,
    csv: Option<usize>,
}

/// `/reports/shift`: what the next shift has to know.
pub(super) async fn shift(
    State(app): State<Shared>,
    asking: Asking,
    Reads(language): Reads,
    Asked(asked): Asked<ShiftAsked>,
) -> Result<Response, Problem> {
    let length =
        asked.hours.map_or(SHIFT, |hours| Duration::from_secs(hours.saturating_mul(3_600)));
    if length.is_zero() || length > SHIFT_MAX {
        return Err(Problem::from(Kind::BadRequest).detail("`hours` is from 1 to 72".to_owned()));
    }
    let to = app.now();
    let from = to.minus(length);
    let read = |ledger: &delivery::Ledger| {
        let decisions = ledger.decisions_before(None, ROWS_MAX)?;
        let deliveries = ledger.deliveries(&DeliveryFilter::default(), ROWS_MAX)?;
        Ok((decisions, deliveries))
    };
    let (decisions, deliveries) = app.read(read).await?;
    // where the oldest that was read still belongs to the shift, there may be older ones
    let full = |count: usize, oldest: Option<Timestamp>| {
        count == ROWS_MAX as usize && oldest.is_some_and(|at| at >= from)
    };
    let more_decisions = full(decisions.len(), decisions.last().map(|row| row.decision.at()));
    let more_deliveries = full(deliveries.len(), deliveries.last().map(|row| row.changed_at));
    let facts = app.live.facts();
    let setup = &facts.overview.setup;
    let mut open: Vec<&IncidentRecord> = facts.open.iter().collect();
    open.sort_by_key(|record| (Reverse(record.level), record.opened_at));
    let during: Vec<&DecisionRow> =
        decisions.iter().filter(|row| row.decision.at() >= from).collect();
    let failed: Vec<&DeliveryRow> =
        deliveries.iter().filter(|row| row.changed_at >= from && !is_good(row.state)).collect();
    let tables = vec![
        sites_to_watch(&app, language),
        incidents(open.into_iter(), "board-incidents", app.now(), setup, language),
        happened(&during, setup, language).cut(more_decisions, language),
        sent(&failed, "report-failed", setup, language).cut(more_deliveries, language),
        set(&app, language),
    ];
    let title = catalogue::message("report-shift", language).to_owned();
    let address = format!("/reports/shift?hours={}", length.as_secs() / 3_600);
    answer(&app, &asking, language, Report { title, from, to, tables, address }, asked.csv)
}

/// At most so many, and whether there were more.
fn clipped<T>(mut rows: Vec<T>, most: u32) -> (Vec<T>, bool) {
    let more = rows.len() > most as usize;
    rows.truncate(most as usize);
    (rows, more)
}

fn is_good(state: DeliveryState) -> bool {
    matches!(state, DeliveryState::Delivered | DeliveryState::Superseded)
}

#[derive(Deserialize)]
pub(super) struct IncidentAsked {
    csv: Option<usize>,
}

/// `/reports/incidents/{id}`: one incident from its beginning.
pub(super) async fn incident(
    State(app): State<Shared>,
    asking: Asking,
    Reads(language): Reads,
    Named(id): Named,
    Asked(asked): Asked<IncidentAsked>,
) -> Result<Response, Problem> {
    let id = IncidentId::from_text(&id);
    let read = move |ledger: &delivery::Ledger| {
        let filter = DeliveryFilter { incident: Some(id.clone()), ..DeliveryFilter::default() };
        let deliveries = ledger.deliveries(&filter, ROWS_MAX + 1)?;
        Ok(ledger.incident(&id)?.map(|view| (view, deliveries)))
    };
    let (view, deliveries) = app.read(read).await?.ok_or(Kind::NotFound)?;
    let (deliveries, more_deliveries) = clipped(deliveries, ROWS_MAX);
    let facts = app.live.facts();
    let (setup, record) = (&facts.overview.setup, &view.record);
    let timeline: Vec<&DecisionRow> = view.timeline.iter().collect();
    let all: Vec<&DeliveryRow> = deliveries.iter().rev().collect();
    let mut evidence = Table::new(
        "incident-why",
        &["site-level", "site-rule", "report-said", "incident-when"],
        language,
    );
    for one in &record.evidence {
        evidence.rows.push(vec![
            level_cell(one.level, language),
            Cell::text(&one.rule),
            Cell::text(say(&one.text, language)),
            Cell::at(Some(Shown::new(one.measured_at, zone(setup, Some(record.site.as_str()))))),
        ]);
    }
    let tables = vec![
        incidents([record].into_iter(), "report-incident", app.now(), setup, language),
        evidence,
        happened(&timeline, setup, language).cut(view.has_older, language),
        sent(&all, "incident-deliveries", setup, language).cut(more_deliveries, language),
    ];
    let report = Report {
        title: format!(
            "{}: {} {}",
            catalogue::message("report-incident", language),
            site_name(setup, record.site.as_str(), language),
            hazard(record.hazard, language),
        ),
        from: record.opened_at,
        to: record.at,
        tables,
        address: format!("/reports/incidents/{}?", record.id),
    };
    answer(&app, &asking, language, report, asked.csv)
}

#[derive(Deserialize)]
pub(super) struct MonthAsked {
    month: Option<String>,
    csv: Option<usize>,
}

/// `/reports/month`: how much came in of what, what was set aside, and which alarms were false.
pub(super) async fn month(
    State(app): State<Shared>,
    asking: Asking,
    Reads(language): Reads,
    Asked(asked): Asked<MonthAsked>,
) -> Result<Response, Problem> {
    let now = Shown::new(app.now(), HOME_ZONE);
    let month = asked.month.clone().unwrap_or_else(|| now.date.get(..7).unwrap_or("").to_owned());
    let (from, to) = stretch(&month).ok_or_else(|| {
        Problem::from(Kind::BadRequest).detail("`month` is a month, as 2026-07".to_owned())
    })?;
    let to = to.min(app.now().max(from));
    let during = During { from, to };
    let query = IncidentQuery { during: Some(During { from, to }), ..IncidentQuery::default() };
    let read = move |ledger: &delivery::Ledger| {
        Ok((ledger.incidents_page(&query, ALARMS_MAX + 1)?, ledger.quarantined_during(&during)?))
    };
    let (records, refusals) = app.read(read).await?;
    let (records, more_alarms) = clipped(records, ALARMS_MAX);
    let opened: Vec<&IncidentRecord> =
        records.iter().filter(|record| record.opened_at >= from && record.opened_at < to).collect();
    let facts = app.live.facts();
    let setup = &facts.overview.setup;
    let mut refused =
        Table::new("report-refused", &["board-source", "office-reason", "report-count"], language);
    for (source, reason, count) in refusals {
        refused.rows.push(vec![Cell::text(source), Cell::text(reason), Cell::number(count)]);
    }
    let tables = vec![
        alarms(&opened, language).cut(more_alarms, language),
        incidents(opened.iter().copied(), "report-alarms-each", app.now().min(to), setup, language)
            .cut(more_alarms, language),
        quality(&app, from, to, language).await?,
        refused,
    ];
    let title = format!("{} {month}", catalogue::message("report-month", language));
    let address = format!("/reports/month?month={month}");
    answer(&app, &asking, language, Report { title, from, to, tables, address }, asked.csv)
}

/// The first and the last moment of a month, as `2026-07`.
fn stretch(month: &str) -> Option<(Timestamp, Timestamp)> {
    let (year, month) = month.split_once('-')?;
    let first = civil::Date::new(year.parse().ok()?, month.parse().ok()?, 1).ok()?;
    let next = first.checked_add(jiff::Span::new().months(1)).ok()?;
    let home = TimeZone::get(HOME_ZONE).unwrap_or(TimeZone::UTC);
    let begins = |date: civil::Date| {
        let moment = date.to_zoned(home.clone()).ok()?.timestamp();
        Some(Timestamp::from_nanos(i64::try_from(moment.as_nanosecond()).ok()?))
    };
    Some((begins(first)?, begins(next)?))
}

fn level_cell(level: Level, language: Language) -> Cell {
    Cell::text(catalogue::level(level, language)).looking(level.name())
}

fn sites_to_watch(app: &App, language: Language) -> Table {
    let facts = app.live.facts();
    let mut table = Table::new(
        "wall-watched",
        &["office-site", "site-level", "report-silent", "wall-fails"],
        language,
    );
    let registry = &facts.overview.setup.registry;
    let sites = facts.overview.sites.iter();
    let mut watched: Vec<_> =
        sites.filter(|view| look(view) != "normal" || view.silent > 0).collect();
    let fails_at = |view: &SiteView| facts.leads.get(&view.site.index()).map(|lead| lead.at);
    watched.sort_by_key(|view| rank(view, fails_at(view)));
    for view in watched {
        let Some(site) = registry.sites().get(view.site.index()) else { continue };
        table.rows.push(vec![
            Cell::text(say(&site.name, language)).small(site.id.as_str()),
            Cell::text(look_word(view, language)).looking(look(view)),
            Cell::text(format!("{}/{}", view.silent, view.series)),
            Cell::at(fails_at(view).map(|at| Shown::new(at, &site.zone))),
        ]);
    }
    table
}

fn incidents<'a>(
    records: impl Iterator<Item = &'a IncidentRecord>,
    caption: &'static str,
    until: Timestamp,
    setup: &Setup,
    language: Language,
) -> Table {
    let heads = [
        "office-site",
        "site-level",
        "report-peak",
        "incident-stands",
        "report-opened",
        "report-lasted",
        "report-seen-by",
        "report-said",
    ];
    let mut table = Table::new(caption, &heads, language);
    for record in records {
        let place = record.site.as_str();
        let state = ["incident-state-", record.state.name()].concat();
        let until = if record.state.is_over() { record.at } else { until };
        let minutes = until.since(record.opened_at).as_secs() / 60;
        table.rows.push(vec![
            Cell::text(site_name(setup, place, language))
                .linked(format!("/incidents/{}", record.id))
                .small(record.id.as_str()),
            level_cell(record.level, language),
            level_cell(record.peak, language),
            Cell::text(catalogue::lookup(&state, language).unwrap_or(record.state.name())),
            Cell::at(Some(Shown::new(record.opened_at, zone(setup, Some(place))))),
            Cell::text(format!("{}:{:02}", minutes / 60, minutes % 60)),
            Cell::text(record.acknowledged_by.clone().unwrap_or_default()),
            Cell::text(say(&record.what, language)),
        ]);
    }
    table
}

fn happened(rows: &[&DecisionRow], setup: &Setup, language: Language) -> Table {
    let mut table =
        Table::new("report-happened", &["incident-when", "office-site", "report-said"], language);
    let counts = |row: &&&DecisionRow| {
        !matches!(row.decision, Decision::Rule { .. } | Decision::Recorded { .. })
    };
    for row in rows.iter().filter(counts) {
        let site = place(&row.decision);
        table.rows.push(vec![
            Cell::at(Some(Shown::new(row.decision.at(), zone(setup, site)))),
            Cell::text(site.map(|site| site_name(setup, site, language)).unwrap_or_default()),
            Cell::text(sentence(&row.decision, setup, language)),
        ]);
    }
    table
}

fn sent(rows: &[&DeliveryRow], caption: &'static str, setup: &Setup, language: Language) -> Table {
    let heads = [
        "incident-when",
        "board-channel",
        "incident-recipient",
        "site-level",
        "incident-stands",
        "incident-receipt",
    ];
    let mut table = Table::new(caption, &heads, language);
    for row in rows {
        table.rows.push(vec![
            Cell::at(Some(Shown::new(row.changed_at, zone(setup, Some(row.site.as_str()))))),
            Cell::text(row.channel.as_str()),
            Cell::text(&row.recipient),
            level_cell(row.level, language),
            Cell::text(catalogue::delivery_state(row.state, language)),
            Cell::text(&row.note),
        ]);
    }
    table
}

fn set(app: &App, language: Language) -> Table {
    let facts = app.live.facts();
    let overview = &facts.overview;
    let heads = ["office-what", "office-by", "board-order-reason", "office-until"];
    let mut table = Table::new("office-standing", &heads, language);
    for one in overview.standing.iter().filter(|one| one.holds_at(overview.at)) {
        let key = ["board-set-", one.kind()].concat();
        table.rows.push(vec![
            Cell::text(catalogue::lookup(&key, language).unwrap_or(one.kind())).small(&one.id),
            Cell::text(&one.by),
            Cell::text(&one.reason),
            Cell::at(Some(Shown::new(one.until, HOME_ZONE))),
        ]);
    }
    table
}

/// How many alarms there were, and how many of them were false: turned down by an approver, or gone by themselves
/// without anybody having seen them or the public having heard.
fn alarms(opened: &[&IncidentRecord], language: Language) -> Table {
    let heads = [
        "report-peak",
        "report-count",
        "report-acknowledged",
        "report-released",
        "report-rejected",
        "report-unseen",
    ];
    let mut table = Table::new("report-alarms", &heads, language);
    for level in Level::ALL.into_iter().rev().filter(|level| *level > Level::Normal) {
        let of: Vec<_> = opened.iter().filter(|record| record.peak == level).collect();
        let with = |state: ApprovalState| {
            let is =
                |record: &&&&IncidentRecord| record.approvals.iter().any(|one| one.state == state);
            of.iter().filter(is).count()
        };
        let seen = of.iter().filter(|record| record.acknowledged_by.is_some()).count();
        let over = |record: &&&&IncidentRecord| {
            let over = matches!(record.state, IncidentState::AllClear | IncidentState::Closed);
            let heard = record.approvals.iter().any(|one| one.state == ApprovalState::Released);
            over && record.acknowledged_by.is_none() && !heard
        };
        let mut row = vec![level_cell(level, language)];
        let unseen = of.iter().filter(over).count();
        let counts =
            [of.len(), seen, with(ApprovalState::Released), with(ApprovalState::Rejected), unseen];
        row.extend(counts.map(Cell::number));
        table.rows.push(row);
    }
    table
}

/// How much came of each series, of what its station was to report.
async fn quality(
    app: &Shared,
    from: Timestamp,
    to: Timestamp,
    language: Language,
) -> Result<Table, Problem> {
    let setup = app.live.facts().overview.setup.clone();
    let names: Vec<(String, Duration)> = setup
        .registry
        .series()
        .iter()
        .take(SERIES_MAX)
        .map(|series| {
            let station = &setup.registry.stations()[series.station.index()];
            (series.name.to_string(), station.report_interval)
        })
        .collect();
    let counted = app.read_history(move |history| {
        let count = |(series, interval): &(String, Duration)| {
            let asked =
                HistoryAsked { series: series.clone(), from, to, every: Some(DAY), limit: 40 };
            let points = history.read(&asked)?.points;
            let came: u64 = points.iter().map(|point| point.count).sum();
            let flags = points.iter().fold(0, |flags, point| flags | point.quality);
            Ok((series.clone(), *interval, came, flags))
        };
        names.iter().map(count).collect::<Result<Vec<_>, _>>()
    });
    let heads =
        ["office-series-name", "report-came", "report-expected", "report-share", "report-flags"];
    let mut table = Table::new("report-quality", &heads, language);
    // told in the log; the rest of the report is worth having
    for (series, interval, came, flags) in counted.await.unwrap_or_default() {
        let expected = (to.since(from).as_secs_f64() / interval.as_secs_f64().max(1.0)).floor();
        let share = if expected > 0.0 { 100.0 * came as f64 / expected } else { 0.0 };
        let quality = reading::Quality::from_bits(flags);
        let say = |word| catalogue::lookup(&["quality-", word].concat(), language).unwrap_or(word);
        let words: Vec<&str> = quality.words().map(say).collect();
        table.rows.push(vec![
            Cell::text(series),
            Cell::number(came),
            Cell::number(expected),
            Cell::text(format!("{:.1} %", share.min(100.0))),
            Cell::text(words.join(", ")),
        ]);
    }
    Ok(table.cut(setup.registry.series().len() > SERIES_MAX, language))
}

fn answer(
    app: &Shared,
    asking: &Asking,
    language: Language,
    report: Report,
    csv: Option<usize>,
) -> Result<Response, Problem> {
    if let Some(number) = csv {
        let table = report.tables.get(number).ok_or(Kind::NotFound)?;
        let headers = [
            (CONTENT_TYPE, "text/csv; charset=utf-8"),
            (CONTENT_DISPOSITION, "attachment; filename=\"report.csv\""),
        ];
        return Ok((headers, table.csv()).into_response());
    }
    let facts = app.live.facts();
    let context = context! {
        here => "reports",
        title => report.title,
        from => Value::from(Serde(Shown::new(report.from, HOME_ZONE))),
        to => Value::from(Serde(Shown::new(report.to, HOME_ZONE))),
        tables => Value::from(Serde(report.tables)),
        address => report.address,
    };
    let context = merge_maps([head(app, &facts, asking, language), context]);
    Ok(app.templates.page("report.html", language, context)?.into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_begins_and_ends_where_people_live() {
        let (from, to) = stretch("2026-02").unwrap();
        assert_eq!(from, Timestamp::parse("2026-02-01T00:00:00+09:00").unwrap());
        assert_eq!(to, Timestamp::parse("2026-03-01T00:00:00+09:00").unwrap());
        for bad in ["", "2026", "2026-13", "2026-00", "x-y", "99999-01"] {
            assert_eq!(stretch(bad), None, "{bad}");
        }
    }
}
