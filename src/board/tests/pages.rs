//! What people read.

use super::*;

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

/// Something that really happens.
struct Real;

impl crate::board::Beside for Real {
    fn now(&self) -> Option<crate::board::Notice> {
        Some(crate::board::Notice {
            kind: crate::board::NoticeKind::Real,
            what: text("광덕산 3지구 경계", "Gwangdeok 3 Warning"),
            link: Some("http://live.test".into()),
        })
    }
}

#[tokio::test]
async fn g10_every_page_of_a_drill_says_that_something_really_happens() {
    let world = World::with(|state| state.beside = Arc::new(Real)).await;
    night(&world).await;
    let incident = "/incidents/live_gwang-3_slope-failure_14007/approval";
    for path in ["/", "/board/now", "/exercises", "/sign-in", incident, "/nothing"] {
        let asked = request(Method::GET, path)
            .header(AUTHORIZATION, bearer(APPROVER))
            .header(ACCEPT, "text/html")
            .header(ACCEPT_LANGUAGE, "en");
        let page = body(world.ask(asked.empty()).await).await;
        assert!(page.contains("THIS IS REAL") && page.contains("Gwangdeok 3 Warning"), "{path}");
        assert!(page.contains("live.test\">"), "{path}: where that is shown");
        assert_eq!(page.matches("THIS IS REAL").count(), 1, "{path}");
    }
    let quiet = World::new().await;
    assert!(!quiet.get_page("/?lang=en").await.contains("THIS IS REAL"));
}

#[tokio::test]
async fn the_page_speaks_the_reader_s_language() {
    let world = World::new().await;
    night(&world).await;
    type Headers = [(&'static str, &'static str)];
    let table: [(&str, &Headers, &str); 6] = [
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
        let (said, not) = if language == "ko" {
            ("광덕산 3지구", "Gwangdeok 3")
        } else {
            ("Gwangdeok 3", "광덕산 3지구")
        };
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
        let word = alerting::catalogue::lookup(
            &format!("level-{look}"),
            alerting::catalogue::Language::Ko,
        )
        .unwrap();
        assert!(
            row.contains(&format!("<use href=\"#shape-{look}\"/></svg>{word}</span>")),
            "{row}"
        );
        order.push(look);
    }
    assert_eq!(order[..6], ["severe", "warning", "caution", "unknown", "attention", "normal"]);
    let market =
        sites.split("id=\"site-old-market\"").nth(1).unwrap().split("</li>").next().unwrap();
    assert!(
        market.contains("확인불가")
            && market.contains("무응답 2&#x2f;2")
            && !market.contains("정상"),
        "{market}"
    );
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
    assert_eq!(
        page.matches("주의 → 심각").count(),
        2,
        "a level and its revision are one event, beside the incident"
    );
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
async fn g06_a_page_that_panics_is_caught_and_counted() {
    let world = World::new().await;
    struct Falls;
    impl CommandSink for Falls {
        fn order(&self, _: Order) -> BoxFuture<'_, Result<Ordered, String>> {
            panic!("a fault of ours")
        }
    }
    let state = BoardState {
        commands: Arc::new(Falls),
        metrics: prometheus::Registry::new(),
        ..world.state.clone()
    };
    let app = App::new(state, world.stop.clone()).unwrap();
    let asked = request(Method::POST, &acknowledge("x")).header(AUTHORIZATION, bearer(OPERATOR));
    let response =
        tower::ServiceExt::oneshot(router(app.clone()), asked.body("application/json", "{}"))
            .await
            .unwrap();
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
    assert_eq!(
        world.get("/api/v1/deliveries", VIEWER).await.status(),
        StatusCode::INTERNAL_SERVER_ERROR
    );
}

/// Overwrites a file, so that what is read from it makes no sense.
fn spoil(file: &std::path::Path) {
    use std::os::unix::fs::FileExt;
    let out = std::fs::OpenOptions::new().write(true).open(file).unwrap();
    let length = usize::try_from(out.metadata().unwrap().len()).unwrap();
    out.write_all_at(&vec![0x55; length], 0).unwrap();
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
        println!(
            "http://127.0.0.1:18080{}",
            world.state.tokens.one_time_link("kim", Role::Operator).unwrap()
        );
    }
    let seconds =
        std::env::var("BOARD_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(600);
    for n in 0..seconds {
        tokio::time::sleep(Duration::from_secs(1)).await;
        world
            .publish(|overview| {
                overview.balances[0].received += n;
                overview.balances[0].decoded += n;
            })
            .await;
        if n % 7 == 6 && !calm {
            world.decide([step(n)]).await;
        }
    }
    stop.cancel();
    serving.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_site_shows_its_instruments_their_past_and_its_criteria() {
    let world = World::new().await;
    night(&world).await;
    let page = world.get_page("/sites/gwang-3").await;
    assert!(page.contains("rain-1</b> 강우량") && page.contains("지연 수신"), "{page}");
    assert_eq!(page.matches("<rect class=\"bar\"").count(), 2, "a quarter of an hour of rain");
    assert!(page.contains("7.5 mm"), "in all");
    assert!(page.contains("다음 값 예상 0.05–0.15 deg"), "{page}");
    assert!(page.contains("live_gwang-3_slope-failure_14007"));
    assert!(page.contains("<nav class=\"rooms\"") && page.contains("href=\"#site\""), "the head");
    assert!(page.contains("class=\"spark\"") && page.contains("의심"), "health, and a curve");
    for range in ["7d", "30d", "1y"] {
        assert!(
            world
                .get_page(&format!("/sites/gwang-3?range={range}"))
                .await
                .contains("class=\"bar\"")
        );
    }
    for (path, status) in [
        ("/sites/gwang-3?range=ever", StatusCode::BAD_REQUEST),
        ("/sites/nowhere", StatusCode::NOT_FOUND),
        ("/sites/..%2f..%2fetc", StatusCode::NOT_FOUND),
    ] {
        assert_eq!(world.get(path, VIEWER).await.status(), status, "{path}");
    }
}

#[tokio::test]
async fn what_is_written_about_a_site_is_linked_from_its_page_and_names_are_text() {
    let document = |ko: &str, url: &str| crate::config::Document {
        name: text(ko, "Report"),
        url: url.to_owned(),
    };
    let written = vec![
        document("<b>정밀안전진단</b> 보고서", "https://files.example.kr/gwang-3?a=1&b=\"2"),
        document("준공 사진", "https://files.example.kr/photos"),
    ];
    let world =
        World::with(|state| drop(state.documents.insert("gwang-3".parse().unwrap(), written)))
            .await;
    let page = world.get_page("/sites/gwang-3").await;
    let list = page.split("id=\"documents-title\"").nth(1).expect("its documents");
    let list = list.split("</section>").next().unwrap();
    assert_eq!(list.matches("<a href=\"https:").count(), 2, "{list}");
    assert!(list.contains("&lt;b&gt;정밀안전진단") && !list.contains("<b>"), "{list}");
    assert!(list.contains("rel=\"noopener noreferrer\"") && !list.contains("b=\"2"), "{list}");
    let other = world.get_page("/sites/seo-7").await;
    assert!(!other.contains("documents-title"), "another site has none");
}
