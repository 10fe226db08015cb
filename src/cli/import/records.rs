//! Incidents and deliveries from files as `bongsu export` writes them: kept as what happened elsewhere, all of a file
//! or nothing of it. Of readings, what the file says beyond what was measured.

use std::collections::BTreeMap;
use std::io::{BufRead, Read};
use std::path::Path;

use anyhow::{Context, bail};
use delivery::contacts::csv_rows;
use serde_json::Value;

use crate::cli::export;
use crate::cli::replay::open;
use crate::elsewhere::readings::Kept;
use crate::elsewhere::{Elsewhere, ElsewhereError, Record};
use crate::sheet::{Form, Row, Sheet};

/// What a file holds that is no readings; none if it is something else.
///
/// # Errors
/// Which line cannot be read, and why.
pub fn of(path: &Path) -> anyhow::Result<Option<(Form, Vec<Record>)>> {
    let name = path.display();
    let mut file = open(path)?;
    let mut first = Vec::new();
    file.read_until(b'\n', &mut first).with_context(|| format!("cannot read {name}"))?;
    let begins = String::from_utf8_lossy(&first);
    let begins = begins.trim_start_matches('\u{feff}').trim_end();
    let is_map =
        name.to_string().trim_end_matches(".gz").ends_with("json") && begins.starts_with('{');
    let form = Form::ALL.into_iter().find(|form| form.header() == begins);
    if !is_map && !matches!(form, Some(Form::Incidents | Form::Deliveries)) {
        return Ok(None);
    }
    let mut text = String::new();
    file.read_to_string(&mut text).with_context(|| format!("cannot read {name}"))?;
    let records = match form {
        Some(form) => table(form, &text).with_context(|| name.to_string())?,
        None => map(&(begins.to_owned() + &text)).with_context(|| name.to_string())?,
    };
    Ok(Some((form.unwrap_or(Form::Incidents), records)))
}

/// Whether a file is a table of readings as they are exported.
///
/// # Errors
/// If it cannot be read.
pub fn are_readings(path: &Path) -> anyhow::Result<bool> {
    let mut first = Vec::new();
    let read = open(path)?.read_until(b'\n', &mut first);
    read.with_context(|| format!("cannot read {}", path.display()))?;
    let first = String::from_utf8_lossy(&first);
    Ok(first.trim_start_matches('\u{feff}').trim_end() == Form::Readings.header())
}

/// Keeps what such a file says of each reading, for the next export. A line that no export writes is passed over here:
/// as a reading of the past it is taken or refused by name.
///
/// # Errors
/// If it cannot be read, or not be kept.
pub fn keep_readings(data_dir: &Path, path: &Path) -> anyhow::Result<()> {
    let lines = open(path)?.lines().skip(1);
    let rows = lines.filter_map(|line| match line {
        // Nothing in such a row is ever quoted.
        Ok(line) => {
            let cells: Vec<String> = line.split(',').map(str::to_owned).collect();
            Form::Readings.row(&cells).ok().map(Ok)
        }
        Err(error) if error.kind() == std::io::ErrorKind::InvalidData => None,
        Err(error) => Some(Err(error.into())),
    });
    Kept::open(data_dir)?.keep(rows, |sheet| export::own_readings(data_dir, sheet))
}

/// Rows below their header.
fn table(form: Form, text: &str) -> anyhow::Result<Vec<Record>> {
    let record = |(line, cells): (usize, Vec<String>)| {
        let row = form.row(&cells).with_context(|| format!("line {}", line + 1))?;
        Ok(Record { row, place: None })
    };
    csv_rows(text)
        .filter(|(_, cells)| cells.iter().any(|cell| !cell.is_empty()))
        .map(record)
        .collect()
}

/// Features whose properties are the columns.
fn map(text: &str) -> anyhow::Result<Vec<Record>> {
    let map: Value = serde_json::from_str(text).context("it is no GeoJSON")?;
    let features = map["features"].as_array().context("it has no features")?;
    let record = |(number, feature): (usize, &Value)| {
        let cell = |(name, _): &(&str, _)| match &feature["properties"][name] {
            Value::Null => bail!("feature {}: `{name}` is missing", number + 1),
            Value::String(text) => Ok(text.clone()),
            other => Ok(other.to_string()),
        };
        let cells: Vec<String> =
            Form::Incidents.columns().iter().map(cell).collect::<anyhow::Result<_>>()?;
        let row = Form::Incidents.row(&cells).with_context(|| format!("feature {}", number + 1))?;
        let point = &feature["geometry"]["coordinates"];
        Ok(Record { row, place: point[1].as_f64().zip(point[0].as_f64()) })
    };
    features.iter().enumerate().map(record).collect()
}

/// Every row by its name.
#[derive(Default)]
struct Known(BTreeMap<String, Row>);

impl Sheet for Known {
    fn row(&mut self, row: Row) -> anyhow::Result<()> {
        self.0.insert(row[0].text().into_owned(), row);
        Ok(())
    }

    fn finish(self: Box<Self>) -> anyhow::Result<()> {
        Ok(())
    }
}

/// Keeps what is not there yet, decided here or taken in before; how many that were.
///
/// # Errors
/// A record that says something else than the one that is there.
pub fn keep(data_dir: &Path, form: Form, records: Vec<Record>) -> anyhow::Result<u64> {
    let mut known = Known::default();
    export::everything(data_dir, form, &mut known)?;
    let mut new = Vec::new();
    for record in records {
        let key = record.row[0].text();
        match known.0.get(&*key) {
            None => new.push(record),
            Some(row) if *row == record.row => {}
            Some(_) => return Err(ElsewhereError::Different(key.into_owned()).into()),
        }
    }
    Ok(Elsewhere::open(data_dir)?.keep(form, &new)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_record_is_refused_with_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let header = Form::Incidents.header();
        let good = "live-1,s,slope-failure,open,normal,severe,3,2026-07-14T03:00:00Z,2026-07-14T03:00:00Z,\"두\n줄\",x";
        // the file's name, what is in it, what is said; nothing if it holds something else
        for (name, text, says) in [
            ("a.csv", format!("{header}\n{good}\n"), Some("")),
            ("b.csv", format!("\u{feff}{header}\r\n{good}\r\n"), Some("")),
            ("c.csv", format!("{header}\n{good}\nlive-2,s\n"), Some("line 4: 2 cells, not 11")),
            (
                "d.csv",
                format!("{header}\n{}\n", good.replace(",3,", ",many,")),
                Some("line 2: `revision` cannot be `many`"),
            ),
            ("e.csv", "series,measured_at,value\na/b/c/tilt,2026-07-14T03:00:00Z,1\n".into(), None),
            ("f.geojson", "{\"type\": \"FeatureCollection\"}".into(), Some("it has no features")),
            (
                "g.geojson",
                "{\"features\": [{\"properties\": {\"id\": \"x\"}}]}".into(),
                Some("feature 1: `site` is missing"),
            ),
            ("h.jsonl", "{\"topic\": \"t\"}\n".into(), None),
        ] {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            match (of(&path), says) {
                (Ok(Some((Form::Incidents, records))), Some("")) => assert_eq!(records.len(), 1),
                (Ok(None), None) => {}
                (Err(error), Some(says)) => {
                    assert!(format!("{error:#}").ends_with(says), "{error:#}")
                }
                (other, _) => panic!("{name}: {other:?}"),
            }
        }
    }
}
