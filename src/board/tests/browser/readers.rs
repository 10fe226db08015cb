//! Without a mouse, without scripts, without sight, without motion.

use super::*;

/// What can be reached, as far as it is seen.
const REACHABLE: &str = "[...document.querySelectorAll('a[href], button:not([disabled]), input:not([type=hidden]), select, textarea, summary, [tabindex=\"0\"]')]
    .filter((one) => one.checkVisibility() && one.tabIndex >= 0 && !one.closest('[hidden]'))";

/// By what one of them is known, also after it was drawn anew.
const NAMED: &str = "(one) => [one.tagName, one.id, one.name, one.getAttribute('href'), one.dataset.order, one.textContent.trim().slice(0, 40)].join('|')";

#[tokio::test]
async fn everything_is_reached_and_ordered_by_keys_alone() {
    let Some(browser) = Browser::start().await else { return };
    let room = Room::open(|_| {}).await;
    room.climb().await;
    browser.size(1_280, 900, false).await;
    room.enter(&browser, "/").await;
    browser.live().await;
    for page in [
        "/",
        "/wall",
        "/sites/gwang-3",
        "/incidents/live_gwang-3_slope-failure_14007",
        "/administration/standing",
    ] {
        browser.open(&format!("{}{page}", room.board)).await;
        browser.run("document.body.tabIndex = -1; document.body.focus()").await;
        let all = format!("return {REACHABLE}.map({NAMED})");
        let all: Vec<String> = serde_json::from_value(browser.run(&all).await).unwrap();
        assert!(all.len() > 10, "{page}: {all:?}");
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..all.len() + 5 {
            browser.press("Tab").await;
            let focus = format!("const one = document.activeElement;
                const marked = getComputedStyle(one).outlineStyle !== 'none' || getComputedStyle(one.querySelector('.mark') ?? one).filter !== 'none';
                return [({NAMED})(one), marked || one === document.body]");
            let (name, marked): (String, bool) =
                serde_json::from_value(browser.run(&focus).await).unwrap();
            assert!(marked, "{page}: where the focus is does not show on {name}");
            seen.insert(name);
        }
        let missed: Vec<&String> = all.iter().filter(|name| !seen.contains(*name)).collect();
        assert!(missed.is_empty(), "{page}: {missed:?}");
    }

    // an order, from the button to its answer; and one that is thought better of
    browser.open(&format!("{}/", room.board)).await;
    browser.live().await;
    let button = "document.querySelector('[data-order=acknowledge]')";
    browser.run(&format!("{button}.focus()")).await;
    browser.press("Enter").await;
    browser.until("document.getElementById('order').open").await;
    browser.press("Escape").await;
    browser.until("!document.getElementById('order').open").await;
    assert!(room.world.sink.given.lock().is_empty());
    browser.run(&format!("{button}.focus()")).await;
    browser.press("Enter").await;
    browser.until("document.activeElement.id === 'order-reason'").await;
    browser.write("#order-reason", "seen").await;
    browser.press("Tab").await;
    browser.press("Tab").await;
    browser.press("Enter").await;
    browser.until("!document.getElementById('order').open").await;
    let given = room.world.sink.given.lock().clone();
    assert_eq!((given[0].verb.name(), given[0].reason.as_str()), ("acknowledge", "seen"));
    room.close(browser).await;
}

/// What a screen reader is told of a page: role and name of everything that is not left out.
async fn told(browser: &Browser) -> Vec<(String, String)> {
    let tree = browser.browser("Accessibility.getFullAXTree", json!({})).await;
    let nodes = tree["nodes"].as_array().unwrap().iter().filter(|node| node["ignored"] != true);
    let said =
        |node: &Value, what: &str| node[what]["value"].as_str().unwrap_or_default().to_owned();
    nodes.map(|node| (said(node, "role"), said(node, "name"))).collect()
}

#[tokio::test]
async fn a_screen_reader_is_told_levels_and_names_and_every_page_is_read_without_scripts() {
    let Some(browser) = Browser::start().await else { return };
    let room = Room::open(|_| {}).await;
    room.climb().await;
    browser.size(1_280, 900, false).await;
    browser.browser("Emulation.setScriptExecutionDisabled", json!({ "value": true })).await;
    room.enter(&browser, "/?lang=ko").await;
    for (page, says) in [
        ("/", "광덕산 3지구"),
        ("/wall", "광덕산 3지구"),
        ("/sites/gwang-3", "rain-1"),
        ("/incidents/live_gwang-3_slope-failure_14007", "tilt-1 경사"),
        ("/incidents/live_gwang-3_slope-failure_14007/approval", "대피하십시오"),
        ("/reports/shift", "광덕산 3지구"),
        ("/administration", "collector-field"),
        ("/administration/audit", "gwang-3"),
        ("/account", "jang"),
    ] {
        browser.open(&format!("{}{page}", room.board)).await;
        let told = told(&browser).await;
        let has = |what: &str| told.iter().any(|(_, name)| name.contains(what));
        assert!(has(says), "{page}: {says}\n{told:?}");
        let unnamed = told.iter().filter(|(role, name)| {
            ["link", "button", "textbox", "combobox", "checkbox", "img", "image"]
                .contains(&role.as_str())
                && name.trim().is_empty()
        });
        assert_eq!(unnamed.count(), 0, "{page}: something has no name: {told:?}");
        let roles = |wanted: &str| told.iter().filter(|(role, _)| role == wanted).count();
        assert_eq!(roles("main"), 1, "{page}");
        assert!(roles("heading") > 0, "{page}");
    }
    browser.open(&format!("{}/wall", room.board)).await;
    let told = told(&browser).await;
    assert!(
        told.iter().any(|(role, name)| role == "link" && name == "광덕산 3지구: 심각"),
        "{told:?}"
    );
    // an approver answers without scripts, too
    browser
        .open(&format!("{}/incidents/live_gwang-3_slope-failure_14007/approval", room.board))
        .await;
    browser.tap("summary.main").await;
    browser.tap("[value=approve]").await;
    let clock = Clock::system();
    let begun = clock.at();
    while room.world.sink.given.lock().is_empty() {
        assert!(clock.at().since(begun) < DUE, "the answer never came");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(room.world.sink.given.lock()[0].verb.name(), "approve");
    room.close(browser).await;
}

#[tokio::test]
async fn nothing_moves_for_who_asked_for_that() {
    let Some(browser) = Browser::start().await else { return };
    let room = Room::open(|_| {}).await;
    browser.size(1_280, 900, false).await;
    room.enter(&browser, "/").await;
    browser.live().await;
    // motion is looked at where it would be: what is new arrives with a flash
    browser.run("window.moved = 0; document.addEventListener('animationstart', () => { window.moved += 1; })").await;
    room.world.decide([step(1)]).await;
    browser.until("window.moved > 0").await;
    let less = json!({ "features": [{ "name": "prefers-reduced-motion", "value": "reduce" }] });
    browser.browser("Emulation.setEmulatedMedia", less).await;
    browser.run("window.moved = 0").await;
    room.world.decide([step(2)]).await;
    browser.until("document.querySelectorAll('.event.is-new').length > 0").await;
    assert_eq!(browser.run("return document.getAnimations().length").await, 0);
    assert_eq!(browser.run("return window.moved").await, 0);
    room.close(browser).await;
}
