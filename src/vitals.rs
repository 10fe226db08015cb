//! What the machine must give: room on the disk, a clock that was set, ports that are there. Looked at by the daemon for
//! `/readyz` and by `bongsu doctor` for a person.

use std::path::Path;
use std::time::Duration;

use ingest::collector::serial::config::{LineConfig, Way};
use reading::Timestamp;
use rustix::fs::{Access, access, statvfs};

use crate::board::{Check, Vital};
use crate::config::{Collector, CollectorKind};

/// Below so many times the journal's reserve, somebody should make room.
const RESERVES_WANTED: u64 = 10;
/// A wall clock that lies further than this from the journal's moment is worth a word.
const CLOCK_APART_MAX: Duration = Duration::from_secs(5 * 60);
/// No clock that was ever set is before this: 2026-01-01.
const CLOCK_SET_AFTER: Timestamp = Timestamp::from_secs(1_767_225_600);

/// Whether the folder of the data, or what will hold it, has room. `reserve` is the journal's, in bytes.
pub fn disk(data_dir: &Path, reserve: u64) -> Check {
    let name = "disk".to_string();
    let there = data_dir.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("/"));
    let free = match statvfs(there) {
        Ok(found) => found.f_bavail.saturating_mul(found.f_frsize),
        Err(error) => {
            let detail = format!("cannot look at {}: {error}", there.display());
            return Check { name, vital: Vital::Degraded, detail };
        }
    };
    let vital = match free {
        free if free < reserve => Vital::Failed,
        free if free < reserve.saturating_mul(RESERVES_WANTED) => Vital::Degraded,
        _ => Vital::Ok,
    };
    let detail = format!("{} MiB free for {}", free >> 20, data_dir.display());
    Check { name, vital, detail }
}

/// Whether the wall clock can be right. `at` is the journal's moment, where there is one.
pub fn clock(wall: Timestamp, at: Option<Timestamp>) -> Check {
    let apart = at.map(|at| at.since(wall).max(wall.since(at)));
    let (vital, detail) = match apart {
        _ if wall < CLOCK_SET_AFTER => (Vital::Failed, format!("{wall}: the clock was never set")),
        Some(apart) if apart > CLOCK_APART_MAX => {
            (Vital::Degraded, format!("{wall}: {} s from the journal", apart.as_secs()))
        }
        _ => (Vital::Ok, wall.to_string()),
    };
    Check { name: "clock".into(), vital, detail }
}

/// Whether each port that collectors are told of is there and ours to use.
pub fn ports(collectors: &[Collector]) -> Vec<Check> {
    let line = |collector: &Collector| match &collector.kind {
        CollectorKind::Serial(settings) => Some(settings.port.line.clone()),
        CollectorKind::Modbus(settings) => match &settings.bus.way {
            Way::Rtu(line) => Some(line.clone()),
            Way::Tcp { .. } => None,
        },
        CollectorKind::Mqtt(_) | CollectorKind::EmbeddedBroker(_) | CollectorKind::Http(_) => None,
    };
    collectors
        .iter()
        .filter_map(|collector| Some(port(&collector.name, &line(collector)?)))
        .collect()
}

fn port(collector: &str, line: &LineConfig) -> Check {
    let (vital, detail) = match access(&line.path, Access::READ_OK | Access::WRITE_OK) {
        Ok(()) => (Vital::Ok, line.to_string()),
        Err(rustix::io::Errno::ACCESS) => (
            Vital::Failed,
            format!("{line}: no right to use it; add the service user to its group, often dialout"),
        ),
        Err(_) => (
            Vital::Failed,
            format!("{line}: not there; plug it in, or look under /dev/serial/by-id"),
        ),
    };
    Check { name: format!("port-{collector}"), vital, detail }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_measured_where_the_data_will_be() {
        let folder = tempfile::tempdir().unwrap();
        let later = folder.path().join("not/there/yet");
        assert_eq!(disk(&later, 1).vital, Vital::Ok);
        assert_eq!(disk(&later, u64::MAX / 20).vital, Vital::Failed);
        let free = statvfs(folder.path()).map(|found| found.f_bavail * found.f_frsize).unwrap();
        assert_eq!(disk(folder.path(), free / 5).vital, Vital::Degraded);
    }

    #[test]
    fn a_clock_is_judged_by_the_journal_and_by_reason() {
        let noon = Timestamp::from_secs(1_784_000_000);
        let minute = Duration::from_secs(60);
        let table = [
            (noon, None, Vital::Ok),
            (noon, Some(noon.plus(minute)), Vital::Ok),
            (noon, Some(noon.plus(6 * minute)), Vital::Degraded),
            (noon, Some(noon.minus(6 * minute)), Vital::Degraded),
            (Timestamp::from_secs(3_600), None, Vital::Failed),
        ];
        for (wall, at, vital) in table {
            assert_eq!(clock(wall, at).vital, vital, "{wall} {at:?}");
        }
    }
}
