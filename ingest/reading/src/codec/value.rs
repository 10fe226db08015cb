//! JSON of any form, as a tree with bounds, for the formats that others design.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::form::{Fault, Faults, read_seed};
use super::{CodecError, shorten};

/// How deep objects and lists may stand in each other.
const DEPTH_MAX: u8 = 16;

/// A JSON value. Keys of an object are sorted, each there once.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value<'a> {
    Null,
    Flag(bool),
    Whole(i64),
    Number(f64),
    Text(Cow<'a, str>),
    List(Vec<Value<'a>>),
    Object(Vec<(Cow<'a, str>, Value<'a>)>),
}

/// Reads a payload that is one JSON value.
pub(super) fn read(payload: &[u8]) -> Result<Value<'_>, CodecError> {
    let faults = Faults::default();
    read_seed(payload, Seed { faults: &faults, depth: 0 }, &faults)
}

impl<'a> Value<'a> {
    /// What stands behind a key.
    pub(super) fn get(&self, key: &str) -> Option<&Value<'a>> {
        let Self::Object(entries) = self else { return None };
        let at = entries.binary_search_by(|(name, _)| name.as_ref().cmp(key)).ok()?;
        Some(&entries[at].1)
    }

    /// What an RFC 6901 pointer points to; the empty one is the value itself.
    pub(super) fn pointed(&self, pointer: &str) -> Option<&Value<'a>> {
        let mut at = self;
        for token in pointer.split('/').skip(1) {
            at = match at {
                Self::Object(_) if token.contains('~') => {
                    at.get(&token.replace("~1", "/").replace("~0", "~"))?
                }
                Self::Object(_) => at.get(token)?,
                Self::List(items) => items.get(index(token)?)?,
                _ => return None,
            };
        }
        Some(at)
    }

    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A number; a flag is 0 or 1.
    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Self::Whole(number) => Some(*number as f64),
            Self::Number(number) => Some(*number),
            Self::Flag(flag) => Some(f64::from(u8::from(*flag))),
            Self::Null | Self::Text(_) | Self::List(_) | Self::Object(_) => None,
        }
    }

    pub(super) fn whole(&self) -> Option<u64> {
        match self {
            Self::Whole(number) => u64::try_from(*number).ok(),
            _ => None,
        }
    }

    pub(super) fn list(&self) -> &[Value<'a>] {
        match self {
            Self::List(items) => items,
            _ => &[],
        }
    }
}

/// A place in a list: digits without a leading zero.
fn index(token: &str) -> Option<usize> {
    let plain =
        token == "0" || !token.starts_with('0') && token.bytes().all(|b| b.is_ascii_digit());
    if plain { token.parse().ok() } else { None }
}

/// Whether a text is an RFC 6901 pointer.
pub fn is_pointer(text: &str) -> bool {
    let escapes = || text.split('~').skip(1).all(|after| after.starts_with(['0', '1']));
    text.is_empty() || text.starts_with('/') && escapes()
}

#[derive(Clone, Copy)]
struct Seed<'f> {
    faults: &'f Faults,
    depth: u8,
}

impl Seed<'_> {
    fn deeper<E: Error>(self) -> Result<Self, E> {
        match self.depth {
            DEPTH_MAX => Err(E::custom(format_args!("nested deeper than {DEPTH_MAX} levels"))),
            depth => Ok(Self { depth: depth + 1, ..self }),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Value<'de>, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<Value<'de>, E> {
        Ok(Value::Flag(flag))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Value<'de>, E> {
        Ok(Value::Whole(number))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Value<'de>, E> {
        Ok(i64::try_from(number).map_or(Value::Number(number as f64), Value::Whole))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Value<'de>, E> {
        Ok(Value::Number(number))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Owned(text.into())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value<'de>, A::Error> {
        let deeper = self.deeper()?;
        let mut items = Vec::new();
        while let Some(item) = list.next_element_seed(deeper)? {
            items.push(item);
        }
        Ok(Value::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value<'de>, A::Error> {
        let deeper = self.deeper()?;
        let mut entries: Vec<(Cow<'de, str>, Value<'de>)> = Vec::new();
        while let Some(super::form::Text(key)) = map.next_key()? {
            entries.push((key, map.next_value_seed(deeper)?));
        }
        entries.sort_by(|a, b| a.0.cmp(&b.0));
        if let Some(twice) = entries.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            let name: String = shorten(&twice[0].0).escape_debug().collect();
            let problem = format!("the key `{name}` stands there twice");
            return Err(self.faults.fail(Fault::DuplicateKey, problem));
        }
        Ok(Value::Object(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_are_those_of_the_standard() {
        // RFC 6901 section 5
        let text = br#"{"foo":["bar","baz"],"":0,"a/b":1,"c%d":2,"e^f":3,"g|h":4,"i\\j":5,"k\"l":6," ":7,"m~n":8}"#;
        let value = read(text).unwrap();
        for (pointer, expected) in [
            ("/", 0),
            ("/a~1b", 1),
            ("/c%d", 2),
            ("/e^f", 3),
            ("/g|h", 4),
            ("/i\\j", 5),
            ("/k\"l", 6),
            ("/ ", 7),
            ("/m~0n", 8),
        ] {
            assert_eq!(value.pointed(pointer), Some(&Value::Whole(expected)), "{pointer}");
        }
        assert_eq!(value.pointed(""), Some(&value));
        assert_eq!(value.pointed("/foo/0").and_then(Value::text), Some("bar"));
        for missing in ["/foo/2", "/foo/01", "/foo/-", "/foo/+1", "/foo/", "/bar", "/foo/0/x"] {
            assert_eq!(value.pointed(missing), None, "{missing}");
        }
        assert!(is_pointer("") && is_pointer("/a~0b/~1"));
        assert!(!is_pointer("a") && !is_pointer("/a~2") && !is_pointer("/a~"));
    }

    #[test]
    fn depth_and_doubled_keys_are_refused_whatever_their_number() {
        assert!(read(&b"[".repeat(200_000)).is_err());
        let deep = ["[".repeat(17), "]".repeat(17)].concat();
        assert_eq!(read(deep.as_bytes()).unwrap_err().name(), "wrong-shape");
        let keys: Vec<_> = (0..20_000).map(|i| format!("\"{i}\":0")).collect();
        let many = format!("{{{}}}", keys.join(","));
        assert!(read(many.as_bytes()).is_ok());
        let twice = format!("{{{},\"7\":1}}", keys.join(","));
        assert_eq!(read(twice.as_bytes()).unwrap_err().name(), "duplicate-key");
    }
}
