//! Which layouts the files of a data directory have, noted in `layout.json`: a program that does not know one of them
//! must not touch any, or it would set sound files aside as damaged.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};

/// Its name in the data directory.
pub const FILE: &str = "layout.json";

/// Which program wrote the files, and in which layouts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layouts {
    /// The version of the program that wrote them last.
    pub written_by: String,
    /// The layout of each part by its name; greater ones are newer.
    pub layouts: BTreeMap<String, u64>,
    /// A backup is being put back and not all of it is there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unfinished: bool,
}

impl Layouts {
    /// Those of this program.
    pub fn ours() -> Self {
        let layouts = [
            ("desk", u64::from(crate::desk::state::LAYOUT)),
            ("elsewhere", crate::elsewhere::LAYOUT.unsigned_abs()),
            ("elsewhere-readings", crate::elsewhere::readings::LAYOUT.unsigned_abs()),
            ("engine", u64::from(alerting::snapshot::VERSION)),
            ("history", ingest::archive::history::LAYOUT.unsigned_abs()),
            ("inspections", crate::inspections::LAYOUT.unsigned_abs()),
            ("journal", u64::from(ingest::journal::LAYOUT)),
            ("ledger", delivery::ledger::SCHEMA_VERSION.unsigned_abs()),
            ("people", crate::people::LAYOUT.unsigned_abs()),
        ];
        Self {
            written_by: env!("CARGO_PKG_VERSION").into(),
            layouts: layouts.into_iter().map(|(name, layout)| (name.to_owned(), layout)).collect(),
            unfinished: false,
        }
    }

    /// The first part that is newer than this program knows: its name, its layout and ours.
    pub fn newer(&self) -> Option<(&str, u64, u64)> {
        let ours = Self::ours().layouts;
        let known = |name: &str| ours.get(name).copied().unwrap_or(0);
        let parts = self.layouts.iter().map(|(name, layout)| (name.as_str(), *layout, known(name)));
        parts.into_iter().find(|(_, layout, known)| layout > known)
    }

    /// Writes them to a data directory, durably.
    ///
    /// # Errors
    /// What the system said.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        let (path, new) = (folder.join(FILE), folder.join("layout.new"));
        let mut file = File::create(&new)?;
        file.write_all(&serde_json::to_vec_pretty(self)?)?;
        file.sync_all()?;
        fs::rename(&new, &path)?;
        File::open(folder)?.sync_all()
    }

    /// Those of a data directory; `None` if nobody noted them yet.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn read(folder: &Path) -> anyhow::Result<Option<Self>> {
        let path = folder.join(FILE);
        match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map(Some).with_context(|| {
                format!("{} cannot be read; restore it from a backup", path.display())
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| path.display().to_string()),
        }
    }
}

/// Refuses a data directory that a newer program wrote, before anything in it is touched.
///
/// # Errors
/// Which part is newer, and what to do; or that a restore did not come to its end.
pub fn check(folder: &Path) -> anyhow::Result<()> {
    let Some(found) = Layouts::read(folder)? else { return Ok(()) };
    if found.unfinished {
        bail!(
            "a backup was being put back to {} and not all of it is there; run bongsu restore again",
            folder.display()
        );
    }
    if let Some((part, layout, known)) = found.newer() {
        bail!(
            "{} was written by bongsu {}: its {part} has layout {layout}, and this program ({}) knows {known} at most; nothing was touched. Install bongsu {} or newer, or restore a backup that was made before the upgrade",
            folder.display(),
            found.written_by,
            env!("CARGO_PKG_VERSION"),
            found.written_by,
        );
    }
    Ok(())
}

/// Notes our layouts, once nobody else can write to the folder.
///
/// # Errors
/// What the system said.
pub fn note(folder: &Path) -> anyhow::Result<()> {
    let ours = Layouts::ours();
    if Layouts::read(folder)?.as_ref() != Some(&ours) {
        ours.write(folder)
            .with_context(|| format!("cannot write {}", folder.join(FILE).display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_newer_is_refused_and_says_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        assert!(check(folder.path()).is_ok(), "a new folder");
        note(folder.path()).unwrap();
        assert!(check(folder.path()).is_ok(), "our own");
        let mut layouts = Layouts::ours();
        layouts.layouts.insert("ledger".into(), 0);
        layouts.layouts.remove("people");
        layouts.write(folder.path()).unwrap();
        assert!(check(folder.path()).is_ok(), "an older one");
        for (part, layout) in [("ledger", 99), ("something-new", 1)] {
            let mut layouts = Layouts { written_by: "9.1.0".into(), ..Layouts::ours() };
            layouts.layouts.insert(part.into(), layout);
            layouts.write(folder.path()).unwrap();
            let error = check(folder.path()).unwrap_err().to_string();
            let says = [part, "bongsu 9.1.0", "nothing was touched", "restore a backup"];
            assert!(says.iter().all(|says| error.contains(says)), "{error}");
        }
        Layouts { unfinished: true, ..Layouts::ours() }.write(folder.path()).unwrap();
        assert!(check(folder.path()).unwrap_err().to_string().contains("bongsu restore again"));
    }
}
