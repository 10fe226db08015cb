//! What lies in the data folder: ledger, snapshots and journal, opened in this order.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use delivery::{Ledger, Operation};
use ingest::clock::Clock;
use ingest::journal::{self, Journal};

use crate::config::Config;
use crate::desk::events::payload;
use crate::desk::state::StateFolder;
use crate::safekeeping::layout;

/// The stores of a daemon, open.
pub struct Stores {
    /// Decisions and deliveries.
    pub ledger: Arc<Ledger>,
    /// The last record whose decisions the ledger has.
    pub position: u64,
    /// Snapshots of the desk, and the note of crashes.
    pub state: StateFolder,
    /// Every input in one order.
    pub journal: Journal,
    /// Records that are passed over.
    pub skips: BTreeSet<u64>,
    /// Those of them of which the journal does not say so yet.
    pub new_skips: Vec<u64>,
}

impl Stores {
    /// Opens them; commits of the ledger are timed for `metrics`.
    ///
    /// # Errors
    /// What cannot be opened, and what to do.
    pub fn open<O: Operation>(
        config: &Config,
        clock: &Clock,
        metrics: &delivery::Metrics,
    ) -> anyhow::Result<Self> {
        let folder = &config.data_dir;
        let (ledger, opened) = Ledger::open_for::<O>(folder.join("ledger.sqlite"))?;
        if let Some(damaged) = &opened.damaged {
            tracing::error!(path = %damaged.display(), "the ledger was damaged and set aside; the journal is applied again");
        }
        let ledger = Arc::new(ledger.timed(metrics.ledger_commit_seconds.clone()));
        let state = StateFolder::open(folder.join("state"))?;
        let seen = opened.position.max(newest(&state));
        let journal = open_journal(config, clock.clone(), seen)?;
        layout::note(folder)?;
        let (skips, new_skips) = state.skips();
        Ok(Self { ledger, position: opened.position, state, journal, skips, new_skips })
    }
}

/// Makes the folder if it is not there. One that a newer program wrote is refused before anything in it is touched.
///
/// # Errors
/// If it cannot be made or is not ours.
pub fn prepare(folder: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder).with_context(|| {
        format!("cannot make the data folder {}; check data-dir and who owns it", folder.display())
    })?;
    layout::check(folder)
}

/// The last record that a snapshot knows of.
fn newest(state: &StateFolder) -> u64 {
    state.snapshots().first().map_or(0, |(position, _)| *position)
}

/// The same, of a daemon that is stopped.
///
/// # Errors
/// If its folder cannot be opened.
pub(crate) fn newest_snapshot(data_dir: &Path) -> anyhow::Result<u64> {
    Ok(newest(&StateFolder::open(data_dir.join("state"))?))
}

/// Opens the journal of a configuration. `seen` is the last record that anybody beside it knows of.
///
/// # Errors
/// If somebody else has it, or it cannot be opened.
pub(crate) fn open_journal(config: &Config, clock: Clock, seen: u64) -> anyhow::Result<Journal> {
    let folder = config.data_dir.join("journal");
    let journal = Journal::open(&folder, journal_config(config), clock, seen)?;
    journal.set_opening(payload(&config.setup));
    Ok(journal)
}

fn journal_config(config: &Config) -> journal::Config {
    journal::Config {
        segment_bytes: config.journal.segment,
        bytes_max: config.journal.retain,
        age_max: config.journal.retain_age,
        reserve_bytes: config.journal.reserve,
        ..journal::Config::default()
    }
}
