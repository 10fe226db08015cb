//! `bongsu export`: what is stored, as files that other programs read. docs/export.md is the dictionary of what is in
//! them.
//!
//! Readings come from the journal, through the same desk that judged them, so that they are what was believed and
//! flagged then; incidents and deliveries from the ledger, and beside them what was taken in from elsewhere. Nothing is
//! asked of a running daemon, and nothing changes.

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
use crate::sheet::{self, Csv, Form, Sheet};
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

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
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
    /// Apache Parquet, for tools that read much at once; to a file
    Parquet,
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
    let form = match args.what {
        What::Readings => Form::Readings,
        What::Incidents => Form::Incidents,
        What::Deliveries => Form::Deliveries,
    };
    if args.format == Format::Geojson {
        if args.what != What::Incidents {
            bail!(
                "only incidents have a place on a map; `bongsu site export` writes sites and stations"
            );
        }
        let mut out = out(args)?;
        let count = Incidents::of(data_dir, span)?.geojson(&mut out)?;
        out.flush()?;
        return Ok(count);
    }
    let mut sheet: Box<dyn Sheet> = match args.format {
        Format::Parquet => {
            let path = args.out.as_ref().context("say where to: --out FILE")?;
            sheet::begin_parquet(form, create(path)?)?
        }
        Format::Csv | Format::Geojson => Box::new(Csv::begin(form, out(args)?)?),
    };
    let count = write(data_dir, form, &args.series, span, &mut *sheet)?;
    sheet.finish()?;
    Ok(count)
}

/// Writes everything of a form that is stored.
///
/// # Errors
/// What cannot be read.
pub(super) fn everything(
    data_dir: &Path,
    form: Form,
    sheet: &mut dyn Sheet,
) -> anyhow::Result<u64> {
    write(data_dir, form, &[], Span { from: Timestamp::MIN, to: Timestamp::MAX }, sheet)
}

/// Writes the readings that this bongsu admitted itself, as it judged them.
///
/// # Errors
/// What cannot be read.
pub(super) fn own_readings(data_dir: &Path, sheet: &mut dyn Sheet) -> anyhow::Result<u64> {
    let always = Span { from: Timestamp::MIN, to: Timestamp::MAX };
    Readings::own(data_dir, &[], always)?.to(sheet)
}

fn write(
    data_dir: &Path,
    form: Form,
    series: &[SeriesName],
    span: Span,
    sheet: &mut dyn Sheet,
) -> anyhow::Result<u64> {
    match form {
        Form::Readings => Readings::of(data_dir, series, span)?.to(sheet),
        Form::Incidents => Incidents::of(data_dir, span)?.to(sheet),
        Form::Deliveries => Deliveries::of(data_dir, span)?.to(sheet),
    }
}

/// The file that was asked for, or standard output.
fn out(args: &ExportArgs) -> anyhow::Result<Box<dyn Write>> {
    Ok(match &args.out {
        Some(path) => Box::new(BufWriter::new(create(path)?)),
        None => Box::new(BufWriter::new(io::stdout().lock())),
    })
}

fn create(path: &Path) -> anyhow::Result<File> {
    File::create(path).with_context(|| format!("cannot write {}", path.display()))
}
