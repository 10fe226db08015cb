//! The daemon, if it runs: what it says of itself, how old every series is, and what it set aside lately.

use std::time::Duration;

use alerting::catalogue::text;
use anyhow::Context;
use ingest::clock::Clock;
use reading::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::sources::ANSWER_MAX;
use crate::board::{Check, Vital};
use crate::config::Config;
use crate::vitals::{self, Heard, same};

/// What was set aside within this time is of now,
const LATELY: Duration = Duration::from_secs(3600);
/// and is counted no further than this.
const SET_ASIDE_MAX: usize = 100;

/// What the daemon says of itself, of every series and of what it set aside.
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
    match asked(&client, &base, config).await {
        Ok(more) => checks.extend(more),
        Err(error) => {
            let detail = text("vital-series-unseen", &[&format!("{error:#}")]);
            checks.push(Check::new("series", Vital::Degraded, detail));
        }
    }
    checks
}

/// What only who has the token is told.
async fn asked(
    client: &reqwest::Client,
    base: &str,
    config: &Config,
) -> anyhow::Result<Vec<Check>> {
    let file = config.data_dir.join("board-token");
    let token = std::fs::read_to_string(&file).with_context(|| format!("{}", file.display()))?;
    let api = Api { client, base, token: token.trim() };
    let mut checks = series(&api, config).await?;
    checks.push(set_aside(&api, Clock::system().wall()).await?);
    Ok(checks)
}

struct Api<'a> {
    client: &'a reqwest::Client,
    base: &'a str,
    token: &'a str,
}

impl Api<'_> {
    async fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        let url = format!("{}/api/v1/{path}", self.base);
        let answer = self.client.get(&url).bearer_auth(self.token).send().await?;
        Ok(serde_json::from_slice(&answer.error_for_status()?.bytes().await?)?)
    }
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
async fn series(api: &Api<'_>, config: &Config) -> anyhow::Result<Vec<Check>> {
    let mut checks = Vec::new();
    for site in config.setup.registry.sites() {
        let shown: SiteShown = api.get(&format!("sites/{}", site.id)).await?;
        let now = Timestamp::parse(&shown.as_of)?;
        let heard = shown
            .stations
            .iter()
            .flat_map(|station| station.series.iter().map(|series| heard(series, station)));
        checks.extend(heard.map(|heard| vitals::age(&heard, now)));
    }
    Ok(checks)
}

#[derive(Deserialize)]
struct Quarantine {
    items: Vec<SetAside>,
}

#[derive(Deserialize)]
struct SetAside {
    at: String,
    topic: String,
    reason: String,
    detail: String,
}

/// What came in the last hour and could not be used, with why of the newest.
async fn set_aside(api: &Api<'_>, now: Timestamp) -> anyhow::Result<Check> {
    let shown: Quarantine = api.get(&format!("quarantine?limit={SET_ASIDE_MAX}")).await?;
    let is_of_now =
        |row: &&SetAside| Timestamp::parse(&row.at).is_ok_and(|at| now.since(at) <= LATELY);
    let lately: Vec<_> = shown.items.iter().filter(is_of_now).collect();
    let Some(newest) = lately.first() else {
        return Ok(Check::new("quarantine", Vital::Ok, text("vital-quarantine", &[])));
    };
    let count = match lately.len() {
        SET_ASIDE_MAX.. => format!("≥ {SET_ASIDE_MAX}"),
        few => few.to_string(),
    };
    let words = [&*count, &*newest.topic, &*newest.reason, &*newest.detail];
    Ok(Check::new("quarantine", Vital::Degraded, text("vital-quarantine-some", &words)))
}

fn heard(series: &SeriesShown, station: &StationShown) -> Heard {
    let at = series.latest.as_ref().and_then(|latest| Timestamp::parse(&latest.measured_at).ok());
    let interval = Duration::try_from_secs_f64(station.report_interval_s).unwrap_or_default();
    (series.name.clone(), interval, at)
}
