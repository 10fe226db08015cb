//! Protobuf as far as Sparkplug B uses it, read in one pass, borrowing from the bytes.

use alloc::string::String;
use alloc::vec::Vec;

use crate::codec::CodecError;

/// A field's value as it stands on the wire.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Wire<'a> {
    Varint(u64),
    Fixed64(u64),
    Fixed32(u32),
    Bytes(&'a [u8]),
}

/// Goes through the fields of a message.
pub(super) struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    pub(super) fn new(message: &'a [u8]) -> Self {
        Self(message)
    }

    /// The next field by number.
    pub(super) fn next(&mut self) -> Result<Option<(u64, Wire<'a>)>, CodecError> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let key = self.varint()?;
        let value = match key & 7 {
            0 => Wire::Varint(self.varint()?),
            1 => Wire::Fixed64(u64::from_le_bytes(self.array()?)),
            2 => {
                let len = usize::try_from(self.varint()?).map_err(|_| bad("a length"))?;
                Wire::Bytes(self.bytes(len)?)
            }
            5 => Wire::Fixed32(u32::from_le_bytes(self.array()?)),
            _ => return Err(bad("a field of a kind that is not used")),
        };
        match key >> 3 {
            0 => Err(bad("a field without a number")),
            field => Ok(Some((field, value))),
        }
    }

    fn varint(&mut self) -> Result<u64, CodecError> {
        let mut value = 0;
        for place in 0..10 {
            let (byte, rest) =
                self.0.split_first().ok_or_else(|| bad("a number that is cut off"))?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << (7 * place);
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(bad("a number of more than ten bytes"))
    }

    fn bytes(&mut self, len: usize) -> Result<&'a [u8], CodecError> {
        let (bytes, rest) =
            self.0.split_at_checked(len).ok_or_else(|| bad("a field that is cut off"))?;
        self.0 = rest;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], CodecError> {
        let (bytes, rest) =
            self.0.split_first_chunk().ok_or_else(|| bad("a number that is cut off"))?;
        self.0 = rest;
        Ok(*bytes)
    }
}

impl<'a> Wire<'a> {
    pub(super) fn number(self) -> Result<u64, CodecError> {
        match self {
            Self::Varint(value) => Ok(value),
            _ => Err(bad("a field that is no whole number")),
        }
    }

    pub(super) fn message(self) -> Result<&'a [u8], CodecError> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            _ => Err(bad("a field that is no message")),
        }
    }

    pub(super) fn text(self) -> Result<&'a str, CodecError> {
        core::str::from_utf8(self.message()?).map_err(|_| bad("a text that is not UTF-8"))
    }
}

/// Writes fields, one after the other.
#[derive(Default)]
pub(super) struct Writer(pub(super) Vec<u8>);

impl Writer {
    pub(super) fn number(&mut self, field: u64, value: u64) {
        self.varint(field << 3);
        self.varint(value);
    }

    pub(super) fn double(&mut self, field: u64, value: f64) {
        self.varint(field << 3 | 1);
        self.0.extend(value.to_le_bytes());
    }

    pub(super) fn float(&mut self, field: u64, value: f32) {
        self.varint(field << 3 | 5);
        self.0.extend(value.to_le_bytes());
    }

    pub(super) fn bytes(&mut self, field: u64, bytes: &[u8]) {
        self.varint(field << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend(bytes);
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}

fn bad(what: &str) -> CodecError {
    CodecError::NotProtobuf { problem: String::from(what) }
}
