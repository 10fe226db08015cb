//! Conditions without a limit in the unit of the series: what it has not been known to do, and sudden energy.

use std::time::Duration;

use alerting::condition::anomaly::{self, COMPANIONS_MAX};
use alerting::condition::trigger;
use reading::unit::Quantity;

use super::super::companions;
use super::super::value::duration_text;
use super::reader::Reader;

const MILLISECOND: Duration = Duration::from_millis(1);
const MINUTE: Duration = Duration::from_secs(60);

/// What a series has not been known to do, beside its companions if it has some.
pub fn anomaly(reader: &mut Reader<'_>) -> anomaly::Settings {
    let usual = anomaly::Settings::default();
    let readings_per_false_alarm =
        reader.number("readings-per-false-alarm", usual.readings_per_false_alarm, 1_000.0..=1e9);
    let beside =
        companions::others(reader.table, "beside", reader.series, reader.watched, reader.problems);
    if let Some(beside) = beside {
        if beside.value.iter().any(|companions| companions.len() > COMPANIONS_MAX) {
            let remedy = format!("name at most {COMPANIONS_MAX}");
            reader.problems.add(&beside.place, "these are too many to judge one with", remedy);
        }
        reader.companions = beside.value;
    }
    anomaly::Settings { readings_per_false_alarm }
}

/// A waveform that suddenly has more energy.
pub fn trigger(reader: &mut Reader<'_>) -> Option<trigger::Settings> {
    let waves = [Quantity::VibrationVelocity, Quantity::Acceleration];
    reader.only(&waves, "is no waveform");
    let usual = trigger::Settings::default();
    let lengths = MILLISECOND..=60 * MINUTE;
    let every = reader.sampled_every();
    let place = |reader: &Reader<'_>, key| {
        reader.table.place_of(key).unwrap_or_else(|| reader.kind.clone())
    };
    let (short_at, long_at) = (place(reader, "short"), place(reader, "long"));
    let short = reader.duration("short", usual.short, lengths.clone());
    let long = reader.duration("long", usual.long, lengths);
    if short < 2 * every {
        let what =
            format!("`short` is shorter than two samples, one every {}", duration_text(every));
        let remedy = "lengthen it, or say how often it is sampled: sampled-every = \"10 ms\"";
        reader.problems.add(&short_at, what, remedy);
    }
    if long < 4 * short {
        let what = "`long` is less than four times `short`: the means would hardly differ";
        reader.problems.add(&long_at, what, "lengthen `long`, or shorten `short`");
    }
    let high_pass = reader.number("high-pass", usual.high_pass, 0.001..=1_000.0);
    let raise_at = reader.number("raise-at", usual.raise_at, 1.0..=1_000.0);
    let clear_below = reader.number("clear-below", usual.clear_below.min(raise_at), 1.0..=raise_at);
    let hold = reader.duration("hold", usual.hold, MILLISECOND..=60 * MINUTE);
    Some(trigger::Settings { short, long, high_pass, raise_at, clear_below, hold })
}
