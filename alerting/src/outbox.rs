//! Deliveries owed: due, attempted, settled, expired.
//!
//! The outbox owns retries; a channel tries once. In: what is owed, and what each attempt came to, as
//! journaled. Out: [`Action`]s for the ledger. Deliveries leave it when they are settled.

mod settling;

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use reading::Timestamp;
use reading::id::ChannelId;
use serde::{Deserialize, Serialize};

use crate::alert::{IncidentId, Purpose};
use crate::decision::Action;
use crate::delivery::{Delivery, DeliveryChange, DeliveryKey, DeliveryState};
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
    /// Several incidents at once: nothing supersedes it, for each is about others.
    Digests,
}

impl Strand {
    const fn of(purpose: Purpose) -> Self {
        match purpose {
            Purpose::Alert | Purpose::Reminder | Purpose::Cancel | Purpose::TrailHead => Self::News,
            Purpose::Approval => Self::Questions,
            Purpose::Call => Self::Calls,
            Purpose::Digest => Self::Digests,
        }
    }
}

/// A channel has failed so often in a row that it counts as out of order: its courier lets it rest and tries with one
/// delivery at a time, and that is said on the others.
pub const FAILURES_MAX: u32 = 5;

/// How a channel stands after an attempt, where that is worth a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It failed at least [`FAILURES_MAX`] times in a row.
    Failing {
        /// Which.
        channel: ChannelId,
        /// How often in a row.
        times: u32,
        /// Why, the last time.
        why: String,
    },
    /// It had failed so, and reached its far end again.
    Working {
        /// Which.
        channel: ChannelId,
    },
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
    /// A newer revision is owed, or was: this one is not sent again.
    is_replaced: bool,
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
    /// How often each channel failed in a row; those whose last attempt reached the far end are not in it.
    failures: BTreeMap<ChannelId, u32>,
    /// What was settled last, so that a receipt that comes again or too late is known as one.
    settled: VecDeque<(DeliveryKey, DeliveryState)>,
    /// What media without receipts took last: it may come back, as a mail does that bounces.
    unconfirmed: VecDeque<Taken>,
}

/// A delivery that a medium took and proved no more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Taken {
    key: DeliveryKey,
    channel: ChannelId,
    attempts: u32,
}

/// How many settled deliveries are remembered.
const SETTLED_MAX: usize = 256;

/// How many unconfirmed ones. What comes back of one longer ago is in the trail alone.
const UNCONFIRMED_MAX: usize = 1_024;

/// How much is kept of what is said of a delivery, characters.
const NOTE_LEN_MAX: usize = 500;

/// What a receipt of the far end came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// It settled a delivery, or had it tried again.
    Taken(Option<Lost>),
    /// It says again what was known.
    Repeated,
    /// Its delivery is over: expired, or superseded.
    Late,
    /// No delivery of ours, or one of long ago.
    Unknown,
}

impl Outbox {
    /// Those that are not settled.
    pub fn keys(&self) -> impl Iterator<Item = &DeliveryKey> {
        let open = |owed: &Owed| owed.state != DeliveryState::Superseded;
        self.owed.iter().filter(move |(_, owed)| open(owed)).map(|(key, _)| key)
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
        self.replace(&delivery.alert.incident, &delivery.channel, &delivery.recipient, strand);
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
            is_replaced: false,
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

    /// Lets everything run out that is due at `now`.
    pub fn tick(&mut self, now: Timestamp, out: &mut Vec<Action>) -> Vec<Lost> {
        let mut lost = Vec::new();
        while self.next_deadline().is_some_and(|at| at <= now)
            && let Some((at, key)) = self.deadlines.pop_first()
        {
            let Some(owed) = self.owed.get(&key) else { continue };
            if owed.state == DeliveryState::Superseded {
                self.owed.remove(&key);
                self.remember(&key, DeliveryState::Superseded);
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
            strand != Strand::Digests
                && owed.state != DeliveryState::Superseded
                && owed.incident == *incident
                && owed.channel == *channel
                && owed.recipient == recipient
                && owed.strand == strand
        };
        self.owed.iter().filter(move |(_, owed)| same(owed))
    }

    /// What a recipient was sent of a chain and may not have got is not sent again: the newer revision says it all.
    fn replace(
        &mut self,
        incident: &IncidentId,
        channel: &ChannelId,
        recipient: &str,
        strand: Strand,
    ) {
        let keys: Vec<DeliveryKey> =
            self.chain(incident, channel, recipient, strand).map(|(key, _)| key.clone()).collect();
        for key in keys {
            if let Some(owed) = self.owed.get_mut(&key) {
                owed.is_replaced = true;
            }
        }
    }

    /// Queues another attempt, unless a newer revision has taken its place.
    fn retry(&mut self, key: &DeliveryKey, reason: &str, now: Timestamp, out: &mut Vec<Action>) {
        let Some(owed) = self.owed.get(key) else { return };
        if owed.is_replaced {
            self.finish(key, DeliveryState::Superseded, "a newer revision", now, out);
            return;
        }
        let due_at = now.plus(backoff(&owed.retry, key, owed.attempts));
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
        out.push(changed(key, &owed.channel, owed.attempts, state, note, due_at, now));
    }

    fn finish(
        &mut self,
        key: &DeliveryKey,
        state: DeliveryState,
        note: &str,
        now: Timestamp,
        out: &mut Vec<Action>,
    ) -> Option<Lost> {
        if state == DeliveryState::Superseded {
            // kept until it expires: a courier may have it in hand
            self.change(key, state, note, now, now, out);
            return None;
        }
        self.note(key, state, note, now, now, out);
        let owed = self.owed.remove(key)?;
        self.deadlines.remove(&(owed.deadline(), key.clone()));
        self.remember(key, state);
        if state == DeliveryState::Unconfirmed {
            let (channel, attempts) = (owed.channel.clone(), owed.attempts);
            self.unconfirmed.push_back(Taken { key: key.clone(), channel, attempts });
            let beyond = self.unconfirmed.len().saturating_sub(UNCONFIRMED_MAX);
            self.unconfirmed.drain(..beyond);
        }
        matches!(state, DeliveryState::Refused | DeliveryState::Expired).then(|| Lost {
            channel: owed.channel,
            key: key.clone(),
            why: note.to_string(),
        })
    }

    fn remember(&mut self, key: &DeliveryKey, state: DeliveryState) {
        self.settled.push_back((key.clone(), state));
        if self.settled.len() > SETTLED_MAX {
            self.settled.pop_front();
        }
    }
}

/// Where a delivery stands from now on, with as much of the note as is kept.
fn changed(
    key: &DeliveryKey,
    channel: &ChannelId,
    attempts: u32,
    state: DeliveryState,
    note: &str,
    due_at: Timestamp,
    now: Timestamp,
) -> Action {
    Action::Change(DeliveryChange {
        key: key.clone(),
        channel: channel.clone(),
        state,
        attempts,
        due_at,
        note: note.chars().take(NOTE_LEN_MAX).collect(),
        at: now,
    })
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
