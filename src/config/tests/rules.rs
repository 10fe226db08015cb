//! Rules of several clauses: what they become, and every way to write them wrong.

use std::time::Duration;

use alerting::rule::{Quorum, Rule, When};
use alerting::validity::MonthDay;

use super::*;

/// Two posts, a gauge, and a rule of four clauses; its lines count from 1 behind the stations.
const STATIONS: &str = r#"
[[station]]
id = "post-1"
report-interval = "10 min"
[[station.sensor]]
id = "tilt-1"
quantities = ["tilt-x", "tilt-y"]
range = ["-30 deg", "30 deg"]
[[station.sensor]]
id = "air-1"
quantities = ["temperature"]
range = ["-40 Cel", "60 Cel"]

[[station]]
id = "post-2"
report-interval = "10 min"
[[station.sensor]]
id = "tilt-1"
quantities = ["tilt-x"]
range = ["-30 deg", "30 deg"]

[[station]]
id = "siren-1"

[[station]]
id = "gauge-1"
report-interval = "10 min"
[[station.sensor]]
id = "rain-1"
quantities = ["rain"]
range = ["0 mm", "50 mm"]
"#;

const RULES: &str = r#"[[rule]]
id = "wet"
group = "rain"
levels = { caution = { raise-at = "90 mm" }, warning = { raise-at = "120 mm", hold = "20 min", dwell = "1 d" } }
series = ["gauge-1/rain-1/rain"]
condition = { kind = "accumulation", window = "3 h" }
provenance = { author = "Kim", date = "2026-07-01", reason = "KMA" }

[[rule]]
id = "slide"
group = "deformation"
level = "severe"
when = { all = ["tilt", { any = [{ rule = "wet-warning" }, { not = "frost" }] }] }
valid = { season = "06-15..09-30", hours = "22:00..06:00" }
dwell = "2 d"
provenance = { author = "Kim", date = "2026-07-01", reason = "two posts, and wet or not frozen" }
[[rule.clause]]
id = "tilt"
series = ["post-*/tilt-1/tilt-x"]
at-least = "2 stations"
condition = { kind = "threshold", raise-at = "3 deg" }
[[rule.clause]]
id = "frost"
group = "health"
series = ["post-1/air-1/temperature"]
condition = { kind = "threshold", side = "below", raise-at = "-2 Cel", clear-above = "0 Cel" }
"#;

fn site(rules: &str) -> BTreeMap<String, String> {
    let mut sources = good();
    let head = SITE.split("[[station]]").next().unwrap();
    let text = format!("{head}{}\n{rules}", STATIONS.trim_start());
    sources.insert("sites/cut-12.toml".into(), text);
    sources
}

fn rule(id: &str) -> Rule {
    let config = load(&site(RULES)).unwrap_or_else(|problems| panic!("{problems}"));
    config.setup.rules.iter().find(|rule| rule.id.as_str() == id).cloned().unwrap()
}

#[test]
pub fn clauses_levels_and_named_rules_become_one_tree() {
    let slide = rule("slide");
    let ids: Vec<_> = slide.clauses.iter().map(|clause| clause.id.as_str()).collect();
    assert_eq!(ids, ["tilt", "frost", "wet-warning"]);
    let expected = When::All(vec![
        When::Clause(0),
        When::Any(vec![When::Clause(2), When::Not(Box::new(When::Clause(1)))]),
    ]);
    assert_eq!(slide.when, expected);
    assert_eq!(slide.clauses[0].quorum, Quorum::Stations(2));
    assert_eq!(slide.clauses[0].series.len(), 2);
    assert_eq!((slide.clauses[1].group, slide.clauses[2].group), (Group::Health, Group::Rain));
    let valid = slide.valid.unwrap();
    assert_eq!(valid.season, Some((MonthDay(6, 15), MonthDay(9, 30))));
    assert_eq!(valid.hours, Some((22 * 60, 6 * 60)));
    assert_eq!(valid.offsets.first().map(|(_, offset)| *offset), Some(9 * 3_600));

    let (caution, warning) = (rule("wet-caution"), rule("wet-warning"));
    assert!(caution.is_plain() && warning.is_plain());
    let sum = |rule: &Rule| match &rule.clauses[0].condition {
        ConditionSettings::Accumulation(sum) => (sum.raise_at, sum.persistence.hold.as_secs()),
        other => panic!("{other:?}"),
    };
    assert_eq!((sum(&caution), sum(&warning)), ((90.0, 0), (120.0, 1_200)));
    assert_eq!((caution.dwell, warning.dwell), (None, Some(Duration::from_secs(86_400))));
    assert_ne!(caution.version(), warning.version());
    assert_eq!(warning.version(), rule("wet-warning").version());
}

/// What is replaced by what, where the problem then stands (line within the rules), and a word of it.
#[rustfmt::skip]
const WRONG: &[(&str, &str, &str, &str)] = &[
    ("\"tilt\", { any", "\"tlit\", { any", "13:17", "did you mean \"tilt\"?"),
    ("rule = \"wet-warning\"", "rule = \"wet-warnings\"", "13:43", "did you mean \"wet-warning\"?"),
    ("rule = \"wet-warning\"", "rule = \"slide\"", "13:43", "leads back to itself: slide → slide"),
    ("{ not = \"frost\" }] }]", "{ not = \"frost\" }] }, { not = [] }]", "13:90", "this is a list"),
    ("all = [\"tilt\", {", "all = [\"tilt\", {}, {", "13:25", "not one of all, any"),
    ("{ all = [\"tilt\", {", "{ any = [\"tilt\", {", "10:6", "without any evidence of its group deformation"),
    ("all = [\"tilt\", { any", "at-least = 3, of = [\"tilt\", { any", "13:21", "3 of 2 can never be"),
    (", { not = \"frost\" }] }]", "] }]", "23:6", "does not name the clause `frost`"),
    ("when = { all = [\"tilt\",", "when = { all = [\"tilt\", 7,", "13:25", "this is a number"),
    ("\"2 stations\"", "\"3 stations\"", "20:12", "names 2"),
    ("\"2 stations\"", "\"2 posts\"", "20:12", "not on how many"),
    ("id = \"frost\"\ngroup", "id = \"tilt\"\ngroup", "23:6", "a second clause is called `tilt`"),
    ("group = \"health\"\nseries = [\"post-1/air", "group = \"structure\"\nseries = [\"post-1/air", "24:9", "no evidence of the group structure"),
    ("06-15..09-30", "06-31..09-30", "14:20", "not a season"),
    ("22:00..06:00", "22..6", "14:44", "no part of a day"),
    ("valid = { season = \"06-15..09-30\", hours = \"22:00..06:00\" }", "valid = {}", "14:9", "limits nothing"),
    ("valid = { season", "valid = { from = 2026-07-01, until = 2026-06-01, season", "14:38", "ends before it begins"),
    ("caution = { raise-at = \"90 mm\" }, ", "caution = { raise-at = \"90 mm\", clear-below = \"95 mm\" }, ", "4:58", "above raise-at"),
    ("levels = {", "level = \"severe\"\nlevels = {", "4:1", "beside `level`"),
    ("levels = { caution", "levels = { cuation", "4:12", "did you mean `caution`?"),
    ("group = \"rain\"", "group = \"report\"", "3:9", "cannot be `report`"),
    ("dwell = \"2 d\"", "dwell = \"1 s\"", "15:9", "out of bounds"),
];

#[test]
fn g13_every_way_to_write_a_rule_wrong_is_named_with_its_place() {
    let before = site(RULES)["sites/cut-12.toml"].lines().count() - RULES.lines().count();
    for (from, to, place, word) in WRONG {
        assert!(RULES.contains(from), "{from}");
        let (line, column) = place.split_once(':').unwrap();
        let line = line.parse::<usize>().unwrap() + before;
        let sources = site(&RULES.replacen(from, to, 1));
        refused(&sources, &format!("sites/cut-12.toml:{line}:{column}"), word);
    }
}

#[test]
fn g13_rules_that_go_in_circles_or_count_a_series_twice_are_refused() {
    let provenance = "provenance = { author = \"K\", date = \"2026-07-01\", reason = \"r\" }\n";
    let part = |id: &str, other: &str| {
        format!(
            "[[rule]]\nid = \"{id}\"\ngroup = \"deformation\"\nlevel = \"caution\"\nwhen = {{ all = [\"own\", {{ rule = \"{other}\" }}] }}\n{provenance}\
             [[rule.clause]]\nid = \"own\"\nseries = [\"post-1/tilt-1/tilt-x\"]\ncondition = {{ kind = \"threshold\", raise-at = \"1 deg\" }}\n"
        )
    };
    let circle = format!("{}{}{}", part("a", "b"), part("b", "c"), part("c", "a"));
    let found = problems(&site(&circle));
    assert!(found.iter().any(|p| p.contains("leads back to itself: a → b → c → a")), "{found:#?}");

    let twice = format!(
        "{RULES}[[rule]]\nid = \"wall\"\ngroup = \"structure\"\nlevel = \"caution\"\nseries = [\"post-1/tilt-1/*\"]\n\
         condition = {{ kind = \"threshold\", raise-at = \"1 deg\" }}\n{provenance}"
    );
    let found = problems(&site(&twice));
    assert!(found.iter().any(|p| p.contains("it would count twice")), "{found:#?}");
}
