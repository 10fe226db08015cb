//! Where the rows come from, and how they are written.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use alerting::decision::IncidentRecord;
use anyhow::Context;
use delivery::Ledger;
use delivery::ledger::{DeliveryFilter, DeliveryRow, IncidentFilter};
use ingest::journal::Reader;
use reading::{Quality, Reading, SeriesName, Timestamp};
use serde_json::{Value, json};

use super::Span;
use crate::cli::replay::skipped;
use crate::desk::{Carried, Desk};
use crate::elsewhere::readings::{Kept, Told};
use crate::elsewhere::{Elsewhere, Record};
use crate::sheet::{Cell, Form, Row, Sheet};

/// How many records, or rows of the ledger, are taken at once.
const BATCH_MAX: usize = 4_096;

/// Readings of a journal, and of tables of elsewhere that were taken in.
pub struct Readings<'a> {
    reader: Reader,
    desk: Desk,
    told: Option<Kept>,
    series: &'a [SeriesName],
    span: Span,
}

impl<'a> Readings<'a> {
    /// Those of a data directory; of every series if none is named.
    ///
    /// # Errors
    /// A journal that cannot be read.
    pub fn of(data: &Path, series: &'a [SeriesName], span: Span) -> anyhow::Result<Self> {
        Ok(Self { told: Kept::find(data)?, ..Self::own(data, series, span)? })
    }

    /// Our own alone, as we judged them, even where a table of elsewhere has its own word of them.
    ///
    /// # Errors
    /// A journal that cannot be read.
    pub fn own(data: &Path, series: &'a [SeriesName], span: Span) -> anyhow::Result<Self> {
        let folder = data.join("journal");
        let reader = Reader::open_folder(&folder, 0)?;
        let desk = Desk::new(skipped(&folder)?).tapped();
        Ok(Self { reader, desk, told: None, series, span })
    }

    /// Row by row: our own in the order they were admitted, then those of tables as those had them. What came by a
    /// table is told once, by the word of the table.
    ///
    /// # Errors
    /// A journal that cannot be read, a file that cannot be written.
    pub fn to(self, sheet: &mut dyn Sheet) -> anyhow::Result<u64> {
        let Self { mut reader, mut desk, told, series, span } = self;
        let is_asked = |name: &SeriesName| series.is_empty() || series.contains(name);
        let (mut count, mut carried) = (0, Carried::default());
        loop {
            let batch = reader.next_batch(BATCH_MAX, Duration::ZERO)?;
            if batch.is_empty() && batch.gap().is_none() {
                break;
            }
            if let Some(gap) = batch.gap() {
                eprintln!("{gap}");
            }
            for record in batch.iter() {
                carried.clear();
                desk.apply(&record, &mut carried);
                // what waits to be decided comes again once it is
                let is_due =
                    |one: &&Reading| span.has(one.measured_at) && !one.quality.has(Quality::HELD);
                for one in carried.readings.iter().filter(is_due) {
                    let name = &desk.setup().registry.series()[one.series.index()].name;
                    if is_asked(name) && !is_told(told.as_ref(), name, one)? {
                        sheet.row(reading(name, one))?;
                        count += 1;
                    }
                }
            }
        }
        if let Some(told) = told {
            told.each(|one| {
                if span.has(one.measured_at) && is_asked(&one.series) {
                    sheet.row(one.row())?;
                    count += 1;
                }
                Ok(())
            })?;
        }
        Ok(count)
    }
}

/// Whether a table tells a reading. It came as one of the past then, and never live.
fn is_told(told: Option<&Kept>, name: &SeriesName, one: &Reading) -> anyhow::Result<bool> {
    let Some(told) = told.filter(|_| one.quality.has(Quality::BACKFILL)) else { return Ok(false) };
    Ok(told.has(name, one.measured_at, one.value)?)
}

fn reading(name: &SeriesName, one: &Reading) -> Row {
    let Reading { measured_at, received_at, value, quality, .. } = *one;
    Told { series: name.clone(), measured_at, received_at, value, quality }.row()
}

fn ledger(data: &Path) -> anyhow::Result<Ledger> {
    let path = data.join("ledger.sqlite");
    Ledger::open_read_only(&path).with_context(|| format!("cannot open {}", path.display()))
}

/// Incidents of a ledger and of elsewhere, and where their sites are.
pub struct Incidents(Vec<Record>);

/// The column of when an incident opened.
const OPENED_AT: usize = 7;

/// The column since when a delivery is owed.
const OWED_AT: usize = 10;

impl Incidents {
    /// Those of a data directory that opened in a span, the oldest first.
    ///
    /// # Errors
    /// A ledger or journal that cannot be read.
    pub fn of(data: &Path, span: Span) -> anyhow::Result<Self> {
        let places = places(&data.join("journal"))?;
        let own = ledger(data)?.incidents(&IncidentFilter::default(), u32::MAX)?;
        let mut records: Vec<Record> = own
            .iter()
            .map(|one| Record { row: incident(one), place: places.get(one.site.as_str()).copied() })
            .chain(Elsewhere::all(data, Form::Incidents)?)
            .filter(|one| span.has(moment(&one.row[OPENED_AT])))
            .collect();
        let order = |one: &Record| (moment(&one.row[OPENED_AT]), one.row[0].text().into_owned());
        records.sort_by_cached_key(order);
        Ok(Self(records))
    }

    /// Row by row.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn to(self, sheet: &mut dyn Sheet) -> anyhow::Result<u64> {
        let count = self.0.len() as u64;
        self.0.into_iter().try_for_each(|one| sheet.row(one.row))?;
        Ok(count)
    }

    /// As GeoJSON, each at the place of its site; one of a site that is no more has no geometry.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn geojson(self, out: &mut impl Write) -> anyhow::Result<u64> {
        let feature = |one: &Record| {
            let cells = Form::Incidents.columns().iter().zip(&one.row);
            let properties = cells.map(|((name, _), cell)| ((*name).to_owned(), json_of(cell)));
            json!({
                "type": "Feature",
                "id": json_of(&one.row[0]),
                "geometry": one.place.map(|(latitude, longitude)| {
                    json!({ "type": "Point", "coordinates": [longitude, latitude] })
                }),
                "properties": properties.collect::<serde_json::Map<_, _>>(),
            })
        };
        let features: Vec<_> = self.0.iter().map(feature).collect();
        serde_json::to_writer(
            &mut *out,
            &json!({ "type": "FeatureCollection", "features": features }),
        )?;
        writeln!(out)?;
        Ok(self.0.len() as u64)
    }
}

fn incident(one: &IncidentRecord) -> Row {
    let text = |text: &str| Cell::Text(text.into());
    vec![
        text(one.id.as_str()),
        text(one.site.as_str()),
        text(one.hazard.name()),
        text(one.state.name()),
        text(one.level.name()),
        text(one.peak.name()),
        Cell::Count(one.revision.into()),
        Cell::Time(one.opened_at),
        Cell::Time(one.at),
        text(&one.what.ko),
        text(&one.what.en),
    ]
}

/// When; rows are made with a moment there.
fn moment(cell: &Cell) -> Timestamp {
    if let Cell::Time(at) = cell { *at } else { Timestamp::MIN }
}

fn json_of(cell: &Cell) -> Value {
    match cell {
        Cell::Text(text) => json!(text),
        Cell::Time(at) => json!(at.to_string()),
        Cell::Number(number) => json!(number),
        Cell::Count(count) => json!(count),
    }
}

/// Where the sites of the newest configuration are.
fn places(journal: &Path) -> anyhow::Result<BTreeMap<String, (f64, f64)>> {
    let mut reader = Reader::open_folder(journal, 0)?;
    let mut places = BTreeMap::new();
    loop {
        let batch = reader.next_batch(BATCH_MAX, Duration::ZERO)?;
        if batch.is_empty() && batch.gap().is_none() {
            return Ok(places);
        }
        let configured = |kind| kind == ingest::journal::Kind::Configuration;
        for record in batch.iter().filter(|record| configured(record.kind)) {
            let setup: alerting::setup::Setup = serde_json::from_slice(record.payload)?;
            let sites = setup.registry.sites().iter();
            places.extend(sites.map(|site| (site.id.as_str().to_owned(), site.location)));
        }
    }
}

/// Deliveries of a ledger, and of elsewhere.
pub struct Deliveries {
    ledger: Ledger,
    elsewhere: Vec<Record>,
    span: Span,
}

impl Deliveries {
    /// Those of a data directory that were owed in a span.
    ///
    /// # Errors
    /// A ledger that cannot be read.
    pub fn of(data: &Path, span: Span) -> anyhow::Result<Self> {
        let elsewhere = Elsewhere::all(data, Form::Deliveries)?;
        Ok(Self { ledger: ledger(data)?, elsewhere, span })
    }

    /// Row by row: our own, the newest first, then those of elsewhere in the order they were taken in.
    ///
    /// # Errors
    /// A ledger that cannot be read, a file that cannot be written.
    pub fn to(self, sheet: &mut dyn Sheet) -> anyhow::Result<u64> {
        let (mut filter, mut count) = (DeliveryFilter::default(), 0);
        loop {
            let page = self.ledger.deliveries(&filter, BATCH_MAX as u32)?;
            let Some(last) = page.last() else { break };
            filter.before = Some(last.id);
            for one in page.iter().filter(|one| self.span.has(one.owed_at)) {
                sheet.row(delivery(one))?;
                count += 1;
            }
        }
        for one in self.elsewhere.into_iter().filter(|one| self.span.has(moment(&one.row[OWED_AT])))
        {
            sheet.row(one.row)?;
            count += 1;
        }
        Ok(count)
    }
}

fn delivery(one: &DeliveryRow) -> Row {
    let text = |text: &str| Cell::Text(text.into());
    vec![
        Cell::Text(one.key.to_string()),
        text(one.channel.as_str()),
        text(&one.recipient),
        text(one.site.as_str()),
        text(one.incident.as_str()),
        Cell::Count(one.revision.into()),
        text(&one.purpose),
        text(one.level.name()),
        text(one.state.name()),
        Cell::Count(one.attempts.into()),
        Cell::Time(one.owed_at),
        Cell::Time(one.changed_at),
        text(&one.note),
    ]
}

#[cfg(test)]
mod tests {
    use reading::Timestamp;

    use super::*;

    #[test]
    fn a_span_has_its_beginning_and_not_its_end() {
        let at = Timestamp::from_secs;
        let span = Span { from: at(10), to: at(20) };
        let table = [(9, false), (10, true), (19, true), (20, false)];
        assert!(table.iter().all(|(moment, inside)| span.has(at(*moment)) == *inside));
    }
}
