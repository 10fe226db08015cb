//! What the journal remarks about itself: what was lost or cut, how the disk is; and setting bad bytes aside for a
//! person to look at.

use std::io;
use std::path::Path;

use bytes::Bytes;
use reading::Timestamp;
use serde::{Deserialize, Serialize};

use super::disk::{Disk, DiskFile, write_all};
use super::record::{Entry, Kind};

/// How many `.damaged` files are kept; the oldest make room.
const SET_ASIDE_MAX: usize = 32;

/// How much of one damaged part is copied aside.
const SET_ASIDE_BYTES_MAX: u64 = 16 << 20;

/// The payload of a [`Kind::Cut`] record, as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
pub enum Cut {
    /// The newest segment ended in bytes that are no record: most likely what was being written when the process
    /// or the machine stopped, and nobody was told that it was kept.
    TornTail {
        /// The file.
        segment: String,
        /// Where in it.
        offset: u64,
        /// How many bytes.
        bytes: u64,
    },
    /// Bytes inside the journal are not what was written. Records were lost.
    Damaged {
        /// The file.
        segment: String,
        /// Where in it.
        offset: u64,
        /// How many bytes.
        bytes: u64,
        /// The last good record before them.
        after: u64,
    },
    /// Somebody has seen records that the journal no longer has. Records were lost.
    Missing {
        /// The last record the journal has.
        after: u64,
        /// The last record somebody has seen.
        seen: u64,
    },
    /// A view fell so far behind that segments it had not read were removed.
    Trimmed {
        /// The view.
        view: String,
        /// The first record it lost.
        from: u64,
        /// The last record it lost.
        to: u64,
    },
    /// The disk is full: what comes goes into the reserve.
    Full,
    /// There is room again.
    Room,
    /// The disk takes nothing: records from here on are in memory only.
    Unrecorded {
        /// The last record on disk.
        after: u64,
    },
    /// The disk works again.
    Recorded {
        /// The first record that was in memory and is on disk now. Between this and the last record before the
        /// trouble none are kept.
        from: u64,
        /// The last of them.
        to: u64,
    },
}

impl Cut {
    /// Whether records are gone that somebody was told are kept. A torn tail is how any crash looks.
    pub fn is_loss(&self) -> bool {
        matches!(self, Self::Damaged { .. } | Self::Missing { .. } | Self::Trimmed { .. })
    }

    /// Reads the payload of a cut record; none if it is not one.
    pub fn read(payload: &[u8]) -> Option<Self> {
        serde_json::from_slice(payload).ok()
    }

    pub(super) fn entry(&self, received_at: Timestamp) -> Entry {
        let payload = serde_json::to_vec(self).map(Bytes::from).unwrap_or_default();
        let topic = match self {
            Self::TornTail { .. } => "torn-tail",
            Self::Damaged { .. } => "damaged",
            Self::Missing { .. } => "missing",
            Self::Trimmed { .. } => "trimmed",
            Self::Full => "full",
            Self::Room => "room",
            Self::Unrecorded { .. } => "unrecorded",
            Self::Recorded { .. } => "recorded",
        };
        Entry {
            kind: Kind::Cut,
            source: "journal".into(),
            topic: topic.into(),
            retained: false,
            received_at,
            payload,
        }
    }
}

/// Copies a bad part of a segment into a file of its own, `{segment}.{offset}.damaged`. True the first time only,
/// so that the same damage is told once.
pub(super) fn set_aside(
    disk: &dyn Disk,
    folder: &Path,
    segment: &str,
    file: &dyn DiskFile,
    offset: u64,
    len: u64,
) -> io::Result<bool> {
    let aside = match disk.create(&folder.join(format!("{segment}.{offset}.damaged"))) {
        Ok(aside) => aside,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
        Err(error) => return Err(error),
    };
    drop_oldest(disk, folder)?;
    let mut buffer = vec![0; (64 << 10).min(len as usize)];
    let mut copied = 0;
    while copied < len.min(SET_ASIDE_BYTES_MAX) {
        let within = buffer.len().min((len - copied) as usize);
        match file.read_at(&mut buffer[..within], offset + copied)? {
            0 => break,
            read => {
                write_all(&*aside, &buffer[..read], copied)?;
                copied += read as u64;
            }
        }
    }
    aside.sync()?;
    disk.sync_folder(folder)?;
    Ok(true)
}

fn drop_oldest(disk: &dyn Disk, folder: &Path) -> io::Result<()> {
    let mut aside = disk.list(folder)?;
    aside.retain(|name| name.ends_with(".damaged"));
    aside.sort_unstable();
    let surplus = aside.len().saturating_sub(SET_ASIDE_MAX);
    aside[..surplus].iter().try_for_each(|name| disk.remove(&folder.join(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_read_back_and_say_whether_anything_was_lost() {
        let segment = String::from("s");
        for (cut, loss) in [
            (Cut::TornTail { segment: segment.clone(), offset: 24, bytes: 7 }, false),
            (Cut::Damaged { segment, offset: u64::MAX, bytes: 7, after: 3 }, true),
            (Cut::Missing { after: 3, seen: 9 }, true),
            (Cut::Trimmed { view: "influx".into(), from: 1, to: 9 }, true),
            (Cut::Full, false),
            (Cut::Room, false),
            (Cut::Unrecorded { after: 3 }, false),
            (Cut::Recorded { from: 4, to: 9 }, false),
        ] {
            let entry = cut.entry(Timestamp::default());
            assert_eq!(Cut::read(&entry.payload), Some(cut.clone()));
            assert_eq!(cut.is_loss(), loss);
            assert!(String::from_utf8_lossy(&entry.payload).contains(&*entry.topic));
        }
        assert_eq!(Cut::read(b"{}"), None);
    }
}
