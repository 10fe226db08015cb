//! What the board shows, as of one moment: collected once for everybody.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use alerting::condition::failure_time::forecast::Forecast;
use alerting::decision::IncidentRecord;
use delivery::ledger::{DecisionRow, DeliveryTally, IncidentQuery, LedgerError, LevelRow};
use reading::Timestamp;
use serde::Serialize;

use super::words::look;
use super::{BoardState, Check, Notice};
use crate::moment::{HOME_ZONE, rfc3339};
use crate::overview::{Balance, Overview};

/// How many open incidents are shown; one per site and hazard, so only a very bad night has more.
const OPEN_MAX: u32 = 2_000;

/// How many decisions are shown.
const RECENT_MAX: usize = 80;

/// How many new decisions are taken at once; the rest at the next turn.
const FRESH_MAX: u32 = 256;

/// How many sites that are not normal an event names; all of them are at `/api/v1/sites`.
const NAMED_MAX: usize = 200;

/// For how long a delivery that failed, or arrived, is counted.
const TALLY_AGE: Duration = Duration::from_secs(86_400);

/// Everything the first page says.
pub(super) struct Facts {
    pub overview: Arc<Overview>,
    pub open: Vec<IncidentRecord>,
    pub levels: Vec<LevelRow>,
    /// Newest first.
    pub recent: Vec<DecisionRow>,
    pub deliveries: Vec<DeliveryTally>,
    /// How soon an alert is to be proven.
    pub objective: Duration,
    pub quarantined: u64,
    pub checks: Vec<Check>,
    /// When movement is forecast to end, by the number of the site; those that are past are left out.
    pub leads: BTreeMap<usize, Forecast>,
    /// What goes on beside.
    beside: Option<Notice>,
    /// The newest decision in here; `None` before the ledger was read.
    pub last_decision: Option<i64>,
    pub ledger_readable: bool,
    /// Which commit of the desk this is as of; `None` if the ledger has to be read again.
    commit: Option<u64>,
    /// Differs whenever a page would, apart from its counters.
    pub mark: String,
}

impl Facts {
    /// Before the ledger was read.
    pub(super) fn unread(state: &BoardState) -> Self {
        Self {
            overview: state.overview.load_full(),
            open: vec![],
            levels: vec![],
            recent: vec![],
            deliveries: vec![],
            objective: state.objective,
            quarantined: 0,
            checks: vec![],
            leads: BTreeMap::new(),
            beside: None,
            last_decision: None,
            ledger_readable: false,
            commit: None,
            mark: String::new(),
        }
    }

    /// Collects what is known now, and the decisions since `before`, oldest first. Waits for the disk. What the
    /// ledger will not tell stays as it was, and that is said.
    ///
    /// The ledger is read if the desk committed, or if `thorough`: what ages out of a tally does so unsaid.
    pub(super) fn collect(
        state: &BoardState,
        before: &Self,
        thorough: bool,
    ) -> (Self, Vec<DecisionRow>) {
        // Asked before the ledger: a commit in between is read twice rather than missed.
        let commit = *state.updates.borrow();
        let mut facts = Self {
            overview: state.overview.load_full(),
            checks: state.health.checks(),
            leads: leads(&state.overview.load(), (state.clock)()),
            beside: state.beside.now(),
            open: before.open.clone(),
            levels: before.levels.clone(),
            recent: before.recent.clone(),
            deliveries: before.deliveries.clone(),
            objective: before.objective,
            quarantined: before.quarantined,
            last_decision: before.last_decision,
            ledger_readable: true,
            commit: Some(commit),
            mark: String::new(),
        };
        if before.commit == facts.commit && !thorough {
            facts.mark = facts.marked();
            return (facts, vec![]);
        }
        let fresh = facts.read_ledger(state).unwrap_or_else(|error| {
            if before.ledger_readable || before.last_decision.is_none() {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the board cannot read the ledger"
                );
            }
            (facts.ledger_readable, facts.commit) = (false, None);
            vec![]
        });
        if fresh.len() == FRESH_MAX as usize {
            facts.commit = None; // there may be more
        }
        facts.mark = facts.marked();
        (facts, fresh)
    }

    fn read_ledger(&mut self, state: &BoardState) -> Result<Vec<DecisionRow>, LedgerError> {
        let ledger = &state.ledger;
        let fresh = match self.last_decision {
            Some(last) => ledger.decisions_after(last, FRESH_MAX)?,
            None => vec![],
        };
        if self.last_decision.is_none() {
            self.recent = ledger.decisions_before(None, RECENT_MAX as u32)?;
        } else if !fresh.is_empty() {
            self.recent =
                fresh.iter().rev().chain(&self.recent).take(RECENT_MAX).cloned().collect();
        }
        self.open = ledger.incidents_page(
            &IncidentQuery { open: Some(true), ..IncidentQuery::default() },
            OPEN_MAX,
        )?;
        self.levels = ledger.site_levels()?;
        self.deliveries =
            ledger.delivery_tally((state.clock)().minus(TALLY_AGE), state.objective)?;
        self.quarantined = ledger.quarantined_total()?;
        // Last: should anything have failed, the same decisions are fresh again.
        self.last_decision = Some(self.recent.first().map_or(0, |row| row.id));
        Ok(fresh)
    }

    fn marked(&self) -> String {
        let mut hasher = DefaultHasher::new();
        for view in &self.overview.sites {
            (view.level, view.unknown, view.assessed, view.silent, &view.incidents)
                .hash(&mut hasher);
            (view.maintained, view.silenced_until).hash(&mut hasher);
        }
        let at = self.overview.at;
        let standing = self.overview.standing.iter().filter(|one| one.holds_at(at));
        standing.for_each(|one| one.id.hash(&mut hasher));
        // Compared by where it lies: a reload puts another one in its place.
        Arc::as_ptr(&self.overview.setup).hash(&mut hasher);
        (self.overview.system_level, self.last_decision, self.ledger_readable).hash(&mut hasher);
        // Their details count along, as positions do.
        let checks: Vec<_> = self.checks.iter().map(|check| (&check.name, check.vital)).collect();
        (checks, &self.deliveries).hash(&mut hasher);
        for proof in &self.overview.proofs {
            (proof.tried_at, proof.proven).hash(&mut hasher);
        }
        for (site, forecast) in &self.leads {
            (site, forecast.at, forecast.interval).hash(&mut hasher);
        }
        if let Some(Notice { kind, what, .. }) = &self.beside {
            (kind, &what.en).hash(&mut hasher);
        }
        for (stranger, heard) in self.overview.waiting.iter() {
            (&stranger.name, heard.said.len()).hash(&mut hasher);
        }
        format!("{:016x}", hasher.finish())
    }

    /// Whether everything is as it was, counters included.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.overview.sequence == other.overview.sequence
            && self.mark == other.mark
            && self.quarantined == other.quarantined
    }

    /// The `overview` event.
    pub(super) fn told(&self, state: &BoardState) -> String {
        let overview = &self.overview;
        let mut levels = BTreeMap::new();
        for view in &overview.sites {
            *levels.entry(look(view)).or_insert(0_usize) += 1;
        }
        let mut views: Vec<_> =
            overview.sites.iter().filter(|view| look(view) != "normal").collect();
        views.sort_by_key(|view| std::cmp::Reverse(view.level));
        let Returns { heard, series, newest, .. } = self.returns();
        let newest_at = newest.map(|at| rfc3339(at, HOME_ZONE));
        let told = Told {
            sequence: overview.sequence,
            at: rfc3339(overview.at, HOME_ZONE),
            clock: rfc3339((state.clock)(), HOME_ZONE),
            mark: &self.mark,
            system_level: overview.system_level.name(),
            levels,
            sites: views
                .into_iter()
                .take(NAMED_MAX)
                .filter_map(|view| standing(overview, view))
                .collect(),
            incidents_open: self.open.len(),
            deliveries_open: overview.owed.len(),
            deliveries_failed: self.deliveries.iter().map(|tally| tally.failed).sum(),
            quarantined: self.quarantined,
            returning: Returning { heard, series, newest_at },
            balances: &overview.balances,
        };
        serde_json::to_string(&told).unwrap_or_default()
    }
}

/// The earliest forecast at each site whose time is not past.
fn leads(overview: &Overview, now: Timestamp) -> BTreeMap<usize, Forecast> {
    let mut leads: BTreeMap<usize, Forecast> = BTreeMap::new();
    let registry = &overview.setup.registry;
    for (series, latest) in registry.series().iter().zip(&overview.latest) {
        let Some(forecast) = latest.and_then(|latest| latest.forecast) else { continue };
        let until = forecast.interval.map_or(forecast.at, |(_, latest)| latest);
        if until < now {
            continue;
        }
        let site = registry.stations()[series.station.index()].site.index();
        let lead = leads.entry(site).or_insert(forecast);
        if forecast.at < lead.at {
            *lead = forecast;
        }
    }
    leads
}

/// How much of what is measured comes in, as of a moment.
pub(super) struct Returns {
    /// Instruments that report in time.
    pub heard: usize,
    pub series: usize,
    /// Of a hundred, rounded down: with one silent it is never all.
    pub percent: usize,
    /// When the newest reading was measured.
    pub newest: Option<Timestamp>,
}

impl Facts {
    /// How much of what is measured comes in.
    pub(super) fn returns(&self) -> Returns {
        let views = &self.overview.sites;
        let series = views.iter().map(|view| view.series).sum::<usize>();
        let heard = series - views.iter().map(|view| view.silent).sum::<usize>().min(series);
        let latest = self.overview.latest.iter().flatten();
        let newest = latest.map(|latest| latest.measured_at).max();
        let percent = (heard * 100).checked_div(series).unwrap_or(0);
        Returns { heard, series, percent, newest }
    }
}

#[derive(Serialize)]
struct Told<'a> {
    sequence: u64,
    at: String,
    clock: String,
    mark: &'a str,
    system_level: &'static str,
    levels: BTreeMap<&'static str, usize>,
    sites: Vec<Standing<'a>>,
    incidents_open: usize,
    deliveries_open: usize,
    deliveries_failed: u64,
    quarantined: u64,
    returning: Returning,
    balances: &'a [Balance],
}

/// [`Returns`] for programs.
#[derive(Serialize)]
struct Returning {
    heard: usize,
    series: usize,
    newest_at: Option<String>,
}

#[derive(Serialize)]
struct Standing<'a> {
    id: &'a str,
    level: &'static str,
    unknown: bool,
    assessed: &'static str,
    silent: usize,
    series: usize,
    incidents: &'a [String],
}

fn standing<'a>(
    overview: &'a Overview,
    view: &'a alerting::engine::SiteView,
) -> Option<Standing<'a>> {
    let site = overview.setup.registry.sites().get(view.site.index())?;
    Some(Standing {
        id: site.id.as_str(),
        level: view.level.name(),
        unknown: view.unknown,
        assessed: view.assessed.name(),
        silent: view.silent,
        series: view.series,
        incidents: &view.incidents,
    })
}
