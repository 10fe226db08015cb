//! Can we believe it? A [`Report`] to [`Reading`]s in base units, or a named refusal for each claim.
//!
//! Every claim becomes exactly one of admitted, refused, duplicate, or held until it is admitted ([`Tally`]). The
//! rules, in order:
//!
//! - **Who**: the registry knows the station, and it speaks through its own collector. A retained message may be of any
//!   age and is refused.
//! - **Repeat**: the same bytes from the same station, among its last [`Limits::messages`], or [`Limits::past`] of the
//!   past; or the same stamp with the same value, among the last [`Limits::stamps`] of the series, so that a buffer
//!   sent again in other parcels counts once. Never `seq` alone: it starts again at a reboot. A message without an
//!   [identity](crate::codec::Identity), say with neither stamp nor `seq`, repeats nothing. The same stamp with another value is kept as a conflict. Stamps of a clock that
//!   was never set identify nothing.
//! - **What**: the quantity and its sensor are registered, the unit measures it, the value is finite and in range.
//!   Where the series has a calibration, a number without a unit is raw and becomes a value by the version in force
//!   when it was measured, compensated by what other series said last; those are taken first.
//! - **When**: the station's own stamp; where that cannot be used, the time at which a gateway or network heard it;
//!   else the moment of receipt. More than 2 min ahead cannot be used; more than 1 h ahead is refused, and under a name
//!   of its own where a station is off by the same half hours again and again: it sends the time of another zone. Nor
//!   can a clock that was never set (before 2020, after 2100, or no stamp at all). A live stamp more than 1 s behind
//!   the series' last one under a higher `seq` is a step of the clock: that reading is kept and flagged.
//! - **Bursts**: of several claims of a series with replaced times in one message, the newest by its stamp is live and
//!   the others are of unknown time. Messages that follow a live one within 5 s, or half a report interval if that is
//!   less, are of unknown time too: the future is not known here, and a drained buffer squeezed into a second would
//!   look like a landslide. One reading per such span stays live, so that no station goes unheard. On the backfill road
//!   a replaced time is always unknown.
//!
//! - **Whether the instrument is all right**, where its usual noise is known: rails, neighbours, a value that never
//!   moves, and the spike gate, which holds what is far from the others until the next ones say what it was. What is
//!   held is handed on flagged, so that everybody sees it, and comes again once it is decided, with its own time; it is
//!   believed, or a spike, or, if nothing comes to say which, unconfirmed: for a person to look at.
//!
//! Not believed for long: the memory is a few hundred bytes per series (one or two kilobytes where the instrument is
//! judged) and two kilobytes per station (ten of one whose past came), whatever comes, and what was sent before that is
//! admitted again, flagged as old and out of order.

mod clock;
mod numbers;
mod memory;
mod dating;
mod drift;
mod gate;
mod flat;
mod rain;
mod votes;
mod health;
mod refusal;
mod state;
#[cfg(test)]
mod tests;

use alloc::vec;
use alloc::vec::Vec;
use core::ops::AddAssign;

pub use memory::Limits;
pub use refusal::{Refusal, Refused};
pub use state::AdmissionState;

use self::health::Neighbours;
use self::memory::{SeriesMemory, StationMemory};
use crate::calibration::{self, Calibration};
use crate::frame::Frame;
use crate::reading::{Quality, Reading};
use crate::registry::{Registry, SeriesIndex, StationIndex};
use crate::report::{Claim, Report, Road};
use crate::time::Timestamp;
use crate::unit::{Quantity, Unit};

/// What has been seen of every station and series; the judge of what comes next.
#[derive(Clone, Debug)]
pub struct Admission {
    limits: Limits,
    stations: Vec<StationMemory>,
    series: Vec<SeriesMemory>,
    neighbours: Neighbours,
    /// Readings of one report that have their time.
    dated: Vec<Reading>,
}

/// What became of the claims of a report, or of many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Claims that came in.
    pub claimed: u64,
    /// Those that became readings.
    pub admitted: u64,
    /// Those that were not believed.
    pub refused: u64,
    /// Those that had come before.
    pub duplicate: u64,
    /// How many more wait to be decided than before. Negative when what waited is admitted.
    pub held: i64,
    /// Messages that the stations numbered and that had not come when the next one did.
    pub missing: u64,
    /// Messages that were missing and came after all.
    pub found: u64,
}

impl Tally {
    /// Whether nothing was lost or made up.
    pub fn is_balanced(&self) -> bool {
        let decided = self.admitted + self.refused + self.duplicate;
        decided.checked_add_signed(self.held) == Some(self.claimed)
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.claimed += other.claimed;
        self.admitted += other.admitted;
        self.refused += other.refused;
        self.duplicate += other.duplicate;
        self.held += other.held;
        self.missing = self.missing.saturating_add(other.missing);
        self.found = self.found.saturating_add(other.found);
    }
}

/// How the clock of a station runs against ours.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StationClock {
    /// How far ahead it is, minutes, if its messages are off by the same half hours again and again: it shows the time
    /// of another zone.
    pub zone_minutes: Option<i32>,
    /// How far behind it was at best today, seconds, delays on the way included; negative if it is ahead.
    pub behind_secs: Option<f64>,
    /// How much it falls behind, seconds a day, over the last week; negative if it runs fast.
    pub drift_secs_per_day: Option<f64>,
}

/// One report at the door.
struct Visit<'v> {
    registry: &'v Registry,
    report: &'v Report<'v>,
    station: StationIndex,
    received_at: Timestamp,
    /// The time of a gateway or network, if it can be used.
    heard_at: Option<Timestamp>,
    now: Timestamp,
}

enum Verdict {
    Admitted(Reading),
    Duplicate,
}

impl Admission {
    /// Nothing seen yet.
    pub fn new(registry: &Registry, limits: Limits) -> Self {
        Self {
            limits,
            stations: vec![StationMemory::default(); registry.stations().len()],
            series: vec![SeriesMemory::default(); registry.series().len()],
            neighbours: Neighbours::new(registry),
            dated: Vec::new(),
        }
    }

    /// Judges every claim of a report. Readings go to `out`: those of its claims in the order sent, and before them
    /// what waited for them; those that have to wait are flagged as held and come again. Refusals go to `refused`, at
    /// most one per claim. `now` is the journal's moment, `frame.received_at` the wall clock's.
    ///
    /// # Panics
    /// If made for a registry of another size.
    pub fn admit(
        &mut self,
        registry: &Registry,
        report: &Report<'_>,
        frame: &Frame<'_>,
        now: Timestamp,
        out: &mut Vec<Reading>,
        refused: &mut Vec<Refused>,
    ) -> Tally {
        assert_eq!(
            self.stations.len(),
            registry.stations().len(),
            "restore admission for the new registry first"
        );
        assert_eq!(
            self.series.len(),
            registry.series().len(),
            "restore admission for the new registry first"
        );
        let claimed = report.claims.len() as u64;
        let mut tally = Tally { claimed, ..Tally::default() };
        match enter(registry, report, frame) {
            Err(reason) => {
                refused
                    .extend(report.claims.iter().map(|claim| Refused::new(reason, report, claim)));
                tally.refused = claimed;
            }
            Ok(station) => {
                let received_at = frame.received_at;
                let heard_at = report.heard_at.filter(|at| clock::is_usable(*at, received_at));
                let visit = Visit { registry, report, station, received_at, heard_at, now };
                if self.is_repeat(&visit, frame.payload) {
                    tally.duplicate = claimed;
                } else {
                    (tally.missing, tally.found) = self.hear(&visit);
                    self.weigh_each(&visit, out, refused, &mut tally);
                }
            }
        }
        debug_assert!(tally.is_balanced(), "every claim has one fate: {tally:?}");
        tally
    }

    /// The journal's moment at which a live message of a station was last heard.
    pub fn station_seen_at(&self, station: StationIndex) -> Option<Timestamp> {
        self.stations[station.index()].seen_at
    }

    /// The runs of numbers, first and last, that a station's messages should have had and that did not come, lowest
    /// first; the newest few of them.
    pub fn missing(&self, station: StationIndex) -> impl Iterator<Item = (u64, u64)> {
        self.stations[station.index()].numbers.missing()
    }

    /// The journal's moment at which a live reading of a series was last admitted.
    pub fn series_seen_at(&self, series: SeriesIndex) -> Option<Timestamp> {
        self.series[series.index()].seen_at
    }

    /// The latest time of measurement of a series.
    pub fn newest(&self, series: SeriesIndex) -> Option<Timestamp> {
        self.series[series.index()].newest
    }

    /// How the clock of a station runs against ours.
    pub fn clock(&self, station: StationIndex) -> StationClock {
        let drift = &self.stations[station.index()].drift;
        StationClock {
            zone_minutes: drift.zone_minutes(),
            behind_secs: drift.behind(),
            drift_secs_per_day: drift.per_day(),
        }
    }

    /// How often more than a report interval and a half passed between two live readings of a series.
    pub fn gaps(&self, series: SeriesIndex) -> u64 {
        self.series[series.index()].gaps
    }

    /// Takes note of the bytes by which a message is known, if there are any; whether they came before.
    fn is_repeat(&mut self, visit: &Visit<'_>, payload: &[u8]) -> bool {
        let station = &mut self.stations[visit.station.index()];
        !payload.is_empty() && station.is_repeat(payload, visit.report.road, self.limits)
    }

    /// Takes note of a message; how many are missing before it, and whether it was missing itself.
    fn hear(&mut self, visit: &Visit<'_>) -> (u64, u64) {
        let station = &mut self.stations[visit.station.index()];
        if visit.report.road == Road::Live {
            station.seen_at = Some(visit.now);
            let stamp = visit.report.at.or(visit.report.claims.last().and_then(|claim| claim.at));
            if let Some(sent) = stamp.filter(|sent| clock::is_set(*sent, visit.received_at)) {
                station.drift.observe(sent, visit.received_at);
            }
        }
        visit.report.seq.map_or((0, 0), |seq| station.numbers.take(seq, visit.report.road))
    }

    fn weigh_each(
        &mut self,
        visit: &Visit<'_>,
        out: &mut Vec<Reading>,
        refused: &mut Vec<Refused>,
        tally: &mut Tally,
    ) {
        let mut dated = core::mem::take(&mut self.dated);
        let compensated = |claim: &&Claim<'_>| is_compensated(visit, claim);
        let claims = &visit.report.claims;
        let first = claims.iter().filter(|claim| !compensated(claim));
        for claim in first.chain(claims.iter().filter(compensated)) {
            match self.weigh(visit, claim, &mut dated) {
                Ok(Verdict::Admitted(reading)) => dated.push(reading),
                Ok(Verdict::Duplicate) => tally.duplicate += 1,
                Err(reason) => {
                    refused.push(Refused::new(reason, visit.report, claim));
                    tally.refused += 1;
                }
            }
        }
        let (first, arrived) = (out.len(), dated.len() as i64);
        for reading in dated.drain(..) {
            self.examine(visit.registry, reading, visit.now, out);
        }
        tally.admitted =
            out[first..].iter().filter(|r| !r.quality.has(Quality::HELD)).count() as u64;
        tally.held = arrived - tally.admitted as i64;
        self.dated = dated;
    }

    fn weigh(
        &mut self,
        visit: &Visit<'_>,
        claim: &Claim<'_>,
        before: &mut [Reading],
    ) -> Result<Verdict, Refusal> {
        let (series, unit) = identify(visit, claim)?;
        let stamp = clock::judge(claim.at.or(visit.report.at), visit.received_at)
            .map_err(|reason| self.named(reason, visit.station))?;
        let (value, raised) = self.value(visit, series, unit, claim, stamp)?;
        let memory = &mut self.series[series.index()];
        let Some(quality) = dating::compare(stamp, value, visit, memory, self.limits) else {
            return Ok(Verdict::Duplicate);
        };
        let received_at = visit.received_at;
        let mut reading = Reading { series, measured_at: received_at, received_at, value, quality };
        reading.quality |= raised;
        dating::date(&mut reading, stamp, visit, memory, before);
        dating::place(&mut reading, visit, memory);
        if memory.value.is_none_or(|(at, _)| at <= reading.measured_at) {
            memory.value = Some((reading.measured_at, value));
        }
        Ok(Verdict::Admitted(reading))
    }

    /// A clock that shows the time of another zone is not simply wrong.
    fn named(&self, reason: Refusal, station: StationIndex) -> Refusal {
        let zone = self.stations[station.index()].drift.zone_minutes();
        if zone.is_some() { Refusal::OtherZone } else { reason }
    }
}

/// Finds the station, if it may speak.
fn enter(
    registry: &Registry,
    report: &Report<'_>,
    frame: &Frame<'_>,
) -> Result<StationIndex, Refusal> {
    if frame.retained {
        return Err(Refusal::Retained);
    }
    let site = registry.site(report.site).ok_or(Refusal::UnknownSite)?;
    let station = registry.station(site, report.station).ok_or(Refusal::UnknownStation)?;
    if registry.stations()[station.index()].source != frame.source {
        return Err(Refusal::ForeignSource);
    }
    Ok(station)
}

/// Finds the series and the unit of a claim; no unit if its number is raw.
fn identify(visit: &Visit<'_>, claim: &Claim<'_>) -> Result<(SeriesIndex, Option<Unit>), Refusal> {
    let quantity = Quantity::parse(&claim.quantity).ok_or(Refusal::UnknownQuantity)?;
    let index = visit
        .registry
        .series_at(visit.station, &claim.sensor, quantity)
        .ok_or(Refusal::UnknownSensor)?;
    let series = &visit.registry.series()[index.index()];
    let unit = match &claim.unit {
        Some(symbol) => Some(Unit::parse(symbol).ok_or(Refusal::UnknownUnit)?),
        None if series.calibrations.is_empty() => Some(series.unit),
        None => None,
    };
    Ok((index, unit))
}

/// Whether a claim waits for the others of its message, which it may be compensated by.
fn is_compensated(visit: &Visit<'_>, claim: &Claim<'_>) -> bool {
    let Some(quantity) = Quantity::parse(&claim.quantity) else { return false };
    let series = visit.registry.series_at(visit.station, &claim.sensor, quantity);
    series.is_some_and(|series| {
        let calibrations = &visit.registry.series()[series.index()].calibrations;
        calibrations.iter().any(|version| !version.compensations.is_empty())
    })
}

impl Admission {
    /// The value of a claim in the base unit, and what is known against it.
    fn value(
        &self,
        visit: &Visit<'_>,
        series: SeriesIndex,
        unit: Option<Unit>,
        claim: &Claim<'_>,
        stamp: clock::Stamp,
    ) -> Result<(f64, Quality), Refusal> {
        let at = match stamp {
            clock::Stamp::Usable(at) => at,
            _ => visit.heard_at.unwrap_or(visit.received_at),
        };
        let registered = &visit.registry.series()[series.index()];
        let quantity = registered.name.quantity;
        let (value, quality) = match unit {
            Some(unit) => (quantity.to_base(claim.value, unit), Quality::GOOD),
            None => {
                let version = calibration::in_force(&registered.calibrations, at)
                    .ok_or(Refusal::NotCalibrated)?;
                let value = quantity.to_base(version.curve.value(claim.value), registered.unit);
                let (more, quality) = self.compensate(visit, version, at);
                (value.map(|value| value + version.offset + more), quality)
            }
        };
        let value = value.map_err(|_| Refusal::UnitMismatch)?;
        if !value.is_finite() {
            return Err(Refusal::NotFinite);
        }
        let (low, high) = registered.range;
        if value < low || value > high { Err(Refusal::OutOfRange) } else { Ok((value, quality)) }
    }

    /// What other series do to a value, by what they said last.
    fn compensate(
        &self,
        visit: &Visit<'_>,
        version: &Calibration,
        at: Timestamp,
    ) -> (f64, Quality) {
        let (mut sum, mut quality) = (0.0, Quality::GOOD);
        for compensation in &version.compensations {
            let Some(other) = visit.registry.find(&compensation.series) else { continue };
            let station = visit.registry.series()[other.index()].station;
            let interval = visit.registry.stations()[station.index()].report_interval;
            match self.series[other.index()].value {
                None => quality |= Quality::UNCOMPENSATED,
                Some((said_at, value)) => {
                    sum += compensation.factor * (value - compensation.reference);
                    if at.since(said_at) > interval * 3 {
                        quality |= Quality::UNCOMPENSATED;
                    }
                }
            }
        }
        (sum, quality)
    }
}
