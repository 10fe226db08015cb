//! What admission has seen, by name: for snapshots, in which numbers mean nothing.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::Admission;
use super::memory::{Limits, SeriesMemory, StationMemory};
use crate::id::{SeriesName, SiteId, StationId};
use crate::registry::Registry;

/// Everything admission remembers, by name. What has never spoken is left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AdmissionState {
    stations: Vec<(SiteId, StationId, StationMemory)>,
    series: Vec<(SeriesName, SeriesMemory)>,
}

impl Admission {
    /// What it has seen, under the names of the registry it was made for.
    pub fn export(&self, registry: &Registry) -> AdmissionState {
        let site = |at: usize| registry.sites()[at].id.clone();
        let stations = registry.stations().iter().zip(&self.stations);
        let series = registry.series().iter().zip(&self.series);
        AdmissionState {
            stations: stations
                .filter(|(_, memory)| **memory != StationMemory::default())
                .map(|(station, memory)| {
                    (site(station.site.index()), station.id.clone(), memory.clone())
                })
                .collect(),
            series: series
                .filter(|(_, memory)| **memory != SeriesMemory::default())
                .map(|(series, memory)| (series.name.clone(), memory.clone()))
                .collect(),
        }
    }

    /// Goes on from what was exported, perhaps with another registry: what it no longer knows is forgotten, what is
    /// new has never spoken.
    pub fn restore(registry: &Registry, limits: Limits, state: AdmissionState) -> Self {
        let mut admission = Self::new(registry, limits);
        for (site, station, mut memory) in state.stations {
            let station = registry
                .site(site.as_str())
                .and_then(|site| registry.station(site, station.as_str()));
            if let Some(station) = station {
                memory.trim(limits);
                admission.stations[station.index()] = memory;
            }
        }
        for (name, mut memory) in state.series {
            if let Some(series) = registry.find(&name) {
                memory.trim(limits);
                let deadline = memory.health.as_ref().and_then(|health| health.deadline());
                admission.neighbours.deadlines.extend(deadline.map(|at| (at, series.0)));
                admission.series[series.index()] = memory;
            }
        }
        admission
    }
}
