//! What somebody may send who means no good: refused, bounded, and told without secrets.

use std::io::Write;

use super::weight::PAGES;
use super::*;
use crate::inspections::{NewWork, Work};

/// A log that can be read.
#[derive(Clone, Default)]
struct Log(Arc<parking_lot::Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// Collects what this thread says from now on, at every level.
    fn begin(&self) -> tracing::subscriber::DefaultGuard {
        let log = self.clone();
        let told = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_writer(move || log.clone())
            .finish();
        tracing::subscriber::set_default(told)
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock()).into_owned()
    }
}

#[tokio::test]
async fn forged_tokens_and_cookies_open_nothing_and_no_secret_is_in_the_log() {
    let log = Log::default();
    let _said = log.begin();
    let world = World::new().await;
    world.add_user("jang", Role::Operator, "all").await;
    let (_, cookie) = world.sign_in("jang", PASSWORD, "").await;
    let (name, secret) = cookie.split_once('=').unwrap();
    let turned: String = secret.chars().rev().collect();
    let long = "x".repeat(60_000);
    for forged in [
        format!("{name}={turned}"),
        format!("{name}={}", &secret[1..]),
        format!("{name}={secret}x"),
        format!("{name}=; {name}="),
        format!("{name}=../../ledger.sqlite"),
        format!("{name}={long}"),
        format!("x{name}={secret}"),
    ] {
        let asked = request(Method::GET, "/api/v1/sites").header(COOKIE, &forged);
        let answer = world.ask(asked.empty()).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{:.80}", forged);
    }
    for (number, forged) in [
        format!("Bearer {}", &OPERATOR[1..]),
        format!("Bearer {OPERATOR}x"),
        format!("bearer: {OPERATOR}"),
        format!("Basic {OPERATOR}"),
        "Bearer ".into(),
        format!("Bearer {long}"),
    ]
    .into_iter()
    .enumerate()
    {
        let asked = request(Method::GET, "/api/v1/sites").header(AUTHORIZATION, &forged);
        let answer = world.ask(asked.empty()).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{number}");
        assert!(!body(answer).await.contains(&OPERATOR[1..]), "{number}");
    }
    // the address is no place for a token
    let asked = request(Method::GET, &format!("/api/v1/sites?token={OPERATOR}")).empty();
    assert_eq!(world.ask(asked).await.status(), StatusCode::UNAUTHORIZED);
    world.sign_in("jang", "not-the-password-9x2k", "").await;
    assert_eq!(world.get("/", OPERATOR).await.status(), StatusCode::OK);
    let said = log.text();
    for secret in [&OPERATOR[1..], secret, PASSWORD, "not-the-password-9x2k"] {
        assert!(!said.contains(secret), "{said}");
    }
    // signed out is out, whoever kept the cookie
    let out = request(Method::POST, "/sign-out").header(ORIGIN, "http://board.test");
    world.ask(out.header(COOKIE, &cookie).empty()).await;
    let replayed = request(Method::GET, "/api/v1/sites").header(COOKIE, &cookie);
    assert_eq!(world.ask(replayed.empty()).await.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn names_and_notes_are_text_on_every_page() {
    let world = World::new().await;
    night(&world).await;
    asked(&world).await;
    let hostile = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{ 7*7 }}";
    world
        .publish(|overview| {
            let mut setup = alerting::setup::Setup::clone(&overview.setup);
            let renamed = |site: &reading::registry::Site| reading::registry::Site {
                name: text(hostile, hostile),
                area: text(hostile, hostile),
                ..site.clone()
            };
            let sites = setup.registry.sites().iter().map(renamed).collect();
            setup.registry = reading::Registry::new(sites, vec![]);
            (overview.latest, overview.stations) = (vec![], vec![]);
            overview.setup = Arc::new(setup);
        })
        .await;
    let work =
        NewWork { site: "gwang-3", incident: "", kind: Work::Repair, what: hostile, due: "" };
    let written = world.state.inspections.once(hostile, hostile, |changes| {
        let id = changes.order(&work, hostile, at(0))?;
        changes.note("gwang-3", id, hostile, "kim", at(1))
    });
    written.unwrap();
    world.decide([moved("an-1", Level::Normal, Level::Severe, 100, text(hostile, hostile))]).await;
    world.ledger.audit(at(5), "note", &json!({ "said": hostile })).unwrap();
    let position = world.ledger.position() + 1;
    let batch = delivery::Batch {
        quarantine: vec![quarantined(position, hostile, hostile)],
        ..delivery::Batch::default()
    };
    world.ledger.commit(position, at(position), &batch).unwrap();
    let mut told = 0;
    for path in PAGES {
        let page = body(world.get(path, ADMINISTRATOR).await).await;
        assert!(!page.contains("<script>") && !page.contains("<img src=x"), "{path}\n{page}");
        assert!(!page.contains("\"'><") && !page.contains("alert(1)</script>49"), "{path}");
        told += usize::from(page.contains("&lt;script&gt;"));
    }
    assert!(told >= 8, "{told} pages tell it, as text");
}

#[tokio::test]
async fn paths_lead_nowhere_but_where_they_say() {
    let world = World::new().await;
    night(&world).await;
    for path in [
        "/assets/../mod.rs",
        "/assets/..%2f..%2fetc%2fpasswd",
        "/assets/%2e%2e%2fboard.css",
        "/cap/..%2fledger.sqlite",
        "/cap/%2e%2e%2fboard-token",
        "/photos/..%2f..%2fboard-token",
        "/photos/%00",
        "/sites/..%2f..%2fetc",
        "/sites/%F0%9F%98%80",
        "/reports/incidents/..%2fx",
        "/administration/rules/..%2f..%2fetc",
        "/api/v1/proposals/..%2f..%2fetc",
        "/api/v1/exercises/..%2f..%2fetc/report/x",
        "/open/..%2fledger.sqlite",
        "/ogc/collections/..%2fx/items",
    ] {
        let status = world.get(path, ADMINISTRATOR).await.status();
        assert!(
            matches!(status, StatusCode::NOT_FOUND | StatusCode::BAD_REQUEST),
            "{path}: {status}"
        );
    }
}

#[tokio::test]
async fn what_asks_for_too_much_is_refused_or_given_a_page() {
    let world = World::new().await;
    night(&world).await;
    let series = "/api/v1/series/gwang-3/box-1/rain-1/rain/readings";
    for (path, refused) in [
        (format!("{series}?from=1700-01-01T00:00:00Z&to=2200-01-01T00:00:00Z"), false),
        (format!("{series}?from=1700-01-01T00:00:00Z&every=1min"), false),
        (format!("{series}?limit=4294967295"), true),
        ("/api/v1/incidents?limit=501".into(), true),
        ("/api/v1/deliveries?limit=99999999999999999999".into(), true),
        ("/api/v1/audit?after=-9223372036854775808".into(), false),
        ("/api/v1/quarantine?before=9223372036854775807".into(), false),
        ("/api/v1/rules?limit=0".into(), true),
        ("/api/v1/inspections?limit=501".into(), true),
        ("/reports/shift?hours=73".into(), true),
        ("/reports/month?month=9999-12".into(), false),
        ("/reports/month?month=0001-01".into(), false),
        ("/ogc/collections/sites/items?limit=1000000000".into(), false),
        ("/ogc/collections/sites/items?bbox=-1e308,-1e308,1e308,1e308".into(), false),
        ("/ogc/collections/alerts/items?datetime=../..".into(), false),
        (format!("/administration/audit?q={}", "%25".repeat(5_000)), false),
        (format!("/administration/audit?q={}", "%F0%9F%98%80".repeat(500)), false),
    ] {
        let answer = world.get(&path, ADMINISTRATOR).await;
        let status = answer.status();
        assert!(!status.is_server_error(), "{path:.100}: {status}");
        if refused {
            assert_eq!(status, StatusCode::BAD_REQUEST, "{path:.100}");
        }
        let bytes = axum::body::to_bytes(answer.into_body(), 2 << 20).await;
        assert!(bytes.is_ok(), "{path:.100}: more than two megabytes");
    }
    let big = json!({ "reason": "x".repeat(70_000) }).to_string();
    for path in [
        acknowledge("live_gwang-3_slope-failure_14007"),
        "/api/v1/silences".into(),
        "/api/v1/sites/gwang-3/inspections".into(),
        "/api/v1/sites/gwang-3/rules".into(),
        "/api/v1/users".into(),
    ] {
        let asked = request(Method::POST, &path).header(AUTHORIZATION, bearer(ADMINISTRATOR));
        let answer = world.ask(asked.body("application/json", big.as_str())).await;
        assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE, "{path}");
    }
    let deep = format!("{}{}", "[".repeat(30_000), "]".repeat(30_000));
    let asked = request(Method::POST, &acknowledge("live_gwang-3_slope-failure_14007"));
    let asked = asked.header(AUTHORIZATION, bearer(OPERATOR)).body("application/json", deep);
    assert_eq!(world.ask(asked).await.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn nothing_is_kept_for_a_slow_watcher_and_it_misses_nothing() {
    let world = World::new().await;
    let asked = request(Method::GET, "/api/v1/events").header(AUTHORIZATION, bearer(VIEWER));
    let mut stream = world.ask(asked.empty()).await.into_body().into_data_stream();
    // more than is kept in memory for those who come back, while it takes nothing
    for n in 0..1_100 {
        world.ledger.commit(n + 1, at(n + 1), &batch(n)).unwrap();
    }
    world.decide([step(1_100)]).await;
    while world.app.live.facts().last_decision < Some(1_101) {
        live::refresh(&world.app, live::Look::Tick).await;
    }
    let (mut text, mut last) = (String::new(), 0);
    while last < 1_101 {
        let bytes = tokio::time::timeout(Duration::from_secs(30), stream.next()).await;
        text.push_str(std::str::from_utf8(&bytes.unwrap().unwrap().unwrap()).unwrap());
        while let Some((event, rest)) = text.split_once("\n\n") {
            if let Some(id) = event.lines().find_map(|line| line.strip_prefix("id:")) {
                let id: i64 = id.trim().parse().unwrap();
                assert_eq!(id, last + 1, "in order and without a gap");
                last = id;
            }
            text = rest.to_owned();
        }
    }
}

fn batch(n: u64) -> delivery::Batch {
    let mut batch = delivery::Batch::default();
    batch.decided(n + 1, [alerting::Action::Decide(step(n))]);
    batch
}
