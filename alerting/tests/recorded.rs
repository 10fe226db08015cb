//! What the anomaly condition, the trigger and the rain rule make of recorded series, as they ship: the goals they were
//! built for, counted here again without the scorer. One set of parameters; the labels are shown to no condition.

#![allow(
    dead_code,
    clippy::allow_attributes,
    reason = "parts of the example that are not used here"
)]

#[path = "../examples/score_anomaly/labels.rs"]
mod labels;
#[path = "../examples/score_anomaly/play.rs"]
mod play;
#[path = "../examples/score_anomaly/series.rs"]
mod series;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use labels::Label;
use play::Said;
use reading::Timestamp;
use series::Series;

/// How many of how many.
type Share = (u32, u32);

#[derive(Default)]
struct Count {
    found: BTreeMap<String, Share>,
    wrong: u32,
}

impl Count {
    fn take(&mut self, label: &Label, series: &Series, said: &[Said]) -> Result<()> {
        let spoke =
            || series.rows.iter().zip(said).filter(|(_, said)| said.alert).map(|(row, _)| row.0);
        let sought = label.sought()?;
        for event in &sought {
            let hit = spoke().any(|at| (event.from..=event.to).contains(&at));
            let share = self.found.entry(event.kind.clone()).or_default();
            *share = (share.0 + u32::from(hit), share.1 + 1);
        }
        if sought.is_empty() || label.suite != "domain" {
            let excused = label.excused()?;
            let free = |at: &Timestamp| !excused.iter().any(|(from, to)| (from..=to).contains(&at));
            self.wrong += spoke().filter(free).count() as u32;
        }
        Ok(())
    }

    fn all(&self) -> Share {
        self.found.values().fold((0, 0), |sum, share| (sum.0 + share.0, sum.1 + share.1))
    }
}

fn data() -> Option<PathBuf> {
    let folder =
        std::env::var_os("BONGSU_TEST_DATA").map(|folder| PathBuf::from(folder).join("data"));
    if folder.is_none() {
        println!("skipped: BONGSU_TEST_DATA is not set");
    }
    folder
}

/// How long the series to which nothing happens are counted.
fn sensor_years(data: &Path) -> Result<f64> {
    let labels: Vec<serde_json::Value> =
        serde_json::from_slice(&fs::read(data.join("labels.json"))?)?;
    Ok(labels.iter().filter_map(|label| label["sensor_years"].as_f64()).sum())
}

#[test]
fn recorded_series_keep_the_goals() -> Result<()> {
    let Some(data) = data() else { return Ok(()) };
    let mut suites: BTreeMap<String, Count> = BTreeMap::new();
    for label in Label::all(&data)? {
        let series = Series::open(&data.join(&label.file))?;
        if label.suite == "rain" {
            assert_eq!(play::rain(&series.rows), label.holds(&series.rows)?, "{}", label.id);
        } else if label.suite != "nab" {
            let said = play::play(&series.rows);
            suites.entry(label.suite.clone()).or_default().take(&label, &series, &said)?;
        }
    }
    let domain = &suites["domain"];
    let years = sensor_years(&data)?;
    let (found, events) = domain.all();
    println!(
        "{found} of {events}: {:?}, {} false in {:.1} years",
        domain.found, domain.wrong, years
    );
    assert!(f64::from(found) >= 0.85 * f64::from(events));
    assert!(f64::from(domain.wrong) <= years, "one false alarm a sensor-year");
    for (kind, (found, events)) in &domain.found {
        assert!(f64::from(*found) >= 0.75 * f64::from(*events), "{kind}: {found} of {events}");
    }
    for suite in ["replay", "geophone"] {
        let (found, events) = suites[suite].all();
        assert_eq!((found, suites[suite].wrong), (events, 0), "{suite}");
    }
    Ok(())
}
