//! The decision loop: sole owner of the alerting engine, fed by the journal alone.
//!
//! [`Desk`] is the pure part, record in, what to carry out back: the daemon, a replay and the maker of snapshots
//! run the same one. [`run`] is the thread that carries it out: ledger first, then whoever waits. [`state`] keeps it on
//! disk.

pub mod events;
mod readings;
mod stations;
mod own;
pub mod waiting;
pub mod state;
pub mod recovery;
pub mod run;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use alerting::engine::SiteView;
use alerting::explanation::Finding;
use alerting::setup::Setup;
use alerting::{Action, Engine, Moment};
use delivery::QuarantineRow;
use ingest::journal::{Kind, Record};
use reading::admission::{Admission, Limits, Refused};
use reading::codec::sparkplug::{Hosts, Wish};
use reading::id::{RuleId, SeriesName};
use reading::{Reading, SiteId, StationId, Timestamp};

use crate::overview::{Balance, Latest, LinkProof, Overview};
pub use stations::StationFacts;
use waiting::Waiting;

/// Refusals of one station for one reason are listed at most this often; all are counted.
const LIST_EVERY: std::time::Duration = std::time::Duration::from_secs(60);

/// How many (topic, reason) pairs are remembered for that.
const LISTED_MAX: usize = 10_000;

/// A jump of the wall clock by this much is shown: from here on, admission takes stamps for wrong.
const CLOCK_STEP_SHOWN: std::time::Duration = std::time::Duration::from_secs(120);

/// The fault of a full disk.
const DISK_FULL: &str = "disk-full";

/// How many targets of channels are remembered.
const PROOFS_MAX: usize = 10_000;

/// How much of a refused frame is shown.
const PREVIEW_LEN: usize = 256;

/// What records came to, to be carried out in this order: ledger, then the rest.
#[derive(Debug, Default)]
pub struct Carried {
    /// For the ledger.
    pub batch: delivery::Batch,
    /// Reports that are on disk, for `…/stored`.
    pub stored: Vec<(SiteId, StationId, u64)>,
    /// What Sparkplug nodes are to be asked.
    pub wishes: Vec<Wish>,
    /// Refusals and codec errors by name.
    pub refusals: BTreeMap<&'static str, u64>,
    /// What was admitted, from a desk that is [`tapped`](Desk::tapped).
    pub readings: Vec<Reading>,
    /// What stations said of themselves, from a desk that is [`tapped`](Desk::tapped).
    pub statuses: Vec<StationFacts>,
}

impl Carried {
    /// Makes it empty again, keeping its room.
    pub fn clear(&mut self) {
        self.batch.actions.clear();
        self.batch.quarantine.clear();
        self.batch.configured.clear();
        self.batch.receipts.clear();
        self.stored.clear();
        self.wishes.clear();
        self.refusals.clear();
        self.readings.clear();
        self.statuses.clear();
    }
}

/// Everything that follows from the journal so far.
pub struct Desk {
    engine: Option<Engine>,
    setup: Arc<Setup>,
    admission: Admission,
    /// What Sparkplug remembers: what an alias means.
    hosts: Hosts,
    balances: BTreeMap<String, Balance>,
    latest: Vec<Option<Latest>>,
    /// Who speaks and is not registered.
    waiting: Arc<Waiting>,
    /// When ways out were proved last, by channel and target.
    proofs: BTreeMap<(String, String), LinkProof>,
    listed: BTreeMap<(String, &'static str), Timestamp>,
    /// Records that are passed over, because they crashed the desk twice.
    skips: BTreeSet<u64>,
    position: u64,
    at: Timestamp,
    readings: Vec<Reading>,
    refused: Vec<Refused>,
    is_tapped: bool,
}

impl Desk {
    /// A desk that has seen nothing. `skips` are records to pass over.
    pub fn new(skips: BTreeSet<u64>) -> Self {
        let setup = Setup::empty();
        Self {
            engine: None,
            admission: Admission::new(&setup.registry, Limits::default()),
            setup: Arc::new(setup),
            hosts: Hosts::default(),
            balances: BTreeMap::new(),
            latest: Vec::new(),
            waiting: Arc::default(),
            proofs: BTreeMap::new(),
            listed: BTreeMap::new(),
            skips,
            position: 0,
            at: Timestamp::MIN,
            readings: Vec::new(),
            refused: Vec::new(),
            is_tapped: false,
        }
    }

    /// The desk, giving out also every reading it admits: for views.
    #[must_use]
    pub fn tapped(self) -> Self {
        Self { is_tapped: true, ..self }
    }

    /// The last record it has seen.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// `at` of that record.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// When something is due next.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        let engine = self.engine.as_ref().and_then(Engine::next_deadline);
        [engine, self.admission.next_deadline()].into_iter().flatten().min()
    }

    /// The configuration in force.
    pub fn setup(&self) -> &Arc<Setup> {
        &self.setup
    }

    /// Who speaks and is not registered.
    pub fn waiting(&self) -> &Waiting {
        &self.waiting
    }

    /// How a rule stands on a series. `None` if the rule has no clause on it.
    pub fn look_into(&self, series: &SeriesName, rule: &RuleId) -> Option<Finding> {
        let engine = self.engine.as_ref()?;
        let known = engine.rules_on(series).contains(rule);
        if known { engine.look_into(&series.site, rule) } else { None }
    }

    /// The rules that have a clause on a series.
    pub fn rules_on(&self, series: &SeriesName) -> Vec<RuleId> {
        self.engine.as_ref().map(|engine| engine.rules_on(series)).unwrap_or_default()
    }

    /// Where every site stands, by number.
    pub fn views(&self) -> Vec<SiteView> {
        self.engine.as_ref().map(Engine::view).unwrap_or_default()
    }

    /// Takes one record. Every record first lets happen what was due before it.
    pub fn apply(&mut self, record: &Record<'_>, carried: &mut Carried) {
        let now = Moment { at: record.at, sequence: record.sequence };
        let mut actions = Vec::new();
        if !self.skips.contains(&record.sequence) {
            if let Some(engine) = &mut self.engine {
                engine.tick(now, &mut actions);
            }
            self.expire(now, &mut actions, carried);
            self.take(record, now, &mut actions, carried);
        }
        self.position = record.sequence;
        self.at = record.at;
        carried.batch.decided(record.sequence, actions);
    }

    fn take(
        &mut self,
        record: &Record<'_>,
        now: Moment,
        actions: &mut Vec<Action>,
        carried: &mut Carried,
    ) {
        match record.kind {
            Kind::Frame | Kind::Receipt => self.take_frame(record, now, actions, carried),
            Kind::Configuration => {
                carried.batch.configured.push((record.sequence, record.payload.to_vec()));
                self.configure(record, now, actions, carried);
            }
            Kind::Command => self.obey(record, now, actions, carried),
            Kind::Outcome => self.settle(record, now, actions, carried),
            Kind::Collector => self.take_collector(record, now, actions, carried),
            Kind::Cut => self.take_cut(record, now, actions),
            Kind::Skip => self.take_skip(record, now, actions),
            Kind::ClockStep => self.take_clock_step(record, now, actions),
            Kind::Trouble => self.take_trouble(record, now, actions, carried),
            Kind::TrailHead => self.take_head(record, now, actions, carried),
            Kind::Proof => self.take_proof(record, now, actions, carried),
            Kind::Tick => {} // only carries time
        }
    }

    fn configure(
        &mut self,
        record: &Record<'_>,
        now: Moment,
        actions: &mut Vec<Action>,
        carried: &mut Carried,
    ) {
        let Ok(setup) = serde_json::from_slice::<Setup>(record.payload) else {
            tracing::error!(
                sequence = record.sequence,
                "configuration record cannot be read; the one before stays"
            );
            return;
        };
        if self.engine.is_some() && *self.setup == setup {
            return;
        }
        self.let_go(&setup, now, actions, carried);
        let admission = self.admission.export(&self.setup.registry);
        let latest = self.latest_by_name();
        self.admission = Admission::restore(&setup.registry, Limits::default(), admission);
        match &mut self.engine {
            Some(engine) => engine.reconfigure(setup.clone(), now, actions),
            None => self.engine = Some(Engine::new(setup.clone(), now.at)),
        }
        self.latest =
            setup.registry.series().iter().map(|s| latest.get(&s.name).copied()).collect();
        if self.waiting.iter().len() > 0 {
            Arc::make_mut(&mut self.waiting).adopt(&setup.registry);
        }
        self.setup = Arc::new(setup);
    }

    fn latest_by_name(&self) -> BTreeMap<reading::SeriesName, Latest> {
        let series = self.setup.registry.series().iter().zip(&self.latest);
        series.filter_map(|(series, latest)| Some((series.name.clone(), (*latest)?))).collect()
    }

    fn balance(&mut self, source: &str) -> &mut Balance {
        if !self.balances.contains_key(source) {
            let balance = Balance { source: source.into(), ..Balance::default() };
            self.balances.insert(source.into(), balance);
        }
        self.balances.entry(source.into()).or_default()
    }

    /// Where everything stands, for views.
    pub fn overview(&self) -> Overview {
        Overview {
            sequence: self.position,
            at: self.at,
            setup: Arc::clone(&self.setup),
            sites: self.views(),
            latest: self.latest.clone(),
            stations: self.stations_now(),
            standing: self.engine.as_ref().map(Engine::standing).unwrap_or_default().to_vec(),
            zeros: self.engine.as_ref().map(|engine| engine.zeros().clone()).unwrap_or_default(),
            balances: self.balances.values().cloned().collect(),
            system_level: self.engine.as_ref().map(Engine::system_level).unwrap_or_default(),
            owed: self.engine.iter().flat_map(Engine::owed).cloned().collect(),
            incidents: self.engine.iter().flat_map(Engine::open_incidents).cloned().collect(),
            waiting: Arc::clone(&self.waiting),
            proofs: self.proofs.values().cloned().collect(),
        }
    }
}

/// The name of the fault that a target of a channel was not proven for too long.
pub(crate) fn link_fault(channel: &str, target: &str) -> String {
    format!("link-{channel}-{target}")
}

fn quarantined(record: &Record<'_>, reason: &str, detail: String) -> QuarantineRow {
    QuarantineRow {
        position: record.sequence,
        at: record.at,
        source: record.source.into(),
        topic: record.topic.chars().take(PREVIEW_LEN).collect(),
        reason: reason.into(),
        detail,
        len: record.payload.len() as u64,
        preview: preview(record.payload),
    }
}

/// The beginning of some bytes, printable.
fn preview(bytes: &[u8]) -> String {
    let cut = &bytes[..bytes.len().min(PREVIEW_LEN)];
    let text = String::from_utf8_lossy(cut);
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
