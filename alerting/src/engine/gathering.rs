//! Gathering: little notices about many sites become one, so that a night of storms is a few messages and not hundreds.
//!
//! Only on channels that ask for it, only to officers, and never what has been at 경계 or above: that goes out at once.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use reading::Timestamp;
use reading::id::ChannelId;
use serde::{Deserialize, Serialize};

use super::{Engine, Moment};
use crate::alert::{Alert, MessageType, Purpose};
use crate::catalogue::{self, Language};
use crate::decision::Action;
use crate::level::Level;
use crate::{Delivery, DeliveryKey};

/// So many notices wait for one recipient at most; then they go out at once.
const GATHERED_MAX: usize = 200;

/// How many of them a message names; the others it counts.
const NAMED_MAX: usize = 20;

/// Notices that wait for company, by channel and recipient.
pub(crate) type Gathering = BTreeMap<(ChannelId, String), Gathered>;

/// Notices for one recipient.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Gathered {
    /// They go out then.
    until: Timestamp,
    /// One of each incident, in the order they came.
    notices: Vec<Delivery>,
}

impl Engine {
    /// Owes a notice, at once or with others. `peak` is the highest its incident has been.
    pub(super) fn hand_out(
        &mut self,
        route: usize,
        notice: Delivery,
        peak: Level,
        now: Moment,
        out: &mut Vec<Action>,
    ) {
        let key = (notice.channel.clone(), notice.recipient.clone());
        if let Some(gathered) = self.gathering.get_mut(&key) {
            gathered.notices.retain(|older| older.alert.incident != notice.alert.incident);
        }
        let route = &self.setup.routes[route];
        let Some(window) = route.gather.filter(|_| peak < Level::Warning) else {
            self.outbox.owe(notice, route.retry, now.at, out);
            return;
        };
        let until = now.at.plus(window).max(notice.due_at);
        let empty = || Gathered { until, notices: Vec::new() };
        let gathered = self.gathering.entry(key.clone()).or_insert_with(empty);
        gathered.notices.push(notice);
        if gathered.notices.len() >= GATHERED_MAX {
            self.send_gathered(&key, now, out);
        }
    }

    /// When the next notices have waited for long enough.
    pub(super) fn gathered_until(&self) -> Option<Timestamp> {
        self.gathering.values().map(|gathered| gathered.until).min()
    }

    /// Sends what has waited for long enough.
    pub(super) fn gathering_due(&mut self, now: Moment, out: &mut Vec<Action>) {
        let due = self.gathering.iter().filter(|(_, gathered)| gathered.until <= now.at);
        let due: Vec<_> = due.map(|(key, _)| key.clone()).collect();
        for key in due {
            self.send_gathered(&key, now, out);
        }
    }

    fn send_gathered(&mut self, key: &(ChannelId, String), now: Moment, out: &mut Vec<Action>) {
        let Some(gathered) = self.gathering.remove(key) else { return };
        let Some((_, route)) = self.setup.route(&key.0) else { return };
        let retry = route.retry;
        let notice = match gathered.notices.as_slice() {
            [] => return,
            [only] => only.clone(),
            many => digest(many),
        };
        let expires_at = now.at.plus(retry.expire_after);
        let notice = Delivery { owed_at: now.at, due_at: now.at, expires_at, ..notice };
        self.outbox.owe(notice, retry, now.at, out);
    }
}

/// One message for several: the worst of them, with the names of all.
fn digest(notices: &[Delivery]) -> Delivery {
    let mut sorted: Vec<&Delivery> = notices.iter().collect();
    sorted.sort_by_key(|notice| core::cmp::Reverse(notice.alert.level)); // stable: the first of the worst leads
    let worst = sorted[0];
    let mut alert = Alert {
        purpose: Purpose::Digest,
        message_type: MessageType::Update,
        ..worst.alert.clone()
    };
    for language in [Language::Ko, Language::En] {
        let (headline, description) = (headline(&sorted, language), lines(&sorted, language));
        let others = (sorted.len() - 1).to_string();
        let name = said(&worst.alert.site.name, language);
        let names = catalogue::fill("digest-sites", language, &[name, &others]);
        let area = said(&worst.alert.site.area, language);
        let areas = catalogue::fill("digest-sites", language, &[area, &others]);
        let texts = [
            (&mut alert.headline, headline),
            (&mut alert.description, description),
            (&mut alert.site.name, names),
            (&mut alert.site.area, areas),
        ];
        for (text, words) in texts {
            match language {
                Language::Ko => text.ko = words,
                Language::En => text.en = words,
            }
        }
    }
    let (channel, recipient) = (worst.channel.clone(), worst.recipient.clone());
    let key =
        DeliveryKey::new(&alert.incident, alert.revision, alert.purpose, &channel, &recipient);
    Delivery { key, channel, recipient, alert, ..worst.clone() }
}

/// `3곳: 주의 1, 관심 2`.
fn headline(sorted: &[&Delivery], language: Language) -> String {
    let mut counts: BTreeMap<core::cmp::Reverse<Level>, usize> = BTreeMap::new();
    for notice in sorted {
        *counts.entry(core::cmp::Reverse(notice.alert.level)).or_default() += 1;
    }
    let word = |level: Level| match level {
        Level::Normal => catalogue::message("word-over", language),
        other => catalogue::level(other, language),
    };
    let counted = counts.iter().map(|(level, count)| alloc::format!("{} {count}", word(level.0)));
    let counted = counted.collect::<Vec<_>>().join(", ");
    catalogue::fill("digest-headline", language, &[&sorted.len().to_string(), &counted])
}

fn lines(sorted: &[&Delivery], language: Language) -> String {
    let named = sorted.iter().take(NAMED_MAX).map(|notice| said(&notice.alert.headline, language));
    let mut lines: Vec<String> = named.map(|headline| ["- ", headline].concat()).collect();
    if sorted.len() > NAMED_MAX {
        let more = (sorted.len() - NAMED_MAX).to_string();
        lines.push(catalogue::fill("digest-more", language, &[&more]));
    }
    lines.join("\n")
}

fn said(text: &reading::registry::Text, language: Language) -> &str {
    match language {
        Language::Ko => &text.ko,
        Language::En => &text.en,
    }
}
