//! Link tests: a daemon that looks at its ways out by itself, and when it is asked; nobody hears or sees an alert.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::net::SocketAddr;
use std::time::Duration;

use alerting::Level;
use bongsu::config::Config;
use bongsu::daemon::ClockTrust;
use common::daemon::{Daemon, run};
use common::eventually;
use common::hook::Hook;
use common::setting::{Setting, bridge};
use firmware_sim::Pace;
use firmware_sim::link::session::Address;
use firmware_sim::siren::{Settings, Siren};
use ingest::clock::Clock;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

const GROUP: &str = r#"[[group]]
name = "public"
approval = "automatic"
release = { author = "test", date = "2026-07-01", reason = "test" }"#;

fn channels() -> String {
    let mut text = format!("{GROUP}\n");
    for (name, more) in [
        (
            "siren",
            "kind = \"siren\"\nsirens = [\"bridge-1/siren-1\"]\nsimulated = true\nmin-level = \"severe\"",
        ),
        (
            "signs",
            "kind = \"signboard\"\nboards = [\"bridge-1/siren-1\"]\nsimulated = true\nmin-level = \"warning\"",
        ),
        (
            "mute",
            "kind = \"siren\"\nsirens = [\"bridge-1/siren-2\"]\nsimulated = true\nmin-level = \"severe\"",
        ),
        (
            "cap",
            "kind = \"cap\"\nprofile = \"none\"\nmin-level = \"warning\"\ntest-every = \"1 h\"",
        ),
    ] {
        text += &format!(
            "\n[[channel]]\nname = \"{name}\"\n{more}\naudience = \"public\"\ngroup = \"public\"\n"
        );
    }
    text
}

/// What is known of the one target of a channel.
async fn link(daemon: &Daemon, channel: &str) -> Value {
    let links = daemon.json("/api/v1/channels").await;
    let found = links["items"].as_array().unwrap().iter().find(|link| link["channel"] == channel);
    found.cloned().unwrap_or_default()
}

async fn proven(daemon: &Daemon, channel: &str) -> Value {
    eventually(&format!("{channel} is proven"), || async {
        let link = link(daemon, channel).await;
        (link["proven"] == true).then_some(link)
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g10_every_way_out_is_proved_without_anybody_hearing_an_alert() {
    let hook = Hook::willing().await;
    let mut setting = Setting::embedded();
    setting.add_hook(&hook);
    setting.main += "\ntest-every = \"1 h\"\n";
    setting.add(&channels());
    let site =
        bridge("bridge-1") + "\n[[station]]\nid = \"siren-1\"\n[[station]]\nid = \"siren-2\"\n";
    setting.site("bridge-1", &site);
    let daemon = Daemon::start(&setting.write()).await;

    let stop = CancellationToken::new();
    let siren =
        Siren::new(&"bridge-1".parse().unwrap(), &"siren-1".parse().unwrap(), Settings::default());
    let heeded = siren.watch();
    let (address, pace) =
        (Address::new("127.0.0.1", daemon.broker()), Pace::own(common::now(), 1.0));
    let running = {
        let stop = stop.clone();
        tokio::spawn(async move { siren.run(&address, &pace, stop).await })
    };
    let token = setting.data().join("board-token");
    let (url, token) = (daemon.url(""), token.to_str().unwrap().to_owned());
    let test = async |name: &str| {
        let ends = ["--lang", "en", "channel", "test", name, "--url", &url, "--token-file", &token];
        let output = run(&ends).await;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.code(), said, String::from_utf8_lossy(&output.stderr).into_owned())
    };

    let feed = proven(&daemon, "cap").await;
    assert_eq!(feed["what"], "0 documents read back", "{feed:#}");
    let event = proven(&daemon, "hook").await;
    assert!(event["what"].as_str().unwrap().ends_with("answered 204"), "{event:#}");
    assert!(hook.taken().iter().all(|event| event["type"] == "bongsu.test"), "no alert was told");
    for name in ["siren", "signs"] {
        // What was asked at the start may have come before the siren was there.
        eventually("the device answers when it is asked", || async {
            let (status, said, _) = test(name).await;
            (status == Some(0)).then_some(said)
        })
        .await;
        let answered = proven(&daemon, name).await;
        assert_eq!(answered["what"], "answered: silent", "{answered:#}");
    }
    assert_eq!(heeded.borrow().sounded, 0, "nothing sounded");

    let (status, said, _) = test("mute").await;
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("NOT proven") && said.contains("does not answer"), "{said}");
    let (status, _, complaint) = test("nowhere").await;
    assert_eq!(status, Some(1));
    assert!(complaint.contains("no channel"), "{complaint}");

    let at = daemon
        .metric("delivery_link_proved_timestamp_seconds", "channel=\"cap\",target=\"feed\"")
        .await;
    assert!(at > 1_700_000_000.0, "{at}");
    let mute = "channel=\"mute\",target=\"bridge-1-siren-2\"";
    assert!(daemon.metric("delivery_link_proved_timestamp_seconds", mute).await < 1.0);
    assert!(daemon.text("/?lang=en").await.contains("Last proved"));
    stop.cancel();
    running.await.unwrap();
    daemon.stop().await;
}

/// Somebody who takes whatever is posted, until dropped.
struct Post(tokio::task::JoinHandle<()>);

impl Post {
    async fn at(address: SocketAddr) -> Self {
        let listener = eventually("the address is free", || async {
            tokio::net::TcpListener::bind(address).await.ok()
        })
        .await;
        let app = axum::Router::new()
            .route("/hook", axum::routing::post(|| async { axum::http::StatusCode::NO_CONTENT }));
        Self(tokio::spawn(async move { axum::serve(listener, app).await.unwrap() }))
    }
}

impl Drop for Post {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Whether officers were told, on the channel that works, that a way out was not proven.
fn told_stale(hook: &Hook, way: &str) -> bool {
    hook.taken().iter().any(|event| {
        let evidence = event["evidence"].as_array().cloned().unwrap_or_default();
        event["site"]["id"] == "bongsu"
            && evidence.iter().any(|one| {
                let said = one.to_string();
                said.contains("was not proven since") && said.contains(way)
            })
    })
}

/// Time runs sixty times as fast: a look a minute is one a second, so looks never cease, and a proof of two minutes is
/// old.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proof_that_grew_old_is_an_incident_until_the_next_one() {
    const SPEED: f64 = 60.0;
    rustls::crypto::ring::default_provider().install_default().ok();
    let hook = Hook::willing().await;
    let address = SocketAddr::from(([127, 0, 0, 1], common::free_port()));
    let post = Post::at(address).await;
    let mut setting = Setting::embedded();
    setting.add_hook(&hook);
    setting.main += "\ntest-every = \"1 min\"\n";
    setting.add(&format!(
        "[[channel]]\nname = \"second\"\nkind = \"webhook\"\nurl = \"http://{address}/hook\"\nsecret = \"file:hook-key\"\naudience = \"officers\"\nmin-level = \"severe\"\ntest-every = \"1 min\""
    ));
    setting.site("bridge-1", &bridge("bridge-1"));
    let config = Config::load(&setting.write()).unwrap().for_simulated_clock(SPEED);
    let clock = Clock::simulated(common::now(), SPEED);
    let daemon = bongsu::daemon::Daemon::start(config, clock, ClockTrust::Given).await.unwrap();
    let (overview, stop) = (daemon.overview.clone(), CancellationToken::new());
    let running = {
        let stop = stop.clone();
        tokio::spawn(async move { daemon.run_until(async move { stop.cancelled().await }).await })
    };
    let proven = async |wanted: bool| {
        eventually("the second way out is looked at", || async {
            let known = overview.load_full();
            let proof = known.proofs.iter().find(|proof| proof.channel == "second")?;
            (proof.proven == wanted).then_some(())
        })
        .await;
    };
    proven(true).await;
    assert!(!told_stale(&hook, "second"), "it is proven in turn");

    drop(post);
    proven(false).await;
    eventually("officers hear of the old proof", || async {
        told_stale(&hook, "second").then_some(())
    })
    .await;
    assert_eq!(overview.load_full().system_level, Level::Caution, "as any fault of bongsu's own");
    assert!(!told_stale(&hook, "hook ("), "the one that works is in nobody's mouth");

    let _post = Post::at(address).await;
    proven(true).await;
    eventually("it is over with the next proof", || async {
        (overview.load_full().system_level == Level::Normal).then_some(())
    })
    .await;
    stop.cancel();
    tokio::time::timeout(Duration::from_secs(60), running).await.unwrap().unwrap().unwrap();
}
