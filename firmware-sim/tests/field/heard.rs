//! What a small field says, what a collector heard of it, and a clock in the hand of the test.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use firmware_sim::scenario::StationPlan;
use firmware_sim::{Pace, Scenario, World};
use ingest::collector::Taken;
use reading::Timestamp;
use reading::codec::feed;
use reading::codec::naming::{Model, Naming, Placed, Target};
use reading::codec::sparkplug::Hosts;
use reading::codec::{Feed, Format, Message};
use reading::frame::Frame;

/// A slope with two posts and a bucket, that report every minute for twenty minutes.
pub fn small(rates: &str) -> Scenario {
    let sensor = |id: &str, quantity: &str, range: &str| {
        format!(
            "{{ id = \"{id}\", quantity = \"{quantity}\", noise = 0.01, step = 0.001, range = {range} }}"
        )
    };
    let post = |id: &str| {
        format!(
            "[[layouts.slope]]\nid = \"{id}\"\nreport_s = 60\nsensors = [{}, {}, {}]\n",
            sensor("tilt-1", "tilt-x", "[-30.0, 30.0]"),
            sensor("tilt-1", "tilt-y", "[-30.0, 30.0]"),
            sensor("ext-1", "displacement", "[0.0, 500.0]")
        )
    };
    let text = format!(
        r#"
name = "small"
title = {{ ko = "작은 현장", en = "A small field" }}
start = "2026-07-14T00:00:00+09:00"
duration_h = 0.333
[rates]
{rates}
{}
{}
[[layouts.slope]]
id = "rain-1"
report_s = 60
sensors = [{{ id = "gauge-1", quantity = "rain", step = 0.2, range = [0.0, 20.0] }}]
[[sites]]
id = "slope-1"
kind = "slope"
name = {{ ko = "비탈면", en = "Slope" }}
area = {{ ko = "아래", en = "below" }}
location = [37.5, 128.2]
expect = "normal"
"#,
        post("post-1"),
        post("post-2")
    );
    Scenario::parse("small.toml", &text).unwrap_or_else(|error| panic!("{error}"))
}

/// A clock that stands until it is moved.
#[derive(Clone)]
pub struct Hand(Arc<AtomicI64>);

impl Hand {
    pub fn at(start: Timestamp) -> Self {
        Self(Arc::new(AtomicI64::new(start.nanos())))
    }

    pub fn pace(&self) -> Pace {
        let nanos = self.0.clone();
        Pace::new(move || Timestamp::from_nanos(nanos.load(Ordering::SeqCst)), 1e3)
    }

    pub fn move_to(&self, at: Timestamp) {
        self.0.store(at.nanos(), Ordering::SeqCst);
    }
}

/// Station, series, moment and value, as text: values to a thousandth, so that a float of 32 bits is the same.
pub type Said = BTreeMap<(String, String, String), String>;

fn add(said: &mut Said, report: &reading::report::Report<'_>) {
    for claim in &report.claims {
        let at = claim.at.or(report.at).or(report.heard_at).map(|at| at.to_string());
        let name = format!("{}/{}", claim.sensor, claim.quantity);
        let key = (report.station.to_owned(), name, at.unwrap_or_default());
        said.insert(key, format!("{:.3}", claim.value));
    }
}

/// What the stations of a scenario measure, faults of the way left out.
pub fn measured(scenario: &Scenario, seed: u64) -> Said {
    let mut clean = scenario.clone();
    clean.rates = Default::default();
    let mut said = Said::new();
    for message in World::new(&clean, seed).until(clean.end()) {
        let frame = Frame {
            source: "x",
            topic: &message.topic,
            payload: &message.payload,
            received_at: message.sent_at,
            retained: message.retain,
        };
        if let Ok(Message::Report(report)) = reading::codec::decode(&frame) {
            add(&mut said, &report);
        }
    }
    said
}

/// What a collector's frames say through a feed, and how many were refused.
pub fn heard(frames: &[Taken], feeds: &[Feed]) -> (Said, usize) {
    let (mut said, mut refused, mut hosts) = (Said::new(), 0, Hosts::default());
    for taken in frames {
        let frame = Frame {
            source: &taken.source,
            topic: &taken.topic,
            payload: &taken.payload,
            received_at: taken.received_at,
            retained: taken.retained,
        };
        match feed::decode(&frame, feeds, &mut hosts, taken.received_at) {
            Ok(decoded) => {
                assert_eq!(decoded.unmapped, [], "every series is known");
                for told in decoded.messages {
                    if let Message::Report(report) = told.message {
                        add(&mut said, &report);
                    }
                }
            }
            Err(_) => refused += 1,
        }
    }
    (said, refused)
}

/// A feed that hears the stations of a scenario, each by a name of the form.
pub fn feed_of(
    scenario: &Scenario,
    source: &str,
    filter: &str,
    format: Format,
    device: impl Fn(&StationPlan) -> String,
) -> Feed {
    let site = &scenario.sites()[0];
    let mut naming = Naming::default();
    for (model, station) in (0..).zip(scenario.stations(site)) {
        let placed =
            Placed { site: site.id.clone(), station: station.id.clone(), model, shared: false };
        naming.devices.insert(device(station), placed);
        let metrics = station.sensors.iter().map(|sensor| {
            let target = Target {
                sensor: sensor.id.clone(),
                quantity: sensor.quantity,
                unit: Some(sensor.quantity.base_unit()),
            };
            (format!("{}/{}", sensor.id, sensor.quantity), target)
        });
        let radio = vec!["radio.rssi".to_owned(), "radio.snr".to_owned()];
        naming.models.push(Model { metrics: metrics.collect(), ignored: radio });
    }
    let (source, filter) = (source.to_owned(), filter.to_owned());
    Feed { source, filter, device: Default::default(), format, naming, backfill: false }
}

/// Waits until something holds; it is asked for longer than usual, since lost frames are said again after seconds.
pub async fn long_until(what: &str, holds: impl Fn() -> bool) {
    let wait = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    if tokio::time::timeout(Duration::from_secs(120), wait).await.is_err() {
        panic!("{what}: not in time");
    }
}
