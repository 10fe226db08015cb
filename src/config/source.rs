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
    /// What files on disk are taken to say instead.
    changed: Option<&'a BTreeMap<String, String>>,
}

impl<'a> Folder<'a> {
    /// A folder on disk; some of its files may be taken to say something else.
    pub fn changed(path: &Path, texts: &'a BTreeMap<String, String>) -> Self {
        Self { path: path.into(), given: None, changed: Some(texts) }
    }

    /// Texts by their path relative to the main file.
    pub fn given(texts: &'a BTreeMap<String, String>) -> Self {
        Self { path: PathBuf::new(), given: Some(texts), changed: None }
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
            Ok(bytes) => {
                text(&shown, bytes, problems).and_then(|text| tree::parse(&shown, &text, problems))
            }
            Err(reason) => {
                let place = Place::start_of(&shown);
                let what = format!("cannot be read: {reason}");
                problems.add(&place, what, "check the path and its rights");
                None
            }
        }
    }

    fn read(&self, file: &str) -> Result<Vec<u8>, String> {
        if let Some(text) = self.changed.and_then(|texts| texts.get(file)) {
            return Ok(text.clone().into_bytes());
        }
        match self.given {
            Some(texts) => {
                let text = texts.get(file).cloned();
                text.map(String::into_bytes).ok_or_else(|| "there is no such file".into())
            }
            None => std::fs::read(self.path.join(file)).map_err(|error| error.to_string()),
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

/// The text of a file; what is not UTF-8 is a problem where it begins.
fn text(shown: &str, bytes: Vec<u8>, problems: &mut Problems) -> Option<String> {
    let error = match String::from_utf8(bytes) {
        Ok(text) => return Some(text),
        Err(error) => error,
    };
    let good = String::from_utf8_lossy(&error.as_bytes()[..error.utf8_error().valid_up_to()]);
    let line = good.rsplit('\n').next().unwrap_or_default();
    let place = Place {
        line: good.matches('\n').count() as u32 + 1,
        column: line.chars().count() as u32 + 1,
        ..Place::start_of(shown)
    };
    let remedy =
        format!("save it as UTF-8, or: iconv -f {} -t UTF-8 {shown}", probably(error.as_bytes()));
    problems.add(&place, "is not UTF-8 from here on", remedy);
    None
}

/// What text that is not UTF-8 probably is: what editors of Korean Windows write, or what marks itself as UTF-16.
fn probably(bytes: &[u8]) -> &'static str {
    match bytes {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "UTF-16",
        _ => "CP949",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_utf_8_is_told_where_it_begins_and_what_it_may_be() {
        for (bytes, expected) in [
            (
                &b"a = 1\n# \xb1\xde\xb0\xe6"[..],
                "f.toml:2:3: is not UTF-8 from here on; save it as UTF-8, or: iconv -f CP949 -t UTF-8 f.toml",
            ),
            (
                b"\xff\xfea\0",
                "f.toml:1:1: is not UTF-8 from here on; save it as UTF-8, or: iconv -f UTF-16 -t UTF-8 f.toml",
            ),
        ] {
            let mut problems = Problems::default();
            assert_eq!(text("f.toml", bytes.to_vec(), &mut problems), None);
            let said: Vec<_> = problems.iter().map(ToString::to_string).collect();
            assert_eq!(said, [expected]);
        }
        let mut problems = Problems::default();
        let said = text("f.toml", "급경사".into(), &mut problems);
        assert_eq!((said.as_deref(), problems.iter().count()), (Some("급경사"), 0));
    }
}
