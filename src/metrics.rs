//! What the daemon itself counts. Each room counts its own; this is what only the desk knows.

use std::collections::BTreeMap;

use alerting::Level;
use prometheus::{IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

use crate::overview::Overview;

/// Counters and gauges of the desk.
#[derive(Clone)]
pub struct Metrics {
    refused: IntCounterVec,
    incidents: IntGaugeVec,
    sites: IntGaugeVec,
    unknown: IntGauge,
    missing: IntGaugeVec,
    held: IntGaugeVec,
    proved: IntGaugeVec,
    position: IntGauge,
}

impl Metrics {
    /// Makes and registers them.
    ///
    /// # Errors
    /// If a name is taken: registered twice.
    pub fn register(registry: &Registry) -> prometheus::Result<Self> {
        let counts =
            |name: &str, help: &str, label: &str| IntGaugeVec::new(Opts::new(name, help), &[label]);
        let metrics = Self {
            refused: IntCounterVec::new(
                Opts::new(
                    "ingest_reports_refused_total",
                    "Frames and readings refused, by reason.",
                ),
                &["reason"],
            )?,
            incidents: counts(
                "alerting_incidents_open",
                "Open incidents by the level of their site.",
                "level",
            )?,
            sites: counts("alerting_sites", "Sites by level.", "level")?,
            missing: counts(
                "ingest_messages_missing",
                "Messages that stations numbered and that have not come though a later one did.",
                "collector",
            )?,
            held: counts(
                "ingest_readings_held",
                "Readings that wait until it is known what they are.",
                "collector",
            )?,
            proved: IntGaugeVec::new(
                Opts::new(
                    "delivery_link_proved_timestamp_seconds",
                    "When a way out was last proved to work, seconds since 1970; 0 if never.",
                ),
                &["channel", "target"],
            )?,
            unknown: IntGauge::new(
                "alerting_sites_unknown",
                "Sites of which too little is seen to call them normal.",
            )?,
            position: IntGauge::new(
                "desk_position_records",
                "The last journal record the desk has applied.",
            )?,
        };
        let build = IntGaugeVec::new(
            Opts::new("build_info", "1, labelled with the version."),
            &["version"],
        )?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        registry.register(Box::new(build))?;
        registry.register(Box::new(metrics.refused.clone()))?;
        registry.register(Box::new(metrics.incidents.clone()))?;
        registry.register(Box::new(metrics.sites.clone()))?;
        registry.register(Box::new(metrics.unknown.clone()))?;
        registry.register(Box::new(metrics.missing.clone()))?;
        registry.register(Box::new(metrics.held.clone()))?;
        registry.register(Box::new(metrics.proved.clone()))?;
        registry.register(Box::new(metrics.position.clone()))?;
        Ok(metrics)
    }

    /// Counts refusals by reason: names of closed enums.
    pub fn refused(&self, reasons: &BTreeMap<&'static str, u64>) {
        for (reason, count) in reasons {
            self.refused.with_label_values(&[*reason]).inc_by(*count);
        }
    }

    /// Shows where everything stands.
    pub fn show(&self, overview: &Overview) {
        let sites = &overview.sites;
        for balance in &overview.balances {
            let missing = i64::try_from(balance.missing).unwrap_or(i64::MAX);
            self.missing.with_label_values(&[&balance.source]).set(missing);
            let held = i64::try_from(balance.held).unwrap_or(i64::MAX);
            self.held.with_label_values(&[&balance.source]).set(held);
        }
        for proof in &overview.proofs {
            let at = proof.proved_at.map_or(0, |at| at.nanos().div_euclid(1_000_000_000));
            self.proved.with_label_values(&[&*proof.channel, &*proof.target]).set(at);
        }
        for level in Level::ALL {
            let here = || sites.iter().filter(|site| site.level == level);
            let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
            self.sites.with_label_values(&[level.name()]).set(count(here().count()));
            let incidents = here().map(|site| site.incidents.len()).sum();
            self.incidents.with_label_values(&[level.name()]).set(count(incidents));
        }
        self.unknown.set(
            i64::try_from(sites.iter().filter(|site| site.unknown).count()).unwrap_or(i64::MAX),
        );
        self.position.set(i64::try_from(overview.sequence).unwrap_or(i64::MAX));
    }
}
