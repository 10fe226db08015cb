//! Failure-time forecasts on recorded cracks, scored as docs/evaluation.md shows them, beside plain inverse velocity.
//!
//! `BONGSU_REWRITE=1 BONGSU_TEST_DATA=… cargo test -p alerting --test failure_time` writes the table anew.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "common/chance.rs"]
mod chance;
#[path = "failure_time/calibration.rs"]
mod calibration;
#[path = "failure_time/plain.rs"]
mod plain;
#[path = "failure_time/rows.rs"]
mod rows;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use calibration::{ASYMPTOTE, TO_LIMIT};
use rows::Row;

/// Parts of the life left at which forecasts are looked at.
const LEFT: [f64; 6] = [0.5, 0.3, 0.2, 0.1, 0.05, 0.02];

/// The length at which these tests end.
const LIMIT_MM: f64 = 49.8;

/// The specimens are looked at in groups of so many as well.
const GROUP: usize = 6;

struct Series {
    rows: Vec<(f64, f64)>,
    end: f64,
}

/// One forecast against the truth, both in parts of the time left.
struct Look {
    error: f64,
    of_life: f64,
    held: bool,
}

fn data() -> Option<PathBuf> {
    let folder = std::env::var_os("BONGSU_TEST_DATA").map(|folder| Path::new(&folder).join("data"));
    if folder.is_none() {
        println!("skipped: BONGSU_TEST_DATA is not set");
    }
    folder
}

fn series(data: &Path) -> Vec<Series> {
    let list = std::fs::read_to_string(data.join("failure.json")).unwrap();
    let list: Vec<serde_json::Value> = serde_json::from_str(&list).unwrap();
    let one = |entry: &serde_json::Value| {
        let text = std::fs::read_to_string(data.join(entry["file"].as_str().unwrap())).unwrap();
        Series { rows: rows::read(&text), end: entry["failure"].as_f64().unwrap() }
    };
    list.iter().map(one).collect()
}

fn look(series: &Series, forecasts: &[Row], left: f64) -> Option<Look> {
    let life = series.end - series.rows[0].0;
    let at = series.rows.partition_point(|(t, _)| *t <= series.end - left * life) - 1;
    let [predicted, low, high] = forecasts[at].forecast?;
    let remaining = series.end - series.rows[at].0;
    Some(Look {
        error: (predicted - series.end) / remaining,
        of_life: (predicted - series.end) / life,
        held: (low..=high).contains(&series.end),
    })
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => values[middle],
        _ => (values[middle - 1] + values[middle]) / 2.0,
    }
}

type Forecast<'f> = &'f dyn Fn(&[(f64, f64)]) -> Vec<Row>;

fn table(all: &[Series]) -> String {
    let mut out = String::from(
        "| forecast | life left | has one | error / life, signed | error / time left | worst group | interval holds the truth |\n\
         |---|---|---|---|---|---|---|\n",
    );
    let with_limit = |rows: &[(f64, f64)]| rows::forecasts(rows, Some(LIMIT_MM));
    let asymptote = |rows: &[(f64, f64)]| rows::forecasts(rows, None);
    let ways: [(&str, Forecast<'_>); 4] = [
        ("bongsu, to the length at which it breaks", &with_limit),
        ("bongsu, asymptote with every gate", &asymptote),
        ("plain inverse velocity, least squares", &plain::least_squares),
        ("plain inverse velocity, Theil–Sen", &plain::theil_sen),
    ];
    for (name, way) in ways {
        let forecasts: Vec<Vec<Row>> = all.iter().map(|one| way(&one.rows)).collect();
        for left in LEFT {
            line(&mut out, name, left, all, &forecasts);
        }
    }
    out
}

fn line(out: &mut String, name: &str, left: f64, all: &[Series], forecasts: &[Vec<Row>]) {
    let looks: Vec<Option<Look>> =
        all.iter().zip(forecasts).map(|(one, rows)| look(one, rows, left)).collect();
    let made: Vec<&Look> = looks.iter().flatten().collect();
    write!(out, "| {name} | {:.0} % | {} of {} |", 100.0 * left, made.len(), all.len()).unwrap();
    if made.is_empty() {
        out.push_str(" | | | |\n");
        return;
    }
    let size = |looks: &[&Look]| median(looks.iter().map(|look| look.error.abs()).collect());
    let groups = looks.chunks(GROUP).map(|group| size(&group.iter().flatten().collect::<Vec<_>>()));
    let worst = groups.filter(|size| size.is_finite()).fold(0.0, f64::max);
    let signed = median(made.iter().map(|look| look.of_life).collect());
    write!(out, " {signed:+.4} | {:.2} | {worst:.2} |", size(&made)).unwrap();
    let held = made.iter().filter(|look| look.held).count();
    match name.starts_with("plain") {
        true => out.push_str(" none given |\n"),
        false => writeln!(out, " {held} of {} |", made.len()).unwrap(),
    }
}

#[test]
fn the_page_says_what_the_forecaster_does() {
    let Some(data) = data() else { return };
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/evaluation.md");
    let page = std::fs::read_to_string(&file).unwrap();
    let all = series(&data);
    let widths = format!(
        "{}\n{}\n{}",
        calibration::table("cracks, to the limit", TO_LIMIT, &calibration::cracks(&all, GROUP)),
        calibration::table("runaways, asymptote", ASYMPTOTE, &calibration::runaways(1.0)),
        calibration::given_way()
    );
    let made = between(&page, "failure-time", &table(&all));
    let made = between(&made, "failure-time-widths", &widths);
    if std::env::var_os("BONGSU_REWRITE").is_some() {
        std::fs::write(&file, made).unwrap();
    } else {
        assert!(made == page, "docs/evaluation.md is out of date: run this with BONGSU_REWRITE=1");
    }
}

fn between(page: &str, name: &str, table: &str) -> String {
    let (begin, end) = (format!("<!-- begin: {name} -->\n"), format!("<!-- end: {name} -->"));
    let (before, rest) = page.split_once(&begin).unwrap();
    let (_, after) = rest.split_once(&end).unwrap();
    format!("{before}{begin}{table}{end}{after}")
}

#[test]
fn intervals_without_a_limit_hold_the_truth_as_often_as_they_say() {
    let runaways = calibration::runaways(1.0);
    let (held, of) = calibration::held(runaways.iter(), ASYMPTOTE);
    println!("{held} of {of}");
    assert!(of >= 500 && (85..=95).contains(&(100 * held / of)), "{held} of {of}");
    for group in &runaways {
        let (held, of) = calibration::held(std::iter::once(group), ASYMPTOTE);
        assert!(100 * held >= 85 * of, "{held} of {of}");
    }
}

#[test]
fn what_gives_way_before_its_asymptote_does_so_before_the_latest() {
    for part in [0.99, 0.97, 0.9] {
        let (held, of) = calibration::held(calibration::runaways(part).iter(), ASYMPTOTE);
        assert!(of >= 300 && 100 * held >= 98 * of, "{held} of {of} after {part} of the life");
    }
}

#[test]
fn without_acceleration_there_is_no_forecast_with_or_without_a_limit() {
    type Path = fn(f64) -> f64;
    const BOTH: &[Option<f64>] = &[None, Some(5_000.0)];
    // what jumps is faster than it was: on its way to a limit that is looked at, an asymptote it has none
    let paths: [(&str, Path, &[Option<f64>]); 5] = [
        ("rest", |_| 3.0, BOTH),
        ("steady", |hour| 2.0 * hour, BOTH),
        ("steady with a day", |hour| 0.5 * hour + 0.3 * (hour / 3.82).sin(), BOTH),
        ("slowing", |hour| 50.0 * (1.0 - (-hour / 60.0).exp()), BOTH),
        ("a step", |hour| if hour < 200.0 { 0.2 * hour } else { 0.2 * hour + 30.0 }, &[None]),
    ];
    for (name, path, limits) in paths {
        let row = |row: u32| (f64::from(row) * 600.0, path(f64::from(row) / 6.0));
        let rows: Vec<(f64, f64)> = (0..2_400).map(row).collect();
        for &limit in limits {
            let forecasts = rows::forecasts(&rows, limit);
            let first = forecasts.iter().position(|row| row.forecast.is_some());
            assert_eq!(first, None, "{name}, limit {limit:?}");
        }
    }
}

#[test]
fn with_a_tenth_of_the_life_left_the_error_is_a_quarter_of_it_and_intervals_hold() {
    let Some(data) = data() else { return };
    let all = series(&data);
    let forecasts: Vec<Vec<Row>> =
        all.iter().map(|one| rows::forecasts(&one.rows, Some(LIMIT_MM))).collect();
    let looks = |left: f64| -> Vec<Look> {
        all.iter().zip(&forecasts).filter_map(|(one, rows)| look(one, rows, left)).collect()
    };
    let tenth = looks(0.1);
    assert!(tenth.len() * 100 >= 95 * all.len(), "{}", tenth.len());
    let error = median(tenth.iter().map(|look| look.error.abs()).collect());
    assert!(error <= 0.25, "{error}");
    let every: Vec<Look> = LEFT.into_iter().flat_map(looks).collect();
    let held = every.iter().filter(|look| look.held).count();
    assert!((85..=95).contains(&(100 * held / every.len())), "{held} of {}", every.len());
}

#[test]
fn a_forecast_uses_nothing_that_comes_after_it() {
    let Some(data) = data() else { return };
    for one in series(&data).iter().take(4) {
        let cut = one.rows.len() * 2 / 3;
        let whole = rows::forecasts(&one.rows, Some(LIMIT_MM));
        let part = rows::forecasts(&one.rows[..cut], Some(LIMIT_MM));
        assert!(whole.iter().zip(&part).all(|(a, b)| a.forecast == b.forecast));
    }
}
