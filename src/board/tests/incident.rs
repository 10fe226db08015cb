//! The page of one incident: what, why, who was told, and what can be done about it.

use super::*;

const PATH: &str = "/incidents/live_gwang-3_slope-failure_14007";

#[tokio::test]
async fn it_says_what_happened_why_and_who_was_told_with_what_proof() {
    let world = World::new().await;
    night(&world).await;
    let deliveries = [owed("siren", "north", alert("gwang-3", 14_007, Level::Severe))];
    world
        .act([
            alerting::Action::Owe(deliveries[0].clone()),
            settled(&deliveries[0], DeliveryState::Delivered, "sounded 180 s"),
        ])
        .await;
    let page = world.get_page(PATH).await;
    for said in
        ["광덕산 3지구", "tilt-1 경사 x 변화율 0.12", "sounded 180 s", "north", "주의 → 심각"]
    {
        assert!(page.contains(said), "{said}\n{page}");
    }
    assert!(page.contains("<svg class=\"chart\"") || page.contains("이 기간의 기록이 없습니다"));
    let english = body(world.get(&format!("{PATH}?lang=en"), OPERATOR).await).await;
    assert!(english.contains("Why this level") && english.contains("Deliveries and receipts"));
    let missing = world.get("/incidents/nothing", OPERATOR).await;
    assert_eq!(missing.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn every_order_says_beforehand_what_is_heard_by_whom() {
    let world = World::new().await;
    night(&world).await;
    asked(&world).await;
    let page = world.get_page(PATH).await;
    let ask = |verb: &str| {
        let button = page.split(&format!("data-order=\"{verb}\"")).nth(1);
        let button = button.unwrap_or_else(|| panic!("{verb}\n{page}"));
        button.split("data-ask=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
    };
    let down = ask("stand-down");
    assert!(down.contains("duty-hook (duty)") && down.contains("siren (duty)"), "{down}");
    assert!(ask("note").contains("알림을 받는 사람은 없습니다"));
    assert!(ask("acknowledge").contains("호출이 멈춥니다"));
    assert!(!page.contains("value=\"approve\""), "an operator approves nothing");
    let page = body(world.get(PATH, APPROVER).await).await;
    assert!(page.contains("cap (duty), siren (duty)"), "who would hear the words: {page}");
    assert!(page.contains("value=\"approve\"") && page.contains("value=\"reject\""));
    let looked = body(world.get(PATH, VIEWER).await).await;
    assert!(!looked.contains("data-order=") && !looked.contains("value=\"approve\""));
}

#[tokio::test]
async fn a_page_on_which_nothing_changed_is_drawn_the_same_and_its_form_stays() {
    let world = World::new().await;
    night(&world).await;
    asked(&world).await;
    let drawn = async || body(world.get(&format!("{PATH}/now"), APPROVER).await).await;
    let first = drawn().await;
    assert!(first.contains("value=\"approve\""), "{first}");
    assert_eq!(first, drawn().await);
    // Whoever watches compares this with what events bring, and draws again where they differ.
    let mark = format!("data-mark=\"{}\"", world.app.live.facts().mark);
    assert!(first.contains(&mark), "{mark}\n{first}");
}

#[tokio::test]
async fn what_channels_would_say_is_counted_and_judged_before_it_goes_out() {
    let world = World::new().await;
    night(&world).await;
    asked(&world).await;
    let page = world.get_page(PATH).await;
    assert!(page.contains("재난문자 90자") && page.contains("광덕초 체육관"), "{page}");
    let ask = |instruction: &str| {
        let said = json!({ "level": "severe", "text": {
            "headline": { "ko": "붕괴 위험", "en": "a" },
            "description": { "ko": "나", "en": "b" },
            "instruction": { "ko": instruction, "en": "Leave." },
        }});
        let asked = request(Method::POST, &format!("/api/v1{PATH}/drafts"));
        let asked = asked.header(AUTHORIZATION, bearer(OPERATOR));
        world.ask(asked.body("application/json", said.to_string()))
    };
    let short = read_json(ask("대피하십시오.").await).await;
    let draft = &short["items"][0];
    assert_eq!((draft["channel"].as_str(), draft["fits"].as_bool()), (Some("siren"), Some(true)));
    assert_eq!(draft["characters"], draft["text"].as_str().unwrap().chars().count());
    let long = read_json(ask(&"대피하십시오. ".repeat(30)).await).await;
    let judged = read_json(ask("계측 센서를 확인하십시오.").await).await;
    let faults = |answer: &Value| answer["items"][0]["faults"].to_string();
    assert!(long["items"][0]["fits"] == false || !faults(&long).is_empty(), "{long}");
    assert!(faults(&judged).contains("계측"), "{judged}");
    assert_eq!(world.sink.given.lock().len(), 0, "nothing is ordered by asking");
    let empty = read_json(ask("").await).await;
    assert_ne!(empty["complaints"], json!([]), "and it says what would be refused");
}

#[tokio::test]
async fn what_a_page_leaves_out_is_said_and_where_it_is() {
    let world = World::new().await;
    night(&world).await;
    let page = world.get_page(PATH).await;
    assert!(!page.contains("최근 200건만") && !page.contains("최근 1000건만"));
    let revised = alert("gwang-3", 14_007, Level::Severe);
    let owed = (0..201)
        .map(|n| alerting::Action::Owe(owed("siren", &format!("north-{n}"), revised.clone())));
    world.act(owed).await;
    let noted = |n: u64| {
        moved("gwang-3", Level::Severe, Level::Severe, 2_031, text(&n.to_string(), "note"))
    };
    world.decide((0..1_001).map(noted)).await;
    let page = world.get_page(PATH).await;
    let section = |id: &str| {
        let from = page.split(&format!("id=\"{id}\"")).nth(1).unwrap();
        from.split("</section>").next().unwrap().to_owned()
    };
    let deliveries = section("deliveries");
    assert!(deliveries.contains("최근 200건만") && deliveries.contains("200+"), "{deliveries}");
    assert!(deliveries.contains("/reports/incidents/live_gwang-3_slope-failure_14007"));
    let timeline = section("timeline");
    assert!(timeline.contains("최근 1000건만") && timeline.contains("/administration/audit?q="));
    let shown = world.get_json(&format!("/api/v1{PATH}")).await;
    assert_eq!(
        (shown["timeline"].as_array().unwrap().len(), &shown["timeline_has_older"]),
        (1_000, &true.into())
    );
}
