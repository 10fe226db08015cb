//! SenML, against the examples of RFC 8428 and packs written for the purpose.

use proptest::collection::vec;
use proptest::prelude::*;
use reading::codec::senml::{self, Record, resolve, unit};
use reading::codec::{CodecError, Feed, Format, Identity, Message};
use reading::report::Claim;
use reading::{Quantity, Timestamp, Unit};

use super::{RECEIVED, decode, feed, frame, refusal, sample, told};

fn mapped() -> Feed {
    feed(
        Format::SenMl,
        &[("urn:dev:mac:0024befffe804ff1", "box-1"), ("s1", "box-2"), ("only", "box-3")],
        &[
            ("tilt_x", "tilt-1/tilt-x"),
            ("crack", "crack-1/crack-width mm"),
            ("rain#sum", "rain-1/rain"),
            ("open", "wire-1/state"),
            ("", "air/temperature"),
        ],
    )
}

fn now() -> Timestamp {
    Timestamp::from_secs(RECEIVED)
}

#[test]
fn records_are_mapped_by_the_start_of_their_name() {
    let pack = br#"[{"bn":"urn:dev:mac:0024befffe804ff1:","bt":1783966200,"bu":"deg","n":"tilt_x","v":0.25},
        {"n":"open","vb":true},{"n":"note","vs":"checked"},
        {"bn":"s1/","bu":"m","n":"crack","v":0.002,"t":60},{"n":"rain","u":"mm/h","v":3,"s":7200},
        {"bn":"only","n":"","u":"K","v":300.15}]"#;
    let feed = mapped();
    assert_eq!(
        told(&feed, "x", pack).unwrap(),
        [
            "box-1 tilt-1/tilt-x 0.25 deg 2026-07-13T18:10:00Z",
            "box-1 wire-1/state 1 deg 2026-07-13T18:10:00Z",
            "box-2 crack-1/crack-width 0.002 m 2026-07-13T18:11:00Z",
            "box-2 rain-1/rain 2 mm 2026-07-13T18:10:00Z",
            "box-3 air/temperature 27 Cel 2026-07-13T18:10:00Z",
        ]
    );
    let unmapped = decode(&feed, "x", pack).unwrap().unmapped;
    assert_eq!(unmapped.len(), 1);
    assert_eq!((unmapped[0].device.as_str(), unmapped[0].metric.as_str()), ("s1", "rain"));
    assert_eq!(refusal(&feed, "x", br#"[{"n":"who:a","v":1}]"#).0, "unknown-device");
}

#[test]
fn relative_times_follow_from_the_receipt_and_make_no_repeat() {
    let feed = mapped();
    let pack = br#"[{"bn":"s1:","n":"crack","v":1},{"n":"crack","v":2,"t":-10}]"#;
    let decoded = decode(&feed, "x", pack).unwrap();
    assert_eq!(decoded.messages[0].identity, Identity::None);
    assert_eq!(
        told(&feed, "x", pack).unwrap(),
        ["box-2 crack-1/crack-width 1 mm -", "box-2 crack-1/crack-width 2 mm 2026-07-14T03:33:10Z"]
    );
}

#[test]
fn a_pack_on_our_own_topic_names_sensor_and_quantity() {
    let topic = "bongsu/v1/cut-12/box-1/telemetry";
    let read = |payload: &[u8]| match reading::codec::decode(&frame(topic, payload)) {
        Ok(Message::Report(report)) => Ok(report
            .claims
            .iter()
            .map(|c| format!("{}/{} {} {:?}", c.sensor, c.quantity, c.value, c.unit))
            .collect::<Vec<_>>()),
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err(error.name()),
    };
    let pack = br#" [{"bn":"cut-12/box-1/","bt":1783966200,"n":"tilt-1/tilt-x","u":"rad","v":0.1},{"n":"wire-1/state","vb":false}]"#;
    assert_eq!(
        read(pack),
        Ok(vec!["tilt-1/tilt-x 0.1 Some(\"rad\")".to_owned(), "wire-1/state 0 None".into()])
    );
    let claims = [Claim {
        sensor: "tilt-1".into(),
        quantity: "tilt-x".into(),
        value: 0.5,
        unit: Some("deg".into()),
        at: Some(now()),
    }];
    assert_eq!(
        read(&senml::encode_cbor("", &claims)),
        Ok(vec!["tilt-1/tilt-x 0.5 Some(\"deg\")".to_owned()])
    );
    assert_eq!(read(br#"[{"n":"tilt","v":1}]"#), Err("wrong-shape"));
}

#[test]
fn resolves_the_examples_of_the_standard() {
    for number in [3, 4, 5, 6, 8, 10, 11, 12] {
        let Some(pack) = sample(&format!("senml/rfc8428/ex{number}.json")) else { return };
        let resolved = sample(&format!("senml/rfc8428/ex{number}.resolved.json")).unwrap();
        let (sent, expected) = (resolve(&pack, now()).unwrap(), resolve(&resolved, now()).unwrap());
        same(&sent, &expected, &number.to_string());
    }
    for number in [3, 5] {
        let cbor = sample(&format!("senml/rfc8428/ex{number}.cbor")).unwrap();
        let json = sample(&format!("senml/rfc8428/ex{number}.json")).unwrap();
        same(&resolve(&cbor, now()).unwrap(), &resolve(&json, now()).unwrap(), "cbor");
    }
}

fn same(sent: &[Record<'_>], expected: &[Record<'_>], which: &str) {
    assert_eq!(sent.len(), expected.len(), "{which}");
    for (a, b) in sent.iter().zip(expected) {
        assert_eq!(
            (&a.name, &a.unit, a.stated, a.sum),
            (&b.name, &b.unit, b.stated, b.sum),
            "{which}"
        );
        let apart = |x: Option<Timestamp>, y: Option<Timestamp>| {
            x.unwrap_or(now()).nanos().abs_diff(y.unwrap_or(now()).nanos())
        };
        assert!(apart(a.at, b.at) < 1_000, "{which}: {a:?} {b:?}");
    }
}

#[test]
fn resolves_packs_of_sensors_and_refuses_wrong_ones() {
    let Some(packs) = sample("senml/sensor-packs.jsonl") else { return };
    for line in String::from_utf8(packs).unwrap().lines() {
        let case: serde_json::Value = serde_json::from_str(line).unwrap();
        let expected = serde_json::to_vec(&case["resolved"]).unwrap();
        let pack = case["pack"].as_str().unwrap().as_bytes();
        let about = case["about"].as_str().unwrap();
        let (sent, expected) = (resolve(pack, now()).unwrap(), resolve(&expected, now()).unwrap());
        if sent.iter().all(|record| !record.relative) {
            same(&sent, &expected, about);
        }
    }
    for line in String::from_utf8(sample("senml/invalid.jsonl").unwrap()).unwrap().lines() {
        let case: serde_json::Value = serde_json::from_str(line).unwrap();
        let pack = case["pack"].as_str().unwrap();
        assert!(resolve(pack.as_bytes(), now()).is_err(), "{line}");
    }
}

/// Every symbol of the registry is a unit of ours with the registry's factor, or none of ours at all.
#[test]
fn units_mean_what_the_registry_says() {
    let Some(table) = sample("senml/units.tsv") else { return };
    let quantity_of =
        |unit: Unit| Quantity::ALL.iter().copied().find(|q| q.to_base(1.0, unit).is_ok());
    let base_value = |value: f64, symbol: &str| {
        let (value, symbol) = unit::ours(value, symbol);
        let unit = Unit::parse(symbol)?;
        let quantity = quantity_of(unit)?;
        Some((quantity, quantity.to_base(value, unit).unwrap()))
    };
    let mut converted = 0;
    for line in String::from_utf8(table).unwrap().lines().skip(1) {
        let columns: Vec<_> = line.split('\t').collect();
        let [symbol, "secondary", _, base, scale, offset] = columns[..] else { continue };
        let factor: f64 = match scale.split_once('/') {
            Some((up, down)) => up.parse::<f64>().unwrap() / down.parse::<f64>().unwrap(),
            None => scale.parse().unwrap(),
        };
        let in_base = 2.0 * factor + offset.parse::<f64>().unwrap();
        if let (Some((one, a)), Some((other, b))) =
            (base_value(2.0, symbol), base_value(in_base, base))
            && one == other
        {
            assert!((a - b).abs() <= 1e-9 * b.abs(), "{symbol}: {a} {b}");
            converted += 1;
        }
    }
    assert!(converted >= 9, "{converted}");
    assert_eq!(Unit::parse(unit::ours(1.0, "g").1), None, "a gram is no acceleration");
}

#[test]
fn every_wrong_pack_has_a_name() {
    let many = vec![r#"{"n":"a","v":1}"#; 1_025].join(",");
    for (pack, name) in [
        ("[", "not-json"),
        ("[]", "wrong-shape"),
        ("{}", "wrong-shape"),
        (r#"[{"n":"s1:crack","v":1,"v":2}]"#, "duplicate-key"),
        (r#"[{"n":"s1:crack","v":1,"must_":2}]"#, "unknown-key"),
        (r#"[{"n":"s1:crack","v":1,"t":1e300}]"#, "bad-time"),
        (r#"[{"n":"s1:crack","v":1,"t":-1e300}]"#, "bad-time"),
        (r#"[{"n":"s1:crack","v":1,"vb":true}]"#, "wrong-shape"),
        (&format!("[{many}]"), "too-many-readings"),
        (&"[".repeat(100_000), "wrong-shape"),
    ] {
        let shown = &pack[..pack.len().min(60)];
        assert_eq!(refusal(&mapped(), "x", pack.as_bytes()).0, name, "{shown}");
    }
    assert!(decode(&mapped(), "x", br#"[{"n":"s1:crack","v":1,"ext":[[1]]}]"#).is_ok());
}

proptest! {
    #[test]
    fn what_is_written_reads_back(values in vec((-1e6..1e6_f64, 0..100_000_u32), 1..20)) {
        let at = |offset: u32| Timestamp::from_nanos(now().nanos() + i64::from(offset) * 1_000_000_000);
        let claims: Vec<_> = values.iter().map(|(value, offset)| Claim {
            sensor: "crack".into(), quantity: "".into(), value: *value, unit: Some("mm".into()), at: Some(at(*offset)),
        }).collect();
        for pack in [senml::encode("s1:", &claims), senml::encode_cbor("s1:", &claims)] {
            let records = resolve(&pack, now()).unwrap();
            for (record, (value, offset)) in records.iter().zip(&values) {
                prop_assert_eq!(record.stated, senml::Stated::Number(*value));
                prop_assert!(record.at.unwrap().nanos().abs_diff(at(*offset).nanos()) < 1_000);
                prop_assert_eq!(record.name.as_str(), "s1:crack");
            }
        }
    }

    #[test]
    fn no_pack_is_too_strange(text in r#"\[(\{("(bn|bt|bver|n|v|vb|vs|vd|s|t|x_)":(1|-5|1e400|true|"a:b"|null|\[\]),?){0,6}\},?){0,4}\]?"#, bytes in vec(any::<u8>(), 0..200)) {
        for payload in [text.as_bytes(), &[&[0x81, 0xa2][..], &bytes].concat()] {
            if let Err(error) = decode(&mapped(), "x", payload) {
                prop_assert!(CodecError::NAMES.contains(&error.name()));
            }
        }
    }
}
