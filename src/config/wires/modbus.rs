//! A bus of units that are asked: `kind = "modbus-rtu"` and `kind = "modbus-tcp"`.

use std::collections::BTreeMap;
use std::time::Duration;

use ingest::collector::serial::config::{BusConfig, UnitConfig, Way};
use reading::codec::feed::DeviceFrom;
use reading::codec::modbus::{ModbusUnit, NumberKind, Register, RegisterTable, WordOrder};
use reading::codec::naming::Naming;
use reading::codec::{Feed, Format, PortForm, Speaker};

use super::{Measure, ModbusSettings, Reader, line};
use crate::config::problem::Place;
use crate::config::table::Table;
use crate::config::tree::At;
use crate::config::value::{Fault, shortened};

const SECOND: Duration = Duration::from_secs(1);

/// How a bus is reached.
#[derive(Clone, Copy)]
pub enum Bus {
    /// Over a port.
    Rtu,
    /// Over the network.
    Tcp,
}

impl Bus {
    /// The addresses units can have: on a line 0 is everybody, and what is above 247 nobody's.
    const fn addresses(self) -> std::ops::RangeInclusive<i64> {
        match self {
            Self::Rtu => 1..=247,
            Self::Tcp => 0..=255,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Rtu => "a collector of kind modbus-rtu",
            Self::Tcp => "a collector of kind modbus-tcp",
        }
    }
}

/// Reads what is said of a bus.
pub fn modbus(mut table: Table, bus: Bus, reader: &mut Reader<'_>) -> Option<ModbusSettings> {
    let way = match bus {
        Bus::Rtu => line(&mut table, reader).map(Way::Rtu),
        Bus::Tcp => address(&mut table, reader),
    };
    let timeout = table.duration("timeout", SECOND / 100..=60 * SECOND, reader.problems);
    let quiet = table.duration("quiet", Duration::ZERO..=10 * SECOND, reader.problems);
    table.need(
        "unit",
        "say who is asked: [[collector.unit]] address = 17, station = \"…\", …",
        reader.problems,
    );
    let tables = table.tables("unit", reader.problems);
    table.finish(bus.name(), reader.problems);
    let mut seen = BTreeMap::new();
    let units: Vec<_> =
        tables.into_iter().map(|table| unit(table, bus, &mut seen, reader)).collect();
    let units: Vec<UnitConfig> = units.into_iter().collect::<Option<_>>()?;
    let (way, source) = (way?, reader.source.clone());
    let maps = units.iter().map(|unit| unit.map.clone()).collect();
    let feed = Feed {
        source: source.clone(),
        filter: way.to_string(),
        device: DeviceFrom::Topic,
        format: Format::Port(PortForm::Modbus(maps)),
        naming: Naming::default(),
        backfill: false,
    };
    let timeout = timeout.map_or(SECOND, |at| at.value);
    let quiet = quiet.map_or(Duration::ZERO, |at| at.value);
    Some(ModbusSettings { bus: BusConfig { name: source, way, units, timeout, quiet }, feed })
}

fn address(table: &mut Table, reader: &mut Reader<'_>) -> Option<Way> {
    table.need("host", "say where it is: host = \"192.0.2.10\"", reader.problems);
    let host = table.read("host", host, reader.problems);
    let port = table.integer("port", 1..=65_535, reader.problems);
    Some(Way::Tcp { host: host?.value, port: port.map_or(502, |at| at.value as u16) })
}

fn host(text: &str) -> Result<String, Fault> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':');
    if text.chars().all(plain) {
        return Ok(text.into());
    }
    let what = format!("`{}` is not a name or address", shortened(text));
    Err(Fault::new(what, "write it without scheme and port, say \"192.0.2.10\""))
}

/// A `[[collector.unit]]`.
fn unit(
    mut table: Table,
    bus: Bus,
    seen: &mut BTreeMap<i64, Place>,
    reader: &mut Reader<'_>,
) -> Option<UnitConfig> {
    table.need("address", "say which unit, as set on the instrument", reader.problems);
    let address = table.integer("address", bus.addresses(), reader.problems);
    if let Some(At { value, place }) = &address
        && let Some(first) = seen.insert(*value, place.clone())
    {
        let remedy = format!("the first is at {first}; list all registers there");
        reader.problems.add(place, format!("unit {value} is there twice"), remedy);
    }
    table.need("station", "say which station it is: station = \"site/station\"", reader.problems);
    let speaker = reader.speaker(&mut table);
    table.need("interval", "say how often it is asked, say interval = \"10 s\"", reader.problems);
    let interval = table.duration("interval", SECOND / 20..=86_400 * SECOND, reader.problems);
    let base = table.integer("address-base", 0..=1, reader.problems).map_or(0, |at| at.value);
    table.need(
        "register",
        "say what is read from it: [[collector.unit.register]] …",
        reader.problems,
    );
    let tables = table.tables("register", reader.problems);
    table.finish("a [[collector.unit]]", reader.problems);
    let registers: Vec<_> =
        tables.into_iter().map(|table| register(table, base, speaker.as_ref(), reader)).collect();
    let registers: Vec<Register> = registers.into_iter().collect::<Option<_>>()?;
    let map = ModbusUnit { unit: address?.value as u8, speaker: speaker?, registers };
    Some(UnitConfig { map, interval: interval?.value })
}

/// A `[[collector.unit.register]]`.
fn register(
    mut table: Table,
    base: i64,
    speaker: Option<&Speaker>,
    reader: &mut Reader<'_>,
) -> Option<Register> {
    let measure = reader.measure(&mut table, speaker);
    table.need(
        "table",
        "say where it is: table = \"holding\", \"input\", \"coil\" or \"discrete-input\"",
        reader.problems,
    );
    let tables = RegisterTable::ALL.map(|table| (table.name(), table));
    let from = table.choice("table", &tables, reader.problems);
    table.need(
        "address",
        "say its address, as the data sheet does; see address-base",
        reader.problems,
    );
    let address = table.integer("address", base..=65_535 + base, reader.problems);
    let number = table.choice("type", &NumberKind::ALL, reader.problems);
    let order = table.choice("order", &WordOrder::ALL, reader.problems);
    let scale = table.number("scale", reader.problems);
    let offset = table.number("offset", reader.problems);
    let place = table.place.clone();
    table.finish("a [[collector.unit.register]]", reader.problems);
    let (from, address) = (from?, address?);
    let number = kind_of(&from, number, &place, reader)?;
    let first = address.value - base;
    if first + i64::from(number.registers()) > 65_536 {
        let what = format!(
            "it takes {} registers, and there are not so many after it",
            number.registers()
        );
        reader.problems.add(&address.place, what, "look at address, address-base and type");
        return None;
    }
    let Measure { sensor, quantity, unit } = measure?;
    Some(Register {
        sensor,
        quantity,
        table: from.value,
        address: first as u16,
        number,
        order: order.map_or(WordOrder::Abcd, |at| at.value),
        scale: scale.map_or(1.0, |at| at.value),
        offset: offset.map_or(0.0, |at| at.value),
        unit,
    })
}

/// What it holds: bits in the tables of bits, and a number that is said in the others.
fn kind_of(
    table: &At<RegisterTable>,
    number: Option<At<NumberKind>>,
    place: &Place,
    reader: &mut Reader<'_>,
) -> Option<NumberKind> {
    match (table.value.is_bits(), number) {
        (true, None) => Some(NumberKind::Bit),
        (true, Some(At { value: NumberKind::Bit, .. })) => Some(NumberKind::Bit),
        (true, Some(number)) => {
            reader.problems.add(
                &number.place,
                "this table holds bits",
                "remove `type`, or name another table",
            );
            None
        }
        (false, Some(At { value: NumberKind::Bit, place })) => {
            reader.problems.add(
                &place,
                "this table holds registers",
                "name a table of bits, or the type of a number",
            );
            None
        }
        (false, Some(number)) => Some(number.value),
        (false, None) => {
            reader.problems.add(
                place,
                "`type` is missing",
                "say what the registers hold, say type = \"f32\"",
            );
            None
        }
    }
}
