//! Topics: who speaks, and about what.

use core::fmt;

use super::CodecError;
use crate::id::is_id;

/// What every topic of ours starts with: that of the field, or that of a drill. What comes under one is unknown under
/// the other, so that nothing simulated is ever taken for a reading.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Root {
    /// What really stands there.
    #[default]
    Field,
    /// What a drill simulates.
    Exercise,
}

impl Root {
    /// The root as text, without a slash at its end.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Field => "bongsu/v1",
            Self::Exercise => "bongsu-exercise/v1",
        }
    }

    /// What of a topic comes after the root and its slash.
    pub fn strip(self, topic: &str) -> Option<&str> {
        topic.strip_prefix(self.as_str())?.strip_prefix('/')
    }
}

/// A topic a station publishes on: `bongsu/v1/{site}/{station}/…`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Topic<'a> {
    /// The site, an identifier.
    pub site: &'a str,
    /// The station, an identifier.
    pub station: &'a str,
    /// What the message says.
    pub about: About,
}

/// What a message of a station says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// What it measures now.
    Telemetry,
    /// What it measured while nobody listened.
    Backfill,
    /// Whether it is there.
    Status,
    /// What it did about a command.
    CommandResult,
}

impl About {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Telemetry, Self::Backfill, Self::Status, Self::CommandResult];

    /// The end of the topic.
    pub const fn levels(self) -> &'static str {
        match self {
            Self::Telemetry => "telemetry",
            Self::Backfill => "backfill",
            Self::Status => "status",
            Self::CommandResult => "command/result",
        }
    }

    fn parse(levels: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|about| about.levels() == levels)
    }
}

impl<'a> Topic<'a> {
    /// Takes a topic of the field apart.
    ///
    /// # Errors
    /// [`CodecError::UnknownTopic`] and [`CodecError::BadIdentifier`].
    pub fn parse(topic: &'a str) -> Result<Self, CodecError> {
        Self::parse_under(Root::Field, topic)
    }

    /// The same under a given root.
    ///
    /// # Errors
    /// [`CodecError::UnknownTopic`] and [`CodecError::BadIdentifier`].
    pub fn parse_under(root: Root, topic: &'a str) -> Result<Self, CodecError> {
        let (site, station, levels) =
            split(root, topic).ok_or_else(|| CodecError::unknown_topic(topic))?;
        let about = About::parse(levels).ok_or_else(|| CodecError::unknown_topic(topic))?;
        for level in [site, station] {
            if !is_id(level) {
                return Err(CodecError::bad_identifier(topic, level));
            }
        }
        Ok(Self { site, station, about })
    }
}

fn split(root: Root, topic: &str) -> Option<(&str, &str, &str)> {
    let (site, rest) = root.strip(topic)?.split_once('/')?;
    let (station, levels) = rest.split_once('/')?;
    Some((site, station, levels))
}

impl fmt::Display for Topic<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bongsu/v1/{}/{}/{}", self.site, self.station, self.about.levels())
    }
}

/// Whether `filter` matches `topic`, as MQTT says: `+` is one level, a last `#` any number of them, and neither
/// reaches a topic that starts with `$`.
pub fn matches(filter: &str, topic: &str) -> bool {
    if topic.starts_with('$') && filter.starts_with(['+', '#']) {
        return false;
    }
    let mut levels = topic.split('/');
    for wanted in filter.split('/') {
        match (wanted, levels.next()) {
            ("#", _) => return true,
            ("+", Some(_)) => {}
            (wanted, Some(level)) if wanted == level => {}
            (_, _) => return false,
        }
    }
    levels.next().is_none()
}

/// Whether `filter` is one: not empty, `#` only as the last level, wildcards alone in theirs.
pub fn is_filter(filter: &str) -> bool {
    if filter.is_empty() || filter.len() > 65_535 || filter.contains('\0') {
        return false;
    }
    let mut levels = filter.split('/').peekable();
    while let Some(level) = levels.next() {
        let alone = level.len() == 1;
        if level.contains('+') && !alone
            || level.contains('#') && !(alone && levels.peek().is_none())
        {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn every_topic_reads_back() {
        for about in About::ALL {
            let topic = Topic { site: "cut-12", station: "box-1", about };
            assert_eq!(Topic::parse(&topic.to_string()), Ok(topic));
        }
    }

    #[test]
    fn what_a_drill_says_is_known_to_a_drill_alone() {
        let (drill, field) = ("bongsu-exercise/v1/a/b/telemetry", "bongsu/v1/a/b/telemetry");
        assert!(Topic::parse_under(Root::Exercise, drill).is_ok());
        assert!(Topic::parse_under(Root::Field, drill).is_err());
        assert!(Topic::parse_under(Root::Exercise, field).is_err());
        assert_eq!(Root::Exercise.strip("bongsu-exercise/v1x/a"), None);
    }

    #[test]
    fn names_what_is_wrong_with_a_topic() {
        for (topic, fault) in [
            ("", "unknown-topic"),
            ("bongsu", "unknown-topic"),
            ("bongsu/v1/a/b", "unknown-topic"),
            ("bongsu/v2/a/b/telemetry", "unknown-topic"),
            ("bongsu/v1/a/b/telemetry/x", "unknown-topic"),
            ("bongsu/v1/a/b/stored", "unknown-topic"),
            ("bongsu/v1/a/b/command", "unknown-topic"),
            ("bongsu-exercise/v1/a/b/telemetry", "unknown-topic"),
            ("bongsu/v1//b/telemetry", "bad-identifier"),
            ("bongsu/v1/A/b/telemetry", "bad-identifier"),
            ("bongsu/v1/a/급경사지/telemetry", "bad-identifier"),
            ("bongsu/v1/a/\u{fffd}/status", "bad-identifier"),
            ("bongsu/v1/a/+/status", "bad-identifier"),
        ] {
            assert_eq!(Topic::parse(topic).map_err(|e| e.name()), Err(fault), "{topic}");
        }
    }

    #[test]
    fn filters_are_checked() {
        for good in ["a", "+", "#", "a/+/b", "a/#", "/", "$SYS/#"] {
            assert!(is_filter(good), "{good}");
        }
        for bad in ["", "a+", "a/#/b", "a#", "a/b+/c", "#/", "a\0"] {
            assert!(!is_filter(bad), "{bad}");
        }
    }
}
