//! Work at sites and photographs of them.

use super::*;

const SITE: &str = "/api/v1/sites/gwang-3";

async fn post(world: &World, token: &str, path: &str, said: Value) -> Response {
    let asked = request(Method::POST, path).header(AUTHORIZATION, bearer(token));
    world.ask(asked.body("application/json", said.to_string())).await
}

async fn photo(world: &World, about: &str, bytes: Vec<u8>) -> Response {
    let asked = axum::http::Request::post(format!("{SITE}/photos?about={about}"))
        .header(AUTHORIZATION, bearer(OPERATOR))
        .header(CONTENT_TYPE, "text/html")
        .body(axum::body::Body::from(bytes));
    world.ask(asked.unwrap()).await
}

#[tokio::test]
async fn work_is_ordered_from_an_incident_and_closed_by_its_result() {
    let world = World::new().await;
    night(&world).await;
    let incident = "live_gwang-3_slope-failure_14007";
    let page = world.get_page(&format!("/incidents/{incident}")).await;
    assert!(
        page.contains("작업 지시") && page.contains(&format!("value=\"{incident}\"")),
        "{page}"
    );
    let new = json!({ "kind": "inspection", "what": "<b>상단 균열</b> 확인", "incident": incident, "due": "2026-07-15" });
    let answer =
        read_json(post(&world, OPERATOR, &format!("{SITE}/inspections"), new.clone()).await).await;
    assert_eq!(answer["id"], "inspection-1");
    let entries = format!("{SITE}/inspections/1/entries");
    let note = post(&world, OPERATOR, &entries, json!({ "note": "균열 폭 3 mm" })).await;
    assert_eq!(note.status(), StatusCode::OK);
    let site = world.get_page("/sites/gwang-3").await;
    assert!(site.contains("균열 폭 3 mm") && site.contains("&lt;b&gt;상단"), "{site}");
    let close = format!("{SITE}/inspections/1/close");
    for (said, status) in [
        (json!({ "result": "" }), StatusCode::UNPROCESSABLE_ENTITY),
        (json!({ "result": "출입 통제, 보수 지시" }), StatusCode::OK),
        (json!({ "result": "다시" }), StatusCode::NOT_FOUND),
    ] {
        assert_eq!(post(&world, OPERATOR, &close, said.clone()).await.status(), status, "{said}");
    }
    let listed = world.get_json("/api/v1/inspections?site=gwang-3").await;
    assert_eq!(listed["items"][0]["done"]["result"], "출입 통제, 보수 지시");
    assert_eq!(listed["items"][0]["incident"], incident);
    let other = json!({ "kind": "repair", "what": "w", "incident": "live_an-1_slope-failure_1" });
    let refused = post(&world, OPERATOR, &format!("{SITE}/inspections"), other).await;
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY, "an incident of another site");
    let nowhere = post(&world, OPERATOR, "/api/v1/sites/nowhere/inspections", new).await;
    assert!(matches!(nowhere.status(), StatusCode::NOT_FOUND | StatusCode::FORBIDDEN));
    let trail = world.get("/administration/audit?q=inspection", OPERATOR).await;
    assert!(body(trail).await.contains("closed"), "who did what is in the trail");
}

#[tokio::test]
async fn what_is_sent_again_under_its_name_is_done_once() {
    let world = World::new().await;
    let send = |path: String, key: &str, said: Value| {
        let asked = request(Method::POST, &path)
            .header(AUTHORIZATION, bearer(OPERATOR))
            .header("idempotency-key", key);
        world.ask(asked.body("application/json", said.to_string()))
    };
    let order = || json!({ "kind": "inspection", "what": "look" });
    let work = || format!("{SITE}/inspections");
    let first = read_json(send(work(), "k-1", order()).await).await;
    assert_eq!(read_json(send(work(), "k-1", order()).await).await, first);
    let other = send(work(), "k-1", json!({ "kind": "repair", "what": "look" })).await;
    assert_eq!(other.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let note = || json!({ "note": "seen" });
    for _ in 0..2 {
        let answer = send(format!("{}/1/entries", work()), "k-2", note()).await;
        assert_eq!(answer.status(), StatusCode::OK);
        let answer = send(format!("{}/1/close", work()), "k-3", json!({ "result": "ok" })).await;
        assert_eq!(answer.status(), StatusCode::OK, "the answer to the first");
    }
    let bad = send(format!("{}/9/close", work()), "k-4", json!({ "result": "ok" })).await;
    assert_eq!(bad.status(), StatusCode::NOT_FOUND);
    let listed = world.get_json("/api/v1/inspections").await;
    assert_eq!(listed["items"].as_array().unwrap().len(), 1, "{listed}");
    assert_eq!(listed["items"][0]["entries"].as_array().unwrap().len(), 1, "{listed}");
}

#[tokio::test]
async fn a_long_log_says_that_there_is_more() {
    let world = World::new().await;
    for number in 0..13 {
        let said = json!({ "kind": "repair", "what": format!("work {number}") });
        post(&world, OPERATOR, &format!("{SITE}/inspections"), said).await;
    }
    let site = world.get_page("/sites/gwang-3").await;
    assert!(site.contains("work 12") && !site.contains("work 0<"), "{site}");
    assert!(site.contains("최근 12건만 표시합니다"), "{site}");
}

#[tokio::test]
async fn a_photograph_is_served_as_what_its_bytes_are_and_nothing_else_is_taken() {
    let world = World::new().await;
    let jpeg = [&[0xFF, 0xD8, 0xFF, 0xE0][..], b"<html><script>alert(1)</script>"].concat();
    for (bytes, status) in [
        (b"<html><script>alert(1)</script>".to_vec(), StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (b"<svg onload=alert(1)>".to_vec(), StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (Vec::new(), StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (
            [&jpeg[..], &vec![0; crate::inspections::PHOTO_LEN_MAX]].concat(),
            StatusCode::PAYLOAD_TOO_LARGE,
        ),
    ] {
        assert_eq!(photo(&world, "report-1", bytes).await.status(), status);
    }
    let bad = photo(&world, "..%2f..%2fetc", jpeg.clone()).await;
    assert_eq!(bad.status(), StatusCode::BAD_REQUEST);
    let kept = read_json(photo(&world, "report-1", jpeg.clone()).await).await;
    let path = format!("/photos/{}", kept["id"].as_str().unwrap());
    let served = world.get(&path, VIEWER).await;
    assert_eq!(header(&served, CONTENT_TYPE), "image/jpeg");
    assert_eq!(header(&served, "x-content-type-options"), "nosniff");
    assert!(header(&served, CONTENT_SECURITY_POLICY).starts_with("default-src 'self'"));
    let nobody = world.ask(request(Method::GET, &path).empty()).await;
    assert_eq!(nobody.status(), StatusCode::UNAUTHORIZED);
    for wrong in ["/photos/..%2finspections.sqlite", "/photos/0000", "/photos/%2e%2e"] {
        assert_eq!(world.get(wrong, VIEWER).await.status(), StatusCode::NOT_FOUND, "{wrong}");
    }
    let site = world.get_page("/sites/gwang-3").await;
    assert!(site.replace("&#x2f;", "/").contains(&path), "{site}");
}
