//! What the field may send by mistake or on purpose: each ends in quarantine or in a named refusal, is counted, can be
//! looked at, and the daemon goes on.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::daemon::Daemon;
use common::link::Link;
use common::refusals::{Bad, Neighbour, newest_in_quarantine, refusals};
use common::servers::Mosquitto;
use common::setting::{Road, Setting, bridge, crack, telemetry};
use common::{eventually, now};
use serde_json::Value;

fn bad(what: &'static str, payload: impl Into<Vec<u8>>, reason: &'static str) -> Bad {
    Bad::new(what, &telemetry("bridge-1", "box-1"), payload, reason)
}

fn elsewhere(what: &'static str, topic: &str, reason: &'static str) -> Bad {
    Bad::new(what, topic, crack(1, 1.5), reason)
}

/// A report whose value and unit are written so.
fn valued(value: &str) -> String {
    format!(
        r#"{{"at":"{}","readings":[{{"sensor":"crack-1","quantity":"crack-width",{value}}}]}}"#,
        now()
    )
}

/// A report of this moment.
fn stamped(at: &str) -> String {
    format!(
        r#"{{"at":"{at}","readings":[{{"sensor":"crack-1","quantity":"crack-width","value":1.5}}]}}"#
    )
}

fn table() -> Vec<Bad> {
    let nested =
        |open: &str, close: &str| format!("{}{}", open.repeat(10_000), close.repeat(10_000));
    vec![
        bad("malformed JSON", r#"{"seq":1,"readings":["#, "not-json"),
        bad("no JSON at all", [0x00, 0x01, 0xfe], "not-utf8"),
        bad(
            "invalid UTF-8 in a text",
            b"{\"seq\":1,\"readings\":[{\"sensor\":\"\xff\"}]}".as_slice(),
            "not-utf8",
        ),
        bad("a text for a number", valued(r#""value":"high""#), "wrong-shape"),
        bad("a number for the readings", r#"{"readings":5}"#, "wrong-shape"),
        bad("a list for the report", "[]", "wrong-shape"),
        bad("no readings", r#"{"seq":1}"#, "wrong-shape"),
        bad("NaN", valued(r#""value":NaN"#), "not-json"),
        bad("Infinity", valued(r#""value":-Infinity"#), "not-json"),
        bad("a number beyond all numbers", valued(r#""value":1e999"#), "not-json"),
        bad("no value", valued(r#""value":null"#), "not-finite"),
        bad("an unknown unit", valued(r#""value":1,"unit":"furlong""#), "unknown-unit"),
        bad("a unit of something else", valued(r#""value":1,"unit":"deg""#), "unit-mismatch"),
        bad("more than the instrument can say", valued(r#""value":1e9"#), "out-of-range"),
        bad("an unknown key", r#"{"readings":[],"sitee":"x"}"#, "unknown-key"),
        bad("a key twice", r#"{"seq":1,"seq":2,"readings":[]}"#, "duplicate-key"),
        bad("no moment", stamped("yesterday"), "bad-time"),
        bad("a year too far", stamped("10000-01-01T00:00:00Z"), "bad-time"),
        bad("the year 2099", stamped("2099-07-14T00:00:00+09:00"), "future"),
        bad("10 MB", vec![b' '; 10 << 20], "too-large"),
        bad("10 000 lists in each other", nested("[", "]"), "wrong-shape"),
        bad("10 000 objects in each other", nested(r#"{"readings":"#, "}"), "wrong-shape"),
        bad(
            "10 000 lists in a value",
            valued(&format!(r#""value":{}"#, nested("[", "]"))),
            "wrong-shape",
        ),
        bad("an empty payload", "", "empty-payload"),
        elsewhere("a letter amiss", "bongsu/v1/bridge-1/box-1/telemetri", "unknown-topic"),
        elsewhere("a level too few", "bongsu/v1/bridge-1/telemetry", "unknown-topic"),
        elsewhere("an unknown site", "bongsu/v1/nowhere/box-1/telemetry", "unknown-site"),
        elsewhere("an unknown station", "bongsu/v1/bridge-1/box-9/telemetry", "unknown-station"),
        elsewhere("a site in Korean", "bongsu/v1/급경사지/box-1/telemetry", "bad-identifier"),
        elsewhere("a station in capitals", "bongsu/v1/bridge-1/BOX-1/telemetry", "bad-identifier"),
        elsewhere(
            "a receipt that is none",
            "bongsu/v1/bridge-1/box-1/command/result",
            "wrong-shape",
        ),
        elsewhere("a status that is none", "bongsu/v1/bridge-1/box-1/status", "wrong-shape"),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g08_g09_whatever_the_field_sends_is_refused_by_name_and_the_daemon_goes_on() {
    let setting = Setting::embedded();
    setting.site("bridge-1", &bridge("bridge-1"));
    let daemon = Daemon::start(&setting.write()).await;
    let mut good = Neighbour::new(&daemon).await;
    good.one_counts().await;
    for bad in table() {
        bad.is_refused(&daemon).await;
        good.one_counts().await;
    }
    let balance = daemon.balance("field").await;
    assert_eq!(balance["holds"], true, "{balance}");
    let unreadable = daemon.list("/api/v1/quarantine?").await;
    assert_eq!(unreadable.len(), table().len(), "each once");
    assert_eq!(daemon.stop().await.errors(), Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g08_a_clock_that_was_never_set_is_replaced_and_an_old_reading_is_marked() {
    let setting = Setting::embedded();
    setting.site("bridge-1", &bridge("bridge-1"));
    setting.site("bridge-2", &bridge("bridge-2"));
    let daemon = Daemon::start(&setting.write()).await;
    let mut link = Link::connect(daemon.broker(), "careless").await.unwrap();

    link.publish(&telemetry("bridge-1", "box-1"), stamped("1970-01-01T00:00:17Z").as_bytes())
        .await
        .unwrap();
    let latest = latest(&daemon, "bridge-1").await;
    assert_eq!(latest["value"], 1.5);
    assert!(latest["quality"].as_array().unwrap().contains(&"time-replaced".into()), "{latest}");
    assert!(!latest["measured_at"].as_str().unwrap().starts_with("1970"), "{latest}");

    // Sent to be kept, but fresh from its sender: judged by its own time.
    let old = stamped("2026-01-01T00:00:00Z");
    link.publish_bytes(telemetry("bridge-2", "box-1").as_bytes(), old.as_bytes(), true)
        .await
        .unwrap();
    let latest = self::latest(&daemon, "bridge-2").await;
    assert!(latest["quality"].as_array().unwrap().contains(&"old".into()), "{latest}");
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g06_a_topic_that_is_no_text_costs_its_sender_the_connection_and_nobody_else_anything() {
    let setting = Setting::embedded();
    setting.site("bridge-1", &bridge("bridge-1"));
    let daemon = Daemon::start(&setting.write()).await;
    let mut good = Neighbour::new(&daemon).await;
    good.one_counts().await;
    for topic in [
        b"bongsu/v1/\xff\xfe/box-1/telemetry".as_slice(),
        b"bongsu/v1/bridge-1/\xed\xa0\x80/telemetry", // half of a surrogate pair
        b"bongsu/v1/bridge-1/box\0-1/telemetry",
        b"bongsu/v1/+/box-1/telemetry",
        b"",
    ] {
        let mut link = Link::connect(daemon.broker(), "broken").await.unwrap();
        let refused = link.publish_bytes(topic, crack(1, 1.5).as_bytes(), false).await;
        let shown = String::from_utf8_lossy(topic);
        assert!(refused.is_err(), "`{shown}` is no topic and must not be acknowledged");
        good.one_counts().await;
    }
    assert_eq!(daemon.balance("field").await["quarantined"], 0);
    assert_eq!(daemon.stop().await.errors(), Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g08_what_a_broker_had_kept_says_nothing_about_now() {
    let Some(mosquitto) = Mosquitto::start().await else { return };
    let setting = Setting::new(Road::Mqtt(mosquitto.port));
    setting.site("bridge-1", &bridge("bridge-1"));
    let mut link = Link::connect(mosquitto.port, "careless").await.unwrap();
    let topic = telemetry("bridge-1", "box-1");
    link.publish_bytes(topic.as_bytes(), crack(1, 50.0).as_bytes(), true).await.unwrap();

    let daemon = Daemon::start(&setting.write()).await;
    eventually("the kept reading is refused", || async {
        (refusals(&daemon, "retained").await == 1.0).then_some(())
    })
    .await;
    eventually("it can be looked at", || async {
        (newest_in_quarantine(&daemon).await["reason"] == "retained").then_some(())
    })
    .await;
    link.publish(&topic, crack(2, 1.5).as_bytes()).await.unwrap();
    assert_eq!(latest(&daemon, "bridge-1").await["value"], 1.5);
    assert_eq!(daemon.json("/api/v1/sites/bridge-1").await["level"], "normal");
    let balance = daemon.balance("field").await;
    assert_eq!(
        (&balance["holds"], &balance["admitted"], &balance["refused"]),
        (&true.into(), &1.into(), &1.into())
    );
    daemon.stop().await;
}

/// The newest reading of the crack of a site, once there is one.
async fn latest(daemon: &Daemon, site: &str) -> Value {
    eventually("a reading counts", || async {
        let site = daemon.json(&format!("/api/v1/sites/{site}")).await;
        let latest = site["stations"][0]["series"][0]["latest"].clone();
        (!latest.is_null()).then_some(latest)
    })
    .await
}
