//! A pack as sent, and its records resolved (RFC 8428 section 4.6).

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::codec::form::{self, Fault, Faults, Form, Number, Object, Text, keys};
use crate::codec::{CodecError, READINGS_MAX, shorten};
use crate::time::{EpochUnit, Timestamp};

/// The version of SenML that is read (RFC 8428 section 4.4).
const VERSION: f64 = 10.0;

/// Times below this are relative to now (RFC 8428 section 4.5.3).
const RELATIVE_BELOW: f64 = 268_435_456.0;

/// The longest name: one level of a topic or an identifier of a device are far shorter.
const NAME_LEN_MAX: usize = 256;

/// A resolved record: it says everything itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Record<'a> {
    /// The whole name.
    pub name: String,
    /// The unit as written.
    pub unit: Option<Cow<'a, str>>,
    /// When it was so; none means at the receipt.
    pub at: Option<Timestamp>,
    /// Whether that follows from the receipt.
    pub relative: bool,
    /// What it says.
    pub stated: Stated,
    /// The sum over time up to here, unit times seconds.
    pub sum: Option<f64>,
}

/// What a record says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Stated {
    /// A number.
    Number(f64),
    /// True or false.
    Flag(bool),
    /// A text: no reading.
    Text,
    /// Bytes: no reading.
    Data,
    /// A sum alone.
    Nothing,
}

/// Reads a pack, JSON or CBOR.
///
/// # Errors
/// [`CodecError`], for the whole pack.
pub fn resolve(payload: &[u8], received_at: Timestamp) -> Result<Vec<Record<'_>>, CodecError> {
    let faults = Faults::default();
    let sent = form::read_seed(payload, Pack(&faults), &faults)?;
    if sent.is_empty() {
        return Err(CodecError::WrongShape { problem: "the pack is empty".into() });
    }
    let version = sent.iter().find_map(|record| record.version).unwrap_or(VERSION);
    let mut base = Base::default();
    let mut records = Vec::with_capacity(sent.len());
    for (number, record) in sent.into_iter().enumerate() {
        let wrong = |problem: &str| CodecError::WrongShape {
            problem: format!("record {}: {problem}", number + 1),
        };
        if record.version.is_some_and(|told| told != version || told > VERSION) {
            return Err(wrong("`bver` is one for the whole pack, and at most 10"));
        }
        base.take(&record);
        records.push(base.resolve(record, received_at).map_err(|problem| match problem {
            Problem::Shape(problem) => wrong(problem),
            Problem::Time(text) => CodecError::BadTime { problem: text },
        })?);
    }
    Ok(records)
}

enum Problem {
    Shape(&'static str),
    Time(String),
}

/// What holds until another is given.
#[derive(Default)]
struct Base<'a> {
    name: Cow<'a, str>,
    time: f64,
    unit: Option<Cow<'a, str>>,
    value: f64,
    sum: Option<f64>,
}

impl<'a> Base<'a> {
    fn take(&mut self, sent: &Sent<'a>) {
        if let Some(name) = &sent.base_name {
            self.name = name.clone();
        }
        if sent.base_unit.is_some() {
            self.unit.clone_from(&sent.base_unit);
        }
        self.time = sent.base_time.unwrap_or(self.time);
        self.value = sent.base_value.unwrap_or(self.value);
        self.sum = sent.base_sum.or(self.sum);
    }

    fn resolve(&self, sent: Sent<'a>, received_at: Timestamp) -> Result<Record<'a>, Problem> {
        let name = [self.name.as_ref(), sent.name.as_deref().unwrap_or_default()].concat();
        if !is_name(&name) {
            return Err(Problem::Shape(
                "the name with its base is 1 to 256 letters, digits, `-`, `:`, `.`, `/`, `_`, the first a letter or digit",
            ));
        }
        let stated = match (sent.value, sent.text, sent.flag, sent.data) {
            (Some(value), false, None, false) => Stated::Number(value + self.value),
            (None, true, None, false) => Stated::Text,
            (None, false, Some(flag), false) => Stated::Flag(flag),
            (None, false, None, true) => Stated::Data,
            (None, false, None, false) => Stated::Nothing,
            _ => return Err(Problem::Shape("it has more than one value")),
        };
        let sum = match (sent.sum, self.sum) {
            (None, None) => None,
            (sum, base) => Some(sum.unwrap_or(0.0) + base.unwrap_or(0.0)),
        };
        if stated == Stated::Nothing && sum.is_none() {
            return Err(Problem::Shape("it has no value and no sum"));
        }
        let (at, relative) = moment(self.time + sent.time.unwrap_or(0.0), received_at)?;
        let unit = sent.unit.or_else(|| self.unit.clone());
        Ok(Record { name, unit, at, relative, stated, sum })
    }
}

/// The moment of a time, and whether it follows from the receipt.
fn moment(time: f64, received_at: Timestamp) -> Result<(Option<Timestamp>, bool), Problem> {
    if !time.is_finite() {
        return Err(Problem::Time("the time is no number".into()));
    }
    if time >= RELATIVE_BELOW {
        let at = Timestamp::from_epoch_float(time, EpochUnit::S);
        return at
            .map(|at| (Some(at), false))
            .map_err(|error| Problem::Time(alloc::string::ToString::to_string(&error)));
    }
    if time == 0.0 {
        return Ok((None, true));
    }
    let by = Duration::try_from_secs_f64(libm::fabs(time))
        .map_err(|_| Problem::Time("the time is out of reach".into()))?;
    let at = if time < 0.0 { received_at.minus(by) } else { received_at.plus(by) };
    Ok((Some(at), true))
}

fn is_name(name: &str) -> bool {
    let first = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-:./_".contains(&byte);
    first && name.len() <= NAME_LEN_MAX && name.bytes().all(plain)
}

struct Pack<'f>(&'f Faults);

impl<'de> DeserializeSeed<'de> for Pack<'_> {
    type Value = Vec<Sent<'de>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Pack<'_> {
    type Value = Vec<Sent<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a SenML pack, a list of records")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut records = Vec::new();
        while let Some(record) = list.next_element_seed(Form::<Sent<'de>>::new(self.0))? {
            if records.len() == READINGS_MAX {
                let problem =
                    format_args!("more than {READINGS_MAX} records in one pack: send several");
                return Err(self.0.fail(Fault::TooManyReadings, problem));
            }
            records.push(record);
        }
        Ok(records)
    }
}

// The numbers are those of RFC 8428, table 4.
keys! { Key {
    BaseVersion "bver" -1 BaseName "bn" -2 BaseTime "bt" -3 BaseUnit "bu" -4 BaseValue "bv" -5 BaseSum "bs" -6
    Name "n" 0 Unit "u" 1 Value "v" 2 Text "vs" 3 Flag "vb" 4 Sum "s" 5 Time "t" 6 UpdateTime "ut" 7 Data "vd" 8
} }

/// A record as sent.
#[derive(Default)]
struct Sent<'a> {
    version: Option<f64>,
    base_name: Option<Cow<'a, str>>,
    base_time: Option<f64>,
    base_unit: Option<Cow<'a, str>>,
    base_value: Option<f64>,
    base_sum: Option<f64>,
    name: Option<Cow<'a, str>>,
    unit: Option<Cow<'a, str>>,
    value: Option<f64>,
    text: bool,
    flag: Option<bool>,
    sum: Option<f64>,
    time: Option<f64>,
    data: bool,
}

impl<'de> Object<'de> for Sent<'de> {
    type Key = Key;
    type Out = Self;
    const FORM: &'static str = "a record `{\"n\":…,\"v\":…}`";

    /// A key that ends in `_` must be understood (RFC 8428 section 4.4).
    fn passes_over(key: &str) -> bool {
        !key.ends_with('_')
    }

    fn take<A: MapAccess<'de>>(
        &mut self,
        key: Key,
        map: &mut A,
        _: &Faults,
    ) -> Result<(), A::Error> {
        fn number<'de, A: MapAccess<'de>>(map: &mut A) -> Result<Option<f64>, A::Error> {
            map.next_value::<Number>().map(|number| Some(number.0))
        }
        fn text<'de, A: MapAccess<'de>>(map: &mut A) -> Result<Option<Cow<'de, str>>, A::Error> {
            map.next_value::<Text<'de>>().map(|text| Some(text.0))
        }
        match key {
            Key::BaseVersion => self.version = number(map)?,
            Key::BaseName => self.base_name = text(map)?,
            Key::BaseTime => self.base_time = number(map)?,
            Key::BaseUnit => self.base_unit = text(map)?,
            Key::BaseValue => self.base_value = number(map)?,
            Key::BaseSum => self.base_sum = number(map)?,
            Key::Name => self.name = text(map)?,
            Key::Unit => self.unit = text(map)?,
            Key::Value => self.value = number(map)?,
            Key::Text => self.text = text(map)?.is_some(),
            Key::Flag => self.flag = Some(map.next_value()?),
            Key::Sum => self.sum = number(map)?,
            Key::Time => self.time = number(map)?,
            Key::UpdateTime => drop(number(map)?),
            Key::Data => {
                map.next_value_seed(Bytes)?;
                self.data = true;
            }
        }
        Ok(())
    }

    fn finish<E: Error>(self, _: &Faults) -> Result<Self, E> {
        Ok(self)
    }
}

/// Bytes, or in JSON their base64url without padding (RFC 4648 section 5).
struct Bytes;

impl<'de> DeserializeSeed<'de> for Bytes {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Bytes {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes, as base64url without padding in JSON")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        match text.len() % 4 != 1 && text.bytes().all(plain) {
            true => Ok(()),
            false => Err(E::custom(format_args!("`{}` is not base64url", shorten(text)))),
        }
    }

    fn visit_bytes<E: Error>(self, _: &[u8]) -> Result<(), E> {
        Ok(())
    }
}
