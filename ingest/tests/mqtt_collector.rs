//! The collector against a real mosquitto, and against a broker played by the test where the wire itself matters.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod mqtt_support;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use ingest::collector::event::{Happening, Role};
use ingest::collector::mqtt::MqttCollector;
use ingest::journal::Journal;
use mqtt_support::{
    Bench, Mosquitto, Recording, bytes, config, numbered, publish_many, soon, telemetry, until,
};
use rumqttc::{
    AsyncClient, Codec, ConnAck, ConnectReturnCode, Event as PollEvent, Packet, Publish, QoS,
    SubAck, SubscribeReasonCode,
};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::codec::Framed;

#[tokio::test(flavor = "multi_thread")]
async fn g01_nothing_is_acknowledged_before_it_is_stored() {
    let Some(broker) = Mosquitto::start().await else { return };
    let folder = tempfile::tempdir().unwrap();
    let config = config(&broker.url(), folder.path());

    let shut = Recording::shut();
    let bench = Bench::new();
    let collector = bench.collect(&config, &shut).await;
    for number in 0..3 {
        broker.publish(&telemetry(), &format!("held {number}")).await;
    }
    shut.is_asked(1).await;
    drop(collector); // as a crash would: no farewell, nothing stored
    assert_eq!(shut.len(), 0);

    let open = Recording::open();
    let bench = Bench::new();
    let collector = bench.collect(&config, &open).await;
    for number in 0..3 {
        open.holds(&format!("held {number}")).await;
    }
    assert_eq!(open.payloads(), ["held 0", "held 1", "held 2"]);
    bench.stop(collector).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn g01_what_cannot_be_stored_is_sent_again() {
    let Some(broker) = Mosquitto::start().await else { return };
    let folder = tempfile::tempdir().unwrap();
    let intake = Recording::open();
    intake.set_fails(true);
    let bench = Bench::new();
    let collector = bench.collect(&config(&broker.url(), folder.path()), &intake).await;
    broker.publish(&telemetry(), "again").await;
    bench.told.comes("down for the intake", Role::Telemetry, |happening| matches!(happening, Happening::Down { reason } if reason.contains("not stored"))).await;
    assert_eq!(intake.len(), 0);
    intake.set_fails(false);
    intake.holds("again").await;
    bench.stop(collector).await;
}

/// A broker played by the test: accepts one connection that subscribes.
async fn play_broker(listener: &TcpListener) -> Framed<TcpStream, Codec> {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let mut wire =
            Framed::new(stream, Codec { max_incoming_size: None, max_outgoing_size: None });
        let Some(Ok(Packet::Connect(connect, ..))) = wire.next().await else {
            panic!("no CONNECT")
        };
        wire.send(Packet::ConnAck(ConnAck {
            session_present: false,
            code: ConnectReturnCode::Success,
            properties: None,
        }))
        .await
        .unwrap();
        if !connect.client_id.contains("telemetry") {
            continue; // the self-test
        }
        assert!(!connect.clean_start);
        let properties = connect.properties.unwrap();
        assert!(
            properties.session_expiry_interval.unwrap() > 0 && properties.receive_maximum.is_some()
        );
        let Some(Ok(Packet::Subscribe(subscribe))) = wire.next().await else {
            panic!("no SUBSCRIBE")
        };
        let granted = SubAck {
            pkid: subscribe.pkid,
            return_codes: vec![SubscribeReasonCode::Success(QoS::AtLeastOnce)],
            properties: None,
        };
        wire.send(Packet::SubAck(granted)).await.unwrap();
        return wire;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledgements_leave_in_the_order_of_receipt_and_together() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(&format!("mqtt://{}", listener.local_addr().unwrap()), folder.path());
    config.filters.receipts.clear();
    config.filters.backfill.clear();
    let intake = Recording::shut();
    let bench = Bench::new();
    let collector = MqttCollector::start(&config, intake.clone(), &bench.wiring).unwrap();
    let mut wire = soon("a subscriber", play_broker(&listener)).await;

    // Packet ids in an order that no sorting gives.
    let ids: Vec<u16> = (0..500_u32).map(|i| ((i * 317) % 499 + 1) as u16).take(499).collect();
    for id in &ids {
        let mut publish = Publish::new(telemetry(), QoS::AtLeastOnce, bytes(&id.to_string()), None);
        publish.pkid = *id;
        wire.feed(Packet::Publish(publish)).await.unwrap();
    }
    wire.flush().await.unwrap();
    intake.is_asked(1).await;
    assert!(
        futures_util::FutureExt::now_or_never(wire.next()).is_none(),
        "acknowledged before it was stored"
    );

    intake.set_open(true);
    let mut acknowledged = Vec::new();
    soon("all acknowledgements", async {
        while acknowledged.len() < ids.len() {
            match wire.next().await.unwrap().unwrap() {
                Packet::PubAck(puback) => acknowledged.push(puback.pkid),
                Packet::PingReq => wire.send(Packet::PingResp).await.unwrap(),
                other => panic!("{other:?}"),
            }
        }
    })
    .await;
    assert_eq!(acknowledged, ids);
    assert_eq!(intake.payloads(), ids.iter().map(ToString::to_string).collect::<Vec<_>>());
    let stores = intake.asked.load(Ordering::SeqCst);
    assert!(stores < 100, "a backlog of 499 was stored in {stores} pieces");
    drop(collector);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_forgets_sessions_is_found_out() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config = config(&format!("mqtt://{}", listener.local_addr().unwrap()), folder.path());
    let bench = Bench::new();
    let collector = MqttCollector::start(&config, Recording::open(), &bench.wiring).unwrap();
    let playing = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut wire =
                    Framed::new(stream, Codec { max_incoming_size: None, max_outgoing_size: None });
                while let Some(Ok(packet)) = wire.next().await {
                    if let Packet::Connect(..) = packet {
                        let connack = ConnAck {
                            session_present: false,
                            code: ConnectReturnCode::Success,
                            properties: None,
                        };
                        wire.send(Packet::ConnAck(connack)).await.ok();
                    }
                }
            });
        }
    });
    bench.told.comes("the verdict", Role::Telemetry, |happening| matches!(happening, Happening::SessionPersists { persists: false, advice } if advice.contains("persistence true"))).await;
    playing.abort();
    drop(collector);
}

#[tokio::test(flavor = "multi_thread")]
async fn g04_a_session_outlives_the_daemon() {
    let Some(broker) = Mosquitto::start().await else { return };
    let folder = tempfile::tempdir().unwrap();
    let config = config(&broker.url(), folder.path());

    let intake = Recording::open();
    let bench = Bench::new();
    let collector = bench.collect(&config, &intake).await;
    bench
        .told
        .comes("the self-test", Role::Telemetry, |happening| {
            matches!(happening, Happening::SessionPersists { persists: true, .. })
        })
        .await;
    broker.publish(&telemetry(), "before").await;
    intake.holds("before").await;
    bench.stop(collector).await;

    publish_many(broker.port, numbered(0..200)).await;

    let bench = Bench::new();
    let intake = Recording::open();
    let collector = bench.collect(&config, &intake).await;
    intake.holds_count(200).await;
    assert_eq!(
        intake.payloads(),
        numbered(0..200).map(|(_, payload)| payload).collect::<Vec<_>>(),
        "each once, in order"
    );
    let told = bench.stop(collector).await;
    assert!(told.has(Role::Telemetry, |happening| matches!(
        happening,
        Happening::Up { session_present: true }
    )));
    assert!(
        !told.has(Role::Telemetry, |happening| matches!(happening, Happening::Subscribed)),
        "subscribed again"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn other_filters_drain_the_former_session() {
    let Some(broker) = Mosquitto::start().await else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(&broker.url(), folder.path());
    let bench = Bench::new();
    let collector = bench.collect(&config, &Recording::open()).await;
    bench.stop(collector).await;

    publish_many(broker.port, numbered(0..300)).await; // waits in the session of the old filters

    config.filters.telemetry.push("foreign/#".into());
    let intake = Recording::open();
    let bench = Bench::new();
    let collector = bench.collect(&config, &intake).await;
    // Stations go on while the old session is drained: it must run dry all the same.
    let live = tokio::spawn({
        let port = broker.port;
        async move { publish_many(port, numbered(300..900)).await }
    });
    broker.publish("foreign/a", "new").await;
    intake.holds("new").await;
    bench
        .told
        .comes(
            "drained",
            Role::Telemetry,
            |happening| matches!(happening, Happening::Drained { frames, .. } if *frames >= 300),
        )
        .await;
    live.await.unwrap();
    until("nothing is lost", || {
        let stored = intake.payloads();
        numbered(0..900).all(|(_, payload)| stored.contains(&payload))
    })
    .await;
    bench.stop(collector).await;

    let bench = Bench::new();
    let collector = bench.collect(&config, &Recording::open()).await;
    let told = bench.stop(collector).await;
    assert!(
        !told.has(Role::Telemetry, |happening| matches!(happening, Happening::Drained { .. })),
        "drained twice"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_never_got_its_subscription_gets_it() {
    let Some(broker) = Mosquitto::start().await else { return };
    let folder = tempfile::tempdir().unwrap();
    let config = config(&broker.url(), folder.path());
    // Learn the client id, then make a session of it that subscribes to nothing: as a crash between CONNECT and
    // SUBSCRIBE leaves it.
    let bench = Bench::new();
    drop(MqttCollector::start(&config, Recording::open(), &bench.wiring).unwrap());
    let memory = std::fs::read(folder.path().join("mqtt-field-telemetry.json")).unwrap();
    let memory: serde_json::Value = serde_json::from_slice(&memory).unwrap();
    let client_id = memory["current"]["client_id"].as_str().unwrap();
    let mut bare = mqtt_support::options(client_id, broker.port);
    bare.set_session_expiry_interval(Some(600));
    let (client, mut eventloop) = AsyncClient::builder(bare).build();
    assert!(matches!(eventloop.poll().await.unwrap(), PollEvent::Incoming(Packet::ConnAck(_))));
    client.disconnect().await.unwrap();
    while eventloop.poll().await.is_ok() {}
    std::fs::remove_file(folder.path().join("mqtt-field-telemetry.json")).unwrap();

    let intake = Recording::open();
    let bench = Bench::new();
    let collector = bench.collect(&config, &intake).await;
    broker.publish(&telemetry(), "heard").await;
    intake.holds("heard").await;
    bench.stop(collector).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn comes_back_after_the_broker_was_away() {
    let Some(mut broker) = Mosquitto::start().await else { return };
    let folder = tempfile::tempdir().unwrap();
    let intake = Recording::open();
    let bench = Bench::new();
    let collector = bench.collect(&config(&broker.url(), folder.path()), &intake).await;
    broker.publish(&telemetry(), "first").await;
    intake.holds("first").await;
    broker.stop();
    bench
        .told
        .comes("down", Role::Telemetry, |happening| matches!(happening, Happening::Down { .. }))
        .await;
    broker.start_again().await;
    broker.publish(&telemetry(), "second").await;
    intake.holds("second").await;
    until("connected again", || bench.metric("ingest_connected") >= 3.0).await;
    assert!(bench.metric("ingest_reconnects_total") >= 1.0);
    let told = bench.stop(collector).await;
    assert!(told.has(Role::Telemetry, |happening| matches!(
        happening,
        Happening::Up { session_present: true }
    )));
    assert!(!told.has(Role::Telemetry, |happening| matches!(happening, Happening::SessionLost)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_session_is_told_and_subscribed_anew() {
    let Some(mut broker) = Mosquitto::start_with("persistence false").await else { return };
    let folder = tempfile::tempdir().unwrap();
    let intake = Recording::open();
    let bench = Bench::new();
    let collector = bench.collect(&config(&broker.url(), folder.path()), &intake).await;
    broker.stop();
    broker.start_again().await;
    bench
        .told
        .comes("the loss", Role::Telemetry, |happening| *happening == Happening::SessionLost)
        .await;
    until("subscribed anew", || {
        bench.told.count(Role::Telemetry, |happening| matches!(happening, Happening::Up { .. }))
            == 2
    })
    .await;
    broker.publish(&telemetry(), "anew").await;
    intake.holds("anew").await;
    bench.stop(collector).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_has_its_session_and_kept_messages_say_so() {
    let Some(broker) = Mosquitto::start().await else { return };
    broker
        .publish_with(&["-q", "1", "-r", "-t", "bongsu/v1/cut-1/siren-1/status", "-m", "kept"])
        .await;
    let folder = tempfile::tempdir().unwrap();
    let intake = Recording::open();
    let bench = Bench::new();
    let collector = bench.collect(&config(&broker.url(), folder.path()), &intake).await;
    for role in [Role::Receipts, Role::Backfill] {
        bench.told.up(role).await;
    }
    let live = [
        ("telemetry", "live"),
        ("backfill", "old"),
        ("command/result", "done"),
        ("status", "here"),
    ];
    for (leaf, payload) in live {
        broker.publish(&format!("bongsu/v1/cut-1/siren-1/{leaf}"), payload).await;
    }
    for ours in ["stored", "command"] {
        broker.publish(&format!("bongsu/v1/cut-1/siren-1/{ours}"), "ours").await;
    }
    intake.holds("kept").await;
    for (_, payload) in live {
        intake.holds(payload).await;
    }
    let frames = intake.frames();
    assert_eq!(frames.len(), 5, "{:?}", intake.payloads());
    for frame in frames {
        assert_eq!(&*frame.source, "field");
        assert_eq!(frame.retained, &frame.payload[..] == b"kept");
    }
    bench.stop(collector).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn g15_what_is_not_acknowledged_anyway_is_dropped_first() {
    let Some(broker) = Mosquitto::start_with("persistence true\nmax_queued_messages 0").await
    else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(&broker.url(), folder.path());
    config.receive_maximum = 50;
    let intake = Recording::shut();
    let bench = Bench::new();
    let collector = bench.collect(&config, &intake).await;
    publish_many(broker.port, numbered(0..50)).await;
    // A flood of QoS 0 with the intake shut: more than there is room for.
    flood(broker.port, &telemetry(), "0").await;
    until("some are dropped", || bench.metric("ingest_frames_dropped_total") >= 1.0).await;
    intake.set_open(true);
    publish_many(broker.port, numbered(50..60)).await;
    until("no acknowledged one is lost", || {
        let stored = intake.payloads();
        numbered(0..60).all(|(_, payload)| stored.contains(&payload))
    })
    .await;
    until("nothing is under way", || bench.metric("ingest_in_flight") == 0.0).await;
    bench.stop(collector).await;
}

/// Publishes five thousand short messages of one station on one connection.
async fn flood(port: u16, topic: &str, qos: &str) {
    let lines = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(lines.path(), "flood\n".repeat(5_000)).unwrap();
    let publish = format!(
        "mosquitto_pub -h 127.0.0.1 -p {port} -V mqttv5 -q {qos} -t {topic} -l < {}",
        lines.path().display()
    );
    let status = tokio::task::spawn_blocking(move || {
        std::process::Command::new("sh").args(["-c", &publish]).status().unwrap()
    });
    assert!(status.await.unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn g06_a_station_that_has_gone_wild_is_refused_by_name_and_costs_no_other_anything() {
    let Some(broker) = Mosquitto::start_with("persistence true\nmax_queued_messages 0").await
    else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(&broker.url(), folder.path());
    config.sender_burst = 50;
    config.receive_maximum = 50;
    let intake = Recording::open();
    let bench = Bench::new();
    let collector = bench.collect(&config, &intake).await;
    let refused = || bench.metric("ingest_frames_refused_total");
    let (wild, mut sent) = ("bongsu/v1/cut-1/wild/telemetry", 0.0);
    for qos in ["1", "0"] {
        let before = refused();
        while refused() == before {
            flood(broker.port, wild, qos).await;
            sent += 5_000.0;
            until("each is stored, refused or dropped", || {
                intake.len() as f64 + refused() + bench.metric("ingest_frames_dropped_total")
                    >= sent
            })
            .await;
        }
    }
    bench
        .told
        .comes("it is named", Role::Telemetry, |happening| {
            matches!(happening, Happening::TooFast { sender, .. } if sender == "bongsu/v1/cut-1/wild")
        })
        .await;
    let named = |happening: &Happening| matches!(happening, Happening::TooFast { .. });
    assert!(bench.told.count(Role::Telemetry, named) <= 2, "told once a minute");
    broker.publish("bongsu/v1/cut-1/calm/telemetry", "calm").await;
    intake.holds("calm").await;
    // What was refused was answered: the broker waits for nothing, and it is not sent again.
    until("nothing is under way", || bench.metric("ingest_in_flight") == 0.0).await;
    // It has rested, and is heard like anybody.
    until("it is heard again", || {
        let publish = std::process::Command::new("mosquitto_pub")
            .args(["-h", "127.0.0.1", "-p", &broker.port.to_string(), "-q", "1", "-t", wild])
            .args(["-m", "rested"])
            .status();
        publish.is_ok_and(|status| status.success())
            && intake.payloads().contains(&"rested".to_owned())
    })
    .await;
    bench.stop(collector).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payload_that_is_too_long_is_cut_and_counted() {
    let Some(broker) = Mosquitto::start().await else { return };
    let folder = tempfile::tempdir().unwrap();
    let intake = Recording::open();
    let bench = Bench::new();
    let collector = bench.collect(&config(&broker.url(), folder.path()), &intake).await;
    let huge = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(huge.path(), vec![b'9'; 10 << 20]).unwrap();
    broker
        .publish_with(&["-q", "1", "-t", &telemetry(), "-f", huge.path().to_str().unwrap()])
        .await;
    broker.publish(&telemetry(), "after").await;
    intake.holds("after").await;
    let lens: Vec<usize> = intake.frames().iter().map(|frame| frame.payload.len()).collect();
    assert_eq!(lens, [ingest::collector::PAYLOAD_LEN_CUT + 1, 5]);
    assert_eq!(bench.metric("ingest_frames_cut_total"), 1.0);
    bench.stop(collector).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_broker_is_tried_again_and_told_once() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("mqtt://127.0.0.1:{}", mqtt_support::free_port());
    let bench = Bench::new();
    let collector =
        MqttCollector::start(&config(&url, folder.path()), Recording::open(), &bench.wiring)
            .unwrap();
    until("several attempts", || bench.metric("ingest_reconnects_total") >= 9.0).await;
    let told = bench.stop(collector).await;
    assert_eq!(
        told.count(Role::Telemetry, |happening| matches!(happening, Happening::Down { .. })),
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_loses_nothing_and_ends_soon() {
    // By default mosquitto drops what is more than a thousand messages behind.
    let Some(broker) = Mosquitto::start_with("persistence true\nmax_queued_messages 0").await
    else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let config = config(&broker.url(), folder.path());
    let missing = |stored: &[String]| {
        numbered(0..5_000).filter(|(_, payload)| !stored.contains(payload)).count()
    };
    let (mut stored, mut publishing) = (Vec::new(), None);
    // Stopped and started in the middle of a stream, again and again.
    for _ in 0..50 {
        let intake = Recording::open();
        let bench = Bench::new();
        let collector = bench.collect(&config, &intake).await;
        let port = broker.port;
        let publishing =
            publishing.get_or_insert_with(|| tokio::spawn(publish_many(port, numbered(0..5_000))));
        until("some more, or the end", || intake.len() >= 200 || publishing.is_finished()).await;
        tokio::time::timeout(Duration::from_secs(20), bench.stop(collector))
            .await
            .expect("a stop that ends");
        stored.extend(intake.payloads());
        if publishing.is_finished() && missing(&stored) == 0 {
            return;
        }
    }
    panic!("{} of 5000 are lost", missing(&stored));
}

#[tokio::test(flavor = "multi_thread")]
async fn g01_the_journal_has_what_the_broker_thinks_acknowledged() {
    let Some(broker) = Mosquitto::start().await else { return };
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench::new();
    let config = config(&broker.url(), &folder.path().join("mqtt"));
    let open = || {
        Journal::open(
            &folder.path().join("journal"),
            Default::default(),
            bench.wiring.clock.clone(),
            0,
        )
        .unwrap()
    };
    let journal = open();
    let mut collector = MqttCollector::start(&config, Arc::new(journal), &bench.wiring).unwrap();
    bench.told.up(Role::Telemetry).await;
    publish_many(broker.port, numbered(0..500)).await;
    until("all are taken", || bench.metric("ingest_frames_total") >= 500.0).await;
    bench.wiring.cancel.cancel();
    soon("the collector stops", collector.ended()).await.unwrap();
    drop(collector);
    assert!(open().opened().last >= 500);
}
