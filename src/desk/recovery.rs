//! Where the desk starts: the newest good snapshot that the ledger has caught up with, then the journal.

use std::collections::BTreeSet;

use ingest::journal::Journal;

use super::Desk;
use super::state::StateFolder;

/// A desk and what somebody should know about where it starts.
pub struct Recovered {
    /// The desk, as of its own position.
    pub desk: Desk,
    /// The first record there is, if what lay before it is gone and no snapshot covers it.
    pub lost_before: Option<u64>,
}

/// Finds where `who` starts, as the log calls it. A ledger that is behind a snapshot has lost decisions; then everything the journal still
/// has is applied again, and the ledger recognises what it has by position.
pub fn start(
    who: &str,
    folder: &StateFolder,
    ledger_position: u64,
    journal: &Journal,
    skips: &BTreeSet<u64>,
) -> Recovered {
    let first = journal.first();
    if let Some(desk) = folder.load(ledger_position, skips)
        && desk.position() + 1 >= first
    {
        tracing::info!(who, position = desk.position(), "starting from a snapshot");
        return Recovered { desk, lost_before: None };
    }
    let lost_before = (first > 1).then_some(first);
    tracing::info!(who, first, "starting from the oldest record of the journal");
    Recovered { desk: Desk::new(skips.clone()), lost_before }
}
