//! Stations: what they say of themselves, gaps in what they send, and what they are asked.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use reading::codec::{Ask, StatusReport};
use reading::registry::Text;
use reading::{Quality, Reading, StationIndex, Timestamp};

use super::{COMMANDS_REMEMBERED, Engine, Moment};
use crate::catalogue;
use crate::decision::{Action, Decision};
use crate::station::{
    News, ORDER_EXPIRES, Order, RESEND_MAX, StationEvent, StationLife, StationOrder, Telling,
};

/// The shortest interval a station may be asked for.
const INTERVAL_MIN: Duration = Duration::from_secs(1);

impl Engine {
    /// What is known of every station beside its readings, by number.
    pub fn stations(&self) -> &[StationLife] {
        &self.stations
    }

    /// A station says whether it is there, and how it is. What a gateway says of itself holds for all behind it.
    pub fn station_status(
        &mut self,
        station: StationIndex,
        status: &StatusReport<'_>,
        now: Moment,
        out: &mut Vec<Action>,
    ) {
        let life = &mut self.stations[station.index()];
        let news = life.hear(status, now.at);
        self.tell_station(station, news, now, out);
        self.say(station, now, out);
        let online = status.state == reading::codec::StationState::Online;
        self.gateway_says(station, online, now, out);
    }

    /// Of the messages a station numbered, `lost` are newly missing and `found` came after all; `missing` is what is
    /// missing now. Asks for what the station still keeps, once.
    pub fn station_numbers(
        &mut self,
        station: StationIndex,
        (lost, found): (u64, u64),
        missing: Vec<(u64, u64)>,
        now: Moment,
        out: &mut Vec<Action>,
    ) {
        let news = self.stations[station.index()].count(lost, found, missing, now.at);
        self.tell_station(station, news, now, out);
        if lost > 0
            && let Some(ask) = self.stations[station.index()].wanted()
        {
            self.ask_station(station, ask, now, out);
        }
        self.say(station, now, out);
    }

    /// A person's order to a station; says in a decision whether it is taken and why not.
    pub fn order_station(&mut self, order: &StationOrder, now: Moment, out: &mut Vec<Action>) {
        if self.commands.contains(&order.id) {
            return;
        }
        self.commands.push_back(order.id.clone());
        if self.commands.len() > COMMANDS_REMEMBERED {
            self.commands.pop_front();
        }
        let registry = &self.setup.registry;
        let station = registry
            .site(order.site.as_str())
            .and_then(|site| registry.station(site, order.station.as_str()));
        let judged = self.judge_order(station, order);
        let name = format!("{}/{}", order.site, order.station);
        let (accepted, reason) = match &judged {
            Ok(_) => {
                let name = Text { ko: name.clone(), en: name };
                (true, catalogue::told("station-asked", &[&name, &catalogue::ask(order.ask)]))
            }
            Err(reason) => (false, reason.clone()),
        };
        out.push(Action::Decide(Decision::Command {
            at: now.at,
            command: order.ask.name().into(),
            incident: None,
            by: order.by.clone(),
            from: order.from.clone(),
            given: order.reason.clone(),
            accepted,
            reason,
        }));
        let Ok(station) = judged else { return };
        let owed = Order {
            id: self.order_id(station, now),
            ask: order.ask,
            by: Some(order.by.clone()),
            asked_at: now.at,
            due_at: now.at,
            expires_at: now.at.plus(ORDER_EXPIRES),
            attempts: 0,
        };
        self.owe_station(station, owed, now, out);
    }

    fn judge_order(
        &self,
        station: Option<StationIndex>,
        order: &StationOrder,
    ) -> Result<StationIndex, Text> {
        let station = station.ok_or_else(|| catalogue::text("station-unknown", &[]))?;
        let interval = self.setup.registry.stations()[station.index()].report_interval;
        let fits = |every: Duration| (INTERVAL_MIN..=interval).contains(&every);
        let seconds = format!("{}", interval.as_secs());
        let refused = |key: &'static str| Err(catalogue::text(key, &[&seconds]));
        match order.ask {
            // A station that reports more seldom than its registry says is taken for silent.
            Ask::Interval { every } | Ask::AlertMode { every, .. } if !fits(every) => {
                return refused("station-interval");
            }
            Ask::Resend { from, to } if from > to || to - from >= RESEND_MAX => {
                return Err(catalogue::text("station-range", &[&format!("{RESEND_MAX}")]));
            }
            Ask::Interval { .. } | Ask::AlertMode { .. } | Ask::Resend { .. } | Ask::Identify => {}
        }
        let life = &self.stations[station.index()];
        let replaces = life.orders.iter().any(|before| order.ask.replaces(before.ask));
        if !life.has_room() && !replaces {
            return refused("station-busy");
        }
        Ok(station)
    }

    /// What the station answers to an order. Whether the order is one of its own.
    pub fn station_answered(
        &mut self,
        station: StationIndex,
        order: &str,
        done: bool,
        note: &str,
        now: Moment,
        out: &mut Vec<Action>,
    ) -> bool {
        let news = self.stations[station.index()].answer(order, done, note, now.at);
        let is_ours = news.is_some();
        self.tell_station(station, news, now, out);
        self.say(station, now, out);
        is_ours
    }

    /// A value that nobody confirmed may be the first of a movement: its station is to look more often.
    pub(super) fn look_closer(&mut self, reading: &Reading, now: Moment, out: &mut Vec<Action>) {
        if !reading.quality.has_any(Quality::UNCONFIRMED) {
            return;
        }
        let station = self.setup.registry.series()[reading.series.index()].station;
        let interval = self.setup.registry.stations()[station.index()].report_interval;
        if let Some(ask) = self.stations[station.index()].alert_mode(interval) {
            self.ask_station(station, ask, now, out);
            self.say(station, now, out);
        }
    }

    /// Bongsu itself asks a station something.
    fn ask_station(&mut self, station: StationIndex, ask: Ask, now: Moment, out: &mut Vec<Action>) {
        if !self.stations[station.index()].has_room() {
            return;
        }
        let order = StationLife::own(self.order_id(station, now), ask, now.at);
        let what = catalogue::told("station-asks", &[&catalogue::ask(ask)]);
        let news = (StationEvent::Asked, Some(order.id.clone()), what);
        self.tell_station(station, Some(news), now, out);
        self.owe_station(station, order, now, out);
    }

    fn owe_station(
        &mut self,
        station: StationIndex,
        order: Order,
        now: Moment,
        out: &mut Vec<Action>,
    ) {
        let replaced = self.stations[station.index()].owe(order);
        self.tell_station(station, replaced, now, out);
        self.say(station, now, out);
    }

    /// Derived from the journal, never from chance: the record that brought it, and how many it brought before.
    fn order_id(&self, station: StationIndex, now: Moment) -> String {
        let entry = &self.setup.registry.stations()[station.index()];
        let site = &self.setup.registry.sites()[entry.site.index()].id;
        let stem = format!("station_{site}_{}_{}", entry.id, now.sequence);
        let life = &self.stations[station.index()];
        let ids = life.orders.iter().map(|one| &one.id).chain(life.settled.iter().map(|s| &s.id));
        let same = ids.filter(|id| id.starts_with(&stem)).count();
        format!("{stem}_{same}")
    }

    /// Says what is due, settles what is over, and sees to it that the next is not forgotten.
    pub(super) fn say(&mut self, station: StationIndex, now: Moment, out: &mut Vec<Action>) {
        let (said, news) = self.stations[station.index()].tick(now.at);
        for order in said {
            let entry = &self.setup.registry.stations()[station.index()];
            out.push(Action::Tell(Telling {
                source: entry.source.clone(),
                site: self.setup.registry.sites()[entry.site.index()].id.clone(),
                station: entry.id.clone(),
                order: order.id,
                ask: order.ask,
                at: now.at,
                until: order.due_at,
                not_after: order.expires_at,
            }));
        }
        for one in news {
            self.tell_station(station, Some(one), now, out);
        }
        self.plan_station(station);
    }

    /// When the next order of any station is due.
    pub(super) fn next_order(&self) -> Option<(Timestamp, StationIndex)> {
        self.orders_due.first().copied()
    }

    /// Sees to it that a station's orders are looked at when the next is due.
    pub(crate) fn plan_station(&mut self, station: StationIndex) {
        let due = self.stations[station.index()].next_deadline();
        let planned = core::mem::replace(&mut self.planned[station.index()], due);
        if planned != due {
            if let Some(at) = planned {
                self.orders_due.remove(&(at, station));
            }
            self.orders_due.extend(due.map(|at| (at, station)));
        }
    }

    fn tell_station(
        &self,
        station: StationIndex,
        news: Option<News>,
        now: Moment,
        out: &mut Vec<Action>,
    ) {
        let Some((event, order, what)) = news else { return };
        let entry = &self.setup.registry.stations()[station.index()];
        out.push(Action::Decide(Decision::Station {
            at: now.at,
            site: self.setup.registry.sites()[entry.site.index()].id.clone(),
            station: entry.id.clone(),
            event,
            order,
            what,
        }));
    }
}
