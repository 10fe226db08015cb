//! ChirpStack v4 and The Things Stack v3, with payloads of real sensors.

use proptest::collection::vec;
use proptest::prelude::*;
use reading::codec::chirpstack::{self, Up};
use reading::codec::layout::{Block, Field, Layout, Number, When};
use reading::codec::{CodecError, Feed, Format, Identity};
use serde_json::{Value, json};

use super::{decode, feed, refusal, reports, sample, told};

const EUI: &str = "70b3d57ba0003bb8";

fn field(name: &str, at: u32, number: &str, scale: f64) -> Field {
    let number = Number::parse(number).unwrap();
    Field { name: name.into(), at, number, bits: None, scale, add: 0.0 }
}

/// Decentlab's form: version, device number, flags, then groups of words as the flags say.
fn decentlab(groups: Vec<(u32, Vec<Field>)>) -> Layout {
    let block = |(bit, (len, fields)): (usize, (u32, Vec<Field>))| Block {
        when: When::Flag(bit as u8),
        len,
        fields,
    };
    let blocks = groups.into_iter().enumerate().map(block).collect();
    Layout { ports: vec![], header: 5, flags_at: Some(3), blocks }
}

/// Milesight's form: a channel and a type before each value.
fn milesight(blocks: Vec<(&[u8], u32, Vec<Field>)>) -> Layout {
    let block = |(tag, len, fields): (&[u8], u32, Vec<Field>)| Block {
        when: When::Tag(tag.to_vec()),
        len,
        fields,
    };
    Layout {
        ports: vec![85, 1],
        header: 0,
        flags_at: None,
        blocks: blocks.into_iter().map(block).collect(),
    }
}

fn layout_of(device: &str) -> Option<Layout> {
    let battery = || field("battery_voltage", 0, "u16-be", 0.001);
    Some(match device {
        "DL-TBRG" => decentlab(vec![
            (
                8,
                vec![
                    field("precipitation", 0, "u16-be", 0.1),
                    field("precipitation_interval", 2, "u16-be", 1.0),
                    field("cumulative_precipitation", 4, "u32-words-le", 0.1),
                ],
            ),
            (2, vec![battery()]),
        ]),
        "DL-LID" => decentlab(vec![
            (
                22,
                vec![
                    field("distance_average", 0, "u16-be", 1.0),
                    field("distance_minimum", 2, "u16-be", 1.0),
                    field("distance_maximum", 4, "u16-be", 1.0),
                ],
            ),
            (2, vec![battery()]),
        ]),
        "DL-PR26" => decentlab(vec![
            (
                4,
                vec![
                    Field { add: -0.5, ..field("pressure", 0, "u16-be", 1.0 / 32_768.0) },
                    Field { add: -384.0 * 0.003_906_25 * 64.0, ..field("raw", 2, "u16-be", 1.0) },
                ],
            ),
            (2, vec![battery()]),
        ]),
        "EM310-TILT" => milesight(vec![
            (&[0x01, 0x75], 1, vec![field("battery", 0, "u8", 1.0)]),
            (
                &[0x03, 0xcf],
                7,
                vec![
                    field("angle_x", 0, "i16-le", 0.01),
                    field("angle_y", 2, "i16-le", 0.01),
                    field("angle_z", 4, "i16-le", 0.01),
                ],
            ),
        ]),
        "EM500-SWL" => milesight(vec![
            (&[0x01, 0x75], 1, vec![field("battery", 0, "u8", 1.0)]),
            (&[0x03, 0x77], 2, vec![field("water_level", 0, "u16-le", 1.0)]),
        ]),
        "EM500-UDL" => milesight(vec![
            (&[0x01, 0x75], 1, vec![field("battery", 0, "u8", 1.0)]),
            (&[0x03, 0x82], 2, vec![field("distance", 0, "u16-le", 1.0)]),
        ]),
        _ => return None,
    })
}

/// Every payload of a real sensor gives the values its maker's own decoder gives, whichever server sent it.
#[test]
fn reads_what_real_sensors_send() {
    let Some(expected) = sample("lorawan/expected.jsonl") else { return };
    let mut seen = 0;
    for line in String::from_utf8(expected).unwrap().lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let Some(layout) = layout_of(case["device"].as_str().unwrap()) else { continue };
        let format = match case["network"].as_str().unwrap() {
            "chirpstack-v4" => Format::ChirpStackV4(vec![layout.clone()]),
            "tts-v3" => Format::TheThingsStackV3(vec![layout.clone()]),
            _ => continue,
        };
        let device = case["dev_eui"].as_str().unwrap();
        // Each value stands for a metric of its own; which quantity does not matter here.
        let names: Vec<_> = layout
            .blocks
            .iter()
            .flat_map(|block| &block.fields)
            .map(|field| field.name.as_str())
            .collect();
        let sensors: Vec<_> =
            names.iter().map(|name| format!("{}/count", name.replace('_', "-"))).collect();
        let metrics: Vec<_> = names
            .iter()
            .zip(&sensors)
            .map(|(name, sensor)| (*name, sensor.as_str()))
            .chain([("radio.rssi", "radio/signal-strength")])
            .collect();
        let feed = feed(format, &[(device, "box-1")], &metrics);
        let payload = sample(&format!("lorawan/{}", case["file"].as_str().unwrap())).unwrap();
        let decoded = decode(&feed, "x", &payload).unwrap();
        let report = &reports(&decoded)[0];
        assert_eq!(report.seq, case["f_cnt"].as_u64(), "{line}");
        let time = case["time"].as_str().unwrap();
        assert_eq!(report.heard_at, Some(reading::Timestamp::parse(time).unwrap()), "{line}");
        for claim in &report.claims {
            let name = claim.sensor.replace('-', "_");
            let wanted = match name.as_str() {
                "radio" => case["rssi"].as_f64(),
                name => case["values"][0][name].as_f64(),
            };
            if let Some(wanted) = wanted {
                assert!(
                    (claim.value - wanted).abs() <= 1e-9 * wanted.abs().max(1.0),
                    "{name}: {} {wanted} in {line}",
                    claim.value
                );
                seen += 1;
            }
        }
    }
    assert!(seen > 40, "{seen}");
}

fn chirpstack_feed() -> Feed {
    let metrics = [
        ("tilt.x", "tilt-1/tilt-x deg"),
        ("open", "wire-1/state"),
        ("radio.snr", "radio/signal-to-noise"),
    ];
    feed(Format::ChirpStackV4(vec![]), &[(EUI, "box-1")], &metrics)
}

fn uplink() -> Value {
    json!({"time": "2026-07-14T03:10:00+09:00", "deviceInfo": {"devEui": "70B3D57BA0003BB8"}, "devAddr": "017d1f70",
        "fCnt": 20, "fPort": 1, "data": "AAE=", "object": {"tilt": {"x": 0.12}, "open": false, "note": "ok"},
        "rxInfo": [{"gatewayId": "a", "rssi": -110, "snr": -3.5}, {"gatewayId": "b", "rssi": -90}]})
}

fn bytes(value: &Value) -> Vec<u8> {
    serde_json::to_vec(value).unwrap()
}

#[test]
fn a_decoded_object_is_read_by_its_keys() {
    let feed = chirpstack_feed();
    let payload = bytes(&uplink());
    assert_eq!(
        told(&feed, "x", &payload).unwrap(),
        [
            "box-1 wire-1/state 0 - -",
            "box-1 tilt-1/tilt-x 0.12 deg -",
            "box-1 radio/signal-to-noise 0 dB -"
        ]
    );
    let report = &reports(&decode(&feed, "x", &payload).unwrap())[0];
    assert_eq!(report.heard_at.unwrap().to_string(), "2026-07-13T18:10:00Z");
}

#[test]
fn what_is_left_out_is_zero_and_a_missing_time_is_a_gateways() {
    let feed = chirpstack_feed();
    let mut less = uplink();
    let all = less.as_object_mut().unwrap();
    for key in ["fCnt", "fPort", "time"] {
        all.remove(key);
    }
    let report =
        |value: &Value| reports(&decode(&feed, "x", &bytes(value)).unwrap())[0].clone().seq;
    assert_eq!(report(&less), Some(0));
    let heard = |value: &Value| reports(&decode(&feed, "x", &bytes(value)).unwrap())[0].heard_at;
    assert_eq!(heard(&less), None);
    less["rxInfo"][1]["gwTime"] = "2026-07-13T18:09:59Z".into();
    assert_eq!(heard(&less).unwrap().to_string(), "2026-07-13T18:09:59Z");
}

#[test]
fn the_same_uplink_over_other_gateways_is_the_same() {
    let feed = chirpstack_feed();
    let identity =
        |value: &Value| decode(&feed, "x", &bytes(value)).unwrap().messages[0].identity.clone();
    let first = identity(&uplink());
    let mut again = uplink();
    again["deduplicationId"] = "other".into();
    again["rxInfo"] = json!([{"gatewayId": "c", "rssi": -70}]);
    again["time"] = "2026-07-14T03:10:01+09:00".into();
    assert_eq!(identity(&again), first);
    assert!(matches!(first, Identity::Of(_)));
    for (key, value) in
        [("fCnt", json!(21)), ("devAddr", json!("00000001")), ("data", json!("AAI="))]
    {
        let mut other = uplink();
        other[key] = value;
        assert_ne!(identity(&other), first, "{key}");
    }
}

#[test]
fn every_wrong_uplink_has_a_name() {
    let feed = chirpstack_feed();
    let change = |key: &str, value: Value| {
        let mut changed = uplink();
        changed[key] = value;
        bytes(&changed)
    };
    let without = |key: &str| {
        let mut changed = uplink();
        changed.as_object_mut().unwrap().remove(key);
        bytes(&changed)
    };
    let whole = bytes(&uplink());
    for (payload, name) in [
        (whole[..whole.len() / 2].to_vec(), "not-json"),
        (b"[]".to_vec(), "wrong-shape"),
        (without("deviceInfo"), "wrong-shape"),
        (without("object"), "no-layout"),
        (change("deviceInfo", json!({"devEui": "70b3"})), "wrong-shape"),
        (change("deviceInfo", json!({"devEui": "0000000000000001"})), "unknown-device"),
        (change("fPort", json!(256)), "wrong-shape"),
        (change("fCnt", json!(-1)), "wrong-shape"),
        (change("fCnt", json!("20")), "wrong-shape"),
        (change("time", json!("2026-07-14")), "bad-time"),
        (change("time", json!(5)), "bad-time"),
        (change("data", json!("AA")), "wrong-shape"),
        ([&whole[..whole.len() - 1], b",\"fCnt\":1}"].concat(), "duplicate-key"),
        (
            change(
                "object",
                serde_json::from_str(&["[".repeat(40), "]".repeat(40)].concat()).unwrap(),
            ),
            "wrong-shape",
        ),
        (change("object", json!({"tilt": vec![1.5; 1_100]})), "too-many-readings"),
    ] {
        let (got, text) = refusal(&feed, "x", &payload);
        assert_eq!(
            got,
            name,
            "{text}: {}",
            String::from_utf8_lossy(&payload[..payload.len().min(300)])
        );
    }
    let stack = super::feed(Format::TheThingsStackV3(vec![]), &[(EUI, "box-1")], &[]);
    let simulated =
        json!({"simulated": true, "end_device_ids": {"dev_eui": EUI}, "uplink_message": {}});
    assert!(refusal(&stack, "x", &bytes(&simulated)).1.contains("console"));
}

#[test]
fn raw_bytes_that_do_not_fit_the_layout_are_refused() {
    let layout = layout_of("EM310-TILT").unwrap();
    let feed = feed(
        Format::ChirpStackV4(vec![layout]),
        &[(EUI, "box-1")],
        &[("angle_x", "tilt-1/tilt-x deg")],
    );
    let up = |data: &[u8]| {
        chirpstack::encode(&Up {
            device: EUI,
            address: "017d1f70",
            counter: 7,
            port: 85,
            at: None,
            data,
            object: &[],
            gateways: &[("g", -70, 9.5)],
        })
    };
    let good = up(&[0x03, 0xcf, 0x9c, 0xff, 0, 0, 0x28, 0x23, 7]);
    let decoded = decode(&feed, "x", &good).unwrap();
    assert_eq!(reports(&decoded)[0].claims[0].value, -1.0);
    assert_eq!(decoded.unmapped.len(), 2);
    for data in [&[0x03][..], &[0x03, 0xcf, 1], &[0x99, 0x00, 1], &[0x01, 0x75, 0x64, 0x03]] {
        assert_eq!(refusal(&feed, "x", &up(data)).0, "wrong-shape", "{data:?}");
    }
}

/// An uplink of The Things Stack.
fn message() -> Value {
    json!({"end_device_ids": {"device_id": "tilt-7", "dev_eui": "70B3D57BA0003BB8", "dev_addr": "260B1234"},
        "received_at": "2026-07-13T18:10:00.5Z", "uplink_message": {"f_port": 1, "f_cnt": 20, "frm_payload": "AAE=",
        "decoded_payload": {"tilt": {"x": 0.12}, "open": false, "note": "ok"}, "received_at": "2026-07-13T18:10:00Z",
        "rx_metadata": [{"gateway_ids": {"gateway_id": "a"}, "rssi": -110, "snr": -3.5}, {"rssi": -90}]}})
}

/// The same uplink as either server tells it, under a table that knows it.
fn both(layouts: &[Layout]) -> [(Feed, Value); 2] {
    let chirpstack = Feed { format: Format::ChirpStackV4(layouts.into()), ..chirpstack_feed() };
    let stack = Feed { format: Format::TheThingsStackV3(layouts.into()), ..chirpstack_feed() };
    [(chirpstack, uplink()), (stack, message())]
}

#[test]
fn either_server_says_the_same() {
    let [chirpstack, stack] = both(&[]).map(|(feed, up)| told(&feed, "x", &bytes(&up)).unwrap());
    assert_eq!(chirpstack, stack);
    assert_eq!(stack.len(), 3);
}

proptest! {
    #[test]
    fn no_payload_is_too_strange(data in vec(any::<u8>(), 0..60), port in any::<u8>(), which in 0..6_usize) {
        let device = ["DL-TBRG", "DL-LID", "DL-PR26", "EM310-TILT", "EM500-SWL", "EM500-UDL"][which];
        let layouts = [layout_of(device).unwrap()];
        let [(chirpstack, _), (stack, mut message)] = both(&layouts);
        let up = chirpstack::encode(&Up { device: EUI, address: "a", counter: 1, port, at: None, data: &data, object: &[], gateways: &[] });
        // The bytes as base64 are the other server's.
        let up_value: Value = serde_json::from_slice(&up).unwrap();
        let sent = message["uplink_message"].as_object_mut().unwrap();
        sent.retain(|key, _| key == "f_cnt");
        sent.insert("f_port".into(), port.into());
        sent.insert("frm_payload".into(), up_value.get("data").cloned().unwrap_or_default());
        let fates = [(&chirpstack, up), (&stack, bytes(&message))].map(|(feed, payload)| {
            decode(feed, "x", &payload).map(|decoded| decoded.unmapped).map_err(|error| error.name())
        });
        if let Err(name) = &fates[0] {
            prop_assert!(CodecError::NAMES.contains(name));
        }
        prop_assert_eq!(&fates[0], &fates[1]);
    }

    #[test]
    fn a_damaged_uplink_does_no_harm(place in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>()) {
        for (feed, whole) in both(&[]) {
            let mut payload = bytes(&whole);
            let place = place.index(payload.len());
            if cut { payload.truncate(place); } else { payload[place] = byte; }
            if let Err(error) = decode(&feed, "x", &payload) {
                prop_assert!(CodecError::NAMES.contains(&error.name()));
            }
        }
    }

    #[test]
    fn no_bytes_are_too_strange(rest in vec(any::<u8>(), 0..200)) {
        for (feed, whole) in both(&[]) {
            let whole = bytes(&whole);
            let half = [&whole[..whole.len() / 2], &rest].concat();
            for payload in [&rest, &half] {
                if let Err(error) = decode(&feed, "x", payload) {
                    prop_assert!(CodecError::NAMES.contains(&error.name()));
                }
            }
        }
    }
}
