//! The archive against servers that say no, and against real ones.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ingest::archive::{
    Access, ArchiveMetrics, Batch, Carrier, Influx, Made, Place, Refusal, SetAside, Sink, incident,
    level, limit, reading, site, station,
};
use parking_lot::Mutex;
use ports::free_port;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use reading::codec::line_protocol::{self, FieldValue};
use reading::{Quality, Reading, SeriesIndex, SeriesName, Timestamp};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

#[path = "../../tests/common/ports.rs"]
mod ports;
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

/// What somebody asks of a server.
struct Asked {
    /// Say `POST /api/v2/write?bucket=b`.
    what: String,
    head: String,
    body: String,
}

/// Reads one request.
async fn asked(socket: &mut tokio::net::TcpStream) -> Option<Asked> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 65_536];
    let (head, len) = loop {
        let read @ 1.. = socket.read(&mut buffer).await.ok()? else { return None };
        bytes.extend_from_slice(&buffer[..read]);
        let text = String::from_utf8_lossy(&bytes).to_lowercase();
        if let Some(end) = text.find("\r\n\r\n") {
            let len = text.split("content-length: ").nth(1).map_or("0", |rest| rest);
            break (end + 4, len.split("\r\n").next().unwrap().parse::<usize>().unwrap());
        }
    };
    while bytes.len() < head + len {
        let read @ 1.. = socket.read(&mut buffer).await.ok()? else { return None };
        bytes.extend_from_slice(&buffer[..read]);
    }
    let body = String::from_utf8(bytes.split_off(head)).unwrap();
    let head = String::from_utf8(bytes).unwrap();
    let what = head.split(" HTTP/").next().unwrap().to_owned();
    Some(Asked { what, head, body })
}

/// A server that answers as it is told to.
async fn served(answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let answer = Arc::new(answer);
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let answer = Arc::clone(&answer);
            tokio::spawn(async move {
                let Some(asked) = asked(&mut socket).await else { return };
                if let Answer::Status(status, text) = answer(&asked) {
                    let len = text.len();
                    let answer = format!(
                        "HTTP/1.1 {status} X\r\ncontent-length: {len}\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n{text}"
                    );
                    socket.write_all(answer.as_bytes()).await.ok();
                }
            });
        }
    });
    addr
}

/// A server that refuses lines with `bad` in them, and before that answers by its script.
async fn scripted(script: Arc<Mutex<Script>>) -> SocketAddr {
    served(move |asked| {
        let mut script = script.lock();
        match script.answers.pop() {
            Some(answer) => answer,
            None if asked.body.contains("bad") => Answer::Status(400, "partial write: bad"),
            None => {
                script.seen.extend(asked.body.lines().map(String::from));
                Answer::Status(204, "")
            }
        }
    })
    .await
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
    assert_eq!(metrics.trouble(), None);
}

#[tokio::test]
async fn a_server_that_refuses_everything_is_not_believed() {
    // whatever it is sent, a good line of our own included
    let answers = vec![Answer::Status(400, "no"); 12];
    let script = Arc::new(Mutex::new(Script { answers, seen: vec![] }));
    let (set_aside, aside) = noting();
    let metrics = metrics();
    let addr = scripted(Arc::clone(&script)).await;
    let carrier = Carrier::new(influx(addr), set_aside, metrics.clone(), WAITS);
    let mut batch = Batch::default();
    for word in ["good v=1", "bad v=2", "good v=3", "bad v=4"] {
        batch.push(word);
    }
    assert!(carrier.carry(&mut batch, &CancellationToken::new()).await);
    let seen = std::mem::take(&mut script.lock().seen);
    let ours: Vec<_> = seen.iter().filter(|line| !line.starts_with("probe")).collect();
    assert_eq!(ours, ["good v=1", "good v=3"], "nothing is lost and nothing comes twice");
    assert_eq!(*aside.lock(), ["bad v=2", "bad v=4"]);
    assert!(metrics.tries_failed.get() >= 5, "it was said to be in trouble meanwhile");
}

#[tokio::test]
async fn one_bad_line_alone_is_set_aside_once_the_server_proved_to_take_others() {
    let script = Arc::new(Mutex::new(Script::default()));
    let (set_aside, aside) = noting();
    let addr = scripted(Arc::clone(&script)).await;
    let carrier = Carrier::new(influx(addr), set_aside, metrics(), WAITS);
    let mut batch = Batch::default();
    batch.push("bad v=2");
    assert!(carrier.carry(&mut batch, &CancellationToken::new()).await);
    assert_eq!(*aside.lock(), ["bad v=2"]);
    assert_eq!(script.lock().seen, ["probe ok=1"]);
}

#[tokio::test]
async fn whether_points_would_be_taken_is_found_out_without_writing_one() {
    for (answer, found) in [
        (Answer::Status(204, ""), "takes points"),
        (
            Answer::Status(400, r#"{"code":"invalid","message":"writing requires points"}"#),
            "takes points",
        ),
        (Answer::Status(401, r#"{"code":"unauthorized"}"#), "401"),
        (
            Answer::Status(
                403,
                r#"{"code":"forbidden","message":"insufficient permissions for write"}"#,
            ),
            "403",
        ),
        (
            Answer::Status(404, r#"{"code":"not found","message":"bucket \"b\" not found"}"#),
            "bucket",
        ),
        (Answer::Status(500, "no space left on device"), "no space left"),
        (Answer::Status(200, "<html>sign in</html>"), "proxy"),
        (Answer::Status(400, "<html>plain HTTP to an HTTPS port</html>"), "proxy"),
        (Answer::Reset, ""),
    ] {
        let sent = Arc::new(Mutex::new(String::new()));
        let note = Arc::clone(&sent);
        let addr = served(move |asked| {
            note.lock().push_str(&asked.body);
            answer
        });
        let tried = influx(addr.await).try_out().await;
        let said = tried.map_or_else(|refusal| refusal.to_string(), |()| "takes points".into());
        assert!(said.contains(found), "{said}, expected {found}");
        assert!(!said.contains("secret"), "{said}");
        assert_eq!(*sent.lock(), "", "nothing is written");
    }
}

/// As InfluxDB 2 answers: it cannot be had here, its description can.
#[tokio::test]
async fn a_bucket_is_made_once_with_its_retention() {
    let made: Arc<Mutex<Vec<serde_json::Value>>> = Arc::default();
    let note = Arc::clone(&made);
    let addr = served(move |asked| {
        assert!(asked.head.contains("Token secret") || asked.head.contains("token secret"));
        let path = asked.what.split('?').next().unwrap();
        match path {
            "GET /ready" => Answer::Status(200, r#"{"status":"ready"}"#),
            "GET /api/v2/orgs" => {
                Answer::Status(200, r#"{"orgs":[{"id":"0000111100001111","name":"o"}]}"#)
            }
            "GET /api/v2/buckets" if note.lock().is_empty() => {
                Answer::Status(404, r#"{"code":"not found","message":"bucket \"b\" not found"}"#)
            }
            "GET /api/v2/buckets" => Answer::Status(
                200,
                r#"{"buckets":[{"id":"1","orgID":"0000111100001111","name":"b","retentionRules":[{"type":"expire","everySeconds":31536000}]}]}"#,
            ),
            "POST /api/v2/buckets" => {
                note.lock().push(serde_json::from_str(&asked.body).unwrap());
                Answer::Status(201, "{}")
            }
            other => panic!("{other}"),
        }
    })
    .await;
    let year = Duration::from_secs(31_536_000);
    assert_eq!(influx(addr).set_up(Some(year)).await, Ok(Made::New));
    assert_eq!(influx(addr).set_up(None).await, Ok(Made::Found { kept: Some(year) }));
    let made = made.lock();
    assert_eq!(made.len(), 1);
    assert_eq!(made[0]["orgID"], "0000111100001111");
    assert_eq!(made[0]["name"], "b");
    assert_eq!(made[0]["retentionRules"][0]["everySeconds"], 31_536_000);
}

#[tokio::test]
async fn who_may_make_no_bucket_is_told_so() {
    let addr = served(|_| Answer::Status(401, r#"{"code":"unauthorized"}"#)).await;
    let Err(Refusal::Denied(why)) = influx(addr).set_up(None).await else { panic!("it may") };
    assert!(why.contains("401") && !why.contains("secret"), "{why}");
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

/// Everything else we write, with names that need care, and what the makers of the protocol made up against encoders.
#[tokio::test]
async fn influxdb_takes_every_other_line_we_write_and_the_corpus_as_we_write_it() {
    let Some(server) = server::influxd().await else { return };
    let at = Timestamp::from_secs(1_784_000_000);
    let (series, odd) =
        ("cut-12/post-1/tilt-1/tilt-x".parse().unwrap(), "제1 \"절토\" 사면\\, a=b");
    let place = Place {
        site: "cut-12",
        kind: "slope",
        location: (37.5, 127.1),
        name: (odd, "Cut \"12\", a=b\\"),
        level: 2,
    };
    let mut lines = vec![
        level("cut-12", "landslide", 3, at).unwrap(),
        incident("live-1", ("cut-12", "landslide", "open"), (3, 7), at).unwrap(),
        station(("cut-12", "post-1"), true, (Some(12.5), Some(-71.0)), at).unwrap(),
        site(&place, at).unwrap(),
        limit(&series, ("tilt-1st", "caution"), (3.0, false), at).unwrap(),
    ];
    let ours = lines.len();
    match std::env::var_os("BONGSU_TEST_DATA") {
        None => println!("skipped: BONGSU_TEST_DATA is not set"),
        Some(folder) => {
            let file = std::path::Path::new(&folder).join("conformance/lineprotocol/decode.jsonl");
            let corpus = std::fs::read_to_string(file).unwrap();
            lines.extend(corpus.lines().flat_map(reencoded));
            assert!(lines.len() > ours + 60, "{}", lines.len());
        }
    }
    for (n, line) in lines.iter().enumerate() {
        let (answer, why) = server.write("/write?db=bongsu", line).await;
        assert!(answer.is_success(), "line {n}: {line}: {why}");
    }
    let found = server
        .get("/query?db=bongsu&q=SELECT%20name_ko,level%20FROM%20site%20WHERE%20kind='slope'")
        .await;
    let found: serde_json::Value = serde_json::from_str(&found).unwrap();
    let row = &found["results"][0]["series"][0]["values"][0];
    assert_eq!((row[1].as_str(), row[2].as_f64()), (Some(odd), Some(2.0)), "{found}");
}

/// A line of the corpus, read and written again. A measurement of its own each, for a field has one type.
fn reencoded(case: &str) -> Vec<String> {
    static COUNT: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
    let case: serde_json::Value = serde_json::from_str(case).unwrap();
    let Some(Ok(lines)) = case["input"]["text"].as_str().map(line_protocol::read) else {
        return Vec::new();
    };
    let is_written = |line: &line_protocol::Line<'_>| {
        // 1.6 knows no unsigned fields, and we write none; a stamp beyond its years is not ours either
        let unsigned = |(_, value): &(_, FieldValue<'_>)| matches!(value, FieldValue::Uint(_));
        !line.fields.iter().any(unsigned) && line.time.is_none_or(|time| time.abs() < 1 << 62)
    };
    let own = |line: line_protocol::Line<'_>| {
        let n = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let measurement = format!("{}{n}", line.measurement).into();
        line_protocol::encode(&line_protocol::Line { measurement, ..line })
    };
    lines.into_iter().filter(is_written).filter_map(own).collect()
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
    assert!(!carried && metrics.trouble().is_some());
}
