//! What is wrong with a configuration, where, and what to do about it.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

/// A place in a file. Lines and columns count from 1, columns in characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file, by the path that leads to it from where the command was given.
    pub file: Arc<str>,
    /// Its line.
    pub line: u32,
    /// The character in that line.
    pub column: u32,
}

impl Place {
    /// The first character of a file: for what is missing from it altogether.
    pub fn start_of(file: &str) -> Self {
        Self { file: file.into(), line: 1, column: 1 }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// Whether bongsu starts in spite of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Gravity {
    /// It does not start.
    Error,
    /// It starts; somebody should look.
    Warning,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// Whether bongsu starts in spite of it.
    pub gravity: Gravity,
    /// What is wrong. Never quotes a secret.
    pub what: String,
    /// What to do.
    pub remedy: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = match self.gravity {
            Gravity::Error => "",
            Gravity::Warning => "warning: ",
        };
        write!(f, "{}: {mark}{}; {}", self.place, self.what, self.remedy)
    }
}

/// Everything that is wrong, by file and line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// Adds an error.
    pub fn add(&mut self, place: &Place, what: impl Into<String>, remedy: impl Into<String>) {
        self.push(place, Gravity::Error, what.into(), remedy.into());
    }

    /// Adds a warning.
    pub fn warn(&mut self, place: &Place, what: impl Into<String>, remedy: impl Into<String>) {
        self.push(place, Gravity::Warning, what.into(), remedy.into());
    }

    fn push(&mut self, place: &Place, gravity: Gravity, what: String, remedy: String) {
        self.0.push(Problem { place: place.clone(), gravity, what, remedy });
    }

    /// Puts them in the order of files, lines and columns; at one place, in the order found. What was found twice, as
    /// in a condition that several levels share, is said once.
    pub(super) fn sort(&mut self) {
        self.0.sort_by(|a, b| a.place.cmp(&b.place));
        self.0.dedup();
    }

    /// Every one, errors and warnings.
    pub fn iter(&self) -> std::slice::Iter<'_, Problem> {
        self.0.iter()
    }

    /// How many errors there are: with none, bongsu starts.
    pub fn errors(&self) -> usize {
        self.0.iter().filter(|problem| problem.gravity == Gravity::Error).count()
    }

    /// How many warnings there are.
    pub fn warnings(&self) -> usize {
        self.0.len() - self.errors()
    }
}

impl fmt::Display for Problems {
    /// One a line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
