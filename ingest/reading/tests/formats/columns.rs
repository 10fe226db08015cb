//! CSV with a described header.

use proptest::collection::vec;
use proptest::prelude::*;
use reading::codec::columns::Columns;
use reading::codec::csv::{Stamps, UtcOffset};
use reading::codec::{CodecError, Feed, Format, Identity, Message};
use reading::report::Road;

use super::{decode, feed, refusal, told};

fn wide() -> Columns {
    Columns {
        delimiter: ';',
        names: vec![],
        at: Some("time".into()),
        stamps: Stamps::Local(UtcOffset::parse("+09:00").unwrap()),
        device: None,
        metric: None,
        value: None,
        unit: None,
    }
}

fn long() -> Columns {
    Columns {
        delimiter: ',',
        names: ["logger", "what", "how-much", "unit"].map(Into::into).to_vec(),
        at: None,
        device: Some("logger".into()),
        metric: Some("what".into()),
        value: Some("how-much".into()),
        unit: Some("unit".into()),
        ..wide()
    }
}

fn mapped(columns: Columns) -> Feed {
    feed(
        Format::Csv(columns),
        &[("loggers/7", "box-1")],
        &[("tilt, x", "tilt-1/tilt-x deg"), ("p", "piezo-1/pore-pressure")],
    )
}

#[test]
fn reads_the_wide_and_the_long_form() {
    let text = "time;\"tilt, x\";p;note\r\n2026-07-14 03:10:00;0.5;;ok\n# a remark\n2026-07-14 03:20;0.6;12.5;\n";
    assert_eq!(
        told(&mapped(wide()), "loggers/7", text.as_bytes()).unwrap(),
        [
            "box-1 tilt-1/tilt-x 0.5 deg 2026-07-13T18:10:00Z",
            "box-1 tilt-1/tilt-x 0.6 deg 2026-07-13T18:20:00Z",
            "box-1 piezo-1/pore-pressure 12.5 - 2026-07-13T18:20:00Z",
        ]
    );
    assert_eq!(
        told(&mapped(long()), "x", b"loggers/7,p,2,mH2O\nloggers/7,p,3,\n").unwrap(),
        ["box-1 piezo-1/pore-pressure 2 mH2O -", "box-1 piezo-1/pore-pressure 3 - -"]
    );
}

/// Hours of a weather station as the Korea Meteorological Administration's open portal (data.kma.go.kr, ASOS by the
/// hour) gives them: the header and a row of Baengnyeongdo.
const ASOS: &str = "지점,지점명,일시,기온(°C),강수량(mm),풍속(m/s),풍향(16방위),습도(%),시정(10m)\n\
                    102,백령도,2016-01-01 01:00,2.4,,3.3,270,62,2000\n";

#[test]
fn reads_the_hours_of_the_weather_administration() {
    let columns = Columns { delimiter: ',', at: Some("일시".into()), ..wide() };
    let mut feed = feed(
        Format::Csv(Columns { device: Some("지점".into()), ..columns }),
        &[("102", "box-1")],
        &[
            ("기온(°C)", "air/temperature Cel"),
            ("강수량(mm)", "rain-1/rain mm"),
            ("습도(%)", "air/relative-humidity %"),
        ],
    );
    feed.naming.models[0].ignored = vec!["*".into()];
    let hour = "2015-12-31T16:00:00Z";
    assert_eq!(
        told(&feed, "kma", ASOS.as_bytes()).unwrap(),
        [
            format!("box-1 air/temperature 2.4 Cel {hour}"),
            format!("box-1 air/relative-humidity 62 % {hour}")
        ],
        "an hour without rain says nothing of rain"
    );
    // The portal's own files are in CP949, here the first word of them: somebody has to make UTF-8 of it.
    assert_eq!(refusal(&feed, "kma", b"\xc1\xf6\xc1\xa1,").0, "not-utf8");
}

/// A rain gauge on a landslide of the U.S. Geological Survey, in inches and local time; `tests/recorded/README.md` says
/// which.
const MUKILTEO: &[u8] = include_bytes!("../../../../tests/recorded/waMVD116_rain.csv");

#[test]
fn reads_a_rain_gauge_of_the_geological_survey() {
    let columns = Columns {
        delimiter: ',',
        at: Some("timestamp".into()),
        stamps: Stamps::Local(UtcOffset::parse("-08:00").unwrap()),
        ..wide()
    };
    let feed = feed(Format::Csv(columns), &[("gauge", "box-1")], &[("value", "rain-1/rain in")]);
    let lines = told(&feed, "gauge", MUKILTEO).unwrap();
    assert_eq!(lines.len(), 384);
    let wet: Vec<_> = lines.iter().filter(|line| !line.contains(" 0 in ")).collect();
    assert_eq!(wet[0], "box-1 rain-1/rain 0.01 in 2015-11-13T18:00:00Z");
    let inches = |line: &&String| line.split(' ').nth(2).unwrap().parse::<f64>().unwrap();
    assert!((wet.iter().map(inches).sum::<f64>() - 2.38).abs() < 1e-9);
}

#[test]
fn what_is_declared_to_be_of_the_past_is() {
    let text = "time;p\n2026-07-14 03:10:00;1\n";
    let road = |backfill| {
        let feed = Feed { backfill, ..mapped(wide()) };
        let decoded = decode(&feed, "loggers/7", text.as_bytes()).unwrap();
        match &decoded.messages[0].message {
            Message::Report(report) => (report.road, decoded.messages[0].identity.clone()),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(road(false), (Road::Live, Identity::Payload));
    // What came live word for word is known by its bytes.
    assert_eq!(road(true), (Road::Backfill, Identity::Payload));
}

#[test]
fn every_wrong_row_has_a_name_and_a_line() {
    let feed = mapped(wide());
    for (text, name, says) in [
        ("", "empty-payload", ""),
        ("\n", "wrong-shape", "no line of names"),
        ("p;note\n1;2", "wrong-shape", "no column `time`"),
        ("time;p;p\n1;2;3", "wrong-shape", "two columns are called `p`"),
        ("time;p\n2026-07-14 03:10:00", "wrong-shape", "line 2: the row has 1 fields, not 2"),
        ("time;p\nyesterday;1", "bad-time", "line 2"),
        ("time;p\n\"2026", "wrong-shape", "quote"),
    ] {
        let (got, text_of) = refusal(&feed, "loggers/7", text.as_bytes());
        assert!(got == name && text_of.contains(says), "{text}: {got}: {text_of}");
    }
    assert_eq!(refusal(&feed, "other", b"time;p\n2026-07-14 03:10:00;1").0, "unknown-device");
}

proptest! {
    #[test]
    fn no_text_is_too_strange(text in "(time;p\n|loggers/7,p,)?([a-z0-9;,\"\\n\\r#:. -]|\\PC){0,200}") {
        for columns in [wide(), long(), Columns { names: vec![], ..long() }] {
            if let Err(error) = decode(&mapped(columns), "loggers/7", text.as_bytes()) {
                prop_assert!(CodecError::NAMES.contains(&error.name()));
            }
        }
    }

    #[test]
    fn no_bytes_are_too_strange(bytes in vec(any::<u8>(), 0..200), begins in any::<bool>()) {
        for (columns, head) in [(wide(), "time;p\n"), (long(), "loggers/7,p,1,mH2O\n")] {
            let payload = [if begins { head.as_bytes() } else { &[] }, &bytes].concat();
            if let Err(error) = decode(&mapped(columns), "loggers/7", &payload) {
                prop_assert!(CodecError::NAMES.contains(&error.name()));
            }
        }
    }
}
