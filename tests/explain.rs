//! Why, and why not, asked of the real program beside a running daemon: by the command line and over the API.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::daemon::{Daemon, run};
use common::link::Link;
use common::setting::{Setting, bridge, crack, telemetry};
use common::{eventually, now};
use serde_json::Value;

const SERIES: &str = "bridge-1/box-1/crack-1/crack-width";

/// Asks; the status and what was said.
async fn explained(words: &[&str], data: &str) -> (Option<i32>, String, String) {
    let output = run(&[&["--lang", "en", "explain"], words, &["--data-dir", data]].concat()).await;
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), said(&output.stdout), said(&output.stderr))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g11_a_running_daemon_is_asked_why_and_why_not() {
    let setting = Setting::embedded();
    setting.site("bridge-1", &bridge("bridge-1"));
    let before = now();
    let daemon = Daemon::start(&setting.write()).await;
    let mut station = Link::connect(daemon.broker(), "box-1").await.unwrap();
    let topic = telemetry("bridge-1", "box-1");
    station.publish(&topic, crack(1, 12.0).as_bytes()).await.unwrap();
    let incident = eventually("the incident is there", || async {
        let open = daemon.list("/api/v1/incidents?state=open&").await;
        open.into_iter().find(|one| one["site"] == "bridge-1" && one["level"] == "attention")
    })
    .await;
    let id = incident["id"].as_str().unwrap();
    let data = setting.data();
    let data = data.to_str().unwrap();

    // Why: the rule with its version, the reading that decided, its flags, and the numbers of the formula.
    let (status, said, complaint) = explained(&[id, "--json"], data).await;
    assert_eq!(status, Some(0), "{complaint}");
    let line: Value = serde_json::from_str(said.lines().next().unwrap()).unwrap();
    assert_eq!((&line["from"], &line["to"]), (&"normal".into(), &"attention".into()));
    let rule = &line["why"][0];
    assert_eq!(rule["rule"], "crack-attention");
    assert_eq!(rule["version"].as_str().map(str::len), Some(16));
    let series = &rule["clauses"][0]["series"][0];
    assert_eq!(series["series"], SERIES);
    assert_eq!((&series["decided"]["value"], &series["limit"]), (&12.0.into(), &10.0.into()));
    assert_eq!((&series["holds"], &series["reading"]["value"]), (&true.into(), &12.0.into()));
    assert_eq!(series["quality"], Value::Array(vec![]));
    assert_eq!(series["facts"]["beyond"], 1);
    let (_, said, _) = explained(&[id], data).await;
    assert!(
        said.contains("rule crack-attention") && said.contains("holds: box-1/crack-1"),
        "{said}"
    );

    // The API gives the same.
    let shown = daemon.json(&format!("/api/v1/incidents/{id}")).await;
    let text = shown.to_string();
    assert!(text.contains(rule["version"].as_str().unwrap()) && text.contains("beyond"), "{text}");

    // Why not: how a rule stood that did not hold.
    let moment = now().to_string();
    let asked = |rule: &'static str, at: &str| {
        let words = ["--why-not", SERIES, "--rule", rule, "--at", at, "--json"];
        words.map(str::to_owned)
    };
    let ask = |words: [String; 7]| async move {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        explained(&words, data).await
    };
    let (status, said, complaint) = ask(asked("crack-caution", &moment)).await;
    assert_eq!(status, Some(0), "{complaint}");
    let rule: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((&rule["holds"], &rule["counts"]), (&false.into(), &false.into()));
    let series = &rule["clauses"][0]["series"][0];
    assert_eq!((&series["reading"]["value"], &series["limit"]), (&12.0.into(), &20.0.into()));
    assert_eq!(series["facts"]["beyond"], 0);
    let words = ["--why-not", SERIES, "--rule", "crack-caution", "--at", &moment];
    let (_, said, _) = explained(&words, data).await;
    assert!(said.contains("does not hold: box-1/crack-1"), "{said}");

    // A rule that does not look at it, and a moment before the journal began.
    let (status, _, complaint) = ask(asked("no-such", &moment)).await;
    assert_eq!(status, Some(1));
    assert!(complaint.contains("crack-attention"), "{complaint}");
    let early = before.minus(std::time::Duration::from_secs(86_400)).to_string();
    let (status, _, complaint) = ask(asked("crack-caution", &early)).await;
    assert_ne!(status, Some(0));
    assert!(complaint.contains("begins after"), "{complaint}");
    daemon.stop().await;
}
