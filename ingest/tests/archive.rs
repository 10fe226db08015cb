//! The archive against servers that say no, and against real ones.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ingest::archive::{
    Access, ArchiveMetrics, Batch, Carrier, Influx, Refusal, SetAside, Sink, reading,
};
use parking_lot::Mutex;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use reading::{Quality, Reading, SeriesIndex, SeriesName, Timestamp};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

#[path = "archive/server.rs"]
mod server;

/// What a server that keeps to a script answers, and what it was sent.
#[derive(Default)]
struct Script {
    answers: Vec<Answer>,
    seen: Vec<String>,
}

#[derive(Clone, Copy)]
enum Answer {
    Status(u16, &'static str),
    Reset,
}

/// A server that refuses lines with `bad` in them, and before that answers by its script.
async fn scripted(script: Arc<Mutex<Script>>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let script = Arc::clone(&script);
            tokio::spawn(async move {
                let mut bytes = Vec::new();
                let mut buffer = [0; 65_536];
                let (head, len) = loop {
                    let Ok(read @ 1..) = socket.read(&mut buffer).await else { return };
                    bytes.extend_from_slice(&buffer[..read]);
                    let text = String::from_utf8_lossy(&bytes).to_lowercase();
                    if let Some(end) = text.find("\r\n\r\n") {
                        let len = text.split("content-length: ").nth(1).unwrap();
                        break (
                            end + 4,
                            len.split("\r\n").next().unwrap().parse::<usize>().unwrap(),
                        );
                    }
                };
                while bytes.len() < head + len {
                    let Ok(read @ 1..) = socket.read(&mut buffer).await else { return };
                    bytes.extend_from_slice(&buffer[..read]);
                }
                let body = String::from_utf8(bytes[head..].to_vec()).unwrap();
                let answer = {
                    let mut script = script.lock();
                    match script.answers.pop() {
                        Some(answer) => answer,
                        None if body.contains("bad") => Answer::Status(400, "partial write: bad"),
                        None => {
                            script.seen.extend(body.lines().map(String::from));
                            Answer::Status(204, "")
                        }
                    }
                };
                if let Answer::Status(status, text) = answer {
                    let len = text.len();
                    let answer = format!(
                        "HTTP/1.1 {status} X\r\ncontent-length: {len}\r\nconnection: close\r\n\r\n{text}"
                    );
                    socket.write_all(answer.as_bytes()).await.ok();
                }
            });
        }
    });
    addr
}

fn influx(addr: SocketAddr) -> Influx {
    let (url, token) = (format!("http://{addr}"), "secret".into());
    Influx::new(&Access { url, org: "o".into(), bucket: "b".into(), token }).unwrap()
}

/// Short waits, for servers that say no on purpose.
const WAITS: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(8));

fn metrics() -> ArchiveMetrics {
    ArchiveMetrics::register(&prometheus::Registry::new()).unwrap()
}

fn noting() -> (SetAside, Arc<Mutex<Vec<String>>>) {
    let aside = Arc::new(Mutex::new(Vec::new()));
    let note = Arc::clone(&aside);
    (Box::new(move |line, _| note.lock().push(line.into())), aside)
}

#[tokio::test]
async fn only_the_lines_that_are_refused_are_set_aside() {
    let script = Arc::new(Mutex::new(Script::default()));
    let (set_aside, aside) = noting();
    let metrics = metrics();
    let carrier = Carrier::new(
        influx(scripted(Arc::clone(&script)).await),
        set_aside,
        metrics.clone(),
        WAITS,
    );
    let mut batch = Batch::default();
    let mut good = Vec::new();
    for n in 0..100 {
        let word = if n % 31 == 7 { "bad" } else { "good" };
        let line = format!("{word} v={n}");
        batch.push(&line);
        if word == "good" {
            good.push(line);
        }
    }
    assert!(carrier.carry(&mut batch, &CancellationToken::new()).await);
    assert_eq!(script.lock().seen, good, "each once, in order");
    assert_eq!(*aside.lock(), ["bad v=7", "bad v=38", "bad v=69", "bad v=100"][..3]);
    assert_eq!((metrics.points_written.get(), metrics.points_refused.get()), (97, 3));
}

#[tokio::test]
async fn whatever_else_a_server_answers_nothing_is_lost() {
    let html = "<html>sign in</html>";
    let answers = vec![
        Answer::Status(413, "too large"),
        Answer::Status(200, html),
        Answer::Reset,
        Answer::Status(503, "wait"),
        Answer::Status(429, "slower"),
        Answer::Status(401, "who?"),
        Answer::Status(404, "bucket not found"),
        Answer::Status(500, "read-only"),
        Answer::Status(302, ""),
    ];
    let tries = answers.len() as u64;
    let script = Arc::new(Mutex::new(Script { answers, seen: vec![] }));
    let (set_aside, aside) = noting();
    let metrics = metrics();
    let carrier = Carrier::new(
        influx(scripted(Arc::clone(&script)).await),
        set_aside,
        metrics.clone(),
        WAITS,
    );
    let mut batch = Batch::default();
    for n in 0..10 {
        batch.push(&format!("m v={n}"));
    }
    assert!(carrier.carry(&mut batch, &CancellationToken::new()).await);
    assert_eq!(script.lock().seen.len(), 10);
    assert!(aside.lock().is_empty());
    assert_eq!(metrics.tries_failed.get(), tries - 1, "one was too large and is no failure");
    assert!(metrics.is_up());
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up_and_tried_again() {
    struct Mute;
    impl Sink for Mute {
        fn write(
            &self,
            _: bytes::Bytes,
        ) -> futures_util::future::BoxFuture<'_, Result<(), Refusal>> {
            Box::pin(std::future::pending())
        }
    }
    let carrier = Carrier::new(Mute, noting().0, metrics(), WAITS);
    let mut batch = Batch::default();
    batch.push("m v=1");
    let stop = CancellationToken::new();
    stop.cancel();
    assert!(!carrier.carry(&mut batch, &stop).await, "it ends when told to");
}

#[test]
fn an_address_with_a_path_or_none_is_refused() {
    for url in ["http://h:1/influx", "ftp://h", "", "http://", "http://u:p@h", "http://h?x=1"] {
        let access =
            Access { url: url.into(), org: String::new(), bucket: "b".into(), token: "t0k".into() };
        let Err(error) = Influx::new(&access) else { panic!("{url} is taken") };
        assert!(!error.contains("t0k"));
        assert!(!format!("{access:?}").contains("t0k"));
    }
}

fn any_reading() -> impl Strategy<Value = (SeriesName, Reading)> {
    let name = "[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?";
    let parts = (name, name, name, prop::sample::select(vec!["tilt-x", "rain", "pore-pressure"]));
    let value = prop::num::f64::NORMAL | prop::num::f64::ZERO | prop::num::f64::SUBNORMAL;
    (parts, value, 0_i64..4_000_000_000_000_000_000, any::<bool>()).prop_map(
        |((site, station, sensor, quantity), value, nanos, conflict)| {
            let series = format!("{site}/{station}/{sensor}/{quantity}").parse().unwrap();
            let at = Timestamp::from_nanos(nanos);
            let quality = if conflict { Quality::CONFLICT } else { Quality::GOOD };
            (
                series,
                Reading {
                    series: SeriesIndex(0),
                    measured_at: at,
                    received_at: at,
                    value,
                    quality,
                },
            )
        },
    )
}

/// Debian's InfluxDB 1.6 is the strictest parser of lines there is.
#[tokio::test]
async fn influxdb_takes_every_line_we_write() {
    let Some(server) = server::influxd().await else { return };
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut lines = String::new();
    let mut points = std::collections::BTreeSet::new();
    for _ in 0..2_000 {
        let (series, one) = any_reading().new_tree(&mut runner).unwrap().current();
        let line = reading(&series, &one).unwrap();
        points.insert((line.split(' ').next().unwrap().to_owned(), one.measured_at));
        lines.push_str(&line);
        lines.push('\n');
    }
    server.post("/write?db=bongsu", lines).await;
    let found = server.get("/query?db=bongsu&q=SELECT%20count(value)%20FROM%20reading").await;
    let count =
        found.split(',').next_back().unwrap().trim_end_matches(|c: char| !c.is_ascii_digit());
    assert_eq!(count.parse::<usize>().unwrap(), points.len(), "{found}");
}

#[tokio::test]
async fn what_was_written_is_read_back_from_victoria_metrics() {
    let Some(server) = server::victoria_metrics(server::free()).await else { return };
    let (set_aside, aside) = noting();
    let sink = influx(server.addr);
    let carrier = Carrier::new(sink, set_aside, metrics(), WAITS);
    let series: SeriesName = "cut-12/post-1/tilt-1/tilt-x".parse().unwrap();
    let from = 1_784_000_000;
    let mut batch = Batch::default();
    for n in 0..500 {
        let at = Timestamp::from_secs(from + n * 60);
        let one = Reading {
            series: SeriesIndex(0),
            measured_at: at,
            received_at: at,
            value: n as f64 / 8.0,
            quality: Quality::GOOD,
        };
        batch.push(&reading(&series, &one).unwrap());
    }
    let again = batch.clone();
    for mut batch in [batch, again] {
        assert!(carrier.carry(&mut batch, &CancellationToken::new()).await);
    }
    server.get("/internal/force_flush").await;
    let found = server
        .get(&format!("/api/v1/export?match[]=reading_value&start={from}&end={}", from + 500 * 60))
        .await;
    let row: serde_json::Value = serde_json::from_str(found.lines().next().unwrap()).unwrap();
    let mut values: Vec<f64> =
        row["values"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
    values.dedup();
    assert_eq!(values, (0..500).map(|n| f64::from(n) / 8.0).collect::<Vec<_>>());
    assert_eq!(row["metric"]["station"], "post-1");
    assert!(aside.lock().is_empty());
    tokio::time::timeout(Duration::from_secs(30), carrier_is_denied()).await.unwrap();
}

/// A port where nobody listens: it waits, and ends when told to.
async fn carrier_is_denied() {
    let addr = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let metrics = metrics();
    let carrier = Carrier::new(influx(addr), noting().0, metrics.clone(), WAITS);
    let stop = CancellationToken::new();
    let mut batch = Batch::default();
    batch.push("m v=1");
    let stopper = async {
        while metrics.tries_failed.get() < 2 {
            tokio::task::yield_now().await;
        }
        stop.cancel();
    };
    let (carried, ()) = tokio::join!(carrier.carry(&mut batch, &stop), stopper);
    assert!(!carried && !metrics.is_up());
}
