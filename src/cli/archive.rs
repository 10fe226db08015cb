//! `bongsu archive setup`: makes the bucket that `[archive]` names, with a retention.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use alerting::catalogue::{self, Language};
use anyhow::{Context, bail};
use ingest::archive::Made;
use serde_json::json;

use super::api::block_on;
use super::{bad_configuration, failed};
use crate::config::{ArchiveSettings, Config, SecretRef, duration};
use crate::daemon::archive::connect;

/// The server where readings are kept for years
#[derive(Clone, Debug, clap::Args)]
pub struct ArchiveArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum What {
    /// Makes the bucket of [archive] if it is not there; one that is there is left as it is (InfluxDB 2)
    Setup {
        /// The main file
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// How long points are kept, say "3650 d"; for good if not given
        #[arg(long, value_parser = retention)]
        retention: Option<Duration>,
        /// A file with a token that may make buckets, if that of [archive] may only write
        #[arg(long, value_name = "FILE")]
        token_file: Option<PathBuf>,
        /// The answer as JSON
        #[arg(long)]
        json: bool,
    },
}

/// Points are kept at least so long: a shorter retention would refuse what was kept through an outage.
const RETENTION_MIN: Duration = Duration::from_secs(30 * 86_400);

fn retention(text: &str) -> Result<Duration, String> {
    let kept = duration(text).map_err(|fault| fault.to_string())?;
    if kept < RETENTION_MIN {
        return Err("less than 30 d would refuse what waits through an outage".into());
    }
    Ok(kept)
}

/// Sets it up.
pub fn run(args: &ArchiveArgs, language: Language) -> ExitCode {
    let What::Setup { config, retention, token_file, json } = &args.what;
    let config = match Config::load(config) {
        Ok(config) => config,
        Err(problems) => return bad_configuration(&problems),
    };
    match set_up(&config, *retention, token_file.as_deref()) {
        Ok((bucket, made)) => {
            println!(
                "{}",
                if *json { as_json(&bucket, made) } else { told(&bucket, made, language) }
            );
            ExitCode::SUCCESS
        }
        Err(error) => failed(&error),
    }
}

fn set_up(
    config: &Config,
    retention: Option<Duration>,
    token_file: Option<&Path>,
) -> anyhow::Result<(String, Made)> {
    let Some(settings) = &config.archive else {
        bail!("there is no [archive] in the configuration")
    };
    let given = token_file.map(|file| SecretRef::File(file.to_owned()));
    let server = connect(settings, given.as_ref().or(settings.token.as_ref()))?;
    let ArchiveSettings { url, bucket, .. } = settings;
    let made = block_on(async { Ok(server.set_up(retention).await?) })
        .with_context(|| format!("cannot set up `{bucket}` at {url}"))?;
    Ok((bucket.clone(), made))
}

fn as_json(bucket: &str, made: Made) -> String {
    match made {
        Made::New => json!({ "bucket": bucket, "made": true }),
        Made::Found { kept } => {
            json!({ "bucket": bucket, "made": false, "retention_s": kept.map(|kept| kept.as_secs()) })
        }
    }
    .to_string()
}

fn told(bucket: &str, made: Made, language: Language) -> String {
    match made {
        Made::New => catalogue::fill("archive-bucket-made", language, &[bucket]),
        Made::Found { kept: None } => catalogue::fill("archive-bucket-found", language, &[bucket]),
        Made::Found { kept: Some(kept) } => {
            let days = (kept.as_secs() / 86_400).to_string();
            catalogue::fill("archive-bucket-found-for", language, &[bucket, &days])
        }
    }
}
