//! A desk of its own that follows the journal for a view.
//!
//! It may be days behind, it starts again from its own snapshot, and because it is the same desk over the same journal
//! it admits and decides the same as the one that decides in earnest.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ingest::clock::{Clock, Stopwatch};
use ingest::journal::{Entry, Journal, Kind, ReadError, Reader};
use tokio::task::block_in_place;

use crate::desk::events::{Trouble, payload};
use crate::desk::state::StateFolder;
use crate::desk::{Carried, Desk, recovery};

/// Records looked at together at most.
const RECORDS_MAX: usize = 1_024;

/// How often its snapshot is made, real time.
const SNAPSHOT_EVERY: Duration = Duration::from_secs(300);

/// The desk, and where in the journal it is.
pub struct Follower {
    name: &'static str,
    hold: u64,
    desk: Desk,
    reader: Reader,
    journal: Journal,
    state: StateFolder,
    saved: Stopwatch,
}

impl Follower {
    /// Follows from the newest snapshot in `folder` that lies at or before `position`; without one, from the oldest
    /// record. At most `hold` bytes of the journal are kept for it.
    ///
    /// # Errors
    /// What is wrong with the folder.
    pub fn new(
        name: &'static str,
        (folder, position): (PathBuf, u64),
        hold: u64,
        journal: &Journal,
        skips: &BTreeSet<u64>,
    ) -> std::io::Result<Self> {
        let state = StateFolder::open(folder)?;
        let desk = recovery::start(name, &state, position, journal, skips).desk.tapped();
        let next = desk.position() + 1;
        journal.hold(name, next, hold);
        Ok(Self {
            name,
            hold,
            reader: journal.reader(next, name),
            desk,
            journal: journal.clone(),
            state,
            saved: Stopwatch::start(),
        })
    }

    /// The desk.
    pub fn desk(&self) -> &Desk {
        &self.desk
    }

    /// The journal it follows.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Applies the records there are, and shows what each came to; false if there was none within `patience`.
    ///
    /// # Errors
    /// A journal that cannot be read.
    pub async fn take(
        &mut self,
        patience: Duration,
        mut show: impl FnMut(&Desk, &Carried),
    ) -> anyhow::Result<bool> {
        let timed = tokio::time::timeout(patience, self.reader.next(RECORDS_MAX)).await;
        let records = match timed {
            Err(_) => return Ok(false),
            Ok(Err(ReadError::Stopped)) => {
                std::future::pending::<()>().await; // the daemon is ending and will say so
                return Ok(false);
            }
            Ok(records) => records?,
        };
        if let Some(gap) = records.gap() {
            tracing::error!(view = self.name, %gap, "records are missing from a view");
        }
        let desk = &mut self.desk;
        block_in_place(|| {
            let mut carried = Carried::default();
            for record in records.iter() {
                carried.clear();
                desk.apply(&record, &mut carried);
                show(desk, &carried);
            }
        });
        Ok(true)
    }

    /// Whether a snapshot is due.
    pub fn is_due(&self) -> bool {
        self.saved.elapsed() >= SNAPSHOT_EVERY
    }

    /// Makes a snapshot: everything up to here is in the view.
    ///
    /// # Errors
    /// What the system said.
    pub fn save(&mut self) -> std::io::Result<()> {
        self.saved = Stopwatch::start();
        let needed_after = block_in_place(|| self.state.save(&self.desk))?;
        self.journal.hold(self.name, needed_after + 1, self.hold);
        Ok(())
    }
}

/// Tells the desk in earnest, through the journal, of trouble with a view.
///
/// # Errors
/// A journal that takes nothing.
pub async fn tell(journal: &Journal, clock: &Clock, trouble: &Trouble) -> anyhow::Result<()> {
    let entry = Entry {
        kind: Kind::Trouble,
        source: "bongsu".into(),
        topic: Arc::from(trouble.key.as_str()),
        retained: false,
        received_at: clock.wall(),
        payload: payload(trouble),
    };
    journal.append(vec![entry]).await.map(drop).map_err(Into::into)
}
