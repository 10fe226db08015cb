//! Ports and buses: what is on the wire, and which station each frame is of. A port has no topic that would say so.

mod serial;
mod modbus;

use std::path::PathBuf;

use ingest::collector::serial::config::{
    BusConfig, DataBits, LineConfig, Parity, PortConfig, StopBits,
};
use reading::Quantity;
use reading::codec::{Feed, Speaker};
use reading::id::{SensorId, SiteId, StationId};

pub use modbus::{Bus, modbus};
pub use serial::serial;

use super::problem::{Place, Problems};
use super::sites::SiteEntry;
use super::stations;
use super::table::Table;
use super::tree::At;
use super::value::{Fault, nearest, shortened};

/// A port that talks.
#[derive(Clone, Debug, PartialEq)]
pub struct SerialSettings {
    /// Its wire.
    pub port: PortConfig,
    /// How what it says is read.
    pub feed: Feed,
}

/// A bus of units that are asked.
#[derive(Clone, Debug, PartialEq)]
pub struct ModbusSettings {
    /// Its wire, and what is asked.
    pub bus: BusConfig,
    /// How what comes is read.
    pub feed: Feed,
}

/// What a wire says it carries, to be found once the sites are read.
pub struct Claimed {
    /// Where it says so.
    place: Place,
    /// The collector of the wire.
    source: String,
    /// The station.
    speaker: Speaker,
    /// One of its series.
    series: Option<(SensorId, Quantity)>,
}

/// What of a wire is compared with the rest of the configuration.
#[derive(Default)]
pub struct Wires {
    /// The port it has, if it has one.
    pub port: Option<At<String>>,
    /// Whom it names.
    pub claimed: Vec<Claimed>,
}

/// What is read of a wire.
pub struct Reader<'p> {
    /// The collector.
    source: String,
    wires: Wires,
    problems: &'p mut Problems,
}

/// Reads the wire of the collector `source`.
pub fn read<T>(
    source: &str,
    problems: &mut Problems,
    read: impl FnOnce(&mut Reader<'_>) -> Option<T>,
) -> (Option<T>, Wires) {
    let mut reader = Reader { source: source.into(), wires: Wires::default(), problems };
    let wire = read(&mut reader);
    (wire, reader.wires)
}

impl Reader<'_> {
    /// The station that speaks.
    fn speaker(&mut self, table: &mut Table) -> Option<Speaker> {
        let At { value: speaker, place } =
            table.read("station", site_and_station, self.problems)?;
        let source = self.source.clone();
        self.wires.claimed.push(Claimed { place, source, speaker: speaker.clone(), series: None });
        Some(speaker)
    }

    /// `sensor`, `quantity` and `unit` of a measure of `speaker`.
    fn measure(&mut self, table: &mut Table, speaker: Option<&Speaker>) -> Option<Measure> {
        table.need(
            "sensor",
            "name a sensor of the station, say sensor = \"tilt-1\"",
            self.problems,
        );
        table.need("quantity", "say what it measures, say quantity = \"tilt-x\"", self.problems);
        let sensor = table.id::<SensorId>("sensor", self.problems);
        let quantity = table.read("quantity", stations::quantity, self.problems);
        let unit = table.read("unit", stations::unit, self.problems);
        let (sensor, quantity) = (sensor?, quantity?);
        let unit = match unit {
            Some(unit) => Some(stations::unit_for(quantity.value, Some(&unit), self.problems)?),
            None => None,
        };
        if let Some(speaker) = speaker {
            self.wires.claimed.push(Claimed {
                place: sensor.place,
                source: self.source.clone(),
                speaker: speaker.clone(),
                series: Some((sensor.value.clone(), quantity.value)),
            });
        }
        Some(Measure { sensor: sensor.value, quantity: quantity.value, unit })
    }
}

/// What is measured, and in what, if that is said.
struct Measure {
    sensor: SensorId,
    quantity: Quantity,
    unit: Option<reading::Unit>,
}

/// Reports every station and series that a wire names and that no site has: nothing of it would be admitted.
pub fn check(claimed: &[Claimed], sites: &[SiteEntry], problems: &mut Problems) {
    for claim in claimed {
        let (site, id) = (&claim.speaker.site, &claim.speaker.station);
        let Some(entry) =
            sites.iter().find(|entry| entry.id.as_ref().is_some_and(|at| at.value == *site))
        else {
            problems.add(
                &claim.place,
                format!("there is no site `{site}`"),
                "add its file, or name another",
            );
            continue;
        };
        if !entry.station_ids.contains(id) {
            let remedy = match nearest(id.as_str(), entry.station_ids.iter().map(StationId::as_str))
            {
                Some(near) => format!("did you mean \"{site}/{near}\"?"),
                None => format!("add a [[station]] with id = \"{id}\" to the file of `{site}`"),
            };
            problems.add(&claim.place, format!("there is no station `{site}/{id}`"), remedy);
            continue;
        }
        // A station with something wrong is named, and not here.
        let Some(station) = entry.stations.iter().find(|station| station.id == *id) else {
            continue;
        };
        if station.source != claim.source {
            let what = format!("station `{site}/{id}` reports through `{}`", station.source);
            let remedy =
                format!("write source = \"{}\" there, or name another station here", claim.source);
            problems.add(&claim.place, what, remedy);
        }
        if let Some((sensor, quantity)) = &claim.series
            && !station
                .series
                .iter()
                .any(|series| series.sensor == *sensor && series.quantity == *quantity)
        {
            let what = format!("station `{site}/{id}` has no `{sensor}/{quantity}`");
            problems.add(&claim.place, what, "add it to the station, or name one it has");
        }
    }
}

/// The port and its characters.
fn line(table: &mut Table, reader: &mut Reader<'_>) -> Option<LineConfig> {
    let problems = &mut *reader.problems;
    table.need(
        "path",
        "say which port, best by a name that follows the adapter: path = \"/dev/serial/by-id/…\"",
        problems,
    );
    let path = table.read("path", port_path, problems);
    let baud = table.integer("baud", 50..=4_000_000, problems);
    let characters = table.read("characters", characters, problems);
    let path = path?;
    reader.wires.port = Some(path.clone());
    let numbered = ["/dev/ttyUSB", "/dev/ttyACM"];
    if numbered.iter().any(|start| path.value.starts_with(start)) {
        problems.warn(
            &path.place,
            "another adapter may get this name at the next start",
            "use the name of the adapter under /dev/serial/by-id, or of the plug under /dev/serial/by-path",
        );
    }
    let plain =
        LineConfig::new(PathBuf::from(path.value), baud.map_or(9_600, |at| at.value as u32));
    Some(match characters {
        Some(At { value: (data_bits, parity, stop_bits), .. }) => {
            LineConfig { data_bits, parity, stop_bits, ..plain }
        }
        None => plain,
    })
}

fn port_path(text: &str) -> Result<String, Fault> {
    if text.starts_with('/') && !text.split('/').any(|part| matches!(part, "+" | "#")) {
        return Ok(text.into());
    }
    let what = format!("`{}` is not the path of a port", shortened(text));
    Err(Fault::new(what, "write it in full, say \"/dev/serial/by-id/usb-FTDI_FT232R-if00-port0\""))
}

/// `8N1`: data bits, parity, stop bits.
fn characters(text: &str) -> Result<(DataBits, Parity, StopBits), Fault> {
    let parts = match text.as_bytes() {
        [data, parity, stop] => Some((*data, *parity, *stop)),
        _ => None,
    };
    let read = parts.and_then(|(data, parity, stop)| {
        let data = match data {
            b'7' => DataBits::Seven,
            b'8' => DataBits::Eight,
            _ => return None,
        };
        let parity = match parity {
            b'N' => Parity::None,
            b'E' => Parity::Even,
            b'O' => Parity::Odd,
            _ => return None,
        };
        let stop = match stop {
            b'1' => StopBits::One,
            b'2' => StopBits::Two,
            _ => return None,
        };
        Some((data, parity, stop))
    });
    read.ok_or_else(|| {
        let what = format!("`{}` is not a form of characters", shortened(text));
        Fault::new(what, "write data bits, parity (N, E, O) and stop bits, say \"8N1\" or \"7E1\"")
    })
}

fn site_and_station(text: &str) -> Result<Speaker, Fault> {
    let read = || -> Option<Speaker> {
        let (site, station) = text.split_once('/')?;
        Some(Speaker { site: SiteId::new(site).ok()?, station: StationId::new(station).ok()? })
    };
    read().ok_or_else(|| {
        let what = format!("`{}` is not a station", shortened(text));
        Fault::new(what, "write site/station, say station = \"cut-12/box-1\"")
    })
}
