//! Answers of Modbus units: the raw registers as they were read, and the map that makes measures of them.
//!
//! Source: MODBUS Application Protocol V1.1b3.

mod map;
mod polled;
mod wrong;

use alloc::borrow::Cow;

use super::port::{PortError, Speaker};
use crate::report::{Claim, Report, Road};
pub use map::{
    BITS_MAX, ModbusUnit, NumberKind, REGISTERS_MAX, Register, RegisterTable, WordOrder, questions,
};
pub use polled::{Answer, Polled, Question};
pub use wrong::exception;

/// Makes measures of a journaled answer.
pub(super) fn decode<'a>(units: &'a [ModbusUnit], payload: &[u8]) -> Result<Report<'a>, PortError> {
    let Polled { at, question, answer } = Polled::read(payload)?;
    let of_question = |unit: &&ModbusUnit| unit.unit == question.unit;
    let unit =
        units.iter().find(of_question).ok_or(PortError::UnknownUnit { unit: question.unit })?;
    let claims = match &answer {
        Answer::Registers(_) | Answer::Bits(_) => unit
            .registers
            .iter()
            .filter_map(|register| claim(register, &question, &answer))
            .collect(),
        Answer::Exception(code) => return Err(wrong::refused(&question, *code)),
        Answer::Bad(bytes) => return Err(wrong::fault(&question, bytes)),
        Answer::BadTcp(bytes) => return Err(wrong::fault_over_tcp(&question, bytes)),
    };
    let Speaker { site, station } = &unit.speaker;
    let (site, station) = (site.as_str(), station.as_str());
    Ok(Report { site, station, seq: None, at: Some(at), heard_at: None, road: Road::Live, claims })
}

/// What `register` says, if it was asked for.
fn claim<'a>(register: &'a Register, question: &Question, answer: &Answer) -> Option<Claim<'a>> {
    if register.table != question.table {
        return None;
    }
    let first = usize::from(register.address.checked_sub(question.address)?);
    let wanted = first..first + usize::from(register.number.registers());
    let number = match answer {
        Answer::Registers(all) => register.order.number(register.number, all.get(wanted)?),
        Answer::Bits(all) => f64::from(u8::from(*all.get(first)?)),
        Answer::Exception(_) | Answer::Bad(_) | Answer::BadTcp(_) => return None,
    };
    Some(Claim {
        sensor: Cow::Borrowed(register.sensor.as_str()),
        quantity: Cow::Borrowed(register.quantity.name()),
        value: number * register.scale + register.offset,
        unit: register.unit.map(|unit| Cow::Borrowed(unit.symbol())),
        at: None,
    })
}

#[cfg(test)]
mod tests;
