//! Conditions on structures, on what is usual, and on instruments beside each other.

use std::time::Duration;

use alerting::condition::natural_frequency::{self, BLOCK_MAX, Welch};
use alerting::condition::neighbours::{self, WITHIN_MAX};
use alerting::condition::vibration::{self, Table as Limits};
use alerting::condition::wall_movement::{self, Class};
use alerting::condition::{
    Side, anchor_load, angular_distortion, baseline, compensated, compensation, crack_growth,
    cusum, disagreement, page_hinkley,
};
use reading::id::SeriesName;
use reading::unit::Quantity;

use super::super::companions;
use super::super::limits::{Per, percent};
use super::super::pattern::pattern;
use super::super::value::{Fault, shortened};
use super::reader::{In, Reader, Usual};
use super::{DAY, SECOND, SIDES, longest};

const HOUR: Duration = Duration::from_secs(3_600);

/// Tables of vibration by name; docs/formulas.md 8.1 has their sources.
const TABLES: [(&str, Limits); 12] = [
    ("din-4150-3-industrial", Limits::Din4150Industrial),
    ("din-4150-3-dwelling", Limits::Din4150Dwelling),
    ("din-4150-3-sensitive", Limits::Din4150Sensitive),
    ("korea-class-1", Limits::KoreaClass1),
    ("korea-class-2", Limits::KoreaClass2),
    ("korea-class-3", Limits::KoreaClass3),
    ("korea-class-4", Limits::KoreaClass4),
    ("korea-road-heritage", Limits::KoreaRoadHeritage),
    ("korea-road-house", Limits::KoreaRoadHouse),
    ("korea-road-commercial", Limits::KoreaRoadCommercial),
    ("usbm-drywall", Limits::UsbmDrywall),
    ("usbm-plaster", Limits::UsbmPlaster),
];

const CLASSES: [(&str, Class); 3] =
    [("caution", Class::Caution), ("special", Class::Special), ("urgent", Class::Urgent)];

/// The keys of a thermometer: `temperature`, `lag`, `forgetting`, `warm-up`, `freeze-rate`.
fn compensation(reader: &mut Reader<'_>) -> Option<compensation::Settings> {
    if !reader.companion("temperature", Quantity::Temperature) {
        return None;
    }
    let lag = reader.table.duration("lag", SECOND..=DAY, reader.problems).map(|lag| lag.value);
    let forgetting = reader.number("forgetting", 1.0, 0.9..=1.0);
    let warm_up = reader.duration("warm-up", 3 * DAY, HOUR..=400 * DAY);
    let freeze_rate = reader.rate_of("freeze-rate", Per::Time).map(|rate| rate.value);
    let stale_after = 3 * longest(reader.series).unwrap_or(HOUR).max(HOUR / 3);
    Some(compensation::Settings { lag, forgetting, freeze_rate, warm_up, stale_after })
}

/// A reading without its temperature, or its rate where there is a `window`.
pub fn compensated(reader: &mut Reader<'_>) -> Option<compensated::Settings> {
    reader.need("temperature", "name its thermometer, say temperature = \"therm-1/temperature\"");
    let compensation = compensation(reader);
    let test = if reader.table.has("window") {
        super::motion::rate(reader).map(compensated::Test::Rate)
    } else {
        let side = reader.choice("side", &SIDES, Side::Magnitude);
        reader.limit(side, In::Series, Usual::THREE).map(compensated::Test::Value)
    };
    Some(compensated::Settings { compensation: compensation?, test: test? })
}

/// Far from what is usual.
pub fn baseline(reader: &mut Reader<'_>) -> Option<baseline::Settings> {
    let sigma_min = reader.rate_of("sigma-min", Per::Itself).map_or(0.0, |sigma| sigma.value);
    let weight = reader.number("weight", 0.01, 1e-6..=1.0);
    let warm_up = reader.integer("warm-up-readings", 144, 10..=100_000) as u32;
    let moving = reader.table.flag("follows", reader.problems).is_some_and(|flag| flag.value);
    let side = reader.choice("side", &SIDES, Side::Magnitude);
    let limit = reader.limit(side, In::Number("5.0"), Usual::THREE)?;
    Some(baseline::Settings { weight, warm_up, sigma_min, reference: !moving, limit })
}

/// A drift from a mean.
pub fn cusum(reader: &mut Reader<'_>) -> Option<cusum::Settings> {
    let sigma_min = reader.rate_of("sigma-min", Per::Itself).map_or(0.0, |sigma| sigma.value);
    let warm_up = reader.integer("warm-up-readings", 144, 10..=100_000) as u32;
    let slack = reader.number("slack", 0.5, 0.0..=10.0);
    let limit = reader.positive_limit(In::Number("5.0"), Usual::ONE)?;
    Some(cusum::Settings { usual: None, warm_up, sigma_min, slack, limit })
}

/// A mean that shifts.
pub fn page_hinkley(reader: &mut Reader<'_>) -> Option<page_hinkley::Settings> {
    reader.need("slack", "say what is let pass at each reading, say slack = \"0.05 mm\"");
    let slack = reader.rate_of("slack", Per::Itself);
    let memory = reader.integer("memory", 10_000, 10..=10_000_000) as u32;
    let side = reader.choice("side", &SIDES, Side::Magnitude);
    let limit = reader.positive_limit(In::Series, Usual::ONE)?;
    let limit = alerting::condition::limit::Limit { side, ..limit };
    Some(page_hinkley::Settings { slack: slack?.value, memory, limit })
}

/// Growth or width of a crack.
pub fn crack_growth(reader: &mut Reader<'_>) -> Option<crack_growth::Settings> {
    let window = reader.span_or("window", 7 * DAY, crack_growth::MEDIANS_MIN, 3 * DAY..=60 * DAY);
    let width = reader.size_of("width");
    let compensation = compensation(reader);
    let limit = reader.limit(Side::Above, In::SeriesRate, Usual::ONE)?;
    Some(crack_growth::Settings { window, width, compensation, limit })
}

/// Movement of a wall by class.
pub fn wall_movement(reader: &mut Reader<'_>) -> Option<wall_movement::Settings> {
    use Quantity as Q;
    let tilts = [Q::Tilt, Q::TiltX, Q::TiltY];
    let moving = [Q::Tilt, Q::TiltX, Q::TiltY, Q::Displacement];
    reader.only(&moving, "is no movement of a wall");
    reader.need("class", "say from which class on: class = \"caution\", \"special\" or \"urgent\"");
    let class = reader.table.choice("class", &CLASSES, reader.problems);
    let tilt = reader.series.iter().any(|one| tilts.contains(&one.name.quantity));
    if tilt {
        reader.need("height", "say how high the wall is, say height = \"5 m\"");
    }
    let height = reader.size("height", Q::Displacement).filter(|_| tilt);
    let persistence = reader.persistence(Usual::ONE)?;
    Some(wall_movement::Settings { height, class: class?.value, persistence })
}

/// Two points that settle differently.
pub fn angular_distortion(reader: &mut Reader<'_>) -> Option<angular_distortion::Settings> {
    reader.only(&[Quantity::Settlement], "is no settlement");
    reader.need("other", "name the other point, say other = \"pin-2/settlement\"");
    reader.companion("other", Quantity::Settlement);
    reader.need("distance", "say how far the points are apart, say distance = \"6 m\"");
    let distance = reader.size("distance", Quantity::Settlement);
    let baseline = reader.measure("baseline", Quantity::Settlement).map(|at| at.value);
    let stale_after = 3 * longest(reader.series).unwrap_or(HOUR);
    let limit = reader.positive_limit(In::Ratio, Usual::THREE)?;
    Some(angular_distortion::Settings { distance: distance?, baseline, stale_after, limit })
}

/// An anchor in both directions.
pub fn anchor_load(reader: &mut Reader<'_>) -> Option<anchor_load::Settings> {
    reader.only(&[Quantity::Force], "is no force");
    reader.need("design", "say the design load, say design = \"400 kN\"");
    let design = reader.size("design", Quantity::Force);
    let lock_off = reader.size("lock-off", Quantity::Force);
    let slack_at = reader.table.read("slack-at", percent, reader.problems);
    let slack = lock_off.map(|lock_off| (lock_off, slack_at.map_or(80.0, |at| at.value)));
    let limit = reader.positive_limit(In::Percent, Usual::THREE)?;
    Some(anchor_load::Settings { design: design?, slack, limit })
}

/// An instrument apart from the others.
pub fn disagreement(reader: &mut Reader<'_>) -> Option<disagreement::Settings> {
    reader.need("others", "name at least two others, say others = [\"post-*/gauge-1/rain\"]");
    let (table, problems) = (&mut *reader.table, &mut *reader.problems);
    let others = companions::others(table, "others", reader.series, reader.watched, problems);
    if let Some(others) = others {
        if others.value.iter().any(|others| others.len() < 2) {
            let remedy = "name more, or leave the rule out";
            reader.problems.add(&others.place, "two have no majority: a vote needs three", remedy);
        }
        reader.companions = others.value;
    }
    reader.need("apart", "say how far apart nobody wonders, say apart = \"1 mm\"");
    let apart = reader.size_of("apart");
    let share = reader.number("share", 0.1, 0.0..=10.0);
    let sum_over = reader.span("sum-over", 2, SECOND..=31 * DAY);
    let stale_after = 3 * longest(reader.series).unwrap_or(HOUR);
    let persistence = reader.persistence(Usual { raise: "3 of 3", clear: 3 })?;
    Some(disagreement::Settings { apart: apart?, share, sum_over, stale_after, persistence })
}

/// A peak against its table.
pub fn vibration(reader: &mut Reader<'_>) -> Option<vibration::Settings> {
    reader.only(&[Quantity::VibrationVelocity], "is no particle velocity");
    reader.need("table", "say which limits: table = \"korea-class-3\", \"din-4150-3-dwelling\", …");
    let table = reader.table.choice("table", &TABLES, reader.problems);
    reader.companion("frequency", Quantity::Frequency);
    let limit = reader.positive_limit(In::Percent, Usual::ONE)?;
    Some(vibration::Settings { table: table?.value, limit })
}

/// A natural frequency that falls.
pub fn natural_frequency(reader: &mut Reader<'_>) -> Option<natural_frequency::Settings> {
    use Quantity as Q;
    reader.only(&[Q::Frequency, Q::Acceleration, Q::VibrationVelocity], "does not swing");
    reader.need("reference", "say the frequency as it was, say reference = \"3.2 Hz\"");
    let place = reader.table.place_of("reference").unwrap_or_else(|| reader.kind.clone());
    let reference = reader.size("reference", Q::Frequency);
    let within = reader.number("within", 0.15, 0.01..=0.5);
    let welch = welch(reader);
    let fastest = welch.as_ref().map_or(f64::MAX, |welch| welch.rate / 2.0);
    if reference.is_some_and(|reference| reference >= fastest) {
        let what = format!("as often as it is sampled, it shows nothing from {fastest} Hz on");
        let remedy = "say how often it is sampled: sampled-every = \"10 ms\"";
        reader.problems.add(&place, what, remedy);
    }
    let compensation = compensation(reader);
    let limit = reader.positive_limit(In::Percent, Usual::THREE)?;
    Some(natural_frequency::Settings { welch, reference: reference?, within, compensation, limit })
}

/// How samples become frequencies, where the series is one of samples.
fn welch(reader: &mut Reader<'_>) -> Option<Welch> {
    let samples = reader.series.iter().any(|one| one.name.quantity != Quantity::Frequency);
    if !samples {
        return None;
    }
    let block = reader.integer("block", 4_096, 64..=i64::from(BLOCK_MAX)) as u16;
    let averages = reader.integer("averages", 20, 1..=10_000) as u16;
    let rate = 1.0 / reader.sampled_every().as_secs_f64();
    let block = if block.is_power_of_two() { block } else { block.next_power_of_two() };
    Some(Welch { rate, block, averages })
}

/// A rate that neighbours bear out: `chain` names the nodes in their order, the rule's series among them.
pub fn neighbours(reader: &mut Reader<'_>) -> Option<neighbours::Settings> {
    reader.need(
        "chain",
        "name the nodes in their order, say chain = [\"node-1/tilt-x\", \"node-2/tilt-x\"]",
    );
    let within = reader.integer("within", 2, 1..=i64::from(WITHIN_MAX)) as usize;
    let (series, watched) = (reader.series, reader.watched);
    let site = series.first().map(|one| &one.name.site);
    let find = |text: &str| -> Result<SeriesName, Fault> {
        let wanted = pattern(text, site)?;
        let hit = watched.iter().find(|one| wanted.matches(one));
        hit.map(|one| one.name.clone()).ok_or_else(|| {
            Fault::new(format!("no series is called `{}`", shortened(text)), wanted.advice(watched))
        })
    };
    let chain = reader.table.reads("chain", find, reader.problems);
    let rate = super::motion::rate(reader);
    let chain = chain?;
    let nodes: Vec<&SeriesName> = chain.value.iter().map(|node| &node.value).collect();
    for one in series {
        match nodes.iter().position(|node| **node == one.name) {
            Some(at) => reader.companions.push(around(&nodes, at, within)),
            None => {
                let what = format!("{} is not in the chain", one.name);
                reader.problems.add(&chain.place, what, "name every series of the rule in it");
            }
        }
    }
    Some(neighbours::Settings { rate: rate? })
}

/// Nodes −1, +1, −2, +2 … positions away; at an end the other side stands in.
fn around(nodes: &[&SeriesName], at: usize, within: usize) -> Vec<SeriesName> {
    let mut around = Vec::new();
    for away in 1..=within {
        let below = at.checked_sub(away).map(|at| nodes[at]);
        let above = nodes.get(at + away).copied();
        let pair = [below.or(above), above.or(below)];
        around.extend(pair.into_iter().flatten().cloned());
    }
    around
}
