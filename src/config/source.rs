//! Where the files come from: a folder on disk, or texts that are part of the program.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::problem::{Place, Problems};
use super::table::Table;
use super::tree::{self, At};

/// The folder of the main file.
pub struct Folder<'a> {
    path: PathBuf,
    given: Option<&'a BTreeMap<String, String>>,
}

impl<'a> Folder<'a> {
    /// A folder on disk.
    pub fn on_disk(path: &Path) -> Self {
        Self { path: path.into(), given: None }
    }

    /// Texts by their path relative to the main file.
    pub fn given(texts: &'a BTreeMap<String, String>) -> Self {
        Self { path: PathBuf::new(), given: Some(texts) }
    }

    /// What relative paths are relative to.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether files the configuration refers to can be looked at.
    pub fn is_on_disk(&self) -> bool {
        self.given.is_none()
    }

    /// Reads and parses a file, by its path relative to the main file.
    pub fn parse(&self, file: &str, problems: &mut Problems) -> Option<Table> {
        let shown = self.path.join(file).display().to_string();
        match self.read(file) {
            Ok(text) => tree::parse(&shown, &text, problems),
            Err(reason) => {
                let place = Place::start_of(&shown);
                problems.add(
                    &place,
                    format!("cannot be read: {reason}"),
                    "check the path, its rights, and that it is UTF-8",
                );
                None
            }
        }
    }

    fn read(&self, file: &str) -> Result<String, String> {
        match self.given {
            Some(texts) => texts.get(file).cloned().ok_or_else(|| "there is no such file".into()),
            None => {
                std::fs::read_to_string(self.path.join(file)).map_err(|error| error.to_string())
            }
        }
    }

    /// The `*.toml` files of a folder beside the main file, sorted. A folder that cannot be read is a problem of
    /// whoever named it.
    pub fn list(&self, folder: &At<String>, problems: &mut Problems) -> Vec<String> {
        let name = folder.value.trim_end_matches('/');
        match self.names(name) {
            Ok(mut names) => {
                names.retain(|file| file.ends_with(".toml"));
                names.sort();
                names.iter().map(|file| format!("{name}/{file}")).collect()
            }
            Err(error) => {
                let what = format!(
                    "cannot read the folder of sites {}: {error}",
                    self.path.join(name).display()
                );
                problems.add(
                    &folder.place,
                    what,
                    "make it, with one file a site, or say where it is: sites = \"…\"",
                );
                Vec::new()
            }
        }
    }

    fn names(&self, folder: &str) -> std::io::Result<Vec<String>> {
        if let Some(texts) = self.given {
            let within = |file: &String| {
                let name = file.strip_prefix(folder)?.strip_prefix('/')?;
                (!name.contains('/')).then(|| name.to_string())
            };
            return Ok(texts.keys().filter_map(within).collect());
        }
        let entries = std::fs::read_dir(self.path.join(folder))?;
        entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
    }
}
