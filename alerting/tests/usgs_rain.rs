//! The rain family on recorded gauges of the U.S. Geological Survey, against results computed elsewhere from the
//! formulas (docs/evaluation.md, and the published Seattle rule row by row).
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
use alerting::condition::{ConditionSettings, MAIN, effective_rain, persistence, soil_water};
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

/// Millimetres by full hour since 1970, every hour from the first to the last.
fn hours(raw: &str) -> Vec<(i64, f64)> {
    let mut bins: BTreeMap<i64, f64> = BTreeMap::new();
    for line in raw.lines() {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let &[year, month, day, hour, minute, inch] = columns.as_slice() else { continue };
        let at = Timestamp::parse(&format!("{year}-{month}-{day}T{hour}:{minute}:00Z")).unwrap();
        let ends = at.nanos().div_euclid(3_600_000_000_000) + i64::from(minute != "00");
        *bins.entry(ends).or_default() += inch.parse::<f64>().unwrap() * 25.4;
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

/// The largest value a fact ever had.
fn largest(settings: &ConditionSettings, rain: &[(i64, f64)], name: &str) -> f64 {
    let mut state = settings.fresh();
    let value = |(hour, mm): &(i64, f64)| {
        state.observe(settings, MAIN, Timestamp::from_secs(hour * 3_600), *mm);
        fact(&state.facts(settings), name)
    };
    rain.iter().map(value).fold(f64::MIN, f64::max)
}

fn near(what: &str, got: f64, expected: f64) {
    assert!((got - expected).abs() < 6e-4, "{what}: {got} is not {expected}");
}

#[test]
fn recorded_gauges_give_the_published_results() {
    let Some(data) = data() else { return };
    // hours, total, largest index, largest effective rain of 1.5, 24, 72 h, hours beyond recent/antecedent, storms,
    // storms beyond Caine, Guzzetti, Korea, Seattle
    let golden = [
        (2_893, 409.448, 70.402, [29.456, 38.091, 70.598], 457, 63, [1, 24, 0, 0]),
        (3_270, 433.324, 73.852, [11.886, 42.293, 71.908], 543, 73, [0, 22, 0, 1]),
        (2_243, 407.924, 70.349, [11.411, 37.506, 67.892], 527, 77, [0, 20, 0, 1]),
        (3_250, 559.816, 80.798, [14.653, 47.076, 84.217], 690, 94, [0, 25, 0, 1]),
    ];
    for (gauge, (count, total, index, effective, beyond, storms, crossed)) in
        GAUGES.into_iter().zip(golden)
    {
        let rain = hours(&text(data.join(format!("usgs/{gauge}_rain.txt.gz"))));
        assert_eq!(rain.len(), count, "{gauge}");
        near(gauge, rain.iter().map(|(_, mm)| mm).sum(), total);
        let soil = soil_water::Settings {
            source: Source::default(),
            step: Duration::from_secs(3_600),
            warm_up: Duration::ZERO,
            limit: Limit::above(1e9),
        };
        near(gauge, largest(&ConditionSettings::SoilWater(soil), &rain, "index-mm"), index);
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
        for (name, expected) in ["left-1-mm", "left-2-mm", "left-3-mm"].into_iter().zip(effective) {
            near(gauge, largest(&halves, &rain, name), expected);
        }
        assert_eq!(hours_beyond(&rain), beyond, "{gauge}");
        let over = storms_of(&rain);
        assert_eq!(over.len(), storms, "{gauge}");
        let lines = [Line::CAINE, Line::GUZZETTI, Line::KOREA, Line::SEATTLE];
        let beyond = lines.map(|line| over.iter().filter(|storm| is_beyond(storm, &line)).count());
        assert_eq!(beyond, crossed, "{gauge}");
    }
}

fn hours_beyond(rain: &[(i64, f64)]) -> usize {
    let settings = ConditionSettings::RecentAntecedent(Settings::SEATTLE);
    let mut state = settings.fresh();
    let held = |(hour, mm): &&(i64, f64)| {
        state.observe(&settings, MAIN, Timestamp::from_secs(hour * 3_600), *mm);
        state.held()
    };
    rain.iter().filter(held).count()
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
    let rain = hours(&text(data.join("usgs/waMLP_rain.txt.gz")));
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
