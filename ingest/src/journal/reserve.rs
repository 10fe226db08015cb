//! Room on disk kept for what must be written even when there is none.
//!
//! The reserve is a file of zeros. When the disk is full it is given the name of a segment and written over in
//! place, which takes no new room.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::disk::{Disk, DiskFile, write_all};
use super::segment::write_header;
use crate::clock::Stopwatch;

/// How long after a refusal it is not tried again in passing.
const KEEP_PAUSE: Duration = Duration::from_secs(30);

/// The file kept back.
pub(super) struct Reserve {
    path: PathBuf,
    making: PathBuf,
    folder: PathBuf,
    bytes: u64,
    is_there: bool,
    refused: Option<Stopwatch>,
}

impl Reserve {
    /// Looks for the reserve in a folder.
    pub fn find(disk: &dyn Disk, folder: &Path, bytes: u64) -> Self {
        let path = folder.join("reserve");
        let len = disk.open(&path, false).and_then(|file| file.len());
        let is_there = bytes > 0 && len.is_ok_and(|len| len == bytes);
        Self {
            path,
            making: folder.join("reserve.making"),
            folder: folder.into(),
            bytes,
            is_there,
            refused: None,
        }
    }

    /// Makes it if it is not there, unless that was tried a short while ago.
    ///
    /// # Errors
    /// As [`fill`](Self::fill).
    pub fn keep(&mut self, disk: &dyn Disk) -> io::Result<()> {
        if self.is_there || self.refused.is_some_and(|since| since.elapsed() < KEEP_PAUSE) {
            return Ok(());
        }
        self.fill(disk)
    }

    /// Makes it if it is not there.
    ///
    /// # Errors
    /// What the disk said; what was made of it is removed again.
    pub fn fill(&mut self, disk: &dyn Disk) -> io::Result<()> {
        if self.is_there || self.bytes == 0 {
            return Ok(());
        }
        match disk.remove(&self.making) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let made = self.make(disk);
        if made.is_err() {
            disk.remove(&self.making).ok(); // the reason it was not made is the one to tell
        }
        self.is_there = made.is_ok();
        self.refused = made.is_err().then(Stopwatch::start);
        made
    }

    fn make(&self, disk: &dyn Disk) -> io::Result<()> {
        let file = disk.create(&self.making)?;
        let zeros = vec![0; (1 << 20).min(self.bytes as usize)];
        let mut len = 0;
        while len < self.bytes {
            let within = zeros.len().min((self.bytes - len) as usize);
            write_all(&*file, &zeros[..within], len)?;
            len += within as u64;
        }
        file.sync()?;
        disk.rename(&self.making, &self.path)?;
        disk.sync_folder(&self.folder)
    }

    /// Gives it the name of a segment and a segment's start; none if it is not there.
    ///
    /// # Errors
    /// What the disk said; the reserve is then gone.
    pub fn turn_into(
        &mut self,
        disk: &dyn Disk,
        segment: &Path,
    ) -> io::Result<Option<Box<dyn DiskFile>>> {
        if !self.is_there {
            return Ok(None);
        }
        self.is_there = false;
        disk.rename(&self.path, segment)?;
        let file = disk.open(segment, true)?;
        write_header(&*file)?;
        Ok(Some(file))
    }
}
