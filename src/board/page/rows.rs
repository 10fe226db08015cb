//! The rows of the first page, each a struct of texts in one language.

use std::collections::{BTreeMap, BTreeSet};

use alerting::catalogue::{self, Language};
use alerting::condition::failure_time::forecast::Forecast;
use alerting::engine::SiteView;
use alerting::standing::What;
use alerting::{Decision, Level};
use delivery::ledger::DecisionRow;
use reading::Timestamp;
use reading::registry::{Site, StationIndex};
use serde::Serialize;

use super::incident::heard_by_stand_down;
use super::sorted::{LOOKS, rank};
use crate::board::Check;
use crate::board::access::Asking;
use crate::board::api::since;
use crate::board::facts::Facts;
use crate::board::words::{hazard, kind, look, look_word, place, say, sentence, site_name, zone};
use crate::desk::waiting::{Heard, Stranger, StrangerName};
use crate::moment::{HOME_ZONE, Shown};
use crate::overview::{Balance, Overview};
use crate::people::Role;

/// How many sites a page lists; with so many, all that are not normal are among them in all but the worst night.
const SITES_MAX: usize = 400;

/// How many of those who wait to be adopted a page lists.
const STRANGERS_MAX: usize = 20;

/// How many things that happened a page lists.
const EVENTS_MAX: usize = 40;

/// How many sites look alike.
#[derive(Serialize)]
pub(super) struct Count {
    look: &'static str,
    word: &'static str,
    sites: usize,
}

pub(super) fn counts(overview: &Overview, language: Language) -> Vec<Count> {
    let mut sites: BTreeMap<&str, usize> = BTreeMap::new();
    for view in &overview.sites {
        *sites.entry(look(view)).or_default() += 1;
    }
    let count = |look: &&'static str| {
        let level = Level::parse(look).map(|level| catalogue::level(level, language));
        let word = level.unwrap_or_else(|| catalogue::message("level-unknown", language));
        Count { look, word, sites: sites.get(look).copied().unwrap_or(0) }
    };
    LOOKS.iter().map(count).collect()
}

#[derive(Serialize)]
pub(super) struct SiteRow {
    id: String,
    name: String,
    kind: &'static str,
    area: String,
    look: &'static str,
    word: &'static str,
    /// Not enough of it is seen, beside a level that says otherwise.
    also_unknown: bool,
    since: Option<Shown>,
    /// What the evidence argues for, where the level is held above it.
    assessed: Option<&'static str>,
    silent: usize,
    series: usize,
    maintained: usize,
    /// When the movement is forecast to end, and between which moments.
    lead: Option<Lead>,
    /// When the newest reading was measured.
    newest: Option<Shown>,
    /// What people have set here: what it is, who, why, and until when.
    set: Vec<SetRow>,
}

impl SiteRow {
    /// Whether there is nothing to look at: normal, seen, and with nothing set.
    pub(super) fn is_calm(&self) -> bool {
        self.look == "normal" && self.silent == 0 && self.maintained == 0
    }
}

/// When a movement is forecast to end.
#[derive(Clone, Serialize)]
pub(super) struct Lead {
    at: Shown,
    earliest: Option<Shown>,
    latest: Option<Shown>,
}

impl Lead {
    pub(super) fn new(forecast: &Forecast, zone: &str) -> Self {
        let shown = |at| Shown::new(at, zone);
        let (earliest, latest) = forecast.between().unzip();
        Self { at: shown(forecast.at), earliest: earliest.map(shown), latest: latest.map(shown) }
    }
}

/// When the newest reading of a site was measured.
fn newest(overview: &Overview, view: &SiteView) -> Option<Timestamp> {
    let registry = &overview.setup.registry;
    let first = registry.stations().partition_point(|station| station.site < view.site);
    let stations = registry.stations().iter().enumerate().skip(first);
    let latest = stations
        .take_while(|(_, station)| station.site == view.site)
        .flat_map(|(at, _)| registry.series_of(StationIndex(at as u32)))
        .filter_map(|series| overview.latest.get(series)?.as_ref());
    latest.map(|latest| latest.measured_at).max()
}

/// A silence, maintenance or report at a site.
#[derive(Serialize)]
pub(super) struct SetRow {
    id: String,
    kind: &'static str,
    /// What it is about, where it is not the site as a whole.
    about: String,
    by: String,
    reason: String,
    until: Shown,
}

/// What people have set at a site.
pub(super) fn set(overview: &Overview, site: &Site, language: Language) -> Vec<SetRow> {
    let here = overview.standing.iter().filter(|one| one.holds_at(overview.at));
    let here = here.filter(|one| one.concerns(&site.id));
    here.map(|one| SetRow {
        id: one.id.clone(),
        kind: one.kind(),
        about: about(&one.what, language),
        by: one.by.clone(),
        reason: one.reason.clone(),
        until: Shown::new(one.until, &site.zone),
    })
    .collect()
}

/// How many silences hold.
pub(super) fn silences(overview: &Overview) -> usize {
    let holds = overview.standing.iter().filter(|one| one.holds_at(overview.at));
    holds.filter(|one| matches!(one.what, What::Silence { .. })).count()
}

fn about(what: &What, language: Language) -> String {
    match what {
        What::Silence { scope, .. } => {
            let series = scope.series.iter().map(ToString::to_string);
            let rules = scope.rules.iter().map(ToString::to_string);
            series.chain(rules).collect::<Vec<_>>().join(", ")
        }
        What::Maintenance { station, sensor: Some(sensor), .. } => format!("{station}/{sensor}"),
        What::Maintenance { station, .. } => station.to_string(),
        What::Report { sign, .. } => catalogue::message(sign.key(), language).into(),
    }
}

/// The sites, worst first, and how many more there are.
pub(super) fn sites(facts: &Facts, language: Language) -> (Vec<SiteRow>, usize) {
    let overview = &facts.overview;
    let mut views: Vec<&SiteView> = overview.sites.iter().collect();
    let fails_at = |view: &SiteView| Some(facts.leads.get(&view.site.index())?.at);
    views.sort_by_key(|view| rank(view, fails_at(view)));
    let shown =
        views.iter().take(SITES_MAX).filter_map(|view| site(facts, view, language)).collect();
    (shown, views.len().saturating_sub(SITES_MAX))
}

/// At how many sites there is something to look at: [`SiteRow::is_calm`] of none of them.
pub(super) fn watched(overview: &Overview) -> usize {
    let calm = |view: &&SiteView| look(view) == "normal" && view.silent + view.maintained == 0;
    overview.sites.len() - overview.sites.iter().filter(calm).count()
}

fn site(facts: &Facts, view: &SiteView, language: Language) -> Option<SiteRow> {
    let site = facts.overview.setup.registry.sites().get(view.site.index())?;
    Some(SiteRow {
        id: site.id.to_string(),
        name: say(&site.name, language).into(),
        kind: kind(site.kind, language),
        area: say(&site.area, language).into(),
        look: look(view),
        word: look_word(view, language),
        also_unknown: view.unknown && view.level != Level::Normal,
        since: since(&facts.levels, site, view).map(|at| Shown::new(at, &site.zone)),
        assessed: (view.assessed < view.level).then(|| catalogue::level(view.assessed, language)),
        silent: view.silent,
        series: view.series,
        maintained: view.maintained,
        lead: facts.leads.get(&view.site.index()).map(|forecast| Lead::new(forecast, &site.zone)),
        newest: newest(&facts.overview, view).map(|at| Shown::new(at, &site.zone)),
        set: set(&facts.overview, site, language),
    })
}

/// Somebody who waits to be adopted.
#[derive(Serialize)]
pub(super) struct StrangerRow {
    name: String,
    source: String,
    messages: u64,
    /// What they said last of each thing.
    said: Vec<String>,
}

/// Who waits to be adopted, and how many more do.
pub(super) fn strangers(overview: &Overview) -> (Vec<StrangerRow>, usize) {
    let row = |(stranger, heard): (&Stranger, &Heard)| StrangerRow {
        name: match &stranger.name {
            StrangerName::Station(site, station) => format!("{site}/{station}"),
            StrangerName::Device(device) => device.clone(),
        },
        source: stranger.source.clone(),
        messages: heard.messages,
        said: heard
            .said
            .iter()
            .map(|((sensor, quantity), said)| {
                let unit = said.unit.as_deref().unwrap_or_default();
                let of = if quantity.is_empty() { "" } else { "/" };
                format!("{sensor}{of}{quantity} {} {unit}", said.value)
            })
            .collect(),
    };
    let all = overview.waiting.iter().count();
    let shown = overview.waiting.iter().take(STRANGERS_MAX).map(row).collect();
    (shown, all.saturating_sub(STRANGERS_MAX))
}

#[derive(Serialize)]
pub(super) struct IncidentRow {
    id: String,
    name: String,
    level: &'static str,
    word: &'static str,
    hazard: &'static str,
    since: Shown,
    revision: u32,
    acknowledged_by: Option<String>,
    /// Where it stands, by name, and whether anybody was asked about it.
    state: &'static str,
    approval: bool,
    what: String,
    late: bool,
    /// What keeps notices about it from officers: a silence, or another incident.
    hidden_by: Option<String>,
    /// Whether whoever looks may acknowledge and stand down.
    may_order: bool,
    /// What is heard by whom if it is stood down, where it can be.
    stand_down_ask: Option<String>,
}

/// Open incidents, the most serious first, the newest of equals.
pub(super) fn incidents(facts: &Facts, asking: &Asking, language: Language) -> Vec<IncidentRow> {
    let setup = &facts.overview.setup;
    let mut open: Vec<_> = facts.open.iter().collect();
    open.sort_by(|a, b| (b.level, b.opened_at, &b.id).cmp(&(a.level, a.opened_at, &a.id)));
    let row = |record: &&alerting::decision::IncidentRecord| IncidentRow {
        id: record.id.to_string(),
        name: site_name(setup, record.site.as_str(), language),
        level: record.level.name(),
        word: catalogue::level(record.level, language),
        hazard: hazard(record.hazard, language),
        since: Shown::new(record.opened_at, zone(setup, Some(record.site.as_str()))),
        revision: record.revision,
        acknowledged_by: record.acknowledged_by.clone(),
        state: record.state.name(),
        approval: !record.approvals.is_empty(),
        what: say(&record.what, language).into(),
        late: record.late_detected,
        hidden_by: record.hidden_by.clone(),
        may_order: asking.may(Role::Operator, setup, record.site.as_str()),
        stand_down_ask: (record.level == Level::Severe)
            .then(|| heard_by_stand_down(record, setup, language)),
    };
    open.iter().map(row).collect()
}

#[derive(Serialize)]
pub(super) struct EventRow {
    id: i64,
    kind: &'static str,
    /// How its mark looks: a level, or nothing.
    look: Option<&'static str>,
    at: Shown,
    /// The date, where it is another than that of the row above.
    date: Option<String>,
    site: Option<String>,
    text: String,
}

/// What happened, newest first. A new level and the revision it made of its incident are one event, and so are an
/// order and the revision that says the same.
pub(super) fn events(facts: &Facts, language: Language) -> Vec<EventRow> {
    let setup = &facts.overview.setup;
    let mut moved = BTreeSet::new();
    let mut revised = BTreeSet::new();
    for row in &facts.recent {
        match row.decision {
            Decision::Level { .. } => moved.insert((row.position, place(&row.decision))),
            Decision::Incident(_) => revised.insert((row.position, place(&row.decision))),
            Decision::Rule { .. }
            | Decision::Reset { .. }
            | Decision::Recorded { .. }
            | Decision::Command { .. }
            | Decision::Station { .. }
            | Decision::Expired { .. }
            | Decision::Approval { .. } => false,
        };
    }
    let said_twice = |row: &DecisionRow| {
        let here = (row.position, place(&row.decision));
        match row.decision {
            Decision::Incident(_) => moved.contains(&here),
            Decision::Command { accepted, .. } => {
                accepted && revised.contains(&here) && !moved.contains(&here)
            }
            // the revision it made says so in words
            Decision::Approval { .. } => revised.contains(&here),
            Decision::Rule { .. }
            | Decision::Level { .. }
            | Decision::Reset { .. }
            | Decision::Station { .. }
            | Decision::Expired { .. }
            | Decision::Recorded { .. } => false,
        }
    };
    let mut date = String::new();
    let row = |row: &DecisionRow| {
        let site = place(&row.decision);
        let at = Shown::new(row.decision.at(), zone(setup, site));
        let new_date = (at.date != date).then(|| at.date.clone());
        date.clone_from(&at.date);
        EventRow {
            id: row.id,
            kind: row.decision.kind(),
            look: mark(&row.decision),
            at,
            date: new_date,
            site: site.map(|id| site_name(setup, id, language)),
            text: sentence(&row.decision, setup, language),
        }
    };
    facts.recent.iter().filter(|row| !said_twice(row)).take(EVENTS_MAX).map(row).collect()
}

pub(super) fn mark(decision: &Decision) -> Option<&'static str> {
    match decision {
        Decision::Rule { held: true, evidence, .. } => Some(evidence.level.name()),
        Decision::Level { to, .. } | Decision::Recorded { to, .. } => Some(to.name()),
        Decision::Incident(record) => Some(record.level.name()),
        Decision::Rule { held: false, .. }
        | Decision::Reset { .. }
        | Decision::Command { .. }
        | Decision::Station { .. }
        | Decision::Expired { .. }
        | Decision::Approval { .. } => None,
    }
}

#[derive(Default, Serialize)]
pub(super) struct ChannelRow {
    channel: String,
    owed: u64,
    failed: u64,
    delivered: u64,
    unconfirmed: u64,
    /// Of the alerts that were proven.
    in_time: u64,
    timed: u64,
    /// Whether it is looked at, and when all of it was known to work last.
    tested: bool,
    proved: Option<Shown>,
    /// Whether the last look at one of its targets failed.
    unproven: bool,
}

impl ChannelRow {
    fn new(channel: &str) -> Self {
        Self { channel: channel.into(), ..Self::default() }
    }
}

/// Every configured channel, and those that deliveries are still left on.
pub(super) fn channels(facts: &Facts) -> Vec<ChannelRow> {
    let tallied = |tally: &delivery::ledger::DeliveryTally| {
        let name = tally.channel.as_str();
        let row = ChannelRow {
            owed: tally.owed,
            failed: tally.failed,
            delivered: tally.delivered,
            unconfirmed: tally.unconfirmed,
            in_time: tally.in_time,
            timed: tally.in_time + tally.late,
            ..ChannelRow::new(name)
        };
        (name.to_string(), row)
    };
    let mut rows: BTreeMap<String, ChannelRow> = facts.deliveries.iter().map(tallied).collect();
    for route in &facts.overview.setup.routes {
        let name = route.channel.as_str();
        rows.entry(name.into()).or_insert_with(|| ChannelRow::new(name));
    }
    for (name, row) in &mut rows {
        let proofs = || facts.overview.proofs.iter().filter(|proof| proof.channel == *name);
        row.tested = proofs().next().is_some();
        row.unproven = proofs().any(|proof| !proof.proven);
        let all = proofs().map(|proof| proof.proved_at).collect::<Option<Vec<_>>>();
        let oldest = all.and_then(|moments| moments.into_iter().min());
        row.proved = oldest.map(|at| Shown::new(at, HOME_ZONE));
    }
    let left = |row: &ChannelRow| row.owed + row.failed > 0;
    let configured =
        |name: &str| facts.overview.setup.routes.iter().any(|route| route.channel.as_str() == name);
    rows.into_iter()
        .filter(|(name, row)| left(row) || configured(name))
        .map(|(_, row)| row)
        .collect()
}

#[derive(Serialize)]
pub(super) struct CheckRow {
    name: String,
    vital: &'static str,
    word: &'static str,
    detail: String,
}

impl CheckRow {
    pub(super) fn new(check: &Check, language: Language) -> Self {
        let key = ["board-vital-", check.vital.word()].concat();
        Self {
            name: check.name.clone(),
            vital: check.vital.word(),
            word: catalogue::lookup(&key, language).unwrap_or(check.vital.word()),
            detail: say(&check.detail, language).to_owned(),
        }
    }
}

#[derive(Serialize)]
pub(super) struct BalanceRow {
    source: String,
    received: u64,
    decoded: u64,
    quarantined: u64,
    claimed: u64,
    admitted: u64,
    refused: u64,
    duplicate: u64,
    held: u64,
    missing: u64,
    holds: bool,
}

impl BalanceRow {
    pub(super) fn new(balance: &Balance) -> Self {
        Self {
            source: balance.source.clone(),
            received: balance.received,
            decoded: balance.decoded,
            quarantined: balance.quarantined,
            claimed: balance.claimed,
            admitted: balance.admitted,
            refused: balance.refused,
            duplicate: balance.duplicate,
            held: balance.held,
            missing: balance.missing,
            holds: balance.holds(),
        }
    }
}
