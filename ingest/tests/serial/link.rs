//! Our own frames: answered once they are on disk.

use std::sync::Arc;

use ingest::collector::event::Role;
use ingest::collector::serial::config::{Framing, LineConfig, PortConfig};
use ingest::collector::serial::port;
use reading::codec::link::{self, LinkFrame};
use reading::report::Road;
use tokio::task::JoinHandle;

use crate::pty::{Pty, Socket};
use crate::support::{Bench, Recording, soon};

fn listen(socket: &Socket, intake: &Arc<Recording>, bench: &Bench) -> JoinHandle<()> {
    let line = LineConfig::new(socket.path(), 115_200);
    let config = PortConfig { name: "link-1".into(), line, framing: Framing::Link };
    port::start(config, intake.clone(), &bench.wiring)
}

async fn stop(bench: &Bench, task: JoinHandle<()>) {
    bench.wiring.cancel.cancel();
    soon("the collector ends", task).await.unwrap();
}

/// The next frame that comes back.
async fn answer(station: &mut Pty) -> LinkFrame {
    let whole = |heard: &[u8]| {
        let start = heard.iter().position(|byte| *byte != 0)?;
        let end = start + heard[start..].iter().position(|byte| *byte == 0)?;
        Some((LinkFrame::read(&heard[start..end]).unwrap(), end + 1))
    };
    station.hear("an answer", whole).await
}

#[tokio::test]
async fn g01_a_frame_on_a_port_is_answered_only_once_it_is_stored() {
    let (socket, intake, bench) = (Socket::new(), Recording::shut(), Bench::new());
    let mut station = socket.plug();
    let task = listen(&socket, &intake, &bench);
    bench.told.up(Role::Telemetry).await;
    let (frame, crc) = link::report(Road::Live, 7, b"{}");
    station.say(&frame).await;
    intake.is_asked(1).await;
    assert_eq!(station.heard(), b"", "nothing is stored, so nothing is said");
    intake.set_fails(true);
    intake.set_open(true);
    intake.is_asked(2).await;
    assert_eq!(
        (station.heard(), intake.len()),
        (&b""[..], 0),
        "a failure is no reason to say so either"
    );
    intake.set_fails(false);
    assert!(answer(&mut station).await.is_stored(7, crc));
    assert_eq!(intake.frames()[0].payload, frame[1..frame.len() - 1]);
    stop(&bench, task).await;
}

#[tokio::test]
async fn damaged_frames_are_kept_and_never_answered() {
    let (socket, intake, bench) = (Socket::new(), Recording::open(), Bench::new());
    let mut station = socket.plug();
    let task = listen(&socket, &intake, &bench);
    bench.told.up(Role::Telemetry).await;
    let (good, crc) = link::report(Road::Backfill, 3, b"{}");
    let mut flipped = good.clone();
    flipped[3] ^= 1;
    let echo = link::stored(3, crc);
    for bytes in [&flipped[..], &good[..4], &[0], &echo, b"\0noise \xFF\xFE on the line\0", &good] {
        station.say(bytes).await;
    }
    assert!(answer(&mut station).await.is_stored(3, crc), "the first answer is for the good one");
    assert_eq!(intake.len(), 5, "what came is kept, whatever it is");
    station.say(&good).await;
    assert!(answer(&mut station).await.is_stored(3, crc), "sent again, answered again");
    stop(&bench, task).await;
}

#[tokio::test]
async fn a_station_that_sends_many_hears_of_each_in_order() {
    let (socket, intake, bench) = (Socket::new(), Recording::open(), Bench::new());
    let mut station = socket.plug();
    let task = listen(&socket, &intake, &bench);
    bench.told.up(Role::Telemetry).await;
    for batch in 0..10_u16 {
        let numbers = batch * 50..(batch + 1) * 50;
        let frames: Vec<_> = numbers
            .map(|number| {
                (
                    number,
                    link::report(Road::Live, number, format!("{{\"seq\":{number}}}").as_bytes()),
                )
            })
            .collect();
        for (_, (frame, _)) in &frames {
            station.say(frame).await;
        }
        for (number, (_, crc)) in frames {
            assert!(answer(&mut station).await.is_stored(number, crc), "{number}");
        }
    }
    assert_eq!(intake.len(), 500);
    stop(&bench, task).await;
}
