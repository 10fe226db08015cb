//! A backup put back to where a daemon finds it. A restore that was cut off is noticed and can be done again.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use anyhow::{Context, bail};

use super::copy::{entries, private};
use super::layout::{FILE, Layouts};
use super::manifest::{DATA, Manifest, check};

/// Puts the backup `from` to the data directory `to`, which must be empty or not there. The backup is verified first.
///
/// # Errors
/// What is wrong with the backup, or a folder that holds something.
pub fn restore(from: &Path, to: &Path) -> anyhow::Result<Manifest> {
    let manifest = check(from)?;
    private(to).with_context(|| format!("cannot make {}", to.display()))?;
    make_empty(to)?;
    let unfinished = Layouts { unfinished: true, ..manifest.layouts.clone() };
    unfinished.write(to).with_context(|| format!("cannot write to {}", to.display()))?;
    for kept in manifest.files.iter().filter(|kept| kept.path != FILE) {
        put(&from.join(DATA).join(&kept.path), &to.join(&kept.path))
            .with_context(|| format!("cannot write {}", to.join(&kept.path).display()))?;
    }
    manifest.layouts.write(to)?;
    Ok(manifest)
}

/// Nothing may lie there but what an unfinished restore left.
fn make_empty(to: &Path) -> anyhow::Result<()> {
    let is_ours = Layouts::read(to)?.is_some_and(|layouts| layouts.unfinished);
    for entry in entries(to)? {
        if !is_ours {
            bail!(
                "{} is not empty; stop bongsu and move what is there out of the way",
                to.display()
            );
        }
        let path = entry.path();
        if path.is_dir() {
            fs::remove_dir_all(&path)?;
        } else if entry.file_name() != FILE {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

fn put(from: &Path, to: &Path) -> io::Result<()> {
    if let Some(folder) = to.parent() {
        private(folder)?;
    }
    fs::copy(from, to)?;
    File::open(to)?.sync_all()
}
