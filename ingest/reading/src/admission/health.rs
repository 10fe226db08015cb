//! Is the instrument all right? What stands between a reading with its time and belief (docs/formulas.md 6).
//!
//! In order: the **rails** of the instrument, its **neighbours**, a value that **never moves**, the **spike gate**. A
//! reading that is evidence of nothing anyway (its time unknown, a conflict) passes them, flagged as it is.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::Admission;
use super::flat::Flat;
use super::gate::Gate;
use super::rain::{self, Around, Rain};
use super::votes::{self, Vote};
use crate::reading::{Quality, Reading};
use crate::registry::{Registry, SeriesIndex, SiteIndex};
use crate::time::Timestamp;
use crate::unit::Quantity;

/// This close to an end of its range, as a share of it, an instrument is broken or at its end (docs/formulas.md 6.1).
const RAIL: f64 = 0.005;

/// The most neighbours of one gauge that are asked.
const NEIGHBOURS_MAX: usize = 8;

/// Kilometres in a degree of latitude.
const DEGREE_KM: f64 = 111.195;

/// What is kept of an instrument beside its stamps: about a kilobyte, where it is judged at all.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Health {
    gate: Gate,
    flat: Flat,
    rain: Rain,
    vote: Vote,
}

impl Health {
    /// When something that waits is decided without more; `None` if nothing waits.
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        [self.gate.deadline(), self.rain.deadline()].into_iter().flatten().min()
    }

    fn put_off(&mut self, to: Timestamp) {
        self.gate.put_off(to);
        self.rain.put_off(to);
    }

    fn expire(&mut self, series: SeriesIndex, out: &mut Vec<Reading>) {
        self.gate.expire(series, out);
        self.rain.expire(series, out);
    }

    fn is_holding(&self) -> bool {
        self.gate.is_holding() || self.rain.is_holding()
    }
}

/// Who is compared with whom, by series; and what waits, by when it is decided.
#[derive(Clone, Debug, Default)]
pub(super) struct Neighbours {
    gauges: BTreeMap<u32, Vec<u32>>,
    votes: BTreeMap<u32, Vec<u32>>,
    pub(super) deadlines: BTreeSet<(Timestamp, u32)>,
}

impl Neighbours {
    pub(super) fn new(registry: &Registry) -> Self {
        Self { gauges: gauges(registry), votes: voters(registry), deadlines: BTreeSet::new() }
    }
}

/// Gauges within [`rain::NEAR_KM`] of each other, the nearest first.
fn gauges(registry: &Registry) -> BTreeMap<u32, Vec<u32>> {
    let place = |number: u32| {
        let station = &registry.stations()[registry.series()[number as usize].station.index()];
        station.location.unwrap_or(registry.sites()[station.site.index()].location)
    };
    let mut all: Vec<(u32, (f64, f64))> = (0..registry.series().len() as u32)
        .filter(|number| registry.series()[*number as usize].name.quantity == Quantity::Rain)
        .map(|number| (number, place(number)))
        .collect();
    all.sort_by(|a, b| a.1.0.total_cmp(&b.1.0).then(a.0.cmp(&b.0)));
    let mut found = BTreeMap::new();
    for (at, (number, here)) in all.iter().enumerate() {
        let close =
            |other: &&(u32, (f64, f64))| (other.1.0 - here.0).abs() * DEGREE_KM <= rain::NEAR_KM;
        let south = all[..at].iter().rev().take_while(close);
        let north = all[at + 1..].iter().take_while(close);
        let mut near: Vec<(f64, u32)> = south
            .chain(north)
            .map(|(other, there)| (distance_km(*here, *there), *other))
            .filter(|(km, _)| *km <= rain::NEAR_KM)
            .collect();
        near.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        near.truncate(NEIGHBOURS_MAX);
        if !near.is_empty() {
            found.insert(*number, near.into_iter().map(|(_, other)| other).collect());
        }
    }
    found
}

/// Between two places a few kilometres apart, on a plane.
fn distance_km(a: (f64, f64), b: (f64, f64)) -> f64 {
    let north = (a.0 - b.0) * DEGREE_KM;
    let east = (a.1 - b.1) * DEGREE_KM * libm::cos(a.0.to_radians());
    libm::hypot(north, east)
}

/// Series of a site under one word, the others of each.
fn voters(registry: &Registry) -> BTreeMap<u32, Vec<u32>> {
    let mut groups: BTreeMap<(SiteIndex, &str, Quantity), Vec<u32>> = BTreeMap::new();
    for (number, series) in registry.series().iter().enumerate() {
        if let Some(word) = &series.votes {
            let site = registry.stations()[series.station.index()].site;
            groups.entry((site, &**word, series.name.quantity)).or_default().push(number as u32);
        }
    }
    let mut found = BTreeMap::new();
    for group in groups.values() {
        for number in group {
            let others = group.iter().filter(|other| *other != number).take(votes::MEMBERS_MAX - 1);
            found.insert(*number, others.copied().collect());
        }
    }
    found
}

/// Whether a value is where a broken wire or the end of the range puts it. Zero is where many an instrument begins.
fn is_at_rail(value: f64, (low, high): (f64, f64)) -> bool {
    let slack = RAIL * (high - low);
    slack.is_finite() && (value >= high - slack || (low < 0.0 && value <= low + slack))
}

impl Admission {
    /// Judges a reading that has its time. What is decided goes to `out`, and what has to wait as well, flagged as
    /// held.
    pub(super) fn examine(
        &mut self,
        registry: &Registry,
        reading: Reading,
        now: Timestamp,
        out: &mut Vec<Reading>,
    ) {
        let series = &registry.series()[reading.series.index()];
        if series.name.quantity == Quantity::Rain {
            self.examine_rain(registry, reading, now, out);
        } else if let Some(noise) = series.noise {
            self.examine_value(registry, reading, noise, now, out);
        } else {
            out.push(reading);
        }
    }

    fn examine_value(
        &mut self,
        registry: &Registry,
        mut reading: Reading,
        noise: f64,
        now: Timestamp,
        out: &mut Vec<Reading>,
    ) {
        let (at, value) = (reading.measured_at, reading.value);
        let series = &registry.series()[reading.series.index()];
        let interval = registry.stations()[series.station.index()].report_interval;
        if !reading.quality.is_trusted() {
            out.push(reading);
            return;
        }
        if is_at_rail(value, series.range) {
            reading.quality |= Quality::RAIL;
        }
        if self.disagrees(&reading, noise, interval) {
            reading.quality |= Quality::DISAGREES;
        }
        let health = self.health(reading.series);
        if health.flat.observe(at, value) {
            reading.quality |= Quality::STUCK;
        }
        if !reading.quality.is_trusted() {
            out.push(reading);
            return;
        }
        let before = health.deadline();
        health.gate.judge(reading, noise, now.plus(registry.wait(interval)), out);
        let after = health.deadline();
        self.neighbours.move_deadline(reading.series, before, after);
    }

    fn disagrees(&mut self, reading: &Reading, noise: f64, interval: Duration) -> bool {
        let Some(others) = self.neighbours.votes.get(&reading.series.0) else { return false };
        let (at, age_max) = (reading.measured_at, interval * 3 / 2);
        let mut values = [0.0; votes::MEMBERS_MAX];
        let mut count = 0;
        for other in others {
            let health = self.series[*other as usize].health.as_ref();
            if let Some(value) = health.and_then(|health| health.vote.at(at, age_max)) {
                values[count] = value;
                count += 1;
            }
        }
        let health = self.health(reading.series);
        let noise = noise.max(health.gate.learned());
        health.vote.cast(at, reading.value, noise, values[..count].iter().copied())
    }

    fn examine_rain(
        &mut self,
        registry: &Registry,
        reading: Reading,
        now: Timestamp,
        out: &mut Vec<Reading>,
    ) {
        let number = reading.series.0;
        if !reading.quality.is_trusted() || !self.neighbours.gauges.contains_key(&number) {
            out.push(reading);
            return;
        }
        let interval = |number: u32| {
            let station = registry.series()[number as usize].station;
            registry.stations()[station.index()].report_interval
        };
        self.health(reading.series).rain.add(reading.measured_at, reading.value);
        let around = self.look_around(&reading, interval);
        if reading.value > 0.0 {
            self.wet_neighbours(&reading, now);
        }
        let interval = interval(number);
        let health = self.health(reading.series);
        let before = health.deadline();
        health.rain.judge(reading, around, interval, now.plus(registry.wait(interval)), out);
        let after = health.deadline();
        self.neighbours.move_deadline(reading.series, before, after);
    }

    fn look_around(&self, reading: &Reading, interval: impl Fn(u32) -> Duration) -> Around {
        let mut around = Around::default();
        for other in &self.neighbours.gauges[&reading.series.0] {
            let health = self.series[*other as usize].health.as_ref();
            let age_max = interval(*other) * 3 / 2;
            around.count(health.and_then(|health| health.rain.hour(reading.measured_at, age_max)));
        }
        around
    }

    /// What neighbours hold is no longer alone.
    fn wet_neighbours(&mut self, reading: &Reading, now: Timestamp) {
        let Neighbours { gauges, .. } = &self.neighbours;
        for other in gauges[&reading.series.0].clone() {
            let Some(health) = self.series[other as usize].health.as_mut() else { continue };
            let before = health.deadline();
            health.rain.confirm(reading.measured_at, now);
            let after = health.deadline();
            self.neighbours.move_deadline(SeriesIndex(other), before, after);
        }
    }

    fn health(&mut self, series: SeriesIndex) -> &mut Health {
        self.series[series.index()].health.get_or_insert_with(Box::default)
    }

    /// When something that waits is decided without more.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.neighbours.deadlines.first().map(|(at, _)| *at)
    }

    /// Decides what has waited long enough by `now`: it goes to `out`, in the order of deadlines and names.
    ///
    /// Where `is_up` says that nothing could be heard through the collector of a station, its readings wait on.
    pub fn expire(
        &mut self,
        registry: &Registry,
        now: Timestamp,
        is_up: impl Fn(&str) -> bool,
        out: &mut Vec<Reading>,
    ) {
        while let Some((at, number)) = self.neighbours.deadlines.first().copied() {
            if at > now {
                return;
            }
            let series = SeriesIndex(number);
            let station = &registry.stations()[registry.series()[series.index()].station.index()];
            let health = self.health(series);
            if is_up(&station.source) {
                health.expire(series, out);
            } else {
                health.put_off(now.plus(registry.wait(station.report_interval)));
            }
            let after = health.deadline();
            self.neighbours.move_deadline(series, Some(at), after);
        }
    }

    /// Lets everything wait on from `now`: nothing could be heard for a while, and what was sent meanwhile comes now.
    pub fn put_off(&mut self, registry: &Registry, now: Timestamp) {
        let waiting: Vec<_> = self.neighbours.deadlines.iter().copied().collect();
        for (at, number) in waiting {
            let series = SeriesIndex(number);
            let station = registry.series()[series.index()].station;
            let interval = registry.stations()[station.index()].report_interval;
            let health = self.health(series);
            health.put_off(now.plus(registry.wait(interval)));
            let after = health.deadline();
            self.neighbours.move_deadline(series, Some(at), after);
        }
    }

    /// Decides what waits in series that `goes` says another configuration does not have.
    pub fn let_go(&mut self, goes: impl Fn(SeriesIndex) -> bool, out: &mut Vec<Reading>) {
        let waiting: Vec<_> = self.neighbours.deadlines.iter().copied().collect();
        for (at, number) in waiting.into_iter().filter(|(_, number)| goes(SeriesIndex(*number))) {
            self.health(SeriesIndex(number)).expire(SeriesIndex(number), out);
            self.neighbours.move_deadline(SeriesIndex(number), Some(at), None);
        }
    }

    /// How many series have readings that wait.
    pub fn holding(&self) -> usize {
        let health = self.series.iter().filter_map(|series| series.health.as_ref());
        health.filter(|health| health.is_holding()).count()
    }
}

impl Neighbours {
    fn move_deadline(
        &mut self,
        series: SeriesIndex,
        before: Option<Timestamp>,
        after: Option<Timestamp>,
    ) {
        if before == after {
            return;
        }
        if let Some(at) = before {
            self.deadlines.remove(&(at, series.0));
        }
        if let Some(at) = after {
            self.deadlines.insert((at, series.0));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rails_are_the_ends_of_the_range_but_not_a_zero() {
        for (value, range, expected) in [
            (500.0, (0.0, 500.0), true),
            (497.6, (0.0, 500.0), true),
            (497.4, (0.0, 500.0), false),
            (0.0, (0.0, 500.0), false),
            (-29.8, (-30.0, 30.0), true),
            (29.8, (-30.0, 30.0), true),
            (29.6, (-30.0, 30.0), false),
            (f64::MAX, (f64::MIN, f64::MAX), false),
        ] {
            assert_eq!(is_at_rail(value, range), expected, "{value} {range:?}");
        }
    }

    #[test]
    fn distances_are_those_of_the_map() {
        // Seoul city hall to Gwanghwamun, and one degree of longitude at 37.5° north
        let km = distance_km((37.5665, 126.9780), (37.5759, 126.9769));
        assert!((km - 1.05).abs() < 0.02, "{km}");
        let degree = distance_km((37.5, 127.0), (37.5, 128.0));
        assert!((degree - 88.2).abs() < 0.1, "{degree}");
    }
}
