//! What a backup holds: every file with its length and SHA-256, and the layouts they have.

use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Component, Path};

use anyhow::{Context, bail};
use ring::digest::{Context as Digest, SHA256};
use serde::{Deserialize, Serialize};

use super::layout::Layouts;

/// Its name in a backup.
pub const FILE: &str = "manifest.json";

/// The folder of a backup that is put back.
pub const DATA: &str = "data";

/// What a backup holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// When it was begun, RFC 3339.
    pub made_at: String,
    /// The last journal record that its ledger knows.
    pub position: u64,
    /// Who wrote the files, and in which layouts.
    pub layouts: Layouts,
    /// The files below `data`.
    pub files: Vec<Kept>,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Its path below `data`, with `/`.
    pub path: String,
    /// How long it is.
    pub bytes: u64,
    /// Its SHA-256, hexadecimal.
    pub sha256: String,
}

impl Kept {
    /// A file as it lies there.
    ///
    /// # Errors
    /// What the system said.
    pub fn of(data: &Path, path: String) -> io::Result<Self> {
        let mut file = BufReader::with_capacity(1 << 16, File::open(data.join(&path))?);
        let (mut digest, mut bytes, mut buffer) = (Digest::new(&SHA256), 0, [0; 1 << 16]);
        loop {
            let read = file.read(&mut buffer)?;
            if read == 0 {
                break;
            }
            digest.update(&buffer[..read]);
            bytes += read as u64;
        }
        let sum = digest.finish();
        let sha256 = sum.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { path, bytes, sha256 })
    }
}

/// Verifies a backup: it is whole, as it was made, and of layouts that this program knows.
///
/// # Errors
/// The first thing that is not so.
pub fn check(backup: &Path) -> anyhow::Result<Manifest> {
    let path = backup.join(FILE);
    let bytes = fs::read(&path)
        .with_context(|| format!("{} is no backup: there is no {FILE}", backup.display()))?;
    let manifest: Manifest = serde_json::from_slice(&bytes)
        .with_context(|| format!("{} cannot be read", path.display()))?;
    if let Some((part, layout, known)) = manifest.layouts.newer() {
        bail!(
            "the backup is of bongsu {}: its {part} has layout {layout}, and this program knows {known} at most; install bongsu {} or newer",
            manifest.layouts.written_by,
            manifest.layouts.written_by
        );
    }
    let data = backup.join(DATA);
    for kept in &manifest.files {
        let plain = |part| matches!(part, Component::Normal(_));
        if !Path::new(&kept.path).components().all(plain) {
            bail!("the backup names a file outside of itself: {}", kept.path);
        }
        let found = Kept::of(&data, kept.path.clone())
            .with_context(|| format!("{} is missing from the backup", kept.path))?;
        if found != *kept {
            bail!("{} is not as it was when the backup was made; take another one", kept.path);
        }
    }
    Ok(manifest)
}
