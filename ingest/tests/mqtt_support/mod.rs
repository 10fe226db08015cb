//! What the MQTT tests share: a real mosquitto, a broker played by the test, an intake that remembers.
#![expect(dead_code, reason = "each test file uses its part")]

#[path = "../../../tests/common/ports.rs"]
mod ports;

use std::future::Future;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use ingest::clock::Clock;
use ingest::collector::config::{BrokerUrl, MqttConfig};
use ingest::collector::event::{Event, Happening, Role};
use ingest::collector::metrics::CollectorMetrics;
use ingest::collector::mqtt::{MqttCollector, Wiring};
use ingest::collector::{Intake, IntakeError, Taken};
use parking_lot::Mutex;
pub use ports::free_port;
use prometheus::Registry;
use rumqttc::{AsyncClient, Event as PollEvent, MqttOptions, Packet, PublishOptions};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// The longest a test waits for anything.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Waits for something that must come.
pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("{what}: not within {PATIENCE:?}"),
    }
}

/// Waits until something holds, looking again and again.
pub async fn until(what: &str, holds: impl Fn() -> bool) {
    soon(what, async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

/// An intake that remembers what it stored, behind a gate that can be shut.
pub struct Recording {
    frames: Mutex<Vec<Taken>>,
    gate: watch::Sender<bool>,
    fails: AtomicBool,
    /// How many times it was asked to store.
    pub asked: AtomicUsize,
    /// How many callers were in it at once, at most.
    pub crowd_max: AtomicUsize,
    crowd: AtomicUsize,
}

impl Recording {
    pub fn open() -> Arc<Self> {
        Self::with_gate(true)
    }

    pub fn shut() -> Arc<Self> {
        Self::with_gate(false)
    }

    fn with_gate(open: bool) -> Arc<Self> {
        Arc::new(Self {
            frames: Mutex::default(),
            gate: watch::Sender::new(open),
            fails: AtomicBool::new(false),
            asked: AtomicUsize::new(0),
            crowd_max: AtomicUsize::new(0),
            crowd: AtomicUsize::new(0),
        })
    }

    pub fn set_open(&self, open: bool) {
        self.gate.send_replace(open);
    }

    pub fn set_fails(&self, fails: bool) {
        self.fails.store(fails, Ordering::SeqCst);
    }

    pub fn payloads(&self) -> Vec<String> {
        self.frames
            .lock()
            .iter()
            .map(|frame| String::from_utf8_lossy(&frame.payload).into_owned())
            .collect()
    }

    pub fn frames(&self) -> Vec<Taken> {
        self.frames.lock().clone()
    }

    pub fn len(&self) -> usize {
        self.frames.lock().len()
    }

    pub async fn holds(&self, payload: &str) {
        until(&format!("`{payload}` is stored"), || {
            self.payloads().iter().any(|stored| stored == payload)
        })
        .await;
    }

    pub async fn holds_count(&self, count: usize) {
        until(&format!("{count} frames are stored"), || self.len() >= count).await;
    }

    pub async fn is_asked(&self, times: usize) {
        until("the intake is asked", || self.asked.load(Ordering::SeqCst) >= times).await;
    }
}

impl Intake for Recording {
    fn store(&self, frames: Vec<Taken>) -> BoxFuture<'_, Result<(), IntakeError>> {
        Box::pin(async move {
            let crowd = self.crowd.fetch_add(1, Ordering::SeqCst) + 1;
            self.crowd_max.fetch_max(crowd, Ordering::SeqCst);
            self.asked.fetch_add(1, Ordering::SeqCst);
            let mut gate = self.gate.subscribe();
            let opened = gate.wait_for(|open| *open).await.is_ok();
            self.crowd.fetch_sub(1, Ordering::SeqCst);
            if !opened || self.fails.load(Ordering::SeqCst) {
                return Err(IntakeError { reason: "the test says so".into() });
            }
            self.frames.lock().extend(frames);
            Ok(())
        })
    }
}

/// What a collector told.
#[derive(Clone, Default)]
pub struct Told(Arc<Mutex<Vec<Event>>>);

impl Told {
    pub fn has(&self, role: Role, holds: impl Fn(&Happening) -> bool) -> bool {
        self.0.lock().iter().any(|event| event.role == role && holds(&event.happening))
    }

    pub fn count(&self, role: Role, holds: impl Fn(&Happening) -> bool) -> usize {
        self.0.lock().iter().filter(|event| event.role == role && holds(&event.happening)).count()
    }

    pub async fn comes(&self, what: &str, role: Role, holds: impl Fn(&Happening) -> bool) {
        until(what, || self.has(role, &holds)).await;
    }

    pub async fn up(&self, role: Role) {
        self.comes("up", role, |happening| matches!(happening, Happening::Up { .. })).await;
    }
}

/// Wiring whose parts the test can look at.
pub struct Bench {
    pub wiring: Wiring,
    pub told: Told,
    pub registry: Registry,
}

impl Bench {
    pub fn new() -> Self {
        let registry = Registry::new();
        let told = Told::default();
        let list = told.0.clone();
        let wiring = Wiring {
            clock: Clock::system(),
            metrics: CollectorMetrics::register(&registry).unwrap(),
            listener: Arc::new(move |event| list.lock().push(event)),
            cancel: CancellationToken::new(),
        };
        Self { wiring, told, registry }
    }

    /// Starts a collector and waits until its telemetry is up.
    pub async fn collect(&self, config: &MqttConfig, intake: &Arc<Recording>) -> MqttCollector {
        let collector = MqttCollector::start(config, intake.clone(), &self.wiring).unwrap();
        self.told.up(Role::Telemetry).await;
        collector
    }

    /// Stops a collector in good order.
    pub async fn stop(self, mut collector: MqttCollector) -> Told {
        self.wiring.cancel.cancel();
        soon("the collector stops", collector.ended()).await.unwrap();
        self.told
    }

    /// The value of a metric, summed over its labels.
    pub fn metric(&self, name: &str) -> f64 {
        let families = self.registry.gather();
        let family = families.iter().find(|family| family.name() == name);
        let value = |metric: &prometheus::proto::Metric| {
            metric.get_counter().get_value() + metric.get_gauge().get_value()
        };
        family.map_or(0.0, |family| family.get_metric().iter().map(value).sum())
    }
}

/// A collector's configuration with its memory in `folder`.
pub fn config(url: &str, folder: &Path) -> MqttConfig {
    MqttConfig::new("field", url.parse::<BrokerUrl>().unwrap(), folder)
}

/// A mosquitto of the test's own. Killed on drop.
pub struct Mosquitto {
    pub port: u16,
    folder: TempDir,
    child: Option<Child>,
}

impl Mosquitto {
    /// Starts one with persistence, or says that it is not installed.
    pub async fn start() -> Option<Self> {
        Self::start_with("persistence true").await
    }

    /// Starts one with these lines in its configuration. `{folder}` stands for its folder.
    pub async fn start_with(lines: &str) -> Option<Self> {
        let program = program("mosquitto")?;
        let folder = tempfile::tempdir().unwrap();
        // mosquitto started by root becomes somebody else, who must be able to write here.
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
        let port = free_port();
        let lines = lines.replace("{folder}", &folder.path().display().to_string());
        let text = format!(
            "listener {port} 127.0.0.1\nallow_anonymous true\npersistence_location {}/\nsys_interval 1\n{lines}\n",
            folder.path().display()
        );
        std::fs::write(folder.path().join("mosquitto.conf"), text).unwrap();
        let mut broker = Self { port, folder, child: None };
        broker.spawn(&program);
        broker.ready().await;
        Some(broker)
    }

    pub fn url(&self) -> String {
        format!("mqtt://127.0.0.1:{}", self.port)
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Stops it as an operator would: it writes down what it has.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            Command::new("kill").arg(child.id().to_string()).status().unwrap();
            child.wait().unwrap();
        }
    }

    /// Starts it again where it was.
    pub async fn start_again(&mut self) {
        let program = program("mosquitto").unwrap();
        self.spawn(&program);
        self.ready().await;
    }

    fn spawn(&mut self, program: &Path) {
        let child = Command::new(program)
            .arg("-c")
            .arg(self.folder.path().join("mosquitto.conf"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.child = Some(child);
    }

    async fn ready(&mut self) {
        let port = self.port;
        soon("mosquitto answers", async {
            while !answers(port).await {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
        let ended = self.child.as_mut().and_then(|child| child.try_wait().unwrap());
        assert!(ended.is_none(), "somebody else listens on port {port}");
    }

    /// Publishes one message with QoS 1 by mosquitto's own client, and waits until the broker has it.
    pub async fn publish(&self, topic: &str, payload: &str) {
        self.publish_with(&["-q", "1", "-t", topic, "-m", payload]).await;
    }

    /// Publishes with these arguments of `mosquitto_pub`.
    pub async fn publish_with(&self, arguments: &[&str]) {
        publish_to(self.port, arguments).await;
    }

    /// What `mosquitto_sub` prints for one message on `topic`.
    pub async fn receive_one(&self, topic: &str) -> String {
        let program = program("mosquitto_sub").unwrap();
        let (port, topic) = (self.port.to_string(), topic.to_string());
        let output = tokio::task::spawn_blocking(move || {
            Command::new(program)
                .args(["-h", "127.0.0.1", "-p", &port, "-t", &topic, "-C", "1", "-W", "20"])
                .output()
                .unwrap()
        });
        String::from_utf8(output.await.unwrap().stdout).unwrap().trim().to_string()
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().ok();
            child.wait().ok();
        }
    }
}

/// Publishes by `mosquitto_pub` to any broker on this machine.
pub async fn publish_to(port: u16, arguments: &[&str]) {
    let program = program("mosquitto_pub").unwrap();
    let port = port.to_string();
    let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
    let status = tokio::task::spawn_blocking(move || {
        Command::new(program)
            .args(["-h", "127.0.0.1", "-p", &port])
            .args(&arguments)
            .status()
            .unwrap()
    });
    assert!(status.await.unwrap().success(), "mosquitto_pub failed");
}

/// Publishes many messages with QoS 1 on one connection and waits until all are confirmed.
pub async fn publish_many(port: u16, messages: impl IntoIterator<Item = (String, String)>) {
    let (client, mut eventloop) =
        AsyncClient::builder(options("test-publisher", port)).capacity(64).build();
    let polling = tokio::spawn(async move { while eventloop.poll().await.is_ok() {} });
    let mut notices = Vec::new();
    for (topic, payload) in messages {
        notices.push(
            client.publish_tracked(topic, payload, PublishOptions::at_least_once()).await.unwrap(),
        );
    }
    for notice in notices {
        soon("a message is confirmed", notice.wait_async()).await.unwrap();
    }
    polling.abort();
}

/// Options of a client that the test runs itself.
pub fn options(client_id: &str, port: u16) -> MqttOptions {
    let mut options = MqttOptions::new(client_id, ("127.0.0.1", port));
    options.set_clean_start(true);
    options
}

async fn answers(port: u16) -> bool {
    let (_client, mut eventloop) = AsyncClient::builder(options("test-probe", port)).build();
    matches!(eventloop.poll().await, Ok(PollEvent::Incoming(Packet::ConnAck(_))))
}

/// Finds a program, or says that the test is skipped; where servers are required, that is a failure.
pub fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    folders.push("/usr/sbin".into());
    let found = folders.into_iter().map(|folder| folder.join(name)).find(|file| file.is_file());
    if found.is_none() {
        assert!(
            std::env::var_os("BONGSU_REQUIRE_SERVERS").is_none_or(|set| set != "1"),
            "{name} is not installed"
        );
        println!("skipped: {name} not installed");
    }
    found
}

/// A payload of the numbered kind.
pub fn numbered(numbers: std::ops::Range<usize>) -> impl Iterator<Item = (String, String)> {
    numbers.map(|number| (telemetry(), format!("{{\"seq\":{number}}}")))
}

/// A topic that every collector here subscribes to.
pub fn telemetry() -> String {
    "bongsu/v1/cut-1/box-1/telemetry".into()
}

/// A payload as the fake broker sends it.
pub fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}
