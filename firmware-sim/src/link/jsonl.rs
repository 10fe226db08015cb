//! Messages to a file, one a line: `{"at":…,"topic":…,"payload":"…"}`.
//!
//! The payload stands as text; one that is not UTF-8 stands as `"payload_hex"` instead.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::json;

use crate::fault::Injected;
use crate::link::memory::World;
use crate::message::Message;
use crate::physics::moved;
use crate::scenario::Scenario;

#[derive(Serialize)]
struct Line<'a> {
    at: String,
    topic: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload_hex: Option<String>,
    #[serde(skip_serializing_if = "core::ops::Not::not")]
    retain: bool,
}

/// Writes every message and says how many there were.
///
/// # Errors
/// Whatever `out` says.
pub fn write(messages: impl Iterator<Item = Message>, mut out: impl Write) -> io::Result<u64> {
    let mut written = 0;
    for message in messages {
        serde_json::to_writer(&mut out, &line(&message))?;
        out.write_all(b"\n")?;
        written += 1;
    }
    Ok(written)
}

/// What happens and what goes wrong in a world, one a line: when each site fails, if it does, and the level it
/// deserves; then every fault of an instrument, a box or a link that the plan or chance has in it.
///
/// # Errors
/// Whatever `out` says.
pub fn write_truth(scenario: &Scenario, world: &World, mut out: impl Write) -> io::Result<()> {
    let mut say = |line: &serde_json::Value| {
        serde_json::to_writer(&mut out, line)?;
        out.write_all(b"\n")
    };
    for truth in scenario.truth() {
        let fails_at = truth.fails_at.map(|at| at.to_string());
        say(&json!({ "site": truth.site, "fails_at": fails_at, "expect": truth.expect }))?;
    }
    for fault in world.script() {
        let (from, to) = (fault.at_h, fault.at_h + fault.for_h);
        say(&json!({
            "site": fault.site,
            "station": fault.station,
            "sensor": fault.sensor,
            "fault": fault.kind,
            "from": moved(scenario.start, from).to_string(),
            "to": (!fault.kind.stays()).then(|| moved(scenario.start, to).to_string()),
            "size": fault.size,
        }))?;
    }
    Ok(())
}

/// What befell each report on its way, one a line and fault, as a world tells it.
///
/// # Errors
/// Whatever `out` says.
pub fn write_faults(
    faults: impl IntoIterator<Item = Injected>,
    mut out: impl Write,
) -> io::Result<()> {
    for fault in faults {
        let line = json!({
            "site": fault.site,
            "station": fault.station,
            "fault": fault.kind,
            "at": fault.at.to_string(),
            "seq": fault.seq,
        });
        serde_json::to_writer(&mut out, &line)?;
        out.write_all(b"\n")?;
    }
    out.flush()
}

fn line(message: &Message) -> Line<'_> {
    let text = core::str::from_utf8(&message.payload).ok();
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Line {
        at: message.sent_at.to_string(),
        topic: &message.topic,
        payload: text,
        payload_hex: text.is_none().then(|| hex(&message.payload)),
        retain: message.retain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reading::Timestamp;

    #[test]
    fn a_line_holds_any_bytes() {
        let message = |payload: &[u8], retain| Message {
            retain,
            ..Message::new(Timestamp::from_secs(0), "a/b".into(), payload.to_vec())
        };
        let mut out = Vec::new();
        let messages = [message(b"{\"seq\":1}", false), message(b"\xff\x00", true)];
        assert_eq!(write(messages.into_iter(), &mut out).unwrap(), 2);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            concat!(
                r#"{"at":"1970-01-01T00:00:00Z","topic":"a/b","payload":"{\"seq\":1}"}"#,
                "\n",
                r#"{"at":"1970-01-01T00:00:00Z","topic":"a/b","payload_hex":"ff00","retain":true}"#,
                "\n"
            )
        );
    }
}
