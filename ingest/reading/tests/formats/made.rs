//! Messages made by other libraries; `made/README.md` says which.

use reading::codec::sparkplug::{Hosts, SparkplugB};
use reading::codec::{Feed, Format, Message, feed};
use reading::report::Road;

use super::{frame, told};

#[test]
fn senml_of_another_library() {
    let feed = super::feed(
        Format::SenMl,
        &[("s1", "box-1")],
        &[("crack", "crack-1/crack-width"), ("air", "air/temperature")],
    );
    let packs: [&[u8]; 2] = [include_bytes!("made/senml.json"), include_bytes!("made/senml.cbor")];
    for pack in packs {
        assert_eq!(
            told(&feed, "x", pack).unwrap(),
            [
                "box-1 crack-1/crack-width 0.0015 m 2026-07-13T18:10:00Z",
                "box-1 crack-1/crack-width 0.002 m 2026-07-13T18:11:00Z",
                "box-1 air/temperature 21.5 Cel 2026-07-13T18:10:00Z",
            ]
        );
    }
}

#[test]
fn our_own_form_in_cbor_of_another_library() {
    let frame = frame("bongsu/v1/cut-12/box-1/telemetry", include_bytes!("made/native.cbor"));
    let Ok(Message::Report(report)) = reading::codec::decode(&frame) else { panic!("no report") };
    assert_eq!(
        (report.seq, report.at.unwrap().to_string().as_str()),
        (Some(17), "2026-07-13T18:10:00Z")
    );
    assert_eq!(report.claims.iter().map(|claim| claim.value).collect::<Vec<_>>(), [0.5, 2.0]);
    assert_eq!(report.claims[1].at.unwrap().to_string(), "2026-07-13T18:09:00Z");
}

#[test]
fn sparkplug_of_another_library() {
    let feed: Feed = super::feed(
        Format::SparkplugB(SparkplugB { host: "bongsu".into() }),
        &[("slopes/edge", "box-1")],
        &[("tilt_x", "tilt-1/tilt-x"), ("crack", "crack-1/crack-width mm")],
    );
    let feeds = [feed];
    let mut hosts = Hosts::default();
    let mut lines = Vec::new();
    let messages: [(&str, &[u8]); 2] = [
        ("spBv1.0/slopes/NBIRTH/edge", include_bytes!("made/nbirth.bin")),
        ("spBv1.0/slopes/NDATA/edge", include_bytes!("made/ddata.bin")),
    ];
    for (topic, payload) in messages {
        let frame = frame(topic, payload);
        let decoded = feed::decode(&frame, &feeds, &mut hosts, frame.received_at).unwrap();
        for told in &decoded.messages {
            let Message::Report(report) = &told.message else { continue };
            for claim in &report.claims {
                lines.push((
                    report.road,
                    claim.value,
                    claim.unit.clone().unwrap_or_default().into_owned(),
                ));
            }
        }
    }
    let line = |road, value, unit: &str| (road, value, unit.to_owned());
    assert_eq!(
        lines,
        [
            line(Road::Live, 0.25, "deg"),
            line(Road::Live, -2.0, "mm"),
            line(Road::Live, 0.5, "deg"),
            line(Road::Backfill, -3.0, "mm"),
        ]
    );
    assert!(hosts.take_wishes().is_empty());
}
