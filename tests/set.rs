//! What people set for a while, from the command line: the real program asked by the real program, with readings over
//! MQTT.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::daemon::{Daemon, run};
use common::eventually;
use common::hook::Hook;
use common::link::Link;
use common::setting::{Setting, bridge, crack, telemetry};
use serde_json::Value;

/// What a command came to: its status, and what it said on both pipes.
type Came = (Option<i32>, String, String);

/// Whoever sits at a terminal.
struct Terminal {
    url: String,
    token: String,
}

impl Terminal {
    async fn run(&self, words: &[&str]) -> Came {
        let there = ["--url", &self.url, "--token-file", &self.token];
        let output = run(&[&["--lang", "en"], words, &there].concat()).await;
        let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), said(&output.stdout), said(&output.stderr))
    }

    /// Does something; what the daemon answered.
    async fn done(&self, words: &[&str]) -> Value {
        let (status, said, complaint) = self.run(&[words, &["--json"]].concat()).await;
        assert_eq!(status, Some(0), "{words:?}: {said}{complaint}");
        serde_json::from_str(&said).unwrap()
    }
}

/// The incident of the bridge, once it is so.
async fn incident(daemon: &Daemon, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    eventually(what, || async {
        let open = daemon.list("/api/v1/incidents?state=open&").await;
        open.into_iter().find(|one| one["site"] == "bridge-1" && is_so(one))
    })
    .await
}

fn heard(hook: &Hook) -> usize {
    hook.taken().iter().filter(|alert| alert["site"]["id"] == "bridge-1").count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_people_set_from_the_command_line_holds_and_ends() {
    let hook = Hook::willing().await;
    let mut setting = Setting::embedded();
    setting.add_hook(&hook);
    setting.site("bridge-1", &bridge("bridge-1"));
    let daemon = Daemon::start(&setting.write()).await;
    let token = setting.data().join("board-token").to_str().unwrap().to_owned();
    let terminal = Terminal { url: daemon.url(""), token };
    let mut station = Link::connect(daemon.broker(), "box-1").await.unwrap();
    let topic = telemetry("bridge-1", "box-1");

    // A silence hides the notice, not the incident, and what it hid is told at its end.
    let (status, said, _) = terminal
        .run(&["silence", "add", "--site", "bridge-1", "--for", "2 h", "--reason", "load test"])
        .await;
    assert_eq!(status, Some(0));
    assert!(said.contains("for 2 h"), "{said}");
    let list = eventually("it is in the list", || async {
        let list = terminal.done(&["silence", "list"]).await;
        list["items"][0].is_object().then_some(list)
    })
    .await;
    let silence = list["items"][0]["id"].as_str().unwrap().to_owned();
    assert!(silence.starts_with("silence-") && list["items"][0]["reason"] == "load test", "{list}");
    station.publish(&topic, crack(1, 35.0).as_bytes()).await.unwrap();
    let hidden = incident(&daemon, "it is hidden", |one| !one["hidden_by"].is_null()).await;
    assert_eq!(
        (&hidden["level"], &hidden["hidden_by"]),
        (&"warning".into(), &silence.as_str().into())
    );
    assert_eq!(heard(&hook), 0, "{:?}", hook.taken());
    terminal.done(&["silence", "end", &silence, "--reason", "the test is over"]).await;
    eventually("what was hidden is told", || async { (heard(&hook) > 0).then_some(()) }).await;
    eventually("none is left", || async {
        let (_, said, _) = terminal.run(&["silence", "list"]).await;
        said.is_empty().then_some(())
    })
    .await;

    // Maintenance takes readings out of evidence while the level holds.
    let place = "bridge-1/box-1/crack-1";
    let begun = terminal
        .done(&["maintenance", "add", place, "--for", "1 h", "--reason", "gauge moved"])
        .await;
    let upkeep = begun["id"].as_str().unwrap().to_owned();
    station.publish(&topic, crack(2, 0.0).as_bytes()).await.unwrap();
    eventually("it was taken", || async {
        let balance = daemon.balance("field").await;
        (balance["admitted"] == 2).then_some(())
    })
    .await;
    incident(&daemon, "the level holds", |one| one["level"] == "warning").await;
    terminal.done(&["maintenance", "end", &upkeep, "--reason", "done"]).await;

    // A zero is a version from now on; the list of zeros has it with who set it.
    let series = "bridge-1/box-1/crack-1/crack-width";
    terminal.done(&["re-zero", series, "--offset", "-0.5", "--reason", "gauge moved"]).await;
    let zeros = eventually("the zero is in the list", || async {
        let zeros = daemon.json("/api/v1/zeros").await;
        zeros["items"][0].is_object().then_some(zeros)
    })
    .await;
    assert_eq!(
        (&zeros["items"][0]["series"], &zeros["items"][0]["offset"]),
        (&series.into(), &(-0.5).into())
    );

    // What an officer has seen with their own eyes is 심각.
    let (status, ..) = terminal
        .run(&["report", "bridge-1", "--sign", "collapse", "--confirmed", "--note", "pier 2"])
        .await;
    assert_eq!(status, Some(0));
    incident(&daemon, "it is severe", |one| one["level"] == "severe").await;

    // What cannot be done is said, and its status tells a script so.
    for (words, expected, part) in [
        (&["silence", "end", "silence-999", "--reason", "x"][..], Some(1), "silence-999"),
        (
            &["maintenance", "add", "bridge-9/box-1", "--for", "1 h", "--reason", "x"],
            Some(1),
            "bridge-9",
        ),
        (&["maintenance", "add", place, "--for", "soon", "--reason", "x"], Some(70), "duration"),
        (&["report", "bridge-9", "--sign", "cracks"], Some(1), "bridge-9"),
        (&["report", "bridge-1", "--sign", "ghosts"], Some(2), "ghosts"),
        (
            &["re-zero", "bridge-1/box-1/crack-9/crack-width", "--offset", "1", "--reason", "x"],
            Some(1),
            "crack-9",
        ),
        (&["silence", "add", "--for", "400 d", "--site", "bridge-1", "--reason", "x"], Some(1), ""),
    ] {
        let (status, said, complaint) = terminal.run(words).await;
        assert_eq!(status, expected, "{words:?}: {said}{complaint}");
        assert!(complaint.contains(part), "{words:?}: {complaint}");
    }
    let nobody = run(&["silence", "list", "--url", &terminal.url]).await;
    assert_eq!(nobody.status.code(), Some(70));
    assert!(String::from_utf8_lossy(&nobody.stderr).contains("--token-file"));
    daemon.stop().await;
}
