use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use alerting::alert::Hazard;
use alerting::{Alert, Level};
use parking_lot::Mutex as Lock;

use super::*;
use crate::ports::free_port;
use crate::sample::{alert, cancel, carried, is_delivered};

/// A relay out of another house (pymodbus). `stuck`: it says yes and closes nothing. It prints what is set.
const RELAY: &str = r#"
import asyncio, sys
from pymodbus.datastore import ModbusServerContext, ModbusSlaveContext, ModbusSequentialDataBlock
from pymodbus.server.async_io import StartAsyncTcpServer
class Block(ModbusSequentialDataBlock):
    def __init__(self, name): super().__init__(0, [0] * 100); self.name = name; self.echo = None
    def setValues(self, address, values):
        values = values if isinstance(values, list) else [values]
        print(self.name, address, int(values[0]), flush=True)
        if sys.argv[2] == "stuck" and self.name == "coil": self.echo = values; return
        super().setValues(address, values)
    def getValues(self, address, count=1):
        echo, self.echo = self.echo, None
        return echo or super().getValues(address, count)
unit = ModbusSlaveContext(co=Block("coil"), hr=Block("register"), zero_mode=True)
if sys.argv[2] == "on": unit.store["c"].values[3] = True
async def main():
    task = asyncio.ensure_future(StartAsyncTcpServer(context=ModbusServerContext(slaves={5: unit}, single=False), address=("127.0.0.1", int(sys.argv[1]))))
    while True:
        try:
            _, w = await asyncio.open_connection("127.0.0.1", int(sys.argv[1])); w.close(); break
        except OSError: await asyncio.sleep(0.02)
    print("listening", flush=True)
    await task
asyncio.run(main())
"#;

struct Unit {
    process: Child,
    address: SocketAddr,
    said: Arc<Lock<Vec<String>>>,
}

impl Drop for Unit {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

impl Unit {
    fn start(mood: &str) -> Option<Self> {
        // Debian's own interpreter: the package installs nothing for another one.
        let python = "/usr/bin/python3";
        let there = Command::new(python).args(["-c", "import pymodbus.server"]).output();
        if !there.is_ok_and(|output| output.status.success()) {
            assert!(
                std::env::var_os("BONGSU_REQUIRE_SERVERS").is_none(),
                "pymodbus is not installed"
            );
            println!("skipped: pymodbus not installed");
            return None;
        }
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let mut command = Command::new(python);
        command.args(["-c", RELAY, &address.port().to_string(), mood]).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        assert_eq!(lines.next().unwrap().unwrap(), "listening");
        let said: Arc<Lock<Vec<String>>> = Arc::default();
        let heard = said.clone();
        std::thread::spawn(move || {
            lines.map_while(Result::ok).for_each(|line| heard.lock().push(line))
        });
        Some(Self { process, address, said })
    }

    async fn says(&self, what: &[&str]) {
        for _ in 0..1_000 {
            if *self.said.lock() == what {
                return;
            }
            sleep(Duration::from_millis(10)).await;
        }
        panic!("{:?}", self.said.lock());
    }
}

fn settings(address: SocketAddr) -> RelaySettings {
    RelaySettings {
        road: RelayRoad::Tcp(address),
        unit: 5,
        coil: 3,
        duration_register: None,
        duration: Duration::from_secs(180),
        timeout: Duration::from_secs(10),
        simulated: false,
    }
}

async fn attempt(relay: &Relay, alert: Alert) -> AttemptResult {
    relay.attempt(&carried("relay", "relay", alert), 1).await
}

#[tokio::test]
async fn a_real_relay_closes_reads_back_and_opens() {
    let Some(unit) = Unit::start("good") else { return };
    let relay = Relay::new(RelaySettings { duration_register: Some(9), ..settings(unit.address) });
    let result = attempt(&relay, alert(1, Level::Severe)).await;
    assert!(
        matches!(&result, AttemptResult::Delivered { receipt } if receipt == "coil 3 reads on"),
        "{result:?}"
    );
    assert!(is_delivered(&attempt(&relay, alert(2, Level::Warning)).await));
    assert!(is_delivered(&attempt(&relay, cancel(3)).await));
    unit.says(&["register 9 180", "coil 3 1", "coil 3 0", "coil 3 0"]).await;
}

#[tokio::test]
async fn a_relay_that_does_not_close_is_seen() {
    let Some(unit) = Unit::start("stuck") else { return };
    let relay = Relay::new(settings(unit.address));
    let result = attempt(&relay, alert(1, Level::Severe)).await;
    assert!(
        matches!(&result, AttemptResult::Retry { reason } if reason.contains("does not read so")),
        "{result:?}"
    );
}

#[tokio::test]
async fn without_a_clock_of_its_own_it_is_switched_off_by_us_also_after_a_start() {
    let Some(unit) = Unit::start("on") else { return };
    let brief = RelaySettings { duration: Duration::from_millis(50), ..settings(unit.address) };
    let relay = Relay::new(brief);
    unit.says(&["coil 3 0"]).await;
    assert!(is_delivered(&attempt(&relay, alert(1, Level::Severe)).await));
    unit.says(&["coil 3 0", "coil 3 1", "coil 3 0"]).await;
}

#[tokio::test]
async fn g06_drills_tests_and_faults_close_no_relay_and_absence_is_tried_again() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let relay = Relay::new(settings(nobody));
    for status in [Status::Exercise, Status::Test] {
        let result = attempt(&relay, Alert { status, ..alert(1, Level::Severe) }).await;
        assert!(matches!(result, AttemptResult::Refused { .. }));
    }
    let fault = Alert { hazard: Hazard::Monitoring, ..alert(1, Level::Severe) };
    assert!(matches!(attempt(&relay, fault).await, AttemptResult::Refused { .. }));
    let result = attempt(&relay, alert(1, Level::Severe)).await;
    assert!(matches!(result, AttemptResult::Retry { .. }), "{result:?}");
    // A hole: it takes connections and never says a word.
    let hole = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let hole_at = hole.local_addr().unwrap();
    let relay =
        Relay::new(RelaySettings { timeout: Duration::from_millis(100), ..settings(hole_at) });
    let result = attempt(&relay, alert(1, Level::Severe)).await;
    assert!(matches!(result, AttemptResult::Retry { .. }), "{result:?}");
}
