//! `[history]`: how much of the past the board can draw by itself.

use std::time::Duration;

use ingest::archive::history::Keep;

use super::problem::Problems;
use super::table::Table;

const MIB: u64 = 1 << 20;
const DAY: Duration = Duration::from_secs(86_400);

/// Reads `[history]`; what it does not say is as [`Keep::default`] has it.
pub fn read(mut table: Table, problems: &mut Problems) -> Keep {
    let usual = Keep::default();
    let place = table.place.clone();
    let mut age = |key, usual| {
        let age = table.duration(key, DAY..=36_600 * DAY, problems);
        age.map_or(usual, |age| age.value)
    };
    let readings = age("readings", usual.readings);
    let minutes = age("minutes", usual.minutes.max(readings));
    let hours = age("hours", usual.hours.max(minutes));
    let bytes = table.size("size", 16 * MIB..=1 << 50, problems).map_or(usual.bytes, |at| at.value);
    table.finish("[history]", problems);
    if readings > minutes || minutes > hours {
        problems.add(
            &place,
            "finer history would be kept for longer than coarser",
            "keep readings no longer than minutes, and minutes no longer than hours",
        );
    }
    Keep { readings, minutes, hours, bytes }
}
