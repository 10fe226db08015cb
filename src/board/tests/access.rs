//! Who is let in, and what for.

use super::*;

const VIEWER_PATHS: [&str; 19] = [
    "/",
    "/board/now",
    "/sites/gwang-3",
    "/metrics",
    "/exercises",
    "/api/v1/exercises",
    "/api/v1/channels",
    "/api/v1/openapi.json",
    "/api/v1/sites",
    "/api/v1/sites/gwang-3",
    "/api/v1/series/gwang-3/box-1/rain-1/rain/readings",
    "/api/v1/incidents",
    "/api/v1/incidents/live_gwang-3_slope-failure_14007",
    "/api/v1/stations",
    "/api/v1/stations/gwang-3/box-1",
    "/api/v1/deliveries",
    "/api/v1/quarantine",
    "/api/v1/balance",
    "/api/v1/events",
];

/// A session's cookie, as a browser sends it back.
async fn signed_in(world: &World, token: &str) -> String {
    let form = request(Method::POST, "/sign-in")
        .body("application/x-www-form-urlencoded", format!("token={token}"));
    let response = world.ask(form).await;
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    header(&response, SET_COOKIE).split(';').next().unwrap().to_string()
}

#[tokio::test]
async fn nothing_but_the_public_is_told_without_sign_in() {
    let world = World::new().await;
    night(&world).await;
    for path in VIEWER_PATHS {
        let response = world.ask(request(Method::GET, path).empty()).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{path}");
        assert_eq!(header(&response, WWW_AUTHENTICATE), "Bearer realm=\"bongsu\"");
        assert!(!body(response).await.contains("광덕산"), "{path}");
        assert_eq!(world.get(path, "wrong").await.status(), StatusCode::UNAUTHORIZED, "{path}");
        world.clock.advance(Duration::from_secs(60));
        assert_eq!(world.get(path, VIEWER).await.status(), StatusCode::OK, "{path}");
    }
    for path in ["/healthz", "/readyz", "/cap/feed.atom", "/sign-in", "/assets/board.css"] {
        assert_eq!(
            world.ask(request(Method::GET, path).empty()).await.status(),
            StatusCode::OK,
            "{path}"
        );
    }
    for path in
        ["/nothing", "/api/v1/nothing", "/assets/../board", "/assets/nothing", "/cap/nothing.xml"]
    {
        assert_eq!(
            world.ask(request(Method::GET, path).empty()).await.status(),
            StatusCode::NOT_FOUND,
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_viewer_looks_and_an_operator_orders() {
    let world = World::new().await;
    night(&world).await;
    for verb in ["acknowledge", "stand-down"] {
        let path = format!("/api/v1/incidents/{}/{verb}", incident_id("gwang-3", 14_007));
        let post = |token: &str| {
            request(Method::POST, &path)
                .header(AUTHORIZATION, bearer(token))
                .body("application/json", r#"{"reason":"r"}"#)
        };
        let response = world.ask(post(VIEWER)).await;
        assert_eq!(response.status(), StatusCode::FORBIDDEN, "{verb}");
        assert_eq!(read_json(response).await["type"], "urn:bongsu:problem:not-allowed");
        assert_eq!(world.ask(post(OPERATOR)).await.status(), StatusCode::OK, "{verb}");
    }
    assert_eq!(world.sink.given.lock().len(), 2);
    let page = body(world.get("/", VIEWER).await).await;
    assert!(!page.contains("data-order="), "a viewer is offered no orders");
    assert!(world.get_page("/").await.contains("data-order=\"stand-down\""));
}

#[tokio::test]
async fn a_browser_is_led_to_sign_in_and_back() {
    let world = World::new().await;
    let browser = |path: &str| request(Method::GET, path).header(ACCEPT, "text/html,*/*;q=0.8");
    let response = world.ask(browser("/?lang=en").empty()).await;
    assert_eq!(
        (response.status(), header(&response, LOCATION)),
        (StatusCode::SEE_OTHER, "/sign-in?next=/%3Flang%3Den")
    );
    let form = body(world.ask(browser("/sign-in?next=/%3Flang%3Den").empty()).await).await;
    assert!(form.replace("&#x2f;", "/").contains("name=\"next\" value=\"/?lang=en\""), "{form}");

    let wrong = request(Method::POST, "/sign-in")
        .body("application/x-www-form-urlencoded", "token=wrong&next=/");
    let response = world.ask(wrong).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert!(response.headers().get(SET_COOKIE).is_none());
    assert!(body(response).await.contains("<form"));

    let right = format!("token=+{OPERATOR}&next=%2F%2Fevil.example");
    let right = request(Method::POST, "/sign-in").body("application/x-www-form-urlencoded", right);
    let response = world.ask(right).await;
    assert_eq!((response.status(), header(&response, LOCATION)), (StatusCode::SEE_OTHER, "/"));
    let cookie = header(&response, SET_COOKIE).to_string();
    assert!(cookie.ends_with("; HttpOnly; SameSite=Strict; Path=/"), "{cookie}");
    assert!(!cookie.contains(OPERATOR));

    let cookie = cookie.split(';').next().unwrap();
    assert_eq!(
        world.ask(browser("/").header(COOKIE, cookie).empty()).await.status(),
        StatusCode::OK
    );
    let out = request(Method::POST, "/sign-out").header(COOKIE, cookie);
    assert!(header(&world.ask(out.empty()).await, SET_COOKIE).contains("Max-Age=0"));
    assert_eq!(
        world.ask(browser("/").header(COOKIE, cookie).empty()).await.status(),
        StatusCode::SEE_OTHER
    );
}

#[tokio::test]
async fn behind_tls_the_cookie_stays_there() {
    let world =
        World::with(|state| state.public_url = Some("https://board.example.kr".into())).await;
    let form = request(Method::POST, "/sign-in")
        .header(ORIGIN, "https://board.example.kr")
        .body("application/x-www-form-urlencoded", format!("token={VIEWER}"));
    let response = world.ask(form).await;
    assert!(header(&response, SET_COOKIE).ends_with("; Secure"));
    assert_eq!(header(&response, "strict-transport-security"), "max-age=31536000");
}

#[tokio::test]
async fn a_one_time_link_signs_in_once() {
    let world = World::new().await;
    let link = world.state.tokens.one_time_link("demo", Role::Operator).unwrap();
    let head = world.ask(request(Method::HEAD, &link).empty()).await;
    assert!(head.headers().get(SET_COOKIE).is_none(), "looking at a link does not use it up");
    let response = world.ask(request(Method::GET, &link).empty()).await;
    assert_eq!((response.status(), header(&response, LOCATION)), (StatusCode::SEE_OTHER, "/"));
    let cookie = header(&response, SET_COOKIE).split(';').next().unwrap().to_string();
    assert_eq!(
        world.ask(request(Method::GET, "/").header(COOKIE, &cookie).empty()).await.status(),
        StatusCode::OK
    );
    let again = world.ask(request(Method::GET, &link).empty()).await;
    assert_eq!(header(&again, LOCATION), "/sign-in");
    assert!(again.headers().get(SET_COOKIE).is_none());
    world.clock.advance(Duration::from_secs(12 * 3_600));
    let late = world.ask(request(Method::GET, "/").header(COOKIE, &cookie).empty()).await;
    assert_eq!(late.status(), StatusCode::UNAUTHORIZED, "a session that nobody used is over");
}

#[tokio::test]
async fn a_page_followed_from_elsewhere_asks_again_from_here() {
    let world = World::new().await;
    let cookie = signed_in(&world, VIEWER).await;
    let followed = request(Method::GET, "/sign-in?next=/").header("sec-fetch-site", "cross-site");
    let page = body(world.ask(followed.empty()).await).await;
    let page = page.replace("&#x2f;", "/");
    assert!(
        page.contains("<meta http-equiv=\"refresh\" content=\"0;url=/sign-in?next=/\">"),
        "{page}"
    );
    let again = request(Method::GET, "/sign-in?next=/")
        .header("sec-fetch-site", "same-origin")
        .header(COOKIE, cookie);
    assert_eq!(header(&world.ask(again.empty()).await, LOCATION), "/");
}

#[tokio::test]
async fn other_sites_cannot_order_in_a_person_s_name() {
    let world = World::new().await;
    night(&world).await;
    let cookie = signed_in(&world, OPERATOR).await;
    let path = acknowledge(incident_id("gwang-3", 14_007).as_str());
    let table: [(&[(&str, &str)], StatusCode); 7] = [
        (&[], StatusCode::FORBIDDEN),
        (&[("origin", "https://evil.example")], StatusCode::FORBIDDEN),
        (&[("origin", "null")], StatusCode::FORBIDDEN),
        (&[("origin", "http://board.test.evil.example")], StatusCode::FORBIDDEN),
        (
            &[("x-requested-with", "bongsu"), ("sec-fetch-site", "cross-site")],
            StatusCode::FORBIDDEN,
        ),
        (&[("origin", "http://board.test")], StatusCode::OK),
        (&[("x-requested-with", "bongsu")], StatusCode::OK),
    ];
    for (headers, status) in table {
        let mut asked = request(Method::POST, &path).header(COOKIE, &cookie);
        for (name, value) in headers {
            asked = asked.header(name, value);
        }
        let response = world.ask(asked.body("application/json", r#"{"reason":"seen"}"#)).await;
        assert_eq!(response.status(), status, "{headers:?}");
    }
    assert_eq!(world.sink.given.lock().len(), 2);
    let forged = request(Method::POST, "/sign-in").header(ORIGIN, "https://evil.example");
    let forged = forged.body("application/x-www-form-urlencoded", format!("token={OPERATOR}"));
    assert_eq!(world.ask(forged).await.status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn failures_are_counted_and_lock_nobody_out() {
    let world = World::new().await;
    let mut last = None;
    for _ in 0..11 {
        last = Some(world.get("/api/v1/sites", "wrong").await);
    }
    let last = last.unwrap();
    assert_eq!((last.status(), header(&last, RETRY_AFTER)), (StatusCode::TOO_MANY_REQUESTS, "60"));
    assert_eq!(world.get("/api/v1/sites", VIEWER).await.status(), StatusCode::OK);
    world.clock.advance(Duration::from_secs(60));
    assert_eq!(world.get("/api/v1/sites", "wrong").await.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn every_answer_keeps_the_browser_safe() {
    let world = World::new().await;
    for path in [
        "/",
        "/sign-in",
        "/api/v1/sites",
        "/nothing",
        "/assets/board.js",
        "/cap/feed.atom",
        "/healthz",
    ] {
        let response = world.get(path, VIEWER).await;
        let policy = header(&response, CONTENT_SECURITY_POLICY);
        assert!(
            policy.starts_with("default-src 'self';") && !policy.contains("unsafe"),
            "{path}: {policy}"
        );
        assert!(
            policy.contains("frame-ancestors 'none'") && policy.contains("form-action 'self'"),
            "{path}"
        );
        assert_eq!(header(&response, "x-content-type-options"), "nosniff", "{path}");
        assert_eq!(header(&response, "referrer-policy"), "same-origin", "{path}");
        let kept = path.starts_with("/assets") || path.starts_with("/cap");
        assert_eq!(header(&response, CACHE_CONTROL) == "no-store", !kept, "{path}");
    }
}
