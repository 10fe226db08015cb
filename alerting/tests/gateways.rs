//! What falls silent together is one incident: behind a gateway, and at a post (scenarios S8 and S9 of the field).
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::collections::BTreeSet;

use alerting::level::Level;
use alerting::setup::Setup;
use alerting::{Decision, Engine};
use common::{World, minute, setup};
use reading::codec::{StationState, StatusReport};
use reading::registry::{Registry, SeriesEntry, StationEntry};
use reading::{Quality, Reading, SeriesIndex, StationIndex};

/// The two slopes of the small world, every post behind one gateway that stands at the first.
fn forwarded() -> Setup {
    let mut setup = setup();
    let gateway = Some(("cut-1".parse().unwrap(), "gw".parse().unwrap()));
    let registry = &setup.registry;
    let mut stations: Vec<StationEntry> = registry
        .stations()
        .iter()
        .enumerate()
        .map(|(at, station)| {
            let series = registry.series_of(StationIndex(at as u32)).map(|number| {
                let series = &registry.series()[number];
                let of = SeriesEntry::of(series.name.sensor.clone(), series.name.quantity);
                SeriesEntry { lateness: series.lateness, ..of }
            });
            let site = registry.sites()[station.site.index()].id.clone();
            let series = series.collect();
            let of = StationEntry::of(site, station.id.clone(), &station.source);
            StationEntry { gateway: gateway.clone(), series, ..of }
        })
        .collect();
    stations.push(StationEntry::of("cut-1".parse().unwrap(), "gw".parse().unwrap(), "field"));
    setup.registry = Registry::new(registry.sites().to_vec(), stations);
    setup
}

const ALL: u32 = 6;

/// Every series of `who` speaks each minute of a stretch.
fn talk(world: &mut World, minutes: std::ops::Range<i64>, who: impl Fn(u32) -> bool) {
    for i in minutes {
        for series in (0..ALL).filter(|series| who(*series)) {
            world.read(minute(i), series, 0.1);
        }
    }
}

fn opened(world: &World) -> Vec<String> {
    let sites: Vec<String> = world
        .decisions()
        .filter_map(|decision| match decision {
            Decision::Incident(record) if record.revision == 1 => Some(record.site.to_string()),
            _ => None,
        })
        .collect();
    sites
}

fn gateway(engine: &Engine) -> StationIndex {
    let registry = &engine.setup().registry;
    registry.station(registry.site("cut-1").unwrap(), "gw").unwrap()
}

#[test]
fn a_gateway_that_goes_silent_is_one_incident_and_its_return_ends_it() {
    let mut world = World::new(forwarded());
    talk(&mut world, 0..60, |_| true);
    world.tick(minute(60 + 6 * 60));
    assert_eq!(opened(&world), ["bongsu"], "not one for each site, nor for each post");
    let view = world.engine.view();
    assert!(view.iter().all(|site| site.silent == 3 && site.unknown), "and nothing looks seen");
    // the backlog first, then live
    let now = world.tick(minute(60 + 6 * 60 + 1));
    for series in 0..ALL {
        let quality = Quality::BACKFILL | Quality::OLD;
        let (at, series) = (minute(61), SeriesIndex(series));
        let reading = Reading { series, measured_at: at, received_at: now.at, value: 0.1, quality };
        world.engine.observe(&reading, now, &mut world.actions);
    }
    talk(&mut world, 422..460, |_| true);
    assert_eq!(opened(&world), ["bongsu"]);
    assert!(world.engine.view().iter().all(|site| site.silent == 0 && site.level == Level::Normal));
    let closed = |decision: &Decision| matches!(decision, Decision::Incident(record) if record.state.is_over());
    assert!(world.decisions().any(closed));
}

#[test]
fn a_post_that_does_not_come_back_with_its_gateway_is_told_by_itself() {
    let mut world = World::new(forwarded());
    talk(&mut world, 0..60, |_| true);
    world.tick(minute(300));
    talk(&mut world, 301..400, |series| series != 4);
    assert_eq!(opened(&world), ["bongsu", "cut-2"]);
}

#[test]
fn one_post_by_itself_is_not_its_gateway() {
    let mut world = World::new(forwarded());
    talk(&mut world, 0..60, |_| true);
    talk(&mut world, 60..300, |series| series != 1);
    assert_eq!(opened(&world), ["cut-1"]);
}

#[test]
fn a_gateway_that_says_it_is_gone_is_believed_after_five_minutes() {
    for (back_after, expected) in [(4, &[][..]), (6, &["bongsu"])] {
        let mut world = World::new(forwarded());
        talk(&mut world, 0..10, |_| true);
        let now = world.tick(minute(10));
        let station = gateway(&world.engine);
        let status = StatusReport::of("cut-1", "gw", StationState::Offline);
        world.engine.station_status(station, &status, now, &mut world.actions);
        assert!(world.engine.view().iter().all(|site| site.unknown));
        let now = world.tick(minute(10 + back_after));
        let status = StatusReport::of("cut-1", "gw", StationState::Online);
        world.engine.station_status(station, &status, now, &mut world.actions);
        talk(&mut world, 20..30, |_| true);
        assert_eq!(opened(&world), expected, "{back_after}");
    }
}

/// S9: after lightning every channel of a post falls silent.
#[test]
fn a_post_whose_channels_all_fall_silent_is_one_incident() {
    let mut setup = setup();
    let registry = &setup.registry;
    let mut stations: Vec<StationEntry> = Vec::new();
    let sensors: Vec<String> = (1..=12).map(|i| format!("tilt-{i}")).collect();
    let series = sensors
        .iter()
        .map(|id| SeriesEntry::of(id.parse().unwrap(), reading::Quantity::TiltX))
        .collect();
    stations.push(StationEntry {
        series,
        ..StationEntry::of("cut-1".parse().unwrap(), "post-1".parse().unwrap(), "field")
    });
    setup.registry = Registry::new(registry.sites().to_vec(), stations);
    let names: Vec<_> = setup.registry.series().iter().map(|s| s.name.clone()).collect();
    setup.rules.retain(|rule| rule.id.as_str() == "silence" && rule.site.as_str() == "cut-1");
    setup.rules[0].clauses[0].series = names.into();
    let mut world = World::new(setup);
    for i in 0..10 {
        (0..12).for_each(|series| world.read(minute(i), series, 0.1));
    }
    world.tick(minute(400));
    let incidents: BTreeSet<_> = opened(&world).into_iter().collect();
    assert_eq!((opened(&world).len(), incidents.len()), (1, 1));
    assert_eq!(world.engine.view()[0].silent, 12);
}

#[test]
fn g04_a_snapshot_remembers_that_a_gateway_is_down() {
    let mut world = World::new(forwarded());
    talk(&mut world, 0..60, |_| true);
    world.tick(minute(300));
    let snapshot = world.engine.snapshot();
    world.engine = Engine::restore(snapshot);
    world.tick(minute(500));
    assert_eq!(opened(&world), ["bongsu"], "told once");
    talk(&mut world, 501..530, |_| true);
    assert_eq!(opened(&world), ["bongsu"]);
    assert_eq!(world.engine.view()[0].silent, 0);
}
