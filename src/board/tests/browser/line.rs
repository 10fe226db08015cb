//! A line that is cut, and one that is slow.

use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::*;

/// A way to the board that can be cut and mended.
struct Line {
    address: String,
    cut: watch::Sender<bool>,
}

impl Line {
    async fn to(board: &str) -> Self {
        let far = board.trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let (cut, is_cut) = watch::channel(false);
        tokio::spawn(async move {
            let mut calls = JoinSet::new();
            while let Ok((mut near, _)) = listener.accept().await {
                let (far, mut is_cut) = (far.clone(), is_cut.clone());
                if *is_cut.borrow() {
                    continue; // dropped as soon as it came
                }
                calls.spawn(async move {
                    let Ok(mut far) = TcpStream::connect(far).await else { return };
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                        _ = is_cut.wait_for(|cut| *cut) => {}
                    }
                });
            }
        });
        Self { address, cut }
    }
}

#[tokio::test]
async fn a_board_whose_line_is_cut_says_since_when_and_comes_back_by_itself() {
    let Some(browser) = Browser::start().await else { return };
    let mut room = Room::open(|_| {}).await;
    let line = Line::to(&room.board).await;
    room.board = line.address.clone();
    browser.size(1_280, 800, false).await;
    room.enter(&browser, "/?lang=ko").await;
    browser.live().await;
    browser.run("window.untouched = true").await;
    line.cut.send_replace(true);
    browser.until("document.getElementById('link').dataset.state === 'stale'").await;
    let said = browser.run("return document.getElementById('stale').innerText").await;
    assert!(said.as_str().unwrap().contains("2026-07-14"), "since when: {said}");
    assert_eq!(browser.run("return document.body.classList.contains('is-stale')").await, true);
    room.climb().await;
    line.cut.send_replace(false);
    browser.live().await;
    browser.until("document.querySelector('#site-gwang-3[data-look=severe]')").await;
    assert_eq!(browser.run("return document.getElementById('stale').hidden").await, true);
    assert_eq!(browser.run("return window.untouched").await, true, "without a reload");
    room.close(browser).await;
}

#[tokio::test]
async fn a_first_view_on_a_slow_phone_is_measured_and_light() {
    let Some(browser) = Browser::start().await else { return };
    let room = Room::open(|_| {}).await;
    browser.size(390, 844, true).await;
    room.enter(&browser, "/").await;
    browser.live().await;
    // a slow 4G line and a processor a quarter as fast as this one
    let line = json!({ "offline": false, "latency": 150, "downloadThroughput": 200_000, "uploadThroughput": 93_750 });
    browser.browser("Network.enable", json!({})).await;
    browser.browser("Network.emulateNetworkConditions", line).await;
    browser.browser("Emulation.setCPUThrottlingRate", json!({ "rate": 4 })).await;
    for page in ["/", "/wall", "/incidents/live_gwang-3_slope-failure_14007", "/sites/gwang-3"] {
        browser.browser("Network.clearBrowserCache", json!({})).await;
        browser.open(&format!("{}{page}", room.board)).await;
        browser.until("performance.getEntriesByName('first-contentful-paint').length").await;
        let measured = "const paint = performance.getEntriesByName('first-contentful-paint')[0].startTime;
            const carried = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]
                .filter((one) => !one.name.includes('/events')).reduce((sum, one) => sum + one.transferSize, 0);
            return [Math.round(paint), carried]";
        let (paint, carried): (u64, u64) =
            serde_json::from_value(browser.run(measured).await).unwrap();
        println!("{page}: first seen after {paint} ms, {carried} bytes over the line");
        assert!(carried < 100_000, "{page}: {carried} bytes");
    }
    room.close(browser).await;
}

#[tokio::test]
async fn a_site_s_page_follows_and_what_is_drawn_anew_stays_where_somebody_scrolled() {
    let Some(browser) = Browser::start().await else { return };
    let room = Room::open(|_| {}).await;
    browser.size(390, 844, true).await;
    room.enter(&browser, "/sites/gwang-3?lang=ko").await;
    browser.live().await;
    browser.run("window.untouched = true").await;
    room.climb().await;
    browser.until("document.querySelector('#place .badge[data-look=severe]')").await;
    room.world
        .publish(|overview| {
            let site = overview.setup.registry.site("gwang-3").unwrap();
            overview.sites[site.index()].silent += 1;
        })
        .await;
    browser.until("document.querySelector('#place .stale')").await;
    assert_eq!(browser.run("return window.untouched").await, true, "without a reload");

    let one = |to: &str| {
        alerting::Action::Owe(owed("siren", to, alert("gwang-3", 14_007, Level::Severe)))
    };
    room.world.act([one("north")]).await;
    let path = "/incidents/live_gwang-3_slope-failure_14007?lang=ko";
    browser.open(&format!("{}{path}", room.board)).await;
    browser.live().await;
    let place = "document.querySelector('#deliveries .scroll').scrollLeft";
    browser.run(&format!("{place} = 40")).await;
    assert_eq!(browser.run(&format!("return {place}")).await, 40, "it is wider than a phone");
    room.world.act([one("south")]).await;
    browser.until("document.querySelector('#deliveries').innerText.includes('south')").await;
    assert_eq!(browser.run(&format!("return {place}")).await, 40);
    room.close(browser).await;
}
