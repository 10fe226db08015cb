//! `bongsu silence`, `maintenance`, `report` and `re-zero`: what people set for a while, over the API of a running
//! daemon.

use std::process::ExitCode;

use alerting::catalogue::Language;
use alerting::standing::Sign;
use clap::Subcommand;
use serde_json::{Value, json};

use super::api::{Door, block_on};
use super::status;

/// Hides notices to officers for a while: what is decided, and what the public hears, stays as it is
#[derive(Clone, Debug, clap::Args)]
pub struct SilenceArgs {
    #[command(subcommand)]
    what: Silence,
    #[command(flatten)]
    door: Door,
}

#[derive(Clone, Debug, Subcommand)]
enum Silence {
    /// Begins one; name a site, a series or a rule
    Add {
        /// Notices about this site; may be given again
        #[arg(long)]
        site: Vec<String>,
        /// Notices because of this series alone; may be given again
        #[arg(long)]
        series: Vec<String>,
        /// Notices because of this rule alone; may be given again
        #[arg(long)]
        rule: Vec<String>,
        /// How long it lasts, say "2 h"
        #[arg(long = "for")]
        lasts: String,
        /// When it begins (RFC 3339); now if not given
        #[arg(long)]
        from: Option<String>,
        /// At 심각 too
        #[arg(long)]
        severe: bool,
        /// Why; kept in the trail
        #[arg(long)]
        reason: String,
    },
    /// Those that hold or are to come
    List,
    /// Ends one; what it hid and still goes on is told
    End(EndArgs),
}

/// Which, and why
#[derive(Clone, Debug, clap::Args)]
struct EndArgs {
    /// Its id
    id: String,
    /// Why; kept in the trail
    #[arg(long)]
    reason: String,
}

/// Somebody works on instruments: their readings are no evidence, and the level is held
#[derive(Clone, Debug, clap::Args)]
pub struct MaintenanceArgs {
    #[command(subcommand)]
    what: Maintenance,
    #[command(flatten)]
    door: Door,
}

#[derive(Clone, Debug, Subcommand)]
enum Maintenance {
    /// Begins it
    Add {
        /// SITE/STATION, or SITE/STATION/SENSOR for one instrument
        place: String,
        /// How long it lasts, say "2 h"
        #[arg(long = "for")]
        lasts: String,
        /// Why; kept in the trail
        #[arg(long)]
        reason: String,
    },
    /// What goes on
    List,
    /// Ends it: from now on readings count again
    End(EndArgs),
}

/// 신고·예찰: reports what somebody saw; it is evidence, and never lowers a level
#[derive(Clone, Debug, clap::Args)]
pub struct ReportArgs {
    /// The site
    site: String,
    /// What was seen
    #[arg(long, value_parser = sign)]
    sign: Sign,
    /// An officer has seen it, or has no doubt of it
    #[arg(long)]
    confirmed: bool,
    /// In words; kept in the trail
    #[arg(long, default_value = "")]
    note: String,
    /// How long it is evidence; a day if not given
    #[arg(long = "for")]
    lasts: Option<String>,
    #[command(flatten)]
    door: Door,
}

/// Gives an instrument another zero from now on: a version that changes nothing of the past
#[derive(Clone, Debug, clap::Args)]
pub struct ReZeroArgs {
    /// SITE/STATION/SENSOR/QUANTITY
    series: String,
    /// What its newest reading ought to say, in the base unit
    #[arg(long, allow_negative_numbers = true, required_unless_present = "offset")]
    reads: Option<f64>,
    /// What is added to what it sends, in the base unit
    #[arg(long, allow_negative_numbers = true, conflicts_with = "reads")]
    offset: Option<f64>,
    /// Why; kept in the trail
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    door: Door,
}

fn sign(text: &str) -> Result<Sign, String> {
    let words = Sign::ALL.map(Sign::name).join(", ");
    Sign::parse(text).ok_or_else(|| format!("`{text}` is no sign we know: write one of {words}"))
}

/// One request.
struct Asked {
    path: String,
    /// Nothing where something is looked at.
    body: Option<Value>,
}

impl Asked {
    fn post(path: impl Into<String>, body: Value) -> Self {
        Self { path: path.into(), body: Some(body) }
    }

    fn list(path: &str) -> Self {
        Self { path: path.into(), body: None }
    }

    fn end(kind: &str, args: &EndArgs) -> Self {
        Self::post(format!("{kind}/{}/end", args.id), json!({ "reason": args.reason }))
    }
}

/// Begins, lists or ends silences. The status is 0 if it was done, 1 if the desk refused.
pub fn silence(args: &SilenceArgs, language: Language) -> ExitCode {
    let asked = match &args.what {
        Silence::Add { site, series, rule, lasts, from, severe, reason } => {
            let mut body = json!({
                "sites": site, "series": series, "rules": rule, "for": lasts, "severe": severe, "reason": reason,
            });
            if let Some(from) = from {
                body["from"] = json!(from);
            }
            Asked::post("silences", body)
        }
        Silence::List => Asked::list("silences"),
        Silence::End(args) => Asked::end("silences", args),
    };
    status(block_on(ask(&args.door, &asked, language)))
}

/// Begins, lists or ends maintenance, likewise.
pub fn maintenance(args: &MaintenanceArgs, language: Language) -> ExitCode {
    let asked = match &args.what {
        Maintenance::Add { place, lasts, reason } => {
            let mut parts = place.splitn(3, '/');
            let mut part = || parts.next().unwrap_or_default().to_owned();
            let (site, station, sensor) = (part(), part(), part());
            let mut body =
                json!({ "site": site, "station": station, "for": lasts, "reason": reason });
            if !sensor.is_empty() {
                body["sensor"] = json!(sensor);
            }
            Asked::post("maintenance", body)
        }
        Maintenance::List => Asked::list("maintenance"),
        Maintenance::End(args) => Asked::end("maintenance", args),
    };
    status(block_on(ask(&args.door, &asked, language)))
}

/// Reports what somebody saw, likewise.
pub fn report(args: &ReportArgs, language: Language) -> ExitCode {
    let mut body =
        json!({ "sign": args.sign.name(), "confirmed": args.confirmed, "note": args.note });
    if let Some(lasts) = &args.lasts {
        body["for"] = json!(lasts);
    }
    status(block_on(ask(
        &args.door,
        &Asked::post(format!("sites/{}/reports", args.site), body),
        language,
    )))
}

/// Gives an instrument another zero, likewise.
pub fn re_zero(args: &ReZeroArgs, language: Language) -> ExitCode {
    let mut body = json!({ "series": args.series, "reason": args.reason });
    match (args.reads, args.offset) {
        (Some(reads), _) => body["reads"] = json!(reads),
        (None, offset) => body["offset"] = json!(offset),
    }
    status(block_on(ask(&args.door, &Asked::post("zeros", body), language)))
}

async fn ask(door: &Door, asked: &Asked, language: Language) -> anyhow::Result<bool> {
    let api = door.open(language)?;
    let path = format!("/api/v1/{}", asked.path);
    let answer = match &asked.body {
        Some(body) => api.order(&path, body).await?,
        None => api.get(&path, &[]).await?.map(|list| list.to_string()),
    };
    if let Some(answer) = &answer {
        print(door, answer, language);
    }
    Ok(answer.is_some())
}

/// The answer: what was set, or one line for each of a list.
fn print(door: &Door, body: &str, language: Language) {
    if door.json {
        println!("{body}");
        return;
    }
    let answer: Value = serde_json::from_str(body).unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    match answer["items"].as_array() {
        Some(items) => {
            for item in items {
                let (id, until) = (text(&item["id"]), text(&item["until"]));
                println!("{id}  {until}  {}: {}", text(&item["by"]), text(&item["reason"]));
            }
        }
        None => println!("{}", text(&answer["decision"]["reason"][language.code()])),
    }
}
