//! Disks that are full, and disks that fail.

use std::time::Duration;

use ingest::journal::{Config, Cut, Health, Journal, JournalError, Kind, Loss, ReadError};

use super::disk::{Crash, MemDisk, Op};
use super::{entry, frame, open, read_all, small, soon, until};

fn later(
    journal: &Journal,
    entry: ingest::journal::Entry,
) -> tokio::task::JoinHandle<Result<u64, JournalError>> {
    let journal = journal.clone();
    tokio::spawn(async move { journal.append(vec![entry]).await.map(|at| at.last) })
}

#[tokio::test]
async fn a_full_disk_goes_on_in_the_reserve_and_then_withholds_frames_alone() {
    let disk = MemDisk::default();
    let journal =
        open(&disk, Config { reserve_bytes: 4_000, segment_bytes: 1 << 20, ..small() }, 0);
    let mut acknowledged = vec![journal.append(vec![frame(0)]).await.unwrap().last];
    until("there is a reserve", || disk.used() > 4_000).await;
    disk.set_room(disk.used() + 300);
    let mut in_reserve = 0;
    let stuck = loop {
        let frame = later(&journal, frame(acknowledged.len() as u64));
        until("it is kept or the disk is full", || {
            frame.is_finished() || journal.health() == Health::Full
        })
        .await;
        // What must get through is taken together with frames, if these are taken at all.
        for _ in 0..2 {
            acknowledged.push(
                soon(later(&journal, entry(Kind::Outcome, "t", "urgent"))).await.unwrap().unwrap(),
            );
        }
        if !frame.is_finished() {
            break frame;
        }
        acknowledged.push(soon(frame).await.unwrap().unwrap());
        in_reserve += usize::from(journal.health() == Health::Full);
    };
    assert!(in_reserve > 5, "a full disk alone stops no frame: {in_reserve}");
    let more = later(&journal, frame(100));
    for kind in [Kind::Command, Kind::Outcome, Kind::Tick, Kind::Configuration, Kind::Collector] {
        acknowledged
            .push(soon(later(&journal, entry(kind, "t", "urgent"))).await.unwrap().unwrap());
    }
    assert!(!stuck.is_finished() && !more.is_finished(), "frames wait");
    assert_eq!(journal.health(), Health::Full);
    // Power goes now: everything acknowledged is there.
    let log = disk.log();
    let survivor = open(&log.after(log.ops.len(), 0, Crash::PowerCut), small(), 0);
    let seen = kept(&survivor);
    assert!(acknowledged.iter().all(|sequence| seen.contains(sequence)), "{seen:?}");
    // Or somebody makes room.
    disk.set_room(1 << 20);
    let (stuck, more) = (soon(stuck).await.unwrap().unwrap(), soon(more).await.unwrap().unwrap());
    assert!(stuck < more, "in the order they came");
    until("it is told", || remarks(&journal).contains(&Cut::Room)).await;
    assert_eq!(journal.health(), Health::Good);
    let (seen, gaps) = read_all(&mut journal.reader(0, "test"));
    assert!(gaps.is_empty() && seen.is_sorted_by(|a, b| a.sequence < b.sequence));
    assert_eq!(remarks(&journal), [Cut::Full, Cut::Room]);
    assert!(disk.names().iter().any(|name| name.ends_with("reserve")), "there is a new reserve");
}

fn kept(journal: &Journal) -> Vec<u64> {
    read_all(&mut journal.reader(0, "test")).0.iter().map(|record| record.sequence).collect()
}

fn remarks(journal: &Journal) -> Vec<Cut> {
    let (seen, _) = read_all(&mut journal.reader(0, "test"));
    seen.iter().filter_map(|record| Cut::read(&record.payload)).collect()
}

#[tokio::test]
async fn with_a_disk_that_takes_nothing_it_goes_on_in_memory_and_writes_it_down_later() {
    let disk = MemDisk::default();
    let journal = open(&disk, Config { unrecorded_after: Duration::ZERO, ..small() }, 0);
    let before = journal.append(vec![frame(0)]).await.unwrap().last;
    disk.fail_syncs(u32::MAX);
    let mut reader = journal.reader(0, "test");
    for n in 1..40 {
        soon(later(&journal, frame(n))).await.unwrap().unwrap();
    }
    assert_eq!(journal.health(), Health::Unrecorded);
    assert_eq!(remarks(&journal), [Cut::Unrecorded { after: before }], "and says so");
    let (seen, gaps) = read_all(&mut reader);
    let frames = || (0..40).map(|n| frame(n).payload.to_vec()).collect::<Vec<_>>();
    let payloads = |seen: &[super::Seen]| -> Vec<_> {
        seen.iter().filter(|r| r.kind == Kind::Frame).map(|r| r.payload.clone()).collect()
    };
    assert_eq!((payloads(&seen), gaps.len()), (frames(), 0), "who reads sees everything");
    // The process ends now: what was in memory is gone, and none of its numbers is given again.
    let log = disk.log();
    let survivor = open(&log.after(log.ops.len(), 0, Crash::Kill), small(), before);
    let next = survivor.append(vec![frame(0)]).await.unwrap().last;
    assert!(kept(&survivor).starts_with(&[before]));
    assert!(seen.iter().all(|record| record.sequence != next && record.sequence != next + 1));
    // Or the disk is mended.
    disk.fail_syncs(0);
    until("it is told", || remarks(&journal).len() == 2).await;
    assert_eq!(journal.health(), Health::Good);
    soon(later(&journal, frame(40))).await.unwrap().unwrap();
    let log = disk.log();
    let survivor = open(&log.after(log.ops.len(), usize::MAX, Crash::PowerCut), small(), 0);
    let (survived, gaps) = read_all(&mut survivor.reader(0, "test"));
    assert_eq!(payloads(&survived)[..40], frames()[..]);
    assert_eq!(gaps.len(), 0);
    assert_eq!(kept(&survivor)[..seen.len()], seen.iter().map(|r| r.sequence).collect::<Vec<_>>());
}

#[tokio::test]
async fn memory_is_bounded_and_what_it_lost_is_told() {
    let disk = MemDisk::default();
    let config = Config { unrecorded_after: Duration::ZERO, unrecorded_bytes: 1_000, ..small() };
    let journal = open(&disk, config, 0);
    journal.append(vec![frame(0)]).await.unwrap();
    let mut reader = journal.reader(0, "test");
    disk.fail_syncs(u32::MAX);
    for n in 1..60 {
        soon(later(&journal, frame(n))).await.unwrap().unwrap();
        assert!(read_all(&mut reader).1.is_empty(), "who keeps up misses nothing");
    }
    disk.fail_syncs(0);
    until("it is recorded", || journal.health() == Health::Good).await;
    let (seen, gaps) = read_all(&mut journal.reader(0, "test"));
    assert!(seen.len() < 60 && seen.len() > 5, "{}", seen.len());
    assert!(matches!(gaps[..], [ref gap] if matches!(gap.loss, Loss::Trimmed { .. })), "{gaps:?}");
}

#[tokio::test]
async fn with_the_reserve_used_up_everything_waits_and_nothing_is_lost() {
    let disk = MemDisk::default();
    let journal = open(&disk, Config { reserve_bytes: 770, segment_bytes: 1 << 20, ..small() }, 0);
    journal.append(vec![frame(0)]).await.unwrap();
    until("there is a reserve", || disk.used() > 770).await;
    disk.set_room(disk.used());
    let mut kept = 1;
    let stuck = loop {
        let urgent = later(&journal, entry(Kind::Outcome, "t", vec![b'x'; 100]));
        until("it is kept or waits", || urgent.is_finished() || disk.log().ops.len() > 200).await;
        if !urgent.is_finished() {
            break urgent;
        }
        soon(urgent).await.unwrap().unwrap();
        kept += 1;
        if kept == 5 {
            break later(&journal, entry(Kind::Outcome, "t", vec![b'x'; 100]));
        }
    };
    assert_eq!(kept, 5, "as many as the reserve holds");
    disk.set_room(1 << 20);
    soon(stuck).await.unwrap().unwrap();
    let (seen, gaps) = read_all(&mut journal.reader(0, "test"));
    let seen = seen.iter().filter(|record| record.kind != Kind::Cut).count();
    assert_eq!((seen, gaps.len()), (6, 0));
}

#[tokio::test]
async fn who_waits_for_a_full_disk_learns_that_the_journal_ended() {
    let disk = MemDisk::default();
    let journal = open(&disk, small(), 0);
    journal.append(vec![frame(0)]).await.unwrap();
    disk.set_room(0);
    let (stuck, urgent) =
        (later(&journal, frame(1)), later(&journal, entry(Kind::Command, "t", "stop")));
    until("the disk is full", || journal.health() == Health::Full).await;
    soon(journal.shutdown()).await;
    for waiting in [stuck, urgent] {
        assert!(matches!(soon(waiting).await.unwrap(), Err(JournalError::Stopped)));
    }
    disk.set_room(1 << 20);
    let journal = open(&disk.copy(), small(), 0);
    assert_eq!(read_all(&mut journal.reader(0, "test")).0.len(), 1);
}

#[tokio::test]
async fn a_full_disk_costs_views_their_segments_before_it_costs_frames() {
    let disk = MemDisk::default();
    let journal = open(&disk, small(), 0);
    journal.hold("influx", 1, u64::MAX);
    for n in 0..30 {
        let at = journal.append(vec![frame(n)]).await.unwrap();
        journal.set_floor(at.last);
    }
    let mut behind = journal.reader(1, "influx");
    let mut watch = journal.reader(30, "watch");
    let mut cuts = Vec::new();
    disk.set_room(disk.used() + 50);
    for n in 30..60 {
        let at = soon(later(&journal, frame(n))).await.unwrap().unwrap();
        journal.set_floor(at);
        let (seen, gaps) = read_all(&mut watch);
        cuts.extend(seen.iter().filter_map(|record| Cut::read(&record.payload)));
        assert_eq!((seen.iter().any(|record| record.sequence == at), gaps.len()), (true, 0));
    }
    assert!(matches!(cuts[..], [Cut::Trimmed { from: 1, .. }, ..]), "{cuts:?}");
    let (_, gaps) = read_all(&mut behind);
    assert!(matches!(gaps[..], [ref gap] if matches!(gap.loss, Loss::Trimmed { .. })), "{gaps:?}");
}

#[tokio::test]
async fn a_failed_sync_is_never_tried_again_on_the_same_file() {
    let disk = MemDisk::default();
    let journal = open(&disk, Config { segment_bytes: 1 << 20, ..small() }, 0);
    let mut acknowledged = Vec::new();
    for n in 0..12 {
        disk.fail_syncs([0, 1, 0, 4][n as usize % 4]);
        acknowledged.push(soon(later(&journal, frame(n))).await.unwrap().unwrap());
        disk.acknowledge(n);
    }
    assert_eq!(journal.health(), Health::Good);
    let (seen, gaps) = read_all(&mut journal.reader(0, "test"));
    assert_eq!(seen.iter().map(|record| record.sequence).collect::<Vec<_>>(), acknowledged);
    assert!(gaps.is_empty());
    let log = disk.log();
    for (at, op) in log.ops.iter().enumerate() {
        let Op::FailedSync(id) = op else { continue };
        let touched =
            |op: &&Op| matches!(op, Op::Write(other, ..) | Op::Sync(other) if other == id);
        assert_eq!(log.ops[at..].iter().find(touched).map(|op| format!("{op:?}")), None);
    }
    // What the kernel forgot is not missed after a power cut, nor does it come back after a kill.
    for (ops, crash) in
        (0..=log.ops.len()).flat_map(|ops| [Crash::Kill, Crash::PowerCut].map(|crash| (ops, crash)))
    {
        let survivor = open(&log.after(ops, usize::MAX, crash), small(), 0);
        let (survived, gaps) = read_all(&mut survivor.reader(0, "test"));
        let frames: Vec<_> = survived.iter().filter(|record| record.kind == Kind::Frame).collect();
        let due = log.ops[..ops].iter().filter(|op| matches!(op, Op::Acknowledged(_))).count();
        assert!(frames.len() >= due && frames.len() <= due + 1, "operation {ops}, {crash:?}");
        assert!(
            frames.iter().enumerate().all(|(n, record)| record.payload == frame(n as u64).payload)
        );
        assert_eq!(gaps, []);
    }
}

#[tokio::test]
async fn a_disk_that_takes_little_at_a_time_gets_everything() {
    let disk = MemDisk::default();
    disk.set_write_max(7);
    let journal = open(&disk, small(), 0);
    for n in 0..10 {
        journal.append(vec![frame(n), frame(n)]).await.unwrap();
    }
    assert_eq!(read_all(&mut journal.reader(0, "test")).0.len(), 20);
}

#[tokio::test]
async fn a_failing_disk_is_known_while_it_fails() {
    let disk = MemDisk::default();
    let journal = open(&disk, small(), 0);
    disk.fail_syncs(u32::MAX);
    let waiting = later(&journal, frame(0));
    until("it is known", || journal.health() == Health::Failing).await;
    until("it is tried again", || {
        super::flow::metric(&journal, "journal_sync_failures_total") > 2.0
    })
    .await;
    assert!(!waiting.is_finished());
    disk.fail_syncs(0);
    soon(waiting).await.unwrap().unwrap();
    assert_eq!(journal.health(), Health::Good);
    disk.fail_syncs(u32::MAX);
    let waiting = later(&journal, frame(1));
    until("it fails again", || journal.health() == Health::Failing).await;
    soon(journal.shutdown()).await;
    assert!(matches!(soon(waiting).await.unwrap(), Err(JournalError::Stopped)));
}

#[tokio::test]
async fn a_writer_that_ends_by_a_bug_takes_nobody_for_a_fool() {
    let disk = MemDisk::default();
    let journal = open(&disk, small(), 0);
    journal.append(vec![frame(0)]).await.unwrap();
    let mut reader = journal.reader(0, "test");
    disk.panic_on_sync();
    assert!(matches!(soon(journal.append(vec![frame(1)])).await, Err(JournalError::Stopped)));
    soon(journal.stopped()).await;
    assert!(matches!(soon(journal.append(vec![frame(2)])).await, Err(JournalError::Stopped)));
    assert_eq!(soon(reader.next(10)).await.unwrap().len(), 1);
    assert!(matches!(soon(reader.next(10)).await, Err(ReadError::Stopped)));
}
