//! Why the journal says no.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// Why the journal cannot be opened, or does not take entries.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Somebody else writes to the folder.
    #[error(
        "journal folder {folder} is in use by another process; stop it, or use a data directory of its own"
    )]
    Locked {
        /// The folder.
        folder: PathBuf,
    },
    /// A newer program wrote it.
    #[error(
        "{path} has journal layout {layout}, which this program does not know; use the newer program"
    )]
    Layout {
        /// The segment.
        path: PathBuf,
        /// Its layout.
        layout: u32,
    },
    /// The system refused.
    #[error(
        "cannot {what} the journal at {path}; check that the folder exists and the service user owns it"
    )]
    Io {
        /// What was tried.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// An entry is too long; nothing of the append was taken.
    #[error(
        "an entry of {bytes} bytes from `{entry_source}` exceeds the journal's limit of {bytes_max}; drop it"
    )]
    TooLong {
        /// Who appended it.
        entry_source: Arc<str>,
        /// Its length, or that of its source or topic.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// There was nothing to append.
    #[error("an append without entries; a fault of this program")]
    Empty,
    /// The journal has ended. What was asked for is not known to be kept.
    #[error("the journal has stopped; nothing more is taken")]
    Stopped,
}

/// Why there is nothing more to read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The journal has ended and all of it was read.
    #[error("the journal has stopped")]
    Stopped,
    /// A segment cannot be opened.
    #[error("cannot open journal segment {path}; check the disk and the owner of the folder")]
    Io {
        /// The segment.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}
