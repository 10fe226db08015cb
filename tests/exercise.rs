//! A drill beside a real daemon: the whole road, nobody of the live operation hears of it, and a real incident ends it.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::path::Path;
use std::time::Duration;

use common::daemon::{Daemon, run};
use common::hook::Hook;
use common::link::Link;
use common::setting::{Setting, bridge, crack, telemetry};
use common::{eventually, within};
use delivery::{Ledger, LedgerError, Live};
use serde_json::Value;

/// A slope of the typhoon that fails.
const SITE: &str = "cut-slope-01";
/// Five hours of storm in half a minute; much faster, and what a busy machine takes to carry a reading makes it old.
const SPEED: &str = "600";
/// A storm on a machine with other things to do.
const STORM_MAX: Duration = Duration::from_secs(180);

async fn start(live: &Hook, drill: &Hook) -> (Setting, Daemon) {
    let mut setting = Setting::embedded();
    setting.add_hook(live);
    setting.add(&format!(
        r#"[exercise]
[[exercise.group]]
name = "residents"
approval = "required"

[[exercise.channel]]
name = "trainees"
kind = "webhook"
url = "{}"
secret = "file:hook-key"
audience = "officers"
min-level = "attention"
retry = {{ first = "0.3 s", max = "2 s" }}"#,
        drill.url()
    ));
    setting.site("bridge-1", &bridge("bridge-1"));
    let daemon = Daemon::start(&setting.write()).await;
    (setting, daemon)
}

/// `bongsu exercise …`, as an officer types it: its status and what it says.
async fn exercise(
    daemon: &Daemon,
    data: &Path,
    arguments: &[&str],
) -> (Option<i32>, Value, String) {
    let (url, token) = (daemon.url(""), data.join("board-token"));
    let mut all = vec!["--lang", "en", "exercise"];
    all.extend(arguments);
    all.extend(["--json", "--url", &url, "--token-file", token.to_str().unwrap()]);
    let output = run(&all).await;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), serde_json::from_str(&said).unwrap_or_default(), complaint)
}

struct Drill {
    url: String,
    token: String,
    http: reqwest::Client,
}

impl Drill {
    async fn text(&self, path: &str) -> String {
        let request = self.http.get(format!("{}{path}", self.url)).bearer_auth(&self.token);
        request.send().await.unwrap().text().await.unwrap()
    }

    async fn items(&self, path: &str) -> Vec<Value> {
        let page: Value = serde_json::from_str(&self.text(path).await).unwrap();
        page["items"].as_array().unwrap().clone()
    }

    /// Lets the public of the drill hear whatever waits for it.
    async fn approve(&self, incident: &str, token_file: &Path) {
        let token = token_file.to_str().unwrap();
        run(&["approve", incident, "--reason", "drill", "--url", &self.url, "--token-file", token])
            .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g10_a_drill_runs_the_whole_road_beside_live_operation_and_ends_when_it_gets_real() {
    let (live, trainees) = (Hook::willing().await, Hook::willing().await);
    let (setting, daemon) = start(&live, &trainees).await;
    let data = setting.data();
    let (status, none, _) =
        exercise(&daemon, &data, &["start", "--scenario", "typhoon", "--sites", "nowhere"]).await;
    assert_eq!((status, none), (Some(1), Value::Null));
    let (status, begun, complaint) =
        exercise(&daemon, &data, &["start", "--sites", SITE, "--speed", SPEED]).await;
    assert_eq!(status, Some(0), "{complaint}");
    assert_eq!(begun["head"]["state"], "running");
    let (status, _, complaint) = exercise(&daemon, &data, &["start"]).await;
    assert_eq!(status, Some(1), "there is one drill at a time");
    assert!(complaint.contains("Another exercise"), "{complaint}");

    let drill = Drill {
        url: begun["head"]["board"].as_str().unwrap().into(),
        token: std::fs::read_to_string(data.join("board-token")).unwrap().trim().into(),
        http: reqwest::Client::builder().no_proxy().build().unwrap(),
    };
    let siren = within(STORM_MAX, "the drill's siren answers", || async {
        for incident in drill.items("/api/v1/incidents").await {
            if incident["site"] == SITE || incident["site"]["id"] == SITE {
                drill.approve(incident["id"].as_str().unwrap(), &data.join("board-token")).await;
            }
        }
        let sent = drill.items("/api/v1/deliveries?channel=exercise-siren-1").await;
        sent.into_iter().find(|row| row["state"] == "delivered")
    })
    .await;
    assert!(siren["incident"].as_str().unwrap().starts_with("exercise_"), "{siren}");

    let newest = eventually("the drill has a feed", || async {
        let feed = drill.text("/cap/feed.atom").await;
        let documents = feed.split("href=\"").filter_map(|part| part.split('"').next());
        let paths = documents.filter_map(|href| href.find("/cap/exercise_").map(|at| &href[at..]));
        paths.last().map(str::to_owned)
    })
    .await;
    let document = drill.text(&newest).await;
    assert!(document.contains("<status>Exercise</status>"), "{document}");
    assert!(document.contains("[훈련] ") && document.contains("[Exercise] "), "{document}");
    let told = eventually("those who take part are told", || async {
        let told = trainees.taken();
        (!told.is_empty()).then_some(told)
    })
    .await;
    assert!(told.iter().all(|alert| alert["status"] == "exercise"), "{told:#?}");

    assert_eq!(daemon.list("/api/v1/incidents?").await, Vec::<Value>::new());
    assert_eq!(daemon.list("/api/v1/deliveries?").await, Vec::<Value>::new());
    assert!(live.taken().is_empty(), "nobody of the live operation is told");
    assert!(daemon.text("/?lang=en").await.contains("An exercise is running."));
    assert!(drill.text("/?lang=en").await.contains("Exercise — nothing here"));

    let mut link = Link::connect(daemon.broker(), "real").await.unwrap();
    link.publish(&telemetry("bridge-1", "box-1"), crack(1, 25.0).as_bytes()).await.unwrap();
    for page in ["/?lang=en", "/board/now?lang=en", "/sign-in?lang=en"] {
        eventually("every page of the drill says that it is real", || async {
            drill.text(page).await.contains("THIS IS REAL").then_some(())
        })
        .await;
    }
    let (_, report, _) = eventually("the drill is interrupted", || async {
        let report = exercise(&daemon, &data, &["report"]).await;
        (report.1["head"]["state"] == "interrupted").then_some(report)
    })
    .await;
    let id = report["head"]["id"].as_str().unwrap().to_owned();
    let (status, report, complaint) = exercise(&daemon, &data, &["stop"]).await;
    assert_eq!(status, Some(0), "{complaint}");
    assert_eq!(report["head"]["state"], "interrupted", "{report:#}");
    let reached: Vec<_> =
        report["reached"].as_array().unwrap().iter().map(|row| &row["channel"]).collect();
    for channel in
        ["trainees", "exercise-siren-1", "exercise-cap", "exercise-topics", "exercise-log"]
    {
        assert!(reached.iter().any(|one| **one == channel), "{report:#}");
    }
    let released = &report["incidents"][0]["groups"][0];
    assert_eq!(
        (&released["group"], &released["verdict"]),
        (&"residents".into(), &"released".into())
    );
    let (status, _, complaint) = exercise(&daemon, &data, &["start"]).await;
    assert_eq!(status, Some(1), "no drill while something really happens");
    assert!(complaint.contains("really going on"), "{complaint}");
    assert!(daemon.text("/exercises?lang=en").await.contains("Interrupted by a real incident"));

    let ledger = data.join("exercises").join(&id).join("data/ledger.sqlite");
    let taken = Ledger::open_for::<Live>(&ledger).err();
    assert!(matches!(taken, Some(LedgerError::Foreign { .. })), "{taken:?}");
    let told = eventually("the real incident is told", || async {
        let told = live.taken();
        (!told.is_empty()).then_some(told)
    })
    .await;
    assert!(told.iter().all(|alert| alert["status"] == "test"), "{told:#?}");
    assert_eq!(daemon.stop().await.errors(), Vec::<Value>::new());
}
