//! Silence: a registered series that has not been heard for too long, or never.
//!
//! It starts from the registry, not from an arrival: a sensor that never spoke is overdue. It runs on the
//! journal's `at`, only while its collector is up, and is a deadline of the engine rather than a test of readings.

use core::time::Duration;

use serde::{Deserialize, Serialize};

/// When a series counts as silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// So long after the last report, or after the collector came up.
    pub after: Duration,
}
