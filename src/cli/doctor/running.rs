//! The daemon, if it runs: what it says of itself, and how old every series is.

use std::time::Duration;

use alerting::catalogue::text;
use anyhow::Context;
use reading::Timestamp;
use serde::Deserialize;

use super::sources::ANSWER_MAX;
use crate::board::{Check, Vital};
use crate::config::Config;
use crate::vitals::{self, Heard, same};

/// What the daemon says of itself and of every series.
pub(super) async fn look(config: &Config) -> Vec<Check> {
    let base = format!("http://{}", config.http.listen);
    let client = match reqwest::Client::builder().timeout(ANSWER_MAX).no_proxy().build() {
        Ok(client) => client,
        Err(error) => return vec![Check::new("daemon", Vital::Degraded, same(error.to_string()))],
    };
    let Ok(answer) = client.get(format!("{base}/readyz")).send().await else {
        return vec![Check::new("daemon", Vital::Degraded, text("vital-daemon-away", &[&base]))];
    };
    let said = answer.text().await.unwrap_or_default();
    let mut checks: Vec<_> = said.lines().filter_map(part).collect();
    match series(&client, &base, config).await {
        Ok(ages) => checks.extend(ages),
        Err(error) => {
            let detail = text("vital-series-unseen", &[&format!("{error:#}")]);
            checks.push(Check::new("series", Vital::Degraded, detail));
        }
    }
    checks
}

/// A line of `/readyz`: `journal: ok`.
fn part(line: &str) -> Option<Check> {
    let (name, word) = line.split_once(": ")?;
    let vital = [Vital::Ok, Vital::Degraded, Vital::Starting, Vital::Failed]
        .into_iter()
        .find(|vital| vital.word() == word)?;
    Some(Check::new(format!("daemon-{name}"), vital, same("")))
}

#[derive(Deserialize)]
struct SiteShown {
    as_of: String,
    stations: Vec<StationShown>,
}

#[derive(Deserialize)]
struct StationShown {
    report_interval_s: f64,
    series: Vec<SeriesShown>,
}

#[derive(Deserialize)]
struct SeriesShown {
    name: String,
    latest: Option<LatestShown>,
}

#[derive(Deserialize)]
struct LatestShown {
    measured_at: String,
}

/// How old each series is, as the daemon sees it.
async fn series(
    client: &reqwest::Client,
    base: &str,
    config: &Config,
) -> anyhow::Result<Vec<Check>> {
    let file = config.data_dir.join("board-token");
    let token = std::fs::read_to_string(&file).with_context(|| format!("{}", file.display()))?;
    let mut checks = Vec::new();
    for site in config.setup.registry.sites() {
        let url = format!("{base}/api/v1/sites/{}", site.id);
        let answer = client.get(&url).bearer_auth(token.trim()).send().await?.error_for_status()?;
        let shown: SiteShown = serde_json::from_slice(&answer.bytes().await?)?;
        let now = Timestamp::parse(&shown.as_of)?;
        let heard = shown
            .stations
            .iter()
            .flat_map(|station| station.series.iter().map(|series| heard(series, station)));
        checks.extend(heard.map(|heard| vitals::age(&heard, now)));
    }
    Ok(checks)
}

fn heard(series: &SeriesShown, station: &StationShown) -> Heard {
    let at = series.latest.as_ref().and_then(|latest| Timestamp::parse(&latest.measured_at).ok());
    let interval = Duration::try_from_secs_f64(station.report_interval_s).unwrap_or_default();
    (series.name.clone(), interval, at)
}
