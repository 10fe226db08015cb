//! What the machine must give, and what must come in: room on the disk, a clock that was set and follows a time server,
//! ports that are there, series that are not silent. Looked at by the daemon for `/readyz` and by `bongsu doctor` for a
//! person.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use alerting::catalogue::text;
use ingest::collector::probe::loses_sessions;
use ingest::collector::serial::config::{LineConfig, Way};
use reading::Timestamp;
use reading::registry::Text;
use rustix::fs::{Access, access, statvfs};

use crate::board::{Check, Vital};
use crate::config::{Collector, CollectorKind};
use crate::moment::{HOME_ZONE, zoned};

/// Below so many times the journal's reserve, somebody should make room.
const RESERVES_WANTED: u64 = 10;
/// A wall clock that lies further than this from the journal's moment is worth a word.
const CLOCK_APART_MAX: Duration = Duration::from_secs(5 * 60);
/// No clock that was ever set is before this: 2026-01-01.
const CLOCK_SET_AFTER: Timestamp = Timestamp::from_secs(1_767_225_600);
/// A series that is silent for so many report intervals is worth a word,
const INTERVALS_MAX: u32 = 3;
/// but not within this: reports are late at times.
const AGE_MAX_LEAST: Duration = Duration::from_secs(900);
/// How many series that are silent are named.
const NAMED_MAX: usize = 5;
/// How long the system may take to say whether it follows a time server, seconds.
const SAYS_WITHIN: &str = "5";

/// The same words in both languages: an address, a name, a number, what a system said.
pub fn same(words: impl Into<String>) -> Text {
    let words = words.into();
    Text { ko: words.clone(), en: words }
}

/// How much room is wanted beside a journal of this reserve, bytes.
pub const fn wanted(reserve: u64) -> u64 {
    reserve.saturating_mul(RESERVES_WANTED)
}

/// How much room there is where a folder is, bytes.
///
/// # Errors
/// What the system says.
pub fn free(folder: &Path) -> std::io::Result<u64> {
    let found = statvfs(folder)?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

/// Whether the folder of the data, or what will hold it, has room. `reserve` is the journal's, in bytes.
pub fn disk(data_dir: &Path, reserve: u64) -> Check {
    let there = data_dir.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("/"));
    let free = match free(there) {
        Ok(free) => free,
        Err(error) => {
            let words = [there.display().to_string(), error.to_string()];
            let words = words.each_ref().map(String::as_str);
            return Check::new("disk", Vital::Degraded, text("vital-disk-unseen", &words));
        }
    };
    let vital = match free {
        free if free < reserve => Vital::Failed,
        free if free < wanted(reserve) => Vital::Degraded,
        _ => Vital::Ok,
    };
    let words = [(free >> 20).to_string(), data_dir.display().to_string()];
    Check::new("disk", vital, text("vital-disk", &words.each_ref().map(String::as_str)))
}

/// Whether the wall clock can be right. `at` is the journal's moment, where there is one.
pub fn clock(wall: Timestamp, at: Option<Timestamp>) -> Check {
    let apart = at.map(|at| at.since(wall).max(wall.since(at)));
    let shown = zoned(wall, HOME_ZONE);
    let (vital, detail) = match apart {
        _ if wall < CLOCK_SET_AFTER => (Vital::Failed, text("vital-clock-unset", &[&shown])),
        Some(apart) if apart > CLOCK_APART_MAX => {
            let words = [shown, apart.as_secs().to_string()];
            let words = words.each_ref().map(String::as_str);
            (Vital::Degraded, text("vital-clock-apart", &words))
        }
        _ => (Vital::Ok, same(shown)),
    };
    Check::new("clock", vital, detail)
}

/// Whether the machine's clock follows a time server, as the system says; waits for its answer.
pub fn clock_sync() -> Check {
    let asked = Command::new("timeout")
        .args([SAYS_WITHIN, "timedatectl", "show", "--property=NTPSynchronized", "--value"])
        .output();
    let said = asked.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_string());
    let (vital, key) = match said.as_deref() {
        Ok("yes") => (Vital::Ok, "vital-clock-sync"),
        Ok("no") => (Vital::Failed, "vital-clock-sync-no"),
        _ => (Vital::Degraded, "vital-clock-sync-unknown"),
    };
    Check::new("clock-sync", vital, text(key, &[]))
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
    let name = line.to_string();
    let (vital, detail) = match access(&line.path, Access::READ_OK | Access::WRITE_OK) {
        Ok(()) => (Vital::Ok, same(name)),
        Err(rustix::io::Errno::ACCESS) => (Vital::Failed, text("vital-port-denied", &[&name])),
        Err(_) => (Vital::Failed, text("vital-port-absent", &[&name])),
    };
    Check::new(format!("port-{collector}"), vital, detail)
}

/// Whether a broker keeps our session while we are away; none if that is not known. One that kept it may be of a
/// version that loses sessions at times all the same.
pub fn session(name: String, persists: Option<bool>, version: Option<&str>) -> Check {
    let (vital, key) = match persists {
        Some(false) => (Vital::Failed, "vital-session-forgets"),
        _ if version.is_some_and(loses_sessions) => (Vital::Degraded, "vital-session-version"),
        Some(true) => (Vital::Ok, "vital-session"),
        None => (Vital::Degraded, "vital-session-untried"),
    };
    Check::new(name, vital, text(key, &[]))
}

/// How a subscription stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subscribed {
    /// So many messages came on it in so many seconds.
    Heard(u64, u64),
    /// The broker does not allow it.
    Refused,
    /// Its session does not stand, and why.
    Down(String),
    /// Its session did not stand yet.
    Waiting,
}

/// Whether a subscription stands, and what came on it.
pub fn subscription(name: String, filter: &str, subscribed: &Subscribed) -> Check {
    let (vital, detail) = match subscribed {
        Subscribed::Heard(messages, seconds) => {
            let words = [messages.to_string(), seconds.to_string()];
            (Vital::Ok, text("vital-topic", &[filter, &words[0], &words[1]]))
        }
        Subscribed::Refused => (Vital::Failed, text("vital-topic-refused", &[filter])),
        Subscribed::Down(reason) => (Vital::Failed, text("vital-topic-down", &[filter, reason])),
        Subscribed::Waiting => (Vital::Degraded, text("vital-topic-waiting", &[filter])),
    };
    Check::new(name, vital, detail)
}

/// A series: its name, how often it is reported, when it was measured last.
pub type Heard = (String, Duration, Option<Timestamp>);

/// Whether a series was silent for too long. Never heard is too long.
pub fn is_silent((_, interval, measured_at): &Heard, now: Timestamp) -> bool {
    let longest = interval.saturating_mul(INTERVALS_MAX).max(AGE_MAX_LEAST);
    measured_at.is_none_or(|at| now.since(at) > longest)
}

/// How old one series is.
pub fn age(heard: &Heard, now: Timestamp) -> Check {
    let vital = if is_silent(heard, now) { Vital::Degraded } else { Vital::Ok };
    let (name, _, measured_at) = heard;
    let detail = match measured_at {
        None => text("vital-series-never", &[]),
        Some(at) => text("vital-series-age", &[&now.since(*at).as_secs().to_string()]),
    };
    Check::new(format!("series {name}"), vital, detail)
}

/// How many of all series are silent, and which; nothing if there are none.
pub fn ages(series: impl Iterator<Item = Heard>, now: Timestamp) -> Option<Check> {
    let (mut all, mut silent, mut named) = (0_usize, 0_usize, Vec::new());
    for heard in series {
        all += 1;
        if is_silent(&heard, now) {
            silent += 1;
            if named.len() < NAMED_MAX {
                named.push(heard.0);
            }
        }
    }
    let counts = [all.to_string(), silent.to_string(), named.join(", ")];
    let counts = counts.each_ref().map(String::as_str);
    let (vital, key) = match silent {
        _ if all == 0 => return None,
        0 => (Vital::Ok, "vital-series"),
        _ => (Vital::Degraded, "vital-series-silent"),
    };
    Some(Check::new("series", vital, text(key, &counts)))
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
    fn a_series_is_old_by_its_own_interval() {
        let now = Timestamp::from_secs(1_784_000_000);
        let table = [
            (Some(60), 60, Vital::Ok),
            (Some(899), 60, Vital::Ok),
            (Some(901), 60, Vital::Degraded),
            (Some(901), 600, Vital::Ok),
            (Some(1_801), 600, Vital::Degraded),
            (None, 60, Vital::Degraded),
        ];
        let heard = |(age_s, interval, _): &(Option<u64>, u64, Vital)| {
            let at = age_s.map(|age| now.minus(Duration::from_secs(age)));
            ("a/b/c/tilt-x".to_owned(), Duration::from_secs(*interval), at)
        };
        for row in &table {
            assert_eq!(age(&heard(row), now).vital, row.2, "{row:?}");
        }
        let all = ages(table.iter().map(heard), now).unwrap();
        assert_eq!(all.vital, Vital::Degraded);
        assert!(all.detail.en.starts_with("3 of 6 series"), "{}", all.detail.en);
        assert_eq!(ages(table.iter().take(2).map(heard), now).unwrap().vital, Vital::Ok);
        assert_eq!(ages(std::iter::empty(), now), None);
    }

    #[test]
    fn a_broker_that_loses_sessions_is_named_whatever_it_kept() {
        let bad = Some("mosquitto version 2.0.15");
        let table = [
            (Some(true), None, Vital::Ok),
            (Some(true), Some("mosquitto version 2.0.11"), Vital::Ok),
            (Some(true), bad, Vital::Degraded),
            (None, bad, Vital::Degraded),
            (Some(false), bad, Vital::Failed),
            (None, None, Vital::Degraded),
        ];
        for (persists, version, vital) in table {
            let check = session("session".into(), persists, version);
            assert_eq!(check.vital, vital, "{persists:?} {version:?}");
        }
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
