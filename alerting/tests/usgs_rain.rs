//! The rain family on recorded gauges of the U.S. Geological Survey, against results computed elsewhere from the
//! formulas (docs/evaluation.md, and the published Seattle rule row by row).
//!
//! `BONGSU_REWRITE=1 BONGSU_TEST_DATA=… cargo test -p alerting --test usgs_rain` writes the table anew.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::PathBuf;
use std::time::Duration;

use alerting::condition::amounts::Source;
use alerting::condition::effective_rain::left_after;
use alerting::condition::explain::Amount;
use alerting::condition::intensity_duration::Line;
use alerting::condition::limit::Limit;
use alerting::condition::recent_antecedent::Settings;
use alerting::condition::soil_water::Tanks;
use alerting::condition::storm::{Storm, Storms};
use alerting::condition::{
    ConditionSettings, MAIN, accumulation, effective_rain, persistence, soil_water,
};
use reading::Timestamp;

const GAUGES: [&str; 4] = ["waMLP", "waMVD116", "waMWWD", "waWatertonA"];

fn data() -> Option<PathBuf> {
    let folder =
        std::env::var_os("BONGSU_TEST_DATA").map(|folder| PathBuf::from(folder).join("data"));
    if folder.is_none() {
        println!("skipped: BONGSU_TEST_DATA is not set");
    }
    folder
}

fn text(path: PathBuf) -> String {
    let mut text = String::new();
    flate2::read::MultiGzDecoder::new(std::fs::File::open(path).unwrap())
        .read_to_string(&mut text)
        .unwrap();
    text
}

/// One row of a gauge: its stamp as of UTC, and the amount in millimetres.
fn rows(raw: &str) -> Vec<(Timestamp, f64)> {
    let row = |line: &str| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let &[year, month, day, hour, minute, inch] = columns.as_slice() else { return None };
        let at = Timestamp::parse(&format!("{year}-{month}-{day}T{hour}:{minute}:00Z")).unwrap();
        Some((at, inch.parse::<f64>().unwrap() * 25.4))
    };
    raw.lines().filter_map(row).collect()
}

/// Millimetres by full hour since 1970, every hour from the first to the last: what is stamped with the full hour
/// belongs to the hour that ends there.
fn hours(rows: &[(Timestamp, f64)]) -> Vec<(i64, f64)> {
    const HOUR: i64 = 3_600_000_000_000;
    let mut bins: BTreeMap<i64, f64> = BTreeMap::new();
    for (at, mm) in rows {
        let ends = at.nanos().div_euclid(HOUR) + i64::from(at.nanos().rem_euclid(HOUR) != 0);
        *bins.entry(ends).or_default() += mm;
    }
    let (first, last) = (*bins.keys().next().unwrap(), *bins.keys().last().unwrap());
    (first..=last).map(|hour| (hour, bins.get(&hour).copied().unwrap_or(0.0))).collect()
}

fn fact(facts: &[alerting::condition::explain::Fact], name: &str) -> f64 {
    match facts.iter().find(|fact| fact.name == name).unwrap().value {
        Amount::Number(number) => number,
        other => panic!("{name} is {other:?}"),
    }
}

/// The largest value a fact ever had, and the first and the last hour at whose end it had it.
fn largest(settings: &ConditionSettings, rain: &[(i64, f64)], name: &str) -> (f64, i64, i64) {
    let mut state = settings.fresh();
    let mut largest = (f64::MIN, 0, 0);
    for (hour, mm) in rain {
        state.observe(settings, MAIN, Timestamp::from_secs(hour * 3_600), *mm);
        let value = fact(&state.facts(settings), name);
        if value > largest.0 + 1e-9 {
            largest = (value, *hour, *hour);
        } else if value > largest.0 - 1e-9 {
            largest.2 = *hour;
        }
    }
    largest
}

/// `12-09 06:00`.
fn hour_text(hour: i64) -> String {
    stamp(Timestamp::from_secs(hour * 3_600))[5..].into()
}

/// `2015-12-09 06:00`.
fn stamp(at: Timestamp) -> String {
    at.to_string()[..16].replace('T', " ")
}

fn sum_over(hours: u64) -> ConditionSettings {
    ConditionSettings::Accumulation(accumulation::Settings {
        source: Source::default(),
        window: Duration::from_secs(hours * 3_600),
        raise_at: 1e9,
        clear_below: 1e9,
        persistence: persistence::Settings::IMMEDIATE,
    })
}

/// Of each gauge, what docs/evaluation.md shows: computed elsewhere, from the formulas, before any of this was written.
/// Numbers agree to half a thousandth of a millimetre, words where they are given.
const GOLDEN: [(&str, [&str; 4]); 22] = [
    ("readings", ["11575", "13082", "8970", "12996"]),
    ("first", ["2015-09-02 11:15", "2015-08-17 18:15", "2015-09-29 13:30", "2015-08-18 15:00"]),
    ("last", ["2015-12-31 23:45", "2015-12-31 23:45", "2015-12-31 23:45", "2015-12-31 23:45"]),
    ("hours", ["2893", "3270", "2243", "3250"]),
    ("total, mm", ["409.448", "433.324", "407.924", "559.816"]),
    (
        "most in 1 h, mm (hour end)",
        [
            "26.416 (11-08 05:00)",
            "9.652 (11-17 15:00)",
            "10.160 (11-17 16:00)",
            "11.938 (11-17 16:00)",
        ],
    ),
    (
        "most in 24 h",
        [
            "38.862 (12-09 11:00)",
            "44.704 (11-15 01:00)",
            "40.132 (11-15 03:00)",
            "44.958 (11-15 02:00)",
        ],
    ),
    ("most in 72 h", ["64.008", "71.120 (12-09 02:00)", "64.516", "81.280"]),
    ("most in 360 h", ["165.100", "153.162", "155.702", "193.040"]),
    (
        "largest soil water index, mm",
        [
            "70.402 (12-09 06:00)",
            "73.852 (12-09 01:00)",
            "70.349 (12-09 06:00)",
            "80.798 (12-09 02:00)",
        ],
    ),
    ("largest effective rain, half-life 1.5 h", ["29.456", "11.886", "11.411", "14.653"]),
    ("of 24 h", ["38.091", "42.293", "37.506", "47.076"]),
    ("of 72 h", ["70.598", "71.908", "67.892", "84.217"]),
    ("hours of recent beyond antecedent", ["457", "543", "527", "690"]),
    ("from", ["12-07 14:00", "11-14 20:00", "11-14 20:00", "11-14 15:00"]),
    ("storms", ["63", "73", "77", "94"]),
    ("beyond Caine", ["1", "0", "0", "0"]),
    ("beyond Guzzetti", ["24", "22", "20", "25"]),
    ("beyond Korea", ["0", "0", "0", "0"]),
    ("beyond Seattle", ["0", "1", "1", "1"]),
    ("largest storm, mm", ["40.386 in 30 h", "59.436 in 47 h", "53.340 in 40 h", "55.626 in 40 h"]),
    (
        "clock",
        [
            "4 stamps twice from 2015-09-15 11:15",
            "4 stamps twice from 2015-10-01 04:15, gap after 2015-08-17 19:15",
            "nothing",
            "nothing",
        ],
    ),
];

/// The same of one gauge, by our conditions.
fn found(raw: &str) -> Vec<String> {
    let rows = rows(raw);
    let rain = hours(&rows);
    let at = |(value, first, last): (f64, i64, i64)| match (hour_text(first), hour_text(last)) {
        (first, last) if first == last => format!("{value:.3} ({first})"),
        (first, last) => format!("{value:.3} ({first} to {last})"),
    };
    let soil = ConditionSettings::SoilWater(soil_water::Settings {
        source: Source::default(),
        step: Duration::from_secs(3_600),
        warm_up: Duration::ZERO,
        limit: Limit::above(1e9),
    });
    let part = |hours: f64| effective_rain::Part {
        half_life: Duration::from_secs_f64(hours * 3_600.0),
        raise_at: 1e9,
        clear_below: 1e9,
    };
    let halves = ConditionSettings::EffectiveRain(effective_rain::Settings {
        source: Source::default(),
        parts: [1.5, 24.0, 72.0].map(part).to_vec(),
        persistence: persistence::Settings::IMMEDIATE,
    });
    let beyond = hours_beyond(&rain);
    let storms = storms_of(&rain);
    let over =
        |line: Line| storms.iter().filter(|storm| is_beyond(storm, &line)).count().to_string();
    let deepest = storms.iter().max_by(|a, b| a.depth().total_cmp(&b.depth())).unwrap();
    let mut found = vec![
        rows.len().to_string(),
        stamp(rows[0].0),
        stamp(rows[rows.len() - 1].0),
        rain.len().to_string(),
        format!("{:.3}", rain.iter().map(|(_, mm)| mm).sum::<f64>()),
    ];
    found.extend([1, 24, 72, 360].map(|hours| at(largest(&sum_over(hours), &rain, "sum"))));
    found.push(at(largest(&soil, &rain, "index-mm")));
    let left = ["left-1-mm", "left-2-mm", "left-3-mm"];
    found.extend(left.map(|name| format!("{:.3}", largest(&halves, &rain, name).0)));
    found.extend([beyond.len().to_string(), hour_text(beyond[0]), storms.len().to_string()]);
    found.extend([Line::CAINE, Line::GUZZETTI, Line::KOREA, Line::SEATTLE].map(over));
    found.push(format!("{:.3} in {} h", deepest.depth(), deepest.hours()));
    found.push(clock_faults(&rows));
    found
}

fn clock_faults(rows: &[(Timestamp, f64)]) -> String {
    let mut seen = std::collections::BTreeSet::new();
    let twice: Vec<Timestamp> =
        rows.iter().map(|(at, _)| *at).filter(|at| !seen.insert(*at)).collect();
    let usual = Duration::from_secs(15 * 60);
    let gap = rows.windows(2).find(|pair| pair[1].0.since(pair[0].0) > usual);
    let twice = twice.first().map(|at| format!("{} stamps twice from {}", twice.len(), stamp(*at)));
    let gap = gap.map(|pair| format!("gap after {}", stamp(pair[0].0)));
    let faults: Vec<String> = twice.into_iter().chain(gap).collect();
    if faults.is_empty() { "nothing".into() } else { faults.join(", ") }
}

/// Numbers to half a thousandth; what follows, as far as it is given: of several hours any one.
fn agrees(found: &str, expected: &str) -> bool {
    let split = |text: &str| {
        let (number, rest) = text.split_once(' ').unwrap_or((text, ""));
        (number.parse::<f64>().ok(), rest.to_owned())
    };
    match (split(found), split(expected)) {
        ((Some(found), rest), (Some(expected), wanted)) => {
            (found - expected).abs() < 6e-4 && rest.contains(wanted.trim_matches(['(', ')']))
        }
        _ => found == expected,
    }
}

#[test]
fn recorded_gauges_give_the_published_results() {
    let Some(data) = data() else { return };
    let found = GAUGES.map(|gauge| found(&text(data.join(format!("usgs/{gauge}_rain.txt.gz")))));
    let mut table = String::from("| | MLP | MVD116 | MWWD | WatertonA |\n|---|---|---|---|---|\n");
    for (row, (name, expected)) in GOLDEN.iter().enumerate() {
        let cells = [0, 1, 2, 3].map(|gauge: usize| found[gauge][row].as_str());
        for (gauge, (cell, expected)) in cells.iter().zip(expected).enumerate() {
            assert!(agrees(cell, expected), "{} {name}: {cell} is not {expected}", GAUGES[gauge]);
        }
        table += &format!("| {name} | {} |\n", cells.join(" | "));
    }
    assert_eq!(found[0].len(), GOLDEN.len());
    put("usgs", &table);
}

/// The page says what was found; with BONGSU_REWRITE it is made to.
fn put(block: &str, table: &str) {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/evaluation.md");
    let page = std::fs::read_to_string(&file).unwrap();
    let (begin, end) = (format!("<!-- begin: {block} -->\n"), format!("<!-- end: {block} -->"));
    let (before, rest) = page.split_once(&begin).unwrap();
    let (_, after) = rest.split_once(&end).unwrap();
    let made = format!("{before}{begin}{table}{end}{after}");
    if std::env::var_os("BONGSU_REWRITE").is_some() {
        std::fs::write(&file, made).unwrap();
    } else {
        assert!(made == page, "docs/evaluation.md is out of date: run this with BONGSU_REWRITE=1");
    }
}

/// The hours in which recent rain is beyond what antecedent rain leaves.
fn hours_beyond(rain: &[(i64, f64)]) -> Vec<i64> {
    let settings = ConditionSettings::RecentAntecedent(Settings::SEATTLE);
    let mut state = settings.fresh();
    let held = |(hour, mm): &&(i64, f64)| {
        state.observe(&settings, MAIN, Timestamp::from_secs(hour * 3_600), *mm);
        state.held()
    };
    rain.iter().filter(held).map(|(hour, _)| *hour).collect()
}

fn storms_of(rain: &[(i64, f64)]) -> Vec<Storm> {
    let mut storms = Storms::default();
    let dry = (1..=8).map(|after| (rain[rain.len() - 1].0 + after, 0.0));
    let all: Vec<(i64, f64)> = rain.iter().copied().chain(dry).collect();
    let take = |(hour, mm): (i64, f64)| {
        storms.take(3, Timestamp::from_secs(hour * 3_600), (mm * 1_000.0).round() as i64)
    };
    all.into_iter().filter_map(take).collect()
}

fn is_beyond(storm: &Storm, line: &Line) -> bool {
    line.at(storm.hours()).is_some_and(|line| storm.intensity() >= line)
}

#[test]
fn the_published_rule_begins_and_ends_at_the_exact_row() {
    let Some(data) = data() else { return };
    let labels: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(data.join("labels.json")).unwrap()).unwrap();
    let gauges: Vec<_> =
        labels.as_array().unwrap().iter().filter(|one| one["suite"] == "rain").collect();
    assert!(!gauges.is_empty());
    for gauge in gauges {
        let rows = text(data.join(gauge["file"].as_str().unwrap()));
        let intervals: Vec<(String, String)> =
            serde_json::from_value(gauge["threshold"]["intervals"].clone()).unwrap();
        let settings = ConditionSettings::RecentAntecedent(Settings::SEATTLE);
        let mut state = settings.fresh();
        let last = rows.lines().last().unwrap().split_once(',').unwrap().0;
        for row in rows.lines().skip(1) {
            let (stamp, inch) = row.split_once(',').unwrap();
            let at = Timestamp::parse(&format!("{}Z", stamp.replace(' ', "T"))).unwrap();
            state.observe(&settings, MAIN, at, inch.parse::<f64>().unwrap() * 25.4);
            let expected = intervals.iter().any(|(from, to)| {
                (from.as_str() <= stamp && stamp < to.as_str()) || (stamp == to && stamp == last)
            });
            assert_eq!(state.held(), expected, "{} at {stamp}", gauge["id"]);
        }
    }
}

#[test]
fn the_index_equals_its_batch_formula_on_the_whole_record() {
    let Some(data) = data() else { return };
    let rain = hours(&rows(&text(data.join("usgs/waMLP_rain.txt.gz"))));
    let batch = rain.iter().fold(Tanks::default(), |tanks, (_, mm)| {
        tanks.after(1.0, (mm * 1_000.0).round() / 1_000.0)
    });
    let last = rain[rain.len() - 1].0;
    let hours = |hour: i64| Duration::from_secs((last - hour) as u64 * 3_600);
    let day = Duration::from_secs(86_400);
    let effective: f64 = rain.iter().map(|(hour, mm)| mm * left_after(day, hours(*hour))).sum();
    let soil = ConditionSettings::SoilWater(soil_water::Settings {
        source: Source::default(),
        step: Duration::from_secs(3_600),
        warm_up: Duration::ZERO,
        limit: Limit::above(1e9),
    });
    let part = effective_rain::Part { half_life: day, raise_at: 1e9, clear_below: 1e9 };
    let halves = ConditionSettings::EffectiveRain(effective_rain::Settings {
        source: Source::default(),
        parts: vec![part],
        persistence: persistence::Settings::IMMEDIATE,
    });
    for (settings, name, expected) in
        [(soil, "index-mm", batch.index()), (halves, "left-1-mm", effective)]
    {
        let mut state = settings.fresh();
        for (hour, mm) in &rain {
            state.observe(&settings, MAIN, Timestamp::from_secs(hour * 3_600), *mm);
        }
        let got = fact(&state.facts(&settings), name);
        assert!((got - expected).abs() < 1e-2, "{name}: {got} is not {expected}");
    }
}
