//! Plays recorded files through the real program and says which levels came when, on the clock of the file.

use std::fmt::Write as _;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// A kind of series: the configuration all of its series are played through.
#[derive(Clone, Copy)]
pub struct Kind {
    /// Its site, and the name of its configuration in `deploy/recorded`.
    pub site: &'static str,
    /// The one series that is configured.
    pub series: &'static str,
    /// What the stamps of the files are.
    pub stamps: Stamps,
}

/// What stands in the column of stamps.
#[derive(Clone, Copy)]
pub enum Stamps {
    /// Local time of a fixed offset, in hours and as it is written.
    Local(i64, &'static str),
    /// Seconds from 1970.
    Seconds,
}

pub const CRACK: Kind =
    Kind { site: "crack", series: "crack/gauge/gauge-1/crack-width", stamps: Stamps::Seconds };
pub const RAIN: Kind = Kind { site: "rain", series: "rain/gauge/bucket/rain", stamps: PACIFIC };
pub const SOIL_MOISTURE: Kind = Kind {
    site: "soil-moisture",
    series: "soil-moisture/post/probe/soil-moisture",
    stamps: PACIFIC,
};
pub const PORE_PRESSURE: Kind = Kind {
    site: "pore-pressure",
    series: "pore-pressure/post/piezo/pore-pressure",
    stamps: PACIFIC,
};
pub const SOIL_TEMPERATURE: Kind = Kind {
    site: "soil-temperature",
    series: "soil-temperature/post/probe/temperature",
    stamps: PACIFIC,
};
pub const GROUNDWATER: Kind = Kind {
    site: "groundwater",
    series: "groundwater/well/logger/groundwater-level",
    stamps: Stamps::Local(1, "+01:00"),
};
pub const KINDS: [Kind; 6] =
    [CRACK, GROUNDWATER, PORE_PRESSURE, RAIN, SOIL_MOISTURE, SOIL_TEMPERATURE];

const PACIFIC: Stamps = Stamps::Local(-8, "-08:00");

/// A level that was raised.
#[derive(Clone, Debug, PartialEq)]
pub struct Raise {
    /// Seconds on the clock of the file.
    pub at: i64,
    pub from: String,
    pub to: String,
    /// Of the hazard itself; else of whether it can be seen.
    pub of_hazard: bool,
    /// The rule that decided.
    pub rule: String,
    /// Its evidence in words.
    pub text: String,
}

impl Raise {
    pub fn is(&self, level: &str) -> bool {
        self.of_hazard && self.to == level
    }
}

/// The folder of recorded data, or a word on why there is none.
pub fn data() -> Option<PathBuf> {
    let folder = std::env::var_os("BONGSU_TEST_DATA").map(|folder| Path::new(&folder).join("data"));
    if folder.is_none() {
        println!("skipped: BONGSU_TEST_DATA is not set");
    }
    folder
}

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Runs `bongsu replay --csv` on a file.
pub fn replay(kind: Kind, csv: &Path, more: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bongsu"));
    command.args(["--lang", "en", "replay", "--csv"]).arg(csv).arg("--config").arg(config(kind));
    command.args(["--series", kind.series]).args(more);
    match kind.stamps {
        Stamps::Local(_, written) => command.args(["--assume-offset", written]),
        Stamps::Seconds => command.args(["--time-unit", "s"]),
    };
    command.output().unwrap()
}

pub fn config(kind: Kind) -> PathBuf {
    root().join("deploy/recorded").join(kind.site).with_extension("toml")
}

/// Every level that a file raised at its site.
pub fn raises(kind: Kind, csv: &Path) -> Vec<Raise> {
    let output = replay(kind, csv, &["--json"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{}: {said}", csv.display());
    let lines = String::from_utf8(output.stdout).unwrap();
    lines.lines().filter_map(|line| raise(kind, &serde_json::from_str(line).unwrap())).collect()
}

fn raise(kind: Kind, line: &Value) -> Option<Raise> {
    let text = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
    let (from, to) = (text("from"), text("to"));
    if line["decision"] != "level" || line["site"] != kind.site || rank(&to) <= rank(&from) {
        return None;
    }
    let offset = match kind.stamps {
        Stamps::Local(hours, _) => hours * 3_600,
        Stamps::Seconds => 0,
    };
    let evidence = &line["evidence"][0];
    Some(Raise {
        at: line["at"].as_i64()? / 1_000_000_000 + offset,
        from,
        to,
        of_hazard: line["hazard"] != "monitoring",
        rule: evidence["rule"].as_str().unwrap_or_default().into(),
        text: evidence["text"]["en"].as_str().unwrap_or_default().into(),
    })
}

/// How high a level is.
pub fn rank(level: &str) -> usize {
    ["normal", "attention", "caution", "warning", "severe"]
        .iter()
        .position(|name| *name == level)
        .unwrap()
}

/// Plays many files, as many at a time as there are cores, and keeps their order.
pub fn all<J: Sync, R: Send>(jobs: &[J], play: impl Fn(&J) -> R + Sync) -> Vec<R> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let share = jobs.len().div_ceil(cores).max(1);
    std::thread::scope(|scope| {
        let play = &play;
        let hands: Vec<_> = jobs
            .chunks(share)
            .map(|part| scope.spawn(move || part.iter().map(play).collect::<Vec<_>>()))
            .collect();
        hands.into_iter().flat_map(|hand| hand.join().unwrap()).collect()
    })
}

/// The text of a file, gzipped or not.
pub fn text(path: &Path) -> String {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return String::from_utf8(bytes).unwrap();
    }
    let mut text = String::new();
    flate2::read::MultiGzDecoder::new(bytes.as_slice()).read_to_string(&mut text).unwrap();
    text
}

/// `stamp,value` rows with each value converted, as the command in docs/evaluation.md does it.
pub fn converted(csv: &Path, convert: fn(f64) -> f64) -> String {
    let mut out = String::new();
    for line in text(csv).lines().skip(1) {
        let (stamp, value) = line.split_once(',').unwrap();
        writeln!(out, "{stamp},{:.6}", convert(value.parse().unwrap())).unwrap();
    }
    out
}

/// A raw rain file of the station (`year month day hour minute inch`) as `stamp,inch` rows.
pub fn rain_rows(raw: &Path) -> String {
    let mut out = String::new();
    for line in text(raw).lines() {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let &[year, month, day, hour, minute, inch] = columns.as_slice() else { continue };
        writeln!(out, "{year}-{month}-{day} {hour}:{minute}:00,{inch}").unwrap();
    }
    out
}

/// Seconds of a stamp without offset, as if it were UTC.
pub fn seconds(stamp: &str) -> i64 {
    let moment = jiff::civil::DateTime::strptime("%Y-%m-%d %H:%M:%S", stamp).unwrap();
    moment.to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp().as_second()
}

/// The stamp of such seconds, to the minute.
pub fn stamp(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).unwrap().strftime("%Y-%m-%d %H:%M").to_string()
}
