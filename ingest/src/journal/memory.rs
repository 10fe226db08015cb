//! A file in memory: where records go while the disk takes nothing.

use std::io;
use std::sync::Arc;

use parking_lot::RwLock;

use super::disk::DiskFile;

/// A file that nothing but this process has. Clones are the same file.
#[derive(Clone, Debug, Default)]
pub(super) struct MemoryFile(Arc<RwLock<Vec<u8>>>);

impl MemoryFile {
    /// All that is in it.
    pub fn bytes(&self) -> Vec<u8> {
        self.0.read().clone()
    }
}

impl DiskFile for MemoryFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.read().len() as u64)
    }

    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        let bytes = self.0.read();
        let from = bytes.get(offset as usize..).unwrap_or_default();
        let len = from.len().min(into.len());
        into[..len].copy_from_slice(&from[..len]);
        Ok(len)
    }

    fn write_at(&self, new: &[u8], offset: u64) -> io::Result<usize> {
        let mut bytes = self.0.write();
        let end = offset as usize + new.len();
        if bytes.len() < end {
            bytes.resize(end, 0);
        }
        bytes[offset as usize..end].copy_from_slice(new);
        Ok(new.len())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.write().resize(len as usize, 0);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}
