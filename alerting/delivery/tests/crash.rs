//! A scripted event, crashed at every step: before and after each sync of journal and ledger, before and after each
//! send. Whatever step it is, nothing owed stays unsent, and a receiver that honours ids is told nothing twice.
//!
//! The journal is a list that survives, the ledger the real one; engine, courier and whatever is in memory die.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../../tests/common/mod.rs"]
mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use alerting::approval::{ChannelGroup, Release};
use alerting::engine::Verb;
use alerting::{
    AttemptResult, Command, DeliveryKey, DeliveryState, Engine, IncidentId, Moment, Outcome,
};
use common::{group, minute, setup};
use delivery::ledger::DeliveryFilter;
use delivery::{Batch, Ledger};
use reading::id::ChannelId;
use reading::{Quality, Reading, SeriesIndex, Timestamp};

/// What the journal holds.
#[derive(Clone, Debug)]
enum Entry {
    Up,
    Read(u32, f64),
    Order(Verb),
    Tick,
    Outcome(Outcome),
}

/// What happens: a slope moves, somebody approves, it comes to rest, an officer stands it down, it is over.
fn script() -> Vec<(i64, Entry)> {
    let mut script = vec![(0, Entry::Up)];
    for i in 1..5 {
        script.extend([(i, Entry::Read(0, 3.5)), (i, Entry::Read(1, 3.5))]);
    }
    script.push((5, Entry::Order(Verb::Acknowledge)));
    script.push((6, Entry::Order(Verb::Approve)));
    for i in 8..12 {
        script.extend([(i, Entry::Read(0, 0.0)), (i, Entry::Read(1, 0.0))]);
    }
    script.push((12, Entry::Order(Verb::StandDown)));
    script.push((13, Entry::Order(Verb::Approve)));
    for i in (20..60 * 24).step_by(60) {
        script.extend([(i, Entry::Read(0, 0.0)), (i, Entry::Read(1, 0.0))]);
    }
    script.push((60 * 24 + 1, Entry::Order(Verb::Approve)));
    script.extend((2..8).map(|hours| (60 * (24 + hours), Entry::Tick)));
    script
}

/// Somebody who takes what is sent and knows ids.
#[derive(Default)]
struct Receiver {
    sent: BTreeMap<DeliveryKey, u32>,
}

/// The process died here.
struct Crash;

/// What survives a crash.
struct World<'a> {
    journal: Vec<(Timestamp, Entry)>,
    path: &'a Path,
    receiver: Receiver,
    /// Steps until the crash.
    fuse: Option<usize>,
    steps: usize,
}

impl World<'_> {
    fn step(&mut self) -> Result<(), Crash> {
        self.steps += 1;
        match &mut self.fuse {
            Some(0) => {
                self.fuse = None;
                Err(Crash)
            }
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

/// One life of the process.
struct Life {
    engine: Engine,
    ledger: Ledger,
    applied: usize,
}

fn channels() -> [ChannelId; 2] {
    ["duty", "public"].map(|name| name.parse().unwrap())
}

impl Life {
    /// Starts: the ledger as it is, the engine from the journal, then what was in hand.
    fn start(world: &mut World<'_>) -> Result<Self, Crash> {
        let (ledger, _) = Ledger::open(world.path).unwrap();
        let mut setup = setup();
        setup.groups = vec![ChannelGroup {
            remind: Duration::from_secs(3_600),
            ..group("public", Release::Required)
        }];
        let mut life = Self { engine: Engine::new(setup, minute(0)), ledger, applied: 0 };
        while life.applied < world.journal.len() {
            life.apply(world)?;
        }
        for channel in channels() {
            for left in life.ledger.in_hand(&channel).unwrap() {
                let result = AttemptResult::Unknown;
                let outcome = Outcome { key: left.key, attempt: left.attempt, result };
                life.record(world, Entry::Outcome(outcome), None)?;
            }
        }
        Ok(life)
    }

    /// Appends a record and applies it.
    fn record(
        &mut self,
        world: &mut World<'_>,
        entry: Entry,
        at: Option<Timestamp>,
    ) -> Result<(), Crash> {
        world.step()?; // before the sync: it never was
        let last = world.journal.last().map_or(minute(0), |(at, _)| *at);
        let at = at.unwrap_or(last.plus(Duration::from_millis(10))).max(last);
        world.journal.push((at, entry));
        world.step()?; // after it: it is there, and nobody knows
        self.apply(world)
    }

    /// Applies the next record of the journal: the engine, then the ledger in one transaction.
    fn apply(&mut self, world: &mut World<'_>) -> Result<(), Crash> {
        let (at, entry) = world.journal[self.applied].clone();
        self.applied += 1;
        let now = Moment { at, sequence: self.applied as u64 };
        let mut actions = Vec::new();
        self.engine.tick(now, &mut actions);
        match entry {
            Entry::Up => self.engine.collector("field", true, "", now, &mut actions),
            Entry::Tick => {}
            Entry::Outcome(outcome) => self.engine.settle(&outcome, now, &mut actions),
            Entry::Read(series, value) => {
                let reading = Reading {
                    series: SeriesIndex(series),
                    measured_at: at,
                    received_at: at,
                    value,
                    quality: Quality::GOOD,
                };
                self.engine.observe(&reading, now, &mut actions);
            }
            Entry::Order(verb) => {
                let open = self.engine.view()[0].incidents.first().cloned();
                let id = IncidentId::from_text(&open.unwrap_or_else(|| self.last_incident()));
                let command = Command::new(&self.applied.to_string(), verb, id, "kim", "because");
                self.engine.obey(&command, now, &mut actions);
            }
        }
        world.step()?; // decided, and not written down
        let mut batch = Batch::default();
        batch.decided(now.sequence, actions);
        self.ledger.commit(now.sequence, at, &batch).unwrap();
        world.step()
    }

    fn last_incident(&self) -> String {
        let all = self.ledger.incidents(&Default::default(), 100).unwrap();
        let of_site = all.iter().filter(|record| record.site.as_str() == "cut-1");
        let slope = of_site.filter(|record| record.hazard != alerting::Hazard::Monitoring);
        slope.map(|record| record.id.to_string()).next_back().unwrap_or_default()
    }

    /// The couriers: everything due is marked, sent, and its outcome journaled.
    fn carry(&mut self, world: &mut World<'_>) -> Result<(), Crash> {
        for channel in channels() {
            loop {
                let now = world.journal.last().map_or(minute(0), |(at, _)| *at);
                let Some(due) = self.ledger.due(&channel, now, 1).unwrap().into_iter().next()
                else {
                    break;
                };
                world.step()?; // before the mark
                assert!(self.ledger.mark_attempting(&due.key, due.attempt, now).unwrap());
                world.step()?; // marked, not sent
                *world.receiver.sent.entry(due.key.clone()).or_default() += 1;
                world.step()?; // sent, and nobody knows
                let result = AttemptResult::Delivered { receipt: "200".into() };
                let outcome = Outcome { key: due.key, attempt: due.attempt, result };
                self.record(world, Entry::Outcome(outcome), None)?;
            }
        }
        Ok(())
    }

    fn live(&mut self, world: &mut World<'_>) -> Result<(), Crash> {
        let is_script = |(_, entry): &&(Timestamp, Entry)| !matches!(entry, Entry::Outcome(_));
        loop {
            self.carry(world)?;
            let done = world.journal.iter().filter(is_script).count();
            let Some((at, entry)) = script().into_iter().nth(done) else { return Ok(()) };
            self.record(world, entry, Some(minute(at)))?;
        }
    }
}

/// What a play came to.
struct Played {
    /// What arrived.
    sent: BTreeSet<DeliveryKey>,
    /// What was owed, with how it ended.
    owed: BTreeMap<DeliveryKey, DeliveryState>,
    steps: usize,
}

/// Plays the script, with a crash after so many steps if it says so.
fn play(fuse: Option<usize>) -> Played {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.sqlite");
    let mut world =
        World { journal: vec![], path: &path, receiver: Receiver::default(), fuse, steps: 0 };
    while Life::start(&mut world).and_then(|mut life| life.live(&mut world)).is_err() {}
    let (ledger, _) = Ledger::open(&path).unwrap();
    check(&ledger, &world, fuse);
    let owed = ledger.deliveries(&DeliveryFilter::default(), 10_000).unwrap();
    Played {
        sent: world.receiver.sent.into_keys().collect(),
        owed: owed.into_iter().map(|row| (row.key, row.state)).collect(),
        steps: world.steps,
    }
}

/// Nothing owed is unsent; what was sent was owed; nothing came twice but what was in hand at the crash.
fn check(ledger: &Ledger, world: &World<'_>, fuse: Option<usize>) {
    let owed = ledger.deliveries(&DeliveryFilter::default(), 10_000).unwrap();
    assert!(owed.iter().any(|row| row.channel.as_str() == "public"), "{fuse:?}");
    for row in &owed {
        let expected = [DeliveryState::Delivered, DeliveryState::Superseded];
        assert!(expected.contains(&row.state), "{fuse:?}: {} is {:?}", row.key, row.state);
        let sent = world.receiver.sent.get(&row.key).copied().unwrap_or_default();
        assert!(row.state != DeliveryState::Delivered || sent > 0, "{fuse:?}: {}", row.key);
    }
    let known: BTreeSet<_> = owed.iter().map(|row| &row.key).collect();
    assert!(world.receiver.sent.keys().all(|key| known.contains(key)), "{fuse:?}: sent, not owed");
    let repeated: Vec<_> = world.receiver.sent.iter().filter(|(_, times)| **times > 1).collect();
    assert!(repeated.len() <= usize::from(fuse.is_some()), "{fuse:?}: {repeated:?}");
    assert!(repeated.iter().all(|(_, times)| **times == 2), "{fuse:?}: {repeated:?}");
}

#[test]
fn g05_g10_a_crash_at_any_step_leaves_nothing_unsent_and_doubles_nothing() {
    let calm = play(None);
    let public = calm.sent.iter().filter(|key| key.as_str().contains("_public_")).count();
    assert!(public >= 3, "{:?}", calm.sent);
    assert!(calm.steps > 100, "{}", calm.steps);
    let every = if std::env::var_os("BONGSU_LONG").is_some() { 1 } else { 31 };
    for fuse in (0..calm.steps).step_by(every) {
        let crashed = play(Some(fuse));
        let keys = |played: &Played| played.owed.keys().cloned().collect::<BTreeSet<_>>();
        assert_eq!(keys(&crashed), keys(&calm), "crashed at step {fuse}: the same is owed");
        // what was in hand waits before it is tried again, and a newer revision may take its place meanwhile
        for missed in calm.sent.difference(&crashed.sent) {
            let state = crashed.owed[missed];
            assert_eq!(state, DeliveryState::Superseded, "crashed at step {fuse}: {missed}");
        }
    }
    let steps = calm.steps;
    println!("{steps} steps, each {every}. crashed");
}
