//! The format of a subscription, with what belongs to it.

use std::collections::BTreeMap;
use std::time::Duration;

use reading::codec::Format;
use reading::codec::columns::Columns;
use reading::codec::csv::{CountUnit, Stamps, UtcOffset};
use reading::codec::line_protocol::LineProtocol;
use reading::codec::nmea::Nmea;
use reading::codec::pointers::{Pointers, is_pointer};
use reading::codec::sparkplug::SparkplugB;
use reading::codec::toa5::Toa5;
use reading::time::EpochUnit;
use reading::{StationId, Timestamp};

use super::naming::names;
use crate::config::layouts;
use crate::config::problem::Problems;
use crate::config::table::{Table, as_number};
use crate::config::tree::At;
use crate::config::value::{Fault, shortened};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);

/// A format, as its word says it.
#[derive(Clone, Copy)]
pub enum Word {
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

/// Every format, by its word in configuration.
pub const FORMATS: [(&str, Word); 9] = [
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

const EPOCH: [(&str, EpochUnit); 4] =
    [("s", EpochUnit::S), ("ms", EpochUnit::Ms), ("us", EpochUnit::Us), ("ns", EpochUnit::Ns)];

/// Reads what belongs to a format; `device` is where it says which device speaks, inside of what it carries.
pub fn format(
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

fn offset(text: &str) -> Result<UtcOffset, Fault> {
    UtcOffset::parse(text).ok_or_else(|| {
        Fault::new(
            format!("`{}` is not an offset", shortened(text)),
            "write it as \"+09:00\", \"-08:00\" or \"Z\"",
        )
    })
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
        match as_number(&value) {
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
    let numbers: Option<Vec<f64>> = list.value.iter().map(|item| as_number(&item.value)).collect();
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
