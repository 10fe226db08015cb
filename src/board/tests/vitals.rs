//! What other machines ask.

use super::*;

#[tokio::test]
async fn health_is_one_word_a_check_without_details() {
    struct Ill(Vital);
    impl Health for Ill {
        fn checks(&self) -> Vec<Check> {
            vec![Check::new("journal", self.0, crate::vitals::same("/var/lib/bongsu is full"))]
        }
    }
    for (vital, alive, ready) in [
        (Vital::Ok, 200, 200),
        (Vital::Degraded, 200, 200),
        (Vital::Starting, 200, 503),
        (Vital::Failed, 503, 503),
    ] {
        let world = World::with(|state| state.health = Arc::new(Ill(vital))).await;
        for (path, status) in [("/healthz", alive), ("/readyz", ready)] {
            let response = world.ask(request(Method::GET, path).empty()).await;
            assert_eq!(response.status().as_u16(), status, "{path} {vital:?}");
            assert_eq!(
                body(response).await,
                format!("{0}\njournal: {0}\n", vital.word()),
                "{path}"
            );
        }
        assert!(world.get_page("/").await.contains("is full"), "who is signed in is told more");
    }
}

#[tokio::test]
async fn metrics_are_told_to_who_has_a_token() {
    let world = World::new().await;
    world.get("/api/v1/sites/gwang-3", VIEWER).await;
    let response = world.get("/metrics", VIEWER).await;
    assert!(header(&response, CONTENT_TYPE).starts_with("text/plain; version=0.0.4"));
    let text = body(response).await;
    assert!(
        text.contains("board_requests_total{route=\"/api/v1/sites/{site}\",status=\"2xx\"} 1"),
        "{text}"
    );
    assert!(text.contains("board_watchers 0"), "{text}");
}

#[tokio::test]
async fn cap_is_served_to_everybody_as_it_was_published() {
    let world = World::new().await;
    let store = world.state.cap.clone().unwrap();
    let severe = alert("gwang-3", 14_007, Level::Severe);
    store.publish(&severe).unwrap();
    let mut restricted = alert("seo-7", 2, Level::Attention);
    restricted.level = Level::Attention;
    store.publish(&restricted).unwrap();

    let feed = world.ask(request(Method::GET, "/cap/feed.atom").empty()).await;
    assert_eq!(header(&feed, CONTENT_TYPE), "application/atom+xml; charset=utf-8");
    let tag = header(&feed, ETAG).to_string();
    assert!(body(feed).await.contains("/cap/live_gwang-3_slope-failure_14007_1_alert.xml"));
    let known = request(Method::GET, "/cap/feed.atom").header(IF_NONE_MATCH, &tag);
    let known = world.ask(known.empty()).await;
    assert_eq!((known.status(), header(&known, ETAG)), (StatusCode::NOT_MODIFIED, tag.as_str()));

    let path = "/cap/live_gwang-3_slope-failure_14007_1_alert.xml";
    let document = world.ask(request(Method::GET, path).empty()).await;
    assert_eq!(header(&document, CONTENT_TYPE), "application/cap+xml; charset=utf-8");
    let bytes = std::fs::read(world.folder.path().join(path.trim_start_matches('/'))).unwrap();
    assert_eq!(body(document).await.into_bytes(), bytes);
    for hidden in
        ["/cap/live_seo-7_slope-failure_2_1_alert.xml", "/cap/..%2fledger.sqlite", "/cap/feed.xml"]
    {
        assert_eq!(
            world.ask(request(Method::GET, hidden).empty()).await.status(),
            StatusCode::NOT_FOUND,
            "{hidden}"
        );
    }
}
