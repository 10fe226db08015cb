//! Every address × role × district: who may do what where, as one table that has to name every route there is.

use super::*;

/// Method, route, the least role, and whether it is bound to a place. A new route is added here, too.
const TABLE: &[(&str, &str, Option<Role>, Bound)] = &[
    ("GET", "/healthz", None, Bound::Not),
    ("GET", "/readyz", None, Bound::Not),
    ("GET", "/cap/feed.atom", None, Bound::Not),
    ("GET", "/cap/feed.rss", None, Bound::Not),
    ("GET", "/cap/{document}", None, Bound::Not),
    ("GET", "/assets/{file}", None, Bound::Not),
    ("GET", "/sign-in", None, Bound::Not),
    ("POST", "/sign-in", None, Bound::Not),
    ("GET", "/sign-in/{code}", None, Bound::Not),
    ("POST", "/sign-out", None, Bound::Not),
    ("GET", "/", Some(Role::Viewer), Bound::Not),
    ("GET", "/board/now", Some(Role::Viewer), Bound::Not),
    ("GET", "/administration", Some(Role::Viewer), Bound::Not),
    ("GET", "/administration/channels", Some(Role::Viewer), Bound::Not),
    ("GET", "/administration/stations", Some(Role::Viewer), Bound::Not),
    ("GET", "/administration/quarantine", Some(Role::Viewer), Bound::Not),
    ("GET", "/administration/rules", Some(Role::Viewer), Bound::Not),
    ("GET", "/administration/rules/{site}", Some(Role::Viewer), Bound::Not),
    ("GET", "/administration/standing", Some(Role::Viewer), Bound::Not),
    ("GET", "/administration/duty", Some(Role::Viewer), Bound::Not),
    ("GET", "/administration/audit", Some(Role::Operator), Bound::Not),
    ("GET", "/administration/contacts", Some(Role::Operator), Bound::Not),
    ("GET", "/administration/people", Some(Role::Administrator), Bound::Not),
    ("GET", "/api/v1/log", Some(Role::Administrator), Bound::Not),
    ("POST", "/api/v1/log", Some(Role::Administrator), Bound::Everywhere),
    ("POST", "/api/v1/users", Some(Role::Administrator), Bound::Everywhere),
    ("POST", "/api/v1/users/{user}", Some(Role::Administrator), Bound::Everywhere),
    ("GET", "/reports", Some(Role::Viewer), Bound::Not),
    ("GET", "/reports/shift", Some(Role::Viewer), Bound::Not),
    ("GET", "/reports/month", Some(Role::Viewer), Bound::Not),
    ("GET", "/reports/incidents/{id}", Some(Role::Viewer), Bound::Not),
    ("GET", "/photos/{photo}", Some(Role::Viewer), Bound::Not),
    ("GET", "/api/v1/inspections", Some(Role::Viewer), Bound::Not),
    ("POST", "/api/v1/sites/{site}/inspections", Some(Role::Operator), Bound::Site),
    (
        "POST",
        "/api/v1/sites/{site}/inspections/{inspection}/entries",
        Some(Role::Operator),
        Bound::Site,
    ),
    (
        "POST",
        "/api/v1/sites/{site}/inspections/{inspection}/close",
        Some(Role::Operator),
        Bound::Site,
    ),
    ("POST", "/api/v1/sites/{site}/photos", Some(Role::Operator), Bound::Site),
    ("GET", "/wall", Some(Role::Viewer), Bound::Not),
    ("GET", "/wall/now", Some(Role::Viewer), Bound::Not),
    ("GET", "/sites/{site}", Some(Role::Viewer), Bound::Not),
    ("GET", "/sites/{site}/now", Some(Role::Viewer), Bound::Not),
    ("GET", "/account", Some(Role::Viewer), Bound::Not),
    ("POST", "/account/password", Some(Role::Viewer), Bound::Not),
    ("POST", "/account/second-factor", Some(Role::Viewer), Bound::Not),
    ("POST", "/account/others", Some(Role::Viewer), Bound::Not),
    ("GET", "/exercises", Some(Role::Viewer), Bound::Not),
    ("GET", "/api/v1/channels", Some(Role::Viewer), Bound::Not),
    ("POST", "/api/v1/channels/{channel}/test", Some(Role::Operator), Bound::Everywhere),
    ("GET", "/api/v1/exercises", Some(Role::Viewer), Bound::Not),
    ("GET", "/api/v1/exercises/{id}/report", Some(Role::Viewer), Bound::Not),
    ("POST", "/api/v1/exercises", Some(Role::Approver), Bound::Everywhere),
    ("POST", "/api/v1/exercises/stop", Some(Role::Approver), Bound::Everywhere),
    ("GET", "/incidents/{id}", Some(Role::Viewer), Bound::Not),
    ("GET", "/incidents/{id}/now", Some(Role::Viewer), Bound::Not),
    ("POST", "/api/v1/incidents/{id}/drafts", Some(Role::Operator), Bound::Site),
    ("GET", "/incidents/{id}/approval", Some(Role::Viewer), Bound::Not),
    ("GET", "/metrics", Some(Role::Viewer), Bound::Not),
    ("GET", "/api/v1/openapi.json", Some(Role::Viewer), Bound::Not),
    ("GET", "/api/v1/sites", Some(Role::Viewer), Bound::Not),
    ("GET", "/api/v1/sites/{site}", Some(Role::Viewer), Bound::Not),
    ("GET", "/api/v1/incidents", Some(Role::Viewer), Bound::Not),
    ("GET", "/api/v1/incidents/{id}", Some(Role::Viewer), Bound::Not),
    ("GET", "/api/v1/stations", Some(Role::Viewer), Bound::Not),
    ("GET", "/api/v1/stations/{site}/{station}", Some(Role::Viewer), Bound::Not),
    ("GET", "/open/catalog.jsonld", None, Bound::Not),
    ("GET", "/open/{file}", None, Bound::Not),
    ("GET", "/ogc", Some(Role::Viewer), Bound::Not),
    ("GET", "/ogc/api", Some(Role::Viewer), Bound::Not),
    ("GET", "/ogc/conformance", Some(Role::Viewer), Bound::Not),
    ("GET", "/ogc/collections", Some(Role::Viewer), Bound::Not),
    ("GET", "/ogc/collections/{collection}", Some(Role::Viewer), Bound::Not),
    ("GET", "/ogc/collections/{collection}/items", Some(Role::Viewer), Bound::Not),
    ("GET", "/ogc/collections/{collection}/items/{feature}", Some(Role::Viewer), Bound::Not),
    ("GET", "/api/v1/alerts", Some(Role::Viewer), Bound::Not),
    ("GET", "/api/v1/silences", Some(Role::Viewer), Bound::Not),
    ("GET", "/api/v1/maintenance", Some(Role::Viewer), Bound::Not),
    ("GET", "/api/v1/reports", Some(Role::Viewer), Bound::Not),
    ("GET", "/api/v1/zeros", Some(Role::Viewer), Bound::Not),
    ("POST", "/api/v1/silences", Some(Role::Operator), Bound::Said),
    ("POST", "/api/v1/maintenance", Some(Role::Operator), Bound::Said),
    ("POST", "/api/v1/zeros", Some(Role::Operator), Bound::Said),
    ("POST", "/api/v1/sites/{site}/reports", Some(Role::Operator), Bound::Site),
    ("POST", "/api/v1/silences/{standing}/end", Some(Role::Operator), Bound::Said),
    ("POST", "/api/v1/maintenance/{standing}/end", Some(Role::Operator), Bound::Said),
    ("POST", "/api/v1/reports/{standing}/end", Some(Role::Operator), Bound::Said),
    ("GET", "/api/v1/deliveries", Some(Role::Viewer), Bound::Not),
    ("GET", "/api/v1/deliveries/{key}", Some(Role::Viewer), Bound::Not),
    ("POST", "/api/v1/deliveries/{key}/delivered", Some(Role::Operator), Bound::Site),
    ("POST", "/api/v1/deliveries/{key}/not-delivered", Some(Role::Operator), Bound::Site),
    ("GET", "/api/v1/audit", Some(Role::Operator), Bound::Not),
    ("GET", "/api/v1/quarantine", Some(Role::Viewer), Bound::Not),
    ("GET", "/api/v1/rules", Some(Role::Viewer), Bound::Not),
    ("POST", "/api/v1/sites/{site}/rules", Some(Role::Operator), Bound::Site),
    ("GET", "/api/v1/proposals/{id}", Some(Role::Operator), Bound::Not),
    ("POST", "/api/v1/quarantine/{position}/re-run", Some(Role::Administrator), Bound::Everywhere),
    ("GET", "/api/v1/adoptions", Some(Role::Viewer), Bound::Not),
    ("GET", "/api/v1/balance", Some(Role::Viewer), Bound::Not),
    (
        "GET",
        "/api/v1/series/{site}/{station}/{sensor}/{quantity}/readings",
        Some(Role::Viewer),
        Bound::Not,
    ),
    ("GET", "/api/v1/events", Some(Role::Viewer), Bound::Not),
    ("POST", "/api/v1/incidents/{id}/acknowledge", Some(Role::Operator), Bound::Site),
    ("POST", "/api/v1/incidents/{id}/stand-down", Some(Role::Operator), Bound::Site),
    ("POST", "/api/v1/incidents/{id}/note", Some(Role::Operator), Bound::Site),
    ("POST", "/api/v1/incidents/{id}/close", Some(Role::Operator), Bound::Site),
    ("POST", "/api/v1/stations/{site}/{station}/orders", Some(Role::Operator), Bound::Site),
    ("POST", "/api/v1/incidents/{id}/approve", Some(Role::Approver), Bound::Site),
    ("POST", "/api/v1/incidents/{id}/reject", Some(Role::Approver), Bound::Site),
    ("POST", "/incidents/{id}/approval", Some(Role::Approver), Bound::Site),
    (
        "POST",
        "/api/v1/sites/{site}/stations/{station}/backfill",
        Some(Role::Administrator),
        Bound::Site,
    ),
];

/// Where a role has to hold for a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bound {
    /// Anywhere: it looks, or is about oneself.
    Not,
    /// At the site that the path names; everywhere, where it names none.
    Site,
    /// Everywhere: it is about all sites.
    Everywhere,
    /// At the sites that what is sent names: the handler looks.
    Said,
}

/// What stands between a request and its handler: nothing, or what is refused.
#[derive(Debug, PartialEq, Eq)]
enum Gate {
    Open,
    SignIn,
    Role,
    Place,
    SecondFactor,
}

async fn gate(response: Response) -> Gate {
    let status = response.status();
    if !matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
        return Gate::Open;
    }
    let problem = read_json(response).await;
    match problem["type"].as_str().unwrap_or_default().trim_start_matches("urn:bongsu:problem:") {
        "not-signed-in" => Gate::SignIn,
        "not-here" => Gate::Place,
        "second-factor" => Gate::SecondFactor,
        "not-allowed" => Gate::Role,
        other => panic!("{other}"),
    }
}

fn asked(method: &str, route: &str) -> super::super::sample::Asked {
    let path = route
        .replace("{site}", "gwang-3")
        .replace("{id}", "live_gwang-3_slope-failure_14007")
        .replace("{user}", "nobody")
        .replace("{position}", "1")
        .replace("{key}", "live_gwang-3_slope-failure_14007_1_alert_siren_duty")
        .replace(['{', '}'], "");
    request(Method::from_bytes(method.as_bytes()).unwrap(), &path)
        .header(ORIGIN, "http://board.test")
        .header("accept", "application/json")
}

fn sent(method: &str, asked: super::super::sample::Asked) -> axum::http::Request<axum::body::Body> {
    if method == "GET" { asked.empty() } else { asked.body("application/json", "{}") }
}

#[test]
fn the_table_names_every_route() {
    let source = include_str!("../mod.rs");
    let mut there: Vec<&str> = source
        .split(".route(")
        .skip(1)
        .filter_map(|rest| rest.trim_start().strip_prefix('"')?.split('"').next())
        .collect();
    let mut named: Vec<&str> = TABLE.iter().map(|(_, route, ..)| *route).collect();
    for list in [&mut there, &mut named] {
        list.sort_unstable();
        list.dedup();
    }
    assert_eq!(named, there, "add new routes to TABLE, with who may use them");
}

#[tokio::test]
async fn every_route_asks_for_its_role_in_its_place() {
    let world = World::new().await;
    night(&world).await;
    // gwang-3 lies in no district; a site's id is an area as well
    let areas = [("", "all"), ("-here", "gwang-3"), ("-elsewhere", "11110,an-1")];
    let mut people = Vec::new();
    for role in Role::ALL {
        for (suffix, area) in areas {
            let id = format!("{}{suffix}", role.name().replace("administrator", "chief"));
            world.add_user(&id, role, area).await;
            let factor = world.add_factor(&id);
            let code = factor.code(world.state.tokens.clock().wall());
            let (response, cookie) = world.sign_in(&id, PASSWORD, &code).await;
            assert_eq!(response.status(), StatusCode::SEE_OTHER, "{id}");
            people.push((id, role, area, cookie));
        }
    }
    let mut tried = 0;
    for (method, route, least, bound) in TABLE {
        // a form of another kind, whose body is looked at first
        let own = ["/sign-in", "/sign-out", "/sign-in/{code}"].contains(route);
        if own || *route == "/account/others" {
            continue;
        }
        let nobody = world.ask(sent(method, asked(method, route))).await;
        let expected = if least.is_none() { Gate::Open } else { Gate::SignIn };
        assert_eq!(gate(nobody).await, expected, "{method} {route} by nobody");
        for (id, role, area, cookie) in &people {
            let answer = world.ask(sent(method, asked(method, route).header(COOKIE, cookie))).await;
            let here = match bound {
                Bound::Not | Bound::Said => true,
                Bound::Site => *area == "all" || *area == "gwang-3",
                Bound::Everywhere => *area == "all",
            };
            let expected = match least {
                Some(least) if role < least => Gate::Role,
                Some(_) if !here => Gate::Place,
                // these ask of their own accord for what a session with a second factor has done
                _ if *route == "/account/second-factor" => continue,
                _ => Gate::Open,
            };
            assert_eq!(gate(answer).await, expected, "{method} {route} by {id}");
            tried += 1;
        }
    }
    assert!(tried > 300, "{tried}");
}

#[tokio::test]
async fn approvals_take_a_session_with_a_second_factor() {
    let world = World::new().await;
    night(&world).await;
    world.add_user("jang", Role::Approver, "all").await;
    let (_, cookie) = world.sign_in("jang", PASSWORD, "").await;
    let token = request(Method::POST, "/sign-in")
        .body("application/x-www-form-urlencoded", format!("token={APPROVER}"));
    let token = world.ask(token).await;
    let by_token = header(&token, SET_COOKIE).split(';').next().unwrap().to_owned();
    for cookie in [cookie, by_token] {
        for (method, route, least, _) in TABLE {
            if *method != "POST" || !matches!(least, Some(Role::Approver | Role::Operator)) {
                continue;
            }
            let answer =
                world.ask(sent(method, asked(method, route).header(COOKIE, &cookie))).await;
            let approves = *least == Some(Role::Approver);
            let expected = if approves { Gate::SecondFactor } else { Gate::Open };
            assert_eq!(gate(answer).await, expected, "{route}");
        }
        let page = request(Method::GET, "/incidents/live_gwang-3_slope-failure_14007/approval");
        let page = body(world.ask(page.header(COOKIE, &cookie).empty()).await).await;
        assert!(page.contains("href=\"/account\""), "the page says what is missing");
    }
}

#[tokio::test]
async fn every_form_and_order_is_refused_from_another_site() {
    let world = World::new().await;
    night(&world).await;
    world.add_user("chief", Role::Administrator, "all").await;
    let factor = world.add_factor("chief");
    let code = factor.code(world.state.tokens.clock().wall());
    let (_, cookie) = world.sign_in("chief", PASSWORD, &code).await;
    for (method, route, ..) in TABLE.iter().filter(|(method, ..)| *method == "POST") {
        for forged in [
            &[("origin", "https://evil.example")][..],
            &[("origin", "null")],
            &[("origin", "http://board.test"), ("sec-fetch-site", "cross-site")],
        ] {
            let path = route.replace("{id}", "live_gwang-3_slope-failure_14007");
            let mut asked = request(
                Method::from_bytes(method.as_bytes()).unwrap(),
                &path.replace(['{', '}'], ""),
            )
            .header(COOKIE, &cookie);
            for (name, value) in forged {
                asked = asked.header(name, value);
            }
            let answer = world.ask(asked.body("application/json", "{}")).await;
            assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{route} {forged:?}");
            let problem = read_json(answer).await;
            assert_eq!(problem["type"], "urn:bongsu:problem:cross-site", "{route} {forged:?}");
        }
    }
    assert!(world.sink.given.lock().is_empty());
}

#[tokio::test]
async fn a_part_of_an_address_that_is_no_text_is_told_as_every_other_mistake() {
    let world = World::new().await;
    for (method, route, ..) in TABLE.iter().filter(|(_, route, ..)| route.contains('{')) {
        let mut path = (*route).to_owned();
        while let Some((before, rest)) = path.split_once('{') {
            path = format!("{before}%FF{}", rest.split_once('}').unwrap().1);
        }
        let asked = request(Method::from_bytes(method.as_bytes()).unwrap(), &path)
            .header(AUTHORIZATION, bearer(ADMINISTRATOR))
            .header("accept", "application/json");
        let answer = world.ask(sent(method, asked)).await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{method} {path}");
        assert_eq!(header(&answer, CONTENT_TYPE), "application/problem+json", "{method} {path}");
    }
}
