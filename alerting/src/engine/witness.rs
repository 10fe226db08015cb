//! The head of the audit trail, told to others: who keeps it can tell later whether the trail was written anew.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use reading::id::ChannelId;
use serde::{Deserialize, Serialize};

use super::asking::deliver;
use super::{Engine, Moment, Subject};
use crate::alert::{Alert, Hazard, IncidentId, IncidentKind, MessageType, Purpose};
use crate::approval::Released;
use crate::catalogue;
use crate::decision::Action;
use crate::level::Level;

/// How long a head is shown in feeds: until the next one.
const SHOWN_FOR: Duration = Duration::from_secs(86_400);

/// The end of the audit trail at some moment, as journaled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrailHead {
    /// How many entries there are.
    pub entries: i64,
    /// The hash of the last, hexadecimal.
    pub head: String,
    /// On which channels it is told.
    pub channels: Vec<ChannelId>,
}

impl Engine {
    /// Owes the head to everybody on its channels.
    pub fn tell_head(&mut self, head: &TrailHead, now: Moment, out: &mut Vec<Action>) {
        let facts = self.facts(Subject::System);
        let values = [&*format!("{}", head.entries), head.head.as_str()];
        let alert = Alert {
            incident: IncidentId::new(
                IncidentKind::Live,
                &facts.id,
                Hazard::Monitoring,
                now.sequence,
            ),
            revision: 1,
            purpose: Purpose::TrailHead,
            message_type: MessageType::Alert,
            status: self.setup.status,
            level: Level::Attention,
            site: facts,
            hazard: Hazard::Monitoring,
            headline: catalogue::text("trail-head", &values[..1]),
            description: catalogue::text("trail-head-is", &values),
            instruction: catalogue::text("trail-head-keep", &[]),
            evidence: Vec::new(),
            decided_at: now.at,
            measured_at: now.at,
            expires_at: now.at.plus(SHOWN_FOR),
            unrecorded: self.is_faulty(super::UNRECORDED),
            released: Released::Officers,
        };
        for route in self.setup.routes.clone() {
            if !head.channels.contains(&route.channel) {
                continue;
            }
            for recipient in &route.recipients {
                let delivery = deliver(&route, recipient, alert.clone(), now.at, now.at);
                self.outbox.owe(delivery, route.retry, now.at, out);
            }
        }
    }
}
