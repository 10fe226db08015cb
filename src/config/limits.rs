//! Limits of conditions: numbers with units, meaning the same for every series of a rule.

use alerting::condition::Side;
use reading::unit::{Quantity, Unit};

use super::problem::Problems;
use super::stations::{self, Watched};
use super::table::Table;
use super::tree::At;
use super::value::{Fault, number_with_unit, shortened};

/// Without `clear-below`, a limit clears a tenth below where it raises (docs/formulas.md 2).
const HYSTERESIS: f64 = 0.1;

/// Where a condition begins and ceases, in base units.
pub struct Limits {
    /// From where it counts, and where that is written.
    pub raise_at: At<f64>,
    /// From where it ends.
    pub clear_below: f64,
}

/// What a limit is compared with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Per {
    /// The value.
    Itself,
    /// How fast the value changes.
    Time,
}

/// Reads `raise-at` and `clear-below`, which is `clear-above` where danger lies below.
pub fn limits(
    table: &mut Table,
    side: Side,
    per: Per,
    series: &[&Watched],
    problems: &mut Problems,
) -> Option<Limits> {
    let read = |table: &mut Table, key: &'static str, problems: &mut Problems| {
        table.read(key, |text| limit(text, per, series), problems)
    };
    limits_read_by(table, side, &format!("\"{}\"", example(per, series)), &read, problems)
}

/// How the number behind a key is read.
pub type ReadLimit<'r> = dyn Fn(&mut Table, &'static str, &mut Problems) -> Option<At<f64>> + 'r;

/// The same for limits of another kind; `example` is how one is written.
pub fn limits_read_by(
    table: &mut Table,
    side: Side,
    example: &str,
    read: &ReadLimit<'_>,
    problems: &mut Problems,
) -> Option<Limits> {
    let clear_key = if side == Side::Below { "clear-above" } else { "clear-below" };
    table.need(
        "raise-at",
        &format!("say from where it counts, say raise-at = {example}"),
        problems,
    );
    let raise_at = read(table, "raise-at", problems);
    let given = table.has(clear_key);
    let clear = read(table, clear_key, problems);
    let raise_at = raise_at?;
    if side == Side::Magnitude && raise_at.value <= 0.0 {
        problems.add(&raise_at.place, "a size is always at or above this", "write a limit above 0");
        return None;
    }
    let clear_below = match clear {
        Some(clear) => {
            check_clear(clear_key, &clear, side, raise_at.value, problems);
            clear.value
        }
        None if given => return None,
        None => usual_clear(clear_key, side, &raise_at, problems),
    };
    Some(Limits { raise_at, clear_below })
}

fn check_clear(key: &str, clear: &At<f64>, side: Side, raise_at: f64, problems: &mut Problems) {
    let (crossed, beyond, short) = match side {
        Side::Below => (clear.value < raise_at, "below", "over"),
        Side::Above | Side::Magnitude => (clear.value > raise_at, "above", "under"),
    };
    if crossed {
        let remedy = format!("set {key} at or {short} raise-at, or the alert will flap");
        problems.add(&clear.place, format!("{key} is {beyond} raise-at"), remedy);
    }
}

fn usual_clear(key: &str, side: Side, raise_at: &At<f64>, problems: &mut Problems) -> f64 {
    if raise_at.value == 0.0 {
        let remedy = format!("write {key} at a distance that noise does not bridge");
        problems.add(&raise_at.place, "a tenth of zero is no distance to clear at", remedy);
    }
    let distance = HYSTERESIS * raise_at.value.abs();
    match side {
        Side::Below => raise_at.value + distance,
        Side::Above | Side::Magnitude => raise_at.value - distance,
    }
}

fn example(per: Per, series: &[&Watched]) -> String {
    let base = series.first().map_or("mm", |one| one.name.quantity.base_unit().symbol());
    match per {
        Per::Itself => format!("3 {base}"),
        Per::Time => format!("0.1 {base}/h"),
    }
}

/// `90 mm` of a given quantity, `12 mm/h` as a rate of it, whatever the series is.
pub fn measure(text: &str, quantity: Quantity, per: Per) -> Result<f64, Fault> {
    let base = quantity.base_unit().symbol();
    let unit = if per == Per::Time { format!("{base}/h") } else { base.to_string() };
    let refused = || {
        let what = format!("`{}` does not measure {quantity}", shortened(text));
        Fault::new(what, format!("write a number with its unit, say \"3 {unit}\""))
    };
    let (number, unit) = number_with_unit(text).ok_or_else(refused)?;
    if !unit.is_empty() {
        known(unit, quantity, per)?;
    }
    base_value(quantity, number, unit, per).ok_or_else(refused)
}

/// `80 %`: 80.
pub fn percent(text: &str) -> Result<f64, Fault> {
    let refused = || {
        let what = format!("`{}` is not a percentage", shortened(text));
        Fault::new(what, "write a number with its sign, say \"80 %\"")
    };
    match number_with_unit(text).ok_or_else(refused)? {
        (number, "%") => Ok(number),
        _ => Err(refused()),
    }
}

/// `1/500`: 0.002.
pub fn ratio(text: &str) -> Result<f64, Fault> {
    let refused = || {
        let what = format!("`{}` is not a ratio", shortened(text));
        Fault::new(what, "write it as \"1/500\"")
    };
    let (one, of) = text.split_once('/').ok_or_else(refused)?;
    let part = |text: &str| text.trim().parse::<f64>().ok().filter(|n| n.is_finite() && *n > 0.0);
    let (one, of) = part(one).zip(part(of)).ok_or_else(refused)?;
    Ok(one / of)
}

/// `3 deg`, `0.1 deg/h`: in base units, a rate an hour. Every series must mean the same by it.
pub fn limit(text: &str, per: Per, series: &[&Watched]) -> Result<f64, Fault> {
    let example = example(per, series);
    let refused =
        |what: String| Fault::new(what, format!("write a number with its unit, say \"{example}\""));
    let (number, unit) = number_with_unit(text)
        .ok_or_else(|| refused(format!("`{}` is not a number with a unit", shortened(text))))?;
    if unit.is_empty() {
        return Err(refused(format!("`{}` has no unit", shortened(text))));
    }
    if let Some(one) = series.first() {
        known(unit, one.name.quantity, per)?;
    }
    if per == Per::Time && Unit::parse(unit).is_some() && !unit.contains('/') {
        return Err(refused(format!("`{}` is an amount, not a rate", shortened(text))));
    }
    let mut value = None;
    for one in series {
        let quantity = one.name.quantity;
        let converted = base_value(quantity, number, unit, per).ok_or_else(|| {
            refused(format!(
                "`{}` does not measure {}{quantity}",
                shortened(unit),
                if per == Per::Time { "a rate of " } else { "" }
            ))
        })?;
        if value.is_some_and(|value| value != converted) {
            let what = format!("{} and {quantity} cannot share a limit", series[0].name.quantity);
            return Err(Fault::new(what, "write a rule for each quantity"));
        }
        value = Some(converted);
    }
    Ok(value.unwrap_or(number))
}

/// Whether there is such a unit at all.
fn known(unit: &str, quantity: Quantity, per: Per) -> Result<(), Fault> {
    let amount = match per {
        Per::Itself => unit,
        Per::Time => unit.rsplit_once('/').map_or(unit, |(amount, _)| amount),
    };
    stations::unit_near(amount, quantity).map(drop)
}

fn base_value(quantity: Quantity, number: f64, unit: &str, per: Per) -> Option<f64> {
    let value = match per {
        Per::Itself => quantity.to_base(number, Unit::parse(unit)?).ok()?,
        Per::Time => quantity.rate_to_base(number, unit).ok()?,
    };
    value.is_finite().then_some(value)
}

/// A limit that the instrument can never show would never raise.
pub fn check_reach(limits: &Limits, side: Side, series: &[&Watched], problems: &mut Problems) {
    let raise_at = limits.raise_at.value;
    let reached = |(low, high): (f64, f64)| match side {
        Side::Above => high >= raise_at,
        Side::Below => low <= raise_at,
        Side::Magnitude => high >= raise_at || low <= -raise_at,
    };
    if let Some(one) = series.iter().find(|one| !reached(one.range)) {
        let what = format!("{} can never show this: it is outside its range", one.name);
        problems.add(
            &limits.raise_at.place,
            what,
            "correct the limit, its unit, or the range of the sensor",
        );
    }
}
