//! Where the desk starts: the newest good snapshot that the ledger has caught up with, then the journal.
//!
//! A snapshot is taken also where records behind it are gone: better a level that was than none. What followed from
//! those records stands in the ledger alone; the daemon brings it to an end.

use std::collections::BTreeSet;

use ingest::journal::{Cut, Journal};

use super::Desk;
use super::state::StateFolder;

/// A desk and what somebody should know about where it starts.
pub struct Recovered {
    /// The desk, as of its own position.
    pub desk: Desk,
    /// The first record behind what is gone, if records are gone that this desk has not seen.
    pub lost_before: Option<u64>,
}

/// Finds where `who` starts, as the log calls it. A ledger that is behind a snapshot has lost decisions; then
/// everything the journal still has is applied again, and the ledger recognises what it has by position.
pub fn start(
    who: &str,
    folder: &StateFolder,
    ledger_position: u64,
    journal: &Journal,
    skips: &BTreeSet<u64>,
) -> Recovered {
    let desk = match folder.load(ledger_position, skips) {
        Some(desk) => {
            tracing::info!(who, position = desk.position(), "starting from a snapshot");
            desk
        }
        None => {
            tracing::info!(
                who,
                first = journal.first(),
                "starting from the oldest record of the journal"
            );
            Desk::new(skips.clone())
        }
    };
    let lost_before = lost_before(journal, desk.position());
    Recovered { desk, lost_before }
}

/// The first record behind what is gone after `position`: the journal begins later, or ends before what others have
/// seen of it. One that is gone altogether is both, and has nothing by which its beginning could be told.
fn lost_before(journal: &Journal, position: u64) -> Option<u64> {
    let first = journal.first();
    let begins_later = (first > position + 1).then_some(first);
    let ends_before = journal.opened().cuts.iter().filter_map(|cut| match cut {
        Cut::Missing { seen, .. } if *seen > position => Some(*seen + 1),
        _ => None,
    });
    ends_before.chain(begins_later).max()
}
