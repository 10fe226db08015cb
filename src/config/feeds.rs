//! Foreign topics of a collector: in which format, and whose names mean what.

mod format;
mod naming;

use reading::codec::feed::DeviceFrom;
use reading::codec::pointers::is_pointer;
use reading::codec::{Feed, Format, is_filter};
use reading::id::SeriesName;
use reading::registry::Registry;
use reading::{SiteId, StationId};

use super::problem::{Place, Problems};
use super::table::Table;
use super::tree::At;
use super::value::{Fault, nearest, shortened};
use format::{FORMATS, Word, format};
use naming::{Named, naming};
pub use naming::{station, target};

/// A feed, and where its references stand, to be checked when the sites are known.
pub struct FeedEntry {
    pub feed: Feed,
    stations: Vec<(Place, SiteId, StationId)>,
    series: Vec<(Place, SeriesName)>,
}

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
