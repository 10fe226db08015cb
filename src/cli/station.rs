//! `bongsu station`: how stations are, and what they are asked, over the API of a running daemon.

use std::process::ExitCode;
use std::time::Duration;

use alerting::catalogue::{self, Language};
use anyhow::Context;
use clap::Subcommand;
use serde_json::{Value, json};

use super::api::{Api, Door, block_on};
use super::demo::duration;
use super::status;

/// How often it is looked for the answer of a station.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// How stations are, and what they are asked
#[derive(Clone, Debug, clap::Args)]
pub struct StationArgs {
    #[command(subcommand)]
    what: What,
    #[command(flatten)]
    door: Door,
}

#[derive(Clone, Debug, Subcommand)]
enum What {
    /// How every station is: there or gone, battery, signal, what is missing of it
    List,
    /// Asks something of a station and waits for its answer
    Command {
        /// SITE/STATION
        station: String,
        #[command(subcommand)]
        ask: Ask,
        /// Why; kept in the trail
        #[arg(long, global = true, default_value = "")]
        reason: String,
        /// How long to wait for the answer; the order stays for a day all the same
        #[arg(long, global = true, default_value = "30s", value_parser = duration)]
        wait: Duration,
    },
}

#[derive(Clone, Debug, Subcommand)]
enum Ask {
    /// Report every TIME from now on, say 60s
    Interval {
        /// At most as seldom as it is registered with
        #[arg(value_parser = duration)]
        every: Duration,
    },
    /// Report every TIME for a while, then as before
    AlertMode {
        /// At most as seldom as it is registered with
        #[arg(value_parser = duration)]
        every: Duration,
        /// For how long
        #[arg(long = "for", default_value = "1h", value_parser = duration)]
        lasting: Duration,
    },
    /// Send messages again, say 17..40
    Resend {
        /// The first and the last number
        #[arg(value_parser = range)]
        numbers: (u64, u64),
    },
    /// Blink
    Identify,
}

fn range(text: &str) -> Result<(u64, u64), String> {
    let (from, to) = text.split_once("..").unwrap_or((text, text));
    match (from.parse(), to.parse()) {
        (Ok(from), Ok(to)) => Ok((from, to)),
        _ => Err(format!("`{text}` is no range of numbers: write 17..40")),
    }
}

impl Ask {
    fn body(&self, reason: &str) -> Value {
        match self {
            Self::Interval { every } => {
                json!({ "command": "interval", "interval_s": every.as_secs(), "reason": reason })
            }
            Self::AlertMode { every, lasting } => json!({
                "command": "alert-mode",
                "interval_s": every.as_secs(),
                "duration_s": lasting.as_secs(),
                "reason": reason,
            }),
            Self::Resend { numbers: (from, to) } => {
                json!({ "command": "resend", "from": from, "to": to, "reason": reason })
            }
            Self::Identify => json!({ "command": "identify", "reason": reason }),
        }
    }
}

/// Asks. The status of a command is 0 if the station did it, 1 if it or the desk refused or it did not answer in time.
pub fn run(args: &StationArgs, language: Language) -> ExitCode {
    status(block_on(async {
        let api = args.door.open(language)?;
        let daemon = Daemon { api, language, json: args.door.json };
        match &args.what {
            What::List => daemon.list().await,
            What::Command { station, ask, reason, wait } => {
                daemon.command(station, &ask.body(reason), *wait).await
            }
        }
    }))
}

/// A running daemon, and how its answers are shown.
struct Daemon {
    api: Api,
    language: Language,
    json: bool,
}

impl Daemon {
    async fn list(&self) -> anyhow::Result<bool> {
        let mut next = Value::Null;
        loop {
            let mut query = vec![("limit", "500".to_owned())];
            query.extend(next.as_str().map(|after| ("after", after.to_owned())));
            let page = self.api.get("/api/v1/stations", &query).await?.unwrap_or_default();
            for station in page["items"].as_array().into_iter().flatten() {
                match self.json {
                    true => println!("{station}"),
                    false => println!("{}", line(station, self.language)),
                }
            }
            next = page["next"].clone();
            if next.is_null() {
                return Ok(true);
            }
        }
    }

    /// Orders something of a station and waits for its answer. Whether it did it.
    async fn command(&self, station: &str, body: &Value, wait: Duration) -> anyhow::Result<bool> {
        let path = format!("/api/v1/stations/{station}");
        let Some(text) = self.api.order(&format!("{path}/orders"), body).await? else {
            return Ok(false);
        };
        let taken: Value = serde_json::from_str(&text)?;
        let order = format!("station_{}_{}_", station.replace('/', "_"), taken["sequence"]);
        let reason = taken["decision"]["reason"][self.language.code()].as_str();
        self.show(&taken, reason.unwrap_or_default());
        let Ok(answer) = tokio::time::timeout(wait, self.answer(&path, &order)).await else {
            eprintln!("{}", catalogue::message("station-no-answer", self.language));
            return Ok(false);
        };
        let answer = answer?;
        let text = |key: &str| answer[key].as_str().unwrap_or_default();
        self.show(&answer, &format!("{}: {} {}", text("command"), text("event"), text("note")));
        Ok(answer["event"] == "done")
    }

    fn show(&self, json: &Value, words: &str) {
        match self.json {
            true => println!("{json}"),
            false => println!("{words}"),
        }
    }

    /// What became of an order, once it is known.
    async fn answer(&self, path: &str, order: &str) -> anyhow::Result<Value> {
        loop {
            let station = self.api.get(path, &[]).await?.context("the station is gone")?;
            let mut settled = station["settled"].as_array().into_iter().flatten();
            let is_it = |one: &&Value| one["id"].as_str().is_some_and(|id| id.starts_with(order));
            if let Some(found) = settled.find(is_it) {
                return Ok(found.clone());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

/// How a station is, in a line.
fn line(station: &Value, language: Language) -> String {
    let text = |key: &str| station[key].as_str().unwrap_or("-").to_owned();
    let number = |key: &str, unit: &str| match station[key].as_f64() {
        Some(value) => format!("{value} {unit}"),
        None => "-".into(),
    };
    let there = match station["online"].as_bool() {
        Some(true) => "station-word-online",
        Some(false) => "station-word-offline",
        None => "station-word-unknown",
    };
    let runs = station["missing"].as_array().into_iter().flatten();
    let missing: u64 = runs.filter_map(|run| Some(run[1].as_u64()? - run[0].as_u64()? + 1)).sum();
    [
        format!("{}/{}", text("site"), text("station")),
        format!("{} {}", catalogue::message(there, language), text("since")),
        number("battery_v", "V"),
        number("rssi_dbm", "dBm"),
        text("firmware"),
        catalogue::fill("station-word-missing", language, &[&missing.to_string()]),
        text("heard_at"),
    ]
    .join("  ")
}
