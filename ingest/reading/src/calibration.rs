//! From what an instrument sends to what it measures: a curve, an offset, and what other series do to it.
//!
//! Calibrations are versions: each holds from a moment on, so that a re-zero changes nothing of the past. A value is
//! calibrated by the version in force when it was measured.

use alloc::vec::Vec;

use libm::log;
use serde::{Deserialize, Serialize};

use crate::id::SeriesName;
use crate::time::Timestamp;

/// One version of how raw numbers become values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// From when on it holds, by the time of measurement.
    pub from: Timestamp,
    /// From the raw number to a value in the unit of the series.
    pub curve: Curve,
    /// What is added then, in the base unit: the zero of the instrument, its place.
    pub offset: f64,
    /// What other series do to it.
    pub compensations: Vec<Compensation>,
}

/// From a raw number to a value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Curve {
    /// Coefficients of powers of the raw number, from the constant on.
    Polynomial(Vec<f64>),
    /// Pairs of raw number and value by rising raw number, straight lines between them and beyond the ends.
    Table(Vec<(f64, f64)>),
    /// Degrees Celsius of a thermistor's resistance in ohm: 1 / (a + b·ln R + c·(ln R)³) − 273.15 (Steinhart and Hart).
    SteinhartHart([f64; 3]),
}

/// Adds `factor · (other − reference)`, all in base units.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Compensation {
    /// The other series: a temperature, an air pressure.
    pub series: SeriesName,
    /// How much one unit of it does.
    pub factor: f64,
    /// Where it does nothing.
    pub reference: f64,
}

/// The version in force at a moment, of versions by rising `from`. Before the first there is none.
pub fn in_force(versions: &[Calibration], at: Timestamp) -> Option<&Calibration> {
    versions.iter().rev().find(|version| version.from <= at)
}

impl Curve {
    /// The value of a raw number, in the unit of the series. May be no finite number.
    pub fn value(&self, raw: f64) -> f64 {
        match self {
            Self::Polynomial(terms) => {
                terms.iter().rev().fold(0.0, |value, term| value * raw + term)
            }
            Self::Table(points) => between(points, raw),
            Self::SteinhartHart([a, b, c]) => {
                let ln = log(raw);
                1.0 / (a + b * ln + c * ln * ln * ln) - 273.15
            }
        }
    }
}

fn between(points: &[(f64, f64)], raw: f64) -> f64 {
    let after = points.partition_point(|(at, _)| *at <= raw).clamp(1, points.len().max(2) - 1);
    match (points.get(after - 1), points.get(after)) {
        (Some((x0, y0)), Some((x1, y1))) => y0 + (raw - x0) * (y1 - y0) / (x1 - x0),
        _ => f64::NAN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn curves_are_as_their_formulas_say() {
        let thermistor = Curve::SteinhartHart([1.4051e-3, 2.369e-4, 1.019e-7]);
        for (curve, raw, expected) in [
            // docs/formulas.md 10: soil moisture, tensiometer, barometer, thermistor (without its offset of 0.3)
            (Curve::Polynomial(vec![-0.4, 2.975]), 0.213, 0.233_675),
            (Curve::Polynomial(vec![100.0, -0.1]), 977.0, 2.3),
            (Curve::Polynomial(vec![500.0, 0.240]), 2056.0, 993.44),
            (thermistor, 5781.0, 10.663_539),
            (Curve::Table(vec![(0.0, 0.0), (10.0, 5.0), (20.0, 25.0)]), 10.0, 5.0),
            (Curve::Table(vec![(0.0, 0.0), (10.0, 5.0), (20.0, 25.0)]), 15.0, 15.0),
            (Curve::Table(vec![(0.0, 0.0), (10.0, 5.0), (20.0, 25.0)]), 22.0, 29.0),
            (Curve::Table(vec![(0.0, 0.0), (10.0, 5.0), (20.0, 25.0)]), -2.0, -1.0),
        ] {
            assert!(
                (curve.value(raw) - expected).abs() < 5e-7,
                "{curve:?} {raw}: {}",
                curve.value(raw)
            );
        }
        assert!(Curve::SteinhartHart([1e-3, 1e-4, 1e-7]).value(-1.0).is_nan());
        assert!(Curve::Table(vec![]).value(1.0).is_nan());
    }

    #[test]
    fn a_re_zero_changes_nothing_of_the_past() {
        let version = |secs: i64, offset: f64| Calibration {
            from: Timestamp::from_secs(secs),
            curve: Curve::Polynomial(vec![0.0, 1.0]),
            offset,
            compensations: vec![],
        };
        let versions = [version(100, 1.0), version(200, 2.0)];
        let offset = |secs| in_force(&versions, Timestamp::from_secs(secs)).map(|v| v.offset);
        assert_eq!([99, 100, 199, 200].map(offset), [None, Some(1.0), Some(1.0), Some(2.0)]);
    }
}
