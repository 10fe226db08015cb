//! What is wrong with a scenario: where it stands, what it is, and what to do. All of it at once.

use core::fmt;
use core::ops::Range;

use toml::de::{DeTable, DeValue};

/// The way to a key, from the top of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Path(Vec<String>);

impl Path {
    /// The key under this one.
    pub fn key(&self, key: &str) -> Self {
        self.item_named(key.to_owned())
    }

    /// The item of a list under this one.
    pub fn item(&self, number: usize) -> Self {
        self.item_named(number.to_string())
    }

    fn item_named(&self, step: String) -> Self {
        let mut steps = self.0.clone();
        steps.push(step);
        Self(steps)
    }
}

/// What was found, before it has a place.
#[derive(Debug, Default)]
pub(crate) struct Found(Vec<(Path, String, String)>);

impl Found {
    /// Notes a problem unless `holds`.
    pub fn ensure(
        &mut self,
        holds: bool,
        at: Path,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        if !holds {
            self.0.push((at, what.into(), remedy.into()));
        }
    }

    /// Refuses every number that is none: `nan` and `inf` stand in TOML, and in no physics.
    pub fn refuse_endless(&mut self, text: &str) {
        let (tree, _) = DeTable::parse_recoverable(text);
        let tops = tree
            .get_ref()
            .iter()
            .map(|(key, value)| (Path::default().key(key.get_ref()), value.get_ref()));
        let mut left: Vec<(Path, &DeValue<'_>)> = tops.collect();
        while let Some((at, value)) = left.pop() {
            match value {
                DeValue::Float(float)
                    if float.as_str().parse().is_ok_and(|it: f64| !it.is_finite()) =>
                {
                    self.ensure(false, at, "it is no number", "write one with an end");
                }
                DeValue::Table(table) => {
                    left.extend(table.iter().map(|(key, it)| (at.key(key.get_ref()), it.get_ref())))
                }
                DeValue::Array(items) => left.extend(
                    items.iter().enumerate().map(|(number, it)| (at.item(number), it.get_ref())),
                ),
                _ => {}
            }
        }
    }

    /// The problems with their places in `text`, unless there is none.
    pub fn placed(self, file: &str, text: &str) -> Result<(), Problems> {
        if self.0.is_empty() {
            return Ok(());
        }
        let (tree, _) = DeTable::parse_recoverable(text);
        let place = |(path, what, remedy): (Path, String, String)| {
            let span = span_of(tree.get_ref(), &path.0).unwrap_or_default();
            Problem::at(file, text, span, what, remedy)
        };
        let mut problems: Vec<Problem> = self.0.into_iter().map(place).collect();
        problems.sort_by_key(|problem| (problem.line, problem.column));
        Err(Problems(problems))
    }
}

/// The place of the deepest part of a path that is there.
fn span_of(table: &DeTable<'_>, path: &[String]) -> Option<Range<usize>> {
    let (first, rest) = path.split_first()?;
    let (_, value) = table.iter().find(|(key, _)| key.get_ref() == first)?;
    let mut value = value;
    for step in rest {
        let under = match value.get_ref() {
            DeValue::Table(table) => {
                table.iter().find(|(key, _)| key.get_ref() == step).map(|(_, value)| value)
            }
            DeValue::Array(items) => step.parse().ok().and_then(|number: usize| items.get(number)),
            _ => None,
        };
        match under {
            Some(under) => value = under,
            None => break,
        }
    }
    Some(value.span())
}

/// One thing that is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file, or the name of an embedded scenario.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub remedy: String,
}

impl Problem {
    fn at(file: &str, text: &str, span: Range<usize>, what: String, remedy: String) -> Self {
        let before = text.get(..span.start.min(text.len())).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Self {
            file: file.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            what,
            remedy,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}; {}", self.file, self.line, self.column, self.what, self.remedy)
    }
}

/// Everything that is wrong with a file; at least one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// The one thing the reader of TOML said.
    pub(crate) fn of_syntax(file: &str, text: &str, error: &toml::de::Error) -> Self {
        let what = error.message().replace('\n', ", ");
        let remedy = if what.contains("unknown field") {
            "take it out, or write one of those"
        } else if what.contains("missing field") {
            "add it"
        } else if what.contains("quantity") {
            "write a quantity such as tilt-x, displacement, rain or pore-pressure"
        } else {
            "correct it at this place"
        };
        let span = error.span().unwrap_or_default();
        Self(vec![Problem::at(file, text, span, what, remedy.to_owned())])
    }

    /// Each of them, in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.0.iter()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, problem) in self.0.iter().enumerate() {
            write!(f, "{}{problem}", if number > 0 { "\n" } else { "" })?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
