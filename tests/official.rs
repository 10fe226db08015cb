//! Official products, from a stand-in for an authority's server to the level of a site: what it says, and what follows
//! when it says nothing sensible.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::Html;
use axum::routing::get;
use axum::{Json, Router};
use common::daemon::{Daemon, run};
use common::setting::{Setting, head};
use common::{eventually, now};
use parking_lot::Mutex;
use reading::Timestamp;
use serde_json::{Value, json};

/// What the server does at present.
#[derive(Clone)]
enum Mood {
    Says(Value),
    Maintains,
    Fails,
    Hangs,
}

/// A server with a list of what is in force.
struct Authority {
    port: u16,
    mood: Arc<Mutex<Mood>>,
}

impl Authority {
    async fn start() -> Self {
        let mood = Arc::new(Mutex::new(Mood::Says(product(&[], now()))));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let shown = mood.clone();
        let answer = move || {
            let mood = shown.lock().clone();
            async move {
                match mood {
                    Mood::Says(product) => Ok(Json(product)),
                    Mood::Maintains => Err((StatusCode::OK, Html("<html>점검 중</html>"))),
                    Mood::Fails => Err((StatusCode::INTERNAL_SERVER_ERROR, Html(""))),
                    Mood::Hangs => std::future::pending().await,
                }
            }
        };
        let app = Router::new().route("/landslides", get(answer));
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { port, mood }
    }

    fn turns(&self, mood: Mood) {
        *self.mood.lock() = mood;
    }
}

/// Regions with the grades in force, as published at a moment.
fn product(grades: &[(&str, &str)], made: Timestamp) -> Value {
    let item = |(region, grade): &(&str, &str)| json!({ "sgg": region, "grade": grade });
    json!({ "header": { "made": made.to_string() }, "items": grades.iter().map(item).collect::<Vec<_>>() })
}

fn setting(authority: &Authority) -> Setting {
    let mut setting = Setting::embedded();
    std::fs::write(
        setting.folder().join("landslides-url"),
        format!("http://127.0.0.1:{}/landslides?key=hunter2", authority.port),
    )
    .unwrap();
    setting.add(
        r#"[[collector]]
name = "kfs"
kind = "http"
url = "file:landslides-url"
interval = "1 s"
timeout = "1 s"
format = "json"
each = "/items"
device = "pointer:/sgg"
updated = "/header/made"
stale-after = "1 h"
words = { "산사태주의보" = 1, "산사태예비경보" = 2, "산사태경보" = 3 }
otherwise = 0

[[collector.map]]
devices = { "42150" = "cut-1/kfs" }
metrics = { "/grade" = "landslide/advisory" }

[[channel]]
name = "log"
kind = "log"
audience = "officers"
min-level = "attention""#,
    );
    let text = head("cut-1", "slope")
        + r#"
[[station]]
id = "kfs"
source = "kfs"
report-interval = "1 s"

[[station.sensor]]
id = "landslide"
template = "official-product"

[[rule]]
id = "forecast"
group = "rain"
levels = { caution = { raise-at = "1 count", clear-below = "1 count" }, warning = { raise-at = "2 count", clear-below = "2 count" } }
series = ["kfs/landslide/advisory"]
condition = { kind = "threshold", raise = "1 of 1", clear-count = 1 }
provenance = { author = "test", date = "2026-07-01", reason = "산림청 산사태 예측정보: 80 % 주의보, 90 % 예비경보" }
"#;
    setting.site("cut-1", &text);
    setting
}

/// What `bongsu doctor` says of the server; it must not show the key in its address.
async fn doctor(config: &std::path::Path) -> String {
    let config = config.to_str().unwrap();
    let output = run(&["doctor", "--config", config, "--for", "1", "--json"]).await;
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(!said.contains("hunter2"), "{said}");
    let lines = said.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let check = lines.into_iter().find(|line| line["check"] == "http-kfs").unwrap();
    check["state"].as_str().unwrap().to_owned()
}

async fn site(daemon: &Daemon) -> Value {
    daemon.json("/api/v1/sites/cut-1").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forecast_is_evidence_and_a_server_that_fails_is_none() {
    let authority = Authority::start().await;
    authority
        .turns(Mood::Says(product(&[("42150", "산사태예비경보"), ("11110", "산사태경보")], now())));
    let setting = setting(&authority);
    let config = setting.write();
    let daemon = Daemon::start(&config).await;
    let there = eventually("the forecast is evidence", || async {
        let there = site(&daemon).await;
        (there["level"] == "caution").then_some(there)
    })
    .await;
    let latest = &there["stations"][0]["series"][0]["latest"];
    assert_eq!(latest["value"], 2.0, "{there}");
    // Rain alone never makes more of it than 주의, whatever it argues for.
    assert_eq!(there["assessed"], "caution");

    assert_eq!(doctor(&config).await, "ok");

    // An older product, words instead of a document, a failure, silence: each is named, and none says anything of now.
    let old = product(&[], now().minus(std::time::Duration::from_secs(7_200)));
    authority.turns(Mood::Says(old));
    for (mood, reason) in [(None, "stale"), (Some(Mood::Maintains), "not-json")] {
        mood.into_iter().for_each(|mood| authority.turns(mood));
        eventually(reason, || async {
            let rows = daemon.list("/api/v1/quarantine?").await;
            rows.iter().any(|row| row["source"] == "kfs" && row["reason"] == reason).then_some(())
        })
        .await;
        assert_eq!(doctor(&config).await, "failed", "{reason}");
    }
    for (mood, outcome) in [(Mood::Fails, "exception"), (Mood::Hangs, "silence")] {
        authority.turns(mood);
        let labels = format!("collector=\"kfs\",outcome=\"{outcome}\",unit=\"http\"");
        eventually(outcome, || async {
            (daemon.metric("ingest_polls_total", &labels).await > 0.0).then_some(())
        })
        .await;
        assert_eq!(doctor(&config).await, "failed", "{outcome}");
    }
    assert_eq!(site(&daemon).await["level"], "caution", "no news is not good news");

    authority.turns(Mood::Says(product(&[], now())));
    eventually("it is over", || async {
        let there = site(&daemon).await;
        (there["stations"][0]["series"][0]["latest"]["value"] == 0.0).then_some(())
    })
    .await;
    let balance = daemon.balance("kfs").await;
    assert_eq!(balance["holds"], true, "{balance}");
    assert!(balance["quarantined"].as_u64().unwrap() >= 2, "{balance}");
    let said = daemon.stop().await;
    assert!(!said.lines().concat().contains("hunter2"), "a secret is in the log");
    assert_eq!(said.errors(), Vec::<Value>::new());
}
