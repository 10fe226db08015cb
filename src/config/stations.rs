//! What stands at a site: stations, their sensors, and the series that rules may be about.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::time::Duration;

use alerting::window::OPEN_MAX;
use reading::id::{SensorId, SeriesName, SiteId, StationId, is_id};
use reading::registry::{Make, SeriesEntry, StationEntry};
use reading::unit::{Quantity, Unit};

use super::calibration;
use super::geometry;
use super::problem::{Place, Problems};
use super::table::Table;
use super::templates::Templates;
use super::tree::{At, Value};
use super::value::{Fault, duration_text, nearest, number_with_unit, shortened};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);

/// How late a reading may come and still be evaluated in its order, unless the sensor says otherwise (own).
const LATENESS: Duration = Duration::from_secs(15 * 60);

/// What is far from the others waits for two more: so many report intervals later it still is in its order.
const WAITS: u32 = 3;

/// How often a station may report.
pub const INTERVALS: RangeInclusive<Duration> =
    Duration::from_millis(250)..=Duration::from_secs(7 * 86_400);

/// What stations may name.
pub struct Names {
    /// The collectors.
    pub sources: Vec<String>,
    /// What is known of instruments.
    pub templates: Templates,
}

/// A series that rules may be about.
#[derive(Clone, Debug)]
pub struct Watched {
    /// Its name.
    pub name: SeriesName,
    /// How often its station reports.
    pub interval: Duration,
    /// What its instrument can say, base unit.
    pub range: (f64, f64),
    /// The usual noise of its instrument, base unit, if its values are judged by it.
    pub noise: Option<f64>,
}

/// What stands at a site.
pub struct Stations {
    /// Its stations.
    pub entries: Vec<StationEntry>,
    /// The names of all of them, even of those with something wrong.
    pub ids: BTreeSet<StationId>,
    /// Which gateways they name, and where.
    pub gateways: Vec<At<(SiteId, StationId)>>,
}

/// Reads every `[[station]]` of a site, and the names of all of them, even of those with something wrong.
pub fn read(
    table: &mut Table,
    site: Option<&At<SiteId>>,
    known: &Names,
    problems: &mut Problems,
) -> Stations {
    let (mut entries, mut ids, mut gateways) = (Vec::new(), BTreeSet::new(), Vec::new());
    table.need("station", "add a [[station]] with its sensors", problems);
    let mut places = Vec::new();
    for mut table in table.tables("station", problems) {
        let place = table.place.clone();
        let id = station_id(&mut table, &mut ids, problems);
        let source = source(&mut table, &known.sources, problems);
        let gateway = table.read("gateway", |text| gateway(text, site), problems);
        let location = geometry::location(&mut table, "location", problems);
        let make = make(&mut table, problems);
        let (report_interval, series) =
            instruments(&mut table, site.map(|site| &site.value), known, problems);
        table.finish("a [[station]]", problems);
        gateways.extend(gateway.clone());
        if let (Some(site), Some(id), Some(source)) = (site, id, source) {
            let of = StationEntry::of(site.value.clone(), id, &source);
            let gateway = gateway.map(|at| at.value);
            entries.push(StationEntry { report_interval, gateway, location, make, series, ..of });
            places.push(place);
        }
    }
    check_open(&entries, &places, problems);
    check_votes(&entries, &places, problems);
    check_compensations(&entries, &places, problems);
    Stations { entries, ids, gateways }
}

/// Who made a station or a sensor.
fn make(table: &mut Table, problems: &mut Problems) -> Option<Box<Make>> {
    let mut word = |key| table.text(key, problems).map_or_else(String::new, |text| text.value);
    let (maker, model, serial) = (word("maker"), word("model"), word("serial"));
    let installed = table.date("installed", problems).map_or_else(String::new, |day| day.value);
    Make { maker, model, serial, installed }.noted()
}

/// The station that forwards for another: of the same site, or `site/station`.
fn gateway(text: &str, site: Option<&At<SiteId>>) -> Result<(SiteId, StationId), Fault> {
    let refused = || {
        let what = format!("`{}` is not a station", shortened(text));
        Fault::new(what, "write the id of a [[station]] of this site, or site/station")
    };
    let (of, id) = match text.split_once('/') {
        Some((of, id)) => (of.parse().map_err(|_| refused())?, id),
        None => (site.ok_or_else(refused)?.value.clone(), text),
    };
    Ok((of, id.parse().map_err(|_| refused())?))
}

/// The engine keeps the readings of a site apart until the longest lateness of its sensors has passed, and has
/// room for [`OPEN_MAX`] of each series; a window that closes early would lose late readings.
fn check_open(entries: &[StationEntry], places: &[Place], problems: &mut Problems) {
    let measuring = || entries.iter().zip(places).filter(|(entry, _)| !entry.series.is_empty());
    let lateness =
        measuring().flat_map(|(entry, _)| entry.series.iter().map(|series| series.lateness)).max();
    let busiest = measuring().min_by_key(|(entry, _)| entry.report_interval);
    let (Some(lateness), Some((entry, place))) = (lateness, busiest) else { return };
    // A little more than the lateness stays open, so that many are closed at once.
    let open = 17.0 / 16.0 * lateness.as_secs_f64() / entry.report_interval.as_secs_f64();
    if open > OPEN_MAX as f64 {
        let (every, long) = (duration_text(entry.report_interval), duration_text(lateness));
        let what = format!(
            "one report every {every}, with readings up to {long} late at this site, is too many to sort"
        );
        let remedy = format!(
            "lower the lateness, or report less often: at most {OPEN_MAX} readings of a series wait"
        );
        problems.add(place, what, remedy);
    }
}

/// What compensates a sensor is measured at its site.
fn check_compensations(entries: &[StationEntry], places: &[Place], problems: &mut Problems) {
    let known: BTreeSet<String> =
        watched(entries).into_iter().map(|watched| watched.name.to_string()).collect();
    for (entry, place) in entries.iter().zip(places) {
        let versions = entry.series.iter().flat_map(|series| &series.calibrations);
        for compensation in versions.flat_map(|version| &version.compensations) {
            let name = compensation.series.to_string();
            if !known.contains(&name) {
                let what = format!("what is to compensate a sensor is not there: `{name}`");
                problems.add(place, what, "add the sensor and its quantity to a [[station]]");
            }
        }
    }
}

/// Two instruments that differ do not say which one is right.
fn check_votes(entries: &[StationEntry], places: &[Place], problems: &mut Problems) {
    let mut votes: BTreeMap<(&str, Quantity), (usize, &Place)> = BTreeMap::new();
    for (entry, place) in entries.iter().zip(places) {
        for series in &entry.series {
            if let Some(word) = &series.votes {
                votes.entry((word, series.quantity)).or_insert((0, place)).0 += 1;
            }
        }
    }
    for ((word, quantity), (count, place)) in votes {
        if count < 3 {
            let what = format!("only {count} of the site vote on {quantity} as `{word}`");
            problems.add(
                place,
                what,
                "a vote takes three; write the same `votes` at each, or none",
            );
        }
    }
}

/// The series of stations, by name.
pub fn watched(stations: &[StationEntry]) -> Vec<Watched> {
    let of_station = |station: &StationEntry| -> Vec<Watched> {
        let of_series = |series: &SeriesEntry| Watched {
            name: SeriesName {
                site: station.site.clone(),
                station: station.id.clone(),
                sensor: series.sensor.clone(),
                quantity: series.quantity,
            },
            interval: station.report_interval,
            range: series.range,
            noise: series.noise,
        };
        station.series.iter().map(of_series).collect()
    };
    let mut watched: Vec<_> = stations.iter().flat_map(of_station).collect();
    watched.sort_by_key(|watched| watched.name.to_string());
    watched
}

fn station_id(
    table: &mut Table,
    ids: &mut BTreeSet<StationId>,
    problems: &mut Problems,
) -> Option<StationId> {
    table.need("id", "topics and series name the station by it, say id = \"post-1\"", problems);
    let id = table.id::<StationId>("id", problems)?;
    if !ids.insert(id.value.clone()) {
        problems.add(
            &id.place,
            format!("a second station is called `{}`", id.value),
            "give it another id",
        );
    }
    Some(id.value)
}

/// The collector a station reports through: the only one, unless there are several.
fn source(table: &mut Table, sources: &[String], problems: &mut Problems) -> Option<String> {
    if !table.has("source") && sources.len() != 1 {
        if !sources.is_empty() {
            let remedy = format!("say which collector it reports through: {}", sources.join(", "));
            table.need("source", &remedy, problems);
        }
        return None;
    }
    let given = table.read(
        "source",
        |text| match sources.iter().find(|source| *source == text) {
            Some(source) => Ok(source.clone()),
            None => Err(unknown_source(text, sources)),
        },
        problems,
    );
    given.map(|given| given.value).or_else(|| sources.first().cloned())
}

fn unknown_source(text: &str, sources: &[String]) -> Fault {
    let remedy = match nearest(text, sources.iter().map(String::as_str)) {
        Some(source) => format!("did you mean \"{source}\"?"),
        None => "name a [[collector]] of the main file".into(),
    };
    Fault::new(format!("there is no collector `{}`", shortened(text)), remedy)
}

fn instruments(
    table: &mut Table,
    site: Option<&SiteId>,
    known: &Names,
    problems: &mut Problems,
) -> (Duration, Vec<SeriesEntry>) {
    let sensors = table.tables("sensor", problems).into_iter();
    let (sensors, usual): (Vec<_>, Vec<_>) =
        sensors.map(|table| known.templates.apply(table, problems)).unzip();
    let usual = usual.into_iter().flatten().min();
    if !sensors.is_empty() && usual.is_none() {
        table.need(
            "report-interval",
            "say how often it reports, say report-interval = \"10 min\"",
            problems,
        );
    }
    let interval = table.duration("report-interval", INTERVALS, problems);
    let interval = interval.map(|at| at.value).or(usual).unwrap_or(MINUTE);
    let (mut entries, mut seen) = (Vec::new(), BTreeSet::new());
    let claimed: Vec<_> =
        sensors.into_iter().flat_map(|table| sensor(table, interval, site, problems)).collect();
    for (place, entry) in claimed {
        if seen.insert((entry.sensor.clone(), entry.quantity)) {
            entries.push(entry);
        } else {
            let what = format!("`{}/{}` is there twice", entry.sensor, entry.quantity);
            problems.add(&place, what, "remove one, or give the second sensor another id");
        }
    }
    (interval, entries)
}

/// Says what is wrong with a template wherever it is used.
pub fn check_template(keys: &Table, name: &SensorId, problems: &mut Problems) {
    let id = At { value: Value::Text(name.to_string()), place: keys.place.clone() };
    let mut table = Table::of("id", id).under(keys.clone());
    table.place = keys.place.clone();
    sensor(table, Duration::ZERO, None, problems);
}

/// The series of one `[[station.sensor]]`, each with the place its quantity is named.
fn sensor(
    mut table: Table,
    interval: Duration,
    site: Option<&SiteId>,
    problems: &mut Problems,
) -> Vec<(Place, SeriesEntry)> {
    table.need("id", "series name the sensor by it, say id = \"tilt-1\"", problems);
    let id = table.id::<SensorId>("id", problems);
    table.need(
        "quantities",
        "say what it measures, say quantities = [\"tilt-x\", \"tilt-y\"]",
        problems,
    );
    let quantities = table.reads("quantities", quantity, problems);
    let unit = table.read("unit", unit, problems);
    table.need(
        "range",
        "say what it can measure, as its data sheet does, say range = [\"-30 deg\", \"30 deg\"]",
        problems,
    );
    let range = table.list("range", problems);
    let lateness = lateness(&mut table, interval, problems);
    let checks = table.flag("checks", problems).is_none_or(|at| at.value);
    let noise = table.text("noise", problems);
    let votes = table.read("votes", word, problems).map(|at| at.value);
    let make = make(&mut table, problems);
    let calibrations = match quantities.as_ref().map(|at| at.value.as_slice()) {
        Some([only]) => {
            let unit = unit.as_ref().map_or(only.value.base_unit(), |unit| unit.value);
            calibration::read(&mut table, only.value, unit, site, problems)
        }
        _ => Vec::new(), // then the key is refused as unknown, with the others
    };
    table.finish("a [[station.sensor]]", problems);
    let (Some(id), Some(quantities)) = (id, quantities) else { return Vec::new() };
    if quantities.value.is_empty() {
        problems.add(
            &quantities.place,
            "the sensor measures nothing",
            "name at least one quantity",
        );
    }
    let mut entries = Vec::new();
    for At { value: quantity, place } in quantities.value {
        let unit = unit_for(quantity, unit.as_ref(), problems);
        let range = range.as_ref().and_then(|range| range_of(quantity, range, problems));
        let noise = match &noise {
            Some(noise) => noise_of(quantity, noise, problems),
            None => usual_noise(quantity),
        };
        let (Some(unit), Some(range)) = (unit, range) else { break };
        let of = SeriesEntry::of(id.value.clone(), quantity);
        let (noise, votes) = (noise.filter(|_| checks), votes.clone());
        let (calibrations, make) = (calibrations.clone(), make.clone());
        let entry = SeriesEntry { unit, range, lateness, noise, votes, calibrations, make, ..of };
        entries.push((place, entry));
    }
    entries
}

/// The usual noise of an instrument for a quantity (one standard deviation, base unit), where a value has no business
/// to leap and none to stand still: usual figures of catalogues. Rain, switches, hits and vibrations come in leaps,
/// radios fade.
pub fn usual_noise(quantity: Quantity) -> Option<f64> {
    use Quantity as Q;
    match quantity {
        Q::Tilt | Q::TiltX | Q::TiltY => Some(0.01),
        Q::Displacement => Some(0.5),
        Q::CrackWidth => Some(0.02),
        Q::Settlement => Some(1.0),
        Q::PorePressure | Q::BarometricPressure => Some(0.1),
        Q::SoilSuction => Some(0.5),
        Q::GroundwaterLevel | Q::WaterLevel => Some(0.01),
        Q::SoilMoisture => Some(0.005),
        Q::Strain => Some(2.0),
        Q::Force => Some(2.0),
        Q::Temperature => Some(0.5),
        Q::Frequency => Some(0.02),
        Q::Rain | Q::RainRate | Q::RelativeHumidity | Q::VibrationVelocity | Q::Acceleration => {
            None
        }
        Q::AcousticEmission | Q::State | Q::Count | Q::Advisory => None,
        Q::BatteryVoltage | Q::SignalStrength | Q::SignalToNoise => None,
    }
}

fn noise_of(quantity: Quantity, noise: &At<String>, problems: &mut Problems) -> Option<f64> {
    let written = At { value: Value::Text(noise.value.clone()), place: noise.place.clone() };
    let noise = amount(quantity, &written, problems)?;
    if noise <= 0.0 {
        let remedy = "write its standard deviation, or checks = false";
        problems.add(&written.place, "an instrument without noise is none", remedy);
        return None;
    }
    Some(noise)
}

/// A word that sensors for the same thing share.
fn word(text: &str) -> Result<String, Fault> {
    if is_id(text) {
        return Ok(text.into());
    }
    Err(Fault::new(
        format!("`{}` is not a name", shortened(text)),
        "write lower-case letters a-z, digits and `-`, the same at each sensor",
    ))
}

/// A quantity by its name.
pub fn quantity(text: &str) -> Result<Quantity, Fault> {
    Quantity::parse(text).ok_or_else(|| {
        let names = || Quantity::ALL.iter().map(|quantity| quantity.name());
        let remedy = match nearest(text, names()) {
            Some(name) => format!("did you mean \"{name}\"?"),
            None => format!("write one of {}", names().collect::<Vec<_>>().join(", ")),
        };
        Fault::new(format!("`{}` is not a quantity", shortened(text)), remedy)
    })
}

/// A unit by its symbol.
pub fn unit(text: &str) -> Result<Unit, Fault> {
    unit_among(text, |_| true)
}

/// A unit of a quantity by its symbol; what is none may be meant for one of these. One of another quantity passes.
pub fn unit_near(text: &str, quantity: Quantity) -> Result<Unit, Fault> {
    unit_among(text, |unit| quantity.to_base(1.0, unit).is_ok())
}

fn unit_among(text: &str, is_meant: impl Fn(Unit) -> bool) -> Result<Unit, Fault> {
    Unit::parse(text).ok_or_else(|| {
        let meant = Unit::ALL.iter().filter(|unit| is_meant(**unit));
        let remedy = match nearest(text, meant.map(|unit| unit.symbol())) {
            Some(symbol) => format!("did you mean \"{symbol}\"?"),
            None => "write a symbol of docs/configuration.md, say \"deg\", \"mm\", \"kPa\"".into(),
        };
        Fault::new(format!("`{}` is not a unit", shortened(text)), remedy)
    })
}

/// The unit of a quantity: the one that is written, or its base unit.
pub fn unit_for(
    quantity: Quantity,
    unit: Option<&At<Unit>>,
    problems: &mut Problems,
) -> Option<Unit> {
    let Some(unit) = unit else { return Some(quantity.base_unit()) };
    match quantity.to_base(1.0, unit.value) {
        Ok(_) => Some(unit.value),
        Err(mismatch) => {
            problems.add(
                &unit.place,
                mismatch.to_string(),
                "write a unit of the quantity, or a sensor for each quantity",
            );
            None
        }
    }
}

fn range_of(
    quantity: Quantity,
    range: &At<Vec<At<Value>>>,
    problems: &mut Problems,
) -> Option<(f64, f64)> {
    let base = quantity.base_unit();
    let [low, high] = range.value.as_slice() else {
        let remedy =
            format!("write the lowest and the highest value: [\"0 {base}\", \"100 {base}\"]");
        problems.add(&range.place, "`range` is not two values", remedy);
        return None;
    };
    let (low, high) = (amount(quantity, low, problems), amount(quantity, high, problems));
    let (low, high) = (low?, high?);
    if low >= high {
        problems.add(&range.place, "`range` is empty", "write the lower value first");
        return None;
    }
    Some((low, high))
}

pub fn amount(quantity: Quantity, item: &At<Value>, problems: &mut Problems) -> Option<f64> {
    let example =
        format!("write a number with a unit of {quantity}, say \"30 {}\"", quantity.base_unit());
    let Value::Text(text) = &item.value else {
        problems.add(&item.place, "the bound of a range has no unit", example);
        return None;
    };
    let parsed = number_with_unit(text);
    if let Some((_, symbol)) = parsed
        && !symbol.is_empty()
        && let Err(fault) = unit_near(symbol, quantity)
    {
        problems.add(&item.place, fault.what, fault.remedy);
        return None;
    }
    let converted =
        parsed.and_then(|(number, symbol)| quantity.to_base(number, Unit::parse(symbol)?).ok());
    if converted.is_none() {
        problems.add(
            &item.place,
            format!("`{}` is not an amount of {quantity}", shortened(text)),
            example,
        );
    }
    converted
}

fn lateness(table: &mut Table, interval: Duration, problems: &mut Problems) -> Duration {
    let Some(given) = table.duration("lateness", Duration::ZERO..=DAY.max(interval), problems)
    else {
        return LATENESS.max(interval * WAITS);
    };
    if given.value < interval {
        problems.add(
            &given.place,
            format!("`lateness` is below the report interval of {}", duration_text(interval)),
            "let it be at least one interval, or leave it out",
        );
    }
    given.value
}
