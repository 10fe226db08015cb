//! A copy of a data directory while the daemon runs: snapshots first, then the ledger, the journal last, so that each
//! part finds in the next what it goes on from.
//!
//! Left out is what is made again by itself: the local history, sessions of the embedded broker, the journal's reserve.

use std::fs::{self, DirEntry, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use reading::Timestamp;
use rusqlite::{Connection, OpenFlags};

use super::layout::{self, Layouts};
use super::manifest::{DATA, FILE, Kept, Manifest};
use super::{JOURNAL, LEDGER, STATE};

/// What is made again by itself, or was copied first.
const LEFT_OUT: [&str; 3] = ["history", "broker", LEDGER];

/// A file that went while it was copied makes the copy begin again: the journal drops old segments now and then.
const TRIES: u32 = 3;

/// Copies the data directory `from` to the folder `to`, which appears when it is complete. `config`: files that are
/// kept beside, and not put back.
///
/// # Errors
/// What cannot be read or written; a folder that is there already.
pub fn back_up(
    from: &Path,
    config: Option<&Path>,
    to: &Path,
    now: Timestamp,
) -> anyhow::Result<Manifest> {
    if !from.join(LEDGER).exists() {
        bail!("there is no {} in {}; name the data directory of a bongsu", LEDGER, from.display());
    }
    layout::check(from)?;
    if to.exists() {
        bail!("{} is there already; name a folder that is not", to.display());
    }
    if lies_in(to, from)? {
        bail!("{} lies in the data directory it is to be a copy of; name another", to.display());
    }
    let part = beside(to)?;
    let mut made = copy_all(from, &part, now);
    for _ in 1..TRIES {
        if !made.as_ref().is_err_and(is_gone) {
            break;
        }
        made = copy_all(from, &part, now);
    }
    let manifest = made?;
    if let Some(file) = config {
        copy_config(file, &part.join("config"))?;
    }
    fs::rename(&part, to).with_context(|| format!("cannot make {}", to.display()))?;
    Ok(manifest)
}

/// Whether a path that is not there yet would lie in a folder.
fn lies_in(to: &Path, folder: &Path) -> io::Result<bool> {
    let folder = folder.canonicalize()?;
    let to = std::path::absolute(to)?;
    let there = to.ancestors().find(|ancestor| ancestor.exists());
    Ok(there.unwrap_or(&to).canonicalize()?.starts_with(folder))
}

/// Where the backup is made before it appears.
fn beside(to: &Path) -> anyhow::Result<PathBuf> {
    let Some(name) = to.file_name() else { bail!("{} names no folder", to.display()) };
    let mut name = name.to_owned();
    name.push(".part");
    Ok(to.with_file_name(name))
}

fn is_gone(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::NotFound)
}

fn copy_all(from: &Path, part: &Path, now: Timestamp) -> anyhow::Result<Manifest> {
    if part.exists() {
        fs::remove_dir_all(part).with_context(|| format!("cannot clear {}", part.display()))?;
    }
    let data = part.join(DATA);
    private(&data)?;
    copy_folder(&from.join(STATE), &data.join(STATE))?;
    copy_database(&from.join(LEDGER), &data.join(LEDGER))?;
    let position = position(&data.join(LEDGER))?;
    for entry in databases_first(from)? {
        let name = entry.file_name();
        let later = [STATE, JOURNAL].iter().chain(&LEFT_OUT).any(|known| name == **known);
        let text = name.to_string_lossy();
        if !later && !text.contains(".sqlite-") {
            copy_entry(&entry.path(), &data.join(&name))?;
        }
    }
    copy_folder(&from.join(JOURNAL), &data.join(JOURNAL))?;
    let layouts = Layouts::read(from)?.unwrap_or_else(Layouts::ours);
    let mut files = Vec::new();
    list(&data, "", &mut files)?;
    let manifest = Manifest { made_at: now.to_string(), position, layouts, files };
    let file = part.join(FILE);
    fs::write(&file, serde_json::to_vec_pretty(&manifest)?)?;
    File::open(&file)?.sync_all()?;
    Ok(manifest)
}

/// What lies in a folder, by name. What cannot be read is no reason to leave it out unsaid.
pub(super) fn entries(folder: &Path) -> io::Result<Vec<DirEntry>> {
    let mut entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(DirEntry::file_name);
    Ok(entries)
}

/// A folder that is its owner's alone: it will hold tokens and names.
pub(super) fn private(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// What names files before the files: each that is named is there then.
fn databases_first(folder: &Path) -> io::Result<Vec<DirEntry>> {
    let mut entries = entries(folder)?;
    entries.sort_by_key(|entry| !entry.file_name().to_string_lossy().ends_with(".sqlite"));
    Ok(entries)
}

fn copy_entry(from: &Path, to: &Path) -> anyhow::Result<()> {
    if fs::metadata(from)?.is_dir() {
        copy_folder(from, to)
    } else if from.extension().is_some_and(|end| end == "sqlite") {
        copy_database(from, to) // a drill has a ledger of its own
    } else {
        Ok(copy_file(from, to)?)
    }
}

fn copy_folder(from: &Path, to: &Path) -> anyhow::Result<()> {
    if !from.exists() {
        return Ok(());
    }
    private(to)?;
    // the journal's segments oldest first: the newest has what the others do not
    for entry in databases_first(from)? {
        let (path, name) = (entry.path(), entry.file_name());
        let text = name.to_string_lossy();
        let passing =
            [".new", ".making", ".part", "-wal", "-shm"].iter().any(|end| text.ends_with(end));
        if !passing && text != "lock" && text != "reserve" {
            copy_entry(&path, &to.join(&name))?;
        }
    }
    Ok(())
}

/// A file as long as it is now: it may grow meanwhile.
fn copy_file(from: &Path, to: &Path) -> io::Result<()> {
    let source = File::open(from)?;
    let len = source.metadata()?.len();
    let mut copy = File::create(to)?;
    copy.set_permissions(source.metadata()?.permissions())?;
    io::copy(&mut source.take(len), &mut copy)?;
    copy.sync_all()
}

/// A database as of one moment, whoever writes to it.
fn copy_database(from: &Path, to: &Path) -> anyhow::Result<()> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let copied = Connection::open_with_flags(from, flags)
        .and_then(|database| database.backup("main", to, None::<fn(rusqlite::backup::Progress)>));
    copied.with_context(|| {
        format!("cannot copy {}; run this as the user that bongsu runs as", from.display())
    })?;
    fs::set_permissions(to, fs::metadata(from)?.permissions())?;
    File::open(to)?.sync_all()?;
    Ok(())
}

fn position(ledger: &Path) -> anyhow::Result<u64> {
    let database = Connection::open_with_flags(ledger, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let row = "SELECT value FROM meta WHERE name = 'position'";
    Ok(database.query_row(row, [], |row| row.get::<_, i64>(0))?.unsigned_abs())
}

fn list(data: &Path, below: &str, files: &mut Vec<Kept>) -> io::Result<()> {
    for entry in entries(&data.join(below))? {
        let path = format!("{below}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            list(data, &format!("{path}/"), files)?;
        } else {
            files.push(Kept::of(data, path)?);
        }
    }
    Ok(())
}

/// The main file and what lies beside and one folder below, as text: for whoever has to set up a machine again. Secrets
/// that configuration points to are not among them.
fn copy_config(file: &Path, to: &Path) -> anyhow::Result<()> {
    private(to)?;
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    copy_texts(folder, to)?;
    for entry in entries(folder)?.into_iter().filter(|entry| entry.path().is_dir()) {
        copy_texts(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}

fn copy_texts(from: &Path, to: &Path) -> anyhow::Result<()> {
    let entries = entries(from).with_context(|| format!("cannot read {}", from.display()))?;
    for path in entries.iter().map(DirEntry::path).filter(|path| path.is_file()) {
        if path.extension().is_some_and(|end| end == "toml" || end == "csv") {
            private(to)?;
            copy_file(&path, &to.join(path.file_name().unwrap_or_default()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A drill that runs has a ledger of its own, with what was written last beside it.
    #[test]
    fn a_database_in_a_folder_is_copied_as_of_one_moment() {
        let folder = tempfile::tempdir().expect("a folder");
        let (from, to) = (folder.path().join("data"), folder.path().join("copy"));
        fs::create_dir_all(from.join("exercises/1/data")).expect("folders");
        let inside = Path::new("exercises/1/data/ledger.sqlite");
        let open = Connection::open(from.join(inside)).expect("a database");
        open.execute_batch(
            "PRAGMA journal_mode = wal; PRAGMA wal_autocheckpoint = 0;
             CREATE TABLE said (what TEXT); INSERT INTO said VALUES ('leave');",
        )
        .expect("written");
        copy_folder(&from, &to).expect("copied");
        let copy = Connection::open(to.join(inside)).expect("a database");
        let said: String = copy
            .query_row("SELECT what FROM said", [], |row| row.get(0))
            .expect("what was written");
        assert_eq!(said, "leave");
    }
}
