//! A file as a tree in which every key and value knows its place.

use std::ops::Range;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::{Place, Problems};
use super::table::{Entry, Table};
use super::value::shortened;

/// A value and where it stands.
#[derive(Clone, Debug)]
pub struct At<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub place: Place,
}

impl<T> At<T> {
    /// The same place with another value.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> At<U> {
        At { value: change(self.value), place: self.place }
    }
}

/// What may stand behind a key.
#[derive(Clone, Debug)]
pub enum Value {
    /// In quotes.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// A number with decimals.
    Float(f64),
    /// `true` or `false`.
    Flag(bool),
    /// A date or time without quotes, as written.
    Date(String),
    /// In brackets.
    List(Vec<At<Value>>),
    /// Keys with values.
    Table(Table),
}

impl Value {
    /// What it is, for messages.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Text(_) => "text in quotes",
            Self::Integer(_) | Self::Float(_) => "a number",
            Self::Flag(_) => "true or false",
            Self::Date(_) => "a date without quotes",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }
}

/// Parses a file. Every error of syntax becomes a problem, and then there is no tree: half a file would
/// only bring forth problems that are none.
pub fn parse(file: &str, text: &str, problems: &mut Problems) -> Option<Table> {
    let lines = Lines::new(file, text);
    let (tree, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let place = lines.place(error.span().unwrap_or_default());
        problems.add(
            &place,
            format!("not TOML: {}", shortened(error.message())),
            "mend the syntax, then check again",
        );
    }
    errors.is_empty().then(|| lines.table(tree.get_ref(), Place::start_of(file), problems))
}

/// Where the lines of a file begin, to turn offsets into places.
struct Lines<'t> {
    file: Arc<str>,
    text: &'t str,
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    fn new(file: &str, text: &'t str) -> Self {
        let starts =
            std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { file: file.into(), text, starts }
    }

    fn place(&self, span: Range<usize>) -> Place {
        let at = span.start.min(self.text.len());
        let line = self.starts.partition_point(|start| *start <= at);
        let before = self.text.get(self.starts[line - 1]..at).unwrap_or_default();
        Place {
            file: self.file.clone(),
            line: line as u32,
            column: before.chars().count() as u32 + 1,
        }
    }

    fn table(&self, table: &DeTable<'_>, place: Place, problems: &mut Problems) -> Table {
        let entries = table.iter().map(|(key, value)| {
            let entry = Entry { key: self.place(key.span()), value: self.value(value, problems) };
            (key.get_ref().to_string(), entry)
        });
        Table::new(place, entries.collect())
    }

    fn value(&self, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> At<Value> {
        let place = self.place(value.span());
        let value = match value.get_ref() {
            DeValue::String(text) => Value::Text(text.to_string()),
            DeValue::Integer(number) => Value::Integer(
                i64::from_str_radix(number.as_str(), number.radix()).unwrap_or_else(|_| {
                    problems.add(&place, "the number is too large", "write a number below 2^63");
                    i64::MAX
                }),
            ),
            DeValue::Float(number) => Value::Float(number.as_str().parse().unwrap_or(f64::NAN)),
            DeValue::Boolean(flag) => Value::Flag(*flag),
            DeValue::Datetime(moment) => Value::Date(moment.to_string()),
            DeValue::Array(items) => {
                Value::List(items.iter().map(|item| self.value(item, problems)).collect())
            }
            DeValue::Table(table) => Value::Table(self.table(table, place.clone(), problems)),
        };
        At { value, place }
    }
}
