//! Units on a Modbus: asked by our own collector, and by pymodbus.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use firmware_sim::World;
use firmware_sim::link::modbus::Units;
use firmware_sim::link::serial::{self, Speech};
use ingest::collector::serial::bus;
use ingest::collector::serial::config::{BusConfig, LineConfig, UnitConfig, Way};
use reading::codec::modbus::ModbusUnit;
use reading::codec::{Format, PortForm};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::heard::{Hand, feed_of, heard, long_until, measured, small};
use crate::support::{Bench, Recording, soon};

const SEED: u64 = 7;

#[tokio::test]
async fn registers_hold_the_newest_values_and_a_unit_that_stopped_measuring_is_silent() {
    let scenario = small("");
    let units = Units::of(&scenario);
    let maps: Vec<ModbusUnit> = units.maps("slope-1").cloned().collect();
    assert_eq!(maps.len(), 3);
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("slope-1");
    let (hand, stop) = (Hand::at(scenario.start), CancellationToken::new());
    let (world, pace) = (World::new(&scenario, SEED).until(scenario.end()), hand.pace());
    let (ports, stopped) = (folder.path().to_owned(), stop.clone());
    let field = tokio::spawn(async move {
        serial::publish(world, &ports, &Speech::Modbus(units), &pace, stopped).await.unwrap()
    });
    long_until("the wire is laid", || path.exists()).await;
    let (intake, bench) = (Recording::open(), Bench::new());
    let unit =
        |map: &ModbusUnit| UnitConfig { map: map.clone(), interval: Duration::from_millis(50) };
    let config = BusConfig {
        name: "bus".into(),
        way: Way::Rtu(LineConfig::new(&path, 115_200)),
        units: maps.iter().map(unit).collect(),
        timeout: Duration::from_millis(500),
        quiet: Duration::ZERO,
    };
    let task = bus::start(config.clone(), intake.clone(), &bench.wiring);
    let form = Format::Port(PortForm::Modbus(maps.clone()));
    let feed = feed_of(&scenario, "bus", &path.display().to_string(), form, |it| it.id.to_string());
    hand.move_to(scenario.end());

    // every value the unit shows in the end is the last one its station measured
    let mut last = std::collections::BTreeMap::new();
    for ((station, series, at), value) in measured(&scenario, SEED) {
        let entry = last.entry((station, series)).or_insert((at.clone(), value.clone()));
        if at >= entry.0 {
            *entry = (at, value);
        }
    }
    let shows_the_last = || {
        let (said, _) = heard(&intake.frames(), std::slice::from_ref(&feed));
        last.iter().all(|((station, series), (_, value))| {
            said.iter()
                .any(|((of, name, _), shown)| of == station && name == series && shown == value)
        })
    };
    long_until("the registers show the last report", shows_the_last).await;
    bench.wiring.cancel.cancel();
    soon("the collector ends", task).await.unwrap();
    let (asked, all) = (path.clone(), last.clone());
    tokio::task::spawn_blocking(move || pymodbus_reads(&asked, &all)).await.unwrap();

    hand.move_to(scenario.end().plus(Duration::from_secs(3_600)));
    let (later, bench) = (Recording::open(), Bench::new());
    let task = bus::start(config, later.clone(), &bench.wiring);
    long_until("buried units are silent", || silences(&bench) >= 3.0).await;
    assert_eq!(later.len(), 0);
    bench.wiring.cancel.cancel();
    soon("the collector ends", task).await.unwrap();
    stop.cancel();
    soon("the field ends", field).await.unwrap();
}

fn silences(bench: &Bench) -> f64 {
    let families = bench.registry.gather();
    let polls = families.iter().filter(|family| family.name() == "ingest_polls_total");
    polls
        .flat_map(|family| family.get_metric())
        .filter(|metric| metric.get_label().iter().any(|label| label.value() == "silence"))
        .map(|metric| metric.get_counter().get_value())
        .sum()
}

/// What pymodbus reads of unit 1.
fn pymodbus_reads(
    path: &std::path::Path,
    last: &std::collections::BTreeMap<(String, String), (String, String)>,
) {
    let python = PathBuf::from("/usr/bin/python3");
    let knows = Command::new(&python).args(["-c", "import pymodbus.client, serial"]).output();
    if !knows.is_ok_and(|output| output.status.success()) {
        assert!(std::env::var_os("BONGSU_REQUIRE_SERVERS").is_none(), "pymodbus is not installed");
        println!("skipped: pymodbus not installed");
        return;
    }
    let client = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/field/modbus_client.py");
    let output = Command::new(python).arg(client).arg(path).arg("1").arg("6").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    assert!(output.status.success(), "{text} {}", String::from_utf8_lossy(&output.stderr));
    let value = |series: &str| last[&("post-1".to_owned(), series.to_owned())].1.clone();
    let expected =
        [value("tilt-1/tilt-x"), value("tilt-1/tilt-y"), value("ext-1/displacement")].join(" ");
    assert_eq!(text, expected);
}
