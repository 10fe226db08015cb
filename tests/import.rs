//! Readings of the past, from files into a daemon that runs and into one that is stopped.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;
#[path = "../ingest/tests/archive/server.rs"]
#[expect(dead_code, reason = "it has more servers than this test needs")]
mod server;

use std::cell::Cell;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Output;

use common::daemon::{Daemon, run};
use common::hook::Hook;
use common::journal::frames;
use common::link::{Link, puback};
use common::servers::Mosquitto;
use common::setting::{Road, Setting, bridge, crack, telemetry};
use common::{eventually, free_port, now};
use reading::Timestamp;
use serde_json::{Value, json};

const DAY: std::time::Duration = std::time::Duration::from_secs(86_400);
const SERIES: &str = "bridge-1/box-1/crack-1/crack-width";

/// A channel that everybody hears, at once.
const PUBLIC: &str = r#"[[channel]]
name = "cap"
kind = "cap"
audience = "public"
min-level = "attention"
group = "all"

[[group]]
name = "all"
approval = "automatic"
release = { author = "test", date = "2026-07-01", reason = "test" }"#;

/// Every ten minutes of three days, a week ago: a crack of a millimetre, but for an hour in which it was past every
/// limit. Stamp and width.
fn history() -> Vec<(Timestamp, f64)> {
    let start =
        Timestamp::from_secs(now().minus(DAY * 7).nanos() / 1_000_000_000 / 86_400 * 86_400);
    let row = |n: u32| {
        let at = start.plus(std::time::Duration::from_secs(600) * n);
        (at, if (200..206).contains(&n) { 35.5 } else { 1.0 + f64::from(n % 10) / 100.0 })
    };
    (0..432).map(row).collect()
}

fn table(rows: &[(Timestamp, f64)]) -> String {
    rows.iter().fold("series,measured_at,value,unit\n".into(), |mut text, (at, width)| {
        writeln!(text, "{SERIES},{at},{width},mm").unwrap();
        text
    })
}

fn file(setting: &Setting, name: &str, text: &str) -> PathBuf {
    let path = setting.folder().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

/// `bongsu import` into a daemon that runs.
async fn import(daemon: &Daemon, setting: &Setting, file: &Path, more: &[&str]) -> Output {
    let (url, token) = (daemon.url(""), setting.data().join("board-token"));
    let mut arguments = vec!["import", file.to_str().unwrap(), "--json", "--url", &url];
    arguments.extend(["--token-file", token.to_str().unwrap()]);
    arguments.extend(more);
    run(&arguments).await
}

/// Waits until the balance says so, and looks whether it holds.
async fn counted(daemon: &Daemon, wanted: &[(&str, u64)]) {
    eventually(&format!("the balance is {wanted:?}"), || async {
        let balance = daemon.balance("field").await;
        let is_so = |(key, count): &(&str, u64)| balance[*key].as_u64() == Some(*count);
        (wanted.iter().all(is_so) && balance["holds"] == true).then_some(())
    })
    .await;
}

fn sums(output: &Output, status: i32) -> Value {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{said}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g08_g09_what_is_imported_is_judged_by_its_own_time_and_counts_once() {
    let hook = Hook::willing().await;
    let mut setting = Setting::embedded();
    let archive = server::victoria_metrics(server::free()).await;
    if let Some(archive) = &archive {
        setting.add(&format!("[archive]\nurl = \"http://{}\"\nbucket = \"bongsu\"", archive.addr));
    }
    setting.add_hook(&hook);
    setting.add(PUBLIC);
    setting.site("bridge-1", &bridge("bridge-1"));
    let daemon = Daemon::start(&setting.write()).await;
    let mut link = Link::connect(daemon.broker(), "box").await.unwrap();

    let rows = history();
    let past = file(&setting, "past.csv", &table(&rows));
    // The station goes on meanwhile, and is answered.
    let (mut live, is_over) = (0, Cell::new(false));
    let handing_over = async {
        let output = import(&daemon, &setting, &past, &[]).await;
        is_over.set(true);
        output
    };
    let going_on = async {
        while !is_over.get() {
            let payload = crack(live, 1.0);
            link.publish(&telemetry("bridge-1", "box-1"), payload.as_bytes()).await.unwrap();
            live += 1;
        }
    };
    let (first, ()) = tokio::join!(handing_over, going_on);
    link.publish(&telemetry("bridge-1", "box-1"), crack(live, 1.0).as_bytes()).await.unwrap();
    live += 1;
    assert_eq!(
        sums(&first, 0),
        json!({"readings": rows.len(), "messages": 3, "refused": 0, "unread": 0})
    );

    let count = rows.len() as u64;
    counted(&daemon, &[("admitted", count + live), ("duplicate", 0)]).await;
    // The hour past every limit is over: it is told to officers as found late, and to nobody else.
    let told = eventually("officers heard of it", || async {
        let deliveries = daemon.list("/api/v1/deliveries?").await;
        let settled = deliveries
            .iter()
            .all(|one| one["state"] == "delivered" || one["state"] == "superseded");
        (settled
            && hook.taken().last()?["description"]["en"].as_str()?.starts_with("Detected late"))
        .then_some(deliveries)
    })
    .await;
    assert!(told.iter().all(|one| one["channel"] == "hook"), "{told:?}");
    let site = daemon.json("/api/v1/sites/bridge-1").await;
    let latest = &site["stations"][0]["series"][0]["latest"];
    assert_eq!((&latest["value"], &site["level"]), (&json!(1.0), &json!("attention")), "{site}");
    let feed = daemon.public("/cap/feed.atom").await;
    assert!(!feed.contains("<entry>"), "the public heard of the past: {feed}");

    // Again, and a day longer: what came before is known.
    let again = import(&daemon, &setting, &past, &[]).await;
    assert_eq!(sums(&again, 0)["readings"], count);
    counted(&daemon, &[("duplicate", count), ("admitted", count + live)]).await;
    let after = daemon.list("/api/v1/deliveries?").await;
    assert_eq!(after.len(), told.len(), "an import told twice: {after:?}");

    if let Some(archive) = archive {
        let found = eventually("the archive has all of it", || async {
            let found = stamps(&archive).await;
            (found.len() as u64 >= count).then_some(found)
        })
        .await;
        assert!(rows.iter().all(|(at, _)| found.contains(&(at.nanos() / 1_000_000))));
    }
    let said = daemon.stop().await;
    assert_eq!(said.errors(), Vec::<Value>::new());
}

/// Every half minute of a day, yesterday: a crack of a millimetre, but for a quarter of an hour past every limit.
fn yesterday() -> Vec<(Timestamp, f64)> {
    let start = now().minus(DAY * 2);
    let row = |n: u32| {
        let at = start.plus(std::time::Duration::from_secs(30) * n);
        (at, if (1_000..1_030).contains(&n) { 35.5 } else { 1.0 + f64::from(n % 10) / 100.0 })
    };
    (0..2_880).map(row).collect()
}

/// Every stamp the archive has, milliseconds since 1970.
async fn stamps(archive: &server::Server) -> std::collections::BTreeSet<i64> {
    archive.get("/internal/force_flush").await;
    let text = archive.get("/api/v1/export?match[]=reading_value").await;
    let rows = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let stamps = rows.flat_map(|row| row["timestamps"].as_array().unwrap().clone());
    stamps.map(|at| at.as_i64().unwrap()).collect()
}

/// Waits until the archive, where there is one, has a reading of every moment.
async fn all_is_archived(archive: Option<&server::Server>, sent: &[(Timestamp, f64)]) {
    let Some(archive) = archive else { return };
    eventually("the archive has all of it", || async {
        let found = stamps(archive).await;
        sent.iter().all(|(at, _)| found.contains(&(at.nanos() / 1_000_000))).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g08_g09_a_gateway_replays_a_day_across_a_kill_and_what_is_of_now_stays_first() {
    let Some(broker) = Mosquitto::start().await else { return };
    let hook = Hook::willing().await;
    let mut setting = Setting::new(Road::Mqtt(broker.port));
    let archive = server::victoria_metrics(server::free()).await;
    if let Some(archive) = &archive {
        setting.add(&format!("[archive]\nurl = \"http://{}\"\nbucket = \"bongsu\"", archive.addr));
    }
    setting.add_hook(&hook);
    setting.add(PUBLIC);
    setting.site("bridge-1", &bridge("bridge-1"));
    let config = setting.write();
    let mut daemon = Daemon::start(&config).await;

    let day = yesterday();
    let mut gateway = Link::connect(broker.port, "gateway").await.unwrap();
    let past = "bongsu/v1/bridge-1/box-1/backfill";
    for (at, width) in &day {
        let claim = format!(r#"{{"sensor":"crack-1","quantity":"crack-width","value":{width:?}}}"#);
        let payload = format!(r#"{{"at":"{at}","readings":[{claim}]}}"#);
        gateway.publish(past, payload.as_bytes()).await.unwrap();
    }
    let live = crack(1, 2.25);
    gateway.publish(&telemetry("bridge-1", "box-1"), live.as_bytes()).await.unwrap();
    eventually("what is of now is heard", || async {
        let site = daemon.json("/api/v1/sites/bridge-1").await;
        (site["stations"][0]["series"][0]["latest"]["value"] == 2.25).then_some(())
    })
    .await;
    daemon.kill();
    let daemon = Daemon::start(&config).await;
    let count = day.len() as u64;
    counted(&daemon, &[("admitted", count + 1), ("refused", 0), ("quarantined", 0)]).await;

    // The quarter of an hour is over: officers hear of it as found late, and nobody else does.
    eventually("officers heard of it", || async {
        hook.taken().last()?["description"]["en"]
            .as_str()?
            .starts_with("Detected late")
            .then_some(())
    })
    .await;
    let feed = daemon.public("/cap/feed.atom").await;
    assert!(!feed.contains("<entry>"), "the public heard of the past: {feed}");
    let site = daemon.json("/api/v1/sites/bridge-1").await;
    assert_eq!(site["stations"][0]["series"][0]["latest"]["value"], 2.25, "the past is not of now");

    // It begins once more at the end of its day: what it said is known.
    let before = daemon.balance("field").await["duplicate"].as_u64().unwrap();
    for (at, width) in &day[day.len() - 100..] {
        let claim = format!(r#"{{"sensor":"crack-1","quantity":"crack-width","value":{width:?}}}"#);
        let payload = format!(r#"{{"at":"{at}","readings":[{claim}]}}"#);
        gateway.publish(past, payload.as_bytes()).await.unwrap();
    }
    counted(&daemon, &[("admitted", count + 1), ("duplicate", before + 100)]).await;
    all_is_archived(archive.as_ref(), &day).await;
    assert_eq!(daemon.stop().await.errors(), Vec::<Value>::new());
    let frames = frames(&setting.data());
    let of_now = frames.iter().position(|frame| frame.payload == live.as_bytes()).unwrap();
    let behind = frames[of_now..].iter().filter(|frame| frame.topic == past).count();
    println!(
        "{behind} messages of the past came behind one of now that was sent after all of them"
    );
    assert!(behind > 100, "what is of now waited for the past");
}

/// Every half minute of the last six hours, as a station kept them that could not be reached: a crack of a millimetre,
/// but for a quarter of an hour past every limit.
fn six_hours() -> Vec<(Timestamp, f64)> {
    const EVERY: std::time::Duration = std::time::Duration::from_secs(30);
    let start = now().minus(EVERY * 720);
    let row = |n: u32| {
        (
            start.plus(EVERY * n),
            if (300..330).contains(&n) { 35.5 } else { 1.0 + f64::from(n % 10) / 100.0 },
        )
    };
    (0..720).map(row).collect()
}

/// A station that was away for six hours is back: it says what is of now, and beside it what it kept, on a topic of its
/// own.
async fn a_station_is_back_after_six_hours(road: Road) {
    let hook = Hook::willing().await;
    let mut setting = Setting::new(road);
    let archive = server::victoria_metrics(server::free()).await;
    if let Some(archive) = &archive {
        setting.add(&format!("[archive]\nurl = \"http://{}\"\nbucket = \"bongsu\"", archive.addr));
    }
    setting.add_hook(&hook);
    setting.add(PUBLIC);
    setting.site("bridge-1", &bridge("bridge-1"));
    let daemon = Daemon::start(&setting.write()).await;
    let (Road::Embedded(port) | Road::Mqtt(port)) = road;

    let kept = six_hours();
    let (past, count) = ("bongsu/v1/bridge-1/box-1/backfill", kept.len() as u64);
    let mut buffer = Link::connect(port, "box-1-buffer").await.unwrap();
    let (written, mut behind) = tokio::sync::oneshot::channel();
    let emptied = tokio::spawn({
        let kept = kept.clone();
        async move {
            let (mut answered, mut told) = (0, Some(written));
            for (seq, (at, width)) in (1_u64..).zip(&kept) {
                let claim =
                    format!(r#"{{"sensor":"crack-1","quantity":"crack-width","value":{width:?}}}"#);
                let payload = format!(r#"{{"seq":{seq},"at":"{at}","readings":[{claim}]}}"#);
                let id = buffer.next_id();
                buffer.send(past.as_bytes(), payload.as_bytes(), false, id).await.unwrap();
                if seq == 50 {
                    told.take().unwrap().send(()).unwrap();
                }
                while let Ok(packet) =
                    tokio::time::timeout(std::time::Duration::ZERO, buffer.packet()).await
                {
                    answered += u64::from(puback(&packet.unwrap()).unwrap().is_some());
                }
            }
            while answered < count {
                answered += u64::from(puback(&buffer.packet().await.unwrap()).unwrap().is_some());
            }
        }
    });
    (&mut behind).await.unwrap();
    let mut link = Link::connect(port, "box-1").await.unwrap();
    let mut live = 0;
    while live < 10 || !emptied.is_finished() {
        live += 1;
        let report = crack(count + live, 2.25);
        link.publish(&telemetry("bridge-1", "box-1"), report.as_bytes()).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    emptied.await.unwrap();

    counted(
        &daemon,
        &[("admitted", count + live), ("refused", 0), ("duplicate", 0), ("quarantined", 0)],
    )
    .await;
    eventually("officers heard of it", || async {
        let taken = hook.taken();
        taken.last()?["description"]["en"].as_str()?.starts_with("Detected late").then_some(())
    })
    .await;
    let feed = daemon.public("/cap/feed.atom").await;
    assert!(!feed.contains("<entry>"), "the public heard of the past: {feed}");
    let site = daemon.json("/api/v1/sites/bridge-1").await;
    let latest = &site["stations"][0]["series"][0]["latest"]["value"];
    assert_eq!(*latest, 2.25, "the past is not of now");
    let station = daemon.json("/api/v1/stations/bridge-1/box-1").await;
    assert_eq!(station["missing"], json!([]), "nothing is missing: {station}");
    all_is_archived(archive.as_ref(), &kept).await;
    assert_eq!(daemon.stop().await.errors(), Vec::<Value>::new());
    let frames = frames(&setting.data());
    let of_now = frames.iter().position(|frame| frame.topic != past).unwrap();
    let later = frames[of_now..].iter().filter(|frame| frame.topic == past).count();
    println!("{live} messages of now; behind the first of them {later} of {count} of the past");
    assert!(later > 300, "what is of now waited for the past");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g08_g09_a_station_that_was_away_for_six_hours_is_of_now_at_once_and_complete_soon() {
    a_station_is_back_after_six_hours(Road::Embedded(free_port())).await;
    let Some(broker) = Mosquitto::start().await else { return };
    a_station_is_back_after_six_hours(Road::Mqtt(broker.port)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_form_of_file_is_taken_and_what_is_wrong_is_named() {
    let setting = Setting::embedded();
    setting.site("bridge-1", &bridge("bridge-1"));
    let config = setting.write();
    let daemon = Daemon::start(&config).await;

    let logger = file(
        &setting,
        "logger.dat",
        "\"TOA5\",\"bridge\",\"CR1000X\",\"12342\",\"OS\",\"CPU:b.CR1X\",\"2438\",\"Table1\"\n\
         \"TIMESTAMP\",\"RECORD\",\"BattV\",\"Crack_Avg\"\n\"TS\",\"RN\",\"Volts\",\"mm\"\n\"\",\"\",\"Smp\",\"Avg\"\n\
         \"2026-07-13 09:00:00\",1,12.9,1.5\n\"2026-07-13 09:10:00\",2,12.9,\"NAN\"\n\
         \"2026-07-13 09:20:00\",3,12.9\n\"2026-07-13 09:30:00\",4,12.9,1.7\n",
    );
    let said = ["--station", "bridge-1/box-1", "--assume-offset", "+09:00"];
    let mapped = [&said[..], &["--map", "Crack_Avg=crack-1/crack-width"]].concat();
    let output = import(&daemon, &setting, &logger, &mapped).await;
    assert_eq!(output.status.code(), Some(70));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("logger.dat:5: nobody said what the column `BattV` is"), "{text}");

    let ignoring = [&mapped[..], &["--ignore", "BattV"]].concat();
    let output = import(&daemon, &setting, &logger, &ignoring).await;
    assert_eq!(sums(&output, 1), json!({"readings": 2, "messages": 1, "refused": 0, "unread": 1}));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(
        text.contains(
            "logger.dat:7: wrong-shape: the message has the wrong form: the row has 3 fields"
        ),
        "{text}"
    );

    let wide = file(
        &setting,
        "wide.csv",
        "when,crack,note\n2026-07-12T09:00:00+09:00,1.25,calm\nyesterday,1.3,\n",
    );
    let columns =
        ["--station", "bridge-1/box-1", "--time", "when", "--map", "crack=crack-1/crack-width mm"];
    let output = import(&daemon, &setting, &wide, &columns).await;
    assert_eq!(sums(&output, 1), json!({"readings": 1, "messages": 1, "refused": 0, "unread": 1}));

    let recorded = file(
        &setting,
        "frames.jsonl",
        concat!(
            r#"{"at":"2026-07-11T00:00:05Z","topic":"bongsu/v1/bridge-1/box-1/telemetry","payload":{"readings":[{"sensor":"crack-1","quantity":"crack-width","value":2}]}}"#,
            "\n",
            r#"{"at":"2026-07-11T00:00:06Z","topic":"bongsu/v1/bridge-1/box-1/status","payload":{"state":"online"}}"#,
            "\n",
            r#"{"at":"2026-07-11T00:00:07Z","topic":"bongsu/v1/bridge-1/box-7/telemetry","payload":{"readings":[{"sensor":"crack-1","quantity":"crack-width","value":2}]}}"#,
            "\n{\n",
        ),
    );
    let output = import(&daemon, &setting, &recorded, &[]).await;
    assert_eq!(sums(&output, 1), json!({"readings": 1, "messages": 1, "refused": 1, "unread": 1}));

    counted(&daemon, &[("admitted", 4), ("refused", 0)]).await;
    let locked = run(&[
        "import",
        wide.to_str().unwrap(),
        "--config",
        config.to_str().unwrap(),
        "--series",
        SERIES,
    ])
    .await;
    assert_eq!(locked.status.code(), Some(70));
    let text = String::from_utf8_lossy(&locked.stderr);
    assert!(text.contains("if bongsu runs, hand the file to it with --url"), "{text}");
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_that_is_stopped_finds_it_in_its_journal() {
    let setting = Setting::embedded();
    setting.site("bridge-1", &bridge("bridge-1"));
    let config = setting.write();
    let rows = history();
    let past = file(&setting, "past.csv", &table(&rows));
    let arguments =
        ["import", past.to_str().unwrap(), "--json", "--config", config.to_str().unwrap()];
    assert_eq!(sums(&run(&arguments).await, 0)["messages"], 3);
    assert_eq!(frames(&setting.data()).len(), 3);

    let daemon = Daemon::start(&config).await;
    let count = rows.len() as u64;
    counted(&daemon, &[("admitted", count), ("duplicate", 0)]).await;
    daemon.stop().await;

    assert_eq!(sums(&run(&arguments).await, 0)["messages"], 3);
    let daemon = Daemon::start(&config).await;
    counted(&daemon, &[("admitted", count), ("duplicate", count)]).await;
    daemon.stop().await;
}
