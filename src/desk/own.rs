//! Records of our own: what people order, what attempts came to, collectors, the journal's own news, proofs.

use alerting::engine::TrailHead;
use alerting::standing::SiteOrder;
use alerting::{Action, Command, Moment, Outcome, UNRECORDED};
use ingest::collector::limit::TOO_FAST;
use ingest::journal::{Cut, Record};
use reading::codec::{CommandResult, ResultKind, SirenState};
use serde::de::DeserializeOwned;

use super::events::{self, ClockStep, CollectorEvent, ORPHANS, Orphans, ProofEvent, Skip, Trouble};
use super::{CLOCK_STEP_SHOWN, Carried, DISK_FULL, Desk, PROOFS_MAX, link_fault, quarantined};
use crate::overview::LinkProof;

impl Desk {
    pub(super) fn obey(
        &mut self,
        record: &Record<'_>,
        now: Moment,
        actions: &mut Vec<Action>,
        carried: &mut Carried,
    ) {
        if record.topic == events::STATION_ORDER {
            return self.order_station(record, now, actions, carried);
        }
        if record.topic == events::SITE_ORDER {
            if let (Some(order), Some(engine)) =
                (self.said::<SiteOrder>(record, carried), &mut self.engine)
            {
                engine.order(&order, now, actions);
            }
            return;
        }
        if let (Some(command), Some(engine)) =
            (self.said::<Command>(record, carried), &mut self.engine)
        {
            engine.obey(&command, now, actions);
        }
    }

    pub(super) fn settle(
        &mut self,
        record: &Record<'_>,
        now: Moment,
        actions: &mut Vec<Action>,
        carried: &mut Carried,
    ) {
        if let (Some(outcome), Some(engine)) =
            (self.said::<Outcome>(record, carried), &mut self.engine)
        {
            engine.settle(&outcome, now, actions);
        }
    }

    pub(super) fn take_collector(
        &mut self,
        record: &Record<'_>,
        now: Moment,
        actions: &mut Vec<Action>,
        carried: &mut Carried,
    ) {
        let (Some(event), Some(engine)) =
            (self.said::<CollectorEvent>(record, carried), &mut self.engine)
        else {
            return;
        };
        match event {
            CollectorEvent { foreign: Some((gateway, topic)), .. } => {
                let what = alerting::catalogue::text("fault-trespass", &[&gateway, &topic]);
                let until = now.at.plus(std::time::Duration::from_secs(3_600));
                engine.fault(&format!("trespass-{gateway}"), what, Some(until), now, actions);
            }
            CollectorEvent { too_fast: Some((sender, refused)), .. } => {
                let what = alerting::catalogue::text("fault-too-fast", &[&sender, record.source]);
                let until = now.at.plus(std::time::Duration::from_secs(3_600));
                engine.fault(&format!("too-fast-{sender}"), what, Some(until), now, actions);
                *carried.refusals.entry(TOO_FAST).or_default() += refused.saturating_sub(1);
                let text = format!("{refused} frames were refused before they were stored");
                self.list(TOO_FAST, text, record, carried);
            }
            CollectorEvent { slowed: Some(sender), .. } => {
                let what = alerting::catalogue::text("fault-slowed", &[&sender, record.source]);
                let until = now.at.plus(std::time::Duration::from_secs(3_600));
                engine.fault(&format!("slowed-{sender}"), what, Some(until), now, actions);
            }
            event if event.lost.is_empty() => {
                engine.collector(record.source, event.up, &event.reason, now, actions);
                if event.up {
                    self.admission.put_off(&self.setup.registry, now.at);
                }
            }
            event => {
                let what =
                    alerting::catalogue::text("fault-frames-lost", &[record.source, &event.lost]);
                let until = now.at.plus(std::time::Duration::from_secs(3_600));
                engine.fault(&format!("lost-{}", record.source), what, Some(until), now, actions);
            }
        }
    }

    pub(super) fn take_cut(&mut self, record: &Record<'_>, now: Moment, actions: &mut Vec<Action>) {
        let (Some(cut), Some(engine)) = (Cut::read(record.payload), &mut self.engine) else {
            return;
        };
        let text = alerting::catalogue::text;
        match cut {
            Cut::TornTail { .. } => {}
            Cut::Damaged { .. } | Cut::Missing { .. } | Cut::Trimmed { .. } => {
                let what = text("fault-journal-gap", &[&format!("{cut:?}")]);
                let until = now.at.plus(std::time::Duration::from_secs(86_400));
                engine.fault("journal-gap", what, Some(until), now, actions);
            }
            Cut::Full => {
                engine.fault(DISK_FULL, text("fault-disk-full", &[]), None, now, actions);
            }
            Cut::Room => engine.mend(DISK_FULL, now, actions),
            Cut::Unrecorded { .. } => {
                engine.fault(UNRECORDED, text("fault-unrecorded", &[]), None, now, actions);
            }
            Cut::Recorded { .. } => {
                engine.mend(UNRECORDED, now, actions);
                engine.mend(DISK_FULL, now, actions);
            }
        }
    }

    /// A wall clock that jumps by more than a station's own clock may be wrong is for a person to look at: stamps of
    /// stations are judged by it.
    pub(super) fn take_clock_step(
        &mut self,
        record: &Record<'_>,
        now: Moment,
        actions: &mut Vec<Action>,
    ) {
        let Ok(step) = serde_json::from_slice::<ClockStep>(record.payload) else { return };
        let seconds = step.nanos / 1_000_000_000;
        if let Some(engine) = &mut self.engine
            && seconds.unsigned_abs() >= CLOCK_STEP_SHOWN.as_secs()
        {
            let what = alerting::catalogue::text("fault-clock", &[&seconds.to_string()]);
            let until = now.at.plus(std::time::Duration::from_secs(3_600));
            engine.fault("clock", what, Some(until), now, actions);
        }
    }

    pub(super) fn take_trouble(
        &mut self,
        record: &Record<'_>,
        now: Moment,
        actions: &mut Vec<Action>,
        carried: &mut Carried,
    ) {
        if record.topic == ORPHANS {
            return self.take_orphans(record, now, actions, carried);
        }
        let (Some(Trouble { key, what }), Some(engine)) =
            (self.said(record, carried), &mut self.engine)
        else {
            return;
        };
        match what {
            Some(what) => engine.fault(&key, what, None, now, actions),
            None => engine.mend(&key, now, actions),
        }
    }

    fn take_orphans(
        &mut self,
        record: &Record<'_>,
        now: Moment,
        actions: &mut Vec<Action>,
        carried: &mut Carried,
    ) {
        if let (Some(orphans), Some(engine)) =
            (self.said::<Orphans>(record, carried), &mut self.engine)
        {
            if let Some(first) = orphans.lost_before {
                let what = alerting::catalogue::text("fault-state-lost", &[&first.to_string()]);
                let until = now.at.plus(std::time::Duration::from_secs(86_400));
                engine.fault("state-lost", what, Some(until), now, actions);
            }
            engine.recall(&orphans.settled);
            engine.disown(&orphans.owed, now, actions);
            engine.put_away_strangers(&orphans.incidents, now, actions);
        }
    }

    pub(super) fn take_head(
        &mut self,
        record: &Record<'_>,
        now: Moment,
        actions: &mut Vec<Action>,
        carried: &mut Carried,
    ) {
        if let (Some(head), Some(engine)) =
            (self.said::<TrailHead>(record, carried), &mut self.engine)
        {
            engine.tell_head(&head, now, actions);
        }
    }

    pub(super) fn take_proof(
        &mut self,
        record: &Record<'_>,
        now: Moment,
        actions: &mut Vec<Action>,
        carried: &mut Carried,
    ) {
        if let Some(event) = self.said(record, carried) {
            self.prove(event, now, actions);
        }
    }

    /// A device answers a look. What none of its channels has is nobody's answer.
    pub(super) fn answered(
        &mut self,
        channel: &str,
        target: &str,
        receipt: &CommandResult<'_>,
        now: Moment,
        actions: &mut Vec<Action>,
    ) {
        if !self.setup.routes.iter().any(|route| route.channel.as_str() == channel) {
            return;
        }
        let state = match receipt.state {
            Some(SirenState::Sounding) => "sounding",
            Some(SirenState::Silent) => "silent",
            None => "",
        };
        let said = receipt.reason.as_deref().unwrap_or(state);
        let event = ProofEvent {
            channel: channel.into(),
            target: target.into(),
            proven: receipt.result == ResultKind::Done,
            what: format!("answered: {said}"),
            by: receipt.station.into(),
        };
        self.prove(event, now, actions);
    }

    fn prove(&mut self, event: ProofEvent, now: Moment, actions: &mut Vec<Action>) {
        let ProofEvent { channel, target, proven, what, .. } = event;
        let name = (channel.clone(), target.clone());
        if self.proofs.len() >= PROOFS_MAX && !self.proofs.contains_key(&name) {
            return;
        }
        let before = self.proofs.get(&name);
        let (since, proved_before) =
            before.map_or((now.at, None), |proof| (proof.since, proof.proved_at));
        let proved_at = if proven { Some(now.at) } else { proved_before };
        if proven && let Some(engine) = &mut self.engine {
            engine.mend(&link_fault(&channel, &target), now, actions);
        }
        let proof = LinkProof { channel, target, since, proved_at, tried_at: now.at, proven, what };
        self.proofs.insert(name, proof);
    }

    pub(super) fn take_skip(
        &mut self,
        record: &Record<'_>,
        now: Moment,
        actions: &mut Vec<Action>,
    ) {
        let Ok(skip) = serde_json::from_slice::<Skip>(record.payload) else { return };
        if let Some(engine) = &mut self.engine {
            let what = alerting::catalogue::text("fault-poison", &[&skip.sequence.to_string()]);
            let until = now.at.plus(std::time::Duration::from_secs(86_400));
            engine.fault("poison", what, Some(until), now, actions);
        }
    }

    /// A record of our own that this version cannot read: kept visible, like a frame that cannot be decoded.
    /// What a record of ours says. One that cannot be read is set aside.
    pub(super) fn said<T: DeserializeOwned>(
        &mut self,
        record: &Record<'_>,
        carried: &mut Carried,
    ) -> Option<T> {
        serde_json::from_slice(record.payload)
            .inspect_err(|error| self.unreadable(record, error, carried))
            .ok()
    }

    pub(super) fn unreadable(
        &mut self,
        record: &Record<'_>,
        error: &serde_json::Error,
        carried: &mut Carried,
    ) {
        tracing::error!(sequence = record.sequence, kind = record.kind.name(), %error, "record cannot be read");
        *carried.refusals.entry("unreadable-record").or_default() += 1;
        carried.batch.quarantine.push(quarantined(record, "unreadable-record", error.to_string()));
    }
}
