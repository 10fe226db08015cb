//! Answers of Modbus units: the raw registers as they were read, and the map that makes measures of them.
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
//! Numbers stand high byte first. Source: MODBUS Application Protocol V1.1b3, 6.1 to 6.4 and 7.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::crc16;
use super::port::{PortError, Speaker};
use crate::id::SensorId;
use crate::report::{Claim, Report, Road};
use crate::time::Timestamp;
use crate::unit::{Quantity, Unit};

/// The most registers one question may be about (6.3).
pub const REGISTERS_MAX: u16 = 125;

/// The most bits one question may be about (6.1 allows 2 000; one byte less of count keeps to whole bytes).
pub const BITS_MAX: u16 = 2_000;

const MARK: [u8; 2] = [b'M', 1];

/// A unit on a bus.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModbusUnit {
    /// Its address, 1 to 247; 0 to 255 behind TCP.
    pub unit: u8,
    /// The station it is.
    pub speaker: Speaker,
    /// What is read from it.
    pub registers: Vec<Register>,
}

/// A measure in registers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Register {
    /// The instrument.
    pub sensor: SensorId,
    /// What it measures.
    pub quantity: Quantity,
    /// Which of the four tables it is in.
    pub table: RegisterTable,
    /// Of its first register or its bit, counted from 0.
    pub address: u16,
    /// What the registers hold.
    pub number: NumberKind,
    /// In which order they hold it.
    pub order: WordOrder,
    /// The measure is the number times this,
    pub scale: f64,
    /// and this added,
    pub offset: f64,
    /// in this unit.
    pub unit: Unit,
}

/// One of the four tables of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RegisterTable {
    /// Bits that may be written, function 1.
    Coil,
    /// Bits that may not, function 2.
    DiscreteInput,
    /// Registers that may be written, function 3.
    Holding,
    /// Registers that may not, function 4.
    Input,
}

impl RegisterTable {
    /// Every table.
    pub const ALL: [Self; 4] = [Self::Coil, Self::DiscreteInput, Self::Holding, Self::Input];

    /// The function that reads it.
    pub const fn function(self) -> u8 {
        match self {
            Self::Coil => 1,
            Self::DiscreteInput => 2,
            Self::Holding => 3,
            Self::Input => 4,
        }
    }

    /// Its name in configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Coil => "coil",
            Self::DiscreteInput => "discrete-input",
            Self::Holding => "holding",
            Self::Input => "input",
        }
    }

    /// Whether it is of bits.
    pub const fn is_bits(self) -> bool {
        matches!(self, Self::Coil | Self::DiscreteInput)
    }
}

/// What registers hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NumberKind {
    /// A bit, 0 or 1.
    Bit,
    /// Without sign, 16 bits.
    U16,
    /// With sign, 16 bits.
    I16,
    /// Without sign, 32 bits.
    U32,
    /// With sign, 32 bits.
    I32,
    /// Without sign, 64 bits.
    U64,
    /// With sign, 64 bits.
    I64,
    /// IEEE 754, 32 bits.
    F32,
    /// IEEE 754, 64 bits.
    F64,
}

impl NumberKind {
    /// Every kind, by its name in configuration.
    pub const ALL: [(&'static str, Self); 9] = [
        ("bit", Self::Bit),
        ("u16", Self::U16),
        ("i16", Self::I16),
        ("u32", Self::U32),
        ("i32", Self::I32),
        ("u64", Self::U64),
        ("i64", Self::I64),
        ("f32", Self::F32),
        ("f64", Self::F64),
    ];

    /// How many registers it takes, or bits.
    pub const fn registers(self) -> u16 {
        match self {
            Self::Bit | Self::U16 | Self::I16 => 1,
            Self::U32 | Self::I32 | Self::F32 => 2,
            Self::U64 | Self::I64 | Self::F64 => 4,
        }
    }

    /// The number in `bytes`, which are as many as it takes, in order of [`WordOrder::Abcd`].
    fn of(self, bytes: [u8; 8]) -> f64 {
        let [a, b, c, d, ..] = bytes;
        let (two, four) = ([a, b], [a, b, c, d]);
        match self {
            Self::Bit | Self::U16 => f64::from(u16::from_be_bytes(two)),
            Self::I16 => f64::from(i16::from_be_bytes(two)),
            Self::U32 => f64::from(u32::from_be_bytes(four)),
            Self::I32 => f64::from(i32::from_be_bytes(four)),
            Self::U64 => u64::from_be_bytes(bytes) as f64,
            Self::I64 => i64::from_be_bytes(bytes) as f64,
            Self::F32 => f64::from(f32::from_be_bytes(four)),
            Self::F64 => f64::from_be_bytes(bytes),
        }
    }
}

/// In which order the bytes of a number stand in its registers: `A` is the highest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WordOrder {
    /// Highest first, as Modbus has it.
    #[default]
    Abcd,
    /// Lowest register first.
    Cdab,
    /// The bytes of each register swapped.
    Badc,
    /// Both: lowest first.
    Dcba,
}

impl WordOrder {
    /// Every order, by its name in configuration.
    pub const ALL: [(&'static str, Self); 4] =
        [("ABCD", Self::Abcd), ("CDAB", Self::Cdab), ("BADC", Self::Badc), ("DCBA", Self::Dcba)];

    /// The number that `registers`, as they came, hold in this order. `registers` are as many as `number` takes.
    pub fn number(self, number: NumberKind, registers: &[u16]) -> f64 {
        let mut bytes = [0; 8];
        let words_swapped = matches!(self, Self::Cdab | Self::Dcba);
        let bytes_swapped = matches!(self, Self::Badc | Self::Dcba);
        let len = registers.len().min(4);
        for (place, pair) in bytes.chunks_exact_mut(2).take(len).enumerate() {
            let register = registers[if words_swapped { len - 1 - place } else { place }];
            let register = if bytes_swapped { register.swap_bytes() } else { register };
            pair.copy_from_slice(&register.to_be_bytes());
        }
        number.of(bytes)
    }
}

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
        Answer::Exception(code) => return Err(refused(&question, *code)),
        Answer::Bad(bytes) => return Err(fault(&question, bytes)),
        Answer::BadTcp(bytes) => return Err(fault_over_tcp(&question, bytes)),
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
        unit: Some(Cow::Borrowed(register.unit.symbol())),
        at: None,
    })
}

fn refused(question: &Question, code: u8) -> PortError {
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
fn fault(question: &Question, bytes: &[u8]) -> PortError {
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
fn fault_over_tcp(question: &Question, bytes: &[u8]) -> PortError {
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

/// The questions that read all of `unit`: registers that touch are asked for together, never one that nobody wants, for
/// many units refuse a question that leaves their map.
pub fn questions(unit: &ModbusUnit) -> Vec<Question> {
    let mut spans: Vec<_> = unit
        .registers
        .iter()
        .map(|one| {
            (
                one.table,
                u32::from(one.address),
                u32::from(one.address) + u32::from(one.number.registers()),
            )
        })
        .collect();
    spans.sort_unstable();
    let mut asked: Vec<(RegisterTable, u32, u32)> = Vec::new();
    for (table, from, to) in spans {
        let most = u32::from(if table.is_bits() { BITS_MAX } else { REGISTERS_MAX });
        match asked.last_mut() {
            Some((last, start, end))
                if *last == table && from <= *end && to.max(*end) - *start <= most =>
            {
                *end = to.max(*end);
            }
            _ => asked.push((table, from, to)),
        }
    }
    let question = |(table, from, to): (RegisterTable, u32, u32)| {
        Some(Question {
            unit: unit.unit,
            table,
            address: u16::try_from(from).ok()?,
            count: u16::try_from(to - from).ok()?,
        })
    };
    asked.into_iter().filter_map(question).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use alloc::vec;
    use proptest::prelude::*;

    fn register(
        table: RegisterTable,
        address: u16,
        number: NumberKind,
        order: WordOrder,
    ) -> Register {
        Register {
            sensor: alloc::format!("r-{address}").parse().unwrap(),
            quantity: Quantity::PorePressure,
            table,
            address,
            number,
            order,
            scale: 1.0,
            offset: 0.0,
            unit: Unit::Kilopascal,
        }
    }

    fn unit(registers: Vec<Register>) -> ModbusUnit {
        let speaker =
            Speaker { site: "cut-12".parse().unwrap(), station: "piezo-1".parse().unwrap() };
        ModbusUnit { unit: 17, speaker, registers }
    }

    fn ask(table: RegisterTable, address: u16, count: u16) -> Question {
        Question { unit: 17, table, address, count }
    }

    fn polled(question: Question, answer: Answer) -> Vec<u8> {
        Polled { at: Timestamp::from_secs(1_784_000_000), question, answer }.write()
    }

    #[test]
    fn four_orders_of_the_same_number() {
        // 123456.0 as IEEE 754 is 47 f1 20 00.
        let table = [
            (WordOrder::Abcd, [0x47F1, 0x2000]),
            (WordOrder::Cdab, [0x2000, 0x47F1]),
            (WordOrder::Badc, [0xF147, 0x0020]),
            (WordOrder::Dcba, [0x0020, 0xF147]),
        ];
        for (order, registers) in table {
            assert_eq!(order.number(NumberKind::F32, &registers), 123_456.0, "{order:?}");
            assert_eq!(
                order.number(NumberKind::U32, &registers),
                f64::from(0x47F1_2000),
                "{order:?}"
            );
        }
        let eight = [0x0102, 0x0304, 0x0506, 0x0708];
        for (order, expected) in [
            (WordOrder::Abcd, 0x0102_0304_0506_0708_u64),
            (WordOrder::Cdab, 0x0708_0506_0304_0102),
            (WordOrder::Badc, 0x0201_0403_0605_0807),
            (WordOrder::Dcba, 0x0807_0605_0403_0201),
        ] {
            assert_eq!(order.number(NumberKind::U64, &eight), expected as f64, "{order:?}");
        }
        assert_eq!(WordOrder::Abcd.number(NumberKind::I16, &[0xFFFE]), -2.0);
        assert_eq!(WordOrder::Badc.number(NumberKind::I16, &[0xFEFF]), -2.0);
        assert_eq!(WordOrder::Cdab.number(NumberKind::I32, &[0xFFFE, 0xFFFF]), -2.0);
    }

    #[test]
    fn registers_become_measures_by_the_map() {
        let mut scaled = register(RegisterTable::Holding, 101, NumberKind::I16, WordOrder::Abcd);
        (scaled.scale, scaled.offset) = (0.1, -4.0);
        let unit = [unit(vec![
            register(RegisterTable::Holding, 100, NumberKind::U16, WordOrder::Abcd),
            scaled,
            register(RegisterTable::Holding, 103, NumberKind::U32, WordOrder::Abcd), // half of it asked for
            register(RegisterTable::Holding, 99, NumberKind::U16, WordOrder::Abcd),
            register(RegisterTable::Input, 100, NumberKind::U16, WordOrder::Abcd),
        ])];
        let bytes =
            polled(ask(RegisterTable::Holding, 100, 4), Answer::Registers(vec![7, 0xFFFF, 0, 0]));
        let report = decode(&unit, &bytes).unwrap();
        assert_eq!((report.site, report.station), ("cut-12", "piezo-1"));
        assert_eq!(report.at, Some(Timestamp::from_secs(1_784_000_000)));
        let claims: Vec<_> =
            report.claims.iter().map(|claim| (claim.sensor.to_string(), claim.value)).collect();
        assert_eq!(claims, [("r-100".to_string(), 7.0), ("r-101".to_string(), -4.1)]);
        assert_eq!(report.claims[0].unit.as_deref(), Some("kPa"));
    }

    #[test]
    fn bits_come_lowest_first() {
        let unit = [unit(vec![
            register(RegisterTable::DiscreteInput, 9, NumberKind::Bit, WordOrder::Abcd),
            register(RegisterTable::DiscreteInput, 18, NumberKind::Bit, WordOrder::Abcd),
        ])];
        let bits = (0..10).map(|i| i == 9).collect();
        let bytes = polled(ask(RegisterTable::DiscreteInput, 9, 10), Answer::Bits(bits));
        assert_eq!(bytes[17..], [0, 0b10]);
        let report = decode(&unit, &bytes).unwrap();
        let values: Vec<_> = report.claims.iter().map(|claim| claim.value).collect();
        assert_eq!(values, [0.0, 1.0]);
    }

    #[test]
    fn an_answer_that_is_none_has_a_name() {
        let unit = [unit(vec![])];
        let question = ask(RegisterTable::Holding, 0, 1);
        let framed = |bytes: &[u8]| [bytes, &crc16::sum(bytes).to_le_bytes()].concat();
        let whole = framed(&[17, 3, 2, 0, 5]);
        let mut flipped = whole.clone();
        flipped[3] ^= 1;
        for (answer, name) in [
            (Answer::Exception(2), "modbus-exception"),
            (Answer::Bad(framed(&[18, 3, 2, 0, 5])), "foreign-answer"),
            (Answer::Bad(framed(&[17, 4, 2, 0, 5])), "other-answer"),
            (Answer::Bad(flipped), "bad-checksum"),
            (Answer::Bad(whole[..5].to_vec()), "truncated"),
            (Answer::Bad(vec![17]), "truncated"),
            (Answer::Bad(vec![]), "truncated"),
            (Answer::BadTcp(vec![0, 7, 0, 0, 0, 3, 18, 0x83, 2]), "foreign-answer"),
            (Answer::BadTcp(vec![0, 7, 0, 0, 0, 3, 17, 0x84, 2]), "other-answer"),
            (Answer::BadTcp(vec![0, 7, 0, 0, 0, 9, 17, 3, 6]), "truncated"),
        ] {
            let bytes = polled(question, answer.clone());
            assert_eq!(decode(&unit, &bytes).unwrap_err().name(), name, "{answer:?}");
        }
        let other = Question { unit: 99, ..question };
        let bytes = polled(other, Answer::Registers(vec![1]));
        assert_eq!(decode(&unit, &bytes).unwrap_err().name(), "unknown-unit");
        assert_eq!(decode(&unit, b"{}").unwrap_err().name(), "unknown-kind");
    }

    #[test]
    fn neighbours_are_asked_for_together_and_gaps_never() {
        use NumberKind::{Bit, F32, U16};
        use RegisterTable::{Coil, Holding, Input};
        let plain = |table, address, number| register(table, address, number, WordOrder::Abcd);
        let mixed = unit(vec![
            plain(Holding, 12, F32),
            plain(Holding, 10, F32),
            plain(Holding, 10, U16),
            plain(Holding, 15, U16),
            plain(Input, 14, U16),
            plain(Coil, 3, Bit),
        ]);
        let expected =
            [ask(Coil, 3, 1), ask(Holding, 10, 4), ask(Holding, 15, 1), ask(Input, 14, 1)];
        assert_eq!(questions(&mixed), expected);
        let long = unit((0..100).map(|i| plain(Input, 2 * i, F32)).collect());
        let counts: Vec<_> = questions(&long).iter().map(|question| question.count).collect();
        assert_eq!(counts, [124, 76]);
        let last = unit(vec![plain(Holding, u16::MAX, U16)]);
        assert_eq!(questions(&last), [ask(Holding, u16::MAX, 1)]);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(at: i64, unit: u8, address: u16, words in proptest::collection::vec(any::<u16>(), 0..125), bits: Vec<bool>) {
            let at = Timestamp::from_nanos(at);
            let count = words.len() as u16;
            let question = Question { unit, table: RegisterTable::Input, address, count };
            let one = Polled { at, question, answer: Answer::Registers(words) };
            prop_assert_eq!(Polled::read(&one.write()).unwrap(), one);
            let count = bits.len() as u16;
            let question = Question { unit, table: RegisterTable::Coil, address, count };
            let two = Polled { at, question, answer: Answer::Bits(bits) };
            prop_assert_eq!(Polled::read(&two.write()).unwrap(), two);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            Polled::read(&bytes).ok();
            let marked = [&MARK[..], &bytes].concat();
            Polled::read(&marked).ok();
            decode(&[unit(vec![register(RegisterTable::Holding, 3, NumberKind::U32, WordOrder::Cdab)])], &marked).ok();
        }
    }
}
