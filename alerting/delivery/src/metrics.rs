//! What this room tells Prometheus.

use alerting::{Alert, AttemptResult};
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry,
};
use reading::Timestamp;
use reading::id::ChannelId;

/// Seconds: from a siren on the same desk to a hook that waited out a night.
const LATENCY_BUCKETS: [f64; 16] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1_800.0,
    7_200.0,
];

/// Seconds: what an fsync costs.
const COMMIT_BUCKETS: [f64; 10] =
    [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5];

/// From which moment to the receipt a latency counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Decided,
    Measured,
}

impl Stage {
    const fn name(self) -> &'static str {
        match self {
            Self::Decided => "decided",
            Self::Measured => "measured",
        }
    }
}

/// The metrics of ledger and couriers. Cloning shares them.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// Time a commit of the desk takes, to be given to [`Ledger::timed`](crate::Ledger::timed).
    pub ledger_commit_seconds: Histogram,
    attempts: IntCounterVec,
    depth: IntGaugeVec,
    latency: HistogramVec,
    failures: IntCounterVec,
    receipts: IntCounterVec,
}

impl Metrics {
    /// Makes the metrics and registers them.
    ///
    /// # Errors
    /// [`prometheus::Error`] if one of the names is registered already.
    pub fn register(registry: &Registry) -> prometheus::Result<Self> {
        let metrics = Self {
            ledger_commit_seconds: Histogram::with_opts(
                HistogramOpts::new(
                    "ledger_commit_seconds",
                    "Time to write a batch of decisions and deliveries to disk",
                )
                .buckets(COMMIT_BUCKETS.to_vec()),
            )?,
            attempts: IntCounterVec::new(
                Opts::new(
                    "delivery_attempts_total",
                    "Attempts made, by channel and what came of them",
                ),
                &["channel", "outcome"],
            )?,
            depth: IntGaugeVec::new(
                Opts::new(
                    "delivery_queue_depth",
                    "Deliveries that wait or are in hand, by channel",
                ),
                &["channel"],
            )?,
            latency: HistogramVec::new(
                HistogramOpts::new(
                    "delivery_latency_seconds",
                    "Time to the proof of delivery, from the decision and from the measurement",
                )
                .buckets(LATENCY_BUCKETS.to_vec()),
                &["stage"],
            )?,
            receipts: IntCounterVec::new(
                Opts::new(
                    "delivery_receipts_total",
                    "Receipts that came later than their attempt, by channel and what became of them",
                ),
                &["channel", "kept"],
            )?,
            failures: IntCounterVec::new(
                Opts::new(
                    "delivery_courier_failures_total",
                    "Times a courier could not use the ledger, by channel",
                ),
                &["channel"],
            )?,
        };
        registry.register(Box::new(metrics.receipts.clone()))?;
        registry.register(Box::new(metrics.ledger_commit_seconds.clone()))?;
        registry.register(Box::new(metrics.attempts.clone()))?;
        registry.register(Box::new(metrics.depth.clone()))?;
        registry.register(Box::new(metrics.latency.clone()))?;
        registry.register(Box::new(metrics.failures.clone()))?;
        Ok(metrics)
    }

    /// Metrics that nobody reads, for tests and tools.
    pub fn unread() -> Self {
        Self::register(&Registry::new()).expect("a fresh registry has no names")
    }

    /// Counts an attempt and what came of it.
    pub fn attempted(&self, channel: &ChannelId, result: &AttemptResult) {
        let outcome = match result {
            AttemptResult::Delivered { .. } => "delivered",
            AttemptResult::HandedOver { .. } => "handed-over",
            AttemptResult::Retry { .. } => "retry",
            AttemptResult::Refused { .. } => "refused",
            AttemptResult::Unknown => "unknown",
        };
        self.attempts.with_label_values(&[channel.as_str(), outcome]).inc();
    }

    /// Takes the time to a proof of delivery that came `at`. Couriers call this where the attempt itself is the
    /// proof; whoever reads receipts calls it for the rest.
    pub fn proven(&self, alert: &Alert, at: Timestamp) {
        for (stage, since) in
            [(Stage::Decided, alert.decided_at), (Stage::Measured, alert.measured_at)]
        {
            self.latency.with_label_values(&[stage.name()]).observe(at.since(since).as_secs_f64());
        }
    }

    pub(crate) fn receipt(&self, channel: &ChannelId, kept: &'static str) {
        self.receipts.with_label_values(&[channel.as_str(), kept]).inc();
    }

    pub(crate) fn waiting(&self, channel: &ChannelId, depth: u64) {
        self.depth
            .with_label_values(&[channel.as_str()])
            .set(i64::try_from(depth).unwrap_or(i64::MAX));
    }

    pub(crate) fn failed(&self, channel: &ChannelId) {
        self.failures.with_label_values(&[channel.as_str()]).inc();
    }
}
