//! What is known of the recorded series: where something happened, and where nothing may be said against an alert.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use reading::Timestamp;
use serde::Deserialize;

use crate::series::moment;

/// One series of `labels.json`, as far as it is used here.
#[derive(Clone, Debug, Deserialize)]
pub struct Label {
    pub id: String,
    pub file: String,
    pub suite: String,
    /// How much time of one sensor it is, where false alarms are counted.
    #[serde(default)]
    pub sensor_years: f64,
    /// Alerts nearer to each other than this, in seconds, are one.
    #[serde(default)]
    pub merge_s: f64,
    #[serde(default)]
    windows: Vec<(String, String)>,
    #[serde(default)]
    events: Vec<Event>,
    #[serde(default)]
    neutral: Vec<(String, String)>,
    warmup_end: Option<String>,
    threshold: Option<Threshold>,
}

#[derive(Clone, Debug, Deserialize)]
struct Threshold {
    intervals: Vec<(String, String)>,
}

#[derive(Clone, Debug, Deserialize)]
struct Event {
    #[serde(rename = "type")]
    kind: String,
    onset: String,
    deadline: String,
    clear: Option<String>,
    #[serde(default)]
    optional: bool,
}

/// A stretch in which an alert finds an event.
pub struct Sought {
    pub kind: String,
    pub from: Timestamp,
    pub to: Timestamp,
}

impl Label {
    /// Every series of a folder.
    pub fn all(data: &Path) -> Result<Vec<Self>> {
        let path = data.join("labels.json");
        let text = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_slice(&text).with_context(|| path.display().to_string())
    }

    /// What is to be found.
    pub fn sought(&self) -> Result<Vec<Sought>> {
        let windows = self.windows.iter().map(|(from, to)| ("labelled window", from, to));
        let events = self.events.iter().filter(|event| !event.optional);
        let events = events.map(|event| (event.kind.as_str(), &event.onset, &event.deadline));
        let sought = windows.chain(events).map(|(kind, from, to)| {
            Ok(Sought { kind: kind.to_owned(), from: moment(from)?, to: moment(to)? })
        });
        sought.collect()
    }

    /// Whether a published rule holds, row by row: from the first moment of an interval until before its last, which
    /// is the next row's unless the record ends there.
    pub fn holds(&self, rows: &[(Timestamp, f64)]) -> Result<Vec<bool>> {
        let mut intervals = Vec::new();
        for (from, to) in self.threshold.iter().flat_map(|threshold| &threshold.intervals) {
            intervals.push((moment(from)?, moment(to)?));
        }
        let last = rows.last().map(|row| row.0);
        let held = |at: Timestamp| {
            let open = |(from, to): &(Timestamp, Timestamp)| {
                *from <= at && (at < *to || (at == *to && Some(at) == last))
            };
            intervals.iter().any(open)
        };
        Ok(rows.iter().map(|row| held(row.0)).collect())
    }

    /// From after which moment on anything counts.
    pub fn warm_from(&self) -> Result<Timestamp> {
        self.warmup_end.as_deref().map_or(Ok(Timestamp::MIN), moment)
    }

    /// Where an alert is not held against the detector.
    pub fn excused(&self) -> Result<Vec<(Timestamp, Timestamp)>> {
        let events = self.events.iter().map(|event| {
            let clear = event.clear.as_ref().unwrap_or(&event.deadline);
            (&event.onset, clear)
        });
        let named = self.neutral.iter().chain(&self.windows).map(|(from, to)| (from, to));
        let mut excused = Vec::new();
        for (from, to) in events.chain(named) {
            excused.push((moment(from)?, moment(to)?));
        }
        if let Some(end) = &self.warmup_end {
            excused.push((Timestamp::MIN, moment(end)?));
        }
        Ok(excused)
    }
}
