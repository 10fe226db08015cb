//! What somebody hands over of the past.

use super::*;

const PATH: &str = "/api/v1/sites/gwang-3/stations/box-1/backfill";
const MESSAGE: &str = r#"{"at":"2026-07-13T03:10:00+09:00","readings":[{"sensor":"tilt-1","quantity":"tilt-x","value":0.1},{"sensor":"rain-1","quantity":"rain","value":0}]}"#;

async fn hand_over(world: &World, path: &str, token: &str, said: &str) -> Response {
    let asked = request(Method::POST, path).header(AUTHORIZATION, bearer(token));
    world.ask(asked.body("application/json", said)).await
}

#[tokio::test]
async fn readings_of_the_past_go_to_the_stations_own_source_as_backfill() {
    let world = World::new().await;
    let answer = hand_over(&world, PATH, ADMINISTRATOR, MESSAGE).await;
    assert_eq!(read_json(answer).await, json!({"sequence": 7_000, "readings": 2}));
    let past = world.sink.past.lock()[0].clone();
    assert_eq!(
        (past.source.as_str(), past.topic.as_str(), past.payload.as_ref()),
        ("field", "bongsu/v1/gwang-3/box-1/backfill", MESSAGE.as_bytes())
    );
    let trail = read_json(world.get("/api/v1/audit", ADMINISTRATOR).await).await;
    let noted = &trail["items"][0];
    let said: Value = serde_json::from_str(noted["body"].as_str().unwrap()).unwrap();
    assert_eq!((&noted["kind"], &said["by"]), (&json!("backfill"), &json!("choi")), "{trail}");
    assert_eq!((&said["sequence"], &said["readings"]), (&json!(7_000), &json!(2)), "{trail}");
}

#[tokio::test]
async fn what_the_desk_could_not_read_is_refused_by_name_and_nothing_journaled() {
    let world = World::new().await;
    let many = format!(
        "{{\"readings\":[{}]}}",
        vec![r#"{"sensor":"tilt-1","quantity":"tilt-x","value":1}"#; 1_025].join(",")
    );
    for (path, token, said, status, says) in [
        (PATH, OPERATOR, MESSAGE, StatusCode::FORBIDDEN, ""),
        (&PATH.replace("box-1", "box-9"), ADMINISTRATOR, MESSAGE, StatusCode::NOT_FOUND, ""),
        (&PATH.replace("gwang-3", "gwang-9"), ADMINISTRATOR, MESSAGE, StatusCode::NOT_FOUND, ""),
        (PATH, ADMINISTRATOR, "", StatusCode::BAD_REQUEST, "empty-payload"),
        (PATH, ADMINISTRATOR, "{\"readings\":[", StatusCode::BAD_REQUEST, "not-json"),
        (PATH, ADMINISTRATOR, "{\"reading\":[]}", StatusCode::BAD_REQUEST, "unknown-key"),
        (PATH, ADMINISTRATOR, &many, StatusCode::BAD_REQUEST, "too-many-readings"),
        (PATH, ADMINISTRATOR, &" ".repeat(300_000), StatusCode::PAYLOAD_TOO_LARGE, ""),
    ] {
        let answer = hand_over(&world, path, token, said).await;
        assert_eq!(answer.status(), status, "{path}");
        let problem = read_json(answer).await;
        let detail = problem["detail"].as_str().unwrap_or_default();
        assert!(detail.contains(says), "{says}: {problem}");
    }
    assert!(world.sink.past.lock().is_empty());
}
