//! Records from real sites, where `BONGSU_TEST_DATA` names them: their files are read, and what their clocks did is
//! seen.

#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod field;

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reading::admission::{Admission, Limits, Tally};
use reading::codec::csv::{CountUnit, CsvOptions, CsvReader, Row, Stamps, UtcOffset};
use reading::codec::{Message, decode, native};
use reading::frame::Frame;
use reading::report::{Claim, Report, Road};
use reading::{Quality, Quantity, Reading, Registry, Timestamp, Unit};

/// The folder of records, or `None` with a word about it.
fn records() -> Option<PathBuf> {
    let Some(folder) = std::env::var_os("BONGSU_TEST_DATA") else {
        println!("skipped: BONGSU_TEST_DATA is not set");
        return None;
    };
    Some(Path::new(&folder).join("data"))
}

fn text_of(path: &Path) -> String {
    let file = std::fs::File::open(path).unwrap();
    let mut text = String::new();
    match path.extension().is_some_and(|end| end == "gz") {
        true => flate2::read::GzDecoder::new(file).read_to_string(&mut text).unwrap(),
        false => std::io::BufReader::new(file).read_to_string(&mut text).unwrap(),
    };
    text
}

fn files_under(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files_under(&path, found) } else { found.push(path) }
    }
}

fn rows(path: &Path, stamps: Stamps) -> Vec<Row> {
    let series = Some("a/b/c/count".parse().unwrap());
    let mut reader = CsvReader::new(CsvOptions { series, stamps });
    let text = text_of(path);
    let rows = text.lines().filter_map(|line| reader.read(line).transpose());
    rows.map(|row| row.unwrap_or_else(|error| panic!("{}: {error}", path.display()))).collect()
}

#[test]
fn every_recorded_series_is_read() {
    let Some(folder) = records() else { return };
    for (below, stamps, files, least) in [
        ("series", Stamps::Local(UtcOffset::parse("-08:00").unwrap()), 110, 420_000),
        ("failure", Stamps::Count(CountUnit::Ms, Timestamp::default()), 24, 24 * 100),
    ] {
        let mut paths = vec![];
        files_under(&folder.join(below), &mut paths);
        assert_eq!(paths.len(), files, "{below}");
        let mut count = 0;
        for path in paths {
            let rows = rows(&path, stamps);
            assert!(
                rows.windows(2).all(|two| two[0].measured_at <= two[1].measured_at),
                "{}",
                path.display()
            );
            count += rows.len();
        }
        assert!(count > least, "{below}: {count}");
    }
}

/// A station with one rain gauge that reports each quarter of an hour.
fn registry() -> Registry {
    let series = field::series("rain-1", Quantity::Rain, Unit::Inch, (0.0, 100.0));
    let station = field::station("mukilteo", "mvd116", Duration::from_secs(900), vec![series]);
    Registry::new(vec![field::site("mukilteo")], vec![station])
}

/// Sends each line of a logger file as the live message it once was.
fn relive(path: &Path) -> (Tally, Vec<Reading>) {
    let registry = registry();
    let mut admission = Admission::new(&registry, Limits::default());
    let (mut total, mut out, mut refused) = (Tally::default(), vec![], vec![]);
    for (seq, line) in (0..).zip(text_of(path).lines()) {
        let parts: Vec<_> = line.split_whitespace().collect();
        let [year, month, day, hour, minute, inches] = parts[..] else { panic!("{line}") };
        let at =
            Timestamp::parse(&format!("{year}-{month}-{day}T{hour}:{minute}:00-08:00")).unwrap();
        let claim = Claim {
            sensor: "rain-1".into(),
            quantity: "rain".into(),
            value: inches.parse().unwrap(),
            unit: None,
            at: None,
        };
        let report = Report {
            site: "mukilteo",
            station: "mvd116",
            seq: Some(seq),
            at: Some(at),
            heard_at: None,
            road: Road::Live,
            claims: vec![claim],
        };
        let payload = native::encode(&report);
        let topic = "bongsu/v1/mukilteo/mvd116/telemetry";
        let frame =
            Frame { source: "mqtt", topic, payload: &payload, received_at: at, retained: false };
        let Ok(Message::Report(report)) = decode(&frame) else { panic!("{line}") };
        total += admission.admit(&registry, &report, &frame, at, &mut out, &mut refused);
    }
    assert!(refused.is_empty(), "{refused:?}");
    (total, out)
}

#[test]
fn g08_a_recorded_clock_step_is_told_and_its_hour_counts_once() {
    let Some(folder) = records() else { return };
    let (total, out) = relive(&folder.join("usgs/waMVD116_rain.txt.gz"));
    assert!(total.is_balanced());
    let told: Vec<_> = out
        .iter()
        .filter(|r| r.quality != Quality::GOOD)
        .map(|r| format!("{} {}", r.measured_at, r.quality))
        .collect();
    // 2015-10-01, from 05:00 back to 04:15; the three dry quarters of an hour after it had been written before.
    assert_eq!(told, ["2015-10-01T12:15:00Z out-of-order+clock-step"]);
    assert_eq!((total.duplicate, total.missing), (3, 0));
}
