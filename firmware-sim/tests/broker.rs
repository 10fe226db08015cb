//! The simulated field against a real mosquitto.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use firmware_sim::link::mqtt::{self, Connections, Options};
use firmware_sim::link::session::Address;
use firmware_sim::pace::{Stopwatch, wall_now};
use firmware_sim::siren::{Settings, Siren, State};
use firmware_sim::{Message, Pace, Scenario, World, flood};
use rumqttc::{AsyncClient, Event, EventLoop, MqttOptions, Packet, Publish, PublishOptions, QoS};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::sync::CancellationToken;

const PATIENCE: Duration = Duration::from_secs(60);

struct Mosquitto {
    process: Child,
    port: u16,
    _folder: TempDir,
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

impl Mosquitto {
    /// A broker of our own, or nothing where there is none to be had.
    fn start() -> Option<Self> {
        let Some(program) = find("mosquitto") else {
            assert!(std::env::var("BONGSU_REQUIRE_SERVERS").is_err(), "mosquitto is not installed");
            println!("skipped: mosquitto not installed");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let port =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let config = folder.path().join("mosquitto.conf");
        let text = format!(
            "listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\nmax_inflight_messages 100\n"
        );
        std::fs::write(&config, text).unwrap();
        let process = Command::new(program)
            .arg("-c")
            .arg(&config)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let broker = Self { process, port, _folder: folder };
        let stopwatch = Stopwatch::start();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            assert!(stopwatch.elapsed() < PATIENCE, "mosquitto does not listen");
            std::thread::yield_now();
        }
        Some(broker)
    }

    fn address(&self) -> Address {
        Address::new("127.0.0.1", self.port)
    }

    /// A subscriber that is already subscribed.
    async fn listen(&self, filter: &str) -> Listener {
        let mut options = MqttOptions::new(format!("listener-{filter}"), ("127.0.0.1", self.port));
        options.set_max_packet_size(Some(1 << 20));
        let (client, mut eventloop) = AsyncClient::builder(options).capacity(4_096).build();
        client.try_subscribe(filter, QoS::AtLeastOnce).unwrap();
        loop {
            if let Event::Incoming(Packet::SubAck(_)) = eventloop.poll().await.unwrap() {
                return Listener { client, eventloop };
            }
        }
    }
}

struct Listener {
    client: AsyncClient,
    eventloop: EventLoop,
}

impl Listener {
    async fn next(&mut self) -> Publish {
        let wait = async {
            loop {
                if let Event::Incoming(Packet::Publish(publish)) =
                    self.eventloop.poll().await.unwrap()
                {
                    return publish;
                }
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.expect("nothing came")
    }

    /// Payloads by topic, in order, until there are `count` in all.
    async fn collect(&mut self, count: usize) -> BTreeMap<String, Vec<Vec<u8>>> {
        let mut heard: BTreeMap<String, Vec<Vec<u8>>> = BTreeMap::new();
        for _ in 0..count {
            let publish = self.next().await;
            let topic = String::from_utf8(publish.topic.to_vec()).unwrap();
            heard.entry(topic).or_default().push(publish.payload.to_vec());
        }
        heard
    }
}

fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    folders.map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// The result of a task that must end.
async fn ended<T>(task: tokio::task::JoinHandle<T>) -> T {
    tokio::time::timeout(PATIENCE, task).await.expect("it does not end").unwrap()
}

fn by_topic(messages: impl Iterator<Item = Message>) -> BTreeMap<String, Vec<Vec<u8>>> {
    let mut topics: BTreeMap<String, Vec<Vec<u8>>> = BTreeMap::new();
    messages.for_each(|message| topics.entry(message.topic).or_default().push(message.payload));
    topics
}

fn small_world() -> (Scenario, impl Fn() -> Vec<Message>) {
    let scenario = Scenario::load("typhoon").unwrap().with_sites(3);
    let end = scenario.start.plus(Duration::from_secs(1_800));
    let again = scenario.clone();
    (scenario, move || World::new(&again, 4).until(end).collect())
}

#[tokio::test]
async fn a_fleets_messages_all_arrive_in_the_order_of_each_station() {
    let Some(broker) = Mosquitto::start() else { return };
    let (scenario, messages) = small_world();
    let count = messages().len();
    let mut listener = broker.listen("bongsu/v1/#").await;
    let options = Options {
        address: broker.address(),
        connections: Connections::Shared { client_id: "fleet".into(), count: 2 },
        until_stored: None,
        field: None,
    };
    let pace = Pace::own(scenario.start, 1e5);
    let publishing = tokio::spawn(async move {
        let (_, messages) = small_world();
        mqtt::publish(messages().into_iter(), &options, &pace, CancellationToken::new()).await
    });
    let heard = listener.collect(count).await;
    let totals = ended(publishing).await;
    assert_eq!(
        (totals.sent, totals.acknowledged, totals.repeated),
        (count as u64, count as u64, 0)
    );
    assert!(heard == by_topic(messages().into_iter()), "what arrived is not what was sent");
}

/// Whose a topic is: what had to wait comes on the road for old reports.
fn station_of(topic: &str) -> String {
    topic.rsplit_once('/').unwrap().0.to_owned()
}

#[tokio::test]
async fn nothing_is_lost_when_the_line_is_cut_again_and_again() {
    let Some(broker) = Mosquitto::start() else { return };
    let (scenario, messages) = small_world();
    let mut missing: std::collections::BTreeSet<(String, Vec<u8>)> =
        messages().into_iter().map(|m| (station_of(&m.topic), m.payload)).collect();
    let mut listener = broker.listen("bongsu/v1/#").await;
    let port = cutting_proxy(broker.port, 60_000, 4).await;
    let options = Options {
        address: Address::new("127.0.0.1", port),
        connections: Connections::Shared { client_id: "cut".into(), count: 1 },
        until_stored: None,
        field: None,
    };
    let pace = Pace::own(scenario.start, 1e5);
    let publishing = tokio::spawn(async move {
        let (_, messages) = small_world();
        mqtt::publish(messages().into_iter(), &options, &pace, CancellationToken::new()).await
    });
    while !missing.is_empty() {
        let publish = listener.next().await;
        let topic = String::from_utf8(publish.topic.to_vec()).unwrap();
        missing.remove(&(station_of(&topic), publish.payload.to_vec()));
    }
    let totals = ended(publishing).await;
    assert_eq!(totals.sent, totals.acknowledged);
    assert!(totals.repeated > 0, "the line was never cut");
}

#[tokio::test]
async fn a_report_is_sent_again_until_it_is_said_to_be_stored() {
    let Some(broker) = Mosquitto::start() else { return };
    let scenario = Scenario::load("typhoon").unwrap().with_sites(1);
    let end = scenario.start.plus(Duration::from_secs(600));
    let live: Vec<Message> =
        World::new(&scenario, 4).until(end).filter(|m| m.topic.ends_with("/telemetry")).collect();
    let mut unstored: std::collections::BTreeSet<Vec<u8>> =
        live.iter().map(|m| m.payload.clone()).collect();
    let mut listener = broker.listen("bongsu/v1/#").await;
    let options = Options {
        address: broker.address(),
        connections: Connections::Shared { client_id: "keeper".into(), count: 1 },
        until_stored: Some(Duration::from_millis(100)),
        field: None,
    };
    let pace = Pace::own(scenario.start, 1e5);
    let publishing = tokio::spawn(async move {
        mqtt::publish(live.into_iter(), &options, &pace, CancellationToken::new()).await
    });
    // The other side stores a report only when it comes again, on the road for old ones.
    while !unstored.is_empty() {
        let publish = listener.next().await;
        let topic = String::from_utf8(publish.topic.to_vec()).unwrap();
        let Some(station) = topic.strip_suffix("/backfill") else { continue };
        let report: serde_json::Value = serde_json::from_slice(&publish.payload).unwrap();
        let stored = format!(r#"{{"seq":{}}}"#, report["seq"]);
        unstored.remove(&publish.payload[..]);
        let options = PublishOptions::new(QoS::AtMostOnce);
        listener.client.try_publish(format!("{station}/stored"), stored, options).unwrap();
    }
    let drain = async {
        loop {
            listener.eventloop.poll().await.unwrap();
        }
    };
    tokio::select! {
        _ = drain => (),
        totals = ended(publishing) => {
            assert!(totals.repeated >= totals.sent, "{totals:?}");
        }
    }
}

/// Listens on a port of its own; cuts each of the first `cuts` connections after `bytes` from the client.
async fn cutting_proxy(to: u16, bytes: usize, cuts: usize) -> u16 {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        for number in 0.. {
            let (client, _) = listener.accept().await.unwrap();
            let server = tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, to)).await.unwrap();
            let (mut from_client, mut to_client) = client.into_split();
            let (mut from_server, mut to_server) = server.into_split();
            let back = tokio::spawn(async move {
                tokio::io::copy(&mut from_server, &mut to_client).await.ok()
            });
            let (mut left, mut buffer) =
                (if number < cuts { bytes } else { usize::MAX }, [0; 4_096]);
            while left > 0 {
                let Ok(n @ 1..) = from_client.read(&mut buffer).await else { break };
                if to_server.write_all(&buffer[..n]).await.is_err() {
                    break;
                }
                left = left.saturating_sub(n);
            }
            back.abort();
        }
    });
    port
}

#[tokio::test]
async fn a_siren_answers_sounds_falls_silent_and_says_good_bye() {
    let Some(broker) = Mosquitto::start() else { return };
    let mut listener = broker.listen("bongsu/v1/cut-slope-01/siren-1/#").await;
    let (site, station) = ("cut-slope-01".parse().unwrap(), "siren-1".parse().unwrap());
    let siren = Siren::new(&site, &station, Settings::default());
    let mut watch = siren.watch();
    let (address, stop) = (broker.address(), CancellationToken::new());
    let stopped = stop.clone();
    let running =
        tokio::spawn(
            async move { siren.run(&address, &Pace::own(wall_now(), 100.0), stopped).await },
        );

    let online = listener.next().await;
    assert!(
        online.topic.ends_with(b"/status") && online.payload.starts_with(br#"{"state":"online""#)
    );
    let command = br#"{"id":"d-1","command":"sound","pattern":"disaster-warning","duration_s":30}"#;
    let topic = "bongsu/v1/cut-slope-01/siren-1/command";
    listener.client.publish(topic, command, PublishOptions::new(QoS::AtLeastOnce)).await.unwrap();
    let echo = listener.next().await;
    assert!(echo.topic.ends_with(b"/command"));
    let result = listener.next().await;
    assert!(result.topic.ends_with(b"/command/result"));
    let text = String::from_utf8(result.payload.to_vec()).unwrap();
    assert!(text.starts_with(r#"{"id":"d-1","result":"done","state":"sounding","at":"#), "{text}");
    let silent = watch.wait_for(|heeded| heeded.sounded == 1 && heeded.state == State::Silent);
    tokio::time::timeout(PATIENCE, silent).await.expect("it does not fall silent").unwrap();

    stop.cancel();
    let offline = listener.next().await;
    assert_eq!(
        (&offline.topic[..], &offline.payload[..]),
        (&online.topic[..], &br#"{"state":"offline"}"#[..])
    );
    ended(running).await;
}

#[tokio::test]
async fn a_flood_is_acknowledged_to_the_last_message() {
    let Some(broker) = Mosquitto::start() else { return };
    let mut listener = broker.listen("bongsu/v1/flood/#").await;
    let plan = flood::Plan { stations: 7, messages: 1_000, rate: 0.0, readings: 3, connections: 2 };
    let address = broker.address();
    let flooding = tokio::spawn(async move {
        flood::run(&address, &plan, wall_now, CancellationToken::new()).await
    });
    let heard = listener.collect(1_000).await;
    let result = ended(flooding).await;
    assert_eq!((result.sent, result.acknowledged), (1_000, 1_000));
    assert_eq!(heard.len(), 7);
    for (topic, payloads) in heard {
        for (index, payload) in payloads.iter().enumerate() {
            let start = format!("{{\"seq\":{},", index + 1);
            assert!(payload.starts_with(start.as_bytes()), "{topic}: {index}");
        }
    }
}
