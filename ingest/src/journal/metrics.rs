//! What Prometheus may know about the journal.

use std::sync::{Arc, Weak};

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{Histogram, HistogramOpts, IntCounter, IntGauge, IntGaugeVec, Opts};

use super::shared::{Health, Shared};

/// Counted as it happens.
pub(super) struct Metrics {
    pub fsync_seconds: Histogram,
    pub records: IntCounter,
    pub sync_failures: IntCounter,
    pub damaged_bytes: IntCounter,
    pub lost_records: IntCounter,
}

impl Metrics {
    pub fn new() -> Self {
        let seconds = HistogramOpts::new(
            "journal_fsync_seconds",
            "How long the disk takes to make a batch durable",
        )
        .buckets(prometheus::exponential_buckets(50e-6, 2.0, 18).unwrap_or_default());
        Self {
            fsync_seconds: Histogram::with_opts(seconds).expect("a well-formed metric"),
            records: counter("journal_records_total", "Records made durable"),
            sync_failures: counter(
                "journal_sync_failures_total",
                "Batches that the disk failed to make durable",
            ),
            damaged_bytes: counter(
                "journal_damaged_bytes_total",
                "Bytes found not to be what was written",
            ),
            lost_records: counter(
                "journal_lost_records_total",
                "Records that views lost because they fell behind",
            ),
        }
    }
}

fn counter(name: &str, help: &str) -> IntCounter {
    IntCounter::new(name, help).expect("a well-formed metric")
}

/// Everything about one journal; what is a state is looked at when asked for.
pub(super) struct JournalCollector {
    shared: Weak<Shared>,
    bytes: IntGauge,
    segments: IntGauge,
    queue_depth: IntGauge,
    health: IntGaugeVec,
    reader_lag: IntGaugeVec,
    counted: Vec<Arc<dyn Collector>>,
}

impl JournalCollector {
    pub fn new(shared: &Arc<Shared>) -> Self {
        let counted = &shared.metrics;
        Self {
            shared: Arc::downgrade(shared),
            bytes: gauge("journal_bytes", "Length of all segments"),
            segments: gauge("journal_segments", "Number of segments"),
            queue_depth: gauge("journal_append_queue_depth", "Entries waiting to be written"),
            health: gauges("journal_health", "1 for the state the disk is in", "state"),
            reader_lag: gauges(
                "journal_reader_lag_records",
                "Records a reader is behind",
                "reader",
            ),
            counted: vec![
                Arc::new(counted.fsync_seconds.clone()),
                Arc::new(counted.records.clone()),
                Arc::new(counted.sync_failures.clone()),
                Arc::new(counted.damaged_bytes.clone()),
                Arc::new(counted.lost_records.clone()),
            ],
        }
    }

    fn look(&self) {
        let Some(shared) = self.shared.upgrade() else { return };
        let (segments, bytes) = shared.files.segments.size();
        self.segments.set(segments as i64);
        self.bytes.set(bytes as i64);
        self.queue_depth.set(shared.queue.depth() as i64);
        for state in Health::ALL {
            self.health.with_label_values(&[state.name()]).set(i64::from(shared.health() == state));
        }
        self.reader_lag.reset(); // a reader that is gone is not behind
        for (name, lag) in shared.reader_lags() {
            let gauge = self.reader_lag.with_label_values(&[&*name]);
            gauge.set(gauge.get().max(i64::try_from(lag).unwrap_or(i64::MAX)));
        }
    }

    fn parts(&self) -> impl Iterator<Item = &dyn Collector> {
        let looked: [&dyn Collector; 5] =
            [&self.bytes, &self.segments, &self.queue_depth, &self.health, &self.reader_lag];
        looked.into_iter().chain(self.counted.iter().map(|part| &**part))
    }
}

impl Collector for JournalCollector {
    fn desc(&self) -> Vec<&Desc> {
        self.parts().flat_map(Collector::desc).collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        self.look();
        self.parts().flat_map(Collector::collect).collect()
    }
}

fn gauge(name: &str, help: &str) -> IntGauge {
    IntGauge::new(name, help).expect("a well-formed metric")
}

fn gauges(name: &str, help: &str, label: &str) -> IntGaugeVec {
    IntGaugeVec::new(Opts::new(name, help), &[label]).expect("a well-formed metric")
}
