//! What is counted about the archive.

use std::sync::Arc;

use parking_lot::Mutex;
use prometheus::{Gauge, IntCounter, IntGauge, Opts, Registry};

/// Counts of one archive. Clones count together.
#[derive(Clone, Debug)]
pub struct ArchiveMetrics {
    /// Points the server has.
    pub points_written: IntCounter,
    /// Points the server refused for what they are.
    pub points_refused: IntCounter,
    /// Requests that came to nothing.
    pub tries_failed: IntCounter,
    /// Records that are not archived yet.
    pub lag_records: IntGauge,
    /// How old the oldest of them is, seconds of the journal's time.
    pub lag_seconds: Gauge,
    up: IntGauge,
    trouble: Arc<Mutex<Option<String>>>,
}

impl ArchiveMetrics {
    /// Registers them, named `archive_…`.
    ///
    /// # Errors
    /// What the registry says of names that are taken.
    pub fn register(registry: &Registry) -> prometheus::Result<Self> {
        let counter = |name: &str, help: &str| IntCounter::with_opts(Opts::new(name, help));
        let metrics = Self {
            points_written: counter("archive_points_written_total", "Points the archive has")?,
            points_refused: counter(
                "archive_points_refused_total",
                "Points the archive refused for what they are",
            )?,
            tries_failed: counter(
                "archive_requests_failed_total",
                "Requests to the archive that came to nothing",
            )?,
            lag_records: IntGauge::new(
                "archive_lag_records",
                "Journal records that are not archived yet",
            )?,
            lag_seconds: Gauge::new(
                "archive_lag_seconds",
                "Age of the oldest journal record that is not archived yet",
            )?,
            up: IntGauge::new("archive_up", "Whether the archive took the last request")?,
            trouble: Arc::default(),
        };
        registry.register(Box::new(metrics.points_written.clone()))?;
        registry.register(Box::new(metrics.points_refused.clone()))?;
        registry.register(Box::new(metrics.tries_failed.clone()))?;
        registry.register(Box::new(metrics.lag_records.clone()))?;
        registry.register(Box::new(metrics.lag_seconds.clone()))?;
        registry.register(Box::new(metrics.up.clone()))?;
        Ok(metrics)
    }

    /// Notes that the last request was taken.
    pub fn works(&self) {
        self.up.set(1);
        *self.trouble.lock() = None;
    }

    /// Notes that the last request came to nothing, and why; true if the one before it did better.
    pub fn fails(&self, why: &str) -> bool {
        self.up.set(0);
        self.trouble.lock().replace(why.into()).is_none()
    }

    /// Why the archive cannot be written; `None` while it can, or nothing was written yet.
    pub fn trouble(&self) -> Option<String> {
        self.trouble.lock().clone()
    }
}
