//! `bongsu log`: how loud a running daemon's log is, room by room.

use std::process::ExitCode;

use alerting::catalogue::Language;
use anyhow::Context;
use serde_json::{Value, json};

use super::api::{Door, block_on};
use super::status;

/// Shows how loud the log of a running daemon is, or makes a room of it louder or quieter until the daemon ends
#[derive(Clone, Debug, clap::Args)]
pub struct LogArgs {
    /// Which room: collector, broker, journal, archive, desk, delivery, board, exercise, daemon, or all
    #[arg(requires = "level")]
    room: Option<String>,
    /// How loud: off, error, warn, info, debug or trace
    level: Option<String>,
    #[command(flatten)]
    door: Door,
}

/// Asks, and prints how loud each room is.
pub fn run(args: &LogArgs, language: Language) -> ExitCode {
    status(block_on(async {
        let api = args.door.open(language)?;
        let answer = match (&args.room, &args.level) {
            (Some(room), Some(level)) => {
                let said =
                    api.order("/api/v1/log", &json!({ "room": room, "level": level })).await?;
                said.map(|said| serde_json::from_str(&said)).transpose()?
            }
            _ => api.get("/api/v1/log", &[]).await?,
        };
        let Some(answer): Option<Value> = answer else { return Ok(false) };
        if args.door.json {
            println!("{answer}");
            return Ok(true);
        }
        for item in answer["items"].as_array().context("the answer is no list")? {
            let word = |key: &str| item[key].as_str().unwrap_or_default().to_owned();
            println!("{:10} {}", word("room"), word("level"));
        }
        Ok(true)
    }))
}
