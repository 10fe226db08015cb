//! `bongsu deliveries` and `bongsu settle`: what became of what is owed, and a person's word on what nobody else can
//! tell.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use alerting::catalogue::{self, Language};
use alerting::{DeliveryKey, DeliveryState, IncidentId};
use anyhow::Context;
use delivery::Ledger;
use delivery::ledger::DeliveryFilter;
use reading::Timestamp;
use reading::id::ChannelId;
use serde_json::{Value, json};

use super::api::{Api, block_on};
use super::{NO, bad_configuration, failed};
use crate::config::Config;
use crate::owed;

/// Most entries the API gives at once.
const PAGE_LEN: u32 = 500;

/// Lists what is and was owed, newest first: where each delivery stands and what proves it
#[derive(Clone, Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("where").required(true).args(["data_dir", "config", "token_file"])))]
pub struct DeliveriesArgs {
    /// One delivery by its key, with every attempt
    pub delivery: Option<String>,
    /// Only those about this incident
    #[arg(long)]
    pub incident: Option<String>,
    /// Only those on this channel
    #[arg(long)]
    pub channel: Option<ChannelId>,
    /// Only those in this state: queued, attempting, handed-over, delivered, unconfirmed, refused, superseded, expired
    /// or in-doubt
    #[arg(long, value_parser = state)]
    pub state: Option<DeliveryState>,
    /// How many at most
    #[arg(long, default_value_t = 100)]
    pub limit: u32,
    /// The daemon's data folder, whether it runs or not
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// The configuration that says where the data folder is
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The board's address, to ask a running daemon
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    pub url: String,
    /// A file with a token, say DATA-DIR/board-token
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// JSON, one object a line
    #[arg(long)]
    pub json: bool,
}

/// Says what became of a delivery in doubt, or whose receipt does not come
#[derive(Clone, Debug, clap::Args)]
pub struct SettleArgs {
    /// The delivery's key
    pub delivery: String,
    /// Whether it arrived; what did not is tried again
    #[arg(value_parser = ["delivered", "not-delivered"])]
    pub became: String,
    /// How that is known; kept in the trail
    #[arg(long)]
    pub reason: String,
    /// The attempt you know of, as `bongsu deliveries KEY` counts them: that it did not arrive is not taken for a later
    /// one
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub attempt: Option<u32>,
    /// The board's address
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    pub url: String,
    /// A file with a token, say DATA-DIR/board-token
    #[arg(long, value_name = "FILE")]
    pub token_file: PathBuf,
    /// The answer as JSON
    #[arg(long)]
    pub json: bool,
}

fn state(text: &str) -> Result<DeliveryState, String> {
    let known = || DeliveryState::ALL.map(DeliveryState::name).join(", ");
    DeliveryState::ALL
        .into_iter()
        .find(|state| state.name() == text)
        .ok_or_else(|| format!("`{text}` is no state of a delivery; write one of {}", known()))
}

/// Lists. The status is 1 if there is nothing to list.
pub fn list(args: &DeliveriesArgs, language: Language) -> ExitCode {
    let found = match (&args.token_file, &args.data_dir, args.config.as_deref().map(Config::load)) {
        (Some(token_file), _, _) => block_on(asked(args, token_file)),
        (None, Some(folder), _) => stored(args, folder),
        (None, None, Some(Ok(config))) => stored(args, &config.data_dir),
        (None, None, Some(Err(problems))) => return bad_configuration(&problems),
        (None, None, None) => Err(anyhow::anyhow!("say --data-dir, --config or --token-file")),
    };
    match found.and_then(|found| write(&found, args.json, language, io::stdout().lock())) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            eprintln!("{}", catalogue::message("deliveries-none", language));
            ExitCode::from(NO)
        }
        Err(error) => failed(&error),
    }
}

/// Settles. The status is 0 if the order was taken, 1 if the desk refused.
pub fn settle(args: &SettleArgs) -> ExitCode {
    let order = async {
        let daemon = Api::new(&args.url, &args.token_file)?;
        let path = format!("/api/v1/deliveries/{}/{}", args.delivery, args.became);
        let mut said = json!({ "reason": args.reason });
        if let Some(attempt) = args.attempt {
            said["attempt"] = attempt.into();
        }
        daemon.order(&path, &said).await
    };
    match block_on(order) {
        Ok(Some(answer)) if args.json => println!("{answer}"),
        Ok(Some(_)) => println!("{} {}", args.became, args.delivery),
        Ok(None) => return ExitCode::from(NO),
        Err(error) => return failed(&error),
    }
    ExitCode::SUCCESS
}

/// What the ledger of a data folder says; moments in UTC, since it knows no sites.
fn stored(args: &DeliveriesArgs, folder: &Path) -> anyhow::Result<Vec<Value>> {
    let path = folder.join("ledger.sqlite");
    let ledger = Ledger::open_read_only(&path)
        .with_context(|| format!("cannot read the ledger in {}", folder.display()))?;
    let moment = |at: Timestamp| at.to_string();
    if let Some(key) = &args.delivery {
        let key = DeliveryKey::from_text(key);
        let Some(row) = ledger.delivery(&key)? else { return Ok(Vec::new()) };
        let mut shown = owed::shown(&row, &moment);
        shown["tries"] = owed::attempts(&ledger.attempts(&key)?, &moment);
        return Ok(vec![shown]);
    }
    let filter = DeliveryFilter {
        incident: args.incident.as_deref().map(IncidentId::from_text),
        channel: args.channel.clone(),
        state: args.state,
        before: None,
    };
    let rows = ledger.deliveries(&filter, args.limit)?;
    Ok(rows.iter().map(|row| owed::shown(row, &moment)).collect())
}

/// What a running daemon says, page by page.
async fn asked(args: &DeliveriesArgs, token_file: &Path) -> anyhow::Result<Vec<Value>> {
    let daemon = Api::new(&args.url, token_file)?;
    if let Some(key) = &args.delivery {
        let found = daemon.get(&format!("/api/v1/deliveries/{key}"), &[]).await?;
        return Ok(found.into_iter().collect());
    }
    let mut query: Vec<(&str, String)> = Vec::new();
    query.extend(args.incident.clone().map(|incident| ("incident", incident)));
    query.extend(args.channel.as_ref().map(|channel| ("channel", channel.to_string())));
    query.extend(args.state.map(|state| ("state", state.name().to_owned())));
    let (mut found, mut before) = (Vec::new(), None::<Value>);
    loop {
        let left = args.limit.saturating_sub(found.len() as u32);
        if left == 0 {
            return Ok(found);
        }
        let mut query = query.clone();
        query.push(("limit", left.min(PAGE_LEN).to_string()));
        query.extend(before.as_ref().map(|before| ("before", before.to_string())));
        let page = daemon.get("/api/v1/deliveries", &query).await?.unwrap_or_default();
        found.extend(page["items"].as_array().cloned().unwrap_or_default());
        if page["next"].is_null() {
            return Ok(found);
        }
        before = Some(page["next"].clone());
    }
}

/// Writes them out. False if there is nothing.
fn write(
    found: &[Value],
    json: bool,
    language: Language,
    mut out: impl Write,
) -> anyhow::Result<bool> {
    for value in found {
        if json {
            writeln!(out, "{value}")?;
            continue;
        }
        for line in owed::lines(value, language) {
            writeln!(out, "{line}")?;
        }
        for attempt in value["tries"].as_array().into_iter().flatten() {
            writeln!(out, "{}", owed::attempt_line(attempt))?;
        }
    }
    Ok(!found.is_empty())
}
