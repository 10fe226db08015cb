//! The real program as a process: started, asked over HTTP, told by signals, killed when dropped.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use reqwest::StatusCode;
use serde_json::Value;

use super::{PATIENCE, eventually};

/// The program under test.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_bongsu");

/// What a process has said so far, line by line.
#[derive(Clone, Default)]
pub struct Said {
    lines: Arc<Mutex<Vec<String>>>,
    is_over: Arc<AtomicBool>,
}

impl Said {
    /// Collects the lines of a pipe until it is closed.
    pub fn collect(pipe: impl std::io::Read + Send + 'static) -> Self {
        let said = Self::default();
        let Self { lines, is_over } = said.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                lines.lock().push(line);
            }
            is_over.store(true, Ordering::Release);
        });
        said
    }

    /// Whether all is here that will ever be said.
    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Acquire)
    }

    /// Every line.
    pub fn lines(&self) -> Vec<String> {
        self.lines.lock().clone()
    }

    /// Every entry of a log in JSON.
    pub fn log(&self) -> Vec<Value> {
        self.lines().iter().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// The fields of every entry of the log with this message.
    pub fn told(&self, message: &str) -> Vec<Value> {
        let fields = self.log().into_iter().map(|entry| entry["fields"].clone());
        fields.filter(|fields| fields["message"] == message).collect()
    }

    /// Every entry of the log that should wake somebody.
    pub fn errors(&self) -> Vec<Value> {
        self.log().into_iter().filter(|entry| entry["level"] == "ERROR").collect()
    }
}

/// A running `bongsu run`.
pub struct Daemon {
    child: Child,
    /// Its log.
    pub said: Said,
    data: PathBuf,
    base: String,
    broker: Option<SocketAddr>,
    http: reqwest::Client,
}

impl Daemon {
    /// Starts one and does not wait for anything.
    pub fn spawn(config: &Path) -> Self {
        Self::spawn_with(config, &[])
    }

    /// The same with more in its environment.
    pub fn spawn_with(config: &Path, variables: &[(&str, &str)]) -> Self {
        rustls::crypto::ring::default_provider().install_default().ok();
        let mut child = Command::new(PROGRAM)
            .args(["run", "--log", "json", "--config"])
            .arg(config)
            .env_remove("BONGSU_LOG")
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let said = Said::collect(child.stderr.take().unwrap());
        let data = config.parent().unwrap().join("data");
        let http = reqwest::Client::builder().timeout(PATIENCE).no_proxy().build().unwrap();
        Self { child, said, data, base: String::new(), broker: None, http }
    }

    /// Starts one and waits until every part of it works and every collector receives.
    pub async fn start(config: &Path) -> Self {
        let mut daemon = Self::spawn(config);
        daemon.ready().await;
        daemon
    }

    /// Waits until every part of it works and every collector receives.
    pub async fn ready(&mut self) {
        let said = self.said.clone();
        let running = eventually("bongsu runs", || {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("bongsu ended with {status}: {:#?}", said.lines());
            }
            let told = said.told("running").pop();
            async { told }
        })
        .await;
        self.base = running["board"].as_str().unwrap().to_owned();
        let broker = running["broker"].as_str().unwrap_or_default();
        self.broker =
            broker.strip_prefix("Some(").and_then(|rest| rest.strip_suffix(')')?.parse().ok());
        let this = &*self;
        eventually("bongsu is ready", || async {
            let answer = this.http.get(this.url("/readyz")).send().await.ok()?;
            let is_ok = answer.status().is_success();
            let text = answer.text().await.ok()?;
            // Series that were never heard are worth a word, and no reason to wait.
            let collectors = || text.lines().filter(|line| line.starts_with("collector-"));
            let all_receive = collectors().all(|line| line.ends_with(": ok"));
            (is_ok && collectors().count() > 0 && all_receive).then_some(())
        })
        .await;
    }

    /// Its data directory.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Where its board is.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// Where its broker listens.
    pub fn broker(&self) -> u16 {
        self.broker.expect("an embedded broker is configured").port()
    }

    /// What it answers to its administrator.
    pub async fn text(&self, path: &str) -> String {
        let (status, text) = self.answer(path).await;
        assert!(status.is_success(), "{path}: {status}: {text}");
        text
    }

    /// What it answers to its administrator, if it can just now.
    pub async fn text_if_ready(&self, path: &str) -> Option<String> {
        let (status, text) = self.answer(path).await;
        if status == StatusCode::SERVICE_UNAVAILABLE {
            return None;
        }
        assert!(status.is_success(), "{path}: {status}: {text}");
        Some(text)
    }

    async fn answer(&self, path: &str) -> (StatusCode, String) {
        let token = std::fs::read_to_string(self.data.join("board-token")).unwrap();
        let request = self.http.get(self.url(path)).bearer_auth(token.trim());
        let answer = request.send().await.unwrap();
        (answer.status(), answer.text().await.unwrap())
    }

    /// The same, as JSON.
    pub async fn json(&self, path: &str) -> Value {
        serde_json::from_str(&self.text(path).await).unwrap()
    }

    /// Every entry of a list, page by page. `path` ends in `?` or `&`.
    pub async fn list(&self, path: &str) -> Vec<Value> {
        let mut items = Vec::new();
        let mut next = Value::Null;
        loop {
            let cursor = match &next {
                Value::Null => String::new(),
                Value::String(text) => format!("&before={text}"),
                other => format!("&before={other}"),
            };
            let page = self.json(&format!("{path}limit=500{cursor}")).await;
            items.extend(page["items"].as_array().unwrap().iter().cloned());
            next = page["next"].clone();
            if next.is_null() {
                return items;
            }
        }
    }

    /// What it answers to anybody.
    pub async fn public(&self, path: &str) -> String {
        self.http.get(self.url(path)).send().await.unwrap().text().await.unwrap()
    }

    /// The value of a metric; `labels` as they are written, without braces. None counts as zero.
    pub async fn metric(&self, name: &str, labels: &str) -> f64 {
        let wanted =
            if labels.is_empty() { name.to_owned() } else { format!("{name}{{{labels}}}") };
        let text = self.text("/metrics").await;
        let line = text.lines().find_map(|line| line.strip_prefix(&wanted)?.strip_prefix(' '));
        line.map_or(0.0, |value| value.trim().parse().unwrap())
    }

    /// What became of every frame and reading.
    pub async fn balance(&self, source: &str) -> Value {
        let page = self.json("/api/v1/balance").await;
        let rows = page["items"].as_array().unwrap();
        rows.iter().find(|row| row["source"] == source).cloned().unwrap_or_default()
    }

    /// Waits until so many readings of the source `field` are admitted and the balance holds.
    pub async fn admits(&self, readings: u64) {
        eventually(&format!("{readings} readings are admitted"), || async {
            let balance = self.balance("field").await;
            (balance["admitted"] == readings && balance["holds"] == true).then_some(())
        })
        .await;
    }

    /// Sends it a signal by its name.
    pub fn signal(&self, name: &str) {
        let status =
            Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status();
        assert!(status.unwrap().success());
    }

    /// Kills it on the spot.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        let status = self.child.wait().unwrap();
        assert_eq!(
            status.signal(),
            Some(9),
            "it ended before it was killed: {:#?}",
            self.said.lines()
        );
    }

    /// Waits until it has ended by itself.
    pub async fn ended(&mut self) -> ExitStatus {
        let (child, said) = (&mut self.child, &self.said);
        eventually("bongsu ends, and its last words are here", || {
            let ended = child.try_wait().unwrap().filter(|_| said.is_over());
            async move { ended }
        })
        .await
    }

    /// Stops it as a service manager would; it must say that all is well.
    pub async fn stop(mut self) -> Said {
        self.signal("TERM");
        let status = self.ended().await;
        assert_eq!(status.code(), Some(0), "{:#?}", self.said.lines());
        self.said.clone()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
        if std::thread::panicking() {
            let lines = self.said.lines();
            let from = lines.len().saturating_sub(40);
            eprintln!("the last bongsu said:\n{}", lines[from..].join("\n"));
        }
    }
}

/// Runs the program to its end; the status, and what was said on either way.
pub async fn told(arguments: &[&str]) -> (i32, String) {
    let output = run(arguments).await;
    let said = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(said).unwrap())
}

/// Runs the program to its end.
pub async fn run(arguments: &[&str]) -> Output {
    let child = tokio::process::Command::new(PROGRAM)
        .args(arguments)
        .env_remove("BONGSU_LOG")
        .kill_on_drop(true)
        .output();
    tokio::time::timeout(Duration::from_secs(120), child).await.expect("it ends").unwrap()
}
