//! Kills and power cuts at every byte: what was acknowledged is there, nothing is there by half.

use ingest::journal::{Config, Journal, Kind};

use super::disk::{Crash, Log, MemDisk, Op};
use super::{Seen, frame, open, read_all, small};

/// Appends frames in groups of one, two or three, and marks in the disk's log what was acknowledged.
async fn write(disk: &MemDisk, journal: &Journal, frames: std::ops::Range<u64>) {
    let mut n = frames.start;
    while n < frames.end {
        let group = n..(n + 1 + n % 3).min(frames.end);
        let at = journal.append(group.clone().map(frame).collect()).await.unwrap();
        disk.acknowledge(at.last);
        n = group.end;
    }
}

/// What a journal opened after a crash must hold: frames 0, 1, 2 … whole and in order, all those acknowledged.
fn check(journal: &Journal, acknowledged: u64, whole: &[Seen], context: &str) -> Vec<Seen> {
    let (mut seen, gaps) = read_all(&mut journal.reader(0, "test"));
    assert_eq!(gaps, [], "{context}");
    seen.retain(|record| record.kind == Kind::Frame);
    for (n, record) in seen.iter().enumerate() {
        assert_eq!(record.payload, frame(n as u64).payload, "{context}");
    }
    let due = whole.iter().filter(|record| record.sequence <= acknowledged).count();
    assert!(seen.len() >= due, "{context}: acknowledged up to {acknowledged}");
    assert_eq!(seen[..due], whole[..due], "{context}: acknowledged up to {acknowledged}");
    seen
}

/// A journal's whole life on a disk: its log, and the records.
async fn life(config: Config, frames: u64) -> (Log, Vec<Seen>) {
    let disk = MemDisk::default();
    let journal = open(&disk, config, 0);
    write(&disk, &journal, 0..frames).await;
    let (whole, _) = read_all(&mut journal.reader(0, "test"));
    journal.shutdown().await;
    (disk.log(), whole)
}

#[tokio::test]
async fn g01_what_is_acknowledged_survives_a_kill_at_every_byte() {
    let (log, whole) = life(Config { reserve_bytes: 300, ..small() }, 25).await;
    assert_eq!(whole.len(), 25);
    for ops in 1..=log.ops.len() {
        let len = match &log.ops[ops - 1] {
            Op::Write(_, _, bytes) => bytes.len(),
            _ => 0,
        };
        for bytes in 0..=len {
            let context = format!("operation {ops}, byte {bytes}");
            let journal = open(&log.after(ops, bytes, Crash::Kill), small(), 0);
            let acknowledged = log.acknowledged(ops);
            let seen = check(&journal, acknowledged, &whole, &context);
            assert!(
                journal.opened().cuts.iter().all(|cut| !cut.is_loss()),
                "{context}: a crash is not a loss"
            );
            let next = journal.append(vec![frame(seen.len() as u64)]).await.unwrap().first;
            assert!(
                next > acknowledged && seen.iter().all(|record| record.sequence < next),
                "{context}"
            );
        }
    }
}

#[tokio::test]
async fn g01_what_is_acknowledged_survives_power_cuts_one_after_the_other() {
    let (log, whole) = life(Config { segment_bytes: 250, ..small() }, 12).await;
    let crashes =
        [Crash::Kill, Crash::PowerCut, Crash::PowerCutInPieces(5), Crash::PowerCutInPieces(64)];
    for (ops, first) in (1..=log.ops.len()).flat_map(|ops| crashes.map(|crash| (ops, crash))) {
        let context = format!("operation {ops}, {first:?}");
        let disk = log.after(ops, usize::MAX, first);
        let journal = open(&disk, small(), 0);
        let before = check(&journal, log.acknowledged(ops), &whole, &context);
        disk.acknowledge(before.last().map_or(0, |record| record.sequence)); // what was read counts as well
        write(&disk, &journal, before.len() as u64..before.len() as u64 + 4).await;
        let (mut after, _) = read_all(&mut journal.reader(0, "test"));
        journal.shutdown().await;
        after.retain(|record| record.kind == Kind::Frame);
        assert_eq!(after[..before.len()], before, "{context}: what was read once stays");
        second_crash(&disk.log(), &after, &context);
    }
}

/// Whatever a second life was doing when it was cut short: what could be read in it can be read again.
fn second_crash(log: &Log, after: &[Seen], context: &str) {
    for ops in 0..=log.ops.len() {
        for crash in [Crash::Kill, Crash::PowerCut, Crash::PowerCutInPieces(5)] {
            let journal = open(&log.after(ops, usize::MAX, crash), small(), 0);
            let context = format!("{context}, then operation {ops}, {crash:?}");
            check(&journal, log.acknowledged(ops), after, &context);
        }
    }
}
