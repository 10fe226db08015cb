//! An answer with what it answers, as bytes of the journal.
//!
//! What is journaled is what came, with what was asked, so that a repaired map judges old answers again:
//!
//! ```text
//! 4d 01 │ at, 8 │ unit, 1 │ function, 1 │ address, 2 │ count, 2 │ outcome, 1 │ what came
//!
//! at        nanoseconds since 1970, when the answer was there
//! address   of the first register or bit asked for, counted from 0; count: how many
//! outcome   0  the registers, two bytes each, or the bits, eight to a byte, lowest first: as Modbus sends them
//!           1  an exception, one byte
//!           2  an answer that is none, over RTU: everything that came, address and CRC included
//!           3  the same over TCP, the header of seven bytes included
//! ```
//! Numbers stand high byte first.

use alloc::vec::Vec;

use super::{PortError, RegisterTable};
use crate::time::Timestamp;

/// What it begins with.
pub(super) const MARK: [u8; 2] = [b'M', 1];

/// What a unit was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Question {
    /// The unit.
    pub unit: u8,
    /// Which table.
    pub table: RegisterTable,
    /// From where, counted from 0.
    pub address: u16,
    /// How many registers or bits.
    pub count: u16,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The registers.
    Registers(Vec<u16>),
    /// The bits.
    Bits(Vec<bool>),
    /// It refused.
    Exception(u8),
    /// Bytes that are no answer to this question, over RTU.
    Bad(Vec<u8>),
    /// The same over TCP.
    BadTcp(Vec<u8>),
}

/// An answer with what it answers, as it is journaled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Polled {
    /// When it was there.
    pub at: Timestamp,
    /// What was asked.
    pub question: Question,
    /// What came.
    pub answer: Answer,
}

impl Polled {
    /// As bytes for the journal.
    pub fn write(&self) -> Vec<u8> {
        let Question { unit, table, address, count } = self.question;
        let mut out = Vec::with_capacity(17 + 2 * usize::from(count));
        out.extend(MARK);
        out.extend(self.at.nanos().to_be_bytes());
        out.extend([unit, table.function()]);
        out.extend(address.to_be_bytes());
        out.extend(count.to_be_bytes());
        match &self.answer {
            Answer::Registers(registers) => {
                out.push(0);
                out.extend(registers.iter().flat_map(|register| register.to_be_bytes()));
            }
            Answer::Bits(bits) => {
                out.push(0);
                let packed = |eight: &[bool]| {
                    eight.iter().enumerate().fold(0, |byte, (i, bit)| byte | u8::from(*bit) << i)
                };
                out.extend(bits.chunks(8).map(packed));
            }
            Answer::Exception(code) => out.extend([1, *code]),
            Answer::Bad(bytes) => {
                out.push(2);
                out.extend(bytes);
            }
            Answer::BadTcp(bytes) => {
                out.push(3);
                out.extend(bytes);
            }
        }
        out
    }

    /// From bytes of the journal.
    ///
    /// # Errors
    /// [`PortError::Truncated`], [`PortError::UnknownKind`].
    pub fn read(bytes: &[u8]) -> Result<Self, PortError> {
        let truncated = || PortError::Truncated { len: bytes.len() };
        let (mark, rest) = bytes.split_first_chunk::<2>().ok_or_else(truncated)?;
        if *mark != MARK {
            return Err(PortError::UnknownKind { kind: mark[0] });
        }
        let (at, rest) = rest.split_first_chunk::<8>().ok_or_else(truncated)?;
        let (asked, rest) = rest.split_first_chunk::<7>().ok_or_else(truncated)?;
        let [unit, function, a, b, c, d, outcome] = *asked;
        let table = RegisterTable::ALL.into_iter().find(|table| table.function() == function);
        let table = table.ok_or(PortError::UnknownKind { kind: function })?;
        let count = u16::from_be_bytes([c, d]);
        let question = Question { unit, table, address: u16::from_be_bytes([a, b]), count };
        let answer = match outcome {
            0 if table.is_bits() => bits(rest, count).map(Answer::Bits).ok_or_else(truncated)?,
            0 => registers(rest, count).map(Answer::Registers).ok_or_else(truncated)?,
            1 => Answer::Exception(*rest.first().ok_or_else(truncated)?),
            2 => Answer::Bad(rest.to_vec()),
            3 => Answer::BadTcp(rest.to_vec()),
            kind => return Err(PortError::UnknownKind { kind }),
        };
        Ok(Self { at: Timestamp::from_nanos(i64::from_be_bytes(*at)), question, answer })
    }
}

fn registers(bytes: &[u8], count: u16) -> Option<Vec<u16>> {
    let pairs = bytes.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
    (bytes.len() == 2 * usize::from(count)).then(|| pairs.collect())
}

fn bits(bytes: &[u8], count: u16) -> Option<Vec<bool>> {
    let count = usize::from(count);
    let bit = |i: usize| bytes[i / 8] >> (i % 8) & 1 == 1;
    (bytes.len() == count.div_ceil(8)).then(|| (0..count).map(bit).collect())
}
