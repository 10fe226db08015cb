//! Two hundred people watch the board of the real program, and alerts go out as they do when nobody watches.
//!
//! Latency is told, not judged: it depends on the machine. That every alert goes out once and every watcher hears of it
//! is.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::time::Duration;

use common::daemon::{Daemon, run};
use common::eventually;
use common::hook::Hook;
use common::link::Link;
use common::setting::{Setting, bridge, crack, telemetry};
use futures_util::StreamExt;
use ingest::clock::Stopwatch;
use tokio::task::JoinSet;

/// How many watch: fewer than [`bongsu::board::WATCHERS_MAX`].
const WATCHERS: usize = 200;

/// How many people they are: one person does not have so many places.
const PEOPLE: usize = 4;

/// How many alerts are timed with and without them, one after the other so that a busy machine troubles both alike.
const ROUNDS: usize = 10;

/// From the reading to the alert at its receiver.
async fn told(daemon: &Daemon, hook: &Hook, site: &str) -> Duration {
    let of_site = format!("live_{site}_structural-damage");
    let is_told = || hook.taken().iter().any(|alert| alert.to_string().contains(&of_site));
    let mut link = Link::connect(daemon.broker(), "show").await.unwrap();
    let clock = Stopwatch::start();
    link.publish(&telemetry(site, "box-1"), crack(1, 12.0).as_bytes()).await.unwrap();
    while !is_told() {
        assert!(clock.elapsed() < common::PATIENCE, "{site}: no alert");
        tokio::time::sleep(Duration::from_micros(500)).await;
    }
    clock.elapsed()
}

/// Adds people who may look, and gives a token of each.
async fn tokens(daemon: &Daemon) -> Vec<String> {
    let (data, mut tokens) = (daemon.data(), vec![]);
    for n in 0..PEOPLE {
        let user = async |what: &[&str]| {
            let all = [&["user", "--data-dir", data.to_str().unwrap()], what].concat();
            String::from_utf8(run(&all).await.stdout).unwrap()
        };
        let id = format!("viewer-{n}");
        user(&["add", &id, "--role", "viewer"]).await;
        let said = user(&["token", &id, "--name", &id, "--scope", "read", "--for", "1d"]).await;
        tokens.push(said.lines().last().unwrap().to_owned());
    }
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    for token in &tokens {
        eventually("the token is good", || async {
            let asked = client.get(daemon.url("/api/v1/sites")).bearer_auth(token);
            asked.send().await.unwrap().status().is_success().then_some(())
        })
        .await;
    }
    tokens
}

/// Those who watch, each until it heard of an incident at a site; ends with how often its stream began.
async fn watchers(daemon: &Daemon, tokens: &[String], site: &str) -> JoinSet<usize> {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let (mut watchers, wanted) = (JoinSet::new(), format!("live_{site}_structural-damage"));
    for n in 0..WATCHERS {
        let token = &tokens[n % PEOPLE];
        let asked = client.get(daemon.url("/api/v1/events")).bearer_auth(token);
        let wanted = wanted.clone();
        watchers.spawn(async move {
            let answer = asked.send().await.unwrap();
            assert!(answer.status().is_success(), "{}", answer.status());
            let (mut stream, mut text) = (answer.bytes_stream(), String::new());
            while let Some(Ok(bytes)) = stream.next().await {
                text.push_str(&String::from_utf8_lossy(&bytes));
                if text.contains(&wanted) {
                    break;
                }
            }
            text.matches("event: hello").count()
        });
    }
    eventually("everybody watches", || async {
        let watching = daemon.metric("board_watchers", "").await;
        (watching as usize == WATCHERS).then_some(())
    })
    .await;
    watchers
}

fn median(mut all: Vec<Duration>) -> Duration {
    all.sort_unstable();
    all[all.len() / 2]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g06_two_hundred_watchers_hold_no_alert_back() {
    let hook = Hook::willing().await;
    let mut setting = Setting::embedded();
    setting.add_hook(&hook);
    let sites: Vec<String> = (0..2 * ROUNDS + 1).map(|n| format!("bridge-{n}")).collect();
    for site in &sites {
        setting.site(site, &bridge(site));
    }
    let daemon = Daemon::start(&setting.write()).await;
    let tokens = tokens(&daemon).await;
    told(&daemon, &hook, &sites[2 * ROUNDS]).await; // the first is slower whoever watches
    let (mut alone, mut watched) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        alone.push(told(&daemon, &hook, &sites[2 * round]).await);
        let site = &sites[2 * round + 1];
        let mut watching = watchers(&daemon, &tokens, site).await;
        watched.push(told(&daemon, &hook, site).await);
        while let Some(heard) = watching.join_next().await {
            assert_eq!(heard.unwrap(), 1, "each heard of it, on one stream");
        }
        eventually("nobody watches", || async {
            (daemon.metric("board_watchers", "").await == 0.0).then_some(())
        })
        .await;
    }
    let (alone, watched) = (median(alone), median(watched));
    let ratio = watched.as_secs_f64() / alone.as_secs_f64();
    println!(
        "reading to alert: {alone:?} with nobody watching, {watched:?} with {WATCHERS}: {ratio:.2}"
    );
    assert!(hook.alerts().values().all(|alert| alert.taken == 1), "each alert once");
    assert_eq!(daemon.stop().await.errors(), Vec::<serde_json::Value>::new());
}
