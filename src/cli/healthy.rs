//! `bongsu healthy`: whether a running daemon does its work, for health checks of containers.

use std::process::ExitCode;
use std::time::Duration;

use super::api::block_on;
use super::{NO, failed};

/// How long the answer may take: whoever asks has a patience of its own.
const ANSWER_MAX: Duration = Duration::from_secs(4);

/// Asks a running daemon whether it does its work, and prints what it says of its parts
#[derive(Clone, Debug, clap::Args)]
pub struct HealthyArgs {
    /// The board's address
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    url: String,
}

/// Asks. The status is 0 if it does its work, 1 if it does not.
pub fn run(args: &HealthyArgs) -> ExitCode {
    match block_on(ask(&args.url)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(NO),
        Err(error) => failed(&error),
    }
}

async fn ask(url: &str) -> anyhow::Result<bool> {
    let client = reqwest::Client::builder().timeout(ANSWER_MAX).build()?;
    let Ok(answer) = client.get(format!("{}/readyz", url.trim_end_matches('/'))).send().await
    else {
        println!("no answer from {url}");
        return Ok(false);
    };
    let is_ready = answer.status().is_success();
    print!("{}", answer.text().await?);
    Ok(is_ready)
}
