//! Where the rows come from, and how they are written.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use alerting::decision::IncidentRecord;
use anyhow::Context;
use delivery::Ledger;
use delivery::ledger::{DeliveryFilter, IncidentFilter};
use ingest::journal::Reader;
use reading::{Reading, SeriesName};
use serde_json::json;

use super::Span;
use crate::cli::replay::skipped;
use crate::desk::{Carried, Desk};

/// How many records, or rows of the ledger, are taken at once.
const BATCH_MAX: usize = 4_096;

/// The columns of readings.
const READINGS: &str = "series,measured_at,received_at,value,unit,quality";
/// The columns of incidents.
const INCIDENTS: &str =
    "id,site,hazard,state,level,peak,revision,opened_at,revised_at,what_ko,what_en";
/// The columns of deliveries.
const DELIVERIES: &str = "key,channel,recipient,site,incident,revision,purpose,level,state,attempts,owed_at,changed_at,note";

/// A field of CSV: quoted where it has to be.
fn field(text: &str) -> Cow<'_, str> {
    match text.contains(['"', ',', '\n', '\r']) {
        true => Cow::Owned(format!("\"{}\"", text.replace('"', "\"\""))),
        false => Cow::Borrowed(text),
    }
}

/// Readings of a journal.
pub struct Readings<'a> {
    reader: Reader,
    desk: Desk,
    series: &'a [SeriesName],
    span: Span,
}

impl<'a> Readings<'a> {
    /// Those of a data directory; of every series if none is named.
    ///
    /// # Errors
    /// A journal that cannot be read.
    pub fn of(data: &Path, series: &'a [SeriesName], span: Span) -> anyhow::Result<Self> {
        let folder = data.join("journal");
        let reader = Reader::open_folder(&folder, 0)?;
        let desk = Desk::new(skipped(&folder)?).tapped();
        Ok(Self { reader, desk, series, span })
    }

    /// As CSV, in the order they were admitted.
    ///
    /// # Errors
    /// A journal that cannot be read, a file that cannot be written.
    pub fn csv(self, out: &mut impl Write) -> anyhow::Result<u64> {
        let Self { mut reader, mut desk, series, span } = self;
        writeln!(out, "{READINGS}")?;
        let (mut count, mut carried) = (0, Carried::default());
        loop {
            let batch = reader.next_batch(BATCH_MAX, Duration::ZERO)?;
            if batch.is_empty() && batch.gap().is_none() {
                return Ok(count);
            }
            if let Some(gap) = batch.gap() {
                eprintln!("{gap}");
            }
            for record in batch.iter() {
                carried.clear();
                desk.apply(&record, &mut carried);
                for one in carried.readings.iter().filter(|one| span.has(one.measured_at)) {
                    let name = &desk.setup().registry.series()[one.series.index()].name;
                    if series.is_empty() || series.contains(name) {
                        reading(name, one, out)?;
                        count += 1;
                    }
                }
            }
        }
    }
}

fn reading(name: &SeriesName, one: &Reading, out: &mut impl Write) -> io::Result<()> {
    let unit = name.quantity.base_unit().symbol();
    let quality = one.quality.words().collect::<Vec<_>>().join("+");
    let (measured_at, received_at, value) = (one.measured_at, one.received_at, one.value);
    writeln!(out, "{name},{measured_at},{received_at},{value:?},{unit},{quality}")
}

fn ledger(data: &Path) -> anyhow::Result<Ledger> {
    let path = data.join("ledger.sqlite");
    Ledger::open_read_only(&path).with_context(|| format!("cannot open {}", path.display()))
}

/// Incidents of a ledger, and where their sites are.
pub struct Incidents {
    records: Vec<IncidentRecord>,
    /// Latitude and longitude of each site that the journal's newest configuration has.
    places: BTreeMap<String, (f64, f64)>,
}

impl Incidents {
    /// Those of a data directory that opened in a span.
    ///
    /// # Errors
    /// A ledger or journal that cannot be read.
    pub fn of(data: &Path, span: Span) -> anyhow::Result<Self> {
        let mut records = ledger(data)?.incidents(&IncidentFilter::default(), u32::MAX)?;
        records.retain(|record| span.has(record.opened_at));
        records.sort_by(|a, b| (a.opened_at, a.id.as_str()).cmp(&(b.opened_at, b.id.as_str())));
        Ok(Self { records, places: places(&data.join("journal"))? })
    }

    /// As CSV, the oldest first.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn csv(self, out: &mut impl Write) -> anyhow::Result<u64> {
        writeln!(out, "{INCIDENTS}")?;
        for one in &self.records {
            let (id, site, hazard) = (one.id.as_str(), one.site.as_str(), one.hazard.name());
            let (state, level, peak) = (one.state.name(), one.level.name(), one.peak.name());
            let (ko, en) = (field(&one.what.ko), field(&one.what.en));
            let (revision, opened_at, at) = (one.revision, one.opened_at, one.at);
            writeln!(
                out,
                "{id},{site},{hazard},{state},{level},{peak},{revision},{opened_at},{at},{ko},{en}"
            )?;
        }
        Ok(self.records.len() as u64)
    }

    /// As GeoJSON, each at the place of its site; one of a site that is no more has no geometry.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn geojson(self, out: &mut impl Write) -> anyhow::Result<u64> {
        let feature = |one: &IncidentRecord| {
            let place = self.places.get(one.site.as_str());
            json!({
                "type": "Feature",
                "id": one.id.as_str(),
                "geometry": place.map(|(latitude, longitude)| {
                    json!({ "type": "Point", "coordinates": [longitude, latitude] })
                }),
                "properties": {
                    "id": one.id.as_str(),
                    "site": one.site.as_str(),
                    "hazard": one.hazard.name(),
                    "state": one.state.name(),
                    "level": one.level.name(),
                    "peak": one.peak.name(),
                    "revision": one.revision,
                    "opened_at": one.opened_at.to_string(),
                    "revised_at": one.at.to_string(),
                    "what_ko": one.what.ko,
                    "what_en": one.what.en,
                },
            })
        };
        let features: Vec<_> = self.records.iter().map(feature).collect();
        serde_json::to_writer(
            &mut *out,
            &json!({ "type": "FeatureCollection", "features": features }),
        )?;
        writeln!(out)?;
        Ok(self.records.len() as u64)
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

/// Deliveries of a ledger.
pub struct Deliveries {
    ledger: Ledger,
    span: Span,
}

impl Deliveries {
    /// Those of a data directory that were owed in a span.
    ///
    /// # Errors
    /// A ledger that cannot be read.
    pub fn of(data: &Path, span: Span) -> anyhow::Result<Self> {
        Ok(Self { ledger: ledger(data)?, span })
    }

    /// As CSV, the newest first.
    ///
    /// # Errors
    /// A ledger that cannot be read, a file that cannot be written.
    pub fn csv(self, out: &mut impl Write) -> anyhow::Result<u64> {
        writeln!(out, "{DELIVERIES}")?;
        let (mut filter, mut count) = (DeliveryFilter::default(), 0);
        loop {
            let page = self.ledger.deliveries(&filter, BATCH_MAX as u32)?;
            let Some(last) = page.last() else { return Ok(count) };
            filter.before = Some(last.id);
            for one in page.iter().filter(|one| self.span.has(one.owed_at)) {
                let (key, recipient) = (one.key.to_string(), field(&one.recipient));
                let (channel, site, incident) = (&one.channel, &one.site, one.incident.as_str());
                let (level, state, note) = (one.level.name(), one.state.name(), field(&one.note));
                let key = field(&key);
                writeln!(
                    out,
                    "{key},{channel},{recipient},{site},{incident},{},{},{level},{state},{},{},{},{note}",
                    one.revision, one.purpose, one.attempts, one.owed_at, one.changed_at
                )?;
                count += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use reading::Timestamp;

    use super::*;

    #[test]
    fn only_what_has_to_be_is_quoted() {
        for (text, written) in [
            ("plain", "plain"),
            ("a, b", "\"a, b\""),
            ("said \"no\"", "\"said \"\"no\"\"\""),
            ("two\nlines", "\"two\nlines\""),
            ("한글", "한글"),
        ] {
            assert_eq!(field(text), written);
        }
    }

    #[test]
    fn a_span_has_its_beginning_and_not_its_end() {
        let at = Timestamp::from_secs;
        let span = Span { from: at(10), to: at(20) };
        let table = [(9, false), (10, true), (19, true), (20, false)];
        assert!(table.iter().all(|(moment, inside)| span.has(at(*moment)) == *inside));
    }
}
