//! Climbing: an incident that nobody answers calls one rung of its ladder after the other.

use alloc::collections::BTreeSet;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use reading::Timestamp;
use reading::id::{ChannelId, GroupId};

use super::asking::deliver;
use super::{Engine, Moment, Subject};
use crate::alert::{Alert, MessageType, Purpose, SiteFacts};
use crate::approval::Countdown;
use crate::catalogue;
use crate::decision::{Action, IncidentRecord};
use crate::delivery::DeliveryKey;
use crate::incident::Incident;
use crate::ladder::{Call, Climb, Ladder, Rung, ladder_for};
use crate::level::Level;
use crate::outbox::Strand;

/// How long it is known that a rota had nobody when somebody was to be called.
const NOBODY_FOR: core::time::Duration = core::time::Duration::from_secs(3_600);

/// How the key of the fault begins that nobody answers.
const UNANSWERED: &str = "unanswered-";

/// Somebody to be called: the route in the setup, and the recipient.
type Reached = BTreeSet<(usize, String)>;

impl Engine {
    /// Goes on with the ladder of an incident after a revision: whom to call, or that nobody has to be any more.
    pub(super) fn climb(
        &mut self,
        subject: Subject,
        record: &IncidentRecord,
        incident: &mut Incident,
        now: Moment,
        out: &mut Vec<Action>,
    ) {
        let ladder = ladder_for(&self.setup.ladders, &record.site).cloned();
        let of_its_own = subject != Subject::System || self.has_more_to_say(now.at);
        let Some(ladder) = ladder.filter(|ladder| of_its_own && waits(ladder, record, incident))
        else {
            return self.come_down(incident, now, out);
        };
        let facts = self.facts(subject);
        while let Some(call) = self.next_call(&ladder, record, &facts, incident, now.at) {
            if self.call(subject, &ladder, call, &facts, record, incident, now, out)
                || call == Call::Everybody
            {
                break;
            }
            if let Some(climb) = &mut incident.climb {
                climb.due_at = now.at; // there is nobody on this rung
            }
        }
    }

    /// Whether anything is wrong with bongsu but that nobody answers: everybody is being called for that already.
    fn has_more_to_say(&self, now: Timestamp) -> bool {
        let mut active = self.faults.iter().filter(|(_, fault)| fault.from <= now);
        active.any(|(key, _)| !key.starts_with(UNANSWERED))
    }

    /// Whom to call now, if anybody.
    fn next_call(
        &self,
        ladder: &Ladder,
        record: &IncidentRecord,
        facts: &SiteFacts,
        incident: &mut Incident,
        now: Timestamp,
    ) -> Option<Call> {
        let offsets = self.setup.offsets(&facts.zone);
        let peak = incident.peak;
        let heard_from = |call| {
            let rungs = rungs(ladder, call);
            let routes = rungs.iter().flat_map(|rung| &rung.channels);
            let routes = routes.filter_map(|channel| self.setup.route(channel));
            routes.map(|(_, route)| route.heard_from(peak, now, offsets)).min().unwrap_or(now)
        };
        if let Some(climb) = incident.climb.as_mut().filter(|climb| climb.ladder == ladder.id) {
            return climb.go_on(ladder, record.level, now, heard_from);
        }
        let mut climb = Climb::begin(ladder, record.level, now);
        climb.due_at = climb.due_at.plus(heard_from(Call::Rung(0)).since(now));
        incident.climb = Some(climb);
        Some(Call::Rung(0))
    }

    /// Calls everybody on a rung who does not hear of this revision anyway. Whether there is somebody.
    #[expect(clippy::too_many_arguments, reason = "each says something else about one call")]
    fn call(
        &mut self,
        subject: Subject,
        ladder: &Ladder,
        call: Call,
        facts: &SiteFacts,
        record: &IncidentRecord,
        incident: &mut Incident,
        now: Moment,
        out: &mut Vec<Action>,
    ) -> bool {
        let reached = self.reached(ladder, call, facts, record, now.at);
        let told = told_of(record, out);
        let alert = self.summons(subject, ladder, call, record, incident, now);
        let mut keys = BTreeSet::new();
        for (at, recipient) in &reached {
            let route = &self.setup.routes[*at];
            incident.called.entry(route.channel.clone()).or_default().insert(recipient.clone());
            if !told.contains(&(route.channel.clone(), recipient.clone())) {
                let offsets = self.setup.offsets(&facts.zone);
                let heard_from = route.heard_from(incident.peak, now.at, offsets);
                let delivery = deliver(route, recipient, alert.clone(), now.at, heard_from);
                keys.insert(delivery.key.clone());
                self.outbox.owe(delivery, route.retry, now.at, out);
            }
        }
        self.count_down(incident, call, keys, now.at);
        if subject != Subject::System {
            self.say_unanswered(ladder, call, incident, now, out);
            self.say_nobody(ladder, call, facts, now, out);
        }
        !reached.is_empty()
    }

    /// Those on the rungs that are called, on every channel of theirs.
    fn reached(
        &self,
        ladder: &Ladder,
        call: Call,
        facts: &SiteFacts,
        record: &IncidentRecord,
        now: Timestamp,
    ) -> Reached {
        let offsets = self.setup.offsets(&facts.zone);
        let mut reached = Reached::new();
        for rung in rungs(ladder, call) {
            let rota = self.setup.rotas.iter().find(|rota| rung.rota.as_ref() == Some(&rota.id));
            let on_duty = rota.map(|rota| rota.on_duty(now, offsets)).unwrap_or_default();
            let persons: Vec<&str> =
                rung.persons.iter().map(String::as_str).chain(on_duty).collect();
            for (at, route) in rung.channels.iter().filter_map(|id| self.setup.route(id)) {
                if route.personal {
                    reached.extend(persons.iter().map(|person| (at, person.to_string())));
                } else {
                    reached.extend(route.recipients_at(&record.site).map(|one| (at, one.clone())));
                }
            }
        }
        reached
    }

    /// The message to those who are to answer: what is going on, what waits, and how to answer.
    fn summons(
        &self,
        subject: Subject,
        ladder: &Ladder,
        call: Call,
        record: &IncidentRecord,
        incident: &Incident,
        now: Moment,
    ) -> Alert {
        let facts = self.facts(subject);
        let measured_at = incident.measured_at;
        let mut alert =
            self.compose(&facts, record, Purpose::Call, MessageType::Update, measured_at);
        let rung = match call {
            Call::Rung(rung) => (rung + 1).to_string(),
            Call::Everybody => ladder.rungs.len().to_string(),
        };
        let of = ladder.rungs.len().to_string();
        for (said, language) in [
            (&mut alert.headline.ko, catalogue::Language::Ko),
            (&mut alert.headline.en, catalogue::Language::En),
        ] {
            *said = catalogue::fill("call-headline", language, &[&rung, &of, said]);
        }
        let asked: Vec<GroupId> = incident
            .approvals
            .iter()
            .filter(|(_, approval)| approval.asked.is_some())
            .map(|(group, _)| group.clone())
            .collect();
        let due = incident.climb.as_ref().map_or(now.at, |climb| climb.due_at);
        let minutes = (due.since(now.at).as_secs() / 60).max(1).to_string();
        let how = catalogue::text("call-how", &[record.id.as_str(), &minutes]);
        self.append_questions(&mut alert, incident, &asked);
        for (said, how) in
            [(&mut alert.instruction.ko, &how.ko), (&mut alert.instruction.en, &how.en)]
        {
            said.push(' ');
            said.push_str(how);
        }
        alert
    }

    /// Approvers are reached by the ladder, too: a countdown starts when one of the first rung was, or when its time
    /// has passed.
    fn count_down(
        &self,
        incident: &mut Incident,
        call: Call,
        keys: BTreeSet<DeliveryKey>,
        now: Timestamp,
    ) {
        for (group, approval) in &mut incident.approvals {
            let remind = self.setup.group(group).map(|group| group.remind).unwrap_or_default();
            let Some(asked) = approval.asked.as_mut().filter(|asked| asked.has_to_start()) else {
                continue;
            };
            match call {
                Call::Rung(0) => asked.untried.extend(keys.iter().cloned()),
                Call::Rung(_) | Call::Everybody => {
                    asked.untried.clear();
                    asked.started(remind, now);
                }
            }
        }
    }

    /// The end of the ladder, and nobody answered: a fault of its own, told to all officers.
    fn say_unanswered(
        &mut self,
        ladder: &Ladder,
        call: Call,
        incident: &Incident,
        now: Moment,
        out: &mut Vec<Action>,
    ) {
        if call == Call::Everybody {
            let values = [incident.id.as_str(), ladder.id.as_str()];
            let what = catalogue::text("fault-unanswered", &values);
            self.fault(&fault_key(incident), what, None, now, out);
        }
    }

    fn say_nobody(
        &mut self,
        ladder: &Ladder,
        call: Call,
        facts: &SiteFacts,
        now: Moment,
        out: &mut Vec<Action>,
    ) {
        let rotas = rungs(ladder, call).iter().filter_map(|rung| rung.rota.as_ref());
        let offsets = self.setup.offsets(&facts.zone);
        let empty = |id: &&_| {
            let rota = self.setup.rotas.iter().find(|rota| rota.id == **id);
            rota.is_none_or(|rota| rota.on_duty(now.at, offsets).is_empty())
        };
        let empty: Vec<_> = rotas.filter(empty).cloned().collect();
        for rota in empty {
            let what = catalogue::text("fault-nobody-on-duty", &[rota.as_str()]);
            let key = ["rota-", rota.as_str()].concat();
            self.fault(&key, what, Some(now.at.plus(NOBODY_FOR)), now, out);
        }
    }

    /// Nobody has to be called any more.
    fn come_down(&mut self, incident: &mut Incident, now: Moment, out: &mut Vec<Action>) {
        if incident.climb.take().is_some() {
            self.outbox.withdraw(&incident.id, Strand::Calls, now.at, out);
            self.mend(&fault_key(incident), now, out);
        }
    }

    /// Calls the next if nobody has answered in time.
    pub(super) fn ladder_due(&mut self, subject: Subject, now: Moment, out: &mut Vec<Action>) {
        let incident = self.track_of(subject).incident.as_ref();
        let Some(climb) = incident.and_then(|incident| incident.climb.clone()) else { return };
        if climb.due_at > now.at {
            return;
        }
        let ladder = self.setup.ladders.iter().find(|ladder| ladder.id == climb.ladder);
        let more = ladder.is_some_and(|ladder| usize::from(climb.rung) + 1 < ladder.rungs.len());
        let key = if more { "what-called-next" } else { "what-called-everybody" };
        let Some(incident) = self.take_incident(subject, false) else { return };
        self.carry_on(subject, incident, catalogue::text(key, &[]), None, &[], now, out);
    }

    /// Whoever was called and is no ordinary recipient hears that it is over.
    pub(super) fn call_off(
        &mut self,
        facts: &SiteFacts,
        record: &IncidentRecord,
        incident: &mut Incident,
        now: Moment,
        out: &mut Vec<Action>,
    ) {
        let told = told_of(record, out);
        let measured_at = incident.measured_at;
        let alert = self.compose(facts, record, Purpose::Cancel, MessageType::Cancel, measured_at);
        for (channel, recipients) in core::mem::take(&mut incident.called) {
            let Some((_, route)) = self.setup.route(&channel) else { continue };
            let offsets = self.setup.offsets(&facts.zone);
            let heard_from = route.heard_from(incident.peak, now.at, offsets);
            for recipient in recipients {
                if !told.contains(&(channel.clone(), recipient.clone())) {
                    let delivery = deliver(route, &recipient, alert.clone(), now.at, heard_from);
                    self.outbox.owe(delivery, route.retry, now.at, out);
                }
            }
        }
    }
}

/// Whether somebody has to answer for an incident: nobody has said that they are on it, or what the public is to hear
/// waits for a person.
fn waits(ladder: &Ladder, record: &IncidentRecord, incident: &Incident) -> bool {
    let asked = incident.approvals.values().filter_map(|approval| approval.asked.as_ref());
    let open = !incident.life.is_acknowledged()
        || asked.into_iter().any(|asked| asked.countdown == Countdown::Never);
    let hidden = record.hidden_by.is_some();
    open && !hidden
        && !record.state.is_over()
        && record.level > Level::Normal
        && record.level >= ladder.min_level
}

fn rungs(ladder: &Ladder, call: Call) -> &[Rung] {
    match call {
        Call::Rung(at) => ladder.rungs.get(usize::from(at)..=usize::from(at)).unwrap_or_default(),
        Call::Everybody => &ladder.rungs,
    }
}

/// Whom a revision was told to just now.
fn told_of(record: &IncidentRecord, out: &[Action]) -> BTreeSet<(ChannelId, String)> {
    let owed = out.iter().filter_map(|action| match action {
        Action::Owe(delivery) => Some(delivery),
        Action::Decide(_) | Action::Change(_) | Action::Tell(_) => None,
    });
    let same = owed.filter(|delivery| {
        delivery.alert.incident == record.id && delivery.alert.revision == record.revision
    });
    same.map(|delivery| (delivery.channel.clone(), delivery.recipient.clone())).collect()
}

fn fault_key(incident: &Incident) -> String {
    [UNANSWERED, incident.id.as_str()].concat()
}
