//! How a registry is made: of what is configured, or of parts of others.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;

use super::{Registry, Series, Site, SiteIndex, Station, StationEntry, StationIndex};
use crate::id::{SensorId, SeriesName, SiteId, StationId};

impl Registry {
    /// Sorts and numbers what is configured. Entries whose site is not listed, and second entries of the same
    /// name, are left out: configuration has reported them by then.
    pub fn new(mut sites: Vec<Site>, mut entries: Vec<StationEntry>) -> Self {
        sites.sort_by(|a, b| a.id.cmp(&b.id));
        sites.dedup_by(|a, b| a.id == b.id);
        entries.sort_by(|a, b| (&a.site, &a.id).cmp(&(&b.site, &b.id)));
        entries.dedup_by(|a, b| (&a.site, &a.id) == (&b.site, &b.id));
        let mut registry = Self { sites, ..Self::default() };
        let mut forwarded = Vec::new();
        for mut entry in entries {
            let gateway = entry.gateway.take();
            forwarded
                .extend(gateway.map(|gateway| (entry.site.clone(), entry.id.clone(), gateway)));
            registry.add(entry);
        }
        for (site, id, (gateway_site, gateway)) in forwarded {
            let number = |site: &SiteId, id: &StationId| {
                registry.station(registry.site(site.as_str())?, id.as_str())
            };
            if let (Some(at), gateway) = (number(&site, &id), number(&gateway_site, &gateway)) {
                registry.stations[at.index()].gateway = gateway;
            }
        }
        registry.series.shrink_to_fit();
        registry.share();
        registry
    }

    /// Keeps each identifier once, whatever it was read from: a million names are then 32 bytes each and no more.
    pub fn share(&mut self) {
        let mut sensors = BTreeSet::new();
        for series in &mut self.series {
            let station = &self.stations[series.station.index()];
            series.name.site = self.sites[station.site.index()].id.clone();
            series.name.station = station.id.clone();
            match sensors.get(&series.name.sensor) {
                Some(same) => series.name.sensor = SensorId::clone(same),
                None => drop(sensors.insert(series.name.sensor.clone())),
            }
        }
    }

    fn add(&mut self, mut entry: StationEntry) {
        let Some(site) = self.site(entry.site.as_str()) else { return };
        let station = StationIndex(self.stations.len() as u32);
        entry
            .series
            .sort_by(|a, b| (&a.sensor, a.quantity.name()).cmp(&(&b.sensor, b.quantity.name())));
        entry.series.dedup_by(|a, b| (&a.sensor, a.quantity) == (&b.sensor, b.quantity));
        self.series.extend(entry.series.into_iter().map(|s| Series {
            name: SeriesName {
                site: entry.site.clone(),
                station: entry.id.clone(),
                sensor: s.sensor,
                quantity: s.quantity,
            },
            station,
            unit: s.unit,
            range: s.range,
            lateness: s.lateness,
            noise: s.noise,
            votes: s.votes.map(String::into_boxed_str),
            calibrations: s.calibrations.into_boxed_slice(),
            make: s.make,
        }));
        self.stations.push(Station {
            id: entry.id,
            site,
            source: entry.source,
            report_interval: entry.report_interval,
            gateway: None, // its number is known once all have one
            location: entry.location,
            make: entry.make,
        });
    }

    /// The sites that `takes` wants out of several registries, each from the first that has it, all heard through
    /// `source`: for a drill, which has instruments of its own beside the real ones.
    pub fn gather(parts: &[&Self], takes: impl Fn(&SiteId) -> bool, source: &str) -> Self {
        let mut chosen: BTreeMap<&SiteId, (usize, SiteIndex)> = BTreeMap::new();
        for (part, registry) in parts.iter().enumerate() {
            let wanted = registry.sites.iter().enumerate().filter(|(_, site)| takes(&site.id));
            for (at, site) in wanted {
                chosen.entry(&site.id).or_insert((part, SiteIndex(at as u32)));
            }
        }
        let mut gathered = Self::default();
        let mut moved: BTreeMap<(usize, StationIndex), StationIndex> = BTreeMap::new();
        for (part, site) in chosen.into_values() {
            let registry = parts[part];
            let site_now = SiteIndex(gathered.sites.len() as u32);
            gathered.sites.push(registry.sites[site.index()].clone());
            let stations = registry.stations.iter().enumerate();
            for (at, station) in stations.filter(|(_, station)| station.site == site) {
                let before = StationIndex(at as u32);
                let now = StationIndex(gathered.stations.len() as u32);
                moved.insert((part, before), now);
                let series = registry.series[registry.series_of(before)].iter();
                gathered.series.extend(series.map(|one| Series { station: now, ..one.clone() }));
                let station = Station { site: site_now, source: source.into(), ..station.clone() };
                gathered.stations.push(station);
            }
        }
        for (&(part, before), &now) in &moved {
            let gateway = parts[part].stations[before.index()].gateway;
            gathered.stations[now.index()].gateway =
                gateway.and_then(|gateway| moved.get(&(part, gateway)).copied());
        }
        gathered
    }
}
