//! Who waits to be adopted, as a running daemon tells it or as a stopped one left it.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use serde::{Deserialize, Serialize};

use crate::cli::api::Api;
use crate::desk::state::StateFolder;
use crate::desk::waiting::{StrangerName, Waiting};

/// Somebody who speaks and is not registered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stranger {
    /// The collector they were heard by.
    pub source: String,
    /// Their site, if they speak as our stations do.
    pub site: Option<String>,
    /// Their name at it.
    pub station: Option<String>,
    /// What a foreign format calls them, if they do not.
    pub device: Option<String>,
    /// In how many messages they were heard.
    pub messages: u64,
    /// How often these came, seconds.
    pub report_interval_s: Option<f64>,
    /// What they said that nobody registered.
    pub series: Vec<Said>,
}

/// One of their series.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Said {
    /// The sensor, or what a foreign format calls the value.
    pub sensor: String,
    /// What it measures; empty for a foreign format.
    pub quantity: String,
    /// The unit as sent.
    pub unit: Option<String>,
    /// What it said last; `None` if that was not a number.
    pub value: Option<f64>,
    /// How many there were.
    pub count: u64,
}

#[derive(Deserialize)]
struct Page {
    items: Vec<Stranger>,
}

/// As a running daemon tells it.
///
/// # Errors
/// If it does not answer, or not that.
pub async fn of_running(api: &Api) -> anyhow::Result<Vec<Stranger>> {
    let answer = api.get("/api/v1/adoptions", &[]).await?.unwrap_or_default();
    let page: Page = serde_json::from_value(answer).context("the answer is no list of stations")?;
    Ok(page.items)
}

/// As a stopped daemon left it in its newest snapshot.
///
/// # Errors
/// If there is none.
pub fn of_stopped(data_dir: &Path) -> anyhow::Result<Vec<Stranger>> {
    let state = StateFolder::open(data_dir.join("state"))?;
    let desk = state.load(u64::MAX, &BTreeSet::new());
    let desk = desk.with_context(|| format!("{} has no state yet", data_dir.display()))?;
    Ok(all(desk.waiting()))
}

fn all(waiting: &Waiting) -> Vec<Stranger> {
    let one = |(stranger, heard): (&crate::desk::waiting::Stranger, _)| {
        let heard: &crate::desk::waiting::Heard = heard;
        let (site, station, device) = match stranger.name.clone() {
            StrangerName::Station(site, station) => (Some(site), Some(station), None),
            StrangerName::Device(device) => (None, None, Some(device)),
        };
        let said = heard.said.iter().map(|((sensor, quantity), said)| Said {
            sensor: sensor.clone(),
            quantity: quantity.clone(),
            unit: said.unit.clone(),
            value: Some(said.value).filter(|value| value.is_finite()),
            count: said.count,
        });
        Stranger {
            source: stranger.source.clone(),
            site,
            station,
            device,
            messages: heard.messages,
            report_interval_s: heard.interval().as_ref().map(Duration::as_secs_f64),
            series: said.collect(),
        }
    };
    waiting.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_whose_value_is_not_a_number_keeps_no_other_from_being_listed() {
        let said = |value: &str| {
            format!(
                r#"{{"source":"field","site":"cut-12","station":"box-9","device":null,"messages":1,"report_interval_s":null,
                "series":[{{"sensor":"a","quantity":"tilt-x","unit":"deg","value":{value},"count":1}}]}}"#
            )
        };
        let answer = format!(r#"{{"items":[{},{}]}}"#, said("null"), said("0.5"));
        let page: Page = serde_json::from_str(&answer).unwrap();
        let values: Vec<_> = page.items.iter().map(|stranger| stranger.series[0].value).collect();
        assert_eq!(values, [None, Some(0.5)]);
    }
}
