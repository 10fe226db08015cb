//! MQTT topics: ours by name, anybody's by filter.

pub use reading::codec::{Root, is_filter, matches};

/// What every topic of ours starts with.
pub const ROOT: &str = "bongsu/v1";

/// Live readings of every station.
pub const TELEMETRY: &str = "bongsu/v1/+/+/telemetry";
/// Old readings of every station, sent on a road of their own so that live ones stay first.
pub const BACKFILL: &str = "bongsu/v1/+/+/backfill";
/// Whether a station is there; offline is its will.
pub const STATUS: &str = "bongsu/v1/+/+/status";
/// What became of a command.
pub const RESULT: &str = "bongsu/v1/+/+/command/result";
/// How many messages a mosquitto dropped since it started.
pub const DROPPED: &str = "$SYS/broker/publish/messages/dropped";

/// Where brokers say what they are.
pub const VERSION: &str = "$SYS/broker/version";

/// Where a station is told which of its reports are on disk.
pub fn stored(root: Root, site: &str, station: &str) -> String {
    format!("{}/{site}/{station}/stored", root.as_str())
}

/// Where an actuator is told what to do.
pub fn command(site: &str, station: &str) -> String {
    format!("{ROOT}/{site}/{station}/command")
}

/// Who speaks on a topic, as far as it says it: a station of ours by root, site and station, else the whole topic.
pub fn sender(topic: &str) -> &str {
    let is_ours = [Root::Field, Root::Exercise].iter().any(|root| root.strip(topic).is_some());
    match topic.match_indices('/').nth(3) {
        Some((end, _)) if is_ours => &topic[..end],
        _ => topic,
    }
}

/// Where a daemon says that it is there. One level shorter than what stations use, so that no filter of theirs
/// matches it.
pub fn daemon(client: &str) -> String {
    format!("{ROOT}/daemon/{client}")
}

/// Whether a topic that no filter fits was meant for us: it starts as ours do, and is none that we speak on ourselves
/// (orders, what is on disk, alerts, that we are there).
pub fn is_stray(topic: &str) -> bool {
    let levels: Vec<&str> = topic.strip_prefix('/').unwrap_or(topic).split('/').collect();
    if !levels[0].eq_ignore_ascii_case("bongsu") {
        return false;
    }
    let is_ours =
        matches!(levels[1..], ["v1", "alerts" | "daemon", ..] | ["v1", _, _, "command" | "stored"]);
    !(topic.starts_with(ROOT) && is_ours)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_meant_for_us_and_is_read_by_nobody_is_known() {
        for (topic, expected) in [
            ("bongsu/v1/cut-1/box-1/telemetri", true),
            ("bongsu/v1/cut-1/telemetry", true),
            ("bongsu/v2/cut-1/box-1/telemetry", true),
            ("/bongsu/v1/cut-1/box-1/telemetry", true),
            ("Bongsu/v1/cut-1/box-1/telemetry", true),
            ("", false),
            ("bongsu/v1/cut-1/box-1/command", false),
            ("bongsu/v1/cut-1/box-1/stored", false),
            ("bongsu/v1/alerts/cut-1/x", false),
            ("bongsu/v1/daemon/field-1", false),
            ("bongsu-exercise/v1/cut-1/box-1/telemetry", false),
            ("somebody/elses", false),
        ] {
            assert_eq!(is_stray(topic), expected, "{topic}");
        }
        assert_eq!(ROOT, "bongsu/v1");
    }

    #[test]
    fn filters_match_as_the_standard_says() {
        let table = [
            ("a/b", "a/b", true),
            ("a/b", "a/b/c", false),
            ("a/b/c", "a/b", false),
            ("a/+", "a/b", true),
            ("a/+", "a", false),
            ("a/+", "a/b/c", false),
            ("a/+/c", "a//c", true),
            ("+", "a", true),
            ("+", "/a", false),
            ("+/+", "/a", true),
            ("a/#", "a", true),
            ("a/#", "a/b/c", true),
            ("a/#", "ab", false),
            ("#", "a/b", true),
            ("#", "$SYS/a", false),
            ("+/a", "$SYS/a", false),
            ("$SYS/#", "$SYS/a", true),
            (TELEMETRY, "bongsu/v1/cut-1/box-1/telemetry", true),
            (TELEMETRY, "bongsu/v1/cut-1/box-1/backfill", false),
            (RESULT, "bongsu/v1/cut-1/siren-1/command/result", true),
            (RESULT, "bongsu/v1/cut-1/siren-1/command", false),
        ];
        for (filter, topic, expected) in table {
            assert_eq!(matches(filter, topic), expected, "{filter} {topic}");
        }
    }

    #[test]
    fn a_station_is_one_sender_whatever_it_speaks_about() {
        for (topic, expected) in [
            ("bongsu/v1/cut-1/box-1/telemetry", "bongsu/v1/cut-1/box-1"),
            ("bongsu/v1/cut-1/box-1/command/result", "bongsu/v1/cut-1/box-1"),
            ("bongsu-exercise/v1/cut-1/box-1/status", "bongsu-exercise/v1/cut-1/box-1"),
            ("bongsu/v1/cut-1", "bongsu/v1/cut-1"),
            ("application/7/device/x/event/up", "application/7/device/x/event/up"),
        ] {
            assert_eq!(sender(topic), expected);
        }
    }

    #[test]
    fn nothing_we_say_is_taken_for_what_a_station_says() {
        let ours = [stored(Root::Field, "a", "b"), command("a", "b"), daemon("c")];
        for filter in [TELEMETRY, BACKFILL, STATUS, RESULT] {
            assert!(is_filter(filter));
            assert!(ours.iter().all(|topic| !matches(filter, topic)), "{filter}");
        }
    }
}
