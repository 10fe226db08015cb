//! Real servers. One that is not installed is said so by name, and is a failure where servers are required.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::link::Link;
use super::{eventually, free_port};

/// The broker's configuration as we ship it.
const SHIPPED: &str = include_str!("../../deploy/mosquitto/bongsu.conf");

/// What of it names this machine's files and users.
const LOCAL: [&str; 10] = [
    "listener",
    "cafile",
    "certfile",
    "keyfile",
    "tls_version",
    "allow_anonymous",
    "password_file",
    "acl_file",
    "persistence_location",
    "require_certificate",
];

/// A mosquitto as we ship it, without TLS and users. Killed when dropped.
pub struct Mosquitto {
    /// Where it listens.
    pub port: u16,
    child: Child,
    _folder: Option<TempDir>,
}

impl Mosquitto {
    /// Starts one, unless it is not installed.
    pub async fn start() -> Option<Self> {
        program("mosquitto")?;
        let folder = tempfile::tempdir().unwrap();
        // mosquitto started by root becomes somebody else, who must be able to write here.
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
        let port = free_port();
        let is_local =
            |line: &&str| LOCAL.iter().any(|word| line.split_whitespace().next() == Some(word));
        let shipped: String = SHIPPED
            .lines()
            .filter(|line| !is_local(line))
            .map(|line| format!("{line}\n"))
            .collect();
        assert!(shipped.contains("persistence true"));
        let own = format!(
            "listener {port} 127.0.0.1\nallow_anonymous true\npersistence_location {}/\n",
            folder.path().display()
        );
        let file = folder.path().join("mosquitto.conf");
        std::fs::write(&file, own + &shipped).unwrap();
        let mut broker = Self::of(&file, port).await?;
        broker._folder = Some(folder);
        Some(broker)
    }

    /// Starts one with a configuration of the test's own that listens on `port`, unless it is not installed.
    pub async fn of(file: &Path, port: u16) -> Option<Self> {
        let child = Command::new(program("mosquitto")?)
            .arg("-c")
            .arg(file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut broker = Self { port, child, _folder: None };
        eventually("mosquitto answers", || async {
            match Link::connect(port, "probe").await {
                Err(error) if error.kind() != std::io::ErrorKind::Other => None,
                _ => Some(()), // also one that turns strangers away
            }
        })
        .await;
        assert!(broker.child.try_wait().unwrap().is_none(), "somebody else listens on port {port}");
        Some(broker)
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Finds a program, or says that the test is skipped.
pub fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    folders.push("/usr/sbin".into());
    let found = folders.into_iter().map(|folder| folder.join(name)).find(|file| file.is_file());
    if found.is_none() {
        let required = std::env::var_os("BONGSU_REQUIRE_SERVERS").is_some_and(|set| set == "1");
        assert!(!required, "{name} is not installed");
        println!("skipped: {name} not installed");
    }
    found
}
