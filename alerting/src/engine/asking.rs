//! Asking: what the groups of public channels may hear, who is asked for it, and what becomes of the question (G10).

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use reading::Timestamp;
use reading::id::GroupId;
use reading::registry::Text;

use super::telling::word_for;
use super::wording::headline;
use super::{Engine, Moment, Subject};
use crate::alert::{Alert, Hazard, MessageType, Purpose, SiteFacts};
use crate::approval::{Bound, ChannelGroup, PublicText, Release, Released};
use crate::catalogue;
use crate::decision::{Action, Decision, IncidentRecord, Verdict};
use crate::delivery::{Delivery, DeliveryKey};
use crate::incident::{Incident, Revision};
use crate::level::Level;
use crate::life::Step;
use crate::route::{Audience, Route};

/// What the public would hear of a revision, and who has to be asked before.
#[derive(Default)]
pub(super) struct Plan {
    /// By group: the words at their level.
    pub says: BTreeMap<GroupId, (Bound, PublicText)>,
    /// Groups whose approvers have to be asked.
    pub asks: Vec<GroupId>,
}

impl Engine {
    /// Looks at every group whose channels would hear of a revision: released already, asked already, or to be asked.
    pub(super) fn plan(
        &mut self,
        subject: Subject,
        incident: &mut Incident,
        draft: &Revision,
        purpose: Purpose,
        now: Moment,
        out: &mut Vec<Action>,
    ) -> Plan {
        let mut plan = Plan::default();
        for at in 0..self.setup.groups.len() {
            let group = self.setup.groups[at].clone();
            let Some(level) = self.level_for(&group, draft, incident, purpose) else {
                withdraw(incident, &group, now, out);
                forget_rejection(incident, &group, None);
                continue;
            };
            let text = self.public_text(subject, incident, &group, draft, level);
            let bound = Bound::new(level, &text);
            forget_rejection(incident, &group, Some(&bound));
            let approval = incident.approvals.entry(group.id.clone()).or_default();
            if approval.released(&bound).is_some() {
                withdraw(incident, &group, now, out);
            } else if !approval.is_answered_or_asked(&bound) {
                plan.asks.extend(pose(incident, &group, &bound, &text, now, out));
            }
            plan.says.insert(group.id, (bound, text));
        }
        plan
    }

    /// At which level a group would hear of this: normal if for all of its channels it is over.
    fn level_for(
        &self,
        group: &ChannelGroup,
        draft: &Revision,
        incident: &Incident,
        purpose: Purpose,
    ) -> Option<Level> {
        let routes = self.setup.routes.iter();
        let routes = routes.filter(|route| route.group.as_ref() == Some(&group.id));
        let words = routes.filter_map(|route| word_for(route, draft, incident, purpose));
        let levels = words.map(|(_, message_type)| match message_type {
            MessageType::Cancel => Level::Normal,
            MessageType::Alert | MessageType::Update => draft.level,
        });
        levels.max()
    }

    /// The words for the public: those of an approver, if they wrote some for this level, or ours.
    fn public_text(
        &self,
        subject: Subject,
        incident: &Incident,
        group: &ChannelGroup,
        draft: &Revision,
        level: Level,
    ) -> PublicText {
        let edited =
            incident.approvals.get(&group.id).and_then(|approval| approval.edited.as_ref());
        if let Some((_, text)) = edited.filter(|(of, _)| *of == level) {
            return text.clone();
        }
        let facts = self.facts(subject);
        let over = level == Level::Normal;
        PublicText {
            headline: headline(&facts, draft.hazard, draft.level, over),
            description: public_description(&facts, draft.hazard, level),
            instruction: self.instruction(
                &facts,
                Audience::Public,
                draft.hazard,
                draft.level,
                over,
            ),
        }
    }

    /// Asks everybody who may approve for these groups, in one message. It takes the place of an earlier one that is
    /// still to be sent, so it asks again about whatever has reached nobody.
    pub(super) fn ask(
        &mut self,
        subject: Subject,
        record: &IncidentRecord,
        incident: &mut Incident,
        groups: &[GroupId],
        now: Moment,
        out: &mut Vec<Action>,
    ) {
        let mut groups: BTreeSet<GroupId> = groups.iter().cloned().collect();
        let unreached = incident.approvals.iter().filter(|(_, approval)| {
            approval.asked.as_ref().is_some_and(|asked| !asked.untried.is_empty())
        });
        groups.extend(unreached.map(|(group, _)| group.clone()));
        let groups: Vec<GroupId> = groups.into_iter().collect();
        let groups = groups.as_slice();
        let alert = self.question(subject, record, incident, groups, now);
        let mut asked: BTreeMap<&GroupId, BTreeSet<DeliveryKey>> = BTreeMap::new();
        for route in self.setup.routes.clone() {
            let here: Vec<&GroupId> =
                groups.iter().filter(|group| self.asks_on(&route, group, record)).collect();
            if here.is_empty() {
                continue;
            }
            for recipient in route.recipients_at(&record.site) {
                let delivery = deliver(&route, recipient, alert.clone(), now.at, now.at);
                for group in &here {
                    asked.entry(group).or_default().insert(delivery.key.clone());
                }
                self.outbox.owe(delivery, route.retry, now.at, out);
            }
        }
        for group in groups {
            let keys = asked.remove(group).unwrap_or_default();
            self.note_asked(incident, group, keys, now.at);
        }
    }

    fn asks_on(&self, route: &Route, group: &GroupId, record: &IncidentRecord) -> bool {
        let Some(group) = self.setup.group(group) else { return false };
        let named = group.ask.is_empty() || group.ask.contains(&route.channel);
        route.audience == Audience::Officers && named && route.covers(&record.site)
    }

    fn note_asked(
        &self,
        incident: &mut Incident,
        group: &GroupId,
        keys: BTreeSet<DeliveryKey>,
        now: Timestamp,
    ) {
        let remind = self.setup.group(group).map(|group| group.remind).unwrap_or_default();
        let asked = incident.approvals.get_mut(group).and_then(|approval| approval.asked.as_mut());
        let Some(asked) = asked else { return };
        asked.times += 1;
        if asked.has_to_start() {
            asked.again_at = None;
            asked.untried = keys;
            if asked.untried.is_empty() {
                asked.started(remind, now);
            }
        } else {
            asked.again_at = Some(now.plus(remind));
        }
    }

    /// The message to those who may approve: what would be heard, by whom, and how to answer.
    fn question(
        &self,
        subject: Subject,
        record: &IncidentRecord,
        incident: &Incident,
        groups: &[GroupId],
        now: Moment,
    ) -> Alert {
        let facts = self.facts(subject);
        let mut base = self.compose(&facts, record, Purpose::Approval, MessageType::Update, now.at);
        let names: Vec<&str> = groups.iter().map(GroupId::as_str).collect();
        let names = names.join(", ");
        base.headline = both(&base.headline, |said, language| {
            catalogue::fill("approval-headline", language, &[said])
        });
        self.append_questions(&mut base, incident, groups);
        base.instruction = catalogue::text("approval-how", &[record.id.as_str(), &names]);
        base
    }

    /// Puts what would be heard behind what a message says.
    pub(super) fn append_questions(
        &self,
        base: &mut Alert,
        incident: &Incident,
        groups: &[GroupId],
    ) {
        for group in groups {
            let approval = incident.approvals.get(group).and_then(|one| one.asked.as_ref());
            let Some(asked) = approval else { continue };
            let say = |language, part: fn(&Text) -> &String| {
                let text = &asked.text;
                let said = [&text.headline, &text.description, &text.instruction].map(part);
                catalogue::fill(
                    "approval-text",
                    language,
                    &[group.as_str(), said[0], said[1], said[2]],
                )
            };
            base.description.ko.push_str(&say(catalogue::Language::Ko, |text| &text.ko));
            base.description.en.push_str(&say(catalogue::Language::En, |text| &text.en));
        }
    }

    /// An attempt to reach somebody came to something, or none was made before it was too late: if it was an approver,
    /// the countdown may start.
    pub(super) fn approver_tried(&mut self, key: &DeliveryKey, reached: bool, now: Moment) {
        if ![Purpose::Approval, Purpose::Call].into_iter().any(|why| key.is_for(why)) {
            return;
        }
        let Some(site) = key.site().and_then(|site| self.setup.registry.site(site)) else {
            return;
        };
        let reminds: BTreeMap<GroupId, core::time::Duration> =
            self.setup.groups.iter().map(|group| (group.id.clone(), group.remind)).collect();
        let entry = &mut self.sites[site.index()];
        let incidents = entry.main.incidents_mut().chain(entry.monitoring.incidents_mut());
        for (group, approval) in incidents.flat_map(|incident| &mut incident.approvals) {
            let remind = reminds.get(group).copied().unwrap_or_default();
            if let Some(asked) = &mut approval.asked {
                asked.tried(key, reached, remind, now.at);
            }
        }
        for monitoring in [false, true] {
            self.wake_for_track(site.index(), monitoring);
        }
    }

    /// Does what is due about the questions of a track: the written rule answers, or people are asked again.
    pub(super) fn questions_due(&mut self, subject: Subject, now: Moment, out: &mut Vec<Action>) {
        for over in [false, true] {
            let Some(mut incident) = self.take_incident(subject, over) else { continue };
            let released = self.release_due(&mut incident, now, out);
            let again = due_again(&incident, now.at);
            if let Some(what) = released {
                self.carry_on(subject, incident, what, Some(Purpose::Alert), &again, now, out);
            } else if !again.is_empty() {
                let what = catalogue::text("what-asked-again", &[]);
                self.carry_on(subject, incident, what, None, &again, now, out);
            } else {
                self.put_incident(subject, incident);
            }
        }
    }

    /// Lets the written rule answer where its time has come.
    fn release_due(
        &self,
        incident: &mut Incident,
        now: Moment,
        out: &mut Vec<Action>,
    ) -> Option<Text> {
        let mut what = None;
        for group in &self.setup.groups {
            let Release::After { rule, .. } = &group.release else { continue };
            let Some(approval) = incident.approvals.get_mut(&group.id) else { continue };
            let Some(asked) = approval.asked.take_if(|asked| asked.is_over(now.at)) else {
                continue;
            };
            if incident.life.take(&Step::Release(group.id.clone())).is_err() {
                continue;
            }
            approval.given = Some((asked.bound.clone(), Released::rule(rule)));
            out.push(decided(incident, group, asked.bound, Verdict::Released, [&rule.author], now));
            let values = [group.id.as_str(), &rule.author, &rule.reason];
            what = Some(catalogue::text("what-released-by-rule", &values));
        }
        what
    }

    /// Bongsu was not running from `asleep` to `awake`: whoever had a question gets it again.
    pub(super) fn ask_again_after(&mut self, asleep: Timestamp, awake: Timestamp) {
        let mut wake = Vec::new();
        for (at, site) in self.sites.iter_mut().enumerate() {
            let incidents = site.main.incidents_mut().chain(site.monitoring.incidents_mut());
            for approval in incidents.flat_map(|incident| incident.approvals.values_mut()) {
                if let Some(asked) = &mut approval.asked {
                    asked.slept(asleep, awake);
                    wake.push(at);
                }
            }
        }
        for site in wake {
            self.wake_by(site, awake);
        }
    }
}

/// Poses a question, or answers it at once by the written rule. The group whose approvers have to be asked.
fn pose(
    incident: &mut Incident,
    group: &ChannelGroup,
    bound: &Bound,
    text: &PublicText,
    now: Moment,
    out: &mut Vec<Action>,
) -> Option<GroupId> {
    let asked = incident.life.take(&Step::Ask(group.id.clone(), group.persons));
    let approval = incident.approvals.entry(group.id.clone()).or_default();
    if asked.is_err() {
        return None; // it is put away
    }
    if let Release::Automatic { rule } = &group.release {
        (approval.asked, approval.rejected) = (None, None);
        approval.given = Some((bound.clone(), Released::rule(rule)));
        incident.life.take(&Step::Release(group.id.clone())).ok();
        let by = [&rule.author];
        out.push(decided(incident, group, bound.clone(), Verdict::Released, by, now));
        return None;
    }
    approval.ask(group, bound.clone(), text.clone(), now.at);
    out.push(decided(incident, group, bound.clone(), Verdict::Asked, [], now));
    Some(group.id.clone())
}

/// There is nothing to ask a group about any more.
pub(super) fn withdraw(
    incident: &mut Incident,
    group: &ChannelGroup,
    now: Moment,
    out: &mut Vec<Action>,
) {
    let Some(approval) = incident.approvals.get_mut(&group.id) else { return };
    let Some(asked) = approval.asked.take() else { return };
    incident.life.take(&Step::Withdraw(group.id.clone())).ok();
    out.push(decided(incident, group, asked.bound, Verdict::Withdrawn, [], now));
}

/// What was turned down was so at its level and in its words. Once something else may be heard, or nothing, it is asked
/// about again when it comes back; of what is over it stands as the last word.
fn forget_rejection(incident: &mut Incident, group: &ChannelGroup, bound: Option<&Bound>) {
    let Some(approval) = incident.approvals.get_mut(&group.id) else { return };
    let is_other = |rejected: &Bound| !incident.life.state().is_over() && Some(rejected) != bound;
    if approval.rejected.take_if(|(rejected, ..)| is_other(rejected)).is_some() {
        incident.life.take(&Step::Withdraw(group.id.clone())).ok();
    }
}

fn due_again(incident: &Incident, now: Timestamp) -> Vec<GroupId> {
    let due = incident.approvals.iter().filter(|(_, approval)| {
        let again = approval.asked.as_ref().and_then(|asked| asked.again_at);
        again.is_some_and(|at| at <= now)
    });
    due.map(|(group, _)| group.clone()).collect()
}

/// What happened to a question, for the trail.
pub(super) fn decided<const N: usize>(
    incident: &Incident,
    group: &ChannelGroup,
    bound: Bound,
    verdict: Verdict,
    by: [&String; N],
    now: Moment,
) -> Action {
    Action::Decide(Decision::Approval {
        at: now.at,
        incident: incident.id.clone(),
        group: group.id.clone(),
        bound,
        verdict,
        by: by.into_iter().cloned().collect(),
    })
}

/// A delivery of a message to one recipient of a route.
/// It may be heard from `heard_from` on.
pub(super) fn deliver(
    route: &Route,
    recipient: &str,
    alert: Alert,
    now: Timestamp,
    heard_from: Timestamp,
) -> Delivery {
    let key =
        DeliveryKey::new(&alert.incident, alert.revision, alert.purpose, &route.channel, recipient);
    Delivery {
        key,
        channel: route.channel.clone(),
        recipient: recipient.to_string(),
        alert,
        owed_at: now,
        due_at: heard_from,
        expires_at: heard_from.plus(route.retry.expire_after),
    }
}

/// What the public is told of what is going on: no criteria, no numbers.
fn public_description(facts: &SiteFacts, hazard: Hazard, level: Level) -> Text {
    let key = match (level, hazard) {
        (Level::Normal, _) => "public-over",
        (Level::Warning | Level::Severe, Hazard::SlopeFailure) => "public-danger-slope",
        (Level::Warning | Level::Severe, _) => "public-danger-structure",
        (Level::Attention | Level::Caution, _) => "public-watch",
    };
    both(&facts.area, |area, language| catalogue::fill(key, language, &[area]))
}

fn both(text: &Text, say: impl Fn(&str, catalogue::Language) -> String) -> Text {
    Text { ko: say(&text.ko, catalogue::Language::Ko), en: say(&text.en, catalogue::Language::En) }
}
