//! What became of deliveries: outcomes of attempts, the far end's word, a person's, and what nobody knows any more.

use alloc::string::ToString;
use alloc::vec::Vec;

use reading::Timestamp;

use super::{FAILURES_MAX, Lost, Outbox, Reply, Standing, Strand, Taken, changed};
use crate::decision::Action;
use crate::delivery::{AttemptResult, DeliveryKey, DeliveryState, Outcome, StillOwed};
use crate::level::Level;

impl Outbox {
    /// Takes note whether an attempt reached the far end of its channel. A far end that refuses is there.
    pub fn note_standing(&mut self, outcome: &Outcome) -> Option<Standing> {
        let channel = self.owed.get(&outcome.key)?.channel.clone();
        let why = match &outcome.result {
            AttemptResult::Retry { reason } => reason.as_str(),
            AttemptResult::Unknown => "no end of the attempt is known",
            AttemptResult::Delivered { .. }
            | AttemptResult::HandedOver { .. }
            | AttemptResult::Refused { .. } => {
                let before = self.failures.remove(&channel)?;
                return (before >= FAILURES_MAX).then_some(Standing::Working { channel });
            }
        };
        let times = self.failures.entry(channel.clone()).or_default();
        *times = times.saturating_add(1);
        let failing = Standing::Failing { channel, times: *times, why: why.to_string() };
        (*times >= FAILURES_MAX).then_some(failing)
    }

    /// A person says what became of a delivery that nobody else can tell of: one that is in doubt, whose receipt does
    /// not come, or that a medium took without any. `None` if it is none of these; what turns out not to have arrived
    /// and is not tried again is lost.
    pub fn settle_by_hand(
        &mut self,
        key: &DeliveryKey,
        delivered: bool,
        note: &str,
        now: Timestamp,
        out: &mut Vec<Action>,
    ) -> Option<Option<Lost>> {
        let Some(owed) = self.owed.get(key) else {
            let state = if delivered { DeliveryState::Delivered } else { DeliveryState::Refused };
            return self.correct(key, state, note, now, out);
        };
        if !matches!(owed.state, DeliveryState::InDoubt | DeliveryState::HandedOver) {
            return None;
        }
        if delivered {
            self.finish(key, DeliveryState::Delivered, note, now, out);
        } else {
            self.retry(key, note, now, out);
        }
        Some(None)
    }

    /// The newest attempt of a delivery that is not settled.
    pub fn attempts(&self, key: &DeliveryKey) -> Option<u32> {
        self.owed.get(key).map(|owed| owed.attempts)
    }

    /// Gives up what stood open in the ledger and nobody here knows of. Whether that was so: it may have been settled since.
    pub fn disown(&mut self, owed: &StillOwed, now: Timestamp, out: &mut Vec<Action>) -> bool {
        let settled = || self.settled.iter().any(|(key, _)| *key == owed.key);
        if self.owed.contains_key(&owed.key) || settled() {
            return false;
        }
        self.remember(&owed.key, DeliveryState::Expired);
        let why = "the records that decided it are lost; nobody can repeat or cancel it";
        let StillOwed { key, channel, attempts } = owed;
        out.push(changed(key, channel, *attempts, DeliveryState::Expired, why, now, now));
        true
    }

    /// Takes for settled what the ledger knows to be.
    pub fn recall(&mut self, key: &DeliveryKey, state: DeliveryState) {
        let Some(owed) = self.owed.remove(key) else { return };
        self.deadlines.remove(&(owed.deadline(), key.clone()));
        self.remember(key, state);
    }

    /// Takes what an attempt came to. An outcome for a delivery that is settled already changes nothing, unless a
    /// medium took it without a receipt and says now what became of it.
    pub fn settle(
        &mut self,
        outcome: &Outcome,
        now: Timestamp,
        out: &mut Vec<Action>,
    ) -> Option<Lost> {
        let Some(owed) = self.owed.get_mut(&outcome.key) else {
            let (state, note) = match &outcome.result {
                AttemptResult::Delivered { receipt } => (DeliveryState::Delivered, receipt),
                AttemptResult::Refused { reason } => (DeliveryState::Refused, reason),
                AttemptResult::HandedOver { .. }
                | AttemptResult::Retry { .. }
                | AttemptResult::Unknown => return None,
            };
            return self.correct(&outcome.key, state, note, now, out).flatten();
        };
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
                None => self.finish(&outcome.key, DeliveryState::Unconfirmed, reference, now, out),
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

    /// Takes the far end's own word on a delivery that was handed over, or is being tried again. A device that says it
    /// is `silent` though it was told to sound has not done what it says: it is told again. What a newer revision
    /// overtook while it was in hand waits for no answer, and one that comes is its proof all the same.
    pub fn receipt(
        &mut self,
        key: &DeliveryKey,
        accepted: bool,
        silent: bool,
        note: &str,
        now: Timestamp,
        out: &mut Vec<Action>,
    ) -> Reply {
        let state = if accepted { DeliveryState::Delivered } else { DeliveryState::Refused };
        let Some(owed) = self.owed.get_mut(key) else {
            let proves = accepted && !silent;
            if proves && let Some(lost) = self.correct(key, state, note, now, out) {
                return Reply::Taken(lost);
            }
            let known = self.settled.iter().find(|(settled, _)| settled == key);
            return match known.map(|(_, state)| *state) {
                None => Reply::Unknown,
                Some(DeliveryState::Expired | DeliveryState::Superseded) => Reply::Late,
                Some(_) => Reply::Repeated,
            };
        };
        owed.attempts = owed.attempts.max(1); // faster than the end of the first attempt
        let told_to_sound = owed.level == Level::Severe && owed.strand == Strand::News;
        if accepted && silent && told_to_sound {
            self.retry(key, "it says that it did it, and that it is silent", now, out);
            return Reply::Taken(None);
        }
        Reply::Taken(self.finish(key, state, note, now, out))
    }

    /// What a medium took without a receipt turns out to have arrived, or not. `None` if it is no such delivery.
    fn correct(
        &mut self,
        key: &DeliveryKey,
        state: DeliveryState,
        note: &str,
        now: Timestamp,
        out: &mut Vec<Action>,
    ) -> Option<Option<Lost>> {
        let at = self.unconfirmed.iter().position(|taken| taken.key == *key)?;
        let Taken { key, channel, attempts } = self.unconfirmed.remove(at)?;
        self.settled.retain(|(settled, _)| *settled != key);
        self.remember(&key, state);
        out.push(changed(&key, &channel, attempts, state, note, now, now));
        let lost = Lost { channel, key, why: note.to_string() };
        Some((state == DeliveryState::Refused).then_some(lost))
    }

    /// A courier had it in hand when a newer revision came: what became of it is still the truth.
    fn settle_superseded(&mut self, outcome: &Outcome, now: Timestamp, out: &mut Vec<Action>) {
        let (state, note) = match &outcome.result {
            AttemptResult::Delivered { receipt } => (DeliveryState::Delivered, receipt),
            AttemptResult::HandedOver { reference } => (DeliveryState::Unconfirmed, reference),
            AttemptResult::Retry { .. }
            | AttemptResult::Refused { .. }
            | AttemptResult::Unknown => {
                return;
            }
        };
        self.finish(&outcome.key, state, note, now, out);
    }
}
