//! What compose.yaml starts, without containers: its broker with its secrets, its daemon with its configuration, and
//! whoever watches the daemon.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::routing::post;
use parking_lot::Mutex;
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;

use super::common::daemon::{Daemon, PROGRAM};
use super::common::servers::program;
use super::common::{eventually, free_port};
use super::{Running, shipped};

fn text(path: &Path) -> String {
    path.display().to_string()
}

fn read(name: &str) -> String {
    fs::read_to_string(shipped(name)).unwrap()
}

/// The folder of a composition that was set up.
struct Composition {
    folder: TempDir,
    secrets: PathBuf,
}

impl Composition {
    /// As `setup.sh` makes it; what it asks of docker our own program answers.
    fn set_up() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let this = Self { secrets: folder.path().join("secrets"), folder };
        fs::create_dir(this.data()).unwrap();
        let docker = this.at("commands/docker");
        fs::create_dir(docker.parent().unwrap()).unwrap();
        let inside = "compose run --rm --no-deps -T bongsu";
        let script = format!(
            "#!/bin/sh\ncase $* in\n'compose build bongsu') ;;\n'{inside} '*) shift 6; exec {PROGRAM} \"$@\" --data-dir {};;\n*) exit 2;;\nesac\n",
            text(&this.data()),
        );
        fs::write(&docker, script).unwrap();
        fs::set_permissions(&docker, fs::Permissions::from_mode(0o755)).unwrap();
        this.run_setup(&[]);
        let made = this.list();
        this.run_setup(&[]);
        assert_eq!(this.list(), made, "what is there stays");
        this
    }

    fn run_setup(&self, arguments: &[&str]) {
        let path = format!("{}:{}", text(&self.at("commands")), std::env::var("PATH").unwrap());
        let mut setup = Command::new(shipped("compose/setup.sh"));
        setup.args(arguments).env("BONGSU_SECRETS", &self.secrets).env("PATH", path);
        let made = setup.output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn data(&self) -> PathBuf {
        self.at("data")
    }

    fn secret(&self, name: &str) -> String {
        fs::read_to_string(self.secrets.join(name)).unwrap()
    }

    /// Every secret and what it is.
    fn list(&self) -> Vec<(String, Vec<u8>)> {
        let files = fs::read_dir(&self.secrets).unwrap().flatten();
        let mut list: Vec<_> = files
            .map(|file| (file.file_name().into_string().unwrap(), fs::read(file.path()).unwrap()))
            .collect();
        list.sort();
        list
    }

    /// The daemon's configuration, with its broker there and its archive where nobody is.
    fn config(&self, broker: u16) -> PathBuf {
        let text = read("compose/bongsu.toml")
            .replace("/var/lib/bongsu", &text(&self.data()))
            .replace("0.0.0.0:8080", "127.0.0.1:0")
            .replace("mosquitto:1883", &format!("127.0.0.1:{broker}"))
            .replace("influxdb:8086", &format!("127.0.0.1:{}", free_port()))
            .replace("/run/secrets", &text(&self.secrets));
        let (config, sites) = (self.at("bongsu.toml"), self.at("sites"));
        fs::write(&config, text).unwrap();
        fs::create_dir(&sites).unwrap();
        fs::copy(shipped("compose/sites/example.toml"), sites.join("example.toml")).unwrap();
        config
    }

    /// The broker's, with its two ways in.
    fn broker(&self, plain: u16, tls: u16) -> PathBuf {
        let conf = read("compose/mosquitto.conf")
            .replace("listener 1883", &format!("listener {plain} 127.0.0.1"))
            .replace("listener 8883", &format!("listener {tls} 127.0.0.1"))
            .replace("/run/secrets", &text(&self.secrets))
            .replace("/mosquitto/config/bongsu.acl", &text(&shipped("compose/mosquitto.acl")))
            .replace("/mosquitto/data", &text(self.folder.path()));
        let file = self.at("mosquitto.conf");
        // started by root it becomes somebody else, whom the folder of the secrets keeps out
        fs::write(&file, format!("user root\n{conf}")).unwrap();
        file
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_hears_its_first_gateway_over_tls_and_nobody_else() {
    let programs = ["openssl", "mosquitto", "mosquitto_pub", "mosquitto_sub"].map(program);
    let [Some(_), Some(mosquitto), Some(publisher), Some(_)] = programs else { return };
    let composition = Composition::set_up();
    composition.run_setup(&["--secrets-only", "--gateway", "second"]);
    let (plain, tls) = (free_port(), free_port());
    let broker = Running::of(Command::new(mosquitto).arg("-c").arg(composition.broker(plain, tls)));
    let daemon = Daemon::start(&composition.config(plain)).await;
    let publish = |gateway: &str, site: &str, password: &str| {
        let topic = format!("bongsu/v1/{site}/post-1/telemetry");
        let payload = r#"{"seq":1,"readings":[{"sensor":"rain-1","quantity":"rain","value":0.5}]}"#;
        let mut publish = Command::new(&publisher);
        publish.args(["-V", "5", "-q", "1", "-h", "localhost", "-p", &tls.to_string(), "--cafile"]);
        let authority = composition.secrets.join("ca.crt");
        publish.arg(authority).args(["-u", gateway, "-P", password]);
        publish.args(["-t", &topic, "-m", payload]).output().unwrap().status.success()
    };
    let (first, password) = ("gateway-example", composition.secret("mqtt-example"));
    assert!(publish(first, "example", &password));
    assert!(!publish(first, "example", "guessed"), "a wrong password");
    let second = composition.secret("mqtt-second");
    assert!(publish("gateway-second", "example", &second), "it is let in, and has no block yet");
    publish(first, "elsewhere", &password);
    eventually("the first gateway is heard", || async {
        (daemon.metric("ingest_frames_total", "collector=\"field\"").await > 0.0).then_some(())
    })
    .await;
    let balance = eventually("it is counted", || async {
        let balance = daemon.balance("field").await;
        balance["received"].is_u64().then_some(balance)
    })
    .await;
    assert_eq!(balance["received"], 1, "and nobody else: {balance}");
    is_found_healthy(&composition, plain);
    daemon.stop().await;
    drop(broker);
}

/// The broker's health check, as compose.yaml has it.
fn is_found_healthy(composition: &Composition, port: u16) {
    let file = read("compose/compose.yaml");
    let line = file.lines().find(|line| line.contains("\"mosquitto_sub ")).unwrap();
    let (_, list) = line.split_once("test: ").unwrap();
    let test: Vec<String> = serde_json::from_str(list).unwrap();
    let script = test[1]
        .replace("$$", "$")
        .replace("-p 1883", &format!("-p {port}"))
        .replace("/run/secrets", &text(&composition.secrets));
    let said = Command::new("sh").args(["-c", &script]).output().unwrap();
    assert!(said.status.success(), "{script}: {}", String::from_utf8_lossy(&said.stderr));
}

/// What the file names is there, or is made by `setup.sh`, and the other way round.
#[test]
fn docker_compose_takes_the_file_and_it_names_what_is_there() {
    let programs = ["docker-compose", "openssl"].map(program);
    let [Some(docker_compose), Some(_)] = programs else { return };
    let folder = shipped("compose");
    // Debian 12 has 1.29, which knows everything of it but the name of the whole.
    let file = read("compose/compose.yaml").replace("\nname: bongsu\n", "\n");
    let mut config = Command::new(docker_compose)
        .args(["--project-name", "bongsu", "--project-directory"])
        .arg(&folder)
        .args(["--file", "-", "config"])
        .current_dir(&folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    config.stdin.take().unwrap().write_all(file.as_bytes()).unwrap();
    let read = config.wait_with_output().unwrap();
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    let read = String::from_utf8(read.stdout).unwrap();
    let secrets = folder.join("secrets");
    let here = read.split([' ', ':', '\n']).filter(|word| word.starts_with('/')).map(Path::new);
    let here = here.filter(|path| path.starts_with(env!("CARGO_MANIFEST_DIR")));
    let (named, mounted): (BTreeSet<&Path>, BTreeSet<&Path>) =
        here.partition(|path| path.starts_with(&secrets));
    for path in &mounted {
        assert!(path.exists(), "{}", path.display());
    }
    assert!(mounted.len() >= 8, "{mounted:?}");
    let made: BTreeSet<PathBuf> =
        Composition::set_up().list().iter().map(|(name, _)| secrets.join(name)).collect();
    let named = named.into_iter().map(Path::to_path_buf);
    // what signs the next certificate, and what the gateway is given
    let kept = ["ca.key", "mqtt-example"].map(|name| secrets.join(name));
    assert_eq!(made, named.chain(kept).collect());
}

/// What was told to whoever is on duty.
async fn duty() -> (String, Arc<Mutex<Vec<Value>>>) {
    let told: Arc<Mutex<Vec<Value>>> = Arc::default();
    let note = told.clone();
    let take = move |body: Bytes| async move {
        note.lock().push(serde_json::from_slice(&body).unwrap());
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let app = Router::new().route("/duty", post(take));
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    (url, told)
}

/// Prometheus and Alertmanager with the files they are given, as patient as a test.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_on_duty_hears_that_its_daemon_is_dead() {
    let programs = ["openssl", "prometheus", "prometheus-alertmanager"].map(program);
    let [Some(_), Some(prometheus), Some(alertmanager)] = programs else { return };
    let composition = Composition::set_up();
    let mut daemon = Daemon::spawn(&composition.config(free_port()));
    let said = daemon.said.clone();
    let board = eventually("it runs without its broker", || async {
        said.told("running").pop()?["board"].as_str().map(|url| url.replace("http://", ""))
    })
    .await;
    let (url, told) = duty().await;
    let (watcher, teller) =
        (format!("127.0.0.1:{}", free_port()), format!("127.0.0.1:{}", free_port()));
    let routes = read("../dashboards/prometheus/alertmanager.yml")
        .replace("http://127.0.0.1:8060", &url)
        .replace("group_wait: 15s", "group_wait: 1s");
    fs::write(composition.at("alertmanager.yml"), routes).unwrap();
    let rules = read("../dashboards/prometheus/rules.yml").replace("for: 2m", "for: 1s");
    fs::write(composition.at("rules.yml"), rules).unwrap();
    let watched = read("compose/prometheus.yml")
        .replace("bongsu:8080", &board)
        .replace("alertmanager:9093", &teller)
        .replace("127.0.0.1:9090", &watcher)
        .replace("/run/secrets", &text(&composition.secrets))
        .replace(": 15s", ": 1s");
    fs::write(composition.at("prometheus.yml"), watched).unwrap();
    let _teller = Running::of(
        Command::new(alertmanager)
            .arg(format!("--config.file={}", text(&composition.at("alertmanager.yml"))))
            .arg(format!("--storage.path={}", text(&composition.at("alertmanager"))))
            .arg(format!("--web.listen-address={teller}"))
            .arg("--cluster.listen-address="),
    );
    let _watcher = Running::of(
        Command::new(prometheus)
            .arg(format!("--config.file={}", text(&composition.at("prometheus.yml"))))
            .arg(format!("--storage.tsdb.path={}", text(&composition.at("prometheus"))))
            .arg(format!("--web.listen-address={watcher}")),
    );
    let client = reqwest::Client::new();
    let is_up = format!("http://{watcher}/api/v1/query?query=up%7Bjob%3D%22bongsu%22%7D");
    eventually("it is watched, with its token", || async {
        let answer: Value = client.get(&is_up).send().await.ok()?.json().await.ok()?;
        (answer["data"]["result"][0]["value"][1] == "1").then_some(())
    })
    .await;
    daemon.kill();
    let call = eventually("whoever is on duty is called", || async {
        let calls = told.lock().clone();
        let is_dead = |alert: &&Value| alert["labels"]["alertname"] == "BongsuDown";
        let alerts = calls.iter().filter_map(|call| call["alerts"].as_array()).flatten();
        alerts.clone().find(is_dead).cloned()
    })
    .await;
    assert_eq!(call["labels"]["instance"], board, "{call}");
    let page = call["annotations"]["runbook_url"].as_str().unwrap();
    assert!(page.ends_with("runbooks.md#bongsudown"), "{call}");
}
