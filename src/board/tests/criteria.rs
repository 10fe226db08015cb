//! Criteria, their files and the recorded past; and messages that are read again.

use bytes::Bytes;
use ingest::journal::{Config as JournalConfig, Entry, Journal, Kind as RecordKind};

use super::*;
use crate::config::Config;
use crate::criteria::Criteria;

const MAIN: &str = r#"data-dir = "data"
status = "test"
sender = { id = "b@example.kr", name = { ko = "상황실", en = "Room" } }

[[collector]]
name = "field"
kind = "embedded-broker"
listen = "127.0.0.1:1884"

[[channel]]
name = "log"
kind = "log"
audience = "officers"
min-level = "attention"
"#;

pub(super) const SITE: &str = r#"[site]
id = "gwang-3"
name = { ko = "광덕산 3지구", en = "Gwangdeok 3" }
kind = "retaining-wall"
location = [37.5109, 128.1951]
radius = "50 m"
area = { ko = "아래 마을", en = "the village" }
instruction = { ko = "멀리 가십시오.", en = "Go away." }

[[station]]
id = "box-1"
report-interval = "10 min"

[[station.sensor]]
id = "tilt-1"
quantities = ["tilt-x"]
range = ["-50 deg", "50 deg"]

[[rule]]
id = "tilt-caution"
group = "structure"
level = "caution"
series = ["box-1/tilt-1/tilt-x"]
condition = { kind = "threshold", side = "magnitude", raise-at = "5 deg", clear-below = "4.5 deg" }
provenance = { author = "Kim", date = "2026-06-01", reason = "plan 4" }
"#;

const RULES: &str = "/api/v1/sites/gwang-3/rules";

/// A world with files and a recorded past, and the positions of a message that says something and of one that does not.
pub(super) async fn recorded() -> (World, u64, u64) {
    let folder = tempfile::tempdir().unwrap().keep();
    std::fs::create_dir(folder.join("sites")).unwrap();
    std::fs::write(folder.join("bongsu.toml"), MAIN).unwrap();
    std::fs::write(folder.join("sites/wall.toml"), SITE).unwrap();
    let loaded = Config::load(&folder.join("bongsu.toml")).unwrap();
    let config = Config { data_dir: folder.join("data"), ..loaded };
    let journal = folder.join("data/journal");
    let (said, unsaid) = record(&journal, &config).await;
    let criteria = Some(Arc::new(Criteria::of(&config).unwrap()));
    let world = World::with(|state| {
        state.criteria = criteria;
        state.journal = journal;
    })
    .await;
    night(&world).await;
    let rules = config.setup.rules.clone();
    world
        .publish(|overview| {
            let mut setup = alerting::setup::Setup::clone(&overview.setup);
            setup.rules = rules;
            overview.setup = Arc::new(setup);
        })
        .await;
    (world, said, unsaid)
}

/// An hour in which a wall leans by four degrees.
async fn record(folder: &std::path::Path, config: &Config) -> (u64, u64) {
    std::fs::create_dir_all(folder).unwrap();
    let clock = Clock::manual(at(0));
    let journal = Journal::open(folder, JournalConfig::default(), clock.clone(), 0).unwrap();
    journal.set_opening(crate::desk::events::payload(&config.setup));
    let entry = |kind, topic: &str, payload: Vec<u8>| Entry {
        kind,
        source: "field".into(),
        topic: topic.into(),
        retained: false,
        received_at: clock.wall(),
        payload: Bytes::from(payload),
    };
    let opening = crate::desk::events::payload(&config.setup);
    journal.append(vec![entry(RecordKind::Configuration, "", opening.to_vec())]).await.unwrap();
    let topic = "bongsu/v1/gwang-3/box-1/telemetry";
    let mut said = 0;
    for minute in 0..60 {
        let report = json!({ "seq": minute, "readings": [
            { "sensor": "tilt-1", "quantity": "tilt-x", "value": 4.0, "unit": "deg", "at": clock.wall().to_string() },
        ]});
        let report = entry(RecordKind::Frame, topic, report.to_string().into());
        said = journal.append(vec![report]).await.unwrap().last;
        clock.advance(Duration::from_secs(60));
    }
    let unsaid = entry(RecordKind::Frame, topic, b"not json".to_vec());
    let unsaid = journal.append(vec![unsaid]).await.unwrap().last;
    journal.shutdown().await;
    (said, unsaid)
}

/// Proposes another limit; what the proposal is called.
pub(super) async fn propose(world: &World) -> String {
    let text = SITE.replace("\"5 deg\"", "\"6 deg\"");
    let said = json!({ "text": text, "propose": true, "reason": "r" });
    post(world, OPERATOR, RULES, &said).await.1["proposal"].as_str().unwrap().to_owned()
}

async fn post(world: &World, token: &str, path: &str, said: &Value) -> (StatusCode, Value) {
    let asked = request(Method::POST, path).header(AUTHORIZATION, bearer(token));
    let answer = world.ask(asked.body("application/json", said.to_string())).await;
    (answer.status(), read_json(answer).await)
}

#[tokio::test]
async fn a_proposal_is_checked_played_over_the_past_kept_and_taken_as_a_patch() {
    let (world, ..) = recorded().await;
    let same = post(&world, OPERATOR, RULES, &json!({ "text": SITE })).await;
    assert_eq!((same.0, &same.1["differences"]), (StatusCode::OK, &json!([])), "{}", same.1);
    let told = same.1["told"].to_string();
    assert!(told.contains("달라지는 단계가 없습니다") || told.contains("otherwise"), "{told}");
    assert_eq!(same.1["patch"], "");

    let lower = SITE.replace("\"5 deg\"", "\"3 deg\"").replace("\"4.5 deg\"", "\"2 deg\"");
    let (status, tried) = post(&world, OPERATOR, RULES, &json!({ "text": lower })).await;
    assert_eq!(status, StatusCode::OK, "{tried}");
    assert_eq!(tried["differences"][0]["change"], "changed", "{tried}");
    let lines = tried["past"]["lines"].to_string();
    assert!(
        lines.contains("+ ") && lines.contains("gwang-3"),
        "it would have been raised: {tried}"
    );
    assert_eq!((&tried["past"]["whole"], &tried["proposal"]), (&json!(true), &Value::Null));

    for (said, says) in [
        (json!({ "text": lower, "propose": true }), "reason"),
        (json!({ "text": SITE, "propose": true, "reason": "r" }), "just that"),
        (json!({ "text": "[site\n" }), "wall.toml:1"),
        (json!({ "text": SITE.replace("box-1/tilt-1", "box-9/tilt-1") }), "wall.toml:"),
    ] {
        let (status, problem) = post(&world, OPERATOR, RULES, &said).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains(says), "{says}: {problem}");
    }
    let nobody = post(&world, VIEWER, RULES, &json!({ "text": lower })).await;
    assert_eq!(nobody.0, StatusCode::FORBIDDEN);

    let proposed = json!({ "text": lower, "propose": true, "reason": "it crept in June" });
    let (_, kept) = post(&world, OPERATOR, RULES, &proposed).await;
    let id = kept["proposal"].as_str().unwrap_or_else(|| panic!("{kept}"));
    let patch = world.get(&format!("/api/v1/proposals/{id}"), OPERATOR).await;
    assert!(header(&patch, "content-disposition").starts_with("attachment"));
    let patch = body(patch).await;
    assert!(patch.starts_with("--- a/sites/wall.toml\n+++ b/sites/wall.toml\n"), "{patch}");
    assert!(patch.contains(
        "+condition = { kind = \"threshold\", side = \"magnitude\", raise-at = \"3 deg\""
    ));
    let page = world.get_page("/administration/rules").await;
    assert!(page.contains("it crept in June") && page.contains(id), "{page}");
    for wrong in ["0000000000000000", "..%2f..%2fx", "x"] {
        let answer = world.get(&format!("/api/v1/proposals/{wrong}"), OPERATOR).await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{wrong}");
    }
}

#[tokio::test]
async fn the_room_says_where_files_differ_from_what_runs_and_shows_them() {
    let (world, ..) = recorded().await;
    let page = world.get_page("/administration/rules").await;
    assert!(
        page.contains("파일과 실행 중인 기준의 차이") && page.contains("tilt-caution"),
        "{page}"
    );
    let criteria = world.state.criteria.clone().unwrap();
    let file = criteria.file("gwang-3").unwrap();
    assert_eq!((file.name.as_str(), file.text.as_str()), ("sites/wall.toml", SITE));
    world
        .publish(|overview| {
            let mut setup = alerting::setup::Setup::clone(&overview.setup);
            setup.rules.retain(|rule| rule.id.as_str() != "tilt-caution");
            overview.setup = Arc::new(setup);
        })
        .await;
    let page = world.get_page("/administration/rules").await;
    assert!(page.contains("새로 생김"), "what the file has and nothing runs: {page}");
    let file = world.get_page("/administration/rules/gwang-3").await;
    assert!(
        file.contains("data-kind=\"words\"") && file.contains("raise-at = &quot;5 deg"),
        "{file}"
    );
    let none = world.get("/administration/rules/an-1", OPERATOR).await;
    assert_eq!(none.status(), StatusCode::NOT_FOUND, "no file is about it");
    let listed = world.get_json("/api/v1/rules?limit=1").await;
    assert_eq!(listed["items"].as_array().unwrap().len(), 1, "{listed}");
    let part = World::new().await.get_page("/administration/rules/gwang-3").await;
    assert!(part.contains("파일이 없습니다"), "{part}");
}

#[tokio::test]
async fn what_was_set_aside_is_read_again_and_recorded_as_the_past() {
    let (world, said, unsaid) = recorded().await;
    let again = |position: u64| format!("/api/v1/quarantine/{position}/re-run");
    let none = json!({});
    assert_eq!(post(&world, OPERATOR, &again(said), &none).await.0, StatusCode::FORBIDDEN);
    let (status, taken) = post(&world, ADMINISTRATOR, &again(said), &none).await;
    assert_eq!((status, &taken["readings"]), (StatusCode::OK, &json!(1)), "{taken}");
    let past = world.sink.past.lock()[0].clone();
    assert_eq!(
        (past.source.as_str(), past.topic.as_str()),
        ("field", "bongsu/v1/gwang-3/box-1/backfill")
    );
    let payload: Value = serde_json::from_slice(&past.payload).unwrap();
    assert_eq!(payload["readings"][0]["value"], 4.0, "{payload}");
    let (status, refused) = post(&world, ADMINISTRATOR, &again(unsaid), &none).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(refused["detail"].as_str().unwrap().starts_with("not-json"), "{refused}");
    let missing = post(&world, ADMINISTRATOR, &again(999_999), &none).await;
    assert_eq!(missing.0, StatusCode::NOT_FOUND);
    assert_eq!(world.sink.past.lock().len(), 1);
    let position = world.ledger.position() + 1;
    let batch =
        delivery::Batch { quarantine: vec![quarantined(said, "a/b", "x")], ..Default::default() };
    world.ledger.commit(position, at(position), &batch).ok();
    let trail = world.ledger.audit_with("re-run", None, 10).unwrap();
    assert_eq!(trail.len(), 1, "who read it again is in the trail");
}
