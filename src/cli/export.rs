//! `bongsu export`: what is stored, as files that other programs read. docs/export.md is the dictionary of what is in them.
//!
//! Readings come from the journal, through the same desk that judged them, so that they are what was believed and flagged
//! then; incidents and deliveries from the ledger. Nothing is asked of a running daemon, and nothing changes.

mod rows;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::ValueEnum;
use reading::{SeriesName, Timestamp};

use super::{bad_configuration, failed};
use crate::config::Config;
use rows::{Deliveries, Incidents, Readings};

/// Writes readings, incidents or deliveries to a file, from the data of a daemon that runs or not
#[derive(Clone, Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("of").required(true).args(["config", "data_dir"])))]
pub struct ExportArgs {
    /// What
    #[arg(value_enum)]
    what: What,
    /// The main file
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The data directory
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// As what
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// The file to write; standard output if not given
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Readings of this series only, site/station/sensor/quantity; may be given again
    #[arg(long, value_name = "SERIES")]
    series: Vec<SeriesName>,
    /// Only what was measured, or opened, or owed, at or after this moment (RFC 3339)
    #[arg(long, value_parser = moment)]
    from: Option<Timestamp>,
    /// and before this one
    #[arg(long, value_parser = moment)]
    to: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum What {
    /// Every admitted reading, with its quality
    Readings,
    /// Every incident as it stands
    Incidents,
    /// Every delivery as it stands
    Deliveries,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Comma-separated, with a header (RFC 4180)
    #[default]
    Csv,
    /// Incidents at the places of their sites (RFC 7946)
    Geojson,
}

fn moment(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text).map_err(|error| error.to_string())
}

/// From when to when.
#[derive(Clone, Copy, Debug)]
struct Span {
    from: Timestamp,
    to: Timestamp,
}

impl Span {
    fn has(self, at: Timestamp) -> bool {
        self.from <= at && at < self.to
    }
}

/// Exports. How many there were is told on standard error.
pub fn run(args: &ExportArgs) -> ExitCode {
    let data_dir = match (&args.config, &args.data_dir) {
        (Some(config), _) => match Config::load(config) {
            Ok(config) => config.data_dir,
            Err(problems) => return bad_configuration(&problems),
        },
        (None, data_dir) => data_dir.clone().unwrap_or_default(),
    };
    match export(args, &data_dir) {
        Ok(count) => {
            eprintln!("{count}");
            ExitCode::SUCCESS
        }
        Err(error) => failed(&error),
    }
}

fn export(args: &ExportArgs, data_dir: &Path) -> anyhow::Result<u64> {
    let span =
        Span { from: args.from.unwrap_or(Timestamp::MIN), to: args.to.unwrap_or(Timestamp::MAX) };
    let mut out: Box<dyn Write> = match &args.out {
        Some(path) => Box::new(BufWriter::new(
            File::create(path).with_context(|| format!("cannot write {}", path.display()))?,
        )),
        None => Box::new(BufWriter::new(io::stdout().lock())),
    };
    let count = match (args.what, args.format) {
        (What::Readings, Format::Csv) => Readings::of(data_dir, &args.series, span)?.csv(&mut out),
        (What::Incidents, Format::Csv) => Incidents::of(data_dir, span)?.csv(&mut out),
        (What::Incidents, Format::Geojson) => Incidents::of(data_dir, span)?.geojson(&mut out),
        (What::Deliveries, Format::Csv) => Deliveries::of(data_dir, span)?.csv(&mut out),
        (What::Readings | What::Deliveries, Format::Geojson) => {
            bail!(
                "only incidents have a place on a map; `bongsu site export` writes sites and stations"
            )
        }
    }?;
    out.flush()?;
    Ok(count)
}
