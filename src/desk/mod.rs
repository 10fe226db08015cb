//! The decision loop: sole owner of the alerting engine, fed by the journal alone.
//!
//! [`Desk`] is the pure part, record in, what to carry out back: the daemon, a replay and the maker of snapshots
//! run the same one. [`run`] is the thread that carries it out: ledger first, then whoever waits. [`state`] keeps it on
//! disk.

pub mod events;
mod stations;
pub mod waiting;
pub mod state;
pub mod recovery;
pub mod run;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use alerting::engine::{ALIVE_MAX, SiteView, TrailHead};
use alerting::explanation::Finding;
use alerting::setup::Setup;
use alerting::standing::SiteOrder;
use alerting::{Action, Command, Engine, Moment, Outcome, UNRECORDED};
use delivery::QuarantineRow;
use ingest::collector::limit::TOO_FAST;
use ingest::journal::{Cut, Kind, Record};
use reading::admission::{Admission, Limits, Refused};
use reading::codec::sparkplug::{Hosts, Wish};
use reading::codec::{
    CodecError, CommandResult, Identity, Message, ResultKind, SirenState, Told, feed,
};
use reading::frame::Frame;
use reading::id::{RuleId, SeriesName};
use reading::report::Report;
use reading::{Reading, Registry, SeriesIndex, SiteId, StationId, Timestamp};

use crate::overview::{Balance, Latest, LinkProof, Overview};
use events::{ClockStep, CollectorEvent, ProofEvent, Skip, Trouble};
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
            self.expire(now, &mut actions);
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
                self.configure(record, now, actions);
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

    fn configure(&mut self, record: &Record<'_>, now: Moment, actions: &mut Vec<Action>) {
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
        self.let_go(&setup, now, actions);
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

    /// Decides what admission held back long enough, as far as it could have heard more of it.
    fn expire(&mut self, now: Moment, actions: &mut Vec<Action>) {
        let registry = &self.setup.registry;
        if now.at.since(self.at) > ALIVE_MAX {
            self.admission.put_off(registry, now.at);
        }
        let is_up = |source: &str| self.engine.as_ref().is_some_and(|engine| engine.is_up(source));
        let mut readings = std::mem::take(&mut self.readings);
        self.admission.expire(registry, now.at, is_up, &mut readings);
        self.release(readings, now, actions);
    }

    /// Hands on what waited and is decided.
    fn release(&mut self, mut readings: Vec<Reading>, now: Moment, actions: &mut Vec<Action>) {
        for reading in readings.drain(..) {
            let registry = &self.setup.registry;
            let station = registry.series()[reading.series.index()].station;
            let source = registry.stations()[station.index()].source.clone();
            let balance = self.balance(&source);
            balance.held = balance.held.saturating_sub(1);
            balance.admitted += 1;
            self.note_latest(&self.as_set(&reading));
            if let Some(engine) = &mut self.engine {
                engine.observe(&reading, now, actions);
            }
        }
        self.readings = readings;
    }

    /// What waits in a series that another configuration does not have, or hears through another collector, is decided
    /// while it is still known.
    fn let_go(&mut self, next: &Setup, now: Moment, actions: &mut Vec<Action>) {
        let registry = &self.setup.registry;
        let source = |registry: &Registry, series: SeriesIndex| {
            let station = registry.series()[series.index()].station;
            registry.stations()[station.index()].source.clone()
        };
        let goes = |series: SeriesIndex| {
            let kept = next.registry.find(&registry.series()[series.index()].name);
            kept.is_none_or(|kept| source(&next.registry, kept) != source(registry, series))
        };
        let mut readings = std::mem::take(&mut self.readings);
        self.admission.let_go(goes, &mut readings);
        self.release(readings, now, actions);
    }

    fn take_frame(
        &mut self,
        record: &Record<'_>,
        now: Moment,
        actions: &mut Vec<Action>,
        carried: &mut Carried,
    ) {
        let frame = record.frame();
        let setup = Arc::clone(&self.setup);
        let decoded =
            feed::decode_under(setup.root(), &frame, &setup.feeds, &mut self.hosts, now.at);
        carried.wishes.extend(self.hosts.take_wishes());
        let balance = self.balance(record.source);
        balance.received += 1;
        match decoded {
            Err(error) => {
                balance.quarantined += 1;
                if matches!(error, CodecError::UnknownDevice { .. }) {
                    let waiting = Arc::make_mut(&mut self.waiting);
                    waiting.note_device(record.source, &error, record.at);
                }
                *carried.refusals.entry(error.name()).or_default() += 1;
                carried.batch.quarantine.push(quarantined(record, error.name(), error.to_string()));
            }
            Ok(decoded) => {
                balance.decoded += 1;
                balance.claimed += decoded.unmapped.len() as u64;
                balance.refused += decoded.unmapped.len() as u64;
                if !decoded.unmapped.is_empty() {
                    let waiting = Arc::make_mut(&mut self.waiting);
                    waiting.note_values(record.source, &decoded.unmapped, record.at);
                }
                for value in &decoded.unmapped {
                    let what = format!("no table knows {}: it says {}", value.name(), value.value);
                    self.list("unmapped", what, record, carried);
                }
                for told in &decoded.messages {
                    self.take_message(told, record, now, actions, carried);
                }
            }
        }
    }

    fn take_message(
        &mut self,
        told: &Told<'_>,
        record: &Record<'_>,
        now: Moment,
        actions: &mut Vec<Action>,
        carried: &mut Carried,
    ) {
        match &told.message {
            Message::Report(report) => {
                let known_by = told.identity.bytes(record.payload);
                let frame = Frame { payload: known_by, ..record.frame() };
                self.take_report(report, &frame, record, now, actions, carried);
                // Foreign devices are told nothing, and their networks keep nothing for us.
                if told.identity == Identity::Payload {
                    self.note_stored(report, carried);
                }
            }
            Message::Receipt(receipt) => self.take_receipt(receipt, record, now, actions, carried),
            Message::Status(status) => self.take_status(status, record, now, actions, carried),
        }
    }

    fn take_report(
        &mut self,
        report: &Report<'_>,
        frame: &Frame<'_>,
        record: &Record<'_>,
        now: Moment,
        actions: &mut Vec<Action>,
        carried: &mut Carried,
    ) {
        let (mut readings, mut refused) =
            (std::mem::take(&mut self.readings), std::mem::take(&mut self.refused));
        let tally = self.admission.admit(
            &self.setup.registry,
            report,
            frame,
            now.at,
            &mut readings,
            &mut refused,
        );
        let balance = self.balance(record.source);
        balance.claimed += tally.claimed;
        balance.admitted += tally.admitted;
        balance.refused += tally.refused;
        balance.duplicate += tally.duplicate;
        balance.held = balance.held.saturating_add_signed(tally.held);
        balance.missing = balance.missing.saturating_add(tally.missing).saturating_sub(tally.found);
        let holds = balance.holds();
        for reading in readings.drain(..) {
            let as_set = self.as_set(&reading);
            self.note_latest(&as_set);
            if self.is_tapped {
                carried.readings.push(as_set);
            }
            if let Some(engine) = &mut self.engine {
                engine.observe(&reading, now, actions);
            }
            self.note_forecast(reading.series);
        }
        if refused.iter().any(Waiting::is_of_strangers) {
            let waiting = Arc::make_mut(&mut self.waiting);
            waiting.note_report(record.source, report, &self.setup.registry, record.at);
        }
        for refused in refused.drain(..) {
            self.list(refused.reason.name(), refused.to_string(), record, carried);
        }
        (self.readings, self.refused) = (readings, refused);
        self.count_numbers(report, tally.missing, tally.found, now, actions);
        if !holds && let Some(engine) = &mut self.engine {
            let what = alerting::catalogue::text("fault-balance", &[record.source]);
            let until = now.at.plus(std::time::Duration::from_secs(86_400));
            engine.fault(&format!("balance-{}", record.source), what, Some(until), now, actions);
        }
    }

    fn note_stored(&self, report: &Report<'_>, carried: &mut Carried) {
        let Some(seq) = report.seq else { return };
        // A gateway keeps what it was not told is stored: what is in memory only may be wanted again.
        if self.engine.as_ref().is_some_and(|engine| engine.is_faulty(UNRECORDED)) {
            return;
        }
        let registry = &self.setup.registry;
        let station =
            registry.site(report.site).and_then(|site| registry.station(site, report.station));
        if let Some(station) = station.map(|station| &registry.stations()[station.index()]) {
            let site = registry.sites()[station.site.index()].id.clone();
            carried.stored.push((site, station.id.clone(), seq));
        }
    }

    /// A reading as it counts: from the zero people have set, and marked if somebody works on its instrument.
    fn as_set(&self, reading: &Reading) -> Reading {
        self.engine.as_ref().map_or(*reading, |engine| engine.as_set(reading))
    }

    fn note_latest(&mut self, reading: &Reading) {
        let latest = &mut self.latest[reading.series.index()];
        if latest.is_none_or(|latest| latest.measured_at <= reading.measured_at) {
            let Reading { series, measured_at, value, quality, .. } = *reading;
            let expected = self.engine.as_ref().and_then(|engine| engine.expected(series));
            let forecast = latest.and_then(|latest| latest.forecast);
            *latest = Some(Latest { measured_at, value, quality, expected, forecast });
        }
    }

    /// What the engine made of a reading.
    fn note_forecast(&mut self, series: SeriesIndex) {
        if let (Some(engine), Some(latest)) = (&self.engine, &mut self.latest[series.index()]) {
            latest.forecast = engine.forecast(series);
        }
    }

    /// Lists a refusal for people, unless the same was listed a moment ago; counts it always. Whether it was listed.
    fn list(
        &mut self,
        reason: &'static str,
        what: String,
        record: &Record<'_>,
        carried: &mut Carried,
    ) -> bool {
        *carried.refusals.entry(reason).or_default() += 1;
        let key = (record.topic.to_owned(), reason);
        if self.listed.get(&key).is_some_and(|at| record.at.since(*at) < LIST_EVERY) {
            return false;
        }
        if self.listed.len() >= LISTED_MAX {
            self.listed.clear();
        }
        self.listed.insert(key, record.at);
        carried.batch.quarantine.push(quarantined(record, reason, what));
        true
    }

    fn obey(
        &mut self,
        record: &Record<'_>,
        now: Moment,
        actions: &mut Vec<Action>,
        carried: &mut Carried,
    ) {
        if record.topic == events::STATION_ORDER {
            return self.order_station(record, now, actions, carried);
        }
        if record.topic == events::SITE_ORDER {
            return match (serde_json::from_slice::<SiteOrder>(record.payload), &mut self.engine) {
                (Ok(order), Some(engine)) => engine.order(&order, now, actions),
                (Ok(_), None) => {}
                (Err(error), _) => self.unreadable(record, &error, carried),
            };
        }
        match (serde_json::from_slice::<Command>(record.payload), &mut self.engine) {
            (Ok(command), Some(engine)) => engine.obey(&command, now, actions),
            (Ok(_), None) => {}
            (Err(error), _) => self.unreadable(record, &error, carried),
        }
    }

    fn settle(
        &mut self,
        record: &Record<'_>,
        now: Moment,
        actions: &mut Vec<Action>,
        carried: &mut Carried,
    ) {
        match (serde_json::from_slice::<Outcome>(record.payload), &mut self.engine) {
            (Ok(outcome), Some(engine)) => engine.settle(&outcome, now, actions),
            (Ok(_), None) => {}
            (Err(error), _) => self.unreadable(record, &error, carried),
        }
    }

    fn take_collector(
        &mut self,
        record: &Record<'_>,
        now: Moment,
        actions: &mut Vec<Action>,
        carried: &mut Carried,
    ) {
        match (serde_json::from_slice::<CollectorEvent>(record.payload), &mut self.engine) {
            (Ok(CollectorEvent { foreign: Some((gateway, topic)), .. }), Some(engine)) => {
                let what = alerting::catalogue::text("fault-trespass", &[&gateway, &topic]);
                let until = now.at.plus(std::time::Duration::from_secs(3_600));
                engine.fault(&format!("trespass-{gateway}"), what, Some(until), now, actions);
            }
            (Ok(CollectorEvent { too_fast: Some((sender, refused)), .. }), Some(engine)) => {
                let what = alerting::catalogue::text("fault-too-fast", &[&sender, record.source]);
                let until = now.at.plus(std::time::Duration::from_secs(3_600));
                engine.fault(&format!("too-fast-{sender}"), what, Some(until), now, actions);
                *carried.refusals.entry(TOO_FAST).or_default() += refused.saturating_sub(1);
                let text = format!("{refused} frames were refused before they were stored");
                self.list(TOO_FAST, text, record, carried);
            }
            (Ok(event), Some(engine)) if event.lost.is_empty() => {
                engine.collector(record.source, event.up, &event.reason, now, actions);
                if event.up {
                    self.admission.put_off(&self.setup.registry, now.at);
                }
            }
            (Ok(event), Some(engine)) => {
                let what =
                    alerting::catalogue::text("fault-frames-lost", &[record.source, &event.lost]);
                let until = now.at.plus(std::time::Duration::from_secs(3_600));
                engine.fault(&format!("lost-{}", record.source), what, Some(until), now, actions);
            }
            (Ok(_), None) => {}
            (Err(error), _) => self.unreadable(record, &error, carried),
        }
    }

    fn take_cut(&mut self, record: &Record<'_>, now: Moment, actions: &mut Vec<Action>) {
        let (Some(cut), Some(engine)) = (Cut::read(record.payload), &mut self.engine) else {
            return;
        };
        let text = alerting::catalogue::text;
        match cut {
            Cut::TornTail { .. } => {}
            Cut::Damaged { .. } | Cut::Missing { .. } | Cut::Trimmed { .. } => {
                let what = text("fault-journal-gap", &[&format!("{cut:?}")]);
                let until = now.at.plus(std::time::Duration::from_secs(86_400));
                engine.fault("journal-gap", what, Some(until), now, actions);
            }
            Cut::Full => {
                engine.fault(DISK_FULL, text("fault-disk-full", &[]), None, now, actions);
            }
            Cut::Room => engine.mend(DISK_FULL, now, actions),
            Cut::Unrecorded { .. } => {
                engine.fault(UNRECORDED, text("fault-unrecorded", &[]), None, now, actions);
            }
            Cut::Recorded { .. } => {
                engine.mend(UNRECORDED, now, actions);
                engine.mend(DISK_FULL, now, actions);
            }
        }
    }

    /// A wall clock that jumps by more than a station's own clock may be wrong is for a person to look at: stamps of
    /// stations are judged by it.
    fn take_clock_step(&mut self, record: &Record<'_>, now: Moment, actions: &mut Vec<Action>) {
        let Ok(step) = serde_json::from_slice::<ClockStep>(record.payload) else { return };
        let seconds = step.nanos / 1_000_000_000;
        if let Some(engine) = &mut self.engine
            && seconds.unsigned_abs() >= CLOCK_STEP_SHOWN.as_secs()
        {
            let what = alerting::catalogue::text("fault-clock", &[&seconds.to_string()]);
            let until = now.at.plus(std::time::Duration::from_secs(3_600));
            engine.fault("clock", what, Some(until), now, actions);
        }
    }

    fn take_trouble(
        &mut self,
        record: &Record<'_>,
        now: Moment,
        actions: &mut Vec<Action>,
        carried: &mut Carried,
    ) {
        match (serde_json::from_slice::<Trouble>(record.payload), &mut self.engine) {
            (Ok(Trouble { key, what: Some(what) }), Some(engine)) => {
                engine.fault(&key, what, None, now, actions);
            }
            (Ok(Trouble { key, what: None }), Some(engine)) => engine.mend(&key, now, actions),
            (Ok(_), None) => {}
            (Err(error), _) => self.unreadable(record, &error, carried),
        }
    }

    fn take_head(
        &mut self,
        record: &Record<'_>,
        now: Moment,
        actions: &mut Vec<Action>,
        carried: &mut Carried,
    ) {
        match (serde_json::from_slice::<TrailHead>(record.payload), &mut self.engine) {
            (Ok(head), Some(engine)) => engine.tell_head(&head, now, actions),
            (Ok(_), None) => {}
            (Err(error), _) => self.unreadable(record, &error, carried),
        }
    }

    fn take_proof(
        &mut self,
        record: &Record<'_>,
        now: Moment,
        actions: &mut Vec<Action>,
        carried: &mut Carried,
    ) {
        match serde_json::from_slice::<ProofEvent>(record.payload) {
            Ok(event) => self.prove(event, now, actions),
            Err(error) => self.unreadable(record, &error, carried),
        }
    }

    /// A device answers a look. What none of its channels has is nobody's answer.
    fn answered(
        &mut self,
        channel: &str,
        target: &str,
        receipt: &CommandResult<'_>,
        now: Moment,
        actions: &mut Vec<Action>,
    ) {
        if !self.setup.routes.iter().any(|route| route.channel.as_str() == channel) {
            return;
        }
        let state = match receipt.state {
            Some(SirenState::Sounding) => "sounding",
            Some(SirenState::Silent) => "silent",
            None => "",
        };
        let said = receipt.reason.as_deref().unwrap_or(state);
        let event = ProofEvent {
            channel: channel.into(),
            target: target.into(),
            proven: receipt.result == ResultKind::Done,
            what: format!("answered: {said}"),
            by: receipt.station.into(),
        };
        self.prove(event, now, actions);
    }

    fn prove(&mut self, event: ProofEvent, now: Moment, actions: &mut Vec<Action>) {
        let ProofEvent { channel, target, proven, what, .. } = event;
        let name = (channel.clone(), target.clone());
        if self.proofs.len() >= PROOFS_MAX && !self.proofs.contains_key(&name) {
            return;
        }
        let before = self.proofs.get(&name);
        let (since, proved_before) =
            before.map_or((now.at, None), |proof| (proof.since, proof.proved_at));
        let proved_at = if proven { Some(now.at) } else { proved_before };
        if proven && let Some(engine) = &mut self.engine {
            engine.mend(&link_fault(&channel, &target), now, actions);
        }
        let proof = LinkProof { channel, target, since, proved_at, tried_at: now.at, proven, what };
        self.proofs.insert(name, proof);
    }

    fn take_skip(&mut self, record: &Record<'_>, now: Moment, actions: &mut Vec<Action>) {
        let Ok(skip) = serde_json::from_slice::<Skip>(record.payload) else { return };
        if let Some(engine) = &mut self.engine {
            let what = alerting::catalogue::text("fault-poison", &[&skip.sequence.to_string()]);
            let until = now.at.plus(std::time::Duration::from_secs(86_400));
            engine.fault("poison", what, Some(until), now, actions);
        }
    }

    /// A record of our own that this version cannot read: kept visible, like a frame that cannot be decoded.
    fn unreadable(
        &mut self,
        record: &Record<'_>,
        error: &serde_json::Error,
        carried: &mut Carried,
    ) {
        tracing::error!(sequence = record.sequence, kind = record.kind.name(), %error, "record cannot be read");
        *carried.refusals.entry("unreadable-record").or_default() += 1;
        carried.batch.quarantine.push(quarantined(record, "unreadable-record", error.to_string()));
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
            deliveries_open: self.engine.as_ref().map(Engine::deliveries_open).unwrap_or_default(),
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
