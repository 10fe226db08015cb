//! What opening a journal finds, and what it does about it.
//!
//! Only the newest segment with records is read: it alone can end in the middle of something. Damage in older
//! ones is found by whoever reads them.

use std::io;
use std::path::{Path, PathBuf};

use reading::Timestamp;

use super::cut::{Cut, set_aside};
use super::disk::Disk;
use super::error::JournalError;
use super::record::HEADER_LEN;
use super::scan::{Bounds, Found, Scan};
use super::segment::{Segment, SegmentName, foreign_layout, list, survey};

/// What was found.
pub(super) struct Recovered {
    /// Segments with records, oldest first.
    pub segments: Vec<Segment>,
    /// The last good record; 0 if there is none.
    pub last: u64,
    /// `at` of that record.
    pub last_at: Option<Timestamp>,
    /// The first number that no record can ever have had.
    pub next: u64,
    /// What was cut or is bad.
    pub cuts: Vec<Cut>,
    /// What is to be done once a new segment makes the cut remembered.
    pub tidy: Vec<Tidy>,
}

/// A change to files whose bytes do not count any more. Until it is done they tell which numbers were in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Tidy {
    Cut { path: PathBuf, len: u64 },
    SetAside { path: PathBuf, aside: PathBuf },
    Remove { path: PathBuf },
}

impl Tidy {
    pub fn run(&self, disk: &dyn Disk) -> io::Result<()> {
        match self {
            Self::Cut { path, len } => disk.open(path, true)?.set_len(*len),
            Self::SetAside { path, aside } => disk.rename(path, aside),
            Self::Remove { path } => disk.remove(path),
        }
    }
}

/// Surveys a folder, cuts what was being written when it was left, sets aside what is bad.
pub(super) fn recover(
    disk: &dyn Disk,
    folder: &Path,
    now: Timestamp,
) -> Result<Recovered, JournalError> {
    let failed = |source| JournalError::Io { what: "read", path: folder.into(), source };
    let names = list(disk, folder).map_err(failed)?;
    refuse_foreign(disk, folder, &names)?;
    // Two segments never start with the same number: their names would not say which came first.
    let next = names.last().map_or(1, |name| name.first.saturating_add(1));
    let segments = survey(disk, folder, &names, now).map_err(failed)?;
    let mut found =
        Recovered { segments, last: 0, last_at: None, next, cuts: Vec::new(), tidy: Vec::new() };
    while let Some(newest) = found.segments.pop() {
        if found.examine(disk, folder, &newest).map_err(failed)? {
            found.segments.push(newest);
            break;
        }
    }
    let unfinished = disk.list(folder).map_err(failed)?;
    let unfinished = unfinished.iter().filter(|name| name.ends_with(".journal.making"));
    found.tidy.extend(unfinished.map(|name| Tidy::Remove { path: folder.join(name) }));
    // Nor may the folder have been: what is read from here on must still be there after a power cut.
    disk.sync_folder(folder).map_err(failed)?;
    Ok(found)
}

fn refuse_foreign(
    disk: &dyn Disk,
    folder: &Path,
    names: &[SegmentName],
) -> Result<(), JournalError> {
    for name in names {
        let path = folder.join(name.to_string());
        let layout = disk.open(&path, false).and_then(|file| foreign_layout(&*file));
        // What cannot be read is damage, and damage is survived; what is newer than this program is not.
        if let Ok(Some(layout)) = layout {
            return Err(JournalError::Layout { path, layout });
        }
    }
    Ok(())
}

impl Recovered {
    /// Reads one segment to its end and makes it end there; false if it holds nothing and is to go.
    fn examine(&mut self, disk: &dyn Disk, folder: &Path, segment: &Segment) -> io::Result<bool> {
        let segment_name = segment.name.to_string();
        let mut scan = Scan::new(disk.open(&segment.path, true)?, segment.name, Vec::new());
        let bounds = Bounds { len: segment.len(), last: segment.last() };
        let mut tail = 0;
        let mut damage = Vec::new();
        loop {
            match scan.next(bounds, usize::MAX) {
                Found::Run(_) => {}
                Found::Damage { offset, len, to_end: false } => {
                    damage.push((offset, len, scan.last_good().0))
                }
                Found::Damage { len, to_end: true, .. } => tail = len,
                Found::End => break,
            }
        }
        let (last, last_at, good_end) = scan.last_good();
        // As many records as could have stood in what is cut: their numbers may have been seen by somebody.
        let void = (segment.len().saturating_sub(good_end)).div_ceil(HEADER_LEN as u64);
        self.next = self.next.max(last.saturating_add(1).saturating_add(void));
        if last < segment.name.first {
            self.take_away(folder, segment, tail, !damage.is_empty());
            return Ok(false);
        }
        for (offset, bytes, after) in damage {
            if set_aside(disk, folder, &segment_name, scan.file(), offset, bytes)? {
                self.cuts.push(Cut::Damaged {
                    segment: segment_name.clone(),
                    offset,
                    bytes,
                    after,
                });
            }
        }
        if tail > 0 {
            set_aside(disk, folder, &segment_name, scan.file(), good_end, tail)?;
            self.cuts.push(Cut::TornTail { segment: segment_name, offset: good_end, bytes: tail });
        }
        if segment.len() > good_end {
            self.tidy.push(Tidy::Cut { path: segment.path.clone(), len: good_end });
        }
        // The process that wrote it may have ended before it was on disk.
        scan.file().sync()?;
        segment.publish(last, good_end);
        (self.last, self.last_at) = (last, Some(last_at));
        Ok(true)
    }

    /// A segment without records goes: removed if nothing was written to it, else set aside whole.
    fn take_away(&mut self, folder: &Path, segment: &Segment, tail: u64, is_damaged: bool) {
        let (path, name) = (segment.path.clone(), segment.name.to_string());
        if tail == 0 && !is_damaged {
            return self.tidy.push(Tidy::Remove { path });
        }
        self.tidy.push(Tidy::SetAside { path, aside: folder.join(format!("{name}.damaged")) });
        self.cuts.push(match is_damaged {
            true => Cut::Damaged {
                segment: name,
                offset: 0,
                bytes: segment.len(),
                after: segment.name.after,
            },
            false => Cut::TornTail { segment: name, offset: segment.len() - tail, bytes: tail },
        });
    }
}
