//! What a reader hands out.

use std::fmt;
use std::path::PathBuf;

use super::record::{Record, split_checked};

/// Records in order, and what is missing before them.
#[derive(Clone, Debug)]
pub struct Batch<'a> {
    bytes: &'a [u8],
    count: usize,
    gap: Option<&'a Gap>,
}

/// Records that should be next and are not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The last record before it, as far as this reader has come.
    pub after: u64,
    /// Why.
    pub loss: Loss,
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let after = self.after;
        match &self.loss {
            Loss::Trimmed { to } => {
                write!(f, "records {} to {to} were removed before they were read", after + 1)
            }
            Loss::Damaged { segment, offset, bytes } => {
                let segment = segment.display();
                write!(
                    f,
                    "{bytes} bytes at {offset} of {segment} after record {after} are not what was written"
                )
            }
            Loss::Shortened { segment, to } => {
                write!(
                    f,
                    "{} ends after record {after}, records up to {to} are gone",
                    segment.display()
                )
            }
        }
    }
}

/// Why records are not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Removed by retention, up to this record.
    Trimmed {
        /// The last record removed.
        to: u64,
    },
    /// Bytes that are not what was written.
    Damaged {
        /// The file.
        segment: PathBuf,
        /// Where in it.
        offset: u64,
        /// How many bytes.
        bytes: u64,
    },
    /// A segment ends before its last record.
    Shortened {
        /// The file.
        segment: PathBuf,
        /// The last record it had.
        to: u64,
    },
}

impl<'a> Batch<'a> {
    /// `bytes` are `count` whole records that were checked.
    pub(super) fn new(bytes: &'a [u8], count: usize, gap: Option<&'a Gap>) -> Self {
        Self { bytes, count, gap }
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is neither a record nor a gap.
    pub fn is_empty(&self) -> bool {
        self.count == 0 && self.gap.is_none()
    }

    /// What is missing before the records.
    pub fn gap(&self) -> Option<&'a Gap> {
        self.gap
    }

    /// The records, in order.
    pub fn iter(&self) -> Records<'a> {
        Records { bytes: self.bytes }
    }
}

impl<'a> IntoIterator for &Batch<'a> {
    type Item = Record<'a>;
    type IntoIter = Records<'a>;
    fn into_iter(self) -> Records<'a> {
        self.iter()
    }
}

/// The records of a [`Batch`].
#[derive(Clone, Debug)]
pub struct Records<'a> {
    bytes: &'a [u8],
}

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;
    fn next(&mut self) -> Option<Record<'a>> {
        let (record, rest) = split_checked(self.bytes)?;
        self.bytes = rest;
        Some(record)
    }
}
