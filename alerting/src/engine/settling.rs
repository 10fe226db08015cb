//! What became of deliveries: outcomes of attempts, the far end's receipts, a person's word; and what is said aloud
//! when something does not arrive or a channel is out of order.

use alloc::vec::Vec;
use core::time::Duration;

use reading::Timestamp;
use reading::registry::Text;

use super::system::SYSTEM_SITE;
use super::{Command, Engine, Moment};
use crate::catalogue;
use crate::decision::Action;
use crate::delivery::{AttemptResult, DeliveryKey, Outcome};
use crate::outbox::{Lost, Reply, Standing};

/// How long it is said that a delivery was lost, or that a channel fails, after the last time.
const SAID_FOR: Duration = Duration::from_secs(3_600);

/// What the far end says of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer<'a> {
    /// Of which, by its key.
    pub key: &'a str,
    /// Whether it did what it was told.
    pub accepted: bool,
    /// Whether it says that it makes no sound.
    pub silent: bool,
    /// In its words.
    pub note: &'a str,
}

impl Engine {
    /// Takes what an attempt came to.
    pub fn settle(&mut self, outcome: &Outcome, now: Moment, out: &mut Vec<Action>) {
        let reached = matches!(outcome.result, AttemptResult::Delivered { .. });
        self.approver_tried(&outcome.key, reached, now);
        let standing = self.outbox.note_standing(outcome);
        if let Some(lost) = self.outbox.settle(outcome, now.at, out) {
            self.lost(lost, now, out);
        }
        if let Some(standing) = standing {
            self.channel_stands(standing, outcome.key.is_about(SYSTEM_SITE), now, out);
        }
    }

    /// Takes the far end's word on a delivery. What settles nothing is named, for whoever counts it.
    pub fn receipt(
        &mut self,
        receipt: &Answer<'_>,
        now: Moment,
        out: &mut Vec<Action>,
    ) -> Option<&'static str> {
        let Answer { key, accepted, silent, note } = *receipt;
        let key = DeliveryKey::from_text(key);
        match self.outbox.receipt(&key, accepted, silent, note, now.at, out) {
            Reply::Taken(None) => None,
            Reply::Taken(Some(lost)) => {
                self.lost(lost, now, out);
                None
            }
            Reply::Repeated => Some("receipt-repeated"),
            Reply::Late => Some("receipt-late"),
            Reply::Unknown => Some("receipt-unknown"),
        }
    }

    /// Takes a person's word on a delivery in doubt.
    pub(super) fn settle_by_hand(
        &mut self,
        command: &Command,
        now: Moment,
        out: &mut Vec<Action>,
    ) -> Result<Text, Text> {
        let unknown = || catalogue::text("command-not-in-doubt", &[]);
        if command.reason.trim().is_empty() {
            return Err(catalogue::text("command-needs-reason", &[]));
        }
        let settled = command.settled.as_ref().ok_or_else(unknown)?;
        let values = [command.by.as_str(), settled.delivery.as_str(), command.reason.trim()];
        let key = if settled.delivered { "settled-delivered" } else { "settled-not-delivered" };
        let note = catalogue::fill(key, catalogue::Language::En, &values);
        let (delivery, delivered) = (&settled.delivery, settled.delivered);
        let tried = self.outbox.attempts(delivery);
        if let (Some(known), Some(tried), false) = (settled.attempt, tried, delivered)
            && known != tried
        {
            let numbers = [known, tried].map(|number| alloc::format!("{number}"));
            return Err(catalogue::text("command-other-attempt", &[&numbers[0], &numbers[1]]));
        }
        let lost = self.outbox.settle_by_hand(delivery, delivered, &note, now.at, out);
        if let Some(lost) = lost.ok_or_else(unknown)? {
            self.lost(lost, now, out);
        }
        Ok(catalogue::text(key, &values))
    }

    pub(super) fn lost(&mut self, lost: Lost, now: Moment, out: &mut Vec<Action>) {
        // a channel that never got to an approver has not reached them either
        self.approver_tried(&lost.key, false, now);
        let channel = lost.channel.as_str();
        let key = ["delivery-", channel].concat();
        if lost.key.is_about(SYSTEM_SITE) {
            self.say_longer(&key, now.at);
            return;
        }
        let what = catalogue::text("fault-delivery-lost", &[channel, lost.key.as_str(), &lost.why]);
        self.fault(&key, what, Some(now.at.plus(SAID_FOR)), now, out);
    }

    /// A channel that is out of order is said on the others, long before what is owed on it expires.
    fn channel_stands(
        &mut self,
        standing: Standing,
        about_system: bool,
        now: Moment,
        out: &mut Vec<Action>,
    ) {
        match standing {
            Standing::Working { channel } => {
                self.mend(&["channel-", channel.as_str()].concat(), now, out);
            }
            Standing::Failing { channel, times, why } => {
                let key = ["channel-", channel.as_str()].concat();
                if about_system || self.is_faulty(&key) {
                    self.say_longer(&key, now.at);
                    return;
                }
                let values = [channel.as_str(), &alloc::format!("{times}"), &why];
                let what = catalogue::text("fault-channel-failing", &values);
                self.fault(&key, what, Some(now.at.plus(SAID_FOR)), now, out);
            }
        }
    }

    /// That bongsu cannot speak of itself on a channel is no news of its own, or a dead channel would never rest: it
    /// only keeps alive what was said already.
    fn say_longer(&mut self, key: &str, now: Timestamp) {
        if let Some(fault) = self.faults.get_mut(key) {
            fault.until = fault.until.max(Some(now.plus(SAID_FOR)));
        }
    }
}
