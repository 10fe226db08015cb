//! Fuzz targets: one for every parser, over a corpus that is ours and kept here, changed in every way bytes change.
//!
//! `corpus/{target}/` holds what the tables of this folder hold, a file a message, and whatever once went wrong, called
//! `regression-…`: put the bytes that a failure shows into such a file and it is tried in every run from then on.
//! `BONGSU_WRITE_CORPUS=1` writes what the tables have and the folder has not. `PROPTEST_CASES` says how long to look.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use proptest::collection::vec;
use proptest::prelude::*;
use reading::Timestamp;
use reading::codec::csv::{CountUnit, CsvOptions, CsvReader, Stamps};
use reading::codec::{CodecError, Topic};

use super::bad_input::{self, Case};

/// Longer messages of the tables are not kept as files: they are one part many times.
const SEED_LEN_MAX: usize = 2_048;

type Reads = Box<dyn Fn(&[u8]) + Send + Sync>;

/// A parser, the files of its code, and what it is tried with.
struct Target {
    name: String,
    read: Reads,
    /// What the tables hold, by the name of its file.
    ours: Vec<(String, Vec<u8>)>,
    seeds: Vec<Vec<u8>>,
}

/// Which target reads with which files below `src/codec`.
const READS: [(&str, &[&str]); 25] = [
    ("native-json", &["native.rs", "form.rs", "mod.rs"]),
    ("native-cbor", &["cbor.rs", "form.rs"]),
    ("senml-json", &["senml/mod.rs", "senml/pack.rs", "senml/unit.rs", "gather.rs"]),
    ("senml-cbor", &["senml/mod.rs", "senml/pack.rs", "cbor.rs"]),
    ("sparkplug-b", &["sparkplug/mod.rs", "sparkplug/host.rs", "sparkplug/payload.rs"]),
    ("sparkplug-b-births", &["sparkplug/host.rs", "sparkplug/payload.rs", "sparkplug/wire.rs"]),
    ("chirpstack", &["chirpstack.rs", "lorawan.rs", "value.rs"]),
    ("the-things-stack", &["things_stack.rs", "lorawan.rs", "value.rs"]),
    ("bytes-by-a-layout", &["layout.rs", "lorawan.rs"]),
    ("line-protocol", &["line_protocol.rs"]),
    ("toa5", &["toa5.rs", "line.rs"]),
    ("csv-columns-wide", &["columns.rs", "line.rs"]),
    ("csv-columns-long", &["columns.rs", "line.rs"]),
    ("json-pointers-wide", &["pointers.rs", "value.rs"]),
    ("json-pointers-long", &["pointers.rs", "value.rs"]),
    ("nmea-0183", &["nmea.rs", "line.rs"]),
    ("lines-by-pattern", &["pattern.rs", "port.rs"]),
    ("our-own-frames", &["link.rs", "crc16.rs", "port.rs"]),
    (
        "modbus-rtu",
        &["modbus/mod.rs", "modbus/map.rs", "modbus/polled.rs", "modbus/wrong.rs", "crc16.rs"],
    ),
    ("modbus-tcp", &["modbus/mod.rs", "modbus/map.rs", "modbus/polled.rs"]),
    ("status-of-a-station", &["status.rs"]),
    ("result-of-a-command", &["result.rs"]),
    ("recorded-csv", &["csv.rs"]),
    ("topics", &["topic.rs"]),
    ("feeds", &["feed.rs"]),
];

/// What reads no bytes, and why.
const NO_PARSER: [(&str, &str); 3] = [
    ("command.rs", "commands are written here and read by stations"),
    ("modbus/tests.rs", "tests"),
    ("naming.rs", "the table of a configuration"),
];

static TARGETS: LazyLock<Vec<Target>> = LazyLock::new(|| {
    let cases = bad_input::cases().into_iter().map(of_case);
    cases.chain([recorded_csv(), topics(), feeds()]).collect()
});

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/formats/corpus")
}

/// `Sparkplug B, births` is `sparkplug-b-births`.
fn slug(name: &str) -> String {
    let letters = name.to_lowercase().replace(|letter: char| !letter.is_ascii_alphanumeric(), " ");
    letters.split_whitespace().collect::<Vec<_>>().join("-")
}

fn target(
    name: &str,
    ours: Vec<(String, Vec<u8>)>,
    read: impl Fn(&[u8]) + Send + Sync + 'static,
) -> Target {
    let name = slug(name);
    let mut files: Vec<_> = std::fs::read_dir(corpus().join(&name))
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort(); // a seed of proptest means the same everywhere
    let kept = files.iter().map(|file| std::fs::read(file).unwrap());
    let seeds = kept.chain(ours.iter().map(|(_, bytes)| bytes.clone())).collect();
    Target { name, read: Box::new(read), ours, seeds }
}

fn of_case(case: Case) -> Target {
    let bad = case.bad.iter().map(|(what, bytes, _)| (slug(what), bytes.clone()));
    let ours = bad.chain([("good".to_owned(), case.good.clone())]);
    let ours = ours.filter(|(_, bytes)| bytes.len() <= SEED_LEN_MAX).collect();
    target(case.name, ours, move |bytes| {
        let fate = case.fate(bytes);
        assert_eq!(case.fate(bytes), fate, "the same bytes say the same");
    })
}

fn texts<const N: usize>(texts: [(&str, &str); N]) -> Vec<(String, Vec<u8>)> {
    texts.map(|(name, text)| (name.to_owned(), text.into())).into()
}

fn recorded_csv() -> Target {
    let rows = texts([
        (
            "long",
            "series,measured_at,value,unit\ncut-12/box-1/tilt-1/tilt-x,2026-07-14T03:10:00+09:00,0.5,deg\n",
        ),
        ("wide", "timestamp,value\n2015-12-18 00:15:00,0.01\n"),
        ("counts", "t,value\n17,0.5\n17.25,1e-3\n"),
        ("quoted", "\"time\",\"value\"\n\"2026-07-14\",\"NAN\"\n"),
    ]);
    let stamps = [Stamps::Rfc3339, Stamps::Count(CountUnit::D, Timestamp::from_secs(0))];
    target("recorded csv", rows, move |bytes| {
        for stamps in stamps {
            let series = "cut-12/box-1/tilt-1/tilt-x".parse().ok();
            let mut reader = CsvReader::new(CsvOptions { series, stamps });
            for line in String::from_utf8_lossy(bytes).lines() {
                if let Ok(Some(row)) = reader.read(line) {
                    assert!(row.value.is_finite(), "{line}");
                }
            }
        }
    })
}

fn topics() -> Target {
    let topics = texts([
        ("telemetry", "bongsu/v1/cut-12/box-1/telemetry"),
        ("backfill", "bongsu/v1/cut-12/box-1/backfill"),
        ("result", "bongsu/v1/cut-12/box-1/command/result"),
        ("capitals", "bongsu/v1/CUT-12/box-1/status"),
        ("a-level-more", "bongsu/v1/cut-12/box-1/status/now"),
    ]);
    target("topics", topics, |bytes| {
        let text = String::from_utf8_lossy(bytes);
        match Topic::parse(&text) {
            Ok(topic) => assert_eq!(topic.to_string(), text),
            Err(error) => assert!(CodecError::NAMES.contains(&error.name())),
        }
    })
}

/// The filters of feeds, against topics of whoever is connected.
fn feeds() -> Target {
    let filters = texts([
        (
            "level",
            "application/+/device/+/event/up\napplication/1/device/70b3d57ba0003bb8/event/up",
        ),
        ("rest", "spBv1.0/#\nspBv1.0/slopes/DDATA/edge/tilt"),
        ("neither", "v3/+/devices/+/up\nv3/devices"),
    ]);
    target("feeds", filters, |bytes| {
        let text = String::from_utf8_lossy(bytes);
        let (filter, topic) = text.split_once('\n').unwrap_or((&text, ""));
        let known = reading::codec::is_filter(filter);
        let matched = reading::codec::matches(filter, topic);
        assert!(
            !known || !matched || reading::codec::matches("#", topic) || topic.starts_with('$')
        );
    })
}

#[test]
fn every_file_of_code_that_reads_has_a_target() {
    let mut there = BTreeSet::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/codec");
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                there.insert(path.strip_prefix(&root).unwrap().display().to_string());
            }
        }
    }
    let read = READS.iter().flat_map(|(_, files)| files.iter().copied());
    let known: BTreeSet<String> =
        read.chain(NO_PARSER.iter().map(|(file, _)| *file)).map(str::to_owned).collect();
    assert_eq!(there, known, "left: there is such a file; right: it has a target or a reason");
    let targets: BTreeSet<_> = TARGETS.iter().map(|target| target.name.as_str()).collect();
    assert_eq!(targets, READS.iter().map(|(name, _)| *name).collect());
}

#[test]
fn the_corpus_holds_what_the_tables_have() {
    let write = std::env::var_os("BONGSU_WRITE_CORPUS").is_some_and(|set| set == "1");
    for target in TARGETS.iter() {
        let folder = corpus().join(&target.name);
        for (name, bytes) in &target.ours {
            let file = folder.join(name);
            if write {
                std::fs::create_dir_all(&folder).unwrap();
                std::fs::write(&file, bytes).unwrap();
            }
            let kept = std::fs::read(&file).unwrap_or_default();
            assert!(kept == *bytes, "{}: BONGSU_WRITE_CORPUS=1 writes it", file.display());
        }
    }
    for entry in std::fs::read_dir(corpus()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(TARGETS.iter().any(|target| target.name == name), "{name} is no target");
    }
}

#[test]
fn every_message_of_the_corpus_is_read_or_refused() {
    for target in TARGETS.iter() {
        assert!(!target.seeds.is_empty(), "{}", target.name);
        target.seeds.iter().for_each(|seed| (target.read)(seed));
    }
}

/// A change of bytes.
#[derive(Clone, Debug)]
enum Edit {
    Set(prop::sample::Index, u8),
    Flip(prop::sample::Index, u8),
    Insert(prop::sample::Index, Vec<u8>),
    Cut(prop::sample::Index, usize),
    Double(prop::sample::Index, usize),
    End(prop::sample::Index),
    /// Goes on as another message of the corpus does.
    Splice(prop::sample::Index, prop::sample::Index),
}

fn any_edit() -> impl Strategy<Value = Edit> {
    let place = any::<prop::sample::Index>;
    // What means something in one form or other: ends, quotes, lengths at their limits, numbers at theirs.
    let telling = prop::sample::select(vec![
        &b"\0"[..],
        b"\"",
        b"\\",
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b"\n",
        b"\r\n",
        b"#",
        b"*",
        b"$",
        b" ",
        b"=",
        b"\xff",
        b"\xff\xff\xff\xff",
        b"\x7f",
        b"\x80",
        b"\xed\xa0\x80",
        b"\xef\xbb\xbf",
        b"\x9f",
        b"\xbf",
        b"\x5b",
        b"\xfb\x7f\xf0\0\0\0\0\0\0",
        b"1e400",
        b"-0",
        b"NaN",
        b"inf",
        b"null",
        b"true",
        b"9223372036854775808",
        b"\\u0000",
        b"4294967296",
        b"9999-12-31T23:59:60Z",
        b"-262144-01-01T00:00:00Z",
    ]);
    prop_oneof![
        (place(), any::<u8>()).prop_map(|(at, byte)| Edit::Set(at, byte)),
        (place(), 0..8_u8).prop_map(|(at, bit)| Edit::Flip(at, bit)),
        (place(), telling).prop_map(|(at, bytes)| Edit::Insert(at, bytes.to_vec())),
        (place(), vec(any::<u8>(), 1..9)).prop_map(|(at, bytes)| Edit::Insert(at, bytes)),
        (place(), 1..40_usize).prop_map(|(at, len)| Edit::Cut(at, len)),
        (place(), 1..80_usize).prop_map(|(at, len)| Edit::Double(at, len)),
        place().prop_map(Edit::End),
        (place(), place()).prop_map(|(at, other)| Edit::Splice(at, other)),
    ]
}

impl Edit {
    fn make(&self, bytes: &mut Vec<u8>, seeds: &[Vec<u8>]) {
        let at = |index: &prop::sample::Index, bytes: &[u8]| index.index(bytes.len().max(1));
        match self {
            Self::Set(index, byte) => {
                let at = at(index, bytes);
                bytes.get_mut(at).into_iter().for_each(|old| *old = *byte);
            }
            Self::Flip(index, bit) => {
                let at = at(index, bytes);
                bytes.get_mut(at).into_iter().for_each(|old| *old ^= 1 << bit);
            }
            Self::Insert(index, more) => {
                let at = at(index, bytes).min(bytes.len());
                bytes.splice(at..at, more.iter().copied());
            }
            Self::Cut(index, len) => {
                let at = at(index, bytes).min(bytes.len());
                bytes.drain(at..(at + len).min(bytes.len()));
            }
            Self::Double(index, len) => {
                let at = at(index, bytes).min(bytes.len());
                let part = bytes[at..(at + len).min(bytes.len())].to_vec();
                bytes.splice(at..at, part);
            }
            Self::End(index) => bytes.truncate(at(index, bytes)),
            Self::Splice(index, other) => {
                let other = other.get(seeds);
                let at = at(index, bytes);
                bytes.truncate(at);
                bytes.extend(other.iter().skip(at));
            }
        }
    }
}

proptest! {
    /// Whatever becomes of a message: it is read or refused by name, the same way twice, and nothing panics.
    #[test]
    fn no_change_of_a_message_does_harm(seed in any::<prop::sample::Index>(), edits in vec(any_edit(), 0..6)) {
        for target in TARGETS.iter() {
            let mut bytes = seed.get(&target.seeds).clone();
            edits.iter().for_each(|edit| edit.make(&mut bytes, &target.seeds));
            let read = std::panic::AssertUnwindSafe(|| (target.read)(&bytes));
            let harm = std::panic::catch_unwind(read);
            prop_assert!(harm.is_ok(), "{}: keep as a regression: {}", target.name, bytes.escape_ascii());
        }
    }
}
