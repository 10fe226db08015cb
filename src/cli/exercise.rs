//! `bongsu exercise start`, `stop` and `report`: drills beside a running daemon, over its API.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use alerting::catalogue::Language;
use anyhow::{Context, bail};
use clap::Subcommand;
use serde_json::{Value, json};

use super::{NO, failed};
use crate::exercise::Report;

/// How long an answer may take: a drill starts a broker and ends with its couriers.
const ANSWER_MAX: Duration = Duration::from_secs(120);

/// A drill: the whole road beside live operation, on simulated stations
#[derive(Clone, Debug, clap::Args)]
pub struct ExerciseArgs {
    #[command(subcommand)]
    command: Command,
    /// The board's address
    #[arg(long, global = true, default_value = "http://127.0.0.1:8080")]
    url: String,
    /// A file with a token, say DATA-DIR/board-token
    #[arg(long, global = true)]
    token_file: Option<PathBuf>,
    /// The answer as JSON
    #[arg(long, global = true)]
    json: bool,
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
    rustls::crypto::ring::default_provider().install_default().ok();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.into()),
    };
    match runtime.block_on(ask(args, language)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(NO),
        Err(error) => failed(&error),
    }
}

async fn ask(args: &ExerciseArgs, language: Language) -> anyhow::Result<bool> {
    let daemon = Daemon::new(args, language)?;
    let (path, body) = match &args.command {
        Command::Start { scenario, sites, speed } => {
            ("/api/v1/exercises".into(), Some(order(scenario, sites, *speed)?))
        }
        Command::Stop => ("/api/v1/exercises/stop".into(), Some(json!({}))),
        Command::Report { id: Some(id) } => (format!("/api/v1/exercises/{id}/report"), None),
        Command::Report { id: None } => {
            let Some(list) = daemon.get("/api/v1/exercises", None).await? else { return Ok(false) };
            let Some(id) = list["items"][0]["id"].as_str() else { bail!("there was no exercise") };
            (format!("/api/v1/exercises/{id}/report"), None)
        }
    };
    let Some(answer) = daemon.get(&path, body).await? else { return Ok(false) };
    if args.json {
        println!("{answer}");
        return Ok(true);
    }
    let report: Report = serde_json::from_value(answer).context("the answer is no report")?;
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

/// A running daemon, and who asks it.
struct Daemon {
    client: reqwest::Client,
    url: String,
    token: String,
    language: Language,
}

impl Daemon {
    fn new(args: &ExerciseArgs, language: Language) -> anyhow::Result<Self> {
        let file = args.token_file.as_ref();
        let file = file.context("say who asks: --token-file DATA-DIR/board-token")?;
        let token = std::fs::read_to_string(file)
            .with_context(|| format!("cannot read the token in {}", file.display()))?;
        Ok(Self {
            client: reqwest::Client::builder().timeout(ANSWER_MAX).build()?,
            url: args.url.trim_end_matches('/').into(),
            token: token.trim().into(),
            language,
        })
    }

    /// The answer; nothing if it was no, which is told.
    async fn get(&self, path: &str, body: Option<Value>) -> anyhow::Result<Option<Value>> {
        let url = format!("{}{path}", self.url);
        let request = match body {
            Some(body) => self.client.post(&url).json(&body),
            None => self.client.get(&url),
        };
        let request = request.bearer_auth(&self.token);
        let request = request.header("Accept-Language", self.language.code());
        let answer = request.send().await.with_context(|| format!("no answer from {url}"))?;
        let (status, text) = (answer.status(), answer.text().await?);
        let answer: Value = serde_json::from_str(&text).unwrap_or_default();
        if status.is_success() {
            return Ok(Some(answer));
        }
        let said = answer["detail"].as_str().or(answer["title"].as_str()).unwrap_or(&text);
        if matches!(status.as_u16(), 404 | 409) {
            eprintln!("{said}");
            return Ok(None);
        }
        bail!("{url} answered {status}: {said}")
    }
}
