//! Foreign formats: samples of their makers, every kind of wrong one, and anything at all.

#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod bad_input;
mod fuzz;
mod made;
mod cbor;
mod senml;
mod sparkplug;
mod lorawan;
mod line_protocol;
mod columns;
mod pointers;
mod toa5;
mod nmea;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use reading::Timestamp;
use reading::codec::feed::{self, DeviceFrom};
use reading::codec::naming::{Model, Naming, Placed, Target};
use reading::codec::sparkplug::Hosts;
use reading::codec::{CodecError, Decoded, Feed, Format, Message};
use reading::frame::Frame;
use reading::report::Report;

/// 2026-07-14T03:33:20Z.
const RECEIVED: i64 = 1_784_000_000;

fn frame<'a>(topic: &'a str, payload: &'a [u8]) -> Frame<'a> {
    let received_at = Timestamp::from_secs(RECEIVED);
    Frame { source: "field", topic, payload, received_at, retained: false }
}

/// A feed of everything in a format, with devices on stations of site `cut-12` and one list of metrics for all.
fn feed(format: Format, devices: &[(&str, &str)], metrics: &[(&str, &str)]) -> Feed {
    let placed = |station: &str| Placed {
        site: "cut-12".parse().unwrap(),
        station: station.parse().unwrap(),
        model: 0,
        shared: false,
    };
    let target = |text: &str| {
        let (target, unit) = text.split_once(' ').map_or((text, None), |(t, u)| (t, Some(u)));
        let (sensor, quantity) = target.split_once('/').unwrap();
        Target {
            sensor: sensor.parse().unwrap(),
            quantity: reading::Quantity::parse(quantity).unwrap(),
            unit: unit.map(|unit| reading::Unit::parse(unit).unwrap()),
        }
    };
    let model = Model {
        metrics: metrics.iter().map(|(name, text)| ((*name).into(), target(text))).collect(),
        ignored: vec![],
    };
    let devices: BTreeMap<_, _> =
        devices.iter().map(|(name, station)| ((*name).into(), placed(station))).collect();
    Feed {
        source: "field".into(),
        filter: "#".into(),
        device: DeviceFrom::Topic,
        format,
        naming: Naming { devices, models: vec![model] },
        backfill: false,
    }
}

fn decode<'a>(
    feed: &'a Feed,
    topic: &'a str,
    payload: &'a [u8],
) -> Result<Decoded<'a>, CodecError> {
    let frame = frame(topic, payload);
    feed::decode(&frame, std::slice::from_ref(feed), &mut Hosts::default(), frame.received_at)
}

fn reports<'a>(decoded: &Decoded<'a>) -> Vec<Report<'a>> {
    let report = |message: &Message<'a>| match message {
        Message::Report(report) => report.clone(),
        other => panic!("{other:?}"),
    };
    decoded.messages.iter().map(|told| report(&told.message)).collect()
}

/// What a payload says: `station sensor/quantity value unit stamp`, one a claim.
fn told(feed: &Feed, topic: &str, payload: &[u8]) -> Result<Vec<String>, CodecError> {
    let decoded = decode(feed, topic, payload)?;
    let mut lines = Vec::new();
    for report in reports(&decoded) {
        for claim in &report.claims {
            let at = claim.at.or(report.at).map_or("-".into(), |at| at.to_string());
            let unit = claim.unit.as_deref().unwrap_or("-");
            lines.push(format!(
                "{} {}/{} {} {unit} {at}",
                report.station, claim.sensor, claim.quantity, claim.value
            ));
        }
    }
    Ok(lines)
}

fn refusal(feed: &Feed, topic: &str, payload: &[u8]) -> (&'static str, String) {
    match decode(feed, topic, payload) {
        Ok(decoded) => panic!("{:?} was read: {decoded:?}", String::from_utf8_lossy(payload)),
        Err(error) => {
            assert!(CodecError::NAMES.contains(&error.name()));
            (error.name(), error.to_string())
        }
    }
}

/// A file of real samples: those in `real/`, and, if they are here, those under licences that keep them out of it.
fn sample(path: &str) -> Option<Vec<u8>> {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/formats/real").join(path);
    if let Ok(bytes) = std::fs::read(kept) {
        return Some(bytes);
    }
    let Some(folder) = std::env::var_os("BONGSU_TEST_DATA") else {
        println!("skipped: BONGSU_TEST_DATA is not set");
        return None;
    };
    let path = PathBuf::from(folder).join("conformance").join(path);
    Some(std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}
