//! `bongsu acknowledge`, `stand-down`, `approve`, `reject`, `note` and `close`: orders to a running daemon, over its
//! API.
//!
//! An approval is for what was shown: the command asks what waits, prints it and binds its answer to that.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use alerting::approval::PublicText;
use alerting::engine::Verb;
use anyhow::Context;
use serde::Deserialize;

use super::api::{Api, block_on};
use super::{WRONG_USAGE, status};

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
    /// Other words for the public, with an approval of one group: a JSON file of headline, description and instruction,
    /// each {"ko": "…", "en": "…"}
    #[arg(long, value_name = "FILE", requires = "group")]
    pub text: Option<PathBuf>,
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

/// Gives the order. The status is 0 if it was taken, 1 if the desk refused.
pub fn run(verb: Verb, args: &OrderArgs) -> ExitCode {
    if let Some(wrong) = misused(verb, args) {
        eprintln!("bongsu: {wrong}");
        return ExitCode::from(WRONG_USAGE);
    }
    status(block_on(order(verb, args)))
}

/// What the parser cannot know: which words belong to which order.
fn misused(verb: Verb, args: &OrderArgs) -> Option<&'static str> {
    if args.text.is_some() && verb != Verb::Approve {
        return Some("--text is for approve alone");
    }
    let asks_why = matches!(verb, Verb::Reject | Verb::StandDown | Verb::Note);
    (args.reason.is_empty() && asks_why).then_some("say why: --reason \"…\"")
}

async fn order(verb: Verb, args: &OrderArgs) -> anyhow::Result<bool> {
    let words = args.text.as_deref().map(words).transpose()?;
    let daemon = Api::new(&args.url, &args.token_file)?;
    let incident = format!("/api/v1/incidents/{}", args.incident);
    let mut bodies = vec![serde_json::json!({ "reason": args.reason })];
    if matches!(verb, Verb::Approve | Verb::Reject) {
        let Some(asked) = questions(&daemon, &incident, verb, args, words.as_ref()).await? else {
            eprintln!("there is no incident {}", args.incident);
            return Ok(false);
        };
        bodies = asked;
        if bodies.is_empty() {
            eprintln!("{}: nothing waits for an answer", args.incident);
            return Ok(false);
        }
    }
    let mut taken = true;
    for body in bodies {
        let answer = daemon.order(&format!("{incident}/{}", verb.name()), &body).await?;
        taken &= answer.is_some();
        match answer {
            Some(answer) if args.json => println!("{answer}"),
            Some(_) => println!("{} {}", verb.name(), args.incident),
            None => {}
        }
    }
    Ok(taken)
}

/// The words of an approver.
fn words(file: &Path) -> anyhow::Result<PublicText> {
    let shape = r#"{"headline": {"ko": "…", "en": "…"}, "description": {…}, "instruction": {…}}"#;
    let name = file.display();
    let text = std::fs::read(file).with_context(|| format!("cannot read {name}"))?;
    serde_json::from_slice(&text).with_context(|| format!("{name} is not of the form {shape}"))
}

/// What waits for an answer, each as the body of one: printed, so that it is known what is answered. `None` if there is no
/// such incident.
async fn questions(
    daemon: &Api,
    incident: &str,
    verb: Verb,
    args: &OrderArgs,
    words: Option<&PublicText>,
) -> anyhow::Result<Option<Vec<serde_json::Value>>> {
    let Some(found) = daemon.get(incident, &[]).await? else { return Ok(None) };
    let found: Incident = serde_json::from_value(found).context("the answer is no incident")?;
    let mut bodies = Vec::new();
    for view in found.approvals {
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
        let mut body = serde_json::json!({
            "reason": args.reason,
            "group": view.group,
            "level": view.level,
            "text_hash": view.text_hash,
        });
        if let Some(words) = words {
            body["text"] = serde_json::to_value(words)?;
        }
        bodies.push(body);
    }
    Ok(Some(bodies))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_belong_to_the_orders_that_ask_for_them() {
        for (verb, reason, text, wrong) in [
            (Verb::StandDown, "", false, true),
            (Verb::StandDown, "inspected", false, false),
            (Verb::Note, "", false, true),
            (Verb::Reject, "", false, true),
            (Verb::Acknowledge, "", false, false),
            (Verb::Approve, "", true, false),
            (Verb::Reject, "wrong site", true, true),
        ] {
            let args = OrderArgs {
                incident: "slope-1".into(),
                reason: reason.into(),
                url: String::new(),
                token_file: PathBuf::new(),
                group: None,
                text: text.then(|| PathBuf::from("words.json")),
                json: false,
            };
            assert_eq!(misused(verb, &args).is_some(), wrong, "{verb:?} {reason:?} {text}");
        }
    }
}
