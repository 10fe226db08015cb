//! The real program, killed at random moments while readings come in and alerts go out.
//!
//! Every message is numbered. What its sender was told is safe must be in the journal, byte for byte; whoever must hear
//! must have heard, and nobody who honours ids twice. `BONGSU_LONG=1` kills a hundred times instead of ten.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::daemon::Daemon;
use common::hook::Hook;
use common::journal::{Record, frames, replay};
use common::link::{Link, puback};
use common::servers::Mosquitto;
use common::setting::{LIMITS, Road, Setting, bridge, crack, telemetry};
use common::{Dice, eventually, free_port, within};
use parking_lot::Mutex;
use serde_json::Value;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Decides what is sent and when the program is killed; `BONGSU_SEED` sets another.
fn seed() -> u64 {
    std::env::var("BONGSU_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(20_260_714)
}

/// Messages of one sender that may be unanswered.
const WINDOW: usize = 32;

/// How many connections the stations share.
const SENDERS: usize = 3;

/// After so many kills there is a stop in order.
const STOP_EVERY: usize = 5;

/// How many more sites may come to the top between two kills.
const STEPS: usize = 4;

/// What the levels above normal are called, in the order of [`LIMITS`].
const LEVELS: [&str; 3] = ["attention", "caution", "warning"];

/// Sites that stay as they are: nobody may hear of them.
const QUIET: usize = 10;

fn kills() -> usize {
    if std::env::var_os("BONGSU_LONG").is_some_and(|set| set == "1") { 100 } else { 10 }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g01_g02_g05_killed_behind_mosquitto_it_loses_nothing_and_tells_nobody_twice() {
    let Some(mosquitto) = Mosquitto::start().await else { return };
    survive(Road::Mqtt(mosquitto.port), mosquitto.port, seed()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g01_g02_g05_killed_as_its_own_broker_it_loses_nothing_and_tells_nobody_twice() {
    let port = free_port();
    survive(Road::Embedded(port), port, seed() + 1).await;
}

async fn survive(road: Road, port: u16, seed: u64) {
    let sites: Vec<Crack> = cracks(QUIET + STEPS * kills());
    let hook = Hook::moody(seed).await;
    let mut setting = Setting::new(road);
    setting.add_hook(&hook);
    sites.iter().for_each(|crack| setting.site(&crack.site, &bridge(&crack.site)));
    let config = setting.write();

    let mut daemon = Daemon::start(&config).await;
    let field = Field::start(port, sites, seed);
    let mut dice = Dice::new(seed);
    let mut errors = Vec::new();
    for end in 0..kills() {
        tokio::time::sleep(Duration::from_millis(50 + dice.below(2_500))).await;
        daemon.kill();
        errors.extend(daemon.said.errors());
        if end % STOP_EVERY == STOP_EVERY / 2 {
            // One that stops in order leaves a snapshot, from which those after it go on.
            errors.extend(Daemon::start(&config).await.stop().await.errors());
        }
        daemon = Daemon::spawn(&config);
        field.may_open(STEPS * LIMITS.len());
    }
    daemon.ready().await;
    let starts = daemon.said.told("starting from a snapshot");
    assert!(starts.iter().any(|line| line["who"] == "desk"), "{starts:?}");
    let sent = field.stop().await;
    settled(&daemon, &setting.data(), &sent).await;

    let frames = frames(&setting.data());
    println!(
        "{} messages acknowledged, {} frames journaled",
        sent.acknowledged.len(),
        frames.len()
    );
    nothing_acknowledged_is_missing(&sent, &frames);
    every_reading_counts_once(&daemon, &frames).await;
    every_site_stands_where_its_readings_put_it(&daemon, &hook, &frames).await;
    let ledger = daemon.list("/api/v1/deliveries?").await;
    errors.extend(daemon.stop().await.errors());
    assert!(errors.is_empty(), "{errors:#?}");

    let (first, actions) = replay(&setting.data()).await;
    let (second, _) = replay(&setting.data()).await;
    assert!(first == second, "two replays of one journal differ");
    everybody_heard_and_nobody_twice(&hook, &actions, &ledger);
    one_incident_an_episode(&actions, &frames);
}

// ---- the field ----

/// A crack that opens, step by step, or does not.
#[derive(Clone)]
struct Crack {
    site: String,
    seq: u64,
    step: usize,
    opens: bool,
}

fn cracks(count: usize) -> Vec<Crack> {
    let crack = |n| Crack { site: format!("bridge-{n:03}"), seq: 0, step: 0, opens: n >= QUIET };
    (0..count).map(crack).collect()
}

impl Crack {
    /// Its next report. A crack that has opened closes for one reading now and then, which ends no episode.
    fn report(&mut self, may_open: &AtomicUsize, dice: &mut Dice) -> Message {
        let granted = |left: usize| left.checked_sub(1);
        if self.opens
            && self.step < LIMITS.len()
            && dice.once_in(20)
            && may_open.fetch_update(Ordering::Relaxed, Ordering::Relaxed, granted).is_ok()
        {
            self.step += 1;
        }
        let shown = if dice.once_in(10) { 0 } else { self.step };
        let width = 2.0 + 10.0 * shown as f64 + dice.below(5_000) as f64 / 1e3;
        self.seq += 1;
        (telemetry(&self.site, "box-1"), crack(self.seq, width))
    }
}

/// A topic and a payload; no two are alike.
type Message = (String, String);

/// What was sent and what of it was acknowledged.
#[derive(Clone, Default)]
struct Sent {
    all: BTreeSet<Message>,
    acknowledged: Vec<Message>,
}

/// Stations that speak, and say again what nobody acknowledged.
struct Field {
    sent: Arc<Mutex<Sent>>,
    may_open: Arc<AtomicUsize>,
    stop: CancellationToken,
    senders: JoinSet<()>,
}

impl Field {
    fn start(port: u16, cracks: Vec<Crack>, seed: u64) -> Self {
        let (sent, stop) = (Arc::<Mutex<Sent>>::default(), CancellationToken::new());
        let may_open = Arc::<AtomicUsize>::default();
        let mut senders = JoinSet::new();
        for number in 0..SENDERS {
            let sender = Sender {
                port,
                name: format!("field-{number}"),
                cracks: cracks.iter().skip(number).step_by(SENDERS).cloned().collect(),
                dice: Dice::new(seed ^ number as u64),
                unanswered: BTreeMap::new(),
                sent: sent.clone(),
                may_open: may_open.clone(),
            };
            senders.spawn(sender.run(stop.clone()));
        }
        Self { sent, may_open, stop, senders }
    }

    /// Lets cracks open by so many steps more, so that something happens between any two kills.
    fn may_open(&self, steps: usize) {
        self.may_open.fetch_add(steps, Ordering::Relaxed);
    }

    /// Lets every sender come to an end: what it said is acknowledged.
    async fn stop(mut self) -> Sent {
        self.stop.cancel();
        let ended =
            async { while self.senders.join_next().await.is_some_and(|ended| ended.is_ok()) {} };
        tokio::time::timeout(common::PATIENCE, ended)
            .await
            .expect("everything is acknowledged in the end");
        self.sent.lock().clone()
    }
}

struct Sender {
    port: u16,
    name: String,
    cracks: Vec<Crack>,
    dice: Dice,
    unanswered: BTreeMap<u16, Message>,
    sent: Arc<Mutex<Sent>>,
    may_open: Arc<AtomicUsize>,
}

impl Sender {
    async fn run(mut self, stop: CancellationToken) {
        while !(stop.is_cancelled() && self.unanswered.is_empty()) {
            if let Ok(link) = Link::connect(self.port, &self.name).await {
                self.speak(link, &stop).await.ok();
            }
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }

    async fn speak(&mut self, mut link: Link, stop: &CancellationToken) -> std::io::Result<()> {
        for (id, (topic, payload)) in &self.unanswered {
            link.send(topic.as_bytes(), payload.as_bytes(), false, *id).await?;
        }
        let mut pace = tokio::time::interval(Duration::from_millis(3));
        pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while !(stop.is_cancelled() && self.unanswered.is_empty()) {
            tokio::select! {
                packet = link.packet() => {
                    if let Some(message) = puback(&packet?)?.and_then(|id| self.unanswered.remove(&id)) {
                        self.sent.lock().acknowledged.push(message);
                    }
                }
                _ = pace.tick(), if self.unanswered.len() < WINDOW && !stop.is_cancelled() => {
                    let mut id = link.next_id();
                    while self.unanswered.contains_key(&id) {
                        id = link.next_id();
                    }
                    let message = self.next_message();
                    self.unanswered.insert(id, message.clone());
                    link.send(message.0.as_bytes(), message.1.as_bytes(), false, id).await?;
                }
            }
        }
        Ok(())
    }

    fn next_message(&mut self) -> Message {
        let at = self.dice.below(self.cracks.len() as u64) as usize;
        let message = self.cracks[at].report(&self.may_open, &mut self.dice);
        self.sent.lock().all.insert(message.clone());
        message
    }
}

// ---- what must be so ----

/// Waits until everything that was acknowledged is journaled and decided on, and nothing is owed any more.
async fn settled(daemon: &Daemon, data: &Path, sent: &Sent) {
    let wanted: BTreeSet<&Message> = sent.acknowledged.iter().collect();
    within(common::PATIENCE, "everything is journaled", || async {
        let here = messages(&frames(data));
        wanted.iter().all(|message| here.contains(*message)).then_some(())
    })
    .await;
    eventually("everything is decided on and told", || async {
        let received = daemon.balance("field").await["received"].as_u64();
        let mut open = 0;
        for state in ["queued", "attempting", "handed-over", "in-doubt"] {
            open += daemon.list(&format!("/api/v1/deliveries?state={state}&")).await.len();
        }
        (received == Some(frames(data).len() as u64) && open == 0).then_some(())
    })
    .await;
}

fn messages(frames: &[Record]) -> BTreeSet<Message> {
    let text = |frame: &Record| String::from_utf8(frame.payload.clone()).unwrap();
    frames.iter().map(|frame| (frame.topic.clone(), text(frame))).collect()
}

fn nothing_acknowledged_is_missing(sent: &Sent, frames: &[Record]) {
    let here = messages(frames);
    let missing: Vec<_> =
        sent.acknowledged.iter().filter(|message| !here.contains(*message)).collect();
    assert!(missing.is_empty(), "{} acknowledged messages are lost: {missing:#?}", missing.len());
    let invented: Vec<_> = here.iter().filter(|message| !sent.all.contains(*message)).collect();
    assert!(invented.is_empty(), "nobody sent these: {invented:#?}");
    assert!(sent.acknowledged.len() > 20 * kills(), "too little came through to show anything");
}

async fn every_reading_counts_once(daemon: &Daemon, frames: &[Record]) {
    let balance = daemon.balance("field").await;
    let distinct = messages(frames).len();
    assert_eq!(balance["holds"], true, "{balance}");
    assert_eq!(balance["admitted"], distinct, "{balance}");
    assert_eq!(balance["duplicate"], frames.len() - distinct, "{balance}");
}

/// The level each site must have reached by what the journal holds, and none for those that never left normal.
fn deserved(frames: &[Record]) -> BTreeMap<String, &'static str> {
    let mut highest = BTreeMap::new();
    for frame in frames {
        let site = frame.topic.split('/').nth(2).unwrap().to_owned();
        let width = frame.json()["readings"][0]["value"].as_f64().unwrap();
        let reached = LIMITS.iter().filter(|limit| width >= **limit).count();
        let level = highest.entry(site).or_insert(0);
        *level = reached.max(*level);
    }
    highest
        .into_iter()
        .filter(|(_, level)| *level > 0)
        .map(|(site, level)| (site, LEVELS[level - 1]))
        .collect()
}

async fn every_site_stands_where_its_readings_put_it(
    daemon: &Daemon,
    hook: &Hook,
    frames: &[Record],
) {
    let deserved = deserved(frames);
    assert!(deserved.len() > 10, "too little happened to show anything");
    let page = daemon.json("/api/v1/sites?limit=500").await;
    let mut last_heard: BTreeMap<String, (u64, String)> = BTreeMap::new();
    for alert in hook.taken() {
        let site = alert["site"]["id"].as_str().unwrap().to_owned();
        let heard =
            (alert["revision"].as_u64().unwrap(), alert["level"].as_str().unwrap().to_owned());
        let last = last_heard.entry(site).or_default();
        *last = heard.max(last.clone());
    }
    for site in page["items"].as_array().unwrap() {
        let id = site["id"].as_str().unwrap();
        let expected = deserved.get(id).copied();
        assert_eq!(site["level"], expected.unwrap_or("normal"), "{id}");
        assert_eq!(
            last_heard.get(id).map(|(_, level)| level.as_str()),
            expected,
            "{id}: what was heard last"
        );
    }
}

fn everybody_heard_and_nobody_twice(hook: &Hook, actions: &[Value], ledger: &[Value]) {
    let owed: BTreeSet<&str> =
        of_kind(actions, "owe").map(|owe| owe["key"].as_str().unwrap()).collect();
    let mut states: BTreeMap<&str, &str> = owed.iter().map(|key| (*key, "queued")).collect();
    for change in of_kind(actions, "change") {
        states.insert(change["key"].as_str().unwrap(), change["state"].as_str().unwrap());
    }
    let written =
        ledger.iter().map(|row| (row["key"].as_str().unwrap(), row["state"].as_str().unwrap()));
    assert_eq!(
        written.collect::<BTreeMap<_, _>>(),
        states,
        "the ledger is not what the journal decides"
    );

    let alerts = hook.alerts();
    for (key, state) in &states {
        let taken = alerts.get(*key).map_or(0, |alert| alert.taken);
        match *state {
            "delivered" => assert!(taken > 0, "{key} is said to be delivered and never came"),
            "superseded" => {}
            other => panic!("{key} ended as {other}"),
        }
    }
    let invented: Vec<_> = alerts.keys().filter(|id| !owed.contains(id.as_str())).collect();
    assert!(invented.is_empty(), "nobody decided these: {invented:?}");
    let mut said = BTreeSet::new();
    for alert in alerts.values().map(common::hook::Alert::json) {
        let what = (alert["incident"].to_string(), alert["revision"].to_string());
        assert!(said.insert(what), "one revision came under two ids: {alert}");
    }
    let again: u32 = alerts.values().map(|alert| alert.taken.saturating_sub(1)).sum();
    println!("{} alerts owed, {} heard, {again} of them again", owed.len(), alerts.len());
    assert!(again as usize <= kills(), "{again} alerts came again, more than a kill each explains");
}

fn one_incident_an_episode(actions: &[Value], frames: &[Record]) {
    let mut incidents: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for incident in of_kind(actions, "decide").filter(|decided| decided["decision"] == "incident") {
        let site = incident["site"].as_str().unwrap().to_owned();
        incidents.entry(site).or_default().insert(incident["id"].as_str().unwrap().to_owned());
    }
    // Also none about bongsu itself: to be killed is no news to the public.
    let expected: BTreeSet<String> = deserved(frames).into_keys().collect();
    let own = of_kind(actions, "decide").filter(|decided| decided["site"] == "bongsu");
    own.for_each(|decided| println!("about bongsu itself: {decided}"));
    assert_eq!(incidents.keys().cloned().collect::<BTreeSet<_>>(), expected);
    let twice: Vec<_> = incidents.iter().filter(|(_, ids)| ids.len() != 1).collect();
    assert!(twice.is_empty(), "{twice:#?}");
}

fn of_kind<'a>(actions: &'a [Value], kind: &'a str) -> impl Iterator<Item = &'a Value> {
    actions.iter().filter(move |action| action["action"] == kind)
}

/// Journal and snapshots are gone, the ledger is not: what it owes was decided by nothing anybody has any more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g05_g14_deliveries_that_outlive_what_decided_them_are_named_and_told() {
    let (hook, nobody) = (Hook::willing().await, free_port());
    let mut setting = Setting::embedded();
    setting.add_hook(&hook);
    setting.add(&format!(
        "[[channel]]\nname = \"away\"\nkind = \"webhook\"\nurl = \"http://127.0.0.1:{nobody}/hook\"\nsecret = \"file:hook-key\"\naudience = \"officers\"\nmin-level = \"caution\""
    ));
    setting.site("bridge-1", &bridge("bridge-1"));
    let config = setting.write();
    let mut daemon = Daemon::start(&config).await;
    let mut box_1 = Link::connect(daemon.broker(), "box-1").await.unwrap();
    box_1.publish(&telemetry("bridge-1", "box-1"), crack(1, 35.0).as_bytes()).await.unwrap();
    let owed = async |daemon: &Daemon, more: &str| {
        let rows = daemon.list(&format!("/api/v1/deliveries?channel=away&{more}")).await;
        rows.into_iter().find(|row| row["key"].as_str().unwrap().contains("_bridge-1_"))
    };
    let row = eventually("it was tried", || async {
        owed(&daemon, "").await.filter(|row| row["attempts"].as_u64() > Some(0))
    })
    .await;
    let key = row["key"].as_str().unwrap().to_owned();
    daemon.kill();
    for lost in ["journal", "state"] {
        std::fs::remove_dir_all(setting.data().join(lost)).unwrap();
    }

    let daemon = Daemon::start(&config).await;
    let row =
        eventually("it is given up", || async { owed(&daemon, "state=expired&").await }).await;
    assert_eq!(row["key"], key.as_str());
    assert!(row["note"].as_str().unwrap().contains("records that decided it are lost"), "{row}");
    eventually("officers hear which", || async {
        let told = hook.taken();
        let named = |event: &Value| {
            event["site"]["id"] == "bongsu" && event["evidence"].to_string().contains(&key)
        };
        told.iter().any(named).then_some(())
    })
    .await;
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g05_g14_a_journal_that_is_gone_loses_no_level_and_leaves_nothing_owed_in_silence() {
    let (hook, nobody) = (Hook::willing().await, free_port());
    let mut setting = Setting::embedded();
    setting.add_hook(&hook);
    setting.add(&format!(
        "[[channel]]\nname = \"away\"\nkind = \"webhook\"\nurl = \"http://127.0.0.1:{nobody}/hook\"\nsecret = \"file:hook-key\"\naudience = \"officers\"\nmin-level = \"caution\""
    ));
    for site in ["bridge-1", "bridge-2"] {
        setting.site(site, &bridge(site));
    }
    let config = setting.write();
    let row = async |daemon: &Daemon, channel: &str, site: &str| {
        let rows = daemon.list(&format!("/api/v1/deliveries?channel={channel}&")).await;
        rows.into_iter().find(|row| row["site"] == site)
    };
    let stands = async |daemon: &Daemon, site: &str| {
        let told = eventually("it is told, and tried where nobody is", || async {
            let told = row(daemon, "hook", site).await.filter(|row| row["state"] == "delivered");
            let tried = row(daemon, "away", site).await.filter(|row| row["attempts"] != 0);
            told.zip(tried)
        });
        told.await.1["key"].as_str().unwrap().to_owned()
    };
    let raise = async |daemon: &Daemon, site: &str| {
        let mut link = Link::connect(daemon.broker(), "box").await.unwrap();
        link.publish(&telemetry(site, "box-1"), crack(1, 35.0).as_bytes()).await.unwrap();
    };
    // one incident that the snapshot of a stop knows, one that only the journal does
    let daemon = Daemon::start(&config).await;
    raise(&daemon, "bridge-1").await;
    let kept = stands(&daemon, "bridge-1").await;
    daemon.stop().await;
    let mut daemon = Daemon::start(&config).await;
    raise(&daemon, "bridge-2").await;
    let lost = stands(&daemon, "bridge-2").await;
    daemon.kill();
    std::fs::remove_dir_all(setting.data().join("journal")).unwrap();

    let daemon = Daemon::start(&config).await;
    eventually("what nobody knows is given up", || async {
        row(&daemon, "away", "bridge-2").await.filter(|row| row["state"] == "expired")
    })
    .await;
    let still = row(&daemon, "away", "bridge-1").await.unwrap();
    assert!(still["key"] == kept.as_str() && still["state"] != "expired", "{still}");
    let open = daemon.list("/api/v1/incidents?state=open&").await;
    assert!(open.iter().any(|one| one["site"] == "bridge-1"), "the level is kept: {open:#?}");
    assert!(open.iter().all(|one| one["site"] != "bridge-2"), "nobody goes on with it: {open:#?}");
    eventually("officers hear of the delivery, the incident and the gap", || async {
        let told = hook.taken();
        let said: String = told
            .iter()
            .filter(|event| event["site"]["id"] == "bongsu")
            .map(|event| event["evidence"].to_string())
            .collect();
        let incident = lost.split('_').take(4).collect::<Vec<_>>().join("_");
        let parts = [lost.as_str(), &format!("announced: {incident}"), "before record"];
        parts.iter().all(|part| said.contains(part)).then_some(())
    })
    .await;
    for site in ["bridge-1", "bridge-2"] {
        let told = row(&daemon, "hook", site).await.unwrap();
        assert_eq!(told["state"], "delivered", "{told}");
    }
    assert_eq!(hook.alerts().values().filter(|alert| alert.taken != 1).count(), 0);
    daemon.stop().await;
}
