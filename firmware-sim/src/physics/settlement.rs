//! Ground that settles under a load: one-dimensional consolidation.

use serde::Deserialize;

/// A clay layer under a load that was put on at the start of the scenario.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Consolidation {
    /// Settlement in the end, millimetres.
    pub final_mm: f64,
    /// Coefficient of consolidation c_v, square metres a year.
    pub cv_m2_per_year: f64,
    /// The longest way the water has to go, metres.
    pub drainage_m: f64,
    /// When the load comes, hours after the start.
    #[serde(default)]
    pub loaded_h: f64,
}

impl Consolidation {
    /// Settlement so many hours after the start, millimetres.
    pub fn settled_mm(&self, hours: f64) -> f64 {
        let years = (hours - self.loaded_h).max(0.0) / 8_766.0;
        self.final_mm * degree(self.cv_m2_per_year * years / (self.drainage_m * self.drainage_m))
    }
}

/// Degree of consolidation at a time factor: Terzaghi 1943, `2 √(T/π)` early on and the first term of the series
/// after it.
fn degree(time_factor: f64) -> f64 {
    let pi = core::f64::consts::PI;
    if time_factor < 0.2 {
        2.0 * libm::sqrt(time_factor / pi)
    } else {
        1.0 - 8.0 / (pi * pi) * libm::exp(-pi * pi * time_factor / 4.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn consolidation_follows_the_customary_table() {
        // time factor, degree in per cent: Terzaghi's table
        for (factor, percent) in
            [(0.0, 0.0), (0.008, 10.0), (0.197, 50.0), (0.287, 60.0), (0.848, 90.0)]
        {
            assert!((degree(factor) * 100.0 - percent).abs() < 0.15, "T = {factor}");
        }
        let fill =
            Consolidation { final_mm: 80.0, cv_m2_per_year: 2.0, drainage_m: 2.0, loaded_h: 10.0 };
        assert_eq!(fill.settled_mm(5.0), 0.0);
        // T = 0.197 after 0.394 years
        assert!((fill.settled_mm(10.0 + 0.394 * 8_766.0) - 40.0).abs() < 0.2);
    }
}
