//! Conditions of rules: limits with units, windows, persistence; each checked against the series it is about.

use std::time::Duration;

use alerting::condition::persistence::{self, WINDOW_LEN_MAX};
use alerting::condition::rate::{Estimator, SAMPLES_MAX};
use alerting::condition::{ConditionSettings, Side, accumulation, rate, silence, threshold};
use reading::id::SeriesName;
use reading::unit::Quantity;

use super::limits::{Per, check_reach, limits};
use super::problem::{Place, Problems};
use super::stations::Watched;
use super::table::Table;
use super::tree::At;
use super::value::{Fault, duration_text};

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(86_400);

/// A slope must be so many of its own standard errors unless the rule says otherwise (domain.md 3.2.1).
const SIGNIFICANCE: f64 = 4.0;

/// Mann–Kendall's statistic a robust slope must have: 2 is a trend that chance gives in one window of 22. A window of
/// seven readings reaches 3 at most.
const TREND_SIGNIFICANCE: f64 = 2.0;

/// How a rate's line is found.
const ESTIMATORS: [(&str, Estimator); 2] =
    [("least-squares", Estimator::LeastSquares), ("theil-sen", Estimator::TheilSen)];

/// Fewer points than this make no line with a scatter of its own.
const SAMPLES_LEAST: u32 = 3;

/// The longest window of a line; what counts is how many readings it holds.
const RATE_WINDOW_MAX: Duration = Duration::from_secs(400 * 86_400);

/// The longest window of a sum (domain.md 3.4.1).
const SUM_WINDOW_MAX: Duration = Duration::from_secs(31 * 86_400);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Threshold,
    Rate,
    Accumulation,
    Silence,
}

const KINDS: [(&str, Kind); 4] = [
    ("threshold", Kind::Threshold),
    ("rate", Kind::Rate),
    ("accumulation", Kind::Accumulation),
    ("silence", Kind::Silence),
];

const SIDES: [(&str, Side); 3] =
    [("above", Side::Above), ("below", Side::Below), ("magnitude", Side::Magnitude)];

/// What a clause tests, and what it is judged with.
pub struct Tested {
    /// The condition.
    pub condition: ConditionSettings,
    /// For each series of the clause, its companions in the order of slots; empty if the kind takes none.
    pub companions: Vec<Vec<SeriesName>>,
}

/// Reads the condition of a rule about these series; companions are among all that is watched at the site.
pub fn read(
    mut table: Table,
    series: &[&Watched],
    _watched: &[Watched],
    problems: &mut Problems,
) -> Option<Tested> {
    table.need(
        "kind",
        "write kind = \"threshold\", \"rate\", \"accumulation\" or \"silence\"",
        problems,
    );
    let kind = table.choice("kind", &KINDS, problems)?;
    let condition = match kind.value {
        Kind::Threshold => {
            threshold(&mut table, series, problems).map(ConditionSettings::Threshold)
        }
        Kind::Rate => rate(&mut table, series, problems).map(ConditionSettings::Rate),
        Kind::Accumulation => accumulation(&mut table, &kind.place, series, problems)
            .map(ConditionSettings::Accumulation),
        Kind::Silence => silence(&mut table, series, problems).map(ConditionSettings::Silence),
    };
    let name = KINDS.iter().find(|(_, one)| *one == kind.value).map_or("", |(name, _)| name);
    table.finish(&format!("a condition of kind {name}"), problems);
    Some(Tested { condition: condition?, companions: Vec::new() })
}

fn threshold(
    table: &mut Table,
    series: &[&Watched],
    problems: &mut Problems,
) -> Option<threshold::Settings> {
    let side = table.choice("side", &SIDES, problems).map_or(Side::Above, |side| side.value);
    let limits = limits(table, side, Per::Itself, series, problems);
    let persistence = persistence(table, series, problems);
    let limits = limits?;
    check_reach(&limits, side, series, problems);
    Some(threshold::Settings {
        side,
        raise_at: limits.raise_at.value,
        clear_below: limits.clear_below,
        persistence: persistence?,
    })
}

fn rate(table: &mut Table, series: &[&Watched], problems: &mut Problems) -> Option<rate::Settings> {
    let side = table.choice("side", &SIDES, problems).map_or(Side::Magnitude, |side| side.value);
    let limits = limits(table, side, Per::Time, series, problems);
    let window = window(table, SAMPLES_LEAST, RATE_WINDOW_MAX, series, problems);
    if let Some(window) = &window {
        check_samples(window, series, problems);
    }
    let samples_min = samples_min(table, window.as_ref(), series, problems);
    let estimator = table
        .choice("estimator", &ESTIMATORS, problems)
        .map_or(Estimator::LeastSquares, |e| e.value);
    let significance = significance(table, estimator, problems);
    let persistence = persistence(table, series, problems);
    let limits = limits?;
    Some(rate::Settings {
        estimator,
        window: window?.value,
        side,
        raise_at: limits.raise_at.value,
        clear_below: limits.clear_below,
        samples_min,
        significance,
        persistence: persistence?,
    })
}

fn significance(table: &mut Table, estimator: Estimator, problems: &mut Problems) -> f64 {
    let Some(given) = table.number("significance", problems) else {
        return match estimator {
            Estimator::LeastSquares => SIGNIFICANCE,
            Estimator::TheilSen => TREND_SIGNIFICANCE,
        };
    };
    if !(0.0..=100.0).contains(&given.value) {
        problems.add(
            &given.place,
            "`significance` is out of bounds",
            "write standard errors from 0 to 100, say 4.0",
        );
    }
    given.value
}

/// How few readings say nothing: half of what the window holds if all is well, unless the rule says otherwise.
fn samples_min(
    table: &mut Table,
    window: Option<&At<Duration>>,
    series: &[&Watched],
    problems: &mut Problems,
) -> u16 {
    let bounds = i64::from(SAMPLES_LEAST)..=SAMPLES_MAX as i64;
    let given = table.integer("samples-min", bounds, problems);
    let Some(window) = window else { return SAMPLES_LEAST as u16 };
    let held = longest(series)
        .map_or(f64::from(SAMPLES_LEAST), |interval| samples(window.value, interval).floor());
    match given {
        Some(given) if given.value as f64 > held + 1.0 => {
            let what = format!("the window never holds `samples-min` readings: it holds {held}");
            problems.add(&given.place, what, "ask for fewer, or look back longer");
            given.value as u16
        }
        Some(given) => given.value as u16,
        None => (held / 2.0).ceil().clamp(f64::from(SAMPLES_LEAST), SAMPLES_MAX as f64) as u16,
    }
}

fn accumulation(
    table: &mut Table,
    place: &Place,
    series: &[&Watched],
    problems: &mut Problems,
) -> Option<accumulation::Settings> {
    let series = only_amounts(place, series, problems);
    let limits = limits(table, Side::Above, Per::Itself, series, problems);
    let window = window(table, 2, SUM_WINDOW_MAX, series, problems);
    let persistence = persistence_from(table, "1 of 1", 1, series, problems);
    let limits = limits?;
    if limits.raise_at.value <= 0.0 {
        problems.add(
            &limits.raise_at.place,
            "a sum is always at or above this",
            "write an amount above 0",
        );
    }
    Some(accumulation::Settings {
        window: window?.value,
        raise_at: limits.raise_at.value,
        clear_below: limits.clear_below,
        persistence: persistence?,
    })
}

/// The series, if a sum of each means something; else none, so that nothing more is said of them.
fn only_amounts<'s, 'w>(
    place: &Place,
    series: &'s [&'w Watched],
    problems: &mut Problems,
) -> &'s [&'w Watched] {
    let summed = |quantity| matches!(quantity, Quantity::Rain | Quantity::Count);
    let Some(other) = series.iter().find(|one| !summed(one.name.quantity)) else { return series };
    let what = format!(
        "{} is not an amount since the report before: a sum of it means nothing",
        other.name.quantity
    );
    problems.add(place, what, "use kind = \"threshold\" or \"rate\", or a series of rain or count");
    &[]
}

fn silence(
    table: &mut Table,
    series: &[&Watched],
    problems: &mut Problems,
) -> Option<silence::Settings> {
    table.need("after", "say how long nothing may be heard, say after = \"30 min\"", problems);
    let after = table.duration("after", SECOND..=30 * DAY, problems)?;
    if let Some(interval) = longest(series).filter(|interval| after.value < 2 * *interval) {
        let what = format!(
            "one lost report would be silence: the station reports every {}",
            duration_text(interval)
        );
        problems.add(&after.place, what, "wait for at least two report intervals");
    }
    Some(silence::Settings { after: after.value })
}

fn window(
    table: &mut Table,
    least: u32,
    most: Duration,
    series: &[&Watched],
    problems: &mut Problems,
) -> Option<At<Duration>> {
    table.need("window", "say how far back it looks, say window = \"3 h\"", problems);
    let window = table.duration("window", SECOND..=most, problems)?;
    if let Some(interval) = longest(series).filter(|interval| window.value < least * *interval) {
        let every = duration_text(interval);
        let what = format!("the window is shorter than {least} report intervals of {every}");
        let remedy = format!("look back at least {}", duration_text(least * interval));
        problems.add(&window.place, what, remedy);
    }
    Some(window)
}

/// A line is drawn through so many readings and no more.
fn check_samples(window: &At<Duration>, series: &[&Watched], problems: &mut Problems) {
    let shortest = series.iter().map(|one| one.interval).min();
    let most = SAMPLES_MAX as f64;
    if let Some(interval) = shortest.filter(|interval| samples(window.value, *interval) > most) {
        let every = duration_text(interval);
        let what = format!("the window holds more than {SAMPLES_MAX} readings, one every {every}");
        let remedy = format!("look back at most {}", duration_text(interval * SAMPLES_MAX as u32));
        problems.add(&window.place, what, remedy);
    }
}

fn persistence(
    table: &mut Table,
    series: &[&Watched],
    problems: &mut Problems,
) -> Option<persistence::Settings> {
    persistence_from(table, "3 of 5", 3, series, problems)
}

/// Reads `raise`, `hold`, `clear-count` and `gap-max`. A gap is usually three report intervals (domain.md 3.1).
fn persistence_from(
    table: &mut Table,
    usual_raise: &str,
    usual_clear: u8,
    series: &[&Watched],
    problems: &mut Problems,
) -> Option<persistence::Settings> {
    let raise = match table.read("raise", raise_of, problems) {
        Some(raise) => raise.value,
        None => raise_of(usual_raise).ok()?,
    };
    let hold = table.duration("hold", Duration::ZERO..=30 * DAY, problems);
    let clear_count = table.integer("clear-count", 1..=i64::from(WINDOW_LEN_MAX), problems);
    let gap_max = table.duration("gap-max", SECOND / 10..=30 * DAY, problems);
    let interval = longest(series);
    if let (Some(gap), Some(interval)) = (&gap_max, interval)
        && gap.value < interval
    {
        let what = format!("`gap-max` is below the report interval of {}", duration_text(interval));
        problems.add(
            &gap.place,
            what,
            "every reading would follow a gap; allow at least two intervals",
        );
    }
    Some(persistence::Settings {
        raise_count: raise.0,
        window_len: raise.1,
        hold: hold.map_or(Duration::ZERO, |at| at.value),
        clear_count: clear_count.map_or(usual_clear, |at| at.value as u8),
        gap_max: gap_max.map_or_else(|| 3 * interval.unwrap_or(SECOND), |at| at.value),
    })
}

fn raise_of(text: &str) -> Result<(u8, u8), Fault> {
    let (count, of) = super::value::count_of(text)?;
    match (u8::try_from(count), u8::try_from(of)) {
        (Ok(0), _) => {
            Err(Fault::new("none of the readings need be beyond the limit", "ask for at least 1"))
        }
        (Ok(count), Ok(of)) if count <= of && of <= WINDOW_LEN_MAX => Ok((count, of)),
        (Ok(count), Ok(of)) if count > of => Err(Fault::new(
            format!("{count} of {of} readings can never be"),
            "write the smaller number first",
        )),
        _ => Err(Fault::new(
            format!("it looks back on more than {WINDOW_LEN_MAX} readings"),
            format!("look back on at most {WINDOW_LEN_MAX}"),
        )),
    }
}

fn longest(series: &[&Watched]) -> Option<Duration> {
    series.iter().map(|one| one.interval).max()
}

fn samples(window: Duration, interval: Duration) -> f64 {
    window.as_secs_f64() / interval.as_secs_f64()
}
