//! `bongsu acknowledge` and `bongsu stand-down`: orders to a running daemon, over its API.

use std::io::Read;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use alerting::engine::Verb;
use anyhow::{Context, bail};
use serde::Deserialize;

use super::{NO, failed};

/// How long an answer may take.
const ANSWER_MAX: Duration = Duration::from_secs(15);

/// Which incident, why, and where the daemon is
#[derive(Clone, Debug, clap::Args)]
pub struct OrderArgs {
    /// The incident's id
    pub incident: String,
    /// Why; kept in the trail
    #[arg(long, default_value = "")]
    pub reason: String,
    /// The board's address
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    pub url: String,
    /// A file with a token, say DATA-DIR/board-token
    #[arg(long)]
    pub token_file: PathBuf,
    /// The answer as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Deserialize)]
struct Problem {
    detail: Option<String>,
    title: Option<String>,
}

/// Gives the order. The status is 0 if it was taken, 1 if the desk refused.
pub fn run(verb: Verb, args: &OrderArgs) -> ExitCode {
    rustls::crypto::ring::default_provider().install_default().ok();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.into()),
    };
    match runtime.block_on(order(verb, args)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(NO),
        Err(error) => failed(&error),
    }
}

async fn order(verb: Verb, args: &OrderArgs) -> anyhow::Result<bool> {
    let token = std::fs::read_to_string(&args.token_file)
        .with_context(|| format!("cannot read the token in {}", args.token_file.display()))?;
    let url = format!(
        "{}/api/v1/incidents/{}/{}",
        args.url.trim_end_matches('/'),
        args.incident,
        verb.name()
    );
    let response = reqwest::Client::builder()
        .timeout(ANSWER_MAX)
        .build()?
        .post(&url)
        .bearer_auth(token.trim())
        .header("Idempotency-Key", idempotency_key()?)
        .json(&serde_json::json!({ "reason": args.reason }))
        .send()
        .await
        .with_context(|| format!("no answer from {}", args.url))?;
    let (status, body) = (response.status(), response.text().await?);
    if args.json {
        println!("{body}");
    }
    if status.is_success() {
        if !args.json {
            println!("{} {}", verb.name(), args.incident);
        }
        return Ok(true);
    }
    let problem: Problem =
        serde_json::from_str(&body).unwrap_or(Problem { detail: None, title: None });
    let said = problem.detail.or(problem.title).unwrap_or_else(|| status.to_string());
    if status.as_u16() == 409 || status.as_u16() == 404 {
        eprintln!("{said}");
        return Ok(false);
    }
    bail!("{url} answered {status}: {said}")
}

/// Names this one order, so that a repetition on the way is carried out once.
fn idempotency_key() -> anyhow::Result<String> {
    let mut bytes = [0u8; 16];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
