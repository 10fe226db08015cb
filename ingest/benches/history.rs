//! How long a chart waits, and how much history a second takes.

use std::time::Duration;

use divan::Bencher;
use divan::counter::ItemsCount;
use ingest::archive::history::{Asked, History, HistoryReader, Keep, Kept};
use reading::{Quality, Reading, SeriesIndex, SeriesName, Timestamp};

fn main() {
    divan::main();
}

const MINUTES_A_YEAR: i64 = 525_600;
const SERIES: usize = 8;

fn name(n: usize) -> SeriesName {
    format!("cut-{n:02}/post-1/tilt-1/tilt-x").parse().expect("a name")
}

fn reading(minute: i64) -> Reading {
    let at = Timestamp::from_secs(1_750_000_000 + minute * 60);
    Reading {
        series: SeriesIndex(0),
        measured_at: at,
        received_at: at,
        value: (minute % 977) as f64,
        quality: Quality::GOOD,
    }
}

/// A year of eight series, a reading a minute each, all of it kept as readings.
fn year() -> (tempfile::TempDir, HistoryReader) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (mut history, _) =
        History::open(&folder.path().join("history.sqlite"), Keep::default()).expect("a history");
    let names: Vec<SeriesName> = (0..SERIES).map(name).collect();
    for day in 0..365 {
        let day: Vec<Reading> = (day * 1_440..(day + 1) * 1_440).map(reading).collect();
        let kept: Vec<Kept<'_>> = day
            .iter()
            .flat_map(|reading| names.iter().map(move |series| Kept { series, reading }))
            .collect();
        history.write(&kept, 1).expect("written");
    }
    let reader = HistoryReader::new(folder.path().join("history.sqlite"));
    (folder, reader)
}

/// A year of one series, by the hour, by the day, by the minute in pages.
#[divan::bench(args = [3_600, 86_400, 60])]
fn a_year_of_one_series_by(bencher: Bencher<'_, '_>, seconds: u64) {
    let (_folder, history) = year();
    let asked = Asked {
        series: name(3).to_string(),
        from: reading(0).measured_at,
        to: reading(MINUTES_A_YEAR).measured_at,
        every: Some(Duration::from_secs(seconds)),
        limit: 10_000,
    };
    bencher.bench(|| {
        let page = history.read(&asked).expect("read");
        assert!(page.points.len() >= 365);
        page
    });
}

/// Readings of a thousand series taken together, as after a second of a busy day.
#[divan::bench]
fn write(bencher: Bencher<'_, '_>) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (mut history, _) =
        History::open(&folder.path().join("history.sqlite"), Keep::default()).expect("a history");
    let names: Vec<SeriesName> = (0..1_000).map(name).collect();
    let mut minute = 0;
    bencher.counter(ItemsCount::new(5_000usize)).bench_local(|| {
        let five: Vec<Reading> = (minute..minute + 5).map(reading).collect();
        minute += 5;
        let kept: Vec<Kept<'_>> = five
            .iter()
            .flat_map(|reading| names.iter().map(move |series| Kept { series, reading }))
            .collect();
        history.write(&kept, 1).expect("written");
    });
}
