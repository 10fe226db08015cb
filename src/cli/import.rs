//! `bongsu import`: readings of the past, from a file into the journal as backfill.
//!
//! A running daemon takes them over its API, one message at a time, so that live data stays first; a stopped one finds
//! them in its journal. Either way they are judged by their own time, like what a station kept while nobody listened.
//! What was imported before is known again: a file may be imported as often as one likes.

mod past;
mod records;
mod stopped;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;

use super::api::{Api, Sent};
use super::stamps::TableArgs;
use super::{NO, bad_configuration, failed};
use crate::config::Config;
use past::{Message, Reader};
use stopped::Stopped;

/// So many lines that cannot be read are named; all are counted.
const NAMED_MAX: u64 = 20;

/// Hands readings of the past over: to a running daemon (--token-file), or to a stopped one (--config); incidents and
/// deliveries of elsewhere to a stopped one
#[derive(Clone, Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("to").required(true).args(["token_file", "config"])))]
pub struct ImportArgs {
    /// Readings as CSV (series,measured_at,value,unit, or without unit), a logger's TOA5, or recorded frames (.jsonl),
    /// may be gzipped; whatever `bongsu export` writes
    pub file: PathBuf,
    #[command(flatten)]
    /// What a table does not say itself
    pub table: TableArgs,
    /// The station of a TOA5 file, or of a CSV file with --map: site/station
    #[arg(long)]
    pub station: Option<String>,
    /// What a column is: NAME=sensor/quantity, with a unit if the file does not say it: 'TiltX=tilt-1/tilt-x deg'
    #[arg(long, requires = "station", value_name = "NAME=SERIES")]
    pub map: Vec<String>,
    /// Columns that are passed over; * all that are not mapped
    #[arg(long, requires = "station", value_name = "NAME")]
    pub ignore: Vec<String>,
    /// The column of the stamps in a CSV file with --map
    #[arg(long, default_value = "measured_at", value_name = "NAME")]
    pub time: String,
    /// The board's address
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    pub url: String,
    /// A file with an administrator's token, say DATA-DIR/board-token
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// The configuration of a daemon that is stopped: into its journal directly
    #[arg(long, value_name = "FILE", conflicts_with = "url")]
    pub config: Option<PathBuf>,
    /// The sums as JSON
    #[arg(long)]
    pub json: bool,
}

/// What became of a file.
#[derive(Clone, Copy, Debug, Default, serde::Serialize)]
struct Sums {
    /// Incidents or deliveries of elsewhere that were not known, where the file holds such.
    #[serde(skip_serializing_if = "Option::is_none")]
    records: Option<u64>,
    /// Readings handed over.
    readings: u64,
    /// In so many messages.
    messages: u64,
    /// Readings of stations nobody registered, or that were refused by name.
    refused: u64,
    /// Lines that cannot be read.
    unread: u64,
}

/// Imports. The status is 1 if something of the file could not be taken.
pub fn run(args: &ImportArgs) -> ExitCode {
    let config = match args.config.as_deref().map(Config::load).transpose() {
        Ok(config) => config,
        Err(problems) => return bad_configuration(&problems),
    };
    match import(args, config.as_ref()) {
        Ok(sums) => {
            say(args, &sums);
            if sums.refused + sums.unread > 0 { ExitCode::from(NO) } else { ExitCode::SUCCESS }
        }
        Err(error) => failed(&error),
    }
}

fn say(args: &ImportArgs, sums: &Sums) {
    if args.json {
        println!("{}", serde_json::to_string(sums).unwrap_or_default());
        return;
    }
    let Sums { records, readings, messages, refused, unread } = sums;
    if let Some(records) = records {
        println!("{records} records of elsewhere taken in");
        return;
    }
    println!("{readings} readings handed over in {messages} messages");
    if refused + unread > 0 {
        println!("{refused} readings refused, {unread} lines not read");
    }
}

/// Where messages go.
enum Target {
    Running(Api),
    Stopped(Stopped),
}

fn import(args: &ImportArgs, config: Option<&Config>) -> anyhow::Result<Sums> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    if let Some((form, found)) = records::of(&args.file)? {
        let config = config.context(
            "incidents and deliveries are for a daemon that is stopped: say --config instead of --token-file",
        )?;
        let stopped = runtime.block_on(Stopped::open(config))?;
        let records = records::keep(&config.data_dir, form, found)?;
        stopped.note(config, form, records)?;
        runtime.block_on(stopped.close());
        return Ok(Sums { records: Some(records), ..Sums::default() });
    }
    let mut reader = Reader::open(args)?;
    let is_exported = records::are_readings(&args.file)?;
    let target = match (config, &args.token_file) {
        (Some(config), _) => Target::Stopped(runtime.block_on(Stopped::open(config))?),
        (None, Some(token)) => Target::Running(Api::new(&args.url, token)?),
        (None, None) => anyhow::bail!("say --token-file of a running daemon, or --config"),
    };
    match (&target, config) {
        (Target::Stopped(_), Some(config)) if is_exported => {
            records::keep_readings(&config.data_dir, &args.file)?;
        }
        _ if is_exported => eprintln!(
            "as readings of the past alone: when they were received and what was known against them there is kept with --config, while bongsu is stopped"
        ),
        _ => {}
    }
    let mut sums = Sums::default();
    while let Some(next) = reader.next()? {
        match next {
            past::Next::Message(message) => {
                let sent = runtime.block_on(target.take(&message))?;
                sums.count(&message, &sent);
            }
            past::Next::Unread(what) => {
                sums.unread += 1;
                if sums.unread <= NAMED_MAX {
                    eprintln!("{what}");
                }
            }
        }
    }
    if let Target::Stopped(stopped) = target {
        runtime.block_on(stopped.close());
    }
    Ok(sums)
}

impl Target {
    async fn take(&self, message: &Message) -> anyhow::Result<Sent> {
        match self {
            Self::Running(api) => {
                let Message { site, station, payload, .. } = message;
                let path = format!("/api/v1/sites/{site}/stations/{station}/backfill");
                api.post(&path, "application/json", payload.clone()).await
            }
            Self::Stopped(stopped) => stopped.take(message).await,
        }
    }
}

impl Sums {
    fn count(&mut self, message: &Message, sent: &Sent) {
        let readings = message.readings as u64;
        match sent {
            Sent::Taken => {
                self.readings += readings;
                self.messages += 1;
            }
            Sent::Refused(why) => {
                self.refused += readings;
                eprintln!(
                    "{}/{}: {readings} readings refused: {why}",
                    message.site, message.station
                );
            }
        }
    }
}
