//! What an operator may set about the journal.

use std::time::Duration;

/// Settings of a journal. The defaults suit one machine with a few hundred stations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// A segment is closed when it is this long, in bytes.
    pub segment_bytes: u64,
    /// A segment is closed when its first record is this old, so that retention by age has something to drop.
    pub segment_age_max: Duration,
    /// Closed segments older than this are removed, as far as nobody needs them.
    pub age_max: Duration,
    /// The oldest closed segments are removed while all are longer than this, as far as nobody needs them.
    pub bytes_max: u64,
    /// Size of the file kept back for when the disk is full, in bytes: three quarters of it take whatever comes, the
    /// last quarter only commands, outcomes, ticks and configuration. 0: none.
    /// Should be twice the configuration's length or more: else a reserve in use does not open with it.
    pub reserve_bytes: u64,
    /// The longest record, in bytes.
    pub record_bytes_max: usize,
    /// What may wait to be written, in bytes; who appends more waits for room.
    pub queue_bytes: usize,
    /// About how much goes to disk in one piece, in bytes.
    pub batch_bytes: usize,
    /// The longest pause between two tries when the disk is full or failing.
    pub retry_delay_max: Duration,
    /// After so long without a durable write the journal goes on in memory, and says so.
    pub unrecorded_after: Duration,
    /// How much it keeps there, in bytes, to write it down when the disk works again; the oldest half is lost first.
    pub unrecorded_bytes: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            segment_bytes: 64 << 20,
            segment_age_max: Duration::from_secs(24 * 3_600),
            age_max: Duration::from_secs(30 * 24 * 3_600),
            bytes_max: 8 << 30,
            reserve_bytes: 16 << 20,
            record_bytes_max: 64 << 20,
            queue_bytes: 16 << 20,
            batch_bytes: 4 << 20,
            retry_delay_max: Duration::from_secs(5),
            unrecorded_after: Duration::from_secs(10),
            unrecorded_bytes: 64 << 20,
        }
    }
}
