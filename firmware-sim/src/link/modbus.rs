//! Stations as units on a Modbus RTU: a bus for each site, unit 1 the first of its stations.
//!
//! A unit holds the newest value of each of its series as a 32-bit float, high word first, in input and in holding
//! registers: 0 and 1 the first series, 2 and 3 the next. It has no past. Before its first report it says that it is
//! busy; once it has not measured for three of its intervals it is silent, as a buried one is.

use std::collections::BTreeMap;
use std::future::{Ready, ready};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reading::Timestamp;
use reading::codec::Speaker;
use reading::codec::modbus::{ModbusUnit, NumberKind, Register, RegisterTable, WordOrder};
use reading::report::Road;
use tokio::sync::mpsc;
use tokio_modbus::server::Service;
use tokio_modbus::server::rtu::Server;
use tokio_modbus::{ExceptionCode, Request, Response, SlaveRequest};
use tokio_serial::SerialStream;
use tokio_util::sync::CancellationToken;

use super::mqtt::Totals;
use super::report::report;
use super::serial::Port;
use crate::message::Message;
use crate::pace::Pace;
use crate::scenario::Scenario;

/// A unit that has not measured for so many of its intervals is silent.
const SILENT_AFTER: u32 = 3;

/// How long a bus is gone after noise.
const LAY_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// The units of every bus, by site.
#[derive(Clone, Debug, Default)]
pub struct Units(BTreeMap<String, Vec<Unit>>);

#[derive(Clone, Debug)]
struct Unit {
    map: ModbusUnit,
    interval: Duration,
}

impl Units {
    /// Every station of `scenario` on the bus of its site; those beyond the 247th of a site have no address.
    pub fn of(scenario: &Scenario) -> Self {
        let mut units: BTreeMap<String, Vec<Unit>> = BTreeMap::new();
        for site in scenario.sites() {
            for (number, station) in (1..=247).zip(scenario.stations(site)) {
                let register = |(place, sensor): (u16, &crate::scenario::SensorPlan)| Register {
                    sensor: sensor.id.clone(),
                    quantity: sensor.quantity,
                    table: RegisterTable::Input,
                    address: 2 * place,
                    number: NumberKind::F32,
                    order: WordOrder::Abcd,
                    scale: 1.0,
                    offset: 0.0,
                    unit: Some(sensor.quantity.base_unit()),
                };
                let speaker = Speaker { site: site.id.clone(), station: station.id.clone() };
                let registers = (0..).zip(&station.sensors).map(register).collect();
                let map = ModbusUnit { unit: number, speaker, registers };
                let unit = Unit { map, interval: station.interval() };
                units.entry(site.id.to_string()).or_default().push(unit);
            }
        }
        Self(units)
    }

    /// What the units of a site hold: how it is asked for.
    pub fn maps(&self, site: &str) -> impl Iterator<Item = &ModbusUnit> {
        self.0.get(site).into_iter().flatten().map(|unit| &unit.map)
    }
}

/// What a unit holds, and until when it answers.
#[derive(Clone, Debug)]
struct Held {
    registers: Vec<Option<f32>>,
    until: Timestamp,
}

/// One bus.
#[derive(Clone)]
pub(super) struct Bus {
    units: Vec<Unit>,
    held: Arc<Mutex<BTreeMap<u8, Held>>>,
    pace: Pace,
}

impl Bus {
    /// The bus of a site.
    pub fn new(units: &Units, site: &str, pace: Pace) -> Self {
        let units = units.0.get(site).cloned().unwrap_or_default();
        Self { units, held: Arc::default(), pace }
    }

    /// Answers whoever asks, until `stop`. Noise that no frame is found in ends the wire, and a new one is laid.
    pub async fn serve(
        self,
        wire: (Port, SerialStream),
        link: PathBuf,
        mut messages: mpsc::Receiver<Message>,
        stop: CancellationToken,
    ) -> Totals {
        let mut totals = Totals::default();
        let listening = async {
            while let Some(message) = messages.recv().await {
                totals.sent += u64::from(self.hold(&message));
            }
            std::future::pending::<()>().await;
        };
        let answering = async {
            let mut wire = Ok(wire);
            while let Ok((near, far)) = wire {
                if let Err(error) = Server::new(far).serve_forever(self.clone()).await {
                    tracing::debug!(%error, "noise on the bus");
                }
                drop(near);
                tokio::time::sleep(LAY_AGAIN_AFTER).await;
                wire = Port::lay(&link);
            }
            tracing::error!(link = %link.display(), "the bus is gone and cannot be laid again");
        };
        tokio::select! {
            () = stop.cancelled() => (),
            () = listening => (),
            () = answering => (),
        }
        totals
    }

    /// The registers of a station show what it reports now.
    fn hold(&self, message: &Message) -> bool {
        let whole = message.whole();
        let Some(report) = report(message, &whole).filter(|it| it.road == Road::Live) else {
            return false;
        };
        let speaks = |unit: &&Unit| unit.map.speaker.station.as_str() == report.station;
        let Some(unit) = self.units.iter().find(speaks) else { return false };
        let value = |register: &Register| {
            let of = report.claims.iter().find(|claim| {
                claim.sensor == register.sensor.as_str()
                    && claim.quantity == register.quantity.name()
            });
            of.map(|claim| claim.value as f32)
        };
        let registers = unit.map.registers.iter().map(value).collect();
        let until = message.sent_at.plus(unit.interval * SILENT_AFTER);
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.insert(unit.map.unit, Held { registers, until });
        true
    }

    /// What a unit says; nothing if there is none, or it is silent.
    fn answer(&self, request: &SlaveRequest<'_>) -> Result<Option<Response>, ExceptionCode> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let known = self.units.iter().any(|unit| unit.map.unit == request.slave);
        let Some(unit) = held.get(&request.slave) else {
            return if known { Err(ExceptionCode::ServerDeviceBusy) } else { Ok(None) };
        };
        if unit.until < self.pace.now() {
            return Ok(None);
        }
        match request.request {
            Request::ReadInputRegisters(at, count) => {
                words(&unit.registers, at, count).map(|it| Some(Response::ReadInputRegisters(it)))
            }
            Request::ReadHoldingRegisters(at, count) => {
                words(&unit.registers, at, count).map(|it| Some(Response::ReadHoldingRegisters(it)))
            }
            _ => Err(ExceptionCode::IllegalFunction),
        }
    }
}

impl Service for Bus {
    type Request = SlaveRequest<'static>;
    type Response = Option<Response>;
    type Exception = ExceptionCode;
    type Future = Ready<Result<Option<Response>, ExceptionCode>>;

    fn call(&self, request: Self::Request) -> Self::Future {
        ready(self.answer(&request))
    }
}

/// Registers from one on; a value that was never measured is not a number.
fn words(values: &[Option<f32>], at: u16, count: u16) -> Result<Vec<u16>, ExceptionCode> {
    let all: Vec<u16> = values
        .iter()
        .flat_map(|value| {
            let [a, b, c, d] = value.unwrap_or(f32::NAN).to_be_bytes();
            [u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])]
        })
        .collect();
    let (from, to) = (usize::from(at), usize::from(at) + usize::from(count));
    all.get(from..to)
        .filter(|words| !words.is_empty())
        .map(<[u16]>::to_vec)
        .ok_or(ExceptionCode::IllegalDataAddress)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registers_are_floats_high_word_first() {
        let values = [Some(1.5), None];
        assert_eq!(words(&values, 0, 2), Ok(vec![0x3FC0, 0]));
        assert_eq!(words(&values, 2, 2), Ok(vec![0x7FC0, 0]));
        for (at, count) in [(3, 2), (4, 1), (0, 0), (u16::MAX, 2)] {
            assert_eq!(words(&values, at, count), Err(ExceptionCode::IllegalDataAddress));
        }
    }
}
