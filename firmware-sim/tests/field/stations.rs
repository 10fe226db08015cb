//! Stations with connections of their own: births and wills, orders, TLS with an identity each, and a broker that goes
//! away.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use broker::authority::{Authority, Day};
use broker::gateway::{Book, Gateway};
use broker::{
    Broker, BrokerConfig, PublishHook, Published, TlsSettings, Verdict, VerdictFuture, mosquitto,
};
use firmware_sim::link::field::Field;
use firmware_sim::link::mqtt::{self, Connections, Options, Totals};
use firmware_sim::link::session::Address;
use firmware_sim::link::tls::{Tls, identity};
use firmware_sim::{Pace, Scenario, World};
use reading::codec::{Ask, StationCommand};
use rumqttc::{AsyncClient, Event, MqttOptions, Packet, PublishOptions, QoS};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::heard::{Hand, long_until, small};
use crate::support::{Mosquitto, soon};

const SEED: u64 = 7;

/// Topic, payload, and whether the broker had kept it.
type Post = (String, String);

/// Somebody who hears everything under `bongsu/v1`, also after the broker was away.
#[derive(Clone)]
struct Ear {
    posts: Arc<Mutex<Vec<Post>>>,
    client: AsyncClient,
}

impl Ear {
    async fn at(port: u16) -> Self {
        let mut options = MqttOptions::new("ear", ("127.0.0.1", port));
        options.set_max_packet_size(Some(1 << 20));
        let (client, mut eventloop) = AsyncClient::builder(options).capacity(4_096).build();
        let ear = Self { posts: Arc::default(), client };
        let (posts, client) = (ear.posts.clone(), ear.client.clone());
        let (told, subscribed) = tokio::sync::oneshot::channel();
        let mut told = Some(told);
        tokio::spawn(async move {
            loop {
                match eventloop.poll().await {
                    Ok(Event::Incoming(Packet::ConnAck(_))) => {
                        client.try_subscribe("bongsu/v1/#", QoS::AtLeastOnce).unwrap();
                    }
                    Ok(Event::Incoming(Packet::SubAck(_))) => {
                        told.take().map(|told| told.send(()));
                    }
                    Ok(Event::Incoming(Packet::Publish(publish))) => {
                        let topic = String::from_utf8_lossy(&publish.topic).into_owned();
                        let payload = String::from_utf8_lossy(&publish.payload).into_owned();
                        posts.lock().unwrap().push((topic, payload));
                    }
                    Ok(_) => {}
                    Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                }
            }
        });
        soon("the ear listens", subscribed).await.unwrap();
        ear
    }

    fn of(&self, topic: &str) -> Vec<String> {
        let posts = self.posts.lock().unwrap();
        posts.iter().filter(|(of, _)| of == topic).map(|(_, payload)| payload.clone()).collect()
    }

    fn reports(&self) -> BTreeSet<String> {
        let posts = self.posts.lock().unwrap();
        let reports = posts
            .iter()
            .filter(|(topic, _)| topic.ends_with("/telemetry") || topic.ends_with("/backfill"));
        reports.map(|(_, payload)| payload.clone()).collect()
    }
}

/// What every station measures, as the payloads of reports.
fn reports(scenario: &Scenario) -> BTreeSet<String> {
    let messages = World::new(scenario, SEED).until(scenario.end()).filter(|it| !it.retain);
    messages.map(|it| String::from_utf8(it.payload).unwrap()).collect()
}

/// Every station of `scenario` on a broker, each with its own connection, by the hand's clock; `made` counts its
/// messages.
fn run(
    scenario: &Scenario,
    address: Address,
    pace: Pace,
    stop: &CancellationToken,
    made: &Arc<AtomicUsize>,
) -> JoinHandle<Totals> {
    let field =
        Field::new(World::new(scenario, SEED), scenario.end().plus(Duration::from_secs(86_400)));
    let options = Options {
        address,
        connections: Connections::EachStation,
        until_stored: None,
        field: Some(field.clone()),
    };
    let (stop, made) = (stop.clone(), made.clone());
    let counted = field.inspect(move |_| {
        made.fetch_add(1, Ordering::SeqCst);
    });
    tokio::spawn(async move { mqtt::publish(counted, &options, &pace, stop).await })
}

#[tokio::test]
async fn a_station_is_born_obeys_and_its_will_says_that_it_is_gone() {
    let Some(broker) = Mosquitto::start().await else { return };
    let scenario = small("");
    let ear = Ear::at(broker.port).await;
    let (hand, stop) = (Hand::at(scenario.start), CancellationToken::new());
    let address = Address::new("127.0.0.1", broker.port);
    let field = run(&scenario, address, hand.pace(), &stop, &Arc::default());
    let base = "bongsu/v1/slope-1/post-1";
    let status = format!("{base}/status");
    long_until("it is there", || ear.of(&status).len() == 1).await;
    assert!(ear.of(&status)[0].starts_with(r#"{"state":"online""#), "{:?}", ear.of(&status));
    hand.move_to(scenario.end());
    let expected = reports(&scenario);
    long_until("all is heard", || ear.reports().is_superset(&expected)).await;

    let ask = async |id: &str, ask: Ask, not_after: reading::Timestamp| {
        let order = StationCommand { id: id.into(), ask, not_after }.encode();
        let options = PublishOptions::new(QoS::AtLeastOnce);
        ear.client.publish(format!("{base}/command"), order, options).await.unwrap();
    };
    let later = scenario.end().plus(Duration::from_secs(60));
    ask("o-1", Ask::Identify, later).await;
    ask("o-2", Ask::Resend { from: 2, to: 4 }, later).await;
    ask("o-3", Ask::Interval { every: Duration::from_secs(10) }, later).await;
    ask("o-4", Ask::Identify, scenario.start).await;
    ask("o-5", Ask::Interval { every: Duration::from_secs(0) }, later).await;
    ask("o-2", Ask::Resend { from: 2, to: 4 }, later).await;
    let answers = format!("{base}/command/result");
    long_until("each is answered", || ear.of(&answers).len() == 6).await;
    let said: Vec<String> = ear
        .of(&answers)
        .iter()
        .map(|text| {
            let answer: serde_json::Value = serde_json::from_str(text).unwrap();
            let reason = answer["reason"].as_str().unwrap_or_default();
            format!(
                "{} {} {reason}",
                answer["id"].as_str().unwrap(),
                answer["result"].as_str().unwrap()
            )
        })
        .collect();
    let expected = [
        "o-1 done ",
        "o-2 done ",
        "o-3 done ",
        "o-4 refused too late",
        "o-5 refused interval is not 1 s to a day",
        "o-2 done ",
    ];
    assert_eq!(said, expected);
    let again = || {
        let all = ear.of(&format!("{base}/backfill"));
        let seqs: BTreeSet<u64> = all
            .iter()
            .map(|text| {
                serde_json::from_str::<serde_json::Value>(text).unwrap()["seq"].as_u64().unwrap()
            })
            .collect();
        seqs.into_iter().collect::<Vec<_>>()
    };
    long_until("what was asked for comes again", || again() == [2, 3, 4]).await;
    // the report after next is ten seconds apart
    let before = ear.of(&format!("{base}/telemetry")).len();
    hand.move_to(scenario.end().plus(Duration::from_secs(300)));
    long_until("it reports more often", || {
        ear.of(&format!("{base}/telemetry")).len() >= before + 20
    })
    .await;

    stop.cancel();
    let totals = soon("the field ends", field).await.unwrap();
    assert_eq!(totals.answered, 6);
    long_until("its will is heard", || ear.of(&status).last().unwrap() == r#"{"state":"offline"}"#)
        .await;
}

#[tokio::test]
async fn while_the_broker_is_away_stations_keep_their_reports_and_drain_the_newest_first() {
    let Some(mut broker) = Mosquitto::start().await else { return };
    let scenario = small("");
    let ear = Ear::at(broker.port).await;
    let (hand, stop) = (Hand::at(scenario.start), CancellationToken::new());
    let address = Address::new("127.0.0.1", broker.port);
    let made = Arc::<AtomicUsize>::default();
    let field = run(&scenario, address, hand.pace(), &stop, &made);
    let telemetry = "bongsu/v1/slope-1/post-1/telemetry";
    hand.move_to(scenario.start.plus(Duration::from_secs(300)));
    long_until("some is heard", || ear.of(telemetry).len() >= 3).await;
    broker.stop();
    // the world goes on while nobody listens
    hand.move_to(scenario.end());
    let all = World::new(&scenario, SEED).until(scenario.end()).count();
    long_until("everything was measured", || made.load(Ordering::SeqCst) > all).await;
    broker.start_again().await;
    let expected = reports(&scenario);
    long_until("everything came in the end", || ear.reports().is_superset(&expected)).await;
    let status = "bongsu/v1/slope-1/post-1/status";
    long_until("it says again that it is there", || {
        ear.of(status).last().is_some_and(|text| text.starts_with(r#"{"state":"online""#))
    })
    .await;
    let seqs: Vec<u64> = ear
        .of("bongsu/v1/slope-1/post-1/backfill")
        .iter()
        .map(|text| {
            serde_json::from_str::<serde_json::Value>(text).unwrap()["seq"].as_u64().unwrap()
        })
        .collect();
    stop.cancel();
    let totals = soon("the field ends", field).await.unwrap();
    println!("{totals:?}; on the road for old ones: {seqs:?}");
    assert!(totals.buffered + totals.repeated > 0, "nothing had to wait");
    assert!(seqs.windows(2).all(|pair| pair[0] > pair[1]), "the newest first: {seqs:?}");
    assert_eq!(totals.forgotten, 0);
}

/// A certificate of each station, a book of whom each speaks for, at the site that `speaks_at` says, and what the
/// stations need for TLS.
fn certified(
    scenario: &Scenario,
    folder: &Path,
    speaks_at: impl Fn(&str) -> &'static str,
) -> (Book, Tls) {
    let today = Day(2026, 7, 1);
    let authority = Authority::open(folder, today).unwrap();
    authority.certify_broker(&["localhost".into(), "127.0.0.1".into()], today).unwrap();
    let site = &scenario.sites()[0];
    let mut book = Book::default();
    for station in scenario.stations(site) {
        let name = identity(&site.id, &station.id);
        let certificate = Some(authority.certify_gateway(&name, today).unwrap());
        let at = speaks_at(station.id.as_str());
        let speaks_for = vec![format!("{at}/{}", station.id).parse().unwrap()];
        let gateway =
            Gateway { speaks_for, topics: vec![], password: None, certificate, revoked: false };
        book.add(&name, gateway).unwrap();
    }
    let pairs = scenario.stations(site).iter().map(|station| (&site.id, &station.id));
    let tls = Tls::believing(&folder.join("ca.crt")).unwrap();
    let tls = tls.with_identities(folder, pairs).unwrap();
    (book, tls)
}

/// What a broker took: from whom, and where to.
#[derive(Clone, Default)]
struct Taken(Arc<Mutex<Vec<(String, String)>>>);

impl PublishHook for Taken {
    fn on_publish(&self, message: Published) -> VerdictFuture {
        let user = message.user.as_deref().unwrap_or_default().to_owned();
        self.0.lock().unwrap().push((user, message.topic.to_string()));
        Box::pin(async { Verdict::Accept })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_embedded_broker_knows_each_station_by_its_certificate() {
    let scenario = small("");
    let folder = TempDir::new().unwrap();
    // post-2 is in the book as one that speaks for somebody else
    let speaks_at = |station: &str| if station == "post-2" { "slope-9" } else { "slope-1" };
    let (book, tls) = certified(&scenario, folder.path(), speaks_at);
    book.save(folder.path()).unwrap();
    let config = BrokerConfig {
        gateways: Some(folder.path().into()),
        anonymous_on_loopback: false,
        tls: Some(TlsSettings {
            listen: ([127, 0, 0, 1], 0).into(),
            certificate: folder.path().join("localhost.crt"),
            key: folder.path().join("localhost.key"),
            authority: Some(folder.path().join("ca.crt")),
        }),
        ..BrokerConfig::loopback(0)
    };
    let taken = Taken::default();
    let broker = Broker::start(config, Arc::new(taken.clone())).await.unwrap();
    let (hand, stop) = (Hand::at(scenario.start), CancellationToken::new());
    let address = Address::new("localhost", broker.tls_addr().unwrap().port()).with_tls(tls);
    let field = run(&scenario, address, hand.pace(), &stop, &Arc::default());
    hand.move_to(scenario.end());
    let count = |station: &str| {
        let topic = format!("bongsu/v1/slope-1/{station}/telemetry");
        taken.0.lock().unwrap().iter().filter(|(_, of)| *of == topic).count()
    };
    long_until("who may is heard", || count("post-1") >= 15 && count("rain-1") >= 15).await;
    stop.cancel();
    soon("the field ends", field).await.unwrap();
    broker.shutdown().await;
    assert_eq!(count("post-2"), 0, "who may not is not heard");
    for (user, topic) in taken.0.lock().unwrap().iter() {
        if user.is_empty() {
            assert!(topic.ends_with("/status"), "the will of a box that lost power: {topic}");
            continue;
        }
        let of = topic.split('/').skip(2).take(2).collect::<Vec<_>>().join("--");
        assert_eq!(*user, of, "each speaks under its own name");
    }
}

#[tokio::test]
async fn each_station_shows_its_own_certificate_and_speaks_for_itself_alone() {
    let scenario = small("");
    let folder = TempDir::new().unwrap();
    let (book, tls) = certified(&scenario, folder.path(), |_| "slope-1");
    // post-2 is in the book as one that speaks for somebody else: what it says is not taken
    let at = |name: &str| folder.path().join(name).display().to_string();
    let list = mosquitto::access_list(&book).replace("slope-1/post-2", "slope-9/post-2");
    let list = format!("# the ear of the test has no name\ntopic read bongsu/v1/#\n{list}");
    std::fs::write(at("acl"), list).unwrap();
    let open = |path: &str| {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(path, mode).unwrap();
    };
    open(folder.path().to_str().unwrap());
    for name in ["acl", "localhost.crt", "localhost.key", "ca.crt", "crl.pem"] {
        open(&at(name));
    }
    let port = crate::support::free_port();
    let lines = format!(
        "acl_file {}\nlistener {port} 127.0.0.1\ncafile {}\ncertfile {}\nkeyfile {}\nrequire_certificate true\nuse_identity_as_username true\n",
        at("acl"),
        at("ca.crt"),
        at("localhost.crt"),
        at("localhost.key")
    );
    let Some(broker) = Mosquitto::start_with(&lines).await else { return };
    let ear = Ear::at(broker.port).await;
    let (hand, stop) = (Hand::at(scenario.start), CancellationToken::new());
    let address = Address::new("localhost", port).with_tls(tls);
    let field = run(&scenario, address, hand.pace(), &stop, &Arc::default());
    hand.move_to(scenario.end());
    let count = |station: &str| ear.of(&format!("bongsu/v1/slope-1/{station}/telemetry")).len();
    long_until("who may is heard", || count("post-1") >= 15 && count("rain-1") >= 15).await;
    // a day later there is no more to come: the field ends once the broker has answered all of it
    hand.move_to(scenario.end().plus(Duration::from_secs(2 * 86_400)));
    let totals = soon("the field ends", field).await.unwrap();
    println!("{totals:?}");
    assert_eq!(count("post-2"), 0, "who may not is not heard");
    assert!(totals.refused > 0, "and is told so");
}
