//! Sirens that answer and one that does not, and what the public can read meanwhile: in the feed, and on topics.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use common::daemon::{Daemon, run};
use common::hook::Hook;
use common::link::Link;
use common::servers::{Mosquitto, program};
use common::setting::{Road, Setting, crack, head, rule, telemetry};
use common::{eventually, free_port, now, within};
use firmware_sim::Pace;
use firmware_sim::link::session::Address;
use firmware_sim::siren::{Heeded, Settings, Siren, State};
use reading::{SiteId, StationId};
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const RELEASE: &str = r#"{ author = "test", date = "2026-07-01", reason = "test" }"#;

/// A bridge with two cracks on two stations, and a siren. One crack alone makes a warning, both together severe.
fn bridge(id: &str) -> String {
    let mut text = head(id, "bridge");
    text +=
        "\n[policy]\ndwell = { attention = \"1 min\", caution = \"1 min\", warning = \"1 min\" }\n";
    for station in ["box-1", "box-2"] {
        text += &format!(
            r#"
[[station]]
id = "{station}"
report-interval = "5 s"

[[station.sensor]]
id = "crack-1"
quantities = ["crack-width"]
range = ["-1 mm", "100 mm"]
lateness = "1 min"
"#
        );
    }
    text += "\n[[station]]\nid = \"siren-1\"\n";
    for (level, limit) in [("warning", "20 mm"), ("severe", "30 mm")] {
        text += &rule(
            &format!("crack-{level}"),
            "structure",
            level,
            "box-*/crack-1/crack-width",
            limit,
        );
    }
    text
}

fn siren_channel(site: &str) -> String {
    format!(
        r#"[[channel]]
name = "siren-{site}"
kind = "siren"
sirens = ["{site}/siren-1"]
simulated = true
audience = "public"
min-level = "severe"
group = "public"
receipt-within = "1 s"
expire-after = "10 s"
retry = {{ first = "0.5 s", max = "1 s" }}"#
    )
}

async fn start(hook: &Hook) -> (Setting, Daemon) {
    let mut setting = Setting::embedded();
    setting.add_hook(hook);
    setting.add(&format!(
        "[[group]]\nname = \"public\"\napproval = \"automatic\"\nrelease = {RELEASE}"
    ));
    for site in ["bridge-1", "bridge-2"] {
        setting.site(site, &bridge(site));
        setting.add(&siren_channel(site));
    }
    setting.add(
        "[[channel]]\nname = \"cap\"\nkind = \"cap\"\naudience = \"public\"\nmin-level = \"warning\"\ngroup = \"public\"",
    );
    let daemon = Daemon::start(&setting.write()).await;
    (setting, daemon)
}

/// A siren in the field. Silent and gone when dropped.
struct Device {
    heeded: watch::Receiver<Heeded>,
    task: JoinHandle<()>,
}

impl Device {
    async fn start(daemon: &Daemon, site: &str, mute: bool) -> Self {
        let settings =
            Settings { mute, answer_delay: Duration::from_millis(50), ..Settings::default() };
        let siren =
            Siren::new(&SiteId::new(site).unwrap(), &StationId::new("siren-1").unwrap(), settings);
        let heeded = siren.watch();
        let address = Address::new("127.0.0.1", daemon.broker());
        let pace = Pace::own(now(), 1.0);
        let before = daemon.balance("field").await["received"].as_u64().unwrap_or_default();
        let task =
            tokio::spawn(async move { siren.run(&address, &pace, CancellationToken::new()).await });
        // It says that it is there right after it has subscribed.
        eventually("the siren is there", || async {
            let received = daemon.balance("field").await["received"].as_u64().unwrap_or_default();
            (received > before).then_some(())
        })
        .await;
        Self { heeded, task }
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g05_g06_a_mute_siren_is_tried_again_then_reported_and_holds_up_nobody() {
    let hook = Hook::willing().await;
    let (_setting, daemon) = start(&hook).await;
    let answering = Device::start(&daemon, "bridge-1", false).await;
    let _mute = Device::start(&daemon, "bridge-2", true).await;
    for site in ["bridge-2", "bridge-1"] {
        show(&daemon, site, 1, [35.0, 35.0]).await;
    }

    let sounded = delivery(&daemon, "siren-bridge-1", "delivered").await;
    assert_eq!(sounded["attempts"], 1, "{sounded}");
    let heeded = *answering.heeded.borrow();
    assert_eq!((heeded.state, heeded.sounded, heeded.answered), (State::Sounding, 1, 1));

    let failed = delivery(&daemon, "siren-bridge-2", "expired").await;
    assert!(failed["attempts"].as_u64().unwrap() >= 2, "{failed}");
    let faults = eventually("the failure is an incident", || async {
        let faults = daemon.list("/api/v1/incidents?site=bongsu&").await;
        (!faults.is_empty()).then_some(faults)
    })
    .await;
    assert_eq!(faults.len(), 1, "{faults:#?}");
    assert_eq!((&faults[0]["state"], &faults[0]["level"]), (&"open".into(), &"caution".into()));
    let why = faults[0]["evidence"][0]["text"]["en"].as_str().unwrap();
    assert!(why.contains("siren-bridge-2 failed"), "{}", faults[0]);
    assert!(
        daemon.said.told("delivery lost").iter().any(|lost| lost["channel"] == "siren-bridge-2"),
        "people who read the log are told"
    );

    // Officers heard of both bridges before the mute siren was given up, and now of the siren.
    eventually("officers hear of the siren", || async {
        let taken = hook.taken();
        let of_bongsu = taken.iter().find(|alert| alert["site"]["id"] == "bongsu")?;
        assert!(of_bongsu["description"]["en"].as_str()?.contains("siren-bridge-2"), "{of_bongsu}");
        Some(())
    })
    .await;
    let told = daemon.list("/api/v1/deliveries?channel=hook&state=delivered&").await;
    for site in ["bridge-1", "bridge-2"] {
        let severe = told.iter().find(|row| row["site"] == site && row["level"] == "severe");
        let severe = severe.unwrap_or_else(|| panic!("{site} in {told:#?}"));
        assert!(severe["changed_at"].as_str() < failed["changed_at"].as_str(), "{severe}");
        assert_eq!(severe["attempts"], 1);
    }
    assert_eq!(hook.alerts().values().filter(|alert| alert.taken != 1).count(), 0);
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_public_reads_alert_update_and_cancel_and_the_siren_falls_silent() {
    let hook = Hook::willing().await;
    let (setting, daemon) = start(&hook).await;
    let mut siren = Device::start(&daemon, "bridge-1", false).await;

    show(&daemon, "bridge-1", 1, [25.0, 5.0]).await;
    let alert = Document::newest(&daemon, "Alert", 1).await;
    assert_eq!(alert.references, "");
    show(&daemon, "bridge-1", 2, [35.0, 35.0]).await;
    let update = Document::newest(&daemon, "Update", 2).await;
    assert_eq!(update.references, alert.reference());
    delivery(&daemon, "siren-bridge-1", "delivered").await;

    show(&daemon, "bridge-1", 3, [5.0, 5.0]).await;
    let incident =
        daemon.list("/api/v1/incidents?site=bridge-1&").await[0]["id"].as_str().unwrap().to_owned();
    assert!(order(&daemon, &setting, "stand-down", &incident).await);
    let silent =
        siren.heeded.wait_for(|heeded| heeded.sounded == 1 && heeded.state == State::Silent);
    tokio::time::timeout(common::PATIENCE, silent).await.expect("the siren falls silent").unwrap();
    let lower = Document::newest(&daemon, "Update", 3).await;
    assert_eq!(lower.references, [alert.reference(), update.reference()].join(" "));

    // A minute of dwell, kept fresh by readings, then below what the public is told of.
    let cancel = within(Duration::from_secs(150), "the cancel is published", || async {
        let documents = Document::feed(&daemon).await;
        documents.into_iter().find(|document| document.message_type == "Cancel")
    })
    .await;
    assert_eq!(
        cancel.references,
        [alert.reference(), update.reference(), lower.reference()].join(" ")
    );
    valid(&[&alert, &update, &lower, &cancel]);
    assert!(alert.text.contains("<status>Test</status>"), "{}", alert.text);
    assert_eq!(daemon.stop().await.errors(), Vec::<Value>::new());
}

/// Words of an approver in place of ours.
const WORDS: &str = r#"{
    "headline": { "ko": "[심각] 교량 1 붕괴 위험", "en": "[Severe] Bridge 1 may collapse" },
    "description": { "ko": "교량이 무너질 수 있습니다.", "en": "The bridge may collapse." },
    "instruction": { "ko": "북쪽 계단으로 즉시 대피하십시오.", "en": "Leave by the north stairs." }
}"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g10_whoever_reads_topics_finds_what_was_approved_until_it_is_over_at_any_broker() {
    let Some(reader) = program("mosquitto_sub") else { return };
    let mosquitto = Mosquitto::start().await;
    let foreign = mosquitto.as_ref().map(|broker| Road::Mqtt(broker.port));
    for road in [Some(Road::Embedded(free_port())), foreign].into_iter().flatten() {
        let (Road::Embedded(port) | Road::Mqtt(port)) = road;
        let mut setting = Setting::new(road);
        setting.add("[[group]]\nname = \"public\"\napproval = \"required\"");
        setting.add(
            "[[channel]]\nname = \"log\"\nkind = \"log\"\naudience = \"officers\"\nmin-level = \"attention\"",
        );
        setting.add(
            "[[channel]]\nname = \"topics\"\nkind = \"mqtt\"\nsimulated = true\naudience = \"public\"\nmin-level = \"severe\"\ngroup = \"public\"",
        );
        setting.site("bridge-1", &bridge("bridge-1"));
        let daemon = Daemon::start(&setting.write()).await;
        let mut there_all_along = listen(&reader, port, &["-C", "3", "-W", "120"]);
        let there_all_along = there_all_along.stdout(Stdio::piped()).spawn().unwrap();

        show_at(&daemon, port, "bridge-1", 1, [35.0, 35.0]).await;
        let incident = eventually("it waits for an answer", || async {
            let all = daemon.list("/api/v1/incidents?site=bridge-1&").await;
            let waits = all.into_iter().find(|one| one["state"] == "awaiting-approval")?;
            waits["id"].as_str().map(str::to_owned)
        })
        .await;
        assert_eq!(standing(&reader, port).await, Vec::<(String, Value)>::new(), "not approved");
        let words = setting.data().with_file_name("words.json");
        std::fs::write(&words, WORDS).unwrap();
        let with = ["--group", "public", "--text", words.to_str().unwrap()];
        assert!(give(&daemon, &setting, "approve", &incident, &with).await);
        let stands = eventually("whoever comes later finds it", || async {
            standing(&reader, port).await.into_iter().next()
        });
        let (topic, alert) = stands.await;
        assert_eq!(topic, format!("bongsu/v1/alerts/bridge-1/{incident}"));
        assert_eq!((&alert["level"], &alert["status"]), (&"severe".into(), &"test".into()));
        assert_eq!(
            alert["instruction"]["en"], "Leave by the north stairs.",
            "in the approver's words"
        );
        assert_eq!(alert["evidence"], serde_json::json!([]), "for officers only");

        show_at(&daemon, port, "bridge-1", 2, [5.0, 5.0]).await;
        assert!(order(&daemon, &setting, "stand-down", &incident).await);
        eventually("its end is approved", || async {
            order(&daemon, &setting, "approve", &incident).await.then_some(())
        })
        .await;
        eventually("nothing stands any more", || async {
            standing(&reader, port).await.is_empty().then_some(())
        })
        .await;
        let heard = tokio::task::spawn_blocking(move || there_all_along.wait_with_output());
        let heard = String::from_utf8(heard.await.unwrap().unwrap().stdout).unwrap();
        let heard: Vec<_> = heard.lines().map(|line| line.strip_prefix(&topic).unwrap()).collect();
        let parts = [r#""message_type":"alert""#, r#""message_type":"cancel""#, "(null)"];
        assert_eq!(heard.len(), parts.len(), "{heard:#?}");
        assert!(heard.iter().zip(parts).all(|(line, part)| line.contains(part)), "{heard:#?}");
        eventually("that a broker keeps each proves no reader", || async {
            let rows = daemon.list("/api/v1/deliveries?channel=topics&").await;
            rows.iter().all(|row| row["state"] == "unconfirmed").then_some(())
        })
        .await;
        assert_eq!(daemon.stop().await.errors(), Vec::<Value>::new());
    }
}

/// Somebody who reads the topics of alerts.
fn listen(reader: &Path, port: u16, more: &[&str]) -> Command {
    let mut command = Command::new(reader);
    command.args(["-h", "127.0.0.1", "-p", &port.to_string(), "-V", "5", "-v"]);
    command.args(["-t", "bongsu/v1/alerts/#"]).args(more);
    command
}

/// What stands, as somebody finds it who comes now: topics and messages.
async fn standing(reader: &Path, port: u16) -> Vec<(String, Value)> {
    let mut command = listen(reader, port, &["--retained-only", "-W", "1"]);
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let found = text.lines().map(|line| {
        let (topic, message) = line.split_once(' ').unwrap();
        (topic.to_owned(), serde_json::from_str(message).unwrap())
    });
    found.collect()
}

/// Gives an order about an incident; whether it was taken.
async fn order(daemon: &Daemon, setting: &Setting, verb: &str, incident: &str) -> bool {
    give(daemon, setting, verb, incident, &[]).await
}

async fn give(
    daemon: &Daemon,
    setting: &Setting,
    verb: &str,
    incident: &str,
    more: &[&str],
) -> bool {
    let token = setting.data().join("board-token");
    let url = daemon.url("");
    let arguments = ["--url", &url, "--token-file", token.to_str().unwrap(), "--reason", "test"];
    let given = run(&[&[verb, incident], arguments.as_slice(), more].concat()).await;
    println!("{verb}: {}", String::from_utf8_lossy(&given.stderr));
    given.status.success()
}

/// Shows both cracks of a bridge and waits until the daemon has them.
async fn show(daemon: &Daemon, site: &str, seq: u64, widths: [f64; 2]) {
    show_at(daemon, daemon.broker(), site, seq, widths).await;
}

async fn show_at(daemon: &Daemon, port: u16, site: &str, seq: u64, widths: [f64; 2]) {
    let mut link = Link::connect(port, "show").await.unwrap();
    for (station, width) in ["box-1", "box-2"].into_iter().zip(widths) {
        link.publish(&telemetry(site, station), crack(seq, width).as_bytes()).await.unwrap();
    }
    eventually("the readings count", || async {
        let shown = daemon.json(&format!("/api/v1/sites/{site}")).await;
        let value =
            |station: usize| shown["stations"][station]["series"][0]["latest"]["value"].as_f64();
        (value(0) == Some(widths[0]) && value(1) == Some(widths[1])).then_some(())
    })
    .await;
}

/// The one delivery of a channel, once it stands so.
async fn delivery(daemon: &Daemon, channel: &str, state: &str) -> Value {
    eventually(&format!("{channel} is {state}"), || async {
        let mut rows = daemon.list(&format!("/api/v1/deliveries?channel={channel}&")).await;
        assert_eq!(rows.len().max(1), 1, "{rows:#?}");
        rows.pop().filter(|row| row["state"] == state)
    })
    .await
}

/// A CAP document as it is served.
#[derive(Clone, Debug)]
struct Document {
    identifier: String,
    sender: String,
    sent: String,
    message_type: String,
    references: String,
    text: String,
}

impl Document {
    async fn read(daemon: &Daemon, path: &str) -> Self {
        let text = daemon.public(path).await;
        let leaf = |name: &str| element(&text, name).unwrap_or_default();
        Self {
            identifier: leaf("identifier"),
            sender: leaf("sender"),
            sent: leaf("sent"),
            message_type: leaf("msgType"),
            references: leaf("references"),
            text,
        }
    }

    /// Everything the feed links to, newest first.
    async fn feed(daemon: &Daemon) -> Vec<Self> {
        let feed = daemon.public("/cap/feed.atom").await;
        let mut documents = Vec::new();
        for part in feed.split("href=\"").skip(1) {
            let href = part.split('"').next().unwrap();
            if let Some(at) = href.find("/cap/").filter(|_| href.ends_with(".xml")) {
                documents.push(Self::read(daemon, &href[at..]).await);
            }
        }
        documents
    }

    /// The newest of a feed that has `count` documents, which is of this type.
    async fn newest(daemon: &Daemon, message_type: &str, count: usize) -> Self {
        let documents = eventually("the feed has it", || async {
            let documents = Self::feed(daemon).await;
            (documents.len() == count).then_some(documents)
        })
        .await;
        let newest = documents.into_iter().next().unwrap();
        assert_eq!(newest.message_type, message_type, "{newest:#?}");
        newest
    }

    fn reference(&self) -> String {
        format!("{},{},{}", self.sender, self.identifier, self.sent)
    }
}

fn element(xml: &str, name: &str) -> Option<String> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(text, _)| text.to_owned())
}

/// Asks xmllint whether the documents follow the OASIS schema.
fn valid(documents: &[&Document]) {
    let Some(data) = std::env::var_os("BONGSU_TEST_DATA").map(PathBuf::from) else {
        println!("skipped: BONGSU_TEST_DATA is not set");
        return;
    };
    let Some(xmllint) = program("xmllint") else { return };
    let schema = data.join("conformance/cap/CAP-v1.2.xsd");
    let folder = tempfile::tempdir().unwrap();
    for document in documents {
        let file = folder.path().join("document.xml");
        std::fs::write(&file, &document.text).unwrap();
        let output = lint(&xmllint, &schema, &file);
        assert!(
            output.status.success(),
            "{}\n{}",
            String::from_utf8_lossy(&output.stderr),
            document.text
        );
    }
}

fn lint(xmllint: &Path, schema: &Path, file: &Path) -> std::process::Output {
    Command::new(xmllint)
        .args(["--noout", "--nonet", "--schema"])
        .arg(schema)
        .arg(file)
        .output()
        .unwrap()
}
