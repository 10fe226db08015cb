//! Reading a table key by key.
//!
//! Readers take what they know out of a [`Table`]; [`Table::finish`] then refuses what is left over, so the list
//! of known keys is never written twice. Every reader reports what is wrong and gives `None`: with one error the
//! configuration is refused, so callers may go on with a default.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use reading::id::NotAnId;

use super::problem::{Place, Problems};
use super::tree::{At, Value};
use super::value::{self, Fault, duration_text, nearest, shortened};

/// Keys with values, from a header or in braces.
#[derive(Clone, Debug)]
pub struct Table {
    /// Where its header or brace stands.
    pub place: Place,
    entries: BTreeMap<String, Entry>,
    asked: Vec<&'static str>,
    #[cfg(test)]
    notes: std::cell::RefCell<super::reference::Notes>,
}

/// A text, or where something else stands and what it is.
pub type Written = Result<At<String>, (Place, &'static str)>;

/// What stands behind a key, and where the key stands.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Where the key stands.
    pub key: Place,
    /// What stands behind it.
    pub value: At<Value>,
}

impl Table {
    /// A table of which nothing was read yet.
    pub fn new(place: Place, entries: BTreeMap<String, Entry>) -> Self {
        Self {
            place,
            entries,
            asked: Vec::new(),
            #[cfg(test)]
            notes: std::cell::RefCell::default(),
        }
    }

    /// A table of one entry, to read what was taken out of another.
    pub fn of(key: &str, value: At<Value>) -> Self {
        let place = value.place.clone();
        let entry = Entry { key: place.clone(), value };
        Self::new(place, BTreeMap::from([(key.to_string(), entry)]))
    }

    /// Reports a key that must be there and is not.
    pub fn need(&self, key: &str, remedy: &str, problems: &mut Problems) {
        #[cfg(test)]
        self.notes.borrow_mut().needed.push(key.into());
        if !self.entries.contains_key(key) {
            problems.add(&self.place, format!("`{key}` is missing"), remedy);
        }
    }

    /// Whether a key is there and not read yet.
    pub fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// Where a key stands that is not read yet.
    pub fn place_of(&self, key: &str) -> Option<Place> {
        self.entries.get(key).map(|entry| entry.key.clone())
    }

    /// Refuses every key that nobody asked for. `what` names the table in messages, with its article.
    pub fn finish(self, what: &str, problems: &mut Problems) {
        #[cfg(test)]
        super::reference::learn(what, self.notes.into_inner());
        for (key, entry) in &self.entries {
            let remedy = match nearest(key, self.asked.iter().copied()) {
                Some(word) => format!("did you mean `{word}`?"),
                None => format!("remove it; known here: {}", self.asked.join(", ")),
            };
            problems.add(
                &entry.key,
                format!("`{}` is not a key of {what}", shortened(key)),
                remedy,
            );
        }
    }

    /// Whatever stands behind a key.
    pub fn value(&mut self, key: &'static str) -> Option<At<Value>> {
        self.take(key, || "a value of several forms".into())
    }

    /// The same table with another's entries on top.
    pub fn under(&self, other: Self) -> Self {
        let mut both = self.clone();
        both.entries.extend(other.entries);
        both.place = other.place;
        both
    }

    /// Every key with what stands behind it, for tables whose keys are words of others.
    pub fn into_values(self) -> Vec<(At<String>, At<Value>)> {
        let entries = self.entries.into_iter();
        entries.map(|(key, entry)| (At { value: key, place: entry.key }, entry.value)).collect()
    }

    /// Every key with its text, for tables whose keys are names of others; in place of a text, where something else
    /// stands and what it is.
    pub fn into_texts(self) -> Vec<(At<String>, Written)> {
        let text = |At { value, place }| match value {
            Value::Text(value) => Ok(At { value, place }),
            other => Err((place, other.name())),
        };
        self.entries
            .into_iter()
            .map(|(key, entry)| (At { value: key, place: entry.key }, text(entry.value)))
            .collect()
    }

    /// Takes what stands behind a key; `written` is what should, in words for the page of every key.
    fn take(&mut self, key: &'static str, written: impl FnOnce() -> String) -> Option<At<Value>> {
        self.asked.push(key);
        if cfg!(test) {
            self.note(key, written());
        }
        self.entries.remove(key).map(|entry| entry.value)
    }

    #[cfg_attr(
        not(test),
        expect(clippy::unused_self, unused_variables, reason = "only tests gather keys")
    )]
    fn note(&mut self, key: &'static str, written: String) {
        #[cfg(test)]
        self.notes.get_mut().asked.push((key, written));
    }

    /// Text that is not empty.
    pub fn text(&mut self, key: &'static str, problems: &mut Problems) -> Option<At<String>> {
        self.text_of(key, || "text".into(), problems)
    }

    fn text_of(
        &mut self,
        key: &'static str,
        written: impl FnOnce() -> String,
        problems: &mut Problems,
    ) -> Option<At<String>> {
        self.take(key, written).and_then(|value| text(key, value, problems))
    }

    /// Text that says something of its own.
    pub fn read<T>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(&str) -> Result<T, Fault>,
        problems: &mut Problems,
    ) -> Option<At<T>> {
        self.text(key, problems).and_then(|text| understood(text, parse, problems))
    }

    /// An identifier.
    pub fn id<T: FromStr<Err = NotAnId>>(
        &mut self,
        key: &'static str,
        problems: &mut Problems,
    ) -> Option<At<T>> {
        let text = self.text_of(key, || "an identifier".into(), problems);
        text.and_then(|text| understood(text, id, problems))
    }

    /// One of the given words.
    pub fn choice<T: Copy>(
        &mut self,
        key: &'static str,
        words: &[(&str, T)],
        problems: &mut Problems,
    ) -> Option<At<T>> {
        let words_of = || words.iter().map(|(word, _)| format!("`\"{word}\"`")).collect::<Vec<_>>();
        let text = self.text_of(key, || words_of().join(", "), problems);
        text.and_then(|text| understood(text, |text| choice(key, text, words), problems))
    }

    /// A duration within bounds.
    pub fn duration(
        &mut self,
        key: &'static str,
        bounds: RangeInclusive<Duration>,
        problems: &mut Problems,
    ) -> Option<At<Duration>> {
        let (least, most) = (duration_text(*bounds.start()), duration_text(*bounds.end()));
        let text = self.text_of(key, || format!("a duration, {least} to {most}"), problems)?;
        understood(
            text,
            |text| {
                let duration = value::duration(text)?;
                if bounds.contains(&duration) {
                    return Ok(duration);
                }
                Err(Fault::new(
                    format!("`{key}` is out of bounds"),
                    format!("write something from {least} to {most}"),
                ))
            },
            problems,
        )
    }

    /// A size within bounds, in bytes.
    pub fn size(
        &mut self,
        key: &'static str,
        bounds: RangeInclusive<u64>,
        problems: &mut Problems,
    ) -> Option<At<u64>> {
        let (least, most) = (value::size_text(*bounds.start()), value::size_text(*bounds.end()));
        let text = self.text_of(key, || format!("a size, {least} to {most}"), problems)?;
        understood(
            text,
            |text| {
                let size = value::size(text)?;
                if bounds.contains(&size) {
                    return Ok(size);
                }
                Err(Fault::new(
                    format!("`{key}` is out of bounds"),
                    format!("write something from {least} to {most}"),
                ))
            },
            problems,
        )
    }

    /// A whole number within bounds.
    pub fn integer(
        &mut self,
        key: &'static str,
        bounds: RangeInclusive<i64>,
        problems: &mut Problems,
    ) -> Option<At<i64>> {
        let written = || format!("a whole number, {} to {}", bounds.start(), bounds.end());
        let At { value, place } = self.take(key, written)?;
        match value {
            Value::Integer(number) if bounds.contains(&number) => Some(At { value: number, place }),
            Value::Integer(_) => {
                let remedy = format!("write something from {} to {}", bounds.start(), bounds.end());
                problems.add(&place, format!("`{key}` is out of bounds"), remedy);
                None
            }
            other => mismatch(key, &other, &place, "write a whole number without quotes", problems),
        }
    }

    /// A number, finite.
    pub fn number(&mut self, key: &'static str, problems: &mut Problems) -> Option<At<f64>> {
        let At { value, place } = self.take(key, || "a number".into())?;
        match as_number(&value) {
            Some(value) => Some(At { value, place }),
            None => mismatch(key, &value, &place, "write a finite number without quotes", problems),
        }
    }

    /// `true` or `false`.
    pub fn flag(&mut self, key: &'static str, problems: &mut Problems) -> Option<At<bool>> {
        let At { value, place } = self.take(key, || "`true` or `false`".into())?;
        match value {
            Value::Flag(flag) => Some(At { value: flag, place }),
            other => mismatch(key, &other, &place, "write true or false without quotes", problems),
        }
    }

    /// A day, in quotes or bare.
    pub fn date(&mut self, key: &'static str, problems: &mut Problems) -> Option<At<String>> {
        let At { value, place } = self.take(key, || "a date".into())?;
        let written = match value {
            Value::Date(date) => At { value: date, place },
            other => text(key, At { value: other, place }, problems)?,
        };
        understood(written, value::date, problems)
    }

    /// A list of anything.
    pub fn list(
        &mut self,
        key: &'static str,
        problems: &mut Problems,
    ) -> Option<At<Vec<At<Value>>>> {
        let At { value, place } = self.take(key, || "a list".into())?;
        match value {
            Value::List(items) => Some(At { value: items, place }),
            other => mismatch(key, &other, &place, "write it in brackets: [ … ]", problems),
        }
    }

    /// A list of texts, each of which says something of its own. With one that does not, there is no list.
    pub fn reads<T>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, Fault>,
        problems: &mut Problems,
    ) -> Option<At<Vec<At<T>>>> {
        let At { value: items, place } = self.list(key, problems)?;
        let read =
            |item| text(key, item, problems).and_then(|item| understood(item, &parse, problems));
        let read: Vec<_> = items.into_iter().map(read).collect();
        Some(At { value: read.into_iter().collect::<Option<_>>()?, place })
    }

    /// A table, from a header or in braces.
    pub fn table(&mut self, key: &'static str, problems: &mut Problems) -> Option<Table> {
        let At { value, place } = self.take(key, || "a table".into())?;
        match value {
            Value::Table(table) => Some(table),
            other => mismatch(
                key,
                &other,
                &place,
                &format!("write it as a table: [{key}] or {key} = {{ … }}"),
                problems,
            ),
        }
    }

    /// Every table of a list of tables.
    pub fn tables(&mut self, key: &'static str, problems: &mut Problems) -> Vec<Table> {
        let remedy = format!("write each as a table under its own header: [[{key}]]");
        let Some(At { value, place }) = self.take(key, || "tables".into()) else {
            return Vec::new();
        };
        let items = match value {
            Value::List(items) => items,
            other => mismatch(key, &other, &place, &remedy, problems).unwrap_or_default(),
        };
        let mut table = |item: At<Value>| match item.value {
            Value::Table(table) => Some(table),
            other => mismatch(key, &other, &item.place, &remedy, problems),
        };
        items.into_iter().filter_map(&mut table).collect()
    }
}

/// The number that stands there, if it is one and finite.
pub fn as_number(value: &Value) -> Option<f64> {
    let number = match value {
        Value::Integer(number) => *number as f64,
        Value::Float(number) => *number,
        Value::Text(_) | Value::Flag(_) | Value::Date(_) | Value::List(_) | Value::Table(_) => {
            return None;
        }
    };
    number.is_finite().then_some(number)
}

/// An identifier, as every reader of one says it.
pub fn id<T: FromStr<Err = NotAnId>>(text: &str) -> Result<T, Fault> {
    let what = || format!("`{}` is not an identifier", shortened(text));
    text.parse()
        .map_err(|_| Fault::new(what(), "use 1 to 64 lower-case letters a-z, digits and `-`"))
}

/// One of the given words.
pub fn choice<T: Copy>(key: &str, text: &str, words: &[(&str, T)]) -> Result<T, Fault> {
    if let Some((_, meant)) = words.iter().find(|(word, _)| *word == text) {
        return Ok(*meant);
    }
    let names = || words.iter().map(|(word, _)| *word);
    let remedy = match nearest(text, names()) {
        Some(word) => format!("did you mean \"{word}\"?"),
        None => format!("write one of {}", names().collect::<Vec<_>>().join(", ")),
    };
    Err(Fault::new(format!("`{key}` cannot be `{}`", shortened(text)), remedy))
}

fn text(key: &str, At { value, place }: At<Value>, problems: &mut Problems) -> Option<At<String>> {
    match value {
        Value::Text(text) if text.trim().is_empty() => {
            problems.add(
                &place,
                format!("`{key}` is empty"),
                "say something there, or remove the key",
            );
            None
        }
        Value::Text(text) => Some(At { value: text, place }),
        number @ (Value::Integer(_) | Value::Float(_)) => {
            mismatch(key, &number, &place, "write it in quotes, a measure with its unit", problems)
        }
        other => mismatch(key, &other, &place, "write it in quotes", problems),
    }
}

fn understood<T>(
    text: At<String>,
    parse: impl FnOnce(&str) -> Result<T, Fault>,
    problems: &mut Problems,
) -> Option<At<T>> {
    match parse(&text.value) {
        Ok(value) => Some(At { value, place: text.place }),
        Err(fault) => {
            problems.add(&text.place, fault.what, fault.remedy);
            None
        }
    }
}

fn mismatch<T>(
    key: &str,
    value: &Value,
    place: &Place,
    remedy: &str,
    problems: &mut Problems,
) -> Option<T> {
    problems.add(place, format!("`{key}` is {}", value.name()), remedy);
    None
}
