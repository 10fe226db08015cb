//! From a frame to what the engine observes: decoded, admitted, counted, listed where it is refused.

use std::sync::Arc;

use alerting::engine::ALIVE_MAX;
use alerting::setup::Setup;
use alerting::{Action, Moment, UNRECORDED};
use ingest::journal::Record;
use reading::codec::{CodecError, Identity, Message, Told, feed};
use reading::frame::Frame;
use reading::report::Report;
use reading::{Reading, Registry, SeriesIndex};

use super::waiting::Waiting;
use super::{Carried, Desk, LIST_EVERY, LISTED_MAX, quarantined};
use crate::overview::Latest;

impl Desk {
    pub(super) fn take_frame(
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
                let known_by = told.identity.bytes(report, record.payload);
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
    pub(super) fn list(
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

    /// Decides what admission held back long enough, as far as it could have heard more of it.
    pub(super) fn expire(&mut self, now: Moment, actions: &mut Vec<Action>, carried: &mut Carried) {
        let registry = &self.setup.registry;
        if now.at.since(self.at) > ALIVE_MAX {
            self.admission.put_off(registry, now.at);
        }
        let is_up = |source: &str| self.engine.as_ref().is_some_and(|engine| engine.is_up(source));
        let mut readings = std::mem::take(&mut self.readings);
        self.admission.expire(registry, now.at, is_up, &mut readings);
        self.release(readings, Some, now, actions, carried);
    }

    /// Hands on what waited and is decided. `shown` is the number by which views will know a series.
    fn release(
        &mut self,
        mut readings: Vec<Reading>,
        shown: impl Fn(SeriesIndex) -> Option<SeriesIndex>,
        now: Moment,
        actions: &mut Vec<Action>,
        carried: &mut Carried,
    ) {
        for reading in readings.drain(..) {
            let registry = &self.setup.registry;
            let station = registry.series()[reading.series.index()].station;
            let source = registry.stations()[station.index()].source.clone();
            let balance = self.balance(&source);
            balance.held = balance.held.saturating_sub(1);
            balance.admitted += 1;
            let as_set = self.as_set(&reading);
            self.note_latest(&as_set);
            if let Some(series) = shown(reading.series).filter(|_| self.is_tapped) {
                carried.readings.push(Reading { series, ..as_set });
            }
            if let Some(engine) = &mut self.engine {
                engine.observe(&reading, now, actions);
            }
        }
        self.readings = readings;
    }

    /// What waits in a series that another configuration does not have, or hears through another collector, is decided
    /// while it is still known.
    pub(super) fn let_go(
        &mut self,
        next: &Setup,
        now: Moment,
        actions: &mut Vec<Action>,
        carried: &mut Carried,
    ) {
        let registry = &self.setup.registry;
        let source = |registry: &Registry, series: SeriesIndex| {
            let station = registry.series()[series.index()].station;
            registry.stations()[station.index()].source.clone()
        };
        let kept =
            |series: SeriesIndex| next.registry.find(&registry.series()[series.index()].name);
        let goes = |series: SeriesIndex| {
            kept(series).is_none_or(|kept| source(&next.registry, kept) != source(registry, series))
        };
        let mut readings = std::mem::take(&mut self.readings);
        self.admission.let_go(goes, &mut readings);
        let setup = Arc::clone(&self.setup);
        let shown =
            |series: SeriesIndex| next.registry.find(&setup.registry.series()[series.index()].name);
        self.release(readings, shown, now, actions, carried);
    }
}
