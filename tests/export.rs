//! What is stored comes out as files, and goes in again exactly.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::path::{Path, PathBuf};
use std::time::Duration;

use common::daemon::{Daemon, run, told};
use common::eventually;
use common::hook::Hook;
use common::link::Link;
use common::setting::{Setting, bridge, crack, telemetry};
use serde_json::{Value, json};

/// Values that a careless writer would round.
const VALUES: [f64; 8] = [
    0.1 + 0.2,
    1.0 / 3.0,
    1e-7,
    12.345_678_901_234_567,
    -0.25,
    5e-324,
    99.999_999_999_999_99,
    31.0,
];

/// What came on the road of what is late.
const LATE: f64 = 1.25;

async fn export(arguments: &[&str]) -> String {
    let output = run(&[&["export"], arguments].concat()).await;
    let (said, complaint) = (String::from_utf8(output.stdout).unwrap(), output.stderr);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&complaint));
    said
}

/// A column of a table of readings.
fn column(csv: &str, name: &str) -> Vec<String> {
    let mut rows = csv.lines().map(|line| line.split(',').map(String::from).collect::<Vec<_>>());
    let place = rows.next().unwrap().iter().position(|column| column == name).unwrap();
    rows.map(|row| row[place].clone()).collect()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A daemon that heard [`VALUES`] of a bridge and told somebody, with its setting, its configuration, and who was told.
async fn a_bridge_somebody_was_told_of() -> (Setting, PathBuf, Daemon, Hook) {
    let hook = Hook::willing().await;
    let setting = Setting::bridge_told_to(&hook);
    let config = setting.write();
    let daemon = Daemon::start(&config).await;
    let mut link = Link::connect(daemon.broker(), "box").await.unwrap();
    for (n, value) in VALUES.into_iter().enumerate() {
        let payload = crack(n as u64 + 1, value);
        link.publish(&telemetry("bridge-1", "box-1"), payload.as_bytes()).await.unwrap();
    }
    // what came late is flagged
    let at = common::now().minus(Duration::from_secs(86_400));
    let late = telemetry("bridge-1", "box-1").replace("telemetry", "backfill");
    let report = json!({"at": at.to_string(), "readings": [{"sensor": "crack-1", "quantity": "crack-width", "value": LATE}]});
    link.publish(&late, report.to_string().as_bytes()).await.unwrap();
    eventually("somebody is told", || async { (!hook.taken().is_empty()).then_some(()) }).await;
    (setting, config, daemon, hook)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_exported_and_imported_elsewhere_is_exported_the_same() {
    let (setting, config, daemon, _hook) = a_bridge_somebody_was_told_of().await;
    let data = setting.data();
    let of = ["--data-dir", text(&data)];

    // beside a daemon that runs
    let incidents = export(&[&["incidents"], &of[..]].concat()).await;
    assert!(incidents.starts_with("id,site,hazard,state,level,"), "{incidents}");
    assert_eq!(incidents.lines().count(), 2, "{incidents}");
    let map = export(&[&["incidents", "--format", "geojson"], &of[..]].concat()).await;
    let map: Value = serde_json::from_str(&map).unwrap();
    assert_eq!(map["type"], "FeatureCollection");
    let point = &map["features"][0]["geometry"];
    assert_eq!((&point["type"], &point["coordinates"][0]), (&"Point".into(), &128.2.into()));
    let deliveries = export(&[&["deliveries"], &of[..]].concat()).await;
    assert!(deliveries.lines().nth(1).unwrap().contains(",hook,"), "{deliveries}");
    daemon.stop().await;

    // what was decided and sent there is known elsewhere afterwards, to the last byte
    let elsewhere = Setting::embedded();
    elsewhere.site("bridge-1", &bridge("bridge-1"));
    let other_config = elsewhere.write();
    let files =
        [("incidents.geojson", "geojson"), ("incidents.csv", "csv"), ("deliveries.csv", "csv")];
    for (name, format) in files {
        let what = name.split('.').next().unwrap();
        let file = setting.folder().join(name);
        let there = [what, "--format", format, "--data-dir"];
        let before = export(&[&there[..], &[text(&data)]].concat()).await;
        std::fs::write(&file, &before).unwrap();
        let take = ["import", text(&file), "--config", text(&other_config)];
        for _ in 0..2 {
            let (status, said) = told(&take).await;
            assert_eq!(status, 0, "{name}: {said}");
            let after = export(&[&there[..], &[text(&elsewhere.data())]].concat()).await;
            assert_eq!(after, before, "{name}");
        }
        let home = ["import", text(&file), "--config", text(&config)];
        let (status, said) = told(&home).await;
        assert!(
            status == 0 && said.contains("0 records of elsewhere"),
            "what is ours is known: {said}"
        );
        let levels = ["attention", "caution", "warning"];
        let other = levels.iter().fold(before.clone(), |text, level| text.replace(level, "severe"));
        assert_ne!(other, before, "{name}");
        std::fs::write(&file, other).unwrap();
        let (status, said) = told(&take).await;
        assert!(status == 70 && said.contains("something else"), "{said}");
    }
    let (status, trail) = told(&["audit", "export", "--data-dir", text(&elsewhere.data())]).await;
    assert!(status == 0 && trail.contains("deliveries"), "{trail}");

    let out = setting.folder().join("readings.csv");
    export(&[&["readings", "--out", text(&out)], &of[..]].concat()).await;
    let first = std::fs::read_to_string(&out).unwrap();
    assert!(first.starts_with("series,measured_at,received_at,value,unit,quality\n"), "{first}");
    let values: Vec<f64> =
        column(&first, "value").iter().map(|value| value.parse().unwrap()).collect();
    assert_eq!(values, [&VALUES[..], &[LATE]].concat(), "as they were admitted, to the last bit");
    let flagged = |csv: &str| column(csv, "quality").iter().any(|words| !words.is_empty());
    assert!(flagged(&first), "something is known against some of them: {first}");

    let other = Setting::embedded();
    other.site("bridge-1", &bridge("bridge-1"));
    let there = other.write();
    // again, and at home, where all of it is known
    for (into, times) in [(&there, 2), (&config, 1)] {
        for _ in 0..times {
            let imported = run(&["import", text(&out), "--config", text(into)]).await;
            assert!(imported.status.success(), "{}", String::from_utf8_lossy(&imported.stderr));
            assert_eq!(export(&["readings", "--config", text(into)]).await, first);
        }
    }

    // a file that says better of them than what is known changes nothing
    let forged: String = first
        .lines()
        .map(|line| line.rsplit_once(',').map_or(line.into(), |(row, _)| format!("{row},")) + "\n")
        .collect();
    let forged = forged.replacen("unit,\n", "unit,quality\n", 1);
    assert!(!flagged(&forged));
    std::fs::write(&out, forged).unwrap();
    for into in [&there, &config] {
        run(&["import", text(&out), "--config", text(into)]).await;
        assert_eq!(export(&["readings", "--config", text(into)]).await, first);
    }

    let of = ["readings", "--config", text(&there)];
    let none = export(&[&of[..], &["--to", "2020-01-01T00:00:00Z"]].concat()).await;
    assert_eq!(none.lines().count(), 1, "only the header");
    let series = "bridge-1/box-1/crack-1/crack-width";
    assert_eq!(export(&[&of[..], &["--series", series]].concat()).await, first);
}

/// The same through Parquet, where the program has it; where it has not, it says so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parquet_and_back_is_exact_or_refused_by_name() {
    let (setting, config, daemon, _hook) = a_bridge_somebody_was_told_of().await;
    daemon.stop().await;
    let elsewhere = Setting::embedded();
    elsewhere.site("bridge-1", &bridge("bridge-1"));
    let other = elsewhere.write();
    for what in ["readings", "incidents", "deliveries"] {
        let file = setting.folder().join(what).with_extension("parquet");
        let asked = [
            "export",
            what,
            "--format",
            "parquet",
            "--config",
            text(&config),
            "--out",
            text(&file),
        ];
        let (status, said) = told(&asked).await;
        if cfg!(not(feature = "parquet")) {
            assert!(status == 70 && said.contains("built without Parquet"), "{said}");
            continue;
        }
        assert_eq!(status, 0, "{said}");
        let (status, said) = told(&["import", text(&file), "--config", text(&other)]).await;
        assert_eq!(status, 0, "{what}: {said}");
        let before = export(&[what, "--config", text(&config)]).await;
        let after = export(&[what, "--config", text(&other)]).await;
        assert_eq!(after, before, "{what}");
        let again = file.with_extension("again.parquet");
        let there = [
            "export",
            what,
            "--format",
            "parquet",
            "--config",
            text(&other),
            "--out",
            text(&again),
        ];
        let (status, said) = told(&there).await;
        assert_eq!(status, 0, "{said}");
        assert!(
            std::fs::read(&again).unwrap() == std::fs::read(&file).unwrap(),
            "{what}: other bytes"
        );
    }
}
