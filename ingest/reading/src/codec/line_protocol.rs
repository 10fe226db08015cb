//! InfluxDB line protocol: `measurement,tag=value field=1.5,other=2i 1783966200000000000`, one or more lines.
//!
//! The device is the value of a configured tag, else the topic's; the metric is `measurement.field`. Flags are 0 and 1;
//! texts are no readings. A line without a stamp is of now.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Write;

use serde::{Deserialize, Serialize};

use super::gather::{Gatherer, Point, PointUnit};
use super::{CodecError, form, shorten};
use crate::frame::Frame;
use crate::report::Road;
use crate::time::{EpochUnit, Timestamp};

/// The most tags or fields of a line.
const PAIRS_MAX: usize = 1_024;

/// What the lines do not say themselves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LineProtocol {
    /// What stamps count.
    pub precision: EpochUnit,
    /// The tag that names the device.
    pub device: Option<String>,
}

/// One line.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Line<'a> {
    /// The measurement.
    pub measurement: Cow<'a, str>,
    /// The tags, in the order sent, each key once.
    pub tags: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    /// The fields, in the order sent, each key once.
    pub fields: Vec<(Cow<'a, str>, FieldValue<'a>)>,
    /// The stamp, as sent.
    pub time: Option<i64>,
}

/// The value of a field.
#[derive(Clone, Debug, PartialEq)]
pub enum FieldValue<'a> {
    /// A float.
    Float(f64),
    /// A whole number, `…i`.
    Int(i64),
    /// A whole number without a sign, `…u`.
    Uint(u64),
    /// True or false.
    Flag(bool),
    /// A text.
    Text(Cow<'a, str>),
}

pub(super) fn decode(
    form: &LineProtocol,
    frame: &Frame<'_>,
    gatherer: &mut Gatherer<'_>,
) -> Result<(), CodecError> {
    let mut reader = Reader::new(form::text_of(frame.payload)?);
    while let Some(line) = reader.line()? {
        let tag = |name: &String| line.tags.iter().find(|(key, _)| key == name);
        let device = match &form.device {
            None => frame.topic,
            Some(name) => match tag(name) {
                Some((_, value)) => value,
                None => return Err(reader.wrong(&format!("there is no tag `{name}`"))),
            },
        };
        let at = line.time.map(|time| Timestamp::from_epoch(time, form.precision)).transpose();
        let at = at.map_err(|error| CodecError::BadTime { problem: error.to_string() })?;
        for (key, value) in &line.fields {
            gatherer.push(Point {
                device,
                metric: &[line.measurement.as_ref(), ".", key].concat(),
                value: value.number(),
                unit: PointUnit::None,
                at,
                road: Road::Live,
            })?;
        }
    }
    Ok(())
}

/// Reads every line of a text.
///
/// # Errors
/// [`CodecError::WrongShape`] with the number of the first line that is none.
pub fn read(text: &str) -> Result<Vec<Line<'_>>, CodecError> {
    let mut reader = Reader::new(text);
    let mut lines = Vec::new();
    while let Some(line) = reader.line()? {
        lines.push(line);
    }
    Ok(lines)
}

impl FieldValue<'_> {
    fn number(&self) -> Option<f64> {
        match self {
            Self::Float(value) => Some(*value),
            Self::Int(value) => Some(*value as f64),
            Self::Uint(value) => Some(*value as f64),
            Self::Flag(value) => Some(f64::from(u8::from(*value))),
            Self::Text(_) => None,
        }
    }

    fn parse(text: &str) -> Result<Self, &'static str> {
        match text {
            "t" | "T" | "true" | "True" | "TRUE" => return Ok(Self::Flag(true)),
            "f" | "F" | "false" | "False" | "FALSE" => return Ok(Self::Flag(false)),
            _ => {}
        }
        if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.')) {
            return Err("a field's value is a number, true, false or a text in quotes");
        }
        let whole = "a whole number is out of range or none";
        if let Some(digits) = text.strip_suffix('i') {
            return digits.parse().map(Self::Int).map_err(|_| whole);
        }
        if let Some(digits) = text.strip_suffix('u') {
            return digits.parse().map(Self::Uint).map_err(|_| whole);
        }
        let float = text.parse().ok().filter(|value: &f64| value.is_finite());
        float.map(Self::Float).ok_or("a field's value is not a number")
    }
}

/// Goes through a text once.
struct Reader<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str) -> Self {
        Self { rest: text, line: 1 }
    }

    fn wrong(&self, problem: &str) -> CodecError {
        CodecError::WrongShape { problem: format!("line {}: {}", self.line, shorten(problem)) }
    }

    fn peek(&self) -> Option<u8> {
        self.rest.as_bytes().first().copied()
    }

    /// Passes over one ASCII byte.
    fn step(&mut self) {
        self.rest = &self.rest[1..];
    }

    fn eat(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        if there {
            self.step();
        }
        there
    }

    fn spaces(&mut self) {
        self.rest = self.rest.trim_start_matches(' ');
    }

    /// The next line that is not empty and no remark.
    fn line(&mut self) -> Result<Option<Line<'a>>, CodecError> {
        loop {
            self.spaces();
            match self.peek() {
                None => return Ok(None),
                Some(b'\n') => {
                    self.step();
                    self.line += 1;
                }
                Some(b'\r') => self.step(),
                Some(b'#') => self.rest = self.rest.find('\n').map_or("", |at| &self.rest[at..]),
                Some(_) => return self.one().map(Some),
            }
        }
    }

    fn one(&mut self) -> Result<Line<'a>, CodecError> {
        let measurement = self.name(b", ", "measurement")?;
        let mut line = Line { measurement, ..Line::default() };
        while self.eat(b',') {
            let key = self.name(b"=, ", "tag")?;
            if !self.eat(b'=') {
                return Err(self.wrong("a tag has no `=`"));
            }
            let value = self.escaped(b"=, \n\r", b",= ");
            if value.is_empty() {
                return Err(self.wrong("a tag has no value"));
            }
            if line.tags.len() == PAIRS_MAX || line.tags.iter().any(|(other, _)| *other == key) {
                return Err(self.wrong("a tag stands there twice, or there are more than 1024"));
            }
            line.tags.push((key, value));
        }
        if !self.eat(b' ') {
            return Err(self.wrong("there are no fields"));
        }
        self.spaces();
        loop {
            let key = self.name(b"=, ", "field")?;
            if !self.eat(b'=') {
                return Err(self.wrong("a field has no `=`"));
            }
            let value = self.value()?;
            if line.fields.len() == PAIRS_MAX || line.fields.iter().any(|(other, _)| *other == key)
            {
                return Err(self.wrong("a field stands there twice, or there are more than 1024"));
            }
            line.fields.push((key, value));
            if !self.eat(b',') {
                break;
            }
        }
        line.time = self.time()?;
        Ok(line)
    }

    /// A measurement or a key: not empty, without control characters.
    fn name(&mut self, ends: &[u8], what: &str) -> Result<Cow<'a, str>, CodecError> {
        let stops = [ends, b"\n\r"].concat();
        let name = self.escaped(&stops, if what == "measurement" { b", " } else { b",= " });
        match name.is_empty() || name.chars().any(|c| c.is_ascii_control()) {
            true => {
                Err(self.wrong(&format!("a {what} has no name, or one with control characters")))
            }
            false => Ok(name),
        }
    }

    /// Text up to one of `stops`; a backslash takes away the meaning of one of `special`.
    fn escaped(&mut self, stops: &[u8], special: &[u8]) -> Cow<'a, str> {
        let bytes = self.rest.as_bytes();
        let (mut end, mut escapes) = (0, false);
        while let Some(byte) = bytes.get(end) {
            let next_is_special = bytes.get(end + 1).is_some_and(|next| special.contains(next));
            if *byte == b'\\' && next_is_special {
                escapes = true;
                end += 2;
            } else if stops.contains(byte) {
                break;
            } else {
                end += 1;
            }
        }
        let (text, rest) = self.rest.split_at(end);
        self.rest = rest;
        if !escapes {
            return Cow::Borrowed(text);
        }
        let mut plain = String::with_capacity(text.len());
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            let escape = c == '\\'
                && chars
                    .peek()
                    .is_some_and(|next| special.contains(&(*next as u8)) && next.is_ascii());
            if !escape {
                plain.push(c);
            }
            if escape && let Some(next) = chars.next() {
                plain.push(next);
            }
        }
        Cow::Owned(plain)
    }

    fn value(&mut self) -> Result<FieldValue<'a>, CodecError> {
        if self.eat(b'"') {
            return self.quoted().map(FieldValue::Text);
        }
        let end = self.rest.find([',', ' ', '\n', '\r']).unwrap_or(self.rest.len());
        let (text, rest) = self.rest.split_at(end);
        let value = FieldValue::parse(text).map_err(|problem| self.wrong(problem))?;
        self.rest = rest;
        Ok(value)
    }

    /// A text up to its closing quote; it may go over several lines.
    fn quoted(&mut self) -> Result<Cow<'a, str>, CodecError> {
        let bytes = self.rest.as_bytes();
        let (mut end, mut escapes) = (0, false);
        loop {
            match (bytes.get(end), bytes.get(end + 1)) {
                (None, _) => return Err(self.wrong("a quote is not closed")),
                (Some(b'"'), _) => break,
                (Some(b'\\'), Some(b'"' | b'\\')) => {
                    escapes = true;
                    end += 2;
                }
                _ => end += 1,
            }
        }
        let text = &self.rest[..end];
        self.line += text.bytes().filter(|byte| *byte == b'\n').count();
        self.rest = &self.rest[end + 1..];
        if !matches!(self.peek(), None | Some(b',' | b' ' | b'\n' | b'\r')) {
            return Err(self.wrong("something stands behind a closing quote"));
        }
        if !escapes {
            return Ok(Cow::Borrowed(text));
        }
        let mut plain = String::with_capacity(text.len());
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            match (c, chars.peek()) {
                ('\\', Some('"' | '\\')) => plain.extend(chars.next()),
                _ => plain.push(c),
            }
        }
        Ok(Cow::Owned(plain))
    }

    fn time(&mut self) -> Result<Option<i64>, CodecError> {
        self.spaces();
        let end = self.rest.find(['\n', ' ']).unwrap_or(self.rest.len());
        let (text, rest) = self.rest.split_at(end);
        self.rest = rest.trim_start_matches(' ');
        if !matches!(self.peek(), None | Some(b'\n' | b'\r')) {
            return Err(self.wrong("something stands behind the time"));
        }
        match text.trim_end_matches('\r') {
            "" => Ok(None),
            text if text.starts_with('+') => Err(self.wrong("the time is not a whole number")),
            text => {
                text.parse().map(Some).map_err(|_| self.wrong("the time is not a whole number"))
            }
        }
    }
}

/// Writes a line without its end; `None` if it has nothing to say: no measurement, or no field that is finite and
/// named. Tags without a name or value, and names with line ends or a backslash at their end, cannot be written and are
/// left out.
pub fn encode(line: &Line<'_>) -> Option<String> {
    let mut text = name(&line.measurement, &[',', ' '])?;
    for (key, value) in &line.tags {
        if let (Some(key), Some(value)) =
            (name(key, &[',', '=', ' ']), name(value, &[',', '=', ' ']))
        {
            text.push(',');
            text.push_str(&key);
            text.push('=');
            text.push_str(&value);
        }
    }
    let mut before = ' ';
    for (key, value) in &line.fields {
        let (Some(key), Some(value)) = (name(key, &[',', '=', ' ']), value.encode()) else {
            continue;
        };
        text.push(before);
        before = ',';
        text.push_str(&key);
        text.push('=');
        text.push_str(&value);
    }
    if before == ' ' {
        return None;
    }
    if let Some(time) = line.time {
        write!(text, " {time}").ok()?;
    }
    Some(text)
}

fn name(text: &str, special: &[char]) -> Option<String> {
    if text.is_empty() || text.ends_with('\\') || text.chars().any(|c| c.is_ascii_control()) {
        return None;
    }
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if special.contains(&c) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    Some(escaped)
}

impl FieldValue<'_> {
    fn encode(&self) -> Option<String> {
        match self {
            Self::Float(value) => value.is_finite().then(|| value.to_string()),
            Self::Int(value) => Some(format!("{value}i")),
            Self::Uint(value) => Some(format!("{value}u")),
            Self::Flag(value) => Some(value.to_string()),
            Self::Text(text) => {
                let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
                Some(format!("\"{escaped}\""))
            }
        }
    }
}
