//! Objects of a known form, read key by key, in any order, borrowing from the bytes, which are JSON or CBOR.
//!
//! Only the form's own levels are descended into, so depth is bounded by the form and not by the sender. A key twice
//! is refused: two readers would see two messages.

use alloc::borrow::Cow;
use alloc::string::{String, ToString};
use core::cell::Cell;
use core::fmt;
use core::marker::PhantomData;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};

use super::cbor::{self, Cbor};
use super::{CodecError, PAYLOAD_LEN_MAX, shorten};
use crate::time::{EpochUnit, TimeError, Timestamp};

/// A set of keys, at most 32.
pub(super) trait Keys: Copy {
    const NAMES: &'static [&'static str];
    fn parse(name: &str) -> Option<Self>;
    /// The key a number stands for, as CBOR forms may have it.
    fn labelled(label: i64) -> Option<Self>;
    fn name(self) -> &'static str;
    fn bit(self) -> u32;
}

macro_rules! keys {
    ($name:ident { $($variant:ident $text:literal $($label:literal)?)* }) => {
        #[derive(Clone, Copy)]
        enum $name { $($variant),* }

        impl $crate::codec::form::Keys for $name {
            const NAMES: &'static [&'static str] = &[$($text),*];

            fn parse(name: &str) -> Option<Self> {
                match name { $($text => Some(Self::$variant),)* _ => None }
            }

            fn labelled(label: i64) -> Option<Self> {
                match label { $($($label => Some(Self::$variant),)?)* _ => None }
            }

            fn name(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }

            fn bit(self) -> u32 {
                1 << self as u32
            }
        }
    };
}
pub(super) use keys;

/// An object of a known form.
pub(super) trait Object<'de>: Default {
    type Key: Keys;
    type Out;

    /// The form, for people.
    const FORM: &'static str;

    /// Whether a key that is not ours is passed over.
    fn passes_over(key: &str) -> bool;

    /// Takes the value of a key, which comes at most once.
    fn take<A: MapAccess<'de>>(
        &mut self,
        key: Self::Key,
        map: &mut A,
        faults: &Faults,
    ) -> Result<(), A::Error>;

    /// What the object says, once all of it is read.
    fn finish<E: Error>(self, faults: &Faults) -> Result<Self::Out, E>;
}

/// Which kind of trouble the reader below us stopped for. Its own errors are text only.
#[derive(Clone, Copy)]
pub(super) enum Fault {
    UnknownKey,
    DuplicateKey,
    BadTime,
    TooManyReadings,
}

#[derive(Default)]
pub(super) struct Faults(Cell<Option<Fault>>);

impl Faults {
    /// An error of a kind of ours.
    pub(super) fn fail<E: Error>(&self, fault: Fault, problem: impl fmt::Display) -> E {
        self.0.set(Some(fault));
        E::custom(problem)
    }

    /// The error for people: of our kind, else of the form, else what `malformed` makes of it.
    fn explain(
        &self,
        problem: &str,
        is_data: bool,
        malformed: fn(String) -> CodecError,
    ) -> CodecError {
        let problem = shorten(problem);
        match self.0.get() {
            Some(Fault::UnknownKey) => CodecError::UnknownKey { problem },
            Some(Fault::DuplicateKey) => CodecError::DuplicateKey { problem },
            Some(Fault::BadTime) => CodecError::BadTime { problem },
            Some(Fault::TooManyReadings) => CodecError::TooManyReadings { problem },
            None if is_data => CodecError::WrongShape { problem },
            None => malformed(problem),
        }
    }
}

/// Reads a payload that is one object and nothing else, JSON or CBOR.
pub(super) fn read<'a, T: Object<'a>>(payload: &'a [u8]) -> Result<T::Out, CodecError> {
    let faults = Faults::default();
    read_seed(payload, Form::<T>::new(&faults), &faults)
}

/// Reads a payload that is what `seed` reads and nothing else. CBOR is told by its first byte, which no text has.
pub(super) fn read_seed<'a, S: DeserializeSeed<'a>>(
    payload: &'a [u8],
    seed: S,
    faults: &Faults,
) -> Result<S::Value, CodecError> {
    if cbor::is_cbor(payload) {
        sized(payload)?;
        let mut cbor = Cbor::new(payload);
        let out = seed.deserialize(&mut cbor).and_then(|out| cbor.end().map(|()| out));
        let malformed = |problem| CodecError::NotCbor { problem };
        return out.map_err(|error| {
            let problem = [&error.to_string(), " at byte ", &cbor.position().to_string()].concat();
            faults.explain(&problem, error.is_data(), malformed)
        });
    }
    let mut json = serde_json::Deserializer::from_str(text_of(payload)?);
    let out = seed.deserialize(&mut json).and_then(|out| json.end().map(|()| out));
    let malformed = |problem| CodecError::NotJson { problem };
    out.map_err(|error| faults.explain(&error.to_string(), error.is_data(), malformed))
}

/// Refuses what is empty or too long.
pub(super) fn sized(payload: &[u8]) -> Result<(), CodecError> {
    match payload.len() {
        0 => Err(CodecError::EmptyPayload),
        len if len > PAYLOAD_LEN_MAX => Err(CodecError::TooLarge { len }),
        _ => Ok(()),
    }
}

/// A payload as text.
pub(super) fn text_of(payload: &[u8]) -> Result<&str, CodecError> {
    sized(payload)?;
    core::str::from_utf8(payload).map_err(|error| CodecError::NotUtf8 { at: error.valid_up_to() })
}

/// Reads an [`Object`].
pub(super) struct Form<'f, T> {
    faults: &'f Faults,
    form: PhantomData<T>,
}

impl<'f, T> Form<'f, T> {
    pub(super) fn new(faults: &'f Faults) -> Self {
        Self { faults, form: PhantomData }
    }
}

impl<'de, T: Object<'de>> DeserializeSeed<'de> for Form<'_, T> {
    type Value = T::Out;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T::Out, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, T: Object<'de>> Visitor<'de> for Form<'_, T> {
    type Value = T::Out;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::FORM)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<T::Out, A::Error> {
        let mut object = T::default();
        let mut seen = 0;
        while let Some(key) = map.next_key_seed(Key::<T>::new(self.faults))? {
            let Some(key) = key else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            if seen & key.bit() != 0 {
                let problem = format_args!("the key `{}` stands there twice", key.name());
                return Err(self.faults.fail(Fault::DuplicateKey, problem));
            }
            seen |= key.bit();
            object.take(key, &mut map, self.faults)?;
        }
        object.finish(self.faults)
    }
}

/// Reads a key; `None` is one to pass over.
struct Key<'f, T> {
    faults: &'f Faults,
    form: PhantomData<T>,
}

impl<'f, T> Key<'f, T> {
    fn new(faults: &'f Faults) -> Self {
        Self { faults, form: PhantomData }
    }
}

impl<'de, T: Object<'de>> DeserializeSeed<'de> for Key<'_, T> {
    type Value = Option<T::Key>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl<'de, T: Object<'de>> Visitor<'de> for Key<'_, T> {
    type Value = Option<T::Key>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        match T::Key::parse(name) {
            None if !T::passes_over(name) => {
                Err(self.faults.fail(Fault::UnknownKey, unknown::<T::Key>(name)))
            }
            key => Ok(key),
        }
    }

    fn visit_i64<E: Error>(self, label: i64) -> Result<Self::Value, E> {
        match T::Key::labelled(label) {
            None => self.visit_str(&label.to_string()),
            key => Ok(key),
        }
    }

    fn visit_u64<E: Error>(self, label: u64) -> Result<Self::Value, E> {
        self.visit_i64(i64::try_from(label).unwrap_or(i64::MAX))
    }
}

fn unknown<K: Keys>(name: &str) -> String {
    let known = K::NAMES.join("`, `");
    [
        "the key `",
        &shorten(name).escape_debug().to_string(),
        "` is not known here: use `",
        &known,
        "`",
    ]
    .concat()
}

macro_rules! scalars {
    ($($(#[$doc:meta])* $name:ident<$($lifetime:lifetime)?>($inner:ty) $expected:literal via $method:ident { $($visit:item)* })*) => {$(
        $(#[$doc])*
        pub(super) struct $name<$($lifetime)?>(pub(super) $inner);

        impl<'de $(: $lifetime, $lifetime)?> serde::Deserialize<'de> for $name<$($lifetime)?> {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Read<$($lifetime)?>(PhantomData<$(&$lifetime)? ()>);
                impl<'de $(: $lifetime, $lifetime)?> Visitor<'de> for Read<$($lifetime)?> {
                    type Value = $name<$($lifetime)?>;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($expected)
                    }

                    $($visit)*
                }
                deserializer.$method(Read(PhantomData))
            }
        }
    )*};
}

scalars! {
    /// A number; `null`, which is what some writers make of NaN, is NaN.
    Number<>(f64) "a number" via deserialize_any {
        fn visit_f64<E: Error>(self, value: f64) -> Result<Number, E> { Ok(Number(value)) }
        fn visit_i64<E: Error>(self, value: i64) -> Result<Number, E> { Ok(Number(value as f64)) }
        fn visit_u64<E: Error>(self, value: u64) -> Result<Number, E> { Ok(Number(value as f64)) }
        fn visit_unit<E: Error>(self) -> Result<Number, E> { Ok(Number(f64::NAN)) }
    }
    /// A running number.
    Natural<>(u64) "a whole number from 0 on" via deserialize_u64 {
        fn visit_u64<E: Error>(self, value: u64) -> Result<Natural, E> { Ok(Natural(value)) }
    }
    /// A text, borrowed unless it had to be unescaped.
    Text<'a>(Cow<'a, str>) "a text" via deserialize_str {
        fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Text<'a>, E> { Ok(Text(Cow::Borrowed(text))) }
        fn visit_str<E: Error>(self, text: &str) -> Result<Text<'a>, E> { Ok(Text(Cow::Owned(text.into()))) }
    }
    /// A stamp, not yet a moment: a number needs the `time_unit` that may come after it.
    Stamp<>(Sent) "an RFC 3339 time or a number" via deserialize_any {
        fn visit_str<E: Error>(self, text: &str) -> Result<Stamp, E> { Ok(Stamp(Sent::Text(Timestamp::parse(text)))) }
        fn visit_f64<E: Error>(self, value: f64) -> Result<Stamp, E> { Ok(Stamp(Sent::Float(value))) }
        fn visit_i64<E: Error>(self, value: i64) -> Result<Stamp, E> { Ok(Stamp(Sent::Whole(value))) }
        fn visit_u64<E: Error>(self, value: u64) -> Result<Stamp, E> {
            Ok(Stamp(i64::try_from(value).map_or(Sent::Float(value as f64), Sent::Whole)))
        }
    }
}

/// What stood there as a stamp.
pub(super) enum Sent {
    Text(Result<Timestamp, TimeError>),
    Whole(i64),
    Float(f64),
}

impl Stamp {
    /// Whether it needs a unit.
    pub(super) fn is_number(&self) -> bool {
        matches!(self.0, Sent::Whole(_) | Sent::Float(_))
    }

    /// The moment it means.
    pub(super) fn resolve<E: Error>(
        self,
        unit: Option<EpochUnit>,
        faults: &Faults,
    ) -> Result<Timestamp, E> {
        let moment = match (self.0, unit) {
            (Sent::Text(moment), _) => moment,
            (Sent::Whole(value), Some(unit)) => Timestamp::from_epoch(value, unit),
            (Sent::Float(value), Some(unit)) => Timestamp::from_epoch_float(value, unit),
            (Sent::Whole(_) | Sent::Float(_), None) => {
                let problem =
                    "`at` is a number: say what it counts, `\"time_unit\":\"s\"` (or ms, us, ns)";
                return Err(faults.fail(Fault::BadTime, problem));
            }
        };
        moment.map_err(|error| faults.fail(Fault::BadTime, error))
    }
}

/// Reads the `time_unit` of an object, if it is not `null`.
pub(super) fn time_unit<'de, A: MapAccess<'de>>(
    map: &mut A,
    faults: &Faults,
) -> Result<Option<EpochUnit>, A::Error> {
    let Some(Text(name)) = map.next_value()? else { return Ok(None) };
    let refused = || faults.fail(Fault::BadTime, "`time_unit` is one of `s`, `ms`, `us`, `ns`");
    EpochUnit::parse(&name).map(Some).ok_or_else(refused)
}

/// The value of a key that must be there.
pub(super) fn required<T, E: Error>(value: Option<T>, key: &'static str) -> Result<T, E> {
    value.ok_or_else(|| E::missing_field(key))
}
