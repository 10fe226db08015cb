//! OGC API Features and open data: what a GIS and what everybody reads.

use std::process::Command;

use super::*;

async fn items(world: &World, path: &str) -> (Vec<String>, Value) {
    let shown = world.get_json(path).await;
    let ids = shown["features"].as_array().unwrap().iter();
    let id = |feature: &Value| feature["id"].as_str().map_or(feature["id"].to_string(), Into::into);
    (ids.map(id).collect(), shown)
}

fn next(shown: &Value) -> Option<String> {
    let links = shown["links"].as_array().unwrap();
    let next = links.iter().find(|link| link["rel"] == "next")?;
    Some(next["href"].as_str().unwrap().strip_prefix("http://board.test").unwrap().to_owned())
}

#[tokio::test]
async fn the_landing_page_leads_everywhere() {
    let world = World::new().await;
    night(&world).await;
    let landing = world.get_json("/ogc").await;
    for link in landing["links"].as_array().unwrap() {
        let path = link["href"].as_str().unwrap().strip_prefix("http://board.test").unwrap();
        assert_eq!(world.get(path, VIEWER).await.status(), StatusCode::OK, "{path}");
    }
    let conformance = world.get_json("/ogc/conformance").await;
    let classes = conformance["conformsTo"].as_array().unwrap();
    assert!(classes.iter().any(|class| class.as_str().unwrap().ends_with("/conf/core")));
    let collections = world.get_json("/ogc/collections").await;
    let ids: Vec<_> = collections["collections"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids, ["sites", "stations", "incidents", "alerts"]);
    for id in ids {
        let one = world.get_json(&format!("/ogc/collections/{id}")).await;
        assert!(one["extent"]["spatial"]["bbox"][0].as_array().unwrap().len() == 4);
        let response = world.get(&format!("/ogc/collections/{id}/items"), VIEWER).await;
        assert_eq!(header(&response, CONTENT_TYPE), "application/geo+json", "{id}");
    }
}

#[tokio::test]
async fn features_come_page_by_page_and_one_by_one() {
    let world = World::new().await;
    night(&world).await;
    for collection in ["sites", "stations", "incidents", "alerts"] {
        let (all, _) = items(&world, &format!("/ogc/collections/{collection}/items")).await;
        assert!(!all.is_empty(), "{collection}");
        let mut seen = Vec::new();
        let mut path = Some(format!("/ogc/collections/{collection}/items?limit=1"));
        while let Some(asked) = path {
            let (ids, shown) = items(&world, &asked).await;
            assert_eq!(shown["numberReturned"], ids.len());
            seen.extend(ids);
            path = next(&shown);
        }
        assert_eq!(seen, all, "{collection}");
        let one = format!("/ogc/collections/{collection}/items/{}", all[0]);
        let shown = world.get_json(&one).await;
        assert_eq!((&shown["type"], shown["geometry"].is_null()), (&json!("Feature"), false));
    }
    for missing in
        ["sites/items/nowhere", "alerts/items/0", "alerts/items/x", "people", "people/items"]
    {
        let status = world.get(&format!("/ogc/collections/{missing}"), VIEWER).await.status();
        assert_eq!(status, StatusCode::NOT_FOUND, "{missing}");
    }
}

#[tokio::test]
async fn boxes_and_times_choose_and_what_is_not_understood_is_refused() {
    let world = World::new().await;
    night(&world).await;
    let count = async |query: &str| {
        items(&world, &format!("/ogc/collections/incidents/items?{query}")).await.0.len()
    };
    let all = count("").await;
    assert_eq!(all, 4);
    let table = [
        ("bbox=120,30,135,45", all),
        ("bbox=-10,0,0,10", 0),
        ("datetime=2026-07-14T02:36:00%2B09:00", 1),
        ("datetime=../2026-07-14T02:34:00%2B09:00", 0),
        ("datetime=2026-07-14T02:30:00%2B09:00/..", all),
        ("datetime=2020-01-01T00:00:00Z/2020-01-02T00:00:00Z&bbox=120,30,135,45", 0),
    ];
    for (query, expected) in table {
        assert_eq!(count(query).await, expected, "{query}");
    }
    for bad in ["bbox=1,2,3", "datetime=now", "limit=0", "limit=x", "colour=red", "after"] {
        let path = format!("/ogc/collections/alerts/items?{bad}=");
        let path = path.replace("=x=", "=x").replace("after=", "after=x");
        let status = world.get(&path, VIEWER).await.status();
        assert_eq!(status, StatusCode::BAD_REQUEST, "{path}");
    }
    let (ids, _) = items(&world, "/ogc/collections/sites/items?limit=99999").await;
    assert_eq!(ids.len(), 14, "more than the most is no fault");
}

#[tokio::test]
async fn open_data_holds_what_was_announced_and_nobody() {
    let world = World::new().await;
    night(&world).await;
    let open = |path: &str| world.ask(request(Method::GET, path).empty());
    for file in ["sites.csv", "sites.geojson", "alerts.csv", "alerts.geojson", "catalog.jsonld"] {
        let response = open(&format!("/open/{file}")).await;
        assert_eq!(response.status(), StatusCode::OK, "{file}");
        let text = body(response).await;
        for hidden in ["kim", "severe", "0.12", "duty", "Ringer"] {
            assert!(!text.contains(hidden), "{file}: {hidden}");
        }
    }
    let csv = body(open("/open/sites.csv").await).await;
    assert!(csv.starts_with("id,longitude,latitude,area_en,"), "{csv}");
    assert_eq!(csv.lines().count(), 15);
    let catalog: Value =
        serde_json::from_str(&body(open("/open/catalog.jsonld").await).await).unwrap();
    for set in catalog["dcat:dataset"].as_array().unwrap() {
        for form in set["dcat:distribution"].as_array().unwrap() {
            let address = form["dcat:downloadURL"]["@id"].as_str().unwrap();
            let path = address.strip_prefix("http://board.test").unwrap();
            assert_eq!(open(path).await.status(), StatusCode::OK, "{path}");
        }
    }
    for missing in ["people.csv", "sites", "sites.xml", "..%2fledger.sqlite", "board-token"] {
        assert_eq!(open(&format!("/open/{missing}")).await.status(), StatusCode::NOT_FOUND);
    }
    let mut last = StatusCode::OK;
    for _ in 0..60 {
        last = open("/open/sites.csv").await.status();
    }
    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
    let closed = World::with(|state| state.open_data = false).await;
    let closed = closed.ask(request(Method::GET, "/open/sites.csv").empty()).await;
    assert_eq!(closed.status(), StatusCode::NOT_FOUND, "nobody opened it");
}

#[tokio::test(flavor = "multi_thread")]
async fn gdal_reads_every_collection() {
    if Command::new("ogrinfo").arg("--version").output().is_err() {
        assert!(std::env::var_os("BONGSU_REQUIRE_SERVERS").is_none(), "ogrinfo is not installed");
        println!("skipped: ogrinfo not installed");
        return;
    }
    let world = World::new().await;
    night(&world).await;
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let state = BoardState { metrics: prometheus::Registry::new(), ..world.state.clone() };
    let stop = CancellationToken::new();
    let served = tokio::spawn(serve(listener, state, stop.clone()));
    for (name, column) in [
        ("sites", "level"),
        ("stations", "source"),
        ("incidents", "peak"),
        ("alerts", "headline_ko"),
    ] {
        let features = items(&world, &format!("/ogc/collections/{name}/items")).await.0.len();
        let asked = tokio::task::spawn_blocking(move || {
            Command::new("ogrinfo")
                .args(["-ro", "-so", "-oo", "PAGE_SIZE=3"])
                .args([&format!("OAPIF:http://{address}/ogc"), name])
                .env("GDAL_HTTP_HEADERS", format!("Authorization: Bearer {VIEWER}"))
                .output()
                .unwrap()
        });
        let out = asked.await.unwrap();
        let said = String::from_utf8_lossy(&out.stdout);
        let trouble = String::from_utf8_lossy(&out.stderr);
        assert!(said.contains(&format!("Feature Count: {features}\n")), "{name}: {said}{trouble}");
        assert!(said.contains(&format!("{column}: ")), "{name}: {said}");
        assert!(!trouble.contains("ERROR"), "{name}: {trouble}");
    }
    stop.cancel();
    served.await.unwrap().unwrap();
}
