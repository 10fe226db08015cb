//! What the journal does when nothing is wrong.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use ingest::clock::Clock;
use ingest::journal::{Config, Cut, Entry, Journal, JournalError, Kind, Loss, ReadError, Reader};

use super::disk::MemDisk;
use super::{FOLDER, NOON, entry, frame, open, read_all, small, soon, until};

#[tokio::test]
async fn a_journal_goes_on_where_it_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path(), small(), Clock::manual(NOON), 0).unwrap();
    assert_eq!((journal.synced(), journal.first(), journal.opened().last_at), (0, 1, None));
    for n in 1..=20 {
        let at = journal.append(vec![frame(n)]).await.unwrap();
        assert_eq!((at.first, at.last), (n, n));
    }
    let locked = Journal::open(folder.path(), small(), Clock::manual(NOON), 0);
    assert!(matches!(locked.err(), Some(JournalError::Locked { .. })));
    let (before, gaps) = read_all(&mut journal.reader(0, "test"));
    assert_eq!((before.len(), gaps.len()), (20, 0));
    journal.shutdown().await;
    assert!(matches!(journal.append(vec![frame(0)]).await, Err(JournalError::Stopped)));

    // An hour earlier by the wall: time goes on where the journal was.
    let clock = Clock::manual(NOON.minus(Duration::from_secs(3_600)));
    let journal = Journal::open(folder.path(), small(), clock.clone(), 7).unwrap();
    assert_eq!((journal.opened().cuts.len(), journal.synced()), (0, 20));
    clock.advance(Duration::from_secs(5));
    assert_eq!(journal.append(vec![frame(21)]).await.unwrap().first, 21);
    let (after, _) = read_all(&mut journal.reader(1, "test"));
    assert_eq!(after[..20], before);
    assert_eq!(after[20].at, NOON.plus(Duration::from_secs(5)));
    assert_eq!(journal.at(), after[20].at);
    // The same, read by somebody else meanwhile.
    let (offline, _) = read_all(&mut Reader::open_folder(folder.path(), 5).unwrap());
    assert_eq!(offline, after[4..]);
}

#[tokio::test]
async fn numbers_start_after_what_others_have_seen_and_the_loss_is_journaled() {
    let journal = open(&MemDisk::default(), small(), 41);
    let first = journal.append(vec![frame(1)]).await.unwrap().first;
    let (seen, _) = read_all(&mut journal.reader(0, "test"));
    assert!(first > 41);
    assert_eq!(seen[0].kind, Kind::Cut);
    assert_eq!(Cut::read(&seen[0].payload), Some(Cut::Missing { after: 0, seen: 41 }));
}

#[tokio::test]
async fn what_waits_together_is_synced_together() {
    let disk = MemDisk::default();
    let journal = open(&disk, Config { reserve_bytes: 0, ..Config::default() }, 0);
    disk.stall(true);
    let first = tokio::spawn({
        let journal = journal.clone();
        async move { journal.append(vec![frame(0)]).await }
    });
    until("the first batch is on its way", || disk.stalled_now() == 1).await;
    let mut reader = journal.reader(0, "test");
    assert!(reader.next_batch(10, Duration::ZERO).unwrap().is_empty(), "not synced, not seen");
    let rest: Vec<_> = (0..100)
        .map(|n| {
            let journal = journal.clone();
            tokio::spawn(async move { journal.append(vec![frame(n), frame(n)]).await })
        })
        .collect();
    until("the rest waits", || metric(&journal, "journal_append_queue_depth") == 200.0).await;
    disk.stall(false);
    soon(first).await.unwrap().unwrap();
    for append in rest {
        let at = soon(append).await.unwrap().unwrap();
        assert_eq!(at.last, at.first + 1);
    }
    assert_eq!(disk.syncs(), 2);
    assert_eq!(
        (read_all(&mut reader).0.len(), metric(&journal, "journal_records_total")),
        (201, 201.0)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_reads_the_same_order() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config { segment_bytes: 20_000, ..small() };
    let journal = Journal::open(folder.path(), config, Clock::system(), 0).unwrap();
    let readers: Vec<_> = (0..3)
        .map(|n| {
            let mut reader = journal.reader(0, "test");
            tokio::spawn(async move {
                let mut seen = Vec::new();
                while seen.len() < 4_000 {
                    let batch = soon(reader.next(7 + n)).await.unwrap();
                    assert_eq!(batch.gap(), None);
                    seen.extend(batch.iter().map(|r| (r.sequence, r.at, r.payload.to_vec())));
                }
                seen
            })
        })
        .collect();
    let writers: Vec<_> = (0..4_u64)
        .map(|w| {
            let journal = journal.clone();
            tokio::spawn(async move {
                for n in 0..500 {
                    let text = |half: char| entry(Kind::Frame, "t", format!("{w} {n:04}{half}"));
                    let at = journal.append(vec![text('a'), text('b')]).await.unwrap();
                    assert!(journal.synced() >= at.last);
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let mut orders = Vec::new();
    for reader in readers {
        orders.push(reader.await.unwrap());
    }
    assert!(orders[0].is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1));
    assert!(orders.iter().all(|order| *order == orders[0]));
    let mut of_writer: BTreeMap<u8, Vec<&[u8]>> = BTreeMap::new();
    for (_, _, payload) in &orders[0] {
        of_writer.entry(payload[0]).or_default().push(payload);
    }
    assert!(of_writer.values().all(|payloads| payloads.len() == 1_000 && payloads.is_sorted()));
}

#[test]
fn threads_without_tasks_append_and_read() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path(), small(), Clock::system(), 0).unwrap();
    let mut reader = journal.reader(0, "test");
    let reading = std::thread::spawn(move || {
        let mut payloads = Vec::new();
        loop {
            match reader.next_batch(10, Duration::from_secs(30)) {
                Ok(batch) => payloads.extend(batch.iter().map(|r| r.payload.to_vec())),
                Err(ReadError::Stopped) => return payloads,
                Err(error) => panic!("{error}"),
            }
        }
    });
    for n in 0..50 {
        journal.append_blocking(vec![frame(n)]).unwrap();
    }
    drop(journal);
    let expected: Vec<_> = (0..50).map(|n| frame(n).payload.to_vec()).collect();
    assert_eq!(reading.join().unwrap(), expected);
}

#[tokio::test]
async fn every_segment_opens_with_the_configuration() {
    let disk = MemDisk::default();
    let journal = open(&disk, small(), 0);
    journal.set_opening(Bytes::from_static(b"resolved"));
    for n in 0..30 {
        journal.append(vec![frame(n)]).await.unwrap();
    }
    let segments = disk.segments();
    assert!(segments.len() > 3);
    let (seen, _) = read_all(&mut journal.reader(0, "test"));
    let openings: Vec<_> = seen.iter().filter(|r| r.kind == Kind::Configuration).collect();
    assert_eq!(openings.len(), segments.len());
    for (opening, segment) in openings.iter().zip(&segments) {
        let name = segment.file_name().unwrap().to_str().unwrap();
        assert!(name.starts_with(&format!("{:020}.", opening.sequence)), "{name}");
        assert_eq!((&opening.payload[..], &*opening.topic), (&b"resolved"[..], "opening"));
    }
}

#[tokio::test]
async fn a_configuration_longer_than_a_segment_does_not_make_every_append_a_segment() {
    let disk = MemDisk::default();
    let config = Config { record_bytes_max: 1 << 20, queue_bytes: 1 << 20, ..small() };
    let journal = open(&disk, config, 0);
    journal
        .set_opening(Bytes::from(vec![b'x'; usize::try_from(config.segment_bytes).unwrap() * 2]));
    for n in 0..30 {
        journal.append(vec![frame(n)]).await.unwrap();
    }
    let with = disk.segments().len();
    let disk = MemDisk::default();
    let journal = open(&disk, small(), 0);
    for n in 0..30 {
        journal.append(vec![frame(n)]).await.unwrap();
    }
    assert!(with <= disk.segments().len(), "{with} segments");
}

#[tokio::test]
async fn long_records_and_too_long_ones() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config {
        record_bytes_max: 3 << 20,
        queue_bytes: 1 << 20,
        reserve_bytes: 0,
        ..Config::default()
    };
    let journal = Journal::open(folder.path(), config, Clock::system(), 0).unwrap();
    let long = |len: usize| entry(Kind::Frame, "t", vec![7_u8; len]);
    let topic = Entry { topic: "x".repeat(70_000).into(), ..frame(1) };
    for bad in [vec![frame(1), long(4 << 20)], vec![topic]] {
        let refused = journal.append(bad).await.unwrap_err();
        assert!(matches!(refused, JournalError::TooLong { .. }), "{refused}");
    }
    assert!(matches!(journal.append(vec![]).await, Err(JournalError::Empty)));
    let lengths = [2 << 20, 0, 300_000, (256 << 10) - 49, 256 << 10, 1, 2_999_999];
    for len in lengths {
        journal.append(vec![long(len)]).await.unwrap();
    }
    let (seen, gaps) = read_all(&mut journal.reader(0, "test"));
    assert_eq!(seen.iter().map(|r| r.payload.len()).collect::<Vec<_>>(), lengths);
    assert!(gaps.is_empty() && seen.iter().all(|r| r.payload.iter().all(|b| *b == 7)));
}

#[tokio::test]
async fn old_segments_go_by_size_but_not_what_the_engine_needs() {
    let disk = MemDisk::default();
    let journal = open(&disk, Config { bytes_max: 2_000, ..small() }, 0);
    let write = async |n| journal.append(vec![frame(n)]).await.unwrap().last;
    for n in 1..=60 {
        write(n).await;
    }
    assert_eq!(journal.first(), 1, "nobody has said what may go");
    journal.set_floor(20);
    write(61).await;
    until("old segments go", || journal.first() > 1).await;
    assert!(journal.first() <= 20);
    let mut late = journal.reader(1, "late");
    let (seen, gaps) = read_all(&mut late);
    assert_eq!(seen[0].sequence, journal.first());
    assert_eq!(gaps.len(), 1);
    assert_eq!((gaps[0].after, &gaps[0].loss), (0, &Loss::Trimmed { to: journal.first() - 1 }));
    journal.set_floor(62);
    write(62).await;
    until("it is small again", || metric(&journal, "journal_bytes") < 2_500.0).await;
    let (segments, bytes) = (disk.segments().len() as f64, metric(&journal, "journal_bytes"));
    assert_eq!(metric(&journal, "journal_segments"), segments);
    assert!(bytes > 1_000.0);
    // A fresh start finds the same.
    let first = journal.first();
    journal.shutdown().await;
    let journal = open(&disk, small(), 0);
    assert_eq!((journal.first(), read_all(&mut journal.reader(0, "test")).1.len()), (first, 0));
}

#[tokio::test]
async fn old_segments_go_by_age() {
    let disk = MemDisk::default();
    let clock = Clock::manual(NOON);
    let hour = Duration::from_secs(3_600);
    let config =
        Config { age_max: hour * 10, segment_age_max: hour, segment_bytes: 1 << 20, ..small() };
    let on = std::sync::Arc::new(disk.clone());
    let journal = Journal::open_on(on, FOLDER.as_ref(), config, clock.clone(), 0).unwrap();
    journal.set_floor(u64::MAX);
    for n in 0..30 {
        journal.append(vec![frame(n)]).await.unwrap();
        clock.advance(hour);
    }
    journal.append(vec![frame(30)]).await.unwrap();
    until("old segments go", || disk.segments().len() <= 12).await;
    assert_eq!(disk.segments().len(), 12, "ten hours, the one they began in, and this one");
}

#[tokio::test]
async fn a_view_holds_segments_up_to_its_limit_and_then_loses_them_loudly() {
    let disk = MemDisk::default();
    let journal = open(&disk, Config { bytes_max: 1, ..small() }, 0);
    journal.hold("influx", 1, 3_000);
    journal.set_floor(u64::MAX);
    let mut behind = journal.reader(1, "influx");
    let mut watch = journal.reader(1, "watch");
    let mut cuts = Vec::new();
    for n in 0..80 {
        journal.append(vec![frame(n)]).await.unwrap();
        let (seen, gaps) = read_all(&mut watch);
        cuts.extend(seen.iter().filter_map(|record| Cut::read(&record.payload)));
        assert_eq!(gaps, []);
        assert!(n > 20 || (journal.first() == 1 && cuts.is_empty()), "held");
    }
    let Some(Cut::Trimmed { view, from, to }) = cuts.first() else { panic!("no loss: {cuts:?}") };
    assert_eq!((&**view, *from), ("influx", 1));
    assert!(*to > 1 && journal.first() > *to);
    let (_, gaps) = read_all(&mut behind);
    assert!(matches!(gaps[..], [ref gap] if matches!(gap.loss, Loss::Trimmed { .. })), "{gaps:?}");
    assert!(metric(&journal, "journal_lost_records_total") >= *to as f64);
    journal.release("influx");
    journal.append(vec![frame(99)]).await.unwrap();
    until("nothing is held", || disk.segments().len() <= 2).await;
}

#[tokio::test]
async fn metrics_say_who_is_behind() {
    let journal = open(&MemDisk::default(), small(), 0);
    let mut slow = journal.reader(1, "slow");
    for n in 0..5 {
        journal.append(vec![frame(n)]).await.unwrap();
    }
    assert_eq!(metric(&journal, "journal_reader_lag_records"), 5.0);
    slow.next_batch(3, Duration::ZERO).unwrap();
    assert_eq!(metric(&journal, "journal_reader_lag_records"), 2.0);
    assert_eq!(metric(&journal, "journal_fsync_seconds"), 5.0);
    let registry = prometheus::Registry::new();
    registry.register(journal.metrics()).unwrap();
    drop(slow);
    let families = registry.gather();
    assert!(
        families
            .iter()
            .all(|family| family.name().starts_with("journal_") && !family.help().is_empty())
    );
    assert!(
        !families.iter().any(|family| family.name() == "journal_reader_lag_records"),
        "nobody is behind"
    );
}

/// The value of a metric without labels, or of its first; of a histogram, how many samples.
pub fn metric(journal: &Journal, name: &str) -> f64 {
    let families = journal.metrics().collect();
    let family = families.iter().find(|family| family.name() == name).expect(name);
    let metric = &family.get_metric()[0];
    match family.get_field_type() {
        prometheus::proto::MetricType::COUNTER => metric.get_counter().get_value(),
        prometheus::proto::MetricType::HISTOGRAM => {
            metric.get_histogram().get_sample_count() as f64
        }
        _ => metric.get_gauge().get_value(),
    }
}
