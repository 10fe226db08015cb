//! Bytes that change on disk: damage costs what it hit, no more, and no number is given twice.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ingest::journal::{Config, Cut, Journal, Kind, Loss, Reader};
use proptest::prelude::*;

use super::disk::MemDisk;
use super::{FOLDER, Seen, entry, frame, open, read_all, small, until};

/// A journal of several segments, closed.
fn written() -> (MemDisk, Vec<Seen>) {
    let disk = MemDisk::default();
    let journal = open(&disk, small(), 0);
    for n in 0..24 {
        journal.append_blocking(vec![frame(n)]).unwrap();
    }
    let (whole, _) = read_all(&mut journal.reader(0, "test"));
    drop(journal);
    (disk, whole)
}

/// Where each record lies in a segment, found by lengths alone.
fn places(bytes: &[u8]) -> Vec<(u64, Range<usize>)> {
    let mut places = Vec::new();
    let mut at = 24;
    while at < bytes.len() {
        let len = 48 + u32::from_le_bytes(bytes[at + 12..at + 16].try_into().unwrap()) as usize;
        places
            .push((u64::from_le_bytes(bytes[at + 16..at + 24].try_into().unwrap()), at..at + len));
        at += len;
    }
    places
}

#[derive(Clone, Debug)]
enum Harm {
    Flip { bit: u8 },
    Overwrite { len: usize, with: u8 },
    Insert { len: usize },
    Truncate,
}

fn harm() -> impl Strategy<Value = (prop::sample::Index, prop::sample::Index, Harm)> {
    let what = prop_oneof![
        6 => (0..8_u8).prop_map(|bit| Harm::Flip { bit }),
        3 => (1..200_usize, any::<u8>()).prop_map(|(len, with)| Harm::Overwrite { len, with }),
        1 => (1..60_usize).prop_map(|len| Harm::Insert { len }),
        1 => Just(Harm::Truncate),
    ];
    (any::<prop::sample::Index>(), any::<prop::sample::Index>(), what)
}

/// Does harm; says which records it hit.
fn do_harm(
    disk: &MemDisk,
    segment: &Path,
    place: prop::sample::Index,
    harm: &Harm,
) -> BTreeSet<u64> {
    let mut hit = BTreeSet::new();
    let original = disk.bytes(segment);
    if original.is_empty() {
        return hit;
    }
    let at = place.index(original.len());
    let bad = match harm {
        Harm::Flip { .. } => at..at + 1,
        Harm::Overwrite { len, .. } => at..(at + len).min(original.len()),
        Harm::Insert { .. } => at..at + 1,
        Harm::Truncate => at..original.len(),
    };
    disk.spoil(segment, |bytes| match harm {
        Harm::Flip { bit } => bytes[at] ^= 1 << bit,
        Harm::Overwrite { with, .. } => bytes[bad.clone()].fill(*with),
        Harm::Insert { len } => drop(bytes.splice(at..at, vec![0xEE; *len])),
        Harm::Truncate => bytes.truncate(at),
    });
    let spoilt = disk.bytes(segment);
    for (sequence, place) in places(&original) {
        // What is pushed back as a whole is as good as before.
        let place =
            if matches!(harm, Harm::Insert { .. }) { place.start + 1..place.end } else { place };
        let is_touched = place.start < bad.end && bad.start < place.end;
        if is_touched && spoilt.get(place.clone()) != Some(&original[place]) {
            hit.insert(sequence);
        }
    }
    hit
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn g14_damage_costs_what_it_hit_and_numbers_are_never_reused(harms in prop::collection::vec(harm(), 1..4)) {
        let (disk, whole) = written();
        // One harm a segment: lengths in a harmed file no longer say where records lie.
        let mut spared = disk.segments();
        let (mut hit, mut is_short) = (BTreeSet::new(), false);
        for (segment, place, harm) in &harms {
            let segment: PathBuf = spared.remove(segment.index(spared.len()));
            hit.extend(do_harm(&disk, &segment, *place, harm));
            is_short |= matches!(harm, Harm::Truncate | Harm::Overwrite { with: 0, .. });
        }
        let last = whole.last().unwrap().sequence;
        // Bytes that are gone do not tell how many they were: then the ledger does.
        let journal = open(&disk, small(), if is_short { last } else { 0 });
        let next = journal.append_blocking(vec![frame(999)]).unwrap().first;
        prop_assert!(next > last, "{next} was given before");
        let (seen, _) = read_all(&mut journal.reader(0, "test"));
        let expected: Vec<&Seen> = whole.iter().filter(|record| !hit.contains(&record.sequence)).collect();
        let kept: Vec<&Seen> = seen.iter().filter(|record| record.sequence <= last).collect();
        prop_assert_eq!(&kept, &expected);
        prop_assert!(seen.iter().any(|record| record.sequence == next && record.payload == frame(999).payload));
        drop(journal);
        // Another start finds the same, and tells nothing twice.
        let journal = open(&disk, small(), 0);
        let (again, _) = read_all(&mut journal.reader(0, "test"));
        prop_assert!(again.starts_with(&seen));
        prop_assert!(journal.append_blocking(vec![frame(1_000)]).unwrap().first > next);
        prop_assert_eq!(journal.opened().cuts.len(), 0);
    }

    #[test]
    fn g14_any_bytes_open(files in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 1..4)) {
        let (disk, whole) = written();
        for (segment, bytes) in disk.segments().iter().zip(files) {
            disk.spoil(segment, |all| *all = bytes);
        }
        let journal = open(&disk, small(), 0);
        let next = journal.append_blocking(vec![frame(999)]).unwrap().first;
        prop_assert!(next > whole.last().unwrap().sequence);
        let (seen, _) = read_all(&mut journal.reader(0, "test"));
        prop_assert!(seen.iter().any(|record| record.sequence == next && record.payload == frame(999).payload));
    }
}

#[tokio::test]
async fn g14_damage_is_reported_set_aside_and_journaled_once() {
    let (disk, whole) = written();
    let segment = disk.segments()[1].clone();
    let (sequence, place) = places(&disk.bytes(&segment))[1].clone();
    disk.spoil(&segment, |bytes| bytes[place.end - 1] ^= 1);
    let bad = disk.bytes(&segment)[place.clone()].to_vec();
    let journal = open(&disk, small(), 0);
    let is_told = || {
        let (seen, _) = read_all(&mut journal.reader(0, "test"));
        let cuts: Vec<_> =
            seen.iter().filter(|r| r.kind == Kind::Cut).map(|r| Cut::read(&r.payload)).collect();
        assert!(cuts.len() <= 1, "{cuts:?}");
        cuts.first().cloned().flatten()
    };
    let mut reader = journal.reader(0, "test");
    let (_, gaps) = read_all(&mut reader);
    let loss = Loss::Damaged {
        segment: segment.clone(),
        offset: place.start as u64,
        bytes: bad.len() as u64,
    };
    assert_eq!(
        gaps.iter().map(|gap| (gap.after, &gap.loss)).collect::<Vec<_>>(),
        [(sequence - 1, &loss)]
    );
    until("it is journaled", || is_told().is_some()).await;
    let name = segment.file_name().unwrap().to_string_lossy().into_owned();
    let bytes = bad.len() as u64;
    let cut = Cut::Damaged {
        segment: name.clone(),
        offset: place.start as u64,
        bytes,
        after: sequence - 1,
    };
    assert_eq!(is_told(), Some(cut));
    let aside = Path::new(FOLDER).join(format!("{name}.{}.damaged", place.start));
    assert_eq!(disk.bytes(&aside), bad);
    // Read from another place, and by somebody who only looks.
    let (seen, gaps) = read_all(&mut journal.reader(sequence + 1, "test"));
    assert_eq!((seen[0].sequence, gaps.len()), (sequence + 1, 1));
    let mut offline = Reader::open_folder_on(Arc::new(disk.clone()), FOLDER.as_ref(), 0).unwrap();
    let (seen, gaps) = read_all(&mut offline);
    assert_eq!((seen.len(), gaps.len()), (whole.len() - 1 + 1, 1));
}

#[test]
fn g14_a_segment_cut_short_is_noticed() {
    let (disk, _) = written();
    let segment = disk.segments()[0].clone();
    let places = places(&disk.bytes(&segment));
    let (lost, place) = places.last().unwrap().clone();
    disk.spoil(&segment, |bytes| bytes.truncate(place.start));
    let journal = open(&disk, small(), 0);
    let (_, gaps) = read_all(&mut journal.reader(0, "test"));
    assert_eq!(gaps.len(), 1);
    assert_eq!((gaps[0].after, &gaps[0].loss), (lost - 1, &Loss::Shortened { segment, to: lost }));
}

#[test]
fn g14_what_looks_like_a_record_inside_a_payload_is_not_one() {
    let disk = MemDisk::default();
    let journal = open(&disk, Config { segment_bytes: 1 << 20, ..small() }, 0);
    for n in 0..4 {
        journal.append_blocking(vec![frame(n)]).unwrap();
    }
    // Somebody sends us the bytes of a journal, made with another salt.
    let foreign = MemDisk::default();
    let other = open(&foreign, Config { segment_bytes: 1 << 20, ..small() }, 50);
    other.append_blocking(vec![entry(Kind::Command, "stand-down", "everything")]).unwrap();
    let payload = foreign.bytes(&foreign.segments()[0]);
    journal.append_blocking(vec![entry(Kind::Frame, "t", payload)]).unwrap();
    journal.append_blocking(vec![frame(5)]).unwrap();
    drop(journal);
    let segment = disk.segments()[0].clone();
    let (_, place) = places(&disk.bytes(&segment))[4].clone();
    disk.spoil(&segment, |bytes| bytes[place.start + 14] ^= 0x40); // its length
    let journal = open(&disk, small(), 0);
    let (seen, gaps) = read_all(&mut journal.reader(0, "test"));
    assert!(seen.iter().all(|record| record.kind != Kind::Command));
    assert_eq!(
        (seen.iter().filter(|record| record.kind == Kind::Frame).count(), gaps.len()),
        (5, 1)
    );
}

#[test]
fn g14_only_a_newer_layout_is_refused() {
    let (disk, _) = written();
    let segment = disk.segments()[2].clone();
    let good = disk.bytes(&segment);
    disk.spoil(&segment, |bytes| bytes[..24].fill(0xAA));
    drop(open(&disk, small(), 0));
    disk.spoil(&segment, |bytes| {
        *bytes = good;
        bytes[16] = 2;
        let checksum = crc32c::crc32c(&bytes[..20]);
        bytes[20..24].copy_from_slice(&checksum.to_le_bytes());
    });
    let clock = ingest::clock::Clock::manual(super::NOON);
    let refused =
        Journal::open_on(Arc::new(disk.clone()), FOLDER.as_ref(), small(), clock, 0).err().unwrap();
    assert!(refused.to_string().contains("journal layout 2"), "{refused}");
    assert!(Reader::open_folder_on(Arc::new(disk), FOLDER.as_ref(), 0).is_err());
}
