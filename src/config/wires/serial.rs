//! A port that talks: `kind = "serial"`.

use ingest::collector::serial::config::{Framing, PortConfig};
use reading::codec::feed::DeviceFrom;
use reading::codec::naming::{Model, Naming, Placed, Target};
use reading::codec::nmea::Nmea;
use reading::codec::pattern::{LineField, LineForm, LineTime, Pattern};
use reading::codec::toa5::Toa5;
use reading::codec::{Feed, Format, PortForm, Speaker};

use super::{Measure, Reader, SerialSettings, line};
use crate::config::table::{Table, as_number};
use crate::config::tree::At;
use crate::config::value::{Fault, nearest, shortened};

#[derive(Clone, Copy)]
enum Spoken {
    Lines,
    Bongsu,
    Nmea,
    Toa5,
}

const SPOKEN: [(&str, Spoken); 4] = [
    ("lines", Spoken::Lines),
    ("bongsu", Spoken::Bongsu),
    ("nmea", Spoken::Nmea),
    ("toa5", Spoken::Toa5),
];

/// Reads what is said of a port.
pub fn serial(mut table: Table, reader: &mut Reader<'_>) -> Option<SerialSettings> {
    let line = line(&mut table, reader);
    table.need("station", "say who speaks on it: station = \"site/station\"", reader.problems);
    let speaker = reader.speaker(&mut table);
    table.need(
        "format",
        "say what it speaks: format = \"lines\", \"bongsu\", \"nmea\" or \"toa5\"",
        reader.problems,
    );
    let spoken = table.choice("format", &SPOKEN, reader.problems).map(|at| at.value);
    let device = line.as_ref().map_or_else(String::new, |line| line.path.display().to_string());
    let said = spoken.and_then(|spoken| match spoken {
        Spoken::Lines => lines(&mut table, speaker.as_ref(), reader)
            .map(|forms| (Framing::Lines, Format::Port(PortForm::Lines(forms)), Naming::default())),
        Spoken::Bongsu => {
            let form = PortForm::Link(speaker.clone()?);
            Some((Framing::Link, Format::Port(form), Naming::default()))
        }
        Spoken::Nmea => {
            let nmea = nmea(&mut table, reader);
            let naming = naming(&mut table, &device, speaker.as_ref(), reader);
            Some((Framing::Lines, Format::Nmea(nmea), naming?))
        }
        Spoken::Toa5 => {
            let logger = table.text("logger", reader.problems);
            let toa5 = toa5(&mut table, logger.is_some(), reader);
            let naming = naming(&mut table, &device, speaker.as_ref(), reader);
            let naming = naming.map(|naming| also_called(naming, logger, &device));
            Some((Framing::Toa5, Format::Toa5(toa5?), naming?))
        }
    });
    if spoken.is_some() {
        table.finish("a collector of kind serial of this format", reader.problems);
    }
    let (line, (framing, format, naming)) = (line?, said?);
    let (source, filter) = (reader.source.clone(), device);
    let port = PortConfig { name: source.clone(), line, framing };
    Some(SerialSettings {
        port,
        feed: Feed { source, filter, device: DeviceFrom::Topic, format, naming, backfill: false },
    })
}

/// Every `[[collector.line]]`.
fn lines(
    table: &mut Table,
    speaker: Option<&Speaker>,
    reader: &mut Reader<'_>,
) -> Option<Vec<LineForm>> {
    table.need(
        "line",
        "say what its lines look like: [[collector.line]] pattern = '^(?<x>[-.0-9]+)$', …",
        reader.problems,
    );
    let tables = table.tables("line", reader.problems);
    let forms: Vec<_> = tables.into_iter().map(|table| one_line(table, speaker, reader)).collect();
    forms.into_iter().collect()
}

fn one_line(
    mut table: Table,
    speaker: Option<&Speaker>,
    reader: &mut Reader<'_>,
) -> Option<LineForm> {
    table.need("pattern", "write a regular expression with named groups", reader.problems);
    let pattern = table.read("pattern", pattern, reader.problems);
    let own = if table.has("station") { reader.speaker(&mut table) } else { None };
    let speaker = own.or_else(|| speaker.cloned());
    let values = table.tables("value", reader.problems);
    let time = table.table("time", reader.problems);
    table.finish("a [[collector.line]]", reader.problems);
    let groups: Vec<String> = pattern
        .as_ref()
        .map_or_else(Vec::new, |at| at.value.groups().map(str::to_string).collect());
    let fields: Vec<_> =
        values.into_iter().map(|table| value(table, &groups, speaker.as_ref(), reader)).collect();
    let fields: Option<Vec<_>> = fields.into_iter().collect();
    let time = time.map(|table| line_time(table, &groups, reader));
    let time = match time {
        Some(read) => Some(read?),
        None => None,
    };
    Some(LineForm { pattern: pattern?.value, speaker: speaker?, fields: fields?, time })
}

fn pattern(text: &str) -> Result<Pattern, Fault> {
    Pattern::new(text).map_err(|error| {
        let told =
            error.lines().last().unwrap_or("it is none").trim_start_matches("error: ").to_string();
        let what = format!("`{}` is not a regular expression: {told}", shortened(text));
        Fault::new(what, "groups are (?<name>…); in single quotes a backslash stands for itself")
    })
}

/// `{ group = "x", sensor = …, quantity = …, unit = … }`.
fn value(
    mut table: Table,
    groups: &[String],
    speaker: Option<&Speaker>,
    reader: &mut Reader<'_>,
) -> Option<LineField> {
    let group = group(&mut table, groups, reader);
    let measure = reader.measure(&mut table, speaker);
    table.finish("a value of a line", reader.problems);
    let Measure { sensor, quantity, unit } = measure?;
    Some(LineField { group: group?, sensor, quantity, unit })
}

fn line_time(mut table: Table, groups: &[String], reader: &mut Reader<'_>) -> Option<LineTime> {
    let group = group(&mut table, groups, reader);
    let format = table.text("format", reader.problems);
    let offset = table.read("offset", offset, reader.problems);
    table.finish("a time of a line", reader.problems);
    let time = LineTime {
        group: group?,
        format: format.as_ref().map_or_else(String::new, |at| at.value.clone()),
        offset_s: offset.as_ref().map_or(0, |at| at.value.into()),
    };
    if let Some(format) = format {
        if !time.is_usable() {
            let remedy =
                "write it in the conversions of strftime, with a day: say \"%Y/%m/%d %H:%M:%S\"";
            reader.problems.add(
                &format.place,
                format!("`{}` gives no moment", shortened(&format.value)),
                remedy,
            );
            return None;
        }
        let says_where = ["%z", "%:z", "%s", "%Q"].iter().any(|part| format.value.contains(part));
        if offset.is_none() && !says_where {
            let what = "nobody knows where this time is right";
            reader.problems.add(
                &format.place,
                what,
                "add how far east the instrument's clock is: offset = \"+09:00\"",
            );
            return None;
        }
    }
    Some(time)
}

fn group(table: &mut Table, groups: &[String], reader: &mut Reader<'_>) -> Option<String> {
    table.need("group", "name a group of the pattern", reader.problems);
    let known = |text: &str| match groups.iter().any(|group| group == text) {
        true => Ok(text.to_string()),
        false => {
            let remedy = match nearest(text, groups.iter().map(String::as_str)) {
                Some(group) => format!("did you mean \"{group}\"?"),
                None => format!("its groups are: {}", groups.join(", ")),
            };
            Err(Fault::new(format!("the pattern has no group `{}`", shortened(text)), remedy))
        }
    };
    // Without a pattern there is nothing to look in, and that is told already.
    let read = |text: &str| if groups.is_empty() { Ok(text.to_string()) } else { known(text) };
    table.read("group", read, reader.problems).map(|at| at.value)
}

fn offset(text: &str) -> Result<reading::codec::csv::UtcOffset, Fault> {
    reading::codec::csv::UtcOffset::parse(text).ok_or_else(|| {
        let what = format!("`{}` is not an offset", shortened(text));
        Fault::new(what, "write how far east of Greenwich it is, say \"+09:00\"")
    })
}

/// `origin = [latitude, longitude, height]`.
fn nmea(table: &mut Table, reader: &mut Reader<'_>) -> Nmea {
    let Some(At { value: items, place }) = table.list("origin", reader.problems) else {
        return Nmea::default();
    };
    let numbers: Option<Vec<_>> = items.iter().map(|item| as_number(&item.value)).collect();
    match numbers.as_deref() {
        Some(&[latitude, longitude, height])
            if latitude.abs() <= 90.0 && longitude.abs() <= 180.0 =>
        {
            Nmea { origin: Some((latitude, longitude, height)) }
        }
        _ => {
            let remedy =
                "write [latitude, longitude, height]: degrees, and metres above the ellipsoid";
            reader.problems.add(&place, "`origin` is not a place", remedy);
            Nmea::default()
        }
    }
}

fn toa5(table: &mut Table, named: bool, reader: &mut Reader<'_>) -> Option<Toa5> {
    table.need(
        "offset",
        "say how far east the logger's clock is: offset = \"+09:00\"",
        reader.problems,
    );
    let offset = table.read("offset", offset, reader.problems);
    let columns = table.reads("columns", |text| Ok(text.to_string()), reader.problems);
    if !named && columns.is_none() {
        let remedy = "say logger = \"…\" as it stands in the first line, or columns = [\"TIMESTAMP\", \"RECORD\", …]";
        reader.problems.add(&table.place, "neither the logger nor its columns are named", remedy);
    }
    let columns = columns
        .map_or_else(Vec::new, |at| at.value.into_iter().map(|column| column.value).collect());
    Some(Toa5 { offset: offset?.value, columns })
}

/// Every `[[collector.metric]]`, for the one device that speaks here.
fn naming(
    table: &mut Table,
    device: &str,
    speaker: Option<&Speaker>,
    reader: &mut Reader<'_>,
) -> Option<Naming> {
    table.need(
        "metric",
        "say what its values are: [[collector.metric]] name = \"…\", sensor = \"…\", quantity = \"…\"",
        reader.problems,
    );
    let mut model = Model::default();
    for mut table in table.tables("metric", reader.problems) {
        table.need("name", "name a value as the instrument does", reader.problems);
        let name = table.text("name", reader.problems);
        let measure = reader.measure(&mut table, speaker);
        table.finish("a [[collector.metric]]", reader.problems);
        let Some((name, Measure { sensor, quantity, unit })) = name.zip(measure) else { continue };
        if model.metrics.insert(name.value.clone(), Target { sensor, quantity, unit }).is_some() {
            reader.problems.add(
                &name.place,
                format!("`{}` is there twice", shortened(&name.value)),
                "remove one",
            );
        }
    }
    let ignored = table.reads("ignore", |text| Ok(text.to_string()), reader.problems);
    model.ignored =
        ignored.map_or_else(Vec::new, |at| at.value.into_iter().map(|name| name.value).collect());
    let Speaker { site, station } = speaker.cloned()?;
    let devices = [(device.to_string(), Placed { site, station, model: 0, shared: false })].into();
    Some(Naming { devices, models: vec![model] })
}

/// The same station under the name its logger gives itself.
fn also_called(mut naming: Naming, logger: Option<At<String>>, device: &str) -> Naming {
    if let (Some(logger), Some(placed)) = (logger, naming.devices.get(device).cloned()) {
        naming.devices.insert(logger.value, placed);
    }
    naming
}
