//! A view's place in the journal, and what it needs to go on from there, in one small file.
//!
//! The file is replaced as a whole: written beside, made durable, renamed. Layout, little endian:
//! `magic 8 | crc32c of the rest 4 | position 8 | state …`.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

const MAGIC: [u8; 8] = *b"bongcur1";
const STATE_FROM: usize = 20;

/// Where a view is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The next record it wants.
    pub position: u64,
    /// What the view needs besides; empty for most.
    pub state: Vec<u8>,
}

impl Cursor {
    /// Reads a cursor; none if there is none yet. A damaged one is set aside as `….damaged` and counts as none: the
    /// view starts over from the oldest record.
    ///
    /// # Errors
    /// What the system said.
    pub fn load(path: &Path) -> io::Result<Option<Self>> {
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let cursor = Self::read(&bytes);
        if cursor.is_none() {
            tracing::error!(path = %path.display(), "cursor damaged, starting over from the oldest record");
            fs::rename(path, beside(path, "damaged"))?;
        }
        Ok(cursor)
    }

    /// Replaces the cursor on disk. On an error the old one is still there.
    ///
    /// # Errors
    /// What the system said.
    pub fn save(&self, path: &Path) -> io::Result<()> {
        let mut rest = self.position.to_le_bytes().to_vec();
        rest.extend_from_slice(&self.state);
        let new = beside(path, "new");
        let mut file = File::create(&new)?;
        file.write_all(&MAGIC)?;
        file.write_all(&crc32c::crc32c(&rest).to_le_bytes())?;
        file.write_all(&rest)?;
        file.sync_all()?;
        fs::rename(&new, path)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (header, state) = bytes.split_at_checked(STATE_FROM)?;
        let checksum = u32::from_le_bytes(header[8..12].try_into().ok()?);
        let is_good = header.starts_with(&MAGIC) && crc32c::crc32c(&bytes[12..]) == checksum;
        let position = u64::from_le_bytes(header[12..].try_into().ok()?);
        is_good.then(|| Self { position, state: state.to_vec() })
    }
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(ending);
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_replaced_whole_and_a_damaged_one_is_set_aside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("influx.cursor");
        assert_eq!(Cursor::load(&path).unwrap(), None);
        for cursor in [
            Cursor { position: 7, state: vec![] },
            Cursor { position: u64::MAX, state: vec![1, 2, 3] },
        ] {
            cursor.save(&path).unwrap();
            assert_eq!(Cursor::load(&path).unwrap(), Some(cursor));
        }
        let good = fs::read(&path).unwrap();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 4;
            fs::write(&path, &bad).unwrap();
            assert_eq!(Cursor::load(&path).unwrap(), None, "byte {at}");
            assert_eq!(fs::read(folder.path().join("influx.cursor.damaged")).unwrap(), bad);
            assert!(!path.exists());
        }
    }
}
