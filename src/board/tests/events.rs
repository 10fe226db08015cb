//! What is told live.

use super::*;

/// The events of a stream until `enough` of them came.
async fn events(response: Response, enough: usize) -> Vec<(String, Option<i64>, Value)> {
    assert_eq!(header(&response, CONTENT_TYPE), "text/event-stream");
    let mut stream = response.into_body().into_data_stream();
    let (mut text, mut events) = (String::new(), vec![]);
    while events.len() < enough {
        let wait = tokio::time::timeout(Duration::from_secs(20), stream.next()).await;
        let Some(Ok(bytes)) = wait.expect("an event is due") else { break };
        text.push_str(std::str::from_utf8(&bytes).unwrap());
        while let Some((event, rest)) = text.split_once("\n\n") {
            let field =
                |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
            if let Some(name) = field("event:") {
                let id = field("id:").map(|id| id.parse().unwrap());
                events.push((
                    name.to_string(),
                    id,
                    serde_json::from_str(field("data:").unwrap()).unwrap(),
                ));
            }
            text = rest.to_string();
        }
    }
    events
}

async fn watch(world: &World, query: &str, last: Option<&str>) -> Response {
    watch_as(world, VIEWER, query, last).await
}

async fn watch_as(world: &World, token: &str, query: &str, last: Option<&str>) -> Response {
    let mut asked = request(Method::GET, &format!("/api/v1/events{query}"))
        .header(AUTHORIZATION, bearer(token));
    if let Some(last) = last {
        asked = asked.header("last-event-id", last);
    }
    world.ask(asked.empty()).await
}

#[tokio::test]
async fn live_events_begin_with_where_everything_stands_and_go_on_without_a_gap() {
    let world = World::new().await;
    world.decide([step(1), step(2)]).await;
    let stream = watch(&world, "", None).await;
    for n in 3..6 {
        world.decide([step(n)]).await;
    }
    let seen = events(stream, 5).await;
    assert_eq!(seen[0].0, "hello");
    assert_eq!(seen[0].2["levels"]["normal"], 14);
    let told: Vec<_> =
        seen.iter().filter(|event| event.0 == "decision").map(|event| event.1.unwrap()).collect();
    assert_eq!(told, [3, 4, 5]);
    assert_eq!(seen.last().unwrap().0, "overview");
    assert_eq!(seen[1].2["at"], "2026-07-14T02:31:43+09:00");
    assert_eq!(seen[1].2["text"]["en"], "Normal → Attention: 3");
}

#[tokio::test]
async fn a_watcher_that_was_cut_off_resumes_where_it_was() {
    let world = World::new().await;
    for n in 1..=9 {
        world.decide([step(n)]).await;
    }
    let resumed = |events: Vec<(String, Option<i64>, Value)>| {
        events.into_iter().skip(1).map(|event| event.1).collect::<Vec<_>>()
    };
    let all = |from: i64| (from..=9).map(Some).collect::<Vec<_>>();
    assert_eq!(resumed(events(watch(&world, "", Some("4")).await, 6).await), all(5));
    assert_eq!(resumed(events(watch(&world, "?after=7", None).await, 3).await), all(8));
    assert_eq!(
        resumed(events(watch(&world, "?after=1", Some("8")).await, 2).await),
        all(9),
        "where it was goes before"
    );
    // A board started anew has nothing in memory: it reads on in the ledger.
    let app = App::new(
        BoardState { metrics: prometheus::Registry::new(), ..world.state.clone() },
        world.stop.clone(),
    )
    .unwrap();
    live::refresh(&app, live::Look::Thorough).await;
    let asked = request(Method::GET, "/api/v1/events")
        .header(AUTHORIZATION, bearer(VIEWER))
        .header("last-event-id", "2");
    let response = tower::ServiceExt::oneshot(router(app), asked.empty()).await.unwrap();
    assert_eq!(resumed(events(response, 8).await), all(3));
    // A cursor ahead of the ledger, or no number at all, starts from now.
    for strange in ["9999", "x"] {
        let stream = watch(&world, "", Some(strange)).await;
        assert_eq!(events(stream, 1).await[0].0, "hello", "{strange}");
    }
}

#[tokio::test]
async fn watchers_are_bounded_and_end_when_the_board_stops() {
    let world = World::new().await;
    let mut streams = vec![];
    let is_full = async |token| {
        let full = watch_as(&world, token, "", None).await;
        (full.status(), header(&full, RETRY_AFTER)) == (StatusCode::SERVICE_UNAVAILABLE, "2")
    };
    for (token, takes) in [(OPERATOR, WATCHERS_MAX / 4 * 3), (APPROVER, WATCHERS_MAX / 4)] {
        for _ in 0..takes {
            streams.push(watch_as(&world, token, "", None).await);
        }
        assert!(streams.iter().all(|stream| stream.status() == StatusCode::OK));
        assert!(is_full(token).await, "one person does not take all places");
    }
    assert_eq!(world.app.watchers.available_permits(), 0);
    drop(streams.pop());
    let stream = watch(&world, "", None).await;
    assert_eq!(stream.status(), StatusCode::OK);
    world.stop.cancel();
    let seen = events(stream, usize::MAX).await;
    assert_eq!(seen.len(), 1, "hello, then the end");
}

#[tokio::test]
async fn it_serves_over_a_socket_and_stops_when_told() {
    rustls::crypto::ring::default_provider().install_default().ok();
    let world = World::new().await;
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let state = BoardState { metrics: prometheus::Registry::new(), ..world.state.clone() };
    let serving = tokio::spawn(serve(listener, state, stop.clone()));
    let client = reqwest::Client::builder().no_gzip().build().unwrap();
    let page = client
        .get(format!("http://{address}/"))
        .bearer_auth(VIEWER)
        .header("accept-encoding", "gzip")
        .send()
        .await;
    assert_eq!(page.unwrap().headers()["content-encoding"], "gzip");
    let stream = client
        .get(format!("http://{address}/api/v1/events"))
        .bearer_auth(VIEWER)
        .send()
        .await
        .unwrap();
    assert_eq!(
        stream.headers().get("content-encoding"),
        None,
        "events are not held back by a compressor"
    );
    stop.cancel();
    let told = tokio::time::timeout(Duration::from_secs(20), stream.text())
        .await
        .expect("the stream ends")
        .unwrap();
    assert!(told.starts_with("event: hello"), "{told}");
    tokio::time::timeout(Duration::from_secs(20), serving)
        .await
        .expect("it stops")
        .unwrap()
        .unwrap();
}
