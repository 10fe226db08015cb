//! Gateways: what falls silent together behind one is one incident about it, not one for each site.
//!
//! A gateway is a station that others name. It is down when it says so itself (its status, or the will its broker
//! publishes), or when nothing at all has come through it for as long as one of the series behind it may be silent.
//! While it is down, silence behind it is nobody's but its own; when anything comes through again, what is behind it
//! has the grace a collector gives: its backlog has to come in first. None of that makes anything seen that is not.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::time::Duration;

use reading::{SeriesIndex, StationIndex, Timestamp};
use serde::{Deserialize, Serialize};

use super::silence::{DOWN_MAX, GRACE};
use super::{Engine, Moment};
use crate::catalogue;
use crate::decision::Action;
use crate::setup::Setup;

/// How the key of a fault about a gateway begins.
pub(crate) const GATEWAY_FAULT: &str = "gateway-";

/// A gateway, as far as silence cares.
#[derive(Clone, Debug)]
pub(crate) struct Gateway {
    pub station: StationIndex,
    /// The series that come through it, its own among them.
    members: Vec<SeriesIndex>,
    pub state: GatewayState,
}

/// What moves in a gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct GatewayState {
    /// Nothing comes through it since then.
    pub down_since: Option<Timestamp>,
    /// When something came through it again, after it was down.
    pub returned_at: Timestamp,
}

/// Every gateway, and which one each series comes through.
pub(crate) fn all(setup: &Setup) -> (Vec<Gateway>, Vec<Option<u32>>) {
    let stations = setup.registry.stations();
    let named: BTreeSet<StationIndex> = stations.iter().filter_map(|s| s.gateway).collect();
    let state = GatewayState { down_since: None, returned_at: Timestamp::MIN };
    let mut gateways: Vec<Gateway> =
        named.into_iter().map(|station| Gateway { station, members: Vec::new(), state }).collect();
    let mut of_station = alloc::vec![None; stations.len()];
    for (number, station) in (0u32..).zip(stations) {
        let number = StationIndex(number);
        let through = station.gateway.unwrap_or(number);
        if let Ok(at) = gateways.binary_search_by(|gateway| gateway.station.cmp(&through)) {
            let series = setup.registry.series_of(number);
            gateways[at].members.extend(series.map(|series| SeriesIndex(series as u32)));
            of_station[number.index()] = Some(at as u32);
        }
    }
    (gateways, of_station)
}

impl Engine {
    /// A station says that it is there, or that it is gone; if it is a gateway, that holds for all behind it.
    pub(super) fn gateway_says(
        &mut self,
        station: StationIndex,
        online: bool,
        now: Moment,
        out: &mut Vec<Action>,
    ) {
        let Some(at) = self.gateways.iter().position(|gateway| gateway.station == station) else {
            return;
        };
        if online {
            self.gateway_returned(at, now, out);
        } else if self.gateways[at].state.down_since.is_none() {
            self.gateways[at].state.down_since = Some(now.at);
            let (key, name) = self.gateway_key(at);
            let what = catalogue::text("fault-gateway-offline", &[&name]);
            self.pending_fault(&key, what, now.at.plus(DOWN_MAX));
        }
    }

    /// Something came through the gateway of a series, if it has one.
    pub(super) fn hear_gateway(&mut self, series: SeriesIndex, now: Moment, out: &mut Vec<Action>) {
        if let Some(at) = self.gateway_of(series) {
            self.gateway_returned(at as usize, now, out);
        }
    }

    fn gateway_returned(&mut self, at: usize, now: Moment, out: &mut Vec<Action>) {
        let state = &mut self.gateways[at].state;
        if state.down_since.take().is_none() {
            return;
        }
        state.returned_at = now.at;
        let (key, _) = self.gateway_key(at);
        self.mend(&key, now, out);
        let members = core::mem::take(&mut self.gateways[at].members);
        for series in &members {
            if !self.is_told_silent(*series) {
                self.heard[series.index()].silent = false;
            }
            self.wake_by(self.site_of(*series), now.at.plus(GRACE));
        }
        self.gateways[at].members = members;
    }

    /// Whether what is overdue on a series is the silence of its gateway, which is told once.
    pub(super) fn blames_gateway(
        &mut self,
        series: SeriesIndex,
        after: Duration,
        now: Moment,
        out: &mut Vec<Action>,
    ) -> bool {
        let Some(at) = self.gateway_of(series).map(|at| at as usize) else { return false };
        if self.gateways[at].state.down_since.is_some() {
            return true;
        }
        let stations = |of: &Self| {
            let stations = of.gateways[at].members.iter();
            let registry = &of.setup.registry;
            stations.map(|m| registry.series()[m.index()].station).collect::<BTreeSet<_>>().len()
        };
        let quiet = |series: &SeriesIndex| {
            let uptime = self.source_of(*series).map_or(Duration::ZERO, |source| source.uptime);
            uptime.saturating_sub(self.heard[series.index()].uptime) >= after
        };
        if stations(self) < 2 || !self.gateways[at].members.iter().all(quiet) {
            return false; // one station by itself, or something comes through
        }
        self.gateways[at].state.down_since = Some(now.at);
        let (key, name) = self.gateway_key(at);
        let minutes = alloc::format!("{}", after.as_secs() / 60);
        let what = catalogue::text("fault-gateway-silent", &[&name, &minutes]);
        self.fault(&key, what, None, now, out);
        true
    }

    /// The faults that are told of gateways.
    pub(crate) fn keys_of_gateways_down(&self) -> Vec<alloc::string::String> {
        let down = |at: &usize| self.gateways[*at].state.down_since.is_some();
        (0..self.gateways.len()).filter(down).map(|at| self.gateway_key(at).0).collect()
    }

    /// Whether the gateway of a series is down.
    pub(super) fn is_cut_off(&self, series: SeriesIndex) -> bool {
        self.gateway_of(series)
            .is_some_and(|at| self.gateways[at as usize].state.down_since.is_some())
    }

    /// From when on silence of a series counts again, after its gateway was down.
    pub(super) fn gateway_grace(&self, series: SeriesIndex) -> Timestamp {
        let gateway = self.gateway_of(series).map(|at| &self.gateways[at as usize]);
        gateway.map_or(Timestamp::MIN, |gateway| gateway.state.returned_at.plus(GRACE))
    }

    fn gateway_key(&self, at: usize) -> (alloc::string::String, alloc::string::String) {
        let registry = &self.setup.registry;
        let station = &registry.stations()[self.gateways[at].station.index()];
        let name = alloc::format!("{}/{}", registry.sites()[station.site.index()].id, station.id);
        ([GATEWAY_FAULT, &name].concat(), name)
    }
}
