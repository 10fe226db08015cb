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

/// A slope with a rain gauge for each file, which report each quarter of an hour: near each other.
fn registry() -> Registry {
    let station = |id: &str| {
        let series = field::series("rain-1", Quantity::Rain, Unit::Inch, (0.0, 100.0));
        field::station("mukilteo", id, Duration::from_secs(900), vec![series])
    };
    let gauges = ["mlp", "mvd116", "mwwd", "watertona"].map(station);
    Registry::new(vec![field::site("mukilteo")], gauges.into())
}

/// A line of a logger file: when, and how many inches.
fn rain_rows(path: &Path) -> Vec<(Timestamp, f64)> {
    let row = |line: &str| {
        let parts: Vec<_> = line.split_whitespace().collect();
        let [year, month, day, hour, minute, inches] = parts[..] else { panic!("{line}") };
        let at = format!("{year}-{month}-{day}T{hour}:{minute}:00-08:00");
        (Timestamp::parse(&at).unwrap(), inches.parse().unwrap())
    };
    text_of(path).lines().map(row).collect()
}

/// Sends the lines of logger files as the live messages they once were, in the order of `when` they were written.
fn relive(rows: &[(&str, u64, Timestamp, f64)]) -> (Tally, Vec<Reading>) {
    let registry = registry();
    let mut admission = Admission::new(&registry, Limits::default());
    let (mut total, mut out, mut refused) = (Tally::default(), vec![], vec![]);
    for (station, seq, at, inches) in rows {
        let claim = Claim {
            sensor: "rain-1".into(),
            quantity: "rain".into(),
            value: *inches,
            unit: None,
            at: None,
        };
        let report = Report {
            site: "mukilteo",
            station,
            seq: Some(*seq),
            at: Some(*at),
            heard_at: None,
            road: Road::Live,
            claims: vec![claim],
        };
        let payload = native::encode(&report);
        let topic = format!("bongsu/v1/mukilteo/{station}/telemetry");
        let frame = Frame {
            source: "mqtt",
            topic: &topic,
            payload: &payload,
            received_at: *at,
            retained: false,
        };
        let Ok(Message::Report(report)) = decode(&frame) else { panic!("{topic}") };
        admission.expire(&registry, *at, |_| true, &mut out);
        total += admission.admit(&registry, &report, &frame, *at, &mut out, &mut refused);
    }
    admission.expire(&registry, Timestamp::MAX, |_| true, &mut out);
    assert!(refused.is_empty(), "{refused:?}");
    (total, out)
}

/// docs/formulas.md 6.5: at MLP it rained 31 mm within an hour of 2015-11-08, by that gauge alone. Caine's line
/// (14.82 mm/h over an hour) is crossed there and never else in the autumn.
#[test]
fn rain_in_one_gauge_alone_is_told_and_crosses_no_line() {
    let Some(folder) = records() else { return };
    let mut rows = vec![];
    for (id, file) in
        [("mlp", "MLP"), ("mvd116", "MVD116"), ("mwwd", "MWWD"), ("watertona", "WatertonA")]
    {
        let of_file = rain_rows(&folder.join(format!("usgs/wa{file}_rain.txt.gz")));
        rows.extend((0..).zip(of_file).map(|(seq, (at, inches))| (id, seq, at, inches)));
    }
    rows.sort_by_key(|row| row.2); // stable: a clock that stepped back is sorted away, which is another test
    let (total, out) = relive(&rows);
    assert!(total.is_balanced());
    let told: Vec<_> = out
        .iter()
        .filter(|r| r.quality.has_any(Quality::FAULTY))
        .map(|r| format!("{} {} {:.2} {}", r.series.0, r.measured_at, r.value, r.quality))
        .collect();
    assert_eq!(
        told,
        [
            "0 2015-11-08T12:15:00Z 13.46 isolated",
            "0 2015-11-08T12:30:00Z 11.18 isolated",
            "0 2015-11-08T12:45:00Z 1.78 isolated",
        ]
    );
    let hour_of = |at: Timestamp| (at.nanos() - 1).div_euclid(3_600_000_000_000);
    let mut hours = std::collections::BTreeMap::<_, (f64, f64)>::new();
    for r in out.iter().filter(|r| !r.quality.has(Quality::HELD)) {
        let (logged, trusted) = hours.entry((r.series.0, hour_of(r.measured_at))).or_default();
        *logged += r.value;
        *trusted += if r.quality.is_trusted() { r.value } else { 0.0 };
    }
    let above = |of: fn(&(f64, f64)) -> f64| hours.values().filter(|sums| of(sums) > 14.82).count();
    assert_eq!((above(|sums| sums.0), above(|sums| sums.1)), (1, 0));
}

#[test]
fn g08_a_recorded_clock_step_is_told_and_its_hour_counts_once() {
    let Some(folder) = records() else { return };
    let rows = rain_rows(&folder.join("usgs/waMVD116_rain.txt.gz"));
    let rows: Vec<_> =
        (0..).zip(rows).map(|(seq, (at, inches))| ("mvd116", seq, at, inches)).collect();
    let (total, out) = relive(&rows);
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
