//! How fast bytes become readings: one message of 1, 4 and 16 readings. Items are readings.

#![expect(clippy::unwrap_used, reason = "a benchmark ends at the first surprise")]

#[path = "../tests/field/mod.rs"]
mod field;

use std::time::Duration;

use divan::Bencher;
use divan::counter::ItemsCount;
use reading::admission::{Admission, Limits};
use reading::codec::{Message, decode, native};
use reading::frame::Frame;
use reading::report::{Claim, Report, Road};
use reading::{Quantity, Registry, Timestamp, Unit};

fn main() {
    divan::main();
}

const NOON: i64 = 1_784_000_000;

fn report(second: i64, readings: usize) -> Report<'static> {
    let claim = |i: usize| Claim {
        sensor: format!("tilt-{}", i / 2 + 1).into(),
        quantity: ["tilt-x", "tilt-y"][i % 2].into(),
        value: 0.12 + i as f64 + second as f64 / 1e4,
        unit: Some("deg".into()),
        at: None,
    };
    Report {
        site: "cut-12",
        station: "box-1",
        seq: Some(second as u64),
        at: Some(Timestamp::from_secs(NOON + second)),
        heard_at: None,
        road: Road::Live,
        claims: (0..readings).map(claim).collect(),
    }
}

fn frame(payload: &[u8], second: i64) -> Frame<'_> {
    let received_at = Timestamp::from_secs(NOON + second);
    Frame {
        source: "mqtt",
        topic: "bongsu/v1/cut-12/box-1/telemetry",
        payload,
        received_at,
        retained: false,
    }
}

fn registry() -> Registry {
    let quantity = |i: usize| [Quantity::TiltX, Quantity::TiltY][i % 2];
    let sensor = |i: usize| format!("tilt-{}", i / 2 + 1);
    let series = |i| field::series(&sensor(i), quantity(i), Unit::Degree, (-1e9, 1e9));
    let station =
        field::station("cut-12", "box-1", Duration::from_secs(60), (0..16).map(series).collect());
    Registry::new(vec![field::site("cut-12")], vec![station])
}

#[divan::bench(args = [1, 4, 16])]
fn decode_telemetry(bencher: Bencher<'_, '_>, readings: usize) {
    let payload = native::encode(&report(0, readings));
    let frame = frame(&payload, 0);
    bencher.counter(ItemsCount::new(readings)).bench(|| decode(divan::black_box(&frame)));
}

#[divan::bench(args = [1, 4, 16])]
fn encode_telemetry(bencher: Bencher<'_, '_>, readings: usize) {
    let report = report(0, readings);
    bencher.counter(ItemsCount::new(readings)).bench(|| native::encode(divan::black_box(&report)));
}

#[divan::bench]
fn parse_rfc3339() -> bool {
    Timestamp::parse(divan::black_box("2026-07-14T03:10:00+09:00")).is_ok()
}

/// Both steps over an hour of messages, one a second.
#[divan::bench(args = [1, 4, 16])]
fn decode_and_admit(bencher: Bencher<'_, '_>, readings: usize) {
    let registry = registry();
    let payloads: Vec<_> =
        (0..3_600).map(|second| native::encode(&report(second, readings))).collect();
    bencher.counter(ItemsCount::new(readings * payloads.len())).bench(|| {
        let mut admission = Admission::new(&registry, Limits::default());
        let (mut out, mut refused) = (vec![], vec![]);
        let mut admitted = 0;
        for (payload, second) in payloads.iter().zip(0..) {
            let frame = frame(payload, second);
            let Ok(Message::Report(report)) = decode(&frame) else { panic!("not a report") };
            out.clear();
            admitted += admission
                .admit(&registry, &report, &frame, frame.received_at, &mut out, &mut refused)
                .admitted;
        }
        assert_eq!(admitted as usize, readings * payloads.len());
    });
}
