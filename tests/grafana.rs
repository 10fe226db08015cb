//! The shipped dashboards: as their generator writes them, as Grafana's schema has them, each query run against a real
//! server that our own archive and metrics filled.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;
#[path = "../ingest/tests/archive/server.rs"]
#[expect(dead_code, reason = "it has more servers than this test needs")]
mod server;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use common::daemon::Daemon;
use common::hook::Hook;
use common::link::Link;
use common::servers::program;
use common::setting::Setting;
use common::{eventually, free_port, now};
use firmware_sim::{Scenario, World};
use serde_json::Value;
use tokio::net::TcpListener;

/// How much of the storm is played: rain, movement, a first level.
const PLAYED: Duration = Duration::from_secs(3 * 3_600);
const MINUTE: Duration = Duration::from_secs(60);

/// The storm says nothing of the bridge for so long: its crack is ours.
const BRIDGE_QUIET: Duration = Duration::from_secs(20 * 60);

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("dashboards/grafana")
}

fn dashboards() -> Vec<(String, Value)> {
    let mut found: Vec<_> = std::fs::read_dir(folder().join("dashboards"))
        .unwrap()
        .flatten()
        .map(|entry| {
            let text = std::fs::read_to_string(entry.path()).unwrap();
            (entry.file_name().into_string().unwrap(), serde_json::from_str(&text).unwrap())
        })
        .collect();
    found.sort_by(|a: &(String, Value), b| a.0.cmp(&b.0));
    assert!(found.len() >= 6);
    found
}

fn panels(dashboard: &Value) -> &Vec<Value> {
    dashboard["panels"].as_array().unwrap()
}

#[test]
fn they_are_as_their_generator_writes_them() {
    let Some(python) = program("python3") else { return };
    let made = tempfile::tempdir().unwrap();
    let written = Command::new(python).arg(folder().join("make.py")).arg(made.path()).output();
    let written = written.unwrap();
    assert!(written.status.success(), "{}", String::from_utf8_lossy(&written.stderr));
    for (name, shipped) in dashboards() {
        let made = std::fs::read(made.path().join(&name)).unwrap();
        let made: Value = serde_json::from_slice(&made).unwrap();
        assert_eq!(made, shipped, "{name}: run dashboards/grafana/make.py");
    }
}

#[test]
fn every_panel_has_a_unit_a_description_and_a_title_in_both_languages() {
    let is_korean = |text: &str| text.chars().any(|c| ('가'..='힣').contains(&c));
    let mut uids = std::collections::BTreeSet::new();
    for (name, dashboard) in dashboards() {
        assert!(uids.insert(dashboard["uid"].as_str().unwrap().to_owned()), "{name}");
        assert!(is_korean(dashboard["title"].as_str().unwrap()), "{name}");
        let mut taken = Vec::new();
        for panel in panels(&dashboard) {
            let title = panel["title"].as_str().unwrap();
            let (ko, en) = title.split_once(" · ").unwrap();
            assert!(is_korean(ko) && en.is_ascii(), "{name}: {title}");
            assert!(panel["description"].as_str().unwrap().len() > 10, "{name}: {title}");
            let unit = panel["fieldConfig"]["defaults"]["unit"].as_str().unwrap();
            assert!(!unit.is_empty(), "{name}: {title}");
            let at = |key: &str| panel["gridPos"][key].as_i64().unwrap();
            let place = (at("x"), at("y"), at("x") + at("w"), at("y") + at("h"));
            let overlaps = |(x, y, to_x, to_y): &(i64, i64, i64, i64)| {
                *x < place.2 && place.0 < *to_x && *y < place.3 && place.1 < *to_y
            };
            assert!(place.2 <= 24 && !taken.iter().any(overlaps), "{name}: {title}");
            taken.push(place);
        }
    }
}

/// The storm's sites on their own collector, with somebody to tell.
fn setting(hook: &Hook, archive: &str) -> Setting {
    let mut setting = Setting::embedded();
    setting.add_hook(hook);
    setting.add(&format!("[archive]\nurl = \"{archive}\"\nbucket = \"bongsu\""));
    let sites = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/demo/sites");
    for site in std::fs::read_dir(sites).unwrap().flatten() {
        let name = site.path().file_stem().unwrap().to_string_lossy().into_owned();
        setting.site(&name, &std::fs::read_to_string(site.path()).unwrap());
    }
    setting
}

/// What stands in for the second interface that Debian's InfluxDB does not have: lines go to its first.
async fn door(influxd: Arc<server::Server>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let app = axum::Router::new().route("/api/v2/write", post(write)).with_state(influxd);
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    url
}

async fn write(State(influxd): State<Arc<server::Server>>, body: Bytes) -> (StatusCode, String) {
    let lines = std::str::from_utf8(&body).unwrap();
    let (status, said) = influxd.write("/write?db=bongsu", lines).await;
    (StatusCode::from_u16(status.as_u16()).unwrap(), said)
}

/// The last hours of the storm, ending now, and levels that rise now.
async fn play(daemon: &Daemon) {
    let start = now().minus(PLAYED);
    let scenario = Scenario::load("typhoon").unwrap().starting_at(start);
    let mut link = Link::connect(daemon.broker(), "field").await.unwrap();
    let quiet_from = start.plus(PLAYED - BRIDGE_QUIET);
    for message in World::new(&scenario, 1).until(start.plus(PLAYED)) {
        if message.sent_at < quiet_from || !message.topic.contains("/bridge-01/") {
            link.publish(&message.topic, &message.payload).await.unwrap();
        }
    }
    link.publish("bongsu/v1/cut-slope-01/post-1/telemetry", b"no report").await.unwrap();
    for n in 0..12_u32 {
        let (at, width) = (now().minus(MINUTE * (12 - n)), 2.0 + f64::from(n) / 100.0);
        let payload = format!(
            r#"{{"seq":{},"at":"{at}","readings":[{{"sensor":"crack-1","quantity":"crack-width","value":{width},"unit":"mm"}}]}}"#,
            1_000 + n,
        );
        link.publish("bongsu/v1/bridge-01/deck-1/telemetry", payload.as_bytes()).await.unwrap();
    }
}

struct Prometheus {
    child: std::process::Child,
    url: String,
    _folder: tempfile::TempDir,
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// One that looks at the daemon every second.
fn prometheus(daemon: &Daemon, token: &Path) -> Option<Prometheus> {
    let program = program("prometheus")?;
    let folder = tempfile::tempdir().unwrap();
    let target = daemon.url("").replace("http://", "");
    let config = format!(
        "global: {{ scrape_interval: 1s }}\nscrape_configs:\n  - job_name: bongsu\n    authorization: {{ credentials_file: {} }}\n    static_configs: [{{ targets: [\"{target}\"] }}]\n",
        token.display()
    );
    let file = folder.path().join("prometheus.yml");
    std::fs::write(&file, config).unwrap();
    let listen = format!("127.0.0.1:{}", common::free_port());
    let child = Command::new(program)
        .arg(format!("--config.file={}", file.display()))
        .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
        .arg(format!("--web.listen-address={listen}"))
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    Some(Prometheus { child, url: format!("http://{listen}"), _folder: folder })
}

/// A query as Grafana would send it, every site chosen.
fn asked(query: &str) -> String {
    let since = format!("time >= {}", now().minus(PLAYED * 2).nanos());
    query
        .replace("$timeFilter", &format!("{since} AND time <= {}", now().nanos()))
        .replace("$__interval", "1m")
        .replace("/^$site$/", "/^.*$/")
        .replace("$__rate_interval", "1m")
}

async fn rows(influxd: &server::Server, query: &str) -> Result<usize, String> {
    let asked = asked(query);
    assert!(!asked.replace("$/", "").contains('$'), "{asked}");
    let encoded: String = asked.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let answer = influxd.get(&format!("/query?db=bongsu&q={encoded}")).await;
    let answer: Value = serde_json::from_str(&answer).unwrap();
    let result = &answer["results"][0];
    if let Some(error) = result["error"].as_str() {
        return Err(error.to_owned());
    }
    let series = result["series"].as_array().cloned().unwrap_or_default();
    let is_value = |row: &Value| row.as_array().unwrap()[1..].iter().any(|cell| !cell.is_null());
    let counted = series
        .iter()
        .map(|one| one["values"].as_array().unwrap().iter().filter(|row| is_value(row)).count());
    Ok(counted.sum())
}

async fn samples(client: &reqwest::Client, prometheus: &str, expr: &str) -> Result<usize, String> {
    let asked = asked(expr);
    let url = reqwest::Url::parse_with_params(
        &format!("{prometheus}/api/v1/query"),
        [("query", asked.as_str())],
    );
    let Ok(answer) = client.get(url.unwrap()).send().await else { return Ok(0) };
    let answer: Value = answer.json().await.unwrap_or_default();
    match answer["error"].as_str() {
        Some(error) => Err(error.to_owned()),
        None => Ok(answer["data"]["result"].as_array().map_or(0, Vec::len)),
    }
}

/// Where a dashboard and its panels lead to.
fn links(dashboard: &Value) -> Vec<String> {
    let panels = panels(dashboard).iter().map(|panel| &panel["fieldConfig"]["defaults"]["links"]);
    let lists = panels.chain([&dashboard["links"]]).filter_map(Value::as_array);
    let urls = lists.flatten().map(|link| link["url"].as_str().unwrap().to_owned());
    urls.filter(|url| !url.is_empty()).collect()
}

/// Every link leads to a page of the board that is there.
async fn lead_to_the_board(daemon: &Daemon) {
    let incident = daemon.list("/api/v1/incidents?").await.pop().unwrap();
    let incident = incident["id"].as_str().unwrap();
    for (name, dashboard) in dashboards() {
        let links = links(&dashboard);
        assert!(!links.is_empty(), "{name}");
        for link in links {
            let page = link.strip_prefix("${board}").unwrap();
            let site = ["${site}", "${__data.fields.site}", "${__field.labels.site}"];
            let page = site.iter().fold(page.to_owned(), |page, of| page.replace(of, "bridge-01"));
            let page = page.replace("${__data.fields.id}", incident);
            assert!(!page.contains('$'), "{name}: {link}");
            assert!(daemon.text(&page).await.contains("<html"), "{name}: {link}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_query_of_every_panel_returns_data_from_a_real_server() {
    let Some(influxd) = server::influxd().await else { return };
    let influxd = Arc::new(influxd);
    let hook = Hook::willing().await;
    let setting = setting(&hook, &door(Arc::clone(&influxd)).await);
    let daemon = Daemon::start(&setting.write()).await;
    let Some(prometheus) = prometheus(&daemon, &setting.data().join("board-token")) else { return };
    play(&daemon).await;
    eventually("somebody is told", || async { (!hook.taken().is_empty()).then_some(()) }).await;
    eventually("all of it is archived", || async {
        let (written, lag) = tokio::join!(
            daemon.metric("archive_points_written_total", ""),
            daemon.metric("archive_lag_records", ""),
        );
        (written > 1_000.0 && lag < 50.0).then_some(())
    })
    .await;
    let client = reqwest::Client::new();
    let (mut tried, mut limits) = ((0, 0), 0);
    for (name, dashboard) in dashboards() {
        for panel in panels(&dashboard) {
            for target in panel["targets"].as_array().unwrap() {
                let title = panel["title"].as_str().unwrap();
                let what = format!("{name}: {title}: {target}");
                if let Some(query) = target["query"].as_str() {
                    tried.0 += 1;
                    let found = rows(&influxd, query).await;
                    // not every quantity has a rule that is a plain limit
                    let is_line = query.contains("FROM \"limit\"") && target["refId"] == "B";
                    limits += usize::from(is_line && found.as_ref().is_ok_and(|n| *n > 0));
                    let enough = usize::from(!is_line);
                    assert!(found.as_ref().is_ok_and(|n| *n >= enough), "{what}: {found:?}");
                } else {
                    tried.1 += 1;
                    let expr = target["expr"].as_str().unwrap();
                    // what is counted a second takes two looks
                    eventually(&what, || async {
                        let found = samples(&client, &prometheus.url, expr).await;
                        assert!(found.is_ok(), "{what}: {found:?}");
                        (found.unwrap() > 0).then_some(())
                    })
                    .await;
                }
            }
        }
        for variable in dashboard["templating"]["list"].as_array().unwrap() {
            if variable["type"] == "query" {
                let found = rows(&influxd, variable["query"].as_str().unwrap()).await;
                assert!(found.as_ref().is_ok_and(|found| *found >= 12), "{name}: {found:?}");
            }
        }
        for annotation in dashboard["annotations"]["list"].as_array().unwrap() {
            if let Some(query) = annotation["target"]["query"].as_str() {
                let found = rows(&influxd, query).await;
                assert!(found.as_ref().is_ok_and(|found| *found > 0), "{name}: {found:?}");
            }
        }
    }
    assert!(limits > 0, "no chart has a line");
    lead_to_the_board(&daemon).await;
    assert!(tried.0 > 30 && tried.1 > 20, "{tried:?}");
    daemon.stop().await;
}
