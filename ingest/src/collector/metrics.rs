//! What the collectors count.

use prometheus::{Histogram, HistogramOpts, IntCounterVec, IntGaugeVec, Opts, Registry};

use super::event::Role;

/// The collectors' metrics, shared by all of them.
#[derive(Clone, Debug)]
pub struct CollectorMetrics {
    pub(super) frames: IntCounterVec,
    pub(super) dropped: IntCounterVec,
    pub(super) matched: IntCounterVec,
    pub(super) cut: IntCounterVec,
    pub(super) paced: IntCounterVec,
    pub(super) refused: IntCounterVec,
    pub(super) trespasses: IntCounterVec,
    pub(super) partial: IntCounterVec,
    pub(super) polls: IntCounterVec,
    pub(super) connected: IntGaugeVec,
    pub(super) reconnects: IntCounterVec,
    pub(super) in_flight: IntGaugeVec,
    pub(super) session_persists: IntGaugeVec,
    pub(super) broker_dropped: IntGaugeVec,
    pub(super) store_seconds: Histogram,
}

impl CollectorMetrics {
    /// Makes the metrics and registers them.
    ///
    /// # Errors
    /// If one of these names is taken.
    pub fn register(registry: &Registry) -> prometheus::Result<Self> {
        let counters = |name, help, labels: &[&str]| {
            registered(registry, IntCounterVec::new(Opts::new(name, help), labels)?)
        };
        let gauges = |name, help, labels: &[&str]| {
            registered(registry, IntGaugeVec::new(Opts::new(name, help), labels)?)
        };
        let whole = ["collector"];
        let each = ["collector", "session"];
        Ok(Self {
            frames: counters(
                "ingest_frames_total",
                "Frames taken from the wire and stored.",
                &whole,
            )?,
            dropped: counters(
                "ingest_frames_dropped_total",
                "Frames of QoS 0 given up because the intake was behind.",
                &whole,
            )?,
            paced: counters(
                "ingest_frames_paced_total",
                "Frames that waited because their sender sent too many at once.",
                &whole,
            )?,
            refused: counters(
                "ingest_frames_refused_total",
                "Frames refused before they were stored, by reason: too-fast.",
                &["collector", "reason"],
            )?,
            trespasses: counters(
                "ingest_trespasses_total",
                "What gateways tried and were not allowed: publish, subscribe, will.",
                &["collector", "gateway", "what"],
            )?,
            matched: counters(
                "ingest_subscription_frames_total",
                "Frames that came on a subscription; what a broker had kept is left out.",
                &["collector", "filter"],
            )?,
            cut: counters("ingest_frames_cut_total", "Frames too long to be kept whole.", &whole)?,
            partial: counters(
                "ingest_frames_partial_total",
                "Frames of which a part was missing, because a port opened or went away in the middle of them.",
                &whole,
            )?,
            polls: counters(
                "ingest_polls_total",
                "Questions to units of a Modbus and to web servers, by what came: answer, exception, bad, silence, hung-up.",
                &["collector", "unit", "outcome"],
            )?,
            connected: gauges("ingest_connected", "Whether the connection stands: 1 or 0.", &each)?,
            reconnects: counters(
                "ingest_reconnects_total",
                "Connections lost or not made.",
                &each,
            )?,
            in_flight: gauges("ingest_in_flight", "Frames received and not yet stored.", &each)?,
            session_persists: gauges(
                "ingest_session_persists",
                "Whether the broker keeps sessions: 1, 0, or -1 if not known yet.",
                &whole,
            )?,
            broker_dropped: gauges(
                "ingest_broker_dropped_messages",
                "Messages the broker says it dropped since it started.",
                &whole,
            )?,
            store_seconds: registered(registry, Histogram::with_opts(store_seconds())?)?,
        })
    }

    /// How many frames came on a subscription of a collector.
    pub fn matched(&self, collector: &str, filter: &str) -> u64 {
        self.matched.with_label_values(&[collector, filter]).get()
    }

    /// Counts what a gateway was not allowed.
    pub fn trespassed(&self, collector: &str, gateway: &str, what: &str) {
        self.trespasses.with_label_values(&[collector, gateway, what]).inc();
    }

    pub(super) fn set_connected(&self, collector: &str, role: Role, connected: bool) {
        self.connected.with_label_values(&[collector, role.name()]).set(i64::from(connected));
    }
}

fn store_seconds() -> HistogramOpts {
    HistogramOpts::new(
        "ingest_store_seconds",
        "From handing a batch to the intake until it is on disk.",
    )
    .buckets(vec![0.000_1, 0.000_3, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0])
}

fn registered<M: prometheus::core::Collector + Clone + 'static>(
    registry: &Registry,
    metric: M,
) -> prometheus::Result<M> {
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registers_once_and_says_so_the_second_time() {
        let registry = Registry::new();
        assert!(CollectorMetrics::register(&registry).is_ok());
        assert!(CollectorMetrics::register(&registry).is_err());
    }
}
