//! When was it? The time of a reading, and what is known against that time.

use core::time::Duration;

use super::Visit;
use super::clock::{self, Stamp};
use super::memory::{Known, Limits, Replaced, SeriesMemory};
use crate::reading::{Quality, Reading};
use crate::report::Road;
use crate::time::Timestamp;

/// Compares a stamp with those that came before; `None` if it came with the same value and nothing else is new.
///
/// What a clock that was just set back writes under a stamp it wrote before is another measurement, also if the value
/// is the same.
pub(super) fn compare(
    stamp: Stamp,
    value: f64,
    visit: &Visit<'_>,
    memory: &mut SeriesMemory,
    limits: Limits,
) -> Option<Quality> {
    let mut quality = Quality::GOOD;
    if let Stamp::Usable(at) = stamp
        && visit.report.road == Road::Live
        && memory.steps_back(visit.report.seq, at)
    {
        quality |= Quality::CLOCK_STEP;
    }
    if let Stamp::Usable(at) | Stamp::Ahead(at) = stamp {
        match memory.recall(at, value) {
            Known::Same if quality == Quality::GOOD => return None,
            Known::Same => return Some(quality),
            Known::Other => quality |= Quality::CONFLICT,
            Known::New => {}
        }
        memory.remember(at, value, limits);
    }
    Some(quality)
}

/// Gives the reading its time.
pub(super) fn date(
    reading: &mut Reading,
    stamp: Stamp,
    visit: &Visit<'_>,
    memory: &mut SeriesMemory,
    before: &mut [Reading],
) {
    let sent = match stamp {
        Stamp::Usable(at) => {
            reading.measured_at = at;
            return;
        }
        Stamp::Ahead(at) => {
            reading.quality |= Quality::CLOCK_AHEAD;
            Some(at)
        }
        Stamp::Unset(sent) => sent,
    };
    reading.quality |= Quality::TIME_REPLACED;
    if let Some(heard_at) = visit.heard_at {
        reading.measured_at = heard_at;
        reading.quality |= Quality::GATEWAY_TIME;
    }
    if !is_newest_of_burst(reading, sent, visit, memory, before) {
        reading.quality |= Quality::TIME_UNKNOWN;
    }
}

/// Whether a reading with a replaced time may stand for now. One of the same message that it outdates no longer does.
fn is_newest_of_burst(
    reading: &Reading,
    sent: Option<Timestamp>,
    visit: &Visit<'_>,
    memory: &mut SeriesMemory,
    before: &mut [Reading],
) -> bool {
    if visit.report.road == Road::Backfill {
        return false;
    }
    let span = clock::burst(visit.registry.stations()[visit.station.index()].report_interval);
    let lives = |other: &&mut Reading| {
        let flags = other.quality;
        other.series == reading.series
            && flags.has(Quality::TIME_REPLACED)
            && !flags.has(Quality::TIME_UNKNOWN)
    };
    let rival = before.iter_mut().rev().find(lives);
    match (rival, memory.replaced) {
        (Some(_), Some(last)) if sent < last.sent => return false,
        (Some(rival), _) => rival.quality |= Quality::TIME_UNKNOWN,
        (None, Some(last)) if is_within(last.dated_at, reading.measured_at, span) => {
            return false;
        }
        (None, _) => {}
    }
    memory.replaced = Some(Replaced { dated_at: reading.measured_at, sent });
    true
}

fn is_within(earlier: Timestamp, later: Timestamp, span: Duration) -> bool {
    later >= earlier && later.since(earlier) < span
}

/// Places the reading among those of its series.
pub(super) fn place(reading: &mut Reading, visit: &Visit<'_>, memory: &mut SeriesMemory) {
    let interval = visit.registry.stations()[visit.station.index()].report_interval;
    if clock::is_old(reading.measured_at, reading.received_at, interval) {
        reading.quality |= Quality::OLD;
    }
    if memory.newest.is_some_and(|newest| reading.measured_at < newest) {
        reading.quality |= Quality::OUT_OF_ORDER;
    }
    match visit.report.road {
        Road::Backfill => reading.quality |= Quality::BACKFILL,
        Road::Live => {
            let quiet = memory.newest.map(|newest| reading.measured_at.since(newest));
            memory.gaps += u64::from(quiet.is_some_and(|quiet| quiet > interval * 3 / 2));
            memory.seen_at = Some(visit.now);
        }
    }
    if !reading.quality.has(Quality::TIME_UNKNOWN) {
        memory.newest = memory.newest.max(Some(reading.measured_at));
    }
}
