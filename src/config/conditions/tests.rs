//! Every kind of condition: what it reads, and what it refuses, where.

use std::collections::BTreeMap;

use alerting::condition::ConditionSettings;

use super::super::Config;

const MAIN: &str = r#"data-dir = "/var/lib/bongsu"
status = "actual"
sender = { id = "bongsu@city.example.kr", name = { ko = "상황실", en = "Situation room" } }
[[collector]]
name = "field"
kind = "mqtt"
url = "mqtts://broker.example.kr:8883"
"#;

const SITE: &str = r#"[site]
id = "cut-12"
name = { ko = "12지구", en = "Cut 12" }
kind = "slope"
location = [37.5, 127.0]
radius = "300 m"
area = { ko = "아래 마을", en = "the village below" }
instruction = { ko = "대피", en = "leave" }

[[station]]
id = "post-1"
report-interval = "10 min"
sensor = [
    { id = "gauge", quantities = ["rain"], range = ["0 mm", "50 mm"] },
    { id = "tips", quantities = ["count"], unit = "count", range = ["0 count", "70000 count"] },
    { id = "tilt", quantities = ["tilt-x"], range = ["-30 deg", "30 deg"] },
    { id = "wire", quantities = ["displacement"], range = ["-2 m", "2 m"] },
    { id = "wire-2", quantities = ["displacement"], range = ["-2 m", "2 m"] },
    { id = "wire-3", quantities = ["displacement"], range = ["-2 m", "2 m"] },
    { id = "pin-1", quantities = ["settlement"], range = ["-1 m", "1 m"] },
    { id = "pin-2", quantities = ["settlement"], range = ["-1 m", "1 m"] },
    { id = "crack", quantities = ["crack-width"], range = ["0 mm", "50 mm"] },
    { id = "cell", quantities = ["force"], range = ["0 kN", "2000 kN"] },
    { id = "shake", quantities = ["vibration-velocity"], range = ["0 mm/s", "250 mm/s"] },
    { id = "shake-f", quantities = ["frequency"], unit = "Hz", range = ["0 Hz", "200 Hz"] },
    { id = "air", quantities = ["temperature"], range = ["-40 degC", "80 degC"] },
]

[[station]]
id = "quake"
report-interval = "1 s"
sensor = [{ id = "geo", quantities = ["vibration-velocity"], range = ["-50 mm/s", "50 mm/s"] }]

[[rule]]
id = "rule"
group = "GROUP"
level = "attention"
series = ["SERIES"]
condition = CONDITION
provenance = { author = "Kim", date = "2026-07-01", reason = "test" }
"#;

/// The place of what stands behind a key of the rule.
fn place(key: &str, offset: usize) -> String {
    let start = format!("{key} = ");
    let line = SITE.lines().position(|line| line.starts_with(&start) && line.len() < 30).unwrap();
    format!(":{}:{}:", line + 1, start.chars().count() + 1 + offset)
}

fn read(group: &str, series: &str, condition: &str) -> Result<ConditionSettings, Vec<String>> {
    let site =
        SITE.replace("GROUP", group).replace("SERIES", series).replace("CONDITION", condition);
    let sources = BTreeMap::from([
        ("bongsu.toml".to_string(), MAIN.to_string()),
        ("sites/cut-12.toml".to_string(), site),
    ]);
    match Config::from_sources("bongsu.toml", &sources) {
        Ok(config) => {
            let rule = config.setup.rules.iter().find(|rule| rule.id.as_str() == "rule").unwrap();
            Ok(rule.clauses[0].condition.clone())
        }
        Err(problems) => Err(problems.iter().map(ToString::to_string).collect()),
    }
}

/// Group, series, condition: all of these are read.
#[rustfmt::skip]
const GOOD: &[(&str, &str, &str)] = &[
    ("deformation", "post-1/tilt/tilt-x", r#"{ kind = "threshold", raise-at = "3 deg", clear-below = "2.5 deg", raise = "3 of 5", hold = "20 min" }"#),
    ("deformation", "post-1/tilt/tilt-x", r#"{ kind = "rate", window = "3 h", raise-at = "0.01 deg/h", short = { window = "1 h", raise-at = "0.1 deg/h" } }"#),
    ("deformation", "post-1/wire/displacement", r#"{ kind = "acceleration", interval = "1 h", floor = "0.1 mm/h" }"#),
    ("failure-time", "post-1/wire/displacement", r#"{ kind = "failure-time", increment = "0.5 mm" }"#),
    ("failure-time", "post-1/wire/displacement", r#"{ kind = "failure-time", increment = "0.5 mm", limit = "400 mm", raise-within = "12 h", interval-max = "1 d", moved-min = "1 cm", rain = "gauge/rain" }"#),
    ("rain", "post-1/gauge/rain", r#"{ kind = "accumulation", window = "3 h", raise-at = "90 mm" }"#),
    ("rain", "post-1/gauge/rain", r#"{ kind = "accumulation", window = "3 h", raise-at = "90 mm", counter = true, wraps-at = 1000 }"#),
    ("rain", "post-1/tips/count", r#"{ kind = "accumulation", window = "3 h", raise-at = "90 mm", tip = "0.2 mm", counter = true, wraps-at = 65536 }"#),
    ("rain", "post-1/gauge/rain", r#"{ kind = "intensity-duration", line = "korea-2013" }"#),
    ("rain", "post-1/gauge/rain", r#"{ kind = "intensity-duration", line = "caine-1980", raise-at = "80 %", dry-hours = 6 }"#),
    ("rain", "post-1/gauge/rain", r#"{ kind = "recent-antecedent" }"#),
    ("rain", "post-1/gauge/rain", r#"{ kind = "recent-antecedent", recent = "3 d", antecedent = "15 d", base = "3.5 in", slope = 0.67 }"#),
    ("rain", "post-1/gauge/rain", r#"{ kind = "effective-rain", half-lives = [{ half-life = "1.5 h", raise-at = "40 mm" }, { half-life = "72 h", raise-at = "150 mm" }] }"#),
    ("rain", "post-1/gauge/rain", r#"{ kind = "soil-water-index", raise-at = "144 mm" }"#),
    ("rain", "post-1/gauge/rain", r#"{ kind = "soil-water-index", site-limit = "180 mm", raise-at = "80 %", step = "10 min", warm-up = "0 s" }"#),
    ("rain", "post-1/gauge/rain", r#"{ kind = "antecedent-water-index", raise-at = "20 mm", evaporation = ["20 mm", "20 mm", "40 mm", "60 mm", "90 mm", "100 mm", "110 mm", "110 mm", "80 mm", "60 mm", "30 mm", "20 mm"] }"#),
    ("deformation", "post-1/tilt/tilt-x", r#"{ kind = "compensated", temperature = "air/temperature", lag = "2 h", freeze-rate = "0.01 deg/h", raise-at = "0.02 deg" }"#),
    ("deformation", "post-1/tilt/tilt-x", r#"{ kind = "compensated", temperature = "air/temperature", window = "3 h", raise-at = "0.01 deg/h" }"#),
    ("deformation", "post-1/wire/displacement", r#"{ kind = "baseline", raise-at = 5.0, sigma-min = "0.1 mm" }"#),
    ("deformation", "post-1/wire/displacement", r#"{ kind = "cusum", raise-at = 5.0 }"#),
    ("deformation", "post-1/wire/displacement", r#"{ kind = "page-hinkley", slack = "0.05 mm", raise-at = "1 mm" }"#),
    ("structure", "post-1/crack/crack-width", r#"{ kind = "crack-growth", raise-at = "0.1 mm/week", width = "0.5 mm", temperature = "air/temperature" }"#),
    ("structure", "post-1/tilt/tilt-x", r#"{ kind = "wall-movement", class = "special", height = "5 m" }"#),
    ("structure", "post-1/pin-1/settlement", r#"{ kind = "angular-distortion", other = "pin-2/settlement", distance = "6 m", raise-at = "1/500" }"#),
    ("structure", "post-1/cell/force", r#"{ kind = "anchor-load", design = "400 kN", lock-off = "300 kN", raise-at = "100 %" }"#),
    ("deformation", "post-1/wire/displacement", r#"{ kind = "neighbours", chain = ["post-1/wire/displacement", "post-1/wire-2/displacement", "post-1/wire-3/displacement"], window = "3 h", raise-at = "2 mm/h" }"#),
    ("health", "post-1/wire/displacement", r#"{ kind = "disagreement", others = ["post-1/wire*/displacement"], apart = "1 mm" }"#),
    ("structure", "post-1/shake/vibration-velocity", r#"{ kind = "vibration", table = "korea-class-3", frequency = "shake-f/frequency", raise-at = "70 %" }"#),
    ("structure", "post-1/shake-f/frequency", r#"{ kind = "natural-frequency", reference = "3.2 Hz", temperature = "air/temperature", raise-at = "3 %" }"#),
    ("health", "post-1/tilt/tilt-x", r#"{ kind = "silence", after = "30 min" }"#),
    ("anomaly", "post-1/tilt/tilt-x", r#"{ kind = "anomaly" }"#),
    ("anomaly", "post-1/tilt/tilt-x", r#"{ kind = "anomaly", readings-per-false-alarm = 10000, beside = ["post-1/air/temperature", "post-1/gauge/rain"] }"#),
    ("structure", "quake/geo/vibration-velocity", r#"{ kind = "trigger", sampled-every = "10 ms" }"#),
    ("structure", "quake/geo/vibration-velocity", r#"{ kind = "trigger", sampled-every = "10 ms", short = "20 ms", long = "2 s", high-pass = 2.0, raise-at = 4.0, clear-below = 2.0, hold = "1 s" }"#),
    ("structure", "quake/geo/vibration-velocity", r#"{ kind = "natural-frequency", reference = "3.2 Hz", sampled-every = "10 ms", raise-at = "3 %" }"#),
];

/// Group, series, condition, and the text that the problem is about.
#[rustfmt::skip]
const BAD: &[(&str, &str, &str, &str)] = &[
    ("deformation", "post-1/tilt/tilt-x", r#"{ kind = "rat", window = "3 h" }"#, r#""rat""#),
    ("deformation", "post-1/tilt/tilt-x", r#"{ kind = "rate", window = "3 h", raise-at = "0.01 deg/h", short = { window = "3 h", raise-at = "0.1 deg/h" } }"#, r#""3 h", raise-at = "0.1"#),
    ("deformation", "post-1/tilt/tilt-x", r#"{ kind = "rate", window = "3 h", raise-at = "0.01 deg/h", short = { window = "1 h", raise-at = "0.1 mm/h" } }"#, r#""0.1 mm/h""#),
    ("deformation", "post-1/wire/displacement", r#"{ kind = "acceleration", interval = "5 min", floor = "0.1 mm/h" }"#, "interval"),
    ("deformation", "post-1/wire/displacement", r#"{ kind = "acceleration", interval = "1 h", floor = "0.1 mm/h", long-mean = 3 }"#, "long-mean"),
    ("deformation", "post-1/wire/displacement", r#"{ kind = "acceleration", interval = "1 h", floor = "-0.1 mm/h" }"#, r#""-0.1"#),
    ("failure-time", "post-1/wire/displacement", r#"{ kind = "failure-time" }"#, "{"),
    ("failure-time", "post-1/wire/displacement", r#"{ kind = "failure-time", increment = "0 mm" }"#, r#""0 mm""#),
    ("failure-time", "post-1/wire/displacement", r#"{ kind = "failure-time", increment = "0.5 mm", rain = "air/temperature" }"#, "rain"),
    ("failure-time", "post-1/wire/displacement", r#"{ kind = "failure-time", increment = "0.5 mm", rain = "gouge/rain" }"#, r#""gouge/rain""#),
    ("deformation", "post-1/wire/displacement", r#"{ kind = "failure-time", increment = "0.5 mm" }"#, "GROUP"),
    ("structure", "post-1/tilt/tilt-x", r#"{ kind = "wall-movement", class = "special" }"#, "{"),
    ("structure", "post-1/pin-1/settlement", r#"{ kind = "angular-distortion", other = "pin-2/settlement", distance = "6 m", raise-at = "500" }"#, r#""500""#),
    ("structure", "post-1/cell/force", r#"{ kind = "anchor-load", design = "0 kN", raise-at = "100 %" }"#, r#""0 kN""#),
    ("structure", "post-1/shake/vibration-velocity", r#"{ kind = "vibration", table = "korea", raise-at = "70 %" }"#, r#""korea""#),
    ("deformation", "post-1/wire/displacement", r#"{ kind = "disagreement", others = ["post-1/wire*/displacement"], apart = "1 mm" }"#, "GROUP"),
    ("deformation", "post-1/tilt/tilt-x", r#"{ kind = "accumulation", window = "3 h", raise-at = "9 deg" }"#, r#""accumulation""#),
    ("rain", "post-1/gauge/rain", r#"{ kind = "accumulation", window = "3 h", raise-at = "0 mm" }"#, r#""0 mm""#),
    ("rain", "post-1/gauge/rain", r#"{ kind = "accumulation", window = "3 h", raise-at = "90 mm", wraps-at = 10 }"#, "wraps-at"),
    ("rain", "post-1/gauge/rain", r#"{ kind = "accumulation", window = "3 h", raise-at = "90 mm", tip = "0.2 mm" }"#, "tip"),
    ("rain", "post-1/tips/count", r#"{ kind = "accumulation", window = "3 h", raise-at = "90 count" }"#, r#"GROUP"#),
    ("rain", "post-1/tips/count", r#"{ kind = "recent-antecedent" }"#, "{"),
    ("rain", "post-1/gauge/rain", r#"{ kind = "intensity-duration", line = "korea" }"#, r#""korea""#),
    ("rain", "post-1/gauge/rain", r#"{ kind = "intensity-duration", line = "korea-2013", raise-at = "80" }"#, r#""80""#),
    ("rain", "post-1/gauge/rain", r#"{ kind = "intensity-duration" }"#, "{"),
    ("rain", "post-1/gauge/rain", r#"{ kind = "effective-rain", half-lives = [] }"#, "[]"),
    ("rain", "post-1/gauge/rain", r#"{ kind = "effective-rain", half-lives = ["6 h"] }"#, r#""6 h""#),
    ("rain", "post-1/gauge/rain", r#"{ kind = "effective-rain", half-lives = [{ half-life = "6 h", raise-at = "6 kPa" }] }"#, r#""6 kPa""#),
    ("rain", "post-1/gauge/rain", r#"{ kind = "soil-water-index", raise-at = "80 %" }"#, r#""80 %""#),
    ("rain", "post-1/gauge/rain", r#"{ kind = "soil-water-index", raise-at = "144 mm", step = "25 min" }"#, "step"),
    ("rain", "post-1/gauge/rain", r#"{ kind = "soil-water-index", raise-at = "144 mm", step = "5 min" }"#, r#""5 min""#),
    ("health", "post-1/gauge/rain", r#"{ kind = "disagreement", others = ["post-1/*/rain"], sum-over = "15 min", apart = "1 mm" }"#, r#""15 min""#),
    ("deformation", "post-1/tilt/tilt-x", r#"{ kind = "compensated", temperature = "air/temperature", window = "15 min", raise-at = "0.01 deg/h" }"#, r#""15 min""#),
    ("deformation", "post-1/wire/displacement", r#"{ kind = "neighbours", chain = ["post-1/wire/displacement", "post-1/wire-2/displacement", "post-1/wire-3/displacement"], window = "15 min", raise-at = "2 mm/h" }"#, r#""15 min""#),
    ("rain", "post-1/gauge/rain", r#"{ kind = "antecedent-water-index", raise-at = "20 mm", evaporation = ["20 mm"] }"#, r#"["20 mm"]"#),
    ("rain", "post-1/tilt/tilt-x", r#"{ kind = "soil-water-index", raise-at = "144 mm" }"#, r#""soil-water-index""#),
    ("deformation", "post-1/gauge/rain", r#"{ kind = "soil-water-index", raise-at = "144 mm" }"#, "GROUP"),
    ("rain", "post-1/gauge/rain", r#"{ kind = "effective-rain", half-lives = [{ half-life = "15 min", raise-at = "40 mm" }] }"#, r#""15 min""#),
    ("rain", "post-1/gauge/rain", r#"{ kind = "recent-antecedent", recent = "15 min" }"#, r#""15 min""#),
    ("rain", "post-1/gauge/rain", r#"{ kind = "recent-antecedent", antecedent = "15 min" }"#, r#""15 min""#),
    ("failure-time", "post-1/wire/displacement", r#"{ kind = "failure-time", increment = "0.5 mm", interval-min = "1 min", interval-max = "5 min" }"#, r#""5 min""#),
    ("deformation", "post-1/tilt/tilt-x", r#"{ kind = "threshold", raise-at = "3 deg", clear-below = "4 deg" }"#, r#""4 deg""#),
    ("health", "post-1/tilt/tilt-x", r#"{ kind = "silence", after = "15 min" }"#, r#""15 min""#),
    ("anomaly", "post-1/tilt/tilt-x", r#"{ kind = "anomaly", readings-per-false-alarm = 10 }"#, "10 }"),
    ("anomaly", "post-1/tilt/tilt-x", r#"{ kind = "anomaly", beside = ["post-1/air/humidity"] }"#, r#""post-1/air/humidity""#),
    ("deformation", "post-1/tilt/tilt-x", r#"{ kind = "trigger" }"#, r#""trigger""#),
    ("structure", "post-1/shake/vibration-velocity", r#"{ kind = "trigger" }"#, r#""trigger""#),
    ("structure", "quake/geo/vibration-velocity", r#"{ kind = "trigger" }"#, r#""trigger""#),
    ("structure", "quake/geo/vibration-velocity", r#"{ kind = "trigger", sampled-every = "10 ms", short = "15 ms" }"#, "short"),
    ("structure", "quake/geo/vibration-velocity", r#"{ kind = "trigger", sampled-every = "10 ms", short = "1 s", long = "3 s" }"#, "long"),
    ("structure", "quake/geo/vibration-velocity", r#"{ kind = "natural-frequency", reference = "3.2 Hz", raise-at = "3 %" }"#, "reference"),
    ("structure", "quake/geo/vibration-velocity", r#"{ kind = "natural-frequency", reference = "3.2 Hz", sampled-every = "2 s", raise-at = "3 %" }"#, r#""2 s""#),
];

#[test]
pub fn every_kind_is_read() {
    for (group, series, condition) in GOOD {
        if let Err(problems) = read(group, series, condition) {
            panic!("{condition}: {problems:#?}");
        }
    }
}

#[test]
fn every_kind_has_an_example_here() {
    for (kind, _) in super::KINDS {
        let of_kind = format!("kind = \"{kind}\"");
        assert!(GOOD.iter().any(|(_, _, condition)| condition.contains(&of_kind)), "{kind}");
    }
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    for (group, series, condition, about) in BAD {
        let problems = read(group, series, condition).expect_err(condition);
        let place = match *about {
            "GROUP" => place("group", 0),
            about => place("condition", condition.find(about).unwrap()),
        };
        let named = problems.iter().any(|problem| problem.contains(&place));
        assert!(named, "{condition}: expected {place} in {problems:#?}");
    }
}

/// Series, and the same condition in two units.
#[rustfmt::skip]
const ALIKE: &[(&str, &str, &str, &str)] = &[
    ("deformation", "post-1/tilt/tilt-x", r#"{ kind = "threshold", raise-at = "3 deg" }"#, r#"{ kind = "threshold", raise-at = "52.35987755982989 mrad" }"#),
    ("deformation", "post-1/tilt/tilt-x", r#"{ kind = "rate", window = "3 h", raise-at = "0.01 deg/h", short = { window = "1 h", raise-at = "0.1 deg/h" } }"#, r#"{ kind = "rate", window = "180 min", raise-at = "0.24 deg/d", short = { window = "1 h", raise-at = "1.7453292519943295 mrad/h" } }"#),
    ("deformation", "post-1/wire/displacement", r#"{ kind = "acceleration", interval = "1 h", floor = "0.1 mm/h" }"#, r#"{ kind = "acceleration", interval = "1 h", floor = "0.0024 m/d" }"#),
    ("failure-time", "post-1/wire/displacement", r#"{ kind = "failure-time", increment = "0.5 mm", limit = "400 mm" }"#, r#"{ kind = "failure-time", increment = "0.05 cm", limit = "0.4 m" }"#),
    ("deformation", "post-1/wire/displacement", r#"{ kind = "page-hinkley", slack = "0.05 mm", raise-at = "1 mm" }"#, r#"{ kind = "page-hinkley", slack = "0.005 cm", raise-at = "0.001 m" }"#),
    ("rain", "post-1/gauge/rain", r#"{ kind = "accumulation", window = "3 h", raise-at = "88.9 mm" }"#, r#"{ kind = "accumulation", window = "3 h", raise-at = "3.5 in" }"#),
    ("rain", "post-1/gauge/rain", r#"{ kind = "recent-antecedent", base = "88.9 mm" }"#, r#"{ kind = "recent-antecedent", base = "3.5 in" }"#),
    ("rain", "post-1/gauge/rain", r#"{ kind = "soil-water-index", raise-at = "144 mm" }"#, r#"{ kind = "soil-water-index", raise-at = "14.4 cm" }"#),
    ("structure", "post-1/crack/crack-width", r#"{ kind = "crack-growth", raise-at = "0.1 mm/week", width = "0.5 mm" }"#, r#"{ kind = "crack-growth", raise-at = "0.01 cm/week", width = "0.05 cm" }"#),
    ("structure", "post-1/pin-1/settlement", r#"{ kind = "angular-distortion", other = "pin-2/settlement", distance = "6 m", raise-at = "1/500" }"#, r#"{ kind = "angular-distortion", other = "pin-2/settlement", distance = "6000 mm", raise-at = "1/500" }"#),
    ("structure", "post-1/cell/force", r#"{ kind = "anchor-load", design = "400 kN", raise-at = "100 %" }"#, r#"{ kind = "anchor-load", design = "400000 N", raise-at = "100 %" }"#),
];

#[test]
fn the_unit_a_rule_is_written_in_changes_nothing() {
    for (group, series, one, other) in ALIKE {
        let settings = [one, other].map(|condition| {
            let settings =
                read(group, series, condition).unwrap_or_else(|e| panic!("{condition}: {e:#?}"));
            serde_json::to_value(settings).unwrap()
        });
        assert!(alike(&settings[0], &settings[1]), "{one} is not {other}: {settings:#?}");
    }
}

/// The same but for the last digits of its numbers.
fn alike(one: &serde_json::Value, other: &serde_json::Value) -> bool {
    use serde_json::Value;
    match (one, other) {
        (Value::Number(a), Value::Number(b)) => {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            (a - b).abs() <= 1e-12 * a.abs().max(b.abs())
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|((k, v), (l, w))| k == l && alike(v, w))
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(v, w)| alike(v, w))
        }
        _ => one == other,
    }
}

#[test]
fn limits_are_kept_in_base_units() {
    let soil = read("rain", "post-1/gauge/rain", GOOD[14].2).unwrap();
    let ConditionSettings::SoilWater(soil) = soil else { panic!("{soil:?}") };
    assert!(
        (soil.limit.raise_at - 144.0).abs() < 1e-9 && (soil.limit.clear_below - 129.6).abs() < 1e-9
    );
    let sum = read("rain", "post-1/tips/count", GOOD[7].2).unwrap();
    let ConditionSettings::Accumulation(sum) = sum else { panic!("{sum:?}") };
    assert_eq!(
        (sum.source.tip, sum.source.wraps_at, sum.raise_at),
        (Some(0.2), Some(65_536.0), 90.0)
    );
}
