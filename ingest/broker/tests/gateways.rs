//! Gateways at the embedded broker and at a mosquitto: let in by what they prove, heard where they may speak, gone once
//! revoked. The clients are those of mosquitto.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use broker::authority::{Authority, Day};
use broker::gateway::{Book, Gateway};
use broker::{
    Broker, BrokerConfig, Digest, PublishHook, Published, TlsSettings, Trespass, Verdict,
    VerdictFuture, mosquitto,
};
use parking_lot::Mutex;
use tempfile::TempDir;

const TODAY: Day = Day(2026, 7, 1);
const OWN: &str = "bongsu/v1/cut-12/post-1/telemetry";
const FOREIGN: &str = "bongsu/v1/wall-3/post-1/telemetry";

/// A program, unless it is not installed.
fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into()]);
    let found = folders.map(|folder| folder.join(name)).find(|path| path.is_file());
    if found.is_none() {
        assert!(std::env::var_os("BONGSU_REQUIRE_SERVERS").is_none(), "{name} is not installed");
        println!("skipped: {name} not installed");
    }
    found
}

/// What the broker was shown, and what gateways were not allowed.
#[derive(Default)]
struct Seen {
    topics: Mutex<Vec<String>>,
    refused: Mutex<Vec<(String, Trespass, String)>>,
}

struct Hook(Arc<Seen>);

impl PublishHook for Hook {
    fn on_publish(&self, message: Published) -> VerdictFuture {
        self.0.topics.lock().push(message.topic.to_string());
        Box::pin(async { Verdict::Accept })
    }
}

fn gateway(scope: &str) -> Gateway {
    Gateway {
        speaks_for: vec![scope.parse().unwrap()],
        topics: vec![],
        password: Some(Digest::of("sesame").unwrap()),
        certificate: None,
        revoked: false,
    }
}

/// A folder with an authority, a certificate for `localhost`, and `gate-1` with password and certificate.
fn folder() -> (TempDir, Book) {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::open(folder.path(), TODAY).unwrap();
    authority.certify_broker(&["localhost".into(), "127.0.0.1".into()], TODAY).unwrap();
    let mut book = Book::default();
    let certificate = Some(authority.certify_gateway("gate-1", TODAY).unwrap());
    book.add("gate-1", Gateway { certificate, ..gateway("cut-12") }).unwrap();
    book.add("gate-2", gateway("wall-3")).unwrap();
    book.save(folder.path()).unwrap();
    (folder, book)
}

/// Publishes once. The status says whether the broker took it.
async fn publish(port: u16, topic: &str, proof: &[&str]) -> Option<Output> {
    let output = tokio::process::Command::new(program("mosquitto_pub")?)
        .args(["-V", "mqttv5", "-h", "localhost", "-p", &port.to_string(), "-q", "1"])
        .args(["-t", topic, "-m", "x"])
        .args(proof)
        .kill_on_drop(true)
        .output();
    Some(tokio::time::timeout(Duration::from_secs(30), output).await.unwrap().unwrap())
}

fn certificate(folder: &Path, name: &str) -> Vec<String> {
    let file = |end: &str| folder.join(format!("{name}.{end}")).display().to_string();
    ["--cert", &file("crt"), "--key", &file("key")].map(str::to_owned).to_vec()
}

fn authority(folder: &Path) -> Vec<String> {
    vec!["--cafile".into(), folder.join("ca.crt").display().to_string()]
}

fn texts(parts: &[&[String]]) -> Vec<String> {
    parts.concat()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_speaks_for_its_own_stations_over_tls_until_it_is_revoked() {
    rustls::crypto::ring::default_provider().install_default().ok();
    let (folder, mut book) = folder();
    let seen = Arc::<Seen>::default();
    let told = seen.clone();
    let config = BrokerConfig {
        gateways: Some(folder.path().into()),
        anonymous_on_loopback: false,
        tls: Some(TlsSettings {
            listen: ([127, 0, 0, 1], 0).into(),
            certificate: folder.path().join("localhost.crt"),
            key: folder.path().join("localhost.key"),
            authority: Some(folder.path().join("ca.crt")),
        }),
        watchman: Some(Arc::new(move |name, what, topic| {
            told.refused.lock().push((name.into(), what, topic.into()));
        })),
        ..BrokerConfig::loopback(0)
    };
    let broker = Broker::start(config, Arc::new(Hook(seen.clone()))).await.unwrap();
    let (plain, tls) = (broker.local_addr().port(), broker.tls_addr().unwrap().port());
    let ca = authority(folder.path());
    let shown = texts(&[&ca, &certificate(folder.path(), "gate-1")]);
    let by_password = |name: &str| {
        let words = ["-u", name, "-P", "sesame"].map(str::to_owned);
        texts(&[&ca, &words])
    };
    let taken = async |port, topic, proof: &[String]| {
        let proof: Vec<&str> = proof.iter().map(String::as_str).collect();
        publish(port, topic, &proof).await.map(|output| is_taken(&output))
    };
    if taken(plain, OWN, &by_password("gate-1")[2..]).await.is_none() {
        return;
    }
    let wrong = ["-u", "gate-1", "-P", "wrong"].map(str::to_owned);
    for (port, topic, proof, expected, why) in [
        (tls, OWN, shown.clone(), true, "a certificate is enough"),
        (tls, OWN, by_password("gate-1"), true, "a password, too"),
        (plain, OWN, wrong.to_vec(), false, "a wrong password is not"),
        (plain, OWN, vec![], false, "nor nothing"),
        (tls, OWN, ca.clone(), false, "nor TLS alone, from this machine or not"),
        (tls, FOREIGN, shown.clone(), false, "another's station"),
        (tls, FOREIGN, by_password("gate-2"), true, "is that gateway's"),
        (tls, "bongsu/v1/cut-12/post-1/command", shown.clone(), false, "it commands nobody"),
    ] {
        assert_eq!(taken(port, topic, &proof).await, Some(expected), "{why}: {proof:?}");
    }
    let refused = seen.refused.lock().clone();
    let foreign = ("gate-1".to_owned(), Trespass::Publish, FOREIGN.to_owned());
    assert!(refused.contains(&foreign), "{refused:?}");
    assert!(!seen.topics.lock().iter().any(|topic| topic.ends_with("/command")));
    let will = ["--will-topic", FOREIGN, "--will-payload", "x"].map(str::to_owned);
    assert_eq!(taken(tls, OWN, &texts(&[&shown, &will])).await, Some(false), "nor by its will");

    // One of another authority, whatever name it bears.
    let other = tempfile::tempdir().unwrap();
    Authority::open(other.path(), TODAY).unwrap().certify_gateway("gate-1", TODAY).unwrap();
    let forged = texts(&[&ca, &certificate(other.path(), "gate-1")]);
    assert_eq!(taken(tls, OWN, &forged).await, Some(false), "a forged certificate");

    let listening = Listener::start(tls, &shown);
    book.revoke("gate-1").unwrap();
    book.save(folder.path()).unwrap();
    let gone = async {
        while taken(tls, OWN, &shown).await == Some(true) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), gone).await.expect("it is turned away");
    assert_eq!(taken(plain, OWN, &by_password("gate-1")[2..]).await, Some(false));
    assert_eq!(taken(tls, FOREIGN, &by_password("gate-2")).await, Some(true), "the other stays");
    listening.cut_off();
    broker.shutdown().await;
}

/// One that listens and never ends by itself.
struct Listener(Child);

impl Listener {
    fn start(port: u16, proof: &[String]) -> Self {
        let child = Command::new(program("mosquitto_sub").unwrap())
            .args(["-V", "mqttv5", "-h", "localhost", "-p", &port.to_string()])
            .args(["-t", "bongsu/v1/cut-12/post-1/command"])
            .args(proof)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Self(child.unwrap())
    }

    fn cut_off(mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// A mosquitto with these lines of configuration.
struct Mosquitto(Child, u16);

impl Mosquitto {
    fn start(folder: &Path, lines: &str) -> Option<Self> {
        let mosquitto = program("mosquitto")?;
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let config = folder.join("mosquitto.conf");
        std::fs::write(&config, format!("listener {port} 127.0.0.1\nuser root\n{lines}")).unwrap();
        let child = Command::new(mosquitto)
            .arg("-c")
            .arg(&config)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let started = Self(child, port);
        for _ in 0..600 {
            if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Some(started);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("mosquitto does not listen");
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

async fn may(port: u16, topic: &str, proof: &[&str]) -> bool {
    publish(port, topic, proof).await.is_some_and(|output| is_taken(&output))
}

/// The client ends well although its message was refused, and says so beside it.
fn is_taken(output: &Output) -> bool {
    let said = String::from_utf8_lossy(&output.stderr);
    output.status.success() && !said.contains("uthori")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mosquitto_lets_in_whom_the_files_name_and_turns_away_the_revoked() {
    let (folder, mut book) = folder();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let write = |book: &Book| {
        std::fs::write(folder.path().join("passwd"), mosquitto::password_file(book)).unwrap();
        std::fs::write(folder.path().join("acl"), mosquitto::access_list(book)).unwrap();
    };
    write(&book);
    let files = format!("password_file {}\nacl_file {}\n", at("passwd"), at("acl"));
    let passwords = format!("allow_anonymous false\n{files}");
    let Some(server) = Mosquitto::start(folder.path(), &passwords) else { return };
    let proof = ["-u", "gate-1", "-P", "sesame"];
    assert!(may(server.1, OWN, &proof).await);
    assert!(!may(server.1, FOREIGN, &proof).await);
    assert!(!may(server.1, OWN, &["-u", "gate-1", "-P", "wrong"]).await);
    drop(server);

    let secure = format!(
        "allow_anonymous false\nacl_file {}\ncafile {}\ncertfile {}\nkeyfile {}\ncrlfile {}\nrequire_certificate true\nuse_identity_as_username true\n",
        at("acl"),
        at("ca.crt"),
        at("localhost.crt"),
        at("localhost.key"),
        at("crl.pem"),
    );
    let shown = texts(&[&authority(folder.path()), &certificate(folder.path(), "gate-1")]);
    let shown: Vec<&str> = shown.iter().map(String::as_str).collect();
    let server = Mosquitto::start(folder.path(), &secure).unwrap();
    assert!(may(server.1, OWN, &shown).await, "by certificate");
    assert!(!may(server.1, FOREIGN, &shown).await);
    drop(server);
    book.revoke("gate-1").unwrap();
    Authority::open(folder.path(), TODAY).unwrap().list(&book, TODAY).unwrap();
    let server = Mosquitto::start(folder.path(), &secure).unwrap();
    assert!(!may(server.1, OWN, &shown).await, "the list of revocations turns it away");
}
