//! `bongsu exercise start`, `stop` and `report`: drills beside a running daemon, over its API.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use alerting::catalogue::Language;
use anyhow::Context;
use clap::Subcommand;
use serde_json::{Value, json};

use super::api::{Door, block_on};
use super::status;
use crate::exercise::Report;

/// How long an answer may take: a drill starts a broker and ends with its couriers.
const ANSWER_MAX: Duration = Duration::from_secs(120);

/// A drill: the whole road beside live operation, on simulated stations
#[derive(Clone, Debug, clap::Args)]
pub struct ExerciseArgs {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    door: Door,
}

#[derive(Clone, Debug, Subcommand)]
enum Command {
    /// Starts one; nothing of it reaches the live operation
    Start {
        /// One that comes with the program, or the path of a .toml file
        #[arg(long, default_value = "typhoon")]
        scenario: String,
        /// The sites of the scenario that take part; all if not given
        #[arg(long, value_delimiter = ',')]
        sites: Vec<String>,
        /// How many times as fast as real time; 60 if not given
        #[arg(long)]
        speed: Option<f64>,
    },
    /// Ends the one that runs, and says what came of it
    Stop,
    /// Says what came of one: the newest if none is named
    Report {
        /// Its name, as `start` printed it
        id: Option<String>,
    },
}

/// Asks for it. The status is 0 if it was done, 1 if it cannot be.
pub fn run(args: &ExerciseArgs, language: Language) -> ExitCode {
    status(block_on(ask(args, language)))
}

async fn ask(args: &ExerciseArgs, language: Language) -> anyhow::Result<bool> {
    let daemon = args.door.open(language)?.patient(ANSWER_MAX);
    let answer = match &args.command {
        Command::Start { scenario, sites, speed } => {
            daemon.order("/api/v1/exercises", &order(scenario, sites, *speed)?).await?
        }
        Command::Stop => daemon.order("/api/v1/exercises/stop", &json!({})).await?,
        Command::Report { id } => {
            let list = daemon.get("/api/v1/exercises", &[]).await?.unwrap_or_default();
            let id = id.as_deref().or(list["items"][0]["id"].as_str());
            let id = id.context("there was no exercise")?;
            let found = daemon.get(&format!("/api/v1/exercises/{id}/report"), &[]).await?;
            if found.is_none() {
                eprintln!("there is no exercise {id}");
            }
            found.map(|report| report.to_string())
        }
    };
    let Some(answer) = answer else { return Ok(false) };
    if args.door.json {
        println!("{answer}");
        return Ok(true);
    }
    let report: Report = serde_json::from_str(&answer).context("the answer is no report")?;
    let board = report.head.board.clone().filter(|_| report.head.state.is_running());
    report.lines(language).iter().for_each(|line| println!("{line}"));
    board.iter().for_each(|board| println!("{board}"));
    Ok(true)
}

/// A file is read here: the daemon may be on another machine.
fn order(scenario: &str, sites: &[String], speed: Option<f64>) -> anyhow::Result<Value> {
    let path = Path::new(scenario);
    let is_file = path.extension().is_some_and(|end| end == "toml");
    let file = is_file.then(|| std::fs::read_to_string(path)).transpose();
    let file = file.with_context(|| format!("cannot read the scenario {scenario}"))?;
    let name = path.file_stem().filter(|_| is_file).map(|name| name.to_string_lossy());
    let name = name.as_deref().unwrap_or(scenario);
    Ok(json!({ "scenario": name, "file": file, "sites": sites, "speed": speed }))
}
