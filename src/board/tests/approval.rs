//! The approver's page: what is asked, and the answer.

use alerting::approval::{Bound, PublicText};

use super::*;
use crate::board::sessions::Holder;
use crate::people::Areas;

/// A night in which somebody has to say whether the public may hear.
async fn questioned() -> (World, String, Bound) {
    let world = World::new().await;
    night(&world).await;
    let bound = asked(&world).await;
    (world, "/incidents/live_gwang-3_slope-failure_14007/approval".into(), bound)
}

fn form(bound: &Bound, more: &str) -> String {
    let Bound { level, hash } = bound;
    format!("key=k-1&group=public&level={level}&text_hash={hash}{more}")
}

#[tokio::test]
async fn the_page_shows_what_would_be_heard_and_lets_approvers_answer() {
    let (world, path, _) = questioned().await;
    for (token, may) in [(VIEWER, false), (OPERATOR, false), (APPROVER, true)] {
        let page = body(world.get(&path, token).await).await;
        assert!(page.contains("대피하십시오") && page.contains("Go to the school"), "{page}");
        assert_eq!(page.contains("value=\"approve\""), may, "{token}");
    }
    let board = world.get_page("/").await;
    assert!(board.contains(&path), "the board leads there");
    let missing = world.get("/incidents/nothing/approval", APPROVER).await;
    assert_eq!(missing.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn g10_the_answer_is_bound_to_what_was_shown_and_given_once() {
    let (world, path, bound) = questioned().await;
    let send = |token: &str, text: String| {
        let asked = request(Method::POST, &path).header(AUTHORIZATION, bearer(token));
        world.ask(asked.body("application/x-www-form-urlencoded", text))
    };
    let approve = || form(&bound, "&verb=approve");
    assert_eq!(send(OPERATOR, approve()).await.status(), StatusCode::FORBIDDEN);
    for _ in 0..2 {
        assert_eq!(send(APPROVER, approve()).await.status(), StatusCode::OK);
    }
    let given = world.sink.given.lock().clone();
    assert_eq!(given.len(), 1, "a second tap is the same answer");
    let command = &given[0];
    assert_eq!((command.by.as_str(), command.verb.name()), ("lee", "approve"));
    assert_eq!(command.bound.as_ref(), Some(&bound));
    assert_eq!((command.text.as_ref(), command.from.as_str()), (None, "api 127.0.0.1"));
    let bad = form(&bound, "&verb=explode");
    assert_eq!(send(APPROVER, bad).await.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn words_left_as_they_are_are_no_other_words() {
    let (world, path, bound) = questioned().await;
    let words_of = |headline: &str| {
        let parts = [
            ("headline_ko", headline),
            ("headline_en", "The slope may collapse"),
            ("description_ko", "비탈면이 움직입니다."),
            ("description_en", "The slope moves."),
            ("instruction_ko", "광덕초 체육관으로 대피하십시오."),
            ("instruction_en", "Go to the school."),
        ];
        let parts = parts.map(|(name, said)| format!("&{name}={}", escaped(said)));
        form(&bound, &format!("&verb=approve{}", parts.concat()))
    };
    for (key, headline, edited) in [("a", "붕괴 위험", false), ("b", "지금 대피", true)] {
        let asked = request(Method::POST, &path).header(AUTHORIZATION, bearer(APPROVER));
        let text = words_of(headline).replace("k-1", key);
        let answer = world.ask(asked.body("application/x-www-form-urlencoded", text)).await;
        assert_eq!(answer.status(), StatusCode::OK);
        let last = world.sink.given.lock().last().unwrap().clone();
        assert_eq!(last.text.is_some(), edited, "{headline}");
    }
}

#[tokio::test]
async fn g10_words_too_long_for_a_channel_of_the_public_are_refused_with_its_name() {
    let (world, path, bound) = questioned().await;
    let api = format!("/api/v1{}", path.replace("/approval", "/approve"));
    let Bound { level, hash } = &bound;
    let order = |instruction: &str| {
        let words = PublicText { instruction: text(instruction, "Leave now"), ..words() };
        let asked = request(Method::POST, &api).header(AUTHORIZATION, bearer(APPROVER));
        world.ask(
            asked.body(
                "application/json",
                json!({ "group": "public", "level": level, "text_hash": hash, "text": words })
                    .to_string(),
            ),
        )
    };
    let long = "즉시 대피하십시오 ".repeat(20);
    let refused = order(&long).await;
    assert_eq!(refused.status(), StatusCode::CONFLICT);
    let why = read_json(refused).await["detail"].to_string();
    assert!(why.contains("siren") && why.contains("cell-broadcast-90"), "{why}");
    let edited = format!(
        "&verb=approve&headline_ko=a&headline_en=a&description_ko=a&description_en=a&instruction_ko={}&instruction_en=Leave",
        escaped(&long)
    );
    let page = form(&bound, &edited);
    let asked = request(Method::POST, &path).header(AUTHORIZATION, bearer(APPROVER));
    let shown = body(world.ask(asked.body("application/x-www-form-urlencoded", page)).await).await;
    assert!(shown.contains("siren, cell-broadcast-90"), "{shown}");
    assert_eq!(world.sink.given.lock().len(), 0, "nothing was ordered");
    assert_eq!(order("지금 대피하십시오").await.status(), StatusCode::OK);
    assert_eq!(world.sink.given.lock().len(), 1);
}

#[tokio::test]
async fn g10_emptied_words_are_not_taken_for_ours_and_a_rejection_says_why() {
    let (world, path, bound) = questioned().await;
    let empty = ["headline", "description", "instruction"]
        .map(|part| format!("&{part}_ko=&{part}_en="))
        .concat();
    for (key, more, wanted) in [
        ("a", format!("&verb=reject{empty}"), "사유를 적어야 합니다"),
        ("b", format!("&verb=reject&reason=+{empty}"), "사유를 적어야 합니다"),
    ] {
        let asked = request(Method::POST, &path).header(AUTHORIZATION, bearer(APPROVER));
        let text = form(&bound, &more).replace("k-1", key);
        let answer = world.ask(asked.body("application/x-www-form-urlencoded", text)).await;
        assert_eq!(answer.status(), StatusCode::OK);
        let shown = body(answer).await;
        assert!(shown.contains(wanted), "{shown}");
        assert_eq!(world.sink.given.lock().len(), 0, "{key}");
    }
    let asked = request(Method::POST, &path).header(AUTHORIZATION, bearer(APPROVER));
    let text = form(&bound, &format!("&verb=approve{empty}"));
    world.ask(asked.body("application/x-www-form-urlencoded", text)).await;
    let given = world.sink.given.lock().clone();
    assert!(given.iter().all(|one| one.text.as_ref() == Some(&PublicText::default())), "{given:?}");
    let refused = world.ask(
        request(Method::POST, &format!("/api/v1{}", path.replace("/approval", "/approve")))
            .header(AUTHORIZATION, bearer(APPROVER))
            .body("application/json", r#"{"reason":"yes"}"#),
    );
    assert_eq!(
        refused.await.status(),
        StatusCode::UNPROCESSABLE_ENTITY,
        "what was seen is not said"
    );
}

fn escaped(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[tokio::test]
async fn a_page_of_another_site_answers_nothing() {
    let (world, path, bound) = questioned().await;
    let person = Person { name: "lee".into(), role: Role::Approver, areas: Areas::default() };
    let holder = Holder::Given(person);
    let session = world.app.state.tokens.open_session(holder, true);
    let cookie = format!("bongsu-session={}", session.unwrap());
    for (origin, expected) in
        [("https://evil.example", StatusCode::FORBIDDEN), ("http://board.test", StatusCode::OK)]
    {
        let asked = request(Method::POST, &path).header(COOKIE, &cookie).header(ORIGIN, origin);
        let text = form(&bound, "&verb=approve");
        let answer = world.ask(asked.body("application/x-www-form-urlencoded", text)).await;
        assert_eq!(answer.status(), expected, "{origin}");
    }
    assert_eq!(world.sink.given.lock()[0].from, "board 127.0.0.1");
}
