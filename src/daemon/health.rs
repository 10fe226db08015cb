//! How the daemon's own parts are doing, for `/readyz` and the board.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use delivery::Ledger;
use ingest::clock::Clock;
use ingest::journal::{Health, Journal};
use tokio::sync::watch;

use super::collectors::Watch;
use crate::board::{self, Check, Vital};
use crate::config::Config;
use crate::desk::run::Progress;
use crate::vitals;

/// The desk may be this far behind the journal, in the journal's time, before that is worth a word.
const LAG_MAX: Duration = Duration::from_secs(30);

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
}

impl Vitals {
    /// Of these parts.
    pub fn new(
        journal: Journal,
        ledger: Arc<Ledger>,
        progress: watch::Receiver<Progress>,
        collectors: Watch,
        clock: Clock,
        config: &Config,
    ) -> Self {
        let (data_dir, reserve) = (config.data_dir.clone(), config.journal.reserve);
        Self { journal, ledger, progress, collectors, clock, data_dir, reserve }
    }

    fn journal(&self) -> Check {
        let vital = match self.journal.health() {
            Health::Good => Vital::Ok,
            Health::Full => Vital::Degraded,
            Health::Failing | Health::Unrecorded => Vital::Failed,
        };
        let detail =
            format!("{}, last record {}", self.journal.health().name(), self.journal.synced());
        Check { name: "journal".into(), vital, detail }
    }

    fn ledger(&self) -> Check {
        let (vital, detail) = match self.ledger.is_in_memory() {
            false => (Vital::Ok, "on disk"),
            true => (Vital::Failed, "in memory only: mend the disk and start bongsu again"),
        };
        Check { name: "ledger".into(), vital, detail: detail.into() }
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
        Check { name: "desk".into(), vital, detail: format!("{behind} records behind the journal") }
    }
}

impl board::Health for Vitals {
    fn checks(&self) -> Vec<Check> {
        let collectors = self.collectors.lock().clone();
        let collector = |(name, up): (String, bool)| Check {
            name: format!("collector-{name}"),
            vital: if up { Vital::Ok } else { Vital::Degraded },
            detail: if up { "receiving".into() } else { "not connected".into() },
        };
        let disk = vitals::disk(&self.data_dir, self.reserve);
        let clock = vitals::clock(self.clock.wall(), Some(self.clock.at()));
        [self.journal(), self.ledger(), self.desk(), disk, clock]
            .into_iter()
            .chain(collectors.into_iter().map(collector))
            .collect()
    }
}
