//! What this room tells Prometheus.

use std::time::Duration;

use alerting::{AttemptResult, Purpose};
use prometheus::{
    Gauge, Histogram, HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry,
};
use reading::id::ChannelId;

use crate::ledger::Course;

/// Seconds: from a siren on the same desk to a hook that waited out a night.
const LATENCY_BUCKETS: [f64; 16] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1_800.0,
    7_200.0,
];

/// Seconds: what an fsync costs.
const COMMIT_BUCKETS: [f64; 10] =
    [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5];

/// A step on the way from the field to the proof of delivery; they add up to [`Stage::Total`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// From the measurement to the decision; an approval that was waited for is in it.
    Decision,
    /// From the decision to the attempt that arrived: waiting, and attempts that failed.
    Sending,
    /// From that attempt to the proof.
    Receipt,
    /// From the measurement to the proof.
    Total,
}

impl Stage {
    const fn name(self) -> &'static str {
        match self {
            Self::Decision => "decision",
            Self::Sending => "sending",
            Self::Receipt => "receipt",
            Self::Total => "total",
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
    objective: Gauge,
    resting: IntGaugeVec,
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
                    "Time of alerts from the measurement to the proof of delivery, by step and channel",
                )
                .buckets(LATENCY_BUCKETS.to_vec()),
                &["stage", "channel"],
            )?,
            objective: Gauge::new(
                "delivery_objective_seconds",
                "What the total of delivery_latency_seconds is to stay under",
            )?,
            resting: IntGaugeVec::new(
                Opts::new(
                    "delivery_channel_failing",
                    "1 while a channel fails again and again and is tried with one delivery at a time",
                ),
                &["channel"],
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
        registry.register(Box::new(metrics.objective.clone()))?;
        registry.register(Box::new(metrics.resting.clone()))?;
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

    /// Takes the time an alert needed to its proof, at whatever door the proof came in. Reminders, ends and questions
    /// are no race against a slope and are left out.
    pub fn proven(&self, course: &Course) {
        if course.purpose != Purpose::Alert {
            return;
        }
        let steps = [
            (Stage::Decision, course.measured_at, course.decided_at),
            (Stage::Sending, course.decided_at, course.started_at),
            (Stage::Receipt, course.started_at, course.proven_at),
            (Stage::Total, course.measured_at, course.proven_at),
        ];
        for (stage, from, to) in steps {
            let labels = [stage.name(), course.channel.as_str()];
            self.latency.with_label_values(&labels).observe(to.since(from).as_secs_f64());
        }
    }

    /// Shows what the total is to stay under.
    pub fn aim_at(&self, objective: Duration) {
        self.objective.set(objective.as_secs_f64());
    }

    pub(crate) fn resting(&self, channel: &ChannelId, is_resting: bool) {
        self.resting.with_label_values(&[channel.as_str()]).set(i64::from(is_resting));
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
