//! Going on without the disk.
//!
//! A ledger that cannot be written would hold up every alert. So it goes on in memory with all that it has, until the
//! process ends. The next start finds the file as it was before, at an older position, and applies the journal again
//! from there; that is why nobody may take a snapshot while the ledger is in memory.

use std::sync::atomic::Ordering;
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::backup::Backup;

use super::{Doing, Ledger, Result, open};

impl Ledger {
    /// Goes on in memory, if it does not already. What the disk no longer gives back is left out, and told.
    ///
    /// # Errors
    /// [`super::LedgerError::Database`] if there is no memory for it.
    pub fn go_on_in_memory(&self) -> Result<()> {
        let mut writer = self.writer.lock();
        if self.is_in_memory() {
            return Ok(());
        }
        let connection = match self.copy() {
            Ok(copy) => copy,
            Err(error) => {
                let source = std::error::Error::source(&error).map(ToString::to_string);
                tracing::error!(
                    ?source,
                    "the ledger cannot be read either: what was owed before is not sent again before the next start"
                );
                open::empty()?
            }
        };
        writer.connection = connection;
        self.in_memory.store(true, Ordering::Release);
        tracing::error!(
            position = writer.position,
            "the ledger goes on in memory; mend the disk and start bongsu again"
        );
        Ok(())
    }

    /// Whether what is committed is lost with the process.
    pub fn is_in_memory(&self) -> bool {
        self.in_memory.load(Ordering::Acquire)
    }

    fn copy(&self) -> Result<Connection> {
        let doing = "copy the ledger into memory";
        let mut copy = Connection::open_in_memory().doing(doing)?;
        let reader = self.readers[0].lock();
        let backup = Backup::new(&reader, &mut copy).doing(doing)?;
        backup.run_to_completion(4_096, Duration::ZERO, None).doing(doing)?;
        drop(backup);
        Ok(copy)
    }
}
