//! Foreign topics of a collector: in which format, and whose names mean what.

use std::collections::BTreeMap;
use std::time::Duration;

use reading::codec::columns::Columns;
use reading::codec::csv::{CountUnit, Stamps, UtcOffset};
use reading::codec::feed::DeviceFrom;
use reading::codec::line_protocol::LineProtocol;
use reading::codec::naming::{Model, Naming, Placed, Target};
use reading::codec::nmea::Nmea;
use reading::codec::pointers::{Pointers, is_pointer};
use reading::codec::sparkplug::SparkplugB;
use reading::codec::toa5::Toa5;
use reading::codec::{Feed, Format, is_filter};
use reading::id::SeriesName;
use reading::registry::Registry;
use reading::time::EpochUnit;
use reading::{Quantity, SensorId, SiteId, StationId, Timestamp, Unit};

use super::layouts;
use super::problem::{Place, Problems};
use super::table::{Table, Written, id};
use super::tree::At;
use super::value::{Fault, nearest, shortened};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);

/// A feed, and where its references stand, to be checked when the sites are known.
pub struct FeedEntry {
    pub feed: Feed,
    stations: Vec<(Place, SiteId, StationId)>,
    series: Vec<(Place, SeriesName)>,
}

#[derive(Clone, Copy)]
enum Word {
    SenMl,
    SparkplugB,
    ChirpStackV4,
    TheThingsStackV3,
    LineProtocol,
    Toa5,
    Csv,
    Json,
    Nmea,
}

const FORMATS: [(&str, Word); 9] = [
    ("senml", Word::SenMl),
    ("sparkplug-b", Word::SparkplugB),
    ("chirpstack-v4", Word::ChirpStackV4),
    ("the-things-stack-v3", Word::TheThingsStackV3),
    ("line-protocol", Word::LineProtocol),
    ("toa5", Word::Toa5),
    ("csv", Word::Csv),
    ("json", Word::Json),
    ("nmea", Word::Nmea),
];

/// Reads every `[[collector.subscribe]]` of a collector.
pub fn read(table: &mut Table, source: &str, problems: &mut Problems) -> Vec<FeedEntry> {
    let tables = table.tables("subscribe", problems);
    let mut entries: Vec<FeedEntry> = Vec::new();
    for table in tables {
        let place = table.place.clone();
        let Some(entry) = subscription(table, source, problems) else {
            continue;
        };
        let second_host = |other: &&FeedEntry| {
            host(&other.feed).is_some()
                && host(&entry.feed).is_some_and(|id| host(&other.feed) != Some(id))
        };
        if entries.iter().find(second_host).is_some() {
            let what = "a collector is one Sparkplug host, and this is a second one";
            problems.add(&place, what, "write the same host-id, or make it a collector of its own");
        }
        entries.push(entry);
    }
    entries
}

/// The id of the Sparkplug host a feed makes of its collector.
pub fn host(feed: &Feed) -> Option<&str> {
    match &feed.format {
        Format::SparkplugB(sparkplug) => Some(&sparkplug.host),
        _ => None,
    }
}

fn subscription(mut table: Table, source: &str, problems: &mut Problems) -> Option<FeedEntry> {
    table.need(
        "topic",
        "say which topics, say topic = \"application/+/device/+/event/up\"",
        problems,
    );
    let filter = table.read("topic", topic, problems);
    let entry = feed(&mut table, problems);
    let place = table.place_of("backfill");
    let backfill = table.flag("backfill", problems).is_some_and(|at| at.value);
    table.finish("a [[collector.subscribe]]", problems);
    let (format, device, named) = entry?;
    if let (true, Format::SparkplugB(_), Some(place)) = (backfill, &format, place) {
        problems.add(
            &place,
            "Sparkplug nodes say themselves what is of the past",
            "remove `backfill`: historical metrics raise no live alert anyway",
        );
    }
    let source = source.into();
    let (filter, naming) = (filter?.value, named.naming);
    let feed = Feed { source, filter, device, format, naming, backfill };
    Some(FeedEntry { feed, stations: named.stations, series: named.series })
}

/// Formats of documents that are fetched.
const FETCHED: [&str; 5] = ["json", "csv", "senml", "line-protocol", "toa5"];

/// Reads how the document of a collector is read that fetches one. Its topic is the collector's name.
pub fn fetched(table: &mut Table, source: &str, problems: &mut Problems) -> Option<FeedEntry> {
    let place = table.place_of("format");
    let (format, device, named) = feed(table, problems)?;
    let is_fetched = match &format {
        Format::Json(_) | Format::Csv(_) | Format::SenMl => true,
        Format::LineProtocol(_) | Format::Toa5(_) => true,
        Format::SparkplugB(_) | Format::ChirpStackV4(_) | Format::TheThingsStackV3(_) => false,
        Format::Nmea(_) | Format::Port(_) => false,
    };
    if let (false, Some(place)) = (is_fetched, place) {
        let remedy = format!("write one of {}", FETCHED.join(", "));
        problems.add(&place, "nobody publishes this format for fetching", remedy);
    }
    let (source, filter, naming) = (source.to_owned(), source.to_owned(), named.naming);
    let feed = Feed { source, filter, device, format, naming, backfill: false };
    Some(FeedEntry { feed, stations: named.stations, series: named.series })
}

fn topic(text: &str) -> Result<String, Fault> {
    if !is_filter(text) {
        return Err(Fault::new(
            format!("`{}` is not a topic filter", shortened(text)),
            "write levels with `/` between; `+` stands for one, `#` for all that follow, only at the end",
        ));
    }
    if text.starts_with("bongsu/") || text == "#" || text.starts_with('$') {
        return Err(Fault::new(
            format!("`{}` reaches topics of bongsu or of the broker itself", shortened(text)),
            "name the topics of the foreign devices; those of our own form are read anyway",
        ));
    }
    Ok(text.into())
}

/// The format of a table with what belongs to it, and the names.
fn feed(table: &mut Table, problems: &mut Problems) -> Option<(Format, DeviceFrom, Named)> {
    table.need("format", "say how the bytes are read, say format = \"senml\"", problems);
    let word = table.choice("format", &FORMATS, problems).map(|word| word.value);
    let device = table.text("device", problems);
    let place = table.place.clone();
    let (from, inside) = device_from(device.as_ref(), word, problems);
    let format = word.and_then(|word| format(word, table, inside, problems));
    let wide_json = matches!(&format, Some(Format::Json(pointers)) if pointers.metric.is_none());
    let named = naming(table, wide_json, problems);
    if named.naming.devices.is_empty() && word.is_some() {
        problems.add(
            &place,
            "no device is mapped",
            "add a [[collector.subscribe.map]] with devices and metrics",
        );
    }
    Some((format?, from, named))
}

/// Where the device's name stands: in the topic, or what the format calls it.
fn device_from(
    device: Option<&At<String>>,
    word: Option<Word>,
    problems: &mut Problems,
) -> (DeviceFrom, Option<String>) {
    let Some(device) = device else { return (DeviceFrom::Topic, None) };
    let (kind, rest) = device.value.split_once(':').unwrap_or((&device.value, ""));
    let level = rest.parse().ok().filter(|level| (1..=64).contains(level));
    let inside = |fits: bool| fits && !rest.is_empty();
    let found = match (kind, word) {
        ("topic", Some(Word::LineProtocol | Word::Csv | Word::Json | Word::Toa5 | Word::Nmea)) => {
            match (rest, level) {
                ("", _) => Some((DeviceFrom::Topic, None)),
                (_, Some(level)) => Some((DeviceFrom::Level(level), None)),
                (_, None) => None,
            }
        }
        ("tag", Some(Word::LineProtocol)) if inside(true) => {
            Some((DeviceFrom::Topic, Some(rest.to_owned())))
        }
        ("column", Some(Word::Csv)) if inside(true) => {
            Some((DeviceFrom::Topic, Some(rest.to_owned())))
        }
        ("pointer", Some(Word::Json)) if inside(is_pointer(rest)) => {
            Some((DeviceFrom::Topic, Some(rest.to_owned())))
        }
        _ => None,
    };
    if found.is_none() && word.is_some() {
        let what = format!("`device` cannot be `{}` here", shortened(&device.value));
        problems.add(
            &device.place,
            what,
            "write \"topic\", \"topic:3\" for a level, \"tag:NAME\" (line-protocol), \"column:NAME\" (csv) or \"pointer:/PATH\" (json); other formats name it themselves",
        );
    }
    found.unwrap_or_default()
}

fn format(
    word: Word,
    table: &mut Table,
    device: Option<String>,
    problems: &mut Problems,
) -> Option<Format> {
    Some(match word {
        Word::SenMl => Format::SenMl,
        Word::SparkplugB => {
            table.need(
                "host-id",
                "say who we are to the nodes, say host-id = \"bongsu\"",
                problems,
            );
            let host = table.id::<StationId>("host-id", problems)?;
            Format::SparkplugB(SparkplugB { host: host.value.to_string() })
        }
        Word::ChirpStackV4 => Format::ChirpStackV4(layouts::read(table, problems)?),
        Word::TheThingsStackV3 => Format::TheThingsStackV3(layouts::read(table, problems)?),
        Word::LineProtocol => {
            let precision =
                table.choice("precision", &EPOCH, problems).map_or(EpochUnit::Ns, |at| at.value);
            Format::LineProtocol(LineProtocol { precision, device })
        }
        Word::Toa5 => {
            table.need(
                "offset",
                "say how far east the logger's clock is, say offset = \"+09:00\"",
                problems,
            );
            let offset = table.read("offset", offset, problems);
            let columns = names(table, "columns", problems);
            if columns.first().is_some_and(|first| first != "TIMESTAMP") {
                problems.add(
                    &table.place.clone(),
                    "the first of `columns` is not TIMESTAMP",
                    "begin with it",
                );
            }
            Format::Toa5(Toa5 { offset: offset?.value, columns })
        }
        Word::Csv => Format::Csv(columns(table, device, problems)?),
        Word::Json => Format::Json(pointers(table, device, problems)),
        Word::Nmea => Format::Nmea(Nmea { origin: origin(table, problems) }),
    })
}

const EPOCH: [(&str, EpochUnit); 4] =
    [("s", EpochUnit::S), ("ms", EpochUnit::Ms), ("us", EpochUnit::Us), ("ns", EpochUnit::Ns)];

fn offset(text: &str) -> Result<UtcOffset, Fault> {
    UtcOffset::parse(text).ok_or_else(|| {
        Fault::new(
            format!("`{}` is not an offset", shortened(text)),
            "write it as \"+09:00\", \"-08:00\" or \"Z\"",
        )
    })
}

fn names(table: &mut Table, key: &'static str, problems: &mut Problems) -> Vec<String> {
    let read = table.reads(key, |text| Ok(text.to_owned()), problems);
    read.map(|list| list.value.into_iter().map(|name| name.value).collect()).unwrap_or_default()
}

fn optional(table: &mut Table, key: &'static str, problems: &mut Problems) -> Option<String> {
    table.text(key, problems).map(|text| text.value)
}

fn columns(table: &mut Table, device: Option<String>, problems: &mut Problems) -> Option<Columns> {
    let delimiter = table.read(
        "delimiter",
        |text| match text.chars().collect::<Vec<_>>()[..] {
            [one] if one != '"' && one != '\n' => Ok(one),
            _ => {
                Err(Fault::new("`delimiter` is not one character", "write \",\", \";\" or \"\\t\""))
            }
        },
        problems,
    );
    let counts: [(&str, CountUnit); 7] = [
        ("ns", CountUnit::Ns),
        ("us", CountUnit::Us),
        ("ms", CountUnit::Ms),
        ("s", CountUnit::S),
        ("min", CountUnit::Min),
        ("h", CountUnit::H),
        ("d", CountUnit::D),
    ];
    let unit = table.choice("time-unit", &counts, problems);
    let offset = table.read("offset", offset, problems);
    let stamps = match (unit, offset) {
        (Some(unit), Some(offset)) => {
            problems.add(
                &offset.place,
                "`offset` and `time-unit` together: a count has no offset",
                "remove one of them",
            );
            Stamps::Count(unit.value, Timestamp::default())
        }
        (Some(unit), None) => Stamps::Count(unit.value, Timestamp::default()),
        (None, Some(offset)) => Stamps::Local(offset.value),
        (None, None) => Stamps::Rfc3339,
    };
    let columns = Columns {
        delimiter: delimiter.map_or(',', |at| at.value),
        names: names(table, "columns", problems),
        at: optional(table, "time", problems),
        stamps,
        device,
        metric: optional(table, "metric", problems),
        value: optional(table, "value", problems),
        unit: optional(table, "unit", problems),
    };
    both(
        table,
        columns.metric.is_some(),
        columns.value.is_some(),
        columns.unit.is_some(),
        problems,
    );
    let all = [&columns.at, &columns.device, &columns.metric, &columns.value, &columns.unit];
    for name in all.into_iter().flatten() {
        if !columns.names.is_empty() && !columns.names.contains(name) {
            let what = format!("`{}` is not one of `columns`", shortened(name));
            problems.add(&table.place, what, "name a column, or leave `columns` to the first line");
        }
    }
    Some(columns)
}

/// The long form takes a name and a value together.
fn both(table: &Table, metric: bool, value: bool, unit: bool, problems: &mut Problems) {
    if metric != value || (unit && !metric) {
        problems.add(
            &table.place,
            "`metric` and `value` belong together, and `unit` to them",
            "write where the name and where the number stands, or neither",
        );
    }
}

fn pointers(table: &mut Table, device: Option<String>, problems: &mut Problems) -> Pointers {
    let mut pointer = |key: &'static str| {
        let read = |text: &str| match is_pointer(text) {
            true => Ok(text.to_owned()),
            false => Err(Fault::new(
                format!("`{key}` is not a JSON pointer"),
                "write it as \"/data/time\" (RFC 6901)",
            )),
        };
        table.read(key, read, problems).map(|pointer| pointer.value)
    };
    let (each, at) = (pointer("each"), pointer("time"));
    let (metric, value, unit) = (pointer("metric"), pointer("value"), pointer("unit"));
    let updated = pointer("updated");
    both(table, metric.is_some(), value.is_some(), unit.is_some(), problems);
    let time_unit = table.choice("time-unit", &EPOCH, problems).map(|at| at.value);
    let offset = table.read("offset", offset, problems).map(|at| at.value);
    let (words, otherwise) = (words(table, problems), table.number("otherwise", problems));
    let age = table.duration("stale-after", MINUTE..=7 * DAY, problems);
    if age.is_some() != updated.is_some() {
        let remedy = "say where the time is at which it was made and how old it may be, or neither";
        problems.add(&table.place, "`updated` and `stale-after` belong together", remedy);
    }
    let stale_after = age.map_or(Duration::ZERO, |age| age.value);
    let otherwise = otherwise.map(|at| at.value);
    Pointers {
        each,
        device,
        at,
        time_unit,
        offset,
        metric,
        value,
        unit,
        words,
        otherwise,
        updated,
        stale_after,
    }
}

/// The numbers that texts stand for.
fn words(table: &mut Table, problems: &mut Problems) -> BTreeMap<String, f64> {
    let mut words = BTreeMap::new();
    let Some(given) = table.table("words", problems) else { return words };
    for (word, At { value, place }) in given.into_values() {
        match super::table::as_number(&value) {
            Some(number) => _ = words.insert(word.value, number),
            None => {
                let what = format!("`{}` stands for {}", shortened(&word.value), value.name());
                problems.add(&place, what, "write its number without quotes");
            }
        }
    }
    words
}

/// Latitude, longitude and height above the ellipsoid.
fn origin(table: &mut Table, problems: &mut Problems) -> Option<(f64, f64, f64)> {
    let list = table.list("origin", problems)?;
    let numbers: Option<Vec<f64>> =
        list.value.iter().map(|item| super::table::as_number(&item.value)).collect();
    match numbers.as_deref() {
        Some(&[latitude, longitude, height])
            if latitude.abs() < 90.0 && longitude.abs() <= 180.0 =>
        {
            Some((latitude, longitude, height))
        }
        _ => {
            let remedy = "write latitude and longitude in degrees and metres above the ellipsoid: [37.5, 127.0, 120.5]";
            problems.add(&list.place, "`origin` is not a position", remedy);
            None
        }
    }
}

/// The names of a subscription, with the places of what they refer to.
#[derive(Default)]
struct Named {
    naming: Naming,
    stations: Vec<(Place, SiteId, StationId)>,
    series: Vec<(Place, SeriesName)>,
}

fn naming(table: &mut Table, metrics_are_pointers: bool, problems: &mut Problems) -> Named {
    let mut named = Named::default();
    for mut map in table.tables("map", problems) {
        map.need(
            "devices",
            "say which device is which station: devices = { \"…\" = \"site/station\" }",
            problems,
        );
        let devices = map.table("devices", problems).map(Table::into_texts);
        let metrics = map.table("metrics", problems).map(Table::into_texts);
        let ignored = names(&mut map, "ignore", problems);
        map.finish("a [[collector.subscribe.map]]", problems);
        let index = named.naming.models.len() as u32;
        let mut placed = Vec::new();
        for (name, value) in devices.into_iter().flatten() {
            let Some(station) = understood(&name.value, value, station, problems) else { continue };
            let (site, station) = station.value.clone();
            named.stations.push((name.place.clone(), site.clone(), station.clone()));
            placed.push((site.clone(), station.clone()));
            let entry = Placed { site, station, model: index };
            if named.naming.devices.insert(name.value.clone(), entry).is_some() {
                let what = format!("the device `{}` is mapped twice", shortened(&name.value));
                problems.add(&name.place, what, "remove one");
            }
        }
        let mut model = Model { metrics: BTreeMap::new(), ignored };
        for (name, value) in metrics.into_iter().flatten() {
            if metrics_are_pointers && !is_pointer(&name.value) {
                let what = format!("`{}` is not a JSON pointer", shortened(&name.value));
                problems.add(
                    &name.place,
                    what,
                    "write where the number stands: \"/data/tilt/x\" (RFC 6901)",
                );
            }
            let Some(target) = understood(&name.value, value, target, problems) else { continue };
            for (site, station) in &placed {
                let Target { sensor, quantity, .. } = target.value.clone();
                let (site, station) = (site.clone(), station.clone());
                named
                    .series
                    .push((target.place.clone(), SeriesName { site, station, sensor, quantity }));
            }
            model.metrics.insert(name.value, target.value);
        }
        named.naming.models.push(model);
    }
    named
}

fn understood<T>(
    key: &str,
    value: Written,
    parse: fn(&str) -> Result<T, Fault>,
    problems: &mut Problems,
) -> Option<At<T>> {
    match value {
        Err((place, kind)) => {
            problems.add(&place, format!("`{}` is {kind}", shortened(key)), "write it in quotes");
            None
        }
        Ok(text) => match parse(&text.value) {
            Ok(value) => Some(At { value, place: text.place }),
            Err(fault) => {
                problems.add(&text.place, fault.what, fault.remedy);
                None
            }
        },
    }
}

/// `site/station`.
pub fn station(text: &str) -> Result<(SiteId, StationId), Fault> {
    let (site, station) = text.split_once('/').ok_or_else(|| {
        Fault::new(
            format!("`{}` is not a station", shortened(text)),
            "write it as \"site/station\"",
        )
    })?;
    Ok((id(site)?, id(station)?))
}

/// `sensor/quantity`, with the unit of the numbers where the device does not say it.
pub fn target(text: &str) -> Result<Target, Fault> {
    let (name, symbol) =
        text.split_once(' ').map_or((text, None), |(name, unit)| (name, Some(unit)));
    let (sensor, word) = name.split_once('/').ok_or_else(|| {
        Fault::new(
            format!("`{}` is not a sensor and its quantity", shortened(text)),
            "write it as \"tilt-1/tilt-x\", with the unit of the numbers if the device does not say it: \"tilt-1/tilt-x deg\"",
        )
    })?;
    let sensor: SensorId = id(sensor)?;
    let quantity = super::stations::quantity(word)?;
    let unit = symbol.map(|symbol| unit_of(quantity, symbol.trim())).transpose()?;
    Ok(Target { sensor, quantity, unit })
}

fn unit_of(quantity: Quantity, symbol: &str) -> Result<Unit, Fault> {
    let unit = super::stations::unit(symbol)?;
    match quantity.to_base(1.0, unit) {
        Ok(_) => Ok(unit),
        Err(mismatch) => Err(Fault::new(mismatch.to_string(), "write a unit of the quantity")),
    }
}

/// Refuses what is mapped to nothing: a station that is not there or speaks through another collector, a series nobody
/// registered.
pub fn check(entry: &FeedEntry, registry: &Registry, problems: &mut Problems) {
    for (place, site, station) in &entry.stations {
        let found =
            registry.site(site.as_str()).and_then(|at| registry.station(at, station.as_str()));
        let Some(found) = found else {
            let what = format!("there is no station `{site}/{station}`");
            problems.add(place, what, "add it to the site's file, or correct the name");
            continue;
        };
        let source = &registry.stations()[found.index()].source;
        if *source != entry.feed.source {
            let what = format!("`{site}/{station}` speaks through the collector `{source}`");
            let remedy =
                format!("set source = \"{}\" at the station, or map it there", entry.feed.source);
            problems.add(place, what, remedy);
        }
    }
    for (place, series) in &entry.series {
        let station = registry
            .site(series.site.as_str())
            .and_then(|at| registry.station(at, series.station.as_str()));
        let Some(station) = station.filter(|_| registry.find(series).is_none()) else { continue };
        let known: Vec<_> = registry.series()[registry.series_of(station)]
            .iter()
            .map(|s| s.name.to_string())
            .collect();
        let remedy = match nearest(&series.to_string(), known.iter().map(String::as_str)) {
            Some(name) => format!("did you mean `{name}`?"),
            None => "add the sensor to the station, or correct the name".into(),
        };
        problems.add(place, format!("there is no series `{series}`"), remedy);
    }
}
