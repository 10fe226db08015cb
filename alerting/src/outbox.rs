//! Deliveries owed: due, attempted, settled, expired.
//!
//! The outbox owns retries; a channel tries once. In: what is owed, and what each attempt came to, as
//! journaled. Out: [`Action`]s for the ledger. Deliveries leave it when they are settled.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use reading::Timestamp;
use reading::id::ChannelId;
use serde::{Deserialize, Serialize};

use crate::alert::{IncidentId, Purpose};
use crate::decision::Action;
use crate::delivery::{
    AttemptResult, Delivery, DeliveryChange, DeliveryKey, DeliveryState, Outcome,
};
use crate::level::Level;
use crate::route::Retry;

/// A delivery that will not arrive: refused or expired. Somebody has to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// On which channel.
    pub channel: ChannelId,
    /// Which.
    pub key: DeliveryKey,
    /// Why.
    pub why: String,
}

/// Messages of one incident to one recipient that supersede each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Strand {
    /// What is going on.
    News,
    /// Whether the public may hear it.
    Questions,
    /// That somebody has to answer.
    Calls,
}

impl Strand {
    const fn of(purpose: Purpose) -> Self {
        match purpose {
            Purpose::Alert | Purpose::Reminder | Purpose::Cancel => Self::News,
            Purpose::Approval => Self::Questions,
            Purpose::Call => Self::Calls,
        }
    }
}

/// What the outbox remembers of one delivery; the message itself lies in the ledger.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Owed {
    channel: ChannelId,
    recipient: String,
    incident: IncidentId,
    revision: u32,
    level: Level,
    /// What it is in its chain: questions, calls and news do not supersede each other.
    strand: Strand,
    state: DeliveryState,
    attempts: u32,
    expires_at: Timestamp,
    receipt_by: Option<Timestamp>,
    /// When it is said aloud that this recipient has heard nothing: revisions supersede each other, but the
    /// first that was not delivered starts this.
    overdue_at: Timestamp,
    retry: Retry,
}

impl Owed {
    fn deadline(&self) -> Timestamp {
        let soonest = self.expires_at.min(self.overdue_at);
        self.receipt_by.map_or(soonest, |by| by.min(soonest))
    }
}

/// Every delivery that is not settled. Bounded by routes × recipients × open incidents: a newer revision
/// supersedes what was not sent, and everything expires.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Outbox {
    owed: BTreeMap<DeliveryKey, Owed>,
    deadlines: BTreeSet<(Timestamp, DeliveryKey)>,
}

impl Outbox {
    /// How many deliveries are not settled.
    pub fn open(&self) -> usize {
        self.owed.values().filter(|owed| owed.state != DeliveryState::Superseded).count()
    }

    /// When the next receipt or delivery runs out.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    /// Takes on a delivery. Whatever its chain (same incident, channel, recipient) has queued is superseded.
    pub fn owe(&mut self, delivery: Delivery, retry: Retry, now: Timestamp, out: &mut Vec<Action>) {
        let strand = Strand::of(delivery.alert.purpose);
        let superseded: Vec<DeliveryKey> = self
            .chain(&delivery.alert.incident, &delivery.channel, &delivery.recipient, strand)
            .filter(|(_, owed)| {
                matches!(owed.state, DeliveryState::Queued | DeliveryState::InDoubt)
            })
            .map(|(key, _)| key.clone())
            .collect();
        let overdue_at = self
            .chain(&delivery.alert.incident, &delivery.channel, &delivery.recipient, strand)
            .map(|(_, owed)| owed.overdue_at)
            .chain([delivery.expires_at])
            .min()
            .unwrap_or(Timestamp::MAX)
            .max(delivery.due_at);
        for key in superseded {
            self.finish(&key, DeliveryState::Superseded, "a newer revision", now, out);
        }
        let owed = Owed {
            channel: delivery.channel.clone(),
            recipient: delivery.recipient.clone(),
            incident: delivery.alert.incident.clone(),
            revision: delivery.alert.revision,
            level: delivery.alert.level,
            strand,
            state: DeliveryState::Queued,
            attempts: 0,
            expires_at: delivery.expires_at,
            receipt_by: None,
            overdue_at,
            retry,
        };
        self.deadlines.insert((owed.deadline(), delivery.key.clone()));
        self.owed.insert(delivery.key.clone(), owed);
        out.push(Action::Owe(delivery));
    }

    /// What an incident asked in this way has its answer: whoever was not reached yet need not be.
    pub fn withdraw(
        &mut self,
        incident: &IncidentId,
        strand: Strand,
        now: Timestamp,
        out: &mut Vec<Action>,
    ) {
        let waiting = |owed: &Owed| {
            owed.strand == strand
                && owed.incident == *incident
                && matches!(owed.state, DeliveryState::Queued | DeliveryState::InDoubt)
        };
        let keys = self.owed.iter().filter(|(_, owed)| waiting(owed)).map(|(key, _)| key.clone());
        for key in keys.collect::<Vec<_>>() {
            self.finish(&key, DeliveryState::Superseded, "it was answered", now, out);
        }
    }

    /// Takes what an attempt came to. An outcome for a delivery that is settled already changes nothing.
    pub fn settle(
        &mut self,
        outcome: &Outcome,
        now: Timestamp,
        out: &mut Vec<Action>,
    ) -> Option<Lost> {
        let owed = self.owed.get_mut(&outcome.key)?;
        owed.attempts = owed.attempts.max(outcome.attempt);
        if owed.state == DeliveryState::Superseded {
            self.settle_superseded(outcome, now, out);
            return None;
        }
        match &outcome.result {
            AttemptResult::Delivered { receipt } => {
                self.finish(&outcome.key, DeliveryState::Delivered, receipt, now, out)
            }
            AttemptResult::HandedOver { reference } => match owed.retry.receipt_within {
                None => self.finish(&outcome.key, DeliveryState::Delivered, reference, now, out),
                Some(within) => {
                    self.await_receipt(&outcome.key, reference, now.plus(within), now, out);
                    None
                }
            },
            AttemptResult::Retry { reason } => {
                self.retry(&outcome.key, reason, now, out);
                None
            }
            AttemptResult::Refused { reason } => {
                self.finish(&outcome.key, DeliveryState::Refused, reason, now, out)
            }
            AttemptResult::Unknown if owed.retry.repeat_is_safe || owed.level >= Level::Warning => {
                self.retry(&outcome.key, "stopped while in hand; repeated", now, out);
                None
            }
            AttemptResult::Unknown => {
                let note = "stopped while in hand; a repeat is not safe, a person decides";
                self.change(&outcome.key, DeliveryState::InDoubt, note, now, now, out);
                None
            }
        }
    }

    /// Takes the far end's own word on a delivery that was handed over, or is being tried again.
    pub fn receipt(
        &mut self,
        key: &DeliveryKey,
        accepted: bool,
        note: &str,
        now: Timestamp,
        out: &mut Vec<Action>,
    ) -> Option<Lost> {
        let state = if accepted { DeliveryState::Delivered } else { DeliveryState::Refused };
        self.finish(key, state, note, now, out)
    }

    /// Lets everything run out that is due at `now`.
    pub fn tick(&mut self, now: Timestamp, out: &mut Vec<Action>) -> Vec<Lost> {
        let mut lost = Vec::new();
        while self.next_deadline().is_some_and(|at| at <= now)
            && let Some((at, key)) = self.deadlines.pop_first()
        {
            let Some(owed) = self.owed.get(&key) else { continue };
            if owed.state == DeliveryState::Superseded {
                self.owed.remove(&key);
            } else if owed.expires_at <= now {
                lost.extend(self.finish(
                    &key,
                    DeliveryState::Expired,
                    "too late to matter",
                    at.max(now),
                    out,
                ));
            } else if owed.overdue_at <= now {
                lost.extend(self.say_overdue(&key, now));
            } else {
                self.retry(&key, "no receipt in time", now, out);
            }
        }
        lost
    }

    /// A courier had it in hand when a newer revision came: what became of it is still the truth.
    fn settle_superseded(&mut self, outcome: &Outcome, now: Timestamp, out: &mut Vec<Action>) {
        let (AttemptResult::Delivered { receipt: note }
        | AttemptResult::HandedOver { reference: note }) = &outcome.result
        else {
            return;
        };
        self.finish(&outcome.key, DeliveryState::Delivered, note, now, out);
    }

    fn say_overdue(&mut self, key: &DeliveryKey, now: Timestamp) -> Option<Lost> {
        let owed = self.owed.get_mut(key)?;
        owed.overdue_at = now.plus(owed.retry.expire_after);
        self.deadlines.insert((owed.deadline(), key.clone()));
        let why = "nothing delivered to this recipient, though revised".to_string();
        Some(Lost { channel: owed.channel.clone(), key: key.clone(), why })
    }

    fn chain<'a>(
        &'a self,
        incident: &'a IncidentId,
        channel: &'a ChannelId,
        recipient: &'a str,
        strand: Strand,
    ) -> impl Iterator<Item = (&'a DeliveryKey, &'a Owed)> {
        let same = move |owed: &Owed| {
            owed.state != DeliveryState::Superseded
                && owed.incident == *incident
                && owed.channel == *channel
                && owed.recipient == recipient
                && owed.strand == strand
        };
        self.owed.iter().filter(move |(_, owed)| same(owed))
    }

    /// Queues another attempt, unless a newer revision has taken its place.
    fn retry(&mut self, key: &DeliveryKey, reason: &str, now: Timestamp, out: &mut Vec<Action>) {
        let Some(owed) = self.owed.get(key) else { return };
        let due_at = now.plus(backoff(&owed.retry, key, owed.attempts));
        let replaced = self
            .chain(&owed.incident, &owed.channel, &owed.recipient, owed.strand)
            .any(|(_, other)| other.revision > owed.revision);
        if replaced {
            self.finish(key, DeliveryState::Superseded, "a newer revision", now, out);
            return;
        }
        self.change(key, DeliveryState::Queued, reason, due_at, now, out);
    }

    fn await_receipt(
        &mut self,
        key: &DeliveryKey,
        note: &str,
        by: Timestamp,
        now: Timestamp,
        out: &mut Vec<Action>,
    ) {
        let Some(owed) = self.owed.get_mut(key) else { return };
        self.deadlines.remove(&(owed.deadline(), key.clone()));
        owed.receipt_by = Some(by);
        self.deadlines.insert((owed.deadline(), key.clone()));
        self.note(key, DeliveryState::HandedOver, note, now, now, out);
    }

    fn change(
        &mut self,
        key: &DeliveryKey,
        state: DeliveryState,
        note: &str,
        due_at: Timestamp,
        now: Timestamp,
        out: &mut Vec<Action>,
    ) {
        let Some(owed) = self.owed.get_mut(key) else { return };
        self.deadlines.remove(&(owed.deadline(), key.clone()));
        owed.receipt_by = None;
        self.deadlines.insert((owed.deadline(), key.clone()));
        self.note(key, state, note, due_at, now, out);
    }

    fn note(
        &mut self,
        key: &DeliveryKey,
        state: DeliveryState,
        note: &str,
        due_at: Timestamp,
        now: Timestamp,
        out: &mut Vec<Action>,
    ) {
        let Some(owed) = self.owed.get_mut(key) else { return };
        owed.state = state;
        out.push(Action::Change(DeliveryChange {
            key: key.clone(),
            channel: owed.channel.clone(),
            state,
            attempts: owed.attempts,
            due_at,
            note: note.chars().take(500).collect(),
            at: now,
        }));
    }

    fn finish(
        &mut self,
        key: &DeliveryKey,
        state: DeliveryState,
        note: &str,
        now: Timestamp,
        out: &mut Vec<Action>,
    ) -> Option<Lost> {
        self.note(key, state, note, now, now, out);
        if state == DeliveryState::Superseded {
            return None; // kept until it expires: a courier may have it in hand
        }
        let owed = self.owed.remove(key)?;
        self.deadlines.remove(&(owed.deadline(), key.clone()));
        matches!(state, DeliveryState::Refused | DeliveryState::Expired).then(|| Lost {
            channel: owed.channel,
            key: key.clone(),
            why: note.to_string(),
        })
    }
}

/// Exponential backoff with jitter of ± 25 %, drawn from the key and the attempt, so that a replay waits alike.
fn backoff(retry: &Retry, key: &DeliveryKey, attempts: u32) -> Duration {
    let doubled = retry.first.saturating_mul(1 << attempts.saturating_sub(1).min(20));
    let wait = doubled.min(retry.max);
    let mut hash = 0xcbf2_9ce4_8422_2325_u64 ^ u64::from(attempts);
    for byte in key.as_str().bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    let percent = 75 + (hash >> 33) % 51;
    Duration::from_nanos(
        (wait.as_nanos() * u128::from(percent) / 100).min(u128::from(u64::MAX)) as u64
    )
}
