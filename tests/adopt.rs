//! A station that nobody registered: shown with what it sent, written into the file of its site, heard from then on.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::daemon::{Daemon, run};
use common::link::Link;
use common::setting::{Setting, bridge, crack, telemetry};
use common::{eventually, now};
use serde_json::{Value, json};

fn tilt(value: f64) -> String {
    format!(
        r#"{{"at":"{}","readings":[{{"sensor":"tilt-9","quantity":"tilt-x","value":{value},"unit":"mrad"}},{{"sensor":"tilt-9","quantity":"tilt-y","value":0.1}},{{"sensor":"gauge","quantity":"rain","value":0}}]}}"#,
        now()
    )
}

async fn adopt(arguments: &[&str], config: &std::path::Path) -> (i32, String, String) {
    let all = [&["site", "adopt"], arguments, &["--config", config.to_str().unwrap()]].concat();
    let output = run(&all).await;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_is_shown_adopted_and_heard() {
    let setting = Setting::embedded();
    setting.site("bridge-1", &bridge("bridge-1"));
    let config = setting.write();
    let daemon = Daemon::start(&config).await;
    let mut link = Link::connect(daemon.broker(), "box").await.unwrap();
    for topic in [telemetry("bridge-1", "box-9"), telemetry("cut-7", "post-1")] {
        for n in 0..3 {
            link.publish(&topic, tilt(f64::from(n)).as_bytes()).await.unwrap();
        }
    }
    // A sensor that nobody registered, at a station that is.
    let strange = crack(1, 2.0).replace("crack-1", "crack-2");
    link.publish(&telemetry("bridge-1", "box-1"), strange.as_bytes()).await.unwrap();
    let waiting = eventually("all wait", || async {
        let page = daemon.json("/api/v1/adoptions").await;
        (page["items"].as_array()?.len() == 3).then_some(page)
    })
    .await;
    let box_9 = &waiting["items"][1];
    assert_eq!((&box_9["station"], &box_9["messages"]), (&json!("box-9"), &json!(3)));
    assert_eq!(
        box_9["series"][1],
        json!({"sensor": "tilt-9", "quantity": "tilt-x", "unit": "mrad", "value": 2.0, "count": 3})
    );
    let page = eventually("the board shows it", || async {
        let page = daemon.text("/").await.replace("&#x2f;", "/");
        page.contains("bridge-1/box-9").then_some(page)
    })
    .await;
    assert!(page.contains("tilt-9/tilt-x 2 mrad"), "{page}");

    let url = daemon.url("");
    let here = ["--url", &url];
    let (status, list, _) = adopt(&here, &config).await;
    assert!(
        status == 0 && list.contains("bridge-1/box-9") && list.contains("tilt-9/tilt-x"),
        "{list}"
    );
    let (status, _, said) = adopt(&[&["nobody/box"], &here[..]].concat(), &config).await;
    assert!(status == 1 && said.contains("does not wait"), "{status} {said}");

    let interval = ["--report-interval", "1 min"];
    let (status, out, said) =
        adopt(&[&["bridge-1/box-9"], &here[..], &interval].concat(), &config).await;
    assert_eq!(status, 0, "{out}{said}");
    assert!(
        out.contains("template = \"tilt-biaxial\"") && out.contains("template = \"rain-gauge\""),
        "{out}"
    );
    let (status, out, said) = adopt(&[&["bridge-1/box-1"], &here[..]].concat(), &config).await;
    assert_eq!(status, 0, "{out}{said}");

    // A new site has to be somewhere.
    let cut = [&["cut-7/post-1"], &here[..], &interval].concat();
    let (status, _, said) = adopt(&cut, &config).await;
    assert!(status == 70 && said.contains("--location"), "{status} {said}");
    let (status, _, said) =
        adopt(&[&cut[..], &["--location", "37.5,128.2", "--kind", "hill"]].concat(), &config).await;
    assert!(status == 78 && said.contains("`kind` cannot be `hill`"), "{status} {said}");
    assert!(!setting.folder().join("sites/cut-7.toml").exists(), "what does not fit is not left");
    let (status, out, said) = adopt(
        &[&cut[..], &["--location", "37.5,128.2", "--name-ko", "7지구", "--name-en", "Cut 7"]]
            .concat(),
        &config,
    )
    .await;
    assert_eq!(status, 0, "{out}{said}");

    let checked = run(&["check", "--config", config.to_str().unwrap()]).await;
    assert_eq!(checked.status.code(), Some(0), "{}", String::from_utf8_lossy(&checked.stderr));
    daemon.signal("HUP");
    eventually("nobody waits", || async {
        let page = daemon.json("/api/v1/adoptions").await;
        page["items"].as_array()?.is_empty().then_some(())
    })
    .await;
    link.publish(&telemetry("bridge-1", "box-9"), tilt(3.0).as_bytes()).await.unwrap();
    eventually("it is heard", || async {
        let site = daemon.json("/api/v1/sites/bridge-1").await;
        let stations = site["stations"].as_array()?.clone();
        let post = stations.into_iter().find(|station| station["id"] == "box-9")?;
        let series = post["series"].as_array()?.clone();
        let tilt = series.into_iter().find(|series| series["quantity"] == "tilt-x")?;
        (tilt["latest"]["value"].as_f64()? > 0.17).then_some(())
    })
    .await;
    link.publish(&telemetry("cut-8", "post-1"), tilt(3.0).as_bytes()).await.unwrap();
    eventually("another waits", || async {
        let page = daemon.json("/api/v1/adoptions").await;
        (page["items"].as_array()?.len() == 1).then_some(())
    })
    .await;
    let said = daemon.stop().await;
    assert_eq!(said.errors(), Vec::<Value>::new());

    // Also when it is stopped.
    let data = setting.data();
    let (status, list, _) = adopt(&["--data-dir", data.to_str().unwrap(), "--json"], &config).await;
    let waits: Value = serde_json::from_str(&list).unwrap();
    assert_eq!((status, &waits["site"]), (0, &json!("cut-8")));
}

/// A LoRaWAN device, as its network server decodes it.
fn uplink(eui: &str, count: u32, opening: f64) -> String {
    json!({
        "deduplicationId": format!("{eui}-{count}"),
        "time": now().to_string(),
        "deviceInfo": { "devEui": eui },
        "devAddr": "01020304",
        "fCnt": count,
        "fPort": 85,
        "data": "AQID",
        "object": { "opening": opening, "battery": 3.6 },
    })
    .to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn foreign_devices_are_shown_with_what_they_say_adopted_and_heard() {
    let mut setting = Setting::embedded();
    setting.main += r#"
[[collector.subscribe]]
topic = "application/+/device/+/event/up"
format = "chirpstack-v4"

[[collector.subscribe.map]]
devices = { 70b3d57ba0003b01 = "bridge-1/box-1" }
metrics = { opening = "crack-1/crack-width mm" }
ignore = ["battery"]
"#;
    setting.site("bridge-1", &bridge("bridge-1"));
    let config = setting.write();
    let daemon = Daemon::start(&config).await;
    let mut link = Link::connect(daemon.broker(), "network-server").await.unwrap();
    let topic = |eui: &str| format!("application/1/device/{eui}/event/up");
    let (like, other) = ("70b3d57ba0003b02", "70b3d57ba0003b03");
    for eui in [like, other] {
        link.publish(&topic(eui), uplink(eui, 1, 1.5).as_bytes()).await.unwrap();
    }
    let waiting = eventually("both wait", || async {
        let page = daemon.json("/api/v1/adoptions").await;
        (page["items"].as_array()?.len() == 2).then_some(page)
    })
    .await;
    let first = &waiting["items"][0];
    assert_eq!(
        (&first["device"], &first["series"][1]["sensor"]),
        (&json!(like), &json!("opening"))
    );

    let url = daemon.url("");
    let (here, interval) = (["--url", &url], ["--report-interval", "1 min"]);
    let before = std::fs::read_to_string(&config).unwrap();
    let (status, _, said) = adopt(&[&[like], &here[..]].concat(), &config).await;
    assert!(status == 70 && said.contains("--as SITE/STATION"), "{status} {said}");
    let nonsense = [&[like], &here[..], &["--as", "bridge-1/box-2", "--metric", "opening=a/b"]];
    let (status, _, said) = adopt(&nonsense.concat(), &config).await;
    assert!(status == 70 && said.contains("`b`"), "{status} {said}");
    // A new site has to be somewhere; nothing is left of what does not fit.
    let nowhere = ["--as", "bridge-7/box-1", "--like", "70b3d57ba0003b01", "--location", "95,0"];
    let (status, _, said) = adopt(&[&[like], &here[..], &nowhere].concat(), &config).await;
    assert_eq!(status, 78, "{said}");
    assert_eq!(std::fs::read_to_string(&config).unwrap(), before);
    assert!(!setting.folder().join("sites/bridge-7.toml").exists());

    let make = ["--as", "bridge-1/box-2", "--like", "70b3d57ba0003b01"];
    let (status, out, said) =
        adopt(&[&[like], &here[..], &interval, &make].concat(), &config).await;
    assert_eq!(status, 0, "{out}{said}");
    assert!(out.contains("[[collector.subscribe.map]]") && out.contains("[[station]]"), "{out}");
    let make =
        ["--as", "bridge-1/box-3", "--metric", "opening=crack-1/crack-width cm", "--ignore", "*"];
    let (status, out, said) =
        adopt(&[&[other], &here[..], &interval, &make].concat(), &config).await;
    assert_eq!(status, 0, "{out}{said}");

    daemon.signal("HUP");
    eventually("nobody waits", || async {
        let page = daemon.json("/api/v1/adoptions").await;
        page["items"].as_array()?.is_empty().then_some(())
    })
    .await;
    for (eui, station, value) in [(like, "box-2", 2.5), (other, "box-3", 25.0)] {
        link.publish(&topic(eui), uplink(eui, 2, 2.5).as_bytes()).await.unwrap();
        eventually("it is heard", || async {
            let site = daemon.json("/api/v1/sites/bridge-1").await;
            let stations = site["stations"].as_array()?.clone();
            let found = stations.into_iter().find(|found| found["id"] == station)?;
            (found["series"][0]["latest"]["value"].as_f64()? == value).then_some(())
        })
        .await;
    }
    let balance = daemon.balance("field").await;
    assert_eq!((&balance["holds"], &balance["refused"]), (&json!(true), &json!(0)), "{balance}");
    assert_eq!(daemon.stop().await.errors(), Vec::<Value>::new());
}
