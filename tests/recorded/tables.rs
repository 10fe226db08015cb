//! The tables of docs/evaluation.md.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::play::{
    self, CRACK, GROUNDWATER, Kind, PORE_PRESSURE, RAIN, Raise, SOIL_MOISTURE, SOIL_TEMPERATURE,
};

const LEVELS: [&str; 4] = ["attention", "caution", "warning", "severe"];
const EVENTS: [&str; 5] = ["step", "drift", "creep", "noise", "stuck"];

/// Every table by the name of its place in the page.
pub fn all(data: &Path) -> Vec<(&'static str, String)> {
    let records = records(data);
    vec![
        ("cracks", cracks(data)),
        ("quiet", quiet(&records)),
        ("events", events(&records)),
        ("found", found(&records)),
        ("rain", rain(data)),
    ]
}

fn json(path: PathBuf) -> Vec<Value> {
    serde_json::from_str(&play::text(&path)).unwrap()
}

fn name(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// Hours up to two days, then days.
fn span(seconds: i64) -> String {
    let hours = seconds as f64 / 3_600.0;
    if hours.abs() < 48.0 { format!("{hours:.1} h") } else { format!("{:.1} d", hours / 24.0) }
}

fn first<'r>(raises: &'r [Raise], level: &str) -> Option<&'r Raise> {
    raises.iter().find(|raise| raise.is(level))
}

// Cracks.

fn cracks(data: &Path) -> String {
    let specimens = json(data.join("failure.json"));
    let played =
        play::all(&specimens, |specimen| play::raises(CRACK, &data.join(name(&specimen["file"]))));
    let mut out = String::from(
        "| specimen | breaks after | caution (주의) at | by | before the end | warning (경계) at | by | before the end |\n\
         |---|---|---|---|---|---|---|---|\n",
    );
    let mut leads = [Vec::new(), Vec::new()];
    for (specimen, raises) in specimens.iter().zip(&played) {
        let end = specimen["failure"].as_f64().unwrap() as i64;
        write!(out, "| {} | {} |", name(&specimen["id"]), hours(end)).unwrap();
        for (level, leads) in ["caution", "warning"].iter().zip(&mut leads) {
            match first(raises, level) {
                Some(raise) => {
                    let (lead, left) =
                        (end - raise.at, 100.0 * (end - raise.at) as f64 / end as f64);
                    leads.push(lead);
                    write!(
                        out,
                        " {} | {} | {}, {left:.0} % |",
                        hours(raise.at),
                        raise.rule,
                        hours(lead)
                    )
                    .unwrap();
                }
                None => out.push_str(" never | | |"),
            }
        }
        out.push('\n');
    }
    out.push('\n');
    for (level, mut leads) in ["caution", "warning"].iter().zip(leads) {
        leads.sort_unstable();
        let (of, least, most) = (leads.len(), leads[0], leads[leads.len() - 1]);
        let (all, middle) = (specimens.len(), leads[of / 2]);
        writeln!(
            out,
            "- {level}: {of} of {all}, before the end at least {}, in the middle {}, at most {}",
            hours(least),
            hours(middle),
            hours(most)
        )
        .unwrap();
    }
    let others: usize =
        played.iter().flatten().filter(|r| !r.is("caution") && !r.is("warning")).count();
    writeln!(out, "- any other level, or silence: {others}").unwrap();
    out
}

fn hours(seconds: i64) -> String {
    format!("{:.1} h", seconds as f64 / 3_600.0)
}

// Records of slope station and wells, quiet and with inserted events.

/// One file and what it raised.
struct Record {
    kind: Kind,
    series: String,
    copy: String,
    label: Value,
    raises: Vec<Raise>,
}

impl Record {
    fn days(&self) -> f64 {
        self.label["rows"].as_f64().unwrap() * self.label["interval_s"].as_f64().unwrap() / 86_400.0
    }

    fn count(&self, level: &str) -> usize {
        self.raises.iter().filter(|raise| raise.is(level)).count()
    }

    fn silences(&self) -> usize {
        self.raises
            .iter()
            .filter(|raise| !raise.of_hazard && raise.rule.contains("silence"))
            .count()
    }
}

fn records(data: &Path) -> Vec<Record> {
    let folder = tempfile::tempdir().unwrap();
    let mut labels = json(data.join("labels.json"));
    labels.retain(|label| kind_of(name(&label["id"])).is_some());
    play::all(&labels, |label| {
        let id = name(&label["id"]);
        let (kind, convert) = kind_of(id).unwrap();
        let parts: Vec<&str> = id.split('/').collect();
        let csv = folder.path().join(id.replace('/', "-"));
        std::fs::write(&csv, play::converted(&data.join(name(&label["file"])), convert)).unwrap();
        let raises = play::raises(kind, &csv);
        Record {
            kind,
            series: parts[1].into(),
            copy: parts[2].into(),
            label: label.clone(),
            raises,
        }
    })
}

/// A raw value to the base unit.
type Conversion = fn(f64) -> f64;

/// What a series is and how its raw values become its base unit: by its kind alone.
fn kind_of(id: &str) -> Option<(Kind, Conversion)> {
    let rest = id.strip_prefix("slope_station/waMVD116_");
    Some(match rest.and_then(|rest| rest.split('/').next()) {
        Some(probe) if probe.starts_with("vwc") => (SOIL_MOISTURE, |v| 2.975 * v - 0.4),
        Some("press1") => (PORE_PRESSURE, |v| 100.0 - 0.1 * v),
        Some("cable1") => (PORE_PRESSURE, |f| -9.5792e-5 * f * f - 2.3260e-3 * f + 828.53 - 2.834),
        Some("tens1") => (SOIL_TEMPERATURE, |v| 0.05 * v - 30.0),
        _ if id.starts_with("groundwater/") => (GROUNDWATER, |v| v),
        _ => return None,
    })
}

fn quiet(records: &[Record]) -> String {
    let mut out = String::from(
        "| rules | series | observed | attention 관심 | caution 주의 | warning 경계 | severe 심각 | silence |\n\
         |---|---|---|---|---|---|---|---|\n",
    );
    let clean: Vec<&Record> = records.iter().filter(|record| record.copy == "clean").collect();
    for record in &clean {
        row(&mut out, record.kind.site, &record.series, &[record]);
    }
    for kind in [SOIL_MOISTURE, PORE_PRESSURE, SOIL_TEMPERATURE, GROUNDWATER] {
        let of_kind: Vec<&Record> =
            clean.iter().filter(|record| record.kind.site == kind.site).copied().collect();
        row(&mut out, kind.site, "**together**", &of_kind);
    }
    out
}

fn row(out: &mut String, rules: &str, series: &str, records: &[&Record]) {
    let days: f64 = records.iter().map(|record| record.days()).sum();
    write!(out, "| {rules} | {series} | {days:.0} d |").unwrap();
    for level in LEVELS {
        write!(out, " {} |", records.iter().map(|record| record.count(level)).sum::<usize>())
            .unwrap();
    }
    writeln!(out, " {} |", records.iter().map(|record| record.silences()).sum::<usize>()).unwrap();
}

/// What became of one inserted event.
enum Fate {
    /// A level rose between its onset and its deadline: which, and how long after the onset.
    Found {
        level: String,
        after: i64,
        before_failure: Option<i64>,
    },
    /// One rose, but one rises then without the event, too: that proves nothing.
    Chance {
        level: String,
    },
    Missed,
}

fn fate(record: &Record, clean: &Record) -> Fate {
    let event = &record.label["events"][0];
    let moment = |key: &str| event[key].as_str().map(play::seconds);
    let (onset, deadline) = (moment("onset").unwrap(), moment("deadline").unwrap());
    let in_time = |raise: &&Raise| raise.of_hazard && (onset..=deadline).contains(&raise.at);
    let usual = clean.raises.iter().filter(in_time).map(|raise| play::rank(&raise.to)).max();
    let own =
        record.raises.iter().filter(in_time).find(|raise| Some(play::rank(&raise.to)) > usual);
    match (own, record.raises.iter().find(in_time)) {
        (Some(raise), _) => Fate::Found {
            level: raise.to.clone(),
            after: raise.at - onset,
            before_failure: moment("failure").map(|failure| failure - raise.at),
        },
        (None, Some(raise)) => Fate::Chance { level: raise.to.clone() },
        (None, None) => Fate::Missed,
    }
}

fn fates<'r>(records: &'r [Record], event: &str) -> Vec<(&'r Record, Fate)> {
    let clean =
        |of: &Record| records.iter().find(|r| r.copy == "clean" && r.series == of.series).unwrap();
    records
        .iter()
        .filter(|record| record.copy == event)
        .map(|record| (record, fate(record, clean(record))))
        .collect()
}

fn events(records: &[Record]) -> String {
    let mut out = format!(
        "| rules | series | {} |\n|---|---|{}\n",
        EVENTS.join(" | "),
        "---|".repeat(EVENTS.len())
    );
    let fates: Vec<_> = EVENTS.iter().map(|event| fates(records, event)).collect();
    for record in records.iter().filter(|record| record.copy == "clean") {
        write!(out, "| {} | {} |", record.kind.site, record.series).unwrap();
        for fates in &fates {
            let fate = fates.iter().find(|(other, _)| other.series == record.series);
            write!(out, " {} |", fate.map_or("none inserted".into(), |(_, fate)| cell(fate)))
                .unwrap();
        }
        out.push('\n');
    }
    out
}

fn cell(fate: &Fate) -> String {
    match fate {
        Fate::Missed => "missed".into(),
        Fate::Chance { level } => format!("chance ({level})"),
        Fate::Found { level, after, before_failure: None } => {
            format!("{level} after {}", span(*after))
        }
        Fate::Found { level, after, before_failure: Some(lead) } => {
            format!("{level} after {}, {} before the end", span(*after), span(*lead))
        }
    }
}

fn found(records: &[Record]) -> String {
    let mut out =
        format!("| rules | {} |\n|---|{}\n", EVENTS.join(" | "), "---|".repeat(EVENTS.len()));
    let fates: Vec<_> = EVENTS.iter().map(|event| fates(records, event)).collect();
    for kind in [SOIL_MOISTURE, PORE_PRESSURE, SOIL_TEMPERATURE, GROUNDWATER] {
        write!(out, "| {} |", kind.site).unwrap();
        for fates in &fates {
            let of_kind: Vec<_> =
                fates.iter().filter(|(record, _)| record.kind.site == kind.site).collect();
            let found =
                of_kind.iter().filter(|(_, fate)| matches!(fate, Fate::Found { .. })).count();
            write!(out, " {found} of {} |", of_kind.len()).unwrap();
        }
        out.push('\n');
    }
    let spikes: Vec<bool> = records.iter().flat_map(|record| tipped(record, records)).collect();
    let told = spikes.iter().filter(|told| **told).count();
    writeln!(out, "\nSpikes after which a level rose within a day: {told} of {}.", spikes.len())
        .unwrap();
    out
}

/// For each spike of a copy, whether a level rose within a day that did not rise without it.
fn tipped(record: &Record, records: &[Record]) -> Vec<bool> {
    let clean = records.iter().find(|r| r.copy == "clean" && r.series == record.series).unwrap();
    let event = record.label["events"].get(0);
    let spikes =
        record.label["neutral"].as_array().filter(|_| event.is_some()).into_iter().flatten();
    let tips = |spike: &Value| {
        let (from, to) = (play::seconds(name(&spike[0])), play::seconds(name(&spike[1])) + 86_400);
        let usual = |raise: &Raise| {
            clean.raises.iter().any(|other| (other.at, &other.to) == (raise.at, &raise.to))
        };
        let after =
            record.raises.iter().filter(|raise| raise.of_hazard && (from..=to).contains(&raise.at));
        after.filter(|raise| !usual(raise)).count() > 0
    };
    spikes.map(tips).collect()
}

// Rain.

fn rain(data: &Path) -> String {
    let folder = tempfile::tempdir().unwrap();
    let gauges = ["waMLP", "waMVD116", "waMWWD", "waWatertonA"];
    let mut out = String::from(
        "| gauge | observed | level | at (UTC-8) | why | silence |\n|---|---|---|---|---|---|\n",
    );
    for gauge in gauges {
        let csv = folder.path().join(gauge);
        let rows = play::rain_rows(&data.join(format!("usgs/{gauge}_rain.txt.gz")));
        let days = rows.lines().count() as f64 / 96.0;
        std::fs::write(&csv, rows).unwrap();
        let raises = play::raises(RAIN, &csv);
        let silences = raises.iter().filter(|raise| !raise.of_hazard).count();
        let hazards: Vec<&Raise> = raises.iter().filter(|raise| raise.of_hazard).collect();
        if hazards.is_empty() {
            writeln!(out, "| {gauge} | {days:.0} d | none | | | {silences} |").unwrap();
        }
        for (at, raise) in hazards.iter().enumerate() {
            let (days, silences) = match at {
                0 => (format!("{days:.0} d"), silences.to_string()),
                _ => Default::default(),
            };
            let Raise { to, text, .. } = raise;
            writeln!(
                out,
                "| {gauge} | {days} | {to} | {} | {text} | {silences} |",
                play::stamp(raise.at)
            )
            .unwrap();
        }
    }
    out
}
