//! Orders over the wire: `{"id":…,"command":"interval","interval_s":60,"not_after":…}` and what the box answers.

use reading::Timestamp;
use serde::{Deserialize, Serialize};
use station::{Answer, Order};

use super::Station;
use crate::message::{Message, json, korean_time};

#[derive(Deserialize)]
struct Wire {
    id: String,
    command: String,
    interval_s: Option<u32>,
    duration_s: Option<u32>,
    from: Option<u64>,
    to: Option<u64>,
    not_after: String,
}

#[derive(Serialize)]
struct Result<'a> {
    id: &'a str,
    result: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    at: String,
}

impl Wire {
    fn order(&self) -> Option<Order> {
        match (self.command.as_str(), self.interval_s, self.duration_s, self.from, self.to) {
            ("interval", Some(every_s), None, None, None) => Some(Order::Interval { every_s }),
            ("alert-mode", Some(every_s), Some(lasting_s), None, None) => {
                Some(Order::AlertMode { every_s, lasting_s })
            }
            ("resend", None, None, Some(from), Some(to)) => Some(Order::Resend { from, to }),
            ("identify", None, None, None, None) => Some(Order::Identify),
            _ => None,
        }
    }
}

impl Station {
    /// Takes an order that came at `at`: the answer, then what is sent again. What is no order gets no answer.
    pub fn obey(&mut self, payload: &[u8], at: Timestamp) -> Vec<Message> {
        let Ok(wire) = serde_json::from_slice::<Wire>(payload) else { return Vec::new() };
        let uptime_ms = self.crystal.uptime_ms(at);
        let answer = match (wire.order(), Timestamp::parse(&wire.not_after)) {
            (Some(order), Ok(not_after)) => {
                self.firmware.obey(&wire.id, order, not_after.nanos() / 1_000_000, uptime_ms)
            }
            _ => Answer::Refused("not an order this box knows"),
        };
        let (result, reason, again) = match answer {
            Answer::Done(reports) => ("done", None, reports),
            Answer::Refused(reason) => ("refused", Some(reason), Vec::new()),
        };
        let said = Result { id: &wire.id, result, reason, at: korean_time(at) };
        let message = |topic, payload| Message::new(at, topic, payload);
        let mut messages = vec![message(self.topics.result(), json(&said))];
        let reports = again.iter().map(|report| self.encoded(report));
        messages.extend(reports.map(|payload| message(self.topics.backfill(), payload)));
        messages
    }
}
