//! The embedded broker: a sender's PUBACK means that the intake has the frame.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod mqtt_support;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use broker::{
    Broker, BrokerConfig, BrokerError, PublishHook, Published, Qos, Secret, User, Verdict,
};
use futures_util::FutureExt;
use ingest::collector::config::Filters;
use ingest::collector::embedded::Embedded;
use ingest::collector::event::{Happening, Role};
use ingest::collector::topic;
use mqtt_support::{Bench, Recording, program, publish_many, publish_to, soon, telemetry, until};
use rumqttc::{
    AsyncClient, Event as PollEvent, EventLoop, LastWill, MqttOptions, Packet, PublishNotice,
    PublishOptions, QoS,
};
use tokio::task::JoinHandle;

async fn start(intake: &Arc<Recording>, bench: &Bench) -> Broker {
    start_as(BrokerConfig::loopback(0), intake, bench).await
}

fn hook(intake: &Arc<Recording>, bench: &Bench) -> Embedded {
    Embedded::new("local", Filters::native(), intake.clone(), &bench.wiring)
}

async fn start_as(config: BrokerConfig, intake: &Arc<Recording>, bench: &Bench) -> Broker {
    Broker::start(config, Arc::new(hook(intake, bench))).await.unwrap()
}

/// A station whose session outlives its connection, as one that must not lose has.
fn station(client_id: &str, port: u16) -> (AsyncClient, EventLoop) {
    let mut options = MqttOptions::new(client_id, ("127.0.0.1", port));
    options.set_clean_start(false);
    options.set_session_expiry_interval(Some(600));
    AsyncClient::builder(options).capacity(64).build()
}

/// Polls a client for as long as the test runs, whatever becomes of its connection.
fn poll(mut eventloop: EventLoop) -> JoinHandle<()> {
    tokio::spawn(async move {
        loop {
            if eventloop.poll().await.is_err() {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        }
    })
}

async fn say(client: &AsyncClient, payload: &str) -> PublishNotice {
    client.publish_tracked(telemetry(), payload, PublishOptions::at_least_once()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn g01_a_sender_hears_only_of_what_is_stored() {
    let (intake, bench) = (Recording::shut(), Bench::new());
    let broker = start(&intake, &bench).await;
    let (client, eventloop) = station("box-1", broker.local_addr().port());
    let polling = poll(eventloop);
    let mut confirmed = std::pin::pin!(say(&client, "reading").await.wait_async());
    intake.is_asked(1).await;
    // Another client's whole exchange passes meanwhile, so an early PUBACK would have come.
    let (other, eventloop) = station("box-2", broker.local_addr().port());
    let others = poll(eventloop);
    other
        .publish_tracked("elsewhere", "x", PublishOptions::at_least_once())
        .await
        .unwrap()
        .wait_async()
        .await
        .unwrap();
    assert!(confirmed.as_mut().now_or_never().is_none(), "acknowledged before it was stored");

    intake.set_open(true);
    soon("the acknowledgement", confirmed).await.unwrap();
    assert_eq!(intake.payloads(), ["reading"]);
    polling.abort();
    others.abort();
    broker.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn g01_what_cannot_be_stored_is_not_acknowledged_and_sent_again() {
    let (intake, bench) = (Recording::open(), Bench::new());
    let broker = start(&intake, &bench).await;
    intake.set_fails(true);
    let (client, mut eventloop) = station("box-1", broker.local_addr().port());
    let mut confirmed = std::pin::pin!(say(&client, "again").await.wait_async());
    soon("the broker hangs up", async { while eventloop.poll().await.is_ok() {} }).await;
    assert!(confirmed.as_mut().now_or_never().is_none(), "acknowledged though it was not stored");
    assert_eq!(intake.len(), 0);
    intake.set_fails(false);
    let polling = poll(eventloop);
    soon("the acknowledgement", confirmed).await.unwrap();
    assert_eq!(intake.payloads(), ["again"]);
    polling.abort();
    broker.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_withholds_what_is_not_stored() {
    let (intake, bench) = (Recording::shut(), Bench::new());
    let broker = start(&intake, &bench).await;
    let (client, eventloop) = station("box-1", broker.local_addr().port());
    let polling = poll(eventloop);
    let mut confirmed = std::pin::pin!(say(&client, "reading").await.wait_async());
    intake.is_asked(1).await;
    soon("the broker stops", broker.shutdown()).await;
    assert!(confirmed.as_mut().now_or_never().is_none(), "acknowledged though it was not stored");
    polling.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_station_that_must_wait_keeps_no_siren_waiting() {
    let (intake, bench) = (Recording::shut(), Bench::new());
    let broker = start(&intake, &bench).await;
    let port = broker.local_addr().port();
    let (station_client, eventloop) = station("box-1", port);
    let polling = poll(eventloop);
    let _waiting = say(&station_client, "reading").await;
    intake.is_asked(1).await;

    let command = topic::command("cut-1", "siren-1");
    let (siren, mut ears) = station("siren-1", port);
    siren.subscribe(command.as_str(), QoS::AtLeastOnce).await.unwrap();
    soon("subscribed", async {
        while !matches!(ears.poll().await.unwrap(), PollEvent::Incoming(Packet::SubAck(_))) {}
    })
    .await;
    publish_many(port, [(command, "sound".to_string())]).await;
    soon("the command", async {
        while !matches!(ears.poll().await.unwrap(), PollEvent::Incoming(Packet::Publish(_))) {}
    })
    .await;
    polling.abort();
    broker.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wills_are_taken_and_our_own_words_are_not() {
    let (intake, bench) = (Recording::open(), Bench::new());
    let broker = start(&intake, &bench).await;
    let port = broker.local_addr().port();
    let status = "bongsu/v1/cut-1/siren-1/status";
    let mut options = MqttOptions::new("siren-1", ("127.0.0.1", port));
    options.set_last_will(LastWill::new(status, "gone", QoS::AtLeastOnce, true, None));
    let (client, eventloop) = AsyncClient::builder(options).build();
    let polling = poll(eventloop);
    let online = client
        .publish_tracked(status, "here", PublishOptions::at_least_once().retained())
        .await
        .unwrap();
    soon("online", online.wait_async()).await.unwrap();
    let ours = [
        topic::stored(topic::Root::Field, "cut-1", "siren-1"),
        topic::command("cut-1", "siren-1"),
        topic::daemon("x"),
    ];
    publish_many(port, ours.map(|topic| (topic, "ours".to_string()))).await;
    polling.abort(); // the socket closes without a word
    intake.holds("gone").await;
    assert_eq!(intake.payloads(), ["here", "gone"]);
    assert!(
        intake
            .frames()
            .iter()
            .all(|frame| &*frame.source == "local" && &*frame.topic == status && !frame.retained)
    );
    broker.shutdown().await;
}

/// A Sparkplug node leaves its death as a will that is not retained.
#[tokio::test(flavor = "multi_thread")]
async fn a_will_that_is_not_kept_is_taken_too_and_is_that_of_its_connection() {
    let (intake, bench) = (Recording::open(), Bench::new());
    let broker = start(&intake, &bench).await;
    let status = "bongsu/v1/cut-1/node-1/status";
    let connected = async |number: &str| {
        let mut options = MqttOptions::new("node-1", ("127.0.0.1", broker.local_addr().port()));
        options.set_last_will(LastWill::new(
            status,
            format!("gone {number}"),
            QoS::AtLeastOnce,
            false,
            None,
        ));
        let (client, mut eventloop) = AsyncClient::builder(options).build();
        while !matches!(eventloop.poll().await, Ok(PollEvent::Incoming(Packet::ConnAck(_)))) {}
        (client, eventloop)
    };
    let first = connected("1").await;
    let second = connected("2").await; // takes the place of the first
    intake.holds("gone 1").await;
    drop(first);
    drop(second);
    intake.holds("gone 2").await;
    let (client, mut third) = connected("3").await;
    client.disconnect().await.unwrap();
    while third.poll().await.is_ok() {}
    drop(connected("4").await);
    intake.holds("gone 4").await;
    let fifth = connected("5").await;
    broker.shutdown().await;
    drop(fifth);
    let said = ["gone 1", "gone 2", "gone 4"];
    assert_eq!(
        intake.payloads(),
        said,
        "who says goodbye has no will, nor who is sent away by a stop"
    );
    assert!(intake.frames().iter().all(|frame| &*frame.topic == status && !frame.retained));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_of_ours_is_nobodys_will() {
    let (intake, bench) = (Recording::open(), Bench::new());
    let broker = start(&intake, &bench).await;
    let status = "bongsu/v1/cut-1/siren-1/status";
    let mut options = MqttOptions::new("siren-1", ("127.0.0.1", broker.local_addr().port()));
    options.set_last_will(LastWill::new(status, "gone", QoS::AtLeastOnce, true, None));
    let (client, eventloop) = AsyncClient::builder(options).build();
    let polling = poll(eventloop);
    let online = client
        .publish_tracked(status, "here", PublishOptions::at_least_once().retained())
        .await
        .unwrap();
    soon("online", online.wait_async()).await.unwrap();
    broker.shutdown().await;
    polling.abort();
    assert_eq!(intake.payloads(), ["here"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_stations_wait_for_the_disk_together() {
    let (intake, bench) = (Recording::shut(), Bench::new());
    let broker = start(&intake, &bench).await;
    let port = broker.local_addr().port();
    let stations: Vec<_> = (0..20)
        .map(|number| {
            tokio::spawn(async move {
                let (client, eventloop) = station(&format!("box-{number}"), port);
                let polling = poll(eventloop);
                let mut notices = Vec::new();
                for seq in 0..50 {
                    notices.push(say(&client, &format!("{number}/{seq}")).await);
                }
                for notice in notices {
                    soon("an acknowledgement", notice.wait_async()).await.unwrap();
                }
                polling.abort();
            })
        })
        .collect();
    intake.is_asked(20).await;
    assert!(intake.crowd_max.load(Ordering::SeqCst) >= 20);
    intake.set_open(true);
    for station in stations {
        station.await.unwrap();
    }
    let payloads = intake.payloads();
    assert_eq!(payloads.len(), 1_000);
    for number in 0..20 {
        let own: Vec<&String> =
            payloads.iter().filter(|payload| payload.starts_with(&format!("{number}/"))).collect();
        assert_eq!(
            own,
            (0..50)
                .map(|seq| format!("{number}/{seq}"))
                .collect::<Vec<_>>()
                .iter()
                .collect::<Vec<_>>()
        );
    }
    assert_eq!(bench.metric("ingest_frames_total"), 1_000.0);
    broker.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn older_devices_and_every_surety_are_served() {
    if program("mosquitto_pub").is_none() {
        return;
    }
    let (intake, bench) = (Recording::open(), Bench::new());
    let broker = start(&intake, &bench).await;
    let port = broker.local_addr().port();
    for version in ["mqttv311", "mqttv5"] {
        for qos in ["0", "1", "2"] {
            let payload = format!("{version} {qos}");
            publish_to(port, &["-V", version, "-q", qos, "-t", &telemetry(), "-m", &payload]).await;
            intake.holds(&payload).await;
        }
    }
    broker.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_those_with_a_key_come_in() {
    let (intake, bench) = (Recording::open(), Bench::new());
    let nobody = BrokerConfig { anonymous_on_loopback: false, ..BrokerConfig::loopback(0) };
    assert!(matches!(
        Broker::start(nobody.clone(), Arc::new(hook(&intake, &bench))).await,
        Err(BrokerError::Nobody { .. })
    ));

    let users = vec![User { name: "gate-1".into(), password: Secret::new("open") }];
    let broker = start_as(BrokerConfig { users, ..nobody }, &intake, &bench).await;
    let port = broker.local_addr().port();
    for (user, password, expected) in
        [(None, "", false), (Some("gate-1"), "shut", false), (Some("gate-1"), "open", true)]
    {
        let mut options = mqtt_support::options("box-1", port);
        if let Some(user) = user {
            options.set_credentials(user, password.as_bytes().to_vec());
        }
        let (_client, mut eventloop) = AsyncClient::builder(options).build();
        let came_in = soon("an answer", eventloop.poll()).await.is_ok();
        assert_eq!(came_in, expected, "{user:?} {password}");
    }
    broker.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_address_is_said() {
    let (intake, bench) = (Recording::open(), Bench::new());
    let broker = start(&intake, &bench).await;
    let Err(error) = Broker::start(
        BrokerConfig::loopback(broker.local_addr().port()),
        Arc::new(hook(&intake, &bench)),
    )
    .await
    else {
        panic!("two brokers on one port");
    };
    assert!(error.to_string().contains("127.0.0.1"), "{error}");
    until("the first one goes on", || broker.local_addr().port() != 0).await;
    broker.shutdown().await;
}

/// A message of a client, who may have signed in.
fn said(client: &str, user: Option<&str>) -> Published {
    Published {
        client_id: client.into(),
        user: user.map(Into::into),
        topic: telemetry().into(),
        payload: "{}".into(),
        qos: Qos::AtLeastOnce,
        retain: false,
        will: false,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g06_a_sender_that_has_gone_wild_is_slowed_by_name_however_many_connections_it_has() {
    let (intake, bench) = (Recording::open(), Bench::new());
    let hook = hook(&intake, &bench);
    let paced = || bench.metric("ingest_frames_paced_total");
    let mut sent = 0;
    while paced() == 0.0 {
        let client = format!("box-{}", sent % 2);
        assert_eq!(hook.on_publish(said(&client, Some("gate-1"))).await, Verdict::Accept);
        sent += 1;
        assert!(sent < 1_000_000, "nobody is slowed");
    }
    assert!(sent > 20_000, "a buffer of two weeks passes: {sent}");
    let slowed = |happening: &Happening| matches!(happening, Happening::Slowed { sender, frames: 1 } if sender == "gate-1");
    assert!(bench.told.has(Role::Telemetry, slowed), "it is named");
    let (before, hurried) = (paced(), bench.told.count(Role::Telemetry, |_| true));
    for (client, user) in [("box-9", Some("gate-2")), ("box-0", None)] {
        assert_eq!(hook.on_publish(said(client, user)).await, Verdict::Accept);
    }
    assert_eq!(paced(), before, "another is not slowed");
    for _ in 0..20 {
        hook.on_publish(said("box-0", Some("gate-1"))).await;
    }
    assert_eq!(bench.told.count(Role::Telemetry, |_| true), hurried, "told once a minute");
    assert_eq!(intake.len(), sent + 22, "and nothing is lost");
    assert_eq!(bench.metric("ingest_subscription_frames_total") as usize, sent + 22);
}
