//! Lines of text, and ports that come and go.

use std::sync::Arc;
use std::time::Duration;

use ingest::collector::event::{Happening, Role};
use ingest::collector::serial::config::{Framing, LineConfig, PortConfig};
use ingest::collector::serial::port;
use tokio::task::JoinHandle;

use crate::pty::{Socket, in_time};
use crate::support::{Bench, Recording, soon};

fn config(socket: &Socket, framing: Framing) -> PortConfig {
    PortConfig { name: "line-1".into(), line: LineConfig::new(socket.path(), 115_200), framing }
}

fn listen(socket: &Socket, intake: &Arc<Recording>, bench: &Bench) -> JoinHandle<()> {
    port::start(config(socket, Framing::Lines), intake.clone(), &bench.wiring)
}

async fn stop(bench: &Bench, task: JoinHandle<()>) {
    bench.wiring.cancel.cancel();
    soon("the collector ends", task).await.unwrap();
}

fn is_down(happening: &Happening) -> bool {
    matches!(happening, Happening::Down { .. })
}

fn is_up(happening: &Happening) -> bool {
    matches!(happening, Happening::Up { .. })
}

#[tokio::test]
async fn lines_become_frames_of_the_port() {
    let (socket, intake, bench) = (Socket::new(), Recording::open(), Bench::new());
    let instrument = socket.plug();
    let task = listen(&socket, &intake, &bench);
    bench.told.up(Role::Telemetry).await;
    instrument.say(b"\r\nT1,0.12\r\nT1,0.13\r\n\r\nT1,0.1").await;
    intake.holds_count(2).await;
    instrument.say(b"4\r\n").await;
    intake.holds_count(3).await;
    assert_eq!(intake.payloads(), ["T1,0.12", "T1,0.13", "T1,0.14"]);
    let frame = &intake.frames()[0];
    assert_eq!(&*frame.source, "line-1");
    assert_eq!(&*frame.topic, socket.path().to_str().unwrap());
    stop(&bench, task).await;
    assert!(bench.told.has(Role::Telemetry, is_down), "a collector that ends is down");
}

#[tokio::test]
async fn a_port_that_is_pulled_out_is_told_and_opened_again_when_it_is_back() {
    let (socket, intake, bench) = (Socket::new(), Recording::open(), Bench::new());
    let instrument = socket.plug();
    let task = listen(&socket, &intake, &bench);
    bench.told.up(Role::Telemetry).await;
    instrument.say(b"\nbefore\nhalf a li").await;
    intake.holds("before").await;
    drop(instrument);
    socket.unplug();
    in_time("noticed", bench.told.comes("down", Role::Telemetry, is_down)).await;
    assert_eq!(bench.metric("ingest_connected"), 0.0);

    let began = bench.wiring.clock.at();
    let instrument = socket.plug();
    let told = bench.told.clone();
    let back = move || told.count(Role::Telemetry, is_up) == 2;
    in_time("open again", crate::support::until("up again", back)).await;
    println!("back after {:?}", bench.wiring.clock.at().since(began));
    instrument.say(b"ne\nafter\n").await;
    intake.holds("after").await;
    assert_eq!(intake.payloads(), ["before", "after"], "halves of lines are not lines");
    assert_eq!(bench.metric("ingest_frames_partial_total"), 2.0);
    stop(&bench, task).await;
}

#[tokio::test]
async fn the_header_of_a_logger_ends_with_its_line() {
    let (socket, intake, bench) = (Socket::new(), Recording::open(), Bench::new());
    let logger = socket.plug();
    let config = config(&socket, Framing::Toa5);
    let task = port::start(config, intake.clone(), &bench.wiring);
    bench.told.up(Role::Telemetry).await;
    logger.say(b"\n\"TOA5\",a\nb\nc\nd\n1\n\"TOA5\",e\nf\n").await;
    intake.holds_count(1).await;
    drop(logger);
    socket.unplug();
    in_time("noticed", bench.told.comes("down", Role::Telemetry, is_down)).await;
    let other = socket.plug();
    let told = bench.told.clone();
    let back = move || told.count(Role::Telemetry, is_up) == 2;
    in_time("open again", crate::support::until("up again", back)).await;
    other.say(b"\n2\n3\n").await;
    intake.holds_count(3).await;
    assert_eq!(intake.payloads(), ["\"TOA5\",a\r\nb\r\nc\r\nd\r\n1", "2", "3"]);
    stop(&bench, task).await;
}

#[tokio::test]
async fn a_path_that_leads_elsewhere_is_followed() {
    let (socket, intake, bench) = (Socket::new(), Recording::open(), Bench::new());
    let _still_there = socket.plug();
    let task = listen(&socket, &intake, &bench);
    bench.told.up(Role::Telemetry).await;
    let instrument = socket.plug();
    in_time("noticed", bench.told.comes("down", Role::Telemetry, is_down)).await;
    let back = || bench.told.count(Role::Telemetry, is_up) == 2;
    in_time("open again", crate::support::until("up again", back)).await;
    instrument.say(b"\nfrom the new one\n").await;
    intake.holds("from the new one").await;
    stop(&bench, task).await;
}

#[tokio::test]
async fn a_port_that_is_not_there_is_waited_for_and_told_once() {
    let (socket, intake, bench) = (Socket::new(), Recording::open(), Bench::new());
    let task = listen(&socket, &intake, &bench);
    let tries = || bench.metric("ingest_reconnects_total") >= 3.0;
    crate::support::until("it was tried three times", tries).await;
    assert_eq!(bench.told.count(Role::Telemetry, is_down), 1);
    let says = |happening: &Happening| matches!(happening, Happening::Down { reason } if reason.contains("plug it in"));
    assert!(bench.told.has(Role::Telemetry, says));
    let instrument = socket.plug();
    bench.told.up(Role::Telemetry).await;
    instrument.say(b"\nhere\n").await;
    intake.holds("here").await;
    stop(&bench, task).await;
}

#[tokio::test]
async fn a_full_disk_costs_lines_that_are_counted_and_never_the_port() {
    let (socket, intake, bench) = (Socket::new(), Recording::shut(), Bench::new());
    let instrument = socket.plug();
    let task = listen(&socket, &intake, &bench);
    bench.told.up(Role::Telemetry).await;
    instrument.say(b"\n").await;
    for _ in 0..700 {
        instrument.say(&b"1.25\n".repeat(10)).await;
    }
    let taken = || bench.metric("ingest_in_flight") + bench.metric("ingest_frames_dropped_total");
    crate::support::until("all lines came", || taken() >= 7_000.0).await;
    assert!(bench.metric("ingest_frames_dropped_total") > 0.0, "what waits is bounded");
    drop(instrument);
    bench.told.comes("down", Role::Telemetry, is_down).await;
    intake.set_open(true);
    let all = || intake.len() as f64 + bench.metric("ingest_frames_dropped_total") >= 7_000.0;
    crate::support::until("each is stored or counted", all).await;
    stop(&bench, task).await;
}

#[tokio::test]
async fn a_port_that_has_gone_wild_is_refused_by_name() {
    let (socket, intake, bench) = (Socket::new(), Recording::open(), Bench::new());
    let instrument = socket.plug();
    let task = listen(&socket, &intake, &bench);
    bench.told.up(Role::Telemetry).await;
    instrument.say(b"\n").await;
    // A line is two bytes: far more than anybody has to say, and more than two thousand a second.
    while bench.metric("ingest_frames_refused_total") == 0.0 {
        instrument.say(&b"1\n".repeat(100)).await;
    }
    let path = socket.path().display().to_string();
    let named = |happening: &Happening| matches!(happening, Happening::TooFast { sender, .. } if *sender == path);
    bench.told.comes("it is named", Role::Telemetry, named).await;
    assert!(intake.len() >= 10_000, "a buffer passes, but for what waited for the disk too long");
    stop(&bench, task).await;
}

#[tokio::test]
async fn a_stop_while_the_disk_is_full_ends() {
    let (socket, intake, bench) = (Socket::new(), Recording::shut(), Bench::new());
    let instrument = socket.plug();
    let task = listen(&socket, &intake, &bench);
    bench.told.up(Role::Telemetry).await;
    instrument.say(b"\n1.25\n").await;
    intake.is_asked(1).await;
    tokio::time::timeout(Duration::from_secs(20), stop(&bench, task)).await.unwrap();
}
