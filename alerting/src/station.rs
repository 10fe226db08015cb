//! The life of one station: what it says of itself, which of its messages are missing, and what it was asked.
//!
//! An order to a station is owed from the record that brought it until the station answers or it expires. Each attempt
//! is due at a moment that follows from the journal; nothing is kept beside it, so a restart forgets none and repeats
//! none that is not due. A station answers a repeated order again and obeys it once, by its id.

use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use reading::codec::{Ask, StationState, StatusReport};
use reading::registry::Text;
use reading::{SiteId, StationId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::catalogue;

/// The most orders that wait for one station.
pub const ORDERS_MAX: usize = 8;

/// How long an order is worth anything: a station that sleeps for a day hears it.
pub const ORDER_EXPIRES: Duration = Duration::from_secs(24 * 3_600);

/// How long bongsu's own orders are: what made it ask is over then, or will make it ask again.
pub const OWN_EXPIRES: Duration = Duration::from_secs(3_600);

/// The most messages that are asked for at once.
pub const RESEND_MAX: u64 = 10_000;

/// Waits between attempts: doubled from the first to the last.
const WAITS: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(600));

/// How many orders are remembered that are settled.
const SETTLED_MAX: usize = 4;

/// Gaps of one station are told at most this often; all are counted. So are its comings and goings.
const TELL_EVERY: Duration = Duration::from_secs(600);

/// What is missing is asked for after this: what was overtaken on the way comes by itself.
const RESEND_AFTER: Duration = Duration::from_secs(60);

/// How long a station stays in alert mode.
const ALERT_LASTS: Duration = Duration::from_secs(3_600);

/// How often a station reports in alert mode: 10 s to 1 min are usual.
const ALERT_EVERY: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(60));

/// How much of a text of a station is kept, characters.
const WORDS_MAX: usize = 120;

/// An order to a station, as journaled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StationOrder {
    /// Names this order, so that a repeated request is carried out once.
    pub id: String,
    /// The site of the station.
    pub site: SiteId,
    /// The station.
    pub station: StationId,
    /// What it is asked.
    pub ask: Ask,
    /// Who asks, by user id.
    pub by: String,
    /// Why.
    #[serde(default)]
    pub reason: String,
    /// From where: the door it came through, and the address.
    #[serde(default)]
    pub from: String,
}

/// What is to be said to a station now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Telling {
    /// The collector it is heard by.
    pub source: String,
    /// The site of the station.
    pub site: SiteId,
    /// The station.
    pub station: StationId,
    /// Names the order.
    pub order: String,
    /// What it is asked.
    pub ask: Ask,
    /// When this attempt was due.
    pub at: Timestamp,
    /// The next attempt is made then: until there is an answer or the order expires.
    pub until: Timestamp,
    /// The station obeys it no later than this.
    pub not_after: Timestamp,
}

/// What happened in the life of a station.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StationEvent {
    /// It says that it is there.
    Online,
    /// It is gone, by its own word or by its broker's.
    Offline,
    /// Messages that it numbered did not come.
    Gap,
    /// Bongsu itself asks it something.
    Asked,
    /// It did what it was asked.
    Done,
    /// It will not do what it was asked.
    Refused,
    /// It did not answer in time.
    Expired,
    /// Something newer was asked before it answered.
    Replaced,
    /// What it was asked for came without its answer.
    Moot,
}

impl StationEvent {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Offline => "offline",
            Self::Gap => "gap",
            Self::Asked => "asked",
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Expired => "expired",
            Self::Replaced => "replaced",
            Self::Moot => "moot",
        }
    }
}

/// What is known of a station beside its readings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StationLife {
    /// Whether it is there, and since when; `None` if it never said.
    pub there: Option<(bool, Timestamp)>,
    /// Its supply when it last said so, volts.
    pub battery_v: Option<f64>,
    /// How strongly its radio heard when it last said so, dBm.
    pub rssi_dbm: Option<f64>,
    /// Its software.
    pub firmware: String,
    /// How many of its last messages it keeps and can send again.
    pub buffer: u64,
    /// Messages that were missing when the next one came, ever.
    pub lost: u64,
    /// Those of them that came after all.
    pub found: u64,
    /// Runs of numbers that are missing now, first and last, lowest first; the newest few.
    pub missing: Vec<(u64, u64)>,
    /// What it was asked and has not answered, oldest first.
    pub orders: Vec<Order>,
    /// The last orders that are settled, oldest first.
    pub settled: VecDeque<Settled>,
    /// Messages that were missing and are not told of yet.
    untold: u64,
    gap_told_at: Option<Timestamp>,
    there_told_at: Option<Timestamp>,
    /// The highest number that bongsu asked for by itself: nothing is asked for twice.
    asked_to: Option<u64>,
}

/// An order that is owed to a station.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Names it, on the wire too.
    pub id: String,
    /// What is asked.
    pub ask: Ask,
    /// By whom, a user id; `None` if bongsu asks by itself.
    pub by: Option<String>,
    /// When it was ordered.
    pub asked_at: Timestamp,
    /// When it is said next.
    pub due_at: Timestamp,
    /// After this it is not worth anything.
    pub expires_at: Timestamp,
    /// How often it was said.
    pub attempts: u32,
}

/// What became of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    /// Which.
    pub id: String,
    /// What was asked.
    pub ask: Ask,
    /// What became of it.
    pub event: StationEvent,
    /// In the station's words.
    pub note: String,
    /// When.
    pub at: Timestamp,
}

/// Something to tell of a station: what happened, with which order, in words.
pub(crate) type News = (StationEvent, Option<String>, Text);

impl StationLife {
    /// Takes what the station says of itself.
    pub(crate) fn hear(&mut self, status: &StatusReport<'_>, now: Timestamp) -> Option<News> {
        let online = status.state == StationState::Online;
        let turned = self.there.is_none_or(|(before, _)| before != online);
        if turned {
            self.there = Some((online, now));
        }
        if online {
            self.battery_v = status.battery_v.or(self.battery_v);
            self.rssi_dbm = status.rssi_dbm.or(self.rssi_dbm);
            self.buffer = status.buffer.unwrap_or(0);
            if let Some(firmware) = &status.firmware {
                self.firmware = shortened(firmware);
            }
            for order in &mut self.orders {
                order.due_at = order.due_at.min(now); // it listens now
            }
        }
        let rested = self.there_told_at.is_none_or(|at| now.since(at) >= TELL_EVERY);
        if !turned || !rested {
            return None;
        }
        self.there_told_at = Some(now);
        let (event, key) = match online {
            true => (StationEvent::Online, "station-online"),
            false => (StationEvent::Offline, "station-offline"),
        };
        Some((event, None, catalogue::text(key, &[&self.facts()])))
    }

    /// Battery, signal and software in short, as far as known.
    fn facts(&self) -> String {
        let battery = self.battery_v.map(|volts| format!("{volts:.1} V"));
        let signal = self.rssi_dbm.map(|dbm| format!("{dbm:.0} dBm"));
        let firmware = Some(self.firmware.clone()).filter(|text| !text.is_empty());
        let facts: Vec<String> = [battery, signal, firmware].into_iter().flatten().collect();
        facts.join(", ")
    }

    /// `lost` messages are newly missing and `found` came after all; `missing` is what is missing now.
    pub(crate) fn count(
        &mut self,
        lost: u64,
        found: u64,
        missing: Vec<(u64, u64)>,
        now: Timestamp,
    ) -> Option<News> {
        self.lost = self.lost.saturating_add(lost);
        self.found = self.found.saturating_add(found);
        self.missing = missing;
        self.untold = self.untold.saturating_add(lost);
        let rested = self.gap_told_at.is_none_or(|at| now.since(at) >= TELL_EVERY);
        if lost == 0 || !rested {
            return None;
        }
        self.gap_told_at = Some(now);
        let count = core::mem::take(&mut self.untold).to_string();
        let (from, to) = self.missing.last().copied().unwrap_or_default();
        let words = [count.as_str(), &from.to_string(), &to.to_string()];
        Some((StationEvent::Gap, None, catalogue::text("station-gap", &words)))
    }

    /// What is missing and was never asked for, as far as the station keeps it.
    pub(crate) fn wanted(&self) -> Option<Ask> {
        let (_, to) = *self.missing.last()?;
        let kept = self.buffer.min(RESEND_MAX);
        let idle = !self.orders.iter().any(|order| matches!(order.ask, Ask::Resend { .. }));
        if kept == 0 || !idle {
            return None;
        }
        let mut from = self.missing.first()?.0.max(to.saturating_sub(kept - 1));
        if let Some(asked_to) = self.asked_to.filter(|asked_to| *asked_to >= self.missing[0].0) {
            from = from.max(asked_to.saturating_add(1));
        }
        (from <= to).then_some(Ask::Resend { from, to })
    }

    /// What puts a station that reports every `interval` into alert mode, unless it is on its way or would be slower.
    pub(crate) fn alert_mode(&self, interval: Duration) -> Option<Ask> {
        self.there?; // it never spoke of itself: it takes no orders either
        let every = (interval / 10).clamp(ALERT_EVERY.0, ALERT_EVERY.1);
        let pending = self.orders.iter().any(|order| matches!(order.ask, Ask::AlertMode { .. }));
        let ask = Ask::AlertMode { every, lasting: ALERT_LASTS };
        (every < interval && !pending).then_some(ask)
    }

    /// Owes the station an order. What it takes the place of is given back.
    pub(crate) fn owe(&mut self, order: Order) -> Option<News> {
        if let (Ask::Resend { to, .. }, None) = (order.ask, &order.by) {
            self.asked_to = Some(to);
        }
        let at = self.orders.iter().position(|before| order.ask.replaces(before.ask));
        let replaced = at.map(|at| self.orders.remove(at));
        let now = order.asked_at;
        self.orders.push(order);
        replaced.map(|before| self.settle(before, StationEvent::Replaced, "", now))
    }

    /// An order that bongsu itself gives, first said after a while.
    pub(crate) fn own(id: String, ask: Ask, now: Timestamp) -> Order {
        let after = match ask {
            Ask::Resend { .. } => RESEND_AFTER,
            Ask::Interval { .. } | Ask::AlertMode { .. } | Ask::Identify => Duration::ZERO,
        };
        Order {
            id,
            ask,
            by: None,
            asked_at: now,
            due_at: now.plus(after),
            expires_at: now.plus(OWN_EXPIRES),
            attempts: 0,
        }
    }

    /// When an order is due or expires next.
    pub(crate) fn next_deadline(&self) -> Option<Timestamp> {
        self.orders.iter().map(|order| order.due_at.min(order.expires_at)).min()
    }

    /// Whether there is room for one more order.
    pub(crate) fn has_room(&self) -> bool {
        self.orders.len() < ORDERS_MAX
    }

    /// The orders that are said now, and what became of those that are not worth saying any more.
    pub(crate) fn tick(&mut self, now: Timestamp) -> (Vec<Order>, Vec<News>) {
        let (mut said, mut news) = (Vec::new(), Vec::new());
        for mut order in core::mem::take(&mut self.orders) {
            if order.expires_at <= now {
                news.push(self.settle(order, StationEvent::Expired, "", now));
            } else if self.is_moot(&order) {
                news.push(self.settle(order, StationEvent::Moot, "", now));
            } else {
                if order.due_at <= now {
                    order.attempts += 1;
                    let doubled = WAITS.0.saturating_mul(1 << (order.attempts - 1).min(10));
                    order.due_at = now.plus(doubled.min(WAITS.1)).min(order.expires_at);
                    said.push(order.clone());
                }
                self.orders.push(order);
            }
        }
        (said, news)
    }

    /// Whether an order of our own asks for messages that are all there by now.
    fn is_moot(&self, order: &Order) -> bool {
        let Ask::Resend { from, to } = order.ask else { return false };
        order.by.is_none() && !self.missing.iter().any(|run| run.0 <= to && run.1 >= from)
    }

    /// The station's answer. `None` if no such order is open.
    pub(crate) fn answer(
        &mut self,
        id: &str,
        done: bool,
        note: &str,
        now: Timestamp,
    ) -> Option<News> {
        let at = self.orders.iter().position(|order| order.id == id)?;
        let order = self.orders.remove(at);
        let event = if done { StationEvent::Done } else { StationEvent::Refused };
        Some(self.settle(order, event, note, now))
    }

    fn settle(&mut self, order: Order, event: StationEvent, note: &str, now: Timestamp) -> News {
        let key = match event {
            StationEvent::Done => "station-done",
            StationEvent::Refused => "station-refused",
            StationEvent::Replaced => "station-replaced",
            StationEvent::Moot => "station-moot",
            StationEvent::Expired
            | StationEvent::Online
            | StationEvent::Offline
            | StationEvent::Gap
            | StationEvent::Asked => "station-expired",
        };
        let note = shortened(note);
        let said = Text { ko: note.clone(), en: note.clone() };
        let what = catalogue::told(key, &[&catalogue::ask(order.ask), &said]);
        if self.settled.len() == SETTLED_MAX {
            self.settled.pop_front();
        }
        let (id, ask) = (order.id.clone(), order.ask);
        self.settled.push_back(Settled { id, ask, event, note, at: now });
        (event, Some(order.id), what)
    }
}

/// A text of a station, as it is kept.
fn shortened(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(WORDS_MAX).collect()
}
