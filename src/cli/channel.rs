//! `bongsu channel list` and `test NAME`: when each way out was proved last, and a look now, over a running daemon's
//! API.

use std::process::ExitCode;
use std::time::Duration;

use alerting::catalogue::{self, Language};
use anyhow::{Context, bail};
use clap::Subcommand;
use serde_json::{Value, json};

use super::api::{Api, Door, block_on};
use super::status;

/// How long a look may take.
const LOOK_MAX: Duration = Duration::from_secs(360);

/// How often it is asked whether a look has ended.
const ASK_EVERY: Duration = Duration::from_millis(300);

/// Ways out: when each was proved last, and a look now
#[derive(Clone, Debug, clap::Args)]
pub struct ChannelArgs {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    door: Door,
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
    status(block_on(ask(args, language)))
}

async fn ask(args: &ChannelArgs, language: Language) -> anyhow::Result<bool> {
    let daemon = args.door.open(language)?;
    let links = match &args.command {
        Command::List => links(&daemon).await?,
        Command::Test { name } => match test(&daemon, name).await? {
            Some(links) => links,
            None => return Ok(false),
        },
    };
    for link in &links {
        if args.door.json {
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

async fn links(daemon: &Api) -> anyhow::Result<Vec<Value>> {
    let list = daemon.get("/api/v1/channels", &[]).await?;
    let mut list = list.context("there is no list of channels")?;
    match list["items"].take() {
        Value::Array(items) => Ok(items),
        _ => bail!("the answer is no list"),
    }
}

/// Looks, and waits until every target of the channel was looked at.
async fn test(daemon: &Api, name: &str) -> anyhow::Result<Option<Vec<Value>>> {
    let of_channel = |links: Vec<Value>| {
        links.into_iter().filter(|link| link["channel"] == name).collect::<Vec<_>>()
    };
    let before = of_channel(links(daemon).await?);
    if daemon.order(&format!("/api/v1/channels/{name}/test"), &json!({})).await?.is_none() {
        return Ok(None);
    }
    let looked = async {
        loop {
            let now = of_channel(links(daemon).await?);
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
