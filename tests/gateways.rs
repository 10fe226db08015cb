//! Gateways as an engineer makes them: taken in with `bongsu gateway`, heard for their own stations alone by the
//! embedded broker and by a mosquitto with the dynamic security plugin, and gone once revoked.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::daemon::{Daemon, run};
use common::link::Link;
use common::servers::{Mosquitto, program};
use common::setting::{Road, Setting, bridge, crack, telemetry};
use common::{eventually, free_port};
use serde_json::Value;

/// Publishes the first report of a site's box as a gateway. Whether the broker took it; none if there is no client.
async fn publish(port: u16, site: &str, user: &str, password: &str) -> Option<bool> {
    publish_at(port, &telemetry(site, "box-1"), user, password, 1).await
}

/// Publishes one report as a gateway, anywhere.
async fn publish_at(port: u16, topic: &str, user: &str, password: &str, seq: u64) -> Option<bool> {
    let output = tokio::process::Command::new(program("mosquitto_pub")?)
        .args(["-V", "mqttv5", "-h", "127.0.0.1", "-p", &port.to_string(), "-q", "1"])
        .args(["-t", topic, "-m", &crack(seq, 1.0), "-u", user, "-P", password])
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(common::PATIENCE, output).await.unwrap().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Some(output.status.success() && !said.contains("uthori"))
}

/// Takes a gateway in; its password.
async fn add(folder: &Path, more: &[&str]) -> String {
    let mut arguments = vec!["gateway", "--folder", folder.to_str().unwrap(), "--json"];
    arguments.extend(["add", "gate-1", "--speaks-for", "bridge-1"]);
    arguments.extend(more);
    let added = run(&arguments).await;
    assert!(added.status.success(), "{added:?}");
    let shown: Value = serde_json::from_slice(&added.stdout).unwrap();
    shown["password"].as_str().unwrap().to_owned()
}

/// Waits for the incident that says which gateway spoke for whose station.
async fn is_named(daemon: &Daemon) {
    let faults = eventually("it is an incident", || async {
        let faults = daemon.list("/api/v1/incidents?site=bongsu&").await;
        (!faults.is_empty()).then_some(faults)
    })
    .await;
    let why = faults[0]["evidence"][0]["text"]["en"].as_str().unwrap();
    assert!(why.contains("gate-1") && why.contains("bridge-2/box-1"), "{why}");
}

/// How often the gateway spoke for a station that is not its own.
async fn trespasses(daemon: &Daemon) -> f64 {
    let labels = "collector=\"field\",gateway=\"gate-1\",what=\"publish\"";
    daemon.metric("ingest_trespasses_total", labels).await
}

async fn revoke(folder: &Path, more: &[&str]) {
    let fixed = ["gateway", "--folder", folder.to_str().unwrap()];
    let revoked = run(&[&fixed[..], &["revoke", "gate-1"], more].concat()).await;
    assert!(revoked.status.success(), "{revoked:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_speaks_for_anothers_station_is_refused_counted_and_named() {
    let mut setting = Setting::embedded();
    let kind = "kind = \"embedded-broker\"\n";
    let own = "users = [{ name = \"bongsu\", password = \"file:own\" }]\ngateways = \"gateways\"\n";
    setting.main = setting.main.replace(kind, &[kind, own].concat());
    std::fs::write(setting.folder().join("own"), "secret").unwrap();
    for site in ["bridge-1", "bridge-2"] {
        setting.site(site, &bridge(site));
    }
    let folder = setting.folder().join("gateways");
    let daemon = Daemon::start(&setting.write()).await;
    let port = daemon.broker();
    let password = add(&folder, &[]).await; // while the daemon runs
    if publish(port, "bridge-1", "gate-1", "wrong").await.is_none() {
        return;
    }
    eventually("it is let in", || async {
        publish(port, "bridge-1", "gate-1", &password).await.filter(|taken| *taken)
    })
    .await;
    assert_eq!(publish(port, "bridge-1", "gate-1", "wrong").await, Some(false));
    assert_eq!(publish(port, "bridge-2", "gate-1", &password).await, Some(false));
    is_named(&daemon).await;
    assert!(trespasses(&daemon).await >= 1.0);
    let own = telemetry("bridge-1", "box-1");
    assert_eq!(publish_at(port, &own, "gate-1", &password, 2).await, Some(true));
    daemon.admits(2).await;
    assert_eq!(daemon.balance("field").await["received"], 2, "what is refused is not journaled");

    revoke(&folder, &[]).await;
    eventually("it is turned away", || async {
        publish(port, "bridge-1", "gate-1", &password).await.filter(|taken| !*taken)
    })
    .await;
    let said = daemon.stop().await;
    assert!(!said.lines().iter().any(|line| line.contains(&password)), "no secret is in the log");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_only_gateways_come_in_bongsu_and_doctor_have_a_key_of_their_own() {
    let Some(sub) = program("mosquitto_sub") else { return };
    let mut setting = Setting::embedded();
    let kind = "kind = \"embedded-broker\"\n";
    setting.main = setting.main.replace(kind, &[kind, "gateways = \"gateways\"\n"].concat());
    setting.site("bridge-1", &bridge("bridge-1"));
    let folder = setting.folder().join("gateways");
    let password = add(&folder, &[]).await;
    let config = setting.write();
    let daemon = Daemon::start(&config).await;
    let port = daemon.broker();
    assert!(Link::connect(port, "box").await.is_err(), "nobody comes in without a name");

    // The way back to the field stands: the gateway hears that its report is on disk.
    let mut hears = tokio::process::Command::new(sub)
        .args(["-V", "mqttv5", "-h", "127.0.0.1", "-p", &port.to_string(), "-v", "-C", "1"])
        .args(["-t", "bongsu/v1/bridge-1/box-1/stored", "-u", "gate-1", "-P", &password])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    eventually("it is told", || {
        let ended = hears.try_wait().unwrap();
        let password = &password;
        async move {
            publish(port, "bridge-1", "gate-1", password).await;
            ended
        }
    })
    .await;
    let labels = "collector=\"field\",session=\"publisher\"";
    assert_eq!(daemon.metric("ingest_connected", labels).await, 1.0);

    let said = run(&["doctor", "--config", config.to_str().unwrap(), "--for", "1", "--json"]).await;
    let said = String::from_utf8(said.stdout).unwrap();
    let lines: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for check in ["broker-field", "broker-field-session", "broker-field-topic"] {
        let mut of_check = lines.iter().filter(|line| line["check"] == check).peekable();
        assert!(of_check.peek().is_some(), "{check}: {said}");
        assert!(of_check.all(|line| line["state"] == "ok"), "{check}: {said}");
    }

    // To a gateway the broker is no place to listen to everybody: each filter that is refused is told by its name.
    let key = setting.folder().join("gate-key");
    std::fs::write(&key, &password).unwrap();
    let mut other = Setting::new(Road::Mqtt(port));
    let own = format!("\nuser = \"gate-1\"\npassword = \"file:{}\"", key.display());
    other.main = other.main.replace("kind = \"mqtt\"", &format!("kind = \"mqtt\"{own}"));
    other.site("bridge-1", &bridge("bridge-1"));
    let asked = other.write();
    let said = run(&["doctor", "--config", asked.to_str().unwrap(), "--for", "1", "--json"]).await;
    assert_eq!(said.status.code(), Some(1), "{said:?}");
    let said = String::from_utf8(said.stdout).unwrap();
    let lines: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let refused = lines.iter().filter(|line| line["check"] == "broker-field-topic");
    let refused: Vec<_> = refused.filter(|line| line["state"] == "failed").collect();
    assert!(refused.len() == 4 && said.contains("bongsu/v1/+/+/telemetry"), "{said}");

    let owner = std::fs::read_to_string(setting.data().join("broker/owner-key")).unwrap();
    let said = daemon.stop().await.lines().concat();
    assert!(!said.contains(&owner) && !said.contains(&password), "no secret is in the log");
}

/// Finds the plugin, in the folder of whichever machine this is, or says that the test is skipped.
fn dynamic_security() -> Option<PathBuf> {
    let library = Path::new("/usr/lib");
    let machines = std::fs::read_dir(library).into_iter().flatten().flatten();
    let found = machines
        .map(|machine| machine.path())
        .chain([library.to_owned()])
        .map(|folder| folder.join("mosquitto_dynamic_security.so"))
        .find(|file| file.is_file());
    if found.is_none() {
        let required = std::env::var_os("BONGSU_REQUIRE_SERVERS").is_some_and(|set| set == "1");
        assert!(!required, "mosquitto_dynamic_security.so is not installed");
        println!("skipped: mosquitto_dynamic_security.so not installed");
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mosquitto_with_dynamic_security_is_told_who_is_in_and_who_is_out() {
    let Some(ctrl) = program("mosquitto_ctrl") else { return };
    let Some(plugin) = dynamic_security() else { return };
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let made = Command::new(ctrl)
        .args(["dynsec", "init", &at("dynsec.json"), "chief", "s3cret"])
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let port = free_port();
    let config = format!(
        "listener {port} 127.0.0.1\nuser root\nallow_anonymous false\nplugin {}\nplugin_opt_config_file {}\n",
        plugin.display(),
        at("dynsec.json"),
    );
    std::fs::write(folder.path().join("mosquitto.conf"), config).unwrap();
    std::fs::write(folder.path().join("chief"), "s3cret\n").unwrap();
    let file = folder.path().join("mosquitto.conf");
    let Some(_broker) = Mosquitto::of(&file, port).await else { return };
    let (url, chief) = (format!("mqtt://127.0.0.1:{port}"), at("chief"));
    let there = ["--dynamic-security", &url, "--admin", "chief", "--admin-password-file", &chief];
    let password = add(folder.path(), &there).await;
    if publish(port, "bridge-1", "gate-1", &password).await.is_none() {
        return;
    }
    assert_eq!(publish(port, "bridge-1", "gate-1", &password).await, Some(true));
    assert_eq!(publish(port, "bridge-2", "gate-1", &password).await, Some(false));
    revoke(folder.path(), &there).await;
    assert_eq!(publish(port, "bridge-1", "gate-1", &password).await, Some(false));
}

/// What a broker of somebody else's has to know of gateways: that each publishes below its own name. Who has none is
/// bongsu, on this machine.
const OWN_NAME: &str = "topic readwrite #\ntopic read $SYS/#\n\npattern write gateway/%u/#\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_a_broker_that_knows_names_alone_a_gateway_that_speaks_for_another_is_refused() {
    let Some(_) = program("mosquitto_pub") else { return };
    let port = free_port();
    let mut setting = Setting::new(Road::Mqtt(port));
    setting.main =
        setting.main.replace("kind = \"mqtt\"", "kind = \"mqtt\"\ngateways = \"gateways\"");
    for site in ["bridge-1", "bridge-2"] {
        setting.site(site, &bridge(site));
    }
    let folder = setting.folder().join("gateways");
    let password = add(&folder, &[]).await;
    let at = |name: &str| setting.folder().join(name).display().to_string();
    std::fs::write(at("acl"), OWN_NAME).unwrap();
    let config = format!(
        "listener {port} 127.0.0.1\nuser root\nallow_anonymous true\npassword_file {}\nacl_file {}\n",
        at("gateways/mosquitto.passwd"),
        at("acl"),
    );
    std::fs::write(at("mosquitto.conf"), config).unwrap();
    let file = setting.folder().join("mosquitto.conf");
    let Some(_broker) = Mosquitto::of(&file, port).await else { return };
    let daemon = Daemon::start(&setting.write()).await;

    let own = format!("gateway/gate-1/{}", telemetry("bridge-1", "box-1"));
    assert_eq!(publish_at(port, &own, "gate-1", &password, 1).await, Some(true));
    eventually("its own station is heard", || async {
        (daemon.balance("field").await["admitted"] == 1).then_some(())
    })
    .await;
    // The broker lets it say what it likes below its own name, and nothing below another's or none.
    let other = format!("gateway/gate-2/{}", telemetry("bridge-2", "box-1"));
    assert_eq!(publish_at(port, &other, "gate-1", &password, 2).await, Some(false));
    assert_eq!(
        publish_at(port, &telemetry("bridge-2", "box-1"), "gate-1", &password, 2).await,
        Some(false)
    );
    let foreign = format!("gateway/gate-1/{}", telemetry("bridge-2", "box-1"));
    assert_eq!(publish_at(port, &foreign, "gate-1", &password, 2).await, Some(true));
    is_named(&daemon).await;
    assert_eq!(trespasses(&daemon).await, 1.0);
    let balance = daemon.balance("field").await;
    assert_eq!((&balance["received"], &balance["admitted"]), (&1.into(), &1.into()), "{balance}");

    // Revoked, it is heard no more, whatever its broker still lets in.
    revoke(&folder, &[]).await;
    let mut seq = 2;
    while trespasses(&daemon).await < 2.0 {
        seq += 1;
        assert!(publish_at(port, &own, "gate-1", &password, seq).await == Some(true) && seq < 100);
    }
    daemon.stop().await;
}
