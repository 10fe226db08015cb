//! What a unit measures and where that stands in its registers; the questions that read it.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::{Question, Speaker};
use crate::id::SensorId;
use crate::unit::{Quantity, Unit};

/// The most registers one question may be about (6.3).
pub const REGISTERS_MAX: u16 = 125;

/// The most bits one question may be about (6.1 allows 2 000; one byte less of count keeps to whole bytes).
pub const BITS_MAX: u16 = 2_000;

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
    /// in this unit; the sensor's own, or raw where it is calibrated, if it is not said.
    pub unit: Option<Unit>,
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
