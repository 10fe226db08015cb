//! Stopping, starting again, and changing the configuration of the real program while it runs.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::collections::BTreeSet;
use std::time::Duration;

use common::daemon::{Daemon, run};
use common::eventually;
use common::hook::Hook;
use common::journal::{frames, records, replay};
use common::link::Link;
use common::setting::{Setting, bridge, crack, head, rule, telemetry};
use ingest::journal::Kind;
use serde_json::Value;
use tokio::task::JoinHandle;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g01_g04_a_stop_in_full_flow_loses_nothing_and_a_start_tells_nothing() {
    let hook = Hook::willing().await;
    let mut setting = Setting::embedded();
    setting.add_hook(&hook);
    ["bridge-1", "bridge-2"].iter().for_each(|site| setting.site(site, &bridge(site)));
    let config = setting.write();
    let mut daemon = Daemon::start(&config).await;
    show(&daemon, "bridge-1", 1, 12.0).await;
    eventually("the alert is told", || async { (hook.taken().len() == 1).then_some(()) }).await;
    let incidents = daemon.list("/api/v1/incidents?").await;
    let mut from = 1;

    for start in 0..3 {
        let flow = Flow::start(daemon.broker(), from, 100).await;
        let said = daemon.stop().await;
        let acknowledged = flow.ended().await;
        from += 10_000;
        assert_eq!(said.errors(), Vec::<Value>::new());
        let stopped = said.told("stopped").pop().expect("it says that it stopped");
        let last_decided = stopped["position"].as_u64().unwrap();
        let frames = frames(&setting.data());
        for payload in &acknowledged {
            let frame = frames.iter().find(|frame| frame.payload == payload.as_bytes());
            let frame = frame.unwrap_or_else(|| panic!("acknowledged and lost: {payload}"));
            assert!(frame.sequence <= last_decided, "journaled and not decided on: {payload}");
        }
        assert_eq!(begins_and_ends(&setting), start + 1);

        daemon = Daemon::start(&config).await;
        let before = daemon.balance("field").await;
        let last = acknowledged.last().unwrap();
        let mut link = Link::connect(daemon.broker(), "again").await.unwrap();
        link.publish(&telemetry("bridge-2", "box-1"), last.as_bytes()).await.unwrap();
        eventually("what came before the stop is known after it", || async {
            let balance = daemon.balance("field").await;
            let known =
                balance["duplicate"].as_u64() == Some(before["duplicate"].as_u64().unwrap() + 1);
            (known && balance["holds"] == true).then_some(())
        })
        .await;
        assert_eq!(
            daemon.list("/api/v1/incidents?").await,
            incidents,
            "a start opens and changes no incident"
        );
        assert_eq!(daemon.json("/api/v1/sites/bridge-1").await["level"], "attention");
        assert_eq!(daemon.list("/api/v1/deliveries?").await.len(), 1, "a start tells nothing");
    }
    show(&daemon, "bridge-1", 2, 22.0).await;
    eventually("the next revision is told", || async { (hook.taken().len() == 2).then_some(()) })
        .await;
    let alerts = hook.alerts();
    assert!(alerts.values().all(|alert| alert.taken == 1), "{alerts:#?}");
    daemon.stop().await;
    assert_eq!(replay(&setting.data()).await.0, replay(&setting.data()).await.0);
}

/// How often a run ended in the journal; each run ends by saying that it receives no more.
fn begins_and_ends(setting: &Setting) -> usize {
    let down = |reason: &'static str| {
        let of_collector =
            records(&setting.data()).into_iter().filter(|record| record.kind == Kind::Collector);
        of_collector.filter(|record| record.json()["reason"] == reason).count()
    };
    assert_eq!(down("started"), down("stopped"));
    down("stopped")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g13_a_bad_reload_names_every_problem_and_changes_nothing() {
    let setting = Setting::embedded();
    setting.site("bridge-1", &bridge("bridge-1"));
    let config = setting.write();
    let daemon = Daemon::start(&config).await;

    let mut broken = bridge("bridge-1")
        .replace("\"10 mm\"", "\"10 furlong\"")
        .replace("\"20 mm\"", "\"500 mm\"");
    broken += "\n[[rule]]\nid = \"half\"\ngroop = \"structure\"\n";
    setting.site("bridge-1", &broken);
    let check = run(&["check", "--json", "--config", config.to_str().unwrap()]).await;
    assert_eq!(check.status.code(), Some(78));
    let text = String::from_utf8(check.stdout).unwrap();
    let mut found: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(found.pop().unwrap()["errors"].as_u64().unwrap() >= 5, "{text}");

    daemon.signal("HUP");
    let told = eventually("every problem is told", || async {
        let told = daemon.said.told("configuration not taken over, the one before stays");
        (told.len() >= found.len()).then_some(told)
    })
    .await;
    let told: BTreeSet<&str> =
        told.iter().map(|fields| fields["problem"].as_str().unwrap()).collect();
    assert_eq!(told.len(), found.len(), "{told:#?}");
    for problem in &found {
        let place = format!(
            "{}:{}:{}: ",
            problem["file"].as_str().unwrap(),
            problem["line"],
            problem["column"]
        );
        let (what, remedy) =
            (problem["what"].as_str().unwrap(), problem["remedy"].as_str().unwrap());
        let said = told
            .iter()
            .any(|line| line.starts_with(&place) && line.contains(what) && line.contains(remedy));
        assert!(said, "{problem} is missing in {told:#?}");
    }

    show(&daemon, "bridge-1", 1, 12.0).await;
    reaches(&daemon, "bridge-1", "attention").await;
    daemon.stop().await;
    assert!(reloads(&setting).is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g13_a_good_reload_decides_from_now_on_and_lowers_no_level() {
    let hook = Hook::willing().await;
    let mut setting = Setting::embedded();
    setting.add_hook(&hook);
    ["bridge-1", "bridge-2"].iter().for_each(|site| setting.site(site, &bridge(site)));
    let config = setting.write();
    let daemon = Daemon::start(&config).await;
    show(&daemon, "bridge-1", 1, 22.0).await;
    show(&daemon, "bridge-2", 1, 6.0).await;
    reaches(&daemon, "bridge-1", "caution").await;
    assert_eq!(daemon.json("/api/v1/sites/bridge-2").await["level"], "normal");
    eventually("the alert is told", || async { (hook.taken().len() == 1).then_some(()) }).await;

    // Nothing that holds at bridge-1 would hold now, bridge-2 gets a rule more, and a site is new.
    setting.site(
        "bridge-1",
        &bridge("bridge-1").replace("\"10 mm\"", "\"40 mm\"").replace("\"20 mm\"", "\"45 mm\""),
    );
    let more = rule("crack-early", "structure", "caution", "box-1/crack-1/crack-width", "5 mm");
    setting.site("bridge-2", &(bridge("bridge-2") + &more));
    setting.site("bridge-3", &bridge("bridge-3"));
    daemon.signal("HUP");
    eventually("it is taken over", || async { daemon.said.told("configuration taken over").pop() })
        .await;

    show(&daemon, "bridge-1", 2, 22.5).await;
    show(&daemon, "bridge-2", 2, 6.5).await;
    show(&daemon, "bridge-3", 1, 12.0).await;
    reaches(&daemon, "bridge-2", "caution").await;
    reaches(&daemon, "bridge-3", "attention").await;
    assert_eq!(
        daemon.json("/api/v1/sites/bridge-1").await["level"],
        "caution",
        "a reload never lowers a level"
    );
    eventually("both are told", || async { (hook.taken().len() == 3).then_some(()) }).await;
    assert_eq!(daemon.said.errors(), Vec::<Value>::new());
    daemon.stop().await;
    assert_eq!(reloads(&setting).len(), 1, "what decides stands in the journal");
    assert_eq!(replay(&setting.data()).await.0, replay(&setting.data()).await.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g13_ways_in_and_out_wait_for_a_restart_and_say_so() {
    let mut setting = Setting::embedded();
    setting.site("bridge-1", &bridge("bridge-1"));
    let daemon = Daemon::start(&setting.write()).await;
    setting.add("[[channel]]\nname = \"log\"\nkind = \"log\"\naudience = \"officers\"\nmin-level = \"attention\"");
    setting.write();
    daemon.signal("HUP");
    let told = eventually("it says why not", || async {
        daemon.said.told("configuration not taken over, the one before stays").pop()
    })
    .await;
    assert!(told["error"].as_str().unwrap().contains("restart"), "{told}");
    daemon.stop().await;
    assert!(reloads(&setting).is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g13_a_bad_configuration_is_refused_before_anything_starts() {
    let setting = Setting::embedded();
    setting.site("bridge-1", &head("bridge-1", "aqueduct"));
    let mut daemon = Daemon::spawn(&setting.write());
    assert_eq!(daemon.ended().await.code(), Some(78));
    let lines = daemon.said.lines();
    assert!(
        lines
            .iter()
            .any(|line| line.contains("sites/bridge-1.toml:4:") && line.contains("aqueduct")),
        "{lines:#?}"
    );
    assert!(lines.iter().any(|line| line.contains("[[station]]")), "{lines:#?}");
    assert!(!setting.data().exists(), "nothing was begun");
}

/// Shows a crack of this width and waits until the daemon has it.
async fn show(daemon: &Daemon, site: &str, seq: u64, width: f64) {
    let mut link = Link::connect(daemon.broker(), "show").await.unwrap();
    link.publish(&telemetry(site, "box-1"), crack(seq, width).as_bytes()).await.unwrap();
    eventually("the reading counts", || async {
        let shown = daemon.json(&format!("/api/v1/sites/{site}")).await;
        (shown["stations"][0]["series"][0]["latest"]["value"] == width).then_some(())
    })
    .await;
}

async fn reaches(daemon: &Daemon, site: &str, level: &str) {
    eventually(&format!("{site} reaches {level}"), || async {
        (daemon.json(&format!("/api/v1/sites/{site}")).await["level"] == level).then_some(())
    })
    .await;
}

/// The configurations that were taken over while running.
fn reloads(setting: &Setting) -> Vec<u64> {
    let all = records(&setting.data()).into_iter();
    all.filter(|record| record.kind == Kind::Configuration && record.topic == "reload")
        .map(|r| r.sequence)
        .collect()
}

/// A station that speaks until nobody answers any more.
struct Flow(JoinHandle<Vec<String>>);

impl Flow {
    /// Begins to speak; when this returns, `least` messages are acknowledged.
    async fn start(port: u16, from: u64, least: usize) -> Self {
        let (count, mut counted) = tokio::sync::watch::channel(0);
        let task = tokio::spawn(async move {
            let mut link = Link::connect(port, "flow").await.unwrap();
            let mut acknowledged = Vec::new();
            for seq in from.. {
                let payload = crack(seq, 2.0 + (seq % 1_000) as f64 / 1e3);
                if link.publish(&telemetry("bridge-2", "box-1"), payload.as_bytes()).await.is_err()
                {
                    break;
                }
                acknowledged.push(payload);
                count.send_replace(acknowledged.len());
            }
            acknowledged
        });
        let reached = counted.wait_for(|count| *count >= least);
        tokio::time::timeout(Duration::from_secs(60), reached)
            .await
            .expect("messages flow")
            .unwrap();
        Self(task)
    }

    /// What was acknowledged until then.
    async fn ended(self) -> Vec<String> {
        self.0.await.unwrap()
    }
}
