//! Link tests: looks at every way out in its turn, and when somebody asks.
//!
//! What a look came to is journaled, and the desk keeps when each target was proved last. A proof that grows older than
//! twice its turn is a fault of its own, until the next one. Devices on MQTT are asked at the start, too: what they do
//! then is read back before it is needed. Each look has a task of its own, so that one that hangs delays no other.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use delivery::{Probe, Proof, Provable};
use ingest::clock::Clock;
use ingest::journal::{Entry, Journal, Kind};
use parking_lot::Mutex;
use reading::Timestamp;
use reading::id::ChannelId;
use reading::registry::Text;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::board::{LinkView, Links};
use crate::desk::events::{ProofEvent, Trouble, payload};
use crate::overview::{self, LinkProof};

/// How long a device may take to answer through the journal, real time.
const ANSWER_MAX: Duration = Duration::from_secs(15);

/// How often it is looked whether it has, real time.
const ASK_EVERY: Duration = Duration::from_millis(100);

/// The first wait after a look that failed, real time; doubled up to the last.
const AGAIN: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(600));

/// How often a device that is looked at once, at the start, is asked.
const START_TRIES: u32 = 3;

/// Collectors connect first, real time: what is asked through one that is not there yet proves nothing.
const SETTLING: Duration = Duration::from_secs(2);

/// How often it is looked for proofs that grew old, real time.
const STALE_EVERY: Duration = Duration::from_secs(10);

/// A way out and how often it is looked at.
pub struct Link {
    /// Its channel.
    pub channel: ChannelId,
    /// How it is looked at.
    pub provable: Arc<dyn Provable>,
    /// How often; `None` for a device that is asked at the start alone.
    pub every: Option<Duration>,
}

/// Everything that is looked at, for whoever asks.
pub struct Prober {
    links: Vec<Link>,
    turns: Mutex<BTreeMap<(ChannelId, String), Turn>>,
    asked: Notify,
    overview: overview::Shared,
    clock: Clock,
}

/// When a target is looked at next.
#[derive(Clone, Debug)]
struct Turn {
    link: usize,
    due: Option<Timestamp>,
    tries: u32,
    in_flight: bool,
    by: String,
    told: bool,
}

impl Prober {
    /// Looks at these links.
    pub fn new(links: Vec<Link>, overview: overview::Shared, clock: Clock) -> Arc<Self> {
        let now = clock.at();
        let known = overview.load_full();
        let mut turns = BTreeMap::new();
        for (link, one) in links.iter().enumerate() {
            for target in one.provable.targets() {
                let proved = find(&known.proofs, &one.channel, &target).and_then(|p| p.proved_at);
                let due = match (one.every, proved) {
                    (Some(every), Some(proved)) if !one.provable.is_device() => proved.plus(every),
                    _ => now,
                };
                let turn = Turn {
                    link,
                    due: Some(due),
                    tries: 0,
                    in_flight: false,
                    by: "schedule".into(),
                    told: false,
                };
                turns.insert((one.channel.clone(), target), turn);
            }
        }
        let (turns, asked) = (Mutex::new(turns), Notify::new());
        Arc::new(Self { links, turns, asked, overview, clock })
    }

    /// Looks until `stop`.
    pub async fn run(self: Arc<Self>, journal: Journal, stop: CancellationToken) {
        self.forget(&journal).await;
        let looking = async {
            tokio::time::sleep(SETTLING).await;
            let mut looks = JoinSet::new();
            // A turn of its own: looks that keep ending must not put it off.
            let mut stale = tokio::time::interval(STALE_EVERY);
            stale.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                for (channel, target) in self.take_due() {
                    let look = self.clone().look(channel, target, journal.clone());
                    looks.spawn(look);
                }
                let next = self.next();
                let due = async {
                    match next {
                        Some(at) => self.clock.sleep_until(at).await,
                        None => std::future::pending().await,
                    }
                };
                tokio::select! {
                    () = due => {}
                    () = self.asked.notified() => {}
                    Some(_) = looks.join_next() => {}
                    _ = stale.tick() => self.complain(&journal).await,
                }
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = looking => {}
        }
    }

    /// Of what is not looked at in turn any more nobody need hear.
    async fn forget(&self, journal: &Journal) {
        let in_turn = |channel: &str, target: &str| {
            let turns = self.turns.lock();
            turns.iter().any(|((one, name), turn)| {
                one.as_str() == channel && name == target && self.links[turn.link].every.is_some()
            })
        };
        for proof in &self.overview.load_full().proofs {
            if !in_turn(&proof.channel, &proof.target) {
                let mended =
                    Trouble::mended(&crate::desk::link_fault(&proof.channel, &proof.target));
                self.append(journal, Kind::Trouble, payload(&mended)).await;
            }
        }
    }

    fn take_due(&self) -> Vec<(ChannelId, String)> {
        let now = self.clock.at();
        let mut turns = self.turns.lock();
        let due = turns
            .iter_mut()
            .filter(|(_, turn)| !turn.in_flight && turn.due.is_some_and(|due| due <= now));
        due.map(|(name, turn)| {
            turn.in_flight = true;
            name.clone()
        })
        .collect()
    }

    fn next(&self) -> Option<Timestamp> {
        let turns = self.turns.lock();
        turns.values().filter(|turn| !turn.in_flight).filter_map(|turn| turn.due).min()
    }

    async fn look(self: Arc<Self>, channel: ChannelId, target: String, journal: Journal) {
        let name = (channel.clone(), target.clone());
        let (link, by) = {
            let turns = self.turns.lock();
            let Some(turn) = turns.get(&name) else { return };
            (turn.link, turn.by.clone())
        };
        let probe = Probe::new(&channel, &target, self.clock.at());
        let provable = &self.links[link].provable;
        let looked = timeout(provable.within(), provable.prove(&probe)).await;
        let mut proof = looked.unwrap_or_else(|_| Proof::Failed("no end of it in time".into()));
        if proof == Proof::Asked {
            proof = self.answered(&probe, &channel, &target).await;
        }
        let proven = match proof {
            Proof::Asked => true, // the desk has the answer itself
            Proof::Proven(what) => {
                self.note(&journal, &channel, &target, true, what, &by).await;
                true
            }
            Proof::Failed(why) => {
                tracing::warn!(%channel, target, why, by, "a way out is not proven");
                self.note(&journal, &channel, &target, false, why, &by).await;
                false
            }
        };
        self.turned(&name, proven);
    }

    /// What a device answered; `Asked` if the journal has it.
    async fn answered(&self, probe: &Probe, channel: &ChannelId, target: &str) -> Proof {
        let heard = async {
            loop {
                let known = self.overview.load_full();
                let proof = find(&known.proofs, channel, target);
                if let Some(proof) = proof.filter(|proof| proof.tried_at >= probe.at()) {
                    return match proof.proven {
                        true => Proof::Asked,
                        false => Proof::Failed(proof.what.clone()),
                    };
                }
                tokio::time::sleep(ASK_EVERY).await;
            }
        };
        timeout(ANSWER_MAX, heard)
            .await
            .unwrap_or_else(|_| Proof::Failed("the device does not answer".into()))
    }

    fn turned(&self, name: &(ChannelId, String), proven: bool) {
        let (now, speed) = (self.clock.at(), self.clock.speed());
        let mut turns = self.turns.lock();
        let Some(turn) = turns.get_mut(name) else { return };
        let every = self.links[turn.link].every;
        turn.in_flight = false;
        turn.by = "schedule".into();
        if proven {
            (turn.tries, turn.told) = (0, false);
            turn.due = every.map(|every| now.plus(every));
            return;
        }
        turn.tries += 1;
        let doubled = AGAIN.0 * 2_u32.saturating_pow(turn.tries.min(16) - 1);
        let wait = doubled.min(AGAIN.1).mul_f64(speed);
        let goes_on = every.is_some() || turn.tries < START_TRIES;
        turn.due = goes_on.then(|| now.plus(every.map_or(wait, |every| wait.min(every))));
    }

    /// Says of each proof that grew too old, once.
    async fn complain(&self, journal: &Journal) {
        let (now, known) = (self.clock.at(), self.overview.load_full());
        let mut old = Vec::new();
        for ((channel, target), turn) in self.turns.lock().iter_mut() {
            let Some(every) = self.links[turn.link].every else { continue };
            let proof = find(&known.proofs, channel, target);
            let is_stale = proof.is_some_and(|proof| proof.is_stale(every, now));
            if is_stale && !std::mem::replace(&mut turn.told, true) {
                let since = proof.map_or(now, LinkProof::good_until_now);
                old.push((channel.clone(), target.clone(), since));
            }
        }
        for (channel, target, since) in old {
            tracing::error!(%channel, target, %since, "a way out was not proven for too long");
            let key = crate::desk::link_fault(channel.as_str(), &target);
            let words = [channel.as_str(), &target, &since.to_string()];
            let trouble = Trouble::begun(&key, "fault-link-stale", &words);
            self.append(journal, Kind::Trouble, payload(&trouble)).await;
        }
    }

    async fn note(
        &self,
        journal: &Journal,
        channel: &ChannelId,
        target: &str,
        proven: bool,
        what: String,
        by: &str,
    ) {
        let event = ProofEvent {
            channel: channel.to_string(),
            target: target.into(),
            proven,
            what,
            by: by.into(),
        };
        self.append(journal, Kind::Proof, payload(&event)).await;
    }

    async fn append(&self, journal: &Journal, kind: Kind, payload: bytes::Bytes) {
        let entry = Entry {
            kind,
            source: "prober".into(),
            topic: "".into(),
            retained: false,
            received_at: self.clock.wall(),
            payload,
        };
        if let Err(error) = journal.append(vec![entry]).await {
            tracing::error!(%error, "what a look came to cannot be journaled");
        }
    }
}

fn find<'a>(proofs: &'a [LinkProof], channel: &ChannelId, target: &str) -> Option<&'a LinkProof> {
    proofs.iter().find(|proof| proof.channel == channel.as_str() && proof.target == target)
}

impl Links for Prober {
    fn links(&self) -> Vec<LinkView> {
        let (now, known) = (self.clock.at(), self.overview.load_full());
        let turns = self.turns.lock();
        let view = |((channel, target), turn): (&(ChannelId, String), &Turn)| {
            let (proof, every) =
                (find(&known.proofs, channel, target), self.links[turn.link].every);
            LinkView {
                channel: channel.to_string(),
                target: target.clone(),
                every,
                stale: every.zip(proof).is_some_and(|(every, proof)| proof.is_stale(every, now)),
                proof: proof.cloned(),
            }
        };
        turns.iter().map(view).collect()
    }

    fn test(&self, channel: &str, by: &str) -> Result<Vec<String>, Text> {
        let now = self.clock.at();
        let mut targets = Vec::new();
        for ((one, target), turn) in self.turns.lock().iter_mut() {
            if one.as_str() == channel {
                (turn.due, turn.by) = (Some(now), by.into());
                targets.push(target.clone());
            }
        }
        if targets.is_empty() {
            return Err(alerting::catalogue::text("link-unknown", &[channel]));
        }
        self.asked.notify_one();
        Ok(targets)
    }
}
