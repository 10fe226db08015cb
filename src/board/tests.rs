use axum::http::header::{
    ACCEPT, ACCEPT_LANGUAGE, AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, COOKIE, ETAG,
    IF_NONE_MATCH, LOCATION, ORIGIN, RETRY_AFTER, SET_COOKIE, WWW_AUTHENTICATE,
};
use axum::http::{Method, StatusCode};
use axum::response::Response;
use std::time::Duration;

use alerting::{DeliveryState, Level};
use futures_util::StreamExt;
use ingest::clock::Clock;
use serde_json::{Value, json};

use super::sample::{
    OPERATOR, VIEWER, World, alert, at, body, incident_id, json as read_json, moved, night, owed, quarantined, record,
    request, settled, text,
};
use super::*;

const VIEWER_PATHS: [&str; 12] = [
    "/",
    "/board/now",
    "/metrics",
    "/api/v1/openapi.json",
    "/api/v1/sites",
    "/api/v1/sites/gwang-3",
    "/api/v1/incidents",
    "/api/v1/incidents/live_gwang-3_slope-failure_14007",
    "/api/v1/deliveries",
    "/api/v1/quarantine",
    "/api/v1/balance",
    "/api/v1/events",
];

fn header<'a>(response: &'a Response, name: impl axum::http::header::AsHeaderName) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

fn acknowledge(incident: &str) -> String {
    format!("/api/v1/incidents/{incident}/acknowledge")
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

/// A session's cookie, as a browser sends it back.
async fn signed_in(world: &World, token: &str) -> String {
    let form = request(Method::POST, "/sign-in").body("application/x-www-form-urlencoded", format!("token={token}"));
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
        assert_eq!(world.get(path, VIEWER).await.status(), StatusCode::OK, "{path}");
    }
    for path in ["/healthz", "/readyz", "/cap/feed.atom", "/sign-in", "/assets/board.css"] {
        assert_eq!(world.ask(request(Method::GET, path).empty()).await.status(), StatusCode::OK, "{path}");
    }
    for path in ["/nothing", "/api/v1/nothing", "/assets/../board", "/assets/nothing", "/cap/nothing.xml"] {
        assert_eq!(world.ask(request(Method::GET, path).empty()).await.status(), StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn a_viewer_looks_and_an_operator_orders() {
    let world = World::new().await;
    night(&world).await;
    for verb in ["acknowledge", "stand-down"] {
        let path = format!("/api/v1/incidents/{}/{verb}", incident_id("gwang-3", 14_007));
        let post = |token: &str| {
            request(Method::POST, &path).header(AUTHORIZATION, bearer(token)).body("application/json", r#"{"reason":"r"}"#)
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
    assert_eq!((response.status(), header(&response, LOCATION)), (StatusCode::SEE_OTHER, "/sign-in?next=/%3Flang%3Den"));
    let form = body(world.ask(browser("/sign-in?next=/%3Flang%3Den").empty()).await).await;
    assert!(form.replace("&#x2f;", "/").contains("name=\"next\" value=\"/?lang=en\""), "{form}");

    let wrong = request(Method::POST, "/sign-in").body("application/x-www-form-urlencoded", "token=wrong&next=/");
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
    assert_eq!(world.ask(browser("/").header(COOKIE, cookie).empty()).await.status(), StatusCode::OK);
    let out = request(Method::POST, "/sign-out").header(COOKIE, cookie);
    assert!(header(&world.ask(out.empty()).await, SET_COOKIE).contains("Max-Age=0"));
    assert_eq!(world.ask(browser("/").header(COOKIE, cookie).empty()).await.status(), StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn behind_tls_the_cookie_stays_there() {
    let world = World::with(|state| state.public_url = Some("https://board.example.kr".into())).await;
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
    assert_eq!(world.ask(request(Method::GET, "/").header(COOKIE, &cookie).empty()).await.status(), StatusCode::OK);
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
    assert!(page.contains("<meta http-equiv=\"refresh\" content=\"0;url=/sign-in?next=/\">"), "{page}");
    let again = request(Method::GET, "/sign-in?next=/").header("sec-fetch-site", "same-origin").header(COOKIE, cookie);
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
        (&[("x-requested-with", "bongsu"), ("sec-fetch-site", "cross-site")], StatusCode::FORBIDDEN),
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
    for path in ["/", "/sign-in", "/api/v1/sites", "/nothing", "/assets/board.js", "/cap/feed.atom", "/healthz"] {
        let response = world.get(path, VIEWER).await;
        let policy = header(&response, CONTENT_SECURITY_POLICY);
        assert!(policy.starts_with("default-src 'self';") && !policy.contains("unsafe"), "{path}: {policy}");
        assert!(policy.contains("frame-ancestors 'none'") && policy.contains("form-action 'self'"), "{path}");
        assert_eq!(header(&response, "x-content-type-options"), "nosniff", "{path}");
        assert_eq!(header(&response, "referrer-policy"), "same-origin", "{path}");
        let kept = path.starts_with("/assets") || path.starts_with("/cap");
        assert_eq!(header(&response, CACHE_CONTROL) == "no-store", !kept, "{path}");
    }
}

#[tokio::test]
async fn names_are_text_and_never_markup() {
    let world = World::new().await;
    let hostile = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>";
    let mut setup = super::sample::setup();
    let mut sites = setup.registry.sites().to_vec();
    sites[0].name = text(hostile, hostile);
    setup.registry = reading::Registry::new(sites, vec![]);
    setup.sender = text(hostile, hostile);
    world.publish(|overview| overview.setup = Arc::new(setup)).await;
    let what = text(hostile, hostile);
    world.decide([moved("an-1", Level::Normal, Level::Severe, 100, what.clone())]).await;
    let incident = alerting::decision::IncidentRecord {
        acknowledged_by: Some(hostile.into()),
        ..record("an-1", 1, Level::Severe, 100, what)
    };
    world.decide([alerting::Decision::Incident(incident)]).await;
    for path in ["/", "/board/now"] {
        let page = world.get_page(path).await;
        assert!(page.contains("&lt;script&gt;alert"), "{path}");
        assert!(!page.contains("<script>") && !page.contains("<img"), "{path}");
        assert!(!page.contains("\"'><"), "{path}: no attribute is broken out of");
    }
    let answer = world.get("/sign-in?next=/%22%3E%3Cscript%3E", VIEWER).await;
    assert!(!body(answer).await.contains("<script>"));
}

#[tokio::test]
async fn the_page_speaks_the_reader_s_language() {
    let world = World::new().await;
    night(&world).await;
    let table: [(&str, &[(&str, &str)], &str); 6] = [
        ("/", &[], "ko"),
        ("/", &[("accept-language", "en-GB,en;q=0.9")], "en"),
        ("/?lang=en", &[("accept-language", "ko")], "en"),
        ("/", &[("cookie", "bongsu-lang=en"), ("accept-language", "ko")], "en"),
        ("/?lang=ko", &[("cookie", "bongsu-lang=en")], "ko"),
        ("/?lang=xx", &[("accept-language", "fr")], "ko"),
    ];
    for (path, headers, language) in table {
        let mut asked = request(Method::GET, path).header(AUTHORIZATION, bearer(OPERATOR));
        for (name, value) in headers {
            asked = asked.header(name, value);
        }
        let response = world.ask(asked.empty()).await;
        let kept = header(&response, SET_COOKIE).starts_with(&format!("bongsu-lang={language};"));
        assert_eq!(kept, path.contains("lang=ko") || path.contains("lang=en"), "{path}");
        let page = body(response).await;
        assert!(page.contains(&format!("<html lang=\"{language}\">")), "{path} {headers:?}");
        let (said, not) = if language == "ko" { ("광덕산 3지구", "Gwangdeok 3") } else { ("Gwangdeok 3", "광덕산 3지구") };
        assert!(page.contains(said) && !page.contains(not), "{path} {headers:?}");
    }
    let english = body(world.get("/board/now?lang=en", OPERATOR).await).await;
    let korean: String = english.chars().filter(|c| ('가'..='힣').contains(c)).collect();
    assert_eq!(korean, "", "the English page is English");
}

#[tokio::test]
async fn a_level_is_a_word_a_shape_and_a_colour_and_unknown_is_not_normal() {
    let world = World::new().await;
    night(&world).await;
    let page = world.get_page("/board/now").await;
    let sites = page.split("id=\"sites\"").nth(1).unwrap().split("</section>").next().unwrap();
    let mut order = vec![];
    for row in sites.split("<li ").skip(1) {
        let look = row.split("data-look=\"").nth(1).unwrap().split('"').next().unwrap();
        let word = alerting::catalogue::lookup(&format!("level-{look}"), alerting::catalogue::Language::Ko).unwrap();
        assert!(row.contains(&format!("<use href=\"#shape-{look}\"/></svg>{word}</span>")), "{row}");
        order.push(look);
    }
    assert_eq!(order[..6], ["severe", "warning", "caution", "unknown", "attention", "normal"]);
    let market = sites.split("id=\"site-old-market\"").nth(1).unwrap().split("</li>").next().unwrap();
    assert!(market.contains("확인불가") && market.contains("무응답 2/2") && !market.contains("정상"), "{market}");
    let wet = sites.split("id=\"site-an-2\"").nth(1).unwrap().split("</li>").next().unwrap();
    assert!(wet.contains("주의") && wet.contains("확인불가"), "{wet}");
    let held = sites.split("id=\"site-seo-7\"").nth(1).unwrap().split("</li>").next().unwrap();
    assert!(held.contains("현재 근거는 주의"), "{held}");
}

#[tokio::test]
async fn the_page_tells_what_goes_on() {
    let world = World::new().await;
    night(&world).await;
    let page = world.get_page("/").await;
    for said in [
        "live_gwang-3_slope-failure_14007",
        "<time datetime=\"2026-07-14T03:03:51+09:00\">2026-07-14 03:03:51 <small>KST</small></time>",
        "주의 → 심각: 서로 다른 지점 2곳 이상 3차 기준 초과",
        "개정 2",
        "kim 확인함",
        "미확인",
        "<dd data-live=\"sequence\">48214</dd>",
        "<td class=\"bad\">1</td>",
        "일치",
    ] {
        assert!(page.contains(said), "{said}");
    }
    assert_eq!(page.matches("주의 → 심각").count(), 2, "a level and its revision are one event, beside the incident");
    assert!(!page.contains("mode\">"), "in earnest nothing says test");
    world
        .publish(|overview| {
            let mut setup = setup_of(overview);
            setup.status = alerting::Status::Test;
            overview.setup = Arc::new(setup);
        })
        .await;
    assert!(world.get_page("/").await.contains("시험 운용"));
}

fn setup_of(overview: &crate::overview::Overview) -> alerting::setup::Setup {
    alerting::setup::Setup::clone(&overview.setup)
}

#[tokio::test]
async fn the_api_shows_sites_incidents_and_deliveries_with_local_times() {
    let world = World::new().await;
    night(&world).await;
    let sites = world.get_json("/api/v1/sites?limit=5").await;
    assert_eq!(sites["items"].as_array().unwrap().len(), 5);
    assert_eq!(sites["next"], "gwang-3");
    let gwang = &sites["items"][4];
    assert_eq!(gwang["level"], "severe");
    assert_eq!(gwang["since"], "2026-07-14T03:03:51+09:00");
    assert_eq!(gwang["incidents"], json!(["live_gwang-3_slope-failure_14007"]));
    let rest = world.get_json("/api/v1/sites?after=gwang-3").await;
    assert_eq!((rest["items"].as_array().unwrap().len(), &rest["next"]), (9, &Value::Null));

    let site = world.get_json("/api/v1/sites/gwang-3").await;
    let series = &site["stations"][0]["series"];
    assert_eq!(series[0]["name"], "gwang-3/box-1/rain-1/rain");
    assert_eq!(series[1]["latest"], json!({"value": 0.125, "measured_at": "2026-07-14T03:10:00+09:00", "quality": ["old"]}));
    assert_eq!(series[0]["latest"], Value::Null);

    let open = world.get_json("/api/v1/incidents?state=open&site=seo-7").await;
    assert_eq!(open["items"][0]["acknowledged_by"], "kim");
    assert_eq!(world.get_json("/api/v1/incidents?state=closed").await["items"], json!([]));
    let mut seen = vec![];
    let mut path = "/api/v1/incidents?limit=1".to_string();
    while let page = world.get_json(&path).await
        && let Some(item) = page["items"].as_array().unwrap().first()
    {
        seen.push(item["site"].as_str().unwrap().to_string());
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/api/v1/incidents?limit=1&before={next}");
    }
    assert_eq!(seen, ["gwang-3", "seo-7", "an-2", "jang-5"]);

    let incident = world.get_json("/api/v1/incidents/live_gwang-3_slope-failure_14007").await;
    let kinds: Vec<_> = incident["timeline"].as_array().unwrap().iter().map(|row| row["kind"].as_str().unwrap()).collect();
    assert!(kinds.contains(&"level") && kinds.contains(&"incident"), "{kinds:?}");
    assert_eq!(incident["evidence"][0]["value"], 0.12);

    let deliveries = world.get_json("/api/v1/deliveries?incident=live_gwang-3_slope-failure_14007&state=refused").await;
    assert_eq!(deliveries["items"][0]["channel"], "duty-hook");
    assert_eq!(deliveries["items"][0]["note"], "status 410");
    let balance = world.get_json("/api/v1/balance").await;
    assert_eq!(balance["items"][0]["holds"], true);
}

#[tokio::test]
async fn quarantine_comes_page_by_page_newest_first() {
    let world = World::new().await;
    let mut batch = delivery::Batch::default();
    batch.quarantine = (1..=5).map(|n| quarantined(n, "bongsu/v1/x/y/telemetry", &format!("<b>{n}"))).collect();
    world.ledger.commit(9, at(9), &batch).unwrap();
    let first = world.get_json("/api/v1/quarantine?limit=3").await;
    let next = first["next"].as_i64().unwrap();
    let second = world.get_json(&format!("/api/v1/quarantine?limit=3&before={next}")).await;
    let all: Vec<_> = [&first, &second].iter().flat_map(|page| page["items"].as_array().unwrap()).collect();
    let positions: Vec<_> = all.iter().map(|item| item["position"].as_u64().unwrap()).collect();
    assert_eq!(positions, [5, 4, 3, 2, 1]);
    assert_eq!((second["next"].is_null(), &all[0]["preview"]), (true, &json!("<b>5")));
}

#[tokio::test]
async fn bad_requests_are_told_as_problem_documents() {
    let world = World::new().await;
    night(&world).await;
    let path = acknowledge("live_gwang-3_slope-failure_14007");
    let post = |content_type: &str, text: String| {
        request(Method::POST, &path).header(AUTHORIZATION, bearer(OPERATOR)).body(content_type, text)
    };
    let get = |path: &str| request(Method::GET, path).header(AUTHORIZATION, bearer(VIEWER)).empty();
    let long = format!("{{\"reason\":\"{}\"}}", "x".repeat(501));
    let table = [
        (get("/api/v1/sites?limit=0"), 400, "bad-request"),
        (get("/api/v1/sites?limit=501"), 400, "bad-request"),
        (get("/api/v1/sites?limit=many"), 400, "bad-request"),
        (get("/api/v1/incidents?state=ajar"), 400, "bad-request"),
        (get("/api/v1/incidents?site=../etc"), 400, "bad-request"),
        (get("/api/v1/deliveries?state=lost"), 400, "bad-request"),
        (get("/api/v1/events?after=x"), 400, "bad-request"),
        (get("/api/v1/sites/nowhere"), 404, "not-found"),
        (get("/api/v1/incidents/none"), 404, "not-found"),
        (get("/api/v1/incidents/%ff%fe"), 404, "not-found"),
        (request(Method::DELETE, "/api/v1/sites").header(AUTHORIZATION, bearer(VIEWER)).empty(), 405, "wrong-method"),
        (post("text/plain", "{}".into()), 415, "wrong-media"),
        (post("application/json", "{".into()), 400, "bad-request"),
        (post("application/json", r#"{"reason":7}"#.into()), 400, "bad-request"),
        (post("application/json", r#"{"because":"x"}"#.into()), 400, "bad-request"),
        (post("application/json", long), 400, "bad-request"),
        (post("application/json", "[".repeat(60_000)), 400, "bad-request"),
        (post("application/json", format!("{{\"reason\":\"{}\"}}", "x".repeat(70_000))), 413, "too-large"),
    ];
    for (asked, status, name) in table {
        let what = format!("{} {}", asked.method(), asked.uri());
        let response = world.ask(asked).await;
        assert_eq!(response.status().as_u16(), status, "{what}");
        assert_eq!(header(&response, CONTENT_TYPE), "application/problem+json", "{what}");
        let problem = read_json(response).await;
        assert_eq!(problem["type"], format!("urn:bongsu:problem:{name}"), "{what}");
        assert_eq!(problem["status"], status, "{what}");
        assert!(problem["title"].as_str().is_some_and(|title| !title.starts_with("board-")), "{what}");
        assert!(problem["instance"].as_str().is_some(), "{what}");
    }
    assert!(world.sink.given.lock().is_empty());
}

#[test]
fn every_problem_has_words_in_both_languages() {
    for kind in problem::Kind::ALL {
        for language in [alerting::catalogue::Language::Ko, alerting::catalogue::Language::En] {
            assert_ne!(alerting::catalogue::message(kind.key(), language), kind.key());
        }
    }
}

#[tokio::test]
async fn an_order_is_answered_with_the_decision_and_its_position() {
    let world = World::new().await;
    night(&world).await;
    let order = |path: &str, text: &str| {
        let asked = request(Method::POST, path).header(AUTHORIZATION, bearer(OPERATOR)).header(ACCEPT_LANGUAGE, "en");
        asked.body("application/json", text)
    };
    let path = acknowledge("live_gwang-3_slope-failure_14007");
    let answer = read_json(world.ask(order(&path, r#"{"reason":" patrol sent "}"#)).await).await;
    assert_eq!(answer, json!({"sequence": 7_000, "decision": {"accepted": true, "reason": {"ko": "받음", "en": "Taken"}}}));
    let given = world.sink.given.lock()[0].clone();
    assert_eq!((given.by.as_str(), given.reason.as_str(), given.verb.name()), ("kim", "patrol sent", "acknowledge"));

    let refused = world.ask(order(&acknowledge("live_gwang-3_slope-failure_1"), "{}")).await;
    assert_eq!(refused.status(), StatusCode::CONFLICT);
    let problem = read_json(refused).await;
    assert_eq!((&problem["detail"], &problem["sequence"]), (&json!("No such incident"), &json!(7_001)));

    let stand_down = "/api/v1/incidents/live_gwang-3_slope-failure_14007/stand-down";
    assert_eq!(world.ask(order(stand_down, "{}")).await.status(), StatusCode::BAD_REQUEST, "it takes a reason");

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
        let asked = request(Method::POST, &path).header(AUTHORIZATION, bearer(OPERATOR)).header("idempotency-key", key);
        asked.body("application/json", json!({ "reason": reason }).to_string())
    };
    let first = read_json(world.ask(order("k-1", "seen")).await).await;
    let again = read_json(world.ask(order("k-1", "seen")).await).await;
    assert_eq!(first, again);
    assert_eq!(world.sink.given.lock().len(), 1);
    assert_eq!(world.sink.given.lock()[0].id, "kim/k-1");
    let other = world.ask(order("k-1", "something else")).await;
    assert_eq!(other.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert_ne!(read_json(world.ask(order("k-2", "seen")).await).await["sequence"], first["sequence"]);
    for bad in ["", &"x".repeat(129), "a b"] {
        assert_eq!(world.ask(order(bad, "seen")).await.status(), StatusCode::BAD_REQUEST, "{bad:?}");
    }
    // An order that could not be journaled may be given again under its name.
    *world.sink.broken.lock() = Some("no".into());
    assert_eq!(world.ask(order("k-3", "seen")).await.status(), StatusCode::SERVICE_UNAVAILABLE);
    *world.sink.broken.lock() = None;
    assert_eq!(world.ask(order("k-3", "seen")).await.status(), StatusCode::OK);
}

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
            let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
            if let Some(name) = field("event:") {
                let id = field("id:").map(|id| id.parse().unwrap());
                events.push((name.to_string(), id, serde_json::from_str(field("data:").unwrap()).unwrap()));
            }
            text = rest.to_string();
        }
    }
    events
}

async fn watch(world: &World, query: &str, last: Option<&str>) -> Response {
    let mut asked = request(Method::GET, &format!("/api/v1/events{query}")).header(AUTHORIZATION, bearer(VIEWER));
    if let Some(last) = last {
        asked = asked.header("last-event-id", last);
    }
    world.ask(asked.empty()).await
}

fn step(n: u64) -> alerting::Decision {
    moved("an-1", Level::Normal, Level::Attention, 100 + n, text(&n.to_string(), &n.to_string()))
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
    let told: Vec<_> = seen.iter().filter(|event| event.0 == "decision").map(|event| event.1.unwrap()).collect();
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
    let resumed = |events: Vec<(String, Option<i64>, Value)>| events.into_iter().skip(1).map(|event| event.1).collect::<Vec<_>>();
    let all = |from: i64| (from..=9).map(Some).collect::<Vec<_>>();
    assert_eq!(resumed(events(watch(&world, "", Some("4")).await, 6).await), all(5));
    assert_eq!(resumed(events(watch(&world, "?after=7", None).await, 3).await), all(8));
    assert_eq!(resumed(events(watch(&world, "?after=1", Some("8")).await, 2).await), all(9), "where it was goes before");
    // A board started anew has nothing in memory: it reads on in the ledger.
    let app = App::new(BoardState { metrics: prometheus::Registry::new(), ..world.state.clone() }, world.stop.clone()).unwrap();
    live::refresh(&app, true).await;
    let asked = request(Method::GET, "/api/v1/events").header(AUTHORIZATION, bearer(VIEWER)).header("last-event-id", "2");
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
    for _ in 0..WATCHERS_MAX {
        streams.push(watch(&world, "", None).await);
    }
    let full = watch(&world, "", None).await;
    assert_eq!((full.status(), header(&full, RETRY_AFTER)), (StatusCode::SERVICE_UNAVAILABLE, "2"));
    drop(streams.pop());
    let stream = watch(&world, "", None).await;
    assert_eq!(stream.status(), StatusCode::OK);
    world.stop.cancel();
    let seen = events(stream, usize::MAX).await;
    assert_eq!(seen.len(), 1, "hello, then the end");
}

#[tokio::test]
async fn health_is_one_word_a_check_without_details() {
    struct Ill(Vital);
    impl Health for Ill {
        fn checks(&self) -> Vec<Check> {
            vec![Check { name: "journal".into(), vital: self.0, detail: "/var/lib/bongsu is full".into() }]
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
            assert_eq!(body(response).await, format!("{0}\njournal: {0}\n", vital.word()), "{path}");
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
    assert!(text.contains("board_requests_total{route=\"/api/v1/sites/{site}\",status=\"2xx\"} 1"), "{text}");
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
    for hidden in ["/cap/live_seo-7_slope-failure_2_1_alert.xml", "/cap/..%2fledger.sqlite", "/cap/feed.xml"] {
        assert_eq!(world.ask(request(Method::GET, hidden).empty()).await.status(), StatusCode::NOT_FOUND, "{hidden}");
    }
}

#[tokio::test]
async fn the_description_names_exactly_what_there_is() {
    let world = World::new().await;
    night(&world).await;
    let described: Value = serde_json::from_str(api::OPENAPI).unwrap();
    assert_eq!(described["openapi"], "3.1.0");
    for (path, methods) in described["paths"].as_object().unwrap() {
        let path = path.replace("{site}", "gwang-3").replace("{id}", "live_gwang-3_slope-failure_14007");
        for method in methods.as_object().unwrap().keys() {
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            let asked = request(method, &path).header(AUTHORIZATION, bearer(OPERATOR));
            let response = world.ask(asked.body("application/json", r#"{"reason":"r"}"#)).await;
            assert_eq!(response.status(), StatusCode::OK, "{path}");
        }
    }
    let here = include_str!("mod.rs");
    let served = here.matches(".route(\"/api/v1/").count();
    assert_eq!(described["paths"].as_object().unwrap().len(), served);
}

#[tokio::test]
async fn what_is_shown_has_the_described_fields() {
    let world = World::new().await;
    night(&world).await;
    let described: Value = serde_json::from_str(api::OPENAPI).unwrap();
    let schema = |name: &str| described["components"]["schemas"][name]["properties"].as_object().unwrap().clone();
    let deliveries = [owed("siren", "north", alert("gwang-3", 14_007, Level::Severe))];
    world.act([alerting::Action::Owe(deliveries[0].clone()), settled(&deliveries[0], DeliveryState::Delivered, "")]).await;
    for (path, name) in [
        ("/api/v1/sites", "Site"),
        ("/api/v1/incidents", "Incident"),
        ("/api/v1/deliveries", "Delivery"),
        ("/api/v1/balance", "Balance"),
    ] {
        let shown = world.get_json(path).await["items"][0].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(shown, schema(name).keys().cloned().collect::<Vec<_>>(), "{path}");
    }
    let incident = world.get_json("/api/v1/incidents/live_gwang-3_slope-failure_14007").await;
    let decision = incident["timeline"][0].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(decision, schema("Decision").keys().cloned().collect::<Vec<_>>());
}

#[tokio::test]
async fn a_page_that_panics_is_caught_and_counted() {
    let world = World::new().await;
    // A view that names a site the configuration does not have is a fault of ours.
    struct Falls;
    impl CommandSink for Falls {
        fn order(&self, _: Command) -> BoxFuture<'_, Result<Ordered, String>> {
            panic!("a fault of ours")
        }
    }
    let state = BoardState { commands: Arc::new(Falls), metrics: prometheus::Registry::new(), ..world.state.clone() };
    let app = App::new(state, world.stop.clone()).unwrap();
    let asked = request(Method::POST, &acknowledge("x")).header(AUTHORIZATION, bearer(OPERATOR));
    let response = tower::ServiceExt::oneshot(router(app.clone()), asked.body("application/json", "{}")).await.unwrap();
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(read_json(response).await["type"], "urn:bongsu:problem:fault");
    assert_eq!(app.metrics.panics.get(), 1);
}

#[tokio::test]
async fn a_ledger_that_cannot_be_read_is_said_and_the_rest_is_shown() {
    let world = World::new().await;
    night(&world).await;
    for end in ["", "-wal", "-shm"] {
        spoil(&world.folder.path().join(format!("ledger.sqlite{end}")));
    }
    world.publish(|_| {}).await;
    let page = world.get_page("/").await;
    assert!(page.contains("장부를 읽을 수 없습니다") && page.contains("광덕산 3지구"));
    assert_eq!(world.get("/api/v1/deliveries", VIEWER).await.status(), StatusCode::INTERNAL_SERVER_ERROR);
}

/// Overwrites a file, so that what is read from it makes no sense.
fn spoil(file: &std::path::Path) {
    use std::os::unix::fs::FileExt;
    let out = std::fs::OpenOptions::new().write(true).open(file).unwrap();
    let length = usize::try_from(out.metadata().unwrap().len()).unwrap();
    out.write_all_at(&vec![0x55; length], 0).unwrap();
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
    let page = client.get(format!("http://{address}/")).bearer_auth(VIEWER).header("accept-encoding", "gzip").send().await;
    assert_eq!(page.unwrap().headers()["content-encoding"], "gzip");
    let stream = client.get(format!("http://{address}/api/v1/events")).bearer_auth(VIEWER).send().await.unwrap();
    assert_eq!(stream.headers().get("content-encoding"), None, "events are not held back by a compressor");
    stop.cancel();
    let told = tokio::time::timeout(Duration::from_secs(20), stream.text()).await.expect("the stream ends").unwrap();
    assert!(told.starts_with("event: hello"), "{told}");
    tokio::time::timeout(Duration::from_secs(20), serving).await.expect("it stops").unwrap().unwrap();
}

/// Serves a night to look at: `cargo test --release -p bongsu look_at_the_board -- --ignored --nocapture`.
#[tokio::test]
#[ignore = "for people who want to look at the board"]
async fn look_at_the_board() {
    let calm = std::env::var_os("BOARD_CALM").is_some();
    let world = World::with(|state| {
        if !calm {
            let clock = Clock::simulated(at(2_412), 1.0);
            state.clock = Arc::new(move || clock.wall());
        }
        state.tokens = Tokens::new(vec![Token::new("kim", Role::Operator, OPERATOR).unwrap()]);
    })
    .await;
    if !calm {
        night(&world).await;
    }
    let listener = TcpListener::bind(("127.0.0.1", 18_080)).await.unwrap();
    let state = BoardState { metrics: prometheus::Registry::new(), ..world.state.clone() };
    let stop = CancellationToken::new();
    let serving = tokio::spawn(serve(listener, state, stop.clone()));
    for _ in 0..6 {
        println!("http://127.0.0.1:18080{}", world.state.tokens.one_time_link("kim", Role::Operator).unwrap());
    }
    let seconds = std::env::var("BOARD_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(600);
    for n in 0..seconds {
        tokio::time::sleep(Duration::from_secs(1)).await;
        world.publish(|overview| overview.balances[0].received += n).await;
        if n % 7 == 6 && !calm {
            world.decide([step(n)]).await;
        }
    }
    stop.cancel();
    serving.await.unwrap().unwrap();
}
