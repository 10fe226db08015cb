//! Walks through the bytes of one segment: runs of whole, checked records, and what lies between them.
//!
//! Used by readers and at opening. Damage costs what it hit: a bad body is stepped over by its header's length,
//! after a bad header the next good one is looked for. A page the disk cannot read counts as bad bytes.

use std::io;
use std::ops::Range;

use reading::Timestamp;

use super::disk::DiskFile;
use super::record::{HEADER_LEN, Header, MARKER};
use super::segment::{SEGMENT_HEADER_LEN, SegmentName};

/// How much is read at a time, unless a record is longer.
const BUFFER_LEN: usize = 256 << 10;

/// What is tried one by one where the disk refuses more.
const PAGE_LEN: u64 = 4 << 10;

/// A walk through one segment.
pub(super) struct Scan {
    file: Box<dyn DiskFile>,
    salt: u32,
    buffer: Vec<u8>,
    /// Where in the buffer the bytes are that were read but not passed.
    held: Range<usize>,
    /// Where in the file `held` starts.
    offset: u64,
    /// The last good record passed; what follows in the file has a larger number or does not count.
    last: u64,
    /// `at` of that record.
    last_at: Timestamp,
    /// Where in the file that record ends.
    good_end: u64,
}

/// What lies next in a segment.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Whole records, checked, in [`Scan::bytes`].
    Run(Run),
    /// Bytes that are no record; `to_end` if nothing good follows.
    Damage { offset: u64, len: u64, to_end: bool },
    /// Nothing more, for now.
    End,
}

/// Neighbouring good records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Run {
    /// Where they lie in [`Scan::bytes`].
    pub bytes: Range<usize>,
    /// How many.
    pub count: usize,
    /// The number of the last one.
    pub last: u64,
}

/// What stands at a place.
enum Check {
    Good(Header),
    /// So many bytes are needed to say.
    Short(usize),
    /// Not a record.
    Bad,
    /// A record with a good header, of that length, whose body is not what was written.
    BadBody(usize),
    End,
}

/// What of a segment may be read.
#[derive(Clone, Copy)]
pub(super) struct Bounds {
    /// Bytes from the start of the file.
    pub len: u64,
    /// The last record that counts.
    pub last: u64,
}

impl Scan {
    /// Starts at the first record of a segment, after record number `after`.
    pub fn new(file: Box<dyn DiskFile>, name: SegmentName, mut buffer: Vec<u8>) -> Self {
        if buffer.len() != BUFFER_LEN {
            buffer = vec![0; BUFFER_LEN];
        }
        Self {
            file,
            salt: name.salt,
            buffer,
            held: 0..0,
            offset: SEGMENT_HEADER_LEN,
            last: name.first.saturating_sub(1),
            last_at: Timestamp::MIN,
            good_end: SEGMENT_HEADER_LEN,
        }
    }

    /// `at` of the first record of a segment, if it can be read.
    pub fn first_at(file: &dyn DiskFile, name: SegmentName, len: u64) -> Option<Timestamp> {
        let mut header = [0; HEADER_LEN];
        let mut read = 0;
        while read < HEADER_LEN && SEGMENT_HEADER_LEN + (read as u64) < len {
            match file.read_at(&mut header[read..], SEGMENT_HEADER_LEN + read as u64).ok()? {
                0 => return None,
                more => read += more,
            }
        }
        Header::read(&header[..read], name.salt).map(|header| header.at)
    }

    /// Passes what lies next: up to `records_max` records, or one piece of damage.
    pub fn next(&mut self, bounds: Bounds, records_max: usize) -> Found {
        let mut run = Run { bytes: self.held.start..self.held.start, count: 0, last: self.last };
        while run.count < records_max {
            match self.check(bounds) {
                Check::Good(header) => {
                    self.pass(header.record_len());
                    (self.last, self.last_at, self.good_end) =
                        (header.sequence, header.at, self.offset);
                    run = Run {
                        bytes: run.bytes.start..self.held.start,
                        count: run.count + 1,
                        last: self.last,
                    };
                }
                // Only an empty run may move in the buffer.
                _ if run.count > 0 => break,
                Check::Short(need) => {
                    if !self.fill(need, bounds.len) {
                        return self.damage_to(bounds.len);
                    }
                    run.bytes = self.held.start..self.held.start;
                }
                Check::BadBody(len) => return self.step_over(len, bounds.len),
                Check::Bad => return self.find_next(bounds),
                Check::End => return Found::End,
            }
        }
        Found::Run(run)
    }

    fn check(&self, bounds: Bounds) -> Check {
        let left = bounds.len.saturating_sub(self.offset);
        let held = &self.buffer[self.held.clone()];
        match left {
            0 => return Check::End,
            left if left < HEADER_LEN as u64 => return Check::Bad,
            _ if held.len() < HEADER_LEN => return Check::Short(HEADER_LEN),
            _ => {}
        }
        let Some(header) = Header::read(held, self.salt) else { return Check::Bad };
        let len = header.record_len();
        if header.sequence > bounds.last {
            return Check::End;
        }
        if header.sequence <= self.last || len as u64 > left {
            return Check::Bad;
        }
        match held.get(HEADER_LEN..len) {
            None => Check::Short(len),
            Some(body) if header.fits(body, self.salt) => Check::Good(header),
            Some(_) => Check::BadBody(len),
        }
    }

    /// The buffer that a [`Run`] points into.
    pub fn bytes(&self) -> &[u8] {
        &self.buffer
    }

    /// The last good record passed, its `at`, and where it ends.
    pub fn last_good(&self) -> (u64, Timestamp, u64) {
        (self.last, self.last_at, self.good_end)
    }

    /// The file, for copying damage out of it.
    pub fn file(&self) -> &dyn DiskFile {
        &*self.file
    }

    /// The buffer, for the next segment.
    pub fn into_buffer(self) -> Vec<u8> {
        self.buffer
    }

    fn pass(&mut self, len: usize) {
        self.held.start += len;
        self.offset += len as u64;
    }

    fn step_over(&mut self, len: usize, end: u64) -> Found {
        let offset = self.offset;
        self.pass(len);
        Found::Damage { offset, len: len as u64, to_end: self.offset >= end }
    }

    fn damage_to(&mut self, end: u64) -> Found {
        let offset = self.offset;
        (self.held, self.offset) = (0..0, end);
        Found::Damage { offset, len: end - offset, to_end: true }
    }

    /// After a bad header: passes bytes up to the next good header.
    fn find_next(&mut self, bounds: Bounds) -> Found {
        let begin = self.offset;
        if self.only_zeros(bounds.len) {
            return Found::End;
        }
        if self.offset == begin {
            self.pass(1);
        }
        while self.hold_header(bounds.len) {
            let held = &self.buffer[self.held.clone()];
            match held.windows(MARKER.len()).position(|four| four == MARKER) {
                None => self.pass(held.len() - (MARKER.len() - 1)),
                Some(0) if self.is_next(bounds) => {
                    return Found::Damage {
                        offset: begin,
                        len: self.offset - begin,
                        to_end: false,
                    };
                }
                Some(0) => self.pass(1),
                Some(at) => self.pass(at),
            }
        }
        (self.held, self.offset) = (0..0, bounds.len);
        Found::Damage { offset: begin, len: bounds.len - begin, to_end: true }
    }

    /// Whether a record that may come next starts here, going by its header alone.
    fn is_next(&self, bounds: Bounds) -> bool {
        Header::read(&self.buffer[self.held.clone()], self.salt).is_some_and(|header| {
            header.sequence > self.last && header.record_len() as u64 <= bounds.len - self.offset
        })
    }

    fn hold_header(&mut self, end: u64) -> bool {
        self.held.len() >= HEADER_LEN || self.fill(HEADER_LEN, end)
    }

    /// Passes zeros; true if there is nothing else up to `end`: room that was kept for later and not used.
    fn only_zeros(&mut self, end: u64) -> bool {
        while self.offset < end {
            if self.held.is_empty() && !self.fill(1, end) {
                return false;
            }
            let held = &self.buffer[self.held.clone()];
            let within = held.len().min((end - self.offset) as usize);
            match held[..within].iter().position(|byte| *byte != 0) {
                Some(at) => {
                    self.pass(at);
                    return false;
                }
                None => self.pass(within),
            }
        }
        true
    }

    /// Holds at least `need` bytes, of a file that counts up to `end`; false if the file is too short for that.
    fn fill(&mut self, need: usize, end: u64) -> bool {
        self.buffer.copy_within(self.held.clone(), 0);
        self.held = 0..self.held.len();
        if need > self.buffer.len() {
            self.buffer.resize(need, 0);
        }
        while self.held.len() < need {
            let from = self.offset + self.held.len() as u64;
            let room = &mut self.buffer[self.held.end..];
            let within = room.len().min(end.saturating_sub(from) as usize);
            match read_around(&*self.file, &mut room[..within], from) {
                0 => return false,
                read => self.held.end += read,
            }
        }
        true
    }
}

/// Reads, with zeros where the disk cannot.
fn read_around(file: &dyn DiskFile, into: &mut [u8], offset: u64) -> usize {
    loop {
        match file.read_at(into, offset) {
            Ok(read) => return read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                let page = ((PAGE_LEN - offset % PAGE_LEN) as usize).min(into.len());
                if let Ok(read) = file.read_at(&mut into[..page], offset) {
                    return read;
                }
                tracing::error!(offset, %error, "journal page cannot be read");
                into[..page].fill(0);
                return page;
            }
        }
    }
}
