//! A night, from signing in to the report on paper; and what people with a phone, a desk or a wall see of every page.

use super::*;
use crate::board::tests::weight::PAGES;

#[tokio::test]
async fn an_officer_sees_an_incident_climb_approves_on_a_phone_and_sees_the_siren_confirm() {
    let Some(browser) = Browser::start().await else { return };
    let room = Room::open(|_| {}).await;
    let (board, world) = (room.board.clone(), &room.world);

    // sign in, as somebody does at three in the morning
    browser.size(390, 844, true).await;
    browser.open(&format!("{board}/wall?lang=ko")).await;
    room.introduce(&browser).await;
    browser.look("sign-in").await;
    browser.tap("form button.main").await;

    // the wall, where an incident climbs without anybody touching anything
    browser.size(1_920, 1_080, false).await;
    browser.live().await;
    browser.run("window.untouched = true").await;
    let severe =
        "document.querySelector('#map-places a[href=\"/sites/gwang-3\"][data-look=severe]')";
    assert_eq!(browser.run(&format!("return {severe}")).await, Value::Null);
    let clock = Clock::system();
    let begun = clock.at();
    room.climb().await;
    browser.until(severe).await;
    println!("on the wall after {} ms", clock.at().since(begun).as_millis());
    assert_eq!(browser.run("return window.untouched").await, true, "without a reload");
    browser.look("wall").await;
    browser.picture("wall").await;

    // on a phone: two taps
    browser.size(390, 844, true).await;
    let incident = format!("{board}/incidents/live_gwang-3_slope-failure_14007");
    browser.open(&incident).await;
    browser.live().await;
    browser.look("incident on a phone").await;
    browser.picture("incident-phone").await;
    browser.tap("#approvals details.words summary").await;
    browser.until("document.querySelector('.drafts').innerText.includes('B')").await;
    browser.tap("#approvals details.words summary").await;
    browser.tap("#approvals summary.main").await;
    browser.until("document.querySelector('#approvals [value=approve]').checkVisibility()").await;
    browser.tap("#approvals [value=approve]").await;
    browser
        .until("location.pathname.endsWith('/approval') && document.querySelector('[role=status]')")
        .await;
    browser.look("approval").await;
    let given = world.sink.given.lock().clone();
    assert_eq!(given.len(), 1, "{given:?}");
    assert_eq!((given[0].by.as_str(), given[0].verb.name()), ("jang", "approve"));
    assert_eq!(given[0].bound.as_ref().unwrap().hash, words().hash(), "what was seen");

    // the siren says that it sounds
    browser.open(&incident).await;
    browser.live().await;
    let delivery = owed("siren", "north", alert("gwang-3", 14_007, Level::Severe));
    let done = settled(&delivery, DeliveryState::Delivered, "sounded 180 s");
    world.act([alerting::Action::Owe(delivery), done]).await;
    browser
        .until("document.getElementById('deliveries').innerText.includes('sounded 180 s')")
        .await;

    // every page, as narrow as a phone and as wide as a desk
    let pages = PAGES.into_iter().filter(|page| *page != "/sign-in" && !page.ends_with("/people"));
    for (width, height, mobile) in [(360, 740, true), (3_840, 2_160, false), (1_280, 800, false)] {
        browser.size(width, height, mobile).await;
        for page in pages.clone() {
            browser.open(&format!("{board}{page}")).await;
            browser.look(&format!("{page} at {width}")).await;
        }
    }
    browser.open(&format!("{board}/?lang=ko")).await;
    browser.picture("board").await;
    for (page, name) in [
        ("/sites/gwang-3", "site"),
        ("/administration/channels", "channels"),
        ("/reports/shift", "shift"),
    ] {
        browser.open(&format!("{board}{page}")).await;
        browser.picture(name).await;
    }
    let found = browser.found.lock().join("\n");
    assert!(found.is_empty(), "{found}");

    // paper
    browser.open(&format!("{board}/reports/incidents/live_gwang-3_slope-failure_14007")).await;
    let pdf = browser.tell("print", json!({ "page": { "width": 21.0, "height": 29.7 } })).await;
    let engine = base64::engine::general_purpose::STANDARD;
    let pdf = engine.decode(pdf.as_str().unwrap()).unwrap();
    assert!(pdf.starts_with(b"%PDF") && pdf.len() > 5_000, "{} bytes", pdf.len());

    // a board that goes away says so
    browser.open(&format!("{board}/wall")).await;
    browser.live().await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    room.world.stop.cancel();
    room.stop.cancel();
    browser.until("document.getElementById('link').dataset.state === 'stale'").await;
    assert_eq!(browser.run("return document.getElementById('stale').hidden").await, false);
    room.close(browser).await;
}
