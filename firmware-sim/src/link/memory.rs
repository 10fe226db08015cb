//! The world as a queue: every message of every station in the order it is sent, from a scenario and a seed.
//!
//! Needs no clock and no socket. The same scenario and seed give the same bytes on every machine.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::mpsc::SyncSender;

use reading::Timestamp;

use crate::fault::{FaultLog, Injected, Kind, Rates, Scripted, damage, transmit};
use crate::message::Message;
use crate::physics::{Site, moved};
use crate::random::Random;
use crate::scenario::Scenario;
use crate::station::Station;

/// The whole field. An iterator without end: the world goes on when the scenario is over.
#[derive(Clone, Debug)]
pub struct World {
    start: Timestamp,
    rates: Rates,
    sites: Vec<Site>,
    stations: Vec<Placed>,
    /// Which station speaks under which topics.
    by_base: BTreeMap<String, usize>,
    due: BinaryHeap<Reverse<(Timestamp, usize)>>,
    on_the_way: BinaryHeap<Reverse<Queued>>,
    queued: u64,
    began: bool,
    live: bool,
    log: FaultLog,
    script: Vec<Scripted>,
}

#[derive(Clone, Debug)]
struct Placed {
    station: Station,
    site: usize,
    fate: Random,
}

/// Ordered by the moment of sending, then by the order of making.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Queued {
    number: u64,
    message: Message,
}

impl World {
    /// The field of `scenario`, with all chance drawn from `seed`.
    pub fn new(scenario: &Scenario, seed: u64) -> Self {
        let mut world = Self {
            start: scenario.start,
            rates: scenario.rates,
            sites: Vec::new(),
            stations: Vec::new(),
            by_base: BTreeMap::new(),
            due: BinaryHeap::new(),
            on_the_way: BinaryHeap::new(),
            queued: 0,
            began: false,
            live: false,
            log: FaultLog::default(),
            script: Vec::new(),
        };
        let history_begins_at = moved(scenario.start, -scenario.history_h);
        world.script = scenario.faults(seed);
        for (site, plan) in scenario.sites().iter().enumerate() {
            world.sites.push(Site::new(scenario, plan, seed));
            for station_plan in scenario.stations(plan) {
                let mut station = Station::new(scenario, plan, station_plan, &world.script, seed);
                let first_at = history_begins_at.plus(station.draw_phase());
                let fate = Random::new(seed, &format!("{}/{}/fate", plan.id, station_plan.id));
                let number = world.stations.len();
                world.due.push(Reverse((first_at, number)));
                world.by_base.insert(station.topics().base().to_owned(), number);
                world.stations.push(Placed { station, site, fate });
            }
        }
        world
    }

    /// The same world, heard of from `at` on: what was measured by then waits as backlog, as it does before the start.
    #[must_use]
    pub fn heard_from(mut self, at: Timestamp) -> Self {
        self.start = self.start.max(at);
        self
    }

    /// How many stations there are.
    pub fn station_count(&self) -> usize {
        self.stations.len()
    }

    /// What went wrong so far, as truth.
    pub fn faults(&self) -> &FaultLog {
        &self.log
    }

    /// Tells from here on of each report that something befell on its way, as it happens; waits for a listener that is
    /// behind, and tells nobody once it is gone.
    pub fn tell_faults(&mut self, listener: SyncSender<Injected>) {
        self.log.tell(listener);
    }

    /// What goes wrong with instruments, boxes and links by plan and by chance, as truth: what is found is scored
    /// against it.
    pub fn script(&self) -> &[Scripted] {
        &self.script
    }

    /// The true state of a site, as of the latest message; by its place in [`Scenario::sites`].
    pub fn site(&self, index: usize) -> Option<&Site> {
        self.sites.get(index)
    }

    /// A station is told something at `at`: its answer, and what it sends again. Nothing if there is no such station.
    pub fn tell(&mut self, topic: &str, payload: &[u8], at: Timestamp) -> Vec<Message> {
        let Some(base) = topic.strip_suffix("/command") else { return Vec::new() };
        let Some(number) = self.by_base.get(base) else { return Vec::new() };
        self.stations[*number].station.obey(payload, at)
    }

    /// What a station says of itself when its connection is up: that it is there. `base` is what its topics begin with.
    pub fn birth(&self, base: &str, at: Timestamp) -> Option<Message> {
        Some(self.stations[*self.by_base.get(base)?].station.birth(at))
    }

    /// How many reports a station keeps. `base` is what its topics begin with.
    pub fn room(&self, base: &str) -> Option<usize> {
        Some(self.stations[*self.by_base.get(base)?].station.room())
    }

    /// The messages sent before `end`.
    pub fn until(mut self, end: Timestamp) -> impl Iterator<Item = Message> {
        core::iter::from_fn(move || self.next_before(end))
    }

    /// The next message in the order of sending, if there is one before `end`. Before `start` nothing is sent: what was
    /// measured by then waits as backlog and leaves at `start`, ahead of the first live report.
    pub fn next_before(&mut self, end: Timestamp) -> Option<Message> {
        if !self.began {
            self.begin();
        }
        loop {
            let next_sample_at = self.due.peek().map(|Reverse((at, _))| *at);
            // Nothing made from here on leaves before the next sample, nor any backlog after live reports.
            let ripe = |message: &Message| {
                message.sent_at < end
                    && next_sample_at.is_none_or(|at| at >= self.start && message.sent_at < at)
            };
            if self.on_the_way.peek().is_some_and(|Reverse(queued)| ripe(&queued.message)) {
                return self.on_the_way.pop().map(|Reverse(queued)| queued.message);
            }
            // a world in which everybody is silent would be stepped for ever
            next_sample_at.filter(|at| *at < end)?;
            self.step();
        }
    }

    fn begin(&mut self) {
        self.began = true;
        for index in 0..self.stations.len() {
            let birth = self.stations[index].station.birth(self.start);
            self.send(birth);
        }
    }

    /// One station measures, and its next moment is set.
    fn step(&mut self) {
        let Some(Reverse((at, index))) = self.due.pop() else { return };
        let site = &mut self.sites[self.stations[index].site];
        site.advance_to(at);
        let truth = site.truth(at);
        if at < self.start {
            let it = &mut self.stations[index];
            let stored = it.station.store(at, &truth, &mut self.log, self.start);
            self.due.push(Reverse((at.plus(it.station.next_sample(at)), index)));
            stored.into_iter().for_each(|message| self.send(message));
            return;
        }
        if !self.live {
            self.go_live();
        }
        let it = &mut self.stations[index];
        let messages = it.station.report(at, &truth, &mut self.log);
        self.due.push(Reverse((at.plus(it.station.next_sample(at)), index)));
        messages.into_iter().for_each(|(seq, message)| self.expose(index, at, seq, message));
    }

    /// The first live sample is due: what is left of every station's backlog leaves before it.
    fn go_live(&mut self) {
        self.live = true;
        let start = self.start;
        let rests: Vec<_> =
            self.stations.iter_mut().filter_map(|it| it.station.flush(start)).collect();
        rests.into_iter().for_each(|message| self.send(message));
    }

    /// Lets the way to the broker do its worst to a message.
    fn expose(&mut self, index: usize, at: Timestamp, seq: u64, mut message: Message) {
        let it = &mut self.stations[index];
        let script = it.station.script();
        let mut rates = self.rates;
        let certain = [
            (Kind::Loss, &mut rates.loss),
            (Kind::Repeat, &mut rates.repeat),
            (Kind::Reorder, &mut rates.reorder),
        ];
        for (kind, rate) in certain {
            if script.holds(kind, at) {
                *rate = 1.0;
            }
        }
        if let Some(fault) = script.at(Kind::Delay, at).next() {
            (rates.delay, rates.delay_max_s) = (1.0, fault.size.abs());
        }
        if script.holds(Kind::Flip, at) {
            damage(&mut message, it.fate.unit());
            it.station.note(&mut self.log, at, Kind::Flip, seq);
        }
        let (sent, kinds) = transmit(&rates, it.station.interval(at), &mut it.fate, message);
        kinds.into_iter().for_each(|kind| it.station.note(&mut self.log, at, kind, seq));
        sent.into_iter().for_each(|message| self.send(message));
    }

    fn send(&mut self, message: Message) {
        self.queued += 1;
        self.on_the_way.push(Reverse(Queued { number: self.queued, message }));
    }
}

impl Iterator for World {
    type Item = Message;

    /// The next message in the order of sending, however long it takes to come.
    fn next(&mut self) -> Option<Message> {
        self.next_before(Timestamp::MAX)
    }
}

impl Ord for Queued {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.message.sent_at, self.number).cmp(&(other.message.sent_at, other.number))
    }
}

impl PartialOrd for Queued {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
