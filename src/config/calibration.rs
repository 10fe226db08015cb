//! `[[station.sensor.calibration]]`: how the raw numbers of an instrument become values, version by version.

use reading::calibration::{Calibration, Compensation, Curve};
use reading::id::{SeriesName, SiteId};
use reading::unit::Quantity;
use reading::{Timestamp, Unit};

use super::problem::Problems;
use super::stations::amount;
use super::table::{Table, as_number};
use super::tree::{At, Value};
use super::value::{Fault, shortened};

/// Reads every version of a sensor that measures one quantity.
pub fn read(
    table: &mut Table,
    quantity: Quantity,
    unit: Unit,
    site: Option<&SiteId>,
    problems: &mut Problems,
) -> Vec<Calibration> {
    let mut versions = Vec::new();
    let mut before: Option<Timestamp> = None;
    for mut table in table.tables("calibration", problems) {
        let from = table.read("from", moment, problems);
        let place = from.as_ref().map_or_else(|| table.place.clone(), |from| from.place.clone());
        let from = from.map_or(Timestamp::MIN, |from| from.value);
        if before.is_some_and(|before| from <= before) {
            let remedy = "write versions in the order of time, each `from` its own moment";
            problems.add(&place, "this calibration is not later than the one before", remedy);
        }
        before = Some(from);
        let curve = curve(&mut table, quantity, unit, problems);
        let offset = table.text("offset", problems);
        let offset = offset.and_then(|text| amount(quantity, &as_value(text), problems));
        let compensations: Vec<_> = table
            .tables("compensate", problems)
            .into_iter()
            .filter_map(|table| compensation(table, site, problems))
            .collect();
        table.finish("a [[station.sensor.calibration]]", problems);
        if let Some(curve) = curve {
            let offset = offset.unwrap_or_default();
            versions.push(Calibration { from, curve, offset, compensations });
        }
    }
    versions
}

fn as_value(text: At<String>) -> At<Value> {
    At { value: Value::Text(text.value), place: text.place }
}

fn moment(text: &str) -> Result<Timestamp, Fault> {
    Timestamp::parse(text).map_err(|_| {
        let what = format!("`{}` is not a moment", shortened(text));
        Fault::new(what, "write it with its offset, say \"2026-03-01T00:00:00+09:00\"")
    })
}

fn curve(
    table: &mut Table,
    quantity: Quantity,
    unit: Unit,
    problems: &mut Problems,
) -> Option<Curve> {
    let place = table.place.clone();
    let polynomial = numbers(table, "polynomial", problems);
    let thermistor = numbers(table, "steinhart-hart", problems);
    let points = table.list("table", problems).and_then(|list| pairs(&list, problems));
    let remedy = "write one of polynomial = [c0, c1, …], table = [[raw, value], …], steinhart-hart = [a, b, c]";
    match (polynomial, thermistor, points) {
        (Some(terms), None, None) if !terms.is_empty() => Some(Curve::Polynomial(terms)),
        (None, Some(terms), None) => match (<[f64; 3]>::try_from(terms), unit) {
            (Ok(terms), Unit::Celsius) if quantity == Quantity::Temperature => {
                Some(Curve::SteinhartHart(terms))
            }
            _ => {
                let remedy = "write three coefficients, for a temperature in Cel";
                problems.add(&place, "`steinhart-hart` is not that of a thermistor", remedy);
                None
            }
        },
        (None, None, Some(points)) => Some(Curve::Table(points)),
        _ => {
            problems.add(&place, "the calibration has no curve, or several", remedy);
            None
        }
    }
}

fn numbers(table: &mut Table, key: &'static str, problems: &mut Problems) -> Option<Vec<f64>> {
    let list = table.list(key, problems)?;
    let numbers: Option<Vec<f64>> = list.value.iter().map(|at| as_number(&at.value)).collect();
    if numbers.is_none() {
        problems.add(&list.place, format!("`{key}` holds no finite numbers"), "write them bare");
    }
    numbers
}

fn pairs(list: &At<Vec<At<Value>>>, problems: &mut Problems) -> Option<Vec<(f64, f64)>> {
    let pair = |at: &At<Value>| match &at.value {
        Value::List(items) => match items.as_slice() {
            [raw, value] => Some((as_number(&raw.value)?, as_number(&value.value)?)),
            _ => None,
        },
        _ => None,
    };
    let points: Option<Vec<_>> = list.value.iter().map(pair).collect();
    let points = points
        .filter(|points| points.len() >= 2 && points.windows(2).all(|two| two[0].0 < two[1].0));
    if points.is_none() {
        let remedy = "write at least two pairs by rising raw number: [[0, 0.0], [4095, 50.0]]";
        problems.add(&list.place, "`table` is not one", remedy);
    }
    points
}

fn compensation(
    mut table: Table,
    site: Option<&SiteId>,
    problems: &mut Problems,
) -> Option<Compensation> {
    table.need("series", "say what compensates it, as station/sensor/quantity", problems);
    table.need("factor", "say what one unit of it does", problems);
    table.need("reference", "say where it does nothing, say \"20 Cel\"", problems);
    let named = table.read("series", |text| series(text, site), problems);
    let factor = table.number("factor", problems);
    let reference = table.text("reference", problems);
    table.finish("a [[station.sensor.calibration.compensate]]", problems);
    let named = named?;
    let reference = amount(named.value.quantity, &as_value(reference?), problems)?;
    Some(Compensation { series: named.value, factor: factor?.value, reference })
}

fn series(text: &str, site: Option<&SiteId>) -> Result<SeriesName, Fault> {
    let whole = site.map(|site| format!("{site}/{text}")).unwrap_or_default();
    whole.parse().map_err(|_| {
        let what = format!("`{}` is not a series of this site", shortened(text));
        Fault::new(what, "write station/sensor/quantity, say \"box-1/baro-1/barometric-pressure\"")
    })
}
