//! How fast the journal takes and gives records, on the disk of the temporary folder.

use std::time::Duration;

use bytes::Bytes;
use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use ingest::clock::Clock;
use ingest::journal::{Config, Entry, Journal, Kind};
use reading::Timestamp;

fn main() {
    divan::main();
}

/// A native report with two readings, as a station sends it.
const PAYLOAD: &[u8] = br#"{"seq":17,"at":"2026-07-14T03:10:00+09:00","readings":[{"sensor":"tilt-1","quantity":"tilt-x","value":0.12},{"sensor":"tilt-1","quantity":"tilt-y","value":-0.03}]}"#;

fn journal() -> (tempfile::TempDir, Journal) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let config = Config { reserve_bytes: 0, bytes_max: 512 << 20, ..Config::default() };
    let journal = Journal::open(folder.path(), config, Clock::system(), 0).expect("a journal");
    (folder, journal)
}

fn entries(count: usize) -> Vec<Entry> {
    let (source, topic) = ("mqtt".into(), "bongsu/v1/cut-12/box-1/telemetry".into());
    let payload = Bytes::from_static(PAYLOAD);
    let entry = Entry {
        kind: Kind::Frame,
        source,
        topic,
        retained: false,
        received_at: Timestamp::default(),
        payload,
    };
    vec![entry; count]
}

/// One who appends and waits, with so many entries at a time.
#[divan::bench(args = [1, 10, 100, 1_000, 10_000])]
fn append(bencher: Bencher, count: usize) {
    let (_folder, journal) = journal();
    let batch = entries(count);
    bencher
        .counter(ItemsCount::new(count))
        .with_inputs(|| batch.clone())
        .bench_local_values(|batch| journal.append_blocking(batch).expect("an append"));
}

/// A thousand records, from so many who each append one and wait.
#[divan::bench(args = [1, 10, 100, 1_000], sample_count = 20)]
fn append_together(bencher: Bencher, writers: usize) {
    let (_folder, journal) = journal();
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let one = entries(1);
    bencher.counter(ItemsCount::new(1_000_usize)).bench_local(|| {
        let writer = async || {
            for _ in 0..1_000 / writers {
                journal.append(one.clone()).await.expect("an append");
            }
        };
        runtime.block_on(futures_util::future::join_all((0..writers).map(|_| writer())));
    });
}

/// A hundred thousand records read back, so many at a time.
#[divan::bench(args = [1, 100, 10_000], sample_count = 20)]
fn read(bencher: Bencher, records_max: usize) {
    const RECORDS: usize = 100_000;
    let (_folder, journal) = journal();
    for _ in 0..RECORDS / 1_000 {
        journal.append_blocking(entries(1_000)).expect("an append");
    }
    bencher
        .counter(ItemsCount::new(RECORDS))
        .counter(BytesCount::new(RECORDS * PAYLOAD.len()))
        .bench_local(|| {
            let mut reader = journal.reader(0, "bench");
            let mut bytes = 0;
            while reader.position() <= journal.synced() {
                let batch = reader.next_batch(records_max, Duration::ZERO).expect("a batch");
                bytes += batch.iter().map(|record| record.payload.len()).sum::<usize>();
            }
            bytes
        });
}
