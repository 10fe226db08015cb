//! What a first view takes over the wire.

use axum::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING};

use super::*;

/// A first view is to take less than this, compressed: the page with its style and scripts.
const WEIGHT_MAX: usize = 100_000;

/// Every page there is.
pub(super) const PAGES: [&str; 22] = [
    "/",
    "/wall",
    "/sites/gwang-3",
    "/incidents/live_gwang-3_slope-failure_14007",
    "/incidents/live_gwang-3_slope-failure_14007/approval",
    "/exercises",
    "/account",
    "/reports",
    "/reports/shift",
    "/reports/month?month=2026-07",
    "/reports/incidents/live_gwang-3_slope-failure_14007",
    "/administration",
    "/administration/channels",
    "/administration/stations",
    "/administration/quarantine",
    "/administration/rules",
    "/administration/standing",
    "/administration/duty",
    "/administration/contacts",
    "/administration/audit",
    "/administration/people",
    "/sign-in",
];

/// A file as it goes over the wire, how long it is there, and its text.
async fn carried(world: &World, path: &str) -> (usize, String) {
    let asked = |encoding: &str| {
        request(Method::GET, path)
            .header(AUTHORIZATION, bearer(ADMINISTRATOR))
            .header(ACCEPT, "text/html,*/*")
            .header(ACCEPT_ENCODING, encoding)
            .empty()
    };
    let packed = world.ask(asked("gzip")).await;
    assert_eq!(packed.status(), StatusCode::OK, "{path}");
    assert!(path.ends_with(".svg") || header(&packed, CONTENT_ENCODING) == "gzip", "{path}");
    let packed = axum::body::to_bytes(packed.into_body(), 4 << 20).await.unwrap();
    (packed.len(), body(world.ask(asked("identity")).await).await)
}

/// What a page names of ours: its style, its scripts, its icon.
fn named(text: &str) -> Vec<String> {
    let text = text.replace("&#x2f;", "/");
    let parts = text.split("/assets/").skip(1);
    parts.map(|rest| format!("/assets/{}", rest.split(['"', ')']).next().unwrap())).collect()
}

#[tokio::test]
async fn a_first_view_of_every_page_is_light() {
    let world = World::new().await;
    night(&world).await;
    asked(&world).await;
    let shared = {
        let words = world.app.assets.address("words.js");
        carried(&world, &words).await.0
    };
    for path in PAGES {
        let (mut weight, page) = carried(&world, path).await;
        let files = named(&page);
        assert!(files.iter().any(|file| file.ends_with("board.css")), "{path}: {files:?}");
        let scripts = files.iter().any(|file| file.ends_with(".js"));
        for file in &files {
            weight += carried(&world, file).await.0;
        }
        weight += if scripts { shared } else { 0 };
        println!("{path}: {weight} bytes");
        assert!(weight < WEIGHT_MAX, "{path}: {weight} bytes");
    }
}
