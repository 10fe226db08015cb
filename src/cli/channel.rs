//! `bongsu channel list` and `test NAME`: when each way out was proved last, and a look now, over a running daemon's API.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use alerting::catalogue::{self, Language};
use anyhow::{Context, bail};
use clap::Subcommand;
use serde_json::{Value, json};

use super::{NO, failed};

/// How long an answer may take, and how long a look.
const ANSWER_MAX: Duration = Duration::from_secs(15);
const LOOK_MAX: Duration = Duration::from_secs(90);

/// How often it is asked whether a look has ended.
const ASK_EVERY: Duration = Duration::from_millis(300);

/// Ways out: when each was proved last, and a look now
#[derive(Clone, Debug, clap::Args)]
pub struct ChannelArgs {
    #[command(subcommand)]
    command: Command,
    /// The board's address
    #[arg(long, global = true, default_value = "http://127.0.0.1:8080")]
    url: String,
    /// A file with a token, say DATA-DIR/board-token
    #[arg(long, global = true)]
    token_file: Option<PathBuf>,
    /// One JSON object a line
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Clone, Debug, Subcommand)]
enum Command {
    /// Every target that is looked at
    List,
    /// Looks at a channel now; nobody hears or sees an alert
    Test {
        /// The channel
        name: String,
    },
}

/// Asks for it. The status is 1 if a target is not proven.
pub fn run(args: &ChannelArgs, language: Language) -> ExitCode {
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

async fn ask(args: &ChannelArgs, language: Language) -> anyhow::Result<bool> {
    let daemon = Daemon::new(args, language)?;
    let links = match &args.command {
        Command::List => daemon.links().await?,
        Command::Test { name } => match daemon.test(name).await? {
            Some(links) => links,
            None => return Ok(false),
        },
    };
    for link in &links {
        if args.json {
            println!("{link}");
        } else {
            println!("{}", line(link, language));
        }
    }
    Ok(links.iter().all(|link| link["proven"] == true && link["stale"] == false))
}

fn line(link: &Value, language: Language) -> String {
    let text = |key: &str| link[key].as_str().unwrap_or("-").to_owned();
    let key = match link["proven"].as_bool() {
        Some(true) => "link-proven",
        Some(false) => "link-unproven",
        None => "link-not-looked",
    };
    let values = ["channel", "target", "proved_at", "what"].map(text);
    catalogue::fill(key, language, &values.each_ref().map(String::as_str))
}

/// A running daemon, and who asks it.
struct Daemon {
    client: reqwest::Client,
    url: String,
    token: String,
    language: Language,
}

impl Daemon {
    fn new(args: &ChannelArgs, language: Language) -> anyhow::Result<Self> {
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

    async fn links(&self) -> anyhow::Result<Vec<Value>> {
        let list = self.send(self.client.get(format!("{}/api/v1/channels", self.url))).await?;
        let mut list = list.context("there is no list of channels")?;
        match list["items"].take() {
            Value::Array(items) => Ok(items),
            _ => bail!("the answer is no list"),
        }
    }

    /// Looks, and waits until every target of the channel was looked at.
    async fn test(&self, name: &str) -> anyhow::Result<Option<Vec<Value>>> {
        let of_channel = |links: Vec<Value>| {
            links.into_iter().filter(|link| link["channel"] == name).collect::<Vec<_>>()
        };
        let before = of_channel(self.links().await?);
        let url = format!("{}/api/v1/channels/{name}/test", self.url);
        if self.send(self.client.post(url).json(&json!({}))).await?.is_none() {
            return Ok(None);
        }
        let looked = async {
            loop {
                let now = of_channel(self.links().await?);
                let moved = |link: &Value| {
                    let was = before.iter().find(|one| one["target"] == link["target"]);
                    was.is_none_or(|was| was["tried_at"] != link["tried_at"])
                };
                if now.iter().all(moved) {
                    return Ok(Some(now));
                }
                tokio::time::sleep(ASK_EVERY).await;
            }
        };
        tokio::time::timeout(LOOK_MAX, looked).await.context("the look does not end")?
    }

    /// The answer; nothing if it was no, which is told.
    async fn send(&self, request: reqwest::RequestBuilder) -> anyhow::Result<Option<Value>> {
        let request = request.bearer_auth(&self.token);
        let request = request.header("Accept-Language", self.language.code());
        let answer =
            request.send().await.with_context(|| format!("no answer from {}", self.url))?;
        let (status, text) = (answer.status(), answer.text().await?);
        let answer: Value = serde_json::from_str(&text).unwrap_or_default();
        if status.is_success() {
            return Ok(Some(answer));
        }
        let said = answer["detail"].as_str().or(answer["title"].as_str()).unwrap_or(&text);
        if status.as_u16() == 409 {
            eprintln!("{said}");
            return Ok(None);
        }
        bail!("{} answered {status}: {said}", self.url)
    }
}
