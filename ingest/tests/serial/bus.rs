//! Buses of Modbus units, good and bad ones side by side.

use std::collections::BTreeMap;
use std::time::Duration;

use ingest::collector::event::{Happening, Role};
use ingest::collector::serial::bus;
use ingest::collector::serial::config::{BusConfig, LineConfig, UnitConfig, Way};
use reading::codec::modbus::{
    Answer, ModbusUnit, NumberKind, Polled, Register, RegisterTable, WordOrder,
};
use reading::codec::{PortForm, Speaker};
use reading::frame::Frame;
use reading::{Quantity, Unit};

use crate::pty::{Socket, in_time};
use crate::support::{Bench, Recording, soon, until};
use crate::unit::{Habit, play};

/// A unit that is asked for registers 10 and 11 as one number, twenty times a second.
pub fn unit(unit: u8) -> UnitConfig {
    let register = Register {
        sensor: "piezo-1".parse().unwrap(),
        quantity: Quantity::PorePressure,
        table: RegisterTable::Holding,
        address: 10,
        number: NumberKind::U32,
        order: WordOrder::Abcd,
        scale: 0.001,
        offset: 0.0,
        unit: Some(Unit::Kilopascal),
    };
    let speaker = Speaker {
        site: "cut-12".parse().unwrap(),
        station: format!("piezo-{unit}").parse().unwrap(),
    };
    let map = ModbusUnit { unit, speaker, registers: vec![register] };
    UnitConfig { map, interval: Duration::from_millis(50) }
}

pub fn config(way: Way, units: impl IntoIterator<Item = u8>) -> BusConfig {
    BusConfig {
        name: "bus-1".into(),
        way,
        units: units.into_iter().map(unit).collect(),
        timeout: Duration::from_millis(200),
        quiet: Duration::ZERO,
    }
}

pub fn polled(intake: &Recording) -> Vec<Polled> {
    intake.frames().iter().map(|frame| Polled::read(&frame.payload).unwrap()).collect()
}

/// What decoding makes of everything that was stored: values, and refusals by name.
pub fn decoded(intake: &Recording, units: Vec<ModbusUnit>) -> BTreeMap<String, Vec<f64>> {
    let form = PortForm::Modbus(units);
    let mut all: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for taken in intake.frames() {
        let frame = Frame {
            source: &taken.source,
            topic: &taken.topic,
            payload: &taken.payload,
            received_at: taken.received_at,
            retained: taken.retained,
        };
        match form.decode(&frame) {
            Ok(report) => all
                .entry(report.station.to_string())
                .or_default()
                .extend(report.claims.iter().map(|claim| claim.value)),
            Err(error) => all.entry(error.name().to_string()).or_default().push(0.0),
        }
    }
    all
}

/// Runs a bus of these habits until `enough`; what was stored.
async fn run(
    habits: impl Fn(u8) -> Option<Habit> + Send + 'static,
    units: &[u8],
    enough: impl Fn(&[Polled]) -> bool,
) -> BTreeMap<String, Vec<f64>> {
    let (socket, intake, bench) = (Socket::new(), Recording::open(), Bench::new());
    let player = play(socket.plug(), habits);
    let way = Way::Rtu(LineConfig::new(socket.path(), 115_200));
    let config = config(way, units.iter().copied());
    let maps = config.units.iter().map(|unit| unit.map.clone()).collect();
    let task = bus::start(config, intake.clone(), &bench.wiring);
    until("enough was answered", || enough(&polled(&intake))).await;
    bench.wiring.cancel.cancel();
    soon("the collector ends", task).await.unwrap();
    player.abort();
    decoded(&intake, maps)
}

/// How many questions came to `outcome`.
fn polls(bench: &Bench, outcome: &str) -> f64 {
    let of_outcome = |metric: &&prometheus::proto::Metric| {
        metric.get_label().iter().any(|label| label.value() == outcome)
    };
    let families = bench.registry.gather();
    let polls = families.iter().filter(|family| family.name() == "ingest_polls_total");
    polls
        .flat_map(|family| family.get_metric())
        .filter(of_outcome)
        .map(|metric| metric.get_counter().get_value())
        .sum()
}

fn from(unit: u8) -> impl Fn(&[Polled]) -> usize {
    move |all| all.iter().filter(|polled| polled.question.unit == unit).count()
}

#[tokio::test]
async fn registers_become_measures() {
    let habits = |unit| (unit == 17).then(|| Habit::Holds(vec![0x0001, 0x86A0]));
    let all = run(habits, &[17], |all| from(17)(all) >= 3).await;
    assert_eq!(all.keys().collect::<Vec<_>>(), ["piezo-17"]);
    assert!(all["piezo-17"].iter().all(|value| *value == 100.0));
}

#[tokio::test]
async fn a_dead_unit_does_not_slow_the_bus() {
    let habits = |unit| (unit == 2).then_some(Habit::Good);
    // One wait for the dead unit costs as much as four turns of the live one: were it asked in every turn, the live one
    // would be heard once for each time the dead one is waited for.
    let (socket, intake, bench) = (Socket::new(), Recording::open(), Bench::new());
    let player = play(socket.plug(), habits);
    let way = Way::Rtu(LineConfig::new(socket.path(), 115_200));
    let task = bus::start(config(way, [1, 2, 3]), intake.clone(), &bench.wiring);
    intake.holds_count(100).await;
    bench.wiring.cancel.cancel();
    soon("the collector ends", task).await.unwrap();
    player.abort();
    let waited = polls(&bench, "silence");
    println!("{waited} waits for two dead units in 100 answers of the live one");
    assert!(waited <= 20.0, "{waited}");
    assert!(polled(&intake).iter().all(|polled| polled.question.unit == 2));
}

#[tokio::test]
async fn what_is_wrong_with_a_unit_is_named_and_the_others_go_on() {
    let habits = |unit| match unit {
        1 => Some(Habit::Damaged),
        2 => Some(Habit::Cut),
        3 => Some(Habit::Foreign(99)),
        4 => Some(Habit::Refuses(2)),
        5 => Some(Habit::Short),
        6 => Some(Habit::ForeignOnce(7)),
        9 => Some(Habit::Good),
        _ => None,
    };
    let each = [1, 2, 3, 4, 5, 6, 9];
    let all = run(habits, &each, |all| each.iter().all(|unit| from(*unit)(all) >= 3)).await;
    let names: Vec<_> = all.keys().map(String::as_str).collect();
    let expected = [
        "bad-checksum",
        "foreign-answer",
        "modbus-exception",
        "other-answer",
        "piezo-6",
        "piezo-9",
        "truncated",
    ];
    assert_eq!(names, expected);
    let of_nine = f64::from(10_u32 << 16 | 11) * 0.001;
    assert!(all["piezo-9"].iter().chain(&all["piezo-6"]).all(|value| *value == of_nine));
}

#[tokio::test]
async fn a_bus_that_is_pulled_out_is_told_and_asked_again_when_it_is_back() {
    let (socket, intake, bench) = (Socket::new(), Recording::open(), Bench::new());
    let player = play(socket.plug(), |_| Some(Habit::Good));
    let way = Way::Rtu(LineConfig::new(socket.path(), 115_200));
    let task = bus::start(config(way, [1]), intake.clone(), &bench.wiring);
    intake.holds_count(2).await;
    player.abort();
    player.await.ok();
    socket.unplug();
    let down = |happening: &Happening| matches!(happening, Happening::Down { reason } if reason.contains("gone"));
    in_time("noticed", bench.told.comes("down", Role::Telemetry, down)).await;
    let (before, began) = (intake.len(), bench.wiring.clock.at());
    let player = play(socket.plug(), |_| Some(Habit::Good));
    in_time("asked again", intake.holds_count(before + 2)).await;
    println!("answers again after {:?}", bench.wiring.clock.at().since(began));
    bench.wiring.cancel.cancel();
    soon("the collector ends", task).await.unwrap();
    player.abort();
}

#[tokio::test]
async fn a_bus_over_tcp_is_asked_with_the_same_map() {
    let (intake, bench) = (Recording::open(), Bench::new());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let way = Way::Tcp { host: "127.0.0.1".into(), port: listener.local_addr().unwrap().port() };
    let gateway = tokio::spawn(crate::unit::play_tcp(listener));
    let config = config(way, [1, 2, 3]);
    let maps = config.units.iter().map(|unit| unit.map.clone()).collect();
    let task = bus::start(config, intake.clone(), &bench.wiring);
    let enough = || {
        let all = polled(&intake);
        [1, 2].iter().all(|unit| from(*unit)(&all) >= 3) && polls(&bench, "silence") > 0.0
    };
    until("both answer and one is silent", enough).await;
    bench.wiring.cancel.cancel();
    soon("the collector ends", task).await.unwrap();
    gateway.abort();
    let all = decoded(&intake, maps);
    assert_eq!(all.keys().collect::<Vec<_>>(), ["foreign-answer", "piezo-1"]);
    assert!(polled(&intake).iter().any(|polled| matches!(polled.answer, Answer::BadTcp(_))));
}

#[tokio::test]
async fn a_dead_unit_behind_tcp_does_not_keep_the_others_from_being_asked() {
    let (intake, bench) = (Recording::open(), Bench::new());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let way = Way::Tcp { host: "127.0.0.1".into(), port: listener.local_addr().unwrap().port() };
    let gateway = tokio::spawn(crate::unit::play_narrow_tcp(listener));
    // the dead ones first: they are asked before anybody else
    let task = bus::start(config(way, [2, 3, 1]), intake.clone(), &bench.wiring);
    let enough = || {
        let all = polled(&intake);
        from(1)(&all) >= 40 && polls(&bench, "silence") > 0.0 && polls(&bench, "hung-up") > 0.0
    };
    until("the one that is there answers", enough).await;
    assert!(polled(&intake).iter().all(|polled| matches!(polled.answer, Answer::Registers(_))));
    let is_down = |happening: &Happening| matches!(happening, Happening::Down { .. });
    assert!(!bench.told.has(Role::Telemetry, is_down), "the gateway is there all the time");
    bench.wiring.cancel.cancel();
    soon("the collector ends", task).await.unwrap();
    gateway.abort();
}

#[tokio::test]
async fn a_gateway_that_hangs_up_over_everybody_is_down() {
    let (intake, bench) = (Recording::open(), Bench::new());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let way = Way::Tcp { host: "127.0.0.1".into(), port: listener.local_addr().unwrap().port() };
    let gateway = tokio::spawn(crate::unit::play_narrow_tcp(listener));
    let task = bus::start(config(way, [2]), intake.clone(), &bench.wiring);
    let broke = |happening: &Happening| matches!(happening, Happening::Down { reason } if reason.contains("broke"));
    in_time("told", bench.told.comes("down", Role::Telemetry, broke)).await;
    bench.wiring.cancel.cancel();
    soon("the collector ends", task).await.unwrap();
    gateway.abort();
}
