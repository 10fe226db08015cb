//! What a station is asked to do:
//! `{"id":"…","command":"interval","interval_s":60,"not_after":"2026-07-14T03:10:00+09:00"}`.
//!
//! It answers on `…/command/result` with the `id`; a command it has seen before it answers again and obeys once.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::native::Rfc3339;
use crate::time::Timestamp;

/// What a station can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ask {
    /// Report every so often from now on.
    Interval {
        /// Whole seconds.
        every: Duration,
    },
    /// Report every so often for a while, then as before by itself: a station that is forgotten in this mode would
    /// drain its battery.
    AlertMode {
        /// Whole seconds.
        every: Duration,
        /// Whole seconds.
        lasting: Duration,
    },
    /// Send these messages again, on the backfill road.
    Resend {
        /// The first number.
        from: u64,
        /// The last number.
        to: u64,
    },
    /// Blink, so that the person in front of the boxes knows which one this is.
    Identify,
}

impl Ask {
    /// Its name on the wire, on the command line and in the trail.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Interval { .. } => "interval",
            Self::AlertMode { .. } => "alert-mode",
            Self::Resend { .. } => "resend",
            Self::Identify => "identify",
        }
    }

    /// Whether it takes the place of another one: how often a station reports is one setting.
    pub const fn replaces(self, other: Self) -> bool {
        match (self, other) {
            (
                Self::Interval { .. } | Self::AlertMode { .. },
                Self::Interval { .. } | Self::AlertMode { .. },
            )
            | (Self::Identify, Self::Identify) => true,
            (
                Self::Interval { .. }
                | Self::AlertMode { .. }
                | Self::Resend { .. }
                | Self::Identify,
                _,
            ) => false,
        }
    }

    /// With its numbers, for people.
    pub fn words(self) -> String {
        match self {
            Self::Interval { every } => format!("interval {} s", every.as_secs()),
            Self::AlertMode { every, lasting } => {
                format!("alert-mode {} s for {} min", every.as_secs(), lasting.as_secs() / 60)
            }
            Self::Resend { from, to } => format!("resend {from}..{to}"),
            Self::Identify => "identify".into(),
        }
    }
}

/// A command to a station.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StationCommand<'a> {
    /// Names it: the answer repeats this.
    pub id: Cow<'a, str>,
    /// What is asked.
    pub ask: Ask,
    /// A station obeys nothing that is older than this.
    pub not_after: Timestamp,
}

impl StationCommand<'_> {
    /// The bytes.
    pub fn encode(&self) -> Vec<u8> {
        let seconds = |duration: Duration| Some(duration.as_secs());
        let none = Wire {
            id: self.id.as_ref(),
            command: self.ask.name(),
            interval_s: None,
            duration_s: None,
            from: None,
            to: None,
            not_after: Rfc3339(self.not_after),
        };
        let wire = match self.ask {
            Ask::Interval { every } => Wire { interval_s: seconds(every), ..none },
            Ask::AlertMode { every, lasting } => {
                Wire { interval_s: seconds(every), duration_s: seconds(lasting), ..none }
            }
            Ask::Resend { from, to } => Wire { from: Some(from), to: Some(to), ..none },
            Ask::Identify => none,
        };
        serde_json::to_vec(&wire).expect("texts and numbers always have a JSON form")
    }
}

#[derive(Serialize)]
struct Wire<'a> {
    id: &'a str,
    command: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    interval_s: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_s: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<u64>,
    not_after: Rfc3339,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_says_what_it_asks_and_nothing_else() {
        let every = Duration::from_secs(60);
        let rest = r#""not_after":"2026-07-13T18:10:00Z"}"#;
        for (ask, said) in [
            (Ask::Interval { every }, r#""command":"interval","interval_s":60,"#),
            (
                Ask::AlertMode { every, lasting: Duration::from_secs(3_600) },
                r#""command":"alert-mode","interval_s":60,"duration_s":3600,"#,
            ),
            (Ask::Resend { from: 17, to: 40 }, r#""command":"resend","from":17,"to":40,"#),
            (Ask::Identify, r#""command":"identify","#),
        ] {
            let not_after = Timestamp::parse("2026-07-14T03:10:00+09:00").unwrap();
            let command = StationCommand { id: "c-1".into(), ask, not_after };
            let text = String::from_utf8(command.encode()).unwrap();
            assert_eq!(text, format!(r#"{{"id":"c-1",{said}{rest}"#));
        }
    }

    #[test]
    fn how_often_to_report_is_one_setting() {
        let every = Duration::from_secs(60);
        let (interval, alert) = (Ask::Interval { every }, Ask::AlertMode { every, lasting: every });
        let resend = Ask::Resend { from: 1, to: 2 };
        assert!(interval.replaces(alert) && alert.replaces(interval));
        assert!(Ask::Identify.replaces(Ask::Identify) && !Ask::Identify.replaces(interval));
        assert!(!resend.replaces(resend), "each asks for other messages");
    }
}
