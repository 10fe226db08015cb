//! How much a port can bring, with the real journal on the real disk: never less than its wire. The figure for people:
//! `cargo test -p ingest --test serial ceiling -- --nocapture`.

use std::sync::Arc;

use ingest::collector::event::Role;
use ingest::collector::serial::config::{Framing, LineConfig, PortConfig};
use ingest::collector::serial::port;
use ingest::journal::Journal;
use reading::codec::link;
use reading::report::Road;

use crate::pty::Socket;
use crate::support::{Bench, soon};

/// What a wire at 115 200 baud, 8N1, carries in a second.
const WIRE: usize = 11_520;

#[tokio::test]
async fn a_port_takes_all_that_the_wire_brings() {
    let (socket, bench, folder) = (Socket::new(), Bench::new(), tempfile::tempdir().unwrap());
    let clock = bench.wiring.clock.clone();
    let journal = Journal::open(folder.path(), Default::default(), clock.clone(), 0).unwrap();
    let mut station = socket.plug();
    let line = LineConfig::new(socket.path(), 115_200);
    let config = PortConfig { name: "link-1".into(), line, framing: Framing::Link };
    let task = port::start(config, Arc::new(journal.clone()), &bench.wiring);
    bench.told.up(Role::Telemetry).await;

    let report = br#"{"seq":17,"at":"2026-07-14T03:10:00+09:00","readings":[{"sensor":"tilt-1","quantity":"tilt-x","value":0.12,"unit":"deg"}]}"#;
    let frames: Vec<_> =
        (0..600_u16).map(|number| link::report(Road::Live, number, report).0).collect();
    let bytes: usize = frames.iter().map(Vec::len).sum();
    let began = clock.at();
    let mut answered = 0;
    // As many on their way as a careful station would have.
    for parcel in frames.chunks(8) {
        for frame in parcel {
            station.say(frame).await;
        }
        answered += parcel.len();
        let all = parcel.len();
        let whole = move |heard: &[u8]| {
            let ends = heard.split(|byte| *byte == 0).filter(|part| part.len() > 1).count();
            (ends >= all && heard.ends_with(&[0])).then_some(((), heard.len()))
        };
        station.hear("answers", whole).await;
    }
    let took = clock.at().since(began).as_secs_f64();
    let ceiling = bytes as f64 / took;
    println!(
        "{answered} frames of {} bytes, each answered from disk, in {took:.2} s: {ceiling:.0} bytes/s, {:.1} times what the wire brings",
        bytes / answered,
        ceiling / WIRE as f64
    );
    assert!(ceiling >= WIRE as f64, "the wire brings more than is taken: {ceiling:.0} bytes/s");
    assert_eq!(bench.metric("ingest_frames_total"), 600.0);
    assert_eq!(bench.metric("ingest_frames_dropped_total"), 0.0);
    bench.wiring.cancel.cancel();
    soon("the collector ends", task).await.unwrap();
}
