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
use alerting::decision::{IncidentState, Verdict};
use alerting::engine::{Answer, Verb};
use alerting::setup::Policy;
use alerting::{
    AttemptResult, Command, Decision, DeliveryKey, DeliveryState, Engine, IncidentId, Moment,
    Outcome,
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
    /// A siren answers: a receipt on a road of its own.
    Receipt(DeliveryKey),
}

/// What happens: a slope begins to move, somebody says no, it moves more, somebody approves, it comes to rest, an
/// officer stands it down, it is over and is put away: every state of an incident.
fn script() -> Vec<(i64, Entry)> {
    let mut script = vec![(0, Entry::Up)];
    script.extend((1..3).map(|i| (i, Entry::Read(0, 1.4))));
    script.push((3, Entry::Order(Verb::Acknowledge)));
    script.extend((3..6).map(|i| (i, Entry::Read(0, 3.5))));
    script.push((6, Entry::Order(Verb::Reject)));
    for i in 6..8 {
        script.extend([(i, Entry::Read(0, 3.5)), (i, Entry::Read(1, 3.5))]);
    }
    script.extend([(8, Entry::Read(0, 3.5)), (8, Entry::Read(1, 3.5))]);
    script.push((9, Entry::Order(Verb::Approve)));
    script.push((9, Entry::Order(Verb::Note)));
    for i in 9..12 {
        script.extend([(i, Entry::Read(0, 0.0)), (i, Entry::Read(1, 0.0))]);
    }
    script.push((12, Entry::Order(Verb::StandDown)));
    script.push((13, Entry::Order(Verb::Approve)));
    for i in 14..30 {
        script.extend([(i, Entry::Read(0, 0.0)), (i, Entry::Read(1, 0.0))]);
        script.push((i, Entry::Order(Verb::Approve))); // where something is asked
    }
    script.push((31, Entry::Order(Verb::Close)));
    script.extend((1..24).map(|hours| (60 * hours, Entry::Tick))); // what nobody takes expires
    script
}

/// Somebody who takes what is sent and knows ids.
#[derive(Default)]
struct Receiver {
    sent: BTreeMap<DeliveryKey, u32>,
    /// Answers on their way: a broker keeps them until they are journaled.
    answers: Vec<DeliveryKey>,
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

impl World<'_> {
    /// Somebody is sent a delivery. The duty's road proves what it took, though it fails at first for questions; the
    /// public's has no proof, a siren answers later, on another road, once for each id; on one road nobody is there.
    fn send(&mut self, key: &DeliveryKey, attempt: u32) -> AttemptResult {
        if key.as_str().contains("_dead_") {
            return AttemptResult::Retry { reason: "nobody is there".into() };
        }
        let is_down = attempt == 1 && key.as_str().contains("_approval_");
        if is_down {
            return AttemptResult::Retry { reason: "503".into() };
        }
        *self.receiver.sent.entry(key.clone()).or_default() += 1;
        match key.as_str() {
            siren if siren.contains("_siren_") => {
                self.receiver.answers.push(key.clone());
                AttemptResult::HandedOver { reference: "topic".into() }
            }
            public if public.contains("_public_") => {
                AttemptResult::HandedOver { reference: "250".into() }
            }
            _ => AttemptResult::Delivered { receipt: "200".into() },
        }
    }
}

/// One life of the process.
struct Life {
    engine: Engine,
    ledger: Ledger,
    applied: usize,
}

fn channels() -> [ChannelId; 4] {
    ["duty", "public", "siren", "dead"].map(|name| name.parse().unwrap())
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
        // a life in half an hour: longer pauses in the journal would be downtime
        let short = Duration::from_secs(120);
        let policy = Policy {
            dwell_attention: short,
            dwell_caution: short,
            dwell_warning: short,
            remind_severe: short,
            ..Policy::default()
        };
        setup.policies.insert("cut-1".parse().unwrap(), policy);
        let mut siren = setup.routes[1].clone();
        siren.channel = "siren".parse().unwrap();
        siren.retry.receipt_within = Some(Duration::from_secs(10));
        setup.routes.push(siren);
        let mut dead = setup.routes[0].clone();
        dead.channel = "dead".parse().unwrap();
        dead.retry.expire_after = Duration::from_secs(1_200);
        setup.routes.push(dead);
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
            Entry::Receipt(key) => {
                let answer =
                    Answer { key: key.as_str(), accepted: true, silent: false, note: "echo" };
                self.engine.receipt(&answer, now, &mut actions);
            }
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
                let result = world.send(&due.key, due.attempt);
                world.step()?; // sent, and nobody knows
                let outcome = Outcome { key: due.key, attempt: due.attempt, result };
                self.record(world, Entry::Outcome(outcome), None)?;
                self.hear(world)?;
            }
        }
        Ok(())
    }

    /// Answers of the field, each kept by the broker until it is journaled.
    fn hear(&mut self, world: &mut World<'_>) -> Result<(), Crash> {
        while let Some(key) = world.receiver.answers.first().cloned() {
            self.record(world, Entry::Receipt(key), None)?;
            world.receiver.answers.remove(0);
        }
        Ok(())
    }

    fn live(&mut self, world: &mut World<'_>) -> Result<(), Crash> {
        let is_script = |(_, entry): &&(Timestamp, Entry)| {
            !matches!(entry, Entry::Outcome(_) | Entry::Receipt(_))
        };
        loop {
            self.hear(world)?;
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
    if fuse.is_none() {
        covers_every_transition(&ledger);
    }
    let owed = ledger.deliveries(&DeliveryFilter::default(), 10_000).unwrap();
    Played {
        sent: world.receiver.sent.into_keys().collect(),
        owed: owed.into_iter().map(|row| (row.key, row.state)).collect(),
        steps: world.steps,
    }
}

/// Nothing owed is unsent, but what nobody takes, which expires and is said; what was sent was owed; nothing came twice
/// but what was in hand at the crash.
fn check(ledger: &Ledger, world: &World<'_>, fuse: Option<usize>) {
    let owed = ledger.deliveries(&DeliveryFilter::default(), 10_000).unwrap();
    assert!(owed.iter().any(|row| row.channel.as_str() == "public"), "{fuse:?}");
    for row in &owed {
        let done = [DeliveryState::Delivered, DeliveryState::Unconfirmed];
        let given_up = row.channel.as_str() == "dead" && row.state == DeliveryState::Expired;
        let settled =
            done.contains(&row.state) || row.state == DeliveryState::Superseded || given_up;
        assert!(settled, "{fuse:?}: {} is {:?}", row.key, row.state);
        let sent = world.receiver.sent.get(&row.key).copied().unwrap_or_default();
        assert!(!done.contains(&row.state) || sent > 0, "{fuse:?}: {}", row.key);
    }
    let known: BTreeSet<_> = owed.iter().map(|row| &row.key).collect();
    assert!(world.receiver.sent.keys().all(|key| known.contains(key)), "{fuse:?}: sent, not owed");
    let faults = ledger.incidents(&Default::default(), 100).unwrap();
    let is_said = faults.iter().any(|record| record.site.as_str() == "bongsu");
    assert!(is_said, "{fuse:?}: what expired is an incident");
    let repeated: Vec<_> = world.receiver.sent.iter().filter(|(_, times)| **times > 1).collect();
    assert!(repeated.len() <= usize::from(fuse.is_some()), "{fuse:?}: {repeated:?}");
    assert!(repeated.iter().all(|(_, times)| **times == 2), "{fuse:?}: {repeated:?}");
}

/// The script means something only if it goes everywhere: every state of an incident, every answer, every kind of
/// message, every way a delivery goes.
fn covers_every_transition(ledger: &Ledger) {
    let decisions = ledger.decisions_after(0, 10_000).unwrap();
    let decisions = || decisions.iter().map(|row| &row.decision);
    for state in IncidentState::ALL {
        let seen = decisions().any(|one| matches!(one, Decision::Incident(r) if r.state == state));
        assert!(seen, "no incident was ever {state:?}");
    }
    for wanted in [Verdict::Asked, Verdict::Rejected, Verdict::Released] {
        let is = |one: &Decision| matches!(one, Decision::Approval { verdict, .. } if *verdict == wanted);
        assert!(decisions().any(is), "nothing was ever {wanted:?}");
    }
    let owed = ledger.deliveries(&DeliveryFilter::default(), 10_000).unwrap();
    for purpose in ["alert", "reminder", "cancel", "approval"] {
        assert!(owed.iter().any(|row| row.purpose == purpose), "no {purpose}");
    }
    for state in [
        DeliveryState::Delivered,
        DeliveryState::Unconfirmed,
        DeliveryState::Superseded,
        DeliveryState::Expired,
    ] {
        assert!(owed.iter().any(|row| row.state == state), "nothing {state:?}");
    }
    let tries = |row: &delivery::ledger::DeliveryRow| ledger.attempts(&row.key).unwrap();
    let results: BTreeSet<_> = owed.iter().flat_map(tries).filter_map(|one| one.result).collect();
    let expected = ["delivered", "retry", "unconfirmed"].map(String::from);
    assert!(expected.iter().all(|one| results.contains(one)), "{results:?}");
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
        // incidents about bongsu are named after the record that opened them: one more or less shifts it
        let of_site = |key: &&DeliveryKey| key.site() == Some("cut-1");
        let keys =
            |played: &Played| played.owed.keys().filter(of_site).cloned().collect::<BTreeSet<_>>();
        assert_eq!(keys(&crashed), keys(&calm), "crashed at step {fuse}: the same is owed");
        // what was in hand waits before it is tried again, and a newer revision may take its place meanwhile
        for missed in calm.sent.difference(&crashed.sent).filter(of_site) {
            let state = crashed.owed[missed];
            assert_eq!(state, DeliveryState::Superseded, "crashed at step {fuse}: {missed}");
        }
    }
    let steps = calm.steps;
    println!("{steps} steps, each {every}. crashed");
}
