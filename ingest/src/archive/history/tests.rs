use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use reading::SeriesIndex;

fn open(folder: &tempfile::TempDir, keep: Keep) -> (History, Opened) {
    History::open(&folder.path().join("history.sqlite"), keep).unwrap()
}

fn reader(folder: &tempfile::TempDir) -> HistoryReader {
    HistoryReader::new(folder.path().join("history.sqlite"))
}

fn name() -> SeriesName {
    "cut-12/post-1/rain-1/rain".parse().unwrap()
}

fn at(secs: i64, value: f64, quality: Quality) -> Reading {
    let at = Timestamp::from_secs(secs);
    Reading { series: SeriesIndex(0), measured_at: at, received_at: at, value, quality }
}

fn write(history: &mut History, readings: &[Reading], position: u64) {
    let name = name();
    let kept: Vec<_> = readings.iter().map(|reading| Kept { series: &name, reading }).collect();
    history.write(&kept, position).unwrap();
}

fn asked(from: i64, to: i64, every: Option<u64>) -> Asked {
    Asked {
        series: name().to_string(),
        from: Timestamp::from_secs(from),
        to: Timestamp::from_secs(to),
        every: every.map(Duration::from_secs),
        limit: 1_000,
    }
}

fn told(page: &Page) -> Vec<(i64, u64, f64, f64, f64)> {
    let told = |p: &Point| (p.at.nanos() / 1_000_000_000, p.count, p.min, p.max, p.sum);
    page.points.iter().map(told).collect()
}

const DAYS: i64 = 86_400;

#[test]
fn what_is_shown_of_a_stretch_is_what_its_readings_came_to() {
    let folder = tempfile::tempdir().unwrap();
    let (mut history, opened) = open(&folder, Keep::default());
    assert_eq!(opened, Opened::New);
    let readings = [
        at(0, 1.0, Quality::GOOD),
        at(30, 4.0, Quality::OLD),
        at(60, -2.0, Quality::GOOD),
        // shown, and no part of any sum
        at(60, 9.0, Quality::CONFLICT),
        at(90, 700.0, Quality::SPIKE),
        // comes again once it is decided
        at(120, 800.0, Quality::HELD),
        at(3_600, 2.0, Quality::GOOD),
    ];
    write(&mut history, &readings, 7);
    let reader = reader(&folder);
    let read = |from, to, every| told(&reader.read(&asked(from, to, every)).unwrap());
    for place in ["appended", "in their places"] {
        assert_eq!(
            read(0, 7_200, Some(60)),
            [(0, 2, 1.0, 4.0, 5.0), (60, 1, -2.0, -2.0, -2.0), (3_600, 1, 2.0, 2.0, 2.0)],
            "{place}"
        );
        assert_eq!(
            read(0, 7_200, Some(3_600)),
            [(0, 3, -2.0, 4.0, 3.0), (3_600, 1, 2.0, 2.0, 2.0)],
            "{place}"
        );
        assert_eq!(read(0, 7_200, Some(7_200)), [(0, 4, -2.0, 4.0, 5.0)], "{place}");
        assert_eq!(read(60, 100, Some(10)), [(60, 1, -2.0, -2.0, -2.0)], "{place}");
        assert_eq!(read(10, 61, None).len(), 3, "two values of one moment are both shown");
        assert_eq!(
            reader.read(&asked(0, 60, Some(60))).unwrap().points[0].quality,
            Quality::OLD.bits()
        );
        history.place().unwrap();
    }
    let elsewhere = Asked { series: "a/b/c/tilt-x".into(), ..asked(0, 60, None) };
    assert_eq!(reader.read(&elsewhere).unwrap(), Page::default());
}

#[test]
fn a_reading_counts_once_wherever_writing_ended() {
    let folder = tempfile::tempdir().unwrap();
    let (mut history, _) = open(&folder, Keep::default());
    write(&mut history, &[at(0, 1.0, Quality::GOOD)], 3);
    // the same again before and after it is put in its place, and in another process
    for is_placed in [false, true, false, true] {
        drop(history);
        let opened;
        (history, opened) = open(&folder, Keep::default());
        assert_eq!((opened, history.position()), (Opened::Sound, 3));
        write(&mut history, &[at(0, 1.0, Quality::GOOD)], 3);
        if is_placed {
            history.place().unwrap();
        }
        for every in [None, Some(60), Some(3_600)] {
            let page = reader(&folder).read(&asked(0, 60, every)).unwrap();
            assert_eq!(told(&page), [(0, 1, 1.0, 1.0, 1.0)], "every {every:?}");
        }
    }
}

#[test]
fn what_is_too_old_for_one_kind_comes_from_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let keep = Keep {
        readings: Duration::from_secs(86_400),
        minutes: Duration::from_secs(10 * 86_400),
        ..Keep::default()
    };
    let (mut history, _) = open(&folder, keep);
    let readings: Vec<_> = (0..20 * 144).map(|n| at(n * 600, 1.0, Quality::GOOD)).collect();
    write(&mut history, &readings, 1);
    assert!(history.trim(Timestamp::from_secs(20 * DAYS)).unwrap() > 0);
    let reader = reader(&folder);
    for every in [None, Some(600), Some(3_600), Some(86_400), Some(7 * 86_400)] {
        let page = reader.read(&asked(0, 20 * DAYS, every)).unwrap();
        let total: f64 = page.points.iter().map(|point| point.sum).sum();
        let complete = if page.next.is_some() { total < 2_880.0 } else { total == 2_880.0 };
        assert!(complete, "every {every:?}: {total}");
    }
    let month_ago = reader.read(&asked(0, DAYS, Some(600))).unwrap();
    assert_eq!(month_ago.points.len(), 24, "hours are all there is of it");
}

#[test]
fn a_file_that_grows_too_large_loses_its_oldest_days_first() {
    let folder = tempfile::tempdir().unwrap();
    let (mut history, _) = open(&folder, Keep { bytes: 300 << 10, ..Keep::default() });
    for day in 0..10 {
        let readings: Vec<_> =
            (0..1_440).map(|n| at(day * DAYS + n * 60, 1.0, Quality::GOOD)).collect();
        write(&mut history, &readings, 1);
    }
    assert!(history.trim(Timestamp::from_secs(10 * DAYS)).unwrap() > 0);
    let reader = reader(&folder);
    let newest = reader.read(&asked(10 * DAYS - 600, 10 * DAYS, Some(60))).unwrap();
    let oldest = reader.read(&asked(0, DAYS, Some(3_600))).unwrap();
    assert_eq!(oldest.points.len(), 24, "hours stay");
    assert!(newest.points.len() == 10 || newest.points.len() == 1, "{newest:?}");
}

#[test]
fn pages_follow_each_other_without_a_gap_or_a_repeat() {
    let folder = tempfile::tempdir().unwrap();
    let (mut history, _) = open(&folder, Keep::default());
    let readings = (0..500).flat_map(|n| {
        // several of one moment: more of them than fit on a page
        let copies = (1..=n % 9).map(move |copy| at(n * 7, copy as f64, Quality::TIME_UNKNOWN));
        copies.chain([at(n * 7, n as f64, Quality::GOOD)])
    });
    write(&mut history, &readings.collect::<Vec<_>>(), 1);
    let reader = reader(&folder);
    for (every, limit) in
        [(None, 7), (None, 1), (Some(10), 7), (Some(60), 7), (Some(90), 7), (Some(60), 1)]
    {
        let all = Asked { limit: 10_000, ..asked(0, 3_500, every) };
        let whole = reader.read(&all).unwrap().points;
        let (mut from, mut pieces) = (Timestamp::from_secs(0), Vec::new());
        loop {
            let page = reader.read(&Asked { from, limit, ..asked(0, 3_500, every) }).unwrap();
            pieces.extend(page.points);
            match page.next {
                Some(next) => from = next,
                None => break,
            }
        }
        assert!(pieces == whole, "every {every:?}, {limit} at a time");
    }
}

/// A station whose clock is wrong sends ten minutes at once: one of them stands for now, and is the one that counts.
#[test]
fn of_a_burst_without_a_clock_nothing_is_lost_and_the_newest_counts() {
    let folder = tempfile::tempdir().unwrap();
    let (mut history, _) = open(&folder, Keep::default());
    let unknown = Quality::TIME_REPLACED | Quality::TIME_UNKNOWN;
    let burst = [at(60, 0.0, unknown), at(60, 1.0, unknown), at(60, 2.0, Quality::TIME_REPLACED)];
    write(&mut history, &burst, 1);
    let reader = reader(&folder);
    assert_eq!(reader.read(&asked(0, 120, None)).unwrap().points.len(), 3);
    let sums = told(&reader.read(&asked(0, 120, Some(60))).unwrap());
    assert_eq!(sums, [(60, 1, 2.0, 2.0, 2.0)]);
}

#[test]
fn g14_a_damaged_history_is_set_aside_and_a_newer_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.sqlite");
    for damage in [&b"no database at all, but long enough to be looked at"[..], b""] {
        std::fs::write(&path, damage).unwrap();
        let (mut history, opened) = open(&folder, Keep::default());
        assert_eq!(history.position(), 0, "{opened:?}");
        write(&mut history, &[at(0, 1.0, Quality::GOOD)], 3);
        drop(history);
        open::remove(&path).unwrap();
    }
    drop(open(&folder, Keep::default()));
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let refused = History::open(&path, Keep::default()).unwrap_err();
    assert!(matches!(refused, HistoryError::Newer { found: 99, .. }), "{refused}");
}

proptest! {
    #[test]
    fn rollups_are_what_the_readings_come_to(
        readings in prop::collection::vec((0i64..20_000, -100i32..100), 1..120),
        placed_every in 1usize..5,
        cuts in prop::collection::vec(1usize..40, 1..6),
        every in prop::sample::select(vec![60u64, 120, 300, 3_600, 7_200]),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let (mut history, _) = open(&folder, Keep::default());
        // in any order, as late ones come; of one moment the first value stands
        let mut first = BTreeMap::new();
        let all: Vec<_> =
            readings.iter().map(|(s, v)| at(*s, f64::from(*v), Quality::GOOD)).collect();
        for (second, value) in &readings {
            first.entry(*second).or_insert(*value);
        }
        let mut rest = &all[..];
        for (n, cut) in cuts.iter().cycle().enumerate() {
            if rest.is_empty() { break }
            let (now, later) = rest.split_at((*cut).min(rest.len()));
            write(&mut history, now, n as u64 + 1);
            if n % placed_every == 0 {
                history.place().unwrap();
            }
            rest = later;
        }
        let page = reader(&folder).read(&asked(0, 20_000, Some(every))).unwrap();
        let mut expected = BTreeMap::<i64, Vec<f64>>::new();
        for (second, value) in &first {
            let begins = second.div_euclid(every as i64) * every as i64;
            expected.entry(begins).or_default().push(f64::from(*value));
        }
        let expected: Vec<_> = expected.into_iter().map(|(begins, values)| (
            begins,
            values.len() as u64,
            values.iter().copied().fold(f64::INFINITY, f64::min),
            values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            values.iter().sum::<f64>(),
        )).collect();
        prop_assert_eq!(told(&page), expected);
    }
}
