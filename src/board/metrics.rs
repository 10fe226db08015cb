//! What this room tells Prometheus.

use std::time::Duration;

use axum::http::StatusCode;
use prometheus::{
    HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry,
};

/// Seconds: a page drawn from memory to one that waits for the ledger.
const BUCKETS: [f64; 9] = [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.05, 0.25, 1.0, 10.0];

pub(super) struct Metrics {
    requests: IntCounterVec,
    seconds: HistogramVec,
    pub panics: IntCounter,
    pub sign_ins_failed: IntCounter,
    pub watchers: IntGauge,
    pub watchers_refused: IntCounter,
    pub crowded: IntCounter,
}

impl Metrics {
    pub(super) fn register(registry: &Registry) -> prometheus::Result<Self> {
        let metrics = Self {
            requests: IntCounterVec::new(
                Opts::new("board_requests_total", "Requests answered, by route and kind of answer"),
                &["route", "status"],
            )?,
            seconds: HistogramVec::new(
                HistogramOpts::new(
                    "board_request_seconds",
                    "Time until the answer begins, by route",
                )
                .buckets(BUCKETS.to_vec()),
                &["route"],
            )?,
            panics: IntCounter::new("board_panics_total", "Panics caught in pages")?,
            sign_ins_failed: IntCounter::new(
                "board_sign_ins_failed_total",
                "Wrong tokens and links",
            )?,
            watchers: IntGauge::new("board_watchers", "Open streams of live events")?,
            watchers_refused: IntCounter::new(
                "board_watchers_refused_total",
                "Streams refused because of too many",
            )?,
            crowded: IntCounter::new(
                "board_connections_refused_total",
                "Connections refused because their address has too many",
            )?,
        };
        registry.register(Box::new(metrics.requests.clone()))?;
        registry.register(Box::new(metrics.seconds.clone()))?;
        registry.register(Box::new(metrics.panics.clone()))?;
        registry.register(Box::new(metrics.sign_ins_failed.clone()))?;
        registry.register(Box::new(metrics.watchers.clone()))?;
        registry.register(Box::new(metrics.watchers_refused.clone()))?;
        registry.register(Box::new(metrics.crowded.clone()))?;
        Ok(metrics)
    }

    pub(super) fn answered(&self, route: &str, status: StatusCode, took: Duration) {
        self.requests.with_label_values(&[route, class(status)]).inc();
        self.seconds.with_label_values(&[route]).observe(took.as_secs_f64());
    }
}

fn class(status: StatusCode) -> &'static str {
    match status.as_u16() {
        ..200 => "1xx",
        200..300 => "2xx",
        300..400 => "3xx",
        400..500 => "4xx",
        500.. => "5xx",
    }
}
