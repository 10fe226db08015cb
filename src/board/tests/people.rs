//! Users: how they come in, what ends that, and what is kept of it.

use super::*;
use crate::people::Scope;

fn page(path: &str, cookie: &str) -> axum::http::Request<axum::body::Body> {
    request(Method::GET, path).header(ACCEPT, "text/html").header(COOKIE, cookie).empty()
}

fn form(path: &str, cookie: &str, text: &str) -> axum::http::Request<axum::body::Body> {
    let asked = request(Method::POST, path)
        .header(ACCEPT, "text/html")
        .header(ORIGIN, "http://board.test")
        .header(COOKIE, cookie);
    asked.body("application/x-www-form-urlencoded", text)
}

/// What the trail has of a kind, oldest first.
async fn trail(world: &World, kind: &str) -> Vec<Value> {
    crate::board::keeper::turn(&world.app).await.unwrap();
    let rows = world.ledger.audit_after(0, 1_000).unwrap();
    let rows = rows.into_iter().filter(|row| row.kind == kind);
    rows.map(|row| serde_json::from_str(&row.body).unwrap()).collect()
}

#[tokio::test]
async fn a_first_password_lets_nobody_further_than_to_the_next() {
    let world = World::new().await;
    night(&world).await;
    world.add_user("hong", Role::Operator, "all").await;
    let tokens = &world.state.tokens;
    let first = tokens.hasher().hash("erster-gang-9x2k").unwrap();
    let now = tokens.clock().wall();
    tokens.store().unwrap().set_password("hong", &first, true, "test", now).unwrap();
    tokens.changed().unwrap();
    let (response, cookie) = world.sign_in("hong", "erster-gang-9x2k", "").await;
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    let board = world.ask(page("/", &cookie)).await;
    assert_eq!((board.status(), header(&board, LOCATION)), (StatusCode::SEE_OTHER, "/account"));
    let api = request(Method::GET, "/api/v1/sites").header(COOKIE, &cookie).empty();
    let api = world.ask(api).await;
    assert_eq!(api.status(), StatusCode::FORBIDDEN);
    assert_eq!(read_json(api).await["type"], "urn:bongsu:problem:password-change");
    assert_eq!(world.ask(page("/account", &cookie)).await.status(), StatusCode::OK);

    let change = |current: &str, fresh: &str, again: &str| {
        let text = format!("current={current}&fresh={fresh}&again={again}").replace(' ', "+");
        world.ask(form("/account/password", &cookie, &text))
    };
    for (current, fresh, again) in [
        ("erster-gang-9x2k", "too short", "too short"),
        ("erster-gang-9x2k", PASSWORD, "something other"),
        ("erster-gang-9x2k", "erster-gang-9x2k", "erster-gang-9x2k"),
        ("erster-gang-9x2k", "my name is hong1", "my name is hong1"),
        ("not the password", PASSWORD, PASSWORD),
    ] {
        let refused = change(current, fresh, again).await;
        assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY, "{current} {fresh}");
        assert!(!body(refused).await.contains("erster-gang"), "a password is never shown");
    }
    let done = change("erster-gang-9x2k", PASSWORD, PASSWORD).await;
    assert_eq!(header(&done, LOCATION), "/account?done=password");
    let fresh = header(&done, SET_COOKIE).split(';').next().unwrap().to_owned();
    assert_eq!(world.ask(page("/", &fresh)).await.status(), StatusCode::OK);
    assert_eq!(header(&world.ask(page("/", &cookie)).await, LOCATION), "/sign-in?next=/");
    let (old, _) = world.sign_in("hong", "erster-gang-9x2k", "").await;
    assert_eq!(old.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_second_factor_is_set_up_and_then_asked_for_and_used_once() {
    let world = World::new().await;
    world.add_user("lee2", Role::Approver, "all").await;
    let (_, cookie) = world.sign_in("lee2", PASSWORD, "").await;
    let shown = body(world.ask(page("/account", &cookie)).await).await;
    let key = crate::board::tokens::Digest::of(cookie.split_once('=').unwrap().1);
    let factor = world.state.tokens.factor_to_be(&key).unwrap().unwrap();
    assert!(shown.contains(&factor.text()), "the page shows the secret until it is confirmed");
    let now = || world.state.tokens.clock().wall();
    let set_up = |password: &str, code: &str| {
        let text = format!("password={password}&code={code}").replace(' ', "+");
        world.ask(form("/account/second-factor", &cookie, &text))
    };
    let wrong = set_up(PASSWORD, "000000").await.status();
    assert_eq!(wrong, StatusCode::UNPROCESSABLE_ENTITY);
    let wrong = set_up("another password", &factor.code(now())).await.status();
    assert_eq!(wrong, StatusCode::UNPROCESSABLE_ENTITY);
    let code = factor.code(now());
    assert_eq!(set_up(PASSWORD, &code).await.status(), StatusCode::OK);
    assert_eq!(set_up(PASSWORD, &code).await.status(), StatusCode::FORBIDDEN, "it is set up");

    for (code, status) in [
        (String::new(), StatusCode::UNAUTHORIZED),
        ("123".into(), StatusCode::UNAUTHORIZED),
        (code, StatusCode::UNAUTHORIZED),
    ] {
        let (response, cookie) = world.sign_in("lee2", PASSWORD, &code).await;
        assert_eq!((response.status(), &*cookie), (status, ""), "{code}");
    }
    world.clock.advance(Duration::from_secs(60));
    let code = factor.code(now());
    assert_eq!(world.sign_in("lee2", PASSWORD, &code).await.0.status(), StatusCode::SEE_OTHER);
    let (again, _) = world.sign_in("lee2", PASSWORD, &code).await;
    assert_eq!(again.status(), StatusCode::UNAUTHORIZED, "a code is used once");
    let users = trail(&world, "user").await;
    let whats: Vec<_> = users.iter().map(|entry| entry["what"].as_str().unwrap()).collect();
    assert_eq!(whats, ["added", "password", "second-factor"]);
    let signed_in = trail(&world, "sign-in").await;
    let seconds: Vec<_> = signed_in.iter().map(|entry| entry["second_factor"] == true).collect();
    assert_eq!(seconds, [false, true]);
}

#[tokio::test]
async fn guesses_are_slowed_down_before_they_are_looked_at() {
    let world = World::new().await;
    world.add_user("hong", Role::Operator, "all").await;
    for n in 0..10 {
        let (response, _) = world.sign_in("hong", &format!("a guess number {n}"), "").await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{n}");
    }
    let (barred, _) = world.sign_in("hong", PASSWORD, "").await;
    assert_eq!(barred.status(), StatusCode::TOO_MANY_REQUESTS, "even the right one");
    assert_eq!(header(&barred, RETRY_AFTER), "60");
    world.clock.advance(Duration::from_secs(60));
    assert_eq!(world.sign_in("hong", PASSWORD, "").await.0.status(), StatusCode::SEE_OTHER);
    for (user, password) in [("nobody", PASSWORD), ("hong", ""), ("", ""), ("HONG'--", "x")] {
        let (response, cookie) = world.sign_in(user, password, "").await;
        assert_eq!((response.status(), &*cookie), (StatusCode::UNAUTHORIZED, ""), "{user}");
    }
    assert_eq!(world.sign_in("Hong", PASSWORD, "").await.0.status(), StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn whoever_fails_in_a_user_s_place_keeps_them_out_of_no_browser_that_knows_them() {
    let world = World::new().await;
    world.add_user("hong", Role::Operator, "all").await;
    let (first, _) = world.sign_in("hong", PASSWORD, "").await;
    let cookies = first.headers().get_all(SET_COOKIE).iter();
    let device = cookies.map(|cookie| cookie.to_str().unwrap()).find(|it| it.contains("device"));
    let device = device.expect("the browser is told what it is called");
    for said in ["HttpOnly", "SameSite=Strict", "Path=/sign-in;", "Max-Age=15552000"] {
        assert!(device.contains(said), "{device}");
    }
    let device = device.split(';').next().unwrap().to_owned();
    assert!(!device.contains("hong"), "it names nobody: {device}");
    for _ in 0..3 {
        for _ in 0..10 {
            world.sign_in("hong", "a guess", "").await;
        }
        world.clock.advance(Duration::from_secs(60));
    }
    let (stranger, _) = world.sign_in("hong", PASSWORD, "").await;
    assert_eq!(stranger.status(), StatusCode::TOO_MANY_REQUESTS);
    let sign_in = async |cookie: &str| {
        let asked = request(Method::POST, "/sign-in")
            .header("origin", "http://board.test")
            .header(COOKIE, cookie);
        let form = format!("user=hong&password={}", PASSWORD.replace(' ', "+"));
        world.ask(asked.body("application/x-www-form-urlencoded", form)).await.status()
    };
    let turned: String = device.chars().rev().collect();
    let forged = format!("bongsu-device={turned}");
    assert_eq!(sign_in(&forged).await, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(sign_in(&device).await, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn who_knows_the_password_alone_does_not_guess_codes_for_long() {
    let world = World::new().await;
    world.add_user("jang", Role::Approver, "all").await;
    world.add_factor("jang");
    let mut asked = 0;
    let barred = loop {
        for _ in 0..8 {
            let (half, _) = world.sign_in("jang", PASSWORD, "").await;
            assert_ne!(half.status(), StatusCode::SEE_OTHER);
            let (guess, _) = world.sign_in("jang", PASSWORD, "000000").await;
            asked += 1;
            if guess.status() == StatusCode::TOO_MANY_REQUESTS {
                break;
            }
        }
        world.clock.advance(Duration::from_secs(60));
        let (next, _) = world.sign_in("jang", PASSWORD, "000000").await;
        asked += 1;
        if next.status() == StatusCode::TOO_MANY_REQUESTS || asked > 100 {
            break next;
        }
    };
    assert_eq!(
        barred.status(),
        StatusCode::TOO_MANY_REQUESTS,
        "from an address that is not theirs"
    );
    assert!(asked <= 30, "{asked}");
}

#[tokio::test]
async fn passwords_wait_their_turn_for_a_while_only() {
    let world = World::new().await;
    world.add_user("hong", Role::Operator, "all").await;
    let turns = world.app.hashing.acquire_many(crate::board::HASHING_MAX as u32).await.unwrap();
    let (busy, _) = world.sign_in("hong", PASSWORD, "").await;
    assert_eq!(busy.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(header(&busy, RETRY_AFTER), "3");
    drop(turns);
    assert_eq!(world.sign_in("hong", PASSWORD, "").await.0.status(), StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn what_a_token_opened_ends_with_it() {
    let world = World::new().await;
    world.add_user("hong", Role::Operator, "all").await;
    let tokens = &world.state.tokens;
    let (store, now) = (tokens.store().unwrap(), tokens.clock().wall());
    let (digest, text) = Token::made().unwrap();
    let expires_at = now.plus(Duration::from_secs(3_600));
    let (name, user) = ("order".into(), "hong".into());
    let row = crate::people::TokenRow { name, user, scope: Scope::Order, expires_at };
    store.add_token(&row, &digest, "test", now).unwrap();
    tokens.changed().unwrap();

    let given = request(Method::POST, "/sign-in")
        .body("application/x-www-form-urlencoded", format!("token={text}"));
    let cookie = header(&world.ask(given).await, SET_COOKIE).split(';').next().unwrap().to_owned();
    assert_eq!(world.ask(page("/", &cookie)).await.status(), StatusCode::OK);
    let events = world.get("/api/v1/events", &text).await;
    let mut watched = events.into_body().into_data_stream();
    assert!(watched.next().await.is_some(), "hello");

    store.revoke_token("order", "test", now).unwrap();
    tokens.changed().unwrap();
    assert_eq!(world.ask(page("/", &cookie)).await.status(), StatusCode::SEE_OTHER);
    world.publish(|overview| overview.sequence += 1).await;
    let rest = tokio::time::timeout(Duration::from_secs(20), watched.collect::<Vec<_>>()).await;
    assert!(rest.expect("the stream ends").is_empty(), "and tells nothing more");
}

#[tokio::test]
async fn sessions_survive_a_restart_and_end_with_what_they_hang_on() {
    let world = World::new().await;
    for user in ["hong", "lee2"] {
        world.add_user(user, Role::Operator, "all").await;
    }
    let (_, desk) = world.sign_in("hong", PASSWORD, "").await;
    let (_, phone) = world.sign_in("hong", PASSWORD, "").await;
    let (_, other) = world.sign_in("lee2", PASSWORD, "").await;
    world.app.state.tokens.keep_sessions().unwrap();
    let store = crate::people::Store::open(world.folder.path()).unwrap();
    assert_eq!(store.sessions().unwrap().len(), 3);
    let kept = crate::people::Store::open(world.folder.path()).unwrap();
    let again = Tokens::on(vec![], Some(kept), world.clock.clone(), crate::people::Hasher::light());
    let again = again.taken_up().unwrap();
    let key = |cookie: &str| crate::board::tokens::Digest::of(cookie.split_once('=').unwrap().1);
    for (cookie, id) in [(&desk, "hong"), (&phone, "hong"), (&other, "lee2")] {
        assert_eq!(&*again.session(&key(cookie)).unwrap().person.name, id, "after a restart");
    }

    let status = async |cookie: &str| world.ask(page("/account", cookie)).await.status();
    assert_eq!(status(&desk).await, StatusCode::OK);
    let ended = world.ask(form("/account/others", &desk, "")).await;
    assert_eq!(ended.status(), StatusCode::OK);
    assert_eq!(status(&desk).await, StatusCode::OK, "their own goes on");
    assert_eq!(status(&phone).await, StatusCode::SEE_OTHER);
    assert_eq!(status(&other).await, StatusCode::OK, "somebody else's does");
    // as `bongsu user disable` does beside a running daemon
    store.set_disabled("hong", true, "command line", at(0)).unwrap();
    crate::board::keeper::turn(&world.app).await.unwrap();
    assert_eq!(status(&desk).await, StatusCode::SEE_OTHER);
    assert_eq!(world.sign_in("hong", PASSWORD, "").await.0.status(), StatusCode::UNAUTHORIZED);
    let last = trail(&world, "user").await.pop().unwrap();
    assert_eq!((&last["what"], &last["by"]), (&json!("disabled"), &json!("command line")));
}

#[tokio::test]
async fn a_token_is_good_for_its_scope_and_no_longer_than_it_lasts() {
    let world = World::new().await;
    night(&world).await;
    world.add_user("hong", Role::Approver, "all").await;
    let tokens = &world.state.tokens;
    let store = tokens.store().unwrap();
    let now = tokens.clock().wall();
    let made = |name: &str, scope| {
        let (digest, text) = Token::made().unwrap();
        let expires_at = now.plus(Duration::from_secs(3_600));
        let row =
            crate::people::TokenRow { name: name.into(), user: "hong".into(), scope, expires_at };
        store.add_token(&row, &digest, "test", now).unwrap();
        text
    };
    // scope, /metrics, /api/v1/sites, acknowledge, approve
    let table = [
        (Scope::Metrics, 200, 403, 403, 403),
        (Scope::Read, 200, 200, 403, 403),
        (Scope::Order, 200, 200, 200, 403),
        (Scope::Approve, 200, 200, 200, 200),
        // the user's own role bounds it
        (Scope::Administer, 200, 200, 200, 200),
    ];
    let incident = "live_gwang-3_slope-failure_14007";
    let mut last = String::new();
    for (scope, metrics, sites, acknowledge_, approve) in table {
        let token = made(scope.name(), scope);
        tokens.changed().unwrap();
        for (path, status) in [("/metrics", metrics), ("/api/v1/sites", sites)] {
            assert_eq!(world.get(path, &token).await.status().as_u16(), status, "{scope:?} {path}");
        }
        for (verb, status) in [("acknowledge", acknowledge_), ("approve", approve)] {
            let asked = request(Method::POST, &format!("/api/v1/incidents/{incident}/{verb}"))
                .header(AUTHORIZATION, bearer(&token));
            let said = match verb {
                "approve" => r#"{"group":"public","level":"severe","text_hash":"0"}"#,
                _ => r#"{"reason":"r"}"#,
            };
            let answer = world.ask(asked.body("application/json", said)).await;
            assert_eq!(answer.status().as_u16(), status, "{scope:?} {verb}");
        }
        last = token;
    }
    assert_eq!(world.sink.given.lock().last().unwrap().by, "hong", "journaled by the user's id");
    for forged in [last[..63].to_owned(), format!("{last}0"), "0".repeat(64), "' OR 1=1 --".into()]
    {
        let status = world.get("/api/v1/sites", &forged).await.status();
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{forged}");
    }
    store.revoke_token("order", "test", now).unwrap();
    world.clock.advance(Duration::from_secs(3_600));
    assert_eq!(world.get("/api/v1/sites", &last).await.status(), StatusCode::UNAUTHORIZED);
}
