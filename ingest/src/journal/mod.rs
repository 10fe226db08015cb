//! The journal: every input that can change a decision, in one order, on disk before it is acknowledged.
//!
//! # Promises
//!
//! - [`Journal::append`] answers only after the records are on disk. Entries of one append are neighbours and in
//!   order; each stands by itself: after a crash an append that was not answered may be there in part.
//! - Readers see only what is on disk, in order, each at its own pace.
//! - A sequence number is never given twice, whatever happens. Numbers may leave gaps.
//! - `at` never goes back, across restarts too.
//! - Any folder opens, whatever bytes are in it: see *Corruption*. Only a newer program's layout is refused.
//!
//! # Limits
//!
//! A record: [`Config::record_bytes_max`]; source and topic 65 535 bytes each. Waiting to be written:
//! [`Config::queue_bytes`] of frames and as much again of everything else; who appends more waits. One process
//! per folder, by an advisory lock on the file `lock`. Closed segments go by age and size, oldest first, never one
//! with a record at or after [`Journal::set_floor`] (until that is called, nothing goes), nor one a view holds
//! ([`Journal::hold`]) within the view's own limit.
//!
//! # Files
//!
//! | file | what |
//! |---|---|
//! | `{first}.{after}.{salt}.journal` | a segment: two numbers of 20 decimal digits, one of 8 hexadecimal ones |
//! | `reserve` | zeros, [`Config::reserve_bytes`] long; `reserve.making` while it is made |
//! | `lock` | locked by the process that writes |
//! | `….damaged` | bad bytes set aside for a person; the newest 32 are kept |
//!
//! A segment's name says what reading it needs, so that damage inside cannot take it away: no record in it has a
//! number below *first*; whatever earlier segments hold past *after* was never acknowledged and is void; *salt* is
//! what every checksum in it starts from, so that bytes from outside never pass for a record. A segment, little
//! endian, all checksums CRC-32C:
//!
//! | at | bytes | segment header |
//! |---|---|---|
//! | 0 | 16 | `bongsu journal\r\n` |
//! | 16 | 4 | layout, 1 |
//! | 20 | 4 | checksum of bytes 0 to 19, without salt |
//!
//! | at | bytes | record, one after another without padding |
//! |---|---|---|
//! | 0 | 4 | `F0 6A 72 0A`: where to look for a record after damage |
//! | 4 | 4 | checksum of bytes 8 to 47 |
//! | 8 | 4 | checksum of the body |
//! | 12 | 4 | length of the body |
//! | 16 | 8 | sequence |
//! | 24 | 8 | `at`, nanoseconds since 1970 |
//! | 32 | 8 | `received_at`, the same |
//! | 40 | 1 | kind, see [`Kind`] |
//! | 41 | 1 | flags: 1 retained |
//! | 42 | 2 | length of the source |
//! | 44 | 2 | length of the topic |
//! | 46 | 2 | zero |
//! | 48 | | body: source, topic, payload |
//!
//! Zeros from some place to the end of a segment are the unused rest of a reserve.
//!
//! # Operations
//!
//! *Append*: one thread takes all that waits (up to [`Config::batch_bytes`]), gives numbers and one `at`, writes it
//! in one piece behind the last durable byte, syncs once, shows it to readers, answers. While the disk works the
//! next batch gathers. Every segment opens with the configuration last given to [`Journal::set_opening`]. A new
//! segment is begun after every start, and when the old one is [`Config::segment_bytes`] longer than what it opened
//! with, or [`Config::segment_age_max`] old.
//!
//! *Disk full*: first the oldest closed segment goes that the engine does not need, views' holds notwithstanding.
//! Then the reserve is renamed into a segment and written over in place: three quarters of it with all that comes;
//! after that frames wait unacknowledged, and the rest is for what is not a frame. A [`Cut::Full`] says so. There is
//! room again when a new reserve can be made ([`Cut::Room`]).
//!
//! *Failed write or sync*: the segment is cut back to its last durable record as far as possible and never touched
//! again; what is not durable goes into a new segment under new numbers, whose name makes the old bytes void.
//!
//! *Disk that takes nothing* for [`Config::unrecorded_after`], reserve included: the journal goes on in memory
//! ([`Health::Unrecorded`], [`Cut::Unrecorded`]). Readers see records and appends are answered as ever, because whoever
//! withholds acknowledgements for long is blind; but they are lost if the process ends. Their numbers leave a gap of
//! chance and size to all others, so that none is given again after such an end. When the disk works again the
//! segment in memory is written down under its name ([`Cut::Recorded`]).
//!
//! *Open*: see [`Journal::open`]. *Read*: see [`Reader`]. *Where a view is*: [`Cursor`].
//!
//! # Corruption
//!
//! A reader checks every record. Damage to a body costs that record; damage to a header costs what lies up to the
//! next good header of that segment. Bad bytes are copied to a `.damaged` file and a [`Cut`] record is journaled,
//! once; the reader reports a [`Gap`] and goes on. A page the disk cannot read is damage. At opening the newest
//! segment is read to its end and cut behind its last good record; as many numbers as could have stood in what was
//! cut are skipped, beyond anything the caller says somebody has seen.

mod error;
mod record;
mod config;
mod disk;
mod memory;
mod wait;
mod segment;
mod scan;
mod cut;
mod queue;
mod shared;
mod retention;
mod recovery;
mod reserve;
mod writer;
mod trouble;
mod batch;
mod reader;
mod cursor;
mod handle;
mod metrics;

pub use batch::{Batch, Gap, Loss, Records};
pub use config::Config;
pub use cursor::Cursor;
pub use cut::Cut;
pub use disk::{Disk, DiskFile, RealDisk};
pub use error::{JournalError, ReadError};
pub use handle::{Journal, Opened};
pub use queue::Appended;
pub use reader::Reader;
pub use record::{Entry, Kind, Record};
pub use segment::LAYOUT;
pub use shared::Health;
