//! The data directory as a whole: by which program it may be opened, copied while the daemon runs, put back.

pub mod layout;
mod copy;
mod manifest;
mod restore;

pub use copy::back_up;
pub use manifest::{Manifest, check};
pub use restore::restore;

/// Names that a data directory and a backup share.
const LEDGER: &str = "ledger.sqlite";
const JOURNAL: &str = "journal";
const STATE: &str = "state";
