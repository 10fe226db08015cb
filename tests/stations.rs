//! A station on a real broker: it says how it is, loses messages on the way and is asked for them, does what people ask
//! of it, and is missed when its connection breaks. The station is a client of somebody else's.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::process::{Child, Command, Stdio};

use common::daemon::{Daemon, Said, run};
use common::eventually;
use common::link::Link;
use common::servers::program;
use common::setting::{Setting, bridge, crack, telemetry};
use serde_json::Value;

const BASE: &str = "bongsu/v1/bridge-1/box-1";

/// The station as it listens: `offline` is its will.
struct Station {
    child: Child,
    said: Said,
}

impl Station {
    fn start(port: u16) -> Option<Self> {
        let will = format!("{BASE}/status");
        let mut child = Command::new(program("mosquitto_sub")?)
            .args(["-V", "mqttv5", "-h", "127.0.0.1", "-p", &port.to_string(), "-i", "box-1"])
            .args(["-q", "1", "-t", &format!("{BASE}/command")])
            .args(["--will-topic", &will, "--will-payload", r#"{"state":"offline"}"#])
            .args(["--will-qos", "1", "--will-retain"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = Said::collect(child.stdout.take().unwrap());
        Some(Self { child, said })
    }

    /// The first command of this kind, once it has come.
    async fn asked(&self, command: &str) -> Value {
        eventually(command, || async {
            self.said.log().into_iter().find(|one| one["command"] == command)
        })
        .await
    }
}

impl Drop for Station {
    fn drop(&mut self) {
        self.child.kill().ok(); // without a word: its will speaks
        self.child.wait().ok();
    }
}

async fn say(port: u16, about: &str, text: &str) {
    let mut link = Link::connect(port, "box-1-says").await.unwrap();
    let topic = format!("{BASE}/{about}");
    link.publish_bytes(topic.as_bytes(), text.as_bytes(), about == "status").await.unwrap();
}

async fn done(port: u16, order: &Value) {
    let id = order["id"].as_str().unwrap();
    say(port, "command/result", &format!(r#"{{"id":"{id}","result":"done"}}"#)).await;
}

/// The station as the daemon sees it, once it is so.
async fn stands(daemon: &Daemon, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    eventually(what, || async {
        let station = daemon.json("/api/v1/stations/bridge-1/box-1").await;
        is_so(&station).then_some(station)
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g04_a_station_says_how_it_is_and_does_what_it_is_asked_across_a_kill() {
    let setting = Setting::embedded();
    setting.site("bridge-1", &bridge("bridge-1"));
    let config = setting.write();
    let mut daemon = Daemon::start(&config).await;
    let port = daemon.broker();
    let Some(station) = Station::start(port) else { return };
    let status =
        r#"{"state":"online","battery_v":12.5,"rssi_dbm":-71,"firmware":"2.1","buffer":9}"#;
    say(port, "status", status).await;
    let shown = stands(&daemon, "it is there", |station| station["online"] == true).await;
    assert_eq!((&shown["battery_v"], &shown["rssi_dbm"]), (&12.5.into(), &(-71.0).into()));
    assert_eq!((&shown["firmware"], &shown["buffer"]), (&"2.1".into(), &9.into()));

    // A person asks; the station answers. Then one that nobody answers, and a kill.
    let token = setting.data().join("board-token");
    let url = daemon.url("");
    let ask = |what: &'static [&'static str], wait: &'static str| {
        let there = ["--url", &url, "--token-file", token.to_str().unwrap(), "--json"];
        let fixed = ["--lang", "en", "station", "command", "bridge-1/box-1", "--wait", wait];
        let arguments: Vec<String> = [fixed.as_slice(), what, there.as_slice()]
            .concat()
            .iter()
            .map(|s| (*s).into())
            .collect();
        async move { run(&arguments.iter().map(String::as_str).collect::<Vec<_>>()).await }
    };
    let (asked, ()) = tokio::join!(ask(&["interval", "2s"], "60s"), async {
        let order = station.asked("interval").await;
        assert_eq!(order["interval_s"], 2, "{order}");
        done(port, &order).await;
    });
    let said = String::from_utf8_lossy(&asked.stdout).into_owned();
    assert!(asked.status.success() && said.contains(r#""event":"done""#), "{asked:?}");
    let refused = ask(&["interval", "1h"], "1s").await;
    let why = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert!(why.contains("5 s it is registered with"), "{why}");
    let silent = ask(&["identify"], "1s").await;
    assert_eq!(silent.status.code(), Some(1), "{silent:?}");
    let order = station.asked("identify").await;

    daemon.kill();
    let daemon = Daemon::start(&config).await;
    let open = stands(&daemon, "it is still owed", |station| station["orders"][0]["attempts"] == 1);
    assert_eq!(open.await["orders"][0]["id"], order["id"]);
    done(port, &order).await;
    stands(&daemon, "it is settled", |station| station["orders"] == Value::Array(vec![])).await;

    // Messages are lost on the way.
    let mut link = Link::connect(port, "box-1-measures").await.unwrap();
    for seq in [1, 2, 6] {
        link.publish(&telemetry("bridge-1", "box-1"), crack(seq, 1.0).as_bytes()).await.unwrap();
    }
    let shown = stands(&daemon, "they are missed", |station| station["messages_lost"] == 3).await;
    assert_eq!(shown["missing"], serde_json::json!([[3, 5]]));
    assert_eq!(shown["orders"][0]["command"], "resend 3..5");
    assert_eq!(shown["orders"][0]["by"], "bongsu");
    assert_eq!(daemon.metric("ingest_messages_missing", "collector=\"field\"").await, 3.0);
    for seq in 3..6 {
        let topic = format!("{BASE}/backfill");
        link.publish(&topic, crack(seq, 1.0).as_bytes()).await.unwrap();
    }
    let shown =
        stands(&daemon, "they came after all", |station| station["messages_found"] == 3).await;
    assert_eq!(shown["settled"].as_array().unwrap().last().unwrap()["event"], "moot");

    // Its connection breaks without a word.
    drop(station);
    let Some(station) = Station::start(port) else { return };
    let (url, token) = (daemon.url(""), token.to_str().unwrap());
    let mut arguments = vec!["station", "command", "bridge-1/box-1", "alert-mode", "2s"];
    arguments.extend(["--url", &url, "--token-file", token]);
    let (asked, ()) = tokio::join!(run(&arguments), async {
        done(port, &station.asked("alert-mode").await).await;
    });
    assert!(asked.status.success(), "{asked:?}");
    drop(station);
    stands(&daemon, "it is gone", |station| station["online"] == false).await;
    assert_eq!(daemon.stop().await.errors(), Vec::<Value>::new());
}
