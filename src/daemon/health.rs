//! How the daemon's own parts are doing, for `/readyz` and the board.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use alerting::catalogue::text;
use delivery::Ledger;
use ingest::archive::ArchiveMetrics;
use ingest::clock::{Clock, Stopwatch};
use ingest::collector::config::Filters;
use ingest::collector::event::Role;
use ingest::collector::metrics::CollectorMetrics;
use ingest::journal::{Health, Journal};
use parking_lot::Mutex;
use tokio::sync::watch;

use super::archive::REFUSED;
use super::collectors::{Standing, Watch, filters, mqtt_filters};
use crate::board::{self, Check, Vital};
use crate::config::{Collector, CollectorKind, Config};
use crate::desk::run::Progress;
use crate::overview;
use crate::vitals::{self, Subscribed};

/// The desk may be this far behind the journal, in the journal's time, before that is worth a word.
const LAG_MAX: Duration = Duration::from_secs(30);

/// How often the system is asked whether its clock follows a time server.
const CLOCK_SYNC_EVERY: Duration = Duration::from_secs(60);

/// Over how long it is counted what collectors bring.
const COUNTED_OVER: Duration = Duration::from_secs(10);

/// How many frames there are, by collector and, where not empty, by what it subscribes to.
type Counts = BTreeMap<(String, String), u64>;

/// How many frames collectors brought lately.
#[derive(Default)]
struct Brought {
    since: Option<Stopwatch>,
    /// How many there were then.
    before: Counts,
    /// How many came in the ten seconds that were counted last.
    lately: Counts,
}

/// What collectors subscribe to, and how much came on it.
struct Subscriptions {
    metrics: CollectorMetrics,
    /// By collector: which of its sessions, and the filter.
    filters: BTreeMap<String, Vec<(Role, String)>>,
}

impl Subscriptions {
    fn counts(&self) -> impl Iterator<Item = ((String, String), u64)> {
        self.filters.iter().flat_map(move |(collector, filters)| {
            filters.iter().map(move |(_, filter)| {
                let count = self.metrics.matched(collector, filter);
                ((collector.clone(), filter.clone()), count)
            })
        })
    }
}

/// The daemon's vitals.
pub struct Vitals {
    journal: Journal,
    ledger: Arc<Ledger>,
    progress: watch::Receiver<Progress>,
    collectors: Watch,
    clock: Clock,
    data_dir: PathBuf,
    /// The journal's reserve, bytes.
    reserve: u64,
    /// Collectors as they are configured, for their ports.
    wired: Vec<Collector>,
    overview: overview::Shared,
    brought: Mutex<Brought>,
    subscriptions: Option<Subscriptions>,
    /// What the system said of its clock, and when.
    clock_sync: Mutex<Option<(Stopwatch, Check)>>,
    archive: Option<ArchiveMetrics>,
}

impl Vitals {
    /// Of these parts.
    pub fn new(
        journal: Journal,
        ledger: Arc<Ledger>,
        progress: watch::Receiver<Progress>,
        collectors: Watch,
        clock: Clock,
        overview: overview::Shared,
        config: &Config,
    ) -> Self {
        let (data_dir, reserve) = (config.data_dir.clone(), config.journal.reserve);
        let (wired, clock_sync) = (config.collectors.clone(), Mutex::default());
        let brought = Mutex::default();
        Self {
            journal,
            ledger,
            progress,
            collectors,
            clock,
            data_dir,
            reserve,
            wired,
            overview,
            brought,
            subscriptions: None,
            clock_sync,
            archive: None,
        }
    }

    /// The archive as well, where there is one.
    pub fn with_archive(self, archive: Option<ArchiveMetrics>) -> Self {
        Self { archive, ..self }
    }

    /// What collectors subscribe to as well, as they count it.
    pub fn with_subscriptions(self, config: &Config, metrics: CollectorMetrics) -> Self {
        let filters = config
            .collectors
            .iter()
            .map(|collector| (collector.name.clone(), subscriptions(config, collector)))
            .collect();
        Self { subscriptions: Some(Subscriptions { metrics, filters }), ..self }
    }

    fn journal(&self) -> Check {
        let vital = match self.journal.health() {
            Health::Good => Vital::Ok,
            Health::Full => Vital::Degraded,
            Health::Failing | Health::Unrecorded => Vital::Failed,
        };
        let last = self.journal.synced().to_string();
        Check::new("journal", vital, text("vital-journal", &[self.journal.health().name(), &last]))
    }

    fn ledger(&self) -> Check {
        let (vital, key) = match self.ledger.is_in_memory() {
            false => (Vital::Ok, "vital-ledger"),
            true => (Vital::Failed, "vital-ledger-memory"),
        };
        Check::new("ledger", vital, text(key, &[]))
    }

    /// Never worse than degraded: nothing waits for the archive.
    fn archive(&self) -> Option<Check> {
        let metrics = self.archive.as_ref()?;
        let (waiting, refused) = (metrics.lag_records.get(), metrics.points_refused.get());
        let (waiting, count) = (waiting.to_string(), refused.to_string());
        let (vital, detail) = match metrics.trouble() {
            Some(why) => (Vital::Degraded, text("vital-archive-down", &[&why, &waiting])),
            None if refused > 0 => {
                let file = self.data_dir.join("archive").join(REFUSED).display().to_string();
                (Vital::Degraded, text("vital-archive-refused", &[&count, &file, &waiting]))
            }
            None => (Vital::Ok, text("vital-archive", &[&waiting])),
        };
        Some(Check::new("archive", vital, detail))
    }

    fn desk(&self) -> Check {
        let seen = *self.progress.borrow();
        let behind = self.journal.synced().saturating_sub(seen.position);
        let late = self.journal.at().since(seen.at);
        let real = self.clock.real(late);
        let vital = match (self.progress.has_changed(), real > LAG_MAX && behind > 0) {
            (Err(_), _) => Vital::Failed,
            (Ok(_), true) => Vital::Degraded,
            (Ok(_), false) => Vital::Ok,
        };
        Check::new("desk", vital, text("vital-desk", &[&behind.to_string()]))
    }

    /// What the system says of its clock, asked for once a minute; nothing if it does not say, as in a container.
    fn clock_sync(&self) -> Option<Check> {
        let mut asked = self.clock_sync.lock();
        let is_old = |(watch, _): &(Stopwatch, Check)| watch.elapsed() > CLOCK_SYNC_EVERY;
        if asked.as_ref().is_none_or(is_old) {
            *asked = Some((Stopwatch::start(), vitals::clock_sync()));
        }
        let (_, check) = asked.as_ref()?;
        (check.vital != Vital::Degraded).then(|| check.clone())
    }

    /// How many frames each collector brought in ten seconds, or since the start if that is less.
    fn lately(&self) -> Counts {
        let overview = self.overview.load();
        let mut brought = self.brought.lock();
        let since = brought.since.get_or_insert_with(Stopwatch::start).elapsed();
        let whole =
            overview.balances.iter().map(|of| ((of.source.clone(), String::new()), of.received));
        let of_filters = self.subscriptions.iter().flat_map(Subscriptions::counts);
        let counts: Counts = whole.chain(of_filters).collect();
        if since >= COUNTED_OVER || brought.before.is_empty() {
            let before = |key| brought.before.get(key).copied().unwrap_or(0);
            let come = counts.iter().map(|(key, n)| (key.clone(), n.saturating_sub(before(key))));
            brought.lately = come.collect();
        }
        if since >= COUNTED_OVER {
            (brought.since, brought.before) = (Some(Stopwatch::start()), counts);
        }
        brought.lately.clone()
    }

    /// Whether every collector receives, whether its broker keeps our session, and what came on each subscription.
    fn collectors(&self) -> Vec<Check> {
        let (collectors, lately) = (self.collectors.lock().clone(), self.lately());
        let checks = collectors.into_iter().flat_map(|(name, standing)| {
            let receives = standing.sessions.get(&Role::Telemetry).map(|down| {
                let (vital, detail) = match down {
                    None => {
                        let n = lately.get(&(name.clone(), String::new())).copied().unwrap_or(0);
                        (Vital::Ok, text("vital-collector", &[&n.to_string()]))
                    }
                    Some(reason) => (Vital::Degraded, text("vital-collector-down", &[reason])),
                };
                Check::new(format!("collector-{name}"), vital, detail)
            });
            let session = standing.persists.map(|persists| {
                let version = standing.version.as_deref();
                vitals::session(format!("session-{name}"), Some(persists), version)
            });
            let each = self.each_subscription(&name, &standing, &lately);
            receives.into_iter().chain(session).chain(each)
        });
        checks.collect()
    }

    fn each_subscription(&self, name: &str, standing: &Standing, lately: &Counts) -> Vec<Check> {
        let filters = self.subscriptions.as_ref().and_then(|all| all.filters.get(name));
        let each = filters.into_iter().flatten().enumerate().map(|(place, (role, filter))| {
            let subscribed = match standing.sessions.get(role) {
                None => Subscribed::Waiting,
                Some(Some(reason)) => Subscribed::Down(reason.clone()),
                Some(None) => {
                    let key = (name.to_owned(), filter.clone());
                    let messages = lately.get(&key).copied().unwrap_or(0);
                    Subscribed::Heard(messages, COUNTED_OVER.as_secs())
                }
            };
            vitals::subscription(format!("topic-{name}-{}", place + 1), filter, &subscribed)
        });
        each.collect()
    }

    fn series(&self) -> Option<Check> {
        let overview = self.overview.load();
        let registry = &overview.setup.registry;
        let heard = registry.series().iter().zip(&overview.latest).map(|(series, latest)| {
            let interval = registry.stations()[series.station.index()].report_interval;
            (series.name.to_string(), interval, latest.map(|latest| latest.measured_at))
        });
        vitals::ages(heard, self.clock.at())
    }
}

impl board::Health for Vitals {
    fn checks(&self) -> Vec<Check> {
        // What the field or the machine lacks is worth a word, and no reason to start the daemon anew.
        let outside = [self.clock_sync(), self.series()]
            .into_iter()
            .flatten()
            .chain(self.collectors())
            .chain(vitals::ports(&self.wired))
            .map(|check| Check { vital: check.vital.min(Vital::Degraded), ..check });
        let disk = vitals::disk(&self.data_dir, self.reserve);
        let clock = vitals::clock(self.clock.wall(), Some(self.clock.at()));
        [self.journal(), self.ledger(), self.desk(), disk, clock]
            .into_iter()
            .chain(self.archive())
            .chain(outside)
            .collect()
    }
}

/// What a collector subscribes to, and in which of its sessions. Our own broker has one for all.
fn subscriptions(config: &Config, collector: &Collector) -> Vec<(Role, String)> {
    let root = config.setup.root();
    let feeds: Vec<_> =
        config.setup.feeds.iter().filter(|feed| feed.source == collector.name).cloned().collect();
    match &collector.kind {
        CollectorKind::Mqtt(settings) => {
            let Filters { telemetry, receipts, backfill } = mqtt_filters(root, settings, &feeds);
            let of = |role, filters: Vec<String>| filters.into_iter().map(move |f| (role, f));
            of(Role::Telemetry, telemetry)
                .chain(of(Role::Receipts, receipts))
                .chain(of(Role::Backfill, backfill))
                .collect()
        }
        CollectorKind::EmbeddedBroker(_) => {
            let filters = filters(root, &feeds);
            filters.all().map(|filter| (Role::Telemetry, filter.to_owned())).collect()
        }
        CollectorKind::Serial(_) | CollectorKind::Modbus(_) | CollectorKind::Http(_) => Vec::new(),
    }
}
