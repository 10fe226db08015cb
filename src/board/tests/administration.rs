//! The pages of those who run bongsu.

use super::*;

async fn page(world: &World, path: &str, token: &str) -> String {
    let response = world.get(path, token).await;
    assert_eq!(response.status(), StatusCode::OK, "{path}");
    body(response).await
}

#[tokio::test]
async fn every_room_says_what_stands_in_it() {
    let world = World::new().await;
    night(&world).await;
    for (room, said) in [
        ("", &["desk", "field", "48214", "대기열과 읽은 위치", "inspections"][..]),
        ("/channels", &["north", "answered: silent", "/api/v1/channels/siren/test"]),
        ("/stations", &["gwang-3/box-1", "12.7 V", "1.2.0"]),
        ("/quarantine", &["격리 자료", "다시 판독하면"]),
        ("/rules", &["판정 기준"]),
        ("/standing", &["알림 중지", "/api/v1/silences"]),
        ("/duty", &["당직표"]),
        ("/audit", &["gwang-3"]),
    ] {
        let path = format!("/administration{room}");
        let korean = page(&world, &path, OPERATOR).await;
        for said in said {
            assert!(
                korean.contains(&said.replace('/', "&#x2f;")) || korean.contains(said),
                "{path}: {said}\n{korean}"
            );
        }
        let english = page(&world, &format!("{path}?lang=en"), OPERATOR).await;
        assert!(
            english.contains("<html lang=\"en\">") && english.contains("Administration"),
            "{path}"
        );
    }
    let looked = page(&world, "/administration/channels", VIEWER).await;
    assert!(!looked.contains("data-post"), "a viewer is offered no tests");
    assert!(!page(&world, "/administration/standing", VIEWER).await.contains("data-post"));
}

#[tokio::test]
async fn who_can_be_reached_is_shown_to_those_who_act_and_that_they_read_it_is_in_the_trail() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("contacts.csv");
    let table = "id,name,role,areas,phone\nhan,한 주무관 <b>,officer,30,010-1234-5678\nlee,이 반장,head,gwang-3,010-8765-4321\nbad,,officer,,\n";
    std::fs::write(&file, table).unwrap();
    let contacts = Some(Arc::new(delivery::contacts::Directory::new(file.clone())));
    let world = World::with(|state| state.contacts = contacts).await;
    let path = "/administration/contacts";
    assert_eq!(world.get(path, VIEWER).await.status(), StatusCode::FORBIDDEN);
    let all = page(&world, path, OPERATOR).await;
    assert!(all.contains("한 주무관 &lt;b&gt;") && all.contains("이 반장"), "{all}");
    assert!(all.contains("neither phone nor mail"), "what is left out is said: {all}");
    let some = page(&world, &format!("{path}?q=head"), OPERATOR).await;
    assert!(some.contains("이 반장") && !some.contains("한 주무관"), "{some}");
    let trail = world.ledger.audit_after(0, 100).unwrap();
    let reads = trail.iter().filter(|row| row.kind == "contacts" && row.body.contains("kim"));
    assert_eq!(reads.count(), 2, "{trail:?}");
    std::fs::remove_file(file).unwrap();
    let gone = world.get(path, OPERATOR).await;
    assert_eq!(gone.status(), StatusCode::SERVICE_UNAVAILABLE);
    let none = World::new().await;
    assert!(page(&none, path, OPERATOR).await.contains("연락처 파일이 설정되어"));
}

#[tokio::test]
async fn queues_and_cursors_are_those_of_the_metrics() {
    let world = World::new().await;
    let lag = prometheus::IntGaugeVec::new(
        prometheus::Opts::new("journal_reader_lag_records", "h"),
        &["reader"],
    )
    .unwrap();
    world.state.metrics.register(Box::new(lag.clone())).unwrap();
    lag.with_label_values(&["history"]).set(1_234);
    let page = page(&world, "/administration", VIEWER).await;
    let row = page.split("<td>history</td>").nth(1).unwrap();
    assert!(row.starts_with("<td>1234</td>"), "{page}");
}

#[tokio::test]
async fn the_trail_is_searched_by_words() {
    let world = World::new().await;
    night(&world).await;
    let rows = |page: &str| page.matches("<tr>").count();
    let all = page(&world, "/administration/audit", OPERATOR).await;
    let some = page(&world, "/administration/audit?q=seo-7", OPERATOR).await;
    let none = page(&world, "/administration/audit?q=%25nothing_", OPERATOR).await;
    assert!(rows(&all) > rows(&some) && rows(&some) > 1, "{} {}", rows(&all), rows(&some));
    assert!(some.contains("value=\"seo-7\"") && none.contains("없습니다"));
    let hostile = page(&world, "/administration/audit?q=%22%3E%3Cscript%3E", OPERATOR).await;
    assert!(!hostile.contains("<script>"));
}

#[tokio::test]
async fn an_administrator_adds_changes_and_erases_users_and_nobody_themselves() {
    let world = World::new().await;
    let post = |path: &str, said: Value| {
        let asked = request(Method::POST, path).header(AUTHORIZATION, bearer(ADMINISTRATOR));
        world.ask(asked.body("application/json", said.to_string()))
    };
    let new = json!({ "id": "han", "role": "operator", "areas": "30", "name": "한 주무관", "phone": "010-0000-0000" });
    let added = read_json(post("/api/v1/users", new.clone()).await).await;
    let password = added["password"].as_str().unwrap().to_owned();
    let (response, _) = world.sign_in("han", &password, "").await;
    assert_eq!(response.status(), StatusCode::SEE_OTHER, "the first password opens");
    let people = page(&world, "/administration/people", ADMINISTRATOR).await;
    assert!(people.contains("한 주무관") && people.contains("010-0000-0000"), "{people}");
    assert!(!people.contains(&password), "it is shown once");
    for (said, status) in [
        (new, StatusCode::CONFLICT),
        (json!({ "id": "Not An Id", "role": "viewer" }), StatusCode::UNPROCESSABLE_ENTITY),
        (json!({ "id": "x", "role": "king" }), StatusCode::UNPROCESSABLE_ENTITY),
        (json!({ "id": "x", "role": "viewer", "areas": "?" }), StatusCode::UNPROCESSABLE_ENTITY),
        (json!({ "id": "x", "role": "viewer", "password": "p" }), StatusCode::BAD_REQUEST),
    ] {
        assert_eq!(post("/api/v1/users", said.clone()).await.status(), status, "{said}");
    }
    let change = |what: &str| post("/api/v1/users/han", json!({ "what": what }));
    assert_eq!(change("approver").await.status(), StatusCode::OK);
    let roster = world.state.tokens.store().unwrap().roster().unwrap();
    assert_eq!(roster.user("han").unwrap().role, Role::Approver);
    assert_eq!(change("disable").await.status(), StatusCode::OK);
    let (response, _) = world.sign_in("han", &password, "").await;
    assert_ne!(response.status(), StatusCode::SEE_OTHER, "and is let in no more");
    assert_eq!(change("erase").await.status(), StatusCode::OK);
    assert!(!page(&world, "/administration/people", ADMINISTRATOR).await.contains("한 주무관"));
    assert_eq!(change("king").await.status(), StatusCode::BAD_REQUEST);
    let nobody = post("/api/v1/users/nobody", json!({ "what": "disable" })).await;
    assert_eq!(nobody.status(), StatusCode::NOT_FOUND);
    let own = post("/api/v1/users/choi", json!({ "what": "viewer" })).await;
    assert_eq!(own.status(), StatusCode::CONFLICT);
}

#[tokio::test]
async fn what_somebody_sees_is_reported_from_the_page_of_the_site() {
    let world = World::new().await;
    night(&world).await;
    let site = world.get_page("/sites/gwang-3").await;
    assert!(
        site.contains("data-post=\"/api/v1/sites/gwang-3/reports\"") || site.contains("reports\""),
        "{site}"
    );
    assert!(site.contains("value=\"cracks\"") && site.contains("현장에서 본 것 알리기"));
    let looked = body(world.get("/sites/gwang-3", VIEWER).await).await;
    assert!(!looked.contains("현장에서 본 것 알리기"));
}
