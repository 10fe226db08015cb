//! Silence: a registered series that has not been heard for too long, or never.
//!
//! It starts from the registry, not from an arrival: a sensor that never spoke is overdue. It runs on the
//! journal's `at`, only while its collector is up, and is a deadline of the engine rather than a test of readings.

use alloc::vec::Vec;
use core::time::Duration;

use reading::Timestamp;
use serde::{Deserialize, Serialize};

use super::explain::{Fact, Measure, Said};
use super::{Kind, Transition};

/// When a series counts as silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// So long after the last report, or after the collector came up.
    pub after: Duration,
}

/// Silence remembers nothing: what was heard when is the engine's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State;

impl Kind for State {
    type Settings = Settings;

    fn take_own(&mut self, _: &Settings, _: Timestamp, _: f64) -> Option<Transition> {
        None
    }

    fn held(&self) -> bool {
        false
    }

    fn said(settings: &Settings) -> Said {
        Said {
            key: "evidence-silence",
            measure: Measure::Own("min"),
            limit: settings.after.as_secs_f64() / 60.0,
            window: None,
        }
    }

    fn facts(&self, _settings: &Settings) -> Vec<Fact> {
        Vec::new()
    }
}
