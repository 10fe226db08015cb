//! Network servers and edge nodes on a mosquitto, heard by our own collector.

use std::time::Duration;

use firmware_sim::link::mqtt::{self, Connections};
use firmware_sim::link::session::Address;
use firmware_sim::link::{chirpstack, sparkplug};
use firmware_sim::{Pace, World};
use ingest::collector::config::{Filters, MqttConfig};
use reading::codec::sparkplug::{Payload, SparkplugB, command_topic, rebirth};
use reading::codec::{Format, Message, feed};
use reading::frame::Frame;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::heard::{Hand, feed_of, heard, long_until, measured, small};
use crate::support::{Bench, Mosquitto, Recording, config, soon};

const SEED: u64 = 7;

fn hearing(broker: &Mosquitto, folder: &TempDir, filter: &str) -> MqttConfig {
    let filters = Filters { telemetry: vec![filter.into()], ..Filters::native() };
    MqttConfig { filters, ..config(&broker.url(), folder.path()) }
}

fn address(broker: &Mosquitto) -> Address {
    Address::new("127.0.0.1", broker.port)
}

#[tokio::test]
async fn uplinks_of_a_network_server_are_heard_to_the_last_value() {
    let Some(broker) = Mosquitto::start().await else { return };
    let scenario = small("");
    let (folder, intake, bench) = (TempDir::new().unwrap(), Recording::open(), Bench::new());
    let filter = "application/+/device/+/event/up";
    let collector = bench.collect(&hearing(&broker, &folder, filter), &intake).await;
    let mut server = chirpstack::Server::default();
    let events = World::new(&scenario, SEED)
        .until(scenario.end())
        .filter_map(move |message| server.uplink(&message))
        .collect::<Vec<_>>();
    let options = mqtt::Options {
        address: address(&broker),
        connections: Connections::Shared { client_id: "server".into(), count: 1 },
        until_stored: None,
        field: None,
    };
    let pace = Pace::own(scenario.start, 1e6);
    let totals = mqtt::publish(events.into_iter(), &options, &pace, CancellationToken::new()).await;
    assert_eq!(totals.acknowledged, totals.sent);

    let site = scenario.sites()[0].id.clone();
    let format = Format::ChirpStackV4(Vec::new());
    let feed = feed_of(&scenario, "field", filter, format, |it| chirpstack::eui(&site, &it.id));
    // the box has no clock: moments are those of the server, so values are compared in their order
    let values = |said: crate::heard::Said| {
        said.into_iter()
            .map(|((station, name, _), value)| (station, name, value))
            .collect::<Vec<_>>()
    };
    let expected = values(measured(&scenario, SEED));
    let all = || values(heard(&intake.frames(), std::slice::from_ref(&feed)).0) == expected;
    long_until("all is heard", all).await;
    bench.stop(collector).await;
}

#[tokio::test]
async fn an_edge_node_is_born_tells_is_born_again_when_asked_and_dies() {
    let Some(broker) = Mosquitto::start().await else { return };
    let scenario = small("");
    let (folder, intake, bench) = (TempDir::new().unwrap(), Recording::open(), Bench::new());
    let filter = "spBv1.0/firmware-sim/#";
    let collector = bench.collect(&hearing(&broker, &folder, filter), &intake).await;
    let hand = Hand::at(scenario.start);
    let (pace, stop) = (hand.pace(), CancellationToken::new());
    // one message more than is waited for keeps the nodes alive
    let later = scenario.end().plus(Duration::from_secs(3_600));
    let (world, at, stopped) =
        (World::new(&scenario, SEED).until(later), address(&broker), stop.clone());
    let field = tokio::spawn(async move { sparkplug::publish(world, &at, &pace, stopped).await });
    hand.move_to(scenario.end());

    let format = Format::SparkplugB(SparkplugB { host: "bongsu".into() });
    let feed =
        feed_of(&scenario, "field", filter, format, |it| format!("firmware-sim/slope-1/{}", it.id));
    let expected = measured(&scenario, SEED);
    let all = || {
        let (said, refused) = heard(&intake.frames(), std::slice::from_ref(&feed));
        refused == 0 && expected.iter().all(|(key, value)| said.get(key) == Some(value))
    };
    long_until("all is heard", all).await;

    let kinds = |kind: &str| {
        let topic = format!("/{kind}/");
        intake.frames().iter().filter(|frame| frame.topic.contains(&topic)).count()
    };
    assert_eq!((kinds("NBIRTH"), kinds("DBIRTH"), kinds("NDEATH")), (1, 3, 0));
    // as bongsu asks a node whose birth it has not heard
    let command = folder.path().join("rebirth");
    std::fs::write(&command, rebirth(scenario.start)).unwrap();
    let topic = command_topic("firmware-sim", "slope-1");
    broker.publish_with(&["-q", "1", "-t", &topic, "-f", command.to_str().unwrap()]).await;
    long_until("it is born again", || kinds("NBIRTH") == 2 && kinds("DBIRTH") == 6).await;

    stop.cancel();
    let totals = soon("the field ends", field).await.unwrap();
    assert_eq!(totals.answered, 1);
    long_until("the broker tells of its death", || kinds("NDEATH") == 1).await;
    let frames = intake.frames();
    let session = |kind: &str| {
        let last = frames.iter().rev().find(|frame| frame.topic.contains(kind)).unwrap();
        Payload::read(&last.payload).unwrap().metrics[0].value.clone()
    };
    // compared as text: what they borrow is of two reads
    assert_eq!(format!("{:?}", session("NDEATH")), format!("{:?}", session("NBIRTH")));
    let mut hosts = Default::default();
    let mut offline = Vec::new();
    for taken in &frames {
        let frame = Frame {
            source: &taken.source,
            topic: &taken.topic,
            payload: &taken.payload,
            received_at: taken.received_at,
            retained: taken.retained,
        };
        let feeds = std::slice::from_ref(&feed);
        let decoded = feed::decode(&frame, feeds, &mut hosts, taken.received_at).unwrap();
        offline.extend(decoded.messages.into_iter().filter_map(|told| match told.message {
            Message::Status(status) if format!("{:?}", status.state) == "Offline" => {
                Some(status.station.to_owned())
            }
            _ => None,
        }));
    }
    offline.sort_unstable();
    assert_eq!(offline, ["post-1", "post-2", "rain-1"], "its death is that of its stations");
    bench.stop(collector).await;
}
