//! The shipped Prometheus rules: sound, true in both directions, about metrics that exist, each with a runbook.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use common::daemon::Daemon;
use common::eventually;
use common::hook::Hook;
use common::link::Link;
use common::servers::program;
use common::setting::{Setting, bridge, crack, telemetry};

const RULES: &str = include_str!("../dashboards/prometheus/rules.yml");
const TESTS: &str = include_str!("../dashboards/prometheus/tests.yml");
const RUNBOOKS: &str = include_str!("../docs/runbooks.md");

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("dashboards/prometheus")
}

fn says(name: &str, arguments: &[&str]) {
    let Some(program) = program(name) else { return };
    let output = Command::new(program).args(arguments).current_dir(folder()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}{complained}");
}

#[test]
fn the_rules_are_sound_and_fire_when_they_should() {
    says("promtool", &["check", "rules", "rules.yml"]);
    says("promtool", &["test", "rules", "tests.yml"]);
    says("promtool", &["check", "config", "--syntax-only", "prometheus.yml"]);
    says("amtool", &["check-config", "alertmanager.yml"]);
}

fn alerts() -> BTreeSet<&'static str> {
    RULES.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect()
}

#[test]
fn every_alert_is_tested_both_ways_and_has_a_runbook() {
    assert!(alerts().len() > 10);
    for alert in alerts() {
        assert!(TESTS.contains(&format!("name: {alert} fires\n")), "{alert}");
        assert!(TESTS.contains(&format!("name: {alert} does not fire\n")), "{alert}");
        assert!(RUNBOOKS.contains(&format!("\n## {alert}\n")), "{alert}");
        assert!(RULES.contains(&format!("runbooks.md#{}\"", alert.to_lowercase())), "{alert}");
    }
}

/// Words of an expression that look like metrics of ours.
fn metrics_of(text: &str) -> BTreeSet<String> {
    const ROOMS: [&str; 8] =
        ["ingest_", "journal_", "alerting_", "delivery_", "archive_", "board_", "desk_", "ledger_"];
    text.lines()
        .filter(|line| !line.contains("summary") && !line.contains("description"))
        .flat_map(|line| {
            let word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
            line.split(move |c| !word(c))
        })
        .filter(|word| ROOMS.iter().any(|room| word.starts_with(room)) && !word.contains(':'))
        .map(|word| {
            let ends = ["_bucket", "_sum", "_count"];
            let end = ends.iter().find_map(|end| word.strip_suffix(end));
            end.unwrap_or(word).to_owned()
        })
        .collect()
}

/// Every string of the program: a metric is registered under one of them.
fn strings(folder: &Path, found: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target" && name != "tests")
        {
            strings(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            found.push_str(&std::fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn every_metric_that_is_used_exists() {
    let mut source = String::new();
    for room in ["src", "ingest/src", "alerting/delivery/src"] {
        strings(&Path::new(env!("CARGO_MANIFEST_DIR")).join(room), &mut source);
    }
    let used = metrics_of(RULES);
    assert!(used.len() > 15, "{used:?}");
    for metric in used {
        assert!(source.contains(&format!("\"{metric}\"")), "no metric is called {metric}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_daemon_tells_is_named_as_prometheus_wants_it() {
    let Some(promtool) = program("promtool") else { return };
    let hook = Hook::willing().await;
    let mut setting = Setting::embedded();
    setting.add_hook(&hook);
    setting.site("bridge-1", &bridge("bridge-1"));
    let daemon = Daemon::start(&setting.write()).await;
    let mut link = Link::connect(daemon.broker(), "box").await.unwrap();
    for n in 1..=20 {
        let payload = crack(n, n as f64);
        link.publish(&telemetry("bridge-1", "box-1"), payload.as_bytes()).await.unwrap();
    }
    eventually("a level is told", || async { (!hook.taken().is_empty()).then_some(()) }).await;
    let told = daemon.text("/metrics").await;
    let mut check = Command::new(promtool)
        .args(["check", "metrics"])
        .stdin(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut check.stdin.take().unwrap(), told.as_bytes()).unwrap();
    let output = check.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    daemon.stop().await;
}
