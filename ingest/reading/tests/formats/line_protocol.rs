//! InfluxDB line protocol, against the corpus of its makers.

use proptest::prelude::*;
use reading::codec::line_protocol::{FieldValue, Line, LineProtocol, encode, read};
use reading::codec::{CodecError, Feed, Format};
use reading::time::EpochUnit;
use serde_json::Value;

use super::{decode, feed, refusal, sample, told};

fn mapped() -> Feed {
    let format =
        Format::LineProtocol(LineProtocol { precision: EpochUnit::S, device: Some("host".into()) });
    feed(
        format,
        &[("logger 7", "box-1")],
        &[("tilt.x", "tilt-1/tilt-x deg"), ("wire.open", "wire-1/state")],
    )
}

#[test]
fn fields_are_metrics_of_the_tagged_device() {
    let text = "# a remark\n\ntilt,host=logger\\ 7,axis=a x=0.12,note=\"two\nlines\" 1783966200\r\nwire,host=logger\\ 7 open=t";
    assert_eq!(
        told(&mapped(), "x", text.as_bytes()).unwrap(),
        ["box-1 tilt-1/tilt-x 0.12 deg 2026-07-13T18:10:00Z", "box-1 wire-1/state 1 - -"]
    );
}

#[test]
fn every_wrong_line_has_a_name_and_a_number() {
    let many: String = (0..1_100).map(|i| format!("tilt,host=logger\\ 7 a{i}=1\n")).collect();
    for (text, name, says) in [
        ("", "empty-payload", ""),
        ("tilt,host=a x=1", "unknown-device", "`a`"),
        ("tilt x=1", "wrong-shape", "no tag `host`"),
        ("tilt,host=logger\\ 7 x=1\ntilt,host=logger\\ 7 x=", "wrong-shape", "line 2"),
        ("tilt,host=logger\\ 7 x=NaN", "wrong-shape", "line 1"),
        ("tilt,host=logger\\ 7 x=1e999", "wrong-shape", "line 1"),
        ("tilt,host=logger\\ 7 x=\"a", "wrong-shape", "quote"),
        ("tilt,host=a,host=b x=1", "wrong-shape", "twice"),
        ("tilt,host=logger\\ 7 x=1 9223372036854775807", "bad-time", "1677"),
        (&many, "too-many-readings", "1024"),
    ] {
        let (got, text_of) = refusal(&mapped(), "x", text.as_bytes());
        assert!(got == name && text_of.contains(says), "{text}: {got}: {text_of}");
    }
}

/// What Telegraf writes of a machine, and the line that InfluxDB's documentation explains the form by.
#[test]
fn reads_what_agents_write() {
    let telegraf = "cpu,cpu=cpu-total,host=box-7 usage_user=1.25,usage_idle=97.5,usage_steal=0 1784000000000000000\n\
        disk,device=sda1,fstype=ext4,host=box-7,mode=rw,path=/ free=42i,used_percent=61.2,inodes_free=7u 1784000000000000000\n";
    let documented = "weather,location=us-midwest temperature=82 1465839830100400200";
    let lines = read(telegraf).unwrap();
    assert_eq!((lines[0].measurement.as_ref(), lines[0].fields.len()), ("cpu", 3));
    assert_eq!((lines[1].tags.len(), lines[1].time), (5, Some(1_784_000_000_000_000_000)));
    let lines = read(documented).unwrap();
    assert_eq!(lines[0].tags, [("location".into(), "us-midwest".into())]);
    assert_eq!(lines[0].time, Some(1_465_839_830_100_400_200));
}

#[test]
fn reads_and_refuses_as_the_corpus_says() {
    let Some(corpus) = sample("lineprotocol/decode.jsonl") else { return };
    let (mut read_well, mut refused) = (0, 0);
    for case in String::from_utf8(corpus).unwrap().lines() {
        let case: Value = serde_json::from_str(case).unwrap();
        let Some(text) = case["input"]["text"].as_str() else { continue };
        let expected = &case["output"]["result"];
        match (read(text), expected) {
            (Ok(lines), Value::Array(points)) => {
                assert_eq!(lines.len(), points.len(), "{text:?}");
                for (line, point) in lines.iter().zip(points) {
                    check(line, point, text, case["input"]["precision"].as_str().unwrap());
                }
                read_well += 1;
            }
            (Err(error), Value::Null) => {
                assert_eq!(error.name(), "wrong-shape");
                refused += 1;
            }
            (got, _) => panic!("{text:?}: {got:?}, expected {}", case["output"]),
        }
    }
    assert!(read_well > 60 && refused > 60, "{read_well} {refused}");
}

fn check(line: &Line<'_>, point: &Value, text: &str, precision: &str) {
    assert_eq!(line.measurement, point["name"].as_str().unwrap(), "{text:?}");
    let mut tags: Vec<_> =
        line.tags.iter().map(|(key, value)| (key.as_ref(), value.as_ref())).collect();
    tags.sort_unstable();
    let wanted: Vec<_> = point["tags"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tag| (tag["key"].as_str().unwrap(), tag["value"].as_str().unwrap()))
        .collect();
    assert_eq!(tags, wanted, "{text:?}");
    for ((key, value), field) in line.fields.iter().zip(point["fields"].as_array().unwrap()) {
        assert_eq!(key, field["key"].as_str().unwrap(), "{text:?}");
        let wanted = &field["value"];
        let same = match value {
            FieldValue::Float(value) => wanted["float"].as_f64() == Some(*value),
            FieldValue::Int(value) => wanted["int"].as_i64() == Some(*value),
            FieldValue::Uint(value) => wanted["uint"].as_u64() == Some(*value),
            FieldValue::Flag(value) => wanted["bool"].as_bool() == Some(*value),
            FieldValue::Text(value) => wanted["string"].as_str() == Some(value),
        };
        assert!(same, "{text:?}: {value:?} {wanted}");
    }
    if let (Some(time), "1ns") = (line.time, precision) {
        assert_eq!(Some(time), point["time"].as_i64(), "{text:?}");
    }
}

#[test]
fn writes_as_the_corpus_says() {
    let Some(corpus) = sample("lineprotocol/encode.jsonl") else { return };
    for case in String::from_utf8(corpus).unwrap().lines() {
        let case: Value = serde_json::from_str(case).unwrap();
        let point = &case["input"]["point"];
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let field = |field: &Value| {
            let value = &field["value"];
            let value = if let Some(v) = value["float"].as_f64() {
                FieldValue::Float(v)
            } else if let Some(v) = value["int"].as_i64() {
                FieldValue::Int(v)
            } else if let Some(v) = value["uint"].as_u64() {
                FieldValue::Uint(v)
            } else if let Some(v) = value["bool"].as_bool() {
                FieldValue::Flag(v)
            } else {
                FieldValue::Text(text(&value["string"]).into())
            };
            (text(&field["key"]).into(), value)
        };
        let line = Line {
            measurement: text(&point["name"]).into(),
            tags: point["tags"]
                .as_array()
                .unwrap()
                .iter()
                .map(|tag| (text(&tag["key"]).into(), text(&tag["value"]).into()))
                .collect(),
            fields: point["fields"].as_array().unwrap().iter().map(field).collect(),
            time: point["time"].as_i64(),
        };
        let Some(wanted) = case["output"]["result"].as_str() else { continue };
        // The corpus writes in other ways what reads the same: floats with exponents, spaces it escapes in texts.
        let written = encode(&line).unwrap();
        if case["input"]["precision"] == "1ns" {
            assert_eq!(read(&written).unwrap(), read(wanted).unwrap(), "{written} {wanted}");
        }
    }
}

proptest! {
    #[test]
    fn what_is_written_reads_back(measurement in "[^\\p{Cc}]{1,8}[a-z]", key in "[^\\p{Cc}]{1,8}[a-z]", tag in "[^\\p{Cc}]{0,8}[a-z]", value in any::<f64>(), text in ".{0,12}", time in any::<i64>()) {
        prop_assume!(value.is_finite() && !measurement.starts_with(['#', ' ']) );
        let line = Line {
            measurement: measurement.into(),
            tags: vec![(key.clone().into(), tag.into())],
            fields: vec![(key.into(), FieldValue::Float(value)), ("t".into(), FieldValue::Text(text.into()))],
            time: Some(time),
        };
        let written = encode(&line).unwrap();
        prop_assert_eq!(read(&written).unwrap(), vec![line], "{}", written);
    }

    #[test]
    fn no_text_is_too_strange(text in "[a-z0-9,=\\\\\" \\n\\r#.\\-+eiut\\x0b가]{0,120}") {
        if let Err(error) = decode(&mapped(), "x", text.as_bytes()) {
            prop_assert!(CodecError::NAMES.contains(&error.name()));
        }
    }
}
