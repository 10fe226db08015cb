//! Conditions of rules: limits with units, windows, persistence; each checked against the series it is about.

mod motion;
mod rain;
mod reader;
mod structure;
mod unusual;
#[cfg(test)]
pub(super) mod tests;

use std::time::Duration;

use alerting::condition::persistence::{self, WINDOW_LEN_MAX};
use alerting::condition::{ConditionSettings, Side, silence, threshold};
use reading::id::SeriesName;

use reader::Reader;

use super::limits::{Per, check_reach, limits};
use super::problem::Problems;
use super::stations::Watched;
use super::table::Table;
use super::tree::At;
use super::value::{Fault, duration_text};

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(86_400);

/// The longest window of a sum (docs/formulas.md 5.1).
const SUM_WINDOW_MAX: Duration = Duration::from_secs(31 * 86_400);

/// Reads the keys of one kind.
type Read = fn(&mut Reader<'_>) -> Option<ConditionSettings>;

/// Every kind by the name it is configured by.
const KINDS: &[(&str, Read)] = &[
    ("threshold", |r| threshold(r.table, r.series, r.problems).map(ConditionSettings::Threshold)),
    ("rate", |r| motion::rate(r).map(ConditionSettings::Rate)),
    ("acceleration", |r| motion::acceleration(r).map(ConditionSettings::Acceleration)),
    ("failure-time", |r| motion::failure_time(r).map(ConditionSettings::FailureTime)),
    ("accumulation", |r| rain::accumulation(r).map(ConditionSettings::Accumulation)),
    ("intensity-duration", |r| {
        rain::intensity_duration(r).map(ConditionSettings::IntensityDuration)
    }),
    ("recent-antecedent", |r| rain::recent_antecedent(r).map(ConditionSettings::RecentAntecedent)),
    ("effective-rain", |r| rain::effective_rain(r).map(ConditionSettings::EffectiveRain)),
    ("soil-water-index", |r| rain::soil_water(r).map(ConditionSettings::SoilWater)),
    ("antecedent-water-index", |r| {
        rain::antecedent_water(r).map(ConditionSettings::AntecedentWater)
    }),
    ("compensated", |r| structure::compensated(r).map(ConditionSettings::Compensated)),
    ("baseline", |r| structure::baseline(r).map(ConditionSettings::Baseline)),
    ("cusum", |r| structure::cusum(r).map(ConditionSettings::Cusum)),
    ("page-hinkley", |r| structure::page_hinkley(r).map(ConditionSettings::PageHinkley)),
    ("crack-growth", |r| structure::crack_growth(r).map(ConditionSettings::CrackGrowth)),
    ("wall-movement", |r| structure::wall_movement(r).map(ConditionSettings::WallMovement)),
    ("angular-distortion", |r| {
        structure::angular_distortion(r).map(ConditionSettings::AngularDistortion)
    }),
    ("anchor-load", |r| structure::anchor_load(r).map(ConditionSettings::AnchorLoad)),
    ("neighbours", |r| structure::neighbours(r).map(ConditionSettings::Neighbours)),
    ("disagreement", |r| structure::disagreement(r).map(ConditionSettings::Disagreement)),
    ("vibration", |r| structure::vibration(r).map(ConditionSettings::Vibration)),
    ("natural-frequency", |r| {
        structure::natural_frequency(r).map(ConditionSettings::NaturalFrequency)
    }),
    ("silence", |r| silence(r.table, r.series, r.problems).map(ConditionSettings::Silence)),
    ("anomaly", |r| Some(ConditionSettings::Anomaly(unusual::anomaly(r)))),
    ("trigger", |r| unusual::trigger(r).map(ConditionSettings::Trigger)),
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
    watched: &[Watched],
    problems: &mut Problems,
) -> Option<Tested> {
    table.need("kind", "say what is tested, say kind = \"threshold\" or \"rate\"", problems);
    let kinds: [(&str, usize); KINDS.len()] = std::array::from_fn(|at| (KINDS[at].0, at));
    let kind = table.choice("kind", &kinds, problems)?;
    let (name, read) = KINDS[kind.value];
    let mut reader = Reader {
        table: &mut table,
        kind: kind.place,
        series,
        watched,
        problems,
        companions: Vec::new(),
    };
    let condition = read(&mut reader);
    let companions = reader.companions;
    table.finish(&format!("a condition of kind {name}"), problems);
    Some(Tested { condition: condition?, companions })
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
    holds_reports("window", &window, least, series, problems);
    Some(window)
}

/// What is shorter than so many report intervals has nothing to look at.
fn holds_reports(
    key: &str,
    span: &At<Duration>,
    least: u32,
    series: &[&Watched],
    problems: &mut Problems,
) {
    if let Some(interval) = longest(series).filter(|interval| span.value < least * *interval) {
        let every = match least {
            1 => format!("the report interval of {}", duration_text(interval)),
            _ => format!("{least} report intervals of {}", duration_text(interval)),
        };
        let what = format!("the {key} is shorter than {every}");
        let remedy = format!("look back at least {}", duration_text(least * interval));
        problems.add(&span.place, what, remedy);
    }
}

fn persistence(
    table: &mut Table,
    series: &[&Watched],
    problems: &mut Problems,
) -> Option<persistence::Settings> {
    persistence_from(table, "3 of 5", 3, series, problems)
}

/// Reads `raise`, `hold`, `clear-count` and `gap-max`. A gap is usually three report intervals (docs/formulas.md 2).
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
