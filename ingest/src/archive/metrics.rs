//! What is counted about the archive.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

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
    is_up: Arc<AtomicBool>,
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
            is_up: Arc::new(AtomicBool::new(true)),
        };
        registry.register(Box::new(metrics.points_written.clone()))?;
        registry.register(Box::new(metrics.points_refused.clone()))?;
        registry.register(Box::new(metrics.tries_failed.clone()))?;
        registry.register(Box::new(metrics.lag_records.clone()))?;
        registry.register(Box::new(metrics.lag_seconds.clone()))?;
        registry.register(Box::new(metrics.up.clone()))?;
        Ok(metrics)
    }

    /// Notes whether the last request was taken; true if that is news.
    pub fn is_writing(&self, up: bool) -> bool {
        self.up.set(i64::from(up));
        self.is_up.swap(up, Ordering::Relaxed) != up
    }

    /// Whether the last request was taken.
    pub fn is_up(&self) -> bool {
        self.is_up.load(Ordering::Relaxed)
    }
}
