//! What programs read.

use super::*;

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
    assert_eq!(
        series[1]["latest"],
        json!({
            "value": 0.125,
            "measured_at": "2026-07-14T03:10:00+09:00",
            "quality": ["old"],
            "expected": {"low": 0.05, "high": 0.15},
        })
    );
    assert_eq!(series[0]["latest"], Value::Null);
    assert_eq!(
        (&site["stations"][0]["make"], &series[0]["make"]),
        (&json!({"maker": "Hanbat Sensors", "installed": "2025-11-03"}), &Value::Null)
    );

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
    let kinds: Vec<_> = incident["timeline"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["kind"].as_str().unwrap())
        .collect();
    assert!(kinds.contains(&"level") && kinds.contains(&"incident"), "{kinds:?}");
    assert_eq!(incident["evidence"][0]["value"], 0.12);

    let deliveries = world
        .get_json("/api/v1/deliveries?incident=live_gwang-3_slope-failure_14007&state=refused")
        .await;
    assert_eq!(deliveries["items"][0]["channel"], "duty-hook");
    assert_eq!(deliveries["items"][0]["note"], "status 410");
    let balance = world.get_json("/api/v1/balance").await;
    assert_eq!(balance["items"][0]["holds"], true);
}

#[tokio::test]
async fn quarantine_comes_page_by_page_newest_first() {
    let world = World::new().await;
    let rows =
        (1..=5).map(|n| quarantined(n, "bongsu/v1/x/y/telemetry", &format!("<b>{n}"))).collect();
    let batch = delivery::Batch { quarantine: rows, ..delivery::Batch::default() };
    world.ledger.commit(9, at(9), &batch).unwrap();
    let first = world.get_json("/api/v1/quarantine?limit=3").await;
    let next = first["next"].as_i64().unwrap();
    let second = world.get_json(&format!("/api/v1/quarantine?limit=3&before={next}")).await;
    let all: Vec<_> =
        [&first, &second].iter().flat_map(|page| page["items"].as_array().unwrap()).collect();
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
        request(Method::POST, &path)
            .header(AUTHORIZATION, bearer(OPERATOR))
            .body(content_type, text)
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
        (
            request(Method::DELETE, "/api/v1/sites").header(AUTHORIZATION, bearer(VIEWER)).empty(),
            405,
            "wrong-method",
        ),
        (post("text/plain", "{}".into()), 415, "wrong-media"),
        (post("application/json", "{".into()), 400, "bad-request"),
        (post("application/json", r#"{"reason":7}"#.into()), 400, "bad-request"),
        (post("application/json", r#"{"because":"x"}"#.into()), 400, "bad-request"),
        (post("application/json", long), 400, "bad-request"),
        (post("application/json", "[".repeat(60_000)), 400, "bad-request"),
        (
            post("application/json", format!("{{\"reason\":\"{}\"}}", "x".repeat(70_000))),
            413,
            "too-large",
        ),
    ];
    for (asked, status, name) in table {
        let what = format!("{} {}", asked.method(), asked.uri());
        let response = world.ask(asked).await;
        assert_eq!(response.status().as_u16(), status, "{what}");
        assert_eq!(header(&response, CONTENT_TYPE), "application/problem+json", "{what}");
        let problem = read_json(response).await;
        assert_eq!(problem["type"], format!("urn:bongsu:problem:{name}"), "{what}");
        assert_eq!(problem["status"], status, "{what}");
        assert!(
            problem["title"].as_str().is_some_and(|title| !title.starts_with("board-")),
            "{what}"
        );
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
async fn the_description_names_exactly_what_there_is() {
    let (world, aside, _) = super::criteria::recorded().await;
    let described: Value = serde_json::from_str(crate::board::api::OPENAPI).unwrap();
    assert_eq!(described["openapi"], "3.1.0");
    let key = owed("cap", "duty", alert("gwang-3", 14_007, Level::Severe)).key.to_string();
    let work = crate::inspections::NewWork {
        site: "gwang-3",
        incident: "",
        kind: crate::inspections::Work::Repair,
        what: "w",
        due: "",
    };
    let inspections = &world.state.inspections;
    let ordered =
        |name| inspections.once(name, "", |all| all.order(&work, "kim", at(0))).unwrap().0;
    let [_, noted] = ["a", "b"].map(ordered);
    let proposal = super::criteria::propose(&world).await;
    let file = json!({ "text": super::criteria::SITE }).to_string();
    let said_of = |said: &str| if said.contains("TEXT") { file.clone() } else { said.to_owned() };
    for (path, methods) in described["paths"].as_object().unwrap() {
        let (who, said) = match path.rsplit('/').next().unwrap() {
            "exercises" => (APPROVER, r#"{"scenario":"typhoon"}"#),
            "orders" => (APPROVER, r#"{"command":"identify","reason":"r"}"#),
            "backfill" => (ADMINISTRATOR, r#"{"readings":[]}"#),
            "silences" => (APPROVER, r#"{"reason":"r","sites":["gwang-3"],"for":"2 h"}"#),
            "maintenance" => {
                (APPROVER, r#"{"reason":"r","site":"gwang-3","station":"box-1","for":"2 h"}"#)
            }
            "zeros" => {
                (APPROVER, r#"{"reason":"r","series":"gwang-3/box-1/rain-1/rain","offset":1.0}"#)
            }
            "drafts" => (
                APPROVER,
                r#"{"text":{"headline":{"ko":"가","en":"a"},"description":{"ko":"나","en":"b"},"instruction":{"ko":"다","en":"c"}}}"#,
            ),
            "log" => (ADMINISTRATOR, r#"{"room":"journal","level":"debug"}"#),
            "users" => (ADMINISTRATOR, r#"{"id":"han","role":"viewer"}"#),
            "{user}" => (ADMINISTRATOR, r#"{"what":"disable"}"#),
            "inspections" => (APPROVER, r#"{"kind":"repair","what":"w"}"#),
            "entries" => (APPROVER, r#"{"note":"n"}"#),
            "close" if path.contains("inspection") => (APPROVER, r#"{"result":"r"}"#),
            "rules" if path.contains("sites") => (APPROVER, r#"{"text":"TEXT"}"#),
            "re-run" => (ADMINISTRATOR, "{}"),
            "photos" => (APPROVER, "RIFF0000WEBP"),
            "approve" => (APPROVER, r#"{"group":"public","level":"severe","text_hash":"0"}"#),
            "reports" => (APPROVER, r#"{"sign":"cracks","confirmed":true}"#),
            _ => (APPROVER, r#"{"reason":"r"}"#),
        };
        let path = path.replace("{standing}", "silence-1");
        let path = path
            .replace("{site}", "gwang-3")
            .replace("{position}", &aside.to_string())
            .replace("proposals/{id}", &format!("proposals/{proposal}"))
            .replace("{id}", "live_gwang-3_slope-failure_14007")
            .replace("{channel}", "siren")
            .replace("{user}", "han")
            .replace("{inspection}/close", "1/close") // the one that was ordered on the way
            .replace("{inspection}", &noted.to_string())
            .replace("{key}", &key);
        let path = path.replace("{station}", "box-1").replace("{sensor}", "rain-1");
        let path = path.replace("{quantity}", "rain");
        for method in methods.as_object().unwrap().keys() {
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            let said = said_of(said);
            let asked = request(method, &path).header(AUTHORIZATION, bearer(who));
            let response = world.ask(asked.body("application/json", said)).await;
            assert_eq!(response.status(), StatusCode::OK, "{path}");
        }
    }
    let here = include_str!("../mod.rs");
    let served = here.split("\"/api/v1/").skip(1).filter_map(|rest| rest.split('"').next());
    let served: std::collections::BTreeSet<_> = served.collect();
    assert_eq!(described["paths"].as_object().unwrap().len(), served.len());
}

#[tokio::test]
async fn what_a_series_measured_is_told_as_it_came_and_by_stretches() {
    let world = World::new().await;
    let series = "/api/v1/series/gwang-3/box-1/rain-1/rain/readings";
    let all = world.get_json(series).await;
    assert_eq!((all["unit"].as_str(), all["items"].as_array().unwrap().len()), (Some("mm"), 15));
    assert_eq!(
        all["items"][3],
        json!({"at": "2026-07-14T02:33:00+09:00", "value": 0.5, "quality": ["old"]})
    );
    let tens = world.get_json(&format!("{series}?every=10min&from=2026-07-13T17:35:00Z")).await;
    assert_eq!(
        tens["items"],
        json!([
            {"at": "2026-07-14T02:30:00+09:00", "count": 10, "min": 0.5, "max": 0.5, "mean": 0.5, "sum": 5.0, "quality": ["old"]},
            {"at": "2026-07-14T02:40:00+09:00", "count": 5, "min": 0.5, "max": 0.5, "mean": 0.5, "sum": 2.5, "quality": []},
        ])
    );
    assert_eq!(all["expected"], Value::Null, "nothing was measured yet");
    let tilt = world.get_json("/api/v1/series/gwang-3/box-1/tilt-1/tilt-x/readings").await;
    assert_eq!(tilt["expected"], json!({"low": 0.05, "high": 0.15}));
    let first = world.get_json(&format!("{series}?limit=10")).await;
    assert_eq!(first["next"], "2026-07-14T02:40:00+09:00");
    let rest = world.get_json(&format!("{series}?from=2026-07-13T17:40:00Z")).await;
    assert_eq!(rest["items"].as_array().unwrap().len(), 5);
    for (wrong, status) in [
        ("?from=yesterday", 400),
        ("?from=2026-07-14T00:00:00Z&to=2026-07-13T00:00:00Z", 422),
        ("?every=often", 400),
        ("?every=1ms", 422),
        ("?limit=0", 400),
        ("?limit=10001", 400),
        ("/..", 404),
    ] {
        let asked = request(Method::GET, &format!("{series}{wrong}"));
        let answer = world.ask(asked.header(AUTHORIZATION, bearer(VIEWER)).empty()).await;
        assert_eq!(answer.status().as_u16(), status, "{wrong}");
    }
    let unknown = "/api/v1/series/gwang-3/box-1/rain-9/rain/readings";
    let asked = request(Method::GET, unknown).header(AUTHORIZATION, bearer(VIEWER));
    assert_eq!(world.ask(asked.empty()).await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_is_shown_has_the_described_fields() {
    let world = World::new().await;
    night(&world).await;
    let described: Value = serde_json::from_str(crate::board::api::OPENAPI).unwrap();
    let schema = |name: &str| {
        described["components"]["schemas"][name]["properties"].as_object().unwrap().clone()
    };
    let deliveries = [owed("siren", "north", alert("gwang-3", 14_007, Level::Severe))];
    world
        .act([
            alerting::Action::Owe(deliveries[0].clone()),
            settled(&deliveries[0], DeliveryState::Delivered, ""),
        ])
        .await;
    for (path, name) in [
        ("/api/v1/sites", "Site"),
        ("/api/v1/incidents", "Incident"),
        ("/api/v1/deliveries", "Delivery"),
        ("/api/v1/stations", "Station"),
        ("/api/v1/alerts", "Alert"),
        ("/api/v1/balance", "Balance"),
        ("/api/v1/channels", "Link"),
    ] {
        let shown = world.get_json(path).await["items"][0]
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect::<Vec<_>>();
        assert_eq!(shown, schema(name).keys().cloned().collect::<Vec<_>>(), "{path}");
    }
    let incident = world.get_json("/api/v1/incidents/live_gwang-3_slope-failure_14007").await;
    let decision = incident["timeline"][0].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(decision, schema("Decision").keys().cloned().collect::<Vec<_>>());
}

#[tokio::test]
async fn g12_the_trail_is_read_page_by_page_and_verifies_as_an_export() {
    let world = World::new().await;
    night(&world).await;
    let asked = |path: &str, token: &str| {
        request(Method::GET, path).header(AUTHORIZATION, bearer(token)).body("", "")
    };
    assert_eq!(world.ask(asked("/api/v1/audit", VIEWER)).await.status(), StatusCode::FORBIDDEN);
    let (mut export, mut after, mut entries) = (String::new(), json!(0), 0);
    while !after.is_null() {
        let path = format!("/api/v1/audit?limit=3&after={after}");
        let page = read_json(world.ask(asked(&path, OPERATOR)).await).await;
        for item in page["items"].as_array().unwrap() {
            let row: delivery::ledger::AuditRow = serde_json::from_value(item.clone()).unwrap();
            export.push_str(&serde_json::to_string(&row).unwrap());
            export.push('\n');
            entries += 1;
        }
        after = page["next"].clone();
    }
    assert!(entries > 10, "{entries}");
    let head = world.state.ledger.audit_head().unwrap();
    assert_eq!(head.entries, entries);
    export.push_str(&serde_json::to_string(&head).unwrap());
    assert_eq!(delivery::ledger::audit::verify_export(export.as_bytes()).unwrap(), head);
}

#[tokio::test]
async fn a_delivery_is_shown_with_its_attempts_and_settled_by_its_key() {
    let world = World::new().await;
    night(&world).await;
    let siren = owed("siren", "duty", alert("gwang-3", 14_007, Level::Severe));
    let path = format!("/api/v1/deliveries/{}", siren.key);
    let shown = world.get_json(&path).await;
    assert_eq!((&shown["state"], &shown["note"]), (&json!("handed-over"), &json!("sent")));
    assert!(shown["tries"].is_array());
    let order = |verb: &str, text: &str| {
        let path = format!("{path}/{verb}");
        let asked = request(Method::POST, &path).header(AUTHORIZATION, bearer(OPERATOR));
        asked.body("application/json", text)
    };
    let silent = world.ask(order("delivered", "{}")).await;
    assert_eq!(silent.status(), StatusCode::BAD_REQUEST, "it takes a reason");
    let taken = world.ask(order("not-delivered", r#"{"reason":"asked them","attempt":1.0}"#)).await;
    assert_eq!(taken.status(), StatusCode::OK);
    let given = world.sink.given.lock()[0].clone();
    assert_eq!(given.incident, siren.alert.incident);
    let settled = given.settled.unwrap();
    assert_eq!((settled.delivery, settled.delivered, settled.attempt), (siren.key, false, Some(1)));
    let strange = "/api/v1/deliveries/none/delivered";
    let asked = request(Method::POST, strange).header(AUTHORIZATION, bearer(OPERATOR));
    let asked = asked.body("application/json", r#"{"reason":"r"}"#);
    assert_eq!(world.ask(asked).await.status(), StatusCode::NOT_FOUND);
}
