//! The files of a journal: their names, and the list of those that hold synced records.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::RwLock;
use reading::Timestamp;

use super::disk::{Disk, DiskFile, write_all};
use super::memory::MemoryFile;
use super::scan::Scan;

/// Bytes of a segment before its first record.
pub(super) const SEGMENT_HEADER_LEN: u64 = 24;

/// The layout this code writes, and the newest it reads.
pub const LAYOUT: u32 = 1;

const MAGIC: [u8; 16] = *b"bongsu journal\r\n";

/// What the name of a segment says. It is not in the file, so that no damage to the file can take it away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SegmentName {
    /// No record in it has a smaller number.
    pub first: u64,
    /// The last record before it. What earlier segments hold past this number was never acknowledged and is void.
    pub after: u64,
    /// Goes into every checksum, so that no message from outside can look like a record.
    pub salt: u32,
}

impl fmt::Display for SegmentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:020}.{:020}.{:08x}.journal", self.first, self.after, self.salt)
    }
}

impl FromStr for SegmentName {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        let mut parts = text.strip_suffix(".journal").ok_or(())?.split('.');
        let mut part = || parts.next().ok_or(());
        let name = Self {
            first: part()?.parse().map_err(drop)?,
            after: part()?.parse().map_err(drop)?,
            salt: u32::from_str_radix(part()?, 16).map_err(drop)?,
        };
        if name.to_string() == text { Ok(name) } else { Err(()) }
    }
}

/// A segment with synced records.
#[derive(Debug)]
pub(super) struct Segment {
    pub name: SegmentName,
    pub path: PathBuf,
    /// `at` of its first record, or later.
    pub opened_at: Timestamp,
    last: AtomicU64,
    len: AtomicU64,
    /// Its bytes, while the disk does not have them.
    memory: RwLock<Option<MemoryFile>>,
}

impl Segment {
    pub fn new(
        name: SegmentName,
        folder: &Path,
        opened_at: Timestamp,
        last: u64,
        len: u64,
    ) -> Self {
        let path = folder.join(name.to_string());
        Self {
            name,
            path,
            opened_at,
            last: AtomicU64::new(last),
            len: AtomicU64::new(len),
            memory: RwLock::default(),
        }
    }

    /// Keeps its bytes in this file until [`save`](Self::save).
    pub fn keep_in(&self, file: MemoryFile) {
        *self.memory.write() = Some(file);
    }

    /// Opens it for reading, wherever it is.
    ///
    /// # Errors
    /// What the disk said.
    pub fn open(&self, disk: &dyn Disk) -> io::Result<Box<dyn DiskFile>> {
        match &*self.memory.read() {
            Some(file) => Ok(Box::new(file.clone())),
            None => disk.open(&self.path, false),
        }
    }

    /// Puts what is in memory on disk: all of it, or nothing under its name.
    ///
    /// # Errors
    /// What the disk said; it is then still in memory.
    pub fn save(&self, disk: &dyn Disk, folder: &Path) -> io::Result<()> {
        let Some(file) = self.memory.read().clone() else { return Ok(()) };
        let making = folder.join(format!("{}.making", self.name));
        match disk.remove(&making) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let saved = disk.create(&making).and_then(|made| {
            write_all(&*made, &file.bytes(), 0)?;
            made.sync()?;
            disk.rename(&making, &self.path)?;
            disk.sync_folder(folder)
        });
        match saved {
            Ok(()) => *self.memory.write() = None,
            // what is left of it has no name of a segment
            Err(_) => drop(disk.remove(&making)),
        }
        saved
    }

    /// Says that records up to `last` and bytes up to `len` are on disk.
    pub fn publish(&self, last: u64, len: u64) {
        // The length last: who sees it also sees the number that goes with it.
        self.last.store(last, Ordering::Release);
        self.len.store(len, Ordering::Release);
    }

    /// Bytes that may be read.
    pub fn len(&self) -> u64 {
        self.len.load(Ordering::Acquire)
    }

    /// The last record that counts.
    pub fn last(&self) -> u64 {
        self.last.load(Ordering::Acquire)
    }
}

/// All segments with synced records, oldest first.
#[derive(Debug, Default)]
pub(super) struct Segments(RwLock<Vec<Arc<Segment>>>);

impl Segments {
    pub fn push(&self, segment: Arc<Segment>) {
        self.0.write().push(segment);
    }

    /// Takes the oldest out, unless it is the only one.
    pub fn drop_oldest(&self) -> Option<Arc<Segment>> {
        let mut segments = self.0.write();
        (segments.len() > 1).then(|| segments.remove(0))
    }

    /// Takes a segment out, so that readers go on behind it.
    pub fn forget(&self, first: u64) {
        self.0.write().retain(|segment| segment.name.first != first);
    }

    /// The two oldest: what may go, and what comes after it.
    pub fn oldest(&self) -> Option<(Arc<Segment>, Arc<Segment>)> {
        match &self.0.read()[..] {
            [oldest, next, ..] => Some((Arc::clone(oldest), Arc::clone(next))),
            _ => None,
        }
    }

    /// The segment that holds `sequence`, or the next one that holds anything after it.
    pub fn holding(&self, sequence: u64) -> Option<Arc<Segment>> {
        let segments = self.0.read();
        let at = segments.partition_point(|segment| segment.last() < sequence);
        segments.get(at).cloned()
    }

    /// The segment after the one that starts with `first`.
    pub fn following(&self, first: u64) -> Option<Arc<Segment>> {
        let segments = self.0.read();
        let at = segments.partition_point(|segment| segment.name.first <= first);
        segments.get(at).cloned()
    }

    /// The smallest number that may still be there.
    pub fn first(&self) -> Option<u64> {
        self.0.read().first().map(|segment| segment.name.first)
    }

    /// How many, and how long together.
    pub fn size(&self) -> (usize, u64) {
        let segments = self.0.read();
        (segments.len(), segments.iter().map(|segment| segment.len()).sum())
    }

    /// How long the segments are that hold `sequence` and what follows.
    pub fn bytes_from(&self, sequence: u64) -> u64 {
        let segments = self.0.read();
        segments
            .iter()
            .filter(|segment| segment.last() >= sequence)
            .map(|segment| segment.len())
            .sum()
    }
}

/// The segment being written.
pub(super) struct Active {
    pub segment: Arc<Segment>,
    pub file: Box<dyn DiskFile>,
    /// Durable bytes.
    pub len: u64,
    /// Whether readers know it: it holds durable records.
    pub is_listed: bool,
    /// Whether it has the configuration.
    pub has_opening: bool,
    /// What it is written to.
    pub medium: Medium,
}

/// What a segment is written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Medium {
    /// A file of its own on disk.
    Disk,
    /// What was the reserve.
    Reserve,
    /// Memory, because the disk takes nothing.
    Memory,
}

impl Active {
    /// One that nothing was written to yet.
    pub fn new(segment: Segment, file: Box<dyn DiskFile>, medium: Medium) -> Self {
        let segment = Arc::new(segment);
        Self {
            segment,
            file,
            len: SEGMENT_HEADER_LEN,
            is_listed: false,
            has_opening: false,
            medium,
        }
    }
}

/// The names of all segments in a folder, oldest first.
pub(super) fn list(disk: &dyn Disk, folder: &Path) -> io::Result<Vec<SegmentName>> {
    let mut names: Vec<SegmentName> =
        disk.list(folder)?.iter().filter_map(|name| name.parse().ok()).collect();
    names.sort_unstable();
    Ok(names)
}

/// The segments of a folder as they lie there, each ending where the next one says; the newest is still open-ended.
pub(super) fn survey(
    disk: &dyn Disk,
    folder: &Path,
    names: &[SegmentName],
    now: Timestamp,
) -> io::Result<Vec<Segment>> {
    let mut opened_at = now;
    let mut last = u64::MAX;
    let mut segments = Vec::with_capacity(names.len());
    for name in names.iter().rev() {
        let file = disk.open(&folder.join(name.to_string()), false)?;
        let len = file.len()?;
        opened_at = Scan::first_at(&*file, *name, len).unwrap_or(opened_at).min(opened_at);
        segments.push(Segment::new(*name, folder, opened_at, last, len));
        last = last.min(name.after);
    }
    segments.reverse();
    Ok(segments)
}

/// Writes what a segment starts with.
pub(super) fn write_header(file: &dyn DiskFile) -> io::Result<()> {
    let mut header = [0; SEGMENT_HEADER_LEN as usize];
    header[..16].copy_from_slice(&MAGIC);
    header[16..20].copy_from_slice(&LAYOUT.to_le_bytes());
    let checksum = crc32c::crc32c(&header[..20]);
    header[20..].copy_from_slice(&checksum.to_le_bytes());
    write_all(file, &header, 0)
}

/// The layout number of a segment if it is intact and not one this code knows.
pub(super) fn foreign_layout(file: &dyn DiskFile) -> io::Result<Option<u32>> {
    let mut header = [0; SEGMENT_HEADER_LEN as usize];
    let mut read = 0;
    while read < header.len() {
        match file.read_at(&mut header[read..], read as u64)? {
            0 => return Ok(None),
            more => read += more,
        }
    }
    let word = |at: usize| {
        u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
    };
    // A damaged header costs nothing: the name says all that reading needs.
    let intact = header[..16] == MAGIC && word(20) == crc32c::crc32c(&header[..20]);
    Ok((intact && word(16) != LAYOUT).then(|| word(16)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sort_by_their_first_number_and_refuse_what_is_not_one() {
        let name = SegmentName { first: 43, after: 40, salt: 0x9f3a_11c0 };
        assert_eq!(name.to_string(), "00000000000000000043.00000000000000000040.9f3a11c0.journal");
        assert_eq!(name.to_string().parse(), Ok(name));
        let mut texts: Vec<_> = [9, 10, 100_000, u64::MAX]
            .map(|first| SegmentName { first, after: 0, salt: 0 }.to_string())
            .into();
        texts.reverse();
        texts.sort();
        let firsts: Vec<_> =
            texts.iter().map(|t| t.parse::<SegmentName>().unwrap().first).collect();
        assert_eq!(firsts, [9, 10, 100_000, u64::MAX]);
        for bad in ["43.40.9f3a11c0.journal", "lock", "reserve", "", ".journal", "a.b.c.journal"] {
            assert_eq!(bad.parse::<SegmentName>(), Err(()), "{bad}");
        }
    }
}
