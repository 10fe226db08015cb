//! The way back: what the publisher says arrives, and what became of it is known.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod mqtt_support;

use std::time::Duration;

use ingest::collector::config::Password;
use ingest::collector::event::{Happening, Role};
use ingest::collector::publisher::{PublishError, Publisher, Surety};
use ingest::collector::stored::StoredAcks;
use ingest::collector::topic::{self, Root};
use mqtt_support::{
    Bench, Mosquitto, Recording, config, numbered, publish_many, soon, telemetry, until,
};
use rumqttc::{AsyncClient, Event as PollEvent, EventLoop, Packet, Publish, QoS};

/// A device that subscribes and hears.
struct Device {
    eventloop: EventLoop,
    /// Without a client the event loop ends.
    _client: AsyncClient,
}

async fn listen(port: u16, filter: &str) -> Device {
    let (client, mut eventloop) =
        AsyncClient::builder(mqtt_support::options("test-device", port)).build();
    client.subscribe(filter, QoS::AtLeastOnce).await.unwrap();
    soon("subscribed", async {
        while !matches!(eventloop.poll().await.unwrap(), PollEvent::Incoming(Packet::SubAck(_))) {}
    })
    .await;
    Device { eventloop, _client: client }
}

async fn hear(device: &mut Device) -> Publish {
    soon("a message", async {
        loop {
            if let PollEvent::Incoming(Packet::Publish(publish)) =
                device.eventloop.poll().await.unwrap()
            {
                return publish;
            }
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_arrives_with_its_expiry_and_is_confirmed() {
    let Some(broker) = Mosquitto::start().await else { return };
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench::new();
    let (publisher, task) =
        Publisher::start(&config(&broker.url(), folder.path()), &bench.wiring).unwrap();
    let to = topic::command("cut-1", "siren-1");
    bench.told.up(Role::Publisher).await;
    let unheard = publisher.publish(&to, "sound", Surety::Confirmed, false, None).await;
    assert!(matches!(unheard, Err(PublishError::NobodyListens { .. })), "{unheard:?}");

    let mut siren = listen(broker.port, &to).await;
    let expiry = Some(Duration::from_secs(90));
    let (sent, heard) = tokio::join!(
        publisher.publish(&to, "sound", Surety::Confirmed, false, expiry),
        hear(&mut siren)
    );
    sent.unwrap();
    assert_eq!(&heard.payload[..], b"sound");
    assert!(!heard.retain);
    let left = heard.properties.unwrap().message_expiry_interval.unwrap();
    assert!((85..=90).contains(&left), "{left}");

    let wrong = publisher.publish("a/+/b", "x", Surety::Confirmed, false, None).await;
    assert!(matches!(wrong, Err(PublishError::NotATopic { .. })), "{wrong:?}");
    bench.wiring.cancel.cancel();
    soon("the publisher stops", task).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_daemon_says_that_it_is_there_and_that_it_goes() {
    let Some(broker) = Mosquitto::start().await else { return };
    let folder = tempfile::tempdir().unwrap();
    let config = config(&broker.url(), folder.path());
    let status = topic::daemon("field-publisher");
    let bench = Bench::new();
    let (_publisher, task) = Publisher::start(&config, &bench.wiring).unwrap();
    bench.told.up(Role::Publisher).await;
    assert_eq!(broker.receive_one(&status).await, r#"{"state":"online"}"#);
    bench.wiring.cancel.cancel();
    soon("the publisher stops", task).await.unwrap();
    assert_eq!(broker.receive_one(&status).await, r#"{"state":"offline"}"#);

    // Killed: the will says it.
    let bench = Bench::new();
    let (_publisher, task) = Publisher::start(&config, &bench.wiring).unwrap();
    let mut watcher = listen(broker.port, &status).await;
    while &hear(&mut watcher).await.payload[..] != br#"{"state":"online"}"# {}
    task.abort();
    assert_eq!(&hear(&mut watcher).await.payload[..], br#"{"state":"offline"}"#);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_broker_a_message_is_refused_at_once() {
    let Some(mut broker) = Mosquitto::start().await else { return };
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench::new();
    let (publisher, _task) =
        Publisher::start(&config(&broker.url(), folder.path()), &bench.wiring).unwrap();
    bench.told.up(Role::Publisher).await;
    broker.stop();
    bench
        .told
        .comes("down", Role::Publisher, |happening| matches!(happening, Happening::Down { .. }))
        .await;
    let refused = publisher.publish("a", "x", Surety::Confirmed, false, None).await.unwrap_err();
    assert!(matches!(refused, PublishError::Disconnected { .. }) && !refused.may_have_arrived());
    broker.start_again().await;
    until("connected again", || publisher.is_connected()).await;
    publisher.publish("a", "x", Surety::Once, false, None).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn stations_are_told_what_is_stored_in_few_messages() {
    let Some(broker) = Mosquitto::start().await else { return };
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench::new();
    let (publisher, _task) =
        Publisher::start(&config(&broker.url(), folder.path()), &bench.wiring).unwrap();
    bench.told.up(Role::Publisher).await;
    let mut station = listen(broker.port, "bongsu/v1/cut-1/box-1/stored").await;
    let (acks, task) = StoredAcks::start(publisher, Root::Field, bench.wiring.cancel.clone());
    let (site, box_1) =
        (reading::SiteId::new("cut-1").unwrap(), reading::StationId::new("box-1").unwrap());
    (100..200).for_each(|seq| acks.note(&site, &box_1, seq));
    let mut told = Vec::new();
    while told.len() < 100 {
        let heard: serde_json::Value =
            serde_json::from_slice(&hear(&mut station).await.payload).unwrap();
        let seq = heard["seq"].as_u64().unwrap();
        told.extend(heard["from"].as_u64().unwrap_or(seq)..=seq);
    }
    assert_eq!(told, (100..200).collect::<Vec<u64>>());
    bench.wiring.cancel.cancel();
    soon("the task stops", task).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_dropped_by_the_broker_are_noticed() {
    let Some(broker) = Mosquitto::start_with("persistence true\nmax_queued_messages 10").await
    else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let config = config(&broker.url(), folder.path());
    // A session that is away, for which the broker will not keep much.
    let away = Bench::new();
    let collector = away.collect(&config, &Recording::open()).await;
    away.stop(collector).await;

    let bench = Bench::new();
    let (_publisher, _task) = Publisher::start(&config, &bench.wiring).unwrap();
    until("the broker's count is known", || {
        bench
            .registry
            .gather()
            .iter()
            .any(|family| family.name() == "ingest_broker_dropped_messages")
    })
    .await;
    publish_many(broker.port, numbered(0..100)).await;
    bench
        .told
        .comes(
            "the loss",
            Role::Publisher,
            |happening| matches!(happening, Happening::BrokerDropped { more, .. } if *more > 0),
        )
        .await;
    assert!(bench.metric("ingest_broker_dropped_messages") > 0.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn speaks_tls_with_an_authority_of_its_own_and_signs_in() {
    rustls::crypto::ring::default_provider().install_default().ok();
    let certificates = tempfile::tempdir().unwrap();
    let (ca, certificate, key) = authority();
    for (name, text) in [("ca.pem", &ca), ("server.pem", &certificate), ("server.key", &key)] {
        std::fs::write(certificates.path().join(name), text).unwrap();
    }
    let port = mqtt_support::free_port();
    let Some(passwords) = password_file("station", "open sesame") else { return };
    let place = |name: &str| certificates.path().join(name).display().to_string();
    readable(certificates.path());
    readable(passwords.path());
    let lines = format!(
        "persistence true\nlistener {port} 127.0.0.1\nallow_anonymous true\npassword_file {}\ncafile {}\ncertfile {}\nkeyfile {}",
        passwords.path().join("passwords").display(),
        place("ca.pem"),
        place("server.pem"),
        place("server.key")
    );
    let Some(broker) = Mosquitto::start_with(&lines).await else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(&format!("mqtts://localhost:{port}"), folder.path());
    config.ca_file = Some(certificates.path().join("ca.pem"));
    config.user = Some("station".into());
    config.password = Some(Password::new("open sesame"));
    let intake = Recording::open();
    let bench = Bench::new();
    let collector = bench.collect(&config, &intake).await;
    broker.publish(&telemetry(), "sealed").await;
    intake.holds("sealed").await;
    bench.stop(collector).await;

    // The wrong password, and an authority that did not sign: never up, and told why.
    config.password = Some(Password::new("open poppy"));
    refused(&config, "connection refused").await;
    config.password = Some(Password::new("open sesame"));
    std::fs::write(certificates.path().join("other.pem"), authority().0).unwrap();
    config.ca_file = Some(certificates.path().join("other.pem"));
    refused(&config, "certificate").await;
}

async fn refused(config: &ingest::collector::config::MqttConfig, why: &str) {
    let bench = Bench::new();
    let (_publisher, _task) = Publisher::start(config, &bench.wiring).unwrap();
    let told = |happening: &Happening| match happening {
        Happening::Down { reason } => {
            assert!(!reason.contains("poppy"), "{reason}");
            reason.to_lowercase().contains(&why.to_lowercase())
        }
        _ => false,
    };
    bench.told.comes(why, Role::Publisher, told).await;
    assert!(
        !bench.told.has(Role::Publisher, |happening| matches!(happening, Happening::Up { .. }))
    );
}

/// A certificate authority, and a certificate with its key for this machine.
fn authority() -> (String, String, String) {
    let mut parameters = rcgen::CertificateParams::new(Vec::new()).unwrap();
    parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let ca_key = rcgen::KeyPair::generate().unwrap();
    let ca = parameters.self_signed(&ca_key).unwrap();
    let issuer = rcgen::Issuer::from_params(&parameters, &ca_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["localhost".into()])
        .unwrap()
        .signed_by(&key, &issuer)
        .unwrap();
    (ca.pem(), certificate.pem(), key.serialize_pem())
}

/// A password file of mosquitto with one user.
fn password_file(user: &str, password: &str) -> Option<tempfile::TempDir> {
    let program = mqtt_support::program("mosquitto_passwd")?;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("passwords");
    let status = std::process::Command::new(program)
        .arg("-c")
        .arg("-b")
        .arg(&file)
        .args([user, password])
        .status()
        .unwrap();
    assert!(status.success());
    Some(folder)
}

/// Lets everybody read a folder of the test: mosquitto started by root becomes somebody else.
fn readable(folder: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt;
    let all = |mode| std::fs::Permissions::from_mode(mode);
    std::fs::set_permissions(folder, all(0o755)).unwrap();
    for entry in std::fs::read_dir(folder).unwrap() {
        std::fs::set_permissions(entry.unwrap().path(), all(0o644)).unwrap();
    }
}
