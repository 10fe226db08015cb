//! The map, moved in every way there is.

use super::*;
use crate::config::{Form, Layer, LayerKind, Shape};

/// What of the map is seen: its corner and its size.
async fn view(browser: &Browser) -> [f64; 4] {
    let boxes = "const box = (id) => document.getElementById(id).getAttribute('viewBox').split(' ').map(Number);
        return [box('map-base'), box('map-places')]";
    let boxes: Vec<[f64; 4]> = serde_json::from_value(browser.run(boxes).await).unwrap();
    assert_eq!(boxes[0], boxes[1], "what lies under and what changes are one view");
    boxes[0]
}

/// The middle of the map on the screen.
async fn middle(browser: &Browser) -> (f64, f64) {
    let place = "const at = document.getElementById('map').getBoundingClientRect();
        return [at.x + at.width / 2, at.y + at.height / 2]";
    serde_json::from_value(browser.run(place).await).unwrap()
}

#[tokio::test]
async fn the_map_is_moved_by_wheel_drag_fingers_keys_and_buttons() {
    let Some(browser) = Browser::start().await else { return };
    let shelter = Shape { name: "school".into(), form: Form::Point((127.4, 36.4)) };
    let layer =
        Layer {
            name: text("대피소", "Shelters"), kind: LayerKind::Shelter, shapes: vec![shelter]
        };
    let room = Room::open(|state| state.layers = vec![layer]).await;
    browser.size(1_280, 800, false).await;
    room.enter(&browser, "/wall").await;
    browser.live().await;
    let home = view(&browser).await;
    let (x, y) = middle(&browser).await;

    let mouse = |kind: &str, x: f64, y: f64, wheel: f64| {
        let event = json!({ "type": kind, "x": x, "y": y, "button": "left", "buttons": 1, "clickCount": 1, "deltaX": 0, "deltaY": wheel });
        browser.browser("Input.dispatchMouseEvent", event)
    };
    mouse("mouseWheel", x, y, -120.0).await;
    let closer = view(&browser).await;
    assert!(closer[2] < home[2], "the wheel goes closer: {home:?} {closer:?}");

    mouse("mousePressed", x, y, 0.0).await;
    mouse("mouseMoved", x + 30.0, y, 0.0).await;
    mouse("mouseMoved", x + 90.0, y, 0.0).await;
    mouse("mouseReleased", x + 90.0, y, 0.0).await;
    let dragged = view(&browser).await;
    assert!(dragged[0] < closer[0] && dragged[2] == closer[2], "{closer:?} {dragged:?}");

    browser.run("document.getElementById('map').focus()").await;
    browser.press("ArrowRight").await;
    let right = view(&browser).await;
    assert!(right[0] > dragged[0], "{dragged:?} {right:?}");
    browser.press("+").await;
    assert!(view(&browser).await[2] < right[2]);
    browser.press("0").await;
    assert_eq!(view(&browser).await, home);

    browser.browser("Emulation.setTouchEmulationEnabled", json!({ "enabled": true })).await;
    let touch = |kind: &str, apart: Option<f64>| {
        let points = apart.map(|apart| {
            json!([{ "x": x - apart, "y": y, "id": 1 }, { "x": x + apart, "y": y, "id": 2 }])
        });
        let event = json!({ "type": kind, "touchPoints": points.unwrap_or(json!([])) });
        browser.browser("Input.dispatchTouchEvent", event)
    };
    touch("touchStart", Some(40.0)).await;
    touch("touchMove", Some(70.0)).await;
    touch("touchMove", Some(120.0)).await;
    touch("touchEnd", None).await;
    let pinched = view(&browser).await;
    assert!(pinched[2] < home[2] * 0.8, "two fingers go closer: {home:?} {pinched:?}");
    browser.browser("Emulation.setTouchEmulationEnabled", json!({ "enabled": false })).await;

    browser.tap("[data-map=out]").await;
    assert!(view(&browser).await[2] > pinched[2]);
    browser.tap("[data-map=all]").await;
    assert_eq!(view(&browser).await[2], 4_300.0, "all of the country");

    browser.tap(".map-layers input").await;
    let hidden = "return document.querySelector('#map-base g[data-layer]').hasAttribute('hidden')";
    assert_eq!(browser.run(hidden).await, true);

    // what is drawn anew keeps the view, and names do not lie over each other
    let all = view(&browser).await;
    room.climb().await;
    browser.until("document.querySelector('#map-places [data-look=severe]')").await;
    assert_eq!(view(&browser).await, all);
    browser.size(1_920, 1_080, false).await;
    browser.open(&format!("{}/wall", room.board)).await;
    let over = "const boxes = [...document.querySelectorAll('#map-places text')].map((one) => [one.textContent, one.getBoundingClientRect()]);
        return boxes.flatMap(([name, one], at) => boxes.slice(at + 1).filter(([, other]) =>
            one.left < other.right - 1 && other.left < one.right - 1 && one.top < other.bottom - 6 && other.top < one.bottom - 6).map(([other]) => `${name} / ${other}`))";
    assert_eq!(browser.run(over).await, json!([]), "names lie over each other");
    let letters = "return parseFloat(getComputedStyle(document.querySelector('#map-places text')).fontSize) * document.getElementById('map-places').getScreenCTM().a";
    let letters = browser.run(letters).await.as_f64().unwrap();
    println!("letters on the map: {letters:.1} of 1080 lines");
    room.close(browser).await;
}
