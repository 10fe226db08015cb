//! The table of persons, as far as the configuration looks at it: that it can be read, and whom it has.

use std::path::PathBuf;

use delivery::contacts::{Contacts, Directory};

use super::problem::Problems;
use super::source::Folder;
use super::table::Table;
use super::tree::At;

/// The table, where there is one.
#[derive(Clone, Default)]
pub struct Known {
    /// Its file.
    pub file: Option<PathBuf>,
    /// What it holds, if it could be read; `None` also where files are not looked at.
    pub table: Option<std::sync::Arc<Contacts>>,
}

/// Reads `contacts = "contacts.csv"`.
pub fn read(table: &mut Table, folder: &Folder, problems: &mut Problems) -> Known {
    let Some(At { value, place }) = table.text("contacts", problems) else {
        return Known::default();
    };
    let file = folder.path().join(&value);
    if !folder.is_on_disk() {
        return Known { file: Some(file), table: None };
    }
    match Directory::new(file.clone()).contacts() {
        Ok(contacts) => {
            for note in contacts.notes.iter().filter(|note| note.refused) {
                let what = format!("{value}, line {}: {}", note.line, note.what);
                problems.warn(&place, what, "nobody is told on this line; mend it or take it out");
            }
            Known { file: Some(file), table: Some(contacts) }
        }
        Err(error) => {
            problems.add(
                &place,
                error,
                "put the table there, readable for the user bongsu runs as",
            );
            Known { file: Some(file), table: None }
        }
    }
}
