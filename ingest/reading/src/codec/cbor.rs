//! CBOR (RFC 8949) for the forms that JSON has too: one reader of a form serves both.
//!
//! Lengths that are announced are believed only as far as there are bytes; nothing is made room for beforehand. What
//! is passed over is passed over without recursion, so depth is bounded by the form. Of tags, the text date (0) and the
//! mark of CBOR itself (55799) are read through, decimal fractions (4) are numbers; others would change what a value
//! means and are refused.

use alloc::string::{String, ToString};
use core::fmt;

use minicbor::data::{IanaTag, Type};
use minicbor::decode::Decoder;
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

/// Whether a payload begins as CBOR of ours does: a list, a map, or a tag before one. No text begins so.
pub(super) fn is_cbor(payload: &[u8]) -> bool {
    matches!(payload.first(), Some(0x80..=0xdb))
}

/// Reads from bytes, which must outlive what is read.
pub(super) struct Cbor<'de> {
    decoder: Decoder<'de>,
}

/// Why bytes cannot be read.
#[derive(Debug)]
pub(super) enum CborError {
    /// They are no CBOR.
    Malformed(String),
    /// They are CBOR of another form.
    Data(String),
}

impl CborError {
    /// Whether the bytes were CBOR so far.
    pub(super) fn is_data(&self) -> bool {
        matches!(self, Self::Data(_))
    }
}

impl fmt::Display for CborError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(problem) | Self::Data(problem) => f.write_str(problem),
        }
    }
}

impl core::error::Error for CborError {}

impl de::Error for CborError {
    fn custom<T: fmt::Display>(problem: T) -> Self {
        Self::Data(problem.to_string())
    }
}

impl From<minicbor::decode::Error> for CborError {
    fn from(error: minicbor::decode::Error) -> Self {
        Self::Malformed(error.to_string())
    }
}

impl<'de> Cbor<'de> {
    /// A reader at the first byte.
    pub(super) fn new(payload: &'de [u8]) -> Self {
        Self { decoder: Decoder::new(payload) }
    }

    /// Where it has come to.
    pub(super) fn position(&self) -> usize {
        self.decoder.position()
    }

    /// Refuses bytes that are left over.
    pub(super) fn end(&self) -> Result<(), CborError> {
        match self.decoder.input().len() - self.position() {
            0 => Ok(()),
            left => {
                let left = left.to_string();
                Err(CborError::Malformed([left.as_str(), " bytes after the message"].concat()))
            }
        }
    }

    /// The type of the next item, past the tags that change nothing.
    fn kind(&mut self) -> Result<Type, CborError> {
        loop {
            let kind = self.decoder.datatype()?;
            if kind != Type::Tag {
                return Ok(kind);
            }
            let tag = self.decoder.tag()?;
            if tag != IanaTag::DateTime.tag() && tag.as_u64() != SELF_DESCRIBED {
                let number = tag.as_u64().to_string();
                let problem = ["the tag ", &number, " is not read here: send the value without it"];
                return Err(CborError::Data(problem.concat()));
            }
        }
    }

    /// A number of half precision (RFC 8949, appendix D).
    fn half(&mut self) -> Result<f64, CborError> {
        let at = self.position();
        let Some(&[high, low]) = self.decoder.input().get(at + 1..at + 3) else {
            return Err(CborError::Malformed("the bytes end inside a number".into()));
        };
        self.decoder.set_position(at + 3);
        let bits = u16::from_be_bytes([high, low]);
        let (exponent, mantissa) = (i32::from(bits >> 10 & 0x1f), f64::from(bits & 0x3ff));
        let size = match exponent {
            0 => libm::ldexp(mantissa, -24),
            31 if mantissa == 0.0 => f64::INFINITY,
            31 => f64::NAN,
            _ => libm::ldexp(mantissa + 1024.0, exponent - 25),
        };
        Ok(if bits & 0x8000 == 0 { size } else { -size })
    }

    /// A decimal fraction (RFC 8949 section 3.4.4), if that comes next: SenML writes numbers so, too.
    fn decimal(&mut self) -> Result<Option<f64>, CborError> {
        if self.decoder.datatype()? != Type::Tag {
            return Ok(None);
        }
        let before = self.position();
        if self.decoder.tag()? != IanaTag::Decimal.tag() {
            self.decoder.set_position(before);
            return Ok(None);
        }
        if self.decoder.array()? != Some(2) {
            return Err(CborError::Data("a decimal fraction is a list of two numbers".into()));
        }
        let (exponent, mantissa) = (self.decoder.i64()?, self.decoder.i64()?);
        let text = [&mantissa.to_string(), "e", &exponent.to_string()].concat();
        Ok(text.parse().ok())
    }

    /// A text in parts, put together.
    fn parted(&mut self) -> Result<String, CborError> {
        let mut text = String::new();
        for part in self.decoder.str_iter()? {
            text.push_str(part?);
        }
        Ok(text)
    }
}

const SELF_DESCRIBED: u64 = 55_799;

impl<'de> Deserializer<'de> for &mut Cbor<'de> {
    type Error = CborError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CborError> {
        if let Some(number) = self.decimal()? {
            return visitor.visit_f64(number);
        }
        match self.kind()? {
            Type::Bool => visitor.visit_bool(self.decoder.bool()?),
            Type::Null => {
                self.decoder.null().map_err(CborError::from).and_then(|()| visitor.visit_unit())
            }
            Type::Undefined => self
                .decoder
                .undefined()
                .map_err(CborError::from)
                .and_then(|()| visitor.visit_unit()),
            Type::U8 | Type::U16 | Type::U32 | Type::U64 => visitor.visit_u64(self.decoder.u64()?),
            Type::I8 | Type::I16 | Type::I32 | Type::I64 => visitor.visit_i64(self.decoder.i64()?),
            Type::Int => visitor.visit_f64(i128::from(self.decoder.int()?) as f64),
            Type::F16 => visitor.visit_f64(self.half()?),
            Type::F32 => visitor.visit_f64(f64::from(self.decoder.f32()?)),
            Type::F64 => visitor.visit_f64(self.decoder.f64()?),
            Type::String => visitor.visit_borrowed_str(self.decoder.str()?),
            Type::StringIndef => visitor.visit_string(self.parted()?),
            Type::Bytes => visitor.visit_borrowed_bytes(self.decoder.bytes()?),
            Type::Array | Type::ArrayIndef => {
                let left = self.decoder.array()?;
                visitor.visit_seq(Items { cbor: self, left })
            }
            Type::Map | Type::MapIndef => {
                let left = self.decoder.map()?;
                visitor.visit_map(Items { cbor: self, left })
            }
            kind @ (Type::Simple
            | Type::BytesIndef
            | Type::Tag
            | Type::Break
            | Type::Unknown(_)) => {
                Err(CborError::Malformed(["a ", &kind.to_string(), " says nothing here"].concat()))
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CborError> {
        match self.kind()? {
            Type::Null | Type::Undefined => self.deserialize_any(visitor),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CborError> {
        self.decoder.skip()?;
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf unit unit_struct newtype_struct seq
        tuple tuple_struct map struct enum identifier
    }
}

/// The items of a list or map; `None` are as many as come before the break.
struct Items<'r, 'de> {
    cbor: &'r mut Cbor<'de>,
    left: Option<u64>,
}

impl Items<'_, '_> {
    /// Whether one more follows.
    fn more(&mut self) -> Result<bool, CborError> {
        match &mut self.left {
            Some(0) => Ok(false),
            Some(left) => {
                *left -= 1;
                Ok(true)
            }
            None if self.cbor.decoder.datatype()? == Type::Break => {
                self.cbor.decoder.set_position(self.cbor.position() + 1);
                self.left = Some(0);
                Ok(false)
            }
            None => Ok(true),
        }
    }
}

impl<'de> SeqAccess<'de> for Items<'_, 'de> {
    type Error = CborError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, CborError> {
        if self.more()? { seed.deserialize(&mut *self.cbor).map(Some) } else { Ok(None) }
    }
}

impl<'de> MapAccess<'de> for Items<'_, 'de> {
    type Error = CborError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, CborError> {
        if self.more()? { seed.deserialize(&mut *self.cbor).map(Some) } else { Ok(None) }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, CborError> {
        seed.deserialize(&mut *self.cbor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_numbers_are_those_of_the_standard() {
        // RFC 8949, appendix A
        for (bytes, expected) in [
            ([0xf9, 0x00, 0x00], 0.0),
            ([0xf9, 0x3c, 0x00], 1.0),
            ([0xf9, 0x3e, 0x00], 1.5),
            ([0xf9, 0x7b, 0xff], 65504.0),
            ([0xf9, 0x00, 0x01], 5.960464477539063e-8),
            ([0xf9, 0x04, 0x00], 0.00006103515625),
            ([0xf9, 0xc4, 0x00], -4.0),
            ([0xf9, 0x7c, 0x00], f64::INFINITY),
            ([0xf9, 0xfc, 0x00], f64::NEG_INFINITY),
        ] {
            assert_eq!(Cbor::new(&bytes).half().unwrap(), expected);
        }
        assert!(Cbor::new(&[0xf9, 0x7e, 0x00]).half().unwrap().is_nan());
        assert!(Cbor::new(&[0xf9, 0x7e]).half().is_err());
    }
}
