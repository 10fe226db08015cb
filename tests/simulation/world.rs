//! The world: events in the order of virtual time, drawn from one seed. Nothing in it waits for the machine.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use alerting::{AttemptResult, DeliveryState, Level};
use bongsu::config::Config;
use delivery::courier::ATTEMPT_MAX;
use firmware_sim::random::Random;
use ingest::journal::{Config as JournalConfig, Kind};
use reading::Timestamp;
use reading::id::ChannelId;
use tempfile::TempDir;

use crate::disk::{Crash, MemDisk};
use crate::field::{Ill, Post};
use crate::life::{Ground, Life, Seen, Walked, lets_pass};
use crate::lines::{Lines, take_thread};
use crate::people::People;
use crate::plan::Plan;
use crate::platter::{Cut, Platter, RESERVE};
use crate::setting::{self, BOXES};
use crate::ways_out::{DOOMED, Ears, Heard, LOST, PASSES, Reply};

/// 2026-07-14T03:33:20Z.
const START: Timestamp = Timestamp::from_secs(1_784_000_000);

/// After the troubles, how long it may take until all is quiet.
const QUIET_MAX_S: f64 = 4.0 * 3_600.0;

/// What may happen at one moment: more, and time does not go on. Catching up with a whole run takes some thousands.
const STEPS_AT_ONCE: u32 = 100_000;

/// What happens.
#[derive(Clone, Debug)]
pub enum Event {
    Report(usize),
    Send(usize, u32, u64),
    Arrive { post: usize, boots: u32, number: u64, topic: String, bytes: Vec<u8>, is_spoilt: bool },
    Acknowledged(usize, u32, u64),
    Link(usize, bool),
    Ill(usize, Ill),
    Receipt { key: String, bytes: Vec<u8>, tries: u32 },
    Reply { life: u32, channel: ChannelId, reply: Reply, reaches: bool },
    Order { id: String, by: String, verb: String, payload: Vec<u8>, tries: u32 },
    Rounds,
    Snapshot,
    Crash,
    Begin,
    SyncFails(u32),
    Full(bool),
    Wall(i64),
    Collector(bool),
    Nudge,
    Heal,
}

struct Due {
    at: Timestamp,
    order: u64,
    event: Event,
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.order) == (other.at, other.order)
    }
}
impl Eq for Due {}
impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Due {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

/// What went wrong by plan: what it excuses is not looked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Done {
    pub crashes: u32,
    /// Records are gone that were on disk.
    pub rot: bool,
    pub snapshot_rot: bool,
    pub ledger_lost: bool,
    pub sync_failed: bool,
    pub filled_up: bool,
    pub panicked: bool,
    pub jumped: bool,
}

/// A run.
pub struct World {
    pub plan: Plan,
    pub config: Config,
    pub lines: Lines,
    pub done: Done,
    pub ears: Ears,
    pub people: People,
    pub seen: Vec<Seen>,
    /// What was answered as being on disk: number and bytes.
    pub answered: BTreeMap<u64, Vec<u8>>,
    /// What stations were told is safe, as true bytes: box, stamp, value.
    pub safe: Vec<(usize, i64, f64)>,
    pub receipts_safe: BTreeMap<String, u64>,
    pub posts: Vec<Post>,
    pub faults: Vec<String>,
    pub life: Option<Life>,
    pub now: Timestamp,
    pub folder: PathBuf,
    home: TempDir,
    lives: u32,
    queue: BinaryHeap<Reverse<Due>>,
    order: u64,
    random: Random,
    fate: Arc<AtomicU8>,
    disk: MemDisk,
    wall_offset: i64,
    lazy_until: Timestamp,
    healed_at: Option<Timestamp>,
    collector_up: bool,
    is_full: bool,
    overdue: Option<(Timestamp, u64)>,
    /// How much has happened since time last moved on.
    steps_here: u32,
}

impl World {
    pub fn new(seed: u64) -> Self {
        let plan = Plan::of(seed);
        let lines = Lines::default();
        take_thread(&lines);
        let memory = PathBuf::from("/dev/shm");
        let home = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        let home = home.expect("a folder");
        let hours = plan.hours;
        let story = |number: usize| plan.stories[number];
        let posts = (0..BOXES.len())
            .map(|number| Post::new(number, seed, START, hours, story(number)))
            .collect();
        let folder = home.path().join("0");
        std::fs::create_dir_all(&folder).expect("a folder");
        let mut world = Self {
            config: setting::config(),
            lines,
            done: Done::default(),
            ears: Ears::default(),
            people: People::new(seed, plan.diligence, plan.hurry),
            seen: Vec::new(),
            answered: BTreeMap::new(),
            safe: Vec::new(),
            receipts_safe: BTreeMap::new(),
            posts,
            faults: Vec::new(),
            life: None,
            now: START,
            folder,
            home,
            lives: 0,
            queue: BinaryHeap::new(),
            order: 0,
            random: Random::new(seed, "world"),
            fate: Arc::default(),
            disk: MemDisk::default(),
            wall_offset: 0,
            lazy_until: START,
            healed_at: None,
            collector_up: true,
            is_full: false,
            overdue: None,
            steps_here: 0,
            plan,
        };
        world.lay_out();
        world
    }

    /// Something happens in so many seconds.
    pub fn later(&mut self, after_s: f64, event: Event) {
        self.order += 1;
        let at = self.now.plus(Duration::from_millis((after_s.max(0.0) * 1_000.0) as u64));
        self.queue.push(Reverse(Due { at, order: self.order, event }));
    }

    /// What is known from the beginning.
    fn lay_out(&mut self) {
        let end = self.plan.hours * 3_600.0;
        self.later(0.0, Event::Begin);
        self.later(end, Event::Heal);
        for post in 0..self.posts.len() {
            let phase = self.random.between(0.0, 120.0);
            self.later(phase, Event::Report(post));
            if self.plan.link_cuts {
                for _ in 0..1 + self.random.below(6) {
                    let (from, span) = self.stretch(end, 1_500.0);
                    self.later(from, Event::Link(post, false));
                    self.later(from + span, Event::Link(post, true));
                }
            }
            if self.plan.box_ills && self.random.chance(0.6) {
                let ills = [
                    Ill::Reboot,
                    Ill::ForgetTime,
                    Ill::Jump(300_000),
                    Ill::Jump(-60_000),
                    Ill::Jump(20_000),
                ];
                let (from, span) = self.stretch(end, 1_200.0);
                let ill = ills[self.random.below(ills.len())];
                self.later(from, Event::Ill(post, ill));
                self.later(from + span, Event::Ill(post, Ill::Resync));
            }
        }
        self.lay_out_trouble(end);
        self.later(300.0, Event::Rounds);
        let first = self.random.between(100.0, 1_500.0);
        self.later(first, Event::Snapshot);
    }

    fn lay_out_trouble(&mut self, end: f64) {
        for _ in 0..self.plan.crashes_max / 2 {
            let at = self.random.between(0.0, end);
            self.later(at, Event::Crash);
        }
        if self.plan.sync_fails {
            for _ in 0..1 + self.random.below(4) {
                let at = self.random.between(0.0, end);
                let times = 1 + self.random.below(3) as u32;
                self.later(at, Event::SyncFails(times));
            }
        }
        if self.plan.fills_up {
            let (from, span) = self.stretch(end, 900.0);
            self.later(from, Event::Full(true));
            self.later(from + span, Event::Full(false));
        }
        if self.plan.wall_steps {
            let (from, span) = self.stretch(end, 2_400.0);
            let by = self.random.between(-80.0, 80.0) as i64;
            self.later(from, Event::Wall(by));
            self.later(from + span, Event::Wall(0));
        }
        if self.plan.wall_jumps {
            let (from, span) = self.stretch(end, 2_400.0);
            let by = self.random.between(-4_000.0, 4_000.0) as i64;
            self.later(from, Event::Wall(by));
            self.later(from + span, Event::Wall(0));
        }
        if self.plan.collector_down {
            for _ in 0..1 + self.random.below(3) {
                let (from, span) = self.stretch(end, 1_200.0);
                self.later(from, Event::Collector(false));
                self.later(from + span, Event::Collector(true));
            }
        }
    }

    fn stretch(&mut self, end: f64, most: f64) -> (f64, f64) {
        let from = self.random.between(0.0, end);
        (from, self.random.between(5.0, most.min(end - from).max(6.0)))
    }

    /// Until all is quiet after the troubles, or too long.
    pub fn run(&mut self) {
        let limit = self.now.plus(Duration::from_secs_f64(self.plan.hours * 3_600.0 + QUIET_MAX_S));
        while self.faults.is_empty() {
            if self.is_quiet() {
                return;
            }
            if self.now > limit {
                let stands = self.life.as_ref().map(|life| life.desk().overview());
                let stands = stands.map(|it| (it.sites, it.owed));
                let open = self.life.as_ref().map(|life| life.ledger.open_deliveries());
                return self.fault(format!("it does not come to rest: {stands:?}, {open:?}"));
            }
            self.turn();
        }
    }

    /// Something does not hold.
    pub fn fault(&mut self, what: String) {
        self.faults.push(format!("at {} s: {what}", self.second()));
    }

    /// Seconds since the beginning.
    pub fn second(&self) -> f64 {
        self.now.since(START).as_secs_f64()
    }

    fn is_quiet(&mut self) -> bool {
        let Some(healed_at) = self.healed_at else { return false };
        if self.now.since(healed_at) < Duration::from_secs(1_800) || self.lazy_until > self.now {
            return false;
        }
        let Some(life) = &mut self.life else { return false };
        if life.desk_is_behind() || !life.ready_couriers().is_empty() {
            return false;
        }
        let sites = life.desk().overview();
        sites.sites.iter().all(|site| site.level == Level::Normal) && sites.owed.is_empty()
    }

    /// The next thing happens.
    fn turn(&mut self) {
        self.step_here();
        // Without a reserve what comes in waits for room, and the world stands still while it waits.
        if self.is_full && self.life.as_ref().is_some_and(|life| !life.platter.has_reserve()) {
            self.full(false);
        }
        let queued = self.queue.peek().map(|Reverse(due)| due.at);
        let (tick, courier) = self.due_inside();
        let next = [queued, tick, courier].into_iter().flatten().min().expect("something is due");
        self.miss_nothing(next);
        self.move_to(next);
        if queued == Some(next) {
            let Reverse(due) = self.queue.pop().expect("it was there");
            self.happen(due.event);
        } else if tick == Some(next)
            && let Some(life) = &self.life
        {
            let due = life.tick_due();
            if due <= life.clock.at() && !self.ends_now() {
                self.life.as_ref().expect("it runs").tick(due);
            }
        }
        self.settle();
    }

    /// What is due is due to somebody: unless work is left lying, time does not pass a deadline without a tick.
    fn miss_nothing(&mut self, next: Timestamp) {
        let Some(life) = &mut self.life else { return };
        if next <= self.lazy_until.plus(Duration::from_secs(1)) || life.desk_is_behind() {
            return;
        }
        let left = next.since(self.now);
        let passes = life.clock.at().plus(left).minus(Duration::from_secs(1));
        if let Some(due) = life.progress().next_deadline.filter(|due| *due < passes) {
            self.fault(format!("what was due at {due} is passed by at {passes}"));
        }
    }

    /// When the daemon does something by itself, in true time.
    fn due_inside(&self) -> (Option<Timestamp>, Option<Timestamp>) {
        let Some(life) = &self.life else { return (None, None) };
        let at = life.clock.at();
        let truly =
            |due: Timestamp| self.now.plus(due.since(at)).max(self.lazy_until).max(self.now);
        (Some(truly(life.tick_due())), life.courier_due().map(truly))
    }

    /// Something happens at this moment; so much of it that time never goes on is a fault.
    fn step_here(&mut self) {
        self.steps_here += 1;
        if self.steps_here == STEPS_AT_ONCE {
            self.fault("time stands still: something is to be done for ever".into());
        }
    }

    fn move_to(&mut self, next: Timestamp) {
        let span = next.since(self.now);
        self.now = next;
        if !span.is_zero() {
            self.steps_here = 0;
        }
        if let Some(life) = &self.life
            && !span.is_zero()
        {
            life.clock.advance(span);
            life.clock.set_wall(self.wall_clock());
            life.look_at_clock();
        }
    }

    /// The desk and the couriers do what there is to do, in any order; or leave it for a while.
    fn settle(&mut self) {
        if self.lazy_until > self.now {
            return;
        }
        loop {
            let Some(life) = &mut self.life else { return };
            let mut actors: Vec<Option<ChannelId>> =
                life.ready_couriers().into_iter().map(Some).collect();
            if life.desk_is_behind() {
                actors.push(None);
            }
            if actors.is_empty() || !self.faults.is_empty() {
                break;
            }
            if self.healed_at.is_none() && self.random.chance(self.plan.lazy) {
                let span = self.random.between(0.5, 30.0);
                self.lazy_until = self.now.plus(Duration::from_millis((span * 1_000.0) as u64));
                self.later(span, Event::Nudge);
                break;
            }
            if self.ends_now() {
                return;
            }
            self.step_here();
            let actor = actors.swap_remove(self.random.below(actors.len()));
            match actor {
                None => self.step_desk(),
                Some(channel) => {
                    let walked = self.life.as_mut().expect("it runs").walk(&channel);
                    self.walked(&channel, walked);
                }
            }
        }
        self.read_on();
    }

    fn step_desk(&mut self) {
        let Some(life) = &mut self.life else { return };
        let decided = life.progress().decided;
        if let Err(error) = life.step_desk() {
            return self.fault(format!("the desk ended: {error}"));
        }
        let progress = life.progress();
        // what a record makes due at once happens with the next one
        let due = progress.next_deadline.filter(|due| *due <= progress.at);
        let before = std::mem::replace(&mut self.overdue, due.map(|due| (due, progress.position)));
        if let (Some((before, position)), Some(due)) = (before, due)
            && before == due
            && position < progress.position
        {
            self.fault(format!(
                "something is due at {due} and has not happened at {}",
                progress.at
            ));
        }
        if progress.decided != decided {
            self.look_at_decisions();
        }
    }

    fn read_on(&mut self) {
        let Some(life) = &mut self.life else { return };
        for record in life.read_on() {
            let last = self.seen.last();
            let (sequence, at) = (record.sequence, record.at);
            let wrong = last.is_some_and(|last| last.sequence >= sequence || last.at > at);
            self.seen.push(record);
            if wrong {
                self.fault(format!("record {sequence} at {at} goes back"));
            }
        }
    }

    /// People hear what was decided, and may do something about it.
    fn look_at_decisions(&mut self) {
        let Some(life) = &self.life else { return };
        let rows =
            life.ledger.decisions_after(self.people.cursor, 10_000).expect("a ledger is read");
        for row in rows {
            self.people.cursor = row.id;
            if row.position <= self.people.position {
                continue;
            }
            self.people.position_next = row.position;
            for (after_s, order) in self.people.hear(&row.decision) {
                self.later(after_s, order);
            }
        }
        self.people.position = self.people.position.max(self.people.position_next);
    }

    /// Whether the process ends here; if so it has.
    fn ends_now(&mut self) -> bool {
        let ends = self.may_crash() && self.random.chance(self.plan.crash);
        if ends {
            self.crash(Cut::Synced);
        }
        ends
    }

    fn may_crash(&self) -> bool {
        self.healed_at.is_none() && self.done.crashes < self.plan.crashes_max && self.life.is_some()
    }

    /// Something comes in and is journaled; false if nobody took it, or the process ended before it could say so.
    fn journal(&mut self, kind: Kind, source: &str, topic: &str, payload: Vec<u8>) -> Option<u64> {
        let is_doomed = self.may_crash() && self.random.chance(self.plan.crash);
        let appended = self.life.as_ref()?.append(kind, source, topic, payload.clone());
        if is_doomed {
            let torn = self.random.below(1_000);
            let cut = [Cut::Torn(torn), Cut::Unsynced, Cut::Synced][self.random.below(3)];
            self.crash(cut);
            return None;
        }
        self.answered.insert(appended.last, payload);
        Some(appended.last)
    }

    /// The process ends.
    fn crash(&mut self, cut: Cut) {
        if cut == Cut::Synced {
            self.read_on();
        }
        let Some(life) = self.life.take() else { return };
        self.done.crashes += 1;
        let crash = match self.random.below(3) {
            _ if !self.plan.power_cuts => Crash::Kill,
            0 => Crash::Kill,
            1 => Crash::PowerCut,
            _ => Crash::PowerCutInPieces(1 + self.random.below(700)),
        };
        self.disk = life.platter.after(cut, crash);
        let folder = self.home.path().join(self.lives.to_string());
        life.end(&folder);
        std::fs::remove_dir_all(&self.folder).ok();
        self.folder = folder;
        lets_pass(&self.fate);
        self.is_full = false;
        self.lazy_until = self.now;
        self.spoil();
        let quick = self.random.chance(0.6);
        let down =
            if quick { self.random.between(0.1, 20.0) } else { self.random.between(20.0, 1_200.0) };
        self.later(down, Event::Begin);
    }

    /// What else the crash, or the time after it, does to files.
    fn spoil(&mut self) {
        if self.plan.rot && self.random.chance(0.5) {
            let segments = self.disk.segments();
            let path = segments.get(self.random.below(segments.len())).cloned();
            if let Some(path) = path
                && !self.disk.bytes(&path).is_empty()
            {
                self.done.rot = true;
                let len = self.disk.bytes(&path).len();
                let (byte, bit) = (self.random.below(len), self.random.below(8));
                self.disk.spoil(&path, |bytes| bytes[byte] ^= 1 << bit);
            }
        }
        if self.plan.snapshot_rot && self.random.chance(0.5) {
            let state = bongsu::desk::state::StateFolder::open(self.folder.join("state"))
                .expect("a folder");
            if let Some((_, path)) = state.snapshots().into_iter().next() {
                self.done.snapshot_rot = true;
                let mut bytes = std::fs::read(&path).expect("a snapshot");
                let byte = self.random.below(bytes.len());
                bytes[byte] ^= 1 << self.random.below(8);
                std::fs::write(&path, bytes).expect("a snapshot");
            }
        }
        if self.plan.ledger_lost && !self.done.ledger_lost && self.random.chance(0.5) {
            self.done.ledger_lost = true;
            std::fs::remove_file(self.folder.join("ledger.sqlite-wal")).ok();
            std::fs::write(self.folder.join("ledger.sqlite"), b"no ledger").expect("a file");
        }
    }

    fn begin(&mut self) {
        self.lives += 1;
        let retention = self.plan.retention && !self.plan.ledger_lost;
        let journal = JournalConfig {
            segment_bytes: if retention { 8 << 10 } else { 64 << 10 },
            bytes_max: if retention { 64 << 10 } else { 1 << 30 },
            reserve_bytes: if self.plan.fills_up { RESERVE as u64 } else { 0 },
            retry_delay_max: Duration::from_millis(2),
            unrecorded_after: Duration::from_secs(3_600),
            ..JournalConfig::default()
        };
        let wall = self.wall_clock();
        let mut life = Life::begin(Ground {
            config: &self.config,
            folder: &self.folder,
            platter: Platter::new(self.disk.clone(), &self.lines),
            journal,
            wall,
            lines: &self.lines,
            fate: self.fate.clone(),
        });
        let again = life.read_on();
        self.compare(&again, life.journal.first());
        self.people.cursor = 0;
        let began_at = life.began_at;
        self.done.rot |= life.lost_before.is_some(); // both snapshots damaged, and the journal from before them dropped
        self.life = Some(life);
        if !self.catch_up(began_at) {
            return;
        }
        let disowned = self.life.as_ref().and_then(Life::disown);
        if disowned.is_some_and(|last| !self.catch_up(last)) {
            return;
        }
        if let Some(life) = &mut self.life {
            life.begin_couriers();
        }
        if self.collector_up
            && let Some(life) = &self.life
        {
            life.collector(true);
        }
    }

    /// The desk applies every record to this one. Whether it came so far.
    fn catch_up(&mut self, to: u64) -> bool {
        while self.faults.is_empty()
            && self.life.as_ref().is_some_and(|life| life.desk().position() < to)
        {
            if self.ends_now() {
                return false;
            }
            if self.life.as_ref().is_some_and(|life| !life.desk_is_behind()) {
                self.fault(format!("G14: record {to} is in the journal and nobody can read it"));
                return false;
            }
            self.step_desk();
        }
        true
    }

    /// What was seen before must be there still, and what is new must be new.
    fn compare(&mut self, again: &[Seen], first: u64) {
        let before = std::mem::take(&mut self.seen);
        let last = before.last().map_or(0, |record| record.sequence);
        let by_number: BTreeMap<u64, &Seen> =
            again.iter().map(|record| (record.sequence, record)).collect();
        if !self.done.rot {
            for record in before.iter().filter(|record| record.sequence >= first) {
                if by_number.get(&record.sequence) != Some(&record) {
                    self.fault(format!(
                        "G1: record {} was seen and is gone or another",
                        record.sequence
                    ));
                    break;
                }
            }
            let lost = self.answered.iter().find(|(number, payload)| {
                **number >= first
                    && by_number.get(number).is_none_or(|record| record.payload != **payload)
            });
            if let Some((number, _)) = lost {
                let number = *number;
                self.fault(format!("G1: record {number} was answered for and is gone or another"));
            }
        }
        let mut all = before;
        let known: std::collections::BTreeSet<u64> =
            all.iter().map(|record| record.sequence).collect();
        for record in again {
            if known.contains(&record.sequence) {
                continue;
            }
            if record.sequence <= last && !self.done.rot {
                self.fault(format!(
                    "G14: record {} is new, and {last} had been seen",
                    record.sequence
                ));
            }
            all.push(record.clone());
        }
        all.sort_by_key(|record| record.sequence);
        self.seen = all;
    }

    /// What a courier's step came to.
    fn walked(&mut self, channel: &ChannelId, walked: Walked) {
        match walked {
            Walked::Carried | Walked::Idle(_) => {}
            Walked::InHand => self.take_in_hand(channel),
            Walked::Stuck => {
                let torn = self.random.below(1_000);
                let cut = match self.fate.load(Ordering::SeqCst) {
                    DOOMED => [Cut::Torn(torn), Cut::Unsynced, Cut::Synced][self.random.below(3)],
                    _ => Cut::Synced,
                };
                self.crash(cut);
            }
        }
    }

    /// A channel has something in hand: what becomes of it?
    fn take_in_hand(&mut self, channel: &ChannelId) {
        let Some(life) = &self.life else { return };
        let Some(in_hand) = life.in_hand(channel) else { return };
        let number = self.config.channels.iter().position(|it| it.id == *channel).unwrap_or(0);
        let mood =
            if self.healed_at.is_some() { Default::default() } else { self.plan.moods[number] };
        let (delivery, attempt) = (in_hand.delivery.clone(), in_hand.attempt);
        life.keep_in_hand(channel, in_hand);
        let is_siren = channel.as_str() == "alarm";
        let random = &mut self.random;
        let good = || match is_siren {
            true => AttemptResult::HandedOver { reference: "taken".into() },
            false => AttemptResult::Delivered { receipt: "200".into() },
        };
        let key = delivery.key.as_str().to_owned();
        let (reaches, reply) = if random.chance(mood.fails) {
            (false, Reply::Result(AttemptResult::Retry { reason: "away".into() }))
        } else if random.chance(mood.unknown) {
            (random.chance(0.5), Reply::Result(AttemptResult::Unknown))
        } else if random.chance(mood.refuses) {
            (false, Reply::Result(AttemptResult::Refused { reason: "no".into() }))
        } else if random.chance(mood.panics) {
            self.done.panicked = true;
            (random.chance(0.5), Reply::Panic)
        } else if random.chance(mood.lies) {
            *self.ears.lied.entry(key).or_default() += 1;
            (false, Reply::Result(good()))
        } else {
            (true, Reply::Result(good()))
        };
        let slow = self.random.chance(mood.slow);
        let after_s =
            if slow { self.random.between(1.0, 55.0) } else { self.random.between(0.01, 0.5) };
        let hangs = mood.hangs > 0.0 && self.random.chance(mood.hangs);
        // nobody answers, and the courier's own deadline says what that comes to
        let (after_s, reply) = if hangs {
            (ATTEMPT_MAX.as_secs_f64(), Reply::Result(AttemptResult::Unknown))
        } else {
            (after_s, reply)
        };
        let early = self.random.chance(0.5);
        if reaches && early {
            self.hear(delivery, attempt);
        }
        let (life, channel) = (self.lives, channel.clone());
        self.later(after_s, Event::Reply { life, channel, reply, reaches: reaches && !early });
    }

    /// A message reaches whom it is for.
    fn hear(&mut self, delivery: alerting::Delivery, attempt: u32) {
        if delivery.channel.as_str() == "alarm" {
            let state = if delivery.alert.level == Level::Severe { "sounding" } else { "silent" };
            let key = delivery.key.as_str();
            let bytes =
                format!(r#"{{"id":"{key}","result":"done","state":"{state}"}}"#).into_bytes();
            let copies =
                [1, 1, 1, 2, 0][self.random.below(if self.healed_at.is_some() { 3 } else { 5 })];
            for _ in 0..copies {
                let late = self.healed_at.is_none() && self.random.chance(0.2);
                let after_s = if late {
                    self.random.between(8.0, 60.0)
                } else {
                    self.random.between(0.2, 5.0)
                };
                self.later(
                    after_s,
                    Event::Receipt { key: key.into(), bytes: bytes.clone(), tries: 0 },
                );
            }
        }
        self.ears.heard.push(Heard { at: self.now.nanos(), delivery, attempt });
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Report(post) => self.report(post),
            Event::Send(post, boots, number) => self.send(post, boots, number),
            Event::Arrive { .. } => self.arrive(event),
            Event::Acknowledged(post, boots, number) => {
                if self.posts[post].boots == boots {
                    self.posts[post].waiting.remove(&number);
                }
            }
            Event::Link(post, up) => self.link(post, up),
            Event::Ill(post, ill) => {
                let now = self.now;
                self.posts[post].suffer(ill, now);
            }
            Event::Receipt { key, bytes, tries } => self.receipt(key, bytes, tries),
            Event::Reply { life, channel, reply, reaches } => {
                self.reply(life, &channel, reply, reaches)
            }
            Event::Order { id, by, verb, payload, tries } => {
                self.order(id, by, verb, payload, tries)
            }
            Event::Rounds => self.rounds(),
            Event::Snapshot => self.snapshot(),
            Event::Crash if self.may_crash() => self.crash(Cut::Synced),
            Event::Begin => self.begin(),
            Event::SyncFails(times) if self.life.is_some() => {
                self.done.sync_failed = true;
                self.life.as_ref().expect("it runs").platter.disk.fail_syncs(times);
            }
            Event::Full(full) => self.full(full),
            Event::Wall(offset) => self.wall(offset),
            Event::Collector(up) => self.collector(up),
            Event::Heal => self.heal(),
            Event::Nudge | Event::Crash | Event::SyncFails(_) => {}
        }
    }

    fn report(&mut self, post: usize) {
        let (now, second) = (self.now, self.second());
        let is_over = self.healed_at.is_some();
        let it = &mut self.posts[post];
        let at_s = if is_over { -1.0 } else { second };
        let made = it.report(now, at_s);
        let next = f64::from(it.interval_s(now));
        let boots = it.boots;
        if let Some(number) = made {
            self.send(post, boots, number);
        }
        self.later(next, Event::Report(post));
    }

    fn send(&mut self, post: usize, boots: u32, number: u64) {
        if self.posts[post].boots != boots || !self.posts[post].waiting.contains_key(&number) {
            return;
        }
        let topic = self.posts[post].topic(number, self.now);
        for arrival in self.posts[post].send(number) {
            let (bytes, is_spoilt) = (arrival.bytes, arrival.is_spoilt);
            let event =
                Event::Arrive { post, boots, number, topic: topic.clone(), bytes, is_spoilt };
            self.later(arrival.after_s, event);
        }
        let again = self.random.between(20.0, 90.0);
        self.later(again, Event::Send(post, boots, number));
    }

    fn arrive(&mut self, event: Event) {
        let Event::Arrive { post, boots, number, topic, bytes, is_spoilt } = event else { return };
        if !self.collector_up {
            return;
        }
        let of = self.posts[post].waiting.get(&number).cloned();
        if self.journal(Kind::Frame, "field", &topic, bytes).is_none() {
            return;
        }
        if let Some(message) = of.filter(|_| !is_spoilt && self.posts[post].boots == boots) {
            self.safe.push((post, message.stamp_ms, message.value));
        }
        if self.posts[post].hears_answer() {
            let after_s = self.random.between(0.05, 2.0);
            self.later(after_s, Event::Acknowledged(post, boots, number));
        }
    }

    fn link(&mut self, post: usize, up: bool) {
        if self.healed_at.is_some() {
            return;
        }
        self.posts[post].up = up;
    }

    fn receipt(&mut self, key: String, bytes: Vec<u8>, tries: u32) {
        let topic = "bongsu/v1/slope-1/siren-1/command/result";
        let taken = if self.collector_up {
            self.journal(Kind::Receipt, "field", topic, bytes.clone())
        } else {
            None
        };
        match taken {
            Some(number) => {
                self.receipts_safe.entry(key).or_insert(number);
            }
            None if tries < 100 => {
                let after_s = self.random.between(5.0, 40.0);
                self.later(after_s, Event::Receipt { key, bytes, tries: tries + 1 });
            }
            None => {}
        }
    }

    fn reply(&mut self, life: u32, channel: &ChannelId, reply: Reply, reaches: bool) {
        if life != self.lives || self.life.is_none() {
            // what was sent before the crash still gets there, or does not
            return;
        }
        if reaches && let Some(in_hand) = self.life.as_ref().and_then(|life| life.in_hand(channel))
        {
            let (delivery, attempt) = (in_hand.delivery.clone(), in_hand.attempt);
            self.life.as_ref().expect("it runs").keep_in_hand(channel, in_hand);
            self.hear(delivery, attempt);
        }
        let doomed = self.may_crash() && self.random.chance(self.plan.crash * 10.0);
        let fate = if !doomed { PASSES } else { [LOST, DOOMED][self.random.below(2)] };
        self.fate.store(fate, Ordering::SeqCst);
        let walked = self.life.as_mut().expect("it runs").answer(channel, reply);
        self.walked(channel, walked);
    }

    fn order(&mut self, id: String, by: String, verb: String, payload: Vec<u8>, tries: u32) {
        match self.journal(Kind::Command, &by, &verb, payload.clone()) {
            Some(_) => {
                self.people.given(&payload);
                if self.random.chance(0.1) && tries < 10 {
                    self.later(3.0, Event::Order { id, by, verb, payload, tries: 10 }); // clicked twice
                }
            }
            None if tries < 10 => {
                // the page said that it cannot be taken: tried again with the same id
                self.people.given(&payload);
                let after_s = self.random.between(5.0, 60.0);
                self.later(after_s, Event::Order { id, by, verb, payload, tries: tries + 1 });
            }
            None => {}
        }
    }

    /// People look round: what is in doubt, what may be stood down.
    fn rounds(&mut self) {
        self.later(400.0, Event::Rounds);
        let Some(life) = &self.life else { return };
        let is_over = self.healed_at.is_some();
        let filter = delivery::ledger::DeliveryFilter {
            state: Some(DeliveryState::InDoubt),
            ..Default::default()
        };
        let doubts = life.ledger.deliveries(&filter, 1_000).expect("a ledger is read");
        let open = delivery::ledger::IncidentFilter { open_only: true, site: None };
        let incidents = life.ledger.incidents(&open, 1_000).expect("a ledger is read");
        let heard = |key: &str| self.ears.heard.iter().any(|it| it.delivery.key.as_str() == key);
        let doubts: Vec<_> = doubts.into_iter().map(|row| (heard(row.key.as_str()), row)).collect();
        for (after_s, order) in self.people.look_round(&doubts, &incidents, is_over) {
            self.later(after_s, order);
        }
    }

    fn snapshot(&mut self) {
        let next = self.random.between(200.0, 1_500.0);
        self.later(next, Event::Snapshot);
        let Some(life) = &self.life else { return };
        if life.progress().position > 0 {
            life.snapshot();
        }
        if self.random.chance(0.2) {
            std::fs::write(self.folder.join("state/snapshot-99.new"), b"half").ok(); // as a crash leaves it
        }
    }

    fn full(&mut self, full: bool) {
        let Some(life) = &self.life else { return };
        if full == self.is_full {
            return;
        }
        self.is_full = full;
        if full {
            self.done.filled_up = true;
            let used = life.platter.disk.used();
            life.platter.disk.set_room(used);
        } else {
            life.platter.disk.set_room(u64::MAX);
            if life.journal.health() == ingest::journal::Health::Full {
                life.wait_for_room();
            }
        }
    }

    fn wall(&mut self, offset: i64) {
        self.done.jumped |= offset.abs() >= 100;
        self.wall_offset = offset;
        if let Some(life) = &self.life {
            life.clock.set_wall(self.wall_clock());
            life.look_at_clock();
        }
    }

    /// What the daemon's wall clock says now: it drifts, and somebody sets it.
    fn wall_clock(&self) -> Timestamp {
        let drift = self.now.since(START).as_nanos() as f64 * self.plan.wall_drift / 1e6;
        Timestamp::from_nanos(self.now.nanos() + self.wall_offset * 1_000_000_000 + drift as i64)
    }

    fn collector(&mut self, up: bool) {
        if self.healed_at.is_some() || up == self.collector_up {
            return;
        }
        self.collector_up = up;
        if let Some(life) = &self.life {
            life.collector(up);
        }
    }

    /// From here on nothing goes wrong any more, and the ground is still.
    fn heal(&mut self) {
        self.wall(0);
        self.full(false);
        self.collector(true);
        let now = self.now;
        self.healed_at = Some(now);
        self.posts.iter_mut().for_each(|post| post.heal(now));
    }
}
