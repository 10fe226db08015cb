use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::polled::MARK;
use super::*;
use crate::codec::crc16;
use crate::time::Timestamp;
use crate::unit::{Quantity, Unit};

fn register(table: RegisterTable, address: u16, number: NumberKind, order: WordOrder) -> Register {
    Register {
        sensor: alloc::format!("r-{address}").parse().unwrap(),
        quantity: Quantity::PorePressure,
        table,
        address,
        number,
        order,
        scale: 1.0,
        offset: 0.0,
        unit: Some(Unit::Kilopascal),
    }
}

fn unit(registers: Vec<Register>) -> ModbusUnit {
    let speaker = Speaker { site: "cut-12".parse().unwrap(), station: "piezo-1".parse().unwrap() };
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
        assert_eq!(order.number(NumberKind::U32, &registers), f64::from(0x47F1_2000), "{order:?}");
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
    let expected = [ask(Coil, 3, 1), ask(Holding, 10, 4), ask(Holding, 15, 1), ask(Input, 14, 1)];
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
