//! Real servers, each on ports of its own and in a folder that goes with it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::free_port;

pub struct Server {
    pub addr: SocketAddr,
    child: Child,
    _folder: TempDir,
    client: reqwest::Client,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Server {
    pub async fn get(&self, path: &str) -> String {
        let answer = self.client.get(format!("http://{}{path}", self.addr)).send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        answer.text().await.unwrap()
    }

    pub async fn post(&self, path: &str, body: String) {
        let (status, said) = self.write(path, &body).await;
        assert!(status.is_success(), "{path}: {status} {said}");
    }

    /// What it answers to a body, whatever that is.
    pub async fn write(&self, path: &str, body: &str) -> (reqwest::StatusCode, String) {
        let url = format!("http://{}{path}", self.addr);
        let answer = self.client.post(url).body(body.to_owned()).send().await.unwrap();
        (answer.status(), answer.text().await.unwrap())
    }

    #[expect(clippy::disallowed_methods, reason = "a deadline for a server that does not start")]
    async fn start(
        program: &str,
        addr: SocketAddr,
        folder: TempDir,
        arguments: &[String],
        ready: &str,
    ) -> Option<Self> {
        rustls::crypto::ring::default_provider().install_default().ok();
        let program = find(program)?;
        let child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self { addr, child, _folder: folder, client: reqwest::Client::new() };
        let began = Instant::now();
        let url = format!("http://{addr}{ready}");
        while !server.client.get(&url).send().await.is_ok_and(|answer| answer.status().is_success())
        {
            assert!(began.elapsed() < Duration::from_secs(30), "{url} is not ready");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Some(server)
    }
}

/// An address nobody listens on.
pub fn free() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], free_port()))
}

fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into()]);
    let found = folders.map(|folder| folder.join(program)).find(|path| path.is_file());
    if found.is_none() {
        assert!(std::env::var_os("BONGSU_REQUIRE_SERVERS").is_none(), "{program} is not installed");
        println!("skipped: {program} not installed");
    }
    found
}

pub async fn victoria_metrics(addr: SocketAddr) -> Option<Server> {
    let folder = TempDir::new().unwrap();
    let arguments = [
        format!("-storageDataPath={}", folder.path().display()),
        format!("-httpListenAddr={addr}"),
        "-retentionPeriod=100y".into(),
    ];
    Server::start("victoria-metrics", addr, folder, &arguments, "/health").await
}

pub async fn influxd() -> Option<Server> {
    let (addr, rpc, folder) = (free(), free(), TempDir::new().unwrap());
    let at = folder.path().display();
    let config = folder.path().join("influxdb.conf");
    let text = format!(
        "reporting-disabled = true\nbind-address = \"{rpc}\"\n[meta]\ndir = \"{at}/meta\"\n[data]\ndir = \"{at}/data\"\nwal-dir = \"{at}/wal\"\n[http]\nbind-address = \"{addr}\"\nlog-enabled = false\n"
    );
    std::fs::write(&config, text).unwrap();
    let arguments = ["run".into(), "-config".into(), config.display().to_string()];
    let server = Server::start("influxd", addr, folder, &arguments, "/ping").await?;
    server.post("/query?q=CREATE%20DATABASE%20bongsu", String::new()).await;
    Some(server)
}
