//! The configuration with which bongsu hears a scenario: one file of collectors, one for each site. It has no rules:
//! what comes is kept and shown, and whoever wants more adds it.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;

use crate::link::{chirpstack, lines, modbus, sparkplug, toa5};
use crate::scenario::{Scenario, SensorPlan, SitePlan, StationPlan};

/// What runs between the field and bongsu.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// Our own topics on a broker, by its URL.
    Native(String),
    /// A LoRaWAN network server's events on a broker.
    Chirpstack(String),
    /// Edge nodes on a broker.
    Sparkplug(String),
    /// Lines of text on ports in a folder.
    Lines(PathBuf),
    /// Tables of loggers on ports.
    Toa5(PathBuf),
    /// Our own frames on ports.
    Frames(PathBuf),
    /// Units on a bus for each site.
    Modbus(PathBuf),
}

/// Files by their paths under a folder: `bongsu.toml`, and `sites/{site}.toml`.
pub fn files(scenario: &Scenario, way: &Way) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    let mut main = format!(
        "# {}: written by `firmware-sim wiring`. It has no rules yet: what comes is kept and shown.\n\n",
        scenario.title.en
    );
    main += "data-dir = \"data\"\nsites = \"sites\"\nstatus = \"test\"\n";
    main += "sender = { id = \"firmware-sim@bongsu.example\", name = { ko = \"모의 현장\", en = \"Simulated field\" } }\n";
    main += &collectors(scenario, way);
    files.insert("bongsu.toml".to_owned(), main);
    for site in scenario.sites() {
        files.insert(format!("sites/{}.toml", site.id), site_file(scenario, site, way));
    }
    files
}

fn collectors(scenario: &Scenario, way: &Way) -> String {
    let mut out = String::new();
    match way {
        Way::Native(url) => broker(&mut out, url),
        Way::Chirpstack(url) => {
            broker(&mut out, url);
            let topic = format!("application/{}/device/+/event/up", chirpstack::APPLICATION);
            subscription(&mut out, &topic, "chirpstack-v4", "");
            maps(&mut out, scenario, |site, station| chirpstack::eui(&site.id, &station.id));
        }
        Way::Sparkplug(url) => {
            broker(&mut out, url);
            let topic = format!("spBv1.0/{}/#", sparkplug::GROUP);
            subscription(&mut out, &topic, "sparkplug-b", "host-id = \"bongsu\"\n");
            let group = sparkplug::GROUP;
            maps(&mut out, scenario, |site, station| format!("{group}/{}/{}", site.id, station.id));
        }
        Way::Lines(_) | Way::Toa5(_) | Way::Frames(_) => {
            for (site, station) in stations(scenario) {
                port(&mut out, site, station, way);
            }
        }
        Way::Modbus(folder) => buses(&mut out, scenario, folder),
    }
    out
}

fn broker(out: &mut String, url: &str) {
    *out += &format!("\n[[collector]]\nname = \"field\"\nkind = \"mqtt\"\nurl = {}\n", quoted(url));
}

fn subscription(out: &mut String, topic: &str, format: &str, more: &str) {
    *out +=
        &format!("\n[[collector.subscribe]]\ntopic = \"{topic}\"\nformat = \"{format}\"\n{more}");
}

/// One map for each make, which is a layout's station here.
fn maps(out: &mut String, scenario: &Scenario, device: impl Fn(&SitePlan, &StationPlan) -> String) {
    let mut makes: BTreeMap<(&str, &str), Vec<(&SitePlan, &StationPlan)>> = BTreeMap::new();
    for (site, station) in stations(scenario) {
        makes.entry((site.layout(), station.id.as_str())).or_default().push((site, station));
    }
    for all in makes.values() {
        let devices: Vec<String> = all
            .iter()
            .map(|(site, station)| {
                format!("\"{}\" = \"{}/{}\"", device(site, station), site.id, station.id)
            })
            .collect();
        let metrics: Vec<String> = all
            .iter()
            .take(1)
            .flat_map(|(_, station)| &station.sensors)
            .map(|sensor| format!("\"{0}\" = \"{0} {1}\"", series(sensor), unit(sensor)))
            .collect();
        *out += "\n[[collector.subscribe.map]]\n";
        *out += &format!(
            "devices = {{ {} }}\nmetrics = {{ {} }}\n",
            devices.join(", "),
            metrics.join(", ")
        );
    }
}

fn port(out: &mut String, site: &SitePlan, station: &StationPlan, way: &Way) {
    let (folder, format) = match way {
        Way::Lines(folder) => (folder, "lines"),
        Way::Toa5(folder) => (folder, "toa5"),
        _ => {
            let Way::Frames(folder) = way else { return };
            (folder, "bongsu")
        }
    };
    let name = format!("{}--{}", site.id, station.id);
    let path = quoted(&folder.join(&name).display().to_string());
    *out += &format!(
        "\n[[collector]]\nname = \"{}\"\nkind = \"serial\"\npath = {path}\nbaud = 115200\nformat = \"{format}\"\nstation = \"{}/{}\"\n",
        collector(site, station, way),
        site.id,
        station.id
    );
    match way {
        Way::Lines(_) => {
            let value = |(number, sensor): (usize, &SensorPlan)| {
                format!(
                    "{{ group = \"v{number}\", sensor = \"{}\", quantity = \"{}\", unit = \"{}\" }}",
                    sensor.id,
                    sensor.quantity,
                    unit(sensor)
                )
            };
            let values: Vec<String> = station.sensors.iter().enumerate().map(value).collect();
            *out += &format!(
                "\n[[collector.line]]\npattern = '{}'\ntime = {{ group = \"{}\" }}\nvalue = [{}]\n",
                lines::pattern(station),
                lines::TIME,
                values.join(", ")
            );
        }
        Way::Toa5(_) => {
            let metric = |sensor: &SensorPlan| {
                format!(
                    "{{ name = \"{}\", sensor = \"{}\", quantity = \"{}\", unit = \"{}\" }}",
                    series(sensor),
                    sensor.id,
                    sensor.quantity,
                    unit(sensor)
                )
            };
            let metrics: Vec<String> = station.sensors.iter().map(metric).collect();
            let (offset, logger) = (toa5::OFFSET, &station.id);
            *out += &format!(
                "offset = \"{offset}\"\nlogger = \"{logger}\"\nmetric = [{}]\n",
                metrics.join(", ")
            );
        }
        _ => {}
    }
}

fn buses(out: &mut String, scenario: &Scenario, folder: &std::path::Path) {
    let units = modbus::Units::of(scenario);
    for site in scenario.sites() {
        let path = quoted(&folder.join(site.id.as_str()).display().to_string());
        *out += &format!(
            "\n[[collector]]\nname = \"{}\"\nkind = \"modbus-rtu\"\npath = {path}\nbaud = 115200\n",
            site.id
        );
        for (unit, station) in units.maps(site.id.as_str()).zip(scenario.stations(site)) {
            *out += &format!(
                "\n[[collector.unit]]\naddress = {}\nstation = \"{}/{}\"\ninterval = \"{} s\"\n",
                unit.unit, site.id, station.id, station.report_s
            );
            for register in &unit.registers {
                *out += &format!(
                    "\n[[collector.unit.register]]\nsensor = \"{}\"\nquantity = \"{}\"\ntable = \"{}\"\naddress = {}\ntype = \"f32\"\n",
                    register.sensor,
                    register.quantity,
                    register.table.name(),
                    register.address
                );
                if let Some(unit) = register.unit {
                    *out += &format!("unit = \"{unit}\"\n");
                }
            }
        }
    }
}

fn site_file(scenario: &Scenario, site: &SitePlan, way: &Way) -> String {
    let text = |key: &str, ko: &str, en: &str| {
        format!("{key} = {{ ko = {}, en = {} }}\n", quoted(ko), quoted(en))
    };
    let mut out = format!("# Written by `firmware-sim wiring`.\n\n[site]\nid = \"{}\"\n", site.id);
    out += &text("name", &site.name.ko, &site.name.en);
    let kind = site.kind_name();
    let (latitude, longitude) = site.location;
    out += &format!(
        "kind = \"{kind}\"\nlocation = [{latitude:?}, {longitude:?}]\nradius = \"300 m\"\n"
    );
    out += &text("area", &site.area.ko, &site.area.en);
    out += &text("instruction", "안내에 따라 대피하십시오.", "Move away as you are told.");
    for station in scenario.stations(site) {
        let collector = match way {
            Way::Modbus(_) => site.id.to_string(),
            _ => collector(site, station, way),
        };
        out += &format!(
            "\n[[station]]\nid = \"{}\"\nsource = \"{collector}\"\nreport-interval = \"{} s\"\n",
            station.id, station.report_s
        );
        for sensor in &station.sensors {
            let (low, high) = sensor.range;
            out += &format!(
                "\n[[station.sensor]]\nid = \"{}\"\nquantities = [\"{}\"]\nrange = [\"{low} {2}\", \"{high} {2}\"]\n",
                sensor.id,
                sensor.quantity,
                unit(sensor)
            );
        }
    }
    // sirens are not on wires here
    if let (Some(siren), Way::Native(_) | Way::Chirpstack(_) | Way::Sparkplug(_)) =
        (&site.siren, way)
    {
        out += &format!("\n[[station]]\nid = \"{siren}\"\nsource = \"field\"\n");
    }
    out
}

/// The collector of a station's port; `field` on a broker.
fn collector(site: &SitePlan, station: &StationPlan, way: &Way) -> String {
    match way {
        Way::Native(_) | Way::Chirpstack(_) | Way::Sparkplug(_) => "field".to_owned(),
        _ => format!("{}-{}", site.id, station.id),
    }
}

fn stations(scenario: &Scenario) -> impl Iterator<Item = (&SitePlan, &StationPlan)> {
    let of = |site| scenario.stations(site).iter().map(move |station| (site, station));
    scenario.sites().iter().flat_map(of)
}

fn series(sensor: &SensorPlan) -> String {
    format!("{}/{}", sensor.id, sensor.quantity)
}

fn unit(sensor: &SensorPlan) -> &'static str {
    sensor.quantity.base_unit().symbol()
}

/// A basic string of TOML.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => drop(write!(out, "\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out + "\""
}
