//! `bongsu backup` and `bongsu restore`: the data directory, copied while the daemon runs, and put back.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use alerting::catalogue::{self, Language};
use ingest::clock::Clock;
use serde_json::json;

use super::{bad_configuration, failed};
use crate::config::Config;
use crate::safekeeping::{self, Manifest};

/// Copies everything that bongsu keeps to a new folder, while it runs
#[derive(Clone, Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("of").required(true).args(["config", "data_dir"])))]
pub struct BackupArgs {
    /// The main file; it and what lies beside is copied too, secrets are not
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The data directory
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// A folder that is not there yet, best on another disk
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// The answer as JSON
    #[arg(long)]
    json: bool,
}

/// Verifies a backup and puts it to an empty data directory, for a bongsu that is stopped
#[derive(Clone, Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("of").required(true).args(["config", "data_dir", "check"])))]
pub struct RestoreArgs {
    /// The backup
    #[arg(long, value_name = "DIR")]
    from: PathBuf,
    /// The main file: to its data-dir
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The data directory
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Only look whether the backup is whole
    #[arg(long)]
    check: bool,
    /// The answer as JSON
    #[arg(long)]
    json: bool,
}

/// Makes a backup.
pub fn back_up(args: &BackupArgs, language: Language) -> ExitCode {
    let (from, config) = match of(args.config.as_deref(), args.data_dir.as_deref()) {
        Ok(from) => (from, args.config.as_deref()),
        Err(status) => return status,
    };
    let made = safekeeping::back_up(&from, config, &args.to, Clock::system().wall());
    told("backup-made", &args.to, made, args.json, language)
}

/// Puts one back, or only looks at it.
pub fn restore(args: &RestoreArgs, language: Language) -> ExitCode {
    if args.check {
        let checked = safekeeping::check(&args.from);
        return told("backup-whole", &args.from, checked, args.json, language);
    }
    match of(args.config.as_deref(), args.data_dir.as_deref()) {
        Ok(to) => {
            let restored = safekeeping::restore(&args.from, &to);
            told("backup-restored", &to, restored, args.json, language)
        }
        Err(status) => status,
    }
}

/// The data directory that is meant.
fn of(config: Option<&Path>, data_dir: Option<&Path>) -> Result<PathBuf, ExitCode> {
    match (config, data_dir) {
        (Some(config), _) => Config::load(config)
            .map(|config| config.data_dir)
            .map_err(|problems| bad_configuration(&problems)),
        (None, data_dir) => Ok(data_dir.unwrap_or(Path::new(".")).to_owned()),
    }
}

fn told(
    key: &'static str,
    folder: &Path,
    done: anyhow::Result<Manifest>,
    as_json: bool,
    language: Language,
) -> ExitCode {
    let manifest = match done {
        Ok(manifest) => manifest,
        Err(error) => return failed(&error),
    };
    let (files, bytes) = (manifest.files.len(), manifest.files.iter().map(|kept| kept.bytes).sum());
    let Manifest { made_at, position, .. } = &manifest;
    if as_json {
        let said = json!({
            "folder": folder, "made_at": made_at, "position": position, "files": files, "bytes": bytes,
        });
        println!("{said}");
    } else {
        let bytes: u64 = bytes;
        let words = [
            &folder.display().to_string(),
            made_at,
            &position.to_string(),
            &files.to_string(),
            &bytes.to_string(),
        ];
        println!("{}", catalogue::fill(key, language, &words.map(String::as_str)));
    }
    ExitCode::SUCCESS
}
