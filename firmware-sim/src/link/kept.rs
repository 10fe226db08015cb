//! What a gateway keeps until the other side says it is on disk: `…/stored` with `{"seq":17}`, or with
//! `{"from":12,"seq":17}` for a run. A broker's PUBACK is only the broker's promise.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use crate::message::Message;

/// A report's station, as the topic without its end, and its number.
pub(crate) type Name = (String, u64);

/// Reports that were sent and that nobody has stored yet.
#[derive(Debug)]
pub(crate) struct Kept {
    repeat_after: Duration,
    /// How many there may be; beyond that one is given up, as a full memory card would.
    room: usize,
    reports: BTreeMap<Name, Waiting>,
    /// Given up because there were too many.
    pub forgotten: u64,
}

#[derive(Debug)]
struct Waiting {
    message: Message,
    /// When the broker acknowledged it: from then on it waits to be stored. The word that it is may come first.
    since: Option<Duration>,
}

#[derive(Deserialize)]
struct Numbered {
    seq: u64,
    from: Option<u64>,
}

impl Kept {
    /// Keeps nothing yet; what is not stored `repeat_after` its acknowledgement is due again.
    pub fn new(repeat_after: Duration, room: usize) -> Self {
        Self { repeat_after, room, reports: BTreeMap::new(), forgotten: 0 }
    }

    pub fn is_empty(&self) -> bool {
        self.reports.is_empty()
    }

    /// Keeps a report that is being sent. What is no report or has no number is not kept.
    pub fn keep(&mut self, message: &Message) -> Option<Name> {
        let (station, kind) = message.topic.rsplit_once('/')?;
        if !matches!(kind, "telemetry" | "backfill") {
            return None;
        }
        let report = serde_json::from_slice::<Numbered>(&message.payload).ok()?;
        let name = (station.to_owned(), report.seq);
        self.reports.insert(name.clone(), Waiting { message: message.clone(), since: None });
        if self.reports.len() > self.room {
            self.reports.pop_first();
            self.forgotten += 1;
        }
        Some(name)
    }

    /// The broker has it since `now`.
    pub fn acknowledged(&mut self, name: &Name, now: Duration) {
        if let Some(waiting) = self.reports.get_mut(name) {
            waiting.since = Some(now);
        }
    }

    /// The broker refused it: it will not come.
    pub fn refused(&mut self, name: &Name) {
        self.reports.remove(name);
    }

    /// Lets go of what a `…/stored` message names.
    pub fn stored(&mut self, topic: &str, payload: &[u8]) {
        let Some(station) = topic.strip_suffix("/stored") else { return };
        let Ok(run) = serde_json::from_slice::<Numbered>(payload) else { return };
        let from = run.from.unwrap_or(run.seq).min(run.seq);
        let range = (station.to_owned(), from)..=(station.to_owned(), run.seq);
        let named: Vec<Name> = self.reports.range(range).map(|(name, _)| name.clone()).collect();
        named.iter().for_each(|name| drop(self.reports.remove(name)));
    }

    /// Takes out at most `count` that have waited too long, to be sent again as what they are by now: old.
    pub fn due(&mut self, now: Duration, count: usize) -> Vec<Message> {
        let late = |since: Duration| now.saturating_sub(since) >= self.repeat_after;
        let all_late = self.reports.iter().filter(|(_, waiting)| waiting.since.is_some_and(late));
        let due: Vec<Name> = all_late.map(|(name, _)| name.clone()).take(count).collect();
        let again = |name: Name| {
            let message = self.reports.remove(&name)?.message;
            Some(Message { topic: format!("{}/backfill", name.0), ..message })
        };
        due.into_iter().filter_map(again).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reading::Timestamp;

    fn report(topic: &str, seq: u64) -> Message {
        let payload =
            format!(r#"{{"seq":{seq},"at":"2026-07-14T00:00:00Z","readings":[]}}"#).into_bytes();
        Message::new(Timestamp::from_secs(0), topic.into(), payload)
    }

    #[test]
    fn a_report_is_kept_until_its_number_is_named() {
        let mut kept = Kept::new(Duration::from_secs(10), 100);
        for seq in 1..=6 {
            let name = kept.keep(&report("b/v1/s/a/telemetry", seq)).unwrap();
            kept.acknowledged(&name, Duration::from_secs(seq));
        }
        let name = kept.keep(&report("b/v1/s/b/telemetry", 3)).unwrap();
        kept.acknowledged(&name, Duration::ZERO);
        assert_eq!(kept.keep(&report("b/v1/s/a/status", 1)), None);
        kept.stored("b/v1/s/a/stored", br#"{"from":2,"seq":4}"#);
        kept.stored("b/v1/s/a/stored", br#"{"seq":6}"#);
        kept.stored("b/v1/s/b/stored", br#"{"seq":4}"#);
        for nonsense in [&b"{}"[..], b"", br#"{"from":9,"seq":0}"#, br#"{"seq":-1}"#] {
            kept.stored("b/v1/s/a/stored", nonsense);
        }
        assert!(kept.due(Duration::from_secs(9), 9).is_empty());
        let mut again = kept.due(Duration::from_secs(15), 2);
        again.extend(kept.due(Duration::from_secs(15), 9));
        let topics: Vec<&str> = again.iter().map(|message| message.topic.as_str()).collect();
        assert_eq!(topics, ["b/v1/s/a/backfill", "b/v1/s/a/backfill", "b/v1/s/b/backfill"]);
        assert_eq!(again[0].payload, report("", 1).payload);
        assert!(kept.is_empty(), "it is on its way again");
    }

    #[test]
    fn it_may_be_stored_before_the_broker_acknowledged_it() {
        let mut kept = Kept::new(Duration::ZERO, 100);
        let name = kept.keep(&report("b/v1/s/a/telemetry", 1)).unwrap();
        assert!(kept.due(Duration::from_secs(9), 9).is_empty(), "it is still on its way");
        kept.stored("b/v1/s/a/stored", br#"{"seq":1}"#);
        kept.acknowledged(&name, Duration::ZERO);
        assert!(kept.is_empty());
    }

    #[test]
    fn memory_is_bounded() {
        let mut kept = Kept::new(Duration::from_secs(10), 100);
        for seq in 0..105 {
            kept.keep(&report("b/v1/s/a/telemetry", seq));
        }
        assert_eq!((kept.reports.len(), kept.forgotten), (100, 5));
    }
}
