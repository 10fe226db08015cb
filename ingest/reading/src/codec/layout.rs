//! What the bytes of an uplink mean, described as a table: for devices whose network server does not decode them.
//!
//! A payload is a header and blocks. A block is there always, if a bit of a flags word says so (Decentlab), or where
//! its tag stands (Milesight, Cayenne LPP). Its fields are numbers at places within it, scaled and shifted.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::CodecError;

/// The most blocks that are read of one payload: LoRaWAN carries 242 bytes.
const BLOCKS_MAX: usize = 256;

/// How the bytes on some ports are laid out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Layout {
    /// The ports it holds for; none means all.
    pub ports: Vec<u8>,
    /// Bytes before the first block.
    pub header: u32,
    /// Where in the header a word of 16 bits, big-endian, says which blocks there are.
    pub flags_at: Option<u32>,
    /// The blocks, in their order.
    pub blocks: Vec<Block>,
}

/// Bytes that belong together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Block {
    /// When it is there.
    pub when: When,
    /// Its length in bytes, its tag not counted.
    pub len: u32,
    /// What it says.
    pub fields: Vec<Field>,
}

/// When a block is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum When {
    /// Always.
    Always,
    /// If this bit of the flags is set, 0 the lowest.
    Flag(u8),
    /// Where these bytes stand, in any order among other tagged blocks.
    Tag(Vec<u8>),
}

/// A number within a block.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Field {
    /// The metric.
    pub name: String,
    /// Its first byte, from the start of the block.
    pub at: u32,
    /// How it is written.
    pub number: Number,
    /// The lowest bit and how many, if it is a part of a number.
    pub bits: Option<(u8, u8)>,
    /// What it is multiplied by.
    pub scale: f64,
    /// What is added then.
    pub add: f64,
}

/// How a number is written in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Number {
    /// Whether it is whole without a sign, whole with one, or a float.
    pub kind: Kind,
    /// How many bytes: 1 to 4, a float 4 or 8.
    pub len: u8,
    /// Which byte comes first.
    pub order: Order,
}

/// What kind of number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// Whole, from 0 on.
    Unsigned,
    /// Whole, two's complement.
    Signed,
    /// IEEE 754.
    Float,
}

/// Which byte comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Order {
    /// The highest.
    Big,
    /// The lowest.
    Little,
    /// Words of two bytes, the lowest word first, each with its highest byte first.
    WordsLittle,
}

impl Number {
    /// Reads `u8`, `i16-be`, `u24-le`, `f32-be`, `u32-words-le` and their like.
    pub fn parse(text: &str) -> Option<Self> {
        let (number, order) = text.split_once('-').unwrap_or((text, ""));
        let (kind, bits) = number.split_at_checked(1)?;
        let kind = match kind {
            "u" => Kind::Unsigned,
            "i" => Kind::Signed,
            "f" => Kind::Float,
            _ => return None,
        };
        let len = match (kind, bits) {
            (Kind::Unsigned | Kind::Signed, "8") => 1,
            (Kind::Unsigned | Kind::Signed, "16") => 2,
            (Kind::Unsigned | Kind::Signed, "24") => 3,
            (_, "32") => 4,
            (Kind::Float, "64") => 8,
            _ => return None,
        };
        let order = match (order, len) {
            ("be", 2..) | ("", 1) => Order::Big,
            ("le", 2..) => Order::Little,
            ("words-le", 4) => Order::WordsLittle,
            _ => return None,
        };
        Some(Self { kind, len, order })
    }

    fn read(self, bytes: &[u8]) -> f64 {
        let mut ordered = [0; 8];
        for (place, byte) in bytes.iter().enumerate() {
            let from_end = match self.order {
                Order::Big => bytes.len() - 1 - place,
                Order::Little => place,
                Order::WordsLittle => place ^ 1,
            };
            ordered[from_end] = *byte;
        }
        let raw = u64::from_le_bytes(ordered);
        match (self.kind, self.len) {
            (Kind::Unsigned, _) => raw as f64,
            (Kind::Signed, len) => {
                let unused = 64 - 8 * u32::from(len);
                ((raw << unused) as i64 >> unused) as f64
            }
            (Kind::Float, 8) => f64::from_bits(raw),
            (Kind::Float, _) => f64::from(f32::from_bits(raw as u32)),
        }
    }
}

impl Field {
    fn read(&self, block: &[u8]) -> Option<f64> {
        let at = self.at as usize;
        let raw = self.number.read(block.get(at..at + usize::from(self.number.len))?);
        let part = match self.bits {
            None => raw,
            Some((lowest, count)) => {
                (raw as u64 >> lowest.min(63) & ((1 << count.min(63)) - 1)) as f64
            }
        };
        Some(part * self.scale + self.add)
    }
}

impl Layout {
    /// Whether it is for a port.
    pub(super) fn is_for(&self, port: u8) -> bool {
        self.ports.is_empty() || self.ports.contains(&port)
    }

    /// Reads a payload: each field with its name goes to `take`.
    pub(super) fn read(
        &self,
        payload: &[u8],
        mut take: impl FnMut(&str, f64) -> Result<(), CodecError>,
    ) -> Result<(), CodecError> {
        let mut rest = payload.get(self.header as usize..).ok_or_else(|| short(payload.len()))?;
        let flags = match self.flags_at.map(|at| at as usize) {
            None => 0,
            Some(at) => match payload.get(at..at + 2) {
                Some(&[high, low]) => u16::from_be_bytes([high, low]),
                _ => return Err(short(payload.len())),
            },
        };
        for block in &self.blocks {
            let there = match block.when {
                When::Always => true,
                When::Flag(bit) => flags >> bit & 1 == 1,
                When::Tag(_) => false,
            };
            if there {
                rest = block.read(rest, &mut take).ok_or_else(|| short(payload.len()))??;
            }
        }
        let mut blocks = 0;
        while !rest.is_empty() && self.has_tags() {
            let at = payload.len() - rest.len();
            let tagged = self.blocks.iter().find_map(|block| match &block.when {
                When::Tag(tag) => rest.strip_prefix(tag.as_slice()).map(|after| (block, after)),
                When::Always | When::Flag(_) => None,
            });
            let Some((block, after)) = tagged else {
                return Err(wrong(format!("no block begins as the bytes from {at} on do")));
            };
            rest = block.read(after, &mut take).ok_or_else(|| short(payload.len()))??;
            blocks += 1;
            if blocks > BLOCKS_MAX {
                return Err(wrong(format!("more than {BLOCKS_MAX} blocks")));
            }
        }
        match rest.len() {
            0 => Ok(()),
            left => Err(wrong(format!("{left} bytes after the last block"))),
        }
    }

    fn has_tags(&self) -> bool {
        self.blocks.iter().any(|block| matches!(block.when, When::Tag(_)))
    }
}

impl Block {
    /// Reads it at the front of `bytes` and gives what follows; `None` if they are too few.
    fn read<'b>(
        &self,
        bytes: &'b [u8],
        take: &mut impl FnMut(&str, f64) -> Result<(), CodecError>,
    ) -> Option<Result<&'b [u8], CodecError>> {
        let (block, rest) = bytes.split_at_checked(self.len as usize)?;
        for field in &self.fields {
            if let Err(error) = take(&field.name, field.read(block)?) {
                return Some(Err(error));
            }
        }
        Some(Ok(rest))
    }
}

fn short(len: usize) -> CodecError {
    wrong(["the payload ends too early, after ", &len.to_string(), " bytes"].concat())
}

fn wrong(problem: String) -> CodecError {
    CodecError::WrongShape { problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_in_every_order() {
        for (text, bytes, expected) in [
            ("u8", &[200][..], 200.0),
            ("i8", &[200], -56.0),
            ("u16-be", &[1, 2], 258.0),
            ("u16-le", &[1, 2], 513.0),
            ("i16-be", &[0xff, 0xfe], -2.0),
            ("i24-be", &[0xff, 0xff, 0xfe], -2.0),
            ("u24-le", &[1, 0, 1], 65_537.0),
            ("i32-le", &[0xfe, 0xff, 0xff, 0xff], -2.0),
            ("u32-words-le", &[0x00, 0x02, 0x00, 0x01], 65_538.0),
            ("f32-be", &[0x3f, 0x80, 0, 0], 1.0),
            ("f32-words-le", &[0, 0, 0x3f, 0x80], 1.0),
            ("f64-le", &[0, 0, 0, 0, 0, 0, 0xf0, 0x3f], 1.0),
        ] {
            assert_eq!(Number::parse(text).unwrap().read(bytes), expected, "{text}");
        }
        for bad in
            ["", "u", "u8-be", "u16", "f16-be", "u64-be", "u16-words-le", "x16-be", "u16-xe", "é8"]
        {
            assert_eq!(Number::parse(bad), None, "{bad}");
        }
    }
}
