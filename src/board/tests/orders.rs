//! What people order.

use alerting::standing::SiteAsk;

use super::*;

#[tokio::test]
async fn an_order_is_answered_with_the_decision_and_its_position() {
    let world = World::new().await;
    night(&world).await;
    let order = |path: &str, text: &str| {
        let asked = request(Method::POST, path)
            .header(AUTHORIZATION, bearer(OPERATOR))
            .header(ACCEPT_LANGUAGE, "en");
        asked.body("application/json", text)
    };
    let path = acknowledge("live_gwang-3_slope-failure_14007");
    let answer = read_json(world.ask(order(&path, r#"{"reason":" patrol sent "}"#)).await).await;
    assert_eq!(
        answer,
        json!({"sequence": 7_000, "decision": {"accepted": true, "reason": {"ko": "받음", "en": "Taken"}}})
    );
    let given = world.sink.given.lock()[0].clone();
    assert_eq!(
        (given.by.as_str(), given.reason.as_str(), given.verb.name()),
        ("kim", "patrol sent", "acknowledge")
    );

    let refused = world.ask(order(&acknowledge("live_gwang-3_slope-failure_1"), "{}")).await;
    assert_eq!(refused.status(), StatusCode::CONFLICT);
    let problem = read_json(refused).await;
    assert_eq!(
        (&problem["detail"], &problem["sequence"]),
        (&json!("No such incident"), &json!(7_001))
    );

    let stand_down = "/api/v1/incidents/live_gwang-3_slope-failure_14007/stand-down";
    assert_eq!(
        world.ask(order(stand_down, "{}")).await.status(),
        StatusCode::BAD_REQUEST,
        "it takes a reason"
    );

    *world.sink.broken.lock() = Some("the journal takes nothing at present".into());
    let busy = world.ask(order(&path, "{}")).await;
    assert_eq!(busy.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(read_json(busy).await["detail"], "the journal takes nothing at present");
}

#[tokio::test]
async fn a_repeated_order_is_carried_out_once() {
    let world = World::new().await;
    night(&world).await;
    let path = acknowledge("live_gwang-3_slope-failure_14007");
    let order = |key: &str, reason: &str| {
        let asked = request(Method::POST, &path)
            .header(AUTHORIZATION, bearer(OPERATOR))
            .header("idempotency-key", key);
        asked.body("application/json", json!({ "reason": reason }).to_string())
    };
    let first = read_json(world.ask(order("k-1", "seen")).await).await;
    let again = read_json(world.ask(order("k-1", "seen")).await).await;
    assert_eq!(first, again);
    assert_eq!(world.sink.given.lock().len(), 1);
    assert_eq!(world.sink.given.lock()[0].id, "kim/k-1");
    let other = world.ask(order("k-1", "something else")).await;
    assert_eq!(other.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert_ne!(
        read_json(world.ask(order("k-2", "seen")).await).await["sequence"],
        first["sequence"]
    );
    for bad in ["", &"x".repeat(129), "a b"] {
        assert_eq!(
            world.ask(order(bad, "seen")).await.status(),
            StatusCode::BAD_REQUEST,
            "{bad:?}"
        );
    }
    // An order that could not be journaled may be given again under its name.
    *world.sink.broken.lock() = Some("no".into());
    assert_eq!(world.ask(order("k-3", "seen")).await.status(), StatusCode::SERVICE_UNAVAILABLE);
    *world.sink.broken.lock() = None;
    assert_eq!(world.ask(order("k-3", "seen")).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn an_order_that_is_repeated_later_from_another_network_is_the_same() {
    let world = World::new().await;
    night(&world).await;
    let table = [
        ("/api/v1/silences", r#"{"reason":"drill","sites":["gwang-3"],"for":"2 h"}"#),
        ("/api/v1/sites/gwang-3/reports", r#"{"sign":"muddy-water","note":"at the foot"}"#),
        (
            "/api/v1/zeros",
            r#"{"reason":"put up again","series":"gwang-3/box-1/tilt-1/tilt-x","reads":1.0}"#,
        ),
    ];
    for (place, (path, said)) in table.into_iter().enumerate() {
        let order = || {
            let asked = request(Method::POST, path)
                .header(AUTHORIZATION, bearer(OPERATOR))
                .header("idempotency-key", place.to_string());
            asked.body("application/json", said)
        };
        let first = read_json(world.ask(order()).await).await;
        world.clock.advance(Duration::from_secs(20));
        let again = world.ask(order()).await;
        assert_eq!(again.status(), StatusCode::OK, "{path}");
        assert_eq!(read_json(again).await, first, "{path}");
        assert_eq!(world.sink.set.lock().len(), place + 1, "{path}");
    }
}

#[tokio::test]
async fn a_station_is_asked_what_it_can_be_asked_and_nothing_else() {
    let world = World::new().await;
    night(&world).await;
    let order = |text: &'static str| {
        let asked = request(Method::POST, "/api/v1/stations/gwang-3/box-1/orders")
            .header(AUTHORIZATION, bearer(OPERATOR))
            .header("idempotency-key", text.len().to_string());
        asked.body("application/json", text)
    };
    for (text, asked) in [
        (r#"{"command":"interval","interval_s":60,"reason":" storm "}"#, "interval 60 s"),
        (
            r#"{"command":"alert-mode","interval_s":10,"duration_s":3600}"#,
            "alert-mode 10 s for 60 min",
        ),
        (r#"{"command":"resend","from":17,"to":40}"#, "resend 17..40"),
        (r#"{"command":"identify"}"#, "identify"),
    ] {
        assert_eq!(world.ask(order(text)).await.status(), StatusCode::OK, "{text}");
        assert_eq!(world.ask(order(text)).await.status(), StatusCode::OK, "the same again");
        let given = world.sink.asked.lock().pop().unwrap();
        assert_eq!((given.ask.words().as_str(), given.by.as_str()), (asked, "kim"));
        assert_eq!((given.site.as_str(), given.station.as_str()), ("gwang-3", "box-1"));
        assert!(world.sink.asked.lock().is_empty(), "carried out once");
    }
    for text in [
        "{}",
        r#"{"command":"reboot"}"#,
        r#"{"command":"interval"}"#,
        r#"{"command":"interval","interval_s":-1}"#,
        r#"{"command":"identify","interval_s":60}"#,
        r#"{"command":"resend","from":17}"#,
        r#"{"command":"identify","volume":3}"#,
    ] {
        assert_eq!(world.ask(order(text)).await.status(), StatusCode::BAD_REQUEST, "{text}");
    }
    let viewer = request(Method::POST, "/api/v1/stations/gwang-3/box-1/orders")
        .header(AUTHORIZATION, bearer(VIEWER));
    let refused = world.ask(viewer.body("application/json", r#"{"command":"identify"}"#)).await;
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    assert_eq!(
        world.get("/api/v1/stations/gwang-3/nowhere", VIEWER).await.status(),
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn what_people_set_is_given_with_who_why_and_until_when() {
    let world = World::new().await;
    night(&world).await;
    let post = |path: &str, text: &str| {
        let asked = request(Method::POST, path).header(AUTHORIZATION, bearer(OPERATOR));
        asked.body("application/json", text)
    };
    for (path, said, id) in [
        (
            "/api/v1/silences",
            r#"{"reason":"drill","sites":["gwang-3"],"for":"2 h"}"#,
            "silence-7000",
        ),
        (
            "/api/v1/maintenance",
            r#"{"reason":"battery","site":"gwang-3","station":"box-1","sensor":"rain-1","for":"30 min"}"#,
            "maintenance-7001",
        ),
        (
            "/api/v1/sites/gwang-3/reports",
            r#"{"sign":"muddy-water","note":"at the foot"}"#,
            "report-7002",
        ),
    ] {
        let answer = world.ask(post(path, said)).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        assert_eq!(read_json(answer).await["id"], id);
    }
    let given = world.sink.set.lock().clone();
    assert!(given.iter().all(|order| order.by == "kim" && order.from.starts_with("api ")));
    let SiteAsk::Silence { scope, from: None, until, severe: false } = &given[0].ask else {
        panic!("{:?}", given[0])
    };
    assert_eq!((scope.sites[0].as_str(), given[0].reason.as_str()), ("gwang-3", "drill"));
    let SiteAsk::Report { until: day, confirmed: false, .. } = &given[2].ask else {
        panic!("{:?}", given[2])
    };
    assert_eq!(day.since(*until).as_secs(), 22 * 3_600, "a report is evidence for a day");

    let zero = r#"{"reason":"put up again","series":"gwang-3/box-1/tilt-1/tilt-x","reads":1.0}"#;
    assert_eq!(world.ask(post("/api/v1/zeros", zero)).await.status(), StatusCode::OK);
    let ask = world.sink.set.lock().last().unwrap().ask.clone();
    assert!(
        matches!(ask, SiteAsk::ReZero { offset, .. } if (offset - 0.875).abs() < 1e-12),
        "{ask:?}"
    );

    let unfit = StatusCode::UNPROCESSABLE_ENTITY;
    for (path, said, status) in [
        ("/api/v1/silences", r#"{"reason":"x","sites":["gwang-3"]}"#, unfit),
        (
            "/api/v1/silences",
            r#"{"reason":"x","sites":["gwang-3"],"for":"2 h","until":"2026-07-14T05:00:00Z"}"#,
            unfit,
        ),
        ("/api/v1/silences", r#"{"reason":"x","sites":["gwang-3"],"for":"soon"}"#, unfit),
        (
            "/api/v1/silences",
            r#"{"reason":"x","site":"gwang-3","for":"2 h"}"#,
            StatusCode::BAD_REQUEST,
        ),
        ("/api/v1/sites/gwang-3/reports", r#"{"sign":"ghosts"}"#, StatusCode::BAD_REQUEST),
        ("/api/v1/zeros", r#"{"reason":"x","series":"gwang-3/box-1/rain-1/rain"}"#, unfit),
        ("/api/v1/zeros", r#"{"reason":"x","series":"nonsense","offset":1.0}"#, unfit),
    ] {
        assert_eq!(world.ask(post(path, said)).await.status(), status, "{said}");
    }

    // what is said to be about other places is refused to whoever has no say there
    world.add_user("north", Role::Operator, "an-1").await;
    let (_, cookie) = world.sign_in("north", PASSWORD, "").await;
    let before = world.sink.set.lock().len();
    for (path, said, status) in [
        (
            "/api/v1/silences",
            r#"{"reason":"x","sites":["an-1","gwang-3"],"for":"2 h"}"#,
            StatusCode::FORBIDDEN,
        ),
        (
            "/api/v1/silences",
            r#"{"reason":"x","rules":["tilt"],"for":"2 h"}"#,
            StatusCode::FORBIDDEN,
        ),
        (
            "/api/v1/zeros",
            r#"{"reason":"x","series":"gwang-3/box-1/rain-1/rain","offset":1.0}"#,
            StatusCode::FORBIDDEN,
        ),
        ("/api/v1/silences", r#"{"reason":"x","sites":["an-1"],"for":"2 h"}"#, StatusCode::OK),
    ] {
        let asked =
            request(Method::POST, path).header(COOKIE, &cookie).header(ORIGIN, "http://board.test");
        assert_eq!(
            world.ask(asked.body("application/json", said)).await.status(),
            status,
            "{said}"
        );
    }
    assert_eq!(world.sink.set.lock().len(), before + 1);
}
