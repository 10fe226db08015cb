//! What stations say of themselves, which of their messages are missing, and orders to them.

use alerting::engine::Answer;
use alerting::station::StationOrder;
use alerting::{Action, Moment};
use delivery::probe;
use ingest::journal::Record;
use reading::codec::{CommandResult, ResultKind, SirenState, StationState, StatusReport};
use reading::report::Report;
use reading::{Quality, SiteId, StationId, StationIndex, Timestamp};
use serde_json::json;

use super::{Carried, Desk};
use crate::overview::StationNow;

/// How much of an id is shown that is none of ours, characters.
const ID_SHOWN_MAX: usize = 200;

/// What a station said of itself, for views.
#[derive(Clone, Debug, PartialEq)]
pub struct StationFacts {
    /// Where it stands.
    pub site: SiteId,
    /// Which.
    pub station: StationId,
    /// When it said so, by the wall clock at receipt.
    pub at: Timestamp,
    /// Whether it is there.
    pub online: bool,
    /// Its supply, volts.
    pub battery_v: Option<f64>,
    /// How strongly its radio hears, dBm.
    pub rssi_dbm: Option<f64>,
}

impl Desk {
    /// What a station says of itself, if it says so through its own collector.
    pub(super) fn take_status(
        &mut self,
        status: &StatusReport<'_>,
        record: &Record<'_>,
        now: Moment,
        actions: &mut Vec<Action>,
        carried: &mut Carried,
    ) {
        let Some(station) = self.station_of(status.site, status.station, record.source) else {
            return;
        };
        let registry = &self.setup.registry;
        let online = status.state == StationState::Online;
        if !online {
            for latest in self.latest[registry.series_of(station)].iter_mut().flatten() {
                latest.quality |= Quality::STALE;
            }
        }
        if self.is_tapped {
            let entry = &registry.stations()[station.index()];
            carried.statuses.push(StationFacts {
                site: registry.sites()[entry.site.index()].id.clone(),
                station: entry.id.clone(),
                at: record.received_at,
                online,
                battery_v: status.battery_v,
                rssi_dbm: status.rssi_dbm,
            });
        }
        if let Some(engine) = &mut self.engine {
            engine.station_status(station, status, now, actions);
        }
    }

    /// An answer: of a station to an order of its own, else of an actuator to a delivery.
    pub(super) fn take_receipt(
        &mut self,
        receipt: &CommandResult<'_>,
        record: &Record<'_>,
        now: Moment,
        actions: &mut Vec<Action>,
        carried: &mut Carried,
    ) {
        let done = receipt.result == ResultKind::Done;
        let station = self.station_of(receipt.site, receipt.station, record.source);
        if let Some((channel, target)) = probe::named(&receipt.id) {
            if station.is_some() {
                self.answered(channel, target, receipt, now, actions);
            }
            return;
        }
        let Some(engine) = &mut self.engine else { return };
        let reason = receipt.reason.as_deref();
        if let Some(station) = station
            && engine.station_answered(
                station,
                &receipt.id,
                done,
                reason.unwrap_or_default(),
                now,
                actions,
            )
        {
            return;
        }
        let note = reason.unwrap_or(if done { "done" } else { "refused" });
        let silent = receipt.state == Some(SirenState::Silent);
        let answer = Answer { key: &receipt.id, accepted: done, silent, note };
        if let Some(odd) = engine.receipt(&answer, now, actions) {
            self.note_odd(odd, &receipt.id, note, record, carried);
        }
    }

    /// An answer that settles nothing is counted, listed and in the trail.
    fn note_odd(
        &mut self,
        odd: &'static str,
        id: &str,
        note: &str,
        record: &Record<'_>,
        carried: &mut Carried,
    ) {
        let id: String = id.chars().take(ID_SHOWN_MAX).collect();
        if self.list(odd, format!("{note}, for `{id}`"), record, carried) {
            let body = json!({ "delivery": id, "kept": odd, "position": record.sequence });
            carried.batch.receipts.push((record.sequence, record.at, body));
        }
    }

    /// Messages that a station numbered and that did not come, or came after all.
    pub(super) fn count_numbers(
        &mut self,
        report: &Report<'_>,
        lost: u64,
        found: u64,
        now: Moment,
        actions: &mut Vec<Action>,
    ) {
        if (lost, found) == (0, 0) {
            return;
        }
        let registry = &self.setup.registry;
        let station =
            registry.site(report.site).and_then(|site| registry.station(site, report.station));
        if let (Some(station), Some(engine)) = (station, &mut self.engine) {
            let missing = self.admission.missing(station).collect();
            engine.station_numbers(station, (lost, found), missing, now, actions);
        }
    }

    /// What a person orders of a station.
    pub(super) fn order_station(
        &mut self,
        record: &Record<'_>,
        now: Moment,
        actions: &mut Vec<Action>,
        carried: &mut Carried,
    ) {
        if let (Some(order), Some(engine)) =
            (self.said::<StationOrder>(record, carried), &mut self.engine)
        {
            engine.order_station(&order, now, actions);
        }
    }

    /// How every station stands, by number.
    pub(super) fn stations_now(&self) -> Vec<StationNow> {
        let Some(engine) = &self.engine else { return Vec::new() };
        let numbered = engine.stations().iter().enumerate();
        let now = numbered.map(|(number, life)| {
            let station = StationIndex(number as u32);
            StationNow {
                life: life.clone(),
                heard_at: self.admission.station_seen_at(station),
                clock: self.admission.clock(station),
            }
        });
        now.collect()
    }

    /// The station of that name, if it speaks through that collector.
    fn station_of(&self, site: &str, station: &str, source: &str) -> Option<StationIndex> {
        let registry = &self.setup.registry;
        let found = registry.station(registry.site(site)?, station)?;
        (registry.stations()[found.index()].source == source).then_some(found)
    }
}
