//! Deliveries and their attempts, for people and for programs: where each stands, and what proves it.

use alerting::catalogue::{self, Language};
use delivery::ledger::{AttemptRow, DeliveryRow};
use reading::Timestamp;
use serde_json::{Value, json};

/// A delivery as JSON; `moment` writes moments.
pub fn shown(row: &DeliveryRow, moment: &dyn Fn(Timestamp) -> String) -> Value {
    json!({
        "id": row.id,
        "key": row.key.as_str(),
        "channel": row.channel.as_str(),
        "recipient": row.recipient,
        "site": row.site.as_str(),
        "incident": row.incident.as_str(),
        "revision": row.revision,
        "purpose": row.purpose,
        "level": row.level.name(),
        "state": row.state.name(),
        "attempts": row.attempts,
        "owed_at": moment(row.owed_at),
        "due_at": moment(row.due_at),
        "expires_at": moment(row.expires_at),
        "changed_at": moment(row.changed_at),
        "note": row.note,
    })
}

/// The attempts of a delivery as JSON.
pub fn attempts(rows: &[AttemptRow], moment: &dyn Fn(Timestamp) -> String) -> Value {
    let shown = |row: &AttemptRow| {
        json!({
            "attempt": row.attempt,
            "started_at": moment(row.started_at),
            "settled_at": row.settled_at.map(moment),
            "result": row.result,
            "note": row.note,
        })
    };
    rows.iter().map(shown).collect()
}

/// A delivery in two lines: when, where it stands and what is known of it; then its key.
pub fn lines(value: &Value, language: Language) -> [String; 2] {
    let text = |name: &str| value[name].as_str().unwrap_or_default();
    let state = alerting::DeliveryState::ALL.into_iter().find(|one| one.name() == text("state"));
    let state = state.map_or(text("state"), |state| catalogue::delivery_state(state, language));
    let level = alerting::Level::parse(text("level"));
    let level = level.map_or(text("level"), |level| catalogue::level(level, language));
    let first = format!(
        "{}  {}  {} → {}  [{state}]  {}",
        text("changed_at"),
        level,
        text("channel"),
        text("recipient"),
        text("note"),
    );
    [first.trim_end().into(), format!("  {}", text("key"))]
}

/// An attempt in a line.
pub fn attempt_line(value: &Value) -> String {
    let text = |name: &str| value[name].as_str().unwrap_or_default();
    let (started, settled) = (text("started_at"), text("settled_at"));
    format!("  {}. {started} – {settled}  {}  {}", value["attempt"], text("result"), text("note"))
}
