//! The real program and a real archive that is away at first.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;
#[path = "../ingest/tests/archive/server.rs"]
#[expect(dead_code, reason = "it has more servers than this test needs")]
mod server;

use std::net::SocketAddr;
use std::sync::Arc;

use common::daemon::{Daemon, told};
use common::hook::Hook;
use common::link::Link;
use common::setting::{Setting, bridge, crack, telemetry};
use common::{eventually, free_port};
use ingest::journal::Kind;
use parking_lot::Mutex;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// The values of one series of the archive, in order of time.
async fn values(archive: &server::Server, select: &str) -> Vec<f64> {
    archive.get("/internal/force_flush").await;
    let found = archive.get(&format!("/api/v1/export?match[]={select}")).await;
    let rows = found.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut points: Vec<(i64, f64)> = Vec::new();
    for row in rows {
        let stamps = row["timestamps"].as_array().unwrap().iter().map(|at| at.as_i64().unwrap());
        let values = row["values"].as_array().unwrap().iter().map(|value| value.as_f64().unwrap());
        points.extend(stamps.zip(values));
    }
    points.sort_by(|a, b| a.partial_cmp(b).unwrap());
    points.dedup();
    points.into_iter().map(|(_, value)| value).collect()
}

/// The crack at the nth reading: two of one millisecond, which is all the archive tells apart here, are not the same.
fn width(n: u64) -> f64 {
    if n <= 20 { n as f64 } else { 20.0 + n as f64 * 1e-5 }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g06_an_archive_that_is_away_delays_nothing_and_has_everything_when_it_is_back() {
    let hook = Hook::willing().await;
    let mut setting = Setting::embedded();
    let addr = server::free();
    setting.add(&format!(
        "[archive]\nurl = \"http://{addr}\"\nbucket = \"bongsu\"\nlag-max = \"5 s\""
    ));
    setting.add_hook(&hook);
    setting.site("bridge-1", &bridge("bridge-1"));
    let config = setting.write();
    let daemon = Daemon::start(&config).await;
    let mut link = Link::connect(daemon.broker(), "box").await.unwrap();
    // one level is told before the next one comes, which would take its place
    for (from, to, told) in [(1, 19, 1), (20, 20, 2)] {
        for n in from..=to {
            let payload = crack(n, width(n));
            link.publish(&telemetry("bridge-1", "box-1"), payload.as_bytes()).await.unwrap();
        }
        eventually("its level is told", || async { (hook.taken().len() >= told).then_some(()) })
            .await;
    }
    eventually("the archive is known to be away", || async {
        (daemon.metric("archive_requests_failed_total", "").await > 0.0).then_some(())
    })
    .await;
    assert_eq!(daemon.metric("archive_up", "").await, 0.0);
    eventually("it says so and why", || async {
        let told = daemon.text("/readyz").await.contains("\narchive: degraded\n");
        let shown = daemon.text("/").await;
        (told && shown.contains("onnection refused")).then_some(())
    })
    .await;
    // the journal's time goes on with what comes in
    let mut sent = 20;
    let faults = loop {
        sent += 1;
        let payload = crack(sent, width(sent));
        link.publish(&telemetry("bridge-1", "box-1"), payload.as_bytes()).await.unwrap();
        let faults = daemon.list("/api/v1/incidents?site=bongsu&").await;
        if !faults.is_empty() {
            break faults;
        }
        assert!(sent < 50_000, "it is an incident once it is too far behind");
    };
    let why = faults[0]["evidence"][0]["text"]["en"].as_str().unwrap();
    assert!(why.contains("InfluxDB"), "{why}");
    daemon.stop().await;

    let Some(archive) = server::victoria_metrics(addr).await else { return };
    let daemon = Daemon::start(&config).await;
    let mut link = Link::connect(daemon.broker(), "box").await.unwrap();
    link.publish(&telemetry("bridge-1", "box-1"), crack(sent + 1, 21.0).as_bytes()).await.unwrap();
    let widths = eventually("all of it is there", || async {
        let found = values(&archive, "reading_value{site=\"bridge-1\"}").await;
        println!("{} of {} readings are there", found.len(), sent + 1);
        (found.len() as u64 == sent + 1).then_some(found)
    })
    .await;
    // VictoriaMetrics keeps decimals and gives back what is nearly the number
    let expected = (1..=sent).map(width).chain([21.0]);
    let wrong = widths.iter().zip(expected).find(|(found, width)| (*found - width).abs() > 1e-9);
    assert_eq!(wrong, None);
    let levels = values(&archive, "level_level{site=\"bridge-1\"}").await;
    assert_eq!(levels, [1.0, 2.0]);
    assert!(!values(&archive, "incident_revision").await.is_empty());
    let map = values(&archive, "site_level{site=\"bridge-1\"}").await;
    assert_eq!(map.last(), Some(&2.0), "{map:?}");
    assert_eq!(values(&archive, "site_latitude{site=\"bridge-1\"}").await.last(), Some(&37.5));
    let limits = values(&archive, "limit_value{rule=\"crack-warning\"}").await;
    assert_eq!(limits.last(), Some(&30.0), "{limits:?}");
    eventually("all is well", || async {
        daemon.text("/readyz").await.contains("\narchive: ok\n").then_some(())
    })
    .await;
    let said = daemon.stop().await;
    assert_eq!(said.errors(), Vec::<Value>::new());
    let mut told = common::journal::records(&setting.data());
    told.retain(|record| record.kind == Kind::Trouble);
    let last = told.last().unwrap().json();
    let (key, what) = (last["key"].as_str(), &last["what"]);
    assert_eq!((key, what), (Some("archive"), &Value::Null), "it is mended, in another run");
}

/// What a server does with whatever it is asked.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Does {
    Answers(u16, &'static str),
    Resets,
    /// Answers after a minute.
    Dawdles,
}

/// A server in place of InfluxDB, and what it was given while it was well.
struct Server {
    addr: SocketAddr,
    does: Arc<Mutex<Does>>,
    taken: Arc<Mutex<String>>,
}

impl Server {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let does = Arc::new(Mutex::new(Does::Answers(204, "")));
        let taken = Arc::new(Mutex::new(String::new()));
        let (doing, note) = (does.clone(), taken.clone());
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(serve(socket, *doing.lock(), note.clone()));
            }
        });
        Self { addr, does, taken }
    }
}

async fn serve(mut socket: TcpStream, does: Does, taken: Arc<Mutex<String>>) -> Option<()> {
    if does == Does::Resets {
        return socket.set_zero_linger().ok();
    }
    let (mut bytes, mut chunk) = (Vec::new(), vec![0; 64 * 1024]);
    let body = loop {
        let read = socket.read(&mut chunk).await.ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&chunk[..read]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| {
            line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse::<usize>().ok()
        });
        if body.len() >= length.unwrap_or(0) {
            break body.to_owned();
        }
    };
    let (status, text) = match does {
        Does::Answers(status, text) => (status, text),
        Does::Resets => return None,
        Does::Dawdles => {
            tokio::time::sleep(std::time::Duration::from_secs(60)).await;
            (204, "")
        }
    };
    if status == 204 {
        taken.lock().push_str(&body);
    }
    let length = text.len();
    let answer = format!(
        "HTTP/1.1 {status} -\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{text}"
    );
    socket.write_all(answer.as_bytes()).await.ok()
}

/// What ails a server, and what is said of it.
const AILMENTS: [(Does, &str); 7] = [
    (Does::Answers(401, r#"{"code":"unauthorized"}"#), "401"),
    (
        Does::Answers(404, r#"{"code":"not found","message":"bucket not found"}"#),
        "bucket not found",
    ),
    (Does::Answers(500, "the engine is read-only"), "read-only"),
    (Does::Answers(507, "no space left on device"), "no space left"),
    (Does::Answers(200, "<html>sign in</html>"), "proxy"),
    (Does::Resets, "onnection"),
    (Does::Dawdles, "no answer within"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g06_whatever_ails_the_archive_is_said_and_loses_and_delays_nothing() {
    let archive = Server::start().await;
    let hook = Hook::willing().await;
    let mut setting = Setting::bridge_told_to(&hook);
    let url = format!("http://{}", archive.addr);
    setting.add(&format!("[archive]\nurl = \"{url}\"\nbucket = \"bongsu\""));
    let config = setting.write();
    let mut widths = Vec::new();
    for (ailment, says) in AILMENTS {
        if ailment == Does::Dawdles && std::env::var_os("BONGSU_LONG").is_none() {
            continue; // it is waited for half a minute
        }
        *archive.does.lock() = ailment;
        let daemon = Daemon::start(&config).await;
        let width = 10.0 * (widths.len() + 1) as f64 + 2.0;
        widths.push(width);
        let mut link = Link::connect(daemon.broker(), "box").await.unwrap();
        let payload = crack(widths.len() as u64, width);
        link.publish(&telemetry("bridge-1", "box-1"), payload.as_bytes()).await.unwrap();
        let levels = widths.len().min(common::setting::LIMITS.len());
        eventually("an alert goes out all the same", || async {
            (hook.taken().len() >= levels).then_some(())
        })
        .await;
        eventually("the board says so", || async {
            let told = daemon.text("/readyz").await.contains("\narchive: degraded\n");
            let shown = daemon.text("/administration?lang=en").await;
            (told && shown.contains(says)).then_some(())
        })
        .await;
        daemon.stop().await;
        let (status, said) =
            told(&["doctor", "--lang", "en", "--config", config.to_str().unwrap()]).await;
        let line = said.lines().find(|line| line.contains("archive")).unwrap_or_default();
        assert!(status == 1 && line.contains(says), "{ailment:?}: {status} {said}");
    }
    *archive.does.lock() = Does::Answers(204, "");
    let daemon = Daemon::start(&config).await;
    eventually("all of it is there", || async {
        let taken = archive.taken.lock().clone();
        widths.iter().all(|width| taken.contains(&format!("value={width},"))).then_some(())
    })
    .await;
    eventually("all is well", || async {
        daemon.text("/readyz").await.contains("\narchive: ok\n").then_some(())
    })
    .await;
    daemon.stop().await;
    assert!(!setting.data().join("archive/refused.jsonl").exists(), "nothing was set aside");
}
