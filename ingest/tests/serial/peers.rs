//! Programs of other people: socat as the wire, pymodbus as the unit.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use ingest::collector::serial::bus;
use ingest::collector::serial::config::{BusConfig, LineConfig, UnitConfig, Way};
use reading::codec::modbus::{ModbusUnit, NumberKind, Register, RegisterTable, WordOrder};
use reading::{Quantity, Unit};
use tempfile::TempDir;

use crate::bus::{config, decoded};
use crate::support::{Bench, Recording, free_port, program, soon, until};

/// A program that ends with the test.
struct Running(Child);

impl Running {
    fn start(command: &mut Command) -> Self {
        Self(command.stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Python with pymodbus, if there is one.
fn pymodbus() -> Option<PathBuf> {
    let knows = |python: &PathBuf| {
        let imports = "import pymodbus.server, serial";
        let tried = Command::new(python).args(["-c", imports]).stderr(Stdio::null()).status();
        tried.is_ok_and(|status| status.success())
    };
    let found = Some(PathBuf::from("/usr/bin/python3")).filter(knows);
    if found.is_none() {
        assert!(std::env::var_os("BONGSU_REQUIRE_SERVERS").is_none(), "pymodbus is not installed");
        println!("skipped: pymodbus not installed");
    }
    found
}

fn server() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/serial/modbus_server.py")
}

fn register(sensor: &str, table: RegisterTable, address: u16, number: NumberKind) -> Register {
    Register {
        sensor: sensor.parse().unwrap(),
        quantity: Quantity::Count,
        table,
        address,
        number,
        order: WordOrder::Cdab,
        scale: 1.0,
        offset: 0.0,
        unit: Some(Unit::Count),
    }
}

/// What is asked of pymodbus: everything it has, and something it has not.
fn asked(way: Way) -> BusConfig {
    let registers = vec![
        register("level", RegisterTable::Input, 100, NumberKind::F32),
        register("minus", RegisterTable::Holding, 0, NumberKind::I16),
        register("wire", RegisterTable::DiscreteInput, 5, NumberKind::Bit),
        register("nothing", RegisterTable::Holding, 4_000, NumberKind::U16),
    ];
    let base = config(way, [17]);
    let map = ModbusUnit { registers, ..base.units[0].map.clone() };
    let units = vec![UnitConfig { map, interval: Duration::from_millis(100) }];
    BusConfig { units, timeout: Duration::from_secs(2), ..base }
}

async fn is_understood(config: BusConfig) {
    let (intake, bench) = (Recording::open(), Bench::new());
    let maps: Vec<_> = config.units.iter().map(|unit| unit.map.clone()).collect();
    let task = bus::start(config, intake.clone(), &bench.wiring);
    let complete = || {
        let all = decoded(&intake, maps.clone());
        all.get("piezo-17").is_some_and(|values| values.len() >= 6)
            && all.contains_key("modbus-exception")
    };
    until("two rounds are answered", complete).await;
    bench.wiring.cancel.cancel();
    soon("the collector ends", task).await.unwrap();
    let all = decoded(&intake, maps);
    assert_eq!(all.keys().collect::<Vec<_>>(), ["modbus-exception", "piezo-17"]);
    let mut values = all["piezo-17"].clone();
    values.sort_by(f64::total_cmp);
    values.dedup();
    assert_eq!(values, [-7.0, 1.0, 12.75]);
}

#[tokio::test]
async fn pymodbus_is_understood_over_a_port() {
    let (Some(socat), Some(python)) = (program("socat"), pymodbus()) else { return };
    let folder = TempDir::new().unwrap();
    let (ours, theirs) = (folder.path().join("ours"), folder.path().join("theirs"));
    let end = |path: &PathBuf| format!("PTY,link={},raw,echo=0", path.display());
    let _wire = Running::start(Command::new(socat).args([end(&ours), end(&theirs)]));
    until("both ends are there", || ours.exists() && theirs.exists()).await;
    let _unit = Running::start(Command::new(python).arg(server()).arg("rtu").arg(&theirs));
    is_understood(asked(Way::Rtu(LineConfig::new(ours, 115_200)))).await;
}

#[tokio::test]
async fn pymodbus_is_understood_over_tcp() {
    let Some(python) = pymodbus() else { return };
    let port = free_port();
    let _unit = Running::start(Command::new(python).arg(server()).arg("tcp").arg(port.to_string()));
    is_understood(asked(Way::Tcp { host: "127.0.0.1".into(), port })).await;
}
