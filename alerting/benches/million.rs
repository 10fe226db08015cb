//! A million series with three thresholds each: how much memory they take, and how many readings a second one core
//! judges. Run with `cargo bench -p alerting --bench million`; `SERIES` sets another number of series.

#[path = "../tests/common/mod.rs"]
mod common;

use std::time::Duration;

use alerting::engine::{Engine, Moment};
use alerting::level::Level;
use alerting::rule::{Group, Provenance, Rule, SeriesNames};
use alerting::setup::Setup;
use alerting::snapshot::Snapshot;
use common::{above, minute, persist, setup};
use reading::registry::{Registry, SeriesEntry, StationEntry};
use reading::{Quality, Quantity, Reading, SeriesIndex};

const SITES: usize = 1_000;
const ROUNDS: i64 = 20;
/// Every series reports once in so many minutes; lateness is 15 min.
const EVERY: i64 = 10;

/// Resident memory of this process, MiB.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
    let kib: f64 = line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).unwrap_or(0.0);
    kib / 1_024.0
}

/// Processor time this process has used, seconds: a busy machine does not change it.
fn processor() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: f64 = fields.skip(11).take(2).filter_map(|n| n.parse::<f64>().ok()).sum();
    ticks / 100.0
}

fn world(series: usize) -> Setup {
    let template = setup();
    let sensors: Vec<reading::id::SensorId> = (0..series / SITES / 10)
        .map(|n| format!("tilt-{n}").parse().expect("an identifier"))
        .collect();
    let stations: Vec<reading::id::StationId> =
        (0..10).map(|n| format!("post-{n}").parse().expect("an identifier")).collect();
    let (mut sites, mut entries, mut rules) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..SITES {
        let mut site = template.registry.sites()[0].clone();
        site.id = format!("site-{number:04}").parse().expect("an identifier");
        let mut names = Vec::new();
        for station in &stations {
            let entry = |sensor: &reading::id::SensorId| {
                let mut entry = SeriesEntry::of(sensor.clone(), Quantity::TiltX);
                entry.lateness = Duration::from_secs(900);
                entry
            };
            let mut post = StationEntry::of(site.id.clone(), station.clone(), "field");
            post.report_interval = Duration::from_secs(60 * EVERY as u64);
            post.series = sensors.iter().map(entry).collect();
            names.extend(sensors.iter().map(|sensor| reading::SeriesName {
                site: site.id.clone(),
                station: station.clone(),
                sensor: sensor.clone(),
                quantity: Quantity::TiltX,
            }));
            entries.push(post);
        }
        let names = SeriesNames::from(names);
        for (id, level, at) in
            [("a", Level::Caution, 1.0), ("b", Level::Warning, 2.0), ("c", Level::Severe, 3.0)]
        {
            let (id, condition) =
                (id.parse().expect("an identifier"), above(at, at * 0.8, persist(3, 5, 3)));
            let site = site.id.clone();
            let (group, none) = (Group::Deformation, Provenance::default());
            let mut rule = Rule::plain(id, site, group, level, vec![], vec![], condition, none);
            rule.clauses[0].series = names.clone();
            rules.push(rule);
        }
        sites.push(site);
    }
    Setup { registry: Registry::new(sites, entries), rules, ..template }
}

fn main() {
    let series: usize =
        std::env::var("SERIES").ok().and_then(|n| n.parse().ok()).unwrap_or(1_000_000);
    let before = resident();
    let setup = world(series);
    let configured = resident();
    let mut engine = Engine::new(setup, minute(0));
    let count = engine.setup().registry.series().len();
    let mut actions = Vec::new();
    let begun = processor();
    for round in 0..ROUNDS {
        for place in 0..count {
            // all of a site report together, and the sites one after the other over the interval
            let at =
                minute(round * EVERY).plus(Duration::from_millis((place / 1_000 * 500) as u64));
            let now = Moment { at, sequence: (round as u64) << 32 | place as u64 };
            engine.tick(now, &mut actions);
            let value = f64::from((place as u32).wrapping_mul(2_654_435_761) >> 24) / 400.0;
            let reading = Reading {
                series: SeriesIndex(place as u32),
                measured_at: at,
                received_at: at,
                value,
                quality: Quality::GOOD,
            };
            engine.observe(&reading, now, &mut actions);
        }
    }
    let took = processor() - begun;
    let readings = count as f64 * ROUNDS as f64;
    println!("{count} series, 3 thresholds each, {} actions", actions.len());
    println!("configuration  {:7.1} MiB", configured - before);
    println!(
        "with the engine {:6.1} MiB resident, {:.0} bytes a series",
        resident(),
        (resident() - before) * 1_048_576.0 / count as f64
    );
    println!(
        "{:.2} M readings a second of one core ({readings} in {took:.2} s)",
        readings / took / 1e6
    );
    let begun = processor();
    let snapshot = engine.snapshot().to_bytes();
    drop(engine);
    let engine = Snapshot::from_bytes(&snapshot).map(Engine::restore);
    println!(
        "restored from {:.0} MiB in {:.1} s: {}",
        snapshot.len() as f64 / 1_048_576.0,
        processor() - begun,
        engine.is_ok()
    );
}
