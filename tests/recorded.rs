//! Recorded data through the real program: `replay --csv` with the rules of `deploy/recorded`.
//!
//! docs/evaluation.md holds what came of all of it; its tables are made here. After a change that moves them:
//! `BONGSU_REWRITE=1 BONGSU_TEST_DATA=… cargo test --release --test recorded` writes them anew.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "recorded/play.rs"]
mod play;
#[path = "recorded/tables.rs"]
mod tables;

use std::fmt::Write as _;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use play::{CRACK, GROUNDWATER, KINDS, Kind, RAIN};

fn fixture() -> PathBuf {
    play::root().join("tests/recorded/waMVD116_rain.csv")
}

/// The levels a file raises: when, from, to.
fn check(kind: Kind, csv: &std::path::Path, expected: &[(&str, &str, &str)]) {
    let raised = play::raises(kind, csv);
    let raised: Vec<_> =
        raised.iter().map(|r| (play::stamp(r.at), r.from.as_str(), r.to.as_str())).collect();
    let raised: Vec<_> = raised.iter().map(|(at, from, to)| (at.as_str(), *from, *to)).collect();
    assert_eq!(raised, expected, "{}", csv.display());
}

#[test]
fn g13_every_recorded_configuration_passes() {
    for kind in KINDS {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bongsu"));
        let output = command.arg("check").arg("--config").arg(play::config(kind)).output().unwrap();
        assert!(
            output.status.success(),
            "{}: {}",
            kind.site,
            String::from_utf8_lossy(&output.stdout)
        );
    }
}

#[test]
fn forty_millimetres_in_a_day_raise_attention_and_nothing_else() {
    // 40.13 mm fell in the 24 h before; the end of the file is no silence of the gauge
    check(RAIN, &fixture(), &[("2015-11-14 22:00", "normal", "attention")]);
}

#[test]
fn g02_two_replays_of_a_table_are_byte_identical() {
    let [one, two] = [0, 1].map(|_| play::replay(RAIN, &fixture(), &["--json"]));
    assert!(one.status.success() && !one.stdout.is_empty());
    assert_eq!(one.stdout, two.stdout);
}

#[test]
fn two_wordings_of_a_rule_are_compared_over_the_same_history() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::create_dir(at("rain")).unwrap();
    std::fs::copy(play::config(RAIN), at("rain.toml")).unwrap();
    let site =
        std::fs::read_to_string(play::root().join("deploy/recorded/rain/rain.toml")).unwrap();
    let written = "window = \"24 h\", raise-at = \"40 mm\"";
    assert!(site.contains(written));
    std::fs::write(
        at("rain/rain.toml"),
        site.replace(written, "window = \"24 h\", raise-at = \"50 mm\""),
    )
    .unwrap();
    let against = at("rain.toml");
    let against = ["--against", against.to_str().unwrap()];
    let output = play::replay(RAIN, &fixture(), &[&against[..], &["--json"]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<serde_json::Value> =
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    // what only one of them raises, and when
    assert_eq!(
        (&lines[0]["change"], &lines[0]["level"], &lines[0]["at"]),
        (&"gone".into(), &"attention".into(), &"2015-11-15T06:00:00Z".into())
    );
    // how often a year, each level of each site, raised or not
    let rates: Vec<_> = lines.iter().filter(|line| line["years"].is_number()).collect();
    let counts: Vec<_> = rates
        .iter()
        .map(|line| {
            let level = line["level"].as_str().unwrap();
            (level, line["before"].as_u64().unwrap(), line["after"].as_u64().unwrap())
        })
        .collect();
    assert_eq!(
        counts,
        [("attention", 1, 0), ("caution", 0, 0), ("warning", 0, 0), ("severe", 0, 0)]
    );
    let years = rates[0]["years"].as_f64().unwrap();
    assert!((rates[0]["before_a_year"].as_f64().unwrap() * years - 1.0).abs() < 1e-9);
    assert_eq!(rates[0]["after_a_year"], 0.0);
    // which rule is worded otherwise
    let rules: Vec<_> = lines.iter().filter(|line| line["rule"].is_string()).collect();
    assert_eq!(rules.len(), 1);
    assert_eq!(rules[0]["rule"], "rain/rain-24h-attention");
    assert_ne!(rules[0]["before"], rules[0]["after"]);
    // and the same for people; against itself nothing differs
    let said = play::replay(RAIN, &fixture(), &against).stdout;
    let said = String::from_utf8(said).unwrap();
    assert!(said.starts_with("- 2015-11-15T06:00:00Z  rain"), "{said}");
    let itself = play::config(RAIN);
    let same = play::replay(RAIN, &fixture(), &["--against", itself.to_str().unwrap()]).stdout;
    assert!(!String::from_utf8(same).unwrap().contains("- 20"));
}

#[test]
fn expectations_that_are_met_pass_and_others_end_with_status_1() {
    let folder = tempfile::tempdir().unwrap();
    let expect = |name: &str, text: &str| {
        let file = folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        let output = play::replay(RAIN, &fixture(), &["--expect", file.to_str().unwrap()]);
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let level = |level: &str, by: &str| {
        format!("[[level]]\nsite = \"rain\"\nlevel = \"{level}\"\nby = \"{by}\"\n")
    };
    let (in_time, too_early) = ("2015-11-14T22:00:00-08:00", "2015-11-14T21:59:00-08:00");
    assert_eq!(expect("met", &level("attention", in_time)), (0, String::new()));
    for (name, text, word) in [
        ("late", level("attention", too_early), "came late"),
        ("missing", level("caution", in_time), "never came"),
        ("unexpected", String::new(), "was not expected"),
    ] {
        let (status, said) = expect(name, &text);
        assert!(status == 1 && said.contains(word), "{name}: {status} {said}");
    }
}

#[test]
fn a_replay_owes_nobody_anything() {
    // With a channel and nobody behind it, everything owed once expired and bongsu reported itself as broken.
    let folder = tempfile::tempdir().unwrap();
    let site = play::config(RAIN).with_extension("");
    let main = std::fs::read_to_string(play::config(RAIN)).unwrap();
    let main = main.replace("sites = \"rain\"", &format!("sites = \"{}\"", site.display()));
    let channel = "\n[[channel]]\nname = \"log\"\nkind = \"log\"\naudience = \"officers\"\nmin-level = \"attention\"\n";
    let config = folder.path().join("bongsu.toml");
    std::fs::write(&config, main + channel).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_bongsu"));
    command.args([
        "--lang",
        "en",
        "replay",
        "--series",
        RAIN.series,
        "--assume-offset",
        "-08:00",
        "--csv",
    ]);
    let output = command.arg(fixture()).arg("--config").arg(&config).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && said.contains("Normal → Attention"), "{said}");
    assert!(!said.contains("bongsu  "), "{said}");
}

#[test]
fn a_crack_is_told_twice_before_it_breaks() {
    let Some(data) = play::data() else { return };
    // one cycle is one second from 1970; it breaks on the third day at 17:54
    let expected =
        [("1970-01-02 22:37", "normal", "caution"), ("1970-01-03 12:42", "caution", "warning")];
    check(CRACK, &data.join("failure/virkler_01.csv"), &expected);
}

#[test]
fn a_well_that_hardly_moves_stays_quiet() {
    let Some(data) = play::data() else { return };
    check(GROUNDWATER, &data.join("series/groundwater/hseries_gxg/clean.csv.gz"), &[]);
}

/// The gauges near Mukilteo, Washington, as their loggers wrote them.
const GAUGES: [(&str, &str); 4] =
    [("mlp", "MLP"), ("mvd116", "MVD116"), ("mwwd", "MWWD"), ("watertona", "WatertonA")];

/// November 2015 of some gauges as one table, in the order of time: stamps are of the standard time, all the year.
fn november(data: &Path, gauges: &[(&str, &str)]) -> String {
    let mut rows = Vec::new();
    for (id, file) in gauges {
        let file = std::fs::File::open(data.join(format!("usgs/wa{file}_rain.txt.gz"))).unwrap();
        let mut text = String::new();
        flate2::read::GzDecoder::new(file).read_to_string(&mut text).unwrap();
        for line in text.lines() {
            let parts: Vec<_> = line.split_whitespace().collect();
            let [year, month, day, hour, minute, inches] = parts[..] else { panic!("{line}") };
            if (year, month) == ("2015", "11") {
                let at = format!("{year}-{month}-{day}T{hour}:{minute}:00-08:00");
                rows.push((at.clone(), format!("mukilteo/{id}/bucket/rain,{at},{inches},in\n")));
            }
        }
    }
    rows.sort();
    rows.iter().fold("series,measured_at,value,unit\n".into(), |table, (_, row)| table + row)
}

/// Which levels the first gauge's hour of rain raises where these gauges stand, by the line of Caine (1980) for an
/// hour, 14.82 mm.
fn raised_by(data: &Path, gauges: &[(&str, &str)]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::create_dir(at("sites")).unwrap();
    let main = std::fs::read_to_string(play::config(RAIN)).unwrap();
    std::fs::write(at("bongsu.toml"), main.replace("sites = \"rain\"", "sites = \"sites\""))
        .unwrap();
    let site =
        std::fs::read_to_string(play::root().join("deploy/recorded/rain/rain.toml")).unwrap();
    let (head, _) = site.split_once("[[station]]").unwrap();
    let mut site = head.replace("id = \"rain\"", "id = \"mukilteo\"");
    for (id, _) in gauges {
        write!(
            site,
            "[[station]]\nid = \"{id}\"\nreport-interval = \"15 min\"\n\n[[station.sensor]]\nid = \"bucket\"\n\
             quantities = [\"rain\"]\nunit = \"in\"\nrange = [\"0 mm\", \"60 mm\"]\n\n"
        )
        .unwrap();
    }
    site += "[[rule]]\nid = \"caine-1h\"\ngroup = \"rain\"\nlevel = \"caution\"\nseries = [\"mlp/bucket/rain\"]\n\
         condition = { kind = \"accumulation\", window = \"1 h\", raise-at = \"14.82 mm\", gap-max = \"1 h\" }\n\
         provenance = { author = \"test\", date = \"2026-07-01\", reason = \"Caine 1980\" }\n";
    std::fs::write(at("sites/mukilteo.toml"), site).unwrap();
    std::fs::write(at("rain.csv"), november(data, gauges)).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_bongsu"));
    command.args(["--lang", "en", "replay", "--json", "--csv"]).arg(at("rain.csv"));
    let output = command.arg("--config").arg(at("bongsu.toml")).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let lines = String::from_utf8(output.stdout).unwrap();
    let lines = lines.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    lines
        .filter(|line| line["decision"] == "level" && line["hazard"] != "monitoring")
        .filter(|line| line["from"] == "normal")
        .map(|line| line["to"].as_str().unwrap().to_owned())
        .collect()
}

/// At MLP it rained 31 mm in an hour of 2015-11-08, by that gauge alone: three others near by had none.
#[test]
fn rain_in_one_gauge_alone_raises_nothing_where_its_neighbours_are_heard() {
    let Some(data) = play::data() else { return };
    assert_eq!(raised_by(&data, &GAUGES), [""; 0], "the others say that it did not rain");
    assert_eq!(raised_by(&data, &GAUGES[..1]), ["caution"], "a gauge by itself is believed");
}

#[test]
fn the_page_says_what_the_data_say() {
    let Some(data) = play::data() else { return };
    let file = play::root().join("docs/evaluation.md");
    let page = std::fs::read_to_string(&file).unwrap();
    let mut made = page.clone();
    for (name, table) in tables::all(&data) {
        let (begin, end) = (format!("<!-- begin: {name} -->\n"), format!("<!-- end: {name} -->"));
        let (before, rest) =
            made.split_once(&begin).unwrap_or_else(|| panic!("no place for {name}"));
        let (_, after) = rest.split_once(&end).unwrap();
        made = format!("{before}{begin}{table}{end}{after}");
    }
    if std::env::var_os("BONGSU_REWRITE").is_some() {
        std::fs::write(&file, made).unwrap();
    } else {
        assert!(
            made == page,
            "docs/evaluation.md is out of date: run this with BONGSU_REWRITE=1 and read the change"
        );
    }
}
