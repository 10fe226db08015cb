//! Our own form as CBOR.

use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use reading::Timestamp;
use reading::codec::{CodecError, Message, decode, native};
use reading::report::{Claim, Report, Road};

use super::frame;

const TOPIC: &str = "bongsu/v1/cut-12/box-1/telemetry";

fn read(payload: &[u8]) -> Result<Report<'_>, CodecError> {
    match decode(&frame(TOPIC, payload))? {
        Message::Report(report) => Ok(report),
        other => panic!("{other:?}"),
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// `{"seq":17,"at":"2026-07-14T03:10:00+09:00","readings":[{"sensor":"s","quantity":"q","value":1.5,"unit":"mm"}]}`
/// as other encoders write it: sorted keys and half numbers, indefinite lengths, a tagged date.
#[test]
fn reads_what_other_encoders_write() {
    let date = "7819 323032362d30372d31345430333a31303a30302b30393a3030";
    let reading =
        "a4 6673656e736f72 6173 687175616e74697479 6171 6576616c7565 f93e00 64756e6974 626d6d";
    let open = "bf 6673656e736f72 6173 687175616e74697479 7f 6171 ff 6576616c7565 fb3ff8000000000000 64756e6974 626d6d ff";
    for text in [
        format!("a3 63736571 11 626174 {date} 6872656164696e6773 81 {reading}"),
        format!("d9d9f7 a3 63736571 11 626174 c0{date} 6872656164696e6773 81 {reading}"),
        format!("bf 63736571 1811 626174 {date} 6872656164696e6773 9f {open} ff ff"),
    ] {
        let payload = bytes(&text);
        let report = read(&payload).unwrap();
        assert_eq!((report.seq, report.claims.len()), (Some(17), 1), "{text}");
        assert_eq!(report.at.unwrap().to_string(), "2026-07-13T18:10:00Z");
        let claim = &report.claims[0];
        assert_eq!((claim.sensor.as_ref(), claim.quantity.as_ref(), claim.value), ("s", "q", 1.5));
    }
}

#[test]
fn every_wrong_form_has_a_name() {
    let readings = "6872656164696e6773";
    for (text, name) in [
        ("a1".to_owned(), "not-cbor"),
        ("a0".into(), "wrong-shape"),
        ("bf".into(), "not-cbor"),
        (format!("a1 {readings} 80 00"), "not-cbor"),
        (format!("a1 {readings} 9b ffffffffffffffff"), "not-cbor"),
        (format!("bb ffffffffffffffff {readings} 80"), "not-cbor"),
        (format!("a2 {readings} 80 {readings} 80"), "duplicate-key"),
        (format!("a2 {readings} 80 6378797a 00"), "unknown-key"),
        (format!("a2 {readings} 80 00 00"), "unknown-key"),
        (format!("a2 {readings} 80 63736571 6131"), "wrong-shape"),
        (format!("a2 {readings} 80 63736571 20"), "wrong-shape"),
        (format!("a2 {readings} 80 626174 01"), "bad-time"),
        (format!("a2 {readings} 80 626174 c1 01"), "wrong-shape"),
        (format!("a1 {readings} 81 a1 66 ff"), "not-cbor"),
        (format!("a1 {readings} 81 a1 61ff"), "not-cbor"),
        ("83 01 02 03".into(), "wrong-shape"),
    ] {
        let payload = bytes(&text);
        let error = read(&payload).expect_err(&text);
        assert_eq!(error.name(), name, "{text}: {error}");
    }
    let deep = [vec![0xa1, 0x61, b'x'], vec![0x81; 200_000]].concat();
    assert_eq!(read(&deep).unwrap_err().name(), "unknown-key");
    let deep = [bytes("a1 626174"), vec![0x81; 200_000]].concat();
    assert!(read(&deep).is_err());
}

prop_compose! {
    fn any_claim()(sensor in ".{0,12}", quantity in "[a-z-]{1,20}", value in any::<f64>(), unit in of(".{0,6}"), at in of(any::<i64>())) -> Claim<'static> {
        Claim {
            sensor: sensor.into(),
            quantity: quantity.into(),
            value: if value.is_nan() { 0.0 } else { value },
            unit: unit.map(Into::into),
            at: at.map(Timestamp::from_nanos),
        }
    }
}

proptest! {
    #[test]
    fn decode_undoes_encode(seq in of(any::<u64>()), at in of(any::<i64>()), claims in vec(any_claim(), 0..40)) {
        let at = at.map(Timestamp::from_nanos);
        let report = Report { site: "cut-12", station: "box-1", seq, at, heard_at: None, road: Road::Live, claims };
        let payload = native::encode_cbor(&report);
        prop_assert_eq!(&read(&payload).unwrap(), &report);
        // The same form again, in the other writing.
        let json = native::encode(&report);
        if report.claims.iter().all(|claim| claim.value.is_finite()) {
            prop_assert_eq!(&read(&json).unwrap(), &report);
        }
    }

    #[test]
    fn no_bytes_are_too_strange(first in 0x80..=0xdb_u8, rest in vec(any::<u8>(), 0..300)) {
        let payload = [vec![first], rest].concat();
        if let Err(error) = read(&payload) {
            prop_assert!(CodecError::NAMES.contains(&error.name()));
        }
    }

    #[test]
    fn damaged_messages_do_no_harm(claims in vec(any_claim(), 1..4), place in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let report = Report { site: "a", station: "b", seq: Some(1), at: None, heard_at: None, road: Road::Live, claims };
        let mut payload = native::encode_cbor(&report);
        for len in 0..payload.len() {
            prop_assert!(read(&payload[..len]).is_err(), "cut to {len}");
        }
        let place = place.index(payload.len());
        payload[place] = byte;
        if let Err(error) = read(&payload) {
            prop_assert!(CodecError::NAMES.contains(&error.name()));
        }
    }
}
