//! `bongsu acknowledge`, `stand-down`, `approve`, `reject`, `note` and `close`: orders to a running daemon, over its API.
//!
//! An approval is for what was shown: the command asks what waits, prints it and binds its answer to that.

use std::io::Read;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use alerting::approval::PublicText;
use alerting::engine::Verb;
use anyhow::{Context, bail};
use serde::Deserialize;

use super::{NO, failed};

/// How long an answer may take.
pub(super) const ANSWER_MAX: Duration = Duration::from_secs(15);

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
    /// For which group of channels an approval is; all that wait if not given
    #[arg(long)]
    pub group: Option<String>,
    /// The answer as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Deserialize)]
struct Incident {
    #[serde(default)]
    approvals: Vec<View>,
}

/// How a group stands that was asked about.
#[derive(Deserialize)]
struct View {
    group: String,
    state: String,
    level: String,
    text_hash: String,
    text: Option<PublicText>,
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
    let daemon = Daemon::new(args)?;
    let mut bodies = vec![serde_json::json!({ "reason": args.reason })];
    if matches!(verb, Verb::Approve | Verb::Reject) {
        bodies = daemon.questions(verb, args).await?;
        if bodies.is_empty() {
            eprintln!("{}: nothing waits for an answer", args.incident);
            return Ok(false);
        }
    }
    let mut taken = true;
    for body in bodies {
        taken &= daemon.give(verb, args, &body).await?;
    }
    Ok(taken)
}

/// A running daemon, and who asks it.
struct Daemon {
    client: reqwest::Client,
    incident: String,
    token: String,
}

impl Daemon {
    fn new(args: &OrderArgs) -> anyhow::Result<Self> {
        let token = std::fs::read_to_string(&args.token_file)
            .with_context(|| format!("cannot read the token in {}", args.token_file.display()))?;
        let url = args.url.trim_end_matches('/');
        Ok(Self {
            client: reqwest::Client::builder().timeout(ANSWER_MAX).build()?,
            incident: format!("{url}/api/v1/incidents/{}", args.incident),
            token: token.trim().into(),
        })
    }

    /// What waits for an answer, each as the body of one: printed, so that it is known what is answered.
    async fn questions(
        &self,
        verb: Verb,
        args: &OrderArgs,
    ) -> anyhow::Result<Vec<serde_json::Value>> {
        let asked = self.client.get(&self.incident).bearer_auth(&self.token).send().await;
        let answer = asked.with_context(|| format!("no answer from {}", args.url))?;
        let (status, body) = (answer.status(), answer.text().await?);
        if !status.is_success() {
            bail!("{} answered {status}: {}", self.incident, said(&body, status));
        }
        let incident: Incident =
            serde_json::from_str(&body).context("the answer is no incident")?;
        let mut bodies = Vec::new();
        for view in incident.approvals {
            let waits = view.state == "asked"
                || view.state == "rejected" && verb == Verb::Approve && args.group.is_some();
            if !waits || args.group.as_ref().is_some_and(|group| *group != view.group) {
                continue;
            }
            let Some(text) = view.text else { continue };
            if !args.json {
                let (headline, instruction) = (&text.headline, &text.instruction);
                println!("[{}] {}", view.group, view.level);
                println!("  {}\n  {}\n  {}", headline.ko, text.description.ko, instruction.ko);
                println!("  {}\n  {}\n  {}", headline.en, text.description.en, instruction.en);
            }
            bodies.push(serde_json::json!({
                "reason": args.reason,
                "group": view.group,
                "level": view.level,
                "text_hash": view.text_hash,
            }));
        }
        Ok(bodies)
    }

    async fn give(
        &self,
        verb: Verb,
        args: &OrderArgs,
        body: &serde_json::Value,
    ) -> anyhow::Result<bool> {
        let url = format!("{}/{}", self.incident, verb.name());
        let request = self.client.post(&url).bearer_auth(&self.token);
        let request = request.header("Idempotency-Key", idempotency_key()?).json(body);
        let response =
            request.send().await.with_context(|| format!("no answer from {}", args.url))?;
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
        let said = said(&body, status);
        if status.as_u16() == 409 || status.as_u16() == 404 {
            eprintln!("{said}");
            return Ok(false);
        }
        bail!("{url} answered {status}: {said}")
    }
}

pub(super) fn said(body: &str, status: reqwest::StatusCode) -> String {
    let problem: Problem =
        serde_json::from_str(body).unwrap_or(Problem { detail: None, title: None });
    problem.detail.or(problem.title).unwrap_or_else(|| status.to_string())
}

/// Names this one order, so that a repetition on the way is carried out once.
pub(super) fn idempotency_key() -> anyhow::Result<String> {
    let mut bytes = [0u8; 16];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
