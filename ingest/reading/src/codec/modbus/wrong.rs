//! What is wrong with what came instead of an answer.

use super::{PortError, Question};
use crate::codec::crc16;

/// The unit refused.
pub(super) fn refused(question: &Question, code: u8) -> PortError {
    let Question { unit, table, address, .. } = *question;
    let meaning = exception(code);
    PortError::Exception { unit, function: table.function(), address, code, meaning }
}

/// What an exception means (MODBUS Application Protocol V1.1b3, 7).
pub const fn exception(code: u8) -> &'static str {
    match code {
        1 => "it has no such function: try another table",
        2 => "it has no such address: look at address and address-base",
        3 => "it does not take this count or value",
        4 => "it failed",
        5 => "it takes its time",
        6 => "it is busy",
        8 => "its memory is damaged",
        10 => "the gateway has no way to it",
        11 => "the gateway got no answer from it",
        _ => "which has no common meaning",
    }
}

/// What is wrong with bytes that should have answered `question`.
pub(super) fn fault(question: &Question, bytes: &[u8]) -> PortError {
    let (asked, function) = (question.unit, question.table.function());
    match (crc16::checked(bytes), bytes) {
        (Some(([answered, ..], _)), _) if *answered != asked => {
            PortError::ForeignAnswer { asked, answered: *answered }
        }
        (Some(_), _) => PortError::OtherAnswer { unit: asked },
        (None, [_, f, len, rest @ ..]) if *f == function && rest.len() < usize::from(*len) + 2 => {
            PortError::Truncated { len: bytes.len() }
        }
        (None, _) if bytes.len() < 5 => PortError::Truncated { len: bytes.len() },
        (None, _) => PortError::BadChecksum,
    }
}

/// The same for a frame with the header of Modbus TCP: number, 0, length, two bytes each, then the unit.
pub(super) fn fault_over_tcp(question: &Question, bytes: &[u8]) -> PortError {
    let asked = question.unit;
    match bytes {
        [_, _, 0, 0, high, low, _, ..]
            if bytes.len() < 6 + usize::from(u16::from_be_bytes([*high, *low])) =>
        {
            PortError::Truncated { len: bytes.len() }
        }
        [_, _, 0, 0, _, _, answered, ..] if *answered != asked => {
            PortError::ForeignAnswer { asked, answered: *answered }
        }
        [_, _, 0, 0, _, _, _, ..] => PortError::OtherAnswer { unit: asked },
        _ => PortError::Truncated { len: bytes.len() },
    }
}
